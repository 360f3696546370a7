//! Lines of strace and ltrace: which of their strings are arguments, environment, data.

use super::escapes::{self, Unescaped};
use super::payload::{self, Data};
use super::text::{self, Escapes};
use super::{Scrubber, argv, token};
use memchr::{memchr, memmem};
use std::ops::Range;

/// Put in place of data: what strace itself prints for a string of which it shows nothing.
pub(super) const BLANK: &[u8] = b"\"\"...";

/// What is to be replaced in a line.
#[derive(Debug, Default)]
pub(super) struct Edits {
    /// Secrets, each to become a token.
    pub(super) secrets: Vec<Range<usize>>,
    /// Strings of data with their marks, each to become [`BLANK`]. In order, apart from each other.
    pub(super) blanks: Vec<Range<usize>>,
}

/// The call that a line is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    /// Name without `SYS_`, `@SYS` or the library.
    pub(super) name: &'a [u8],
    /// Where its arguments begin.
    pub(super) arguments: usize,
    /// Whether this is the second half of its line.
    pub(super) resumed: bool,
}

impl<'a> Call<'a> {
    /// Reads `1234 10:00:00 read(3, ...` and `[pid 12] <... read resumed>...`.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let open = memchr(b'(', line);
        let head = &line[..open
            .unwrap_or(line.len())
            .min(memchr(b'"', line).unwrap_or(line.len()))];
        if let Some(at) = memmem::find(head, b"<... ") {
            let start = at + b"<... ".len();
            let len = line[start..]
                .iter()
                .take_while(|byte| is_name_byte(**byte))
                .count();
            let name = plain_name(&line[start..start + len]);
            return Some(Self {
                name,
                arguments: start + len,
                resumed: true,
            });
        }
        let open = open.filter(|open| *open == head.len())?;
        let len = head
            .iter()
            .rev()
            .take_while(|byte| is_name_byte(**byte))
            .count();
        (len > 0).then(|| Self {
            name: plain_name(&head[open - len..]),
            arguments: open + 1,
            resumed: false,
        })
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@' | b'.' | b'-' | b'>')
}

/// `SYS_read`, `read@SYS`, `libc.so.6->read` are all `read`.
pub(super) fn plain_name(name: &[u8]) -> &[u8] {
    let name = memmem::rfind(name, b"->").map_or(name, |at| &name[at + 2..]);
    let name = memchr(b'@', name).map_or(name, |at| &name[..at]);
    name.strip_prefix(b"SYS_").unwrap_or(name)
}

/// Finds what is to be replaced in `line`.
pub(super) fn find(scrubber: &Scrubber, line: &[u8], edits: &mut Edits) {
    if let Some(dump) = dump_start(line) {
        if !scrubber.shows_payload() && dump < line.len() {
            edits.secrets.push(dump..line.len());
        }
        return;
    }
    let call = Call::parse(line);
    if let Some(call) = call {
        if let Some(data) = payload::data_of(call.name) {
            if scrubber.denies_data(line, call) {
                find_data(line, call, data, &mut edits.blanks);
            }
        } else if call.name.starts_with(b"exec") || call.name.starts_with(b"posix_spawn") {
            find_exec(scrubber, line, call, &mut edits.secrets);
        } else if call.name.ends_with(b"env") {
            find_environment_call(scrubber, line, call, &mut edits.secrets);
        }
    }
    find_text(scrubber, line, &mut edits.secrets);
}

/// Replaces what was found; gives whether anything was.
pub(super) fn apply(scrubber: &Scrubber, line: &[u8], mut edits: Edits, out: &mut Vec<u8>) -> bool {
    for blank in &edits.blanks {
        for secret in &mut edits.secrets {
            if secret.start >= blank.start && secret.start < blank.end {
                secret.start = secret.end.min(blank.end);
            }
            if secret.start < blank.start && secret.end > blank.start {
                secret.end = blank.start;
            }
        }
    }
    token::settle(line, &mut edits.secrets);
    edits
        .secrets
        .retain(|secret| !token::is_token(&Unescaped::new(line, secret.clone()).bytes));
    let changed = !edits.secrets.is_empty() || !edits.blanks.is_empty();
    let mut blanks = edits.blanks.into_iter().peekable();
    let mut secrets = edits.secrets.into_iter().peekable();
    let mut at = 0;
    loop {
        let blank = match (blanks.peek(), secrets.peek()) {
            (Some(blank), Some(secret)) => blank.start < secret.start,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => break,
        };
        let Some(range) = (if blank { blanks.next() } else { secrets.next() }) else {
            break;
        };
        out.extend_from_slice(&line[at..range.start]);
        if blank {
            out.extend_from_slice(BLANK);
        } else {
            scrubber
                .tokens
                .push(&Unescaped::new(line, range.clone()).bytes, out);
        }
        at = range.end;
    }
    out.extend_from_slice(&line[at..]);
    changed
}

/// Where the data begins in a line of a dump: ` | 00010  68 65 6c 6c 6f ... hello |`.
fn dump_start(line: &[u8]) -> Option<usize> {
    let rest = line.strip_prefix(b" | ")?;
    let digits = rest
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    (digits >= 5 && rest.get(digits) == Some(&b' ')).then(|| (3 + digits + 2).min(line.len()))
}

/// Adds the strings of data of a call.
fn find_data(line: &[u8], call: Call<'_>, data: Data, blanks: &mut Vec<Range<usize>>) {
    match data {
        // Only strace prints structures, and it escapes the marks in strings; ltrace does not.
        Data::From(first)
            if first > 0 || call.resumed || memchr(b'{', &line[call.arguments..]).is_some() =>
        {
            let first = if call.resumed { 0 } else { first };
            for string in escapes::strings(line, call.arguments).skip(first) {
                if !payload::is_address(&line[..string.start - 1]) {
                    push_blank(line, string.start - 1, string.end + 1, blanks);
                }
            }
        }
        Data::All | Data::From(_) => {
            let result = result_start(line, call.arguments);
            if let Some(start) = escapes::next_mark(&line[..result], call.arguments) {
                // No mark ends a string that was cut with the line.
                let end = memchr::memrchr(b'"', &line[start + 1..result])
                    .map_or(result, |at| start + 1 + at + 1);
                push_blank(line, start, end, blanks);
            }
            // The result of `fgets` is the data again.
            if let Some(last) = memchr::memrchr(b'"', &line[result..]) {
                let start = result
                    + last.min(
                        memchr(b'"', &line[result..])
                            .filter(|at| *at < last)
                            .unwrap_or(0),
                    );
                push_blank(line, start, result + last + 1, blanks);
            }
        }
    }
}

/// Adds a string to be blanked, unless nothing of it shows.
fn push_blank(line: &[u8], start: usize, end: usize, blanks: &mut Vec<Range<usize>>) {
    let end = end.min(line.len());
    let cut = line[end..].starts_with(b"...");
    if end - start > 2 {
        blanks.push(start..if cut { end + 3 } else { end });
    }
}

/// Where the value after the last `) = ` begins; the end of the line when it has no result.
fn result_start(line: &[u8], from: usize) -> usize {
    let mut end = line.len();
    while let Some(at) = memmem::rfind(&line[from..end], b"= ") {
        let equals = from + at;
        let blanks = line[from..equals]
            .iter()
            .rev()
            .take_while(|byte| **byte == b' ')
            .count();
        if blanks > 0 && line[from..equals - blanks].ends_with(b")") {
            return equals + 2;
        }
        end = equals;
    }
    line.len()
}

/// Adds the secrets of a call that starts a program: its arguments, its environment.
fn find_exec(scrubber: &Scrubber, line: &[u8], call: Call<'_>, secrets: &mut Vec<Range<usize>>) {
    let mut arrays: Vec<Vec<Unescaped>> = Vec::new();
    let mut loose = Vec::new();
    let mut at = call.arguments;
    let mut inside = false;
    for string in escapes::strings(line, call.arguments) {
        let between = &line[at.min(string.start)..string.start];
        let opened = memchr::memchr_iter(b'[', between).count();
        let closed = between.contains(&b']');
        // `[], [` are an empty array and the next one.
        arrays.extend((0..opened.min(2)).map(|_| Vec::new()));
        inside = opened > 0 || (inside && !closed);
        at = (string.end + 1).min(line.len());
        let unescaped = Unescaped::new(line, string);
        match arrays.last_mut() {
            Some(array) if inside => array.push(unescaped),
            _ => loose.push(unescaped),
        }
    }
    // `execlp("sh", "sh", "-c", ...)` has no array.
    if arrays.is_empty() && loose.len() > 1 {
        arrays.push(loose.split_off(1));
    }
    let mut arrays = arrays.into_iter();
    if let Some(arguments) = arrays.next() {
        let words: Vec<&[u8]> = arguments.iter().map(|word| word.bytes.as_slice()).collect();
        let found = argv::find(&words, &scrubber.keys);
        secrets.extend(
            found
                .iter()
                .map(|(word, range)| arguments[*word].in_line(range)),
        );
    }
    for entry in arrays.flatten() {
        if let Some(range) = scrubber.environment_value(&entry.bytes) {
            secrets.push(entry.in_line(&range));
        }
    }
}

/// Adds the secrets of `getenv("X") = "..."`, `setenv("X", "...", 1)`, `putenv("X=...")`.
fn find_environment_call(
    scrubber: &Scrubber,
    line: &[u8],
    call: Call<'_>,
    secrets: &mut Vec<Range<usize>>,
) {
    let result = result_start(line, call.arguments);
    let mut strings = escapes::strings(&line[..result], call.arguments);
    let first = strings.next();
    let last_mark =
        |from: usize, to: usize| memchr::memrchr(b'"', &line[from..to]).map(|at| from + at);
    match call.name {
        b"getenv" | b"secure_getenv" | b"__secure_getenv" => {
            let kept = first.is_some_and(|name| scrubber.keys.keeps_environment(&line[name]));
            if let (false, Some(start)) = (kept, memchr(b'"', &line[result..])) {
                let start = result + start + 1;
                secrets.push(start..last_mark(start, line.len()).unwrap_or(line.len()));
            }
        }
        b"setenv" => {
            let kept = first.is_some_and(|name| scrubber.keys.keeps_environment(&line[name]));
            if let (false, Some(value)) = (kept, strings.next()) {
                secrets.push(value.start..last_mark(value.start, result).unwrap_or(value.end));
            }
        }
        b"putenv" => {
            if let Some(entry) = first {
                let end = last_mark(entry.start, result).unwrap_or(entry.end);
                let value = scrubber.environment_value(&line[entry.start..end]);
                secrets
                    .extend(value.map(|value| entry.start + value.start..entry.start + value.end));
            }
        }
        _ => {}
    }
}

/// Adds the secrets that running text shows, in the line as it stands and in its strings as the program had them.
fn find_text(scrubber: &Scrubber, line: &[u8], secrets: &mut Vec<Range<usize>>) {
    let from = secrets.len();
    text::find(line, Escapes::Tracer, &scrubber.keys, secrets);
    scrubber.learned.find(line, secrets);
    for range in &mut secrets[from..] {
        // The body of a cut PEM block ends with its string.
        if let Some(end) = escapes::next_mark(&line[..range.end], range.start) {
            range.end = end;
        }
    }
    if memchr(b'\\', line).is_none() {
        return;
    }
    let mut found = Vec::new();
    for string in escapes::strings(line, 0) {
        if memchr(b'\\', &line[string.clone()]).is_none() {
            continue;
        }
        let unescaped = Unescaped::new(line, string);
        text::find(&unescaped.bytes, Escapes::None, &scrubber.keys, &mut found);
        scrubber.learned.find(&unescaped.bytes, &mut found);
        secrets.extend(found.drain(..).map(|range| unescaped.in_line(&range)));
    }
}

/// The path or address that strace's `-y` gives for the first descriptor of a call: `read(3</etc/passwd>, ...`.
pub(super) fn descriptor_path<'a>(line: &'a [u8], call: &Call<'_>) -> Option<&'a [u8]> {
    let arguments = &line[call.arguments..];
    let digits = arguments
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let path = arguments[digits..].strip_prefix(b"<")?;
    let len = path.iter().position(|byte| matches!(byte, b'<' | b'>'))?;
    (digits > 0).then_some(&path[..len])
}

/// The digits of the thread id at the start of a line: `1234 read(...`, `[pid  1234] read(...`.
pub(super) fn thread_digits(line: &[u8]) -> &[u8] {
    let line = line
        .strip_prefix(b"[pid ")
        .unwrap_or(line)
        .trim_ascii_start();
    let len = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    &line[..len]
}
