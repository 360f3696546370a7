//! One run of one workload under one recorder: time, CPU time, number of calls.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::recorders::{Counting, Pace, Recorder};
use super::workloads::Workload;
use super::{Size, fresh, remove, size_of};

/// Port of the server under test.
pub(super) const PORT: u16 = 17_799;
/// How long a server may take to answer, or to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// `USER_HZ`.
const TICKS_PER_SECOND: f64 = 100.0;

/// Where things are.
pub(super) struct Setting {
    pub(super) unspool: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) size: Size,
}

/// What was measured of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    /// Size of the workload.
    pub(super) count: u32,
    /// From start to end, the recording closed; of a server the time of the requests.
    pub(super) seconds: f64,
    /// From the first to the last instant of the job itself.
    pub(super) own_seconds: Option<f64>,
    /// CPU time of the workload's own processes.
    pub(super) own_cpu: Option<f64>,
    /// CPU time of the workload and of the process that started it, from the workload's first to its last instant: what a recorder
    /// uses before and behind is not in it.
    pub(super) while_cpu: Option<f64>,
    /// CPU time of everything, recorder included.
    pub(super) all_cpu: f64,
    /// Calls in the recording, when they can be counted.
    pub(super) calls: Option<u64>,
    /// Events that the recorder says it lost.
    pub(super) lost: u64,
    /// Bytes of the recording.
    pub(super) bytes: u64,
}

/// Runs a workload once.
pub(super) fn once(
    setting: &Setting,
    workload: &Workload,
    recorder: &Recorder,
    round: usize,
) -> Result<Measured, String> {
    let count = workload.size(setting.size, recorder);
    let scratch = setting.folder.join("scratch");
    fresh(&scratch)?;
    let out = setting.folder.join("out");
    remove(&out)?;
    let command = command_of(setting, workload, count, &scratch)?;
    let line = recorder.line(setting, &out, &command);
    let cpu_before = children_cpu()?;
    let (seconds, served_cpu) = if workload.is_server {
        let (seconds, cpu) = serve(&line, &scratch, count)?;
        (seconds, Some(cpu))
    } else {
        (run_line(&line, &scratch)?, None)
    };
    let all_cpu = children_cpu()? - cpu_before;
    let own_cpu = served_cpu.or_else(|| own_cpu(&scratch.join("times")));
    let while_cpu = own_cpu.and_then(|own| Some(own + parents_cpu(&scratch)?));
    let own_seconds = if workload.is_server {
        Some(seconds)
    } else {
        between(&scratch.join("begun"), &scratch.join("times"))
    };
    // Millions of calls take longer to count than to record: once.
    let is_counted = round == 0 || recorder.pace != Pace::Fast;
    let (calls, lost) = if is_counted {
        calls(setting, recorder, &out)?
    } else {
        (None, 0)
    };
    Ok(Measured {
        count,
        seconds,
        own_seconds,
        own_cpu,
        while_cpu,
        all_cpu,
        calls,
        lost,
        bytes: size_of(&out),
    })
}

/// Calls that the workload makes, told by the kernel's own counter.
pub(super) fn truth(setting: &Setting, workload: &Workload, count: u32) -> Result<u64, String> {
    let scratch = setting.folder.join("scratch");
    fresh(&scratch)?;
    let command = command_of(setting, workload, count, &scratch)?;
    let counted = scratch.join("counted");
    let mut line: Vec<String> = [
        "perf",
        "stat",
        "-x",
        ",",
        "-e",
        "raw_syscalls:sys_enter",
        "-o",
    ]
    .iter()
    .map(|word| (*word).to_owned())
    .collect();
    line.push(counted.to_string_lossy().into_owned());
    line.push("--".to_owned());
    line.extend(command);
    run_line(&line, &scratch)?;
    let text = fs::read_to_string(&counted).map_err(|error| format!("perf stat: {error}"))?;
    text.lines()
        .find(|line| line.contains("sys_enter"))
        .and_then(|line| line.split(',').next()?.parse().ok())
        .ok_or_else(|| "perf stat gave no number".to_owned())
}

/// The workload as a script file that says at its end how much CPU time it took.
fn command_of(
    setting: &Setting,
    workload: &Workload,
    count: u32,
    scratch: &Path,
) -> Result<Vec<String>, String> {
    let script = scratch.join("workload.sh");
    let body = workload.text(setting, count);
    let text = if workload.is_server {
        format!("{body}\n")
    } else {
        // `exec` would leave nobody to ask for the times. The shell's parent is the recorder, or this program.
        let look = |name: &str| {
            let file = scratch.join(name);
            format!(
                "read -r line < /proc/$PPID/stat; echo \"$line\" > '{}'",
                file.display()
            )
        };
        format!(
            "{}\n: > '{}'\n({body})\nstatus=$?\ntimes > '{}'\n{}\nexit $status\n",
            look("parent-before"),
            scratch.join("begun").display(),
            scratch.join("times").display(),
            look("parent-after"),
        )
    };
    fs::write(&script, text).map_err(|error| format!("write `{}`: {error}", script.display()))?;
    Ok(vec![
        "/bin/sh".to_owned(),
        script.to_string_lossy().into_owned(),
    ])
}

fn spawn(line: &[String], scratch: &Path) -> Result<Child, String> {
    let (program, arguments) = line.split_first().ok_or("no command")?;
    let errors = fs::File::create(scratch.join("stderr"))
        .map_err(|error| format!("make a file for errors: {error}"))?;
    Command::new(program)
        .args(arguments)
        .current_dir(scratch)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .map_err(|error| format!("run `{program}`: {error}"))
}

fn run_line(line: &[String], scratch: &Path) -> Result<f64, String> {
    let start = Instant::now();
    let status = spawn(line, scratch)?
        .wait()
        .map_err(|error| format!("wait: {error}"))?;
    let seconds = start.elapsed().as_secs_f64();
    if status.success() {
        return Ok(seconds);
    }
    let why = fs::read_to_string(scratch.join("stderr")).unwrap_or_default();
    let why = why.lines().next().unwrap_or("no message").to_owned();
    Err(format!("ended with {status}: {why}"))
}

/// Starts the server, sends requests, ends it. Gives the time of the requests and the server's own CPU time.
fn serve(line: &[String], scratch: &Path, count: u32) -> Result<(f64, f64), String> {
    let mut server = spawn(line, scratch)?;
    let served = requests(count);
    let stopped = client(&["shutdown", "nosave"]);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match server.try_wait() {
            Ok(Some(_)) => break,
            Ok(None) if Instant::now() < deadline => pause(),
            _ => {
                drop(server.kill());
                drop(server.wait());
                return Err("the server did not end".to_owned());
            }
        }
    }
    // A server that goes away before it answers has obeyed all the same.
    drop(stopped);
    served
}

fn requests(count: u32) -> Result<(f64, f64), String> {
    let deadline = Instant::now() + PATIENCE;
    while client(&["ping"]).ok().as_deref() != Some("PONG\n") {
        if Instant::now() > deadline {
            return Err("the server does not answer".to_owned());
        }
        pause();
    }
    // The first connections and pages are nobody's cost.
    benchmark(count / 10)?;
    let cpu_before = server_cpu()?;
    let seconds = benchmark(count)?;
    Ok((seconds, server_cpu()? - cpu_before))
}

/// Sends so many requests of each kind; gives their time as `redis-benchmark` itself tells it, without its own start and end.
fn benchmark(count: u32) -> Result<f64, String> {
    let output = Command::new("redis-benchmark")
        .args(["-h", "127.0.0.1", "-p", &PORT.to_string()])
        .args(["-t", "set,get", "-n", &count.to_string()])
        .args(["-c", "50", "--csv"])
        .stderr(Stdio::null())
        .output()
        .map_err(|error| format!("run `redis-benchmark`: {error}"))?;
    if !output.status.success() {
        return Err(format!("redis-benchmark ended with {}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    seconds_told(&text, count).ok_or_else(|| format!("redis-benchmark told no figures: {text}"))
}

/// From lines like `"SET","98765.43","0.3",...`, the second field requests in a second.
fn seconds_told(text: &str, count: u32) -> Option<f64> {
    let seconds = |line: &str| -> Option<f64> {
        let (_, rest) = line.split_once("\",\"")?;
        let each_second: f64 = rest.split('"').next()?.parse().ok()?;
        (each_second > 0.0).then(|| f64::from(count) / each_second)
    };
    let told: Vec<f64> = text.lines().filter_map(seconds).collect();
    (told.len() == 2).then(|| told.iter().sum())
}

/// CPU time that the server used so far.
fn server_cpu() -> Result<f64, String> {
    let info = client(&["info", "cpu"])?;
    Ok(info
        .lines()
        .filter_map(|line| {
            line.strip_prefix("used_cpu_sys:")
                .or_else(|| line.strip_prefix("used_cpu_user:"))
        })
        .filter_map(|number| number.trim().parse::<f64>().ok())
        .sum())
}

fn client(words: &[&str]) -> Result<String, String> {
    let output = Command::new("redis-cli")
        .args(["-h", "127.0.0.1", "-p", &PORT.to_string()])
        .args(words)
        .output()
        .map_err(|error| format!("run `redis-cli`: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[expect(clippy::disallowed_methods, reason = "waits for another process")]
fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// CPU time of all children that ended and were waited for, with theirs: fields 16 and 17 of `/proc/self/stat`.
fn children_cpu() -> Result<f64, String> {
    let text = fs::read_to_string("/proc/self/stat").map_err(|error| error.to_string())?;
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after_name
        .split_ascii_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|word| word.parse::<f64>().ok())
        .sum();
    Ok(ticks / TICKS_PER_SECOND)
}

/// CPU time of the workload's parent while it ran: fields 14 and 15 of its `stat`.
fn parents_cpu(scratch: &Path) -> Option<f64> {
    let ticks = |name: &str| {
        let text = fs::read_to_string(scratch.join(name)).ok()?;
        let after_name = text.rsplit(')').next()?;
        let words = after_name.split_ascii_whitespace().skip(11).take(2);
        words
            .map(|word| word.parse::<f64>().ok())
            .sum::<Option<f64>>()
    };
    Some((ticks("parent-after")? - ticks("parent-before")?) / TICKS_PER_SECOND)
}

/// Seconds between the last changes of two files.
fn between(first: &Path, last: &Path) -> Option<f64> {
    let changed = |path: &Path| fs::metadata(path).ok()?.modified().ok();
    let took = changed(last)?.duration_since(changed(first)?).ok()?;
    Some(took.as_secs_f64())
}

/// `0m0.01s 0m0.02s` of the shell and, in the second line, of its children.
fn own_cpu(file: &Path) -> Option<f64> {
    let text = fs::read_to_string(file).ok()?;
    let seconds = |word: &str| -> Option<f64> {
        let (minutes, seconds) = word.trim_end_matches('s').split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    text.split_ascii_whitespace().map(seconds).sum()
}

fn calls(setting: &Setting, recorder: &Recorder, out: &Path) -> Result<(Option<u64>, u64), String> {
    let lines = |holds: &dyn Fn(&str) -> bool| -> Result<u64, String> {
        let text = fs::read(out).map_err(|error| format!("read `{}`: {error}", out.display()))?;
        let count = text
            .split(|byte| *byte == b'\n')
            .filter(|line| holds(&String::from_utf8_lossy(line)))
            .count();
        Ok(count as u64)
    };
    match recorder.counts {
        Counting::Nothing => Ok((None, 0)),
        Counting::Lines(part) => Ok((Some(lines(&|line| line.contains(part))?), 0)),
        Counting::Strace => {
            let is_call = |line: &str| {
                let is_half = line.contains("<unfinished ...>") && !line.contains("exit_group(");
                let is_other = line.contains("+++ ") || line.contains("--- ");
                line.contains(" resumed>") || line.contains('(') && !is_half && !is_other
            };
            Ok((Some(lines(&is_call)?), 0))
        }
        Counting::PerfScript => {
            let output = Command::new("perf")
                .args(["script", "-F", "event", "-i"])
                .arg(out)
                .stderr(Stdio::null())
                .output()
                .map_err(|error| format!("run `perf script`: {error}"))?;
            let text = String::from_utf8_lossy(&output.stdout);
            let calls = text
                .lines()
                .filter(|line| line.contains("sys_enter"))
                .count();
            Ok((Some(calls as u64), 0))
        }
        Counting::Unspool => recorded(setting, out),
    }
}

/// Calls of a run, those that were folded among them; and what it lost.
fn recorded(setting: &Setting, run: &Path) -> Result<(Option<u64>, u64), String> {
    let manifest = fs::read(run.join("run.json")).map_err(|error| format!("run.json: {error}"))?;
    let manifest: serde_json::Value =
        serde_json::from_slice(&manifest).map_err(|error| format!("run.json: {error}"))?;
    let count = |name: &str| manifest["counts"][name].as_u64().unwrap_or(0);
    let output = Command::new(&setting.unspool)
        .args(["show", "--json", "time"])
        .arg(run)
        .output()
        .map_err(|error| format!("run `unspool show`: {error}"))?;
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("show time: {error}"))?;
    let calls: u64 = report["rows"].as_array().map_or(0, |rows| {
        rows.iter().filter_map(|row| row["calls"].as_u64()).sum()
    });
    Ok((Some(calls), count("lost")))
}

#[cfg(test)]
mod tests {
    use super::seconds_told;

    #[test]
    fn the_time_of_requests_is_what_the_client_tells() {
        let text = "\"test\",\"rps\",\"avg_latency_ms\"\n\"SET\",\"50000.00\",\"0.5\"\n\"GET\",\"100000.00\",\"0.4\"\n";
        let told = seconds_told(text, 100_000).expect("two lines");
        assert!((told - 3.0).abs() < 1e-9, "{told}");
        assert_eq!(seconds_told("Could not connect\n", 100_000), None);
    }
}
