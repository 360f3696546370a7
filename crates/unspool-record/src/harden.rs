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

/// Takes back in a child, before its exec, what [`harden`] did, and what the kernel did because the program file has capabilities:
/// the recorder must be able to trace it. Async-signal-safe.
///
/// An ordinary user's process that was given capabilities by its file is undumpable, and so is its child, which nobody without
/// `CAP_SYS_PTRACE` may trace then (ptrace(2), "Ptrace access mode checking"). It loses them first, as it would at its exec: who may
/// trace it finds nothing to take.
pub(crate) fn soften_in_child() {
    let is_hardened = CORE_LIMIT.get().is_some();
    if let Some(limit) = CORE_LIMIT.get() {
        // SAFETY: the limit came from the kernel.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, std::ptr::from_ref(limit)) };
    }
    let was_raised = is_ordinary_user() && !is_dumpable() && drop_capabilities();
    if is_hardened || was_raised {
        // SAFETY: numbers only. Until its exec the child holds a copy of the recorder's memory.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
    }
}

/// Neither root nor raised to another user by a set-user-ID bit.
fn is_ordinary_user() -> bool {
    // SAFETY: takes nothing and cannot fail.
    let real = unsafe { libc::getuid() };
    // SAFETY: as above.
    let effective = unsafe { libc::geteuid() };
    real == effective && real != 0
}

fn is_dumpable() -> bool {
    // SAFETY: numbers only.
    unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 }
}

/// `_LINUX_CAPABILITY_VERSION_3` of linux/capability.h: two words a set.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

/// `struct __user_cap_header_struct` of linux/capability.h.
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

/// `struct __user_cap_data_struct` of linux/capability.h.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityWords {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Drops what is permitted to the calling thread; what it hands on stays. Whether there was something, and it is gone.
fn drop_capabilities() -> bool {
    let mut header = CapabilityHeader {
        version: CAPABILITY_VERSION,
        pid: 0,
    };
    let mut words = [CapabilityWords::default(); 2];
    // SAFETY: both point to places as large as the version says.
    let got = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, words.as_mut_ptr()) };
    if got != 0 || words.iter().all(|word| word.permitted == 0) {
        return false;
    }
    let none = words.map(|word| CapabilityWords {
        inheritable: word.inheritable,
        ..CapabilityWords::default()
    });
    // SAFETY: as above; the kernel only reads the words.
    unsafe { libc::syscall(libc::SYS_capset, &raw mut header, none.as_ptr()) == 0 }
}
