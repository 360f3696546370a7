//! What a run taught, as files for other programs: container files, makefiles, scripts, security policies.
//!
//! [`Gather`] folds the steps of one or more runs into [`Observed`]; each generator writes one kind of file from it. Policies can
//! also be read back and asked whether they would have broken a run ([`Checker`]). Facts of the kernel are used where they
//! exist; what is only claimed is marked.

#![expect(
    clippy::format_push_string,
    reason = "texts of a few kilobytes; `write!` to a string would have an error to throw away"
)]

pub mod apparmor;
mod commands;
pub mod dockerfile;
mod header;
mod host;
pub mod landlock;
pub mod makefile;
pub mod needs;
mod observed;
pub mod packages;
mod policy;
mod rights;
pub mod script;
pub mod seccomp;
pub mod systemd;
mod text;
mod users;

pub use header::{PolicyOptions, Refusal};
pub use host::{Host, Route};
pub use observed::{CallUse, FileUse, Gather, Observed, Root, RunFacts, Seen};
pub use policy::{Checker, FileNeed, Judge, PolicyError, Violation};
pub use rights::Rights;
pub use text::{shell_word, shown, split_args};
