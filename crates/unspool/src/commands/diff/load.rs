//! Runs as the comparison wants them: folded.

use anyhow::Result;
use unspool_analyze::diff::{NameRules, Profile, Profiler, RunIdentity};
use unspool_export::untrusted::unescape;
use unspool_store::{RunEntry, RunReader, RunState};

use crate::stored::Stored;

/// Opens a run and folds it.
pub(super) fn profile(entry: &RunEntry, rules: &mut NameRules) -> Result<Profile> {
    let run = Stored::open(&entry.folder)?;
    let identity = identity(&run.reader);
    let world = run.world()?;
    let mut profiler = Profiler::new(&world, &identity, rules);
    run.each_step(false, &mut |step| profiler.step(step))?;
    Ok(profiler.finish(&world))
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
