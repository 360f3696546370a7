//! Samples of resource use at a fixed rate: a thread of the recorder reads /proc and the files of control groups.
//!
//! The recorder says which processes there are ([`Sampler::began`], [`Sampler::ends`]); the thread reads them whenever the wall
//! clock is at a whole multiple of the interval, so that what was used in a second is told for that second. At its end a process
//! is read once more, by the recorder while it is stopped, or by the kernel's side of `bpf`: processes that live shorter than the
//! interval are told exactly.
//! Ready records wait until the recorder takes them ([`Sampler::take_records`]).

mod groups;
mod life;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use unspool_decode::native::format::{self, kind, tag};
use unspool_decode::native::write::RecordWriter;
use unspool_model::sample::{AMOUNTS, Usage};

use crate::containers::{Membership, Mounts};
use crate::sys::ptrace::Used;
use crate::sys::{self, Tid};
use groups::Files;
use life::{Life, Ready};
use reading::{AtEnd, Depth};
pub(crate) use reading::{Reading, ThreadUse};

/// Reading takes at most one part of so many of the time: with very many processes, samples come less often.
const COST_PARTS: i64 = 20;
/// Records that wait; more are not kept (a recorder that takes none is stopped itself).
const WAITING_BYTES_MAX: usize = 16 << 20;

/// Samples the processes of a recording.
#[derive(Debug)]
pub(crate) struct Sampler {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    buffer: Vec<u8>,
    /// Processes on their way to their end whose accounts come with their wait status.
    ending: BTreeMap<Tid, Ending>,
}

/// What was read of a process whose accounts come with its wait status.
#[derive(Clone, Copy, Debug)]
struct Ending {
    at_end: AtEnd,
    /// Of the one thread that is left, where its end was not told yet.
    usage: Option<ThreadUse>,
}

/// Whether a process that is stopped at its end will be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// No: this is the last word of it.
    Now,
    /// Yes.
    Later,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    clock: libc::clockid_t,
    interval_ns: i64,
}

#[derive(Debug, Default)]
struct State {
    lives: BTreeMap<Tid, Life>,
    groups: BTreeMap<Membership, Group>,
    machine: Option<(i64, Usage)>,
    records: RecordWriter,
    serial: u64,
    cpus: u64,
    is_over: bool,
}

/// A control group that is sampled.
#[derive(Debug)]
struct Group {
    files: Files,
    before: Option<(i64, Usage)>,
}

/// Whose sample a record is.
enum Whose<'a> {
    Machine,
    Process(Tid),
    Group(&'a [u8]),
}

impl Sampler {
    /// Starts the thread. `clock` is that of the stream.
    pub(crate) fn start(interval: Duration, clock: libc::clockid_t) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            clock,
            interval_ns: i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX),
        });
        {
            let mut state = shared.lock();
            let usage = groups::machine(&mut Vec::new());
            state.cpus = usage.cpus.unwrap_or(1);
            state.machine = Some((sys::clock_ns(clock), usage));
        }
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("unspool-sample".to_owned())
            .spawn(move || {
                sys::signals::block_all();
                own.run();
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
            buffer: Vec::new(),
            ending: BTreeMap::new(),
        })
    }

    /// Whether a process is on its way from its last stop to its end.
    pub(crate) fn awaits_end(&self) -> bool {
        !self.ending.is_empty()
    }

    /// A process begins; it is in its parent's control group.
    pub(crate) fn began(&mut self, pid: Tid, parent: Tid, now_ns: i64) {
        let mut state = self.shared.lock();
        state.serial += 1;
        let group = state.lives.get_mut(&parent).and_then(|life| {
            life.has_children = true;
            life.group.clone()
        });
        let life = Life::begun(state.serial, group, now_ns);
        state.lives.insert(pid, life);
    }

    /// A process that runs already is recorded from now on.
    pub(crate) fn attached(&mut self, pid: Tid) {
        let reading = Reading::of(pid, self.shared.clock, Depth::Threads, &mut self.buffer);
        let Some(reading) = reading else { return };
        let mut state = self.shared.lock();
        state.serial += 1;
        let life = Life::attached(state.serial, None, &reading);
        state.lives.insert(pid, life);
    }

    /// What a process of one thread used before now is not told.
    pub(crate) fn used_before(&mut self, pid: Tid, cpu_ns: u64, usage: ThreadUse) {
        if let Some(life) = self.shared.lock().lives.get_mut(&pid) {
            life.used_before(pid, cpu_ns, usage);
        }
    }

    /// A process is in a control group; `None`: in one that is not known.
    pub(crate) fn is_in(&mut self, pid: Tid, group: Option<&Membership>) {
        if let Some(life) = self.shared.lock().lives.get_mut(&pid) {
            life.group = group.cloned();
        }
    }

    /// A further thread of a process.
    pub(crate) fn thread_began(&mut self, pid: Tid) {
        if let Some(life) = self.shared.lock().lives.get_mut(&pid) {
            life.thread_began();
        }
    }

    /// A new image runs.
    pub(crate) fn executes(&mut self, pid: Tid, former: Tid) {
        if let Some(life) = self.shared.lock().lives.get_mut(&pid) {
            life.executes(pid, former);
        }
    }

    /// A thread is stopped at its end, its /proc files are still there. With the last one the process is told: here, or where
    /// its wait status tells most of it, with [`Sampler::ended`].
    pub(crate) fn ends(&mut self, pid: Tid, tid: Tid, end: End) {
        let is_alone = {
            let state = self.shared.lock();
            state.lives.get(&pid).is_some_and(Life::is_alone)
        };
        let usage = if is_alone {
            ThreadUse::of_whole(pid, &mut self.buffer)
        } else {
            ThreadUse::of(pid, tid, &mut self.buffer)
        };
        let has_children = {
            let mut state = self.shared.lock();
            let life = state.lives.get_mut(&pid);
            let Some(life) = life else { return };
            if !life.thread_ends(tid, usage) {
                return;
            }
            life.has_children
        };
        // The accounts of one with children hold those of the children.
        if end == End::Later && !has_children {
            let at_end = AtEnd::of(pid, &mut self.buffer);
            let usage = None;
            self.ending.insert(pid, Ending { at_end, usage });
            return;
        }
        let reading = Reading::of(pid, self.shared.clock, Depth::Process, &mut self.buffer);
        self.tell_last(pid, reading);
    }

    /// A thread is about to end its process by itself. Where it is alone what is left to use is nothing that is told, so that it
    /// need not be looked at once more; whether it is so.
    pub(crate) fn ends_by_itself(&mut self, pid: Tid, tid: Tid) -> bool {
        let is_alone = {
            let state = self.shared.lock();
            let Some(life) = state.lives.get(&pid).filter(|life| life.ends_with_one()) else {
                return false;
            };
            life.is_alone()
        };
        let usage = if is_alone {
            ThreadUse::of_whole(pid, &mut self.buffer)
        } else {
            ThreadUse::of(pid, tid, &mut self.buffer)
        };
        let at_end = AtEnd::of(pid, &mut self.buffer);
        self.ending.insert(pid, Ending { at_end, usage });
        usage.is_some()
    }

    /// It did not end after all.
    pub(crate) fn lives_on(&mut self, pid: Tid) {
        self.ending.remove(&pid);
    }

    /// A thread has ended, having used this; with the last one the kernel tells what the process used.
    pub(crate) fn left(&mut self, pid: Tid, tid: Tid, usage: ThreadUse, process: Option<Reading>) {
        if let Some(life) = self.shared.lock().lives.get_mut(&pid) {
            life.thread_ends(tid, Some(usage));
        }
        if process.is_some() {
            self.tell_last(pid, process);
        }
    }

    /// Tells of a process that ended. What the thread of the sampler has read meanwhile is older: nothing of it is told any more.
    fn tell_last(&mut self, pid: Tid, reading: Option<Reading>) {
        let mut state = self.shared.lock();
        let State {
            lives,
            records,
            cpus,
            ..
        } = &mut *state;
        if let Some(mut life) = lives.remove(&pid)
            && let Some(mut reading) = reading
        {
            reading.by_thread = life.listed();
            if let Some(ready) = life.take(&reading, *cpus, true) {
                write(records, &Whose::Process(pid), &ready, true);
            }
        }
    }

    /// A thread has ended; without its own word (a kill), what it used since the last sample is not known.
    pub(crate) fn thread_ended(&mut self, pid: Tid, tid: Tid) {
        if let Some(life) = self.shared.lock().lives.get_mut(&pid) {
            life.thread_ends(tid, None);
        }
    }

    /// A process has ended; what it used, where its wait status was asked for it.
    pub(crate) fn ended(&mut self, pid: Tid, used: Option<Used>) {
        let ending = self.ending.remove(&pid);
        if let Some(usage) = ending.and_then(|ending| ending.usage)
            && let Some(life) = self.shared.lock().lives.get_mut(&pid)
        {
            life.thread_ends(pid, Some(usage));
        }
        let now_ns = sys::clock_ns(self.shared.clock);
        let reading = ending
            .zip(used)
            .map(|(ending, used)| ending.at_end.with(&used, now_ns));
        self.tell_last(pid, reading);
    }

    /// Moves the ready records to the end of `out`.
    pub(crate) fn take_records(&mut self, out: &mut Vec<u8>) {
        let mut state = self.shared.lock();
        out.extend_from_slice(state.records.bytes());
        state.records.clear();
    }

    /// Reads everything once more and ends the thread.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        self.end_thread();
        self.shared.sample();
        self.take_records(out);
    }

    fn end_thread(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It ends by itself; if it panicked, samples are missing and nothing else.
            drop(thread.join());
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.end_thread();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Samples until the end.
    fn run(&self) {
        let mut took_ns = 0;
        loop {
            let wait_ns = self.until_next(sys::clock_ns(libc::CLOCK_REALTIME), took_ns);
            let wait = Duration::from_nanos(wait_ns.unsigned_abs());
            let state = self.lock();
            let (state, _) = self
                .changed
                .wait_timeout_while(state, wait, |state| !state.is_over)
                .unwrap_or_else(PoisonError::into_inner);
            if state.is_over {
                return;
            }
            drop(state);
            let begun_ns = sys::clock_ns(self.clock);
            self.sample();
            took_ns = sys::clock_ns(self.clock) - begun_ns;
        }
    }

    /// How long until the wall clock is at a multiple of the interval; further away after a costly reading.
    fn until_next(&self, wall_ns: i64, took_ns: i64) -> i64 {
        let interval_ns = self.interval_ns.max(1);
        let costly_ns = took_ns.saturating_mul(COST_PARTS).saturating_sub(took_ns);
        let skipped = costly_ns / interval_ns;
        let into_ns = wall_ns.rem_euclid(interval_ns);
        (interval_ns - into_ns).saturating_add(skipped.saturating_mul(interval_ns))
    }

    /// Reads all processes, their control groups and the machine.
    fn sample(&self) {
        let mut buffer = Vec::new();
        let lives: Vec<(Tid, u64)> = self
            .lock()
            .lives
            .iter()
            .map(|(pid, life)| (*pid, life.serial))
            .collect();
        for (pid, serial) in lives {
            let Some(reading) = Reading::of(pid, self.clock, Depth::Threads, &mut buffer) else {
                continue;
            };
            let mut state = self.lock();
            let State {
                lives,
                records,
                cpus,
                ..
            } = &mut *state;
            // It may have ended meanwhile, and its pid may be another's.
            let life = lives.get_mut(&pid).filter(|life| life.serial == serial);
            if let Some(life) = life
                && let Some(ready) = life.take(&reading, *cpus, false)
            {
                write(records, &Whose::Process(pid), &ready, false);
            }
        }
        self.sample_groups(&mut buffer);
        let now = groups::machine(&mut buffer);
        let now_ns = sys::clock_ns(self.clock);
        let mut state = self.lock();
        state.cpus = now.cpus.unwrap_or(state.cpus).max(1);
        if let Some((from_ns, before)) = state.machine.replace((now_ns, now))
            && let Some(usage) = groups::between(&before, &now)
        {
            let ready = Ready {
                from_ns,
                to_ns: now_ns,
                usage,
            };
            write(&mut state.records, &Whose::Machine, &ready, false);
        }
    }

    fn sample_groups(&self, buffer: &mut Vec<u8>) {
        let mut state = self.lock();
        let mut wanted: Vec<Membership> = state
            .lives
            .values()
            .filter_map(|life| life.group.clone())
            .filter(|group| group.path() != b"/")
            .collect();
        wanted.sort();
        wanted.dedup();
        state.groups.retain(|group, _| wanted.contains(group));
        let is_new = wanted.iter().any(|group| !state.groups.contains_key(group));
        let mounts = if is_new {
            Mounts::read()
        } else {
            Mounts::default()
        };
        for membership in wanted {
            let group = state
                .groups
                .entry(membership.clone())
                .or_insert_with(|| Group {
                    files: Files::of(&membership, &mounts),
                    before: None,
                });
            let now = group.files.read(buffer);
            let now_ns = sys::clock_ns(self.clock);
            if let Some((from_ns, before)) = group.before.replace((now_ns, now))
                && let Some(usage) = groups::between(&before, &now)
            {
                let ready = Ready {
                    from_ns,
                    to_ns: now_ns,
                    usage,
                };
                let whose = Whose::Group(membership.path());
                write(&mut state.records, &whose, &ready, false);
            }
        }
    }
}

/// Writes a sample as a record.
fn write(records: &mut RecordWriter, whose: &Whose<'_>, ready: &Ready, is_last: bool) {
    if records.bytes().len() > WAITING_BYTES_MAX {
        return;
    }
    let pid = match whose {
        Whose::Process(pid) => pid.cast_unsigned(),
        Whose::Machine | Whose::Group(_) => 0,
    };
    records.begin(kind::SAMPLE, pid, ready.from_ns.max(0).unsigned_abs());
    records.u64((ready.to_ns - ready.from_ns).max(0).unsigned_abs());
    records.u32(pid);
    records.u32(if is_last { format::sample::LAST } else { 0 });
    if let Whose::Group(path) = whose {
        // A path of the kernel is shorter than a record.
        records.item(tag::GROUP, format::INDEX_NONE, path);
    }
    for (number, amount) in (0_u8..).zip(AMOUNTS) {
        if let Some(value) = (amount.get)(&ready.usage) {
            records.item(tag::AMOUNT, number, &value.to_le_bytes());
        }
    }
    records.end();
}
