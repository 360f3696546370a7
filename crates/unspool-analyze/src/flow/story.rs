//! The stages of one process behind each other, and the lines that came out.

use unspool_model::map::Map;
use unspool_model::step::Step;
use unspool_model::world::World;

use super::fold::Fold;
use super::line::{Line, Name};
use super::lives::Lives;
use super::mix::Mix;

/// Lines of one process that are kept one by one; later ones are only summed by kind.
pub const LINES_PER_PROCESS_MAX: usize = 20_000;
/// Lines of all processes that are kept one by one.
pub const LINES_MAX: usize = 400_000;
/// Kinds of lines that are summed behind the limit; all others are one.
pub const KINDS_BEHIND_MAX: usize = 256;

/// The flow of one process.
#[derive(Debug, Default)]
pub struct Story {
    /// Lines, in order of their first call.
    pub lines: Vec<Line>,
    /// Lines that were summed by kind because there were too many.
    pub summed: u64,
    stages: Option<Box<Stages>>,
    behind: Map<u64, usize>,
}

#[derive(Debug, Default)]
struct Stages {
    lives: Lives,
    inner: Fold,
    middle: Fold,
    mix: Mix,
    outer: Fold,
}

impl Story {
    /// Takes a step. `room` is how many lines all processes may still have.
    pub(super) fn push(
        &mut self,
        step: &Step<'_>,
        name: Name,
        counts: (u64, u64),
        world: &World,
        room: &mut usize,
    ) {
        let mut stages = self.stages.take().unwrap_or_default();
        let Stages {
            lives,
            inner,
            middle,
            mix,
            outer,
        } = &mut *stages;
        let mut keep = |line| self.keep(line, world, room);
        let mut outer = |line| outer.push(line, world, &mut keep);
        let mut mix = |line| mix.push(line, world, &mut outer);
        let mut middle = |line| middle.push(line, world, &mut mix);
        let mut inner = |line| inner.push(line, world, &mut middle);
        lives.push(step, name, counts, world, &mut inner);
        self.stages = Some(stages);
    }

    /// Ends what is being folded: at a new image, at the end.
    pub(super) fn flush(&mut self, world: &World, room: &mut usize) {
        let Some(mut stages) = self.stages.take() else {
            return;
        };
        let Stages {
            lives,
            inner,
            middle,
            mix,
            outer,
        } = &mut *stages;
        let mut keep = |line| self.keep(line, world, room);
        lives.flush(world, &mut |line| {
            inner.push(line, world, &mut |line| {
                middle.push(line, world, &mut |line| {
                    mix.push(line, world, &mut |line| outer.push(line, world, &mut keep));
                });
            });
        });
        inner.flush(&mut |line| {
            middle.push(line, world, &mut |line| {
                mix.push(line, world, &mut |line| outer.push(line, world, &mut keep));
            });
        });
        middle.flush(&mut |line| {
            mix.push(line, world, &mut |line| outer.push(line, world, &mut keep));
        });
        mix.flush(&mut |line| outer.push(line, world, &mut keep));
        outer.flush(&mut keep);
    }

    /// Keeps a line that stands by itself.
    pub(super) fn keep(&mut self, line: Line, world: &World, room: &mut usize) {
        if self.lines.len() < LINES_PER_PROCESS_MAX && *room > 0 {
            *room -= 1;
            self.lines.push(line);
            return;
        }
        self.summed += 1;
        self.sum_up(line, world);
    }

    fn sum_up(&mut self, line: Line, world: &World) {
        if !line.parts.is_empty() {
            for part in line.parts {
                self.sum_up(part, world);
            }
            return;
        }
        // Beyond the last kind all lines are added to one of its own, under the name of the first of them.
        let kind = if self.behind.len() < KINDS_BEHIND_MAX || self.behind.contains_key(&line.class)
        {
            line.class
        } else {
            0
        };
        let place = self.behind.get(&kind).copied();
        if let Some(known) = place.and_then(|place| self.lines.get_mut(place)) {
            known.merge(line, world);
        } else {
            self.behind.insert(kind, self.lines.len());
            self.lines.push(line);
        }
    }

    /// Lines that wait in the stages.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.stages.as_ref().map_or(0, |stages| {
            let Stages {
                lives,
                inner,
                middle,
                mix,
                outer,
            } = &**stages;
            lives.waiting() + inner.waiting() + middle.waiting() + mix.waiting() + outer.waiting()
        })
    }

    /// Whether lines are being folded.
    pub(super) fn is_open(&self) -> bool {
        self.stages.is_some()
    }
}
