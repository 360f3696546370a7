//! Throughput of reading a large strace log, against finding its line ends and against other readers.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use unspool_decode::{Decoder, DecoderOptions, Format, detect};
use unspool_model::event::{Diagnostic, Event, EventSink};
use unspool_model::step::{Step, StepSink};
use unspool_model::tracker::{Retention, TrackContext, Tracker};
use unspool_model::world::World;

use super::{Size, corpus, folder, installed, target, timed, unspool};

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Times each stage is run; the fastest counts, because other work on the machine only ever slows.
const ROUNDS: usize = 3;

/// Bytes of the log that peers read: some need minutes for a hundred megabytes.
const PEER_BYTES: u64 = 10 << 20;

/// Other readers: name, the command with `{log}`, where it comes from.
const PEERS: &[(&str, &[&str], &str)] = &[
    (
        "strace-parser",
        &["strace-parser", "{log}", "summary"],
        "not in a registry; built from its repository",
    ),
    (
        "strace-tui",
        &["strace-tui", "parse", "--json", "{log}"],
        "cargo install strace-tui",
    ),
    (
        "strace-stats",
        &["strace-stats", "{log}"],
        "cargo install strace-parse",
    ),
    (
        "strace-process-tree",
        &["strace-process-tree", "{log}"],
        "pip install strace-process-tree",
    ),
    (
        "strace-graph",
        &["strace-graph", "{log}"],
        "apt-get install strace",
    ),
];

/// Prints the figures of two logs: a busy one, whose calls are mostly in halves, and one of finds and pipes.
pub(crate) fn run(size: Size) -> Result<(), String> {
    let log = corpus::make(size)?;
    figures(&log, size)?;
    if size == Size::Full {
        peers(&log)?;
    }
    figures(&corpus::make_finds(size)?, size)
}

fn figures(log: &Path, size: Size) -> Result<(), String> {
    let bytes = std::fs::metadata(log)
        .map_err(|error| format!("look at `{}`: {error}", log.display()))?
        .len();
    let lines = each_chunk(log, line_ends)?;
    println!("{}: {} MB, {lines} lines", log.display(), bytes >> 20);
    println!(
        "{:<34} {:>8} {:>8} {:>10} {:>7} {:>9}",
        "stage, one thread", "s", "GB/s", "M lines/s", "ratio", "peak MB"
    );
    let floor = best(|| each_chunk(log, line_ends))?;
    let format = format_of(log)?;
    let print = |name: &str, (time, peak): (Duration, u64)| {
        let seconds = time.as_secs_f64().max(1e-9);
        let (bytes, lines) = (as_f64(bytes), as_f64(lines));
        let ratio = floor.0.as_secs_f64() / seconds;
        let (gigabytes, millions) = (bytes / seconds / 1e9, lines / seconds / 1e6);
        println!(
            "{name:<34} {seconds:>8.3} {gigabytes:>8.3} {millions:>10.2} {ratio:>7.3} {:>9.1}",
            as_f64(peak) / 1024.0
        );
    };
    print("line ends (memchr)", floor);
    print("decode", best(|| decode(log, format))?);
    print("decode + track", best(|| track(log, format))?);
    print("whole import (its own process)", import(log, size)?);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

/// Visits every line end, as a reader of lines must; `memchr_iter(..).count()` would not visit them.
fn line_ends(chunk: &[u8]) -> u64 {
    let mut ends = 0;
    for end in memchr::memchr_iter(b'\n', chunk) {
        std::hint::black_box(end);
        ends += 1;
    }
    ends
}

fn format_of(log: &Path) -> Result<&'static Format, String> {
    let mut head = vec![0; 64 << 10];
    let mut file = File::open(log).map_err(|error| format!("open `{}`: {error}", log.display()))?;
    let len = file
        .read(&mut head)
        .map_err(|error| format!("read `{}`: {error}", log.display()))?;
    detect(head.get(..len).unwrap_or_default(), "large.log")
        .ok_or_else(|| "the log is not recognised".to_owned())
}

fn each_chunk(log: &Path, mut work: impl FnMut(&[u8]) -> u64) -> Result<u64, String> {
    let mut file = File::open(log).map_err(|error| format!("open `{}`: {error}", log.display()))?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut total = 0;
    loop {
        let len = file
            .read(&mut chunk)
            .map_err(|error| format!("read `{}`: {error}", log.display()))?;
        let Some(filled) = chunk.get(..len).filter(|filled| !filled.is_empty()) else {
            return Ok(total);
        };
        total += work(filled);
    }
}

/// Gives the shortest time of a stage, and the highest memory of all rounds in kilobytes.
fn best(mut stage: impl FnMut() -> Result<u64, String>) -> Result<(Duration, u64), String> {
    // Writing 5 resets the high-water mark of memory: proc_pid_clear_refs(5). Where that is not allowed, the mark only grows.
    let reset = std::fs::write("/proc/self/clear_refs", "5");
    if let Err(error) = reset {
        println!("  (peak memory includes earlier stages: {error})");
    }
    let mut shortest = Duration::MAX;
    for _ in 0..ROUNDS {
        let (result, time) = timed(&mut stage);
        std::hint::black_box(result?);
        shortest = shortest.min(time);
    }
    Ok((shortest, peak_kilobytes("self").unwrap_or(0)))
}

fn peak_kilobytes(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Counts events and looks at each, so that nothing is optimised away.
#[derive(Default)]
struct Count {
    events: u64,
    last_ns: i64,
}

impl EventSink for Count {
    fn event(&mut self, event: &Event<'_>) {
        self.events += 1;
        self.last_ns = event.time_ns;
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        std::hint::black_box(diagnostic);
    }
}

fn push_all(log: &Path, decoder: &mut dyn Decoder, sink: &mut dyn EventSink) -> Result<(), String> {
    each_chunk(log, |chunk| {
        decoder.push(chunk, sink);
        0
    })?;
    decoder.finish(sink);
    Ok(())
}

fn decode(log: &Path, format: &Format) -> Result<u64, String> {
    let mut decoder = (format.decoder)(&DecoderOptions::default());
    let mut count = Count::default();
    push_all(log, decoder.as_mut(), &mut count)?;
    std::hint::black_box(count.last_ns);
    if count.events == 0 {
        return Err("the decoder gave no events".to_owned());
    }
    Ok(count.events)
}

#[derive(Default)]
struct CountSteps(u64);

impl StepSink for CountSteps {
    fn step(&mut self, step: &Step<'_>, _: &World) {
        std::hint::black_box(step.time_ns);
        self.0 += 1;
    }
}

struct Track {
    tracker: Tracker,
    steps: CountSteps,
}

impl EventSink for Track {
    fn event(&mut self, event: &Event<'_>) {
        self.tracker.event(event, &mut self.steps);
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        std::hint::black_box(diagnostic);
    }
}

fn track(log: &Path, format: &Format) -> Result<u64, String> {
    let mut decoder = (format.decoder)(&DecoderOptions::default());
    let tracker = Tracker::new(Retention::Live, TrackContext::default());
    let mut track = Track {
        tracker,
        steps: CountSteps::default(),
    };
    push_all(log, decoder.as_mut(), &mut track)?;
    track.tracker.finish(&mut track.steps);
    Ok(track.steps.0)
}

/// Imports into a closed run with the binary; gives wall time and the highest memory that was seen.
pub(super) fn import(log: &Path, size: Size) -> Result<(Duration, u64), String> {
    let binary = unspool()?;
    let run = folder()?.join("imported");
    let rounds = if size == Size::Full { ROUNDS } else { 1 };
    let mut shortest = Duration::MAX;
    let mut peak = 0;
    for _ in 0..rounds {
        if run.exists() {
            std::fs::remove_dir_all(&run)
                .map_err(|error| format!("remove `{}`: {error}", run.display()))?;
        }
        let mut command = Command::new(&binary);
        command
            .args(["import", "--quiet", "-o"])
            .arg(&run)
            .arg(log)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let (result, time) = timed(|| watch(&mut command, &mut peak));
        result?;
        shortest = shortest.min(time);
    }
    Ok((shortest, peak))
}

/// Runs a command to its end; its highest memory in kilobytes is added to `peak`.
pub(super) fn watch(command: &mut Command, peak: &mut u64) -> Result<(), String> {
    let mut child = command
        .spawn()
        .map_err(|error| format!("run {command:?}: {error}"))?;
    loop {
        if let Some(now) = peak_kilobytes(&child.id().to_string()) {
            *peak = now.max(*peak);
        }
        match child
            .try_wait()
            .map_err(|error| format!("wait for {command:?}: {error}"))?
        {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("{command:?} ended with {status}")),
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Runs the other readers that are installed on the head of the log, with ours beside them.
fn peers(log: &Path) -> Result<(), String> {
    let head = head_of(log)?;
    let format = format_of(&head)?;
    let ours = best(|| track(&head, format))?;
    println!(
        "the first {} MB, whole programs; decode + track takes {:.3} s",
        PEER_BYTES >> 20,
        ours.0.as_secs_f64()
    );
    for (name, words, source) in PEERS {
        let beside = target().join("bench/peers/bin").join(name);
        if !beside.exists() && !installed(name) {
            println!(
                "  {name:<22} not installed (`{source}`, or with `--root target/bench/peers`)"
            );
            continue;
        }
        let program = if beside.exists() {
            beside
        } else {
            PathBuf::from(name)
        };
        let path = head.to_string_lossy();
        let mut command = Command::new(program);
        command.args(
            words
                .iter()
                .skip(1)
                .map(|word| word.replace("{log}", &path)),
        );
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut peak = 0;
        let (result, time) = timed(|| watch(&mut command, &mut peak));
        let verdict = result.map_or_else(|_| "failed", |()| "ended well");
        let ratio = time.as_secs_f64() / ours.0.as_secs_f64().max(1e-9);
        println!(
            "  {name:<22} {:>8.3} s, {ratio:>7.1} times ours, {:>7.1} MB, {verdict}",
            time.as_secs_f64(),
            as_f64(peak) / 1024.0
        );
    }
    Ok(())
}

fn head_of(log: &Path) -> Result<PathBuf, String> {
    let path = folder()?.join("head.log");
    let mut bytes = Vec::new();
    let file = File::open(log).map_err(|error| format!("open `{}`: {error}", log.display()))?;
    file.take(PEER_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("read `{}`: {error}", log.display()))?;
    let end = memchr::memrchr(b'\n', &bytes).map_or(bytes.len(), |at| at + 1);
    let writing = |error: std::io::Error| format!("write `{}`: {error}", path.display());
    File::create(&path)
        .and_then(|mut out| out.write_all(bytes.get(..end).unwrap_or_default()))
        .map_err(writing)?;
    Ok(path)
}
