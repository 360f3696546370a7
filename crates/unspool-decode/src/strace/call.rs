//! Calls: complete ones, halves, and what becomes of halves whose other half never comes.

use unspool_model::args::Args;
use unspool_model::event::{Call, CallName, Event, Kind, Outcome, Reason};
use unspool_model::ids::Tid;
use unspool_model::syscalls::{Architecture, Category, Operation, Syscall};

use super::prefix::{Prefix, Time};
use super::scan::{Scanner, scan, scan_with, trim_start};
use super::tail::{self, Tail};
use super::threads::NO_TID;
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

/// Whether a call of the table is [`begins_at_once`], most told by what they are about.
#[inline]
fn known_begins_at_once(call: Syscall) -> bool {
    call.category() == Category::Process && begins_at_once(call.name().as_bytes())
}

/// Whether a call of the table is [`is_write`].
#[inline]
fn known_is_write(call: Syscall) -> bool {
    call.operation() == Operation::Write && is_write(call.name().as_bytes())
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
        let (name, len) = if let Some((call, len)) = Syscall::at_start(body) {
            (CallName::Known(call), len)
        } else {
            let len = name_len(body);
            (CallName::from_bytes(body.get(..len).unwrap_or(body)), len)
        };
        let Some((b'(', text)) = body.get(len..).and_then(<[u8]>::split_first) else {
            return Verdict::Foreign;
        };
        if let Some((text, end)) = half_end(text) {
            let tid = self.tid_of(prefix);
            let time_ns = self.stamp(prefix.time, sink);
            self.begin(tid, time_ns, name, text, end, sink);
            return Verdict::Done;
        }
        let mut event = call_event(name, self.options.architecture);
        let Kind::Call(call) = &mut event.kind else {
            return Verdict::Foreign;
        };
        let mut named = false;
        let closed = scan(text, &mut call.args, &mut named);
        // Arguments of clone have names without `-N` too.
        if named && !is_fork(name.as_bytes()) {
            self.features.insert(Features::ARGUMENT_NAMES);
        }
        if let Some(close) = closed
            && !(is_write(name.as_bytes()) && super::torn::has_torn_count(&call.args))
            && let Some(tail) = text.get(close + 1..).and_then(tail::parse)
        {
            let tid = self.tid_of(prefix);
            let time_ns = self.stamp(prefix.time, sink);
            self.stats.event_lines += 1;
            end_call(call, tail);
            self.complete(tid, time_ns, &mut event, sink);
            return Verdict::Done;
        }
        let name = name.as_bytes();
        let closed_at = closed_at.and_then(|at| at.checked_sub(prefix.body + len + 1));
        match self.torn_call(prefix, name, text, closed.is_none(), closed_at, sink) {
            Verdict::More(need) if need > 0 => Verdict::More(need + len + 1),
            Verdict::MoreFrom(place) => Verdict::MoreFrom(place + len + 1),
            other => other,
        }
    }

    /// A complete call of one line, its event all but whose and when.
    #[inline]
    pub(super) fn complete(
        &mut self,
        tid: u32,
        time_ns: i64,
        event: &mut Event<'_>,
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
        if let Kind::Call(call) = &mut event.kind {
            call.architecture = architecture;
            self.count_call(tid, call);
        }
        give_call(event, tid, time_ns, sink);
    }

    #[inline]
    fn count_call(&mut self, tid: u32, call: &Call<'_>) {
        self.stats.calls += 1;
        if let Some(duration) = call.duration_ns {
            self.features.insert(Features::DURATION);
            self.stats.duration_ns = self
                .stats
                .duration_ns
                .saturating_add(duration.unsigned_abs());
        }
        if !call.result_path.is_empty() {
            self.features.insert(Features::OBJECTS);
        }
        if self.features.contains(Features::PID) {
            return;
        }
        let name = call.name.as_bytes();
        if is_fork(name) {
            if let Outcome::Returned(child @ 1..) = call.outcome
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
        name: CallName<'_>,
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
        name: CallName<'_>,
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
        if name.known().is_some_and(known_begins_at_once) {
            // The arguments of a first half are cut: there is no end to find.
            Self::give(
                tid,
                time_ns,
                Kind::CallBegin(unfinished(name, text, architecture)),
                sink,
            );
        }
        if !has_room {
            self.stats.calls += 1;
            Self::give(
                tid,
                time_ns,
                Kind::Call(unfinished(name, text, architecture)),
                sink,
            );
            self.report(Reason::NeverResumed, name.as_bytes(), sink);
            return;
        }
        thread.call = name.known();
        if let CallName::Other(name) = name {
            thread.other_name.clear();
            thread.other_name.extend_from_slice(name);
        }
        thread.text.clear();
        thread.text.extend_from_slice(text);
        thread.time_ns = time_ns;
        thread.is_open = true;
        self.threads.open += 1;
        self.threads.open_bytes += text.len();
        self.last_half = Some(tid);
        if name.known().is_some_and(known_is_write) {
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
        let call = unfinished(thread.name(), &thread.text, thread.architecture);
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
        // Nearly always the thread is known to be in this call.
        if let Some(tid) = prefix.tid
            && !prefix.features.contains(Features::PID_BRACKETS)
            && closed_at.is_none()
            && let Some(thread) = self.threads.get(tid).filter(|thread| thread.is_open)
            && let Some(rest) = inner.strip_prefix(thread.name().as_bytes())
            && let Some(rest) = rest.strip_prefix(b" resumed>")
            && !matches!(rest.first(), Some(b' ' | b'<'))
        {
            return self.resume(prefix.time, tid, rest, None, sink);
        }
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
        let mut text = std::mem::take(&mut thread.text);
        let other_name = match thread.call {
            Some(_) => Vec::new(),
            None => std::mem::take(&mut thread.other_name),
        };
        let known = thread.call;
        let half = Half {
            name: known.map_or(CallName::Other(&other_name), CallName::Known),
            start_ns: thread.time_ns,
            architecture: thread.architecture,
            text: &[],
            closed_at: closed_at.map(|at| at + first_len),
        };
        let verdict = if self.join_ended(time, tid, &half, &mut text, rest, sink) {
            Verdict::Done
        } else {
            text.extend_from_slice(rest);
            let half = Half {
                text: &text,
                ..half
            };
            match self.join(time, tid, &half, None, sink) {
                Ok(()) => Verdict::Done,
                Err(is_cut) => self.torn_join(time, tid, &half, is_cut, sink),
            }
        };
        // Only the first half was counted as open.
        text.truncate(first_len);
        if let Some(thread) = self.threads.get(tid) {
            thread.text = text;
            if known.is_none() {
                thread.other_name = other_name;
            }
        }
        match verdict {
            Verdict::Done => self.threads.close(tid),
            Verdict::More(need) => return Verdict::More(need.saturating_sub(first_len)),
            Verdict::MoreFrom(_) | Verdict::Foreign => {}
        }
        verdict
    }

    /// Joins two halves of which the second begins with the parenthesis, as most do: then nothing needs to be copied.
    #[inline]
    fn join_ended(
        &mut self,
        time: Time,
        tid: u32,
        half: &Half<'_>,
        text: &mut Vec<u8>,
        rest: &[u8],
        sink: &mut dyn EventSink,
    ) -> bool {
        let Some((b')', after)) = rest.split_first() else {
            return false;
        };
        text.push(b')');
        let half = Half { text, ..*half };
        let is_done = self.join(time, tid, &half, Some(after), sink).is_ok();
        text.pop();
        is_done
    }

    /// Both halves of a call are there. `after` is what stands behind the last byte of the text, which must be the
    /// parenthesis then; else the text goes on to the end of the line. Gives whether the text ends before the parenthesis
    /// where it is not understood.
    fn join(
        &mut self,
        time: Time,
        tid: u32,
        half: &Half<'_>,
        after: Option<&[u8]>,
        sink: &mut dyn EventSink,
    ) -> Result<(), bool> {
        let text = half.text;
        let mut event = call_event(half.name, half.architecture);
        let Kind::Call(call) = &mut event.kind else {
            return Err(false);
        };
        let mut scanner = Scanner::new(text);
        let closed = scan_with(&mut scanner, &mut call.args, &mut false);
        let is_torn = is_write(half.name.as_bytes()) && super::torn::has_torn_count(&call.args);
        let after = match (closed, after) {
            (Some(close), Some(after)) if close + 1 == text.len() && scanner.is_sure() => {
                Some(after)
            }
            (Some(close), None) => text.get(close + 1..),
            _ => None,
        };
        let Some(tail) = after.filter(|_| !is_torn).and_then(tail::parse) else {
            return Err(closed.is_none());
        };
        self.joined(time, tid, half, &mut event, tail, sink);
        Ok(())
    }

    /// Gives a call of two halves on, of which the arguments are in place.
    #[inline]
    pub(super) fn joined<'a>(
        &mut self,
        time: Time,
        tid: u32,
        half: &Half<'_>,
        event: &mut Event<'a>,
        tail: Tail<'a>,
        sink: &mut dyn EventSink,
    ) {
        let now = self.stamp(time, sink);
        self.announced_is_over(tid);
        self.stats.half_lines += 1;
        self.stats.resumed += 1;
        self.last_half = None;
        if let Kind::Call(call) = &mut event.kind {
            call.architecture = half.architecture;
            end_call(call, tail);
            self.count_call(tid, call);
            if call.duration_ns.is_none() && self.clock.kind() != ClockKind::None {
                call.duration_ns = Some(now.saturating_sub(half.start_ns).max(0));
            }
        }
        give_call(event, tid, half.start_ns, sink);
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
        let mut event = call_event(CallName::from_bytes(name), self.options.architecture);
        if let Kind::Call(call) = &mut event.kind {
            // Which argument the first printed one is cannot be known: the text is kept, the list is not.
            call.args.text = args.text;
            end_call(call, tail);
            self.count_call(tid, call);
        }
        let duration_ns = tail.duration_ns.unwrap_or(0);
        give_call(&mut event, tid, now.saturating_sub(duration_ns), sink);
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

/// A call without its end.
fn unfinished<'a>(name: CallName<'a>, text: &'a [u8], architecture: Architecture) -> Call<'a> {
    let mut args = Args::new(&[]);
    scan(text, &mut args, &mut false);
    Call {
        name,
        args,
        outcome: Outcome::Unfinished,
        duration_ns: None,
        result_path: &[],
        architecture,
    }
}

/// An event whose arguments and end are put in place: events are large, so that copies cost.
#[inline]
pub(super) fn call_event(name: CallName<'_>, architecture: Architecture) -> Event<'_> {
    Event {
        time_ns: 0,
        tid: None,
        kind: Kind::Call(Call {
            name,
            args: Args::new(&[]),
            outcome: Outcome::Unfinished,
            duration_ns: None,
            result_path: &[],
            architecture,
        }),
    }
}

/// Puts the end of a call in place.
#[inline]
pub(super) fn end_call<'a>(call: &mut Call<'a>, tail: Tail<'a>) {
    call.outcome = tail.outcome;
    call.duration_ns = tail.duration_ns;
    call.result_path = tail.result_path;
}

/// Gives the event of a call on.
#[inline]
fn give_call(event: &mut Event<'_>, tid: u32, time_ns: i64, sink: &mut dyn EventSink) {
    event.time_ns = time_ns;
    event.tid = (tid != NO_TID).then_some(Tid(tid));
    sink.event(event);
}
