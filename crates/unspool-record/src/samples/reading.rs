//! What the kernel says about the use of a process so far, from /proc and its CPU clock.

use std::io::Read as _;

use crate::native::procfs::read_once;
use crate::sys::ptrace::Used;
use crate::sys::{self, Tid};

/// Threads of one process that are looked at one by one; what further ones read, wrote and waited is not told.
pub(super) const THREADS_MAX: usize = 1024;
/// `USER_HZ` is 100 on every architecture that Linux runs on today.
const TICK_NS: u64 = 10_000_000;
/// Room for a file of /proc at first.
const STAT_BYTES_MAX: usize = 1024;

/// Sums that the kernel keeps by thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ThreadUse {
    pub(crate) run_delay_ns: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_bytes: u64,
    pub(crate) disk_read_bytes: u64,
    pub(crate) disk_written_bytes: u64,
}

impl ThreadUse {
    pub(super) fn add(&mut self, other: &Self) {
        self.run_delay_ns = self.run_delay_ns.saturating_add(other.run_delay_ns);
        self.read_bytes = self.read_bytes.saturating_add(other.read_bytes);
        self.written_bytes = self.written_bytes.saturating_add(other.written_bytes);
        self.disk_read_bytes = self.disk_read_bytes.saturating_add(other.disk_read_bytes);
        self.disk_written_bytes = self
            .disk_written_bytes
            .saturating_add(other.disk_written_bytes);
    }

    /// Reads a thread's. Of the thread itself: `/proc/PID/io` would count reaped children too.
    pub(super) fn of(tgid: Tid, tid: Tid, buffer: &mut Vec<u8>) -> Option<Self> {
        Self::in_folder(&format!("/proc/{tgid}/task/{tid}"), buffer)
    }

    /// Reads that of a process that never had another thread or a child. Every folder of /proc that is looked at has to be
    /// taken down when the process ends, which costs more than reading it.
    pub(super) fn of_whole(tgid: Tid, buffer: &mut Vec<u8>) -> Option<Self> {
        Self::in_folder(&format!("/proc/{tgid}"), buffer)
    }

    fn in_folder(folder: &str, buffer: &mut Vec<u8>) -> Option<Self> {
        let delay = read_once(&format!("{folder}/schedstat"), buffer)
            .and_then(|text| number(text.split(|byte| *byte == b' ').nth(1)?));
        let mut usage = Self {
            run_delay_ns: delay?,
            ..Self::default()
        };
        // Not readable of processes that we may not trace.
        if let Some(text) = read_once(&format!("{folder}/io"), buffer) {
            for line in text.split(|byte| *byte == b'\n') {
                let place = match line.split(|byte| *byte == b':').next() {
                    Some(b"rchar") => &mut usage.read_bytes,
                    Some(b"wchar") => &mut usage.written_bytes,
                    Some(b"read_bytes") => &mut usage.disk_read_bytes,
                    Some(b"write_bytes") => &mut usage.disk_written_bytes,
                    _ => continue,
                };
                let value = line.rsplit(|byte| *byte == b' ').next().and_then(number);
                *place = value.unwrap_or(0);
            }
        }
        Some(usage)
    }
}

/// A process's use so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// When, on the stream's clock: just after the CPU clock was read.
    pub(crate) time_ns: i64,
    pub(crate) cpu_ns: u64,
    pub(crate) system_ns: u64,
    /// 0: not known.
    pub(crate) rss_bytes: u64,
    pub(crate) threads: u64,
    /// Most memory ever; 0 when not asked for.
    pub(crate) peak_rss_bytes: u64,
    pub(crate) by_thread: Vec<(Tid, ThreadUse)>,
}

/// What only /proc tells of a process that is stopped at its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct AtEnd {
    rss_bytes: u64,
}

impl AtEnd {
    /// Reads it.
    pub(super) fn of(tgid: Tid, buffer: &mut Vec<u8>) -> Self {
        // `size resident shared ...`, in pages.
        let pages = read_once(&format!("/proc/{tgid}/statm"), buffer)
            .and_then(|text| number(text.split(|byte| *byte == b' ').nth(1)?));
        Self {
            rss_bytes: pages.unwrap_or(0).saturating_mul(sys::page_bytes()),
        }
    }

    /// With what the wait status told.
    pub(super) fn with(self, used: &Used, time_ns: i64) -> Reading {
        Reading {
            time_ns,
            cpu_ns: used.user_ns.saturating_add(used.system_ns),
            system_ns: used.system_ns,
            rss_bytes: self.rss_bytes,
            threads: 1,
            peak_rss_bytes: used.peak_rss_bytes,
            by_thread: Vec::new(),
        }
    }
}

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// All threads.
    Threads,
    /// Not the threads one by one.
    Process,
}

impl Reading {
    /// Reads a process, `None` when it is gone.
    pub(super) fn of(
        tgid: Tid,
        clock: libc::clockid_t,
        depth: Depth,
        buffer: &mut Vec<u8>,
    ) -> Option<Self> {
        let stat = Stat::of(tgid, buffer)?;
        let cpu_ns = sys::process_cpu_ns(tgid)?;
        let mut reading = Self {
            time_ns: sys::clock_ns(clock),
            cpu_ns,
            system_ns: stat.system_ns,
            rss_bytes: stat.rss_bytes,
            threads: stat.threads,
            peak_rss_bytes: peak_rss_bytes(tgid, buffer).unwrap_or(0),
            by_thread: Vec::new(),
        };
        if depth == Depth::Threads {
            let tids = if stat.threads == 1 {
                vec![tgid]
            } else {
                crate::native::procfs::threads(tgid)
            };
            for tid in tids.into_iter().take(THREADS_MAX) {
                if let Some(usage) = ThreadUse::of(tgid, tid, buffer) {
                    reading.by_thread.push((tid, usage));
                }
            }
        }
        Some(reading)
    }
}

/// Fields of `/proc/PID/stat`.
struct Stat {
    system_ns: u64,
    threads: u64,
    rss_bytes: u64,
}

impl Stat {
    fn of(tgid: Tid, buffer: &mut Vec<u8>) -> Option<Self> {
        let text = read_once(&format!("/proc/{tgid}/stat"), buffer)?;
        // The name in parentheses may hold anything: fields count from after the last one, state first.
        let after_name = text.rsplit(|byte| *byte == b')').next()?;
        let mut fields = after_name
            .split(|byte| *byte == b' ')
            .filter(|field| !field.is_empty())
            .skip(12);
        let system = number(fields.next()?)?;
        let threads = number(fields.nth(4)?)?;
        let pages = number(fields.nth(3)?)?;
        Some(Self {
            system_ns: system.saturating_mul(TICK_NS),
            threads,
            rss_bytes: pages.saturating_mul(sys::page_bytes()),
        })
    }
}

/// `VmHWM` of `/proc/PID/status`; absent in zombies.
fn peak_rss_bytes(tgid: Tid, buffer: &mut Vec<u8>) -> Option<u64> {
    let text = read_once(&format!("/proc/{tgid}/status"), buffer)?;
    let line = text
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"VmHWM:"))?;
    let word = line
        .split(u8::is_ascii_whitespace)
        .find(|word| !word.is_empty())?;
    Some(number(word)?.saturating_mul(1024))
}

/// Reads a small file into a buffer that is used again.
pub(super) fn read_into<'b>(path: &str, buffer: &'b mut Vec<u8>) -> Option<&'b [u8]> {
    buffer.clear();
    buffer.reserve(STAT_BYTES_MAX);
    std::fs::File::open(path)
        .ok()?
        .read_to_end(buffer)
        .ok()
        .filter(|len| *len > 0)?;
    Some(buffer)
}

pub(super) fn number(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.trim().parse().ok()
}
