//! What processes write to their standard error, where the words themselves were not recorded: a process that was silent
//! and is not any more has something to say.

use super::Joint;
use super::finding::{Finding, FindingKind};
use super::phrases::{say, size, who};
use super::processes::{is_gone, is_new};
use super::profile::Complaints;

/// Weight of a new message, with enough baselines that were silent and with fewer.
const NEW: f64 = 1.7;
const NEW_ONCE: f64 = 1.15;
/// Weight of more words where there were some, which are no difference by themselves, and of how many bytes at least.
const MORE: f64 = 1.15;
const MORE_ONCE: f64 = 0.8;
const MORE_MIN: u64 = 40;
/// Least that a failure weighs to be what a process complains of.
const WORTH_SAYING: f64 = 1.6;
/// Baselines that show that a process is silent.
const LEARNT_MIN: usize = 3;

/// Processes that end well and say what they did not say before.
pub(super) fn find(joint: &Joint<'_>, out: &mut Vec<Finding>) {
    if super::messages::are_compared(joint) {
        return;
    }
    for place in 0..joint.roles.len() {
        let role = u32::try_from(place).unwrap_or(u32::MAX);
        if is_new(joint, role) || is_gone(joint, role) || super::peers::has_failed(joint, role) {
            continue;
        }
        let Some(new) = new_of(joint, role) else {
            out.extend(more_of(joint, role));
            continue;
        };
        let with_role = (0..joint.subject())
            .filter(|side| joint.role_of(role, *side).is_some())
            .count();
        let score = if with_role >= LEARNT_MIN {
            NEW
        } else {
            NEW_ONCE
        };
        let amount = size(new.bytes);
        out.push(
            Finding::new(
                FindingKind::LogNew,
                score,
                &say!("standard error of ", who(joint, role)),
            )
            .values("nothing", amount.clone())
            .at(new.first_ns, Some(new.first_seq))
            .of(role, None)
            .says(say!(
                who(joint, role),
                format!(" wrote {amount} to its standard error, before nothing: `record --payload 500` keeps the words")
            )),
        );
    }
}

/// Whether the effect is that a process says on its standard error what the cause has told already: it did not find what
/// was there before, or something that worked failed.
pub(super) fn is_said_of(cause: &Finding, effect: &Finding) -> bool {
    effect.kind == FindingKind::LogNew
        && cause.role == effect.role
        && cause.at_ns <= effect.at_ns
        && cause.score >= WORTH_SAYING
        && (cause.kind == FindingKind::FileMissing && cause.before == b"there"
            || cause.kind == FindingKind::ConnectionError)
}

/// More than twice as much as in any baseline, where those were as long as each other.
fn more_of(joint: &Joint<'_>, role: u32) -> Option<Finding> {
    let of = |side: usize| joint.role_of(role, side).map(|role| role.complaints);
    let now = of(joint.subject())?;
    let before: Vec<u64> = (0..joint.subject())
        .filter_map(|side| Some(of(side)?.bytes))
        .collect();
    let (least, most) = (*before.iter().min()?, *before.iter().max()?);
    if least == 0 || most > least * 2 || now.bytes < most.saturating_mul(2) + MORE_MIN {
        return None;
    }
    let weight = if before.len() >= LEARNT_MIN {
        MORE
    } else {
        MORE_ONCE
    };
    let (usual, amount) = (size(most), size(now.bytes));
    let who = who(joint, role);
    Some(
        Finding::new(FindingKind::More, weight, &say!("standard error of ", who))
            .values(usual.clone(), amount.clone())
            .at(now.first_ns, Some(now.first_seq))
            .of(role, None)
            .says(say!(
                who,
                format!(" wrote {amount} to its standard error, before {usual}: `record --payload 500` keeps the words")
            )),
    )
}

/// What the processes of a role wrote to their standard error, when they wrote nothing there in any baseline.
pub(super) fn new_of(joint: &Joint<'_>, role: u32) -> Option<Complaints> {
    let of = |side: usize| joint.role_of(role, side).map(|role| role.complaints);
    let now = of(joint.subject())?;
    let mut before = (0..joint.subject()).filter_map(of).peekable();
    before.peek()?;
    (now.bytes > 0 && before.all(|before| before.bytes == 0)).then_some(now)
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Finding, FindingKind};
    use super::is_said_of;

    #[test]
    fn words_about_a_missing_file_follow_from_it() {
        let at = |kind, role, at_ns| {
            Finding::new(kind, 1.9, b"north.hgt")
                .values("there", "not found")
                .of(role, None)
                .at(at_ns, None)
        };
        let words = at(FindingKind::LogNew, 3, 20);
        assert!(is_said_of(&at(FindingKind::FileMissing, 3, 10), &words));
        assert!(!is_said_of(&at(FindingKind::FileMissing, 3, 30), &words));
        assert!(!is_said_of(&at(FindingKind::FileMissing, 4, 10), &words));
        assert!(!is_said_of(&at(FindingKind::More, 3, 10), &words));
    }
}
