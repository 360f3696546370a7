//! How well `unspool diff` finds what is wrong.

mod accuracy;

use super::Size;

/// Prints the figures.
pub(crate) fn run(size: Size) -> Result<(), String> {
    accuracy::run(size)
}
