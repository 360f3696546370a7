//! Lines that are no calls: signals, ends, messages of the tracer, tables, stacks, dumps, output of the program.

use unspool_model::event::{EventSink, ExitStatus, Kind, Reason, Signal};
use unspool_model::ids::{Pid, Tid};
use unspool_model::signal;
use unspool_model::syscalls::Architecture;

use super::prefix::{self, Prefix, Time};
use super::{Lines, Verdict};
use crate::decoder::Features;
use unspool_model::event::ClockKind;

/// Line between head, rows and sum of the table of `-c`.
pub(super) const TABLE_RULE: &[u8] = b"------ ----------- ----------- --------- ";

/// Bytes of a foreign line in which the start of a trace line is looked for, behind what the program wrote.
const BEHIND_OUTPUT_BYTES_MAX: usize = 1024;

/// `si_code` by name (sigaction(2)); the numbers of one signal's codes overlap those of another.
static SIGNAL_CODES: &[(&[u8], i32)] = &[
    (b"SI_USER", 0),
    (b"SI_KERNEL", 0x80),
    (b"SI_QUEUE", -1),
    (b"SI_TIMER", -2),
    (b"SI_MESGQ", -3),
    (b"SI_ASYNCIO", -4),
    (b"SI_SIGIO", -5),
    (b"SI_TKILL", -6),
    (b"SI_ASYNCNL", -60),
    (b"CLD_EXITED", 1),
    (b"CLD_KILLED", 2),
    (b"CLD_DUMPED", 3),
    (b"CLD_TRAPPED", 4),
    (b"CLD_STOPPED", 5),
    (b"CLD_CONTINUED", 6),
    (b"SEGV_MAPERR", 1),
    (b"SEGV_ACCERR", 2),
    (b"SEGV_BNDERR", 3),
    (b"SEGV_PKUERR", 4),
    (b"BUS_ADRALN", 1),
    (b"BUS_ADRERR", 2),
    (b"BUS_OBJERR", 3),
    (b"FPE_INTDIV", 1),
    (b"FPE_INTOVF", 2),
    (b"FPE_FLTDIV", 3),
    (b"FPE_FLTOVF", 4),
    (b"FPE_FLTUND", 5),
    (b"FPE_FLTRES", 6),
    (b"FPE_FLTINV", 7),
    (b"ILL_ILLOPC", 1),
    (b"ILL_ILLOPN", 2),
    (b"TRAP_BRKPT", 1),
    (b"TRAP_TRACE", 2),
    (b"POLL_IN", 1),
    (b"POLL_OUT", 2),
    (b"SYS_SECCOMP", 1),
];

/// Value of `name=value` in a list in braces.
fn field<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = memchr::memmem::find(text, name)? + name.len();
    let value = text.get(at..)?;
    let end = value
        .iter()
        .position(|byte| matches!(byte, b',' | b'}' | b' '))
        .unwrap_or(value.len());
    value.get(..end)
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `1781 attached`: the number and what follows it.
fn leading_number(text: &[u8]) -> Option<(u32, &[u8])> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(len)?;
    Some((number(digits)?, rest))
}

impl Lines {
    /// `--- SIGCHLD {si_signo=SIGCHLD, ...} ---`, `--- stopped by SIGSTOP ---`, `--- SIGCHLD (Child exited) @ 0 (0) ---`, of
    /// versions 4.6 and 4.7 `--- {si_signo=SIGCHLD, ...} (Child exited) ---`.
    pub(super) fn signal(
        &mut self,
        prefix: &Prefix,
        body: &[u8],
        sink: &mut dyn EventSink,
    ) -> Verdict {
        let Some(inner) = body
            .strip_prefix(b"--- ")
            .and_then(|rest| rest.trim_ascii_end().strip_suffix(b" ---"))
        else {
            return Verdict::Foreign;
        };
        let (stopped, inner) = match inner.strip_prefix(b"stopped by ") {
            Some(rest) => (true, rest),
            None => (false, inner),
        };
        let (name, rest) = if inner.starts_with(b"{si_signo=") {
            (field(inner, b"{si_signo=").unwrap_or(&[]), inner)
        } else {
            let mut is_blank = inner.iter().map(u8::is_ascii_whitespace);
            inner.split_at(is_blank.position(|blank| blank).unwrap_or(inner.len()))
        };
        if !name.starts_with(b"SIG") {
            return Verdict::Foreign;
        }
        let signo = signal::number(name).unwrap_or(0);
        let text = prefix::parse(rest).body;
        let text = rest.get(text..).unwrap_or(rest).trim_ascii_start();
        let tid = self.tid_of(prefix);
        let time_ns = self.stamp(prefix.time, sink);
        self.stats.event_lines += 1;
        self.stats.signals += 1;
        self.last_half = None;
        let kind = if stopped {
            Kind::Stop(signo)
        } else {
            let code = field(text, b"si_code=").and_then(|code| {
                let named = SIGNAL_CODES.iter().find(|row| row.0 == code);
                named.map(|row| row.1).or_else(|| number(code))
            });
            let sender = field(text, b"si_pid=")
                .and_then(leading_number)
                .map(|(pid, _)| Pid(pid));
            Kind::Signal(Signal {
                number: signo,
                sender: sender.filter(|pid| pid.0 != 0),
                code,
                text,
            })
        };
        Self::give(tid, time_ns, kind, sink);
        Verdict::Done
    }

    /// `+++ exited with 0 +++`, `+++ killed by SIGABRT (core dumped) +++`, `+++ superseded by execve in pid 7 +++`.
    pub(super) fn end(
        &mut self,
        prefix: &Prefix,
        body: &[u8],
        sink: &mut dyn EventSink,
    ) -> Verdict {
        let Some(inner) = body
            .strip_prefix(b"+++ ")
            .and_then(|rest| rest.trim_ascii_end().strip_suffix(b" +++"))
        else {
            return Verdict::Foreign;
        };
        let tid;
        let kind;
        if let Some(by) = inner.strip_prefix(b"superseded by execve in pid ") {
            let Some((by, _)) = leading_number(by) else {
                return Verdict::Foreign;
            };
            tid = self.tid_of(prefix);
            kind = Kind::Superseded { by: Tid(by) };
            let by = self.pids.shown(by);
            if self.threads.get(by).is_some_and(|thread| thread.is_open) {
                self.never_resumed(tid, Reason::NeverResumed, sink);
                self.threads.rename(by, tid);
            }
            self.pids.ended(by);
        } else {
            let status = if let Some(code) = inner.strip_prefix(b"exited with ") {
                number(code).map(ExitStatus::Exited)
            } else if let Some(name) = inner.strip_prefix(b"killed by ") {
                let core = name.strip_suffix(b" (core dumped)");
                signal::number(core.unwrap_or(name)).map(|signal| ExitStatus::Killed {
                    signal,
                    core: core.is_some(),
                })
            } else {
                None
            };
            let Some(status) = status else {
                return Verdict::Foreign;
            };
            tid = self.tid_of(prefix);
            self.never_resumed(tid, Reason::NeverResumed, sink);
            self.threads.remove(tid);
            self.pids.ended(tid);
            self.stats.exits += 1;
            kind = Kind::Exit(status);
        }
        let time_ns = self.stamp(prefix.time, sink);
        self.stats.event_lines += 1;
        self.last_half = None;
        Self::give(tid, time_ns, kind, sink);
        Verdict::Done
    }

    /// A line that is no trace line, or not as it stands.
    #[cold]
    pub(super) fn foreign(&mut self, line: &[u8], sink: &mut dyn EventSink) {
        if self.note(line, sink) || self.rest_of_half(line, sink) || self.decoration(line, sink) {
            return;
        }
        if self.behind_output(line, sink) {
            return;
        }
        let prefix = prefix::parse(line);
        let body = line.get(prefix.body..).unwrap_or(&[]);
        if self.message(&prefix, body, sink) {
            return;
        }
        let len = super::call::name_len(body);
        let is_call = len > 0 && body.get(len) == Some(&b'(');
        let is_ours = prefix.time != Time::None
            || self.features.contains(Features::PID)
            || (is_call && self.clock.kind() == ClockKind::None);
        if is_ours {
            self.stats.reported_lines += 1;
            let reason = if self.last_is_cut {
                Reason::CutAtEnd
            } else {
                Reason::NotUnderstood
            };
            self.report(reason, line, sink);
        } else {
            self.stats.output_lines += 1;
            self.report(Reason::OutputLine, line, sink);
            let time_ns = self.stamp(Time::None, sink);
            let tid = super::threads::NO_TID;
            Self::give(tid, time_ns, Kind::Output(line), sink);
        }
    }

    /// Whether the line is part of a table, a stack or a dump, or empty.
    fn note(&mut self, line: &[u8], sink: &mut dyn EventSink) -> bool {
        let starts_table = line.starts_with(b"% time ")
            || line.starts_with(TABLE_RULE)
            || line.starts_with(b"System call usage summary");
        if starts_table || self.in_table {
            self.in_table = !(line.ends_with(b" total") || line.trim_ascii().is_empty());
            self.features.insert(Features::TABLE);
            self.stats.note_lines += 1;
            let time_ns = self.stamp(Time::None, sink);
            Self::give(super::threads::NO_TID, time_ns, Kind::Note(line), sink);
            return true;
        }
        let feature = if line.is_empty() {
            Features::default()
        } else if line.starts_with(b" > ") {
            Features::STACKS
        } else if line.trim_ascii() == b"<detached ...>" {
            // The end of a call that another message has told of.
            Features::default()
        } else if line.starts_with(b" | ")
            || (line.starts_with(b" * ")
                && memchr::memmem::find(line, b" bytes in buffer ").is_some())
        {
            Features::DUMPS
        } else {
            return false;
        };
        self.features.insert(feature);
        self.stats.note_lines += 1;
        true
    }

    /// A message of the tracer: who was attached, in which mode a process runs.
    fn message(&mut self, prefix: &Prefix, body: &[u8], sink: &mut dyn EventSink) -> bool {
        let told = body.strip_prefix(b"strace: ").unwrap_or(body);
        let is_ours = told.len() < body.len();
        let (words, in_brackets) = match told.strip_prefix(b"[ ") {
            Some(words) => (words, true),
            None => (told, false),
        };
        let mut attached = None;
        if let Some(rest) = words.strip_prefix(b"Process PID=") {
            let Some((pid, rest)) = leading_number(rest) else {
                return false;
            };
            self.mode(pid, rest);
        } else if let Some((pid, rest)) = words.strip_prefix(b"Process ").and_then(leading_number) {
            if let Some(rest) = rest.strip_prefix(b" attached") {
                self.pids.attached(pid);
                let threads = rest.strip_prefix(b" with ").and_then(leading_number);
                attached = Some((pid, threads.map_or(1, |(threads, _)| threads)));
            } else if rest.starts_with(b" detached") {
                self.pids.ended(pid);
            } else if !is_ours && !rest.starts_with(b" resumed") && !rest.starts_with(b" suspended")
            {
                return false;
            }
        } else if !is_ours || in_brackets {
            return false;
        }
        let time_ns = self.stamp(prefix.time, sink);
        if let Some((pid, threads)) = attached {
            self.stats.event_lines += 1;
            let tid = self.pids.shown(pid);
            Self::give(tid, time_ns, Kind::Attached { threads }, sink);
        } else {
            self.stats.note_lines += 1;
            Self::give(super::threads::NO_TID, time_ns, Kind::Note(body), sink);
        }
        true
    }

    /// ` runs in 32 bit mode. ]`: its calls are those of another table.
    fn mode(&mut self, pid: u32, told: &[u8]) {
        let architecture = if told.starts_with(b" runs in 32 bit") {
            match self.options.architecture {
                Architecture::X86_64 | Architecture::I386 => Architecture::I386,
                Architecture::Aarch64 | Architecture::Other => Architecture::Other,
            }
        } else {
            self.options.architecture
        };
        let tid = self.pids.shown(pid);
        if let Some(thread) = self.threads.enter(tid, architecture) {
            thread.architecture = architecture;
        }
    }

    /// With `-e status=`, the rest of a call may stand on a line of its own below its `<unfinished ...>`, without
    /// anything in front: `NULL, 8) = 0 <0.000013>`.
    fn rest_of_half(&mut self, line: &[u8], sink: &mut dyn EventSink) -> bool {
        let Some(tid) = self.last_half else {
            return false;
        };
        if prefix::parse(line).is_marked() {
            return false;
        }
        self.resume(Time::None, tid, line, None, sink) == Verdict::Done
    }

    /// Colours, marks of quoted mail, the indentation of a quoted text: taken off from the first line on that becomes readable
    /// by it.
    fn decoration(&mut self, line: &[u8], sink: &mut dyn EventSink) -> bool {
        let blanks = line.len() - line.trim_ascii_start().len();
        let feature = if line.starts_with(b">") {
            Features::QUOTED
        } else if blanks > 0 {
            Features::INDENTED
        } else if memchr::memmem::find(line, b"\x1b[").is_some() {
            Features::COLOUR
        } else {
            return false;
        };
        // A line of the log that was understood as it stands shows that blanks in front of another are none of strace's.
        if self.features.contains(feature) || (blanks > 0 && self.stats.event_lines > 0) {
            return false;
        }
        let before = (self.features, self.indentation);
        self.features.insert(feature);
        self.indentation = blanks;
        let mut plain = Vec::new();
        self.undecorate(line, &mut plain);
        if self.read(&plain, None, sink) == Verdict::Done {
            return true;
        }
        (self.features, self.indentation) = before;
        false
    }

    /// Whether lines have to be rid of colours, marks or blanks.
    #[inline]
    pub(super) fn is_decorated(&self) -> bool {
        self.features.0 & (Features::COLOUR.0 | Features::QUOTED.0 | Features::INDENTED.0) != 0
    }

    /// Takes colours (`ESC [ digits ; m`), marks of quoted mail and indentation off.
    pub(super) fn undecorate(&self, line: &[u8], plain: &mut Vec<u8>) {
        plain.clear();
        let mut rest = line;
        if self.features.contains(Features::QUOTED) {
            rest = super::head::without_marks(rest);
        }
        let mut blanks = self.indentation;
        while let (1.., Some((b' ' | b'\t', after))) = (blanks, rest.split_first()) {
            rest = after;
            blanks -= 1;
        }
        while let Some(at) = memchr::memmem::find(rest, b"\x1b[") {
            let (before, sequence) = rest.split_at(at);
            plain.extend_from_slice(before);
            let inner = sequence.get(2..).unwrap_or(&[]);
            let len = inner
                .iter()
                .take_while(|byte| byte.is_ascii_digit() || **byte == b';')
                .count();
            if let Some(b'm' | b'K') = inner.get(len) {
                rest = inner.get(len + 1..).unwrap_or(&[]);
            } else {
                plain.extend_from_slice(b"\x1b[");
                rest = inner;
            }
        }
        plain.extend_from_slice(rest);
    }

    /// Output without a line end in front of a trace line: `$ [pid 7] 08:26:47.1 read(0, "x", 1) = 1`.
    fn behind_output(&mut self, line: &[u8], sink: &mut dyn EventSink) -> bool {
        let marked = Features::TIME_OF_DAY.0 | Features::EPOCH.0 | Features::PID_BRACKETS.0;
        if self.features.0 & marked == 0 || self.features.contains(Features::PID) {
            return false;
        }
        for at in 1..line.len().min(BEHIND_OUTPUT_BYTES_MAX) {
            let (before, rest) = line.split_at(at);
            let starts = match rest.first() {
                Some(b'[') => rest.starts_with(b"[pid "),
                Some(b'0'..=b'9') => !before.last().is_some_and(u8::is_ascii_digit),
                _ => false,
            };
            if !starts {
                continue;
            }
            let prefix = prefix::parse(rest);
            let is_marked = prefix.features.contains(Features::PID_BRACKETS)
                || (prefix.time != Time::None && prefix.tid.is_none());
            if is_marked && self.read(rest, None, sink) == Verdict::Done {
                self.stats.repaired += 1;
                self.report(Reason::OutputInLine, before, sink);
                let time_ns = self.stamp(Time::None, sink);
                let tid = super::threads::NO_TID;
                Self::give(tid, time_ns, Kind::Output(before), sink);
                return true;
            }
        }
        false
    }

    /// The last line has no end: says so when it is not understood.
    pub(super) fn is_last_cut(&mut self, line: &[u8]) {
        self.last_is_cut = !line.is_empty();
    }
}
