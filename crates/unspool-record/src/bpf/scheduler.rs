//! The scheduler's clock, as perf events tell it to programs: when the kernel's side says how long a thread has run since it was
//! last given a processor, it has to know what that clock says.

#![expect(
    unsafe_code,
    reason = "a page that the kernel fills, and the processor's counter; every block says who guarantees what"
)]

use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use crate::sys;

/// `PERF_TYPE_SOFTWARE`, `PERF_COUNT_SW_DUMMY`: an event that counts nothing.
const TYPE_SOFTWARE: u32 = 1;
const DUMMY: u64 = 9;
/// `PERF_ATTR_SIZE_VER0`, in bytes and words.
const ATTRIBUTE_BYTES: u32 = 64;
const ATTRIBUTE_WORDS: usize = 8;
/// `exclude_kernel` and `exclude_hv`: with them the event needs no privilege.
const USER_ONLY: u64 = 1 << 5 | 1 << 6;
const CLOSE_ON_EXEC: libc::c_ulong = 8;
/// Where things stand in `struct perf_event_mmap_page`.
const LOCK: usize = 8;
const CAPABILITIES: usize = 40;
const TIME_SHIFT: usize = 50;
const TIME_MULT: usize = 52;
const TIME_ZERO: usize = 64;
/// `cap_user_time_zero`.
const HAS_TIME_ZERO: u64 = 1 << 4;
const READINGS: usize = 4;
/// On other architectures the processor's counter is not read here.
const HAS_COUNTER: bool = cfg!(target_arch = "x86_64");

/// The page by which the kernel tells how its clock follows from the processor's counter.
#[derive(Debug)]
pub(super) struct SchedulerClock {
    page: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping belongs to this value alone and is only read.
unsafe impl Send for SchedulerClock {}

impl SchedulerClock {
    /// `None` where the kernel does not tell, or not to us.
    pub(super) fn open() -> Option<Self> {
        let mut attributes = [0_u64; ATTRIBUTE_WORDS];
        attributes[0] = u64::from(TYPE_SOFTWARE) | u64::from(ATTRIBUTE_BYTES) << 32;
        attributes[1] = DUMMY;
        attributes[5] = USER_ONLY;
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
        // SAFETY: the kernel made it for us.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let bytes = usize::try_from(sys::page_bytes()).ok()?;
        let page =
            super::rings::map_pages(std::os::fd::AsFd::as_fd(&fd), bytes, libc::PROT_READ, 0)
                .ok()?;
        let clock = Self { page, bytes };
        (clock.read::<u64>(CAPABILITIES) & HAS_TIME_ZERO != 0 && HAS_COUNTER).then_some(clock)
    }

    fn read<T: Copy>(&self, at: usize) -> T {
        // SAFETY: all places are within the page.
        let place = unsafe { self.page.add(at) };
        // SAFETY: a number of the page, aligned as the kernel lays it out; it may change, which the lock tells.
        unsafe { place.cast::<T>().as_ptr().read_volatile() }
    }

    fn lock(&self) -> u32 {
        // SAFETY: within the page.
        let place = unsafe { self.page.add(LOCK) };
        // SAFETY: aligned, mapped as long as this value lives.
        unsafe { place.cast::<AtomicU32>().as_ref() }.load(Ordering::Acquire)
    }

    /// The scheduler's clock in ns.
    fn now_ns(&self) -> u64 {
        loop {
            let lock = self.lock();
            let (shift, mult): (u16, u32) = (self.read(TIME_SHIFT), self.read(TIME_MULT));
            let (zero, counter) = (self.read::<u64>(TIME_ZERO), counter());
            fence(Ordering::Acquire);
            if lock & 1 == 0 && lock == self.lock() {
                let product = (u128::from(counter) * u128::from(mult)) >> shift.min(63);
                return zero.wrapping_add(u64::try_from(product).unwrap_or(0));
            }
            std::hint::spin_loop();
        }
    }

    /// What has to be added to `CLOCK_MONOTONIC`, modulo 2 to the 64th.
    pub(super) fn offset_ns(&self) -> u64 {
        let monotonic = || sys::clock_ns(libc::CLOCK_MONOTONIC);
        let read = |_| {
            let before = monotonic();
            let now = self.now_ns();
            let after = monotonic();
            let middle = u64::try_from(before.midpoint(after)).unwrap_or(0);
            (after - before, now.wrapping_sub(middle))
        };
        (0..READINGS)
            .map(read)
            .min()
            .map_or(0, |(_, offset)| offset)
    }
}

impl Drop for SchedulerClock {
    fn drop(&mut self) {
        // SAFETY: a mapping of this value, ended once.
        unsafe { libc::munmap(self.page.as_ptr().cast(), self.bytes) };
    }
}

/// The processor's counter, where it is read here.
fn counter() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: an instruction that every such processor has.
        unsafe { std::arch::x86_64::_rdtsc() }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        0
    }
}
