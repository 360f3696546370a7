//! A run that is not closed is decoded on the spot, a closed one has tables: both say the same.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Scratch, conserved, plain_command, show_text, torture, unspool};

/// Processes, pipes, files, failures, signals, threads; at its end the job keeps what the recorder has written so far.
const SCRIPT: &str = "\
    echo one > a; cp a b; mv b c; cat a c | sort | wc -c > sum; rm c; ln -s a link; cat link missing 2> /dev/null; \
    mkdir folder; (cd folder && : > inner && chmod 600 inner); sh -c 'kill -TERM $$'; \
    \"$TORTURE\" threads 20 > /dev/null; \"$TORTURE\" parallel 20 > /dev/null; \"$TORTURE\" pipe-flood 300000 > /dev/null; \
    \"$TORTURE\" signals 50 > /dev/null; \"$TORTURE\" exec-thread 3 2 > /dev/null; \
    mkdir live && cp \"$RUN/run.json\" live/run.json; \
    \"$UNSPOOL\" show \"$RUN\" tree --json > while-recording.json; true";

/// Names of all views, as the program itself lists them.
fn views(run: &Path) -> Vec<String> {
    let output = Command::new(unspool())
        .arg("show")
        .arg(run)
        .arg("no-such-view")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let list = said.split("views: ").nth(1).expect("a list of views");
    let names = list.lines().next().expect("a line").split(", ");
    names.map(str::to_owned).collect()
}

fn json(run: &Path, words: &[&str]) -> Value {
    serde_json::from_slice(&show_text(run, words)).expect("JSON")
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_run_without_tables_shows_what_its_tables_show() {
    let scratch = Scratch::new("live");
    let run = scratch.0.join("run");
    let output = plain_command(unspool())
        .args(["record", "--quiet", "--keep-raw", "--recorder", "ptrace"])
        .args(["--wait", "all", "-o"])
        .arg(&run)
        .args(["--", "sh", "-c", SCRIPT])
        .current_dir(&scratch.0)
        .env("TORTURE", torture())
        .env("UNSPOOL", unspool())
        .env("RUN", &run)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    conserved(&run);
    // While it was recorded, the run said so and could be read.
    let early = fs::read(scratch.0.join("while-recording.json")).unwrap();
    let early: Value = serde_json::from_slice(&early).expect("JSON");
    assert_eq!(early["state"], "recording", "{early}");
    assert!(!early["rows"].as_array().unwrap().is_empty());
    // The same frames without tables and seal.
    let live = scratch.0.join("live");
    copy_folder(&run.join("raw"), &live.join("raw"));
    let names = views(&run);
    assert!(names.len() >= 8, "{names:?}");
    let instant = after_start(&run, 50_000_000);
    for name in &names {
        let mut words = vec![name.as_str(), "--json"];
        if name == "state" {
            words.extend(["--at", &instant]);
        }
        let (closed, open) = (json(&run, &words), json(&live, &words));
        assert_eq!(closed["state"], "complete", "{name}");
        assert_eq!(open["state"], "incomplete", "{name}");
        if name == "summary" {
            summaries_agree(&closed, &open);
            continue;
        }
        let (closed, open) = (closed["rows"].as_array(), open["rows"].as_array());
        let (closed, open) = (closed.unwrap(), open.unwrap());
        for (closed, open) in closed.iter().zip(open) {
            assert_eq!(closed, open, "{name}");
        }
        assert_eq!(closed.len(), open.len(), "{name}");
        let may_be_empty = ["net", "sql", "http"].contains(&name.as_str());
        assert!(!closed.is_empty() || may_be_empty, "{name} shows nothing");
    }
}

/// A point in time so many nanoseconds after the run began, with its date: the manifest of a run that is not closed
/// has the recorder's start, and that of a closed one the first process's.
fn after_start(run: &Path, ns: i64) -> String {
    let start_ns = json(run, &["summary", "--json"])["rows"][0]["start_ns"]
        .as_i64()
        .expect("a start");
    let at_ns = start_ns + ns;
    let seconds = format!("@{}.{:09}", at_ns / 1_000_000_000, at_ns % 1_000_000_000);
    let output = Command::new("date")
        .args(["-u", "-d", &seconds, "+%Y-%m-%dT%H:%M:%S.%NZ"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The summary also holds what only the manifest knows, which has no end yet.
fn summaries_agree(closed: &Value, open: &Value) {
    const OF_MANIFEST: [&str; 5] = [
        "exit_code",
        "exit_signal",
        "end_ns",
        "findings",
        "duration_ns",
    ];
    let row = |view: &Value| {
        let mut row = view["rows"][0].as_object().expect("a row").clone();
        row.retain(|key, _| !OF_MANIFEST.contains(&key.as_str()));
        row
    };
    assert_eq!(row(closed), row(open));
}
