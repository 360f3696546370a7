//! Finds dates and times in names.

use crate::calendar;

/// A date at the beginning of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dated {
    /// Days since 1970-01-01.
    Day(i64),
    /// Months since January 0.
    Month(i64),
    /// Weeks: year times 53 and week.
    Week(i64),
}

/// The date with which `bytes` begins, and its length: `20261120`, `2026-11-20`, `2026/11/20`, `2026_11_20`,
/// `2026.11.20`, `2026-11`, `202611`, `2026-W47`.
pub(super) fn date(bytes: &[u8]) -> Option<(Dated, usize)> {
    let run = digits(bytes);
    let year = number(bytes, 0, 4).filter(|year| (1990..2100).contains(year))?;
    match run {
        8 | 12 | 14 => {
            let (month, day) = (number(bytes, 4, 2)?, number(bytes, 6, 2)?);
            if run > 8 && time(bytes.get(8..run)?) != Some(run - 8) {
                return None;
            }
            Some((Dated::Day(days_from_civil(year, month, day)?), 8))
        }
        6 => {
            let month = number(bytes, 4, 2).filter(|month| (1..=12).contains(month))?;
            Some((Dated::Month(year * 12 + month), 6))
        }
        4 => separated(bytes, year),
        _ => None,
    }
}

fn separated(bytes: &[u8], year: i64) -> Option<(Dated, usize)> {
    let separator = *bytes.get(4)?;
    if !matches!(separator, b'-' | b'_' | b'/' | b'.') {
        return None;
    }
    if separator == b'-' && bytes.get(5) == Some(&b'W') && digits(bytes.get(6..)?) == 2 {
        let week = number(bytes, 6, 2).filter(|week| (1..=53).contains(week))?;
        return Some((Dated::Week(year * 53 + week), 8));
    }
    if digits(bytes.get(5..)?) != 2 {
        return None;
    }
    let month = number(bytes, 5, 2).filter(|month| (1..=12).contains(month))?;
    if bytes.get(7) == Some(&separator) && digits(bytes.get(8..)?) == 2 {
        let day = number(bytes, 8, 2)?;
        return Some((Dated::Day(days_from_civil(year, month, day)?), 10));
    }
    // `2026.11` is more often a version than a month.
    (separator != b'.').then_some((Dated::Month(year * 12 + month), 7))
}

/// Length of a time of day at the beginning: `031500`, `03:15:00`, `03-15-00`, `0315`; with parts of a second, with `Z`.
pub(super) fn time(bytes: &[u8]) -> Option<usize> {
    let run = digits(bytes);
    let in_day = |hour: i64, minute: i64, second: i64| hour < 24 && minute < 60 && second < 61;
    let len = match run {
        4 if in_day(number(bytes, 0, 2)?, number(bytes, 2, 2)?, 0) => 4,
        6 if in_day(
            number(bytes, 0, 2)?,
            number(bytes, 2, 2)?,
            number(bytes, 4, 2)?,
        ) =>
        {
            6
        }
        2 => {
            let separator = *bytes.get(2)?;
            if !matches!(separator, b':' | b'-' | b'_' | b'.') || digits(bytes.get(3..)?) != 2 {
                return None;
            }
            let (hour, minute) = (number(bytes, 0, 2)?, number(bytes, 3, 2)?);
            let has_second = bytes.get(5) == Some(&separator)
                && bytes.get(6..).is_some_and(|rest| digits(rest) == 2);
            let second = if has_second { number(bytes, 6, 2)? } else { 0 };
            if !in_day(hour, minute, second) {
                return None;
            }
            if has_second { 8 } else { 5 }
        }
        _ => return None,
    };
    let rest = bytes.get(len..)?;
    let part = match rest.first() {
        Some(b'.' | b',') if (3..=9).contains(&digits(rest.get(1..)?)) => {
            1 + digits(rest.get(1..)?)
        }
        _ => 0,
    };
    let zone = usize::from(rest.get(part) == Some(&b'Z'));
    Some(len + part + zone)
}

/// Days of the week by their names, Monday first.
const WEEKDAYS: [&[u8]; 7] = [
    b"Monday",
    b"Tuesday",
    b"Wednesday",
    b"Thursday",
    b"Friday",
    b"Saturday",
    b"Sunday",
];

/// The day of the week that `bytes` begins with as a whole word, `Mon` or `Monday`: its number from Monday, and the length.
pub(super) fn weekday(bytes: &[u8]) -> Option<(i64, usize)> {
    if !matches!(bytes.first(), Some(b'M' | b'T' | b'W' | b'F' | b'S')) {
        return None;
    }
    let len = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count();
    let word = bytes.get(..len)?;
    let number = WEEKDAYS
        .iter()
        .position(|name| word == *name || Some(word) == name.get(..3))?;
    Some((i64::try_from(number).ok()?, len))
}

/// Number of the day of the week, from Monday; 1970-01-01 was a Thursday.
pub(super) fn weekday_of(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}

/// How many digits `bytes` begins with.
pub(super) fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

fn number(bytes: &[u8], at: usize, len: usize) -> Option<i64> {
    let text = std::str::from_utf8(bytes.get(at..at + len)?).ok()?;
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// Days since 1970-01-01 of a date of the calendar; every February may have 29.
pub(super) fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    const LENGTHS: [i64; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *LENGTHS.get(usize::try_from(month - 1).ok()?)?;
    if !(1..=length).contains(&day) {
        return None;
    }
    Some(calendar::days(year, month, day))
}

/// Year and month of a day, as months since January 0.
pub(super) fn month_of(days: i64) -> i64 {
    let (year, month, _) = calendar::date(days);
    year * 12 + month
}

/// Number of the week of a day, near enough to compare with `2026-W47`: year times 53 and ISO week.
pub(super) fn week_of(days: i64) -> i64 {
    // The Thursday of the week decides its year (ISO 8601); 1970-01-01 was a Thursday.
    let thursday = days - (days + 3).rem_euclid(7) + 3;
    let (year, ..) = calendar::date(thursday);
    let first = days_from_civil(year, 1, 1).unwrap_or(thursday);
    year * 53 + (thursday - first) / 7 + 1
}
