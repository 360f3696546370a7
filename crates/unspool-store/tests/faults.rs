//! Breaks the system around a recording: failing calls, a full disk, a kill. Real processes, real files.

use std::io::{BufRead as _, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use unspool_store::{RunReader, RunState, StepQuery, Tables};

const PIECES: u64 = 20;

/// The example `store_job`, which cargo builds beside the tests.
fn job() -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("target/PROFILE/deps/TEST");
    let job = profile.join("examples/store_job");
    assert!(job.exists(), "{} is built by `cargo test`", job.display());
    job
}

/// Prints why a test cannot run here.
#[expect(clippy::print_stdout, reason = "the output of a test is for people")]
fn skip(why: &str) {
    println!("skipped: {why}");
}

/// Whether the closed run in `folder` has everything, in frames and in tables.
fn is_whole(folder: &Path) -> bool {
    let Ok(reader) = RunReader::open(folder) else {
        return false;
    };
    let mut frames = reader.frames().expect("the folder can be listed");
    while frames.next_frame().is_some() {}
    let mut events = 0;
    let stepped = Tables::open(&reader).and_then(|tables| {
        tables.for_each_step(&StepQuery::all(), &mut |_| {
            events += 1;
            ControlFlow::Continue(())
        })
    });
    *reader.state() == RunState::Complete
        && frames.losses().is_empty()
        && frames.totals().frames == PIECES
        && stepped.is_ok()
        && events == PIECES
}

/// Runs the job with one call failing; `None` when strace is not there.
fn inject(folder: &Path, calls: &str, error: &str, when: &str, log: &Path) -> Option<Output> {
    Command::new("strace")
        .args(["-f", "-qq", "-e", "signal=none", "-e"])
        .arg(format!("trace={calls}"))
        .arg("-e")
        .arg(format!("inject={calls}:error={error}:when={when}"))
        .arg("-o")
        .arg(log)
        .arg(job())
        .arg("write")
        .arg(folder)
        .arg(PIECES.to_string())
        .output()
        .ok()
}

/// Test 21 of the reliability reference: whichever call fails, the error is reported or the data is complete.
fn sweep(calls: &str, error: &str, and_all_after: bool) {
    let plus = if and_all_after { "+" } else { "" };
    for number in 1..2000 {
        let root = tempfile::tempdir().expect("a folder for the test");
        let (folder, log) = (root.path().join("run"), root.path().join("log"));
        let Some(output) = inject(&folder, calls, error, &format!("{number}{plus}"), &log) else {
            return skip("strace is not installed");
        };
        let log = String::from_utf8_lossy(&std::fs::read(&log).unwrap_or_default()).into_owned();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if said.contains("PTRACE") || said.contains("ptrace") {
            return skip("ptrace is not allowed here");
        }
        let place = format!("{calls} {number}{plus} fails with {error}: {said}");
        assert!(!said.contains("panicked"), "{place}");
        let injected = log.contains("(INJECTED)");
        if output.status.success() {
            assert!(is_whole(&folder), "silent loss: {place}");
        } else {
            assert!(injected, "{place}");
            // Whatever is left opens; a run that is shown as complete is.
            if let Ok(reader) = RunReader::open(&folder) {
                let complete = *reader.state() == RunState::Complete;
                assert!(!complete || is_whole(&folder), "{place}");
            }
        }
        if !injected {
            assert!(number > 1, "{calls} is never called");
            return;
        }
    }
    panic!("{calls}: no end");
}

#[test]
fn failing_writes_are_reported() {
    sweep("write", "EIO", false);
}

#[test]
fn writes_that_fail_from_some_time_on_are_reported() {
    sweep("write", "ENOSPC", true);
}

#[test]
fn failing_syncs_are_reported() {
    sweep("fsync,fdatasync", "EIO", false);
}

#[test]
fn failing_renames_are_reported() {
    sweep("rename,renameat,renameat2", "EIO", false);
}

#[test]
fn failing_opens_are_reported() {
    sweep("openat", "EIO", false);
    sweep("openat", "ENOSPC", false);
}

#[test]
fn failing_changes_of_folders_are_reported() {
    sweep("mkdir,unlink,rmdir,flock", "EIO", false);
}

/// Test 20: the first error is told once, all that was flushed is readable, the loss is counted, the run is closed.
#[test]
fn a_full_disk_stops_the_recording_and_keeps_what_is_there() {
    let root = tempfile::tempdir().expect("a folder for the test");
    let script = "mount -t tmpfs -o size=1m tmpfs \"$1\" || exit 99; \
        \"$2\" write \"$1/run\" 3000; echo \"exit $?\"; \"$2\" check \"$1/run\"; ls \"$1/run\"";
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", script, "sh"])
        .arg(root.path())
        .arg(job())
        .output();
    let Ok(output) = output else {
        return skip("unshare is not installed");
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.code() == Some(99) || out.is_empty() {
        return skip(&format!("no mount namespace: {said}"));
    }
    let mut lines = out.lines();
    assert_eq!(lines.next(), Some("exit 1"), "{said}");
    assert!(said.contains("No space left"), "{said}");
    let state = lines.next().unwrap_or_default();
    let words: Vec<&str> = state.splitn(4, ' ').collect();
    let [state, frames, lost, stopped] = words.as_slice() else {
        panic!("{out}");
    };
    assert_eq!((*state, *stopped), ("incomplete", "disk full"), "{out}");
    let (frames, lost): (u64, u64) = (frames.parse().unwrap(), lost.parse().unwrap());
    assert_eq!(frames + lost, 3000, "{out}");
    assert!(frames > 800, "{out}");
    // The manifest was written again, and the lock is gone: the run is closed.
    assert_eq!(lines.collect::<Vec<_>>(), ["raw", "run.json"], "{out}");
}

/// Test 19, the store's part: what was appended before a kill is there.
#[test]
fn a_killed_recorder_loses_nothing_that_it_had_appended() {
    for round in 1u64..=20 {
        let root = tempfile::tempdir().expect("a folder for the test");
        let folder = root.path().join("run");
        let mut child = Command::new(job())
            .arg("endless")
            .arg(&folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the job starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut last = 0;
        for line in (&mut lines).take(usize::try_from(round * 37).unwrap()) {
            last = line.unwrap().parse().unwrap();
        }
        child.kill().expect("it runs");
        child.wait().expect("it was started here");
        // What was in the pipe had been appended as well; the last line may be cut.
        for line in lines.map_while(Result::ok) {
            last = line.parse().unwrap_or(last).max(last);
        }
        let reader = RunReader::open(&folder).unwrap();
        let RunState::Incomplete(recovered) = reader.state() else {
            panic!("{:?}", reader.state());
        };
        assert!(recovered.totals.frames > last, "{recovered:?}, {last}");
        // The kernel may cut the write in which the kill came; that piece had not been acknowledged.
        for loss in &recovered.losses {
            assert_eq!(
                (loss.frames, loss.reason.as_str()),
                (0, "cut or damaged at the end")
            );
        }
    }
}
