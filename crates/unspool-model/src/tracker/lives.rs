//! Lives of processes and threads: who made whom, which image runs, when they end.

use std::cell::RefCell;
use std::rc::Rc;

use super::accesses::Accesses;
use super::descriptors::{Entry, Table, descriptor};
use super::{ANONYMOUS, Live, PendingFork, Thread, Tracker};
use crate::args::{FdArg, text};
use crate::event::{Call, Event, Exec, Kind, Outcome, ProcessState, Strings};
use crate::ids::{Pid, ProcessId, Tid};
use crate::map::Map;
use crate::syscalls::Operation;
use crate::world::{ClosedBy, Image, LinkKind, Origin, Process};

/// `CLONE_*` flags that matter here (`include/uapi/linux/sched.h`).
const CLONE_FS: u64 = 0x200;
const CLONE_FILES: u64 = 0x400;
const CLONE_PARENT: u64 = 0x8000;
pub(super) const CLONE_THREAD: u64 = 0x10000;

/// Two clock ticks of 10 ms: so exactly the kernel tells starts (proc(5)).
const TICKS_NS: i64 = 20_000_000;

impl Tracker {
    /// Thread and process of an event, made known if they were not.
    pub(super) fn thread_of(&mut self, event: &Event<'_>) -> (Tid, ProcessId) {
        let Some(tid) = event.tid else {
            return self.only_thread(event);
        };
        if let Some(thread) = self.threads.get(&tid) {
            return (tid, thread.process);
        }
        self.adopt(tid, event);
        match self.threads.get(&tid) {
            Some(thread) => (tid, thread.process),
            None => (tid, self.new_process(Pid(tid.0), tid, None, event.time_ns)),
        }
    }

    /// As [`Self::thread_of`], knowing that the call at hand may be the end of a fork that an unnamed thread began.
    pub(super) fn thread_of_call(
        &mut self,
        event: &Event<'_>,
        call: &Call<'_>,
    ) -> (Tid, ProcessId) {
        if let Some(tid) = event.tid
            && !self.threads.contains_key(&tid)
            && is_fork(call)
            && self
                .threads
                .get(&ANONYMOUS)
                .is_some_and(|thread| thread.fork.is_some())
        {
            self.name_anonymous(tid);
        }
        self.thread_of(event)
    }

    /// For events that no thread did (notes, output): any thread that lives, else a process made for them.
    pub(super) fn bystander(&mut self, event: &Event<'_>) -> (Tid, ProcessId) {
        if let Some(tid) = event.tid
            && let Some(thread) = self.threads.get(&tid)
        {
            return (tid, thread.process);
        }
        let first = self
            .world
            .iter_processes()
            .next()
            .map(|process| (process.pid.main_thread(), process.id));
        first.unwrap_or_else(|| match (self.world.processes.is_empty(), event.tid) {
            (true, _) => self.thread_of(event),
            (false, tid) => (tid.unwrap_or(ANONYMOUS), ProcessId(0)),
        })
    }

    /// Thread and process of an exit: one that is not known any more is a late report about the latest life of its
    /// number, not a new process.
    pub(super) fn thread_that_ends(&mut self, event: &Event<'_>) -> (Tid, ProcessId) {
        if let Some(tid) = event.tid
            && !self.threads.contains_key(&tid)
            && !self.threads.contains_key(&ANONYMOUS)
            && let Some(&process) = self.latest.get(&Pid(tid.0))
        {
            return (tid, process);
        }
        self.thread_of(event)
    }

    /// The thread of a line that names none: the only one that lives, else the first process's.
    fn only_thread(&mut self, event: &Event<'_>) -> (Tid, ProcessId) {
        if let Some(thread) = self.threads.get(&ANONYMOUS) {
            return (ANONYMOUS, thread.process);
        }
        let lowest = self
            .threads
            .iter()
            .min_by_key(|(tid, thread)| (thread.process, **tid));
        if let Some((tid, thread)) = lowest {
            return (*tid, thread.process);
        }
        let tid = self.context.top_pid.map_or(ANONYMOUS, Pid::main_thread);
        // A log of one process whose end was seen: what follows still belongs to it.
        if let Some(&process) = self.latest.get(&Pid(tid.0)) {
            return (tid, process);
        }
        let process = self.new_process(Pid(tid.0), tid, None, event.time_ns);
        self.note_first(process, event);
        (tid, process)
    }

    /// A thread that was not known does something: the child of a fork under way, the unnamed process, or a root.
    pub(super) fn adopt(&mut self, tid: Tid, event: &Event<'_>) {
        let announced = self.strangers.take_announced(tid);
        let parent = self.fork_under_way();
        let may_be_unnamed = announced.is_none() && self.threads.contains_key(&ANONYMOUS);
        if let Some((parent_tid, process, fork)) = parent {
            self.make_child(process, parent_tid, tid, fork.flags, event.time_ns);
            if let Some(thread) = self.threads.get_mut(&parent_tid)
                && let Some(fork) = &mut thread.fork
            {
                fork.child = Some(tid);
            }
            return;
        }
        if may_be_unnamed {
            self.name_anonymous(tid);
            return;
        }
        if announced.is_none() && self.adopt_thread(tid, event) {
            return;
        }
        let process = self.new_process(Pid(tid.0), tid, None, event.time_ns);
        self.note_first(process, event);
        self.guess_parent(process, announced);
    }

    /// A root process: its life began here if the first thing seen is its exec, else recording began in mid-life.
    pub(super) fn note_first(&mut self, process: ProcessId, event: &Event<'_>) {
        let begins = match &event.kind {
            Kind::Call(call) | Kind::CallBegin(call) => call.name.known().is_some_and(|call| {
                matches!(call.row().operation, Operation::Exec | Operation::ExecAt)
            }),
            _ => false,
        };
        let is_first = self.world.processes.len() == 1;
        if is_first && begins {
            self.strangers.note_launch();
        }
        let cwd = self.context.cwd.clone();
        if let Some(process) = self.process_mut(process) {
            process.attached = !begins;
            if is_first {
                process.cwd.clone_from(&cwd);
            }
        }
        if is_first && let Some(live) = self.live_mut(process) {
            *live.cwd.borrow_mut() = cwd;
        }
    }

    /// The thread that entered fork first and whose child was not seen yet.
    pub(super) fn fork_under_way(&self) -> Option<(Tid, ProcessId, PendingFork)> {
        self.threads
            .iter()
            .filter_map(|(tid, thread)| Some((*tid, thread.process, thread.fork?)))
            .filter(|(_, _, fork)| fork.child.is_none())
            .min_by_key(|(tid, _, fork)| (fork.begin_ns, *tid))
    }

    /// The process without a number turns out to have this one.
    fn name_anonymous(&mut self, tid: Tid) {
        let Some(thread) = self.threads.remove(&ANONYMOUS) else {
            return;
        };
        self.threads.insert(tid, thread);
        if let Some(process) = self.process_mut(thread.process) {
            process.pid = Pid(tid.0);
        }
        self.latest.remove(&Pid(ANONYMOUS.0));
        self.latest.insert(Pid(tid.0), thread.process);
    }

    /// Makes a process; `parent` gives image, descriptors and working directory.
    pub(super) fn new_process(
        &mut self,
        pid: Pid,
        tid: Tid,
        parent: Option<(ProcessId, u64)>,
        time_ns: i64,
    ) -> ProcessId {
        if let Some(&former) = self.latest.get(&pid) {
            self.end_process(former, None, time_ns);
        }
        let id = ProcessId(u32::try_from(self.world.processes.len()).unwrap_or(u32::MAX));
        let mut process = Process {
            id,
            pid,
            parent: parent.map(|(parent, _)| parent),
            start_ns: time_ns,
            attached: parent.is_none(),
            end_ns: None,
            exit: None,
            images: Vec::new(),
            cwd: Vec::new(),
            user: None,
            group: Vec::new(),
            container_name: Vec::new(),
            threads: 1,
            events: 0,
            failed_calls: 0,
        };
        let (table, cwd) = match parent {
            Some((parent, flags)) => self.inherit(&mut process, parent, flags, time_ns),
            None => (
                self.tables.add(Table::default()),
                Rc::new(RefCell::new(Vec::new())),
            ),
        };
        process.cwd.clone_from(&cwd.borrow());
        self.world.processes.push(Some(Box::new(process)));
        self.lives.push(Some(Box::new(Live {
            table,
            cwd,
            threads_alive: 1,
            leader_status: None,
            exiting: None,
            exec_told: false,
            is_parent_guessed: false,
            accesses: Accesses::default(),
            links: Map::default(),
        })));
        self.threads.insert(
            tid,
            Thread {
                process: id,
                fork: None,
            },
        );
        self.latest.insert(pid, id);
        if let Some((parent, _)) = parent {
            self.link(LinkKind::Fork, parent, id, None, time_ns);
        }
        id
    }

    /// What a child gets from its parent.
    fn inherit(
        &mut self,
        child: &mut Process,
        parent: ProcessId,
        flags: u64,
        time_ns: i64,
    ) -> (super::TableId, Rc<RefCell<Vec<u8>>>) {
        if let Some(process) = self.world.process(parent) {
            child.user = process.user;
            child.group.clone_from(&process.group);
            child.container_name.clone_from(&process.container_name);
            child.images.extend(process.image().map(|image| Image {
                seq: self.seq,
                time_ns,
                inherited: true,
                ..image.clone()
            }));
        }
        let Some(live) = self.live(parent) else {
            return (
                self.tables.add(Table::default()),
                Rc::new(RefCell::new(Vec::new())),
            );
        };
        let cwd = if flags & CLONE_FS == 0 {
            Rc::new(RefCell::new(live.cwd.borrow().clone()))
        } else {
            Rc::clone(&live.cwd)
        };
        let table = live.table;
        if flags & CLONE_FILES != 0 {
            self.tables.get_mut(table).users += 1;
            return (table, cwd);
        }
        let copy = self.copy_table(table, child.id, parent, time_ns);
        (self.tables.add(copy), cwd)
    }

    fn copy_table(
        &mut self,
        table: super::TableId,
        child: ProcessId,
        parent: ProcessId,
        time_ns: i64,
    ) -> Table {
        let mut copy = Table::default();
        for entry in self.tables.get(table).entries() {
            let former = &entry.descriptor;
            let mut new = descriptor(
                former.session,
                child,
                former.fd,
                time_ns,
                Origin::Inherited(parent),
            );
            new.close_on_exec = former.close_on_exec;
            *self.references.entry(former.session).or_default() += 1;
            copy.insert(
                former.fd,
                Entry {
                    descriptor: new,
                    object: Rc::clone(&entry.object),
                    made_ns: time_ns,
                },
            );
        }
        copy
    }

    /// `child` is a new thread or process of `process`.
    pub(super) fn make_child(
        &mut self,
        process: ProcessId,
        _by: Tid,
        child: Tid,
        flags: u64,
        time_ns: i64,
    ) {
        self.strangers.take_announced(child);
        if flags & CLONE_THREAD != 0 {
            let former = self.threads.insert(
                child,
                Thread {
                    process,
                    fork: None,
                },
            );
            let known = former.is_some_and(|former| former.process == process);
            if known {
                return;
            }
            if let Some(process) = self.process_mut(process) {
                process.threads += 1;
            }
            if let Some(live) = self.live_mut(process) {
                live.threads_alive += 1;
            }
            return;
        }
        let parent = if flags & CLONE_PARENT == 0 {
            Some(process)
        } else {
            self.world
                .process(process)
                .and_then(|process| process.parent)
        };
        let id = self.new_process(Pid(child.0), child, Some((process, flags)), time_ns);
        if flags & CLONE_PARENT != 0
            && let Some(process) = self.process_mut(id)
        {
            process.parent = parent;
        }
    }

    /// A call that makes, replaces or ends a process was entered.
    pub(super) fn call_begin(&mut self, event: &Event<'_>, call: &Call<'_>) {
        let (tid, process) = self.thread_of(event);
        let Some(row) = call.name.known().map(super::super::syscalls::Syscall::row) else {
            return;
        };
        match row.operation {
            Operation::Fork | Operation::Vfork | Operation::Clone | Operation::Clone3 => {
                let flags = clone_flags(call, row.operation);
                if let Some(thread) = self.threads.get_mut(&tid) {
                    thread.fork = Some(PendingFork {
                        flags,
                        begin_ns: event.time_ns,
                        child: None,
                    });
                }
            }
            Operation::ExitGroup => self.note_exit_group(process, call, event.time_ns),
            _ => {}
        }
    }

    /// fork, vfork, clone, clone3 returned.
    pub(super) fn fork_returned(
        &mut self,
        tid: Tid,
        process: ProcessId,
        call: &Call<'_>,
        operation: Operation,
        begin_ns: i64,
    ) {
        let pending = self
            .threads
            .get_mut(&tid)
            .and_then(|thread| thread.fork.take());
        let Outcome::Returned(child) = call.outcome else {
            return;
        };
        if self.has_facts {
            return;
        }
        // The child's own return from clone (0) makes nobody.
        let Some(child) = u32::try_from(child).ok().filter(|child| *child != 0) else {
            return;
        };
        let child = Tid(child);
        let flags = clone_flags(call, operation);
        match self.threads.get(&child).map(|thread| thread.process) {
            Some(known) if known == process => {}
            Some(known) => self.correct_parent(known, process, child, flags, begin_ns),
            // Seen already under another number: the child's own pid namespace.
            None if pending.is_some_and(|fork| fork.child.is_some()) => {}
            // A child that lived and died before its parent's call returned.
            None if self.died_since(child, process, begin_ns) => {}
            None => self.make_child(process, tid, child, flags, begin_ns),
        }
    }

    fn died_since(&mut self, child: Tid, parent: ProcessId, begin_ns: i64) -> bool {
        let Some(&id) = self.latest.get(&Pid(child.0)) else {
            return false;
        };
        if self.live(id).is_some() {
            return false;
        }
        match self.process_mut(id) {
            Some(process) if process.start_ns >= begin_ns => {
                process.parent.get_or_insert(parent);
                true
            }
            Some(_) => false,
            // Complete and handed on: the last life of this number to end decides.
            None => self
                .last_ends
                .get(&Pid(child.0))
                .is_some_and(|(start_ns, _)| *start_ns >= begin_ns),
        }
    }

    /// A thread that was taken for something else turns out to be `parent`'s child.
    fn correct_parent(
        &mut self,
        known: ProcessId,
        parent: ProcessId,
        child: Tid,
        flags: u64,
        begin_ns: i64,
    ) {
        let Some(process) = self.world.process(known) else {
            return;
        };
        let is_told = !self.is_parent_guessed(known);
        if is_told && process.parent == Some(parent) && process.start_ns >= begin_ns {
            return;
        }
        // Logs of `strace -z` have no first halves: without times clone stands behind what its child did meanwhile. Of a
        // stranger no other call can have told.
        let is_former = process.start_ns < begin_ns && is_told;
        if is_former || process.pid.main_thread() != child {
            // The number's former life ended unseen.
            self.threads.remove(&child);
            self.make_child(parent, child, child, flags, begin_ns);
            return;
        }
        if flags & CLONE_THREAD != 0 {
            return;
        }
        self.reparent(known, parent, begin_ns);
    }

    fn reparent(&mut self, child: ProcessId, parent: ProcessId, time_ns: i64) {
        let image = self
            .world
            .process(parent)
            .and_then(|process| process.image().cloned());
        let cwd = self
            .live(parent)
            .map(|live| live.cwd.borrow().clone())
            .unwrap_or_default();
        let is_guessed = self.is_parent_guessed(child);
        let Some(process) = self.process_mut(child) else {
            return;
        };
        let was_root = process.parent.is_none() || is_guessed;
        process.parent = Some(parent);
        process.attached = false;
        if process.images.is_empty() {
            process.images.extend(image.map(|image| Image {
                inherited: true,
                ..image
            }));
        }
        if process.cwd.is_empty() {
            process.cwd.clone_from(&cwd);
        }
        if was_root {
            self.lend_descriptors(child, parent, time_ns);
        }
        if let Some(live) = self.live_mut(child) {
            if live.cwd.borrow().is_empty() {
                *live.cwd.borrow_mut() = cwd;
            }
            live.is_parent_guessed = false;
            live.links.retain(|(kind, _, _), _| *kind != LinkKind::Fork);
        }
        self.link(LinkKind::Fork, parent, child, None, time_ns);
    }

    /// Gives a late-found child the descriptors of its parent that it has not shown itself.
    fn lend_descriptors(&mut self, child: ProcessId, parent: ProcessId, time_ns: i64) {
        let (Some(from), Some(to)) = (
            self.live(parent).map(|live| live.table),
            self.live(child).map(|live| live.table),
        ) else {
            return;
        };
        let copy = self.copy_table(from, child, parent, time_ns);
        for fd in copy.numbers() {
            let Some(entry) = copy.get(fd) else { continue };
            if self.tables.get(to).get(fd).is_some() {
                self.drop_reference(entry.descriptor.session, None);
            } else {
                self.tables.get_mut(to).insert(fd, entry.clone());
            }
        }
    }

    /// The leader vanished: `by` runs on under the leader's number.
    pub(super) fn superseded(&mut self, event: &Event<'_>, by: Tid) {
        let (leader, process) = self.thread_of(event);
        if by != leader
            && self.threads.remove(&by).is_some()
            && let Some(live) = self.live_mut(process)
        {
            live.threads_alive = live.threads_alive.saturating_sub(1).max(1);
        }
    }

    /// Native: a new image runs.
    pub(super) fn exec_fact(&mut self, event: &Event<'_>, exec: &Exec<'_>) -> (Tid, ProcessId) {
        self.has_facts = true;
        let event = Event {
            tid: Some(exec.pid.main_thread()),
            ..*event
        };
        let (tid, process) = self.thread_of(&event);
        let image = Image {
            seq: self.seq,
            time_ns: event.time_ns,
            inherited: false,
            exe: exec.exe.to_vec(),
            argv: owned(exec.argv),
            argv_cut: is_cut(exec.argv),
            env: owned(exec.env),
            cwd: exec.cwd.to_vec(),
            claimed: false,
        };
        self.set_cwd(process, exec.cwd);
        if let Some(process) = self.process_mut(process) {
            process.user = exec.user.map(|(user, _)| user).or(process.user);
            process.set_group(exec.group);
        }
        self.run_image(process, tid, image, event.time_ns);
        if let Some(live) = self.live_mut(process) {
            live.exec_told = true;
        }
        (tid, process)
    }

    /// A new image runs: other threads are gone, close-on-exec descriptors are closed, a shared table is not shared any more.
    pub(super) fn run_image(&mut self, process: ProcessId, tid: Tid, image: Image, time_ns: i64) {
        self.threads
            .retain(|other, thread| thread.process != process || *other == tid);
        self.threads
            .entry(tid)
            .and_modify(|thread| thread.fork = None)
            .or_insert(Thread {
                process,
                fork: None,
            });
        if let Some(live) = self.live_mut(process) {
            live.threads_alive = 1;
            live.leader_status = None;
        }
        self.unshare_table(process, time_ns);
        if let Some(table) = self.live(process).map(|live| live.table) {
            for fd in self.tables.get(table).numbers() {
                let closes = self
                    .tables
                    .get(table)
                    .get(fd)
                    .is_some_and(|entry| entry.descriptor.close_on_exec);
                if closes && let Some(entry) = self.tables.get_mut(table).remove(fd) {
                    self.close_entry(entry, ClosedBy::Exec, time_ns);
                }
            }
        }
        self.link(LinkKind::Exec, process, process, None, time_ns);
        if let Some(process) = self.process_mut(process) {
            process.images.push(image);
        }
    }

    pub(super) fn unshare_table(&mut self, process: ProcessId, time_ns: i64) {
        let Some(table) = self.live(process).map(|live| live.table) else {
            return;
        };
        if self.tables.get(table).users < 2 {
            return;
        }
        let copy = self.copy_table(table, process, process, time_ns);
        self.tables.get_mut(table).users -= 1;
        let table = self.tables.add(copy);
        if let Some(live) = self.live_mut(process) {
            live.table = table;
        }
    }

    /// Native: state of a process when recording of it began.
    pub(super) fn process_state(&mut self, event: &Event<'_>, state: &ProcessState<'_>) {
        self.has_facts = true;
        let tid = state.pid.main_thread();
        let process = match self.threads.get(&tid) {
            Some(thread) => thread.process,
            None => self.new_process(state.pid, tid, None, event.time_ns),
        };
        // One within two ticks is that of the recording.
        let start_ns = state
            .start_ns
            .filter(|start_ns| event.time_ns.saturating_sub(*start_ns) > TICKS_NS)
            .unwrap_or(event.time_ns);
        let parent = self
            .latest
            .get(&state.parent)
            .copied()
            .filter(|parent| *parent != process);
        let image = Image {
            seq: self.seq,
            time_ns: start_ns,
            inherited: true,
            exe: state.exe.to_vec(),
            argv: owned(state.argv),
            argv_cut: is_cut(state.argv),
            env: owned(state.env),
            cwd: state.cwd.to_vec(),
            claimed: false,
        };
        self.set_cwd(process, state.cwd);
        if let Some(process) = self.process_mut(process) {
            process.parent = process.parent.or(parent);
            process.start_ns = start_ns;
            process.attached = start_ns < event.time_ns || state.start_ns.is_none();
            process.user = state.user.map(|(user, _)| user);
            process.cwd = state.cwd.to_vec();
            process.set_group(state.group);
            let tells = !image.exe.is_empty() || !image.argv.is_empty();
            if process.images.is_empty() && tells {
                process.images.push(image);
            }
        }
        for (fd, flags, path) in state.descriptors() {
            let fd = FdArg {
                fd,
                path,
                escaped: false,
            };
            self.found_descriptor(process, fd, flags, event.time_ns);
        }
    }

    pub(super) fn set_cwd(&mut self, process: ProcessId, cwd: &[u8]) {
        if cwd.is_empty() {
            return;
        }
        if let Some(live) = self.live_mut(process) {
            let mut held = live.cwd.borrow_mut();
            held.clear();
            held.extend_from_slice(cwd);
        }
        if let Some(process) = self.process_mut(process)
            && process.cwd.is_empty()
        {
            process.cwd = cwd.to_vec();
        }
    }
}

fn is_fork(call: &Call<'_>) -> bool {
    call.name.known().is_some_and(|call| {
        matches!(
            call.row().operation,
            Operation::Fork | Operation::Vfork | Operation::Clone | Operation::Clone3
        )
    })
}

/// Flags of a call that makes a process; none for fork and vfork.
fn clone_flags(call: &Call<'_>, operation: Operation) -> u64 {
    match operation {
        Operation::Clone => call
            .args
            .clone_flags(false)
            // ltrace prints the bare number.
            .or_else(|| call.args.int(0).map(i64::cast_unsigned)),
        Operation::Clone3 => call.args.clone_flags(true),
        _ => None,
    }
    .unwrap_or(0)
}

fn owned(strings: Strings<'_>) -> Vec<Vec<u8>> {
    strings
        .iter()
        .take(text::STRINGS_MAX)
        .map(<[u8]>::to_vec)
        .collect()
}

fn is_cut(strings: Strings<'_>) -> bool {
    usize::try_from(strings.count).is_ok_and(|count| count > strings.iter().count())
}
