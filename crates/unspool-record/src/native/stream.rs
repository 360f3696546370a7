//! The head of a stream, and how its clock stands to the wall clock.

use unspool_decode::native::format::{VERSION, kind, tag};

use super::OWN_ARCHITECTURE;
use super::writer::Writer;
use crate::sys;

/// Clock of all times in the stream.
pub(crate) const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
/// What the stream calls [`CLOCK`].
const CLOCK_NUMBER: u8 = 2;
/// A wall clock that moved by more than this jumped.
const CLOCK_JUMP_NS: i64 = 10_000_000;

/// Who records, as the head of the stream numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorder {
    Ptrace = 1,
    Bpf = 2,
}

/// The wall clock as the stream tells it.
#[derive(Debug)]
pub(crate) struct WallClock {
    /// What makes a wall clock time of a time of the stream.
    offset_ns: i64,
}

impl WallClock {
    pub(crate) fn now() -> Self {
        Self {
            offset_ns: offset_ns(),
        }
    }

    /// Writes the head of the stream.
    pub(crate) fn write_head(&self, recorder: Recorder, writer: &mut Writer<'_>, now: i64) {
        let (host, kernel) = sys::host_and_kernel();
        writer.begin(kind::STREAM, 0, now);
        writer.bytes(&VERSION.to_le_bytes());
        writer.bytes(&[OWN_ARCHITECTURE, CLOCK_NUMBER]);
        writer.u32(recorder as u32);
        writer.bytes(&self.offset_ns.to_le_bytes());
        writer.item(tag::HOST, &host);
        writer.item(tag::KERNEL, &kernel);
        writer.end();
    }

    /// Writes that the wall clock jumped, if it did; says whether.
    pub(crate) fn check(&mut self, writer: &mut Writer<'_>, now: i64) -> bool {
        let offset = offset_ns();
        let jumped = (offset - self.offset_ns).abs() > CLOCK_JUMP_NS;
        if jumped {
            self.offset_ns = offset;
            writer.begin(kind::CLOCK, 0, now);
            writer.bytes(&offset.to_le_bytes());
            writer.end();
        }
        jumped
    }
}

fn offset_ns() -> i64 {
    // The clock is read on both sides of the wall clock, so that an interruption in between cannot look like a jump.
    let mut best = (i64::MAX, 0);
    for _ in 0..3 {
        let before = sys::clock_ns(CLOCK);
        let wall = sys::clock_ns(libc::CLOCK_REALTIME);
        let after = sys::clock_ns(CLOCK);
        if after - before < best.0 {
            best = (after - before, wall - before - (after - before) / 2);
        }
    }
    best.1
}
