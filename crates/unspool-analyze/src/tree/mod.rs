//! Processes with their parents, commands and ends.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use unspool_model::event::ExitStatus;
use unspool_model::ids::ProcessId;
use unspool_model::report::{Cell, Layout, RowSink, Shape, Shown, Unit};
use unspool_model::step::Step;
use unspool_model::world::{Process, World};

use crate::{Analysis, ViewOptions, column};

/// Shape of the rows.
pub const SHAPE: Shape = Shape {
    kind: "tree",
    columns: &[
        column("id", Unit::Number, Shown::Never, "Id of the process life."),
        column("parent", Unit::Number, Shown::Never, "Id of its parent."),
        column("pid", Unit::Number, Shown::Always, "Process id."),
        column(
            "start_ns",
            Unit::Time,
            Shown::Always,
            "When it was made, or first seen.",
        ),
        column("end_ns", Unit::Time, Shown::Wide, "When it ended."),
        column(
            "duration_ns",
            Unit::Duration,
            Shown::Always,
            "How long it lived.",
        ),
        column(
            "exit",
            Unit::Text,
            Shown::Always,
            "How it ended: exit status, or name of the signal.",
        ),
        column("exit_code", Unit::Number, Shown::Never, "Exit status."),
        column(
            "exit_signal",
            Unit::Number,
            Shown::Never,
            "Signal that ended it.",
        ),
        column(
            "threads",
            Unit::Count,
            Shown::Wide,
            "Threads over its life.",
        ),
        column(
            "execs",
            Unit::Count,
            Shown::Wide,
            "Images that it executed.",
        ),
        column(
            "events",
            Unit::Count,
            Shown::Always,
            "Its events; with a filter, those that it lets through.",
        ),
        column(
            "failed_calls",
            Unit::Count,
            Shown::Wide,
            "Its calls that failed; with a filter, those that it lets through.",
        ),
        column(
            "attached",
            Unit::Flag,
            Shown::Wide,
            "Recording began in mid-life.",
        ),
        column("user", Unit::Number, Shown::Wide, "User id."),
        column(
            "cwd",
            Unit::Text,
            Shown::Wide,
            "Working directory at its start.",
        ),
        column(
            "cgroup",
            Unit::Text,
            Shown::Wide,
            "Path of its control group.",
        ),
        column(
            "container_runtime",
            Unit::Text,
            Shown::Never,
            "What runs its container.",
        ),
        column(
            "container_id",
            Unit::Text,
            Shown::Never,
            "Id of its container.",
        ),
        column(
            "container_name",
            Unit::Text,
            Shown::Wide,
            "Name of its container.",
        ),
        column(
            "pod_uid",
            Unit::Text,
            Shown::Never,
            "Uid of its Kubernetes pod.",
        ),
        column(
            "systemd_unit",
            Unit::Text,
            Shown::Never,
            "Service or scope of systemd that it belongs to.",
        ),
        column("exe", Unit::Text, Shown::Wide, "Path of the last image."),
        column(
            "argv",
            Unit::List,
            Shown::Always,
            "Arguments of the last image.",
        ),
    ],
    layout: Layout::Tree {
        id: "id",
        parent: "parent",
    },
};

/// Makes the view.
pub(crate) fn new(options: &ViewOptions) -> Box<dyn Analysis> {
    Box::new(Tree {
        filtered: options.filtered,
        matching: Vec::new(),
    })
}

struct Tree {
    filtered: bool,
    /// Steps that matched and those of them that failed, by process.
    matching: Vec<(u64, u64)>,
}

impl Analysis for Tree {
    fn needs_sessions(&self) -> bool {
        false
    }

    fn step(&mut self, step: &Step<'_>, _: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        if self.filtered {
            let index = step.process.index();
            if self.matching.len() <= index {
                self.matching.resize(index + 1, (0, 0));
            }
            if let Some((events, failed)) = self.matching.get_mut(index) {
                *events += 1;
                *failed += u64::from(step.outcome.failed().is_some());
            }
        }
        ControlFlow::Continue(())
    }

    fn rows(&mut self, world: &World, out: &mut dyn RowSink) -> Vec<String> {
        let shown = self.filtered.then(|| self.with_ancestors(world));
        for process in world.iter_processes() {
            if shown
                .as_ref()
                .is_some_and(|shown| !shown.contains(&process.id))
            {
                continue;
            }
            let counts = if self.filtered {
                self.matching
                    .get(process.id.index())
                    .copied()
                    .unwrap_or_default()
            } else {
                (process.events, process.failed_calls)
            };
            if out.row(&cells(process, counts)).is_break() {
                break;
            }
        }
        Vec::new()
    }
}

impl Tree {
    fn with_ancestors(&self, world: &World) -> BTreeSet<ProcessId> {
        let mut shown = BTreeSet::new();
        for process in world.iter_processes() {
            let matches = self
                .matching
                .get(process.id.index())
                .is_some_and(|(events, _)| *events > 0);
            let mut next = matches.then_some(process.id);
            while let Some(id) = next {
                if !shown.insert(id) {
                    break;
                }
                next = world.process(id).and_then(|process| process.parent);
            }
        }
        shown
    }
}

/// Exit status and signal of a process.
pub(crate) fn exit_of(process: &Process) -> (Option<u8>, Option<u32>) {
    match process.exit {
        Some(ExitStatus::Exited(code)) => (Some(code), None),
        Some(ExitStatus::Killed { signal, .. }) => (None, Some(signal)),
        Some(ExitStatus::Unknown) | None => (None, None),
    }
}

fn cells(process: &Process, (events, failed): (u64, u64)) -> Vec<Cell> {
    let (code, signal) = exit_of(process);
    let exit = match (code, signal) {
        (Some(code), _) => Cell::Text(code.to_string().into_bytes()),
        (_, Some(signal)) => Cell::Text(unspool_model::signal::name(signal).into_bytes()),
        (None, None) if process.end_ns.is_none() => Cell::text(b"alive"),
        (None, None) => Cell::text(b"?"),
    };
    let image = process.image();
    let placement = process.placement();
    let mut pod_uid = Vec::new();
    placement.pod_uid(&mut pod_uid);
    let text = |bytes: &[u8]| match bytes {
        b"" => Cell::Null,
        bytes => Cell::text(bytes),
    };
    vec![
        Cell::int(process.id.0),
        Cell::int_or_null(process.parent.map(|parent| parent.0)),
        Cell::int(process.pid.0),
        Cell::Int(process.start_ns),
        Cell::int_or_null(process.end_ns),
        Cell::int_or_null(
            process
                .end_ns
                .and_then(|end| end.checked_sub(process.start_ns)),
        ),
        exit,
        Cell::int_or_null(code),
        Cell::int_or_null(signal),
        Cell::int(process.threads),
        Cell::int(process.execs()),
        Cell::int(events),
        Cell::int(failed),
        Cell::Flag(process.attached),
        Cell::int_or_null(process.user),
        text(&process.cwd),
        text(&process.group),
        placement
            .runtime
            .map_or(Cell::Null, |runtime| Cell::text(runtime.name().as_bytes())),
        text(placement.container_id),
        text(&process.container_name),
        text(&pod_uid),
        text(placement.unit),
        image.map_or(Cell::Null, |image| text(&image.exe)),
        Cell::List(image.map_or_else(Vec::new, |image| {
            image.argv.iter().map(|arg| Cell::text(arg)).collect()
        })),
    ]
}
