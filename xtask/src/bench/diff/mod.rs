//! How well `unspool diff` finds what is wrong, how long it takes and how much memory.

mod accuracy;
mod speed;

use super::Size;

/// Prints the figures. Small: one fault of each job is what the end-to-end test `faults` does already.
pub(crate) fn run(size: Size) -> Result<(), String> {
    speed::run(size)?;
    match size {
        Size::Full => accuracy::run(),
        Size::Smoke => Ok(()),
    }
}
