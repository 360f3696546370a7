//! Logs of ltrace 0.5 to 0.7.9x, with any of its options: system calls (`SYS_open(...)`, `open@SYS(...)`) and calls of
//! libraries (`getenv("HOME") = "/root"`, `libc.so.6->qsort(...)`).
//!
//! Calls nest on one thread (`qsort(... <unfinished ...>`, `strcmp(...) = 1`, `<... qsort resumed> )`), so each thread has a
//! stack of open calls. `<no return ...>` does not mean that a call never returns, only that ltrace did not see it in
//! time: its `resumed` half may follow.

mod calls;
mod detect;
mod line;
mod pending;
#[cfg(test)]
mod tests;

pub use detect::score;

use std::collections::BTreeSet;

use unspool_model::event::{
    ClockKind, Diagnostic, Event, EventSink, ExitStatus, Kind, Outcome, Reason, Signal,
};
use unspool_model::ids::Tid;
use unspool_model::signal;
use unspool_model::syscalls::Architecture;

use crate::decoder::{DecodeStats, Decoder, DecoderOptions, Features};
use line::{Body, Prefix, Time, body, find, prefix, split_tail, without_mark};
use pending::{Pending, Stacks, is_same};

/// A line is not longer than this; of a longer one nothing is read. ltrace cuts strings at 32 bytes unless told otherwise.
pub const LINE_BYTES_MAX: usize = 16 << 20;
/// Bytes of a line that a diagnostic shows.
const EXCERPT_BYTES_MAX: usize = 120;

/// Decodes an ltrace log.
#[derive(Debug)]
pub struct LtraceDecoder {
    /// A line whose end has not come yet.
    partial: Vec<u8>,
    /// Whether the rest of the line is skipped because it is too long.
    is_skipping: bool,
    state: State,
}

/// Everything but the cutting into lines.
#[derive(Debug)]
struct State {
    input: String,
    tid: Option<Tid>,
    architecture: Architecture,
    /// Place of the line that is being read.
    offset: u64,
    clock: Clock,
    stats: DecodeStats,
    stacks: Stacks,
    /// A call whose line was torn by output of the program.
    open: Option<Pending>,
    /// How lines begin, once one was understood.
    style: Option<Style>,
    /// Whether rows of the table of `-c` are expected.
    is_in_table: bool,
    /// Whether system calls are in the log: then those tell of new processes.
    has_syscalls: bool,
    /// Children of which their parent's fork or their own return told, and the other did not yet.
    children: Children,
    /// Arguments of a call in two halves.
    scratch: Vec<u8>,
}

/// Children between the two lines that tell of them.
#[derive(Default, Debug)]
struct Children {
    /// Their parent's fork returned first.
    told: BTreeSet<u32>,
    /// They returned first.
    early: BTreeSet<u32>,
}

/// Children that are kept at a time; more are told twice.
const CHILDREN_MAX: usize = 1 << 16;

/// What all lines of a log have in front.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Style {
    has_pid: bool,
    is_bracketed: bool,
    has_time: bool,
}

impl Style {
    fn of(prefix: &Prefix<'_>) -> Self {
        Self {
            has_pid: prefix.pid.is_some(),
            is_bracketed: prefix.is_bracketed,
            has_time: prefix.time.is_some(),
        }
    }
}

/// The times of a log.
#[derive(Default, Debug)]
struct Clock {
    kind: ClockKind,
    /// Midnight before the first line, when the date is known.
    date_ns: Option<i64>,
    last_ns: i64,
    /// Nanoseconds of the midnights that were passed.
    days_ns: i64,
}

const DAY_NS: i64 = 86_400_000_000_000;

impl Clock {
    fn read(&mut self, time: Option<Time>) -> i64 {
        self.last_ns = match time {
            Some(Time::Epoch(ns)) => {
                self.kind = ClockKind::Epoch;
                ns
            }
            Some(Time::OfDay(ns)) => {
                let date_ns = self.date_ns.unwrap_or(0);
                let mut time_ns = date_ns.saturating_add(self.days_ns).saturating_add(ns);
                // Threads come out of order by less than half a day: more than that is midnight.
                if time_ns < self.last_ns.saturating_sub(DAY_NS / 2) && self.kind != ClockKind::None
                {
                    self.days_ns = self.days_ns.saturating_add(DAY_NS);
                    time_ns = time_ns.saturating_add(DAY_NS);
                }
                self.kind = match self.date_ns {
                    Some(_) => ClockKind::Epoch,
                    None => ClockKind::TimeOfDay,
                };
                time_ns
            }
            Some(Time::Since(ns)) => {
                self.kind = ClockKind::Relative;
                self.last_ns.saturating_add(ns)
            }
            None if self.kind == ClockKind::None => self.last_ns.saturating_add(1),
            None => self.last_ns,
        };
        self.last_ns
    }
}

impl LtraceDecoder {
    /// A decoder at the start of a log.
    pub fn new(options: &DecoderOptions) -> Self {
        Self {
            partial: Vec::new(),
            is_skipping: false,
            state: State {
                input: options.input.clone(),
                tid: options
                    .tid
                    .or_else(|| options.context.top_pid.map(|pid| Tid(pid.0))),
                architecture: options.architecture,
                offset: 0,
                clock: Clock {
                    date_ns: options.context.date_ns,
                    ..Clock::default()
                },
                stats: DecodeStats::default(),
                stacks: Stacks::default(),
                open: None,
                style: None,
                is_in_table: false,
                has_syscalls: false,
                children: Children::default(),
                scratch: Vec::new(),
            },
        }
    }

    /// The line before `rest` is complete.
    fn end_line(&mut self, rest: &[u8], sink: &mut dyn EventSink) {
        let mut partial = std::mem::take(&mut self.partial);
        let len = partial.len() + rest.len();
        if self.is_skipping || len > LINE_BYTES_MAX {
            self.state.too_long(&partial, rest, self.is_skipping, sink);
        } else if partial.is_empty() {
            self.state.line(rest, sink);
        } else {
            partial.extend_from_slice(rest);
            self.state.line(&partial, sink);
        }
        self.is_skipping = false;
        partial.clear();
        self.partial = partial;
    }
}

impl Decoder for LtraceDecoder {
    fn push(&mut self, chunk: &[u8], sink: &mut dyn EventSink) {
        self.state.stats.bytes += chunk.len() as u64;
        let mut rest = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            self.end_line(line, sink);
            rest = after.get(1..).unwrap_or(&[]);
            self.state.offset = self.state.stats.bytes - rest.len() as u64;
        }
        if self.is_skipping {
            return;
        }
        let room = (LINE_BYTES_MAX + 1).saturating_sub(self.partial.len());
        self.is_skipping = rest.len() > room;
        self.partial
            .extend_from_slice(rest.get(..room).unwrap_or(rest));
    }

    fn finish(&mut self, sink: &mut dyn EventSink) {
        if !self.partial.is_empty() || self.is_skipping {
            let before = self.state.stats.event_lines + self.state.stats.half_lines;
            self.end_line(&[], sink);
            let is_cut = self.state.open.is_some()
                || before == self.state.stats.event_lines + self.state.stats.half_lines;
            if is_cut && self.state.style.is_some() {
                self.state.report(Reason::CutAtEnd, &[], sink);
            }
        }
        self.state.offset = self.state.stats.bytes;
        self.state.finish(sink);
    }

    fn stats(&self) -> DecodeStats {
        DecodeStats {
            clock: self.state.clock.kind,
            ..self.state.stats.clone()
        }
    }
}

impl State {
    fn line(&mut self, line: &[u8], sink: &mut dyn EventSink) {
        self.stats.lines += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let prefix = prefix(line);
        let body = body(prefix.rest);
        let is_event = body.is_some()
            && self.style.is_none_or(|style| style == Style::of(&prefix))
            && !(self.open.is_some()
                && matches!(body, Some(Body::Open(..)))
                && prefix.pid.is_none());
        match body {
            Some(body) if is_event => {
                self.abandon_open(sink);
                self.understood(&prefix, &body, sink);
            }
            _ if self.open.is_some() => self.continuation(line, sink),
            _ => self.other(line, &prefix, sink),
        }
    }

    /// A line that is an event.
    fn understood(&mut self, prefix: &Prefix<'_>, body: &Body<'_>, sink: &mut dyn EventSink) {
        self.is_in_table = false;
        self.style = Some(Style::of(prefix));
        self.note_features(prefix);
        let time_ns = self.clock.read(prefix.time);
        let tid = prefix.pid.or(self.tid.map(|tid| tid.0)).unwrap_or(0);
        match *body {
            Body::Begin(..) | Body::Resumed(..) => self.stats.half_lines += 1,
            _ => self.stats.event_lines += 1,
        }
        match *body {
            Body::Call(name, args, tail) => {
                let depth = self.stacks.depth(tid);
                self.call(time_ns, tid, name, args, depth, Some(tail), sink);
            }
            Body::Begin(name, args) => {
                let pending = self.stacks.enter(time_ns, tid, name, args);
                self.begin(pending, sink);
            }
            Body::Resumed(name, args, tail) => self.resumed(time_ns, tid, name, args, tail, sink),
            Body::Open(name, args) => {
                self.open = Some(self.stacks.enter(time_ns, tid, name, args));
            }
            Body::Signal(text) => self.signal(time_ns, tid, text, sink),
            Body::Called => {
                self.replaced(tid, sink);
                give(time_ns, tid, &Kind::Note(b"Called exec()"), sink);
            }
            Body::Exited(status) => {
                self.ended(time_ns, tid, ExitStatus::Exited(status), sink);
            }
            Body::Killed(text) => {
                let name = text.split(|byte| *byte == b' ').next().unwrap_or(text);
                let status =
                    signal_number(name).map_or(ExitStatus::Unknown, |signal| ExitStatus::Killed {
                        signal,
                        core: find(text, b"core dumped").is_some(),
                    });
                self.ended(time_ns, tid, status, sink);
            }
        }
    }

    fn note_features(&mut self, prefix: &Prefix<'_>) {
        let features = &mut self.stats.features;
        match prefix.pid {
            Some(_) if prefix.is_bracketed => features.insert(Features::PID_BRACKETS),
            Some(_) => features.insert(Features::PID),
            None => {}
        }
        match prefix.time {
            Some(Time::Epoch(_)) => features.insert(Features::EPOCH),
            Some(Time::OfDay(_)) => features.insert(Features::TIME_OF_DAY),
            Some(Time::Since(_)) => features.insert(Features::RELATIVE),
            None => {}
        }
        if prefix.has_address {
            features.insert(Features::BRACKETS);
        }
    }

    fn signal(&mut self, time_ns: i64, tid: u32, text: &[u8], sink: &mut dyn EventSink) {
        let name = text.split(|byte| *byte == b' ').next().unwrap_or(text);
        let Some(number) = signal_number(name) else {
            give(time_ns, tid, &Kind::Note(text), sink);
            return;
        };
        self.stats.signals += 1;
        let signal = Signal {
            number,
            sender: None,
            code: None,
            text,
        };
        give(time_ns, tid, &Kind::Signal(signal), sink);
    }

    fn ended(&mut self, time_ns: i64, tid: u32, status: ExitStatus, sink: &mut dyn EventSink) {
        self.close_thread(tid, sink);
        self.stats.exits += 1;
        give(time_ns, tid, &Kind::Exit(status), sink);
    }

    /// A line after one that was torn: output of the program, maybe with the missing end of the call.
    fn continuation(&mut self, line: &[u8], sink: &mut dyn EventSink) {
        self.stats.joined_lines += 1;
        let Some(pending) = self.open.take() else {
            return;
        };
        if let Some((output, tail)) = split_tail(line) {
            let output = self.torn(&pending, output, false, sink);
            let (time_ns, tid, depth) = (pending.time_ns, pending.tid, pending.depth);
            let args = pending.args.get(..output).unwrap_or(&pending.args);
            self.call(time_ns, tid, pending.name(), args, depth, Some(tail), sink);
            self.stacks.recycle(pending);
        } else if let Some(output) = without_mark(line) {
            let mut pending = pending;
            let len = self.torn(&pending, output, false, sink);
            pending.args.truncate(len);
            self.begin(pending, sink);
        } else {
            let mut pending = pending;
            let len = self.torn(&pending, line, true, sink);
            pending.args.truncate(len);
            self.open = Some(pending);
        }
    }

    /// Gives the output that tore a call: behind its arguments, and `more`. Returns how long the arguments are.
    fn torn(
        &mut self,
        pending: &Pending,
        more: &[u8],
        has_line_end: bool,
        sink: &mut dyn EventSink,
    ) -> usize {
        let len = calls::args_len(pending.name(), &pending.args);
        let behind = pending.args.get(len..).unwrap_or(&[]);
        if !behind.is_empty() {
            give(pending.time_ns, pending.tid, &Kind::Output(behind), sink);
            self.stats.repaired += 1;
            self.report(Reason::OutputInLine, behind, sink);
        }
        if !more.is_empty() || has_line_end {
            let mut output = std::mem::take(&mut self.scratch);
            output.clear();
            output.extend_from_slice(more);
            if has_line_end {
                output.push(b'\n');
            }
            give(pending.time_ns, pending.tid, &Kind::Output(&output), sink);
            self.scratch = output;
        }
        len
    }

    /// The end of a torn call never came: the thread went on, so that it returned something.
    fn abandon_open(&mut self, sink: &mut dyn EventSink) {
        let Some(mut pending) = self.open.take() else {
            return;
        };
        let len = self.torn(&pending, &[], false, sink);
        pending.args.truncate(len);
        self.lost_end(&pending, Outcome::Unknown, sink);
        self.stacks.recycle(pending);
    }

    /// A line that is no event.
    fn other(&mut self, line: &[u8], prefix: &Prefix<'_>, sink: &mut dyn EventSink) {
        if line.trim_ascii().is_empty() {
            self.stats.note_lines += 1;
            return;
        }
        self.is_in_table |= detect::is_table_head(line);
        if self.is_in_table || is_chatter(line) || is_chatter(prefix.rest) {
            if self.is_in_table {
                self.stats.features.insert(Features::TABLE);
            }
            self.stats.note_lines += 1;
            let (time_ns, tid) = (self.clock.last_ns, self.tid.map_or(0, |tid| tid.0));
            give(time_ns, tid, &Kind::Note(line), sink);
            return;
        }
        if self.event_behind_output(line, sink) {
            return;
        }
        let has_prefix = prefix.pid.is_some() && self.style == Some(Style::of(prefix));
        if has_prefix {
            self.stats.reported_lines += 1;
            self.report(Reason::NotUnderstood, line, sink);
        } else {
            self.stats.output_lines += 1;
            let (time_ns, tid) = (self.clock.last_ns, self.tid.map_or(0, |tid| tid.0));
            give(time_ns, tid, &Kind::Output(line), sink);
            self.report(Reason::OutputLine, line, sink);
        }
    }

    /// `some output[pid 4711] close@SYS(3) = 0`, `$ +++ exited (status 0) +++`: output without a line end in front of an event.
    fn event_behind_output(&mut self, line: &[u8], sink: &mut dyn EventSink) -> bool {
        let starts = [&b"[pid "[..], b"+++ exited (status ", b"+++ killed by "];
        let found = starts.iter().find_map(|start| find(line, start));
        let Some(at) = found.filter(|at| *at > 0) else {
            return false;
        };
        let Some((output, event)) = line.split_at_checked(at) else {
            return false;
        };
        let prefix = prefix(event);
        if self.style.is_some_and(|style| style != Style::of(&prefix)) {
            return false;
        }
        let Some(body) = body(prefix.rest) else {
            return false;
        };
        let (time_ns, tid) = (self.clock.last_ns, self.tid.map_or(0, |tid| tid.0));
        give(time_ns, tid, &Kind::Output(output), sink);
        self.stats.repaired += 1;
        self.report(Reason::OutputInLine, line, sink);
        self.understood(&prefix, &body, sink);
        true
    }

    fn resumed(
        &mut self,
        time_ns: i64,
        tid: u32,
        name: line::Name<'_>,
        args: &[u8],
        tail: line::Tail<'_>,
        sink: &mut dyn EventSink,
    ) {
        self.stats.resumed += 1;
        if !self.stacks.has(tid, name) {
            // A child returns from the fork that its parent called.
            if calls::is_fork(name.name) {
                self.child_returned(time_ns, tid, tail, sink);
            } else {
                self.report(Reason::ResumedWithoutStart, name.name, sink);
            }
            let depth = self.stacks.depth(tid);
            self.call(time_ns, tid, name, args, depth, Some(tail), sink);
            return;
        }
        while let Some(pending) = self.stacks.pop(tid) {
            if !is_same(&pending, name) {
                // Left by longjmp, or its end was not printed.
                self.lost_end(&pending, Outcome::Unknown, sink);
                self.report(Reason::NeverResumed, &pending.name, sink);
                self.stacks.recycle(pending);
                continue;
            }
            let mut all = std::mem::take(&mut self.scratch);
            all.clear();
            all.extend_from_slice(&pending.args);
            all.extend_from_slice(args);
            let (start_ns, depth) = (pending.time_ns, pending.depth);
            self.call(start_ns, tid, pending.name(), &all, depth, Some(tail), sink);
            self.scratch = all;
            self.stacks.recycle(pending);
            return;
        }
    }

    fn too_long(
        &mut self,
        partial: &[u8],
        rest: &[u8],
        is_skipping: bool,
        sink: &mut dyn EventSink,
    ) {
        self.stats.lines += 1;
        self.stats.reported_lines += 1;
        let start = if partial.is_empty() && !is_skipping {
            rest
        } else {
            partial
        };
        self.report(Reason::TooLong, start, sink);
    }

    fn finish(&mut self, sink: &mut dyn EventSink) {
        if let Some(mut pending) = self.open.take() {
            let len = self.torn(&pending, &[], false, sink);
            pending.args.truncate(len);
            self.lost_end(&pending, Outcome::Unfinished, sink);
        }
        while let Some(tid) = self.stacks.first_thread() {
            self.close_thread(tid, sink);
        }
    }

    fn report(&mut self, reason: Reason, excerpt: &[u8], sink: &mut dyn EventSink) {
        *self.stats.by_reason.entry(reason).or_default() += 1;
        sink.diagnostic(Diagnostic {
            input: self.input.clone(),
            offset: self.offset,
            line: self.stats.lines,
            reason,
            excerpt: excerpt.get(..EXCERPT_BYTES_MAX).unwrap_or(excerpt).to_vec(),
        });
    }
}

fn give(time_ns: i64, tid: u32, kind: &Kind<'_>, sink: &mut dyn EventSink) {
    sink.event(&Event {
        time_ns,
        tid: (tid != 0).then_some(Tid(tid)),
        kind: *kind,
    });
}

/// `SIGCHLD`, or the bare number of a signal that ltrace has no name for.
fn signal_number(name: &[u8]) -> Option<u32> {
    signal::number(name)
        .or_else(|| line::integer(name).and_then(|number| u32::try_from(number).ok()))
}

/// Messages of ltrace itself, and the stacks of `-w` (` > libc.so.6(qsort+0x1f) [7f00]`).
fn is_chatter(line: &[u8]) -> bool {
    const STARTS: [&[u8]; 5] = [
        b" > ",
        b"error: maximum array length",
        b"ltrace: ",
        b"unexpected breakpoint",
        b"Cannot attach to pid",
    ];
    STARTS.iter().any(|start| line.starts_with(start)) || is_source_place(line)
}

/// `<tab>main.c:14:15`, below a frame of a stack (`-w`).
fn is_source_place(line: &[u8]) -> bool {
    let Some((b'\t', place)) = line.split_first() else {
        return false;
    };
    let number = place.rsplit(|byte| *byte == b':').next().unwrap_or(&[]);
    number.len() < place.len() && !number.is_empty() && number.iter().all(u8::is_ascii_digit)
}
