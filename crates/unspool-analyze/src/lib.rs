//! Views: one file per analysis. Each is a fold over steps that gives rows; live and batch give the same rows.

pub mod accesses;
pub mod cim;
pub mod diff;
pub mod events;
pub mod fds;
pub mod files;
pub mod filter;
pub mod flame;
pub mod flow;
pub mod graph;
pub mod http;
pub mod net;
mod occurrences;
pub mod phases;
pub mod sql;
pub mod state;
pub mod summary;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod time;
pub mod totals;
pub mod trace;
pub mod tree;

use std::ops::ControlFlow;

use unspool_model::event::Outcome;
use unspool_model::ids::ProcessId;
use unspool_model::report::{Column, Layout, Report, RowSink, Shape, Shown, Unit};
use unspool_model::sample::Sample;
use unspool_model::step::{Step, StepArgs, StepKind, StepSink};
use unspool_model::totals::Totals;
use unspool_model::world::{Access, World};

use crate::totals::RunTotals;

pub use filter::{Filter, FilterError};
pub(crate) use unspool_model::totals::folded_counts as folded;

/// What a view may be asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ViewOptions {
    /// The instant of `state`; the end of the run when `None`.
    pub at_ns: Option<i64>,
    /// At most so many rows.
    pub limit: Option<usize>,
    /// `time`: rows by process instead of by call.
    pub by_process: bool,
    /// `seconds`: rows by category of calls too.
    pub by_category: bool,
    /// Only steps count that the filter lets through; views must fold them instead of reading the world.
    pub filtered: bool,
    /// What the manifest of the run says, for `summary`.
    pub run: RunFacts,
}

/// What is known about a run beside its steps.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunFacts {
    /// Command with its arguments; that of the first process when empty.
    pub command: Vec<Vec<u8>>,
    /// Exit status of the command, when the recorder saw it.
    pub exit_code: Option<u8>,
    /// Signal that ended the command.
    pub exit_signal: Option<u32>,
    /// Host name.
    pub host: String,
    /// User name.
    pub user: String,
    /// First time; that of the first process when `None`.
    pub start_ns: Option<i64>,
    /// Last time.
    pub end_ns: Option<i64>,
    /// What is missing: reason and how many.
    pub losses: Vec<(String, u64)>,
    /// Whether the run is whole.
    pub complete: bool,
    /// Whether calls that move data were left out: their bytes are not known by them.
    pub without_data: bool,
}

/// A view in the making.
pub trait Analysis {
    /// Sees every step, also those that the filter holds back: for what has to be known to place the others.
    fn observe(&mut self, step: &Step<'_>, world: &World) {
        let _ = (step, world);
    }

    /// Takes a step that counts. Rows that are ready may be written at once.
    fn step(&mut self, step: &Step<'_>, world: &World, out: &mut dyn RowSink) -> ControlFlow<()> {
        let _ = (step, world, out);
        ControlFlow::Continue(())
    }

    /// Where the totals of the run are taken in place of all steps, if they may be.
    fn totals(&mut self) -> Option<&mut RunTotals> {
        None
    }

    /// Whether it reads sessions or descriptors of the world.
    fn needs_sessions(&self) -> bool {
        true
    }

    /// Whether it takes the accesses of a run one by one: those of the world may be absent then.
    fn takes_accesses(&self) -> bool {
        false
    }

    /// Takes an access of the run.
    fn access(&mut self, access: &Access, world: &World) {
        let _ = (access, world);
    }

    /// Takes a sample of resource use that counts, after all steps.
    fn sample(&mut self, sample: &Sample, world: &World) {
        let _ = (sample, world);
    }

    /// Writes the rows (that are not written yet), and gives the notes.
    fn rows(&mut self, world: &World, out: &mut dyn RowSink) -> Vec<String>;
}

/// A row of the registry.
#[derive(Clone, Copy, Debug)]
pub struct AnalysisSpec {
    /// Name of the view.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// Shape of its rows.
    pub shape: Shape,
    /// Whether it reads the arguments of steps.
    pub needs_args: bool,
    /// Whether it reads steps even without a filter; the others have all in the world.
    pub needs_steps: bool,
    /// Makes one.
    pub new: fn(&ViewOptions) -> Box<dyn Analysis>,
}

/// Every view.
pub static ANALYSES: &[AnalysisSpec] = &[
    AnalysisSpec {
        name: "summary",
        doc: "What the run was, how it ended, what it touched most, and what to look at first.",
        shape: summary::SHAPE,
        needs_args: false,
        needs_steps: true,
        new: summary::new,
    },
    AnalysisSpec {
        name: "tree",
        doc: "Processes with their parents, commands and ends.",
        shape: tree::SHAPE,
        needs_args: false,
        needs_steps: false,
        new: tree::new,
    },
    AnalysisSpec {
        name: "files",
        doc: "Files, folders, devices and pipes with what was done to them.",
        shape: files::SHAPE,
        needs_args: false,
        needs_steps: false,
        new: files::new,
    },
    AnalysisSpec {
        name: "net",
        doc: "Connections and listening sockets with their bytes.",
        shape: net::SHAPE,
        needs_args: false,
        needs_steps: false,
        new: net::new,
    },
    AnalysisSpec {
        name: "fds",
        doc: "Descriptors from open to close, with what opened and closed them.",
        shape: fds::SHAPE,
        needs_args: false,
        needs_steps: false,
        new: fds::new,
    },
    AnalysisSpec {
        name: "events",
        doc: "Every event in order of completion.",
        shape: events::SHAPE,
        needs_args: true,
        needs_steps: true,
        new: events::new,
    },
    AnalysisSpec {
        name: "time",
        doc: "Calls, errors and durations by call, or by process.",
        shape: time::SHAPE,
        needs_args: false,
        needs_steps: true,
        new: time::new,
    },
    AnalysisSpec {
        name: "seconds",
        doc: "CPU, memory, bytes, calls and errors in each second: `show time --per-second`.",
        shape: time::seconds::SHAPE,
        needs_args: true,
        needs_steps: true,
        new: time::seconds::new,
    },
    AnalysisSpec {
        name: "state",
        doc: "Processes that live at an instant, their working directories and open descriptors.",
        shape: state::SHAPE,
        needs_args: false,
        needs_steps: true,
        new: state::new,
    },
    AnalysisSpec {
        name: "flame",
        doc: "Time in calls by process path: processes of one name below one path are one row, their calls below it.",
        shape: flame::SHAPE,
        needs_args: false,
        needs_steps: true,
        new: flame::new,
    },
    AnalysisSpec {
        name: "flow",
        doc: "What each process did, in few lines: repeated calls counted, a descriptor's life on one line, repeated sequences folded.",
        shape: flow::SHAPE,
        needs_args: true,
        needs_steps: true,
        new: flow::new,
    },
    AnalysisSpec {
        name: "phases",
        doc: "When the run worked, worked hard, waited, and when nothing was under way.",
        shape: phases::SHAPE,
        needs_args: false,
        needs_steps: true,
        new: phases::new,
    },
    AnalysisSpec {
        name: "sql",
        doc: "SQL statements seen in the data that calls moved (`--payload`), by template.",
        shape: sql::SHAPE,
        needs_args: true,
        needs_steps: true,
        new: sql::new,
    },
    AnalysisSpec {
        name: "http",
        doc: "HTTP/1 requests seen in the data that calls moved (`--payload`), by route, with their responses.",
        shape: http::SHAPE,
        needs_args: true,
        needs_steps: true,
        new: http::new,
    },
];

/// Finds a view.
pub fn view(name: &str) -> Option<&'static AnalysisSpec> {
    ANALYSES.iter().find(|spec| spec.name == name)
}

/// A view being made: filters steps, folds them, writes rows.
pub struct View<'o> {
    spec: &'static AnalysisSpec,
    analysis: Box<dyn Analysis>,
    filter: Option<Filter>,
    limit: usize,
    written: usize,
    begun: bool,
    stopped: bool,
    out: &'o mut dyn RowSink,
}

impl<'o> View<'o> {
    /// Begins a view. [`ViewOptions::filtered`] is set by whether there is a filter.
    pub fn new(
        spec: &'static AnalysisSpec,
        options: &ViewOptions,
        filter: Option<Filter>,
        out: &'o mut dyn RowSink,
    ) -> Self {
        let options = ViewOptions {
            filtered: options.filtered || filter.is_some(),
            ..options.clone()
        };
        Self {
            spec,
            analysis: (spec.new)(&options),
            filter,
            limit: options.limit.unwrap_or(usize::MAX),
            written: 0,
            begun: false,
            stopped: false,
            out,
        }
    }

    /// Whether steps have to be given at all.
    pub fn needs_steps(&self) -> bool {
        self.spec.needs_steps || self.filter.is_some()
    }

    /// Whether steps need their arguments.
    pub fn needs_args(&self) -> bool {
        self.spec.needs_args || self.filter.as_ref().is_some_and(Filter::needs_args)
    }

    /// Whether the totals of the run may stand for all its steps: no filter chooses among them, and the view asks no more.
    pub fn takes_totals(&mut self) -> bool {
        self.filter.is_none() && self.analysis.totals().is_some()
    }

    /// Takes the totals of the whole run in place of its steps.
    pub fn take_totals(&mut self, totals: Totals) {
        if let Some(own) = self.analysis.totals() {
            own.tell(totals);
        }
    }

    /// Whether the accesses of the run may be given one by one in place of those of the world.
    pub fn takes_accesses(&self) -> bool {
        self.filter.is_none() && self.analysis.takes_accesses()
    }

    /// Takes an access of the run.
    pub fn take_access(&mut self, access: &Access, world: &World) {
        self.analysis.access(access, world);
    }

    /// Whether the sessions and descriptors of the world are read.
    pub fn needs_sessions(&self) -> bool {
        self.filter.is_some() || self.analysis.needs_sessions()
    }

    /// Takes a step; `Break` when no further one is needed.
    pub fn take(&mut self, step: &Step<'_>, world: &World) -> ControlFlow<()> {
        if self.stopped {
            return ControlFlow::Break(());
        }
        self.analysis.observe(step, world);
        if let Some(filter) = &mut self.filter
            && !filter.matches(step, world)
        {
            return ControlFlow::Continue(());
        }
        if !self.begun {
            self.begin()?;
        }
        let mut out = Limited {
            out: self.out,
            limit: self.limit,
            written: &mut self.written,
        };
        let flow = self.analysis.step(step, world, &mut out);
        self.stopped |= flow.is_break();
        flow
    }

    /// Writes the rows and the end. `world` must hold everything of the run so far.
    pub fn finish(mut self, world: &World) -> ControlFlow<()> {
        if !self.begun {
            self.begin()?;
        }
        for sample in &world.samples {
            let counts = self
                .filter
                .as_mut()
                .is_none_or(|filter| sample_matches(filter, sample, world));
            if counts {
                self.analysis.sample(sample, world);
            }
        }
        let mut out = Limited {
            out: self.out,
            limit: self.limit,
            written: &mut self.written,
        };
        let mut notes = self.analysis.rows(world, &mut out);
        if self.written > self.limit {
            let rows = match self.limit {
                1 => "row".to_owned(),
                limit => format!("{limit} rows"),
            };
            notes.push(format!("only the first {rows}: `--limit` says so"));
        }
        self.out.end(&notes)
    }

    fn begin(&mut self) -> ControlFlow<()> {
        self.begun = true;
        let flow = self.out.begin(&self.spec.shape);
        self.stopped |= flow.is_break();
        flow
    }
}

/// Whether the filter lets a sample through: as an event of its process that has the sample's time. Samples of groups and of the
/// machine are nobody's.
fn sample_matches(filter: &mut Filter, sample: &Sample, world: &World) -> bool {
    let Some(process) = sample.process.and_then(|id| world.process(id)) else {
        return false;
    };
    let step = Step {
        seq: u64::MAX,
        time_ns: sample.time_ns,
        duration_ns: Some(sample.duration_ns),
        process: process.id,
        pid: process.pid,
        tid: process.pid.main_thread(),
        kind: StepKind::Sample,
        name: b"sample",
        syscall: None,
        args: StepArgs::Text(b""),
        outcome: Outcome::Unknown,
        exit: None,
        touch: None,
        second: None,
    };
    filter.matches(&step, world)
}

impl StepSink for View<'_> {
    fn step(&mut self, step: &Step<'_>, world: &World) {
        // A tracker gives all steps; what is not wanted is not folded.
        if self.take(step, world).is_break() {
            self.stopped = true;
        }
    }
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("view", &self.spec.name)
            .finish_non_exhaustive()
    }
}

/// Stops after the limit; one row more is counted, to know that there is one.
struct Limited<'o> {
    out: &'o mut dyn RowSink,
    limit: usize,
    written: &'o mut usize,
}

impl RowSink for Limited<'_> {
    fn begin(&mut self, _: &Shape) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn row(&mut self, cells: &[unspool_model::report::Cell]) -> ControlFlow<()> {
        *self.written = self.written.saturating_add(1);
        if *self.written > self.limit {
            return ControlFlow::Break(());
        }
        self.out.row(cells)
    }

    fn end(&mut self, _: &[String]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// A whole report of a world, and of steps that were given before as `steps` says.
pub fn report(
    spec: &'static AnalysisSpec,
    options: &ViewOptions,
    filter: Option<Filter>,
    world: &World,
    steps: &mut dyn FnMut(&mut View<'_>),
) -> Report {
    let mut report = Report::new(&spec.shape);
    let mut view = View::new(spec, options, filter, &mut report);
    steps(&mut view);
    // A report takes all rows: nothing to stop.
    let _flow: ControlFlow<()> = view.finish(world);
    report
}

pub(crate) const fn column(
    name: &'static str,
    unit: Unit,
    shown: Shown,
    doc: &'static str,
) -> Column {
    Column::new(name, unit, shown, doc)
}

pub(crate) const fn table(kind: &'static str, columns: &'static [Column]) -> Shape {
    Shape {
        kind,
        columns,
        layout: Layout::Table,
    }
}

/// A table whose rows are seconds.
pub(crate) const fn series(kind: &'static str, columns: &'static [Column]) -> Shape {
    Shape {
        kind,
        columns,
        layout: Layout::Series {
            time: "time_ns",
            step: 1_000_000_000,
        },
    }
}

/// `make[4711]` for people.
pub(crate) fn process_label(world: &World, id: ProcessId) -> Vec<u8> {
    let Some(process) = world.process(id) else {
        return format!("process {id}").into_bytes();
    };
    let name = process
        .image()
        .map_or(&b"?"[..], |image| match image.name() {
            b"" => b"?",
            name => name,
        });
    let mut label = name.to_vec();
    label.extend_from_slice(format!("[{}]", process.pid).as_bytes());
    label
}
