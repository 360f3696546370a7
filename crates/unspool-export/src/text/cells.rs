//! Single values as people see them, and how wide they are.

use unspool_model::event::ClockKind;
use unspool_model::report::{Cell, Column, Shape, Unit};

use super::Context;
use crate::{Untrusted, escape, units};

/// The value as people see it.
pub(super) fn cell_text(cell: &Cell, unit: Unit, context: &Context<'_>) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Flag(true) => "yes".to_owned(),
        Cell::Flag(false) => String::new(),
        Cell::Int(number) => number_text(*number, unit, context),
        Cell::Float(number) => units::fraction(*number),
        Cell::Text(bytes) if unit == Unit::Printed => Untrusted::printed(bytes).to_string(),
        Cell::Text(bytes) => escape(bytes),
        Cell::List(cells) => {
            let words: Vec<String> = cells
                .iter()
                .map(|cell| match cell {
                    Cell::Text(word) => shell_word(word),
                    _ => cell_text(cell, unit, context),
                })
                .collect();
            words.join(" ")
        }
        Cell::Record(members) => {
            let parts: Vec<String> = members
                .iter()
                .map(|(name, cell)| format!("{name} {}", cell_text(cell, unit_of(name), context)))
                .collect();
            parts.join(", ")
        }
    }
}

fn number_text(number: i64, unit: Unit, context: &Context<'_>) -> String {
    match unit {
        Unit::Count => units::count(number),
        Unit::Bytes => units::bytes(number),
        // Numbers of lines are no times.
        Unit::Duration if context.envelope.clock == ClockKind::None => String::new(),
        Unit::Duration => units::duration(number),
        Unit::Time => time_text(number, context),
        Unit::Begin => time_text(number.max(context.envelope.start_ns), context),
        Unit::Share => bar(number, context.options.ascii),
        Unit::Text | Unit::Printed | Unit::Number | Unit::Flag | Unit::List => number.to_string(),
    }
}

/// Cells of a whole bar.
const BAR_CELLS: u64 = 10;

/// A bar of at most ten cells, in eighths: `██▍`.
fn bar(permille: i64, ascii: bool) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let permille = u64::try_from(permille).unwrap_or(0).min(1000);
    // What is there is seen.
    let eighths = (permille * BAR_CELLS * 8).div_ceil(1000);
    let whole = usize::try_from(eighths / 8).unwrap_or(0);
    if ascii {
        return "#".repeat(usize::try_from(eighths.div_ceil(8)).unwrap_or(0));
    }
    let rest = usize::try_from(eighths % 8).unwrap_or(0);
    format!("{}{}", "█".repeat(whole), EIGHTHS.get(rest).unwrap_or(&""))
}

fn time_text(ns: i64, context: &Context<'_>) -> String {
    match context.envelope.clock {
        ClockKind::None => format!("#{ns}"),
        ClockKind::Epoch if context.options.wide => units::instant(ns),
        ClockKind::TimeOfDay if context.options.wide => units::clock(ns),
        ClockKind::Epoch | ClockKind::TimeOfDay | ClockKind::Relative => {
            units::since(ns.saturating_sub(context.envelope.start_ns))
        }
    }
}

/// A word of a command as a shell reads it.
fn shell_word(word: &[u8]) -> String {
    let text = escape(word);
    let plain = !text.is_empty()
        && text
            .chars()
            .all(|letter| letter.is_alphanumeric() || "-_./=:,+@%^".contains(letter));
    if plain {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Unit of a value inside a record, by its name: `total_ns`, `bytes_read`.
pub(super) fn unit_of(name: &str) -> Unit {
    if name.ends_with("_ns") {
        Unit::Duration
    } else if name.starts_with("bytes") {
        Unit::Bytes
    } else {
        Unit::Count
    }
}

/// Heading for people: `bytes_read` is `bytes read`, `start_ns` is `start`.
pub(crate) fn title(name: &str) -> String {
    let name = name.strip_suffix("_permille").unwrap_or(name);
    name.strip_suffix("_ns").unwrap_or(name).replace('_', " ")
}

/// Heading of a column. Those of an answer in SQL keep their names: they are what the next statement says, and what they are
/// measured in.
pub(crate) fn heading(shape: &Shape, column: &Column) -> String {
    if shape.kind == "query" {
        column.name.to_owned()
    } else {
        title(column.name)
    }
}

/// Columns that the text takes on a terminal.
pub(super) fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(char_width).sum()
}

/// East Asian wide characters and emoji take two columns, combining marks none (Unicode 16, main blocks).
fn char_width(character: char) -> usize {
    match character {
        '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20ff}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Where a text that is too long loses its letters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Paths tell most at both ends.
    Middle,
    /// Commands and arguments tell most at the front.
    End,
}

/// The text in at most `max` columns.
pub(super) fn shorten(text: &str, max: usize, cut: Cut, ascii: bool) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let mark = if ascii { "..." } else { "…" };
    let Some(room) = max.checked_sub(width(mark)) else {
        return mark.chars().take(max).collect();
    };
    let front = match cut {
        Cut::Middle => room / 3,
        Cut::End => room,
    };
    let head = take_columns(text.chars(), front);
    let tail: Vec<char> = take_columns(text.chars().rev(), room - front);
    head.into_iter()
        .chain(mark.chars())
        .chain(tail.into_iter().rev())
        .collect()
}

fn take_columns(characters: impl Iterator<Item = char>, max: usize) -> Vec<char> {
    let mut used = 0;
    characters
        .take_while(|character| {
            used += char_width(*character);
            used <= max
        })
        .collect()
}
