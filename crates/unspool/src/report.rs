//! Words and numbers for people, on standard error and standard output.

use std::io::Write as _;

/// Writes a line for people. Nobody can be told when standard error is closed.
pub(crate) fn eprint_line(line: &str) {
    drop(writeln!(std::io::stderr(), "unspool: {line}"));
}

/// Writes an error, its causes and its hint.
pub(crate) fn eprint_error(error: &anyhow::Error) {
    let mut text = format!("error: {error}");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("\n  because: {cause}"));
    }
    eprint_line(&text);
}

/// Writes data to standard output. A reader that went away (`| head`) is no error.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    print_bytes(text.as_bytes())
}

/// The same for bytes.
pub(crate) fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to standard output"))
        }
        _ => Ok(()),
    }
}

/// `1,204,331`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `71.1 s`, `3 min 5 s`, `12.3 ms`.
pub(crate) fn duration(ns: i64) -> String {
    let ns = ns.max(0).unsigned_abs();
    match ns {
        0..1_000_000 => format!("{}.{} µs", ns / 1000, ns % 1000 / 100),
        1_000_000..1_000_000_000 => {
            format!("{}.{} ms", ns / 1_000_000, ns % 1_000_000 / 100_000)
        }
        1_000_000_000..120_000_000_000 => {
            format!(
                "{}.{} s",
                ns / 1_000_000_000,
                ns % 1_000_000_000 / 100_000_000
            )
        }
        _ => format!("{} min {} s", ns / 60_000_000_000, ns / 1_000_000_000 % 60),
    }
}

/// `18.2 MB`, in powers of 1000 as disks are sold.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut scaled = bytes;
    let mut tenths = 0;
    let mut unit = 0;
    while scaled >= 1000 && unit + 1 < UNITS.len() {
        tenths = scaled % 1000 / 100;
        scaled /= 1000;
        unit += 1;
    }
    let name = UNITS[unit];
    if unit == 0 {
        format!("{scaled} {name}")
    } else {
        format!("{scaled}.{tenths} {name}")
    }
}

/// Bytes from `10G`, `512M`, `4k`, `100`; powers of 1000.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches(['B', 'b']);
    let units = [
        (['k', 'K'], 1_000),
        (['m', 'M'], 1_000_000),
        (['g', 'G'], 1_000_000_000),
        (['t', 'T'], 1_000_000_000_000),
    ];
    let (digits, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(*unit)?, *factor)))
        .unwrap_or((text, 1));
    digits.trim().parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::{count, duration, parse_size, size};

    #[test]
    fn numbers_for_people() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_204_331), "1,204,331");
        assert_eq!(duration(71_100_000_000), "71.1 s");
        assert_eq!(duration(185_000_000_000), "3 min 5 s");
        assert_eq!(duration(12_345_678), "12.3 ms");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(18_234_567), "18.2 MB");
        assert_eq!(parse_size("10G"), Some(10_000_000_000));
        assert_eq!(parse_size("512MB"), Some(512_000_000));
        assert_eq!(parse_size("x"), None);
    }
}
