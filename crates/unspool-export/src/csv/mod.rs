//! Comma-separated values (RFC 4180), safe to open in a spreadsheet.

use std::io::{self, Write};
use std::ops::ControlFlow;

use unspool_model::report::{Cell, Column, RowSink, Shape, Unit};

use crate::{Envelope, Form, Guarded, Untrusted, escape};

/// A heading line, then a line a row. Losses and an incomplete state follow in lines that begin with `#`.
pub struct Csv<'w> {
    out: Guarded<'w>,
    envelope: &'w Envelope,
    columns: &'static [Column],
    line: String,
}

impl<'w> Csv<'w> {
    /// A writer.
    pub fn new(out: &'w mut dyn Write, envelope: &'w Envelope) -> Self {
        Self {
            out: Guarded::new(out),
            envelope,
            columns: &[],
            line: String::new(),
        }
    }
}

impl RowSink for Csv<'_> {
    fn begin(&mut self, shape: &Shape) -> ControlFlow<()> {
        self.columns = shape.columns;
        let mut head = format!(
            "# run {}, {}",
            Untrusted::printed(self.envelope.run.as_bytes()),
            self.envelope.state.name()
        );
        for (reason, count) in &self.envelope.losses {
            let reason = Untrusted::printed(reason.as_bytes());
            head.push_str(&format!("; lost {count}: {reason}"));
        }
        head.push_str("\r\n");
        // A whole and lossless run has plain CSV without a remark.
        if self.envelope.state != crate::RunLabel::Complete || !self.envelope.losses.is_empty() {
            self.out.write(head.as_bytes())?;
        }
        let mut names = String::new();
        for (index, column) in shape.columns.iter().enumerate() {
            if index > 0 {
                names.push(',');
            }
            push_field(&mut names, column.name, false);
        }
        names.push_str("\r\n");
        self.out.write(names.as_bytes())
    }

    fn row(&mut self, cells: &[Cell]) -> ControlFlow<()> {
        self.line.clear();
        for (index, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            if index > 0 {
                self.line.push(',');
            }
            let text = cell_text(cell, column.unit);
            let is_number = matches!(cell, Cell::Int(_) | Cell::Float(_) | Cell::Null);
            push_field(&mut self.line, &text, is_number);
        }
        self.line.push_str("\r\n");
        self.out.write(self.line.as_bytes())
    }

    fn end(&mut self, _: &[String]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl Form for Csv<'_> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.out.finish()
    }
}

fn cell_text(cell: &Cell, unit: Unit) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Flag(flag) => flag.to_string(),
        Cell::Int(number) => number.to_string(),
        Cell::Float(number) => crate::units::fraction(*number),
        Cell::Text(bytes) if unit == Unit::Printed => Untrusted::printed(bytes).to_string(),
        Cell::Text(bytes) => escape(bytes),
        Cell::List(cells) => {
            let parts: Vec<String> = cells.iter().map(|cell| cell_text(cell, unit)).collect();
            parts.join(" ")
        }
        Cell::Record(members) => {
            let parts: Vec<String> = members
                .iter()
                .map(|(name, cell)| format!("{name}={}", cell_text(cell, unit)))
                .collect();
            parts.join(";")
        }
    }
}

/// A number may begin with `-`; text that a spreadsheet would run gets a `'` in front.
fn push_field(line: &mut String, text: &str, is_number: bool) {
    let runs = !is_number && text.starts_with(['=', '+', '-', '@', '#']);
    let needs_quotes =
        runs || text.contains([',', '"', '\'']) || text.starts_with(' ') || text.ends_with(' ');
    if !needs_quotes {
        line.push_str(text);
        return;
    }
    line.push('"');
    if runs {
        line.push('\'');
    }
    line.push_str(&text.replace('"', "\"\""));
    line.push('"');
}

impl std::fmt::Debug for Csv<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Csv").finish_non_exhaustive()
    }
}
