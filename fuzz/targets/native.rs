//! The native record format, pushed whole and in pieces.
//!
//! Holds: the same events however the input is cut; every record is accounted for.
#![no_main]

mod decoding;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| decoding::check("unspool-record", data));
