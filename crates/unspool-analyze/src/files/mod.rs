//! Files, folders, devices and pipes with what was done to them, by all processes together.

use std::collections::HashMap;
use std::ops::ControlFlow;

use unspool_model::event::Errno;
use unspool_model::ids::{ProcessId, ResourceId};
use unspool_model::report::{Cell, RowSink, Shape, Shown, Unit};
use unspool_model::step::{Action, Step};
use unspool_model::world::{Access, Resource, ResourceKind, Traffic, World};

use crate::accesses::Accesses;
use crate::{Analysis, ViewOptions, column, table};

/// Shape of the rows.
pub const SHAPE: Shape = table(
    "files",
    &[
        column("opens", Unit::Count, Shown::Always, "Successful opens."),
        column("reads", Unit::Count, Shown::Wide, "Successful reads."),
        column(
            "bytes_read",
            Unit::Bytes,
            Shown::Always,
            "Bytes that reads returned.",
        ),
        column("writes", Unit::Count, Shown::Wide, "Successful writes."),
        column(
            "bytes_written",
            Unit::Bytes,
            Shown::Always,
            "Bytes that writes returned.",
        ),
        column("failed", Unit::Count, Shown::Always, "Calls that failed."),
        column(
            "error",
            Unit::Text,
            Shown::Wide,
            "Error of the last call that failed.",
        ),
        column("created", Unit::Flag, Shown::Wide, "Made by the run."),
        column(
            "deleted",
            Unit::Flag,
            Shown::Wide,
            "Its name was removed by the run.",
        ),
        column(
            "modified",
            Unit::Flag,
            Shown::Wide,
            "Written, truncated or replaced by the run.",
        ),
        column("executed", Unit::Flag, Shown::Wide, "Run as a program."),
        column("mapped", Unit::Flag, Shown::Wide, "Mapped into memory."),
        column(
            "processes",
            Unit::Count,
            Shown::Wide,
            "Processes that touched it.",
        ),
        column("first_ns", Unit::Time, Shown::Wide, "First touch."),
        column("last_ns", Unit::Time, Shown::Wide, "Last touch."),
        column(
            "total_ns",
            Unit::Duration,
            Shown::Wide,
            "Time in calls on it, where known.",
        ),
        column(
            "type",
            Unit::Text,
            Shown::Wide,
            "Kind of resource: `file`, `directory`, `device`, `pipe`, ...",
        ),
        column("category", Unit::Text, Shown::Wide, "Category for people."),
        column(
            "claimed",
            Unit::Flag,
            Shown::Never,
            "The name was only ever read from user memory, never told by the kernel.",
        ),
        column(
            "facts",
            Unit::Text,
            Shown::Always,
            "What happened to it, in letters: `c` created, `m` modified, `d` deleted, `x` executed, `p` mapped, `?` only ever failed.",
        ),
        column(
            "path",
            Unit::Text,
            Shown::Always,
            "Absolute path, or the kernel's name for what has none.",
        ),
    ],
);

/// Makes the view.
pub(crate) fn new(options: &ViewOptions) -> Box<dyn Analysis> {
    Box::new(Files {
        filtered: options.filtered,
        accesses: Accesses::default(),
    })
}

struct Files {
    filtered: bool,
    accesses: Accesses,
}

impl Analysis for Files {
    fn needs_sessions(&self) -> bool {
        false
    }

    fn step(&mut self, step: &Step<'_>, _: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        if self.filtered {
            self.accesses.add(step);
        }
        ControlFlow::Continue(())
    }

    fn rows(&mut self, world: &World, out: &mut dyn RowSink) -> Vec<String> {
        let accesses = self.accesses.of(world, self.filtered);
        let mut files: Vec<FileUse<'_>> = uses(&accesses, world)
            .filter(|file| is_file(file.resource))
            .collect();
        files.sort_by(|one, other| one.resource.name.cmp(&other.resource.name));
        for file in &files {
            if out.row(&cells(file)).is_break() {
                break;
            }
        }
        Vec::new()
    }
}

/// Whether the view of files has it; sockets are in `net`, event counters and the like in `fds`.
pub(crate) fn is_file(resource: &Resource) -> bool {
    matches!(
        resource.kind,
        ResourceKind::File
            | ResourceKind::Directory
            | ResourceKind::Device
            | ResourceKind::Pipe
            | ResourceKind::Memory
    )
}

/// A resource, and everything that all processes did to it.
pub(crate) struct FileUse<'w> {
    pub(crate) resource: &'w Resource,
    sums: Sums,
}

impl std::ops::Deref for FileUse<'_> {
    type Target = Sums;

    fn deref(&self) -> &Sums {
        &self.sums
    }
}

/// Sums of accesses to one resource, in any order.
pub(crate) struct Sums {
    pub(crate) traffic: Traffic,
    pub(crate) failed: u64,
    pub(crate) last_error: Option<Errno>,
    /// Whose error that is: the process with the highest id wins.
    last_error_of: Option<ProcessId>,
    pub(crate) processes: u64,
    pub(crate) first_ns: i64,
    pub(crate) last_ns: i64,
    total_ns: i64,
    claimed: bool,
    pub(crate) calls: [u64; Action::ALL.len()],
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            traffic: Traffic::default(),
            failed: 0,
            last_error: None,
            last_error_of: None,
            processes: 0,
            first_ns: i64::MAX,
            last_ns: i64::MIN,
            total_ns: 0,
            claimed: true,
            calls: [0; Action::ALL.len()],
        }
    }
}

impl Sums {
    /// Successful calls of one action.
    pub(crate) fn count(&self, action: Action) -> u64 {
        self.calls.get(action as usize).copied().unwrap_or(0)
    }

    /// Whether no call on it ever succeeded.
    pub(crate) fn only_failed(&self) -> bool {
        self.failed > 0 && self.calls.iter().all(|count| *count == 0)
    }

    fn add(&mut self, access: &Access) {
        self.traffic.add(access.traffic);
        self.failed += access.failed;
        if access.last_error.is_some() && Some(access.process) >= self.last_error_of {
            self.last_error = access.last_error;
            self.last_error_of = Some(access.process);
        }
        self.processes += 1;
        self.first_ns = self.first_ns.min(access.first_ns);
        self.last_ns = self.last_ns.max(access.last_ns);
        self.total_ns = self.total_ns.saturating_add(access.total_ns);
        self.claimed &= access.claimed;
        for (sum, count) in self.calls.iter_mut().zip(access.calls) {
            *sum += u64::from(count);
        }
    }
}

/// Sums accesses, which are sorted by resource.
pub(crate) fn uses<'w>(
    accesses: &'w [Access],
    world: &'w World,
) -> impl Iterator<Item = FileUse<'w>> {
    accesses
        .chunk_by(|one, other| one.resource == other.resource)
        .filter_map(|chunk| {
            let mut sums = Sums::default();
            for access in chunk {
                sums.add(access);
            }
            let resource = world.resource(chunk.first()?.resource)?;
            Some(FileUse { resource, sums })
        })
}

/// Sums of accesses that come one by one: memory grows with resources, not with accesses.
#[derive(Default)]
pub(crate) struct UsesByResource(HashMap<ResourceId, Box<Sums>>);

impl UsesByResource {
    /// Counts an access.
    pub(crate) fn add(&mut self, access: &Access) {
        self.0.entry(access.resource).or_default().add(access);
    }

    /// The sums, by resource.
    pub(crate) fn take<'w>(&mut self, world: &'w World) -> Vec<FileUse<'w>> {
        let sums = world.resources.iter().filter_map(|resource| {
            let sums = *self.0.remove(&resource.id)?;
            Some(FileUse { resource, sums })
        });
        sums.collect()
    }
}

fn cells(file: &FileUse<'_>) -> Vec<Cell> {
    let resource = file.resource;
    let executed = file.count(Action::Execute) > 0;
    let mapped = file.count(Action::Map) > 0;
    let facts: Vec<u8> = [
        (resource.created, b'c'),
        (resource.modified, b'm'),
        (resource.deleted, b'd'),
        (executed, b'x'),
        (mapped, b'p'),
        (file.only_failed(), b'?'),
    ]
    .into_iter()
    .filter_map(|(holds, letter)| holds.then_some(letter))
    .collect();
    let error = file.last_error.map(|error| error.to_string());
    vec![
        Cell::int(file.count(Action::Open) + file.count(Action::Create)),
        Cell::int(file.traffic.reads),
        Cell::int(file.traffic.bytes_read),
        Cell::int(file.traffic.writes),
        Cell::int(file.traffic.bytes_written),
        Cell::int(file.failed),
        error.map_or(Cell::Null, |error| Cell::text(error.as_bytes())),
        Cell::Flag(resource.created),
        Cell::Flag(resource.deleted),
        Cell::Flag(resource.modified),
        Cell::Flag(executed),
        Cell::Flag(mapped),
        Cell::int(file.processes),
        Cell::Int(file.first_ns),
        Cell::Int(file.last_ns),
        Cell::Int(file.total_ns),
        Cell::text(resource.kind.name().as_bytes()),
        Cell::text(resource.category.name().as_bytes()),
        Cell::Flag(file.claimed),
        Cell::Text(facts),
        Cell::text(&resource.name),
    ]
}
