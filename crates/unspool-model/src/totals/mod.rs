//! Totals of a whole run, by name of event: what `summary` and `time` need to answer without reading every event.
//!
//! The tables keep them ([`TotalsFold`] runs while they are written), and the views fold them with the same code where
//! there are none or a filter is asked for: both answers are equal by construction.

mod durations;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::event::Errno;
use crate::ids::ResourceId;
use crate::map::Map;
use crate::step::{Step, StepKind};
use crate::syscalls::Syscall;

pub use durations::{Durations, SAMPLES_MAX};

/// Different failures that are told apart; further ones are only counted in [`Total::failed`].
pub const FAILURES_MAX: usize = 100_000;

/// Totals of the events of one name. Calls of the syscall table are one by their row, whatever a tracer called them;
/// other calls are one by name, and what is no call by kind and name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Total {
    /// Kind of the first of them.
    pub kind: StepKind,
    /// Name of the first of them.
    pub name: Vec<u8>,
    /// Row of the syscall table.
    pub syscall: Option<Syscall>,
    /// Events.
    pub events: u64,
    /// Calls; those that the recorder only counted are in it. 0 for what is no call.
    pub calls: u64,
    /// Calls that failed, those that were only counted too.
    pub errors: u64,
    /// Events of calls that failed.
    pub failed: u64,
    /// Time in all of them in nanoseconds; `None` where none is known.
    pub total_ns: Option<i64>,
    /// The shortest that has an event of its own.
    pub min_ns: Option<i64>,
    /// Half of those that have an event took at most so long: see [`Durations`].
    pub p50_ns: Option<i64>,
    /// 95 of 100 took at most so long.
    pub p95_ns: Option<i64>,
    /// 99 of 100 took at most so long.
    pub p99_ns: Option<i64>,
    /// The longest that has an event of its own.
    pub max_ns: Option<i64>,
    /// Calls that were only counted and not timed: others of their kind speak for them.
    pub untimed: u64,
    /// Their part of `total_ns` at most, nanoseconds.
    pub estimated_ns: i64,
    /// Start of the earliest.
    pub first_ns: i64,
    /// Latest end; the start of those whose duration is not known, or is the sum of many.
    pub last_ns: i64,
}

impl Total {
    /// Whether it is of calls.
    pub fn is_call(&self) -> bool {
        is_call(self.kind)
    }
}

/// A call that failed in the same way on the same thing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// [`Total::name`] of the call.
    pub name: Vec<u8>,
    /// Its error.
    pub errno: Errno,
    /// What it touched.
    pub resource: Option<ResourceId>,
    /// How often.
    pub count: u64,
}

/// Totals of a run, each list in the order in which its rows began.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// By name.
    pub names: Vec<Total>,
    /// Failures, at most [`FAILURES_MAX`].
    pub failures: Vec<Failure>,
}

impl Totals {
    /// Events.
    pub fn events(&self) -> u64 {
        self.names.iter().map(|total| total.events).sum()
    }

    /// Events of calls that failed.
    pub fn failed(&self) -> u64 {
        self.names.iter().map(|total| total.failed).sum()
    }

    /// Start of the earliest event and latest end; `None` without events.
    pub fn span_ns(&self) -> Option<(i64, i64)> {
        let first = self.names.iter().map(|total| total.first_ns).min()?;
        let last = self.names.iter().map(|total| total.last_ns).max()?;
        Some((first, last))
    }
}

/// Makes [`Totals`] of steps.
#[derive(Debug, Default)]
pub struct TotalsFold {
    rows: Vec<Row>,
    /// Rows by place in the syscall table; 0 stands for none, others are one more than the row.
    known: Vec<u32>,
    /// Rows of other calls by name.
    calls: HashMap<Vec<u8>, usize>,
    /// Rows of what is no call.
    others: HashMap<(StepKind, Vec<u8>), usize>,
    /// Places in `failures`.
    failure_places: Map<FailureKey, usize>,
    failures: Vec<(FailureKey, u64)>,
}

/// Row, error, resource.
type FailureKey = (usize, Errno, Option<ResourceId>);

#[derive(Debug)]
struct Row {
    kind: StepKind,
    name: Vec<u8>,
    syscall: Option<Syscall>,
    events: u64,
    calls: u64,
    errors: u64,
    failed: u64,
    total_ns: Option<i64>,
    min_ns: i64,
    durations: Durations,
    estimate: Estimate,
    first_ns: i64,
    last_ns: i64,
}

impl TotalsFold {
    /// Counts a step.
    pub fn add(&mut self, step: &Step<'_>) {
        let place = self.place(step);
        let error = step.outcome.failed();
        let Some(row) = self.rows.get_mut(place) else {
            return;
        };
        row.events += 1;
        row.first_ns = row.first_ns.min(step.time_ns);
        let folded = step.kind == StepKind::Folded;
        // The duration of counted calls is their sum.
        let lasted = if folded { None } else { step.duration_ns };
        let end = step.time_ns.saturating_add(lasted.unwrap_or(0));
        row.last_ns = row.last_ns.max(end);
        if !is_call(step.kind) {
            return;
        }
        let (calls, errors) = match step.kind {
            StepKind::Folded => folded_counts(step),
            _ => (1, u64::from(error.is_some())),
        };
        row.calls = row.calls.saturating_add(calls);
        row.errors = row.errors.saturating_add(errors);
        if folded {
            row.estimate.add(step);
        }
        if let Some(duration) = step.duration_ns {
            let total = row.total_ns.get_or_insert(0);
            *total = total.saturating_add(duration.max(0));
        }
        if let Some(duration) = lasted {
            row.min_ns = row.min_ns.min(duration.max(0));
            row.durations.add(duration);
        }
        if let Some(errno) = error {
            row.failed += 1;
            let resource = step.touch.and_then(|touch| touch.resource);
            self.fail((place, errno, resource));
        }
    }

    /// The totals so far.
    pub fn totals(&mut self) -> Totals {
        let failures = self
            .failures
            .iter()
            .filter_map(|((place, errno, resource), count)| {
                Some(Failure {
                    name: self.rows.get(*place)?.name.clone(),
                    errno: *errno,
                    resource: *resource,
                    count: *count,
                })
            })
            .collect();
        Totals {
            names: self.rows.iter_mut().map(Row::total).collect(),
            failures,
        }
    }

    fn fail(&mut self, key: FailureKey) {
        if let Some(place) = self.failure_places.get(&key) {
            if let Some((_, count)) = self.failures.get_mut(*place) {
                *count += 1;
            }
        } else if self.failures.len() < FAILURES_MAX {
            self.failure_places.insert(key, self.failures.len());
            self.failures.push((key, 1));
        }
    }

    #[inline]
    fn place(&mut self, step: &Step<'_>) -> usize {
        if !is_call(step.kind) {
            return self.place_of_other(step);
        }
        let Some(call) = call_of(step) else {
            if let Some(place) = self.calls.get(step.name) {
                return *place;
            }
            let place = self.begin(step, None);
            self.calls.insert(step.name.to_vec(), place);
            return place;
        };
        let slot = usize::from(call.index());
        if self.known.len() <= slot {
            self.known.resize(slot + 1, 0);
        }
        if let Some(place @ 1..) = self.known.get(slot) {
            return *place as usize - 1;
        }
        let place = self.begin(step, Some(call));
        if let (Some(known), Ok(place)) = (self.known.get_mut(slot), u32::try_from(place + 1)) {
            *known = place;
        }
        place
    }

    fn place_of_other(&mut self, step: &Step<'_>) -> usize {
        let key = (step.kind, step.name.to_vec());
        if let Some(place) = self.others.get(&key) {
            return *place;
        }
        let place = self.begin(step, None);
        self.others.insert(key, place);
        place
    }

    fn begin(&mut self, step: &Step<'_>, syscall: Option<Syscall>) -> usize {
        self.rows.push(Row {
            kind: step.kind,
            name: step.name.to_vec(),
            syscall,
            events: 0,
            calls: 0,
            errors: 0,
            failed: 0,
            total_ns: None,
            min_ns: i64::MAX,
            durations: Durations::default(),
            estimate: Estimate::default(),
            first_ns: i64::MAX,
            last_ns: i64::MIN,
        });
        self.rows.len() - 1
    }
}

impl Row {
    fn total(&mut self) -> Total {
        Total {
            kind: self.kind,
            name: self.name.clone(),
            syscall: self.syscall,
            events: self.events,
            calls: self.calls,
            errors: self.errors,
            failed: self.failed,
            total_ns: self.total_ns,
            min_ns: (self.durations.count() > 0).then_some(self.min_ns),
            p50_ns: self.durations.percentile(50),
            p95_ns: self.durations.percentile(95),
            p99_ns: self.durations.percentile(99),
            max_ns: self.durations.max(),
            untimed: self.estimate.untimed,
            estimated_ns: self.estimate.time_ns,
            first_ns: self.first_ns,
            last_ns: self.last_ns,
        }
    }
}

fn is_call(kind: StepKind) -> bool {
    matches!(
        kind,
        StepKind::Syscall | StepKind::LibraryCall | StepKind::Folded
    )
}

/// The call of the table; a step that stands for counted calls has only its name.
pub fn call_of(step: &Step<'_>) -> Option<Syscall> {
    step.syscall.or_else(|| {
        (step.kind == StepKind::Folded)
            .then(|| Syscall::by_name(step.name))
            .flatten()
    })
}

/// Calls and errors of a `folded` step, whose text is `12 calls, 3 errors, 4096 bytes`. One call where the text was not read.
pub fn folded_counts(step: &Step<'_>) -> (u64, u64) {
    let [calls, errors, ..] = folded_numbers(step);
    let calls = calls.unwrap_or(1);
    (calls, errors.unwrap_or(0).min(calls))
}

/// The numbers of such a text: calls, errors, bytes, and where it ends with `, 4 timed` that one.
fn folded_numbers(step: &Step<'_>) -> [Option<u64>; 4] {
    let mut text = Vec::new();
    step.args.print(&mut text);
    let text = String::from_utf8_lossy(&text);
    let mut numbers = text
        .split(", ")
        .map(|part| part.split(' ').next().and_then(|word| word.parse().ok()));
    std::array::from_fn(|_| numbers.next().flatten())
}

/// Calls that were not timed, and for whose time others speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Estimate {
    /// How many.
    pub untimed: u64,
    /// Their time at most, nanoseconds: calls that took long were measured.
    pub time_ns: i64,
}

impl Estimate {
    /// Adds those of a `folded` step.
    pub fn add(&mut self, step: &Step<'_>) {
        let [Some(calls), _, _, Some(timed)] = folded_numbers(step) else {
            return;
        };
        let untimed = calls.saturating_sub(timed);
        let total_ns = i128::from(step.duration_ns.unwrap_or(0).max(0));
        let part_ns = total_ns * i128::from(untimed) / i128::from(calls.max(1));
        self.sum(Self {
            untimed,
            time_ns: i64::try_from(part_ns).unwrap_or(i64::MAX),
        });
    }

    /// Adds others.
    pub fn sum(&mut self, other: Self) {
        self.untimed = self.untimed.saturating_add(other.untimed);
        self.time_ns = self.time_ns.saturating_add(other.time_ns);
    }
}
