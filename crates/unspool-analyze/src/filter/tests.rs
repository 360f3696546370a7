//! Tests of the filter language.

use super::{EXPRESSION_BYTES_MAX, Filter, NESTING_MAX};
use crate::ViewOptions;
use crate::testing::shown;

/// How many of the job's 16 events the expression lets through.
#[track_caller]
fn check(expression: &str, expect: usize) {
    let report = shown("events", &ViewOptions::default(), Some(expression));
    assert_eq!(report.rows.len(), expect, "{expression}");
}

#[track_caller]
fn fails(expression: &str, message: &str, marked: &str) {
    let error = Filter::parse(expression).expect_err("no filter");
    assert_eq!(error.message, message);
    assert_eq!(expression.get(error.span), Some(marked));
}

#[test]
fn comparisons() {
    check("evt.type = read", 2);
    check("evt.type != read", 14);
    check("evt.type in (read, \"write\")", 3);
    check("evt.failed", 2);
    check("not evt.failed", 14);
    check("evt.failed = false", 14);
    check("evt.res = ENOENT or evt.res=EACCES", 2);
    check("fd.name startswith /etc and evt.failed", 1);
    check("fd.name endswith 'missing'", 1);
    check("fd.name icontains ETC", 4);
    check("evt.bytes >= 60", 2);
    check("evt.bytes exists", 4);
    check("evt.latency >= 0.1us", 4);
    check(
        "evt.latency>=100ns and (evt.type=execve or evt.type=fork)",
        3,
    );
    check("proc.pid in (11)", 11);
    check("evt.args contains \"O_CREAT\"", 1);
    check("fd.port = 80", 2);
}

#[test]
fn errors_point_into_the_text() {
    fails("evt.typ = read", "there is no field `evt.typ`", "evt.typ");
    let error = Filter::parse("evt.typ = read").expect_err("no filter");
    assert_eq!(error.hint.as_deref(), Some("did you mean `evt.type`?"));
    assert_eq!(error.point("evt.typ = read"), "evt.typ = read\n^^^^^^^");
    fails("evt.num = x", "expected a number, found `x`", "x");
    fails(
        "evt.num contains 1",
        "`contains` does not fit a number",
        "contains",
    );
    fails("evt.type = ", "expected a text, found the end", "");
    fails("(evt.failed", "expected `)`, found the end", "");
    fails(
        "evt.failed evt.failed",
        "expected `and`, `or` or the end, found `evt.failed`",
        "evt.failed",
    );
    fails("evt.type = \"abc", "the text does not end", "\"abc");
    fails(
        "evt.latency > 3parsec",
        "expected a duration such as `10ms`, found `3parsec`",
        "3parsec",
    );
}

#[test]
fn limits_hold() {
    let nested = |depth: usize| format!("{}evt.failed{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&nested(NESTING_MAX)).is_ok());
    assert!(Filter::parse(&nested(NESTING_MAX + 1)).is_err());
    let long = |len: usize| format!("evt.failed{}", " ".repeat(len - "evt.failed".len()));
    assert!(Filter::parse(&long(EXPRESSION_BYTES_MAX)).is_ok());
    assert!(Filter::parse(&long(EXPRESSION_BYTES_MAX + 1)).is_err());
}

/// Whatever is typed, nothing panics.
#[test]
fn no_text_breaks_it() {
    let seed = "not (evt.type = \"r\\x41\" and fd.name in (a, 'b')) or evt.latency >= 1.5ms";
    for cut in 0..=seed.len() {
        let (head, tail) = seed.split_at(cut);
        drop(Filter::parse(head));
        drop(Filter::parse(tail));
        for letter in ["\"", "\\", "(", "é", "\0", "!", "=="] {
            drop(Filter::parse(&format!("{head}{letter}{tail}")));
        }
    }
}

#[test]
fn conditions_of_sql() {
    let sql = |expression: &str| Filter::sql(expression).expect("a filter");
    assert_eq!(
        sql("evt.type = \"it's\" and evt.bytes >= 4k"),
        "(\"evt.type\" = 'it''s' and \"evt.bytes\" >= 4000)"
    );
    assert_eq!(
        sql("not fd.name startswith /etc"),
        "not (((starts_with(\"fd.name\", '/etc')) is true))"
    );
    assert_eq!(sql("evt.failed"), "\"evt.failed\" is true");
    assert_eq!(sql("syscall.type in (b, a)"), "\"evt.type\" in ('a', 'b')");
    assert_eq!(sql("evt.args = \"\\xff\""), "\"evt.args\" = '\\xff'");
}
