//! Samples by second, containers, listing and scrubbing of secrets, completions and manual pages.

use std::process::{Command, Stdio};

use crate::program::{Program, has_tool, text};

/// The seconds of a recording hold what was done, a pause is there, and no CPU has more than its second.
#[test]
fn seconds_show_what_was_used() {
    let program = Program::new();
    let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 2.2; \
                  dd if=/dev/zero of=/dev/null bs=65536 count=100 status=none";
    program.ok(&["record", "-q", "--", "sh", "-c", script]);
    let rows = program.rows(&["time", "--per-second"]);
    let numbers =
        |name: &str| -> Vec<u64> { rows.iter().filter_map(|row| row[name].as_u64()).collect() };
    let times = numbers("time_ns");
    assert!(times.len() >= 3, "{rows:?}");
    assert!(
        times
            .windows(2)
            .all(|pair| pair[1] - pair[0] == 1_000_000_000)
    );
    let cpus = numbers("cpus");
    for (cpu, cpus) in numbers("cpu_ns").iter().zip(&cpus) {
        assert!(*cpu <= cpus * 1_000_000_000);
    }
    assert!(numbers("cpu_ns").iter().sum::<u64>() > 10_000_000);
    let read: u64 = numbers("bytes_read").iter().sum();
    assert!(read >= 6_553_600, "{read}");
    // Calls of the seconds are the calls of the run.
    let calls: u64 = program
        .rows(&["time"])
        .iter()
        .filter_map(|row| row["calls"].as_u64())
        .sum();
    assert_eq!(numbers("calls").iter().sum::<u64>(), calls);
    let by_process = program.rows(&["time", "--per-second", "--by-process"]);
    let dd = by_process.iter().filter(|row| {
        row["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("dd["))
    });
    let written: u64 = dd.filter_map(|row| row["bytes_written"].as_u64()).sum();
    assert_eq!(written, 6_553_600);
    let by_category = program.rows(&["time", "--per-second", "--by-category"]);
    assert!(by_category.iter().any(|row| row["name"] == "process"));
    let shown = program.ok(&["show", "time", "--per-second"]);
    assert!(shown.contains('█'), "{shown}");
    // A filter holds for samples too.
    let filtered = program.rows(&["time", "--per-second", "-w", "proc.name = nobody"]);
    assert!(filtered.is_empty());
}

/// Without tables the same answer comes from the raw bytes.
#[test]
fn seconds_are_the_same_from_raw_bytes() {
    let program = Program::new();
    let work = program.work();
    let run = work.join("run");
    let run = run.to_str().expect("text");
    program.ok(&[
        "record",
        "-q",
        "--keep-raw",
        "-o",
        run,
        "--",
        "sleep",
        "0.1",
    ]);
    let from_tables = program.rows(&[run, "seconds"]);
    let manifest = std::fs::read_to_string(work.join("run/run.json")).expect("a manifest");
    assert!(manifest.contains("sample=1s"));
    std::fs::remove_dir_all(work.join("run/tables")).expect("removed");
    program.ok(&["runs", "recover", run]);
    assert_eq!(program.rows(&[run, "seconds"]), from_tables);
}

#[test]
fn sampling_can_be_left_out_and_bad_intervals_are_told() {
    let program = Program::new();
    program.ok(&["record", "-q", "--sample", "0", "--", "true"]);
    let rows = program.rows(&["time", "--per-second"]);
    assert!(rows.iter().all(|row| row["cpu_ns"].is_null()));
    let output = program.run(&["record", "--sample", "1", "--", "true"]);
    assert!(!output.status.success());
    assert!(
        text(&output.stderr).contains("250ms"),
        "{}",
        text(&output.stderr)
    );
    let output = program.run(&[
        "record",
        "--recorder",
        "strace",
        "--sample",
        "1s",
        "--",
        "true",
    ]);
    assert!(text(&output.stderr).contains("cannot sample"));
    let output = program.run(&["show", "files", "--per-second"]);
    assert!(text(&output.stderr).contains("no seconds"));
}

#[test]
fn the_control_group_of_a_process_is_a_field() {
    let program = Program::new();
    program.ok(&["record", "-q", "--", "true"]);
    let tree = program.rows(&["tree"]);
    let group = std::fs::read_to_string("/proc/self/cgroup").expect("control groups");
    let path = tree[0]["cgroup"].as_str().expect("a path");
    assert!(
        group.lines().any(|line| line.ends_with(path)),
        "{path}\n{group}"
    );
    let expression = format!("cgroup.path = \"{path}\"");
    assert_eq!(program.rows(&["tree", "-w", &expression]).len(), 1);
    assert!(
        program
            .rows(&["tree", "-w", "container.id = nothing"])
            .is_empty()
    );
}

/// What was recorded without redaction is found, listed without being shown, removed from every file, and not found again.
#[test]
fn secrets_are_listed_and_scrubbed() {
    const SECRET: &str = "correct-horse-7261";
    let program = Program::new();
    let work = program.work();
    let run = work.join("run");
    let run = run.to_str().expect("text");
    let script = format!("/bin/echo --password={SECRET} > /dev/null; true");
    let recorded = program
        .command(&[
            "record",
            "-q",
            "--redact",
            "none",
            "--keep-raw",
            "-o",
            run,
            "--",
            "sh",
            "-c",
        ])
        .arg(&script)
        .env("DATABASE_URL", format!("postgres://me:{SECRET}@db/x"))
        .status()
        .expect("the program starts");
    assert!(recorded.success());
    let leaks = || -> usize {
        let files = [
            "run.json",
            "tables/strings.parquet",
            "tables/events.parquet",
            "raw/000001.seg",
        ];
        // Tables are compressed: what the views show counts as well.
        let mut texts: Vec<String> = files
            .iter()
            .filter_map(|file| std::fs::read(work.join("run").join(file)).ok())
            .map(|bytes| text(&bytes))
            .collect();
        texts.push(program.ok(&["show", run, "tree", "--json"]));
        texts.push(program.ok(&["show", run, "events", "--json"]));
        texts.iter().filter(|text| text.contains(SECRET)).count()
    };
    assert!(leaks() >= 3);
    let before = program.rows(&[run, "time"]);
    let output = program.run(&["secrets", run, "--json"]);
    assert_eq!(output.status.code(), Some(1), "some are open");
    let listed = text(&output.stdout);
    assert!(!listed.contains(SECRET));
    for part in ["DATABASE_URL", "value of `--password`", "\"open\""] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    program.ok(&["runs", "scrub", run]);
    assert_eq!(leaks(), 0);
    let listed = program.ok(&["secrets", run]);
    assert!(
        listed.contains("redacted") && !listed.contains("open "),
        "{listed}"
    );
    // Everything else is as it was, and a second time changes nothing.
    assert_eq!(program.rows(&[run, "time"]), before);
    let tree = program.ok(&["show", run, "tree", "--json"]);
    program.ok(&["runs", "scrub", run]);
    assert_eq!(program.ok(&["show", run, "tree", "--json"]), tree);
    let names = std::fs::read_dir(&work).expect("a folder");
    assert_eq!(names.count(), 1, "nothing is left beside the run");
}

#[test]
fn secrets_of_ordinary_runs_are_redacted() {
    let program = Program::new();
    let recorded = program
        .command(&[
            "record",
            "-q",
            "--",
            "sh",
            "-c",
            "/bin/echo --token=abc123def456",
        ])
        .env("MY_KEY", "xyzzy")
        .stdout(Stdio::null())
        .status()
        .expect("the program starts");
    assert!(recorded.success());
    let listed = program.ok(&["secrets"]);
    assert!(listed.contains("environment `MY_KEY`"), "{listed}");
    assert!(listed.contains("value of `--token`"), "{listed}");
    assert!(!listed.contains("xyzzy") && !listed.contains("abc123"));
}

#[test]
fn shells_take_the_completions() {
    let program = Program::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = program.ok(&["completions", shell]);
        for word in ["per-second", "doctor", "scrub"] {
            assert!(script.contains(word), "{shell} {word}");
        }
        if shell == "bash" || has_tool(shell) {
            let file = program.work().join(shell);
            std::fs::write(&file, &script).expect("written");
            let checked = Command::new(shell).arg("-n").arg(&file).status();
            assert!(checked.expect("the shell starts").success(), "{shell}");
        }
    }
    assert!(!program.run(&["completions", "tcsh"]).status.success());
}

#[test]
fn every_command_has_a_manual_page() {
    let program = Program::new();
    let folder = program.work().join("man");
    program.ok(&["man", folder.to_str().expect("text")]);
    for name in ["", "-record", "-show", "-runs", "-runs-scrub", "-secrets"] {
        let page =
            std::fs::read_to_string(folder.join(format!("unspool{name}.1"))).expect("a page");
        assert!(page.contains(".TH"), "{name}");
    }
    let nowhere = program.run(&["man", "/proc/nowhere"]);
    assert!(text(&nowhere.stderr).contains("/proc/nowhere"));
}

/// A log without times numbers its events: no view for people calls these numbers nanoseconds or a date, and two such logs of which
/// only one tells the working directory (`-y`) use the same names.
#[test]
fn logs_without_times_have_no_durations() {
    let program = Program::new();
    let log = |name: &str, folder: &str| {
        let text = format!(
            "10 execve(\"/bin/sh\", [\"sh\", \"/srv/job/x.sh\"], 0x7ffe /* 2 vars */) = 0\n\
             10 openat(AT_FDCWD{folder}, \"/srv/job/x.sh\", O_RDONLY) = 3{}\n\
             10 read(3, \"y\", 10) = 1\n\
             10 openat(AT_FDCWD{folder}, \"/srv/job/out\", O_RDONLY) = 4{}\n\
             10 write(0x1, 0x55d567226500, 0xa4) = 0xa4\n\
             10 exit_group(0) = ?\n\
             10 +++ exited with 0 +++\n",
            if folder.is_empty() {
                ""
            } else {
                "</srv/job/x.sh>"
            },
            if folder.is_empty() {
                ""
            } else {
                "</srv/job/out>"
            },
        );
        let file = program.work().join(name);
        std::fs::write(&file, text).expect("the log can be written");
        program.ok(&["import", "-q", "--strict", file.to_str().expect("text")]);
    };
    log("plain", "");
    log("named", "</srv/job>");
    let summary = program.ok(&["show"]);
    assert!(!summary.contains("duration"), "{summary}");
    let tree = program.ok(&["show", "tree"]);
    assert!(!tree.contains(" ns"), "{tree}");
    assert!(tree.contains("sh /srv/job/x.sh"), "{tree}");
    let runs = program.ok(&["runs"]);
    assert!(!runs.contains(" ns"), "{runs}");
    let diff = program.ok(&["diff", "--all"]);
    assert!(!diff.contains("1970"), "{diff}");
    assert!(!diff.contains(" ns"), "{diff}");
    assert!(!diff.contains("/srv/job"), "{diff}");
}

/// An import says what its log lacks.
#[test]
fn imports_say_what_the_log_lacks() {
    let program = Program::new();
    let said = |log: &str| {
        let file = program.work().join("log");
        std::fs::write(&file, log).expect("the log can be written");
        let output = program.run(&["import", file.to_str().expect("text")]);
        assert!(output.status.success());
        text(&output.stderr)
    };
    let one = said(
        "10 execve(\"/bin/sh\", [\"sh\", \"a script of more than 32 letters\"...], 0x7ffe /* 2 vars */) = 0\n",
    );
    assert!(one.contains("1 event of 1 process from 1 line"), "{one}");
    assert!(one.contains("strace -s 4096"), "{one}");
    let sums = said(
        "% time     seconds  usecs/call     calls    errors syscall\n\
         ------ ----------- ----------- --------- --------- ----------------\n\
         100.00    0.000010          10         1           read\n\
         ------ ----------- ----------- --------- --------- ----------------\n\
         100.00    0.000010          10         1           total\n",
    );
    assert!(sums.contains("the log has no calls"), "{sums}");
}

/// Empty answers say why, and one run by two names is removed once.
#[test]
fn what_is_asked_for_in_vain_is_told() {
    let program = Program::new();
    program.ok(&["record", "-q", "--recorder", "ptrace", "--", "true"]);
    program.ok(&["record", "-q", "--recorder", "ptrace", "--", "true"]);
    let failure = |args: &[&str]| {
        let output = program.run(args);
        assert!(!output.status.success(), "{args:?}");
        text(&output.stderr)
    };
    let said = failure(&["show", "events", "--since", "2s", "--until", "1s"]);
    assert!(said.contains("`--since` is not before `--until`"), "{said}");
    let said = program.ok(&["show", "state", "--at", "1h", "--json"]);
    assert!(said.contains("no process lived then"), "{said}");
    let lake = program.work().join("lake");
    let said = failure(&["runs", "pull", lake.to_str().expect("text")]);
    assert!(said.contains("there is no run in"), "{said}");
    program.ok(&["runs", "rm", "@", "@"]);
    let runs = program.ok(&["runs", "list", "--json"]);
    assert_eq!(runs.matches("\"id\"").count(), 1, "{runs}");
}

#[test]
fn a_file_without_a_name_is_no_folder() {
    let program = Program::new();
    let log = program.work().join("unnamed.log");
    let lines = "9 1.0 openat(AT_FDCWD</tmp>, \"/tmp\", O_RDWR|O_TMPFILE, 0600) = 3</tmp/#17 (deleted)>\n\
                 9 1.1 openat(AT_FDCWD</tmp>, \"/tmp\", O_RDONLY|O_DIRECTORY) = 4</tmp>\n";
    std::fs::write(&log, lines).expect("the folder can be written");
    program.ok(&["import", "-q", &log.display().to_string()]);
    let rows = program.rows(&["@", "fds"]);
    let kinds: Vec<_> = rows.iter().map(|row| &row["kind"]).collect();
    assert_eq!(kinds, ["file", "directory"], "{rows:#?}");
}
