//! SQL and HTTP in the data that calls move: real sockets, a real database file, dockit's own logs.

use crate::corpus::corpus;
use crate::program::{Program, has_tool};

/// A server and a client of HTTP on the loopback, and a client that speaks as `MySQL` and `PostgreSQL` clients do.
const TALK: &str = r#"
import socket, sqlite3, sys, threading
def serve(listener, answers):
    connection, _ = listener.accept()
    for answer in answers:
        connection.recv(65536)
        connection.sendall(answer)
    connection.close()
def talk(questions, answers):
    listener = socket.create_server(("127.0.0.1", 0))
    server = threading.Thread(target=serve, args=(listener, answers))
    server.start()
    client = socket.create_connection(listener.getsockname())
    for question in questions:
        client.sendall(question)
        client.recv(65536)
    client.close()
    server.join()
talk([b"GET /users/%d?token=x HTTP/1.1\r\nHost: shop.example\r\n\r\n" % n for n in range(5)],
     [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"] * 4 + [b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"])
def mysql(text):
    return (len(text) + 1).to_bytes(3, "little") + b"\0\x03" + text
talk([mysql(b"SELECT name FROM users WHERE id = %d AND password='hunter2hunter2'" % n) for n in range(3)], [b"\x01\0\0\x01\0"] * 3)
def postgresql(text):
    return b"Q" + (len(text) + 5).to_bytes(4, "big") + text + b"\0"
talk([postgresql(b"UPDATE users SET name = 'x' WHERE id = 7")], [b"C\0\0\0\x0dUPDATE 1\0"])
database = sqlite3.connect("shop.db")
database.execute("CREATE TABLE users (id integer, name text)")
database.commit()
"#;

fn recorded(program: &Program, recorder: &str) {
    let script = program.work().join("talk.py");
    std::fs::write(&script, TALK).expect("a file");
    program.ok(&[
        "record",
        "-q",
        "--recorder",
        recorder,
        "--payload",
        "8192",
        "--",
        "python3",
        "talk.py",
    ]);
}

#[test]
fn statements_and_requests_of_a_recorded_program() {
    if !has_tool("python3") || !has_tool("strace") {
        return;
    }
    let recorders = ["ptrace", "strace", "bpf"];
    let is_there = |recorder: &&str| *recorder != "bpf" || crate::jobs::has_bpf();
    for recorder in recorders.into_iter().filter(is_there) {
        let program = Program::new();
        recorded(&program, recorder);
        let sql = program.rows(&["sql"]);
        let of = |direction: &str, dialect: &str, template: &str| {
            let row = sql.iter().find(|row| {
                row["direction"] == direction
                    && row["dialect"] == dialect
                    && row["template"] == template
            });
            row.unwrap_or_else(|| panic!("{recorder}: no {template}: {sql:#?}"))
        };
        let select = "SELECT name FROM users WHERE id = ? AND password=?";
        assert_eq!(of("sent", "mysql", select)["statements"], 3);
        assert_eq!(of("received", "mysql", select)["statements"], 3);
        of(
            "sent",
            "postgresql",
            "UPDATE users SET name = ? WHERE id = ?",
        );
        of(
            "sent",
            "sqlite",
            "CREATE TABLE users (id integer, name text)",
        );
        let all = program.ok(&["show", "sql", "--json"]);
        assert!(!all.contains("hunter2"), "{all}");
        let http = program.rows(&["http"]);
        let client = http
            .iter()
            .find(|row| row["role"] == "client")
            .expect("a client");
        assert_eq!(client["requests"], 5, "{http:#?}");
        assert_eq!(client["route"], "/users/{id}");
        assert_eq!(client["host"], "shop.example");
        assert_eq!(client["statuses"], serde_json::json!(["200*4", "503*1"]));
        let server = http
            .iter()
            .find(|row| row["role"] == "server")
            .expect("a server");
        assert_eq!(server["statuses"], client["statuses"]);
        let busy = program.rows(&["events", "-w", "http.status >= 500"]);
        assert_eq!(busy.len(), 2, "sent and received");
        let updates = program.rows(&["files", "-w", "sql.template startswith UPDATE"]);
        assert!(updates.is_empty(), "sockets are no files");
        let nets = program.rows(&["net", "-w", "sql.template startswith UPDATE"]);
        assert!(!nets.is_empty());
    }
}

/// Without `--payload` no data is kept, and so nothing is seen.
#[test]
fn nothing_is_seen_unless_asked_for() {
    if !has_tool("python3") {
        return;
    }
    let program = Program::new();
    let script = program.work().join("talk.py");
    std::fs::write(&script, TALK).expect("a file");
    program.ok(&["record", "-q", "--", "python3", "talk.py"]);
    assert!(program.rows(&["sql"]).is_empty());
    assert!(program.rows(&["http"]).is_empty());
    let said = program.ok(&["show", "sql", "--no-pager"]);
    assert!(said.contains("--payload"), "{said}");
}

/// What the logs of dockit hold, read off them by hand.
#[test]
fn statements_and_requests_of_the_corpus() {
    for (log, view, column, expect) in [
        (
            "dockit_mysql_show_databases.strace",
            "sql",
            "template",
            "show databases",
        ),
        (
            "oracle_db_data.strace",
            "sql",
            "template",
            "select table_name,tablespace_name from user_tables",
        ),
        ("dockit_wget_hotmail", "http", "route", "/"),
    ] {
        for path in corpus(log) {
            let program = Program::new();
            program.ok(&["import", "-q", "--payload", &path.to_string_lossy()]);
            let rows = program.rows(&[view]);
            assert!(
                rows.iter().any(|row| row[column] == expect),
                "{log}: {rows:#?}"
            );
            let without = Program::new();
            without.ok(&["import", "-q", &path.to_string_lossy()]);
            assert!(without.rows(&[view]).is_empty());
            if view == "sql" {
                let work = program.work();
                program.ok(&[
                    "dockit",
                    "--payload",
                    "-i",
                    &path.to_string_lossy(),
                    "-l",
                    "s",
                    "-F",
                    "XML",
                ]);
                let xml = std::fs::read_dir(&work)
                    .expect("a folder")
                    .filter_map(|entry| Some(entry.ok()?.path()))
                    .find(|path| path.extension().is_some_and(|end| end == "xml"))
                    .expect("a summary");
                let xml = std::fs::read_to_string(xml).expect("UTF-8");
                assert!(xml.contains(&format!("<SqlQuery>{expect}")), "{log}");
            }
        }
    }
}
