//! State of processes when recording of them begins.

use std::collections::BTreeSet;
use std::io;

use unspool_decode::native::format::{INDEX_NONE, STRINGS_BYTES_MAX, kind, tag};

use super::kernel::{pidfd, thread_pidfd};
use super::recorder::{Recorder, THREADS_MAX};
use crate::native::stream::CLOCK;
use crate::native::writer::{begin_item, push_argv_and_env, push_item};
use crate::native::{Told, Use, procfs};
use crate::options::RecordError;
use crate::seam::Scrub;
use crate::sys::{self, Tid};

/// Descriptors of a process written down when recording of it begins.
const DESCRIPTORS_MAX: usize = 65_536;
const CLONE_THREAD: u32 = 0x1_0000;

/// Which state is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Of a child that is about to become the command: without an image, and without descriptors that it will not keep.
    Child,
    /// Of a process that runs.
    Running,
}

/// The record `process`.
pub(super) fn record(
    tgid: Tid,
    now: i64,
    state: State,
    scrub: &dyn Scrub,
    usage: &mut Use,
) -> Vec<u8> {
    let status = procfs::status(tgid).unwrap_or_default();
    let mut record = vec![0; 4];
    record.extend_from_slice(&tgid.to_le_bytes());
    record.extend_from_slice(&now.to_le_bytes());
    record.extend_from_slice(&tgid.to_le_bytes());
    record.extend_from_slice(&status.parent.to_le_bytes());
    record.extend_from_slice(&status.start_ns.to_le_bytes());
    let mut link = [0; procfs::LINK_BYTES_MAX];
    if state == State::Running {
        if let Some(exe) = procfs::exe(tgid, &mut link) {
            push_item(&mut record, tag::EXE, INDEX_NONE, exe);
        }
        let argv = procfs::strings(tgid, "cmdline", STRINGS_BYTES_MAX);
        let env = procfs::strings(tgid, "environ", STRINGS_BYTES_MAX);
        push_argv_and_env(&mut record, argv, env, scrub);
    }
    if let Some(cwd) = procfs::cwd(tgid, &mut link) {
        push_item(&mut record, tag::CWD, INDEX_NONE, cwd);
    }
    let user = [status.uid.to_le_bytes(), status.gid.to_le_bytes()].concat();
    push_item(&mut record, tag::USER, INDEX_NONE, &user);
    usage.push_group(tgid, Told::Again, &mut record);
    for (fd, flags) in procfs::descriptors(tgid, DESCRIPTORS_MAX) {
        let closes = flags & libc::O_CLOEXEC.cast_unsigned() != 0
            || u8::try_from(fd).is_ok_and(sys::signals::was_closed_at_start);
        if state == State::Child && closes {
            continue;
        }
        let path = procfs::fd_path(tgid, i64::from(fd), &mut link).unwrap_or_default();
        begin_item(&mut record, tag::FD, INDEX_NONE, 8 + path.len());
        record.extend_from_slice(&fd.to_le_bytes());
        record.extend_from_slice(&flags.to_le_bytes());
        record.extend_from_slice(path);
    }
    record.resize(record.len().next_multiple_of(4), 0);
    let len = u32::try_from(record.len()).unwrap_or(0);
    record[..4].copy_from_slice(&(len << 8 | u32::from(kind::PROCESS)).to_le_bytes());
    record
}

/// Writes the state of a running process and begins to record all its threads. The programs are in place already.
pub(super) fn take_up(recorder: &mut Recorder<'_>, pid: Tid) -> Result<(), RecordError> {
    let failed = |source: io::Error| RecordError::Trace { pid, source };
    let gone = || failed(io::Error::from_raw_os_error(libc::ESRCH));
    let tgid = procfs::status(pid).ok_or_else(gone)?.tgid;
    // As for ptrace: descriptors of a process can be seen by those who may trace it.
    std::fs::read_link(format!("/proc/{tgid}/exe")).map_err(failed)?;
    let state = record(
        tgid,
        sys::clock_ns(CLOCK),
        State::Running,
        recorder.options.scrub.as_ref(),
        &mut recorder.usage,
    );
    recorder.usage.attached(tgid);
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
    let key = if tid == tgid {
        pidfd(tid)?
    } else {
        thread_pidfd(tid)?
    };
    let mut state = vec![0; recorder.programs.thread_bytes()];
    let is_known = super::kernel::look_up_by_fd(
        recorder.programs.threads()?,
        std::os::fd::AsFd::as_fd(&key),
        &mut state,
    );
    if is_known.is_some() {
        // Made by a thread that is recorded already: its record is in the ring.
        return Ok(());
    }
    let detail = recorder.options.detail;
    let call = procfs::call(tid).filter(|call| super::calls::is_wanted(call.number, detail));
    recorder.seed(&key, tid, tgid, 0, call.as_ref())?;
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
