//! Which objects a summary is about: `CIM_Process`, `CIM_DataFile.Category=["Others","Shared libraries"]`,
//! `CIM_Process.Executable="/usr/bin/.*",Handle="1234"`.
//!
//! A value is that text, or a regular expression that the whole value matches. Nothing of it is ever run.

use std::fmt;

use regex_lite::{Regex, RegexBuilder};
use unspool_model::objects::{Object, Value};

/// Values in all conditions of one filter.
pub const VALUES_MAX: usize = 1000;
/// Bytes that one compiled expression may take.
const EXPRESSION_BYTES_MAX: usize = 1 << 20;

/// Classes that a filter may name.
const CLASSES: &[&str] = &[
    "CIM_ComputerSystem",
    "CIM_OperatingSystem",
    "CIM_NetworkAdapter",
    "CIM_Process",
    "CIM_DataFile",
    "CIM_Directory",
];

/// Chooses objects; without any condition all of them.
#[derive(Clone, Debug, Default)]
pub struct Select {
    wanted: Vec<Wanted>,
}

/// Objects of a class for which every condition holds.
#[derive(Clone, Debug)]
struct Wanted {
    class: String,
    conditions: Vec<(String, Vec<Pattern>)>,
}

#[derive(Clone, Debug)]
struct Pattern {
    text: String,
    expression: Option<Regex>,
}

/// Why a filter cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SelectError {
    /// What is wrong, and where.
    pub message: String,
    /// What may stand there.
    pub hint: String,
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.hint)
    }
}

impl std::error::Error for SelectError {}

impl Select {
    /// Adds what one `-s` says.
    pub fn add(&mut self, text: &str) -> Result<(), SelectError> {
        let wanted = Parser { text, rest: text }.wanted()?;
        self.wanted.push(wanted);
        Ok(())
    }

    /// Whether the object is chosen.
    pub fn takes(&self, object: &Object) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|wanted| wanted.takes(object))
    }
}

impl Wanted {
    fn takes(&self, object: &Object) -> bool {
        // Folders are files to whoever asks for files, as they are to dockit.
        let same_class = self.class == object.class
            || (self.class == "CIM_DataFile" && object.class == "CIM_Directory");
        same_class
            && self.conditions.iter().all(|(name, patterns)| {
                let value = match object.property(name) {
                    Some(Value::Text(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
                    Some(Value::Number(number)) => number.to_string(),
                    Some(Value::Time(_)) | None => return false,
                };
                patterns.iter().any(|pattern| pattern.matches(&value))
            })
    }
}

impl Pattern {
    fn new(text: String) -> Result<Self, regex_lite::Error> {
        let is_plain = text
            .chars()
            .all(|letter| !"\\.+*?()|[]{}^$".contains(letter));
        let expression = if is_plain {
            None
        } else {
            let whole = format!("^(?s:{text})$");
            Some(
                RegexBuilder::new(&whole)
                    .size_limit(EXPRESSION_BYTES_MAX)
                    .build()?,
            )
        };
        Ok(Self { text, expression })
    }

    fn matches(&self, value: &str) -> bool {
        // A file's name is meant as it stands, though its dots could stand for anything.
        self.text == value
            || self
                .expression
                .as_ref()
                .is_some_and(|expression| expression.is_match(value))
    }
}

/// Reads `Class[.Key=VALUE[,Key=VALUE]...]`; a colon may stand for the dot.
struct Parser<'t> {
    text: &'t str,
    rest: &'t str,
}

impl<'t> Parser<'t> {
    fn wanted(mut self) -> Result<Wanted, SelectError> {
        let class = self.word();
        if !CLASSES.contains(&class) {
            return Err(self.error(
                &format!("there is no class `{class}`"),
                &format!("classes: {}", CLASSES.join(", ")),
            ));
        }
        let mut conditions = Vec::new();
        let mut values = 0;
        let begins = self.take('.') || self.take(':');
        while begins && !self.rest.trim_start().is_empty() {
            let name = self.word().to_owned();
            if name.is_empty() || !self.take('=') {
                return Err(self.error(
                    "a property and `=` are missing",
                    "for example `Handle=\"1\"`",
                ));
            }
            let patterns = self.values()?;
            values += patterns.len();
            if values > VALUES_MAX {
                let message = format!("there are more than {VALUES_MAX} values");
                return Err(self.error(&message, "a regular expression can stand for many"));
            }
            conditions.push((name, patterns));
            if !self.take(',') {
                break;
            }
        }
        if !self.rest.trim().is_empty() {
            return Err(self.error(
                "something is left behind the end",
                "conditions are separated by `,`",
            ));
        }
        Ok(Wanted {
            class: class.to_owned(),
            conditions,
        })
    }

    /// `"v"`, or `["v", 'w']`.
    fn values(&mut self) -> Result<Vec<Pattern>, SelectError> {
        if !self.take('[') {
            return Ok(vec![self.value()?]);
        }
        let mut patterns = Vec::new();
        while !self.take(']') {
            patterns.push(self.value()?);
            if !self.take(',') && !self.rest.trim_start().starts_with(']') {
                return Err(self.error("the list does not end", "`]` is missing"));
            }
        }
        Ok(patterns)
    }

    /// A quoted text; a backslash before a quote is taken away, other backslashes belong to the expression.
    fn value(&mut self) -> Result<Pattern, SelectError> {
        let text = self.rest.trim_start();
        let mut letters = text.char_indices();
        let Some((_, quote @ ('"' | '\''))) = letters.next() else {
            let hint = "for example `Name=\"/etc/.*\"`";
            return Err(self.error("a value in quotes is missing", hint));
        };
        let mut value = String::new();
        while let Some((at, letter)) = letters.next() {
            if letter == quote {
                self.rest = text.get(at + 1..).unwrap_or("");
                return Pattern::new(value.clone()).map_err(|error| {
                    let message = format!("`{value}` is no regular expression: {error}");
                    self.error(&message, "`\\` before a character takes its meaning away")
                });
            }
            if letter == '\\' {
                match letters.next() {
                    Some((_, next)) if next == quote => value.push(next),
                    Some((_, next)) => value.extend(['\\', next]),
                    None => {}
                }
            } else {
                value.push(letter);
            }
        }
        Err(self.error("a value does not end", &format!("`{quote}` is missing")))
    }

    fn word(&mut self) -> &'t str {
        let text = self.rest.trim_start();
        let end = text
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        self.rest = rest;
        word
    }

    fn take(&mut self, letter: char) -> bool {
        match self.rest.trim_start().strip_prefix(letter) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn error(&self, what: &str, hint: &str) -> SelectError {
        let at = self.text.len() - self.rest.len();
        SelectError {
            message: format!("{what}, at character {at} of `{}`", self.text),
            hint: hint.to_owned(),
        }
    }
}
