//! Numbered siblings among the inputs: twelve files on every day, and today eleven. Nobody looks for the one that is not
//! in the folder, so no call fails.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, FindingKind};
use super::phrases::{say, who};
use super::processes::{is_gone, is_new};
use super::profile::{Group, KeyKind, Use};
use super::{Joint, is_system};

/// Siblings that a run reads before one that is missing says something.
const SIBLINGS_MIN: usize = 3;
/// Siblings without a gap, of all baselines together, that show that gaps do not happen.
const SEEN_MIN: usize = 6;
/// One in so many may be missing, or be more; beyond that it is the amount of a day.
const PART: usize = 4;
/// Baselines that show that there are as many on every day.
const LEARNT_MIN: usize = 3;
/// Things of one role from which on nobody counts them by their numbers.
const THINGS_MAX: usize = 5000;
/// Names that are told.
const TOLD_MAX: usize = 5;

/// Weight of one that is missing, when the baselines show that there are always as many, or when its number is left out
/// among numbers that were without a gap; and of the last one, which may be the amount of a day.
const MISSING: f64 = 2.8;
const GAP: f64 = 2.6;
const LAST: f64 = 1.1;
/// Weight of one more.
const MORE: f64 = 2.3;

/// A role, and what its siblings are called with the number left out.
type Place = (u32, Vec<u8>);
/// Of each run, joint keys by the number in the run's own name: what counters are taken for is not asked here.
type Numbers = Vec<BTreeMap<u64, u32>>;

/// Siblings that are missing, or that are more.
pub(super) fn find(joint: &Joint<'_>, out: &mut Vec<Finding>) {
    let mut things: BTreeMap<u32, usize> = BTreeMap::new();
    for (role, _) in joint.uses.keys() {
        *things.entry(*role).or_default() += 1;
    }
    let mut groups: BTreeMap<Place, Numbers> = BTreeMap::new();
    for (role, key) in joint.uses.keys() {
        if things.get(role).is_some_and(|count| *count > THINGS_MAX) {
            continue;
        }
        if is_new(joint, *role) || is_gone(joint, *role) || !is_input(joint, *key) {
            continue;
        }
        for side in 0..joint.runs.len() {
            let name = joint.key_of(*key, side).map(|key| key.name.as_slice());
            if let Some((form, number)) = name.and_then(numbered) {
                let sides = groups
                    .entry((*role, form))
                    .or_insert_with(|| vec![BTreeMap::new(); joint.runs.len()]);
                if let Some(numbers) = sides.get_mut(side) {
                    numbers.insert(number, *key);
                }
            }
        }
    }
    let mut told: BTreeSet<Vec<u8>> = BTreeSet::new();
    for ((role, _), numbers) in &groups {
        let finding = compare(joint, *role, numbers);
        // Each role that reads them would say the same.
        out.extend(finding.filter(|finding| told.insert(finding.subject.clone())));
    }
}

/// A file of the job that no run writes.
fn is_input(joint: &Joint<'_>, key: u32) -> bool {
    let of_job = joint
        .any_key(key)
        .is_some_and(|key| key.kind == KeyKind::File && key.named && !is_system(&key.raw));
    of_job
        && (0..joint.runs.len())
            .filter_map(|side| joint.key_of(key, side))
            .all(|key| !key.created && !key.modified && key.resources == 1)
}

fn is_read(used: &Use) -> bool {
    used.effective() > used.count(Group::Query)
}

fn compare(joint: &Joint<'_>, role: u32, numbers: &Numbers) -> Option<Finding> {
    let used = |side: usize| -> BTreeSet<u64> {
        numbers
            .get(side)
            .into_iter()
            .flatten()
            .filter(|(_, key)| {
                let sides = joint.uses.get(&(role, **key));
                sides
                    .and_then(|sides| sides.get(side).copied().flatten())
                    .is_some_and(is_read)
            })
            .map(|(number, _)| *number)
            .collect()
    };
    let subject = joint.subject();
    let before: Vec<BTreeSet<u64>> = (0..subject)
        .filter(|side| joint.role_of(role, *side).is_some())
        .map(used)
        .collect();
    let first = before.first()?;
    let now = used(subject);
    let is_steady = before.iter().all(|other| other == first);
    if first.len() < SIBLINGS_MIN || now.len() < SIBLINGS_MIN {
        return None;
    }
    let missing: Vec<u64> = first.difference(&now).copied().collect();
    let more: Vec<u64> = now.difference(first).copied().collect();
    let most = (first.len() / PART).max(1);
    let is_learnt = before.len() >= LEARNT_MIN;
    let seen: usize = before.iter().map(BTreeSet::len).sum();
    let finding =
        |changed: &[u64], score| told(joint, role, numbers, &now, (first, changed), score);
    match (missing.as_slice(), more.as_slice()) {
        ([_, ..], []) if is_steady && missing.len() <= most && is_learnt => {
            Some(finding(&missing, MISSING))
        }
        _ if seen >= SEEN_MIN && before.iter().all(is_whole) && !is_whole(&now) => {
            let last = *now.last()?;
            let gaps: Vec<u64> = (*first.first()?..last)
                .filter(|number| !now.contains(number))
                .take(most + 1)
                .collect();
            (gaps.len() <= most && !gaps.is_empty()).then(|| finding(&gaps, GAP))
        }
        ([_, ..], []) if is_steady && missing.len() <= most => Some(finding(&missing, LAST)),
        ([], [_, ..]) if is_steady && more.len() <= most => {
            Some(finding(&more, if is_learnt { MORE } else { LAST }))
        }
        _ => None,
    }
}

/// Whether no number between the first and the last is left out.
fn is_whole(numbers: &BTreeSet<u64>) -> bool {
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
        return false;
    };
    usize::try_from(last - first).is_ok_and(|span| span + 1 == numbers.len())
}

/// The finding; `changed` are the numbers that only one side has.
fn told(
    joint: &Joint<'_>,
    role: u32,
    numbers: &Numbers,
    now: &BTreeSet<u64>,
    (before, changed): (&BTreeSet<u64>, &[u64]),
    score: f64,
) -> Finding {
    let subject = joint.subject();
    let run = joint.runs[subject];
    let is_less = changed.iter().all(|number| !now.contains(number));
    let key_of = |number: &u64, side: usize| numbers.get(side)?.get(number).copied();
    let key = changed.first().and_then(|number| {
        let key = (0..=subject).rev().find_map(|side| key_of(number, side))?;
        (!is_less || joint.key_of(key, subject).is_none()).then_some(key)
    });
    let raw = |number: &u64, side: usize| -> Option<&[u8]> {
        joint
            .key_of(key_of(number, side)?, side)
            .map(|key| key.raw.as_slice())
    };
    let folder = |name: &'_ [u8]| name.len() - super::roles::base(name).len();
    let beside = now
        .iter()
        .find_map(|number| raw(number, subject))
        .unwrap_or_default();
    let place = beside.get(..folder(beside)).unwrap_or_default();
    let names: Vec<Vec<u8>> = changed
        .iter()
        .map(
            |number| match (0..=subject).rev().find_map(|side| raw(number, side)) {
                Some(name) => say!(place, super::roles::base(name)),
                None => renumbered(beside, *number),
            },
        )
        .collect();
    let at_ns = numbers
        .get(subject)
        .into_iter()
        .flat_map(BTreeMap::values)
        .filter_map(|key| joint.uses.get(&(role, *key))?.get(subject).copied()?)
        .map(|used| used.first_ns)
        .min()
        .unwrap_or(run.start_ns);
    let end_ns = joint
        .role_of(role, subject)
        .map_or(run.end_ns, |role| role.last_ns);
    let (kind, word) = if is_less {
        (FindingKind::FileGone, "missing")
    } else {
        (FindingKind::FileNew, "new")
    };
    let count = |of: &BTreeSet<u64>| format!("{} files", of.len());
    let mut finding = Finding::new(kind, score, names.first().map_or(place, Vec::as_slice))
        .values(count(before), count(now))
        .at(at_ns, None)
        .until(if is_less { end_ns } else { at_ns })
        .of(role, key)
        .says(say!(
            who(joint, role),
            sentence(place, &names, (before.len(), now.len()), is_less)
        ));
    let told = names.iter().take(TOLD_MAX);
    finding
        .evidence
        .extend(told.map(|name| say!(word, ": ", name)));
    finding
}

/// ` read 11 of 12 files in /in, before 12 of 12; missing: cam-07.raw`.
fn sentence(
    place: &[u8],
    names: &[Vec<u8>],
    (before, now): (usize, usize),
    is_less: bool,
) -> Vec<u8> {
    let told: Vec<&[u8]> = names
        .iter()
        .take(TOLD_MAX)
        .map(|name| super::roles::base(name))
        .collect();
    let (amount, usual, word) = if is_less {
        let all = now + names.len();
        (
            format!("{now} of {all}"),
            format!("{before} of {before}"),
            "missing",
        )
    } else {
        (now.to_string(), before.to_string(), "new")
    };
    say!(
        format!(" read {amount} files in "),
        place.strip_suffix(b"/").unwrap_or(place),
        format!(", before {usual}; {word}: "),
        told.join(&b", "[..]),
        if names.len() > TOLD_MAX { ", ..." } else { "" }
    )
}

/// A name with another last number, as wide as that is.
fn renumbered(name: &[u8], number: u64) -> Vec<u8> {
    let end = name
        .iter()
        .rposition(u8::is_ascii_digit)
        .map_or(0, |at| at + 1);
    let (head, tail) = name.split_at(end);
    let start = head
        .iter()
        .rposition(|byte| !byte.is_ascii_digit())
        .map_or(0, |at| at + 1);
    let width = end - start;
    say!(
        head.get(..start).unwrap_or_default(),
        format!("{number:0width$}"),
        tail
    )
}

/// A name with its last number left out, and that number; `None` when there is none or when it is a version.
fn numbered(name: &[u8]) -> Option<(Vec<u8>, u64)> {
    let base = super::roles::base(name);
    if base.windows(4).any(|part| part == b".so.") {
        return None;
    }
    // What is inside of a placeholder is no number.
    let mut inside = false;
    let is_number: Vec<bool> = base
        .iter()
        .map(|byte| {
            inside = *byte == b'<' || inside && *byte != b'>';
            !inside && byte.is_ascii_digit()
        })
        .collect();
    let end = is_number.iter().rposition(|is| *is)? + 1;
    let start = is_number
        .get(..end)?
        .iter()
        .rposition(|is| !*is)
        .map_or(0, |at| at + 1);
    let number = std::str::from_utf8(base.get(start..end)?)
        .ok()?
        .parse()
        .ok()?;
    let folder = name.len() - base.len();
    let form = [name.get(..folder + start)?, b"#", base.get(end..)?].concat();
    Some((form, number))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{is_whole, numbered, renumbered};

    #[test]
    fn gaps_have_names() {
        assert_eq!(renumbered(b"/in/cam-07.raw", 11), b"/in/cam-11.raw");
        assert_eq!(renumbered(b"/in/cam-7.raw", 12), b"/in/cam-12.raw");
        assert!(is_whole(&BTreeSet::from([3, 4, 5])));
        assert!(!is_whole(&BTreeSet::from([3, 5])));
    }

    #[test]
    fn numbers_of_names() {
        let check = |name: &str, expect: Option<(&str, u64)>| {
            let found = numbered(name.as_bytes());
            let expect = expect.map(|(form, number)| (form.as_bytes().to_vec(), number));
            assert_eq!(found, expect, "{name}");
        };
        check("/in/<D+1>/cam-07.raw", Some(("/in/<D+1>/cam-#.raw", 7)));
        check("/in/cam7-<D+1>.raw", Some(("/in/cam#-<D+1>.raw", 7)));
        check("/in/cam-<D+1>.raw", None);
        check("/lib/libz.so.1.2", None);
    }
}
