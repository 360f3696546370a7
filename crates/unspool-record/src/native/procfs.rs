//! Facts from /proc about threads that are stopped or running.

use std::ffi::CStr;
use std::fs;
use std::io::{Read as _, Write as _};

use crate::sys::{self, Tid};

/// Longest path a link of /proc gives: one page.
pub(crate) const LINK_BYTES_MAX: usize = 4096;

/// Room for a file of a process.
const FILE_BYTES: usize = 4096;

/// Reads a file of a process. The kernel makes its whole text at once, so that less than was asked for is the end of it.
pub(crate) fn read_once<'b>(path: &str, buffer: &'b mut Vec<u8>) -> Option<&'b [u8]> {
    if buffer.len() < FILE_BYTES {
        buffer.resize(FILE_BYTES, 0);
    }
    let mut file = fs::File::open(path).ok()?;
    let mut len = 0;
    loop {
        let more = file.read(buffer.get_mut(len..)?).ok()?;
        len += more;
        if more == 0 || len < buffer.len() {
            break;
        }
        buffer.resize(2 * len, 0);
    }
    buffer.get(..len).filter(|text| !text.is_empty())
}

/// `/proc/TID/...` with a NUL, on the stack.
struct ProcPath([u8; 64]);

impl ProcPath {
    fn new(tid: Tid, rest: std::fmt::Arguments<'_>) -> Self {
        let mut bytes = [0; 64];
        let mut place = &mut bytes[..63];
        // The longest is `/proc/2147483647/fdinfo/2147483647`, which fits.
        let written = write!(place, "/proc/{tid}/{rest}");
        debug_assert!(written.is_ok(), "fits");
        Self(bytes)
    }

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// Path of the open file behind a descriptor.
pub(crate) fn fd_path(tid: Tid, fd: i64, buffer: &mut [u8]) -> Option<&[u8]> {
    sys::read_link(
        ProcPath::new(tid, format_args!("fd/{fd}")).as_c_str(),
        buffer,
    )
    .ok()
}

/// Path of the executed image.
pub(crate) fn exe(tid: Tid, buffer: &mut [u8]) -> Option<&[u8]> {
    sys::read_link(ProcPath::new(tid, format_args!("exe")).as_c_str(), buffer).ok()
}

/// Working directory.
pub(crate) fn cwd(tid: Tid, buffer: &mut [u8]) -> Option<&[u8]> {
    sys::read_link(ProcPath::new(tid, format_args!("cwd")).as_c_str(), buffer).ok()
}

/// What `/proc/TID/status` and `/proc/TID/stat` say about a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) tgid: Tid,
    pub(crate) parent: Tid,
    /// Effective.
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Start in nanoseconds since boot, to the kernel's hundredth of a second; 0: unknown.
    pub(crate) start_ns: u64,
}

/// Reads what /proc says about a thread, `None` when it is gone.
pub(crate) fn status(tid: Tid) -> Option<Status> {
    let text = fs::read(format!("/proc/{tid}/status")).ok()?;
    let field = |name: &[u8], position: usize| -> Option<u64> {
        let line = text
            .split(|&byte| byte == b'\n')
            .find_map(|line| line.strip_prefix(name))?;
        let word = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .nth(position)?;
        std::str::from_utf8(word).ok()?.parse().ok()
    };
    let number = |name: &[u8]| {
        field(name, 0)
            .and_then(|value| Tid::try_from(value).ok())
            .unwrap_or(0)
    };
    let id = |name: &[u8]| {
        field(name, 1)
            .and_then(|value| u32::try_from(value).ok())
            .unwrap_or(0)
    };
    Some(Status {
        tgid: number(b"Tgid:"),
        parent: number(b"PPid:"),
        uid: id(b"Uid:"),
        gid: id(b"Gid:"),
        start_ns: start_ns(tid).unwrap_or(0),
    })
}

/// Children that a thread made and that were not waited for; none where the kernel does not tell (`CONFIG_PROC_CHILDREN`).
pub(crate) fn children(tid: Tid, tgid: Tid) -> Vec<Tid> {
    let mut buffer = Vec::new();
    let text = read_once(&format!("/proc/{tgid}/task/{tid}/children"), &mut buffer);
    let words = text.unwrap_or_default().split(|&byte| byte == b' ');
    words
        .filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
        .collect()
}

/// Whether a process has ended and was not waited for.
pub(crate) fn is_zombie(pid: Tid) -> bool {
    stat_field::<char>(pid, 0).is_none_or(|state| matches!(state, 'Z' | 'X'))
}

/// Whether process numbers mean the same to a thread as to this program.
pub(crate) fn has_own_pid_namespace(tid: Tid) -> bool {
    let of = |who: &str| fs::read_link(format!("/proc/{who}/ns/pid")).ok();
    of("self").is_some_and(|own| of(&tid.to_string()) == Some(own))
}

/// Whether a process was ever given a CPU; one that is just being made was not.
pub(crate) fn has_run(pid: Tid) -> bool {
    // Time on CPUs, time waited for one, times that one was given.
    fs::read_to_string(format!("/proc/{pid}/schedstat"))
        .ok()
        .and_then(|text| text.split_whitespace().nth(2)?.parse().ok())
        .is_none_or(|times: u64| times > 0)
}

/// The CPU that a thread runs on, or ran on last.
pub(crate) fn cpu(tid: Tid) -> Option<usize> {
    // Field 39.
    stat_field(tid, 36)
}

/// Whether a thread runs with `no_new_privs`.
pub(crate) fn has_no_new_privileges(tid: Tid) -> bool {
    fs::read_to_string(format!("/proc/{tid}/status"))
        .is_ok_and(|text| text.lines().any(|line| line == "NoNewPrivs:\t1"))
}

/// A field of `/proc/TID/stat`; the state, number 3 in proc(5), is at position 0.
fn stat_field<T: std::str::FromStr>(tid: Tid, position: usize) -> Option<T> {
    let stat = fs::read(format!("/proc/{tid}/stat")).ok()?;
    // The name in parentheses may hold anything: fields count from after the last one.
    let after_name = stat.rsplit(|&byte| byte == b')').next()?;
    let word = after_name.split(|&byte| byte == b' ').nth(1 + position)?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

fn start_ns(tid: Tid) -> Option<u64> {
    // Field 22.
    let ticks: u64 = stat_field(tid, 19)?;
    // USER_HZ is 100 on every architecture that Linux runs on today.
    Some(ticks * 10_000_000)
}

/// Strings of `/proc/TID/cmdline` or `/proc/TID/environ`.
pub(crate) fn strings(tid: Tid, file: &str, limit: usize) -> Vec<Vec<u8>> {
    let mut bytes = fs::read(format!("/proc/{tid}/{file}")).unwrap_or_default();
    bytes.truncate(limit);
    if bytes.last() == Some(&0) {
        bytes.pop();
    } else if bytes.is_empty() {
        return Vec::new();
    }
    bytes.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect()
}

/// Descriptors of a process, ascending, with the open flags of each.
pub(crate) fn descriptors(tid: Tid, most: usize) -> Vec<(i32, u32)> {
    let Ok(entries) = fs::read_dir(format!("/proc/{tid}/fd")) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let mut numbers: Vec<i32> = names.take(most).collect();
    numbers.sort_unstable();
    numbers
        .into_iter()
        .map(|fd| (fd, open_flags(tid, fd).unwrap_or(0)))
        .collect()
}

fn open_flags(tid: Tid, fd: i32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{tid}/fdinfo/{fd}")).ok()?;
    let octal = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
    u32::from_str_radix(octal.trim(), 8).ok()
}

/// Threads of a process.
pub(crate) fn threads(tgid: Tid) -> Vec<Tid> {
    let Ok(entries) = fs::read_dir(format!("/proc/{tgid}/task")) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// A call that a thread is inside of, with native registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) number: u16,
    pub(crate) arguments: [u64; 6],
}

/// The call that a thread waits in; `None` when it runs, or may not be looked at.
pub(crate) fn call(tid: Tid) -> Option<Call> {
    let text = fs::read_to_string(format!("/proc/{tid}/syscall")).ok()?;
    let mut words = text.split_whitespace();
    let number = words.next()?.parse().ok()?;
    let mut arguments = [0; 6];
    for argument in &mut arguments {
        *argument = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    }
    Some(Call { number, arguments })
}
