//! What was done in each second: CPU, memory and input and output from samples; calls, errors and bytes from events.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use unspool_model::ids::ProcessId;
use unspool_model::report::{Cell, RowSink, Shape, Shown, Unit};
use unspool_model::sample::Sample;
use unspool_model::step::{Action, Step, StepKind, Touch};
use unspool_model::syscalls::Category;
use unspool_model::world::World;

use super::split::{SECOND_NS, level, second_of, split};
use crate::{Analysis, ViewOptions, column, process_label, series};

/// Seconds that one call or sample is divided among: a day.
pub const SPLIT_SECONDS_MAX: i64 = 86_400;
/// Seconds and processes that are told apart; what comes beyond is counted and said.
pub const CELLS_MAX: usize = 4_000_000;
/// Longer stretches of seconds in which nothing happened are one row.
pub const IDLE_SECONDS_MAX: i64 = 3600;

/// Shape of the rows.
pub const SHAPE: Shape = series(
    "seconds",
    &[
        column(
            "time_ns",
            Unit::Begin,
            Shown::Always,
            "Start of the second, a whole second of the run's clock.",
        ),
        column(
            "seconds",
            Unit::Number,
            Shown::Never,
            "Seconds that the row stands for: 1, or more than 3600 in which nothing happened.",
        ),
        column(
            "busy_permille",
            Unit::Share,
            Shown::Always,
            "CPU time as a part of the busiest second's (without samples: calls), in thousandths.",
        ),
        column(
            "cpu_ns",
            Unit::Duration,
            Shown::Always,
            "CPU time in this second; `null` without samples.",
        ),
        column(
            "system_ns",
            Unit::Duration,
            Shown::Wide,
            "The part of it in the kernel.",
        ),
        column(
            "run_delay_ns",
            Unit::Duration,
            Shown::Wide,
            "Time ready to run and waiting for a CPU.",
        ),
        column(
            "rss_bytes",
            Unit::Bytes,
            Shown::Always,
            "Memory resident at its end, of all processes together.",
        ),
        column(
            "peak_rss_bytes",
            Unit::Bytes,
            Shown::Wide,
            "Most memory known to be resident at once: of one process sampled in it, ever, or of all at its end.",
        ),
        column(
            "bytes_read",
            Unit::Bytes,
            Shown::Always,
            "Bytes read or received: as calls returned them, or as sampled where no calls were recorded.",
        ),
        column(
            "bytes_written",
            Unit::Bytes,
            Shown::Always,
            "Bytes written or sent, likewise.",
        ),
        column(
            "disk_read_bytes",
            Unit::Bytes,
            Shown::Wide,
            "Bytes read from block devices, as sampled.",
        ),
        column(
            "disk_written_bytes",
            Unit::Bytes,
            Shown::Wide,
            "Bytes to be written to block devices, as sampled.",
        ),
        column(
            "calls",
            Unit::Count,
            Shown::Always,
            "Calls that ended in it, counted ones included.",
        ),
        column("errors", Unit::Count, Shown::Always, "Those that failed."),
        column(
            "call_ns",
            Unit::Duration,
            Shown::Wide,
            "Time spent in calls in this second, by all threads, waiting included.",
        ),
        column(
            "processes",
            Unit::Count,
            Shown::Wide,
            "Processes that lived in it.",
        ),
        column(
            "threads",
            Unit::Count,
            Shown::Wide,
            "Threads at its end, as sampled.",
        ),
        column(
            "machine_cpu_ns",
            Unit::Duration,
            Shown::Wide,
            "CPU time of the whole machine in it.",
        ),
        column("cpus", Unit::Number, Shown::Never, "CPUs of the machine."),
        column(
            "name",
            Unit::Text,
            Shown::Always,
            "`all`; with `--by-process` the process, with `--by-category` the category of the calls, then `null` where nothing happened.",
        ),
    ],
);

/// Makes the view.
pub(crate) fn new(options: &ViewOptions) -> Box<dyn Analysis> {
    let by = if options.by_process {
        By::Process
    } else if options.by_category {
        By::Category
    } else {
        By::All
    };
    Box::new(Seconds {
        by,
        filtered: options.filtered,
        without_data: options.run.without_data,
        ..Seconds::default()
    })
}

/// What rows are told apart by, beside the second.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum By {
    #[default]
    All,
    Process,
    Category,
}

/// What one second (of one process, of one category) held.
#[derive(Clone, Default, Debug)]
struct Sums {
    cpu_ns: u64,
    system_ns: u64,
    run_delay_ns: u64,
    rss_bytes: Option<u64>,
    threads: Option<u64>,
    peak_rss_bytes: u64,
    sampled_read: u64,
    sampled_written: u64,
    disk_read: u64,
    disk_written: u64,
    bytes_read: u64,
    bytes_written: u64,
    calls: u64,
    errors: u64,
    call_ns: u64,
}

#[derive(Default)]
struct Seconds {
    by: By,
    filtered: bool,
    without_data: bool,
    cells: BTreeMap<(i64, u32), Sums>,
    /// The cell used last, taken out of `cells`.
    current: Option<((i64, u32), Sums)>,
    /// States of processes: second, process, memory, threads, whether it ended.
    states: Vec<State>,
    machine: BTreeMap<i64, u64>,
    cpus: Option<u64>,
    has_samples: bool,
    has_calls: bool,
    left_out: u64,
    /// With a filter: processes that it let something through of.
    seen: Vec<bool>,
}

struct State {
    second: i64,
    process: ProcessId,
    rss_bytes: Option<u64>,
    threads: u64,
    is_last: bool,
}

impl Analysis for Seconds {
    fn step(&mut self, step: &Step<'_>, _: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        let is_call = matches!(step.kind, StepKind::Syscall | StepKind::LibraryCall);
        if !is_call && step.kind != StepKind::Folded {
            return ControlFlow::Continue(());
        }
        self.has_calls = true;
        self.saw(step.process);
        let group = match self.by {
            By::All => 0,
            By::Process => step.process.0,
            By::Category => category_number(step),
        };
        let duration_ns = step.duration_ns.unwrap_or(0).max(0);
        // What was folded is told at its time; its duration is the sum over many calls.
        let end_ns = step
            .time_ns
            .saturating_add(if is_call { duration_ns } else { 0 });
        if let Some(sums) = self.cell(second_of(end_ns), group) {
            if is_call {
                sums.calls += 1;
                sums.errors += u64::from(step.outcome.failed().is_some());
            } else {
                let (calls, errors) = crate::folded(step);
                sums.calls = sums.calls.saturating_add(calls);
                sums.errors = sums.errors.saturating_add(errors);
                sums.call_ns = sums.call_ns.saturating_add(duration_ns.unsigned_abs());
            }
            if step.outcome.failed().is_none() {
                for touch in [step.touch, step.second].into_iter().flatten() {
                    sums.move_bytes(&touch);
                }
            }
        }
        if duration_ns > 0 && is_call {
            let amount = duration_ns.unsigned_abs();
            split(
                step.time_ns,
                duration_ns,
                amount,
                SPLIT_SECONDS_MAX,
                |second, part| {
                    if let Some(sums) = self.cell(second, group) {
                        sums.call_ns = sums.call_ns.saturating_add(part);
                    }
                },
            );
        }
        ControlFlow::Continue(())
    }

    fn sample(&mut self, sample: &Sample, _: &World) {
        let usage = &sample.usage;
        if sample.is_machine() {
            self.cpus = usage.cpus.or(self.cpus);
            self.divide(sample, usage.cpu_ns, |seconds, second, part| {
                *seconds.machine.entry(second).or_default() += part;
            });
            return;
        }
        // Groups hold processes that are counted themselves, and others.
        let Some(process) = sample.process else {
            return;
        };
        self.has_samples = true;
        self.saw(process);
        if self.by == By::Category {
            return;
        }
        let group = if self.by == By::Process { process.0 } else { 0 };
        let mut add = |amount: Option<u64>, place: fn(&mut Sums) -> &mut u64| {
            self.divide(sample, amount, |seconds, second, part| {
                if let Some(sums) = seconds.cell(second, group) {
                    let place = place(sums);
                    *place = place.saturating_add(part);
                }
            });
        };
        add(usage.cpu_ns, |sums| &mut sums.cpu_ns);
        add(usage.system_ns, |sums| &mut sums.system_ns);
        add(usage.run_delay_ns, |sums| &mut sums.run_delay_ns);
        add(usage.read_bytes, |sums| &mut sums.sampled_read);
        add(usage.written_bytes, |sums| &mut sums.sampled_written);
        add(usage.disk_read_bytes, |sums| &mut sums.disk_read);
        add(usage.disk_written_bytes, |sums| &mut sums.disk_written);
        // The second in which most of the interval lies: states are those at its end.
        let second = second_of(sample.time_ns.saturating_add(sample.duration_ns / 2));
        let by = self.by;
        if let Some(sums) = self.cell(second, group) {
            let peak = usage.peak_rss_bytes.unwrap_or(0);
            sums.peak_rss_bytes = sums.peak_rss_bytes.max(peak);
            if by == By::Process {
                // The last sample of `bpf` does not tell it: what the process had before it ended is kept.
                sums.rss_bytes = usage.rss_bytes.or(sums.rss_bytes);
                sums.threads = usage.threads;
            }
        }
        self.states.push(State {
            second,
            process,
            rss_bytes: usage.rss_bytes,
            threads: usage.threads.unwrap_or(0),
            is_last: sample.is_last,
        });
    }

    fn rows(&mut self, world: &World, out: &mut dyn RowSink) -> Vec<String> {
        if let Some((key, sums)) = self.current.take() {
            self.cells.insert(key, sums);
        }
        if self.by == By::All {
            self.sum_states(world);
            self.level_cpu();
        }
        let mut notes = Vec::new();
        if self.left_out > 0 {
            notes.push(format!(
                "{} calls or samples are in no row: the run has too many seconds",
                self.left_out
            ));
        }
        if self.filtered && !self.has_samples && !self.has_calls {
            notes.push("no process, call or sample matches the filter".to_owned());
        } else if !self.has_samples && self.by != By::Category {
            let is_sampled = world.samples.iter().any(|sample| sample.process.is_some());
            notes.push(if is_sampled {
                "no sample matches the filter: CPU and memory are not shown".to_owned()
            } else {
                "no samples: CPU and memory are not known (recordings by ptrace and bpf have them)"
                    .to_owned()
            });
        }
        let _stopped: ControlFlow<()> = self.write(world, out);
        notes
    }
}

impl Seconds {
    /// The sums of a second; `None` once there are too many.
    fn cell(&mut self, second: i64, group: u32) -> Option<&mut Sums> {
        let key = (second, group);
        if self.current.as_ref().is_none_or(|(at, _)| *at != key) {
            if let Some((former, sums)) = self.current.take() {
                self.cells.insert(former, sums);
            }
            let is_known = self.cells.contains_key(&key);
            if !is_known && self.cells.len() >= CELLS_MAX {
                self.left_out += 1;
                return None;
            }
            let sums = self.cells.remove(&key).unwrap_or_default();
            self.current = Some((key, sums));
        }
        self.current.as_mut().map(|(_, sums)| sums)
    }

    fn saw(&mut self, process: ProcessId) {
        if self.filtered {
            if self.seen.len() <= process.index() {
                self.seen.resize(process.index() + 1, false);
            }
            if let Some(seen) = self.seen.get_mut(process.index()) {
                *seen = true;
            }
        }
    }

    /// Divides an amount of a sample among its seconds.
    fn divide(
        &mut self,
        sample: &Sample,
        amount: Option<u64>,
        mut take: impl FnMut(&mut Self, i64, u64),
    ) {
        if let Some(amount) = amount.filter(|amount| *amount > 0) {
            split(
                sample.time_ns,
                sample.duration_ns,
                amount,
                SPLIT_SECONDS_MAX,
                |second, part| take(self, second, part),
            );
        }
    }

    /// Memory and threads of all processes at the end of each second: a process keeps what was sampled last.
    fn sum_states(&mut self, world: &World) {
        self.states.sort_by_key(|state| state.second);
        let mut states = self.states.iter().peekable();
        let mut living: BTreeMap<ProcessId, (Option<u64>, u64)> = BTreeMap::new();
        let mut ends: BTreeSet<(i64, ProcessId)> = BTreeSet::new();
        for ((second, _), sums) in &mut self.cells {
            while let Some((_, process)) = ends.first().filter(|(end, _)| end < second).copied() {
                ends.pop_first();
                living.remove(&process);
            }
            while let Some(state) = states.next_if(|state| state.second <= *second) {
                if state.is_last {
                    living.remove(&state.process);
                    continue;
                }
                living.insert(state.process, (state.rss_bytes, state.threads));
                let end_ns = world
                    .process(state.process)
                    .and_then(|process| process.end_ns);
                ends.extend(end_ns.map(|end_ns| (second_of(end_ns), state.process)));
            }
            if !self.states.is_empty() {
                // Of none of them known is not none.
                let known = living.values().filter_map(|(rss, _)| *rss);
                sums.rss_bytes = known.reduce(u64::saturating_add);
                sums.threads = Some(living.values().map(|(_, threads)| threads).sum());
            }
        }
    }

    /// No second holds more CPU time than the machine has: what jitter of the readings put beyond goes to the next.
    fn level_cpu(&mut self) {
        let Some(cpus) = self.cpus else { return };
        let limit = cpus.saturating_mul(SECOND_NS.unsigned_abs());
        let mut values: Vec<u64> = self.cells.values().map(|sums| sums.cpu_ns).collect();
        level(&mut values, limit);
        for (sums, value) in self.cells.values_mut().zip(values) {
            sums.cpu_ns = value;
            sums.system_ns = sums.system_ns.min(value);
        }
    }

    fn write(&self, world: &World, out: &mut dyn RowSink) -> ControlFlow<()> {
        let weight = |sums: &Sums| {
            if self.has_samples && self.by != By::Category {
                sums.cpu_ns
            } else {
                sums.calls
            }
        };
        let most = self.cells.values().map(weight).max().unwrap_or(0).max(1);
        let lives = self.lives(world);
        let mut next = self.cells.keys().next().map(|(second, _)| *second);
        for ((second, group), sums) in &self.cells {
            while let Some(missing) = next.filter(|next| next < second) {
                let gap = second.saturating_sub(missing);
                let stands_for = if gap > IDLE_SECONDS_MAX { gap } else { 1 };
                let name = (self.by == By::All).then(|| b"all".to_vec());
                out.row(&self.cells_of(missing, stands_for, &Sums::default(), 0, &lives, name))?;
                next = Some(missing + stands_for);
            }
            next = Some(second.saturating_add(1));
            let name = match self.by {
                By::All => b"all".to_vec(),
                By::Process => process_label(world, ProcessId(*group)),
                By::Category => category_name(*group).into(),
            };
            let busy = u128::from(weight(sums)) * 1000 / u128::from(most);
            let busy = u64::try_from(busy).unwrap_or(1000);
            out.row(&self.cells_of(*second, 1, sums, busy, &lives, Some(name)))?;
        }
        ControlFlow::Continue(())
    }

    /// Changes of the number of living processes by second; empty when not asked for.
    fn lives(&self, world: &World) -> BTreeMap<i64, i64> {
        let mut changes: BTreeMap<i64, i64> = BTreeMap::new();
        if self.by == By::All {
            let counts = |id: ProcessId| !self.filtered || self.seen.get(id.index()) == Some(&true);
            for process in world.iter_processes().filter(|process| counts(process.id)) {
                *changes.entry(second_of(process.start_ns)).or_default() += 1;
                if let Some(end_ns) = process.end_ns {
                    *changes
                        .entry(second_of(end_ns).saturating_add(1))
                        .or_default() -= 1;
                }
            }
        }
        let mut living = 0;
        for change in changes.values_mut() {
            living += *change;
            *change = living;
        }
        changes
    }

    fn cells_of(
        &self,
        second: i64,
        stands_for: i64,
        sums: &Sums,
        busy: u64,
        lives: &BTreeMap<i64, i64>,
        name: Option<Vec<u8>>,
    ) -> Vec<Cell> {
        let sampled = |value: u64| {
            if self.has_samples && self.by != By::Category {
                Cell::int(value)
            } else {
                Cell::Null
            }
        };
        let called = |value: u64| {
            if self.has_calls {
                Cell::int(value)
            } else {
                Cell::Null
            }
        };
        let bytes = |of_calls: u64, of_samples: u64| {
            if self.has_calls && !self.without_data {
                Cell::int(of_calls)
            } else {
                sampled(of_samples)
            }
        };
        let living = lives
            .range(..=second)
            .next_back()
            .map(|(_, living)| *living);
        let peak = sums.peak_rss_bytes.max(sums.rss_bytes.unwrap_or(0));
        let machine = (self.by == By::All)
            .then(|| self.machine.get(&second))
            .flatten();
        vec![
            Cell::Int(second.saturating_mul(SECOND_NS)),
            Cell::Int(stands_for),
            Cell::int(busy),
            sampled(sums.cpu_ns),
            sampled(sums.system_ns),
            sampled(sums.run_delay_ns),
            Cell::int_or_null(sums.rss_bytes),
            Cell::int_or_null((peak > 0).then_some(peak)),
            bytes(sums.bytes_read, sums.sampled_read),
            bytes(sums.bytes_written, sums.sampled_written),
            sampled(sums.disk_read),
            sampled(sums.disk_written),
            called(sums.calls),
            called(sums.errors),
            called(sums.call_ns),
            Cell::int_or_null(living),
            Cell::int_or_null(sums.threads),
            Cell::int_or_null(machine.copied()),
            Cell::int_or_null(self.cpus),
            name.map_or(Cell::Null, Cell::Text),
        ]
    }
}

impl Sums {
    fn move_bytes(&mut self, touch: &Touch) {
        let bytes = touch.bytes.unwrap_or(0);
        if touch.action.is_output() {
            self.bytes_written = self.bytes_written.saturating_add(bytes);
        } else if matches!(touch.action, Action::Read | Action::Receive) {
            self.bytes_read = self.bytes_read.saturating_add(bytes);
        }
    }
}

/// Category of the call, by its place; the last number is that of library calls and unknown ones.
fn category_number(step: &Step<'_>) -> u32 {
    let place = step.syscall.and_then(|call| {
        let category = call.category();
        Category::ALL.iter().position(|other| *other == category)
    });
    place.map_or(u32::MAX, |place| u32::try_from(place).unwrap_or(u32::MAX))
}

fn category_name(number: u32) -> &'static [u8] {
    usize::try_from(number)
        .ok()
        .and_then(|place| Category::ALL.get(place))
        .map_or(&b"other"[..], |category| category.name().as_bytes())
}
