//! What the data that calls move says: SQL statements and HTTP requests. Pure functions over bytes, which nobody calls
//! unless asked; the data is there only when it was recorded (`--payload`).

mod http;
mod sql;
mod template;
#[cfg(test)]
mod tests;

pub use http::{Request, request, response, route};
pub use sql::{Dialect, STATEMENTS_MAX, Statement, statement, statements};
pub use template::template;

use crate::args::text;
use crate::step::{Action, Step, StepArgs, StepKind};

/// Bytes of one buffer that are looked at.
pub const BUFFER_MAX: usize = 1 << 20;
/// Parts of a scattered buffer that are looked at.
const PARTS_MAX: usize = 64;

/// Appends the data that the step moved, as far as it was recorded. Returns whether there is any.
pub fn data(step: &Step<'_>, out: &mut Vec<u8>) -> bool {
    let moves = step.touch.is_some_and(|touch| {
        matches!(
            touch.action,
            Action::Read | Action::Write | Action::Receive | Action::Send
        )
    });
    if step.kind != StepKind::Syscall || !moves || step.outcome.failed().is_some() {
        return false;
    }
    let start = out.len();
    match step.args {
        StepArgs::Text(printed) => push_buffers(printed, out),
        StepArgs::Call(..) => {
            let mut printed = Vec::new();
            step.args.print(&mut printed);
            push_buffers(&printed, out);
        }
    }
    out.len() > start
}

/// Decodes the strings behind the first argument: `3</x>, "data"..., 12` or `3, [{iov_base="data", iov_len=4}], 1`.
fn push_buffers(printed: &[u8], out: &mut Vec<u8>) {
    let printed = printed.get(..4 * BUFFER_MAX).unwrap_or(printed);
    let comma = find(printed, b", ").unwrap_or(printed.len());
    let end = match find(printed, b"<") {
        Some(object) if object < comma => find(printed, b">, ").map(|at| at + 1),
        _ => Some(comma),
    };
    let Some(mut rest) = end.and_then(|end| printed.get(end + 2..)) else {
        return;
    };
    if rest.starts_with(b"\"") {
        let _whole: Option<bool> = text::string(rest, out);
        return;
    }
    for _ in 0..PARTS_MAX {
        let names: [&[u8]; 2] = [b"iov_base=\"", b"{\""];
        let next = names
            .iter()
            .filter_map(|name| Some(find(rest, name)? + name.len() - 1))
            .min();
        let Some(quoted) = next.and_then(|at| rest.get(at..)) else {
            return;
        };
        let _whole: Option<bool> = text::string(quoted, out);
        rest = quoted.get(1..).unwrap_or(&[]);
    }
}

/// Where `wanted` stands first.
pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// Where `wanted` (in small letters) stands first, in letters of any size.
fn find_any_case(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window.eq_ignore_ascii_case(wanted))
}
