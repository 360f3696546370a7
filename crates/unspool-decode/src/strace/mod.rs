//! Logs of strace, versions 4 to 7 and older forms, with any options.
//!
//! Example lines:
//! ```text
//! 1234  1700000052.321000 openat(AT_FDCWD</tmp>, "x", O_RDONLY) = 3</tmp/x> <0.000012>
//! [pid  1235] 08:26:47.199025 wait4(-1,  <unfinished ...>
//! [pid  1235] 08:26:47.298748 <... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 1236
//! --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=1236, si_uid=0, si_status=0} ---
//! +++ exited with 0 +++
//! ```
//!
//! A line is read by one forward scan (`scan`); both halves of a call are joined in the buffer of their thread
//! (`threads`); lines that another writer tore apart are held and joined ([`StraceDecoder`], `torn`).

mod call;
mod clock;
mod head;
mod key;
mod mixed;
mod other;
mod pids;
mod prefix;
mod scan;
mod tail;
#[cfg(test)]
mod tests;
mod threads;
mod torn;

use unspool_model::event::{ClockKind, Diagnostic, Event, EventSink, Kind, Reason};
use unspool_model::ids::Tid;

use crate::decoder::{DecodeStats, Decoder, DecoderOptions, Features};
use clock::Clock;
pub use head::{HEAD_BYTES_MAX, score};
pub use key::{LineKey, Tie};
pub use mixed::PENDING_WRITES_MAX;
use pids::Pids;
use threads::{NO_TID, Threads};
pub use threads::{OPEN_BYTES_MAX, OPEN_CALLS_MAX};
use torn::Held;
pub use torn::{HELD_BYTES_MAX, HELD_LINES_MAX};

/// Longest line; of a longer one only the head is kept for its diagnostic.
pub const LINE_BYTES_MAX: usize = 8 << 20;
/// Bytes of a line that a diagnostic shows.
pub(crate) const EXCERPT_BYTES_MAX: usize = 120;

/// Decodes one log, or the merged lines of a set of logs.
#[derive(Debug)]
pub struct StraceDecoder {
    /// The start of a log whose lines name no pid, until it is known who they are about.
    head: Option<Vec<u8>>,
    /// Start of a line whose end has not come yet.
    carry: Vec<u8>,
    /// Bytes of a line that is too long, so far.
    too_long: u64,
    lines: Lines,
}

/// What became of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// Understood and given on.
    Done,
    /// Its end stands on a later line; at least so many bytes of the joined line are needed.
    More(usize),
    /// The same, but what is behind this place was a message of the tracer: the next line goes on from here.
    MoreFrom(usize),
    /// Not of this format.
    Foreign,
}

/// The reader of whole lines.
#[derive(Debug)]
struct Lines {
    options: DecoderOptions,
    clock: Clock,
    threads: Threads,
    pids: Pids,
    held: Held,
    /// Output of open writes that may stand anywhere.
    pending: Vec<mixed::Pending>,
    /// The thread whose output stood in the line that is held.
    printed_by: Option<u32>,
    /// Whether a torn line may be held: not while lines are read again after that has failed.
    may_hold: bool,
    stats: DecodeStats,
    features: Features,
    /// Thread of the `unfinished` half directly before.
    last_half: Option<u32>,
    in_table: bool,
    /// The line at hand is the last and has no end.
    last_is_cut: bool,
    line: u64,
    offset: u64,
    /// Colours taken off.
    plain: Vec<u8>,
    /// Blanks that stand in front of all lines.
    indentation: usize,
}

impl StraceDecoder {
    /// A decoder at the start of a log.
    pub fn new(options: &DecoderOptions) -> Self {
        let given = options.tid.or(options
            .context
            .top_pid
            .map(unspool_model::ids::Pid::main_thread));
        Self {
            head: given.is_none().then(Vec::new),
            carry: Vec::new(),
            too_long: 0,
            lines: Lines {
                clock: Clock::new(options.context.date_ns),
                options: options.clone(),
                threads: Threads::default(),
                pids: Pids::new(given.map(|tid| tid.0)),
                held: Held::default(),
                pending: Vec::new(),
                printed_by: None,
                may_hold: true,
                stats: DecodeStats::default(),
                features: Features::default(),
                last_half: None,
                in_table: false,
                last_is_cut: false,
                line: 0,
                offset: 0,
                plain: Vec::new(),
                indentation: 0,
            },
        }
    }

    /// Takes one whole line (without its end) of the file of `tid` in a `-ff` set; `line` and `offset` are its place
    /// in that file. Not to be mixed with [`Decoder::push`].
    pub fn push_line(
        &mut self,
        tid: Option<Tid>,
        text: &[u8],
        line: u64,
        offset: u64,
        sink: &mut dyn EventSink,
    ) {
        self.head = None;
        self.lines.options.tid = tid;
        self.lines.pids.set_given(tid.map(|tid| tid.0));
        self.lines.line = line.saturating_sub(1);
        self.lines.offset = offset;
        self.lines.stats.bytes += text.len() as u64 + 1;
        self.whole_line(text, sink);
    }

    /// Names the input of the next lines in diagnostics.
    pub fn set_input(&mut self, input: &str) {
        if self.lines.options.input != input {
            input.clone_into(&mut self.lines.options.input);
        }
    }

    fn split(&mut self, chunk: &[u8], sink: &mut dyn EventSink) {
        let mut rest = chunk;
        if !self.carry.is_empty() || self.too_long > 0 {
            let end = memchr::memchr(b'\n', rest);
            let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
            self.keep(line);
            if end.is_none() {
                return;
            }
            let carry = std::mem::take(&mut self.carry);
            self.whole_line(&carry, sink);
            self.carry = carry;
            self.carry.clear();
            rest = after.get(1..).unwrap_or(&[]);
        }
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            self.whole_line(line, sink);
            rest = after.get(1..).unwrap_or(&[]);
        }
        self.keep(rest);
    }

    /// Keeps a piece of a line for later.
    fn keep(&mut self, piece: &[u8]) {
        if self.too_long > 0 {
            self.too_long += piece.len() as u64;
        } else if self.carry.len() + piece.len() > LINE_BYTES_MAX {
            self.too_long = (self.carry.len() + piece.len()) as u64;
            let room = EXCERPT_BYTES_MAX.saturating_sub(self.carry.len());
            self.carry
                .extend_from_slice(piece.get(..room).unwrap_or(piece));
            self.carry.truncate(EXCERPT_BYTES_MAX);
            self.carry.shrink_to(EXCERPT_BYTES_MAX);
        } else {
            self.carry.extend_from_slice(piece);
        }
    }

    #[inline]
    fn whole_line(&mut self, line: &[u8], sink: &mut dyn EventSink) {
        let len = if self.too_long > 0 {
            std::mem::take(&mut self.too_long)
        } else {
            line.len() as u64
        };
        self.lines.line += 1;
        self.lines.stats.lines += 1;
        if len > LINE_BYTES_MAX as u64 {
            self.lines.release(sink);
            self.lines.stats.reported_lines += 1;
            self.lines.report(Reason::TooLong, line, sink);
        } else {
            self.lines.take(line, sink);
        }
        self.lines.offset += len + 1;
    }

    /// Whether it is known whom lines without a pid are about, or it need not be known.
    fn decide_head(head: &[u8]) -> bool {
        let Some(end) = memchr::memchr(b'\n', head) else {
            return false;
        };
        let line = head.get(..end).unwrap_or(head);
        prefix::parse(line).tid.is_some()
    }

    fn end_head(&mut self, sink: &mut dyn EventSink) {
        if let Some(head) = self.head.take() {
            if let Some(tid) = head::leader(&head) {
                self.lines.pids.set_leader(tid);
            }
            self.split(&head, sink);
        }
    }
}

impl Decoder for StraceDecoder {
    fn push(&mut self, chunk: &[u8], sink: &mut dyn EventSink) {
        self.lines.stats.bytes += chunk.len() as u64;
        let mut rest = chunk;
        if let Some(head) = &mut self.head {
            // Exactly so many bytes, however the input is cut, so that the decision is always the same.
            let room = HEAD_BYTES_MAX - head.len();
            let had_line = memchr::memchr(b'\n', head).is_some();
            let (first, after) = rest.split_at(room.min(rest.len()));
            head.extend_from_slice(first);
            let decided = !had_line && Self::decide_head(head);
            if !decided && head.len() < HEAD_BYTES_MAX {
                return;
            }
            if decided {
                let head = self.head.take().unwrap_or_default();
                self.split(&head, sink);
            } else {
                self.end_head(sink);
            }
            rest = after;
        }
        self.split(rest, sink);
    }

    fn finish(&mut self, sink: &mut dyn EventSink) {
        self.end_head(sink);
        if !self.carry.is_empty() || self.too_long > 0 {
            let carry = std::mem::take(&mut self.carry);
            self.lines.is_last_cut(&carry);
            self.whole_line(&carry, sink);
        }
        self.lines.finish(sink);
    }

    fn stats(&self) -> DecodeStats {
        let mut stats = self.lines.stats.clone();
        stats.clock = self.lines.clock.kind();
        stats.features = self.lines.features;
        stats
    }
}

impl Lines {
    /// Tells the sink about a line.
    #[cold]
    fn report(&mut self, reason: Reason, excerpt: &[u8], sink: &mut dyn EventSink) {
        *self.stats.by_reason.entry(reason).or_default() += 1;
        sink.diagnostic(Diagnostic {
            input: self.options.input.clone(),
            offset: self.offset,
            line: self.line,
            reason,
            excerpt: excerpt.get(..EXCERPT_BYTES_MAX).unwrap_or(excerpt).to_vec(),
        });
    }

    /// Time of a line that was understood.
    #[inline]
    fn stamp(&mut self, time: prefix::Time, sink: &mut dyn EventSink) -> i64 {
        let has_date = self.options.context.date_ns.is_some();
        let (now, went_back) = self.clock.stamp(time, has_date);
        if went_back {
            self.report(Reason::TimeWentBack, &[], sink);
        }
        now
    }

    /// Gives an event on.
    #[inline]
    #[expect(
        clippy::large_types_passed_by_value,
        reason = "inlined: the event is built in place"
    )]
    fn give(tid: u32, time_ns: i64, kind: Kind<'_>, sink: &mut dyn EventSink) {
        sink.event(&Event {
            time_ns,
            tid: (tid != NO_TID).then_some(Tid(tid)),
            kind,
        });
    }

    /// Reads a line that may be whole. `closed_at` is the place of a parenthesis that is known to end the arguments.
    #[inline]
    fn read(&mut self, line: &[u8], closed_at: Option<usize>, sink: &mut dyn EventSink) -> Verdict {
        let prefix = prefix::parse(line);
        let Some(body) = line.get(prefix.body..) else {
            return Verdict::Foreign;
        };
        let verdict = match body.first() {
            Some(b'<') => self.resumed(&prefix, body, closed_at, sink),
            Some(b'-') => self.signal(&prefix, body, sink),
            Some(b'+') => self.end(&prefix, body, sink),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'?') => {
                self.call(&prefix, body, closed_at, sink)
            }
            _ => Verdict::Foreign,
        };
        if verdict != Verdict::Foreign {
            self.features.insert(prefix.features);
            match prefix.time {
                prefix::Time::Day(_) => self.features.insert(Features::TIME_OF_DAY),
                prefix::Time::Seconds(_) if self.clock.kind() == ClockKind::Relative => {
                    self.features.insert(Features::RELATIVE);
                }
                prefix::Time::Seconds(_) => self.features.insert(Features::EPOCH),
                prefix::Time::None => {}
            }
        }
        match verdict {
            Verdict::More(need @ 1..) => Verdict::More(need + prefix.body),
            Verdict::MoreFrom(place) => Verdict::MoreFrom(place + prefix.body),
            other => other,
        }
    }

    /// Ends the log: what is held and what is open.
    fn finish(&mut self, sink: &mut dyn EventSink) {
        self.finish_held(sink);
        for tid in self.threads.open_tids() {
            self.never_resumed(tid, Reason::NeverResumed, sink);
        }
    }
}
