//! Runs as the generators need them: the whole world first, then the steps.

use std::ops::ControlFlow;

use anyhow::Result;
use unspool_generate::RunFacts;
use unspool_model::step::{Step, StepSink};
use unspool_model::tracker::{Retention, TrackContext};
use unspool_model::world::World;
use unspool_store::{RunReader, RunState, StepQuery, Tables};

use crate::commands::find_run;
use crate::commands::record::decoder_of;
use crate::failure::Failure;
use crate::pipeline::walk;
use crate::settings::Settings;
use crate::sources::FrameSource;

/// A run with its world.
pub(super) struct Loaded {
    reader: RunReader,
    /// Everything that is known beyond single events.
    pub(super) world: World,
}

/// Opens a run.
pub(super) fn load(settings: &Settings, reference: &str) -> Result<Loaded> {
    let entry = find_run(settings, reference)?;
    let reader = RunReader::open(&entry.folder).map_err(Failure::store)?;
    let world = if reader.manifest().tables.is_empty() {
        walk_frames(&reader, &mut Nothing)?
    } else {
        let tables = Tables::open(&reader).map_err(Failure::store)?;
        tables.world().map_err(Failure::store)?
    };
    Ok(Loaded { reader, world })
}

impl Loaded {
    /// Gives every step to the fold.
    pub(super) fn steps(&self, fold: &mut dyn FnMut(&Step<'_>)) -> Result<()> {
        if self.reader.manifest().tables.is_empty() {
            walk_frames(&self.reader, &mut Each { fold })?;
            return Ok(());
        }
        let tables = Tables::open(&self.reader).map_err(Failure::store)?;
        let query = StepQuery {
            with_args: true,
            ..StepQuery::default()
        };
        tables
            .for_each_step(&query, &mut |step| {
                fold(step);
                ControlFlow::Continue(())
            })
            .map_err(Failure::store)?;
        Ok(())
    }

    /// What the manifest says.
    pub(super) fn facts(&self) -> RunFacts {
        let manifest = self.reader.manifest();
        let mut losses = Vec::new();
        if manifest.counts.lost > 0 {
            losses.push(("events".to_owned(), manifest.counts.lost));
        }
        for loss in self.reader.losses() {
            losses.push((loss.reason.clone(), loss.frames.max(1)));
        }
        RunFacts {
            id: manifest.id.clone(),
            command: manifest
                .command
                .iter()
                .map(|word| unescaped(word))
                .collect(),
            host: manifest.host.clone(),
            cwd: unescaped(&manifest.cwd),
            recorder: manifest.recorder.name.clone(),
            options: manifest.recorder.options.clone(),
            complete: matches!(self.reader.state(), RunState::Complete),
            losses,
            exit_code: manifest.exit.and_then(|exit| exit.code),
        }
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    unspool_export::untrusted::unescape(text).unwrap_or_else(|| text.as_bytes().to_vec())
}

fn walk_frames<S: StepSink>(reader: &RunReader, sink: &mut S) -> Result<World> {
    let mut source = FrameSource::new(reader.frames().map_err(Failure::store)?);
    let mut decoder = decoder_of(&reader.manifest().recorder.name);
    let walked = walk(
        &mut source,
        decoder.as_mut(),
        Retention::All,
        TrackContext::default(),
        sink,
    )?;
    Ok(walked.world)
}

struct Nothing;

impl StepSink for Nothing {
    fn step(&mut self, _step: &Step<'_>, _world: &World) {}
}

/// Gives steps on; the world is the caller's, which knows the end.
struct Each<'f> {
    fold: &'f mut dyn FnMut(&Step<'_>),
}

impl StepSink for Each<'_> {
    fn step(&mut self, step: &Step<'_>, _world: &World) {
        (self.fold)(step);
    }
}
