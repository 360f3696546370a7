//! The forward scan over arguments: the only way to find their end. Strings, objects of descriptors and comments are
//! skipped whole; nothing is ever searched backwards. Nesting is a counter, so depth has no limit.

mod marks;
#[cfg(test)]
mod tests;

use unspool_model::args::{Arg, Args};

use marks::{LANES, places_from};

/// Bytes that a scan may look ahead in vain, so that no line takes quadratic time. A path has at most 4096 bytes,
/// each an escape of 4.
const LOOK_AHEAD_BYTES_MAX: usize = 64 << 10;

/// How an argument ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// By a comma.
    Comma,
    /// By the parenthesis that ends all arguments, which is at this place.
    Close(usize),
    /// By the end of the text.
    Cut,
}

/// The same without the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stop {
    Comma,
    Close,
    Cut,
}

/// Goes from argument to argument.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    /// Start of the next argument.
    pub(super) at: usize,
    /// The bytes whose marks are known begin here.
    block: usize,
    /// Where in them something begins, parts or ends.
    marks: u64,
    /// Those of the marks that were not looked at yet.
    ahead: u64,
    look_ahead: usize,
    comments: bool,
    /// End of the last comment: its slash begins no other.
    behind: usize,
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `text`, which begins behind the opening parenthesis.
    #[inline]
    pub(super) fn new(text: &'a [u8]) -> Self {
        let marks = places_from(text, 0);
        Self {
            text,
            at: 0,
            block: 0,
            marks,
            ahead: marks,
            look_ahead: LOOK_AHEAD_BYTES_MAX,
            comments: true,
            behind: 0,
        }
    }

    /// Whether what was read does not depend on what comes behind the text: no comment and no object was looked for in vain.
    #[inline]
    pub(super) fn is_sure(&self) -> bool {
        self.comments && self.look_ahead == LOOK_AHEAD_BYTES_MAX
    }

    /// Place and byte of the next mark.
    #[inline]
    fn next_mark(&mut self) -> Option<(usize, u8)> {
        if self.ahead == 0 && !self.load_next() {
            return None;
        }
        let place = self.block + self.ahead.trailing_zeros() as usize;
        self.ahead &= self.ahead - 1;
        Some((place, *self.text.get(place)?))
    }

    /// Goes to the next bytes with marks; gives whether there are any.
    #[inline(never)]
    fn load_next(&mut self) -> bool {
        loop {
            let next = self.block + LANES;
            if next >= self.text.len() {
                return false;
            }
            self.load(next);
            if self.ahead != 0 {
                return true;
            }
        }
    }

    fn load(&mut self, block: usize) {
        self.block = block;
        self.marks = places_from(self.text, block);
        self.ahead = self.marks;
    }

    /// Goes on with the first mark from `at` on.
    #[inline]
    fn go_to(&mut self, at: usize) {
        let inside = at.wrapping_sub(self.block);
        if inside < LANES {
            self.ahead = self.marks & (u64::MAX << inside);
        } else {
            self.load(at);
        }
    }

    /// The next argument as printed and how it ended.
    #[inline]
    pub(super) fn next(&mut self) -> (&'a [u8], End) {
        let start = self.at;
        let (at, stop) = self.stop();
        let arg = self.text.get(start..at).unwrap_or(&[]);
        match stop {
            Stop::Comma => (arg, End::Comma),
            Stop::Close => (arg, End::Close(at)),
            Stop::Cut => (arg, End::Cut),
        }
    }

    /// Goes behind the next argument; gives its end.
    fn stop(&mut self) -> (usize, Stop) {
        let mut depth = 0_u32;
        // A copy that stays in a register.
        let mut ahead = self.ahead;
        loop {
            if ahead == 0 {
                if !self.load_next() {
                    break;
                }
                ahead = self.ahead;
            }
            let at = self.block + ahead.trailing_zeros() as usize;
            ahead &= ahead - 1;
            match self.text.get(at).copied().unwrap_or(0) {
                b',' if depth == 0 => {
                    self.ahead = ahead;
                    self.at = at + 1;
                    return (at, Stop::Comma);
                }
                b')' if depth == 0 => {
                    self.ahead = ahead;
                    self.at = at + 1;
                    return (at, Stop::Close);
                }
                b'(' | b'[' | b'{' => depth = depth.saturating_add(1),
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                byte @ (b'"' | b'<' | b'*') => {
                    self.ahead = ahead;
                    if self.skip(at, byte).is_none() {
                        break;
                    }
                    ahead = self.ahead;
                }
                _ => {}
            }
        }
        self.at = self.text.len();
        self.block = self.text.len();
        self.ahead = 0;
        (self.at, Stop::Cut)
    }

    /// Goes behind what begins with such a byte at `at`; `None` when the text ends inside.
    #[inline]
    fn skip(&mut self, at: usize, byte: u8) -> Option<()> {
        match byte {
            b'"' => self.string_end()?,
            b'<' => {
                let end = self.angle_end(at)?;
                self.go_to(end);
            }
            _ => self.skip_comment(at),
        }
        Some(())
    }

    /// Goes behind the quotation mark that ends a string; `None` when it does not end.
    #[inline]
    fn string_end(&mut self) -> Option<()> {
        loop {
            match self.next_mark()? {
                (_, b'"') => return Some(()),
                (at, b'\\') => self.go_to(at + 2),
                _ => {}
            }
        }
    }

    /// Goes behind a comment whose star is at `at`, if there is one.
    fn skip_comment(&mut self, at: usize) {
        if !self.comments || at <= self.behind || self.text.get(at - 1) != Some(&b'/') {
            return;
        }
        while let Some((place, byte)) = self.next_mark() {
            if byte == b'*' && self.text.get(place + 1) == Some(&b'/') {
                self.behind = place + 2;
                return;
            }
        }
        self.comments = false;
        self.go_to(at + 1);
    }

    /// Behind what begins with `<` at `at`: `</path>`, `<TCP:[...]>`, `<<`; `None` when the text ends inside.
    #[inline]
    fn angle_end(&mut self, at: usize) -> Option<usize> {
        let first = *self.text.get(at + 1)?;
        match first {
            b'/' => self.object_end(at, true),
            // A shift (`1<<5`), a comparison.
            b'<' => Some(at + 2),
            b' ' | b'=' => Some(at + 1),
            _ => {
                let end = self.socket_end(at);
                if end.is_none() {
                    self.go_to(at + 1);
                    return self.object_end(at, false);
                }
                end
            }
        }
    }

    /// Behind `<TCP:[...]>`, `<pipe:[1]>`, `<UNIX-STREAM:[12->13,"/run/a>b"]>`: to `]>` outside of quotes.
    fn socket_end(&mut self, at: usize) -> Option<usize> {
        let text = self.text;
        let mut end = at + 1;
        while let Some(b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') = text.get(end) {
            end += 1;
        }
        if text.get(end..end + 2) != Some(b":[") {
            return None;
        }
        end += 2;
        let limit = end.saturating_add(SOCKET_BYTES_MAX);
        self.go_to(end);
        loop {
            match self.next_mark()? {
                (place, _) if place >= limit => return None,
                (_, b'"') => self.string_end()?,
                (place, b']') if text.get(place + 1) == Some(&b'>') => return Some(place + 2),
                _ => {}
            }
        }
    }

    /// Behind `</path>`, `</dev/null<char 1:3>>`, `<pid:12<bash>>`. Before strace 4.22 a name may hold `>` unescaped:
    /// then the end is the first `>` that something follows which can follow an object.
    #[inline]
    fn object_end(&mut self, at: usize, is_path: bool) -> Option<usize> {
        let start = at + 1;
        let limit = self.text.len().min(start + self.look_ahead.max(1));
        let mut depth = 1_u32;
        let mut first_close = None;
        while let Some((place, byte)) = self.next_mark() {
            if place >= limit {
                break;
            }
            match byte {
                b'<' => depth += 1,
                b'>' => {
                    first_close.get_or_insert(place);
                    depth = depth.saturating_sub(1);
                    let follower = self.text.get(place + 1);
                    if depth == 0 && (!is_path || follower.is_none_or(|byte| can_follow(*byte))) {
                        return Some(place + 1);
                    }
                }
                _ => {}
            }
        }
        self.look_ahead = self.look_ahead.saturating_sub(limit.saturating_sub(start));
        match first_close {
            Some(place) => Some(place + 1),
            None if self.look_ahead == 0 => Some(start),
            None => None,
        }
    }
}

/// Whether the byte can follow an object of a descriptor.
#[inline]
fn can_follow(byte: u8) -> bool {
    matches!(
        byte,
        b',' | b')' | b' ' | b']' | b'}' | b'(' | b'>' | b'|' | b'\n'
    )
}

/// Longest description of a socket: two addresses of UNIX sockets, each byte an escape.
const SOCKET_BYTES_MAX: usize = 4096;

/// Scans all arguments of `text` into `args` (which is given as new). Returns the place of the closing parenthesis;
/// `None` when the text ends before it: then the last argument may be cut.
#[inline]
pub(super) fn scan<'a>(text: &'a [u8], args: &mut Args<'a>, named: &mut bool) -> Option<usize> {
    scan_with(&mut Scanner::new(text), args, named)
}

/// The same with a scanner that is asked afterwards.
pub(super) fn scan_with<'a>(
    scanner: &mut Scanner<'a>,
    args: &mut Args<'a>,
    named: &mut bool,
) -> Option<usize> {
    let text = scanner.text;
    loop {
        let (arg, end) = scanner.next();
        let arg = trim_end(trim_start(arg));
        if !(arg.is_empty() && end != End::Comma) {
            args.push(Arg::Text(without_name(arg, named)));
        }
        match end {
            End::Comma => {}
            End::Close(at) => {
                args.text = text.get(..at).unwrap_or(&[]);
                return Some(at);
            }
            End::Cut => {
                args.text = text;
                return None;
            }
        }
    }
}

#[inline]
pub(super) fn trim_start(mut text: &[u8]) -> &[u8] {
    while let Some((b' ', rest)) = text.split_first() {
        text = rest;
    }
    text
}

/// Logs before strace 5.0 have a blank between the last argument and `)` of a second half.
#[inline]
fn trim_end(mut text: &[u8]) -> &[u8] {
    while let Some((b' ', rest)) = text.split_last() {
        text = rest;
    }
    text
}

/// `dirfd=AT_FDCWD` without `dirfd=`. Few unnamed arguments begin with a small letter, so this costs little.
#[inline]
fn without_name<'a>(arg: &'a [u8], named: &mut bool) -> &'a [u8] {
    if !arg.first().is_some_and(u8::is_ascii_lowercase) {
        return arg;
    }
    let len = arg
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count();
    match arg.get(len..) {
        Some([b'=', second, ..]) if !matches!(second, b'=' | b'>') => {
            *named = true;
            arg.get(len + 1..).unwrap_or(arg)
        }
        _ => arg,
    }
}
