//! What processes have open, and what they did to it.

use datafusion::logical_expr::Expr;

use super::{Columns, ViewColumn, column};
use crate::dictionary::Dictionary;
use crate::functions::actions_text;

/// Columns of `sessions`.
#[rustfmt::skip]
pub(super) fn sessions() -> Vec<ViewColumn> {
    vec![
        column("opened", "When it was opened, or first seen.", |c| c.time("opened")),
        column("closed", "When its last descriptor was closed; null while open.", |c| c.time("closed")),
        column("duration_ns", "How long it was open.", |c| c.nanoseconds("closed") - c.nanoseconds("opened")),
        column("pid", "Process id of who opened it.", |c| c.pid("process")),
        column("command", "Name of its program at its end.", |c| c.process("proc.name", "process")),
        column("path", "What it is open on.", |c| c.path("resource")),
        column("path_kind", "Kind of the resource.", |c| c.resource("fd.type", "resource")),
        column("flags", "Flags of the open (`O_*`) as a number.", |c| c.number("flags")),
        column("claimed", "Whether the name is a claim.", |c| c.raw("claimed")),
        column("opened_seq", "Event that opened it; null when it was open before.", |c| c.number("opened_seq")),
        column("reads", "Calls that read.", |c| c.number("reads")),
        column("bytes_read", "Bytes that they returned.", |c| c.number("bytes_read")),
        column("writes", "Calls that wrote.", |c| c.number("writes")),
        column("bytes_written", "Bytes that they wrote.", |c| c.number("bytes_written")),
        column("session_id", "Id of the open file description.", |c| c.number("id")),
        column("process_id", "Id of the opener's life; joins `processes`.", |c| c.number("process")),
        column("resource_id", "Id of the resource; joins `resources`.", |c| c.number("resource")),
    ]
}

/// Columns of `descriptors`.
#[rustfmt::skip]
pub(super) fn descriptors() -> Vec<ViewColumn> {
    vec![
        column("opened", "When it came to be.", |c| c.time_or("opened", (&session(c), "opened"))),
        column("closed", "When it went; null while open.", |c| c.time_or("closed", (&session(c), "closed"))),
        column("duration_ns", "How long it was there.", lived),
        column("pid", "Process id.", |c| c.pid("process")),
        column("command", "Name of its program at its end.", |c| c.process("proc.name", "process")),
        column("fd", "Its number.", |c| c.number("fd")),
        column("closed_by", "`close`, `exec`, `exit`, `dup2`, `unseen`; null while open.", |c| c.look_up(Dictionary::ClosedBy, c.raw("closed_by"))),
        column("origin", "`opened`, `duplicated`, `inherited`, `received`, `before`.", |c| c.look_up(Dictionary::Origin, c.raw("origin"))),
        column("origin_fd", "Descriptor that it is a copy of.", |c| c.number("origin_fd")),
        column("origin_pid", "Process id from which it was inherited.", |c| c.pid("origin_process")),
        column("close_on_exec", "Whether an exec closes it.", |c| c.raw("close_on_exec")),
        column("reads", "Calls that read through it.", |c| c.number_or("reads", session(c).number("reads"))),
        column("bytes_read", "Bytes that they returned.", |c| c.number_or("bytes_read", session(c).number("bytes_read"))),
        column("writes", "Calls that wrote.", |c| c.number_or("writes", session(c).number("writes"))),
        column("bytes_written", "Bytes that they wrote.", |c| c.number_or("bytes_written", session(c).number("bytes_written"))),
        column("session_id", "Id of the open file description; joins `sessions`.", |c| c.number("session")),
        column("process_id", "Id of the process's life; joins `processes`.", |c| c.number("process")),
    ]
}

/// Its session, for what is as there.
fn session(columns: &Columns) -> Columns {
    columns.beside("sessions")
}

fn lived(columns: &Columns) -> Expr {
    let session = session(columns);
    columns.nanoseconds_or("closed", (&session, "closed"))
        - columns.nanoseconds_or("opened", (&session, "opened"))
}

/// Columns of `accesses`.
#[rustfmt::skip]
pub(super) fn accesses() -> Vec<ViewColumn> {
    vec![
        column("pid", "Process id.", |c| c.pid("process")),
        column("command", "Name of its program at its end.", |c| c.process("proc.name", "process")),
        column("path", "Name of the resource.", |c| c.path("resource")),
        column("path_kind", "Kind of the resource.", |c| c.resource("fd.type", "resource")),
        column("category", "Category of the resource for people.", |c| c.resource("fd.category", "resource")),
        column("actions", "What it did and how many times: `open 2, read 17`.", actions),
        column("reads", "Calls that read.", |c| c.number("reads")),
        column("bytes_read", "Bytes that they returned.", |c| c.number("bytes_read")),
        column("writes", "Calls that wrote.", |c| c.number("writes")),
        column("bytes_written", "Bytes that they wrote.", |c| c.number("bytes_written")),
        column("failed", "Calls that failed.", |c| c.number("failed")),
        column("last_error", "Error of the last one.", |c| c.look_up(Dictionary::Errno, c.raw("last_error"))),
        column("first_time", "First call.", |c| c.time("first")),
        column("last_time", "Last call.", |c| c.time_or("last", (c, "first"))),
        column("duration_ns", "Time in these calls.", |c| c.nanoseconds("total")),
        column("claimed", "Whether the name is a claim.", |c| c.raw("claimed")),
        column("process_id", "Id of the process's life; joins `processes`.", |c| c.number("process")),
        column("resource_id", "Id of the resource; joins `resources`.", |c| c.number("resource")),
    ]
}

fn actions(columns: &Columns) -> Expr {
    actions_text(columns.raw("actions"), columns.raw("calls"))
}

/// Columns of `resources`.
#[rustfmt::skip]
pub(super) fn resources() -> Vec<ViewColumn> {
    vec![
        column("path", "Its name: path, `pipe:[1]`, `TCP:[a->b]`.", |c| c.text("name")),
        column("kind", "`file`, `directory`, `device`, `pipe`, `socket`, ...", |c| c.look_up(Dictionary::ResourceKind, c.raw("kind"))),
        column("category", "Category for people.", |c| c.look_up(Dictionary::Category, c.raw("category"))),
        column("protocol", "Protocol of a socket.", |c| c.text("protocol")),
        column("local", "Own address of a socket.", |c| c.text("local")),
        column("remote", "Other end's address.", |c| c.text("remote")),
        column("created", "Made by the run.", |c| c.raw("created")),
        column("modified", "Written, truncated or renamed over by the run.", |c| c.raw("modified")),
        column("deleted", "Removed by the run.", |c| c.raw("deleted")),
        column("resource_id", "Its id.", |c| c.number("id")),
    ]
}
