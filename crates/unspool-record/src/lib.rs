//! The recorders of unspool: they make bytes of documented formats and know nothing of the store.
//!
//! The only crate of the workspace with `unsafe` code.

pub mod scrub;
mod seam;

pub use seam::{NoScrub, RecordSink, Scrub, SinkError, TextKind};
