//! `unspool diff` on real jobs: the cause comes first, and the same is the same.

use std::path::Path;

use serde_json::Value;

use crate::program::Program;

/// A job that reads a file, a setting, and waits for a child.
const JOB: &str = "#!/bin/sh\ncd \"$(dirname \"$0\")\" || exit 9\n. ./job.conf\ncat input.txt > output.txt || exit 3\n\
                   sort output.txt > sorted.txt\nsleep \"$PAUSE\"\nwc -l sorted.txt > /dev/null\n";

fn prepare(folder: &Path) {
    std::fs::write(folder.join("job.sh"), JOB).expect("the folder can be written");
    std::fs::write(folder.join("job.conf"), "PAUSE=0\n").expect("the folder can be written");
    let numbers: Vec<String> = (0..500)
        .map(|line| (line * 7919 % 500).to_string())
        .collect();
    let lines = numbers.join(
        "
",
    );
    std::fs::write(folder.join("input.txt"), lines).expect("the folder can be written");
    for made in ["output.txt", "sorted.txt"] {
        if folder.join(made).exists() {
            std::fs::remove_file(folder.join(made)).expect("the folder can be written");
        }
    }
}

fn record(program: &Program, folder: &Path, name: &str, more: &[&str]) -> std::process::Output {
    let job = folder.join("job.sh").display().to_string();
    let mut args = vec!["record", "-q", "--name", name];
    args.extend_from_slice(more);
    args.extend_from_slice(&["--", "sh", &job]);
    program.run(&args)
}

fn rows(program: &Program, args: &[&str]) -> Vec<Value> {
    let mut all = vec!["diff"];
    all.extend_from_slice(args);
    all.push("--json");
    let answer: Value = serde_json::from_str(&program.ok(&all)).expect("JSON");
    assert_eq!(answer["unspool"], 1);
    assert_eq!(answer["kind"], "diff");
    answer["rows"].as_array().expect("rows").clone()
}

#[track_caller]
fn first(rows: &[Value], kind: &str, subject: &str) {
    let first = rows.first().expect("a finding");
    assert_eq!(first["kind"], kind, "{rows:#?}");
    let found = first["subject"].as_str().expect("text");
    assert!(found.ends_with(subject), "{found}");
    assert!(
        first["score"].as_i64().expect("a number") >= 1500,
        "{first}"
    );
    assert_eq!(first["caused_by"], Value::Null);
}

#[test]
fn a_run_is_the_same_as_itself_and_as_its_repetition() {
    let program = Program::new();
    let folder = program.work();
    for name in ["one", "two"] {
        prepare(&folder);
        assert!(record(&program, &folder, name, &[]).status.success());
    }
    assert_eq!(
        rows(&program, &["one", "one", "--all"]),
        Vec::<Value>::new()
    );
    let rows = rows(&program, &["one", "two"]);
    let alarms: Vec<&Value> = rows
        .iter()
        .filter(|row| row["score"].as_i64() >= Some(1500))
        .collect();
    assert!(alarms.is_empty(), "{alarms:#?}");
    let text = program.ok(&["diff"]);
    assert!(text.starts_with("two is the same as one"), "{text}");
    assert!(program.run(&["diff", "--exit-code"]).status.success());
}

#[test]
fn a_missing_input_is_the_cause_and_the_exit_status_follows() {
    let program = Program::new();
    let folder = program.work();
    prepare(&folder);
    record(&program, &folder, "good", &[]);
    prepare(&folder);
    std::fs::remove_file(folder.join("input.txt")).expect("it is there");
    let output = record(&program, &folder, "bad", &["--expect", "good"]);
    assert_eq!(
        output.status.code(),
        Some(3),
        "the status stays the command's"
    );
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("did not find"), "{told}");
    let rows = rows(&program, &["good", "bad"]);
    first(&rows, "file-missing", "/input.txt");
    let exit = rows
        .iter()
        .find(|row| row["kind"] == "exit-status")
        .expect("the exit is told");
    assert_eq!(exit["caused_by"], 1, "{rows:#?}");
    assert_eq!(
        program
            .run(&["diff", "good", "bad", "--exit-code"])
            .status
            .code(),
        Some(1)
    );
    assert_eq!(program.run(&["diff", "good", "bad"]).status.code(), Some(0));
    for form in ["markdown", "html", "jsonl", "csv"] {
        let text = program.ok(&["diff", "good", "bad", "-f", form]);
        assert!(text.contains("input.txt"), "{form}: {text}");
    }
    let text = program.ok(&[
        "diff",
        "good",
        "bad",
        "--tree",
        "--files",
        "--net",
        "--time",
        "--events",
        "--explain-names",
    ]);
    for part in [
        "processes",
        "files that differ",
        "not explained",
        "> ",
        "ENOENT",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_changed_setting_and_a_longer_pause_are_found() {
    let program = Program::new();
    let folder = program.work();
    prepare(&folder);
    record(&program, &folder, "good", &[]);
    prepare(&folder);
    std::fs::write(folder.join("job.conf"), "PAUSE=1.5\n").expect("the folder can be written");
    record(&program, &folder, "slow", &[]);
    let rows = rows(&program, &["good", "slow"]);
    let top: Vec<&str> = rows
        .iter()
        .take(3)
        .filter_map(|row| row["kind"].as_str())
        .collect();
    assert!(
        top.contains(&"argument") || top.contains(&"content"),
        "{rows:#?}"
    );
}

#[test]
fn the_folder_of_the_job_and_the_recorder_do_not_matter() {
    let program = Program::new();
    let work = program.work();
    let (one, two) = (work.join("alpha-one"), work.join("beta-two"));
    for folder in [&one, &two] {
        std::fs::create_dir_all(folder).expect("the folder can be made");
        prepare(folder);
    }
    record(&program, &one, "one", &[]);
    record(&program, &two, "two", &[]);
    let mut others = vec!["two"];
    if std::process::Command::new("strace")
        .arg("-V")
        .output()
        .is_ok()
    {
        prepare(&one);
        assert!(
            record(&program, &one, "three", &["--recorder", "strace"])
                .status
                .success()
        );
        others.push("three");
    } else {
        assert!(std::env::var_os("CI").is_none(), "strace must be installed");
        eprintln!("skipped in part: strace is not installed");
    }
    for other in others {
        let rows = rows(&program, &["one", other]);
        let alarms: Vec<&Value> = rows
            .iter()
            .filter(|row| row["score"].as_i64() >= Some(1500))
            .collect();
        assert!(alarms.is_empty(), "{other}: {alarms:#?}");
    }
}

#[test]
fn mistakes_are_explained() {
    let program = Program::new();
    let folder = program.work();
    prepare(&folder);
    record(&program, &folder, "only", &[]);
    let alone = program.run(&["diff"]);
    assert_eq!(alone.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&alone.stderr).contains("no earlier run"));
    let form = program.run(&["diff", "only", "only", "-f", "pdf"]);
    assert_eq!(form.status.code(), Some(2));
    std::fs::write(
        folder.join("unspool.toml"),
        "[normalize]\npatterns = [\"x\"]\n",
    )
    .expect("written");
    let pattern = program.run(&["diff", "only", "only"]);
    assert_eq!(pattern.status.code(), Some(3));
    let told = String::from_utf8_lossy(&pattern.stderr).into_owned();
    assert!(
        told.contains("line 2") && told.contains("unspool.toml"),
        "{told}"
    );
}
