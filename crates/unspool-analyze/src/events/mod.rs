//! Every event, streamed: nothing is kept.

use std::ops::ControlFlow;

use unspool_model::event::Outcome;
use unspool_model::report::{Cell, RowSink, Shape, Shown, Unit};
use unspool_model::step::Step;
use unspool_model::world::World;

use crate::{Analysis, ViewOptions, column, table};

/// Shape of the rows.
pub const SHAPE: Shape = table(
    "events",
    &[
        column(
            "seq",
            Unit::Number,
            Shown::Wide,
            "Number of the event, from 0, in order of completion.",
        ),
        column("time_ns", Unit::Time, Shown::Always, "Start."),
        column(
            "duration_ns",
            Unit::Duration,
            Shown::Always,
            "How long it took.",
        ),
        column("pid", Unit::Number, Shown::Always, "Process id."),
        column("tid", Unit::Number, Shown::Wide, "Thread id."),
        column(
            "process",
            Unit::Number,
            Shown::Never,
            "Id of the process life.",
        ),
        column(
            "kind",
            Unit::Text,
            Shown::Wide,
            "Kind of event: `syscall`, `library`, `signal`, `exit`, ...",
        ),
        column(
            "result",
            Unit::Number,
            Shown::Always,
            "Value that the call returned; exit status.",
        ),
        column("errno", Unit::Text, Shown::Always, "Name of the error."),
        column(
            "action",
            Unit::Text,
            Shown::Never,
            "What it did to the resource.",
        ),
        column("bytes", Unit::Bytes, Shown::Never, "Bytes that it moved."),
        column(
            "session",
            Unit::Number,
            Shown::Never,
            "Id of the open file description.",
        ),
        column("resource", Unit::Text, Shown::Wide, "What it touched."),
        column(
            "name",
            Unit::Text,
            Shown::Always,
            "Name of the call, function or signal.",
        ),
        column(
            "args",
            Unit::Printed,
            Shown::Always,
            "Arguments as strace prints them.",
        ),
    ],
);

/// Makes the view.
pub(crate) fn new(_: &ViewOptions) -> Box<dyn Analysis> {
    Box::new(Events { args: Vec::new() })
}

struct Events {
    args: Vec<u8>,
}

impl Analysis for Events {
    fn step(&mut self, step: &Step<'_>, world: &World, out: &mut dyn RowSink) -> ControlFlow<()> {
        self.args.clear();
        step.args.print(&mut self.args);
        let (result, errno) = match step.outcome {
            Outcome::Returned(value) => (Cell::Int(value), Cell::Null),
            Outcome::Failed(errno) => (Cell::Int(-1), Cell::Text(errno.to_string().into_bytes())),
            Outcome::Unfinished | Outcome::Unknown => match step.exit {
                Some(unspool_model::event::ExitStatus::Exited(code)) => {
                    (Cell::int(code), Cell::Null)
                }
                _ => (Cell::Null, Cell::Null),
            },
        };
        let touch = step.touch;
        let resource = touch.and_then(|touch| world.resource(touch.resource?));
        out.row(&[
            Cell::int(step.seq),
            Cell::Int(step.time_ns),
            Cell::int_or_null(step.duration_ns),
            Cell::int(step.pid.0),
            Cell::int(step.tid.0),
            Cell::int(step.process.0),
            Cell::text(step.kind.name().as_bytes()),
            result,
            errno,
            touch.map_or(Cell::Null, |touch| {
                Cell::text(touch.action.name().as_bytes())
            }),
            Cell::int_or_null(touch.and_then(|touch| touch.bytes)),
            Cell::int_or_null(
                touch
                    .and_then(|touch| touch.session)
                    .map(|session| session.0),
            ),
            resource.map_or(Cell::Null, |resource| Cell::text(&resource.name)),
            Cell::text(step.name),
            Cell::text(&self.args),
        ])
    }

    fn rows(&mut self, _: &World, _: &mut dyn RowSink) -> Vec<String> {
        Vec::new()
    }
}
