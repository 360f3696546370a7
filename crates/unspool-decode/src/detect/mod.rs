//! The formats and how to recognise them.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use unspool_model::event::{Diagnostic, Event, EventSink, Reason};

use crate::decoder::{DecodeStats, Decoder, DecoderOptions};
use crate::ltrace;
use crate::native::NativeDecoder;
use crate::native::format::{HEAD_BYTES, VERSION, kind};
use crate::pydbg;
use crate::strace;

/// Bytes of the head of an input that [`detect`] looks at.
pub const DETECT_BYTES_MAX: usize = 64 << 10;

/// An input format.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Name for `--format`.
    pub name: &'static str,
    /// What it is, one line.
    pub doc: &'static str,
    /// How much the head of an input looks like it: 0 not at all, 100 certain.
    pub score: fn(&[u8]) -> u8,
    /// Makes a decoder.
    pub decoder: fn(&DecoderOptions) -> Box<dyn Decoder>,
}

/// The formats, the more special first: of equal scores the first wins.
pub static FORMATS: &[Format] = &[
    Format {
        name: "unspool-record",
        doc: "record format of unspool's own recorders",
        score: native_score,
        decoder: |_| Box::new(Native::default()),
    },
    Format {
        name: "strace",
        doc: "log of strace 4 to 7, with any of its options",
        score: strace::score,
        decoder: |options| Box::new(strace::StraceDecoder::new(options)),
    },
    Format {
        name: "ltrace",
        doc: "log of ltrace 0.5 to 0.7.9x, with any of its options",
        score: ltrace::score,
        decoder: |options| Box::new(ltrace::LtraceDecoder::new(options)),
    },
    Format {
        name: "pydbg",
        doc: "log of dockit's tracer for Windows: process and function of each call",
        score: pydbg::score,
        decoder: |options| Box::new(pydbg::PydbgDecoder::new(options)),
    },
];

/// The format that the head of an input looks like most; `None` when it looks like none. A file name decides between
/// formats that look alike.
pub fn detect(head: &[u8], file_name: &str) -> Option<&'static Format> {
    let head = head.get(..DETECT_BYTES_MAX).unwrap_or(head);
    let mut best: Option<(u8, &'static Format)> = None;
    for format in FORMATS {
        let mut score = (format.score)(head);
        if score > 0 && file_name.contains(format.name) {
            score = score.saturating_add(5);
        }
        if score > best.map_or(0, |(score, _)| score) {
            best = Some((score, format));
        }
    }
    best.map(|(_, format)| format)
}

/// Characters of a line that [`describe`] shows.
const SHOWN_CHARS_MAX: usize = 60;

/// What the head of an input is that no format knows: for the message that says so.
pub fn describe(head: &[u8]) -> String {
    static MAGICS: &[(&[u8], &str)] = &[
        (b"\x1f\x8b", "compressed by gzip: unpack it first"),
        (b"\x28\xb5\x2f\xfd", "compressed by zstd: unpack it first"),
        (b"\xfd7zXZ\x00", "compressed by xz: unpack it first"),
        (b"PK\x03\x04", "a zip archive: unpack it first"),
        (b"\x7fELF", "a program, not a log of one"),
        (b"PERFILE2", "a recording of perf"),
        (b"\x0a\x0d\x0d\x0a", "a capture of sysdig or a pcapng file"),
        (b"PAR1", "a Parquet file"),
    ];
    if let Some((_, what)) = MAGICS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return format!("it is {what}");
    }
    let lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let Some(line) = lines.into_iter().find(|line| !line.is_empty()) else {
        return "it holds blank lines only".to_owned();
    };
    if head.contains(&0) {
        return "it is binary data".to_owned();
    }
    let line = String::from_utf8_lossy(line);
    let mut shown: String = line.escape_debug().take(SHOWN_CHARS_MAX).collect();
    if line.chars().count() > SHOWN_CHARS_MAX {
        shown.push_str("...");
    }
    format!("no line of its head is a tracer's, the first is `{shown}`")
}

/// The format of this name.
pub fn by_name(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// A stream starts with its `stream` record, which holds the version.
fn native_score(head: &[u8]) -> u8 {
    let version = head.get(HEAD_BYTES..HEAD_BYTES + 2);
    if head.first() == Some(&kind::STREAM) && version == Some(&VERSION.to_le_bytes()) {
        100
    } else {
        0
    }
}

/// The native decoder behind the common trait.
#[derive(Default)]
struct Native {
    decoder: NativeDecoder,
    by_reason: BTreeMap<Reason, u64>,
}

impl Native {
    /// Lets the decoder work, and counts the diagnostics on their way.
    fn counted(
        &mut self,
        sink: &mut dyn EventSink,
        work: impl FnOnce(&mut NativeDecoder, &mut dyn EventSink),
    ) {
        let mut counting = Counting {
            inner: sink,
            by_reason: &mut self.by_reason,
        };
        work(&mut self.decoder, &mut counting);
    }
}

struct Counting<'s> {
    inner: &'s mut dyn EventSink,
    by_reason: &'s mut BTreeMap<Reason, u64>,
}

impl EventSink for Counting<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.inner.event(event);
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        *self.by_reason.entry(diagnostic.reason).or_default() += 1;
        self.inner.diagnostic(diagnostic);
    }
}

impl Decoder for Native {
    fn push(&mut self, chunk: &[u8], sink: &mut dyn EventSink) {
        self.counted(sink, |decoder, sink| decoder.push(chunk, sink));
    }

    fn finish(&mut self, sink: &mut dyn EventSink) {
        self.counted(sink, NativeDecoder::finish);
    }

    fn resync(&mut self, sink: &mut dyn EventSink) {
        self.counted(sink, NativeDecoder::resync);
    }

    fn stats(&self) -> DecodeStats {
        let stats = self.decoder.stats();
        DecodeStats {
            bytes: stats.bytes,
            lines: stats.records,
            event_lines: stats.calls + stats.others,
            half_lines: stats.begins,
            note_lines: stats.steering + stats.samples,
            reported_lines: stats.unknown_kinds + stats.damaged,
            calls: stats.calls,
            clock: self.decoder.clock(),
            by_reason: self.by_reason.clone(),
            ..DecodeStats::default()
        }
    }
}
