//! Tables, trees and records for people. Knows no terminal: width, colours and characters are given.

mod cells;
mod record;
mod series;
mod table;
mod tree;

use std::io::{self, Write};
use std::ops::ControlFlow;

use unspool_model::report::{Cell, Column, Layout, RowSink, Shape, Shown, Unit};

use crate::{Envelope, Form, Guarded, RunLabel, Untrusted};

/// Escape sequences put around words; empty ones for none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Palette {
    /// Headings.
    pub heading: &'static str,
    /// Less important: branches of trees, names of values.
    pub dim: &'static str,
    /// Failures, losses.
    pub bad: &'static str,
    /// What the eye should find first.
    pub accent: &'static str,
    /// Ends each of the others.
    pub reset: &'static str,
}

impl Palette {
    /// No colours.
    pub const NONE: Self = Self {
        heading: "",
        dim: "",
        bad: "",
        accent: "",
        reset: "",
    };
    /// Colours of the terminal's own theme (ECMA-48 SGR).
    pub const ANSI: Self = Self {
        heading: "\x1b[1m",
        dim: "\x1b[2m",
        bad: "\x1b[31m",
        accent: "\x1b[1;36m",
        reset: "\x1b[0m",
    };
}

/// How text looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextOptions {
    /// Columns of the terminal; `None` cuts nothing.
    pub width: Option<usize>,
    /// All columns, nothing cut, times by the calendar.
    pub wide: bool,
    /// Only characters of ASCII for branches and cuts.
    pub ascii: bool,
    /// Colours.
    pub palette: Palette,
}

/// Text options without what only a terminal has.
pub(crate) fn plain(options: &TextOptions) -> TextOptions {
    TextOptions {
        palette: Palette::NONE,
        width: None,
        ..*options
    }
}

/// Whether tables for people have the column.
pub(crate) fn is_shown(column: &Column, options: &TextOptions) -> bool {
    match column.shown {
        Shown::Always => true,
        Shown::Wide => options.wide,
        Shown::Never => false,
    }
}

/// Whether a column is set to the right.
pub(crate) fn is_number(column: &Column) -> bool {
    matches!(
        column.unit,
        Unit::Number | Unit::Count | Unit::Bytes | Unit::Duration | Unit::Time | Unit::Begin
    )
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            width: Some(80),
            wide: false,
            ascii: false,
            palette: Palette::NONE,
        }
    }
}

/// Rows that are kept before widths are fixed; later rows stream.
pub const FITTED_ROWS_MAX: usize = 1000;

/// Writes the text form.
pub struct Text<'w> {
    out: Guarded<'w>,
    context: Context<'w>,
    shape: Option<Shape>,
    held: Vec<Vec<Cell>>,
    table: Option<table::Fitted>,
    series: Option<series::Series>,
    rows: u64,
}

/// What printing needs to know.
#[derive(Clone, Copy)]
struct Context<'w> {
    envelope: &'w Envelope,
    options: &'w TextOptions,
}

impl<'w> Text<'w> {
    /// A writer.
    pub fn new(out: &'w mut dyn Write, envelope: &'w Envelope, options: &'w TextOptions) -> Self {
        Self {
            out: Guarded::new(out),
            context: Context { envelope, options },
            shape: None,
            held: Vec::new(),
            table: None,
            series: None,
            rows: 0,
        }
    }

    /// Fixes the widths by the rows that came so far, and writes them.
    fn fit(&mut self, shape: &Shape) -> ControlFlow<()> {
        let fitted = table::Fitted::new(shape, &self.held, &self.context);
        let mut text = fitted.heading(&self.context);
        for row in self.held.drain(..) {
            fitted.line(&row, &self.context, &mut text);
        }
        self.table = Some(fitted);
        self.out.write(text.as_bytes())
    }
}

impl RowSink for Text<'_> {
    fn begin(&mut self, shape: &Shape) -> ControlFlow<()> {
        self.shape = Some(*shape);
        // Lines that programs would have to step over are for terminals.
        if let (Layout::Series { time, step }, Some(_)) = (shape.layout, self.context.options.width)
        {
            self.series = series::Series::new(shape, time, step);
        }
        let head = head(self.context.envelope, self.context.options);
        self.out.write(head.as_bytes())
    }

    fn row(&mut self, cells: &[Cell]) -> ControlFlow<()> {
        let Some(shape) = self.shape else {
            return ControlFlow::Break(());
        };
        self.rows += 1;
        if let Some(series) = &mut self.series {
            series.row(cells);
        }
        if let Some(table) = &self.table {
            let mut line = String::new();
            table.line(cells, &self.context, &mut line);
            return self.out.write(line.as_bytes());
        }
        self.held.push(cells.to_vec());
        let is_table = matches!(shape.layout, Layout::Table | Layout::Series { .. });
        if is_table && self.held.len() >= FITTED_ROWS_MAX {
            return self.fit(&shape);
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, notes: &[String]) -> ControlFlow<()> {
        let Some(shape) = self.shape else {
            return ControlFlow::Break(());
        };
        if self.rows == 0 {
            self.out.write(b"nothing to show\n")?;
        } else if self.table.is_none() {
            match shape.layout {
                Layout::Table | Layout::Series { .. } => self.fit(&shape)?,
                Layout::Tree { id, parent } => {
                    let text = tree::draw(&shape, id, parent, &self.held, &self.context);
                    self.out.write(text.as_bytes())?;
                }
                Layout::Record => {
                    let mut text = String::new();
                    for row in &self.held {
                        record::draw(&shape, row, &self.context, &mut text);
                    }
                    self.out.write(text.as_bytes())?;
                }
            }
        }
        if let (Some(series), Some(room)) = (self.series.take(), self.context.options.width) {
            let lines = series.draw(room, &self.context);
            self.out.write(lines.as_bytes())?;
        }
        let palette = &self.context.options.palette;
        for note in notes {
            let note = Untrusted::printed(note.as_bytes());
            let line = format!("{}{note}{}\n", palette.dim, palette.reset);
            self.out.write(line.as_bytes())?;
        }
        ControlFlow::Continue(())
    }
}

impl Form for Text<'_> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.out.finish()
    }
}

pub(crate) use cells::heading;

/// The value as people see it.
pub(crate) fn people(
    cell: &Cell,
    unit: Unit,
    envelope: &Envelope,
    options: &TextOptions,
) -> String {
    cells::cell_text(cell, unit, &Context { envelope, options })
}

/// Lines above everything: an incomplete state, losses, a policy other than the default. A whole run has none.
pub(crate) fn head(envelope: &Envelope, options: &TextOptions) -> String {
    let Envelope {
        run,
        state,
        state_note,
        losses,
        told,
        redact,
        filter,
        name: _,
        clock: _,
        start_ns: _,
    } = envelope;
    let Palette {
        bad, dim, reset, ..
    } = options.palette;
    let mut text = String::new();
    let run = Untrusted::printed(run.as_bytes());
    if *state != RunLabel::Complete {
        let note = Untrusted::printed(state_note.as_bytes());
        let separator = if state_note.is_empty() { "" } else { ": " };
        text.push_str(&format!(
            "{bad}! run {run} is {}{separator}{note}{reset}\n",
            state_word(*state)
        ));
    }
    for (reason, count) in losses {
        let reason = Untrusted::printed(reason.as_bytes());
        let count = crate::units::count(i64::try_from(*count).unwrap_or(i64::MAX));
        text.push_str(&format!("{bad}! lost {count}: {reason}{reset}\n"));
    }
    for line in told {
        let line = Untrusted::printed(line.as_bytes());
        text.push_str(&format!("{dim}{line}{reset}\n"));
    }
    if let Some(redact) = redact {
        let redact = Untrusted::printed(redact.as_bytes());
        text.push_str(&format!("{bad}! redaction: {redact}{reset}\n"));
    }
    if let Some(filter) = filter {
        let filter = Untrusted::printed(filter.as_bytes());
        text.push_str(&format!("{dim}where {filter}{reset}\n"));
    }
    text
}

fn state_word(state: RunLabel) -> &'static str {
    match state {
        RunLabel::Recording => "still being recorded",
        RunLabel::Complete | RunLabel::Incomplete => state.name(),
    }
}

impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text").finish_non_exhaustive()
    }
}
