//! Threads that live on when recording ends: what the kernel's side still kept of them is written down.

use std::collections::BTreeSet;
use std::os::fd::AsFd as _;

use unspool_decode::native::format::{INDEX_NONE, LONG_DURATION, SLOT_RESULT, kind, tag};

use super::kernel::{look_up_by_fd, pidfd, thread_pidfd, tick_ns};
use super::recorder::Recorder;
use crate::native::stream::CLOCK;
use crate::native::writer::push_item;
use crate::native::{OWN_ARCHITECTURE, procfs};
use crate::sys::{self, Tid};

/// Where things stand in `struct thread` of `bpf/state.h`.
const IS_IN_CALL: usize = 9;
const ARCHITECTURE: usize = 10;
const NUMBER: usize = 12;
const ENTER_NS: usize = 16;
const ARGUMENTS: usize = 24;
const NEAR: usize = 84;
const FOLDS: usize = 152;
/// Where things stand in `struct near`.
const NEAR_ENTER_NS: usize = 8;
const NEAR_NUMBER: usize = 20;
const NEAR_ENTER_TICKS: usize = 24;
const NEAR_FOLDS: usize = 104;
const FOLD_COUNT: usize = 8;
const FOLD_BYTES: usize = 80;
/// `UNTIMED`: a call of which only the tick is known.
const UNTIMED: u64 = 1;
/// Bits of `flags` that say: not recorded.
pub(super) const FLAGS: usize = 8;

/// Places of threads that are found without a search, a power of two.
const RECENT: usize = 4096;

/// Threads that are recorded and live.
#[derive(Debug)]
pub(super) struct Living {
    threads: BTreeSet<Tid>,
    /// Some of them, each at the place that its number has.
    recent: Box<[Tid; RECENT]>,
}

impl Default for Living {
    fn default() -> Self {
        Self {
            threads: BTreeSet::new(),
            recent: Box::new([0; RECENT]),
        }
    }
}

impl Living {
    pub(super) fn began(&mut self, tid: Tid) {
        self.threads.insert(tid);
    }

    pub(super) fn ended(&mut self, tid: Tid) {
        self.threads.remove(&tid);
        let place = &mut self.recent[place(tid)];
        if *place == tid {
            *place = 0;
        }
    }

    /// Whether the thread is among them; asked for every record. 0 stands for threads that have no number here.
    #[inline]
    pub(super) fn knows(&mut self, tid: Tid) -> bool {
        self.recent[place(tid)] == tid || self.finds(tid)
    }

    fn finds(&mut self, tid: Tid) -> bool {
        let is_known = tid == 0 || self.threads.contains(&tid);
        if is_known {
            self.recent[place(tid)] = tid;
        }
        is_known
    }
}

fn place(tid: Tid) -> usize {
    tid.unsigned_abs() as usize % RECENT
}

/// A copy of what the kernel's side keeps of a thread.
struct Kept(Vec<u8>);

impl Kept {
    fn u16(&self, at: usize) -> u16 {
        self.bytes(at).map_or(0, u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> u32 {
        self.bytes(at).map_or(0, u32::from_le_bytes)
    }

    fn u64(&self, at: usize) -> u64 {
        self.bytes(at).map_or(0, u64::from_le_bytes)
    }

    fn u8(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// The time of a tick, of the clock of the stream, by the newest fold: it knows one tick and its time.
    fn by_ticks(&self, ticks: u64) -> u64 {
        let folds = (0..FOLD_COUNT).map(|fold| NEAR_FOLDS + fold * FOLD_BYTES);
        let newest = folds.map(|at| (self.u64(at + 56), self.u64(at))).max();
        let (first_ticks, first_ns) = newest.unwrap_or_default();
        first_ns + ticks.saturating_sub(first_ticks) * tick_ns()
    }

    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at + N)?.try_into().ok()
    }
}

impl Recorder<'_> {
    /// Writes the calls that were counted and not told yet, and those that have not returned. No program runs any more.
    pub(super) fn settle_living(&mut self) {
        for tid in std::mem::take(&mut self.living.threads) {
            let Some(kept) = self.kept(tid) else {
                continue;
            };
            if kept.u8(FLAGS) != 0 {
                continue;
            }
            for fold in 0..FOLD_COUNT {
                self.write_fold(tid, &kept, FOLDS + fold * FOLD_BYTES);
            }
            if kept.u8(IS_IN_CALL) == 1 {
                let call = procfs::Call {
                    number: kept.u16(NUMBER),
                    arguments: std::array::from_fn(|place| kept.u64(ARGUMENTS + 8 * place)),
                };
                self.write_unfinished(tid, kept.u8(ARCHITECTURE), kept.u64(ENTER_NS), &call);
            }
            if let Some(place) = kept.u32(NEAR).checked_sub(1) {
                self.settle_near(tid, place);
            }
        }
        self.writer.flush();
    }

    fn kept(&self, tid: Tid) -> Option<Kept> {
        let key = pidfd(tid).or_else(|_| thread_pidfd(tid)).ok()?;
        let mut bytes = vec![0; self.programs.thread_bytes()];
        look_up_by_fd(self.programs.threads().ok()?, key.as_fd(), &mut bytes)?;
        let kept = Kept(bytes);
        (kept.u32(0) == tid.cast_unsigned()).then_some(kept)
    }

    fn write_fold(&mut self, tid: Tid, kept: &Kept, at: usize) {
        let calls = kept.u64(at + 8);
        if calls == 0 {
            return;
        }
        let first_ns = i64::try_from(kept.u64(at)).unwrap_or(0);
        self.writer.begin(kind::FOLDED, tid, first_ns);
        self.writer.bytes(&kept.u16(at + 48).to_le_bytes());
        self.writer.bytes(&[kept.u8(at + 50), 0]);
        self.writer.u32(kept.u32(at + 44));
        for place in [8, 16, 24] {
            self.writer.u64(kept.u64(at + place));
        }
        // Calls that were not timed took as long as those that were, like in `flush_fold`.
        let (sampled, untimed) = (u64::from(kept.u32(at + 72)), u64::from(kept.u32(at + 76)));
        let mean_ns = kept.u64(at + 64).checked_div(sampled).unwrap_or(0);
        self.writer.u64(kept.u64(at + 32) + untimed * mean_ns);
        let serial = u64::from(kept.u32(at + 40));
        push_item(self.writer.items(), tag::IDENTITY, 0, &serial.to_le_bytes());
        let untimed = kept.u32(at + 76).to_le_bytes();
        push_item(self.writer.items(), tag::UNTIMED, INDEX_NONE, &untimed);
        self.writer.end();
        self.settled_folded += calls;
    }

    /// The same for its frequent calls.
    fn settle_near(&mut self, tid: Tid, place: u32) {
        let Some(near) = self.programs.near(place).map(|bytes| Kept(bytes.to_vec())) else {
            return;
        };
        for fold in 0..FOLD_COUNT {
            self.write_fold(tid, &near, NEAR_FOLDS + fold * FOLD_BYTES);
        }
        let entered_ns = match near.u64(NEAR_ENTER_NS) {
            0 => return,
            UNTIMED => near.by_ticks(near.u64(NEAR_ENTER_TICKS)),
            entered_ns => entered_ns + self.rings.boot_ns(),
        };
        let number = u16::try_from(near.u32(NEAR_NUMBER)).unwrap_or(u16::MAX);
        // What it was given stands in its registers; a thread that runs just now shows none.
        let call = procfs::call(tid).filter(|call| call.number == number);
        let call = call.unwrap_or(procfs::Call {
            number,
            arguments: [0; 6],
        });
        self.write_unfinished(tid, OWN_ARCHITECTURE, entered_ns, &call);
    }

    fn write_unfinished(
        &mut self,
        tid: Tid,
        architecture: u8,
        entered_ns: u64,
        call: &procfs::Call,
    ) {
        let now = u64::try_from(sys::clock_ns(CLOCK)).unwrap_or(0);
        let took = u32::try_from(now.saturating_sub(entered_ns)).unwrap_or(LONG_DURATION - 1);
        // All six arguments whole, no result.
        let widths = u16::from(architecture) << (2 * (SLOT_RESULT + 1)) | 0x0fff;
        self.writer
            .begin(kind::CALL, tid, i64::try_from(entered_ns).unwrap_or(0));
        self.writer.u32(took);
        self.writer.bytes(&call.number.to_le_bytes());
        self.writer.bytes(&widths.to_le_bytes());
        for argument in call.arguments {
            self.writer.u64(argument);
        }
        push_item(self.writer.items(), tag::NO_RESULT, INDEX_NONE, &[]);
        self.writer.end();
        self.own_events += 1;
    }
}
