//! The native recorder: ptrace(2), for any user on any kernel since 5.3.
//!
//! One thread launches the command (or attaches), holds it, and writes `docs/record-format.md`. It ends with the recording, and
//! the kernel then lets go of whatever it still held: a recorder that dies leaves the job running.
//!
//! What it costs, measured interleaved on 2 virtual CPUs (medians of 7, seconds of CPU, job included): 20,000 one-byte copies of dd
//! 0.01 plain, 0.58 recorded, 0.86 under `strace -f`; with [`crate::Detail::Names`] and [`crate::Filter::Seccomp`] 0.02, as
//! `strace -f --seccomp-bpf` with like calls. A call that is recorded stops twice either way, which is nearly all of the cost (6.5 us
//! a stop where a C program that does nothing but go on needs as much), so a filter pays only for calls that are not wanted. It
//! changes the job's state: it comes with a reduced detail only. [`crate::Detail::Tree`] needs no filter and costs nothing per call,
//! but cannot follow children that ask not to be traced (`CLONE_UNTRACED`): a note tells of them.

pub(crate) mod capture;
mod image;
pub(crate) mod procfs;
pub(crate) mod roles;
pub(crate) mod seccomp;
pub(crate) mod socket_text;
pub(crate) mod stream;
mod tracee;
mod tracer;
pub(crate) mod writer;

use std::io;
use std::sync::Mutex;
use std::thread;

use unspool_decode::native::format::architecture;

use crate::launch::launch;
use crate::options::{Command, Control, Outcome, RecordError, RecordOptions};
use crate::seam::RecordSink;
use crate::sys;
use crate::sys::signals::{Dispositions, current_mask};
pub(crate) use roles::least_detail;
use tracer::Tracer;
pub(crate) use tracer::usage::{Told, Use};

/// What the stream calls the architecture that this program was built for.
pub(crate) const OWN_ARCHITECTURE: u8 = if cfg!(target_arch = "x86_64") {
    architecture::X86_64
} else {
    architecture::AARCH64
};

/// One recording at a time in a process: signals belong to the process.
pub(crate) static RECORDING: Mutex<()> = Mutex::new(());

/// Runs a command and records it until it ends (see [`crate::Wait`]).
///
/// SIGINT and SIGQUIT of the terminal reach the command by themselves and are ignored here; SIGTERM and SIGHUP sent to this
/// process are passed on to the command. After the command's end they end the recording.
pub fn record_command(
    command: &Command,
    options: &RecordOptions,
    sink: &mut dyn RecordSink,
    control: &Control,
) -> Result<Outcome, RecordError> {
    check_kernel()?;
    in_own_thread("unspool-trace", || {
        let mask = current_mask();
        let dispositions = Dispositions::install();
        let program = seccomp::program_for(options);
        let filter = program.as_ref().map(seccomp::Program::as_fprog);
        let mut launched = launch(command, &dispositions, mask, filter.as_ref())?;
        let mut tracer = Tracer::new(options, sink, control)?;
        tracer.seize_command(launched.pid)?;
        launched.go().map_err(|source| RecordError::Failed {
            action: "start the command",
            source,
        })?;
        tracer.run();
        if tracer.never_executed() {
            let source = launched.exec_errno().map_or_else(
                || io::Error::other("it ended before it began"),
                io::Error::from_raw_os_error,
            );
            let program = command.argv.first().cloned().unwrap_or_default();
            return Err(if source.raw_os_error() == Some(libc::ENOENT) {
                RecordError::NotFound { program }
            } else {
                RecordError::NotExecutable { program, source }
            });
        }
        Ok(tracer.finish())
    })
}

/// Records running processes, with all their threads and the children they start, until they end, until SIGINT, SIGTERM or
/// SIGHUP comes, or until [`Control::detach`]. Then lets them go: they run on.
pub fn attach(
    pids: &[i32],
    options: &RecordOptions,
    sink: &mut dyn RecordSink,
    control: &Control,
) -> Result<Outcome, RecordError> {
    check_kernel()?;
    in_own_thread("unspool-trace", || {
        let _dispositions = Dispositions::install();
        let mut tracer = Tracer::new(options, sink, control)?;
        for &pid in pids {
            tracer.seize_process(pid)?;
        }
        tracer.run();
        Ok(tracer.finish())
    })
}

/// `PTRACE_GET_SYSCALL_INFO` came with Linux 5.3.
fn check_kernel() -> Result<(), RecordError> {
    let (_, release) = sys::host_and_kernel();
    if kernel_version(&release).is_some_and(|version| version < (5, 3)) {
        return Err(RecordError::KernelTooOld);
    }
    Ok(())
}

/// Runs a recording in a thread of its own, one at a time.
pub(crate) fn in_own_thread(
    name: &str,
    record: impl FnOnce() -> Result<Outcome, RecordError> + Send,
) -> Result<Outcome, RecordError> {
    let _only_one = RECORDING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    thread::scope(|scope| {
        let builder = thread::Builder::new().name(name.to_owned());
        let thread = builder
            .spawn_scoped(scope, record)
            .map_err(|source| RecordError::Failed {
                action: "start a thread",
                source,
            })?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Major and minor number of a kernel release.
pub(crate) fn kernel_version(release: &[u8]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(release).ok()?;
    let mut numbers = text.split(|letter: char| !letter.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
