//! What users rely on: exit statuses, errors that help, views in every form, secrets that stay out, interrupted recordings.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Program, root, text};

pub(crate) const VIEWS: [&str; 13] = [
    "summary", "tree", "files", "net", "fds", "events", "time", "state", "flame", "flow", "phases",
    "sql", "http",
];

fn recorded(script: &str) -> Program {
    let program = Program::new();
    program.run(&["record", "-q", "--", "sh", "-c", script]);
    program
}

#[test]
fn exit_statuses_are_the_commands_own() {
    let program = Program::new();
    let status = |args: &[&str]| program.run(args).status.code();
    assert_eq!(
        status(&["record", "-q", "--", "sh", "-c", "exit 7"]),
        Some(7)
    );
    assert_eq!(
        status(&["record", "-q", "--", "sh", "-c", "kill -TERM $$"]),
        Some(143)
    );
    assert_eq!(status(&["record", "-q", "--", "/nonexistent/x"]), Some(127));
    assert_eq!(status(&["record", "-q", "--", "/etc/passwd"]), Some(126));
    assert_eq!(status(&["record"]), Some(125));
    // What cannot be read, too: 2 may be the command's.
    let wrong: [&[&str]; 8] = [
        &["--detail", "foo", "--", "true"],
        &["--no-such", "--", "true"],
        &["--recorder", "nope", "--", "true"],
        &["--sample", "1ms", "--", "true"],
        &["-p", "abc"],
        &["--redact", "maybe", "--", "true"],
        &["--name"],
        &["--color", "nope", "--", "show"],
    ];
    for words in wrong {
        let before: [&[&str]; 3] = [&[], &["--store", "elsewhere"], &["--color=never"]];
        for before in before {
            let line = [before, &["record"], words].concat();
            assert_eq!(status(&line), Some(125), "{line:?}");
        }
    }
    assert_eq!(status(&["record", "--help"]), Some(0));
    assert_eq!(status(&["recrod", "--", "true"]), Some(2));
    assert_eq!(status(&["import", "--detail", "record"]), Some(2));
    assert_eq!(status(&["show", "nosuchrun"]), Some(3));
    assert_eq!(status(&["show", "--no-such-option"]), Some(2));
}

/// A start that fails leaves nothing where `-o` said: the same can be tried again.
#[test]
fn a_failed_start_leaves_nothing_behind() {
    let program = Program::new();
    let (new, empty) = (program.work().join("new"), program.work().join("empty"));
    std::fs::create_dir(&empty).expect("a folder can be made");
    let starts: [(&[&str], i32); 5] = [
        (&["-p", "2147483647"], 125),
        (&["--recorder", "ptrace", "-p", "2147483647"], 125),
        (&["--recorder", "bpf", "--cgroup", "/no/such/group"], 125),
        (&["--", "/nonexistent/x"], 127),
        (&["--recorder", "strace", "--", "/nonexistent/x"], 127),
    ];
    for (start, status) in starts {
        for folder in [&new, &empty] {
            let mut words = vec!["record", "-o", folder.to_str().expect("text")];
            words.extend(start);
            let output = program.run(&words);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(status), "{start:?}: {said}");
        }
        assert!(!new.exists(), "{start:?}");
        let left = std::fs::read_dir(&empty).expect("it stays").count();
        assert_eq!(left, 0, "{start:?}");
    }
}

#[test]
fn strict_import_refuses_damaged_records_of_our_own() {
    use unspool_decode::native::format::kind;
    use unspool_decode::native::write::{RecordWriter, StreamHead};
    let mut writer = RecordWriter::default();
    let head = StreamHead {
        architecture: 0,
        clock: 0,
        recorder: 1,
        offset_ns: 0,
    };
    writer.stream(0, head);
    writer.begin(kind::CONTINUE, 7, 10);
    writer.u64(0);
    writer.end();
    let whole = writer.bytes().to_vec();
    let program = Program::new();
    let file = program.work().join("records");
    let status = |bytes: &[u8], option: &str| {
        std::fs::write(&file, bytes).expect("the file can be written");
        let name = file.to_string_lossy();
        program.run(&["import", option, &name]).status.code()
    };
    assert_eq!(status(&whole, "--strict"), Some(0));
    let cut = &whole[..whole.len() - 4];
    assert_eq!(status(cut, "--strict"), Some(1));
    assert_eq!(status(cut, "--quiet"), Some(0));
    let mut damaged = whole.clone();
    damaged.extend([kind::CONTINUE, 0x31, 0, 0]);
    assert_eq!(status(&damaged, "--strict"), Some(1));
    // Nor is anything left of it.
    let folder = program.work().join("refused");
    let output = program
        .command(&["import", "-q", "--strict", "-o"])
        .args([&folder, &file])
        .output();
    assert_eq!(output.expect("it runs").status.code(), Some(1));
    assert!(!folder.exists());
}

#[test]
fn the_commands_streams_are_its_own() {
    let program = Program::new();
    let output = program
        .command(&["record", "-q", "--", "sh", "-c", "cat; echo err >&2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            use std::io::Write as _;
            child
                .stdin
                .take()
                .expect("it is piped")
                .write_all(b"through\n")?;
            child.wait_with_output()
        })
        .expect("it runs");
    assert_eq!(text(&output.stdout), "through\n");
    assert_eq!(text(&output.stderr), "err\n");
}

#[test]
fn errors_say_what_why_and_the_fix() {
    let program = recorded("true");
    let complains = |args: &[&str], parts: &[&str]| {
        let output = program.run(args);
        let said = text(&output.stderr);
        assert!(!output.status.success(), "{args:?}");
        for part in parts {
            assert!(said.contains(part), "{args:?} says `{part}`: {said}");
        }
    };
    complains(
        &["show", "event"],
        &["there is no view `event`", "`events`"],
    );
    complains(
        &["show", "events", "-w", "proc.nam = sh"],
        &["proc.nam", "proc.name"],
    );
    complains(&["show", "-w", "proc.name ="], &["hint"]);
    complains(&["show", "--since", "yesterday"], &["is no time", "5s"]);
    complains(&["show", "--form", "jsn"], &["`json`"]);
    complains(
        &["import", "/etc/passwd"],
        &[
            "cannot tell the format",
            "the first is `root:",
            "--format",
            "log of strace 4 to 7",
        ],
    );
    complains(&["import", "/nonexistent.log"], &["cannot open"]);
    complains(
        &["import", "--format", "stace", "/etc/passwd"],
        &["did you mean `strace`"],
    );
    complains(&["runs", "name", "@", "files"], &["that is a view"]);
    complains(&["record", "--", "/nonexistent/x"], &["not found"]);
    complains(
        &["record", "-o", "/nonexistent/a/b", "--", "true"],
        &["there is no folder", "mkdir -p"],
    );
}

#[test]
fn every_view_has_the_keys_of_its_schema() {
    let program = recorded("ls / | wc -l; cat /nonexistent");
    for view in VIEWS {
        let answer: Value =
            serde_json::from_str(&program.ok(&["show", view, "--json"])).expect("JSON");
        let schema_path = root().join(format!("docs/schema/{view}.json"));
        let schema: Value =
            serde_json::from_slice(&std::fs::read(schema_path).expect("a schema")).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let wrong: Vec<String> = validator
            .iter_errors(&answer)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .take(5)
            .collect();
        assert!(wrong.is_empty(), "{view}: {wrong:#?}");
        assert_eq!(answer["kind"], view);
        assert_eq!(answer["state"], "complete");
        let is_empty = answer["rows"].as_array().expect("rows").is_empty();
        // Nothing connected, nothing lives at the end, and no data was kept.
        assert_eq!(
            is_empty,
            matches!(view, "net" | "state" | "sql" | "http"),
            "{view}: {answer}"
        );
        for form in ["text", "jsonl", "csv", "xml", "md", "html-table"] {
            program.ok(&["show", view, "--form", form]);
        }
    }
}

#[test]
fn filters_choose_events_in_every_view() {
    let program = recorded("cat /etc/passwd > copy; ls / > /dev/null");
    let rows = program.rows(&["files", "-w", "proc.name = cat and fd.name = /etc/passwd"]);
    let read = rows
        .iter()
        .find(|row| row["path"] == "/etc/passwd")
        .expect("it was read");
    let size = std::fs::metadata("/etc/passwd").expect("it is there").len();
    assert_eq!(read["bytes_read"].as_u64(), Some(size));
    assert!(
        rows.iter().all(|row| row["path"] != "/etc/ld.so.cache"),
        "{rows:#?}"
    );
    let events = program.rows(&["events", "--proc", "ls", "-w", "evt.type = execve"]);
    assert_eq!(
        events.iter().filter(|row| row["result"] == 0).count(),
        1,
        "{events:#?}"
    );
    let none = program.rows(&["events", "--since", "1h"]);
    assert!(none.is_empty());
    let all = program.rows(&["events"]).len();
    let early = program.rows(&["events", "--until", "1h"]).len();
    assert_eq!(all, early);
}

#[test]
fn secrets_do_not_reach_the_disk() {
    let program = Program::new();
    let canaries = ["c4nary-env", "c4nary-argv", "c4nary-url", "c4nary-file"];
    let script = "echo c4nary-file > data; cat data > /dev/null; \
                  echo x | cat - --password=c4nary-argv https://me:c4nary-url@example.org/ 2> /dev/null; true";
    for recorder in ["ptrace", "strace"] {
        if recorder == "strace" && !crate::program::has_tool("strace") {
            continue;
        }
        let run = program.work().join(recorder);
        let status = program
            .command(&["record", "-q", "--keep-raw", "--recorder", recorder, "-o"])
            .arg(&run)
            .args(["--", "sh", "-c"])
            .arg(script.replace("c4nary-file", "$SECRET_FILE_WORD"))
            .env("MY_API_KEY", "c4nary-env")
            .env("SECRET_FILE_WORD", "c4nary-file")
            .status()
            .expect("it runs");
        assert!(status.success());
        let mut shown = String::new();
        for view in VIEWS {
            shown.push_str(&program.ok(&["show", &run.to_string_lossy(), view, "--json"]));
        }
        for canary in canaries {
            assert!(!shown.contains(canary), "{recorder}: a view shows {canary}");
            for file in files_below(&run) {
                let bytes = std::fs::read(&file).expect("a file");
                let found = bytes
                    .windows(canary.len())
                    .any(|part| part == canary.as_bytes());
                assert!(!found, "{recorder}: {} holds {canary}", file.display());
                let mode = std::fs::metadata(&file)
                    .expect("a file")
                    .permissions()
                    .mode();
                assert_eq!(mode & 0o777, 0o600, "{}", file.display());
            }
        }
        let mode = std::fs::metadata(&run)
            .expect("a folder")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn unredacted_runs_say_so_in_every_report() {
    let program = Program::new();
    program.ok(&["record", "-q", "--redact", "none", "--", "true"]);
    let output = text(&program.run(&["show", "tree"]).stdout);
    assert!(output.contains("redact"), "{output}");
}

#[test]
fn a_recording_can_be_looked_at_while_it_goes_on_and_after_it_was_killed() {
    let program = Program::new();
    let marker = program.work().join("go-on");
    let script = format!(
        "cat /etc/passwd > /dev/null; while ! test -e {}; do :; done",
        marker.display()
    );
    let mut recorder = program
        .command(&["record", "-q", "--name", "live", "--", "sh", "-c", &script])
        .spawn()
        .expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    let live = loop {
        let output = program.run(&["show", "live", "tree", "--json"]);
        if output.status.success() {
            let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let is_read = answer["rows"]
                .as_array()
                .is_some_and(|rows| rows.len() >= 2 && rows[1]["exit_code"] == 0);
            if is_read {
                break answer;
            }
        }
        assert!(Instant::now() < deadline, "the run is never seen");
        std::thread::yield_now();
    };
    assert_eq!(live["state"], "recording");
    recorder.kill().expect("it can be killed");
    recorder.wait().expect("it ends");
    std::fs::write(&marker, "").expect("a file");
    // What a killed recorder had not written yet is saved by its keeper first.
    let dead: Value = loop {
        let answer = program.ok(&["show", "live", "tree", "--json"]);
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        if answer["state"] != "recording" {
            break answer;
        }
        assert!(Instant::now() < deadline, "the run never ends");
        std::thread::yield_now();
    };
    assert_eq!(dead["state"], "incomplete");
    assert!(dead["rows"].as_array().expect("rows").len() >= 2);
    program.ok(&["runs", "recover", "live"]);
    let recovered: Value =
        serde_json::from_str(&program.ok(&["show", "live", "files", "--json"])).expect("JSON");
    assert_eq!(
        recovered["state"], "incomplete",
        "it is never shown as whole"
    );
    let read = recovered["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .any(|row| row["path"] == "/etc/passwd");
    assert!(read, "{recovered}");
}

#[test]
fn runs_are_named_tagged_pruned_and_removed() {
    let program = Program::new();
    program.ok(&[
        "record",
        "-q",
        "--name",
        "one",
        "--tag",
        "kind=test",
        "--",
        "true",
    ]);
    program.ok(&["record", "-q", "--", "true"]);
    program.ok(&["runs", "name", "@", "two"]);
    program.ok(&["runs", "tag", "two", "kind=other"]);
    let list: Value = serde_json::from_str(&program.ok(&["runs", "list", "--json"])).expect("JSON");
    let names: Vec<&str> = list["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["name"].as_str())
        .collect();
    assert_eq!(names, ["two", "one"]);
    program.ok(&["show", "@1", "tree"]);
    program.ok(&["runs", "prune", "--max-runs", "1"]);
    assert!(!program.run(&["show", "one"]).status.success());
    program.ok(&["runs", "rm", "two"]);
    let output = program.run(&["show"]);
    assert!(text(&output.stderr).contains("there is no run yet"));
}

#[test]
fn help_fits_a_terminal() {
    let program = Program::new();
    let commands = [
        "",
        "record",
        "import",
        "show",
        "diff",
        "export",
        "dockit",
        "gen",
        "gen dockerfile",
        "gen makefile",
        "gen script",
        "gen seccomp",
        "gen apparmor",
        "gen landlock",
        "gen systemd",
        "run-with",
        "runs",
        "runs list",
        "runs rm",
        "runs name",
        "runs tag",
        "runs prune",
        "runs scrub",
        "runs recover",
        "secrets",
        "doctor",
    ];
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().chain(["-h"]).collect();
        let help = program.ok(&words);
        let lines: Vec<&str> = help.lines().collect();
        assert!(
            lines.len() <= 24,
            "{command:?} has {} lines:\n{help}",
            lines.len()
        );
        for line in lines {
            assert!(line.chars().count() <= 80, "{command:?}: {line}");
        }
    }
}

#[test]
fn names_cannot_steer_the_terminal() {
    let program = Program::new();
    let hostile = "a\u{1b}]0;owned\u{7}\u{202e}b";
    std::fs::write(program.work().join(hostile), "x").expect("a file");
    program.ok(&["record", "-q", "--", "cat", hostile]);
    for view in VIEWS {
        for form in ["text", "json", "csv"] {
            let shown = program.ok(&["show", view, "--form", form]);
            let bad = shown
                .chars()
                .find(|&c| (c.is_control() && c != '\n' && c != '\r') || c == '\u{202e}');
            assert_eq!(bad, None, "{view} {form}");
        }
    }
}

/// With `--detail io` the BPF recorder counts calls that move data; views say as many as there were.
#[test]
fn calls_that_were_only_counted_are_in_time_and_summary() {
    if !crate::jobs::has_bpf() {
        return;
    }
    let program = Program::new();
    program.ok(&[
        "record",
        "-q",
        "--recorder",
        "bpf",
        "--detail",
        "io",
        "--",
        "dd",
        "if=/dev/zero",
        "of=/dev/null",
        "bs=1",
        "count=3000",
        "status=none",
    ]);
    let time = program.rows(&["@", "time"]);
    for name in ["read", "write"] {
        let row = time.iter().find(|row| row["name"] == name);
        let row = row.unwrap_or_else(|| panic!("{name}: {time:?}"));
        let calls = row["calls"].as_u64().expect("a number");
        assert!((3000..3010).contains(&calls), "{row}");
        assert!(row["total_ns"].as_i64() > Some(0), "{row}");
    }
    let summary = program.rows(&["@", "summary"]);
    let top = summary[0]["top_calls"].as_array().expect("a list");
    let read = top.iter().find(|row| row["name"] == "read").expect("read");
    assert!(read["calls"].as_u64() >= Some(3000), "{read}");
}

#[test]
fn the_summary_names_what_a_script_failed_with_first() {
    let program = Program::new();
    let script = "set -e\nfor n in 1 2 3 4 5 6 7; do (exit 3) || true; done\n(cat /etc/passwd; cat /etc/unspool-is-not-here) | sort >/dev/null\n\
                  ls / >/dev/null\nsh -c 'cat /etc/unspool-is-not-there; exit 9'\necho never";
    let done = program.run(&["record", "-q", "--", "sh", "-c", script]);
    assert_eq!(done.status.code(), Some(9));
    let summary: Value = serde_json::from_slice(&program.run(&["show", "--json"]).stdout).unwrap();
    let findings: Vec<&str> = summary["rows"][0]["findings"]
        .as_array()
        .expect("findings are a list")
        .iter()
        .map(|finding| finding.as_str().expect("findings are sentences"))
        .collect();
    let begins = |at: usize, words: &[&str]| {
        let finding = findings[at];
        assert!(
            words.iter().all(|word| finding.contains(word)),
            "{findings:#?}"
        );
    };
    begins(0, &["exited with status 9: sh -c"]);
    begins(
        1,
        &[
            "the last that ",
            "exited with status 9: sh -c",
            "cat /etc/unspool-is-not-there",
        ],
    );
    begins(
        2,
        &[
            "cat[",
            "the last that ",
            "exited with status 1: cat /etc/unspool-is-not-there",
        ],
    );
    begins(3, &["sh[", "] and 6 more exited with status 3: sh -c"]);
    assert!(!findings[3].contains("the last that"), "{findings:#?}");
    let missing = findings
        .iter()
        .find(|finding| finding.contains("not found"))
        .expect("a file is missing");
    assert!(
        missing.contains("found: /etc/unspool-is-not-there"),
        "{missing}"
    );
}

/// Who is root of a user namespace only has every capability, and the kernel refuses the programs all the same.
#[test]
fn a_kernel_that_refuses_the_programs_does_not_keep_auto_from_recording() {
    if !crate::program::has_tool("unshare") {
        return;
    }
    let program = Program::new();
    let record = program.command(&["record", "--", "sh", "-c", "exit 3"]);
    let mut command = std::process::Command::new("unshare");
    command
        .args(["--user", "--map-root-user"])
        .arg(record.get_program())
        .args(record.get_args())
        .current_dir(program.work());
    for (key, value) in record.get_envs() {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    let output = command.output().expect("unshare starts");
    let said = text(&output.stderr);
    if said.contains("unshare failed") {
        eprintln!("skipped: no user namespaces here: {said}");
        return;
    }
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert_eq!(program.rows(&["tree"]).len(), 1, "{said}");
    // Where BPF looks impossible at a glance there is nothing to tell.
    if unspool_record::bpf::may_work() {
        let note = "note: recorded with ptrace: cannot load the BPF programs: ";
        assert!(said.contains(note), "{said}");
    }
}
