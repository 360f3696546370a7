//! Secrets whose value is known, because the command got them: they are found wherever they turn up.
//!
//! A library tracer shows a password on its way through `strlen` and `strchr`, where no rule could know it.

use std::fmt;
use std::ops::Range;

/// Shorter values are not looked for: they would be found in harmless text.
pub(super) const LEN_MIN: usize = 8;
/// So many values are kept, the first ones.
const VALUES_MAX: usize = 256;
/// Longest part of a value that has to agree.
const LEN_MAX: usize = 4096;

/// Values to look for.
#[derive(Clone, Default)]
pub(super) struct Learned {
    values: Vec<Vec<u8>>,
    /// One bit for each pair of bytes with which a value begins.
    pairs: Vec<u64>,
}

impl fmt::Debug for Learned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Learned({} values withheld)", self.values.len())
    }
}

impl Learned {
    /// Looks for `value` from now on. Values that are too short or one too many are left out.
    pub(super) fn add(&mut self, value: &[u8]) {
        let value = &value[..value.len().min(LEN_MAX)];
        if value.len() < LEN_MIN
            || self.values.len() == VALUES_MAX
            || self.values.iter().any(|known| known == value)
        {
            return;
        }
        if self.pairs.is_empty() {
            self.pairs = vec![0; 1 << 10];
        }
        let pair = pair_number(value[0], value[1]);
        self.pairs[pair >> 6] |= 1 << (pair & 63);
        self.values.push(value.to_vec());
        // Of two values that begin alike the longer one has to win.
        self.values
            .sort_by_key(|value| std::cmp::Reverse(value.len()));
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Adds the places of known values in `text`.
    pub(super) fn find(&self, text: &[u8], found: &mut Vec<Range<usize>>) {
        if self.values.is_empty() || text.len() < LEN_MIN {
            return;
        }
        for at in 0..=text.len() - LEN_MIN {
            let pair = pair_number(text[at], text[at + 1]);
            if self.pairs[pair >> 6] & (1 << (pair & 63)) != 0
                && let Some(value) = self
                    .values
                    .iter()
                    .find(|value| text[at..].starts_with(value))
            {
                found.push(at..at + value.len());
            }
        }
    }
}

fn pair_number(first: u8, second: u8) -> usize {
    (usize::from(first) << 8) | usize::from(second)
}

/// Whether a value looks as if it had been drawn at random: long, of letters and digits, without a path's slashes or a
/// sentence's blanks.
pub(super) fn looks_random(value: &[u8]) -> bool {
    let plain = value.iter().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'_' | b'=' | b'-' | b'.')
    });
    // Words and versions between separators (`stable-x86_64-unknown-linux-gnu`) are none.
    let is_mixed = value
        .split(|byte| !byte.is_ascii_alphanumeric())
        .any(|part| {
            let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
            part.len() >= 8 && digits >= 2 && digits < part.len()
        });
    value.len() >= 16 && plain && is_mixed
}

#[cfg(test)]
mod tests {
    use super::looks_random;

    #[test]
    fn words_are_not_random() {
        for value in [
            "stable-x86_64-unknown-linux-gnu",
            "/run/user/1000/bus",
            "en_US.UTF-8",
        ] {
            assert!(!looks_random(value.as_bytes()), "{value}");
        }
        for value in [
            "9f86d081884c7d659a2feaa0c55ad015",
            "ghp-16C7e42F292c6912E7710c838347Ae178B4a",
        ] {
            assert!(looks_random(value.as_bytes()), "{value}");
        }
    }
}
