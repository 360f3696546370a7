//! Differences of processes: new, gone, how many, how they ended, what they were told.

use std::collections::{BTreeMap, BTreeSet};

use unspool_model::normalize::learn;
use unspool_model::signal;

use super::Joint;
use super::finding::{Finding, FindingKind};
use super::lists::{self, Lists};
use super::phrases::{exit, say, times, who};
use super::profile::{Command, ExitKey, Profile, Role};
use super::turnover::{FailedCommands, is_one_of_many};
use super::variants;

/// All differences of processes.
pub(super) fn find(joint: &Joint<'_>, out: &mut Vec<Finding>) {
    let mut told = BTreeSet::new();
    for place in 0..joint.roles.len() {
        let role = u32::try_from(place).unwrap_or(u32::MAX);
        let sides = Sides::of(joint, role);
        match (sides.subject, sides.present()) {
            (Some(subject), 0) => new_process(joint, role, subject, out),
            (None, present) if present == sides.baselines.len() && present > 0 => {
                gone_process(joint, role, &sides, out);
            }
            (Some(subject), present) if present > 0 => {
                exits(joint, role, subject, &sides, out);
                failed_commands(joint, role, subject, &sides, out);
                signals(joint, role, subject, &sides, out);
                counts(joint, role, subject, &sides, out);
                commands(joint, role, subject, &sides, out);
                programs(joint, role, subject, &sides, out);
                folders(joint, role, subject, &sides, &mut told, out);
                super::environment::find(joint, role, subject, &sides, &mut told, out);
            }
            _ => {}
        }
    }
}

/// One role in the baselines and the subject.
pub(super) struct Sides<'p> {
    pub(super) baselines: Vec<Option<&'p Role>>,
    pub(super) subject: Option<&'p Role>,
}

impl<'p> Sides<'p> {
    fn of(joint: &Joint<'p>, role: u32) -> Self {
        Self {
            baselines: (0..joint.subject())
                .map(|side| joint.role_of(role, side))
                .collect(),
            subject: joint.role_of(role, joint.subject()),
        }
    }

    fn present(&self) -> usize {
        self.baselines.iter().flatten().count()
    }

    pub(super) fn roles(&self) -> impl Iterator<Item = &'p Role> + '_ {
        self.baselines.iter().flatten().copied()
    }

    fn first(&self) -> Option<&'p Role> {
        self.roles().next()
    }
}

pub(super) fn raw_command(role: &Role) -> Vec<u8> {
    role.commands
        .values()
        .min_by_key(|command| (command.first_ns, command.first_seq))
        .map(|command| command.raw.join(&b' '))
        .filter(|command| !command.is_empty())
        .unwrap_or_else(|| role.label.clone())
}

/// Whether an ancestor appears or vanishes with it: then it is only part of that.
fn parent_in(joint: &Joint<'_>, role: u32, is: impl Fn(u32) -> bool) -> bool {
    joint
        .roles
        .get(role as usize)
        .and_then(|found| found.parent)
        .is_some_and(is)
}

pub(super) fn is_new(joint: &Joint<'_>, role: u32) -> bool {
    let subject = joint.subject();
    joint.role_of(role, subject).is_some()
        && (0..subject).all(|side| joint.role_of(role, side).is_none())
}

/// Whether the role is a copy that a process made of itself and that started no other program.
pub(super) fn is_copy(joint: &Joint<'_>, role: u32) -> bool {
    joint
        .any_role(role)
        .is_some_and(|role| role.label.starts_with(b"("))
}

pub(super) fn is_gone(joint: &Joint<'_>, role: u32) -> bool {
    let subject = joint.subject();
    joint.role_of(role, subject).is_none()
        && (0..subject).all(|side| joint.role_of(role, side).is_some())
}

fn new_process(joint: &Joint<'_>, role: u32, subject: &Role, out: &mut Vec<Finding>) {
    if parent_in(joint, role, |parent| is_new(joint, parent)) {
        return;
    }
    let command = raw_command(subject);
    // A copy of a shell is not a program.
    let copy = subject.label.starts_with(b"(");
    let score = if copy { 1.2 } else { 3.7 };
    let failed = subject.exits.iter().find(|(key, _)| key.is_failure());
    let mut sentence = say!(
        who_started(joint, role),
        "started a process that was not there before: ",
        command
    );
    if let Some((key, _)) = failed {
        sentence.extend_from_slice(format!(" ({})", exit(*key)).as_bytes());
    }
    out.push(
        Finding::new(FindingKind::ProcessNew, score, &command)
            .values("no such process", times(subject.instances))
            .at(subject.first_ns, first_seq(subject))
            .of(role, None)
            .evidence(say!("command: ", command))
            .says(sentence),
    );
}

fn who_started(joint: &Joint<'_>, role: u32) -> Vec<u8> {
    match joint
        .roles
        .get(role as usize)
        .and_then(|found| found.parent)
    {
        Some(parent) => say!(who(joint, parent), " "),
        None => b"the job ".to_vec(),
    }
}

pub(super) fn first_seq(role: &Role) -> Option<u64> {
    role.commands
        .values()
        .map(|command| command.first_seq)
        .min()
}

fn gone_process(joint: &Joint<'_>, role: u32, sides: &Sides<'_>, out: &mut Vec<Finding>) {
    if parent_in(joint, role, |parent| is_gone(joint, parent)) {
        return;
    }
    let Some(before) = sides.first() else { return };
    let command = raw_command(before);
    let score = if before.label.starts_with(b"(") {
        1.0
    } else {
        2.6
    };
    let at_ns = when_missing(joint, role, before);
    out.push(
        Finding::new(FindingKind::ProcessGone, score, &command)
            .values(times(before.instances), "did not run")
            .at(at_ns, None)
            .until(joint.runs[joint.subject()].end_ns)
            .of(role, None)
            .evidence(say!("command before: ", command))
            .says(say!(
                who_started(joint, role),
                "did not start a process that it started before: ",
                command
            )),
    );
}

/// When something of a baseline would have begun in the subject: the baselines' place in time, from the end of what the
/// parent still did.
fn when_missing(joint: &Joint<'_>, role: u32, before: &Role) -> i64 {
    let Some(baseline) = joint.runs.first() else {
        return 0;
    };
    let subject = joint.runs[joint.subject()];
    let guess = subject.start_ns + (before.first_ns - baseline.start_ns);
    let parent_end = joint
        .roles
        .get(role as usize)
        .and_then(|found| found.parent)
        .and_then(|parent| joint.role_of(parent, joint.subject()))
        .map_or(subject.end_ns, |parent| parent.last_ns);
    guess.min(parent_end)
}

fn exits(joint: &Joint<'_>, role: u32, subject: &Role, sides: &Sides<'_>, out: &mut Vec<Finding>) {
    let known = |key: ExitKey| sides.roles().any(|role| role.exits.contains_key(&key));
    let usual = sides
        .roles()
        .flat_map(|role| &role.exits)
        .max_by_key(|(_, ended)| ended.count)
        .map_or(ExitKey::Unknown, |(key, _)| *key);
    for (key, ended) in &subject.exits {
        if known(*key) {
            continue;
        }
        let (kind, score) = match key {
            // The reader of a pipe was done: whether the writer sees it is chance.
            ExitKey::Signal(13) => (FindingKind::Signal, 1.4),
            // Asked to end, often by another process of the job.
            ExitKey::Signal(15 | 2 | 1) => (FindingKind::Signal, 3.8),
            ExitKey::Signal(_) => (FindingKind::Signal, 4.5),
            ExitKey::Status(0) => (FindingKind::ExitStatus, 2.0),
            // A shell's 128 + N says that a child was killed.
            ExitKey::Status(_) => (FindingKind::ExitStatus, 3.4),
            ExitKey::Unknown => continue,
        };
        let all = ended.count == subject.instances;
        let of = if all || subject.instances == 1 {
            String::new()
        } else {
            format!(" ({} of {})", ended.count, subject.instances)
        };
        let command = if ended.command.is_empty() {
            raw_command(subject)
        } else {
            ended.command.clone()
        };
        let verb = match key {
            ExitKey::Signal(number) => format!(" was killed by {}", signal::name(*number)),
            ExitKey::Status(_) | ExitKey::Unknown => format!(" ended with {}", exit(*key)),
        };
        let mut finding = Finding::new(kind, score, &command)
            .values(exit(usual), say!(exit(*key), of))
            .at(ended.first_ns, None)
            .of(role, None)
            .evidence(say!("command: ", command))
            .says(say!(who(joint, role), verb, of, ", before: ", exit(usual)));
        if key.is_failure() {
            super::hints::tell(joint, role, &mut finding);
        }
        out.push(finding);
    }
    more_failures(joint, role, subject, sides, out);
}

/// What failed sometimes fails more often.
fn more_failures(
    joint: &Joint<'_>,
    role: u32,
    subject: &Role,
    sides: &Sides<'_>,
    out: &mut Vec<Finding>,
) {
    for (key, ended) in &subject.exits {
        if !key.is_failure() || !sides.roles().any(|role| role.exits.contains_key(key)) {
            continue;
        }
        let share = |role: &Role| {
            let count = role.exits.get(key).map_or(0, |ended| ended.count);
            count * 1000 / role.instances.max(1)
        };
        let most = sides.roles().map(share).max().unwrap_or(0);
        if share(subject) > most + 400 && ended.count >= 2 {
            let before: u64 = sides
                .roles()
                .filter_map(|role| role.exits.get(key))
                .map(|ended| ended.count)
                .max()
                .unwrap_or(0);
            out.push(
                Finding::new(
                    FindingKind::ExitStatus,
                    // How often it happens is not known of one or two runs.
                    if sides.present() < 3 && ended.count < before + FAILS_MORE {
                        1.15
                    } else {
                        2.4
                    },
                    &ended.command,
                )
                .values(times(before), times(ended.count))
                .at(ended.first_ns, None)
                .of(role, None)
                .says(say!(
                    who(joint, role),
                    format!(
                        " ended with {} {}, before {}",
                        exit(*key),
                        times(ended.count),
                        times(before)
                    )
                )),
            );
        }
    }
}

/// How many more have to fail than in one or two baselines.
const FAILS_MORE: u64 = 4;

/// A command that all runs have, that failed in no baseline and each time in the subject, though others of its role
/// fail on every day.
fn failed_commands(
    joint: &Joint<'_>,
    role: u32,
    subject: &Role,
    sides: &Sides<'_>,
    out: &mut Vec<Finding>,
) {
    let succeeded = |words: &Vec<Vec<u8>>| {
        sides.baselines.iter().all(|role| {
            role.is_some_and(|role| {
                role.commands.contains_key(words)
                    && !role
                        .exits
                        .values()
                        .any(|ended| ended.commands.contains_key(words))
            })
        })
    };
    for (key, ended) in &subject.exits {
        if !sides.roles().any(|role| role.exits.contains_key(key)) {
            continue;
        }
        let items = FailedCommands::of(sides.roles(), *key, ended);
        for (words, failed) in &ended.commands {
            let runs = subject
                .commands
                .get(words)
                .map_or(0, |command| command.count);
            if failed.count < runs || !succeeded(words) || items.are_others(words) {
                continue;
            }
            let command = &failed.command;
            out.push(
                Finding::new(FindingKind::ExitStatus, 3.0, command)
                    .values(exit(ExitKey::Status(0)), exit(*key))
                    .at(failed.first_ns, None)
                    .of(role, None)
                    .evidence(say!("command: ", command))
                    .says(say!(
                        who(joint, role),
                        " ended with ",
                        exit(*key),
                        ", which it did not before: ",
                        command
                    )),
            );
        }
    }
}

fn signals(
    joint: &Joint<'_>,
    role: u32,
    subject: &Role,
    sides: &Sides<'_>,
    out: &mut Vec<Finding>,
) {
    for (number, counted) in &subject.signals {
        let name = signal::name(*number);
        let killed = subject.exits.contains_key(&ExitKey::Signal(*number));
        let known = sides.roles().any(|role| role.signals.contains_key(number));
        // Ordinary company: children end, terminals resize, runtimes interrupt their threads.
        let ordinary = matches!(
            name.as_str(),
            "SIGCHLD" | "SIGWINCH" | "SIGCONT" | "SIGURG" | "SIGALRM" | "SIGPROF" | "SIGVTALRM"
        );
        if killed || known || ordinary || *number >= 32 {
            continue;
        }
        out.push(
            Finding::new(FindingKind::Signal, 3.0, &raw_command(subject))
                .values("none", say!(name, " ", times(counted.count)))
                .at(counted.first_ns, Some(counted.first_seq))
                .of(role, None)
                .says(say!(
                    who(joint, role),
                    " got ",
                    name,
                    ", before: no such signal"
                )),
        );
    }
}

fn counts(joint: &Joint<'_>, role: u32, subject: &Role, sides: &Sides<'_>, out: &mut Vec<Finding>) {
    if subject.label.starts_with(b"(") {
        return;
    }
    let before: Vec<u64> = sides
        .baselines
        .iter()
        .map(|role| role.map_or(0, |role| role.instances))
        .collect();
    let Some((ratio, usual)) = super::resources::beyond(subject.instances, &before, 0.3) else {
        return;
    };
    let parent_counts = parent_in(joint, role, |parent| {
        let now = joint
            .role_of(parent, joint.subject())
            .map_or(0, |role| role.instances);
        let then = joint.role_of(parent, 0).map_or(0, |role| role.instances);
        now != then
    });
    if parent_counts {
        return;
    }
    let score = (0.9 + 0.7 * ratio.abs()).min(2.4);
    let command = raw_command(subject);
    out.push(
        Finding::new(FindingKind::ProcessCount, score, &command)
            .values(times(usual), times(subject.instances))
            .at(subject.first_ns, first_seq(subject))
            .until(joint.runs[joint.subject()].end_ns)
            .of(role, None)
            .evidence(say!("command: ", command))
            .says(say!(
                who(joint, role),
                format!(" ran {}, before {}", times(subject.instances), times(usual))
            )),
    );
}

/// Command lines that only one side has, in order, so that they can be compared word by word.
fn commands(
    joint: &Joint<'_>,
    role: u32,
    subject: &Role,
    sides: &Sides<'_>,
    out: &mut Vec<Finding>,
) {
    let renamed: Vec<BTreeMap<Vec<Vec<u8>>, &Command>> = sides
        .baselines
        .iter()
        .enumerate()
        .filter_map(|(side, role)| Some((side, (*role)?)))
        .map(|(side, role)| {
            let words =
                |words: &[Vec<u8>]| words.iter().map(|word| joint.renamed(side, word)).collect();
            role.commands
                .iter()
                .map(|(key, command)| (words(key), command))
                .collect()
        })
        .collect();
    let known: BTreeSet<&Vec<Vec<u8>>> = renamed.iter().flat_map(BTreeMap::keys).collect();
    if subject.commands.keys().all(|words| known.contains(words)) {
        return;
    }
    let lists = sides
        .first()
        .map(|before| Lists::learn(before, subject))
        .unwrap_or_default();
    let known_signatures: BTreeSet<_> = known.iter().map(|words| lists.signature(words)).collect();
    let new = in_order(
        subject
            .commands
            .iter()
            .filter(|(words, _)| !known.contains(words))
            .filter(|(words, _)| !known_signatures.contains(&lists.signature(words)))
            .collect(),
    );
    let ours: BTreeSet<_> = subject
        .commands
        .keys()
        .map(|words| lists.signature(words))
        .collect();
    let lost = in_order(
        renamed
            .first()
            .into_iter()
            .flatten()
            .filter(|(words, _)| {
                !subject.commands.contains_key(*words)
                    && !ours.contains(&lists.signature(words))
                    && renamed.iter().all(|commands| commands.contains_key(*words))
            })
            .map(|(words, command)| (words, *command))
            .collect(),
    );
    // Many commands that differ are the job's data, not its configuration.
    let many = new.len() > 4;
    let one = new.len() == 1;
    let is_derived = is_derived(joint, role, subject);
    let mut lost: Vec<_> = lost.into_iter().collect();
    for (words, command) in new.into_iter().take(4) {
        let signature: BTreeSet<_> = lists.signature(&words).into_iter().collect();
        let alike = lost
            .iter()
            .enumerate()
            .map(|(place, (other, _))| {
                let other: BTreeSet<_> = lists.signature(other).into_iter().collect();
                (place, other.intersection(&signature).count())
            })
            .max_by_key(|(place, alike)| (*alike, std::cmp::Reverse(*place)));
        let pair = match alike {
            // The name of the program is in both.
            Some((place, alike)) if alike > 1 || one => Some(lost.remove(place)),
            _ => None,
        };
        let Some(finding) = argument(joint, role, (&words, &command), pair.as_ref(), &lists) else {
            continue;
        };
        let mut finding = finding;
        if many || pair.is_none() && is_one_of_many(&words, &known) {
            finding.score *= 0.4;
        }
        if is_derived {
            finding.score *= DERIVED;
        }
        out.push(finding);
    }
}

/// Weight of an argument that another program made up, in comparison to one that somebody wrote.
const DERIVED: f64 = 0.38;

/// Programs that make command lines of what they read or find.
const MAKERS: &[&[u8]] = &[b"xargs", b"find", b"parallel"];

/// Whether a program makes up the arguments, not the job: a helper in the folder of another program's parts, what is
/// given to `xargs`.
fn is_derived(joint: &Joint<'_>, role: u32, subject: &Role) -> bool {
    let is_helper = subject
        .programs
        .keys()
        .all(|program| program.windows(9).any(|part| part == b"/libexec/"));
    let parent = joint.roles.get(role as usize).and_then(|role| role.parent);
    let of_maker = parent
        .and_then(|parent| joint.any_role(parent))
        .is_some_and(|parent| MAKERS.contains(&parent.label.as_slice()));
    of_maker || is_helper && !subject.programs.is_empty() && parent.is_some()
}

/// Commands by when they ran.
fn in_order(mut found: Vec<(&Vec<Vec<u8>>, &Command)>) -> Vec<(Vec<Vec<u8>>, Command)> {
    found.sort_by_key(|(_, command)| (command.first_ns, command.first_seq));
    found
        .into_iter()
        .map(|(words, command)| (words.clone(), command.clone()))
        .collect()
}

fn argument(
    joint: &Joint<'_>,
    role: u32,
    (words, command): (&[Vec<u8>], &Command),
    before: Option<&(Vec<Vec<u8>>, Command)>,
    lists: &Lists,
) -> Option<Finding> {
    let raw = command.raw.join(&b' ');
    let Some((old_words, old)) = before else {
        // Without a counterpart it is one more of its kind.
        return Some(
            Finding::new(FindingKind::Argument, 1.2, &raw)
                .values("no such command", raw.clone())
                .at(command.first_ns, Some(command.first_seq))
                .of(role, None)
                .evidence(say!("command: ", raw))
                .says(say!(who(joint, role), " ran with other arguments: ", raw)),
        );
    };
    // A log that has only the beginnings of arguments says nothing against one that has them whole.
    if old.is_cut != command.is_cut {
        return None;
    }
    let gone = words_only_in(old_words, words, &old.raw, lists);
    let come = words_only_in(words, old_words, &command.raw, lists);
    let (only_old, only_new) = (gone.clone(), come.clone());
    let (gone, come) = (gone.join(&b' '), come.join(&b' '));
    if gone == come {
        // A month that is named on every day is another distance from each.
        if old_words.iter().any(|word| super::dated::is_far(word)) {
            return None;
        }
        // Only the order differs, or the name under which the program was called.
        if words.first() != old_words.first() && words.get(1..) == old_words.get(1..)
            || variants::is_order_of_files(words, old_words)
        {
            return None;
        }
    }
    let data = super::join::is_one_family(&only_new, &only_old, &command.raw, &old.raw)
        || is_unmatched(&only_new, &only_old)
        || is_unmatched(&only_old, &only_new)
        || are_counted(joint, &only_old, &only_new)
        || variants::vary_within(joint, role, words, old_words);
    let score = if data {
        0.8
    } else if is_data(&come) && is_data(&gone) {
        1.0
    } else {
        2.9
    };
    let is_amount = variants::are_amounts(&only_old, &only_new);
    let show = |text: &[u8]| {
        if text.is_empty() {
            b"nothing".to_vec()
        } else {
            text.to_vec()
        }
    };
    let mut finding = Finding::new(FindingKind::Argument, score, &raw)
        .values(show(&gone), show(&come))
        .at(command.first_ns, Some(command.first_seq))
        .of(role, None)
        .evidence(say!("command before: ", old.raw.join(&b' ')))
        .evidence(say!("command: ", raw))
        .says(say!(
            who(joint, role),
            " was called with ",
            show(&come),
            ", before with ",
            show(&gone)
        ));
    finding.is_soft = is_amount;
    Some(finding)
}

/// Raw words whose normalised form the other side does not have; of lists, whether there is such a list.
fn words_only_in(
    words: &[Vec<u8>],
    other: &[Vec<u8>],
    raw: &[Vec<u8>],
    lists: &Lists,
) -> Vec<Vec<u8>> {
    let role = |word: &[u8]| lists.member(word).unwrap_or_else(|| word.to_vec());
    let mut have: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for word in other.iter().flat_map(|word| lists::parts(word)) {
        *have.entry(role(word)).or_default() += 1;
    }
    let mut only = Vec::new();
    for (word, raw) in words.iter().zip(raw) {
        let parts: Vec<&[u8]> = lists::parts(word).collect();
        let mut raw_parts: Vec<&[u8]> = lists::parts(raw).collect();
        // A time of day with a blank in it became one placeholder.
        if parts.len() != raw_parts.len() {
            raw_parts.clone_from(&parts);
        }
        for (word, raw) in parts.into_iter().zip(raw_parts) {
            match have.get_mut(&role(word)) {
                Some(_) if lists.member(word).is_some() => {}
                Some(count) if *count > 0 => *count -= 1,
                _ => only.push(raw.to_vec()),
            }
        }
    }
    only
}

/// Whether one side has the pattern that a shell leaves as it is when no file matches, and the other has the files.
fn is_unmatched(patterns: &[Vec<u8>], words: &[Vec<u8>]) -> bool {
    let [pattern] = patterns else { return false };
    let Some(star) = pattern.iter().position(|byte| *byte == b'*') else {
        return false;
    };
    let (head, tail) = pattern.split_at(star);
    let tail = tail.rsplit(|byte| *byte == b'*').next().unwrap_or_default();
    !words.is_empty()
        && words
            .iter()
            .all(|word| word.starts_with(head) && word.ends_with(tail))
}

/// Whether words differ by counters alone that files of the runs are called by, too: `build-1841`, `build-1842`.
fn are_counted(joint: &Joint<'_>, old: &[Vec<u8>], new: &[Vec<u8>]) -> bool {
    let number = |word: &[u8]| -> Option<Vec<u8>> {
        let mut runs = word
            .split(|byte| !byte.is_ascii_digit())
            .filter(|run| run.len() >= 3);
        runs.next_back().map(<[u8]>::to_vec)
    };
    let is_counted = |(old, new): (&Vec<u8>, &Vec<u8>)| {
        let form = learn::skeleton(old);
        let (Some(was), Some(is)) = (number(old), number(new)) else {
            return false;
        };
        let has_letters = new.iter().any(u8::is_ascii_alphabetic);
        let is_form = form.is_some() && form == learn::skeleton(new);
        has_letters
            && is_form
            && joint
                .learnt
                .iter()
                .any(|(before, now)| super::contains(before, &was) && super::contains(now, &is))
    };
    !new.is_empty() && old.len() == new.len() && old.iter().zip(new).all(is_counted)
}

/// Numbers of some length are data: an order, an offset, an amount of rows.
fn is_data(text: &[u8]) -> bool {
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    digits >= 4 && digits * 2 >= text.len()
}

fn programs(
    joint: &Joint<'_>,
    role: u32,
    subject: &Role,
    sides: &Sides<'_>,
    out: &mut Vec<Finding>,
) {
    // Recorders differ in what they take for the program: the path that was asked for, or the file behind it.
    let subject_recorder = &joint.runs[joint.subject()].recorder;
    let same_recorder = joint
        .runs
        .iter()
        .all(|run: &&Profile| run.recorder == *subject_recorder);
    if !same_recorder {
        return;
    }
    let known: BTreeSet<&Vec<u8>> = sides
        .roles()
        .flat_map(|role| role.programs.keys())
        .collect();
    if known.is_empty() {
        return;
    }
    for (program, _) in subject
        .programs
        .iter()
        .filter(|(program, _)| !known.contains(program))
    {
        let before = known
            .iter()
            .find(|known| !subject.programs.contains_key(**known))
            .or(known.iter().next())
            .map(|program| (*program).clone())
            .unwrap_or_default();
        out.push(
            Finding::new(FindingKind::Program, 3.4, program)
                .values(before.clone(), program.clone())
                .at(subject.first_ns, first_seq(subject))
                .of(role, None)
                .evidence(say!("command: ", raw_command(subject)))
                .says(say!(
                    who(joint, role),
                    " is another program: ",
                    program,
                    ", before ",
                    before
                )),
        );
    }
}

fn folders(
    joint: &Joint<'_>,
    role: u32,
    subject: &Role,
    sides: &Sides<'_>,
    told: &mut BTreeSet<Vec<u8>>,
    out: &mut Vec<Finding>,
) {
    let known: BTreeSet<Vec<u8>> = sides
        .baselines
        .iter()
        .enumerate()
        .filter_map(|(side, role)| Some((side, (*role)?)))
        .flat_map(|(side, role)| {
            role.folders
                .keys()
                .map(move |folder| joint.renamed(side, folder))
        })
        .collect();
    if known.is_empty() || sides.roles().any(|role| role.folders.is_empty()) {
        return;
    }
    for (folder, raw) in subject
        .folders
        .iter()
        .filter(|(folder, _)| !known.contains(*folder))
    {
        if !told.insert(say!("cwd ", folder)) {
            continue;
        }
        let before = sides
            .first()
            .and_then(|role| role.folders.values().next())
            .cloned()
            .unwrap_or_default();
        out.push(
            Finding::new(FindingKind::WorkingDirectory, 1.6, raw)
                .values(before.clone(), raw.clone())
                .at(subject.first_ns, first_seq(subject))
                .of(role, None)
                .says(say!(
                    who(joint, role),
                    " ran in ",
                    raw,
                    ", before in ",
                    before
                )),
        );
    }
}
