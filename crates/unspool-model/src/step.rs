//! The narrow waist per event: a [`Step`] is an event with what the tracker knows about it. It is flat, so that the
//! tracker (live) and the tables of a closed run (batch) give the same steps.

use crate::args::Args;
use crate::event::{ExitStatus, Outcome};
use crate::ids::{Fd, Pid, ProcessId, ResourceId, SessionId, Tid};
use crate::syscalls::Syscall;
use crate::world::World;

/// An event with what the tracker knows about it.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Number of the event in the run, from 0, without gaps, in order of completion.
    pub seq: u64,
    /// Start of the event, see [`crate::event::Event::time_ns`].
    pub time_ns: i64,
    /// How long it took, when known.
    pub duration_ns: Option<i64>,
    /// Process life that it belongs to.
    pub process: ProcessId,
    /// Kernel number of that process.
    pub pid: Pid,
    /// Kernel number of the thread.
    pub tid: Tid,
    /// What kind of event.
    pub kind: StepKind,
    /// Name: of the call, function, signal; the kind's name otherwise. Bytes, as they were read.
    pub name: &'a [u8],
    /// Row of the syscall table, for system calls that it has.
    pub syscall: Option<Syscall>,
    /// Arguments or text.
    pub args: StepArgs<'a>,
    /// How the call ended; [`Outcome::Unknown`] for what is not a call. For `Exit` steps: see `exit`.
    pub outcome: Outcome,
    /// For `Exit` steps: how the thread (or, on the last thread, the process) ended.
    pub exit: Option<ExitStatus>,
    /// What it touched.
    pub touch: Option<Touch>,
    /// The second thing it touched: the new name of a rename or link, the output of sendfile and splice, the mapped
    /// file's counterpart.
    pub second: Option<Touch>,
}

/// Kinds of steps, one for each kind of event that is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum StepKind {
    /// System call.
    Syscall = 0,
    /// Library call.
    LibraryCall = 1,
    /// Signal delivered.
    Signal = 2,
    /// A new image (native recorders, besides the execve call).
    Exec = 3,
    /// A thread or process was made (native recorders, besides the clone call).
    Fork = 4,
    /// A thread ended.
    Exit = 5,
    /// Group stop.
    Stop = 6,
    /// End of a group stop.
    Continue = 7,
    /// Output of the program found in the log.
    Output = 8,
    /// Message of the tracer.
    Note = 9,
    /// Events are missing here.
    Gap = 10,
    /// Calls that were only counted.
    Folded = 11,
    /// Record of a log file.
    Log = 12,
    /// Resource use.
    Sample = 13,
}

impl StepKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: &'static [Self] = &[
        Self::Syscall,
        Self::LibraryCall,
        Self::Signal,
        Self::Exec,
        Self::Fork,
        Self::Exit,
        Self::Stop,
        Self::Continue,
        Self::Output,
        Self::Note,
        Self::Gap,
        Self::Folded,
        Self::Log,
        Self::Sample,
    ];

    /// Name as `evt.kind` and the JSON output have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syscall => "syscall",
            Self::LibraryCall => "library",
            Self::Signal => "signal",
            Self::Exec => "exec",
            Self::Fork => "fork",
            Self::Exit => "exit",
            Self::Stop => "stop",
            Self::Continue => "continue",
            Self::Output => "output",
            Self::Note => "note",
            Self::Gap => "gap",
            Self::Folded => "folded",
            Self::Log => "log",
            Self::Sample => "sample",
        }
    }

    /// From the number in which tables store it.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// Arguments of a step: text that exists, or arguments that are printed when somebody looks.
#[derive(Clone, Copy, Debug)]
pub enum StepArgs<'a> {
    /// Text as it stands.
    Text(&'a [u8]),
    /// Arguments of a call, printed on demand.
    Call(&'a Args<'a>, Option<Syscall>),
}

impl StepArgs<'_> {
    /// Appends the text.
    pub fn print(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text),
            Self::Call(args, call) => args.print(*call, out),
        }
    }
}

/// What a step did to one resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Touch {
    /// What it did.
    pub action: Action,
    /// Descriptor that it used or got.
    pub fd: Option<Fd>,
    /// Open file description behind the descriptor.
    pub session: Option<SessionId>,
    /// The resource; `None` when nobody knows what the descriptor is.
    pub resource: Option<ResourceId>,
    /// Bytes moved, as the kernel returned them.
    pub bytes: Option<u64>,
    /// Whether the resource's name is only a claim (read from user memory), not a fact of the kernel.
    pub claimed: bool,
}

/// What a call does to a resource.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Action {
    /// Opened it (or made a pipe, socket, eventfd).
    Open = 0,
    /// Opened it and made it: `O_CREAT` succeeded on a name that the run had not seen to exist.
    Create = 1,
    /// Closed a descriptor of it.
    Close = 2,
    /// Copied a descriptor of it.
    Duplicate = 3,
    /// Read from it.
    Read = 4,
    /// Wrote to it.
    Write = 5,
    /// Received from it (socket).
    Receive = 6,
    /// Sent to it (socket).
    Send = 7,
    /// Mapped it into memory.
    Map = 8,
    /// Executed it.
    Execute = 9,
    /// Removed its name.
    Delete = 10,
    /// Renamed it: on the old name.
    RenameFrom = 11,
    /// Renamed it: on the new name.
    RenameTo = 12,
    /// Made another name for it: on the old name.
    LinkFrom = 13,
    /// Made it as another name (hard or symbolic link).
    LinkTo = 14,
    /// Changed its length.
    Truncate = 15,
    /// Changed its mode, owner, times or extended attributes.
    Attributes = 16,
    /// Asked about it: stat, access, readlink, getxattr, statfs.
    Query = 17,
    /// Listed its entries.
    List = 18,
    /// Made it the working directory.
    ChangeDirectory = 19,
    /// Made it the root directory.
    ChangeRoot = 20,
    /// Connected to it.
    Connect = 21,
    /// Accepted a connection on it.
    Accept = 22,
    /// Bound a socket to it.
    Bind = 23,
    /// Listens on it.
    Listen = 24,
    /// Anything else done through a descriptor: lseek, ioctl, fcntl, fsync, poll, setsockopt.
    Control = 25,
    /// Mounted, or unmounted.
    Mount = 26,
    /// Watched it (inotify, fanotify, epoll).
    Watch = 27,
    /// Made a directory.
    MakeDirectory = 28,
    /// Shut a connection down.
    Shutdown = 29,
}

impl Action {
    /// All actions, in the order of their numbers.
    pub const ALL: &'static [Self] = &[
        Self::Open,
        Self::Create,
        Self::Close,
        Self::Duplicate,
        Self::Read,
        Self::Write,
        Self::Receive,
        Self::Send,
        Self::Map,
        Self::Execute,
        Self::Delete,
        Self::RenameFrom,
        Self::RenameTo,
        Self::LinkFrom,
        Self::LinkTo,
        Self::Truncate,
        Self::Attributes,
        Self::Query,
        Self::List,
        Self::ChangeDirectory,
        Self::ChangeRoot,
        Self::Connect,
        Self::Accept,
        Self::Bind,
        Self::Listen,
        Self::Control,
        Self::Mount,
        Self::Watch,
        Self::MakeDirectory,
        Self::Shutdown,
    ];

    /// Name as the field `fd.action` and the tables have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Create => "create",
            Self::Close => "close",
            Self::Duplicate => "duplicate",
            Self::Read => "read",
            Self::Write => "write",
            Self::Receive => "receive",
            Self::Send => "send",
            Self::Map => "map",
            Self::Execute => "execute",
            Self::Delete => "delete",
            Self::RenameFrom => "rename-from",
            Self::RenameTo => "rename-to",
            Self::LinkFrom => "link-from",
            Self::LinkTo => "link-to",
            Self::Truncate => "truncate",
            Self::Attributes => "attributes",
            Self::Query => "query",
            Self::List => "list",
            Self::ChangeDirectory => "chdir",
            Self::ChangeRoot => "chroot",
            Self::Connect => "connect",
            Self::Accept => "accept",
            Self::Bind => "bind",
            Self::Listen => "listen",
            Self::Control => "control",
            Self::Mount => "mount",
            Self::Watch => "watch",
            Self::MakeDirectory => "mkdir",
            Self::Shutdown => "shutdown",
        }
    }

    /// From the number in which tables store it.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether bytes flow from the resource to the process.
    pub fn is_input(self) -> bool {
        matches!(self, Self::Read | Self::Receive | Self::List)
    }

    /// Whether bytes flow from the process to the resource.
    pub fn is_output(self) -> bool {
        matches!(self, Self::Write | Self::Send)
    }
}

/// Takes what the tracker finds, or what tables give back. Objects are handed over once, when they are complete
/// (ended, closed) or at the end of the run; `step` comes for every event, in order of `seq`.
pub trait StepSink {
    /// One step. `world` knows every process, session and resource that the step names.
    fn step(&mut self, step: &Step<'_>, world: &World);
    /// A process life is complete (ended, or the run is over). Called once per process.
    fn process(&mut self, process: &crate::world::Process) {
        let _ = process;
    }
    /// A session is complete. Called once per session.
    fn session(&mut self, session: &crate::world::Session) {
        let _ = session;
    }
    /// A descriptor's life is complete. Called once per descriptor.
    fn descriptor(&mut self, descriptor: &crate::world::Descriptor) {
        let _ = descriptor;
    }
    /// Everything that one process did to one resource. Called once per pair, when the process is complete.
    fn access(&mut self, access: &crate::world::Access) {
        let _ = access;
    }
    /// A causal edge, aggregated; called once per edge.
    fn link(&mut self, link: &crate::world::Link) {
        let _ = link;
    }
    /// Resource use over an interval, in order of its end.
    fn sample(&mut self, sample: &crate::sample::Sample) {
        let _ = sample;
    }
    /// A resource; called once per resource, at the end of the run.
    fn resource(&mut self, resource: &crate::world::Resource) {
        let _ = resource;
    }
}
