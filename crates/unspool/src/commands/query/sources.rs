//! The runs of a query: which they are, and where their tables are.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use unspool_export::RunLabel;
use unspool_model::event::ClockKind;
use unspool_store::{RunEntry, RunReader, RunState, clock_name};

use crate::commands::{find_run, store};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::sources::FrameSource;
use crate::stored::{Stored, walk_into_tables};

/// The runs that a query may read. Tables that were made for it are removed with this.
pub(super) struct Sources {
    /// What the engine is told of each.
    pub(super) specs: Vec<Value>,
    /// What the answer says of them.
    pub(super) about: About,
    scratch: Option<Scratch>,
}

/// What an answer says of its runs.
#[derive(Clone, Default)]
pub(super) struct About {
    /// Their names, joined.
    pub(super) runs: String,
    /// The worst state.
    pub(super) state: RunLabel,
    /// Why it is no better.
    pub(super) note: String,
    /// What is missing in all.
    pub(super) losses: Vec<(String, u64)>,
}

/// Finds the runs that are named; the latest where none is.
pub(super) fn find(settings: &Settings, references: &[String], all: bool) -> Result<Vec<RunEntry>> {
    if all {
        if let Some(reference) = references.first() {
            return Err(
                Failure::usage(format!("`{reference}` is one of `--all` already"))
                    .hint("leave it out, or leave `--all` out")
                    .into(),
            );
        }
        return some(store(settings)?.list().map_err(Failure::store)?, "*");
    }
    if references.is_empty() {
        return Ok(vec![find_run(settings, "@")?]);
    }
    let mut found: Vec<RunEntry> = Vec::new();
    for reference in references {
        let entries = if reference.contains(['*', '?']) && !reference.contains('/') {
            let listed = store(settings)?.list().map_err(Failure::store)?;
            let matching = listed.into_iter().filter(|entry| {
                matches(reference, &entry.id)
                    || entry.name().is_some_and(|name| matches(reference, name))
            });
            some(matching.collect(), reference)?
        } else {
            vec![find_run(settings, reference)?]
        };
        for entry in entries {
            if !found.iter().any(|known| known.folder == entry.folder) {
                found.push(entry);
            }
        }
    }
    Ok(found)
}

fn some(entries: Vec<RunEntry>, pattern: &str) -> Result<Vec<RunEntry>> {
    if entries.is_empty() {
        return Err(Failure::input(format!("no run is called `{pattern}`"))
            .hint("`unspool runs` lists them all")
            .into());
    }
    Ok(entries)
}

/// Whether a name fits a pattern of `*` and `?`.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut on) = (0, 0);
    // Where the last star was, and what it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while on < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, on));
                at += 1;
            }
            Some(letter) if *letter == '?' || Some(letter) == name.get(on) => {
                at += 1;
                on += 1;
            }
            _ => {
                let Some((place, taken)) = star else {
                    return false;
                };
                star = Some((place, taken + 1));
                at = place + 1;
                on = taken + 1;
            }
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|letter| *letter == '*'))
}

impl Sources {
    /// Opens the runs; makes tables of what is there where a run has none.
    pub(super) fn open(settings: &Settings, entries: &[RunEntry]) -> Result<Self> {
        let mut sources = Self {
            specs: Vec::new(),
            about: About::default(),
            scratch: None,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = label(entry, entries);
            sources.add(settings, entry, &name)?;
            names.push(name);
        }
        sources.about.runs = names.join(" ");
        Ok(sources)
    }

    fn add(&mut self, settings: &Settings, entry: &RunEntry, name: &str) -> Result<()> {
        let stored = Stored::open(&entry.folder)?;
        let manifest = stored.reader.manifest();
        let (folder, clock, present) = match &stored.tables {
            Some(tables) => (
                entry.folder.join("tables"),
                tables.clock(),
                manifest.tables.keys().cloned().collect::<Vec<String>>(),
            ),
            None => self.made(settings, &stored)?,
        };
        self.about.add(&stored.reader, name);
        self.specs.push(json!({
            "run": name,
            "id": manifest.id,
            "tables": url(&folder)?,
            "present": present,
            "name": manifest.name,
            "host": manifest.host,
            "command": manifest.command.join(" "),
            "start_ns": manifest.start_ns,
            "end_ns": manifest.end_ns,
            "state": stored.reader.state().name(),
            "clock": clock_name(clock),
        }));
        Ok(())
    }

    /// Tables of the recorder's bytes, in a folder of their own.
    fn made(
        &mut self,
        settings: &Settings,
        stored: &Stored,
    ) -> Result<(PathBuf, ClockKind, Vec<String>)> {
        let scratch = match &self.scratch {
            Some(scratch) => scratch,
            None => self.scratch.insert(Scratch::new(&settings.temporary)?),
        };
        let folder = scratch.folder.join(self.specs.len().to_string());
        private_folder(&folder)?;
        let reader = &stored.reader;
        let mut source = FrameSource::new(reader.frames().map_err(Failure::store)?);
        let (_, summary) =
            walk_into_tables(&mut source, &reader.manifest().recorder.name, &folder, None)?;
        let present = summary.files.keys().cloned().collect();
        Ok((folder.join("tables"), summary.clock, present))
    }
}

/// What the column `run` says: the name, where no other of these runs has it; else the id.
fn label(entry: &RunEntry, all: &[RunEntry]) -> String {
    match entry.name() {
        Some(name)
            if all
                .iter()
                .filter(|other| other.name() == Some(name))
                .count()
                == 1 =>
        {
            name.to_owned()
        }
        _ => entry.id.clone(),
    }
}

impl About {
    fn add(&mut self, reader: &RunReader, name: &str) {
        let state = match reader.state() {
            RunState::Complete => return self.lose(reader),
            RunState::Recording => RunLabel::Recording,
            RunState::Incomplete(recovered) => {
                if !self.note.is_empty() {
                    self.note.push_str("; ");
                }
                self.note.push_str(&format!("{name}: {}", recovered.why));
                RunLabel::Incomplete
            }
        };
        if self.state != RunLabel::Incomplete {
            self.state = state;
        }
        self.lose(reader);
    }

    fn lose(&mut self, reader: &RunReader) {
        for (reason, count) in crate::stored::losses(reader) {
            match self.losses.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, sum)) => *sum += count,
                None => self.losses.push((reason, count)),
            }
        }
    }
}

/// `file:///...` of a folder, with a slash at its end.
fn url(folder: &Path) -> Result<String> {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = folder
        .canonicalize()
        .with_context(|| format!("cannot find `{}`", folder.display()))?;
    let mut url = String::from("file://");
    url.push_str(&percent_encoded(folder.as_os_str().as_bytes(), b"/~"));
    url.push('/');
    Ok(url)
}

/// Bytes with `%XX` for all that have a meaning in URLs or names of folders, but for those that are `kept`.
pub(super) fn percent_encoded(bytes: &[u8], kept: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(byte) || kept.contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// A folder for tables that live as long as the query.
struct Scratch {
    folder: PathBuf,
}

/// Beginning of the names of such folders; the number of the process follows.
const SCRATCH: &str = "unspool-query-";

impl Scratch {
    fn new(parent: &Path) -> Result<Self> {
        remove_left(parent);
        let folder = parent.join(format!("{SCRATCH}{}", std::process::id()));
        private_folder(&folder)?;
        Ok(Self { folder })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The next query removes what stays.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn private_folder(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))
}

/// Removes folders of programs that were killed.
fn remove_left(parent: &Path) {
    let Ok(entries) = parent.read_dir() else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix(SCRATCH))
            .and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Another user's folder cannot be removed, and need not be.
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        assert!(matches("night*", "night-3"));
        assert!(matches("*", ""));
        assert!(matches("*a*b", "xaxxab"));
        assert!(matches("n?ght", "night"));
        assert!(!matches("night*", "day-3"));
        assert!(!matches("a*b", "ac"));
        assert!(!matches("?", ""));
    }
}
