//! Calls of the kernel that the BPF recorder needs: pidfds, map updates, waiting.

#![expect(
    unsafe_code,
    reason = "calls that no library has; every block says who guarantees what"
)]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::path::Path;
use std::ptr::NonNull;

use crate::sys::Tid;

/// `PIDFD_THREAD` (6.9): a pidfd of a thread that is not a leader.
const PIDFD_THREAD: u32 = libc::O_EXCL as u32;
const BPF_MAP_LOOKUP_ELEM: libc::c_long = 1;
const BPF_MAP_UPDATE_ELEM: libc::c_long = 2;
const BPF_MAP_UPDATE_BATCH: libc::c_long = 26;
const BPF_NOEXIST: u64 = 1;

/// A descriptor of a process.
pub(super) fn pidfd(pid: Tid) -> io::Result<OwnedFd> {
    open_pidfd(pid, 0)
}

/// A descriptor of a thread; of those that are no leaders only since 6.9.
pub(super) fn thread_pidfd(tid: Tid) -> io::Result<OwnedFd> {
    open_pidfd(tid, PIDFD_THREAD)
}

/// A descriptor of a thread of a process.
pub(super) fn pidfd_of(tid: Tid, tgid: Tid) -> io::Result<OwnedFd> {
    if tid == tgid {
        pidfd(tid)
    } else {
        thread_pidfd(tid)
    }
}

fn open_pidfd(pid: Tid, flags: u32) -> io::Result<OwnedFd> {
    // SAFETY: numbers only.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) };
    let fd = RawFd::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `union bpf_attr` of the calls on map elements.
#[repr(C)]
struct ElementAttributes {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// Sets what a map holds for a key that is a descriptor, if it holds nothing for it (else `EEXIST`).
pub(super) fn insert_by_fd(
    map: BorrowedFd<'_>,
    key: BorrowedFd<'_>,
    value: &[u8],
) -> io::Result<()> {
    let key = key.as_raw_fd();
    let attributes = ElementAttributes {
        flags: BPF_NOEXIST,
        ..element(map, &key, value.as_ptr() as u64)
    };
    // SAFETY: key and value are as long as the map says (the caller's duty for the value), and are only read.
    unsafe { element_call(BPF_MAP_UPDATE_ELEM, &attributes) }
}

/// Reads what a map holds for a key that is a descriptor; `None`: nothing.
pub(super) fn look_up_by_fd(
    map: BorrowedFd<'_>,
    key: BorrowedFd<'_>,
    value: &mut [u8],
) -> Option<()> {
    let key = key.as_raw_fd();
    let attributes = element(map, &key, value.as_mut_ptr() as u64);
    // SAFETY: as above; the kernel writes no more than the map's value size.
    unsafe { element_call(BPF_MAP_LOOKUP_ELEM, &attributes) }.ok()
}

fn element(map: BorrowedFd<'_>, key: &RawFd, value: u64) -> ElementAttributes {
    ElementAttributes {
        map: map.as_raw_fd().cast_unsigned(),
        padding: 0,
        key: std::ptr::from_ref(key) as u64,
        value,
        flags: 0,
    }
}

/// # Safety
/// Key and value must point to as many bytes as the map's key and value have.
unsafe fn element_call(command: libc::c_long, attributes: &ElementAttributes) -> io::Result<()> {
    // SAFETY: the attributes are a valid prefix of `union bpf_attr`; the rest is the caller's promise.
    unsafe { bpf_call(command, attributes) }
}

/// # Safety
/// The attributes must be a prefix of `union bpf_attr` that the command takes, and what they point to as the command wants it.
unsafe fn bpf_call<A>(command: libc::c_long, attributes: &A) -> io::Result<()> {
    // SAFETY: the caller's promise.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attributes),
            size_of::<A>(),
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// `union bpf_attr` of the calls on many map elements.
#[repr(C)]
struct BatchAttributes {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map: u32,
    element_flags: u64,
    flags: u64,
}

/// Sets all elements of an array map, which are of so many bytes each.
pub(super) fn fill_array<const BYTES: usize>(
    map: BorrowedFd<'_>,
    values: &[[u8; BYTES]],
) -> io::Result<()> {
    let count = u32::try_from(values.len()).map_err(io::Error::other)?;
    let keys: Vec<u32> = (0..count).collect();
    let attributes = BatchAttributes {
        in_batch: 0,
        out_batch: 0,
        keys: keys.as_ptr() as u64,
        values: values.as_ptr() as u64,
        count,
        map: map.as_raw_fd().cast_unsigned(),
        element_flags: 0,
        flags: 0,
    };
    // SAFETY: a valid prefix of `union bpf_attr`; keys and values are as long as the map says (the caller's duty for the value),
    // and are only read.
    unsafe { bpf_call(BPF_MAP_UPDATE_BATCH, &attributes) }
}

/// The bytes of a file of the kernel's: mapped where the kernel allows it (types: Linux 6.16), else read.
#[derive(Debug)]
pub(super) enum FileBytes {
    /// Where they stand, and how many.
    Mapped(NonNull<u8>, usize),
    Read(Vec<u8>),
}

impl FileBytes {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = usize::try_from(file.metadata()?.len()).unwrap_or(0);
        // SAFETY: a new mapping of a descriptor that is alive; no memory of ours is touched.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        if let (true, Some(address)) = (address != libc::MAP_FAILED, NonNull::new(address)) {
            return Ok(Self::Mapped(address.cast(), len));
        }
        std::fs::read(path).map(Self::Read)
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            // SAFETY: mapped as long as this value lives; the kernel never changes what it tells of itself.
            Self::Mapped(address, len) => unsafe {
                std::slice::from_raw_parts(address.as_ptr(), *len)
            },
            Self::Read(bytes) => bytes,
        }
    }
}

impl Drop for FileBytes {
    fn drop(&mut self) {
        if let Self::Mapped(address, len) = self {
            // SAFETY: a mapping made in `of`, ended once.
            unsafe { libc::munmap(address.as_ptr().cast(), *len) };
        }
    }
}

/// Waits until a descriptor can be read (a pidfd: until the process ended) or the time is over. Whether it can be read.
pub(super) fn wait_readable(fd: Option<BorrowedFd<'_>>, timeout_ms: i32) -> bool {
    let mut entry = libc::pollfd {
        fd: fd.map_or(-1, |fd| fd.as_raw_fd()),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid entry.
    let count = unsafe { libc::poll(&raw mut entry, 1, timeout_ms) };
    count > 0 && entry.revents & libc::POLLIN != 0
}

/// Wait status of a child that ended; `None` while it runs.
pub(super) fn reap(pid: Tid) -> Option<i32> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is a valid place.
        match unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } {
            0 => return None,
            -1 if crate::sys::errno() == libc::EINTR => {}
            -1 => return Some(0),
            _ => return Some(status),
        }
    }
}

/// Nanoseconds of the cheapest call, the best of many rounds so short that some of them meet no other work.
pub(super) fn cheapest_call_ns() -> f64 {
    const CALLS: u32 = 1000;
    const ROUNDS: u32 = 400;
    let round = || {
        let begun = crate::sys::clock_ns(libc::CLOCK_MONOTONIC);
        for _ in 0..CALLS {
            // SAFETY: takes nothing; not the C library's, which may answer without a call.
            unsafe { libc::syscall(libc::SYS_getppid) };
        }
        crate::sys::clock_ns(libc::CLOCK_MONOTONIC) - begun
    };
    let best = (0..ROUNDS).map(|_| round()).min().unwrap_or(0);
    f64::from(u32::try_from(best).unwrap_or(u32::MAX)) / f64::from(CALLS)
}

/// A child that ends when the pipe's other end is closed: its end tells the programs where the recorder stands.
pub(super) fn start_probe() -> io::Result<(Tid, io::PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    let (read, write) = (reader.as_raw_fd(), writer.as_raw_fd());
    // SAFETY: the child makes raw calls only and ends.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let mut byte = 0_u8;
            // SAFETY: a descriptor of the child's own table.
            unsafe { libc::close(write) };
            // SAFETY: one byte.
            unsafe { libc::read(read, (&raw mut byte).cast(), 1) };
            // SAFETY: ends the child without running anything of the recorder.
            unsafe { libc::_exit(0) }
        }
        pid => Ok((pid, writer)),
    }
}

/// Which side of a fork this is.
#[derive(Debug)]
pub(super) enum Forked {
    /// The recorder, with the number of the keeper and the end that says that it lives.
    Recorder(Tid, io::PipeWriter),
    /// The keeper, with the end that is told.
    Keeper(io::PipeReader),
}

/// Forks the keeper: it ignores the signals that end a recorder, and holds no end of the recorder's that would hide its death.
pub(super) fn fork_keeper() -> io::Result<Forked> {
    let (reader, writer) = io::pipe()?;
    // SAFETY: the child uses what this thread owns, and the allocator, which the C library keeps usable after a fork.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            drop(writer);
            for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP] {
                // SAFETY: a plain disposition.
                unsafe { libc::signal(signal, libc::SIG_IGN) };
            }
            // SAFETY: a NUL-terminated name.
            unsafe { libc::prctl(libc::PR_SET_NAME, c"unspool-keeper".as_ptr()) };
            Ok(Forked::Keeper(reader))
        }
        pid => Ok(Forked::Recorder(pid, writer)),
    }
}

/// Ends this process at once: nothing of the recorder's copy is run.
pub(super) fn end_process() -> ! {
    // SAFETY: does not return.
    unsafe { libc::_exit(0) }
}

/// Waits for a child to end.
pub(super) fn await_end(pid: Tid) {
    let mut status = 0;
    loop {
        // SAFETY: `status` is a valid place.
        let result = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        if result != -1 || crate::sys::errno() != libc::EINTR {
            return;
        }
    }
}

/// Nanoseconds of a tick of the kernel's clock, by which its coarse clocks go.
pub(super) fn tick_ns() -> u64 {
    let mut tick = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a valid place for one timespec.
    unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, &raw mut tick) };
    u64::try_from(tick.tv_nsec).unwrap_or(0).max(100_000)
}

/// Processors that may run threads, for tables with one place each.
pub(super) fn processors() -> u32 {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
    // `0-3`, `0`, `0-1,4-7`: the last number counts.
    text.trim()
        .rsplit([',', '-'])
        .next()
        .and_then(|last| last.parse::<u32>().ok())
        .map_or(1024, |last| last + 1)
}
