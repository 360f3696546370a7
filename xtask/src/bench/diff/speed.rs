//! How long `unspool diff` takes, and how much memory: pairs of generated runs of many events, and of many names.

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::flow::{Run, as_f64, measure};
use super::super::{Size, folder, remove, unspool};

/// Two runs that are compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    /// Events of each.
    events: u64,
    /// Names of files in each.
    names: u64,
    /// How often the pair is compared: the least counts.
    rounds: usize,
}

impl Pair {
    const fn new(events: u64, names: u64, rounds: usize) -> Self {
        Self {
            events,
            names,
            rounds,
        }
    }

    /// `1000000,200`: events and names of each run.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u64>().ok().filter(|number| *number > 0);
        text.split_once(',')
            .and_then(|(events, names)| Some(Self::new(number(events)?, number(names)?, 3)))
            .ok_or_else(|| format!("`{text}` is no pair EVENTS,NAMES such as `1000000,200`"))
    }
}

const PAIRS: &[Pair] = &[
    Pair::new(1_000_000, 200, 3),
    Pair::new(1_000_000, 119_000, 3),
    Pair::new(10_000_000, 200, 1),
    Pair::new(10_000_000, 119_000, 1),
];
const PAIRS_SMOKE: &[Pair] = &[Pair::new(8_000, 50, 1), Pair::new(8_000, 1_000, 1)];
/// Calls on one file.
const CALLS: u64 = 4;

/// Prints the figures, of runs that are made anew.
pub(super) fn run(size: Size) -> Result<(), String> {
    let folder = folder()?.join("diff");
    remove(&folder)?;
    compare(match size {
        Size::Full => PAIRS,
        Size::Smoke => PAIRS_SMOKE,
    })
}

/// The same of these pairs, or the usual ones, with runs that are there.
pub(super) fn run_again(pairs: &[Pair]) -> Result<(), String> {
    compare(if pairs.is_empty() { PAIRS } else { pairs })
}

fn compare(pairs: &[Pair]) -> Result<(), String> {
    let folder = folder()?.join("diff");
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("make `{}`: {error}", folder.display()))?;
    let binary = unspool()?;
    println!(
        "{:<38} {:>8} {:>8} {:>12} {:>9}",
        "unspool diff of two runs", "wall s", "CPU s", "events/CPU s", "peak MB"
    );
    for pair in pairs {
        let before = import(&binary, &folder, pair, 0)?;
        let after = import(&binary, &folder, pair, 1)?;
        let mut best: Option<Run> = None;
        for _ in 0..pair.rounds {
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
            "{:<38} {:>8.2} {cpu:>8.2} {:>12.0} {:>9.1}",
            format!("{} events, {} names, each", pair.events, pair.names),
            best.wall.as_secs_f64(),
            as_f64(2 * pair.events) / cpu,
            as_f64(best.peak_kilobytes) / 1024.0,
        );
    }
    Ok(())
}

/// Makes a run of a job that reads its files one after the other, again and again. Names of the second day are others.
fn import(binary: &Path, folder: &Path, pair: &Pair, day: u64) -> Result<PathBuf, String> {
    let Pair { events, names, .. } = *pair;
    let run = folder.join(format!("run-{events}-{names}-{day}"));
    if run.join("run.json").exists() {
        return Ok(run);
    }
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
