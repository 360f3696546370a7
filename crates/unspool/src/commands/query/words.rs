//! Which of the operands are runs, which is the query, which are its values.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::failure::Failure;

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Question {
    /// A statement.
    Sql(String),
    /// The name of a saved query.
    Saved(String),
    /// Nothing: a prompt is wanted.
    Nothing,
}

/// The operands, told apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Words {
    /// References of runs, as typed.
    pub(super) runs: Vec<String>,
    /// The query.
    pub(super) question: Question,
    /// Values by name.
    pub(super) values: BTreeMap<String, String>,
}

/// Words that begin a statement.
const BEGINNINGS: [&str; 11] = [
    "select", "with", "explain", "describe", "show", "values", "from", "insert", "copy", "create",
    "(",
];

/// A statement has more than one word, or is `values(1)`; names of runs have no spaces, URLs may.
fn is_sql(word: &str) -> bool {
    if ["s3://", "file://"]
        .iter()
        .any(|scheme| word.starts_with(scheme))
    {
        return false;
    }
    let word = word.trim_start();
    let first = word
        .split(|letter: char| !letter.is_ascii_alphabetic())
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let begins = BEGINNINGS.contains(&first.as_str()) && word.len() > first.len();
    let is_call = word
        .get(first.len()..)
        .is_some_and(|rest| rest.starts_with(['(', '\'', '*']));
    word.contains(char::is_whitespace) || (begins && is_call) || word.starts_with('(')
}

/// `name=value`, where the name could stand behind `$`.
pub(super) fn value(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    is_name.then_some((name, value))
}

/// Tells the operands apart.
pub(super) fn words(operands: &[String]) -> Result<Words> {
    let mut words = Words {
        runs: Vec::new(),
        question: Question::Nothing,
        values: BTreeMap::new(),
    };
    for word in operands {
        let asked = words.question != Question::Nothing;
        if asked && let Some((name, value)) = value(word) {
            words.values.insert(name.to_owned(), value.to_owned());
        } else if let Some(name) = word.strip_prefix(':') {
            only_one(asked, word)?;
            words.question = Question::Saved(name.to_owned());
        } else if is_sql(word) {
            only_one(asked, word)?;
            words.question = Question::Sql(word.clone());
        } else if asked {
            return Err(
                Failure::usage(format!("`{word}` stands behind the query"))
                    .hint("runs come before the query, values `name=value` behind it; a query is one word: put it in quotes")
                    .into(),
            );
        } else {
            words.runs.push(word.clone());
        }
    }
    Ok(words)
}

fn only_one(asked: bool, word: &str) -> Result<()> {
    if asked {
        return Err(Failure::usage(format!("`{word}` is a second query"))
            .hint("ask one at a time, or several in the prompt: `unspool query RUN`")
            .into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Question, words};

    #[track_caller]
    fn check(operands: &[&str], runs: &[&str], question: &Question, values: &[(&str, &str)]) {
        let operands: Vec<String> = operands.iter().map(|word| (*word).to_owned()).collect();
        let found = words(&operands).expect("operands");
        assert_eq!(found.runs, runs);
        assert_eq!(&found.question, question);
        let pairs: Vec<(&str, &str)> = found
            .values
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(pairs, values);
    }

    #[test]
    fn operands_are_told_apart() {
        let sql = |text: &str| Question::Sql(text.to_owned());
        check(&[], &[], &Question::Nothing, &[]);
        check(&["@", "night*"], &["@", "night*"], &Question::Nothing, &[]);
        check(&["select 1"], &[], &sql("select 1"), &[]);
        check(
            &["s3://b/of them", "select 1"],
            &["s3://b/of them"],
            &sql("select 1"),
            &[],
        );
        check(&["@1", "values(1)"], &["@1"], &sql("values(1)"), &[]);
        check(
            &["./select/run", "select $a", "a=b=c"],
            &["./select/run"],
            &sql("select $a"),
            &[("a", "b=c")],
        );
        check(
            &["select-night", ":who-wrote", "path=/etc/x"],
            &["select-night"],
            &Question::Saved("who-wrote".to_owned()),
            &[("path", "/etc/x")],
        );
    }

    #[test]
    fn two_queries_are_refused() {
        let operands = ["select 1", "select 2"].map(str::to_owned);
        assert!(words(&operands).is_err());
        let operands = ["select", "1"].map(str::to_owned);
        assert!(words(&operands).is_ok(), "two names of runs");
    }
}
