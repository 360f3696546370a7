//! Calls that have been entered and have not returned: one per thread.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use unspool_model::event::CallName;
use unspool_model::syscalls::{Architecture, Syscall};

/// Most threads with an open call; more are reported as never resumed.
pub const OPEN_CALLS_MAX: usize = 64 << 10;
/// Most bytes of arguments of open calls together; a half that does not fit is reported as never resumed.
pub const OPEN_BYTES_MAX: usize = 16 << 20;
/// A buffer that grew beyond this is given back when its call ends.
const BUFFER_KEEP_BYTES_MAX: usize = 16 << 10;
/// Stands for the thread that a log without pids does not name.
pub(super) const NO_TID: u32 = u32::MAX;

/// Numbers of threads are dense enough: one multiplication spreads them.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct TidHasher(u64);

impl Hasher for TidHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.0 = (self.0 ^ u64::from(value)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 ^= self.0 >> 29;
    }
}

/// One thread.
#[derive(Debug)]
pub(super) struct Thread {
    /// Its number, or [`NO_TID`].
    pub(super) tid: u32,
    /// Whether a call is open.
    pub(super) is_open: bool,
    /// Row of the open call.
    pub(super) call: Option<Syscall>,
    /// Its name as printed, if it has no row.
    pub(super) other_name: Vec<u8>,
    /// Its arguments so far.
    pub(super) text: Vec<u8>,
    /// When it was entered.
    pub(super) time_ns: i64,
    /// Of the thread's calls.
    pub(super) architecture: Architecture,
}

impl Thread {
    /// Name of the open call.
    pub(super) fn name(&self) -> CallName<'_> {
        match self.call {
            Some(call) => CallName::Known(call),
            None => CallName::Other(&self.other_name),
        }
    }
}

/// Threads whose places are remembered, a power of two.
const RECENT: usize = 64;
/// No thread has this place: there are fewer.
const NOWHERE: u32 = u32::MAX;

/// Where the threads of the last lines are.
#[derive(Debug)]
struct Recent([(u32, u32); RECENT]);

impl Default for Recent {
    fn default() -> Self {
        Self([(0, NOWHERE); RECENT])
    }
}

impl Recent {
    #[inline]
    fn get(&self, tid: u32) -> Option<u32> {
        let (known, place) = *self.0.get(tid as usize % RECENT)?;
        (known == tid && place != NOWHERE).then_some(place)
    }

    fn set(&mut self, tid: u32, place: u32) {
        if let Some(slot) = self.0.get_mut(tid as usize % RECENT) {
            *slot = (tid, place);
        }
    }

    fn forget(&mut self, tid: u32) {
        self.set(tid, NOWHERE);
    }
}

/// All threads that ever had an open call and have not ended.
#[derive(Default, Debug)]
pub(super) struct Threads {
    index: HashMap<u32, u32, BuildHasherDefault<TidHasher>>,
    slots: Vec<Thread>,
    free: Vec<u32>,
    /// Where the threads of the last lines are, by the end of their numbers.
    recent: Recent,
    /// Threads with an open call.
    pub(super) open: usize,
    /// Bytes of arguments in open calls.
    pub(super) open_bytes: usize,
}

impl Threads {
    /// The thread, if it is known.
    #[inline]
    pub(super) fn get(&mut self, tid: u32) -> Option<&mut Thread> {
        let place = match self.recent.get(tid) {
            Some(place) => place,
            None => self.look_up(tid)?,
        };
        self.slots.get_mut(place as usize)
    }

    #[inline(never)]
    fn look_up(&mut self, tid: u32) -> Option<u32> {
        let place = *self.index.get(&tid)?;
        self.recent.set(tid, place);
        Some(place)
    }

    /// The thread, made if it is new.
    pub(super) fn enter(&mut self, tid: u32, architecture: Architecture) -> Option<&mut Thread> {
        if self.recent.get(tid).is_none() && !self.index.contains_key(&tid) {
            if self.index.len() >= OPEN_CALLS_MAX {
                self.forget_idle();
            }
            let thread = Thread {
                tid,
                is_open: false,
                call: None,
                other_name: Vec::new(),
                text: Vec::new(),
                time_ns: 0,
                architecture,
            };
            let place = if let Some(place) = self.free.pop() {
                if let Some(slot) = self.slots.get_mut(place as usize) {
                    let text = std::mem::take(&mut slot.text);
                    *slot = Thread { text, ..thread };
                    slot.text.clear();
                }
                place
            } else {
                let place = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(thread);
                place
            };
            self.index.insert(tid, place);
        }
        self.get(tid)
    }

    /// Whether a half of `bytes` more fits.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.open < OPEN_CALLS_MAX && self.open_bytes.saturating_add(bytes) <= OPEN_BYTES_MAX
    }

    /// Marks the call of the thread as ended.
    #[inline]
    pub(super) fn close(&mut self, tid: u32) {
        let Some(thread) = self.get(tid) else {
            return;
        };
        if !thread.is_open {
            return;
        }
        thread.is_open = false;
        let bytes = thread.text.len();
        thread.text.clear();
        if thread.text.capacity() > BUFFER_KEEP_BYTES_MAX {
            thread.text = Vec::new();
        }
        self.open -= 1;
        self.open_bytes = self.open_bytes.saturating_sub(bytes);
    }

    /// Forgets a thread that has ended; its number may come again.
    pub(super) fn remove(&mut self, tid: u32) {
        self.close(tid);
        self.recent.forget(tid);
        if let Some(place) = self.index.remove(&tid) {
            self.free.push(place);
        }
    }

    /// Gives the open call of `from` to `to` (`superseded by execve`).
    pub(super) fn rename(&mut self, from: u32, to: u32) {
        self.remove(to);
        self.recent.forget(from);
        if let Some(place) = self.index.remove(&from) {
            if let Some(thread) = self.slots.get_mut(place as usize) {
                thread.tid = to;
            }
            self.index.insert(to, place);
        }
    }

    /// Threads with an open call, by number.
    pub(super) fn open_tids(&self) -> Vec<u32> {
        let mut tids: Vec<u32> = self
            .slots
            .iter()
            .filter(|thread| thread.is_open)
            .map(|thread| thread.tid)
            .collect();
        tids.sort_unstable();
        tids
    }

    /// The only thread that is in a call of this name.
    pub(super) fn only_in(&self, name: &[u8]) -> Option<u32> {
        let mut found = self
            .slots
            .iter()
            .filter(|thread| thread.is_open && thread.name().as_bytes() == name);
        let first = found.next()?;
        found.next().is_none().then_some(first.tid)
    }

    fn forget_idle(&mut self) {
        // The slot of a removed thread keeps its number, which may live elsewhere.
        let idle: Vec<u32> = self
            .slots
            .iter()
            .zip(0_u32..)
            .filter(|(thread, place)| !thread.is_open && self.index.get(&thread.tid) == Some(place))
            .map(|(thread, _)| thread.tid)
            .collect();
        for tid in idle {
            self.remove(tid);
        }
    }
}
