//! End-to-end tests: the program as its users run it, on real processes.

#![expect(
    clippy::print_stderr,
    clippy::string_slice,
    reason = "tests say why they are skipped; test data is ASCII"
)]

mod jobs;
mod program;
