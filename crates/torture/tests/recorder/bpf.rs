//! What only the BPF recorder promises, and what it must not change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{
    Scratch, conserved, has_tool, is_root, plain_command, recorders, rounds, rows, show, show_text,
    unspool,
};

/// User without privileges that every Linux has.
const NOBODY: &str = "65534";

/// Compiles one of `tests/programs`; `None` without a C compiler, which CI has.
pub(super) fn compiled(name: &str, scratch: &Scratch) -> Option<PathBuf> {
    if !has_tool("gcc") {
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/programs/{name}.c"));
    let target = scratch.0.join(name);
    let made = Command::new("gcc")
        .args(["-O1", "-w", "-pthread", "-o"])
        .args([&target, &source])
        .status()
        .unwrap();
    assert!(made.success(), "{name}.c is compiled");
    Some(target)
}

fn is_here(recorder: &str) -> bool {
    recorders().contains(&recorder)
}

/// Records words in a folder and demands success; gives what the command said.
fn recorded(recorder: &str, run: &Path, options: &[&str], folder: &Path, words: &[&str]) -> Output {
    let output = plain_command(unspool())
        .args(["record", "--quiet", "--recorder", recorder, "-o"])
        .arg(run)
        .args(options)
        .arg("--")
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    output
}

fn truth(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("the program prints its truth")
}

/// A hundred programs that use ptrace, execute and signal say the same under the recorder as without it.
#[test]
fn programs_run_as_without_a_recorder() {
    let scratch = Scratch::new("same");
    let Some(program) = compiled("same", &scratch).filter(|_| is_here("bpf")) else {
        return;
    };
    let program = program.to_str().unwrap();
    let script = "for n in $(\"$0\"); do echo \"$n\"; timeout 60 \"$0\" \"$n\" 2>&1; echo $?; done";
    let words = ["sh", "-c", script, program];
    let plain = plain_command(words[0])
        .args(&words[1..])
        .current_dir(&scratch.0)
        .output()
        .unwrap();
    let plain = String::from_utf8_lossy(&plain.stdout).into_owned();
    let names = plain.lines().filter(|line| {
        ["p_", "e_", "s_"]
            .iter()
            .any(|start| line.starts_with(start))
    });
    assert!(names.count() >= 100, "{plain}");
    let run = scratch.0.join("run");
    let output = recorded("bpf", &run, &[], &scratch.0, &words);
    assert_eq!(String::from_utf8_lossy(&output.stdout), plain);
    conserved(&run);
}

fn field(row: Option<&Value>, name: &str) -> u64 {
    row.and_then(|row| row[name].as_u64()).unwrap_or(0)
}

fn file<'v>(files: &'v Value, name: &str) -> Option<&'v Value> {
    rows(files).iter().find(|row| {
        row["path"]
            .as_str()
            .is_some_and(|path| path.ends_with(name))
    })
}

/// Another thread rewrites the name all the time: what was opened is told by the kernel's own object, every time.
#[test]
fn paths_of_opens_are_true_whoever_rewrites_them() {
    let scratch = Scratch::new("rewrite");
    let Some(program) = compiled("hard", &scratch) else {
        return;
    };
    for recorder in recorders() {
        let times = if *recorder == "bpf" { "20000" } else { "2000" };
        let run = scratch.0.join(recorder);
        let words = [program.to_str().unwrap(), "rewrite", times];
        let output = recorded(recorder, &run, &[], &scratch.0, &words);
        let truth = truth(&output);
        let files = show(&run, "files");
        for (key, name) in [("a", "/a-file"), ("b", "/b-file")] {
            assert_eq!(
                field(file(&files, name), "opens"),
                truth[key].as_u64().unwrap(),
                "{recorder}: {name}"
            );
        }
        conserved(&run);
    }
}

/// Names of every length have their true paths, also in a folder that has another name meanwhile, on a mount, and at the top.
#[test]
fn paths_are_whole_whatever_their_names_are() {
    let scratch = Scratch::new("names");
    let root = fs::canonicalize(&scratch.0).unwrap().join("files");
    // Short names lie in the kernel's own object, up to 31, 35 or 39 bytes; longer ones elsewhere.
    let lengths = [
        1, 7, 8, 23, 24, 31, 32, 33, 35, 36, 38, 39, 40, 41, 100, 255,
    ];
    for len in lengths {
        let folder = root.join("d".repeat(len)).join("x");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("f".repeat(len)), "1").unwrap();
    }
    let script =
        "cat */x/* >/dev/null; mv d renamed; cat renamed/x/f >/dev/null; cd /; ls / >/dev/null";
    for recorder in recorders() {
        let run = scratch.0.join(recorder);
        recorded(recorder, &run, &[], &root, &["sh", "-c", script]);
        fs::rename(root.join("renamed"), root.join("d")).unwrap();
        let files = show(&run, "files");
        let opens = |path: &Path| {
            let path = path.to_str().unwrap();
            let row = rows(&files).iter().find(|row| row["path"] == path);
            field(row, "opens")
        };
        for len in lengths {
            let path = root.join("d".repeat(len)).join("x").join("f".repeat(len));
            assert_eq!(opens(&path), 1, "{recorder}: {}", path.display());
        }
        assert_eq!(opens(&root.join("renamed/x/f")), 1, "{recorder}");
        assert_eq!(opens(Path::new("/")), 1, "{recorder}");
        conserved(&run);
    }
}

/// Whether the kernel has what a program of `hard ring...` needs.
fn has_rings(words: &[&str], folder: &Path) -> bool {
    let plain = plain_command(words[0])
        .args(&words[1..])
        .current_dir(folder)
        .output()
        .unwrap();
    if plain.status.code() == Some(77) {
        eprintln!("{}", String::from_utf8_lossy(&plain.stderr));
    }
    plain.status.code() != Some(77)
}

/// Operations with names are as the calls that do the same: with their arguments, also when they fail, and with both ends of a
/// connection.
#[test]
fn operations_of_a_ring_have_their_names() {
    let scratch = Scratch::new("ring-names");
    let Some(program) = compiled("hard", &scratch).filter(|_| is_here("bpf")) else {
        return;
    };
    let words = [program.to_str().unwrap(), "ring-names"];
    let folder = scratch.0.join("work");
    fs::create_dir(&folder).unwrap();
    if !has_rings(&words, &folder) {
        return;
    }
    fs::remove_dir(folder.join("folder")).unwrap();
    let run = scratch.0.join("run");
    let truth = truth(&recorded("bpf", &run, &[], &folder, &words));
    let events = show(&run, "events");
    for (name, arguments) in [
        ("openat", "AT_FDCWD, \"made\", O_RDWR|O_CREAT"),
        ("openat", "AT_FDCWD, \"missing\", O_RDONLY"),
        ("renameat2", "AT_FDCWD, \"made\", AT_FDCWD, \"renamed\", 0"),
        ("unlinkat", "AT_FDCWD, \"renamed\", 0"),
        ("mkdirat", "AT_FDCWD, \"folder\", 0750"),
    ] {
        let is_there = rows(&events).iter().any(|row| {
            row["name"] == name
                && row["args"]
                    .as_str()
                    .is_some_and(|text| text.starts_with(arguments))
        });
        assert!(is_there, "{name} {arguments}");
    }
    let port = truth["port"].as_u64().unwrap();
    let net = show(&run, "net");
    let client = rows(&net).iter().find(|row| row["role"] == "client");
    assert_eq!(
        client.and_then(|row| row["remote"].as_str()),
        Some(format!("127.0.0.1:{port}").as_str())
    );
    assert_eq!(field(client, "bytes_sent"), 5);
    assert!(rows(&net).iter().any(|row| row["role"] == "server"));
    conserved(&run);
}

/// Operations that no call shows are there, with file and result.
#[test]
fn operations_of_a_ring_are_events() {
    let scratch = Scratch::new("ring");
    let Some(program) = compiled("hard", &scratch).filter(|_| is_here("bpf")) else {
        return;
    };
    let words = [program.to_str().unwrap(), "ring", "2000"];
    if !has_rings(&words, &scratch.0) {
        return;
    }
    let run = scratch.0.join("run");
    let truth = truth(&recorded("bpf", &run, &[], &scratch.0, &words));
    let files = show(&run, "files");
    let row = file(&files, "/ring-file");
    assert_eq!(
        field(row, "bytes_written"),
        truth["written"].as_u64().unwrap()
    );
    assert_eq!(field(row, "bytes_read"), truth["read"].as_u64().unwrap());
    let descriptors = show(&run, "fds");
    let ends = rows(&descriptors).iter().filter(|row| {
        row["closed_by"] == "close"
            && row["resource"]
                .as_str()
                .is_some_and(|path| path.ends_with("/ring-file"))
    });
    assert_eq!(ends.count(), 1, "the ring closes what it was told to close");
    let view = show_text(
        &run,
        &["events", "--json", "-w", "fd.name endswith /ring-file"],
    );
    let view: Value = serde_json::from_slice(&view).unwrap();
    let operations = rows(&view)
        .iter()
        .filter(|row| row["name"] == "read" || row["name"] == "write");
    assert_eq!(
        operations.count() as u64,
        truth["operations"].as_u64().unwrap()
    );
    conserved(&run);
}

fn counts(run: &Path) -> [u64; 4] {
    let text = fs::read(run.join("run.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&text).expect("JSON");
    ["seen", "recorded", "folded", "lost"].map(|key| manifest["counts"][key].as_u64().unwrap())
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args([name, &pid.to_string()])
        .status()
        .unwrap();
    assert!(sent.success(), "{name} {pid}");
}

/// The recorder stands still for two seconds while threads flood: processes and files are all there, frequent calls are counted
/// exactly, or wait when asked to.
#[test]
fn a_recorder_that_stands_still_loses_nothing() {
    let scratch = Scratch::new("stalled");
    let Some(program) = compiled("hard", &scratch).filter(|_| is_here("bpf")) else {
        return;
    };
    let calls = rounds(400_000, 3_000_000).to_string();
    for (name, options, calls) in [
        ("folds", &["--ring", "1M"][..], calls.as_str()),
        ("waits", &["--ring", "1M", "--lossless"][..], "60000"),
    ] {
        let run = scratch.0.join(name);
        let said = scratch.0.join(format!("{name}.out"));
        let mut recorder = plain_command(unspool())
            .args(["record", "--quiet", "--recorder", "bpf", "-o"])
            .arg(&run)
            .args(options)
            .arg("--")
            .arg(&program)
            .args(["mix", "2", calls])
            .current_dir(&scratch.0)
            .stdout(fs::File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !scratch.0.join("made-03").exists() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        signal(recorder.id(), "-STOP");
        let stopped = Instant::now();
        while stopped.elapsed() < Duration::from_secs(2) {
            std::thread::park_timeout(Duration::from_millis(100));
        }
        signal(recorder.id(), "-CONT");
        assert!(recorder.wait().unwrap().success(), "{name}");
        let truth: Value = serde_json::from_slice(&fs::read(&said).unwrap()).unwrap();
        let [seen, in_full, folded, lost] = counts(&run);
        assert_eq!((seen, lost), (in_full + folded, 0), "{name}");
        assert_eq!(folded > 0, name == "folds", "{name}: {folded}");
        let tree = show(&run, "tree");
        assert_eq!(rows(&tree).len(), 51, "{name}");
        assert!(rows(&tree).iter().all(|row| !row["end_ns"].is_null()));
        let files = show(&run, "files");
        let made = rows(&files).iter().filter(|row| {
            row["path"]
                .as_str()
                .is_some_and(|path| path.contains("/made-"))
        });
        assert_eq!(
            made.count() as u64,
            truth["made"].as_u64().unwrap(),
            "{name}"
        );
        let zero = file(&files, "/dev/zero");
        assert_eq!(
            field(zero, "bytes_read"),
            truth["reads"].as_u64().unwrap(),
            "{name}"
        );
        for file in fs::read_dir(&scratch.0).unwrap().flatten() {
            if file.file_name().to_string_lossy().starts_with("made-") {
                fs::remove_file(file.path()).unwrap();
            }
        }
    }
}

/// A folder of an ordinary user with the program, two capabilities on its file, and a set-user-ID program of root; `None` where
/// the machine has no such thing.
fn folder_of_nobody(scratch: &Scratch) -> Option<PathBuf> {
    let tools = ["setcap", "setpriv", "id"].map(has_tool);
    if !is_root() || !is_here("bpf") || tools.contains(&false) {
        eprintln!("skipped: needs root, to become somebody else");
        return None;
    }
    let folder = scratch.0.join("own");
    fs::create_dir(&folder).unwrap();
    fs::copy(unspool(), folder.join("unspool")).unwrap();
    let shell = format!(
        "cd '{}' && chown {NOBODY}:{NOBODY} . && setcap cap_bpf,cap_perfmon+ep unspool && cp \"$(command -v id)\" raised && chmod 4755 raised",
        folder.display()
    );
    let prepared = Command::new("sh").args(["-c", &shell]).output().unwrap();
    if !prepared.status.success() {
        eprintln!("skipped: {}", String::from_utf8_lossy(&prepared.stderr));
        return None;
    }
    Some(folder)
}

/// An ordinary user whose program file has two capabilities: everything of his own, nothing of others, and set-user-ID programs
/// keep their user and are recorded without what they were given.
#[test]
fn two_capabilities_are_enough() {
    let scratch = Scratch::new("capable");
    let Some(folder) = folder_of_nobody(&scratch) else {
        return;
    };
    let script = "cat /etc/hostname > seen; ./raised -u";
    let said = plain_command("setpriv")
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"])
        .arg(folder.join("unspool"))
        .args(["record", "--quiet", "--recorder", "bpf", "--payload", "64"])
        .args(["-o", "run", "--", "sh", "-c", script])
        .env("HOME", &folder)
        .current_dir(&folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success(), "{errors}");
    assert_eq!(said.stdout, b"0\n", "set-user-ID works");
    let run = folder.join("run");
    conserved(&run);
    let tree = show(&run, "tree");
    assert_eq!(rows(&tree).len(), 3, "{tree}");
    let events = show(&run, "events");
    let of = |name: &str| -> Vec<&Value> {
        let is_it = |row: &&Value| row["exe"].as_str().is_some_and(|exe| exe.ends_with(name));
        let process = rows(&tree).iter().find(is_it);
        let pid = &process.unwrap_or_else(|| panic!("{name}: {tree}"))["pid"];
        let own = rows(&events).iter().filter(|row| row["pid"] == *pid);
        own.collect()
    };
    let shows = |events: &[&Value], call: &str, what: &str| {
        events
            .iter()
            .filter(|row| row["name"] == call)
            .any(|row| row["args"].as_str().is_some_and(|args| args.contains(what)))
    };
    let (own, other) = (of("/cat"), of("/raised"));
    assert!(shows(&own, "openat", "/etc/hostname"), "{own:?}");
    assert!(other.iter().any(|row| row["name"] == "openat"));
    assert!(!shows(&other, "openat", "\""), "{other:?}");
    assert!(!shows(&other, "write", "\""), "{other:?}");
}

/// With these capabilities on its file the program records with ptrace, too: when it is told to, and where BPF fails after all. The
/// job has none of them.
#[test]
fn ptrace_works_with_capabilities_on_the_file() {
    let scratch = Scratch::new("capable");
    let Some(folder) = folder_of_nobody(&scratch) else {
        return;
    };
    let as_nobody = |script: &str| {
        plain_command("setpriv")
            .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"])
            .args(["sh", "-c", script])
            .env("HOME", &folder)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let state = "grep -E '^(Cap|NoNewPrivs)' /proc/self/status; cat /etc/hostname";
    let plain = as_nobody(state);
    // So few descriptors are too few for the programs.
    for (before, recorder) in [("", "ptrace"), ("ulimit -n 20;", "auto")] {
        let script = format!(
            "{before} exec ./unspool record --recorder {recorder} -o run-{recorder} -- sh -c \"{state}\""
        );
        let output = as_nobody(&script);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{recorder}: {said}");
        assert_eq!(output.stdout, plain.stdout, "{recorder}");
        let is_instead = said.contains("recorded with ptrace");
        assert_eq!(is_instead, recorder == "auto", "{said}");
        let run = folder.join(format!("run-{recorder}"));
        conserved(&run);
        let tree = show(&run, "tree");
        assert_eq!(rows(&tree).len(), 3, "{tree}");
        let events = show(&run, "events").to_string();
        assert!(events.contains("/etc/hostname"), "{events}");
    }
    let output = as_nobody("./unspool doctor --json");
    let doctor: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let ptrace = rows(&doctor)
        .iter()
        .find(|row| row["check"] == "recorder ptrace");
    assert_eq!(
        ptrace.map(|row| &row["state"]),
        Some(&"ok".into()),
        "{doctor}"
    );
}

/// Calls that are counted in the kernel are timed by samples when they are many, and by ticks when they wait: what is told of them
/// is what they took.
#[test]
fn counted_calls_have_their_time() {
    let scratch = Scratch::new("slow");
    let Some(program) = compiled("hard", &scratch).filter(|_| is_here("bpf")) else {
        return;
    };
    let run = scratch.0.join("run");
    let words = [program.to_str().unwrap(), "slow", "400000", "40"];
    let truth = truth(&recorded(
        "bpf",
        &run,
        &["--detail", "io"],
        &scratch.0,
        &words,
    ));
    let truth = |key: &str| truth[key].as_u64().unwrap();
    let events = show(&run, "events");
    let of = |is_it: &dyn Fn(&str) -> bool| -> (u64, u64) {
        let folded = rows(&events).iter().filter(|row| {
            let file = row["resource"].as_str().unwrap_or("");
            row["kind"] == "folded" && row["name"] == "read" && is_it(file)
        });
        folded.fold((0, 0), |(calls, ns), row| {
            (
                calls + field(Some(row), "bytes"),
                ns + field(Some(row), "duration_ns"),
            )
        })
    };
    let (quick_bytes, quick_ns) = of(&|file| file == "/dev/zero");
    let (slow_bytes, slow_ns) = of(&|file| file.starts_with("pipe:"));
    assert_eq!((quick_bytes, slow_bytes), (400_000, truth("slow_reads")));
    // Where the time is an estimate, the record says so; 40 writes are all timed.
    let says = |name: &str, file: &str| {
        rows(&events)
            .iter()
            .filter(|row| row["kind"] == "folded" && row["name"] == name)
            .filter(|row| row["resource"].as_str().unwrap_or("").starts_with(file))
            .any(|row| {
                row["args"]
                    .as_str()
                    .is_some_and(|args| args.ends_with(" timed"))
            })
    };
    assert!(says("read", "/dev/zero") && !says("write", "pipe:"));
    // So do sums, whether the tables keep them or the events are read.
    let time = show(&run, "time");
    let note = |view: &Value| view["notes"][0].as_str().unwrap_or("").to_owned();
    assert!(note(&time).contains(" calls is an estimate"), "{time}");
    let read = plain_command(unspool())
        .arg("show")
        .arg(&run)
        .args([
            "time",
            "--json",
            "-w",
            "evt.kind = folded or not evt.kind = folded",
        ])
        .output()
        .unwrap();
    let read = serde_json::from_slice(&read.stdout).expect("JSON");
    assert_eq!(note(&time), note(&read));
    // The loop is more than its calls; a sample that met a change of the CPU stands for seven others.
    let quick = truth("quick_ns");
    assert!(
        quick / 8 < quick_ns && quick_ns < 2 * quick,
        "{quick_ns} of {quick}"
    );
    eprintln!(
        "{quick_ns} ns of {quick}, {slow_ns} ns of {}",
        truth("slow_ns")
    );
    let slow = truth("slow_ns");
    let apart = slow.abs_diff(slow_ns);
    assert!(apart < slow / 5, "{slow_ns} of {slow}");
}

/// An execution that failed has all its arguments, however many.
#[test]
fn a_failed_execution_has_all_its_arguments() {
    let scratch = Scratch::new("arguments");
    for recorder in recorders() {
        let run = scratch.0.join(recorder);
        let script = "(exec /nonexistent/program $(seq 1 400)) || :";
        recorded(recorder, &run, &[], &scratch.0, &["sh", "-c", script]);
        let events = show(&run, "events");
        let failed = rows(&events)
            .iter()
            .find(|row| row["name"] == "execve" && row["resource"] == "/nonexistent/program");
        let shown = failed.and_then(|row| row["args"].as_str()).unwrap_or("");
        assert!(shown.contains("\"399\", \"400\"]"), "{recorder}: {shown}");
        conserved(&run);
    }
}
