//! `unspool dockit`: dockit's options and files, on real commands and on dockit's own sample logs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::corpus::corpus;
use crate::program::{Program, has_tool, root, text};

/// Files of the test's folder whose names begin so, sorted.
fn files(program: &Program, prefix: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(program.work())
        .expect("a folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort();
    names
}

fn check_xml(file: &Path) {
    if !has_tool("xmllint") {
        return;
    }
    let checked = Command::new("xmllint")
        .args(["--noout", "--schema"])
        .arg(root().join("docs/schema/dockit-summary.xsd"))
        .arg(file)
        .output()
        .expect("xmllint starts");
    let errors = text(&checked.stderr);
    assert!(checked.status.success(), "{}: {errors}", file.display());
}

const JOB: &str =
    "ls /etc | grep -c o > count; cat missing '/etc/hosts' && echo \"a\tb\"; (exit 5); exit 7";

/// Records, then replays the log: all files are the same bytes.
fn replay_is_live(tracer: &str, command: &[&str], code: i32) {
    let program = Program::new();
    for (form, ending) in [("TXT", "txt"), ("CSV", "csv"), ("JSON", "json")] {
        for (summary, summary_ending) in [("XML", "xml"), ("TXT", "summary.txt")] {
            let live = format!("live-{form}-{summary}");
            let replayed = format!("again-{form}-{summary}");
            let mut args = vec![
                "dockit", "-t", tracer, "-f", form, "-F", summary, "-l", &live,
            ];
            args.extend_from_slice(command);
            let output = program.run(&args);
            assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
            let made = files(&program, &live);
            let base = made[0].rsplit_once('.').expect("an ending").0.to_owned();
            let (_, pid) = base.rsplit_once('.').expect("a pid");
            assert_eq!(base, format!("{live}.{tracer}.{pid}"));
            let mut expected = ["ini", "log", ending, summary_ending]
                .map(|end| format!("{live}.{tracer}.{pid}.{end}"));
            expected.sort();
            assert_eq!(made, expected);
            let log = format!("{base}.log");
            program.ok(&[
                "dockit",
                "-i",
                &log,
                "-f",
                form,
                "--summary-format",
                summary,
                "--log",
                &replayed,
            ]);
            for end in [ending, summary_ending] {
                let read = |prefix: &str| {
                    let file = program
                        .work()
                        .join(format!("{prefix}.{tracer}.{pid}.{end}"));
                    std::fs::read_to_string(file).expect("UTF-8")
                };
                assert!(!read(&live).is_empty());
                assert_eq!(read(&live), read(&replayed), "{form} {summary} {end}");
            }
            if summary == "XML" {
                check_xml(&program.work().join(format!("{base}.xml")));
            }
        }
    }
}

#[test]
fn a_replay_gives_the_bytes_of_the_live_run() {
    if has_tool("strace") {
        replay_is_live("strace", &["sh", "-c", JOB], 7);
    }
}

#[test]
fn a_replay_of_ltrace_gives_the_bytes_of_the_live_run() {
    if has_tool("ltrace") {
        replay_is_live("ltrace", &["date", "-u"], 0);
    }
}

/// What dockit got wrong: the command is run as it was given, its output is seen, its status is kept, secrets stay out.
#[test]
fn the_command_is_run_as_it_is() {
    if !has_tool("strace") {
        return;
    }
    let program = Program::new();
    let output = program
        .command(&[
            "dockit",
            "-l",
            "x",
            "-F",
            "XML",
            "sh",
            "-c",
            "seq 1 50000 | tail -1 > f; cat f; echo oops >&2; false",
        ])
        .env("API_TOKEN", "hunter2hunter2")
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "50000\n");
    assert_eq!(text(&output.stderr), "oops\n");
    let xml_name = files(&program, "x.")
        .into_iter()
        .find(|name| name.contains(".xml"))
        .expect("a summary");
    let xml = std::fs::read_to_string(program.work().join(xml_name)).expect("UTF-8");
    assert!(xml.contains("<Name>sh</Name>") && !xml.contains("<Name>strace</Name>"));
    assert!(xml.contains("<ExitStatus>1</ExitStatus>"));
    for name in files(&program, "x.") {
        let bytes = std::fs::read(program.work().join(&name)).expect("it is there");
        assert!(!text(&bytes).contains("hunter2"), "{name}");
    }
}

#[test]
fn under_its_name_it_is_dockit() {
    if !has_tool("strace") {
        return;
    }
    let program = Program::new();
    let dockit = program.work().join("dockit");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_unspool"), &dockit).expect("a link");
    let run = |args: &[&str]| {
        Command::new(&dockit)
            .args(args)
            .current_dir(program.work())
            .output()
            .expect("it starts")
    };
    let output = run(&["-vv", "-w", "-a", "clusterize", "-d", "true"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("wrote dockit_output.strace."));
    let made = files(&program, "dockit_output.");
    assert_eq!(made.len(), 3, "{made:?}");
    // Without `-l` and `-d` only the results stay.
    for name in made {
        std::fs::remove_file(program.work().join(name)).expect("it is there");
    }
    run(&["true"]);
    assert_eq!(files(&program, "dockit_output.").len(), 1);
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for option in [
        "-v",
        "-w",
        "-s",
        "-p",
        "-f",
        "-F",
        "-i",
        "-l",
        "-t",
        "-a",
        "-d",
        "--summary-format",
    ] {
        assert!(text(&help.stdout).contains(option), "{option}");
    }
}

#[test]
fn wrong_options_end_with_1_and_say_what_is_right() {
    let program = Program::new();
    let log = program.work().join("empty.strace.log");
    std::fs::write(&log, "").expect("a file");
    for (args, words) in [
        (&["dockit"][..], "exactly one of a command"),
        (&["dockit", "-p", "1", "true"], "exactly one of a command"),
        (&["dockit", "-f", "XLS", "true"], "forms: TXT, CSV, JSON"),
        (&["dockit", "-F", "CSV", "true"], "forms: XML, TXT"),
        (&["dockit", "-t", "cdb", "true"], "one of Windows"),
        (&["dockit", "-a", "x", "true"], "there is one: clusterize"),
        (
            &["dockit", "-s", "CIM_File", "true"],
            "classes: CIM_ComputerSystem",
        ),
        (
            &["dockit", "-s", "CIM_Process.Name=\"[\"", "true"],
            "no regular expression",
        ),
        (&["dockit", "--nonsense", "true"], "--nonsense"),
    ] {
        let output = program.run(args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
    let missing = program.run(&["dockit", "-i", "nosuch.strace.1.log"]);
    assert_eq!(missing.status.code(), Some(3));
    let no_program = program.run(&["dockit", "-l", "n", "/nonexistent/x"]);
    assert_eq!(no_program.status.code(), Some(127));
    assert_eq!(files(&program, "n."), Vec::<String>::new());
}

/// A running process is let go by SIGINT, unharmed, and all files are written.
#[test]
fn ctrl_c_lets_a_process_go_and_writes_everything() {
    if !has_tool("strace") {
        return;
    }
    let program = Program::new();
    let script = "while true; do cat /dev/null; sleep 0.01; done";
    let mut target = Command::new("sh")
        .args(["-c", script])
        .spawn()
        .expect("sh starts");
    let pid = target.id().to_string();
    let mut dockit = program
        .command(&["dockit", "-p", &pid, "-l", "att", "-F", "XML"])
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    let has_log = || {
        files(&program, "att.").iter().any(|name| {
            std::fs::metadata(program.work().join(name)).is_ok_and(|log| log.len() > 5_000)
        })
    };
    while !has_log() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let interrupted = Command::new("kill")
        .args(["-INT", &dockit.id().to_string()])
        .status()
        .expect("kill starts");
    assert!(interrupted.success());
    let ended = dockit.wait().expect("it ends");
    assert_eq!(ended.code(), Some(0));
    let lives = target.try_wait().expect("it can be asked").is_none();
    target.kill().expect("it lives");
    target.wait().expect("it ends");
    assert!(lives, "the target was harmed");
    let made = files(&program, "att.");
    let endings: Vec<&str> = made
        .iter()
        .filter_map(|name| name.rsplit('.').next())
        .collect();
    assert_eq!(endings, ["ini", "log", "txt", "xml"], "{made:?}");
    let xml = program.work().join(&made[3]);
    check_xml(&xml);
    let summary = std::fs::read_to_string(xml).expect("UTF-8");
    assert_eq!(
        summary.matches("\n  <CIM_Process Handle=").count(),
        1,
        "one root"
    );
}

/// Numbers of a summary in XML, as Python's parser reads it.
const NUMBERS: &str = r#"
import json, sys
import xml.etree.ElementTree as ElementTree
root = ElementTree.parse(sys.argv[1]).getroot()
number = lambda access, name: int(access.get(name, 0))
files = [file for category in root.iter("FilesCategory") for file in category]
accesses = [(file.get("Name"), access) for file in files for access in file.iter("Access")]
no_file = ("pipe:", "anon_inode:", "socket:", "TCP", "UDP", "UNIX", "NETLINK", "/memfd:")
processes = list(root.iter("CIM_Process"))
handles = {process.get("Handle") for process in processes}
inner = [child for process in processes for child in process.findall("CIM_Process")]
of_processes = [access for process in processes for part in process.findall("FileAccesses") for access in part]
assert len(of_processes) == len(accesses), "each access stands in its process and in its file"
print(json.dumps({
    "roots": len(root.findall("CIM_Process")),
    "without_parent": sum(child.findtext("ParentProcessID") not in handles for child in inner),
    "numbers": {
        "processes": len(processes),
        "opens": sum(number(access, "NumOpen") for name, access in accesses if not name.startswith(no_file)),
        "bytes_read": sum(number(access, "BytesRead") for _, access in accesses),
        "bytes_written": sum(number(access, "BytesWritten") for _, access in accesses),
    },
}))
"#;

fn json_of(command: &mut Command) -> Value {
    let output = command.output().expect("python3 starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Every form of a log of the corpus; gives the XML.
fn every_form(program: &Program, log: &Path, number: usize) -> PathBuf {
    let prefix = format!("o{number}");
    for form in ["TXT", "CSV", "JSON"] {
        program.ok(&[
            "dockit",
            "-i",
            &log.to_string_lossy(),
            "-l",
            &prefix,
            "-f",
            form,
            "-F",
            "TXT",
        ]);
    }
    program.ok(&[
        "dockit",
        "-i",
        &log.to_string_lossy(),
        "-l",
        &prefix,
        "-F",
        "XML",
    ]);
    let made = files(program, &format!("{prefix}."));
    let name = |end: &str| {
        let found = made.iter().find(|name| name.ends_with(end));
        program
            .work()
            .join(found.unwrap_or_else(|| panic!("no {end} of {}", log.display())))
    };
    for end in [".txt", ".csv", ".json", ".summary.txt", ".xml"] {
        assert!(
            std::fs::metadata(name(end)).expect("it is there").len() > 0,
            "{end}"
        );
    }
    let flows: Value =
        serde_json::from_slice(&std::fs::read(name(".json")).expect("it is there")).expect("JSON");
    assert!(flows.as_array().is_some_and(|flows| !flows.is_empty()));
    check_xml(&name(".xml"));
    name(".xml")
}

/// dockit's own sample logs and others: every form, one root, numbers of an independent counter.
#[test]
fn every_log_of_the_corpus_in_every_form() {
    if !has_tool("python3") {
        return;
    }
    let program = Program::new();
    let logs = corpus("trace")
        .into_iter()
        .chain(corpus("sshd."))
        .chain(corpus("pydbg"));
    for (number, log) in logs.enumerate() {
        let name = log
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        // Another format, and one log written by hand whose halves do not fit.
        if name.contains("jsonl") || name.contains("lnav") {
            continue;
        }
        if !["strace", "ltrace", "sshd", "pydbg"]
            .iter()
            .any(|part| name.contains(part))
        {
            continue;
        }
        let xml = every_form(&program, &log, number);
        let ours = json_of(Command::new("python3").args(["-c", NUMBERS]).arg(&xml));
        assert_eq!(ours["without_parent"], 0, "{name}: {ours}");
        // Two processes that know nothing of each other, written by hand.
        if name == "perfetto__basic.strace" {
            continue;
        }
        assert_eq!(ours["roots"], 1, "{name}");
        if name.contains("ltrace") || name.contains("pydbg") {
            continue;
        }
        let counter = root().join("crates/unspool/tests/count_log.py");
        let counted = json_of(Command::new("python3").arg(counter).arg(&log));
        assert_eq!(ours["numbers"], counted, "{name}");
    }
}

/// A log of dockit's tracer for Windows, which tells no more than processes and functions.
#[test]
fn a_log_of_pydbg_in_every_form() {
    let program = Program::new();
    let log = program.work().join("dir.pydbg.4588.log");
    std::fs::write(
        &log,
        "4588 CreateFileW\r\n4588 WriteFile\r\n4588 WriteFile\r\n0 PYDBG_PROCESS_EXIT\r\n",
    )
    .expect("the log can be written");
    let xml = std::fs::read_to_string(every_form(&program, &log, 1)).expect("it is there");
    assert!(xml.contains("4588"), "{xml}");
    let made = files(&program, "o1.");
    let flow = made.iter().find(|name| name.ends_with("4588.txt"));
    let flow = std::fs::read_to_string(program.work().join(flow.expect("a flow"))).expect("text");
    assert!(
        flow.contains("CreateFileW") && flow.contains("WriteFile"),
        "{flow}"
    );
    let status = program.run(&["dockit", "-t", "pydbg", "true"]).status;
    assert_eq!(status.code(), Some(1));
}

/// The summary of a stored run is the same as that of its log.
#[test]
fn export_has_the_summary_too() {
    if !has_tool("strace") {
        return;
    }
    let program = Program::new();
    program.ok(&[
        "dockit",
        "-l",
        "x",
        "-F",
        "XML",
        "sh",
        "-c",
        "cat /etc/hosts | wc -l",
    ]);
    let made = files(&program, "x.");
    let log = made
        .iter()
        .find(|name| name.ends_with("log"))
        .expect("a log");
    let of_log = made
        .iter()
        .find(|name| name.contains(".xml"))
        .expect("a summary");
    program.ok(&["import", "-q", log]);
    let of_log = std::fs::read_to_string(program.work().join(of_log)).expect("UTF-8");
    assert_eq!(program.ok(&["export", "-F", "cim-xml"]), of_log);
    let chosen = program.ok(&[
        "export",
        "@",
        "-F",
        "cim-txt",
        "-s",
        "CIM_Process.Name=\"wc\"",
    ]);
    assert!(chosen.starts_with("Processes:\nProcess id:"), "{chosen}");
    assert_eq!(chosen.matches("Process id:").count(), 1);
    assert!(!chosen.contains("Files:"));
    let refused = program.run(&["export", "files", "-s", "CIM_Process"]);
    assert_eq!(refused.status.code(), Some(2));
}

/// The same from a recording and from its replay: a container file that runs the command, and a makefile with its rule.
#[test]
fn container_file_and_makefile() {
    if !has_tool("strace") {
        return;
    }
    let program = Program::new();
    let read = |name: &str| std::fs::read_to_string(program.work().join(name)).expect("UTF-8");
    program.ok(&[
        "dockit",
        "-D",
        "-M",
        "live.mak",
        "-l",
        "g",
        "sh",
        "-c",
        "cat /etc/hosts > copy",
    ]);
    let made = files(&program, "g.");
    let log = made
        .iter()
        .find(|name| name.ends_with("log"))
        .expect("a log");
    let folder = made
        .iter()
        .find(|name| name.ends_with("docker"))
        .expect("a folder");
    let dockerfile = read(&format!("{folder}/Dockerfile"));
    assert!(dockerfile.contains("FROM "), "{dockerfile}");
    assert!(dockerfile.contains("cat /etc/hosts > copy"), "{dockerfile}");
    assert!(read("live.mak").contains("copy"), "{}", read("live.mak"));
    program.ok(&["dockit", "-D", "-M", "again.mak", "-i", log, "-l", "r"]);
    assert_eq!(read("live.mak"), read("again.mak"));
    let again = folder.replacen("g.", "r.", 1);
    assert_eq!(dockerfile, read(&format!("{again}/Dockerfile")));
}

/// Reads flows with Python's parsers: as many fields as headings, every name there.
const REREAD: &str = r#"
import csv, json, sys
with open(sys.argv[1], newline="") as file:
    rows = list(csv.reader(file))
assert {len(row) for row in rows} == {9}, {len(row) for row in rows}
flows = json.load(open(sys.argv[2]))
lines = [line for flow in flows for line in flow]
assert len(lines) == len(rows) - 1, (len(lines), len(rows))
for row, line in zip(rows[1:], lines):
    assert row[0] == str(line["pid"]) and row[1] == str(line["occurrences"]) and row[3] == str(line["status"])
    assert row[5].lstrip("'") == "[" + ", ".join(line["arguments"]) + "]", row
print(json.dumps({"arguments": sorted({argument for line in lines for argument in line["arguments"]})}))
"#;

#[test]
fn hostile_names_break_no_file() {
    if !has_tool("strace") || !has_tool("python3") {
        return;
    }
    let program = Program::new();
    // Bytes of names as printf(1) writes them, and as they are told.
    for (name, told) in [
        ("a\\042b,c\\047d", "a\\\"b,c'd"),
        ("x\\ny]]>-->\\t", "x\\ny]]>-->\\t"),
        ("\\377\\376<&>", "\\xff\\xfe<&>"),
        ("\\044(reboot)\\140id\\140", "$(reboot)`id`"),
        ("=1+1", "=1+1"),
    ] {
        let script = format!("cat < /dev/null > \"$(printf '{name}')\"");
        let mut made = Vec::new();
        program.ok(&[
            "dockit", "-l", "h", "-f", "CSV", "-F", "XML", "sh", "-c", &script,
        ]);
        let log = files(&program, "h.")
            .into_iter()
            .find(|name| name.ends_with("log"))
            .expect("a log");
        program.ok(&["dockit", "-i", &log, "-l", "h", "-f", "JSON", "-F", "TXT"]);
        for ending in ["csv", "json", "xml"] {
            let name = files(&program, "h.")
                .into_iter()
                .find(|name| name.ends_with(ending));
            made.push(program.work().join(name.expect("a file")));
        }
        check_xml(&made[2]);
        let read = json_of(
            Command::new("python3")
                .args(["-c", REREAD])
                .args(&made[..2]),
        );
        let work = program.work();
        let expect = format!("CIM_DataFile.Name=\"{}/{told}\"", work.display());
        let arguments = read["arguments"].as_array().expect("a list");
        assert!(
            arguments.iter().any(|argument| *argument == *expect),
            "{expect}: {arguments:#?}"
        );
        for name in files(&program, "h.") {
            std::fs::remove_file(work.join(name)).expect("it is there");
        }
    }
}
