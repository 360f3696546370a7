//! Calls of an ltrace log to events.

use unspool_model::args::{ARGS_MAX, Arg, Args};
use unspool_model::event::{Call, CallName, Errno, EventSink, Fork, Kind, LibraryCall, Outcome};
use unspool_model::ids::{Pid, Tid};
use unspool_model::syscalls::{Architecture, Operation, Role, Syscall};

use super::line::{Name, Tail, integer, split_arg};
use super::pending::Pending;
use super::{CHILDREN_MAX, State, give};
use crate::decoder::Features;

/// Most arguments that ltrace prints of a system call that it has no prototype for.
const PRINTED_ARGS: usize = 4;

/// Whether this is a function that returns in a second process.
pub(super) fn is_fork(name: &[u8]) -> bool {
    matches!(
        name,
        b"fork" | b"vfork" | b"__fork" | b"__vfork" | b"_Fork" | b"clone" | b"clone3" | b"__clone"
    )
}

impl State {
    /// A complete call, or one whose end is known to be missing (`tail` is `None`).
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a line, which have no other reason to be a struct"
    )]
    pub(super) fn call(
        &mut self,
        time_ns: i64,
        tid: u32,
        name: Name<'_>,
        args: &[u8],
        depth: u32,
        tail: Option<Tail<'_>>,
        sink: &mut dyn EventSink,
    ) {
        if let Some(ns) = tail.and_then(|tail| tail.duration_ns) {
            self.stats.features.insert(Features::DURATION);
            self.stats.duration_ns = self.stats.duration_ns.saturating_add(ns.unsigned_abs());
        }
        self.stats.calls += 1;
        if name.is_syscall {
            self.has_syscalls = true;
            let outcome = tail.map_or(Outcome::Unfinished, |tail| outcome(tail.result));
            let duration_ns = tail.and_then(|tail| tail.duration_ns);
            let call = self.syscall(name, args, outcome, duration_ns);
            give(time_ns, tid, &Kind::Call(call), sink);
            return;
        }
        self.stats.library_calls += 1;
        let result = tail.map_or(&[][..], |tail| tail.result);
        if !self.has_syscalls && is_fork(name.name) {
            self.fork_returned(time_ns, tid, name, result, sink);
        }
        let call = LibraryCall {
            library: name.library,
            name: name.name,
            args: args.trim_ascii_end(),
            result,
            duration_ns: tail.and_then(|tail| tail.duration_ns),
            depth,
        };
        give(time_ns, tid, &Kind::LibraryCall(call), sink);
    }

    /// Without system calls in the log, the return of fork is all that tells whose child a process is.
    fn fork_returned(
        &mut self,
        time_ns: i64,
        tid: u32,
        name: Name<'_>,
        result: &[u8],
        sink: &mut dyn EventSink,
    ) {
        let child = integer(result).and_then(|child| u32::try_from(child).ok());
        let Some(child) = child.filter(|child| *child > 0) else {
            return;
        };
        if self.children.early.remove(&child) {
            return;
        }
        if self.children.told.len() < CHILDREN_MAX {
            self.children.told.insert(child);
        }
        give_fork(time_ns, tid, child, name.name, sink);
    }

    /// A child returned from a fork that its parent called. That may come before the parent's own return.
    pub(super) fn child_returned(
        &mut self,
        time_ns: i64,
        child: u32,
        tail: Tail<'_>,
        sink: &mut dyn EventSink,
    ) {
        let is_told = self.children.told.remove(&child);
        if is_told || self.has_syscalls || integer(tail.result) != Some(0) {
            return;
        }
        let parent = self.stacks.forking(|pending| is_fork(&pending.name));
        if let Some(parent) = parent
            && self.children.early.len() < CHILDREN_MAX
            && self.children.early.insert(child)
        {
            parent.is_child_told = true;
            give_fork(time_ns, parent.tid, child, &parent.name, sink);
        }
    }

    fn syscall<'a>(
        &self,
        name: Name<'a>,
        args: &'a [u8],
        outcome: Outcome,
        duration_ns: Option<i64>,
    ) -> Call<'a> {
        let known = known(name.name, self.architecture);
        Call {
            name: known.map_or(CallName::Other(name.name), CallName::Known),
            args: arguments(known, args),
            outcome,
            duration_ns,
            result_path: &[],
            architecture: self.architecture,
        }
    }

    /// A call was entered.
    pub(super) fn begin(&mut self, pending: Pending, sink: &mut dyn EventSink) {
        self.stats.unfinished += 1;
        if pending.is_syscall {
            self.has_syscalls = true;
            let call = self.syscall(pending.name(), &pending.args, Outcome::Unfinished, None);
            let is_told = call.name.known().is_some_and(|call| {
                matches!(
                    call.operation(),
                    Operation::Fork
                        | Operation::Vfork
                        | Operation::Clone
                        | Operation::Clone3
                        | Operation::Exec
                        | Operation::ExecAt
                        | Operation::Exit
                        | Operation::ExitGroup
                )
            });
            if is_told {
                give(pending.time_ns, pending.tid, &Kind::CallBegin(call), sink);
            }
        }
        if let Some(dropped) = self.stacks.push(pending) {
            self.lost_end(&dropped, Outcome::Unknown, sink);
            self.report(
                unspool_model::event::Reason::NeverResumed,
                &dropped.name,
                sink,
            );
        }
    }

    /// A call whose end the log does not have.
    pub(super) fn lost_end(
        &mut self,
        pending: &Pending,
        outcome: Outcome,
        sink: &mut dyn EventSink,
    ) {
        let (time_ns, tid, depth) = (pending.time_ns, pending.tid, pending.depth);
        if pending.is_syscall {
            self.stats.calls += 1;
            let call = self.syscall(pending.name(), &pending.args, outcome, None);
            give(time_ns, tid, &Kind::Call(call), sink);
        } else {
            self.call(
                time_ns,
                tid,
                pending.name(),
                &pending.args,
                depth,
                None,
                sink,
            );
        }
    }

    /// The thread has ended: its open calls never return.
    pub(super) fn close_thread(&mut self, tid: u32, sink: &mut dyn EventSink) {
        while let Some(pending) = self.stacks.pop(tid) {
            self.lost_end(&pending, Outcome::Unfinished, sink);
            self.stacks.recycle(pending);
        }
    }

    /// `Called exec()`: the open execve succeeded, and what called it is gone with the old image.
    pub(super) fn replaced(&mut self, tid: u32, sink: &mut dyn EventSink) {
        while let Some(pending) = self.stacks.pop(tid) {
            let is_exec =
                pending.is_syscall && matches!(pending.name.as_slice(), b"execve" | b"execveat");
            let outcome = if is_exec {
                Outcome::Returned(0)
            } else {
                Outcome::Unfinished
            };
            self.lost_end(&pending, outcome, sink);
            self.stacks.recycle(pending);
        }
    }
}

fn give_fork(time_ns: i64, tid: u32, child: u32, name: &[u8], sink: &mut dyn EventSink) {
    const VFORK_FLAGS: u64 = 0x4100;
    let fork = Fork {
        child: Tid(child),
        child_pid: Pid(child),
        flags: if name.ends_with(b"vfork") {
            VFORK_FLAGS
        } else {
            0
        },
    };
    give(time_ns, tid, &Kind::Fork(fork), sink);
}

/// A call by its name; ltrace 0.7.3 prints the bare number of those that it does not know (`SYS_334`).
fn known(name: &[u8], architecture: Architecture) -> Option<Syscall> {
    Syscall::by_name(name).or_else(|| {
        let number = integer(name).filter(|_| name.first() != Some(&b'n'))?;
        Syscall::by_number(architecture, u32::try_from(number).ok()?)
    })
}

/// Results are numbers, of failed calls `-errno`.
fn outcome(result: &[u8]) -> Outcome {
    let Some(value) = integer(result) else {
        return Outcome::Unknown;
    };
    match u16::try_from(value.unsigned_abs()) {
        Ok(errno @ 1..=4095) if value < 0 => Outcome::Failed(Errno(errno)),
        _ => Outcome::Returned(value),
    }
}

fn arguments(known: Option<Syscall>, text: &[u8]) -> Args<'_> {
    let roles = known.map_or(&[][..], Syscall::args);
    let text = text.trim_ascii_end();
    let mut args = Args::new(text);
    let mut rest = text;
    for index in 0..ARGS_MAX {
        if rest.is_empty() {
            break;
        }
        let (arg, after) = split_arg(rest);
        rest = after;
        args.push(match (integer(arg), roles.get(index)) {
            (Some(value), Some(Role::Fd | Role::DirFd)) => Arg::Fd {
                fd: low_i32(value),
                path: &[],
            },
            (Some(value), Some(Role::Pid | Role::Tid)) => {
                Arg::Number(i64::from(low_i32(value)).cast_unsigned())
            }
            (Some(value), _) => Arg::Number(value.cast_unsigned()),
            (None, _) => Arg::Text(arg),
        });
    }
    args
}

/// `0xffffff9c` is `AT_FDCWD`: the low half of the register counts.
fn low_i32(value: i64) -> i32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// How much of what stands behind the name belongs to the arguments, when output of the program follows without a mark:
/// a last argument that is a number ends with its digits.
pub(super) fn args_len(name: Name<'_>, text: &[u8]) -> usize {
    let known = Syscall::by_name(name.name).filter(|_| name.is_syscall);
    let count = known.map_or(PRINTED_ARGS, |call| call.args().len());
    let mut rest = text;
    for _ in 1..count {
        let (_, after) = split_arg(rest);
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    let start = text.len() - rest.len();
    let digits = match rest {
        [b'0', b'x', hex @ ..] => 2 + run(hex, u8::is_ascii_hexdigit),
        [b'-', digits @ ..] => 1 + run(digits, u8::is_ascii_digit),
        [b'n', b'i', b'l', ..] => 3,
        digits => run(digits, u8::is_ascii_digit),
    };
    if digits == 0 {
        text.len()
    } else {
        start + digits
    }
}

fn run(text: &[u8], is_part: fn(&u8) -> bool) -> usize {
    text.iter()
        .position(|byte| !is_part(byte))
        .unwrap_or(text.len())
}
