//! Real logs that nobody here wrote, against an independent counter in another language.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::program::{Program, has_tool, root, text};

/// Logs of the corpus beside the project, if it is there.
pub(crate) fn corpus(part: &str) -> Vec<PathBuf> {
    let folder = root().join("../shared/corpus/logs");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: there is no corpus at `{}`", folder.display());
        return Vec::new();
    };
    let mut logs: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().contains(part))
        })
        .collect();
    logs.sort();
    logs
}

/// Calls by name as the independent counter sees them.
fn counted(log: &Path) -> BTreeMap<String, i64> {
    let script = root().join("crates/unspool/tests/count_calls.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(log)
        .output()
        .expect("python3 starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let calls = answer["calls"].as_object().expect("calls");
    calls
        .iter()
        .map(|(name, count)| (name.clone(), count.as_i64().expect("a count")))
        .collect()
}

fn check_counts(log: &Path) {
    let program = Program::new();
    let run = program.work().join("run");
    let run = run.to_string_lossy();
    program.ok(&["import", "-q", "-o", &run, &log.to_string_lossy()]);
    let shown: BTreeMap<String, i64> = program
        .rows(&[&run, "events", "-w", "evt.kind = syscall"])
        .iter()
        .fold(BTreeMap::new(), |mut counts, row| {
            let name = row["name"].as_str().expect("a name").to_owned();
            *counts.entry(name).or_default() += 1;
            counts
        });
    assert_eq!(shown, counted(log), "calls by name of {}", log.display());
}

#[test]
fn calls_by_name_are_those_of_an_independent_counter() {
    if !has_tool("python3") {
        return;
    }
    for log in corpus("strace") {
        // Written by hand, with halves whose threads do not fit: the counter guesses there.
        if !log.ends_with("lnav__logfile_strace_log.1") {
            check_counts(&log);
        }
    }
}

#[test]
fn no_line_of_the_corpus_is_dropped_silently() {
    for log in corpus("trace") {
        if log.extension().is_some_and(|end| end == "jsonl") {
            continue;
        }
        let program = Program::new();
        let answer: Value = serde_json::from_str(&program.ok(&[
            "import",
            "--stats",
            "--json",
            &log.to_string_lossy(),
        ]))
        .expect("JSON");
        assert_eq!(
            answer["lines"],
            answer["lines_accounted"],
            "{}: {answer}",
            log.display()
        );
        // One file of the corpus has a line that is none on purpose.
        let allowed = i64::from(log.ends_with("perfetto__basic.strace"));
        assert_eq!(answer["not_understood"], allowed, "{}", log.display());
    }
}

#[test]
fn logs_of_one_command_have_one_root() {
    for log in corpus("survol__") {
        let name = log.to_string_lossy().into_owned();
        if !name.contains("trace") {
            continue;
        }
        let program = Program::new();
        let run = program.work().join("run");
        let run = run.to_string_lossy();
        program.ok(&["import", "-q", "-o", &run, &name]);
        let roots = program
            .rows(&[&run, "tree"])
            .iter()
            .filter(|row| row["parent"].is_null())
            .count();
        assert_eq!(roots, 1, "{name}");
    }
}

/// A log that strace writes here and now, with the options that change its shape most.
#[test]
fn logs_of_this_machine_import_without_a_doubt() {
    if !has_tool("strace") || !has_tool("python3") {
        return;
    }
    for options in [
        &["-f", "-ttt", "-T", "-yy"][..],
        &["-f", "-tt"],
        &["-f", "-r", "-i"],
        &["-f", "-y", "-v", "-s", "200"],
    ] {
        let program = Program::new();
        let log = program.work().join("log.strace");
        let traced = Command::new("strace")
            .args(options)
            .arg("-o")
            .arg(&log)
            .args([
                "--",
                "sh",
                "-c",
                "ls / | wc -l; (cat /etc/passwd &) ; exit 3",
            ])
            .output()
            .expect("strace starts");
        assert_eq!(traced.status.code(), Some(3));
        let name = log.to_string_lossy().into_owned();
        program.ok(&["import", "--strict", "-q", "--name", "live", &name]);
        let tree = program.rows(&["live", "tree"]);
        assert_eq!(tree.len(), 5, "{options:?}: {tree:#?}");
        assert_eq!(tree[0]["exit_code"], 3, "{options:?}");
        check_counts(&log);
    }
}

#[test]
fn the_parts_of_one_strace_ff_are_one_run() {
    if !has_tool("strace") {
        return;
    }
    let program = Program::new();
    let folder = program.work().join("parts");
    std::fs::create_dir(&folder).expect("a folder");
    let traced = Command::new("strace")
        .args(["-ff", "-ttt", "-T", "-y", "-o"])
        .arg(folder.join("log"))
        .args(["--", "sh", "-c", "ls / | wc -l"])
        .output()
        .expect("strace starts");
    assert!(traced.status.success());
    program.ok(&["import", "--strict", "-q", &folder.to_string_lossy()]);
    let tree = program.rows(&["tree"]);
    assert_eq!(tree.len(), 3, "{tree:#?}");
    assert_eq!(
        tree.iter().filter(|row| row["parent"].is_null()).count(),
        1,
        "{tree:#?}"
    );
}
