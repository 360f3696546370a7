//! Lakes: runs in folders and in buckets of a server that speaks S3, read by the program itself and by other engines.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::export_whole::{reader, script};
use crate::program::{Program, has_engine, is_ci, text};

/// Two recorded runs, the first of which has a name; nothing where the engine is not built.
fn recorded() -> Option<Program> {
    if !has_engine() {
        return None;
    }
    let program = Program::new();
    let job = "cat /etc/passwd | wc -l > n; cat /nonexistent; : > 'odd, \"name\"'";
    for (name, job) in [("first", job), ("", "true")] {
        let mut args = vec!["record", "-q", "--recorder", "ptrace"];
        if !name.is_empty() {
            args.extend(["--name", name]);
        }
        args.extend(["--", "sh", "-c", job]);
        program.run(&args);
    }
    Some(program)
}

/// Rows of a query.
fn rows(program: &Program, args: &[&str]) -> Value {
    let mut all = vec!["query", "--json"];
    all.extend_from_slice(args);
    rows_of(&program.ok(&all))
}

fn rows_of(answer: &str) -> Value {
    let mut answer: Value = serde_json::from_str(answer).expect("JSON");
    answer["rows"].take()
}

/// A server of buckets, by another project.
struct Server {
    child: Child,
    url: String,
    key: String,
    secret: String,
}

impl Server {
    fn start() -> Option<Self> {
        let python = reader("venv/bin/python")?;
        let mut child = Command::new(python)
            .arg(script("s3_server.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says its port");
        let told: Value = serde_json::from_str(&line).expect("JSON");
        let word = |name: &str| told[name].as_str().expect("a word").to_owned();
        Some(Self {
            url: format!("http://127.0.0.1:{}", told["port"]),
            key: word("key"),
            secret: word("secret"),
            child,
        })
    }

    /// The program, with the keys of the server.
    fn command(&self, program: &Program, args: &[&str]) -> Command {
        let mut command = program.command(args);
        command
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", &self.key)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret)
            .env("AWS_REGION", "us-east-1");
        command
    }

    fn ok(&self, program: &Program, args: &[&str]) -> String {
        let output = self
            .command(program, args)
            .output()
            .expect("the program starts");
        assert!(
            output.status.success(),
            "{args:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    fn rows(&self, program: &Program, args: &[&str]) -> Value {
        let mut all = vec!["query", "--json"];
        all.extend_from_slice(args);
        rows_of(&self.ok(program, &all))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with its standard input anyway.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Every file of a run, with its bytes.
fn bytes_of(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for part in ["", "tables", "raw"] {
        for entry in std::fs::read_dir(folder.join(part))
            .into_iter()
            .flatten()
            .flatten()
        {
            if entry.path().is_file() {
                let bytes = std::fs::read(entry.path()).expect("it can be read");
                files.push((Path::new(part).join(entry.file_name()), bytes));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_bucket_gives_runs_back_byte_for_byte_and_answers_queries() {
    let (Some(program), Some(server)) = (recorded(), Server::start()) else {
        return;
    };
    let url = "s3://lake/all/of them";
    let pushed = server.ok(&program, &["runs", "push", url, "@", "first"]);
    assert_eq!(pushed.matches(": pushed").count(), 2, "{pushed}");
    let again = server.ok(&program, &["runs", "push", url, "@", "first"]);
    assert_eq!(again.matches("is there already").count(), 2, "{again}");

    // In place: all, by name, by pattern, and beside a run of this machine.
    let sql =
        "select count(*) as n, sum(bytes) as bytes, count(distinct path) as paths from events";
    let here = rows(&program, &["--all", sql]);
    assert!(here[0]["n"].as_u64() > Some(50), "{here}");
    assert_eq!(server.rows(&program, &["--from", url, sql]), here);
    assert_eq!(server.rows(&program, &[url, sql]), here);
    let day = format!("{url}/runs/host=*/day=2*/*");
    assert_eq!(server.rows(&program, &[&day, sql]), here);
    let first = rows(&program, &["first", sql]);
    assert_eq!(server.rows(&program, &["--from", url, "first", sql]), first);
    let path = "select path, count(*) as n from events where path like '/etc/%' group by path order by 2 desc, 1";
    assert_eq!(
        server.rows(&program, &["--from", url, "fir*", path]),
        rows(&program, &["first", path])
    );
    let listed = server.rows(
        &program,
        &["--from", url, "select id, name from runs order by id"],
    );
    assert_eq!(
        listed,
        rows(
            &program,
            &["--all", "select id, name from runs order by id"]
        )
    );
    let both = server.rows(&program, &[url, "@", "select count(*) as n from runs"]);
    assert_eq!(both[0]["n"], 3);

    // Another machine's store.
    let other = Program::new();
    let pulled = server.ok(&other, &["runs", "pull", url]);
    assert_eq!(pulled.matches(": pulled").count(), 2, "{pulled}");
    for run in listed.as_array().expect("rows") {
        let id = run["id"].as_str().expect("an id");
        let ours = bytes_of(&program.work().join("../store").join(id));
        assert!(ours.len() > 10, "{ours:?}");
        assert_eq!(
            bytes_of(&other.work().join("../store").join(id)),
            ours,
            "{id}"
        );
    }
    let again = server.ok(&other, &["runs", "pull", url]);
    assert_eq!(again.matches("is there already").count(), 2, "{again}");

    // Another state of a run is not written over, in neither direction.
    program.ok(&["runs", "name", "first", "renamed"]);
    let told = |program: &Program, args: &[&str]| {
        let output = server
            .command(program, args)
            .output()
            .expect("the program starts");
        assert!(
            !output.status.success(),
            "{args:?}: {}",
            text(&output.stdout)
        );
        text(&output.stderr)
    };
    assert!(told(&program, &["runs", "push", url, "renamed"]).contains("another state"));
    assert!(told(&program, &["runs", "pull", url]).contains("another state"));
    assert!(told(&program, &["runs", "pull", url, "nothing"]).contains("no run `nothing`"));
    let told = told(&program, &["query", "--from", url, "firts", sql]);
    assert!(told.contains("did you mean `first`?"), "{told}");
}

#[test]
fn keys_of_a_profile_and_a_proxy_lead_to_a_bucket() {
    let (Some(program), Some(server)) = (recorded(), Server::start()) else {
        return;
    };
    let home = program.work().join("home");
    std::fs::create_dir_all(home.join(".aws")).expect("a folder");
    let keys = format!(
        "[lab]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        server.key, server.secret
    );
    std::fs::write(home.join(".aws/credentials"), keys).expect("a file");
    let config = format!(
        "[profile lab]\nregion = us-east-1\nendpoint_url = {}\n",
        server.url
    );
    std::fs::write(home.join(".aws/config"), config).expect("a file");
    let run = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = program.command(args);
        command.env("HOME", &home);
        for (name, value) in variables {
            command.env(name, value);
        }
        command.output().expect("the program starts")
    };
    let push = ["runs", "push", "s3://lake/x", "@"];
    let lab = ("AWS_PROFILE", "lab");
    let output = run(&push, &[lab]);
    assert!(output.status.success(), "{}", text(&output.stderr));

    // Only the proxy knows the server by this name: it is the server itself.
    let far = ("AWS_ENDPOINT_URL", "http://s3.us-east-1.amazonaws.com");
    let plain = ("AWS_ALLOW_HTTP", "true");
    let proxy = ("http_proxy", server.url.as_str());
    let sql = "select count(*) as n from runs";
    let query = ["query", "--json", "--from", "s3://lake/x", sql];
    let output = run(&query, &[lab, far, plain, proxy]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(rows_of(&text(&output.stdout))[0]["n"], 1);

    for (variables, expect) in [
        (&[][..], "there are no keys"),
        (&[("AWS_PROFILE", "labs")], "there is no profile `labs`"),
    ] {
        let output = run(&push, variables);
        let told = text(&output.stderr);
        assert!(!output.status.success() && told.contains(expect), "{told}");
    }
}

#[test]
fn what_a_bucket_refuses_is_told() {
    let (Some(program), Some(server)) = (recorded(), Server::start()) else {
        return;
    };
    let told = |key: (&str, &str), args: &[&str]| {
        let output = server
            .command(&program, args)
            .env(key.0, key.1)
            .output()
            .expect("the program starts");
        assert!(
            !output.status.success(),
            "{args:?}: {}",
            text(&output.stdout)
        );
        let told = text(&output.stderr);
        assert!(!told.contains(&server.secret), "{told}");
        told
    };
    let none = ("LC_ALL", "C");
    let sql = "select 1";
    let push = ["runs", "push", "s3://lake/a"];
    let query = ["query", "--from", "s3://lake/a", sql];
    let gone = ["runs", "push", "s3://gone/a"];
    let id = |id| ("AWS_ACCESS_KEY_ID", id);
    let endpoint = |url| ("AWS_ENDPOINT_URL", url);
    let cases: [(_, &[&str], &str); 8] = [
        (
            id("AKIAIOSFODNN7EXAMPLE"),
            &push,
            "refuses these keys (InvalidAccessKeyId)",
        ),
        (
            ("AWS_SECRET_ACCESS_KEY", "wrong"),
            &query,
            "refuses these keys (SignatureDoesNotMatch)",
        ),
        (id(""), &query, "there are no keys for `s3://lake`"),
        (
            endpoint("http://127.0.0.1:1"),
            &push,
            "cannot reach http://127.0.0.1:1",
        ),
        (
            endpoint("http://example.org"),
            &query,
            "`http://example.org` is not encrypted",
        ),
        (
            endpoint("example.org"),
            &query,
            "`example.org` is no endpoint",
        ),
        (none, &gone, "there is no bucket `gone`"),
        (none, &query, "there is no run `*/*/*` in `s3://lake/a`"),
    ];
    for (variable, args, expect) in cases {
        let told = told(variable, args);
        assert!(told.contains(expect), "{variable:?} {args:?}: {told}");
    }
    let two = told(none, &["query", "s3://lake/a", "s3://gone/a", sql]);
    assert!(!two.is_empty());
    for odd in ["s3://", "s3:///a", "gs://lake/a", "file://host/a"] {
        let told = told(none, &["query", "--from", odd, sql]);
        assert!(told.contains("hint:"), "{odd}: {told}");
    }
    // `--endpoint` wins over the environment.
    let args = [
        "query",
        "--from",
        "s3://lake/a",
        "--endpoint",
        "http://127.0.0.1:2",
        sql,
    ];
    assert!(told(none, &args).contains("cannot reach http://127.0.0.1:2"));
}

#[test]
fn paths_with_patterns_name_runs() {
    let Some(program) = recorded() else {
        return;
    };
    let url = format!("file://{}", program.work().join("lake").display());
    program.ok(&["runs", "push", &url, "@", "first"]);
    let sql = "select count(*) as n, sum(bytes) as bytes from events";
    let here = rows(&program, &["--all", sql]);
    for args in [
        &["lake/runs/*/*/*", sql][..],
        &["lake/runs/host=*/day=2*", sql],
        &["--from", "lake", sql],
        &["--from", &url, "first", "@", sql],
        &[&format!("{url}/runs/*"), sql],
    ] {
        assert_eq!(rows(&program, args), here, "{args:?}");
    }
    let first = rows(&program, &["first", sql]);
    assert_eq!(rows(&program, &["--from", "lake", "first", sql]), first);
    let output = program.run(&["query", "lake/nuts/*", sql]);
    assert!(text(&output.stderr).contains("there is no run in `lake/nuts/*`"));
}

/// Tables, their columns and what orders their rows: texts, times, numbers with and without sign, truths, nothings.
const COMPARED: [(&str, &str, &str); 4] = [
    (
        "events",
        "run, seq, time_ns, duration_ns, pid, command, kind, name, args, result, ret, error, failed, path, bytes, session_id",
        "run, seq",
    ),
    (
        "processes",
        "run, process_id, pid, ppid, command, cmdline, path, exit_code, attached",
        "run, process_id",
    ),
    (
        "accesses",
        "run, process_id, resource_id, path, actions, reads, bytes_read, writes, bytes_written, last_error",
        "run, process_id, resource_id",
    ),
    (
        "links",
        "run, kind, source_id, target_id, source, target, path, first_seq",
        "run, kind, source_id, target_id, first_seq, path",
    ),
];

/// `DuckDB`, Spark and the engine of `unspool` say the same of every row.
#[test]
fn engines_read_equal_rows_of_a_lake() {
    let (Some(program), Some(python)) = (recorded(), reader("venv/bin/python")) else {
        return;
    };
    program.ok(&["runs", "push", "lake", "@", "first"]);
    let asked: serde_json::Map<String, Value> = COMPARED
        .iter()
        .map(|(table, columns, key)| ((*table).to_owned(), serde_json::json!([columns, key])))
        .collect();
    let mut child = Command::new(python)
        .arg(script("engines.py"))
        .arg(program.work().join("lake"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts");
    let stdin = child.stdin.take().expect("a pipe");
    serde_json::to_writer(stdin, &asked).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    let told: Value = serde_json::from_str(told.lines().last().unwrap_or_default()).expect("JSON");
    if let Some(missing) = told["missing"].as_str() {
        assert!(!is_ci(), "{missing} is missing in CI");
        eprintln!("skipped: {missing} is not installed; `.ci/run` installs it");
        return;
    }
    for (table, columns, key) in COMPARED {
        let names = columns
            .split(", ")
            .map(|name| name.rsplit(' ').next().unwrap_or(name));
        let names: Vec<&str> = names.collect();
        let columns = columns
            .replace("time_ns", "cast(time as bigint) as time_ns")
            .replace("run, ", "known.id as run, ");
        let key = key.replace("run, ", "known.id, ");
        let sql = format!(
            "select {columns} from {table} join (select run, id from runs) known using (run) order by {key}"
        );
        let ours = rows(&program, &["--from", "lake", &sql]);
        let ours = ours.as_array().expect("rows");
        assert!(ours.len() >= 4, "{table}: {ours:?}");
        for engine in ["duckdb", "spark"] {
            let theirs = told[engine][table].as_array().expect("rows");
            assert_eq!(theirs.len(), ours.len(), "{engine}: {table}");
            for (theirs, ours) in theirs.iter().zip(ours) {
                // Our JSON doubles backslashes, so that `\\xff` is a byte that is no text.
                let plain = |cell: &Value| match cell {
                    Value::String(text) => Value::from(text.replace("\\\\", "\\")),
                    other => other.clone(),
                };
                let cells: Vec<Value> = names.iter().map(|name| plain(&ours[*name])).collect();
                assert_eq!(theirs, &Value::from(cells), "{engine}: {table}: {ours}");
            }
        }
    }
}
