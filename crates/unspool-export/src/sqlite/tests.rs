//! What is written, `SQLite` itself reads back: `sqlite3` checks the file and answers.

use std::io::{Cursor, Write as _};
use std::process::{Command, Stdio};

use unspool_model::report::Cell;

use super::{Database, PAGE, varint};

/// What `sqlite3` says of the file; `None` where it is not installed.
fn asked(file: &[u8], sql: &str) -> Option<String> {
    let path = std::env::temp_dir().join(format!(
        "unspool-sqlite-{}-{}",
        std::process::id(),
        file.len()
    ));
    std::fs::write(&path, file).unwrap();
    let started = Command::new("sqlite3")
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        let in_ci = std::env::vars_os().any(|(key, _)| key == "CI");
        assert!(!in_ci, "no sqlite3");
        eprintln!("skipped: no sqlite3");
        return None;
    };
    child
        .stdin
        .take()
        .unwrap()
        .write_all(sql.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap())
}

fn database(tables: &[(&str, Vec<Vec<Cell>>)]) -> Vec<u8> {
    let mut database = Database::new(Cursor::new(Vec::new())).unwrap();
    for (name, rows) in tables {
        database
            .table(
                name,
                &[("number", "INTEGER"), ("te\"xt", "TEXT"), ("share", "REAL")],
            )
            .unwrap();
        for row in rows {
            database.row(row).unwrap();
        }
    }
    database.finish().unwrap().into_inner()
}

#[test]
fn numbers_of_all_lengths_come_back() {
    let numbers: Vec<i64> = (0..63)
        .flat_map(|bit| [(1_i64 << bit) - 1, 1 << bit, -(1 << bit), -(1 << bit) - 1])
        .chain([i64::MAX, i64::MIN])
        .collect();
    let rows = numbers
        .iter()
        .map(|number| vec![Cell::Int(*number), Cell::Null, Cell::Float(0.5)])
        .collect();
    let file = database(&[("numbers", rows)]);
    let Some(found) = asked(&file, "pragma integrity_check; select number from numbers;") else {
        return;
    };
    let mut expect = vec!["ok".to_owned()];
    expect.extend(numbers.iter().map(i64::to_string));
    assert_eq!(found.lines().collect::<Vec<_>>(), expect);
}

#[test]
fn many_rows_long_texts_and_empty_tables_come_back() {
    let lens = [0, 100, PAGE - 50, PAGE - 30, PAGE, 3 * PAGE, 100_000];
    let long: Vec<Vec<Cell>> = lens
        .iter()
        .map(|len| vec![Cell::int(*len), Cell::Text(vec![b'x'; *len]), Cell::Null])
        .collect();
    let many: Vec<Vec<Cell>> = (0..300_000)
        .map(|n| vec![Cell::Int(n), Cell::Text(vec![b'a'; 180]), Cell::Float(0.25)])
        .collect();
    let file = database(&[("empty", Vec::new()), ("long", long), ("many", many)]);
    let Some(found) = asked(
        &file,
        "pragma integrity_check; select count(*) from empty; select sum(number = length(\"te\"\"xt\")), count(*) from long;
         select count(*), sum(number), max(rowid), sum(share) from many; select number from many where rowid = 123457;",
    ) else {
        return;
    };
    // 0 + ... + 299,999.
    let expect = [
        "ok",
        "0",
        "7|7",
        "300000|44999850000|300000|75000.0",
        "123456",
    ];
    assert_eq!(found.lines().collect::<Vec<_>>(), expect);
}

/// Pages above the leaves, whatever their number is: none has one page below it alone.
#[test]
fn every_number_of_pages_comes_back() {
    let row = vec![Cell::Null, Cell::Text(vec![b'a'; PAGE - 100]), Cell::Null];
    // One row a leaf; some 2,062 leaves have one page above them.
    for rows in [1, 2, 3, 2060, 2061, 2062, 2063, 2064, 2065] {
        let file = database(&[("rows", vec![row.clone(); rows])]);
        let Some(found) = asked(&file, "pragma integrity_check; select count(*) from rows;") else {
            return;
        };
        assert_eq!(found, format!("ok\n{rows}\n"));
    }
}

#[test]
fn numbers_of_variable_length() {
    let bytes = |number| {
        let mut out = Vec::new();
        varint(number, &mut out);
        out
    };
    assert_eq!(bytes(0), [0]);
    assert_eq!(bytes(127), [127]);
    assert_eq!(bytes(128), [0x81, 0]);
    assert_eq!(bytes(u64::MAX), [0xff; 9]);
}
