//! A folder of runs: list, find by reference, name, tag, remove, prune.

mod prune;
mod resolve;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

pub use prune::Retention;

use crate::error::{Result, StoreError};
use crate::files;
use crate::manifest::{self, Manifest};
use crate::reader::is_recording;
use crate::writer::RunWriter;

/// Longest name, id or tag.
const NAME_LEN_MAX: usize = 100;

/// Ends the name of a run that is being removed.
const REMOVED_SUFFIX: &str = ".removed";

/// A folder of runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Store {
    root: PathBuf,
}

/// A run in a store.
#[derive(Clone, PartialEq, Debug)]
pub struct RunEntry {
    /// Its folder.
    pub folder: PathBuf,
    /// Its id: the folder's name.
    pub id: String,
    /// What it is; `None` when its manifest cannot be read.
    pub manifest: Option<Manifest>,
    /// What is wrong with the manifest, if something is.
    pub problem: Option<String>,
    /// Whether it is being recorded.
    pub recording: bool,
}

impl RunEntry {
    /// Name that the user gave.
    pub fn name(&self) -> Option<&str> {
        self.manifest.as_ref()?.name.as_deref()
    }

    /// When it began; `None` when nobody knows.
    pub fn start_ns(&self) -> Option<i64> {
        self.manifest.as_ref().map(|manifest| manifest.start_ns)
    }

    /// Whether the user tagged it.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.manifest
            .as_ref()
            .is_some_and(|manifest| manifest.tags.iter().any(|have| have == tag))
    }
}

impl Store {
    /// Opens the store in folder `root`, which need not exist yet.
    pub fn open(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
        }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Begins a run; its folder is the manifest's id. The store's folder is made if it is not there.
    pub fn create(&self, manifest: Manifest) -> Result<RunWriter> {
        check_name(&manifest.id)?;
        self.make_root()?;
        RunWriter::create(&self.root.join(&manifest.id), manifest)
    }

    fn make_root(&self) -> Result<()> {
        if self.root.is_dir() {
            return Ok(());
        }
        if let Some(parent) = self.root.parent() {
            fs::create_dir_all(parent)
                .map_err(|source| StoreError::io("make folder", parent, source))?;
        }
        files::make_private_folder(&self.root)
    }

    /// All runs, newest first. A run whose manifest cannot be read is in the list, with the problem.
    pub fn list(&self) -> Result<Vec<RunEntry>> {
        let mut runs = Vec::new();
        for id in files::names_in(&self.root)?.into_iter().rev() {
            let folder = self.root.join(&id);
            if id.starts_with('.') || id.ends_with(REMOVED_SUFFIX) || !folder.is_dir() {
                continue;
            }
            if folder.join(manifest::FILE_NAME).exists() || folder.join("raw").exists() {
                runs.push(entry(folder, id));
            }
        }
        Ok(runs)
    }

    /// Gives the run a name, or takes it away.
    pub fn set_name(&self, run: &RunEntry, name: Option<&str>) -> Result<()> {
        if let Some(name) = name {
            check_name(name)?;
        }
        change(run, |manifest| manifest.name = name.map(str::to_owned))
    }

    /// Adds and removes tags.
    pub fn set_tags(&self, run: &RunEntry, add: &[String], remove: &[String]) -> Result<()> {
        for tag in add {
            check_tag(tag)?;
        }
        change(run, |manifest| {
            manifest.tags.extend_from_slice(add);
            manifest.tags.retain(|tag| !remove.contains(tag));
            manifest.tags.sort_unstable();
            manifest.tags.dedup();
        })
    }

    /// Removes a run that is not being recorded. It is gone from the list at once, also when removing its files is
    /// cut short; [`Store::prune`] removes what such a cut left.
    pub fn remove(&self, run: &RunEntry) -> Result<()> {
        if is_recording(&run.folder)? {
            return Err(StoreError::Live {
                path: run.folder.clone(),
            });
        }
        let mut name = run.folder.as_os_str().to_os_string();
        name.push(REMOVED_SUFFIX);
        let removed = PathBuf::from(name);
        files::rename(&run.folder, &removed)?;
        fs::remove_dir_all(&removed).map_err(|source| StoreError::io("remove", &removed, source))
    }
}

/// A tag is a name, or `KEY=VALUE` with any printable value.
fn check_tag(tag: &str) -> Result<()> {
    let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
    let fits = tag.len() <= NAME_LEN_MAX && !value.chars().any(char::is_control);
    if !fits {
        return Err(StoreError::BadName {
            name: tag.to_owned(),
        });
    }
    check_name(key)
}

/// Looks at a run without reading its bytes.
fn entry(folder: PathBuf, id: String) -> RunEntry {
    let recording = is_recording(&folder).unwrap_or(false);
    let (manifest, problem) = match Manifest::read(&folder) {
        Ok((manifest, problem)) => (Some(manifest), problem),
        Err(error) => (None, Some(error.to_string())),
    };
    RunEntry {
        folder,
        id,
        manifest,
        problem,
        recording,
    }
}

/// Changes the manifest of a run that is closed. A manifest that does not fit its checksum is not changed: writing it
/// again would hide the damage.
fn change(run: &RunEntry, edit: impl FnOnce(&mut Manifest)) -> Result<()> {
    if is_recording(&run.folder)? {
        return Err(StoreError::Live {
            path: run.folder.clone(),
        });
    }
    let (mut manifest, problem) = Manifest::read(&run.folder)?;
    if let Some(why) = problem {
        return Err(StoreError::damaged(
            &run.folder.join(manifest::FILE_NAME),
            why,
        ));
    }
    edit(&mut manifest);
    manifest.write(&run.folder)
}

/// Names are parts of paths and of references: no `/`, no `@`, no leading `-` or `.`.
fn check_name(name: &str) -> Result<()> {
    let fits = !name.is_empty()
        && name.len() <= NAME_LEN_MAX
        && !name.starts_with(['.', '-'])
        && !name.ends_with(REMOVED_SUFFIX)
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if fits {
        Ok(())
    } else {
        Err(StoreError::BadName {
            name: name.to_owned(),
        })
    }
}

/// Bytes of all files of a run.
pub fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for part in [
        folder.to_path_buf(),
        folder.join("raw"),
        folder.join("tables"),
    ] {
        for name in files::names_in(&part)? {
            let path = part.join(name);
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_file() => bytes += metadata.len(),
                Ok(_) => {}
                // A file of a live run may go between the two calls.
                Err(source) if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(StoreError::io("look at", &path, source)),
            }
        }
    }
    Ok(bytes)
}
