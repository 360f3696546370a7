//! What the command inherits, and what becomes of it when the recorder dies.

use std::fs;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::reader::read_cut;
use crate::tools::{job, recorder, wait_until};

/// Output of `job state`, through a shell that writes it to a file, plain or recorded, after the same preparation of the parent.
fn state(job: &str, folder: &Path, prepare: &str, recorded: bool) -> String {
    let output = folder.join(if recorded { "recorded" } else { "plain" });
    let raw = folder.join("raw");
    let inner = [
        "sh",
        "-c",
        "exec \"$0\" state >\"$1\"",
        job,
        output.to_str().expect("text"),
    ];
    let mut inner_command = if recorded {
        recorder(&raw, &inner)
    } else {
        let mut command = Command::new("/usr/bin/sh");
        command
            .args(&inner[1..])
            .env("UNSPOOL_TEST_OUTPUT", &raw)
            .env("UNSPOOL_TEST_WORDS", inner.join("\u{1f}"));
        command
    };
    // The parent of both: a shell that prepares signals, limits and descriptors, then becomes the recorder or the job.
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{prepare}; exec \"$@\""), "sh"])
        .arg(inner_command.get_program())
        .args(inner_command.get_args());
    for (name, value) in inner_command.get_envs() {
        shell.env(name, value.expect("set"));
    }
    inner_command.stdin(Stdio::null());
    let status = shell
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("ran");
    assert!(status.success(), "{status}");
    fs::read_to_string(output).expect("written")
}

#[test]
fn the_command_inherits_what_it_would_have() {
    let Some(job) = job() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let preparations = [
        "true",
        "trap '' PIPE CHLD INT HUP TERM; umask 027",
        "exec 7</etc/hostname; exec 2<&-; ulimit -c 4096; ulimit -n 100; export X='a b'",
    ];
    for prepare in preparations {
        let (plain, recorded) = (
            state(job, folder.path(), prepare, false),
            state(job, folder.path(), prepare, true),
        );
        let comparable = |text: &str| {
            text.lines()
                .filter(|line| {
                    !line.starts_with("group") && !line.starts_with("UNSPOOL_TEST_WORDS")
                })
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert!(plain.contains("fd 0 flags"), "{plain}");
        pretty_equal(&comparable(&plain), &comparable(&recorded), prepare);
    }
}

fn pretty_equal(plain: &[String], recorded: &[String], prepare: &str) {
    let gone: Vec<_> = plain
        .iter()
        .filter(|line| !recorded.contains(line))
        .collect();
    let new: Vec<_> = recorded
        .iter()
        .filter(|line| !plain.contains(line))
        .collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "after `{prepare}`: without a recorder {gone:#?}, with one {new:#?}"
    );
}

#[test]
fn the_job_outlives_a_killed_recorder() {
    let folder = tempfile::tempdir().expect("a folder");
    let (raw, done) = (folder.path().join("raw"), folder.path().join("done"));
    for round in 0..5 {
        let script = format!(
            "i=0; while [ $i -lt 30 ]; do /bin/true; i=$((i+1)); done; echo {round} >{}",
            done.display()
        );
        let mut child = recorder(&raw, &["sh", "-c", &script])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        wait_until("records are there", || {
            fs::metadata(&raw).is_ok_and(|data| data.len() > 1000)
        });
        child.kill().expect("killed");
        assert_eq!(child.wait().expect("waited").signal(), Some(libc::SIGKILL));
        wait_until("the job finished", || {
            fs::read_to_string(&done).is_ok_and(|text| text.trim() == round.to_string())
        });
        let records = read_cut(&fs::read(&raw).expect("there"));
        assert!(records.len() > 10, "what was handed over can be read");
        fs::remove_file(&raw).expect("there");
    }
}

#[test]
fn requests_to_end_reach_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let (raw, ready, got) = (
        folder.path().join("raw"),
        folder.path().join("ready"),
        folder.path().join("got"),
    );
    let script = format!(
        "trap 'echo term >{}; exit 0' TERM; echo >{}; while :; do /bin/true; done",
        got.display(),
        ready.display()
    );
    let mut command = recorder(&raw, &["sh", "-c", &script]);
    let mut child = command
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    wait_until("the command is ready", || ready.exists());
    let send = |signal: &str| {
        Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .expect("sent")
    };
    assert!(send("-INT").success());
    assert!(send("-TERM").success());
    wait_until("the command got it", || got.exists());
    assert!(
        child.wait().expect("waited").success(),
        "the recorder goes on after SIGINT and ends with the command"
    );
}
