//! Where the recorder runs: beside the job, on the same CPU, while that is cheaper.
//!
//! Recorder and job take turns. On one CPU a turn is a switch from one to the other; on two, each turn wakes the other CPU, which
//! costs several times as much where CPUs are busy or virtual. The kernel spreads them, since it takes them for independent.
//! Only the recorder's own thread is bound, never the job: what the job sees of its CPUs stays as it is. With several processes
//! at work, or where others want that CPU, being bound may cost more: so both are tried, and what they took is measured.

use super::costs::Costs;
use crate::native::procfs;
use crate::sys::{self, Tid};

/// Stops of a stretch, in which the recorder is bound or not.
const STOPS: u32 = 128;
/// So many stretches of each are tried at first.
const FIRST_STRETCHES: u32 = 2;
/// One stretch of so many tries what seemed worse.
const TRIED_EVERY: u32 = 16;
/// What goes by from stop to stop counts up to this: beyond, the job was busy with itself, or others were.
const STOP_NS_MAX: i64 = 60_000;
/// And one part of so many, beside what the recorder itself used: where the two are apart, that is what tells.
const ELAPSED_PART: i64 = 2;
/// Which CPUs the recorder may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bond {
    /// Any that it may.
    Free,
    /// The one that the job was seen on last.
    Bound,
}

/// Decides where to run from what stretches took.
#[derive(Debug, Default)]
struct Habit {
    stretches: u32,
    /// The other way is to be bound.
    costs: Costs,
}

impl Habit {
    /// Learns what a stop took in the stretch that ended, and says how to run in the next.
    fn next(&mut self, bond: Bond, stop_ns: i64) -> Bond {
        self.costs.learn(bond == Bond::Bound, stop_ns);
        self.stretches = self.stretches.wrapping_add(1);
        let is_bound = if self.stretches < 2 * FIRST_STRETCHES {
            self.stretches >= FIRST_STRETCHES
        } else {
            let tries_worse = self.stretches.is_multiple_of(TRIED_EVERY);
            self.costs.is_other_next(tries_worse)
        };
        if is_bound { Bond::Bound } else { Bond::Free }
    }
}

/// Keeps the recorder beside the job.
#[derive(Debug)]
pub(super) struct Place {
    /// CPUs that the recorder may use, to be given back; `None` when there is no choice.
    allowed: Option<sys::Cpus>,
    stops: u32,
    /// When the stretch began, and what the recorder's CPU time was then.
    begun: (i64, i64),
    bond: Bond,
    /// The CPU that it is bound to.
    cpu: Option<usize>,
    habit: Habit,
}

impl Place {
    /// For the calling thread.
    pub(super) fn of_this_thread(now_ns: i64) -> Self {
        Self {
            allowed: sys::allowed_cpus().filter(|cpus| cpus.count() > 1),
            stops: 0,
            begun: (now_ns, sys::clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)),
            bond: Bond::Free,
            cpu: None,
            habit: Habit::default(),
        }
    }

    /// A thread of the job is stopped.
    #[inline]
    pub(super) fn stopped(&mut self, tid: Tid, now_ns: i64) {
        self.stops += 1;
        if self.stops >= STOPS {
            self.stops = 0;
            self.end_stretch(tid, now_ns);
        }
    }

    #[cold]
    fn end_stretch(&mut self, tid: Tid, now_ns: i64) {
        if self.allowed.is_none() {
            return;
        }
        let own_ns = sys::clock_ns(libc::CLOCK_THREAD_CPUTIME_ID);
        let (begun_ns, own_begun_ns) = std::mem::replace(&mut self.begun, (now_ns, own_ns));
        let stops = i64::from(STOPS);
        let stop_ns = ((now_ns - begun_ns) / stops).min(STOP_NS_MAX);
        let cost_ns = stop_ns / ELAPSED_PART + (own_ns - own_begun_ns) / stops;
        self.bond = self.habit.next(self.bond, cost_ns);
        match self.bond {
            Bond::Free => self.leave(),
            Bond::Bound => self.join(tid),
        }
    }

    /// Runs where a thread of the job runs.
    fn join(&mut self, tid: Tid) {
        let cpu = procfs::cpu(tid);
        if cpu.is_some() && cpu != self.cpu {
            self.cpu = cpu.filter(|&cpu| sys::run_on(cpu));
        }
    }

    /// Runs anywhere again.
    pub(super) fn leave(&mut self) {
        if self.cpu.take().is_some()
            && let Some(allowed) = &self.allowed
        {
            sys::run_on_all(allowed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stretches bound among a thousand, where a stop costs this.
    fn bound(free_ns: i64, bound_ns: i64) -> usize {
        let mut habit = Habit::default();
        let mut bond = Bond::Free;
        let mut count = 0;
        for _ in 0..1000 {
            count += usize::from(bond == Bond::Bound);
            let cost_ns = match bond {
                Bond::Free => free_ns,
                Bond::Bound => bound_ns,
            };
            bond = habit.next(bond, cost_ns);
        }
        count
    }

    #[test]
    fn runs_where_it_is_cheaper_and_tries_the_other() {
        let beside = bound(25_000, 7_000);
        assert!((900..980).contains(&beside), "{beside}");
        let apart = bound(7_000, 25_000);
        assert!((20..100).contains(&apart), "{apart}");
    }

    #[test]
    fn gives_its_cpus_back() {
        let before = sys::allowed_cpus().expect("CPUs").count();
        let mut place = Place::of_this_thread(sys::clock_ns(libc::CLOCK_BOOTTIME));
        place.join(sys::current_tid());
        let within = sys::allowed_cpus().expect("CPUs").count();
        place.leave();
        assert_eq!(within, 1, "bound");
        assert_eq!(sys::allowed_cpus().expect("CPUs").count(), before);
    }
}
