//! Makefiles from provenance: what was written is made of what was read, by the command that did it.

mod graph;
mod quote;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use unspool_model::world::World;

use crate::commands::{Depth, Exchange, Indexed, Pipeline, exchange, tell};
use crate::header::comments;
use crate::observed::Observed;
use crate::script::line;
use crate::text::{is_within, shell_word, shown};

/// Where files of the system lie: they are no inputs of a rule.
const SYSTEM: &[&str] = &[
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/var/lib",
    "/var/cache",
    "/run",
];

/// A rule in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rule {
    pub(crate) outputs: BTreeSet<Vec<u8>>,
    pub(crate) inputs: BTreeSet<Vec<u8>>,
    /// Lines of the recipe, in the words of a shell.
    pub(crate) lines: Vec<Vec<u8>>,
    pub(crate) notes: Vec<String>,
}

/// Writes the makefile of one run.
pub fn generate(observed: &Observed, world: &World) -> Vec<u8> {
    let indexed = Indexed::new(world);
    let told = tell(
        &indexed,
        Depth {
            levels: u32::MAX,
            builders: true,
        },
    );
    let cwd = observed.roots.first().map_or(&[][..], |root| &root.cwd);
    let mut rules = Vec::new();
    let mut without = Vec::new();
    for pipeline in &told.pipelines {
        let Exchange { inputs, outputs } = exchange(&indexed, pipeline);
        let is_own = |path: &Vec<u8>| {
            !SYSTEM
                .iter()
                .any(|folder| is_within(path, folder.as_bytes()))
        };
        let outputs: BTreeSet<Vec<u8>> = outputs.into_iter().filter(is_own).collect();
        if outputs.is_empty() {
            without.push(shown(&line(pipeline, cwd)));
            continue;
        }
        rules.push(Rule {
            inputs: inputs
                .into_iter()
                .filter(is_own)
                .filter(|path| !outputs.contains(path))
                .collect(),
            outputs,
            lines: vec![recipe(pipeline, cwd)],
            notes: pipeline
                .commands()
                .flat_map(|command| command.notes.clone())
                .collect(),
        });
    }
    let rules = graph::merged(&rules);
    let mut text = comments(observed, "makefile", "#").into_bytes();
    text.extend_from_slice(
        b"# Files of the system are no prerequisites. `make -n` tells what would be done.\n",
    );
    text.extend_from_slice(
        b"SHELL := /bin/sh\n.DEFAULT_GOAL := all\n.PHONY: all\n.DELETE_ON_ERROR:\n.SUFFIXES:\n\n",
    );
    write_rules(&mut text, &rules);
    for command in without {
        text.extend_from_slice(format!("# left no file: {command}\n").as_bytes());
    }
    for note in &told.notes {
        text.extend_from_slice(format!("# {note}\n").as_bytes());
    }
    text
}

fn recipe(pipeline: &Pipeline, cwd: &[u8]) -> Vec<u8> {
    if cwd.is_empty() {
        return line(pipeline, cwd);
    }
    [
        b"cd -- ".as_slice(),
        &shell_word(cwd),
        b" && ",
        &line(pipeline, cwd),
    ]
    .concat()
}

fn write_rules(text: &mut Vec<u8>, rules: &[Rule]) {
    let mut goals: Vec<Vec<u8>> = Vec::new();
    let mut body = Vec::new();
    for rule in rules {
        let (targets, refused) = names(&rule.outputs, quote::target);
        let (prerequisites, unknown) = names(&rule.inputs, quote::prerequisite);
        for note in &rule.notes {
            body.extend_from_slice(format!("# {note}\n").as_bytes());
        }
        for name in refused.iter().chain(&unknown) {
            body.extend_from_slice(
                format!("# make cannot hold the name {}\n", shown(name)).as_bytes(),
            );
        }
        if targets.is_empty() {
            for line in &rule.lines {
                body.extend_from_slice(format!("# left out: {}\n", shown(line)).as_bytes());
            }
            continue;
        }
        goals.extend(names(&rule.outputs, quote::prerequisite).0);
        let separator: &[u8] = if targets.len() > 1 { b" &:" } else { b":" };
        body.extend_from_slice(&targets.join(&b' '));
        body.extend_from_slice(separator);
        for prerequisite in &prerequisites {
            body.push(b' ');
            body.extend_from_slice(prerequisite);
        }
        body.push(b'\n');
        for line in &rule.lines {
            body.push(b'\t');
            body.extend_from_slice(&quote::recipe(line));
            body.push(b'\n');
        }
        body.push(b'\n');
    }
    text.extend_from_slice(b"all:");
    for goal in goals {
        text.extend_from_slice(b" \\\n  ");
        text.extend_from_slice(&goal);
    }
    text.extend_from_slice(b"\n\n");
    text.extend_from_slice(&body);
}

/// Names as make reads them, whole, so that it may be called from anywhere; and those that it cannot hold.
fn names(
    paths: &BTreeSet<Vec<u8>>,
    quote: fn(&[u8]) -> Option<Vec<u8>>,
) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut held = Vec::new();
    let mut refused = Vec::new();
    for path in paths {
        match quote(path) {
            Some(name) => held.push(name),
            None => refused.push(path.clone()),
        }
    }
    (held, refused)
}
