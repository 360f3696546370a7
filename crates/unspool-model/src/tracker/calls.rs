//! What each system call does to descriptors, resources and processes.

use super::Tracker;
use super::files::{NewDescriptor, NewSession, Resolved};
use crate::args::{Args, FdArg};
use crate::event::{Call, Errno, Event, Outcome};
use crate::flags;
use crate::ids::{Fd, Pid, ProcessId, ResourceId, Tid};
use crate::step::{Action, Touch};
use crate::syscalls::{Operation, Role, SyscallRow};
use crate::world::{Image, LinkKind, Origin, ResourceKind, Traffic};

/// Bytes of a string that strace prints where `-s` says nothing else (strace(1)).
const STRING_BYTES_DEFAULT: usize = 32;
/// A component of the path is no folder, or `O_DIRECTORY` asked for one (open(2)).
const ENOTDIR: u16 = 20;
const O_CREAT: u64 = 0o100;
const O_EXCL: u64 = 0o200;
const O_TRUNC: u64 = 0o1000;
const O_DIRECTORY: u64 = 0o200_000;
/// Has the bit of `O_DIRECTORY`: what is named is a folder, what is opened a file without a name in it (open(2)).
const O_TMPFILE: u64 = 0o20_200_000;
pub(super) const O_CLOEXEC: u64 = 0o2_000_000;

/// What a call touched: first and second thing.
type Touches = (Option<Touch>, Option<Touch>);

/// A call at hand.
#[derive(Clone, Copy)]
pub(super) struct Doing<'c, 'a> {
    pub(super) process: ProcessId,
    pub(super) call: &'c Call<'a>,
    pub(super) row: &'static SyscallRow,
    pub(super) begin_ns: i64,
    pub(super) end_ns: i64,
}

impl<'a> Doing<'_, 'a> {
    pub(super) fn args(&self) -> &Args<'a> {
        &self.call.args
    }

    pub(super) fn returned(&self) -> Option<i64> {
        self.call.outcome.returned()
    }

    pub(super) fn succeeded(&self) -> bool {
        self.returned().is_some()
    }

    /// Place of the `nth` argument that satisfies the test.
    pub(super) fn place(&self, nth: usize, test: fn(&Role) -> bool) -> Option<usize> {
        self.row
            .args
            .iter()
            .enumerate()
            .filter(|(_, role)| test(role))
            .nth(nth)
            .map(|(index, _)| index)
    }

    /// The `nth` descriptor argument.
    pub(super) fn fd(&self, nth: usize) -> Option<FdArg<'a>> {
        self.args()
            .fd(self.place(nth, |role| matches!(role, Role::Fd))?)
    }

    /// The descriptor that the call returned.
    pub(super) fn returned_fd(&self) -> Option<FdArg<'a>> {
        Some(FdArg {
            fd: Fd(i32::try_from(self.returned()?).ok()?),
            path: self.call.result_path,
            escaped: !self.args().text.is_empty(),
        })
    }

    /// Whether the flags argument has the flag.
    pub(super) fn has_flag(&self, name: &[u8], bits: u64) -> bool {
        self.place(0, |role| matches!(role, Role::Flags(_)))
            .is_some_and(|index| self.args().has_flag(index, name, bits))
    }
}

impl Tracker {
    /// Applies a call that ended to what is known, and says what it touched.
    pub(super) fn apply(
        &mut self,
        event: &Event<'_>,
        tid: Tid,
        process: ProcessId,
        call: &Call<'_>,
    ) -> Touches {
        let Some(row) = call.name.known().map(super::super::syscalls::Syscall::row) else {
            return (None, None);
        };
        let doing = Doing {
            process,
            call,
            row,
            begin_ns: event.time_ns,
            end_ns: event.time_ns.saturating_add(call.duration_ns.unwrap_or(0)),
        };
        match row.operation {
            Operation::Read => (self.transfer(&doing, Action::Read), None),
            Operation::Write => (self.transfer(&doing, Action::Write), None),
            Operation::Open | Operation::OpenAt | Operation::OpenAt2 | Operation::Creat => {
                (self.open(&doing), None)
            }
            Operation::Close => (self.close(&doing), None),
            Operation::Stat | Operation::StatFs | Operation::Access | Operation::ReadLink => {
                (self.on_path_or_fd(&doing, Action::Query), None)
            }
            Operation::Mmap => (self.on_fd(&doing, Action::Map), None),
            Operation::Fork | Operation::Vfork | Operation::Clone | Operation::Clone3 => {
                self.fork_returned(tid, process, call, row.operation, event.time_ns);
                (None, None)
            }
            Operation::Exec | Operation::ExecAt => self.exec(&doing, tid),
            Operation::Exit | Operation::ExitGroup => {
                if row.operation == Operation::ExitGroup {
                    self.note_exit_group(process, call, event.time_ns);
                }
                (None, None)
            }
            Operation::Wait => {
                self.wait(&doing);
                (None, None)
            }
            Operation::Kill => {
                self.kill(&doing);
                (None, None)
            }
            _ => self.apply_rarer(&doing),
        }
    }

    fn apply_rarer(&mut self, doing: &Doing<'_, '_>) -> Touches {
        match doing.row.operation {
            Operation::Dup | Operation::Dup2 | Operation::Dup3 => (self.dup(doing), None),
            Operation::Fcntl => (self.fcntl(doing), None),
            Operation::CloseRange => (self.close_range(doing), None),
            Operation::Pipe => (self.pair(doing, ResourceKind::Pipe), None),
            Operation::SocketPair => (self.pair(doing, ResourceKind::Socket), None),
            Operation::Socket => (self.socket(doing), None),
            Operation::Accept => self.accept(doing),
            Operation::Connect => (self.connect(doing), None),
            Operation::Bind => (self.bind(doing), None),
            Operation::Listen => (self.on_fd(doing, Action::Listen), None),
            Operation::Shutdown => (self.on_fd(doing, Action::Shutdown), None),
            Operation::GetSockName | Operation::GetPeerName => (self.socket_ends(doing), None),
            Operation::Recv => (self.transfer(doing, Action::Receive), None),
            Operation::RecvMsg | Operation::RecvMmsg => (self.receive_message(doing), None),
            Operation::Send | Operation::SendMsg => (self.transfer(doing, Action::Send), None),
            Operation::SendMmsg => (self.many_messages(doing, Action::Send), None),
            Operation::SendFile | Operation::Splice | Operation::CopyFileRange | Operation::Tee => {
                self.move_data(doing)
            }
            Operation::ReadDir => (self.list_directory(doing), None),
            Operation::Chdir | Operation::Fchdir => (self.change_directory(doing), None),
            Operation::Chroot => (self.on_path_or_fd(doing, Action::ChangeRoot), None),
            Operation::Rename => self.two_paths(doing, Action::RenameFrom, Action::RenameTo),
            Operation::Link => self.two_paths(doing, Action::LinkFrom, Action::LinkTo),
            Operation::Symlink => (self.symlink(doing), None),
            Operation::Unlink | Operation::Rmdir => (self.unlink(doing), None),
            Operation::Mkdir => (self.make(doing, Action::MakeDirectory), None),
            Operation::Mknod => (self.make(doing, Action::Create), None),
            Operation::Truncate => (self.truncate(doing), None),
            Operation::Chmod
            | Operation::Chown
            | Operation::Utime
            | Operation::SetXattr
            | Operation::RemoveXattr
            | Operation::SetFileAttributes => (self.on_path_or_fd(doing, Action::Attributes), None),
            Operation::GetXattr | Operation::ListXattr | Operation::GetFileAttributes => {
                (self.on_path_or_fd(doing, Action::Query), None)
            }
            Operation::Mount | Operation::Unmount => {
                (self.on_path_or_fd(doing, Action::Mount), None)
            }
            Operation::InotifyAdd | Operation::EpollCtl => (self.on_fd(doing, Action::Watch), None),
            Operation::PidFdGetFd => (self.take_descriptor(doing), None),
            Operation::Unshare => {
                if doing.succeeded() && doing.has_flag(b"CLONE_FILES", 0x400) {
                    self.unshare_table(doing.process, doing.end_ns);
                }
                (None, None)
            }
            Operation::Ioctl => (self.ioctl(doing), None),
            Operation::GetCwd => {
                self.learn_cwd(doing);
                (None, None)
            }
            operation => match anonymous_object(operation) {
                Some(name) if doing.succeeded() => (self.new_anonymous(doing, name), None),
                _ => (self.on_path_or_fd(doing, Action::Control), None),
            },
        }
    }

    /// Reads and writes on a descriptor.
    pub(super) fn transfer(&mut self, doing: &Doing<'_, '_>, action: Action) -> Option<Touch> {
        let resolved = self.known_fd(doing, 0)?;
        let bytes = doing.returned().and_then(|bytes| u64::try_from(bytes).ok());
        if let Some(bytes) = bytes {
            let moved = Traffic::of(action, 1, bytes);
            self.count_traffic(doing.process, resolved, action, moved, doing.end_ns);
        }
        Some(resolved.touch(action, bytes))
    }

    /// The `nth` descriptor argument, resolved; a number that the kernel refused (EBADF) is not one.
    pub(super) fn known_fd(&mut self, doing: &Doing<'_, '_>, nth: usize) -> Option<Resolved> {
        let fd = doing.fd(nth)?;
        if doing.call.outcome == Outcome::Failed(Errno(9)) {
            return self.resolved(doing.process, fd.fd);
        }
        self.resolve(doing.process, fd, doing.begin_ns)
    }

    /// A call through a descriptor that changes nothing the tracker knows.
    pub(super) fn on_fd(&mut self, doing: &Doing<'_, '_>, action: Action) -> Option<Touch> {
        Some(self.known_fd(doing, 0)?.touch(action, None))
    }

    /// A call on a path, or on a descriptor where there is no path (fstat, `AT_EMPTY_PATH`).
    fn on_path_or_fd(&mut self, doing: &Doing<'_, '_>, action: Action) -> Option<Touch> {
        match self.path_touch(doing, 0, action, ResourceKind::File) {
            Some(touch) => Some(touch),
            None => self.on_fd(doing, action).or_else(|| {
                let index = doing.place(0, |role| matches!(role, Role::DirFd))?;
                let fd = doing.args().fd(index)?;
                let resolved = self.resolve(doing.process, fd, doing.begin_ns)?;
                Some(resolved.touch(action, None))
            }),
        }
    }

    /// A touch of the `nth` path argument; `None` when there is none or it is empty.
    fn path_touch(
        &mut self,
        doing: &Doing<'_, '_>,
        nth: usize,
        action: Action,
        kind: ResourceKind,
    ) -> Option<Touch> {
        let index = doing.place(nth, |role| matches!(role, Role::Path))?;
        let mut path = std::mem::take(&mut self.scratch);
        path.clear();
        let complete = doing.args().string(index, &mut path);
        let touch = match complete {
            Some(_) if !path.is_empty() => {
                let before = index
                    .checked_sub(1)
                    .filter(|before| matches!(doing.row.args.get(*before), Some(Role::DirFd)));
                let dirfd = before.and_then(|index| doing.args().fd(index));
                let resource =
                    self.path_resource(doing.process, dirfd, &path, kind, doing.begin_ns);
                self.note_existence(resource, doing.call.outcome);
                Some(Touch {
                    action,
                    fd: None,
                    session: None,
                    resource: Some(resource),
                    bytes: None,
                    claimed: true,
                })
            }
            _ => None,
        };
        self.scratch = path;
        touch
    }

    fn note_existence(&mut self, resource: ResourceId, outcome: Outcome) {
        if let Some(note) = self.names.note_mut(resource) {
            match outcome {
                Outcome::Returned(_) => note.existed = true,
                Outcome::Failed(Errno::ENOENT) => note.existed = false,
                _ => {}
            }
        }
    }

    fn open(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let flags = open_flags(doing);
        // cp, mv and ln ask so whether their target is a folder, and make a file when it is none.
        let is_none = matches!(
            doing.call.outcome,
            Outcome::Failed(Errno::ENOENT | Errno(ENOTDIR))
        );
        let kind = if flags & O_DIRECTORY == 0 || is_none {
            ResourceKind::File
        } else {
            ResourceKind::Directory
        };
        let existed_before = self.existence(doing);
        let claimed = self.path_touch(doing, 0, Action::Open, kind);
        let Some(fd) = doing.returned_fd() else {
            return claimed;
        };
        let known = !fd.path.is_empty();
        let resource = if known {
            let fact = self
                .names
                .intern_object(&mut self.world.resources, fd.path, fd.escaped);
            self.whole_name(fact, claimed)
        } else {
            claimed?.resource?
        };
        let is_unnamed_file = known && flags & O_TMPFILE == O_TMPFILE;
        if kind == ResourceKind::Directory
            && !is_unnamed_file
            && let Some(resource) = self.world.resources.get_mut(resource.index())
        {
            resource.kind = kind;
        }
        let creates = flags & O_CREAT != 0 && (flags & O_EXCL != 0 || !existed_before);
        if let Some(resource) = self.world.resources.get_mut(resource.index()) {
            if creates && resource.kind == ResourceKind::File {
                resource.created = true;
                resource.deleted = false;
            }
            resource.modified |= flags & O_TRUNC != 0 && resource.kind == ResourceKind::File;
        }
        self.note_existence(resource, doing.call.outcome);
        self.open_session(
            doing.process,
            &NewSession {
                resource,
                flags: u32::try_from(flags & u64::from(u32::MAX)).unwrap_or(0),
                claimed: !known,
                opened: true,
            },
            NewDescriptor {
                fd: fd.fd,
                origin: Origin::Opened,
                close_on_exec: flags & O_CLOEXEC != 0,
                object: fd.path,
            },
            doing.begin_ns,
        );
        self.made_at(doing.process, fd.fd, doing.end_ns);
        let action = if creates {
            Action::Create
        } else {
            Action::Open
        };
        let resolved = self.resolved(doing.process, fd.fd)?;
        Some(resolved.touch(action, None))
    }

    /// A file may be named `x(deleted)`: what a tracer prints behind its descriptor looks like a deleted `x`, but the
    /// argument of the open tells.
    fn whole_name(&self, fact: ResourceId, claimed: Option<Touch>) -> ResourceId {
        let name = |id: ResourceId| self.world.resource(id).map(|resource| &resource.name[..]);
        let Some(id) = claimed.and_then(|touch| touch.resource) else {
            return fact;
        };
        let (Some(known), Some(argument)) = (name(fact), name(id)) else {
            return fact;
        };
        match argument.strip_prefix(known) {
            Some(b"(deleted)" | b" (deleted)") => id,
            _ => fact,
        }
    }

    /// Whether the path at hand is known to have existed before the call.
    fn existence(&mut self, doing: &Doing<'_, '_>) -> bool {
        let mut path = std::mem::take(&mut self.scratch);
        path.clear();
        let index = doing.place(0, |role| matches!(role, Role::Path));
        let known = index.is_some_and(|index| {
            doing.args().string(index, &mut path).is_some() && !path.is_empty()
        });
        let mut existed = false;
        if known {
            let dirfd = doing
                .place(0, |role| matches!(role, Role::DirFd))
                .and_then(|index| doing.args().fd(index));
            let resource = self.path_resource(
                doing.process,
                dirfd,
                &path,
                ResourceKind::File,
                doing.begin_ns,
            );
            existed = self.names.note(resource).existed
                || self
                    .world
                    .resource(resource)
                    .is_some_and(|resource| resource.created && !resource.deleted);
        }
        self.scratch = path;
        existed
    }

    fn close(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let fd = doing.fd(0)?;
        // EINTR and EIO close the descriptor all the same (close(2)); EBADF does not.
        if doing.call.outcome == Outcome::Failed(Errno(9)) {
            return None;
        }
        let resolved = self.close_fd(doing.process, fd, doing.begin_ns, doing.end_ns)?;
        Some(resolved.touch(Action::Close, None))
    }

    fn list_directory(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let touch = self.on_fd(doing, Action::List)?;
        if let Some(resource) = touch.resource
            && let Some(resource) = self.world.resources.get_mut(resource.index())
            && resource.kind == ResourceKind::File
        {
            resource.kind = ResourceKind::Directory;
        }
        Some(touch)
    }

    fn change_directory(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let touch =
            match self.path_touch(doing, 0, Action::ChangeDirectory, ResourceKind::Directory) {
                Some(touch) => touch,
                None => self.on_fd(doing, Action::ChangeDirectory)?,
            };
        if doing.succeeded()
            && let Some(resource) = touch.resource
            && let Some(name) = self
                .world
                .resource(resource)
                .map(|resource| resource.name.clone())
        {
            self.set_cwd(doing.process, &name);
        }
        Some(touch)
    }

    fn learn_cwd(&mut self, doing: &Doing<'_, '_>) {
        let mut path = Vec::new();
        if doing.succeeded() && doing.args().string(0, &mut path) == Some(true) {
            self.set_cwd(doing.process, &path);
        }
    }

    fn two_paths(&mut self, doing: &Doing<'_, '_>, from: Action, to: Action) -> Touches {
        let old = self.path_touch(doing, 0, from, ResourceKind::File);
        let new = self.path_touch(doing, 1, to, ResourceKind::File);
        if !doing.succeeded() {
            return (old, new);
        }
        let old_id = old.and_then(|touch| touch.resource);
        let new_id = new.and_then(|touch| touch.resource);
        let is_rename = from == Action::RenameFrom;
        let old_kind = old_id
            .and_then(|id| self.world.resource(id))
            .map_or(ResourceKind::File, |resource| resource.kind);
        if let Some(id) = new_id {
            let existed = self.names.note(id).existed_before_this();
            if let Some(resource) = self.world.resources.get_mut(id.index()) {
                resource.created |= !existed;
                resource.modified = is_rename || resource.modified;
                resource.deleted = false;
                resource.kind = old_kind;
            }
            let writer = old_id.and_then(|old| self.names.note(old).last_writer);
            if let Some(note) = self.names.note_mut(id) {
                note.existed = true;
                note.renamed_from = old_id.filter(|_| is_rename);
                note.last_writer = writer.or(note.last_writer);
            }
        }
        if is_rename
            && let Some(id) = old_id
            && let Some(resource) = self.world.resources.get_mut(id.index())
        {
            resource.deleted = true;
            if let Some(note) = self.names.note_mut(id) {
                note.existed = false;
            }
        }
        (old, new)
    }

    fn symlink(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        // The first string is the link's text, not a path that was touched.
        let touch = self.path_touch(doing, 0, Action::LinkTo, ResourceKind::File)?;
        self.mark_created(doing, &touch);
        Some(touch)
    }

    fn make(&mut self, doing: &Doing<'_, '_>, action: Action) -> Option<Touch> {
        let kind = if action == Action::MakeDirectory {
            ResourceKind::Directory
        } else {
            ResourceKind::File
        };
        let touch = self.path_touch(doing, 0, action, kind)?;
        self.mark_created(doing, &touch);
        Some(touch)
    }

    pub(super) fn mark_created(&mut self, doing: &Doing<'_, '_>, touch: &Touch) {
        if doing.succeeded()
            && let Some(resource) = touch.resource
            && let Some(resource) = self.world.resources.get_mut(resource.index())
        {
            resource.created = true;
            resource.deleted = false;
        }
    }

    fn unlink(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let touch = self.path_touch(doing, 0, Action::Delete, ResourceKind::File)?;
        if doing.succeeded()
            && let Some(id) = touch.resource
        {
            if let Some(resource) = self.world.resources.get_mut(id.index()) {
                resource.deleted = true;
            }
            if let Some(note) = self.names.note_mut(id) {
                note.existed = false;
            }
        }
        Some(touch)
    }

    fn truncate(&mut self, doing: &Doing<'_, '_>) -> Option<Touch> {
        let touch = self.on_path_or_fd(doing, Action::Truncate)?;
        if doing.succeeded()
            && let Some(resource) = touch.resource
            && let Some(resource) = self.world.resources.get_mut(resource.index())
        {
            resource.modified = true;
        }
        Some(touch)
    }

    /// sendfile, splice, tee, `copy_file_range`: bytes go from one descriptor to another.
    fn move_data(&mut self, doing: &Doing<'_, '_>) -> Touches {
        // sendfile names the output first, the others the input.
        let (input, output) = match doing.row.operation {
            Operation::SendFile => (1, 0),
            _ => (0, 1),
        };
        let input = self.known_fd(doing, input);
        let output = self.known_fd(doing, output);
        let bytes = doing.returned().and_then(|bytes| u64::try_from(bytes).ok());
        let sides = [(input, Action::Read), (output, Action::Write)];
        let touches = sides.map(|(side, action)| {
            let side = side?;
            if let Some(bytes) = bytes {
                let moved = Traffic::of(action, 1, bytes);
                self.count_traffic(doing.process, side, action, moved, doing.end_ns);
            }
            Some(side.touch(action, bytes))
        });
        (touches[0], touches[1])
    }

    fn exec(&mut self, doing: &Doing<'_, '_>, tid: Tid) -> Touches {
        let touch = self.path_touch(doing, 0, Action::Execute, ResourceKind::File);
        if doing.returned() != Some(0) {
            return (touch, None);
        }
        let told = self
            .live_mut(doing.process)
            .is_some_and(|live| std::mem::take(&mut live.exec_told));
        if told {
            return (touch, None);
        }
        let (mut argv, whole) = doing
            .place(0, |role| matches!(role, Role::Argv))
            .and_then(|index| doing.args().strings(index))
            .unwrap_or((Vec::new(), false));
        let (env, _) = doing
            .place(0, |role| matches!(role, Role::Envp))
            .and_then(|index| doing.args().strings(index))
            .unwrap_or_default();
        let exe = touch
            .and_then(|touch| touch.resource)
            .and_then(|resource| self.world.resource(resource))
            .map(|resource| resource.name.clone())
            .unwrap_or_default();
        // strace cuts strings after 32 bytes, paths not: a program called by its path keeps its name.
        if !whole
            && let Some(zeroth) = argv.first_mut()
            && zeroth.len() >= STRING_BYTES_DEFAULT
            && exe.starts_with(zeroth)
        {
            zeroth.clone_from(&exe);
        }
        let cwd = self
            .live(doing.process)
            .map(|live| live.cwd.borrow().clone())
            .unwrap_or_default();
        let image = Image {
            seq: self.seq,
            time_ns: doing.end_ns,
            inherited: false,
            exe,
            argv,
            argv_cut: !whole,
            env,
            cwd,
            claimed: true,
        };
        self.run_image(doing.process, tid, image, doing.end_ns);
        (touch, None)
    }

    fn wait(&mut self, doing: &Doing<'_, '_>) {
        let Some(returned) = doing.returned() else {
            return;
        };
        // waitid tells in its siginfo, the third argument.
        let index = doing
            .place(0, |role| matches!(role, Role::WaitStatus))
            .or(Some(2));
        let status = index.and_then(|index| doing.args().wait_status(index));
        // wait4 returns the pid; waitid returns 0 and tells it in the siginfo.
        let pid = if returned > 0 {
            u32::try_from(returned).ok()
        } else {
            waited_pid(doing.args().text)
        };
        if let Some(pid) = pid {
            self.reaped(doing.process, Pid(pid), status, doing.end_ns);
        }
    }

    fn kill(&mut self, doing: &Doing<'_, '_>) {
        let pid = doing
            .place(0, |role| matches!(role, Role::Pid))
            .and_then(|index| doing.args().int(index))
            .and_then(|pid| u32::try_from(pid).ok());
        if let Some(pid) = pid
            && doing.succeeded()
            && let Some(&target) = self.latest.get(&Pid(pid))
            && target != doing.process
        {
            self.link(LinkKind::Signal, doing.process, target, None, doing.end_ns);
        }
    }
}

impl super::names::Note {
    /// Whether the name existed before a call that has just been noted as a success on it: made or seen earlier.
    fn existed_before_this(self) -> bool {
        self.last_user.is_some() && self.existed
    }
}

fn waited_pid(text: &[u8]) -> Option<u32> {
    let pid = crate::args::text::after(text, b"si_pid=")?;
    u32::try_from(crate::args::text::int(pid)?).ok()
}

fn open_flags(doing: &Doing<'_, '_>) -> u64 {
    if doing.row.operation == Operation::Creat {
        return 1 | O_CREAT | O_TRUNC;
    }
    if doing.row.operation == Operation::OpenAt2 {
        let how = doing.place(0, |role| matches!(role, Role::OpenHow));
        return how.map_or(0, |index| {
            doing.args().open_how_flags(index, flags::OPEN_FLAGS)
        });
    }
    doing
        .place(0, |role| matches!(role, Role::Flags(_)))
        .map_or(0, |index| doing.args().flags(index, flags::OPEN_FLAGS))
}

/// Object behind a descriptor that needs no name (`/proc/pid/fd` shows them so).
fn anonymous_object(operation: Operation) -> Option<&'static str> {
    Some(match operation {
        Operation::EventFd => "anon_inode:[eventfd]",
        Operation::EpollCreate => "anon_inode:[eventpoll]",
        Operation::SignalFd => "anon_inode:[signalfd]",
        Operation::TimerFd => "anon_inode:[timerfd]",
        Operation::Inotify => "anon_inode:inotify",
        Operation::Fanotify => "anon_inode:[fanotify]",
        Operation::PidFdOpen => "anon_inode:[pidfd]",
        Operation::IoUringSetup => "anon_inode:[io_uring]",
        Operation::UserfaultFd => "anon_inode:[userfaultfd]",
        Operation::PerfEventOpen => "anon_inode:[perf_event]",
        Operation::Memfd => "/memfd:",
        Operation::MessageQueueOpen => "anon_inode:[mqueue]",
        Operation::Bpf => "anon_inode:[bpf]",
        Operation::MountDescriptor => "anon_inode:[mount]",
        Operation::OpenByHandle => "anon_inode:[handle]",
        _ => return None,
    })
}
