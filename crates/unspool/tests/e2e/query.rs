//! `unspool query` on real runs, with its engine.

use std::io::{Read as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Program, has_engine, is_ci, text};

/// A store with a run that reads, writes, fails and talks.
fn recorded() -> Option<(Program, PathBuf)> {
    if !has_engine() {
        return None;
    }
    let program = Program::new();
    let work = program.work();
    let job = "cat /etc/passwd | grep root > out.txt; cat /etc/passwd > two.txt; \
               cat missing/file; mv out.txt moved.txt; rm two.txt; sleep 0.01";
    program.run(&[
        "record",
        "-q",
        "--recorder",
        "ptrace",
        "--name",
        "one",
        "--",
        "sh",
        "-c",
        job,
    ]);
    Some((program, work))
}

/// Rows of a query.
fn rows(program: &Program, args: &[&str]) -> Vec<Value> {
    let mut all = vec!["query", "--json"];
    all.extend_from_slice(args);
    let answer: Value = serde_json::from_str(&program.ok(&all)).expect("JSON");
    assert_eq!(answer["state"], "complete");
    answer["rows"].as_array().expect("rows").clone()
}

/// What a query that fails says.
fn failure(program: &Program, args: &[&str]) -> String {
    let mut all = vec!["query"];
    all.extend_from_slice(args);
    let output = program.run(&all);
    assert!(
        !output.status.success(),
        "{args:?} is answered: {}",
        text(&output.stdout)
    );
    text(&output.stderr)
}

#[test]
fn queries_agree_with_views() {
    let Some((program, work)) = recorded() else {
        return;
    };
    let events = program.rows(&["events"]);
    let counted = rows(
        &program,
        &["one", "select count(*) as n, max(seq) as last from events"],
    );
    assert_eq!(counted[0]["n"], events.len());
    assert_eq!(counted[0]["last"], events.len() - 1);

    let moved = work.join("moved.txt");
    let moved = moved.to_str().expect("a path of text");
    let sql = "select distinct command, path2 from events where path2 = $path";
    let renamed = rows(&program, &["@", sql, &format!("path={moved}")]);
    assert_eq!(renamed.len(), 1);
    assert_eq!(renamed[0]["command"], "mv");

    // Grouped by text, although the engine groups by ids: every sum is that of a group by other means.
    let by_path = "select path, count(*) as n from events where path is not null group by path";
    for row in rows(&program, &[by_path]) {
        let path = row["path"].as_str().expect("a path");
        let sql = "select count(*) as n from events where concat(path, '') = $path";
        let other = rows(&program, &[sql, &format!("path={path}")]);
        assert_eq!(row["n"], other[0]["n"], "{path}");
    }
}

#[test]
fn every_event_has_its_arguments_and_its_time() {
    let Some((program, _)) = recorded() else {
        return;
    };
    let shown = program.rows(&["events"]);
    let asked = rows(
        &program,
        &["select seq, cast(time as bigint) as ns, name, args, pid, path from events order by seq"],
    );
    assert_eq!(shown.len(), asked.len());
    for (shown, asked) in shown.iter().zip(&asked) {
        assert_eq!(shown["seq"], asked["seq"]);
        assert_eq!(shown["time_ns"], asked["ns"]);
        assert_eq!(shown["name"], asked["name"]);
        assert_eq!(shown["pid"], asked["pid"]);
    }
}

/// Names that are no numbers are in the run, but not among the rows that are cast.
#[test]
fn a_condition_fails_for_rows_and_not_for_other_names() {
    let Some((program, _)) = recorded() else {
        return;
    };
    let sql = "select count(*) as n from events where basename(path) = '1234' and cast(basename(path) as bigint) = 1234";
    let made = program.run(&[
        "record",
        "-q",
        "--recorder",
        "ptrace",
        "--",
        "touch",
        "1234",
    ]);
    assert!(made.status.success());
    let found = rows(&program, &["@", sql]);
    assert!(found[0]["n"].as_u64() >= Some(1), "{found:?}");
    assert_eq!(rows(&program, &["one", sql])[0]["n"], 0);
    let all = "select count(*) as n from events where cast(basename(path) as bigint) = 1234";
    assert!(failure(&program, &["@", all]).contains("Cannot cast"));
}

/// Conditions on times that are not whole microseconds lose nothing.
#[test]
fn times_are_compared_to_the_nanosecond() {
    let Some((program, _)) = recorded() else {
        return;
    };
    let all = rows(
        &program,
        &["select cast(time as bigint) as ns from events order by time"],
    );
    let times: Vec<i64> = all
        .iter()
        .map(|row| row["ns"].as_i64().expect("a time"))
        .collect();
    let at = times[times.len() / 2];
    for (sign, holds) in [
        ("<", (|time, at| time < at) as fn(i64, i64) -> bool),
        ("<=", |time, at| time <= at),
        (">", |time, at| time > at),
        (">=", |time, at| time >= at),
        ("=", |time, at| time == at),
    ] {
        let sql = format!(
            "select count(*) as n from events where time {sign} arrow_cast({at}, 'Timestamp(Nanosecond, None)')"
        );
        let expect = times.iter().filter(|time| holds(**time, at)).count();
        assert_eq!(rows(&program, &[&sql])[0]["n"], expect, "{sign}");
    }
}

#[test]
fn every_saved_query_answers() {
    let Some((program, _)) = recorded() else {
        return;
    };
    let list = program.ok(&["query", "--list"]);
    let mut answered = 0;
    for line in list.lines() {
        let name = line.split_whitespace().next().expect("a name");
        let mut args = vec![name];
        if line.contains("path=...") {
            args.push("path=/etc/passwd");
        }
        if line.contains("session=...") {
            args.push("session=1");
        }
        rows(&program, &args);
        assert!(program.ok(&["query", "--list", name]).contains("select"));
        answered += 1;
    }
    assert_eq!(answered, 29);
    let wrote = rows(&program, &[":elk-execve"]);
    assert!(wrote.iter().any(|row| row["syscall"] == "execve"));
    let failed = rows(&program, &[":failed-opens"]);
    assert!(failed.iter().any(|row| row["error"] == "ENOENT"));
    let chain = rows(&program, &[":critical-path"]);
    assert_eq!(chain[0]["depth"], 0);
    assert!(chain.len() >= 2, "{chain:?}");
    let open = failure(&program, &[":who-wrote"]);
    assert!(open.contains("`:who-wrote` needs `path=...`"), "{open}");
    assert!(failure(&program, &[":who-wrotee"]).contains("did you mean `:who-wrote`?"));
}

#[test]
fn errors_point_into_the_statement() {
    let Some((program, _)) = recorded() else {
        return;
    };
    let said = failure(&program, &["select nam from events"]);
    assert!(
        said.contains("there is no column `nam`\nselect nam from events\n       ^^^\n"),
        "{said}"
    );
    assert!(said.contains("did you mean `name`?"), "{said}");
    let said = failure(&program, &["select 1\nfrom evens"]);
    assert!(said.contains("from evens\n     ^^^^^"), "{said}");
    let said = failure(&program, &["select human_byte(1)"]);
    assert!(said.contains("did you mean `human_bytes`?"), "{said}");
    let said = failure(&program, &["select count( from events"]);
    assert!(said.contains("this is no SQL"), "{said}");
    assert!(failure(&program, &["nothing*", "select 1"]).contains("no run is called"));
    assert!(
        failure(&program, &["-f", "jsn", "select 1 from runs"]).contains("did you mean `json`?")
    );
}

/// Nothing but tables of the runs is read, nothing is written, and no query takes the machine.
#[test]
fn limits_hold() {
    let Some((program, work)) = recorded() else {
        return;
    };
    let out = work.join("out.csv");
    for sql in [
        format!("copy events to '{}'", out.display()),
        "create external table p stored as csv location '/etc/passwd'".to_owned(),
        "create table t as select 1".to_owned(),
        "insert into runs select * from runs".to_owned(),
        "drop table events".to_owned(),
        "set datafusion.execution.batch_size = 1".to_owned(),
    ] {
        assert!(
            failure(&program, &[&sql]).contains("a query can only read"),
            "{sql}"
        );
    }
    assert!(!out.exists());
    for sql in [
        "select * from read_parquet('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from \"/etc/passwd\"",
        "select * from 'file:///etc/passwd'",
    ] {
        let said = failure(&program, &[sql]);
        assert!(said.contains("there is no"), "{sql}: {said}");
    }
    let said = failure(
        &program,
        &[
            "--memory",
            "2M",
            "select a.args, b.args, count(*) from events a cross join events b group by a.args, b.args",
        ],
    );
    assert!(said.contains("more memory than it may use"), "{said}");
    let said = failure(
        &program,
        &[
            "--timeout",
            "500ms",
            "select count(*) from events a cross join events b cross join events c cross join events d where a.args < b.args",
        ],
    );
    assert!(said.contains("longer than 0.5 s"), "{said}");
    let said = failure(
        &program,
        &[
            "--timeout",
            "500ms",
            "with recursive r as (select 1 as n union all select n + 1 from r) select count(*) from r",
        ],
    );
    assert!(
        said.contains("longer than 0.5 s") || said.contains("memory"),
        "{said}"
    );
}

#[test]
fn forms_hold_the_same_rows() {
    let Some((program, work)) = recorded() else {
        return;
    };
    let sql = "select name, count(*) as n, avg(duration_ns) as mean from events group by name order by n desc, name";
    let expect = rows(&program, &[sql]);
    let lines = program.ok(&["query", "-f", "jsonl", sql]);
    assert_eq!(lines.lines().count(), expect.len() + 1);
    let csv = program.ok(&["query", "-f", "csv", sql]);
    assert_eq!(csv.lines().next(), Some("name,n,mean"));
    assert_eq!(csv.lines().count(), expect.len() + 1);
    let table = program.ok(&["query", sql]);
    assert!(table.starts_with("name"), "{table}");
    assert!(program.ok(&["query", "-f", "md", sql]).contains("| name "));
    for name in ["answer.parquet", "answer.arrow"] {
        let path = work.join(name);
        program.ok(&["query", "-o", path.to_str().expect("text"), sql]);
        let bytes = std::fs::read(&path).expect("it is written");
        let magic: &[u8] = if name.ends_with("parquet") {
            b"PAR1"
        } else {
            b"ARROW1"
        };
        assert!(bytes.starts_with(magic) && bytes.ends_with(magic), "{name}");
    }
}

#[test]
fn several_runs_are_one_table() {
    let Some((program, _)) = recorded() else {
        return;
    };
    program.ok(&[
        "record",
        "-q",
        "--recorder",
        "ptrace",
        "--name",
        "two",
        "--",
        "true",
    ]);
    let sql = "select run, count(*) as n from events group by run order by run";
    for args in [vec!["--all", sql], vec!["one", "two", sql], vec!["*", sql]] {
        let counted = rows(&program, &args);
        assert_eq!(counted.len(), 2, "{args:?}");
        assert_eq!(counted[0]["run"], "one");
        assert_eq!(counted[0]["n"], program.rows(&["one", "events"]).len());
        assert_eq!(counted[1]["n"], program.rows(&["two", "events"]).len());
    }
    let two = rows(
        &program,
        &[
            "--all",
            "select distinct command from events where run = 'two'",
        ],
    );
    assert!(two.iter().all(|row| row["command"] != "cat"), "{two:?}");
    let path = "select process_path(run, process_id) as p from processes where command = 'grep'";
    let paths = rows(&program, &["--all", path]);
    let found = paths[0]["p"].as_str().expect("a path");
    assert!(found.ends_with("sh/grep"), "{found}");
    let said = failure(
        &program,
        &["--all", "select process_path(process_id) from processes"],
    );
    assert!(said.contains("process_path(run, process_id)"), "{said}");
}

/// A run that is still being recorded, and one whose recorder was killed, are answered from what is there.
#[test]
fn unfinished_runs_are_answered() {
    if !has_engine() {
        return;
    }
    let program = Program::new();
    let mut recorder = program
        .command(&[
            "record",
            "-q",
            "--recorder",
            "ptrace",
            "--",
            "sh",
            "-c",
            "cat /etc/passwd; exec sleep 60",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the recorder starts");
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut found = Value::Null;
    while Instant::now() < deadline && found.is_null() {
        let output = program.run(&[
            "query",
            "--json",
            "@",
            "select command, count(*) as n from events where command = 'sleep' group by command",
        ]);
        if output.status.success() {
            let answer: Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
            if answer["rows"]
                .as_array()
                .is_some_and(|rows| !rows.is_empty())
            {
                found = answer;
            }
        }
    }
    assert_eq!(found["state"], "recording", "{found}");
    recorder.kill().expect("it can be killed");
    recorder.wait().expect("it ends");
    let answer = program.ok(&["query", "--json", "@", "select count(*) as n from events"]);
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["state"], "incomplete");
    assert!(
        answer["rows"][0]["n"].as_i64().is_some_and(|n| n > 10),
        "{answer}"
    );
}

/// Without its engine the command says how to get it.
#[test]
fn a_missing_engine_is_named() {
    let program = Program::new();
    program.ok(&["record", "-q", "--recorder", "ptrace", "--", "true"]);
    let alone = program.work().join("unspool");
    std::fs::copy(env!("CARGO_BIN_EXE_unspool"), &alone).expect("it can be copied");
    let output = Command::new(&alone)
        .args(["query", "select 1 from runs"])
        .env_clear()
        .envs(
            program
                .command(&["x"])
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("PATH", "/nonexistent")
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(127));
    let said = text(&output.stderr);
    assert!(
        said.contains("`cargo build --profile engine -p unspool-query`"),
        "{said}"
    );
}

/// A query that does not end by itself.
const ENDLESS: &str = "select count(*) from events a cross join events b cross join events c cross join events d where a.args < b.args;";

/// What is typed, what is waited for, and what is typed again until it comes.
const TYPED: [(&str, &str, &[u8]); 9] = [
    ("", "", b""),
    ("select 40 +", "...> ", b""),
    ("2 as", "...> ", b""),
    ("answer;", "42", b""),
    ("\\d runs", "`complete`, `incomplete`, `recording`", b""),
    ("select nam from events;", "did you mean `name`?", b""),
    (ENDLESS, "the query was cancelled", b"\x03"),
    ("\\timing", "timing is on", b""),
    (":elk-chart-sessions", "1 rows in", b""),
];

/// The prompt on a terminal: statements over several lines, commands, errors, Ctrl-C, history.
#[test]
fn the_prompt_answers() {
    let Some((program, work)) = recorded() else {
        return;
    };
    if Command::new("script").arg("--version").output().is_err() {
        assert!(!is_ci(), "script of bsdutils");
        eprintln!("skipped: no `script`, which makes a terminal");
        return;
    }
    // Else a Ctrl-C throws away what the terminal still holds, an answer just written among it.
    let line = format!(
        "stty noflsh; exec '{}' query one",
        env!("CARGO_BIN_EXE_unspool")
    );
    let mut child = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .envs(
            program
                .command(&["x"])
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("XDG_STATE_HOME", &work)
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = child.stdout.take().expect("a pipe");
    let (send, receive) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(len @ 1..) = stdout.read(&mut bytes) {
            if send.send(bytes[..len].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut seen = String::new();
    let mut until = |wanted: &str, stdin: &mut dyn Write, again: &[u8]| {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !seen.contains(wanted) {
            assert!(Instant::now() < deadline, "no `{wanted}` in: {seen}");
            match receive.recv_timeout(Duration::from_millis(500)) {
                Ok(bytes) => seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => stdin.write_all(again).expect("it listens"),
            }
        }
        let end = seen.find(wanted).expect("it was seen") + wanted.len();
        seen.drain(..end);
    };
    // What is typed before the prompt is there is thrown away by the terminal.
    for (line, answer, again) in TYPED {
        if !line.is_empty() {
            stdin.write_all(line.as_bytes()).expect("it listens");
            stdin.write_all(b"\n").expect("it listens");
        }
        until(answer, &mut stdin, again);
        if answer != "...> " {
            until("unspool> ", &mut stdin, b"");
        }
    }
    stdin.write_all(b"\\q\n").expect("it listens");
    assert!(child.wait().expect("it ends").success());
    drop(stdin);
    reader.join().expect("it ends");
    let history = work.join("unspool/query-history");
    let mode = std::fs::metadata(&history)
        .expect("the history is kept")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let history = std::fs::read_to_string(history).expect("text");
    assert!(history.contains("select nam from events;"), "{history}");
}

/// The filter language and its SQL let the same events through, whatever the expression.
#[test]
fn filters_and_their_sql_agree() {
    let Some((program, _)) = recorded() else {
        return;
    };
    let mut random = Random(0x5eed);
    for round in 0..60 {
        let expression = random.expression(3);
        let shown = program.rows(&["one", "events", "-w", &expression]);
        let asked = rows(&program, &["one", "-w", &expression]);
        let numbers = |rows: &[Value]| -> Vec<i64> {
            rows.iter()
                .map(|row| row["seq"].as_i64().expect("a number"))
                .collect()
        };
        assert_eq!(
            numbers(&shown),
            numbers(&asked),
            "round {round}: {expression}"
        );
    }
}

const TEXTS: [&str; 14] = [
    "evt.type",
    "evt.kind",
    "evt.category",
    "evt.args",
    "evt.res",
    "evt.action",
    "proc.name",
    "proc.exe",
    "proc.cmdline",
    "proc.pname",
    "fd.name",
    "fd.name2",
    "fd.directory",
    "fd.type",
];
const WORDS: [&str; 14] = [
    "read",
    "openat",
    "/etc/passwd",
    "/etc",
    "cat",
    "sh",
    "ENOENT",
    "SUCCESS",
    "file",
    "mv",
    "'a b'",
    "\"it's\"",
    "o",
    "syscall",
];
const NUMBERS: [&str; 10] = [
    "evt.num",
    "evt.rawres",
    "evt.bytes",
    "evt.latency",
    "proc.ppid",
    "proc.id",
    "fd.num",
    "proc.nthreads",
    "proc.exit",
    "fd.session",
];
const FLAGS: [&str; 4] = [
    "evt.failed",
    "evt.is_io_read",
    "evt.is_io_write",
    "fd.claimed",
];

/// Makes expressions. The same every time, so that a failure comes again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        // xorshift64 (Marsaglia 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("a small number")
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }

    fn expression(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 1 } else { 4 }) {
            0 => self.comparison(),
            1 => format!("not ({})", self.expression(depth - 1)),
            2 => format!(
                "({} and {})",
                self.expression(depth - 1),
                self.expression(depth - 1)
            ),
            _ => format!(
                "({} or {})",
                self.expression(depth - 1),
                self.expression(depth - 1)
            ),
        }
    }

    fn comparison(&mut self) -> String {
        match self.below(8) {
            0 => format!("{} exists", self.one(&TEXTS)),
            1 => format!("{} exists", self.one(&NUMBERS)),
            2 => self.one(&FLAGS).to_owned(),
            3 => format!("{} = {}", self.one(&FLAGS), self.one(&["true", "false"])),
            4 => format!(
                "{} {} {}",
                self.one(&NUMBERS),
                self.one(&["=", "!=", "<", "<=", ">", ">="]),
                self.one(&["0", "1", "3", "-2", "100", "0x10"])
            ),
            5 => format!("{} in (0, 3, {})", self.one(&NUMBERS), self.below(200)),
            6 => format!(
                "{} in ({}, {})",
                self.one(&TEXTS),
                self.one(&WORDS),
                self.one(&WORDS)
            ),
            _ => format!(
                "{} {} {}",
                self.one(&TEXTS),
                self.one(&[
                    "=",
                    "!=",
                    "<",
                    ">=",
                    "contains",
                    "icontains",
                    "startswith",
                    "endswith"
                ]),
                self.one(&WORDS)
            ),
        }
    }
}
