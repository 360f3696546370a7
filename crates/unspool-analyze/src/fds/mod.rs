//! Descriptors from open to close, a row for each life.

use std::collections::HashMap;
use std::ops::ControlFlow;

use unspool_model::ids::{Fd, ProcessId, SessionId};
use unspool_model::report::{Cell, RowSink, Shape, Shown, Unit};
use unspool_model::step::{Action, Step};
use unspool_model::world::{Descriptor, Origin, Traffic, World};

use crate::{Analysis, ViewOptions, column, process_label, table};

/// Shape of the rows.
pub const SHAPE: Shape = table(
    "fds",
    &[
        column(
            "session",
            Unit::Number,
            Shown::Wide,
            "Id of the open file description, which copies share.",
        ),
        column("process", Unit::Number, Shown::Never, "Id of the process."),
        column("pid", Unit::Number, Shown::Never, "Process id."),
        column(
            "name",
            Unit::Text,
            Shown::Always,
            "Name and pid of the process.",
        ),
        column("fd", Unit::Number, Shown::Always, "Descriptor."),
        column(
            "kind",
            Unit::Text,
            Shown::Always,
            "`file`, `directory`, `pipe`, `socket`, `device`, ...",
        ),
        column(
            "opened_ns",
            Unit::Time,
            Shown::Always,
            "When it came to be.",
        ),
        column("closed_ns", Unit::Time, Shown::Wide, "When it went."),
        column(
            "closed_by",
            Unit::Text,
            Shown::Always,
            "`close`, `exec`, `exit`, `dup2` (replaced), `unseen`.",
        ),
        column(
            "origin",
            Unit::Text,
            Shown::Wide,
            "`open`, `dup`, `fork`, `received`, `before`.",
        ),
        column(
            "inherited_from",
            Unit::Number,
            Shown::Wide,
            "Id of the process that it came from at fork.",
        ),
        column(
            "reads",
            Unit::Count,
            Shown::Wide,
            "Successful reads through it.",
        ),
        column(
            "bytes_read",
            Unit::Bytes,
            Shown::Always,
            "Bytes that they returned.",
        ),
        column(
            "writes",
            Unit::Count,
            Shown::Wide,
            "Successful writes through it.",
        ),
        column(
            "bytes_written",
            Unit::Bytes,
            Shown::Always,
            "Bytes that they returned.",
        ),
        column("resource", Unit::Text, Shown::Always, "What it is open on."),
    ],
);

/// Makes the view.
pub(crate) fn new(options: &ViewOptions) -> Box<dyn Analysis> {
    Box::new(Fds {
        filtered: options.filtered,
        used: HashMap::new(),
    })
}

struct Fds {
    filtered: bool,
    /// Traffic of the steps that matched.
    used: HashMap<(ProcessId, Fd, SessionId), Traffic>,
}

impl Analysis for Fds {
    fn step(&mut self, step: &Step<'_>, _: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        if !self.filtered {
            return ControlFlow::Continue(());
        }
        for touch in [step.touch, step.second].into_iter().flatten() {
            let (Some(fd), Some(session)) = (touch.fd, touch.session) else {
                continue;
            };
            let traffic = self.used.entry((step.process, fd, session)).or_default();
            if step.outcome.failed().is_some() {
                continue;
            }
            let bytes = touch.bytes.unwrap_or(0);
            if matches!(touch.action, Action::Read | Action::Receive) {
                traffic.reads += 1;
                traffic.bytes_read += bytes;
            } else if touch.action.is_output() {
                traffic.writes += 1;
                traffic.bytes_written += bytes;
            }
        }
        ControlFlow::Continue(())
    }

    fn rows(&mut self, world: &World, out: &mut dyn RowSink) -> Vec<String> {
        let mut descriptors: Vec<(&Descriptor, Traffic)> = world
            .descriptors
            .iter()
            .filter_map(|descriptor| {
                let key = (descriptor.process, descriptor.fd, descriptor.session);
                let traffic = if self.filtered {
                    *self.used.get(&key)?
                } else {
                    descriptor.traffic
                };
                Some((descriptor, traffic))
            })
            .collect();
        descriptors.sort_by_key(|(descriptor, _)| {
            (
                descriptor.opened_ns,
                descriptor.process,
                descriptor.session,
                descriptor.fd,
            )
        });
        for (descriptor, traffic) in descriptors {
            if out.row(&cells(descriptor, traffic, world)).is_break() {
                break;
            }
        }
        Vec::new()
    }
}

fn cells(descriptor: &Descriptor, traffic: Traffic, world: &World) -> Vec<Cell> {
    let resource = world
        .session(descriptor.session)
        .and_then(|session| world.resource(session.resource));
    let pid = world
        .process(descriptor.process)
        .map(|process| process.pid.0);
    let (origin, from) = match descriptor.origin {
        Origin::Opened => ("open", None),
        Origin::Duplicated(_) => ("dup", None),
        Origin::Inherited(process) => ("fork", Some(process.0)),
        Origin::Received => ("received", None),
        Origin::Before => ("before", None),
    };
    vec![
        Cell::int(descriptor.session.0),
        Cell::int(descriptor.process.0),
        Cell::int_or_null(pid),
        Cell::Text(process_label(world, descriptor.process)),
        Cell::int(descriptor.fd.0),
        Cell::text(
            resource
                .map_or("unknown", |resource| resource.kind.name())
                .as_bytes(),
        ),
        Cell::Int(descriptor.opened_ns),
        Cell::int_or_null(descriptor.closed_ns),
        descriptor
            .closed_by
            .map_or(Cell::Null, |by| Cell::text(by.name().as_bytes())),
        Cell::text(origin.as_bytes()),
        Cell::int_or_null(from),
        Cell::int(traffic.reads),
        Cell::int(traffic.bytes_read),
        Cell::int(traffic.writes),
        Cell::int(traffic.bytes_written),
        resource.map_or(Cell::Null, |resource| Cell::text(&resource.name)),
    ]
}
