//! Few kinds of lines that keep coming in changing order become one line.

use std::collections::VecDeque;

use unspool_model::world::World;

use super::line::{Line, Style};
use super::story::Stage;

/// Lines that are looked at together.
pub const MIX_WINDOW: usize = 64;
/// The last lines that are looked at by themselves, so that short mixes are seen too.
const MIX_WINDOW_SHORT: usize = 16;
/// Lines that must come for each kind, on average.
const LINES_PER_KIND: usize = 4;
/// Kinds that a mix may grow to.
pub const MEMBERS_MAX: usize = 24;
/// Lines of other kinds in a row that a mix may take in when it goes on behind them.
const GUESTS_MAX: usize = 8;

/// Folds mixes.
#[derive(Debug, Default)]
pub(super) struct Mix {
    /// The mix that goes on; `lines` came behind it.
    going_on: Option<Line>,
    lines: VecDeque<Line>,
    /// How often each kind stands in `lines`, while no mix goes on.
    kinds: Vec<(u64, usize)>,
}

impl Stage for Mix {
    /// Takes a line; hands those on that belong to no mix.
    fn push(&mut self, line: Line, world: &World, out: &mut dyn FnMut(Line)) {
        let Some(mix) = &mut self.going_on else {
            self.wait(line, world, out);
            return;
        };
        let is_member = is_made_of(&line, mix);
        self.lines.push_back(line);
        if is_member && fits(mix, &self.lines) {
            for line in self.lines.drain(..) {
                take(mix, line, world);
            }
        } else if is_member || self.lines.len() > GUESTS_MAX {
            self.end(out);
            for line in std::mem::take(&mut self.lines) {
                self.wait(line, world, out);
            }
        }
    }

    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.lines.len()
    }

    fn flush(&mut self, out: &mut dyn FnMut(Line)) {
        self.end(out);
        for line in self.lines.drain(..) {
            out(line);
        }
        self.kinds.clear();
    }
}

impl Mix {
    fn end(&mut self, out: &mut dyn FnMut(Line)) {
        if let Some(mut mix) = self.going_on.take() {
            mix.reclass();
            out(mix);
        }
    }

    /// A line while no mix goes on.
    fn wait(&mut self, line: Line, world: &World, out: &mut dyn FnMut(Line)) {
        each_kind(&line, &mut |kind| count(&mut self.kinds, kind));
        self.lines.push_back(line);
        let whole = self.lines.len() >= MIX_WINDOW
            && self.kinds.len() * LINES_PER_KIND <= MIX_WINDOW
            && self.kinds.len() <= MEMBERS_MAX;
        if whole {
            self.begin(self.lines.len(), world, out);
        } else if self.lines.len().is_multiple_of(LINES_PER_KIND) && self.is_short_mix() {
            self.begin(MIX_WINDOW_SHORT, world, out);
        } else if self.lines.len() >= MIX_WINDOW
            && let Some(line) = self.lines.pop_front()
        {
            each_kind(&line, &mut |kind| uncount(&mut self.kinds, kind));
            out(line);
        }
    }

    fn is_short_mix(&self) -> bool {
        if self.lines.len() < MIX_WINDOW_SHORT {
            return false;
        }
        let mut kinds = Vec::new();
        for line in self.lines.iter().rev().take(MIX_WINDOW_SHORT) {
            each_kind(line, &mut |kind| count(&mut kinds, kind));
            if kinds.len() * LINES_PER_KIND > MIX_WINDOW_SHORT {
                return false;
            }
        }
        true
    }

    /// The last `len` lines are a mix; those before them go on.
    fn begin(&mut self, len: usize, world: &World, out: &mut dyn FnMut(Line)) {
        let rest = self.lines.split_off(self.lines.len().saturating_sub(len));
        for line in std::mem::replace(&mut self.lines, rest) {
            out(line);
        }
        self.kinds.clear();
        let mut mix = Line::fold(Style::Mixed, Vec::new());
        mix.times = 0;
        for line in self.lines.drain(..) {
            take(&mut mix, line, world);
        }
        self.going_on = Some(mix);
    }
}

/// Classes of the lines of calls in a line.
fn each_kind(line: &Line, take: &mut dyn FnMut(u64)) {
    if line.parts.is_empty() {
        take(line.class);
    }
    for part in &line.parts {
        each_kind(part, take);
    }
}

fn count(kinds: &mut Vec<(u64, usize)>, kind: u64) {
    match kinds.iter_mut().find(|known| known.0 == kind) {
        Some(known) => known.1 += 1,
        None => kinds.push((kind, 1)),
    }
}

fn uncount(kinds: &mut Vec<(u64, usize)>, kind: u64) {
    if let Some(place) = kinds.iter().position(|known| known.0 == kind)
        && let Some(known) = kinds.get_mut(place)
    {
        known.1 -= 1;
        if known.1 == 0 {
            kinds.swap_remove(place);
        }
    }
}

/// Whether the mix has all kinds of the line.
fn is_made_of(line: &Line, mix: &Line) -> bool {
    let mut all = true;
    each_kind(line, &mut |kind| {
        all &= mix.parts.iter().any(|part| part.class == kind);
    });
    all
}

/// Whether the mix may take these lines. One that takes in everything says nothing: each kind must come eight times on
/// average.
fn fits(mix: &Line, lines: &VecDeque<Line>) -> bool {
    let mut guests = Vec::new();
    for line in lines {
        each_kind(line, &mut |kind| {
            if mix.parts.iter().all(|part| part.class != kind) {
                count(&mut guests, kind);
            }
        });
    }
    let members = mix.parts.len() + guests.len();
    let needed = 2 * LINES_PER_KIND * members;
    guests.is_empty()
        || (members <= MEMBERS_MAX && mix.times >= u64::try_from(needed).unwrap_or(u64::MAX))
}

/// Takes the lines of calls of a line into the mix; `times` of a mix counts lines.
fn take(mix: &mut Line, line: Line, world: &World) {
    if !line.parts.is_empty() {
        for part in line.parts {
            take(mix, part, world);
        }
        return;
    }
    mix.sum(&line);
    mix.times = mix.times.saturating_add(1);
    let known = mix.parts.iter_mut().find(|part| part.class == line.class);
    match known {
        Some(part) => part.merge(line, world),
        None => mix.parts.push(line),
    }
}
