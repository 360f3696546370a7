//! Calls of the kernel that the BPF recorder needs: pidfds, map updates, the mapped ring, waiting.

#![expect(
    unsafe_code,
    reason = "shared memory with the kernel and calls that no library has; every block says who guarantees what"
)]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::sys::Tid;

/// `PIDFD_THREAD` (6.9): a pidfd of a thread that is not a leader.
const PIDFD_THREAD: u32 = libc::O_EXCL as u32;
const BPF_MAP_LOOKUP_ELEM: libc::c_long = 1;
const BPF_MAP_UPDATE_ELEM: libc::c_long = 2;
/// Bits of the length word before each record of the ring (`include/uapi/linux/bpf.h`).
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
/// Bytes of that head.
const RING_HEAD_BYTES: usize = 8;

/// A descriptor of a process.
pub(super) fn pidfd(pid: Tid) -> io::Result<OwnedFd> {
    open_pidfd(pid, 0)
}

/// A descriptor of a thread; of those that are no leaders only since 6.9.
pub(super) fn thread_pidfd(tid: Tid) -> io::Result<OwnedFd> {
    open_pidfd(tid, PIDFD_THREAD)
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

/// Sets what a map holds for a key that is a descriptor.
pub(super) fn update_by_fd(
    map: BorrowedFd<'_>,
    key: BorrowedFd<'_>,
    value: &[u8],
) -> io::Result<()> {
    let key = key.as_raw_fd();
    let attributes = element(map, &key, value.as_ptr() as u64);
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
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attributes),
            size_of::<ElementAttributes>(),
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
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

/// Nanoseconds of the cheapest call, the best of some rounds.
pub(super) fn cheapest_call_ns() -> f64 {
    const CALLS: u32 = 20_000;
    const ROUNDS: u32 = 15;
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

/// The ring, mapped: the kernel appends, this process takes.
#[derive(Debug)]
pub(super) struct Ring {
    consumer: NonNull<AtomicU64>,
    producer: NonNull<AtomicU64>,
    data: NonNull<u8>,
    bytes: usize,
    page: usize,
    taken: u64,
}

// SAFETY: the mappings belong to this value alone; the kernel's side is synchronised by the two positions.
unsafe impl Send for Ring {}

impl Ring {
    /// Maps a ring of `bytes`, a power of two.
    pub(super) fn map(ring: BorrowedFd<'_>, bytes: usize) -> io::Result<Self> {
        // SAFETY: takes a constant.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        let consumer = map_pages(ring, page, libc::PROT_READ | libc::PROT_WRITE, 0)?;
        // The data is mapped twice in a row: a record that wraps is one piece.
        let producer = map_pages(ring, page + 2 * bytes, libc::PROT_READ, page)?;
        // SAFETY: within the mapping made above.
        let data = unsafe { producer.add(page) };
        let consumer: NonNull<AtomicU64> = consumer.cast();
        // SAFETY: a mapped page, aligned.
        let taken = unsafe { consumer.as_ref() }.load(Ordering::Relaxed);
        Ok(Self {
            consumer,
            producer: producer.cast(),
            data,
            bytes,
            page,
            taken,
        })
    }

    /// Takes complete records, in order, until `take` says stop or there is none. They count as taken for the kernel only after
    /// [`Ring::release`]. Returns how many were taken.
    pub(super) fn take(&mut self, mut take: impl FnMut(&[u8]) -> bool) -> usize {
        // SAFETY: as above.
        let end = unsafe { self.producer.as_ref() }.load(Ordering::Acquire);
        let mut count = 0;
        while self.taken < end {
            let at = usize::try_from(self.taken).unwrap_or(0) & (self.bytes - 1);
            // SAFETY: below the doubled size of the mapping.
            let place = unsafe { self.data.add(at) };
            // SAFETY: a head stands at every position below the producer's, 8-aligned.
            let head = unsafe { place.cast::<AtomicU32>().as_ref() }.load(Ordering::Acquire);
            if head & BUSY != 0 {
                break;
            }
            let len = (head & !(BUSY | DISCARDED)) as usize;
            self.taken += (RING_HEAD_BYTES + len).next_multiple_of(8) as u64;
            count += 1;
            if head & DISCARDED != 0 {
                continue;
            }
            // SAFETY: the record behind its head lies within the doubled mapping.
            let bytes = unsafe { place.add(RING_HEAD_BYTES) };
            // SAFETY: it is complete, and stays until it is released.
            let record = unsafe { std::slice::from_raw_parts(bytes.as_ptr(), len) };
            if !take(record) {
                break;
            }
        }
        count
    }

    /// Position of the next record to take.
    pub(super) fn position(&self) -> u64 {
        self.taken
    }

    /// Goes on from where the kernel knows this side to be, or from `position` if that is further.
    pub(super) fn skip_to(&mut self, position: u64) {
        // SAFETY: as above.
        let released = unsafe { self.consumer.as_ref() }.load(Ordering::Acquire);
        self.taken = released.max(position);
    }

    /// Gives the room of all records taken back to the kernel.
    pub(super) fn release(&mut self) {
        // SAFETY: as above; this process alone writes it.
        unsafe { self.consumer.as_ref() }.store(self.taken, Ordering::Release);
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: a mapping made in `map`, ended once.
        unsafe { libc::munmap(self.consumer.as_ptr().cast(), self.page) };
        // SAFETY: the other one.
        unsafe { libc::munmap(self.producer.as_ptr().cast(), self.page + 2 * self.bytes) };
    }
}

fn map_pages(
    fd: BorrowedFd<'_>,
    len: usize,
    protection: i32,
    offset: usize,
) -> io::Result<NonNull<u8>> {
    let offset = libc::off_t::try_from(offset).unwrap_or(0);
    // SAFETY: a new mapping of a descriptor that is alive; no memory of ours is touched.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            len,
            protection,
            libc::MAP_SHARED,
            fd.as_raw_fd(),
            offset,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(address.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))
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
