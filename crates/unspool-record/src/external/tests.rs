use super::{Tracer, TracerOptions, attach_with_tracer, record_with_tracer, version};
use crate::options::{Command, Control, Exit, Outcome, RecordError, Wait};
use crate::scrub::{Policy, Scrubber};
use std::ffi::OsString;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

/// Whether the tracer is there and may trace; says why a test is skipped otherwise.
fn is_usable(tracer: Tracer) -> bool {
    let usable = version(tracer, None).is_some();
    if !usable {
        eprintln!("skipped: {} is not installed", tracer.name());
    }
    usable
}

fn command(argv: &[&str]) -> Command {
    Command {
        argv: argv.iter().map(OsString::from).collect(),
        cwd: None,
        search_path: Some("/usr/local/bin:/usr/bin:/bin".into()),
    }
}

fn options(scratch: &tempfile::TempDir) -> TracerOptions {
    TracerOptions {
        program: None,
        scratch: scratch.path().to_path_buf(),
        string_len_max: 4096,
        wait: Wait::All,
        scrubber: Arc::new(Scrubber::new(Policy::Default, [3; 32])),
    }
}

fn record(tracer: Tracer, argv: &[&str], wait: Wait) -> (Outcome, String) {
    let scratch = tempfile::tempdir().unwrap();
    let mut lines = Vec::new();
    let options = TracerOptions {
        wait,
        ..options(&scratch)
    };
    let outcome = record_with_tracer(
        tracer,
        &command(argv),
        &options,
        &Control::default(),
        &mut lines,
    )
    .unwrap();
    assert_eq!(
        std::fs::read_dir(scratch.path()).unwrap().count(),
        0,
        "the FIFO is gone"
    );
    assert_eq!(outcome.counts.seen, outcome.counts.recorded);
    assert_eq!(
        usize::try_from(outcome.counts.seen).unwrap(),
        lines.split_inclusive(|byte| *byte == b'\n').count()
    );
    (outcome, String::from_utf8(lines).unwrap())
}

#[test]
fn exit_states_are_the_commands_own() {
    for tracer in [Tracer::Strace, Tracer::Ltrace]
        .into_iter()
        .filter(|tracer| is_usable(*tracer))
    {
        for (script, exit) in [
            ("exit 0", Exit::Code(0)),
            ("exit 37", Exit::Code(37)),
            ("kill -TERM $$", Exit::Signal(15)),
            ("kill -KILL $$", Exit::Signal(9)),
        ] {
            let (outcome, _) = record(tracer, &["sh", "-c", script], Wait::All);
            assert_eq!(outcome.exit, exit, "{tracer:?} {script}");
        }
    }
}

#[test]
fn strace_lines_come_whole_with_children_and_without_secrets() {
    if !is_usable(Tracer::Strace) {
        return;
    }
    let script = "/bin/echo --password=hunter2hunter | cat >/dev/null; X=word /bin/true";
    let (outcome, text) = record(Tracer::Strace, &["sh", "-c", script], Wait::All);
    assert_eq!(outcome.exit, Exit::Code(0));
    assert!(!text.contains("hunter2hunter"), "{text}");
    assert!(text.contains("--password=‹redacted:"));
    assert_eq!(
        text.matches("+++ exited with 0 +++").count(),
        4,
        "sh, echo, cat, true"
    );
    assert!(
        text.contains("\"X=‹redacted:"),
        "names of the environment show"
    );
    assert!(text.contains("\"PATH="));
    assert!(
        text.lines()
            .all(|line| line.starts_with(|first: char| first.is_ascii_digit())),
        "{text}"
    );
}

#[test]
fn ltrace_lines_show_library_calls() {
    if !is_usable(Tracer::Ltrace) {
        return;
    }
    let (outcome, text) = record(Tracer::Ltrace, &["sh", "-c", "exit 5"], Wait::All);
    assert_eq!(outcome.exit, Exit::Code(5));
    assert!(
        text.contains("SYS_") || text.contains("@SYS"),
        "system calls: {text}"
    );
    assert!(
        text.contains("strcmp(") || text.contains("strlen("),
        "library calls: {text}"
    );
}

#[test]
fn the_command_inherits_nothing_of_the_tracer() {
    if !is_usable(Tracer::Strace) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let list = |name: &str| folder.path().join(name).display().to_string();
    // Signals blocked and ignored, limits, seccomp; and the descriptors.
    let state = "grep -E '^(Sig(Blk|Ign|Cgt)|NoNewPrivs|Seccomp):' /proc/self/status; ulimit -a; ls /proc/self/fd";
    let script = |to: &str| format!("{{ {state}; }} >{to}");
    let plain = std::process::Command::new("sh")
        .arg("-c")
        .arg(script(&list("plain")))
        .status()
        .unwrap();
    assert!(plain.success());
    record(
        Tracer::Strace,
        &["sh", "-c", &script(&list("traced"))],
        Wait::All,
    );
    let read = |name: &str| {
        let state = std::fs::read_to_string(folder.path().join(name)).unwrap();
        let (before, rest) = state.split_once("SigIgn:\t").unwrap();
        let (ignored, after) = rest.split_at(16);
        // glibc's posix_spawn ignores its own two signals, 32 and 33, in the child: not a state that anybody set.
        let ignored = u64::from_str_radix(ignored, 16).unwrap() & !(3 << 31);
        format!("{before}{ignored:x}{after}")
    };
    assert_eq!(read("plain"), read("traced"));
}

#[test]
fn a_daemon_left_behind_is_not_waited_for_unless_asked() {
    if !is_usable(Tracer::Strace) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&go)
            .status()
            .unwrap()
            .success()
    );
    // The daemon waits for the test: it cannot have ended when the recorder returns.
    let done = folder.path().join("done");
    let script = format!(
        "(cat {} >{}) >/dev/null 2>&1 & exit 4",
        go.display(),
        done.display()
    );
    let (outcome, text) = record(Tracer::Strace, &["sh", "-c", &script], Wait::Main);
    assert_eq!(outcome.exit, Exit::Code(4));
    assert!(text.contains("+++ exited with 4 +++"));
    std::fs::write(&go, "unharmed").unwrap();
    let ended = || std::fs::read_to_string(&done).is_ok_and(|text| text == "unharmed");
    assert!(eventually(ended), "the daemon goes on");
}

/// Waits for a condition, at most ten seconds.
#[expect(
    clippy::disallowed_methods,
    reason = "a test waits for another process, with a deadline"
)]
fn eventually(condition: impl Fn() -> bool) -> bool {
    let start = std::time::Instant::now();
    while start.elapsed() < std::time::Duration::from_secs(10) {
        if condition() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

#[test]
fn what_is_missing_is_told_apart() {
    let scratch = tempfile::tempdir().unwrap();
    let mut sink = Vec::new();
    let missing = TracerOptions {
        program: Some(PathBuf::from("/nonexistent/strace")),
        ..options(&scratch)
    };
    let error = record_with_tracer(
        Tracer::Strace,
        &command(&["true"]),
        &missing,
        &Control::default(),
        &mut sink,
    )
    .unwrap_err();
    assert!(matches!(
        error,
        RecordError::TracerMissing { tracer: "strace" }
    ));
    assert_eq!(error.code(), 125);
    assert!(error.hint().unwrap().contains("apt install strace"));
    let there = options(&scratch);
    let error = record_with_tracer(
        Tracer::Strace,
        &command(&["no-such-program"]),
        &there,
        &Control::default(),
        &mut sink,
    )
    .unwrap_err();
    assert_eq!(error.code(), 127);
    let error = record_with_tracer(
        Tracer::Strace,
        &command(&["/etc/passwd"]),
        &there,
        &Control::default(),
        &mut sink,
    )
    .unwrap_err();
    assert_eq!(error.code(), 126);
}

#[test]
fn attaching_records_a_running_process_and_lets_it_go() {
    if !is_usable(Tracer::Strace) {
        return;
    }
    let mut child = std::process::Command::new("cat")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let options = options(&scratch);
    let control = Control::default();
    let (outcome, lines) = std::thread::scope(|scope| {
        let recorder = scope.spawn(|| {
            let mut lines = Vec::new();
            let outcome =
                attach_with_tracer(Tracer::Strace, &[pid], &options, &control, &mut lines);
            (outcome, lines)
        });
        let traced = || {
            std::fs::read_to_string(format!("/proc/{pid}/status"))
                .is_ok_and(|status| !status.contains("TracerPid:\t0"))
        };
        assert!(eventually(traced));
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"ping").unwrap();
        let mut answer = [0; 4];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut answer)
            .unwrap();
        control.detach();
        recorder.join().unwrap()
    });
    assert_eq!(outcome.unwrap().exit, Exit::Running);
    assert!(String::from_utf8(lines).unwrap().contains("write(1<pipe:["));
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"more").unwrap();
    drop(child.stdin.take());
    let mut rest = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut rest)
        .unwrap();
    assert_eq!(rest, "more");
    assert!(child.wait().unwrap().success());
}

#[test]
fn attaching_to_nobody_fails() {
    if !is_usable(Tracer::Strace) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    // Beyond the largest pid_max that Linux allows.
    let error = attach_with_tracer(
        Tracer::Strace,
        &[4_194_305],
        &options(&scratch),
        &Control::default(),
        &mut Vec::new(),
    )
    .unwrap_err();
    assert!(matches!(error, RecordError::Trace { pid: 4_194_305, .. }));
}
