//! Words and numbers for people, on standard error and standard output.

use std::io::Write as _;
use std::path::Path;

use unspool_export::units;

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
    units::count(i64::try_from(number).unwrap_or(i64::MAX))
}

/// `1 line`, `1,204,331 lines`.
pub(crate) fn plural(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", count(number))
}

/// `71.1 s`, `3m 05s`, `12.3 ms`; nothing is shorter than 0.
pub(crate) fn duration(ns: i64) -> String {
    units::duration(ns.max(0))
}

/// `18.2 MB`, in powers of 1000 as disks are sold.
pub(crate) fn size(bytes: u64) -> String {
    units::bytes(i64::try_from(bytes).unwrap_or(i64::MAX))
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

/// What to do with a run next, on standard error. `folder` is where it lies when it is not in the store.
pub(crate) fn eprint_next(folder: Option<&Path>) {
    let run = folder.map(argument).unwrap_or_default();
    eprint_line(&format!(
        "next: unspool show{run}   |   unspool show{run} tree   |   unspool show{run} files"
    ));
}

/// A path after a blank, as a shell takes it for one word and `show` for a path.
fn argument(path: &Path) -> String {
    let text = path.display().to_string();
    let text = if text.contains('/') {
        text
    } else {
        format!("./{text}")
    };
    let is_plain =
        |character: char| character.is_alphanumeric() || "/._-+,=:@%".contains(character);
    if text.chars().all(is_plain) {
        format!(" {text}")
    } else {
        format!(" '{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::{count, parse_size};

    #[test]
    fn numbers_for_people() {
        assert_eq!(count(0), "0");
        assert_eq!(count(u64::MAX), "9,223,372,036,854,775,807");
        assert_eq!(parse_size("10G"), Some(10_000_000_000));
        assert_eq!(parse_size("512MB"), Some(512_000_000));
        assert_eq!(parse_size("x"), None);
    }
}
