//! Every text of a run that may hold a secret, and how each kind is scrubbed.

use std::fmt;

use anyhow::Result;
use unspool_model::step::{StepArgs, StepKind};
use unspool_record::Scrub as _;
use unspool_record::scrub::Scrubber;
use unspool_store::{RunReader, StepQuery, Tables};

use crate::failure::Failure;

/// What kind of text it is: each has its own rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TextKind {
    /// `NAME=value` of an environment; the text of a [`Place`] is the value.
    Environment,
    /// An argument vector, words joined by blanks.
    Argument,
    /// Arguments of a call as a tracer prints them.
    Call,
    /// What the program printed, what the tracer said.
    Line,
    /// A path, a name of a resource.
    Path,
}

/// Where a text stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    pub(crate) kind: TextKind,
    /// Variable, call, or program.
    pub(crate) name: &'p [u8],
    /// The words of an argument vector.
    pub(crate) words: &'p [Vec<u8>],
    pub(crate) tid: Option<u32>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = unspool_export::escape(self.name);
        match self.kind {
            TextKind::Environment => write!(f, "environment `{name}`"),
            TextKind::Argument => write!(f, "arguments of `{name}`"),
            TextKind::Call => write!(f, "call `{name}`"),
            TextKind::Line => write!(f, "line of {name}"),
            TextKind::Path => write!(f, "path or name of a {name}"),
        }
    }
}

/// The text without its secrets by the rules of its kind; `None` when it has none.
pub(crate) fn scrub_text(scrubber: &Scrubber, place: &Place<'_>, text: &[u8]) -> Option<Vec<u8>> {
    let scrubbed = match place.kind {
        TextKind::Environment => {
            let mut env = vec![[place.name, b"=", text].concat()];
            scrubber.env(&mut env);
            let entry = env.pop()?;
            entry.get(place.name.len() + 1..)?.to_vec()
        }
        TextKind::Argument => {
            let mut argv = place.words.to_vec();
            scrubber.argv(&mut argv);
            argv.join(&b' ')
        }
        TextKind::Call => {
            let mut out = Vec::new();
            return scrubber
                .scrub_arguments(place.tid, place.name, text, &mut out)
                .then_some(out);
        }
        TextKind::Line => {
            let mut out = Vec::new();
            return scrubber.scrub_line(text, &mut out).then_some(out);
        }
        TextKind::Path => {
            let mut bytes = text.to_vec();
            scrubber.text(unspool_record::TextKind::Path, &mut bytes);
            bytes
        }
    };
    (scrubbed != text).then_some(scrubbed)
}

/// Kind of the text of a step: of a call its arguments.
pub(crate) fn kind_of(kind: StepKind) -> TextKind {
    match kind {
        StepKind::Syscall | StepKind::LibraryCall => TextKind::Call,
        StepKind::Exec => TextKind::Path,
        _ => TextKind::Line,
    }
}

/// Gives every text of a run to `visit`.
pub(crate) fn walk_texts(
    reader: &RunReader,
    visit: &mut dyn FnMut(&Place<'_>, &[u8]),
) -> Result<()> {
    if reader.manifest().tables.is_empty() {
        return Err(Failure::input(format!(
            "`{}` has no tables to look through",
            reader.manifest().id
        ))
        .hint("make them: `unspool runs recover RUN`")
        .into());
    }
    let tables = Tables::open(reader).map_err(Failure::store)?;
    let world = tables.world().map_err(Failure::store)?;
    let path = |name: &'static [u8]| Place {
        kind: TextKind::Path,
        name,
        words: &[],
        tid: None,
    };
    for process in world.iter_processes() {
        for image in process.images.iter().filter(|image| !image.inherited) {
            let name = image.name();
            for entry in &image.env {
                let equals = entry.iter().position(|byte| *byte == b'=');
                if let Some((name, value)) = equals.and_then(|at| entry.split_at_checked(at)) {
                    let place = Place {
                        kind: TextKind::Environment,
                        name,
                        words: &[],
                        tid: None,
                    };
                    visit(&place, value.get(1..).unwrap_or_default());
                }
            }
            let place = Place {
                kind: TextKind::Argument,
                name,
                words: &image.argv,
                tid: None,
            };
            visit(&place, &image.argv.join(&b' '));
            visit(&path(b"program"), &image.exe);
            visit(&path(b"working directory"), &image.cwd);
        }
    }
    for resource in &world.resources {
        visit(&path(resource.kind.name().as_bytes()), &resource.name);
    }
    let query = StepQuery::all();
    tables
        .for_each_step(&query, &mut |step| {
            if let StepArgs::Text(text) = step.args
                && !text.is_empty()
            {
                let place = Place {
                    kind: kind_of(step.kind),
                    name: step.name,
                    words: &[],
                    tid: Some(step.tid.0),
                };
                visit(&place, text);
            }
            std::ops::ControlFlow::Continue(())
        })
        .map_err(Failure::store)?;
    Ok(())
}
