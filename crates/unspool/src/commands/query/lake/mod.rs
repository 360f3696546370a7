//! `unspool runs push` and `pull`: runs in a folder or a bucket that several machines and other programs read.
//!
//! ```text
//! LAKE/runs/host=H/day=D/run=ID/...               the run folder as it is: what `pull` restores, and `unspool query` reads in place
//! LAKE/events/host=H/day=D/run=ID/events.parquet  the same with readable columns; so every table, for other engines
//! ```
//!
//! The run folder appears last: in a folder at once (by rename), in a bucket with `run.json` as its last object. A run that is whole
//! has its tables there.

mod bucket;
mod folder;
pub(super) mod place;
mod profile;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use bucket::{Bucket, TakeFile};
use folder::{copy_whole, make_folder, names, same_folder};
use place::{Address, Place};
use unspool_store::{RunEntry, RunState, Store};

use super::engine::Engine;
use super::sources::{self, Chosen, Scratch, Sources};
use super::tables::{PASSING, TABLES, write_table};
use crate::commands::store;
use crate::failure::Failure;
use crate::report::print;
use crate::settings::Settings;
use crate::stored::Stored;

/// What engines take for a value that is not known.
const NOTHING: &str = "__HIVE_DEFAULT_PARTITION__";

/// What became of a run that was to be pushed.
pub(super) enum Pushed {
    /// It is there.
    Now,
    /// It was there.
    Before,
    /// Another state of it is there.
    Other,
}

/// Puts runs into the lake; the latest where none is named.
pub(crate) fn push(
    settings: &Settings,
    url: &str,
    endpoint: Option<&str>,
    references: &[String],
) -> Result<u8> {
    let lake = Place::of(settings, url, endpoint)?;
    let entries = sources::find(settings, references, false)?;
    let mut bucket = match &lake {
        Place::Bucket(address) => Some(Bucket::open(settings, address)?),
        Place::Folder(_) => None,
    };
    for entry in entries {
        let place = place_of(&entry)?;
        let pushed = match (&lake, &mut bucket) {
            (Place::Folder(lake), _) => push_to_folder(settings, lake, &place, &entry)?,
            (Place::Bucket(_), Some(bucket)) => {
                let place = place.to_string_lossy();
                bucket.push(&place, &entry.folder, &mut |take| {
                    let scratch = Scratch::new(&settings.temporary)?;
                    write_tables(
                        settings,
                        &entry,
                        &mut |table| {
                            let file = scratch.folder().join(format!("{table}.parquet"));
                            Ok(file)
                        },
                        take,
                    )
                })?
            }
            (Place::Bucket(_), None) => Pushed::Other,
        };
        let said = match pushed {
            Pushed::Now => "pushed",
            Pushed::Before => "is there already",
            Pushed::Other => {
                return Err(Failure::input(format!(
                    "`{url}` holds another state of this run in `runs/{}`", place.display()
                ))
                .hint("it may have been renamed, tagged or scrubbed since; remove that folder to push it again")
                .into());
            }
        };
        print(&format!("{}: {said}\n", entry.id))?;
    }
    Ok(0)
}

/// Where a run that is closed stands in a lake.
fn place_of(entry: &RunEntry) -> Result<PathBuf> {
    let stored = Stored::open(&entry.folder)?;
    let manifest = stored.reader.manifest();
    if *stored.reader.state() == RunState::Recording || stored.tables.is_none() {
        return Err(Failure::input(format!("run `{}` is not closed", entry.id))
            .hint("wait for its end; `unspool runs recover RUN` closes one whose recorder died")
            .into());
    }
    let day = day(&manifest.clock, manifest.start_ns);
    partition(&manifest.host, day, &entry.id)
}

fn push_to_folder(
    settings: &Settings,
    lake: &Path,
    place: &Path,
    entry: &RunEntry,
) -> Result<Pushed> {
    let target = lake.join("runs").join(place);
    if target.exists() {
        let same = same_folder(&entry.folder, &target)?;
        return Ok(if same { Pushed::Before } else { Pushed::Other });
    }
    write_tables(
        settings,
        entry,
        &mut |table| {
            let folder = lake.join(table).join(place);
            make_folder(&folder)?;
            Ok(folder.join(format!("{table}.parquet")))
        },
        &mut |_, _| Ok(()),
    )?;
    copy_whole(&entry.folder, &target)?;
    Ok(Pushed::Now)
}

/// Writes the readable tables of a run where `place` says; each is given to `take` when it is there.
fn write_tables(
    settings: &Settings,
    entry: &RunEntry,
    place: &mut dyn FnMut(&str) -> Result<PathBuf>,
    take: TakeFile<'_>,
) -> Result<()> {
    let sources = Sources::open(settings, std::slice::from_ref(entry))?;
    let mut engine = Engine::start(settings, &sources, PASSING)?;
    let parquet = super::output::form("parquet").context("the engine writes Parquet")?;
    // `runs` is the folder of the runs themselves, whose names say what the table would.
    for table in TABLES.into_iter().filter(|table| *table != "runs") {
        let path = place(table)?;
        // The name of the folder is a column already.
        let sql = format!("select * exclude (run) from {table}");
        write_table(&mut engine, &sources, &sql, parquet, &path)?;
        take(table, &path)?;
    }
    Ok(())
}

/// Takes runs out of the lake into the store; all that are not there where none is named.
pub(crate) fn pull(
    settings: &Settings,
    url: &str,
    endpoint: Option<&str>,
    references: &[String],
) -> Result<u8> {
    let lake = match Place::of(settings, url, endpoint)? {
        Place::Folder(lake) => lake,
        Place::Bucket(address) => {
            let store = store(settings)?;
            let mut told = |id: &str, said: &str| print(&format!("{id}: {said}\n"));
            Bucket::open(settings, &address)?.pull(&store, references, &mut told)?;
            return Ok(0);
        }
    };
    let found = list(&lake)?;
    if found.is_empty() {
        return Err(sources::no_run_in(url).into());
    }
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
    if !is_name(id) {
        return Err(
            Failure::input(format!("`{}` has an id that is no name", folder.display())).into(),
        );
    }
    let target = store.root().join(id);
    if target.exists() {
        if same_folder(folder, &target)? {
            return Ok("is there already");
        }
        return Err(other_state(id));
    }
    make_folder(store.root())?;
    copy_whole(folder, &target)?;
    Ok("pulled")
}

/// Whether an id or a name of a file is one, and no path.
fn is_name(id: &str) -> bool {
    escaped(id) == *id && !id.starts_with('.') && !id.is_empty()
}

fn other_state(id: &str) -> anyhow::Error {
    Failure::input(format!("the store has another state of run `{id}`"))
        .hint(format!("`unspool runs rm {id}`, and pull it again"))
        .into()
}

/// Runs of a bucket, for a query.
pub(super) fn in_bucket(settings: &Settings, address: &Address) -> Result<Vec<Chosen>> {
    Bucket::open(settings, address)?.chosen()
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

#[cfg(test)]
mod tests {
    use super::{day, escaped, partition};

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
}
