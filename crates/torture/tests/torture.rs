//! Each workload is recorded and the recording is held against the truth that the workload states.

#![expect(
    clippy::disallowed_methods,
    reason = "tests wait for a condition with a deadline"
)]

mod recorder;
mod support;

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;
use support::{
    Scratch, compare, conserved, contained, from_hex, is_root, record, recorders, rows, show,
    show_text, torture, unescape, unspool,
};

fn check(words: &[&str]) {
    for recorder in recorders() {
        if let Some(recorded) = record(words, &["--recorder", recorder]) {
            compare(&recorded);
        }
    }
}

/// With fewer calls recorded everything else is as before; the calls that are left out are.
#[test]
fn reduced_detail_loses_no_process_and_no_signal() {
    let workloads: [&[&str]; 10] = [
        &["flood", "2", "2000"],
        &["forks", "50"],
        &["vforks", "50"],
        &["spawns", "20"],
        &["threads", "50"],
        &["exec-thread", "5", "2"],
        &["untraced", "100"],
        &["signals", "500"],
        &["stops", "10"],
        &["kill-race", "20"],
    ];
    for detail in ["io", "names", "tree"] {
        for words in workloads {
            // Nothing stops where a child asks not to be traced, so it cannot be followed.
            if detail == "tree" && words[0] == "untraced" {
                continue;
            }
            let options = ["--recorder", "ptrace", "--detail", detail];
            let Some(mut recorded) = record(words, &options) else {
                continue;
            };
            let truth = recorded.truth.as_object_mut().unwrap();
            let calls = truth.remove("calls");
            compare(&recorded);
            let time = show(&recorded.run, "time");
            let is_there = |name: &str| rows(&time).iter().any(|row| row["name"] == name);
            assert!(!is_there("getppid"), "{detail}: {words:?}: {calls:?}");
            assert_eq!(is_there("openat"), detail != "tree", "{detail}: {words:?}");
            assert_eq!(is_there("read"), detail == "io", "{detail}: {words:?}");
        }
    }
}

#[test]
fn floods_are_complete() {
    check(&["flood", "1", "20000"]);
    check(&["flood", "2", "10000"]);
    check(&["flood", "64", "300"]);
}

#[test]
fn fork_storms_are_complete() {
    check(&["forks", "300"]);
    check(&["parallel", "150"]);
    check(&["vforks", "300"]);
    check(&["spawns", "100"]);
    check(&["threads", "300"]);
    check(&["bomb", "7"]);
}

/// On a busy machine a parent tells of its child long after the child began, or even ended.
#[test]
fn fork_storms_are_complete_when_several_are_recorded_at_once() {
    let rounds = support::rounds(2, 40);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(move || (0..rounds).for_each(|_| check(&["bomb", "7"])));
        }
    });
}

#[test]
fn orphans_are_recorded_to_their_end() {
    for recorder in recorders() {
        // Without waiting for all, the command may end between the orphan's last call and its end.
        if let Some(recorded) = record(&["orphan"], &["--recorder", recorder, "--wait", "all"]) {
            compare(&recorded);
        }
    }
}

#[test]
fn exec_from_a_thread_is_one_process() {
    check(&["exec-thread", "30", "4"]);
}

#[test]
fn children_that_ask_not_to_be_traced_are_traced() {
    check(&["untraced", "1000"]);
    check(&["untraced3", "1000"]);
}

#[test]
fn signal_storms_are_counted() {
    check(&["signals", "5000"]);
    check(&["faults", "1000"]);
    check(&["realtime", "1000"]);
}

#[test]
fn every_signal_is_an_event() {
    let Some(recorded) = record(&["signals", "200"], &["--recorder", "ptrace"]) else {
        return;
    };
    let events = show(&recorded.run, "events");
    let signals = rows(&events)
        .iter()
        .filter(|row| row["kind"] == "signal" && row["name"] == "SIGUSR1")
        .count();
    assert_eq!(signals, 200);
}

#[test]
fn stops_and_kills_keep_their_meaning() {
    check(&["stops", "50"]);
    check(&["kill-race", "100"]);
}

#[test]
fn a_process_number_that_comes_back_is_another_process() {
    check(&["pid-reuse", "700"]);
}

#[test]
fn calls_of_other_tables_have_their_names() {
    check(&["int80", "10"]);
    check(&["m32", "10"]);
    check(&["unknown-calls", "10"]);
}

#[test]
fn roots_and_mounts() {
    check(&["chroot"]);
    check(&["mounts"]);
}

#[test]
fn big_and_hostile_data() {
    check(&["big-write", "1073741824"]);
    check(&["big-argv", "1000000"]);
    check(&["deep", "100"]);
    check(&["bad-pointers", "100"]);
}

#[test]
fn a_gigabyte_in_a_call_is_counted_whole() {
    let Some(recorded) = record(&["big-write", "1073741824"], &[]) else {
        return;
    };
    let summary = show(&recorded.run, "summary");
    assert!(rows(&summary)[0]["bytes_written"].as_u64() >= Some(1 << 30));
}

#[test]
fn sleeps_have_their_length() {
    let Some(recorded) = record(&["clock", "20"], &["--recorder", "ptrace"]) else {
        return;
    };
    compare(&recorded);
    let events = show(&recorded.run, "events");
    let sleeps = rows(&events)
        .iter()
        .filter(|row| row["name"] == "clock_nanosleep" || row["name"] == "nanosleep");
    let long = sleeps
        .filter(|row| row["duration_ns"].as_i64() >= Some(2_000_000))
        .count();
    assert_eq!(long, 20);
    assert!(
        rows(&events)
            .windows(2)
            .all(|pair| pair[0]["seq"].as_u64() < pair[1]["seq"].as_u64())
    );
}

/// Control characters and direction marks would let a file name write what it likes on the screen.
#[test]
fn hostile_names_do_not_reach_the_terminal() {
    let Some(recorded) = record(&["names"], &["--recorder", "ptrace"]) else {
        return;
    };
    compare(&recorded);
    for view in ["summary", "tree", "files", "net", "fds", "events", "time"] {
        let text = String::from_utf8(show_text(&recorded.run, &[view])).expect("views are UTF-8");
        let bad = |c: char| {
            (c.is_control() && c != '\n' && c != '\t')
                || ('\u{202a}'..='\u{202e}').contains(&c)
                || ('\u{2066}'..='\u{2069}').contains(&c)
        };
        assert_eq!(text.chars().find(|c| bad(*c)), None, "in {view}");
        assert!(
            !text.lines().any(|line| line.starts_with("123 openat")),
            "a name forged a line of {view}"
        );
    }
    let files = show(&recorded.run, "files");
    let made: Vec<Vec<u8>> = recorded.truth["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| from_hex(name.as_str().unwrap().as_bytes()))
        .collect();
    let shown: Vec<Vec<u8>> = rows(&files)
        .iter()
        .map(|row| unescape(row["path"].as_str().unwrap()))
        .collect();
    for name in &made {
        assert!(
            shown.contains(name),
            "{:?} is not among the files",
            String::from_utf8_lossy(name)
        );
    }
}

/// What a shell does before it becomes the program, plain or recorded.
const PREPARATIONS: [&str; 6] = [
    "true",
    "trap '' PIPE CHLD INT QUIT HUP TERM USR1; umask 027",
    "exec 2<&-; exec 7</etc/hostname; ulimit -c 4096; ulimit -n 100; ulimit -s 4096; export X='a b' Y=",
    "exec 0<&-; exec 0<&- 2>&-; cd /",
    "renice -n 7 $$ > /dev/null; echo 500 > /proc/self/oom_score_adj",
    "unset PATH HOME; cd /usr",
];

#[test]
fn a_recorded_program_inherits_what_a_plain_one_does() {
    for (number, preparation) in PREPARATIONS.iter().enumerate() {
        let scratch = Scratch::new(&format!("state-{number}"));
        let run = scratch.0.join("run");
        let script = format!("{preparation}; exec \"$@\"");
        let prepared = ["sh", "-c", &script, "sh"];
        let recorder = [
            unspool().to_str().unwrap(),
            "record",
            "--quiet",
            "--recorder",
            "ptrace",
            "-o",
            run.to_str().unwrap(),
            "--",
        ];
        let job = [torture(), "state"];
        let state = |words: &[&str]| -> Value {
            let output = contained(&format!("state-{number}"), words);
            assert!(output.status.success(), "{preparation}: {output:?}");
            serde_json::from_slice(&output.stdout).expect("JSON")
        };
        let plain = state(&[&prepared[..], &job].concat());
        let recorded = state(&[&prepared[..], &recorder, &job].concat());
        for (key, value) in plain.as_object().unwrap() {
            let mut value = value.clone();
            if key == "status" {
                // Signals that are queued for any process of the user: no state of the program.
                value["SigQ"] = recorded[key]["SigQ"].clone();
            }
            assert_eq!(
                recorded[key], value,
                "after `{preparation}`: {key} differs from a plain run"
            );
        }
        conserved(&run);
    }
}

#[test]
fn exit_status_is_that_of_the_command() {
    let scratch = Scratch::new("status");
    for (script, expect) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("exit 255", 255),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("kill -SEGV $$", 139),
    ] {
        let run = scratch.0.join(script.replace(' ', "_"));
        let mut command = Command::new(unspool());
        let status = command
            .args(["record", "--quiet", "-o"])
            .arg(&run)
            .args(["--", "sh", "-c", script])
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(expect), "{script}");
    }
    for (program, expect) in [("/nonexistent/program", 127), ("/etc/passwd", 126)] {
        let run = scratch.0.join(expect.to_string());
        let mut command = Command::new(unspool());
        let output = command
            .args(["record", "-o"])
            .arg(&run)
            .args(["--", program])
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(expect),
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn a_full_disk_is_said_and_harms_no_job() {
    if !is_root() {
        eprintln!("skipped: mounting a small disk needs root");
        return;
    }
    let scratch = Scratch::new("full");
    let (disk, done) = (scratch.0.join("disk"), scratch.0.join("done"));
    fs::create_dir(&disk).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=1m none '{disk}' && '{unspool}' record --quiet -o '{disk}/run' -- sh -c \"'{torture}' flood 1 60000 > '{done}'\"; \
         status=$?; '{unspool}' show '{disk}/run' tree --json > '{done}.json'; cp '{disk}/run/run.json' '{done}.manifest'; exit $status",
        disk = disk.display(),
        unspool = unspool().display(),
        torture = torture(),
        done = done.display(),
    );
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(74), "{errors}");
    assert!(
        errors.lines().count() <= 6,
        "one message, not one per call: {errors}"
    );
    assert!(
        fs::read_to_string(&done).unwrap().contains("60000"),
        "the job went on"
    );
    let tree: Value =
        serde_json::from_slice(&fs::read(done.with_extension("json")).unwrap()).unwrap();
    assert_eq!(tree["state"], "incomplete");
    assert!(!rows(&tree).is_empty(), "what was flushed is readable");
    let manifest: Value =
        serde_json::from_slice(&fs::read(done.with_extension("manifest")).unwrap()).unwrap();
    let count = |key: &str| manifest["counts"][key].as_u64().unwrap();
    assert!(count("lost") > 0 && count("recorded") > 0, "{manifest}");
    assert_eq!(
        count("seen"),
        count("recorded") + count("folded") + count("lost"),
        "{manifest}"
    );
    assert!(
        count("seen") > 60_000,
        "what is lost was seen all the same: {manifest}"
    );
}
