//! Which difference explains which: along the links between processes, in the order of time.

use std::collections::{BTreeMap, BTreeSet};

use unspool_model::world::LinkKind;

use super::Joint;
use super::finding::{Finding, FindingKind};
use super::profile::{Group, KeyKind};

/// Which roles a role's doing reaches: its own, its ancestors by their waiting, its children, and readers of its data.
struct Reach {
    next: BTreeMap<u32, BTreeSet<u32>>,
    memo: BTreeMap<u32, BTreeSet<u32>>,
}

impl Reach {
    fn new(joint: &Joint<'_>) -> Self {
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

    fn from(&mut self, role: u32) -> &BTreeSet<u32> {
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

/// What is needed to say whether one finding explains another.
struct Judge<'a, 'p> {
    joint: &'a Joint<'p>,
    reach: Reach,
    makers: BTreeMap<u32, BTreeSet<u32>>,
    /// Roles that ended otherwise than before.
    aborted: BTreeSet<u32>,
    /// Times this near to each other have no order.
    slack_ns: i64,
}

/// Says of each finding which other one explains it.
pub(super) fn causes(joint: &Joint<'_>, findings: &mut [Finding]) {
    let subject = joint.runs[joint.subject()];
    let mut judge = Judge {
        joint,
        reach: Reach::new(joint),
        makers: makers(joint),
        aborted: findings
            .iter()
            .filter(|finding| matches!(finding.kind, FindingKind::ExitStatus | FindingKind::Signal))
            .filter_map(|finding| finding.role)
            .collect(),
        slack_ns: subject.duration_ns() / 1000,
    };
    let explained: Vec<Option<usize>> = (0..findings.len())
        .map(|effect| {
            (0..findings.len())
                .filter(|cause| *cause != effect)
                .filter(|cause| {
                    let (one, other) = (&findings[*cause], &findings[effect]);
                    // Where each could explain the other, the earlier one does.
                    judge.explains(one, other)
                        && (!judge.explains(other, one)
                            || (one.at_ns, *cause) < (other.at_ns, effect))
                })
                .max_by(|one, other| {
                    findings[*one]
                        .score
                        .total_cmp(&findings[*other].score)
                        .then(other.cmp(one))
                })
        })
        .collect();
    let roots: Vec<Option<usize>> = (0..findings.len())
        .map(|effect| root(&explained, effect))
        .collect();
    let mut followers = vec![0_u32; findings.len()];
    for cause in roots.iter().flatten() {
        followers[*cause] += 1;
    }
    for (place, finding) in findings.iter_mut().enumerate() {
        if roots[place].is_none() {
            finding.score *= 1.0 + 0.05 * f64::from(followers[place].min(6));
        }
    }
    for place in 0..findings.len() {
        if let Some(cause) = roots[place] {
            let most = findings[cause].score * 0.95;
            findings[place].caused_by = Some(cause);
            findings[place].score = (findings[place].score * 0.45).min(most);
        }
    }
}

/// The first cause; a ring has none.
fn root(explained: &[Option<usize>], effect: usize) -> Option<usize> {
    let mut cause = explained.get(effect).copied().flatten()?;
    let mut seen = BTreeSet::from([effect]);
    while seen.insert(cause) {
        match explained.get(cause).copied().flatten() {
            Some(next) => cause = next,
            None => return Some(cause),
        }
    }
    None
}

/// Roles that made a file in the baselines, by its key.
fn makers(joint: &Joint<'_>) -> BTreeMap<u32, BTreeSet<u32>> {
    let mut makers: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for ((role, key), sides) in &joint.uses {
        let writes = sides
            .iter()
            .take(joint.subject())
            .flatten()
            .any(|used| used.bytes_written > 0 || used.count(Group::Change) > 0);
        let made = joint
            .keys
            .get(*key as usize)
            .is_some_and(|key| matches!(key.kind, KeyKind::File | KeyKind::Folder))
            && (0..joint.subject())
                .filter_map(|side| joint.key_of(*key, side))
                .any(|key| key.created || key.modified);
        if writes && made {
            makers.entry(*key).or_default().insert(*role);
        }
    }
    makers
}

impl Judge<'_, '_> {
    fn explains(&mut self, cause: &Finding, effect: &Finding) -> bool {
        let (Some(from), Some(to)) = (cause.role, effect.role) else {
            return false;
        };
        if effect.kind == FindingKind::Machine || cause.score < 1.6 {
            return false;
        }
        if self.is_made_by(from, to, effect) {
            return from != to && cause.at_ns <= effect.at_ns + self.slack_ns;
        }
        effect.kind.is_symptom()
            && cause.at_ns <= effect.until_ns + self.slack_ns
            && self.is_near(from, to, effect)
            && self.fits(cause, effect, from, to)
    }

    /// Whether the effect is that a file is missing which a process that `from` reaches made before.
    fn is_made_by(&mut self, from: u32, to: u32, effect: &Finding) -> bool {
        if !matches!(effect.kind, FindingKind::FileMissing | FindingKind::Content) {
            return false;
        }
        let Some(makers) = effect.key.and_then(|key| self.makers.get(&key)) else {
            return false;
        };
        let reached = self.reach.from(from);
        !makers.contains(&to) && makers.iter().any(|maker| reached.contains(maker))
    }

    fn is_near(&mut self, from: u32, to: u32, effect: &Finding) -> bool {
        let joint = self.joint;
        let reached = self.reach.from(from);
        if reached.contains(&to) || below(joint, to, from) {
            return true;
        }
        // Whoever gave up early did not do what would have come later.
        let late = matches!(
            effect.kind,
            FindingKind::ProcessGone
                | FindingKind::ProcessCount
                | FindingKind::FileGone
                | FindingKind::ConnectionGone
                | FindingKind::Less
        );
        late && self
            .aborted
            .iter()
            .any(|role| reached.contains(role) && (*role == to || below(joint, to, *role)))
    }

    /// Whether a difference of this kind can do that.
    fn fits(&self, cause: &Finding, effect: &Finding, from: u32, to: u32) -> bool {
        use FindingKind as Kind;
        let stronger = cause.score >= effect.score;
        match cause.kind {
            // Failures explain what comes after them.
            Kind::FileMissing | Kind::Error | Kind::ConnectionError => {
                cause.score >= 2.0 && (effect.kind != Kind::Slower || effect.key == cause.key)
            }
            Kind::Signal | Kind::ExitStatus => {
                let same = from == to && effect.kind == cause.kind;
                let slow = matches!(effect.kind, Kind::Slower | Kind::Lock | Kind::Retry);
                !same && !slow && (effect.kind != Kind::Signal || cause.kind == Kind::Signal)
            }
            Kind::Lock | Kind::Retry => !matches!(
                effect.kind,
                Kind::Lock | Kind::Signal | Kind::FileNew | Kind::ProcessNew
            ),
            Kind::Slower => effect.kind == Kind::Slower && cause.score > effect.score,
            Kind::Less | Kind::More => {
                let amount = matches!(
                    effect.kind,
                    Kind::Less
                        | Kind::More
                        | Kind::ExitStatus
                        | Kind::ProcessCount
                        | Kind::ProcessGone
                        | Kind::FileGone
                );
                amount && cause.score >= effect.score * 0.6
            }
            Kind::ProcessGone | Kind::ProcessNew => {
                !matches!(
                    effect.kind,
                    Kind::Slower | Kind::Lock | Kind::Retry | Kind::Signal
                ) && effect.kind != cause.kind
                    && cause.score >= effect.score * 0.8
            }
            // Who starts what is decided by the process above.
            Kind::Program
            | Kind::Argument
            | Kind::Environment
            | Kind::Content
            | Kind::FileOther
            | Kind::Version
                if matches!(
                    effect.kind,
                    Kind::ProcessGone | Kind::ProcessNew | Kind::ProcessCount
                ) && !below(self.joint, to, from) =>
            {
                false
            }
            Kind::Program
            | Kind::Argument
            | Kind::Environment
            | Kind::WorkingDirectory
            | Kind::Version
            | Kind::FileOther
            | Kind::ConnectionOther => cause.score >= 2.0,
            // A script is what the job does; what it does otherwise is told by itself.
            Kind::Content => {
                let script = self
                    .joint
                    .any_role(from)
                    .is_some_and(|role| role.label == super::roles::base(&cause.subject));
                !script || effect.kind == Kind::ExitStatus && from == to
            }
            Kind::FileNew | Kind::ConnectionNew => {
                matches!(effect.kind, Kind::More | Kind::Less | Kind::Slower)
                    && effect.key == cause.key
            }
            Kind::FileGone | Kind::ConnectionGone | Kind::ProcessCount => {
                effect.kind == Kind::Less && stronger
            }
            Kind::Machine => effect.kind == Kind::Slower,
        }
    }
}

/// Whether `role` is a descendant of `ancestor`.
fn below(joint: &Joint<'_>, role: u32, ancestor: u32) -> bool {
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
