//! Secrets that are known by their look, whatever stands around them.

use super::lanes::{LANES, Marks};
use memchr::memmem;
use std::ops::Range;

/// A kind of secret that begins with fixed bytes.
struct Shape {
    prefix: &'static [u8],
    /// At least so many bytes of `tail` follow. Somewhat below the true length, so that a string cut by a tracer still shows.
    tail_len_min: usize,
    tail: fn(u8) -> bool,
}

/// AWS, GitHub, GitLab, Slack, `OpenAI` and the like, Stripe, npm, Google, Hugging Face, `SendGrid`, age.
/// The first three bytes of each have to be in [`GROUPS`].
const SHAPES: &[Shape] = &[
    Shape {
        prefix: b"AKIA",
        tail_len_min: 12,
        tail: is_upper_alphanumeric,
    },
    Shape {
        prefix: b"ASIA",
        tail_len_min: 12,
        tail: is_upper_alphanumeric,
    },
    Shape {
        prefix: b"ghp_",
        tail_len_min: 16,
        tail: is_word,
    },
    Shape {
        prefix: b"gho_",
        tail_len_min: 16,
        tail: is_word,
    },
    Shape {
        prefix: b"ghu_",
        tail_len_min: 16,
        tail: is_word,
    },
    Shape {
        prefix: b"ghs_",
        tail_len_min: 16,
        tail: is_word,
    },
    Shape {
        prefix: b"ghr_",
        tail_len_min: 16,
        tail: is_word,
    },
    Shape {
        prefix: b"github_pat_",
        tail_len_min: 16,
        tail: is_word,
    },
    Shape {
        prefix: b"glpat-",
        tail_len_min: 12,
        tail: is_base64_url,
    },
    Shape {
        prefix: b"xoxa-",
        tail_len_min: 8,
        tail: is_base64_url,
    },
    Shape {
        prefix: b"xoxb-",
        tail_len_min: 8,
        tail: is_base64_url,
    },
    Shape {
        prefix: b"xoxe-",
        tail_len_min: 8,
        tail: is_base64_url,
    },
    Shape {
        prefix: b"xoxp-",
        tail_len_min: 8,
        tail: is_base64_url,
    },
    Shape {
        prefix: b"xoxr-",
        tail_len_min: 8,
        tail: is_base64_url,
    },
    Shape {
        prefix: b"xoxs-",
        tail_len_min: 8,
        tail: is_base64_url,
    },
    Shape {
        prefix: b"sk-",
        tail_len_min: 16,
        tail: is_base64_url,
    },
    Shape {
        prefix: b"sk_live_",
        tail_len_min: 8,
        tail: is_word,
    },
    Shape {
        prefix: b"sk_test_",
        tail_len_min: 8,
        tail: is_word,
    },
    Shape {
        prefix: b"rk_live_",
        tail_len_min: 8,
        tail: is_word,
    },
    Shape {
        prefix: b"npm_",
        tail_len_min: 24,
        tail: is_word,
    },
    Shape {
        prefix: b"AIza",
        tail_len_min: 24,
        tail: is_base64_url,
    },
    Shape {
        prefix: b"ya29.",
        tail_len_min: 16,
        tail: is_base64_url,
    },
    Shape {
        prefix: b"hf_",
        tail_len_min: 24,
        tail: is_word,
    },
    Shape {
        prefix: b"SG.",
        tail_len_min: 16,
        tail: is_token68,
    },
    Shape {
        prefix: b"AGE-SECRET-KEY-1",
        tail_len_min: 8,
        tail: is_upper_alphanumeric,
    },
];

/// Before an HTTP credential; what follows it is the secret.
const BEARER: &[u8] = b"Bearer ";
/// Shortest credential after `Bearer`.
const BEARER_LEN_MIN: usize = 8;
/// How a JSON web token begins: `{"` in base64.
const JWT_START: &[u8] = b"eyJ";
/// How a PEM block begins, and its label ends.
const PEM_BEGIN: &[u8] = b"-----BEGIN ";
const PEM_END: &[u8] = b"-----END ";
const PEM_DASHES: &[u8] = b"-----";
/// Longest label of a PEM block.
const PEM_LABEL_LEN_MAX: usize = 64;

/// How shapes begin, in eight groups: the bytes that may come first, second and third. More beginnings pass than shapes have.
const GROUPS: [[&[u8]; 3]; 8] = [
    [b"A", b"KSIG", b"IzE"],
    [b"g", b"hil", b"pousrt"],
    [b"x", b"o", b"x"],
    [b"sr", b"k", b"-_"],
    [b"ny", b"pa", b"m2"],
    [b"hS", b"fG", b"_."],
    [b"Be", b"ey", b"aJ"],
    [b"-", b"-", b"-"],
];

/// For each byte the groups in which it may come first, second, third: one bit each.
static BEGINNINGS: [[u8; 256]; 3] = {
    let mut tables = [[0; 256]; 3];
    let mut group = 0;
    while group < GROUPS.len() {
        let mut place = 0;
        while place < 3 {
            let bytes = GROUPS[group][place];
            let mut at = 0;
            while at < bytes.len() {
                tables[place][bytes[at] as usize] |= 1 << group;
                at += 1;
            }
            place += 1;
        }
        group += 1;
    }
    tables
};

/// The bits of what may begin with these three bytes.
#[inline]
fn begins(bytes: &[u8]) -> u8 {
    let [first, second, third] = &BEGINNINGS;
    first[usize::from(bytes[0])] & second[usize::from(bytes[1])] & third[usize::from(bytes[2])]
}

/// Looks at a text once. Calls `separator` for the place of every `=` and `:` until it gives true; gives whether it did,
/// or a shape may begin somewhere: then not every separator was looked at.
pub(super) fn any_beginning(text: &[u8], mut separator: impl FnMut(usize) -> bool) -> bool {
    let (chunks, rest) = text.as_chunks::<LANES>();
    let mut last = [0; LANES];
    last[..rest.len()].copy_from_slice(rest);
    let mut before = Marks::default();
    let mut at = 0;
    for chunk in chunks.iter().chain([&last]) {
        let marks = Marks::of(chunk);
        // Shapes begin where no word goes on, and PEM blocks with the first of their dashes.
        let mut starts = (marks.words & !marks.words_behind(before))
            | (marks.dashes & !marks.dashes_behind(before));
        while starts != 0 {
            let place = at + starts.trailing_zeros() as usize;
            // The last two bytes begin no shape.
            if text
                .get(place..place + 3)
                .is_some_and(|bytes| begins(bytes) != 0)
            {
                return true;
            }
            starts &= starts - 1;
        }
        let mut separators = marks.separators;
        while separators != 0 {
            if separator(at + separators.trailing_zeros() as usize) {
                return true;
            }
            separators &= separators - 1;
        }
        before = marks;
        at += LANES;
    }
    false
}

/// Whether `text` holds three bytes with which a shape may begin.
pub(super) fn may_hold_shape(text: &[u8]) -> bool {
    any_beginning(text, |_| false)
}

/// Whether there may be a secret that is known by its look in `text` or in a longer one that goes on with no letter: false
/// only when [`find`] finds nothing.
pub(super) fn may_find(text: &[u8]) -> bool {
    if !may_hold_shape(text) {
        return false;
    }
    let mut found = Vec::new();
    find_shapes(text, &mut found);
    !found.is_empty() || memmem::find(text, PEM_BEGIN).is_some()
}

/// Adds the places of secrets that are known by their look.
pub(super) fn find(text: &[u8], found: &mut Vec<Range<usize>>) {
    if may_hold_shape(text) {
        find_pem(text, found);
        find_shapes(text, found);
    }
}

/// The first byte of a shape, as [`match_at`] tells them apart.
static STARTS: [bool; 256] = {
    let mut starts = [false; 256];
    let mut at = 0;
    let bytes = b"eBAgxsrnyhS";
    while at < bytes.len() {
        starts[bytes[at] as usize] = true;
        at += 1;
    }
    starts
};

/// Adds the places of shapes that begin where no word goes on.
fn find_shapes(text: &[u8], found: &mut Vec<Range<usize>>) {
    let mut at = 0;
    let mut before = b' ';
    while at < text.len() {
        let len = if STARTS[usize::from(text[at])] && !is_word(before) {
            match_at(text, at, found)
        } else {
            0
        };
        at += len.max(1);
        before = text[at - 1];
    }
}

/// Adds the secret that begins at `at`, and gives its length, 0 when there is none.
fn match_at(text: &[u8], at: usize, found: &mut Vec<Range<usize>>) -> usize {
    let rest = &text[at..];
    match rest.first() {
        Some(b'e') => {
            let len = jwt_len(rest);
            if len > 0 {
                found.push(at..at + len);
            }
            len
        }
        Some(b'B') if rest.starts_with(BEARER) => {
            let len = tail_len(rest, BEARER.len(), is_token68);
            if len < BEARER_LEN_MIN {
                return 0;
            }
            found.push(at + BEARER.len()..at + BEARER.len() + len);
            BEARER.len() + len
        }
        Some(b'A' | b'g' | b'x' | b's' | b'r' | b'n' | b'y' | b'h' | b'S') => {
            let Some(shape) = SHAPES.iter().find(|shape| rest.starts_with(shape.prefix)) else {
                return 0;
            };
            let len = tail_len(rest, shape.prefix.len(), shape.tail);
            let digit = rest[shape.prefix.len()..shape.prefix.len() + len]
                .iter()
                .any(u8::is_ascii_digit);
            if len < shape.tail_len_min || !digit {
                return 0;
            }
            found.push(at..at + shape.prefix.len() + len);
            shape.prefix.len() + len
        }
        _ => 0,
    }
}

/// Length of the JSON web token at the start of `text`, also of one that ends with the text, 0 when there is none.
fn jwt_len(text: &[u8]) -> usize {
    if !text.starts_with(JWT_START) {
        return 0;
    }
    let mut len = tail_len(text, 0, is_base64_url);
    if len < 12 {
        return 0;
    }
    if len == text.len() {
        return len;
    }
    let mut parts = 1;
    while parts < 3 && text.get(len) == Some(&b'.') {
        let part = tail_len(text, len + 1, is_base64_url);
        len += 1 + part;
        parts += 1;
    }
    if parts == 1 { 0 } else { len }
}

/// Adds the bodies of PEM blocks. One that was cut reaches to the end of the text.
fn find_pem(text: &[u8], found: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(begin) = memmem::find(&text[from..], PEM_BEGIN) {
        let label = from + begin + PEM_BEGIN.len();
        from = label;
        let window = &text[label..text.len().min(label + PEM_LABEL_LEN_MAX)];
        let Some(label_len) = memmem::find(window, PEM_DASHES) else {
            continue;
        };
        let body = label + label_len + PEM_DASHES.len();
        let end = memmem::find(&text[body..], PEM_END).map_or(text.len(), |at| body + at);
        found.push(body..end);
        from = end;
    }
}

fn tail_len(text: &[u8], from: usize, accepts: fn(u8) -> bool) -> usize {
    text[from.min(text.len())..]
        .iter()
        .take_while(|byte| accepts(**byte))
        .count()
}

fn is_upper_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_base64_url(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

/// Characters of an HTTP credential, RFC 9110 section 11.2.
fn is_token68(byte: u8) -> bool {
    is_base64_url(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=')
}

#[cfg(test)]
pub(super) fn prefixes() -> impl Iterator<Item = &'static [u8]> {
    SHAPES.iter().map(|shape| shape.prefix)
}
