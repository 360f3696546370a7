//! Second stage: sequences of lines that come again in the same order become one line.
//!
//! For every distance up to [`PERIOD_MAX`] it is counted how many lines in a row were alike to the line that far before.
//! A count of a whole period says that the period came again. So each line costs the same, however long the trace.

use std::collections::VecDeque;

use unspool_model::world::World;

use super::line::{Line, Style};

/// Lines of the longest sequence that is seen to come again.
pub const PERIOD_MAX: usize = 16;
/// Lines of calls that one folded line may hold, over all levels.
pub const WEIGHT_MAX: usize = 64;
/// Rounds that make a sequence a repetition: with the same arguments, and with others.
const ROUNDS_EXACT: usize = 2;
const ROUNDS_ALIKE: usize = 3;
/// Lines that wait for their repetition.
const WINDOW: usize = (ROUNDS_ALIKE + 1) * PERIOD_MAX;

/// Folds repetitions of one level; levels come from stages behind each other.
#[derive(Debug, Default)]
pub(super) struct Fold {
    lines: VecDeque<Line>,
    /// Class and exact class of the last arrivals, the last one first.
    arrivals: VecDeque<(u64, u64)>,
    /// By distance: arrivals in a row that were alike, and that were the same.
    alike: [usize; PERIOD_MAX + 1],
    same: [usize; PERIOD_MAX + 1],
    /// Lines at the end that arrived after the last folded one.
    fresh: usize,
    /// Period of the folded line before them, while the repetition goes on.
    period: Option<usize>,
}

impl Fold {
    /// Takes a line; hands those on for which nothing can come any more.
    pub(super) fn push(&mut self, line: Line, world: &World, out: &mut dyn FnMut(Line)) {
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
        while self.lines.len() > WINDOW {
            if let Some(line) = self.lines.pop_front() {
                out(line);
            }
        }
        self.fresh = self.fresh.min(self.lines.len());
    }

    /// Lines that wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lines.len()
    }

    /// Hands everything on.
    pub(super) fn flush(&mut self, out: &mut dyn FnMut(Line)) {
        for line in self.lines.drain(..) {
            out(line);
        }
        *self = Self::default();
    }

    fn arrive(&mut self, line: &Line) {
        for distance in 2..=PERIOD_MAX {
            let before = self.arrivals.get(distance - 1);
            let alike = before.is_some_and(|before| before.0 == line.class);
            let same = before.is_some_and(|before| before.1 == line.exact);
            self.alike[distance] = if alike { self.alike[distance] + 1 } else { 0 };
            self.same[distance] = if same { self.same[distance] + 1 } else { 0 };
        }
        self.arrivals.push_front((line.class, line.exact));
        self.arrivals.truncate(PERIOD_MAX);
    }

    /// Whether the repetition before the fresh lines goes on; a whole round is taken into it.
    fn go_on(&mut self, world: &World) -> bool {
        let Some(period) = self.period else {
            return false;
        };
        if self.alike[period] == 0 {
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
        for period in 2..=PERIOD_MAX {
            let rounds = if self.same[period] >= period * (ROUNDS_EXACT - 1) {
                ROUNDS_EXACT
            } else if self.alike[period] >= period * (ROUNDS_ALIKE - 1) {
                ROUNDS_ALIKE
            } else {
                continue;
            };
            let count = period * rounds;
            if count > self.fresh {
                continue;
            }
            let weight: usize = self.lines.iter().rev().take(period).map(Line::weight).sum();
            if weight > WEIGHT_MAX {
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
