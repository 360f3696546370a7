//! JSON, written row by row.

use std::io::{self, Write};
use std::ops::ControlFlow;

use serde_json::{Map, Value};
use unspool_model::report::{Cell, Column, RowSink, Shape, Unit};

use crate::envelope::clock_name;
use crate::{Envelope, Form, Guarded, Untrusted};

/// One object with header and rows.
pub struct Json<'w> {
    out: Guarded<'w>,
    envelope: &'w Envelope,
    columns: &'static [Column],
    any: bool,
    line: Vec<u8>,
}

impl<'w> Json<'w> {
    /// A writer.
    pub fn new(out: &'w mut dyn Write, envelope: &'w Envelope) -> Self {
        Self {
            out: Guarded::new(out),
            envelope,
            columns: &[],
            any: false,
            line: Vec::new(),
        }
    }
}

impl RowSink for Json<'_> {
    fn begin(&mut self, shape: &Shape) -> ControlFlow<()> {
        self.columns = shape.columns;
        let mut head = Value::Object(header(self.envelope, shape.kind)).to_string();
        // The object stays open for the rows.
        head.pop();
        self.out.write(head.as_bytes())?;
        self.out.write(b",\"rows\":[")
    }

    fn row(&mut self, cells: &[Cell]) -> ControlFlow<()> {
        self.line.clear();
        self.line
            .extend_from_slice(if self.any { b",\n" } else { b"\n" });
        self.any = true;
        write_row(&mut self.line, self.columns, cells);
        self.out.write(&self.line)
    }

    fn end(&mut self, notes: &[String]) -> ControlFlow<()> {
        let notes = Value::from(notes.to_vec()).to_string();
        self.out.write(b"\n],\"notes\":")?;
        self.out.write(notes.as_bytes())?;
        self.out.write(b"}\n")
    }
}

impl Form for Json<'_> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.out.finish()
    }
}

/// A line of header, then a line a row.
pub struct JsonLines<'w> {
    out: Guarded<'w>,
    envelope: &'w Envelope,
    columns: &'static [Column],
    line: Vec<u8>,
}

impl<'w> JsonLines<'w> {
    /// A writer.
    pub fn new(out: &'w mut dyn Write, envelope: &'w Envelope) -> Self {
        Self {
            out: Guarded::new(out),
            envelope,
            columns: &[],
            line: Vec::new(),
        }
    }
}

impl RowSink for JsonLines<'_> {
    fn begin(&mut self, shape: &Shape) -> ControlFlow<()> {
        self.columns = shape.columns;
        let head = Value::Object(header(self.envelope, shape.kind)).to_string();
        self.out.write(head.as_bytes())?;
        self.out.write(b"\n")
    }

    fn row(&mut self, cells: &[Cell]) -> ControlFlow<()> {
        self.line.clear();
        write_row(&mut self.line, self.columns, cells);
        self.line.push(b'\n');
        self.out.write(&self.line)
    }

    fn end(&mut self, _: &[String]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl Form for JsonLines<'_> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.out.finish()
    }
}

/// What comes before the rows.
fn header(envelope: &Envelope, kind: &str) -> Map<String, Value> {
    let Envelope {
        run,
        name,
        state,
        state_note,
        losses,
        told: _,
        clock,
        start_ns,
        redact,
        filter,
    } = envelope;
    let losses: Map<String, Value> = losses
        .iter()
        .map(|(reason, count)| (safe(reason), Value::from(*count)))
        .collect();
    let mut object = Map::new();
    object.insert("unspool".to_owned(), Value::from(1));
    object.insert("kind".to_owned(), Value::from(kind));
    object.insert("run".to_owned(), Value::from(safe(run)));
    object.insert("state".to_owned(), Value::from(state.name()));
    object.insert("losses".to_owned(), Value::Object(losses));
    object.insert("clock".to_owned(), Value::from(clock_name(*clock)));
    object.insert("start_ns".to_owned(), Value::from(*start_ns));
    for (key, value) in [("name", name), ("redact", redact), ("filter", filter)] {
        if let Some(value) = value {
            object.insert(key.to_owned(), Value::from(safe(value)));
        }
    }
    if !state_note.is_empty() {
        object.insert("state_note".to_owned(), Value::from(safe(state_note)));
    }
    object
}

fn safe(text: &str) -> String {
    Untrusted::printed(text.as_bytes()).to_string()
}

fn write_row(out: &mut Vec<u8>, columns: &[Column], cells: &[Cell]) {
    out.push(b'{');
    for (index, (column, cell)) in columns.iter().zip(cells).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(out, column.name);
        out.push(b':');
        write_cell(out, cell, column.unit == Unit::Printed);
    }
    out.push(b'}');
}

fn write_cell(out: &mut Vec<u8>, cell: &Cell, is_printed: bool) {
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Flag(true) => out.extend_from_slice(b"true"),
        Cell::Flag(false) => out.extend_from_slice(b"false"),
        Cell::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Cell::Float(number) if number.is_finite() => {
            out.extend_from_slice(crate::units::fraction(*number).as_bytes());
        }
        Cell::Float(_) => out.extend_from_slice(b"null"),
        Cell::Text(bytes) if is_printed => {
            write_string(out, &Untrusted::printed(bytes).to_string());
        }
        Cell::Text(bytes) => write_string(out, &crate::escape(bytes)),
        Cell::List(cells) => {
            out.push(b'[');
            for (index, cell) in cells.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_cell(out, cell, is_printed);
            }
            out.push(b']');
        }
        Cell::Record(members) => {
            out.push(b'{');
            for (index, (name, cell)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(out, name);
                out.push(b':');
                write_cell(out, cell, is_printed);
            }
            out.push(b'}');
        }
    }
}

/// `text` holds no control characters: [`Untrusted`] has seen to that.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

impl std::fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Json").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for JsonLines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonLines").finish_non_exhaustive()
    }
}
