//! Logs of dockit's tracer for Windows, pydbg: a line `PID FUNCTION` for each call of a hooked function, `0 PYDBG_PROCESS_EXIT` at the
//! end. They tell neither arguments, results nor times.

#[cfg(test)]
mod tests;

use unspool_model::event::{
    ClockKind, Diagnostic, Event, EventSink, ExitStatus, Kind, LibraryCall, Reason,
};
use unspool_model::ids::Tid;

use crate::decoder::{DecodeStats, Decoder, DecoderOptions, Features};

/// A line is not longer than this; of a longer one only this much is kept, and reported.
pub const LINE_BYTES_MAX: usize = 4096;
/// Bytes of a line that a diagnostic shows.
const EXCERPT_BYTES_MAX: usize = 120;
/// Stands where a function would, with the number 0.
const END: &[u8] = b"PYDBG_PROCESS_EXIT";

/// Decodes a pydbg log.
#[derive(Debug)]
pub struct PydbgDecoder {
    input: String,
    /// A line whose end has not come yet, up to one byte more than it may have.
    partial: Vec<u8>,
    /// The first process.
    root: Option<u32>,
    /// Events so far: the only clock there is.
    count: i64,
    offset: u64,
    stats: DecodeStats,
}

impl PydbgDecoder {
    /// A decoder at the start of a log.
    pub fn new(options: &DecoderOptions) -> Self {
        Self {
            input: options.input.clone(),
            partial: Vec::new(),
            root: None,
            count: 0,
            offset: 0,
            stats: DecodeStats {
                clock: ClockKind::None,
                ..DecodeStats::default()
            },
        }
    }

    fn keep(&mut self, part: &[u8]) {
        let room = (LINE_BYTES_MAX + 1).saturating_sub(self.partial.len());
        self.partial
            .extend_from_slice(part.get(..room).unwrap_or(part));
    }

    fn end_line(&mut self, sink: &mut dyn EventSink) {
        self.stats.lines += 1;
        let line = std::mem::take(&mut self.partial);
        let text = line.trim_ascii();
        if text.is_empty() {
            self.stats.note_lines += 1;
        } else if line.len() > LINE_BYTES_MAX {
            self.report(Reason::TooLong, text, sink);
        } else if let Some((pid, function)) = call(text) {
            self.understood(pid, function, sink);
        } else {
            self.report(Reason::NotUnderstood, text, sink);
        }
        self.offset = self.stats.bytes;
        self.partial = line;
        self.partial.clear();
    }

    fn understood(&mut self, pid: u32, function: &[u8], sink: &mut dyn EventSink) {
        self.stats.event_lines += 1;
        self.count += 1;
        if pid == 0 && function == END {
            self.stats.exits += 1;
            if let Some(root) = self.root {
                self.give(root, &Kind::Exit(ExitStatus::Unknown), sink);
            }
            return;
        }
        self.root.get_or_insert(pid);
        self.stats.features.insert(Features::PID);
        self.stats.calls += 1;
        self.stats.library_calls += 1;
        let call = LibraryCall {
            library: b"",
            name: function,
            args: b"",
            result: b"",
            duration_ns: None,
            depth: 0,
        };
        self.give(pid, &Kind::LibraryCall(call), sink);
    }

    fn give(&self, pid: u32, kind: &Kind<'_>, sink: &mut dyn EventSink) {
        sink.event(&Event {
            time_ns: self.count,
            tid: Some(Tid(pid)),
            kind: *kind,
        });
    }

    fn report(&mut self, reason: Reason, line: &[u8], sink: &mut dyn EventSink) {
        self.stats.reported_lines += 1;
        *self.stats.by_reason.entry(reason).or_default() += 1;
        sink.diagnostic(Diagnostic {
            input: self.input.clone(),
            offset: self.offset,
            line: self.stats.lines,
            reason,
            excerpt: line.get(..EXCERPT_BYTES_MAX).unwrap_or(line).to_vec(),
        });
    }
}

impl Decoder for PydbgDecoder {
    fn push(&mut self, chunk: &[u8], sink: &mut dyn EventSink) {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.stats.bytes += part.len() as u64;
            match part.split_last() {
                Some((b'\n', line)) => {
                    self.keep(line);
                    self.end_line(sink);
                }
                _ => self.keep(part),
            }
        }
    }

    fn finish(&mut self, sink: &mut dyn EventSink) {
        if !self.partial.is_empty() {
            self.end_line(sink);
        }
    }

    fn stats(&self) -> DecodeStats {
        self.stats.clone()
    }
}

/// `4711 WriteFile`.
fn call(line: &[u8]) -> Option<(u32, &[u8])> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (pid, function) = line.split_at(space);
    let function = function.get(1..)?;
    let is_name = function
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && function
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let pid = std::str::from_utf8(pid).ok()?;
    let is_number = pid.bytes().all(|byte| byte.is_ascii_digit());
    is_name.then_some(())?;
    Some((pid.parse().ok().filter(|_| is_number)?, function))
}

/// How much the head of an input looks like a pydbg log: 90 when every line is a number and a name, 0 else.
pub fn score(head: &[u8]) -> u8 {
    let whole = match head.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => head.get(..end).unwrap_or(head),
        None => head,
    };
    let mut lines = whole
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .peekable();
    if lines.peek().is_some() && lines.all(|line| call(line).is_some()) {
        90
    } else {
        0
    }
}
