//! Calls, errors and durations by call or by process.

mod durations;
pub mod seconds;
pub mod split;

use std::collections::HashMap;
use std::ops::ControlFlow;

use unspool_model::report::{Cell, RowSink, Shape, Shown, Unit};
use unspool_model::step::{Step, StepKind};
use unspool_model::syscalls::Syscall;
use unspool_model::world::World;

use crate::{Analysis, ViewOptions, column, process_label, table};
pub use durations::{Durations, SAMPLES_MAX};

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
    Box::new(Time {
        by_process: options.by_process,
        names: HashMap::new(),
        known: Vec::new(),
        rows: Vec::new(),
    })
}

struct Time {
    by_process: bool,
    /// Rows of calls that the table does not have, and of library calls.
    names: HashMap<Vec<u8>, usize>,
    /// Rows of calls by their place in the table; of processes by their id.
    known: Vec<Option<usize>>,
    rows: Vec<Row>,
}

#[derive(Default)]
struct Row {
    name: Vec<u8>,
    process: Option<unspool_model::ids::ProcessId>,
    calls: u64,
    errors: u64,
    durations: Durations,
    /// Time in calls that the recorder only counted: none of them has a duration of its own.
    folded_ns: Option<i64>,
}

impl Row {
    /// Time in all of them, where any is known.
    fn total_ns(&self) -> Option<i64> {
        let single = (self.durations.count() > 0).then(|| self.durations.total_ns());
        match (single, self.folded_ns) {
            (Some(single), Some(folded)) => Some(single.saturating_add(folded)),
            (single, folded) => single.or(folded),
        }
    }
}

impl Analysis for Time {
    fn step(&mut self, step: &Step<'_>, _: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        let (calls, errors) = match step.kind {
            StepKind::Syscall | StepKind::LibraryCall => {
                (1, u64::from(step.outcome.failed().is_some()))
            }
            StepKind::Folded => crate::folded(step),
            _ => return ControlFlow::Continue(()),
        };
        let place = self.place(step);
        if let Some(row) = self.rows.get_mut(place) {
            row.calls = row.calls.saturating_add(calls);
            row.errors = row.errors.saturating_add(errors);
            if step.kind == StepKind::Folded {
                let ns = step.duration_ns.unwrap_or(0);
                row.folded_ns = Some(row.folded_ns.unwrap_or(0).saturating_add(ns));
                return ControlFlow::Continue(());
            }
            if let Some(duration) = step.duration_ns {
                row.durations.add(duration);
            }
        }
        ControlFlow::Continue(())
    }

    fn rows(&mut self, world: &World, out: &mut dyn RowSink) -> Vec<String> {
        let mut rows: Vec<&mut Row> = self.rows.iter_mut().collect();
        for row in &mut rows {
            if let Some(process) = row.process {
                row.name = process_label(world, process);
            }
        }
        rows.sort_by(|one, other| {
            let key = |row: &Row| (row.total_ns(), row.calls);
            key(other)
                .cmp(&key(one))
                .then_with(|| one.name.cmp(&other.name))
        });
        for row in rows {
            let total = row.total_ns();
            let flow = out.row(&[
                Cell::int(row.calls),
                Cell::int(row.errors),
                Cell::int_or_null(total),
                Cell::int_or_null(row.durations.percentile(50)),
                Cell::int_or_null(row.durations.percentile(95)),
                Cell::int_or_null(row.durations.max()),
                Cell::text(&row.name),
            ]);
            if flow.is_break() {
                break;
            }
        }
        Vec::new()
    }
}

impl Time {
    fn place(&mut self, step: &Step<'_>) -> usize {
        let slot = if self.by_process {
            step.process.index()
        } else if let Some(call) = call_of(step) {
            usize::from(call.index())
        } else {
            if let Some(place) = self.names.get(step.name) {
                return *place;
            }
            let place = self.rows.len();
            self.rows.push(Row {
                name: step.name.to_vec(),
                ..Row::default()
            });
            self.names.insert(step.name.to_vec(), place);
            return place;
        };
        if self.known.len() <= slot {
            self.known.resize(slot + 1, None);
        }
        if let Some(Some(place)) = self.known.get(slot) {
            return *place;
        }
        let place = self.rows.len();
        self.rows.push(Row {
            name: step.name.to_vec(),
            process: self.by_process.then_some(step.process),
            ..Row::default()
        });
        if let Some(known) = self.known.get_mut(slot) {
            *known = Some(place);
        }
        place
    }
}

/// The call of the table; a step that stands for counted calls has only its name.
pub(crate) fn call_of(step: &Step<'_>) -> Option<Syscall> {
    step.syscall.or_else(|| {
        (step.kind == StepKind::Folded)
            .then(|| Syscall::by_name(step.name))
            .flatten()
    })
}

#[cfg(test)]
mod tests;
