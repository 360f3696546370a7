//! Whom lines without a pid are about, in logs where `[pid N]` comes and goes: strace prints it to stderr only while
//! more than one thread is traced.

use std::collections::BTreeSet;

use super::threads::NO_TID;

/// Most threads that are remembered.
const PIDS_MAX: usize = 64 << 10;

/// What is known about the threads of a log.
#[derive(Clone, Default, Debug)]
pub(super) struct Pids {
    given: Option<u32>,
    leader: Option<u32>,
    /// The first thread, when it was named only after lines without pid had been given on: it goes on without.
    alias: Option<u32>,
    alive: BTreeSet<u32>,
    children: BTreeSet<u32>,
    has_brackets: bool,
    had_none: bool,
}

impl Pids {
    /// `given` is what was said from outside.
    pub(super) fn new(given: Option<u32>) -> Self {
        Self {
            given,
            leader: given,
            alive: given.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Changes what was said from outside.
    pub(super) fn set_given(&mut self, given: Option<u32>) {
        self.given = given;
        self.leader = given;
    }

    /// The thread of the first lines was found out.
    pub(super) fn set_leader(&mut self, tid: u32) {
        self.leader = Some(tid);
        self.alive.insert(tid);
    }

    /// Thread of a line with `[pid N]`.
    pub(super) fn bracketed(&mut self, tid: u32) -> u32 {
        self.has_brackets = true;
        if self.alive.len() < PIDS_MAX {
            self.alive.insert(tid);
        }
        if self.leader.is_none()
            && self.alias.is_none()
            && self.had_none
            && !self.children.contains(&tid)
        {
            self.alias = Some(tid);
        }
        self.shown(tid)
    }

    /// Number under which a thread goes.
    pub(super) fn shown(&self, tid: u32) -> u32 {
        if self.alias == Some(tid) { NO_TID } else { tid }
    }

    /// Thread of a line without pid.
    pub(super) fn unnamed(&mut self) -> u32 {
        self.had_none = true;
        if !self.has_brackets {
            return self.leader.unwrap_or(NO_TID);
        }
        let first = self.leader.or(self.alias);
        let tid = match first {
            Some(first) if self.alive.len() != 1 && self.alive.contains(&first) => Some(first),
            _ => self.alive.last().copied().or(first),
        };
        tid.map_or(NO_TID, |tid| self.shown(tid))
    }

    /// A thread was made by another.
    pub(super) fn born(&mut self, tid: u32) {
        if self.children.len() < PIDS_MAX {
            self.children.insert(tid);
            self.alive.insert(tid);
        }
    }

    /// A thread was attached to: it may be the first.
    pub(super) fn attached(&mut self, tid: u32) {
        if self.children.len() < PIDS_MAX {
            self.children.insert(tid);
        }
    }

    /// A thread has ended.
    pub(super) fn ended(&mut self, tid: u32) {
        let tid = match self.alias {
            Some(alias) if tid == NO_TID => alias,
            _ => tid,
        };
        self.alive.remove(&tid);
        self.children.remove(&tid);
    }
}
