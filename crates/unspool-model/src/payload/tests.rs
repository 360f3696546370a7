//! Messages as programs send them, and bytes that are none.

use super::{Dialect, push_buffers, request, response, route, statements, template};

fn found(bytes: &[u8]) -> Vec<(&'static str, String)> {
    let mut list = Vec::new();
    statements(bytes, &mut |statement| {
        let text = String::from_utf8_lossy(statement.text).into_owned();
        list.push((statement.dialect.name(), text));
    });
    list
}

#[track_caller]
fn check(bytes: &[u8], expect: &[(&'static str, &str)]) {
    let expect: Vec<(&'static str, String)> = expect
        .iter()
        .map(|(dialect, text)| (*dialect, (*text).to_owned()))
        .collect();
    assert_eq!(found(bytes), expect, "{}", String::from_utf8_lossy(bytes));
}

/// As in a log of a Python client: `sendto(3, "\33\0\0\0\3select Host,User from user", 31, ...)`.
#[test]
fn mysql_packets() {
    check(
        b"\x1b\0\0\0\x03select Host,User from user",
        &[("mysql", "select Host,User from user")],
    );
    check(
        b"\x0f\0\0\0\x03show databases",
        &[("mysql", "show databases")],
    );
    check(b"\x0b\0\0\0\x03\0\x01SELECT 1;", &[("mysql", "SELECT 1")]);
    check(
        b"\x15\0\0\0\x16insert into t values (?)",
        &[("mysql", "insert into t values")],
    );
    // A result has other numbers; a ping no text.
    check(b"\x01\0\0\x01\x03\x03def", &[]);
    check(b"\x01\0\0\0\x0e", &[]);
}

#[test]
fn postgresql_messages() {
    let query = b"Q\0\0\0\x1fSELECT * FROM t WHERE a=1;\0";
    check(query, &[("postgresql", "SELECT * FROM t WHERE a=1")]);
    let mut extended = b"P\0\0\0\x1cs1\0SELECT x FROM y\0\0\0".to_vec();
    extended[4] = u8::try_from(extended.len() - 1).unwrap();
    extended.extend_from_slice(b"B\0\0\0\x0c\0s1\0\0\0\0\0E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04");
    check(&extended, &[("postgresql", "SELECT x FROM y")]);
    check(b"Quite another text that begins with Q", &[]);
}

/// From a log of an Oracle client: the byte before the text is its length.
#[test]
fn oracle_packets() {
    let mut packet = b"\x01C\0\0\x06\0\0\0\0\0\x11k\x04h\0\0\0\xe1=\0\0".to_vec();
    packet.extend_from_slice(&[0; 40]);
    packet.extend_from_slice(b"\x32select table_name,tablespace_name from user_tables\x01\0\0\0");
    packet.resize(0x143, 0);
    check(
        &packet,
        &[(
            "oracle",
            "select table_name,tablespace_name from user_tables",
        )],
    );
}

#[test]
fn sqlite_pages_and_text() {
    check(
        b"SQLite format 3\0\x10\0\x01\x01\0\x40\x07\x17!tableusersusers\x02CREATE TABLE users (id int, name text)\0\0",
        &[("sqlite", "CREATE TABLE users (id int, name text)")],
    );
    check(
        b"-- a script\nCREATE TABLE a (x);\nINSERT INTO a VALUES ('a;b');\nselect x\nfrom a; echo",
        &[
            ("text", "CREATE TABLE a (x)"),
            ("text", "INSERT INTO a VALUES ('a;b')"),
            ("text", "select x\nfrom a"),
        ],
    );
}

#[test]
fn prose_is_no_sql() {
    for text in [
        &b"Select a file in the menu"[..],
        b"selected from",
        b"Update a wrapper function to look like the wrapped function",
        b"Insert thousands separators into a digit string",
        b"create a folder",
        b"drop me a line",
        b"",
        b"\0\0\0",
        b"with a view",
        b"GET /select HTTP/1.1\r\n\r\n",
        b"\x7fELF\x02\x01",
    ] {
        check(text, &[]);
    }
}

#[track_caller]
fn check_template(dialect: Dialect, text: &str, expect: &str) {
    let mut out = Vec::new();
    template(text.as_bytes(), dialect, &mut out);
    assert_eq!(String::from_utf8_lossy(&out), expect, "{text}");
}

#[test]
fn templates_have_no_literals() {
    use Dialect::{MySql, Oracle, PostgreSql, Text};
    for (dialect, text, expect) in [
        (
            Text,
            "select  a,\n b from t2 where x = 12 and y='it''s'",
            "select a, b from t2 where x = ? and y=?",
        ),
        (
            MySql,
            "SELECT \"secret\", `a b` FROM t # why\nWHERE h=0x1F",
            "SELECT ?, `a b` FROM t WHERE h=?",
        ),
        (
            PostgreSql,
            "SELECT \"Name\" FROM t WHERE a=$1 AND b=E'x\\'y' AND c=$$z$$",
            "SELECT \"Name\" FROM t WHERE a=? AND b=? AND c=?",
        ),
        (
            Oracle,
            "select * from \"T\" where a=:p1 -- note 5\n and b in (1, 2,3)",
            "select * from \"T\" where a=? and b in (?)",
        ),
        (
            Text,
            "insert into t values (1, 'a', -3.5e-7, null)",
            "insert into t values (?, null)",
        ),
        (Text, "select 1/* 'x' */+ 2", "select ? + ?"),
        // Cut in the middle of a text: the rest of it is no more shown than the whole would be.
        (
            Text,
            "select a from t where password = 'hunter2 and so",
            "select a from t where password = ?",
        ),
        (MySql, "select 'a\\'b', c1 from t1", "select ?, c1 from t1"),
        (
            PostgreSql,
            "select $tag$ it's $ 5 $tag$ from t",
            "select ? from t",
        ),
    ] {
        check_template(dialect, text, expect);
    }
}

/// Every literal of a statement with marked values is gone, wherever the buffer is cut.
#[test]
fn no_cut_lets_a_literal_out() {
    let text = "select a from t where s = 'XYZZY' and n in (424242, 'it''XYZZY') and d = \"XYZZY\" -- XYZZY";
    for end in 0..=text.len() {
        for dialect in [Dialect::MySql, Dialect::Text, Dialect::Sqlite] {
            let mut out = Vec::new();
            template(&text.as_bytes()[..end], dialect, &mut out);
            let shown = String::from_utf8_lossy(&out).into_owned();
            assert!(!shown.contains("XY") && !shown.contains("42"), "{shown}");
        }
    }
}

#[test]
fn requests_and_responses() {
    let seen =
        request(b"GET /a/b?c=1 HTTP/1.1\r\nAccept: x\r\nhOsT:  example.org \r\n\r\nHost: no")
            .expect("a request");
    assert_eq!(
        (seen.method, seen.target, seen.host),
        (&b"GET"[..], &b"/a/b?c=1"[..], &b"example.org"[..])
    );
    for none in [
        &b"GET me HTTP"[..],
        b"GOT / HTTP/1.1\r\n",
        b"GET  HTTP/1.1\r\n",
        b"GET /a b HTTP/1.1",
        b"",
        b"GET",
    ] {
        assert_eq!(request(none), None);
    }
    assert_eq!(response(b"HTTP/1.1 301 Moved P"), Some(301));
    assert_eq!(response(b"HTTP/1.1 30"), None);
    assert_eq!(response(b"HTTP/2 200"), None);
}

#[test]
fn routes_name_kinds_not_things() {
    for (target, expect) in [
        ("/", "/"),
        ("/users/17?page=2", "/users/{id}"),
        ("/v1/api/2024/users", "/v1/api/{id}/users"),
        ("/o/550e8400-e29b-41d4-a716-446655440000/x#y", "/o/{id}/x"),
        (
            "/blob/da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "/blob/{id}",
        ),
        ("/u/me@example.org/mail", "/u/{id}/mail"),
        ("http://host:80/a/1", "/a/{id}"),
        ("/search;x/%41", "/search;x/{id}"),
        ("/index.html", "/index.html"),
        ("/order-4711", "/{id}"),
        ("*", "*"),
    ] {
        let mut out = Vec::new();
        route(target.as_bytes(), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expect, "{target}");
    }
}

#[test]
fn buffers_of_printed_calls() {
    for (printed, expect) in [
        (
            r#"3<TCP:[127.0.0.1:1->127.0.0.1:2]>, "\1\2abc"..., 31, 0, NULL, 0"#,
            &b"\x01\x02abc"[..],
        ),
        (r#"3, "a\"b", 3"#, b"a\"b"),
        (
            r#"3<UNIX:[1->2,"/run/x"]>, [{iov_base="ab", iov_len=2}, {iov_base="cd", iov_len=2}], 2"#,
            b"abcd",
        ),
        (
            r#"5<socket:[1]>, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="GET /", iov_len=5}], msg_iovlen=1}, 0"#,
            b"GET /",
        ),
        (r#"3, [{"ab", 2}], 1"#, b"ab"),
        ("3</x>, 0x7ffd, 3", b""),
        ("3", b""),
        ("", b""),
    ] {
        let mut out = Vec::new();
        push_buffers(printed.as_bytes(), &mut out);
        assert_eq!(out, expect, "{printed}");
    }
}

/// Any bytes: nothing panics, nothing is found that is not in the bytes.
#[test]
fn any_bytes_are_taken() {
    let mut random: u64 = 3;
    let pieces: [&[u8]; 12] = [
        b"select ",
        b" from ",
        b"Q\0\0\0\x10",
        b"\x05\0\0\0\x03",
        b"'",
        b"\"",
        b"--",
        b"/*",
        b"\x01C\0\0\x06\0\0\0",
        b"$a$",
        b"insert into ",
        b"\0",
    ];
    for _ in 0..20_000 {
        let mut bytes = Vec::new();
        for _ in 0..8 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(99);
            let place = usize::try_from(random >> 33).unwrap();
            bytes.extend_from_slice(pieces[place % pieces.len()]);
            bytes.push((random >> 40).to_le_bytes()[0]);
        }
        statements(&bytes, &mut |statement| {
            let mut out = Vec::new();
            template(statement.text, statement.dialect, &mut out);
            assert!(statement.text.len() <= bytes.len());
        });
        let mut out = Vec::new();
        push_buffers(&bytes, &mut out);
        route(&bytes, &mut out);
        assert!(request(&bytes).is_none());
    }
}
