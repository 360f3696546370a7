//! Runs as the comparison wants them: folded.

use anyhow::Result;
use unspool_analyze::diff::{NameRules, Profile, Profiler, RunIdentity};
use unspool_export::untrusted::unescape;
use unspool_store::{Manifest, RunEntry, RunReader, RunState};

use crate::stored::Stored;

/// Opens a run and folds it.
pub(super) fn profile(entry: &RunEntry, rules: &mut NameRules) -> Result<Profile> {
    let run = Stored::open(&entry.folder)?;
    let identity = identity(&run.reader);
    let world = run.world()?;
    let mut profiler = Profiler::new(&world, &identity, rules);
    let with_args = has_more_in_arguments(run.reader.manifest());
    run.each_step(with_args, &mut |step| profiler.step(step))?;
    Ok(profiler.finish(&world))
}

/// Steps of an imported log up to which the answers of its stat calls are looked at.
const LOG_STEPS_MAX: u64 = 300_000;

/// Whether arguments say what the other columns do not: data that was kept, and answers of stat calls, which only text
/// tracers print. They are the largest column, so of long logs the lengths of files are not known.
fn has_more_in_arguments(manifest: &Manifest) -> bool {
    let is_native = matches!(manifest.recorder.name.as_str(), "ptrace" | "bpf");
    let steps = manifest.seal.as_ref().map_or(0, |seal| seal.events);
    keeps_data(manifest) || !is_native && steps <= LOG_STEPS_MAX
}

/// Whether the data of calls was kept.
fn keeps_data(manifest: &Manifest) -> bool {
    manifest
        .recorder
        .options
        .iter()
        .any(|option| option.starts_with("payload=") && option != "payload=0")
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
        keeps_data: keeps_data(manifest),
    }
}
