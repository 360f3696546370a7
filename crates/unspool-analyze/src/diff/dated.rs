//! Names whose date is their own, not the run's: the model of a month, the calendar of a year's first day. On each day
//! they are at another distance from the run, and the same file.

use unspool_model::map::Map;

use super::profile::Profile;
use super::rank::without_days;

/// Nearest day, before or after that of a run, that is no day's work any more.
const FAR_DAYS: u64 = 8;
/// Folders that have to have the same names, too: dates may stand there.
const COMPONENTS: usize = 2;

/// Names that only `run` has (`from`, sorted), with those that only the subject has (`to`, sorted) for the same file,
/// where both have the same date in full and it is far from that of the run.
pub(super) fn fixed<'p>(
    run: &'p Profile,
    subject: &'p Profile,
    from: &[&'p [u8]],
    to: &[&'p [u8]],
) -> Vec<(&'p [u8], &'p [u8])> {
    let dated = |profile: &'p Profile, names: &[&'p [u8]]| -> Vec<(&'p [u8], &'p [u8])> {
        let keys = profile.keys.iter().filter(|key| is_far(&key.name));
        keys.filter(|key| names.binary_search(&key.name.as_slice()).is_ok())
            .map(|key| (key.name.as_slice(), key.raw.as_slice()))
            .collect()
    };
    let theirs: Map<(Vec<u8>, &[u8]), &[u8]> = dated(subject, to)
        .into_iter()
        .map(|(name, raw)| ((without_days(name), end(raw)), name))
        .collect();
    if theirs.is_empty() {
        return Vec::new();
    }
    dated(run, from)
        .into_iter()
        .filter_map(|(name, raw)| Some((name, *theirs.get(&(without_days(name), end(raw)))?)))
        .collect()
}

/// The last components of a path.
fn end(path: &[u8]) -> &[u8] {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let at = slashes
        .rev()
        .nth(COMPONENTS - 1)
        .map_or(0, |(at, _)| at + 1);
    path.get(at..).unwrap_or_default()
}

/// The distances of the dates in a name from the day of its run, with what they are counted in: `D`, `M`, `W`.
fn distances(name: &[u8]) -> impl Iterator<Item = (u8, u64)> {
    name.windows(3).enumerate().filter_map(|(at, start)| {
        let [b'<', unit @ (b'D' | b'M' | b'W'), b'+' | b'-'] = start else {
            return None;
        };
        let rest = name.get(at + 3..)?;
        let len = rest.iter().position(|byte| *byte == b'>')?;
        let number = std::str::from_utf8(rest.get(..len)?).ok()?;
        Some((*unit, number.parse().ok()?))
    })
}

/// Whether a name has dates, all of another month or week than the run, or more than a week away.
pub(super) fn is_far(name: &[u8]) -> bool {
    let mut dates = distances(name).peekable();
    dates.peek().is_some()
        && dates.all(|(unit, distance)| distance >= if unit == b'D' { FAR_DAYS } else { 1 })
}

/// Whether the dates of a path are months alone: its numbers are a year and a month.
pub(super) fn is_period(path: &[u8]) -> bool {
    unspool_model::normalize::days_of(super::roles::base(path)).is_empty()
}

#[cfg(test)]
mod tests {
    use super::{end, is_far};

    #[test]
    fn dates_that_are_not_of_the_run() {
        assert!(is_far(b"/job/model/weights-<M-1>"));
        assert!(is_far(b"/job/days-<D-29>.ics"));
        // The run's own, and what it keeps of the last days.
        assert!(!is_far(b"/job/in/<M+0>/x"));
        assert!(!is_far(b"/job/out/<D-1>.csv"));
        assert!(!is_far(b"/job/out/<D-7>.csv"));
        assert!(!is_far(b"/job/<D-40>/<D+0>.csv"));
        assert!(!is_far(b"/job/out.csv"));
    }

    #[test]
    fn ends_of_paths() {
        assert_eq!(end(b"/srv/job/2026-02/weights"), b"2026-02/weights");
        assert_eq!(end(b"weights"), b"weights");
    }
}
