//! Tests of pydbg logs.

use unspool_model::event::{Diagnostic, Event, EventSink, Kind, Reason};

use super::{LINE_BYTES_MAX, PydbgDecoder, score};
use crate::decoder::{DecodeStats, Decoder as _, DecoderOptions};
use crate::detect;

#[derive(Default)]
struct Seen {
    events: Vec<String>,
    reasons: Vec<Reason>,
}

impl EventSink for Seen {
    fn event(&mut self, event: &Event<'_>) {
        let what = match &event.kind {
            Kind::LibraryCall(call) => String::from_utf8_lossy(call.name).into_owned(),
            other => format!("{other:?}"),
        };
        let tid = event.tid.map_or(0, |tid| tid.0);
        self.events.push(format!("{tid} {what}"));
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        self.reasons.push(diagnostic.reason);
    }
}

fn decoded(text: &[u8], piece: usize) -> (Seen, DecodeStats) {
    let mut decoder = PydbgDecoder::new(&DecoderOptions::default());
    let mut seen = Seen::default();
    for chunk in text.chunks(piece) {
        decoder.push(chunk, &mut seen);
    }
    decoder.finish(&mut seen);
    (seen, decoder.stats())
}

const LOG: &[u8] =
    b"12 CreateFileW\r\n12 WriteFile\n\n13 ReadFile\nhello there you\n0 PYDBG_PROCESS_EXIT";

#[test]
fn calls_and_the_end_in_any_pieces() {
    for piece in 1..=LOG.len() {
        let (seen, stats) = decoded(LOG, piece);
        assert_eq!(
            seen.events,
            [
                "12 CreateFileW",
                "12 WriteFile",
                "13 ReadFile",
                "12 Exit(Unknown)"
            ]
        );
        assert_eq!(seen.reasons, [Reason::NotUnderstood]);
        assert!(stats.is_conserved(), "{stats:?}");
        assert_eq!((stats.lines, stats.calls, stats.exits), (6, 3, 1));
    }
}

#[test]
fn long_lines_are_reported() {
    let text = [b"7 ".to_vec(), vec![b'a'; 3 * LINE_BYTES_MAX]].concat();
    let (seen, stats) = decoded(&text, 1000);
    assert_eq!(seen.reasons, [Reason::TooLong]);
    assert!(stats.is_conserved() && seen.events.is_empty());
}

#[test]
fn only_such_logs_look_like_one() {
    assert_eq!(score(b"12 WriteFile\n13 ReadFi"), 90);
    assert_eq!(score(b"12 WriteFile\n13 open(\"x\") = 3\n"), 0);
    assert_eq!(score(b""), 0);
    assert_eq!(score(b"\n\n"), 0);
    let found = detect(b"12 WriteFile\n12 WriteFile\n", "windows.log");
    assert_eq!(found.map(|format| format.name), Some("pydbg"));
    assert!(detect(b"just text\n", "x.log").is_none());
}
