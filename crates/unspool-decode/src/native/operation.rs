//! Operations of an `io_uring`, given as the calls that do the same.

use unspool_model::args::{Arg, Args};
use unspool_model::event::{Call, CallName, Event, EventSink, Kind};

use unspool_model::syscalls::{Architecture, Syscall};

use super::call::{Head, outcome};
use super::format::{INDEX_RESULT, SLOT_RESULT, tag};
use super::read::{Fields, Items};
use super::record::{ItemsEnd, Record, State, walk};

/// Names of operations by their numbers (`enum io_uring_op` of `include/uapi/linux/io_uring.h`): of the calls that do the same,
/// where there are any.
const NAMES: &[&str] = &[
    "io_uring_nop",
    "readv",
    "writev",
    "fsync",
    "read",
    "write",
    "io_uring_poll_add",
    "io_uring_poll_remove",
    "sync_file_range",
    "sendmsg",
    "recvmsg",
    "io_uring_timeout",
    "io_uring_timeout_remove",
    "accept4",
    "io_uring_cancel",
    "io_uring_link_timeout",
    "connect",
    "fallocate",
    "openat",
    "close",
    "io_uring_files_update",
    "statx",
    "read",
    "write",
    "fadvise64",
    "madvise",
    "sendto",
    "recvfrom",
    "openat2",
    "epoll_ctl",
    "splice",
    "io_uring_provide_buffers",
    "io_uring_remove_buffers",
    "tee",
    "shutdown",
    "renameat2",
    "unlinkat",
    "mkdirat",
    "symlinkat",
    "linkat",
    "io_uring_msg_ring",
    "fsetxattr",
    "setxattr",
    "fgetxattr",
    "getxattr",
    "socket",
    "io_uring_uring_cmd",
    "sendto",
    "sendmsg",
    "io_uring_read_multishot",
    "waitid",
    "io_uring_futex_wait",
    "io_uring_futex_wake",
    "io_uring_futex_waitv",
    "io_uring_fixed_fd_install",
    "ftruncate",
    "bind",
    "listen",
    "io_uring_recv_zc",
    "io_uring_epoll_wait",
    "readv",
    "writev",
    "pipe2",
];

/// The arguments of the call that does the same, where the recorder tells them.
fn arguments_given(body: Fields<'_>) -> Option<[u64; 5]> {
    let item = Items::new(body.rest).find(|item| item.tag == tag::ARGUMENTS)?;
    let mut fields = item.fields();
    let mut given = [0; 5];
    for argument in &mut given {
        *argument = fields.u64()?;
    }
    Some(given)
}

impl State {
    pub(super) fn operation(
        &mut self,
        record: &Record<'_>,
        sink: &mut dyn EventSink,
    ) -> Option<ItemsEnd> {
        let mut body = record.body;
        let duration = body.u32()?;
        let number = body.u32()?;
        let serial = u64::from(body.u32()?);
        let fd = body.i32()?;
        let result = body.i64()?;
        let len = body.u64()?;
        let name = usize::try_from(number)
            .ok()
            .and_then(|number| NAMES.get(number))
            .copied()
            .unwrap_or("io_uring_operation");
        let architecture = self
            .stream
            .as_ref()
            .map_or(Architecture::X86_64, |stream| stream.architecture);
        let known = Syscall::by_name(name.as_bytes());
        if let Some(given) = arguments_given(body)
            && known.is_some()
        {
            let mut slots = [0; SLOT_RESULT + 1];
            for (slot, argument) in slots.iter_mut().zip(given) {
                *slot = argument;
            }
            slots[SLOT_RESULT] = result.cast_unsigned();
            let head = Head {
                duration,
                number: 0,
                serial,
                architecture,
                slots,
            };
            let mut files = std::mem::take(&mut self.files);
            let end = self.call_of(record, &head, known, body, &mut files, sink);
            self.files = files;
            return Some(end);
        }
        self.files.tell_all(body);
        let mut result_path: &[u8] = &[];
        let end = walk(body, |item| match item.tag {
            tag::PATH if item.index == INDEX_RESULT => {
                result_path = item.value;
                true
            }
            tag::PATH | tag::IDENTITY | tag::SOCKET => true,
            _ => false,
        });
        let path = self.files.path(serial);
        let arguments = [Arg::Fd { fd, path }, Arg::Number(0), Arg::Number(len)];
        let call = Call {
            name: CallName::from_bytes(name.as_bytes()),
            args: arguments.into_iter().fold(Args::new(&[]), |mut args, arg| {
                args.push(arg);
                args
            }),
            outcome: outcome(result),
            duration_ns: Some(i64::from(duration)),
            result_path,
            architecture,
        };
        self.stats.calls += 1;
        sink.event(&Event {
            time_ns: self.time(record.time),
            tid: record.tid,
            kind: Kind::Call(call),
        });
        Some(end)
    }
}
