//! `unspool runs`: list and manage stored runs.

use std::collections::BTreeSet;

use anyhow::Result;
use unspool_model::event::ClockKind;
use unspool_store::{Closing, RawPolicy, Recovery, Retention, RunEntry, RunReader};

use super::{find_run, store};
use crate::cli::{RunsArgs, RunsOperation};
use crate::clock::now_ns;
use crate::failure::Failure;
use crate::report::{count, duration, eprint_line, parse_size, print, size};
use crate::settings::Settings;
use crate::sources::FrameSource;
use crate::stored::walk_into_tables;

/// Carries one operation out.
pub(crate) fn run(settings: &Settings, args: &RunsArgs) -> Result<u8> {
    match &args.operation {
        None => list(settings, false),
        Some(RunsOperation::List { json }) => list(settings, *json),
        Some(RunsOperation::Rm { runs }) => remove(settings, runs),
        Some(RunsOperation::Name { run, name }) => {
            let entry = find_run(settings, run)?;
            check_run_name(name)?;
            let name = (!name.is_empty()).then_some(name.as_str());
            store(settings)?
                .set_name(&entry, name)
                .map_err(Failure::store)?;
            Ok(0)
        }
        Some(RunsOperation::Tag { run, tags }) => {
            let entry = find_run(settings, run)?;
            let (remove, add): (Vec<_>, Vec<_>) =
                tags.iter().cloned().partition(|tag| tag.starts_with('-'));
            let remove: Vec<String> = entry
                .manifest
                .iter()
                .flat_map(|manifest| manifest.tags.iter())
                .filter(|tag| {
                    remove.iter().any(|key| {
                        let key = key.trim_start_matches('-');
                        *tag == key || tag.split('=').next() == Some(key)
                    })
                })
                .cloned()
                .collect();
            store(settings)?
                .set_tags(&entry, &add, &remove)
                .map_err(Failure::store)?;
            Ok(0)
        }
        Some(RunsOperation::Prune {
            dry_run,
            max_runs,
            max_size,
            max_days,
        }) => prune(
            settings,
            *dry_run,
            *max_runs,
            max_size.as_deref(),
            *max_days,
        ),
        Some(RunsOperation::Push {
            url,
            runs,
            endpoint,
        }) => super::query::lake::push(settings, url, endpoint.as_deref(), runs),
        Some(RunsOperation::Pull {
            url,
            runs,
            endpoint,
        }) => super::query::lake::pull(settings, url, endpoint.as_deref(), runs),
        Some(RunsOperation::Scrub { runs }) => {
            for run in runs {
                super::scrub::scrub(&find_run(settings, run)?)?;
            }
            Ok(0)
        }
        Some(RunsOperation::Recover { runs }) => {
            for run in runs {
                recover(&find_run(settings, run)?)?;
            }
            Ok(0)
        }
    }
}

/// A view's name cannot name a run: `unspool show files` must mean the view.
pub(crate) fn check_run_name(name: &str) -> Result<()> {
    if unspool_analyze::view(name).is_some() {
        return Err(
            Failure::usage(format!("a run cannot be named `{name}`: that is a view"))
                .hint("choose another name")
                .into(),
        );
    }
    Ok(())
}

fn list(settings: &Settings, json: bool) -> Result<u8> {
    let runs = store(settings)?.list().map_err(Failure::store)?;
    let rows = runs
        .iter()
        .enumerate()
        .map(|(at, run)| row(at, run))
        .collect();
    let report = unspool_model::report::Report {
        kind: "runs",
        columns: COLUMNS,
        rows,
        layout: unspool_model::report::Layout::Table,
        notes: Vec::new(),
    };
    if runs.is_empty() && !json {
        eprint_line("there is no run yet: record one with `unspool record -- COMMAND`");
        return Ok(0);
    }
    super::show::write_report(settings, &report, json)?;
    Ok(0)
}

use unspool_model::report::{Cell, Column, Shown, Unit};

const COLUMNS: &[Column] = &[
    Column::new(
        "ref",
        Unit::Text,
        Shown::Always,
        "How to name the run: `@` is the latest.",
    ),
    Column::new(
        "id",
        Unit::Text,
        Shown::Always,
        "Id; any unique beginning of it names the run.",
    ),
    Column::new(
        "name",
        Unit::Text,
        Shown::Always,
        "Name that the user gave.",
    ),
    Column::new(
        "state",
        Unit::Text,
        Shown::Always,
        "complete, incomplete or recording.",
    ),
    Column::new(
        "started",
        Unit::Text,
        Shown::Always,
        "When it began, in local time.",
    ),
    Column::new("start_ns", Unit::Time, Shown::Never, "When it began."),
    Column::new(
        "duration_ns",
        Unit::Duration,
        Shown::Always,
        "How long it took.",
    ),
    Column::new("events", Unit::Count, Shown::Always, "Events in it."),
    Column::new("bytes", Unit::Bytes, Shown::Always, "Size of its folder."),
    Column::new(
        "exit_code",
        Unit::Number,
        Shown::Always,
        "Exit status of the command.",
    ),
    Column::new(
        "exit_signal",
        Unit::Number,
        Shown::Wide,
        "Signal that ended the command.",
    ),
    Column::new("recorder", Unit::Text, Shown::Wide, "What recorded it."),
    Column::new("tags", Unit::List, Shown::Wide, "Tags."),
    Column::new("command", Unit::Text, Shown::Always, "The command."),
    Column::new("path", Unit::Text, Shown::Never, "Its folder."),
];

fn row(at: usize, run: &RunEntry) -> Vec<Cell> {
    let reference = if at == 0 {
        "@".to_owned()
    } else {
        format!("@{at}")
    };
    let bytes = unspool_store::folder_bytes(&run.folder).unwrap_or(0);
    let state = match RunReader::open(&run.folder) {
        Ok(reader) => reader.state().name().to_owned(),
        Err(_) => "damaged".to_owned(),
    };
    let text =
        |value: Option<String>| value.map_or(Cell::Null, |text| Cell::Text(text.into_bytes()));
    let manifest = run.manifest.as_ref();
    let exit = manifest.and_then(|manifest| manifest.exit);
    vec![
        Cell::text(reference.as_bytes()),
        Cell::text(run.id.as_bytes()),
        text(run.name().map(str::to_owned)),
        Cell::text(state.as_bytes()),
        text(manifest.map(|manifest| local_time(manifest.start_ns))),
        Cell::int_or_null(manifest.map(|manifest| manifest.start_ns)),
        Cell::int_or_null(
            manifest
                .filter(|manifest| manifest.clock_kind() != ClockKind::None)
                .and_then(|manifest| Some(manifest.end_ns? - manifest.start_ns)),
        ),
        Cell::int_or_null(
            manifest.and_then(|manifest| manifest.seal.as_ref().map(|seal| seal.events)),
        ),
        Cell::int(bytes),
        Cell::int_or_null(exit.as_ref().and_then(|exit| exit.code)),
        Cell::int_or_null(exit.as_ref().and_then(|exit| exit.signal)),
        text(manifest.map(|manifest| manifest.recorder.name.clone())),
        Cell::List(
            manifest
                .iter()
                .flat_map(|manifest| manifest.tags.iter())
                .map(|tag| Cell::text(tag.as_bytes()))
                .collect(),
        ),
        text(manifest.map(|manifest| manifest.command.join(" "))),
        Cell::text(run.folder.as_os_str().as_encoded_bytes()),
    ]
}

/// `2026-11-21 14:03:07`; empty for runs without a date.
fn local_time(ns: i64) -> String {
    const YEAR_NS: i64 = 31_536_000_000_000_000;
    if ns < YEAR_NS {
        return String::new();
    }
    jiff::Timestamp::from_nanosecond(i128::from(ns))
        .map(|time| {
            time.to_zoned(jiff::tz::TimeZone::system())
                .strftime("%F %T")
                .to_string()
        })
        .unwrap_or_default()
}

fn remove(settings: &Settings, references: &[String]) -> Result<u8> {
    // All are found before the first is removed: `@ @1` means the two latest.
    let entries: Vec<RunEntry> = references
        .iter()
        .map(|reference| find_run(settings, reference))
        .collect::<Result<_>>()?;
    let store = store(settings)?;
    // One run by two references is removed once.
    let mut removed = BTreeSet::new();
    for entry in &entries {
        if !removed.insert(&entry.folder) {
            continue;
        }
        store.remove(entry).map_err(Failure::store)?;
        eprint_line(&format!("removed {}", entry.id));
    }
    Ok(0)
}

fn prune(
    settings: &Settings,
    dry_run: bool,
    max_runs: Option<usize>,
    max_size: Option<&str>,
    max_days: Option<u32>,
) -> Result<u8> {
    const DAY_NS: i64 = 86_400_000_000_000;
    let mut retention = Retention::default();
    retention.runs = max_runs.unwrap_or(retention.runs);
    if let Some(text) = max_size {
        retention.bytes = parse_size(text).ok_or_else(|| {
            Failure::usage(format!("`{text}` is no size")).hint("for example `10G`, `500M`")
        })?;
    }
    if let Some(days) = max_days {
        retention.age_ns = i64::from(days) * DAY_NS;
    }
    let store = store(settings)?;
    let runs = if dry_run {
        store.plan_prune(&retention, now_ns())
    } else {
        store.prune(&retention, now_ns())
    };
    let runs = runs.map_err(Failure::store)?;
    let verb = if dry_run { "would remove" } else { "removed" };
    for run in &runs {
        print(&format!("{verb} {}\n", run.id))?;
    }
    eprint_line(&format!("{verb} {} runs", runs.len()));
    Ok(0)
}

/// Makes tables of what a dead recorder left, and closes the run.
fn recover(entry: &RunEntry) -> Result<()> {
    let recovery = Recovery::begin(&entry.folder).map_err(Failure::store)?;
    if recovery.reader().state().name() == "complete" {
        eprint_line(&format!("{} is complete: nothing to recover", entry.id));
        return Ok(());
    }
    if !recovery.reader().has_raw() {
        return Err(
            Failure::input(format!("`{}` has no raw bytes to recover from", entry.id))
                .hint("its tables, if there are any, can be shown as they are")
                .into(),
        );
    }
    let mut manifest = recovery.reader().manifest().clone();
    let frames = recovery.reader().frames().map_err(Failure::store)?;
    let mut source = FrameSource::new(frames);
    let recorder = &manifest.recorder.name;
    let (walked, summary) = walk_into_tables(&mut source, recorder, recovery.folder(), None)?;
    let frames = source.into_frames();
    let totals = frames.totals();
    let losses = frames.losses().to_vec();
    manifest.end_ns.get_or_insert(totals.last_ns);
    manifest.diagnostics = walked.diagnostics.by_name();
    manifest.architectures = walked.architectures.names();
    if manifest.counts.seen == 0 {
        manifest.counts.recorded = walked.steps;
    }
    let closing = Closing {
        tables: Some(summary),
        raw: RawPolicy::Compress,
    };
    let manifest = recovery
        .finish(manifest, totals, &losses, &closing)
        .map_err(Failure::store)?;
    let lasted = manifest.end_ns.unwrap_or(manifest.start_ns) - manifest.start_ns;
    eprint_line(&format!(
        "recovered {} events ({}) of {}, the last at {}; it stays marked as incomplete",
        count(walked.steps),
        size(totals.bytes),
        entry.id,
        duration(lasted)
    ));
    Ok(())
}
