//! Statements of a small job.

use unspool_model::event::Outcome;
use unspool_model::report::Cell;

use crate::testing::{Line, cell, viewed};

const JOB: &[Line] = &[
    (
        10,
        1_000,
        100,
        "socket",
        &["AF_INET", "SOCK_STREAM", "IPPROTO_TCP"],
        Outcome::Returned(3),
    ),
    (
        10,
        2_000,
        100,
        "sendto",
        &[
            "3",
            r#""\33\0\0\0\3select a from t where b=1""#,
            "31",
            "0",
            "NULL",
            "0",
        ],
        Outcome::Returned(31),
    ),
    (
        10,
        3_000,
        100,
        "sendto",
        &[
            "3",
            r#""\33\0\0\0\3select a from t where b=2""#,
            "31",
            "0",
            "NULL",
            "0",
        ],
        Outcome::Returned(31),
    ),
    (
        10,
        4_000,
        100,
        "write",
        &["3", r#""\17\0\0\0\3show databases""#, "19"],
        Outcome::Returned(19),
    ),
    (
        10,
        5_000,
        100,
        "write",
        &["3", r#""nothing""#, "7"],
        Outcome::Returned(7),
    ),
];

#[test]
fn statements_are_counted_by_template() {
    let report = viewed("sql", JOB, None);
    assert_eq!(report.rows.len(), 2);
    assert_eq!(cell(&report, 0, "statements"), Cell::Int(2));
    assert_eq!(
        cell(&report, 0, "template"),
        Cell::text(b"select a from t where b=?")
    );
    assert_eq!(
        cell(&report, 0, "example"),
        Cell::text(b"select a from t where b=1")
    );
    assert_eq!(cell(&report, 0, "dialect"), Cell::text(b"mysql"));
    assert_eq!(cell(&report, 0, "direction"), Cell::text(b"sent"));
    assert_eq!(cell(&report, 1, "template"), Cell::text(b"show databases"));
}

#[test]
fn fields_of_statements_choose_events() {
    for (filter, expect) in [
        ("sql.template contains \"from t\"", 2),
        ("sql.text endswith \"b=2\"", 1),
        ("sql.dialect = mysql", 3),
        ("sql.text exists", 3),
        ("http.method exists", 0),
    ] {
        let report = viewed("events", JOB, Some(filter));
        let calls = report.rows.len();
        assert_eq!(calls, expect, "{filter}");
    }
}

#[test]
fn without_data_it_says_why_there_is_nothing() {
    let report = viewed("sql", crate::testing::JOB, None);
    assert!(report.rows.is_empty());
    assert!(report.notes[0].contains("--payload"));
}
