//! The few system calls that std does not offer, each as a safe function.
#![expect(unsafe_code, reason = "raw calls are the purpose of these programs")]

use std::ffi::{CStr, c_int, c_long, c_void};
use std::io;

use libc::pid_t;

fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Forks; gives 0 in the child. The caller has one thread, so the child may go on with ordinary code.
pub(crate) fn fork() -> io::Result<pid_t> {
    // SAFETY: callers run before they start threads, so no lock is held by a thread that the child lacks.
    checked(unsafe { libc::fork() })
}

/// Ends the process without flushing anything.
pub(crate) fn exit_now(status: c_int) -> ! {
    // SAFETY: `_exit` touches no memory of ours.
    unsafe { libc::_exit(status) }
}

/// Waits for a child and gives its wait status.
pub(crate) fn wait(pid: pid_t, options: c_int) -> io::Result<c_int> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is valid for the call.
        match checked(unsafe { libc::waitpid(pid, &raw mut status, options) }) {
            Ok(_) => return Ok(status),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Sends a signal.
pub(crate) fn kill(pid: pid_t, signal: c_int) -> io::Result<()> {
    // SAFETY: no memory is involved.
    checked(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Asks the kernel for the parent, every time.
pub(crate) fn getppid() -> c_long {
    // SAFETY: no memory is involved.
    unsafe { libc::syscall(libc::SYS_getppid) }
}

/// Makes a call that takes only numbers and gives its result, or minus one.
pub(crate) fn call(number: c_long, arguments: [c_long; 3]) -> c_long {
    let [first, second, third] = arguments;
    // SAFETY: callers pass numbers that do not exist, or addresses that the kernel refuses.
    unsafe { libc::syscall(number, first, second, third) }
}

/// Makes a child with raw `clone`, without a new stack: it goes on after the call like after a fork. Gives 0 in the child.
pub(crate) fn clone(flags: c_int) -> io::Result<pid_t> {
    let flags = c_long::from(flags | libc::SIGCHLD);
    // SAFETY: without CLONE_VM the child has its own copy of the stack.
    let result =
        unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, 0_usize, 0_usize, 0_usize) };
    pid_t::try_from(result)
        .ok()
        .filter(|pid| *pid >= 0)
        .ok_or_else(io::Error::last_os_error)
}

/// Makes a child with `clone3`, like a fork with these flags.
pub(crate) fn clone3(flags: u64) -> io::Result<pid_t> {
    // flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls
    let arguments = [
        flags,
        0,
        0,
        0,
        u64::from(libc::SIGCHLD.unsigned_abs()),
        0,
        0,
        0,
    ];
    // SAFETY: the structure has the 64 bytes of the first version and outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            arguments.as_ptr(),
            size_of_val(&arguments),
        )
    };
    pid_t::try_from(result)
        .ok()
        .filter(|pid| *pid >= 0)
        .ok_or_else(io::Error::last_os_error)
}

extern "C" fn exit_child(status: *mut c_void) -> c_int {
    exit_now(c_int::try_from(status as usize).unwrap_or(255))
}

/// Makes a child that borrows our memory and stops us until it ends, as vfork does.
pub(crate) fn vfork_and_exit(status: u8) -> io::Result<pid_t> {
    let mut stack = vec![0_u128; 4096];
    let top = stack.as_mut_ptr_range().end.cast::<c_void>();
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let argument = std::ptr::without_provenance_mut::<c_void>(usize::from(status));
    // SAFETY: the child only calls `_exit`, on a stack of its own that lives until it has ended.
    checked(unsafe { libc::clone(exit_child, top, flags, argument) })
}

/// Installs a handler.
pub(crate) fn on_signal(signal: c_int, handler: extern "C" fn(c_int)) -> io::Result<()> {
    // SAFETY: all-zero is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `action` is valid, the handler does only what is allowed in handlers.
    checked(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) }).map(drop)
}

/// Queues a real-time signal with a value to ourselves.
pub(crate) fn queue(signal: c_int, value: usize) -> io::Result<()> {
    let value = libc::sigval {
        sival_ptr: std::ptr::without_provenance_mut(value),
    };
    let [pid, ..] = ids();
    // SAFETY: the value is a number, nobody follows it.
    checked(unsafe { libc::sigqueue(pid, signal, value) }).map(drop)
}

/// One anonymous page that may not be touched. Gives its address.
pub(crate) fn forbidden_page() -> io::Result<usize> {
    map(PAGE, libc::PROT_NONE).map(|address| address as usize)
}

/// Size of the pages that [`forbidden_page`] and [`protect`] deal in.
pub(crate) const PAGE: usize = 4096;

fn map(len: usize, protection: c_int) -> io::Result<*mut c_void> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping disturbs no other.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        Err(io::Error::last_os_error())
    } else {
        Ok(address)
    }
}

/// Changes the protection of a page of [`forbidden_page`].
pub(crate) fn protect(page: usize, protection: c_int) {
    // SAFETY: the page is ours alone and holds no Rust value.
    unsafe { libc::mprotect(std::ptr::without_provenance_mut(page), PAGE, protection) };
}

/// Writes one byte into a page of [`forbidden_page`]; faults when it is protected.
pub(crate) fn touch(page: usize) {
    let byte = std::ptr::with_exposed_provenance_mut::<u8>(page);
    // SAFETY: the page is mapped; a fault is repaired by the handler, which makes it writable.
    unsafe { byte.write_volatile(1) };
}

/// Writes zero bytes to a descriptor in one call; the memory is untouched, so that a gigabyte costs nothing.
pub(crate) fn write_zeros(fd: c_int, len: usize) -> io::Result<usize> {
    let address = map(len, libc::PROT_READ)?;
    // SAFETY: the mapping has `len` readable bytes.
    let written = unsafe { libc::write(fd, address, len) };
    let error = io::Error::last_os_error();
    // SAFETY: the mapping is ours and not used again.
    unsafe { libc::munmap(address, len) };
    usize::try_from(written).map_err(|_| error)
}

/// Moves into a new namespace.
pub(crate) fn unshare(flags: c_int) -> io::Result<()> {
    // SAFETY: no memory is involved.
    checked(unsafe { libc::unshare(flags) }).map(drop)
}

/// Mounts.
pub(crate) fn mount(
    source: &CStr,
    target: &CStr,
    kind: &CStr,
    flags: libc::c_ulong,
) -> io::Result<()> {
    // SAFETY: all three are strings that end with NUL; no data is passed.
    checked(unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            flags,
            std::ptr::null(),
        )
    })
    .map(drop)
}

/// Asks for one number by `prctl`.
pub(crate) fn prctl_get(option: c_int) -> c_int {
    // SAFETY: callers pass options that only return a number.
    unsafe { libc::prctl(option, 0, 0, 0, 0) }
}

/// Gives handler kind (0 default, 1 ignored, 2 other) of a signal.
pub(crate) fn disposition(signal: c_int) -> u8 {
    // SAFETY: all-zero is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: `action` is valid for the call.
    unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    match action.sa_sigaction {
        libc::SIG_DFL => 0,
        libc::SIG_IGN => 1,
        _ => 2,
    }
}

/// Process group, session, parent's view: own pid, group, session.
pub(crate) fn ids() -> [pid_t; 3] {
    // SAFETY: no memory is involved.
    let pid = unsafe { libc::getpid() };
    // SAFETY: no memory is involved.
    let group = unsafe { libc::getpgrp() };
    // SAFETY: no memory is involved.
    let session = unsafe { libc::getsid(0) };
    [pid, group, session]
}

/// Calls `getppid` through `int 0x80`, where number 64 is `getppid` and the 64-bit table has `semget`.
#[cfg(target_arch = "x86_64")]
pub(crate) fn getppid_int80() -> u32 {
    let mut result: u32 = 64;
    // SAFETY: the call takes no arguments and touches no memory.
    unsafe {
        std::arch::asm!("int 0x80", inout("eax") result, out("r8") _, out("r9") _, out("r10") _, out("r11") _, options(nostack));
    }
    result
}
