//! Columns fitted to a width.

use unspool_model::report::{Cell, Shape, Shown, Unit};

use super::cells::{Cut, cell_text, heading, shorten, width};
use super::{Context, is_shown};

/// Narrowest that a text column is cut to.
const TEXT_WIDTH_MIN: usize = 12;
/// Between columns.
const GAP: &str = "  ";

/// A table with fixed widths.
pub(super) struct Fitted {
    columns: Vec<FittedColumn>,
}

struct FittedColumn {
    /// Place in the row.
    index: usize,
    title: String,
    unit: Unit,
    width: usize,
    is_right: bool,
    cut: Cut,
}

impl Fitted {
    /// Fits the columns to the rows, and the rows to the terminal.
    pub(super) fn new(shape: &Shape, rows: &[Vec<Cell>], context: &Context<'_>) -> Self {
        let mut columns: Vec<FittedColumn> = shape
            .columns
            .iter()
            .enumerate()
            .filter(|(index, column)| {
                let has_values = || {
                    rows.iter()
                        .filter_map(|row| row.get(*index))
                        .any(|cell| !matches!(cell, Cell::Null | Cell::Flag(false)))
                };
                is_shown(column, context.options) && (column.shown == Shown::Always || has_values())
            })
            .map(|(index, column)| FittedColumn {
                index,
                title: heading(shape, column),
                unit: column.unit,
                width: 0,
                is_right: !matches!(
                    column.unit,
                    Unit::Text | Unit::Printed | Unit::List | Unit::Flag | Unit::Share
                ),
                cut: match column.unit {
                    Unit::Printed | Unit::List => Cut::End,
                    _ => Cut::Middle,
                },
            })
            .collect();
        for column in &mut columns {
            column.width = rows
                .iter()
                .filter_map(|row| row.get(column.index))
                .map(|cell| width(&cell_text(cell, column.unit, context)))
                .chain(std::iter::once(width(&column.title)))
                .max()
                .unwrap_or(0);
        }
        if let (Some(max), false) = (context.options.width, context.options.wide) {
            squeeze(&mut columns, max);
        }
        Self { columns }
    }

    /// Columns of the terminal that a whole line takes.
    pub(super) fn total_width(&self) -> usize {
        let gaps = GAP.len() * self.columns.len().saturating_sub(1);
        self.columns
            .iter()
            .map(|column| column.width)
            .sum::<usize>()
            + gaps
    }

    /// The heading line.
    pub(super) fn heading(&self, context: &Context<'_>) -> String {
        let palette = &context.options.palette;
        let titles = self.columns.iter().map(|column| column.title.clone());
        let mut line = String::new();
        self.push_line(titles, context, &mut line);
        format!(
            "{}{}{}\n",
            palette.heading,
            line.trim_end_matches('\n'),
            palette.reset
        )
    }

    /// Appends a row's line.
    pub(super) fn line(&self, row: &[Cell], context: &Context<'_>, out: &mut String) {
        let texts = self.columns.iter().map(|column| {
            row.get(column.index)
                .map_or_else(String::new, |cell| cell_text(cell, column.unit, context))
        });
        self.push_line(texts, context, out);
    }

    fn push_line(
        &self,
        texts: impl Iterator<Item = String>,
        context: &Context<'_>,
        out: &mut String,
    ) {
        let start = out.len();
        for (at, (column, text)) in self.columns.iter().zip(texts).enumerate() {
            if at > 0 {
                out.push_str(GAP);
            }
            let is_last = at + 1 == self.columns.len();
            let fits_all = context.options.wide || context.options.width.is_none();
            let text = if fits_all && is_last {
                text
            } else {
                shorten(&text, column.width, column.cut, context.options.ascii)
            };
            let padding = " ".repeat(column.width.saturating_sub(width(&text)));
            if column.is_right {
                out.push_str(&padding);
                out.push_str(&text);
            } else {
                out.push_str(&text);
                out.push_str(&padding);
            }
        }
        let end = start + out.get(start..).map_or(0, |line| line.trim_end().len());
        out.truncate(end);
        out.push('\n');
    }
}

/// Takes what is too much from the widest text column, again and again.
fn squeeze(columns: &mut [FittedColumn], max: usize) {
    loop {
        let gaps = GAP.len() * columns.len().saturating_sub(1);
        let total: usize = columns.iter().map(|column| column.width).sum::<usize>() + gaps;
        let Some(excess) = total.checked_sub(max).filter(|excess| *excess > 0) else {
            return;
        };
        let mut widths: Vec<usize> = columns
            .iter()
            .filter(|column| !column.is_right)
            .map(|column| column.width)
            .collect();
        widths.sort_unstable();
        let second = widths.iter().rev().nth(1).copied().unwrap_or(0);
        let Some(widest) = columns
            .iter_mut()
            .filter(|column| !column.is_right && column.width > TEXT_WIDTH_MIN)
            .max_by_key(|column| column.width)
        else {
            return;
        };
        // Down to the next widest at most, so that several long columns share the room.
        let floor = second.clamp(TEXT_WIDTH_MIN, (widest.width - 1).max(TEXT_WIDTH_MIN));
        widest.width = (widest.width - excess.min(widest.width)).max(floor);
    }
}
