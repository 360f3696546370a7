//! What stands behind the arguments: `= 3</path> <0.000012>`, `= -1 ENOENT (No such file or directory)`, `= ?`.

use unspool_model::errno::Errno;
use unspool_model::event::Outcome;

use super::prefix::{SCALE, short_duration};
use super::scan::trim_start;

/// End of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tail<'a> {
    /// Result.
    pub(super) outcome: Outcome,
    /// Between `<` and `>` behind the result, escaped as printed.
    pub(super) result_path: &'a [u8],
    /// `-T`.
    pub(super) duration_ns: Option<i64>,
}

/// Reads the end of a call from behind the closing parenthesis; `None` when it is none.
#[inline]
pub(super) fn parse(text: &[u8]) -> Option<Tail<'_>> {
    let rest = trim_start(text).strip_prefix(b"=")?;
    let rest = trim_start(rest);
    let (duration_ns, rest) = duration(rest);
    let (outcome, rest) = outcome(rest)?;
    Some(Tail {
        outcome,
        result_path: object(rest),
        duration_ns,
    })
}

/// Cuts ` <0.000012>` off the end.
#[inline]
pub(super) fn duration(text: &[u8]) -> (Option<i64>, &[u8]) {
    match short_duration(text) {
        Some((duration, before)) => (Some(duration), before),
        None => long_duration(text),
    }
}

/// The same for any number of digits.
fn long_duration(text: &[u8]) -> (Option<i64>, &[u8]) {
    let Some((b'>', body)) = text.split_last() else {
        return (None, text);
    };
    let mut fraction = 0_i64;
    let mut scale = 1_i64;
    let mut digits = 0_usize;
    let mut rest = body;
    while let Some((digit @ b'0'..=b'9', before)) = rest.split_last() {
        if digits == 9 {
            return (None, text);
        }
        fraction += i64::from(digit - b'0') * scale;
        scale *= 10;
        digits += 1;
        rest = before;
    }
    // Whole seconds have no fraction: `<3>`.
    let mut seconds = 0_i64;
    if let Some((b'.', before)) = rest.split_last() {
        rest = before;
        let mut place = 1_i64;
        while let Some((digit @ b'0'..=b'9', before)) = rest.split_last() {
            seconds = seconds.saturating_add(i64::from(digit - b'0').saturating_mul(place));
            place = place.saturating_mul(10);
            rest = before;
        }
    } else {
        seconds = fraction;
        fraction = 0;
        digits = 1;
    }
    let Some(before) = rest.strip_suffix(b" <") else {
        return (None, text);
    };
    let Some(unit @ 1..) = SCALE.get(digits).copied() else {
        return (None, text);
    };
    let total = seconds
        .checked_mul(1_000_000_000)
        .and_then(|whole| whole.checked_add(fraction * unit));
    (total, before)
}

/// The result and what follows it.
#[inline]
fn outcome(text: &[u8]) -> Option<(Outcome, &[u8])> {
    match text.first()? {
        b'?' => {
            let rest = text.get(1..)?;
            Some(match errno(trim_start(rest)) {
                Some((errno, rest)) => (Outcome::Failed(errno), rest),
                None => (Outcome::Unknown, rest),
            })
        }
        b'-' => {
            let (value, rest) = decimal(text.get(1..)?)?;
            if value == 1 {
                let rest = trim_start(rest);
                if let Some((errno, rest)) = errno(rest) {
                    return Some((Outcome::Failed(errno), rest));
                }
                if let Some(number) = rest.strip_prefix(b"(errno ") {
                    let (number, rest) = decimal(number)?;
                    let number = u16::try_from(number).ok()?;
                    return Some((Outcome::Failed(Errno(number)), rest));
                }
                return Some((Outcome::Unknown, rest));
            }
            if let Ok(number @ 2..=4095) = u16::try_from(value) {
                return Some((Outcome::Failed(Errno(number)), rest));
            }
            let value = i64::try_from(value).ok()?.checked_neg()?;
            Some((Outcome::Returned(value), rest))
        }
        b'0' => match text.get(1) {
            Some(b'x') => {
                let (value, rest) = hexadecimal(text.get(2..)?)?;
                Some((Outcome::Returned(value.cast_signed()), rest))
            }
            Some(b'0'..=b'7') => {
                let (value, rest) = octal(text.get(1..)?);
                Some((Outcome::Returned(value.cast_signed()), rest))
            }
            _ => Some((Outcome::Returned(0), text.get(1..)?)),
        },
        b'1'..=b'9' => {
            let (value, rest) = decimal(text)?;
            Some((Outcome::Returned(value.cast_signed()), rest))
        }
        _ => symbolic(text),
    }
}

/// Results printed as symbols (`= RWF_...`, `= PER_LINUX`, `= SIG_DFL`, `= {...}` of old versions): told, not a number.
fn symbolic(text: &[u8]) -> Option<(Outcome, &[u8])> {
    let len = text
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_')
        .count();
    let rest = text.get(len..)?;
    (len > 2).then_some((Outcome::Unknown, rest))
}

/// `ENOENT`, and what follows.
#[inline]
fn errno(text: &[u8]) -> Option<(Errno, &[u8])> {
    if text.first() != Some(&b'E') {
        return None;
    }
    let len = text
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_')
        .count();
    let (name, rest) = text.split_at_checked(len)?;
    Some((Errno::by_name(name)?, rest))
}

#[inline]
fn decimal(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    let mut rest = text;
    while let Some((digit @ b'0'..=b'9', after)) = rest.split_first() {
        value = value
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
        rest = after;
    }
    (rest.len() < text.len()).then_some((value, rest))
}

#[inline]
fn hexadecimal(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    let mut rest = text;
    while let Some((digit, after)) = rest.split_first() {
        let Some(nibble) = char::from(*digit).to_digit(16) else {
            break;
        };
        if value >> 60 != 0 {
            return None;
        }
        value = value << 4 | u64::from(nibble);
        rest = after;
    }
    (rest.len() < text.len()).then_some((value, rest))
}

fn octal(text: &[u8]) -> (u64, &[u8]) {
    let mut value = 0_u64;
    let mut rest = text;
    while let Some((digit @ b'0'..=b'7', after)) = rest.split_first() {
        value = value.wrapping_mul(8).wrapping_add(u64::from(digit - b'0'));
        rest = after;
    }
    (value, rest)
}

/// `3</path>` has its object directly behind the number: what is between the brackets, nested ones included.
#[inline]
fn object(rest: &[u8]) -> &[u8] {
    let Some(inner) = rest.strip_prefix(b"<") else {
        return &[];
    };
    // The result is the last thing on its line, so the last `>` ends it, before any `(deleted)` or comment.
    let end = if inner.starts_with(b"/") {
        let mut depth = 0_u32;
        let mut found = None;
        for place in memchr::memchr2_iter(b'<', b'>', inner) {
            if inner.get(place) == Some(&b'<') {
                depth += 1;
            } else if depth == 0 {
                found = Some(place);
                if !matches!(inner.get(place + 1), Some(byte) if !b" (".contains(byte)) {
                    break;
                }
            } else {
                depth -= 1;
            }
        }
        found
    } else {
        inner.iter().rposition(|byte| *byte == b'>')
    };
    end.and_then(|end| inner.get(..end)).unwrap_or(&[])
}
