//! SQL statements seen in the data that calls moved, by template: literals taken out.

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use unspool_model::map::Map;
use unspool_model::payload::{self, Dialect};
use unspool_model::report::{Cell, RowSink, Shape, Shown, Unit};
use unspool_model::step::Step;
use unspool_model::world::World;

use crate::occurrences::{NOTHING, Occurrences, sent};
use crate::{Analysis, ViewOptions, column, table};

/// Templates that are told apart; statements of others are counted in one row.
pub const TEMPLATES_MAX: usize = 10_000;

/// Shape of the rows.
pub const SHAPE: Shape = table(
    "sql",
    &[
        column("statements", Unit::Count, Shown::Always, "How often."),
        column(
            "direction",
            Unit::Text,
            Shown::Always,
            "`sent` (written) or `received` (read).",
        ),
        column(
            "dialect",
            Unit::Text,
            Shown::Always,
            "Whose message it stood in: `mysql`, `postgresql`, `oracle`, `sqlite`, `text`.",
        ),
        column(
            "processes",
            Unit::Count,
            Shown::Wide,
            "Processes that sent or received it.",
        ),
        column(
            "name",
            Unit::Text,
            Shown::Always,
            "Name and pid of the first of them.",
        ),
        column("first_ns", Unit::Time, Shown::Wide, "First time."),
        column("last_ns", Unit::Time, Shown::Wide, "Last time."),
        column(
            "resource",
            Unit::Text,
            Shown::Always,
            "Through what, the first time.",
        ),
        column(
            "template",
            Unit::Text,
            Shown::Always,
            "The statement with `?` for literals; `(others)` for those beyond the limit.",
        ),
        column(
            "example",
            Unit::Text,
            Shown::Never,
            "The first statement as it was seen, after scrubbing.",
        ),
    ],
);

/// Makes the view.
pub(crate) fn new(_: &ViewOptions) -> Box<dyn Analysis> {
    Box::new(Sql::default())
}

#[derive(Default)]
struct Sql {
    places: Map<(bool, Dialect, Vec<u8>), usize>,
    rows: Vec<Row>,
    data: Vec<u8>,
    template: Vec<u8>,
}

struct Row {
    sent: bool,
    dialect: Dialect,
    template: Vec<u8>,
    example: Vec<u8>,
    seen: Occurrences,
}

impl Analysis for Sql {
    fn step(&mut self, step: &Step<'_>, _: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        self.data.clear();
        if !payload::data(step, &mut self.data) {
            return ControlFlow::Continue(());
        }
        let data = std::mem::take(&mut self.data);
        payload::statements(&data, &mut |statement| self.statement(step, statement));
        self.data = data;
        ControlFlow::Continue(())
    }

    fn rows(&mut self, world: &World, out: &mut dyn RowSink) -> Vec<String> {
        self.rows.sort_by(|one, other| {
            let (one_seen, other_seen) = (&one.seen, &other.seen);
            other_seen
                .count
                .cmp(&one_seen.count)
                .then_with(|| one_seen.first_ns.cmp(&other_seen.first_ns))
                .then_with(|| one.template.cmp(&other.template))
        });
        for row in &self.rows {
            let [processes, name, first, last, resource] = row.seen.cells(world);
            let flow = out.row(&[
                Cell::int(row.seen.count),
                Cell::text(if row.sent { b"sent" } else { b"received" }),
                Cell::text(row.dialect.name().as_bytes()),
                processes,
                name,
                first,
                last,
                resource,
                Cell::text(&row.template),
                Cell::text(&row.example),
            ]);
            if flow.is_break() {
                break;
            }
        }
        if self.rows.is_empty() {
            return vec![NOTHING.to_owned()];
        }
        Vec::new()
    }
}

impl Sql {
    fn statement(&mut self, step: &Step<'_>, statement: payload::Statement<'_>) {
        self.template.clear();
        payload::template(statement.text, statement.dialect, &mut self.template);
        if self.rows.len() >= TEMPLATES_MAX {
            let known = (sent(step), statement.dialect, self.template.clone());
            if !self.places.contains_key(&known) {
                self.template = b"(others)".to_vec();
            }
        }
        let key = (sent(step), statement.dialect, self.template.clone());
        let place = *self.places.entry(key).or_insert_with(|| {
            self.rows.push(Row {
                sent: sent(step),
                dialect: statement.dialect,
                template: self.template.clone(),
                example: statement.text.to_vec(),
                seen: Occurrences::new(step),
            });
            self.rows.len() - 1
        });
        if let Some(row) = self.rows.get_mut(place) {
            row.seen.add(step);
        }
    }
}
