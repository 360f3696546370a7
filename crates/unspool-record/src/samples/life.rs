//! One process over its samples: what was told, what is to be told next. Without I/O.

use std::collections::{BTreeMap, BTreeSet};

use unspool_model::sample::Usage;

use super::reading::{Reading, ThreadUse};
use crate::containers::Membership;
use crate::sys::Tid;

/// A process that is sampled.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    /// Tells lives of one pid apart.
    pub(super) serial: u64,
    pub(super) group: Option<Membership>,
    /// Whether it may have waited for processes, of which its accounts would tell too.
    pub(super) has_children: bool,
    had_threads: bool,
    /// Start of the interval that comes next.
    from_ns: i64,
    /// CPU time that was told.
    cpu_ns: u64,
    system_ns: u64,
    /// Sums over threads that were told.
    told: ThreadUse,
    /// Sums of threads that ended.
    dead: ThreadUse,
    /// Threads that live, as last seen.
    live: BTreeMap<Tid, ThreadUse>,
    /// Threads whose end was told and that may still be listed.
    ended: BTreeSet<Tid>,
    /// Threads that there are, as the tracer counts, and the most since the last sample.
    threads: u64,
    threads_most: u64,
    /// States as they were told last.
    states: (u64, u64),
}

/// A sample that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) from_ns: i64,
    pub(super) to_ns: i64,
    pub(super) usage: Usage,
}

impl Life {
    /// A process that begins, with nothing used.
    pub(super) fn begun(serial: u64, group: Option<Membership>, now_ns: i64) -> Self {
        Self {
            serial,
            group,
            from_ns: now_ns,
            threads: 1,
            threads_most: 1,
            ..Self::default()
        }
    }

    /// A process that has lived before: what it used until now is not told.
    pub(super) fn attached(serial: u64, group: Option<Membership>, reading: &Reading) -> Self {
        let mut life = Self::begun(serial, group, reading.time_ns);
        life.has_children = true;
        life.cpu_ns = reading.cpu_ns;
        life.system_ns = reading.system_ns;
        life.live = reading.by_thread.iter().copied().collect();
        life.told = life.sums();
        life.threads = reading.threads.max(1);
        life.threads_most = life.threads;
        life
    }

    /// Whether it never had another thread or a child.
    pub(super) fn is_alone(&self) -> bool {
        !self.has_children && !self.had_threads
    }

    /// Whether it has one thread left, and its accounts are its own.
    pub(super) fn ends_with_one(&self) -> bool {
        self.threads == 1 && !self.has_children
    }

    /// What its one thread used before is not told.
    pub(super) fn used_before(&mut self, tid: Tid, cpu_ns: u64, usage: ThreadUse) {
        self.cpu_ns = cpu_ns;
        self.live.insert(tid, usage);
        self.told = self.sums();
    }

    pub(super) fn thread_began(&mut self) {
        self.had_threads = true;
        self.threads += 1;
        self.threads_most = self.threads_most.max(self.threads);
    }

    /// A thread is at its end; what it used, if that could be read. Whether it was the last.
    pub(super) fn thread_ends(&mut self, tid: Tid, usage: Option<ThreadUse>) -> bool {
        let seen = self.live.remove(&tid);
        if self.ended.insert(tid) {
            self.threads = self.threads.saturating_sub(1);
            self.dead.add(&usage.or(seen).unwrap_or_default());
        }
        self.threads == 0
    }

    /// A new image runs on thread `former`, which takes the main thread's number; all others are gone.
    pub(super) fn executes(&mut self, tid: Tid, former: Tid) {
        if former != tid {
            // Its sums go on under the new number.
            let usage = self.live.remove(&former);
            self.live.extend(usage.map(|usage| (tid, usage)));
        }
        self.ended.remove(&tid);
        self.threads = 1;
    }

    /// The threads as last seen.
    pub(super) fn listed(&self) -> Vec<(Tid, ThreadUse)> {
        self.live
            .iter()
            .map(|(tid, usage)| (*tid, *usage))
            .collect()
    }

    fn sums(&self) -> ThreadUse {
        let mut sums = self.dead;
        for usage in self.live.values() {
            sums.add(usage);
        }
        sums
    }

    /// Takes a new reading of the threads. What vanished without telling is counted as last seen.
    fn take_threads(&mut self, reading: &Reading) {
        let listed: BTreeMap<Tid, ThreadUse> = reading.by_thread.iter().copied().collect();
        for (tid, usage) in std::mem::take(&mut self.live) {
            if !listed.contains_key(&tid) {
                self.dead.add(&usage);
            }
        }
        self.ended.retain(|tid| listed.contains_key(tid));
        self.live = listed
            .into_iter()
            .filter(|(tid, _)| !self.ended.contains(tid))
            .collect();
    }

    /// Takes a reading; `None` when nothing was used and nothing changed, or when a later one came first.
    pub(super) fn take(&mut self, reading: &Reading, cpus: u64, is_last: bool) -> Option<Ready> {
        if reading.time_ns <= self.from_ns {
            return None;
        }
        self.take_threads(reading);
        let interval_ns = u64::try_from(reading.time_ns - self.from_ns).unwrap_or(0);
        // Clocks are not read at one instant: what is beyond the interval is told with the next.
        let most_ns = interval_ns.saturating_mul(self.threads_most.clamp(1, cpus.max(1)));
        let cpu_ns = reading.cpu_ns.saturating_sub(self.cpu_ns).min(most_ns);
        let system_ns = reading.system_ns.saturating_sub(self.system_ns).min(cpu_ns);
        let sums = self.sums();
        let (told, states) = (self.told, (reading.rss_bytes, reading.threads));
        let is_idle = cpu_ns == 0 && sums == told && states == self.states;
        let from_ns = std::mem::replace(&mut self.from_ns, reading.time_ns);
        self.cpu_ns += cpu_ns;
        self.system_ns += system_ns;
        self.told = sums;
        self.states = states;
        self.threads_most = self.threads;
        if is_idle && !is_last {
            return None;
        }
        let since = |now: u64, before: u64| Some(now.saturating_sub(before));
        Some(Ready {
            from_ns,
            to_ns: reading.time_ns,
            usage: Usage {
                cpu_ns: Some(cpu_ns),
                system_ns: Some(system_ns),
                run_delay_ns: since(sums.run_delay_ns, told.run_delay_ns),
                rss_bytes: (reading.rss_bytes > 0).then_some(reading.rss_bytes),
                peak_rss_bytes: (reading.peak_rss_bytes > 0).then_some(reading.peak_rss_bytes),
                read_bytes: since(sums.read_bytes, told.read_bytes),
                written_bytes: since(sums.written_bytes, told.written_bytes),
                disk_read_bytes: since(sums.disk_read_bytes, told.disk_read_bytes),
                disk_written_bytes: since(sums.disk_written_bytes, told.disk_written_bytes),
                threads: Some(reading.threads),
                cpus: None,
            },
        })
    }
}
