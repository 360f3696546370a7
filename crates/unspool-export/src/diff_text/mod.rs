//! The difference of runs for people on a terminal: a verdict, then one line for each cause.

use unspool_model::report::{Cell, Report};

use crate::text::TextOptions;
use crate::units;
use crate::untrusted::Untrusted;

/// What is compared with what.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Head {
    /// Run that is asked about.
    pub subject: String,
    /// Runs that it is compared with.
    pub baselines: Vec<String>,
    /// Whether they count as different.
    pub different: bool,
    /// How long the baselines took, in nanoseconds.
    pub before_ns: Vec<i64>,
    /// How long the run took.
    pub after_ns: i64,
    /// Runs that are not whole.
    pub incomplete: Vec<String>,
    /// What was not compared, and why: a sentence each.
    pub notes: Vec<String>,
}

/// Values of a row, by the names of the columns.
pub(crate) struct Row<'r> {
    report: &'r Report,
    cells: &'r [Cell],
}

impl<'r> Row<'r> {
    pub(crate) fn all(report: &'r Report) -> impl Iterator<Item = Self> {
        report.rows.iter().map(move |cells| Self { report, cells })
    }

    pub(crate) fn cell(&self, name: &str) -> Option<&'r Cell> {
        let place = self
            .report
            .columns
            .iter()
            .position(|column| column.name == name)?;
        self.cells.get(place)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        match self.cell(name) {
            Some(Cell::Text(text)) => Untrusted::new(text).to_string(),
            _ => String::new(),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        match self.cell(name) {
            Some(Cell::Int(number)) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let Some(Cell::List(cells)) = self.cell(name) else {
            return Vec::new();
        };
        cells
            .iter()
            .filter_map(|cell| match cell {
                Cell::Text(text) => Some(Untrusted::new(text).to_string()),
                _ => None,
            })
            .collect()
    }
}

/// One sentence: the same, or different, and how long both took.
pub fn verdict(head: &Head) -> String {
    let with = match head.baselines.as_slice() {
        [one] => one.clone(),
        several => format!("{} runs ({})", several.len(), several.join(", ")),
    };
    let word = if head.different {
        "different from"
    } else {
        "the same as"
    };
    let mut times = head.before_ns.clone();
    times.sort_unstable();
    let usual = times.get(times.len() / 2).copied().unwrap_or(0);
    let mut text = format!("{} is {word} {with}", head.subject);
    if usual > 0 || head.after_ns > 0 {
        text.push_str(&format!(
            "; it took {}, before {}",
            units::duration(head.after_ns),
            units::duration(usual)
        ));
    }
    for run in &head.incomplete {
        text.push_str(&format!("; {run} is incomplete"));
    }
    text
}

/// Rows of the first `limit` causes and of what follows from them.
pub fn limited(report: &mut Report, limit: usize) {
    let place = |name: &str| report.columns.iter().position(|column| column.name == name);
    let (Some(rank), Some(caused_by)) = (place("rank"), place("caused_by")) else {
        return;
    };
    let number = |row: &[Cell], place: usize| match row.get(place) {
        Some(Cell::Int(number)) => Some(*number),
        _ => None,
    };
    let causes: Vec<i64> = report
        .rows
        .iter()
        .filter(|row| number(row, caused_by).is_none())
        .filter_map(|row| number(row, rank))
        .take(limit)
        .collect();
    report.rows.retain(|row| {
        let of = number(row, caused_by).or(number(row, rank));
        of.is_some_and(|of| causes.contains(&of))
    });
}

/// The text; `all` also shows what follows from other findings one by one.
pub fn text(head: &Head, report: &Report, options: &TextOptions, all: bool) -> String {
    let palette = &options.palette;
    let color = if head.different {
        palette.bad
    } else {
        palette.heading
    };
    let verdict = verdict(head);
    let mut out = format!(
        "{color}{}{}\n",
        Untrusted::printed(verdict.as_bytes()),
        palette.reset
    );
    let rows: Vec<Row<'_>> = Row::all(report).collect();
    let causes = rows.iter().filter(|row| row.number("caused_by").is_none());
    for row in causes {
        let rank = row.number("rank").unwrap_or(0);
        out.push_str(&format!("{rank:>3}. {}\n", row.text("sentence")));
        let look = row.text("look");
        if !look.is_empty() && (all || rank == 1) {
            out.push_str(&format!(
                "{}     look: {look}{}\n",
                palette.dim, palette.reset
            ));
        }
        let effects: Vec<&Row<'_>> = rows
            .iter()
            .filter(|other| other.number("caused_by") == Some(rank))
            .collect();
        let shown = if all { effects.len() } else { EFFECTS_SHOWN };
        for effect in effects.iter().take(shown) {
            out.push_str(&format!(
                "{}     so: {}{}\n",
                palette.dim,
                effect.text("sentence"),
                palette.reset
            ));
        }
        if effects.len() > shown {
            out.push_str(&format!(
                "{}     so: {} more{}\n",
                palette.dim,
                effects.len() - shown,
                palette.reset
            ));
        }
        if all {
            for line in row.list("evidence") {
                out.push_str(&format!("{}     {line}{}\n", palette.dim, palette.reset));
            }
        }
    }
    for note in head.notes.iter().filter(|_| head.different || all) {
        let note = Untrusted::printed(note.as_bytes());
        out.push_str(&format!("{}note: {note}{}\n", palette.dim, palette.reset));
    }
    out
}

/// Consequences of one cause that are shown.
const EFFECTS_SHOWN: usize = 2;
