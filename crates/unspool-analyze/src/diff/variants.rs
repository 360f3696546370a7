//! Words of command lines that are data: what differs between the processes of one run differs between runs, too.

use std::collections::BTreeSet;

use super::Joint;

/// Commands of a role that are compared with each other.
const COMMANDS_MAX: usize = 64;

/// Whether each word in which two commands differ also differs between processes of that role in one run, the rest being
/// the same: a worker that is given one item after the other.
pub(super) fn vary_within(
    joint: &Joint<'_>,
    role: u32,
    words: &[Vec<u8>],
    before: &[Vec<u8>],
) -> bool {
    if words.len() != before.len() {
        return false;
    }
    let differing = places_apart(words, before);
    // Of the program itself nothing is said by its own name.
    if differing.is_empty() || differing.contains(&0) {
        return false;
    }
    (0..joint.runs.len()).any(|side| {
        let Some(role) = joint.role_of(role, side) else {
            return false;
        };
        let own = if side == joint.subject() {
            words
        } else {
            before
        };
        let mut varying: BTreeSet<usize> = BTreeSet::new();
        for other in role.commands.keys().take(COMMANDS_MAX) {
            let apart = places_apart(own, other);
            if other.len() == own.len() && apart.is_subset(&differing) {
                varying.extend(apart);
            }
        }
        varying == differing
    })
}

/// Places at which the words of two commands differ, as far as both go.
fn places_apart(one: &[Vec<u8>], other: &[Vec<u8>]) -> BTreeSet<usize> {
    one.iter()
        .zip(other)
        .enumerate()
        .filter(|(_, (one, other))| one != other)
        .map(|(place, _)| place)
        .collect()
}

/// Whether two commands have the same words in another order, and what changed places are paths: a folder lists its files
/// in the order in which they were made.
pub(super) fn is_order_of_files(words: &[Vec<u8>], before: &[Vec<u8>]) -> bool {
    let sorted = |words: &[Vec<u8>]| {
        let mut words: Vec<Vec<u8>> = words.to_vec();
        words.sort_unstable();
        words
    };
    let moved = words
        .iter()
        .zip(before)
        .filter(|(one, other)| one != other)
        .all(|(one, other)| [one, other].iter().all(|word| word.contains(&b'/')));
    moved && sorted(words) == sorted(before)
}

/// Whether words differ by plain numbers alone: `now=38` and `now=19`.
pub(super) fn are_amounts(before: &[Vec<u8>], now: &[Vec<u8>]) -> bool {
    let form = |word: &Vec<u8>| -> Vec<u8> {
        let mut out: Vec<u8> = Vec::new();
        for byte in word {
            if !byte.is_ascii_digit() {
                out.push(*byte);
            } else if out.last() != Some(&b'#') {
                out.push(b'#');
            }
        }
        out
    };
    let is_amount = |word: &Vec<u8>| {
        let form = form(word);
        let value = form.rsplit(|byte| *byte == b'=').next().unwrap_or_default();
        matches!(value, b"#" | b"-#" | b"#.#")
    };
    !now.is_empty()
        && before.len() == now.len()
        && before
            .iter()
            .zip(now)
            .all(|(one, other)| is_amount(other) && form(one) == form(other))
}

#[cfg(test)]
mod tests {
    use super::{are_amounts, is_order_of_files};

    fn words(text: &str) -> Vec<Vec<u8>> {
        text.split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect()
    }

    #[test]
    fn numbers_are_amounts() {
        assert!(are_amounts(&words("now=38"), &words("now=19")));
        assert!(are_amounts(&words("-3"), &words("-1")));
        assert!(!are_amounts(&words("--level=6"), &words("--depth=6")));
        assert!(!are_amounts(&words("a7"), &words("a8")));
        assert!(!are_amounts(&[], &[]));
    }

    #[test]
    fn files_have_no_order() {
        let check = |one, other| is_order_of_files(&words(one), &words(other));
        assert!(check("gzip a/b a/c", "gzip a/c a/b"));
        assert!(!check("gzip -f -k a/b", "gzip -k -f a/b"));
        assert!(!check("gzip a/b a/c", "gzip a/b a/d"));
    }
}
