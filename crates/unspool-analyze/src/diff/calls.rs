//! What calls are for.

use unspool_model::event::Outcome;
use unspool_model::step::{Action, Step, Touch};
use unspool_model::syscalls::Syscall;

use super::profile::{Failures, Group, Use, Wait};

/// The group that an action is counted in.
pub(super) fn group_of(action: Action) -> Group {
    match action {
        Action::Open | Action::Create => Group::Open,
        Action::Query => Group::Query,
        Action::Read | Action::Receive | Action::List => Group::Read,
        Action::Write | Action::Send => Group::Write,
        Action::Map => Group::Map,
        Action::Execute => Group::Execute,
        Action::Delete
        | Action::RenameFrom
        | Action::RenameTo
        | Action::LinkFrom
        | Action::LinkTo
        | Action::Truncate
        | Action::Attributes
        | Action::MakeDirectory => Group::Change,
        Action::Connect => Group::Connect,
        Action::Accept | Action::Bind | Action::Listen => Group::Accept,
        Action::Close
        | Action::Duplicate
        | Action::ChangeDirectory
        | Action::ChangeRoot
        | Action::Control
        | Action::Mount
        | Action::Watch
        | Action::Shutdown => Group::Other,
    }
}

/// Whether a step asks another end for something.
pub(super) fn asks(step: &Step<'_>) -> bool {
    step.touch
        .is_some_and(|touch| matches!(touch.action, Action::Write | Action::Send | Action::Connect))
}

/// Whether a step writes to the standard error of its process.
pub(super) fn is_complaint(step: &Step<'_>) -> bool {
    step.touch
        .is_some_and(|touch| touch.action == Action::Write && touch.fd.is_some_and(|fd| fd.0 == 2))
}

/// Calls of one purpose by one name, so that another library version is no difference.
pub(super) fn family(name: &[u8]) -> &[u8] {
    match name {
        b"clock_nanosleep" | b"nanosleep" | b"clock_nanosleep_time64" => b"sleep",
        b"wait4" | b"waitid" | b"waitpid" => b"wait",
        b"poll" | b"ppoll" | b"select" | b"pselect6" | b"_newselect" | b"epoll_wait"
        | b"epoll_pwait" | b"epoll_pwait2" | b"ppoll_time64" | b"pselect6_time64" => b"poll",
        b"futex" | b"futex_time64" => b"futex",
        other => other,
    }
}

/// What each call of the table waits for, by its place.
pub(super) fn waits() -> Vec<Wait> {
    Syscall::all()
        .map(|call| wait_of(call.name().as_bytes()))
        .collect()
}

fn wait_of(name: &[u8]) -> Wait {
    match family(name) {
        b"sleep" => Wait::Sleep,
        // A vfork ends when the child has become another program.
        b"wait" | b"vfork" | b"clone" | b"clone3" | b"fork" => Wait::Child,
        b"poll" => Wait::Ready,
        b"futex" => Wait::Thread,
        b"flock" | b"fcntl" | b"fcntl64" => Wait::Lock,
        b"pause" | b"rt_sigsuspend" | b"sigsuspend" | b"rt_sigtimedwait" => Wait::Signal,
        b"read" | b"readv" | b"pread64" | b"preadv" | b"preadv2" | b"recvfrom" | b"recvmsg"
        | b"recvmmsg" | b"write" | b"writev" | b"pwrite64" | b"sendto" | b"sendmsg"
        | b"sendmmsg" | b"sendfile" | b"splice" | b"connect" | b"accept" | b"accept4"
        | b"getsockopt" | b"fsync" | b"fdatasync" | b"copy_file_range" => Wait::Transfer,
        _ => Wait::Other,
    }
}

/// Counts what a step did to what it touched.
pub(super) fn count(used: &mut Use, step: &Step<'_>, touch: Option<Touch>, group: Group) {
    if let Outcome::Failed(errno) = step.outcome {
        let found = used
            .errors
            .iter_mut()
            .find(|failures| failures.group == group && failures.errno == errno);
        match found {
            Some(failures) => failures.count += 1,
            None => used.errors.push(Failures {
                group,
                errno,
                call: step.syscall.map_or("", Syscall::name),
                count: 1,
                first_ns: step.time_ns,
                first_seq: step.seq,
            }),
        }
        return;
    }
    if let Some(calls) = used.calls.get_mut(group as usize) {
        *calls += 1;
    }
    let bytes = touch.and_then(|touch| touch.bytes).unwrap_or(0);
    match group {
        Group::Read => {
            used.empty_reads += u32::from(step.outcome == Outcome::Returned(0));
            used.bytes_read = used.bytes_read.saturating_add(bytes);
            used.most_read = used.most_read.max(bytes);
        }
        Group::Write => used.bytes_written = used.bytes_written.saturating_add(bytes),
        _ => {}
    }
}
