//! The loop that holds the job's threads: waits for stops, records them, lets the threads go on.

mod calls;
mod costs;
mod events;
mod place;
mod process;
mod untraced;
pub(crate) mod usage;
mod waiter;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use unspool_decode::native::format::{kind, tag};

use super::capture::Capture;
use super::procfs;
use super::roles::RoleTable;
use super::stream::{CLOCK, Recorder, WallClock};
use super::tracee::{Tracee, Tracees};
use super::writer::Writer;
use crate::options::{Control, Detail, Exit, Filter, Outcome, RecordError, RecordOptions, Wait};
use crate::seam::RecordSink;
use crate::sys::ptrace::{self, Change, Patience, Resume, SyscallInfo, Waited};
use crate::sys::signals::{self, Ticker};
use crate::sys::{self, Tid};
use place::Place;
use waiter::Waiter;

/// Tick while there is something to flush: twice within the 50 ms that the sink is promised.
const TICK_BUSY_NS: i64 = 25_000_000;
/// Tick while nothing happens.
const TICK_IDLE_NS: i64 = 250_000_000;
/// How often the wall clock is compared and a failed sink asked again.
const SECOND_NS: i64 = 1_000_000_000;
/// How long letting go may take; the kernel lets go of the rest when the recorder's thread ends.
const DETACH_NS: i64 = 2_000_000_000;
/// A thread whose parent's event did not come within this is taken up without it.
const ANNOUNCE_NS: i64 = 50_000_000;
/// The same where calls are not seen and the parent lives.
const ANNOUNCE_UNSEEN_NS: i64 = 5_000_000_000;
/// After so many stops of one thread in a row, the others are looked at.
const STREAK_MAX: u32 = 16;
/// Notes kept for the outcome; further ones are only in the records.
const NOTES_MAX: usize = 100;

/// A stop, or the end, of a thread that no event announced yet.
#[derive(Clone, Copy, Debug)]
struct Newborn {
    change: Change,
    since_ns: i64,
}

/// Why recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Recording,
    /// Everything is let go; since when.
    Detaching(i64),
}

/// Holds the job's threads and records what they do.
pub(super) struct Tracer<'run> {
    options: &'run RecordOptions,
    control: &'run Control,
    writer: Writer<'run>,
    capture: Capture,
    roles: RoleTable,
    tracees: Tracees,
    newborns: BTreeMap<Tid, Newborn>,
    /// Thread groups that are stopped by a signal.
    stopped: BTreeSet<Tid>,
    /// The command's first process.
    root: Option<Tid>,
    root_status: Option<i32>,
    has_executed: bool,
    /// When the command was about to be executed.
    begun_ns: i64,
    phase: Phase,
    ticker: Ticker,
    wall_clock: WallClock,
    checked_ns: i64,
    info: SyscallInfo,
    stack: Vec<u8>,
    batch: Vec<Change>,
    streak: (Tid, u32),
    waiter: Waiter,
    place: Place,
    notes: Vec<String>,
    usage: usage::Use,
    untraced: untraced::Untraced,
}

impl<'run> Tracer<'run> {
    pub(super) fn new(
        options: &'run RecordOptions,
        sink: &'run mut dyn RecordSink,
        control: &'run Control,
    ) -> Result<Self, RecordError> {
        let ticker = Ticker::start(TICK_BUSY_NS).map_err(|errno| RecordError::Failed {
            action: "make a timer",
            source: io::Error::from_raw_os_error(errno),
        })?;
        let now = sys::clock_ns(CLOCK);
        let mut tracer = Self {
            options,
            control,
            writer: Writer::new(sink),
            capture: Capture::new(options.payload_bytes, options.scrub.clone()),
            roles: RoleTable::new(),
            tracees: Tracees::default(),
            newborns: BTreeMap::new(),
            stopped: BTreeSet::new(),
            root: None,
            root_status: None,
            has_executed: false,
            begun_ns: now,
            phase: Phase::Recording,
            ticker,
            wall_clock: WallClock::now(),
            checked_ns: now,
            info: SyscallInfo::default(),
            stack: Vec::new(),
            batch: Vec::new(),
            streak: (0, 0),
            waiter: Waiter::default(),
            place: Place::of_this_thread(now),
            notes: Vec::new(),
            usage: usage::Use::start(options.sample)?,
            untraced: untraced::Untraced::default(),
        };
        let Self {
            wall_clock, writer, ..
        } = &mut tracer;
        wall_clock.write_head(Recorder::Ptrace, writer, now);
        Ok(tracer)
    }

    /// Options of every thread. Children are held from their first instruction; exec is told as an event.
    ///
    /// Not `TRACESECCOMP` without a filter of ours: it would let calls run that a filter of the job's own refuses.
    fn trace_options(&self) -> i32 {
        let events = libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_TRACECLONE
            | libc::PTRACE_O_TRACEEXEC;
        let filter = if self.has_filter() {
            libc::PTRACE_O_TRACESECCOMP | libc::PTRACE_O_EXITKILL
        } else {
            0
        };
        let ends = if self.usage.is_sampled() {
            libc::PTRACE_O_TRACEEXIT
        } else {
            0
        };
        events | libc::PTRACE_O_TRACESYSGOOD | filter | ends
    }

    /// Whether the job runs under our seccomp filter, and so cannot be let go.
    fn has_filter(&self) -> bool {
        self.root.is_some()
            && self.options.filter == Filter::Seccomp
            && matches!(self.options.detail, Detail::Names | Detail::Io)
    }

    /// Takes hold of a launched command.
    pub(super) fn seize_command(&mut self, pid: Tid) -> Result<(), RecordError> {
        self.root = Some(pid);
        self.seize(pid, pid).map_err(|errno| RecordError::Trace {
            pid,
            source: io::Error::from_raw_os_error(errno),
        })
    }

    fn seize(&mut self, tid: Tid, tgid: Tid) -> Result<(), i32> {
        ptrace::seize(tid, self.trace_options())?;
        self.tracees.insert(tid, Tracee::new(tgid));
        Ok(())
    }

    /// Takes hold of all threads of a running process.
    pub(super) fn seize_process(&mut self, pid: Tid) -> Result<(), RecordError> {
        let trace_error = |errno| RecordError::Trace {
            pid,
            source: io::Error::from_raw_os_error(errno),
        };
        let tgid = procfs::status(pid)
            .ok_or_else(|| trace_error(libc::ESRCH))?
            .tgid;
        self.usage.attached(tgid);
        self.write_process(tgid, sys::clock_ns(CLOCK), process::Image::FromProc);
        // Threads start threads while we look: until a look finds no new one.
        loop {
            let new: Vec<Tid> = procfs::threads(tgid)
                .into_iter()
                .filter(|tid| !self.tracees.contains_key(tid))
                .collect();
            let mut any = false;
            for tid in new {
                match self.seize(tid, tgid) {
                    Ok(()) => {
                        any = true;
                        self.pass_over_children(tid, tgid);
                        if tid != tgid {
                            self.write_fork(
                                tgid,
                                tid,
                                tgid,
                                events::CLONE_THREAD,
                                sys::clock_ns(CLOCK),
                            );
                        }
                        // A thread that is gone already says so when it is waited for.
                        let _gone = ptrace::interrupt(tid);
                    }
                    Err(libc::ESRCH) => {}
                    // The kernel attached a new child of a thread that we hold: it comes by itself.
                    Err(libc::EPERM) if !self.tracees.is_empty() && self.holds_process(tgid) => {}
                    Err(errno) => return Err(trace_error(errno)),
                }
            }
            if !any {
                break;
            }
        }
        if self.holds_process(tgid) {
            Ok(())
        } else {
            Err(trace_error(libc::ESRCH))
        }
    }

    fn holds_process(&self, tgid: Tid) -> bool {
        self.tracees.values().any(|tracee| tracee.tgid == tgid)
    }

    /// Records until the end.
    pub(super) fn run(&mut self) {
        loop {
            if signals::ticked() {
                self.tick();
            }
            if self.is_over() {
                break;
            }
            match self.waiter.next(CLOCK, self.usage.accounts()) {
                Waited::Changed(change) => {
                    self.handle(change);
                    self.look_at_others(change.tid);
                }
                Waited::Nothing => {}
                Waited::Nobody => break,
            }
        }
    }

    /// Whether nothing is left to wait for.
    fn is_over(&self) -> bool {
        match self.phase {
            Phase::Recording => false,
            Phase::Detaching(since) => {
                self.tracees.is_empty() || sys::clock_ns(CLOCK) - since > DETACH_NS
            }
        }
    }

    /// waitpid finds the same busy thread first again and again: once in a while all that wait are served.
    fn look_at_others(&mut self, tid: Tid) {
        if self.streak.0 != tid {
            self.streak = (tid, 0);
        }
        self.streak.1 += 1;
        if self.streak.1 < STREAK_MAX || self.tracees.len() < 2 {
            return;
        }
        self.streak.1 = 0;
        let mut batch = std::mem::take(&mut self.batch);
        let accounts = self.usage.accounts();
        while let Waited::Changed(change) = ptrace::wait(Patience::Poll, accounts) {
            batch.push(change);
            if batch.len() > self.tracees.len() {
                break;
            }
        }
        for change in batch.drain(..) {
            self.handle(change);
        }
        self.batch = batch;
    }

    #[inline]
    fn handle(&mut self, change: Change) {
        let now = sys::clock_ns(CLOCK);
        let Change { tid, status, .. } = change;
        if !libc::WIFSTOPPED(status) {
            self.on_death(change, now);
            return;
        }
        if !self.tracees.contains_key(&tid) {
            self.keep_newborn(change, now);
            return;
        }
        let signal = libc::WSTOPSIG(status);
        self.place.stopped(tid, now);
        match status >> 16 {
            0 if signal == libc::SIGTRAP | 0x80 => self.on_call_stop(tid, now),
            event => {
                self.waiter.happened(event);
                if event == 0 {
                    self.on_signal(tid, signal, now);
                } else {
                    self.on_event(tid, event, signal, now);
                }
            }
        }
    }

    /// How a thread goes on after a stop between calls.
    fn resume_between_calls(&self) -> Resume {
        match self.options.detail {
            Detail::Tree => Resume::ToEvent,
            _ if self.has_filter() => Resume::ToEvent,
            _ => Resume::ToCall,
        }
    }

    /// Lets a thread go on, or go altogether when recording ends.
    fn resume(&mut self, tid: Tid, how: Resume, signal: i32) {
        let is_changed = self
            .tracees
            .get(&tid)
            .is_some_and(|tracee| tracee.restore.is_some());
        if matches!(self.phase, Phase::Detaching(_)) && !is_changed {
            let _gone = ptrace::resume(tid, Resume::Detach, signal);
            if let Some(tracee) = self.tracees.remove(&tid) {
                self.write_unfinished(tid, &tracee, sys::clock_ns(CLOCK));
            }
            return;
        }
        // ESRCH: it was killed meanwhile, and says so when it is waited for.
        let _gone = ptrace::resume(tid, how, signal);
    }

    /// Asks all threads to stop once more, to be let go.
    fn detach_all(&mut self, now: i64) {
        if self.phase != Phase::Recording || self.has_filter() {
            return;
        }
        self.phase = Phase::Detaching(now);
        let mut tids: Vec<Tid> = self.tracees.keys().copied().collect();
        tids.sort_unstable();
        for tid in tids {
            let _gone = ptrace::interrupt(tid);
        }
        self.ticker.set_interval(TICK_BUSY_NS);
    }

    fn tick(&mut self) {
        let now = sys::clock_ns(CLOCK);
        self.ticker
            .set_interval(if self.writer.is_empty() && self.newborns.is_empty() {
                TICK_IDLE_NS
            } else {
                TICK_BUSY_NS
            });
        self.take_samples();
        self.writer.flush();
        if now - self.checked_ns >= SECOND_NS {
            self.checked_ns = now;
            self.writer.retry(now);
            self.wall_clock.check(&mut self.writer, now);
        }
        self.adopt_newborns(now);
        self.heed_requests(now);
    }

    /// SIGTERM and SIGHUP are the command's while it lives; then any request ends the recording.
    fn heed_requests(&mut self, now: i64) {
        let requests = signals::take_requests();
        let came = |signal: i32| requests & (1 << signal) != 0;
        match self.root {
            Some(root) if self.root_status.is_none() => {
                for signal in [libc::SIGTERM, libc::SIGHUP]
                    .into_iter()
                    .filter(|&signal| came(signal))
                {
                    sys::kill(root, signal);
                }
            }
            _ if requests != 0 => self.detach_all(now),
            _ => {}
        }
        if self.control.is_detach_asked() {
            self.detach_all(now);
        }
    }

    /// Writes a note, and keeps it for the outcome.
    fn note(&mut self, tid: Tid, now: i64, text: String) {
        self.writer.begin(kind::NOTE, tid, now);
        self.writer.item(tag::TEXT, text.as_bytes());
        self.writer.end();
        if self.notes.len() < NOTES_MAX {
            self.notes.push(text);
        }
    }

    /// Whether the command ended without ever becoming the program.
    pub(super) fn never_executed(&self) -> bool {
        self.root.is_some() && !self.has_executed
    }

    /// Ends the stream.
    pub(super) fn finish(mut self) -> Outcome {
        self.place.leave();
        let now = sys::clock_ns(CLOCK);
        let mut left: Vec<(Tid, Tracee)> = self.tracees.drain().collect();
        left.sort_unstable_by_key(|&(tid, _)| tid);
        for (tid, tracee) in left {
            self.write_unfinished(tid, &tracee, now);
        }
        for (tid, newborn) in std::mem::take(&mut self.newborns) {
            if !libc::WIFSTOPPED(newborn.change.status) {
                self.note_unborn(tid, now);
            }
        }
        self.sum_up_untraced(now);
        self.take_last_samples();
        let exit = self.root_status.map_or(Exit::Running, Exit::from_status);
        let (counts, sink_error) = self.writer.finish(now, |counts| counts);
        Outcome {
            exit,
            counts,
            notes: self.notes,
            sink_error,
        }
    }

    /// The command's first process ended: what is left of the job is waited for or let go.
    fn on_root_end(&mut self, status: i32, now: i64) {
        self.root_status = Some(status);
        if self.options.wait == Wait::All {
            return;
        }
        if self.has_filter() && !self.tracees.is_empty() {
            let left = self.tracees.len();
            let text = format!(
                "{left} threads ran on after the command's end: the filter did not let them go, so they were waited for"
            );
            self.note(0, now, text);
        }
        self.detach_all(now);
    }
}
