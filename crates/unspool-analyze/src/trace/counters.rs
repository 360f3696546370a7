//! Counters: calls in each second, from steps; CPU, memory and input and output, from samples.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use unspool_model::ids::ProcessId;
use unspool_model::sample::Sample;
use unspool_model::step::{Step, StepKind};
use unspool_model::timeline::{CounterKind, CounterValue, TimelineSink};

const SECOND_NS: i64 = 1_000_000_000;

/// Calls a second, of the run and of each process.
pub(super) struct Counters {
    start_ns: i64,
    /// `None` is the run.
    calls: BTreeMap<Option<ProcessId>, Second>,
}

/// The second that is being counted, from the start of the run.
#[derive(Clone, Copy, Default)]
struct Second {
    number: i64,
    calls: u64,
}

impl Counters {
    pub(super) fn new(start_ns: i64) -> Self {
        Self {
            start_ns,
            calls: BTreeMap::new(),
        }
    }

    /// Counts a call, and writes the seconds that are over.
    pub(super) fn step(
        &mut self,
        step: &Step<'_>,
        numbers: &[u32],
        sink: &mut dyn TimelineSink,
    ) -> ControlFlow<()> {
        let calls = match step.kind {
            StepKind::Syscall | StepKind::LibraryCall => 1,
            StepKind::Folded => crate::folded(step).0,
            _ => return ControlFlow::Continue(()),
        };
        let end_ns = super::step_end(step);
        let number = end_ns.saturating_sub(self.start_ns).div_euclid(SECOND_NS);
        for owner in [None, Some(step.process)] {
            let second = self
                .calls
                .entry(owner)
                .or_insert(Second { number, calls: 0 });
            if number > second.number {
                let over = *second;
                *second = Second { number, calls: 0 };
                second.calls = calls;
                write(owner, over, Some(number), self.start_ns, numbers, sink)?;
            } else {
                // Calls come in the order of their ends, but for what a log tells late.
                second.calls = second.calls.saturating_add(calls);
            }
        }
        ControlFlow::Continue(())
    }

    /// Writes the last seconds.
    pub(super) fn finish(
        &mut self,
        numbers: &[u32],
        sink: &mut dyn TimelineSink,
    ) -> ControlFlow<()> {
        for (owner, second) in &self.calls {
            write(*owner, *second, None, self.start_ns, numbers, sink)?;
        }
        ControlFlow::Continue(())
    }
}

/// Writes a second, and a zero behind it where the next one is not its neighbour.
fn write(
    owner: Option<ProcessId>,
    second: Second,
    next: Option<i64>,
    start_ns: i64,
    numbers: &[u32],
    sink: &mut dyn TimelineSink,
) -> ControlFlow<()> {
    let after = second.number.saturating_add(1);
    let values = [
        Some((second.number, second.calls)),
        next.is_none_or(|next| next > after).then_some((after, 0)),
    ];
    for (number, calls) in values.into_iter().flatten() {
        sink.counter(&CounterValue {
            owner: owner.map(|process| owned(process, numbers)),
            kind: CounterKind::Calls,
            time_ns: start_ns.saturating_add(number.saturating_mul(SECOND_NS)),
            value: i64::try_from(calls).unwrap_or(i64::MAX),
        })?;
    }
    ControlFlow::Continue(())
}

fn owned(process: ProcessId, numbers: &[u32]) -> (ProcessId, u32) {
    (
        process,
        numbers.get(process.index()).copied().unwrap_or_default(),
    )
}

/// Writes what a sample tells: rates from its start on, states at its end; zeros when the process ended.
pub(super) fn sample(
    sample: &Sample,
    numbers: &[u32],
    sink: &mut dyn TimelineSink,
) -> ControlFlow<()> {
    let usage = &sample.usage;
    let owner = sample.process.map(|process| owned(process, numbers));
    let (start_ns, end_ns) = (sample.time_ns, sample.end_ns());
    let seconds = |amount: u64, unit: u128| {
        let length = u128::from(sample.duration_ns.max(1).unsigned_abs());
        i64::try_from(u128::from(amount) * unit / length).unwrap_or(i64::MAX)
    };
    let rate = |amount: Option<u64>| amount.map(|amount| seconds(amount, 1_000_000_000));
    let state =
        |amount: Option<u64>| amount.map(|amount| i64::try_from(amount).unwrap_or(i64::MAX));
    let of_process = owner.is_some();
    let values = [
        // Thousandths of a CPU: nanoseconds of a nanosecond, times a thousand.
        (
            CounterKind::Cpu,
            start_ns,
            usage.cpu_ns.map(|cpu| seconds(cpu, 1000)),
        ),
        (
            CounterKind::Read,
            start_ns,
            rate(usage.read_bytes).filter(|_| of_process),
        ),
        (
            CounterKind::Written,
            start_ns,
            rate(usage.written_bytes).filter(|_| of_process),
        ),
        (CounterKind::DiskRead, start_ns, rate(usage.disk_read_bytes)),
        (
            CounterKind::DiskWritten,
            start_ns,
            rate(usage.disk_written_bytes),
        ),
        (
            CounterKind::Rss,
            end_ns,
            state(usage.rss_bytes).filter(|_| of_process),
        ),
        (
            CounterKind::Threads,
            end_ns,
            state(usage.threads).filter(|_| of_process),
        ),
    ];
    for (kind, time_ns, value) in values {
        let Some(value) = value else { continue };
        let is_state = matches!(kind, CounterKind::Rss | CounterKind::Threads);
        let zero = sample.is_last.then_some((end_ns, 0));
        let known = (!sample.is_last || !is_state).then_some((time_ns, value));
        for (time_ns, value) in known.into_iter().chain(zero) {
            sink.counter(&CounterValue {
                owner,
                kind,
                time_ns,
                value,
            })?;
        }
    }
    ControlFlow::Continue(())
}
