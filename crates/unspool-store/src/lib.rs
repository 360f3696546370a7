//! The run folder: frames while live, Parquet tables when closed, recovery, run references.
//!
//! ```text
//! <store>/<run id>/
//!   run.json           manifest, written by rename; holds the seal of a closed run
//!   RECORDING          locked (flock) by the writer while it lives
//!   raw/000001.seg     the bytes as they came, in frames with checksums; `.seg.zst` once compressed
//!   tables/*.parquet   everything that the tracker knows
//! ```
//!
//! [`RunWriter`] writes a run, [`RunReader`] opens one in any state, [`TableWriter`] takes steps and objects from the
//! tracker, [`Tables`] gives them back, [`Store`] finds runs. Nothing here reads a clock: callers give the time.

#![warn(clippy::indexing_slicing)]

mod answer;
mod error;
mod files;
mod frames;
mod manifest;
mod reader;
mod store;
mod tables;
mod writer;

pub use answer::{Answer, AnswerError, AnswerKind};
pub use error::{Result, StoreError};
pub use frames::{FRAME_BYTES_MAX, Frame, Frames, Loss, Totals, scan_segment};
pub use manifest::{
    Exit, FORMAT_VERSION, Manifest, RawKept, RecordedCounts, RecorderInfo, Seal, Source, State,
    TableInfo, clock_from_name, clock_name,
};
pub use reader::{Recovered, RunReader, RunState};
pub use store::{Retention, RunEntry, Store, folder_bytes};
pub use tables::{ArgsCells, Lookup, StepQuery, TableSummary, TableWriter, Tables, table_schema};
pub use writer::{Closing, DISK_FULL, FILE_LIMIT, RawPolicy, Recovery, RunWriter};
