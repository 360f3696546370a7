//! The record format of the native recorders, see `docs/record-format.md`.
//!
//! [`NativeDecoder`] is a pusher without I/O: bytes in, in any pieces, events out. It never fails on content: a damaged
//! record is a diagnostic. When the length of a record cannot be true, nothing after it in the same frame can be found;
//! the bytes are skipped and counted until [`NativeDecoder::resync`], which the reader of frames calls at each frame.

mod call;
mod files;
pub mod format;
mod operation;
mod read;
mod record;
mod sample;
mod socket;
pub mod write;

#[cfg(test)]
mod tests;

use unspool_model::event::{ClockKind, Diagnostic, EventSink, Reason};
use unspool_model::syscalls::Architecture;

use format::{HEAD_BYTES, RECORD_BYTES_MAX};
use record::{Record, State};

/// Bytes of a damaged record that a diagnostic shows.
const EXCERPT_BYTES_MAX: usize = 120;

/// Decodes a stream of records.
#[derive(Default, Debug)]
pub struct NativeDecoder {
    /// Start of a record whose end has not come yet.
    pending: Vec<u8>,
    /// Place of the next byte that no record has taken, in the stream.
    offset: u64,
    /// Where reading lost its way: nothing is read until `resync`.
    lost_at: Option<u64>,
    state: State,
}

/// What was read.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Bytes that were pushed.
    pub bytes: u64,
    /// Records of any kind, the damaged ones with a true length included.
    pub records: u64,
    /// Records of calls.
    pub calls: u64,
    /// Records that a call was entered.
    pub begins: u64,
    /// Other records that became events.
    pub others: u64,
    /// Records that steer the decoder (`stream`, `clock`) and give no event.
    pub steering: u64,
    /// Records of resource samples.
    pub samples: u64,
    /// Records of unknown kinds, skipped by their length.
    pub unknown_kinds: u64,
    /// Items with unknown tags, skipped by their length.
    pub unknown_items: u64,
    /// Records whose body could not be read.
    pub damaged: u64,
    /// Bytes skipped because the way to the next record was lost.
    pub skipped_bytes: u64,
}

impl Stats {
    /// Whether every record is accounted for.
    pub fn is_conserved(&self) -> bool {
        self.records
            == self.calls
                + self.begins
                + self.others
                + self.steering
                + self.samples
                + self.unknown_kinds
                + self.damaged
    }
}

/// What the start of the stream said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamInfo {
    /// Architecture of the kernel.
    pub architecture: Architecture,
    /// 0 realtime, 1 monotonic, 2 boottime.
    pub clock: u8,
    /// 1 ptrace, 2 bpf.
    pub recorder: u32,
    /// Host name.
    pub host: Vec<u8>,
    /// Kernel release.
    pub kernel: Vec<u8>,
}

impl NativeDecoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream and gives the events whose records are complete.
    pub fn push(&mut self, chunk: &[u8], sink: &mut dyn EventSink) {
        self.state.stats.bytes += chunk.len() as u64;
        let mut rest = chunk;
        while !self.pending.is_empty() && !rest.is_empty() {
            rest = self.complete_pending(rest, sink);
        }
        if rest.is_empty() {
            return;
        }
        let used = self.read_records(rest, sink);
        self.pending
            .extend_from_slice(rest.get(used..).unwrap_or(&[]));
    }

    /// Moves as many bytes to the pending record as it lacks, and reads it when it is complete. Returns what is left.
    fn complete_pending<'c>(&mut self, chunk: &'c [u8], sink: &mut dyn EventSink) -> &'c [u8] {
        let wanted = match wanted_bytes(&self.pending) {
            Wanted::Bytes(wanted) => wanted,
            Wanted::Impossible => self.pending.len(),
        };
        let lacking = wanted.saturating_sub(self.pending.len());
        let (more, rest) = chunk.split_at(lacking.min(chunk.len()));
        self.pending.extend_from_slice(more);
        let mut pending = std::mem::take(&mut self.pending);
        let used = self.read_records(&pending, sink);
        pending.drain(..used.min(pending.len()));
        self.pending = pending;
        rest
    }

    /// Reads the whole records at the start of `bytes`. Returns how many bytes they take.
    fn read_records(&mut self, bytes: &[u8], sink: &mut dyn EventSink) -> usize {
        let mut rest = bytes;
        loop {
            if self.lost_at.is_some() {
                self.state.stats.skipped_bytes += rest.len() as u64;
                self.offset += rest.len() as u64;
                return bytes.len();
            }
            let len = match wanted_bytes(rest) {
                Wanted::Bytes(len) => len,
                Wanted::Impossible => {
                    self.lost_at = Some(self.offset);
                    sink.diagnostic(diagnostic(self.offset, Reason::BadRecord, rest.get(..4)));
                    continue;
                }
            };
            let Some((record, tail)) = rest.split_at_checked(len) else {
                return bytes.len() - rest.len();
            };
            let Some(record) = Record::new(record, self.offset) else {
                return bytes.len() - rest.len();
            };
            self.state.record(&record, sink);
            self.offset += len as u64;
            rest = tail;
        }
    }

    /// Says that the next byte pushed starts a record: a new frame. A record that is still incomplete was cut.
    pub fn resync(&mut self, sink: &mut dyn EventSink) {
        self.drop_pending(sink);
        self.lost_at = None;
    }

    /// Says that the stream has ended.
    pub fn finish(&mut self, sink: &mut dyn EventSink) {
        self.drop_pending(sink);
    }

    fn drop_pending(&mut self, sink: &mut dyn EventSink) {
        if self.pending.is_empty() {
            return;
        }
        sink.diagnostic(diagnostic(
            self.offset,
            Reason::CutAtEnd,
            // Only the head: how much of the rest has come does not matter.
            self.pending
                .get(..HEAD_BYTES)
                .or(Some(self.pending.as_slice())),
        ));
        let len = self.pending.len() as u64;
        self.state.stats.skipped_bytes += len;
        self.offset += len;
        self.pending.clear();
    }

    /// What was read so far.
    pub fn stats(&self) -> Stats {
        self.state.stats
    }

    /// What the start of the stream said; `None` before it came.
    pub fn stream(&self) -> Option<&StreamInfo> {
        self.state.stream.as_ref()
    }

    /// What the times of the events mean.
    pub fn clock(&self) -> ClockKind {
        match self.state.stream {
            Some(_) => ClockKind::Epoch,
            None => ClockKind::Relative,
        }
    }
}

/// How long the record at the start of some bytes is.
enum Wanted {
    /// Bytes to wait for: of the length word, or of the whole record.
    Bytes(usize),
    /// The length cannot be true.
    Impossible,
}

fn wanted_bytes(bytes: &[u8]) -> Wanted {
    let Some(word) = bytes.first_chunk::<4>() else {
        return Wanted::Bytes(4);
    };
    match usize::try_from(u32::from_le_bytes(*word) >> 8) {
        Ok(len) if (HEAD_BYTES..=RECORD_BYTES_MAX).contains(&len) && len.is_multiple_of(4) => {
            Wanted::Bytes(len)
        }
        _ => Wanted::Impossible,
    }
}

fn diagnostic(offset: u64, reason: Reason, bytes: Option<&[u8]>) -> Diagnostic {
    let bytes = bytes.unwrap_or(&[]);
    Diagnostic {
        input: String::new(),
        offset,
        line: 0,
        reason,
        excerpt: bytes.get(..EXCERPT_BYTES_MAX).unwrap_or(bytes).to_vec(),
    }
}
