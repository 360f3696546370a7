//! The runs of a query: which they are, and where their tables are.

mod chosen;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use unspool_export::RunLabel;
use unspool_model::event::ClockKind;
use unspool_store::{Manifest, RunEntry, RunReader, RunState, State, clock_name};

pub(super) use self::chosen::{Chosen, matches};
use super::args::QueryArgs;
use super::lake;
use super::lake::place::{Address, Place, is_bucket};
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
    /// What the engine is told of the bucket that it may reach.
    pub(super) bucket: Option<Value>,
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

/// Opens the runs that a query names.
pub(super) fn of(settings: &Settings, args: &QueryArgs, references: &[String]) -> Result<Sources> {
    let place = |url: &str| Place::of(settings, url, args.endpoint.as_deref());
    let Some(lake) = &args.from else {
        let (there, here): (Vec<&String>, Vec<&String>) = references
            .iter()
            .partition(|reference| is_bucket(reference));
        let mut bucket: Option<Address> = None;
        let mut chosen = Vec::new();
        for url in &there {
            let Place::Bucket(address) = place(url)? else {
                continue;
            };
            if bucket
                .as_ref()
                .is_some_and(|other| !other.is_beside(&address))
            {
                return Err(Failure::usage("one query reads one bucket")
                    .hint(
                        "`unspool runs pull URL` takes runs into the store, where all can be asked",
                    )
                    .into());
            }
            chosen.extend(lake::in_bucket(settings, &address)?);
            bucket = Some(address);
        }
        if there.is_empty() || !here.is_empty() || args.all {
            let here: Vec<String> = here.into_iter().cloned().collect();
            chosen.extend(
                find(settings, &here, args.all)?
                    .into_iter()
                    .map(Chosen::here),
            );
        }
        return Sources::of(settings, &chosen, bucket.as_ref());
    };
    if let Some(url) = references.iter().find(|reference| is_bucket(reference)) {
        return Err(Failure::usage(format!("`{url}` stands beside `--from`"))
            .hint("say where the runs are once")
            .into());
    }
    let (all, bucket) = match place(lake)? {
        Place::Bucket(address) => (lake::in_bucket(settings, &address)?, Some(address)),
        Place::Folder(folder) => {
            let here = at_path(settings, &folder, lake)?;
            (here.into_iter().map(Chosen::here).collect(), None)
        }
    };
    let references = if args.all { &[] } else { references };
    let chosen = chosen::choose(all, references, lake)?;
    Sources::of(settings, &chosen, bucket.as_ref())
}

/// Runs at a path with patterns, or of a lake.
fn at_path(settings: &Settings, path: &Path, reference: &str) -> Result<Vec<RunEntry>> {
    let mut entries = Vec::new();
    for folder in chosen::at(path)? {
        // A name without `/` would be looked for in the store.
        let folder = Path::new(".").join(folder);
        entries.push(find_run(settings, &folder.to_string_lossy())?);
    }
    if entries.is_empty() {
        return Err(no_run_in(reference).into());
    }
    Ok(entries)
}

/// A folder without runs.
pub(super) fn no_run_in(reference: &str) -> Failure {
    Failure::input(format!("there is no run in `{reference}`"))
        .hint("the folder of a run has `run.json`; a lake has runs at `runs/host=H/day=D/run=ID`")
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
        let entries = if let Some(path) = reference.strip_prefix("file://") {
            at_path(settings, Path::new(path), reference)?
        } else if chosen::is_pattern(reference) && reference.contains('/') {
            at_path(settings, Path::new(reference), reference)?
        } else if chosen::is_pattern(reference) {
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

impl Sources {
    /// Opens the runs; makes tables of what is there where a run has none.
    pub(super) fn open(settings: &Settings, entries: &[RunEntry]) -> Result<Self> {
        let chosen: Vec<Chosen> = entries.iter().cloned().map(Chosen::here).collect();
        Self::of(settings, &chosen, None)
    }

    /// The same, of runs that may be in a bucket.
    fn of(settings: &Settings, chosen: &[Chosen], bucket: Option<&Address>) -> Result<Self> {
        let mut sources = Self {
            specs: Vec::new(),
            about: About::default(),
            bucket: bucket.map(Address::told),
            scratch: None,
        };
        let mut names = Vec::new();
        for run in chosen {
            let name = label(&run.entry, chosen);
            match (&run.tables, &run.entry.manifest) {
                (Some(tables), Some(manifest)) => sources.add_remote(manifest, tables, &name),
                _ => sources.add(settings, &run.entry, &name)?,
            }
            names.push(name);
        }
        sources.about.runs = names.join(" ");
        Ok(sources)
    }

    /// No run, but a bucket.
    pub(super) fn of_bucket(address: &Address) -> Self {
        Self {
            specs: Vec::new(),
            about: About::default(),
            bucket: Some(address.told()),
            scratch: None,
        }
    }

    /// A run whose tables are in a bucket: its manifest says all that there is to know.
    fn add_remote(&mut self, manifest: &Manifest, tables: &str, name: &str) {
        let is_complete = manifest.state == State::Complete && manifest.seal.is_some();
        if !is_complete {
            let why = manifest
                .stopped
                .as_deref()
                .unwrap_or("closed from what its recorder left");
            self.about
                .degrade(RunLabel::Incomplete, &format!("{name}: {why}"));
        }
        self.about
            .lose(crate::stored::losses_of(manifest, &manifest.losses));
        let state = if is_complete {
            "complete"
        } else {
            "incomplete"
        };
        let present = manifest.tables.keys().cloned().collect();
        self.specs.push(spec(
            manifest,
            name,
            tables,
            &present,
            state,
            manifest.clock_kind(),
        ));
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
        let state = stored.reader.state().name();
        self.specs
            .push(spec(manifest, name, &url(&folder)?, &present, state, clock));
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

/// What the engine is told of a run.
fn spec(
    manifest: &Manifest,
    name: &str,
    tables: &str,
    present: &Vec<String>,
    state: &str,
    clock: ClockKind,
) -> Value {
    json!({
        "run": name,
        "id": manifest.id,
        "tables": tables,
        "present": present,
        "name": manifest.name,
        "host": manifest.host,
        "command": manifest.command.join(" "),
        "start_ns": manifest.start_ns,
        "end_ns": manifest.end_ns,
        "state": state,
        "clock": clock_name(clock),
    })
}

/// What the column `run` says: the name, where no other of these runs has it; else the id.
fn label(entry: &RunEntry, all: &[Chosen]) -> String {
    match entry.name() {
        Some(name)
            if all
                .iter()
                .filter(|other| other.entry.name() == Some(name))
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
        match reader.state() {
            RunState::Complete => {}
            RunState::Recording => self.degrade(RunLabel::Recording, ""),
            RunState::Incomplete(recovered) => {
                self.degrade(RunLabel::Incomplete, &format!("{name}: {}", recovered.why));
            }
        }
        self.lose(crate::stored::losses(reader));
    }

    /// The worst state of all stays.
    fn degrade(&mut self, state: RunLabel, note: &str) {
        if !note.is_empty() {
            if !self.note.is_empty() {
                self.note.push_str("; ");
            }
            self.note.push_str(note);
        }
        if self.state != RunLabel::Incomplete {
            self.state = state;
        }
    }

    fn lose(&mut self, losses: Vec<(String, u64)>) {
        for (reason, count) in losses {
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
pub(super) struct Scratch {
    folder: PathBuf,
}

/// Beginning of the names of such folders; the number of the process follows.
const SCRATCH: &str = "unspool-query-";

impl Scratch {
    /// Makes it; the names of two of one program differ.
    pub(super) fn new(parent: &Path) -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        remove_left(parent);
        let folder = parent.join(format!(
            "{SCRATCH}{}-{}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        ));
        private_folder(&folder)?;
        Ok(Self { folder })
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
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
            .and_then(|pid| pid.split('-').next()?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Another user's folder cannot be removed, and need not be.
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}
