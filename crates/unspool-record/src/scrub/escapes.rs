//! Strings as tracers print them, and the way back from a byte to its place in the line.

use std::ops::Range;

/// The bytes of a printed string, and where in the line each of them stands.
#[derive(Debug)]
pub(super) struct Unescaped {
    pub(super) bytes: Vec<u8>,
    places: Places,
}

#[derive(Debug)]
enum Places {
    /// Nothing is escaped: one behind the other from this offset on.
    From(usize),
    /// Offset in the line of each byte, and of the end.
    Each(Vec<usize>),
}

impl Unescaped {
    /// Reads the string that fills `range` of `line`, marks not included.
    pub(super) fn new(line: &[u8], range: Range<usize>) -> Self {
        let printed = &line[range.clone()];
        if memchr::memchr(b'\\', printed).is_none() {
            return Self {
                bytes: printed.to_vec(),
                places: Places::From(range.start),
            };
        }
        let mut bytes = Vec::with_capacity(printed.len());
        let mut places = Vec::with_capacity(printed.len() + 1);
        let mut at = range.start;
        while at < range.end {
            let (byte, len) = escape(&line[at..range.end]);
            bytes.push(byte);
            places.push(at);
            at += len;
        }
        places.push(range.end);
        Self {
            bytes,
            places: Places::Each(places),
        }
    }

    /// The part of the line in which the bytes `range` are printed.
    pub(super) fn in_line(&self, range: &Range<usize>) -> Range<usize> {
        match &self.places {
            Places::From(start) => start + range.start..start + range.end,
            Places::Each(places) => places[range.start]..places[range.end],
        }
    }
}

/// The first byte of `text`, which is not empty, and how many bytes print it.
fn escape(text: &[u8]) -> (u8, usize) {
    let (b'\\', Some(next)) = (text[0], text.get(1)) else {
        return (text[0], 1);
    };
    match next {
        b'n' => (b'\n', 2),
        b't' => (b'\t', 2),
        b'r' => (b'\r', 2),
        b'v' => (0x0b, 2),
        b'f' => (0x0c, 2),
        b'x' => {
            let digits = digits(&text[2..], 16, 2);
            if digits.1 == 0 {
                (b'x', 2)
            } else {
                (digits.0, 2 + digits.1)
            }
        }
        b'0'..=b'7' => {
            let digits = digits(&text[1..], 8, 3);
            (digits.0, 1 + digits.1)
        }
        other => (*other, 2),
    }
}

/// The number at the start of `text` in `radix`, and its length of at most `len_max` digits.
fn digits(text: &[u8], radix: u32, len_max: usize) -> (u8, usize) {
    let mut value = 0u32;
    let mut len = 0;
    for digit in text
        .iter()
        .take(len_max)
        .map_while(|byte| char::from(*byte).to_digit(radix))
    {
        value = value * radix + digit;
        len += 1;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "three octal digits: the ninth bit has no meaning in a byte"
    )]
    (value as u8, len)
}

/// A printed string: where its bytes stand, marks not included.
pub(super) type Printed = Range<usize>;

/// Gives the printed strings of `line` from `from` on. A string that is not closed reaches to the end of the line.
pub(super) fn strings(line: &[u8], from: usize) -> Strings<'_> {
    Strings { line, at: from }
}

/// See [`strings`].
#[derive(Clone, Debug)]
pub(super) struct Strings<'a> {
    line: &'a [u8],
    at: usize,
}

impl Iterator for Strings<'_> {
    type Item = Printed;

    fn next(&mut self) -> Option<Printed> {
        let start = next_mark(self.line, self.at)? + 1;
        let end = next_mark(self.line, start).unwrap_or(self.line.len());
        self.at = (end + 1).min(self.line.len());
        Some(start..end)
    }
}

/// The next quotation mark from `from` on that is not escaped.
pub(super) fn next_mark(line: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr2(b'"', b'\\', line.get(at..)?)?;
        if line[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}
