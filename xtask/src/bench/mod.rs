//! Benchmarks whose figures are ratios measured in one run, because seconds depend on the machine and its other work.
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and the environment of the person who runs it"
)]

mod corpus;
pub(crate) mod decode;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod flow;
mod goals;
pub(crate) mod peers;
pub(crate) mod query;
pub(crate) mod record;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How much work a benchmark does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Size {
    /// Figures that mean something.
    Full,
    /// Only shows that the benchmark works.
    Smoke,
}

/// Runs a function and gives how long it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = work();
    (value, start.elapsed())
}

/// Gives the middle of the durations.
fn median(durations: &mut [Duration]) -> Duration {
    durations.sort_unstable();
    durations
        .get(durations.len() / 2)
        .copied()
        .unwrap_or_default()
}

/// Gives a folder for what benchmarks make; it lies in the target folder, so `cargo clean` removes it.
fn folder() -> Result<PathBuf, String> {
    let folder = target().join("bench");
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("make `{}`: {error}", folder.display()))?;
    Ok(folder)
}

/// Removes a file or a folder, if it is there.
fn remove(path: &Path) -> Result<(), String> {
    let removed = if path.is_dir() {
        std::fs::remove_dir_all(path)
    } else if path.exists() {
        std::fs::remove_file(path)
    } else {
        Ok(())
    };
    removed.map_err(|error| format!("remove `{}`: {error}", path.display()))
}

/// Bytes of a file or of all files of a folder.
fn size_of(path: &Path) -> u64 {
    let Ok(meta) = std::fs::symlink_metadata(path) else {
        return 0;
    };
    if !meta.is_dir() {
        return meta.len();
    }
    let Ok(entries) = std::fs::read_dir(path) else {
        return 0;
    };
    entries
        .filter_map(|entry| Some(size_of(&entry.ok()?.path())))
        .sum()
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| crate::workspace::root().join("target"), PathBuf::from)
}

/// Gives the binary to measure: `UNSPOOL_BIN`, or the release build, which is made first.
fn unspool() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("UNSPOOL_BIN") {
        return Ok(PathBuf::from(path));
    }
    let status = Command::new("cargo")
        .args(["build", "--release", "--package", "unspool"])
        .current_dir(crate::workspace::root())
        .status()
        .map_err(|error| format!("run `cargo build`: {error}"))?;
    if !status.success() {
        return Err("cargo build --release --package unspool: failed".to_owned());
    }
    Ok(target().join("release/unspool"))
}

/// Whether a program can be found.
fn installed(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program} > /dev/null")])
        .status()
        .is_ok_and(|status| status.success())
}
