//! Files that a job reads and does not write: whether they are what they were.
//!
//! Three things tell, the best that all runs have: a hash of the bytes (`record --hash`), the length, and when the file
//! was last written. A length is also known from reading a file whole. A file that was written again with the length it
//! had may be the same: it counts when most others were not touched.

use std::collections::BTreeSet;

use unspool_model::event::ClockKind;
use unspool_model::map::{Map, hash_of};
use unspool_model::world::Content;

use super::finding::{ALARM_SCORE, Finding, FindingKind};
use super::phrases::{ago, say, size, who};
use super::profile::{Group, Key, KeyKind, Profile, Use};
use super::resources::Place;
use super::{Joint, is_in_stable_folder, is_stable, is_system};

/// Age of a file that nobody makes anew for each run.
const SETTLED_NS: i64 = 120_000_000_000;
/// Weight of a content that is certain to be another one.
const CHANGED: f64 = 2.7;
/// Weight of one that may be another one, the only file that was written again.
const TOUCHED: f64 = 1.9;
/// Weight of one among many files that were written again.
const TOUCHED_WITH_OTHERS: f64 = 0.7;
/// Baselines that show what differs every day.
const LEARNT_MIN: usize = 3;
/// Weight of an input that was another one each time and is the last one again.
const STALE: f64 = 1.4;

/// What the files of all runs say together.
#[derive(Clone, Debug, Default)]
pub(super) struct Touched {
    same: usize,
    written: usize,
    /// Files of data with one ending in one folder: how many there are, and how many of them have another length.
    data: Map<u64, (usize, usize)>,
}

/// Endings of data that people write, too.
const DATA: &[&[u8]] = &[b".json", b".xml", b".yaml", b".yml"];
/// Files of data in a folder from which on it is no folder of settings when they all have another length.
const DATA_MIN: usize = 3;

/// The folder and the ending of a file of data.
fn data_of(path: &[u8]) -> Option<u64> {
    let ending = DATA.iter().find(|ending| path.ends_with(ending))?;
    Some(hash_of(&(super::roles::folder(path), *ending)))
}

impl Touched {
    /// Counts the files whose length stayed, by whether they were written again.
    pub(super) fn new(joint: &Joint<'_>) -> Self {
        let mut counts = Self::default();
        for (place, key) in joint.keys.iter().enumerate() {
            if key.kind != KeyKind::File {
                continue;
            }
            let joint_key = u32::try_from(place).unwrap_or(u32::MAX);
            let Some((now, before)) = known(joint, joint_key) else {
                continue;
            };
            let is_job = joint
                .any_key(joint_key)
                .is_some_and(|key| !is_installed(&key.raw));
            let is_other = before.iter().all(|one| one.size_bytes != now.size_bytes);
            if let Some(data) = joint.any_key(joint_key).and_then(|key| data_of(&key.raw)) {
                let counts = counts.data.entry(data).or_default();
                *counts = (counts.0 + 1, counts.1 + usize::from(is_other));
            }
            if !is_job || before.iter().any(|one| one.size_bytes != now.size_bytes) {
                continue;
            }
            if now.inode == UNKNOWN {
                continue;
            }
            // What is made anew for each run says nothing of what people change.
            let was_old =
                |one: &Content| joint.runs.first().is_some_and(|run| is_settled(one, run));
            if before.iter().any(|one| is_untouched(now, one)) {
                counts.same += 1;
            } else if before.first().is_some_and(|one| was_old(one)) {
                counts.written += 1;
            }
        }
        counts
    }

    /// Whether most files of data in that folder have another length: they are made anew for each run.
    fn is_renewed(&self, path: &[u8]) -> bool {
        data_of(path)
            .and_then(|data| self.data.get(&data))
            .is_some_and(|(all, other)| *all >= DATA_MIN && other * 4 >= all * 3)
    }

    fn is_rare(&self) -> bool {
        self.same > 0 && (self.written <= 1 || self.written * 5 <= self.same + self.written)
    }
}

/// Whether both were written at one time (a copy that keeps times is the same); what only has a length says nothing
/// against it.
fn is_untouched(one: &Content, other: &Content) -> bool {
    let unknown = one.inode == UNKNOWN || other.inode == UNKNOWN;
    unknown || one.modified_ns == other.modified_ns
}

/// Whether the file was there for a while when the run began: what is made anew for each run is another one each time.
fn is_settled(content: &Content, run: &Profile) -> bool {
    run.start_ns.saturating_sub(content.modified_ns) > SETTLED_NS.max(2 * run.duration_ns())
}

/// No file has this number.
const UNKNOWN: u64 = 0;

/// The length that a log shows in the answer of a stat call: `{st_mode=S_IFREG|0644, st_size=2996, ...}`.
pub(super) fn in_log(args: &[u8]) -> Option<Content> {
    let field = b"_size=";
    let at = args
        .windows(field.len())
        .position(|window| window == field)?;
    let is_file = args.windows(7).any(|window| window == b"S_IFREG");
    let digits = args.get(at + field.len()..)?;
    let end = digits
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(digits.len());
    let size_bytes = std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()?;
    is_file.then_some(Content {
        size_bytes,
        modified_ns: 0,
        inode: UNKNOWN,
        hash: None,
    })
}

/// Whether a file belongs to the machine and not to the job.
fn is_installed(path: &[u8]) -> bool {
    let folders: [&[u8]; 7] = [
        b"/usr/",
        b"/etc/",
        b"/lib",
        b"/bin/",
        b"/sbin/",
        b"/opt/",
        b"/var/lib/",
    ];
    is_system(path) || folders.iter().any(|folder| path.starts_with(folder))
}

/// What the recorder says of a file in the subject and in every baseline that has it; `None` unless all say something.
fn known<'p>(joint: &Joint<'p>, key: u32) -> Option<(&'p Content, Vec<&'p Content>)> {
    let of = |side: usize| joint.key_of(key, side).map(|key| key.content.as_deref());
    let now = of(joint.subject())??;
    let before: Option<Vec<&Content>> = (0..joint.subject()).filter_map(of).collect();
    before
        .filter(|before| !before.is_empty())
        .map(|before| (now, before))
}

/// Endings of what people write for programs that translate or bundle it.
const SOURCES: &[&[u8]] = &[
    b".py", b".pl", b".pm", b".rb", b".js", b".mjs", b".cjs", b".ts", b".tsx", b".jsx", b".css",
    b".html", b".sql", b".h", b".hpp", b".c", b".cc", b".cpp", b".rs", b".go", b".java", b".tex",
    b".md", b".tmpl", b".tpl", b".j2",
];
/// Files of one ending that a role reads from which on they are its input.
const INPUTS_MIN: usize = 3;
/// Most that another content of one of several sources weighs when nothing comes of it.
const INPUT_MAX: f64 = 1.3;

/// Sources that a translator reads are its input: with few baselines nobody knows whether they differ every day. They
/// count when something else differs, too.
pub(super) fn temper(joint: &Joint<'_>, findings: &mut [Finding]) {
    let is_input = |finding: &Finding| {
        finding.kind == FindingKind::Content
            && finding
                .role
                .is_some_and(|role| is_input(joint, role, &finding.subject))
    };
    let matters = |finding: &Finding| {
        finding.score >= ALARM_SCORE && finding.caused_by.is_none() && !is_input(finding)
    };
    if findings.iter().any(matters) {
        return;
    }
    for finding in findings.iter_mut().filter(|finding| is_input(finding)) {
        finding.score = finding.score.min(INPUT_MAX);
    }
}

/// What may be the day's data counts, with few baselines, when something else differs, too: it stays where it is in the
/// list, below the score from which on runs count as different.
pub(super) fn temper_soft(joint: &Joint<'_>, findings: &mut [Finding]) {
    let counts = |finding: &Finding| finding.score >= ALARM_SCORE && finding.caused_by.is_none();
    // Failures, and what is said otherwise, are more than data.
    let fails = |finding: &Finding| {
        matches!(
            finding.kind,
            FindingKind::ExitStatus
                | FindingKind::Signal
                | FindingKind::ConnectionError
                | FindingKind::Error
        ) && finding.score >= FAILURE_MIN
            || matches!(finding.kind, FindingKind::LogNew | FindingKind::LogGone)
    };
    let is_firm = findings
        .iter()
        .any(|finding| !finding.is_soft && (counts(finding) || fails(finding)));
    let most = findings
        .iter()
        .map(|finding| finding.score)
        .fold(0.0, f64::max);
    if is_firm || joint.runs.len() > LEARNT_MIN || most < ALARM_SCORE {
        return;
    }
    // All of the list shrinks, so that its order stays.
    for finding in findings {
        finding.score *= SOFT_MAX / most;
    }
}

/// Least that a failure weighs that counts though it follows from data.
const FAILURE_MIN: f64 = 1.2;
/// Most that a list weighs whose heavy findings may all be the day's data.
const SOFT_MAX: f64 = 1.45;

/// Whether this is a source and the role reads several of its kind; enough baselines show what differs every day.
fn is_input(joint: &Joint<'_>, role: u32, path: &[u8]) -> bool {
    if joint.runs.len() > LEARNT_MIN {
        return false;
    }
    let Some(ending) = SOURCES.iter().find(|ending| path.ends_with(ending)) else {
        return false;
    };
    joint
        .uses
        .of_role_in(role, joint.subject())
        .filter(|(key, used)| {
            used.bytes_read > 0
                && joint
                    .any_key(*key)
                    .is_some_and(|key| key.raw.ends_with(ending) && !is_system(&key.raw))
        })
        .count()
        >= INPUTS_MIN
}

/// What is said of a file.
struct Said {
    /// Whether the file may be another one every day.
    is_soft: bool,
    weight: f64,
    before: String,
    after: String,
    words: String,
}

/// The finding of a file with another content. Whether amounts that were read say nothing more.
pub(super) fn find(
    place: &Place<'_, '_>,
    used: &Use,
    baselines: &[Option<&Use>],
    touched: &Touched,
    out: &mut Vec<Finding>,
) -> bool {
    let joint = place.joint;
    let Some(key) = joint.any_key(place.key) else {
        return false;
    };
    let is_written = (0..joint.runs.len())
        .filter_map(|side| joint.key_of(place.key, side))
        .any(|key| key.created || key.modified);
    if key.kind != KeyKind::File || is_written || used.effective() == used.count(Group::Query) {
        return false;
    }
    let said = match known(joint, place.key) {
        Some((now, before)) => {
            // What is read says how much of it there was.
            let is_mapped = baselines
                .iter()
                .flatten()
                .chain([&used])
                .all(|used| used.bytes_read == 0);
            shrunk(now, &before)
                .filter(|_| is_mapped)
                .or_else(|| by_record(joint, key, now, &before, touched))
        }
        None => by_reading(place, key, used, baselines),
    };
    let Some(said) = said else {
        return false;
    };
    let name = place.name();
    let mut finding = Finding::new(
        FindingKind::Content,
        said.weight * weight(place, key),
        &name,
    )
    .values(said.before, said.after)
    .at(used.first_ns, Some(used.first_seq))
    .of(place.role, Some(place.key))
    .says(say!(
        who(joint, place.role),
        " read ",
        name,
        " ",
        said.words
    ));
    finding.is_soft = said.is_soft;
    out.push(finding);
    true
}

/// What a changed script does otherwise says more than that it changed.
fn weight(place: &Place<'_, '_>, key: &Key) -> f64 {
    match (is_script(place, key), is_system(&key.raw)) {
        _ if place.joint.is_of_family(place.key) => 0.4,
        _ if is_input(place.joint, place.role, &key.raw) => 0.6,
        (true, _) => 0.75,
        (false, true) => 0.8,
        (false, false) => 1.0,
    }
}

fn label<'p>(place: &Place<'_, 'p>) -> &'p [u8] {
    place
        .joint
        .any_role(place.role)
        .map_or(&[][..], |role| &role.label)
}

fn is_script(place: &Place<'_, '_>, key: &Key) -> bool {
    let label = label(place);
    !label.is_empty() && label == super::roles::base(&key.raw)
}

/// By what the recorder found of the file.
fn by_record(
    joint: &Joint<'_>,
    key: &Key,
    now: &Content,
    before: &[&Content],
    touched: &Touched,
) -> Option<Said> {
    let first = *before.first()?;
    if let Some(said) = from_the_future(joint, key, now, before) {
        return Some(said);
    }
    let hashes: Option<BTreeSet<u128>> = before.iter().map(|one| one.hash).collect();
    let is_learnt = before.len() >= LEARNT_MIN;
    if let (Some(new), Some(old)) = (now.hash, hashes) {
        let is_stable = is_stable(&key.raw) || is_in_stable_folder(&key.raw);
        let changed = old.len() == 1 && !old.contains(&new) && (is_stable || is_learnt);
        return changed.then(|| by_hash(now, first));
    }
    let is_one_length = before.iter().all(|one| one.size_bytes == first.size_bytes);
    let is_settled = joint.runs.first().is_some_and(|run| is_settled(first, run));
    if is_one_length && now.size_bytes != first.size_bytes {
        let is_list = LISTS.iter().any(|ending| key.raw.ends_with(ending));
        let is_made = !is_settled && now.inode != UNKNOWN || touched.is_renewed(&key.raw);
        let mut said = by_length(first, now);
        if now.size_bytes == 0 {
            said.weight = EMPTIED;
        } else if !is_learnt && (is_list || is_made) {
            said.is_soft = true;
            let more = now.size_bytes.abs_diff(first.size_bytes);
            said.weight = if more * 3 > first.size_bytes {
                CHANGED_DAILY
            } else {
                VARIES
            };
        }
        let is_stable = is_stable(&key.raw) || !is_made && is_in_stable_folder(&key.raw);
        return (is_stable || is_learnt).then_some(said);
    }
    let is_one_file = before.iter().all(|one| is_untouched(one, first));
    if is_one_file && is_settled && !is_untouched(now, first) && is_one_length {
        let mut said = written_again(joint, first, now, touched);
        let is_stable = is_stable(&key.raw) || is_in_stable_folder(&key.raw);
        if !is_stable && !is_learnt {
            // What it holds may be new each week.
            said.weight = said.weight.min(DATA_TOUCHED);
        }
        return (is_stable || is_learnt || touched.is_rare()).then_some(said);
    }
    stale(joint, now, before)
}

/// An input that is empty, or far shorter than it was in any baseline.
fn shrunk(now: &Content, before: &[&Content]) -> Option<Said> {
    let least = before.iter().map(|one| one.size_bytes).min()?;
    let first = *before.first()?;
    if now.size_bytes.saturating_mul(SHRUNK) >= least || least < SHRUNK_MIN {
        return None;
    }
    let mut said = by_length(first, now);
    if now.size_bytes == 0 {
        said.weight = EMPTIED;
        said.words = format!("which is empty, before {}", size(first.size_bytes));
    }
    Some(said)
}

/// Weight of an empty input, and how many times shorter one is that is no day's data; of so many bytes at least.
const EMPTIED: f64 = 3.0;
const SHRUNK: u64 = 5;
const SHRUNK_MIN: u64 = 16;
/// Weight of a list, or of what is made anew for each run, that has another length than in the one or two baselines:
/// when that is longer or shorter by more than a third, and when not.
const CHANGED_DAILY: f64 = 1.9;
const VARIES: f64 = 1.2;
/// Weight of data that is the only file that was written again.
const DATA_TOUCHED: f64 = 1.15;
/// Lists of things of which there are more on one day and fewer on another.
const LISTS: &[&[u8]] = &[b".list", b".lst", b"/hosts"];

fn by_hash(now: &Content, first: &Content) -> Said {
    let text = |content: &Content| {
        let digits = format!("{:032x}", content.hash.unwrap_or(0));
        let digits = digits.get(..12).unwrap_or_default();
        format!("{}, SHA-256 {digits}...", size(content.size_bytes))
    };
    let words = if now.size_bytes == first.size_bytes {
        format!(
            "with another content of the same length, {}",
            size(now.size_bytes)
        )
    } else {
        by_length(first, now).words
    };
    Said {
        is_soft: false,
        weight: CHANGED,
        before: text(first),
        after: text(now),
        words,
    }
}

fn by_length(first: &Content, now: &Content) -> Said {
    lengths(first.size_bytes, now.size_bytes)
}

fn lengths(old: u64, new: u64) -> Said {
    Said {
        is_soft: false,
        weight: CHANGED,
        before: size(old),
        after: size(new),
        words: format!("with another content: {}, before {}", size(new), size(old)),
    }
}

/// How long before the run a file was written.
fn written(content: &Content, run: &Profile) -> String {
    let age_ns = run.start_ns.saturating_sub(content.modified_ns);
    format!("written {} before the run", ago(age_ns))
}

fn written_again(joint: &Joint<'_>, first: &Content, now: &Content, touched: &Touched) -> Said {
    let weight = if touched.is_rare() {
        TOUCHED
    } else {
        TOUCHED_WITH_OTHERS
    };
    let subject = joint.runs[joint.subject()];
    let after = written(now, subject);
    Said {
        is_soft: false,
        weight,
        before: written(first, joint.runs[0]),
        words: format!(
            "that was written since the run before ({} before this one); it is {} long, as it was: \
             `record --hash` tells whether the content is the same",
            ago(subject.start_ns.saturating_sub(now.modified_ns)),
            size(now.size_bytes)
        ),
        after,
    }
}

/// A file whose time is later than the run: what compares times takes it for new.
fn from_the_future(
    joint: &Joint<'_>,
    key: &Key,
    now: &Content,
    before: &[&Content],
) -> Option<Said> {
    let subject = joint.runs[joint.subject()];
    let is_ahead = |one: &Content, run: &Profile| {
        one.inode != UNKNOWN
            && run.clock == ClockKind::Epoch
            && one.modified_ns.saturating_sub(run.end_ns) > AHEAD_NS
    };
    let was_ahead = before
        .iter()
        .zip(&joint.runs)
        .any(|(one, run)| is_ahead(one, run));
    if !is_ahead(now, subject) || was_ahead || is_installed(&key.raw) {
        return None;
    }
    let ahead = ago(now.modified_ns.saturating_sub(subject.start_ns));
    Some(Said {
        is_soft: false,
        weight: AHEAD,
        before: written(before.first()?, joint.runs[0]),
        after: format!("time of writing {ahead} after the start of the run"),
        words: format!("whose time of writing is {ahead} after the start of the run"),
    })
}

/// How much later than the end of a run a file has to be, and what that weighs.
const AHEAD_NS: i64 = 60_000_000_000;
const AHEAD: f64 = 2.5;

/// An input that was another one in each run before and now is one of them.
fn stale(joint: &Joint<'_>, now: &Content, before: &[&Content]) -> Option<Said> {
    let times: BTreeSet<i64> = before.iter().map(|one| one.modified_ns).collect();
    let again = before.iter().position(|one| is_untouched(one, now))?;
    if before.len() < 2 || times.len() < before.len() || now.inode == UNKNOWN {
        return None;
    }
    let run = joint.runs.get(again)?;
    Some(Said {
        is_soft: false,
        weight: STALE,
        before: "another one in each run".to_owned(),
        after: format!("the one of {}", run.run),
        words: format!(
            "that is the same as in {}: in each run before it was another one",
            run.run
        ),
    })
}

/// By what was read of a file: all of it at each open, the smallest difference counts.
fn by_reading(
    place: &Place<'_, '_>,
    key: &Key,
    used: &Use,
    baselines: &[Option<&Use>],
) -> Option<Said> {
    if !is_stable(&key.raw) {
        return None;
    }
    // A shell reads its script piece by piece, as far as it gets.
    let is_shell_script = is_script(place, key) && !label(place).ends_with(b".py");
    let per_open = |used: &Use| {
        if is_shell_script {
            return Some(used.most_read);
        }
        let opens = used.count(Group::Open).max(1);
        used.bytes_read
            .is_multiple_of(opens)
            .then(|| used.bytes_read / opens)
    };
    let before: BTreeSet<Option<u64>> = baselines
        .iter()
        .flatten()
        .map(|used| per_open(used))
        .collect();
    let [Some(Some(old))] = before.iter().copied().map(Some).collect::<Vec<_>>()[..] else {
        return None;
    };
    let new = per_open(used)?;
    (new != old && new != 0 && old != 0).then(|| lengths(old, new))
}
