//! Bytes from traced programs, made safe to show: the only way in which any form writes them.
//!
//! The text is reversible. `\` is `\\`, line feed, tab and carriage return are `\n`, `\t`, `\r`; other control bytes and
//! bytes that are not UTF-8 are `\xff`; characters that change how their neighbours are shown (C1 controls, bidirectional
//! controls, zero-width characters, line separators, tags) are `\u{202e}`.

use std::fmt::{self, Write as _};

/// Shows bytes so that no byte of them acts on a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Untrusted<'a> {
    bytes: &'a [u8],
    backslash: Backslash,
}

/// What becomes of a backslash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Backslash {
    /// Doubled, so that the text can be read back.
    Doubled,
    /// Kept: the printer has escaped already.
    Kept,
}

impl<'a> Untrusted<'a> {
    /// Bytes as they were read. Reversible, see [`unescape`].
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            backslash: Backslash::Doubled,
        }
    }

    /// Text in which a tracer has escaped what is not printable already: its backslashes stay.
    pub fn printed(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            backslash: Backslash::Kept,
        }
    }
}

/// The bytes as safe text.
pub fn escape(bytes: &[u8]) -> String {
    Untrusted::new(bytes).to_string()
}

/// The bytes that [`escape`] was given; `None` when the text is not of its making.
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match rest.next()? {
            '\\' => bytes.push(b'\\'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            'r' => bytes.push(b'\r'),
            'x' => {
                let high = rest.next()?.to_digit(16)?;
                let low = rest.next()?.to_digit(16)?;
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            'u' => {
                let digits: String = rest.by_ref().take_while(|digit| *digit != '}').collect();
                let number = u32::from_str_radix(digits.strip_prefix('{')?, 16).ok()?;
                let character = char::from_u32(number)?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return None,
        }
    }
    Some(bytes)
}

impl fmt::Display for Untrusted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.bytes.utf8_chunks() {
            let text = chunk.valid();
            if text
                .bytes()
                .all(|byte| (b' '..0x7f).contains(&byte) && byte != b'\\')
            {
                f.write_str(text)?;
            } else {
                for character in text.chars() {
                    write_character(f, character, self.backslash)?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

fn write_character(
    f: &mut fmt::Formatter<'_>,
    character: char,
    backslash: Backslash,
) -> fmt::Result {
    match character {
        '\\' if backslash == Backslash::Doubled => f.write_str("\\\\"),
        '\n' => f.write_str("\\n"),
        '\t' => f.write_str("\\t"),
        '\r' => f.write_str("\\r"),
        '\0'..' ' | '\u{7f}' => write!(f, "\\x{:02x}", u32::from(character)),
        _ if is_deceptive(character) => write!(f, "\\u{{{:x}}}", u32::from(character)),
        _ => f.write_char(character),
    }
}

/// Whether the character is not seen itself but changes how others are seen: categories Cc, Cf, Zl, Zp of Unicode,
/// the fillers that are drawn as nothing, variation selectors and the private use areas of emblem tricks.
fn is_deceptive(character: char) -> bool {
    matches!(
        character,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
pub(crate) mod tests;
