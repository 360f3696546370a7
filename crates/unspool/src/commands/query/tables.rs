//! `unspool export RUN --tables`: all tables of a run for other programs, with readable columns. The engine makes the rows.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};
use unspool_export::TextOptions;
use unspool_export::sqlite::Database;
use unspool_model::report::Cell;
use unspool_store::{Answer, AnswerKind};

use super::elkpump::each_key;
use super::engine::{Engine, Limits};
use super::output::{Form, form, write_rows};
use super::sources::{self, Sources};
use crate::cli::ExportArgs;
use crate::commands::export::write_whole;
use crate::failure::Failure;
use crate::settings::Settings;

/// The tables, in the order in which they are written. `logs` and `fields` are other looks at `events`.
pub(crate) const TABLES: [&str; 10] = [
    "runs",
    "events",
    "processes",
    "execs",
    "sessions",
    "descriptors",
    "accesses",
    "resources",
    "links",
    "samples",
];

/// What the engine may use: rows pass through it, in the order of the tables.
pub(super) const PASSING: Limits = Limits {
    memory_bytes: 1_000_000_000,
    timeout: None,
    threads: 1,
};

/// What a document of elkpump is made of.
const ELKPUMP: &str = "select time::bigint as ns, duration_ns, tid, name, args, ret, error, path, session_id, fd, bytes, \
     action, path2, fd2, run from events where kind = 'syscall'";

/// Exports the tables of the run that is named.
pub(crate) fn export(settings: &Settings, args: &ExportArgs) -> Result<u8> {
    let reference = match args.operands.as_slice() {
        [] => "@",
        [run] => run,
        [_, word, ..] => {
            return Err(Failure::usage(format!("`{word}` is one word too many"))
                .hint("`--tables` writes all tables of one run: no view")
                .into());
        }
    };
    let Some(output) = args.output.as_deref() else {
        return Err(Failure::usage("`--tables` needs a place")
            .hint("`-o FOLDER` for a file a table, `-o FILE.sqlite` for one database")
            .into());
    };
    let how = How::of(args, output)?;
    let entries = sources::find(settings, &[reference.to_owned()], false)?;
    let sources = Sources::open(settings, &entries)?;
    let mut engine = Engine::start(settings, &sources, PASSING)?;
    match how {
        How::Sqlite => write_database(&mut engine, output)?,
        How::Elkpump => write_documents(&mut engine, output)?,
        How::Files(form, ending) => {
            std::fs::create_dir_all(output)
                .with_context(|| format!("cannot make the folder `{}`", output.display()))?;
            for table in TABLES {
                let path = output.join(format!("{table}.{ending}"));
                let sql = format!("select * from {table}");
                write_table(&mut engine, &sources, &sql, form, &path)?;
            }
        }
    }
    Ok(0)
}

/// What is written.
#[derive(Clone, Copy)]
enum How {
    /// A file a table: form and ending.
    Files(Form, &'static str),
    /// One database.
    Sqlite,
    /// One file of documents as elkpump makes them.
    Elkpump,
}

impl How {
    fn of(args: &ExportArgs, output: &Path) -> Result<Self> {
        let ending = output.extension().and_then(|ending| ending.to_str());
        let name = match (args.form.as_deref(), ending) {
            (Some(name), _) => name.to_ascii_lowercase(),
            (None, Some("sqlite" | "sqlite3" | "db")) => "sqlite".to_owned(),
            (None, Some("jsonl")) if args.shape.is_some() => "jsonl".to_owned(),
            (None, Some(other)) if args.shape.is_some() => other.to_owned(),
            (None, _) => "parquet".to_owned(),
        };
        match args.shape.as_deref() {
            None => {}
            Some("elkpump") if name == "jsonl" => return Ok(Self::Elkpump),
            Some("elkpump") => {
                return Err(Failure::usage("documents of elkpump are lines of JSON")
                    .hint("`-F jsonl -o FILE.jsonl`")
                    .into());
            }
            Some(other) => {
                return Err(Failure::usage(format!("there is no shape `{other}`"))
                    .hint("`--shape elkpump`")
                    .into());
            }
        }
        let ending = match name.as_str() {
            "sqlite" => return Ok(Self::Sqlite),
            "parquet" => "parquet",
            "arrow" => "arrow",
            "csv" => "csv",
            "jsonl" => "jsonl",
            "json" => "json",
            _ => "",
        };
        match form(&name) {
            Some(form) if !ending.is_empty() => Ok(Self::Files(form, ending)),
            _ => Err(Failure::usage(format!("tables have no form `{name}`"))
                .hint("forms: parquet, arrow, csv, json, jsonl, sqlite")
                .into()),
        }
    }
}

/// Writes the rows of a query to a file.
pub(super) fn write_table(
    engine: &mut Engine,
    sources: &Sources,
    sql: &str,
    form: Form,
    path: &Path,
) -> Result<()> {
    let name = match form {
        Form::Report(_) => "rows",
        Form::File(name) => name,
    };
    let never = || false;
    let values = std::collections::BTreeMap::new();
    let mut answering = engine.ask(sql, &values, name, &never)?;
    write_whole(path, |file| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        match form {
            Form::Report(form) => {
                let text = TextOptions {
                    width: None,
                    wide: true,
                    ascii: false,
                    palette: unspool_export::Palette::NONE,
                };
                write_rows(&mut answering, form, &sources.about, &text, &mut out)??;
            }
            Form::File(_) => {
                std::io::copy(&mut answering, &mut out)?;
                answering.finish()?;
            }
        }
        Ok(out.flush()?)
    })
}

fn write_database(engine: &mut Engine, path: &Path) -> Result<()> {
    write_whole(path, |file| {
        let mut database = Database::new(BufWriter::with_capacity(1 << 20, file))?;
        for table in TABLES {
            let sql = format!("select * from {table}");
            rows(engine, &sql, &mut |row| match row {
                Row::Head(columns) => {
                    let columns: Vec<(&str, &str)> = columns
                        .iter()
                        .map(|(name, kind)| (name.as_str(), sql_type(*kind)))
                        .collect();
                    database.table(table, &columns)
                }
                Row::Cells(cells) => database.row(cells),
            })?;
        }
        database.finish()?;
        Ok(())
    })
}

fn sql_type(kind: AnswerKind) -> &'static str {
    match kind {
        AnswerKind::Text | AnswerKind::List => "TEXT",
        // Nanoseconds since 1970: `datetime(time / 1e9, 'unixepoch')`.
        AnswerKind::Time | AnswerKind::Flag => "INTEGER",
        AnswerKind::Number => "NUMERIC",
    }
}

/// What an answer gives.
enum Row<'a> {
    /// First, once.
    Head(&'a [(String, AnswerKind)]),
    Cells(&'a [Cell]),
}

/// Gives head and rows of an answer.
fn rows(
    engine: &mut Engine,
    sql: &str,
    take: &mut dyn FnMut(Row<'_>) -> std::io::Result<()>,
) -> Result<()> {
    let never = || false;
    let values = std::collections::BTreeMap::new();
    let mut answering = engine.ask(sql, &values, "rows", &never)?;
    let answer = Answer::new(&mut answering)?;
    let mut taken = take(Row::Head(&answer.columns()));
    if taken.is_ok() {
        let read = answer.for_each_row(&mut |cells| {
            taken = take(Row::Cells(cells));
            if taken.is_err() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        if let Err(error) = read {
            return Err(answering.failure().unwrap_or_else(|| error.into()));
        }
    }
    taken?;
    answering.finish()?;
    Ok(())
}

fn write_documents(engine: &mut Engine, path: &Path) -> Result<()> {
    write_whole(path, |file: &File| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let mut names: Vec<String> = Vec::new();
        rows(engine, ELKPUMP, &mut |row| match row {
            Row::Head(columns) => {
                names = columns.iter().map(|(name, _)| name.clone()).collect();
                Ok(())
            }
            Row::Cells(cells) => {
                let call = Named {
                    names: &names,
                    cells,
                };
                serde_json::to_writer(&mut out, &document(&call))?;
                out.write_all(b"\n")
            }
        })?;
        Ok(out.flush()?)
    })
}

/// A row, by the names of its columns.
struct Named<'a> {
    names: &'a [String],
    cells: &'a [Cell],
}

impl Named<'_> {
    fn cell(&self, wanted: &str) -> Option<&Cell> {
        let at = self.names.iter().position(|name| name == wanted)?;
        self.cells.get(at)
    }

    fn number(&self, name: &str) -> Option<i64> {
        match self.cell(name) {
            Some(Cell::Int(number)) => Some(*number),
            _ => None,
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.cell(name) {
            Some(Cell::Text(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }
}

/// A call as elkpump writes it: times in seconds and in microseconds, the session as eight digits, what a call made under `r_`.
fn document(row: &Named<'_>) -> Value {
    let number = |name| row.number(name);
    let text = |name| row.text(name);
    let mut document = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            document.insert(name.to_owned(), value);
        }
    };
    let (epoch_us, took_us) = (
        number("ns").unwrap_or(0).div_euclid(1000),
        number("duration_ns").map(|ns| ns.div_euclid(1000)),
    );
    let seconds = |us: i64| {
        format!(
            "{}.{:06}",
            us.div_euclid(1_000_000),
            us.rem_euclid(1_000_000)
        )
    };
    let call = text("name").unwrap_or_default();
    let rc = match (number("ret"), text("error")) {
        (Some(ret), _) => ret.to_string(),
        (None, Some(error)) => format!("-1 {error}"),
        (None, None) => "?".to_owned(),
    };
    put("epoch", Some(seconds(epoch_us).into()));
    put("u_epoch", Some(epoch_us.into()));
    put("@timestamp", Some(epoch_us.div_euclid(1000).into()));
    put("syscall", Some(call.clone().into()));
    put("args", Some(text("args").unwrap_or_default().into()));
    put("rc", Some(rc.into()));
    if let Some(Cell::Text(args)) = row.cell("args") {
        each_key(&call, args, &mut |key, text| put(key, Some(text.into())));
    }
    put("runt", took_us.map(|us| seconds(us).into()));
    put("u_runt", took_us.map(Value::from));
    put("pid", number("tid").map(Value::from));
    put("tracefile", text("run").map(Value::from));
    let action = text("action").unwrap_or_default();
    let opens = matches!(action.as_str(), "open" | "create" | "accept");
    let duplicates = action == "duplicate";
    // A pipe gives two descriptors, and returns 0.
    let is_made = number("ret").is_some() && number("ret") == number("fd");
    if !(opens && is_made) {
        put("fd", number("fd").filter(|_| !opens).map(Value::from));
        put("objectname", text("path").map(Value::from));
    }
    if opens && is_made || duplicates && number("ret").is_some() {
        put("r_fd", number("ret").map(Value::from));
        put("r_objectname", text("path").map(Value::from));
    }
    if let Some(fd) = number("fd2") {
        put("n_fd", Some(fd.into()));
    }
    put("n_objectname", text("path2").map(Value::from));
    put(
        "sessionid",
        number("session_id").map(|id| format!("{id:08x}").into()),
    );
    put("size", number("bytes").map(Value::from));
    let makes = matches!(call.as_str(), "clone" | "clone3" | "fork" | "vfork");
    put("childpid", number("ret").filter(|_| makes).map(Value::from));
    Value::Object(document)
}
