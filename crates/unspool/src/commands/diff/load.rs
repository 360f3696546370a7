//! Runs as the comparison wants them: folded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use anyhow::Result;
use unspool_analyze::diff::{NameRules, Profile, Profiler, RunIdentity};
use unspool_export::untrusted::unescape;
use unspool_model::step::Step;
use unspool_model::world::World;
use unspool_store::{Manifest, RunEntry, RunReader, RunState};

use super::detail::{Common, Part};
use crate::stored::Stored;

/// Opens and folds runs, two at a time. The first one decides where the days of all runs come from.
pub(super) fn profiles(entries: &[&RunEntry], rules: NameRules) -> Result<Vec<Profile>> {
    let Some((first, rest)) = entries.split_first() else {
        return Ok(Vec::new());
    };
    let manifests = entries.iter().filter_map(|entry| entry.manifest.as_ref());
    let common = Common::of(&manifests.collect::<Vec<_>>());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (decided, rules_of_first) = channel();
        let helper = std::thread::Builder::new()
            .name("fold".to_owned())
            .spawn_scoped(scope, || {
                let rules_of_first = rules_of_first;
                fold_rest(rest, &common, &next, || rules_of_first.recv().ok())
            });
        let first = fold_first(first, &common, rules, &decided);
        drop(decided);
        let (first, rules) = first?;
        let mut folded = fold_rest(rest, &common, &next, || Some(rules.clone()));
        // Without a second thread all were folded here.
        if let Ok(helper) = helper {
            folded.extend(helper.join().expect("a fold does not panic"));
        }
        folded.sort_by_key(|(place, _)| *place);
        let rest = folded.into_iter().map(|(_, profile)| profile);
        std::iter::once(Ok(first)).chain(rest).collect()
    })
}

/// Folds the first run, and tells what it decided for the others.
fn fold_first(
    entry: &RunEntry,
    common: &Common,
    mut rules: NameRules,
    decided: &Sender<NameRules>,
) -> Result<(Profile, NameRules)> {
    let run = Opened::of(entry)?;
    rules.decide(&run.world, &run.identity);
    // Nobody listens when there is no second thread.
    drop(decided.send(rules.clone()));
    Ok((run.fold(common, &mut rules.clone())?, rules))
}

/// Folds runs of which no other thread has begun with, until one fails: those before it were begun, so that the first error
/// in the order of the runs is always the same.
fn fold_rest(
    rest: &[&RunEntry],
    common: &Common,
    next: &AtomicUsize,
    rules: impl Fn() -> Option<NameRules>,
) -> Vec<(usize, Result<Profile>)> {
    let mut folded = Vec::new();
    let mut decided = None;
    loop {
        let place = next.fetch_add(1, Ordering::Relaxed);
        let Some(entry) = rest.get(place) else {
            return folded;
        };
        let run = Opened::of(entry);
        decided = decided.or_else(&rules);
        // The first run failed, and says why.
        let Some(rules) = &mut decided else {
            return folded;
        };
        let profile = run.and_then(|run| run.fold(common, rules));
        let failed = profile.is_err();
        folded.push((place, profile));
        if failed {
            return folded;
        }
    }
}

/// A run, with all that is known of it beside its steps.
struct Opened {
    run: Stored,
    world: World,
    identity: RunIdentity,
}

impl Opened {
    fn of(entry: &RunEntry) -> Result<Self> {
        let run = Stored::open(&entry.folder)?;
        Ok(Self {
            world: run.world_without_accesses()?,
            identity: identity(&run.reader),
            run,
        })
    }

    fn fold(mut self, common: &Common, rules: &mut NameRules) -> Result<Profile> {
        self.identity.keeps_data &= common.has_data();
        let mut profiler = Profiler::new(&mut self.world, &self.identity, rules);
        let with_args = has_more_in_arguments(self.run.reader.manifest());
        let mut step = |step: &Step<'_>| match common.part(step) {
            Part::Whole => profiler.step(step),
            Part::Amounts => profiler.amounts(step),
            Part::Nothing => {}
        };
        self.run.each_step(with_args, &mut step)?;
        Ok(profiler.finish(&self.world))
    }
}

/// Steps of an imported log up to which the answers of its stat calls are looked at.
const LOG_STEPS_MAX: u64 = 300_000;

/// Whether arguments say what the other columns do not: data that was kept, how many calls were counted, and answers of stat calls, which only text
/// tracers print. They are the largest column, so of long logs the lengths of files are not known.
fn has_more_in_arguments(manifest: &Manifest) -> bool {
    let is_native = matches!(manifest.recorder.name.as_str(), "ptrace" | "bpf");
    let steps = manifest.seal.as_ref().map_or(0, |seal| seal.events);
    keeps_data(manifest) || manifest.counts.folded > 0 || !is_native && steps <= LOG_STEPS_MAX
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
