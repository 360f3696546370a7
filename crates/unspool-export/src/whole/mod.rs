//! Forms of a whole run instead of a view: timelines, sums by call path, graphs.

use std::io::{self, Write};

use unspool_model::graph::Graph;
use unspool_model::stacks::{Stacks, Weight};
use unspool_model::timeline::TimelineSink;

use crate::{chrome, dot, flame_svg, folded, graphml, perfetto, pprof, speedscope};

/// A form of a whole run.
#[derive(Clone, Copy, Debug)]
pub struct WholeForm {
    /// Name, as `--form` takes it.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// Endings of file names that mean it.
    pub endings: &'static [&'static str],
    /// Whether its bytes are no text.
    pub is_binary: bool,
    /// What it is made of.
    pub makes: Makes,
}

/// What a form is made of, and what makes it.
#[derive(Clone, Copy, Debug)]
pub enum Makes {
    /// Steps as they come.
    Timeline(for<'w> fn(&'w mut dyn Write) -> Box<dyn TimelineForm + 'w>),
    /// Sums by call path.
    Stacks(fn(&Stacks, &StackOptions, &mut dyn Write) -> io::Result<()>),
    /// What went between processes and resources.
    Graph(fn(&Graph, &str, &mut dyn Write) -> io::Result<()>),
}

/// What forms of sums have to know beside them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StackOptions {
    /// Name of the whole, for people. Safe text.
    pub title: String,
    /// What frames are measured by.
    pub weight: Weight,
    /// First time in nanoseconds since 1970, when the run has dates.
    pub start_ns: Option<i64>,
    /// Length of the run.
    pub duration_ns: Option<i64>,
}

/// A writer of a timeline. What comes after an error is ignored; [`TimelineForm::finish`] tells it.
pub trait TimelineForm: TimelineSink {
    /// Writes what is left, and gives the first error.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Every form of a whole run.
pub static WHOLE_FORMS: &[WholeForm] = &[
    WholeForm {
        name: "perfetto",
        doc: "Perfetto's protobuf trace: calls as slices, arrows along links, counters. For ui.perfetto.dev and `trace_processor`.",
        endings: &["pftrace", "perfetto-trace"],
        is_binary: true,
        makes: Makes::Timeline(|out| Box::new(perfetto::Perfetto::new(out))),
    },
    WholeForm {
        name: "chrome-trace",
        doc: "The same as JSON, in Chrome's trace event format. For chrome://tracing, Perfetto and speedscope.",
        endings: &[],
        is_binary: false,
        makes: Makes::Timeline(|out| Box::new(chrome::Chrome::new(out))),
    },
    WholeForm {
        name: "folded",
        doc: "One line a call path with its sum: `make;cc;read 1200`. For flamegraph.pl, inferno and speedscope.",
        endings: &["folded", "collapsed"],
        is_binary: false,
        makes: Makes::Stacks(folded::write),
    },
    WholeForm {
        name: "flame",
        doc: "A flame graph as one SVG file with zoom and search. For browsers.",
        endings: &["svg"],
        is_binary: false,
        makes: Makes::Stacks(flame_svg::write),
    },
    WholeForm {
        name: "speedscope",
        doc: "Sums by call path as JSON, by time, calls and bytes. For speedscope.",
        endings: &["speedscope"],
        is_binary: false,
        makes: Makes::Stacks(speedscope::write),
    },
    WholeForm {
        name: "pprof",
        doc: "The same as a gzipped protobuf profile. For `go tool pprof` and all that reads its format.",
        endings: &["pprof"],
        is_binary: true,
        makes: Makes::Stacks(pprof::write),
    },
    WholeForm {
        name: "dot",
        doc: "Processes, files and sockets with what went between them, for Graphviz.",
        endings: &["dot", "gv"],
        is_binary: false,
        makes: Makes::Graph(dot::write),
    },
    WholeForm {
        name: "graphml",
        doc: "The same graph as `GraphML`. For `NetworkX`, Gephi, yEd.",
        endings: &["graphml"],
        is_binary: false,
        makes: Makes::Graph(graphml::write),
    },
];

/// Finds a form of a whole run by its name.
pub fn whole_form(name: &str) -> Option<&'static WholeForm> {
    WHOLE_FORMS.iter().find(|form| form.name == name)
}

/// Finds the form that a file name means by its ending.
pub fn whole_form_of_ending(ending: &str) -> Option<&'static WholeForm> {
    WHOLE_FORMS
        .iter()
        .find(|form| form.endings.contains(&ending))
}

#[cfg(test)]
pub(crate) mod tests;
