//! The tidy checks: what reviewers should not have to look for. `cargo test -p xtask` and `cargo xtask tidy` run them.

mod advisories;
mod dependencies;
mod files;
mod registries;
#[cfg(test)]
mod tests;

use crate::workspace::Workspace;

/// A check: its name and what finds problems, one line each.
pub(crate) type Check = (&'static str, fn(&Workspace) -> Vec<String>);

/// Every check.
pub(crate) static CHECKS: &[Check] = &[
    ("crate edges", dependencies::edges),
    ("confined dependencies", dependencies::confined),
    ("unused workspace dependencies", dependencies::unused),
    ("one version", dependencies::one_version),
    ("licences", dependencies::licences),
    ("advisories", advisories::check),
    ("file length", files::length),
    ("forgotten test files", files::forgotten_tests),
    ("unfinished work", files::unfinished),
    ("machine paths", files::machine_paths),
    ("pages that exist", files::pages),
    ("unsafe only in its crates", files::unsafe_code),
    ("registry completeness", registries::complete),
];

/// Runs all checks and gives every problem with the name of its check.
pub(crate) fn run(workspace: &Workspace) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, check) in CHECKS {
        problems.extend(
            check(workspace)
                .into_iter()
                .map(|problem| format!("{name}: {problem}")),
        );
    }
    problems
}
