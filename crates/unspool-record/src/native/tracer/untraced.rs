//! Children that cannot be followed: those made with `CLONE_UNTRACED` where calls do not stop ([`Detail::Tree`]). No event tells
//! of them: their end does, by its signal, and their parent's end, while they live.

use std::collections::BTreeSet;

use super::Tracer;
use crate::native::procfs;
use crate::options::Detail;
use crate::sys::ptrace::SignalInfo;
use crate::sys::{self, Tid};

/// Children told of one by one; of further ones the number is told at the end.
const TOLD_MAX: usize = 32;

/// Children of the job that are known not to be followed, and those that are.
#[derive(Debug, Default)]
pub(super) struct Untraced {
    /// Processes that are followed and whose end was not signalled.
    followed: BTreeSet<Tid>,
    told: BTreeSet<Tid>,
}

impl Tracer<'_> {
    /// A process is followed, or was there before.
    pub(super) fn note_followed(&mut self, child: Tid) {
        if self.options.detail == Detail::Tree {
            self.untraced.followed.insert(child);
        }
    }

    /// Children that a thread has when recording of it begins do not belong to the job.
    pub(super) fn pass_over_children(&mut self, tid: Tid, tgid: Tid) {
        if self.options.detail == Detail::Tree {
            self.untraced.followed.extend(procfs::children(tid, tgid));
        }
    }

    /// A thread is told of a child that ended, or was stopped.
    pub(super) fn look_at_child(&mut self, tid: Tid, info: SignalInfo, now: i64) {
        let Ok(child @ 1..) = Tid::try_from(info.pid) else {
            return;
        };
        if self.options.detail != Detail::Tree || info.code <= 0 {
            return;
        }
        let is_followed = if matches!(
            info.code,
            libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED
        ) {
            self.untraced.followed.remove(&child)
        } else {
            self.untraced.followed.contains(&child)
        };
        // A number means another process in another namespace.
        if !is_followed && self.is_stranger(child) && procfs::has_own_pid_namespace(tid) {
            self.tell_untraced(tid, child, now);
        }
    }

    /// A thread is about to end: children that it leaves behind.
    pub(super) fn look_at_children(&mut self, tid: Tid, tgid: Tid) {
        if self.options.detail != Detail::Tree {
            return;
        }
        for child in procfs::children(tid, tgid) {
            let is_followed = self.untraced.followed.contains(&child);
            // One that ended had its say.
            if !is_followed && self.is_stranger(child) && !procfs::is_zombie(child) {
                self.tell_untraced(tid, child, sys::clock_ns(super::CLOCK));
            }
        }
    }

    fn is_stranger(&self, child: Tid) -> bool {
        !self.tracees.contains_key(&child) && !self.newborns.contains_key(&child)
    }

    fn tell_untraced(&mut self, tid: Tid, child: Tid, now: i64) {
        if !self.untraced.told.insert(child) || self.untraced.told.len() > TOLD_MAX {
            return;
        }
        self.note(
            tid,
            now,
            format!(
                "process {child} asked not to be traced (CLONE_UNTRACED): neither it nor what it started is recorded with `--detail tree`"
            ),
        );
    }

    /// Says how many there were, where not all were told one by one.
    pub(super) fn sum_up_untraced(&mut self, now: i64) {
        let count = self.untraced.told.len();
        if count > TOLD_MAX {
            self.note(
                0,
                now,
                format!(
                    "{count} processes asked not to be traced (CLONE_UNTRACED) and are not recorded"
                ),
            );
        }
    }
}
