//! One line of an ltrace log, taken apart. Pure functions on bytes.

/// Closing parentheses looked at, from the end of a line, to find where the arguments end: a line of only such parentheses
/// must not take quadratic time.
const PARENTHESES_MAX: usize = 256;

/// What stands in front of a line.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Prefix<'a> {
    /// `4711 ` (`-o`) or `[pid 4711] `.
    pub(super) pid: Option<u32>,
    /// Whether the pid stood in `[pid ]`.
    pub(super) is_bracketed: bool,
    pub(super) time: Option<Time>,
    /// Whether an instruction pointer stood there (`-i`).
    pub(super) has_address: bool,
    /// The rest of the line, the indentation of `-n` removed.
    pub(super) rest: &'a [u8],
}

/// Time of a line in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Time {
    /// `1795237079.714120` (`-ttt`).
    Epoch(i64),
    /// `10:56:38.681233` (`-tt`), `10:56:38` (`-t`).
    OfDay(i64),
    /// `  0.000216` since the line before (`-r`).
    Since(i64),
}

/// Name of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "a function of a library has a name; no other word fits"
)]
pub(super) struct Name<'a> {
    /// `libc.so.6` of `libc.so.6->getenv(` or `getenv@libc.so.6(`.
    pub(super) library: &'a [u8],
    /// May be empty: ltrace 0.7.3 prints `libc.so.6->(` for symbols without a name.
    pub(super) name: &'a [u8],
    /// `SYS_open(` (0.5 to 0.7.3), `open@SYS(` (later).
    pub(super) is_syscall: bool,
}

/// What ended a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tail<'a> {
    pub(super) result: &'a [u8],
    pub(super) duration_ns: Option<i64>,
}

/// What a line says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Body<'a> {
    /// `close@SYS(3) = 0 <0.000025>`
    Call(Name<'a>, &'a [u8], Tail<'a>),
    /// `wait4@SYS(0x2def, 0, 0 <unfinished ...>`, `exit_group@SYS(0 <no return ...>`
    Begin(Name<'a>, &'a [u8]),
    /// `<... read resumed> , "x", 832) = 1 <0.000123>`
    Resumed(Name<'a>, &'a [u8], Tail<'a>),
    /// `write@SYS(1, "a\n", 2a`: output of the program follows where the rest should be.
    Open(Name<'a>, &'a [u8]),
    /// `--- SIGCHLD (Child exited) ---`
    Signal(&'a [u8]),
    /// `--- Called exec() ---`
    Called,
    /// `+++ exited (status 3) +++`
    Exited(u8),
    /// `+++ killed by SIGABRT +++`
    Killed(&'a [u8]),
}

/// Takes the prefix off a line.
pub(super) fn prefix(line: &[u8]) -> Prefix<'_> {
    let mut prefix = Prefix {
        rest: line,
        ..Prefix::default()
    };
    if let Some((pid, rest)) = line.strip_prefix(b"[pid ").and_then(number)
        && let Some(rest) = rest.strip_prefix(b"]")
        && let Ok(pid) = u32::try_from(pid)
    {
        prefix.pid = Some(pid);
        prefix.is_bracketed = true;
        prefix.rest = blanks(rest);
    } else if let Some((pid, rest)) = number(line)
        && rest.first() == Some(&b' ')
        && let Ok(pid) = u32::try_from(pid)
    {
        prefix.pid = Some(pid);
        prefix.rest = blanks(rest);
    }
    if let Some((time, rest)) = time(blanks(prefix.rest)) {
        prefix.time = Some(time);
        prefix.rest = blanks(rest);
    }
    if let Some(rest) = prefix.rest.strip_prefix(b"[0x")
        && let Some(end) = rest.iter().position(|byte| !byte.is_ascii_hexdigit())
        && let Some(rest) = rest.get(end..).and_then(|rest| rest.strip_prefix(b"]"))
    {
        prefix.has_address = true;
        prefix.rest = rest;
    }
    prefix.rest = blanks(prefix.rest);
    prefix
}

fn blanks(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}

/// Decimal digits at the start, at most 18.
fn number(text: &[u8]) -> Option<(i64, &[u8])> {
    let len = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(len)?;
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let value = digits
        .iter()
        .fold(0, |value, digit| value * 10 + i64::from(*digit - b'0'));
    Some((value, rest))
}

/// `SECONDS.FRACTION` in nanoseconds; the fraction has at most nine digits.
fn seconds(text: &[u8]) -> Option<(i64, &[u8])> {
    let (seconds, rest) = number(text)?;
    let whole = seconds.checked_mul(1_000_000_000)?;
    let Some(rest) = rest.strip_prefix(b".") else {
        return Some((whole, rest));
    };
    let (mut fraction, after) = number(rest)?;
    for _ in 0..9_usize.checked_sub(rest.len() - after.len())? {
        fraction *= 10;
    }
    Some((whole.checked_add(fraction)?, after))
}

fn time(text: &[u8]) -> Option<(Time, &[u8])> {
    const EPOCH_MIN: i64 = 100_000_000;
    let (first, rest) = number(text)?;
    let (time, rest) = if let Some(rest) = rest.strip_prefix(b":") {
        let (minutes, rest) = number(rest)?;
        let (ns, rest) = seconds(rest.strip_prefix(b":")?)?;
        if first > 24 || minutes > 59 {
            return None;
        }
        let day = (first * 60 + minutes) * 60 * 1_000_000_000;
        (Time::OfDay(day.checked_add(ns)?), rest)
    } else {
        rest.strip_prefix(b".")?;
        let (ns, rest) = seconds(text)?;
        if first >= EPOCH_MIN {
            (Time::Epoch(ns), rest)
        } else {
            (Time::Since(ns), rest)
        }
    };
    (rest.first() == Some(&b' ')).then_some((time, rest))
}

/// Reads what follows the prefix; `None` for what is no event of ltrace.
pub(super) fn body(text: &[u8]) -> Option<Body<'_>> {
    let text = text.trim_ascii_end();
    if let Some(rest) = text.strip_prefix(b"--- ") {
        let rest = rest.strip_suffix(b" ---")?;
        return Some(match rest {
            b"Called exec()" => Body::Called,
            signal => Body::Signal(signal),
        });
    }
    if let Some(rest) = text.strip_prefix(b"+++ ") {
        return end(rest.strip_suffix(b"+++")?.trim_ascii_end());
    }
    if let Some(rest) = text.strip_prefix(b"<... ") {
        let at = find(rest, b" resumed>")?;
        let (printed, rest) = rest.split_at_checked(at)?;
        let rest = rest.strip_prefix(b" resumed>")?;
        let (args, tail) = split_tail(rest)?;
        return Some(Body::Resumed(name(printed), args.trim_ascii_start(), tail));
    }
    let at = text.iter().position(|byte| *byte == b'(')?;
    let (printed, _) = text.split_at_checked(at)?;
    let rest = text.get(at + 1..)?;
    // Names of C++ may hold parentheses of their own: `std::f(int)(1)`, `operator()(1)`.
    let (printed, rest) = cpp_name(text, printed, rest);
    if !is_name(printed) {
        return None;
    }
    let name = name(printed);
    if let Some(args) = without_mark(rest) {
        return Some(Body::Begin(name, args));
    }
    Some(match split_tail(rest) {
        Some((args, tail)) => Body::Call(name, args, tail),
        None => Body::Open(name, rest),
    })
}

/// The `args` of a line that ends with `<unfinished ...>` or `<no return ...>`.
pub(super) fn without_mark(text: &[u8]) -> Option<&[u8]> {
    let args = text
        .strip_suffix(b"<unfinished ...>")
        .or_else(|| text.strip_suffix(b"<no return ...>"))?;
    Some(args.trim_ascii_end())
}

/// `std::f(int)(1) = 2`: the arguments are in the last of several adjoining parentheses.
fn cpp_name<'a>(text: &'a [u8], printed: &'a [u8], rest: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    if find(printed, b"::").is_none() && !printed.ends_with(b"operator") {
        return (printed, rest);
    }
    let Some(at) = find(rest, b")(") else {
        return (printed, rest);
    };
    let end = printed.len() + 1 + at + 1;
    (
        text.get(..end).unwrap_or(printed),
        text.get(end + 1..).unwrap_or(rest),
    )
}

/// Whether this can be the name of a function: no program prints it by chance in front of a parenthesis.
fn is_name(printed: &[u8]) -> bool {
    let is_cpp = find(printed, b"::").is_some() || find(printed, b"operator").is_some();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.@$+-~/>:".contains(byte);
    let starts = printed
        .first()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_.~$@/".contains(byte));
    starts
        && printed
            .iter()
            .all(|byte| is_plain(byte) || is_cpp && matches!(byte, b' '..=b'~') && *byte != b'"')
}

/// Takes library and mark of system calls off a printed name.
pub(super) fn name(printed: &[u8]) -> Name<'_> {
    let (library, name) = match find(printed, b"->") {
        Some(at) => (
            printed.get(..at).unwrap_or(&[]),
            printed.get(at + 2..).unwrap_or(&[]),
        ),
        None => (&[][..], printed),
    };
    if let Some(name) = name.strip_suffix(b"@SYS") {
        return Name {
            library,
            name,
            is_syscall: true,
        };
    }
    if let Some(name) = name.strip_prefix(b"SYS_") {
        return Name {
            library,
            name,
            is_syscall: true,
        };
    }
    let at = name.iter().rposition(|byte| *byte == b'@');
    match at {
        Some(at) if library.is_empty() && at > 0 => Name {
            library: name.get(at + 1..).unwrap_or(&[]),
            name: name.get(..at).unwrap_or(&[]),
            is_syscall: false,
        },
        _ => Name {
            library,
            name,
            is_syscall: false,
        },
    }
}

/// `exited (status 3)`, `killed by SIGABRT`.
fn end(text: &[u8]) -> Option<Body<'_>> {
    if let Some(rest) = text.strip_prefix(b"exited (status ") {
        let (status, _) = number(rest.strip_suffix(b")")?)?;
        return Some(Body::Exited(u8::try_from(status & 0xff).ok()?));
    }
    text.strip_prefix(b"killed by ").map(Body::Killed)
}

/// Splits `ARGS) = RESULT <TIME>`. Strings are printed without escaping quotes, so that no grammar tells where arguments
/// end: the last `) = ` before something that can be a result counts.
pub(super) fn split_tail(text: &[u8]) -> Option<(&[u8], Tail<'_>)> {
    let mut last = None;
    for at in memchr::memrchr_iter(b')', text).take(PARENTHESES_MAX) {
        let Some(tail) = text.get(at + 1..).and_then(tail) else {
            continue;
        };
        let args = text.get(..at)?;
        if is_result(tail.result) {
            return Some((args, tail));
        }
        last = last.or(Some((args, tail)));
    }
    last
}

/// `    = RESULT <TIME>`
fn tail(text: &[u8]) -> Option<Tail<'_>> {
    let rest = blanks(text);
    if rest.len() == text.len() {
        return None;
    }
    let rest = rest.strip_prefix(b"=")?;
    if !rest.is_empty() && !rest.starts_with(b" ") {
        return None;
    }
    let rest = rest.trim_ascii();
    let Some(at) = rest.iter().rposition(|byte| *byte == b'<') else {
        return Some(Tail {
            result: rest,
            duration_ns: None,
        });
    };
    let duration_ns = rest
        .get(at + 1..)
        .and_then(|time| time.strip_suffix(b">"))
        .and_then(seconds)
        .filter(|(_, after)| after.is_empty())
        .map(|(ns, _)| ns);
    let result = match duration_ns {
        Some(_) => rest.get(..at).unwrap_or(rest).trim_ascii_end(),
        None => rest,
    };
    Some(Tail {
        result,
        duration_ns,
    })
}

/// Whether a function can have returned this.
fn is_result(text: &[u8]) -> bool {
    let text = text.strip_suffix(b"...").unwrap_or(text);
    match (text.first(), text.last()) {
        (None, _) => true,
        (Some(b'"'), Some(b'"')) => text.len() > 1,
        (Some(b'\''), Some(b'\'')) => text.len() > 2,
        (Some(b'<'), Some(b'>')) | (Some(b'['), Some(b']')) | (Some(b'{'), Some(b'}')) => true,
        (Some(first), _) => {
            (first.is_ascii_alphanumeric() || *first == b'-')
                && text
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-+._|".contains(byte))
        }
    }
}

/// Integer as ltrace prints it: `34`, `-1`, `0xffffff9c`, `0666`, `nil`.
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    if text == b"nil" {
        return Some(0);
    }
    let (digits, is_negative) = match text.strip_prefix(b"-") {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let (digits, radix) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (rest, 16),
        [b'0', rest @ ..] if !rest.is_empty() => (rest, 8),
        _ => (digits, 10),
    };
    if !digits.first()?.is_ascii_hexdigit() {
        return None;
    }
    let value = u64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?;
    let value = value.cast_signed();
    Some(if is_negative {
        value.wrapping_neg()
    } else {
        value
    })
}

/// Takes the first argument off; strings end at a quote before `, `, for quotes inside are not escaped.
pub(super) fn split_arg(text: &[u8]) -> (&[u8], &[u8]) {
    let end = if text.starts_with(b"\"") {
        string_end(text)
    } else {
        let mut depth = 0_u32;
        let mut is_quoted = false;
        text.iter().enumerate().find_map(|(at, byte)| {
            match byte {
                b'"' => is_quoted = !is_quoted,
                b'[' | b'{' if !is_quoted => depth += 1,
                b']' | b'}' if !is_quoted => depth = depth.saturating_sub(1),
                b',' if depth == 0 && !is_quoted => return Some(at),
                _ => {}
            }
            None
        })
    };
    let end = end.unwrap_or(text.len());
    let (arg, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    let rest = rest.strip_prefix(b",").unwrap_or(rest);
    (arg.trim_ascii(), rest.trim_ascii_start())
}

/// Where the comma after a string stands.
fn string_end(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'\\' => at += 1,
            b'"' => {
                let rest = text.get(at + 1..)?;
                let dots = rest.len() - rest.strip_prefix(b"...").unwrap_or(rest).len();
                if rest.get(dots..)?.starts_with(b", ") {
                    return Some(at + 1 + dots);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// Place of the first `mark`.
pub(super) fn find(text: &[u8], mark: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, mark)
}
