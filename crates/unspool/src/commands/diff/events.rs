//! The events of the run around the place where it first parts from its baselines.

use std::ops::ControlFlow;

use anyhow::Result;
use unspool_analyze::diff::{Difference, first_divergence};
use unspool_export::{Untrusted, units};
use unspool_model::event::Outcome;
use unspool_model::step::{Step, StepKind};
use unspool_store::{RunEntry, RunReader, StepQuery, Tables};

use crate::failure::Failure;

/// Events on each side.
const EACH_SIDE: u64 = 6;
/// Longest arguments that are shown.
const ARGS_LEN_MAX: usize = 160;

/// A line for each event.
pub(super) fn around(entry: &RunEntry, difference: &Difference) -> Result<String> {
    let Some(seq) = first_divergence(&difference.findings) else {
        return Ok("no event shows a difference\n".to_owned());
    };
    let reader = RunReader::open(&entry.folder).map_err(Failure::store)?;
    if reader.manifest().tables.is_empty() {
        return Ok(
            "the run is not closed: its events can be read with `unspool show`\n".to_owned(),
        );
    }
    let tables = Tables::open(&reader).map_err(Failure::store)?;
    let query = StepQuery {
        from_seq: seq.saturating_sub(EACH_SIDE),
        ..StepQuery::all()
    };
    let start_ns = reader.manifest().start_ns;
    let mut text = String::new();
    tables
        .for_each_step(&query, &mut |step| {
            if step.seq > seq + EACH_SIDE {
                return ControlFlow::Break(());
            }
            text.push_str(if step.seq == seq { "> " } else { "  " });
            text.push_str(&line(step, start_ns));
            ControlFlow::Continue(())
        })
        .map_err(Failure::store)?;
    Ok(text)
}

fn line(step: &Step<'_>, start_ns: i64) -> String {
    let mut args = Vec::new();
    step.args.print(&mut args);
    args.truncate(ARGS_LEN_MAX);
    let outcome = match step.outcome {
        Outcome::Returned(value) => format!(" = {value}"),
        Outcome::Failed(errno) => format!(" = {errno}"),
        Outcome::Unfinished => " = not finished".to_owned(),
        Outcome::Unknown => String::new(),
    };
    let kind = match step.kind {
        StepKind::Syscall => String::new(),
        other => format!("{} ", other.name()),
    };
    format!(
        "{} {} {} {kind}{}({}){outcome}\n",
        step.seq,
        units::since(step.time_ns - start_ns),
        step.tid,
        Untrusted::new(step.name),
        Untrusted::printed(&args)
    )
}
