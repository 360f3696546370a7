//! Events, and what was written.

use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, in_list, lit};
use unspool_model::step::{Action, StepKind};

use super::{Columns, ViewColumn, column};
use crate::dictionary::Dictionary;
use crate::lookup::{Part, Whose};

/// Columns of `events`.
#[rustfmt::skip]
pub(super) fn columns() -> Vec<ViewColumn> {
    vec![
        column("seq", "Number of the event in its run, from 0.", |c| c.number("seq")),
        column("time", "Start of the event.", |c| c.time("time")),
        column("duration_ns", "How long it took, in nanoseconds.", |c| c.nanoseconds("duration")),
        column("pid", "Process id.", |c| c.number("pid")),
        column("tid", "Thread id.", tid),
        column("command", "Name of the program that the process ran then.", |c| c.image("proc.name", Whose::Own)),
        column("kind", "`syscall`, `library`, `signal`, `exec`, `fork`, `exit`, ...", |c| c.look_up(Dictionary::Kind, c.raw("kind"))),
        column("name", "Name of the call, function or signal.", |c| c.text("name")),
        column("category", "What the call is about: `file`, `network`, `process`, `memory`, ...", category),
        column("args", "Arguments as strace prints them.", |c| c.told(Part::Args)),
        column("result", "`ok`, `failed`, `unfinished`, `unknown`.", |c| c.look_up(Dictionary::Outcome, c.raw("outcome"))),
        column("ret", "Value that the call returned.", Columns::returned),
        column("error", "Name of the error: `ENOENT`.", |c| c.look_up(Dictionary::Errno, c.raw("errno"))),
        column("failed", "Whether the call failed.", |c| c.raw("outcome").eq(lit(1u8))),
        column("action", "What it did to the resource: `open`, `read`, `connect`, `delete`, ...", |c| c.look_up(Dictionary::Action, c.raw("action"))),
        column("direction", "`in` or `out` where it moved bytes.", |c| c.look_up(Dictionary::Direction, c.raw("action"))),
        column("fd", "Descriptor that it used or got.", |c| c.number("fd")),
        column("path", "Name of the resource: path, `pipe:[1]`, `TCP:[a->b]`.", |c| c.path("resource")),
        column("path_kind", "Kind of the resource: `file`, `directory`, `pipe`, `socket`, ...", |c| c.resource("fd.type", "resource")),
        column("bytes", "Bytes that it moved.", |c| c.number("bytes")),
        column("claimed", "Whether the name is only a claim, read from user memory.", |c| coalesce(vec![c.raw("claimed"), lit(false)])),
        column("action2", "What it did to the second resource.", |c| c.look_up(Dictionary::Action, c.raw("second_action"))),
        column("fd2", "Second descriptor.", |c| c.number("second_fd")),
        column("path2", "Name of the second resource: the new name of a rename.", |c| c.path("second_resource")),
        column("bytes2", "Bytes moved to it.", |c| c.number("second_bytes")),
        column("exit_code", "Exit status, where a process ended by itself.", |c| Columns::only_if(c.raw("exit").eq(lit(0u8)), c.number("exit_value"))),
        column("exit_signal", "Signal that ended it.", |c| Columns::only_if(in_list(c.raw("exit"), vec![lit(1u8), lit(2u8)], false), c.number("exit_value"))),
        column("process_id", "Id of the process's life; joins `processes`.", |c| c.number("process")),
        column("session_id", "Id of the open file description; joins `sessions`.", |c| c.number("session")),
        column("resource_id", "Id of the resource; joins `resources`.", |c| c.number("resource")),
        column("session2_id", "Id of the second open file description.", |c| c.number("second_session")),
        column("resource2_id", "Id of the second resource.", |c| c.number("second_resource")),
    ]
}

pub(super) fn tid(columns: &Columns) -> Expr {
    coalesce(vec![columns.number("tid"), columns.number("pid")])
}

/// `syscall` is null where `name` names the call, and 0 where it is none.
pub(super) fn category(columns: &Columns) -> Expr {
    let call = coalesce(vec![columns.raw("syscall"), columns.raw("name")]);
    columns.look_up(Dictionary::CallCategory, call)
}

/// Columns of `logs`.
#[rustfmt::skip]
pub(super) fn logs() -> Vec<ViewColumn> {
    vec![
        column("seq", "Number of the event in its run.", |c| c.number("seq")),
        column("time", "When it was written.", |c| c.time("time")),
        column("pid", "Process id of the writer.", |c| c.number("pid")),
        column("command", "Name of its program.", |c| c.image("proc.name", Whose::Own)),
        column("source", "`syscall` (a write), `output`, `note`, `log`.", |c| c.look_up(Dictionary::Kind, c.raw("kind"))),
        column("fd", "Descriptor that it was written to.", |c| c.number("fd")),
        column("path", "What it was written to.", |c| c.path("resource")),
        column("text", "What was written, as far as it was recorded.", log_text),
        column("bytes", "Bytes that were written.", |c| c.number("bytes")),
        column("process_id", "Id of the writer's life; joins `processes`.", |c| c.number("process")),
        column("session_id", "Id of the open file description; joins `sessions`.", |c| c.number("session")),
        column("resource_id", "Id of what it was written to; joins `resources`.", |c| c.number("resource")),
    ]
}

fn log_text(columns: &Columns) -> Expr {
    let args = Columns::only_if(is_said(columns), columns.told(Part::Args));
    coalesce(vec![columns.told(Part::Data), args])
}

fn is_said(columns: &Columns) -> Expr {
    let kinds = [StepKind::Output, StepKind::Note, StepKind::Log];
    let kinds = kinds.iter().map(|kind| lit(*kind as u8)).collect();
    in_list(columns.raw("kind"), kinds, false)
}

/// Rows of `logs`.
pub(super) fn is_log(columns: &Columns) -> Expr {
    let moves = [Action::Write, Action::Send];
    let moves = moves.iter().map(|action| lit(*action as u8)).collect();
    let written = in_list(columns.raw("action"), moves, false)
        .and(columns.raw("kind").eq(lit(StepKind::Syscall as u8)))
        .and(columns.told(Part::Data).is_not_null());
    is_said(columns).or(written)
}
