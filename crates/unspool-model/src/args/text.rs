//! Values as strace prints them (its `print_fields.h`, `util.c`, `socketutils.c`): numbers, quoted strings,
//! descriptors with the object behind them, flag sets, arrays.

use super::{AT_FDCWD, FdArg};
use crate::event::ExitStatus;
use crate::ids::Fd;
use crate::signal;

/// Most strings taken from one printed array: a bound on memory for hostile input.
pub const STRINGS_MAX: usize = 65_536;

/// Number: `12`, `-1`, `0x7f`, `0644`, `NULL` (0), followed by anything that is not part of it (`3</x>`, `17 /* SIGCHLD */`).
pub fn int(text: &[u8]) -> Option<i64> {
    if text == b"NULL" {
        return Some(0);
    }
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (radix, digits) = match digits {
        [b'0', b'x', rest @ ..] => (16, rest),
        [b'0', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => (8, rest),
        _ => (10, digits),
    };
    let mut value: u64 = 0;
    let mut count = 0;
    for &byte in digits {
        let Some(digit) = char::from(byte).to_digit(radix) else {
            break;
        };
        value = value
            .checked_mul(u64::from(radix))?
            .checked_add(u64::from(digit))?;
        count += 1;
    }
    if count == 0 {
        return None;
    }
    let value = value.cast_signed();
    Some(if negative {
        value.wrapping_neg()
    } else {
        value
    })
}

/// Descriptor: `3`, `3</etc/passwd>`, `3</x>(deleted)`, `AT_FDCWD</home>`.
pub fn fd(text: &[u8]) -> Option<FdArg<'_>> {
    let (number, rest) = if let Some(rest) = text.strip_prefix(b"AT_FDCWD") {
        (AT_FDCWD, rest)
    } else {
        let end = text
            .iter()
            .position(|byte| !byte.is_ascii_digit() && *byte != b'-')
            .unwrap_or(text.len());
        let (digits, rest) = text.split_at_checked(end)?;
        (i32::try_from(int(digits)?).ok()?, rest)
    };
    Some(FdArg {
        fd: Fd(number),
        path: object_text(rest),
        escaped: true,
    })
}

/// The text between the first `<` and the last `>`; empty when there is none.
fn object_text(text: &[u8]) -> &[u8] {
    let Some(inner) = text.strip_prefix(b"<") else {
        return &[];
    };
    let end = inner.iter().rposition(|byte| *byte == b'>');
    end.and_then(|end| inner.get(..end)).unwrap_or(&[])
}

/// Decodes what strace prints between `<` and `>` after a descriptor, appending the name to `out`:
/// takes escapes back and cuts the suffixes (`<char 1:3>`, `(deleted)`) off. Returns what they said.
pub fn unescape_path(text: &[u8], out: &mut Vec<u8>) -> ObjectNote {
    let mut note = ObjectNote::default();
    let mut text = text;
    if text.starts_with(b"/") {
        if text.ends_with(b">")
            && let Some(at) = text.iter().rposition(|byte| *byte == b'<')
            && let Some((path, suffix)) = text.split_at_checked(at)
            && (suffix.starts_with(b"<char ") || suffix.starts_with(b"<block "))
        {
            note.device = true;
            text = path;
        }
        for suffix in [&b" (deleted)"[..], b"(deleted)"] {
            if let Some(path) = text.strip_suffix(suffix) {
                note.deleted = true;
                text = path;
                break;
            }
        }
    }
    unescape(text, out);
    note
}

/// What the suffixes of a printed object said.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ObjectNote {
    /// A character or block device.
    pub device: bool,
    /// Its name was removed.
    pub deleted: bool,
}

/// String in quotes, decoded onto `out`. Returns whether all of it is there (not `"..."...`); `None` when the
/// argument is no string.
pub fn string(text: &[u8], out: &mut Vec<u8>) -> Option<bool> {
    let (body, rest) = quoted(text)?;
    unescape(body, out);
    Some(!rest.starts_with(b"..."))
}

/// Splits `"body"rest`, the quotes away. An abstract socket's `@"x"` is not one.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.first() != Some(&b'"') {
        return None;
    }
    let end = string_end(text, 1)?;
    Some((text.get(1..end - 1)?, text.get(end..)?))
}

/// Place behind the quotation mark that ends the string whose first byte is at `at`; `None` when it does not end.
#[inline]
pub fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    // Eight bytes at a time: strings are most of a log.
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let hits = bytes_equal(word, b'"') | bytes_equal(word, b'\\');
        if hits == 0 {
            at += 8;
            continue;
        }
        at += (hits.trailing_zeros() / 8) as usize;
        if text.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Marks the bytes of `word` that equal `byte` in their highest bit; the lowest mark is exact, higher ones may be too many.
#[inline]
pub(crate) fn bytes_equal(word: u64, byte: u8) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let difference = word ^ (ONES * u64::from(byte));
    difference.wrapping_sub(ONES) & !difference & (ONES << 7)
}

/// Takes C escapes back: `\n`, `\"`, octal with one to three digits, `\x2f`.
pub fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = unescape_one(escape, out);
    }
    out.extend_from_slice(rest);
}

/// Decodes the escape at the start of `text` (a backslash) and returns what follows it.
fn unescape_one<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let [_, kind, rest @ ..] = text else {
        out.extend_from_slice(text);
        return &[];
    };
    let simple = match kind {
        b'n' => Some(b'\n'),
        b't' => Some(b'\t'),
        b'r' => Some(b'\r'),
        b'v' => Some(0x0b),
        b'f' => Some(0x0c),
        b'a' => Some(0x07),
        b'b' => Some(0x08),
        b'e' => Some(0x1b),
        b'x' | b'0'..=b'7' => None,
        other => Some(*other),
    };
    if let Some(byte) = simple {
        out.push(byte);
        return rest;
    }
    let (radix, digits, most) = if *kind == b'x' {
        (16, rest, 2)
    } else {
        (8, text.get(1..).unwrap_or(&[]), 3)
    };
    let mut value: u32 = 0;
    let mut used = 0;
    for &byte in digits.iter().take(most) {
        let Some(digit) = char::from(byte).to_digit(radix) else {
            break;
        };
        value = value * radix + digit;
        used += 1;
    }
    if used == 0 {
        out.push(*kind);
        return rest;
    }
    out.push(value.to_le_bytes()[0]);
    digits.get(used..).unwrap_or(&[])
}

/// Whether `name` stands in the text as a whole word: `O_CLOEXEC` in `O_RDONLY|O_CLOEXEC`.
pub fn has_token(text: &[u8], name: &[u8]) -> bool {
    words(text).any(|word| word == name)
}

/// Sum of the flags of `table` that stand in the text, and of numbers between them.
pub fn flags(text: &[u8], table: &[(&str, u64)]) -> u64 {
    words(text)
        .map(|word| {
            if word.first().is_some_and(u8::is_ascii_digit) {
                return int(word).unwrap_or(0).cast_unsigned();
            }
            table
                .iter()
                .find(|row| row.0.as_bytes() == word)
                .map_or(0, |row| row.1)
        })
        .fold(0, |sum, flag| sum | flag)
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
        .filter(|word| !word.is_empty())
}

/// `[3<pipe:[1]>, 4<pipe:[1]>]` or `[3, 4]`.
pub fn fd_pair(text: &[u8]) -> Option<[FdArg<'_>; 2]> {
    let inner = text.strip_prefix(b"[")?;
    let (first, rest) = split_value(inner);
    let (second, _) = split_value(rest);
    Some([fd(first)?, fd(second)?])
}

/// Splits the first value of a printed list off: up to `, ` or the closing bracket, outside of `<...>`, `"..."`, brackets.
/// Returns the value and what follows the comma.
pub fn split_value(text: &[u8]) -> (&[u8], &[u8]) {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                let quote = text.get(at..).and_then(quoted);
                let Some((_, rest)) = quote else { break };
                at = text.len() - rest.len();
                continue;
            }
            b'\\' => at += 1,
            b'<' | b'[' | b'{' | b'(' => depth += 1,
            // `->` inside a socket's text closes nothing.
            b'>' if at > 0 && text.get(at - 1) == Some(&b'-') => {}
            b'>' | b']' | b'}' | b')' if depth > 0 => depth -= 1,
            b']' | b'}' if depth == 0 => return (text.get(..at).unwrap_or(&[]), &[]),
            b',' if depth == 0 => {
                let value = text.get(..at).unwrap_or(&[]);
                let rest = text.get(at + 1..).unwrap_or(&[]);
                return (value, rest.strip_prefix(b" ").unwrap_or(rest));
            }
            _ => {}
        }
        at += 1;
    }
    (text, &[])
}

/// `["ls", "-l"]`, decoded; the flag tells whether all of them are there and whole.
pub fn strings(text: &[u8]) -> Option<(Vec<Vec<u8>>, bool)> {
    let mut rest = text.strip_prefix(b"[")?;
    let mut list = Vec::new();
    let mut whole = true;
    loop {
        let Some((body, after)) = quoted(rest) else {
            whole &= rest.starts_with(b"]");
            break;
        };
        if list.len() == STRINGS_MAX {
            whole = false;
            break;
        }
        let mut decoded = Vec::with_capacity(body.len());
        unescape(body, &mut decoded);
        list.push(decoded);
        let after = match after.strip_prefix(b"...") {
            Some(after) => {
                whole = false;
                after
            }
            None => after,
        };
        rest = after.strip_prefix(b", ").unwrap_or(after);
    }
    Some((list, whole))
}

/// `[{WIFEXITED(s) && WEXITSTATUS(s) == 3}]`, `{si_signo=SIGCHLD, si_code=CLD_EXITED, ..., si_status=3}`.
pub fn wait_status(text: &[u8]) -> Option<ExitStatus> {
    if let Some(status) = after(text, b"WEXITSTATUS(s) == ") {
        return Some(ExitStatus::Exited(u8::try_from(int(status)? & 0xff).ok()?));
    }
    if let Some(name) = after(text, b"WTERMSIG(s) == ") {
        return Some(ExitStatus::Killed {
            signal: signal_number(name)?,
            core: find(text, b"WCOREDUMP(s)").is_some(),
        });
    }
    let status = after(text, b"si_status=")?;
    if find(text, b"CLD_EXITED").is_some() {
        return Some(ExitStatus::Exited(u8::try_from(int(status)? & 0xff).ok()?));
    }
    let core = find(text, b"CLD_DUMPED").is_some();
    (core || find(text, b"CLD_KILLED").is_some()).then_some(ExitStatus::Killed {
        signal: signal_number(status)?,
        core,
    })
}

/// Signal at the start of the text, by name or number.
pub fn signal_number(text: &[u8]) -> Option<u32> {
    let name = words(text).next()?;
    signal::number(name).or_else(|| u32::try_from(int(name)?).ok())
}

/// Descriptors of a printed message's `SCM_RIGHTS`: `cmsg_type=SCM_RIGHTS, cmsg_data=[4</x>, 5]`, older `{4, 5}`, `[4]`.
pub fn rights(text: &[u8]) -> Vec<FdArg<'_>> {
    let mut list = Vec::new();
    let mut rest = text;
    while let Some(tail) = after(rest, b"SCM_RIGHTS") {
        rest = tail;
        let Some(open) = tail.iter().position(|byte| matches!(byte, b'[' | b'{')) else {
            break;
        };
        let mut values = tail.get(open + 1..).unwrap_or(&[]);
        while !values.is_empty() && list.len() < STRINGS_MAX {
            let (value, more) = split_value(values);
            list.extend(fd(value));
            values = more;
        }
    }
    list
}

/// Flags of a printed clone or clone3.
pub fn clone_flags(text: &[u8]) -> Option<u64> {
    let text = after(text, b"flags=")?;
    let end = text
        .iter()
        .position(|byte| matches!(byte, b',' | b'}' | b' '))
        .unwrap_or(text.len());
    Some(flags(text.get(..end)?, crate::flags::CLONE_FLAGS))
}

/// What follows the first `mark` in the text.
pub fn after<'a>(text: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = find(text, mark)?;
    text.get(at + mark.len()..)
}

/// Where `mark` first stands in the text.
pub fn find(text: &[u8], mark: &[u8]) -> Option<usize> {
    text.windows(mark.len()).position(|part| part == mark)
}
