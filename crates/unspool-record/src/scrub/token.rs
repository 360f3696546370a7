//! Tokens: what stands in place of a secret.

use hmac::{Hmac, KeyInit as _, Mac as _};
use memchr::memmem;
use sha2::Sha256;
use std::fmt;
use std::ops::Range;

/// How a token begins. The quotation marks make it unlikely in real data and visible to a reader.
pub(super) const TOKEN_START: &[u8] = "‹redacted:".as_bytes();
/// How a token ends.
const TOKEN_END: &[u8] = "›".as_bytes();
/// Hexadecimal digits in a token: 32 bits tell the secrets of one run apart and give nothing to guess from.
const DIGITS: usize = 8;
/// Length of a token in bytes.
pub(super) const TOKEN_LEN: usize = TOKEN_START.len() + DIGITS + TOKEN_END.len();

/// Makes tokens: the same secret gives the same token within a run, and another one in any other run.
#[derive(Clone)]
pub(super) struct Tokens {
    keyed: Hmac<Sha256>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tokens(key withheld)")
    }
}

impl Tokens {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self {
            keyed: Hmac::new_from_slice(key).expect("HMAC takes a key of any length"),
        }
    }

    /// Appends the token of `secret` to `out`.
    pub(super) fn push(&self, secret: &[u8], out: &mut Vec<u8>) {
        let mut mac = self.keyed.clone();
        mac.update(secret);
        let digest = mac.finalize().into_bytes();
        out.extend_from_slice(TOKEN_START);
        for byte in digest.iter().take(DIGITS / 2) {
            for digit in [byte >> 4, byte & 15] {
                out.push(b"0123456789abcdef"[usize::from(digit)]);
            }
        }
        out.extend_from_slice(TOKEN_END);
    }
}

/// Whether `bytes` is one token and nothing else.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    bytes.len() == TOKEN_LEN
        && bytes.starts_with(TOKEN_START)
        && bytes.ends_with(TOKEN_END)
        && bytes[TOKEN_START.len()..TOKEN_LEN - TOKEN_END.len()]
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Where the tokens in `text` are, in order.
pub(super) fn spans(text: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    memmem::find_iter(text, TOKEN_START).filter_map(|at| {
        let span = at..at + TOKEN_LEN;
        text.get(span.clone()).is_some_and(is_token).then_some(span)
    })
}

/// Sorts ranges, joins those that overlap or cut a token, and drops those that are empty or already one token.
pub(super) fn settle(text: &[u8], found: &mut Vec<Range<usize>>) {
    found.retain(|range| !range.is_empty());
    if found.is_empty() {
        return;
    }
    for token in spans(text) {
        for range in found.iter_mut() {
            if range.start < token.end && token.start < range.end {
                range.start = range.start.min(token.start);
                range.end = range.end.max(token.end);
            }
        }
    }
    found.sort_unstable_by_key(|range| (range.start, range.end));
    let mut kept: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found.drain(..) {
        match kept.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => kept.push(range),
        }
    }
    kept.retain(|range| !is_token(&text[range.clone()]));
    *found = kept;
}
