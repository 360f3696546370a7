//! Records a workload in a process namespace of its own, with a limit on processes, and reads the run back.
#![expect(clippy::disallowed_methods, reason = "tests read the environment")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
#![expect(clippy::print_stderr, reason = "skipped tests say why")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// Exit status by which a workload says that the machine does not allow it.
const SKIPPED: i32 = 77;

/// Most processes that one case may have at a time.
const PIDS_MAX: u32 = 3000;

/// A name that nothing else of this machine has at the time: tests record several workloads at once.
fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("unspool-torture-{name}-{}-{count}", std::process::id())
}

/// A folder that is removed at the end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(unique(name));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn torture() -> &'static str {
    env!("CARGO_BIN_EXE_torture")
}

/// The program under test: `UNSPOOL_BIN`, or the one of the same build, which is made first.
pub(crate) fn unspool() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = std::env::var_os("UNSPOOL_BIN") {
            return PathBuf::from(path);
        }
        let folder = Path::new(torture())
            .parent()
            .expect("a program lies in a folder");
        let profile = folder
            .file_name()
            .and_then(std::ffi::OsStr::to_str)
            .expect("named after the profile");
        let profile = if profile == "debug" { "dev" } else { profile };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args([
                "build",
                "--quiet",
                "--package",
                "unspool",
                "--profile",
                profile,
            ])
            .current_dir(root);
        assert!(
            cargo.status().expect("cargo runs").success(),
            "the binary cannot be built"
        );
        folder.join("unspool")
    })
}

/// A control group with a limit on processes; none where this machine does not let us make one.
struct Group(Option<PathBuf>);

impl Group {
    fn new(name: &str) -> Self {
        for hierarchy in ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"] {
            let folder = Path::new(hierarchy).join(unique(name));
            if fs::create_dir(&folder).is_err() {
                continue;
            }
            if fs::write(folder.join("pids.max"), PIDS_MAX.to_string()).is_ok() {
                return Self(Some(folder));
            }
            drop(fs::remove_dir(&folder));
        }
        eprintln!("{name}: no control group with a limit on processes here");
        Self(None)
    }

    /// Shell text that joins the group and becomes its arguments.
    fn join(&self) -> String {
        let enter = self
            .0
            .as_ref()
            .map(|folder| format!("echo $$ > '{}/cgroup.procs' && ", folder.display()));
        format!("{}exec \"$@\"", enter.unwrap_or_default())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            drop(fs::remove_dir(folder));
        }
    }
}

/// Runs words in their own process namespace and control group.
pub(crate) fn contained(name: &str, words: &[&str]) -> Output {
    let group = Group::new(name);
    let mut command = Command::new("sh");
    command.args(["-c", &group.join(), "sh", "unshare"]);
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(words)
        .stdin(Stdio::null());
    let output = command.output().expect("sh runs");
    drop(group);
    output
}

/// A command that gets nothing but what it needs of the environment of the test, so that nothing of it shows in a run.
pub(crate) fn plain_command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

pub(crate) fn is_root() -> bool {
    fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t")))
}

/// The built-in recorders that this machine allows.
pub(crate) fn recorders() -> &'static [&'static str] {
    static RECORDERS: OnceLock<Vec<&str>> = OnceLock::new();
    RECORDERS.get_or_init(|| {
        let scratch = Scratch::new("recorders");
        let output = Command::new(unspool())
            .args(["record", "--quiet", "--recorder", "bpf", "-o"])
            .arg(scratch.0.join("run"))
            .args(["--", "true"])
            .output()
            .unwrap();
        if output.status.success() {
            return vec!["ptrace", "bpf"];
        }
        eprintln!(
            "skipped for bpf: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        vec!["ptrace"]
    })
}

/// A recorded run and the truth about it.
pub(crate) struct Recorded {
    pub(crate) truth: Value,
    pub(crate) run: PathBuf,
    _scratch: Scratch,
}

/// Records a workload; `None` when the machine does not allow it.
pub(crate) fn record(words: &[&str], options: &[&str]) -> Option<Recorded> {
    let name = words.join("-");
    let scratch = Scratch::new(&name);
    let run = scratch.0.join("run");
    let mut line = vec![
        unspool().to_str().unwrap(),
        "record",
        "--quiet",
        "-o",
        run.to_str().unwrap(),
    ];
    line.extend_from_slice(options);
    line.extend(["--", torture()]);
    line.extend_from_slice(words);
    let output = contained(&name, &line);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(SKIPPED) {
        eprintln!("{errors}");
        return None;
    }
    assert_eq!(output.status.code(), Some(0), "{name}: {errors}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let truth =
        serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
    Some(Recorded {
        truth,
        run,
        _scratch: scratch,
    })
}

/// Reads a view as JSON.
pub(crate) fn show(run: &Path, view: &str) -> Value {
    let output = show_text(run, &[view, "--json"]);
    serde_json::from_slice(&output)
        .unwrap_or_else(|error| panic!("{view}: {error}: {}", String::from_utf8_lossy(&output)))
}

/// Reads a view as bytes.
pub(crate) fn show_text(run: &Path, words: &[&str]) -> Vec<u8> {
    let output = Command::new(unspool())
        .arg("show")
        .arg(run)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "show {words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

pub(crate) fn rows(view: &Value) -> &[Value] {
    view["rows"].as_array().expect("a view has rows")
}

/// Counts rows by a number in them.
fn count_by(rows: &[&Value], key: &str) -> std::collections::BTreeMap<String, u64> {
    let mut counts = std::collections::BTreeMap::new();
    for number in rows.iter().filter_map(|row| row[key].as_u64()) {
        *counts.entry(number.to_string()).or_default() += 1;
    }
    counts
}

/// How often something is tried: the full number with `TORTURE_FULL=1`, else what fits into a minute.
pub(crate) fn rounds(usual: u64, full: u64) -> u64 {
    if std::env::var_os("TORTURE_FULL").is_some_and(|value| value == "1") {
        full
    } else {
        usual
    }
}

/// Whether a program that a test needs is here. CI installs them, so there a missing one is an error.
pub(crate) fn has_tool(name: &str) -> bool {
    let is_here = Command::new("sh")
        .args(["-c", &format!("command -v {name} > /dev/null")])
        .status()
        .is_ok_and(|status| status.success());
    assert!(
        is_here || std::env::var_os("CI").is_none_or(|value| value != "true"),
        "`{name}` is missing"
    );
    if !is_here {
        eprintln!("skipped: no `{name}` here");
    }
    is_here
}

/// What the recorder saw is in the run, all of it: the manifest says so, and the seal counted the same.
pub(crate) fn conserved(run: &Path) {
    let text = fs::read(run.join("run.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&text).expect("JSON");
    let counts = &manifest["counts"];
    let count = |key: &str| counts[key].as_u64().expect("a count");
    assert_eq!(
        count("seen"),
        count("recorded") + count("folded") + count("lost"),
        "{counts}"
    );
    assert_eq!((count("folded"), count("lost")), (0, 0), "{counts}");
    assert!(count("seen") > 0, "{counts}");
    let in_tables = manifest["seal"]["events"].as_u64().expect("a count");
    if in_tables != count("recorded") {
        // Notes of the recorder itself are rows, and no events that it saw.
        let events = show(run, "events");
        let notes = rows(&events).iter().filter(|row| row["kind"] == "note");
        assert_eq!(
            in_tables,
            count("recorded") + notes.count() as u64,
            "the tables hold what was recorded"
        );
    }
}

/// Holds a run against the truth; panics with what differs.
pub(crate) fn compare(recorded: &Recorded) {
    let Recorded { truth, run, .. } = recorded;
    conserved(run);
    let tree = show(run, "tree");
    assert_eq!(tree["state"], "complete", "{truth}");
    assert!(
        tree["losses"]
            .as_object()
            .is_none_or(|losses| losses.values().all(|n| n == 0)),
        "{}",
        tree["losses"]
    );
    let processes = rows(&tree);
    let roots: Vec<&Value> = processes
        .iter()
        .filter(|row| row["parent"].is_null())
        .collect();
    assert_eq!(roots.len(), 1, "one process has no parent: {roots:?}");
    let descendants: Vec<&Value> = processes
        .iter()
        .filter(|row| !row["parent"].is_null())
        .collect();
    for row in processes {
        assert!(!row["end_ns"].is_null(), "ended: {row}");
        assert!(
            row["exit_code"].is_u64() != row["exit_signal"].is_u64(),
            "one kind of end: {row}"
        );
        assert!(
            row["end_ns"].as_i64() >= row["start_ns"].as_i64(),
            "time goes forward: {row}"
        );
    }
    assert_eq!(roots[0]["exit_code"], 0);
    for (key, value) in truth.as_object().expect("the truth is an object") {
        match key.as_str() {
            "processes" => assert_eq!(Some(processes.len() as u64), value.as_u64(), "processes"),
            "threads" | "execs" => assert_eq!(&roots[0][key], value, "{key} of {}", roots[0]),
            "exits" => contains(&count_by(&descendants, "exit_code"), value, "exit status"),
            "kills" => contains(
                &count_by(&descendants, "exit_signal"),
                value,
                "deaths by signal",
            ),
            "calls" => compare_calls(&show(run, "time"), value),
            "writes" => compare_files(&show(run, "files"), value),
            "opened" => {
                let files = show(run, "files");
                assert!(
                    rows(&files).iter().any(|row| &row["path"] == value),
                    "{value} was opened"
                );
            }
            _ => {}
        }
    }
}

fn contains(counts: &std::collections::BTreeMap<String, u64>, expect: &Value, what: &str) {
    for (key, count) in expect.as_object().expect("an object") {
        assert_eq!(
            counts.get(key).copied().unwrap_or(0),
            count.as_u64().unwrap(),
            "{what} {key}: {counts:?}"
        );
    }
}

fn compare_calls(time: &Value, expect: &Value) {
    for (name, count) in expect.as_object().expect("an object") {
        let row = rows(time).iter().find(|row| row["name"] == name.as_str());
        let calls = row.map_or(0, |row| row["calls"].as_u64().unwrap());
        assert_eq!(Some(calls), count.as_u64(), "calls of {name}");
    }
}

fn compare_files(files: &Value, expect: &Value) {
    for (path, bytes) in expect.as_object().expect("an object") {
        let row = rows(files).iter().find(|row| row["path"] == path.as_str());
        assert_eq!(
            row.map(|row| &row["bytes_written"]),
            Some(bytes),
            "bytes written to {path}"
        );
    }
}

/// Gives the bytes of hexadecimal digits.
pub(crate) fn from_hex(digits: &[u8]) -> Vec<u8> {
    let value = |digit: u8| {
        u8::try_from(char::from(digit).to_digit(16).expect("a hexadecimal digit"))
            .expect("below 16")
    };
    digits
        .chunks(2)
        .map(|pair| value(pair[0]) << 4 | value(pair[1]))
        .collect()
}

/// Undoes the escapes of paths in JSON: two backslashes for one, `\n`, `\t`, `\r`, `\xHH` for a byte and `\u{H}` for a character.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut out = Vec::new();
    loop {
        rest = match rest {
            [] => return out,
            [b'\\', b'x', high, low, tail @ ..] => {
                out.extend(from_hex(&[*high, *low]));
                tail
            }
            [b'\\', b'\\', tail @ ..] => {
                out.push(b'\\');
                tail
            }
            [b'\\', letter @ (b'n' | b't' | b'r'), tail @ ..] => {
                out.push(match letter {
                    b'n' => b'\n',
                    b't' => b'\t',
                    _ => b'\r',
                });
                tail
            }
            [b'\\', b'u', b'{', tail @ ..] => {
                let end = tail
                    .iter()
                    .position(|byte| *byte == b'}')
                    .expect("an end of the number");
                let digits = std::str::from_utf8(&tail[..end]).expect("digits");
                let number = u32::from_str_radix(digits, 16).expect("a number");
                let character = char::from_u32(number).expect("a character");
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                &tail[end + 1..]
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
}
