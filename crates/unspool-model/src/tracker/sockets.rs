//! Descriptors that come without a path: copies, pipes, sockets, event counters, descriptors from other processes.

use super::Tracker;
use super::calls::{Doing, O_CLOEXEC};
use super::files::{NewDescriptor, NewSession};
use crate::args::{Family, FdArg, text};
use crate::ids::{Fd, ResourceId};
use crate::step::{Action, Touch};
use crate::syscalls::{Operation, Role};
use crate::world::{LinkKind, Origin, ResourceKind, SocketName};

/// fcntl commands (`include/uapi/linux/fcntl.h`).
const F_DUPFD: i64 = 0;
const F_SETFD: i64 = 2;
const F_DUPFD_CLOEXEC: i64 = 1030;
/// ioctl requests that set and clear close-on-exec (`include/uapi/asm-generic/ioctls.h`).
const FIONCLEX: i64 = 0x5450;
const FIOCLEX: i64 = 0x5451;
const CLOSE_RANGE_UNSHARE: u64 = 2;
const CLOSE_RANGE_CLOEXEC: u64 = 4;
const MSG_CMSG_CLOEXEC: u64 = 0x4000_0000;

impl Tracker {
    /// dup, dup2, dup3.
    pub(super) fn dup(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let close_on_exec =
            doing.row.operation == Operation::Dup3 && doing.has_flag(b"O_CLOEXEC", O_CLOEXEC);
        self.duplicate(doing, close_on_exec)
    }

    fn duplicate(&mut self, doing: &Doing<'_, '_>, close_on_exec: bool) -> Option<Touch> {
        let old = self.known_fd(doing, 0)?;
        if let Some(new) = doing.returned_fd()
            && new.fd != old.fd
        {
            let object = doing.fd(0).map_or(&[][..], |fd| fd.path);
            self.add_descriptor(
                doing.process,
                old.session,
                NewDescriptor {
                    fd: new.fd,
                    origin: Origin::Duplicated(old.fd),
                    close_on_exec,
                    object,
                },
                doing.begin_ns,
            );
            self.made_at(doing.process, new.fd, doing.end_ns);
        }
        Some(old.touch(Action::Duplicate, None))
    }

    pub(super) fn fcntl(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let is = |name: &[u8], number: i64| match doing.args().get(1) {
            Some(crate::args::Arg::Text(text)) => {
                text == name || text::int(text) == Some(number) && number != 0
            }
            Some(_) => doing.args().int(1) == Some(number),
            None => false,
        };
        if is(b"F_DUPFD", F_DUPFD) || is(b"F_DUPFD_CLOEXEC", F_DUPFD_CLOEXEC) {
            return self.duplicate(doing, is(b"F_DUPFD_CLOEXEC", F_DUPFD_CLOEXEC));
        }
        if is(b"F_SETFD", F_SETFD) && doing.succeeded() {
            let on = doing.args().has_flag(2, b"FD_CLOEXEC", 1);
            if let Some(fd) = doing.fd(0) {
                self.resolve(doing.process, fd, doing.begin_ns);
                self.set_close_on_exec(doing, fd.fd, on);
            }
        }
        self.on_fd(doing, Action::Control)
    }

    pub(super) fn ioctl(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let request = match doing.args().get(1) {
            Some(crate::args::Arg::Text(b"FIOCLEX")) => Some(FIOCLEX),
            Some(crate::args::Arg::Text(b"FIONCLEX")) => Some(FIONCLEX),
            _ => doing.args().int(1),
        };
        if doing.succeeded()
            && matches!(request, Some(FIOCLEX | FIONCLEX))
            && let Some(fd) = doing.fd(0)
        {
            self.resolve(doing.process, fd, doing.begin_ns);
            self.set_close_on_exec(doing, fd.fd, request == Some(FIOCLEX));
        }
        self.on_fd(doing, Action::Control)
    }

    fn set_close_on_exec(&mut self, doing: &Doing<'_, '_>, fd: Fd, on: bool) {
        if let Some(table) = self.live(doing.process).map(|live| live.table)
            && let Some(entry) = self.tables.get_mut(table).get_mut(fd)
        {
            entry.descriptor.close_on_exec = on;
        }
    }

    pub(super) fn close_range(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        if !doing.succeeded() {
            return None;
        }
        let bound = |index: usize| {
            let value = doing.args().int(index)?;
            // The last number may be ~0U.
            Some(i32::try_from(value).unwrap_or(i32::MAX))
        };
        let (first, last) = (bound(0)?, bound(1)?);
        if doing
            .args()
            .has_flag(2, b"CLOSE_RANGE_UNSHARE", CLOSE_RANGE_UNSHARE)
        {
            self.unshare_table(doing.process, doing.end_ns);
        }
        let only_flag = doing
            .args()
            .has_flag(2, b"CLOSE_RANGE_CLOEXEC", CLOSE_RANGE_CLOEXEC);
        let table = self.live(doing.process)?.table;
        for fd in self.tables.get(table).numbers() {
            if fd.0 < first || fd.0 > last {
                continue;
            }
            if only_flag {
                self.set_close_on_exec(doing, fd, true);
            } else {
                let bare = FdArg {
                    fd,
                    path: &[],
                    escaped: false,
                };
                self.close_fd(doing.process, bare, doing.begin_ns, doing.end_ns);
            }
        }
        None
    }

    /// pipe, pipe2, socketpair.
    pub(super) fn pair(&mut self, doing: &Doing<'_, '_>, kind: ResourceKind) -> Option<Touch> {
        if !doing.succeeded() {
            return None;
        }
        let index = doing.place(0, |role| matches!(role, Role::FdPair))?;
        let ends = doing.args().fd_pair(index)?;
        let is_pipe = kind == ResourceKind::Pipe;
        let cloexec = if is_pipe {
            doing.has_flag(b"O_CLOEXEC", O_CLOEXEC)
        } else {
            socket_type_has_cloexec(doing)
        };
        let unnamed = is_pipe && ends.iter().all(|end| end.path.is_empty());
        let shared = unnamed.then(|| {
            self.names
                .intern_unnamed(&mut self.world.resources, "pipe", kind)
        });
        let resources = ends.map(|end| {
            shared.unwrap_or_else(|| {
                if end.path.is_empty() {
                    self.names
                        .intern_unnamed(&mut self.world.resources, "UNIX", kind)
                } else {
                    self.names
                        .intern_object(&mut self.world.resources, end.path, end.escaped)
                }
            })
        });
        if !is_pipe {
            self.names.set_peers(resources[0], resources[1]);
        }
        for (side, (end, resource)) in ends.iter().zip(resources).enumerate() {
            let flags = if is_pipe { u32::from(side == 1) } else { 2 };
            self.opened(doing, *end, resource, flags, cloexec);
        }
        let resolved = self.resolved(doing.process, ends[0].fd)?;
        Some(resolved.touch(Action::Open, None))
    }

    /// A call opened `fd` on `resource`.
    fn opened(
        &mut self,
        doing: &Doing<'_, '_>,
        fd: FdArg<'_>,
        resource: ResourceId,
        flags: u32,
        close_on_exec: bool,
    ) {
        self.open_session(
            doing.process,
            &NewSession {
                resource,
                flags,
                claimed: fd.path.is_empty(),
                opened: true,
            },
            NewDescriptor {
                fd: fd.fd,
                origin: Origin::Opened,
                close_on_exec,
                object: fd.path,
            },
            doing.begin_ns,
        );
        self.made_at(doing.process, fd.fd, doing.end_ns);
    }

    pub(super) fn socket(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let fd = doing.returned_fd()?;
        let cloexec = socket_type_has_cloexec(doing);
        let protocol = socket_protocol(doing);
        let resource = if fd.path.is_empty() {
            self.names
                .intern_unnamed(&mut self.world.resources, protocol, ResourceKind::Socket)
        } else {
            self.names
                .intern_object(&mut self.world.resources, fd.path, fd.escaped)
        };
        let has_name = self
            .world
            .resource(resource)
            .is_some_and(|resource| resource.socket.is_some());
        if !has_name {
            let socket = SocketName {
                protocol: protocol.to_owned(),
                ..SocketName::default()
            };
            self.names
                .set_socket(&mut self.world.resources, resource, socket);
        }
        self.opened(doing, fd, resource, 2, cloexec);
        let resolved = self.resolved(doing.process, fd.fd)?;
        Some(resolved.touch(Action::Open, None))
    }

    pub(super) fn accept(&mut self, doing: &Doing<'_, '_>) -> (Option<Touch>, Option<Touch>) {
        let Some(listener) = self.known_fd(doing, 0) else {
            return (None, None);
        };
        let first = Some(listener.touch(Action::Accept, None));
        let Some(fd) = doing.returned_fd() else {
            return (first, None);
        };
        let own = self
            .world
            .resource(listener.resource)
            .and_then(|resource| resource.socket.clone())
            .unwrap_or_default();
        let resource = if fd.path.is_empty() {
            let prefix = if own.protocol.is_empty() {
                "socket"
            } else {
                &own.protocol
            };
            self.names
                .intern_unnamed(&mut self.world.resources, prefix, ResourceKind::Socket)
        } else {
            self.names
                .intern_object(&mut self.world.resources, fd.path, fd.escaped)
        };
        let index = doing.place(0, |role| matches!(role, Role::Sockaddr | Role::SockaddrOut));
        let remote = index
            .and_then(|index| doing.args().socket_address(index))
            .map(|address| address.text)
            .unwrap_or_default();
        self.fill_ends(resource, &own.protocol, &own.local, &remote);
        let cloexec = doing.has_flag(b"SOCK_CLOEXEC", O_CLOEXEC);
        self.opened(doing, fd, resource, 2, cloexec);
        if let Some(peer) = self.names.note(resource).peer
            && let Some(from) = self.names.note(peer).last_user
            && from != doing.process
        {
            self.link(
                LinkKind::Connect,
                from,
                doing.process,
                Some(resource),
                doing.end_ns,
            );
        }
        let second = self
            .resolved(doing.process, fd.fd)
            .map(|resolved| resolved.touch(Action::Open, None));
        (first, second)
    }

    /// Writes what is known of a socket's ends where nothing was known.
    fn fill_ends(&mut self, resource: ResourceId, protocol: &str, local: &[u8], remote: &[u8]) {
        let mut socket = self
            .world
            .resource(resource)
            .and_then(|resource| resource.socket.clone())
            .unwrap_or_default();
        if socket.protocol.is_empty() {
            protocol.clone_into(&mut socket.protocol);
        }
        if socket.local.is_empty() {
            socket.local = local.to_vec();
        }
        if socket.remote.is_empty() {
            socket.remote = remote.to_vec();
        }
        self.names
            .set_socket(&mut self.world.resources, resource, socket);
    }

    pub(super) fn connect(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let resolved = self.known_fd(doing, 0)?;
        let index = doing.place(0, |role| matches!(role, Role::Sockaddr | Role::SockaddrOut));
        let address = index.and_then(|index| doing.args().socket_address(index));
        if let Some(address) = address {
            match address.family {
                Family::Unspecified => {}
                _ => self.fill_ends(resolved.resource, "", b"", &address.text),
            }
        }
        Some(resolved.touch(Action::Connect, None))
    }

    pub(super) fn bind(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let resolved = self.known_fd(doing, 0)?;
        let index = doing.place(0, |role| matches!(role, Role::Sockaddr | Role::SockaddrOut));
        if doing.succeeded()
            && let Some(address) = index.and_then(|index| doing.args().socket_address(index))
        {
            self.fill_ends(resolved.resource, "", &address.text, b"");
            if address.family == Family::Unix && address.text.starts_with(b"/") {
                let file = self.names.intern(
                    &mut self.world.resources,
                    &address.text,
                    ResourceKind::Socket,
                );
                let touch = Touch {
                    resource: Some(file),
                    ..resolved.touch(Action::Bind, None)
                };
                self.mark_created(doing, &touch);
            }
        }
        Some(resolved.touch(Action::Bind, None))
    }

    /// getsockname, getpeername: the kernel tells an end.
    pub(super) fn socket_ends(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let resolved = self.known_fd(doing, 0)?;
        let index = doing.place(0, |role| matches!(role, Role::Sockaddr | Role::SockaddrOut));
        if doing.succeeded()
            && let Some(address) = index.and_then(|index| doing.args().socket_address(index))
        {
            match doing.row.operation {
                Operation::GetSockName => {
                    self.fill_ends(resolved.resource, "", &address.text, b"");
                }
                _ => self.fill_ends(resolved.resource, "", b"", &address.text),
            }
        }
        Some(resolved.touch(Action::Query, None))
    }

    /// recvmmsg, sendmmsg return how many messages: their lengths are in the vector.
    pub(super) fn many_messages(&mut self, doing: &Doing<'_, '_>, action: Action) -> Option<Touch> {
        let resolved = self.known_fd(doing, 0)?;
        let count = doing
            .returned()
            .and_then(|count| usize::try_from(count).ok());
        let Some(count) = count else {
            return Some(resolved.touch(action, None));
        };
        let total = match doing.args().get(1) {
            Some(crate::args::Arg::Total(total) | crate::args::Arg::Buffer { len: total, .. }) => {
                total
            }
            _ => message_lengths(doing.args().text, count),
        };
        let moved = crate::world::Traffic::of(action, 1, total);
        self.count_traffic(doing.process, resolved, action, moved, doing.end_ns);
        Some(resolved.touch(action, Some(total)))
    }

    /// recvmsg, recvmmsg: bytes, and maybe descriptors (`SCM_RIGHTS`).
    pub(super) fn receive_message(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let touch = if doing.row.operation == Operation::RecvMmsg {
            self.many_messages(doing, Action::Receive)
        } else {
            self.transfer(doing, Action::Receive)
        };
        if !doing.succeeded() {
            return touch;
        }
        let index = doing.place(0, |role| matches!(role, Role::MsgHdr | Role::MsgVec));
        let fds = index.map(|index| doing.args().received_fds(index));
        let cloexec = doing.has_flag(b"MSG_CMSG_CLOEXEC", MSG_CMSG_CLOEXEC);
        for fd in fds.unwrap_or_default() {
            self.received(doing, fd, cloexec);
        }
        touch
    }

    /// A descriptor came from another process: on the session that is open there, where that can be told.
    fn received(&mut self, doing: &Doing<'_, '_>, fd: FdArg<'_>, close_on_exec: bool) {
        let resource = if fd.path.is_empty() {
            None
        } else {
            Some(
                self.names
                    .intern_object(&mut self.world.resources, fd.path, fd.escaped),
            )
        };
        let sent = resource.and_then(|resource| self.open_session_of(resource));
        let new = NewDescriptor {
            fd: fd.fd,
            origin: Origin::Received,
            close_on_exec,
            object: fd.path,
        };
        match (sent, resource) {
            (Some(session), _) => self.add_descriptor(doing.process, session, new, doing.end_ns),
            (None, Some(resource)) => {
                self.open_session(
                    doing.process,
                    &NewSession {
                        resource,
                        flags: 0,
                        claimed: false,
                        opened: false,
                    },
                    new,
                    doing.end_ns,
                );
            }
            (None, None) => self.found_descriptor(doing.process, fd, 0, doing.end_ns),
        }
    }

    /// The latest session that is open on the resource.
    fn open_session_of(&self, resource: ResourceId) -> Option<crate::ids::SessionId> {
        // Descriptors are passed soon after they were opened: the latest sessions are looked at first, and not all.
        const LOOKED_AT_MAX: usize = 4096;
        self.world
            .sessions
            .iter()
            .rev()
            .take(LOOKED_AT_MAX)
            .filter_map(Option::as_deref)
            .find(|session| session.resource == resource && session.closed_ns.is_none())
            .map(|session| session.id)
    }

    /// `pidfd_getfd`: a descriptor of another process.
    pub(super) fn take_descriptor(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let touch = self.on_fd(doing, Action::Control);
        if let Some(fd) = doing.returned_fd() {
            // Such descriptors are close-on-exec (pidfd_getfd(2)).
            self.received(doing, fd, true);
            return self
                .resolved(doing.process, fd.fd)
                .map(|resolved| resolved.touch(Action::Duplicate, None));
        }
        touch
    }

    /// eventfd, `epoll_create`, `memfd_create` and so on.
    pub(super) fn new_anonymous(&mut self, doing: &Doing<'_, '_>, name: &str) -> Option<Touch> {
        let fd = doing.returned_fd()?;
        let tells = !fd.path.is_empty();
        if doing.row.operation == Operation::Bpf && !tells {
            // Most commands of bpf(2) return no descriptor.
            return None;
        }
        let kind = match doing.row.operation {
            Operation::Memfd => ResourceKind::Memory,
            _ => ResourceKind::Anonymous,
        };
        let resource = if !fd.path.is_empty() {
            self.names
                .intern_object(&mut self.world.resources, fd.path, fd.escaped)
        } else if kind == ResourceKind::Memory {
            let mut full = name.as_bytes().to_vec();
            doing.args().string(0, &mut full);
            self.names.intern(&mut self.world.resources, &full, kind)
        } else {
            self.names
                .intern(&mut self.world.resources, name.as_bytes(), kind)
        };
        // signalfd on an existing descriptor changes it and returns the same number.
        if doing.row.operation == Operation::SignalFd
            && doing.args().int(0).is_some_and(|given| given >= 0)
        {
            return self.on_fd(doing, Action::Control);
        }
        let cloexec = [
            &b"EFD_CLOEXEC"[..],
            b"EPOLL_CLOEXEC",
            b"SFD_CLOEXEC",
            b"TFD_CLOEXEC",
            b"IN_CLOEXEC",
        ]
        .iter()
        .any(|flag| doing.has_flag(flag, O_CLOEXEC))
            || doing.has_flag(b"MFD_CLOEXEC", 1) && doing.row.operation == Operation::Memfd
            || doing.row.operation == Operation::PidFdOpen;
        self.opened(doing, fd, resource, 2, cloexec);
        let resolved = self.resolved(doing.process, fd.fd)?;
        Some(resolved.touch(Action::Open, None))
    }
}

/// Sum of the first `count` `msg_len=` values.
fn message_lengths(text: &[u8], count: usize) -> u64 {
    let mut rest = text;
    let mut total = 0_u64;
    for _ in 0..count {
        let Some(tail) = text::after(rest, b"msg_len=") else {
            break;
        };
        let length = text::int(tail).and_then(|length| u64::try_from(length).ok());
        total = total.saturating_add(length.unwrap_or(0));
        rest = tail;
    }
    total
}

/// Protocol name of a new socket, as strace -yy would print it.
fn socket_protocol(doing: &Doing<'_, '_>) -> &'static str {
    let family = |name: &[u8], number: i64| {
        doing.args().has_flag(0, name, 0) || doing.args().int(0) == Some(number)
    };
    let kind = |name: &[u8], number: i64| {
        doing.args().has_flag(1, name, 0)
            || doing.args().int(1).map(|value| value & 0xf) == Some(number)
    };
    let is_stream = kind(b"SOCK_STREAM", 1);
    let is_datagram = kind(b"SOCK_DGRAM", 2);
    if family(b"AF_INET6", 10) || family(b"PF_INET6", 10) {
        return match (is_stream, is_datagram) {
            (true, _) => "TCPv6",
            (_, true) => "UDPv6",
            _ => "RAWv6",
        };
    }
    if family(b"AF_INET", 2) || family(b"PF_INET", 2) {
        return match (is_stream, is_datagram) {
            (true, _) => "TCP",
            (_, true) => "UDP",
            _ => "RAW",
        };
    }
    if family(b"AF_UNIX", 1) || family(b"AF_LOCAL", 1) || family(b"PF_LOCAL", 1) {
        return match (is_stream, is_datagram) {
            (true, _) => "UNIX-STREAM",
            (_, true) => "UNIX-DGRAM",
            _ => "UNIX-SEQPACKET",
        };
    }
    if family(b"AF_NETLINK", 16) || family(b"PF_NETLINK", 16) {
        return "NETLINK";
    }
    "socket"
}

fn socket_type_has_cloexec(doing: &Doing<'_, '_>) -> bool {
    doing.args().has_flag(1, b"SOCK_CLOEXEC", O_CLOEXEC)
}
