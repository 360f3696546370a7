//! Requests of a small job: a client that asks for two things, and a server.

use unspool_model::event::Outcome;
use unspool_model::report::Cell;

use crate::testing::{Line, cell, row_of, viewed};

const JOB: &[Line] = &[
    (
        10,
        0,
        1,
        "socket",
        &["AF_INET", "SOCK_STREAM", "IPPROTO_TCP"],
        Outcome::Returned(3),
    ),
    (
        10,
        1_000,
        10,
        "sendto",
        &[
            "3",
            r#""GET /users/17?x=1 HTTP/1.1\r\nHost: a.example\r\n\r\n""#,
            "45",
            "0",
            "NULL",
            "0",
        ],
        Outcome::Returned(45),
    ),
    (
        10,
        2_000,
        100,
        "recvfrom",
        &[
            "3",
            r#""HTTP/1.1 200 OK\r\n""#,
            "511",
            "MSG_PEEK",
            "NULL",
            "NULL",
        ],
        Outcome::Returned(17),
    ),
    (
        10,
        2_500,
        100,
        "recvfrom",
        &["3", r#""HTTP/1.1 200 OK\r\n""#, "511", "0", "NULL", "NULL"],
        Outcome::Returned(17),
    ),
    (
        10,
        3_000,
        10,
        "sendto",
        &[
            "3",
            r#""GET /users/18 HTTP/1.1\r\nHost: a.example\r\n\r\n""#,
            "41",
            "0",
            "NULL",
            "0",
        ],
        Outcome::Returned(41),
    ),
    (
        10,
        3_500,
        500,
        "recvfrom",
        &[
            "3",
            r#""HTTP/1.1 404 Not Found\r\n""#,
            "511",
            "0",
            "NULL",
            "NULL",
        ],
        Outcome::Returned(24),
    ),
    (
        10,
        5_000,
        1,
        "socket",
        &["AF_INET", "SOCK_STREAM", "IPPROTO_TCP"],
        Outcome::Returned(4),
    ),
    (
        10,
        6_000,
        10,
        "read",
        &["4", r#""POST /in HTTP/1.0\r\n\r\n""#, "45"],
        Outcome::Returned(21),
    ),
    (
        10,
        7_000,
        10,
        "write",
        &["4", r#""HTTP/1.0 201 Created\r\n""#, "22"],
        Outcome::Returned(22),
    ),
];

#[test]
fn requests_are_counted_by_route_with_their_responses() {
    let report = viewed("http", JOB, None);
    assert_eq!(report.rows.len(), 2);
    let users = row_of(&report, "route", "/users/{id}");
    assert_eq!(cell(&report, users, "requests"), Cell::Int(2));
    assert_eq!(cell(&report, users, "role"), Cell::text(b"client"));
    assert_eq!(cell(&report, users, "host"), Cell::text(b"a.example"));
    let statuses = Cell::List(vec![Cell::text(b"200*1"), Cell::text(b"404*1")]);
    assert_eq!(cell(&report, users, "statuses"), statuses);
    // From 1000 to the end of the first look at the answer; from 3000 to 4000.
    assert_eq!(cell(&report, users, "p50_ns"), Cell::Int(1_000));
    assert_eq!(cell(&report, users, "max_ns"), Cell::Int(1_100));
    let post = row_of(&report, "route", "/in");
    assert_eq!(cell(&report, post, "role"), Cell::text(b"server"));
    assert_eq!(
        cell(&report, post, "statuses"),
        Cell::List(vec![Cell::text(b"201*1")])
    );
}

#[test]
fn fields_of_requests_choose_events() {
    for (filter, expect) in [
        ("http.method = GET", 2),
        ("http.route = \"/users/{id}\"", 2),
        ("http.status >= 400", 1),
        ("http.host = a.example", 2),
    ] {
        assert_eq!(
            viewed("events", JOB, Some(filter)).rows.len(),
            expect,
            "{filter}"
        );
    }
}
