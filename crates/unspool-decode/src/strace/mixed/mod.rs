//! Output of the program among the pieces of strace's lines, where both write to one stream.
//!
//! strace prints a call in pieces: what is known when it begins, ` <unfinished ...>` when another thread comes between,
//! a message (`strace: Process 7 attached`) anywhere, the rest at the end. What a thread writes appears while its `write`
//! is open, so it may stand behind any piece of any other thread. The first half of that `write` says which bytes to look for:
//! ```text
//! [pid     8] write(1, "12\n", 3 <unfinished ...>
//! [pid     1] wait4(-1, 12
//!  <unfinished ...>
//! [pid     8] <... write resumed>)        = 3
//! ```
//! Digits without a line end behind a complete argument cannot be told from it: `close(3` + `7` + `)`.

use unspool_model::args::text::string_end;
use unspool_model::event::{EventSink, Kind, Reason};

#[cfg(test)]
mod tests;

use super::call::name_len;
use super::scan::{End, Scanner, trim_start};
use super::threads::NO_TID;
use super::{Lines, prefix, tail};
use crate::Features;

/// Most open writes whose output is looked for; of more, only the first.
pub const PENDING_WRITES_MAX: usize = 64;
/// Most bytes of one that are compared; the others are counted.
const KNOWN_BYTES_MAX: usize = 4096;
/// Mark of a first half.
const UNFINISHED: &[u8] = b" <unfinished ...>";

/// Output of an open `write` that has not been seen yet.
#[derive(Debug)]
pub(super) struct Pending {
    tid: u32,
    /// Its first bytes, as far as the line tells them.
    known: Vec<u8>,
    /// All its bytes.
    count: usize,
}

/// How far output reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reach {
    /// So many bytes, and the line goes on.
    Part(usize),
    /// To the end of the line, line end included.
    Line,
}

impl Pending {
    /// Whether the output can stand in front of `rest`, the end of a line.
    fn reach(&self, rest: &[u8]) -> Option<Reach> {
        let compared = self.known.len().min(self.count);
        let (known, _) = self.known.split_at_checked(compared)?;
        if self.count <= rest.len() {
            return rest
                .get(..self.count)?
                .starts_with(known)
                .then_some(Reach::Part(self.count));
        }
        let fits = match known.get(..=rest.len()) {
            Some(known) => known.split_last() == Some((&b'\n', rest)),
            None => rest.starts_with(known),
        };
        fits.then_some(Reach::Line)
    }

    /// Where the first line of the output begins, if it ends this line.
    fn place_at_end(&self, line: &[u8]) -> Option<usize> {
        match memchr::memchr(b'\n', &self.known) {
            Some(len) => {
                let place = line.len().checked_sub(len)?;
                (self.reach(line.get(place..)?) == Some(Reach::Line)).then_some(place)
            }
            None if self.known.is_empty() => None,
            None => {
                let place = memchr::memmem::find(line, &self.known)?;
                (self.reach(line.get(place..)?) == Some(Reach::Line)).then_some(place)
            }
        }
    }

    /// Whether it could as well be the rest of an argument.
    fn is_number(&self) -> bool {
        self.known.iter().all(u8::is_ascii_digit)
    }

    /// Takes what was seen off. Gives whether that was all.
    fn advance(&mut self, bytes: usize) -> bool {
        self.known.drain(..bytes.min(self.known.len()));
        self.count = self.count.saturating_sub(bytes);
        self.count == 0
    }
}

/// The bytes of a string as strace prints it, without `-x`: `"a\n"`, `"cut"...`.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let inner = text.get(1..string_end(text, 1)?.checked_sub(1)?)?;
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'v' => 0x0b,
            b'f' => 0x0c,
            b'x' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            digit @ b'0'..=b'7' => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(next @ b'0'..=b'7') = rest.peek().copied() else {
                        break;
                    };
                    rest.next();
                    value = value * 8 + u32::from(next - b'0');
                }
                u8::try_from(value).ok()?
            }
            other => other,
        });
    }
    Some(bytes)
}

/// What an open `write(1, "12\n", 3` is about to print.
fn announced(tid: u32, text: &[u8]) -> Option<Pending> {
    let mut scanner = Scanner::new(text);
    let (descriptor, End::Comma) = scanner.next() else {
        return None;
    };
    if !matches!(descriptor, [b'1' | b'2'] | [b'1' | b'2', b'<', ..]) {
        return None;
    }
    let (data, End::Comma) = scanner.next() else {
        return None;
    };
    let data = trim_start(data);
    if data.first() != Some(&b'"') {
        return None;
    }
    let mut known = unescaped(data)?;
    let count = trim_start(text.get(scanner.at..)?);
    let count: usize = std::str::from_utf8(count).ok()?.parse().ok()?;
    known.truncate(KNOWN_BYTES_MAX.min(count));
    (count > 0 && !known.is_empty()).then_some(Pending { tid, known, count })
}

/// Whether a line begins as one of strace's calls.
pub(super) fn begins_call(line: &[u8]) -> bool {
    let body = line.get(prefix::parse(line).body..).unwrap_or(&[]);
    let len = name_len(body);
    body.starts_with(b"<... ") || (len > 0 && body.get(len) == Some(&b'('))
}

/// Where output may end inside of a line: before ` <unfinished ...>`, before a message, before the end of the arguments.
fn ends_inside(line: &[u8]) -> [Option<usize>; 3] {
    let closes = memchr::memrchr_iter(b')', line)
        .find(|at| line.get(at + 1..).and_then(tail::parse).is_some());
    [
        line.strip_suffix(UNFINISHED).map(<[u8]>::len),
        super::torn::message(line).map(|(at, _)| at),
        closes,
    ]
}

/// Where output stands before `end`; not when what is before it shows that an argument was to follow.
fn place_before(pending: &Pending, line: &[u8], end: usize, is_close: bool) -> Option<usize> {
    let place = end.checked_sub(pending.count)?;
    let before = line.get(..place)?;
    let waits = matches!(before.last(), Some(b' ' | b'|' | b'=' | b','));
    let fits = pending.reach(line.get(place..end)?)? == Reach::Part(pending.count);
    (fits && !(is_close && waits) && !pending.is_number() && begins_call(before)).then_some(place)
}

/// Where output stands in front of arguments that are printed at the end of their call: `wait4(-1, abc[{...`.
fn place_in_arguments(pending: &Pending, line: &[u8]) -> Option<usize> {
    let body_at = prefix::parse(line).body;
    let body = line.get(body_at..)?;
    let text_at = body_at + name_len(body) + 1;
    if pending.is_number() || body.get(text_at - body_at - 1) != Some(&b'(') {
        return None;
    }
    let mut scanner = Scanner::new(line.get(text_at..)?);
    loop {
        let start = text_at + scanner.at;
        let rest = line.get(start..)?;
        let place = start + (rest.len() - trim_start(rest).len());
        let rest = line.get(place..)?;
        if let Some(Reach::Part(len)) = pending.reach(rest)
            && !matches!(rest.get(len), None | Some(b',' | b')' | b' '))
        {
            return Some(place);
        }
        if scanner.next().1 != End::Comma {
            return None;
        }
    }
}

impl Lines {
    /// A thread began a `write` to a standard stream: what it prints may come from here on.
    #[cold]
    pub(super) fn announce(&mut self, tid: u32, text: &[u8]) {
        if self.features.contains(Features::PID) || self.pending.len() >= PENDING_WRITES_MAX {
            return;
        }
        self.pending.extend(announced(tid, text));
    }

    /// The `write` of a thread is over, or its output was seen elsewhere.
    #[inline]
    pub(super) fn announced_is_over(&mut self, tid: u32) {
        if !self.pending.is_empty() {
            self.pending.retain(|pending| pending.tid != tid);
        }
    }

    /// Takes a line while output may stand in it.
    #[cold]
    pub(super) fn take_mixed(&mut self, line: &[u8], sink: &mut dyn EventSink) {
        let mut line = line.to_vec();
        while let Some((which, place)) = self.find_inside(&line) {
            let output = self.take_pending(which, line.get(place..).unwrap_or(&[]));
            line.drain(place..place + output.len());
            self.printed_inside(&output, sink);
        }
        if self.held.is_open() {
            let Some(start) = self.cut_start(&line, sink) else {
                return;
            };
            let rest = line.get(start..).unwrap_or(&[]).to_vec();
            self.take_after_held(&rest, sink);
        } else {
            self.take_fresh(&line, sink);
        }
    }

    /// Output without a line end between pieces of one line.
    fn find_inside(&self, line: &[u8]) -> Option<(usize, usize)> {
        let ends = ends_inside(line);
        self.pending
            .iter()
            .enumerate()
            .find_map(|(which, pending)| {
                let before = ends
                    .iter()
                    .enumerate()
                    .filter_map(|(kind, end)| Some((kind, (*end)?)))
                    .find_map(|(kind, end)| place_before(pending, line, end, kind == 2));
                let place = before.or_else(|| place_in_arguments(pending, line))?;
                Some((which, place))
            })
    }

    /// The first open write of which `what` gives something, by its place.
    fn find_pending<T>(&self, what: impl Fn(&Pending) -> Option<T>) -> Option<(usize, T)> {
        self.pending
            .iter()
            .enumerate()
            .find_map(|(which, pending)| Some((which, what(pending)?)))
    }

    /// Takes output off the start of a line. Gives where the rest begins; `None` when nothing is left.
    fn cut_start(&mut self, line: &[u8], sink: &mut dyn EventSink) -> Option<usize> {
        let mut at = 0;
        loop {
            let rest = line.get(at..).unwrap_or(&[]);
            let found = self.find_pending(|pending| pending.reach(rest));
            let Some((which, reach)) = found else {
                return Some(at);
            };
            let output = self.take_pending(which, rest);
            if reach == Reach::Line {
                self.stats.output_lines += 1;
                self.report(Reason::OutputLine, rest, sink);
                self.give_output(rest, sink);
                return None;
            }
            at += output.len();
            self.printed_inside(&output, sink);
        }
    }

    /// A line that is not understood as it stands: output is looked for at its start and at its end. Gives whether
    /// some was found; the line is done then.
    #[cold]
    pub(super) fn mixed(&mut self, line: &[u8], sink: &mut dyn EventSink) -> bool {
        match self.cut_start(line, sink) {
            None => return true,
            Some(0) => {}
            Some(at) => {
                let rest = line.get(at..).unwrap_or(&[]);
                self.take_plain(rest, sink);
                return true;
            }
        }
        let found = self.find_pending(|pending| pending.place_at_end(line));
        let Some((which, place)) = found else {
            return false;
        };
        let (before, rest) = line.split_at(place);
        if !self.may_hold || !begins_call(before) {
            return false;
        }
        let output = self.take_pending(which, rest);
        self.printed_inside(&output, sink);
        self.hold(before, super::Verdict::MoreFrom(place));
        true
    }

    /// Takes what of an open write stands in front of `rest`, with the line end if it reaches there.
    fn take_pending(&mut self, which: usize, rest: &[u8]) -> Vec<u8> {
        let Some(pending) = self.pending.get_mut(which) else {
            return Vec::new();
        };
        let mut output = rest.get(..pending.count).unwrap_or(rest).to_vec();
        if pending.count > rest.len() {
            output.push(b'\n');
        }
        if pending.advance(output.len()) {
            self.pending.remove(which);
        }
        output
    }

    /// Output that stood inside of a line of strace.
    fn printed_inside(&mut self, output: &[u8], sink: &mut dyn EventSink) {
        self.stats.repaired += 1;
        self.report(Reason::OutputInLine, output, sink);
        self.give_output(output, sink);
    }

    fn give_output(&mut self, output: &[u8], sink: &mut dyn EventSink) {
        let time_ns = self.stamp(prefix::Time::None, sink);
        Self::give(NO_TID, time_ns, Kind::Output(output), sink);
    }
}
