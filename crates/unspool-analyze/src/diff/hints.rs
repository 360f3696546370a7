//! What a process did last before it failed, and what it would have done next: where nothing else tells why, one of the two
//! is often what it failed of.

use super::finding::Finding;
use super::phrases::{say, size};
use super::profile::{Group, KeyKind};
use super::{Joint, is_system};

/// Puts into the finding of a failed role the last input that it read and the first one that neither it nor what it starts
/// used any more.
pub(super) fn tell(joint: &Joint<'_>, role: u32, finding: &mut Finding) {
    if let Some(new) = super::complaints::new_of(joint, role) {
        let amount = size(new.bytes);
        finding
            .evidence
            .push(say!("new on standard error: ", amount));
        finding.sentence = say!(
            finding.sentence,
            format!("; it wrote {amount} to its standard error, before nothing")
        );
    }
    if let Some((name, bytes)) = last_input(joint, role) {
        finding
            .evidence
            .push(say!("last input: ", name, format!(" ({})", size(bytes))));
        finding.sentence = say!(finding.sentence, "; the last it read was ", name);
    }
    if let Some(name) = next_input(joint, role) {
        finding.evidence.push(say!("not used any more: ", name));
        finding.sentence = say!(
            finding.sentence,
            "; the first file that was used before and is not is ",
            name
        );
    }
}

/// A file of the job that no run writes.
fn is_input(joint: &Joint<'_>, key: u32) -> bool {
    (0..joint.runs.len())
        .filter_map(|side| joint.key_of(key, side))
        .all(|key| {
            key.kind == KeyKind::File
                && key.named
                && !key.created
                && !key.modified
                && !is_system(&key.raw)
                && !super::is_cache(&key.raw)
                && !key.raw.starts_with(b"/proc/")
                && !key.raw.starts_with(b"/sys/")
                && !key.raw.starts_with(b"/dev/")
        })
}

/// The input that the role read last in the subject, and how much of it; sources that are shown in a message are none.
fn last_input(joint: &Joint<'_>, role: u32) -> Option<(Vec<u8>, u64)> {
    let subject = joint.subject();
    let label = joint.role_of(role, subject)?.label.clone();
    let (key, used) = joint
        .uses
        .of_role_in(role, subject)
        .filter(|(key, used)| used.bytes_read > 0 && is_input(joint, *key))
        .filter(|(key, _)| {
            joint.key_of(*key, subject).is_some_and(|key| {
                !super::telling::is_source(&key.raw) && super::roles::base(&key.raw) != label
            })
        })
        .max_by_key(|(_, used)| used.last_ns)?;
    let key = joint.key_of(key, subject)?;
    // Of several files that are one thing, nobody knows which was the last.
    (key.resources == 1).then(|| (key.raw.clone(), used.bytes_read))
}

/// The first input in the order of the first baseline that the role, or one below it, used in all baselines and nobody uses
/// in the subject.
fn next_input(joint: &Joint<'_>, role: u32) -> Option<Vec<u8>> {
    let subject = joint.subject();
    let is_used = |key: u32, side: usize| {
        joint.uses.of_key(key).any(|sides| {
            let used = sides.get(side).copied().flatten();
            used.is_some_and(|used| used.effective() > used.count(Group::Query))
        })
    };
    joint
        .uses
        .iter()
        .filter(|((other, _), _)| *other == role || super::reach::below(joint, *other, role))
        .filter_map(|((_, key), sides)| Some((sides.first().copied().flatten()?.first_ns, *key)))
        .filter(|(_, key)| is_input(joint, *key))
        .filter(|(_, key)| !is_used(*key, subject) && (0..subject).all(|side| is_used(*key, side)))
        .min()
        .and_then(|(_, key)| joint.any_key(key))
        .map(|key| key.raw.clone())
}
