//! Files that a run makes for itself, after it has asked whether they are there: marks of a run that is going on, locks,
//! parts of a download. One that is there before the run has made it is of another run, and the job does as it is told.

use super::Joint;
use super::finding::{Finding, FindingKind};
use super::phrases::{say, who};
use super::processes::{is_gone, is_new};
use super::profile::{KeyKind, Use};
use super::words::amounts_text;
use unspool_model::event::Errno;

/// Weight of a file that is there and never was.
const LEFT: f64 = 3.6;

/// Files that each baseline looked for in vain and then made, and that the subject found.
pub(super) fn find(joint: &Joint<'_>, out: &mut Vec<Finding>) {
    for (place, joint_key) in joint.keys.iter().enumerate() {
        let key = u32::try_from(place).unwrap_or(u32::MAX);
        if joint_key.kind != KeyKind::File || !is_left(joint, key) {
            continue;
        }
        let subject = joint.subject();
        let finder = joint
            .uses
            .of_key_by_role(key)
            .filter(|(role, _)| !is_new(joint, *role) && !is_gone(joint, *role))
            .filter_map(|(role, sides)| {
                let used = sides.get(subject).copied().flatten()?;
                let in_vain = sides
                    .iter()
                    .take(subject)
                    .flatten()
                    .any(|used| is_in_vain(used));
                (in_vain && used.effective() > 0).then_some((used.first_ns, role, used))
            })
            .min_by_key(|(first_ns, role, _)| (*first_ns, *role));
        let (Some((_, role, used)), Some(found)) = (finder, joint.key_of(key, subject)) else {
            continue;
        };
        if super::is_cache(&found.raw) {
            continue;
        }
        out.push(
            Finding::new(FindingKind::FileNew, LEFT, &found.raw)
                .values("not there", amounts_text(used))
                .at(used.first_ns, Some(used.first_seq))
                .of(role, Some(key))
                .says(say!(
                    who(joint, role),
                    " found ",
                    found.raw,
                    ", which was not there before: each run made it for itself"
                )),
        );
    }
}

fn is_in_vain(used: &Use) -> bool {
    let mut errors = used.errors.iter();
    errors.any(|failures| failures.errno == Errno::ENOENT)
}

/// Whether it is one file that all baselines made, having asked for it in vain, and that the subject has without.
fn is_left(joint: &Joint<'_>, key: u32) -> bool {
    let subject = joint.subject();
    let Some(now) = joint.key_of(key, subject) else {
        return false;
    };
    let is_asked_in_vain = |side: usize| {
        let mut uses = joint.uses.of_key(key);
        uses.any(|sides| sides.get(side).copied().flatten().is_some_and(is_in_vain))
    };
    let is_made = |side: usize| {
        let key = joint.key_of(key, side);
        key.is_some_and(|key| key.created && key.resources == 1) && is_asked_in_vain(side)
    };
    now.resources == 1
        && !now.created
        && now.raw.starts_with(b"/")
        && !is_asked_in_vain(subject)
        && (0..subject).all(is_made)
}
