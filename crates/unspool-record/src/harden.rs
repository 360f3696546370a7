//! Keeps the recorder's memory, which holds the job's secrets, out of core dumps and out of other processes' sight.

#![expect(unsafe_code, reason = "process attributes that std does not set")]

use std::io;
use std::sync::OnceLock;

/// The limit of core dumps that this process inherited, and that its commands must inherit.
static CORE_LIMIT: OnceLock<libc::rlimit> = OnceLock::new();

/// Makes this process undumpable and forbids core dumps of it. The commands it records are not affected.
///
/// To be called once, by the program, before it records.
pub fn harden() -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid place.
    if unsafe { libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let inherited = *CORE_LIMIT.get_or_init(|| limit);
    // Only the soft limit: a command without privilege could not get the hard one back.
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: inherited.rlim_max,
    };
    // SAFETY: `none` is a valid limit.
    if unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: numbers only.
    if unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Takes back in a child, before its exec, what [`harden`] did. Async-signal-safe.
pub(crate) fn soften_in_child() {
    if let Some(limit) = CORE_LIMIT.get() {
        // SAFETY: the limit came from the kernel.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, std::ptr::from_ref(limit)) };
        // SAFETY: numbers only. Until its exec the child holds a copy of the recorder's memory; the recorder must be able to trace it.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
    }
}
