//! Numbers as people read them.

use unspool_model::calendar;

/// `1,204,331`.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `18.2 MB`, in powers of 1000.
pub fn bytes(number: i64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if number.unsigned_abs() < 1000 {
        return format!("{number} B");
    }
    scaled(number, 1000, 1000, &UNITS)
}

/// `340 ns`, `3.4 ms`, `71.1 s`, `3m 05s`, `2h 03m`.
pub fn duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let abs = ns.unsigned_abs();
    let seconds = abs / 1_000_000_000;
    match abs {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000_000 => scaled(ns, 1_000, 1_000, &["µs", "ms"]),
        _ if seconds < 120 => format!("{sign}{}.{} s", seconds, abs / 100_000_000 % 10),
        _ if seconds < 7200 => format!("{sign}{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{sign}{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Time since the start of the run: `+0.001234s`.
pub fn since(ns: i64) -> String {
    let sign = if ns < 0 { '-' } else { '+' };
    let abs = ns.unsigned_abs();
    let seconds = abs / 1_000_000_000;
    let micros = abs / 1_000 % 1_000_000;
    format!("{sign}{seconds}.{micros:06}")
}

/// Point in time by the calendar, in UTC: `2026-11-20 14:03:07.123456`.
pub fn instant(ns: i64) -> String {
    let days = ns.div_euclid(86_400_000_000_000);
    let (year, month, day) = calendar::date(days);
    format!(
        "{year:04}-{month:02}-{day:02} {}",
        clock(ns.rem_euclid(86_400_000_000_000))
    )
}

/// Time of day: `14:03:07.123456`.
pub fn clock(ns: i64) -> String {
    let seconds = ns.div_euclid(1_000_000_000);
    format!(
        "{:02}:{:02}:{:02}.{:06}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        ns.rem_euclid(1_000_000_000) / 1000
    )
}

fn scaled(number: i64, first: u64, step: u64, units: &[&str]) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let abs = number.unsigned_abs();
    let mut divisor = first;
    let mut unit = 0;
    while unit + 1 < units.len() && abs / divisor >= step {
        divisor = divisor.saturating_mul(step);
        unit += 1;
    }
    let name = units.get(unit).copied().unwrap_or_default();
    let whole = abs / divisor;
    if whole >= 100 {
        format!("{sign}{whole} {name}")
    } else {
        format!("{sign}{whole}.{} {name}", abs % divisor / (divisor / 10))
    }
}

/// `0.25`, `3.0`, `1e21`: the shortest digits that mean the same number; nothing for what is not finite.
pub fn fraction(number: f64) -> String {
    if number.is_finite() {
        format!("{number:?}")
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, count, duration, instant, since};

    #[test]
    fn numbers_for_people() {
        assert_eq!(count(1_204_331), "1,204,331");
        assert_eq!(count(-1000), "-1,000");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1000), "1.0 kB");
        assert_eq!(bytes(18_234_567), "18.2 MB");
        assert_eq!(bytes(999_999), "999 kB");
        assert_eq!(bytes(i64::MAX), "9.2 EB");
        assert_eq!(duration(340), "340 ns");
        assert_eq!(duration(3_400_000), "3.4 ms");
        assert_eq!(duration(12_345_678), "12.3 ms");
        assert_eq!(duration(71_100_000_000), "71.1 s");
        assert_eq!(duration(185_000_000_000), "3m 05s");
        assert_eq!(duration(7_380_000_000_000), "2h 03m");
        assert_eq!(since(1_234_567), "+0.001234");
        // `date -u -d @1700000000` says Tue Nov 14 22:13:20 UTC 2023.
        assert_eq!(
            instant(1_700_000_000_123_456_789),
            "2023-11-14 22:13:20.123456"
        );
    }
}
