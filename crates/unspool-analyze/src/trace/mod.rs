//! A run as tracks over time: calls as slices, links as arrows, samples and calls a second as counters. Folds steps as they
//! come; holds one open call a thread, and what the world holds anyway.

mod counters;
mod flows;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use unspool_model::event::Outcome;
use unspool_model::ids::{Pid, ProcessId, Tid};
use unspool_model::map::Map;
use unspool_model::step::{Step, StepArgs, StepKind};
use unspool_model::timeline::{Flow, LIFE_STEP, Slice, TimelineHead, TimelineSink, Track};
use unspool_model::world::World;

use crate::Filter;
use counters::Counters;
use flows::Flows;

/// Spans of a thread that are remembered, so that a library call that ends around them is laid around them.
const SPANS_MAX: usize = 256;

/// Makes a timeline of steps.
pub struct Timeline<'s> {
    sink: &'s mut dyn TimelineSink,
    filter: Option<Filter>,
    start_ns: i64,
    end_ns: i64,
    /// Number by process, see [`Track::pid`].
    numbers: Vec<u32>,
    /// Processes that the sink knows.
    declared: Vec<bool>,
    threads: Map<Track, Thread>,
    flows: Flows,
    counters: Counters,
    /// Calls that began before the one before them had ended, by the log's times.
    moved: u64,
    cut: u64,
    stopped: bool,
}

/// What is known of a thread.
#[derive(Default)]
struct Thread {
    /// Calls that are not inside another one yet, the last one last.
    spans: Vec<(i64, i64)>,
    /// A call that was never seen to end, until it is known when its thread did something else.
    held: Option<Box<Held>>,
}

/// An owned slice.
struct Held {
    seq: u64,
    kind: StepKind,
    start_ns: i64,
    name: Vec<u8>,
    category: &'static str,
    args: Vec<u8>,
    resource: Option<Vec<u8>>,
    fd: Option<unspool_model::ids::Fd>,
    flows: Vec<Flow>,
}

impl<'s> Timeline<'s> {
    /// Begins a timeline. `world` must hold everything of the run; `run` is its id.
    pub fn new(
        run: &str,
        world: &World,
        filter: Option<Filter>,
        sink: &'s mut dyn TimelineSink,
    ) -> Self {
        let (start_ns, end_ns) = bounds(world);
        let head = TimelineHead {
            run,
            clock: world.clock,
            start_ns,
            end_ns,
        };
        let stopped = sink.begin(&head).is_break();
        Self {
            sink,
            flows: Flows::new(world, filter.is_some()),
            counters: Counters::new(start_ns),
            filter,
            start_ns,
            end_ns,
            numbers: numbers(world),
            declared: vec![false; world.processes.len()],
            threads: Map::default(),
            moved: 0,
            cut: 0,
            stopped,
        }
    }

    /// Takes a step; `Break` when no further one is needed.
    pub fn take(&mut self, step: &Step<'_>, world: &World) -> ControlFlow<()> {
        if self.stopped {
            return ControlFlow::Break(());
        }
        if let Some(filter) = &mut self.filter
            && !filter.matches(step, world)
        {
            return ControlFlow::Continue(());
        }
        let flow = self.add(step, world);
        self.stopped = flow.is_break();
        flow
    }

    /// Writes what is left: open calls, arrows without a later call, samples, notes.
    pub fn finish(mut self, world: &World) -> ControlFlow<()> {
        if self.stopped {
            return ControlFlow::Break(());
        }
        self.release_all(world)?;
        for (process, flow) in self.flows.rest(&self.numbers, world) {
            self.mark_flow(process, flow, world)?;
        }
        self.counters.finish(&self.numbers, self.sink)?;
        let filter = &mut self.filter;
        let mut counts = |sample: &_| {
            filter
                .as_mut()
                .is_none_or(|filter| crate::sample_matches(filter, sample, world))
        };
        for sample in &world.samples {
            let is_machine = sample.is_machine();
            if !is_machine && (sample.process.is_none() || !counts(sample)) {
                continue;
            }
            if let Some(process) = sample.process {
                declare_process(process, &mut self.declared, &self.numbers, world, self.sink)?;
            }
            counters::sample(sample, &self.numbers, self.sink)?;
        }
        let notes = self.notes();
        self.sink.end(&notes)
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.cut > 0 {
            notes.push(format!(
                "{} calls were never seen to end: they are closed where their thread, process or the run ends, and marked",
                self.cut
            ));
        }
        if self.moved > 0 {
            notes.push(format!(
                "{} calls began, by the log's times, before the one before them ended: they begin at its end",
                self.moved
            ));
        }
        notes
    }

    fn add(&mut self, step: &Step<'_>, world: &World) -> ControlFlow<()> {
        let track = track_of(step.process, step.tid, &self.numbers, world);
        self.end_ns = self.end_ns.max(step_end(step));
        self.release(track, step.time_ns, world)?;
        self.declare(track, world)?;
        let arrows = self.flows.at(step, track, &self.numbers, world);
        for arrow in &arrows {
            let from = arrow.from.track;
            if from != track {
                self.declare(from, world)?;
            }
        }
        self.counters.step(step, &self.numbers, self.sink)?;
        let is_call = matches!(step.kind, StepKind::Syscall | StepKind::LibraryCall);
        if is_call && step.outcome == Outcome::Unfinished && step.duration_ns.is_none() {
            let held = Held::new(step, world, arrows);
            self.threads.entry(track).or_default().held = Some(Box::new(held));
            return ControlFlow::Continue(());
        }
        let (start_ns, end_ns) = if is_call {
            let (start_ns, end_ns) = self.place(track, step.kind, step.time_ns, step_end(step));
            (start_ns, Some(end_ns))
        } else {
            (step.time_ns, None)
        };
        let flows = ended_by(arrows, end_ns.unwrap_or(start_ns));
        let touch = step.touch;
        let slice = Slice {
            track,
            seq: Some(step.seq),
            kind: step.kind,
            start_ns,
            end_ns,
            name: step.name,
            category: category(step),
            args: step.args,
            outcome: step.outcome,
            exit: step.exit,
            resource: touch
                .and_then(|touch| world.resource(touch.resource?))
                .map(|resource| resource.name.as_slice()),
            fd: touch.and_then(|touch| touch.fd),
            bytes: touch.and_then(|touch| touch.bytes),
            is_cut: false,
            flows: &flows,
        };
        self.sink.slice(&slice)?;
        if step.kind == StepKind::Exit {
            self.threads.remove(&track);
        }
        ControlFlow::Continue(())
    }

    /// Lays a call on its thread, so that none cuts another in two.
    fn place(
        &mut self,
        track: Track,
        kind: StepKind,
        mut start_ns: i64,
        mut end_ns: i64,
    ) -> (i64, i64) {
        let spans = &mut self.threads.entry(track).or_default().spans;
        if kind == StepKind::LibraryCall {
            while let Some((_, inner_end_ns)) = spans.pop_if(|(start, _)| *start >= start_ns) {
                end_ns = end_ns.max(inner_end_ns);
            }
        }
        if let Some((_, last_end_ns)) = spans.last()
            && *last_end_ns > start_ns
        {
            start_ns = *last_end_ns;
            end_ns = end_ns.max(start_ns);
            self.moved += 1;
        }
        if spans.len() >= SPANS_MAX {
            spans.drain(..SPANS_MAX / 2);
        }
        spans.push((start_ns, end_ns));
        (start_ns, end_ns)
    }

    /// Closes the open call of a thread.
    fn release(&mut self, track: Track, until_ns: i64, world: &World) -> ControlFlow<()> {
        let thread = self.threads.get_mut(&track);
        let Some(held) = thread.and_then(|thread| thread.held.take()) else {
            return ControlFlow::Continue(());
        };
        self.declare(track, world)?;
        let until_ns = until_ns.max(held.start_ns);
        let (start_ns, end_ns) = self.place(track, held.kind, held.start_ns, until_ns);
        // Nobody expects these to return.
        let is_cut = !matches!(held.name.as_slice(), b"exit" | b"exit_group");
        self.cut += u64::from(is_cut);
        let flows = ended_by(held.flows, end_ns);
        self.sink.slice(&Slice {
            track,
            seq: Some(held.seq),
            kind: held.kind,
            start_ns,
            end_ns: Some(end_ns),
            name: &held.name,
            category: held.category,
            args: StepArgs::Text(&held.args),
            outcome: Outcome::Unfinished,
            exit: None,
            resource: held.resource.as_deref(),
            fd: held.fd,
            bytes: None,
            is_cut,
            flows: &flows,
        })
    }

    fn release_all(&mut self, world: &World) -> ControlFlow<()> {
        let held = self
            .threads
            .iter()
            .filter(|(_, thread)| thread.held.is_some());
        let mut open: Vec<Track> = held.map(|(track, _)| *track).collect();
        open.sort_unstable();
        for track in open {
            let process = world.process(track.process);
            let ended = process.and_then(|process| process.end_ns);
            self.release(track, ended.unwrap_or(self.end_ns), world)?;
        }
        ControlFlow::Continue(())
    }

    /// An arrow whose effect did nothing afterwards: a mark at its main thread.
    fn mark_flow(&mut self, process: ProcessId, flow: Flow, world: &World) -> ControlFlow<()> {
        let Some(life) = world.process(process) else {
            return ControlFlow::Continue(());
        };
        let track = track_of(process, life.pid.main_thread(), &self.numbers, world);
        self.declare(track, world)?;
        self.declare(flow.from.track, world)?;
        self.sink.slice(&Slice {
            track,
            seq: None,
            kind: StepKind::Note,
            start_ns: flow.from.time_ns.max(life.start_ns),
            end_ns: None,
            name: flow.kind.name().as_bytes(),
            category: "link",
            args: StepArgs::Text(b""),
            outcome: Outcome::Unknown,
            exit: None,
            resource: None,
            fd: None,
            bytes: None,
            is_cut: false,
            flows: &[flow],
        })
    }

    /// Tells the sink of a thread and its process, once while it lives.
    fn declare(&mut self, track: Track, world: &World) -> ControlFlow<()> {
        if self.threads.contains_key(&track) {
            return ControlFlow::Continue(());
        }
        self.threads.insert(track, Thread::default());
        declare_process(
            track.process,
            &mut self.declared,
            &self.numbers,
            world,
            self.sink,
        )?;
        let process = world.process(track.process);
        let image = process.and_then(|process| process.image());
        self.sink
            .thread(track, image.map_or(&b""[..], |image| image.name()))
    }
}

impl Held {
    fn new(step: &Step<'_>, world: &World, flows: Vec<Flow>) -> Self {
        let mut args = Vec::new();
        step.args.print(&mut args);
        Self {
            seq: step.seq,
            kind: step.kind,
            start_ns: step.time_ns,
            name: step.name.to_vec(),
            category: category(step),
            args,
            resource: step
                .touch
                .and_then(|touch| world.resource(touch.resource?))
                .map(|resource| resource.name.clone()),
            fd: step.touch.and_then(|touch| touch.fd),
            flows,
        }
    }
}

impl std::fmt::Debug for Timeline<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timeline")
            .field("start_ns", &self.start_ns)
            .field("threads", &self.threads.len())
            .finish_non_exhaustive()
    }
}

/// Tells the sink of a process, once.
fn declare_process(
    process: ProcessId,
    declared: &mut [bool],
    numbers: &[u32],
    world: &World,
    sink: &mut dyn TimelineSink,
) -> ControlFlow<()> {
    let number = |id: ProcessId| numbers.get(id.index()).copied();
    if let Some(known) = declared.get_mut(process.index())
        && !*known
        && let Some(life) = world.process(process)
    {
        *known = true;
        let parent = life.parent.and_then(number);
        sink.process(life, number(process).unwrap_or(life.pid.0), parent)?;
    }
    ControlFlow::Continue(())
}

fn pid_of(process: ProcessId, world: &World) -> Option<Pid> {
    world.process(process).map(|process| process.pid)
}

/// Track of a thread, by the numbers of the lives.
fn track_of(process: ProcessId, tid: Tid, numbers: &[u32], world: &World) -> Track {
    let pid = pid_of(process, world).unwrap_or(Pid(tid.0));
    let number = numbers.get(process.index()).copied().unwrap_or(pid.0);
    Track {
        process,
        pid: number,
        tid: tid.0.saturating_add(number.saturating_sub(pid.0)),
    }
}

/// Numbers of the lives, by process.
fn numbers(world: &World) -> Vec<u32> {
    let mut lives: Map<Pid, u32> = Map::default();
    let mut numbers = Vec::with_capacity(world.processes.len());
    for process in &world.processes {
        let Some(process) = process else {
            numbers.push(0);
            continue;
        };
        let life = lives.entry(process.pid).or_default();
        // Viewers hold numbers in 31 bits; the 214th life of one pid shares its number with the first.
        let number = life
            .checked_mul(LIFE_STEP)
            .and_then(|moved| moved.checked_add(process.pid.0))
            .filter(|number| i32::try_from(*number).is_ok());
        numbers.push(number.unwrap_or(process.pid.0));
        *life = life.saturating_add(1);
    }
    numbers
}

/// First and last time that the processes tell.
fn bounds(world: &World) -> (i64, i64) {
    let starts = world.iter_processes().map(|process| process.start_ns);
    let start_ns = starts.min().unwrap_or(0);
    let ends = world.iter_processes().filter_map(|process| process.end_ns);
    (start_ns, ends.max().unwrap_or(start_ns).max(start_ns))
}

fn step_end(step: &Step<'_>) -> i64 {
    step.time_ns
        .saturating_add(step.duration_ns.unwrap_or(0).max(0))
}

fn category(step: &Step<'_>) -> &'static str {
    step.syscall
        .map_or_else(|| step.kind.name(), |call| call.category().name())
}

/// Arrows whose cause is not later than their effect.
fn ended_by(mut flows: Vec<Flow>, end_ns: i64) -> Vec<Flow> {
    for flow in &mut flows {
        flow.from.time_ns = flow.from.time_ns.min(end_ns);
    }
    flows
}
