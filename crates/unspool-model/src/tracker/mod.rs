//! The tracker: events in, steps out. The only place that knows pids, descriptors, working directories, exec and fork.
//!
//! It never fails: what a log does not tell stays unknown, and what it tells late (a clone that returns after its child
//! was seen) corrects what was assumed.

mod accesses;
mod calls;
mod descriptors;
mod ends;
mod files;
mod lives;
mod names;
mod samples;
mod sockets;
mod strangers;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::rc::Rc;

use crate::event::{Call, CallName, Event, ExitStatus, Kind, LibraryCall, Outcome};
use crate::ids::{Pid, ProcessId, ResourceId, SessionId, Tid};
use crate::map::Map;
use crate::signal;
use crate::step::{Step, StepArgs, StepKind, StepSink, Touch};
use crate::world::{Access, Descriptor, Link, LinkKind, World};
use accesses::Accesses;
use descriptors::{TableId, Tables};
use names::Names;
use strangers::Strangers;

/// What the tracker keeps.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Retention {
    /// Only what lives; complete objects are handed to the sink and dropped. For writing tables.
    #[default]
    Live,
    /// Everything, in [`World`]. For showing a run that has no tables.
    All,
}

/// What the caller knows about the run before the first event.
#[derive(Clone, Debug, Default)]
pub struct TrackContext {
    /// Working directory of the first process; empty when unknown.
    pub cwd: Vec<u8>,
    /// Pid of the first process, where the log does not name it.
    pub top_pid: Option<Pid>,
}

/// Folds events into steps.
#[derive(Debug)]
pub struct Tracker {
    world: World,
    retention: Retention,
    context: TrackContext,
    names: Names,
    lives: Vec<Option<Box<Live>>>,
    threads: Map<Tid, Thread>,
    tables: Tables,
    /// The latest life of each pid.
    latest: Map<Pid, ProcessId>,
    /// When the last ended life of each pid began, and its parent.
    last_ends: Map<Pid, (i64, Option<ProcessId>)>,
    /// Whether the source tells forks, execs and exits as facts of the kernel (native recorders). What calls return
    /// is not needed then, and may be numbers of another pid namespace.
    has_facts: bool,
    /// What is known about threads whose making the source does not show.
    strangers: Strangers,
    /// References to each session that is open.
    references: Map<SessionId, u32>,
    /// Complete objects, handed on after the step that completed them.
    done: Vec<Done>,
    seq: u64,
    scratch: Vec<u8>,
    path: Vec<u8>,
    base: Vec<u8>,
}

/// A process that lives.
#[derive(Debug)]
struct Live {
    table: TableId,
    cwd: Rc<RefCell<Vec<u8>>>,
    threads_alive: u32,
    leader_status: Option<ExitStatus>,
    /// `exit_group` was called: with this status, then.
    exiting: Option<(ExitStatus, i64)>,
    /// A native exec record came before its call's end.
    exec_told: bool,
    /// Nothing tells of the parent: it is the likeliest.
    is_parent_guessed: bool,
    accesses: Accesses,
    links: Map<(LinkKind, ProcessId, Option<ResourceId>), Link>,
}

/// A thread that lives.
#[derive(Clone, Copy, Debug)]
struct Thread {
    process: ProcessId,
    fork: Option<PendingFork>,
}

/// A thread that is inside fork, vfork or clone.
#[derive(Clone, Copy, Debug)]
struct PendingFork {
    flags: u64,
    begin_ns: i64,
    /// Child that was seen before the call returned.
    child: Option<Tid>,
}

#[derive(Debug)]
enum Done {
    Process(ProcessId),
    Session(SessionId),
    Descriptor(Descriptor),
    /// Those of one life.
    Accesses(Vec<Access>),
    Link(Link),
}

/// The step's variable parts, before it is numbered.
struct Parts<'a> {
    kind: StepKind,
    name: &'a [u8],
    args: StepArgs<'a>,
    outcome: Outcome,
    duration_ns: Option<i64>,
    touch: Option<Touch>,
    second: Option<Touch>,
    exit: Option<ExitStatus>,
}

impl<'a> Parts<'a> {
    fn new(kind: StepKind, name: &'a [u8], text: &'a [u8]) -> Self {
        Self {
            kind,
            name,
            args: StepArgs::Text(text),
            outcome: Outcome::Unknown,
            duration_ns: None,
            touch: None,
            second: None,
            exit: None,
        }
    }
}

/// Thread number of the only process of a log that names no threads.
const ANONYMOUS: Tid = Tid(0);

impl Tracker {
    /// A tracker that has seen nothing.
    pub fn new(retention: Retention, context: TrackContext) -> Self {
        Self {
            world: World::default(),
            retention,
            context,
            names: Names::default(),
            lives: Vec::new(),
            threads: Map::default(),
            tables: Tables::default(),
            latest: Map::default(),
            last_ends: Map::default(),
            has_facts: false,
            strangers: Strangers::default(),
            references: Map::default(),
            done: Vec::new(),
            seq: 0,
            scratch: Vec::new(),
            path: Vec::new(),
            base: Vec::new(),
        }
    }

    /// What is known so far.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// What is known so far, for the caller to set the clock or to keep after the end.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// Number of steps given so far.
    pub fn steps(&self) -> u64 {
        self.seq
    }

    /// Takes one event in and gives its step, if it has one, and what it completed to the sink.
    pub fn event<S: StepSink + ?Sized>(&mut self, event: &Event<'_>, sink: &mut S) {
        match &event.kind {
            Kind::CallBegin(call) => self.call_begin(event, call),
            Kind::Call(call) => self.call(event, call, sink),
            Kind::LibraryCall(call) => self.library_call(event, call, sink),
            Kind::Fork(fork) => {
                let (tid, process) = self.thread_of(event);
                self.has_facts |= fork.child_pid.0 != 0;
                if let Some(thread) = self.threads.get_mut(&tid) {
                    thread.fork = None;
                }
                self.make_child(process, tid, fork.child, fork.flags, event.time_ns);
                let parts = Parts::new(StepKind::Fork, b"fork", b"");
                self.emit(event, tid, process, &parts, sink);
            }
            Kind::Exec(exec) => {
                let (tid, process) = self.exec_fact(event, exec);
                let touch = self.touch_image(process, exec.exe, event.time_ns);
                let mut parts = Parts::new(StepKind::Exec, b"exec", exec.exe);
                parts.touch = touch;
                self.emit(event, tid, process, &parts, sink);
            }
            Kind::Exit(status) => self.exit(event, *status, sink),
            Kind::Signal(signal) => {
                let (tid, process) = self.thread_of(event);
                if let Some(sender) = signal.sender
                    && let Some(&from) = self.latest.get(&sender)
                    && from != process
                {
                    self.link(LinkKind::Signal, from, process, None, event.time_ns);
                }
                let name = signal::name(signal.number);
                let parts = Parts::new(StepKind::Signal, name.as_bytes(), signal.text);
                self.emit(event, tid, process, &parts, sink);
            }
            Kind::Stop(number) => {
                let name = signal::name(*number);
                self.plain(event, StepKind::Stop, name.as_bytes(), b"", sink);
            }
            Kind::Continue => self.plain(event, StepKind::Continue, b"continue", b"", sink),
            Kind::Superseded { by } => self.superseded(event, *by),
            Kind::Attached { threads } => self.attached(event, *threads),
            Kind::Process(state) => self.process_state(event, state),
            Kind::Output(text) => self.plain(event, StepKind::Output, b"output", text, sink),
            Kind::Note(text) => self.plain(event, StepKind::Note, b"note", text, sink),
            Kind::Gap { lost, reason } => {
                let text = format!("{lost} events lost: {}", String::from_utf8_lossy(reason));
                self.plain(event, StepKind::Gap, b"gap", text.as_bytes(), sink);
            }
            Kind::Folded(folded) => self.folded(event, folded, sink),
            Kind::Counts(_) => {}
            Kind::Sample(sample) => self.sample(event, sample, sink),
        }
        self.hand_on(sink);
    }

    /// The run is over: what still lives is handed on as it is, then all resources.
    pub fn finish<S: StepSink + ?Sized>(&mut self, sink: &mut S) {
        self.finish_lives();
        self.hand_on(sink);
        for resource in &self.world.resources {
            sink.resource(resource);
        }
    }

    fn plain<S: StepSink + ?Sized>(
        &mut self,
        event: &Event<'_>,
        kind: StepKind,
        name: &[u8],
        text: &[u8],
        sink: &mut S,
    ) {
        let (tid, process) = self.bystander(event);
        let parts = Parts::new(kind, name, text);
        self.emit(event, tid, process, &parts, sink);
    }

    fn call<S: StepSink + ?Sized>(&mut self, event: &Event<'_>, call: &Call<'_>, sink: &mut S) {
        let (tid, process) = self.thread_of_call(event, call);
        let (touch, second) = self.apply(event, tid, process, call);
        let parts = Parts {
            kind: StepKind::Syscall,
            name: call.name.as_bytes(),
            args: StepArgs::Call(&call.args, call.name.known()),
            outcome: call.outcome,
            duration_ns: call.duration_ns,
            touch,
            second,
            exit: None,
        };
        self.emit(event, tid, process, &parts, sink);
    }

    fn library_call<S: StepSink + ?Sized>(
        &mut self,
        event: &Event<'_>,
        call: &LibraryCall<'_>,
        sink: &mut S,
    ) {
        let (tid, process) = self.thread_of(event);
        let mut parts = Parts::new(StepKind::LibraryCall, call.name, call.args);
        parts.duration_ns = call.duration_ns;
        self.emit(event, tid, process, &parts, sink);
    }

    fn folded<S: StepSink + ?Sized>(
        &mut self,
        event: &Event<'_>,
        folded: &crate::event::Folded,
        sink: &mut S,
    ) {
        let name = folded.call.map_or("folded", |call| call.name());
        let timed = match folded.untimed {
            0 => String::new(),
            untimed => format!(", {} timed", folded.calls.saturating_sub(untimed)),
        };
        let text = format!(
            "{} calls, {} errors, {} bytes{timed}",
            folded.calls, folded.errors, folded.bytes
        );
        let (tid, process) = self.bystander(event);
        let mut parts = Parts::new(StepKind::Folded, name.as_bytes(), text.as_bytes());
        parts.touch = self.fold_traffic(event, process, folded);
        parts.duration_ns = i64::try_from(folded.total_ns).ok();
        self.emit(event, tid, process, &parts, sink);
    }

    fn exit<S: StepSink + ?Sized>(&mut self, event: &Event<'_>, status: ExitStatus, sink: &mut S) {
        let (tid, process) = self.thread_that_ends(event);
        let mut parts = Parts::new(StepKind::Exit, b"exit", b"");
        parts.exit = Some(status);
        self.emit(event, tid, process, &parts, sink);
        self.thread_ended(tid, process, status, event.time_ns);
    }

    /// Counts the event, numbers it and gives the step to the sink.
    fn emit<S: StepSink + ?Sized>(
        &mut self,
        event: &Event<'_>,
        tid: Tid,
        process: ProcessId,
        parts: &Parts<'_>,
        sink: &mut S,
    ) {
        let failed = matches!(parts.outcome, Outcome::Failed(_));
        let pid = match self.process_mut(process) {
            Some(process) => {
                process.events += 1;
                process.failed_calls += u64::from(failed);
                process.pid
            }
            None => Pid(tid.0),
        };
        let step = Step {
            seq: self.seq,
            time_ns: event.time_ns,
            duration_ns: parts.duration_ns,
            process,
            pid,
            tid,
            kind: parts.kind,
            name: parts.name,
            syscall: match &event.kind {
                Kind::Call(call) => match call.name {
                    CallName::Known(call) => Some(call),
                    CallName::Other(_) => None,
                },
                _ => None,
            },
            args: parts.args,
            outcome: parts.outcome,
            exit: parts.exit,
            touch: parts.touch,
            second: parts.second,
        };
        for touch in [parts.touch, parts.second].into_iter().flatten() {
            self.count_access(process, &touch, &step);
        }
        self.seq += 1;
        sink.step(&step, &self.world);
    }

    /// Hands complete objects to the sink, and drops or keeps them.
    fn hand_on<S: StepSink + ?Sized>(&mut self, sink: &mut S) {
        if self.done.is_empty() {
            return;
        }
        let keep = self.retention == Retention::All;
        // Nothing is done while the sink looks: the place for the next ones is kept.
        let mut done = std::mem::take(&mut self.done);
        for done in done.drain(..) {
            match done {
                Done::Process(id) => {
                    let Some(slot) = self.world.processes.get_mut(id.index()) else {
                        continue;
                    };
                    if let Some(process) = slot {
                        sink.process(process);
                    }
                    if !keep {
                        *slot = None;
                    }
                }
                Done::Session(id) => {
                    let Some(slot) = self.world.sessions.get_mut(id.index()) else {
                        continue;
                    };
                    if let Some(session) = slot {
                        sink.session(session);
                    }
                    if !keep {
                        *slot = None;
                    }
                }
                Done::Descriptor(descriptor) => {
                    sink.descriptor(&descriptor);
                    if keep {
                        self.world.descriptors.push(descriptor);
                    }
                }
                Done::Accesses(accesses) => {
                    for access in &accesses {
                        sink.access(access);
                    }
                    if keep {
                        self.world.accesses.extend(accesses);
                    }
                }
                Done::Link(link) => {
                    sink.link(&link);
                    if keep {
                        self.world.links.push(link);
                    }
                }
            }
        }
        self.done = done;
    }

    fn process_mut(&mut self, id: ProcessId) -> Option<&mut crate::world::Process> {
        self.world.processes.get_mut(id.index())?.as_deref_mut()
    }

    fn live(&self, id: ProcessId) -> Option<&Live> {
        self.lives.get(id.index())?.as_deref()
    }

    fn live_mut(&mut self, id: ProcessId) -> Option<&mut Live> {
        self.lives.get_mut(id.index())?.as_deref_mut()
    }

    /// Adds one to the edge `from -> to`.
    fn link(
        &mut self,
        kind: LinkKind,
        from: ProcessId,
        to: ProcessId,
        resource: Option<ResourceId>,
        time_ns: i64,
    ) {
        let seq = self.seq;
        let new = Link {
            kind,
            from,
            to,
            resource,
            count: 1,
            first_ns: time_ns,
            last_ns: time_ns,
            first_seq: seq,
        };
        let Some(live) = self.live_mut(to) else {
            // The effect's process has ended: an edge of its own.
            self.done.push(Done::Link(new));
            return;
        };
        live.links
            .entry((kind, from, resource))
            .and_modify(|link| {
                link.count += 1;
                link.last_ns = link.last_ns.max(time_ns);
                link.first_ns = link.first_ns.min(time_ns);
            })
            .or_insert(new);
    }
}
