//! Runs as the comparison wants them: folded.

use std::ops::ControlFlow;

use anyhow::Result;
use unspool_analyze::diff::{NameRules, Profile, Profiler, RunIdentity};
use unspool_export::untrusted::unescape;
use unspool_model::step::{Step, StepSink};
use unspool_model::tracker::{Retention, TrackContext};
use unspool_model::world::World;
use unspool_store::{RunEntry, RunReader, RunState, StepQuery, Tables};

use crate::commands::record::decoder_of;
use crate::failure::Failure;
use crate::pipeline::walk;
use crate::sources::FrameSource;

/// Opens a run and folds it.
pub(super) fn profile(entry: &RunEntry, rules: &mut NameRules) -> Result<Profile> {
    let reader = RunReader::open(&entry.folder).map_err(Failure::store)?;
    let identity = identity(&reader);
    if reader.manifest().tables.is_empty() {
        return from_frames(&reader, &identity, rules);
    }
    let tables = Tables::open(&reader).map_err(Failure::store)?;
    let world = tables.world().map_err(Failure::store)?;
    let mut profiler = Profiler::new(&world, &identity, rules);
    tables
        .for_each_step(&StepQuery::default(), &mut |step| {
            profiler.step(step);
            ControlFlow::Continue(())
        })
        .map_err(Failure::store)?;
    Ok(profiler.finish(&world))
}

/// A run without tables is decoded twice: names first, then steps.
fn from_frames(
    reader: &RunReader,
    identity: &RunIdentity,
    rules: &mut NameRules,
) -> Result<Profile> {
    let walked = walk_frames(reader, Retention::All, &mut Nobody)?;
    let mut fold = Fold {
        profiler: Profiler::new(&walked, identity, rules),
    };
    walk_frames(reader, Retention::Live, &mut fold)?;
    Ok(fold.profiler.finish(&walked))
}

fn walk_frames<S: StepSink>(reader: &RunReader, kept: Retention, sink: &mut S) -> Result<World> {
    let frames = reader.frames().map_err(Failure::store)?;
    let mut source = FrameSource::new(frames);
    let mut decoder = decoder_of(&reader.manifest().recorder.name);
    let walked = walk(
        &mut source,
        decoder.as_mut(),
        kept,
        TrackContext::default(),
        sink,
    )?;
    Ok(walked.world)
}

struct Nobody;

impl StepSink for Nobody {
    fn step(&mut self, _: &Step<'_>, _: &World) {}
}

struct Fold {
    profiler: Profiler,
}

impl StepSink for Fold {
    fn step(&mut self, step: &Step<'_>, _: &World) {
        self.profiler.step(step);
    }
}

fn identity(reader: &RunReader) -> RunIdentity {
    let manifest = reader.manifest();
    // Two recorders by one name: an import says which format it read.
    let recorder = manifest.sources.first().map_or_else(
        || manifest.recorder.name.clone(),
        |source| source.format.clone(),
    );
    RunIdentity {
        run: manifest.name.clone().unwrap_or_else(|| manifest.id.clone()),
        recorder,
        start_ns: (manifest.start_ns != 0).then_some(manifest.start_ns),
        host: manifest.host.clone(),
        user: manifest.user.clone(),
        cwd: unescape(&manifest.cwd).unwrap_or_default(),
        complete: matches!(reader.state(), RunState::Complete),
    }
}
