//! Events with the fields of the filter language as columns, under the same names and with the same values.

use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, in_list, lit, when};
use unspool_model::fields::FIELDS;
use unspool_model::step::{Action, StepKind};

use super::events::{category, tid};
use super::{Columns, ViewColumn, column};
use crate::dictionary::Dictionary;
use crate::lookup::{Part, Whose};

/// The columns of the events, and one for each field. A field that is added to the catalogue is added here; a test compares.
pub(super) fn columns() -> Vec<ViewColumn> {
    let mut columns = super::events::columns();
    for field in FIELDS {
        if let Some(of) = by_row(field.name) {
            columns.push(column(field.name, field.doc, of));
        }
    }
    columns
}

type Of = fn(&Columns) -> Expr;

macro_rules! each {
    ($get:ident, $name:expr, [$($field:literal),* $(,)?]) => {
        match $name {
            $($field => Some(each!(@$get $field)),)*
            _ => None,
        }
    };
    (@own $field:literal) => { (|c| c.image($field, Whose::Own)) as Of };
    (@resource $field:literal) => { (|c| c.resource($field, "resource")) as Of };
    (@told $field:literal) => { (|c| c.told(Part::Field($field))) as Of };
}

/// What a field is of the columns of the events.
fn by_row(name: &'static str) -> Option<Of> {
    let of: Of = match name {
        "evt.num" => |c| c.number("seq"),
        "evt.time" => |c| c.nanoseconds("time"),
        "evt.latency" => |c| c.nanoseconds("duration"),
        "evt.kind" => |c| c.look_up(Dictionary::Kind, c.raw("kind")),
        "evt.type" => |c| c.text("name"),
        "evt.category" => category,
        "evt.args" => |c| c.told(Part::Args),
        "evt.res" => result,
        "evt.rawres" => raw_result,
        "evt.failed" => |c| c.raw("outcome").eq(lit(1u8)),
        "evt.bytes" => |c| c.number("bytes"),
        "evt.action" => |c| c.look_up(Dictionary::Action, c.raw("action")),
        "evt.is_io_read" => |c| does(c, Action::is_input),
        "evt.is_io_write" => |c| does(c, Action::is_output),
        "proc.id" => |c| c.number("process"),
        "proc.pid" => |c| c.number("pid"),
        "thread.tid" => tid,
        "proc.ppid" => |c| c.process("proc.ppid", "process"),
        // The parent may have become another program while the child stayed what it is.
        "proc.pname" => |c| c.image("proc.name", Whose::Parent),
        "proc.pcmdline" => |c| c.image("proc.cmdline", Whose::Parent),
        "fd.num" => |c| c.number("fd"),
        "fd.name2" => |c| c.resource("fd.name", "second_resource"),
        "fd.session" => |c| c.number("session"),
        "fd.claimed" => |c| {
            let claimed = coalesce(vec![c.raw("claimed"), lit(false)]);
            Columns::only_if(c.raw("action").is_not_null(), claimed)
        },
        _ => return of_process(name).or_else(|| of_resource(name)),
    };
    Some(of)
}

fn of_process(name: &str) -> Option<Of> {
    each!(
        own,
        name,
        [
            "proc.name",
            "proc.exe",
            "proc.exepath",
            "proc.cmdline",
            "proc.args",
            "proc.cwd",
            "proc.nthreads",
            "proc.exit",
            "proc.signal",
            "proc.duration",
            "user.uid",
            "cgroup.path",
            "container.id",
            "container.runtime",
            "container.name",
            "k8s.pod.uid",
            "k8s.pod.qos",
            "systemd.unit",
            "systemd.slice",
        ]
    )
}

fn of_resource(name: &str) -> Option<Of> {
    each!(
        resource,
        name,
        [
            "fd.name",
            "fd.filename",
            "fd.directory",
            "fd.type",
            "fd.typechar",
            "fd.category",
            "fd.l4proto",
            "fd.local",
            "fd.remote",
            "fd.ip",
            "fd.lip",
            "fd.port",
            "fd.lport",
            "fd.rport",
        ]
    )
    .or_else(|| {
        each!(
            told,
            name,
            [
                "sql.text",
                "sql.template",
                "sql.dialect",
                "http.method",
                "http.route",
                "http.host",
                "http.status",
            ]
        )
    })
}

/// `SUCCESS`, or the name of the error.
fn result(columns: &Columns) -> Expr {
    let error = columns.look_up(Dictionary::Errno, columns.raw("errno"));
    let failed = Columns::only_if(columns.raw("outcome").eq(lit(1u8)), error);
    when(columns.raw("outcome").eq(lit(0u8)), lit("SUCCESS"))
        .otherwise(failed.clone())
        .unwrap_or(failed)
}

/// What the call returned, the error as a negative number; the status of an exit.
fn raw_result(columns: &Columns) -> Expr {
    let errno = -columns.number("errno");
    let exited = columns
        .raw("kind")
        .eq(lit(StepKind::Exit as u8))
        .and(columns.raw("exit").eq(lit(0u8)));
    let exit = Columns::only_if(exited, columns.number("exit_value"));
    when(columns.raw("outcome").eq(lit(0u8)), columns.returned())
        .when(columns.raw("outcome").eq(lit(1u8)), errno)
        .otherwise(exit.clone())
        .unwrap_or(exit)
}

fn does(columns: &Columns, is: fn(Action) -> bool) -> Expr {
    let actions = Action::ALL.iter().filter(|action| is(**action));
    let actions = actions.map(|action| lit(*action as u8)).collect();
    coalesce(vec![
        in_list(columns.raw("action"), actions, false),
        lit(false),
    ])
}

#[cfg(test)]
mod tests {
    use super::{by_row, columns};
    use unspool_model::fields::FIELDS;

    /// A field that is added to the catalogue is a column too.
    #[test]
    fn every_field_is_a_column() {
        for field in FIELDS {
            assert!(by_row(field.name).is_some(), "{}", field.name);
        }
        let mut names: Vec<&str> = columns().iter().map(|column| column.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
