//! Clocks that jump, and clocks of another namespace.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::SystemTime;

use serde_json::Value;

use crate::support::{
    Scratch, conserved, has_tool, is_root, plain_command, rows, show, torture, unspool,
};

/// Adds to the wall clock as many seconds as the file `CLOCK_SHIFT_FILE` holds at the moment, for every program it is loaded into.
const SHIFTED_CLOCK: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile long *shift;

__attribute__((constructor)) static void look(void)
{
    const char *file = getenv("CLOCK_SHIFT_FILE");
    int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *page = mmap(0, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED)
        shift = page;
    close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME && shift)
        time->tv_sec += *shift;
    return result;
}
"#;

fn build_shifted_clock(folder: &Path) -> std::path::PathBuf {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    fs::write(&source, SHIFTED_CLOCK).unwrap();
    let built = plain_command("gcc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .status()
        .unwrap();
    assert!(built.success(), "gcc");
    library
}

fn now_ns() -> i64 {
    let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since_epoch.as_nanos()).unwrap()
}

/// Events of one view, in the order of the view.
fn events(run: &Path) -> Vec<Value> {
    rows(&show(run, "events")).to_vec()
}

/// The wall clock is set an hour ahead and two hours back while the job runs: what happened later stays later, nothing takes
/// less than no time, and the run says where the clock jumped.
#[test]
fn a_wall_clock_that_jumps_turns_no_order_around() {
    if !has_tool("gcc") {
        return;
    }
    let scratch = Scratch::new("clock-jump");
    let library = build_shifted_clock(&scratch.0);
    let (shift, run) = (scratch.0.join("shift"), scratch.0.join("run"));
    fs::write(&shift, 0_i64.to_le_bytes()).unwrap();
    // The wall clock is compared once a second.
    let script = "sleep 1.3; printf '\\020\\016\\0\\0\\0\\0\\0\\0' 1<>shift; \
                  sleep 1.3; printf '\\360\\361\\377\\377\\377\\377\\377\\377' 1<>shift; sleep 1.3; true";
    let output = plain_command(unspool())
        .args(["record", "--quiet", "--recorder", "ptrace", "-o"])
        .arg(&run)
        .args(["--", "bash", "-c", script])
        .current_dir(&scratch.0)
        .env("LD_PRELOAD", &library)
        .env("CLOCK_SHIFT_FILE", &shift)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let shifted = fs::read(&shift).unwrap();
    assert_eq!(
        shifted,
        (-3600_i64).to_le_bytes(),
        "the job moved the clock"
    );
    conserved(&run);
    let events = events(&run);
    let seqs: Vec<u64> = events
        .iter()
        .map(|row| row["seq"].as_u64().unwrap())
        .collect();
    assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "order");
    for row in &events {
        let duration = row["duration_ns"].as_i64();
        assert!(
            duration.is_none_or(|ns| (0..60_000_000_000).contains(&ns)),
            "{row}"
        );
    }
    let sleeps: Vec<(i64, i64)> = events
        .iter()
        .filter(|row| row["name"] == "clock_nanosleep" || row["name"] == "nanosleep")
        .map(|row| {
            (
                row["time_ns"].as_i64().unwrap(),
                row["duration_ns"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(sleeps.len(), 3, "{sleeps:?}");
    assert!(
        sleeps.iter().all(|sleep| sleep.1 >= 1_300_000_000),
        "{sleeps:?}"
    );
    let tree = show(&run, "tree");
    for row in rows(&tree) {
        assert!(row["end_ns"].as_i64() >= row["start_ns"].as_i64(), "{row}");
    }
    let told: Vec<&Value> = events.iter().filter(|row| row["kind"] == "note").collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    // The two clocks are not read in the same instant: a jump of an hour is told to some milliseconds.
    for (note, sign) in told.into_iter().zip(['+', '-']) {
        let note = note.to_string();
        let told = [3600, 3599].map(|seconds| format!("jumped to {sign}{seconds}."));
        assert!(told.iter().any(|told| note.contains(told)), "{note}");
    }
}

/// In a time namespace whose boot clock is a day ahead, times are still those of the wall clock.
#[test]
fn a_clock_namespace_moves_no_time() {
    if !has_tool("unshare") || !is_root() {
        return;
    }
    let scratch = Scratch::new("clock-namespace");
    let run = scratch.0.join("run");
    let begun = now_ns();
    let output = plain_command("unshare")
        .args(["--time", "--boottime", "86400", "--monotonic", "86400"])
        .arg(unspool())
        .args(["record", "--quiet", "--recorder", "ptrace", "-o"])
        .arg(&run)
        // The job makes a namespace of its own again, whose clocks differ from the recorder's.
        .args([
            "--",
            "unshare",
            "--time",
            "--boottime",
            "7",
            torture(),
            "clock",
            "5",
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let ended = now_ns();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("unshare failed") {
        eprintln!("skipped: no time namespaces here: {said}");
        return;
    }
    assert_eq!(output.status.code(), Some(0), "{said}");
    conserved(&run);
    let window = begun..=ended;
    for row in events(&run) {
        let time = row["time_ns"].as_i64().unwrap();
        assert!(window.contains(&time), "{time} is not in {window:?}: {row}");
    }
    let tree = show(&run, "tree");
    for row in rows(&tree) {
        for key in ["start_ns", "end_ns"] {
            // The kernel gives starts to a hundredth of a second.
            let time = row[key].as_i64().unwrap();
            assert!(
                time >= begun - 20_000_000 && time <= ended,
                "{key} of {row}"
            );
        }
    }
}
