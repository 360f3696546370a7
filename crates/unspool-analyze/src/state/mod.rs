//! What lived and what was open at an instant. As `lsof` does, a row for each working directory and each descriptor.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use unspool_model::ids::ProcessId;
use unspool_model::report::{Cell, RowSink, Shape, Shown, Unit};
use unspool_model::step::{Action, Step};
use unspool_model::world::{Descriptor, Process, World};

use crate::{Analysis, ViewOptions, column, process_label, table};

/// Shape of the rows.
pub const SHAPE: Shape = table(
    "state",
    &[
        column("process", Unit::Number, Shown::Never, "Id of the process."),
        column("pid", Unit::Number, Shown::Never, "Process id."),
        column("parent", Unit::Number, Shown::Never, "Id of its parent."),
        column(
            "name",
            Unit::Text,
            Shown::Always,
            "Name and pid of the process.",
        ),
        column(
            "argv",
            Unit::List,
            Shown::Wide,
            "Arguments of the image that ran.",
        ),
        column("cwd", Unit::Text, Shown::Never, "Its working directory."),
        column(
            "fd",
            Unit::Number,
            Shown::Always,
            "Descriptor; none in the row of the process itself.",
        ),
        column(
            "session",
            Unit::Number,
            Shown::Wide,
            "Id of the open file description.",
        ),
        column(
            "kind",
            Unit::Text,
            Shown::Always,
            "`cwd` in the row of the process; else `file`, `pipe`, `socket`, ...",
        ),
        column(
            "opened_ns",
            Unit::Time,
            Shown::Always,
            "When the process was made, or the descriptor.",
        ),
        column(
            "resource",
            Unit::Text,
            Shown::Always,
            "The working directory, or what the descriptor is open on.",
        ),
    ],
);

/// Makes the view.
pub(crate) fn new(options: &ViewOptions) -> Box<dyn Analysis> {
    Box::new(State {
        at_ns: options.at_ns.unwrap_or(i64::MAX),
        filtered: options.filtered,
        cwds: HashMap::new(),
        matching: BTreeSet::new(),
    })
}

struct State {
    at_ns: i64,
    filtered: bool,
    /// Last change of directory up to the instant: when, and where to.
    cwds: HashMap<ProcessId, (i64, Vec<u8>)>,
    matching: BTreeSet<ProcessId>,
}

impl Analysis for State {
    fn observe(&mut self, step: &Step<'_>, world: &World) {
        let Some(touch) = step.touch else {
            return;
        };
        if touch.action != Action::ChangeDirectory
            || step.outcome.returned().is_none()
            || step.time_ns > self.at_ns
        {
            return;
        }
        if let Some(resource) = touch.resource.and_then(|id| world.resource(id)) {
            self.cwds
                .insert(step.process, (step.time_ns, resource.name.clone()));
        }
    }

    fn step(&mut self, step: &Step<'_>, _: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        if self.filtered {
            self.matching.insert(step.process);
        }
        ControlFlow::Continue(())
    }

    fn rows(&mut self, world: &World, out: &mut dyn RowSink) -> Vec<String> {
        let mut open: HashMap<ProcessId, Vec<&Descriptor>> = HashMap::new();
        let mut lived = false;
        for descriptor in &world.descriptors {
            if lives(descriptor.opened_ns, descriptor.closed_ns, self.at_ns) {
                open.entry(descriptor.process).or_default().push(descriptor);
            }
        }
        for process in world.iter_processes() {
            if !lives(process.start_ns, process.end_ns, self.at_ns) {
                continue;
            }
            lived = true;
            if self.filtered && !self.matching.contains(&process.id) {
                continue;
            }
            let mut open = open.remove(&process.id).unwrap_or_default();
            open.sort_by_key(|descriptor| (descriptor.fd, descriptor.opened_ns));
            let cwd = self.cwd(process);
            let flow = std::iter::once(None)
                .chain(open.into_iter().map(Some))
                .try_for_each(|descriptor| out.row(&self.cells(process, &cwd, descriptor, world)));
            if flow.is_break() {
                break;
            }
        }
        if lived {
            return Vec::new();
        }
        vec!["no process lived then: `--at 5s` is another time, seconds after the start".to_owned()]
    }
}

/// From `start` on, and not at `end` any more.
fn lives(start: i64, end: Option<i64>, at: i64) -> bool {
    start <= at && end.is_none_or(|end| at < end)
}

impl State {
    /// What was told last up to the instant: at the start, by a change of directory, by an image.
    fn cwd(&self, process: &Process) -> Vec<u8> {
        let image = process
            .images
            .iter()
            .rev()
            .find(|image| image.time_ns <= self.at_ns && !image.cwd.is_empty());
        match (self.cwds.get(&process.id), image) {
            (Some((time_ns, cwd)), image)
                if image.is_none_or(|image| image.time_ns <= *time_ns) =>
            {
                cwd.clone()
            }
            (_, Some(image)) => image.cwd.clone(),
            (_, None) => process.cwd.clone(),
        }
    }

    fn cells(
        &self,
        process: &Process,
        cwd: &[u8],
        descriptor: Option<&Descriptor>,
        world: &World,
    ) -> Vec<Cell> {
        let image = process
            .images
            .iter()
            .rev()
            .find(|image| image.time_ns <= self.at_ns)
            .or_else(|| process.images.first());
        let argv = image.map_or(&[][..], |image| &image.argv);
        let resource = descriptor
            .and_then(|descriptor| world.session(descriptor.session))
            .and_then(|session| world.resource(session.resource));
        let cwd = if cwd.is_empty() {
            Cell::Null
        } else {
            Cell::text(cwd)
        };
        let (kind, name) = match (descriptor, resource) {
            (None, _) => ("cwd", cwd.clone()),
            (Some(_), None) => ("unknown", Cell::Null),
            (Some(_), Some(resource)) => (resource.kind.name(), Cell::text(&resource.name)),
        };
        vec![
            Cell::int(process.id.0),
            Cell::int(process.pid.0),
            Cell::int_or_null(process.parent.map(|parent| parent.0)),
            Cell::Text(process_label(world, process.id)),
            Cell::List(argv.iter().map(|arg| Cell::text(arg)).collect()),
            cwd,
            Cell::int_or_null(descriptor.map(|descriptor| descriptor.fd.0)),
            Cell::int_or_null(descriptor.map(|descriptor| descriptor.session.0)),
            Cell::text(kind.as_bytes()),
            Cell::Int(descriptor.map_or(process.start_ns, |descriptor| descriptor.opened_ns)),
            name,
        ]
    }
}
