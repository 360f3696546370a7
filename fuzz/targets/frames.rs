//! Reads frames from a segment that was cut, flipped, extended: the input says of what frames it consists and how it is damaged.
//!
//! Holds: every frame that is given was written, in the order in which it was; nothing is given twice; without damage all are.
#![no_main]
#![expect(dead_code, reason = "the target uses a part of the store's modules")]

#[path = "../../crates/unspool-store/src/error.rs"]
mod error;
#[path = "../../crates/unspool-store/src/files.rs"]
mod files;
#[path = "../../crates/unspool-store/src/frames/mod.rs"]
#[expect(unused_imports, reason = "other modules of the store use them")]
mod frames;
/// Of the manifest the errors need only the number.
mod manifest {
    pub(crate) const FORMAT_VERSION: u32 = 1;
}

use frames::{Frame, Frames, SegmentHeader, encode, salt};
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

/// Frames in one case.
const FRAMES_MAX: usize = 64;

/// A folder of this process, made once and written over in every case.
static RAW: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = base.join(format!("unspool-fuzz-frames-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for segments");
    folder
});

/// Takes numbers from the front of the input.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> u64 {
        self.bytes(8).iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let salt = salt("the run");
    let header = SegmentHeader { number: 1, first_seq: 0, salt };
    let mut segment = header.encode();
    let mut written = Vec::new();
    let mut seq = 0u64;
    for _ in 0..usize::from(input.byte()).min(FRAMES_MAX) {
        // Now and then frames are missing, and once in a while numbers are at their end.
        match input.byte() {
            255 => seq = seq.max(input.number()),
            step @ 250..=254 => seq = seq.saturating_add(u64::from(step)),
            _ => {}
        }
        let len = usize::from(input.byte());
        let bytes = input.bytes(len);
        let frame = Frame {
            seq,
            stream: u16::from(input.byte()),
            kind: 0,
            time_ns: 5,
            bytes,
        };
        encode(&frame, salt, &mut segment);
        written.push((seq, bytes.to_vec()));
        let Some(next) = seq.checked_add(1) else {
            break;
        };
        seq = next;
    }
    let damaged = damage(&mut segment, &mut input);
    check(&segment, salt, &written, damaged);
});

/// Damages the segment as the rest of the input says; gives whether it did.
fn damage(segment: &mut Vec<u8>, input: &mut Input<'_>) -> bool {
    let before = segment.clone();
    while !input.0.is_empty() {
        let kind = input.byte();
        let at = usize::from(input.byte()) | (usize::from(input.byte()) << 8);
        let at = at.min(segment.len());
        match kind % 5 {
            0 => {
                if let Some(byte) = segment.get_mut(at) {
                    *byte ^= input.byte();
                }
            }
            1 => segment.truncate(at),
            2 => {
                let inserted = usize::from(input.byte());
                let inserted = input.bytes(inserted);
                segment.splice(at..at, inserted.iter().copied());
            }
            3 => {
                let end = (at + usize::from(input.byte())).min(segment.len());
                segment.drain(at..end);
            }
            _ => segment.resize(segment.len() + usize::from(input.byte()), 0),
        }
    }
    *segment != before
}

fn check(segment: &[u8], salt: u32, written: &[(u64, Vec<u8>)], damaged: bool) {
    std::fs::write(RAW.join("000001.seg"), segment).expect("a segment");
    let mut frames = Frames::new(&RAW, salt, None).expect("a folder with one segment");
    let mut left = written.iter();
    let mut given = 0;
    while let Some(frame) = frames.next_frame() {
        let found = left.any(|(seq, bytes)| *seq == frame.seq && bytes == frame.bytes);
        assert!(found, "frame {} was not written, or not at this place", frame.seq);
        given += 1;
    }
    assert!(frames.next_frame().is_none(), "the end stays the end");
    if !damaged {
        assert_eq!(given, written.len());
    }
    if given < written.len() && damaged && segment.len() > 32 {
        // A cut between two frames shows only in the seal.
        assert!(!frames.losses().is_empty() || segment_is_cut(segment, written));
    }
}

/// Whether the segment may end exactly between two frames.
fn segment_is_cut(segment: &[u8], written: &[(u64, Vec<u8>)]) -> bool {
    let mut end = 32;
    written.iter().any(|(_, bytes)| {
        let cut = segment.len() == end;
        end += 28 + bytes.len();
        cut
    })
}
