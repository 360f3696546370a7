//! `unspool export --tables`: what other programs read in the files is what `unspool query` finds in the run.

use std::process::Command;

use serde_json::Value;

use crate::export_whole::{reader, script};
use crate::program::{Program, has_engine, text};

const JOB: &str = "cat /etc/passwd | wc -l > n; cat /nonexistent; printf 'a,\"b\"\\n' > 'odd, \"name\"'; ls -l / > /dev/null";

/// A recorded run; nothing where the engine is not built.
fn recorded() -> Option<Program> {
    if !has_engine() {
        return None;
    }
    let program = Program::new();
    program.run(&[
        "record",
        "-q",
        "--recorder",
        "ptrace",
        "--",
        "sh",
        "-c",
        JOB,
    ]);
    Some(program)
}

fn rows(program: &Program, sql: &str) -> Vec<Value> {
    let answer: Value =
        serde_json::from_str(&program.ok(&["query", "--json", "@", sql])).expect("JSON");
    answer["rows"].as_array().expect("rows").clone()
}

#[test]
fn other_programs_read_the_same_rows() {
    let Some(program) = recorded() else {
        return;
    };
    let Some(python) = reader("venv/bin/python") else {
        return;
    };
    let work = program.work();
    for form in ["parquet", "arrow", "csv", "jsonl"] {
        program.ok(&["export", "--tables", "--form", form, "-o", form]);
    }
    program.ok(&["export", "--tables", "-o", "run.sqlite"]);
    let output = Command::new(python)
        .arg(script("tables.py"))
        .arg(&work)
        .output()
        .expect("python starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let tables = [
        "runs",
        "events",
        "processes",
        "execs",
        "sessions",
        "descriptors",
        "accesses",
        "resources",
        "links",
        "samples",
    ];
    for table in tables {
        let counted = rows(&program, &format!("select count(*) as n from {table}"));
        let expect = &counted[0]["n"];
        for reader in [
            "duckdb parquet",
            "duckdb csv",
            "duckdb jsonl",
            "pyarrow parquet",
            "pyarrow arrow",
            "sqlite",
        ] {
            assert_eq!(&told[reader][table], expect, "{reader}: {table}");
        }
    }
    let sums = rows(
        &program,
        "select sum(bytes) as bytes, count(distinct path) as paths, count(*) filter (where failed) as failed from events",
    );
    let expect = serde_json::json!([sums[0]["bytes"], sums[0]["paths"], sums[0]["failed"]]);
    assert_eq!(told["sums"], serde_json::json!([expect, expect]));
    // The shell, cat and wc, cat, ls at least.
    assert!(told["sqlite"]["processes"].as_u64() >= Some(4));
    assert!(told["sums"][0][2].as_u64() >= Some(1), "{told}");
}

#[test]
fn documents_of_elkpump_have_its_keys() {
    let Some(program) = recorded() else {
        return;
    };
    program.ok(&["export", "--shape", "elkpump", "-o", "calls.jsonl"]);
    let written =
        std::fs::read_to_string(program.work().join("calls.jsonl")).expect("it was written");
    let documents: Vec<Value> = written
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let calls = rows(
        &program,
        "select count(*) as n, sum(bytes) as bytes from events where kind = 'syscall'",
    );
    assert_eq!(Some(documents.len() as u64), calls[0]["n"].as_u64());
    for document in &documents {
        for key in [
            "epoch",
            "syscall",
            "args",
            "rc",
            "pid",
            "tracefile",
            "u_epoch",
            "@timestamp",
        ] {
            assert!(!document[key].is_null(), "{key}: {document}");
        }
    }
    let moved: u64 = documents
        .iter()
        .filter_map(|document| document["size"].as_u64())
        .sum();
    assert_eq!(Some(moved), calls[0]["bytes"].as_u64());
    opened_and_read_in_one_session(&documents);
    pipes_and_copies_have_both_ends(&documents);
}

fn opened_and_read_in_one_session(documents: &[Value]) {
    let opened = documents
        .iter()
        .find(|document| document["r_objectname"] == "/etc/passwd")
        .expect("it was opened");
    assert_eq!(opened["rc"], opened["r_fd"].to_string());
    assert_eq!(opened["dirfd"], "AT_FDCWD");
    assert!(
        opened["flags"]
            .as_str()
            .is_some_and(|flags| flags.starts_with("O_RDONLY"))
    );
    let read = documents
        .iter()
        .find(|document| document["syscall"] == "read" && document["objectname"] == "/etc/passwd")
        .expect("it was read");
    assert_eq!(read["sessionid"], opened["sessionid"]);
    assert!(
        documents
            .iter()
            .any(|document| document["rc"] == "-1 ENOENT")
    );
}

fn pipes_and_copies_have_both_ends(documents: &[Value]) {
    let piped = documents
        .iter()
        .find(|document| !document["fd2"].is_null())
        .expect("the shell made a pipe");
    assert_ne!(piped["fd1"], piped["fd2"]);
    assert!(
        piped["object1"]
            .as_str()
            .is_some_and(|name| name.starts_with("pipe:[")),
        "{piped}"
    );
    assert!(piped["r_fd"].is_null(), "{piped}");
    let copied = documents
        .iter()
        .find(|document| document["syscall"] == "dup2" && document["rc"] == "1")
        .expect("a pipe becomes standard output");
    assert_ne!(copied["fd"], 1, "{copied}");
    assert_eq!(copied["r_fd"], 1, "{copied}");
    assert_eq!(copied["n_fd"], "1", "{copied}");
    let ran = documents
        .iter()
        .find(|document| !document["command"].is_null())
        .expect("programs were run");
    assert!(
        ran["command"]
            .as_str()
            .is_some_and(|path| path.starts_with('/')),
        "{ran}"
    );
}

#[test]
fn what_cannot_be_is_told() {
    let program = Program::new();
    let told = |args: &[&str]| {
        let output = program.run(args);
        assert!(!output.status.success(), "{args:?}");
        text(&output.stderr)
    };
    assert!(told(&["export", "--tables"]).contains("`--tables` needs a place"));
    assert!(
        told(&["export", "--tables", "--form", "xls", "-o", "x"])
            .contains("forms: parquet, arrow, csv")
    );
    assert!(
        told(&["export", "--tables", "@", "files", "-o", "x"])
            .contains("`files` is one word too many")
    );
    assert!(told(&["export", "--shape", "elk", "-o", "x.jsonl"]).contains("`--shape elkpump`"));
    assert!(told(&["export", "--shape", "elkpump", "-o", "x.csv"]).contains("lines of JSON"));
}

/// What `DuckDB` finds in a lake: rows of `events` by run, and bytes.
const LAKE: &str = r#"
import json, sys, duckdb
sql = """select host, cast(day as varchar), run, count(*), coalesce(sum(bytes), 0)::bigint
         from read_parquet('%s/events/*/*/*/*.parquet', hive_partitioning = true) group by all order by run"""
print(json.dumps(duckdb.connect().execute(sql % sys.argv[1]).fetchall()))
"#;

#[test]
fn a_lake_gives_runs_back_and_other_programs_read_it() {
    let Some(program) = recorded() else {
        return;
    };
    program.run(&["record", "-q", "--recorder", "ptrace", "--", "true"]);
    let lake = program.work().join("lake");
    let url = format!("file://{}", lake.display());
    assert!(
        program
            .ok(&["runs", "push", &url, "@", "@1"])
            .contains("pushed")
    );
    // Again: nothing to do.
    let again = program.ok(&["runs", "push", &url, "@", "@1"]);
    assert_eq!(again.matches("is there already").count(), 2, "{again}");

    // Another machine's store.
    let other = Program::new();
    assert_eq!(
        other.ok(&["runs", "pull", &url]).matches("pulled").count(),
        2
    );
    for run in ["@", "@1"] {
        assert_eq!(
            program.ok(&["show", run, "events", "--json"]),
            other.ok(&["show", run, "events", "--json"])
        );
    }
    assert!(
        other
            .ok(&["runs", "pull", &url])
            .contains("is there already")
    );

    // The same rows by the engine in place, and by DuckDB in the readable files.
    let place = |run: &Value| -> String {
        let found = walk(
            &lake.join("runs"),
            &format!("run={}", run.as_str().expect("an id")),
        );
        found.expect("it was pushed").display().to_string()
    };
    let runs = rows(&program, "select id from runs");
    let in_place = place(&runs[0]["id"]);
    let answer: Value = serde_json::from_str(&program.ok(&[
        "query",
        "--json",
        &in_place,
        "select count(*) as n, sum(bytes) as bytes from events",
    ]))
    .expect("JSON");
    if let Some(python) = reader("venv/bin/python") {
        let output = Command::new(python)
            .args(["-c", LAKE])
            .arg(&lake)
            .output()
            .expect("python starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(told.as_array().map(Vec::len), Some(2), "{told}");
        let ours = told
            .as_array()
            .expect("rows")
            .iter()
            .find(|row| row[2] == runs[0]["id"]);
        let ours = ours.expect("the run is there");
        assert_eq!(ours[3], answer["rows"][0]["n"]);
        assert_eq!(
            ours[4].as_u64().unwrap_or(0),
            answer["rows"][0]["bytes"].as_u64().unwrap_or(0)
        );
    }

    // A broken attempt is taken up; another state of a run is not written over.
    program.ok(&["runs", "name", "@", "renamed"]);
    let refused = program.run(&["runs", "push", &url, "@"]);
    assert!(
        text(&refused.stderr).contains("another state of this run"),
        "{}",
        text(&refused.stderr)
    );
    let third = Program::new();
    assert!(
        text(&third.run(&["runs", "pull", &url, "nothing"]).stderr)
            .contains("there is no run `nothing`")
    );
}

/// The folder of this name below another.
fn walk(folder: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.ends_with(name) {
            return Some(path);
        }
        if path.is_dir()
            && let Some(found) = walk(&path, name)
        {
            return Some(found);
        }
    }
    None
}
