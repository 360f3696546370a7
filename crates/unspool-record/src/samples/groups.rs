//! Use of control groups, versions 1 and 2, and of the machine.

use std::path::{Path, PathBuf};

use unspool_model::sample::Usage;

use super::reading::{number, read_into};
use crate::containers::{Membership, Mounts};

/// `USER_HZ` is 100 on every architecture that Linux runs on today.
const TICK_NS: u64 = 10_000_000;

/// Where the files of one group lie.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    unified: Option<PathBuf>,
    cpu: Option<PathBuf>,
    memory: Option<PathBuf>,
    io: Option<PathBuf>,
    pids: Option<PathBuf>,
}

impl Files {
    /// The folders in which the group is below the root: the root's files are about the machine.
    pub(super) fn of(group: &Membership, mounts: &Mounts) -> Self {
        let below_root = |folder: Option<PathBuf>| folder.filter(|path| !is_root(path));
        Self {
            unified: below_root(mounts.folder_v2(group)),
            cpu: below_root(mounts.folder_v1(group, b"cpuacct")),
            memory: below_root(mounts.folder_v1(group, b"memory")),
            io: below_root(mounts.folder_v1(group, b"blkio")),
            pids: below_root(mounts.folder_v1(group, b"pids")),
        }
    }

    /// What the group used so far, and its states.
    pub(super) fn read(&self, buffer: &mut Vec<u8>) -> Usage {
        let mut usage = Usage::default();
        if let Some(folder) = &self.unified {
            read_unified(folder, buffer, &mut usage);
        }
        if let Some(folder) = &self.cpu {
            usage.cpu_ns = value(folder, "cpuacct.usage", buffer).or(usage.cpu_ns);
            usage.system_ns = keyed(folder, "cpuacct.stat", b"system", buffer)
                .map(|ticks| ticks.saturating_mul(TICK_NS))
                .or(usage.system_ns);
        }
        if let Some(folder) = &self.memory {
            usage.rss_bytes = value(folder, "memory.usage_in_bytes", buffer).or(usage.rss_bytes);
            usage.peak_rss_bytes =
                value(folder, "memory.max_usage_in_bytes", buffer).or(usage.peak_rss_bytes);
        }
        if let Some(folder) = &self.io {
            let file = "blkio.throttle.io_service_bytes_recursive";
            usage.disk_read_bytes =
                last_word_sum(folder, file, b" Read ", buffer).or(usage.disk_read_bytes);
            usage.disk_written_bytes =
                last_word_sum(folder, file, b" Write ", buffer).or(usage.disk_written_bytes);
        }
        if let Some(folder) = &self.pids {
            usage.threads = value(folder, "pids.current", buffer).or(usage.threads);
        }
        usage
    }
}

/// The root of a hierarchy has no limits and no use of its own.
fn is_root(folder: &Path) -> bool {
    // Version 1: only the root has `release_agent`; version 2: only the root lacks `cgroup.type`.
    folder.join("release_agent").exists()
        || (folder.join("cgroup.controllers").exists() && !folder.join("cgroup.type").exists())
}

fn read_unified(folder: &Path, buffer: &mut Vec<u8>, usage: &mut Usage) {
    let us = |value: Option<u64>| value.map(|us| us.saturating_mul(1000));
    usage.cpu_ns = us(keyed(folder, "cpu.stat", b"usage_usec", buffer));
    usage.system_ns = us(keyed(folder, "cpu.stat", b"system_usec", buffer));
    usage.rss_bytes = value(folder, "memory.current", buffer);
    usage.peak_rss_bytes = value(folder, "memory.peak", buffer);
    usage.disk_read_bytes = assigned_sum(folder, "io.stat", b"rbytes=", buffer);
    usage.disk_written_bytes = assigned_sum(folder, "io.stat", b"wbytes=", buffer);
    usage.threads = value(folder, "pids.current", buffer);
}

fn file<'b>(folder: &Path, name: &str, buffer: &'b mut Vec<u8>) -> Option<&'b [u8]> {
    read_into(folder.join(name).to_str()?, buffer)
}

/// A file that is one number.
fn value(folder: &Path, name: &str, buffer: &mut Vec<u8>) -> Option<u64> {
    number(file(folder, name, buffer)?)
}

/// The number behind a key: `usage_usec 123`.
fn keyed(folder: &Path, name: &str, key: &[u8], buffer: &mut Vec<u8>) -> Option<u64> {
    file(folder, name, buffer)?
        .split(|byte| *byte == b'\n')
        .find_map(|line| number(line.strip_prefix(key)?.strip_prefix(b" ")?))
}

/// The sum of `KEY=NUMBER` over lines such as `8:0 rbytes=1 wbytes=2`.
fn assigned_sum(folder: &Path, name: &str, key: &[u8], buffer: &mut Vec<u8>) -> Option<u64> {
    let text = file(folder, name, buffer)?;
    let words = text.split(u8::is_ascii_whitespace);
    Some(
        words
            .filter_map(|word| number(word.strip_prefix(key)?))
            .fold(0, u64::saturating_add),
    )
}

/// The sum of last words of lines that hold a word: `8:0 Read 4096`.
fn last_word_sum(folder: &Path, name: &str, key: &[u8], buffer: &mut Vec<u8>) -> Option<u64> {
    let text = file(folder, name, buffer)?;
    let lines = text
        .split(|byte| *byte == b'\n')
        .filter(|line| line.windows(key.len()).any(|part| part == key));
    Some(
        lines
            .filter_map(|line| number(line.rsplit(|byte| *byte == b' ').next()?))
            .fold(0, u64::saturating_add),
    )
}

/// What the whole machine used since it started, its memory in use, its CPUs.
pub(super) fn machine(buffer: &mut Vec<u8>) -> Usage {
    let mut usage = Usage::default();
    if let Some(text) = read_into("/proc/stat", buffer) {
        let mut lines = text.split(|byte| *byte == b'\n');
        // user nice system idle iowait irq softirq steal, in ticks (proc(5)).
        let fields: Vec<u64> = lines
            .next()
            .unwrap_or_default()
            .split(|byte| *byte == b' ')
            .filter_map(number)
            .collect();
        let sum = |places: &[usize]| -> Option<u64> {
            let ticks = places.iter().filter_map(|place| fields.get(*place));
            (!fields.is_empty()).then(|| ticks.sum::<u64>().saturating_mul(TICK_NS))
        };
        usage.cpu_ns = sum(&[0, 1, 2, 5, 6]);
        usage.system_ns = sum(&[2, 5, 6]);
        // What a hypervisor kept from us: CPUs that were wanted and not had.
        usage.run_delay_ns = sum(&[7]);
        usage.cpus = Some(lines.take_while(|line| line.starts_with(b"cpu")).count() as u64);
    }
    if let Some(text) = read_into("/proc/meminfo", buffer) {
        let kilobytes = |key: &[u8]| {
            text.split(|byte| *byte == b'\n').find_map(|line| {
                let rest = line.strip_prefix(key)?;
                number(
                    rest.split(|byte| *byte == b' ')
                        .rfind(|word| !word.is_empty() && *word != b"kB")?,
                )
            })
        };
        let used = kilobytes(b"MemTotal:")
            .zip(kilobytes(b"MemAvailable:"))
            .map(|(total, free)| total.saturating_sub(free).saturating_mul(1024));
        usage.rss_bytes = used;
    }
    usage
}

/// What was used between two readings, with the states of the second. `None`: nothing.
pub(super) fn between(before: &Usage, now: &Usage) -> Option<Usage> {
    let since = |get: fn(&Usage) -> Option<u64>| {
        get(now)
            .zip(get(before))
            .map(|(now, before)| now.saturating_sub(before))
    };
    let usage = Usage {
        cpu_ns: since(|usage| usage.cpu_ns),
        system_ns: since(|usage| usage.system_ns),
        run_delay_ns: since(|usage| usage.run_delay_ns),
        read_bytes: since(|usage| usage.read_bytes),
        written_bytes: since(|usage| usage.written_bytes),
        disk_read_bytes: since(|usage| usage.disk_read_bytes),
        disk_written_bytes: since(|usage| usage.disk_written_bytes),
        ..*now
    };
    let is_known = usage.cpu_ns.is_some() || usage.rss_bytes.is_some();
    is_known.then_some(usage)
}
