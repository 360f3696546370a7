//! Six queries over a run of 20 million events from a seed and over one that is recorded, against `DuckDB` on the same files in the
//! same run; and what the answers that need no engine cost.

mod engine;
mod generate;
mod queries;

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use self::engine::{Duck, Ours};
use self::queries::{BUSY, QUESTIONS, Question};
use super::{Size, folder, installed, median, timed, unspool};

/// Calls of the run from a seed.
const CALLS: u64 = 20_000_000;
const CALLS_SMOKE: u64 = 200_000;
/// How often each query is asked; engines take turns.
const ROUNDS: usize = 7;
const ROUNDS_SMOKE: usize = 2;
/// How often an engine is started for its first answer.
const COLD_ROUNDS: usize = 3;
/// Threads of each engine.
const THREADS: usize = 2;

/// What is recorded: files are looked for, read and compressed.
const JOB: &str = "find /usr -xdev -type f -size -40k | head -n \"$1\" | xargs -n 500 sh -c 'cat \"$@\" | gzip -1 > /dev/null' cat";
const JOB_FILES: &str = "40000";
const JOB_FILES_SMOKE: &str = "400";

/// Prints the figures; fails when an answer differs.
pub(crate) fn run(size: Size) -> Result<(), String> {
    if !installed("python3") {
        return Err(
            "no `python3` here\nhint: apt-get install python3; pip install duckdb pyarrow"
                .to_owned(),
        );
    }
    let binary = unspool()?;
    let engine = engine_beside(&binary)?;
    let generated = generated(&binary, size)?;
    let recorded = recorded(&binary, size)?;
    for (name, run) in [("from a seed", &generated), ("recorded", &recorded)] {
        let sizes = sizes(run)?;
        println!(
            "\n{name}: {} events, {:.2} B/event in tables",
            sizes.events,
            as_f64(sizes.bytes) / as_f64(sizes.events.max(1))
        );
        views(&binary, run)?;
        compare(&engine, run, size)?;
    }
    Ok(())
}

/// `unspool-query` lies beside `unspool`; `UNSPOOL_QUERY_BIN` names another.
fn engine_beside(binary: &Path) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("UNSPOOL_QUERY_BIN") {
        return Ok(PathBuf::from(path));
    }
    let path = binary.with_file_name("unspool-query");
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "there is no `{}`\nhint: cargo build --profile engine --package unspool-query; UNSPOOL_QUERY_BIN names it where it lies elsewhere",
        path.display()
    ))
}

/// Where a run of this name is kept, and whether it is whole there; what is left of a broken attempt is removed.
fn place(name: &str) -> Result<(PathBuf, bool), String> {
    let run = folder()?.join(name);
    let is_made = run.join("run.json").is_file();
    if !is_made {
        clear(&run)?;
    }
    Ok((run, is_made))
}

fn generated(binary: &Path, size: Size) -> Result<PathBuf, String> {
    let calls = match size {
        Size::Full => CALLS,
        Size::Smoke => CALLS_SMOKE,
    };
    let (run, is_made) = place(&format!("query-{calls}"))?;
    if is_made {
        return Ok(run);
    }
    let mut import = Command::new(binary)
        .args([
            "import", "--quiet", "--redact", "none", "--format", "strace", "-o",
        ])
        .arg(&run)
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| format!("start `{}`: {error}", binary.display()))?;
    let input = import.stdin.take().ok_or("no pipe to the import")?;
    let mut input = BufWriter::with_capacity(1 << 20, input);
    let (written, took) = timed(|| {
        generate::write(calls, &mut input)
            .and_then(|()| input.flush())
            .map_err(|error| format!("write the log: {error}"))
    });
    drop(input);
    let status = import.wait().map_err(|error| format!("wait: {error}"))?;
    written?;
    if !status.success() {
        return Err(format!("the import of the log ended with {status}"));
    }
    println!("made a run of {calls} calls in {:.1} s", took.as_secs_f64());
    Ok(run)
}

fn recorded(binary: &Path, size: Size) -> Result<PathBuf, String> {
    let files = match size {
        Size::Full => JOB_FILES,
        Size::Smoke => JOB_FILES_SMOKE,
    };
    let (run, is_made) = place(&format!("query-recorded-{files}"))?;
    if is_made {
        return Ok(run);
    }
    let status = Command::new(binary)
        .args(["record", "--quiet", "-o"])
        .arg(&run)
        .args(["--", "sh", "-c", JOB, "sh", files])
        .status()
        .map_err(|error| format!("start `{}`: {error}", binary.display()))?;
    if !run.join("run.json").is_file() {
        return Err(format!("the recording ended with {status}"));
    }
    Ok(run)
}

fn clear(run: &Path) -> Result<(), String> {
    if run.exists() {
        std::fs::remove_dir_all(run)
            .map_err(|error| format!("remove `{}`: {error}", run.display()))?;
    }
    Ok(())
}

struct Sizes {
    events: u64,
    bytes: u64,
}

fn sizes(run: &Path) -> Result<Sizes, String> {
    let text = std::fs::read_to_string(run.join("run.json"))
        .map_err(|error| format!("read the manifest of `{}`: {error}", run.display()))?;
    let manifest: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let tables = manifest["tables"].as_object().cloned().unwrap_or_default();
    Ok(Sizes {
        events: tables
            .get("events")
            .and_then(|events| events["rows"].as_u64())
            .unwrap_or(0),
        bytes: tables
            .values()
            .filter_map(|table| table["bytes"].as_u64())
            .sum(),
    })
}

/// What `show` costs where it needs no engine.
fn views(binary: &Path, run: &Path) -> Result<(), String> {
    for view in ["summary", "time"] {
        let mut times = Vec::new();
        for _ in 0..COLD_ROUNDS {
            let (shown, took) = timed(|| {
                Command::new(binary)
                    .args(["show", view, "--json"])
                    .arg(run)
                    .stdout(Stdio::null())
                    .status()
            });
            match shown {
                Ok(status) if status.success() => times.push(took),
                other => return Err(format!("show {view}: {other:?}")),
            }
        }
        println!(
            "show {view:<29} {:>9.3} s",
            median(&mut times).as_secs_f64()
        );
    }
    Ok(())
}

fn compare(engine: &Path, run: &Path, size: Size) -> Result<(), String> {
    let rounds = match size {
        Size::Full => ROUNDS,
        Size::Smoke => ROUNDS_SMOKE,
    };
    let python = std::env::var("UNSPOOL_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut duck = Duck::start(&python, run, THREADS)?;
    let busy = duck.ask(BUSY, None)?.first;
    let [pid, second] = busy.as_slice() else {
        return Err("there is no process in the middle of the run".to_owned());
    };
    let mut ours = Ours::start(engine, run, THREADS)?;
    println!(
        "{:<31} {:>9} {:>9} {:>9} {:>6} {:>8}   (DuckDB {}, {THREADS} threads, medians of {rounds})",
        "query", "cold s", "warm s", "DuckDB s", "ratio", "rows", duck.version
    );
    let mut logarithms = 0.0;
    let mut peak = 0;
    for question in QUESTIONS {
        let question = Asked::new(question, pid, second)?;
        let answer = folder()?.join("query-answer.arrow");
        let cold = question.cold(engine, run)?;
        // Both have seen the question once; what they found is compared.
        ours.ask(&question.ours, Some(&answer))?;
        let found = duck.ask(&question.theirs, Some((&answer, question.tolerance)))?;
        if let Some(differs) = found.differs {
            return Err(format!("{}: {differs}", question.name));
        }
        let (mut mine, mut other) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            mine.push(ours.ask(&question.ours, None)?);
            let found = duck.ask(&question.theirs, None)?;
            other.push(found.took);
            peak = found.peak_kilobytes;
        }
        let (mine, other) = (median(&mut mine), median(&mut other));
        let ratio = mine.as_secs_f64() / other.as_secs_f64().max(1e-9);
        logarithms += ratio.ln();
        println!(
            "{:<31} {:>9.3} {:>9.3} {:>9.3} {ratio:>6.2} {:>8}",
            question.name,
            cold.as_secs_f64(),
            mine.as_secs_f64(),
            other.as_secs_f64(),
            found.count
        );
    }
    let mean = (logarithms / as_f64(QUESTIONS.len() as u64)).exp();
    println!(
        "geometric mean of the ratios {mean:.2}; peak memory {:.0} MiB, DuckDB {:.0} MiB",
        as_f64(ours.peak_kilobytes()) / 1024.0,
        as_f64(peak) / 1024.0
    );
    Ok(())
}

/// A question about a process of this run.
struct Asked {
    name: &'static str,
    tolerance: u64,
    ours: String,
    theirs: String,
}

impl Asked {
    fn new(question: &Question, pid: &str, second: &str) -> Result<Self, String> {
        let from: i64 = second
            .parse()
            .map_err(|error| format!("`{second}` is no second: {error}"))?;
        let filled = |sql: &str| {
            sql.replace("{pid}", pid)
                .replace("{from}", &from.to_string())
                .replace("{until}", &(from + 2).to_string())
        };
        Ok(Self {
            name: question.name,
            tolerance: question.tolerance,
            ours: filled(question.ours),
            theirs: filled(question.theirs),
        })
    }

    /// From starting the engine to its first answer.
    fn cold(&self, engine: &Path, run: &Path) -> Result<Duration, String> {
        let mut times = Vec::new();
        for _ in 0..COLD_ROUNDS {
            let (asked, took) = timed(|| Ours::start(engine, run, THREADS)?.ask(&self.ours, None));
            asked?;
            times.push(took);
        }
        Ok(median(&mut times))
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
