//! The recorder attaches to a running program and lets it go.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Scratch, conserved, rounds, rows, show, torture, unspool};

/// A program that calls without pause; ended with the test, whatever comes of it.
struct Busy(Child);

impl Busy {
    /// Starts it, and waits until all its threads are there.
    fn start(threads: usize, milliseconds: u64) -> Self {
        // Nice: so many busy threads would keep the recorder waiting for a CPU, and everybody else.
        let mut command = Command::new("nice");
        let command = command.args(["-n", "19", torture(), "busy"]);
        let command = command.args([threads.to_string(), milliseconds.to_string()]);
        let program = Self(command.stdout(Stdio::piped()).spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        while held(program.0.id()).0 <= threads {
            assert!(Instant::now() < deadline, "{threads} threads start");
            std::thread::yield_now();
        }
        program
    }

    fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    fn truth(&mut self) -> Value {
        let mut line = String::new();
        BufReader::new(self.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(self.0.wait().unwrap().success());
        serde_json::from_str(&line).expect("JSON")
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Attaches to a program, and some time after all its threads are held detaches with Ctrl-C; gives what the recorder said.
fn attach_once(pid: u32, run: &Path, time: Duration) -> Output {
    let mut command = Command::new(unspool());
    command
        .args(["record", "--recorder", "ptrace", "-o"])
        .arg(run)
        .args(["-p", &pid.to_string()]);
    let recorder = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (threads, traced) = held(pid);
        if threads == traced || Instant::now() > deadline {
            break;
        }
        std::thread::yield_now();
    }
    let attached = Instant::now();
    while attached.elapsed() < time {
        std::thread::yield_now();
    }
    let interrupted = Command::new("kill")
        .args(["-INT", &recorder.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());
    recorder.wait_with_output().unwrap()
}

/// Number of threads of a process and how many of them a tracer holds or a stop keeps.
fn held(pid: u32) -> (usize, usize) {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let states: Vec<bool> = tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok())
        .map(|status| {
            let is_traced = !status.contains("TracerPid:\t0\n");
            is_traced || status.contains("State:\tT") || status.contains("State:\tt")
        })
        .collect();
    (states.len(), states.iter().filter(|held| **held).count())
}

/// It ends as if nothing had happened, and the run holds all its threads.
#[test]
fn attach_and_detach_leave_all_threads_running() {
    let scratch = Scratch::new("attach");
    let mut program = Busy::start(16, 3000);
    let run = scratch.0.join("run");
    let output = attach_once(program.0.id(), &run, Duration::from_millis(300));
    assert!(program.runs(), "the program lives on");
    assert_eq!(output.status.code(), Some(0), "detaching is not an error");
    let truth = program.truth();
    assert_eq!(truth["threads"], 17, "{truth}");
    conserved(&run);
    let tree = show(&run, "tree");
    assert_eq!(rows(&tree).len(), 1, "{tree}");
    let threads = rows(&tree)[0]["threads"].as_u64();
    assert_eq!(threads, Some(17), "{tree}");
}

/// Again and again, on a program with 64 busy threads: none of them is left stopped or held, and there is nothing to warn of.
#[test]
fn many_attaches_leave_no_thread_behind() {
    let scratch = Scratch::new("attaches");
    let cycles = rounds(10, 200);
    let mut program = Busy::start(64, 1000 * 60 * 60);
    let mut longest = Duration::ZERO;
    for cycle in 0..cycles {
        let run = scratch.0.join(cycle.to_string());
        let begun = Instant::now();
        let time = Duration::from_millis(20 + cycle % 7 * 20);
        let output = attach_once(program.0.id(), &run, time);
        longest = longest.max(begun.elapsed());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "cycle {cycle}: {said}");
        for word in ["warning", "note:", "INCOMPLETE"] {
            assert!(!said.contains(word), "cycle {cycle}: {said}");
        }
        assert!(program.runs(), "cycle {cycle}");
        assert_eq!(held(program.0.id()), (65, 0), "cycle {cycle}");
        conserved(&run);
        std::fs::remove_dir_all(&run).unwrap();
    }
    eprintln!("{cycles} times attached to 65 threads and detached, {longest:?} at most");
}
