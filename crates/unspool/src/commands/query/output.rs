//! Writes answers in the forms of reports.

use std::collections::BTreeSet;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Mutex;

use anyhow::Result;
use jiff::Timestamp;
use unspool_export::{Envelope, FormSpec, TextOptions};
use unspool_model::report::{Cell, Column, Layout, Shape, Shown, Unit};
use unspool_store::{Answer, AnswerKind};

use super::engine::Answering;
use super::sources::About;

/// How an answer is written.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// As the other commands write their reports.
    Report(&'static FormSpec),
    /// As the engine gives it: its name for the engine.
    File(&'static str),
}

/// Names of the forms, for messages.
pub(super) const FORMS: [&str; 8] = [
    "table", "json", "jsonl", "csv", "md", "xml", "parquet", "arrow",
];

/// Finds a form by its name or by what a file ends in.
pub(super) fn form(name: &str) -> Option<Form> {
    Some(match name {
        "parquet" => Form::File("parquet"),
        "arrow" | "ipc" | "feather" => Form::File("arrow"),
        "table" => Form::Report(unspool_export::form("text")?),
        "html" | "html-table" => return None,
        name => Form::Report(unspool_export::form(name)?),
    })
}

/// Writes the rows; gives how many there were. The inner result is that of the writer.
pub(super) fn write_rows(
    answering: &mut Answering<'_>,
    form: &FormSpec,
    about: &About,
    options: &TextOptions,
    out: &mut dyn Write,
) -> Result<std::io::Result<u64>> {
    if !answering.has_data() {
        return answering.finish().map(Ok);
    }
    let envelope = envelope(about);
    let answer = Answer::new(&mut *answering);
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Err(answering.failure().unwrap_or_else(|| error.into())),
    };
    let (columns, kinds) = columns(&answer.columns(), form.name == "xml");
    let shape = Shape {
        kind: "query",
        columns,
        layout: Layout::Table,
    };
    let mut writer = (form.new)(out, &envelope, options);
    let mut rows = 0;
    let mut flow = writer.begin(&shape);
    let read = if flow.is_continue() {
        let mut shown = Vec::new();
        answer.for_each_row(&mut |cells| {
            shown.clear();
            shown.extend(
                cells
                    .iter()
                    .zip(&kinds)
                    .map(|(cell, kind)| show(cell, *kind)),
            );
            rows += 1;
            flow = writer.row(&shown);
            flow
        })
    } else {
        drop(answer);
        Ok(ControlFlow::Break(()))
    };
    match read {
        Ok(ControlFlow::Continue(())) => {}
        // Nobody listens any more.
        Ok(ControlFlow::Break(())) => answering.cancel()?,
        Err(error) => return Err(answering.failure().unwrap_or_else(|| error.into())),
    }
    if flow.is_continue() {
        answering.finish()?;
        // The form says how it went when it is finished.
        let _stopped = writer.end(&[]).is_break();
    }
    Ok(writer.finish().map(|()| rows))
}

fn envelope(about: &About) -> Envelope {
    Envelope {
        run: about.runs.clone(),
        state: about.state,
        state_note: about.note.clone(),
        losses: about.losses.clone(),
        ..Envelope::default()
    }
}

/// A value as every form writes it: times as text, as their digits mean little to people.
fn show(cell: &Cell, kind: AnswerKind) -> Cell {
    match (cell, kind) {
        (Cell::Int(ns), AnswerKind::Time) => Cell::text(time(*ns).as_bytes()),
        _ => cell.clone(),
    }
}

/// `2026-11-21T14:03:07.123456789`; the digits where that is no date.
fn time(ns: i64) -> String {
    match Timestamp::from_nanosecond(i128::from(ns)) {
        Ok(time) => {
            let mut text = format!("{time:.9}");
            if text.ends_with('Z') {
                text.pop();
            }
            text
        }
        Err(_) => ns.to_string(),
    }
}

/// Names that answers had; reports take names that stay. A process asks few different ones.
static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

fn kept(name: &str) -> &'static str {
    let Ok(mut names) = NAMES.lock() else {
        return "column";
    };
    if let Some(known) = names.get(name) {
        return known;
    }
    let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.insert(name);
    name
}

fn columns(
    named: &[(String, AnswerKind)],
    are_elements: bool,
) -> (&'static [Column], Vec<AnswerKind>) {
    let columns: Vec<Column> = named
        .iter()
        .map(|(name, kind)| {
            let mut name = unspool_export::escape(name.as_bytes());
            if are_elements {
                name = element(&name);
            }
            let unit = match kind {
                AnswerKind::Text | AnswerKind::Time => Unit::Text,
                AnswerKind::Number => Unit::Number,
                AnswerKind::Flag => Unit::Flag,
                AnswerKind::List => Unit::List,
            };
            Column::new(kept(&name), unit, Shown::Always, "")
        })
        .collect();
    let kinds = named.iter().map(|(_, kind)| *kind).collect();
    (columns.leak(), kinds)
}

/// A name that XML takes: `sum(events.bytes)` becomes `sum_events.bytes_`.
fn element(name: &str) -> String {
    let mut element: String = name
        .chars()
        .map(|letter| match letter {
            letter if letter.is_ascii_alphanumeric() => letter,
            '.' | '-' => letter,
            _ => '_',
        })
        .collect();
    if !element.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        element.insert(0, '_');
    }
    element
}

#[cfg(test)]
mod tests {
    use super::{element, time};

    #[test]
    fn times_and_names() {
        assert_eq!(time(1), "1970-01-01T00:00:00.000000001");
        assert_eq!(
            time(1_795_259_938_000_000_000),
            "2026-11-21T11:18:58.000000000"
        );
        assert_eq!(element("sum(events.bytes)"), "sum_events.bytes_");
        assert_eq!(element("1"), "_1");
    }
}
