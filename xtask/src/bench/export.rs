//! Events a second of each form of a whole run, against reading the events and writing nothing, the table of events as JSON
//! lines, and Python's `json` on objects of the same kind, in one run.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use unspool_export::WHOLE_FORMS;

use super::decode::{as_f64, import, watch};
use super::{Size, corpus, folder, installed, timed, unspool};

/// Times each form is written; the fastest counts, because other work on the machine only ever slows.
const ROUNDS: usize = 3;

/// Events that Python writes: it needs minutes for all.
const PEER_EVENTS: u64 = 500_000;

/// Writes events as Chrome's format has them, from objects that are there already.
const PEER: &str = r#"
import json, sys
count = int(sys.argv[1])
with open(sys.argv[2], "w") as out:
    out.write('{"traceEvents":[\n')
    for at in range(count):
        event = {"ph": "X", "name": "openat", "cat": "file", "pid": 4711, "tid": 4711, "ts": at * 1.5, "dur": 1.25,
                 "args": {"args": "AT_FDCWD, \"/usr/include/stdio.h\", O_RDONLY|O_CLOEXEC", "result": 3,
                          "path": "/usr/include/stdio.h", "fd": 3, "event": at}}
        out.write(json.dumps(event, separators=(",", ":")))
        out.write(",\n")
    out.write("{}]}\n")
"#;

/// Prints the figures.
pub(crate) fn run(size: Size) -> Result<(), String> {
    let log = corpus::make(size)?;
    import(&log, Size::Smoke)?;
    let folder = folder()?;
    let run = folder.join("imported");
    let binary = unspool()?;
    let events = count_events(&binary, &run)?;
    println!("{}: {events} events", run.display());
    println!(
        "{:<34} {:>8} {:>12} {:>7} {:>9} {:>10}",
        "form", "s", "events/s", "ratio", "peak MB", "output MB"
    );
    let rounds = if size == Size::Full { ROUNDS } else { 1 };
    let measure = |words: &[&str], output: &str| {
        let output = folder.join(output);
        let mut best = (Duration::MAX, 0);
        for _ in 0..rounds {
            let file = File::create(&output)
                .map_err(|error| format!("make `{}`: {error}", output.display()))?;
            let mut command = Command::new(&binary);
            let (view, rest) = words.split_first().ok_or("no words")?;
            command
                .arg(view)
                .arg(&run)
                .args(rest)
                .stdin(Stdio::null())
                .stdout(file);
            let mut peak = 0;
            let (result, time) = timed(|| watch(&mut command, &mut peak));
            result?;
            best = (best.0.min(time), peak.max(best.1));
        }
        Ok::<_, String>((best.0, best.1, length(&output)?))
    };
    let floor = measure(
        &["show", "events", "--form", "csv", "-w", "evt.num < 0"],
        "floor",
    )?;
    let floor_rate = as_f64(events) / floor.0.as_secs_f64().max(1e-9);
    let print = |name: &str, events: u64, (time, peak, bytes): (Duration, u64, u64)| {
        let seconds = time.as_secs_f64().max(1e-9);
        let rate = as_f64(events) / seconds;
        let ratio = rate / floor_rate;
        println!(
            "{name:<34} {seconds:>8.3} {rate:>12.0} {ratio:>7.3} {:>9.1} {:>10.1}",
            as_f64(peak) / 1024.0,
            as_f64(bytes) / 1e6
        );
    };
    print("reading events, writing none", events, floor);
    let lines = measure(&["show", "events", "--form", "jsonl"], "events.jsonl")?;
    print("table of events as JSON lines", events, lines);
    for form in WHOLE_FORMS {
        let figures = measure(
            &["export", "--form", form.name],
            &format!("export.{}", form.name),
        )?;
        print(form.name, events, figures);
    }
    if installed("python3") {
        let count = PEER_EVENTS.min(events);
        print("peer: Python json.dumps", count, peer(&folder, count)?);
    }
    Ok(())
}

fn peer(folder: &Path, count: u64) -> Result<(Duration, u64, u64), String> {
    let output = folder.join("peer.json");
    let mut command = Command::new("python3");
    command
        .args(["-c", PEER, &count.to_string()])
        .arg(&output)
        .stdin(Stdio::null());
    let mut peak = 0;
    let (result, time) = timed(|| watch(&mut command, &mut peak));
    result?;
    Ok((time, peak, length(&output)?))
}

fn length(path: &Path) -> Result<u64, String> {
    std::fs::metadata(path)
        .map(|metadata| metadata.len())
        .map_err(|error| format!("look at `{}`: {error}", path.display()))
}

fn count_events(binary: &Path, run: &Path) -> Result<u64, String> {
    let output = Command::new(binary)
        .arg("show")
        .arg(run)
        .args(["summary", "--json"])
        .output()
        .map_err(|error| format!("run `{}`: {error}", binary.display()))?;
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("summary: {error}"))?;
    answer["rows"][0]["events"]
        .as_u64()
        .ok_or_else(|| "the summary has no events".to_owned())
}
