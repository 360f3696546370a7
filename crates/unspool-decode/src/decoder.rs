//! What all decoders share: the pusher, its options, and the account of what it read.

use std::collections::BTreeMap;

use unspool_model::event::{ClockKind, EventSink, Reason};
use unspool_model::ids::Tid;
use unspool_model::syscalls::Architecture;

use crate::ini::TraceContext;

/// Takes the bytes of one input in any pieces and gives its events.
pub trait Decoder {
    /// Takes the next bytes.
    fn push(&mut self, chunk: &[u8], sink: &mut dyn EventSink);
    /// Says that the input has ended; gives what is still open.
    fn finish(&mut self, sink: &mut dyn EventSink);
    /// What was read so far.
    fn stats(&self) -> DecodeStats;
    /// Says that the next byte pushed starts anew (a frame of a run folder). Text formats find their own way.
    fn resync(&mut self, _sink: &mut dyn EventSink) {}
}

/// What a decoder is told from outside. Everything else is recognised from the content.
#[derive(Clone, Debug)]
pub struct DecoderOptions {
    /// What a file beside the log says: date, host, working directory, first process.
    pub context: TraceContext,
    /// Name of the input for diagnostics; empty when there is only one.
    pub input: String,
    /// Thread of lines that name none (`-ff` without `-f` in the line, `strace.4711.log`).
    pub tid: Option<Tid>,
    /// Calls are of this architecture where the log does not say otherwise.
    pub architecture: Architecture,
}

impl Default for DecoderOptions {
    fn default() -> Self {
        Self {
            context: TraceContext::default(),
            input: String::new(),
            tid: None,
            architecture: Architecture::X86_64,
        }
    }
}

/// What a decoder read. Every line (or record) is in exactly one of the counts of [`DecodeStats::accounted`].
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DecodeStats {
    /// Bytes that were pushed.
    pub bytes: u64,
    /// Lines of a text format, records of a binary one. The last line counts even without its end.
    pub lines: u64,
    /// Lines that became one event each: complete calls, signals, exits, stops, attachments.
    pub event_lines: u64,
    /// Lines that are one half of a call (`<unfinished ...>`, `resumed`).
    pub half_lines: u64,
    /// Lines of the tracer for people: chatter, tables, stacks, dumps, empty lines.
    pub note_lines: u64,
    /// Lines that the traced program wrote.
    pub output_lines: u64,
    /// Lines that continue the one before: a call that the program's output or a message of the tracer tore apart.
    pub joined_lines: u64,
    /// Lines that were reported in a diagnostic and gave no event.
    pub reported_lines: u64,
    /// Calls, complete or not.
    pub calls: u64,
    /// Calls of a library among them.
    pub library_calls: u64,
    /// Halves of calls: `unfinished` ones.
    pub unfinished: u64,
    /// Halves of calls: `resumed` ones.
    pub resumed: u64,
    /// Signals.
    pub signals: u64,
    /// Ends of threads and processes.
    pub exits: u64,
    /// Calls with program output inside that was separated from them.
    pub repaired: u64,
    /// Time in all calls whose duration is known.
    pub duration_ns: u64,
    /// Diagnostics by reason.
    pub by_reason: BTreeMap<Reason, u64>,
    /// What the times mean.
    pub clock: ClockKind,
    /// What the lines of the log carry.
    pub features: Features,
}

impl DecodeStats {
    /// Lines that are accounted for; equals `lines` when nothing was dropped silently.
    pub fn accounted(&self) -> u64 {
        self.event_lines
            + self.half_lines
            + self.note_lines
            + self.output_lines
            + self.joined_lines
            + self.reported_lines
    }

    /// Whether every line is accounted for.
    pub fn is_conserved(&self) -> bool {
        self.accounted() == self.lines
    }

    /// Diagnostics that mean a loss: what `--strict` stops at.
    pub fn losses(&self) -> u64 {
        self.by_reason
            .iter()
            .filter(|(reason, _)| reason.is_loss())
            .map(|(_, count)| count)
            .sum()
    }
}

/// What the lines of a log were seen to carry; tells the options of the tracer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Features(
    /// Bits of the constants here.
    pub u32,
);

impl Features {
    /// Pid in front of lines (`-f -o`).
    pub const PID: Self = Self(1);
    /// `[pid N]` in front of lines (`-f` to stderr).
    pub const PID_BRACKETS: Self = Self(1 << 1);
    /// Command names beside pids (`-Y`).
    pub const COMMAND: Self = Self(1 << 2);
    /// Seconds since the epoch (`-ttt`).
    pub const EPOCH: Self = Self(1 << 3);
    /// Time of day (`-t`, `-tt`).
    pub const TIME_OF_DAY: Self = Self(1 << 4);
    /// Time since the line before (`-r`).
    pub const RELATIVE: Self = Self(1 << 5);
    /// Time spent in calls (`-T`).
    pub const DURATION: Self = Self(1 << 6);
    /// Further brackets in front: call numbers, instruction pointers, security contexts (`-n`, `-i`, `--secontext`).
    pub const BRACKETS: Self = Self(1 << 7);
    /// Objects behind descriptors (`-y`).
    pub const OBJECTS: Self = Self(1 << 8);
    /// Stacks (`-k`).
    pub const STACKS: Self = Self(1 << 9);
    /// Dumps of data (`-e read=`, `-e write=`).
    pub const DUMPS: Self = Self(1 << 10);
    /// Table of counts (`-c`, `-C`).
    pub const TABLE: Self = Self(1 << 11);
    /// Names of arguments (`-N`).
    pub const ARGUMENT_NAMES: Self = Self(1 << 12);
    /// Colours (`--color`).
    pub const COLOUR: Self = Self(1 << 13);
    /// Lines end with CR LF.
    pub const CARRIAGE_RETURN: Self = Self(1 << 14);
    /// Quoted as in mail (`> `).
    pub const QUOTED: Self = Self(1 << 15);
    /// All lines begin with blanks.
    pub const INDENTED: Self = Self(1 << 16);

    /// Names of the features, for people.
    const NAMES: [(Self, &'static str); 17] = [
        (Self::PID, "pid"),
        (Self::PID_BRACKETS, "[pid N]"),
        (Self::COMMAND, "command names"),
        (Self::EPOCH, "epoch times"),
        (Self::TIME_OF_DAY, "times of day"),
        (Self::RELATIVE, "relative times"),
        (Self::DURATION, "durations"),
        (Self::BRACKETS, "brackets before calls"),
        (Self::OBJECTS, "objects of descriptors"),
        (Self::STACKS, "stacks"),
        (Self::DUMPS, "dumps"),
        (Self::TABLE, "table of counts"),
        (Self::ARGUMENT_NAMES, "argument names"),
        (Self::COLOUR, "colours"),
        (Self::CARRIAGE_RETURN, "CR LF"),
        (Self::QUOTED, "quoted"),
        (Self::INDENTED, "indented"),
    ];

    /// Whether all of `other` were seen.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Adds what was seen.
    pub fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Names of what was seen.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .iter()
            .filter(move |(feature, _)| self.contains(*feature))
            .map(|(_, name)| *name)
    }
}
