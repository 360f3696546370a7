//! Secrets on command lines: in argument vectors, and in command lines inside one argument (`sh -c '...'`).

use super::keys::Keys;
use super::programs::{self, Program, Rule};
use super::text::{self, Escapes};
use std::ops::Range;

/// A place of a secret: the number of the word, and where in it.
pub(super) type Place = (usize, Range<usize>);

/// Command lines inside command lines are looked into so deep: `sudo sh -c "ssh host 'mysql -pX'"`.
const NESTING_MAX: usize = 4;

/// A subcommand is looked for in so many words after the program's name.
const SUBCOMMAND_WITHIN: usize = 8;

/// What is known while the words of a command line pass by.
struct Walk<'a> {
    words: &'a [&'a [u8]],
    keys: &'a Keys,
    /// The word that names the program whose rules apply, the nearest before.
    program: usize,
    /// Operands since the program's name.
    operands: usize,
    found: Vec<Place>,
}

/// Gives the places of secrets in the words of a command line.
pub(super) fn find(words: &[&[u8]], keys: &Keys) -> Vec<Place> {
    find_nested(words, keys, 0)
}

fn find_nested(words: &[&[u8]], keys: &Keys, depth: usize) -> Vec<Place> {
    let mut walk = Walk {
        words,
        keys,
        program: 0,
        operands: 0,
        found: Vec::new(),
    };
    for at in 0..words.len() {
        walk.word(at);
    }
    let mut found = walk.found;
    let mut ranges = Vec::new();
    for (at, word) in words.iter().enumerate() {
        text::find(word, Escapes::None, keys, &mut ranges);
        if depth < NESTING_MAX && word.iter().any(u8::is_ascii_whitespace) {
            find_in_command_line(word, keys, depth + 1, &mut ranges);
        }
        found.extend(ranges.drain(..).map(|range| (at, range)));
    }
    found
}

/// Adds the places of secrets in `line`, a command line as a shell would read it.
fn find_in_command_line(line: &[u8], keys: &Keys, depth: usize, found: &mut Vec<Range<usize>>) {
    for command in split_commands(line) {
        let words: Vec<&[u8]> = command.iter().map(|word| &line[word.clone()]).collect();
        for (at, place) in find_nested(&words, keys, depth) {
            let start = command[at].start;
            found.push(start + place.start..start + place.end);
        }
    }
}

impl Walk<'_> {
    /// Adds a secret, without the quotation marks around it.
    fn push(&mut self, at: usize, mut range: Range<usize>) {
        if let [mark @ (b'"' | b'\''), inner @ .., last] = &self.words[at][range.clone()]
            && mark == last
        {
            range = range.start + 1..range.start + 1 + inner.len();
        }
        self.found.push((at, range));
    }

    fn word(&mut self, at: usize) {
        let word = self.words[at];
        if word.starts_with(b"-") && word.len() > 1 {
            self.option(at);
        } else if at > 0 && !self.is_value_of_option(at) && programs::named(word).next().is_some() {
            self.program = at;
            self.operands = 0;
            return;
        } else if at > self.program {
            self.assignment(at);
            self.operands += 1;
        } else {
            self.assignment(at);
        }
        self.program_rules(at);
    }

    /// `--password=X`, `-password X`.
    fn option(&mut self, at: usize) {
        let word = self.words[at];
        if let Some(equals) = word.iter().position(|byte| *byte == b'=') {
            if self.keys.is_secret(&word[..equals]) {
                self.push(at, equals + 1..word.len());
            }
            return;
        }
        let name = word.strip_prefix(b"--").unwrap_or(&word[1..]);
        // `--no-password` and `-p` alone ask for nothing; psql's and mysql's `--password` prompts.
        let prompts = self.words[self.program].ends_with(b"psql") || self.uses_attached();
        if name.len() < 3 || name.starts_with(b"no-") || (prompts && name == b"password") {
            return;
        }
        if self.keys.is_secret(name) && !self.has_rule_for(word) {
            self.next_word(at, false);
        }
    }

    /// `PASSWORD=X` as a whole word: the value may hold anything.
    fn assignment(&mut self, at: usize) {
        let word = self.words[at];
        let len = word
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
            .count();
        if word.get(len) == Some(&b'=') && self.keys.is_secret(&word[..len]) {
            self.push(at, len + 1..word.len());
        }
    }

    fn program_rules(&mut self, at: usize) {
        if at == self.program {
            return;
        }
        for program in programs::named(self.words[self.program]) {
            if self.is_active(program, at) {
                for rule in program.rules {
                    self.apply(*rule, at);
                }
            }
        }
    }

    fn is_active(&self, program: &Program, at: usize) -> bool {
        let last = at.min(self.program + SUBCOMMAND_WITHIN);
        program.subcommand.is_empty()
            || self.words[self.program..last].contains(&program.subcommand)
    }

    fn apply(&mut self, rule: Rule, at: usize) {
        let word = self.words[at];
        match rule {
            Rule::Attached(option) => self.attached(option, at),
            Rule::Separate(option) if word == option => self.next_word(at, true),
            Rule::Both(option) if word == option => self.next_word(at, true),
            Rule::Both(option) => self.attached(option, at),
            Rule::Divided(option, _) if word == option && self.refers(option, at + 1) => {}
            Rule::Divided(option, divider) if word == option => self.divided(at + 1, 0, divider),
            Rule::Divided(option, divider) if word.starts_with(option) => {
                self.divided(at, option.len(), divider);
            }
            Rule::UserSlash if is_operand(word) => {
                if let Some(slash) = word.iter().position(|byte| *byte == b'/')
                    && slash > 0
                {
                    let len = word[slash + 1..]
                        .iter()
                        .take_while(|byte| **byte != b'@')
                        .count();
                    self.push(at, slash + 1..slash + 1 + len);
                }
            }
            Rule::AfterWord(previous) if self.words[at - 1] == previous => {
                self.push(at, 0..word.len());
            }
            Rule::Operand(number, flag) if is_operand(word) && self.operands == number + 1 => {
                let given = |other: &&[u8]| other.starts_with(b"-") && other.ends_with(flag);
                if flag.is_empty() || self.words[self.program..at].iter().any(given) {
                    self.push(at, 0..word.len());
                }
            }
            Rule::AfterKey if is_operand(word) && at > self.program + 1 => {
                let previous = self.words[at - 1];
                let key = previous
                    .iter()
                    .any(|byte| matches!(byte, b'_' | b'.' | b':'));
                if key && is_operand(previous) && self.keys.is_secret(previous) {
                    self.push(at, 0..word.len());
                }
            }
            Rule::Separate(_)
            | Rule::Divided(..)
            | Rule::UserSlash
            | Rule::AfterWord(_)
            | Rule::Operand(..)
            | Rule::AfterKey => {}
        }
    }

    fn attached(&mut self, option: &[u8], at: usize) {
        let word = self.words[at];
        // `--port` is not `-p` with a secret, and `-p` asks for one.
        if word.starts_with(option) && word.len() > option.len() && !word.starts_with(b"--") {
            self.push(at, option.len()..word.len());
        }
    }

    /// The whole next word; `surely` when it is a secret even if it looks like an option.
    fn next_word(&mut self, at: usize, surely: bool) {
        if let Some(next) = self.words.get(at + 1)
            && (surely || is_operand(next))
        {
            self.push(at + 1, 0..next.len());
        }
    }

    /// Whether openssl is told where a pass phrase is, not what it is: `-pass file:seal.key`.
    fn refers(&self, option: &[u8], at: usize) -> bool {
        let places: [&[u8]; 3] = [b"file:", b"env:", b"fd:"];
        option.starts_with(b"-pass")
            && self
                .words
                .get(at)
                .is_some_and(|word| places.iter().any(|place| word.starts_with(place)))
    }

    fn divided(&mut self, at: usize, from: usize, divider: u8) {
        let Some(word) = self.words.get(at) else {
            return;
        };
        if let Some(len) = word[from..].iter().position(|byte| *byte == divider) {
            self.push(at, from + len + 1..word.len());
        }
    }

    /// Whether the program takes a secret only attached to its option, so that `--password` alone prompts.
    fn uses_attached(&self) -> bool {
        programs::named(self.words[self.program])
            .any(|program| matches!(program.rules, [Rule::Attached(_)]))
    }

    /// Whether the program's own rules say how this option holds a secret.
    fn has_rule_for(&self, word: &[u8]) -> bool {
        let about = |rule: &Rule| match rule {
            Rule::Attached(option)
            | Rule::Separate(option)
            | Rule::Both(option)
            | Rule::Divided(option, _) => *option == word,
            Rule::UserSlash | Rule::AfterWord(_) | Rule::Operand(..) | Rule::AfterKey => false,
        };
        programs::named(self.words[self.program]).any(|program| program.rules.iter().any(about))
    }

    /// Whether the word before is an option that takes a secret from this one.
    fn is_value_of_option(&self, at: usize) -> bool {
        self.found.last().is_some_and(|(word, _)| *word == at)
    }
}

fn is_operand(word: &[u8]) -> bool {
    !word.starts_with(b"-")
}

/// Splits a shell's command line into commands, and these into the places of their words, without quotation marks.
fn split_commands(line: &[u8]) -> Vec<Vec<Range<usize>>> {
    let mut commands = vec![Vec::new()];
    let mut at = 0;
    while at < line.len() {
        let byte = line[at];
        if matches!(byte, b';' | b'|' | b'&' | b'\n' | b'(' | b')' | b'`') {
            commands.push(Vec::new());
            at += 1;
        } else if byte.is_ascii_whitespace() {
            at += 1;
        } else {
            let (word, next) = shell_word(line, at);
            if let Some(command) = commands.last_mut() {
                command.push(word);
            }
            at = next;
        }
    }
    commands
}

/// The word at `start`, and where to go on. A word that is one quoted text is given without its marks.
fn shell_word(line: &[u8], start: usize) -> (Range<usize>, usize) {
    if let mark @ (b'"' | b'\'') = line[start] {
        let end = quoted_end(line, start + 1, mark);
        let after = (end + 1).min(line.len());
        if line.get(after).is_none_or(|byte| is_shell_break(*byte)) {
            return (start + 1..end, after);
        }
    }
    let mut at = start;
    while at < line.len() && !is_shell_break(line[at]) {
        at = match line[at] {
            mark @ (b'"' | b'\'') => (quoted_end(line, at + 1, mark) + 1).min(line.len()),
            b'\\' => (at + 2).min(line.len()),
            _ => at + 1,
        };
    }
    (start..at, at)
}

fn quoted_end(line: &[u8], from: usize, mark: u8) -> usize {
    let mut at = from;
    while at < line.len() && line[at] != mark {
        at += if line[at] == b'\\' && mark == b'"' {
            2
        } else {
            1
        };
    }
    at.min(line.len())
}

fn is_shell_break(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b';' | b'|' | b'&' | b'(' | b')' | b'`')
}
