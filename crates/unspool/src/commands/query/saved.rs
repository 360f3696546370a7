//! Saved queries: files of SQL with a comment that says what they answer.

use anyhow::Result;
use std::collections::BTreeMap;

use crate::commands::nearest;
use crate::failure::Failure;

/// A saved query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Saved {
    /// Its name, as `:NAME` takes it.
    pub(crate) name: &'static str,
    /// The file.
    pub(crate) file: &'static str,
}

macro_rules! saved {
    ($($name:literal),* $(,)?) => {
        &[$(Saved { name: $name, file: include_str!(concat!("saved/", $name, ".sql")) }),*]
    };
}

/// Every saved query.
pub(crate) static SAVED: &[Saved] = saved![
    "who-wrote",
    "slow-opens",
    "bytes-per-second",
    "who-talked",
    "waits",
    "failed-opens",
    "read-twice",
    "critical-path",
    "leaked-descriptors",
    "top-resources",
    "elk-activeopen-lib",
    "elk-activeopen-nolib",
    "elk-readwrite-summary",
    "elk-justfiles-summary",
    "elk-session-syscalls",
    "elk-mmap-onfile",
    "elk-mmap-onfile-private",
    "elk-mmap-onfile-shared",
    "elk-mmap-anonymous",
    "elk-clone",
    "elk-execve",
    "elk-clone-execve",
    "elk-chart-sessions",
    "elk-chart-syscalls",
    "elk-chart-sessions-by-pid",
    "elk-chart-top-sessions",
    "elk-chart-size-by-pid",
    "elk-chart-size-by-session",
    "elk-chart-mmap-over-time",
];

/// A value that a saved query takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Parameter {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is where nobody says.
    pub(crate) default: Option<&'static str>,
    /// What it means.
    pub(crate) doc: &'static str,
}

impl Saved {
    /// What it answers.
    pub(crate) fn doc(&self) -> &'static str {
        let first = self.file.lines().next().unwrap_or_default();
        first.trim_start_matches("--").trim()
    }

    /// The values that it takes: lines `-- $NAME: MEANING` or `-- $NAME = DEFAULT: MEANING`.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = Parameter> {
        let lines = self.file.lines();
        lines.filter_map(|line| {
            let (head, doc) = line.strip_prefix("-- $")?.split_once(": ")?;
            let (name, default) = match head.split_once(" = ") {
                Some((name, default)) => (name, Some(default)),
                None => (head, None),
            };
            Some(Parameter { name, default, doc })
        })
    }

    /// The statement without its comments.
    pub(crate) fn sql(&self) -> String {
        let lines = self.file.lines();
        let lines: Vec<&str> = lines.filter(|line| !line.starts_with("--")).collect();
        lines.join("\n")
    }

    /// The values, with defaults; says which one is missing or not known.
    pub(super) fn values(
        &self,
        given: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>> {
        let mut values = BTreeMap::new();
        for parameter in self.parameters() {
            let value = given
                .get(parameter.name)
                .map(String::as_str)
                .or(parameter.default);
            let Some(value) = value else {
                return Err(Failure::usage(format!(
                    "`:{}` needs `{}=...`: {}",
                    self.name, parameter.name, parameter.doc
                ))
                .hint(format!(
                    "`unspool query :{} {}=VALUE`",
                    self.name, parameter.name
                ))
                .into());
            };
            values.insert(parameter.name.to_owned(), value.to_owned());
        }
        if let Some(name) = given.keys().find(|name| !values.contains_key(*name)) {
            let names: Vec<&str> = self.parameters().map(|parameter| parameter.name).collect();
            let hint = match names.as_slice() {
                [] => "it takes no values".to_owned(),
                names => format!("it takes: {}", names.join(", ")),
            };
            return Err(
                Failure::usage(format!("`:{}` takes no `{name}`", self.name))
                    .hint(hint)
                    .into(),
            );
        }
        Ok(values)
    }
}

/// Finds a saved query.
pub(super) fn find(name: &str) -> Result<&'static Saved> {
    SAVED
        .iter()
        .find(|saved| saved.name == name)
        .ok_or_else(|| {
            let hint = match nearest(name, SAVED.iter().map(|saved| saved.name)) {
                Some(alike) => format!("did you mean `:{alike}`? `unspool query --list` lists all"),
                None => "`unspool query --list` lists all".to_owned(),
            };
            Failure::usage(format!("there is no saved query `{name}`"))
                .hint(hint)
                .into()
        })
}

/// The list of saved queries, for people.
pub(super) fn list() -> String {
    let mut text = String::new();
    for saved in SAVED {
        let values: Vec<String> = saved
            .parameters()
            .map(|parameter| match parameter.default {
                Some(default) => format!("[{}={default}]", parameter.name),
                None => format!("{}=...", parameter.name),
            })
            .collect();
        let call = format!(":{} {}", saved.name, values.join(" "));
        text.push_str(&format!("{:<32} {}\n", call.trim_end(), saved.doc()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::SAVED;

    /// Every file is in the list and says what it answers and what its values mean.
    #[test]
    fn every_file_is_listed_and_says_what_it_answers() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/commands/query/saved");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder is there")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("a name")
            })
            .collect();
        files.sort_unstable();
        let mut listed: Vec<String> = SAVED
            .iter()
            .map(|saved| format!("{}.sql", saved.name))
            .collect();
        listed.sort_unstable();
        assert_eq!(files, listed);
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/query.md");
        let page = std::fs::read_to_string(page).expect("the page is there");
        for saved in SAVED {
            assert!(saved.doc().ends_with('.'), "{}", saved.name);
            let sql = saved.sql();
            let used = sql.matches('$').count();
            assert_eq!(
                used > 0,
                saved.parameters().next().is_some(),
                "{}",
                saved.name
            );
            assert!(
                page.contains(saved.file),
                "docs/query.md lacks {}",
                saved.name
            );
            for parameter in saved.parameters() {
                assert!(
                    sql.contains(&format!("${}", parameter.name)),
                    "{}",
                    saved.name
                );
                assert!(!parameter.doc.is_empty());
            }
        }
    }
}
