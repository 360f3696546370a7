//! Input formats: bytes in, events and diagnostics out. One module per format.
//!
//! Every decoder is a pusher without I/O ([`Decoder`]): any cutting of the input into chunks gives the same events,
//! and no content makes it fail. [`detect::FORMATS`] lists the formats, [`detect::detect`] recognises one by the head
//! of the input. Only [`merge`] reads: it brings the files of a `strace -ff` set into one order.
#![warn(clippy::indexing_slicing)]

pub mod decoder;
pub mod detect;
pub mod ini;
pub mod ltrace;
pub mod merge;
pub mod native;
pub mod pydbg;
pub mod strace;

pub use decoder::{DecodeStats, Decoder, DecoderOptions, Features};
pub use detect::{FORMATS, Format, detect};
pub use ini::TraceContext;
