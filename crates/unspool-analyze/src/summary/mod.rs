//! What the run was, how it ended, what it touched most, and what to look at first.

mod findings;

use std::ops::ControlFlow;

use unspool_model::ids::{ProcessId, ResourceId};
use unspool_model::report::{Cell, Layout, RowSink, Shape, Shown, Unit};
use unspool_model::step::{Action, Step};
use unspool_model::totals::{Total, Totals};
use unspool_model::world::{Access, Process, World};

use crate::accesses::Accesses;
use crate::files::{FileUse, UsesByResource};
use crate::totals::RunTotals;
use crate::tree::exit_of;
use crate::{Analysis, RunFacts, ViewOptions, column, net};

/// Shape of the row.
pub const SHAPE: Shape = Shape {
    kind: "summary",
    columns: &[
        column(
            "command",
            Unit::List,
            Shown::Always,
            "Command with its arguments.",
        ),
        column(
            "exit",
            Unit::Text,
            Shown::Always,
            "How it ended, for people.",
        ),
        column(
            "exit_code",
            Unit::Number,
            Shown::Never,
            "Exit status of the command.",
        ),
        column(
            "exit_signal",
            Unit::Number,
            Shown::Never,
            "Signal that ended it.",
        ),
        column(
            "start_ns",
            Unit::Time,
            Shown::Never,
            "First time of the run.",
        ),
        column("end_ns", Unit::Time, Shown::Never, "Last time of the run."),
        column(
            "duration_ns",
            Unit::Duration,
            Shown::Always,
            "Time between the two.",
        ),
        column("host", Unit::Text, Shown::Always, "Host."),
        column("user", Unit::Text, Shown::Always, "User."),
        column("processes", Unit::Count, Shown::Always, "Processes."),
        column(
            "threads",
            Unit::Count,
            Shown::Always,
            "Threads of all of them.",
        ),
        column("events", Unit::Count, Shown::Always, "Events."),
        column(
            "failed_calls",
            Unit::Count,
            Shown::Always,
            "Calls that failed.",
        ),
        column(
            "files_read",
            Unit::Count,
            Shown::Always,
            "Files that were read.",
        ),
        column(
            "files_written",
            Unit::Count,
            Shown::Always,
            "Files that were written.",
        ),
        column(
            "bytes_read",
            Unit::Bytes,
            Shown::Always,
            "Bytes read and received, from anything.",
        ),
        column(
            "bytes_written",
            Unit::Bytes,
            Shown::Always,
            "Bytes written and sent, to anything.",
        ),
        column(
            "connections",
            Unit::Count,
            Shown::Always,
            "Connections made or accepted, by process.",
        ),
        column(
            "top_files",
            Unit::List,
            Shown::Always,
            "Files by bytes moved: `path`, `bytes_read`, `bytes_written`, `opens`.",
        ),
        column(
            "top_calls",
            Unit::List,
            Shown::Always,
            "Calls by time, then by number: `name`, `calls`, `errors`, `total_ns`.",
        ),
        column(
            "findings",
            Unit::List,
            Shown::Always,
            "Sentences: what to look at first.",
        ),
    ],
    layout: Layout::Record,
};

/// Rows of `top_files` and of `top_calls`.
const TOP_MAX: usize = 8;

/// Makes the view.
pub(crate) fn new(options: &ViewOptions) -> Box<dyn Analysis> {
    Box::new(Summary {
        filtered: options.filtered,
        run: options.run.clone(),
        filtered_accesses: Accesses::default(),
        told: Told::default(),
        totals: RunTotals::default(),
        matching: Vec::new(),
    })
}

struct Summary {
    filtered: bool,
    run: RunFacts,
    filtered_accesses: Accesses,
    told: Told,
    totals: RunTotals,
    /// Whether a step of the process came.
    matching: Vec<bool>,
}

/// What the accesses of the run tell, counted one by one.
#[derive(Default)]
struct Told {
    /// Whether any came beside the world.
    given: bool,
    uses: UsesByResource,
    /// Connections made or accepted, by process.
    connections: u64,
    /// What processes asked for in vain, and when they did last.
    in_vain: Vec<InVain>,
}

/// A resource that a process failed with.
struct InVain {
    process: ProcessId,
    resource: ResourceId,
    last_ns: i64,
}

impl Told {
    fn count(&mut self, access: &Access, world: &World) {
        self.uses.add(access);
        let socket = world.resource(access.resource).and_then(net::socket);
        let role = socket.map(|name| net::role(access, name));
        self.connections += u64::from(matches!(role, Some("client" | "server")));
    }

    fn fail(&mut self, access: &Access) {
        if access.failed > 0 {
            self.in_vain.push(InVain {
                process: access.process,
                resource: access.resource,
                last_ns: access.last_ns,
            });
        }
    }
}

impl Analysis for Summary {
    fn step(&mut self, step: &Step<'_>, _: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        self.totals.add(step);
        if self.filtered {
            self.filtered_accesses.add(step);
            let index = step.process.index();
            if self.matching.len() <= index {
                self.matching.resize(index + 1, false);
            }
            if let Some(matching) = self.matching.get_mut(index) {
                *matching = true;
            }
        }
        ControlFlow::Continue(())
    }

    fn totals(&mut self) -> Option<&mut RunTotals> {
        Some(&mut self.totals)
    }

    fn needs_sessions(&self) -> bool {
        false
    }

    fn takes_accesses(&self) -> bool {
        !self.filtered
    }

    fn access(&mut self, access: &Access, world: &World) {
        self.told.given = true;
        self.told.count(access, world);
        self.told.fail(access);
    }

    fn rows(&mut self, world: &World, out: &mut dyn RowSink) -> Vec<String> {
        let totals = self.totals.take();
        if !self.told.given {
            for access in self.filtered_accesses.of(world, self.filtered).iter() {
                self.told.count(access, world);
            }
            // Why something failed may be held back by the filter.
            for access in &world.accesses {
                self.told.fail(access);
            }
        }
        let uses = self.told.uses.take(world);
        let cells = self.cells(world, &totals, &uses);
        // One row: nothing follows that could be stopped.
        let _flow: ControlFlow<()> = out.row(&cells);
        Vec::new()
    }
}

impl Summary {
    fn counts(&self, process: &Process) -> bool {
        !self.filtered
            || self
                .matching
                .get(process.id.index())
                .copied()
                .unwrap_or(false)
    }

    fn cells(&self, world: &World, totals: &Totals, uses: &[FileUse<'_>]) -> Vec<Cell> {
        let root = world.iter_processes().next();
        let processes: Vec<&Process> = world
            .iter_processes()
            .filter(|process| self.counts(process))
            .collect();
        let (code, signal) = self.exit(root);
        let exit = match (code, signal) {
            (Some(code), _) => Cell::Text(format!("status {code}").into_bytes()),
            (_, Some(signal)) => {
                let name = unspool_model::signal::name(signal);
                Cell::Text(format!("killed by {name}").into_bytes())
            }
            (None, None) => Cell::text(b"not seen to end"),
        };
        // A run begins with its first process, whatever its recorder did before.
        let began = world
            .iter_processes()
            .filter(|process| !process.attached)
            .map(|process| process.start_ns)
            .min();
        let start = self
            .run
            .start_ns
            .map(|start| began.map_or(start, |began| began.max(start)))
            .or(totals.span_ns().map(|(first, _)| first));
        let end = self.run.end_ns.or(totals.span_ns().map(|(_, last)| last));
        let read = uses
            .iter()
            .filter(|file| is_data(file) && file.traffic.reads > 0);
        let written = uses
            .iter()
            .filter(|file| is_data(file) && file.traffic.writes > 0);
        let threads: u64 = processes
            .iter()
            .map(|process| u64::from(process.threads))
            .sum();
        vec![
            Cell::List(self.command(root)),
            exit,
            Cell::int_or_null(code),
            Cell::int_or_null(signal),
            Cell::int_or_null(start),
            Cell::int_or_null(end),
            Cell::int_or_null(
                start
                    .zip(end)
                    .and_then(|(start, end)| end.checked_sub(start)),
            ),
            text_or_null(&self.run.host),
            self.user(root),
            Cell::int(processes.len()),
            Cell::int(threads),
            Cell::int(totals.events()),
            Cell::int(totals.failed()),
            Cell::int(read.count()),
            Cell::int(written.count()),
            Cell::int(uses.iter().map(|file| file.traffic.bytes_read).sum::<u64>()),
            Cell::int(
                uses.iter()
                    .map(|file| file.traffic.bytes_written)
                    .sum::<u64>(),
            ),
            Cell::int(self.told.connections),
            Cell::List(top_files(uses)),
            Cell::List(top_calls(totals)),
            Cell::List(self.findings(world, totals, uses, &processes)),
        ]
    }

    fn exit(&self, root: Option<&Process>) -> (Option<u8>, Option<u32>) {
        match (self.run.exit_code, self.run.exit_signal) {
            (None, None) => root.map_or((None, None), exit_of),
            told => told,
        }
    }

    fn command(&self, root: Option<&Process>) -> Vec<Cell> {
        let told = &self.run.command;
        let argv = if told.is_empty() {
            root.and_then(Process::image)
                .map_or(&[][..], |image| &image.argv)
        } else {
            told
        };
        argv.iter().map(|arg| Cell::text(arg)).collect()
    }

    fn user(&self, root: Option<&Process>) -> Cell {
        match (self.run.user.as_str(), root.and_then(|root| root.user)) {
            ("", Some(user)) => Cell::Text(user.to_string().into_bytes()),
            (user, _) => text_or_null(user),
        }
    }
}

fn top_calls(totals: &Totals) -> Vec<Cell> {
    let mut calls: Vec<&Total> = totals
        .names
        .iter()
        .filter(|total| total.calls > 0)
        .collect();
    calls.sort_by(|one, other| {
        let key = |total: &Total| (total.total_ns.unwrap_or(0), total.calls);
        key(other)
            .cmp(&key(one))
            .then_with(|| one.name.cmp(&other.name))
    });
    calls
        .into_iter()
        .take(TOP_MAX)
        .map(|total| {
            Cell::Record(vec![
                ("name", Cell::text(&total.name)),
                ("calls", Cell::int(total.calls)),
                ("errors", Cell::int(total.errors)),
                ("total_ns", Cell::int_or_null(total.total_ns)),
            ])
        })
        .collect()
}

/// Whether it is a file with content of its own, which a person means by "file".
fn is_data(file: &FileUse<'_>) -> bool {
    matches!(
        file.resource.kind,
        unspool_model::world::ResourceKind::File | unspool_model::world::ResourceKind::Memory
    )
}

fn top_files(uses: &[FileUse<'_>]) -> Vec<Cell> {
    let moved = |file: &FileUse<'_>| {
        file.traffic
            .bytes_read
            .saturating_add(file.traffic.bytes_written)
    };
    let mut top: Vec<&FileUse<'_>> = uses
        .iter()
        .filter(|file| is_data(file) && moved(file) > 0)
        .collect();
    top.sort_by(|one, other| {
        moved(other)
            .cmp(&moved(one))
            .then_with(|| one.resource.name.cmp(&other.resource.name))
    });
    top.into_iter()
        .take(TOP_MAX)
        .map(|file| {
            Cell::Record(vec![
                ("path", Cell::text(&file.resource.name)),
                ("bytes_read", Cell::int(file.traffic.bytes_read)),
                ("bytes_written", Cell::int(file.traffic.bytes_written)),
                (
                    "opens",
                    Cell::int(file.count(Action::Open) + file.count(Action::Create)),
                ),
            ])
        })
        .collect()
}

fn text_or_null(text: &str) -> Cell {
    if text.is_empty() {
        Cell::Null
    } else {
        Cell::text(text.as_bytes())
    }
}
