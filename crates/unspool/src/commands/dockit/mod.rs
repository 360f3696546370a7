//! `unspool dockit`, and the program under the name of `dockit`: dockit's options, dockit's files.
//!
//! A command is recorded into a log; then the log is replayed. There is no other way from a recording to its files, so that
//! a replay of the log gives the same bytes.

mod artefacts;
mod ini;
mod live;
mod replay;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory as _;
use unspool_analyze::cim::Select;
use unspool_export::dockit::FlowForm;

use crate::cli::{Cli, DockitArgs};
use crate::failure::{Failure, status};
use crate::settings::Settings;

/// Beginning of the files' names when nobody says one; dockit's own.
const PREFIX_DEFAULT: &str = "dockit_output";

/// What is written of a log.
pub(super) struct Wanted {
    flow: FlowForm,
    summary: Option<SummaryForm>,
    select: Select,
    verbose: bool,
    warn: bool,
}

/// Form of the summary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SummaryForm {
    /// `<Dockit>`.
    Xml,
    /// Lines for people.
    Txt,
}

/// Does what dockit does, and gives the exit status: the command's own, 0 for a replay.
pub(crate) fn run(settings: &Settings, args: &DockitArgs) -> Result<u8> {
    let wanted = wanted(args)?;
    let given = [
        !args.command.is_empty(),
        args.pid.is_some(),
        args.input.is_some(),
    ];
    if given.iter().filter(|is_given| **is_given).count() != 1 {
        return Err(usage(
            "exactly one of a command, `-p PID` and `-i LOG` is needed",
            "dockit [OPTIONS] COMMAND [ARGS]..., or: dockit -i LOG",
        ));
    }
    let prefix = args
        .log
        .clone()
        .unwrap_or_else(|| PathBuf::from(PREFIX_DEFAULT));
    let tracer = tracer(args)?;
    if let Some(path) = &args.input {
        let log = replay::Log::open(path, tracer, args.payload)?;
        let replay = replay::Replay::open(&log, args.payload)?;
        let base = base(&prefix, replay.tracer, replay.top_pid());
        if args.duplicate {
            live::keep_log(path, &base)?;
        }
        write(args, &log, &replay, &base, &wanted)?;
        return Ok(0);
    }
    let recorded = live::record(settings, args, tracer.unwrap_or("strace"), &prefix)?;
    let log = replay::Log::open(&recorded.log, Some(recorded.tracer), args.payload)?;
    let replay = replay::Replay::open(&log, args.payload)?;
    write(args, &log, &replay, &recorded.base, &wanted)?;
    if args.log.is_none() && !args.duplicate {
        recorded.forget()?;
    }
    Ok(recorded.code)
}

/// Writes every file of a log.
fn write(
    args: &DockitArgs,
    log: &replay::Log<'_>,
    replay: &replay::Replay,
    base: &Path,
    wanted: &Wanted,
) -> Result<()> {
    replay.write(base, wanted)?;
    if args.dockerfile || args.makefile.is_some() {
        artefacts::write(log, base, args.dockerfile, args.makefile.as_deref())?;
    }
    Ok(())
}

fn wanted(args: &DockitArgs) -> Result<Wanted> {
    let flow = FlowForm::by_name(&args.format).ok_or_else(|| {
        usage(
            &format!("there is no form `{}` of the flow", args.format),
            "forms: TXT, CSV, JSON",
        )
    })?;
    let summary = match &args.summary_format {
        Some(name) => Some(match name.to_ascii_uppercase().as_str() {
            "XML" => SummaryForm::Xml,
            "TXT" => SummaryForm::Txt,
            _ => {
                return Err(usage(
                    &format!("there is no form `{name}` of the summary"),
                    "forms: XML, TXT",
                ));
            }
        }),
        None if args.summary.is_empty() => None,
        None => Some(SummaryForm::Xml),
    };
    if let Some(aggregator) = &args.aggregator
        && aggregator != "clusterize"
    {
        return Err(usage(
            &format!("there is no aggregator `{aggregator}`"),
            "there is one: clusterize",
        ));
    }
    let mut select = Select::default();
    for filter in &args.summary {
        select
            .add(filter)
            .map_err(|error| usage(&error.message, &error.hint))?;
    }
    Ok(Wanted {
        flow,
        summary,
        select,
        verbose: args.verbose > 0,
        warn: args.warning > 0,
    })
}

/// The tracer that was asked for.
fn tracer(args: &DockitArgs) -> Result<Option<&'static str>> {
    match args.tracer.as_deref() {
        None => Ok(None),
        Some("strace") => Ok(Some("strace")),
        Some("ltrace") => Ok(Some("ltrace")),
        Some("pydbg") if args.input.is_some() => Ok(Some("pydbg")),
        Some(name @ ("cdb" | "pydbg")) => Err(usage(
            &format!("tracer `{name}` is one of Windows"),
            "here: strace, ltrace; a log of pydbg can be read with `-i`",
        )),
        Some(name) => Err(usage(
            &format!("there is no tracer `{name}`"),
            "tracers: strace, ltrace",
        )),
    }
}

/// dockit ends with 1 when it is called wrongly.
fn usage(message: &str, hint: &str) -> anyhow::Error {
    Failure::new(status::NO, message).hint(hint).into()
}

/// `PREFIX.strace.4711`, to which endings are added.
fn base(prefix: &Path, tracer: &str, top_pid: u32) -> PathBuf {
    with_ending(prefix, &format!("{tracer}.{top_pid}"))
}

/// The path with `.ending` behind it, whatever dots it has already.
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// The words of the command line: the program's name is `dockit` for whoever calls it so.
pub(crate) fn words(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = args.collect();
    let is_dockit = words
        .first()
        .and_then(|name| Path::new(name).file_name())
        .is_some_and(|name| name == "dockit" || name == "dockit.py");
    if is_dockit {
        words.insert(1, OsString::from("dockit"));
    }
    words
}

/// A command line that cannot be read, or a question for help. dockit ends with 1 where others end with 2, and `record` with 125:
/// 2 may be the status of the command that it was to record.
pub(crate) fn refused(words: &[OsString], error: &clap::Error) -> ExitCode {
    // Nobody can be told when the terminal is gone.
    drop(error.print());
    let code = match (error.exit_code(), asked(words).as_deref()) {
        (0, _) => 0,
        (_, Some("dockit")) => status::NO,
        (_, Some("record")) => status::RECORD,
        _ => status::USAGE,
    };
    ExitCode::from(code)
}

/// The command that is asked for, in a line that cannot be read as a whole.
fn asked(words: &[OsString]) -> Option<String> {
    let reader = Cli::command().ignore_errors(true);
    let read = reader.try_get_matches_from(words).ok()?;
    read.subcommand_name().map(str::to_owned)
}
