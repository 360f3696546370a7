//! The two engines as processes that are asked again and again.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Memory that a query of ours may use.
const MEMORY_BYTES: u64 = 4 << 30;

/// Starts a program that is asked on its standard input and answers on its standard output.
fn piped(command: &mut Command) -> std::io::Result<(Child, ChildStdin, BufReader<ChildStdout>)> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (input, output) = child
        .stdin
        .take()
        .zip(child.stdout.take())
        .ok_or_else(|| std::io::Error::other("it has no pipes"))?;
    Ok((child, input, BufReader::new(output)))
}

/// `unspool-query`, spoken to as `unspool query` does.
pub(super) struct Ours {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Ours {
    /// Starts it and opens the run in a folder.
    pub(super) fn start(program: &Path, run: &Path, threads: usize) -> Result<Self, String> {
        let (child, input, output) = piped(Command::new(program).arg("--serve"))
            .map_err(|error| format!("start `{}`: {error}", program.display()))?;
        let mut engine = Self {
            child,
            input,
            output,
        };
        let manifest = std::fs::read_to_string(run.join("run.json"))
            .map_err(|error| format!("read the manifest of `{}`: {error}", run.display()))?;
        let manifest: Value = serde_json::from_str(&manifest).map_err(|error| error.to_string())?;
        let present: Vec<&String> = manifest["tables"]
            .as_object()
            .map(|tables| tables.keys().collect())
            .unwrap_or_default();
        engine.answer(
            &json!({
                "type": "open", "protocol": 3, "memory_bytes": MEMORY_BYTES, "threads": threads,
                "runs": [{
                    "run": "bench", "id": "bench", "clock": "epoch", "present": present,
                    "tables": format!("file://{}/tables/", run.display()),
                }],
            }),
            None,
        )?;
        Ok(engine)
    }

    /// Asks; the answer, an Arrow stream, is read whole, and kept where a file is named.
    pub(super) fn ask(&mut self, sql: &str, keep: Option<&Path>) -> Result<Duration, String> {
        let begin = Instant::now();
        self.answer(&json!({"type": "query", "sql": sql}), keep)?;
        Ok(begin.elapsed())
    }

    fn answer(&mut self, request: &Value, keep: Option<&Path>) -> Result<(), String> {
        let told = |error: std::io::Error| format!("speak with the engine: {error}");
        writeln!(self.input, "{request}").map_err(told)?;
        let mut data = Vec::new();
        loop {
            let mut head = [0; 5];
            self.output.read_exact(&mut head).map_err(told)?;
            let [kind, len @ ..] = head;
            let mut bytes = vec![0; u32::from_le_bytes(len) as usize];
            self.output.read_exact(&mut bytes).map_err(told)?;
            if kind == b'D' {
                data.extend_from_slice(&bytes);
                continue;
            }
            let reply: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
            if reply["type"] == "error" {
                return Err(format!("the engine: {reply}\n{request}"));
            }
            if let Some(path) = keep {
                std::fs::write(path, &data)
                    .map_err(|error| format!("write `{}`: {error}", path.display()))?;
            }
            return Ok(());
        }
    }

    /// Most memory that it ever had, in KiB.
    pub(super) fn peak_kilobytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        status
            .unwrap_or_default()
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        // It is a process of this benchmark; whether it had ended before does not matter.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `DuckDB` in Python.
pub(super) struct Duck {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Its version.
    pub(super) version: String,
}

/// What `DuckDB` found.
pub(super) struct Found {
    /// Time of the query, without what Python needs around it.
    pub(super) took: Duration,
    /// Rows.
    pub(super) count: u64,
    /// Cells of the first row.
    pub(super) first: Vec<String>,
    /// How the other rows differ, where some were given.
    pub(super) differs: Option<String>,
    /// Most memory that it ever had, in KiB.
    pub(super) peak_kilobytes: u64,
}

impl Duck {
    /// Starts it over the tables of a run.
    pub(super) fn start(python: &str, run: &Path, threads: usize) -> Result<Self, String> {
        let mut command = Command::new(python);
        command
            .args(["-c", include_str!("duck.py")])
            .arg(run.join("tables"))
            .arg(threads.to_string());
        let (child, input, output) =
            piped(&mut command).map_err(|error| format!("start `{python}`: {error}"))?;
        let mut duck = Self {
            child,
            input,
            output,
            version: String::new(),
        };
        let begun = duck.line()?;
        begun["version"]
            .as_str()
            .unwrap_or("?")
            .clone_into(&mut duck.version);
        Ok(duck)
    }

    /// Asks, and compares with the rows in a file; numbers may differ by so many millionths, and by one.
    pub(super) fn ask(
        &mut self,
        sql: &str,
        compare: Option<(&Path, u64)>,
    ) -> Result<Found, String> {
        let (file, tolerance) = compare.unzip();
        let request = json!({"sql": sql, "compare": file, "tolerance": tolerance.unwrap_or(0)});
        writeln!(self.input, "{request}").map_err(|error| format!("ask DuckDB: {error}"))?;
        let told = self.line()?;
        let first = told["first"].as_array().cloned().unwrap_or_default();
        Ok(Found {
            took: Duration::from_secs_f64(told["seconds"].as_f64().unwrap_or(0.0)),
            count: told["count"].as_u64().unwrap_or(0),
            first: first
                .iter()
                .map(|cell| cell.as_str().unwrap_or_default().to_owned())
                .collect(),
            differs: told["differs"].as_str().map(str::to_owned),
            peak_kilobytes: told["peak_kb"].as_u64().unwrap_or(0),
        })
    }

    fn line(&mut self) -> Result<Value, String> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) => Err(
                "DuckDB ended; what it said stands above\nhint: pip install duckdb pyarrow"
                    .to_owned(),
            ),
            Ok(_) => serde_json::from_str(&line)
                .map_err(|error| format!("DuckDB said `{line}`: {error}")),
            Err(error) => Err(format!("listen to DuckDB: {error}")),
        }
    }
}

impl Drop for Duck {
    fn drop(&mut self) {
        // It is a process of this benchmark; whether it had ended before does not matter.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
