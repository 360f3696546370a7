//! Processes that nobody told of: moved into the control group that is recorded, or made there by one outside. The kernel's side
//! records them from their first call on; what they are is looked up here, and stands before their first record.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd as _;

use unspool_decode::native::format::kind;
use unspool_decode::native::write::RecordWriter;

use super::complete::{RAW, RawRecord};
use super::kernel::{look_up_by_fd, pidfd_of};
use super::living::FLAGS;
use super::process::{self, CLONE_THREAD, State};
use super::recorder::Recorder;
use super::rings::Rings;
use super::scope::Group;
use crate::native::procfs;
use crate::native::stream::CLOCK;
use crate::sys::{self, Tid};

/// Looking into the control group takes at most one part of so many of the time.
const COST_PARTS: i64 = 50;
/// How often it is looked into at most.
const INTERVAL_NS: i64 = 20_000_000;

/// The first record of a thread that nobody told of: it waits until the thread is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct First {
    pub(super) tid: Tid,
    pub(super) time_ns: i64,
}

/// The control group that is recorded, and who in it was looked at.
#[derive(Debug)]
pub(super) struct Watch {
    group: Group,
    next_ns: i64,
    /// In a call already when last looked at: if that call ends, its record tells.
    waiting: BTreeSet<Tid>,
    /// Not recorded.
    passed_over: BTreeSet<Tid>,
}

impl Watch {
    pub(super) fn new(group: Group) -> Self {
        Self {
            group,
            next_ns: 0,
            waiting: BTreeSet::new(),
            passed_over: BTreeSet::new(),
        }
    }
}

/// What the records that wait in the ring tell, so far as it changes what /proc says of processes.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Processes by thread.
    processes: BTreeMap<Tid, Tid>,
    /// Threads that are made.
    made: BTreeSet<Tid>,
    /// Processes that execute, and in which control group first.
    images: BTreeMap<Tid, Option<u64>>,
    /// Descriptors that threads make.
    descriptors: BTreeSet<(Tid, i32)>,
}

impl Ahead {
    fn of(rings: &Rings) -> Self {
        let mut ahead = Self::default();
        rings.look_ahead(|bytes| {
            if let Some(record) = RawRecord::new(bytes) {
                ahead.add(record);
            }
        });
        ahead
    }

    fn add(&mut self, record: RawRecord<'_>) {
        let tid = record.tid.cast_signed();
        let number = |at| record.u32_at(at).cast_signed();
        match record.kind & !RAW {
            kind::FORK => {
                self.made.insert(number(16));
                self.processes.insert(number(16), number(20));
            }
            kind::EXEC => {
                self.images.entry(tid).or_insert_with(|| record.group());
                self.processes.insert(number(20), tid);
            }
            kind::EXIT => {
                self.processes.insert(tid, number(16));
            }
            kind::CALL | kind::CALL_ON_FILE => {
                let made = record.made().map(|fd| (tid, fd));
                self.descriptors.extend(made);
            }
            _ => {}
        }
    }

    /// Whether a process executes.
    pub(super) fn executes(&self, tgid: Tid) -> bool {
        self.images.contains_key(&tgid)
    }

    /// Whether a thread of a process makes this descriptor.
    pub(super) fn makes(&self, tgid: Tid, fd: i32) -> bool {
        let is_its = |tid: &Tid| self.processes.get(tid).unwrap_or(tid) == &tgid;
        self.descriptors
            .iter()
            .any(|(tid, made)| *made == fd && is_its(tid))
    }
}

impl Recorder<'_> {
    /// Whether the record that makes a process waits in the ring.
    pub(super) fn is_told_of(&self, pid: Tid) -> bool {
        self.kept_flags(pid).is_some() && Ahead::of(&self.rings).made.contains(&pid)
    }

    /// Tells of a thread whose first record is next.
    pub(super) fn meet(&mut self, first: First) {
        let First { tid, time_ns } = first;
        // One that began later only has its number.
        let tgid = procfs::status(tid)
            .filter(|status| i64::try_from(status.start_ns).is_ok_and(|ns| ns <= time_ns))
            .map(|status| status.tgid);
        self.tell(tid, tgid, time_ns);
    }

    /// Writes what a process is, if none of its threads was told of, and which threads it has. `tgid` is `None` when it is gone.
    fn tell(&mut self, tid: Tid, tgid: Option<Tid>, time_ns: i64) {
        let facts = tgid.map(process::Facts::of);
        let mut threads = tgid.map(procfs::threads).unwrap_or_default();
        // What was done until it was looked at waits in the ring now.
        let mut ahead = Ahead::of(&self.rings);
        let process = tgid.unwrap_or_else(|| *ahead.processes.get(&tid).unwrap_or(&tid));
        ahead
            .processes
            .extend(threads.iter().map(|&thread| (thread, process)));
        let is_known =
            self.living.knows(process) || threads.iter().any(|&thread| self.living.knows(thread));
        if !is_known {
            let state = if let Some(facts) = facts {
                // Before its control group is told.
                self.usage.attached(process);
                let (state, scrub) = (State::Before(&ahead), self.options.scrub.as_ref());
                process::record(process, time_ns, facts, state, scrub, &mut self.usage)
            } else {
                let id = ahead.images.get(&process).copied().flatten();
                let group = self
                    .watch
                    .as_ref()
                    .and_then(|watch| watch.group.membership(id));
                process::record_of_gone(process, time_ns, group, &mut self.usage)
            };
            self.pending.extend_from_slice(&state);
        }
        threads.push(tid);
        let mut forks = RecordWriter::default();
        for thread in threads {
            if self.living.knows(thread) || thread != tid && ahead.made.contains(&thread) {
                continue;
            }
            if thread != process {
                forks.begin(kind::FORK, process.cast_unsigned(), time_ns.unsigned_abs());
                for value in [thread, process] {
                    forks.i32(value);
                }
                forks.u32(CLONE_THREAD);
                forks.u32(0);
                forks.end();
                self.pending_events += 1;
                self.own_events += 1;
            }
            self.record_from_now(thread, process);
            self.living.began(thread);
        }
        self.pending.extend_from_slice(forks.bytes());
    }

    /// Tells the kernel's side of a thread, unless it has recorded it already or the thread is gone.
    fn record_from_now(&mut self, tid: Tid, tgid: Tid) {
        let Ok(key) = pidfd_of(tid, tgid) else {
            return;
        };
        let call = procfs::call(tid)
            .filter(|call| super::calls::is_wanted(call.number, self.options.detail));
        // It may be known by now, or gone.
        let _known = self.seed(&key, tid, tgid, 0, call.as_ref());
    }

    /// What the kernel's side thinks of a leading thread; `None`: nothing.
    fn kept_flags(&self, pid: Tid) -> Option<u8> {
        let key = pidfd_of(pid, pid).ok()?;
        let mut state = vec![0; self.programs.thread_bytes()];
        look_up_by_fd(self.programs.threads().ok()?, key.as_fd(), &mut state)?;
        state.get(FLAGS).copied()
    }

    /// Tells of processes in the control group that came in without a word and made no call since: they wait, or calls are not
    /// recorded.
    pub(super) fn meet_silent(&mut self, now: i64) {
        let Some(mut watch) = self.watch.take() else {
            return;
        };
        if now >= watch.next_ns {
            let present = watch.group.processes();
            watch.passed_over.retain(|pid| present.contains(pid));
            let mut waiting = BTreeSet::new();
            for pid in present {
                if !self.living.knows(pid) && !watch.passed_over.contains(&pid) {
                    self.meet_present(pid, &mut watch, &mut waiting);
                }
            }
            watch.waiting = waiting;
            let took_ns = sys::clock_ns(CLOCK) - now;
            watch.next_ns = now + INTERVAL_NS.max(took_ns.saturating_mul(COST_PARTS));
        }
        self.watch = Some(watch);
    }

    fn meet_present(&mut self, pid: Tid, watch: &mut Watch, waiting: &mut BTreeSet<Tid>) {
        match self.kept_flags(pid) {
            Some(0) if watch.waiting.contains(&pid) => {}
            Some(0) => {
                waiting.insert(pid);
                return;
            }
            Some(_) => {
                watch.passed_over.insert(pid);
                return;
            }
            // Who may not be traced is not recorded, and neither are threads of the kernel.
            None if std::fs::read_link(format!("/proc/{pid}/exe")).is_err() => {
                watch.passed_over.insert(pid);
                return;
            }
            None => {}
        }
        // A child whose making is being told did not run yet.
        if !procfs::has_run(pid) || Ahead::of(&self.rings).made.contains(&pid) {
            return;
        }
        self.tell(pid, Some(pid), sys::clock_ns(CLOCK));
    }
}
