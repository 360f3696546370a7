//! What runs are called in the answer, how they ended, and where they worked.

use unspool_analyze::diff::{Difference, Profile};
use unspool_export::diff_text::{self, Head};
use unspool_export::units;
use unspool_export::untrusted::Untrusted;
use unspool_model::event::ClockKind;
use unspool_model::signal;
use unspool_store::{Exit, RunEntry};

use super::Compared;

const SECOND_NS: i64 = 1_000_000_000;

/// The names of the subject and of the baselines: what they were named, or else the job and when it ran.
pub(super) fn labels(compared: &Compared) -> (String, Vec<String>) {
    let minutes = |entry: &RunEntry| started_s(entry).map(|seconds| seconds / 60);
    let subject = minutes(&compared.entry);
    // The same minute twice would say the same of two runs.
    let with_seconds = compared
        .baseline_entries
        .iter()
        .any(|entry| minutes(entry) == subject);
    let label = |entry: &RunEntry, profile: &Profile, is_subject: bool| {
        let Some(seconds) = started_s(entry).filter(|_| !has_name(entry)) else {
            return profile.run.clone();
        };
        let when = when(seconds, with_seconds);
        if is_subject {
            let job = Untrusted::new(&profile.job);
            format!("{job} of {when}")
        } else if compared.baselines.len() == 1 {
            format!("that of {when}")
        } else {
            when
        }
    };
    let baselines = compared
        .baseline_entries
        .iter()
        .zip(&compared.baselines)
        .map(|(entry, profile)| label(entry, profile, false))
        .collect();
    let subject = label(&compared.entry, &compared.subject, true);
    (subject, baselines)
}

/// One sentence with the first cause, for programs and titles.
pub(super) fn verdict(head: &Head, difference: &Difference) -> String {
    let verdict = diff_text::verdict(head);
    let cause = difference
        .findings
        .iter()
        .find(|finding| finding.caused_by.is_none())
        .filter(|_| head.end.is_some() && head.different);
    match cause {
        Some(cause) => format!(
            "{verdict}; most likely cause: {}",
            Untrusted::new(&cause.sentence)
        ),
        None => verdict,
    }
}

/// How the subject ended when it ended otherwise than the last baseline, and how that did.
pub(super) fn end(compared: &Compared) -> Option<(String, String)> {
    let exit = |entry: &RunEntry| entry.manifest.as_ref()?.exit;
    let now = exit(&compared.entry)?;
    let before = exit(compared.baseline_entries.last()?)?;
    if now == before {
        return None;
    }
    let is_well = |exit: &Exit| exit.code == Some(0);
    let told = if is_well(&now) {
        "ended well".to_owned()
    } else {
        ended(&now, "failed with ")
    };
    Some((told, format!("which {}", ended(&before, "ended with "))))
}

fn ended(exit: &Exit, with: &str) -> String {
    match (exit.code, exit.signal) {
        (Some(code), _) => format!("{with}exit status {code}"),
        (None, Some(number)) => format!("was killed by {}", signal::name(number)),
        (None, None) => "ended in a way that was not seen".to_owned(),
    }
}

/// The folders in which the runs worked, the subject's first.
pub(super) fn folders(compared: &Compared) -> Vec<String> {
    let mut folders: Vec<String> = Vec::new();
    for entry in [&compared.entry]
        .into_iter()
        .chain(&compared.baseline_entries)
    {
        let folder = entry.manifest.as_ref().map(|manifest| manifest.cwd.clone());
        folders.extend(folder.filter(|folder| !folder.is_empty() && !folders.contains(folder)));
    }
    folders
}

fn has_name(entry: &RunEntry) -> bool {
    entry
        .manifest
        .as_ref()
        .is_some_and(|manifest| manifest.name.is_some())
}

/// When the run began, in seconds since the epoch; `None` when nobody knows.
fn started_s(entry: &RunEntry) -> Option<i64> {
    let manifest = entry.manifest.as_ref()?;
    let is_known = manifest.clock_kind() == ClockKind::Epoch && manifest.start_ns > 0;
    is_known.then_some(manifest.start_ns / SECOND_NS)
}

/// `2026-11-21 14:39`, in UTC.
fn when(seconds: i64, with_seconds: bool) -> String {
    let len = if with_seconds { 19 } else { 16 };
    units::instant(seconds * SECOND_NS)
        .chars()
        .take(len)
        .collect()
}
