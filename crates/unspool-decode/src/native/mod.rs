//! The record format of the native recorders, see `docs/record-format.md`.

pub mod format;
