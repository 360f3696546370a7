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
    /// With which detail the runs were recorded, where that differs, and what is not compared therefore.
    pub details: Option<String>,
    /// What was not compared, and why: a sentence each.
    pub notes: Vec<String>,
    /// How the run ended, when it ended otherwise than the last baseline: `failed with exit status 3`; and how that did.
    pub end: Option<(String, String)>,
    /// Whether there is any finding, below the threshold too.
    pub has_findings: bool,
    /// Folders in which the runs worked, as they stand in sentences: said once, not in each name.
    pub folders: Vec<String>,
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

/// One sentence: how it ended, whether it is the same, and how long both took.
pub fn verdict(head: &Head) -> String {
    let word = match (head.different, head.has_findings) {
        (true, _) => "is different from",
        (false, true) => "hardly differs from",
        (false, false) => "is the same as",
    };
    let mut text = head.end.as_ref().map_or_else(
        || format!("{} {word} {}", head.subject, baselines(head)),
        |(end, _)| format!("{} {end}", head.subject),
    );
    let mut times = head.before_ns.clone();
    times.sort_unstable();
    let usual = times.get(times.len() / 2).copied().unwrap_or(0);
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

/// What the run is compared with.
fn baselines(head: &Head) -> String {
    match head.baselines.as_slice() {
        [one] => one.clone(),
        [first, .., last] if head.baselines.len() > BASELINES_NAMED => {
            format!("{} runs ({first} to {last})", head.baselines.len())
        }
        several => format!("{} runs ({})", several.len(), several.join(", ")),
    }
}

/// Baselines that are named one by one.
const BASELINES_NAMED: usize = 3;

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
    let plain = |out: &mut String, line: &str| {
        out.push_str(&format!("{}{line}{}\n", palette.dim, palette.reset));
    };
    let verdict = verdict(head);
    let mut out = format!(
        "{color}{}{}\n",
        Untrusted::printed(verdict.as_bytes()),
        palette.reset
    );
    if let Some(details) = &head.details {
        plain(
            &mut out,
            &Untrusted::printed(details.as_bytes()).to_string(),
        );
    }
    if let Some((_, before)) = &head.end {
        let with = format!("compared with {}, {before}", baselines(head));
        plain(&mut out, &Untrusted::printed(with.as_bytes()).to_string());
    }
    let rows: Vec<Row<'_>> = Row::all(report).collect();
    let mut body = String::new();
    let mut has_short = false;
    let mut sentence = |row: &Row<'_>| {
        let whole = row.text("sentence");
        let short = below(&whole, &head.folders);
        has_short |= short != whole;
        if all { short } else { cut(short) }
    };
    let causes = rows.iter().filter(|row| row.number("caused_by").is_none());
    for (place, row) in causes.enumerate() {
        if head.end.is_some() && head.different && place < 2 {
            let title = ["most likely cause:", "also different:"].get(place);
            body.push_str(&format!("{}\n", title.unwrap_or(&"")));
        }
        let rank = row.number("rank").unwrap_or(0);
        body.push_str(&format!("{:>3}. {}\n", place + 1, sentence(row)));
        let look = row.text("look");
        if !look.is_empty() && (all || place == 0) {
            plain(&mut body, &format!("     look: {look}"));
        }
        let effects = effects(&rows, rank, all);
        let shown = match (all, place) {
            (true, _) => effects.len(),
            (false, 0) => FIRST_EFFECTS_SHOWN,
            (false, _) => EFFECTS_SHOWN,
        };
        for effect in effects.iter().take(shown) {
            plain(&mut body, &format!("     so: {}", sentence(effect)));
        }
        if effects.len() > shown {
            let more = effects.len() - shown;
            plain(
                &mut body,
                &format!("     so: {more} more, which `--all` lists"),
            );
        }
        if all {
            for line in row.list("evidence") {
                plain(&mut body, &format!("     {line}"));
            }
        }
    }
    if let Some(folder) = head.folders.first().filter(|_| has_short) {
        plain(&mut out, &format!("names are below {folder}"));
    }
    out.push_str(&body);
    for note in &head.notes {
        let note = Untrusted::printed(note.as_bytes());
        plain(&mut out, &format!("note: {note}"));
    }
    out
}

/// What follows from a cause. That every process above one that fails fails, too, is what goes without saying: after
/// the first of them comes everything else.
fn effects<'r, 'a>(rows: &'r [Row<'a>], cause: i64, all: bool) -> Vec<&'r Row<'a>> {
    let mut exits = 0;
    let mut effects: Vec<(bool, &Row<'_>)> = Vec::new();
    for row in rows
        .iter()
        .filter(|row| row.number("caused_by") == Some(cause))
    {
        let is_exit = row.text("kind") == "exit-status";
        exits += u32::from(is_exit);
        effects.push((is_exit && exits > 1 && !all, row));
    }
    effects.sort_by_key(|(is_late, _)| *is_late);
    effects.into_iter().map(|(_, row)| row).collect()
}

/// A sentence in which names below the folders of the runs are told from there on.
fn below(sentence: &str, folders: &[String]) -> String {
    let mut short = sentence.to_owned();
    for folder in folders
        .iter()
        .filter(|folder| folder.len() >= FOLDER_LEN_MIN)
    {
        let prefix = format!("{folder}/");
        let mut out = String::with_capacity(short.len());
        let mut rest = short.as_str();
        while let Some((before, after)) = rest.split_once(&prefix) {
            let inside = before
                .chars()
                .next_back()
                .is_some_and(|last| last.is_alphanumeric() || "._-/".contains(last));
            out.push_str(before);
            if inside {
                out.push_str(&prefix);
            }
            rest = after;
        }
        out.push_str(rest);
        short = out;
    }
    short
}

/// The beginning and the end of a long sentence.
fn cut(sentence: String) -> String {
    let len = sentence.chars().count();
    if len <= SENTENCE_LEN_MAX {
        return sentence;
    }
    let half = SENTENCE_LEN_MAX / 2;
    let first: String = sentence.chars().take(half).collect();
    let last: String = sentence.chars().skip(len - half).collect();
    format!("{first} ... {last}")
}

/// Folders of fewer characters are said as they are.
const FOLDER_LEN_MIN: usize = 6;
/// Characters of a sentence that are shown without `--all`.
const SENTENCE_LEN_MAX: usize = 320;
/// Consequences of the first cause that are shown.
const FIRST_EFFECTS_SHOWN: usize = 4;
/// Consequences of another cause that are shown.
const EFFECTS_SHOWN: usize = 2;

#[cfg(test)]
mod tests {
    use super::{Head, below, cut, verdict};

    #[test]
    fn folders_are_left_out_where_names_begin() {
        let folders = ["/srv/shop/job".to_owned(), "/tmp/a".to_owned()];
        let check = |sentence: &str, expect: &str| {
            assert_eq!(below(sentence, &folders), expect);
        };
        check(
            "a read /srv/shop/job/etc/x, before /tmp/a/y",
            "a read etc/x, before y",
        );
        check("a ran in /srv/shop/job", "a ran in /srv/shop/job");
        check("/mnt/srv/shop/job/x", "/mnt/srv/shop/job/x");
        check("/srv/shop/jobs/x", "/srv/shop/jobs/x");
    }

    #[test]
    fn long_sentences_keep_both_ends() {
        let long = format!("first {} last", "x".repeat(900));
        let short = cut(long);
        assert!(
            short.starts_with("first ") && short.ends_with(" last"),
            "{short}"
        );
        assert!(short.len() < 340, "{}", short.len());
    }

    #[test]
    fn the_verdict_does_not_contradict_the_list() {
        let mut head = Head {
            subject: "two".to_owned(),
            baselines: vec!["one".to_owned()],
            ..Head::default()
        };
        assert_eq!(verdict(&head), "two is the same as one");
        head.has_findings = true;
        assert_eq!(verdict(&head), "two hardly differs from one");
        head.different = true;
        assert_eq!(verdict(&head), "two is different from one");
        head.end = Some(("failed with exit status 3".to_owned(), String::new()));
        assert_eq!(verdict(&head), "two failed with exit status 3");
    }
}
