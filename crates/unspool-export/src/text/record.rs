//! One row as lines of `name  value`: texts first, numbers packed, then lists.

use unspool_model::event::ClockKind;
use unspool_model::report::{Cell, Shape, Unit};

use super::cells::{Cut, cell_text, shorten, title, unit_of, width};
use super::{Context, Palette, is_shown};

/// Draws the row.
pub(super) fn draw(shape: &Shape, row: &[Cell], context: &Context<'_>, out: &mut String) {
    let shown = |at: &usize| {
        shape
            .columns
            .get(*at)
            .is_some_and(|column| is_shown(column, context.options))
    };
    let mut numbers = Vec::new();
    let mut lists = Vec::new();
    for at in (0..shape.columns.len()).filter(shown) {
        let (Some(column), Some(cell)) = (shape.columns.get(at), row.get(at)) else {
            continue;
        };
        let is_record_list = |cells: &[Cell]| {
            column.unit == Unit::List && !cells.iter().all(|cell| matches!(cell, Cell::Text(_)))
        };
        match cell {
            Cell::Null => {}
            Cell::List(cells) if cells.is_empty() => {}
            Cell::Int(_)
                if column.unit == Unit::Duration && context.envelope.clock == ClockKind::None => {}
            Cell::List(cells) if is_record_list(cells) => lists.push((column.name, cells)),
            Cell::List(cells) if column.name == "findings" => lists.push((column.name, cells)),
            Cell::Int(_) if matches!(column.unit, Unit::Count | Unit::Bytes) => {
                numbers.push((column.name, cell_text(cell, column.unit, context)));
            }
            _ => name_line(column.name, cell, column.unit, context, out),
        }
    }
    pack(&numbers, context, out);
    for (name, cells) in lists.into_iter().rev() {
        if cells.is_empty() {
            continue;
        }
        let Palette { heading, reset, .. } = context.options.palette;
        out.push_str(&format!("\n{heading}{}{reset}\n", title(name)));
        list(cells, context, out);
    }
}

/// Width of the names.
const NAME_WIDTH: usize = 9;

fn name_line(name: &str, cell: &Cell, unit: Unit, context: &Context<'_>, out: &mut String) {
    let Palette { dim, reset, .. } = context.options.palette;
    let name = title(name);
    let padding = " ".repeat(NAME_WIDTH.saturating_sub(name.len()));
    let text = fitted(
        &cell_text(cell, unit, context),
        NAME_WIDTH + 2,
        Cut::End,
        context,
    );
    out.push_str(&format!("{dim}{name}{reset}{padding}  {text}\n"));
}

/// `12 processes   34 threads   1,204 events`, as many a line as fit.
fn pack(numbers: &[(&str, String)], context: &Context<'_>, out: &mut String) {
    let Palette {
        dim, accent, reset, ..
    } = context.options.palette;
    let max = context.options.width.unwrap_or(usize::MAX);
    let mut used = 0;
    for (name, value) in numbers {
        let name = title(name);
        let len = width(value) + 1 + width(&name);
        if used > 0 && used + 3 + len > max {
            out.push('\n');
            used = 0;
        }
        if used > 0 {
            out.push_str("   ");
            used += 3;
        }
        out.push_str(&format!("{accent}{value}{reset} {dim}{name}{reset}"));
        used += len;
    }
    if used > 0 {
        out.push('\n');
    }
}

/// Sentences each on a line, records as a small table.
fn list(cells: &[Cell], context: &Context<'_>, out: &mut String) {
    let mark = if context.options.ascii { "*" } else { "•" };
    let mut table: Vec<Vec<String>> = Vec::new();
    let mut names: Vec<&'static str> = Vec::new();
    for cell in cells {
        if let Cell::Record(members) = cell {
            if names.is_empty() {
                names = members.iter().map(|(name, _)| *name).collect();
            }
            table.push(
                members
                    .iter()
                    .map(|(name, cell)| cell_text(cell, unit_of(name), context))
                    .collect(),
            );
        } else {
            let text = cell_text(cell, Unit::Printed, context);
            let text = fitted(&text, 4, Cut::End, context);
            out.push_str(&format!("  {mark} {text}\n"));
        }
    }
    if table.is_empty() {
        return;
    }
    let titles: Vec<String> = names.iter().map(|name| title(name)).collect();
    let widths: Vec<usize> = (0..names.len())
        .map(|at| {
            table
                .iter()
                .chain(std::iter::once(&titles))
                .filter_map(|row| row.get(at))
                .map(|text| width(text))
                .max()
                .unwrap_or(0)
        })
        .collect();
    // The name, which comes first in the record, is drawn last: it may be long.
    let Palette { dim, reset, .. } = context.options.palette;
    let line = |row: &[String]| {
        let mut line = String::from("  ");
        for (text, wide) in row.iter().zip(&widths).skip(1) {
            line.push_str(&" ".repeat(wide.saturating_sub(width(text))));
            line.push_str(text);
            line.push_str("  ");
        }
        let used = width(&line);
        let name = row.first().map_or("", String::as_str);
        line.push_str(&fitted(name, used, Cut::Middle, context));
        line
    };
    out.push_str(&format!("{dim}{}{reset}\n", line(&titles)));
    for row in &table {
        out.push_str(&line(row));
        out.push('\n');
    }
}

/// The text in what is left of the line.
fn fitted(text: &str, used: usize, cut: Cut, context: &Context<'_>) -> String {
    match (context.options.width, context.options.wide) {
        (Some(max), false) => {
            let room = max.saturating_sub(used).max(12);
            shorten(text, room, cut, context.options.ascii)
        }
        _ => text.to_owned(),
    }
}
