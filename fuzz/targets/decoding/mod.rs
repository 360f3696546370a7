//! What has to hold for every decoder and every input.

use unspool_decode::{DecodeStats, DecoderOptions, detect};
use unspool_model::event::{Diagnostic, Event, EventSink};

/// Events and diagnostics as text, each with a hash of its own: the text of all would not fit into memory.
#[derive(Default)]
struct Account {
    events: u64,
    chain: u64,
    reported: u64,
}

impl Account {
    fn add(&mut self, text: &str) {
        // FNV-1a.
        for byte in text.bytes() {
            self.chain = (self.chain ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl EventSink for Account {
    fn event(&mut self, event: &Event<'_>) {
        self.events += 1;
        self.add(&format!("{event:?}"));
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        self.reported += 1;
        self.add(&format!("{diagnostic:?}"));
    }
}

fn decode<'a>(format: &str, pieces: impl Iterator<Item = &'a [u8]>) -> (Account, DecodeStats) {
    let format = detect::by_name(format).expect("a known format");
    let mut decoder = (format.decoder)(&DecoderOptions::default());
    let mut account = Account::default();
    for piece in pieces {
        decoder.push(piece, &mut account);
    }
    decoder.finish(&mut account);
    (account, decoder.stats())
}

/// Decodes `data`, whose first byte says how to cut it.
pub(crate) fn check(format: &str, data: &[u8]) {
    let Some((cut, data)) = data.split_first() else {
        return;
    };
    let (whole, stats) = decode(format, std::iter::once(data));
    assert_eq!(stats.bytes, data.len() as u64, "all bytes are taken");
    assert!(stats.is_conserved(), "{stats:?}");
    let len = usize::from(*cut).max(1);
    let (cut, cut_stats) = decode(format, data.chunks(len));
    assert_eq!(
        (whole.events, whole.reported, whole.chain),
        (cut.events, cut.reported, cut.chain),
        "in pieces of {len} bytes other events than in one piece"
    );
    assert_eq!(stats, cut_stats);
}
