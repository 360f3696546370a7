//! Opens a run in any state and says what state that is.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};

use crate::error::{Result, StoreError};
use crate::files;
use crate::frames::{self, Frames, Loss, Totals};
use crate::manifest::{Manifest, RawKept, State};
use crate::writer::LOCK_NAME;

/// State of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RunState {
    /// Closed and sealed, nothing stopped it, all files are there.
    Complete,
    /// Something is missing or may be missing.
    Incomplete(Recovered),
    /// Its recorder lives.
    Recording,
}

impl RunState {
    /// `complete`, `incomplete`, `recording`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete(_) => "incomplete",
            Self::Recording => "recording",
        }
    }
}

/// What is left of an incomplete run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recovered {
    /// Why it is incomplete.
    pub why: String,
    /// Frames that can be read (or could, when it was closed), their bytes, and the last one's time.
    pub totals: Totals,
    /// What is known to be missing.
    pub losses: Vec<Loss>,
}

/// A run, open for reading.
#[derive(Debug)]
pub struct RunReader {
    folder: PathBuf,
    manifest: Manifest,
    /// Whether the manifest is as it was written.
    trusted: bool,
    state: RunState,
}

impl RunReader {
    /// Opens the run in `folder`. Damage does not fail: it makes the run incomplete, with the reason.
    pub fn open(folder: &Path) -> Result<Self> {
        let recording = is_recording(folder)?;
        let (manifest, damage) = match Manifest::read(folder) {
            Ok(read) => read,
            Err(StoreError::Damaged { why, .. }) => (placeholder(folder), Some(why)),
            Err(error @ StoreError::Io { .. }) => {
                if frames::list(&folder.join("raw"))?.is_empty() {
                    return Err(match &error {
                        StoreError::Io { source, .. }
                            if source.kind() == std::io::ErrorKind::NotFound =>
                        {
                            StoreError::NotARun {
                                path: folder.to_path_buf(),
                            }
                        }
                        _ => error,
                    });
                }
                (placeholder(folder), Some(error.to_string()))
            }
            Err(error) => return Err(error),
        };
        let mut reader = Self {
            folder: folder.to_path_buf(),
            manifest,
            trusted: damage.is_none(),
            state: RunState::Recording,
        };
        if !recording {
            reader.state = reader.state_at_rest(damage)?;
        }
        Ok(reader)
    }

    /// Folder of the run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the run is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its state when it was opened.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// What is known to be missing: of the manifest, and what opening found.
    pub fn losses(&self) -> Vec<Loss> {
        let mut losses = self.manifest.losses.clone();
        if let RunState::Incomplete(recovered) = &self.state {
            for loss in &recovered.losses {
                if !losses.contains(loss) {
                    losses.push(loss.clone());
                }
            }
        }
        losses
    }

    /// The raw frames, as far as they were kept.
    pub fn frames(&self) -> Result<Frames> {
        let mut frames = self.frames_at_rest()?;
        if self.state == RunState::Recording {
            frames.set_live();
        }
        Ok(frames)
    }

    fn frames_at_rest(&self) -> Result<Frames> {
        let raw = self.folder.join("raw");
        let kept = matches!(self.manifest.raw, RawKept::Plain | RawKept::Compressed);
        let seal = self.manifest.seal.filter(|_| kept && self.trusted);
        let header = if self.trusted {
            None
        } else {
            frames::first_header(&raw)?
        };
        let salt = header.map_or_else(|| frames::salt(&self.manifest.id), |header| header.salt);
        Frames::new(&raw, salt, seal.map(|seal| seal.frames))
    }

    /// State of a run that nobody records.
    fn state_at_rest(&self, damage: Option<String>) -> Result<RunState> {
        let manifest = &self.manifest;
        let why = damage
            .or_else(|| why_incomplete(manifest))
            .or_else(|| missing_file(&self.folder, manifest));
        let Some(why) = why else {
            return Ok(RunState::Complete);
        };
        let mut recovered = Recovered {
            why,
            ..Recovered::default()
        };
        if let Some(seal) = manifest.seal.filter(|_| manifest.raw == RawKept::Removed) {
            recovered.totals = seal.frames;
            return Ok(RunState::Incomplete(recovered));
        }
        let mut frames = self.frames_at_rest()?;
        while frames.next_frame().is_some() {}
        recovered.totals = frames.totals();
        recovered.losses = frames.losses().to_vec();
        Ok(RunState::Incomplete(recovered))
    }

    /// Whether raw bytes are there to read.
    pub fn has_raw(&self) -> bool {
        frames::list(&self.folder.join("raw")).is_ok_and(|segments| !segments.is_empty())
    }
}

/// Stands in for a manifest that cannot be read.
fn placeholder(folder: &Path) -> Manifest {
    let id = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    Manifest::new(&id)
}

/// Why the manifest does not stand for a complete run.
fn why_incomplete(manifest: &Manifest) -> Option<String> {
    match manifest.state {
        State::Recording => Some("its recorder ended without closing it".to_owned()),
        State::Incomplete => Some(manifest.stopped.as_ref().map_or_else(
            || "recovered from what its recorder left".to_owned(),
            |why| format!("stopped: {why}"),
        )),
        State::Complete if manifest.seal.is_none() => Some("it has no seal".to_owned()),
        State::Complete => None,
    }
}

/// What is not there as the manifest says; contents are checked when they are read.
fn missing_file(folder: &Path, manifest: &Manifest) -> Option<String> {
    for (name, table) in &manifest.tables {
        let path = folder.join("tables").join(format!("{name}.parquet"));
        let len = files::open_file(&path).and_then(|file| files::file_len(&path, &file));
        if len.ok() != Some(table.bytes) {
            return Some(format!("table `{name}` is missing or has another length"));
        }
    }
    let kept = matches!(manifest.raw, RawKept::Plain | RawKept::Compressed);
    let segments = frames::list(&folder.join("raw")).map_or(0, |segments| segments.len());
    let sealed = manifest.seal.map_or(0, |seal| seal.segments as usize);
    (kept && segments != sealed)
        .then(|| format!("{segments} of {sealed} segments of raw bytes are there"))
}

/// Whether the writer of the run lives.
pub(crate) fn is_recording(folder: &Path) -> Result<bool> {
    let path = folder.join(LOCK_NAME);
    let file = match files::open_file(&path) {
        Ok(file) => file,
        Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(StoreError::io("lock", &path, source)),
    }
}
