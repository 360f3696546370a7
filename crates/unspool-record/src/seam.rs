//! What a recorder needs from outside: a sink for its records, a scrubber for secrets.

use std::fmt;

/// Takes the records of a recorder, in the bytes of `docs/record-format.md`.
pub trait RecordSink: Send {
    /// Takes whole records, one or more.
    ///
    /// The recorder calls this at least every 50 ms while it has something, from a thread of its own. After an error the job
    /// goes on unharmed: the records of this call and those that follow count as lost, and the recorder tries again once a second.
    fn write(&mut self, records: &[u8]) -> Result<(), SinkError>;

    /// Goes on behind what the process that this one was forked from wrote until it died. Gives the last piece that was written
    /// whole, empty when there was none; `None`: what it wrote went with it.
    fn resume(&mut self) -> Option<Vec<u8>> {
        None
    }
}

impl RecordSink for Vec<u8> {
    fn write(&mut self, records: &[u8]) -> Result<(), SinkError> {
        self.extend_from_slice(records);
        Ok(())
    }
}

/// The sink could not take records.
#[derive(Debug)]
pub struct SinkError {
    /// What was being done, to which file.
    pub action: String,
    /// Why it failed.
    pub source: std::io::Error,
}

impl fmt::Display for SinkError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot {}: {}", self.action, self.source)
    }
}

impl std::error::Error for SinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// What kind of text a recorder is about to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// A path, as the program gave it or as the kernel has it.
    Path,
    /// Another string argument of a call: the name of an attribute, of a mount option.
    Argument,
    /// Bytes that a call read, wrote, sent or received.
    Payload,
}

/// Removes secrets before anything reaches the sink.
pub trait Scrub: Send + Sync {
    /// Scrubs an argument vector in place. The number of arguments stays.
    fn argv(&self, argv: &mut Vec<Vec<u8>>);
    /// Scrubs an environment, `NAME=value` each, in place. The number of entries stays.
    fn env(&self, env: &mut Vec<Vec<u8>>);
    /// Scrubs one text in place.
    fn text(&self, kind: TextKind, bytes: &mut Vec<u8>);
}

/// Scrubs nothing: for `--redact none` and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoScrub;

impl Scrub for NoScrub {
    fn argv(&self, _argv: &mut Vec<Vec<u8>>) {}
    fn env(&self, _env: &mut Vec<Vec<u8>>) {}
    fn text(&self, _kind: TextKind, _bytes: &mut Vec<u8>) {}
}
