//! The scheduler's clock, as perf events tell it to programs: when the kernel's side says how long a thread has run since it was
//! last given a processor, it has to know what that clock says.

#![expect(
    unsafe_code,
    reason = "pages that the kernel fills; every block says who guarantees what"
)]

use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sys;

/// `PERF_TYPE_SOFTWARE`, `PERF_COUNT_SW_DUMMY`: an event that counts nothing.
const TYPE_SOFTWARE: u32 = 1;
const DUMMY: u64 = 9;
/// `PERF_ATTR_SIZE_VER0`, in bytes and words.
const ATTRIBUTE_BYTES: u32 = 64;
const ATTRIBUTE_WORDS: usize = 8;
/// `PERF_SAMPLE_TIME`: records end in the scheduler's clock.
const SAMPLE_TIME: u64 = 1 << 2;
/// `exclude_kernel` and `exclude_hv`: with them the event needs no privilege.
const USER_ONLY: u64 = 1 << 5 | 1 << 6;
/// `comm` and `sample_id_all`: a record with its time whenever the thread takes a name.
const NAMES: u64 = 1 << 9 | 1 << 18;
const CLOSE_ON_EXEC: libc::c_ulong = 8;
/// Where things stand in `struct perf_event_mmap_page`.
const HEAD: usize = 1024;
const TAIL: usize = 1032;
/// `TASK_COMM_LEN`.
const NAME_BYTES: usize = 16;
const TIME_BYTES: usize = 8;
const READINGS: usize = 4;

/// An event of this thread whose records carry the scheduler's clock (`perf_event_open(2)`). Taking its own name makes one.
#[derive(Debug)]
pub(super) struct SchedulerClock {
    /// The page that says how far the records go, and a page of records.
    pages: NonNull<u8>,
    page_bytes: usize,
}

// SAFETY: the mapping belongs to this value alone.
unsafe impl Send for SchedulerClock {}

impl SchedulerClock {
    /// `None` where the kernel does not tell, or not to us. Only the thread that opens it can read it.
    pub(super) fn open() -> Option<Self> {
        let mut attributes = [0_u64; ATTRIBUTE_WORDS];
        attributes[0] = u64::from(TYPE_SOFTWARE) | u64::from(ATTRIBUTE_BYTES) << 32;
        attributes[1] = DUMMY;
        attributes[3] = SAMPLE_TIME;
        attributes[5] = USER_ONLY | NAMES;
        // SAFETY: the attributes are as long as they say; the other arguments are numbers: this thread, any processor, no group.
        let fd = unsafe {
            libc::syscall(
                libc::SYS_perf_event_open,
                attributes.as_ptr(),
                0,
                -1,
                -1,
                CLOSE_ON_EXEC,
            )
        };
        let fd = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0)?;
        // SAFETY: the kernel made it for us. The mapping keeps the event alive.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let page_bytes = usize::try_from(sys::page_bytes()).ok()?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let pages = super::rings::map_pages(fd.as_fd(), 2 * page_bytes, protection, 0).ok()?;
        let clock = Self { pages, page_bytes };
        clock.offset_ns().is_some().then_some(clock)
    }

    fn position(&self, at: usize) -> &AtomicU64 {
        // SAFETY: within the first page.
        let place = unsafe { self.pages.add(at) };
        // SAFETY: aligned, mapped as long as this value lives; the kernel and we use it as an atomic number.
        unsafe { place.cast::<AtomicU64>().as_ref() }
    }

    /// The scheduler's clock in ns: of the record that taking the own name again makes.
    fn now_ns(&self) -> Option<u64> {
        let before = self.position(HEAD).load(Ordering::Acquire);
        let mut name = [0_u8; NAME_BYTES];
        // SAFETY: the kernel writes at most 16 bytes there.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        // SAFETY: a name that ends in a zero byte.
        unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
        let head = self.position(HEAD).load(Ordering::Acquire);
        if head == before {
            return None;
        }
        let end = usize::try_from(head).ok()?;
        // Records are a multiple of 8 bytes: a number never stands on both sides of the end.
        let at = end.checked_sub(TIME_BYTES)? % self.page_bytes;
        // SAFETY: within the second page.
        let place = unsafe { self.pages.add(self.page_bytes + at) };
        // SAFETY: aligned to 8 bytes, written before the head was moved.
        let now = unsafe { place.cast::<u64>().as_ptr().read_volatile() };
        self.position(TAIL).store(head, Ordering::Release);
        Some(now)
    }

    /// What has to be added to `CLOCK_MONOTONIC`, modulo 2 to the 64th; `None` in another thread than the one that opened it.
    pub(super) fn offset_ns(&self) -> Option<u64> {
        let monotonic = || sys::clock_ns(libc::CLOCK_MONOTONIC);
        let read = |_| {
            let before = monotonic();
            let now = self.now_ns()?;
            let after = monotonic();
            let middle = u64::try_from(before.midpoint(after)).unwrap_or(0);
            Some((after - before, now.wrapping_sub(middle)))
        };
        (0..READINGS)
            .filter_map(read)
            .min()
            .map(|(_, offset)| offset)
    }
}

impl Drop for SchedulerClock {
    fn drop(&mut self) {
        // SAFETY: a mapping of this value, ended once.
        unsafe { libc::munmap(self.pages.as_ptr().cast(), 2 * self.page_bytes) };
    }
}
