//! One file per command.

pub(crate) mod contents;
pub(crate) mod diff;
pub(crate) mod dockit;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod export_whole;
pub(crate) mod generate;
pub(crate) mod import;
pub(crate) mod pages;
pub(crate) mod query;
pub(crate) mod record;
pub(crate) mod run_with;
pub(crate) mod runs;
pub(crate) mod scrub;
pub(crate) mod secrets;
pub(crate) mod show;
pub(crate) mod unrecorded;

use std::path::{Path, PathBuf};

use anyhow::Result;
use unspool_store::{Manifest, RunEntry, RunWriter, Store, StoreError};

use crate::cli::NewRun;
use crate::failure::Failure;
use crate::settings::Settings;

/// The store, or what to do when nobody says where it is.
pub(crate) fn store(settings: &Settings) -> Result<Store> {
    let Some(root) = &settings.store else {
        return Err(Failure::usage(
            "cannot find the folder of the runs: neither HOME nor XDG_STATE_HOME is set",
        )
        .hint("say where with `--store DIR` or UNSPOOL_STORE")
        .into());
    };
    Ok(Store::open(root))
}

/// Begins a run: in the store, or in the folder that the user named.
pub(crate) fn create_run(
    settings: &Settings,
    new: &NewRun,
    mut manifest: Manifest,
) -> Result<RunWriter> {
    manifest.name.clone_from(&new.name);
    manifest.tags.clone_from(&new.tag);
    let output = new.output.as_deref();
    if let Some(parent) = output.and_then(Path::parent)
        && !parent.as_os_str().is_empty()
        && !parent.exists()
    {
        return Err(Failure::new(
            crate::failure::status::WRITE,
            format!(
                "cannot make the run: there is no folder `{}`",
                parent.display()
            ),
        )
        .hint(format!("make it first: mkdir -p '{}'", parent.display()))
        .into());
    }
    let created = match output {
        Some(folder) => RunWriter::create(folder, manifest),
        None => store(settings)?.create(manifest),
    };
    Ok(created.map_err(Failure::store)?)
}

/// Finds a run, with a suggestion when there is none of that name.
pub(crate) fn find_run(settings: &Settings, reference: &str) -> Result<RunEntry> {
    let store = match store(settings) {
        Ok(store) => store,
        // A path needs no store.
        Err(_) if reference.contains('/') => Store::open(&PathBuf::new()),
        Err(error) => return Err(error),
    };
    store.resolve(reference).map_err(|error| {
        let StoreError::UnknownRun {
            reference,
            candidates,
        } = &error
        else {
            return Failure::store(error).into();
        };
        let nearest = nearest(reference, candidates.iter().map(String::as_str));
        let failure = match (candidates.is_empty(), nearest) {
            (true, _) => Failure::input(format!(
                "there is no run yet in `{}`",
                store.root().display()
            ))
            .hint("record one: `unspool record -- COMMAND`"),
            (false, Some(nearest)) => Failure::input(format!("there is no run `{reference}`"))
                .hint(format!(
                    "did you mean `{nearest}`? `unspool runs` lists them all"
                )),
            (false, None) => Failure::input(format!("there is no run `{reference}`"))
                .hint("`unspool runs` lists them all"),
        };
        failure.into()
    })
}

/// The candidate that is most like the word, if one is alike at all.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    const ALIKE_MIN: f64 = 0.75;
    candidates
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(alike, _)| *alike >= ALIKE_MIN)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}
