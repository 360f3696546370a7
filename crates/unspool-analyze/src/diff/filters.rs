//! How much of its input a process lets through: `grep -v` writes half of it on every day, and today all of it. The amounts
//! by themselves vary with the day.

use super::finding::{Finding, FindingKind};
use super::phrases::{say, size, who};
use super::processes::{is_gone, is_new, raw_command};
use super::profile::KeyKind;
use super::{Joint, is_system};

/// Bytes that a role reads and writes, in each run, from which on their ratio says something.
const BYTES_MIN: u64 = 512;
/// Part of what is read that the main input has, in hundredths.
const MAIN_MIN: u64 = 80;
/// How far the ratio has to be away, as a natural logarithm: when three baselines show how it varies, and when not.
const FAR_LEARNT: f64 = 0.35;
const FAR: f64 = 0.6;
/// Most that the ratio of the baselines may vary.
const STEADY: f64 = 0.25;
/// How much the output itself has to differ: what is as long on every day is no part of the input.
const OUTPUT_DIFFERS: f64 = 0.3;
/// Most that the input may differ: of far more or less, other parts are let through.
const INPUT_DIFFERS: f64 = 0.7;
/// Baselines that show how a ratio varies.
const LEARNT_MIN: usize = 3;
/// Weights, when that many show it and when not.
const LEARNT_WEIGHT: f64 = 1.9;
const WEIGHT: f64 = 1.15;
/// Other inputs that are named.
const NAMED_MAX: usize = 4;

/// What a role read and wrote in one run.
struct Flow {
    read: u64,
    written: u64,
}

/// Roles that let through more or less of their input than in the baselines.
pub(super) fn find(joint: &Joint<'_>, out: &mut Vec<Finding>) {
    for place in 0..joint.roles.len() {
        let role = u32::try_from(place).unwrap_or(u32::MAX);
        if is_new(joint, role) || is_gone(joint, role) {
            continue;
        }
        out.extend(compare(joint, role));
    }
}

fn compare(joint: &Joint<'_>, role: u32) -> Option<Finding> {
    let flows: Vec<Flow> = (0..joint.runs.len())
        .map(|side| flow(joint, role, side))
        .collect::<Option<_>>()?;
    let (now, before) = flows.split_last()?;
    let first = before.first()?;
    let ratios: Vec<f64> = before
        .iter()
        .map(|flow| ln(flow.written, flow.read))
        .collect();
    let (least, most) = ratios
        .iter()
        .fold((f64::MAX, f64::MIN), |(least, most), ratio| {
            (least.min(*ratio), most.max(*ratio))
        });
    let ratio = ln(now.written, now.read);
    let far = if ratio > most {
        ratio - most
    } else {
        least - ratio
    };
    let is_learnt = before.len() >= LEARNT_MIN;
    let enough = if is_learnt { FAR_LEARNT } else { FAR };
    let is_output_other = before
        .iter()
        .all(|flow| ln(now.written, flow.written).abs() > OUTPUT_DIFFERS);
    let is_input_alike = before
        .iter()
        .all(|flow| ln(now.read, flow.read).abs() < INPUT_DIFFERS);
    if most - least > STEADY || far < enough || !is_output_other || !is_input_alike {
        return None;
    }
    let subject = joint.role_of(role, joint.subject())?;
    let command = raw_command(subject);
    let kind = if ratio > most {
        FindingKind::More
    } else {
        FindingKind::Less
    };
    let part = |flow: &Flow| format!("{} of {}", size(flow.written), size(flow.read));
    let at_ns = subject.first_ns;
    let mut finding = Finding::new(
        kind,
        if is_learnt { LEARNT_WEIGHT } else { WEIGHT },
        &command,
    )
    .values(part(first), part(now))
    .at(at_ns, None)
    .of(role, None)
    .says(say!(
        who(joint, role),
        format!(
            " gave {} of its input on, before {}",
            part(now),
            part(first)
        )
    ));
    let rules = other_inputs(joint, role);
    if let Some(rule) = rules.first() {
        finding.sentence = say!(finding.sentence, "; it goes by ", rule);
    }
    finding
        .evidence
        .extend(rules.iter().map(|rule| say!("it also reads ", rule)));
    Some(finding)
}

/// What a role read and wrote; `None` when that is little, or when it has no main input.
fn flow(joint: &Joint<'_>, role: u32, side: usize) -> Option<Flow> {
    let mut flow = Flow {
        read: 0,
        written: 0,
    };
    let mut main = 0;
    for (key, used) in joint.uses.of_role_in(role, side) {
        let kind = joint.keys.get(key as usize)?.kind;
        // Who speaks with others does more than pass on what it reads.
        if matches!(kind, KeyKind::Peer | KeyKind::Listener) {
            return None;
        }
        let carries = matches!(
            kind,
            KeyKind::File | KeyKind::Pipe | KeyKind::LocalSocket | KeyKind::Device
        );
        if !carries || joint.any_key(key).is_some_and(|key| is_system(&key.raw)) {
            continue;
        }
        flow.read += used.bytes_read;
        flow.written += used.bytes_written;
        main = main.max(used.bytes_read);
    }
    let is_enough = flow.read >= BYTES_MIN && flow.written >= BYTES_MIN;
    (is_enough && main * 100 >= flow.read * MAIN_MIN).then_some(flow)
}

/// Files of the job that the role reads beside its main input, and no run writes: what it goes by.
fn other_inputs(joint: &Joint<'_>, role: u32) -> Vec<Vec<u8>> {
    let side = joint.subject();
    let main = joint
        .uses
        .of_role_in(role, side)
        .max_by_key(|(_, used)| used.bytes_read)
        .map(|(key, _)| key);
    joint
        .uses
        .of_role_in(role, side)
        .filter(|(key, used)| Some(*key) != main && used.bytes_read > 0)
        .filter_map(|(key, _)| joint.any_key(key))
        .filter(|key| {
            key.kind == KeyKind::File
                && !key.created
                && !key.modified
                && !is_system(&key.raw)
                && !key.raw.starts_with(b"/proc/")
                && !key.raw.starts_with(b"/dev/")
        })
        .map(|key| key.raw.clone())
        .take(NAMED_MAX)
        .collect()
}

fn ln(one: u64, other: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "ratios need no exactness")]
    let ratio = (one as f64 + 1.0) / (other as f64 + 1.0);
    ratio.ln()
}
