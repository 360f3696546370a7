//! What the recorder knows about the threads it holds.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::roles::{ProcessCall, Row};
use crate::sys::Tid;

/// A call that was entered and did not return yet.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Whether there is one, and it is wanted.
    pub(crate) is_active: bool,
    pub(crate) architecture: u8,
    pub(crate) number: u64,
    pub(crate) args: [u64; 6],
    pub(crate) entry_ns: i64,
    pub(crate) row: Option<&'static Row>,
    pub(crate) process_call: Option<ProcessCall>,
    /// Whether the child of the call under way was told.
    pub(crate) is_child_told: bool,
    /// Flags of clone, clone3, fork, vfork, while one is under way.
    pub(crate) clone_flags: Option<u64>,
    /// Items of what the call was given. Its room is used again.
    pub(crate) items: Vec<u8>,
}

/// Something changed in a thread so that its child can be followed; to be put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restore {
    /// The first argument's register.
    Register(u64),
    /// The flags of the `clone_args` at an address.
    Memory(u64, u64),
}

impl Pending {
    /// Whether the call under way makes a thread or process that was not told yet.
    pub(crate) fn may_tell_child(&self) -> bool {
        !self.is_child_told
            && matches!(
                self.process_call,
                Some(ProcessCall::Fork | ProcessCall::Clone | ProcessCall::Clone3)
            )
    }
}

/// One thread.
#[derive(Debug, Default)]
pub(crate) struct Tracee {
    pub(crate) tgid: Tid,
    pub(crate) pending: Pending,
    pub(crate) restore: Option<Restore>,
    /// It is in the call that ends it, and does not stop at its end.
    pub(crate) ends_unseen: bool,
    /// A stop signal that was let through and whose stop did not come yet.
    pub(crate) stopping: Option<i32>,
}

impl Tracee {
    pub(crate) fn new(tgid: Tid) -> Self {
        Self {
            tgid,
            ..Self::default()
        }
    }
}

/// Thread numbers are small and dense: the number itself, spread, is hash enough.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TidHasher(u64);

impl Hasher for TidHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_i32(&mut self, value: i32) {
        self.0 = u64::from(value.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Threads by number.
pub(crate) type Tracees = HashMap<Tid, Tracee, BuildHasherDefault<TidHasher>>;
