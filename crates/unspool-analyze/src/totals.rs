//! Totals of a run, wherever they come from.

use unspool_model::step::Step;
use unspool_model::totals::{Totals, TotalsFold};

/// Totals that are folded from the steps, or told by the tables in place of all steps.
#[derive(Debug, Default)]
pub struct RunTotals {
    fold: TotalsFold,
    told: Option<Totals>,
}

impl RunTotals {
    /// Counts a step.
    pub fn add(&mut self, step: &Step<'_>) {
        self.fold.add(step);
    }

    /// Takes the totals of the whole run: no step is needed then.
    pub fn tell(&mut self, totals: Totals) {
        self.told = Some(totals);
    }

    /// What was told, else what was counted.
    pub fn take(&mut self) -> Totals {
        self.told.take().unwrap_or_else(|| self.fold.totals())
    }
}
