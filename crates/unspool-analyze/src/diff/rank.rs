//! Puts the differences in order: one line per cause, what follows from it behind it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::Joint;
use super::causes::causes;
use super::contents;
use super::finding::{Finding, FindingKind};
use super::phrases::say;
use super::profile::KeyKind;

/// Findings of one folder and kind that are told one by one.
const FOLDER_MAX: usize = 5;
/// Findings below this are noise.
pub(super) const SCORE_MIN: f64 = 0.5;
/// Findings that are looked at for causes.
const CONSIDERED_MAX: usize = 2000;

/// Ranks the findings of a comparison.
pub(super) fn rank(joint: &Joint<'_>, mut findings: Vec<Finding>) -> Vec<Finding> {
    for finding in &mut findings {
        finding.process = finding
            .role
            .and_then(|role| joint.roles.get(role as usize))
            .map(|role| role.name.clone())
            .unwrap_or_default();
        if let Some(role) = finding.role.and_then(|role| joint.any_role(role))
            && !finding
                .evidence
                .iter()
                .any(|line| line.starts_with(b"command"))
        {
            let command = super::processes::raw_command(role);
            finding.evidence.push(say!("command: ", command));
        }
    }
    let findings = one_per_thing(searches(bulk(joint, findings)));
    let findings = pairs(joint, findings);
    let mut findings = folders(findings);
    let subject = joint.runs[joint.subject()];
    #[expect(
        clippy::cast_precision_loss,
        reason = "a place in time needs no exactness"
    )]
    for finding in &mut findings {
        let length = subject.duration_ns().max(1) as f64;
        let position = ((finding.at_ns - subject.start_ns) as f64 / length).clamp(0.0, 1.0);
        finding.score *= 1.0 + 0.25 * (1.0 - position);
    }
    findings.sort_by(in_order);
    findings.truncate(CONSIDERED_MAX);
    super::telling::temper(joint, &mut findings);
    sort(&mut findings);
    causes(joint, &mut findings);
    contents::temper(joint, &mut findings);
    // Places of causes are those of this list: what is noise leaves it in the end.
    for finding in &mut findings {
        if finding.score < SCORE_MIN {
            finding.score = 0.0;
        }
    }
    contents::temper_soft(joint, &mut findings);
    order(findings)
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by(in_order);
}

/// The heaviest first, then the first to happen.
fn in_order(one: &Finding, other: &Finding) -> Ordering {
    other
        .score
        .total_cmp(&one.score)
        .then_with(|| one.at_ns.cmp(&other.at_ns))
        .then_with(|| {
            (one.kind, &one.subject, &one.process).cmp(&(
                other.kind,
                &other.subject,
                &other.process,
            ))
        })
}

/// Findings of one kind in one family of files from which on they are how that family is on some day.
const BULK_MIN: usize = 3;

/// What happens to several files of a family is the day's data; what happens to one of them is a difference.
fn bulk(joint: &Joint<'_>, mut findings: Vec<Finding>) -> Vec<Finding> {
    let of = |finding: &Finding| {
        let kind = match finding.kind {
            FindingKind::Less | FindingKind::More | FindingKind::Content => 0,
            FindingKind::FileMissing => 1,
            FindingKind::FileNew | FindingKind::FileGone => 2,
            _ => return None,
        };
        let key = finding.key.filter(|key| joint.is_of_family(*key))?;
        Some((finding.role, kind, joint.widest_family(key)?))
    };
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for finding in &findings {
        if let Some(family) = of(finding) {
            *counts.entry(family).or_default() += 1;
        }
    }
    if counts.is_empty() {
        return findings;
    }
    let mixed = mixed(joint);
    for finding in &mut findings {
        let Some(family) = of(finding).filter(|_| !finding.is_apart) else {
            continue;
        };
        let many = counts.get(&family) >= Some(&BULK_MIN);
        let usual = mixed
            .get(&(family.0, family.2.clone()))
            .is_some_and(|mixed| match finding.kind {
                FindingKind::FileMissing => mixed.some_missing,
                FindingKind::Less | FindingKind::More => mixed.is_partly_used(),
                _ => false,
            });
        if (many || usual) && finding.score > BULK_SCORE_MAX {
            finding.score = BULK_SCORE_MAX;
        }
    }
    findings
}

/// What the members of a family have in one baseline or another.
#[derive(Clone, Copy, Debug, Default)]
struct Mixed {
    some_read: bool,
    some_unread: bool,
    some_written: bool,
    some_unwritten: bool,
    some_missing: bool,
}

impl Mixed {
    /// Some members are read or written and others are only looked at: which ones is the day's data.
    fn is_partly_used(self) -> bool {
        self.some_read && self.some_unread || self.some_written && self.some_unwritten
    }
}

fn mixed(joint: &Joint<'_>) -> BTreeMap<(Option<u32>, Vec<u8>), Mixed> {
    let mut all: BTreeMap<(Option<u32>, Vec<u8>), Mixed> = BTreeMap::new();
    for ((role, key), sides) in &joint.uses {
        if !joint.is_of_family(*key) {
            continue;
        }
        let Some(family) = joint.widest_family(*key) else {
            continue;
        };
        let mixed = all.entry((Some(*role), family)).or_default();
        for used in sides.iter().take(joint.subject()).flatten() {
            if used.effective() > 0 {
                mixed.some_read |= used.bytes_read > 0;
                mixed.some_unread |= used.bytes_read == 0;
                mixed.some_written |= used.bytes_written > 0;
                mixed.some_unwritten |= used.bytes_written == 0;
            }
            mixed.some_missing |= used
                .errors
                .iter()
                .any(|failures| failures.errno == unspool_model::event::Errno::ENOENT);
        }
    }
    all
}

/// Most that one of many differences of a family weighs.
const BULK_SCORE_MAX: f64 = 1.1;

/// A name that was looked for in several folders and found in none is one finding.
fn searches(findings: Vec<Finding>) -> Vec<Finding> {
    let mut places: BTreeMap<(Option<u32>, Vec<u8>), usize> = BTreeMap::new();
    let mut kept: Vec<Finding> = Vec::new();
    let mut counts: BTreeMap<usize, u32> = BTreeMap::new();
    for finding in findings {
        let base = super::roles::base(&finding.subject).to_vec();
        let search = finding.kind == FindingKind::FileMissing
            && finding.before != b"there"
            && !base.is_empty();
        if !search {
            kept.push(finding);
            continue;
        }
        let key = (finding.role, base);
        if let Some(place) = places.get(&key)
            && let Some(first) = kept.get_mut(*place)
        {
            if first.evidence.len() < 12 {
                first.evidence.push(say!("also: ", finding.subject));
            }
            first.score = first.score.max(finding.score);
            *counts.entry(*place).or_insert(1) += 1;
            continue;
        }
        places.insert(key, kept.len());
        kept.push(finding);
    }
    for (place, count) in counts {
        if let Some(finding) = kept.get_mut(place) {
            finding.score *= 1.35;
            let base = super::roles::base(&finding.subject).to_vec();
            let subject = finding.subject.clone();
            let who = finding
                .sentence
                .split(|byte| *byte == b' ')
                .next()
                .unwrap_or_default()
                .to_vec();
            finding.sentence = say!(
                who,
                " did not find ",
                base,
                format!(" in any of {count} folders: "),
                subject,
                " and others; it did not look for it before"
            );
        }
    }
    kept
}

/// The same thing in several roles, or seen in several ways, is one finding: the strongest.
fn one_per_thing(mut findings: Vec<Finding>) -> Vec<Finding> {
    // Among findings that are about as strong, the first to happen speaks for the others.
    let strength = |finding: &Finding| {
        #[expect(clippy::cast_possible_truncation, reason = "scores are below 100")]
        let tenths = (finding.score * 10.0).round() as i64;
        tenths
    };
    sort(&mut findings);
    findings.sort_by_key(|finding| (std::cmp::Reverse(strength(finding)), finding.at_ns));
    let mut places: BTreeMap<_, usize> = BTreeMap::new();
    let mut kept: Vec<Finding> = Vec::new();
    for finding in findings {
        let aspect = match finding.kind {
            FindingKind::Slower => 1,
            FindingKind::ExitStatus | FindingKind::Signal => 2,
            FindingKind::LogNew | FindingKind::LogGone => 3,
            FindingKind::Order => 4,
            _ => 0,
        };
        let key = match finding.key {
            Some(key) => (aspect, None, Some(key), Vec::new()),
            None => (
                aspect,
                Some(finding.kind),
                finding.role,
                finding.subject.clone(),
            ),
        };
        // Two roles may call the same thing slow; a sleep is each one's own.
        let own = finding.kind == FindingKind::Slower && finding.key.is_none();
        match places.get(&key) {
            Some(place) if !own => {
                if let Some(first) = kept.get_mut(*place)
                    && first.evidence.len() < 6
                {
                    first.evidence.push(say!("also: ", finding.sentence));
                }
            }
            _ => {
                places.insert(key, kept.len());
                kept.push(finding);
            }
        }
    }
    kept
}

/// Something gone and something new that stands for it: another day's file, another version, another folder.
fn pairs(joint: &Joint<'_>, findings: Vec<Finding>) -> Vec<Finding> {
    let mut gone: BTreeMap<(u8, Vec<u8>), Vec<usize>> = BTreeMap::new();
    for (place, finding) in findings.iter().enumerate() {
        if matches!(
            finding.kind,
            FindingKind::FileGone | FindingKind::ConnectionGone
        ) {
            for form in forms(joint, finding) {
                gone.entry(form).or_default().push(place);
            }
        }
    }
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut merged: Vec<Finding> = Vec::new();
    let mut used: BTreeSet<usize> = BTreeSet::new();
    for (place, finding) in findings.iter().enumerate() {
        let new = matches!(
            finding.kind,
            FindingKind::FileNew
                | FindingKind::ConnectionNew
                | FindingKind::ConnectionError
                | FindingKind::FileMissing
        );
        if !new || is_known_peer(joint, finding) {
            continue;
        }
        let found = forms(joint, finding).into_iter().find_map(|form| {
            let candidates = gone.get(&form)?;
            let same_role = candidates
                .iter()
                .find(|other| !taken.contains(other) && findings[**other].role == finding.role);
            let other =
                same_role.or_else(|| candidates.iter().find(|other| !taken.contains(other)))?;
            Some((form.0, *other))
        });
        if let Some((form, other)) = found {
            taken.insert(other);
            used.insert(place);
            merged.push(merge(finding, &findings[other], form));
        }
    }
    let rest = findings
        .into_iter()
        .enumerate()
        .filter(|(place, _)| !taken.contains(place) && !used.contains(place))
        .map(|(_, finding)| finding);
    merged.extend(rest);
    merged
}

/// Whether a connection fails to a place that the role spoke with before: no other place stands for it.
fn is_known_peer(joint: &Joint<'_>, finding: &Finding) -> bool {
    let sides = finding
        .role
        .zip(finding.key)
        .and_then(|pair| joint.uses.get(&pair));
    finding.kind == FindingKind::ConnectionError
        && sides
            .into_iter()
            .flat_map(|sides| sides.iter().take(joint.subject()))
            .flatten()
            .any(|used| used.bytes_read > 0)
}

/// What is left of a name when its day, its version, or its folder is taken away.
const DAY: u8 = 0;
const VERSION: u8 = 1;
const FOLDER: u8 = 2;
const PORT: u8 = 3;

fn forms(joint: &Joint<'_>, finding: &Finding) -> Vec<(u8, Vec<u8>)> {
    let Some(key) = finding.key.and_then(|key| joint.keys.get(key as usize)) else {
        return Vec::new();
    };
    let name: &[u8] = &key.name;
    if matches!(key.kind, KeyKind::Peer | KeyKind::Listener) {
        let mut parts = name.rsplitn(2, |byte| *byte == b':');
        let port = parts.next().unwrap_or_default();
        let host = parts.next().unwrap_or(name);
        return vec![
            (PORT, host.to_vec()),
            (PORT, say!("near ", super::pools::subnet(host), ":", port)),
            (PORT, say!("any ", [key.kind as u8], ":", port)),
        ];
    }
    let mut forms = Vec::new();
    let undated = without_days(name);
    if undated != *name {
        forms.push((DAY, undated));
    }
    let is_package = finding.key.is_some_and(|key| joint.is_package(key));
    if let Some(form) = without_version(name).filter(|_| !is_package) {
        forms.push((VERSION, form));
    }
    let base = super::roles::base(name);
    if base.len() > 2 && name.starts_with(b"/") || name.starts_with(b"<") {
        forms.push((FOLDER, base.to_vec()));
    }
    forms
}

pub(super) fn without_days(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, tail)) = rest.split_first() {
        let placeholder = [&b"<D"[..], b"<M", b"<W"]
            .iter()
            .any(|start| rest.starts_with(start) && matches!(rest.get(2), Some(b'+' | b'-')));
        if placeholder && let Some(end) = rest.iter().position(|byte| *byte == b'>') {
            out.extend_from_slice(b"<D>");
            rest = rest.get(end + 1..).unwrap_or_default();
            continue;
        }
        out.push(*first);
        rest = tail;
    }
    out
}

/// `libz.so.1.2.13` without its numbers; only for names with a dotted number or of a shared library.
fn without_version(name: &[u8]) -> Option<Vec<u8>> {
    let dotted = super::nightly::has_dotted(name);
    let library = name.windows(4).any(|part| part == b".so.");
    if !dotted && !library {
        return None;
    }
    let mut out: Vec<u8> = Vec::new();
    for byte in name {
        let number = byte.is_ascii_digit() || *byte == b'.' && out.last() == Some(&b'#');
        if !number {
            out.push(*byte);
        } else if out.last() != Some(&b'#') {
            out.push(b'#');
        }
    }
    Some(out)
}

fn merge(new: &Finding, old: &Finding, form: u8) -> Finding {
    let mut finding = new.clone();
    finding.evidence.push(say!("before: ", old.subject));
    let better = new.score.max(old.score);
    let after = &new.subject;
    let before = &old.subject;
    let who = new
        .process
        .rsplit(|byte| *byte == b'>')
        .next()
        .unwrap_or_default()
        .to_vec();
    let fails = matches!(
        new.kind,
        FindingKind::ConnectionError | FindingKind::FileMissing
    );
    (finding.kind, finding.score) = match form {
        DAY => (FindingKind::FileOther, better * 1.15),
        VERSION => (FindingKind::Version, better.max(2.0) * 1.15),
        FOLDER => (FindingKind::FileOther, better * 1.1),
        _ => (FindingKind::ConnectionOther, better * 1.05),
    };
    if after == before {
        // The same name, though the day went on: what belongs to this day was not used.
        if super::dated::is_period(&new.subject) {
            finding.score *= PERIOD;
        }
        finding.sentence = say!(
            new.sentence,
            ": a run of another day used the same one, not that of its own day"
        );
        finding.before = b"the file of the run's day".to_vec();
        return finding;
    }
    if fails {
        // What fails is told as it is; the other place it went to is beside it.
        finding.kind = new.kind;
        finding.score = (better * 1.1).max(3.2);
        finding.sentence = say!(new.sentence, " (before: ", before, ")");
    } else {
        let what = match form {
            DAY => " used the file of another day: ",
            VERSION => " used another version: ",
            FOLDER => " used a file of the same name from another place: ",
            _ => " connected to another place: ",
        };
        finding.sentence = say!(who, what, after, ", before ", before);
    }
    finding.before.clone_from(before);
    finding.after.clone_from(after);
    finding
}

/// Weight of a file of a month or week that a run of another one used, too, in comparison to that of another day: nobody
/// knows when the next is made.
const PERIOD: f64 = 0.35;

/// Many findings of one kind in one folder are one.
fn folders(findings: Vec<Finding>) -> Vec<Finding> {
    let folder = |finding: &Finding| -> Option<(FindingKind, Vec<u8>)> {
        if !finding.subject.starts_with(b"/") || finding.key.is_none() {
            return None;
        }
        let system = super::is_system(&finding.subject);
        let parts: Vec<&[u8]> = finding.subject.split(|byte| *byte == b'/').collect();
        // Below the folders of the system everything of one package is one thing.
        let depth = if system {
            parts.len().min(5) - 1
        } else {
            parts.len() - 1
        };
        Some((finding.kind, parts.get(..depth)?.join(&b'/')))
    };
    let mut members: BTreeMap<(FindingKind, Vec<u8>), Vec<usize>> = BTreeMap::new();
    for (place, finding) in findings.iter().enumerate() {
        if let Some(key) = folder(finding) {
            members.entry(key).or_default().push(place);
        }
    }
    let mut rolled: Vec<Finding> = Vec::new();
    let mut dropped: BTreeSet<usize> = BTreeSet::new();
    for ((kind, path), places) in &members {
        if places.len() <= FOLDER_MAX {
            continue;
        }
        let best = places
            .iter()
            .max_by(|one, other| findings[**one].score.total_cmp(&findings[**other].score))
            .copied();
        let Some(best) = best else { continue };
        let mut one = findings[best].clone();
        let more = places.len() - 1;
        one.score *= 0.8;
        one.sentence = say!(one.sentence, format!(" (and {more} more in "), path, ")");
        for place in places.iter().filter(|place| **place != best).take(20) {
            one.evidence.push(say!("also: ", findings[*place].subject));
        }
        one.at_ns = places
            .iter()
            .map(|place| findings[*place].at_ns)
            .min()
            .unwrap_or(one.at_ns);
        one.kind = *kind;
        rolled.push(one);
        dropped.extend(places);
    }
    let rest = findings
        .into_iter()
        .enumerate()
        .filter(|(place, _)| !dropped.contains(place))
        .map(|(_, finding)| finding);
    rolled.extend(rest);
    rolled
}

/// By score; what follows from a cause has less. Places of causes become those of the new order.
fn order(findings: Vec<Finding>) -> Vec<Finding> {
    let mut indexed: Vec<(usize, Finding)> = findings
        .into_iter()
        .enumerate()
        .filter(|(_, finding)| finding.score > 0.0)
        .collect();
    indexed.sort_by(|(_, one), (_, other)| in_order(one, other));
    let places: BTreeMap<usize, usize> = indexed
        .iter()
        .enumerate()
        .map(|(new, (old, _))| (*old, new))
        .collect();
    indexed
        .into_iter()
        .map(|(_, mut finding)| {
            finding.caused_by = finding
                .caused_by
                .and_then(|cause| places.get(&cause).copied());
            finding
        })
        .collect()
}
