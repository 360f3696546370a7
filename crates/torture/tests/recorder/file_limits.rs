//! Recording where files may not become large (`ulimit -f`).

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::support::{Scratch, plain_command, recorders, rows, show, torture, unspool};

/// Runs words in a folder below a limit of so many blocks of 512 bytes, after what a shell is told first.
fn below(blocks: u32, first: &str, folder: &Path, words: &[&str]) -> Output {
    let script = format!("ulimit -c 0; {first} ulimit -f {blocks}; exec \"$@\"");
    plain_command("sh")
        .args(["-c", &script, "sh"])
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn recorded(blocks: u32, first: &str, folder: &Path, recorder: &str, words: &[&str]) -> Output {
    let unspool = unspool().to_str().unwrap();
    let mut line = vec![unspool, "record", "--quiet", "--recorder", recorder];
    line.extend(["-o", "run", "--"]);
    line.extend(words);
    below(blocks, first, folder, &line)
}

/// The job has its limit and what SIGXFSZ does to it, and runs to its end; its status is its own.
#[test]
fn a_limit_on_files_is_the_jobs_as_without_a_recorder() {
    let script = "ulimit -f; grep -E '^Sig(Ign|Blk|Cgt)' /proc/self/status; exit 3";
    let words = ["sh", "-c", script];
    let grows = ["dd", "if=/dev/zero", "of=large", "bs=1k", "count=100"];
    for first in ["", "trap '' XFSZ;"] {
        for recorder in recorders() {
            let scratch = Scratch::new("file-limit");
            let plain = below(10, first, &scratch.0, &words);
            let output = recorded(10, first, &scratch.0, recorder, &words);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{recorder}: {said}");
            assert_eq!(output.stdout, plain.stdout, "{recorder}");
            assert!(said.contains("File too large"), "{recorder}: {said}");
            assert!(said.lines().count() <= 3, "one message: {said}");

            fs::remove_dir_all(scratch.0.join("run")).unwrap();
            let output = recorded(10, first, &scratch.0, recorder, &grows);
            // Killed by signal 25, or told so.
            let expected = if first.is_empty() { 128 + 25 } else { 1 };
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(expected), "{recorder}: {said}");
        }
    }
}

/// What was written before the limit was reached is there, the rest is counted, and the status says so: as on a full disk.
#[test]
fn a_limit_on_files_is_told_as_a_full_disk_is() {
    for recorder in recorders() {
        let scratch = Scratch::new("file-limit");
        let words = [torture(), "flood", "1", "60000"];
        let output = recorded(2000, "", &scratch.0, recorder, &words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(74), "{recorder}: {said}");
        assert!(said.contains("File too large"), "{recorder}: {said}");
        assert!(said.lines().count() <= 3, "one message: {said}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("60000"));
        let run = scratch.0.join("run");
        let tree = show(&run, "tree");
        assert_eq!(tree["state"], "incomplete");
        assert!(!rows(&tree).is_empty(), "what was written is readable");
        let manifest: Value =
            serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
        assert!(manifest["counts"]["lost"].as_u64() > Some(0), "{manifest}");
        assert!(!run.join("RECORDING").exists());
    }
}

/// Without a manifest there is no run: nothing is started, and the message says why.
#[test]
fn no_job_is_started_where_no_file_may_be_written() {
    for recorder in recorders() {
        let scratch = Scratch::new("file-limit");
        let output = recorded(0, "", &scratch.0, recorder, &["echo", "begun"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{recorder}: {said}");
        assert!(said.contains("run.json"), "{recorder}: {said}");
        assert!(said.contains("ulimit -f"), "{recorder}: {said}");
        assert_eq!(output.stdout, b"", "{recorder}");
        assert!(!scratch.0.join("run").exists(), "{recorder}");
    }
}
