//! Differences of what processes did to files, folders, connections.

use unspool_model::event::Errno;

use super::contents::{self, Touched};
use super::families::Families;
use super::finding::{Finding, FindingKind};
use super::phrases::{say, size, times, who};
use super::processes::{is_copy, is_gone, is_new};
use super::profile::{ExitKey, Failures, Group, Key, KeyKind, Role, Use};
use super::refusals::{is_folder_there, is_start};
use super::words::{amounts_text, errno_words, failure_text, is_said, plain_address, verb};
use super::{Joint, is_cache, is_system, pauses, weight_of};

/// Ordinary answers that are no failure: try again, in progress, no child, no terminal, restarts, already connected.
const ORDINARY: [u16; 17] = [
    4, 10, 11, 22, 25, 29, 34, 61, 95, 106, 114, 115, 512, 513, 514, 516, 517,
];
/// Errors that are always worth a look: permissions, space, limits, I/O, connections.
pub(super) const HARD: [u16; 23] = [
    1, 5, 7, 8, 12, 13, 20, 21, 23, 24, 26, 27, 28, 30, 40, 99, 101, 104, 110, 111, 112, 113, 122,
];
const EAGAIN: Errno = Errno(11);
const EBADF: Errno = Errno(9);
const EXDEV: Errno = Errno(18);
const SIGPIPE: u32 = 13;
/// Weight of an input that the whole run was given and is not any more; what is open before a run weighs a third.
const GIVEN: f64 = 9.5;
/// All differences of resources.
pub(super) fn find(joint: &Joint<'_>, out: &mut Vec<Finding>) {
    let families = Families::new(joint);
    families.find(joint, out);
    let touched = Touched::new(joint);
    let compared = compared_baselines(joint);
    let mut with_role: Vec<Option<&Use>> = Vec::new();
    for ((role, key), sides) in &joint.uses {
        let Some((subject, baselines)) = sides.split_last() else {
            continue;
        };
        let compared = compared.get(*role as usize).into_iter().flatten();
        with_role.clear();
        with_role.extend(compared.filter_map(|side| baselines.get(*side)));
        if with_role.is_empty() {
            continue;
        }
        let place = Place {
            joint,
            role: *role,
            key: *key,
            touched: &touched,
            baselines,
        };
        let present = with_role.iter().flatten().count();
        let family = families.of(*role, *key);
        match subject {
            Some(used) => {
                place.errors(used, out);
                if family.is_some_and(|family| family.is_usual(used)) {
                    continue;
                }
                if let Some(family) = family.filter(|family| family.is_cut(used)) {
                    out.push(super::short::of_family(&place, used, family.smallest()));
                    continue;
                }
                if present == 0 || place.is_found(used) {
                    place.new_use(used, out);
                } else {
                    place.amounts(used, &with_role, out);
                }
            }
            None if present == with_role.len() && family.is_none() => place.gone_use(out),
            None => {}
        }
    }
}

/// By role, the baselines whose uses are compared with those of the subject; none where nothing is compared.
fn compared_baselines(joint: &Joint<'_>) -> Vec<Vec<usize>> {
    let compared = |role: u32| {
        // What a new process does is part of its being new; a copy does what its maker would have done.
        let parent = joint.roles.get(role as usize).and_then(|role| role.parent);
        let is_part_of_new =
            parent.is_some_and(|parent| is_new(joint, parent) && !is_copy(joint, parent));
        let copy = is_copy(joint, role) && !is_part_of_new;
        if (is_new(joint, role) || is_gone(joint, role)) && !copy
            || joint.role_of(role, joint.subject()).is_none()
        {
            return Vec::new();
        }
        // A role that some baselines lack says nothing there.
        let with_role: Vec<usize> = (0..joint.subject())
            .filter(|side| joint.role_of(role, *side).is_some())
            .collect();
        if with_role.is_empty() && copy {
            return (0..joint.subject()).collect();
        }
        with_role
    };
    let roles = 0..u32::try_from(joint.roles.len()).unwrap_or(u32::MAX);
    roles.map(compared).collect()
}

/// How far `now` is outside of what was before: the natural logarithm of the ratio, beyond `slack` and twice the
/// baselines' own spread; and the usual value.
pub(super) fn beyond(now: u64, before: &[u64], slack: f64) -> Option<(f64, u64)> {
    let mut sorted = before.to_vec();
    sorted.sort_unstable();
    let usual = *sorted.get(sorted.len() / 2)?;
    let (least, most) = (*sorted.first()?, *sorted.last()?);
    #[expect(clippy::cast_precision_loss, reason = "ratios need no exactness")]
    let ln = |one: u64, other: u64| ((one as f64 + 1.0) / (other as f64 + 1.0)).ln();
    let spread = ln(most, least);
    let ratio = ln(now, usual);
    let over = ratio.abs() - slack.max(2.0 * spread);
    (over > 0.0).then_some((ratio.signum() * over, usual))
}

/// One role and one resource in all runs.
pub(super) struct Place<'a, 'p> {
    pub(super) joint: &'a Joint<'p>,
    pub(super) role: u32,
    pub(super) key: u32,
    touched: &'a Touched,
    pub(super) baselines: &'a [Option<&'p Use>],
}

impl<'p> Place<'_, 'p> {
    pub(super) fn kind(&self) -> KeyKind {
        self.joint
            .keys
            .get(self.key as usize)
            .map_or(KeyKind::Call, |key| key.kind)
    }

    fn any(&self) -> Option<&'p Key> {
        self.joint.any_key(self.key)
    }

    /// The name in full, as the subject has it.
    pub(super) fn name(&self) -> Vec<u8> {
        let Some(key) = self.any() else {
            return Vec::new();
        };
        match key.kind {
            KeyKind::Peer | KeyKind::Listener => plain_address(&key.name, &key.raw, key.kind),
            KeyKind::Call => key.name.clone(),
            _ => key.raw.clone(),
        }
    }

    /// Whether it was there: the end of a local socket that is only made and closed was not.
    pub(super) fn is_reached(&self, used: &Use) -> bool {
        let spoke = || {
            used.count(Group::Connect) > 0 || used.bytes_read.saturating_add(used.bytes_written) > 0
        };
        used.effective() > 0 && (self.kind() != KeyKind::LocalSocket || spoke())
    }

    /// When the role ended in the subject.
    pub(super) fn end_ns(&self) -> i64 {
        let subject = self.joint.subject();
        self.joint
            .role_of(self.role, subject)
            .map_or(self.joint.runs[subject].end_ns, |role| role.last_ns)
    }

    /// Until when something may have kept the role from what it does not do: where there are fewer processes than before,
    /// until the end of the one that starts them.
    pub(super) fn missing_until_ns(&self) -> i64 {
        let joint = self.joint;
        let instances = |side| {
            joint
                .role_of(self.role, side)
                .map_or(0, |role| role.instances)
        };
        let before = (0..joint.subject()).map(instances).min().unwrap_or(0);
        let parent = joint
            .roles
            .get(self.role as usize)
            .and_then(|role| role.parent);
        let end_ns = self.end_ns();
        match parent.and_then(|parent| joint.role_of(parent, joint.subject())) {
            Some(parent) if instances(joint.subject()) < before => end_ns.max(parent.last_ns),
            _ => end_ns,
        }
    }

    fn is_network(&self) -> bool {
        matches!(self.kind(), KeyKind::Peer | KeyKind::Listener)
    }

    /// Uses by the same role, in the baselines that have one.
    pub(super) fn before(&self) -> impl Iterator<Item = &'p Use> + '_ {
        self.baselines.iter().flatten().copied()
    }

    /// Whether a baseline used it in any role, with success.
    pub(super) fn used_before_by_any(&self) -> bool {
        self.joint.uses.of_key(self.key).any(|sides| {
            let mut before = sides.iter().take(self.joint.subject()).flatten();
            before.any(|used| self.is_reached(used))
        })
    }

    fn errors(&self, used: &Use, out: &mut Vec<Finding>) {
        for failures in &used.errors {
            let known = self.before().any(|before| {
                before
                    .errors
                    .iter()
                    .any(|other| other.errno == failures.errno && other.group == failures.group)
            });
            if known {
                self.more_errors(failures, out);
                continue;
            }
            let worked = self.before().any(|before| before.effective() > 0);
            if !worked
                && self
                    .joint
                    .turnover()
                    .fails(self.joint, self.role, self.key, failures)
            {
                continue;
            }
            // Whoever closes all that may be open closes what is not.
            if failures.errno == EBADF && failures.call.starts_with("close") {
                continue;
            }
            if is_folder_there(failures) && !super::peers::has_failed(self.joint, self.role) {
                continue;
            }
            let lock =
                failures.errno == EAGAIN && matches!(failures.call, "fcntl" | "flock" | "fcntl64");
            if lock {
                out.push(self.lock(failures));
            } else if is_start(failures.call) && matches!(failures.errno.0, 11 | 12) {
                out.push(self.no_process(failures));
            } else if failures.errno == Errno::ENOENT {
                self.missing(used, failures, out);
            } else if !ORDINARY.contains(&failures.errno.0) && failures.call != "futex" {
                out.push(self.error(failures));
            }
        }
    }

    fn more_errors(&self, failures: &Failures, out: &mut Vec<Finding>) {
        let ordinary = ORDINARY.contains(&failures.errno.0) || failures.errno == Errno::ENOENT;
        let before: Vec<u64> = self
            .baselines
            .iter()
            .map(|used| {
                used.map_or(0, |used| {
                    used.errors
                        .iter()
                        .filter(|other| {
                            other.errno == failures.errno && other.group == failures.group
                        })
                        .map(|other| other.count)
                        .sum()
                })
            })
            .collect();
        let Some((ratio, usual)) = beyond(failures.count, &before, 0.7) else {
            return;
        };
        if ratio < 0.0 || ordinary || failures.call == "futex" {
            return;
        }
        let name = self.name();
        out.push(
            Finding::new(FindingKind::Retry, (1.2 + ratio).min(3.0), &name)
                .values(times(usual), times(failures.count))
                .at(failures.first_ns, Some(failures.first_seq))
                .of(self.role, Some(self.key))
                .evidence(failure_text(failures, &name))
                .says(say!(
                    who(self.joint, self.role),
                    format!(
                        " failed {} with {} on ",
                        times(failures.count),
                        errno_words(failures.errno)
                    ),
                    name,
                    format!(", before {}", times(usual))
                )),
        );
    }

    fn error(&self, failures: &Failures) -> Finding {
        let name = self.name();
        let worked = self.before().any(|before| {
            before.count(failures.group) > 0
                || failures.group == Group::Other && before.effective() > 0
        });
        let hard = HARD.contains(&failures.errno.0);
        let mut score: f64 = match (hard, worked) {
            (true, true) => 3.8,
            (true, false) => 3.5,
            (false, true) => 2.6,
            (false, false) => 1.8,
        };
        // Who ends well has another way: copies in pieces what lies on another disk.
        if failures.errno == EXDEV && !super::peers::has_failed(self.joint, self.role) {
            score *= 0.5;
        }
        if self.is_network() {
            score *= 1.25;
        }
        let kind = if self.is_network() {
            FindingKind::ConnectionError
        } else {
            FindingKind::Error
        };
        let subject = if self.kind() == KeyKind::Call {
            say!("call ", name)
        } else {
            name.clone()
        };
        let weight = match self.kind() {
            KeyKind::Pipe => 0.5,
            _ if name.starts_with(b"/proc/") || name.starts_with(b"/sys/") => 0.5,
            _ => 1.0,
        };
        Finding::new(kind, score * weight, &subject)
            .values(
                if worked { "worked" } else { "no such failure" },
                format!(
                    "{} ({})",
                    errno_words(failures.errno),
                    times(failures.count)
                ),
            )
            .at(failures.first_ns, Some(failures.first_seq))
            .of(self.role, Some(self.key))
            .evidence(failure_text(failures, &name))
            .says(say!(
                who(self.joint, self.role),
                " could not ",
                verb(failures),
                " ",
                if self.kind() == KeyKind::Call {
                    &b""[..]
                } else {
                    &name
                },
                format!(": {}", errno_words(failures.errno)),
                if worked { ", before it could" } else { "" }
            ))
    }

    /// Whether it is there now and was looked for in vain in all baselines that looked for it.
    fn is_found(&self, used: &Use) -> bool {
        let in_vain = |used: &Use| {
            used.effective() == 0
                && used
                    .errors
                    .iter()
                    .any(|failures| failures.errno == Errno::ENOENT)
        };
        // A name that is made up at random is not looked for.
        let is_random = self
            .joint
            .keys
            .get(self.key as usize)
            .is_some_and(|key| super::contains(&key.name, b"<TMP>"));
        self.kind() == KeyKind::File
            && !is_random
            && used.effective() > 0
            && self.before().next().is_some()
            && self.before().all(in_vain)
    }

    /// Whether it is an address of a pool: it comes and goes.
    fn is_of_pool(&self) -> bool {
        let key = self.joint.keys.get(self.key as usize);
        key.is_some_and(|key| key.kind == KeyKind::Peer && self.joint.pools.holds(&key.name))
    }

    /// Whether the reader of what the role says was done with it in all runs: how far it came by then is chance.
    fn is_cut_off(&self) -> bool {
        let is_killed = |role: &Role| role.exits.keys().eq([&ExitKey::Signal(SIGPIPE)]);
        matches!(self.kind(), KeyKind::File | KeyKind::Folder)
            && (0..self.joint.runs.len())
                .filter_map(|side| self.joint.role_of(self.role, side))
                .all(is_killed)
    }

    /// What a new use is called, how much it weighs, and the words for it.
    fn new_kind(&self, used: &Use, name: &[u8]) -> Option<(FindingKind, f64, &'static str)> {
        Some(match self.kind() {
            KeyKind::Peer if used.bytes_read == 0 && name.ends_with(b":53") => (
                FindingKind::ConnectionError,
                3.8,
                " asked for a name, as it did not before, and got no answer from ",
            ),
            KeyKind::Peer => (
                FindingKind::ConnectionNew,
                3.4,
                " connected to a place that it did not connect to before: ",
            ),
            KeyKind::Listener => (
                FindingKind::ConnectionNew,
                2.6,
                " listens where it did not before: ",
            ),
            KeyKind::File if used.count(Group::Execute) > 0 => return None,
            KeyKind::File => {
                let only_asked = used.effective() == used.count(Group::Query);
                let is_found = self.is_found(used);
                let base = match (only_asked, is_found) {
                    (true, false) => 1.4,
                    // Whether there is a file of that name is what was asked.
                    (true, true) => 2.4,
                    (false, _) => 3.0,
                };
                (
                    FindingKind::FileNew,
                    base,
                    if is_found {
                        " found a file that was not there before: "
                    } else if only_asked {
                        " asked for a file that it did not ask for before: "
                    } else if used.bytes_written > 0 {
                        " wrote a file that it did not write before: "
                    } else {
                        " used a file that it did not use before: "
                    },
                )
            }
            KeyKind::Folder => (
                FindingKind::FileNew,
                1.2,
                " used a folder that it did not use before: ",
            ),
            KeyKind::Device => (
                FindingKind::FileNew,
                1.2,
                " used a device that it did not use before: ",
            ),
            KeyKind::LocalSocket if name.starts_with(b"/") || name.starts_with(b"@") => (
                FindingKind::ConnectionNew,
                2.0,
                " connected to a socket that it did not use before: ",
            ),
            KeyKind::LocalSocket | KeyKind::Pipe | KeyKind::Anonymous | KeyKind::Call => {
                return None;
            }
        })
    }

    fn new_use(&self, used: &Use, out: &mut Vec<Finding>) {
        if !self.is_reached(used) || self.is_of_pool() || self.is_cut_off() {
            return;
        }
        let name = self.name();
        let elsewhere = self.used_before_by_any();
        let Some((kind, base, words)) = self.new_kind(used, &name) else {
            return;
        };
        let is_of_day = self.joint.is_of_family(self.key)
            || self.joint.is_nightly(self.key, used)
            || self.joint.turnover().holds(self.joint, self.role, self.key);
        let score = if elsewhere || is_of_day {
            base * 0.38
        } else {
            base
        };
        let score = if is_said(&name) { score * 0.6 } else { score };
        let weight = if self.is_found(used) && !is_system(&name) && !is_cache(&name) {
            1.0
        } else {
            weight_of(self.joint, self.key)
        };
        out.push(
            Finding::new(kind, score * weight, &name)
                .values(
                    if self.is_found(used) {
                        "not there"
                    } else {
                        "not used"
                    },
                    amounts_text(used),
                )
                .at(used.first_ns, Some(used.first_seq))
                .of(self.role, Some(self.key))
                .says(say!(who(self.joint, self.role), words, name)),
        );
    }

    /// Whether it is an input that was open before the run began.
    fn is_given(&self, used: &Use) -> bool {
        let is_named = |side: usize| {
            self.joint
                .key_of(self.key, side)
                .is_some_and(|key| key.named)
        };
        used.bytes_read > 0 && !(0..self.joint.runs.len()).any(is_named)
    }

    fn gone_use(&self, out: &mut Vec<Finding>) {
        let Some(before) = self.before().next() else {
            return;
        };
        if !self.is_reached(before) || self.is_of_pool() || self.is_cut_off() {
            return;
        }
        let name = self.name();
        let (kind, score, words) = match self.kind() {
            KeyKind::Peer => (FindingKind::ConnectionGone, 2.6, " did not connect to "),
            KeyKind::Listener => (FindingKind::ConnectionGone, 2.0, " did not listen at "),
            KeyKind::File if before.count(Group::Execute) > 0 => return,
            KeyKind::File if before.effective() == before.count(Group::Query) => {
                (FindingKind::FileGone, 0.9, " did not ask for ")
            }
            KeyKind::File if before.bytes_written > 0 => {
                (FindingKind::FileGone, 2.3, " did not write ")
            }
            // What libraries look up is a matter of what they were asked.
            KeyKind::File if is_system(&name) => (FindingKind::FileGone, 1.3, " did not use "),
            KeyKind::File if self.is_given(before) => {
                (FindingKind::FileGone, GIVEN, " was not given ")
            }
            KeyKind::File => (FindingKind::FileGone, 2.2, " did not use "),
            KeyKind::Folder => (FindingKind::FileGone, 0.9, " did not use "),
            KeyKind::LocalSocket if name.starts_with(b"/") || name.starts_with(b"@") => {
                (FindingKind::ConnectionGone, 1.6, " did not connect to ")
            }
            KeyKind::Device
            | KeyKind::LocalSocket
            | KeyKind::Pipe
            | KeyKind::Anonymous
            | KeyKind::Call => return,
        };
        let joint = self.joint;
        let subject = joint.runs[joint.subject()];
        let guess = subject.start_ns + (before.first_ns - joint.runs[0].start_ns);
        let at_ns = joint
            .role_of(self.role, joint.subject())
            .map_or(guess, |role| guess.min(role.last_ns));
        out.push(
            Finding::new(
                kind,
                score
                    * weight_of(joint, self.key)
                    * if joint.is_of_family(self.key) || joint.is_nightly(self.key, before) {
                        0.45
                    } else {
                        1.0
                    },
                &name,
            )
            .values(amounts_text(before), "not used")
            .at(at_ns, None)
            .until(self.missing_until_ns())
            .of(self.role, Some(self.key))
            .says(say!(
                who(joint, self.role),
                words,
                name,
                ", as it did before"
            )),
        );
    }

    fn amounts(&self, used: &Use, baselines: &[Option<&Use>], out: &mut Vec<Finding>) {
        if matches!(self.kind(), KeyKind::Call | KeyKind::Anonymous) {
            return;
        }
        if contents::find(self, used, baselines, self.touched, out)
            || self.unanswered(used, baselines, out)
            || super::peers::find(self, used, baselines, out)
        {
            return;
        }
        let amounts = |used: &Use| (used.bytes_read, used.bytes_written, pauses::connects(used));
        let now = amounts(used);
        if baselines
            .iter()
            .all(|used| used.is_some_and(|used| amounts(used) == now))
        {
            return;
        }
        let series = |get: fn(&Use) -> u64| -> Vec<u64> {
            baselines.iter().map(|used| used.map_or(0, get)).collect()
        };
        let read = series(|used| used.bytes_read);
        let written = series(|used| used.bytes_written);
        self.amount(used, "read", used.bytes_read, &read, 1.0, out);
        self.amount(used, "wrote", used.bytes_written, &written, 0.9, out);
        let connects = series(pauses::connects);
        if self.is_network() {
            self.connects(used, &connects, out);
        }
    }

    /// A connection over which nothing came or went any more: nobody was there, or nobody answered.
    fn unanswered(&self, used: &Use, baselines: &[Option<&Use>], out: &mut Vec<Finding>) -> bool {
        let silent = |used: &Use| used.bytes_read == 0;
        let tried = used.count(Group::Connect) > 0
            || used
                .errors
                .iter()
                .any(|failures| failures.group == Group::Connect);
        if self.kind() != KeyKind::Peer
            || !silent(used)
            || !tried
            || baselines.iter().flatten().any(|used| silent(used))
        {
            return false;
        }
        if out.iter().any(|found| {
            found.kind == FindingKind::ConnectionError
                && found.key == Some(self.key)
                && found.role == Some(self.role)
        }) {
            return true;
        }
        let name = self.name();
        let (after, words) = if used.bytes_written == 0 {
            ("no connection", " got no connection to ")
        } else {
            ("no answer", " got no answer from ")
        };
        let before = baselines
            .iter()
            .flatten()
            .map(|used| used.bytes_read)
            .max()
            .unwrap_or(0);
        out.push(
            Finding::new(FindingKind::ConnectionError, 4.2, &name)
                .values(format!("{} read", size(before)), after)
                .at(used.first_ns, Some(used.first_seq))
                .of(self.role, Some(self.key))
                .says(say!(
                    who(self.joint, self.role),
                    words,
                    name,
                    format!(", before it read {}", size(before))
                )),
        );
        true
    }

    /// Whether each process did as much as before: only their number is another one, which is told by itself.
    fn is_by_count(&self, now: u64, before: &[u64], slack: f64) -> bool {
        let joint = self.joint;
        let instances = |side: usize| {
            joint
                .role_of(self.role, side)
                .map(|role| role.instances.max(1))
        };
        let counts: Vec<u64> = (0..joint.subject()).filter_map(instances).collect();
        let Some(today) = instances(joint.subject()) else {
            return false;
        };
        if counts.len() != before.len() || counts.contains(&today) {
            return false;
        }
        let each: Vec<u64> = before
            .iter()
            .zip(&counts)
            .map(|(amount, count)| amount / count)
            .collect();
        beyond(now / today, &each, slack).is_none()
    }

    fn amount(
        &self,
        used: &Use,
        verb: &str,
        now: u64,
        before: &[u64],
        weight: f64,
        out: &mut Vec<Finding>,
    ) {
        // Three runs show how much an amount varies by itself; one does not.
        let slack = if before.len() >= 3 { 0.45 } else { 0.75 };
        let Some((ratio, usual)) = beyond(now, before, slack) else {
            return;
        };
        // The length of a file that is read whole is exact, however short it is.
        let is_exact = self.any().is_some_and(|key| key.content.is_some());
        if now.abs_diff(usual) < 64 && now > 0 && !is_exact || self.is_by_count(now, before, slack)
        {
            return;
        }
        let emptied = now == 0 && used.effective() > 0;
        let mut score = (0.9 + weight * ratio.abs()).min(2.8);
        if emptied {
            score = 2.9;
        }
        score *= match self.kind() {
            _ if verb == "read" && self.is_read_as_often(used) => 0.5,
            KeyKind::Pipe | KeyKind::LocalSocket => 0.6,
            KeyKind::Device => 0.6,
            _ if verb == "wrote" && is_said(&self.name()) => 0.5,
            // What is made from the input follows it.
            _ if verb == "wrote" => 0.85,
            _ if self.joint.is_of_family(self.key) => 0.75,
            _ if self.any().is_some_and(|key| key.created) => 0.8,
            _ => 1.0,
        };
        let name = self.name();
        let kind = if ratio > 0.0 {
            FindingKind::More
        } else {
            FindingKind::Less
        };
        let preposition = match (verb, self.kind()) {
            ("read", _) => " from ",
            _ => " to ",
        };
        let say_now = if now == 0 {
            "nothing".to_owned()
        } else {
            size(now)
        };
        // Where fewer processes run, nobody knows which of them would have come to it.
        let is_own = self.before().any(|before| before.bytes_written > 0);
        let (at_ns, seq) = if emptied && is_own && self.missing_until_ns() > self.end_ns() {
            score = score.min(1.0);
            (self.end_ns(), None)
        } else {
            (used.first_ns, Some(used.first_seq))
        };
        let mut finding = Finding::new(kind, score * weight_of(self.joint, self.key), &name)
            .values(size(usual), size(now))
            .at(at_ns, seq)
            .until(self.end_ns())
            .of(self.role, Some(self.key))
            .says(say!(
                who(self.joint, self.role),
                format!(" {verb} {say_now}{preposition}"),
                name,
                format!(", before {}", size(usual))
            ));
        finding.gives = Some(verb == "wrote");
        #[expect(clippy::cast_precision_loss, reason = "ratios need no exactness")]
        let times = now as f64 / usual.max(1) as f64;
        finding.times = Some(times);
        out.push(finding);
    }

    /// Whether it is a file that is as long as before and was read whole each time, only not as often.
    fn is_read_as_often(&self, used: &Use) -> bool {
        let length = |side: usize| {
            let key = self.joint.key_of(self.key, side)?;
            key.content.as_deref().map(|content| content.size_bytes)
        };
        let Some(size_bytes) = length(self.joint.subject()).filter(|size| *size > 0) else {
            return false;
        };
        let is_whole = |used: &Use| used.bytes_read.is_multiple_of(size_bytes);
        used.bytes_read > 0
            && is_whole(used)
            && self.before().all(is_whole)
            && (0..self.joint.subject())
                .filter_map(length)
                .all(|size| size == size_bytes)
    }

    fn connects(&self, used: &Use, before: &[u64], out: &mut Vec<Finding>) {
        let now = pauses::connects(used);
        // Who connects once each time and now twice is sent elsewhere, or tries again.
        let is_single = now == 2 && before.iter().all(|count| *count == 1);
        let found = beyond(now, before, 0.6)
            .or_else(|| is_single.then_some((if before.len() >= 3 { 0.4 } else { -0.1 }, 1)));
        let Some((ratio, usual)) = found else {
            return;
        };
        // With fewer that were only begun there was less to do.
        if ratio < 0.0 && now > used.count(Group::Connect) {
            return;
        }
        let name = self.name();
        let (kind, weight) = match (is_single, ratio > 0.0) {
            (true, _) => (FindingKind::Retry, 1.2 + ratio),
            (_, true) => (FindingKind::Retry, 1.2 + ratio),
            (_, false) => (FindingKind::Less, 1.2 - ratio),
        };
        out.push(
            Finding::new(kind, weight.min(3.2), &name)
                .values(times(usual), times(now))
                .at(used.first_ns, Some(used.first_seq))
                .of(self.role, Some(self.key))
                .says(say!(
                    who(self.joint, self.role),
                    format!(" connected {} to ", times(now)),
                    name,
                    format!(", before {}", times(usual))
                )),
        );
    }
}
