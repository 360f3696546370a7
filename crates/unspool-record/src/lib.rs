//! The recorders of unspool: they make bytes of documented formats and know nothing of the store.
//!
//! The only crate of the workspace with `unsafe` code.

mod seam;

pub use seam::{NoScrub, RecordSink, Scrub, SinkError, TextKind};
