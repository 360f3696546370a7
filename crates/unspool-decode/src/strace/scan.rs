//! The forward scan over arguments: the only way to find their end. Strings, objects of descriptors and comments are
//! skipped whole; nothing is ever searched backwards. Nesting is a counter, so depth has no limit.

use unspool_model::args::text::string_end;
use unspool_model::args::{Arg, Args};

const PLAIN: u8 = 0;
const QUOTE: u8 = 1;
const OPEN: u8 = 2;
const CLOSE: u8 = 3;
const COMMA: u8 = 4;
const ANGLE: u8 = 5;
const SLASH: u8 = 6;

static CLASS: [u8; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time, where an index outside does not compile"
)]
const fn classes() -> [u8; 256] {
    let mut table = [PLAIN; 256];
    table[b'"' as usize] = QUOTE;
    table[b'(' as usize] = OPEN;
    table[b'[' as usize] = OPEN;
    table[b'{' as usize] = OPEN;
    table[b')' as usize] = CLOSE;
    table[b']' as usize] = CLOSE;
    table[b'}' as usize] = CLOSE;
    table[b',' as usize] = COMMA;
    table[b'<' as usize] = ANGLE;
    table[b'/' as usize] = SLASH;
    table
}

#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "a byte is always inside a table of 256"
)]
fn class(byte: u8) -> u8 {
    CLASS[usize::from(byte)]
}

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

/// Goes from argument to argument.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    /// Start of the next argument.
    pub(super) at: usize,
    look_ahead: usize,
    comments: bool,
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `text`, which begins behind the opening parenthesis.
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            look_ahead: LOOK_AHEAD_BYTES_MAX,
            comments: true,
        }
    }

    /// The next argument as printed and how it ended.
    #[inline]
    pub(super) fn next(&mut self) -> (&'a [u8], End) {
        let text = self.text;
        let start = self.at;
        let mut at = start;
        let mut depth = 0_u32;
        while let Some(&byte) = text.get(at) {
            match class(byte) {
                PLAIN => {
                    at += 1;
                    while text.get(at).is_some_and(|byte| class(*byte) == PLAIN) {
                        at += 1;
                    }
                }
                QUOTE => match string_end(text, at + 1) {
                    Some(end) => at = end,
                    None => break,
                },
                COMMA => {
                    if depth == 0 {
                        self.at = at + 1;
                        return (text.get(start..at).unwrap_or(&[]), End::Comma);
                    }
                    at += 1;
                }
                OPEN => {
                    depth = depth.saturating_add(1);
                    at += 1;
                }
                CLOSE => {
                    if depth > 0 {
                        depth -= 1;
                    } else if byte == b')' {
                        self.at = at + 1;
                        return (text.get(start..at).unwrap_or(&[]), End::Close(at));
                    }
                    at += 1;
                }
                ANGLE => match self.angle_end(at) {
                    Some(end) => at = end,
                    None => break,
                },
                _ => at = self.comment_end(at),
            }
        }
        self.at = text.len();
        (text.get(start..).unwrap_or(&[]), End::Cut)
    }

    /// Behind a comment at `at`, or behind the slash if it is none.
    fn comment_end(&mut self, at: usize) -> usize {
        if self.comments && self.text.get(at + 1) == Some(&b'*') {
            let rest = self.text.get(at + 2..).unwrap_or(&[]);
            if let Some(end) = memchr::memmem::find(rest, b"*/") {
                return at + end + 4;
            }
            self.comments = false;
        }
        at + 1
    }

    /// Behind what begins with `<` at `at`: `</path>`, `<TCP:[...]>`, `<<`; `None` when the text ends inside.
    fn angle_end(&mut self, at: usize) -> Option<usize> {
        let first = *self.text.get(at + 1)?;
        match first {
            b'/' => self.object_end(at, true),
            // A shift (`1<<5`), a comparison.
            b'<' => Some(at + 2),
            b' ' | b'=' => Some(at + 1),
            _ => match self.socket_end(at) {
                Some(end) => Some(end),
                None => self.object_end(at, false),
            },
        }
    }

    /// Behind `<TCP:[...]>`, `<pipe:[1]>`, `<UNIX-STREAM:[12->13,"/run/a>b"]>`: to `]>` outside of quotes.
    fn socket_end(&self, at: usize) -> Option<usize> {
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
        while end < limit {
            match text.get(end)? {
                b'"' => end = string_end(text, end + 1)?,
                b']' if text.get(end + 1) == Some(&b'>') => return Some(end + 2),
                _ => end += 1,
            }
        }
        None
    }

    /// Behind `</path>`, `</dev/null<char 1:3>>`, `<pid:12<bash>>`. Before strace 4.22 a name may hold `>` unescaped:
    /// then the end is the first `>` that something follows which can follow an object.
    fn object_end(&mut self, at: usize, is_path: bool) -> Option<usize> {
        let rest = self.text.get(at + 1..)?;
        let rest = rest.get(..self.look_ahead.max(1)).unwrap_or(rest);
        let mut depth = 1_u32;
        let mut first_close = None;
        for place in memchr::memchr2_iter(b'<', b'>', rest) {
            if rest.get(place) == Some(&b'<') {
                depth += 1;
                continue;
            }
            first_close.get_or_insert(place);
            depth = depth.saturating_sub(1);
            if depth > 0 {
                continue;
            }
            let follower = self.text.get(at + place + 2);
            if !is_path || follower.is_none_or(|byte| FOLLOWERS.contains(byte)) {
                return Some(at + place + 2);
            }
        }
        self.look_ahead = self.look_ahead.saturating_sub(rest.len());
        match first_close {
            Some(place) => Some(at + place + 2),
            None if self.look_ahead == 0 => Some(at + 1),
            None => None,
        }
    }
}

/// What can follow an object of a descriptor.
const FOLLOWERS: &[u8] = b",) ]}(>|\n";

/// Longest description of a socket: two addresses of UNIX sockets, each byte an escape.
const SOCKET_BYTES_MAX: usize = 4096;

/// Scans all arguments of `text` into `args` (which is given as new). Returns the place of the closing parenthesis;
/// `None` when the text ends before it: then the last argument may be cut.
#[inline]
pub(super) fn scan<'a>(text: &'a [u8], args: &mut Args<'a>, named: &mut bool) -> Option<usize> {
    let mut scanner = Scanner::new(text);
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
