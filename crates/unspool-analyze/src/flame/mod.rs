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

impl Rows<'_> {
    fn write(&self, children: &Children, out: &mut dyn RowSink) -> ControlFlow<()> {
        // Frames still to write, the next one last, each with the row above it.
        let mut next: Vec<(usize, Option<i64>)> = Vec::new();
        let mut id = 0;
        self.rest(&children.roots, None, &mut next, &mut id, out)?;
        while let Some((place, parent)) = next.pop() {
            let Some(frame) = self.stacks.frames.get(place) else {
                continue;
            };
            let total = self.totals.get(place).copied().unwrap_or_default();
            let kind = frame.kind.name();
            out.row(&self.cells(id, parent, kind, 1, total, &frame.name))?;
            let own = id;
            id += 1;
            if let Some(below) = children.below.get(place) {
                self.rest(below, Some(own), &mut next, &mut id, out)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Puts the large ones of siblings on the list, and writes one row for the small ones.
    fn rest(
        &self,
        siblings: &[usize],
        parent: Option<i64>,
        next: &mut Vec<(usize, Option<i64>)>,
        id: &mut i64,
        out: &mut dyn RowSink,
    ) -> ControlFlow<()> {
        let total = |place: &usize| self.totals.get(*place).copied().unwrap_or_default();
        let large = siblings
            .iter()
            .take_while(|place| self.permille(total(place)) >= SMALL_PERMILLE)
            .count();
        let (large, small) = siblings.split_at_checked(large).unwrap_or((siblings, &[]));
        // One small frame takes no more room by itself.
        let (large, small) = if small.len() == 1 {
            (siblings, &[][..])
        } else {
            (large, small)
        };
        next.extend(large.iter().rev().map(|place| (*place, parent)));
        if small.is_empty() {
            return ControlFlow::Continue(());
        }
        let mut sum = Spent::default();
        for place in small {
            sum.add(total(place));
        }
        let name = format!("{} smaller", small.len());
        out.row(&self.cells(*id, parent, "rest", small.len(), sum, name.as_bytes()))?;
        *id += 1;
        ControlFlow::Continue(())
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
