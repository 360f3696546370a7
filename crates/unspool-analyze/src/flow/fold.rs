//! Sequences of lines that come again in the same order become one line.
//!
//! For a distance it is counted how many lines in a row were alike to the line that far before. A count of a whole period says
//! that the period came again. The first two stages count for every distance up to [`PERIOD_MAX`]; a third, for longer
//! sequences, only for those at which the last three lines came before. So each line costs the same, however long the trace.

use std::collections::VecDeque;

use unspool_model::map::Map;
use unspool_model::world::World;

use super::line::{Line, Style};
use super::story::Stage;

/// Lines of the longest sequence for which every distance is counted.
pub const PERIOD_MAX: usize = 16;
/// Lines of the longest sequence that is seen to come again.
pub const PERIOD_LONG_MAX: usize = 128;
/// Lines of calls that one folded line may hold, over all levels.
pub const WEIGHT_MAX: usize = 64;
/// The same for long sequences.
pub const WEIGHT_LONG_MAX: usize = 256;
/// Rounds that make a sequence a repetition: with the same arguments, and with others.
const ROUNDS_EXACT: usize = 2;
const ROUNDS_ALIKE: usize = 3;
/// Lines that wait for their repetition, for each line of the longest period.
pub(super) const WAITING_PER_LINE: usize = ROUNDS_ALIKE + 1;
/// Long distances that are counted at the same time.
const WATCHED_MAX: usize = 8;
/// Lines in a row that must have come before for a long distance to be counted.
const GRAM: usize = 3;

/// Folds repetitions of one level; levels come from stages behind each other.
#[derive(Debug)]
pub(super) struct Fold {
    lines: VecDeque<Line>,
    /// Class and exact class of the last arrivals, the last one first.
    arrivals: VecDeque<(u64, u64)>,
    /// Distances that are counted, in order.
    counters: Vec<Counter>,
    /// Lines at the end that arrived after the last folded one.
    fresh: usize,
    /// Period of the folded line before them, while the repetition goes on.
    period: Option<usize>,
    grams: Option<Grams>,
}

/// Arrivals in a row that were alike to, and that were the same as, the line this far before.
#[derive(Clone, Copy, Debug)]
struct Counter {
    distance: usize,
    alike: usize,
    same: usize,
}

/// Where three lines in a row came last, by their classes: arrivals are numbered.
#[derive(Debug, Default)]
struct Grams {
    places: Map<[u64; GRAM], u64>,
    arrived: u64,
}

impl Grams {
    /// How far before the last three lines came, too.
    fn distance(&mut self, arrivals: &VecDeque<(u64, u64)>) -> Option<usize> {
        self.arrived += 1;
        // What is out of reach is forgotten now and then.
        if self.places.len() > 4 * PERIOD_LONG_MAX {
            let reach = self.arrived.saturating_sub(PERIOD_LONG_MAX as u64);
            self.places.retain(|_, place| *place >= reach);
        }
        let mut gram = [0; GRAM];
        for (class, arrival) in gram.iter_mut().zip(arrivals) {
            *class = arrival.0;
        }
        let before = self.places.insert(gram, self.arrived)?;
        usize::try_from(self.arrived - before).ok()
    }
}

impl Fold {
    /// For sequences of up to [`PERIOD_MAX`] lines.
    pub(super) fn short() -> Self {
        let counter = |distance| Counter {
            distance,
            alike: 0,
            same: 0,
        };
        Self {
            lines: VecDeque::new(),
            arrivals: VecDeque::new(),
            counters: (2..=PERIOD_MAX).map(counter).collect(),
            fresh: 0,
            period: None,
            grams: None,
        }
    }

    /// For sequences of more than [`PERIOD_MAX`] and up to [`PERIOD_LONG_MAX`] lines.
    pub(super) fn long() -> Self {
        Self {
            counters: Vec::new(),
            grams: Some(Grams::default()),
            ..Self::short()
        }
    }

    fn reach(&self) -> usize {
        if self.grams.is_some() {
            PERIOD_LONG_MAX
        } else {
            PERIOD_MAX
        }
    }
}

impl Stage for Fold {
    /// Takes a line; hands those on for which nothing can come any more.
    fn push(&mut self, line: Line, world: &World, out: &mut dyn FnMut(Line)) {
        if let Some(last) = self.lines.back_mut()
            && last.class == line.class
        {
            last.merge(line, world);
            return;
        }
        self.arrive(&line);
        self.lines.push_back(line);
        self.fresh += 1;
        if !self.go_on(world) {
            self.detect(world);
        }
        while self.lines.len() > WAITING_PER_LINE * self.reach() {
            if let Some(line) = self.lines.pop_front() {
                out(line);
            }
        }
        self.fresh = self.fresh.min(self.lines.len());
    }

    fn flush(&mut self, out: &mut dyn FnMut(Line)) {
        for line in self.lines.drain(..) {
            out(line);
        }
        *self = if self.grams.is_some() {
            Self::long()
        } else {
            Self::short()
        };
    }

    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.lines.len()
    }
}

impl Fold {
    fn arrive(&mut self, line: &Line) {
        for counter in &mut self.counters {
            let before = self.arrivals.get(counter.distance - 1);
            let alike = before.is_some_and(|before| before.0 == line.class);
            let same = before.is_some_and(|before| before.1 == line.exact);
            counter.alike = if alike { counter.alike + 1 } else { 0 };
            counter.same = if same { counter.same + 1 } else { 0 };
        }
        let reach = self.reach();
        self.arrivals.push_front((line.class, line.exact));
        self.arrivals.truncate(reach + GRAM);
        if self.grams.is_some() {
            self.watch();
        }
    }

    /// Counts for a distance at which the last lines came, too; stops counting where lines differ.
    fn watch(&mut self) {
        self.counters.retain(|counter| counter.alike > 0);
        let Some(distance) = self
            .grams
            .as_mut()
            .and_then(|grams| grams.distance(&self.arrivals))
        else {
            return;
        };
        let is_new = self
            .counters
            .iter()
            .all(|counter| counter.distance != distance);
        let is_long = (PERIOD_MAX + 1..=PERIOD_LONG_MAX).contains(&distance);
        if is_new && is_long && self.counters.len() < WATCHED_MAX {
            let is_same = |at: &usize| {
                let (one, other) = (self.arrivals.get(*at), self.arrivals.get(at + distance));
                one.map(|one| one.1) == other.map(|other| other.1)
            };
            let same = (0..GRAM).take_while(is_same).count();
            self.counters.push(Counter {
                distance,
                alike: GRAM,
                same,
            });
            self.counters
                .sort_unstable_by_key(|counter| counter.distance);
        }
    }

    /// Whether the repetition before the fresh lines goes on; a whole round is taken into it.
    fn go_on(&mut self, world: &World) -> bool {
        let Some(period) = self.period else {
            return false;
        };
        let goes_on = self
            .counters
            .iter()
            .any(|counter| counter.distance == period && counter.alike > 0);
        if !goes_on {
            self.period = None;
            return false;
        }
        if self.fresh == period {
            let round = self.lines.split_off(self.lines.len() - period);
            if let Some(folded) = self.lines.back_mut() {
                add_round(folded, round, world);
            }
            self.fresh = 0;
        }
        true
    }

    fn detect(&mut self, world: &World) {
        let weight_max = if self.grams.is_some() {
            WEIGHT_LONG_MAX
        } else {
            WEIGHT_MAX
        };
        for at in 0..self.counters.len() {
            let Some(counter) = self.counters.get_mut(at) else {
                return;
            };
            let period = counter.distance;
            let rounds = if counter.same >= period * (ROUNDS_EXACT - 1) {
                ROUNDS_EXACT
            } else if counter.alike >= period * (ROUNDS_ALIKE - 1) {
                ROUNDS_ALIKE
            } else {
                continue;
            };
            let count = period * rounds;
            if count > self.fresh {
                continue;
            }
            let weight: usize = self.lines.iter().rev().take(period).map(Line::weight).sum();
            if weight > weight_max {
                // Weighed again after as many lines.
                (counter.alike, counter.same) = (0, 0);
                continue;
            }
            let mut rest = self.lines.split_off(self.lines.len() - count);
            let mut next = rest.split_off(period);
            let mut folded = Line::fold(Style::Repeated, rest.into());
            while !next.is_empty() {
                let later = next.split_off(period);
                add_round(&mut folded, next, world);
                next = later;
            }
            self.lines.push_back(folded);
            self.fresh = 0;
            self.period = Some(period);
            return;
        }
    }
}

/// Adds a round to a folded line; its lines are of the same classes in the same order.
fn add_round(folded: &mut Line, round: VecDeque<Line>, world: &World) {
    for line in &round {
        folded.sum(line);
    }
    folded.times = folded.times.saturating_add(1);
    for (part, line) in folded.parts.iter_mut().zip(round) {
        part.merge(line, world);
    }
}
