//! Recognises ltrace logs.

use super::line::{Body, Name, body, find, prefix};

/// How much the head of an input looks like an ltrace log: 0 not at all, 100 certain.
///
/// strace and ltrace share `name(args) = result`; what only one of them prints decides.
pub fn score(head: &[u8]) -> u8 {
    let mut understood = 0_u32;
    let mut certain = 0_u32;
    let mut foreign = 0_u32;
    let mut lines = 0_u32;
    for line in head.split(|byte| *byte == b'\n') {
        if is_table_head(line) {
            return 95;
        }
        lines += u32::from(!line.trim_ascii().is_empty());
        match body(prefix(line).rest) {
            Some(Body::Called | Body::Exited(_)) => certain += 1,
            Some(Body::Call(name, _, tail)) => {
                understood += 1;
                certain += u32::from(
                    is_system_call(&name)
                        || !name.library.is_empty()
                        || matches!(tail.result, b"nil" | b"<void>"),
                );
                foreign += u32::from(is_strace_result(tail.result));
            }
            Some(Body::Begin(name, _) | Body::Resumed(name, ..)) => {
                understood += 1;
                certain += u32::from(is_system_call(&name) || name.name == b"__libc_start_main");
                certain += u32::from(line.ends_with(b"<no return ...>"));
            }
            Some(Body::Signal(text)) => foreign += u32::from(text.ends_with(b"}")),
            _ => {}
        }
    }
    if certain > foreign {
        95
    } else if foreign > 0 || understood == 0 || understood < lines / UNDERSTOOD_MIN {
        // Many texts hold something like `name(args) = result`.
        0
    } else {
        30
    }
}

/// One line in so many has to look like a call, where nothing tells the log for certain.
const UNDERSTOOD_MIN: u32 = 4;

/// `SYS_open(`, `open@SYS(`; `SYS_328(` is also what strace before 4.11 prints for calls that it does not know.
fn is_system_call(name: &Name<'_>) -> bool {
    name.is_syscall && !name.name.iter().all(u8::is_ascii_digit)
}

/// Head of the table of `-c`.
pub(super) fn is_table_head(line: &[u8]) -> bool {
    line.starts_with(b"% time") && line.trim_ascii_end().ends_with(b"function")
}

/// `-1 ENOENT (No such file or directory)`, `3</etc/passwd>`, `?`; of FreeBSD's truss `34369261568 (0x800896000)`: what ltrace
/// does not print as a result.
fn is_strace_result(result: &[u8]) -> bool {
    result.ends_with(b")") && (find(result, b" E").is_some() || find(result, b" (0x").is_some())
        || result.ends_with(b">") && find(result, b"</").is_some()
        || result == b"?"
}
