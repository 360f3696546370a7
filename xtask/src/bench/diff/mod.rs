//! How well `unspool diff` finds what is wrong, how long it takes and how much memory.

mod accuracy;
mod speed;

use super::Size;

/// Prints how long it takes alone, for pairs of runs of `EVENTS,NAMES` each, or the usual ones. Runs that are there are used again.
pub(crate) fn run_speed(pairs: &[&str]) -> Result<(), String> {
    let pairs = pairs
        .iter()
        .map(|pair| speed::Pair::parse(pair))
        .collect::<Result<Vec<_>, _>>()?;
    speed::run_again(&pairs)
}

/// Prints the figures. Small: one fault of each job is what the end-to-end test `faults` does already.
pub(crate) fn run(size: Size) -> Result<(), String> {
    speed::run(size)?;
    match size {
        Size::Full => accuracy::run(),
        Size::Smoke => Ok(()),
    }
}
