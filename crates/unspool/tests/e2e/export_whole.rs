//! `unspool export` of whole runs: every form is read back by a reader of another project, and its counts are ours.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Program, has_tool, is_ci, root, text};

/// Processes, pipes, threads, failures, signals, sockets, and names that formats trip over.
const JOB: &str = r#"
for i in 1 2 3; do cat /etc/passwd | wc -c > "out$i"; done
cat /nonexistent 2> /dev/null
sleep 5 & kill $!; wait
cat out1 out2 > 'a"b'\''c<d>&e;f</svg>]]>-->%s'
touch "$(printf 'x\n\t\377\033[31m')"
"#;

/// Where `.ci/run` puts the readers; in CI they have to be there.
pub(crate) fn reader(path: &str) -> Option<PathBuf> {
    let folder = std::env::vars_os()
        .find(|(key, _)| key == "UNSPOOL_READERS")
        .map_or_else(
            || root().join("target/readers"),
            |(_, folder)| folder.into(),
        );
    let found = folder.join(path);
    if found.exists() {
        return Some(found);
    }
    assert!(!is_ci(), "the reader `{path}` is missing in CI");
    eprintln!(
        "skipped: there is no reader `{}`; `.ci/run` installs it",
        found.display()
    );
    None
}

pub(crate) fn script(name: &str) -> PathBuf {
    root().join("crates/unspool/tests/readers").join(name)
}

/// What a script says of a file.
fn told(mut command: Command, script_name: &str, file: &Path) -> Value {
    let output = command
        .arg(script(script_name))
        .arg(file)
        .output()
        .expect("the reader starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("the reader prints JSON");
    if told.get("problems").is_some() {
        assert_eq!(
            told["problems"],
            serde_json::json!([]),
            "{}",
            file.display()
        );
    }
    told
}

/// A file with the last run in a form.
fn exported(program: &Program, form: &str, more: &[&str]) -> PathBuf {
    let file = program.work().join(format!("run.{form}"));
    let path = file.to_string_lossy().into_owned();
    let mut args = vec!["export", "@", "--form", form, "-o", &path];
    args.extend_from_slice(more);
    program.ok(&args);
    file
}

fn recorded() -> Program {
    let program = Program::new();
    program.ok(&["record", "-q", "--", "sh", "-c", JOB]);
    program
}

/// Counts of the events as the view has them.
struct Truth {
    calls: u64,
    failed: u64,
    marks: u64,
    processes: u64,
    with_parent: u64,
    durations_ns: i64,
}

impl Truth {
    fn of(program: &Program, filter: &[&str]) -> Self {
        let mut words = vec!["events"];
        words.extend_from_slice(filter);
        let events = program.rows(&words);
        let tree = program.rows(&["tree"]);
        let is_call = |row: &&Value| row["kind"] == "syscall" || row["kind"] == "library";
        let count = |found: usize| u64::try_from(found).expect("a count");
        Self {
            calls: count(events.iter().filter(is_call).count()),
            failed: count(events.iter().filter(|row| row["errno"].is_string()).count()),
            marks: count(events.iter().filter(|row| !is_call(row)).count()),
            processes: count(tree.len()),
            with_parent: count(tree.iter().filter(|row| row["parent"].is_i64()).count()),
            durations_ns: events
                .iter()
                .filter_map(|row| row["duration_ns"].as_i64())
                .sum(),
        }
    }

    fn is_told_by(&self, told: &Value) {
        assert_eq!(told["slices"], self.calls);
        assert_eq!(told["failed"], self.failed);
        assert_eq!(told["marks"], self.marks);
        assert_eq!(told["processes"], self.processes);
        assert_eq!(told["calls_counted"], self.calls);
        assert_eq!(told["flows"]["fork"], self.with_parent);
        assert_eq!(
            told["deepest"], 0,
            "system calls of a thread do not overlap"
        );
    }
}

#[test]
fn timelines_are_read_with_equal_counts() {
    let program = recorded();
    let truth = Truth::of(&program, &[]);
    assert!(
        truth.calls > 300 && truth.processes >= 10,
        "the job did something"
    );
    if !has_tool("python3") {
        return;
    }
    let file = exported(&program, "chrome-trace", &[]);
    let chrome = told(Command::new("python3"), "read_chrome.py", &file);
    truth.is_told_by(&chrome);
    for kind in ["data", "wait", "exec", "signal"] {
        assert!(
            chrome["flows"][kind].as_u64() >= Some(1),
            "{kind}: {chrome}"
        );
    }
    // `exit_group` has no duration; its slice ends where its process does.
    let total = chrome["total_ns"].as_i64().expect("a number");
    let exits = total - truth.durations_ns;
    assert!((0..10_000_000_000).contains(&exits), "{exits}");
    let Some(python) = reader("venv/bin/python") else {
        return;
    };
    let file = exported(&program, "perfetto", &[]);
    let perfetto = told(Command::new(&python), "read_perfetto.py", &file);
    truth.is_told_by(&perfetto);
    assert_eq!(perfetto["flows"], chrome["flows"]);
    assert_eq!(perfetto["total_ns"], chrome["total_ns"]);
    assert_eq!(perfetto["names"], chrome["names"]);
    assert_eq!(perfetto["threads"], chrome["threads"]);
    assert_eq!(perfetto["with_parent"], truth.with_parent);
    let commands = perfetto["commands"].as_array().expect("a list");
    assert!(commands.iter().any(|command| command == "cat /nonexistent"));
    let paths = perfetto["paths"].as_array().expect("a list");
    assert!(paths.iter().any(|path| path == "/etc/passwd"));
    assert!(
        paths
            .iter()
            .filter_map(Value::as_str)
            .any(|path| path.ends_with("a\"b'c<d>&e;f</svg>]]>-->%s"))
    );
}

/// Real logs of strace and ltrace, with everything that times of logs do: no call crosses another one.
#[test]
fn timelines_of_real_logs_obey_the_rules() {
    /// Longer logs take longer than they tell.
    const LOG_BYTES_MAX: u64 = 600_000;
    if !has_tool("python3") {
        return;
    }
    let python = reader("venv/bin/python");
    for log in crate::corpus::corpus("trace.") {
        let length = std::fs::metadata(&log).map_or(u64::MAX, |found| found.len());
        if length > LOG_BYTES_MAX {
            continue;
        }
        let program = Program::new();
        let imported = program.run(&["import", "-q", &log.to_string_lossy()]);
        if !imported.status.success() {
            continue;
        }
        let truth = Truth::of(&program, &[]);
        let file = exported(&program, "chrome-trace", &[]);
        let chrome = told(Command::new("python3"), "read_chrome.py", &file);
        let shown = log.display();
        assert_eq!(chrome["slices"], truth.calls, "{shown}");
        assert_eq!(chrome["processes"], truth.processes, "{shown}");
        assert_eq!(chrome["calls_counted"], truth.calls, "{shown}");
        if let Some(python) = &python {
            let file = exported(&program, "perfetto", &[]);
            let perfetto = told(Command::new(python), "read_perfetto.py", &file);
            for key in [
                "slices",
                "failed",
                "total_ns",
                "threads",
                "flows",
                "unfinished",
            ] {
                assert_eq!(perfetto[key], chrome[key], "{key} of {shown}");
            }
        }
    }
}

#[test]
fn filters_hold_for_timelines_and_stacks() {
    let program = recorded();
    let filter = ["-w", "proc.name = cat and evt.type = read"];
    let truth = Truth::of(&program, &filter);
    assert!(truth.calls >= 3);
    if has_tool("python3") {
        let file = exported(&program, "chrome-trace", &filter);
        let told = told(Command::new("python3"), "read_chrome.py", &file);
        assert_eq!(told["slices"], truth.calls);
        assert_eq!(told["names"], serde_json::json!(["cat"]));
    }
    let folded = program.ok(&[
        "export", "--form", "folded", "--weight", "calls", filter[0], filter[1],
    ]);
    let sum: u64 = folded.lines().map(value_of).sum();
    assert_eq!(sum, truth.calls);
    assert!(
        folded.lines().all(|line| line.contains(";cat;read ")),
        "{folded}"
    );
    let all = program.ok(&[
        "export", "--form", "folded", "--weight", "calls", "--proc", "cat",
    ]);
    assert!(all.lines().all(|line| line.contains(";cat;")), "{all}");
    let none = program.ok(&["export", "--form", "dot", "--until", "0s"]);
    assert!(!none.contains("->"), "{none}");
}

fn value_of(line: &str) -> u64 {
    let (_, value) = line.rsplit_once(' ').expect("a path and a sum");
    value.parse().expect("a number")
}

#[test]
fn sums_by_path_are_those_of_the_view() {
    let program = recorded();
    let rows = program.rows(&["time"]);
    let sum = |column: &str| {
        rows.iter()
            .filter_map(|row| row[column].as_u64())
            .sum::<u64>()
    };
    for (weight, expected) in [("time", sum("total_ns")), ("calls", sum("calls"))] {
        let folded = program.ok(&["export", "--form", "folded", "--weight", weight]);
        assert_eq!(
            folded.lines().map(value_of).sum::<u64>(),
            expected,
            "{weight}"
        );
    }
    let view = program.rows(&["flame"]);
    let roots = view.iter().filter(|row| row["parent"].is_null());
    let whole: u64 = roots.filter_map(|row| row["calls"].as_u64()).sum();
    assert_eq!(whole, sum("calls"));
    if let Some(inferno) = reader("bin/inferno-flamegraph") {
        let folded = program.ok(&["export", "--form", "folded", "--weight", "calls"]);
        let paths = folded.lines().count();
        let drawn = piped(Command::new(inferno), &folded);
        // The widest box is the whole.
        let count = format!("all ({} samples, 100%)", group(sum("calls")));
        assert!(drawn.contains(&count), "{count}");
        assert!(
            drawn.matches("<title>").count() > paths,
            "a box for each path and those above"
        );
    }
    let speedscope = exported(&program, "speedscope", &[]);
    let written: Value =
        serde_json::from_slice(&std::fs::read(&speedscope).expect("a file")).expect("JSON");
    for (place, expected) in [(0, sum("total_ns")), (1, sum("calls"))] {
        let profile = &written["profiles"][place];
        let weights = profile["weights"].as_array().expect("weights");
        let total: u64 = weights.iter().filter_map(Value::as_u64).sum();
        assert_eq!(total, expected);
        assert_eq!(profile["endValue"], expected);
        assert_eq!(
            profile["samples"].as_array().map(Vec::len),
            Some(weights.len())
        );
    }
    if let Some(schema) = reader("node_modules/speedscope/dist/release/file-format-schema.json") {
        let schema: Value =
            serde_json::from_slice(&std::fs::read(schema).expect("a schema")).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let errors: Vec<String> = validator
            .iter_errors(&written)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    profile_is_read(&program, sum("total_ns"), sum("calls"));
}

/// Speedscope's own importers read four of the forms, and find the sums.
#[test]
fn speedscope_reads_what_it_should_open() {
    let (true, Some(modules)) = (has_tool("node"), reader("node_modules")) else {
        return;
    };
    let program = recorded();
    let rows = program.rows(&["time"]);
    let total_ns: u64 = rows.iter().filter_map(|row| row["total_ns"].as_u64()).sum();
    let calls: u64 = rows.iter().filter_map(|row| row["calls"].as_u64()).sum();
    let read = |form: &str| {
        let file = exported(&program, form, &[]);
        let output = Command::new("node")
            .arg(script("read_speedscope.js"))
            .arg(&modules)
            .arg(&file)
            .output()
            .expect("node starts");
        assert!(output.status.success(), "{form}: {}", text(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        told["profiles"].as_array().expect("profiles").clone()
    };
    let speedscope = read("speedscope");
    assert_eq!(speedscope[0]["total"], total_ns);
    assert_eq!(speedscope[0]["unit"], "nanoseconds");
    assert_eq!(speedscope[1]["total"], calls);
    for form in ["folded", "pprof"] {
        let profiles = read(form);
        assert_eq!(profiles[0]["total"], total_ns, "{form}");
        let names = profiles[0]["names"].as_array().expect("names");
        assert!(names.iter().any(|name| name == "openat"), "{form}");
    }
    // A profile for each thread that spent time in calls, in microseconds.
    let threads = read("chrome-trace");
    let tree = program.rows(&["tree"]);
    assert!(threads.len() > tree.len() / 2 && threads.len() <= tree.len());
    let sum: f64 = threads
        .iter()
        .filter_map(|thread| thread["total"].as_f64())
        .sum();
    let total = Duration::from_nanos(total_ns).as_secs_f64() * 1e6;
    // `exit_group` has time in the trace and none in the view.
    assert!(
        sum >= total * 0.999 && sum < total + 10_000_000.0,
        "{sum} {total}"
    );
}

/// The profile has the paths of the folded stacks.
fn profile_is_read(program: &Program, total_ns: u64, calls: u64) {
    if let (true, Some(modules)) = (has_tool("node"), reader("node_modules")) {
        let file = exported(program, "pprof", &["--weight", "calls"]);
        let mut node = Command::new("node");
        node.env("NODE_PATH", modules);
        let told = told(node, "read_pprof.js", &file);
        assert_eq!(told["sums"][0], total_ns);
        assert_eq!(told["sums"][1], calls);
        assert_eq!(told["first"], "calls");
        let folded = program.ok(&["export", "--form", "folded", "--weight", "calls"]);
        let lines: BTreeMap<String, u64> = folded
            .lines()
            .map(|line| {
                (
                    line.rsplit_once(' ').expect("a sum").0.to_owned(),
                    value_of(line),
                )
            })
            .collect();
        let stacks = told["stacks"].as_object().expect("an object");
        let stacks: BTreeMap<String, u64> = stacks
            .iter()
            .map(|(path, count)| {
                let count = count.as_str().and_then(|count| count.parse().ok());
                (path.replace("\\x3b", ";"), count.expect("a number"))
            })
            .collect();
        assert_eq!(stacks, lines);
    }
}

fn group(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn piped(mut command: Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the reader starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("the reader ends");
    writer.join().expect("it ends").expect("all is read");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn graphs_are_read_with_equal_counts() {
    let program = recorded();
    let files = program.rows(&["files"]);
    let sum = |column: &str| {
        files
            .iter()
            .filter_map(|row| row[column].as_u64())
            .sum::<u64>()
    };
    let tree = program.rows(&["tree"]);
    let children = tree.iter().filter(|row| row["parent"].is_i64()).count();
    let dot = exported(&program, "dot", &[]);
    let mut edges = None;
    if has_tool("gvpr") {
        let counter = "BEG_G { printf(\"%d %d\", nNodes($G), nEdges($G)); }";
        let output = Command::new("gvpr")
            .arg(counter)
            .arg(&dot)
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
        edges = Some(text(&output.stdout));
        let drawn = Command::new("dot")
            .arg("-Tsvg")
            .arg(&dot)
            .output()
            .expect("it starts");
        assert!(drawn.status.success(), "{}", text(&drawn.stderr));
        assert!(
            text(&drawn.stdout).contains("&lt;/svg&gt;"),
            "a name is text"
        );
    }
    let Some(python) = reader("venv/bin/python") else {
        return;
    };
    let file = exported(&program, "graphml", &[]);
    let told = told(Command::new(python), "read_graphml.py", &file);
    assert_eq!(told["directed"], true);
    assert_eq!(told["kinds"]["process"], tree.len());
    assert_eq!(told["counts"]["fork"], children);
    assert_eq!(told["bytes"]["read"], sum("bytes_read"));
    assert_eq!(told["bytes"]["write"], sum("bytes_written"));
    let names = told["names"].as_array().expect("a list");
    assert!(names.iter().any(|name| name == "/etc/passwd"));
    if let Some(edges) = edges {
        assert_eq!(edges, format!("{} {}", told["nodes"], told["edges"]));
    }
}

#[test]
fn a_flame_graph_is_one_safe_picture() {
    let program = recorded();
    let file = exported(&program, "flame", &[]);
    let picture = std::fs::read_to_string(&file).expect("UTF-8");
    for outside in ["http:", "https:", "src=", "href", "@import"] {
        let rest = picture.replace("http://www.w3.org/2000/svg", "");
        assert!(!rest.contains(outside), "nothing is loaded: {outside}");
    }
    if !has_tool("xmllint") {
        return;
    }
    let count = |expression: &str| {
        let output = Command::new("xmllint")
            .args(["--xpath", expression])
            .arg(&file)
            .output()
            .expect("xmllint starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    };
    let drawn: usize = count("count(//*[contains(@class,'f ')])")
        .parse()
        .expect("a number");
    assert!(drawn > 10, "{drawn}");
    let roots = count("sum(//*[contains(@class,'f ') and @y=60]/@data-w)");
    let width: f64 = roots.parse().expect("a number");
    assert!((99.9..=100.1).contains(&width), "{width}");
}

/// A log of a relative clock with a call that never ends, and one that ends after its thread has gone on.
#[test]
fn logs_without_dates_and_ends_have_a_timeline() {
    let program = Program::new();
    let log = program.work().join("log");
    std::fs::write(
        &log,
        "10    0.000000 execve(\"/bin/sh\", [\"sh\"], 0x7ffe /* 2 vars */) = 0 <0.000100>\n\
         10    0.000200 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD) = 11 <0.000100>\n\
         11    0.000200 read(0,  <unfinished ...>\n\
         10    0.000100 openat(AT_FDCWD, \"/etc/x\", O_RDONLY) = 3 <0.000300>\n\
         10    0.000100 close(3) = 0 <0.000050>\n\
         10    0.001000 exit_group(0) = ?\n\
         10    0.000100 +++ exited with 0 +++\n",
    )
    .expect("a file");
    program.ok(&["import", "-q", &log.to_string_lossy()]);
    if !has_tool("python3") {
        return;
    }
    let file = exported(&program, "chrome-trace", &[]);
    let told = told(Command::new("python3"), "read_chrome.py", &file);
    assert_eq!(told["slices"], 6);
    assert_eq!(told["unfinished"], 1);
    let trace: Value =
        serde_json::from_slice(&std::fs::read(&file).expect("a file")).expect("JSON");
    let find = |name: &str| {
        let mut events = trace["traceEvents"].as_array().expect("events").iter();
        events
            .find(|event| event["name"] == name && event["ph"] == "X")
            .expect("the call")
            .clone()
    };
    // Differences of `-r`: the read begins at 400 µs, the run ends at 1700 µs.
    assert_eq!(find("read")["ts"].as_f64(), Some(400.0));
    assert_eq!(find("read")["dur"].as_f64(), Some(1300.0));
    assert_eq!(find("read")["args"]["unfinished"], true);
    // By its times, close began in the middle of openat.
    assert_eq!(find("openat")["ts"].as_f64(), Some(500.0));
    assert_eq!(find("close")["ts"].as_f64(), Some(800.0));
    let notes = trace["otherData"]["notes"].as_str().expect("text");
    assert!(notes.contains("1 calls were never seen to end"), "{notes}");
    assert!(notes.contains("1 calls began"), "{notes}");
}

/// While a run is recorded it has no tables: its bytes are walked twice.
#[test]
fn runs_without_tables_are_exported() {
    let program = Program::new();
    let marker = program.work().join("go-on");
    let job = format!(
        "cat /etc/passwd > /dev/null; while ! test -e {}; do :; done",
        marker.display()
    );
    let mut recorder = program
        .command(&["record", "-q", "--name", "live", "--", "sh", "-c", &job])
        .spawn()
        .expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(30);
    let (folded, said) = loop {
        let output = program.run(&["export", "live", "--form", "folded", "--weight", "bytes"]);
        let folded = text(&output.stdout);
        if output.status.success() && folded.contains("cat;read ") {
            break (folded, text(&output.stderr));
        }
        assert!(Instant::now() < deadline, "the run is never seen: {folded}");
        std::thread::yield_now();
    };
    assert!(said.contains("being recorded"), "{said}");
    assert!(folded.lines().all(|line| value_of(line) > 0));
    let trace = program.ok(&["export", "live", "--form", "chrome-trace"]);
    std::fs::write(&marker, "").expect("a file");
    recorder.wait().expect("it ends");
    let trace: Value = serde_json::from_str(&trace).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events");
    let names = |event: &Value| event["name"] == "process_name" && event["args"]["name"] == "cat";
    assert_eq!(events.iter().filter(|event| names(event)).count(), 1);
    assert!(
        events
            .iter()
            .any(|event| event["args"]["path"] == "/etc/passwd")
    );
}

#[test]
fn bad_wishes_for_whole_runs_are_answered() {
    let program = recorded();
    for (args, words) in [
        (
            &["export", "files", "--form", "dot"][..],
            "there is no run `files`",
        ),
        (
            &["export", "@", "files", "--form", "dot"],
            "one word too many",
        ),
        (
            &["export", "--form", "dot", "-n", "3"],
            "`--limit` means nothing",
        ),
        (&["export", "--form", "perfeto"], "did you mean `perfetto`"),
        (
            &["export", "--form", "dot", "--weight", "calls"],
            "`--weight` means nothing",
        ),
        (
            &["export", "--form", "folded", "--weight", "size"],
            "weights: time, calls, bytes",
        ),
        (
            &["export", "files", "--weight", "calls"],
            "forms of call paths",
        ),
        (
            &["export", "--form", "flame", "-w", "evt.typ = 1"],
            "did you mean",
        ),
    ] {
        let output = program.run(args);
        assert!(!output.status.success(), "{args:?}");
        let said = text(&output.stderr);
        assert!(said.contains(words), "{args:?}: {said}");
    }
    if has_tool("script") {
        let binary = env!("CARGO_BIN_EXE_unspool");
        let output = terminal(&program, "C.UTF-8")
            .args([
                "-qec",
                &format!("{binary} export --form pprof"),
                "/dev/null",
            ])
            .output()
            .expect("script starts");
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stdout);
        assert!(said.contains("no text for a terminal"), "{said}");
    }
}

/// `script`, which gives a command a terminal, in the surroundings of the program.
fn terminal(program: &Program, locale: &str) -> Command {
    let plain = program.command(&["show"]);
    let mut command = Command::new("script");
    for (key, value) in plain.get_envs() {
        if let Some(value) = value {
            command.env(key, value);
        }
    }
    command
        .env("LC_ALL", locale)
        .env("COLUMNS", "80")
        .stdin(Stdio::null())
        .current_dir(program.work());
    command
}

/// The form is what the file's name ends in.
#[test]
fn endings_mean_forms() {
    let program = recorded();
    for (name, begins) in [
        ("a.svg", &b"<?xml"[..]),
        ("a.dot", b"digraph"),
        ("a.graphml", b"<?xml"),
        ("a.pprof", b"\x1f\x8b"),
        ("a.speedscope.json", b"{\"$schema\""),
        ("a.folded", b""),
        ("a.pftrace", b"\n"),
    ] {
        let file = program.work().join(name);
        program.ok(&["export", "-o", &file.to_string_lossy()]);
        let written = std::fs::read(&file).expect("a file");
        assert!(written.starts_with(begins) && !written.is_empty(), "{name}");
    }
}

/// Lines over time are for people: on a terminal, in the characters of its locale.
#[test]
fn seconds_have_lines_on_a_terminal_only() {
    if !has_tool("script") {
        return;
    }
    let program = Program::new();
    let job = "cat /etc/passwd; sleep 2.2; cat /etc/group";
    program.ok(&["record", "-q", "--", "sh", "-c", job]);
    let plain = program.ok(&["show", "time", "--per-second"]);
    assert!(!plain.contains("up to"), "{plain}");
    for (locale, mark) in [("C.UTF-8", '█'), ("C", '@')] {
        let binary = env!("CARGO_BIN_EXE_unspool");
        let shown = format!("{binary} show time --per-second --no-pager");
        let output = terminal(&program, locale)
            .args(["-qec", &shown, "/dev/null"])
            .output()
            .expect("script starts");
        let shown = text(&output.stdout);
        let line = shown
            .lines()
            .find(|line| line.contains("calls  ") && line.contains("up to"))
            .unwrap_or_else(|| panic!("no line: {shown}"));
        assert!(line.contains(mark), "{line}");
        assert!(line.trim_end().chars().count() <= 80, "{line}");
        assert_eq!(line.is_ascii(), locale == "C", "{line}");
    }
}
