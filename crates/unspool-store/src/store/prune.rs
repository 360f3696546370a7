//! Keeps a store within bounds.

use std::fs;

use super::{REMOVED_SUFFIX, RunEntry, Store, folder_bytes};
use crate::error::{Result, StoreError};
use crate::files;
use crate::manifest::clock_from_name;
use unspool_model::event::ClockKind;

/// Runs with this tag are never pruned.
const KEEP_TAG: &str = "keep";

/// What a store may hold. Runs over any of the bounds go, the oldest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Most runs.
    pub runs: usize,
    /// Most bytes.
    pub bytes: u64,
    /// Greatest age in nanoseconds.
    pub age_ns: i64,
}

impl Default for Retention {
    /// 100 runs, 10 GB, 90 days.
    fn default() -> Self {
        Self {
            runs: 100,
            bytes: 10_000_000_000,
            age_ns: 90 * 24 * 3600 * 1_000_000_000,
        }
    }
}

impl Store {
    /// The runs that [`Store::prune`] would remove, newest first. Never one that is being recorded or has the tag
    /// `keep`; age counts only where the run's clock has a date.
    pub fn plan_prune(&self, retention: &Retention, now_ns: i64) -> Result<Vec<RunEntry>> {
        let mut doomed = Vec::new();
        let (mut runs, mut bytes) = (0, 0u64);
        for run in self.list()? {
            let size = folder_bytes(&run.folder)?;
            let fits = runs < retention.runs
                && bytes.saturating_add(size) <= retention.bytes
                && age_ns(&run, now_ns).is_none_or(|age| age <= retention.age_ns);
            if fits || run.recording || run.has_tag(KEEP_TAG) {
                runs += 1;
                bytes = bytes.saturating_add(size);
            } else {
                doomed.push(run);
            }
        }
        Ok(doomed)
    }

    /// Removes what [`Store::plan_prune`] names, and what a removal that was cut short left; gives the removed runs.
    pub fn prune(&self, retention: &Retention, now_ns: i64) -> Result<Vec<RunEntry>> {
        for name in files::names_in(self.root())? {
            if name.ends_with(REMOVED_SUFFIX) {
                let path = self.root().join(name);
                fs::remove_dir_all(&path)
                    .map_err(|source| StoreError::io("remove", &path, source))?;
            }
        }
        let mut removed = Vec::new();
        for run in self.plan_prune(retention, now_ns)? {
            match self.remove(&run) {
                Ok(()) => removed.push(run),
                // Somebody recovers it at this moment.
                Err(StoreError::Live { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }
}

fn age_ns(run: &RunEntry, now_ns: i64) -> Option<i64> {
    let manifest = run.manifest.as_ref()?;
    let dated = clock_from_name(&manifest.clock) == ClockKind::Epoch;
    dated.then(|| now_ns.saturating_sub(manifest.start_ns))
}
