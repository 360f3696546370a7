//! What was not recorded, or not one by one, is said, and is no 0.

use serde_json::Value;

use crate::program::{Program, text};

/// The head of a view of a run: its first line.
fn head(program: &Program, args: &[&str]) -> String {
    let mut all = vec!["show"];
    all.extend_from_slice(args);
    let shown = program.ok(&all);
    shown.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn what_the_detail_leaves_out_is_not_shown_as_zero() {
    let program = Program::new();
    for detail in ["full", "names", "tree"] {
        let name = format!("with-{detail}");
        let args = ["record", "-q", "--recorder", "ptrace", "--name", &name];
        let job = ["--detail", detail, "--", "cat", "/etc/passwd"];
        program.ok(&[args.as_slice(), &job].concat());
    }
    let names = "not recorded (--detail names): bytes and calls that move data";
    let tree = "not recorded (--detail tree): calls, and with them files, connections and bytes";
    for view in ["summary", "files", "net", "fds", "time"] {
        assert_eq!(head(&program, &["with-names", view]), names, "{view}");
        assert_eq!(head(&program, &["with-tree", view]), tree, "{view}");
        let full = program.ok(&["show", "with-full", view]);
        assert!(!full.contains("not recorded"), "{full}");
        for detail in ["names", "tree"] {
            let shown = program.ok(&["show", &format!("with-{detail}"), view]);
            assert!(!shown.contains("0 B"), "{detail} {view}: {shown}");
        }
    }
    assert!(program.ok(&["show", "with-full"]).contains("files read"));
    for detail in ["names", "tree"] {
        let summary = program.ok(&["show", &format!("with-{detail}")]);
        for untold in ["files read", "bytes written", "top files"] {
            assert!(!summary.contains(untold), "{summary}");
        }
    }
    assert!(!head(&program, &["with-tree", "tree"]).contains("not recorded"));

    let answer = program.ok(&["show", "with-names", "files", "--json"]);
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["notes"][0], names);
    let rows = answer["rows"].as_array().expect("rows");
    let file = rows.iter().find(|row| row["path"] == "/etc/passwd");
    let file = file.expect("it was opened");
    assert_eq!(file["bytes_read"], Value::Null);
    assert_eq!(file["opens"], 1);
    // Bytes of seconds are sampled where calls do not tell them.
    let seconds = program.rows(&["with-names", "time", "--per-second"]);
    let read = |row: &Value| row["bytes_read"].as_u64().unwrap_or(0);
    assert!(seconds.iter().map(read).sum::<u64>() > 0, "{seconds:?}");
}

#[test]
fn counted_calls_are_told_at_the_end_and_rings_in_the_manifest() {
    if !crate::jobs::has_bpf() {
        eprintln!("skipped: BPF does not work here");
        return;
    }
    let program = Program::new();
    let options = ["--recorder", "bpf", "--detail", "io", "--ring", "1M"];
    let job = "dd if=/dev/zero of=/dev/null bs=1 count=2000 status=none";
    let args = ["record", "--lossless", "-o", "counted"];
    let told = program.run(&[args.as_slice(), &options, &["--", "sh", "-c", job]].concat());
    let told = text(&told.stderr);
    assert!(
        told.contains(" more calls counted, not written one by one) of 2 processes"),
        "{told}"
    );
    assert!(
        told.contains("next: unspool show ./counted   |   unspool show ./counted tree"),
        "{told}"
    );
    let shown = program.ok(&["show", "./counted"]);
    assert!(!shown.contains("counted,"), "{shown}");
    let manifest = std::fs::read(program.work().join("counted/run.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let options = manifest["recorder"]["options"].as_array().expect("options");
    for option in ["ring=1M", "lossless=1"] {
        assert!(options.contains(&Value::from(option)), "{options:?}");
    }
}

#[test]
fn a_filter_that_matches_nothing_is_said_to() {
    let program = Program::new();
    let args = ["record", "-q", "--recorder", "ptrace", "--name", "job"];
    program.ok(&[
        args.as_slice(),
        &["--", "sh", "-c", "sleep 1.2 & sleep 1.2 & wait"],
    ]
    .concat());
    let seconds = ["show", "job", "time", "--per-second"];
    let shown = program.ok(&[seconds.as_slice(), &["-w", "proc.name = nobody"]].concat());
    assert!(
        shown.contains("no process, call or sample matches the filter"),
        "{shown}"
    );
    assert!(!shown.contains("no samples"), "{shown}");
    for row in program.rows(&["job", "time", "--per-second"]) {
        let peak = row["peak_rss_bytes"].as_u64();
        assert!(peak >= row["rss_bytes"].as_u64(), "{row}");
    }
}
