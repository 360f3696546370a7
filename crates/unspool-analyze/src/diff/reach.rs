//! Which processes what one does can matter to: along the links between them.

use std::collections::{BTreeMap, BTreeSet};

use unspool_model::world::LinkKind;

use super::Joint;
use super::finding::{Finding, FindingKind};
use super::profile::KeyKind;

/// Which roles a role's doing reaches: its own, its ancestors by their waiting, its children, and readers of its data.
pub(super) struct Reach {
    next: BTreeMap<u32, BTreeSet<u32>>,
    memo: BTreeMap<u32, BTreeSet<u32>>,
}

impl Reach {
    pub(super) fn new(joint: &Joint<'_>) -> Self {
        let mut next: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (side, run) in joint.runs.iter().enumerate() {
            let mut joint_of: BTreeMap<u32, u32> = BTreeMap::new();
            for (place, role) in joint.roles.iter().enumerate() {
                if let Some(Some(own)) = role.sides.get(side) {
                    joint_of.insert(*own, u32::try_from(place).unwrap_or(u32::MAX));
                }
            }
            for link in &run.links {
                // A parent makes all its children: that alone explains nothing.
                if link.kind == LinkKind::Fork {
                    continue;
                }
                if let (Some(from), Some(to)) = (joint_of.get(&link.from), joint_of.get(&link.to)) {
                    next.entry(*from).or_default().insert(*to);
                }
            }
        }
        for (place, role) in joint.roles.iter().enumerate() {
            if let Some(parent) = role.parent {
                let child = u32::try_from(place).unwrap_or(u32::MAX);
                next.entry(child).or_default().insert(parent);
            }
        }
        Self {
            next,
            memo: BTreeMap::new(),
        }
    }

    /// The roles that a role reaches, with itself.
    pub(super) fn from(&mut self, role: u32) -> &BTreeSet<u32> {
        let next = &self.next;
        self.memo.entry(role).or_insert_with(|| {
            let mut reached = BTreeSet::from([role]);
            let mut stack = vec![role];
            while let Some(role) = stack.pop() {
                for other in next.get(&role).into_iter().flatten() {
                    if reached.insert(*other) {
                        stack.push(*other);
                    }
                }
            }
            reached
        })
    }
}

/// Whether `role` is a descendant of `ancestor`.
pub(super) fn below(joint: &Joint<'_>, role: u32, ancestor: u32) -> bool {
    let mut next = joint.roles.get(role as usize).and_then(|role| role.parent);
    let mut steps = 0;
    while let Some(role) = next {
        if role == ancestor {
            return true;
        }
        steps += 1;
        if steps > 64 {
            return false;
        }
        next = joint.roles.get(role as usize).and_then(|role| role.parent);
    }
    false
}

/// How many files of each folder are new, gone, or another one.
pub(super) fn moved(findings: &[Finding]) -> BTreeMap<Vec<u8>, usize> {
    let mut moved = BTreeMap::new();
    for finding in findings {
        if matches!(
            finding.kind,
            FindingKind::FileNew | FindingKind::FileGone | FindingKind::FileOther
        ) {
            *moved
                .entry(super::roles::folder(&finding.subject).to_vec())
                .or_default() += 1;
        }
    }
    moved
}

/// Roles that read the files in which there is less.
pub(super) fn readers(joint: &Joint<'_>, findings: &[Finding]) -> BTreeMap<u32, BTreeSet<u32>> {
    let is_file = |key: &u32| {
        let key = joint.keys.get(*key as usize);
        key.is_some_and(|key| key.kind == KeyKind::File)
    };
    let mut readers: BTreeMap<u32, BTreeSet<u32>> = findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::Less)
        .filter_map(|finding| finding.key.filter(is_file))
        .map(|key| (key, BTreeSet::new()))
        .collect();
    if readers.is_empty() {
        return readers;
    }
    for ((role, key), sides) in &joint.uses {
        if let Some(roles) = readers.get_mut(key)
            && sides.iter().flatten().any(|used| used.bytes_read > 0)
        {
            roles.insert(*role);
        }
    }
    readers
}
