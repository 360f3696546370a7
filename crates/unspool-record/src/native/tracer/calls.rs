//! Stops at the entry and exit of calls.

use unspool_decode::native::format::{LONG_DURATION, SLOT_RESULT, architecture, kind, tag};

use super::Tracer;
use crate::native::capture::CallView;
use crate::native::roles::{ProcessCall, process_call};
use crate::native::seccomp::{AUDIT_AARCH64, AUDIT_I386, AUDIT_X86_64, COOKIE};
use crate::native::tracee::{Pending, Restore, Tracee};
use crate::native::writer::{Writer, push_item};
use crate::options::Detail;
use crate::sys::ptrace::{self, OP_ENTRY, OP_EXIT, OP_SECCOMP, Resume, SyscallInfo};
use crate::sys::{self, Tid};

const CLONE_VM: u64 = 0x100;
const CLONE_VFORK: u64 = 0x4000;
const CLONE_UNTRACED: u64 = 0x0080_0000;
/// Bit of a call number that says x32.
const X32_BIT: u64 = 0x4000_0000;

impl Tracer<'_> {
    /// A thread enters or leaves a call.
    #[inline]
    pub(super) fn on_call_stop(&mut self, tid: Tid, now: i64) {
        let mut info = self.info;
        if ptrace::syscall_info(tid, &mut info).is_err() {
            // Killed meanwhile.
            return;
        }
        match info.op {
            OP_ENTRY => {
                self.waiter.entered(info.words[0]);
                self.on_entry(tid, &info, now);
                self.resume(tid, Resume::ToCall, 0);
            }
            OP_EXIT => {
                let signed = info.words[0].cast_signed();
                self.on_exit(tid, signed, now);
                let how = self.resume_between_calls();
                self.resume(tid, how, 0);
            }
            _ => {
                let how = self.resume_between_calls();
                self.resume(tid, how, 0);
            }
        }
    }

    /// Our seccomp filter stopped a call that is wanted: as an entry.
    pub(super) fn on_seccomp(&mut self, tid: Tid, now: i64) {
        let mut info = self.info;
        if ptrace::syscall_info(tid, &mut info).is_err() {
            return;
        }
        let is_ours = info.op == OP_SECCOMP && info.words[7] & 0xffff == u64::from(COOKIE);
        if is_ours {
            self.waiter.entered(info.words[0]);
            // The launcher's own execve comes here too: it becomes a record when it succeeded.
            if self.root.is_none() || self.has_executed {
                self.on_entry(tid, &info, now);
            }
            self.resume(tid, Resume::ToCall, 0);
        } else {
            // A filter of the job's own asks for a tracer that it does not have.
            let _gone = ptrace::skip_call(tid);
            self.resume(tid, Resume::ToEvent, 0);
        }
    }

    #[inline]
    fn on_entry(&mut self, tid: Tid, info: &SyscallInfo, now: i64) {
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        let number = info.words[0];
        let arch = match info.arch {
            AUDIT_X86_64 if number & X32_BIT != 0 && number >> 32 == 0 => architecture::OTHER,
            AUDIT_X86_64 => architecture::X86_64,
            AUDIT_AARCH64 => architecture::AARCH64,
            AUDIT_I386 => architecture::I386,
            _ => architecture::OTHER,
        };
        let row = self.roles.row(arch, number);
        tracee.stopping = None;
        let tgid = tracee.tgid;
        let pending = &mut tracee.pending;
        pending.is_active = self.options.detail == Detail::Full
            || row.is_some_and(|row| row.detail <= self.options.detail);
        pending.architecture = arch;
        pending.number = number;
        pending.args.copy_from_slice(&info.words[1..7]);
        pending.entry_ns = now;
        pending.row = row;
        pending.items.clear();
        pending.process_call = process_call(arch, number);
        pending.is_child_told = false;
        if let Some(row) = row
            && row.reads_at_entry
            && pending.is_active
            && !self.writer.is_failing()
        {
            let call = CallView {
                tid,
                tgid,
                architecture: arch,
                args: &pending.args,
                row,
            };
            self.capture.at_entry(call, &mut pending.items);
        }
        if pending.process_call.is_some() {
            self.on_process_call(tid, now);
        }
    }

    /// A call that makes, replaces or ends processes was entered.
    fn on_process_call(&mut self, tid: Tid, now: i64) {
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        let pending = &mut tracee.pending;
        let mut untraced = None;
        match pending.process_call {
            Some(ProcessCall::Fork) => {
                let is_vfork = matches!(
                    (pending.architecture, pending.number),
                    (architecture::X86_64, 58) | (architecture::I386, 190)
                );
                pending.clone_flags = Some(if is_vfork { CLONE_VM | CLONE_VFORK } else { 0 });
            }
            Some(ProcessCall::Clone) => {
                pending.clone_flags = Some(pending.args[0]);
                if pending.args[0] & CLONE_UNTRACED != 0 {
                    untraced = Some(Restore::Register(pending.args[0]));
                }
            }
            Some(ProcessCall::Clone3) => {
                let mut flags = [0; 8];
                let is_read = sys::read_memory(tid, pending.args[0], &mut flags) == Ok(8);
                pending.clone_flags = is_read.then(|| u64::from_le_bytes(flags));
                if let Some(flags) = pending.clone_flags
                    && flags & CLONE_UNTRACED != 0
                {
                    untraced = Some(Restore::Memory(pending.args[0], flags));
                }
            }
            _ => {}
        }
        let is_32_bit = pending.architecture == architecture::I386;
        let is_last = pending.process_call == Some(ProcessCall::Exit);
        if pending.is_active {
            write_call(&mut self.writer, kind::CALL_BEGIN, tid, pending, 0, None);
            self.writer.end();
        }
        if is_last {
            self.on_last_call(tid);
        }
        if let Some(restore) = untraced {
            self.trace_untraced_child(tid, restore, is_32_bit, now);
        }
    }

    /// `CLONE_UNTRACED` would hide the child: the flag is taken out for the kernel and put back for the program.
    fn trace_untraced_child(&mut self, tid: Tid, restore: Restore, is_32_bit: bool, now: i64) {
        let changed = match restore {
            Restore::Register(flags) => {
                ptrace::set_first_argument(tid, is_32_bit, flags & !CLONE_UNTRACED)
            }
            Restore::Memory(address, flags) => {
                sys::write_memory(tid, address, &(flags & !CLONE_UNTRACED).to_le_bytes())
            }
        };
        if changed.is_err() {
            self.note(
                tid,
                now,
                format!("thread {tid} starts a child that cannot be followed (CLONE_UNTRACED)"),
            );
        } else if let Some(tracee) = self.tracees.get_mut(&tid)
            && (matches!(restore, Restore::Memory(..)) || ptrace::restores_first_argument())
        {
            tracee.restore = Some(restore);
        }
    }

    #[inline]
    fn on_exit(&mut self, tid: Tid, result: i64, now: i64) {
        self.put_back(tid);
        self.on_return_from_last_call(tid);
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        let tgid = tracee.tgid;
        let pending = &mut tracee.pending;
        self.waiter.left(pending.number);
        pending.clone_flags = None;
        pending.process_call = None;
        if !std::mem::take(&mut pending.is_active) {
            return;
        }
        write_call(
            &mut self.writer,
            kind::CALL,
            tid,
            pending,
            now - pending.entry_ns,
            Some(result),
        );
        if let Some(row) = pending.row
            && row.reads_at_exit
            && !self.writer.is_failing()
        {
            let call = CallView {
                tid,
                tgid,
                architecture: pending.architecture,
                args: &pending.args,
                row,
            };
            self.capture.at_exit(call, result, self.writer.items());
        }
        self.writer.end();
    }

    /// Puts back what was changed in a stopped thread to follow its child.
    pub(super) fn put_back(&mut self, tid: Tid) -> Option<Restore> {
        let tracee = self.tracees.get_mut(&tid)?;
        let restore = tracee.restore.take()?;
        put_back(
            tid,
            restore,
            tracee.pending.architecture == architecture::I386,
        );
        Some(restore)
    }

    /// A call that was entered and that nobody saw returning.
    pub(super) fn write_unfinished(&mut self, tid: Tid, tracee: &Tracee, now: i64) {
        if tracee.pending.is_active {
            write_call(
                &mut self.writer,
                kind::CALL,
                tid,
                &tracee.pending,
                now - tracee.pending.entry_ns,
                None,
            );
            push_item(self.writer.items(), tag::NO_RESULT, 0xff, &[]);
            self.writer.end();
        }
    }
}

/// Puts back what was changed in a stopped thread (or in the child that copied it).
pub(super) fn put_back(tid: Tid, restore: Restore, is_32_bit: bool) {
    let _gone = match restore {
        Restore::Register(flags) => ptrace::set_first_argument(tid, is_32_bit, flags),
        Restore::Memory(address, flags) => sys::write_memory(tid, address, &flags.to_le_bytes()),
    };
}

/// Starts a record of a call: head, body, slots, and the items of its entry. The caller ends it.
#[inline]
fn write_call(
    writer: &mut Writer<'_>,
    kind: u8,
    tid: Tid,
    pending: &Pending,
    duration_ns: i64,
    result: Option<i64>,
) {
    let duration_ns = u64::try_from(duration_ns).unwrap_or(0);
    let short = u32::try_from(duration_ns)
        .ok()
        .filter(|&duration| duration != LONG_DURATION);
    let number = u16::try_from(pending.number & !X32_BIT).unwrap_or(u16::MAX);
    let mut widths = u16::from(pending.architecture) << (2 * (SLOT_RESULT + 1));
    let mut body = [0_u8; 8 + 8 * (SLOT_RESULT + 1)];
    let mut len = 8;
    let slots = pending
        .args
        .iter()
        .map(|arg| arg.cast_signed())
        .chain(result);
    for (slot, value) in slots.enumerate() {
        let width = width_of(value);
        widths |= width << (2 * slot);
        let bytes = match width {
            0 => 0,
            3 => 8,
            _ => 4,
        };
        body[len..len + 8].copy_from_slice(&value.to_le_bytes());
        len += bytes;
    }
    body[0..4].copy_from_slice(&short.unwrap_or(LONG_DURATION).to_le_bytes());
    body[4..6].copy_from_slice(&number.to_le_bytes());
    body[6..8].copy_from_slice(&widths.to_le_bytes());
    writer.begin(kind, tid, pending.entry_ns);
    writer.bytes(&body[..len]);
    if short.is_none() {
        push_item(
            writer.items(),
            tag::LONG_DURATION,
            0xff,
            &duration_ns.to_le_bytes(),
        );
    }
    writer.bytes(&pending.items);
}

/// How a slot is stored: 0 nothing, 1 four bytes to be extended by zeros, 2 by the sign, 3 all eight bytes.
#[inline]
fn width_of(value: i64) -> u16 {
    if value == 0 {
        0
    } else if u32::try_from(value).is_ok() {
        1
    } else if i32::try_from(value).is_ok() {
        2
    } else {
        3
    }
}
