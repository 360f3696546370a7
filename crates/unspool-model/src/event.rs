//! What decoders give: events as observed, borrowed from the input, and diagnostics.
//!
//! Nothing here knows about processes that live longer than one event: that is the tracker's work.

use crate::args::Args;
use crate::ids::{Fd, Pid, Tid};
use crate::syscalls::{Architecture, Syscall};

/// One observation. `time_ns` is the start: of a call its entry.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Nanoseconds; since the epoch if the log has a date, else since the start of the run. See [`ClockKind`].
    pub time_ns: i64,
    /// Thread that did it; `None` where the log names no thread (a log of one process without `-f`).
    pub tid: Option<Tid>,
    /// What was observed.
    pub kind: Kind<'a>,
}

/// Kinds of observation.
#[derive(Clone, Copy, Debug)]
pub enum Kind<'a> {
    /// A call that creates, replaces or ends a process has been entered and has not returned yet
    /// (strace: the `<unfinished ...>` half of clone, fork, vfork, clone3, execve, execveat, exit, `exit_group`).
    /// A hint for the tracker; not counted as an event. The complete call follows as [`Kind::Call`].
    CallBegin(Call<'a>),
    /// A system call, at its end.
    Call(Call<'a>),
    /// A call into a library (ltrace), at its end.
    LibraryCall(LibraryCall<'a>),
    /// The kernel made a thread or process (native recorders; a fact).
    Fork(Fork),
    /// A new image runs (native recorders; a fact).
    Exec(Exec<'a>),
    /// The thread ended.
    Exit(ExitStatus),
    /// A signal was delivered.
    Signal(Signal<'a>),
    /// Group stop began, by this signal.
    Stop(u32),
    /// Group stop ended.
    Continue,
    /// The leader's thread vanished because thread `by` of the same process executed a new image
    /// (strace: `+++ superseded by execve in pid N +++`, seen on the leader's tid).
    Superseded {
        /// Thread that called execve.
        by: Tid,
    },
    /// Recording of this thread began in mid-life, or the tracer announced it (`strace: Process N attached`).
    Attached {
        /// Threads that its process has, where the tracer tells (`attached with 3 threads`), else 1.
        threads: u32,
    },
    /// State of a process when recording of it began (native recorders).
    Process(ProcessState<'a>),
    /// Bytes that the program itself wrote between the lines of the log.
    Output(&'a [u8]),
    /// A line of the tracer for people.
    Note(&'a [u8]),
    /// Events are missing here: exact number, and the reason.
    Gap {
        /// How many.
        lost: u64,
        /// Why.
        reason: &'a [u8],
    },
    /// Calls that were counted instead of written one by one.
    Folded(Folded),
    /// Totals of the recorder, for the conservation check.
    Counts(Counts),
    /// Resource use over an interval. No step: it is handed on as [`crate::sample::Sample`].
    Sample(crate::sample::SampleEvent<'a>),
}

/// A system call.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Which call.
    pub name: CallName<'a>,
    /// Its arguments.
    pub args: Args<'a>,
    /// How it ended.
    pub outcome: Outcome,
    /// From entry to return in nanoseconds, when known.
    pub duration_ns: Option<i64>,
    /// What the kernel's own object says the returned descriptor is (strace -y: the text in `<>` after the
    /// result, decoded; native: item `path`). Empty when unknown.
    pub result_path: &'a [u8],
    /// Architecture whose call table applies.
    pub architecture: Architecture,
}

/// Name of a call: from the table, or as printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallName<'a> {
    /// A call of the table.
    Known(Syscall),
    /// A call that the table does not have (`syscall_0x1f4`, a newer kernel's).
    Other(&'a [u8]),
}

impl<'a> CallName<'a> {
    /// Looks the printed name up.
    pub fn from_bytes(name: &'a [u8]) -> Self {
        Syscall::by_name(name).map_or(Self::Other(name), Self::Known)
    }

    /// The name as printed.
    pub fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Known(call) => call.name().as_bytes(),
            Self::Other(name) => name,
        }
    }

    /// The row of the table, if there is one.
    pub fn known(self) -> Option<Syscall> {
        match self {
            Self::Known(call) => Some(call),
            Self::Other(_) => None,
        }
    }
}

/// A call into a library, as ltrace prints it.
#[derive(Clone, Copy, Debug)]
pub struct LibraryCall<'a> {
    /// Library (`libc.so.6`), empty when the log does not tell.
    pub library: &'a [u8],
    /// Function.
    pub name: &'a [u8],
    /// Arguments as printed.
    pub args: &'a [u8],
    /// Result as printed (`0x5581`, `"x"`, `<void>`), empty when it never returned.
    pub result: &'a [u8],
    /// From entry to return in nanoseconds, when known.
    pub duration_ns: Option<i64>,
    /// Calls that were open on the same thread when this one was entered.
    pub depth: u32,
}

/// Outcome of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Returned this value (never a negative errno).
    Returned(i64),
    /// Failed with this error.
    Failed(Errno),
    /// Entered and never seen to return.
    Unfinished,
    /// Returned something that the log does not tell (`?`).
    Unknown,
}

impl Outcome {
    /// The value, when the call succeeded.
    pub fn returned(self) -> Option<i64> {
        match self {
            Self::Returned(value) => Some(value),
            _ => None,
        }
    }

    /// The error, when the call failed.
    pub fn failed(self) -> Option<Errno> {
        match self {
            Self::Failed(errno) => Some(errno),
            _ => None,
        }
    }
}

pub use crate::errno::Errno;

/// How a process or thread ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExitStatus {
    /// By exit(2) with this status.
    Exited(u8),
    /// By this signal.
    Killed {
        /// Signal number.
        signal: u32,
        /// Whether a core was dumped.
        core: bool,
    },
    /// Ended, nobody saw how.
    Unknown,
}

impl ExitStatus {
    /// From a wait status as wait(2) gives it.
    pub fn from_wait(status: i32) -> Self {
        let signal = status & 0x7f;
        if signal == 0 {
            Self::Exited(u8::try_from((status >> 8) & 0xff).unwrap_or(0))
        } else {
            Self::Killed {
                signal: signal.unsigned_abs(),
                core: status & 0x80 != 0,
            }
        }
    }
}

/// The kernel made a thread or process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fork {
    /// The new thread.
    pub child: Tid,
    /// Its thread group.
    pub child_pid: Pid,
    /// `CLONE_*` flags as the kernel has them (`CLONE_THREAD` and so on).
    pub flags: u64,
}

/// A new image runs.
#[derive(Clone, Copy, Debug)]
pub struct Exec<'a> {
    /// Thread group.
    pub pid: Pid,
    /// Thread that called execve.
    pub caller: Tid,
    /// Path of the image as the kernel says.
    pub exe: &'a [u8],
    /// Argument vector.
    pub argv: Strings<'a>,
    /// Environment after scrubbing.
    pub env: Strings<'a>,
    /// Working directory.
    pub cwd: &'a [u8],
    /// User and group.
    pub user: Option<(u32, u32)>,
    /// Control group, where it is not the one that was told before.
    pub group: Group<'a>,
}

/// Control group of a process.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Group<'a> {
    /// Its path; empty when it is not known which, but another than the one told before. `None` when not told.
    pub path: Option<&'a [u8]>,
    /// Name of the container, when the runtime tells; else empty.
    pub container: &'a [u8],
}

/// Array of strings in the form of the record format: u32 length and bytes, repeated.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Strings<'a> {
    /// True count; more than `bytes` holds when it was cut.
    pub count: u32,
    /// The strings.
    pub bytes: &'a [u8],
}

impl<'a> Strings<'a> {
    /// The strings that were kept.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (head, tail) = rest.split_first_chunk::<4>()?;
            let len = usize::try_from(u32::from_le_bytes(*head)).ok()?;
            let string = tail.get(..len)?;
            rest = tail.get(len..)?;
            Some(string)
        })
    }
}

/// State of a process when recording of it began.
#[derive(Clone, Copy, Debug)]
pub struct ProcessState<'a> {
    /// Thread group.
    pub pid: Pid,
    /// Parent process, 0 when unknown.
    pub parent: Pid,
    /// When it started, if known.
    pub start_ns: Option<i64>,
    /// Image.
    pub exe: &'a [u8],
    /// Argument vector.
    pub argv: Strings<'a>,
    /// Environment after scrubbing.
    pub env: Strings<'a>,
    /// Working directory.
    pub cwd: &'a [u8],
    /// User and group.
    pub user: Option<(u32, u32)>,
    /// Control group.
    pub group: Group<'a>,
    /// Items `fd` of the record, raw: see [`ProcessState::descriptors`].
    pub fds: &'a [u8],
}

impl<'a> ProcessState<'a> {
    /// Open descriptors: number, open flags, path of the kernel's object.
    /// `fds` is a sequence of u32 length (of what follows), i32 descriptor, u32 flags, path.
    pub fn descriptors(&self) -> impl Iterator<Item = (Fd, u32, &'a [u8])> {
        let items = Strings {
            count: 0,
            bytes: self.fds,
        };
        items.iter().filter_map(|item| {
            let (fd, rest) = item.split_first_chunk::<4>()?;
            let (flags, path) = rest.split_first_chunk::<4>()?;
            Some((
                Fd(i32::from_le_bytes(*fd)),
                u32::from_le_bytes(*flags),
                path,
            ))
        })
    }
}

/// A delivered signal.
#[derive(Clone, Copy, Debug)]
pub struct Signal<'a> {
    /// Number.
    pub number: u32,
    /// Sender, when the log tells.
    pub sender: Option<Pid>,
    /// `si_code`, when the log tells.
    pub code: Option<i32>,
    /// Details as printed by a text tracer.
    pub text: &'a [u8],
}

/// Calls that were counted instead of written one by one.
#[derive(Clone, Copy, Debug)]
pub struct Folded {
    /// Which call.
    pub call: Option<Syscall>,
    /// Descriptor that they were made on.
    pub fd: Option<Fd>,
    /// How many.
    pub calls: u64,
    /// Of these, failed.
    pub errors: u64,
    /// Bytes that they returned.
    pub bytes: u64,
    /// Time in them.
    pub total_ns: u64,
    /// Calls whose part of that time was not measured but taken from that of the others.
    pub untimed: u64,
}

/// Conservation: `seen == recorded + folded + lost`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Events that the recorder saw.
    pub seen: u64,
    /// Written one by one.
    pub recorded: u64,
    /// Counted in [`Folded`] records.
    pub folded: u64,
    /// Known to be missing.
    pub lost: u64,
}

/// What the times of a run mean.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ClockKind {
    /// Nanoseconds since the epoch.
    Epoch,
    /// Time of day without a date: nanoseconds since the midnight before the start.
    TimeOfDay,
    /// Nanoseconds since the start of the run.
    Relative,
    /// The log has no times: events are numbered, 1 ns apart.
    #[default]
    None,
}

/// What could not be decoded, or was repaired, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Input file or stream, empty when there is only one.
    pub input: String,
    /// Byte offset in the input.
    pub offset: u64,
    /// Line, from 1; 0 for binary input.
    pub line: u64,
    /// What happened: counted by this.
    pub reason: Reason,
    /// First bytes of what was read there (at most 120).
    pub excerpt: Vec<u8>,
}

/// Reasons of diagnostics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// A line that no rule of the format explains.
    NotUnderstood,
    /// The last line or record was cut.
    CutAtEnd,
    /// Program output in the middle of a line was separated from it.
    OutputInLine,
    /// A whole line of program output between trace lines.
    OutputLine,
    /// A `resumed` half without its `unfinished` half.
    ResumedWithoutStart,
    /// An `unfinished` half that never resumed.
    NeverResumed,
    /// A second `unfinished` half on a thread that has an open call.
    UnfinishedTwice,
    /// A record with impossible lengths or an unknown version.
    BadRecord,
    /// A record or item kind that this version does not know, skipped by its length.
    UnknownKind,
    /// A line or record over the limit of its length.
    TooLong,
    /// Time went back.
    TimeWentBack,
    /// Bytes that are damaged (checksum).
    Damaged,
}

impl Reason {
    /// Short text for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotUnderstood => "not understood",
            Self::CutAtEnd => "cut at the end",
            Self::OutputInLine => "program output inside a line, separated",
            Self::OutputLine => "program output between lines",
            Self::ResumedWithoutStart => "resumed half without its start",
            Self::NeverResumed => "call never resumed",
            Self::UnfinishedTwice => "second unfinished call on a thread",
            Self::BadRecord => "damaged record",
            Self::UnknownKind => "record of an unknown kind",
            Self::TooLong => "longer than the limit",
            Self::TimeWentBack => "time went back",
            Self::Damaged => "damaged bytes",
        }
    }

    /// Whether something of the input is missing from the events because of it; such a diagnostic is a doubt
    /// that `import --strict` stops at. The others are repairs or ordinary ends of a log.
    pub fn is_loss(self) -> bool {
        matches!(
            self,
            Self::NotUnderstood
                | Self::BadRecord
                | Self::UnknownKind
                | Self::TooLong
                | Self::Damaged
                | Self::UnfinishedTwice
        )
    }
}

/// Takes what a decoder finds. Events borrow from the decoder and live for the call only.
pub trait EventSink {
    /// One event, in the order of completion.
    fn event(&mut self, event: &Event<'_>);
    /// One diagnostic.
    fn diagnostic(&mut self, diagnostic: Diagnostic);
}
