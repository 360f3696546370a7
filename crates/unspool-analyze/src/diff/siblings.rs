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
/// One in so many may be missing, or be more; beyond that it is the amount of a day.
const PART: usize = 4;
/// Baselines that show that there are as many on every day.
const LEARNT_MIN: usize = 3;
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
/// Joint keys by their number.
type Numbers = BTreeMap<u64, u32>;

/// Siblings that are missing, or that are more.
pub(super) fn find(joint: &Joint<'_>, out: &mut Vec<Finding>) {
    let mut groups: BTreeMap<Place, Numbers> = BTreeMap::new();
    for (role, key) in joint.uses.keys() {
        if is_new(joint, *role) || is_gone(joint, *role) || !is_input(joint, *key) {
            continue;
        }
        let name = joint.keys.get(*key as usize).map(|key| &*key.name);
        if let Some((form, number)) = name.and_then(numbered) {
            groups
                .entry((*role, form))
                .or_default()
                .insert(number, *key);
        }
    }
    for ((role, _), numbers) in groups.iter().filter(|(_, all)| all.len() > SIBLINGS_MIN) {
        if let Some(finding) = compare(joint, *role, numbers) {
            out.push(finding);
        }
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
            .iter()
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
    if !is_steady || first.len() < SIBLINGS_MIN || now.is_empty() {
        return None;
    }
    let missing: Vec<u64> = first.difference(&now).copied().collect();
    let more: Vec<u64> = now.difference(first).copied().collect();
    let most = (first.len() / PART).max(1);
    let is_learnt = before.len() >= LEARNT_MIN;
    match (missing.as_slice(), more.as_slice()) {
        ([_, ..], []) if missing.len() <= most => {
            let span = first.last()? - first.first()? + 1;
            let is_whole = usize::try_from(span).is_ok_and(|span| span == first.len());
            let is_gap = missing.iter().all(|number| now.last() > Some(number)) && is_whole;
            let score = match (is_learnt, is_gap) {
                (true, _) => MISSING,
                (false, true) => GAP,
                (false, false) => LAST,
            };
            Some(told(joint, role, numbers, &now, (first, &missing), score))
        }
        ([], [_, ..]) if more.len() <= most => {
            let score = if is_learnt { MORE } else { LAST };
            Some(told(joint, role, numbers, &now, (first, &more), score))
        }
        _ => None,
    }
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
    let is_less = now.len() < before.len();
    let key = changed
        .first()
        .and_then(|number| numbers.get(number))
        .copied();
    let raw = |number: &u64, side: usize| -> Option<&[u8]> {
        joint
            .key_of(*numbers.get(number)?, side)
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
        .filter_map(|number| (0..=subject).rev().find_map(|side| raw(number, side)))
        .map(|name| say!(place, super::roles::base(name)))
        .collect();
    let bases: Vec<&[u8]> = names
        .iter()
        .take(TOLD_MAX)
        .map(|name| super::roles::base(name))
        .collect();
    let at_ns = numbers
        .values()
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
            format!(
                " read {} of {} files in ",
                now.len(),
                before.len().max(now.len())
            ),
            place.strip_suffix(b"/").unwrap_or(place),
            format!(", before {}; {word}: ", before.len()),
            bases.join(&b", "[..]),
            if names.len() > TOLD_MAX { ", ..." } else { "" }
        ));
    if !is_less {
        finding.sentence = say!(
            who(joint, role),
            format!(" read {} files in ", now.len()),
            place.strip_suffix(b"/").unwrap_or(place),
            format!(", before {}; {word}: ", before.len()),
            bases.join(&b", "[..])
        );
    }
    finding.evidence.extend(
        names
            .iter()
            .take(TOLD_MAX)
            .map(|name| say!(word, ": ", name)),
    );
    finding
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
    use super::numbered;

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
