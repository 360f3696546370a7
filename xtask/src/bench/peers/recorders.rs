//! The recorders: unspool's own, and the peers.

use std::path::Path;
use std::process::{Command, Stdio};

use super::installed;
use super::measure::Setting;
use super::remove;

/// How a workload is recorded.
pub(super) struct Recorder {
    pub(super) name: &'static str,
    /// Program that must be installed; empty: the binary under test.
    program: &'static str,
    /// Command before the workload's: `{out}` is a fresh path, `{unspool}` the binary.
    pub(super) words: &'static [&'static str],
    pub(super) pace: Pace,
    /// Whether it promises every system call, so that loss can be told from the truth.
    pub(super) counts_all: bool,
    pub(super) counts: Counting,
}

/// How much of a workload it is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pace {
    /// All of it.
    Fast,
    /// A fifth and less: microseconds a call.
    Slow,
    /// Next to nothing, and only where that is possible: library calls too.
    Crawl,
}

/// Where its number of calls comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Counting {
    /// Nowhere.
    Nothing,
    /// The run's tables and manifest.
    Unspool,
    /// Lines of strace: one for each call, not counting first halves.
    Strace,
    /// Lines of the output that hold this.
    Lines(&'static str),
    /// `perf script` of the data.
    PerfScript,
}

macro_rules! own {
    ($name:literal, $recorder:literal, $detail:literal, $pace:expr) => {
        Recorder {
            name: $name,
            program: "",
            words: &[
                "{unspool}",
                "record",
                "--quiet",
                "--recorder",
                $recorder,
                "--detail",
                $detail,
                "-o",
                "{out}",
                "--",
            ],
            pace: $pace,
            // ltrace counts calls into libraries too.
            counts_all: matches!($detail.as_bytes(), b"full")
                && !matches!($recorder.as_bytes(), b"ltrace"),
            counts: Counting::Unspool,
        }
    };
}

/// Follows the tree of the command in the kernel, as users of bpftrace write it.
const BPFTRACE: &str = "\
tracepoint:sched:sched_process_fork /@t[args->parent_pid]/ { @t[args->child_pid] = 1 } \
tracepoint:raw_syscalls:sys_enter /@t[tid] || pid == cpid/ { @t[tid] = 1; printf(\"%d %ld %lx\\n\", tid, args->id, args->args[0]) }";

/// It has no command to record: everything is, while the command runs.
const SYSDIG: &str = "\
sysdig -w \"$0\" & recorder=$!; sleep 1; kill -0 $recorder || exit 1; \
\"$@\"; status=$?; kill -INT $recorder; wait $recorder; exit $status";

/// Records a process that sleeps, and runs the workload beside it. The programs at both tracepoints of calls pass it by at once: what
/// anything costs that looks at the beginnings and the ends of calls.
const BESIDE: &str = "\
out=$1; shift; \
\"$0\" record --quiet --recorder bpf -o \"$out\" -- sh -c \": > '$out.begun'; exec sleep 3600\" & \
recorder=$!; until [ -e \"$out.begun\" ]; do kill -0 $recorder || exit 1; sleep 0.02; done; \
\"$@\"; status=$?; \
rm \"$out.begun\"; kill $recorder; wait $recorder; exit $status";

pub(super) static RECORDERS: &[Recorder] = &[
    Recorder {
        name: "plain",
        program: "sh",
        words: &[],
        pace: Pace::Fast,
        counts_all: false,
        counts: Counting::Nothing,
    },
    Recorder {
        name: "not recorded, beside what unspool bpf records (floor of programs at calls)",
        program: "",
        words: &["sh", "-c", BESIDE, "{unspool}", "{out}"],
        pace: Pace::Fast,
        counts_all: false,
        counts: Counting::Nothing,
    },
    own!("unspool bpf, full", "bpf", "full", Pace::Fast),
    own!("unspool bpf, io", "bpf", "io", Pace::Fast),
    own!("unspool bpf, names", "bpf", "names", Pace::Fast),
    own!("unspool bpf, tree", "bpf", "tree", Pace::Fast),
    own!("unspool ptrace, full", "ptrace", "full", Pace::Slow),
    own!("unspool ptrace, io", "ptrace", "io", Pace::Slow),
    own!("unspool ptrace, names", "ptrace", "names", Pace::Slow),
    own!("unspool ptrace, tree", "ptrace", "tree", Pace::Fast),
    own!("unspool strace", "strace", "full", Pace::Slow),
    own!("unspool ltrace", "ltrace", "full", Pace::Crawl),
    Recorder {
        name: "strace -f",
        program: "strace",
        words: &["strace", "-f", "-o", "{out}"],
        pace: Pace::Slow,
        counts_all: true,
        counts: Counting::Strace,
    },
    Recorder {
        name: "strace -f --seccomp-bpf -e %file,%process,%network",
        program: "strace",
        words: &[
            "strace",
            "-f",
            "--seccomp-bpf",
            "-e",
            "trace=%file,%process,%network",
            "-o",
            "{out}",
        ],
        pace: Pace::Slow,
        counts_all: false,
        counts: Counting::Strace,
    },
    Recorder {
        name: "perf trace",
        program: "perf",
        words: &["perf", "trace", "-o", "{out}", "--"],
        pace: Pace::Slow,
        counts_all: true,
        counts: Counting::Lines("("),
    },
    Recorder {
        name: "perf trace record",
        program: "perf",
        words: &["perf", "trace", "record", "-o", "{out}", "--"],
        pace: Pace::Slow,
        counts_all: true,
        counts: Counting::PerfScript,
    },
    Recorder {
        name: "bpftrace, raw_syscalls of the tree",
        program: "bpftrace",
        words: &["bpftrace", "-q", "-o", "{out}", "-e", BPFTRACE, "-c"],
        pace: Pace::Slow,
        counts_all: true,
        counts: Counting::Lines(" "),
    },
    Recorder {
        name: "sysdig",
        program: "sysdig",
        words: &["sh", "-c", SYSDIG, "{out}"],
        pace: Pace::Fast,
        counts_all: false,
        counts: Counting::Nothing,
    },
    Recorder {
        name: "tracexec (executions only)",
        program: "tracexec",
        words: &["tracexec", "log", "-o", "{out}", "--"],
        pace: Pace::Slow,
        counts_all: false,
        counts: Counting::Nothing,
    },
    Recorder {
        name: "reprozip",
        program: "reprozip",
        words: &[
            "reprozip",
            "trace",
            "--overwrite",
            "--dont-find-inputs-outputs",
            "-d",
            "{out}",
        ],
        pace: Pace::Slow,
        counts_all: false,
        counts: Counting::Nothing,
    },
];

impl Recorder {
    /// Why it cannot be run here.
    pub(super) fn absence(&self, setting: &Setting) -> Option<String> {
        if !self.program.is_empty() && !installed(self.program) {
            return Some("not installed".to_owned());
        }
        // It is tried, and says why it cannot.
        let out = setting.folder.join("probe");
        if let Err(error) = remove(&out) {
            return Some(error);
        }
        if let Err(error) = std::fs::create_dir_all(&setting.folder) {
            return Some(format!("make `{}`: {error}", setting.folder.display()));
        }
        let line = self.line(setting, &out, &["/bin/true".to_owned()]);
        let (program, arguments) = line.split_first()?;
        let tried = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .output();
        match tried {
            Ok(output) if output.status.success() => None,
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stderr).into_owned();
                let why = text.lines().next().unwrap_or("it fails");
                Some(why.trim_start_matches("unspool: ").to_owned())
            }
            Err(error) => Some(error.to_string()),
        }
    }

    /// The whole command line for a workload's.
    pub(super) fn line(&self, setting: &Setting, out: &Path, command: &[String]) -> Vec<String> {
        let mut line: Vec<String> = self
            .words
            .iter()
            .map(|word| {
                word.replace("{unspool}", &setting.unspool.to_string_lossy())
                    .replace("{out}", &out.to_string_lossy())
            })
            .collect();
        if self.program == "bpftrace" {
            // It takes the command as one word and splits it at blanks: a script file holds it.
            line.push(command.join(" "));
        } else {
            line.extend_from_slice(command);
        }
        line
    }
}
