//! SQL statements seen in the data that calls moved, by template: literals taken out.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use unspool_model::ids::{ProcessId, ResourceId};
use unspool_model::map::Map;
use unspool_model::payload::{self, Dialect};
use unspool_model::report::{Cell, RowSink, Shape, Shown, Unit};
use unspool_model::step::{Action, Step};
use unspool_model::world::World;

use crate::{Analysis, ViewOptions, column, process_label, table};

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
    count: u64,
    processes: BTreeSet<ProcessId>,
    first: ProcessId,
    resource: Option<ResourceId>,
    first_ns: i64,
    last_ns: i64,
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
            other
                .count
                .cmp(&one.count)
                .then_with(|| one.first_ns.cmp(&other.first_ns))
                .then_with(|| one.template.cmp(&other.template))
        });
        for row in &self.rows {
            let resource = row.resource.and_then(|resource| world.resource(resource));
            let flow = out.row(&[
                Cell::int(row.count),
                Cell::text(if row.sent { b"sent" } else { b"received" }),
                Cell::text(row.dialect.name().as_bytes()),
                Cell::int(row.processes.len()),
                Cell::Text(process_label(world, row.first)),
                Cell::Int(row.first_ns),
                Cell::Int(row.last_ns),
                resource.map_or(Cell::Null, |resource| Cell::text(&resource.name)),
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

/// What is said when there is nothing: most often the data was not recorded.
pub(crate) const NOTHING: &str =
    "nothing was seen: data is only there when it was recorded or imported with `--payload`";

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
                count: 0,
                processes: BTreeSet::new(),
                first: step.process,
                resource: step.touch.and_then(|touch| touch.resource),
                first_ns: step.time_ns,
                last_ns: step.time_ns,
            });
            self.rows.len() - 1
        });
        if let Some(row) = self.rows.get_mut(place) {
            row.count += 1;
            row.processes.insert(step.process);
            row.last_ns = row.last_ns.max(step.time_ns);
        }
    }
}

fn sent(step: &Step<'_>) -> bool {
    step.touch
        .is_some_and(|touch| matches!(touch.action, Action::Write | Action::Send))
}
