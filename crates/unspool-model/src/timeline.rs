//! The shape of a run as tracks over time: what the analysis `trace` gives and the forms `perfetto` and `chrome-trace` write.

use std::ops::ControlFlow;

use crate::event::{ClockKind, ExitStatus, Outcome};
use crate::ids::{Fd, ProcessId};
use crate::step::{StepArgs, StepKind};
use crate::world::{LinkKind, Process};

/// A thread as viewers know it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Track {
    /// Life of the process.
    pub process: ProcessId,
    /// Number that no other life has in the same file: the pid, or for the n-th further life of a pid the pid and n times
    /// [`LIFE_STEP`].
    pub pid: u32,
    /// Thread's number, moved in the same way.
    pub tid: u32,
}

/// Between the numbers of two lives of one pid. Pids end below 2^22 (`PID_MAX_LIMIT`).
pub const LIFE_STEP: u32 = 10_000_000;

/// A place on a track.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Point {
    /// Where.
    pub track: Track,
    /// When.
    pub time_ns: i64,
}

/// Something that happened on a track: a call over its time, or a mark.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    /// Where.
    pub track: Track,
    /// Number of the event; `None` for a mark that stands for no event (the end of an arrow).
    pub seq: Option<u64>,
    /// What kind of event.
    pub kind: StepKind,
    /// Start.
    pub start_ns: i64,
    /// End; `None` for a mark.
    pub end_ns: Option<i64>,
    /// Name of the call, signal, or kind. Bytes, as they were read.
    pub name: &'a [u8],
    /// Category of the call, or the kind.
    pub category: &'static str,
    /// Arguments or text.
    pub args: StepArgs<'a>,
    /// How the call ended.
    pub outcome: Outcome,
    /// For `exit` marks: how.
    pub exit: Option<ExitStatus>,
    /// Name of what it touched.
    pub resource: Option<&'a [u8]>,
    /// Descriptor that it used or got.
    pub fd: Option<Fd>,
    /// Bytes moved.
    pub bytes: Option<u64>,
    /// Whether the call was never seen to end: it is closed where its thread, its process or the run ends.
    pub is_cut: bool,
    /// Arrows that end here.
    pub flows: &'a [Flow],
}

/// An arrow from a cause. Its other end is the slice that holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flow {
    /// Number of the arrow, from 1.
    pub id: u64,
    /// What kind of edge it is.
    pub kind: LinkKind,
    /// The cause. Not later than the end of the slice.
    pub from: Point,
    /// How often the run has this edge; the arrow is its first time.
    pub count: u64,
}

/// What a counter counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CounterKind {
    /// CPUs in use, in thousandths.
    Cpu,
    /// Bytes of memory resident.
    Rss,
    /// Bytes read a second, as sampled.
    Read,
    /// Bytes written a second, as sampled.
    Written,
    /// Bytes read from block devices a second.
    DiskRead,
    /// Bytes to be written to block devices a second.
    DiskWritten,
    /// Threads.
    Threads,
    /// Calls that ended in a second.
    Calls,
}

impl CounterKind {
    /// All, in the order of their places.
    pub const ALL: &'static [Self] = &[
        Self::Cpu,
        Self::Rss,
        Self::Read,
        Self::Written,
        Self::DiskRead,
        Self::DiskWritten,
        Self::Threads,
        Self::Calls,
    ];

    /// Name of the track.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Rss => "resident memory",
            Self::Read => "bytes read",
            Self::Written => "bytes written",
            Self::DiskRead => "disk read",
            Self::DiskWritten => "disk written",
            Self::Threads => "threads",
            Self::Calls => "calls",
        }
    }

    /// Unit of the values as written: `cpu` is divided by a thousand.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Cpu => "CPUs",
            Self::Rss => "B",
            Self::Read | Self::Written | Self::DiskRead | Self::DiskWritten => "B/s",
            Self::Threads => "threads",
            Self::Calls => "calls/s",
        }
    }
}

/// A counter's value from a time on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CounterValue {
    /// Whose: a process with its number as in [`Track::pid`], or the run.
    pub owner: Option<(ProcessId, u32)>,
    /// What.
    pub kind: CounterKind,
    /// From when on.
    pub time_ns: i64,
    /// How much.
    pub value: i64,
}

/// What is known of the run beside its events.
#[derive(Clone, Copy, Debug)]
pub struct TimelineHead<'a> {
    /// Id of the run.
    pub run: &'a str,
    /// What the times mean.
    pub clock: ClockKind,
    /// First time.
    pub start_ns: i64,
    /// Last time.
    pub end_ns: i64,
}

/// Takes a run as tracks, piece by piece: millions of slices need no memory. `Break` means that nobody listens any more.
pub trait TimelineSink {
    /// Called once, first.
    fn begin(&mut self, head: &TimelineHead<'_>) -> ControlFlow<()>;
    /// A process, before anything of it. `parent` is the number of its maker, as in [`Track::pid`].
    fn process(&mut self, process: &Process, pid: u32, parent: Option<u32>) -> ControlFlow<()>;
    /// A thread, before anything on it.
    fn thread(&mut self, track: Track, name: &[u8]) -> ControlFlow<()>;
    /// A call or a mark, in the order of completion; on one track none cuts another in two.
    fn slice(&mut self, slice: &Slice<'_>) -> ControlFlow<()>;
    /// A counter's value; for one counter in order of time.
    fn counter(&mut self, value: &CounterValue) -> ControlFlow<()>;
    /// Called once, last.
    fn end(&mut self, notes: &[String]) -> ControlFlow<()>;
}
