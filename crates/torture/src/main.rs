//! `torture NAME [NUMBER...]`: runs one hard workload and prints the truth about it as one line of JSON on stdout.
//!
//! Keys: `processes` (lives of the program itself and its descendants), `threads`, `execs` of the program itself, `calls`
//! (name to exact count, only those that the workload makes itself), `exits` (exit status to count of children), `kills`
//! (signal to count of children), `signals` (signal to count of deliveries), `files` (names as hexadecimal bytes), `writes`
//! (path to bytes). A key that is absent says nothing. Exit status 77: this machine does not allow the workload; stderr says why.
#![expect(clippy::print_stdout, reason = "the truth goes to stdout")]
#![expect(clippy::print_stderr, reason = "reasons for skipping go to stderr")]

mod data;
mod floods;
mod foreign;
mod processes;
mod signals;
mod spaces;
mod state;
mod sys;

use std::process::ExitCode;

use serde_json::Value;

/// Why a workload could not run.
#[derive(Debug)]
enum Trouble {
    /// Not on this machine.
    Skip(String),
    /// It should have worked.
    Failed(String),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

type Outcome = Result<Value, Trouble>;

/// A workload: name, what its numbers mean, their defaults, the function.
struct Workload {
    name: &'static str,
    numbers: &'static str,
    defaults: &'static [u64],
    run: fn(&[u64]) -> Outcome,
}

static WORKLOADS: &[Workload] = &[
    Workload {
        name: "flood",
        numbers: "THREADS CALLS",
        defaults: &[1, 100_000],
        run: floods::flood,
    },
    Workload {
        name: "pipe-flood",
        numbers: "BYTES",
        defaults: &[10_000_000],
        run: floods::pipe_flood,
    },
    Workload {
        name: "marks",
        numbers: "CALLS",
        defaults: &[60_000],
        run: floods::marks,
    },
    Workload {
        name: "busy",
        numbers: "THREADS MILLISECONDS",
        defaults: &[64, 2000],
        run: floods::busy,
    },
    Workload {
        name: "forks",
        numbers: "CHILDREN",
        defaults: &[500],
        run: processes::forks,
    },
    Workload {
        name: "parallel",
        numbers: "CHILDREN",
        defaults: &[200],
        run: processes::parallel,
    },
    Workload {
        name: "vforks",
        numbers: "CHILDREN",
        defaults: &[500],
        run: processes::vforks,
    },
    Workload {
        name: "spawns",
        numbers: "CHILDREN",
        defaults: &[200],
        run: processes::spawns,
    },
    Workload {
        name: "threads",
        numbers: "THREADS",
        defaults: &[500],
        run: processes::threads,
    },
    Workload {
        name: "bomb",
        numbers: "DEPTH",
        defaults: &[8],
        run: processes::bomb,
    },
    Workload {
        name: "orphan",
        numbers: "",
        defaults: &[],
        run: processes::orphan,
    },
    Workload {
        name: "exec-thread",
        numbers: "TIMES SPINNERS",
        defaults: &[50, 4],
        run: processes::exec_thread,
    },
    Workload {
        name: "untraced",
        numbers: "CALLS",
        defaults: &[1000],
        run: processes::untraced,
    },
    Workload {
        name: "untraced3",
        numbers: "CALLS",
        defaults: &[1000],
        run: processes::untraced3,
    },
    Workload {
        name: "signals",
        numbers: "TIMES",
        defaults: &[20_000],
        run: signals::signals,
    },
    Workload {
        name: "faults",
        numbers: "TIMES",
        defaults: &[2000],
        run: signals::faults,
    },
    Workload {
        name: "realtime",
        numbers: "TIMES",
        defaults: &[5000],
        run: signals::realtime,
    },
    Workload {
        name: "stops",
        numbers: "TIMES",
        defaults: &[100],
        run: signals::stops,
    },
    Workload {
        name: "kill-race",
        numbers: "CHILDREN",
        defaults: &[200],
        run: signals::kill_race,
    },
    Workload {
        name: "state",
        numbers: "",
        defaults: &[],
        run: state::state,
    },
    Workload {
        name: "pid-reuse",
        numbers: "CHILDREN",
        defaults: &[1000],
        run: spaces::pid_reuse,
    },
    Workload {
        name: "chroot",
        numbers: "",
        defaults: &[],
        run: spaces::chroot,
    },
    Workload {
        name: "mounts",
        numbers: "",
        defaults: &[],
        run: spaces::mounts,
    },
    Workload {
        name: "int80",
        numbers: "CALLS",
        defaults: &[10],
        run: foreign::int80,
    },
    Workload {
        name: "m32",
        numbers: "CALLS",
        defaults: &[10],
        run: foreign::m32,
    },
    Workload {
        name: "unknown-calls",
        numbers: "CALLS",
        defaults: &[10],
        run: foreign::unknown_calls,
    },
    Workload {
        name: "names",
        numbers: "",
        defaults: &[],
        run: data::names,
    },
    Workload {
        name: "big-write",
        numbers: "BYTES",
        defaults: &[1 << 30],
        run: data::big_write,
    },
    Workload {
        name: "big-argv",
        numbers: "BYTES",
        defaults: &[1_000_000],
        run: data::big_argv,
    },
    Workload {
        name: "deep",
        numbers: "FOLDERS",
        defaults: &[300],
        run: data::deep,
    },
    Workload {
        name: "bad-pointers",
        numbers: "CALLS",
        defaults: &[100],
        run: data::bad_pointers,
    },
    Workload {
        name: "clock",
        numbers: "SLEEPS",
        defaults: &[50],
        run: data::clock,
    },
];

/// Exit status of a workload that this machine does not allow.
const SKIPPED: u8 = 77;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_default();
    let Some(workload) = WORKLOADS.iter().find(|workload| workload.name == name) else {
        eprintln!("usage: torture NAME [NUMBER...]");
        for workload in WORKLOADS {
            eprintln!(
                "  {:<14} {} {:?}",
                workload.name, workload.numbers, workload.defaults
            );
        }
        return ExitCode::from(2);
    };
    let given: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
    let default_rest = workload.defaults.iter().skip(given.len()).copied();
    let numbers: Vec<u64> = given.iter().copied().chain(default_rest).collect();
    match (workload.run)(&numbers) {
        Ok(truth) => {
            println!("{truth}");
            ExitCode::SUCCESS
        }
        Err(Trouble::Skip(why)) => {
            eprintln!("skipped: {name}: {why}");
            ExitCode::from(SKIPPED)
        }
        Err(Trouble::Failed(why)) => {
            eprintln!("{name}: {why}");
            ExitCode::FAILURE
        }
    }
}
