//! Programs, folders and recorders for the tests.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as StdCommand;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use unspool_record::external::Tracer;
use unspool_record::{Command, Control, Outcome, RecordOptions, record_command};

use crate::reader::{Record, read};

/// Whether this is CI, where what a test needs has to be there.
fn is_ci() -> bool {
    std::env::vars().any(|(key, value)| key == "CI" && value == "true")
}

/// Kinds of records that count as events.
const EVENT_KINDS: [u8; 7] = [2, 4, 5, 6, 7, 15, 16];

/// The compiled `job.c`, `None` (and why on stderr) where there is no C compiler; CI must have one.
#[expect(clippy::print_stderr, reason = "says why it skips")]
pub(crate) fn job() -> Option<&'static str> {
    static JOB: OnceLock<Option<String>> = OnceLock::new();
    let path = JOB.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/programs/job.c");
        let target = format!("{}/job", env!("CARGO_TARGET_TMPDIR"));
        let modified = |path: &str| fs::metadata(path).and_then(|data| data.modified()).ok();
        if modified(&target) > modified(source) {
            return Some(target);
        }
        // Tests are processes of their own: only one compiles, and no program is replaced while another test runs it.
        let lock = fs::File::create(format!("{target}.lock")).expect("the folder is ours");
        lock.lock().expect("no signal comes");
        if modified(&target) > modified(source) {
            return Some(target);
        }
        let own = format!("{target}.{}", std::process::id());
        let result = StdCommand::new("cc")
            .args(["-O1", "-w", "-pthread", "-o", &own, source])
            .status();
        match result {
            Ok(status) if status.success() => {
                fs::rename(&own, &target).expect("same folder");
                Some(target)
            }
            other if !is_ci() => {
                eprintln!("skipped: `cc` cannot compile job.c: {other:?}");
                None
            }
            other => panic!("CI needs a C compiler: {other:?}"),
        }
    });
    path.as_deref()
}

/// Whether strace is here, else says that a test is skipped; CI must have it.
#[expect(clippy::print_stderr, reason = "says why it skips")]
pub(crate) fn has_strace() -> bool {
    let is_here = unspool_record::external::version(Tracer::Strace, None).is_some();
    assert!(is_here || !is_ci(), "CI needs strace");
    if !is_here {
        eprintln!("skipped: strace is not installed");
    }
    is_here
}

/// A command of words.
pub(crate) fn command(words: &[&str]) -> Command {
    Command {
        argv: words.iter().map(OsString::from).collect(),
        cwd: None,
        search_path: Some("/usr/bin:/bin".into()),
    }
}

/// Records a command and checks what holds for every recording.
pub(crate) fn record(words: &[&str], options: &RecordOptions) -> (Outcome, Vec<Record>) {
    let mut bytes = Vec::new();
    let outcome = record_command(&command(words), options, &mut bytes, &Control::default())
        .expect("recorded");
    let records = read(&bytes);
    check_stream(&outcome, &records);
    (outcome, records)
}

/// What holds for every recording: begins with a stream, ends with counts that are true, nothing lost, forks before children.
pub(crate) fn check_stream(outcome: &Outcome, records: &[Record]) {
    assert_eq!(
        records.first().map(|record| record.kind),
        Some(1),
        "begins with a stream record"
    );
    let last = records.last().expect("not empty");
    assert_eq!(last.kind, 14, "ends with a counts record");
    let events = records
        .iter()
        .filter(|record| EVENT_KINDS.contains(&record.kind))
        .count();
    let counts = outcome.counts;
    assert_eq!(u64::try_from(events), Ok(counts.recorded));
    assert_eq!(counts.seen, counts.recorded + counts.folded + counts.lost);
    assert_eq!(counts.lost, 0);
    assert_eq!(u64::from(last.words[0]), counts.seen);
    let is_attached = records
        .iter()
        .any(|record| record.kind == 8 && record.item(15).is_some());
    let mut known = std::collections::BTreeSet::from([0]);
    for record in records {
        match record.kind {
            4 => {
                known.insert(record.words[0]);
            }
            8 => {
                known.insert(record.tid);
            }
            _ => {}
        }
        if !matches!(record.kind, 12 | 1) {
            assert!(
                is_attached || known.contains(&record.tid),
                "thread {} was announced",
                record.tid
            );
        }
    }
}

/// Calls of a number, in order.
pub(crate) fn calls(records: &[Record], number: libc::c_long) -> Vec<&Record> {
    let is_wanted = |record: &&Record| {
        record.kind == 2
            && record
                .call
                .as_ref()
                .is_some_and(|call| libc::c_long::from(call.number) == number)
    };
    records.iter().filter(is_wanted).collect()
}

/// Records of a kind.
pub(crate) fn of_kind(records: &[Record], kind: u8) -> Vec<&Record> {
    records
        .iter()
        .filter(|record| record.kind == kind)
        .collect()
}

/// Waits until a condition holds, at most 20 seconds.
#[expect(clippy::disallowed_methods, reason = "a deadline")]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "waited 20 s until {what}"
        );
        std::thread::yield_now();
    }
}

/// Runs a recorder as a process of its own: this test program, started for [`crate::recorder_process`].
pub(crate) fn recorder(output: &Path, words: &[&str]) -> StdCommand {
    let program: PathBuf = std::env::current_exe().expect("a path");
    let mut command = StdCommand::new(program);
    command.args([
        "--exact",
        "recorder_process",
        "--nocapture",
        "--test-threads=1",
    ]);
    command
        .env("UNSPOOL_TEST_OUTPUT", output)
        .env("UNSPOOL_TEST_WORDS", words.join("\u{1f}"));
    command
}
