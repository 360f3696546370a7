//! Rows as a tree: numbers in columns, branches and the last column behind them.

use std::collections::{BTreeMap, BTreeSet};

use unspool_model::report::{Cell, Column, Shape, Shown};

use super::cells::{Cut, cell_text, shorten, width};
use super::table::Fitted;
use super::{Context, Palette};

/// Deepest branches that are drawn; what is deeper is drawn at this depth.
const DEPTH_DRAWN_MAX: usize = 200;

/// Draws the rows; those whose parent is not among them are roots.
pub(super) fn draw(
    shape: &Shape,
    id: &str,
    parent: &str,
    rows: &[Vec<Cell>],
    context: &Context<'_>,
) -> String {
    let place = |name: &str| shape.columns.iter().position(|column| column.name == name);
    let (Some(id), Some(parent)) = (place(id), place(parent)) else {
        return String::new();
    };
    let Some(label) = shape
        .columns
        .iter()
        .rposition(|column| column.shown == Shown::Always)
    else {
        return String::new();
    };
    let columns: Vec<Column> = shape.columns.to_vec();
    let left = Shape {
        kind: shape.kind,
        columns: shape.columns.get(..label).unwrap_or(shape.columns),
        layout: shape.layout,
    };
    // The columns before the branches are never cut: the branches take what is left.
    let uncut = super::TextOptions {
        width: None,
        ..*context.options
    };
    let left_context = Context {
        envelope: context.envelope,
        options: &uncut,
    };
    let fitted = Fitted::new(&left, rows, &left_context);
    let mut out = String::new();
    let heading = fitted.heading(&left_context);
    let title = columns
        .get(label)
        .map_or_else(String::new, |column| super::cells::title(column.name));
    out.push_str(&heading_line(&heading, &title, &context.options.palette));
    let left_width = fitted.total_width();
    for (row, branches) in ordered(rows, id, parent, context) {
        let mut line = String::new();
        fitted.line(row, &left_context, &mut line);
        let line = line.trim_end_matches('\n');
        out.push_str(line);
        out.push_str(&" ".repeat(left_width.saturating_sub(width(line)) + 2));
        let text = match (row.get(label), columns.get(label)) {
            (Some(cell), Some(column)) => cell_text(cell, column.unit, context),
            _ => String::new(),
        };
        let used = left_width + 2 + width(&branches);
        let text = match (context.options.width, context.options.wide) {
            (Some(max), false) => shorten(
                &text,
                max.saturating_sub(used).max(12),
                Cut::End,
                context.options.ascii,
            ),
            _ => text,
        };
        let Palette { dim, reset, .. } = context.options.palette;
        if branches.is_empty() {
            out.push_str(&text);
        } else {
            out.push_str(&format!("{dim}{branches}{reset}{text}"));
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

fn heading_line(heading: &str, title: &str, palette: &Palette) -> String {
    let heading = heading.trim_end_matches('\n');
    let heading = heading.strip_suffix(palette.reset).unwrap_or(heading);
    format!("{heading}  {title}{}\n", palette.reset)
}

/// Rows in the order of drawing, each with its branches.
fn ordered<'r>(
    rows: &'r [Vec<Cell>],
    id: usize,
    parent: usize,
    context: &Context<'_>,
) -> Vec<(&'r [Cell], String)> {
    let number = |row: &[Cell], at: usize| match row.get(at) {
        Some(Cell::Int(number)) => Some(*number),
        _ => None,
    };
    let ids: BTreeSet<i64> = rows.iter().filter_map(|row| number(row, id)).collect();
    let mut children: BTreeMap<Option<i64>, Vec<usize>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        let above = number(row, parent)
            .filter(|above| ids.contains(above) && Some(*above) != number(row, id));
        children.entry(above).or_default().push(index);
    }
    let [tee, corner, bar, blank] = if context.options.ascii {
        ["|- ", "`- ", "|  ", "   "]
    } else {
        ["├─ ", "└─ ", "│  ", "   "]
    };
    let mut order = Vec::with_capacity(rows.len());
    // Rows still to draw, the next one last, each with the branches of its ancestors.
    let mut stack: Vec<(usize, Vec<bool>)> = Vec::new();
    let roots = children.remove(&None).unwrap_or_default();
    stack.extend(roots.into_iter().rev().map(|root| (root, Vec::new())));
    while let Some((index, lasts)) = stack.pop() {
        let Some(row) = rows.get(index) else {
            continue;
        };
        let mut branches = String::new();
        for (level, is_last) in lasts.iter().enumerate().take(DEPTH_DRAWN_MAX) {
            branches.push_str(match (level + 1 == lasts.len(), is_last) {
                (true, true) => corner,
                (true, false) => tee,
                (false, true) => blank,
                (false, false) => bar,
            });
        }
        order.push((row.as_slice(), branches));
        let below = children.remove(&number(row, id)).unwrap_or_default();
        let count = below.len();
        for (position, child) in below.into_iter().enumerate().rev() {
            let mut lasts = lasts.clone();
            // Depth of a chain is bounded by the drawing limit, so that a chain of a million does not take a million squared.
            if lasts.len() < DEPTH_DRAWN_MAX {
                lasts.push(position + 1 == count);
            }
            stack.push((child, lasts));
        }
    }
    order
}
