//! Tests of what hostile names become.

use super::{Untrusted, escape, unescape};

/// Names that act on terminals, deceive readers, or are no text. Test 40 of the reliability list.
pub(crate) const HOSTILE: [&[u8]; 27] = [
    b"\x1b[2J\x1b[H",
    b"\x1b]0;title\x07",
    b"\x1b]8;;http://evil/\x1b\\link\x1b]8;;\x1b\\",
    b"\x1b]52;c;ZXZpbA==\x07",
    b"\x1bP1$r\x1b\\",
    b"\x1b[31mred",
    b"\x1bc",
    b"\x9b2J",
    b"\xc2\x9b2J",
    b"\x07\x07\x07",
    b"a\x08\x08\x08b",
    b"line\nfeed",
    b"carriage\rreturn",
    b"tab\tstop",
    b"\x7fdelete",
    b"\x00nul",
    "abc\u{202e}txt.exe".as_bytes(),
    "\u{2066}isolate\u{2069}".as_bytes(),
    "zero\u{200b}width".as_bytes(),
    "\u{feff}mark".as_bytes(),
    "line\u{2028}separator".as_bytes(),
    "tag\u{e0041}".as_bytes(),
    b"\xff\xfe\xfd",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"back\\slash\\x41",
    b"\x0e\x0fshift",
];

#[test]
fn hostile_names_are_harmless_and_can_be_read_back() {
    for name in HOSTILE {
        let text = escape(name);
        assert!(
            text.chars()
                .all(|character| !character.is_control() && !super::is_deceptive(character)),
            "{text:?}"
        );
        assert_eq!(unescape(&text).as_deref(), Some(name), "{text}");
    }
}

#[test]
fn ordinary_names_stay_as_they_are() {
    for name in ["/usr/bin/cat", "/home/ü/日本語", "a b'c\"d", "🙂"] {
        assert_eq!(escape(name.as_bytes()), name);
    }
}

#[test]
fn the_escapes_are_the_documented_ones() {
    assert_eq!(escape(b"a\\b\n\x1b\xff"), "a\\\\b\\n\\x1b\\xff");
    assert_eq!(escape("x\u{202e}y".as_bytes()), "x\\u{202e}y");
    assert_eq!(
        Untrusted::printed(b"\"a\\n\"\x1b").to_string(),
        "\"a\\n\"\\x1b"
    );
    assert_eq!(unescape("\\q"), None);
    assert_eq!(unescape("\\x4"), None);
}

#[test]
fn all_bytes_come_back() {
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(unescape(&escape(&all)), Some(all));
}
