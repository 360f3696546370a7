//! A table of GitHub-flavoured Markdown, to paste into an issue or a page. No name in it becomes markup.

use std::io::{self, Write};
use std::ops::ControlFlow;

use unspool_model::report::{Cell, Column, RowSink, Shape};

use crate::text::{TextOptions, head, heading, is_number, is_shown, people, plain};
use crate::{Envelope, Form, Guarded, Untrusted};

/// A table; what is missing of the run stands above it, notes below.
pub struct Markdown<'w> {
    out: Guarded<'w>,
    envelope: &'w Envelope,
    options: TextOptions,
    columns: &'static [Column],
}

impl<'w> Markdown<'w> {
    /// A writer.
    pub fn new(out: &'w mut dyn Write, envelope: &'w Envelope, options: &TextOptions) -> Self {
        Self {
            out: Guarded::new(out),
            envelope,
            options: plain(options),
            columns: &[],
        }
    }

    fn is_shown(&self, column: &Column) -> bool {
        is_shown(column, &self.options)
    }
}

impl RowSink for Markdown<'_> {
    fn begin(&mut self, shape: &Shape) -> ControlFlow<()> {
        self.columns = shape.columns;
        let mut text = String::new();
        for line in head(self.envelope, &self.options).lines() {
            push_text(&mut text, line);
            text.push_str("\n\n");
        }
        let mut rule = String::new();
        for column in self.columns.iter().filter(|column| self.is_shown(column)) {
            text.push_str("| ");
            push_text(&mut text, &heading(shape, column));
            text.push(' ');
            rule.push_str(if is_number(column) { "|---:" } else { "|---" });
        }
        text.push_str("|\n");
        text.push_str(&rule);
        text.push_str("|\n");
        self.out.write(text.as_bytes())
    }

    fn row(&mut self, cells: &[Cell]) -> ControlFlow<()> {
        let mut text = String::new();
        for (column, cell) in self.columns.iter().zip(cells) {
            if self.is_shown(column) {
                text.push_str("| ");
                let value = people(cell, column.unit, self.envelope, &self.options);
                push_text(&mut text, &value);
                text.push(' ');
            }
        }
        text.push_str("|\n");
        self.out.write(text.as_bytes())
    }

    fn end(&mut self, notes: &[String]) -> ControlFlow<()> {
        let mut text = String::new();
        for note in notes {
            text.push('\n');
            push_text(&mut text, &Untrusted::printed(note.as_bytes()).to_string());
            text.push('\n');
        }
        self.out.write(text.as_bytes())
    }
}

impl Form for Markdown<'_> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.out.finish()
    }
}

/// Text that means itself: every character that begins markup gets a backslash (`CommonMark` 2.4), and those that only
/// extensions know (mentions, addresses) are character references.
fn push_text(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '+' | '!' | '|'
            | '&' | '~' | '$' | '^' | '=' => {
                out.push('\\');
                out.push(character);
            }
            // `www.`, `https://`, `@name` and `:smile:` need no bracket to become links or pictures.
            '@' => out.push_str("&#64;"),
            ':' => out.push_str("&#58;"),
            _ => out.push(character),
        }
    }
}

impl std::fmt::Debug for Markdown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Markdown").finish_non_exhaustive()
    }
}
