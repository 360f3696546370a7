//! SQL statements in the messages of `MySQL`, `PostgreSQL` and Oracle, in files of `SQLite`, and as plain text.

use super::{BUFFER_MAX, find, find_any_case};

/// Statements of one buffer that are found.
pub const STATEMENTS_MAX: usize = 256;

/// A statement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement<'b> {
    /// Its text; the beginning of it where the buffer was cut.
    pub text: &'b [u8],
    /// Whose message it stood in.
    pub dialect: Dialect,
}

/// Where a statement was seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Dialect {
    /// `COM_QUERY`, `COM_STMT_PREPARE` of the `MySQL` protocol.
    MySql,
    /// `Query`, `Parse` of the `PostgreSQL` protocol, version 3.
    PostgreSql,
    /// Data packet of Oracle's TNS.
    Oracle,
    /// Page of a `SQLite` database: the statements that made its tables.
    Sqlite,
    /// Text: a script, or what a shell of a database reads.
    Text,
}

impl Dialect {
    /// Name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::PostgreSql => "postgresql",
            Self::Oracle => "oracle",
            Self::Sqlite => "sqlite",
            Self::Text => "text",
        }
    }
}

/// The first statement in a buffer.
pub fn statement(bytes: &[u8]) -> Option<Statement<'_>> {
    let mut first = None;
    statements(bytes, &mut |statement| {
        first.get_or_insert(statement);
    });
    first
}

/// Every statement in a buffer, at most [`STATEMENTS_MAX`].
pub fn statements<'b>(bytes: &'b [u8], take: &mut dyn FnMut(Statement<'b>)) {
    let bytes = bytes.get(..BUFFER_MAX).unwrap_or(bytes);
    for read in READERS {
        let mut left = STATEMENTS_MAX;
        let is_its_own = read(bytes, &mut |statement| {
            if left > 0 && !statement.text.is_empty() {
                left -= 1;
                take(statement);
            }
        });
        if is_its_own {
            return;
        }
    }
}

/// Reads messages of one kind; whether they are of its kind.
type Reader = for<'b> fn(&'b [u8], &mut dyn FnMut(Statement<'b>)) -> bool;

const READERS: &[Reader] = &[mysql, postgresql, oracle, sqlite, plain];

/// Packets: length (3 bytes, little-endian), number, command, text.
fn mysql<'b>(bytes: &'b [u8], take: &mut dyn FnMut(Statement<'b>)) -> bool {
    const QUERY: u8 = 0x03;
    const PREPARE: u8 = 0x16;
    let mut rest = bytes;
    let mut any = false;
    while let [a, b, c, number, command @ (QUERY | PREPARE), body @ ..] = rest {
        let len = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
        let Some(len) = len.checked_sub(1) else {
            break;
        };
        // A command begins a sequence; its text is as long as the packet says, or what was kept of it.
        let text = body.get(..len).unwrap_or(body);
        // Attributes of the query (since 8.0.23): number of parameters 0, number of sets 1.
        let text = text.strip_prefix(b"\x00\x01").unwrap_or(text);
        if *number != 0 || !begins_statement(text) || (*command == PREPARE && text.is_empty()) {
            break;
        }
        any = true;
        take(Statement {
            text: trim(text),
            dialect: Dialect::MySql,
        });
        rest = body.get(len..).unwrap_or(&[]);
    }
    any
}

/// Messages: type, length (4 bytes, big-endian, itself included), content.
fn postgresql<'b>(bytes: &'b [u8], take: &mut dyn FnMut(Statement<'b>)) -> bool {
    let mut rest = bytes;
    let mut any = false;
    while let [kind, a, b, c, d, body @ ..] = rest {
        let len = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap_or(0);
        let Some(len) = len.checked_sub(4).filter(|len| *len < BUFFER_MAX) else {
            break;
        };
        let content = body.get(..len).unwrap_or(body);
        let text = match kind {
            b'Q' => Some(content),
            // Name of the prepared statement, then its text.
            b'P' => find(content, b"\0").and_then(|end| content.get(end + 1..)),
            // Messages that come together with them: Bind, Describe, Execute, Sync, Close, Flush.
            b'B' | b'D' | b'E' | b'S' | b'C' | b'H' => None,
            _ => break,
        };
        if let Some(text) = text {
            let end = find(text, b"\0").unwrap_or(text.len());
            let text = text.get(..end).unwrap_or(text);
            if !begins_statement(text) {
                break;
            }
            any = true;
            take(Statement {
                text: trim(text),
                dialect: Dialect::PostgreSql,
            });
        }
        rest = body.get(len..).unwrap_or(&[]);
    }
    any
}

/// Packets of TNS: length (2 bytes, big-endian; 4 since version 315), checksum, type 6. The text stands behind its length,
/// somewhere among the fields of the call.
fn oracle<'b>(bytes: &'b [u8], take: &mut dyn FnMut(Statement<'b>)) -> bool {
    const DATA: u8 = 6;
    let [a, b, c, d, DATA, _, _, _, body @ ..] = bytes else {
        return false;
    };
    let short = usize::from(u16::from_be_bytes([*a, *b]));
    let long = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap_or(0);
    let fits = |len: usize| len > 8 && len >= bytes.len().min(64) && len <= BUFFER_MAX;
    if !(fits(short) && [*c, *d] == [0, 0] || fits(long)) {
        return false;
    }
    let mut any = false;
    let mut at = 0;
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        let before = at.checked_sub(1).and_then(|before| body.get(before));
        if !is_statement(rest) {
            at += 1;
            continue;
        }
        // As long as its length says, else until the first byte that is no text.
        let len = match before.map(|len| usize::from(*len)) {
            Some(len) if len >= 8 && rest.get(..len).is_some_and(is_text) => len,
            _ => text_len(rest),
        };
        any = true;
        take(Statement {
            text: trim(rest.get(..len).unwrap_or(rest)),
            dialect: Dialect::Oracle,
        });
        at += len.max(1);
    }
    any
}

/// The first page of a database has the statements of its schema, as records.
fn sqlite<'b>(bytes: &'b [u8], take: &mut dyn FnMut(Statement<'b>)) -> bool {
    if !bytes.starts_with(b"SQLite format 3\0") {
        return false;
    }
    let mut rest = bytes;
    while let Some(at) = find_any_case(rest, b"create ") {
        let text = rest.get(at..).unwrap_or(&[]);
        let len = text_len(text);
        if is_statement(text) {
            take(Statement {
                text: trim(text.get(..len).unwrap_or(text)),
                dialect: Dialect::Sqlite,
            });
        }
        rest = text.get(len.max(1)..).unwrap_or(&[]);
    }
    true
}

/// A text that begins with a statement; others follow behind `;`.
fn plain<'b>(bytes: &'b [u8], take: &mut dyn FnMut(Statement<'b>)) -> bool {
    let mut rest = skip_blank(bytes);
    let mut any = false;
    while is_statement(rest) {
        let len = statement_len(rest);
        any = true;
        take(Statement {
            text: trim(rest.get(..len).unwrap_or(rest)),
            dialect: Dialect::Text,
        });
        rest = skip_blank(rest.get(len + 1..).unwrap_or(&[]));
    }
    any
}

/// Up to the `;` that ends it (outside of quotes), or the first byte that is no text.
fn statement_len(text: &[u8]) -> usize {
    let mut quote = None;
    for (at, byte) in text.iter().enumerate() {
        match (quote, byte) {
            (None, b';') => return at,
            (None, b'\'' | b'"' | b'`') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            (_, byte) if !is_text_byte(*byte) => return at,
            _ => {}
        }
    }
    text.len()
}

/// White space and comments before a statement.
fn skip_blank(text: &[u8]) -> &[u8] {
    let mut rest = text.trim_ascii_start();
    loop {
        let end = if rest.starts_with(b"--") || rest.starts_with(b"#") {
            find(rest, b"\n")
        } else if rest.starts_with(b"/*") {
            find(rest, b"*/").map(|end| end + 1)
        } else {
            return rest;
        };
        rest = end
            .and_then(|end| rest.get(end + 1..))
            .unwrap_or(&[])
            .trim_ascii_start();
    }
}

fn is_text_byte(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r')
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| is_text_byte(*byte))
}

fn text_len(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|byte| !is_text_byte(*byte) || *byte >= 0x80)
        .unwrap_or(bytes.len())
}

fn trim(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    text.strip_suffix(b";").unwrap_or(text).trim_ascii_end()
}

/// Whether a message that must be a statement may be one: text that begins with a word, a bracket or a comment.
fn begins_statement(text: &[u8]) -> bool {
    let head = text.get(..64).unwrap_or(text);
    let first = head.trim_ascii_start().first();
    first
        .is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'(' | b'/' | b'-' | b'#'))
        && is_text(head)
}

/// Words.
type Words = &'static [&'static [u8]];

/// First words of statements, and what has to follow: one of these words next, or one of these somewhere.
const FORMS: &[(&[u8], Words, Words)] = &[
    (b"select", &[], &[b" from ", b"\nfrom ", b"\tfrom "]),
    (b"insert", &[b"into", b"or", b"ignore"], &[]),
    (b"replace", &[b"into"], &[]),
    (b"update", &[], &[b" set ", b"\nset ", b"\tset "]),
    (b"delete", &[b"from"], &[]),
    (b"merge", &[b"into"], &[]),
    (b"truncate", &[b"table"], &[]),
    (b"create", OBJECTS, &[]),
    (b"alter", OBJECTS, &[]),
    (b"drop", OBJECTS, &[]),
    (b"with", &[], &[b" as ("]),
    (b"grant", &[], &[b" to "]),
    (b"revoke", &[], &[b" from "]),
    (b"pragma", &[], &[]),
];

/// What statements make, change and remove.
const OBJECTS: Words = &[
    b"table",
    b"index",
    b"unique",
    b"view",
    b"trigger",
    b"temp",
    b"temporary",
    b"database",
    b"schema",
    b"user",
    b"role",
    b"sequence",
    b"function",
    b"procedure",
    b"or",
    b"materialized",
    b"virtual",
    b"extension",
    b"type",
    b"session",
    b"system",
    b"tablespace",
    b"synonym",
    b"package",
];

/// So far a word like `from` is looked for.
const REACH: usize = 4096;

/// Whether text begins with what only a statement begins with.
fn is_statement(text: &[u8]) -> bool {
    let (first, rest) = word(text);
    // The shortest first words have four letters: most bytes end here.
    if first.len() < 4 || !rest.first().is_some_and(u8::is_ascii_whitespace) {
        return false;
    }
    let Some((_, next, later)) = FORMS.iter().find(|form| first.eq_ignore_ascii_case(form.0))
    else {
        return false;
    };
    let rest = rest.get(..REACH).unwrap_or(rest);
    let rest = rest.get(..statement_len(rest)).unwrap_or(rest);
    let (second, _) = word(rest.trim_ascii_start());
    let has_next = next.is_empty() || next.iter().any(|word| second.eq_ignore_ascii_case(word));
    let has_later =
        later.is_empty() || later.iter().any(|word| find_any_case(rest, word).is_some());
    has_next && has_later && (!rest.trim_ascii().is_empty())
}

fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .take(16)
        .position(|byte| !byte.is_ascii_alphabetic())
        .unwrap_or(text.len().min(16));
    text.split_at_checked(end).unwrap_or((text, &[]))
}
