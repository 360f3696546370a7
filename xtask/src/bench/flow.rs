//! Replaying a log into its flow and its summary, against dockit on the same file in the same run.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Size, folder, installed, timed, unspool};

/// Lines of the log that is replayed.
const LINES: u64 = 500_000;
const LINES_SMOKE: u64 = 20_000;
/// Times ours is run; the least counts, because other work on the machine only ever slows.
const ROUNDS: usize = 3;

/// What dockit was measured for: a walk over many files, and compilations.
const JOB: &str = r#"
cd "$1" || exit 1
for i in 1 2 3 4 5 6 7 8 9 10; do
  printf '#include <stdio.h>\n#include <stdlib.h>\nint f%d(int x){return x*%d;}\n' $i $i > f$i.c
  gcc -O1 -c f$i.c
done
find /usr -xdev -ls > listing
"#;

/// What one run took.
pub(super) struct Run {
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
    pub(super) peak_kilobytes: u64,
}

/// Prints the figures.
pub(crate) fn run(size: Size) -> Result<(), String> {
    if !installed("strace") || !installed("gcc") {
        return Err("no `strace` or no `gcc` here\nhint: apt-get install strace gcc".to_owned());
    }
    let folder = folder()?.join("flow");
    // Names of the results hold a process id: those of the last time are others.
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .map_err(|error| format!("remove `{}`: {error}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("make `{}`: {error}", folder.display()))?;
    let (log, lines) = make(&folder, size)?;
    println!("{}: {lines} lines", log.display());
    println!(
        "{:<34} {:>8} {:>8} {:>12} {:>9} {:>11}",
        "flow and XML summary", "wall s", "CPU s", "lines/CPU s", "peak MB", "flow lines"
    );
    let binary = unspool()?;
    let mut ours: Option<Run> = None;
    for _ in 0..ROUNDS {
        let mut command = Command::new(&binary);
        command
            .args(["dockit", "-F", "XML", "-f", "TXT", "-l"])
            .arg(folder.join("ours"))
            .arg("-i")
            .arg(&log);
        let run = measure(&mut command)?;
        if ours.as_ref().is_none_or(|best| run.cpu < best.cpu) {
            ours = Some(run);
        }
    }
    let Some(ours) = ours else {
        return Err("nothing was run".to_owned());
    };
    print("unspool dockit", &ours, lines, flow_lines(&folder, "ours")?);
    let Some(mut command) = dockit(&folder, &log) else {
        println!(
            "dockit is not here\nhint: UNSPOOL_DOCKIT names a python with it: python3 -m venv V; V/bin/pip install survol rdflib six psutil"
        );
        return Ok(());
    };
    let theirs = match measure(&mut command) {
        Ok(theirs) => theirs,
        Err(error) => {
            println!("dockit failed: {error}");
            return Ok(());
        }
    };
    print(
        "dockit -a clusterize",
        &theirs,
        lines,
        flow_lines(&folder, "theirs")?,
    );
    let ratio = theirs.cpu.as_secs_f64() / ours.cpu.as_secs_f64().max(1e-9);
    println!("ratio of CPU time: {ratio:.1}");
    Ok(())
}

fn print(name: &str, run: &Run, lines: u64, flow_lines: u64) {
    let cpu = run.cpu.as_secs_f64().max(1e-9);
    println!(
        "{name:<34} {:>8.2} {cpu:>8.2} {:>12.0} {:>9.1} {flow_lines:>11}",
        run.wall.as_secs_f64(),
        as_f64(lines) / cpu,
        as_f64(run.peak_kilobytes) / 1024.0,
    );
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

/// Records the job, and brings the log to its length and to the one form that both read: `[pid N] ` before each line.
fn make(folder: &Path, size: Size) -> Result<(PathBuf, u64), String> {
    let lines_wanted = match size {
        Size::Full => LINES,
        Size::Smoke => LINES_SMOKE,
    };
    let scratch = folder.join("scratch");
    std::fs::create_dir_all(&scratch)
        .map_err(|error| format!("make `{}`: {error}", scratch.display()))?;
    let raw = folder.join("raw.log");
    let status = Command::new("strace")
        .args(["-f", "-tt", "-T", "-s", "200", "-y", "-yy", "-o"])
        .arg(&raw)
        .args(["sh", "-c", JOB, "job"])
        .arg(&scratch)
        .status()
        .map_err(|error| format!("run `strace`: {error}"))?;
    if !status.success() {
        return Err(format!("strace ended with {status}"));
    }
    let log = folder.join("job.strace.1.log");
    let writing = |error: std::io::Error| format!("write `{}`: {error}", log.display());
    let mut out = BufWriter::new(File::create(&log).map_err(writing)?);
    let mut lines = 0;
    let mut top_pid = Vec::new();
    // A short machine has few files: then the job is read again.
    while lines < lines_wanted {
        let before = lines;
        let file =
            File::open(&raw).map_err(|error| format!("open `{}`: {error}", raw.display()))?;
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(|error| format!("read `{}`: {error}", raw.display()))?;
            let Some(space) = memchr::memchr(b' ', &line) else {
                continue;
            };
            let (pid, rest) = line.split_at(space);
            if top_pid.is_empty() {
                top_pid = pid.to_vec();
            }
            out.write_all(b"[pid ").map_err(writing)?;
            out.write_all(pid).map_err(writing)?;
            out.write_all(b"] ").map_err(writing)?;
            out.write_all(rest.trim_ascii_start()).map_err(writing)?;
            out.write_all(b"\n").map_err(writing)?;
            lines += 1;
            if lines == lines_wanted {
                break;
            }
        }
        if lines == before {
            return Err(format!("`{}` holds no lines of strace", raw.display()));
        }
    }
    out.flush().map_err(writing)?;
    let ini = log.with_extension("ini");
    let top_pid = String::from_utf8_lossy(&top_pid);
    let text = format!("TopProcessId={top_pid}\nCurrentDate=2026-01-01\n");
    std::fs::write(&ini, text).map_err(|error| format!("write `{}`: {error}", ini.display()))?;
    Ok((log, lines))
}

/// dockit over the same log, where it is installed.
fn dockit(folder: &Path, log: &Path) -> Option<Command> {
    let python = std::env::var_os("UNSPOOL_DOCKIT").unwrap_or_else(|| "python3".into());
    let mut probe = Command::new(&python);
    probe
        .args(["-c", "import survol.scripts.dockit, rdflib"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        return None;
    }
    let mut command = Command::new(&python);
    command
        .args([
            "-m",
            "survol.scripts.dockit",
            "-a",
            "clusterize",
            "-f",
            "TXT",
            "-F",
            "XML",
            "-l",
        ])
        .arg(folder.join("theirs"))
        .arg("-i")
        .arg(log);
    Some(command)
}

/// Lines of the flow that was written; the names of the files differ.
fn flow_lines(folder: &Path, prefix: &str) -> Result<u64, String> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| format!("read `{}`: {error}", folder.display()))?;
    let mut lines = 0;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_flow = name.starts_with(prefix)
            && entry
                .path()
                .extension()
                .is_some_and(|ending| ending == "txt");
        if is_flow && let Ok(text) = std::fs::read(entry.path()) {
            let ends = memchr::memchr_iter(b'\n', &text).count();
            lines += u64::try_from(ends).unwrap_or(u64::MAX);
        }
    }
    Ok(lines)
}

/// Runs a command to its end. CPU time is read from the ended process before it is waited for.
pub(super) fn measure(command: &mut Command) -> Result<Run, String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut cpu = Duration::ZERO;
    let mut peak_kilobytes = 0;
    let (result, wall) = timed(|| {
        let mut child = command
            .spawn()
            .map_err(|error| format!("run {command:?}: {error}"))?;
        let pid = child.id();
        while let Some((state, now)) = state_and_cpu(pid) {
            cpu = now;
            if state == 'Z' {
                break;
            }
            peak_kilobytes = peak(pid).unwrap_or(0).max(peak_kilobytes);
            std::thread::sleep(Duration::from_millis(2));
        }
        let status = child
            .wait()
            .map_err(|error| format!("wait for {command:?}: {error}"))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("{command:?} ended with {status}"))
        }
    });
    result?;
    Ok(Run {
        wall,
        cpu,
        peak_kilobytes,
    })
}

/// State and time in user and kernel mode (proc(5): fields 3, 14 and 15 of `stat`, in hundredths of a second).
fn state_and_cpu(pid: u32) -> Option<(char, Duration)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let state = fields.first()?.chars().next()?;
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some((state, Duration::from_millis(ticks * 10)))
}

fn peak(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
