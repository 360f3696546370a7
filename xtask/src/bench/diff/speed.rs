//! How long `unspool diff` takes, and how much memory: pairs of generated runs of many events, and of many names.

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::flow::{Run, as_f64, measure};
use super::super::{Size, folder, unspool};

/// Events of a run, names of files in it, and how often the pair is compared: the least counts.
const PAIRS: &[(u64, u64, usize)] = &[
    (1_000_000, 200, 3),
    (1_000_000, 119_000, 3),
    (10_000_000, 200, 1),
];
const PAIRS_SMOKE: &[(u64, u64, usize)] = &[(8_000, 50, 1), (8_000, 1_000, 1)];
/// Calls on one file.
const CALLS: u64 = 4;

/// Prints the figures.
pub(super) fn run(size: Size) -> Result<(), String> {
    let folder = folder()?.join("diff");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .map_err(|error| format!("remove `{}`: {error}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("make `{}`: {error}", folder.display()))?;
    let binary = unspool()?;
    println!(
        "{:<34} {:>8} {:>8} {:>12} {:>9}",
        "unspool diff of two runs", "wall s", "CPU s", "events/CPU s", "peak MB"
    );
    let pairs = match size {
        Size::Full => PAIRS,
        Size::Smoke => PAIRS_SMOKE,
    };
    for (events, names, rounds) in pairs {
        let before = import(&binary, &folder, *events, *names, 0)?;
        let after = import(&binary, &folder, *events, *names, 1)?;
        let mut best: Option<Run> = None;
        for _ in 0..*rounds {
            let mut command = Command::new(&binary);
            command.arg("diff").arg(&before).arg(&after);
            let run = measure(&mut command)?;
            if best.as_ref().is_none_or(|best| run.cpu < best.cpu) {
                best = Some(run);
            }
        }
        let Some(best) = best else { continue };
        let cpu = best.cpu.as_secs_f64().max(1e-9);
        println!(
            "{:<34} {:>8.2} {cpu:>8.2} {:>12.0} {:>9.1}",
            format!("{events} events, {names} names, each"),
            best.wall.as_secs_f64(),
            as_f64(2 * events) / cpu,
            as_f64(best.peak_kilobytes) / 1024.0,
        );
    }
    Ok(())
}

/// Makes a run of a job that reads its files one after the other, again and again. Names of the second day are others.
fn import(
    binary: &Path,
    folder: &Path,
    events: u64,
    names: u64,
    day: u64,
) -> Result<PathBuf, String> {
    let run = folder.join(format!("run-{events}-{names}-{day}"));
    let failed =
        |what: &str, error: &dyn std::fmt::Display| format!("{what} `{}`: {error}", run.display());
    let mut child = Command::new(binary)
        .args(["import", "--quiet", "--output"])
        .arg(&run)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| failed("import", &error))?;
    let stdin = child.stdin.take().ok_or("no pipe to `unspool import`")?;
    let mut log = BufWriter::new(stdin);
    write_log(&mut log, events, names, day).map_err(|error| failed("write the log of", &error))?;
    drop(log);
    let status = child.wait().map_err(|error| failed("wait for", &error))?;
    if status.success() {
        Ok(run)
    } else {
        Err(failed("import", &status))
    }
}

fn write_log(
    log: &mut impl std::io::Write,
    events: u64,
    names: u64,
    day: u64,
) -> std::io::Result<()> {
    let start_us = 1_763_600_000_000_000 + day * 86_400_000_000;
    let time = |us: u64| format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    writeln!(
        log,
        "100 {} execve(\"/usr/bin/load\", [\"load\", \"--all\"], 0x1 /* 1 var */) = 0 <0.000100>",
        time(start_us)
    )?;
    let mut us = start_us + 200;
    for turn in 0..events / CALLS {
        let file = turn % names;
        let path = format!(
            "/srv/data/part{:03}/batch-{:06}.csv",
            file % 500,
            file + day * 1000
        );
        let size = 1000 + file % 7;
        writeln!(
            log,
            "100 {} openat(AT_FDCWD, \"{path}\", O_RDONLY) = 3<{path}> <0.000010>",
            time(us)
        )?;
        writeln!(
            log,
            "100 {} fstat(3<{path}>, {{st_mode=S_IFREG|0644, st_size={size}, ...}}) = 0 <0.000002>",
            time(us + 12)
        )?;
        writeln!(
            log,
            "100 {} read(3<{path}>, \"\", 4096) = {size} <0.000004>",
            time(us + 16)
        )?;
        writeln!(log, "100 {} close(3<{path}>) = 0 <0.000002>", time(us + 22))?;
        us += 30;
    }
    writeln!(log, "100 {} exit_group(0) = ?", time(us))?;
    writeln!(log, "100 {} +++ exited with 0 +++", time(us + 10))?;
    log.flush()
}
