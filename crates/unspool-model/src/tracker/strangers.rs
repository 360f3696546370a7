//! Threads whose making the source does not show: a filter left clone out (`-e trace=file`), or the tracer came in mid-life
//! (`-p`). What follows forks only sees descendants of what it ran, and announces those that are made later.

use std::collections::BTreeMap;

use super::Tracker;
use super::lives::CLONE_THREAD;
use crate::event::Event;
use crate::ids::{Pid, ProcessId, Tid};

/// Most processes whose threads are waited for.
const ATTACHED_MAX: usize = 1 << 10;

/// When the tracer announced a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Announced {
    /// Before anything else: somebody named it to the tracer.
    First,
    /// Later: one that was followed has made it.
    Later,
}

/// What is known about such threads.
#[derive(Default, Debug)]
pub(super) struct Strangers {
    /// Threads that were announced and have done nothing yet.
    announced: BTreeMap<Tid, Announced>,
    /// Threads that a process had when the tracer came and that were not seen yet, by its first thread.
    unseen: BTreeMap<Tid, u32>,
    /// The first process was run by the tracer: all others descend from it.
    is_launch: bool,
    /// There are processes beside the first that nobody is known to have made.
    has_roots: bool,
    /// All lives before this one have ended.
    first_alive: usize,
}

impl Strangers {
    /// When the thread was announced; it is not waited for any more.
    pub(super) fn take_announced(&mut self, tid: Tid) -> Option<Announced> {
        self.announced.remove(&tid)
    }

    /// The first thing that is seen is the exec of a command.
    pub(super) fn note_launch(&mut self) {
        self.is_launch = true;
    }
}

impl Tracker {
    /// The tracer announced a thread, whose process has so many.
    pub(super) fn attached(&mut self, event: &Event<'_>, threads: u32) {
        let Some(tid) = event.tid.filter(|tid| !self.threads.contains_key(tid)) else {
            return;
        };
        let when = if self.world.processes.is_empty() {
            Announced::First
        } else {
            Announced::Later
        };
        self.strangers.announced.insert(tid, when);
        if threads > 1 && self.strangers.unseen.len() < ATTACHED_MAX {
            self.strangers.unseen.insert(tid, threads - 1);
        }
        if self.fork_under_way().is_some() {
            self.adopt(tid, event);
        }
    }

    /// A thread that nobody announced is one of the process that was attached to with several, if there is one such. Gives
    /// whether it is.
    pub(super) fn adopt_thread(&mut self, tid: Tid, event: &Event<'_>) -> bool {
        let mut waiting = self.strangers.unseen.iter();
        let (Some((&leader, &left)), None) = (waiting.next(), waiting.next()) else {
            return false;
        };
        let process = if let Some(&process) = self.latest.get(&Pid(leader.0)) {
            process
        } else {
            self.strangers.take_announced(leader);
            let process = self.new_process(Pid(leader.0), leader, None, event.time_ns);
            self.note_first(process, event);
            process
        };
        if left > 1 {
            self.strangers.unseen.insert(leader, left - 1);
        } else {
            self.strangers.unseen.remove(&leader);
        }
        if self.live(process).is_none() {
            return false;
        }
        self.make_child(process, leader, tid, CLONE_THREAD, event.time_ns);
        true
    }

    /// A process whose maker is not known: if it must descend from the first, it becomes a child of the oldest that lives.
    /// That is no fork that was seen: it gets no link, no image and no descriptors.
    pub(super) fn guess_parent(&mut self, process: ProcessId, announced: Option<Announced>) {
        if process.index() == 0 || self.has_facts {
            return;
        }
        while self
            .lives
            .get(self.strangers.first_alive)
            .is_some_and(Option::is_none)
        {
            self.strangers.first_alive += 1;
        }
        let oldest = u32::try_from(self.strangers.first_alive).map(ProcessId);
        let descends = self.strangers.is_launch || announced == Some(Announced::Later);
        let parent = oldest
            .ok()
            .filter(|oldest| descends && *oldest != process && !self.strangers.has_roots);
        let Some(parent) = parent else {
            self.strangers.has_roots = true;
            return;
        };
        if let Some(process) = self.process_mut(process) {
            process.parent = Some(parent);
        }
        if let Some(live) = self.live_mut(process) {
            live.is_parent_guessed = true;
        }
    }

    /// Whether nothing tells of the parent of a process that lives.
    pub(super) fn is_parent_guessed(&self, process: ProcessId) -> bool {
        self.live(process)
            .is_some_and(|live| live.is_parent_guessed)
    }
}
