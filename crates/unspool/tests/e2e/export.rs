//! `unspool export`: every view, every form, into files.

use std::process::Command;

use crate::program::{Program, has_tool, root, text};

const FORMS: [&str; 7] = ["txt", "csv", "json", "jsonl", "xml", "md", "html-table"];

#[test]
fn every_view_in_every_form_is_written_to_a_file() {
    let program = Program::new();
    let odd = "a\"b'c<d>&e|f$(g)]]>";
    let script = format!(
        "cat /etc/passwd | wc -c > '{}'; touch \"$(printf 'x\\n\\377-->')\"",
        odd.replace('\'', "'\\''")
    );
    program.ok(&["record", "-q", "--", "sh", "-c", &script]);
    for view in unspool_views() {
        for form in FORMS {
            let file = program.work().join(format!("{view}.{form}"));
            program.ok(&[
                "export",
                "@",
                view,
                "--form",
                form,
                "-o",
                &file.to_string_lossy(),
            ]);
            let written = std::fs::read(&file).expect("the file is there");
            assert!(!written.is_empty(), "{view} {form}");
            assert_eq!(
                String::from_utf8(written).expect("UTF-8"),
                program.ok(&["export", "@", view, "-F", form]),
                "file and standard output"
            );
        }
        if has_tool("xmllint") {
            let checked = Command::new("xmllint")
                .args(["--noout", "--schema"])
                .arg(root().join("docs/schema/rows.xsd"))
                .arg(program.work().join(format!("{view}.xml")))
                .output()
                .expect("xmllint starts");
            assert!(
                checked.status.success(),
                "{view}: {}",
                text(&checked.stderr)
            );
        }
    }
    let left: Vec<_> = std::fs::read_dir(program.work())
        .expect("a folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.contains(".part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

fn unspool_views() -> [&'static str; 13] {
    crate::behaviour::VIEWS
}

#[test]
fn the_form_is_what_the_file_ends_in() {
    let program = Program::new();
    program.ok(&["record", "-q", "--", "true"]);
    for (ending, begins) in [
        ("csv", "opens,"),
        ("json", "{\"unspool\":1"),
        ("xml", "<?xml"),
        ("md", "| opens"),
        ("html", "<!doctype"),
        ("other", "opens,"),
    ] {
        let file = program.work().join(format!("files.{ending}"));
        program.ok(&["export", "files", "-o", &file.to_string_lossy()]);
        let written = std::fs::read_to_string(&file).expect("UTF-8");
        let begins_so =
            written.starts_with(begins) || written.contains(&format!("\"{}", &begins[2..]));
        assert!(begins_so, "{ending}: {}", &written[..60]);
    }
}

#[test]
fn bad_wishes_are_answered() {
    let program = Program::new();
    program.ok(&["record", "-q", "--", "true"]);
    for (args, status, words) in [
        (
            &["export", "files", "-F", "jsn"][..],
            2,
            "did you mean `json`",
        ),
        (&["export", "fils"], 2, "did you mean `files`"),
        (
            &["export", "files", "-o", "/nonexistent/x.csv"],
            74,
            "name a folder that exists",
        ),
        (
            &["export", "nosuch", "files"],
            3,
            "there is no run `nosuch`",
        ),
    ] {
        let output = program.run(args);
        assert_eq!(output.status.code(), Some(status), "{args:?}");
        let said = text(&output.stderr);
        assert!(said.contains(words), "{args:?}: {said}");
    }
}
