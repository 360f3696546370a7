//! The fault suite: jobs with injected faults, recorded or replayed, and where the cause stands in the list.

use std::process::Command;

use super::super::{installed, target, unspool};

/// Runs `faults/evaluate.py` with the program of this checkout.
pub(super) fn run() -> Result<(), String> {
    if !installed("python3") {
        return Err("no `python3` here\nhint: install it (`apt-get install python3`)".to_owned());
    }
    let mut command = Command::new("python3");
    command
        .arg(crate::workspace::root().join("faults/evaluate.py"))
        .arg("--unspool")
        .arg(unspool()?)
        .arg("--misses")
        .arg(target().join("faults-misses.md"));
    command.args(["--suite", "all", "--peers"]);
    let status = command
        .status()
        .map_err(|error| format!("run `python3 faults/evaluate.py`: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("faults/evaluate.py ended with {status}"))
    }
}
