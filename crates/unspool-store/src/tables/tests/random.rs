//! Random steps and worlds from a seed.

use unspool_model::category::Category;
use unspool_model::event::{ClockKind, Errno, ExitStatus, Outcome};
use unspool_model::ids::{Fd, Pid, ProcessId, ResourceId, SessionId, Tid};
use unspool_model::sample::{AMOUNTS, Sample, Usage};
use unspool_model::step::{Action, Step, StepArgs, StepKind, StepSink, Touch};
use unspool_model::syscalls::Syscall;
use unspool_model::world::{
    Access, ClosedBy, Content, Descriptor, Image, Link, LinkKind, Origin, Process, Resource,
    ResourceKind, Session, SocketName, Traffic, World,
};

/// splitmix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn flag(&mut self) -> bool {
        self.next() & 1 == 1
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.below(1000)).unwrap()
    }

    /// Mostly small, sometimes at the end of the range.
    fn number(&mut self) -> i64 {
        match self.below(10) {
            0 => i64::MAX,
            1 => i64::MIN,
            2 => -1,
            _ => i64::from(self.small()),
        }
    }

    fn count(&mut self) -> u64 {
        if self.below(10) == 0 {
            u64::MAX
        } else {
            self.below(5000)
        }
    }

    pub(super) fn bytes(&mut self) -> Vec<u8> {
        let len = if self.below(20) == 0 {
            3000
        } else {
            self.below(30)
        };
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.flag() { Some(make(self)) } else { None }
    }

    fn exit(&mut self) -> ExitStatus {
        match self.below(3) {
            0 => ExitStatus::Exited(self.next().to_le_bytes()[0]),
            1 => ExitStatus::Killed {
                signal: self.small(),
                core: self.flag(),
            },
            _ => ExitStatus::Unknown,
        }
    }

    pub(super) fn touch(&mut self) -> Touch {
        Touch {
            action: self.one(Action::ALL),
            fd: self.maybe(|r| Fd(i32::try_from(r.small()).unwrap() - 100)),
            session: self.maybe(|r| SessionId(r.small())),
            resource: self.maybe(|r| ResourceId(r.small())),
            bytes: self.maybe(Self::count),
            claimed: self.flag(),
        }
    }

    fn traffic(&mut self) -> Traffic {
        Traffic {
            reads: self.count(),
            bytes_read: self.count(),
            writes: self.count(),
            bytes_written: self.count(),
        }
    }

    fn texts(&mut self) -> Vec<Vec<u8>> {
        (0..self.below(5)).map(|_| self.bytes()).collect()
    }

    fn process(&mut self, id: u32) -> Process {
        Process {
            id: ProcessId(id),
            pid: Pid(self.small()),
            parent: self.maybe(|r| ProcessId(r.small())),
            start_ns: self.number(),
            attached: self.flag(),
            end_ns: self.maybe(Self::number),
            exit: self.maybe(Self::exit),
            images: (0..self.below(4))
                .map(|_| Image {
                    seq: self.count(),
                    time_ns: self.number(),
                    inherited: self.flag(),
                    exe: self.bytes(),
                    argv: self.texts(),
                    argv_cut: self.flag(),
                    env: self.texts(),
                    cwd: self.bytes(),
                    claimed: self.flag(),
                })
                .collect(),
            cwd: self.bytes(),
            user: self.maybe(Self::small),
            group: self.bytes(),
            container_name: self.bytes(),
            threads: self.small(),
            events: self.count(),
            failed_calls: self.count(),
        }
    }

    fn session(&mut self, id: u32) -> Session {
        Session {
            id: SessionId(id),
            resource: ResourceId(self.small()),
            process: ProcessId(self.small()),
            opened_seq: self.maybe(Self::count),
            opened_ns: self.number(),
            closed_ns: self.maybe(Self::number),
            flags: self.small(),
            claimed: self.flag(),
            traffic: self.traffic(),
        }
    }

    fn descriptor(&mut self) -> Descriptor {
        Descriptor {
            session: SessionId(self.small()),
            process: ProcessId(self.small()),
            fd: Fd(i32::try_from(self.small()).unwrap()),
            opened_ns: self.number(),
            closed_ns: self.maybe(Self::number),
            closed_by: self.maybe(|r| r.one(ClosedBy::ALL)),
            origin: match self.below(5) {
                0 => Origin::Opened,
                1 => Origin::Duplicated(Fd(7)),
                2 => Origin::Inherited(ProcessId(self.small())),
                3 => Origin::Received,
                _ => Origin::Before,
            },
            close_on_exec: self.flag(),
            traffic: self.traffic(),
        }
    }

    fn access(&mut self) -> Access {
        let mut calls = [0; Action::ALL.len()];
        for _ in 0..self.below(6) {
            let place = usize::try_from(self.below(calls.len() as u64)).unwrap();
            calls[place] = self.small();
        }
        Access {
            process: ProcessId(self.small()),
            resource: ResourceId(self.small()),
            calls,
            traffic: self.traffic(),
            failed: self.count(),
            last_error: self.maybe(|r| Errno(u16::try_from(r.small()).unwrap())),
            first_ns: self.number(),
            last_ns: self.number(),
            total_ns: self.number(),
            claimed: self.flag(),
        }
    }

    fn resource(&mut self, id: u32) -> Resource {
        Resource {
            id: ResourceId(id),
            kind: self.one(ResourceKind::ALL),
            name: self.bytes(),
            category: self.one(Category::ALL),
            socket: self.maybe(|r| SocketName {
                protocol: r.one(&["TCP", "", "UNIX"]).to_owned(),
                local: r.bytes(),
                remote: r.bytes(),
            }),
            created: self.flag(),
            modified: self.flag(),
            deleted: self.flag(),
            content: self.maybe(|r| Content {
                size_bytes: r.count(),
                modified_ns: r.number(),
                inode: r.count(),
                hash: r.maybe(|r| u128::from(r.count()) << 64 | u128::from(r.count())),
            }),
        }
    }

    fn link(&mut self) -> Link {
        Link {
            kind: self.one(LinkKind::ALL),
            from: ProcessId(self.small()),
            to: ProcessId(self.small()),
            resource: self.maybe(|r| ResourceId(r.small())),
            count: self.count(),
            first_ns: self.number(),
            last_ns: self.number(),
            first_seq: self.count(),
        }
    }

    fn sample(&mut self) -> Sample {
        let mut usage = Usage::default();
        for amount in AMOUNTS {
            *(amount.place)(&mut usage) = self.maybe(Self::count);
        }
        Sample {
            time_ns: self.number(),
            duration_ns: self.number(),
            process: self.maybe(|r| ProcessId(r.small())),
            group: self.bytes(),
            is_last: self.flag(),
            usage,
        }
    }

    /// A world in which everything is kept.
    pub(super) fn world(&mut self, size: u32) -> World {
        World {
            clock: self.one(&[
                ClockKind::Epoch,
                ClockKind::TimeOfDay,
                ClockKind::Relative,
                ClockKind::None,
            ]),
            processes: (0..size)
                .map(|id| Some(Box::new(self.process(id))))
                .collect(),
            sessions: (0..size * 2)
                .map(|id| Some(Box::new(self.session(id))))
                .collect(),
            resources: (0..size).map(|id| self.resource(id)).collect(),
            descriptors: (0..size).map(|_| self.descriptor()).collect(),
            accesses: (0..size).map(|_| self.access()).collect(),
            links: (0..size).map(|_| self.link()).collect(),
            samples: (0..size).map(|_| self.sample()).collect(),
        }
    }

    pub(super) fn step(&mut self, seq: u64) -> Owned {
        let syscall = self.maybe(|r| {
            Syscall::by_index(u16::try_from(r.below(300)).unwrap())
                .unwrap_or_else(|| Syscall::by_name(b"read").expect("the table has read"))
        });
        let name = match syscall {
            Some(call) if self.below(10) > 0 => call.name().as_bytes().to_vec(),
            _ => self.bytes(),
        };
        let kind = self.one(StepKind::ALL);
        let args = match kind {
            StepKind::Folded if self.below(2) == 0 => {
                let calls = self.below(1000);
                let timed = self.below(calls + 1);
                format!("{calls} calls, 0 errors, 7 bytes, {timed} timed").into_bytes()
            }
            _ => self.bytes(),
        };
        Owned {
            seq,
            time_ns: self.number(),
            duration_ns: self.maybe(Self::number),
            process: ProcessId(self.small()),
            pid: Pid(self.small()),
            tid: Tid(self.small()),
            kind,
            name,
            syscall,
            args,
            outcome: match self.below(4) {
                0 => Outcome::Returned(self.number()),
                1 => Outcome::Failed(Errno(u16::try_from(self.small()).unwrap())),
                2 => Outcome::Unfinished,
                _ => Outcome::Unknown,
            },
            exit: self.maybe(Self::exit),
            touch: self.maybe(Self::touch),
            second: self.maybe(Self::touch),
        }
    }
}

/// A step that owns its bytes.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Owned {
    pub(super) seq: u64,
    pub(super) time_ns: i64,
    pub(super) duration_ns: Option<i64>,
    pub(super) process: ProcessId,
    pub(super) pid: Pid,
    pub(super) tid: Tid,
    pub(super) kind: StepKind,
    pub(super) name: Vec<u8>,
    pub(super) syscall: Option<Syscall>,
    pub(super) args: Vec<u8>,
    pub(super) outcome: Outcome,
    pub(super) exit: Option<ExitStatus>,
    pub(super) touch: Option<Touch>,
    pub(super) second: Option<Touch>,
}

impl Owned {
    pub(super) fn of(step: &Step<'_>) -> Self {
        let mut args = Vec::new();
        step.args.print(&mut args);
        Self {
            seq: step.seq,
            time_ns: step.time_ns,
            duration_ns: step.duration_ns,
            process: step.process,
            pid: step.pid,
            tid: step.tid,
            kind: step.kind,
            name: step.name.to_vec(),
            syscall: step.syscall,
            args,
            outcome: step.outcome,
            exit: step.exit,
            touch: step.touch,
            second: step.second,
        }
    }

    pub(super) fn step(&self) -> Step<'_> {
        Step {
            seq: self.seq,
            time_ns: self.time_ns,
            duration_ns: self.duration_ns,
            process: self.process,
            pid: self.pid,
            tid: self.tid,
            kind: self.kind,
            name: &self.name,
            syscall: self.syscall,
            args: StepArgs::Text(&self.args),
            outcome: self.outcome,
            exit: self.exit,
            touch: self.touch,
            second: self.second,
        }
    }
}

/// Hands everything over, as the tracker does at the end of a run.
pub(super) fn feed(sink: &mut dyn StepSink, steps: &[Owned], world: &World) {
    for step in steps {
        sink.step(&step.step(), world);
    }
    for process in world.iter_processes() {
        sink.process(process);
    }
    // The order in which objects are complete is not that of their ids.
    for session in world.sessions.iter().rev().flatten() {
        sink.session(session);
    }
    for descriptor in &world.descriptors {
        sink.descriptor(descriptor);
    }
    for access in &world.accesses {
        sink.access(access);
    }
    for link in &world.links {
        sink.link(link);
    }
    for sample in &world.samples {
        sink.sample(sample);
    }
    for resource in &world.resources {
        sink.resource(resource);
    }
}
