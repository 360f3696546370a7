//! Phases of a run: when it worked, worked hard, waited, and when nothing was under way.
//!
//! Time is divided into at most [`SLOTS_MAX`] slots of one width; when the run outgrows them, the width doubles. So memory
//! is the same for a second and for a year.

use std::ops::ControlFlow;

use unspool_model::event::ClockKind;
use unspool_model::report::{Cell, RowSink, Shape, Shown, Unit};
use unspool_model::step::{Step, StepKind};
use unspool_model::syscalls::{Category, Syscall};
use unspool_model::world::{Traffic, World};

use crate::{Analysis, ViewOptions, column, table};

/// Slots that time is divided into.
pub const SLOTS_MAX: usize = 1024;
/// Width of the first slots: finer than a call takes.
const WIDTH_FIRST_NS: u64 = 1024;
/// A phase is at least this part of the run; shorter ones belong to their neighbour.
const SHARE_MIN: usize = 50;
/// A phase is at least so long, whatever the run: less is how the scheduler dealt, not what the job did.
const PHASE_NS_MIN: u64 = 20_000_000;
/// Slots into which the whole run falls at the end, whatever its length.
const SLOTS_WANTED: usize = 256;
/// Rate of calls against the middle rate that makes a peak.
const PEAK_FACTOR: u64 = 4;

/// Shape of the rows.
pub const SHAPE: Shape = table(
    "phases",
    &[
        column("start_ns", Unit::Time, Shown::Always, "When it began."),
        column("end_ns", Unit::Time, Shown::Wide, "When it ended."),
        column(
            "duration_ns",
            Unit::Duration,
            Shown::Always,
            "How long it was.",
        ),
        column(
            "phase",
            Unit::Text,
            Shown::Always,
            "`busy`, `peak` (over four times as many calls a second as in the middle), `wait` (no new call, some under way), `silence` (none at all: computing, or stopped).",
        ),
        column(
            "calls",
            Unit::Count,
            Shown::Always,
            "Calls that began in it.",
        ),
        column(
            "calls_per_s",
            Unit::Count,
            Shown::Always,
            "The same by second.",
        ),
        column(
            "bytes_read",
            Unit::Bytes,
            Shown::Always,
            "Bytes that reads returned.",
        ),
        column(
            "bytes_written",
            Unit::Bytes,
            Shown::Always,
            "Bytes that writes returned.",
        ),
        column(
            "mostly",
            Unit::Text,
            Shown::Always,
            "Kind of system call that most of them were; null where there were none.",
        ),
    ],
);

/// Makes the view.
pub(crate) fn new(_: &ViewOptions) -> Box<dyn Analysis> {
    Box::new(Phases::default())
}

/// What a phase is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PhaseKind {
    /// Calls are made.
    Busy,
    /// Many more than otherwise.
    Peak,
    /// None is made, some are under way.
    Wait,
    /// None is under way.
    Silence,
}

impl PhaseKind {
    /// Word in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Peak => "peak",
            Self::Wait => "wait",
            Self::Silence => "silence",
        }
    }
}

/// A phase.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Phase {
    /// What it is.
    pub kind: PhaseKind,
    /// When it began.
    pub start_ns: i64,
    /// When it ended.
    pub end_ns: i64,
    /// Calls that began in it.
    pub calls: u64,
    /// Bytes moved by them.
    pub traffic: Traffic,
    /// Calls by category, in the order of [`Category::ALL`].
    pub categories: [u64; Category::ALL.len()],
}

impl Phase {
    /// Calls by second.
    pub fn rate(&self) -> u64 {
        let ns = self
            .end_ns
            .saturating_sub(self.start_ns)
            .max(1)
            .unsigned_abs();
        let rate = u128::from(self.calls) * 1_000_000_000 / u128::from(ns);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// Category of most of its calls.
    pub fn mostly(&self) -> Option<Category> {
        let most = self
            .categories
            .iter()
            .copied()
            .max()
            .filter(|most| *most > 0)?;
        let place = self.categories.iter().position(|count| *count == most)?;
        Category::ALL.get(place).copied()
    }

    /// `1204 calls, 34000 a second, mostly file`.
    pub fn sentence(&self) -> String {
        match self.mostly() {
            Some(mostly) => format!(
                "{} calls, {} a second, mostly {}",
                self.calls,
                self.rate(),
                mostly.name()
            ),
            None => format!("{} calls", self.calls),
        }
    }
}

/// One slot of time.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    calls: u64,
    /// Calls under way at its end against its beginning.
    under_way: i64,
    traffic: Traffic,
    categories: [u64; Category::ALL.len()],
}

impl Slot {
    fn add(&mut self, other: &Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.under_way = self.under_way.saturating_add(other.under_way);
        self.traffic.add(other.traffic);
        for (sum, count) in self.categories.iter_mut().zip(other.categories) {
            *sum = sum.saturating_add(count);
        }
    }
}

/// Collects what phases are made of.
#[derive(Debug)]
pub struct Phases {
    origin_ns: i64,
    /// End of the last call, relative to the origin.
    last: u64,
    width: u64,
    slots: Vec<Slot>,
}

impl Default for Phases {
    fn default() -> Self {
        Self {
            origin_ns: 0,
            last: 0,
            width: WIDTH_FIRST_NS,
            slots: Vec::new(),
        }
    }
}

impl Phases {
    /// Takes a step.
    pub fn step(&mut self, step: &Step<'_>) {
        if !matches!(step.kind, StepKind::Syscall | StepKind::LibraryCall) {
            return;
        }
        if self.slots.is_empty() {
            self.origin_ns = step.time_ns;
        }
        // What is told to have been before the first call belongs to the first slot.
        let start = u64::try_from(step.time_ns.saturating_sub(self.origin_ns)).unwrap_or(0);
        let duration = u64::try_from(step.duration_ns.unwrap_or(0)).unwrap_or(0);
        let end = start.saturating_add(duration);
        self.last = self.last.max(end);
        self.reach(end);
        if let Some(slot) = self.slot(start) {
            slot.calls += 1;
            slot.under_way += 1;
            if let Some(touch) = step.touch
                && step.outcome.failed().is_none()
            {
                let bytes = touch.bytes.unwrap_or(0);
                slot.traffic.add(Traffic::of(touch.action, 1, bytes));
            }
            let category = step.syscall.map_or(Category::Other, Syscall::category);
            let place = Category::ALL.iter().position(|known| *known == category);
            if let Some(count) = place.and_then(|place| slot.categories.get_mut(place)) {
                *count += 1;
            }
        }
        if let Some(slot) = self.slot(end) {
            slot.under_way -= 1;
        }
    }

    fn slot(&mut self, at: u64) -> Option<&mut Slot> {
        let place = usize::try_from(at / self.width).ok()?;
        self.slots.get_mut(place)
    }

    /// Makes the slots reach to this time.
    fn reach(&mut self, at: u64) {
        while at / self.width >= SLOTS_MAX as u64 {
            self.slots = halved(&self.slots);
            self.width = self.width.saturating_mul(2);
        }
        let count = usize::try_from(at / self.width).unwrap_or(0) + 1;
        if self.slots.len() < count {
            self.slots.resize(count, Slot::default());
        }
    }

    /// The phases; none where the times of the run say nothing.
    pub fn list(&self, clock: ClockKind) -> Vec<Phase> {
        if clock == ClockKind::None || self.slots.is_empty() {
            return Vec::new();
        }
        let mut slots = self.slots.clone();
        let mut width = self.width;
        while slots.len() > SLOTS_WANTED {
            slots = halved(&slots);
            width = width.saturating_mul(2);
        }
        let kinds = kinds(&slots);
        let mut runs: Vec<(PhaseKind, usize, usize)> = Vec::new();
        for (place, kind) in kinds.into_iter().enumerate() {
            match runs.last_mut() {
                Some(run) if run.0 == kind => run.2 = place + 1,
                _ => runs.push((kind, place, place + 1)),
            }
        }
        let slots_min = usize::try_from(PHASE_NS_MIN.div_ceil(width)).unwrap_or(usize::MAX);
        let runs = without_short(runs, slots.len().div_ceil(SHARE_MIN).max(slots_min));
        let time = |place: usize| {
            let after = width.saturating_mul(place as u64).min(self.last);
            self.origin_ns
                .saturating_add(i64::try_from(after).unwrap_or(i64::MAX))
        };
        runs.iter()
            .map(|(kind, from, to)| {
                let mut sum = Slot::default();
                for slot in slots.get(*from..*to).unwrap_or(&[]) {
                    sum.add(slot);
                }
                Phase {
                    kind: *kind,
                    start_ns: time(*from),
                    end_ns: time(*to),
                    calls: sum.calls,
                    traffic: sum.traffic,
                    categories: sum.categories,
                }
            })
            .collect()
    }
}

/// Half as many slots of twice the width.
fn halved(slots: &[Slot]) -> Vec<Slot> {
    slots
        .chunks(2)
        .map(|pair| {
            let mut sum = Slot::default();
            for slot in pair {
                sum.add(slot);
            }
            sum
        })
        .collect()
}

/// What each slot is.
fn kinds(slots: &[Slot]) -> Vec<PhaseKind> {
    let mut rates: Vec<u64> = slots
        .iter()
        .map(|slot| slot.calls)
        .filter(|calls| *calls > 0)
        .collect();
    rates.sort_unstable();
    let middle = rates.get(rates.len() / 2).copied().unwrap_or(0);
    let peak = middle.saturating_mul(PEAK_FACTOR);
    let mut under_way: i64 = 0;
    slots
        .iter()
        .map(|slot| {
            let before = under_way;
            under_way += slot.under_way;
            if slot.calls > peak {
                PhaseKind::Peak
            } else if slot.calls > 0 {
                PhaseKind::Busy
            } else if before > 0 {
                PhaseKind::Wait
            } else {
                PhaseKind::Silence
            }
        })
        .collect()
}

/// Joins runs that are shorter than `slots_min` to the one before them (the first to the one behind it). What is joined is
/// what most of its slots are.
fn without_short(
    runs: Vec<(PhaseKind, usize, usize)>,
    slots_min: usize,
) -> Vec<(PhaseKind, usize, usize)> {
    let mut kept: Vec<Joined> = Vec::new();
    for (kind, from, to) in runs {
        let short = to - from < slots_min;
        match kept.last_mut() {
            Some(last) if short || last.kind() == kind || last.to - last.from < slots_min => {
                last.add(kind, to);
            }
            _ => {
                let mut joined = Joined {
                    from,
                    to: from,
                    slots: [0; 4],
                };
                joined.add(kind, to);
                kept.push(joined);
            }
        }
    }
    let mut list: Vec<(PhaseKind, usize, usize)> = Vec::new();
    for joined in kept {
        match list.last_mut() {
            Some(last) if last.0 == joined.kind() => last.2 = joined.to,
            _ => list.push((joined.kind(), joined.from, joined.to)),
        }
    }
    list
}

/// Runs that were joined, with their slots by kind.
struct Joined {
    from: usize,
    to: usize,
    slots: [usize; 4],
}

impl Joined {
    const KINDS: [PhaseKind; 4] = [
        PhaseKind::Busy,
        PhaseKind::Peak,
        PhaseKind::Wait,
        PhaseKind::Silence,
    ];

    fn add(&mut self, kind: PhaseKind, to: usize) {
        for (known, slots) in Self::KINDS.iter().zip(&mut self.slots) {
            if *known == kind {
                *slots += to - self.to;
            }
        }
        self.to = to;
    }

    fn kind(&self) -> PhaseKind {
        let most = self.slots.iter().copied().max().unwrap_or(0);
        let place = self.slots.iter().position(|slots| *slots == most);
        place
            .and_then(|place| Self::KINDS.get(place).copied())
            .unwrap_or(PhaseKind::Busy)
    }
}

impl Analysis for Phases {
    fn step(&mut self, step: &Step<'_>, _: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        Self::step(self, step);
        ControlFlow::Continue(())
    }

    fn rows(&mut self, world: &World, out: &mut dyn RowSink) -> Vec<String> {
        for phase in self.list(world.clock) {
            let mostly = phase.mostly();
            let flow = out.row(&[
                Cell::Int(phase.start_ns),
                Cell::Int(phase.end_ns),
                Cell::Int(phase.end_ns.saturating_sub(phase.start_ns)),
                Cell::text(phase.kind.name().as_bytes()),
                Cell::int(phase.calls),
                Cell::int(phase.rate()),
                Cell::int(phase.traffic.bytes_read),
                Cell::int(phase.traffic.bytes_written),
                mostly.map_or(Cell::Null, |mostly| Cell::text(mostly.name().as_bytes())),
            ]);
            if flow.is_break() {
                break;
            }
        }
        if world.clock == ClockKind::None && !self.slots.is_empty() {
            return vec!["the log has no times: its phases are not known".to_owned()];
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
