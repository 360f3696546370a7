//! Dates whose month is a word: `14-mar`, `Mar2026`, `2026-Mar`, `14 March 2026`; and months by themselves, `archive/Mar`.

use super::dates::{Dated, days_from_civil, digits, month_of};
use crate::calendar;

/// Months by their names; the first three letters are their short names.
const MONTHS: [&[u8]; 12] = [
    b"january",
    b"february",
    b"march",
    b"april",
    b"may",
    b"june",
    b"july",
    b"august",
    b"september",
    b"october",
    b"november",
    b"december",
];

/// The date with a named month that `bytes` begins with, and its length. What has no year is of the year in which it is
/// nearest to the run's day.
pub(super) fn named(bytes: &[u8], anchor_days: i64) -> Option<(Dated, usize)> {
    match digits(bytes) {
        0 => month_first(bytes, anchor_days),
        1 | 2 => day_first(bytes, anchor_days),
        4 => {
            let year = number(bytes, 4)?;
            let at = 4 + gap(bytes.get(4..)?);
            let (month, len) = month(bytes.get(at..)?)?;
            ends(bytes, at + len).then_some((Dated::Month(year * 12 + month), at + len))
        }
        _ => None,
    }
}

/// `Mar2026`, `Mar-14`, `mar-14-2026`, `Mar`.
fn month_first(bytes: &[u8], anchor_days: i64) -> Option<(Dated, usize)> {
    let (month, word) = month(bytes)?;
    let at = word + gap(bytes.get(word..)?);
    let rest = bytes.get(at..)?;
    match digits(rest) {
        4 if ends(rest, 4) => {
            let year = number(rest, 4)?;
            Some((Dated::Month(year * 12 + month), at + 4))
        }
        len @ (1 | 2) if ends(rest, len) => {
            let (year, year_len) = year_behind(rest.get(len..)?);
            let day = day(year, month, number(rest, len)?, anchor_days)?;
            Some((Dated::Day(day), at + len + year_len))
        }
        _ => alone(bytes, word, month, anchor_days),
    }
}

/// A month by itself, as the name of a folder: only with a capital, and `May` is more often something else.
fn alone(bytes: &[u8], len: usize, month: i64, anchor_days: i64) -> Option<(Dated, usize)> {
    let is_name = bytes.first()?.is_ascii_uppercase() && month != 5 && ends(bytes, len);
    let here = month_of(anchor_days);
    let away = (month - here).rem_euclid(12);
    let nearest = here + if away > 6 { away - 12 } else { away };
    is_name.then_some((Dated::Month(nearest), len))
}

/// `14-mar`, `14mar2026`.
fn day_first(bytes: &[u8], anchor_days: i64) -> Option<(Dated, usize)> {
    let len = digits(bytes);
    let at = len + gap(bytes.get(len..)?);
    let (month, word) = month(bytes.get(at..)?)?;
    let behind = bytes.get(at + word..)?;
    let (year, year_len) = year_behind(behind);
    let day = day(year, month, number(bytes, len)?, anchor_days)?;
    ends(behind, year_len).then_some((Dated::Day(day), at + word + year_len))
}

/// A year behind a separator, or at once.
fn year_behind(bytes: &[u8]) -> (Option<i64>, usize) {
    let gap = gap(bytes);
    let rest = bytes.get(gap..).unwrap_or_default();
    let year = (digits(rest) == 4).then(|| number(rest, 4)).flatten();
    (year, year.map_or(0, |_| gap + 4))
}

/// Days since 1970-01-01; without a year, of the one in which the day is nearest to the run's.
fn day(year: Option<i64>, month: i64, day: i64, anchor_days: i64) -> Option<i64> {
    if let Some(year) = year {
        return days_from_civil(year, month, day);
    }
    let (here, ..) = calendar::date(anchor_days);
    (here - 1..=here + 1)
        .filter_map(|year| days_from_civil(year, month, day))
        .min_by_key(|days| (days - anchor_days).abs())
}

/// The month whose name `bytes` begins with as a whole word, from 1, and the length of the name.
fn month(bytes: &[u8]) -> Option<(i64, usize)> {
    let len = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let word = bytes.get(..len).filter(|_| (3..=9).contains(&len))?;
    let is = |name: &&[u8]| {
        word.eq_ignore_ascii_case(name)
            || name
                .get(..3)
                .is_some_and(|short| word.eq_ignore_ascii_case(short))
    };
    let place = MONTHS.iter().position(is)?;
    Some((i64::try_from(place).ok()? + 1, len))
}

fn gap(bytes: &[u8]) -> usize {
    usize::from(matches!(
        bytes.first(),
        Some(b'-' | b'_' | b'.' | b' ' | b'/')
    ))
}

/// The first `len` digits as a number.
fn number(bytes: &[u8], len: usize) -> Option<i64> {
    std::str::from_utf8(bytes.get(..len)?).ok()?.parse().ok()
}

fn ends(bytes: &[u8], len: usize) -> bool {
    bytes
        .get(len)
        .is_none_or(|byte| !byte.is_ascii_alphanumeric())
}
