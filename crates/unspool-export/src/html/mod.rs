//! A page of HTML with one table, without script and without anything to load. Numbers stand in `data-value` as well, exact.

use std::io::{self, Write};
use std::ops::ControlFlow;

use unspool_model::report::{Cell, Column, RowSink, Shape};

use crate::text::{TextOptions, head, heading, is_number, is_shown, people, plain};
use crate::{Envelope, Form, Guarded, Untrusted};

const STYLE: &str = "body{font:14px/1.4 system-ui,sans-serif;margin:1rem}table{border-collapse:collapse}\
    th,td{padding:.1rem .6rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
    th{position:sticky;top:0;background:Canvas;border-bottom:1px solid}td.n,th.n{text-align:right;white-space:nowrap}\
    tr:nth-child(even){background:rgb(128 128 128/.1)}.bad{color:#b00}:root{color-scheme:light dark}";

/// A page.
pub struct Html<'w> {
    out: Guarded<'w>,
    envelope: &'w Envelope,
    options: TextOptions,
    columns: &'static [Column],
}

impl<'w> Html<'w> {
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

impl RowSink for Html<'_> {
    fn begin(&mut self, shape: &Shape) -> ControlFlow<()> {
        self.columns = shape.columns;
        let run = Untrusted::printed(self.envelope.run.as_bytes()).to_string();
        let mut text =
            String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        // Nothing is loaded and nothing runs, whatever a name might hold.
        text.push_str(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
        );
        text.push_str("<title>");
        push_text(&mut text, &format!("{} of {run}", shape.kind));
        text.push_str(&format!(
            "</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        ));
        for line in head(self.envelope, &self.options).lines() {
            text.push_str("<p class=\"bad\">");
            push_text(&mut text, line);
            text.push_str("</p>\n");
        }
        text.push_str("<table>\n<thead><tr>");
        for column in self.columns.iter().filter(|column| self.is_shown(column)) {
            let class = if is_number(column) {
                " class=\"n\""
            } else {
                ""
            };
            text.push_str(&format!("<th{class} title=\""));
            push_text(&mut text, column.doc);
            text.push_str("\">");
            push_text(&mut text, &heading(shape, column));
            text.push_str("</th>");
        }
        text.push_str("</tr></thead>\n<tbody>\n");
        self.out.write(text.as_bytes())
    }

    fn row(&mut self, cells: &[Cell]) -> ControlFlow<()> {
        let mut text = String::from("<tr>");
        for (column, cell) in self.columns.iter().zip(cells) {
            if !self.is_shown(column) {
                continue;
            }
            match cell {
                Cell::Int(number) => {
                    text.push_str(&format!("<td class=\"n\" data-value=\"{number}\">"));
                }
                _ => text.push_str("<td>"),
            }
            let value = people(cell, column.unit, self.envelope, &self.options);
            push_text(&mut text, &value);
            text.push_str("</td>");
        }
        text.push_str("</tr>\n");
        self.out.write(text.as_bytes())
    }

    fn end(&mut self, notes: &[String]) -> ControlFlow<()> {
        let mut text = String::from("</tbody>\n</table>\n");
        for note in notes {
            text.push_str("<p>");
            push_text(&mut text, &Untrusted::printed(note.as_bytes()).to_string());
            text.push_str("</p>\n");
        }
        text.push_str("</body>\n</html>\n");
        self.out.write(text.as_bytes())
    }
}

impl Form for Html<'_> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.out.finish()
    }
}

/// Text as HTML holds it, in elements and quoted attributes.
pub(crate) fn push_text(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
}

impl std::fmt::Debug for Html<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Html").finish_non_exhaustive()
    }
}
