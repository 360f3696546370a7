//! End-to-end tests: the program as its users run it, on real processes.

#![expect(
    clippy::print_stderr,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "tests say why they are skipped and wait with a deadline; test data is ASCII"
)]

mod behaviour;
mod comforts;
mod corpus;
mod diff;

mod dockit;
mod export;
mod export_whole;
mod faults;
mod flow;
mod gen_files;
mod gen_hostile;
mod gen_packages;
mod gen_policies;
mod gen_systemd;
mod jobs;
mod lake;
mod payload;
mod program;
mod query;
mod tables;
mod unrecorded;
