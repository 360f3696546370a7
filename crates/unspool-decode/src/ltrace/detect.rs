//! Recognises ltrace logs.

use super::line::{Body, body, find, prefix};

/// How much the head of an input looks like an ltrace log: 0 not at all, 100 certain.
///
/// strace and ltrace share `name(args) = result`; what only one of them prints decides.
pub fn score(head: &[u8]) -> u8 {
    let mut understood = 0_u32;
    let mut certain = 0_u32;
    let mut foreign = 0_u32;
    for line in head.split(|byte| *byte == b'\n') {
        if is_table_head(line) {
            return 95;
        }
        match body(prefix(line).rest) {
            Some(Body::Called | Body::Exited(_)) => certain += 1,
            Some(Body::Call(name, _, tail)) => {
                understood += 1;
                certain += u32::from(
                    name.is_syscall
                        || !name.library.is_empty()
                        || matches!(tail.result, b"nil" | b"<void>"),
                );
                foreign += u32::from(is_strace_result(tail.result));
            }
            Some(Body::Begin(name, _) | Body::Resumed(name, ..)) => {
                understood += 1;
                certain += u32::from(name.is_syscall || name.name == b"__libc_start_main");
                certain += u32::from(line.ends_with(b"<no return ...>"));
            }
            Some(Body::Signal(text)) => foreign += u32::from(text.ends_with(b"}")),
            _ => {}
        }
    }
    if certain > foreign {
        95
    } else if foreign > 0 || understood == 0 {
        0
    } else {
        30
    }
}

/// Head of the table of `-c`.
pub(super) fn is_table_head(line: &[u8]) -> bool {
    line.starts_with(b"% time") && line.trim_ascii_end().ends_with(b"function")
}

/// `-1 ENOENT (No such file or directory)`, `3</etc/passwd>`.
fn is_strace_result(result: &[u8]) -> bool {
    result.ends_with(b")") && find(result, b" E").is_some()
        || result.ends_with(b">") && find(result, b"</").is_some()
}
