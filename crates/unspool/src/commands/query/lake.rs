//! `unspool runs push` and `pull`: runs in a folder that several machines and other programs read.
//!
//! ```text
//! LAKE/runs/host=H/day=D/run=ID/...               the run folder as it is: what `pull` restores, and `unspool query` reads in place
//! LAKE/events/host=H/day=D/run=ID/events.parquet  the same with readable columns; so every table, for other engines
//! ```
//!
//! The run folder appears last and at once (by rename): a run that is under `runs/` is whole, and its tables are there.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use unspool_store::{RunEntry, RunState, Store};

use super::engine::{Engine, Limits};
use super::sources::{self, Sources};
use super::tables::{MEMORY_BYTES, TABLES, write_table};
use crate::commands::store;
use crate::failure::Failure;
use crate::report::print;
use crate::settings::Settings;
use crate::stored::Stored;

/// What engines take for a value that is not known.
const NOTHING: &str = "__HIVE_DEFAULT_PARTITION__";

/// Depth of folders in a run.
const DEPTH_MAX: usize = 4;

/// Puts runs into the lake; the latest where none is named.
pub(crate) fn push(settings: &Settings, url: &str, references: &[String]) -> Result<u8> {
    let lake = folder_of(url)?;
    for entry in sources::find(settings, references, false)? {
        let said = push_one(settings, &lake, &entry)?;
        print(&format!("{}: {said}\n", entry.id))?;
    }
    Ok(0)
}

fn push_one(settings: &Settings, lake: &Path, entry: &RunEntry) -> Result<&'static str> {
    let stored = Stored::open(&entry.folder)?;
    let manifest = stored.reader.manifest();
    if *stored.reader.state() == RunState::Recording || stored.tables.is_none() {
        return Err(Failure::input(format!("run `{}` is not closed", entry.id))
            .hint("wait for its end; `unspool runs recover RUN` closes one whose recorder died")
            .into());
    }
    let place = partition(
        &manifest.host,
        day(&manifest.clock, manifest.start_ns),
        &entry.id,
    )?;
    let target = lake.join("runs").join(&place);
    if target.exists() {
        if same_folder(&entry.folder, &target)? {
            return Ok("is there already");
        }
        return Err(Failure::input(format!(
                "`{}` holds another state of this run",
                target.display()
            ))
            .hint("it may have been renamed, tagged or scrubbed since; remove that folder to push it again")
            .into());
    }
    let sources = Sources::open(settings, std::slice::from_ref(entry))?;
    let limits = Limits {
        memory_bytes: MEMORY_BYTES,
        timeout: None,
        threads: 1,
    };
    let mut engine = Engine::start(settings, &sources.specs, limits)?;
    let parquet = super::output::form("parquet").context("the engine writes Parquet")?;
    // `runs` is the folder of the runs themselves, whose names say what the table would.
    for table in TABLES.into_iter().filter(|table| *table != "runs") {
        let folder = lake.join(table).join(&place);
        make_folder(&folder)?;
        // The name of the folder is a column already.
        let sql = format!("select * exclude (run) from {table}");
        write_table(
            &mut engine,
            &sources,
            &sql,
            parquet,
            &folder.join(format!("{table}.parquet")),
        )?;
    }
    copy_whole(&entry.folder, &target)?;
    Ok("pushed")
}

/// Takes runs out of the lake into the store; all that are not there where none is named.
pub(crate) fn pull(settings: &Settings, url: &str, references: &[String]) -> Result<u8> {
    let lake = folder_of(url)?;
    let found = list(&lake)?;
    let store = store(settings)?;
    let wanted: Vec<&PathBuf> = if references.is_empty() {
        found.iter().collect()
    } else {
        let mut wanted = Vec::new();
        for reference in references {
            let name = format!("run={}", escaped(reference));
            let mut matching = found
                .iter()
                .filter(|folder| folder.ends_with(&name))
                .peekable();
            if matching.peek().is_none() {
                return Err(
                    Failure::input(format!("there is no run `{reference}` in `{url}`"))
                        .hint(format!(
                            "`ls -d {}/runs/*/*/*` lists them by id",
                            lake.display()
                        ))
                        .into(),
                );
            }
            wanted.extend(matching);
        }
        wanted
    };
    for folder in wanted {
        let said = pull_one(&store, folder)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        print(&format!("{}: {said}\n", name.trim_start_matches("run=")))?;
    }
    Ok(0)
}

fn pull_one(store: &Store, folder: &Path) -> Result<&'static str> {
    let stored = Stored::open(folder)?;
    let id = &stored.reader.manifest().id;
    // The lake may be anyone's: an id is a name and no path.
    if escaped(id) != *id || id.starts_with('.') || id.is_empty() {
        return Err(
            Failure::input(format!("`{}` has an id that is no name", folder.display())).into(),
        );
    }
    let target = store.root().join(id);
    if target.exists() {
        if same_folder(folder, &target)? {
            return Ok("is there already");
        }
        return Err(
            Failure::input(format!("the store has another state of run `{id}`"))
                .hint(format!("`unspool runs rm {id}`, and pull it again"))
                .into(),
        );
    }
    make_folder(store.root())?;
    copy_whole(folder, &target)?;
    Ok("pulled")
}

/// Run folders of the lake, sorted.
fn list(lake: &Path) -> Result<Vec<PathBuf>> {
    let mut level = vec![lake.join("runs")];
    for _ in 0..3 {
        let mut below = Vec::new();
        for folder in level {
            below.extend(names(&folder)?.into_iter().map(|name| folder.join(name)));
        }
        below.retain(|path| path.is_dir());
        level = below;
    }
    Ok(level)
}

/// The folder of a URL.
fn folder_of(url: &str) -> Result<PathBuf> {
    if let Some(path) = url.strip_prefix("file://") {
        if path.starts_with('/') {
            return Ok(PathBuf::from(path));
        }
        return Err(Failure::usage(format!("`{url}` names a host"))
            .hint("`file:///srv/lake`, with three slashes")
            .into());
    }
    if let Some((scheme, _)) = url.split_once("://") {
        return Err(Failure::usage(format!("runs cannot be pushed to `{scheme}`"))
            .hint("a folder or `file:///...`; a bucket that is mounted is a folder (rclone, s3fs)")
            .into());
    }
    Ok(PathBuf::from(url))
}

/// `host=H/day=D/run=ID`.
fn partition(host: &str, day: Option<String>, id: &str) -> Result<PathBuf> {
    if id.is_empty() {
        return Err(Failure::input("the run has no id").into());
    }
    let value = |text: &str| match text {
        "" => NOTHING.to_owned(),
        text => escaped(text),
    };
    Ok(PathBuf::from(format!("host={}", value(host)))
        .join(format!("day={}", day.unwrap_or_else(|| NOTHING.to_owned())))
        .join(format!("run={}", value(id))))
}

/// The day of UTC on which the run began; times that do not count from 1970 have none.
fn day(clock: &str, start_ns: i64) -> Option<String> {
    if clock != "epoch" || start_ns == 0 {
        return None;
    }
    let time = jiff::Timestamp::from_nanosecond(i128::from(start_ns)).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

/// A value as names of folders have it: what has a meaning there is `%XX`.
fn escaped(text: &str) -> String {
    sources::percent_encoded(text.as_bytes(), b"")
}

fn make_folder(folder: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))
}

/// Copies a folder so that it is whole or not there. What a broken attempt left is used where it is the same.
fn copy_whole(from: &Path, to: &Path) -> Result<()> {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let part = to.with_file_name(format!(".{name}.part"));
    copy(from, &part, DEPTH_MAX)?;
    fs::rename(&part, to)
        .with_context(|| format!("cannot move `{}` to `{}`", part.display(), to.display()))
}

fn copy(from: &Path, to: &Path, depth: usize) -> Result<()> {
    if depth == 0 {
        return Err(Failure::input(format!("`{}` is no run folder", from.display())).into());
    }
    make_folder(to)?;
    for name in names(from)? {
        let (from, to) = (from.join(&name), to.join(&name));
        let kind = fs::symlink_metadata(&from)
            .with_context(|| format!("cannot look at `{}`", from.display()))?;
        if kind.is_dir() {
            copy(&from, &to, depth - 1)?;
        } else if kind.is_file() {
            if !same_file(&from, &to)? {
                copy_file(&from, &to)?;
            }
        } else {
            return Err(Failure::input(format!(
                "`{}` is neither a file nor a folder",
                from.display()
            ))
            .into());
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let copied = fs::copy(from, to).and_then(|_| fs::File::open(to)?.sync_all());
    copied.with_context(|| format!("cannot copy `{}` to `{}`", from.display(), to.display()))
}

/// Whether both folders have the same files with the same bytes.
fn same_folder(one: &Path, other: &Path) -> Result<bool> {
    let (names_of_one, names_of_other) = (names(one)?, names(other)?);
    if names_of_one != names_of_other {
        return Ok(false);
    }
    for name in names_of_one {
        let (one, other) = (one.join(&name), other.join(&name));
        let same = if one.is_dir() {
            other.is_dir() && same_folder(&one, &other)?
        } else {
            same_file(&one, &other)?
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_file(one: &Path, other: &Path) -> Result<bool> {
    let open = |path: &Path| -> Result<Option<fs::File>> {
        match fs::File::open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot open `{}`", path.display())),
        }
    };
    let (Some(one_file), Some(other_file)) = (open(one)?, open(other)?) else {
        return Ok(false);
    };
    let read = |path: &Path| format!("cannot read `{}`", path.display());
    let len = |file: &fs::File, path: &Path| -> Result<u64> {
        Ok(file.metadata().with_context(|| read(path))?.len())
    };
    if len(&one_file, one)? != len(&other_file, other)? {
        return Ok(false);
    }
    let mut ones = std::io::BufReader::with_capacity(1 << 16, one_file).bytes();
    let mut others = std::io::BufReader::with_capacity(1 << 16, other_file).bytes();
    loop {
        let next = (
            ones.next().transpose().with_context(|| read(one))?,
            others.next().transpose().with_context(|| read(other))?,
        );
        match next {
            (None, None) => return Ok(true),
            (one, other) if one != other => return Ok(false),
            _ => {}
        }
    }
}

/// Names in a folder, sorted; none where it is not there.
fn names(folder: &Path) -> Result<Vec<std::ffi::OsString>> {
    let read = || format!("cannot list `{}`", folder.display());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(read),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.with_context(read)?.file_name();
        // What is being copied is not there yet.
        if !name.to_string_lossy().starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::{day, escaped, folder_of, partition};

    #[test]
    fn places() {
        let place = |host, day: Option<&str>| {
            partition(host, day.map(str::to_owned), "20261121-1-ab").unwrap()
        };
        assert_eq!(
            place("a/b", Some("2026-11-21")).to_string_lossy(),
            "host=a%2Fb/day=2026-11-21/run=20261121-1-ab"
        );
        assert_eq!(
            place("", None).to_string_lossy(),
            "host=__HIVE_DEFAULT_PARTITION__/day=__HIVE_DEFAULT_PARTITION__/run=20261121-1-ab"
        );
        assert_eq!(escaped("../x y"), "..%2Fx%20y");
        assert_eq!(
            day("epoch", 1_795_259_938_000_000_000).as_deref(),
            Some("2026-11-21")
        );
        assert_eq!(day("relative", 5), None);
    }

    #[test]
    fn urls() {
        assert_eq!(
            folder_of("file:///srv/lake").unwrap().to_string_lossy(),
            "/srv/lake"
        );
        assert_eq!(folder_of("lake").unwrap().to_string_lossy(), "lake");
        assert!(folder_of("s3://bucket").is_err());
        assert!(folder_of("file://host/x").is_err());
    }
}
