//! The recorders of unspool: they make bytes of documented formats and know nothing of the store.
//!
//! [`record_command`] and [`attach`] are the native recorder, which writes `docs/record-format.md` to a [`RecordSink`].
//! The only crate of the workspace with `unsafe` code.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub mod bpf;
pub mod confine;
mod containers;
pub mod contents;
pub mod external;
mod harden;
mod launch;
mod native;
mod options;
pub mod probe;
mod samples;
pub mod scrub;
mod seam;
mod sys;

pub use harden::harden;
pub use native::{attach, record_command};
pub use options::{
    Command, Control, Counts, Detail, Exit, Filter, Outcome, RecordError, RecordOptions, Wait,
};
pub use seam::{NoScrub, RecordSink, Scrub, SinkError, TextKind};
pub use sys::exchange;
pub use sys::signals::outlive_file_limits;
