//! What comes from another end: whether it closed the connection before all was answered, and whether its answers are as
//! long as they were. How much is asked varies from day to day; how much comes for what is asked does so less.

use super::finding::{Finding, FindingKind};
use super::phrases::{say, size, who};
use super::profile::{ExitKey, Group, KeyKind, Use};
use super::resources::Place;

/// Bytes that were asked with, in each run, from which on their ratio to the answers says something.
const ASKED_MIN: u64 = 24;
/// The answers of before are this many times as long, at least, to be told: hundredths.
const SHORTER_MIN: u64 = 160;
/// Weight of an end that closes early, when the process fails and when it does not.
const CLOSED_AND_FAILED: f64 = 3.9;
const CLOSED: f64 = 1.7;
/// Weight of short answers, when the process fails and when it does not.
const SHORT_AND_FAILED: f64 = 3.6;
const SHORT: f64 = 2.9;

/// An end that closed early or gave short answers. Whether amounts say nothing more.
pub(super) fn find(
    place: &Place<'_, '_>,
    used: &Use,
    baselines: &[Option<&Use>],
    out: &mut Vec<Finding>,
) -> bool {
    if place.kind() != KeyKind::Peer || used.bytes_read == 0 {
        return false;
    }
    let before: Vec<&Use> = baselines.iter().flatten().copied().collect();
    if before.is_empty() {
        return false;
    }
    let fails = has_failed(place);
    let least = before.iter().map(|used| used.bytes_read).min().unwrap_or(0);
    let closes = used.empty_reads > 0
        && before.iter().all(|used| used.empty_reads == 0)
        && used.bytes_read < least;
    let is_short = used.bytes_read < least && is_shorter(used, &before);
    if !closes && !is_short {
        return false;
    }
    let score = match (closes, fails) {
        (true, true) => CLOSED_AND_FAILED,
        (false, true) => SHORT_AND_FAILED,
        (_, false) if is_short => SHORT,
        (true, false) => CLOSED,
        (false, false) => SHORT,
    };
    let name = place.name();
    let words = if closes {
        say!(
            name,
            " closed the connection to ",
            who(place.joint, place.role),
            " early: "
        )
    } else {
        say!(
            name,
            " answered ",
            who(place.joint, place.role),
            " with less than before: "
        )
    };
    out.push(
        Finding::new(FindingKind::Less, score, &name)
            .values(size(least), size(used.bytes_read))
            .at(used.first_ns, Some(used.first_seq))
            .until(place.end_ns())
            .of(place.role, Some(place.key))
            .evidence(format!(
                "asked with {}, before with {}",
                size(used.bytes_written),
                size(before[0].bytes_written)
            ))
            .says(say!(
                words,
                format!("{} came, before {}", size(used.bytes_read), size(least))
            )),
    );
    true
}

/// Whether the role ended as it did in no baseline, with a failure.
fn has_failed(place: &Place<'_, '_>) -> bool {
    let joint = place.joint;
    let exits = |side: usize| joint.role_of(place.role, side).map(|role| &role.exits);
    exits(joint.subject()).is_some_and(|now| {
        now.keys().any(|key: &ExitKey| {
            key.is_failure()
                && (0..joint.subject())
                    .filter_map(exits)
                    .all(|before| !before.contains_key(key))
        })
    })
}

/// Whether less comes for what is asked than in any baseline, by far.
fn is_shorter(used: &Use, before: &[&Use]) -> bool {
    let asks = |used: &Use| used.bytes_written >= ASKED_MIN;
    if !asks(used) || !before.iter().all(|used| asks(used)) {
        return false;
    }
    // Answer for a hundred bytes of question.
    let ratio = |used: &Use| used.bytes_read.saturating_mul(100) / used.bytes_written.max(1);
    let ratios: Vec<u64> = before.iter().map(|used| ratio(used)).collect();
    let (Some(least), Some(most)) = (ratios.iter().min(), ratios.iter().max()) else {
        return false;
    };
    // What differs among the baselines by that much has no usual length.
    let steady = *most <= least.saturating_mul(2);
    let less = least
        .saturating_sub(ratio(used))
        .saturating_mul(used.bytes_written)
        / 100;
    steady
        && less >= 24
        && ratio(used).saturating_mul(SHORTER_MIN) < least.saturating_mul(100)
        && used.count(Group::Read) > 0
}
