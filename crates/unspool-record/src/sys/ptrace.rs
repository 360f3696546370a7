//! ptrace(2) and waitpid(2).

use super::{Tid, errno};

/// `PTRACE_EVENT_STOP` of linux/ptrace.h.
pub(crate) const EVENT_STOP: i32 = 128;

/// What `PTRACE_GET_SYSCALL_INFO` says (kernel 5.3 and later); the union is kept as words.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SyscallInfo {
    /// 0 none, 1 entry, 2 exit, 3 seccomp.
    pub(crate) op: u8,
    pad: [u8; 3],
    /// `AUDIT_ARCH_*`.
    pub(crate) arch: u32,
    /// Instruction pointer.
    pub(crate) instruction: u64,
    /// Stack pointer.
    pub(crate) stack: u64,
    /// Entry: number and six arguments; exit: result, then one byte `is_error`; seccomp: as entry, then the filter's data.
    pub(crate) words: [u64; 8],
}

/// Operation of [`SyscallInfo`]: entry of a call.
pub(crate) const OP_ENTRY: u8 = 1;
/// Operation of [`SyscallInfo`]: exit of a call.
pub(crate) const OP_EXIT: u8 = 2;
/// Operation of [`SyscallInfo`]: a seccomp filter said `RET_TRACE`.
pub(crate) const OP_SECCOMP: u8 = 3;

/// How a stopped thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    /// To the next entry or exit of a call.
    ToCall,
    /// To the next event.
    ToEvent,
    /// Stays in its group stop, and is heard again when that ends.
    Listen,
    /// On its own, no longer traced.
    Detach,
}

fn request(request: libc::c_uint, tid: Tid, address: usize, data: usize) -> Result<(), i32> {
    // SAFETY: callers pass either plain numbers or pointers to places that live through the call and fit the request.
    let result = unsafe { libc::ptrace(request, tid, address, data) };
    if result == -1 { Err(errno()) } else { Ok(()) }
}

/// Begins to trace a thread without stopping it.
pub(crate) fn seize(tid: Tid, options: i32) -> Result<(), i32> {
    request(
        libc::PTRACE_SEIZE,
        tid,
        0,
        usize::try_from(options).unwrap_or(0),
    )
}

/// Changes the options of a stopped thread.
pub(crate) fn set_options(tid: Tid, options: i32) -> Result<(), i32> {
    request(
        libc::PTRACE_SETOPTIONS,
        tid,
        0,
        usize::try_from(options).unwrap_or(0),
    )
}

/// Asks a traced thread to stop.
pub(crate) fn interrupt(tid: Tid) -> Result<(), i32> {
    request(libc::PTRACE_INTERRUPT, tid, 0, 0)
}

/// Lets a stopped thread go on, with a signal if not 0.
pub(crate) fn resume(tid: Tid, how: Resume, signal: i32) -> Result<(), i32> {
    let number = match how {
        Resume::ToCall => libc::PTRACE_SYSCALL,
        Resume::ToEvent => libc::PTRACE_CONT,
        Resume::Listen => libc::PTRACE_LISTEN,
        Resume::Detach => libc::PTRACE_DETACH,
    };
    request(number, tid, 0, usize::try_from(signal).unwrap_or(0))
}

/// The call that a stopped thread enters or leaves.
pub(crate) fn syscall_info(tid: Tid, info: &mut SyscallInfo) -> Result<(), i32> {
    request(
        libc::PTRACE_GET_SYSCALL_INFO,
        tid,
        size_of::<SyscallInfo>(),
        std::ptr::from_mut(info) as usize,
    )
}

/// The number that belongs to the event a thread stopped with.
pub(crate) fn event_message(tid: Tid) -> Result<u64, i32> {
    let mut message: libc::c_ulong = 0;
    request(libc::PTRACE_GETEVENTMSG, tid, 0, &raw mut message as usize)?;
    Ok(message)
}

/// A signal as its receiver will see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignalInfo {
    pub(crate) code: i32,
    /// Sender, 0 when the signal has none.
    pub(crate) pid: u32,
}

/// The signal that a stopped thread is about to get.
pub(crate) fn signal_info(tid: Tid) -> Result<SignalInfo, i32> {
    // siginfo_t is 128 bytes: signo, errno, code, padding, then (for signals that processes send) pid.
    let mut words = [0_i32; 32];
    request(libc::PTRACE_GETSIGINFO, tid, 0, words.as_mut_ptr() as usize)?;
    let code = words[2];
    let from_process = code <= 0 && code != libc::SI_TIMER;
    let from_child = words[0] == libc::SIGCHLD && code > 0;
    let pid = if from_process || from_child {
        u32::try_from(words[4]).unwrap_or(0)
    } else {
        0
    };
    Ok(SignalInfo { code, pid })
}

#[cfg(not(target_arch = "x86_64"))]
use register_set as registers;
#[cfg(target_arch = "x86_64")]
use user_area as registers;

/// Changes the first argument of the call that a stopped thread enters, or puts it back at its exit.
pub(crate) fn set_first_argument(tid: Tid, is_32_bit: bool, value: u64) -> Result<(), i32> {
    registers::set_first_argument(tid, is_32_bit, value)
}

/// Whether the first argument's register survives the call and must be put back.
pub(crate) const fn restores_first_argument() -> bool {
    registers::RESTORES_FIRST_ARGUMENT
}

/// Makes the kernel skip the call that a thread stopped in by seccomp, as it does when there is no tracer (`ENOSYS`).
pub(crate) fn skip_call(tid: Tid) -> Result<(), i32> {
    registers::skip_call(tid)
}

/// Registers as `x86_64` has them: one by one, in `struct user`.
#[cfg(target_arch = "x86_64")]
mod user_area {
    use super::{Tid, request};

    pub(super) const RESTORES_FIRST_ARGUMENT: bool = true;

    pub(super) fn set_first_argument(tid: Tid, is_32_bit: bool, value: u64) -> Result<(), i32> {
        let offset = if is_32_bit {
            std::mem::offset_of!(libc::user_regs_struct, rbx)
        } else {
            std::mem::offset_of!(libc::user_regs_struct, rdi)
        };
        let value = usize::try_from(value).map_err(|_| libc::EINVAL)?;
        request(libc::PTRACE_POKEUSER, tid, offset, value)
    }

    pub(super) fn skip_call(tid: Tid) -> Result<(), i32> {
        let offset = std::mem::offset_of!(libc::user_regs_struct, orig_rax);
        request(libc::PTRACE_POKEUSER, tid, offset, usize::MAX)
    }
}

/// Registers as aarch64 has them: as sets. Compiled for tests everywhere, since few machines can compile for aarch64.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod register_set {
    use super::{Tid, request};

    /// `NT_PRSTATUS`.
    const GENERAL: usize = 1;
    /// `NT_ARM_SYSTEM_CALL`.
    const SYSTEM_CALL: usize = 0x404;
    /// x0-x30, sp, pc, pstate.
    const GENERAL_WORDS: usize = 34;

    /// At the exit `x0` holds the result, so nothing is put back.
    pub(super) const RESTORES_FIRST_ARGUMENT: bool = false;

    /// The set of which the kernel reads or writes as much as there is of it.
    fn area<T>(place: &mut T) -> libc::iovec {
        libc::iovec {
            iov_base: std::ptr::from_mut(place).cast(),
            iov_len: size_of::<T>(),
        }
    }

    pub(super) fn set_first_argument(tid: Tid, _is_32_bit: bool, value: u64) -> Result<(), i32> {
        let mut registers = [0_u64; GENERAL_WORDS];
        let mut place = area(&mut registers);
        let place = &raw mut place as usize;
        request(libc::PTRACE_GETREGSET, tid, GENERAL, place)?;
        registers[0] = value;
        let mut place = area(&mut registers);
        let place = &raw mut place as usize;
        request(libc::PTRACE_SETREGSET, tid, GENERAL, place)
    }

    pub(super) fn skip_call(tid: Tid) -> Result<(), i32> {
        let mut number: i32 = -1;
        let mut place = area(&mut number);
        let place = &raw mut place as usize;
        request(libc::PTRACE_SETREGSET, tid, SYSTEM_CALL, place)?;
        // The result is what x0 holds.
        set_first_argument(tid, false, (-i64::from(libc::ENOSYS)).cast_unsigned())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_thread_that_is_not_held_is_refused() {
            let own = crate::sys::current_tid();
            const { assert!(!RESTORES_FIRST_ARGUMENT) };
            assert_eq!(set_first_argument(own, false, 1), Err(libc::ESRCH));
            assert_eq!(skip_call(own), Err(libc::ESRCH));
        }
    }
}

/// What [`wait`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// A thread changed state.
    Changed(Change),
    /// Nothing (yet), or a signal came.
    Nothing,
    /// There is nobody left to wait for.
    Nobody,
}

/// A change of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) tid: Tid,
    /// The wait status.
    pub(crate) status: i32,
    /// For one that ended, when asked for.
    pub(crate) used: Option<Used>,
}

/// What a process and the children that it waited for have used, as wait4(2) tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) user_ns: u64,
    pub(crate) system_ns: u64,
    pub(crate) peak_rss_bytes: u64,
}

impl Used {
    fn new(usage: &libc::rusage) -> Self {
        let ns = |time: libc::timeval| {
            let ns = time.tv_sec.saturating_mul(1_000_000_000) + time.tv_usec * 1000;
            u64::try_from(ns).unwrap_or(0)
        };
        Self {
            user_ns: ns(usage.ru_utime),
            system_ns: ns(usage.ru_stime),
            peak_rss_bytes: u64::try_from(usage.ru_maxrss)
                .unwrap_or(0)
                .saturating_mul(1024),
        }
    }
}

/// Whether [`wait`] asks for what was used, which costs a little at every stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accounts {
    Asked,
    Left,
}

/// Whether [`wait`] sleeps until something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Sleep.
    Block,
    /// Only look.
    Poll,
}

/// Waits for children and tracees of the calling thread, and of no other thread of this process.
pub(crate) fn wait(patience: Patience, accounts: Accounts) -> Waited {
    let flags = libc::__WALL
        | libc::__WNOTHREAD
        | if patience == Patience::Poll {
            libc::WNOHANG
        } else {
            0
        };
    let mut status = 0;
    // SAFETY: all-zero is a valid `rusage`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let place = match accounts {
        Accounts::Asked => &raw mut usage,
        Accounts::Left => std::ptr::null_mut(),
    };
    // SAFETY: `status` is a valid place for one int, `place` is null or a place for one `rusage`.
    match unsafe { libc::wait4(-1, &raw mut status, flags, place) } {
        0 => Waited::Nothing,
        -1 if errno() == libc::ECHILD => Waited::Nobody,
        -1 => Waited::Nothing,
        tid => Waited::Changed(Change {
            tid,
            status,
            used: (accounts == Accounts::Asked && !libc::WIFSTOPPED(status))
                .then(|| Used::new(&usage)),
        }),
    }
}
