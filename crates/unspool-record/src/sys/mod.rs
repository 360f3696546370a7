//! System calls that the native recorder needs and that std does not have: thin, safe to call, one kernel call each.

#![expect(
    unsafe_code,
    reason = "the one place that speaks to the kernel; every block says who guarantees what"
)]

pub(crate) mod ptrace;
pub(crate) mod signals;
pub(crate) mod socket;

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// Kernel number of a thread in the recorder's pid namespace.
pub(crate) type Tid = libc::pid_t;

/// Errno of the last failed call of this thread.
pub(crate) fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Nanoseconds of a kernel clock.
pub(crate) fn clock_ns(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the kernel to write one timespec.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// CPU time of a process with all its threads so far, `None` when it is gone.
pub(crate) fn process_cpu_ns(pid: Tid) -> Option<u64> {
    // CPUCLOCK_SCHED of the whole thread group, as clock_getcpuclockid(3) makes it.
    let clock = (!pid).wrapping_shl(3) | 2;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the kernel to write one timespec.
    let status = unsafe { libc::clock_gettime(clock, &raw mut time) };
    (status == 0)
        .then(|| u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).ok())
        .flatten()
}

/// Bytes of a page of memory.
pub(crate) fn page_bytes() -> u64 {
    // SAFETY: takes a number and cannot fail for this one.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Reads memory of a stopped thread into `buffer`; returns the bytes read, fewer at the end of a mapping.
pub(crate) fn read_memory(tid: Tid, address: u64, buffer: &mut [u8]) -> Result<usize, i32> {
    let local = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: buffer.len(),
    };
    // SAFETY: `local` covers exactly `buffer`; `remote` is never dereferenced by this process.
    let count =
        unsafe { libc::process_vm_readv(tid, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(count).map_err(|_| errno())
}

/// Writes memory of a stopped thread; all of it or an error.
pub(crate) fn write_memory(tid: Tid, address: u64, bytes: &[u8]) -> Result<(), i32> {
    let local = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: bytes.len(),
    };
    // SAFETY: the kernel only reads `local`, which covers exactly `bytes`; `remote` is not of this process.
    let count =
        unsafe { libc::process_vm_writev(tid, &raw const local, 1, &raw const remote, 1, 0) };
    match usize::try_from(count) {
        Ok(count) if count == bytes.len() => Ok(()),
        Ok(_) => Err(libc::EFAULT),
        Err(_) => Err(errno()),
    }
}

/// Target of a symbolic link, cut at the buffer's length.
pub(crate) fn read_link<'a>(path: &CStr, buffer: &'a mut [u8]) -> Result<&'a [u8], i32> {
    // SAFETY: `path` is NUL-terminated, `buffer` is as long as said.
    let count = unsafe { libc::readlink(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    let count = usize::try_from(count).map_err(|_| errno())?;
    buffer.get(..count).ok_or(libc::EOVERFLOW)
}

/// Opens a folder of a mounted file system of the kernel's own (`kernfs`: control groups) by its inode number.
pub(crate) fn open_kernel_folder(mount: &OwnedFd, number: u64) -> io::Result<OwnedFd> {
    /// What `struct file_handle` begins.
    #[repr(C)]
    struct Handle {
        head: libc::file_handle,
        number: [u8; 8],
    }
    /// `FILEID_KERNFS` of `include/linux/exportfs.h`, since Linux 5.5.
    const KERNFS: i32 = 0xfe;
    let mut handle = Handle {
        head: libc::file_handle {
            handle_bytes: 8,
            handle_type: KERNFS,
            f_handle: [],
        },
        number: number.to_ne_bytes(),
    };
    // SAFETY: `handle` has the eight bytes behind its head that the head says; `mount` is open.
    let fd = unsafe {
        libc::open_by_handle_at(
            mount.as_raw_fd(),
            (&raw mut handle).cast(),
            libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call made it, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Puts each of two files or folders into the other's place, at one instant. Both must be on one file system that can do it
/// (renameat2 with `RENAME_EXCHANGE`: ext4, xfs, btrfs, tmpfs).
pub fn exchange(one: &std::path::Path, other: &std::path::Path) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    let text = |path: &std::path::Path| std::ffi::CString::new(path.as_os_str().as_bytes());
    let (one, other) = (text(one)?, text(other)?);
    // SAFETY: both paths are NUL-terminated and live through the call.
    let status = unsafe {
        libc::renameat2(
            libc::AT_FDCWD,
            one.as_ptr(),
            libc::AT_FDCWD,
            other.as_ptr(),
            libc::RENAME_EXCHANGE,
        )
    };
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Kernel number of the calling thread.
pub(crate) fn current_tid() -> Tid {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::gettid() }
}

/// Sends a signal to a process; whether it was there.
pub(crate) fn kill(pid: Tid, signal: i32) -> bool {
    // SAFETY: no memory is involved. Callers pass a positive pid of a child that was not reaped yet.
    pid > 0 && unsafe { libc::kill(pid, signal) } == 0
}

/// Lets other threads that want this CPU run first.
pub(crate) fn yield_cpu() {
    // SAFETY: takes nothing.
    unsafe { libc::sched_yield() };
}

/// A set of CPUs.
#[derive(Clone, Copy)]
pub(crate) struct Cpus(libc::cpu_set_t);

impl std::fmt::Debug for Cpus {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Cpus").field(&self.count()).finish()
    }
}

impl Cpus {
    /// How many.
    pub(crate) fn count(&self) -> usize {
        // SAFETY: only reads the set.
        usize::try_from(unsafe { libc::CPU_COUNT(&self.0) }).unwrap_or(0)
    }
}

/// CPUs that the calling thread may use; `None` on machines with more than the 1,024 of a `cpu_set_t`.
pub(crate) fn allowed_cpus() -> Option<Cpus> {
    // SAFETY: all-zero is a valid, empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is a valid place for as many bytes as said.
    let status = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    (status == 0).then_some(Cpus(set))
}

/// Lets the calling thread run on one CPU only; whether that may be.
pub(crate) fn run_on(cpu: usize) -> bool {
    if cpu >= 8 * size_of::<libc::cpu_set_t>() {
        return false;
    }
    // SAFETY: all-zero is a valid, empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the number is below the size of the set.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    run_on_all(&Cpus(set))
}

/// Lets the calling thread run on any of these; whether that may be.
pub(crate) fn run_on_all(cpus: &Cpus) -> bool {
    // SAFETY: the kernel only reads the set, which is as long as said.
    unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const cpus.0) == 0 }
}

/// Host name and kernel release of uname(2).
pub(crate) fn host_and_kernel() -> (Vec<u8>, Vec<u8>) {
    // SAFETY: a utsname of zeros is valid.
    let mut names: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: `names` is a valid place for one utsname.
    if unsafe { libc::uname(&raw mut names) } != 0 {
        return (Vec::new(), Vec::new());
    }
    let text = |field: &[libc::c_char]| -> Vec<u8> {
        field
            .iter()
            .take_while(|&&byte| byte != 0)
            // Signed on x86, unsigned on ARM.
            .map(|&byte| u8::from_ne_bytes(byte.to_ne_bytes()))
            .collect()
    };
    (text(&names.nodename), text(&names.release))
}
