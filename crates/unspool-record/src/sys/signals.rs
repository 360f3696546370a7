//! Signals of the recorder: a tick that interrupts waiting, requests to end, and the state that the command must inherit.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU32, Ordering};

use super::{Tid, current_tid};

/// Set at every tick.
static TICK: AtomicBool = AtomicBool::new(false);
/// Thread that waits and wants to be interrupted; 0: none.
static WAITER: AtomicI32 = AtomicI32::new(0);
/// Bit per signal number (1-31) that came for the recorder.
static CAME: AtomicU32 = AtomicU32::new(0);
/// What the process inherited, seen before the Rust runtime and the C library changed it: bits 0-2 descriptor 0-2 was closed,
/// from bit 3 on a signal of [`CHANGED_BEFORE`] was ignored.
static INHERITED: AtomicU8 = AtomicU8::new(0);

/// Signals that the Rust runtime (`SIGPIPE`) and the C library (32 and 33, for its threads) change in every process, and the one
/// that [`outlive_file_limits`] ignores.
const CHANGED_BEFORE: [i32; 4] = [libc::SIGPIPE, 32, 33, libc::SIGXFSZ];
/// Bit of the first of them.
const INHERITED_IGNORED: u8 = 8;

/// The kernel's own `struct sigaction`: the C library refuses to talk about its signals.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct KernelAction {
    handler: usize,
    flags: libc::c_ulong,
    restorer: usize,
    mask: u64,
}

/// `rt_sigaction(2)`; asks when there is no new action. Async-signal-safe.
fn kernel_action(signal: i32, new: Option<&KernelAction>) -> KernelAction {
    let mut old = KernelAction::default();
    let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `new` is null or a valid action with a plain disposition, `old` a valid place; the mask has 8 bytes.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, new, &raw mut old, 8) };
    old
}

/// Looks at what the Rust runtime is about to change: it ignores SIGPIPE and opens `/dev/null` on closed descriptors 0-2.
extern "C" fn look_at_inherited_state() {
    let mut seen = 0;
    for fd in 0..3 {
        // SAFETY: F_GETFD takes no memory.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1 {
            seen |= 1 << fd;
        }
    }
    for (bit, signal) in CHANGED_BEFORE.into_iter().enumerate() {
        if kernel_action(signal, None).handler == libc::SIG_IGN {
            seen |= INHERITED_IGNORED << bit;
        }
    }
    INHERITED.store(seen, Ordering::Relaxed);
}

// SAFETY: the C library calls the functions of this section before main, on the only thread; the function uses only
// async-signal-safe calls and atomics, nothing of the Rust runtime.
#[unsafe(link_section = ".init_array")]
#[used]
static LOOK: extern "C" fn() = look_at_inherited_state;

/// Lets this process live where a file would become larger than it may make one (`ulimit -f`): the write fails with `EFBIG` instead
/// of killing it. What it records or becomes has the disposition that this process inherited.
///
/// To be called once, by the program, before it writes.
pub fn outlive_file_limits() {
    let ignored = KernelAction {
        handler: libc::SIG_IGN,
        ..KernelAction::default()
    };
    kernel_action(libc::SIGXFSZ, Some(&ignored));
}

/// Whether descriptor 0, 1 or 2 was closed when this process began.
pub(crate) fn was_closed_at_start(fd: u8) -> bool {
    fd < 3 && INHERITED.load(Ordering::Relaxed) & (1 << fd) != 0
}

/// Signal that ticks: the second real-time signal, which nothing in the C library uses.
fn tick_signal() -> i32 {
    libc::SIGRTMIN() + 1
}

extern "C" fn on_tick(_signal: i32) {
    TICK.store(true, Ordering::Relaxed);
}

extern "C" fn on_request(signal: i32) {
    CAME.fetch_or(1 << signal, Ordering::Relaxed);
    TICK.store(true, Ordering::Relaxed);
    let waiter = WAITER.load(Ordering::Relaxed);
    if waiter != 0 && waiter != current_tid() {
        // SAFETY: takes nothing; async-signal-safe.
        let process = unsafe { libc::getpid() };
        // SAFETY: numbers only; async-signal-safe. The waiter is a thread of this process.
        unsafe { libc::syscall(libc::SYS_tgkill, process, waiter, tick_signal()) };
    }
}

/// Whether there was a tick since the last time; resets it.
#[inline]
pub(crate) fn ticked() -> bool {
    TICK.load(Ordering::Relaxed) && TICK.swap(false, Ordering::Relaxed)
}

/// Signals that came for the recorder since the last time: bit per number.
pub(crate) fn take_requests() -> u32 {
    CAME.swap(0, Ordering::Relaxed)
}

/// Dispositions that the recorder changed, and what they were. Puts them back when dropped.
pub(crate) struct Dispositions {
    saved: Vec<(i32, libc::sigaction)>,
}

impl std::fmt::Debug for Dispositions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_list()
            .entries(self.saved.iter().map(|(signal, _)| signal))
            .finish()
    }
}

impl Dispositions {
    /// Handles the tick, SIGINT, SIGQUIT, SIGTERM and SIGHUP; takes SIGCHLD back from being ignored, which would hide exits.
    ///
    /// A SIGHUP that is ignored (nohup) stays ignored.
    pub(crate) fn install() -> Self {
        let mut dispositions = Self {
            saved: Vec::with_capacity(8),
        };
        dispositions.change(tick_signal(), on_tick as *const () as usize);
        for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP] {
            dispositions.change(signal, on_request as *const () as usize);
            let was_ignored = dispositions
                .saved
                .last()
                .is_some_and(|(_, action)| action.sa_sigaction == libc::SIG_IGN);
            if was_ignored {
                dispositions.undo_last();
            }
        }
        dispositions.change(libc::SIGCHLD, libc::SIG_DFL);
        take_requests();
        dispositions
    }

    fn change(&mut self, signal: i32, handler: usize) {
        // SAFETY: a sigaction of zeros is valid: no flags, empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler;
        let mut old = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: both point to valid actions; the handlers are async-signal-safe.
        if unsafe { libc::sigaction(signal, &raw const action, old.as_mut_ptr()) } == 0 {
            // SAFETY: the kernel wrote it.
            self.saved.push((signal, unsafe { old.assume_init() }));
        }
    }

    fn undo_last(&mut self) {
        if let Some((signal, action)) = self.saved.pop() {
            // SAFETY: the action came from the kernel.
            unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
        }
    }

    /// Gives the calling process the dispositions that it would have had. Async-signal-safe: for a child after fork.
    pub(crate) fn restore_in_child(&self) {
        for (signal, action) in &self.saved {
            // SAFETY: the action came from the kernel; handlers of ours vanish at exec, ignored stays ignored.
            unsafe { libc::sigaction(*signal, std::ptr::from_ref(action), std::ptr::null_mut()) };
        }
        restore_runtime_signals_in_child();
    }
}

impl Drop for Dispositions {
    fn drop(&mut self) {
        while !self.saved.is_empty() {
            self.undo_last();
        }
    }
}

/// Sets the signals that were changed before a recording, whether or not they were, to what this process inherited. Async-signal-safe: for a child after fork.
pub(crate) fn restore_runtime_signals_in_child() {
    let inherited = INHERITED.load(Ordering::Relaxed);
    for (bit, signal) in CHANGED_BEFORE.into_iter().enumerate() {
        let is_ignored = inherited & INHERITED_IGNORED << bit != 0;
        let handler = if is_ignored {
            libc::SIG_IGN
        } else {
            libc::SIG_DFL
        };
        kernel_action(
            signal,
            Some(&KernelAction {
                handler,
                ..KernelAction::default()
            }),
        );
    }
}

/// Signal mask of the calling thread.
pub(crate) fn current_mask() -> libc::sigset_t {
    let mut mask = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: a null new set only asks.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), mask.as_mut_ptr()) };
    // SAFETY: written by the kernel; zeros are an empty set.
    unsafe { mask.assume_init() }
}

/// Sets the signal mask of the calling thread. Async-signal-safe.
pub(crate) fn set_mask(mask: &libc::sigset_t) {
    // SAFETY: `mask` is a valid set.
    unsafe {
        libc::pthread_sigmask(
            libc::SIG_SETMASK,
            std::ptr::from_ref(mask),
            std::ptr::null_mut(),
        )
    };
}

/// Keeps all signals from the calling thread: they are for the others.
pub(crate) fn block_all() {
    let mut mask = current_mask();
    // SAFETY: `mask` is a valid set.
    unsafe { libc::sigfillset(&raw mut mask) };
    set_mask(&mask);
}

/// Ticks for the calling thread: interrupts its waiting at a rate. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    timer: libc::timer_t,
    interval_ns: i64,
}

impl Ticker {
    /// A ticker for the calling thread, which must not end before it.
    pub(crate) fn start(interval_ns: i64) -> Result<Self, i32> {
        let tid: Tid = current_tid();
        unblock_own_signals();
        WAITER.store(tid, Ordering::Relaxed);
        // SAFETY: a sigevent of zeros is valid.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = tick_signal();
        event.sigev_notify_thread_id = tid;
        let mut timer = std::ptr::null_mut();
        // SAFETY: `event` and `timer` are valid places.
        if unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) } != 0
        {
            return Err(super::errno());
        }
        let mut ticker = Self {
            timer,
            interval_ns: 0,
        };
        ticker.set_interval(interval_ns);
        Ok(ticker)
    }

    /// Changes the rate, if it is another one.
    #[inline]
    pub(crate) fn set_interval(&mut self, interval_ns: i64) {
        if self.interval_ns == interval_ns {
            return;
        }
        self.interval_ns = interval_ns;
        let time = libc::timespec {
            tv_sec: interval_ns / 1_000_000_000,
            tv_nsec: interval_ns % 1_000_000_000,
        };
        let setting = libc::itimerspec {
            it_interval: time,
            it_value: time,
        };
        // SAFETY: the timer is alive until drop.
        unsafe { libc::timer_settime(self.timer, 0, &raw const setting, std::ptr::null_mut()) };
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        WAITER.store(0, Ordering::Relaxed);
        // SAFETY: the timer was created by `start` and is deleted once.
        unsafe { libc::timer_delete(self.timer) };
    }
}

/// Lets the recorder's own signals through in the calling thread, whatever mask was inherited.
fn unblock_own_signals() {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: a valid place.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in [
        tick_signal(),
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGTERM,
        libc::SIGHUP,
    ] {
        // SAFETY: the set is initialised, the number is valid.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: the set is initialised.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), std::ptr::null_mut()) };
}
