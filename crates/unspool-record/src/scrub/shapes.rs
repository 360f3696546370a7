//! Secrets that are known by their look, whatever stands around them.

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
/// Every first pair of bytes has to be in [`may_hold_shape`].
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

/// Whether `text` holds a pair of bytes with which a shape begins. Written so that the compiler makes vector code of it.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches the loop becomes vector code"
)]
pub(super) fn may_hold_shape(text: &[u8]) -> bool {
    let Some((_, shifted)) = text.split_first() else {
        return false;
    };
    text.chunks(64)
        .zip(shifted.chunks(64))
        .any(|(first, second)| {
            first.iter().zip(second).fold(false, |any, (&a, &b)| {
                any | ((a == b'A') & ((b == b'K') | (b == b'S') | (b == b'I') | (b == b'G')))
                    | ((a == b'g') & ((b == b'h') | (b == b'i') | (b == b'l')))
                    | ((a == b'x') & (b == b'o'))
                    | (((a == b's') | (a == b'r')) & (b == b'k'))
                    | ((a == b'n') & (b == b'p'))
                    | ((a == b'y') & (b == b'a'))
                    | ((a == b'h') & (b == b'f'))
                    | ((a == b'S') & (b == b'G'))
                    | ((a == b'B') & (b == b'e'))
                    | ((a == b'e') & (b == b'y'))
                    | ((a == b'-') & (b == b'-'))
            })
        })
}

/// Adds the places of secrets that are known by their look.
pub(super) fn find(text: &[u8], found: &mut Vec<Range<usize>>) {
    if !may_hold_shape(text) {
        return;
    }
    find_pem(text, found);
    let mut at = 0;
    while at < text.len() {
        let boundary = at == 0 || !is_word(text[at - 1]);
        let len = if boundary {
            match_at(text, at, found)
        } else {
            0
        };
        at += len.max(1);
    }
}

/// Adds the secret that begins at `at`, and gives its length, 0 when there is none.
fn match_at(text: &[u8], at: usize, found: &mut Vec<Range<usize>>) -> usize {
    let rest = &text[at..];
    match rest.first() {
        Some(b'e') => {
            let len = jwt_len(rest);
            found.push(at..at + len);
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
