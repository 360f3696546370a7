//! Input formats: bytes in, events and diagnostics out. One module per format.

pub mod native;
