//! Waits for the next stop: by looking again and again while stops come fast, asleep otherwise.
//!
//! A stop wakes the recorder and the recorder wakes the job, on another CPU if one is idle. In a virtual machine each of these
//! wake-ups costs 15-50 us: looking while giving way to others saves one of the two. Measured on 2 virtual CPUs, 20,000 getppid:
//! 72-109 us a call asleep, 14-29 us so. On a busy machine giving way may cost whole time slices: what looking wasted has to be
//! paid back by sleeping before it is tried again, behind a stop of the same kind.

use crate::sys::{
    self,
    ptrace::{self, Accounts, Patience, Waited},
};

/// How long the next stop is looked for before going to sleep.
const LOOK_NS: i64 = 50_000;
/// Wasted time is paid back so many times in short sleeps: looking costs at most a third of the time spent waiting.
const DEBT_FACTOR: i64 = 3;
/// Short sleeps at the start that must show that stops come fast, for each kind of stop.
const FIRST_DEBT_NS: i64 = 50_000;

/// Kinds of stops that are told apart: the entry of each call, each event, and all others. How soon the next stop comes depends
/// on it: at once behind the entry of `openat`, never soon behind that of `execve`.
const KINDS: usize = 1024;
/// Calls among them; further ones share.
const CALLS: usize = 512;

/// Decides from what happened before how to wait.
#[derive(Debug)]
pub(super) struct Waiter {
    /// By kind of the last stop.
    debts_ns: Vec<i64>,
    kind: usize,
}

impl Default for Waiter {
    fn default() -> Self {
        Self {
            debts_ns: vec![FIRST_DEBT_NS; KINDS],
            kind: 0,
        }
    }
}

impl Waiter {
    /// The last stop was the entry of a call.
    #[inline]
    pub(super) fn entered(&mut self, number: u64) {
        let number = usize::try_from(number).unwrap_or(0) % CALLS;
        self.kind = CALLS + number;
    }

    /// The last stop was the exit of a call, or a signal.
    #[inline]
    pub(super) fn left(&mut self) {
        self.kind = 0;
    }

    /// The last stop was an event.
    #[inline]
    pub(super) fn happened(&mut self, event: i32) {
        self.kind = usize::try_from(event).unwrap_or(0) % CALLS;
    }

    /// The next change of any thread.
    #[inline]
    pub(super) fn next(&mut self, clock: libc::clockid_t, accounts: Accounts) -> Waited {
        let debt_ns = &mut self.debts_ns[self.kind % KINDS];
        let begun = sys::clock_ns(clock);
        if *debt_ns <= 0 {
            loop {
                let waited = ptrace::wait(Patience::Poll, accounts);
                let looked_ns = sys::clock_ns(clock) - begun;
                if looked_ns > LOOK_NS {
                    *debt_ns = looked_ns * DEBT_FACTOR;
                }
                if waited != Waited::Nothing {
                    return waited;
                }
                if looked_ns > LOOK_NS {
                    break;
                }
                sys::yield_cpu();
            }
        }
        let asleep_since = sys::clock_ns(clock);
        let waited = ptrace::wait(Patience::Block, accounts);
        let slept_ns = sys::clock_ns(clock) - asleep_since;
        if slept_ns < LOOK_NS {
            *debt_ns -= slept_ns;
        }
        waited
    }
}
