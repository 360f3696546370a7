//! The recorder's loop: takes records from the ring, completes them, hands them to the sink, until the job is over.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use unspool_decode::native::format::{kind, tag};

use super::complete::{Completer, PIECE, RAW, RawRecord, USE, Used};
use super::kernel::{reap, wait_readable};
use super::living::Living;
use super::newcomers::{First, Watch};
use super::process;
use super::programs::{Programs, Totals};
use super::rings::{Position, Rings, Taker};
use super::scheduler::SchedulerClock;
use crate::native::stream::{self, CLOCK, WallClock};
use crate::native::writer::{Writer, is_event};
use crate::native::{OWN_ARCHITECTURE, Use, procfs};
use crate::options::{Control, Counts, Exit, Outcome, RecordError, RecordOptions, Wait};
use crate::samples::Reading;
use crate::seam::{RecordSink, SinkError};
use crate::sys::{self, Tid, signals};

/// Longest sleep: half of what the sink is promised.
const SLEEP_MS_MAX: i32 = 25;
/// How full the rings may be when they are next looked at, in thousandths: taking many records at once is cheaper, and there is room
/// for a storm that becomes seven times as heavy meanwhile.
const FILL_WANTED: u64 = 125;
/// Bytes that a machine's threads may write to the ring in a millisecond, by the worst storm measured.
const RING_BYTES_PER_MS: u32 = 512 << 10;
/// The sink gets at most this much at once.
const BATCH_BYTES: usize = 768 << 10;
/// Bytes of the record `position`.
pub(super) const POSITION_BYTES: usize = 32;
/// How often losses are looked at and the wall clock compared.
const SECOND_NS: i64 = 1_000_000_000;
/// Threads that may be seeded at once.
pub(super) const THREADS_MAX: usize = 65_536;

/// Bits of what is kept of a thread, and where it stands (`struct thread` in `bpf/state.h`).
pub(super) const THREAD_WAITS: u8 = 1;
pub(super) const THREAD_PROBES: u8 = 2;

/// The command's first process.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) pid: Tid,
    pub(super) pidfd: OwnedFd,
    /// Its `process` record, written when its first image runs.
    pub(super) state: Vec<u8>,
    pub(super) status: Option<i32>,
    pub(super) has_executed: bool,
}

/// Records.
pub(super) struct Recorder<'run> {
    pub(super) options: &'run RecordOptions,
    control: &'run Control,
    pub(super) writer: Writer<'run>,
    completer: Completer,
    pub(super) usage: Use,
    pub(super) living: Living,
    /// Whether threads are recorded that this side was not told of.
    pub(super) may_meet_others: bool,
    /// The control group that is recorded.
    pub(super) watch: Option<Watch>,
    /// What is written before the next record, and how many events that is.
    pub(super) pending: Vec<u8>,
    pub(super) pending_events: u64,
    /// Calls of threads that lived on, counted in records.
    pub(super) settled_folded: u64,
    /// Events that this side saw: threads taken up, calls of threads that lived on.
    pub(super) own_events: u64,
    pub(super) programs: Box<dyn Programs>,
    pub(super) rings: Rings,
    scheduler_clock: Option<SchedulerClock>,
    batch: Vec<u8>,
    batch_events: u64,
    pub(super) root: Option<Root>,
    /// Threads that were told to the kernel's side.
    pub(super) seeded: u32,
    /// Whether recording is over when all that was told has ended.
    pub(super) ends_with_its_processes: bool,
    is_detaching: bool,
    /// The longest sleep.
    sleep_ms: i32,
    /// When the rings were last looked at.
    looked_ns: i64,
    wall_clock: WallClock,
    checked_ns: i64,
    told: Totals,
    pub(super) notes: Vec<String>,
}

impl<'run> Recorder<'run> {
    pub(super) fn new(
        options: &'run RecordOptions,
        sink: &'run mut dyn RecordSink,
        control: &'run Control,
        programs: Box<dyn Programs>,
        ring_bytes: u32,
    ) -> Result<Self, RecordError> {
        let rings = programs.rings().map_err(|source| RecordError::Failed {
            action: "map the rings",
            source,
        })?;
        let now = sys::clock_ns(CLOCK);
        let mut recorder = Self {
            options,
            control,
            writer: Writer::new(sink),
            completer: Completer::new(options.scrub.clone(), None),
            usage: Use::start_with_numbers(options.sample)?,
            living: Living::default(),
            may_meet_others: false,
            watch: None,
            pending: Vec::new(),
            pending_events: 0,
            settled_folded: 0,
            own_events: 0,
            programs,
            rings,
            scheduler_clock: SchedulerClock::open(),
            batch: Vec::with_capacity(BATCH_BYTES + (64 << 10)),
            batch_events: 0,
            root: None,
            seeded: 0,
            ends_with_its_processes: true,
            is_detaching: false,
            sleep_ms: i32::try_from(ring_bytes / 4 / RING_BYTES_PER_MS)
                .unwrap_or(SLEEP_MS_MAX)
                .clamp(1, SLEEP_MS_MAX),
            looked_ns: now,
            wall_clock: WallClock::now(),
            checked_ns: now,
            told: Totals::default(),
            notes: Vec::new(),
        };
        let Self {
            wall_clock, writer, ..
        } = &mut recorder;
        wall_clock.write_head(stream::Recorder::Bpf, writer, now);
        recorder.set_clocks();
        Ok(recorder)
    }

    fn set_clocks(&self) {
        self.rings.set_clock();
        let offset_ns = self.scheduler_clock.as_ref();
        if let Some(offset_ns) = offset_ns.and_then(SchedulerClock::offset_ns) {
            self.rings.set_scheduler_clock(offset_ns);
        }
    }

    /// Tells the kernel's side of a thread.
    pub(super) fn seed(
        &mut self,
        key: &OwnedFd,
        tid: Tid,
        tgid: Tid,
        flags: u8,
        call: Option<&procfs::Call>,
    ) -> io::Result<()> {
        let mut state = vec![0; self.programs.thread_bytes()];
        state[0..4].copy_from_slice(&tid.to_le_bytes());
        state[4..8].copy_from_slice(&tgid.to_le_bytes());
        state[8] = flags;
        if let Some(call) = call {
            state[9] = 1;
            state[10] = OWN_ARCHITECTURE;
            state[12..14].copy_from_slice(&call.number.to_le_bytes());
            state[16..24].copy_from_slice(&sys::clock_ns(CLOCK).to_le_bytes());
            for (place, argument) in call.arguments.iter().enumerate() {
                state[24 + 8 * place..32 + 8 * place].copy_from_slice(&argument.to_le_bytes());
            }
        }
        super::kernel::insert_by_fd(self.programs.threads()?, key.as_fd(), &state)?;
        self.rings.forget_strangers();
        if flags & THREAD_PROBES == 0 {
            self.seeded += 1;
            self.living.began(tid);
        }
        Ok(())
    }

    /// Takes the command's first process, which waits.
    pub(super) fn set_root(&mut self, root: Root) {
        self.completer = Completer::new(self.options.scrub.clone(), u32::try_from(root.pid).ok());
        self.root = Some(root);
    }

    /// Records until the end.
    pub(super) fn run(&mut self) {
        loop {
            self.set_clocks();
            let fill = self.rings.fill();
            let looked_ns = sys::clock_ns(CLOCK);
            self.drain();
            self.meet_silent(sys::clock_ns(CLOCK));
            self.write_pending();
            self.writer.records(self.usage.ready_samples());
            let now = sys::clock_ns(CLOCK);
            self.heed_requests();
            if now - self.checked_ns >= SECOND_NS {
                self.checked_ns = now;
                self.writer.retry(now);
                if self.wall_clock.check(&mut self.writer, now) {
                    self.writer.flush();
                }
                self.tell_losses(now);
            }
            if self.is_over() {
                break;
            }
            let sleep_ms = self.sleep_ms(fill, looked_ns);
            let pidfd = self
                .root
                .as_ref()
                .filter(|root| root.status.is_none())
                .map(|root| root.pidfd.as_fd());
            if wait_readable(pidfd, sleep_ms)
                && let Some(root) = &mut self.root
            {
                root.status = reap(root.pid);
            }
        }
        self.programs.detach();
        self.drain_all();
        self.settle_living();
        self.writer.records(self.usage.last_samples());
    }

    /// How long to sleep, when the rings were so full at the last look.
    fn sleep_ms(&mut self, fill: u64, looked_ns: i64) -> i32 {
        let interval_ns = looked_ns - std::mem::replace(&mut self.looked_ns, looked_ns);
        let interval_ns = u64::try_from(interval_ns).unwrap_or(0);
        let wanted_ns = interval_ns.saturating_mul(FILL_WANTED) / fill.max(1);
        let passed_ns = u64::try_from(sys::clock_ns(CLOCK) - looked_ns).unwrap_or(0);
        i32::try_from(wanted_ns.saturating_sub(passed_ns) / 1_000_000)
            .unwrap_or(i32::MAX)
            .min(self.sleep_ms)
    }

    fn is_over(&self) -> bool {
        if self.is_detaching {
            return true;
        }
        let is_empty = self.programs.alive().wrapping_add(self.seeded) == 0;
        match &self.root {
            Some(root) => {
                root.status.is_some()
                    && (self.options.wait == Wait::Main || is_empty || !root.has_executed)
            }
            None => self.ends_with_its_processes && is_empty,
        }
    }

    /// SIGTERM and SIGHUP are the command's while it lives; then any request ends the recording.
    fn heed_requests(&mut self) {
        let requests = signals::take_requests();
        let came = |signal: i32| requests & (1 << signal) != 0;
        match &self.root {
            Some(root) if root.status.is_none() => {
                for signal in [libc::SIGTERM, libc::SIGHUP]
                    .into_iter()
                    .filter(|&signal| came(signal))
                {
                    sys::kill(root.pid, signal);
                }
            }
            _ if requests != 0 => self.is_detaching = true,
            _ => {}
        }
        if self.control.is_detach_asked() {
            self.is_detaching = true;
        }
    }

    /// Writes where events are missing, once it is known that there are more.
    fn tell_losses(&mut self, now: i64) {
        let totals = self.programs.totals();
        let lost = totals.lost.saturating_sub(self.told.lost);
        if lost > 0 {
            let first = if self.told.lost == 0 {
                totals.lost_first_ns
            } else {
                self.told.lost_last_ns
            };
            self.writer.begin(kind::GAP, 0, now);
            for value in [lost, first, totals.lost_last_ns] {
                self.writer.u64(value);
            }
            self.writer.item(tag::TEXT, b"the ring was full");
            self.writer.end();
            self.writer.flush();
        }
        self.told = totals;
    }

    /// Takes what the rings hold now; returns how many records there were. What is written meanwhile waits for the next look:
    /// who runs after a storm hands over a few records at a time, each time at the price of thousands.
    fn drain(&mut self) -> usize {
        let end = self.rings.written();
        let mut count = 0;
        loop {
            let position = self.rings.position();
            if position.long >= end.long && position.short >= end.short {
                return count;
            }
            let (taken, first) = self.take_batch();
            if !self.batch.is_empty() {
                count += taken;
                self.push_position();
                self.writer.append(&self.batch, self.batch_events);
                // What the sink has taken is safe: only now the kernel may write over it.
                self.rings.release();
            }
            match first {
                Some(first) => self.meet(first),
                None if taken == 0 => return count,
                None => {}
            }
        }
    }

    /// Writes what was found before the next record.
    fn write_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        self.batch.clear();
        self.batch.append(&mut self.pending);
        self.push_position();
        self.writer
            .append(&self.batch, std::mem::take(&mut self.pending_events));
    }

    /// Ends the batch with how far it reaches.
    fn push_position(&mut self) {
        let word = u32::try_from(POSITION_BYTES).unwrap_or(0) << 8 | u32::from(kind::POSITION);
        self.batch.extend_from_slice(&word.to_le_bytes());
        self.batch.extend_from_slice(&[0; 4]);
        self.batch
            .extend_from_slice(&sys::clock_ns(CLOCK).to_le_bytes());
        let Position { long, short } = self.rings.position();
        self.batch.extend_from_slice(&long.to_le_bytes());
        self.batch.extend_from_slice(&short.to_le_bytes());
    }

    /// Takes everything that is left.
    pub(super) fn drain_all(&mut self) {
        while self.drain() > 0 {}
    }

    /// Goes on where another recorder stopped.
    pub(super) fn skip_to(&mut self, position: Position) {
        self.rings.skip_to(position);
    }

    /// The command's first image is written already.
    pub(super) fn has_begun(&mut self) {
        if let Some(root) = &mut self.root {
            root.has_executed = true;
        }
    }

    /// Takes records as far as the threads are known; gives how many, and the first of one that is not.
    fn take_batch(&mut self) -> (usize, Option<First>) {
        let Self {
            rings,
            completer,
            usage,
            living,
            batch,
            root,
            ..
        } = self;
        batch.clear();
        batch.append(&mut self.pending);
        let mut intake = Intake {
            completer,
            usage,
            living,
            root,
            may_meet_others: self.may_meet_others,
            events: std::mem::take(&mut self.pending_events),
            first: None,
        };
        let (shorts, count) = rings.take(batch, BATCH_BYTES, &mut intake);
        self.batch_events = intake.events + shorts;
        (count, intake.first)
    }

    /// Ends the stream.
    pub(super) fn finish(mut self) -> Outcome {
        let exit = self
            .root
            .as_ref()
            .and_then(|root| root.status)
            .map_or(Exit::Running, Exit::from_status);
        let notes = std::mem::take(&mut self.notes);
        let (counts, sink_error) = self.end_stream(sys::clock_ns(CLOCK));
        Outcome {
            exit,
            counts,
            notes,
            sink_error,
        }
    }

    /// Writes what is missing, and the totals.
    pub(super) fn end_stream(&mut self, now: i64) -> (Counts, Option<SinkError>) {
        self.tell_losses(now);
        let totals = self.told;
        let folded = totals.folded + self.settled_folded;
        // Counted where they were seen: in the kernel.
        let seen = totals.seen + self.rings.shorts() + self.settled_folded + self.own_events;
        self.writer.finish(now, |counts| Counts {
            seen,
            recorded: counts.recorded,
            folded,
            lost: counts.lost + totals.lost,
        })
    }

    /// Writes the state of a running process and begins to record its threads.
    pub(super) fn take_up(&mut self, pid: Tid) -> Result<(), RecordError> {
        process::take_up(self, pid)
    }
}

/// Takes records into a batch.
struct Intake<'r> {
    completer: &'r mut Completer,
    usage: &'r mut Use,
    living: &'r mut Living,
    root: &'r mut Option<Root>,
    may_meet_others: bool,
    /// Events among the records that are not short.
    events: u64,
    /// The record that was refused.
    first: Option<First>,
}

impl Intake<'_> {
    /// Whether the thread is known; else its record is kept for later.
    #[inline]
    fn may_take(&mut self, tid: u32, record: &[u8]) -> bool {
        let tid = tid.cast_signed();
        if self.living.knows(tid) {
            return true;
        }
        let time_ns = RawRecord::new(record).map_or(0, |record| record.time_ns());
        self.first = Some(First { tid, time_ns });
        false
    }

    /// Whose record it is, where it tells what a thread does.
    fn whose(record: RawRecord<'_>, living: &mut Living) -> Option<u32> {
        match record.kind & !RAW {
            // The leader may have ended before.
            kind::EXEC if living.knows(record.u32_at(20).cast_signed()) => None,
            kind::EXEC
            | kind::CALL
            | kind::CALL_ON_FILE
            | kind::CALL_BEGIN
            | kind::FORK
            | kind::EXIT
            | kind::SIGNAL
            | kind::STOP
            | kind::CONTINUE
            | kind::FOLDED => Some(record.tid),
            _ => None,
        }
    }

    fn take_known(&mut self, record: RawRecord<'_>, batch: &mut Vec<u8>) {
        let Self {
            completer,
            usage,
            living,
            root,
            events,
            ..
        } = self;
        if record.kind == USE {
            note_use(record, usage);
            return;
        }
        if record.kind & RAW == 0 {
            batch.extend_from_slice(record.bytes);
        } else if record.kind == PIECE {
            completer.keep_piece(record);
            return;
        } else {
            let begins = root
                .as_mut()
                .filter(|root| record.kind == kind::EXEC | RAW && !root.has_executed);
            if let Some(root) = begins {
                root.has_executed = true;
                batch.extend_from_slice(&root.state);
                usage.began(root.pid, root.pid, 0, record.time_ns());
                completer.complete(record, usage, batch);
                // What it used as the recorder's child is not the command's.
                let Used { cpu_ns, rest } = completer.used;
                usage.used_before(root.pid, cpu_ns, rest);
            } else {
                completer.complete(record, usage, batch);
            }
        }
        note_life(record, usage, living);
        *events += u64::from(is_event(record.kind & !RAW));
    }
}

impl Taker for Intake<'_> {
    #[inline]
    fn takes_short(&mut self, tid: u32, record: &[u8]) -> bool {
        !self.may_meet_others || self.may_take(tid, record)
    }

    fn take(&mut self, record: &[u8], batch: &mut Vec<u8>) -> bool {
        let Some(taken) = RawRecord::new(record) else {
            return true;
        };
        if self.may_meet_others
            && let Some(tid) = Self::whose(taken, self.living)
            && !self.may_take(tid, record)
        {
            return false;
        }
        self.take_known(taken, batch);
        true
    }
}

/// Tells the sampler what a thread used until its end, and with the last one the process.
fn note_use(record: RawRecord<'_>, usage: &mut Use) {
    let used = Used::new(record.bytes.get(40..).unwrap_or(&[]));
    let is_last = record.u32_at(20) != 0;
    let process = is_last.then(|| Reading {
        time_ns: record.time_ns(),
        cpu_ns: used.cpu_ns,
        system_ns: record.u64_of(24, 8),
        rss_bytes: record.u64_of(88, 8).saturating_mul(sys::page_bytes()),
        peak_rss_bytes: record.u64_of(32, 8).saturating_mul(sys::page_bytes()),
        ..Reading::default()
    });
    let tgid = record.u32_at(16).cast_signed();
    usage.left(record.tid.cast_signed(), tgid, used.rest, process);
}

/// Tells the sampler which processes there are.
fn note_life(record: RawRecord<'_>, usage: &mut Use, living: &mut Living) {
    let number = |at| record.u32_at(at).cast_signed();
    let tid = record.tid.cast_signed();
    match record.kind & !RAW {
        kind::FORK => {
            usage.began(number(16), number(20), tid, record.time_ns());
            living.began(number(16));
        }
        kind::EXEC => {
            usage.executes(tid, number(20));
            living.ended(number(20));
            living.began(tid);
        }
        kind::EXIT => {
            // With samples, the last thread tells.
            if !usage.is_sampled() {
                usage.ended(tid, number(16));
            }
            living.ended(tid);
        }
        _ => {}
    }
}
