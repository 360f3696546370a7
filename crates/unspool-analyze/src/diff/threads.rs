//! What threads do between their calls, as far as it says what they waited for.

use unspool_model::ids::{ProcessId, Tid};

use super::profile::Wait;

/// What a thread does between calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thread {
    pub(super) process: ProcessId,
    pub(super) role: u32,
    pub(super) last_end_ns: i64,
    /// Time in the last calls that wait for several things: what the next call touches was waited for.
    pub(super) pending: Option<Pending>,
    /// Since when it is in a call that has not returned.
    pub(super) unfinished: Option<(u32, i64, Wait)>,
    /// Whether it slept and asked nobody since.
    pub(super) slept: bool,
}

/// Waiting for any of several things.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) key: u32,
    pub(super) ns: i64,
    /// Whether something was ready in the end; else it was a sleep, until something else is waited for.
    pub(super) is_ready: bool,
    /// What kind of call it was.
    pub(super) wait: Wait,
}

/// A thread that waited for any of several things.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    pub(super) tid: Tid,
    pub(super) end_ns: i64,
    pub(super) ns: i64,
}

impl Ready {
    /// Whether another thread that waited for a thread, so long and until then, waited for this one to say that something
    /// is ready.
    pub(super) fn wakes(&self, tid: Tid, ns: i64, end_ns: i64) -> bool {
        self.tid != tid
            && self.end_ns >= end_ns - ns
            && self.end_ns <= end_ns + WAKE_NS
            && self.ns.saturating_mul(2) >= ns
    }
}

/// Most time by which a thread may be told to have waited longer than the one that was woken by it.
const WAKE_NS: i64 = 100_000;
