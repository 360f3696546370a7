//! `unspool query`: SQL over runs. The engine is a program of its own.

pub(crate) mod args;
mod elkpump;
mod engine;
pub(crate) mod lake;
mod output;
mod paint;
mod prompt;
pub(crate) mod saved;
mod sources;
pub(crate) mod tables;
mod words;

use std::collections::BTreeMap;
use std::io::{BufWriter, IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use unspool_analyze::Filter;

use crate::commands::export::write_whole;
use crate::commands::nearest;
use crate::commands::show::{Output, filter_failure, text_options};
use crate::failure::Failure;
use crate::report::{parse_size, print};
use crate::settings::Settings;
use args::QueryArgs;
use engine::{Engine, Limits, Stops};
use output::{FORMS, Form, form, write_rows};
use sources::Sources;
use words::{Question, words};

/// Memory of a query where nobody says otherwise.
const MEMORY_BYTES_DEFAULT: u64 = 1_000_000_000;
/// Least memory that makes sense.
const MEMORY_BYTES_MIN: u64 = 1_000_000;
/// Time of a query where nobody says otherwise.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(300);
/// Longest statement from standard input.
const STATEMENT_BYTES_MAX: u64 = 1 << 20;

/// Columns that `--where` shows of the events that it lets through.
const WHERE_COLUMNS: &str = "run, seq, time, duration_ns, pid, tid, command, kind, name, args, result, ret, error, path, bytes";

/// Asks runs.
pub(crate) fn run(settings: &Settings, args: &QueryArgs) -> Result<u8> {
    let words = words(&args.operands)?;
    if args.list {
        return list(&words.question);
    }
    let target = Target::new(settings, args)?;
    let limits = limits(args)?;
    let statement = statement(args, &words)?;
    let sources = sources::of(settings, args, &words.runs)?;
    let mut engine = Engine::start(settings, &sources, limits)?;
    let Some((sql, values)) = statement else {
        prompt::run(settings, &sources, engine, target)?;
        return Ok(0);
    };
    let asked = Asked {
        sql: &sql,
        values: &values,
        target: &target,
        stops: &|| false,
    };
    ask(settings, &sources, &mut engine, &asked)?;
    Ok(0)
}

/// Lists saved queries, or shows one.
fn list(question: &Question) -> Result<u8> {
    match question {
        Question::Saved(name) => print(saved::find(name)?.file)?,
        Question::Nothing | Question::Sql(_) => print(&saved::list())?,
    }
    Ok(0)
}

/// The statement and its values; `None` where a prompt is wanted.
fn statement(
    args: &QueryArgs,
    words: &words::Words,
) -> Result<Option<(String, BTreeMap<String, String>)>> {
    if let Some(expression) = &args.filter {
        let condition =
            Filter::sql(expression).map_err(|error| filter_failure(&error, expression))?;
        if words.question != Question::Nothing {
            return Err(Failure::usage("`--where` is a query of its own")
                .hint(format!(
                    "in SQL it is: select ... from fields where {condition}"
                ))
                .into());
        }
        let sql = format!("select {WHERE_COLUMNS} from fields where {condition} order by run, seq");
        return Ok(Some((sql, BTreeMap::new())));
    }
    Ok(match &words.question {
        Question::Sql(sql) => Some((sql.clone(), words.values.clone())),
        Question::Saved(name) => {
            let saved = saved::find(name)?;
            Some((saved.sql(), saved.values(&words.values)?))
        }
        Question::Nothing if std::io::stdin().is_terminal() => None,
        Question::Nothing => {
            let mut sql = String::new();
            std::io::stdin()
                .take(STATEMENT_BYTES_MAX)
                .read_to_string(&mut sql)
                .context("cannot read the query from standard input")?;
            if sql.trim().is_empty() {
                return Err(Failure::usage("there is no query")
                    .hint("`unspool query @ 'select name, count(*) from events group by name'`, or `unspool query :NAME`; `--list` lists saved ones")
                    .into());
            }
            Some((sql, BTreeMap::new()))
        }
    })
}

/// Where an answer goes, and how it is written.
#[derive(Clone)]
struct Target {
    form: Form,
    /// `None`: standard output.
    file: Option<PathBuf>,
    wide: bool,
    paged: bool,
}

impl Target {
    fn new(settings: &Settings, args: &QueryArgs) -> Result<Self> {
        let file = args.output.clone().filter(|path| path != Path::new("-"));
        let ending = file
            .as_ref()
            .and_then(|path| path.extension())
            .and_then(|ending| ending.to_str());
        let name = match (&args.form, args.json, ending) {
            (Some(name), _, _) => name.as_str(),
            (None, true, _) => "json",
            (None, false, Some(ending)) if form(ending).is_some() => ending,
            (None, false, _) => "table",
        };
        let form = form(name).ok_or_else(|| {
            let hint = match nearest(name, FORMS.into_iter()) {
                Some(alike) => format!("did you mean `{alike}`? forms: {}", FORMS.join(", ")),
                None => format!("forms: {}", FORMS.join(", ")),
            };
            Failure::usage(format!("there is no form `{name}`")).hint(hint)
        })?;
        if matches!(form, Form::File(_)) && file.is_none() && settings.stdout_is_terminal {
            return Err(Failure::usage(format!("`{name}` is not for a terminal"))
                .hint(format!("write it to a file: `-o answer.{name}`"))
                .into());
        }
        Ok(Self {
            form,
            file,
            wide: args.wide,
            paged: !args.no_pager,
        })
    }
}

/// One query.
struct Asked<'a> {
    sql: &'a str,
    values: &'a BTreeMap<String, String>,
    target: &'a Target,
    /// Whether the person wants to stop.
    stops: Stops<'a>,
}

/// Asks, and writes the answer; gives the number of rows.
fn ask(
    settings: &Settings,
    sources: &Sources,
    engine: &mut Engine,
    asked: &Asked<'_>,
) -> Result<u64> {
    let Target {
        form,
        file,
        wide,
        paged,
    } = asked.target;
    let name = match form {
        Form::Report(_) => "rows",
        Form::File(name) => name,
    };
    let mut answering = engine.ask(asked.sql, asked.values, name, asked.stops)?;
    let mut text = text_options(settings, *wide);
    let mut rows = 0;
    let mut write = |out: &mut dyn Write, text| -> Result<std::io::Result<()>> {
        match form {
            Form::Report(form) => {
                let written = write_rows(&mut answering, form, &sources.about, text, out)?;
                Ok(written.map(|count| rows = count))
            }
            Form::File(_) => {
                let copied = std::io::copy(&mut answering, out);
                rows = answering.finish()?;
                Ok(copied.map(|_| ()))
            }
        }
    };
    if let Some(path) = file {
        text.width = None;
        text.palette = unspool_export::Palette::NONE;
        write_whole(path, |file| {
            let mut out = BufWriter::new(file);
            write(&mut out, &text)??;
            Ok(out.flush()?)
        })?;
        return Ok(rows);
    }
    let is_text = matches!(form, Form::Report(form) if form.name == "text");
    let mut output = Output::open(settings, is_text && *paged);
    let written = {
        let mut out = BufWriter::with_capacity(1 << 16, output.writer());
        write(&mut out, &text)?.and_then(|()| out.flush())
    };
    output.wait();
    match written {
        // The reader has seen enough: `| head`, or `q` in the pager.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write the answer"))
        }
        _ => Ok(rows),
    }
}

fn limits(args: &QueryArgs) -> Result<Limits> {
    let memory_bytes = match &args.memory {
        None => MEMORY_BYTES_DEFAULT,
        Some(text) => parse_size(text)
            .filter(|bytes| *bytes >= MEMORY_BYTES_MIN)
            .ok_or_else(|| {
                Failure::usage(format!("`{text}` is no size of memory"))
                    .hint("for example `500M`, `4G`; at least `1M`")
            })?,
    };
    let timeout = match args.timeout.as_deref() {
        None => Some(TIMEOUT_DEFAULT),
        Some("0") => None,
        Some(text) => Some(crate::times::parse_duration(text)?),
    };
    Ok(Limits {
        memory_bytes,
        timeout,
        threads: 0,
    })
}
