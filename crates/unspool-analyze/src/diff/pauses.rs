//! Tries again: an end that is asked more often than before, with sleeps in between.

use super::Joint;
use super::finding::{Finding, FindingKind};
use super::phrases::{say, times, who};
use super::processes::{is_gone, is_new};
use super::profile::{Group, KeyKind, Use};
use super::words::plain_address;

/// Pauses more than in any baseline from which on it is tried again.
const MORE_MIN: u64 = 2;
/// Pauses, where there were none, from which on nobody asks whether there was more to ask.
const MANY: u64 = 8;
/// Weight of an end that is asked again after pauses; the pauses weigh as much as they are long.
const AGAIN: f64 = 2.3;

/// Ends that are asked again after pauses.
pub(super) fn find(joint: &Joint<'_>, out: &mut Vec<Finding>) {
    for ((role, key), sides) in &joint.uses {
        let Some((Some(used), baselines)) = sides.split_last() else {
            continue;
        };
        let Some(found) = joint.any_key(*key).filter(|key| key.kind == KeyKind::Peer) else {
            continue;
        };
        if is_new(joint, *role) || is_gone(joint, *role) || !is_again(used, baselines) {
            continue;
        }
        let name = plain_address(&found.name, &found.raw, found.kind);
        let pauses = |used: &Use| u64::from(used.after_pause);
        let before = baselines.iter().flatten().map(|used| pauses(used)).max();
        let before = before.unwrap_or(0);
        let now = times(pauses(used));
        let usual = if before == 0 {
            "never".to_owned()
        } else {
            times(before)
        };
        out.push(
            Finding::new(FindingKind::Retry, AGAIN, &name)
                .values(usual.clone(), now.clone())
                .at(used.first_ns, Some(used.first_seq))
                .of(*role, Some(*key))
                .says(say!(
                    who(joint, *role),
                    " asked ",
                    name,
                    format!(" again after a pause {now}, before {usual}")
                )),
        );
    }
}

/// Whether the end that a finding tells of is asked again after new pauses.
pub(super) fn are_new(joint: &Joint<'_>, finding: &Finding) -> bool {
    let sides = finding
        .role
        .zip(finding.key)
        .and_then(|place| joint.uses.get(&place));
    matches!(
        sides.and_then(|sides| sides.split_last()),
        Some((Some(used), baselines)) if is_again(used, baselines)
    )
}

/// Whether pauses are new, and the questions more than in any baseline.
fn is_again(used: &Use, baselines: &[Option<&Use>]) -> bool {
    let mut before = baselines.iter().flatten().peekable();
    before.peek().is_some()
        && before.all(|other| {
            let (now, then) = (u64::from(used.after_pause), u64::from(other.after_pause));
            let is_more = asked(used) > asked(other) || then == 0 && now >= MANY;
            now >= 2 * then + MORE_MIN && is_more
        })
}

/// How often an end was asked, or connected to.
fn asked(used: &Use) -> u64 {
    used.count(Group::Write) + connects(used)
}

/// Connections, with those that were only begun when the call returned.
pub(super) fn connects(used: &Use) -> u64 {
    let begun = used
        .errors
        .iter()
        .filter(|failures| failures.group == Group::Connect && failures.errno == IN_PROGRESS);
    used.count(Group::Connect) + begun.map(|failures| failures.count).sum::<u64>()
}

/// `EINPROGRESS`.
const IN_PROGRESS: unspool_model::event::Errno = unspool_model::event::Errno(115);

#[cfg(test)]
mod tests {
    use super::{Group, IN_PROGRESS, Use, connects, is_again};
    use crate::diff::profile::Failures;

    fn asked(writes: u64, after_pause: u32) -> Use {
        let mut used = Use {
            after_pause,
            ..Use::default()
        };
        used.calls[Group::Write as usize] = writes;
        used
    }

    #[test]
    fn pauses_between_questions_are_tries() {
        let before = asked(20, 0);
        assert!(is_again(&asked(35, 15), &[Some(&before)]));
        // A pause before a question, or between as many as before, is none.
        assert!(!is_again(&asked(35, 1), &[Some(&before)]));
        assert!(!is_again(&asked(20, 4), &[Some(&before)]));
        assert!(is_again(&asked(20, 15), &[Some(&before)]));
        assert!(!is_again(
            &asked(35, 15),
            &[Some(&before), Some(&asked(30, 9))]
        ));
        assert!(!is_again(&asked(35, 15), &[None]));
    }

    #[test]
    fn connections_that_are_begun_count() {
        let mut used = asked(3, 0);
        used.calls[Group::Connect as usize] = 1;
        used.errors.push(Failures {
            group: Group::Connect,
            errno: IN_PROGRESS,
            call: "connect",
            count: 11,
            first_ns: 0,
            first_seq: 0,
        });
        assert_eq!(connects(&used), 12);
    }
}
