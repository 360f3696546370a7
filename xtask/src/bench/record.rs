//! What recording costs: plain runs, unspool and strace, interleaved so that other work on the machine meets all alike.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Size, folder, installed, median, remove, timed, unspool};

/// Name and shell text of a workload; `$N` is its size.
struct Workload {
    name: &'static str,
    script: &'static str,
    full: u32,
    smoke: u32,
}

const WORKLOADS: &[Workload] = &[
    Workload {
        name: "storm",
        script: "exec dd if=/dev/zero of=/dev/null bs=1 count=$N 2>/dev/null",
        full: 50_000,
        smoke: 2000,
    },
    Workload {
        name: "fork/exec",
        script: "i=0; while [ $i -lt $N ]; do /bin/true; i=$((i+1)); done",
        full: 250,
        smoke: 20,
    },
    Workload {
        name: "compile",
        script: "i=0; while [ $i -lt $N ]; do printf '#include <stdio.h>\\n#include <stdlib.h>\\nint main(void){puts(\"x\");return 0;}\\n' > c$i.c; gcc -O1 -o c$i c$i.c; i=$((i+1)); done",
        full: 8,
        smoke: 1,
    },
];

/// How a workload is run.
struct Runner {
    /// What the table calls it, with the calls that are recorded.
    name: &'static str,
    /// Words before the command. `{out}` is a fresh path, `{unspool}` the binary.
    words: &'static [&'static str],
}

/// Ours, each followed by the forms of strace that record the same calls. `strace --seccomp-bpf` without `-e` records all calls.
const RUNNERS: &[Runner] = &[
    Runner {
        name: "plain",
        words: &[],
    },
    Runner {
        name: "unspool, every call",
        words: &[
            "{unspool}",
            "record",
            "--quiet",
            "--recorder",
            "ptrace",
            "-o",
            "{out}",
            "--",
        ],
    },
    Runner {
        name: "strace -f, every call",
        words: &["strace", "-f", "-o", "{out}"],
    },
    Runner {
        name: "strace -f --seccomp-bpf, every call",
        words: &["strace", "-f", "--seccomp-bpf", "-o", "{out}"],
    },
    Runner {
        name: "unspool --detail io",
        words: &[
            "{unspool}",
            "record",
            "--quiet",
            "--recorder",
            "ptrace",
            "--detail",
            "io",
            "-o",
            "{out}",
            "--",
        ],
    },
    Runner {
        name: "strace -f --seccomp-bpf, %file,%process,%network,%desc",
        words: &[
            "strace",
            "-f",
            "--seccomp-bpf",
            "-e",
            "trace=%file,%process,%network,%desc",
            "-o",
            "{out}",
        ],
    },
    Runner {
        name: "unspool --detail names",
        words: &[
            "{unspool}",
            "record",
            "--quiet",
            "--recorder",
            "ptrace",
            "--detail",
            "names",
            "-o",
            "{out}",
            "--",
        ],
    },
    Runner {
        name: "strace -f --seccomp-bpf, the calls of names",
        words: &[
            "strace",
            "-f",
            "--seccomp-bpf",
            "-e",
            "trace=%file,%process,%network,close,close_range,dup,dup2,dup3,fcntl,pipe,pipe2,ftruncate,fchmod,fchown,prctl",
            "-o",
            "{out}",
        ],
    },
    Runner {
        name: "unspool --detail tree",
        words: &[
            "{unspool}",
            "record",
            "--quiet",
            "--recorder",
            "ptrace",
            "--detail",
            "tree",
            "-o",
            "{out}",
            "--",
        ],
    },
];

/// What one run took.
#[derive(Clone, Copy, Default)]
struct Cost {
    elapsed: Duration,
    /// Time of all CPUs, of the command and its recorder.
    cpu: Duration,
}

/// Prints the table of ratios.
pub(crate) fn run(size: Size) -> Result<(), String> {
    if !installed("strace") {
        return Err("no `strace` here\nhint: install it (`apt-get install strace`)".to_owned());
    }
    let binary = unspool()?;
    let folder = folder()?.join("record");
    let rounds = if size == Size::Full { 7 } else { 1 };
    println!(
        "medians of {rounds} interleaved rounds: elapsed, its ratio to the plain run, CPU time"
    );
    for workload in WORKLOADS {
        let mut costs = vec![Vec::new(); RUNNERS.len()];
        for round in 0..rounds {
            for (Runner { name, words }, into) in RUNNERS.iter().zip(&mut costs) {
                let cost = run_once(&folder, &binary, words, workload, size);
                into.push(cost.map_err(|error| {
                    format!("{} under {name}, round {round}: {error}", workload.name)
                })?);
            }
        }
        println!("{}", workload.name);
        let mut plain = None;
        for (Runner { name, words: _ }, costs) in RUNNERS.iter().zip(&costs) {
            let middle = |of: fn(&Cost) -> Duration| {
                median(&mut costs.iter().map(of).collect::<Vec<_>>()).as_secs_f64()
            };
            let (elapsed, cpu) = (middle(|cost| cost.elapsed), middle(|cost| cost.cpu));
            let ratio = elapsed / *plain.get_or_insert(elapsed.max(1e-9));
            println!(
                "  {name:<56} {:>8.1} ms [{ratio:>6.2}] {:>8.0} ms",
                elapsed * 1e3,
                cpu * 1e3
            );
        }
    }
    super::goals::print(&binary, &folder, size, rounds)
}

/// CPU time of all children that ended and were waited for, to a hundredth of a second.
fn cpu_of_children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold anything: fields count from after it. User and system time of children are 16 and 17.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = fields
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

fn run_once(
    folder: &Path,
    binary: &Path,
    words: &[&str],
    workload: &Workload,
    size: Size,
) -> Result<Cost, String> {
    let (scratch, out) = (folder.join("scratch"), folder.join("out"));
    remove(folder)?;
    std::fs::create_dir_all(&scratch)
        .map_err(|error| format!("make `{}`: {error}", scratch.display()))?;
    let count = if size == Size::Full {
        workload.full
    } else {
        workload.smoke
    };
    let script = workload.script.replace("$N", &count.to_string());
    let fill = |word: &str| {
        word.replace("{unspool}", &binary.to_string_lossy())
            .replace("{out}", &out.to_string_lossy())
    };
    let mut line: Vec<String> = words.iter().map(|word| fill(word)).collect();
    line.extend(["sh".to_owned(), "-c".to_owned(), script]);
    let (program, arguments) = line.split_first().ok_or("no command")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&scratch)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let cpu_before = cpu_of_children();
    let (status, elapsed) = timed(|| command.status());
    let cpu = cpu_of_children().saturating_sub(cpu_before);
    let status = status.map_err(|error| format!("run `{program}`: {error}"))?;
    if status.success() {
        Ok(Cost { elapsed, cpu })
    } else {
        Err(format!("`{program}` ended with {status}"))
    }
}
