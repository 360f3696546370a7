//! Sessions and descriptors of a process, the resources behind them, and what was done to each.

use std::rc::Rc;

use super::descriptors::{Entry, descriptor};
use super::names::{absolute, kind_of};
use super::{Done, Tracker};
use crate::args::text::ObjectNote;
use crate::args::{AT_FDCWD, FdArg};
use crate::event::{Event, Folded};
use crate::ids::{Fd, ProcessId, ResourceId, SessionId};
use crate::step::{Action, Step, Touch};
use crate::world::{ClosedBy, LinkKind, Origin, ResourceKind, Session, Traffic};

/// A descriptor resolved: what it is open on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolved {
    pub(super) fd: Fd,
    pub(super) session: SessionId,
    pub(super) resource: ResourceId,
    pub(super) claimed: bool,
}

impl Resolved {
    pub(super) fn touch(self, action: Action, bytes: Option<u64>) -> Touch {
        Touch {
            action,
            fd: Some(self.fd),
            session: Some(self.session),
            resource: Some(self.resource),
            bytes,
            claimed: self.claimed,
        }
    }
}

/// A new open file description.
pub(super) struct NewSession {
    pub(super) resource: ResourceId,
    pub(super) flags: u32,
    pub(super) claimed: bool,
    /// Whether a call of this run opened it.
    pub(super) opened: bool,
}

/// A new descriptor.
#[derive(Clone, Copy)]
pub(super) struct NewDescriptor<'a> {
    pub(super) fd: Fd,
    pub(super) origin: Origin,
    pub(super) close_on_exec: bool,
    /// Object text as printed.
    pub(super) object: &'a [u8],
}

impl Tracker {
    /// What the descriptor argument refers to, found or made known. `None` for `AT_FDCWD` and negative numbers.
    pub(super) fn resolve(
        &mut self,
        process: ProcessId,
        fd: FdArg<'_>,
        time_ns: i64,
    ) -> Option<Resolved> {
        if fd.fd.0 < 0 {
            return None;
        }
        let table = self.live(process)?.table;
        let Some(entry) = self.tables.get(table).get(fd.fd) else {
            self.found_descriptor(process, fd, 0, time_ns);
            return self.resolved(process, fd.fd);
        };
        let same = fd.path.is_empty() || *entry.object == *fd.path;
        if !same {
            self.object_changed(process, fd, time_ns);
        }
        self.resolved(process, fd.fd)
    }

    pub(super) fn resolved(&self, process: ProcessId, fd: Fd) -> Option<Resolved> {
        let table = self.live(process)?.table;
        let entry = self.tables.get(table).get(fd)?;
        let session = self.world.session(entry.descriptor.session)?;
        Some(Resolved {
            fd,
            session: session.id,
            resource: session.resource,
            claimed: session.claimed,
        })
    }

    /// The tracer prints another object than before: a name first told, a socket that became connected, a file that was
    /// renamed, or a descriptor that was closed and opened without the log showing it.
    fn object_changed(&mut self, process: ProcessId, fd: FdArg<'_>, time_ns: i64) {
        let Some(old) = self.resolved(process, fd.fd) else {
            return;
        };
        let new = self.object_resource(fd, Some(old.resource));
        let was = self
            .world
            .resource(old.resource)
            .map(|resource| resource.kind);
        let is = self.world.resource(new).map(|resource| resource.kind);
        let was_unknown = was == Some(ResourceKind::Unknown) || old.claimed;
        let both_sockets = was == Some(ResourceKind::Socket) && is == was;
        let both_anonymous = was == Some(ResourceKind::Anonymous) && is == was;
        let renamed = new != old.resource && self.was_renamed(old.resource, new);
        if new != old.resource && !(was_unknown || both_sockets || both_anonymous || renamed) {
            let table = self.live(process).map(|live| live.table);
            if let Some(entry) = table.and_then(|table| self.tables.get_mut(table).remove(fd.fd)) {
                self.close_entry(entry, ClosedBy::Unseen, time_ns);
            }
            self.found_descriptor(process, fd, 0, time_ns);
            return;
        }
        // A renamed file stays known by the name it was opened by: recorders that do not print objects see no other.
        if !renamed
            && let Some(session) = self
                .world
                .sessions
                .get_mut(old.session.index())
                .and_then(Option::as_deref_mut)
        {
            session.resource = new;
            session.claimed = false;
        }
        if let Some(table) = self.live(process).map(|live| live.table)
            && let Some(entry) = self.tables.get_mut(table).get_mut(fd.fd)
        {
            entry.object = Rc::from(fd.path);
        }
    }

    /// The resource behind a printed object. A socket keeps its resource when its name grows.
    fn object_resource(&mut self, fd: FdArg<'_>, old: Option<ResourceId>) -> ResourceId {
        if let Some(old) = old
            && self
                .world
                .resource(old)
                .is_some_and(|resource| resource.kind == ResourceKind::Socket)
        {
            let mut name = Vec::new();
            if fd.escaped {
                crate::args::text::unescape_path(fd.path, &mut name);
            } else {
                name.extend_from_slice(fd.path);
            }
            let kind = kind_of(&name, ObjectNote::default());
            let vague = name.starts_with(b"socket:");
            if kind == ResourceKind::Socket
                && (vague || self.names.rename(&mut self.world.resources, old, &name))
            {
                return old;
            }
        }
        self.names
            .intern_object(&mut self.world.resources, fd.path, fd.escaped)
    }

    fn was_renamed(&self, old: ResourceId, new: ResourceId) -> bool {
        let mut at = new;
        // A chain of renames longer than this is not followed.
        for _ in 0..8 {
            match self.names.note(at).renamed_from {
                Some(former) if former == old => return true,
                Some(former) => at = former,
                None => break,
            }
        }
        // Below a renamed directory every path changes: the last component stays.
        let last = |id| {
            self.world
                .resource(id)
                .and_then(|resource| resource.name.rsplit(|byte| *byte == b'/').next())
        };
        last(old).is_some() && last(old) == last(new)
    }

    /// A descriptor whose opening is not in the log.
    pub(super) fn found_descriptor(
        &mut self,
        process: ProcessId,
        fd: FdArg<'_>,
        flags: u32,
        time_ns: i64,
    ) {
        let known = !fd.path.is_empty();
        let resource = if known {
            self.object_resource(fd, None)
        } else {
            self.unknown_object(process, fd.fd)
        };
        self.open_session(
            process,
            &NewSession {
                resource,
                flags,
                claimed: !known,
                opened: false,
            },
            NewDescriptor {
                fd: fd.fd,
                origin: Origin::Before,
                close_on_exec: false,
                object: fd.path,
            },
            time_ns,
        );
    }

    fn unknown_object(&mut self, process: ProcessId, fd: Fd) -> ResourceId {
        let name = match fd.0 {
            0 => "stdin".to_owned(),
            1 => "stdout".to_owned(),
            2 => "stderr".to_owned(),
            _ => {
                let pid = self
                    .world
                    .process(process)
                    .map_or(0, |process| process.pid.0);
                format!("fd:[{pid}/{fd}]")
            }
        };
        self.names.intern(
            &mut self.world.resources,
            name.as_bytes(),
            ResourceKind::Unknown,
        )
    }

    /// Makes a session with its first descriptor.
    pub(super) fn open_session(
        &mut self,
        process: ProcessId,
        new: &NewSession,
        descriptor: NewDescriptor<'_>,
        time_ns: i64,
    ) -> SessionId {
        let id = SessionId(u32::try_from(self.world.sessions.len()).unwrap_or(u32::MAX));
        self.world.sessions.push(Some(Box::new(Session {
            id,
            resource: new.resource,
            process,
            opened_seq: new.opened.then_some(self.seq),
            opened_ns: time_ns,
            closed_ns: None,
            flags: new.flags,
            claimed: new.claimed,
            traffic: Traffic::default(),
        })));
        self.add_descriptor(process, id, descriptor, time_ns);
        id
    }

    /// Gives the process one more descriptor of the session.
    pub(super) fn add_descriptor(
        &mut self,
        process: ProcessId,
        session: SessionId,
        new: NewDescriptor<'_>,
        time_ns: i64,
    ) {
        let Some(table) = self.live(process).map(|live| live.table) else {
            return;
        };
        let mut made = descriptor(session, process, new.fd, time_ns, new.origin);
        made.close_on_exec = new.close_on_exec;
        *self.references.entry(session).or_default() += 1;
        let former = self.tables.get_mut(table).insert(
            new.fd,
            Entry {
                descriptor: made,
                object: Rc::from(new.object),
                made_ns: time_ns,
            },
        );
        if let Some(former) = former {
            let by = match new.origin {
                Origin::Duplicated(_) => ClosedBy::Replaced,
                _ => ClosedBy::Unseen,
            };
            self.close_entry(former, by, time_ns);
        }
    }

    /// Says when the call that made a descriptor returned.
    pub(super) fn made_at(&mut self, process: ProcessId, fd: Fd, end_ns: i64) {
        if let Some(table) = self.live(process).map(|live| live.table)
            && let Some(entry) = self.tables.get_mut(table).get_mut(fd)
        {
            entry.made_ns = end_ns;
        }
    }

    /// close(2) of a number: unless it was handed out again since the call began.
    pub(super) fn close_fd(
        &mut self,
        process: ProcessId,
        fd: FdArg<'_>,
        begin_ns: i64,
        time_ns: i64,
    ) -> Option<Resolved> {
        let resolved = self.resolve_for_close(process, fd, begin_ns)?;
        let table = self.live(process)?.table;
        let entry = self.tables.get_mut(table).remove(fd.fd)?;
        self.close_entry(entry, ClosedBy::Close, time_ns);
        Some(resolved)
    }

    fn resolve_for_close(
        &mut self,
        process: ProcessId,
        fd: FdArg<'_>,
        begin_ns: i64,
    ) -> Option<Resolved> {
        let table = self.live(process)?.table;
        if self
            .tables
            .get(table)
            .get(fd.fd)
            .is_some_and(|entry| entry.made_ns > begin_ns)
        {
            return None;
        }
        self.resolve(process, fd, begin_ns)
    }

    /// A descriptor is gone.
    pub(super) fn close_entry(&mut self, entry: Entry, by: ClosedBy, time_ns: i64) {
        let mut descriptor = entry.descriptor;
        descriptor.closed_ns = Some(time_ns);
        descriptor.closed_by = Some(by);
        let session = descriptor.session;
        self.done.push(Done::Descriptor(descriptor));
        self.drop_reference(session, Some(time_ns));
    }

    /// One reference to a session less; the last one closes it (at `time_ns`).
    pub(super) fn drop_reference(&mut self, session: SessionId, time_ns: Option<i64>) {
        let Some(count) = self.references.get_mut(&session) else {
            return;
        };
        *count -= 1;
        if *count > 0 {
            return;
        }
        self.references.remove(&session);
        if let Some(session) = self
            .world
            .sessions
            .get_mut(session.index())
            .and_then(Option::as_deref_mut)
        {
            session.closed_ns = time_ns;
        }
        self.done.push(Done::Session(session));
    }

    /// Counts returned bytes on the session and through the descriptor, and notes who wrote last.
    pub(super) fn count_traffic(
        &mut self,
        process: ProcessId,
        resolved: Resolved,
        action: Action,
        moved: Traffic,
        time_ns: i64,
    ) {
        if let Some(session) = self
            .world
            .sessions
            .get_mut(resolved.session.index())
            .and_then(Option::as_deref_mut)
        {
            session.traffic.add(moved);
        }
        if let Some(table) = self.live(process).map(|live| live.table)
            && let Some(entry) = self.tables.get_mut(table).get_mut(resolved.fd)
        {
            entry.descriptor.traffic.add(moved);
        }
        if action.is_output() && moved.bytes_written > 0 {
            if let Some(note) = self.names.note_mut(resolved.resource) {
                note.last_writer = Some(process);
            }
            if let Some(resource) = self.world.resources.get_mut(resolved.resource.index()) {
                resource.modified = true;
            }
        }
        if action.is_input() && moved.bytes_read > 0 {
            self.data_link(process, resolved.resource, time_ns);
        }
    }

    /// `process` read from `resource`: an edge from whoever wrote to it, or to its other end, last.
    pub(super) fn data_link(&mut self, process: ProcessId, resource: ResourceId, time_ns: i64) {
        let note = self.names.note(resource);
        let source = note.peer.unwrap_or(resource);
        if let Some(writer) = self.names.note(source).last_writer
            && writer != process
        {
            self.link(LinkKind::Data, writer, process, Some(resource), time_ns);
        }
    }

    /// Resource of a path argument, seen from a directory descriptor or the working directory.
    pub(super) fn path_resource(
        &mut self,
        process: ProcessId,
        dirfd: Option<FdArg<'_>>,
        path: &[u8],
        kind: ResourceKind,
        time_ns: i64,
    ) -> ResourceId {
        let mut full = std::mem::take(&mut self.path);
        if path.starts_with(b"/") {
            absolute(b"", path, &mut full);
        } else {
            let mut base = std::mem::take(&mut self.base);
            base.clear();
            self.base_directory(process, dirfd, time_ns, &mut base);
            absolute(&base, path, &mut full);
            self.base = base;
        }
        let kind = match kind_of(&full, ObjectNote::default()) {
            ResourceKind::Device => ResourceKind::Device,
            _ => kind,
        };
        let id = self.names.intern(&mut self.world.resources, &full, kind);
        self.path = full;
        id
    }

    /// Appends the directory that a relative path is seen from; nothing when it is unknown.
    fn base_directory(
        &mut self,
        process: ProcessId,
        dirfd: Option<FdArg<'_>>,
        time_ns: i64,
        base: &mut Vec<u8>,
    ) {
        if let Some(dirfd) = dirfd
            && dirfd.fd.0 != AT_FDCWD
        {
            let resolved = self.resolve(process, dirfd, time_ns);
            if let Some(resolved) = resolved
                && let Some(resource) = self.world.resource(resolved.resource)
            {
                base.extend_from_slice(&resource.name);
            }
            return;
        }
        if let Some(dirfd) = dirfd
            && !dirfd.path.is_empty()
        {
            if dirfd.escaped {
                crate::args::text::unescape_path(dirfd.path, base);
            } else {
                base.extend_from_slice(dirfd.path);
            }
            let known = self
                .live(process)
                .is_some_and(|live| *live.cwd.borrow() == *base);
            if !known {
                self.set_cwd(process, base);
            }
            return;
        }
        if let Some(live) = self.live(process) {
            base.extend_from_slice(&live.cwd.borrow());
        }
    }

    /// Adds a touch to what the process did to the resource.
    pub(super) fn count_access(&mut self, process: ProcessId, touch: &Touch, step: &Step<'_>) {
        let Some(resource) = touch.resource else {
            return;
        };
        if let Some(note) = self.names.note_mut(resource) {
            note.last_user = Some(process);
        }
        let Some(live) = self.live_mut(process) else {
            return;
        };
        live.accesses
            .of(process, resource, step.time_ns)
            .add(step, touch);
    }

    /// Execution of an image.
    pub(super) fn touch_image(
        &mut self,
        process: ProcessId,
        exe: &[u8],
        time_ns: i64,
    ) -> Option<Touch> {
        if exe.is_empty() {
            return None;
        }
        let resource = self.path_resource(process, None, exe, ResourceKind::File, time_ns);
        Some(Touch {
            action: Action::Execute,
            fd: None,
            session: None,
            resource: Some(resource),
            bytes: None,
            claimed: false,
        })
    }

    /// Calls that were only counted: traffic without steps of its own.
    pub(super) fn fold_traffic(
        &mut self,
        event: &Event<'_>,
        process: ProcessId,
        folded: &Folded,
    ) -> Option<Touch> {
        use crate::syscalls::Operation;
        let fd = FdArg {
            fd: folded.fd?,
            path: &[],
            escaped: false,
        };
        let resolved = self.resolve(process, fd, event.time_ns)?;
        let action = match folded.call?.row().operation {
            Operation::Read => Action::Read,
            Operation::Write => Action::Write,
            Operation::Recv | Operation::RecvMsg => Action::Receive,
            Operation::Send | Operation::SendMsg => Action::Send,
            _ => Action::Control,
        };
        let calls = folded.calls.saturating_sub(folded.errors);
        let moved = Traffic::of(action, calls, folded.bytes);
        self.count_traffic(process, resolved, action, moved, event.time_ns);
        Some(resolved.touch(action, Some(folded.bytes)))
    }
}
