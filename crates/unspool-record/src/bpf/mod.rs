//! The recorder that costs next to nothing: programs in the kernel write the record format to a ring, this side passes it on.
//!
//! Each call is one record, written at its end by the thread that made it; nothing stops the job. Who may load the programs:
//! root, or anybody when the program file has the capabilities `cap_bpf` and `cap_perfmon`.

mod calls;
mod complete;
mod keeper;
mod kernel;
mod living;
mod loading;
mod names;
mod newcomers;
mod process;
mod programs;
mod recorder;
mod rings;
mod scheduler;
mod scope;
#[cfg(test)]
mod stack;
mod types;

use std::io;

use crate::launch::launch;
use crate::native::capture::PAYLOAD_BYTES_MAX;
use crate::native::stream::CLOCK;
use crate::native::{in_own_thread, kernel_version};
use crate::options::{Command, Control, Outcome, RecordError, RecordOptions};
use crate::seam::RecordSink;
use crate::sys;
use crate::sys::signals::{Dispositions, current_mask};
use keeper::Keeper;
use newcomers::Watch;
use programs::{Loaded, Programs as _, Scope, Setting};
use recorder::{Recorder, Root, THREAD_PROBES, THREAD_WAITS};
use rings::Room;
pub use scope::Target;

/// Bytes of the rings together unless asked for otherwise: a quarter for records of any length, the rest for frequent calls, of which
/// the worst storm measured fills it in 0.2 s.
pub const RING_BYTES: u32 = 64 << 20;
/// The smallest ring.
pub const RING_BYTES_MIN: u32 = 1 << 18;
/// The largest.
pub const RING_BYTES_MAX: u32 = 1 << 30;

/// The rings take at most one part of so many of the memory that is free at the start.
const RING_SHARE: u64 = 4;

/// The oldest kernel with all that the programs use: `bpf_loop`.
pub const KERNEL_NEEDED: (u32, u32) = (5, 17);

/// What only this recorder knows.
#[derive(Clone, Copy, Debug)]
pub struct BpfOptions {
    /// Bytes of the ring; rounded up to a power of two within [`RING_BYTES_MIN`] and [`RING_BYTES_MAX`].
    pub ring_bytes: u32,
    /// Whether the job waits for the recorder when the ring is half full, instead of having calls counted.
    pub lossless: bool,
}

impl Default for BpfOptions {
    fn default() -> Self {
        Self {
            ring_bytes: RING_BYTES,
            lossless: false,
        }
    }
}

impl BpfOptions {
    fn ring_bytes(self) -> u32 {
        self.ring_bytes
            .clamp(RING_BYTES_MIN, RING_BYTES_MAX)
            .next_power_of_two()
    }
}

/// What a process that is not recorded pays for the programs, per call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BystanderCost {
    /// The cheapest call (getppid) without programs, ns.
    pub plain_ns: f64,
    /// The same while the programs are in place.
    pub recording_ns: f64,
}

/// Measures what a process that is not recorded pays: a third of a second.
pub fn bystander_cost() -> Result<BystanderCost, RecordError> {
    let mut programs = load(
        &RecordOptions::default(),
        BpfOptions::default(),
        Scope::Tree,
    )?;
    let failed = |source| RecordError::Bpf { source };
    let plain_ns = kernel::cheapest_call_ns();
    // Strangers are remembered in memory that the rings share.
    let rings = programs.rings().map_err(failed)?;
    programs.attach().map_err(failed)?;
    let recording_ns = kernel::cheapest_call_ns();
    programs.detach();
    drop(rings);
    Ok(BystanderCost {
        plain_ns,
        recording_ns,
    })
}

/// Whether this machine and this user look as if they could record with BPF: a glance, without loading anything.
pub fn may_work() -> bool {
    let (_, release) = sys::host_and_kernel();
    let has = crate::probe::has_capability;
    kernel_version(&release).is_some_and(|version| version >= KERNEL_NEEDED)
        && std::path::Path::new(crate::probe::BTF_FILE).exists()
        && (has("sys_admin") || has("bpf") && has("perfmon"))
}

fn load(options: &RecordOptions, bpf: BpfOptions, scope: Scope) -> Result<Loaded, RecordError> {
    let status = crate::native::procfs::status(sys::current_tid()).unwrap_or_default();
    let mut setting = Setting {
        detail: options.detail,
        scope,
        room: Room::new(affordable(
            bpf.ring_bytes(),
            crate::containers::free_bytes(),
        )),
        lossless: bpf.lossless,
        own_pid: std::process::id(),
        own_uid: status.uid,
        may_read_all: crate::probe::has_capability("sys_ptrace"),
        payload_bytes: options.payload_bytes.min(PAYLOAD_BYTES_MAX),
        is_sampled: options.sample.is_some(),
    };
    loop {
        let bytes = setting.room.bytes();
        match Loaded::load(&setting) {
            // The control group has a limit on memory: the rings are the bulk of what is needed.
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) && bytes > RING_BYTES_MIN => {
                setting.room = Room::new(bytes / 2);
            }
            loaded => return loaded.map_err(|source| RecordError::Bpf { source }),
        }
    }
}

/// Bytes of rings where the control groups leave so much memory: the kernel does not refuse what would be too much for the job and
/// the recorder, it kills one of them when they use it.
fn affordable(ring_bytes: u32, free: Option<u64>) -> u32 {
    let share = free.map_or(u64::MAX, |bytes| bytes / RING_SHARE);
    let mut affordable = ring_bytes;
    while u64::from(affordable) > share && affordable > RING_BYTES_MIN {
        affordable /= 2;
    }
    affordable
}

/// Runs a command and records it until it ends (see [`crate::Wait`]).
///
/// Signals are handled as by [`crate::record_command`]. `filter` of the options has no effect.
pub fn record_command(
    command: &Command,
    options: &RecordOptions,
    bpf: BpfOptions,
    sink: &mut dyn RecordSink,
    control: &Control,
) -> Result<Outcome, RecordError> {
    in_own_thread("unspool-bpf", || {
        let mask = current_mask();
        let dispositions = Dispositions::install();
        let programs = load(options, bpf, Scope::Tree)?;
        // Before the rings are mapped, whose pages the child would be given one by one.
        let mut launched = launch(command, &dispositions, mask, None)?;
        let mut recorder = new_recorder(options, bpf, sink, control, programs)?;
        let pid = launched.pid;
        let failed = |action| move |source| RecordError::Failed { action, source };
        let pidfd = kernel::pidfd(pid).map_err(failed("get hold of the command"))?;
        recorder
            .seed(&pidfd, pid, pid, THREAD_WAITS, None)
            .map_err(failed("get hold of the command"))?;
        let state = process::record(
            pid,
            sys::clock_ns(CLOCK),
            process::Facts::without_image(pid),
            process::State::Child,
            options.scrub.as_ref(),
            &mut recorder.usage,
        );
        recorder.set_root(Root {
            pid,
            pidfd,
            state,
            status: None,
            has_executed: false,
        });
        let keeper = Keeper::start(&mut recorder)?;
        recorder
            .programs
            .attach()
            .map_err(|source| RecordError::Bpf { source })?;
        launched.go().map_err(failed("start the command"))?;
        recorder.run();
        if recorder
            .root
            .as_ref()
            .is_some_and(|root| !root.has_executed)
        {
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
        let outcome = recorder.finish();
        drop(keeper);
        Ok(outcome)
    })
}

/// Records what runs already, and what it starts, until it has ended (processes only), until SIGINT, SIGTERM or SIGHUP comes, or
/// until [`Control::detach`]. It notices nothing.
pub fn attach(
    target: &Target,
    options: &RecordOptions,
    bpf: BpfOptions,
    sink: &mut dyn RecordSink,
    control: &Control,
) -> Result<Outcome, RecordError> {
    in_own_thread("unspool-bpf", || {
        let _dispositions = Dispositions::install();
        let scope = target.scope()?;
        let programs = load(options, bpf, scope)?;
        let mut recorder = new_recorder(options, bpf, sink, control, programs)?;
        recorder.may_meet_others = scope != Scope::Tree;
        let keeper = Keeper::start(&mut recorder)?;
        if scope != Scope::Tree {
            pass_over(&mut recorder, keeper.pid())?;
        }
        start_attached(&mut recorder)?;
        let processes = target.processes()?;
        for pid in processes.into_iter().filter(|&pid| pid != keeper.pid()) {
            if scope != Scope::Tree && recorder.is_told_of(pid) {
                continue;
            }
            match recorder.take_up(pid) {
                // Of many, some end meanwhile, and some are not the user's.
                Err(_) if scope != Scope::Tree => {}
                taken => taken?,
            }
        }
        recorder.ends_with_its_processes = scope == Scope::Tree;
        recorder.watch = target.group()?.map(Watch::new);
        recorder.run();
        let outcome = recorder.finish();
        drop(keeper);
        Ok(outcome)
    })
}

/// Puts the programs in place, and has them find out where the recorder stands among the pid namespaces.
fn start_attached(recorder: &mut Recorder<'_>) -> Result<(), RecordError> {
    let failed = |source| RecordError::Failed {
        action: "start a process",
        source,
    };
    let (probe, go) = kernel::start_probe().map_err(failed)?;
    let pidfd = kernel::pidfd(probe).map_err(failed)?;
    recorder
        .seed(&pidfd, probe, probe, THREAD_PROBES, None)
        .map_err(failed)?;
    recorder
        .programs
        .attach()
        .map_err(|source| RecordError::Bpf { source })?;
    drop(go);
    while kernel::reap(probe).is_none() {
        kernel::wait_readable(Some(std::os::fd::AsFd::as_fd(&pidfd)), 100);
    }
    Ok(())
}

/// Keeps a process of the recorder's own from being recorded.
fn pass_over(recorder: &mut Recorder<'_>, pid: sys::Tid) -> Result<(), RecordError> {
    kernel::pidfd(pid)
        .and_then(|pidfd| recorder.seed(&pidfd, pid, pid, THREAD_PROBES, None))
        .map_err(|source| RecordError::Failed {
            action: "leave the recorder out",
            source,
        })
}

fn new_recorder<'run>(
    options: &'run RecordOptions,
    bpf: BpfOptions,
    sink: &'run mut dyn RecordSink,
    control: &'run Control,
    programs: Loaded,
) -> Result<Recorder<'run>, RecordError> {
    let ring_bytes = programs.ring_bytes();
    let mut recorder = Recorder::new(options, sink, control, Box::new(programs), ring_bytes)?;
    if ring_bytes < bpf.ring_bytes() {
        let kib = ring_bytes >> 10;
        recorder.notes.push(format!(
            "the rings have {kib} KiB: there is no memory for more"
        ));
    }
    Ok(recorder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_take_a_quarter_of_what_is_free() {
        let asked = RING_BYTES;
        assert_eq!(affordable(asked, None), asked);
        assert_eq!(affordable(asked, Some(256 << 20)), asked);
        assert_eq!(affordable(asked, Some((256 << 20) - 1)), asked / 2);
        assert_eq!(affordable(asked, Some(80 << 20)), 16 << 20);
        assert_eq!(affordable(asked, Some(0)), RING_BYTES_MIN);
        assert_eq!(affordable(RING_BYTES_MIN, Some(0)), RING_BYTES_MIN);
    }
}
