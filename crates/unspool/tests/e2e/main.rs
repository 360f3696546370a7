//! End-to-end tests: the program as its users run it, on real processes.

mod jobs;
mod program;
