//! What comes from another end: whether it closed the connection before all was answered, and whether its answers are as
//! long as they were. How much is asked varies from day to day; how much comes for what is asked does so less.

use super::Joint;
use super::finding::{Finding, FindingKind};
use super::pauses::connects;
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

/// Weight of an end that was asked again and again by a process that fails.
const ASKED_AGAIN: f64 = 3.7;
/// Questions that are few.
const FEW: u64 = 4;
/// Weight of an answer that is another one: to a process that fails; in a run where something fails; else.
const OTHER_AND_FAILED: f64 = 2.9;
const OTHER_BESIDE: f64 = 2.75;
const OTHER: f64 = 1.15;
/// The same when one or two baselines were asked the same, to the byte, in a run where something fails.
const OTHER_ONCE: f64 = 2.0;
/// Bytes by which an answer has to differ that is as long on every day, and most by which it differs then.
const ANSWER_DIFFERS: u64 = 12;
const ANSWER_STEADY: u64 = 4;
/// Most bytes by which questions that hold an amount or a day differ.
const ASKED_STEADY: u64 = 4;
/// Longest answer that is compared with a single one of before.
const ANSWER_SHORT: u64 = 2048;

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
    let fails = has_failed(place.joint, place.role);
    if fails && is_asked_again(used, &before) {
        out.push(asked_again(place, used, before[0]));
        return true;
    }
    let least = before.iter().map(|used| used.bytes_read).min().unwrap_or(0);
    let closes = used.empty_reads > 0
        && before.iter().all(|used| used.empty_reads == 0)
        && used.bytes_read < least;
    let is_short = used.bytes_read < least && is_shorter(used, &before);
    if !closes && !is_short {
        let Some(weight) = other_answer(place, used, &before, fails) else {
            return false;
        };
        out.push(answered_otherwise(place, used, before[0], weight));
        return true;
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

/// Whether a few questions of before are asked several times.
fn is_asked_again(used: &Use, before: &[&Use]) -> bool {
    let asks = |used: &Use| used.count(Group::Write);
    before.iter().all(|other| {
        let few = (1..=FEW).contains(&asks(other));
        few && asks(used) >= 2 * asks(other) && used.bytes_written * 10 >= other.bytes_written * 18
    })
}

fn asked_again(place: &Place<'_, '_>, used: &Use, before: &Use) -> Finding {
    let name = place.name();
    let asks = |used: &Use| match used.count(Group::Write) {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    };
    Finding::new(FindingKind::Retry, ASKED_AGAIN, &name)
        .values(asks(before), asks(used))
        .at(used.first_ns, Some(used.first_seq))
        .of(place.role, Some(place.key))
        .says(say!(
            who(place.joint, place.role),
            format!(" asked {} of ", asks(used)),
            name,
            format!(", before {}, and then failed", asks(before))
        ))
}

/// Weight of an answer that has another length than the answers of before, which are as long on every day; `None` when it
/// has not.
fn other_answer(place: &Place<'_, '_>, used: &Use, before: &[&Use], fails: bool) -> Option<f64> {
    let lengths = || before.iter().map(|used| used.bytes_read);
    let (least, most) = (lengths().min()?, lengths().max()?);
    let now = used.bytes_read;
    let away = if now > most {
        now - most
    } else {
        least.saturating_sub(now)
    };
    let is_asked_alike = before.iter().all(|other| connects(other) == connects(used));
    // What is far longer or shorter is an amount like others.
    if away < ANSWER_DIFFERS || !is_asked_alike || !fails && away * 4 > most {
        return None;
    }
    let is_learnt = before.len() >= LEARNT_MIN && most - least <= ANSWER_STEADY;
    // A shell reads byte by byte.
    let is_few = |used: &Use| {
        (used.count(Group::Read) <= FEW || used.most_read == 1) && used.count(Group::Connect) <= 1
    };
    let is_single = most <= ANSWER_SHORT
        && now <= ANSWER_SHORT
        && is_few(used)
        && before.iter().all(|used| is_few(used));
    let beside = || {
        let roles = u32::try_from(place.joint.roles.len()).unwrap_or(u32::MAX);
        (0..roles).any(|role| has_failed(place.joint, role))
    };
    match (is_learnt, is_single) {
        (true, _) | (_, true) if fails => Some(OTHER_AND_FAILED),
        (true, _) if beside() => Some(OTHER_BESIDE),
        (true, _) => Some(OTHER),
        (false, true) => {
            let is_same = before
                .iter()
                .all(|other| other.bytes_written.abs_diff(used.bytes_written) <= ASKED_STEADY);
            (is_same && beside()).then_some(OTHER_ONCE)
        }
        _ => None,
    }
}

/// Baselines that show that an answer is as long on every day.
const LEARNT_MIN: usize = 3;

fn answered_otherwise(place: &Place<'_, '_>, used: &Use, before: &Use, weight: f64) -> Finding {
    let name = place.name();
    let kind = if used.bytes_read > before.bytes_read {
        FindingKind::More
    } else {
        FindingKind::Less
    };
    Finding::new(kind, weight, &name)
        .values(size(before.bytes_read), size(used.bytes_read))
        .at(used.first_ns, Some(used.first_seq))
        .until(place.end_ns())
        .of(place.role, Some(place.key))
        .says(say!(
            name,
            " answered ",
            who(place.joint, place.role),
            format!(
                " otherwise: with {}, before with {}",
                size(used.bytes_read),
                size(before.bytes_read)
            )
        ))
}

/// Whether the role ended as it did in no baseline, with a failure.
pub(super) fn has_failed(joint: &Joint<'_>, role: u32) -> bool {
    let exits = |side: usize| joint.role_of(role, side).map(|role| &role.exits);
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

/// Whether the cause is that a role speaks with a place for the first time, and the effect what it does there.
pub(super) fn is_new_place(cause: &Finding, effect: &Finding) -> bool {
    matches!(
        cause.kind,
        FindingKind::ConnectionNew | FindingKind::ConnectionOther
    ) && cause.key == effect.key
        && matches!(
            effect.kind,
            FindingKind::Slower | FindingKind::More | FindingKind::Less | FindingKind::Retry
        )
}
