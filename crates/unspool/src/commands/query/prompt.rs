//! The prompt of `unspool query`: statements until `;`, commands that begin with `\`.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Editor, Helper};
use serde_json::Value;

use super::engine::Engine;
use super::output::{FORMS, Form, form};
use super::paint::painted;
use super::saved;
use super::sources::Sources;
use super::words::value;
use super::{Asked, Target, ask};
use crate::clock::now_ns;
use crate::commands::nearest;
use crate::failure::Failure;
use crate::report::{duration, eprint_error, eprint_line, print};
use crate::settings::Settings;

/// Lines of history that are kept.
const HISTORY_LINES: usize = 2000;

const HELP: &str = "\
select ...;           a query, over as many lines as it takes
:NAME [name=value]    a saved query
\\d [TABLE]            tables and functions; columns of a table
\\l                    saved queries
\\f FORM               table, json, jsonl, csv, md, xml, parquet, arrow
\\o [FILE]             write answers there; without a name: here again
\\timing               say how long queries take
\\q                    leave (also Ctrl-D); Ctrl-C stops a query
";

/// The prompt's state.
struct Prompt<'p> {
    settings: &'p Settings,
    sources: &'p Sources,
    engine: Engine,
    catalog: Rc<Value>,
    target: Target,
    timing: bool,
    interrupted: Arc<AtomicBool>,
}

/// Whether the prompt goes on.
#[derive(PartialEq, Eq)]
enum Next {
    On,
    Leave,
}

/// Asks until the person leaves.
pub(super) fn run(
    settings: &Settings,
    sources: &Sources,
    mut engine: Engine,
    target: Target,
) -> Result<()> {
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, interrupted.clone())
        .context("cannot take Ctrl-C")?;
    let catalog = Rc::new(engine.catalog()?);
    let config = Config::builder()
        .max_history_size(HISTORY_LINES)
        .and_then(|config| config.history_ignore_dups(true))
        .map(|config| config.auto_add_history(false).build())
        .context("cannot set up the prompt")?;
    let mut editor: Editor<Words, FileHistory> =
        Editor::with_config(config).context("cannot set up the prompt")?;
    editor.set_helper(Some(Words {
        names: names(&catalog),
        catalog: catalog.clone(),
        within: Cell::new(false),
        color: settings.color,
    }));
    let history = history_file(settings);
    if let Some(history) = &history {
        // A first start has no history.
        drop(editor.load_history(history));
    }
    eprint_line(&format!(
        "{}: {}; `\\d` lists tables, `\\?` helps, `\\q` leaves",
        if sources.specs.len() == 1 {
            "run"
        } else {
            "runs"
        },
        sources.about.runs
    ));
    // A pager would take what was typed ahead.
    let target = Target {
        paged: false,
        ..target
    };
    let mut prompt = Prompt {
        settings,
        sources,
        engine,
        catalog,
        target,
        timing: false,
        interrupted,
    };
    prompt.read(&mut editor);
    if let Some(history) = &history
        && let Err(error) = editor.save_history(history)
    {
        eprint_line(&format!("cannot keep the history: {error}"));
    }
    Ok(())
}

/// The file of former statements, made so that only its owner reads it: statements hold names of files.
fn history_file(settings: &Settings) -> Option<PathBuf> {
    let path = settings.state.as_ref()?.join("query-history");
    std::fs::create_dir_all(path.parent()?).ok()?;
    let opened: std::io::Result<File> = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path);
    opened.ok().map(|_| path)
}

impl Prompt<'_> {
    fn read(&mut self, editor: &mut Editor<Words, FileHistory>) {
        let mut statement = String::new();
        loop {
            let sign = if statement.is_empty() {
                "unspool> "
            } else {
                "    ...> "
            };
            if let Some(words) = editor.helper() {
                words.within.set(!statement.is_empty());
            }
            let line = match editor.readline(sign) {
                Ok(line) => line,
                Err(ReadlineError::Interrupted) => {
                    statement.clear();
                    continue;
                }
                Err(ReadlineError::Eof) => return,
                Err(error) => {
                    eprint_line(&format!("cannot read: {error}"));
                    return;
                }
            };
            let word = line.trim();
            if statement.is_empty() && word.is_empty() {
                continue;
            }
            let is_command = statement.is_empty() && word.starts_with(['\\', ':']);
            if !statement.is_empty() {
                statement.push('\n');
            }
            statement.push_str(&line);
            if !is_command && !ends(&statement) {
                continue;
            }
            let whole = std::mem::take(&mut statement);
            // A full disk is told when the history is saved.
            drop(editor.add_history_entry(whole.trim()));
            match self.take(whole.trim()) {
                Ok(Next::On) => {}
                Ok(Next::Leave) => return,
                Err(error) => eprint_error(&error),
            }
        }
    }

    fn take(&mut self, whole: &str) -> Result<Next> {
        if let Some(command) = whole.strip_prefix('\\') {
            return self.command(command);
        }
        if let Some(call) = whole.strip_prefix(':') {
            let mut words = call.trim_end_matches(';').split_whitespace();
            let saved = saved::find(words.next().unwrap_or_default())?;
            let mut given = BTreeMap::new();
            for word in words {
                let (name, value) = value(word)
                    .ok_or_else(|| Failure::usage(format!("`{word}` is no `name=value`")))?;
                given.insert(name.to_owned(), value.to_owned());
            }
            let values = saved.values(&given)?;
            self.ask(&saved.sql(), &values)?;
            return Ok(Next::On);
        }
        let sql = whole.trim_end_matches(';');
        match sql.trim().to_ascii_lowercase().as_str() {
            "" => {}
            "quit" | "exit" => return Ok(Next::Leave),
            _ => self.ask(sql, &BTreeMap::new())?,
        }
        Ok(Next::On)
    }

    fn ask(&mut self, sql: &str, values: &BTreeMap<String, String>) -> Result<()> {
        self.interrupted.store(false, Ordering::Relaxed);
        let interrupted = self.interrupted.clone();
        let begun_ns = now_ns();
        let asked = Asked {
            sql,
            values,
            target: &self.target,
            stops: &|| interrupted.load(Ordering::Relaxed),
        };
        let rows = ask(self.settings, self.sources, &mut self.engine, &asked)?;
        if self.timing {
            eprint_line(&format!(
                "{rows} rows in {}",
                duration(now_ns().saturating_sub(begun_ns))
            ));
        }
        Ok(())
    }

    fn command(&mut self, command: &str) -> Result<Next> {
        let command = command.trim_end_matches(';');
        let (name, rest) = command
            .split_once(char::is_whitespace)
            .unwrap_or((command, ""));
        let rest = rest.trim();
        match (name, rest) {
            ("q" | "quit", _) => return Ok(Next::Leave),
            ("?" | "h" | "help", _) => print(HELP)?,
            ("d", "") => print(&self.tables())?,
            ("d", table) => print(&self.columns(table)?)?,
            ("l", _) => print(&saved::list())?,
            ("timing", _) => {
                self.timing = !self.timing;
                eprint_line(if self.timing {
                    "timing is on"
                } else {
                    "timing is off"
                });
            }
            ("f", name) => {
                let found = form(name).ok_or_else(|| {
                    Failure::usage(format!("there is no form `{name}`"))
                        .hint(format!("forms: {}", FORMS.join(", ")))
                })?;
                if matches!(found, Form::File(_)) && self.target.file.is_none() {
                    return Err(Failure::usage(format!("`{name}` is not for a terminal"))
                        .hint("name a file first: `\\o FILE`")
                        .into());
                }
                self.target.form = found;
            }
            ("o", "") => self.target.file = None,
            ("o", file) => self.target.file = Some(PathBuf::from(file)),
            (name, _) => {
                return Err(Failure::usage(format!("there is no command `\\{name}`"))
                    .hint("`\\?` lists them")
                    .into());
            }
        }
        Ok(Next::On)
    }

    fn tables(&self) -> String {
        let mut text = String::new();
        for table in list(&self.catalog, "tables") {
            text.push_str(&format!(
                "{:<13} {}\n",
                word(table, "name"),
                word(table, "doc")
            ));
        }
        text.push('\n');
        for function in list(&self.catalog, "functions") {
            text.push_str(&format!(
                "{:<27} {}\n",
                word(function, "usage"),
                word(function, "doc")
            ));
        }
        text
    }

    fn columns(&self, name: &str) -> Result<String> {
        let tables = list(&self.catalog, "tables");
        let Some(table) = tables.iter().find(|table| word(table, "name") == name) else {
            let failure = Failure::usage(format!("there is no table `{name}`"));
            let names = tables.iter().map(|table| word(table, "name"));
            return Err(match nearest(name, names) {
                Some(alike) => failure.hint(format!("did you mean `{alike}`?")),
                None => failure.hint("`\\d` lists them"),
            }
            .into());
        };
        let mut text = format!("{}\n", word(table, "doc"));
        for column in list(table, "columns") {
            text.push_str(&format!(
                "  {:<18} {:<9} {}\n",
                word(column, "name"),
                word(column, "kind"),
                word(column, "doc")
            ));
        }
        Ok(text)
    }
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn word<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

/// Whether the last `;` stands at the end, outside of quotes and comments.
fn ends(statement: &str) -> bool {
    let mut quote: Option<char> = None;
    let mut ended = false;
    let mut letters = statement.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => {
                quote = Some(letter);
                ended = false;
            }
            (None, '-') if letters.peek() == Some(&'-') => {
                while letters.next_if(|letter| *letter != '\n').is_some() {}
            }
            (None, ';') => ended = true,
            (None, letter) if letter.is_whitespace() => {}
            (None, _) => ended = false,
        }
    }
    ended && quote.is_none()
}

/// Words of SQL that are completed.
const KEYWORDS: [&str; 38] = [
    "select",
    "from",
    "where",
    "group by",
    "order by",
    "having",
    "limit",
    "join",
    "left join",
    "on",
    "as",
    "and",
    "or",
    "not",
    "in",
    "is null",
    "is not null",
    "like",
    "ilike",
    "between",
    "case",
    "when",
    "then",
    "else",
    "end",
    "distinct",
    "count(*)",
    "sum(",
    "avg(",
    "min(",
    "max(",
    "desc",
    "asc",
    "with",
    "union all",
    "explain",
    "over",
    "cast(",
];

fn names(catalog: &Value) -> Vec<String> {
    let mut names: Vec<String> = KEYWORDS.map(str::to_owned).into();
    for table in list(catalog, "tables") {
        names.push(word(table, "name").to_owned());
        if word(table, "name") == "fields" {
            continue;
        }
        let columns = list(table, "columns").iter();
        names.extend(columns.map(|column| word(column, "name").to_owned()));
    }
    for function in list(catalog, "functions") {
        let usage = word(function, "usage");
        names.push(
            usage
                .split_inclusive('(')
                .next()
                .unwrap_or(usage)
                .to_owned(),
        );
    }
    for other in list(catalog, "others") {
        names.push(format!("{}(", other.as_str().unwrap_or_default()));
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Completes words.
struct Words {
    names: Vec<String>,
    catalog: Rc<Value>,
    /// Whether a statement has begun on a line before.
    within: Cell<bool>,
    color: bool,
}

impl Words {
    /// What may stand for the word that begins at `start`.
    fn candidates(&self, line: &str, start: usize, part: &str) -> Vec<String> {
        let before = line.get(..start).unwrap_or_default();
        if !self.within.get() && before.trim() == "" && part.starts_with(':') {
            let names = saved::SAVED.iter().map(|saved| format!(":{}", saved.name));
            return names.filter(|name| name.starts_with(part)).collect();
        }
        let part = part.to_ascii_lowercase();
        if let Some((table, column)) = part.split_once('.') {
            let tables = list(&self.catalog, "tables");
            let found = tables.iter().find(|known| word(known, "name") == table);
            let columns = found.map_or(&[][..], |table| list(table, "columns"));
            let columns = columns.iter().map(|column| word(column, "name"));
            return columns
                .filter(|name| name.starts_with(column))
                .map(|name| format!("{table}.{name}"))
                .collect();
        }
        if before.trim_start().starts_with("\\d") {
            let tables = list(&self.catalog, "tables").iter();
            let tables = tables.map(|table| word(table, "name").to_owned());
            return tables.filter(|name| name.starts_with(&part)).collect();
        }
        let names = self.names.iter();
        names
            .filter(|name| name.starts_with(&part))
            .cloned()
            .collect()
    }
}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..at).unwrap_or(line);
        let is_word = |letter: char| letter.is_alphanumeric() || "_.:-\\".contains(letter);
        let start = before
            .char_indices()
            .rev()
            .take_while(|(_, letter)| is_word(*letter))
            .last()
            .map_or(at, |(place, _)| place);
        let part = before.get(start..).unwrap_or_default();
        let pairs = self
            .candidates(before, start, part)
            .into_iter()
            .map(|name| Pair {
                display: name.clone(),
                replacement: name,
            });
        Ok((start, pairs.collect()))
    }
}

impl Hinter for Words {
    type Hint = String;
}

impl Highlighter for Words {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.color {
            Cow::Owned(painted(line, &is_keyword))
        } else {
            Cow::Borrowed(line)
        }
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.color
    }
}

fn is_keyword(word: &str) -> bool {
    let parts = KEYWORDS.iter().flat_map(|keyword| keyword.split(' '));
    parts
        .map(|part| part.trim_end_matches(['(', ')', '*']))
        .any(|keyword| keyword == word)
}

impl Validator for Words {}

impl Helper for Words {}

#[cfg(test)]
mod tests {
    use super::ends;

    #[test]
    fn a_statement_ends_with_a_semicolon() {
        assert!(ends("select 1;"));
        assert!(ends("select ';';  "));
        assert!(ends("select 1; -- done"));
        assert!(!ends("select 1"));
        assert!(!ends("select ';"));
        assert!(!ends("select 1 -- ;"));
        assert!(!ends("select 1;\nselect"));
    }
}
