//! Waits for the next stop: by looking again and again while stops come fast, asleep otherwise.
//!
//! A stop wakes the recorder and the recorder wakes the job. Looking while giving way to others saves one of the two wake-ups; where
//! the next stop does not come soon, or the CPU is wanted by others, it costs more than it saves. Which it is depends on the
//! machine, on what else it does, and on the call that was entered or left: so both are tried, and what they took is measured.

use super::costs::Costs;
use crate::sys::{
    self,
    ptrace::{self, Accounts, Patience, Waited},
};

/// How long the next stop is looked for before going to sleep.
const LOOK_NS: i64 = 50_000;
/// Kinds of stops that are told apart: entry and exit of each call, each event, and all others. How soon the next stop comes
/// depends on it: at once behind the entry of `openat`, never soon behind that of `execve`.
const KINDS: usize = 2 * CALLS + EVENTS;
/// Calls among them; further ones share.
const CALLS: usize = 512;
/// Events among them; further ones share.
const EVENTS: usize = 16;
/// The first waits behind a kind of stop are tried half asleep and half looking, and measured.
const FIRST_WAITS: u32 = 8;
/// Behind those, one of so many is measured.
const MEASURED_EVERY: u32 = 16;
/// And one of so many measured ones tries what seemed worse.
const TRIED_EVERY: u32 = 16;
/// A way to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Asleep,
    Looking,
}

/// What waiting behind one kind of stop took: time that went by, up to [`LOOK_NS`], and time of the recorder's CPU.
#[derive(Clone, Copy, Debug, Default)]
struct Habit {
    waits: u32,
    /// The other way is to look.
    costs: Costs,
}

impl Habit {
    /// How to wait next, and whether to measure it.
    fn next(&mut self) -> (Way, bool) {
        let wait = self.waits;
        self.waits = wait.checked_add(1).unwrap_or(FIRST_WAITS);
        let (looks, is_measured) = if wait < FIRST_WAITS {
            (wait >= FIRST_WAITS / 2, true)
        } else {
            let tries_worse = wait.is_multiple_of(MEASURED_EVERY * TRIED_EVERY);
            (
                self.costs.is_other_next(tries_worse),
                wait.is_multiple_of(MEASURED_EVERY),
            )
        };
        (if looks { Way::Looking } else { Way::Asleep }, is_measured)
    }

    fn learn(&mut self, way: Way, cost_ns: i64) {
        self.costs.learn(way == Way::Looking, cost_ns);
    }
}

/// Decides from what happened before how to wait.
#[derive(Debug)]
pub(super) struct Waiter {
    /// By kind of the last stop.
    habits: Vec<Habit>,
    kind: usize,
}

impl Default for Waiter {
    fn default() -> Self {
        Self {
            habits: vec![Habit::default(); KINDS],
            kind: 2 * CALLS,
        }
    }
}

impl Waiter {
    /// The last stop was the entry of a call.
    #[inline]
    pub(super) fn entered(&mut self, number: u64) {
        self.kind = usize::try_from(number).unwrap_or(0) % CALLS;
    }

    /// The last stop was the exit of a call.
    #[inline]
    pub(super) fn left(&mut self, number: u64) {
        self.kind = CALLS + usize::try_from(number).unwrap_or(0) % CALLS;
    }

    /// The last stop was an event, or a signal (0).
    #[inline]
    pub(super) fn happened(&mut self, event: i32) {
        self.kind = 2 * CALLS + usize::try_from(event).unwrap_or(0) % EVENTS;
    }

    /// The next change of any thread.
    #[inline]
    pub(super) fn next(&mut self, clock: libc::clockid_t, accounts: Accounts) -> Waited {
        let habit = &mut self.habits[self.kind % KINDS];
        let (way, is_measured) = habit.next();
        if !is_measured {
            return wait(way, clock, accounts);
        }
        let own_ns = sys::clock_ns(libc::CLOCK_THREAD_CPUTIME_ID);
        let begun_ns = sys::clock_ns(clock);
        let waited = wait(way, clock, accounts);
        let took_ns = (sys::clock_ns(clock) - begun_ns).min(LOOK_NS);
        habit.learn(
            way,
            took_ns + sys::clock_ns(libc::CLOCK_THREAD_CPUTIME_ID) - own_ns,
        );
        waited
    }
}

#[inline]
fn wait(way: Way, clock: libc::clockid_t, accounts: Accounts) -> Waited {
    if way == Way::Looking {
        let mut waited = ptrace::wait(Patience::Poll, accounts);
        if waited != Waited::Nothing {
            return waited;
        }
        let begun_ns = sys::clock_ns(clock);
        while sys::clock_ns(clock) - begun_ns <= LOOK_NS {
            sys::yield_cpu();
            waited = ptrace::wait(Patience::Poll, accounts);
            if waited != Waited::Nothing {
                return waited;
            }
        }
    }
    ptrace::wait(Patience::Block, accounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of a thousand waits look, where sleeping and looking cost this.
    fn looks(asleep_ns: i64, looking_ns: i64) -> usize {
        let mut habit = Habit::default();
        let mut looks = 0;
        for _ in 0..1000 {
            let (way, is_measured) = habit.next();
            looks += usize::from(way == Way::Looking);
            if is_measured {
                habit.learn(
                    way,
                    match way {
                        Way::Asleep => asleep_ns,
                        Way::Looking => looking_ns,
                    },
                );
            }
        }
        looks
    }

    #[test]
    fn what_costs_less_is_done_and_the_other_tried_now_and_then() {
        let cheap = looks(10_000, 6_000);
        assert!((980..1000).contains(&cheap), "{cheap}");
        let dear = looks(10_000, 90_000);
        assert!((4..20).contains(&dear), "{dear}");
    }

    #[test]
    fn what_changed_is_noticed() {
        let mut habit = Habit::default();
        let mut last = Way::Asleep;
        for wait in 0..200_000 {
            let (way, is_measured) = habit.next();
            last = way;
            if is_measured {
                let looking_ns = if wait < 1000 { 90_000 } else { 2_000 };
                habit.learn(
                    way,
                    match way {
                        Way::Asleep => 10_000,
                        Way::Looking => looking_ns,
                    },
                );
            }
        }
        assert_eq!(last, Way::Looking);
    }

    #[test]
    fn counting_does_not_end() {
        let mut habit = Habit {
            waits: u32::MAX,
            ..Habit::default()
        };
        habit.next();
        assert_eq!(habit.waits, FIRST_WAITS, "the first tries are over");
    }
}
