//! Time in calls by process path, and the view `flame` of it.

mod fold;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use unspool_model::report::{Cell, Layout, RowSink, Shape, Shown, Unit};
use unspool_model::stacks::{Children, Spent, Stacks, Weight};
use unspool_model::step::Step;
use unspool_model::world::World;

use crate::{Analysis, ViewOptions, column};

pub use fold::{FRAMES_MAX, PATH_FRAMES_MAX, StackFold};

/// Frames with less than so many thousandths of the whole are one row with their number.
pub const SMALL_PERMILLE: u64 = 5;

/// Shape of the rows.
pub const SHAPE: Shape = Shape {
    kind: "flame",
    columns: &[
        column("id", Unit::Number, Shown::Never, "Number of the row."),
        column(
            "parent",
            Unit::Number,
            Shown::Never,
            "Row of the path above it; `null` for the first processes.",
        ),
        column(
            "kind",
            Unit::Text,
            Shown::Never,
            "`process` (all of one name below one path), `call`, or `rest` (small ones, in one row).",
        ),
        column(
            "frames",
            Unit::Number,
            Shown::Never,
            "How many paths the row stands for: 1, but for `rest`.",
        ),
        column(
            "time_ns",
            Unit::Duration,
            Shown::Always,
            "Time in calls, waiting included, with everything below.",
        ),
        column(
            "share_permille",
            Unit::Share,
            Shown::Always,
            "The part of the whole run's, in thousandths; of its calls where no call has a duration.",
        ),
        column(
            "calls",
            Unit::Count,
            Shown::Always,
            "Calls, with everything below.",
        ),
        column("errors", Unit::Count, Shown::Wide, "Those that failed."),
        column(
            "bytes",
            Unit::Bytes,
            Shown::Always,
            "Bytes that they moved.",
        ),
        column(
            "name",
            Unit::Text,
            Shown::Always,
            "Name of the program or call.",
        ),
    ],
    layout: Layout::Tree {
        id: "id",
        parent: "parent",
    },
};

/// Makes the view.
pub(crate) fn new(_: &ViewOptions) -> Box<dyn Analysis> {
    Box::new(Flame::default())
}

#[derive(Default)]
struct Flame {
    fold: StackFold,
}

impl Analysis for Flame {
    fn step(&mut self, step: &Step<'_>, world: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        self.fold.add(step, world);
        ControlFlow::Continue(())
    }

    fn rows(&mut self, _: &World, out: &mut dyn RowSink) -> Vec<String> {
        let (stacks, mut notes) = std::mem::take(&mut self.fold).finish();
        let totals = stacks.totals();
        let weight = if stacks.total().time_ns > 0 {
            Weight::Time
        } else {
            Weight::Calls
        };
        if weight == Weight::Calls && !stacks.frames.is_empty() {
            notes.push("no call has a duration: bars show numbers of calls".to_owned());
        }
        let of = |place: usize| totals.get(place).copied().unwrap_or_default();
        let children = stacks.children(|a, b| {
            let name = |place: usize| stacks.frames.get(place).map(|frame| &frame.name);
            of(b)
                .by(weight)
                .cmp(&of(a).by(weight))
                .then_with(|| name(a).cmp(&name(b)))
        });
        let rows = Rows {
            stacks: &stacks,
            totals: &totals,
            whole: stacks.total().by(weight).max(1),
            weight,
        };
        let _stopped: ControlFlow<()> = rows.write(&children, out);
        notes
    }
}

/// Writes frames as rows, the largest first.
struct Rows<'s> {
    stacks: &'s Stacks,
    totals: &'s [Spent],
    whole: u64,
    weight: Weight,
}

/// A row that is still to be written, with the row above it.
enum Next<'c> {
    Frame(usize, Option<i64>),
    Small(&'c [usize], Option<i64>),
}

impl Rows<'_> {
    fn write(&self, children: &Children, out: &mut dyn RowSink) -> ControlFlow<()> {
        // The next one last.
        let mut next: Vec<Next<'_>> = Vec::new();
        self.put(&children.roots, None, &mut next);
        let mut id = 0;
        while let Some(row) = next.pop() {
            match row {
                Next::Frame(place, parent) => {
                    let Some(frame) = self.stacks.frames.get(place) else {
                        continue;
                    };
                    let kind = frame.kind.name();
                    out.row(&self.cells(id, parent, kind, 1, self.total(place), &frame.name))?;
                    if let Some(below) = children.below.get(place) {
                        self.put(below, Some(id), &mut next);
                    }
                }
                Next::Small(places, parent) => {
                    let mut sum = Spent::default();
                    for place in places {
                        sum.add(self.total(*place));
                    }
                    let name = format!("{} smaller", places.len());
                    let frames = places.len();
                    out.row(&self.cells(id, parent, "rest", frames, sum, name.as_bytes()))?;
                }
            }
            id += 1;
        }
        ControlFlow::Continue(())
    }

    /// Puts siblings on the list, the small ones as one.
    fn put<'c>(&self, siblings: &'c [usize], parent: Option<i64>, next: &mut Vec<Next<'c>>) {
        let large = siblings
            .iter()
            .take_while(|place| self.permille(self.total(**place)) >= SMALL_PERMILLE)
            .count();
        let (large, small) = match siblings.split_at_checked(large) {
            // One small frame takes no more room by itself.
            Some((large, small)) if small.len() > 1 => (large, small),
            _ => (siblings, &[][..]),
        };
        if !small.is_empty() {
            next.push(Next::Small(small, parent));
        }
        next.extend(large.iter().rev().map(|place| Next::Frame(*place, parent)));
    }

    fn total(&self, place: usize) -> Spent {
        self.totals.get(place).copied().unwrap_or_default()
    }

    fn permille(&self, spent: Spent) -> u64 {
        let part = u128::from(spent.by(self.weight)) * 1000 / u128::from(self.whole);
        u64::try_from(part).unwrap_or(1000)
    }

    fn cells(
        &self,
        id: i64,
        parent: Option<i64>,
        kind: &str,
        frames: usize,
        total: Spent,
        name: &[u8],
    ) -> Vec<Cell> {
        vec![
            Cell::Int(id),
            Cell::int_or_null(parent),
            Cell::text(kind.as_bytes()),
            Cell::int(frames),
            Cell::int(total.time_ns),
            Cell::int(self.permille(total)),
            Cell::int(total.calls),
            Cell::int(total.errors),
            Cell::int(total.bytes),
            Cell::text(name),
        ]
    }
}
