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

/// A stage behind the first: takes lines, and hands on those to which nothing more can come.
pub(super) trait Stage: std::fmt::Debug {
    /// Takes a line.
    fn push(&mut self, line: Line, world: &World, out: &mut dyn FnMut(Line));
    /// Hands everything on.
    fn flush(&mut self, out: &mut dyn FnMut(Line));
    /// Lines that wait.
    #[cfg(test)]
    fn waiting(&self) -> usize;
}

/// The first stage makes lines of calls, the others fold lines, each what the one before hands on.
#[derive(Debug)]
struct Stages {
    lives: Lives,
    folds: [Box<dyn Stage>; 5],
}

impl Default for Stages {
    fn default() -> Self {
        Self {
            lives: Lives::default(),
            folds: [
                Box::new(Fold::short()),
                Box::new(Fold::short()),
                Box::new(Fold::long()),
                Box::new(Mix::default()),
                Box::new(Fold::short()),
            ],
        }
    }
}

/// Takes a line through stages behind each other.
fn push(stages: &mut [Box<dyn Stage>], line: Line, world: &World, out: &mut dyn FnMut(Line)) {
    match stages.split_first_mut() {
        Some((first, rest)) => first.push(line, world, &mut |line| push(rest, line, world, out)),
        None => out(line),
    }
}

/// Empties stages behind each other.
fn flush(stages: &mut [Box<dyn Stage>], world: &World, out: &mut dyn FnMut(Line)) {
    if let Some((first, rest)) = stages.split_first_mut() {
        first.flush(&mut |line| push(rest, line, world, out));
        flush(rest, world, out);
    }
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
        let Stages { lives, folds } = &mut *stages;
        let mut keep = |line| self.keep(line, world, room);
        lives.push(step, name, counts, world, &mut |line| {
            push(folds, line, world, &mut keep);
        });
        self.stages = Some(stages);
    }

    /// Ends what is being folded: at a new image, at the end.
    pub(super) fn flush(&mut self, world: &World, room: &mut usize) {
        let Some(mut stages) = self.stages.take() else {
            return;
        };
        let Stages { lives, folds } = &mut *stages;
        let mut keep = |line| self.keep(line, world, room);
        lives.flush(world, &mut |line| push(folds, line, world, &mut keep));
        flush(folds, world, &mut keep);
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
            let folds: usize = stages.folds.iter().map(|stage| stage.waiting()).sum();
            stages.lives.waiting() + folds
        })
    }

    /// Whether lines are being folded.
    pub(super) fn is_open(&self) -> bool {
        self.stages.is_some()
    }
}
