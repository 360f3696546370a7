//! What every view says about its run before its rows.

use unspool_model::event::ClockKind;

/// Header of every form.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Envelope {
    /// Id of the run.
    pub run: String,
    /// Name that its user gave it.
    pub name: Option<String>,
    /// `complete`, `incomplete` or `recording`.
    pub state: RunLabel,
    /// Why it is incomplete, for people; empty when it is complete.
    pub state_note: String,
    /// What is known to be missing: reason and how many.
    pub losses: Vec<(String, u64)>,
    /// What else people should know before they read rows: what was not recorded, or not one by one. Forms for programs have it
    /// among their notes.
    pub told: Vec<String>,
    /// What the times mean.
    pub clock: ClockKind,
    /// First time of the run: people see times since then.
    pub start_ns: i64,
    /// Redaction policy that differs from the default, to be said with every report.
    pub redact: Option<String>,
    /// Filter that holds for the rows, as typed.
    pub filter: Option<String>,
}

/// Whether a run is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RunLabel {
    /// Sealed.
    #[default]
    Complete,
    /// Its recorder died, or stopped early.
    Incomplete,
    /// Being recorded.
    Recording,
}

impl RunLabel {
    /// Word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Recording => "recording",
        }
    }
}

/// Word in JSON for what the times mean.
pub fn clock_name(clock: ClockKind) -> &'static str {
    match clock {
        ClockKind::Epoch => "epoch",
        ClockKind::TimeOfDay => "time-of-day",
        ClockKind::Relative => "relative",
        ClockKind::None => "none",
    }
}
