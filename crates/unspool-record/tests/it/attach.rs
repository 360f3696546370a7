//! Attaching to programs that run already.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use unspool_record::external::{Tracer, TracerOptions, attach_with_tracer};
use unspool_record::scrub::{Policy, Scrubber};
use unspool_record::{Control, Exit, RecordOptions, RecordSink, SinkError, Wait, attach};

use crate::reader::read;
use crate::tools::{calls, check_stream, has_strace, job, of_kind, wait_until};

const THREADS: usize = 8;

/// Ends the recording when it holds a call of each thread.
struct UntilAllCalled {
    bytes: Vec<u8>,
    threads: BTreeSet<u32>,
    control: Control,
}

impl RecordSink for UntilAllCalled {
    fn write(&mut self, records: &[u8]) -> Result<(), SinkError> {
        let records_read = read(records);
        self.threads.extend(
            calls(&records_read, libc::SYS_getppid)
                .iter()
                .map(|record| record.tid),
        );
        self.bytes.extend_from_slice(records);
        if self.threads.len() == THREADS {
            self.control.detach();
        }
        Ok(())
    }
}

/// Ends the recording when it holds some lines.
struct UntilSeen {
    bytes: usize,
    control: Control,
}

impl RecordSink for UntilSeen {
    fn write(&mut self, text: &[u8]) -> Result<(), SinkError> {
        self.bytes += text.len();
        if self.bytes > 10_000 {
            self.control.detach();
        }
        Ok(())
    }
}

/// A child that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let ended = self.0.kill().and_then(|()| self.0.wait());
        assert!(ended.is_ok(), "{ended:?}");
    }
}

/// Counters that the threads of `job busy` keep.
fn counters(file: &Path) -> Option<Vec<u64>> {
    let text = fs::read_to_string(file).ok()?;
    let counters: Vec<u64> = text.lines().filter_map(|line| line.parse().ok()).collect();
    (counters.len() == THREADS).then_some(counters)
}

fn wait_until_all_count(file: &Path) {
    let mut before = None;
    wait_until("all threads run", || {
        let Some(counters) = counters(file) else {
            return false;
        };
        let first = before.get_or_insert_with(|| counters.clone());
        first.iter().zip(&counters).all(|(old, new)| new > old)
    });
}

#[test]
fn threads_are_held_and_let_go_again_and_again() {
    let Some(job) = job() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("counters");
    let child = Command::new(job)
        .args(["busy", &THREADS.to_string()])
        .arg(&file)
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    let child = Killed(child);
    wait_until_all_count(&file);
    let pid = i32::try_from(child.0.id()).expect("small");
    for _ in 0..5 {
        let control = Control::default();
        let mut sink = UntilAllCalled {
            bytes: Vec::new(),
            threads: BTreeSet::new(),
            control: control.clone(),
        };
        let outcome =
            attach(&[pid], &RecordOptions::default(), &mut sink, &control).expect("attached");
        assert_eq!(outcome.exit, Exit::Running);
        let bytes = sink.bytes;
        let records = read(&bytes);
        check_stream(&outcome, &records);
        let process = of_kind(&records, 8)[0];
        assert_eq!(process.strings(15)[1], "busy");
        assert!(process.text(14).ends_with("/job"));
        let getppid = calls(&records, libc::SYS_getppid);
        let threads: BTreeSet<u32> = getppid.iter().map(|record| record.tid).collect();
        assert_eq!(threads.len(), THREADS, "every thread was recorded");
        assert!(getppid.iter().all(|record| record.time_ns > 0));
        wait_until_all_count(&file);
    }
    let tracer = fs::read_to_string(format!("/proc/{pid}/status")).expect("runs");
    assert!(tracer.contains("TracerPid:\t0"), "let go");
}

/// strace 6.1 waits for a parent inside vfork, which waits for the child that strace holds: for ever, if nobody ends it.
#[test]
fn strace_lets_go_of_a_process_inside_vfork() {
    let Some(job) = job() else { return };
    if !has_strace() {
        return;
    }
    let scratch = tempfile::tempdir().expect("a folder");
    let file = scratch.path().join("ticks");
    let child = Command::new(job)
        .args(["vforks", "300"])
        .stdout(fs::File::create(&file).expect("a file"))
        .spawn()
        .expect("started");
    let child = Killed(child);
    let pid = i32::try_from(child.0.id()).expect("small");
    let children = || fs::metadata(&file).expect("there").len();
    let options = TracerOptions {
        program: None,
        scratch: scratch.path().to_path_buf(),
        string_len_max: 32,
        wait: Wait::All,
        scrubber: Arc::new(Scrubber::new(Policy::Default, [3; 32])),
    };
    for _ in 0..3 {
        let control = Control::default();
        let mut sink = UntilSeen {
            bytes: 0,
            control: control.clone(),
        };
        let outcome = attach_with_tracer(Tracer::Strace, &[pid], &options, &control, &mut sink)
            .expect("attached");
        assert_eq!(outcome.exit, Exit::Running);
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("runs");
        assert!(status.contains("TracerPid:\t0"), "let go: {status}");
        let before = children();
        wait_until("it goes on", || children() > before + 3);
    }
}

#[test]
fn a_process_that_is_not_there_is_an_error() {
    let mut child = Command::new("true").spawn().expect("started");
    child.wait().expect("ended");
    let pid = i32::try_from(child.id()).expect("small");
    let error = attach(
        &[pid],
        &RecordOptions::default(),
        &mut Vec::new(),
        &Control::default(),
    )
    .expect_err("gone");
    assert_eq!(error.code(), 125);
}
