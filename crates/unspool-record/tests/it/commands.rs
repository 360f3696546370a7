//! Commands from start to end.

use unspool_record::{
    Control, Counts, Detail, Exit, Filter, Outcome, RecordError, RecordOptions, RecordSink,
    SinkError, Wait, record_command,
};

use crate::reader::read;
use crate::tools::{calls, command, job, of_kind, record};

fn all() -> RecordOptions {
    RecordOptions {
        wait: Wait::All,
        ..RecordOptions::default()
    }
}

#[test]
fn exit_statuses_are_the_commands_own() {
    assert_eq!(
        record(&["sh", "-c", "exit 3"], &all()).0.exit,
        Exit::Code(3)
    );
    assert_eq!(record(&["true"], &all()).0.exit.code(), 0);
    let (outcome, records) = record(&["sh", "-c", "kill -9 $$"], &all());
    assert_eq!(outcome.exit, Exit::Signal(9));
    assert_eq!(outcome.exit.code(), 137);
    assert_eq!(
        of_kind(&records, 6)[0].words[1],
        9,
        "the wait status of a death by SIGKILL"
    );
}

#[test]
fn a_command_that_cannot_run_is_told_apart() {
    let run = |word: &str| {
        record_command(
            &command(&[word]),
            &all(),
            &mut Vec::new(),
            &Control::default(),
        )
        .expect_err("cannot run")
    };
    let missing = run("/nonexistent/program");
    assert!(matches!(missing, RecordError::NotFound { .. }), "{missing}");
    let file = tempfile::NamedTempFile::new().expect("a file");
    let not_executable = run(file.path().to_str().expect("text"));
    let codes = [
        missing,
        run("no-such-program-anywhere"),
        run("/etc"),
        not_executable,
    ]
    .map(|error| error.code());
    assert_eq!(codes, [127, 127, 126, 126]);
}

#[test]
fn the_first_process_is_described() {
    let (_, records) = record(&["sh", "-c", "echo $0 >/dev/null", "zero"], &all());
    let process = of_kind(&records, 8)[0];
    assert_eq!(
        process.words[1],
        std::process::id(),
        "its parent is the recorder"
    );
    assert!(process.items.iter().any(|item| item.0 == 19), "descriptors");
    let exec = of_kind(&records, 5)[0];
    assert_eq!(exec.strings(15), ["sh", "-c", "echo $0 >/dev/null", "zero"]);
    assert!(exec.text(14).starts_with('/'), "{}", exec.text(14));
    assert_eq!(
        exec.text(17),
        std::env::current_dir()
            .expect("a folder")
            .display()
            .to_string()
    );
    assert!(
        exec.strings(16)
            .iter()
            .any(|entry| entry.starts_with("PATH="))
    );
    let execve = calls(&records, libc::SYS_execve)[0];
    assert_eq!(execve.call.as_ref().and_then(|call| call.result), Some(0));
    let open = calls(&records, libc::SYS_openat)
        .into_iter()
        .find(|open| open.text(1) == "/dev/null")
        .expect("opened");
    assert_eq!(open.text(7), "/dev/null", "the fact beside the claim");
}

#[test]
fn two_hundred_processes_are_all_there() {
    let script = "i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done";
    let (outcome, records) = record(&["sh", "-c", script], &all());
    assert_eq!(outcome.exit, Exit::Code(0));
    assert_eq!(of_kind(&records, 4).len(), 200);
    assert_eq!(of_kind(&records, 5).len(), 201);
    assert_eq!(of_kind(&records, 6).len(), 201);
    let waited = calls(&records, libc::SYS_wait4)
        .iter()
        .filter(|wait| wait.item(8) == Some(&[0; 4]))
        .count();
    assert_eq!(waited, 200, "statuses that wait4 stored");
}

#[test]
fn failed_calls_and_arguments_are_kept() {
    let (_, records) = record(&["cat", "/nonexistent/file"], &all());
    let open = calls(&records, libc::SYS_openat)
        .into_iter()
        .find(|open| open.text(1) == "/nonexistent/file")
        .expect("tried");
    assert_eq!(open.call.as_ref().and_then(|call| call.result), Some(-2));
    assert_eq!(open.item(7), None, "no fact about a file that is not there");
    let exit = calls(&records, libc::SYS_exit_group)[0];
    assert_eq!(
        exit.call.as_ref().map(|call| (call.args[0], call.result)),
        Some((1, None))
    );
}

#[test]
fn payload_is_kept_only_when_asked_for() {
    let words = ["sh", "-c", "printf 'hello world' | cat >/dev/null"];
    let buffers = |options: RecordOptions| {
        record(&words, &options)
            .1
            .iter()
            .filter_map(|record| record.item(3).map(<[u8]>::to_vec))
            .collect::<Vec<_>>()
    };
    assert_eq!(buffers(all()), Vec::<Vec<u8>>::new());
    let kept = buffers(RecordOptions {
        payload_bytes: 5,
        ..all()
    });
    let mut want = 11_u64.to_le_bytes().to_vec();
    want.extend_from_slice(b"hello");
    assert_eq!(
        kept.iter().filter(|&value| *value == want).count(),
        3,
        "written by sh, read and written by cat"
    );
}

/// Of many messages in one call too: one behind the other, under one limit, each as long as it was.
#[test]
fn payload_of_many_messages_is_kept() {
    let Some(job) = job() else { return };
    for (payload_bytes, want) in [(100, &b"helloworld!"[..]), (7, b"hellowo"), (3, b"hel")] {
        let options = RecordOptions {
            payload_bytes,
            ..all()
        };
        let (outcome, records) = record(&[job, "messages"], &options);
        assert_eq!(outcome.exit, Exit::Code(0));
        let mut value = 11_u64.to_le_bytes().to_vec();
        value.extend_from_slice(want);
        let kept = records
            .iter()
            .filter(|record| record.item(3) == Some(&value[..]));
        assert_eq!(kept.count(), 2, "sent and received, {payload_bytes} bytes");
    }
}

#[test]
fn vfork_stop_signals_and_exit_of_threads_work_as_always() {
    let Some(job) = job() else { return };
    let (outcome, records) = record(&[job, "vfork"], &all());
    assert_eq!(outcome.exit, Exit::Code(0));
    assert!(
        of_kind(&records, 4)
            .iter()
            .all(|fork| fork.words[2] & 0x4100 == 0x4100),
        "CLONE_VM and CLONE_VFORK"
    );
    assert_eq!(of_kind(&records, 6).len(), 51);

    let (outcome, records) = record(&[job, "stop"], &all());
    assert_eq!(
        outcome.exit,
        Exit::Code(0),
        "WUNTRACED and WCONTINUED as without a recorder"
    );
    assert_eq!(
        (of_kind(&records, 15).len(), of_kind(&records, 16).len()),
        (10, 10)
    );
    assert!(
        of_kind(&records, 15).iter().all(|stop| stop.words[0] == 19),
        "SIGSTOP"
    );

    let (outcome, records) = record(&[job, "signals", "500"], &all());
    assert_eq!(
        outcome.exit,
        Exit::Code(0),
        "values of queued signals arrive"
    );
    assert_eq!(of_kind(&records, 7).len(), 500);
    assert!(
        of_kind(&records, 7)
            .iter()
            .all(|signal| signal.words[1].cast_signed() == -1 && signal.words[2] == signal.tid),
        "SI_QUEUE from itself"
    );

    let (outcome, records) = record(&[job, "exitgroup"], &all());
    assert_eq!(outcome.exit, Exit::Code(5));
    assert_eq!(
        of_kind(&records, 6).len(),
        9,
        "eight threads and the leader"
    );
}

#[test]
fn exec_in_a_thread_replaces_the_process() {
    let Some(job) = job() else { return };
    for _ in 0..20 {
        let (outcome, records) = record(&[job, "execthread"], &all());
        assert_eq!(outcome.exit, Exit::Code(7));
        let execs = of_kind(&records, 5);
        assert_eq!(execs.len(), 2);
        assert_eq!(
            execs[1].tid, execs[1].words[0],
            "the image runs under the leader's number"
        );
        assert_ne!(
            execs[1].words[1], execs[1].tid,
            "and another thread called execve"
        );
        assert_eq!(execs[1].strings(15)[1..], ["exit", "7"]);
        let forked: Vec<u32> = of_kind(&records, 4)
            .iter()
            .map(|fork| fork.words[0])
            .collect();
        let ended = of_kind(&records, 6)
            .iter()
            .filter(|exit| forked.contains(&exit.tid))
            .count();
        assert_eq!(
            ended + 1,
            forked.len(),
            "all threads but the one that lives on as the leader ended"
        );
    }
}

#[test]
fn children_that_want_no_tracer_are_followed() {
    let Some(job) = job() else { return };
    for kind in ["untraced", "untraced3"] {
        let (outcome, records) = record(&[job, kind], &all());
        assert_eq!(outcome.exit, Exit::Code(0));
        assert_eq!(of_kind(&records, 4).len(), 20);
        assert_eq!(calls(&records, libc::SYS_getppid).len(), 60, "{kind}");
        assert_eq!(outcome.notes, Vec::<String>::new());
    }
}

#[test]
fn sockets_and_passed_descriptors_have_facts() {
    let Some(job) = job() else { return };
    let (outcome, records) = record(&[job, "net"], &all());
    assert_eq!(outcome.exit, Exit::Code(0));
    let pair = |number| {
        String::from_utf8_lossy(&calls(&records, number)[0].item(20).expect("a socket")[4..])
            .into_owned()
    };
    let (connected, accepted) = (pair(libc::SYS_connect), pair(libc::SYS_accept));
    let (local, remote) = connected.split_once("->").expect("both ends");
    assert_eq!(accepted, format!("{remote}->{local}"));
    assert!(local.starts_with("127.0.0.1:"));

    let (_, records) = record(&[job, "rights", "/etc/hostname"], &all());
    let received = calls(&records, libc::SYS_recvmsg)[0];
    assert_eq!(
        (received.item(5), received.text(7)),
        (Some(&6_i32.to_le_bytes()[..]), "/etc/hostname".to_owned())
    );
}

#[test]
fn processes_left_behind_are_waited_for_or_let_go() {
    let Some(job) = job() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("orphan");
    let word = file.to_str().expect("text");
    let (_, records) = record(&[job, "orphan", word], &all());
    assert!(file.exists(), "waited for");
    assert_eq!(of_kind(&records, 6).len(), 3);
    std::fs::remove_file(&file).expect("there");
    record(&[job, "orphan", word], &RecordOptions::default());
    assert!(!file.exists(), "not waited for");
    crate::tools::wait_until("the daemon wrote its file", || {
        std::fs::read(&file).is_ok_and(|bytes| bytes == b"orphan")
    });
}

#[test]
fn a_reduced_detail_records_less_and_the_same_processes() {
    let words = ["sh", "-c", "cat /etc/hostname | cat >/dev/null; /bin/true"];
    let run = |detail, filter| {
        let (outcome, records) = record(
            &words,
            &RecordOptions {
                detail,
                filter,
                ..all()
            },
        );
        assert_eq!(outcome.exit, Exit::Code(0));
        assert_eq!(
            (
                of_kind(&records, 4).len(),
                of_kind(&records, 5).len(),
                of_kind(&records, 6).len()
            ),
            (3, 4, 4),
            "{detail:?} {filter:?}"
        );
        (
            calls(&records, libc::SYS_openat).len(),
            calls(&records, libc::SYS_read).len(),
            calls(&records, libc::SYS_brk).len(),
            of_kind(&records, 2).len(),
        )
    };
    let full = run(Detail::Full, Filter::Stops);
    assert!(full.2 > 0);
    for filter in [Filter::Stops, Filter::Seccomp] {
        let (io, names, tree) = (
            run(Detail::Io, filter),
            run(Detail::Names, filter),
            run(Detail::Tree, filter),
        );
        assert_eq!((io.0, io.1, io.2), (full.0, full.1, 0));
        assert_eq!((names.0, names.1, names.2), (full.0, 0, 0));
        assert_eq!(tree.3, 0);
    }
}

/// A sink whose disk is full for a while.
struct FullDisk {
    bytes: Vec<u8>,
    writes: u32,
    failing: std::ops::Range<u32>,
}

impl RecordSink for FullDisk {
    fn write(&mut self, records: &[u8]) -> Result<(), SinkError> {
        self.writes += 1;
        if self.failing.contains(&self.writes) {
            return Err(SinkError {
                action: "write".to_owned(),
                source: std::io::Error::from_raw_os_error(libc::ENOSPC),
            });
        }
        self.bytes.extend_from_slice(records);
        Ok(())
    }
}

#[test]
fn a_full_disk_loses_counted_events_and_leaves_the_job_alone() {
    let Some(job) = job() else { return };
    let run = |failing| {
        let mut sink = FullDisk {
            bytes: Vec::new(),
            writes: 0,
            failing,
        };
        let outcome = record_command(
            &command(&[job, "calls", "20000"]),
            &all(),
            &mut sink,
            &Control::default(),
        )
        .expect("recorded");
        assert_eq!(outcome.exit, Exit::Code(0));
        assert!(outcome.sink_error.is_some());
        (outcome.counts, read(&sink.bytes))
    };
    let (counts, records) = run(2..u32::MAX);
    assert!(counts.lost > 0);
    assert_eq!(counts.seen, counts.recorded + counts.lost);
    assert!(counts.seen > 20_000);
    assert!(
        of_kind(&records, 14).is_empty(),
        "without its last record the stream is not whole"
    );

    let (counts, records) = run(2..3);
    let gap = of_kind(&records, 9);
    assert_eq!(gap.len(), 1, "the disk has room again");
    assert_eq!(u64::from(gap[0].words[0]), counts.lost);
    let Counts {
        seen,
        recorded,
        folded,
        lost,
    } = counts;
    assert_eq!(
        of_kind(&records, 14)[0].words,
        [seen, 0, recorded, 0, folded, 0, lost, 0].map(|word| u32::try_from(word).expect("small"))
    );
}

/// Makes children as `fork` does, with `CLONE_UNTRACED`: one that is waited for, one that outlives its parent; and an ordinary one.
const UNTRACED: &str = "import ctypes, os, platform\n\
number = 220 if platform.machine() == 'aarch64' else 56\n\
def untraced(): return ctypes.CDLL(None).syscall(number, 0x800000 | 17, 0, 0, 0, 0)\n\
r, w = os.pipe()\n\
first = untraced()\n\
if first == 0: os._exit(3)\n\
os.waitpid(first, 0)\n\
if os.fork() == 0: os._exit(4)\n\
os.wait()\n\
second = untraced()\n\
if second == 0:\n os.close(w); os.read(r, 1); os._exit(5)\n\
print(first, second, flush=True)\n\
os._exit(0)";

/// Where no call stops, a child that asks not to be traced is not followed; that is told, and of no other child.
#[test]
fn children_that_are_not_followed_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let script = format!("python3 -S -c \"$1\" > '{}'", out.display());
    let words = ["sh", "-c", &script, "sh", UNTRACED];
    // With samples, threads stop at their end.
    let options = RecordOptions {
        detail: Detail::Tree,
        sample: Some(std::time::Duration::from_secs(3600)),
        ..all()
    };
    let (outcome, records) = record(&words, &options);
    assert_eq!(outcome.exit, Exit::Code(0));
    // The numbers of both children, and whether they were seen to be made.
    let made = |records: &[crate::reader::Record]| -> Vec<(u32, bool)> {
        let said = std::fs::read_to_string(&out).expect("its numbers");
        let numbers = said
            .split_whitespace()
            .map(|word| word.parse().expect("a number"));
        let forks = of_kind(records, 4);
        let is_told = |child| forks.iter().any(|fork| fork.words[0] == child);
        numbers.map(|child| (child, is_told(child))).collect()
    };
    let notes = |outcome: &Outcome| -> Vec<String> {
        let of = |note: &&String| note.contains("CLONE_UNTRACED");
        outcome.notes.iter().filter(of).cloned().collect()
    };
    let children = made(&records);
    assert_eq!(children.len(), 2, "{children:?}");
    // No other child is told of.
    let notes_of_tree = notes(&outcome);
    assert_eq!(notes_of_tree.len(), 2, "{notes_of_tree:?}");
    for (note, (child, is_followed)) in notes_of_tree.iter().zip(children) {
        assert!(note.starts_with(&format!("process {child} ")), "{note}");
        assert!(!is_followed, "{child}");
    }
    // Where calls stop they are followed.
    let (outcome, records) = record(&words, &all());
    assert!(made(&records).iter().all(|(_, is_followed)| *is_followed));
    assert_eq!(notes(&outcome), Vec::<String>::new());
}
