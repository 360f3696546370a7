//! The flow: what each process did, told in few lines. No call is left out: the counts of the lines are the calls.
//!
//! Each process has stages behind each other, all of bounded memory: descriptors' lives, sequences that come again (twice, then long ones), mixes of few kinds, and sequences again, of what these made.

mod alike;
mod fold;
mod line;
mod lives;
mod mix;
mod names;
mod story;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use unspool_model::event::Outcome;
use unspool_model::ids::ProcessId;
use unspool_model::report::{Cell, RowSink, Shape, Shown, Unit};
use unspool_model::step::{Step, StepKind};
use unspool_model::syscalls::Operation;
use unspool_model::world::World;

pub use fold::{PERIOD_LONG_MAX, PERIOD_MAX, WEIGHT_LONG_MAX, WEIGHT_MAX};
pub use line::{ARGUMENTS_MAX, Arguments, Line, Name, Style};
pub use lives::LIVES_MAX;
pub use mix::{MEMBERS_MAX, MIX_WINDOW};
pub use names::{NAMES_MAX, Names};
pub use story::{KINDS_BEHIND_MAX, LINES_MAX, LINES_PER_PROCESS_MAX, Story};

use crate::phases::{Phase, Phases};
use crate::{Analysis, ViewOptions, column, process_label, table};

/// Processes that may be in the making at the same time; when there are more, all of them are ended, and begin anew.
pub const OPEN_MAX: usize = 4096;

/// Parts of a folded line that its function names in the view.
const PARTS_SHOWN: usize = 6;

/// Shape of the rows.
pub const SHAPE: Shape = table(
    "flow",
    &[
        column("row", Unit::Text, Shown::Never, "`phase` or `call`."),
        column("process", Unit::Number, Shown::Never, "Id of the process."),
        column("pid", Unit::Number, Shown::Never, "Process id."),
        column(
            "start_ns",
            Unit::Time,
            Shown::Always,
            "Start of the first call.",
        ),
        column(
            "end_ns",
            Unit::Time,
            Shown::Wide,
            "End of the last call to end.",
        ),
        column(
            "name",
            Unit::Text,
            Shown::Always,
            "Name and pid of the process; `phase` for a phase of the whole run.",
        ),
        column(
            "processes",
            Unit::Count,
            Shown::Always,
            "Processes that are told together: of one program and one parent, with the same lines.",
        ),
        column(
            "times",
            Unit::Count,
            Shown::Always,
            "How often this came in a row.",
        ),
        column(
            "calls",
            Unit::Count,
            Shown::Always,
            "Calls in it. The sum over all lines is the number of calls of the run.",
        ),
        column(
            "failed",
            Unit::Count,
            Shown::Wide,
            "Calls of it that failed.",
        ),
        column(
            "style",
            Unit::Text,
            Shown::Wide,
            "Empty for calls of one function, `args` for several on one thing, `rept` for lines that came again in this order, `mix` in changing order.",
        ),
        column(
            "function",
            Unit::Text,
            Shown::Always,
            "Function, or functions in the order of their first call: `(openat+fstat+mmap+close)`; of more than eight parts the first six and how many more, all are in `parts`.",
        ),
        column(
            "result",
            Unit::Text,
            Shown::Always,
            "Result that all calls had, or the error; null where they differ.",
        ),
        column(
            "bytes_read",
            Unit::Bytes,
            Shown::Wide,
            "Bytes that reads returned.",
        ),
        column(
            "bytes_written",
            Unit::Bytes,
            Shown::Wide,
            "Bytes that writes returned.",
        ),
        column(
            "total_ns",
            Unit::Duration,
            Shown::Wide,
            "Time in the calls, where known.",
        ),
        column(
            "arguments",
            Unit::List,
            Shown::Always,
            "What it was called on: up to four names, or a pattern of all of them.",
        ),
        column(
            "parts",
            Unit::List,
            Shown::Never,
            "Lines that were folded into this one: `function`, `times`, `calls`, `arguments`, `parts`.",
        ),
    ],
);

/// Makes the view.
pub(crate) fn new(_: &ViewOptions) -> Box<dyn Analysis> {
    Box::new(View {
        flows: Flows::default(),
        phases: Phases::default(),
    })
}

/// The flows of all processes.
#[derive(Debug)]
pub struct Flows {
    names: Names,
    stories: Vec<Story>,
    open: usize,
    room: usize,
}

impl Default for Flows {
    fn default() -> Self {
        Self {
            names: Names::default(),
            stories: Vec::new(),
            open: 0,
            room: LINES_MAX,
        }
    }
}

impl Flows {
    /// Takes a step.
    pub fn step(&mut self, step: &Step<'_>, world: &World) {
        let place = step.process.index();
        let counts = match step.kind {
            StepKind::Syscall | StepKind::LibraryCall => {
                (1, u64::from(step.outcome.failed().is_some()))
            }
            StepKind::Folded => crate::folded(step),
            StepKind::Exit if step.tid == step.pid.main_thread() => {
                self.close(place, world);
                return;
            }
            _ => return,
        };
        if self.stories.len() <= place {
            self.stories.resize_with(place + 1, Story::default);
        }
        let name = self.names.of(step);
        if is_new_image(step) {
            self.close(place, world);
            let mut line = Line::of(step, name, 1, 0, world);
            line.seal(world);
            if let Some(story) = self.stories.get_mut(place) {
                story.keep(line, world, &mut self.room);
            }
            return;
        }
        let opens = self
            .stories
            .get(place)
            .is_some_and(|story| !story.is_open());
        if opens {
            if self.open >= OPEN_MAX {
                self.close_all(world);
            }
            self.open += 1;
        }
        if let Some(story) = self.stories.get_mut(place) {
            story.push(step, name, counts, world, &mut self.room);
        }
    }

    fn close(&mut self, place: usize, world: &World) {
        if let Some(story) = self.stories.get_mut(place)
            && story.is_open()
        {
            story.flush(world, &mut self.room);
            self.open -= 1;
        }
    }

    fn close_all(&mut self, world: &World) {
        for story in &mut self.stories {
            story.flush(world, &mut self.room);
        }
        self.open = 0;
    }

    /// Ends what is being folded. Further steps begin new lines.
    pub fn finish(&mut self, world: &World) {
        self.close_all(world);
    }

    /// The lines of each process that made calls, in order of their ids.
    pub fn stories(&self) -> impl DoubleEndedIterator<Item = (ProcessId, &Story)> {
        self.stories
            .iter()
            .enumerate()
            .filter(|(_, story)| !story.lines.is_empty())
            .filter_map(|(place, story)| Some((ProcessId(u32::try_from(place).ok()?), story)))
    }

    /// Names of the functions.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// `openat`, `(openat+fstat+close)`, `((openat+close)+stat)`.
    pub fn function(&self, line: &Line, out: &mut Vec<u8>) {
        self.function_with(line, b"", usize::MAX, out);
    }

    /// The same with `suffix` behind each system call (dockit's `@SYS`), and with at most so many parts of each folded line.
    pub fn function_with(&self, line: &Line, suffix: &[u8], parts_max: usize, out: &mut Vec<u8>) {
        let group = line.parts.len() + line.functions.len() > 1;
        if group {
            out.push(b'(');
        }
        for (index, (name, _)) in line.functions.iter().enumerate() {
            if index > 0 {
                out.push(b'+');
            }
            out.extend_from_slice(self.names.text(*name));
            if self.names.is_syscall(*name) {
                out.extend_from_slice(suffix);
            }
        }
        // One or two more than shown are shown, too: saying so would be as long.
        let shown = if line.parts.len() > parts_max.saturating_add(2) {
            parts_max
        } else {
            line.parts.len()
        };
        for (index, part) in line.parts.iter().take(shown).enumerate() {
            if index > 0 {
                out.push(b'+');
            }
            self.function_with(part, suffix, parts_max, out);
        }
        if shown < line.parts.len() {
            let more = format!("+…{} more", line.parts.len() - shown);
            out.extend_from_slice(more.as_bytes());
        }
        if group {
            out.push(b')');
        }
    }
}

/// What a line was called on: of a folded line all that its parts were called on, each once.
pub fn arguments(line: &Line, world: &World) -> Vec<Vec<u8>> {
    let mut texts = line.arguments.texts(world);
    for part in &line.parts {
        for text in arguments(part, world) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    texts
}

/// Result that all calls of a line had: `0`, `ENOENT`, `?`; `None` when they differ.
pub fn result(line: &Line) -> Option<String> {
    match line.outcome? {
        // An address.
        Outcome::Returned(value) if value > i64::from(u32::MAX) => Some(format!("{value:#x}")),
        Outcome::Returned(value) => Some(value.to_string()),
        Outcome::Failed(errno) => Some(errno.to_string()),
        Outcome::Unfinished => Some("unfinished".to_owned()),
        Outcome::Unknown => Some("?".to_owned()),
    }
}

fn is_new_image(step: &Step<'_>) -> bool {
    step.syscall
        .is_some_and(|call| call.operation() == Operation::Exec)
        && step.outcome == Outcome::Returned(0)
}

struct View {
    flows: Flows,
    phases: Phases,
}

impl Analysis for View {
    fn step(&mut self, step: &Step<'_>, world: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        self.flows.step(step, world);
        self.phases.step(step);
        ControlFlow::Continue(())
    }

    fn rows(&mut self, world: &World, out: &mut dyn RowSink) -> Vec<String> {
        self.flows.finish(world);
        let phases = self.phases.list(world.clock);
        // One phase over everything tells nothing.
        let shown = if phases.len() > 1 { &phases[..] } else { &[] };
        for phase in shown {
            if out.row(&phase_cells(phase)).is_break() {
                return Vec::new();
            }
        }
        for told in alike::fold(&self.flows, world) {
            for line in told.lines.iter() {
                let cells = self.cells(told.process, told.processes, line, world);
                if out.row(&cells).is_break() {
                    return Vec::new();
                }
            }
        }
        self.notes(world)
    }
}

impl View {
    fn cells(&self, process: ProcessId, processes: u64, line: &Line, world: &World) -> Vec<Cell> {
        let mut function = Vec::new();
        self.flows
            .function_with(line, b"", PARTS_SHOWN, &mut function);
        let arguments = arguments(line, world).into_iter().map(Cell::Text);
        vec![
            Cell::text(b"call"),
            Cell::int(process.0),
            Cell::int_or_null(world.process(process).map(|process| process.pid.0)),
            Cell::Int(line.start_ns),
            Cell::Int(line.end_ns),
            Cell::Text(process_label(world, process)),
            Cell::int(processes),
            Cell::int(line.times),
            Cell::int(line.calls),
            Cell::int(line.failed),
            Cell::text(line.style.name().as_bytes()),
            Cell::Text(function),
            result(line).map_or(Cell::Null, |result| Cell::Text(result.into_bytes())),
            Cell::int(line.traffic.bytes_read),
            Cell::int(line.traffic.bytes_written),
            Cell::Int(line.total_ns),
            Cell::List(arguments.collect()),
            Cell::List(
                line.parts
                    .iter()
                    .map(|part| self.part(part, world))
                    .collect(),
            ),
        ]
    }

    fn part(&self, line: &Line, world: &World) -> Cell {
        let mut function = Vec::new();
        self.flows.function(line, &mut function);
        let arguments = arguments(line, world).into_iter().map(Cell::Text);
        Cell::Record(vec![
            ("function", Cell::Text(function)),
            ("times", Cell::int(line.times)),
            ("calls", Cell::int(line.calls)),
            ("arguments", Cell::List(arguments.collect())),
            (
                "parts",
                Cell::List(
                    line.parts
                        .iter()
                        .map(|part| self.part(part, world))
                        .collect(),
                ),
            ),
        ])
    }

    fn notes(&self, world: &World) -> Vec<String> {
        let mut notes = Vec::new();
        for (process, story) in self.flows.stories() {
            if story.summed > 0 {
                let label = process_label(world, process);
                notes.push(format!(
                    "{} has too many lines: {} of them were summed by function at its end, without their order",
                    String::from_utf8_lossy(&label),
                    story.summed
                ));
            }
        }
        notes
    }
}

fn phase_cells(phase: &Phase) -> Vec<Cell> {
    vec![
        Cell::text(b"phase"),
        Cell::Null,
        Cell::Null,
        Cell::Int(phase.start_ns),
        Cell::Int(phase.end_ns),
        Cell::text(b"phase"),
        Cell::Null,
        Cell::Int(1),
        // The calls are in the lines of the processes: sums over all rows stay right.
        Cell::Int(0),
        Cell::Int(0),
        Cell::text(b""),
        Cell::text(phase.kind.name().as_bytes()),
        Cell::Null,
        Cell::int(phase.traffic.bytes_read),
        Cell::int(phase.traffic.bytes_written),
        Cell::Int(phase.end_ns.saturating_sub(phase.start_ns)),
        Cell::List(vec![Cell::Text(phase.sentence().into_bytes())]),
        Cell::List(Vec::new()),
    ]
}
