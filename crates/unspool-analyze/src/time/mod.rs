//! Calls, errors and durations by call or by process.

pub mod seconds;
pub mod split;

use std::ops::ControlFlow;

use unspool_model::ids::ProcessId;
use unspool_model::report::{Cell, RowSink, Shape, Shown, Unit};
use unspool_model::step::{Step, StepKind};
pub use unspool_model::totals::{Durations, SAMPLES_MAX};
use unspool_model::totals::{Estimate, Total};
use unspool_model::world::World;

use crate::totals::RunTotals;
use crate::{Analysis, ViewOptions, column, process_label, table};

/// Shape of the rows.
pub const SHAPE: Shape = table(
    "time",
    &[
        column("calls", Unit::Count, Shown::Always, "Calls."),
        column("errors", Unit::Count, Shown::Always, "Calls that failed."),
        column(
            "total_ns",
            Unit::Duration,
            Shown::Always,
            "Time in them; `null` where no duration is known.",
        ),
        column(
            "p50_ns",
            Unit::Duration,
            Shown::Always,
            "Half of them took at most so long: exact up to 8192 calls, at most 0.4 % off above; of calls that the recorder only counted nothing is known.",
        ),
        column(
            "p95_ns",
            Unit::Duration,
            Shown::Always,
            "95 of 100 took at most so long, exact as `p50_ns` is.",
        ),
        column(
            "max_ns",
            Unit::Duration,
            Shown::Always,
            "The longest, exact.",
        ),
        column("name", Unit::Text, Shown::Always, "Call, or process."),
    ],
);

/// Makes the view.
pub(crate) fn new(options: &ViewOptions) -> Box<dyn Analysis> {
    if options.by_process {
        Box::new(ByProcess::default())
    } else {
        Box::new(ByCall::default())
    }
}

/// Rows by call.
#[derive(Default)]
struct ByCall {
    totals: RunTotals,
}

impl Analysis for ByCall {
    fn totals(&mut self) -> Option<&mut RunTotals> {
        Some(&mut self.totals)
    }

    fn needs_sessions(&self) -> bool {
        false
    }

    fn step(&mut self, step: &Step<'_>, _: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        self.totals.add(step);
        ControlFlow::Continue(())
    }

    fn rows(&mut self, _: &World, out: &mut dyn RowSink) -> Vec<String> {
        let totals = self.totals.take();
        let mut estimate = Estimate::default();
        for total in &totals.names {
            estimate.sum(Estimate {
                untimed: total.untimed,
                time_ns: total.estimated_ns,
            });
        }
        let mut rows: Vec<Row> = totals
            .names
            .into_iter()
            .filter(Total::is_call)
            .map(|total| Row {
                calls: total.calls,
                errors: total.errors,
                total_ns: total.total_ns,
                p50_ns: total.p50_ns,
                p95_ns: total.p95_ns,
                max_ns: total.max_ns,
                name: total.name,
            })
            .collect();
        write(&mut rows, out);
        notes(&rows, estimate)
    }
}

/// Rows by process.
#[derive(Default)]
struct ByProcess {
    /// By id.
    processes: Vec<Option<Process>>,
    estimate: Estimate,
}

#[derive(Default)]
struct Process {
    calls: u64,
    errors: u64,
    /// Time in all of them, where any is known.
    total_ns: Option<i64>,
    durations: Durations,
}

impl Analysis for ByProcess {
    fn step(&mut self, step: &Step<'_>, _: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        let (calls, errors) = match step.kind {
            StepKind::Syscall | StepKind::LibraryCall => {
                (1, u64::from(step.outcome.failed().is_some()))
            }
            StepKind::Folded => {
                self.estimate.add(step);
                crate::folded(step)
            }
            _ => return ControlFlow::Continue(()),
        };
        let place = step.process.index();
        if self.processes.len() <= place {
            self.processes.resize_with(place + 1, || None);
        }
        let Some(slot) = self.processes.get_mut(place) else {
            return ControlFlow::Continue(());
        };
        let process = slot.get_or_insert_default();
        process.calls = process.calls.saturating_add(calls);
        process.errors = process.errors.saturating_add(errors);
        if let Some(duration) = step.duration_ns {
            let total = process.total_ns.get_or_insert(0);
            *total = total.saturating_add(duration.max(0));
            // That of counted calls is their sum: none of them has a duration of its own.
            if step.kind != StepKind::Folded {
                process.durations.add(duration);
            }
        }
        ControlFlow::Continue(())
    }

    fn rows(&mut self, world: &World, out: &mut dyn RowSink) -> Vec<String> {
        let mut rows: Vec<Row> = (0..)
            .zip(&mut self.processes)
            .filter_map(|(id, process)| Some((ProcessId(id), process.as_mut()?)))
            .map(|(id, process)| Row {
                calls: process.calls,
                errors: process.errors,
                total_ns: process.total_ns,
                p50_ns: process.durations.percentile(50),
                p95_ns: process.durations.percentile(95),
                max_ns: process.durations.max(),
                name: process_label(world, id),
            })
            .collect();
        write(&mut rows, out);
        notes(&rows, self.estimate)
    }
}

struct Row {
    calls: u64,
    errors: u64,
    total_ns: Option<i64>,
    p50_ns: Option<i64>,
    p95_ns: Option<i64>,
    max_ns: Option<i64>,
    name: Vec<u8>,
}

/// Says how much of the time was not measured.
fn notes(rows: &[Row], estimate: Estimate) -> Vec<String> {
    let Estimate { untimed, time_ns } = estimate;
    if untimed == 0 {
        return Vec::new();
    }
    let calls: u128 = rows.iter().map(|row| u128::from(row.calls)).sum();
    let part = |ns: i64| u128::from(ns.max(0).unsigned_abs());
    let total_ns: u128 = rows.iter().filter_map(|row| row.total_ns).map(part).sum();
    let share = (part(time_ns) * 100).div_ceil(total_ns.max(1));
    vec![format!(
        "the time of {untimed} of {calls} calls is an estimate by others of their kind that were timed: {share} % of all time here at most"
    )]
}

/// Writes the rows, the most time first.
fn write(rows: &mut [Row], out: &mut dyn RowSink) {
    rows.sort_by(|one, other| {
        let key = |row: &Row| (row.total_ns, row.calls);
        key(other)
            .cmp(&key(one))
            .then_with(|| one.name.cmp(&other.name))
    });
    for row in rows {
        let flow = out.row(&[
            Cell::int(row.calls),
            Cell::int(row.errors),
            Cell::int_or_null(row.total_ns),
            Cell::int_or_null(row.p50_ns),
            Cell::int_or_null(row.p95_ns),
            Cell::int_or_null(row.max_ns),
            Cell::text(&row.name),
        ]);
        if flow.is_break() {
            break;
        }
    }
}

#[cfg(test)]
mod tests;
