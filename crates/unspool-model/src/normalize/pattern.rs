//! Patterns that users write for names of their own: `batch-#.csv`, `/srv/job-*/in`.
//!
//! `#` stands for digits, `%` for hexadecimal digits, `*` for anything but a slash; everything else stands for itself. A
//! pattern may match anywhere in a name where neither neighbour is a letter or digit.

use std::fmt;

/// A pattern of the user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Literal(Vec<u8>),
    Wild(Wild),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wild {
    Digits,
    Hex,
    Any,
}

/// Why a pattern is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PatternError {
    /// It has neither `#`, `%` nor `*`.
    NothingWild,
    /// It has no character that stands for itself, so it would match everything.
    NothingFixed,
    /// It has `<` or `>`, which mark placeholders.
    Bracket,
    /// It is longer than 200 bytes.
    TooLong,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingWild => "it has neither `#` (digits), `%` (hexadecimal digits) nor `*`",
            Self::NothingFixed => "it has nothing but wildcards and would match every name",
            Self::Bracket => "`<` and `>` mark placeholders and cannot be matched",
            Self::TooLong => "it is longer than 200 bytes",
        })
    }
}

impl std::error::Error for PatternError {}

const LEN_MAX: usize = 200;

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.len() > LEN_MAX {
            return Err(PatternError::TooLong);
        }
        let mut parts: Vec<Part> = Vec::new();
        for byte in text.bytes() {
            let wild = match byte {
                b'#' => Wild::Digits,
                b'%' => Wild::Hex,
                b'*' => Wild::Any,
                b'<' | b'>' => return Err(PatternError::Bracket),
                _ => {
                    match parts.last_mut() {
                        Some(Part::Literal(literal)) => literal.push(byte),
                        _ => parts.push(Part::Literal(vec![byte])),
                    }
                    continue;
                }
            };
            parts.push(Part::Wild(wild));
        }
        if !parts.iter().any(|part| matches!(part, Part::Wild(_))) {
            return Err(PatternError::NothingWild);
        }
        if !parts.iter().any(|part| matches!(part, Part::Literal(_))) {
            return Err(PatternError::NothingFixed);
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// The pattern as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What a match becomes: wildcards as `<N>`, `<HEX>`, `<ANY>`.
    pub(super) fn placeholder(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => out.extend_from_slice(literal),
                Part::Wild(Wild::Digits) => out.extend_from_slice(b"<N>"),
                Part::Wild(Wild::Hex) => out.extend_from_slice(b"<HEX>"),
                Part::Wild(Wild::Any) => out.extend_from_slice(b"<ANY>"),
            }
        }
        out
    }

    /// Length of the match at the beginning of `bytes`.
    pub(super) fn match_len(&self, bytes: &[u8]) -> Option<usize> {
        let len = match_parts(&self.parts, bytes)?;
        let open = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
        open(bytes.get(len)).then_some(len)
    }
}

/// The shortest match of `*` first: names hold few of its followers, so there is little to try again.
fn match_parts(parts: &[Part], bytes: &[u8]) -> Option<usize> {
    let Some((part, rest)) = parts.split_first() else {
        return Some(0);
    };
    match part {
        Part::Literal(literal) => {
            let after = bytes.strip_prefix(literal.as_slice())?;
            Some(literal.len() + match_parts(rest, after)?)
        }
        Part::Wild(Wild::Any) => {
            let end = bytes
                .iter()
                .position(|byte| matches!(byte, b'/' | b'<' | b'>'))
                .unwrap_or(bytes.len());
            if rest.is_empty() {
                return (end > 0).then_some(end);
            }
            (1..=end).find_map(|len| Some(len + match_parts(rest, bytes.get(len..)?)?))
        }
        Part::Wild(wild) => {
            let len = bytes
                .iter()
                .take_while(|byte| match wild {
                    Wild::Digits => byte.is_ascii_digit(),
                    Wild::Hex | Wild::Any => byte.is_ascii_hexdigit(),
                })
                .count();
            let after = bytes.get(len..).filter(|_| len > 0)?;
            Some(len + match_parts(rest, after)?)
        }
    }
}
