use proptest::prelude::*;
use unspool_model::args::text::string_end;

use super::*;

/// The same scan, byte by byte.
struct EachByte<'a> {
    text: &'a [u8],
    at: usize,
    look_ahead: usize,
    comments: bool,
}

impl<'a> EachByte<'a> {
    fn next(&mut self) -> (&'a [u8], End) {
        let (text, start) = (self.text, self.at);
        let (mut at, mut depth) = (start, 0_u32);
        while let Some(byte) = text.get(at) {
            let behind = match byte {
                b'"' => string_end(text, at + 1),
                b'<' => self.angle_end(at),
                b'/' => Some(self.comment_end(at)),
                _ => Some(at + 1),
            };
            match byte {
                b',' if depth == 0 => {
                    self.at = at + 1;
                    return (&text[start..at], End::Comma);
                }
                b')' if depth == 0 => {
                    self.at = at + 1;
                    return (&text[start..at], End::Close(at));
                }
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            match behind {
                Some(behind) => at = behind,
                None => break,
            }
        }
        self.at = text.len();
        (&text[start..], End::Cut)
    }

    fn comment_end(&mut self, at: usize) -> usize {
        if self.comments && self.text.get(at + 1) == Some(&b'*') {
            if let Some(end) = memchr::memmem::find(&self.text[at + 2..], b"*/") {
                return at + end + 4;
            }
            self.comments = false;
        }
        at + 1
    }

    fn angle_end(&mut self, at: usize) -> Option<usize> {
        match self.text.get(at + 1)? {
            b'/' => self.object_end(at, true),
            b'<' => Some(at + 2),
            b' ' | b'=' => Some(at + 1),
            _ => self.socket_end(at).or_else(|| self.object_end(at, false)),
        }
    }

    fn socket_end(&self, at: usize) -> Option<usize> {
        let text = self.text;
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let len = text[at + 1..]
            .iter()
            .take_while(|byte| is_word(byte))
            .count();
        let mut end = at + 1 + len;
        if text.get(end..end + 2) != Some(b":[") {
            return None;
        }
        end += 2;
        let limit = end + SOCKET_BYTES_MAX;
        while end < limit {
            match text.get(end)? {
                b'"' => end = string_end(text, end + 1)?,
                b']' if text.get(end + 1) == Some(&b'>') => return Some(end + 2),
                _ => end += 1,
            }
        }
        None
    }

    fn object_end(&mut self, at: usize, is_path: bool) -> Option<usize> {
        let rest = &self.text[at + 1..];
        let rest = rest.get(..self.look_ahead.max(1)).unwrap_or(rest);
        let (mut depth, mut first_close) = (1_u32, None);
        for (place, byte) in rest.iter().enumerate() {
            if *byte == b'<' {
                depth += 1;
            }
            if *byte != b'>' {
                continue;
            }
            first_close.get_or_insert(place);
            depth = depth.saturating_sub(1);
            let follower = self.text.get(at + place + 2);
            let ends = !is_path || follower.is_none_or(|byte| b",) ]}(>|\n".contains(byte));
            if depth == 0 && ends {
                return Some(at + place + 2);
            }
        }
        self.look_ahead = self.look_ahead.saturating_sub(rest.len());
        match first_close {
            Some(place) => Some(at + place + 2),
            None => (self.look_ahead == 0).then_some(at + 1),
        }
    }
}

/// Both ways through a text; gives the arguments.
fn both_ways(text: &[u8]) -> Vec<(&[u8], End)> {
    let mut scanner = Scanner::new(text);
    let mut each = EachByte {
        text,
        at: 0,
        look_ahead: LOOK_AHEAD_BYTES_MAX,
        comments: true,
    };
    let mut list = Vec::new();
    loop {
        let expected = each.next();
        let shown = text.escape_ascii();
        assert_eq!(scanner.next(), expected, "{shown}");
        assert_eq!(scanner.at, each.at, "{shown}");
        list.push(expected);
        if expected.1 == End::Cut {
            return list;
        }
    }
}

#[test]
fn arguments_end_where_each_byte_says() {
    let parts = |text: &'static str| -> Vec<&'static [u8]> {
        both_ways(text.as_bytes())
            .into_iter()
            .map(|part| part.0)
            .collect()
    };
    assert_eq!(
        parts("3</a,b>, \"x\\\",)\", {a=1, b=[2, 3]}) = 0"),
        [
            &b"3</a,b>"[..],
            b" \"x\\\",)\"",
            b" {a=1, b=[2, 3]}",
            b" = 0"
        ]
    );
    assert_eq!(
        parts("5<UNIX-STREAM:[1->2,\"/a]>,b\"]>, 1<<2, 0x1 /* 3, (4 */"),
        [
            &b"5<UNIX-STREAM:[1->2,\"/a]>,b\"]>"[..],
            b" 1<<2",
            b" 0x1 /* 3, (4 */"
        ]
    );
    // A slash ends one comment and begins no other; one without an end is none.
    assert_eq!(parts("/* 1 */*, 2 */"), [&b"/* 1 */*"[..], b" 2 */"]);
    assert_eq!(parts("/* 1, 2"), [&b"/* 1"[..], b" 2"]);
}

#[test]
fn what_is_looked_for_in_vain_is_not_sure() {
    for (text, is_sure) in [
        ("1, 2)", true),
        ("3</a>, /* 1 */ 2)", true),
        ("/* 1, 2)", false),
        ("3</a>b, 2)", false),
    ] {
        let mut scanner = Scanner::new(text.as_bytes());
        while scanner.next().1 == End::Comma {}
        assert_eq!(scanner.is_sure(), is_sure, "{text}");
    }
}

/// What stands in arguments, and between.
const PIECES: &[&str] = &[
    "\"",
    "\\",
    "\\\"",
    "(",
    ")",
    "*",
    "+",
    ",",
    ", ",
    "<",
    ">",
    "[",
    "]",
    "{",
    "|",
    "}",
    "/",
    "/*",
    "*/",
    "</",
    "</a>",
    "]>",
    "<TCP:[",
    "<<",
    "<=",
    "->",
    " ",
    "\n",
    "a",
    "x=",
    "FUTEX_WAIT_BITSET_PRIVATE",
    "0x7fd23bb4e6f8",
    "\u{e4}",
];

proptest! {
    #[test]
    fn every_text_is_scanned_as_byte_by_byte(pieces in prop::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        both_ways(text.as_bytes());
    }

    #[test]
    fn any_bytes_are_scanned_as_byte_by_byte(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        both_ways(&bytes);
    }
}

/// Bounds of looking ahead are the same too.
#[test]
fn long_texts_are_scanned_as_byte_by_byte() {
    for (piece, end) in [
        ("</a ", ""),
        ("<a", ">"),
        ("<P:[", "]>"),
        ("</a>b", ")"),
        ("/*", ", 1)"),
    ] {
        let text = format!("{}{end}", piece.repeat(LOOK_AHEAD_BYTES_MAX / 3));
        both_ways(text.as_bytes());
    }
}
