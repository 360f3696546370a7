//! Calls that were cut where they wait: strace prints what is known when a call begins, and the rest at its end. What
//! others write to the stream meanwhile stands between: the echo of a terminal, a child that is not traced, a complaint of
//! the tracer.
//!
//! Example (three lines, one call of two lines of a child's output):
//! ```text
//! wait4(-1, cc: warning: no input
//! cc: nothing to do
//! [{WIFEXITED(s) && WEXITSTATUS(s) == 1}], 0, NULL) = 712
//! ```

use unspool_model::args::Args;
use unspool_model::event::{CallName, EventSink};

use super::{Held, is_fresh};
use crate::strace::call::name_len;
use crate::strace::scan::{End, Scanner, scan};
use crate::strace::{Lines, Verdict, prefix, tail};

/// Most lines between both parts of a call.
const WAITED_LINES_MAX: u64 = 256;
/// Longest line that is kept for its end: it is looked at again for every line that may be the end.
const WAITING_BYTES_MAX: usize = 16 << 10;
/// Most arguments behind which a call may have been cut.
const PLACES_MAX: usize = 8;

/// Name and start of the arguments of a line that begins a call which is in the table: others may be what a program prints.
fn known_call(line: &[u8]) -> Option<(CallName<'_>, usize)> {
    let body_at = prefix::parse(line).body;
    let body = line.get(body_at..)?;
    let (name, rest) = body.split_at_checked(name_len(body))?;
    let call = CallName::from_bytes(name);
    call.known()?;
    (rest.first() == Some(&b'(')).then_some((call, body_at + name.len() + 1))
}

/// Whether the end of a line that was cut may come later.
pub(super) fn may_wait(line: &[u8]) -> bool {
    line.len() <= WAITING_BYTES_MAX && known_call(line).is_some()
}

/// The call that `first`, up to one of its arguments, and `rest` make: where `first` was cut, and the whole line. Of several
/// places the one that gives the call as many arguments as it takes, else the last.
fn joined(first: &[u8], rest: &[u8]) -> Option<(usize, Vec<u8>)> {
    memchr::memchr(b')', rest)?;
    let (call, text_at) = known_call(first)?;
    let arity = call.known()?.row().args.len();
    let mut scanner = Scanner::new(first.get(text_at..)?);
    let mut places = vec![text_at];
    while places.len() < PLACES_MAX && scanner.next().1 == End::Comma {
        places.push(text_at + scanner.at);
    }
    let mut found = None;
    for place in places.into_iter().rev() {
        let mut whole = first.get(..place)?.to_vec();
        whole.extend_from_slice(rest);
        let text = whole.get(text_at..)?;
        let mut args = Args::new(&[]);
        let close = scan(text, &mut args, &mut false);
        let end = close.and_then(|close| text.get(close + 1..));
        if end.and_then(tail::parse).is_none() {
            continue;
        }
        if args.get(arity).is_none() && args.get(arity.saturating_sub(1)).is_some() {
            return Some((place, whole));
        }
        found = found.or(Some((place, whole)));
    }
    found
}

impl Held {
    /// Adds a line that is none of strace's.
    fn add(&mut self, line: &[u8]) {
        self.text.push(b'\n');
        self.text.extend_from_slice(line);
        self.lines += 1;
    }
}

impl Lines {
    /// A line behind a call that waits: its rest, or text of others, which is kept until the rest comes. Gives whether it is
    /// one of both.
    pub(super) fn wait_on(&mut self, line: &[u8], sink: &mut dyn EventSink) -> bool {
        if !self.held.waits || self.held.lines >= WAITED_LINES_MAX || is_fresh(line) {
            return false;
        }
        let first_len = self.held.first_len();
        let found = joined(self.held.text.get(..first_len).unwrap_or(&[]), line);
        let Some((place, whole)) = found else {
            self.held.add(line);
            return true;
        };
        let held = std::mem::take(&mut self.held);
        let output = held.text.get(place..).unwrap_or(&[]).trim_ascii_start();
        let tid = self.tid_of(&prefix::parse(&whole));
        let time_ns = self.stamp(prefix::Time::None, sink);
        self.output_inside(tid, time_ns, output, sink);
        if self.read(&whole, None, sink) != Verdict::Done {
            self.foreign(&whole, sink);
        }
        self.stats.joined_lines += held.lines;
        true
    }
}
