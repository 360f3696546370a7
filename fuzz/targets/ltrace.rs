//! Logs of ltrace, pushed whole and in pieces.
//!
//! Holds: the same events however the input is cut; every line is accounted for.
#![no_main]

mod decoding;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| decoding::check("ltrace", data));
