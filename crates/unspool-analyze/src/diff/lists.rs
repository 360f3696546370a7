//! Lists in command lines: like things of which there are more on one day and fewer on another. A command is compared by
//! what stands in it, not by how many of a list.

use std::collections::{BTreeMap, BTreeSet};

use super::profile::Role;

/// Words of one form in the commands of a role from which on they are a list; words that differ by the day need more.
const LIST_MIN: usize = 2;
const DATED_LIST_MIN: usize = 3;

/// Forms of words of which every run that is compared has several.
#[derive(Debug, Default)]
pub(super) struct Lists {
    forms: BTreeSet<Vec<u8>>,
}

impl Lists {
    /// Learns from the commands of one role in two runs.
    pub(super) fn learn(one: &Role, other: &Role) -> Self {
        let forms = |role: &Role| -> BTreeSet<Vec<u8>> {
            let mut members: BTreeMap<Vec<u8>, BTreeSet<&[u8]>> = BTreeMap::new();
            for word in role.commands.keys().flatten().flat_map(|word| parts(word)) {
                if let Some(form) = form(word) {
                    members.entry(form).or_default().insert(word);
                }
            }
            let is_list = |form: &[u8], count: usize| {
                let least = if form.windows(3).any(|part| part == b"<D>") {
                    DATED_LIST_MIN
                } else {
                    LIST_MIN
                };
                count >= least
            };
            members
                .into_iter()
                .filter(|(form, members)| is_list(form, members.len()))
                .map(|(form, _)| form)
                .collect()
        };
        let theirs = forms(other);
        Self {
            forms: forms(one)
                .into_iter()
                .filter(|form| theirs.contains(form))
                .collect(),
        }
    }

    /// What stands in a command, in order, lists by their form.
    pub(super) fn signature(&self, words: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut signature: Vec<Vec<u8>> = Vec::new();
        for word in words.iter().flat_map(|word| parts(word)) {
            let member = self.member(word);
            if member.is_none() || signature.last() != member.as_ref() {
                signature.push(member.unwrap_or_else(|| word.to_vec()));
            }
        }
        signature
    }

    /// The form of a word that is one of a list.
    pub(super) fn member(&self, word: &[u8]) -> Option<Vec<u8>> {
        form(word).filter(|form| self.forms.contains(form))
    }
}

/// The words of a word: a shell is given a command line in one.
pub(super) fn parts(word: &[u8]) -> impl Iterator<Item = &[u8]> {
    word.split(u8::is_ascii_whitespace)
        .filter(|part| !part.is_empty())
}

/// A path with numbers of its last component as `#` and days as `<D>`; `None` when it has neither, or is no path.
fn form(word: &[u8]) -> Option<Vec<u8>> {
    let is_path = word.contains(&b'/') || word.contains(&b'.');
    if !is_path || word.starts_with(b"-") || word.windows(4).any(|part| part == b".so.") {
        return None;
    }
    let trimmed = word.strip_suffix(b"/").unwrap_or(word);
    let base = trimmed.len() - super::roles::base(trimmed).len();
    let mut out = Vec::with_capacity(word.len());
    let mut at = 0;
    while let Some(rest) = word.get(at..).filter(|rest| !rest.is_empty()) {
        let byte = *rest.first()?;
        let placeholder = rest
            .iter()
            .take(24)
            .position(|byte| *byte == b'>')
            .filter(|_| byte == b'<');
        if let Some(end) = placeholder {
            let inner = rest.get(..=end)?;
            let is_day = inner.starts_with(b"<D+") || inner.starts_with(b"<D-");
            out.extend_from_slice(if is_day { b"<D>" } else { inner });
            at += end + 1;
            continue;
        }
        if at < base || !byte.is_ascii_digit() {
            out.push(byte);
        } else if out.last() != Some(&b'#') {
            out.push(b'#');
        }
        at += 1;
    }
    (out != word).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::form;

    #[track_caller]
    fn check(word: &str, expect: Option<&str>) {
        let found = form(word.as_bytes());
        let found = found.map(|form| String::from_utf8_lossy(&form).into_owned());
        assert_eq!(found.as_deref(), expect, "{word}");
    }

    #[test]
    fn forms_of_lists() {
        check("t/note-07.txt", Some("t/note-#.txt"));
        check("run-2/out/<D-3>-<HASH>/", Some("run-2/out/<D>-<HASH>/"));
        check("t/notes.txt", None);
        check("-n", None);
        check("--jobs=4", None);
        check("12", None);
        check("/lib/libz.so.1.2", None);
    }
}
