//! Files that belong together: what lies in a spool, a mail queue, a photo folder has other names each day, or is more
//! today and less tomorrow. The folder is the thing then, not the single file.
//!
//! A folder is a family of a role when most names in it are seen in one run only. Where names stay but are counted
//! (`item-000.dat`, `item-001.dat`), the numbers at the end come and go: they are a family beside the other files.

use std::collections::{BTreeMap, BTreeSet};

use unspool_model::map::Map;
use unspool_model::normalize::learn;

use super::Joint;
use super::finding::{Finding, FindingKind};
use super::phrases::{say, who};
use super::profile::{Group, KeyKind, Use};
use super::resources::beyond;

/// Files of a folder that a run uses before the folder can be a family.
const MEMBERS_MIN: usize = 3;
/// How many times larger than the largest a member has to be to be told by itself.
const LARGE: u64 = 8;
/// Least bytes that each member had, before one that is shorter by as many times is told by itself.
const SMALL_MIN: u64 = 1024;
/// How many times as many members are a flood, of so many at least.
const FLOOD: u64 = 20;
const FLOOD_MIN: u64 = 100;

/// Weight of a group of items that are gone, where others are there instead.
const OF_ITEMS: f64 = 0.38;

/// A role, a folder, and the keys of the files in it.
type Folder<'j> = ((u32, &'j [u8]), Vec<u32>);

/// All families, by role and key.
#[derive(Debug, Default)]
pub(super) struct Families {
    all: Vec<Family>,
    of: Map<(u32, u32), usize>,
}

/// The files of one folder, or those of one form in it, that one role uses.
#[derive(Debug, Default)]
pub(super) struct Family {
    role: u32,
    /// The folder, or the form, as the runs have it.
    name: Vec<u8>,
    keys: BTreeSet<u32>,
    /// Members in each run.
    counts: Vec<u64>,
    /// Most bytes that were read from or written to one member in a baseline.
    largest: u64,
    /// The fewest.
    smallest: u64,
    /// Members that subject and baselines have under the same name, and those of them with another size.
    compared: u64,
    changed: u64,
    example: Vec<u8>,
    first_ns: Option<i64>,
    /// When the first baseline turned to its first member, from its start.
    usual_ns: Option<i64>,
}

impl Families {
    /// Finds the families of all roles that the subject has.
    pub(super) fn new(joint: &Joint<'_>) -> Self {
        let mut members: Map<(u32, &[u8]), Vec<u32>> = Map::default();
        for (role, key) in joint.uses.keys() {
            if let Some(name) = file_name(joint, *key) {
                members.entry((*role, folder(name))).or_default().push(*key);
            }
        }
        let mut folders: Vec<Folder<'_>> = members
            .into_iter()
            .filter(|(_, keys)| keys.len() >= MEMBERS_MIN)
            .collect();
        folders.sort_unstable();
        let mut families = Self::default();
        for ((role, _), keys) in folders {
            let keys: BTreeSet<u32> = keys.into_iter().collect();
            if is_empty_now(joint, role, &keys) || is_changing(joint, role, &keys) {
                families.add(joint, role, keys);
                continue;
            }
            for keys in forms(joint, &keys).into_values() {
                if keys.len() >= MEMBERS_MIN {
                    families.add(joint, role, keys);
                }
            }
        }
        families
    }

    /// The family that a key is a member of, for a role.
    pub(super) fn of(&self, role: u32, key: u32) -> Option<&Family> {
        self.of
            .get(&(role, key))
            .and_then(|place| self.all.get(*place))
    }

    fn add(&mut self, joint: &Joint<'_>, role: u32, keys: BTreeSet<u32>) {
        let mut family = Family {
            role,
            counts: vec![0; joint.runs.len()],
            smallest: u64::MAX,
            ..Family::default()
        };
        for key in &keys {
            let Some(sides) = joint.uses.get(&(role, *key)) else {
                continue;
            };
            family.compare(sides);
            for (side, used) in sides.iter().enumerate() {
                let Some(used) = used.filter(|used| used.effective() > 0) else {
                    continue;
                };
                if let Some(count) = family.counts.get_mut(side) {
                    *count += joint
                        .key_of(*key, side)
                        .map_or(1, |key| key.resources.max(1));
                }
                if side == joint.subject() {
                    family.first_ns =
                        Some(family.first_ns.unwrap_or(used.first_ns).min(used.first_ns));
                } else {
                    let start_ns = joint.runs.first().map_or(0, |run| run.start_ns);
                    if side == 0 {
                        let since_ns = used.first_ns - start_ns;
                        family.usual_ns =
                            Some(family.usual_ns.map_or(since_ns, |ns| ns.min(since_ns)));
                    }
                    family.largest = family.largest.max(bytes(used));
                    family.smallest = family.smallest.min(bytes(used));
                }
            }
        }
        // One side alone says nothing of what changes.
        let Some((_, baselines)) = family.counts.split_last() else {
            return;
        };
        if joint.role_of(role, joint.subject()).is_none()
            || baselines.iter().all(|count| *count == 0)
        {
            return;
        }
        let raw = keys
            .iter()
            .find_map(|key| joint.any_key(*key))
            .map(|key| key.raw.clone())
            .unwrap_or_default();
        family.name = folder(&raw).to_vec();
        family.example = raw;
        for key in &keys {
            self.of.insert((role, *key), self.all.len());
        }
        family.keys = keys;
        self.all.push(family);
    }

    /// Families with far more or far fewer members than before.
    pub(super) fn find(&self, joint: &Joint<'_>, out: &mut Vec<Finding>) {
        for family in &self.all {
            if let Some(finding) = family.count(joint) {
                out.push(finding);
            }
        }
    }
}

impl Family {
    /// Whether what the subject did to a member is nothing special: no member was so large or so small before, and it
    /// is not the only one that changed.
    pub(super) fn is_usual(&self, used: &Use) -> bool {
        let size = bytes(used);
        let large = size >= 4096 && size > self.largest.saturating_mul(LARGE);
        let small = size.saturating_mul(LARGE) < self.smallest;
        let single = self.compared >= 3 && self.changed * 4 <= self.compared;
        !large && !small && !single
    }

    /// Whether a member was read that is far shorter than any was in a baseline, where all were of some length.
    pub(super) fn is_cut(&self, used: &Use) -> bool {
        used.bytes_read > 0
            && used.bytes_written == 0
            && self.smallest != u64::MAX
            && self.smallest >= SMALL_MIN
            && used.bytes_read.saturating_mul(LARGE) < self.smallest
    }

    /// The fewest bytes that were read from or written to a member in a baseline.
    pub(super) fn smallest(&self) -> u64 {
        self.smallest
    }

    /// Counts a member that both have.
    fn compare(&mut self, sides: &[Option<&Use>]) {
        let Some((Some(subject), baselines)) = sides.split_last() else {
            return;
        };
        let mut sizes = baselines
            .iter()
            .flatten()
            .map(|used| bytes(used))
            .peekable();
        if sizes.peek().is_some() {
            self.compared += 1;
            self.changed += u64::from(sizes.all(|size| size != bytes(subject)));
        }
    }

    /// The first role that lists the folder in all runs, and when it does in the subject; `None` when a run writes the files,
    /// or the subject uses one.
    fn lister(&self, joint: &Joint<'_>) -> Option<(u32, i64)> {
        let subject = joint.subject();
        let is_input = |key: u32| {
            let mut sides = (0..joint.runs.len()).filter_map(|side| joint.key_of(key, side));
            sides.all(|key| !key.created && !key.modified)
        };
        let is_used = |key: u32| {
            joint.uses.of_key(key).any(|sides| {
                let used = sides.get(subject).copied().flatten();
                used.is_some_and(|used| used.effective() > 0)
            })
        };
        if self.keys.iter().any(|key| is_used(*key) || !is_input(*key)) {
            return None;
        }
        let first = joint.keys.get(*self.keys.first()? as usize)?;
        let name = folder(&first.name);
        let lists = |used: Option<&Use>| used.is_some_and(|used| used.count(Group::Read) > 0);
        joint
            .uses
            .iter()
            .filter(|((_, key), sides)| {
                let key = joint.keys.get(*key as usize);
                key.is_some_and(|key| key.name == name) && sides.iter().all(|used| lists(*used))
            })
            .filter_map(|((role, _), sides)| {
                let used = sides.get(subject).copied().flatten()?;
                Some((used.first_ns, *role))
            })
            .min()
            .map(|(at_ns, role)| (role, at_ns))
    }

    fn count(&self, joint: &Joint<'_>) -> Option<Finding> {
        let (now, baselines) = self.counts.split_last()?;
        let with_role: Vec<u64> = baselines
            .iter()
            .enumerate()
            .filter(|(side, _)| joint.role_of(self.role, *side).is_some())
            .map(|(_, count)| *count)
            .collect();
        let (ratio, usual) = beyond(*now, &with_role, 0.75)?;
        let kind = match *now {
            0 => FindingKind::FileGone,
            _ if ratio > 0.0 => FindingKind::More,
            _ => FindingKind::Less,
        };
        let files = |count: u64| match count {
            0 => "no file".to_owned(),
            1 => "1 file".to_owned(),
            _ => format!("{count} files"),
        };
        let key = self.keys.iter().next().copied();
        let subject = joint.runs[joint.subject()];
        let end_ns = joint
            .role_of(self.role, joint.subject())
            .map_or(subject.end_ns, |role| role.last_ns);
        let expected_ns = subject.start_ns + self.usual_ns.unwrap_or(0);
        let at_ns = self.first_ns.unwrap_or(expected_ns.min(end_ns));
        let mut finding = Finding::new(kind, (1.2 + ratio.abs()).min(3.0), &self.name)
            .values(files(usual), files(*now))
            .at(at_ns, None)
            .until(if *now < usual { end_ns } else { at_ns })
            .of(self.role, key)
            .evidence(say!("for example ", self.example))
            .says(say!(
                who(joint, self.role),
                format!(" used {} of ", files(*now)),
                self.name,
                format!(", before {}", files(usual))
            ));
        let lister = (*now == 0).then(|| self.lister(joint)).flatten();
        let is_item = key.is_some_and(|key| joint.turnover().holds(joint, self.role, key));
        if *now == 0 && lister.is_none() && is_item {
            // Other items of the same work are there, which are others in each run.
            finding.score *= OF_ITEMS;
        }
        if let Some((role, at_ns)) = lister {
            // Nothing lies there, whoever would have read it.
            finding = finding.at(at_ns, None).of(role, key).says(say!(
                who(joint, role),
                " found no file in ",
                self.name,
                format!(", before {}", files(usual))
            ));
            finding.is_apart = true;
            return Some(finding);
        }
        finding.is_apart = *now >= FLOOD_MIN && *now >= usual.saturating_mul(FLOOD);
        Some(finding)
    }
}

fn bytes(used: &Use) -> u64 {
    used.bytes_read.max(used.bytes_written)
}

fn folder(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    name.get(..end).unwrap_or_default()
}

/// Name of a key that is a file of the job, not of the system.
fn file_name<'j>(joint: &'j Joint<'_>, key: u32) -> Option<&'j [u8]> {
    let joint_key = joint.keys.get(key as usize)?;
    let raw = &joint.any_key(key)?.raw;
    (joint_key.kind == KeyKind::File && raw.starts_with(b"/") && !super::is_system(raw))
        .then_some(&*joint_key.name)
}

/// Whether the subject uses no file of a folder of which all baselines with the role use several.
fn is_empty_now(joint: &Joint<'_>, role: u32, keys: &BTreeSet<u32>) -> bool {
    let used = |side: usize| {
        keys.iter()
            .filter_map(|key| joint.uses.get(&(role, *key))?.get(side).copied().flatten())
            .filter(|used| used.effective() > 0)
            .count()
    };
    used(joint.subject()) == 0
        && (0..joint.subject())
            .filter(|side| joint.role_of(role, *side).is_some())
            .all(|side| used(side) >= MEMBERS_MIN)
}

/// Whether fewer than half of the names that two runs use are the same in both.
fn is_changing(joint: &Joint<'_>, role: u32, keys: &BTreeSet<u32>) -> bool {
    let runs = joint.runs.len();
    let mut counts = vec![0_usize; runs];
    // Names that two runs have in common, by the places of the runs.
    let mut common = vec![vec![0_usize; runs]; runs];
    for key in keys {
        let used = |side: usize| -> Option<&[u8]> {
            let sides = joint.uses.get(&(role, *key))?;
            let used = sides.get(side).copied().flatten()?;
            (used.effective() > 0).then_some(())?;
            joint.key_of(*key, side).map(|key| key.name.as_slice())
        };
        let names: Vec<Option<&[u8]>> = (0..runs).map(used).collect();
        for (one, name) in names.iter().enumerate() {
            counts[one] += usize::from(name.is_some());
            for (other, its) in names.iter().enumerate().skip(one + 1) {
                common[one][other] += usize::from(name.is_some() && name == its);
            }
        }
    }
    let mut pairs = 0;
    let mut changing = 0;
    for one in (0..runs).filter(|side| counts[*side] > 0) {
        for other in (one + 1..runs).filter(|side| counts[*side] > 0) {
            if counts[one].max(counts[other]) < MEMBERS_MIN {
                continue;
            }
            pairs += 1;
            if common[one][other] * 2 < counts[one].min(counts[other]).max(1) {
                changing += 1;
            }
        }
    }
    pairs > 0 && changing * 2 > pairs
}

/// Members whose names differ by a number only.
fn forms(joint: &Joint<'_>, keys: &BTreeSet<u32>) -> BTreeMap<Vec<u8>, BTreeSet<u32>> {
    let mut forms: BTreeMap<Vec<u8>, BTreeSet<u32>> = BTreeMap::new();
    for key in keys {
        let Some(name) = file_name(joint, *key) else {
            continue;
        };
        let form = learn::skeleton(name).unwrap_or_else(|| without_counter(name));
        forms.entry(form).or_default().insert(*key);
    }
    forms
}

/// `file7` as `file#`: a single digit behind letters counts only among several such names.
fn without_counter(name: &[u8]) -> Vec<u8> {
    let start = name.len() - folder(name).len();
    let base = name.get(name.len() - start..).unwrap_or_default();
    let mut out = folder(name).to_vec();
    for byte in base {
        match byte {
            b'0'..=b'9' if out.last() == Some(&b'#') => {}
            b'0'..=b'9' => out.push(b'#'),
            other => out.push(*other),
        }
    }
    out
}
