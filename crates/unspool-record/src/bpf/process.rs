//! State of processes when recording of them begins.

use std::collections::BTreeSet;
use std::io;

use unspool_decode::native::format::{INDEX_NONE, STRINGS_BYTES_MAX, kind, tag};

use super::kernel::pidfd_of;
use super::newcomers::Ahead;
use super::recorder::{Recorder, THREADS_MAX};
use crate::containers::Membership;
use crate::native::procfs::Status;
use crate::native::stream::CLOCK;
use crate::native::writer::{begin_item, push_argv_and_env, push_item};
use crate::native::{Told, Use, procfs};
use crate::options::RecordError;
use crate::seam::Scrub;
use crate::sys::{self, Tid};

/// Descriptors of a process written down when recording of it begins.
const DESCRIPTORS_MAX: usize = 65_536;
pub(super) const CLONE_THREAD: u32 = 0x1_0000;

/// Which state is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum State<'a> {
    /// Of a child that is about to become the command: without an image, and without descriptors that it will not keep.
    Child,
    /// Of a process that runs.
    Running,
    /// Of a process that runs, before the records that wait in the ring: without what they made.
    Before(&'a Ahead),
}

impl State<'_> {
    /// Whether the image is that of the moment when recording of the process begins.
    fn has_image(self, tgid: Tid) -> bool {
        match self {
            Self::Child => false,
            Self::Running => true,
            Self::Before(ahead) => !ahead.executes(tgid),
        }
    }

    /// The same of a descriptor that is open with these flags.
    fn has_descriptor(self, tgid: Tid, fd: i32, flags: u32) -> bool {
        match self {
            Self::Child => {
                flags & libc::O_CLOEXEC.cast_unsigned() == 0
                    && !u8::try_from(fd).is_ok_and(sys::signals::was_closed_at_start)
            }
            Self::Running => true,
            Self::Before(ahead) => !ahead.makes(tgid, fd),
        }
    }
}

/// The record `process` up to its items.
fn begin(tgid: Tid, time_ns: i64, status: Status) -> Vec<u8> {
    let mut record = vec![0; 4];
    record.extend_from_slice(&tgid.to_le_bytes());
    record.extend_from_slice(&time_ns.to_le_bytes());
    record.extend_from_slice(&tgid.to_le_bytes());
    record.extend_from_slice(&status.parent.to_le_bytes());
    record.extend_from_slice(&status.start_ns.to_le_bytes());
    record
}

fn end(record: &mut Vec<u8>) {
    record.resize(record.len().next_multiple_of(4), 0);
    let len = u32::try_from(record.len()).unwrap_or(0);
    record[..4].copy_from_slice(&(len << 8 | u32::from(kind::PROCESS)).to_le_bytes());
}

/// The record of a process that is gone, of which at most its control group is known.
pub(super) fn record_of_gone(
    tgid: Tid,
    time_ns: i64,
    group: Option<Membership>,
    usage: &mut Use,
) -> Vec<u8> {
    let mut record = begin(tgid, time_ns, Status::default());
    if let Some(group) = group {
        usage.push_membership(tgid, group, Told::Again, &mut record);
    }
    end(&mut record);
    record
}

/// What /proc says about a process.
#[derive(Debug, Default)]
pub(super) struct Facts {
    status: Status,
    exe: Option<Vec<u8>>,
    argv: Vec<Vec<u8>>,
    env: Vec<Vec<u8>>,
    cwd: Option<Vec<u8>>,
    descriptors: Vec<(i32, u32, Vec<u8>)>,
}

impl Facts {
    /// All but the image.
    pub(super) fn without_image(tgid: Tid) -> Self {
        let mut link = [0; procfs::LINK_BYTES_MAX];
        let descriptors = procfs::descriptors(tgid, DESCRIPTORS_MAX).into_iter();
        Self {
            status: procfs::status(tgid).unwrap_or_default(),
            cwd: procfs::cwd(tgid, &mut link).map(<[u8]>::to_vec),
            descriptors: descriptors
                .map(|(fd, flags)| {
                    let path = procfs::fd_path(tgid, i64::from(fd), &mut link);
                    (fd, flags, path.unwrap_or_default().to_vec())
                })
                .collect(),
            ..Self::default()
        }
    }

    pub(super) fn of(tgid: Tid) -> Self {
        let mut link = [0; procfs::LINK_BYTES_MAX];
        Self {
            exe: procfs::exe(tgid, &mut link).map(<[u8]>::to_vec),
            argv: procfs::strings(tgid, "cmdline", STRINGS_BYTES_MAX),
            env: procfs::strings(tgid, "environ", STRINGS_BYTES_MAX),
            ..Self::without_image(tgid)
        }
    }
}

/// The record `process`.
pub(super) fn record(
    tgid: Tid,
    now: i64,
    facts: Facts,
    state: State<'_>,
    scrub: &dyn Scrub,
    usage: &mut Use,
) -> Vec<u8> {
    let Facts {
        status,
        exe,
        argv,
        env,
        cwd,
        descriptors,
    } = facts;
    let mut record = begin(tgid, now, status);
    if state.has_image(tgid) {
        if let Some(exe) = exe {
            push_item(&mut record, tag::EXE, INDEX_NONE, &exe);
        }
        push_argv_and_env(&mut record, argv, env, scrub);
    }
    if let Some(cwd) = cwd {
        push_item(&mut record, tag::CWD, INDEX_NONE, &cwd);
    }
    let user = [status.uid.to_le_bytes(), status.gid.to_le_bytes()].concat();
    push_item(&mut record, tag::USER, INDEX_NONE, &user);
    usage.push_group(tgid, Told::Again, &mut record);
    for (fd, flags, path) in descriptors {
        if !state.has_descriptor(tgid, fd, flags) {
            continue;
        }
        begin_item(&mut record, tag::FD, INDEX_NONE, 8 + path.len());
        record.extend_from_slice(&fd.to_le_bytes());
        record.extend_from_slice(&flags.to_le_bytes());
        record.extend_from_slice(&path);
    }
    end(&mut record);
    record
}

/// Writes the state of a running process and begins to record all its threads. The programs are in place already.
pub(super) fn take_up(recorder: &mut Recorder<'_>, pid: Tid) -> Result<(), RecordError> {
    let failed = |source: io::Error| RecordError::Trace { pid, source };
    let gone = || failed(io::Error::from_raw_os_error(libc::ESRCH));
    let tgid = procfs::status(pid).ok_or_else(gone)?.tgid;
    // As for ptrace: descriptors of a process can be seen by those who may trace it.
    std::fs::read_link(format!("/proc/{tgid}/exe")).map_err(failed)?;
    // Before its control group is told.
    recorder.usage.attached(tgid);
    let state = record(
        tgid,
        sys::clock_ns(CLOCK),
        Facts::of(tgid),
        State::Running,
        recorder.options.scrub.as_ref(),
        &mut recorder.usage,
    );
    recorder.writer.append(&state, 0);
    let mut known = BTreeSet::new();
    // Threads start threads while we look: until a look finds no new one.
    loop {
        let new: Vec<Tid> = procfs::threads(tgid)
            .into_iter()
            .filter(|tid| !known.contains(tid))
            .collect();
        if new.is_empty() || known.len() > THREADS_MAX {
            break;
        }
        for tid in new {
            known.insert(tid);
            match take_up_thread(recorder, tid, tgid) {
                Err(error) if error.raw_os_error() != Some(libc::ESRCH) => {
                    return Err(failed(error));
                }
                _ => {}
            }
        }
    }
    if known.is_empty() {
        Err(gone())
    } else {
        Ok(())
    }
}

fn take_up_thread(recorder: &mut Recorder<'_>, tid: Tid, tgid: Tid) -> io::Result<()> {
    let key = pidfd_of(tid, tgid)?;
    let mut state = vec![0; recorder.programs.thread_bytes()];
    let is_known = super::kernel::look_up_by_fd(
        recorder.programs.threads()?,
        std::os::fd::AsFd::as_fd(&key),
        &mut state,
    );
    if is_known.is_some() {
        // Made by a thread that is recorded already: its record is in the ring. Or it made a call meanwhile.
        if tid == tgid {
            recorder.living.began(tid);
        }
        return Ok(());
    }
    let detail = recorder.options.detail;
    let call = procfs::call(tid).filter(|call| super::calls::is_wanted(call.number, detail));
    match recorder.seed(&key, tid, tgid, 0, call.as_ref()) {
        // It made a call meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        seeded => seeded?,
    }
    recorder.living.began(tid);
    if tid != tgid {
        recorder
            .writer
            .begin(kind::FORK, tgid, sys::clock_ns(CLOCK));
        for value in [tid.cast_unsigned(), tgid.cast_unsigned(), CLONE_THREAD, 0] {
            recorder.writer.u32(value);
        }
        recorder.writer.end();
        recorder.own_events += 1;
    }
    Ok(())
}
