//! Lines that another writer tore apart: the traced program wrote to the same file while strace was in the middle of
//! a line, or strace itself put a message there.
//!
//! Example (both lines are one call; the program wrote 31 bytes):
//! ```text
//! write(2</x.log>, "libdir = \"/usr/lib64"..., 31libdir = "/usr/lib64/graphviz"
//! ) = 31 <0.000014>
//! ```

#[cfg(test)]
mod tests;
mod waited;

use unspool_model::args::text::string_end;
use unspool_model::args::{Arg, Args};
use unspool_model::event::{CallName, ClockKind, Event, EventSink, Kind, Reason};
use unspool_model::syscalls::Architecture;

use super::call::{Half, call_event, end_call};
use super::prefix::{Prefix, Time};
use super::scan::{End, Scanner, scan, trim_start};
use super::tail::{self, Tail};
use super::{Lines, Verdict};

/// Most bytes of a torn line that are held back.
pub const HELD_BYTES_MAX: usize = 1 << 20;
/// Most lines of a torn line that are held back.
pub const HELD_LINES_MAX: u64 = 16 << 10;

/// A line whose end has not come yet.
#[derive(Default, Debug)]
pub(super) struct Held {
    text: Vec<u8>,
    /// Lines in it.
    lines: u64,
    /// Do not look again before there are so many bytes.
    need: usize,
    /// The next line goes on without a line end between.
    is_glued: bool,
    /// It stops where a call waits for arguments that strace prints at its end: other text may come before them.
    waits: bool,
    line: u64,
    offset: u64,
}

impl Held {
    /// Length of its first line.
    fn first_len(&self) -> usize {
        memchr::memchr(b'\n', &self.text).unwrap_or(self.text.len())
    }

    /// Whether there is one.
    pub(super) fn is_open(&self) -> bool {
        self.lines > 0
    }
}

/// Whether the third argument is something else than the count of bytes that it ought to be.
#[inline]
pub(super) fn has_torn_count(args: &Args<'_>) -> bool {
    match args.get(2) {
        Some(Arg::Text(text)) => {
            !text.iter().all(u8::is_ascii_digit) && !is_raw_count(args.get(1), text)
        }
        _ => true,
    }
}

/// Whether the count is one of `-e raw=write`: `0x1, 0x55d567226500, 0xa4`. No data is printed there that could be torn from it.
#[cold]
fn is_raw_count(data: Option<Arg<'_>>, count: &[u8]) -> bool {
    let is_raw = |text: &[u8]| {
        text.strip_prefix(b"0x")
            .is_some_and(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit))
    };
    matches!(data, Some(Arg::Text(data)) if is_raw(data)) && is_raw(count)
}

/// How a torn call was mended.
enum Mended<'a> {
    /// Arguments, bytes of the program, end of the call.
    Whole(&'a [u8], &'a [u8], Tail<'a>),
    /// Arguments and bytes of the program of a first half.
    First(&'a [u8], &'a [u8]),
    /// The same, and a message of the tracer about a thread behind.
    Told(&'a [u8], &'a [u8], u32),
    /// So many bytes are needed at least.
    More(usize),
    /// It cannot be.
    No,
}

/// `2, "text"..., 46` + 46 bytes of the program + `) = 46`. The digits of the count may be followed by digits of the
/// program, so every length of the count is tried.
fn mend_write(text: &[u8]) -> Mended<'_> {
    let mut scanner = Scanner::new(text);
    for _ in 0..2 {
        if scanner.next().1 != End::Comma {
            return Mended::No;
        }
    }
    let rest = text.get(scanner.at..).unwrap_or(&[]);
    let mut at = scanner.at + (rest.len() - trim_start(rest).len());
    let mut count = 0_usize;
    let mut need = None;
    while let Some(digit @ b'0'..=b'9') = text.get(at) {
        count = count
            .saturating_mul(10)
            .saturating_add(usize::from(digit - b'0'));
        at += 1;
        let close = at.saturating_add(count);
        if close.saturating_add(1) >= HELD_BYTES_MAX {
            break;
        }
        let (args, output) = (text.get(..at).unwrap_or(&[]), text.get(at..close));
        if text
            .get(at..)
            .and_then(message)
            .is_some_and(|(start, _)| start == 0)
        {
            return Mended::No;
        }
        match (output, text.get(close..)) {
            (Some(output), Some([b')', after @ ..])) => {
                if let Some(tail) = tail::parse(after) {
                    return Mended::Whole(args, output, tail);
                }
            }
            (Some(output), Some(b" <unfinished ...>")) => return Mended::First(args, output),
            (Some(output), Some(rest @ [_, ..])) => {
                if let Some((0, tid)) = message(rest) {
                    return Mended::Told(args, output, tid);
                }
            }
            _ => {
                let wanted = close + 1;
                need = Some(need.map_or(wanted, |need: usize| need.min(wanted)));
            }
        }
    }
    need.map_or(Mended::No, Mended::More)
}

/// The bytes that the program wrote have been edited away, or their count is not printed: the call ends where a line
/// begins with `) = `. What stands behind the digits of the last argument is the program's.
fn mend_at(text: &[u8], close: usize) -> Option<(&[u8], &[u8], Tail<'_>)> {
    let tail = tail::parse(text.get(close + 1..)?)?;
    let before = text.get(..close)?;
    let mut scanner = Scanner::new(before);
    let mut last = 0;
    loop {
        let start = scanner.at;
        match scanner.next().1 {
            End::Comma => last = scanner.at,
            End::Cut => {
                last = last.max(start.min(last));
                break;
            }
            End::Close(_) => break,
        }
    }
    let arg = before.get(last..)?;
    let digits = trim_start(arg);
    let len = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let end = if len > 0 {
        last + (arg.len() - digits.len()) + len
    } else {
        memchr::memchr(b'\n', before).unwrap_or(before.len())
    };
    let (args, output) = before.split_at_checked(end)?;
    Some((args, output.strip_suffix(b"\n").unwrap_or(output), tail))
}

/// The arguments of a call whose thread was gone when strace came back to it: `futex(0x1, FUTEX_WAIT, 2, NULL
/// <ptrace(SYSCALL):No such process>` (4.9 to 4.25), `close(3 <Cannot restart pid 7 with ptrace(SYSCALL): ...>`. A second half
/// without a result may follow.
fn given_up(text: &[u8]) -> Option<&[u8]> {
    let at = memchr::memrchr(b'<', text)?;
    let (args, mark) = text.split_at_checked(at)?;
    let is_mark = mark.starts_with(b"<ptrace(") || mark.starts_with(b"<Cannot restart pid ");
    (is_mark && mark.ends_with(b">")).then(|| args.trim_ascii_end())
}

/// The end of a call whose brackets do not match, as strace for Android 4 prints some:
/// `sigaction(SIGSEGV, {SIG_DFL, , {0x4017dba1, [], 0}, 0) = 0`; and of one that strace knows nothing about, which before 4.7
/// has no parenthesis: `????(= ? <unavailable>`.
fn odd_end<'a>(name: &[u8], text: &'a [u8]) -> Option<(&'a [u8], Tail<'a>)> {
    if super::call::is_unknown(name) && trim_start(text).starts_with(b"= ?") {
        return Some((&[], tail::parse(text)?));
    }
    let mut found = None;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at = string_end(text, at + 1)?;
                continue;
            }
            b')' => {
                let tail = text.get(at + 1..).and_then(tail::parse);
                found = tail.map(|tail| (at, tail)).or(found);
            }
            // Joined lines: the end may be that of another call.
            b'\n' => return None,
            _ => {}
        }
        at += 1;
    }
    let (close, tail) = found?;
    Some((text.get(..close)?, tail))
}

/// The event of a call whose text was mended; the architecture is filled in later.
fn read_call<'a>(name: CallName<'a>, text: &'a [u8], tail: Tail<'a>) -> Event<'a> {
    let mut event = call_event(name, Architecture::Other);
    if let Kind::Call(call) = &mut event.kind {
        scan(text, &mut call.args, &mut false);
        end_call(call, tail);
    }
    event
}

/// Whether a line begins something new, and cannot be the rest of a call.
fn is_fresh(line: &[u8]) -> bool {
    let body = line.get(super::prefix::parse(line).body..).unwrap_or(&[]);
    super::mixed::begins_call(line) || body.starts_with(b"+++ ") || body.starts_with(b"--- ")
}

/// Place of a message of the tracer at the end of a text, and the thread it is about:
/// `strace: Process 1781 attached`, of old versions `Process 1781 attached (waiting for parent)`.
pub(super) fn message(text: &[u8]) -> Option<(usize, u32)> {
    let at = memchr::memmem::rfind(text, b"Process ")?;
    let rest = text.get(at + 8..)?;
    let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = rest.split_at_checked(len)?;
    let told = [&b" attached"[..], b" detached", b" suspended", b" resumed"];
    if !told.iter().any(|word| rest.starts_with(word)) {
        return None;
    }
    let tid = std::str::from_utf8(number).ok()?.parse().ok()?;
    let before = text.get(..at)?;
    let at = before.strip_suffix(b"strace: ").map_or(at, <[u8]>::len);
    Some((at, tid))
}

/// Whether the message at `at` has this word.
fn tells(text: &[u8], at: usize, word: &[u8]) -> bool {
    memchr::memmem::find(text.get(at..).unwrap_or(&[]), word).is_some()
}

impl Lines {
    /// A call on one line (or joined lines) that the plain scan did not explain.
    #[cold]
    pub(super) fn torn_call(
        &mut self,
        prefix: &Prefix,
        name: &[u8],
        text: &[u8],
        is_cut: bool,
        closed_at: Option<usize>,
        sink: &mut dyn EventSink,
    ) -> Verdict {
        let mut need = 0;
        if name == b"write" || name == b"pwrite64" {
            match mend_write(text) {
                Mended::Whole(args, output, tail) => {
                    return self.mended(prefix, name, (args, output, tail), sink);
                }
                Mended::First(args, output) => {
                    let tid = self.tid_of(prefix);
                    let time_ns = self.stamp(prefix.time, sink);
                    self.output_inside(tid, time_ns, output, sink);
                    self.stats.half_lines += 1;
                    self.enter(tid, time_ns, CallName::from_bytes(name), args, sink);
                    self.announced_is_over(tid);
                    return Verdict::Done;
                }
                Mended::Told(args, output, attached) => {
                    let tid = self.tid_of(prefix);
                    let time_ns = self.stamp(prefix.time, sink);
                    self.output_inside(tid, time_ns, output, sink);
                    self.attached_inside(time_ns, attached, sink);
                    self.printed_by = Some(tid);
                    return Verdict::MoreFrom(args.len());
                }
                Mended::More(bytes) => need = bytes,
                Mended::No => {}
            }
        }
        if let Some(mended) = closed_at.and_then(|at| mend_at(text, at)) {
            return self.mended(prefix, name, mended, sink);
        }
        let told = message(text).filter(|_| is_cut);
        // Behind a detachment nothing comes any more, also no output that was announced.
        let is_over = told.is_some_and(|(at, _)| tells(text, at, b" detached"));
        if need > 0 && !is_over {
            return Verdict::More(need);
        }
        if let Some((at, tid)) = told {
            let time_ns = self.stamp(prefix.time, sink);
            if tells(text, at, b" attached") {
                self.attached_inside(time_ns, tid, sink);
            }
            return Verdict::MoreFrom(at);
        }
        if let Some(args) = given_up(text).filter(|_| is_cut) {
            let tid = self.tid_of(prefix);
            let time_ns = self.stamp(prefix.time, sink);
            self.stats.half_lines += 1;
            self.enter(tid, time_ns, CallName::from_bytes(name), args, sink);
            return Verdict::Done;
        }
        if is_cut && let Some((args, tail)) = odd_end(name, text) {
            let tid = self.tid_of(prefix);
            let time_ns = self.stamp(prefix.time, sink);
            self.stats.event_lines += 1;
            let mut event = read_call(CallName::from_bytes(name), args, tail);
            self.complete(tid, time_ns, &mut event, sink);
            return Verdict::Done;
        }
        if is_cut && self.may_begin(prefix) {
            return Verdict::More(0);
        }
        Verdict::Foreign
    }

    fn attached_inside(&mut self, time_ns: i64, tid: u32, sink: &mut dyn EventSink) {
        self.pids.attached(tid);
        Self::give(tid, time_ns, Kind::Attached { threads: 1 }, sink);
    }

    /// Whether a line that looks like a call could be one of this log: a program may print `f(x` too.
    fn may_begin(&self, prefix: &Prefix) -> bool {
        prefix.is_marked() || self.clock.kind() == ClockKind::None
    }

    fn mended(
        &mut self,
        prefix: &Prefix,
        name: &[u8],
        (text, output, tail): (&[u8], &[u8], Tail<'_>),
        sink: &mut dyn EventSink,
    ) -> Verdict {
        let tid = self.tid_of(prefix);
        let time_ns = self.stamp(prefix.time, sink);
        self.output_inside(tid, time_ns, output, sink);
        self.stats.event_lines += 1;
        let mut event = read_call(CallName::from_bytes(name), text, tail);
        self.complete(tid, time_ns, &mut event, sink);
        Verdict::Done
    }

    /// Gives what the program wrote inside a line on, and says so.
    fn output_inside(&mut self, tid: u32, time_ns: i64, output: &[u8], sink: &mut dyn EventSink) {
        self.stats.repaired += 1;
        self.report(Reason::OutputInLine, output, sink);
        if !output.is_empty() {
            Self::give(tid, time_ns, Kind::Output(output), sink);
        }
    }

    /// Two halves that the plain scan did not explain.
    #[cold]
    pub(super) fn torn_join(
        &mut self,
        time: Time,
        tid: u32,
        half: &Half<'_>,
        is_cut: bool,
        sink: &mut dyn EventSink,
    ) -> Verdict {
        let mut need = 0;
        let name = half.name.as_bytes();
        let mut mended = None;
        if name == b"write" || name == b"pwrite64" {
            match mend_write(half.text) {
                Mended::Whole(args, output, tail) => mended = Some((args, output, tail)),
                Mended::More(bytes) => need = bytes,
                Mended::First(..) | Mended::Told(..) | Mended::No => {}
            }
        }
        let mended = mended.or_else(|| mend_at(half.text, half.closed_at?));
        if let Some(text) = given_up(half.text).filter(|_| is_cut)
            && let Some(tail) = tail::parse(b"= ?")
        {
            let mut event = read_call(half.name, text, tail);
            self.joined(time, tid, half, &mut event, tail, sink);
            return Verdict::Done;
        }
        if let Some((text, output, tail)) = mended {
            self.output_inside(tid, half.start_ns, output, sink);
            let mut event = read_call(half.name, text, tail);
            self.joined(time, tid, half, &mut event, tail, sink);
            return Verdict::Done;
        }
        if need > 0 || is_cut {
            return Verdict::More(need);
        }
        Verdict::Foreign
    }

    /// Takes one line of the log.
    #[inline]
    pub(super) fn take(&mut self, line: &[u8], sink: &mut dyn EventSink) {
        if self.is_decorated() {
            let mut plain = std::mem::take(&mut self.plain);
            self.undecorate(line, &mut plain);
            self.take_bare(&plain, sink);
            self.plain = plain;
        } else {
            self.take_bare(line, sink);
        }
    }

    /// Takes a line that was rid of colours and marks.
    #[inline]
    fn take_bare(&mut self, line: &[u8], sink: &mut dyn EventSink) {
        if !self.pending.is_empty() {
            self.take_mixed(line, sink);
        } else if self.held.is_open() {
            self.take_after_held(line, sink);
        } else {
            self.take_fresh(line, sink);
        }
    }

    #[inline]
    pub(super) fn take_fresh(&mut self, line: &[u8], sink: &mut dyn EventSink) {
        let line = match line.strip_suffix(b"\r") {
            Some(line) => {
                self.features.insert(crate::Features::CARRIAGE_RETURN);
                line
            }
            None => line,
        };
        self.take_plain(line, sink);
    }

    #[inline]
    pub(super) fn take_plain(&mut self, line: &[u8], sink: &mut dyn EventSink) {
        let last_half = self.last_half;
        let verdict = self.read(line, None, sink);
        match verdict {
            Verdict::Done => {}
            Verdict::More(_) | Verdict::Foreign
                if !self.pending.is_empty() && self.mixed(line, sink) => {}
            Verdict::More(_) | Verdict::Foreign if self.is_padded_half(line, sink) => {}
            Verdict::More(_) | Verdict::MoreFrom(_) if self.may_hold => {
                self.hold(line, verdict);
            }
            Verdict::More(_) | Verdict::MoreFrom(_) | Verdict::Foreign => {
                self.last_half = last_half;
                self.foreign(line, sink);
            }
        }
    }

    /// A first half with blanks behind, as texts that were pasted have them. Gives whether it is one.
    #[cold]
    fn is_padded_half(&mut self, line: &[u8], sink: &mut dyn EventSink) -> bool {
        let trimmed = line.trim_ascii_end();
        trimmed.len() < line.len()
            && trimmed.ends_with(b" ...>")
            && self.read(trimmed, None, sink) == Verdict::Done
    }

    pub(super) fn hold(&mut self, line: &[u8], verdict: Verdict) {
        let held = &mut self.held;
        held.text.clear();
        held.lines = 1;
        held.line = self.line;
        held.offset = self.offset;
        held.is_glued = false;
        held.waits = verdict == Verdict::More(0) && waited::may_wait(line);
        held.need = 0;
        match verdict {
            Verdict::MoreFrom(place) => {
                held.text
                    .extend_from_slice(line.get(..place).unwrap_or(line));
                held.is_glued = true;
            }
            Verdict::More(need) => {
                held.text.extend_from_slice(line);
                held.need = need;
            }
            Verdict::Done | Verdict::Foreign => {}
        }
    }

    pub(super) fn take_after_held(&mut self, line: &[u8], sink: &mut dyn EventSink) {
        let mut held = std::mem::take(&mut self.held);
        let fits = held.text.len() + line.len() < HELD_BYTES_MAX && held.lines < HELD_LINES_MAX;
        let goes_on = held.need > 0
            || line.starts_with(b")")
            || line.starts_with(b", ")
            || line.starts_with(b" <unfinished ...>")
            || (held.is_glued && !is_fresh(line));
        if !fits || !goes_on {
            self.held = held;
            if !fits || !self.wait_on(line, sink) {
                self.release(sink);
                self.take_bare(line, sink);
            }
            return;
        }
        let was_glued = std::mem::replace(&mut held.is_glued, false);
        if !was_glued {
            held.text.push(b'\n');
        }
        let at = held.text.len();
        held.text
            .extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        held.lines += 1;
        if held.text.len() < held.need {
            self.held = held;
            return;
        }
        let closed_at = line.starts_with(b")").then_some(at);
        match self.read(&held.text, closed_at, sink) {
            Verdict::Done => {
                self.stats.joined_lines += held.lines - 1;
                if let Some(tid) = self.printed_by.take() {
                    self.announced_is_over(tid);
                }
            }
            Verdict::More(need) if need > held.text.len() => {
                held.need = need;
                self.held = held;
            }
            Verdict::MoreFrom(place) => {
                held.text.truncate(place);
                held.need = 0;
                held.is_glued = true;
                self.held = held;
            }
            Verdict::More(_) | Verdict::Foreign if was_glued => {
                held.text.truncate(at);
                held.lines -= 1;
                self.held = held;
                self.release(sink);
                self.take_bare(line, sink);
            }
            Verdict::More(_) | Verdict::Foreign => {
                self.held = held;
                self.release(sink);
            }
        }
    }

    /// Gives up on the torn line: its first line is reported, the others are read as they are.
    pub(super) fn release(&mut self, sink: &mut dyn EventSink) {
        if self.held.lines == 0 {
            return;
        }
        let held = std::mem::take(&mut self.held);
        let place = (self.line, self.offset);
        (self.line, self.offset) = (held.line, held.offset);
        let may_hold = std::mem::replace(&mut self.may_hold, false);
        let mut lines = held.text.split(|byte| *byte == b'\n');
        if let Some(first) = lines.next() {
            self.stats.reported_lines += 1;
            self.report(Reason::NotUnderstood, first, sink);
            self.offset += first.len() as u64 + 1;
        }
        let mut left = held.lines - 1;
        for line in lines {
            if left == 0 {
                break;
            }
            left -= 1;
            self.line += 1;
            self.take_bare(line, sink);
            self.offset += line.len() as u64 + 1;
        }
        // A glued line stands in the first.
        self.stats.reported_lines += left;
        self.may_hold = may_hold;
        (self.line, self.offset) = place;
    }

    /// The log ends in a torn line: if it is the only one or waits for its end, its call is open, else it was never one.
    pub(super) fn finish_held(&mut self, sink: &mut dyn EventSink) {
        if self.held.lines != 1 && !self.held.waits {
            self.release(sink);
            return;
        }
        let held = std::mem::take(&mut self.held);
        let (line, others) = held.text.split_at(held.first_len());
        (self.line, self.offset) = (held.line, held.offset);
        self.open_at_end(line, sink);
        for other in others.split(|byte| *byte == b'\n').skip(1) {
            self.offset += line.len() as u64 + 1;
            self.line += 1;
            self.take_bare(other, sink);
        }
    }

    /// The last line of the log, which has no end.
    fn open_at_end(&mut self, line: &[u8], sink: &mut dyn EventSink) {
        let prefix = super::prefix::parse(line);
        let body = line.get(prefix.body..).unwrap_or(&[]);
        let (name, rest) = body.split_at(super::call::name_len(body));
        self.report(Reason::CutAtEnd, line, sink);
        if let Some(text) = rest.strip_prefix(b"(") {
            let tid = self.tid_of(&prefix);
            let time_ns = self.stamp(prefix.time, sink);
            self.stats.half_lines += 1;
            self.enter(tid, time_ns, CallName::from_bytes(name), text, sink);
        } else {
            // The second half of a call that stays open.
            self.stats.reported_lines += 1;
        }
    }
}
