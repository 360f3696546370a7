//! One input among many of its kind that is far shorter than all of them were: a picture that was cut. Names that change
//! every day are one thing with many members; what the recorder found of each says how long they are.

use super::finding::{Finding, FindingKind};
use super::phrases::{say, size, who};
use super::processes::{is_gone, is_new};
use super::profile::{Key, KeyKind, Use};
use super::resources::Place;
use super::{Joint, is_system};

/// Members that a run has of a thing before one of them can be short.
const MEMBERS_MIN: u64 = 3;
/// How many times shorter than the shortest of before it has to be, of so many bytes at least.
const SHORTER: u64 = 8;
const BYTES_MIN: u64 = 256;
/// Weight, when the process that reads it fails and when not.
const FAILED: f64 = 3.7;
const WEIGHT: f64 = 2.4;

/// Members of things that are far shorter than any was before.
pub(super) fn find(joint: &Joint<'_>, out: &mut Vec<Finding>) {
    for (place, joint_key) in joint.keys.iter().enumerate() {
        let key = u32::try_from(place).unwrap_or(u32::MAX);
        if joint_key.kind != KeyKind::File {
            continue;
        }
        let Some((least, name, before)) = shortest(joint, key) else {
            continue;
        };
        let reader = joint
            .uses
            .of_key_by_role(key)
            .filter(|(role, _)| !is_new(joint, *role) && !is_gone(joint, *role))
            .filter_map(|(role, sides)| {
                Some((role, sides.get(joint.subject()).copied().flatten()?))
            })
            .find(|(_, used)| used.bytes_read > 0);
        let Some((role, used)) = reader else { continue };
        let weight = if super::peers::has_failed(joint, role) {
            FAILED
        } else {
            WEIGHT
        };
        out.push(
            Finding::new(FindingKind::Less, weight, name)
                .values(format!("{} at least", size(before)), size(least))
                .at(used.first_ns, Some(used.first_seq))
                .of(role, Some(key))
                .says(say!(
                    who(joint, role),
                    " read ",
                    name,
                    format!(
                        ", which is {} long; no other of its kind has less than {}",
                        size(least),
                        size(before)
                    )
                )),
        );
    }
}

/// A member of a family that is far shorter than all of them were.
pub(super) fn of_family(place: &Place<'_, '_>, used: &Use, smallest: u64) -> Finding {
    let name = place.name();
    let now = size(used.bytes_read);
    let weight = if super::peers::has_failed(place.joint, place.role) {
        FAILED
    } else {
        WEIGHT
    };
    let mut finding = Finding::new(FindingKind::Less, weight, &name)
        .values(format!("{} at least", size(smallest)), now.clone())
        .at(used.first_ns, Some(used.first_seq))
        .of(place.role, Some(place.key))
        .says(say!(
            who(place.joint, place.role),
            format!(" read {now} from "),
            name,
            format!("; no other of its kind had less than {}", size(smallest))
        ));
    finding.is_apart = true;
    finding
}

/// The shortest member of a thing in the subject with its length, and the least length in all baselines; `None` when it is
/// no shorter than they were by far.
fn shortest<'p>(joint: &Joint<'p>, key: u32) -> Option<(u64, &'p [u8], u64)> {
    let is_input = |key: &Key| !key.created && !key.modified && !is_system(&key.raw);
    let now = joint.key_of(key, joint.subject())?;
    if now.resources < MEMBERS_MIN || !is_input(now) {
        return None;
    }
    let (least, name) = now.shortest.as_deref()?;
    let mut before = u64::MAX;
    for side in 0..joint.subject() {
        let other = joint.key_of(key, side)?;
        if other.resources < MEMBERS_MIN || !is_input(other) {
            return None;
        }
        before = before.min(other.shortest.as_deref()?.0);
    }
    (before >= BYTES_MIN && least.saturating_mul(SHORTER) < before).then_some((
        *least,
        name.as_slice(),
        before,
    ))
}
