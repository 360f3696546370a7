//! Words, texts and signs of an expression.

use std::ops::Range;

use super::FilterError;

/// A piece of an expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum TokenKind {
    /// Bare word: field, operator, value.
    Word(String),
    /// Text in quotes.
    Quoted(Vec<u8>),
    /// `(`, `)`, `,`, `=`, `!=`, `<`, `<=`, `>`, `>=`.
    Sign(&'static str),
    /// After the last.
    End,
}

const SIGNS: [&str; 10] = ["!=", "<=", ">=", "==", "=", "<", ">", "(", ")", ","];

/// Splits the expression; the last token is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let start = at;
        let first = rest.chars().next().unwrap_or(' ');
        let kind = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if first == '"' || first == '\'' {
            let (bytes, len) = quoted(rest, first, start)?;
            at += len;
            TokenKind::Quoted(bytes)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            at += sign.len();
            TokenKind::Sign(if *sign == "==" { "=" } else { sign })
        } else {
            let len = rest
                .find(|letter: char| letter.is_whitespace() || "()=<>,\"'".contains(letter))
                .unwrap_or(rest.len());
            // `a!=b`: the mark belongs to the sign.
            let word = rest.get(..len).unwrap_or(rest);
            let word = match (word.strip_suffix('!'), rest.get(len..)) {
                (Some(word), Some(after)) if after.starts_with('=') && !word.is_empty() => word,
                _ => word,
            };
            at += word.len();
            TokenKind::Word(word.to_owned())
        };
        tokens.push(Token {
            kind,
            span: start..at,
        });
    }
    tokens.push(Token {
        kind: TokenKind::End,
        span: text.len()..text.len(),
    });
    Ok(tokens)
}

/// Bytes of a text in quotes, and how long it is with them.
fn quoted(rest: &str, quote: char, start: usize) -> Result<(Vec<u8>, usize), FilterError> {
    let mut bytes = Vec::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            _ if letter == quote => return Ok((bytes, at + 1)),
            '\\' => {
                let escaped = letters.next();
                match escaped.map(|(_, letter)| letter) {
                    Some('n') => bytes.push(b'\n'),
                    Some('t') => bytes.push(b'\t'),
                    Some('r') => bytes.push(b'\r'),
                    Some('x') => {
                        let digits = rest.get(at + 2..at + 4).unwrap_or("");
                        let Ok(byte) = u8::from_str_radix(digits, 16) else {
                            return Err(FilterError {
                                message: "`\\x` needs two hexadecimal digits".to_owned(),
                                span: start + at..start + at + 2,
                                hint: None,
                            });
                        };
                        bytes.push(byte);
                        letters.next();
                        letters.next();
                    }
                    Some(letter @ ('\\' | '"' | '\'')) => {
                        bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                    Some(_) | None => {
                        return Err(FilterError {
                            message: "unknown escape in the text".to_owned(),
                            span: start + at..start + at + 1,
                            hint: Some("write `\\\\` for a backslash".to_owned()),
                        });
                    }
                }
            }
            _ => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err(FilterError {
        message: "the text does not end".to_owned(),
        span: start..start + rest.len(),
        hint: Some(format!("add `{quote}`")),
    })
}
