//! `unspool diff` on real jobs: the cause comes first, and the same is the same.

use std::path::Path;

use serde_json::Value;

use crate::program::{Program, is_ci};

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
    prepare(&one);
    record(&program, &one, "five", &["--recorder", "ptrace"]);
    let mut others = vec!["two", "five"];
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
        prepare(&one);
        import_of_strace(&program, &one);
        others.push("four");
    } else {
        assert!(!is_ci(), "strace must be installed");
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

/// The job under plain `strace -f`, as people have it, as the run `four`.
fn import_of_strace(program: &Program, folder: &Path) {
    let log = folder.join("strace.log");
    let traced = std::process::Command::new("strace")
        .args(["-f", "-tt", "-T", "-s", "400", "-o"])
        .arg(&log)
        .arg("sh")
        .arg(folder.join("job.sh"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .current_dir(program.work())
        .status();
    assert!(traced.expect("strace is here").success());
    program.ok(&["import", "--name", "four", &log.display().to_string()]);
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

/// Two steps whose order a file decides, a message, and a count of threads.
const STEPS: &str = "#!/bin/sh\ncd \"$(dirname \"$0\")\" || exit 9\n. ./job.conf\n\
                     if [ \"$FIRST\" = sort ]; then sort input.txt > /dev/null; wc -l input.txt > /dev/null\n\
                     else wc -l input.txt > /dev/null; sort input.txt > /dev/null; fi\n\
                     echo \"step of $$ done in 0.$$ s\" >> steps.log\n\
                     if [ -n \"$TOLD\" ]; then echo \"$TOLD\" >> steps.log; fi\n";

fn steps(program: &Program, name: &str, conf: &str, more: &[&str]) {
    let folder = program.work();
    std::fs::write(folder.join("steps.sh"), STEPS).expect("the folder can be written");
    std::fs::write(folder.join("job.conf"), conf).expect("the folder can be written");
    std::fs::write(folder.join("input.txt"), "3\n1\n2\n").expect("the folder can be written");
    // The kernel's times of files lag by a tick; what changes during a run is not described.
    wait_for_clock();
    let job = folder.join("steps.sh").display().to_string();
    let mut args = vec!["record", "-q", "--name", name];
    args.extend_from_slice(more);
    args.extend_from_slice(&["--", "sh", &job]);
    assert!(program.run(&args).status.success());
}

/// Until the time that a new file gets is 20 ms after the present one.
fn wait_for_clock() {
    let stamp = || {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let metadata = file.as_file().metadata().expect("it is open");
        metadata.modified().expect("Linux keeps times")
    };
    let start = stamp();
    let late = |now: std::time::SystemTime| {
        now.duration_since(start)
            .is_ok_and(|passed| passed.as_millis() >= 20)
    };
    while !late(stamp()) {
        std::thread::yield_now();
    }
}

fn row<'r>(rows: &'r [Value], kind: &str) -> &'r Value {
    rows.iter()
        .find(|row| row["kind"] == kind)
        .unwrap_or_else(|| panic!("no {kind} in {rows:#?}"))
}

#[test]
fn steps_in_another_order_are_found() {
    let program = Program::new();
    steps(&program, "good", "FIRST=sort\n", &[]);
    steps(&program, "other", "FIRST=wc__\n", &[]);
    let rows = rows(&program, &["good", "other"]);
    let found = row(&rows, "order");
    let text = |name: &str| found[name].as_str().expect("text").to_owned();
    assert_eq!(text("before"), "sort input.txt, then wc -l input.txt");
    assert_eq!(text("after"), "wc -l input.txt, then sort input.txt");
    assert!(found["score"].as_i64() >= Some(1500), "{found}");
    let same = self::rows(&program, &["good", "good"]);
    assert!(same.is_empty(), "{same:#?}");
}

#[test]
fn a_message_that_is_new_is_found_where_data_was_kept() {
    let program = Program::new();
    let told = "TOLD='cannot reach the rates of 10.0.0.1'\n";
    for (name, conf, more) in [
        ("good", "", &["--payload", "300"][..]),
        ("again", "", &["--payload", "300"]),
        ("bad", told, &["--payload", "300"]),
        ("blind", told, &[]),
    ] {
        steps(&program, name, conf, more);
    }
    let rows_of = |one: &str, other: &str| rows(&program, &[one, other]);
    let bad = rows_of("good", "bad");
    let found = row(&bad, "log-new");
    assert!(
        found["subject"]
            .as_str()
            .expect("text")
            .ends_with("/steps.log"),
        "{found}"
    );
    assert!(
        found["after"]
            .as_str()
            .expect("text")
            .contains("cannot reach the rates"),
        "{found}"
    );
    let back = rows_of("bad", "good");
    row(&back, "log-gone");
    // Numbers in a message are no difference.
    let again = rows_of("good", "again");
    assert!(
        again.iter().all(|row| row["kind"] != "log-new"),
        "{again:#?}"
    );
    // Without data nothing is claimed, and that is said.
    let blind = rows_of("good", "blind");
    assert!(
        blind.iter().all(|row| row["kind"] != "log-new"),
        "{blind:#?}"
    );
    let text = program.ok(&["diff", "good", "blind"]);
    assert!(text.contains("messages were not compared"), "{text}");
    assert!(
        !program
            .ok(&["diff", "good", "bad"])
            .contains("not compared")
    );
}

#[test]
fn messages_of_imported_logs_are_compared() {
    let program = Program::new();
    let log = |name: &str, line: &str| {
        let path = program.work().join(name);
        let text = format!(
            "7 1763600000.100000 execve(\"/usr/bin/load\", [\"load\"], 0x1 /* 1 var */) = 0 <0.000100>\n\
             7 1763600000.200000 write(2<pipe:[99]>, \"loaded 1234 rows\\n\", 17) = 17 <0.000010>\n\
             {line}7 1763600000.400000 exit_group(0) = ?\n7 1763600000.400100 +++ exited with 0 +++\n"
        );
        std::fs::write(&path, text).expect("the folder can be written");
        program.ok(&[
            "import",
            "--payload",
            "--name",
            name,
            &path.display().to_string(),
        ]);
    };
    log("good", "");
    log(
        "bad",
        "7 1763600000.300000 write(2<pipe:[99]>, \"warning: 3 rows were dropped\\n\", 29) = 29 <0.000010>\n",
    );
    let rows = rows(&program, &["good", "bad"]);
    let found = row(&rows, "log-new");
    assert_eq!(found["subject"], "standard error of load");
    assert!(found["score"].as_i64() >= Some(1500), "{found}");
}

#[test]
fn a_change_that_keeps_the_length_is_found_by_its_hash() {
    let program = Program::new();
    steps(&program, "good", "THREADS=3\n", &["--hash"]);
    steps(&program, "touched", "THREADS=3\n", &["--hash"]);
    steps(&program, "bad", "THREADS=1\n", &["--hash"]);
    let same = rows(&program, &["good", "touched"]);
    assert!(same.iter().all(|row| row["kind"] != "content"), "{same:#?}");
    let rows = rows(&program, &["good", "bad"]);
    first(&rows, "content", "/job.conf");
    let text = program.ok(&["diff", "good", "bad"]);
    assert!(
        text.contains("another content of the same length, 10 bytes"),
        "{text}"
    );
}

#[test]
fn one_file_that_was_written_since_is_found_by_its_time() {
    let program = Program::new();
    let folder = program.work();
    prepare(&folder);
    let old = |name: &str| {
        let file = std::fs::File::options()
            .write(true)
            .open(folder.join(name))
            .expect("it is there");
        let day = std::time::Duration::from_secs(86_400);
        let time = file.metadata().and_then(|metadata| metadata.modified());
        file.set_modified(time.expect("Linux keeps times") - day)
            .expect("the file is ours");
    };
    for name in ["job.sh", "job.conf", "input.txt"] {
        old(name);
    }
    wait_for_clock();
    record(&program, &folder, "good", &[]);
    std::fs::write(folder.join("job.conf"), "PAUSE= \n").expect("the folder can be written");
    wait_for_clock();
    for made in ["output.txt", "sorted.txt"] {
        std::fs::remove_file(folder.join(made)).expect("it was made");
    }
    record(&program, &folder, "edited", &[]);
    let rows = rows(&program, &["good", "edited"]);
    let found = row(&rows, "content");
    assert!(
        found["subject"]
            .as_str()
            .expect("text")
            .ends_with("/job.conf"),
        "{found}"
    );
    assert!(found["score"].as_i64() >= Some(1500), "{found}");
    assert!(
        found["before"]
            .as_str()
            .expect("text")
            .contains("hours before the run"),
        "{found}"
    );
}

/// strace cuts strings after 32 bytes: that one log has the beginnings of arguments and the other all of them is no difference.
#[test]
fn cut_arguments_are_not_compared_with_whole_ones() {
    let program = Program::new();
    let log = |name: &str, path: &str, input: &str, times: &str| {
        let text = format!(
            "10 1700000000.{times} execve(\"/bin/sh\", [\"sh\", \"x.sh\"], 0x7ffe /* 2 vars */) = 0\n\
             10 1700000001.{times} vfork() = 11\n\
             11 1700000001.{times} execve(\"/srv/programs/of/the/nightly/job/worker\", [{path}, {input}], 0x7ffe /* 2 vars */) = 0\n\
             11 1700000002.{times} exit_group(0) = ?\n\
             11 1700000002.{times} +++ exited with 0 +++\n\
             10 1700000003.{times} exit_group(0) = ?\n\
             10 1700000003.{times} +++ exited with 0 +++\n"
        );
        let file = program.work().join(name);
        std::fs::write(&file, text).expect("the log can be written");
        program.ok(&["import", "-q", "--name", name, file.to_str().expect("text")]);
    };
    let path = "\"/srv/programs/of/the/nightly/job/worker\"";
    let cut = "\"/srv/programs/of/the/nightly/job\"...";
    log(
        "whole",
        path,
        "\"--input=/srv/data/of/this/night.csv\"",
        "100000",
    );
    log(
        "cut",
        cut,
        "\"--input=/srv/data/of/this/night\"...",
        "200000",
    );
    log(
        "other",
        path,
        "\"--input=/srv/data/of/another.csv\"",
        "300000",
    );
    for runs in [["whole", "cut"], ["cut", "whole"]] {
        let said = program.ok(&["diff", runs[0], runs[1], "--all"]);
        assert!(!said.contains("worker"), "{said}");
        assert!(!said.contains("was called with"), "{said}");
    }
    let said = program.ok(&["diff", "whole", "other", "--all"]);
    assert!(said.contains("another.csv"), "{said}");
}

/// The same job recorded with less detail: what one run left out is no difference, and what both have is.
#[test]
fn runs_of_another_detail_are_compared_by_what_both_recorded() {
    let recorders = ["ptrace", "bpf"];
    let is_there = |recorder: &&str| *recorder != "bpf" || crate::jobs::has_bpf();
    for recorder in recorders.into_iter().filter(is_there) {
        let program = Program::new();
        let folder = program.work();
        for detail in ["full", "io", "names", "tree"] {
            prepare(&folder);
            let more = ["--recorder", recorder, "--detail", detail];
            assert!(record(&program, &folder, detail, &more).status.success());
        }
        prepare(&folder);
        std::fs::remove_file(folder.join("input.txt")).expect("it is there");
        let more = ["--recorder", recorder, "--detail", "names"];
        record(&program, &folder, "bad", &more);

        for (detail, what) in [
            ("io", "calls that concern no file, connection or process"),
            ("names", "bytes and calls that move data"),
            ("tree", "files, connections and calls"),
        ] {
            for (one, other) in [("full", detail), (detail, "full")] {
                let text = program.ok(&["diff", one, other, "--all"]);
                let wanted = format!(
                    "{other} was recorded with --detail {other}, {one} with {one}: {what} are not compared"
                );
                assert_eq!(text.lines().nth(1), Some(wanted.as_str()), "{text}");
                let untold = ["read nothing", "before 0 B", "did not use", "wrote nothing"];
                let is_about_amounts = untold.iter().any(|words| text.contains(words));
                assert!(!is_about_amounts, "{recorder}: {text}");
                let alarms = rows(&program, &[one, other]);
                let alarms = alarms
                    .iter()
                    .filter(|row| row["score"].as_i64() >= Some(1500) && row["kind"] != "time");
                assert_eq!(alarms.count(), 0, "{recorder}: {text}");
            }
        }
        first(
            &rows(&program, &["full", "bad"]),
            "file-missing",
            "/input.txt",
        );
        let text = program.ok(&["diff", "names", "bad"]);
        assert!(!text.contains("--detail"), "{text}");
    }
}
