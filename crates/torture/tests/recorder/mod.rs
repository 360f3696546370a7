//! What may happen to the recorder itself, and what must not come of it.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
#![expect(
    clippy::print_stderr,
    reason = "figures of a run, and why a test is skipped"
)]

mod attach;
mod bpf;
mod clocks;
mod file_limits;
mod killed;
mod limits;
mod live;
mod memory;
mod scopes;
mod secrets;
