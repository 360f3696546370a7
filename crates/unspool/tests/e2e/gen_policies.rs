//! Policies from runs: the recorded program passes, one that does more is refused, a check says where.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::program::{Program, has_tool, text};

/// Ends every program of the test: does nothing, or one thing more than was recorded.
const PROBE: &str = r#"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "call"))
        return syscall(SYS_getpriority, PRIO_PROCESS, 0) < 0 ? 1 : 0;
    if (argc > 1 && !strcmp(argv[1], "file"))
        return open("/etc/hostname", O_RDONLY) < 0 ? 1 : 0;
    return 0;
}
"#;

/// Programs of different kinds; each makes its files in the working directory.
const PROGRAMS: &[(&str, &str)] = &[
    ("sh", "cat in.txt | sort > out.txt; cat out.txt"),
    (
        "python3",
        "python3 -c 'import json, tempfile; f = tempfile.NamedTemporaryFile(); f.write(b\"x\"); print(json.dumps([1]))'",
    ),
    (
        "perl",
        "perl -e 'open(F, \">p.txt\"); print F \"hi\"; close F; unlink \"p.txt\"; print \"ok\\n\"'",
    ),
    (
        "gcc",
        "printf 'int main(){return 0;}' > a.c; gcc -o a.out a.c && ./a.out; echo $?",
    ),
    ("find", "find / -maxdepth 1 | sort | head -n 3"),
    (
        "mv",
        "mkdir -p q/r; mv in.txt q/r/in.txt; ln -s r q/s; cat q/s/in.txt; mv q/r/in.txt in.txt; rm -r q",
    ),
    (
        "git",
        "git init -q g; git -C g status --short --branch; rm -rf g",
    ),
    ("awk", "awk '{print $1}' in.txt | tee t.txt | wc -l"),
    ("tar", "tar cf x.tar in.txt && tar tf x.tar; rm x.tar"),
    (
        "sqlite3",
        "sqlite3 x.db 'create table t(a); insert into t values (6), (7); select sum(a) from t'; rm x.db",
    ),
    (
        "python3",
        "python3 -c 'import socket, threading; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); s.listen(); c = socket.create_connection(s.getsockname()); print(threading.active_count())'",
    ),
];

fn folder(program: &Program) -> PathBuf {
    let work = program.work();
    std::fs::write(work.join("in.txt"), "b\na\n").expect("written");
    std::fs::write(work.join("probe.c"), PROBE).expect("written");
    let built = Command::new("gcc")
        .args(["-o", "probe", "probe.c"])
        .current_dir(&work)
        .status()
        .expect("gcc starts");
    assert!(built.success());
    work
}

fn policy(program: &Program, run: &Path, words: &[&str], name: &str) -> String {
    let file = program.work().join(name);
    let path = file.to_str().expect("text").to_owned();
    let mut args = vec!["gen"];
    args.extend_from_slice(words);
    args.extend_from_slice(&["-o", &path, run.to_str().expect("text")]);
    program.ok(&args);
    path
}

fn shell(program: &Program, policies: &[&str], script: &str) -> Output {
    let mut args = vec!["run-with"];
    args.extend_from_slice(policies);
    args.extend_from_slice(&["--", "sh", "-c", script]);
    program.run(&args)
}

#[test]
fn what_was_recorded_passes_and_what_does_more_is_refused() {
    if !has_tool("gcc") {
        return;
    }
    for (number, (tool, script)) in PROGRAMS.iter().enumerate() {
        if !has_tool(tool) {
            continue;
        }
        let program = Program::new();
        let work = folder(&program);
        let run = work.join("run");
        let recorded = format!("{script}; ./probe none");
        let said = program.run(&[
            "record",
            "-q",
            "-o",
            run.to_str().expect("text"),
            "--",
            "sh",
            "-c",
            &recorded,
        ]);
        assert!(said.status.success(), "{script}: {}", text(&said.stderr));
        let seccomp = policy(&program, &run, &["seccomp"], "seccomp.json");
        let strict = policy(
            &program,
            &run,
            &["seccomp", "--args", "--default", "kill"],
            "strict.json",
        );
        let landlock = policy(&program, &run, &["landlock"], "landlock.json");
        for policies in [
            &[&*seccomp][..],
            &[&*strict],
            &[&*landlock],
            &[&*landlock, &*strict],
        ] {
            // The listening socket's port is another one each time: the program that has one runs under seccomp only.
            if number == PROGRAMS.len() - 1 && policies.contains(&&*landlock) {
                continue;
            }
            let again = shell(&program, policies, &recorded);
            let why = format!("{script} under {policies:?}: {}", text(&again.stderr));
            assert_eq!(again.status.code(), Some(0), "{why}");
            assert_eq!(text(&again.stdout), text(&said.stdout), "{why}");
        }
        let more_calls = format!("{script}; ./probe call");
        let more_files = format!("{script}; ./probe file");
        assert_eq!(
            shell(&program, &[&seccomp], &more_calls).status.code(),
            Some(1),
            "{script}"
        );
        let killed = shell(
            &program,
            &[&strict],
            &format!("{script}; exec ./probe call"),
        );
        assert_eq!(killed.status.signal(), Some(31), "SIGSYS: {script}");
        assert_eq!(
            shell(&program, &[&landlock], &more_files).status.code(),
            Some(1),
            "{script}"
        );
    }
}

/// A 64-bit program that makes a call of 32 bits.
const MIXED: &str = r#"
int main(void) {
    long pid;
    __asm__ volatile("int $0x80" : "=a"(pid) : "a"(20) : "memory");
    return pid <= 0;
}
"#;

#[test]
#[cfg(target_arch = "x86_64")]
fn calls_of_32_bits_in_a_64_bit_program_are_told_apart() {
    if !(has_tool("gcc") && has_tool("strace")) {
        return;
    }
    let program = Program::new();
    let work = folder(&program);
    std::fs::write(work.join("mixed.c"), MIXED).expect("written");
    let built = Command::new("gcc")
        .args(["-o", "mixed", "mixed.c"])
        .current_dir(&work)
        .status();
    assert!(built.expect("gcc starts").success());
    // To a file of its own (`-o`) strace does not say what it says here: that the process changed to 32 bits.
    let traced = Command::new("sh")
        .args(["-c", "strace -f sh -c './mixed; true' 2> mixed.log"])
        .current_dir(&work)
        .status();
    assert!(traced.expect("strace starts").success());
    program.ok(&["record", "-q", "-o", "ptrace.run", "--", "./mixed"]);
    program.ok(&["import", "-q", "-o", "strace.run", "mixed.log"]);
    for recorder in ["ptrace", "strace"] {
        let folder = format!("{recorder}.run");
        let file = policy(
            &program,
            Path::new(&folder),
            &["seccomp", "--default", "kill"],
            recorder,
        );
        let profile = std::fs::read_to_string(&file).expect("read");
        let both = "\"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\"]";
        assert!(profile.contains(both), "{recorder}: {profile}");
        let again = program.run(&["run-with", &file, "--", "./mixed"]);
        assert_eq!(again.status.code(), Some(0), "{recorder}");
        // A profile without them kills it, and the check knows.
        let narrow = work.join("narrow.json");
        std::fs::write(&narrow, profile.replace(", \"SCMP_ARCH_X86\"", "")).expect("written");
        let narrow = narrow.to_str().expect("text");
        let killed = program.run(&["run-with", narrow, "--", "./mixed"]);
        assert_eq!(killed.status.signal(), Some(31), "SIGSYS: {recorder}");
        let checked = program.run(&["gen", "seccomp", "--check", narrow, &folder]);
        let said = text(&checked.stdout);
        assert_eq!(checked.status.code(), Some(1), "{said}");
        assert!(said.contains("the i386 calls"), "{said}");
        let checked = program.run(&["gen", "seccomp", "--check", &file, &folder]);
        assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stdout));
    }
    // A program without them gets no such architecture.
    program.ok(&["record", "-q", "-o", "plain.run", "--", "./probe", "none"]);
    let file = policy(&program, Path::new("plain.run"), &["seccomp"], "plain");
    assert!(
        !std::fs::read_to_string(file)
            .expect("read")
            .contains("SCMP_ARCH_X86\"")
    );
}

#[test]
fn a_check_says_what_would_have_been_refused_and_where() {
    if !has_tool("gcc") {
        return;
    }
    let program = Program::new();
    let work = folder(&program);
    let record = |name: &str, script: &str| {
        let run = work.join(name);
        program.ok(&[
            "record",
            "-q",
            "-o",
            run.to_str().expect("text"),
            "--",
            "sh",
            "-c",
            script,
        ]);
        run
    };
    let small = record("small", "cat in.txt");
    let large = record("large", "cat in.txt; ./probe file; ./probe call");
    for kind in ["seccomp", "landlock"] {
        let file = policy(&program, &small, &[kind], kind);
        let check = |run: &Path, more: &[&str]| {
            let mut args = vec!["gen", kind, "--check", &file, run.to_str().expect("text")];
            args.extend_from_slice(more);
            let output = program.run(&args);
            (output.status.code(), text(&output.stdout))
        };
        let (status, said) = check(&small, &[]);
        assert_eq!(status, Some(0), "{said}");
        let (status, said) = check(&large, &["--json"]);
        assert_eq!(status, Some(1), "{said}");
        let answer: Value = serde_json::from_str(&said).expect("JSON");
        let violations = answer["violations"].as_array().expect("a list");
        let wanted = if kind == "seccomp" {
            "getpriority"
        } else {
            "openat"
        };
        let found = violations
            .iter()
            .find(|violation| {
                violation["call"] == wanted
                    && (kind == "seccomp" || violation["path"] == "/etc/hostname")
            })
            .unwrap_or_else(|| panic!("{wanted} in {said}"));
        let seq = found["seq"].as_u64().expect("a number");
        let events = program.rows(&[
            large.to_str().expect("text"),
            "events",
            "-w",
            &format!("evt.num = {seq}"),
        ]);
        assert_eq!(events.len(), 1);
        assert_eq!(
            events[0]["name"], wanted,
            "the event is the one that is named"
        );
        assert_eq!(events[0]["pid"], found["pid"]);
    }
}

#[test]
fn runs_are_united_and_margins_widen() {
    let program = Program::new();
    let work = program.work();
    std::fs::write(work.join("in.txt"), "x").expect("written");
    let record = |name: &str, script: &str| {
        let run = work.join(name).to_str().expect("text").to_owned();
        program.ok(&["record", "-q", "-o", &run, "--", "sh", "-c", script]);
        run
    };
    let one = record("one", "cat in.txt");
    let two = record("two", "mkdir made");
    let names = |words: &[&str]| {
        let mut args = vec!["gen", "seccomp"];
        args.extend_from_slice(words);
        let profile: Value = serde_json::from_str(&program.ok(&args)).expect("JSON");
        let rules = profile["syscalls"].as_array().expect("rules").clone();
        let mut names: Vec<String> = rules
            .iter()
            .flat_map(|rule| rule["names"].as_array().expect("names").clone())
            .map(|name| name.as_str().expect("text").to_owned())
            .collect();
        names.sort();
        names
    };
    let alone = names(&[&one]);
    let both = names(&[&one, &two]);
    assert!(!alone.contains(&"mkdir".to_owned()) && both.contains(&"mkdir".to_owned()));
    assert!(alone.iter().all(|name| both.contains(name)));
    assert!(!alone.contains(&"mkdirat".to_owned()));
    assert!(names(&["--margin", "1", &two]).contains(&"mkdirat".to_owned()));
    let wide = names(&["--margin", "2", &one]);
    assert!(wide.contains(&"clock_gettime".to_owned()) && !wide.contains(&"reboot".to_owned()));
}

#[test]
fn errors_of_policies_say_what_is_wrong() {
    let program = Program::new();
    program.ok(&["record", "-q", "--", "true"]);
    let work = program.work();
    std::fs::write(work.join("bad.json"), "{\"defaultAction\": 1}").expect("written");
    std::fs::write(work.join("text"), "deny all").expect("written");
    let complains = |args: &[&str], status: i32, parts: &[&str]| {
        let output = program.run(args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{args:?} says `{part}`: {said}");
        }
    };
    complains(&["gen", "secomp"], 2, &["did you mean `seccomp`"]);
    complains(
        &["gen", "seccomp", "--check", "none.json"],
        3,
        &["cannot read `none.json`"],
    );
    complains(
        &["gen", "seccomp", "--check", "bad.json"],
        3,
        &["cannot understand `bad.json`", "defaultAction"],
    );
    complains(
        &["gen", "seccomp", "-o", "/nonexistent/x"],
        74,
        &["cannot write `/nonexistent/x`"],
    );
    complains(
        &["run-with", "text", "--", "true"],
        125,
        &["cannot use the policy `text`", "no JSON"],
    );
    program.ok(&["gen", "landlock", "-o", "landlock.json"]);
    complains(
        &["run-with", "landlock.json", "--", "no-such-program"],
        127,
        &["`no-such-program` is not found"],
    );
    complains(
        &["run-with", "landlock.json", "--", "/bin/ls"],
        126,
        &["cannot execute `/bin/ls`", "--check"],
    );
}
