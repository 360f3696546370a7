//! Calls: complete ones, halves, and what becomes of halves whose other half never comes.

use unspool_model::args::Args;
use unspool_model::event::{Call, CallName, Kind, Outcome, Reason};
use unspool_model::syscalls::Architecture;

use super::prefix::{Prefix, Time};
use super::scan::{scan, trim_start};
use super::tail::{self, Tail};
use super::{Lines, Verdict};
use crate::decoder::Features;
use unspool_model::event::{ClockKind, EventSink};

/// What stands at the end of a first half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum HalfEnd {
    /// `<unfinished ...>`, `<detached ...>`.
    Unfinished,
    /// `<pid changed to N ...>`: the call goes on under that number.
    PidChanged(u32),
}

/// Calls whose beginning matters before their end: they make, replace or end processes.
pub(super) fn begins_at_once(name: &[u8]) -> bool {
    is_fork(name) || matches!(name, b"execve" | b"execveat" | b"exit" | b"exit_group")
}

/// Calls that make threads or processes.
pub(super) fn is_fork(name: &[u8]) -> bool {
    matches!(name, b"clone" | b"clone3" | b"fork" | b"vfork")
}

/// `???` stands for a call whose number strace could not read; before 4.11 `????`.
pub(super) fn is_unknown(name: &[u8]) -> bool {
    name.starts_with(b"???") && name.iter().all(|byte| *byte == b'?')
}

/// Calls whose third argument is a count of bytes that may be followed by the bytes themselves, when program and
/// tracer share their output.
fn is_write(name: &[u8]) -> bool {
    matches!(name, b"write" | b"pwrite64")
}

/// Length of the name at the start of a body.
#[inline]
pub(super) fn name_len(body: &[u8]) -> usize {
    let mut len = 0;
    while let Some(b'a'..=b'z' | b'0'..=b'9' | b'_' | b'A'..=b'Z' | b'?') = body.get(len) {
        len += 1;
    }
    len
}

/// Cuts the mark of a first half off the end.
#[inline]
fn half_end(text: &[u8]) -> Option<(&[u8], HalfEnd)> {
    if !text.ends_with(b" ...>") {
        return None;
    }
    if let Some(text) = text.strip_suffix(b"<unfinished ...>") {
        return Some((text.strip_suffix(b" ").unwrap_or(text), HalfEnd::Unfinished));
    }
    if let Some(text) = text.strip_suffix(b"<detached ...>") {
        return Some((text.strip_suffix(b" ").unwrap_or(text), HalfEnd::Unfinished));
    }
    let at = memchr::memrchr(b'<', text)?;
    let (text, mark) = text.split_at(at);
    let number = mark
        .strip_prefix(b"<pid changed to ")?
        .strip_suffix(b" ...>")?;
    let tid = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some((
        text.strip_suffix(b" ").unwrap_or(text),
        HalfEnd::PidChanged(tid),
    ))
}

impl Lines {
    /// Thread of a line.
    #[inline]
    pub(super) fn tid_of(&mut self, prefix: &Prefix) -> u32 {
        match prefix.tid {
            Some(tid) if !prefix.features.contains(Features::PID_BRACKETS) => tid,
            Some(tid) => self.pids.bracketed(tid),
            None => self.pids.unnamed(),
        }
    }

    /// `name(args) = result`, or its first half.
    pub(super) fn call(
        &mut self,
        prefix: &Prefix,
        body: &[u8],
        closed_at: Option<usize>,
        sink: &mut dyn EventSink,
    ) -> Verdict {
        let len = name_len(body);
        let Some((name, rest)) = body.split_at_checked(len) else {
            return Verdict::Foreign;
        };
        let Some(text) = rest.strip_prefix(b"(") else {
            return Verdict::Foreign;
        };
        if let Some((text, end)) = half_end(text) {
            let tid = self.tid_of(prefix);
            let time_ns = self.stamp(prefix.time, sink);
            self.begin(tid, time_ns, name, text, end, sink);
            return Verdict::Done;
        }
        let mut args = Args::new(&[]);
        let mut named = false;
        let closed = scan(text, &mut args, &mut named);
        // Arguments of clone have names without `-N` too.
        if named && !is_fork(name) {
            self.features.insert(Features::ARGUMENT_NAMES);
        }
        if let Some(close) = closed
            && !(is_write(name) && super::torn::has_torn_count(&args))
            && let Some(tail) = text.get(close + 1..).and_then(tail::parse)
        {
            let tid = self.tid_of(prefix);
            let time_ns = self.stamp(prefix.time, sink);
            self.stats.event_lines += 1;
            self.complete(tid, time_ns, CallName::from_bytes(name), &args, tail, sink);
            return Verdict::Done;
        }
        let closed_at = closed_at.and_then(|at| at.checked_sub(prefix.body + len + 1));
        match self.torn_call(prefix, name, text, closed.is_none(), closed_at, sink) {
            Verdict::More(need) if need > 0 => Verdict::More(need + len + 1),
            Verdict::MoreFrom(place) => Verdict::MoreFrom(place + len + 1),
            other => other,
        }
    }

    /// A complete call of one line.
    #[inline]
    pub(super) fn complete(
        &mut self,
        tid: u32,
        time_ns: i64,
        name: CallName<'_>,
        args: &Args<'_>,
        tail: Tail<'_>,
        sink: &mut dyn EventSink,
    ) {
        // A thread that makes another call has left the one it was in.
        let mut architecture = self.options.architecture;
        if let Some(thread) = self.threads.get(tid) {
            architecture = thread.architecture;
            if thread.is_open {
                self.never_resumed(tid, Reason::NeverResumed, sink);
            }
        }
        self.last_half = None;
        self.count_call(tid, name.as_bytes(), tail);
        Self::give(
            tid,
            time_ns,
            Kind::Call(Call {
                name,
                args: *args,
                outcome: tail.outcome,
                duration_ns: tail.duration_ns,
                result_path: tail.result_path,
                architecture,
            }),
            sink,
        );
    }

    #[inline]
    fn count_call(&mut self, tid: u32, name: &[u8], tail: Tail<'_>) {
        self.stats.calls += 1;
        if let Some(duration) = tail.duration_ns {
            self.features.insert(Features::DURATION);
            self.stats.duration_ns = self
                .stats
                .duration_ns
                .saturating_add(duration.unsigned_abs());
        }
        if !tail.result_path.is_empty() {
            self.features.insert(Features::OBJECTS);
        }
        if self.features.contains(Features::PID) {
            return;
        }
        if is_fork(name) {
            if let Outcome::Returned(child @ 1..) = tail.outcome
                && let Ok(child) = u32::try_from(child)
            {
                self.pids.born(child);
            }
        } else if matches!(name, b"exit" | b"exit_group") {
            self.pids.ended(tid);
        }
    }

    /// A first half.
    fn begin(
        &mut self,
        tid: u32,
        time_ns: i64,
        name: &[u8],
        text: &[u8],
        end: HalfEnd,
        sink: &mut dyn EventSink,
    ) {
        self.stats.half_lines += 1;
        self.enter(tid, time_ns, name, text, sink);
        if let HalfEnd::PidChanged(to) = end {
            if self.threads.get(to).is_some_and(|thread| thread.is_open) {
                self.never_resumed(to, Reason::NeverResumed, sink);
            }
            self.threads.rename(tid, to);
        }
    }

    /// A thread is in a call.
    pub(super) fn enter(
        &mut self,
        tid: u32,
        time_ns: i64,
        name: &[u8],
        text: &[u8],
        sink: &mut dyn EventSink,
    ) {
        self.stats.unfinished += 1;
        if self.threads.get(tid).is_some_and(|thread| thread.is_open) {
            self.never_resumed(tid, Reason::UnfinishedTwice, sink);
        }
        let has_room = self.threads.has_room(text.len());
        let architecture = self.options.architecture;
        let Some(thread) = self.threads.enter(tid, architecture) else {
            return;
        };
        let architecture = thread.architecture;
        if begins_at_once(name) {
            let mut args = Args::new(&[]);
            let mut named = false;
            // The arguments of a first half are cut: there is no end to find.
            scan(text, &mut args, &mut named);
            let call = unfinished(CallName::from_bytes(name), &args, architecture);
            Self::give(tid, time_ns, Kind::CallBegin(call), sink);
        }
        if !has_room {
            let mut args = Args::new(&[]);
            scan(text, &mut args, &mut false);
            let call = unfinished(CallName::from_bytes(name), &args, architecture);
            self.stats.calls += 1;
            Self::give(tid, time_ns, Kind::Call(call), sink);
            self.report(Reason::NeverResumed, name, sink);
            return;
        }
        let name = CallName::from_bytes(name);
        thread.call = name.known();
        thread.other_name.clear();
        if thread.call.is_none() {
            thread.other_name.extend_from_slice(name.as_bytes());
        }
        thread.text.clear();
        thread.text.extend_from_slice(text);
        thread.time_ns = time_ns;
        thread.is_open = true;
        self.threads.open += 1;
        self.threads.open_bytes += text.len();
        self.last_half = Some(tid);
        if is_write(name.as_bytes()) {
            self.announce(tid, text);
        }
    }

    /// Gives the open call of a thread as one that never returned.
    pub(super) fn never_resumed(&mut self, tid: u32, reason: Reason, sink: &mut dyn EventSink) {
        let Some(thread) = self.threads.get(tid) else {
            return;
        };
        if !thread.is_open {
            return;
        }
        let mut args = Args::new(&[]);
        scan(&thread.text, &mut args, &mut false);
        let call = unfinished(thread.name(), &args, thread.architecture);
        let mut excerpt = [0_u8; 32];
        let name = thread.name().as_bytes();
        let len = name.len().min(excerpt.len());
        if let (Some(to), Some(from)) = (excerpt.get_mut(..len), name.get(..len)) {
            to.copy_from_slice(from);
        }
        Self::give(tid, thread.time_ns, Kind::Call(call), sink);
        self.stats.calls += 1;
        self.threads.close(tid);
        self.announced_is_over(tid);
        self.report(reason, excerpt.get(..len).unwrap_or(&[]), sink);
    }

    /// `<... name resumed>rest) = result`.
    pub(super) fn resumed(
        &mut self,
        prefix: &Prefix,
        body: &[u8],
        closed_at: Option<usize>,
        sink: &mut dyn EventSink,
    ) -> Verdict {
        let Some(inner) = body.strip_prefix(b"<... ") else {
            return Verdict::Foreign;
        };
        let (name, rest) = inner.split_at(name_len(inner));
        let Some(rest) = rest.strip_prefix(b" resumed>") else {
            return Verdict::Foreign;
        };
        let rest_at = body.len() - rest.len();
        let mut tid = self.tid_of(prefix);
        if prefix.tid.is_none()
            && !self.is_in(tid, name)
            && let Some(other) = self.threads.only_in(name)
        {
            tid = other;
        }
        // The thread ended inside of the call: `<... futex resumed> <unfinished ...>) = ?`.
        let marked = trim_start(rest);
        let rest = match marked.strip_prefix(b"<unfinished ...>") {
            Some([]) => {
                self.stamp(prefix.time, sink);
                self.stats.half_lines += 1;
                self.stats.resumed += 1;
                return Verdict::Done;
            }
            Some(after) => after,
            None => rest,
        };
        let closed_at = closed_at.and_then(|at| at.checked_sub(prefix.body + rest_at));
        if self.is_in(tid, name) {
            self.resume(prefix.time, tid, rest, closed_at, sink)
        } else if is_unknown(name) && self.threads.get(tid).is_some_and(|thread| thread.is_open) {
            // strace lost the thread's state for a moment; the call that it is in goes on.
            self.stamp(prefix.time, sink);
            self.stats.half_lines += 1;
            self.stats.resumed += 1;
            Verdict::Done
        } else {
            self.orphan(prefix.time, tid, name, rest, sink)
        }
    }

    /// Whether a thread is in a call of this name.
    #[inline]
    fn is_in(&mut self, tid: u32, name: &[u8]) -> bool {
        self.threads
            .get(tid)
            .is_some_and(|thread| thread.is_open && thread.name().as_bytes() == name)
    }

    /// The second half of the open call of a thread.
    pub(super) fn resume(
        &mut self,
        time: Time,
        tid: u32,
        rest: &[u8],
        closed_at: Option<usize>,
        sink: &mut dyn EventSink,
    ) -> Verdict {
        let Some(thread) = self.threads.get(tid) else {
            return Verdict::Foreign;
        };
        let first_len = thread.text.len();
        thread.text.extend_from_slice(rest);
        let text = std::mem::take(&mut thread.text);
        let other_name = std::mem::take(&mut thread.other_name);
        let half = Half {
            name: match thread.call {
                Some(call) => CallName::Known(call),
                None => CallName::Other(&other_name),
            },
            start_ns: thread.time_ns,
            architecture: thread.architecture,
            text: &text,
            closed_at: closed_at.map(|at| at + first_len),
        };
        let verdict = self.join(time, tid, half, sink);
        self.give_back(tid, text, other_name, first_len);
        match verdict {
            Verdict::Done => self.threads.close(tid),
            Verdict::More(need) => return Verdict::More(need.saturating_sub(first_len)),
            Verdict::MoreFrom(_) | Verdict::Foreign => {}
        }
        verdict
    }

    /// Puts the buffers of a thread back, the second half taken off: only the first was counted as open.
    fn give_back(&mut self, tid: u32, mut text: Vec<u8>, other_name: Vec<u8>, first_len: usize) {
        text.truncate(first_len);
        if let Some(thread) = self.threads.get(tid) {
            thread.text = text;
            thread.other_name = other_name;
        }
    }

    /// Both halves of a call are there.
    fn join(&mut self, time: Time, tid: u32, half: Half<'_>, sink: &mut dyn EventSink) -> Verdict {
        let text = half.text;
        let mut args = Args::new(&[]);
        let mut named = false;
        let closed = scan(text, &mut args, &mut named);
        let torn_count = is_write(half.name.as_bytes()) && super::torn::has_torn_count(&args);
        let tail = match closed {
            Some(close) if !torn_count => text.get(close + 1..).and_then(tail::parse),
            _ => None,
        };
        let Some(tail) = tail else {
            return self.torn_join(time, tid, &half, closed.is_none(), sink);
        };
        self.joined(time, tid, &half, &args, tail, sink);
        Verdict::Done
    }

    /// Gives a call of two halves on.
    pub(super) fn joined(
        &mut self,
        time: Time,
        tid: u32,
        half: &Half<'_>,
        args: &Args<'_>,
        tail: Tail<'_>,
        sink: &mut dyn EventSink,
    ) {
        let now = self.stamp(time, sink);
        self.announced_is_over(tid);
        self.stats.half_lines += 1;
        self.stats.resumed += 1;
        self.last_half = None;
        self.count_call(tid, half.name.as_bytes(), tail);
        let duration_ns = match tail.duration_ns {
            None if self.clock.kind() != ClockKind::None => {
                Some(now.saturating_sub(half.start_ns).max(0))
            }
            told => told,
        };
        Self::give(
            tid,
            half.start_ns,
            Kind::Call(Call {
                name: half.name,
                args: *args,
                outcome: tail.outcome,
                duration_ns,
                result_path: tail.result_path,
                architecture: half.architecture,
            }),
            sink,
        );
    }

    /// A second half without a first: the log begins in the middle of the call.
    fn orphan(
        &mut self,
        time: Time,
        tid: u32,
        name: &[u8],
        rest: &[u8],
        sink: &mut dyn EventSink,
    ) -> Verdict {
        let mut args = Args::new(&[]);
        let Some(close) = scan(rest, &mut args, &mut false) else {
            return Verdict::Foreign;
        };
        let Some(tail) = rest.get(close + 1..).and_then(tail::parse) else {
            return Verdict::Foreign;
        };
        self.never_resumed(tid, Reason::NeverResumed, sink);
        let now = self.stamp(time, sink);
        self.report(Reason::ResumedWithoutStart, name, sink);
        self.stats.half_lines += 1;
        self.stats.resumed += 1;
        self.last_half = None;
        self.count_call(tid, name, tail);
        // Which argument the first printed one is cannot be known: the text is kept, the list is not.
        let text = args.text;
        Self::give(
            tid,
            now.saturating_sub(tail.duration_ns.unwrap_or(0)),
            Kind::Call(Call {
                name: CallName::from_bytes(name),
                args: Args::new(text),
                outcome: tail.outcome,
                duration_ns: tail.duration_ns,
                result_path: tail.result_path,
                architecture: self.options.architecture,
            }),
            sink,
        );
        Verdict::Done
    }
}

/// A call of which all text is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Half<'a> {
    pub(super) name: CallName<'a>,
    pub(super) start_ns: i64,
    pub(super) architecture: Architecture,
    pub(super) text: &'a [u8],
    pub(super) closed_at: Option<usize>,
}

fn unfinished<'a>(name: CallName<'a>, args: &Args<'a>, architecture: Architecture) -> Call<'a> {
    Call {
        name,
        args: *args,
        outcome: Outcome::Unfinished,
        duration_ns: None,
        result_path: &[],
        architecture,
    }
}
