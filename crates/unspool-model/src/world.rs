//! What is known about a run beyond single events: processes, sessions, descriptors, resources, accesses, links.

use crate::category::Category;
use crate::container::Placement;
use crate::event::{ClockKind, ExitStatus, Outcome};
use crate::ids::{Fd, Pid, ProcessId, ResourceId, SessionId};
use crate::step::{Action, Step, Touch};

/// State of a run, as far as it is known or kept.
///
/// Vectors are indexed by the ids. A place is `None` when the object was handed on and dropped
/// ([`crate::tracker::Retention::Live`]); everything is there under [`crate::tracker::Retention::All`] and when the
/// world was read from tables.
#[derive(Debug, Default)]
pub struct World {
    /// What the times mean.
    pub clock: ClockKind,
    /// Processes by [`ProcessId`].
    pub processes: Vec<Option<Box<Process>>>,
    /// Sessions by [`SessionId`].
    pub sessions: Vec<Option<Box<Session>>>,
    /// Resources by [`ResourceId`]; always kept.
    pub resources: Vec<Resource>,
    /// Complete descriptors (only where everything is kept).
    pub descriptors: Vec<Descriptor>,
    /// Complete accesses (only where everything is kept).
    pub accesses: Vec<Access>,
    /// Complete links (only where everything is kept).
    pub links: Vec<Link>,
    /// Resource use, in order of its end (only where everything is kept, or was asked for).
    pub samples: Vec<crate::sample::Sample>,
}

impl World {
    /// The process, if it is still kept.
    pub fn process(&self, id: ProcessId) -> Option<&Process> {
        self.processes.get(id.index())?.as_deref()
    }

    /// The session, if it is still kept.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(id.index())?.as_deref()
    }

    /// The resource.
    pub fn resource(&self, id: ResourceId) -> Option<&Resource> {
        self.resources.get(id.index())
    }

    /// All processes that are kept, in order of id.
    pub fn iter_processes(&self) -> impl Iterator<Item = &Process> {
        self.processes.iter().filter_map(Option::as_deref)
    }

    /// All sessions that are kept, in order of id.
    pub fn iter_sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().filter_map(Option::as_deref)
    }
}

/// One life of a pid, from fork to exit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// Our id.
    pub id: ProcessId,
    /// Kernel number (thread group id).
    pub pid: Pid,
    /// Process that made it; `None` for a root and for one whose maker was not recorded.
    pub parent: Option<ProcessId>,
    /// When it was made, or first seen.
    pub start_ns: i64,
    /// Whether recording began in mid-life, so that `start_ns` is only when it was first seen.
    pub attached: bool,
    /// When it ended, if it was seen to end.
    pub end_ns: Option<i64>,
    /// How it ended, if seen.
    pub exit: Option<ExitStatus>,
    /// Images that it ran: the one inherited from the parent first (with `inherited` set), then one per successful
    /// exec, in order. Empty only when nothing is known at all.
    pub images: Vec<Image>,
    /// Working directory at its start; empty when unknown.
    pub cwd: Vec<u8>,
    /// User id, when known.
    pub user: Option<u32>,
    /// Path of its control group when its last image began; empty when unknown.
    pub group: Vec<u8>,
    /// Name of its container, when the runtime tells; else empty.
    pub container_name: Vec<u8>,
    /// Threads that it had over its life, the main one included.
    pub threads: u32,
    /// Its events.
    pub events: u64,
    /// Its calls that failed.
    pub failed_calls: u64,
}

impl Process {
    /// Takes over the control group that an event told, if it did.
    pub(crate) fn set_group(&mut self, group: crate::event::Group<'_>) {
        if let Some(path) = group.path {
            self.group = path.to_vec();
            self.container_name = group.container.to_vec();
        }
    }

    /// What the path of its control group says.
    pub fn placement(&self) -> Placement<'_> {
        Placement::of(&self.group)
    }

    /// Image that ran at event `seq`; the last one for `u64::MAX`.
    pub fn image_at(&self, seq: u64) -> Option<&Image> {
        self.images
            .iter()
            .rev()
            .find(|image| image.seq <= seq)
            .or_else(|| self.images.first())
    }

    /// The last image: what the process is known as.
    pub fn image(&self) -> Option<&Image> {
        self.images.last()
    }

    /// Number of successful execs inside this life.
    pub fn execs(&self) -> usize {
        self.images.iter().filter(|image| !image.inherited).count()
    }

    /// Last component of the executable's path at event `seq`; empty when unknown.
    pub fn name_at(&self, seq: u64) -> &[u8] {
        self.image_at(seq).map_or(&[], Image::name)
    }
}

/// A program image of a process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Image {
    /// Event from which on it ran: the exec's, or the first of the process.
    pub seq: u64,
    /// When it began to run.
    pub time_ns: i64,
    /// Whether it was inherited from the parent by fork.
    pub inherited: bool,
    /// Path of the executable; empty when unknown.
    pub exe: Vec<u8>,
    /// Arguments; empty when unknown.
    pub argv: Vec<Vec<u8>>,
    /// Whether `argv` is cut.
    pub argv_cut: bool,
    /// Environment, `NAME=value` each; empty when unknown.
    pub env: Vec<Vec<u8>>,
    /// Working directory when it began; empty when unknown.
    pub cwd: Vec<u8>,
    /// Whether exe and argv are claims (read from user memory before the exec), not facts.
    pub claimed: bool,
}

impl Image {
    /// Last component of the executable's path; of `argv[0]` when the path is unknown.
    pub fn name(&self) -> &[u8] {
        let path = if self.exe.is_empty() {
            self.argv.first().map_or(&[][..], Vec::as_slice)
        } else {
            &self.exe
        };
        path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
    }
}

/// The life of an open file description.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Our id.
    pub id: SessionId,
    /// What it is open on.
    pub resource: ResourceId,
    /// Process that opened it (or was first seen with it).
    pub process: ProcessId,
    /// Event that opened it; `None` when it was inherited or open before recording began.
    pub opened_seq: Option<u64>,
    /// When it was opened, or first seen.
    pub opened_ns: i64,
    /// When its last descriptor was closed; `None` while open.
    pub closed_ns: Option<i64>,
    /// Open flags (`O_*`), 0 when unknown or none.
    pub flags: u32,
    /// Whether the resource's name is a claim.
    pub claimed: bool,
    /// Calls and bytes on it, by all processes.
    pub traffic: Traffic,
}

/// Calls that moved bytes, and the bytes as the kernel returned them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    /// Successful calls that read or received.
    pub reads: u64,
    /// Bytes that they returned.
    pub bytes_read: u64,
    /// Successful calls that wrote or sent.
    pub writes: u64,
    /// Bytes that they returned.
    pub bytes_written: u64,
}

impl Traffic {
    /// Traffic of so many successful calls; none for actions that move no bytes.
    pub fn of(action: Action, calls: u64, bytes: u64) -> Self {
        let mut traffic = Self::default();
        if action.is_output() {
            traffic.writes = calls;
            traffic.bytes_written = bytes;
        } else if matches!(action, Action::Read | Action::Receive) {
            traffic.reads = calls;
            traffic.bytes_read = bytes;
        }
        traffic
    }

    /// Adds what was moved.
    pub fn add(&mut self, moved: Self) {
        self.reads = self.reads.saturating_add(moved.reads);
        self.bytes_read = self.bytes_read.saturating_add(moved.bytes_read);
        self.writes = self.writes.saturating_add(moved.writes);
        self.bytes_written = self.bytes_written.saturating_add(moved.bytes_written);
    }
}

/// The life of a descriptor: one number in one process, open on one session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// Session it refers to.
    pub session: SessionId,
    /// Process that has it.
    pub process: ProcessId,
    /// Its number.
    pub fd: Fd,
    /// When it came to be.
    pub opened_ns: i64,
    /// When it went; `None` while open (at the end of the run).
    pub closed_ns: Option<i64>,
    /// What ended it.
    pub closed_by: Option<ClosedBy>,
    /// How it came to be.
    pub origin: Origin,
    /// Whether it is closed at exec.
    pub close_on_exec: bool,
    /// Calls and bytes through it.
    pub traffic: Traffic,
}

/// What ended a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum ClosedBy {
    /// close, `close_range`.
    Close = 0,
    /// A new image and the close-on-exec flag.
    Exec = 1,
    /// The end of the process.
    Exit = 2,
    /// dup2, dup3 onto its number.
    Replaced = 3,
    /// Its number was handed out again: a close that the log does not show.
    Unseen = 4,
}

impl ClosedBy {
    /// All, in the order of their numbers.
    pub const ALL: &'static [Self] = &[
        Self::Close,
        Self::Exec,
        Self::Exit,
        Self::Replaced,
        Self::Unseen,
    ];

    /// Name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Exec => "exec",
            Self::Exit => "exit",
            Self::Replaced => "dup2",
            Self::Unseen => "unseen",
        }
    }
}

/// How a descriptor came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// By a call that made a new open file description.
    Opened,
    /// Copy of another descriptor of the same process.
    Duplicated(Fd),
    /// Copied at fork from this process.
    Inherited(ProcessId),
    /// Received over a socket, or taken by `pidfd_getfd`.
    Received,
    /// Open before recording began, or its opening is not in the log.
    Before,
}

/// Something that processes read, write, execute, talk to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resource {
    /// Our id.
    pub id: ResourceId,
    /// What it is.
    pub kind: ResourceKind,
    /// Name within the host: absolute path, `pipe:[123]`, `TCP:[127.0.0.1:80->127.0.0.1:4711]`, `anon_inode:[eventfd]`.
    /// The global name is the host's name, `:` and this.
    pub name: Vec<u8>,
    /// Category for people.
    pub category: Category,
    /// Ends of a socket.
    pub socket: Option<SocketName>,
    /// Made by the run.
    pub created: bool,
    /// Written, truncated or renamed over by the run.
    pub modified: bool,
    /// Its name was removed by the run (and not made again).
    pub deleted: bool,
    /// What the file was when the run began. `None` where nobody looked, or where it changed since.
    pub content: Option<Content>,
}

/// What tells one content of a file from another, as the file system says (stat(2)) and, when asked for, its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Content {
    /// Length in bytes.
    pub size_bytes: u64,
    /// When it was last written, in nanoseconds since the epoch.
    pub modified_ns: i64,
    /// Number of the file in its file system: another one is another file under the same name.
    pub inode: u64,
    /// First half of the SHA-256 of its bytes.
    pub hash: Option<u128>,
}

impl Resource {
    /// Made and removed within the run.
    pub fn is_temporary(&self) -> bool {
        self.created && self.deleted
    }
}

/// Kinds of resources.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum ResourceKind {
    /// Regular file, or a path of unknown kind.
    File = 0,
    /// Directory.
    Directory = 1,
    /// Device (`/dev/null`, a terminal).
    Device = 2,
    /// Pipe or FIFO.
    Pipe = 3,
    /// Socket.
    Socket = 4,
    /// Event counter, timer, epoll and so on: `anon_inode:[...]`.
    Anonymous = 5,
    /// Memory file (memfd).
    Memory = 6,
    /// A process behind a pidfd.
    Process = 7,
    /// Nobody knows.
    Unknown = 8,
}

impl ResourceKind {
    /// All, in the order of their numbers.
    pub const ALL: &'static [Self] = &[
        Self::File,
        Self::Directory,
        Self::Device,
        Self::Pipe,
        Self::Socket,
        Self::Anonymous,
        Self::Memory,
        Self::Process,
        Self::Unknown,
    ];

    /// Name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Device => "device",
            Self::Pipe => "pipe",
            Self::Socket => "socket",
            Self::Anonymous => "anonymous",
            Self::Memory => "memory",
            Self::Process => "process",
            Self::Unknown => "unknown",
        }
    }

    /// From the number in which tables store it.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// Ends of a socket.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SocketName {
    /// `TCP`, `UDP`, `TCPv6`, `UDPv6`, `UNIX`, `NETLINK`, ... as strace -yy prints; `TCP` for both versions where it
    /// is not known.
    pub protocol: String,
    /// Own address, `127.0.0.1:80`, a path; empty when unknown.
    pub local: Vec<u8>,
    /// Other end's address; empty when not connected or unknown.
    pub remote: Vec<u8>,
}

/// Everything that one process did to one resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// Who.
    pub process: ProcessId,
    /// What.
    pub resource: ResourceId,
    /// Successful calls, by [`Action`](crate::step::Action) number.
    pub calls: [u32; Action::ALL.len()],
    /// Reads and writes with their bytes.
    pub traffic: Traffic,
    /// Calls that failed.
    pub failed: u64,
    /// Error of the last call that failed.
    pub last_error: Option<crate::event::Errno>,
    /// First touch.
    pub first_ns: i64,
    /// Last touch.
    pub last_ns: i64,
    /// Sum of the time in these calls, where known.
    pub total_ns: i64,
    /// Whether the resource was only ever named by claims.
    pub claimed: bool,
}

impl Access {
    /// Nothing done yet; only claims so far.
    pub fn new(process: ProcessId, resource: ResourceId, time_ns: i64) -> Self {
        Self {
            process,
            resource,
            calls: [0; Action::ALL.len()],
            traffic: Traffic::default(),
            failed: 0,
            last_error: None,
            first_ns: time_ns,
            last_ns: time_ns,
            total_ns: 0,
            claimed: true,
        }
    }

    /// Counts one touch of a step. What a log claims to have been returned can be any number: sums end at their limit.
    pub fn add(&mut self, step: &Step<'_>, touch: &Touch) {
        self.first_ns = self.first_ns.min(step.time_ns);
        self.last_ns = self.last_ns.max(step.time_ns);
        self.total_ns = self.total_ns.saturating_add(step.duration_ns.unwrap_or(0));
        self.claimed &= touch.claimed;
        if let Outcome::Failed(errno) = step.outcome {
            self.failed += 1;
            self.last_error = Some(errno);
            return;
        }
        if let Some(calls) = self.calls.get_mut(touch.action as usize) {
            *calls = calls.saturating_add(1);
        }
        self.traffic
            .add(Traffic::of(touch.action, 1, touch.bytes.unwrap_or(0)));
    }

    /// Successful calls of one action.
    pub fn count(&self, action: Action) -> u32 {
        self.calls.get(action as usize).copied().unwrap_or(0)
    }
}

/// A causal edge between two process lives, aggregated over its events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// What kind.
    pub kind: LinkKind,
    /// Cause.
    pub from: ProcessId,
    /// Effect.
    pub to: ProcessId,
    /// For data and connections: through what.
    pub resource: Option<ResourceId>,
    /// How often.
    pub count: u64,
    /// First time.
    pub first_ns: i64,
    /// Last time.
    pub last_ns: i64,
    /// Event that first made the edge.
    pub first_seq: u64,
}

/// Kinds of causal edges.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum LinkKind {
    /// `from` made `to`.
    Fork = 0,
    /// `from` replaced its image (`to` is the same life).
    Exec = 1,
    /// The end of `from` was reported to `to`.
    Wait = 2,
    /// `from` sent `to` a signal.
    Signal = 3,
    /// `to` read what `from` wrote last.
    Data = 4,
    /// `from` connected to a socket on which `to` accepted.
    Connect = 5,
}

impl LinkKind {
    /// All, in the order of their numbers.
    pub const ALL: &'static [Self] = &[
        Self::Fork,
        Self::Exec,
        Self::Wait,
        Self::Signal,
        Self::Data,
        Self::Connect,
    ];

    /// Name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Exec => "exec",
            Self::Wait => "wait",
            Self::Signal => "signal",
            Self::Data => "data",
            Self::Connect => "connect",
        }
    }
}
