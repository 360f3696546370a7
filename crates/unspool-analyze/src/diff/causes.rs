//! Which difference explains which: along the links between processes, in the order of time.

use std::collections::{BTreeMap, BTreeSet};

use super::Joint;
use super::finding::{Finding, FindingKind};
use super::phrases::{say, who};
use super::profile::{Group, KeyKind};
use super::reach::{Reach, below, moved, readers};
use super::roles::{base, folder};

/// What is needed to say whether one finding explains another.
struct Judge<'a, 'p> {
    joint: &'a Joint<'p>,
    reach: Reach,
    makers: BTreeMap<u32, BTreeSet<u32>>,
    /// Roles that read a file in which there is less, by its key.
    readers: BTreeMap<u32, BTreeSet<u32>>,
    /// How many files of a folder are new or gone.
    moved: BTreeMap<Vec<u8>, usize>,
    /// Roles that ended otherwise than before.
    aborted: BTreeSet<u32>,
    /// Times this near to each other have no order.
    slack_ns: i64,
}

/// Says of each finding which other one explains it.
pub(super) fn causes(joint: &Joint<'_>, findings: &mut [Finding]) {
    let subject = joint.runs[joint.subject()];
    for place in last_errors(joint, findings) {
        let score = &mut findings[place].score;
        *score = score.max(LAST_ERROR);
    }
    let mut judge = Judge {
        joint,
        reach: Reach::new(joint),
        makers: makers(joint),
        readers: readers(joint, findings),
        moved: moved(findings),
        aborted: findings
            .iter()
            .filter(|finding| matches!(finding.kind, FindingKind::ExitStatus | FindingKind::Signal))
            .filter_map(|finding| finding.role)
            .collect(),
        slack_ns: subject.duration_ns() / 1000,
    };
    let mut explained: Vec<Option<usize>> = (0..findings.len())
        .map(|effect| {
            (0..findings.len())
                .filter(|cause| *cause != effect)
                .filter(|cause| {
                    let (one, other) = (&findings[*cause], &findings[effect]);
                    // Where each could explain the other, the earlier one does.
                    judge.explains(one, other)
                        && (!judge.explains(other, one)
                            || judge.place(one, *cause) < judge.place(other, effect))
                })
                .max_by(|one, other| {
                    findings[*one]
                        .score
                        .total_cmp(&findings[*other].score)
                        .then(other.cmp(one))
                })
        })
        .collect();
    open_rings(&mut explained, |place| judge.place(&findings[place], place));
    let roots: Vec<Option<usize>> = (0..findings.len())
        .map(|effect| root(&explained, effect))
        .collect();
    // A pause is as long as what it waits for is late: its cause matters as much.
    for effect in 0..findings.len() {
        if let Some(cause) = explained[effect]
            && (judge.is_pause(&findings[cause], &findings[effect])
                || judge.is_named_after(&findings[effect], &findings[cause]))
        {
            findings[cause].score = findings[cause].score.max(findings[effect].score);
        }
    }
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
            if judge.is_broken_off(&findings[cause], &findings[place]) {
                let name = findings[place].subject.clone();
                findings[place].after = b"asked nothing".to_vec();
                findings[place].sentence = say!(
                    who(joint, findings[place].role.unwrap_or(u32::MAX)),
                    " asked nothing of ",
                    name,
                    ", before it read from there"
                );
            }
            findings[place].score = (findings[place].score * 0.45).min(most);
        }
    }
}

/// Where differences explain each other in a ring, the first of them is the cause.
fn open_rings<K: Ord>(explained: &mut [Option<usize>], order: impl Fn(usize) -> K) {
    let mut done = vec![false; explained.len()];
    for start in 0..explained.len() {
        let mut path = Vec::new();
        let mut next = Some(start);
        while let Some(place) = next.filter(|place| !done[*place]) {
            done[place] = true;
            path.push(place);
            next = explained[place];
        }
        let ring = next.and_then(|place| path.iter().position(|other| *other == place));
        let first = ring
            .and_then(|at| path.get(at..))
            .and_then(|ring| ring.iter().copied().min_by_key(|place| order(*place)));
        if let Some(first) = first {
            explained[first] = None;
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

/// Roles that failed as they did not before, with the last error of the job's own that they met.
fn last_errors(joint: &Joint<'_>, findings: &[Finding]) -> Vec<usize> {
    let failed: BTreeSet<u32> = findings
        .iter()
        .filter(|finding| matches!(finding.kind, FindingKind::ExitStatus | FindingKind::Signal))
        .filter_map(|finding| finding.role)
        .collect();
    let mut last: BTreeMap<u32, usize> = BTreeMap::new();
    for (place, finding) in findings.iter().enumerate() {
        let is_error = matches!(finding.kind, FindingKind::FileMissing | FindingKind::Error);
        let of_job = !super::is_system(&finding.subject)
            && !super::is_cache(&finding.subject)
            && finding
                .key
                .is_some_and(|key| super::weight_of(joint, key) >= 1.0);
        let Some(role) = finding.role.filter(|role| failed.contains(role)) else {
            continue;
        };
        if !is_error || !of_job || finding.score < LAST_ERROR_MIN {
            continue;
        }
        let is_later = last
            .get(&role)
            .and_then(|other| findings.get(*other))
            .is_none_or(|other| other.at_ns <= finding.at_ns);
        if is_later {
            last.insert(role, place);
        }
    }
    last.into_values().collect()
}

/// Least that an error weighs by itself to be what a process failed of, and what it weighs then.
const LAST_ERROR_MIN: f64 = 1.0;
const LAST_ERROR: f64 = 3.4;

impl Judge<'_, '_> {
    /// Where each of two differences could explain the other, what comes in explains what goes out; then time decides.
    fn place(&self, finding: &Finding, place: usize) -> (bool, i64, usize) {
        (self.is_output(finding), finding.at_ns, place)
    }

    fn is_of_peer(&self, finding: &Finding) -> bool {
        self.joint.kind_of(finding) == Some(KeyKind::Peer)
    }

    /// Whether the file of a finding is the script that a role runs.
    fn is_script_of(&self, role: u32, finding: &Finding) -> bool {
        let role = self.joint.any_role(role);
        role.is_some_and(|role| role.label == base(&finding.subject))
    }

    /// Whether it is an amount that the role gives, not one that it takes.
    fn is_output(&self, finding: &Finding) -> bool {
        let amount = matches!(
            finding.kind,
            FindingKind::More | FindingKind::Less | FindingKind::FileGone | FindingKind::FileNew
        );
        let (Some(role), Some(key)) = (finding.role, finding.key) else {
            // The part of its input that a filter lets through.
            return amount && finding.role.is_some();
        };
        if !amount {
            return false;
        }
        if finding.gives == Some(true) || self.is_of_peer(finding) {
            return finding.gives == Some(true);
        }
        if self.joint.kind_of(finding) == Some(KeyKind::Listener) {
            return true;
        }
        let sides = self.joint.uses.get(&(role, key));
        let is_kept = (0..self.joint.runs.len())
            .filter_map(|side| self.joint.key_of(key, side))
            .any(|key| key.kind == KeyKind::File && key.created);
        let writes = |used: &super::profile::Use| used.bytes_written > 0;
        if is_kept
            && sides
                .into_iter()
                .flatten()
                .flatten()
                .any(|used| writes(used))
        {
            return true;
        }
        let sum = |bytes: fn(&super::profile::Use) -> u64| -> u64 {
            sides
                .into_iter()
                .flatten()
                .flatten()
                .map(|used| bytes(used))
                .sum()
        };
        sum(|used| used.bytes_written) > sum(|used| used.bytes_read)
    }

    /// Whether the cause is that the same peer or program was asked again and the effect that the role slept in between.
    fn is_pause(&self, cause: &Finding, effect: &Finding) -> bool {
        let kind = self.joint.kind_of(cause);
        let again = matches!(
            cause.kind,
            FindingKind::More
                | FindingKind::Retry
                | FindingKind::Error
                | FindingKind::ConnectionError
        ) || cause.kind == FindingKind::Less
            && super::pauses::are_new(self.joint, cause);
        again
            && cause.role == effect.role
            && effect.kind == FindingKind::Slower
            && effect.subject == b"sleep"
            && (kind == Some(KeyKind::Peer)
                || cause.kind == FindingKind::Error && kind == Some(KeyKind::File))
    }

    /// Whether nothing was asked of another end because the role failed of something else after it had connected: who is
    /// not let in does not go on.
    fn is_broken_off(&self, cause: &Finding, effect: &Finding) -> bool {
        effect.kind == FindingKind::ConnectionError
            && (effect.after == b"no connection" || effect.after == b"no answer")
            && cause.role == effect.role
            && (matches!(cause.kind, FindingKind::Error | FindingKind::FileMissing)
                && cause.score >= 2.5
                || self.is_input_less(cause))
            && cause.at_ns > effect.at_ns + self.slack_ns
            && !super::is_system(&cause.subject)
    }

    /// Whether it is a file of the job that no run writes.
    fn is_input(&self, finding: &Finding) -> bool {
        let Some(key) = finding.key else { return false };
        self.joint
            .keys
            .get(key as usize)
            .is_some_and(|key| matches!(key.kind, KeyKind::File | KeyKind::Folder))
            && (0..self.joint.runs.len())
                .filter_map(|side| self.joint.key_of(key, side))
                .all(|key| !key.created && !key.modified)
    }

    /// Whether an input is shorter than before.
    fn is_input_less(&self, finding: &Finding) -> bool {
        let is_file = self.joint.kind_of(finding) == Some(KeyKind::File);
        is_file
            && (finding.kind == FindingKind::Content
                || finding.kind == FindingKind::Less && !self.is_output(finding))
            && finding.score >= 1.6
    }

    /// Whether a lookup fails because the file that says what to look for, or that holds it, is another one.
    fn is_read_in_vain(&self, cause: &Finding, effect: &Finding) -> bool {
        let is_lookup = matches!(effect.kind, FindingKind::FileMissing | FindingKind::Error)
            && effect.before != b"there"
            && effect.before != b"worked";
        is_lookup
            && cause.role == effect.role
            && cause.at_ns <= effect.at_ns
            && self.is_input_less(cause)
            && self
                .joint
                .any_role(cause.role.unwrap_or(u32::MAX))
                .is_some_and(|role| {
                    // A script that is another one is told by what it does.
                    role.label != base(&cause.subject)
                })
    }

    /// Whether it is an input with a name of its own, the only one of its folder that is new or gone.
    fn is_strange(&self, cause: &Finding) -> bool {
        let key = cause.key.and_then(|key| self.joint.keys.get(key as usize));
        let is_named = key.is_some_and(|key| !base(&key.name).contains(&b'<'));
        is_named && self.is_input(cause) && self.moved.get(folder(&cause.subject)) == Some(&1)
    }

    /// Whether it is an argument that a process above may have read in a file of settings, which is another one.
    fn is_set(&self, cause: &Finding, effect: &Finding, from: u32, to: u32) -> bool {
        cause.kind == FindingKind::Content
            && effect.kind == FindingKind::Argument
            && cause.score >= 1.6
            && !cause.is_soft
            && cause.at_ns <= effect.at_ns
            && super::is_stable(&cause.subject)
            && below(self.joint, to, from)
            && !self.is_script_of(from, cause)
    }

    /// Whether an output that is gone has the name of an input that is another one: `slips-yard.txt` of `yard.csv`.
    fn is_named_after(&self, output: &Finding, input: &Finding) -> bool {
        use FindingKind as Kind;
        let stem = super::words::stem(&input.subject);
        matches!(
            input.kind,
            Kind::More | Kind::Less | Kind::Content | Kind::FileMissing
        ) && matches!(output.kind, Kind::FileGone | Kind::Less)
            && input.score >= NAMED_MIN
            && super::words::has_word(base(&output.subject), stem)
            && self.is_input(input)
            && self.is_output(output)
    }

    /// Whether new input is as much as what an output has more.
    fn is_fed(&self, cause: &Finding, effect: &Finding) -> bool {
        let used = |finding: &Finding, side: usize| {
            let place = finding.role.zip(finding.key)?;
            self.joint.uses.get(&place)?.get(side).copied().flatten()
        };
        let subject = self.joint.subject();
        let taken = used(cause, subject).map_or(0, |used| used.bytes_read);
        let given = |side| used(effect, side).map_or(0, |used| used.bytes_written);
        let before = (0..subject).map(given).max().unwrap_or(0);
        taken > 0 && taken.saturating_mul(2) >= given(subject).saturating_sub(before)
    }

    fn explains(&mut self, cause: &Finding, effect: &Finding) -> bool {
        let (Some(from), Some(to)) = (cause.role, effect.role) else {
            return false;
        };
        if super::peers::is_new_place(cause, effect)
            || super::complaints::is_said_of(cause, effect)
            || super::refusals::is_never_made(cause, effect)
            || super::environment::explains(cause, effect)
            || is_waiting_for_peer(self.joint, cause, effect)
            || self.takes_longer(cause, effect)
        {
            return true;
        }
        if self.is_pause(cause, effect)
            || self.is_broken_off(cause, effect)
            || self.is_named_after(effect, cause)
        {
            return true;
        }
        if self.is_read_in_vain(cause, effect) || self.is_set(cause, effect, from, to) {
            return true;
        }
        if self.is_broken_off(effect, cause) {
            return false;
        }
        if effect.kind == FindingKind::Machine || cause.score < 1.6 {
            return false;
        }
        if cause.is_soft && !self.may_come_of_data(effect) {
            return false;
        }
        let is_effect_itself = matches!(
            cause.kind,
            FindingKind::FileGone
                | FindingKind::Less
                | FindingKind::More
                | FindingKind::FileNew
                | FindingKind::Slower
                | FindingKind::Order
                | FindingKind::ConnectionGone
        );
        if !is_effect_itself && self.is_made_by(from, to, effect) {
            return from != to && cause.at_ns <= effect.at_ns + self.slack_ns;
        }
        if self.is_other_attempt(cause, effect, from, to) {
            return true;
        }
        effect.kind.is_symptom()
            && cause.at_ns <= effect.until_ns + self.slack_ns
            && (self.is_near(from, to, effect)
                || self.is_decided(from, to, effect)
                || self.reads(to, cause)
                || self.is_in_place_of(from, to)
                || is_empty_folder(cause) && self.reaches_parent(from, to))
            && self.fits(cause, effect, from, to)
    }

    /// Whether more work takes longer, by no more than there is more.
    fn takes_longer(&mut self, cause: &Finding, effect: &Finding) -> bool {
        let (Some(times), Some((before, now))) = (cause.times, effect.times_ns) else {
            return false;
        };
        #[expect(clippy::cast_precision_loss, reason = "ratios need no exactness")]
        let longer = now as f64 / before.max(1) as f64;
        cause.kind == FindingKind::More
            && cause.score >= 1.6
            && effect.kind == FindingKind::Slower
            && before > WAITS_DAILY_NS
            && times >= 1.5
            && longer <= times * 1.5
            && self.is_input(cause)
            && cause
                .role
                .zip(effect.role)
                .is_some_and(|(from, to)| from == to || self.reach.from(from).contains(&to))
    }

    /// Whether the data of a day can do that: it makes a process fail, and what comes of it; other ends do not read it.
    fn may_come_of_data(&self, effect: &Finding) -> bool {
        !self.is_of_peer(effect)
            && matches!(
                effect.kind,
                FindingKind::ExitStatus
                    | FindingKind::ProcessGone
                    | FindingKind::ProcessCount
                    | FindingKind::FileGone
                    | FindingKind::Less
                    | FindingKind::More
            )
    }

    /// Whether the process above decided to start the other one when it saw how the first one ended.
    fn is_decided(&mut self, from: u32, to: u32, effect: &Finding) -> bool {
        effect.kind == FindingKind::ProcessNew && self.reaches_parent(from, to)
    }

    fn reaches_parent(&mut self, from: u32, to: u32) -> bool {
        let role = self.joint.roles.get(to as usize);
        role.and_then(|role| role.parent)
            .is_some_and(|parent| self.reach.from(from).contains(&parent))
    }

    /// Whether after a failure the job tried with other arguments, or at another place.
    fn is_other_attempt(&mut self, cause: &Finding, effect: &Finding, from: u32, to: u32) -> bool {
        use FindingKind as Kind;
        let fails = matches!(
            cause.kind,
            Kind::FileMissing
                | Kind::Error
                | Kind::ConnectionError
                | Kind::ExitStatus
                | Kind::Signal
        ) || cause.kind == Kind::Less && cause.score >= 3.0;
        let is_attempt = matches!(effect.kind, Kind::Argument | Kind::ConnectionNew)
            && effect.at_ns > cause.at_ns + self.slack_ns;
        if !fails || !is_attempt || cause.score < 2.0 || !self.has_failed(cause) {
            return false;
        }
        from == to || self.reach.from(from).contains(&to) || self.reaches_parent(from, to)
    }

    /// Whether the role of a finding ended otherwise than before.
    fn has_failed(&self, finding: &Finding) -> bool {
        finding
            .role
            .is_some_and(|role| self.aborted.contains(&role))
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
        let joint = self.joint;
        // Who could not be started, or could not start others, made nothing.
        let is_stopped = |maker: u32| {
            reached.contains(&maker)
                || super::processes::is_gone(joint, maker) && below(joint, maker, from)
        };
        !makers.contains(&to) && makers.iter().any(|maker| is_stopped(*maker))
    }

    /// Whether a copy that a shell made of itself ended before it became the program of before, and the other is that one
    /// or takes what it gives.
    fn is_in_place_of(&mut self, copy: u32, other: u32) -> bool {
        let joint = self.joint;
        if !super::processes::is_copy(joint, copy) || !self.aborted_or_new(copy) {
            return false;
        }
        let parent = |role: u32| joint.roles.get(role as usize).and_then(|role| role.parent);
        let roles = 0..u32::try_from(joint.roles.len()).unwrap_or(u32::MAX);
        roles
            .filter(|role| parent(*role) == parent(copy) && super::processes::is_gone(joint, *role))
            .any(|gone| gone == other || self.reach.from(gone).contains(&other))
    }

    /// Whether a role is new or ended otherwise than before.
    fn aborted_or_new(&self, role: u32) -> bool {
        self.aborted.contains(&role) || super::processes::is_new(self.joint, role)
    }

    /// Whether there is less in a file that the role reads, or the one that starts it.
    fn reads(&self, role: u32, cause: &Finding) -> bool {
        let readers = cause.key.and_then(|key| self.readers.get(&key));
        cause.kind == FindingKind::Less
            && readers
                .into_iter()
                .flatten()
                .any(|reader| *reader == role || below(self.joint, role, *reader))
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

    /// Whether something speaks against what kinds alone would allow.
    fn is_unlikely(&self, cause: &Finding, effect: &Finding, from: u32, to: u32) -> bool {
        use FindingKind as Kind;
        match cause.kind {
            // What one process did before it ended does not come of its end.
            Kind::Signal | Kind::ExitStatus => {
                let subject = self.joint.subject();
                let is_one = self
                    .joint
                    .role_of(from, subject)
                    .is_some_and(|role| role.instances <= 1);
                is_one && from == to && matches!(effect.kind, Kind::More | Kind::FileNew)
            }
            // Who fails does not start what comes next; that it is not started makes nobody fail.
            Kind::ProcessGone if effect.before == b"not there" => true,
            Kind::ProcessGone => {
                effect.kind == Kind::ExitStatus
                    && (below(self.joint, from, to) || self.ran_before(to, from))
            }
            // Who kills from outside does not read what the killed one reads.
            Kind::Content | Kind::FileOther | Kind::ConnectionOther
                if effect.kind == Kind::Signal && effect.after.ends_with(b"SIGKILL") =>
            {
                true
            }
            Kind::Content | Kind::FileOther
                if matches!(effect.kind, Kind::More | Kind::Less) && self.is_input(effect) =>
            {
                true
            }
            // Another end is not slow because of what a process beside is told.
            Kind::Argument
                if effect.kind == Kind::Slower
                    && from != to
                    && !below(self.joint, to, from)
                    && self.is_of_peer(effect) =>
            {
                true
            }
            // Who starts what is decided by the process above.
            Kind::Program
            | Kind::Argument
            | Kind::Environment
            | Kind::Content
            | Kind::FileOther
            | Kind::Version => {
                matches!(
                    effect.kind,
                    Kind::ProcessGone | Kind::ProcessNew | Kind::ProcessCount
                ) && !below(self.joint, to, from)
            }
            _ => false,
        }
    }

    /// Whether one role began before the other in all baselines that have both: it did not wait for that.
    fn ran_before(&self, role: u32, other: u32) -> bool {
        let joint = self.joint;
        (0..joint.subject())
            .filter_map(|side| Some((joint.role_of(role, side)?, joint.role_of(other, side)?)))
            .all(|(role, other)| role.first_ns < other.first_ns)
    }

    /// Whether a difference of this kind can do that.
    fn fits(&self, cause: &Finding, effect: &Finding, from: u32, to: u32) -> bool {
        use FindingKind as Kind;
        if self.is_unlikely(cause, effect, from, to) {
            return false;
        }
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
                ) || effect.kind == Kind::ProcessNew && !self.is_output(cause);
                amount && cause.score >= effect.score * 0.6
            }
            Kind::ProcessGone | Kind::ProcessNew => {
                !matches!(
                    effect.kind,
                    Kind::Slower | Kind::Lock | Kind::Retry | Kind::Signal
                ) && effect.kind != cause.kind
                    && cause.score >= effect.score * 0.8
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
                !self.is_script_of(from, cause) || effect.kind == Kind::ExitStatus && from == to
            }
            // What is found for the first time tells the job what to do, as a setting does.
            Kind::FileNew if cause.before == b"not there" => cause.score >= 2.0,
            // What lies among the inputs and is none.
            Kind::FileNew if effect.kind == Kind::ExitStatus => {
                from == to && cause.score >= 2.5 && self.is_strange(cause)
            }
            Kind::FileNew if effect.kind == Kind::More && self.is_fed(cause, effect) => true,
            Kind::FileNew | Kind::ConnectionNew => {
                matches!(effect.kind, Kind::More | Kind::Less | Kind::Slower)
                    && effect.key == cause.key
            }
            Kind::FileGone if is_empty_folder(cause) => effect.kind != Kind::Slower,
            Kind::FileGone if effect.kind == Kind::FileGone => {
                self.is_input(cause) && self.is_output(effect)
            }
            Kind::FileGone | Kind::ConnectionGone | Kind::ProcessCount => {
                effect.kind == Kind::Less && stronger
            }
            // A message says why; what came of it is said by the others.
            Kind::LogNew => effect.kind == Kind::ExitStatus && from == to && cause.score >= 2.0,
            Kind::LogGone => false,
            Kind::Order => {
                cause.score >= 2.0
                    && !matches!(effect.kind, Kind::Slower | Kind::Lock | Kind::Retry)
            }
            Kind::Machine => effect.kind == Kind::Slower,
        }
    }
}

/// Least that a changed input weighs to be what an output of its name is missing for.
const NAMED_MIN: f64 = 1.0;

/// Whether it is that nothing lies in a folder any more.
fn is_empty_folder(cause: &Finding) -> bool {
    cause.kind == FindingKind::FileGone && cause.is_apart
}

/// Whether a role that waits for others on every day, by sleeping or for its threads, waits longer because a peer is slow:
/// the peer is so by a larger factor.
fn is_waiting_for_peer(joint: &Joint<'_>, cause: &Finding, effect: &Finding) -> bool {
    let (Some(peer), Some(own)) = (cause.times_ns, effect.times_ns) else {
        return false;
    };
    let growth = |(before, now): (i64, i64)| now / before.max(1_000_000);
    cause.kind == FindingKind::Slower
        && effect.kind == FindingKind::Slower
        && cause.role == effect.role
        && joint.kind_of(cause) == Some(KeyKind::Peer)
        && matches!(
            joint.kind_of(effect),
            Some(KeyKind::Call | KeyKind::Anonymous | KeyKind::Pipe)
        )
        && own.0 > WAITS_DAILY_NS
        && growth(peer) > 2 * growth(own)
        && (peer.1 - peer.0) * 4 > own.1 - own.0
}

/// From so much waiting on an ordinary day on, it is how the role works.
const WAITS_DAILY_NS: i64 = 50_000_000;

#[cfg(test)]
mod tests {
    use super::{open_rings, root};

    #[test]
    fn a_ring_is_opened_at_the_first() {
        // 0 <- 1 <- 2 <- 0, and 3 <- 2; 4 by itself.
        let mut explained = vec![Some(1), Some(2), Some(0), Some(2), None];
        let times = [30, 10, 20, 40, 0];
        open_rings(&mut explained, |place| times[place]);
        assert_eq!(explained[1], None);
        assert_eq!(root(&explained, 0), Some(1));
        assert_eq!(root(&explained, 3), Some(1));
        assert_eq!(root(&explained, 1), None);
    }
}
