//! Every job of `jobs/`, recorded by every recorder, must give what its `truth.json` states.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::{Program, has_tool, root, text};

macro_rules! jobs {
    ($($test:ident $job:literal;)*) => {
        $(
            mod $test {
                #[test]
                fn ptrace() {
                    super::check($job, "ptrace");
                }

                #[test]
                fn bpf() {
                    super::check($job, "bpf");
                }

                #[test]
                fn strace() {
                    super::check($job, "strace");
                }

                #[test]
                fn ltrace() {
                    super::check($job, "ltrace");
                }
            }
        )*

        /// A job without a test would be forgotten.
        #[test]
        fn every_job_is_tested() {
            let tested = [$($job),*];
            for entry in std::fs::read_dir(root().join("jobs")).expect("jobs") {
                let path = entry.expect("an entry").path();
                if path.join("truth.json").exists() {
                    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                    assert!(tested.contains(&name.as_str()), "job `{name}` has no test");
                }
            }
        }
    };
}

jobs! {
    pipe_chain "pipe-chain";
    dup_dance "dup-dance";
    cloexec "cloexec";
    threads_sockets "threads-sockets";
    scm_rights "scm-rights";
    exec_in_thread "exec-in-thread";
    vfork "vfork";
    orphan "orphan";
    signal_death "signal-death";
    big_pipe "big-pipe";
    odd_names "odd-names";
    unlink_open "unlink-open";
    sh_loop "sh-loop";
    compile "compile";
}

fn check(job: &str, recorder: &str) {
    let is_program = matches!(recorder, "strace" | "ltrace");
    if !has_tool("cc") || is_program && !has_tool(recorder) {
        return;
    }
    if recorder == "bpf" && !has_bpf() {
        return;
    }
    let source = root().join("jobs").join(job);
    let truth: Value =
        serde_json::from_slice(&std::fs::read(source.join("truth.json")).expect("a truth"))
            .expect("JSON");
    if let Some(reason) = truth["unsuited"].get(recorder) {
        eprintln!("skipped: {recorder} cannot record `{job}`: {reason}");
        return;
    }
    let program = Program::new();
    let work = program.work();
    let place = |word: &str| {
        word.replace("{work}", &work.to_string_lossy())
            .replace("{source}", &source.to_string_lossy())
    };
    for command in list(&truth["build"]) {
        let words: Vec<String> = list(command)
            .iter()
            .map(|word| place(string(word)))
            .collect();
        let built = Command::new(&words[0])
            .args(&words[1..])
            .current_dir(&work)
            .output()
            .expect("the build command starts");
        assert!(built.status.success(), "{words:?}: {}", text(&built.stderr));
    }
    let mut args: Vec<String> = ["record", "--wait", "all", "--recorder", recorder, "--"]
        .map(str::to_owned)
        .to_vec();
    args.extend(list(&truth["run"]).iter().map(|word| place(string(word))));
    // Files, not pipes: the only pipes are the job's own.
    let say = work.join("..").join("said");
    let status = program
        .command(&args)
        .stdin(std::process::Stdio::null())
        .stdout(std::fs::File::create(&say).expect("a file"))
        .stderr(std::fs::File::create(say.with_extension("err")).expect("a file"))
        .status()
        .expect("the program starts");
    let said = std::fs::read(say.with_extension("err")).expect("it was made");
    let expected = match (&truth["exit"]["code"], &truth["exit"]["signal"]) {
        (Value::Number(code), _) => code.as_i64(),
        (_, Value::Number(signal)) => signal.as_i64().map(|signal| signal + 128),
        _ => None,
    };
    assert_eq!(
        status.code().map(i64::from),
        expected,
        "exit status; {}",
        text(&said)
    );
    check_totals(&program);
    let tree = program.rows(&["tree"]);
    let ids = check_processes(&truth, &tree, &place, recorder);
    if recorder == "ltrace" {
        check_bytes_written(&truth, &program);
        return;
    }
    check_files(&truth, &program, &work, &ids);
    check_pipes(&truth, &program);
    check_connections(&truth, &program);
}

/// What is answered from totals is what every step, which a filter that holds for all lets through, adds up to.
fn check_totals(program: &Program) {
    for view in ["summary", "time"] {
        let quick = program.rows(&[view]);
        let slow = program.rows(&[view, "--where", "evt.num >= 0"]);
        assert_eq!(quick, slow, "{view}");
    }
}

/// Whether this machine allows the BPF recorder.
pub(crate) fn has_bpf() -> bool {
    let output = Program::new().run(&["record", "-q", "--recorder", "bpf", "--", "true"]);
    if !output.status.success() {
        eprintln!("skipped: {}", text(&output.stderr));
    }
    output.status.success()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn string(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// Matches the stated processes with the recorded ones; gives the recorded ids of each stated one.
fn check_processes(
    truth: &Value,
    tree: &[Value],
    place: &dyn Fn(&str) -> String,
    recorder: &str,
) -> BTreeMap<String, Vec<i64>> {
    let mut ids: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut taken = Vec::new();
    for stated in list(&truth["processes"]) {
        let parents = stated["parent"].as_str().map(|parent| ids[parent].clone());
        let fits = |row: &&Value| {
            let id = row["id"].as_i64().expect("an id");
            let parent = row["parent"].as_i64();
            let exe = row["exe"].as_str().unwrap_or_default();
            let name = exe.rsplit('/').next().unwrap_or_default();
            let stated_exe = string(&stated["exe"]);
            !taken.contains(&id)
                && match &parents {
                    None => parent.is_none(),
                    Some(parents) => parent.is_some_and(|parent| parents.contains(&parent)),
                }
                && (hides_image(recorder, row)
                    || (name == stated_exe
                        || name.ends_with(&format!("-{stated_exe}"))
                        || is_alias(name, stated_exe))
                        && (stated["argv"].is_null()
                            || hides_arguments(recorder)
                            || row["argv"] == words(&stated["argv"], place)))
                && row["exit_code"].as_i64() == stated["exit"]["code"].as_i64()
                && row["exit_signal"].as_i64() == stated["exit"]["signal"].as_i64()
                && row["threads"] == stated["threads"]
                && row["execs"].as_i64()
                    == stated["execs"].as_i64().map(|execs| {
                        // The first one is ltrace's own, before its log begins.
                        execs - i64::from(recorder == "ltrace" && parents.is_none())
                    })
        };
        let found: Vec<i64> = tree
            .iter()
            .filter(fits)
            .filter_map(|row| row["id"].as_i64())
            .collect();
        let count = stated["count"].as_u64().expect("a count");
        let found: Vec<i64> = found
            .into_iter()
            .take(usize::try_from(count).expect("small"))
            .collect();
        assert_eq!(
            found.len() as u64,
            count,
            "processes like {stated} in {tree:#?}"
        );
        taken.extend_from_slice(&found);
        ids.insert(string(&stated["id"]).to_owned(), found);
    }
    if truth["processes_exact"] == true {
        assert_eq!(taken.len(), tree.len(), "no other processes: {tree:#?}");
    }
    ids
}

/// What ltrace can see of processes: who made whom, how they ended, threads, and images that a call of the job itself brought.
/// The first image is there before its log begins, and those that inherit it have no name either.
fn hides_image(recorder: &str, row: &Value) -> bool {
    recorder == "ltrace" && row["exe"].as_str().is_none_or(str::is_empty)
}

/// ltrace prints the arguments of an exec as an address.
fn hides_arguments(recorder: &str) -> bool {
    recorder == "ltrace"
}

/// What ltrace can see of files, pipes and connections: how many bytes calls on descriptors moved, not where to. What the
/// job wrote is the sum of what the truth states.
fn check_bytes_written(truth: &Value, program: &Program) {
    let seen: i64 = program
        .rows(&["fds"])
        .iter()
        .filter_map(|row| row["bytes_written"].as_i64())
        .sum();
    let sum = |rows: &Value, key: &str| -> i64 {
        list(rows).iter().filter_map(|row| row[key].as_i64()).sum()
    };
    let stated = sum(&truth["files"], "bytes_written")
        + sum(&truth["connections"], "bytes_sent")
        + truth["pipes"]["bytes_written"].as_i64().unwrap_or(0)
        + truth["elsewhere"]["bytes_written"].as_i64().unwrap_or(0);
    assert_eq!(seen, stated, "bytes written");
}

/// The kernel names the image behind a symbolic link: `sh` is `dash` or `bash`, `cc` is `gcc-12`.
fn is_alias(found: &str, stated: &str) -> bool {
    let targets = ["/bin", "/usr/bin"]
        .iter()
        .filter_map(|folder| std::fs::canonicalize(Path::new(folder).join(stated)).ok());
    targets
        .into_iter()
        .any(|target| target.file_name().is_some_and(|name| name == found))
}

fn words(argv: &Value, place: &dyn Fn(&str) -> String) -> Value {
    Value::Array(
        list(argv)
            .iter()
            .map(|word| Value::String(place(string(word))))
            .collect(),
    )
}

fn check_files(truth: &Value, program: &Program, work: &Path, ids: &BTreeMap<String, Vec<i64>>) {
    let rows = program.rows(&["files"]);
    let prefix = format!("{}/", work.display());
    for stated in list(&truth["files"]) {
        let matching: Vec<&Value> = rows
            .iter()
            .filter(|row| is_path(stated, string(&row["path"]), &prefix))
            .collect();
        assert!(!matching.is_empty(), "{stated} is in {rows:#?}");
        for key in ["bytes_read", "bytes_written", "failed"] {
            let Some(number) = stated.get(key).and_then(Value::as_i64) else {
                continue;
            };
            if stated.get("path_glob").is_some() {
                continue;
            }
            // The statement is about opens and unlinks; other calls may fail too (readlink of a plain file).
            if key == "failed" && number == 0 {
                continue;
            }
            let sum: i64 = matching.iter().filter_map(|row| row[key].as_i64()).sum();
            assert_eq!(sum, number, "{key} of {stated}: {matching:?}");
        }
        for key in ["created", "deleted", "executed"] {
            if let Some(flag) = stated.get(key).and_then(Value::as_bool)
                && stated.get("renamed_to_hex").is_none()
            {
                for row in &matching {
                    let is_set = row[key] == true || row[key].as_i64().is_some_and(|n| n > 0);
                    assert_eq!(is_set, flag, "{key} of {stated}: {row}");
                }
            }
        }
        for (key, kind) in [("read_by", "bytes_read"), ("written_by", "bytes_written")] {
            if let Some(names) = stated.get(key) {
                check_users(program, stated, names, kind, &prefix, ids);
            }
        }
    }
}

/// Processes that read or wrote a file, by the descriptors.
fn check_users(
    program: &Program,
    stated: &Value,
    names: &Value,
    kind: &str,
    prefix: &str,
    ids: &BTreeMap<String, Vec<i64>>,
) {
    let fds = program.rows(&["fds"]);
    let mut users: Vec<i64> = fds
        .iter()
        .filter(|row| is_path(stated, string(&row["resource"]), prefix))
        .filter(|row| row[kind].as_i64().is_some_and(|bytes| bytes > 0))
        .filter_map(|row| row["process"].as_i64())
        .collect();
    users.sort_unstable();
    users.dedup();
    let mut expected: Vec<i64> = list(names)
        .iter()
        .flat_map(|name| ids[string(name)].clone())
        .collect();
    expected.sort_unstable();
    assert_eq!(users, expected, "{kind} of {stated}: {fds:#?}");
}

/// Whether a recorded path (with unprintable bytes escaped as `\xff`) is the stated one.
fn is_path(stated: &Value, path: &str, prefix: &str) -> bool {
    if let Some(hex) = stated.get("path_hex").and_then(Value::as_str) {
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
            .collect();
        let name = unescape(path);
        return name == [prefix.as_bytes(), &bytes].concat();
    }
    if let Some(glob) = stated.get("path_glob").and_then(Value::as_str) {
        let (head, tail) = glob.split_once('*').expect("a star");
        let path = path.strip_prefix(prefix).unwrap_or(path);
        return path.starts_with(head) && path.ends_with(tail.trim_start_matches('*'));
    }
    let name = string(&stated["path"]);
    if name.starts_with('/') {
        path == name
    } else {
        path.strip_prefix(prefix) == Some(name)
    }
}

/// Takes the reversible escaping of `docs/reference/views.md` back.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        match tail {
            [b'x', high, low, after @ ..] => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).expect("ASCII");
                bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
                rest = after;
            }
            [b'n', after @ ..] => {
                bytes.push(b'\n');
                rest = after;
            }
            [b't', after @ ..] => {
                bytes.push(b'\t');
                rest = after;
            }
            [b'r', after @ ..] => {
                bytes.push(b'\r');
                rest = after;
            }
            [other, after @ ..] => {
                bytes.push(*other);
                rest = after;
            }
            [] => {}
        }
    }
    bytes
}

fn check_pipes(truth: &Value, program: &Program) {
    let Some(stated) = truth["pipes"].as_object() else {
        return;
    };
    let fds = program.rows(&["fds"]);
    for key in ["bytes_written", "bytes_read"] {
        let sum: i64 = fds
            .iter()
            .filter(|row| row["kind"] == "pipe")
            .filter_map(|row| row[key].as_i64())
            .sum();
        assert_eq!(Some(sum), stated[key].as_i64(), "{key} of pipes: {fds:#?}");
    }
}

fn check_connections(truth: &Value, program: &Program) {
    let rows = program.rows(&["net"]);
    for stated in list(&truth["connections"]) {
        let role = string(&stated["role"]);
        let matching: Vec<&Value> = rows
            .iter()
            .filter(|row| row["role"] == role)
            .filter(|row| {
                row["protocol"].as_str().is_some_and(|protocol| {
                    protocol
                        .to_lowercase()
                        .starts_with(string(&stated["protocol"]))
                })
            })
            .filter(|row| {
                row["remote"]
                    .as_str()
                    .is_some_and(|remote| remote.starts_with(string(&stated["address"])))
            })
            .collect();
        assert_eq!(
            Some(matching.len() as u64),
            stated["count"].as_u64(),
            "{stated} in {rows:#?}"
        );
        for key in ["bytes_sent", "bytes_received"] {
            let sum: i64 = matching.iter().filter_map(|row| row[key].as_i64()).sum();
            assert_eq!(
                Some(sum),
                stated[key].as_i64(),
                "{key} of {stated}: {matching:#?}"
            );
        }
    }
}
