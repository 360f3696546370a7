//! The columns of every table, and how objects of the model become rows.
//!
//! Times are split: `time_us` and `time_sub_ns` are the microseconds and the nanoseconds beyond them. What a column does not
//! say of an event is what others say already: `tid` where it is `pid`, `syscall` where it is the call of the table that `name`
//! names (0 says that it is none), `claimed` where it is false, `ret` where it is `bytes`. Numbers of kinds are those of the model's enums. Columns that hold ids of strings: `name`, `syscall`, `exe`, `argv`,
//! `env`, `cwd`, `protocol`, `local`, `remote`, `hash`, `cgroup`, `container_*`, `pod_uid`, `systemd_unit`; those after `cgroup` are what
//! its path says, for queries.

use unspool_model::event::{Errno, ExitStatus, Outcome};
use unspool_model::ids::{Fd, Pid, ProcessId, ResourceId, SessionId};
use unspool_model::step::{Action, Step, Touch};
use unspool_model::world::{
    Access, Descriptor, Image, Link, Origin, Process, Resource, Session, Traffic,
};

use super::args::Filled;
use super::cells::table;
use super::strings::{EMPTY, Interner};

table! {
    /// Events: what a step holds. `args_rest` is a column of its own beside these; see [`super::args`].
    EventRow EventBuilder EventReader {
        seq: u64,
        time_us: i64,
        time_sub_ns: u16,
        duration_us: Option<i64>,
        duration_sub_ns: u16,
        process: u32,
        pid: u32,
        tid: Option<u32>,
        kind: u8,
        name: u32,
        syscall: Option<u32>,
        outcome: u8,
        ret: Option<i64>,
        errno: Option<u16>,
        exit: Option<u8>,
        exit_value: Option<u32>,
        action: Option<u8>,
        fd: Option<i32>,
        session: Option<u32>,
        resource: Option<u32>,
        bytes: Option<u64>,
        claimed: Option<bool>,
        second_action: Option<u8>,
        second_fd: Option<i32>,
        second_session: Option<u32>,
        second_resource: Option<u32>,
        second_bytes: Option<u64>,
        second_claimed: Option<bool>,
        args_form: u32,
        args_first: Option<u64>,
        args_second: Option<u64>,
    }
}

table! {
    /// Processes, in the order in which they were complete.
    ProcessRow ProcessBuilder ProcessReader {
        id: u32,
        pid: u32,
        parent: Option<u32>,
        start_ns: i64,
        attached: bool,
        end_ns: Option<i64>,
        exit: Option<u8>,
        exit_value: Option<u32>,
        cwd: u32,
        user: Option<u32>,
        cgroup: u32,
        container_runtime: u32,
        container_id: u32,
        container_name: u32,
        pod_uid: u32,
        systemd_unit: u32,
        threads: u32,
        events: u64,
        failed_calls: u64,
    }
}

table! {
    /// Images of processes: those of one process follow each other in order.
    ImageRow ImageBuilder ImageReader {
        process: u32,
        seq: u64,
        time_ns: i64,
        inherited: bool,
        exe: u32,
        argv: Vec<u32>,
        argv_cut: bool,
        env: Vec<u32>,
        cwd: u32,
        claimed: bool,
    }
}

table! {
    /// Sessions, in the order in which they were complete.
    SessionRow SessionBuilder SessionReader {
        id: u32,
        resource: u32,
        process: u32,
        opened_seq: Option<u64>,
        opened_us: i64,
        opened_sub_ns: u16,
        closed_us: Option<i64>,
        closed_sub_ns: u16,
        flags: u32,
        claimed: bool,
        reads: u64,
        bytes_read: u64,
        writes: u64,
        bytes_written: u64,
    }
}

table! {
    /// Descriptors, in the order in which they were complete. A time whose `*_sub_ns` is null, and counts that are null, are those of the session.
    DescriptorRow DescriptorBuilder DescriptorReader {
        session: u32,
        process: u32,
        fd: i32,
        opened_us: Option<i64>,
        opened_sub_ns: Option<u16>,
        closed_us: Option<i64>,
        closed_sub_ns: Option<u16>,
        closed_by: Option<u8>,
        origin: u8,
        origin_fd: Option<i32>,
        origin_process: Option<u32>,
        close_on_exec: bool,
        reads: Option<u64>,
        bytes_read: Option<u64>,
        writes: Option<u64>,
        bytes_written: Option<u64>,
    }
}

table! {
    /// Accesses, one per process and resource; `calls` counts the `actions` at the same places. The last call is the first where `last_sub_ns` is null.
    AccessRow AccessBuilder AccessReader {
        process: u32,
        resource: u32,
        actions: Vec<u8>,
        calls: Vec<u32>,
        reads: u64,
        bytes_read: u64,
        writes: u64,
        bytes_written: u64,
        failed: u64,
        last_error: Option<u16>,
        first_us: i64,
        first_sub_ns: u16,
        last_us: Option<i64>,
        last_sub_ns: Option<u16>,
        total_us: i64,
        total_sub_ns: u16,
        claimed: bool,
    }
}

table! {
    /// Resources.
    ResourceRow ResourceBuilder ResourceReader {
        id: u32,
        kind: u8,
        name: u32,
        args_name: Option<u32>,
        category: u8,
        protocol: Option<u32>,
        local: Option<u32>,
        remote: Option<u32>,
        created: bool,
        modified: bool,
        deleted: bool,
        size: Option<u64>,
        modified_ns: Option<i64>,
        inode: Option<u64>,
        hash: Option<u32>,
    }
}

table! {
    /// Links.
    LinkRow LinkBuilder LinkReader {
        kind: u8,
        source: u32,
        target: u32,
        resource: Option<u32>,
        count: u64,
        first_ns: i64,
        last_ns: i64,
        first_seq: u64,
    }
}

table! {
    /// Strings; `value` is a column of its own beside this.
    StringRow StringBuilder StringReader {
        id: u32,
    }
}

/// A time or a duration in whole microseconds and the nanoseconds beyond. Text tracers print microseconds: what they
/// leave out costs nothing then.
pub(crate) fn split_ns(ns: i64) -> (i64, u16) {
    let sub = u16::try_from(ns.rem_euclid(1000)).unwrap_or_default();
    (ns.div_euclid(1000), sub)
}

pub(crate) fn split_some_ns(ns: Option<i64>) -> (Option<i64>, u16) {
    ns.map_or((None, 0), |ns| {
        let (us, sub) = split_ns(ns);
        (Some(us), sub)
    })
}

/// The time again.
pub(crate) fn whole_ns(us: i64, sub_ns: u16) -> i64 {
    us.wrapping_mul(1000).wrapping_add(i64::from(sub_ns))
}

/// Number of the kind of exit, and its status or signal.
pub(crate) fn exit_cells(exit: Option<ExitStatus>) -> (Option<u8>, Option<u32>) {
    match exit {
        None => (None, None),
        Some(ExitStatus::Exited(code)) => (Some(0), Some(u32::from(code))),
        Some(ExitStatus::Killed { signal, core }) => (Some(if core { 2 } else { 1 }), Some(signal)),
        Some(ExitStatus::Unknown) => (Some(3), None),
    }
}

pub(crate) fn exit_of(kind: Option<u8>, value: Option<u32>) -> Option<ExitStatus> {
    let value = value.unwrap_or(0);
    Some(match kind? {
        0 => ExitStatus::Exited(u8::try_from(value).unwrap_or(u8::MAX)),
        1 => ExitStatus::Killed {
            signal: value,
            core: false,
        },
        2 => ExitStatus::Killed {
            signal: value,
            core: true,
        },
        _ => ExitStatus::Unknown,
    })
}

fn outcome_cells(outcome: Outcome) -> (u8, Option<i64>, Option<u16>) {
    match outcome {
        Outcome::Returned(value) => (0, Some(value), None),
        Outcome::Failed(errno) => (1, None, Some(errno.0)),
        Outcome::Unfinished => (2, None, None),
        Outcome::Unknown => (3, None, None),
    }
}

pub(crate) fn outcome_of(row: &EventRow) -> Outcome {
    match row.outcome {
        0 => Outcome::Returned(row.ret.or(moved(row.bytes)).unwrap_or(0)),
        1 => Outcome::Failed(Errno(row.errno.unwrap_or(0))),
        2 => Outcome::Unfinished,
        _ => Outcome::Unknown,
    }
}

/// Bytes that were moved as the value that a call returns.
fn moved(bytes: Option<u64>) -> Option<i64> {
    bytes.and_then(|bytes| i64::try_from(bytes).ok())
}

impl EventRow {
    /// `syscall` is the cell of that name.
    #[inline]
    pub(crate) fn new(step: &Step<'_>, name: u32, syscall: Option<u32>, args: Filled) -> Self {
        let (outcome, ret, errno) = outcome_cells(step.outcome);
        let (exit, exit_value) = exit_cells(step.exit);
        let (time_us, time_sub_ns) = split_ns(step.time_ns);
        let (duration_us, duration_sub_ns) = split_some_ns(step.duration_ns);
        let [args_first, args_second] = args.numbers;
        let (first, second) = (step.touch, step.second);
        let bytes = first.and_then(|touch| touch.bytes);
        Self {
            seq: step.seq,
            time_us,
            time_sub_ns,
            duration_us,
            duration_sub_ns,
            process: step.process.0,
            pid: step.pid.0,
            tid: (step.tid.0 != step.pid.0).then_some(step.tid.0),
            kind: step.kind as u8,
            name,
            syscall,
            outcome,
            // Null says that it is `bytes`.
            ret: ret.filter(|_| ret != moved(bytes)),
            errno,
            exit,
            exit_value,
            action: first.map(|touch| touch.action as u8),
            fd: first.and_then(|touch| touch.fd).map(|fd| fd.0),
            session: first.and_then(|touch| touch.session).map(|id| id.0),
            resource: first.and_then(|touch| touch.resource).map(|id| id.0),
            bytes,
            claimed: first.filter(|touch| touch.claimed).map(|_| true),
            second_action: second.map(|touch| touch.action as u8),
            second_fd: second.and_then(|touch| touch.fd).map(|fd| fd.0),
            second_session: second.and_then(|touch| touch.session).map(|id| id.0),
            second_resource: second.and_then(|touch| touch.resource).map(|id| id.0),
            second_bytes: second.and_then(|touch| touch.bytes),
            second_claimed: second.filter(|touch| touch.claimed).map(|_| true),
            args_form: args.form,
            args_first,
            args_second,
        }
    }

    /// Start of the event.
    #[inline]
    pub(crate) fn time_ns(&self) -> i64 {
        whole_ns(self.time_us, self.time_sub_ns)
    }

    #[inline]
    pub(crate) fn touch(&self) -> Option<Touch> {
        Some(Touch {
            action: Action::from_number(self.action?)?,
            fd: self.fd.map(Fd),
            session: self.session.map(SessionId),
            resource: self.resource.map(ResourceId),
            bytes: self.bytes,
            claimed: self.claimed.unwrap_or(false),
        })
    }

    #[inline]
    pub(crate) fn second(&self) -> Option<Touch> {
        Some(Touch {
            action: Action::from_number(self.second_action?)?,
            fd: self.second_fd.map(Fd),
            session: self.second_session.map(SessionId),
            resource: self.second_resource.map(ResourceId),
            bytes: self.second_bytes,
            claimed: self.second_claimed.unwrap_or(false),
        })
    }
}

impl ProcessRow {
    pub(crate) fn new(process: &Process, strings: &mut Interner) -> Self {
        let (exit, exit_value) = exit_cells(process.exit);
        let placement = process.placement();
        let mut pod_uid = Vec::new();
        placement.pod_uid(&mut pod_uid);
        let runtime = placement.runtime.map_or("", |runtime| runtime.name());
        Self {
            id: process.id.0,
            pid: process.pid.0,
            parent: process.parent.map(|parent| parent.0),
            start_ns: process.start_ns,
            attached: process.attached,
            end_ns: process.end_ns,
            exit,
            exit_value,
            cwd: strings.intern(&process.cwd),
            user: process.user,
            cgroup: strings.intern(&process.group),
            container_runtime: strings.intern(runtime.as_bytes()),
            container_id: strings.intern(placement.container_id),
            container_name: strings.intern(&process.container_name),
            pod_uid: strings.intern(&pod_uid),
            systemd_unit: strings.intern(placement.unit),
            threads: process.threads,
            events: process.events,
            failed_calls: process.failed_calls,
        }
    }
}

impl ImageRow {
    pub(crate) fn new(process: ProcessId, image: &Image, strings: &mut Interner) -> Self {
        let mut list = |texts: &[Vec<u8>]| texts.iter().map(|text| strings.intern(text)).collect();
        let (argv, env) = (list(&image.argv), list(&image.env));
        Self {
            process: process.0,
            seq: image.seq,
            time_ns: image.time_ns,
            inherited: image.inherited,
            exe: strings.intern(&image.exe),
            argv,
            argv_cut: image.argv_cut,
            env,
            cwd: strings.intern(&image.cwd),
            claimed: image.claimed,
        }
    }
}

impl SessionRow {
    pub(crate) fn new(session: &Session) -> Self {
        let (opened_us, opened_sub_ns) = split_ns(session.opened_ns);
        let (closed_us, closed_sub_ns) = split_some_ns(session.closed_ns);
        Self {
            id: session.id.0,
            resource: session.resource.0,
            process: session.process.0,
            opened_seq: session.opened_seq,
            opened_us,
            opened_sub_ns,
            closed_us,
            closed_sub_ns,
            flags: session.flags,
            claimed: session.claimed,
            reads: session.traffic.reads,
            bytes_read: session.traffic.bytes_read,
            writes: session.traffic.writes,
            bytes_written: session.traffic.bytes_written,
        }
    }

    pub(crate) fn session(&self) -> Session {
        Session {
            id: SessionId(self.id),
            resource: ResourceId(self.resource),
            process: ProcessId(self.process),
            opened_seq: self.opened_seq,
            opened_ns: whole_ns(self.opened_us, self.opened_sub_ns),
            closed_ns: self.closed_us.map(|us| whole_ns(us, self.closed_sub_ns)),
            flags: self.flags,
            claimed: self.claimed,
            traffic: Traffic {
                reads: self.reads,
                bytes_read: self.bytes_read,
                writes: self.writes,
                bytes_written: self.bytes_written,
            },
        }
    }
}

impl DescriptorRow {
    /// What is as in `session`, where that is known, is not said again.
    pub(crate) fn new(descriptor: &Descriptor, session: Option<&Session>) -> Self {
        let (origin, origin_fd, origin_process) = match descriptor.origin {
            Origin::Opened => (0, None, None),
            Origin::Duplicated(fd) => (1, Some(fd.0), None),
            Origin::Inherited(process) => (2, None, Some(process.0)),
            Origin::Received => (3, None, None),
            Origin::Before => (4, None, None),
        };
        let own = |says: fn(&Session) -> Option<i64>, own: Option<i64>| {
            session.is_none_or(|session| says(session) != own)
        };
        let opened = own(
            |session| Some(session.opened_ns),
            Some(descriptor.opened_ns),
        )
        .then(|| split_ns(descriptor.opened_ns));
        let closed = own(|session| session.closed_ns, descriptor.closed_ns)
            .then(|| split_some_ns(descriptor.closed_ns));
        let traffic = Some(descriptor.traffic)
            .filter(|traffic| session.is_none_or(|session| session.traffic != *traffic));
        Self {
            session: descriptor.session.0,
            process: descriptor.process.0,
            fd: descriptor.fd.0,
            opened_us: opened.map(|(us, _)| us),
            opened_sub_ns: opened.map(|(_, sub_ns)| sub_ns),
            closed_us: closed.and_then(|(us, _)| us),
            closed_sub_ns: closed.map(|(_, sub_ns)| sub_ns),
            closed_by: descriptor.closed_by.map(|by| by as u8),
            origin,
            origin_fd,
            origin_process,
            close_on_exec: descriptor.close_on_exec,
            reads: traffic.map(|traffic| traffic.reads),
            bytes_read: traffic.map(|traffic| traffic.bytes_read),
            writes: traffic.map(|traffic| traffic.writes),
            bytes_written: traffic.map(|traffic| traffic.bytes_written),
        }
    }

    /// `session` is the one that it is open on.
    pub(crate) fn descriptor(&self, session: Option<&Session>) -> Descriptor {
        use unspool_model::world::ClosedBy;
        let traffic = session.map(|session| session.traffic).unwrap_or_default();
        Descriptor {
            session: SessionId(self.session),
            process: ProcessId(self.process),
            fd: Fd(self.fd),
            opened_ns: self
                .opened_sub_ns
                .map(|sub_ns| whole_ns(self.opened_us.unwrap_or(0), sub_ns))
                .or(session.map(|session| session.opened_ns))
                .unwrap_or(0),
            closed_ns: match self.closed_sub_ns {
                Some(sub_ns) => self.closed_us.map(|us| whole_ns(us, sub_ns)),
                None => session.and_then(|session| session.closed_ns),
            },
            closed_by: self
                .closed_by
                .and_then(|by| ClosedBy::ALL.get(usize::from(by)).copied()),
            origin: match self.origin {
                0 => Origin::Opened,
                1 => Origin::Duplicated(Fd(self.origin_fd.unwrap_or(0))),
                2 => Origin::Inherited(ProcessId(self.origin_process.unwrap_or(0))),
                3 => Origin::Received,
                _ => Origin::Before,
            },
            close_on_exec: self.close_on_exec,
            traffic: Traffic {
                reads: self.reads.unwrap_or(traffic.reads),
                bytes_read: self.bytes_read.unwrap_or(traffic.bytes_read),
                writes: self.writes.unwrap_or(traffic.writes),
                bytes_written: self.bytes_written.unwrap_or(traffic.bytes_written),
            },
        }
    }
}

impl AccessRow {
    pub(crate) fn new(access: &Access) -> Self {
        let (first_us, first_sub_ns) = split_ns(access.first_ns);
        let last = (access.last_ns != access.first_ns).then(|| split_ns(access.last_ns));
        let (total_us, total_sub_ns) = split_ns(access.total_ns);
        let done = access
            .calls
            .iter()
            .zip(0u8..)
            .filter(|(calls, _)| **calls > 0);
        Self {
            process: access.process.0,
            resource: access.resource.0,
            actions: done.clone().map(|(_, action)| action).collect(),
            calls: done.map(|(calls, _)| *calls).collect(),
            reads: access.traffic.reads,
            bytes_read: access.traffic.bytes_read,
            writes: access.traffic.writes,
            bytes_written: access.traffic.bytes_written,
            failed: access.failed,
            last_error: access.last_error.map(|error| error.0),
            first_us,
            first_sub_ns,
            last_us: last.map(|(us, _)| us),
            last_sub_ns: last.map(|(_, sub_ns)| sub_ns),
            total_us,
            total_sub_ns,
            claimed: access.claimed,
        }
    }

    pub(crate) fn access(&self) -> Access {
        let mut calls = [0; Action::ALL.len()];
        for (action, count) in self.actions.iter().zip(&self.calls) {
            if let Some(place) = calls.get_mut(usize::from(*action)) {
                *place = *count;
            }
        }
        let first_ns = whole_ns(self.first_us, self.first_sub_ns);
        Access {
            process: ProcessId(self.process),
            resource: ResourceId(self.resource),
            calls,
            traffic: Traffic {
                reads: self.reads,
                bytes_read: self.bytes_read,
                writes: self.writes,
                bytes_written: self.bytes_written,
            },
            failed: self.failed,
            last_error: self.last_error.map(Errno),
            first_ns,
            last_ns: self.last_sub_ns.map_or(first_ns, |sub_ns| {
                whole_ns(self.last_us.unwrap_or(0), sub_ns)
            }),
            total_ns: whole_ns(self.total_us, self.total_sub_ns),
            claimed: self.claimed,
        }
    }
}

impl ResourceRow {
    /// `args_name` is the name that stands for it in arguments, if they name it.
    pub(crate) fn new(resource: &Resource, args_name: Option<u32>, strings: &mut Interner) -> Self {
        let socket = resource.socket.as_ref();
        let name = strings.intern(&resource.name);
        Self {
            id: resource.id.0,
            kind: resource.kind as u8,
            name,
            args_name: args_name.filter(|used| *used != name),
            category: resource.category as u8,
            protocol: socket.map(|socket| strings.intern(socket.protocol.as_bytes())),
            local: socket.map(|socket| strings.intern(&socket.local)),
            remote: socket.map(|socket| strings.intern(&socket.remote)),
            created: resource.created,
            modified: resource.modified,
            deleted: resource.deleted,
            size: resource.content.map(|content| content.size_bytes),
            modified_ns: resource.content.map(|content| content.modified_ns),
            inode: resource.content.map(|content| content.inode),
            hash: resource
                .content
                .and_then(|content| content.hash)
                .map(|hash| strings.intern(format!("{hash:032x}").as_bytes())),
        }
    }
}

impl LinkRow {
    pub(crate) fn new(link: &Link) -> Self {
        Self {
            kind: link.kind as u8,
            source: link.from.0,
            target: link.to.0,
            resource: link.resource.map(|resource| resource.0),
            count: link.count,
            first_ns: link.first_ns,
            last_ns: link.last_ns,
            first_seq: link.first_seq,
        }
    }
}

/// A process without its images; its strings by id.
pub(crate) fn process_of(row: &ProcessRow, cwd: &[u8]) -> Process {
    Process {
        id: ProcessId(row.id),
        pid: Pid(row.pid),
        parent: row.parent.map(ProcessId),
        start_ns: row.start_ns,
        attached: row.attached,
        end_ns: row.end_ns,
        exit: exit_of(row.exit, row.exit_value),
        images: Vec::new(),
        cwd: cwd.to_vec(),
        user: row.user,
        group: Vec::new(),
        container_name: Vec::new(),
        threads: row.threads,
        events: row.events,
        failed_calls: row.failed_calls,
    }
}

const _: () = assert!(
    EMPTY == 0,
    "`unwrap_or_default` gives the empty string's id"
);
