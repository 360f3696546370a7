//! Secrets in running text: `key=value`, headers, URLs, and the shapes of [`super::shapes`].

use super::keys::{self, Keys};
use super::shapes;
use memchr::memchr2_iter;
use std::ops::Range;

/// What a backslash means in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// Nothing: the text is as the program had it.
    None,
    /// It begins an escape of the tracer: a value ends there.
    Tracer,
}

/// Blanks skipped between a key and its separator, and between the separator and the value.
const BLANKS_MAX: usize = 8;

/// Authentication schemes that stand before the credential in a header. They stay readable.
const SCHEMES: &[&[u8]] = &[
    b"basic ",
    b"bearer ",
    b"digest ",
    b"token ",
    b"negotiate ",
    b"apikey ",
];

/// Schemes of URLs in which a bare user name is customary and no secret.
const USER_SCHEMES: &[&[u8]] = &[b"ssh", b"git+ssh", b"sftp", b"rsync", b"scp"];

/// Adds the places of all secrets in `text`, unsorted and possibly overlapping.
pub(super) fn find(text: &[u8], escapes: Escapes, keys: &Keys, found: &mut Vec<Range<usize>>) {
    shapes::find(text, found);
    for at in memchr2_iter(b'=', b':', text) {
        if text[at] == b':' && text[at + 1..].starts_with(b"//") {
            found.extend(url_user(text, at));
        } else if let Some(key) = key_before(text, at)
            && is_secret_pair(text, &key, at, keys)
        {
            found.extend(value_after(text, at, &text[key.clone()], escapes));
        }
    }
}

/// Whether there may be a secret in `text`, which may be a part of a longer one that goes on with neither letters nor blanks:
/// false only when [`find`] finds nothing, whatever follows.
pub(super) fn may_find(text: &[u8], keys: &Keys) -> bool {
    // One pass for both: most texts hold neither.
    let mut secret = false;
    let begins = shapes::any_beginning(text, |at| {
        secret = is_secret_separator(text, at, keys);
        secret
    });
    secret
        || (begins
            && (shapes::may_find(text)
                || memchr2_iter(b'=', b':', text).any(|at| is_secret_separator(text, at, keys))))
}

fn is_secret_separator(text: &[u8], at: usize, keys: &Keys) -> bool {
    let url = text[at] == b':' && text[at + 1..].starts_with(b"//");
    url || key_before(text, at).is_some_and(|key| is_secret_pair(text, &key, at, keys))
}

/// Whether the pair of `key` and what follows the separator at `at` holds a secret.
fn is_secret_pair(text: &[u8], key: &Range<usize>, at: usize, keys: &Keys) -> bool {
    let name = &text[key.clone()];
    let before = key.start.checked_sub(1).map(|index| text[index]);
    if text[at] == b':' {
        // `a::b` is a name in a program, `/x/token:/y` a list of paths.
        let path = before == Some(b'/') || text.get(at + 1) == Some(&b':') || before == Some(b':');
        return !path && (keys.is_secret(name) || keys::is_header(name));
    }
    keys.is_secret(name) || (matches!(before, Some(b'?' | b'&')) && keys::is_query_key(name))
}

/// The name that ends before the separator at `at`; a quotation mark, a bracket and blanks may stand between.
fn key_before(text: &[u8], at: usize) -> Option<Range<usize>> {
    let mut end = at;
    while end > 0 && at - end < BLANKS_MAX && matches!(text[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    if end > 0 && matches!(text[end - 1], b'"' | b'\'' | b']') {
        end -= 1;
        if end > 0 && text[end - 1] == b'\\' {
            end -= 1;
        }
    }
    let len = text[..end]
        .iter()
        .rev()
        .take_while(|byte| is_key_byte(**byte))
        .count();
    (len >= 3).then(|| end - len..end)
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The value that follows the separator at `at`.
fn value_after(text: &[u8], at: usize, key: &[u8], escapes: Escapes) -> Option<Range<usize>> {
    let blanks = text[at + 1..]
        .iter()
        .take(BLANKS_MAX)
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    let mut start = at + 1 + blanks;
    let mut quote = None;
    if escapes == Escapes::Tracer && text[start..].starts_with(b"\\\"") {
        start += 2;
        quote = Some(b'"');
    } else if let Some(mark @ (b'"' | b'\'')) = text.get(start).copied() {
        start += 1;
        quote = Some(mark);
    }
    let header = text[at] == b':' && keys::is_header(key);
    if text[at] == b':' || keys::is_header(key) {
        start += scheme_len(&text[start..]);
    }
    let ends = |byte: u8| match (escapes, quote) {
        (Escapes::Tracer, _) if byte == b'\\' => true,
        (_, Some(mark)) => byte == mark,
        (_, None) if header => matches!(byte, b'\r' | b'\n' | b'"' | b'\''),
        (_, None) => ends_value(byte),
    };
    let len = text[start..]
        .iter()
        .take_while(|byte| !ends(**byte))
        .count();
    let value = &text[start..start + len];
    (!keys::is_harmless_value(value)).then(|| start..start + len)
}

fn ends_value(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(
            byte,
            0 | b'&' | b';' | b',' | b'"' | b'\'' | b')' | b'}' | b']' | b'<' | b'>' | b'|'
        )
}

/// Length of an authentication scheme and its blank at the start of a header's value.
fn scheme_len(value: &[u8]) -> usize {
    let matches = |scheme: &&&[u8]| {
        value
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    SCHEMES
        .iter()
        .find(matches)
        .map_or(0, |scheme| scheme.len())
}

/// The user information of the URL whose `://` is at `at`.
fn url_user(text: &[u8], at: usize) -> Option<Range<usize>> {
    let scheme_len = text[..at]
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        .count();
    let scheme = &text[at - scheme_len..at];
    let start = at + 3;
    let len = text[start..]
        .iter()
        .take_while(|byte| !ends_authority(**byte))
        .count();
    let user_len = text[start..start + len]
        .iter()
        .rposition(|byte| *byte == b'@')?;
    let user = &text[start..start + user_len];
    let customary = !user.contains(&b':')
        && USER_SCHEMES
            .iter()
            .any(|name| scheme.eq_ignore_ascii_case(name));
    (!customary).then(|| start..start + user_len)
}

fn ends_authority(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(
            byte,
            0 | b'/' | b'?' | b'#' | b'"' | b'\'' | b'\\' | b'<' | b'>' | b'`'
        )
}
