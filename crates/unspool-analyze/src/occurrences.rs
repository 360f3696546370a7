//! When, by whom and through what something was seen in the data that calls moved: what the views of SQL and HTTP have in common.

use std::collections::BTreeSet;

use unspool_model::ids::{ProcessId, ResourceId};
use unspool_model::report::Cell;
use unspool_model::step::{Action, Step};
use unspool_model::world::World;

use crate::process_label;

/// What is said when there is nothing: most often the data was not recorded.
pub(crate) const NOTHING: &str =
    "nothing was seen: data is only there when it was recorded or imported with `--payload`";

/// How often something was seen, and where.
#[derive(Debug)]
pub(crate) struct Occurrences {
    pub(crate) count: u64,
    processes: BTreeSet<ProcessId>,
    first: ProcessId,
    resource: Option<ResourceId>,
    pub(crate) first_ns: i64,
    last_ns: i64,
}

impl Occurrences {
    /// None yet; the step is the first that [`Self::add`] will take.
    pub(crate) fn new(step: &Step<'_>) -> Self {
        Self {
            count: 0,
            processes: BTreeSet::new(),
            first: step.process,
            resource: step.touch.and_then(|touch| touch.resource),
            first_ns: step.time_ns,
            last_ns: step.time_ns,
        }
    }

    /// Counts one more.
    pub(crate) fn add(&mut self, step: &Step<'_>) {
        self.count += 1;
        self.processes.insert(step.process);
        self.last_ns = self.last_ns.max(step.time_ns);
    }

    /// Cells of `processes`, `name`, `first_ns`, `last_ns`, `resource`.
    pub(crate) fn cells(&self, world: &World) -> [Cell; 5] {
        let resource = self.resource.and_then(|resource| world.resource(resource));
        [
            Cell::int(self.processes.len()),
            Cell::Text(process_label(world, self.first)),
            Cell::Int(self.first_ns),
            Cell::Int(self.last_ns),
            resource.map_or(Cell::Null, |resource| Cell::text(&resource.name)),
        ]
    }
}

/// Whether the step sent data, and did not receive it.
pub(crate) fn sent(step: &Step<'_>) -> bool {
    step.touch
        .is_some_and(|touch| matches!(touch.action, Action::Write | Action::Send))
}
