//! The CIM summary of a run, in dockit's two shapes: XML ([`write_xml`], schema `docs/schema/dockit-summary.xsd`) and text
//! ([`write_text`]).

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use unspool_model::event::ClockKind;
use unspool_model::objects::{Accessed, Object, ObjectGroup, Value};

use crate::xml::push_text;
use crate::{escape, units};

/// Writes `<Dockit>` with the objects, processes inside their parents.
pub fn write_xml(groups: &[ObjectGroup], clock: ClockKind, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Dockit>\n")?;
    let mut text = String::new();
    for group in groups {
        if let Some(category) = group.category {
            text.push_str("  <FilesCategory category='");
            push_text(&mut text, category);
            text.push_str("'>\n");
        }
        let margin = if group.category.is_some() { 2 } else { 1 };
        let mut open: Vec<&'static str> = Vec::new();
        for object in &group.objects {
            close(&mut open, object.depth, margin, &mut text);
            begin(object, margin + open.len(), clock, &mut text);
            open.push(object.class);
            out.write_all(text.as_bytes())?;
            text.clear();
        }
        close(&mut open, 0, margin, &mut text);
        if group.category.is_some() {
            text.push_str("  </FilesCategory>\n");
        }
    }
    text.push_str("</Dockit>\n");
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Ends the elements that are deeper than `depth`.
fn close(open: &mut Vec<&'static str>, depth: usize, margin: usize, text: &mut String) {
    while open.len() > depth
        && let Some(class) = open.pop()
    {
        indent(margin + open.len(), text);
        text.push_str(&format!("</{class}>\n"));
    }
}

fn indent(level: usize, text: &mut String) {
    text.push_str(&"  ".repeat(level));
}

/// The beginning of an object: all but what lies in it.
fn begin(object: &Object, level: usize, clock: ClockKind, text: &mut String) {
    indent(level, text);
    text.push_str(&format!("<{} {}='", object.class, object.key));
    if let Some(value) = object.key_value() {
        push_text(text, &value_text(value, clock));
    }
    text.push_str("'>\n");
    for (name, value) in &object.properties {
        indent(level + 1, text);
        text.push_str(&format!("<{name}>"));
        push_text(text, &value_text(value, clock));
        text.push_str(&format!("</{name}>\n"));
    }
    if object.accesses.is_empty() {
        return;
    }
    indent(level + 1, text);
    text.push_str("<FileAccesses>\n");
    for access in &object.accesses {
        push_access(access, level + 2, clock, text);
    }
    indent(level + 1, text);
    text.push_str("</FileAccesses>\n");
}

fn push_access(access: &Accessed, level: usize, clock: ClockKind, text: &mut String) {
    indent(level, text);
    text.push_str("<Access");
    for (name, value) in &access.attributes {
        text.push_str(&format!(" {name}='"));
        push_text(text, &value_text(value, clock));
        text.push('\'');
    }
    if access.written_statements.is_empty() && access.read_statements.is_empty() {
        text.push_str("/>\n");
        return;
    }
    text.push_str(">\n");
    for (direction, statements) in [
        ("Write", &access.written_statements),
        ("Read", &access.read_statements),
    ] {
        if statements.is_empty() {
            continue;
        }
        indent(level + 1, text);
        text.push_str(&format!("<SqlQuery_List direction='{direction}'>\n"));
        for statement in statements {
            indent(level + 2, text);
            text.push_str("<SqlQuery>");
            push_text(text, &escape(statement));
            text.push_str("</SqlQuery>\n");
        }
        indent(level + 1, text);
        text.push_str("</SqlQuery_List>\n");
    }
    indent(level, text);
    text.push_str("</Access>\n");
}

/// A value as both shapes write it.
fn value_text(value: &Value, clock: ClockKind) -> String {
    match value {
        Value::Text(bytes) => escape(bytes),
        Value::Number(number) => number.to_string(),
        Value::Time(ns) => date(*ns, clock),
    }
}

/// `2018-05-25 08:26:47.546936`; without the date where the log has none, since the start where it has no clock at all.
pub fn date(ns: i64, clock: ClockKind) -> String {
    match clock {
        ClockKind::Epoch => units::instant(ns),
        ClockKind::TimeOfDay => units::clock(ns.rem_euclid(DAY_NS)),
        ClockKind::Relative => units::since(ns),
        ClockKind::None => ns.to_string(),
    }
}

/// `08:26:47.546936`: time of day of a line of the flow.
pub fn time_of_day(ns: i64, clock: ClockKind) -> String {
    match clock {
        ClockKind::Epoch | ClockKind::TimeOfDay => units::clock(ns.rem_euclid(DAY_NS)),
        ClockKind::Relative => units::since(ns),
        ClockKind::None => ns.to_string(),
    }
}

const DAY_NS: i64 = 86_400_000_000_000;

/// Writes the text that dockit calls a TXT summary: processes, then files by category. Files that were executed are in the
/// list of processes only.
pub fn write_text(groups: &[ObjectGroup], clock: ClockKind, out: &mut dyn Write) -> io::Result<()> {
    let mut text = String::new();
    let is_process = |object: &&Object| object.class == "CIM_Process";
    let processes: Vec<&Object> = groups
        .iter()
        .flat_map(|group| &group.objects)
        .filter(is_process)
        .collect();
    if !processes.is_empty() {
        text.push_str("Processes:\n");
        for process in processes {
            push_line(&mut text, "Process id:", process.property("Handle"), clock);
            for (label, name) in [
                ("    Executable:", "Executable"),
                ("    Command line:", "CommandLine"),
                ("    Start time:", "CreationDate"),
                ("    End time:", "TerminationDate"),
                ("    Exit status:", "ExitStatus"),
                ("    Parent:", "ParentProcessID"),
            ] {
                push_line(&mut text, label, process.property(name), clock);
            }
        }
        text.push('\n');
    }
    let files: Vec<&ObjectGroup> = groups
        .iter()
        .filter(|group| group.category.is_some())
        .collect();
    if !files.is_empty() {
        text.push_str("Files:\n");
    }
    for group in files {
        text.push_str(&format!("** {}\n", group.category.unwrap_or_default()));
        for file in &group.objects {
            if file.property("IsExecuted").is_none() {
                push_file(&mut text, file, clock);
            }
        }
        text.push('\n');
        out.write_all(text.as_bytes())?;
        text.clear();
    }
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn push_line(text: &mut String, label: &str, value: Option<&Value>, clock: ClockKind) {
    if let Some(value) = value {
        text.push_str(&format!("{label}{}\n", value_text(value, clock)));
    }
}

/// A file: first opening, number of openings, last closing, over all processes.
fn push_file(text: &mut String, file: &Object, clock: ClockKind) {
    push_line(text, "Path:", file.property("Name"), clock);
    push_line(text, "    ", file.property("SocketAddress"), clock);
    let values = |name: &str| -> Vec<&Value> {
        file.accesses
            .iter()
            .flat_map(|access| &access.attributes)
            .filter(|(known, _)| *known == name)
            .map(|(_, value)| value)
            .collect()
    };
    push_line(text, "  Open:", values("OpenTime").into_iter().min(), clock);
    for (label, name) in [
        ("  Open times:", "NumOpen"),
        ("  Bytes read:", "BytesRead"),
        ("  Bytes written:", "BytesWritten"),
    ] {
        let sum: u64 = values(name)
            .into_iter()
            .map(|value| match value {
                Value::Number(number) => *number,
                Value::Text(_) | Value::Time(_) => 0,
            })
            .sum();
        if sum > 0 {
            push_line(text, label, Some(&Value::Number(sum)), clock);
        }
    }
    push_line(
        text,
        "  Close:",
        values("CloseTime").into_iter().max(),
        clock,
    );
}
