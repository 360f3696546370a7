//! Tokens in texts, and what the text around them says of the rule.

use super::TextKind;

/// Between the marks of a token; the marks themselves may be escaped, as tracers print them.
const WORD: &[u8] = b"redacted:";
/// Hexadecimal digits of a token.
const DIGITS: usize = 8;

/// A token in a text.
pub(super) struct Token {
    /// Where its opening mark begins.
    start: usize,
    /// Its digits.
    pub(super) digits: String,
}

/// The tokens of a text, in order.
pub(super) fn find(text: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(text.get(from..).unwrap_or_default(), WORD) {
        let at = from + at;
        from = at + WORD.len();
        let digits = text.get(from..from + DIGITS).unwrap_or_default();
        let is_token = digits.len() == DIGITS && digits.iter().all(u8::is_ascii_hexdigit);
        let before = text.get(..at).unwrap_or_default();
        let mark = ["‹".as_bytes(), br"\342\200\271", br"\xe2\x80\xb9"]
            .into_iter()
            .find(|mark| before.ends_with(mark));
        if is_token && let Some(mark) = mark {
            tokens.push(Token {
                start: at - mark.len(),
                digits: String::from_utf8_lossy(digits).into_owned(),
            });
        }
    }
    tokens
}

/// Longest name that is shown.
const NAME_LEN_MAX: usize = 40;

/// The rule that took what stood there for a secret, as far as the text before it tells.
pub(super) fn rule(kind: TextKind, text: &[u8], token: &Token) -> String {
    let before = text.get(..token.start).unwrap_or_default();
    if kind == TextKind::Environment {
        return "environment variable".to_owned();
    }
    if before.ends_with(b"://") || before.ends_with(b":") && before.windows(3).any(|w| w == b"://")
    {
        return "user part of a URL".to_owned();
    }
    let key_end = before
        .iter()
        .rposition(|byte| !matches!(byte, b' ' | b'"' | b'\'' | b'\\'))
        .map_or(0, |at| at + 1);
    let trimmed = before.get(..key_end).unwrap_or_default();
    if let Some(rest) = trimmed
        .strip_suffix(b"=")
        .or_else(|| trimmed.strip_suffix(b":"))
    {
        let name = last_word(rest);
        if !name.is_empty() {
            return format!("value of `{name}`");
        }
    }
    if kind == TextKind::Argument {
        let name = last_word(trimmed);
        return if name.starts_with('-') {
            format!("option `{name}`")
        } else {
            "argument that holds a secret".to_owned()
        };
    }
    if before.is_empty() {
        return "text that is a secret".to_owned();
    }
    "shape of a secret, or one known from elsewhere".to_owned()
}

/// The last run of letters that a name may have.
fn last_word(text: &[u8]) -> String {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let len = text
        .iter()
        .rev()
        .take(NAME_LEN_MAX)
        .take_while(|byte| is_name(byte))
        .count();
    let word = text.get(text.len() - len..).unwrap_or_default();
    String::from_utf8_lossy(word).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::TextKind;
    use super::{find, rule};

    #[test]
    fn tokens_are_found_with_their_rules() {
        for (kind, text, expect) in [
            (
                TextKind::Environment,
                "‹redacted:0a1b2c3d›",
                "environment variable",
            ),
            (
                TextKind::Argument,
                "--password=‹redacted:0a1b2c3d›",
                "value of `--password`",
            ),
            (TextKind::Argument, "-p‹redacted:0a1b2c3d›", "option `-p`"),
            (
                TextKind::Call,
                r#"3, "token: \342\200\271redacted:0a1b2c3d\342\200\272""#,
                "value of `token`",
            ),
            (
                TextKind::Path,
                "https://‹redacted:0a1b2c3d›@host/",
                "user part of a URL",
            ),
            (
                TextKind::Call,
                "AT_FDCWD, \"/tmp/‹redacted:0a1b2c3d›\"",
                "shape of a secret, or one known from elsewhere",
            ),
        ] {
            let tokens = find(text.as_bytes());
            assert_eq!(tokens.len(), 1, "{text}");
            assert_eq!(tokens[0].digits, "0a1b2c3d");
            assert_eq!(rule(kind, text.as_bytes(), &tokens[0]), expect, "{text}");
        }
        for none in ["redacted:0a1b2c3d", "‹redacted:0a1b›", "‹redacted:", ""] {
            assert!(find(none.as_bytes()).is_empty(), "{none}");
        }
    }
}
