//! What one role does in another order: which programs it starts first, which files and connections it turns to first.
//!
//! Only what every run has is compared, and only what had one order in all baselines. What is out of order is what is
//! left beside the longest part that kept its order.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, FindingKind};
use super::phrases::{say, who};
use super::processes::{is_copy, raw_command};
use super::profile::{KeyKind, Role, Use};
use super::{Joint, is_system};

/// Things of one role whose order is compared.
const THINGS_MAX: usize = 400;
/// Things of one role that are looked at.
const TURNS_MAX: usize = 4 * THINGS_MAX;
/// Things that turn up in another order at once from which on they have none: the entries of a folder, workers.
const MOVED_MAX: usize = 3;
/// Things that a moved one stands among, at the least.
const THINGS_MIN: usize = 2;
/// Baselines that show what order is by chance.
const LEARNT_MIN: usize = 3;

/// Weight of programs that run one after the other.
const STEPS: f64 = 2.2;
/// Weight of programs that run beside each other.
const PARALLEL: f64 = 0.8;
/// Weight of files and connections, when the baselines show what is chance, and when one baseline shows nothing.
const ACCESSES: f64 = 1.7;
const ACCESSES_UNLEARNT: f64 = 1.1;

/// Things by the order in which the role turned to them, in one run.
type Sequence = Vec<u32>;

/// All differences of order.
pub(super) fn find(joint: &Joint<'_>, out: &mut Vec<Finding>) {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (place, role) in joint.roles.iter().enumerate() {
        let id = u32::try_from(place).unwrap_or(u32::MAX);
        if let Some(parent) = role.parent.filter(|_| !is_copy(joint, id)) {
            children.entry(parent).or_default().push(id);
        }
    }
    for (parent, roles) in &children {
        steps(joint, *parent, roles, out);
    }
    let mut keys: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for ((role, key), sides) in &joint.uses {
        if sides.iter().all(|used| used.is_some_and(is_turn)) {
            keys.entry(*role).or_default().push(*key);
        }
    }
    // Whoever turns to thousands of things has no order that people think of.
    keys.retain(|role, keys| keys.len() <= TURNS_MAX && is_single(joint, *role));
    for (role, keys) in &mut keys {
        keys.retain(|key| is_compared(joint, *key));
        accesses(joint, *role, keys, out);
    }
}

fn is_turn(used: &Use) -> bool {
    used.effective() > used.count(super::profile::Group::Query)
}

/// Files of the job and connections; which of several files of one form comes first is chance.
fn is_compared(joint: &Joint<'_>, key: u32) -> bool {
    joint.any_key(key).is_some_and(|found| match found.kind {
        KeyKind::Peer => true,
        KeyKind::File => {
            found.named
                && !is_system(&found.raw)
                && !super::is_cache(&found.raw)
                && !joint.is_of_family(key)
        }
        _ => false,
    })
}

/// Roles with one process in every run: what several do at once has no order.
fn is_single(joint: &Joint<'_>, role: u32) -> bool {
    (0..joint.runs.len()).all(|side| {
        joint
            .role_of(role, side)
            .is_some_and(|role| role.instances == 1)
    })
}

fn has_threads(joint: &Joint<'_>, role: u32) -> bool {
    (0..joint.runs.len())
        .filter_map(|side| joint.role_of(role, side))
        .any(|role| role.thread_ns > role.wall_ns.saturating_add(role.wall_ns / 8))
}

fn steps(joint: &Joint<'_>, parent: u32, roles: &[u32], out: &mut Vec<Finding>) {
    let in_all = |role: &&u32| is_single(joint, **role);
    let things: Vec<u32> = roles
        .iter()
        .filter(in_all)
        .copied()
        .take(THINGS_MAX)
        .collect();
    if !is_single(joint, parent) {
        return;
    }
    let first_ns =
        |side: usize, role: u32| joint.role_of(role, side).map_or(0, |role| role.first_ns);
    let Some((moved, beside)) = moved(joint, &things, &first_ns) else {
        return;
    };
    let parallel = is_parallel(joint, moved, beside);
    let command = |role: u32| {
        joint
            .role_of(role, joint.subject())
            .map(raw_command)
            .unwrap_or_default()
    };
    let (one, other) = (command(moved), command(beside));
    let subject = joint.subject();
    let now = first_ns(subject, moved) < first_ns(subject, beside);
    let score = if parallel { PARALLEL } else { STEPS };
    let at = joint.role_of(moved, subject);
    let seq = at.and_then(|role: &Role| role.commands.values().map(|one| one.first_seq).min());
    out.push(
        told(joint, parent, score, now, " started ", &one, &other)
            .at(first_ns(subject, moved), seq)
            .of(moved, None),
    );
}

fn is_parallel(joint: &Joint<'_>, one: u32, other: u32) -> bool {
    (0..joint.runs.len()).any(|side| {
        let (Some(one), Some(other)) = (joint.role_of(one, side), joint.role_of(other, side))
        else {
            return false;
        };
        one.first_ns < other.last_ns && other.first_ns < one.last_ns
    })
}

fn accesses(joint: &Joint<'_>, role: u32, keys: &[u32], out: &mut Vec<Finding>) {
    if has_threads(joint, role) || keys.len() > THINGS_MAX {
        return;
    }
    let used = |side: usize, key: u32| -> Option<&Use> {
        let sides = joint.uses.get(&(role, key))?;
        sides.get(side).copied().flatten()
    };
    let first_ns = |side: usize, key: u32| {
        used(side, key).map_or(0, |used| i64::try_from(used.first_seq).unwrap_or(i64::MAX))
    };
    let Some((moved, beside)) = moved(joint, keys, &first_ns) else {
        return;
    };
    let name = |key: u32| {
        joint
            .any_key(key)
            .map(|key| match key.kind {
                KeyKind::Peer => super::words::plain_address(&key.name, &key.raw, key.kind),
                _ => key.raw.clone(),
            })
            .unwrap_or_default()
    };
    let score = if joint.runs.len() > LEARNT_MIN {
        ACCESSES
    } else {
        ACCESSES_UNLEARNT
    };
    let subject = joint.subject();
    let now = first_ns(subject, moved) < first_ns(subject, beside);
    let at = used(subject, moved);
    out.push(
        told(
            joint,
            role,
            score,
            now,
            " turned to ",
            &name(moved),
            &name(beside),
        )
        .at(
            at.map_or(0, |used| used.first_ns),
            at.map(|used| used.first_seq),
        )
        .of(role, Some(moved)),
    );
}

/// The finding that `one` has another place beside `other`.
fn told(
    joint: &Joint<'_>,
    role: u32,
    score: f64,
    is_before: bool,
    verb: &str,
    one: &[u8],
    other: &[u8],
) -> Finding {
    let order = |is_before: bool| {
        if is_before {
            say!(one, ", then ", other)
        } else {
            say!(other, ", then ", one)
        }
    };
    let word = |is_before: bool| if is_before { "before " } else { "after " };
    Finding::new(FindingKind::Order, score, one)
        .values(order(!is_before), order(is_before))
        .evidence(say!("command: ", command_of(joint, role)))
        .evidence(say!("beside: ", other))
        .says(say!(
            who(joint, role),
            verb,
            one,
            " ",
            word(is_before),
            other,
            "; in the run before it was the other way round"
        ))
}

fn command_of(joint: &Joint<'_>, role: u32) -> Vec<u8> {
    joint.any_role(role).map(raw_command).unwrap_or_default()
}

/// What is out of order in the subject, and the nearest thing that it changed places with. `None` when the order is the
/// same, or when there is none.
fn moved(
    joint: &Joint<'_>,
    things: &[u32],
    place_of: &dyn Fn(usize, u32) -> i64,
) -> Option<(u32, u32)> {
    let subject = joint.subject();
    let sequence = |side: usize| -> Sequence {
        let mut things = things.to_vec();
        things.sort_by_key(|thing| (place_of(side, *thing), *thing));
        things
    };
    let baseline = sequence(0);
    // What changes its place among the baselines has none.
    let mut unsteady: BTreeSet<u32> = BTreeSet::new();
    for side in 1..subject {
        unsteady.extend(left_out(&baseline, &sequence(side)));
    }
    let steady = |sequence: Sequence| -> Sequence {
        sequence
            .into_iter()
            .filter(|thing| !unsteady.contains(thing))
            .collect()
    };
    let (before, now) = (steady(baseline), steady(sequence(subject)));
    let moved = left_out(&before, &now);
    if moved.is_empty() || moved.len() > MOVED_MAX.min(now.len() / 2) || now.len() < THINGS_MIN {
        return None;
    }
    let first = *now.iter().find(|thing| moved.contains(thing))?;
    let at = |sequence: &[u32], thing: u32| sequence.iter().position(|other| *other == thing);
    let here = at(&now, first)?;
    let was = at(&before, first)?;
    let changed = |other: &&u32| {
        let (then, today) = (at(&before, **other), at(&now, **other));
        **other != first && (then < Some(was)) != (today < Some(here))
    };
    now.iter()
        .filter(changed)
        .min_by_key(|other| at(&now, **other).map_or(usize::MAX, |place| place.abs_diff(here)))
        .map(|beside| (first, *beside))
}

/// Things of `now` that are not in the longest part of it that has the order of `before`.
fn left_out(before: &[u32], now: &[u32]) -> BTreeSet<u32> {
    let places: BTreeMap<u32, usize> = before
        .iter()
        .enumerate()
        .map(|(place, thing)| (*thing, place))
        .collect();
    let places: Vec<usize> = now
        .iter()
        .filter_map(|thing| places.get(thing).copied())
        .collect();
    // Longest increasing part: for each length the place where such a part ends lowest.
    let mut ends: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(places.len());
    for (index, place) in places.iter().enumerate() {
        let len = ends.partition_point(|end| places[*end] < *place);
        previous.push(len.checked_sub(1).and_then(|len| ends.get(len).copied()));
        match ends.get_mut(len) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut kept = BTreeSet::new();
    let mut next = ends.last().copied();
    while let Some(index) = next {
        kept.insert(index);
        next = previous.get(index).copied().flatten();
    }
    now.iter()
        .enumerate()
        .filter(|(index, _)| !kept.contains(index))
        .map(|(_, thing)| *thing)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::left_out;

    #[test]
    fn one_thing_that_moved_is_left_out() {
        assert!(left_out(&[1, 2, 3], &[1, 2, 3]).is_empty());
        assert_eq!(left_out(&[1, 2, 3, 4], &[4, 1, 2, 3]), [4].into());
        assert_eq!(left_out(&[1, 2, 3, 4], &[2, 3, 1, 4]), [1].into());
        assert_eq!(left_out(&[1, 2, 3], &[3, 2, 1]).len(), 2);
    }
}
