//! Which run is meant.

use std::path::Path;

use super::{RunEntry, Store, entry};
use crate::error::{Result, StoreError};
use crate::manifest;

/// Candidates that an error lists.
const CANDIDATES_MAX: usize = 1000;

impl Store {
    /// Finds the run that `reference` means: `@` the newest, `@1` the one before it and so on; an id; a name (the
    /// newest run of that name); the beginning of one id; or the path of a run folder, also outside of the store.
    /// With a `/` in it, it is a path and nothing else.
    pub fn resolve(&self, reference: &str) -> Result<RunEntry> {
        if reference.contains('/') || reference == "." || reference == ".." {
            return at_path(Path::new(reference));
        }
        let runs = self.list()?;
        if let Some(number) = reference.strip_prefix('@') {
            let place = if number.is_empty() {
                Some(0)
            } else {
                number.parse::<usize>().ok()
            };
            let found = place.and_then(|place| runs.get(place).cloned());
            return found.ok_or_else(|| unknown(reference, &runs));
        }
        let by_id = runs.iter().find(|run| run.id == reference);
        let by_name = || runs.iter().find(|run| run.name() == Some(reference));
        if let Some(run) = by_id.or_else(by_name) {
            return Ok(run.clone());
        }
        let by_prefix: Vec<&RunEntry> = runs
            .iter()
            .filter(|run| !reference.is_empty() && run.id.starts_with(reference))
            .collect();
        match by_prefix.as_slice() {
            [run] => Ok((*run).clone()),
            [] if Path::new(reference).join(manifest::FILE_NAME).is_file() => {
                at_path(Path::new(reference))
            }
            [] => Err(unknown(reference, &runs)),
            several => Err(StoreError::AmbiguousRun {
                reference: reference.to_owned(),
                candidates: several.iter().map(|run| run.id.clone()).collect(),
            }),
        }
    }
}

fn at_path(path: &Path) -> Result<RunEntry> {
    if !path.join(manifest::FILE_NAME).exists() && !path.join("raw").exists() {
        return Err(StoreError::NotARun {
            path: path.to_path_buf(),
        });
    }
    let mut run = entry(path.to_path_buf(), String::new());
    run.id = match &run.manifest {
        Some(manifest) => manifest.id.clone(),
        None => path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
    };
    Ok(run)
}

fn unknown(reference: &str, runs: &[RunEntry]) -> StoreError {
    let names = runs.iter().flat_map(|run| {
        run.name()
            .map(str::to_owned)
            .into_iter()
            .chain([run.id.clone()])
    });
    StoreError::UnknownRun {
        reference: reference.to_owned(),
        candidates: names.take(CANDIDATES_MAX).collect(),
    }
}
