//! Tasks of the project: `cargo xtask tidy | docs [--check] | bench decode|record|flow|diff|export|query [--smoke]`.
#![expect(clippy::print_stdout, reason = "the output of a task is its result")]
#![expect(
    clippy::print_stderr,
    reason = "progress and errors of a task are for the person who runs it"
)]

mod bench;
mod docs;
mod tidy;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask tidy                         check edges, licences, advisories, files, registries
       cargo xtask docs [--check]               write the generated reference pages, or fail if one is stale
       cargo xtask bench decode [--smoke]       throughput of decoding, against memchr and peers
       cargo xtask bench record [--smoke]       cost of recording, against plain runs and strace
       cargo xtask bench flow [--smoke]         replaying a log into flow and summary, against dockit
       cargo xtask bench export [--smoke]       writing timelines, flame graphs and graphs, against reading and Python
       cargo xtask bench diff [--smoke]         time of comparing runs, and where the causes of injected faults stand
       cargo xtask bench diff --speed [EVENTS,NAMES]...
                                                the time alone, of these pairs; runs that are there are used again
       cargo xtask bench query [--smoke]        six queries over 20 M events, against DuckDB on the same files
       cargo xtask bench record --peers [--rounds N] [--minutes N] [--workload NAME] [--recorder NAME] [--goals] [--smoke]
                                                cost and loss of every recorder and every installed peer";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["tidy"] => run_tidy(),
        ["docs"] => docs::write(),
        ["docs", "--check"] => docs::check(),
        // Measures other programs only: how this one was built does not matter.
        ["bench", "record", rest @ ..] if rest.contains(&"--peers") => {
            bench::peers::Options::parse(rest).and_then(|options| bench::peers::run(&options))
        }
        ["bench", "query"] => bench::query::run(bench::Size::Full),
        ["bench", ..] if cfg!(debug_assertions) && !words.contains(&"--smoke") => optimised(&words),
        ["bench", "decode"] => bench::decode::run(bench::Size::Full),
        ["bench", "decode", "--smoke"] => bench::decode::run(bench::Size::Smoke),
        ["bench", "record"] => bench::record::run(bench::Size::Full),
        ["bench", "flow"] => bench::flow::run(bench::Size::Full),
        ["bench", "flow", "--smoke"] => bench::flow::run(bench::Size::Smoke),
        ["bench", "export"] => bench::export::run(bench::Size::Full),
        ["bench", "export", "--smoke"] => bench::export::run(bench::Size::Smoke),
        ["bench", "query", "--smoke"] => bench::query::run(bench::Size::Smoke),
        ["bench", "diff"] => bench::diff::run(bench::Size::Full),
        ["bench", "diff", "--speed", pairs @ ..] => bench::diff::run_speed(pairs),
        ["bench", "diff", "--smoke"] => bench::diff::run(bench::Size::Smoke),
        ["bench", "record", "--smoke"] => bench::record::run(bench::Size::Smoke),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the same task in a release build: figures of an unoptimised one say nothing.
fn optimised(words: &[&str]) -> Result<(), String> {
    let mut command = std::process::Command::new("cargo");
    command
        .args(["run", "--release", "--quiet", "--package", "xtask", "--"])
        .args(words)
        .current_dir(workspace::root());
    let status = command
        .status()
        .map_err(|error| format!("run `cargo`: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the benchmark ended with {status}"))
    }
}

fn run_tidy() -> Result<(), String> {
    let problems = tidy::run(&workspace::Workspace::load()?);
    if problems.is_empty() {
        println!("tidy: {} checks, no problems", tidy::CHECKS.len());
        return Ok(());
    }
    Err(problems.join("\n"))
}
