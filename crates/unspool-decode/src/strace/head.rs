//! What the head of a log tells: whether it is one, and whom lines without a pid are about.

use std::collections::BTreeSet;

use super::call::name_len;
use super::other::TABLE_RULE;
use super::prefix::{self, Time};
use super::scan::End;
use super::scan::Scanner;
use super::tail;
use crate::decoder::Features;
use unspool_model::event::Outcome;

/// Bytes of a log without pids that are held back until it is known whom its lines are about.
pub const HEAD_BYTES_MAX: usize = 4 << 20;

/// Threads that are compared to find the first.
const SEEN_MAX: usize = 64;

/// Lines of the head that are looked at to recognise the format.
const SCORE_LINES_MAX: usize = 200;

/// How much the head of an input looks like a log of strace, 0 to 100.
pub fn score(head: &[u8]) -> u8 {
    let mut lines = 0_usize;
    let mut understood = 0_usize;
    for line in head.split(|byte| *byte == b'\n').take(SCORE_LINES_MAX) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        lines += 1;
        let plain = without_marks(line).trim_ascii_start();
        understood += usize::from(is_ours(plain) || is_ours(&without_colours(plain)));
    }
    if understood == 0 || lines == 0 {
        return 0;
    }
    // A log on stderr may be mostly output of the program.
    u8::try_from((understood * 80 / lines).clamp(10, 80)).unwrap_or(80)
}

/// Without the marks of quoted mail: `> `, `>> `, `> > `.
pub(super) fn without_marks(line: &[u8]) -> &[u8] {
    let mut plain = line;
    while let Some((b'>', rest)) = plain.split_first() {
        plain = rest.strip_prefix(b" ").unwrap_or(rest);
    }
    plain
}

fn without_colours(line: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = memchr::memmem::find(rest, b"\x1b[") {
        let (before, sequence) = rest.split_at(at);
        plain.extend_from_slice(before);
        let end = memchr::memchr(b'm', sequence).map_or(sequence.len(), |end| end + 1);
        rest = sequence.get(end..).unwrap_or(&[]);
    }
    plain.extend_from_slice(rest);
    plain
}

/// Whether this is a line that strace prints, and ltrace does not.
fn is_ours(line: &[u8]) -> bool {
    let prefix = prefix::parse(line);
    let body = line.get(prefix.body..).unwrap_or(&[]);
    if body.starts_with(b"strace: ")
        || body.starts_with(b"% time     seconds  usecs/call     calls    errors syscall")
        || body.starts_with(TABLE_RULE)
        || body.trim_ascii() == b"<detached ...>"
        || is_message(body)
    {
        return true;
    }
    if let Some(inner) = body.strip_prefix(b"+++ ") {
        return inner.starts_with(b"exited with ") || inner.starts_with(b"superseded ");
    }
    if let Some(inner) = body.strip_prefix(b"--- ") {
        return memchr::memmem::find(inner, b"{si_signo=SIG").is_some();
    }
    let (name, is_resumed) = match body.strip_prefix(b"<... ") {
        Some(inner) => (inner, true),
        None => (body, false),
    };
    let (name, rest) = name.split_at(name_len(name));
    if is_resumed {
        return is_call_name(name) && rest.starts_with(b" resumed>");
    }
    if !is_call_name(name) {
        return false;
    }
    let Some(text) = rest.strip_prefix(b"(") else {
        return false;
    };
    if text.ends_with(b" <unfinished ...>") {
        return true;
    }
    let mut scanner = Scanner::new(text);
    loop {
        match scanner.next().1 {
            End::Comma => {}
            End::Close(at) => {
                return text
                    .get(at + 1..)
                    .is_some_and(|rest| tail::parse(rest).is_some() && !is_truss_result(rest));
            }
            End::Cut => return false,
        }
    }
}

/// `Process 1781 attached (waiting for parent)` and what else versions before 4.7 say, alone on a line or at the end of one.
fn is_message(body: &[u8]) -> bool {
    super::torn::message(body).is_some_and(|(at, _)| {
        let before = body.get(..at).unwrap_or(&[]);
        let name = before.get(..name_len(before)).unwrap_or(&[]);
        before.is_empty() || (is_call_name(name) && before.get(name.len()) == Some(&b'('))
    })
}

/// `= 34369261568 (0x800896000)`: truss of FreeBSD prints results twice, strace never.
fn is_truss_result(rest: &[u8]) -> bool {
    let Some(at) = memchr::memmem::rfind(rest, b" (0x") else {
        return false;
    };
    let number = rest.get(at + 4..).and_then(|rest| rest.strip_suffix(b")"));
    number.is_some_and(|number| number.iter().all(u8::is_ascii_hexdigit))
}

fn is_call_name(name: &[u8]) -> bool {
    unspool_model::syscalls::Syscall::by_name(name).is_some()
        || name.starts_with(b"syscall_0x")
        || name == b"???"
}

/// The thread that the first lines, which name none, are about: the first in `[pid N]` that nobody has made, or the
/// one that strace said it attached to.
pub(super) fn leader(head: &[u8]) -> Option<u32> {
    let mut children = BTreeSet::new();
    let mut first_attached = None;
    let mut had_unnamed = false;
    let mut seen = Vec::new();
    for line in head.split(|byte| *byte == b'\n') {
        let line = without_marks(line).trim_ascii_start();
        let prefix = prefix::parse(line);
        let body = line.get(prefix.body..).unwrap_or(&[]);
        if let Some(tid) = attached(body) {
            if children.is_empty() && !had_unnamed && first_attached.is_none() {
                first_attached = Some(tid);
            } else {
                children.insert(tid);
            }
            continue;
        }
        match prefix.tid {
            Some(tid) if prefix.features.contains(Features::PID_BRACKETS) => {
                if Some(tid) == first_attached {
                    return Some(tid);
                }
                // A child may be named before the call that made it has returned.
                if seen.len() < SEEN_MAX && !seen.contains(&tid) {
                    seen.push(tid);
                }
            }
            Some(_) => return None,
            None if prefix.time != Time::None || name_len(body) > 0 => {
                if let Some(tid) = first_attached {
                    return Some(tid);
                }
                had_unnamed = true;
            }
            None => {}
        }
        if let Some(child) = child(body) {
            children.insert(child);
        }
    }
    if first_attached.is_some() || !had_unnamed {
        return first_attached;
    }
    seen.into_iter().find(|tid| !children.contains(tid))
}

/// `strace: Process 1781 attached`, also at the end of a torn line.
fn attached(body: &[u8]) -> Option<u32> {
    let at = memchr::memmem::find(body, b"Process ")?;
    let rest = body.get(at + 8..)?;
    let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = rest.split_at_checked(len)?;
    if !rest.starts_with(b" attached") {
        return None;
    }
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// What a call that makes threads returned.
fn child(body: &[u8]) -> Option<u32> {
    let name = body.strip_prefix(b"<... ").unwrap_or(body);
    let (name, _) = name.split_at(name_len(name));
    if !super::call::is_fork(name) {
        return None;
    }
    let at = memchr::memmem::rfind(body, b")")?;
    let mut text = body.get(at + 1..)?;
    if let Some(place) = memchr::memmem::find(text, b"=") {
        text = text.get(place..)?;
    }
    match tail::parse(text)?.outcome {
        Outcome::Returned(tid @ 1..) => u32::try_from(tid).ok(),
        _ => None,
    }
}
