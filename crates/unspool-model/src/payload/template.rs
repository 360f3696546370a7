//! Statements without their literals: what two calls of the same program text have in common, and what may be shown to all.

use super::Dialect;

/// Longest template.
const TEMPLATE_MAX: usize = 8192;

/// Appends the statement with `?` for every literal, one space for white space and comments, and one `?` for a list of them.
/// A literal that the end of the text cuts off is one, too.
pub fn template(text: &[u8], dialect: Dialect, out: &mut Vec<u8>) {
    let start = out.len();
    let mut rest = text;
    while !rest.is_empty() && out.len() - start < TEMPLATE_MAX {
        rest = one(rest, dialect, start, out);
    }
    while out.len() > start && out.last() == Some(&b' ') {
        out.pop();
    }
}

/// Takes one token, and gives what follows it.
fn one<'t>(text: &'t [u8], dialect: Dialect, start: usize, out: &mut Vec<u8>) -> &'t [u8] {
    let (Some(first), second) = (text.first().copied(), text.get(1).copied()) else {
        return &[];
    };
    let after_word = out.len() > start && out.last().copied().is_some_and(is_word);
    match (first, second) {
        (b'-', Some(b'-')) => blank(after(text, b"\n"), start, out),
        (b'#', _) if dialect == Dialect::MySql => blank(after(text, b"\n"), start, out),
        (b'/', Some(b'*')) => blank(after(text, b"*/"), start, out),
        (b'\'', _) => {
            drop_prefix(start, out);
            literal(quoted(text, b'\''), start, out)
        }
        // A name to some, a text to others: `MySQL` and `SQLite` take texts in these marks.
        (b'"', _) if !matches!(dialect, Dialect::PostgreSql | Dialect::Oracle) => {
            literal(quoted(text, b'"'), start, out)
        }
        (b'"' | b'`', _) => {
            let rest = quoted(text, first);
            let name = text.get(..text.len() - rest.len()).unwrap_or(text);
            out.extend_from_slice(name);
            rest
        }
        (b'$', _) if !after_word && dollar_tag(text).is_some() => {
            let tag = dollar_tag(text).unwrap_or(b"$$");
            let inner = text.get(tag.len()..).unwrap_or(&[]);
            literal(after(inner, tag), start, out)
        }
        // Places of a prepared statement are no literals, but look the same in a template.
        (b'$' | b':' | b'@', Some(next)) if !after_word && is_word(next) => {
            literal(skip_word(text.get(1..).unwrap_or(&[])), start, out)
        }
        (b'?', _) => literal(text.get(1..).unwrap_or(&[]), start, out),
        (b'0'..=b'9', _) if !after_word => literal(number(text), start, out),
        (b'.', Some(b'0'..=b'9')) if !after_word => literal(number(text), start, out),
        (first, _) if first.is_ascii_whitespace() => {
            blank(text.get(1..).unwrap_or(&[]), start, out)
        }
        _ => {
            // Bytes that are no text tell nothing, and could be part of a value.
            out.push(if first.is_ascii_control() {
                b' '
            } else {
                first
            });
            text.get(1..).unwrap_or(&[])
        }
    }
}

/// Writes `?`; a list of them becomes one.
fn literal<'t>(rest: &'t [u8], start: usize, out: &mut Vec<u8>) -> &'t [u8] {
    let written = out.get(start..).unwrap_or(&[]);
    let before = written.trim_ascii_end();
    // A sign belongs to the number; a comma after a literal goes on with a list.
    let before = before
        .strip_suffix(b"-")
        .filter(|rest| {
            rest.trim_ascii_end().ends_with(b",") || rest.trim_ascii_end().ends_with(b"(")
        })
        .unwrap_or(before)
        .trim_ascii_end();
    if let Some(list) = before.strip_suffix(b",")
        && list.trim_ascii_end().ends_with(b"?")
    {
        let len = start + list.trim_ascii_end().len();
        out.truncate(len);
        return rest;
    }
    out.push(b'?');
    // `(?), (?)` of an insert of many rows stays one row: the next bracket is looked at when it closes.
    rest
}

/// `E'x'`, `N'x'`, `x'00'`: the letter belongs to the literal.
fn drop_prefix(start: usize, out: &mut Vec<u8>) {
    let written = out.get(start..).unwrap_or(&[]);
    if let [before @ .., letter] = written
        && matches!(
            letter.to_ascii_lowercase(),
            b'e' | b'n' | b'x' | b'b' | b'u' | b'q'
        )
        && !before.last().copied().is_some_and(is_word)
    {
        out.pop();
    }
}

fn blank<'t>(rest: &'t [u8], start: usize, out: &mut Vec<u8>) -> &'t [u8] {
    if out.len() > start && out.last() != Some(&b' ') {
        out.push(b' ');
    }
    rest
}

/// What follows a quoted text: doubled marks and backslashes belong to it.
fn quoted(text: &[u8], mark: u8) -> &[u8] {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        if *byte == b'\\' {
            at += 2;
        } else if *byte == mark {
            if text.get(at + 1) != Some(&mark) {
                return text.get(at + 1..).unwrap_or(&[]);
            }
            at += 2;
        } else {
            at += 1;
        }
    }
    &[]
}

fn after<'t>(text: &'t [u8], end: &[u8]) -> &'t [u8] {
    super::find(text, end)
        .and_then(|at| text.get(at + end.len()..))
        .unwrap_or(&[])
}

/// `$$`, `$tag$`.
fn dollar_tag(text: &[u8]) -> Option<&[u8]> {
    let end = text
        .iter()
        .skip(1)
        .position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))?;
    let tag = text.get(..end + 2)?;
    (tag.ends_with(b"$") && !text.get(1)?.is_ascii_digit()).then_some(tag)
}

/// `12`, `1.5e-3`, `0x1f`.
fn number(text: &[u8]) -> &[u8] {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let in_exponent = matches!(byte, b'+' | b'-')
            && at > 0
            && text
                .get(at - 1)
                .is_some_and(|before| before.eq_ignore_ascii_case(&b'e'))
            && !text.starts_with(b"0x");
        if !(byte.is_ascii_alphanumeric() || *byte == b'.' || in_exponent) {
            break;
        }
        at += 1;
    }
    text.get(at.max(1)..).unwrap_or(&[])
}

fn skip_word(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !is_word(*byte));
    end.and_then(|end| text.get(end..)).unwrap_or(&[])
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
