//! What a run did, folded so that two runs can be compared: for each role, what it did to each resource, how long, and
//! how that ended. Memory grows with distinct roles and names, not with events.

use std::collections::BTreeMap;

use unspool_model::event::{ClockKind, Errno, ExitStatus};
use unspool_model::normalize::Change;
use unspool_model::step::{Step, Touch};
use unspool_model::world::{Content, LinkKind};

use super::messages::Messages;
use super::uses::Uses;

/// Distinct commands, values or users of one role that are kept.
pub(super) const VALUES_MAX: usize = 256;
/// Distinct replacements in names that are kept.
pub(super) const CHANGES_MAX: usize = 20_000;
/// Pairs of role and resource that are kept; what comes later is only counted, in [`Profile::left_out`].
pub(super) const USES_MAX: usize = 400_000;

/// A run, folded for comparison.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Id or name of the run, for people.
    pub run: String,
    /// What the first process is for, for people: its script or program.
    pub job: Vec<u8>,
    /// Steps on things that were left out, because there were too many different ones.
    pub left_out: u64,
    /// First time.
    pub start_ns: i64,
    /// Last time.
    pub end_ns: i64,
    /// What the times mean.
    pub clock: ClockKind,
    /// What recorded it.
    pub recorder: String,
    /// Day that its dates are relative to.
    pub anchor_days: Option<i64>,
    /// Steps that were folded.
    pub steps: u64,
    /// Whether calls have durations.
    pub has_durations: bool,
    /// Whether the run is whole.
    pub complete: bool,
    pub(super) roles: Vec<Role>,
    pub(super) keys: Vec<Key>,
    /// By role and key.
    pub(super) uses: Uses,
    pub(super) links: Vec<RoleLink>,
    /// What processes wrote for people, as far as it was recorded.
    pub(super) messages: Messages,
    /// Whether the run has the data of what was written.
    pub(super) has_messages: bool,
    /// Which groups of calls the run has at all: a recorder may leave some out.
    pub(super) groups: [u64; GROUPS],
    /// What was replaced in names, with the first name of each.
    pub(super) changes: BTreeMap<Change, Vec<u8>>,
    /// Replacements beyond [`CHANGES_MAX`], which are not kept.
    pub(super) changes_left_out: u64,
}

impl Profile {
    /// From its first to its last event.
    pub fn duration_ns(&self) -> i64 {
        self.end_ns.saturating_sub(self.start_ns).max(0)
    }

    /// Keeps what was replaced in a name.
    pub(super) fn note(&mut self, changes: Vec<Change>, name: &[u8]) {
        for change in changes {
            if self.changes.contains_key(&change) {
                continue;
            }
            if self.changes.len() < CHANGES_MAX {
                self.changes.insert(change, name.to_vec());
            } else {
                self.changes_left_out += 1;
            }
        }
    }

    /// Processes that were folded.
    pub fn processes(&self) -> u64 {
        self.roles.iter().map(|role| role.instances).sum()
    }
}

/// All processes of one role.
#[derive(Clone, Debug, Default)]
pub(super) struct Role {
    /// Lineage.
    pub(super) name: Vec<u8>,
    /// Last label of the lineage.
    pub(super) label: Vec<u8>,
    pub(super) parent: Option<u32>,
    /// Processes.
    pub(super) instances: u64,
    /// How they ended; `None` was not seen to end.
    pub(super) exits: BTreeMap<ExitKey, Ended>,
    /// Signals that were delivered to them.
    pub(super) signals: BTreeMap<u32, Counted>,
    /// Normalised command lines, with the raw ones.
    pub(super) commands: BTreeMap<Vec<Vec<u8>>, Command>,
    /// Executables, as paths.
    pub(super) programs: BTreeMap<Vec<u8>, u64>,
    /// Working directories: normalised and raw.
    pub(super) folders: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Environment: value, normalised and raw, by name; empty when unknown.
    pub(super) environment: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Vec<u8>>>,
    pub(super) first_ns: i64,
    pub(super) last_ns: i64,
    /// From start to end, all processes together.
    pub(super) wall_ns: i64,
    /// Life of the threads, together.
    pub(super) thread_ns: i64,
    /// Outside of calls: on a processor, or waiting for one.
    pub(super) outside_ns: i64,
    /// Calls.
    pub(super) calls: u64,
    /// Measured time on processors; `None` without samples.
    pub(super) cpu_ns: Option<i64>,
    /// Measured time ready to run, without a processor; `None` without samples.
    pub(super) delay_ns: Option<i64>,
    /// What they wrote to their standard error.
    pub(super) complaints: Complaints,
}

/// What the processes of a role wrote to descriptor 2.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Complaints {
    pub(super) bytes: u64,
    pub(super) first_ns: i64,
    pub(super) first_seq: u64,
}

impl Complaints {
    pub(super) fn add(&mut self, step: &Step<'_>) {
        let bytes = step.touch.and_then(|touch| touch.bytes).unwrap_or(0);
        if self.bytes == 0 {
            (self.first_ns, self.first_seq) = (step.time_ns, step.seq);
        }
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// How processes end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum ExitKey {
    Status(u8),
    Signal(u32),
    Unknown,
}

impl ExitKey {
    pub(super) fn of(exit: Option<ExitStatus>) -> Self {
        match exit {
            Some(ExitStatus::Exited(code)) => Self::Status(code),
            Some(ExitStatus::Killed { signal, core: _ }) => Self::Signal(signal),
            Some(ExitStatus::Unknown) | None => Self::Unknown,
        }
    }

    pub(super) fn is_failure(self) -> bool {
        !matches!(self, Self::Status(0) | Self::Unknown)
    }
}

/// Processes that ended alike.
#[derive(Clone, Debug, Default)]
pub(super) struct Ended {
    pub(super) count: u64,
    /// Command of the first.
    pub(super) command: Vec<u8>,
    pub(super) first_ns: i64,
    /// Normalised command lines that failed so.
    pub(super) commands: BTreeMap<Vec<Vec<u8>>, FailedCommand>,
}

/// Processes of one command line that failed alike.
#[derive(Clone, Debug, Default)]
pub(super) struct FailedCommand {
    pub(super) count: u64,
    /// The first of them.
    pub(super) command: Vec<u8>,
    pub(super) first_ns: i64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) count: u64,
    pub(super) first_ns: i64,
    pub(super) first_seq: u64,
}

/// Processes with one command line.
#[derive(Clone, Debug, Default)]
pub(super) struct Command {
    pub(super) count: u64,
    pub(super) raw: Vec<Vec<u8>>,
    /// Whether the source has only the beginning of some of them.
    pub(super) is_cut: bool,
    pub(super) first_ns: i64,
    pub(super) first_seq: u64,
}

/// Role of a resource, or a call that names none.
#[derive(Clone, Debug, Default)]
pub(super) struct Key {
    /// Normalised name.
    pub(super) name: Vec<u8>,
    /// The name of the first resource with this role, as it was.
    pub(super) raw: Vec<u8>,
    /// How many distinct resources have it.
    pub(super) resources: u64,
    pub(super) kind: KeyKind,
    pub(super) created: bool,
    pub(super) modified: bool,
    pub(super) deleted: bool,
    /// What the file was when the run began, when there is one file of this role and somebody looked.
    pub(super) content: Option<Box<Content>>,
    /// The shortest file of this role with its name, where somebody looked and there are several.
    pub(super) shortest: Option<Box<(u64, Vec<u8>)>>,
    /// Some process of the run opened it, or named it; else it was open before.
    pub(super) named: bool,
}

impl Key {
    /// Keeps the shortest of several files that are one thing, of which there is one more.
    pub(super) fn note_length(&mut self, size_bytes: u64, name: Vec<u8>) {
        // Of most things there is one file, and its content says the same.
        let only = self.content.as_deref().map(|content| content.size_bytes);
        let least = self.shortest.as_deref().map(|(least, _)| *least).or(only);
        let is_first = least.is_none() && self.resources > 1;
        if is_first || least.is_some_and(|least| size_bytes < least) {
            self.shortest = Some(Box::new((size_bytes, name)));
        } else if let (None, Some(only)) = (&self.shortest, only) {
            self.shortest = Some(Box::new((only, self.raw.clone())));
        }
    }
}

/// What a key stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(super) enum KeyKind {
    #[default]
    File,
    Folder,
    Device,
    Pipe,
    /// Another end: `10.0.0.1:80`.
    Peer,
    /// An own end that others connect to.
    Listener,
    LocalSocket,
    Anonymous,
    /// A call without a resource: its name.
    Call,
}

/// What a role did to a key.
#[derive(Clone, Debug, Default)]
pub(super) struct Use {
    pub(super) calls: [u64; GROUPS],
    pub(super) bytes_read: u64,
    pub(super) bytes_written: u64,
    /// Most bytes that one call read: the size of a small file.
    pub(super) most_read: u64,
    /// Reads that gave nothing: the end of a file, or another end that closed.
    pub(super) empty_reads: u32,
    /// Times that it was asked, after a sleep of the one who asks.
    pub(super) after_pause: u32,
    pub(super) errors: Vec<Failures>,
    /// In calls on it, and waiting for it.
    pub(super) time_ns: i64,
    pub(super) longest_ns: i64,
    pub(super) longest_seq: u64,
    /// What most of the time was spent in.
    pub(super) waits: [i64; WAITS],
    pub(super) first_ns: i64,
    pub(super) first_seq: u64,
    pub(super) last_ns: i64,
}

impl Use {
    pub(super) fn count(&self, group: Group) -> u64 {
        self.calls.get(group as usize).copied().unwrap_or(0)
    }

    /// Adds calls that were counted together.
    pub(super) fn count_together(&mut self, touch: Option<Touch>, group: Group, calls: u64) {
        if let Some(count) = self.calls.get_mut(group as usize) {
            *count = count.saturating_add(calls);
        }
        let bytes = touch.and_then(|touch| touch.bytes).unwrap_or(0);
        match group {
            Group::Read => self.bytes_read = self.bytes_read.saturating_add(bytes),
            Group::Write => self.bytes_written = self.bytes_written.saturating_add(bytes),
            _ => {}
        }
    }

    /// Calls that did something: all but questions.
    pub(super) fn effective(&self) -> u64 {
        self.calls.iter().sum::<u64>()
    }

    /// What took most of the time.
    pub(super) fn main_wait(&self) -> Wait {
        Wait::ALL
            .into_iter()
            .max_by_key(|wait| self.waits.get(*wait as usize).copied().unwrap_or(0))
            .unwrap_or(Wait::Other)
    }
}

/// Calls that failed alike.
#[derive(Clone, Debug)]
pub(super) struct Failures {
    pub(super) group: Group,
    pub(super) errno: Errno,
    pub(super) call: &'static str,
    pub(super) count: u64,
    pub(super) first_ns: i64,
    pub(super) first_seq: u64,
}

/// Number of groups.
pub(super) const GROUPS: usize = 10;

/// Kinds of calls that are counted together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Group {
    Open = 0,
    Query = 1,
    Read = 2,
    Write = 3,
    Map = 4,
    Execute = 5,
    Change = 6,
    Connect = 7,
    Accept = 8,
    Other = 9,
}

/// Number of kinds of waiting.
pub(super) const WAITS: usize = 8;

/// What time in calls is spent for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Wait {
    /// Asked to sleep.
    Sleep = 0,
    /// For the end of a child.
    Child = 1,
    /// For any of several things to be ready.
    Ready = 2,
    /// For another thread.
    Thread = 3,
    /// For a lock on a file.
    Lock = 4,
    /// For a signal.
    Signal = 5,
    /// Data, or an answer, of what the call names.
    Transfer = 6,
    Other = 7,
}

impl Wait {
    pub(super) const ALL: [Self; WAITS] = [
        Self::Sleep,
        Self::Child,
        Self::Ready,
        Self::Thread,
        Self::Lock,
        Self::Signal,
        Self::Transfer,
        Self::Other,
    ];
}

/// A causal edge between roles.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct RoleLink {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) kind: LinkKind,
    /// Key of the resource, for data.
    pub(super) key: Option<u32>,
}
