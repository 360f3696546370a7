//! Times as users type them: `5s` after the start, `14:03:07` of the run's day, RFC 3339.

use anyhow::Result;
use unspool_model::event::ClockKind;
use unspool_store::Manifest;

use crate::failure::Failure;

/// What a time is seen from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant {
    start_ns: i64,
    clock: ClockKind,
}

impl Instant {
    /// The start of a run.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        Self {
            start_ns: manifest.start_ns,
            clock: manifest.clock_kind(),
        }
    }
}

const SECOND_NS: i64 = 1_000_000_000;
const DAY_NS: i64 = 86_400 * SECOND_NS;

/// Nanoseconds of the run's clock.
pub(crate) fn parse_time(text: &str, instant: &Instant) -> Result<i64> {
    let parsed = relative(text)
        .map(|after_ns| instant.start_ns.saturating_add(after_ns))
        .or_else(|| time_of_day(text).and_then(|day_ns| on_the_day(day_ns, instant)))
        .or_else(|| absolute(text));
    parsed.ok_or_else(|| {
        Failure::usage(format!("`{text}` is no time"))
            .hint("for example `5s`, `1m30s`, `250ms` after the start, `14:03:07`, `2026-11-21T14:03:07Z`")
            .into()
    })
}

/// How often something is done; `None`: never.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Interval(pub(crate) Option<std::time::Duration>);

/// Shortest interval: the kernel tells the time in the kernel in hundredths of a second.
const INTERVAL_NS_MIN: i64 = 10_000_000;
/// Longest interval.
const INTERVAL_NS_MAX: i64 = 3600 * SECOND_NS;

/// `1s`, `250ms`; `0` for never.
pub(crate) fn parse_interval(text: &str) -> Result<Interval, String> {
    if text == "0" {
        return Ok(Interval(None));
    }
    let is_number = text.starts_with(|first: char| first.is_ascii_digit());
    match relative(text).filter(|_| is_number) {
        Some(0) => Ok(Interval(None)),
        Some(ns @ INTERVAL_NS_MIN..=INTERVAL_NS_MAX) => {
            let interval = std::time::Duration::from_nanos(ns.unsigned_abs());
            Ok(Interval(Some(interval)))
        }
        Some(_) => Err("it must be from 10ms to 1h, or 0 for never".to_owned()),
        None => Err("give a time with its unit: 1s, 250ms; or 0 for never".to_owned()),
    }
}

/// A length of time with its unit.
pub(crate) fn parse_duration(text: &str) -> Result<std::time::Duration> {
    let is_number = text.starts_with(|first: char| first.is_ascii_digit());
    let ns = relative(text).filter(|ns| is_number && *ns > 0);
    let ns = ns.ok_or_else(|| {
        Failure::usage(format!("`{text}` is no length of time"))
            .hint("for example `30s`, `10m`, `250ms`")
    })?;
    Ok(std::time::Duration::from_nanos(ns.unsigned_abs()))
}

/// `1h2m3.5s`, `250ms`, `10us`, `7ns`.
fn relative(text: &str) -> Option<i64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return None;
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, tail) = rest.split_at_checked(end)?;
        let unit_end = tail
            .find(|character: char| character.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, after) = tail.split_at_checked(unit_end)?;
        let unit_ns = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => SECOND_NS,
            "m" | "min" => 60 * SECOND_NS,
            "h" => 3600 * SECOND_NS,
            "d" => DAY_NS,
            _ => return None,
        };
        total = total.checked_add(scaled(number, unit_ns)?)?;
        rest = after;
    }
    Some(total)
}

/// A decimal number times a unit, exactly.
fn scaled(number: &str, unit_ns: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut value = if whole.is_empty() {
        0
    } else {
        whole.parse::<i64>().ok()?.checked_mul(unit_ns)?
    };
    let mut place_ns = unit_ns;
    for digit in fraction.chars() {
        place_ns /= 10;
        value = value.checked_add(i64::from(digit.to_digit(10)?) * place_ns)?;
    }
    Some(value)
}

/// `14:03`, `14:03:07`, `14:03:07.25`: nanoseconds since midnight.
fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours = scaled(parts.next()?, 3600 * SECOND_NS)?;
    let minutes = scaled(parts.next()?, 60 * SECOND_NS)?;
    if parts.clone().any(str::is_empty) {
        return None;
    }
    let seconds = parts
        .next()
        .map_or(Some(0), |part| scaled(part, SECOND_NS))?;
    if parts.next().is_some() || text.contains('-') {
        return None;
    }
    Some(hours + minutes + seconds)
}

/// The time of day on the day of the run's start (in the local zone, as the user sees times).
fn on_the_day(day_ns: i64, instant: &Instant) -> Option<i64> {
    match instant.clock {
        ClockKind::Epoch => {
            let start = jiff::Timestamp::from_nanosecond(i128::from(instant.start_ns)).ok()?;
            let midnight = start
                .to_zoned(jiff::tz::TimeZone::system())
                .start_of_day()
                .ok()?;
            let midnight_ns = i64::try_from(midnight.timestamp().as_nanosecond()).ok()?;
            let time_ns = midnight_ns.checked_add(day_ns)?;
            // A run that began before midnight: the time is of the next day.
            if time_ns < instant.start_ns - DAY_NS / 2 {
                time_ns.checked_add(DAY_NS)
            } else {
                Some(time_ns)
            }
        }
        ClockKind::TimeOfDay => Some(day_ns),
        ClockKind::Relative | ClockKind::None => None,
    }
}

fn absolute(text: &str) -> Option<i64> {
    let timestamp: jiff::Timestamp = text.parse().ok().or_else(|| {
        let local: jiff::civil::DateTime = text.parse().ok()?;
        Some(
            local
                .to_zoned(jiff::tz::TimeZone::system())
                .ok()?
                .timestamp(),
        )
    })?;
    i64::try_from(timestamp.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::{Instant, Interval, parse_interval, parse_time};

    #[test]
    fn intervals_of_users() {
        let every = |text| parse_interval(text).map(|Interval(every)| every.map(|e| e.as_millis()));
        assert_eq!(every("1s"), Ok(Some(1000)));
        assert_eq!(every("250ms"), Ok(Some(250)));
        assert_eq!(every("1h"), Ok(Some(3_600_000)));
        assert_eq!((every("0"), every("0s")), (Ok(None), Ok(None)));
        for bad in ["", "1", "s", "-1s", "9ms", "61m", "1 s", "x"] {
            assert!(every(bad).is_err(), "{bad}");
        }
    }
    use unspool_model::event::ClockKind;

    #[test]
    fn times_of_users() {
        let start_ns = 1_700_000_000_000_000_000;
        let instant = Instant {
            start_ns,
            clock: ClockKind::Epoch,
        };
        let check = |text: &str, after_ns: i64| {
            assert_eq!(
                parse_time(text, &instant).expect("a time"),
                start_ns + after_ns,
                "{text}"
            );
        };
        check("5s", 5_000_000_000);
        check("1m30s", 90_000_000_000);
        check("0.25s", 250_000_000);
        check("250ms", 250_000_000);
        check("2023-11-14T22:13:21Z", 1_000_000_000);
        for bad in ["", "5", "5x", "14:61:", "yesterday", "9999999999h"] {
            assert!(parse_time(bad, &instant).is_err(), "{bad}");
        }
        let day = Instant {
            start_ns: 0,
            clock: ClockKind::TimeOfDay,
        };
        assert_eq!(parse_time("01:00:01", &day).unwrap(), 3_601_000_000_000);
    }
}
