//! What stands in front of a line: pid, context, time, counters.
//!
//! Example lines: `1234  1700000052.321000 close(3) = 0`, `[pid  1234<sh>] 08:26:47.177594 (+     0.000123) close(3) = 0`.

use crate::decoder::Features;

/// Numbers from here on are seconds of a clock, not pids (`PID_MAX_LIMIT` of 64-bit Linux).
const PID_LIMIT: u64 = 4 << 20;
/// Digits of the largest pid.
const PID_DIGITS_MAX: usize = 7;
/// Most elements before a line: pid, context, time, difference, number, pointer.
const ELEMENTS_MAX: usize = 8;
const SECOND_NS: i64 = 1_000_000_000;

/// Time as printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Time {
    /// None.
    None,
    /// `1700000052.321000` or `0.000123`: which of both is up to the clock.
    Seconds(i64),
    /// `08:26:47.177594`.
    Day(i64),
}

/// The front of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prefix {
    /// Thread.
    pub(super) tid: Option<u32>,
    /// Time in nanoseconds.
    pub(super) time: Time,
    /// Where the body begins.
    pub(super) body: usize,
    /// What was seen.
    pub(super) features: Features,
}

impl Prefix {
    /// Whether the line begins as one of a tracer's that is told to print pids or times.
    pub(super) fn is_marked(&self) -> bool {
        self.tid.is_some() || self.time != Time::None
    }
}

/// Reads the front of a line. What does not look like one belongs to the body.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "what is given back through memory is waited for on every line"
)]
pub(super) fn parse(line: &[u8]) -> Prefix {
    pid_and_epoch(line).unwrap_or_else(|| parse_elements(line))
}

/// `1234  1700000052.321000 ` and nothing more before the body: the form of most logs.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "what is given back through memory is waited for on every line"
)]
fn pid_and_epoch(line: &[u8]) -> Option<Prefix> {
    let (value, end) = short_number(*line.first_chunk::<8>()?);
    if end == 0 || end > PID_DIGITS_MAX || value >= PID_LIMIT || line.get(end) != Some(&b' ') {
        return None;
    }
    let mut at = end + 1;
    while line.get(at) == Some(&b' ') {
        at += 1;
    }
    let rest = line.get(at..)?;
    let ns = epoch(rest)?;
    // What may be another element is for the loop over elements.
    if matches!(rest.get(EPOCH_BYTES)?, b' ' | b'0'..=b'9' | b'[' | b'(') {
        return None;
    }
    Some(Prefix {
        tid: u32::try_from(value).ok(),
        time: Time::Seconds(ns),
        body: at + EPOCH_BYTES,
        features: Features::PID,
    })
}

/// The same for any line, element by element.
pub(super) fn parse_elements(line: &[u8]) -> Prefix {
    let mut prefix = Prefix {
        tid: None,
        time: Time::None,
        body: 0,
        features: Features::default(),
    };
    for _ in 0..ELEMENTS_MAX {
        let mut at = prefix.body;
        while line.get(at) == Some(&b' ') {
            at += 1;
        }
        let taken = match line.get(at) {
            Some(b'0'..=b'9') => number(line, at, &mut prefix),
            Some(b'[') => bracket(line, at, &mut prefix),
            Some(b'(') if line.get(at + 1) == Some(&b'+') => {
                prefix.features.insert(Features::RELATIVE);
                after_bracket(line, at, b')')
            }
            _ => None,
        };
        match taken {
            Some(end) => prefix.body = end,
            // Blanks belong to the padding of what stands before, but not to a line that begins with them.
            None if prefix.body > 0 => {
                prefix.body = at;
                break;
            }
            None => break,
        }
    }
    prefix
}

/// Digits from `at`: value and end.
#[inline]
fn digits(line: &[u8], at: usize) -> (u64, usize) {
    let mut value = 0_u64;
    let mut end = at;
    while let Some(digit @ b'0'..=b'9') = line.get(end) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        end += 1;
    }
    (value, end)
}

/// Length of `1700000052.321000 `, the form of most logs.
const EPOCH_BYTES: usize = 18;

/// Reads `1700000052.321000 ` eight digits at a time.
#[inline]
fn epoch(text: &[u8]) -> Option<i64> {
    let [a, b, c, d, e, f, g, h, i, j, b'.', k, l, m, n, o, p, b' '] =
        *text.first_chunk::<EPOCH_BYTES>()?
    else {
        return None;
    };
    let high = digit_values([a, b, c, d, e, f, g, h]);
    let low = digit_values([i, j, k, l, m, n, o, p]);
    if !are_digits(high) || !are_digits(low) {
        return None;
    }
    let microseconds = eight_digits(high) * 100_000_000 + eight_digits(low);
    i64::try_from(microseconds * 1_000).ok()
}

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// What each digit of eight stands for.
#[inline]
fn digit_values(digits: [u8; 8]) -> u64 {
    u64::from_le_bytes(digits) ^ ZEROS
}

/// Bits of those of eight values that are no digit's.
#[inline]
fn others(values: u64) -> u64 {
    // A digit has no bit in its upper half, also after adding what makes ten carry into it.
    (values | values.wrapping_add(0x0606_0606_0606_0606)) & 0xF0F0_F0F0_F0F0_F0F0
}

#[inline]
fn are_digits(values: u64) -> bool {
    others(values) == 0
}

/// Value of eight digits, the highest in the lowest byte: by pairs, fours, and all.
#[inline]
fn eight_digits(values: u64) -> u64 {
    let pairs = (values * 10 + (values >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    (fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF
}

/// Value and length of the digits at the start of eight bytes; the length is 8 when there are more than seven.
#[inline]
fn short_number(bytes: [u8; 8]) -> (u64, usize) {
    let values = digit_values(bytes);
    // Only bytes behind one that is no digit may be taken for none by a carry.
    let len = others(values).trailing_zeros() / 8;
    // Zeros in front, what is behind off.
    let aligned = values.checked_shl(u64::BITS - 8 * len).unwrap_or(0);
    (eight_digits(aligned), len as usize)
}

/// Nanoseconds of ` <0.000123>` at the end of a text, and what is before; `None` for any other form.
#[inline]
pub(super) fn short_duration(text: &[u8]) -> Option<(i64, &[u8])> {
    let (before, end) = text.split_last_chunk::<11>()?;
    let [front @ .., a, b, c, d, e, f, b'>'] = *end else {
        return None;
    };
    let values = digit_values([b'0', b'0', a, b, c, d, e, f]);
    if front != *b" <0." || !are_digits(values) {
        return None;
    }
    Some((eight_digits(values).cast_signed() * 1_000, before))
}

/// A pid or a time.
#[inline]
fn number(line: &[u8], at: usize, prefix: &mut Prefix) -> Option<usize> {
    if prefix.time == Time::None
        && let Some(ns) = line.get(at..).and_then(epoch)
    {
        prefix.time = Time::Seconds(ns);
        return Some(at + EPOCH_BYTES);
    }
    let (value, end) = digits(line, at);
    if end - at > 18 {
        return None;
    }
    match line.get(end)? {
        b' ' if value < PID_LIMIT && prefix.tid.is_none() && prefix.time == Time::None => {
            prefix.tid = u32::try_from(value).ok();
            prefix.features.insert(Features::PID);
            Some(end + 1)
        }
        b' ' if value >= PID_LIMIT && prefix.time == Time::None => {
            prefix.time = Time::Seconds(i64::try_from(value).ok()?.checked_mul(SECOND_NS)?);
            Some(end + 1)
        }
        b'<' if prefix.tid.is_none() && prefix.time == Time::None => {
            let comm = line.get(end..)?;
            let close = memchr::memchr(b'>', comm.get(..COMMAND_BYTES_MAX).unwrap_or(comm))?;
            if comm.get(close + 1) != Some(&b' ') {
                return None;
            }
            prefix.tid = Some(u32::try_from(value).ok()?);
            prefix.features.insert(Features::PID);
            prefix.features.insert(Features::COMMAND);
            Some(end + close + 2)
        }
        b'.' if prefix.time == Time::None => {
            let (nanoseconds, end) = fraction(line, end + 1)?;
            let seconds = i64::try_from(value).ok()?.checked_mul(SECOND_NS)?;
            prefix.time = Time::Seconds(seconds.checked_add(nanoseconds)?);
            Some(end)
        }
        b':' if prefix.time == Time::None && end - at == 2 => {
            let (minutes, colon) = digits(line, end + 1);
            let (seconds, end) = digits(line, colon + 1);
            if line.get(colon) != Some(&b':') || value > 24 || minutes > 59 || seconds > 60 {
                return None;
            }
            let (nanoseconds, end) = match line.get(end)? {
                b'.' => fraction(line, end + 1)?,
                b' ' => (0, end + 1),
                _ => return None,
            };
            let seconds = value
                .checked_mul(3600)?
                .checked_add(minutes.checked_mul(60)?)?
                .checked_add(seconds)?;
            let seconds = i64::try_from(seconds).ok()?;
            prefix.time = Time::Day(seconds.checked_mul(SECOND_NS)?.checked_add(nanoseconds)?);
            Some(end)
        }
        _ => None,
    }
}

/// Longest `<comm>`: 15 bytes, each an escape of 4 at worst, and the brackets.
const COMMAND_BYTES_MAX: usize = 80;

/// Fraction of a second, 1 to 9 digits, and the blank behind: nanoseconds and end.
#[inline]
pub(super) fn fraction(line: &[u8], at: usize) -> Option<(i64, usize)> {
    let (value, end) = digits(line, at);
    let scale = SCALE.get(end - at)?;
    if *scale == 0 || line.get(end) != Some(&b' ') {
        return None;
    }
    Some((i64::try_from(value).ok()?.checked_mul(*scale)?, end + 1))
}

/// Nanoseconds of the last digit of a fraction, by its number of digits; 0 where there is none.
pub(super) static SCALE: [i64; 10] = [
    0,
    100_000_000,
    10_000_000,
    1_000_000,
    100_000,
    10_000,
    1_000,
    100,
    10,
    1,
];

/// `[pid N]`, or something in brackets before the call: `[  42]`, `[00007f0b]`, `[unconfined_u:...]`.
fn bracket(line: &[u8], at: usize, prefix: &mut Prefix) -> Option<usize> {
    let inner = line.get(at + 1..)?;
    if let Some(rest) = inner.strip_prefix(b"pid ") {
        let from = at + 5 + rest.iter().take_while(|byte| **byte == b' ').count();
        let (value, mut end) = digits(line, from);
        if end == from || end - from > 9 {
            return None;
        }
        if line.get(end) == Some(&b'<') {
            let comm = line.get(end..)?;
            let comm = comm.get(..COMMAND_BYTES_MAX).unwrap_or(comm);
            end += memchr::memchr(b'>', comm)? + 1;
            prefix.features.insert(Features::COMMAND);
        }
        if line.get(end) != Some(&b']') || line.get(end + 1) != Some(&b' ') {
            return None;
        }
        prefix.tid = u32::try_from(value).ok();
        prefix.features.insert(Features::PID_BRACKETS);
        return Some(end + 2);
    }
    if inner.starts_with(b" Process ") {
        return None;
    }
    let end = after_bracket(line, at, b']')?;
    prefix.features.insert(Features::BRACKETS);
    Some(end)
}

/// Longest element in brackets: a security context.
const BRACKET_BYTES_MAX: usize = 4096;

/// Place behind the closing bracket and its blank.
fn after_bracket(line: &[u8], at: usize, close: u8) -> Option<usize> {
    let inner = line.get(at..)?;
    let inner = inner.get(..BRACKET_BYTES_MAX).unwrap_or(inner);
    let end = at + memchr::memchr(close, inner)? + 1;
    (line.get(end) == Some(&b' ')).then_some(end + 1)
}
