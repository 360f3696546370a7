//! Brings runs together: the same role and the same resource get one number in all of them.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use unspool_model::map::{Map, Places, hash_of};
use unspool_model::normalize::learn;

use super::finding::Finding;
use super::nightly::Nightly;
use super::pools::Pools;
use super::profile::{Key, KeyKind, Profile, Role, Use};
use super::turnover::Turnover;
use super::uses::{JointUses, Pair};

/// The runs side by side; the last one is the one that is asked about.
pub(super) struct Joint<'p> {
    pub(super) runs: Vec<&'p Profile>,
    pub(super) roles: Vec<JointRole>,
    pub(super) keys: Vec<JointKey<'p>>,
    /// By role and key: what each run did.
    pub(super) uses: JointUses<'p>,
    /// What was learnt: name before, name in the subject.
    pub(super) learnt: Vec<(Vec<u8>, Vec<u8>)>,
    /// Files of one form in one folder, counted in each run.
    families: OnceCell<Map<Vec<u8>, Vec<u64>>>,
    nightly: OnceCell<Nightly>,
    turnover: OnceCell<Turnover>,
    /// By joint key and run: the run's number of it.
    key_sides: Vec<Option<u32>>,
    /// Joint numbers of the roles and keys of each run.
    role_maps: Vec<Vec<u32>>,
    key_maps: Vec<Vec<u32>>,
    /// Folders of each baseline that have another name in the subject.
    folders: Vec<Vec<learn::Renamed>>,
    /// Ports whose addresses change.
    pub(super) pools: Pools<'p>,
}

/// A role in all runs.
#[derive(Debug)]
pub(super) struct JointRole {
    pub(super) name: Vec<u8>,
    /// Number of the role in each run.
    pub(super) sides: Vec<Option<u32>>,
    /// Role of the parent, as the subject has it, or else the first baseline.
    pub(super) parent: Option<u32>,
}

/// A resource in all runs.
#[derive(Debug)]
pub(super) struct JointKey<'p> {
    pub(super) name: Cow<'p, [u8]>,
    pub(super) kind: KeyKind,
}

impl<'p> Joint<'p> {
    pub(super) fn new(baselines: &[&'p Profile], subject: &'p Profile) -> Self {
        let runs: Vec<&Profile> = baselines.iter().copied().chain([subject]).collect();
        let mut joint = Self {
            roles: Vec::new(),
            keys: Vec::new(),
            uses: JointUses::default(),
            learnt: Vec::new(),
            families: OnceCell::new(),
            nightly: OnceCell::new(),
            turnover: OnceCell::new(),
            key_sides: Vec::new(),
            role_maps: Vec::new(),
            key_maps: Vec::new(),
            folders: Vec::new(),
            pools: Pools::find(baselines, subject),
            runs,
        };
        let role_maps = joint.join_roles();
        let key_maps = joint.join_keys();
        joint.uses = join_uses(&joint.runs, &role_maps, &key_maps, joint.keys.len());
        joint.parents(&role_maps);
        (joint.role_maps, joint.key_maps) = (role_maps, key_maps);
        joint
    }

    /// Whether some runs were recorded by what sees the kernel's own objects and others by what prints arguments.
    pub(super) fn names_differ(&self) -> bool {
        let is_native = |run: &&Profile| matches!(run.recorder.as_str(), "ptrace" | "bpf");
        let native = self
            .runs
            .iter()
            .copied()
            .filter(|run| is_native(run))
            .count();
        native > 0 && native < self.runs.len()
    }

    /// What the thing is that a finding is about.
    pub(super) fn kind_of(&self, finding: &Finding) -> Option<KeyKind> {
        let key = self.keys.get(finding.key? as usize)?;
        Some(key.kind)
    }

    /// Joint number of a role of a run.
    pub(super) fn joint_role(&self, side: usize, role: u32) -> Option<u32> {
        self.role_maps.get(side)?.get(role as usize).copied()
    }

    /// Joint number of a key of a run.
    pub(super) fn joint_key(&self, side: usize, key: u32) -> Option<u32> {
        self.key_maps.get(side)?.get(key as usize).copied()
    }

    /// Place of the run that is asked about.
    pub(super) fn subject(&self) -> usize {
        self.runs.len() - 1
    }

    pub(super) fn role_of(&self, joint: u32, side: usize) -> Option<&'p Role> {
        let role = (*self.roles.get(joint as usize)?.sides.get(side)?)?;
        self.runs.get(side)?.roles.get(role as usize)
    }

    pub(super) fn key_of(&self, joint: u32, side: usize) -> Option<&'p Key> {
        let key = (*self.key_sides.get(self.key_side(joint, side))?)?;
        self.runs.get(side)?.keys.get(key as usize)
    }

    /// Where a run's number of a joint key stands in `key_sides`.
    fn key_side(&self, joint: u32, side: usize) -> usize {
        joint as usize * self.runs.len() + side
    }

    /// The key as the subject has it, or else a baseline.
    pub(super) fn any_key(&self, joint: u32) -> Option<&'p Key> {
        (0..self.runs.len())
            .rev()
            .find_map(|side| self.key_of(joint, side))
    }

    /// The role as the subject has it, or else a baseline.
    pub(super) fn any_role(&self, joint: u32) -> Option<&'p Role> {
        (0..self.runs.len())
            .rev()
            .find_map(|side| self.role_of(joint, side))
    }

    fn count_families(&self) -> Map<Vec<u8>, Vec<u64>> {
        let mut families = Map::default();
        for (place, key) in self.keys.iter().enumerate() {
            if class(key.kind) != KeyKind::File {
                continue;
            }
            let joint = u32::try_from(place).unwrap_or(u32::MAX);
            let used = |side: usize| {
                let mut users = self.uses.of_key(joint);
                users.any(|sides| {
                    let used = sides.get(side).copied().flatten();
                    used.is_some_and(|used| used.effective() > 0)
                })
            };
            let used: Vec<u64> = (0..self.runs.len())
                .map(|side| u64::from(used(side)))
                .collect();
            for form in forms(&key.name) {
                let counts: &mut Vec<u64> =
                    families.entry(form).or_insert_with(|| vec![0; used.len()]);
                for (count, used) in counts.iter_mut().zip(&used) {
                    *count += used;
                }
            }
        }
        families
    }

    /// Whether the file is one of several of a form that every run has several of: data, of which there is more on one
    /// day and less on another.
    pub(super) fn is_of_family(&self, key: u32) -> bool {
        let Some(key) = self.keys.get(key as usize) else {
            return false;
        };
        forms(&key.name)
            .into_iter()
            .filter_map(|form| {
                self.families
                    .get_or_init(|| self.count_families())
                    .get(&form)
            })
            .any(|counts| counts.iter().all(|count| *count >= FAMILY_MIN))
    }

    /// Whether the file lies where each run finds files of other names, and is used as those are.
    pub(super) fn is_nightly(&self, key: u32, used: &Use) -> bool {
        let Some(key) = self.keys.get(key as usize) else {
            return false;
        };
        class(key.kind) == KeyKind::File
            && self
                .nightly
                .get_or_init(|| Nightly::find(self))
                .holds(&key.name, used)
    }

    /// Whether the file is one of many that each run has in other versions: data, no part of a program.
    pub(super) fn is_package(&self, key: u32) -> bool {
        self.keys.get(key as usize).is_some_and(|key| {
            key.kind == KeyKind::File
                && self
                    .nightly
                    .get_or_init(|| Nightly::find(self))
                    .is_package(&key.name)
        })
    }

    /// Which items of the job's work there are in each run.
    pub(super) fn turnover(&self) -> &Turnover {
        self.turnover.get_or_init(|| Turnover::find(self))
    }

    /// The form that the most files share with this one.
    pub(super) fn widest_family(&self, key: u32) -> Option<Vec<u8>> {
        forms(&self.keys.get(key as usize)?.name).pop()
    }

    /// Folders of a baseline that have another name in the subject.
    pub(super) fn folders(&self, side: usize) -> &[learn::Renamed] {
        self.folders.get(side).map_or(&[], Vec::as_slice)
    }

    /// A word or path of a baseline as the subject would have it: folders that only have another name are renamed.
    pub(super) fn renamed(&self, side: usize, word: &[u8]) -> Vec<u8> {
        let mut word = word.to_vec();
        // A name by itself was chosen by whoever wrote the command.
        if !word.contains(&b'/') {
            return word;
        }
        for folder in self.folders.get(side).into_iter().flatten() {
            let (from, to) = (
                super::roles::base(&folder.from),
                super::roles::base(&folder.to),
            );
            let components: Vec<&[u8]> = word
                .split(|byte| *byte == b'/')
                .map(|component| if component == from { to } else { component })
                .collect();
            word = components.join(&b'/');
        }
        word
    }

    /// Numbers of the joint roles, for each run and role. Lineages that only one side has are matched by their last
    /// labels: a wrapper in between renames all that is below it.
    fn join_roles(&mut self) -> Vec<Vec<u32>> {
        let subject = self.subject();
        let mut ids: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        let mut maps = vec![Vec::new(); self.runs.len()];
        let order: Vec<usize> = std::iter::once(subject).chain(0..subject).collect();
        for side in order {
            let Some(run) = self.runs.get(side).copied() else {
                continue;
            };
            let matched = if side == subject {
                BTreeMap::new()
            } else {
                moved_roles(run, self.runs[subject])
            };
            let mut map = Vec::with_capacity(run.roles.len());
            for (place, role) in run.roles.iter().enumerate() {
                let name = matched
                    .get(&place)
                    .and_then(|other| self.runs[subject].roles.get(*other))
                    .map_or(&role.name, |other| &other.name);
                let next = u32::try_from(self.roles.len()).unwrap_or(u32::MAX);
                let id = *ids.entry(name.clone()).or_insert(next);
                if id == next {
                    self.roles.push(JointRole {
                        name: name.clone(),
                        sides: vec![None; self.runs.len()],
                        parent: None,
                    });
                }
                if let Some(joint) = self.roles.get_mut(id as usize)
                    && let Some(place_of) = joint.sides.get_mut(side)
                    && place_of.is_none()
                {
                    *place_of = u32::try_from(place).ok();
                }
                map.push(id);
            }
            if let Some(slot) = maps.get_mut(side) {
                *slot = map;
            }
        }
        maps
    }

    fn parents(&mut self, maps: &[Vec<u32>]) {
        for place in 0..self.roles.len() {
            let joint = u32::try_from(place).unwrap_or(u32::MAX);
            let parent = (0..self.runs.len()).rev().find_map(|side| {
                let role = self.role_of(joint, side)?;
                let parent = role.parent?;
                maps.get(side)?.get(parent as usize).copied()
            });
            if let Some(role) = self.roles.get_mut(place) {
                role.parent = parent.filter(|parent| *parent != joint);
            }
        }
    }

    fn join_keys(&mut self) -> Vec<Vec<u32>> {
        let subject = self.subject();
        let names_of_subject = Names::of(self.runs[subject]);
        let mut ids = Places::default();
        let mut maps = vec![Vec::new(); self.runs.len()];
        let order: Vec<usize> = std::iter::once(subject).chain(0..subject).collect();
        for side in order {
            let Some(run) = self.runs.get(side).copied() else {
                continue;
            };
            let names = if side == subject {
                BTreeMap::new()
            } else {
                let (mut names, folders) = learnt_names(run, self.runs[subject], &names_of_subject);
                self.folders.push(folders);
                names.append(&mut self.pools.names(run, self.runs[subject]));
                names
            };
            for (place, name) in &names {
                if side == 0
                    && let Some(key) = run.keys.get(*place)
                {
                    self.learnt.push((key.name.clone(), name.clone()));
                }
            }
            let mut map = Vec::with_capacity(run.keys.len());
            for (place, key) in run.keys.iter().enumerate() {
                let name = names
                    .get(&place)
                    .map_or(Cow::Borrowed(key.name.as_slice()), |name| {
                        Cow::Owned(name.clone())
                    });
                let next = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
                let hash = hash_of(&(class(key.kind), &*name));
                let id = ids.get_or_insert(hash, next, |place| {
                    self.keys.get(place as usize).is_some_and(|other| {
                        class(other.kind) == class(key.kind) && other.name == name
                    })
                });
                if id == next {
                    self.keys.push(JointKey {
                        name,
                        kind: key.kind,
                    });
                    self.key_sides
                        .resize(self.keys.len() * self.runs.len(), None);
                }
                let place_in_sides = self.key_side(id, side);
                if let Some(place_of) = self.key_sides.get_mut(place_in_sides)
                    && place_of.is_none()
                {
                    *place_of = u32::try_from(place).ok();
                }
                map.push(id);
            }
            if let Some(slot) = maps.get_mut(side) {
                *slot = map;
            }
        }
        maps
    }
}

/// By joint role and key: what each run did. What two keys of a run have become one for is told by the later.
fn join_uses<'p>(
    runs: &[&'p Profile],
    role_maps: &[Vec<u32>],
    key_maps: &[Vec<u32>],
    keys: usize,
) -> JointUses<'p> {
    let mut all: Vec<(Pair, usize, &Use)> =
        Vec::with_capacity(runs.iter().map(|run| run.uses.len()).sum());
    for (side, ((run, roles), keys)) in runs.iter().zip(role_maps).zip(key_maps).enumerate() {
        all.extend(run.uses.iter().filter_map(|((role, key), used)| {
            let place = (*roles.get(*role as usize)?, *keys.get(*key as usize)?);
            Some((place, side, used))
        }));
    }
    JointUses::new(all, runs.len(), keys)
}

/// Relative names that are looked for among whole ones.
const PARTS_MAX: usize = 200;
/// Files of one form from which on they are a family.
const FAMILY_MIN: u64 = 2;

/// The name with every number in its last component as `#`; `None` when there is none, or when it is a version.
fn family(name: &[u8]) -> Option<Vec<u8>> {
    let base = super::roles::base(name);
    let folder = name.len() - base.len();
    if base.windows(4).any(|part| part == b".so.") || !base.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let mut out = name.get(..folder)?.to_vec();
    for byte in base {
        if !byte.is_ascii_digit() {
            out.push(*byte);
        } else if out.last() != Some(&b'#') {
            out.push(b'#');
        }
    }
    // `7-1`, `7-1-2`: parts of one number.
    while let Some(at) = out
        .windows(3)
        .position(|part| part == b"#-#" || part == b"#_#")
    {
        out.drain(at..at + 2);
    }
    Some(out)
}

/// Folder and ending of a name that has a number of some length: `*.eml` beside `msg_102934.eml`.
fn kin(name: &[u8]) -> Option<Vec<u8>> {
    let base = super::roles::base(name);
    let numbers = base
        .split(|byte| !byte.is_ascii_digit())
        .any(|run| run.len() >= 4);
    if !numbers {
        return None;
    }
    let folder = super::roles::folder(name);
    let ending = base
        .iter()
        .rposition(|byte| *byte == b'.')
        .and_then(|at| base.get(at..));
    Some([folder, b"*", ending.unwrap_or_default()].concat())
}

/// The families that a name may belong to: its own folder's first, then that of the folder above.
fn forms(name: &[u8]) -> Vec<Vec<u8>> {
    // The same form in the folder above: one folder a user, a day, a kind.
    let wide = kin(name).or_else(|| family(name)).map(|form| {
        let base = super::roles::base(&form);
        let folder = form.len() - base.len();
        let above = form.get(..folder.saturating_sub(1)).unwrap_or_default();
        let above = above.len() - super::roles::base(above).len();
        [form.get(..above).unwrap_or_default(), b"*/", base].concat()
    });
    [family(name), kin(name), wide]
        .into_iter()
        .flatten()
        .collect()
}

/// Words of one form in a command from which on they are a list.
const SHAPED_MIN: usize = 2;

/// Whether words that only one side has are of the same form as words beside them: a list of files that is longer on
/// one day than on another.
pub(super) fn is_one_family(
    new: &[Vec<u8>],
    old: &[Vec<u8>],
    now: &[Vec<u8>],
    then: &[Vec<u8>],
) -> bool {
    // Folders of the run itself have other names in each.
    let family = |word: &[u8]| family(super::roles::base(word));
    let shape = |word: &[u8]| super::nightly::shape(super::roles::base(word));
    let forms = |words: &[Vec<u8>]| -> BTreeSet<Vec<u8>> {
        words.iter().filter_map(|word| family(word)).collect()
    };
    // Items by another word and number: several on both sides.
    let shapes = |words: &[Vec<u8>]| -> BTreeMap<Vec<u8>, usize> {
        let mut shapes = BTreeMap::new();
        for shape in words.iter().filter_map(|word| shape(word)) {
            *shapes.entry(shape).or_default() += 1;
        }
        shapes.retain(|_, count| *count >= SHAPED_MIN);
        shapes
    };
    let (shapes_now, shapes_then) = (shapes(now), shapes(then));
    let (now, then) = (forms(now), forms(then));
    let known = |word: &Vec<u8>| {
        family(word).is_some_and(|form| now.contains(&form) && then.contains(&form))
            || shape(word).is_some_and(|form| {
                shapes_now.contains_key(&form) && shapes_then.contains_key(&form)
            })
    };
    let path = |word: &Vec<u8>| word.contains(&b'/') || word.contains(&b'.');
    !(new.is_empty() && old.is_empty())
        && new.iter().chain(old).all(|word| path(word) && known(word))
}

/// What a path is may be seen in one run and not in another.
fn class(kind: KeyKind) -> KeyKind {
    match kind {
        KeyKind::Folder | KeyKind::Device => KeyKind::File,
        other => other,
    }
}

/// Roles of `run` (by place) that are roles of `subject` under another lineage.
fn moved_roles(run: &Profile, subject: &Profile) -> BTreeMap<usize, usize> {
    let theirs: BTreeSet<&[u8]> = subject
        .roles
        .iter()
        .map(|role| role.name.as_slice())
        .collect();
    let ours: BTreeSet<&[u8]> = run.roles.iter().map(|role| role.name.as_slice()).collect();
    let mut free: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
    for (place, role) in subject.roles.iter().enumerate() {
        if !ours.contains(role.name.as_slice()) {
            free.entry(&role.label).or_default().push(place);
        }
    }
    let mut matched = BTreeMap::new();
    for (place, role) in run.roles.iter().enumerate() {
        if theirs.contains(role.name.as_slice()) {
            continue;
        }
        let Some(places) = free.get_mut(role.label.as_slice()) else {
            continue;
        };
        // The lineage that agrees most from the end.
        let best = places.iter().enumerate().max_by_key(|(order, other)| {
            let name = subject
                .roles
                .get(**other)
                .map_or(&[][..], |role| &role.name);
            (common_end(&role.name, name), std::cmp::Reverse(*order))
        });
        if let Some((order, other)) = best.map(|(order, other)| (order, *other)) {
            places.remove(order);
            matched.insert(place, other);
        }
    }
    matched
}

fn common_end(one: &[u8], other: &[u8]) -> usize {
    one.rsplit(|byte| *byte == b'>')
        .zip(other.rsplit(|byte| *byte == b'>'))
        .take_while(|(one, other)| one == other)
        .count()
}

/// Names of which one side has only the end: `job.conf` beside `/srv/job/job.conf`, where there is one such name.
fn whole_names<'n>(from: &[&'n [u8]], to: &[&'n [u8]]) -> Vec<(&'n [u8], &'n [u8])> {
    let is_part = |name: &&&[u8]| !name.starts_with(b"/") && !name.starts_with(b"<");
    let is_end = |part: &[u8], name: &[u8]| {
        name.strip_suffix(part)
            .is_some_and(|head| head.ends_with(b"/"))
    };
    let parts = |names: &[&'n [u8]]| -> Vec<&'n [u8]> {
        names
            .iter()
            .filter(is_part)
            .take(PARTS_MAX)
            .copied()
            .collect()
    };
    let only = |part: &[u8], names: &[&'n [u8]]| -> Option<&'n [u8]> {
        let mut ends = names.iter().filter(|name| is_end(part, name));
        let first = ends.next()?;
        ends.next().is_none().then_some(*first)
    };
    let ours = parts(from)
        .into_iter()
        .filter_map(|part| Some((part, only(part, to)?)));
    let theirs = parts(to)
        .into_iter()
        .filter_map(|part| Some((only(part, from)?, part)));
    ours.chain(theirs).collect()
}

/// Whether a key has a name that may be another one on another day.
fn has_name(key: &Key) -> bool {
    matches!(
        key.kind,
        KeyKind::File | KeyKind::Folder | KeyKind::LocalSocket | KeyKind::Device
    ) || key.kind == KeyKind::Pipe && key.name.starts_with(b"/")
}

/// The names of the subject's keys, each once.
struct Names<'p> {
    names: Vec<&'p [u8]>,
    places: Places,
}

impl<'p> Names<'p> {
    fn of(subject: &'p Profile) -> Self {
        let mut all = Self {
            names: Vec::new(),
            places: Places::default(),
        };
        for key in subject.keys.iter().filter(|key| has_name(key)) {
            let name = key.name.as_slice();
            let next = u32::try_from(all.names.len()).unwrap_or(u32::MAX);
            let place = all.places.get_or_insert(hash_of(name), next, |place| {
                all.names.get(place as usize) == Some(&name)
            });
            if place == next {
                all.names.push(name);
            }
        }
        all
    }

    /// Names that only `run` has, and those that it lacks, both sorted.
    fn compare(&self, run: &'p Profile) -> (Vec<&'p [u8]>, Vec<&'p [u8]>) {
        let mut lacks = vec![true; self.names.len()];
        let mut only = Vec::new();
        for key in run.keys.iter().filter(|key| has_name(key)) {
            let name = key.name.as_slice();
            let place = self.places.get(hash_of(name), |place| {
                self.names.get(place as usize) == Some(&name)
            });
            match place.and_then(|place| lacks.get_mut(place as usize)) {
                Some(lacks) => *lacks = false,
                None => only.push(name),
            }
        }
        only.sort_unstable();
        only.dedup();
        let lacked = self.names.iter().zip(lacks).filter(|(_, lacks)| *lacks);
        let mut lacked: Vec<&[u8]> = lacked.map(|(name, _)| *name).collect();
        lacked.sort_unstable();
        (only, lacked)
    }
}

/// Names of keys of `run` (by place) as the subject has them, where they differ by what can be learnt.
fn learnt_names<'p>(
    run: &'p Profile,
    subject: &'p Profile,
    names: &Names<'p>,
) -> (BTreeMap<usize, Vec<u8>>, Vec<learn::Renamed>) {
    let (from, to) = names.compare(run);
    if from.is_empty() || to.is_empty() {
        return (BTreeMap::new(), Vec::new());
    }
    let folders = learn::folders(&from, &to);
    let mut renamed: Map<&[u8], Vec<u8>> = Map::default();
    for name in &from {
        if let Some(new) = learn::renamed(&folders, name) {
            renamed.insert(name, new);
        }
    }
    for (name, other) in super::dated::fixed(run, subject, &from, &to) {
        renamed.insert(name, other.to_vec());
    }
    // A log that does not say where the job began has names relative to that.
    for (name, other) in whole_names(&from, &to) {
        renamed.entry(name).or_insert_with(|| other.to_vec());
    }
    let rest_from: Vec<(u64, &[u8])> = from
        .iter()
        .filter(|name| !renamed.contains_key(*name))
        .map(|name| (0, *name))
        .collect();
    let rest_to: Vec<(u64, &[u8])> = to.iter().map(|name| (0, *name)).collect();
    for (one, other) in learn::pairs(&rest_from, &rest_to) {
        if let (Some((_, one)), Some((_, other))) = (rest_from.get(one), rest_to.get(other)) {
            renamed.insert(one, other.to_vec());
        }
    }
    let names = run
        .keys
        .iter()
        .enumerate()
        .filter(|(_, key)| has_name(key))
        .filter_map(|(place, key)| Some((place, renamed.get(key.name.as_slice())?.clone())))
        .collect();
    (names, folders)
}
