//! What is recorded and how, and what came of it.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::seam::{NoScrub, Scrub, SinkError};

/// A command to record.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// Program and arguments.
    pub argv: Vec<OsString>,
    /// Where the command starts, `None`: where the recorder is.
    pub cwd: Option<PathBuf>,
    /// Value of `PATH` to look the program up in, if its name has no slash. `None`: `/bin:/usr/bin`, as execvp(3) has it.
    pub search_path: Option<OsString>,
}

/// How long recording goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Until the command's first process ended; those left behind are let go and run on.
    #[default]
    Main,
    /// Until all processes that came from the command ended.
    All,
}

/// Which calls are recorded. Each includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// No calls: processes, images, exits and signals only. Costs nothing per call.
    Tree,
    /// Calls that name files, make descriptors, connect, or concern processes.
    Names,
    /// Also calls that move data.
    Io,
    /// All calls.
    #[default]
    Full,
}

impl Detail {
    /// The least detail that includes a call, by its name: [`Self::Full`] for those that no other one includes.
    pub fn least_for(call: &[u8]) -> Self {
        crate::native::least_detail(call)
    }

    /// Its name, as options and manifests have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Names => "names",
            Self::Io => "io",
            Self::Full => "full",
        }
    }

    /// The detail of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Tree, Self::Names, Self::Io, Self::Full]
            .into_iter()
            .find(|detail| detail.name() == name)
    }
}

/// How calls that are not wanted are kept from stopping, for [`Detail::Names`] and [`Detail::Io`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// Not at all: every call stops, and unwanted ones are passed over. The job's state stays what it would have been.
    #[default]
    Stops,
    /// By a seccomp filter in the job: unwanted calls cost some 40 ns. The job can see the filter, it gets `no_new_privs` unless
    /// the recorder is privileged, it ends with the recorder (`PTRACE_O_EXITKILL`), and all its processes are waited for.
    Seccomp,
}

/// How to record.
#[derive(Clone)]
pub struct RecordOptions {
    /// Bytes kept of each buffer read, written, sent or received. At most 1 MiB counts.
    pub payload_bytes: usize,
    /// How long recording goes on.
    pub wait: Wait,
    /// Which calls are recorded.
    pub detail: Detail,
    /// How calls that are not wanted are kept from stopping.
    pub filter: Filter,
    /// How often the use of CPU, memory and input and output is sampled; `None`: never.
    pub sample: Option<std::time::Duration>,
    /// Removes secrets.
    pub scrub: Arc<dyn Scrub>,
}

impl Default for RecordOptions {
    fn default() -> Self {
        Self {
            payload_bytes: 0,
            wait: Wait::default(),
            detail: Detail::default(),
            filter: Filter::default(),
            sample: None,
            scrub: Arc::new(NoScrub),
        }
    }
}

impl fmt::Debug for RecordOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            payload_bytes,
            wait,
            detail,
            filter,
            sample,
            scrub: _,
        } = self;
        let mut shown = formatter.debug_struct("RecordOptions");
        shown
            .field("payload_bytes", payload_bytes)
            .field("wait", wait)
            .field("detail", detail)
            .field("filter", filter)
            .field("sample", sample)
            .finish_non_exhaustive()
    }
}

/// Ends a recording from another thread.
#[derive(Clone, Debug, Default)]
pub struct Control {
    detach: Arc<AtomicBool>,
}

impl Control {
    /// Asks the recorder to let all processes go, unharmed, and to finish. Heard within 250 ms.
    pub fn detach(&self) {
        self.detach.store(true, Ordering::Relaxed);
    }

    /// Whether [`Control::detach`] was called.
    pub fn is_detach_asked(&self) -> bool {
        self.detach.load(Ordering::Relaxed)
    }
}

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited.
    Code(u8),
    /// A signal ended it.
    Signal(u8),
    /// It still runs: the recorder let it go, or it was attached to.
    Running,
}

impl Exit {
    /// From a wait status.
    pub(crate) fn from_status(status: i32) -> Self {
        let byte = |value: i32| u8::try_from(value & 0xff).unwrap_or(u8::MAX);
        if libc::WIFEXITED(status) {
            Self::Code(byte(libc::WEXITSTATUS(status)))
        } else if libc::WIFSIGNALED(status) {
            Self::Signal(byte(libc::WTERMSIG(status)))
        } else {
            Self::Running
        }
    }

    /// Exit status for a program that stands in for the command, as shells have it: 128 + N for signal N.
    pub fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128_u8.saturating_add(signal),
            Self::Running => 0,
        }
    }
}

/// Events counted where they were seen: `seen = recorded + folded + lost`.
///
/// Events are the records of kinds call, fork, exec, exit, signal, stop and continue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that the recorder saw.
    pub seen: u64,
    /// Events that the sink took.
    pub recorded: u64,
    /// Events counted instead of written one by one.
    pub folded: u64,
    /// Events that are in no record.
    pub lost: u64,
}

/// What came of a recording.
#[derive(Debug)]
pub struct Outcome {
    /// How the command ended.
    pub exit: Exit,
    /// Events seen, recorded, folded, lost.
    pub counts: Counts,
    /// Things a person should know, one sentence each.
    pub notes: Vec<String>,
    /// The first failure of the sink.
    pub sink_error: Option<SinkError>,
}

/// Why nothing was recorded.
#[derive(Debug)]
pub enum RecordError {
    /// The program is not there.
    NotFound {
        /// As given.
        program: OsString,
    },
    /// The program is there and cannot be executed.
    NotExecutable {
        /// As given.
        program: OsString,
        /// What execve(2) said.
        source: std::io::Error,
    },
    /// A process cannot be traced.
    Trace {
        /// The process.
        pid: i32,
        /// What ptrace(2) said.
        source: std::io::Error,
    },
    /// The kernel has no `PTRACE_GET_SYSCALL_INFO` (before 5.3).
    KernelTooOld,
    /// The BPF programs cannot be loaded.
    Bpf {
        /// What the kernel or the loader said.
        source: std::io::Error,
    },
    /// There is no such control group.
    Group {
        /// As given.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The control group is one of version 1.
    OldGroup {
        /// As given.
        path: PathBuf,
        /// The folder that the group of this name would have in version 2.
        counterpart: PathBuf,
        /// Whether there is one.
        is_there: bool,
    },
    /// The external tracer is not installed.
    TracerMissing {
        /// Name of its program, which is the name of its package as well.
        tracer: &'static str,
    },
    /// Another step failed.
    Failed {
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl RecordError {
    /// Exit status that says so: 127 not found, 126 not executable, 125 anything else.
    pub fn code(&self) -> u8 {
        match self {
            Self::NotFound { .. } => 127,
            Self::NotExecutable { .. } => 126,
            Self::Trace { .. }
            | Self::KernelTooOld
            | Self::Bpf { .. }
            | Self::Group { .. }
            | Self::OldGroup { .. }
            | Self::TracerMissing { .. }
            | Self::Failed { .. } => 125,
        }
    }

    /// What to do about it, if something can be done.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotFound { .. } => Some("check the name, or give the path of the program"),
            Self::NotExecutable { .. } => {
                Some("check its mode, and the interpreter in its first line")
            }
            Self::Trace { source, .. } if source.raw_os_error() == Some(libc::EPERM) => Some(
                "another tracer may hold it, it may be another user's, or kernel.yama.ptrace_scope forbids it: `unspool doctor` says which",
            ),
            Self::KernelTooOld => Some("record with `--recorder strace`"),
            Self::Group { .. } => Some(
                "give a folder below /sys/fs/cgroup, or the path behind `0::` in /proc/PID/cgroup",
            ),
            Self::OldGroup { is_there, .. } => Some(if *is_there {
                "give that one, if the processes are in it as well (`0::` in /proc/PID/cgroup); or give the pids in `cgroup.procs` of the old one with `-p`"
            } else {
                "make that folder and write the pids into its `cgroup.procs`; or give the pids in `cgroup.procs` of the old one with `-p`"
            }),
            Self::Bpf { .. } => Some(
                "`unspool doctor` prints the command that allows it; or record with `--recorder ptrace`",
            ),
            Self::TracerMissing { tracer: "strace" } => Some(
                "`apt install strace` (or dnf, apk, pacman), or record with `--recorder ptrace`",
            ),
            Self::TracerMissing { .. } => {
                Some("`apt install ltrace` (or dnf, pacman), or record with `--recorder ptrace`")
            }
            Self::Trace { .. } | Self::Failed { .. } => None,
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { program } => {
                write!(formatter, "cannot run `{}`: not found", program.display())
            }
            Self::NotExecutable { program, source } => {
                write!(formatter, "cannot run `{}`: {source}", program.display())
            }
            Self::Trace { pid, source } => {
                write!(formatter, "cannot trace process {pid}: {source}")
            }
            Self::KernelTooOld => write!(
                formatter,
                "cannot record calls: the kernel is older than 5.3"
            ),
            Self::TracerMissing { tracer } => write!(
                formatter,
                "cannot record with {tracer}: it is not installed"
            ),
            Self::Group { path, source } => {
                write!(
                    formatter,
                    "cannot record control group `{}`: {source}",
                    path.display()
                )
            }
            Self::OldGroup {
                path,
                counterpart,
                is_there,
            } => write!(
                formatter,
                "cannot record control group `{}`: it is of version 1 and not in the unified hierarchy, where `{}` {}",
                path.display(),
                counterpart.display(),
                if *is_there {
                    "has its name"
                } else {
                    "would have its name, but does not exist"
                }
            ),
            Self::Bpf { source } => {
                write!(formatter, "cannot load the BPF programs: {source}")
            }
            Self::Failed { action, source } => write!(formatter, "cannot {action}: {source}"),
        }
    }
}

impl std::error::Error for RecordError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotExecutable { source, .. }
            | Self::Trace { source, .. }
            | Self::Bpf { source }
            | Self::Group { source, .. }
            | Self::Failed { source, .. } => Some(source),
            Self::NotFound { .. }
            | Self::KernelTooOld
            | Self::TracerMissing { .. }
            | Self::OldGroup { .. } => None,
        }
    }
}
