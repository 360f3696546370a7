//! Calls that were entered and have not returned yet: a stack for each thread.

use std::collections::BTreeMap;

use super::line::Name;

/// Calls that may be open on one thread; a recursion deeper than this gives up its outermost calls.
pub(super) const DEPTH_MAX: usize = 4096;

/// A call that was entered.
#[derive(Default, Debug)]
pub(super) struct Pending {
    pub(super) time_ns: i64,
    pub(super) tid: u32,
    pub(super) library: Vec<u8>,
    pub(super) name: Vec<u8>,
    pub(super) args: Vec<u8>,
    pub(super) is_syscall: bool,
    pub(super) depth: u32,
    /// Of a fork: whether its child returned before it.
    pub(super) is_child_told: bool,
}

impl Pending {
    /// The name as the line had it.
    pub(super) fn name(&self) -> Name<'_> {
        Name {
            library: &self.library,
            name: &self.name,
            is_syscall: self.is_syscall,
        }
    }
}

/// The stacks, and memory of closed calls for reuse.
#[derive(Default, Debug)]
pub(super) struct Stacks {
    threads: BTreeMap<u32, Vec<Pending>>,
    spare: Vec<Pending>,
}

impl Stacks {
    /// Calls open on the thread.
    pub(super) fn depth(&self, tid: u32) -> u32 {
        let depth = self.threads.get(&tid).map_or(0, Vec::len);
        u32::try_from(depth).unwrap_or(u32::MAX)
    }

    /// Makes an entered call, without a place on a stack yet.
    pub(super) fn enter(&mut self, time_ns: i64, tid: u32, name: Name<'_>, args: &[u8]) -> Pending {
        let mut pending = self.spare.pop().unwrap_or_default();
        pending.time_ns = time_ns;
        pending.tid = tid;
        pending.depth = self.depth(tid);
        pending.is_syscall = name.is_syscall;
        pending.is_child_told = false;
        for (buffer, bytes) in [
            (&mut pending.library, name.library),
            (&mut pending.name, name.name),
            (&mut pending.args, args),
        ] {
            buffer.clear();
            buffer.extend_from_slice(bytes);
        }
        pending
    }

    /// Puts an entered call on the stack of its thread. Gives back the outermost call when there are too many.
    pub(super) fn push(&mut self, pending: Pending) -> Option<Pending> {
        let stack = self.threads.entry(pending.tid).or_default();
        let dropped = (stack.len() >= DEPTH_MAX).then(|| stack.remove(0));
        stack.push(pending);
        dropped
    }

    /// Whether a call of this name is open on the thread.
    pub(super) fn has(&self, tid: u32, name: Name<'_>) -> bool {
        self.threads
            .get(&tid)
            .is_some_and(|stack| stack.iter().any(|pending| is_same(pending, name)))
    }

    /// The innermost call that began first among those that are forks and whose child did not return yet.
    pub(super) fn forking(&mut self, is_fork: impl Fn(&Pending) -> bool) -> Option<&mut Pending> {
        self.threads
            .values_mut()
            .filter_map(|stack| stack.last_mut())
            .filter(|pending| is_fork(pending) && !pending.is_child_told)
            .min_by_key(|pending| (pending.time_ns, pending.tid))
    }

    /// Takes the innermost call off the stack of the thread.
    pub(super) fn pop(&mut self, tid: u32) -> Option<Pending> {
        let stack = self.threads.get_mut(&tid)?;
        let pending = stack.pop();
        if stack.is_empty() {
            self.threads.remove(&tid);
        }
        pending
    }

    /// The lowest thread that has open calls.
    pub(super) fn first_thread(&self) -> Option<u32> {
        self.threads.keys().next().copied()
    }

    /// Keeps the memory of a closed call.
    pub(super) fn recycle(&mut self, pending: Pending) {
        const SPARE_MAX: usize = 64;
        if self.spare.len() < SPARE_MAX {
            self.spare.push(pending);
        }
    }
}

/// Whether a resumed half of this name belongs to the call: the half has no `@SYS`, but has `SYS_`.
pub(super) fn is_same(pending: &Pending, name: Name<'_>) -> bool {
    pending.name == name.name && (pending.is_syscall || !name.is_syscall)
}
