//! `run.json`: what a run is, what is missing from it, and its seal.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use unspool_model::event::ClockKind;

use crate::error::{Result, StoreError};
use crate::files;
use crate::frames::{Loss, Totals};

/// Format of the run folder that this version writes and reads.
pub const FORMAT_VERSION: u32 = 3;

/// The manifest's file in the folder of a run.
pub(crate) const FILE_NAME: &str = "run.json";

/// Longest manifest that is read.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;

const CHECKSUM: &str = "checksum";

/// What a run is. Members that this version does not know are kept when it is written again.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Format of the folder: [`FORMAT_VERSION`].
    pub format: u32,
    /// Id: sorts by time, `20261121-042731-7f3a`. The caller makes it.
    pub id: String,
    /// Name that the user gave.
    pub name: Option<String>,
    /// Tags that the user gave, sorted.
    pub tags: Vec<String>,
    /// Command with its arguments, scrubbed and escaped by the caller.
    pub command: Vec<String>,
    /// How the command ended.
    pub exit: Option<Exit>,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// User name.
    pub user: String,
    /// Working directory of the command.
    pub cwd: String,
    /// First time of the run in nanoseconds of its clock.
    pub start_ns: i64,
    /// Last time.
    pub end_ns: Option<i64>,
    /// What the times mean: see [`clock_name`].
    pub clock: String,
    /// What recorded it.
    pub recorder: RecorderInfo,
    /// Files that were imported.
    pub sources: Vec<Source>,
    /// Conservation: `seen == recorded + folded + lost`.
    pub counts: RecordedCounts,
    /// What is known to be missing.
    pub losses: Vec<Loss>,
    /// How many diagnostics of each reason the decoder gave.
    pub diagnostics: BTreeMap<String, u64>,
    /// Architectures that calls were made by: `x86_64`, `i386`; empty in runs of older versions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// Redaction policy: `default`, `none`, ...
    pub redact: String,
    /// What is kept of the raw bytes.
    pub raw: RawKept,
    /// State as the last writer left it.
    pub state: State,
    /// Why the recording stopped before its end: `disk full`.
    pub stopped: Option<String>,
    /// Closed from what a dead recorder left.
    pub recovered: bool,
    /// Totals of the frames when the run was closed; a run without is never complete.
    pub seal: Option<Seal>,
    /// The tables, by name.
    pub tables: BTreeMap<String, TableInfo>,
    /// Members of other versions.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How a command ended: one of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Exit {
    /// Exit status.
    pub code: Option<u8>,
    /// Signal that killed it.
    pub signal: Option<u32>,
}

/// What recorded a run.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RecorderInfo {
    /// `ptrace`, `strace`, `ltrace`, `import`.
    pub name: String,
    /// Version of unspool.
    pub version: String,
    /// Options that it was started with.
    pub options: Vec<String>,
}

/// A file that was imported.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Path as given.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Format that was recognised.
    pub format: String,
}

/// Events seen, and what became of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordedCounts {
    /// Events that the recorder saw.
    pub seen: u64,
    /// Written one by one.
    pub recorded: u64,
    /// Counted in folded records.
    pub folded: u64,
    /// Known to be missing.
    pub lost: u64,
}

impl From<unspool_model::event::Counts> for RecordedCounts {
    fn from(counts: unspool_model::event::Counts) -> Self {
        Self {
            seen: counts.seen,
            recorded: counts.recorded,
            folded: counts.folded,
            lost: counts.lost,
        }
    }
}

/// What is kept of the raw bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawKept {
    /// There were none: an import that reads its source where it is.
    #[default]
    None,
    /// As they came.
    Plain,
    /// Compressed, without loss.
    Compressed,
    /// Removed, once the tables were written and checked.
    Removed,
}

/// State of a run as its last writer left it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Begun and not closed.
    #[default]
    Recording,
    /// Closed, nothing stopped it.
    Complete,
    /// Closed, but it had stopped early or was recovered.
    Incomplete,
}

/// Written when a run is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Seal {
    /// Totals of the frames.
    #[serde(flatten)]
    pub frames: Totals,
    /// Segments.
    pub segments: u32,
    /// Events in the tables.
    pub events: u64,
}

/// One table file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TableInfo {
    /// Rows.
    pub rows: u64,
    /// Length of the file.
    pub bytes: u64,
    /// CRC32C of the file.
    pub crc32c: u32,
}

/// Name of a clock kind in the manifest.
pub fn clock_name(clock: ClockKind) -> &'static str {
    match clock {
        ClockKind::Epoch => "epoch",
        ClockKind::TimeOfDay => "time-of-day",
        ClockKind::Relative => "relative",
        ClockKind::None => "none",
    }
}

/// Clock kind of a name; [`ClockKind::None`] for one that this version does not know.
pub fn clock_from_name(name: &str) -> ClockKind {
    match name {
        "epoch" => ClockKind::Epoch,
        "time-of-day" => ClockKind::TimeOfDay,
        "relative" => ClockKind::Relative,
        _ => ClockKind::None,
    }
}

impl Manifest {
    /// A manifest of a run that begins.
    pub fn new(id: &str) -> Self {
        Self {
            format: FORMAT_VERSION,
            id: id.to_owned(),
            ..Self::default()
        }
    }

    /// What the times of the run mean.
    pub fn clock_kind(&self) -> ClockKind {
        clock_from_name(&self.clock)
    }

    /// Writes it to `folder/run.json`, at once; it survives a power cut.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE_NAME);
        files::replace_file(&path, self.to_written(&path)?.as_bytes())
    }

    /// The first manifest of a run, which the command does not wait for: [`Self::settle`] makes it survive a power cut.
    pub(crate) fn place(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE_NAME);
        files::place_file(&path, self.to_written(&path)?.as_bytes())
    }

    /// Makes what [`Self::place`] wrote to `folder` survive a power cut.
    pub(crate) fn settle(folder: &Path) -> Result<()> {
        files::sync_file(&folder.join(FILE_NAME))
    }

    fn to_written(&self, path: &Path) -> Result<String> {
        self.to_text()
            .map_err(|error| StoreError::damaged(path, error.to_string()))
    }

    /// Reads `folder/run.json`. The second value is what is wrong with it, if its checksum does not fit.
    pub(crate) fn read(folder: &Path) -> Result<(Self, Option<String>)> {
        let path = folder.join(FILE_NAME);
        let bytes = files::read_file(&path, "length of a manifest", MANIFEST_BYTES_MAX)?;
        Self::parse(&bytes, &path)
    }

    /// Reads the text of a `run.json` that is not a file here; `path` is for messages. The second value is what is wrong with it, if
    /// its checksum does not fit.
    pub fn parse(text: &[u8], path: &Path) -> Result<(Self, Option<String>)> {
        let (manifest, fits) =
            Self::from_text(text).map_err(|error| StoreError::damaged(path, error.to_string()))?;
        // One flipped bit makes another number: only a manifest that is whole tells its version.
        if fits && manifest.format > FORMAT_VERSION {
            return Err(StoreError::Version {
                path: path.to_path_buf(),
                found: manifest.format,
            });
        }
        let wrong =
            (!fits).then(|| "run.json was changed or damaged (its checksum differs)".to_owned());
        Ok((manifest, wrong))
    }

    fn to_text(&self) -> serde_json::Result<String> {
        let mut value = serde_json::to_value(self)?;
        let checksum = checksum(&value)?;
        if let Value::Object(members) = &mut value {
            members.insert(CHECKSUM.to_owned(), Value::String(checksum));
        }
        let mut text = serde_json::to_string_pretty(&value)?;
        text.push('\n');
        Ok(text)
    }

    fn from_text(text: &[u8]) -> serde_json::Result<(Self, bool)> {
        let mut value: Value = serde_json::from_slice(text)?;
        let stated = match &mut value {
            Value::Object(members) => members.remove(CHECKSUM),
            _ => None,
        };
        let fits = stated == Some(Value::String(checksum(&value)?));
        Ok((serde_json::from_value(value)?, fits))
    }
}

/// Checksum over the members in order of their names, without white space.
fn checksum(value: &Value) -> serde_json::Result<String> {
    let text = serde_json::to_vec(value)?;
    Ok(format!("crc32c:{:08x}", crc32c::crc32c(&text)))
}

#[cfg(test)]
mod tests;
