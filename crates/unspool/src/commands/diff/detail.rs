//! Runs of different detail: compared by what all of them recorded.

use unspool_export::diff_text::Head;
use unspool_model::step::{Action, Step, StepKind};
use unspool_model::syscalls::Syscall;
use unspool_record::Detail;
use unspool_store::Manifest;

use super::Compared;
use crate::stored::detail_of;

/// What of a step is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// How many calls and bytes: some run has only sums.
    Amounts,
    /// Nothing: some run was recorded without.
    Nothing,
}

/// What all runs of a comparison have in common.
#[derive(Clone, Debug)]
pub(super) struct Common {
    /// The least detail of a run.
    detail: Detail,
    /// Whether some runs have sums of the calls that move data, and others each of these calls.
    is_partly_counted: bool,
    /// Whether calls are compared, by their places in the table of calls.
    calls: Vec<bool>,
}

impl Common {
    /// Of runs by these manifests.
    pub(super) fn of(manifests: &[&Manifest]) -> Self {
        let details = manifests.iter().map(|manifest| detail_of(manifest));
        let detail = details.min().unwrap_or_default();
        let is_counted =
            |manifest: &&&Manifest| detail_of(manifest) == Detail::Io && manifest.counts.folded > 0;
        let counted = manifests.iter().filter(is_counted).count();
        Self {
            detail,
            is_partly_counted: counted > 0 && counted < manifests.len(),
            calls: Syscall::all()
                .map(|call| Detail::least_for(call.name().as_bytes()) <= detail)
                .collect(),
        }
    }

    /// What of this step is compared.
    pub(super) fn part(&self, step: &Step<'_>) -> Part {
        if !matches!(step.kind, StepKind::Syscall | StepKind::Folded) {
            return Part::Whole;
        }
        let call = step.syscall.or_else(|| Syscall::by_name(step.name));
        let is_compared = call
            .and_then(|call| self.calls.get(usize::from(call.index())))
            .copied()
            .unwrap_or(self.detail == Detail::Full);
        if !is_compared {
            Part::Nothing
        } else if self.is_partly_counted && moves_data(step) {
            Part::Amounts
        } else {
            Part::Whole
        }
    }

    /// Whether messages may be compared: all runs have the calls that write them.
    pub(super) fn has_data(&self) -> bool {
        self.detail >= Detail::Io && !self.is_partly_counted
    }
}

fn moves_data(step: &Step<'_>) -> bool {
    step.touch.is_some_and(|touch| {
        matches!(
            touch.action,
            Action::Read | Action::Write | Action::Receive | Action::Send
        )
    })
}

/// Says which runs were recorded with which detail, where these differ, and what is not compared therefore.
pub(super) fn difference(compared: &Compared, head: &Head) -> Option<String> {
    let detail = |entry: &unspool_store::RunEntry| entry.manifest.as_ref().map(detail_of);
    let subject = detail(&compared.entry)?;
    let baselines: Vec<Detail> = compared
        .baseline_entries
        .iter()
        .filter_map(detail)
        .collect();
    let least = baselines.iter().copied().min()?.min(subject);
    if baselines.iter().all(|baseline| *baseline == subject) {
        return None;
    }
    let mut names = vec![format!(
        "{} was recorded with --detail {}",
        head.subject,
        subject.name()
    )];
    for (label, baseline) in head.baselines.iter().zip(&baselines) {
        names.push(format!("{label} with {}", baseline.name()));
    }
    let what = match least {
        Detail::Tree => "files, connections and calls are not compared",
        Detail::Names => "bytes and calls that move data are not compared",
        Detail::Io | Detail::Full => {
            "calls that concern no file, connection or process are not compared"
        }
    };
    Some(format!("{}: {what}", names.join(", ")))
}
