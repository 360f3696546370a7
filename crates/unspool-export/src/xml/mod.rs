//! XML 1.0: well-formed whatever the names hold. The schema is `docs/schema/rows.xsd`.
//!
//! Text is escaped twice: as every form does it ([`crate::escape`], which leaves no control character), then for XML.

use std::io::{self, Write};
use std::ops::ControlFlow;

use unspool_model::report::{Cell, Column, RowSink, Shape, Unit};

use crate::envelope::clock_name;
use crate::{Envelope, Form, Guarded, Untrusted, escape};

/// One document: what run it is, its losses, the rows.
pub struct Xml<'w> {
    out: Guarded<'w>,
    envelope: &'w Envelope,
    columns: &'static [Column],
    text: String,
}

impl<'w> Xml<'w> {
    /// A writer.
    pub fn new(out: &'w mut dyn Write, envelope: &'w Envelope) -> Self {
        Self {
            out: Guarded::new(out),
            envelope,
            columns: &[],
            text: String::new(),
        }
    }
}

impl RowSink for Xml<'_> {
    fn begin(&mut self, shape: &Shape) -> ControlFlow<()> {
        self.columns = shape.columns;
        self.out.write(head(self.envelope, shape.kind).as_bytes())
    }

    fn row(&mut self, cells: &[Cell]) -> ControlFlow<()> {
        self.text.clear();
        self.text.push_str("<row>");
        for (column, cell) in self.columns.iter().zip(cells) {
            push_element(&mut self.text, column.name, cell, column.unit);
        }
        self.text.push_str("</row>\n");
        self.out.write(self.text.as_bytes())
    }

    fn end(&mut self, notes: &[String]) -> ControlFlow<()> {
        let mut text = String::from("</rows>\n");
        for note in notes {
            let note = Untrusted::printed(note.as_bytes()).to_string();
            text.push_str("<note>");
            push_text(&mut text, &note);
            text.push_str("</note>\n");
        }
        text.push_str("</unspool>\n");
        self.out.write(text.as_bytes())
    }
}

impl Form for Xml<'_> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.out.finish()
    }
}

fn head(envelope: &Envelope, kind: &str) -> String {
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
    let mut text =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<unspool version=\"1\"");
    let start_ns = start_ns.to_string();
    let known = [
        ("kind", Some(kind)),
        ("run", Some(run.as_str())),
        ("state", Some(state.name())),
        ("clock", Some(clock_name(*clock))),
        ("start_ns", Some(start_ns.as_str())),
        ("name", name.as_deref()),
        ("redact", redact.as_deref()),
        ("filter", filter.as_deref()),
        (
            "state_note",
            (!state_note.is_empty()).then_some(state_note.as_str()),
        ),
    ];
    for (name, value) in known {
        if let Some(value) = value {
            push_attribute(&mut text, name, value.as_bytes());
        }
    }
    text.push_str(">\n");
    for (reason, count) in losses {
        text.push_str("<loss");
        push_attribute(&mut text, "reason", reason.as_bytes());
        text.push_str(&format!(" count=\"{count}\"/>\n"));
    }
    text.push_str("<rows>\n");
    text
}

/// ` name="value"`, for text that has been escaped already (messages, ids).
fn push_attribute(text: &mut String, name: &str, value: &[u8]) {
    text.push_str(&format!(" {name}=\""));
    push_text(text, &Untrusted::printed(value).to_string());
    text.push('"');
}

/// An element of a value; none where there is no value.
fn push_element(text: &mut String, name: &str, cell: &Cell, unit: Unit) {
    if *cell == Cell::Null {
        return;
    }
    text.push_str(&format!("<{name}>"));
    match cell {
        Cell::Null => {}
        Cell::Flag(flag) => text.push_str(&flag.to_string()),
        Cell::Int(number) => text.push_str(&number.to_string()),
        Cell::Float(number) => text.push_str(&crate::units::fraction(*number)),
        Cell::Text(bytes) if unit == Unit::Printed => {
            push_text(text, &Untrusted::printed(bytes).to_string());
        }
        Cell::Text(bytes) => push_text(text, &escape(bytes)),
        Cell::List(cells) => {
            for cell in cells {
                push_element(text, "item", cell, unit);
            }
        }
        Cell::Record(members) => {
            for (name, cell) in members {
                push_element(text, name, cell, unit);
            }
        }
    }
    text.push_str(&format!("</{name}>"));
}

/// Text as XML holds it, in elements and attributes. What no XML document may hold (`Char` of XML 1.0: control characters,
/// U+FFFE, U+FFFF) is written as this program escapes it elsewhere: `\u{fffe}`.
pub fn push_text(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
}

impl std::fmt::Debug for Xml<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Xml").finish_non_exhaustive()
    }
}
