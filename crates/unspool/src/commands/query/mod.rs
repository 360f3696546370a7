//! `unspool query`: SQL over runs. The engine is a program of its own.

pub(crate) mod args;
mod engine;
mod output;
mod sources;
mod words;

use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::commands::export::write_whole;
use crate::commands::nearest;
use crate::commands::show::{Output, text_options};
use crate::failure::Failure;
use crate::report::parse_size;
use crate::settings::Settings;
use args::QueryArgs;
use engine::{Engine, Limits};
use output::{FORMS, Form, form, write_rows};
use sources::Sources;
use words::{Question, words};

/// Memory of a query where nobody says otherwise.
const MEMORY_BYTES_DEFAULT: u64 = 1_000_000_000;
/// Least memory that makes sense.
const MEMORY_BYTES_MIN: u64 = 1_000_000;
/// Time of a query where nobody says otherwise.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(300);

/// Asks runs.
pub(crate) fn run(settings: &Settings, args: &QueryArgs) -> Result<u8> {
    let words = words(&args.operands)?;
    let form = form_of(args)?;
    let limits = limits(args)?;
    let sql = match &words.question {
        Question::Sql(sql) => sql.clone(),
        Question::Saved(_) | Question::Nothing => {
            return Err(Failure::usage("there is no query")
                .hint("`unspool query @ 'select name, count(*) from events group by name'`")
                .into());
        }
    };
    let entries = sources::find(settings, &words.runs, args.all)?;
    let sources = Sources::open(settings, &entries)?;
    let mut engine = Engine::start(settings, &sources.specs, limits)?;
    let asked = Asked {
        sql: &sql,
        values: &words.values,
        form,
    };
    ask(settings, args, &sources, &mut engine, &asked)?;
    Ok(0)
}

/// One query.
struct Asked<'a> {
    sql: &'a str,
    values: &'a std::collections::BTreeMap<String, String>,
    form: Form,
}

/// Asks, and writes the answer.
fn ask(
    settings: &Settings,
    args: &QueryArgs,
    sources: &Sources,
    engine: &mut Engine,
    asked: &Asked<'_>,
) -> Result<()> {
    let never = || false;
    let is_file = |path: &&std::path::PathBuf| path.as_path() != Path::new("-");
    let file = args.output.as_ref().filter(is_file);
    let name = match asked.form {
        Form::Report(_) => "rows",
        Form::File(name) => name,
    };
    let mut answering = engine.ask(asked.sql, asked.values, name, &never)?;
    let mut text = text_options(settings, args.wide);
    if let Some(path) = file {
        text.width = None;
        text.palette = unspool_export::Palette::NONE;
        return write_whole(path, |file| {
            let mut out = BufWriter::new(file);
            match asked.form {
                Form::Report(form) => {
                    write_rows(&mut answering, form, &sources.about, &text, &mut out)??;
                }
                Form::File(_) => {
                    std::io::copy(&mut answering, &mut out)?;
                    answering.finish()?;
                }
            }
            Ok(out.flush()?)
        });
    }
    let is_text = matches!(asked.form, Form::Report(form) if form.name == "text");
    let mut output = Output::open(settings, is_text && !args.no_pager);
    let written = {
        let mut out = BufWriter::with_capacity(1 << 16, output.writer());
        let written = match asked.form {
            Form::Report(form) => {
                write_rows(&mut answering, form, &sources.about, &text, &mut out)?.map(|_| ())
            }
            Form::File(_) => {
                let copied = std::io::copy(&mut answering, &mut out).map(|_| ());
                answering.finish()?;
                copied
            }
        };
        written.and_then(|()| out.flush())
    };
    output.wait();
    match written {
        // The reader has seen enough: `| head`, or `q` in the pager.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write the answer"),
    }
}

/// The form that is named, or that the file's name ends in, or the table.
fn form_of(args: &QueryArgs) -> Result<Form> {
    let ending = args
        .output
        .as_ref()
        .and_then(|path| path.extension())
        .and_then(|ending| ending.to_str());
    let name = match (&args.form, args.json, ending) {
        (Some(name), _, _) => name.as_str(),
        (None, true, _) => "json",
        (None, false, Some(ending)) if form(ending).is_some() => ending,
        (None, false, _) => "table",
    };
    let found = form(name).ok_or_else(|| {
        let hint = match nearest(name, FORMS.into_iter()) {
            Some(alike) => format!("did you mean `{alike}`? forms: {}", FORMS.join(", ")),
            None => format!("forms: {}", FORMS.join(", ")),
        };
        Failure::usage(format!("there is no form `{name}`")).hint(hint)
    })?;
    let to_terminal = args.output.is_none() && std::io::IsTerminal::is_terminal(&std::io::stdout());
    if matches!(found, Form::File(_)) && to_terminal {
        return Err(Failure::usage(format!("`{name}` is not for a terminal"))
            .hint(format!("write it to a file: `-o answer.{name}`"))
            .into());
    }
    Ok(found)
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
    })
}
