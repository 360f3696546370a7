//! Processes that begin, change their image and end; signals; stops.

use unspool_decode::native::format::kind;

use super::process::Image;
use super::{ANNOUNCE_NS, ANNOUNCE_UNSEEN_NS, Newborn, Phase, Tracer};
use crate::native::procfs;
use crate::native::tracee::{Restore, Tracee};
use crate::options::Detail;
use crate::sys::Tid;
use crate::sys::ptrace::{self, Change, EVENT_STOP, Resume, SyscallInfo};

const CLONE_VM: u32 = 0x100;
const CLONE_VFORK: u32 = 0x4000;
pub(super) const CLONE_THREAD: u32 = 0x1_0000;
/// What every thread library asks for: memory, working directory, descriptors, signal handlers, thread.
const CLONE_AS_THREAD: u32 = 0x1_0f00;

impl Tracer<'_> {
    pub(super) fn on_event(&mut self, tid: Tid, event: i32, signal: i32, now: i64) {
        let resume_in_call = if self
            .tracees
            .get(&tid)
            .is_some_and(|tracee| tracee.pending.process_call.is_some())
        {
            Resume::ToCall
        } else {
            self.resume_between_calls()
        };
        match event {
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
                self.on_fork(tid, event, now);
                self.resume(tid, resume_in_call, 0);
            }
            libc::PTRACE_EVENT_EXEC => self.on_exec(tid, now),
            libc::PTRACE_EVENT_SECCOMP => self.on_seccomp(tid, now),
            libc::PTRACE_EVENT_EXIT => {
                self.on_end(tid);
                self.resume(tid, resume_in_call, 0);
            }
            EVENT_STOP if is_stop_signal(signal) => self.on_group_stop(tid, signal, now),
            EVENT_STOP => {
                self.on_continue(tid, now);
                self.put_back(tid);
                let how = self.resume_between_calls();
                self.resume(tid, how, 0);
            }
            _ => self.resume(tid, resume_in_call, 0),
        }
    }

    /// A thread made another thread or process.
    fn on_fork(&mut self, tid: Tid, event: i32, now: i64) {
        let Ok(message) = ptrace::event_message(tid) else {
            return;
        };
        let child = Tid::try_from(message).unwrap_or(0);
        // The kernel has its copy of the arguments.
        let restore = self.put_back(tid);
        let is_known = self.tracees.contains_key(&child);
        let Some(parent) = self.tracees.get_mut(&tid) else {
            return;
        };
        parent.pending.is_child_told = true;
        if is_known {
            // It was taken up without its parent.
            return;
        }
        let architecture = parent.pending.architecture;
        let parent_tgid = parent.tgid;
        let asked = parent
            .pending
            .clone_flags
            .and_then(|flags| u32::try_from(flags & 0xffff_ffff).ok());
        let flags = asked.unwrap_or_else(|| match event {
            libc::PTRACE_EVENT_VFORK => CLONE_VM | CLONE_VFORK,
            libc::PTRACE_EVENT_CLONE
                if procfs::status(child).is_some_and(|status| status.tgid != child) =>
            {
                CLONE_AS_THREAD
            }
            _ => 0,
        });
        let tgid = if flags & CLONE_THREAD != 0 {
            parent.tgid
        } else {
            child
        };
        let mut tracee = Tracee::new(tgid);
        // A child that shares memory was put right with its parent.
        tracee.restore = restore
            .filter(|restore| matches!(restore, Restore::Register(_)) || flags & CLONE_VM == 0);
        tracee.pending.architecture = architecture;
        self.usage.began(child, tgid, parent_tgid, now);
        self.tracees.insert(child, tracee);
        self.write_fork(tid, child, tgid, flags, now);
        if let Some(newborn) = self.newborns.remove(&child) {
            self.handle(newborn.change);
        } else if self.phase != Phase::Recording {
            let _gone = ptrace::interrupt(child);
        }
    }

    pub(super) fn write_fork(&mut self, parent: Tid, child: Tid, tgid: Tid, flags: u32, now: i64) {
        if tgid == child {
            self.note_followed(child);
        }
        self.writer.begin(kind::FORK, parent, now);
        self.writer.u32(child.cast_unsigned());
        self.writer.u32(tgid.cast_unsigned());
        self.writer.u32(flags);
        self.writer.u32(0);
        self.writer.end();
    }

    /// Keeps a stop or the end of a thread until its parent tells of it.
    pub(super) fn keep_newborn(&mut self, change: Change, now: i64) {
        let newborn = Newborn {
            change,
            since_ns: now,
        };
        self.newborns.insert(change.tid, newborn);
    }

    /// Says that a thread ended of which nobody told.
    pub(super) fn note_unborn(&mut self, tid: Tid, now: i64) {
        let text = format!("thread {tid} was killed before it began, as was what made it");
        self.note(tid, now, text);
    }

    /// Takes up threads whose parents were killed before they could tell.
    pub(super) fn adopt_newborns(&mut self, now: i64) {
        // On a busy machine a parent may tell of its child long after the child's first stop.
        if self.newborns.is_empty()
            || self
                .tracees
                .values()
                .any(|tracee| tracee.pending.may_tell_child())
        {
            return;
        }
        let late = |newborn: &Newborn| {
            now - newborn.since_ns > ANNOUNCE_NS || self.phase != Phase::Recording
        };
        let tids: Vec<Tid> = self
            .newborns
            .iter()
            .filter(|(_, newborn)| late(newborn))
            .map(|(&tid, _)| tid)
            .collect();
        for tid in tids {
            let Some(&newborn) = self.newborns.get(&tid) else {
                continue;
            };
            let status = procfs::status(tid).unwrap_or_default();
            let (tgid, parent, flags) = if status.tgid != 0 && status.tgid != tid {
                (status.tgid, status.tgid, CLONE_AS_THREAD)
            } else {
                (tid, status.parent, 0)
            };
            // Calls are not seen in this detail: a parent that lives may still tell.
            let may_be_told = self.options.detail == Detail::Tree
                && now - newborn.since_ns < ANNOUNCE_UNSEEN_NS
                && self.holds_process(parent);
            if may_be_told {
                continue;
            }
            self.newborns.remove(&tid);
            if !libc::WIFSTOPPED(newborn.change.status) {
                self.note_unborn(tid, now);
                continue;
            }
            self.tracees.insert(tid, Tracee::new(tgid));
            self.usage.began(tid, tgid, parent, now);
            self.write_fork(parent, tid, tgid, flags, now);
            self.handle(newborn.change);
        }
    }

    /// A new image is in place and did not run yet.
    fn on_exec(&mut self, tid: Tid, now: i64) {
        let former = ptrace::event_message(tid)
            .ok()
            .and_then(|message| Tid::try_from(message).ok())
            .unwrap_or(tid);
        if former != tid {
            self.take_leaders_place(tid, former, now);
        }
        let mut info = SyscallInfo::default();
        let stack = ptrace::syscall_info(tid, &mut info).map_or(0, |()| info.stack);
        let is_32_bit = info.arch == crate::native::seccomp::AUDIT_I386;
        let mut buffer = std::mem::take(&mut self.stack);
        let image = crate::native::image::read(tid, stack, is_32_bit, &mut buffer);
        buffer.truncate(0);
        buffer.shrink_to(64 << 10);
        self.stack = buffer;
        if self.root == Some(tid) && !self.has_executed {
            self.has_executed = true;
            self.usage.attached(tid);
            self.begin_command(tid, image.as_ref(), now);
        }
        self.usage.executes(tid, former);
        self.write_exec(tid, former, image, now);
        let in_call = self
            .tracees
            .get(&tid)
            .is_some_and(|tracee| tracee.pending.is_active);
        let how = if in_call {
            Resume::ToCall
        } else {
            self.resume_between_calls()
        };
        self.resume(tid, how, 0);
    }

    /// A thread that was not the leader called execve: it lives on under the leader's number, all others ended.
    fn take_leaders_place(&mut self, leader: Tid, former: Tid, now: i64) {
        let Some(caller) = self.tracees.remove(&former) else {
            return;
        };
        if let Some(old) = self.tracees.insert(leader, caller) {
            self.write_unfinished(leader, &old, now);
        }
    }

    /// A thread ended.
    pub(super) fn on_death(&mut self, change: Change, now: i64) {
        let Change { tid, status, used } = change;
        let Some(tracee) = self.tracees.remove(&tid) else {
            // Killed before its parent told of it.
            if self.phase == Phase::Recording {
                self.keep_newborn(change, now);
            }
            return;
        };
        let is_root = self.root == Some(tid);
        if is_root && !self.has_executed {
            self.root_status = Some(status);
            return;
        }
        self.usage.ended_after_use(tid, tracee.tgid, used);
        self.write_unfinished(tid, &tracee, now);
        // Before the record of the exit.
        self.take_samples();
        self.writer.begin(kind::EXIT, tid, now);
        self.writer.u32(tracee.tgid.cast_unsigned());
        self.writer.u32(status.cast_unsigned());
        self.writer.end();
        if tid == tracee.tgid {
            self.stopped.remove(&tid);
        }
        if is_root {
            self.on_root_end(status, now);
        }
    }

    /// A signal is about to be delivered.
    pub(super) fn on_signal(&mut self, tid: Tid, signal: i32, now: i64) {
        if let Ok(info) = ptrace::signal_info(tid) {
            self.writer.begin(kind::SIGNAL, tid, now);
            self.writer.u32(signal.cast_unsigned());
            self.writer.bytes(&info.code.to_le_bytes());
            self.writer.u32(info.pid);
            self.writer.u32(0);
            self.writer.end();
            if signal == libc::SIGCHLD {
                self.look_at_child(tid, info, now);
            }
        }
        if is_stop_signal(signal)
            && let Some(tracee) = self.tracees.get_mut(&tid)
        {
            tracee.stopping = Some(signal);
        }
        let how = self.resume_between_calls();
        self.resume(tid, how, signal);
    }

    fn on_group_stop(&mut self, tid: Tid, signal: i32, now: i64) {
        self.write_stop(tid, signal, now);
        self.resume(tid, Resume::Listen, 0);
    }

    fn write_stop(&mut self, tid: Tid, signal: i32, now: i64) {
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        tracee.stopping = None;
        if self.stopped.insert(tracee.tgid) {
            self.writer.begin(kind::STOP, tid, now);
            self.writer.u32(signal.cast_unsigned());
            self.writer.u32(0);
            self.writer.end();
        }
    }

    fn on_continue(&mut self, tid: Tid, now: i64) {
        // A stop that ended before it could be looked at: its parent saw it all the same.
        if let Some(signal) = self.tracees.get(&tid).and_then(|tracee| tracee.stopping) {
            self.write_stop(tid, signal, now);
        }
        let tgid = self.tracees.get(&tid).map_or(tid, |tracee| tracee.tgid);
        if self.stopped.remove(&tgid) {
            self.writer.begin(kind::CONTINUE, tid, now);
            self.writer.u32(0);
            self.writer.u32(0);
            self.writer.end();
        }
    }

    /// The command's own execve, which no stop announced: its entry was in the launcher.
    fn begin_command(&mut self, tid: Tid, image: Option<&crate::native::image::Image>, now: i64) {
        self.write_process(tid, now, Image::NotYet);
        self.note_filter(tid, now);
        self.begin_exec_call(tid, image);
    }
}

/// Whether a signal stops a process.
fn is_stop_signal(signal: i32) -> bool {
    matches!(
        signal,
        libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU
    )
}
