//! Ends of threads and processes: what an end closes, and what is handed on then.

use super::{ANONYMOUS, Done, Live, Retention, Tracker};
use crate::event::{Call, ExitStatus};
use crate::ids::{Pid, ProcessId, Tid};
use crate::world::{ClosedBy, LinkKind};

impl Tracker {
    /// `exit_group` was entered or "returned".
    pub(super) fn note_exit_group(&mut self, process: ProcessId, call: &Call<'_>, time_ns: i64) {
        let status = call.args.int(0).unwrap_or(0);
        let status = ExitStatus::Exited(status.to_le_bytes()[0]);
        if let Some(live) = self.live_mut(process) {
            live.exiting.get_or_insert((status, time_ns));
        }
    }

    /// A thread ended.
    pub(super) fn thread_ended(
        &mut self,
        tid: Tid,
        process: ProcessId,
        status: ExitStatus,
        time_ns: i64,
    ) {
        self.threads.remove(&tid);
        let is_leader = self
            .world
            .process(process)
            .is_some_and(|process| process.pid.main_thread() == tid);
        let Some(live) = self.live_mut(process) else {
            return;
        };
        if is_leader || tid == ANONYMOUS {
            live.leader_status = Some(status);
        }
        live.threads_alive = live.threads_alive.saturating_sub(1);
        if live.threads_alive > 0 {
            return;
        }
        let exit = match (live.leader_status, live.exiting) {
            // A signal overrides an exit that was under way.
            (Some(status @ ExitStatus::Killed { .. }), _) => status,
            (_, Some((status, _))) if !matches!(status, ExitStatus::Unknown) => status,
            (Some(leader), _) => leader,
            _ => status,
        };
        self.end_process(process, Some(exit), time_ns);
    }

    /// The parent was told that the child ended: so it did, if nothing else said so.
    pub(super) fn reaped(
        &mut self,
        by: ProcessId,
        child: Pid,
        status: Option<ExitStatus>,
        time_ns: i64,
    ) {
        let Some(&id) = self.latest.get(&child) else {
            return;
        };
        if id == by {
            return;
        }
        if self.has_facts {
            // The number may be one of another pid namespace: only a child can have been waited for.
            if self.parent_of(id, child) == Some(by) {
                self.link(LinkKind::Wait, id, by, None, time_ns);
            }
            return;
        }
        self.link(LinkKind::Wait, id, by, None, time_ns);
        if self.live(id).is_some() && status.is_some() {
            let end_ns = self
                .live(id)
                .and_then(|live| live.exiting)
                .map_or(time_ns, |(_, end_ns)| end_ns);
            self.end_process(id, status, end_ns);
        }
    }

    /// Ends a life: closes its descriptors and hands everything on.
    pub(super) fn end_process(&mut self, id: ProcessId, status: Option<ExitStatus>, time_ns: i64) {
        let Some(live) = self.lives.get_mut(id.index()).and_then(Option::take) else {
            return;
        };
        self.threads.retain(|_, thread| thread.process != id);
        if let Some(table) = self.tables.release(live.table) {
            for fd in table.numbers() {
                if let Some(entry) = table.get(fd) {
                    self.close_entry(entry.clone(), ClosedBy::Exit, time_ns);
                }
            }
        }
        let status = status
            .or(live.exiting.map(|(status, _)| status))
            .unwrap_or(ExitStatus::Unknown);
        if let Some(process) = self.process_mut(id) {
            process.end_ns = Some(time_ns);
            process.exit = Some(status);
            let (pid, life) = (process.pid, (process.start_ns, process.parent));
            self.last_ends.insert(pid, life);
        }
        self.flush_life(id, *live);
    }

    /// The run is over.
    pub(super) fn finish_lives(&mut self) {
        for index in 0..self.lives.len() {
            let Some(live) = self.lives.get_mut(index).and_then(Option::take) else {
                continue;
            };
            let Ok(index) = u32::try_from(index) else {
                continue;
            };
            let id = ProcessId(index);
            if let Some((status, end_ns)) = live.exiting {
                self.lives[id.index()] = Some(live);
                self.end_process(id, Some(status), end_ns);
                continue;
            }
            if let Some(table) = self.tables.release(live.table) {
                for entry in table.entries() {
                    self.done.push(Done::Descriptor(entry.descriptor.clone()));
                }
            }
            self.flush_life(id, *live);
        }
        let mut open: Vec<_> = self
            .references
            .drain()
            .map(|(session, _)| session)
            .collect();
        open.sort_unstable();
        self.done.extend(open.into_iter().map(Done::Session));
        self.threads.clear();
    }

    /// Hands on what a life gathered, in an order that does not depend on hashing.
    fn flush_life(&mut self, id: ProcessId, live: Live) {
        self.done.push(Done::Accesses(live.accesses.into_sorted()));
        let mut links: Vec<_> = live.links.into_values().collect();
        links.sort_unstable_by_key(|link| (link.first_seq, link.kind, link.from, link.resource));
        self.done.extend(links.into_iter().map(Done::Link));
        self.done.push(Done::Process(id));
        if self.retention == Retention::Live {
            self.forget_if_possible();
        }
    }

    /// Numbers of ended lives are remembered for late reports; the kernel's pid space bounds them.
    fn forget_if_possible(&mut self) {
        const REMEMBERED_MAX: usize = 1 << 22;
        if self.latest.len() > REMEMBERED_MAX {
            let lives = &self.lives;
            self.latest
                .retain(|_, id| lives.get(id.index()).is_some_and(Option::is_some));
            self.last_ends.clear();
        }
    }

    /// Parent of a life, also of one that was handed on already.
    fn parent_of(&self, id: ProcessId, pid: Pid) -> Option<ProcessId> {
        match self.world.process(id) {
            Some(process) => process.parent,
            None => self.last_ends.get(&pid)?.1,
        }
    }
}
