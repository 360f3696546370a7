//! `-D` and `-M`: the container file and the makefile of a log, by the generators of `unspool gen`.
//!
//! They want to know the whole run before its first step, so the log is read twice.

use std::path::Path;

use anyhow::{Context as _, Result};
use unspool_generate::dockerfile::{ImageOptions, plan};
use unspool_generate::{Gather, Host, Observed, RunFacts, makefile};
use unspool_model::step::{Step, StepSink};
use unspool_model::tracker::Retention;
use unspool_model::world::World;

use super::replay::Log;
use super::with_ending;
use crate::commands::export::write_whole;
use crate::commands::generate::image::into_folder;
use crate::report::eprint_line;

/// Writes what was asked for: `BASE.docker/Dockerfile`, and the makefile.
pub(super) fn write(
    log: &Log<'_>,
    base: &Path,
    dockerfile: bool,
    makefile: Option<&Path>,
) -> Result<()> {
    let walked = log.walk(Retention::All, &mut Nothing)?;
    let world = walked.world;
    let first = world.iter_processes().next();
    let facts = RunFacts {
        id: log.path.display().to_string(),
        command: first
            .and_then(|process| process.image())
            .map(|image| image.argv.clone())
            .unwrap_or_default(),
        host: log.ini.machine.host.clone(),
        cwd: first.map(|process| process.cwd.clone()).unwrap_or_default(),
        recorder: log.format.name.to_owned(),
        options: Vec::new(),
        complete: true,
        losses: walked
            .diagnostics
            .counts
            .iter()
            .filter(|(reason, _)| reason.is_loss())
            .map(|(reason, count)| (reason.as_str().to_owned(), *count))
            .collect(),
        exit_code: None,
        architectures: walked.architectures.names(),
    };
    let mut observed = Observed::new();
    let gather = Gather::new(&mut observed, facts, &world);
    log.walk(
        Retention::Live,
        &mut Steps {
            gather,
            world: &world,
        },
    )?;
    if dockerfile {
        let host = Host::new(Path::new("/"));
        let image = plan(&observed, &host, ImageOptions::default());
        into_folder(&with_ending(base, "docker"), image, &host)?;
    }
    if let Some(path) = makefile {
        let text = makefile::generate(&observed, &world);
        write_whole(path, |mut file| {
            std::io::Write::write_all(&mut file, &text).context("the makefile")
        })?;
        eprint_line(&format!("wrote {}", path.display()));
    }
    Ok(())
}

/// Takes nothing: the world is what is wanted.
struct Nothing;

impl StepSink for Nothing {
    fn step(&mut self, _: &Step<'_>, _: &World) {}
}

/// Gives the steps to the generators, with the world of the whole run.
struct Steps<'g, 'o> {
    gather: Gather<'o>,
    world: &'g World,
}

impl StepSink for Steps<'_, '_> {
    fn step(&mut self, step: &Step<'_>, _: &World) {
        self.gather.step(step, self.world);
    }
}
