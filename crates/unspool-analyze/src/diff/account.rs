//! Where the time went: every nanosecond of every thread is outside of calls, or in a call on a named thing. What the runs
//! differ by is the sum of what their items differ by.

use std::collections::BTreeMap;

use unspool_model::event::Errno;

use super::Joint;
use super::finding::{Finding, FindingKind};
use super::phrases::{duration, say, waiting, who};
use super::processes::{is_gone, is_new};
use super::profile::{Group, KeyKind, Profile, Use, Wait};

/// Differences below this are scheduling.
const FLOOR_NS: i64 = 150_000_000;
/// A lock that is waited for less was free.
const FREE_LOCK_NS: i64 = 2_000_000;
/// Parts that differ by less are told as one.
const SMALL_NS: i64 = 100_000;
/// How many times as long as on other days a process sleeps on a busy machine that sleeps on every day.
const POLLS_TIMES: i64 = 4;
/// Roles that must all be slower outside of calls before the machine is what was slower.
const SLOWER_ROLES_MIN: usize = 3;

/// One part of the time of all processes of a role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimePart {
    /// Commands from the first process down.
    pub process: Vec<u8>,
    /// What the time was spent on: a path, an address, a call; empty for time outside of calls.
    pub on: Vec<u8>,
    /// What for.
    pub what: &'static str,
    /// In the first baseline.
    pub before_ns: i64,
    /// In the subject.
    pub after_ns: i64,
}

/// All parts, and what is not explained by them: the life of threads that no event tells of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TimeAccount {
    /// The parts, the largest difference first.
    pub parts: Vec<TimePart>,
    /// Life of all threads of the first baseline.
    pub before_ns: i64,
    /// Of the subject.
    pub after_ns: i64,
    /// What the difference of the lives has and the parts have not.
    pub unexplained_ns: i64,
}

/// Accounts for the time of the first baseline and of the subject.
pub(super) fn account(joint: &Joint<'_>) -> TimeAccount {
    let mut account = TimeAccount::default();
    let mut parts: BTreeMap<(u32, Option<u32>), TimePart> = BTreeMap::new();
    let subject = joint.subject();
    for place in 0..joint.roles.len() {
        let role = u32::try_from(place).unwrap_or(u32::MAX);
        let time = |side| {
            joint
                .role_of(role, side)
                .map_or((0, 0), |role| (role.thread_ns, role.outside_ns))
        };
        let (before, after) = (time(0), time(subject));
        account.before_ns += before.0;
        account.after_ns += after.0;
        parts.insert(
            (role, None),
            TimePart {
                process: joint.roles[place].name.clone(),
                on: Vec::new(),
                what: "running, or ready to run",
                before_ns: before.1,
                after_ns: after.1,
            },
        );
    }
    let mut small = TimePart {
        process: Vec::new(),
        on: Vec::new(),
        what: "smaller differences",
        before_ns: 0,
        after_ns: 0,
    };
    for ((role, key), sides) in &joint.uses {
        let time = |side: usize| {
            sides
                .get(side)
                .copied()
                .flatten()
                .map_or(0, |used| used.time_ns)
        };
        let (before_ns, after_ns) = (time(0), time(subject));
        if before_ns == 0 && after_ns == 0 {
            continue;
        }
        if (after_ns - before_ns).abs() < SMALL_NS {
            small.before_ns += before_ns;
            small.after_ns += after_ns;
            continue;
        }
        let mut part = in_calls_part(joint, *role, *key, sides);
        (part.before_ns, part.after_ns) = (before_ns, after_ns);
        parts.insert((*role, Some(*key)), part);
    }
    account.parts = parts.into_values().chain([small]).collect();
    let explained: i64 = account
        .parts
        .iter()
        .map(|part| part.after_ns - part.before_ns)
        .sum();
    account.unexplained_ns = account.after_ns - account.before_ns - explained;
    account.parts.retain(|part| part.after_ns != part.before_ns);
    account.parts.sort_by(|one, other| {
        let size = |part: &TimePart| (part.after_ns - part.before_ns).abs();
        size(other)
            .cmp(&size(one))
            .then_with(|| (&one.process, &one.on).cmp(&(&other.process, &other.on)))
    });
    account
}

/// What the time of a role in calls on one thing is called.
fn in_calls_part(joint: &Joint<'_>, role: u32, key: u32, sides: &[Option<&Use>]) -> TimePart {
    let wait = sides
        .iter()
        .flatten()
        .max_by_key(|used| used.time_ns)
        .map_or(Wait::Other, |used| used.main_wait());
    let on = joint
        .any_key(key)
        .map_or_else(Vec::new, |key| match key.kind {
            KeyKind::File | KeyKind::Folder | KeyKind::Device => key.raw.clone(),
            _ => key.name.clone(),
        });
    let process = joint
        .roles
        .get(role as usize)
        .map_or_else(Vec::new, |role| role.name.clone());
    TimePart {
        process,
        on,
        what: waiting(wait),
        before_ns: 0,
        after_ns: 0,
    }
}

/// Differences of time that matter.
pub(super) fn find(joint: &Joint<'_>, out: &mut Vec<Finding>) {
    if joint.runs.iter().any(|run| !run.has_durations) {
        return;
    }
    let subject = joint.runs[joint.subject()];
    let baselines: Vec<&Profile> = joint.runs[..joint.subject()].to_vec();
    let longest = baselines
        .iter()
        .map(|run| run.duration_ns())
        .max()
        .unwrap_or(0);
    let slow_ns = (subject.duration_ns() - longest).max(0);
    let scale_ns = slow_ns.max(subject.duration_ns() / 4).max(1);
    let machine = machine(joint, scale_ns, out);
    // What one role waits for on several things is one story, told by the largest.
    let mut by_role: BTreeMap<u32, Vec<Slow>> = BTreeMap::new();
    for ((role, key), sides) in &joint.uses {
        if is_new(joint, *role) || is_gone(joint, *role) {
            continue;
        }
        if let Some(slow) = in_calls(joint, *role, *key, sides) {
            by_role.entry(*role).or_default().push(slow);
        }
    }
    for mut slow in by_role.into_values() {
        slow.sort_by(|one, other| {
            let size = |slow: &Slow| slow.weight * share(slow.excess_ns, scale_ns);
            size(other).total_cmp(&size(one))
        });
        let total_ns = slow.iter().map(|slow| slow.excess_ns).sum();
        for (place, mut slow) in slow.into_iter().enumerate() {
            let excess_ns = if place == 0 { total_ns } else { slow.excess_ns };
            slow.finding.score = 4.2 * slow.weight * share(excess_ns, scale_ns);
            // Threads that wait for each other make no run longer.
            let sleeps_daily = slow
                .finding
                .times_ns
                .is_some_and(|(before, _)| before > FLOOR_NS / 3);
            let is_own =
                slow.finding.subject == b"sleep" && sleeps_daily && slow_ns < slow.excess_ns / 4;
            // Who looks now and then whether others are done sleeps as long as they take.
            let is_polling = machine
                && slow.finding.subject == b"sleep"
                && sleeps_daily
                && (slow.finding.times_ns)
                    .is_some_and(|(before, now)| now <= before.saturating_mul(POLLS_TIMES));
            if is_own && slow_ns < FLOOR_NS || is_polling {
                slow.finding.score = slow.finding.score.min(UNMEASURED_MAX);
            }
            out.push(slow.finding);
        }
    }
    if machine {
        return;
    }
    for place in 0..joint.roles.len() {
        let role = u32::try_from(place).unwrap_or(u32::MAX);
        if let Some(finding) = outside(joint, role, scale_ns) {
            out.push(finding);
        }
    }
}

/// How much of the slow-down it is: 0 to 1.
fn share(excess_ns: i64, scale_ns: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share needs no exactness")]
    let share = excess_ns as f64 / scale_ns as f64;
    share.clamp(0.0, 1.0)
}

/// How much longer the role was ready to run without a processor than in any baseline; calls look long by that.
fn delayed(joint: &Joint<'_>, role: u32) -> i64 {
    let delay = |side| joint.role_of(role, side).and_then(|role| role.delay_ns);
    let before = (0..joint.subject()).filter_map(delay).max().unwrap_or(0);
    delay(joint.subject()).map_or(0, |now| (now - before).max(0))
}

/// How many times as many processes the role has as in the baseline with the most: each takes its time.
fn more_processes(joint: &Joint<'_>, role: u32) -> i64 {
    let instances = |side| joint.role_of(role, side).map_or(0, |role| role.instances);
    let before = (0..joint.subject()).map(instances).max().unwrap_or(0);
    let times = instances(joint.subject()) / before.max(1);
    i64::try_from(times.max(1)).unwrap_or(1)
}

/// A difference of time before it is known what share of all it is.
struct Slow {
    excess_ns: i64,
    weight: f64,
    finding: Finding,
}

fn in_calls(joint: &Joint<'_>, role: u32, key: u32, sides: &[Option<&Use>]) -> Option<Slow> {
    let (subject, baselines) = sides.split_last()?;
    let used = (*subject)?;
    let most_ns = baselines
        .iter()
        .flatten()
        .map(|used| used.time_ns)
        .max()
        .unwrap_or(0);
    let found = joint.any_key(key)?;
    let expected_ns = most_ns
        .saturating_mul(more_processes(joint, role))
        .max(by_amount(found.kind, used, baselines));
    let excess_ns = used.time_ns - expected_ns - expected_ns / 2 - delayed(joint, role);
    let floor_ns = match (used.main_wait(), found.kind) {
        // Disks are slow now and then.
        (Wait::Transfer, KeyKind::File) => 3 * FLOOR_NS,
        // Who found the lock free on other days waits for somebody.
        (Wait::Lock, _) if most_ns < FREE_LOCK_NS => FLOOR_NS / 3,
        // One or two runs do not show how long others take on some days.
        (_, KeyKind::Peer) if baselines.len() < 3 => FLOOR_NS / 3 * 5,
        _ => FLOOR_NS,
    };
    if excess_ns < floor_ns {
        return None;
    }
    let wait = used.main_wait();
    let weight = match (wait, found.kind) {
        // The child says itself what it did.
        (Wait::Child, _) => return None,
        // Whoever waits for data from another process of the job is slow because that one is.
        (_, KeyKind::Pipe) => 0.2,
        (_, KeyKind::Listener) => 0.35,
        (Wait::Ready | Wait::Thread | Wait::Signal, KeyKind::Call | KeyKind::Anonymous) => 0.25,
        (_, KeyKind::LocalSocket) => 0.6,
        // What does not wait takes long when somebody else has the processor.
        // Workers that take turns wait for each other on every day.
        (Wait::Lock, _) if most_ns > FLOOR_NS / 3 && used.time_ns < most_ns.saturating_mul(8) => {
            0.3
        }
        // Whoever finds locks taken on every day sleeps until they are free, as long as it takes.
        (Wait::Sleep, _)
            if is_contended(joint, role) && used.time_ns < most_ns.saturating_mul(8) =>
        {
            0.25
        }
        (
            Wait::Other,
            KeyKind::Call | KeyKind::File | KeyKind::Folder | KeyKind::Device | KeyKind::Anonymous,
        ) => 0.25,
        (Wait::Transfer, KeyKind::File) if super::is_system(&found.raw) => 0.2,
        _ => 1.0,
    };
    let name = match found.kind {
        KeyKind::Peer | KeyKind::Call => found.name.rsplit(|byte| *byte == b' ').next(),
        _ => Some(found.raw.as_slice()),
    };
    let name = name.unwrap_or_default();
    let kind = if wait == Wait::Lock {
        FindingKind::Lock
    } else {
        FindingKind::Slower
    };
    let time = duration(used.time_ns);
    let what = match (wait, found.kind) {
        (Wait::Sleep, _) => say!("slept ", time),
        (Wait::Lock, _) => say!("waited ", time, " for a lock on ", name),
        (_, KeyKind::Peer) => say!("waited ", time, " for ", name),
        (_, KeyKind::Call) => say!("spent ", time, " in ", name),
        _ => say!("spent ", time, " on ", name),
    };
    // The longest call may have begun long before its end: what it waited for happened in between.
    let mut finding = Finding::new(kind, 0.0, name)
        .values(duration(most_ns), time)
        .at(used.first_ns, Some(used.longest_seq))
        .of(role, Some(key))
        .evidence(format!("longest call: {}", duration(used.longest_ns)))
        .says(say!(
            who(joint, role),
            " ",
            what,
            ", before ",
            duration(most_ns)
        ));
    finding.times_ns = Some((most_ns, used.time_ns));
    Some(Slow {
        excess_ns,
        weight,
        finding,
    })
}

/// How long another end would take for what it is asked now, at the pace of the slowest baseline; 0 where it is not asked
/// for far more.
fn by_amount(kind: KeyKind, used: &Use, baselines: &[Option<&Use>]) -> i64 {
    if kind != KeyKind::Peer {
        return 0;
    }
    let bytes = |used: &Use| used.bytes_read.saturating_add(used.bytes_written);
    let asks = |used: &Use| used.count(Group::Write);
    let reads = |used: &Use| used.count(Group::Read);
    baselines
        .iter()
        .flatten()
        .map(|before| {
            // Times as much, in hundredths: more questions that bring no more are tries.
            let times =
                |amount: fn(&Use) -> u64| amount(used).saturating_mul(100) / amount(before).max(1);
            let times = times(bytes).min(times(asks).max(times(reads)));
            let times = i64::try_from(times).unwrap_or(i64::MAX);
            if times < MORE_MIN {
                return 0;
            }
            before.time_ns.saturating_mul(times) / 100
        })
        .max()
        .unwrap_or(0)
}

/// Hundredths of what another end gave before that are far more.
const MORE_MIN: i64 = 200;

/// Whether processes of the role found locks taken, and did so in a baseline, too.
fn is_contended(joint: &Joint<'_>, role: u32) -> bool {
    let finds_locks = |side: usize| {
        joint
            .uses
            .of_role_in(role, side)
            .flat_map(|(_, used)| &used.errors)
            .any(|failures| {
                failures.errno == Errno(11)
                    && matches!(failures.call, "fcntl" | "flock" | "fcntl64")
            })
    };
    finds_locks(joint.subject()) && (0..joint.subject()).any(finds_locks)
}

/// Most that time outside of calls may weigh when nobody measured what it was: another job on the same processor looks
/// the same as more work.
const UNMEASURED_MAX: f64 = 1.1;

fn outside(joint: &Joint<'_>, role: u32, scale_ns: i64) -> Option<Finding> {
    if is_new(joint, role) || is_gone(joint, role) {
        return None;
    }
    let subject = joint.role_of(role, joint.subject())?;
    let before: Vec<_> = (0..joint.subject())
        .filter_map(|side| joint.role_of(role, side))
        .collect();
    let measured = subject.cpu_ns.is_some() && before.iter().all(|role| role.cpu_ns.is_some());
    let spent = |role: &super::profile::Role| {
        if measured {
            role.cpu_ns.unwrap_or(0)
        } else {
            role.outside_ns
        }
    };
    let now_ns = spent(subject);
    let most_ns = before.iter().map(|role| spent(role)).max()?;
    let excess_ns = now_ns - most_ns - most_ns / 2;
    if excess_ns < FLOOR_NS {
        return None;
    }
    let command = subject
        .commands
        .values()
        .next()
        .map_or_else(|| subject.label.clone(), |command| command.raw.join(&b' '));
    let score = 3.6 * share(excess_ns, scale_ns);
    let (score, words) = if measured {
        (score, "worked for")
    } else {
        (score.min(UNMEASURED_MAX), "ran, or was ready to run, for")
    };
    Some(
        Finding::new(FindingKind::Slower, score, &command)
            .values(duration(most_ns), duration(now_ns))
            .at(subject.first_ns, None)
            .of(role, None)
            .says(say!(
                who(joint, role),
                format!(
                    " {words} {}, before {}",
                    duration(now_ns),
                    duration(most_ns)
                )
            )),
    )
}

/// Whether everything took longer between its calls: then the machine was busy, and no process is the cause.
fn machine(joint: &Joint<'_>, scale_ns: i64, out: &mut Vec<Finding>) -> bool {
    let mut ratios: Vec<i64> = Vec::new();
    let mut excess_ns = 0;
    for place in 0..joint.roles.len() {
        let role = u32::try_from(place).unwrap_or(u32::MAX);
        let Some(now) = joint.role_of(role, joint.subject()) else {
            continue;
        };
        let most = (0..joint.subject())
            .filter_map(|side| joint.role_of(role, side))
            .map(|role| role.outside_ns)
            .max();
        let Some(most_ns) = most.filter(|ns| *ns > 1_000_000) else {
            continue;
        };
        ratios.push(now.outside_ns.saturating_mul(100) / most_ns);
        excess_ns += (now.outside_ns - most_ns).max(0);
    }
    ratios.sort_unstable();
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or(100);
    let slower = ratios.iter().filter(|ratio| **ratio > 130).count();
    if ratios.len() < SLOWER_ROLES_MIN || slower * 3 < ratios.len() * 2 || excess_ns < FLOOR_NS {
        return false;
    }
    out.push(
        Finding::new(
            FindingKind::Machine,
            1.2 * share(excess_ns, scale_ns),
            b"the machine",
        )
        .values(
            "usual speed",
            format!("{}.{} times as long", median / 100, median / 10 % 10),
        )
        .at(joint.runs[joint.subject()].end_ns, None)
        .says(format!(
            "everything took {}.{} times as long between its calls: the machine was busy",
            median / 100,
            median / 10 % 10
        )),
    );
    true
}
