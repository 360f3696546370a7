//! What the program is asked and what it answers.
//!
//! Each line of standard input is a [`Request`] as JSON. Standard output is a sequence of frames: a byte that says what it is, the
//! length of the rest as four bytes (little end first), the rest. `J` is a [`Reply`] as JSON, `D` are bytes of the answer. An answer
//! is any number of `D` frames and one `J` frame. The bytes of a [`Request::Part`] follow its line.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

/// Number of this protocol; parent and engine must have the same. It changes with the tables of runs too: the engine reads these itself.
pub(crate) const PROTOCOL: u32 = 3;

/// Bytes of a data frame, at most.
const FRAME_BYTES_MAX: usize = 64 << 10;

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Request {
    /// First, once: what may be read, and the limits.
    Open(Open),
    /// A query.
    Query(Query),
    /// Tables, columns and functions.
    Catalog,
    /// Ends the query that runs.
    Cancel,
    /// Names and lengths of the objects of the bucket below a prefix.
    List {
        /// Whole names of folders; empty for all.
        prefix: String,
    },
    /// The bytes of objects, one behind the other.
    Get {
        /// Their names in the bucket.
        paths: Vec<String>,
    },
    /// Begins an object; its bytes come in parts.
    Put {
        /// Its name in the bucket.
        path: String,
        /// Its length.
        bytes: u64,
    },
    /// A part of the object that was begun. Each but the last has the same length, of 5 MiB at least.
    Part {
        /// Length of what follows this line.
        bytes: u64,
        /// What follows it.
        #[serde(skip)]
        data: Vec<u8>,
    },
}

/// Runs and limits.
#[derive(Debug, Deserialize)]
pub(crate) struct Open {
    /// Number of the parent's protocol.
    pub(crate) protocol: u32,
    /// Runs, in the order of their rows.
    pub(crate) runs: Vec<RunSpec>,
    /// Memory of one query in bytes.
    pub(crate) memory_bytes: usize,
    /// Threads; 0 for one per core.
    #[serde(default)]
    pub(crate) threads: usize,
    /// What may be reached over the network; without it the kernel refuses connections.
    #[serde(default)]
    pub(crate) bucket: Option<BucketSpec>,
}

/// A bucket of an object store.
#[derive(Clone, Deserialize)]
pub(crate) struct BucketSpec {
    /// Its name.
    pub(crate) name: String,
    /// Variables `AWS_*`: endpoint, region, keys.
    pub(crate) options: BTreeMap<String, String>,
}

/// Without the options: keys are among them.
impl std::fmt::Debug for BucketSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}", self.name)
    }
}

/// A run.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RunSpec {
    /// What the column `run` says.
    pub(crate) run: String,
    /// Id of the run.
    pub(crate) id: String,
    /// URL of the folder with the tables; it ends with `/`.
    pub(crate) tables: String,
    /// Tables that are there.
    pub(crate) present: Vec<String>,
    /// Name that its user gave it.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Host.
    #[serde(default)]
    pub(crate) host: String,
    /// Command, as typed.
    #[serde(default)]
    pub(crate) command: String,
    /// First time in nanoseconds.
    #[serde(default)]
    pub(crate) start_ns: i64,
    /// Last time in nanoseconds.
    #[serde(default)]
    pub(crate) end_ns: Option<i64>,
    /// `complete`, `incomplete`, `recording`.
    #[serde(default)]
    pub(crate) state: String,
    /// What the times mean: `epoch`, `time-of-day`, `relative`, `none`.
    #[serde(default)]
    pub(crate) clock: String,
}

/// A query.
#[derive(Debug, Deserialize)]
pub(crate) struct Query {
    /// The statement.
    pub(crate) sql: String,
    /// Values of `$name`; text that looks like a number is one.
    #[serde(default)]
    pub(crate) params: BTreeMap<String, String>,
    /// Time in milliseconds; 0 for no limit.
    #[serde(default)]
    pub(crate) timeout_ms: u64,
    /// How the answer is written.
    #[serde(default)]
    pub(crate) form: Form,
}

/// How the answer is written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// Arrow IPC stream of few types: booleans, 64-bit numbers, text, lists of them.
    #[default]
    Rows,
    /// Arrow IPC file with the types of the query.
    Arrow,
    /// Parquet.
    Parquet,
}

/// What is answered.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Reply {
    /// To [`Request::Open`].
    Ready {
        /// Number of this engine's protocol.
        protocol: u32,
        /// Version of this engine.
        version: &'static str,
        /// Whether the kernel keeps this process to its folders.
        confined: bool,
    },
    /// The answer is whole.
    Done {
        /// Its rows.
        rows: u64,
        /// What is to be said beside them.
        notes: Vec<String>,
    },
    /// To [`Request::List`].
    Listed {
        /// What is there.
        objects: Vec<Object>,
    },
    /// To [`Request::Get`], behind the bytes.
    Sent {
        /// Lengths of the objects.
        lens: Vec<u64>,
    },
    /// To [`Request::Put`] and [`Request::Part`]; to the last part, once the object is there.
    Taken,
    /// To [`Request::Catalog`].
    Catalog(crate::catalog::Catalog),
    /// It failed.
    Error(Problem),
}

/// An object of a bucket.
#[derive(Debug, Serialize)]
pub(crate) struct Object {
    /// Its name in the bucket.
    pub(crate) path: String,
    /// Its length.
    pub(crate) bytes: u64,
}

/// Why something failed, and where.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub(crate) struct Problem {
    /// What and why.
    pub(crate) message: String,
    /// Place in the statement, when it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) span: Option<Span>,
    /// What to do, when something is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// Whether a limit was met (memory, time, cancelled), and which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<&'static str>,
}

/// A place in the statement; lines and columns count from 1, columns in letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Span {
    /// Line.
    pub(crate) line: u64,
    /// First column.
    pub(crate) column: u64,
    /// Line of the end.
    pub(crate) end_line: u64,
    /// Column behind the last.
    pub(crate) end_column: u64,
}

impl Problem {
    /// A problem with a hint.
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: Some(hint.into()),
            ..Self::default()
        }
    }
}

/// Writes frames.
#[derive(Debug)]
pub(crate) struct Frames<W: Write>(pub(crate) W);

impl<W: Write> Frames<W> {
    /// Writes a reply.
    pub(crate) fn reply(&mut self, reply: &Reply) -> io::Result<()> {
        let bytes = serde_json::to_vec(reply).map_err(io::Error::other)?;
        self.frame(b'J', &bytes)?;
        self.0.flush()
    }

    fn frame(&mut self, kind: u8, bytes: &[u8]) -> io::Result<()> {
        let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.0.write_all(&[kind])?;
        self.0.write_all(&len.to_le_bytes())?;
        self.0.write_all(bytes)
    }
}

/// Data of an answer.
impl<W: Write> Write for Frames<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = bytes.get(..FRAME_BYTES_MAX).unwrap_or(bytes);
        if !part.is_empty() {
            self.frame(b'D', part)?;
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
