//! Waits for the next stop: by looking again and again while stops come fast, asleep otherwise.
//!
//! A stop wakes the recorder and the recorder wakes the job, on another CPU if one is idle. In a virtual machine each of these
//! wake-ups costs 15-50 us: looking while giving way to others saves one of the two. Measured on 2 virtual CPUs, 20,000 getppid:
//! 72-109 us a call asleep, 14-29 us so; under two busy loops 66-70 us asleep, 33-100 us so, which is why it stops where it
//! does not pay.

use crate::sys::{
    self,
    ptrace::{self, Patience, Waited},
};

/// How long the next stop is looked for before going to sleep.
const LOOK_NS: i64 = 50_000;
/// Credits at most: so often looking may fail after a fast phase.
const CREDITS_MAX: u8 = 16;
/// What a failed look costs: it pays if four of five succeed.
const FAILURE_COST: u8 = 4;
/// What a sleep shorter than a look earns.
const SHORT_SLEEP_GAIN: u8 = 2;

/// Decides from what happened before how to wait.
#[derive(Debug, Default)]
pub(super) struct Waiter {
    credits: u8,
}

impl Waiter {
    /// The next change of any thread.
    #[inline]
    pub(super) fn next(&mut self, clock: libc::clockid_t) -> Waited {
        let begun = sys::clock_ns(clock);
        if self.credits > 0 {
            while sys::clock_ns(clock) - begun < LOOK_NS {
                let waited = ptrace::wait(Patience::Poll);
                if waited != Waited::Nothing {
                    self.credits = (self.credits + 1).min(CREDITS_MAX);
                    return waited;
                }
                sys::yield_cpu();
            }
            self.credits = self.credits.saturating_sub(FAILURE_COST);
        }
        let waited = ptrace::wait(Patience::Block);
        if sys::clock_ns(clock) - begun < LOOK_NS {
            self.credits = (self.credits + SHORT_SLEEP_GAIN).min(CREDITS_MAX);
        }
        waited
    }
}
