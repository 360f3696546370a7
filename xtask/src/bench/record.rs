//! What recording costs: plain runs, unspool and strace, interleaved so that other work on the machine meets all alike.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Size, folder, installed, median, timed, unspool};

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
        full: 100_000,
        smoke: 2000,
    },
    Workload {
        name: "fork/exec",
        script: "i=0; while [ $i -lt $N ]; do /bin/true; i=$((i+1)); done",
        full: 500,
        smoke: 20,
    },
    Workload {
        name: "compile",
        script: "i=0; while [ $i -lt $N ]; do printf '#include <stdio.h>\\n#include <stdlib.h>\\nint main(void){puts(\"x\");return 0;}\\n' > c$i.c; gcc -O1 -o c$i c$i.c; i=$((i+1)); done",
        full: 12,
        smoke: 1,
    },
];

/// How a workload is run. `{out}` is a fresh path, `{unspool}` the binary; the command follows.
const RUNNERS: &[(&str, &[&str])] = &[
    ("plain", &[]),
    (
        "unspool, every call",
        &[
            "{unspool}",
            "record",
            "--quiet",
            "--recorder",
            "ptrace",
            "-o",
            "{out}",
            "--",
        ],
    ),
    ("strace -f", &["strace", "-f", "-o", "{out}"]),
    (
        "unspool, --detail names",
        &[
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
    ),
    (
        "strace -f --seccomp-bpf",
        &[
            "strace",
            "-f",
            "--seccomp-bpf",
            "-e",
            "trace=%file,%process,%network",
            "-o",
            "{out}",
        ],
    ),
];

/// Prints the table of ratios.
pub(crate) fn run(size: Size) -> Result<(), String> {
    if !installed("strace") {
        return Err("no `strace` here\nhint: install it (`apt-get install strace`)".to_owned());
    }
    let binary = unspool()?;
    let folder = folder()?.join("record");
    let rounds = if size == Size::Full { 5 } else { 1 };
    println!("median of {rounds} interleaved rounds; ratio to the plain run in brackets");
    for workload in WORKLOADS {
        let mut durations = vec![Vec::new(); RUNNERS.len()];
        for round in 0..rounds {
            for ((name, words), into) in RUNNERS.iter().zip(&mut durations) {
                let work = run_once(&folder, &binary, words, workload, size);
                into.push(work.map_err(|error| {
                    format!("{} under {name}, round {round}: {error}", workload.name)
                })?);
            }
        }
        let medians: Vec<f64> = durations
            .iter_mut()
            .map(|times| median(times).as_secs_f64())
            .collect();
        let plain = medians.first().copied().unwrap_or_default().max(1e-9);
        println!("{}", workload.name);
        for ((name, _), seconds) in RUNNERS.iter().zip(&medians) {
            println!(
                "  {name:<26} {:>9.1} ms  [{:>6.2}]",
                seconds * 1e3,
                seconds / plain
            );
        }
    }
    Ok(())
}

fn run_once(
    folder: &Path,
    binary: &Path,
    words: &[&str],
    workload: &Workload,
    size: Size,
) -> Result<Duration, String> {
    let (scratch, out) = (folder.join("scratch"), folder.join("out"));
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .map_err(|error| format!("remove `{}`: {error}", folder.display()))?;
    }
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
    let (status, duration) = timed(|| command.status());
    let status = status.map_err(|error| format!("run `{program}`: {error}"))?;
    if status.success() {
        Ok(duration)
    } else {
        Err(format!("`{program}` ended with {status}"))
    }
}
