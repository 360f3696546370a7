//! Tests of all views over one small job, whose facts are read off its lines by hand.

use std::ops::ControlFlow;

use unspool_model::event::{Errno, Outcome};
use unspool_model::report::{Cell, Report};
use unspool_model::step::{Step, StepSink};
use unspool_model::totals::TotalsFold;
use unspool_model::world::World;

use crate::testing::{JOB, Line, Nobody, cell, row_of, shown, track, viewed};
use crate::{ANALYSES, View, ViewOptions};

fn all() -> ViewOptions {
    ViewOptions::default()
}

#[test]
fn files_of_the_job() {
    let report = shown("files", &all(), None);
    let read = row_of(&report, "path", "/etc/x");
    assert_eq!(cell(&report, read, "bytes_read"), Cell::Int(100));
    assert_eq!(cell(&report, read, "reads"), Cell::Int(2));
    assert_eq!(cell(&report, read, "opens"), Cell::Int(1));
    let written = row_of(&report, "path", "/home/me/log");
    assert_eq!(cell(&report, written, "bytes_written"), Cell::Int(60));
    assert_eq!(cell(&report, written, "created"), Cell::Flag(true));
    assert_eq!(cell(&report, written, "processes"), Cell::Int(2));
    let missing = row_of(&report, "path", "/etc/missing");
    assert_eq!(cell(&report, missing, "failed"), Cell::Int(1));
    assert_eq!(cell(&report, missing, "facts"), Cell::text(b"?"));
}

#[test]
fn tree_of_the_job() {
    let report = shown("tree", &all(), None);
    assert_eq!(report.rows.len(), 2);
    assert_eq!(cell(&report, 1, "parent"), cell(&report, 0, "id"));
    assert_eq!(cell(&report, 1, "exit_code"), Cell::Int(1));
    assert_eq!(cell(&report, 1, "execs"), Cell::Int(1));
    // A filter keeps the ancestors of what matches.
    let report = shown("tree", &all(), Some("proc.name = cat and evt.type = read"));
    assert_eq!(report.rows.len(), 2);
    assert_eq!(cell(&report, 0, "events"), Cell::Int(0));
    assert_eq!(cell(&report, 1, "events"), Cell::Int(2));
}

/// Views that take totals answer as they do from the steps.
#[test]
fn totals_stand_for_all_steps() {
    struct Fold(TotalsFold);
    impl StepSink for Fold {
        fn step(&mut self, step: &Step<'_>, _: &World) {
            self.0.add(step);
        }
    }
    let mut fold = Fold(TotalsFold::default());
    let world = track(JOB, &mut fold);
    let mut taken = 0;
    for spec in ANALYSES {
        let mut report = Report::new(&spec.shape);
        let mut view = View::new(spec, &all(), None, &mut report);
        if !view.takes_totals() {
            continue;
        }
        view.take_totals(fold.0.totals());
        let _flow: ControlFlow<()> = view.finish(&world);
        assert_eq!(
            report.rows,
            shown(spec.name, &all(), None).rows,
            "{}",
            spec.name
        );
        taken += 1;
    }
    assert_eq!(taken, 2, "summary and time");
}

#[test]
fn net_of_the_job() {
    let report = shown("net", &all(), None);
    assert_eq!(report.rows.len(), 1);
    assert_eq!(cell(&report, 0, "remote"), Cell::text(b"10.0.0.1:80"));
    assert_eq!(cell(&report, 0, "role"), Cell::text(b"client"));
    assert_eq!(cell(&report, 0, "bytes_sent"), Cell::Int(3));
}

#[test]
fn fds_of_the_job() {
    let report = shown("fds", &all(), None);
    let read = row_of(&report, "resource", "/etc/x");
    assert_eq!(cell(&report, read, "fd"), Cell::Int(4));
    assert_eq!(cell(&report, read, "bytes_read"), Cell::Int(100));
    assert_eq!(cell(&report, read, "closed_by"), Cell::text(b"exit"));
}

#[test]
fn events_of_the_job() {
    let report = shown("events", &all(), None);
    // 14 calls and 2 exits.
    assert_eq!(report.rows.len(), 16);
    assert_eq!(cell(&report, 9, "errno"), Cell::text(b"ENOENT"));
    assert_eq!(cell(&report, 6, "result"), Cell::Int(100));
    assert_eq!(cell(&report, 6, "resource"), Cell::text(b"/etc/x"));
    let few = ViewOptions {
        limit: Some(3),
        ..all()
    };
    let report = shown("events", &few, None);
    assert_eq!(report.rows.len(), 3);
    assert_eq!(report.notes.len(), 1);
}

#[test]
fn time_of_the_job() {
    let report = shown("time", &all(), None);
    let row = row_of(&report, "name", "openat");
    assert_eq!(cell(&report, row, "calls"), Cell::Int(4));
    assert_eq!(cell(&report, row, "errors"), Cell::Int(2));
    assert_eq!(cell(&report, row, "total_ns"), Cell::Int(100));
    assert_eq!(cell(&report, row, "max_ns"), Cell::Int(50));
    let by_process = ViewOptions {
        by_process: true,
        ..all()
    };
    let report = shown("time", &by_process, None);
    let row = row_of(&report, "name", "cat[11]");
    assert_eq!(cell(&report, row, "calls"), Cell::Int(10));
}

#[test]
fn state_of_the_job() {
    let at = |at_ns| ViewOptions {
        at_ns: Some(at_ns),
        ..all()
    };
    let before = shown("state", &at(1_500), None);
    assert_eq!(before.rows.len(), 1);
    assert_eq!(cell(&before, 0, "cwd"), Cell::text(b"/home"));
    let later = shown("state", &at(7_500), None);
    // sh with its descriptor, cat with that one and its own.
    assert_eq!(later.rows.len(), 5);
    assert_eq!(cell(&later, 0, "cwd"), Cell::text(b"/home/me"));
    let open = row_of(&later, "resource", "/etc/x");
    assert_eq!(cell(&later, open, "fd"), Cell::Int(4));
    assert_eq!(shown("state", &at(40_000), None).rows.len(), 0);
}

#[test]
fn summary_of_the_job() {
    let report = shown("summary", &all(), None);
    assert_eq!(report.rows.len(), 1);
    for (column, expect) in [
        ("processes", 2),
        ("events", 16),
        ("failed_calls", 2),
        ("files_read", 1),
        ("files_written", 1),
        ("bytes_read", 100),
        ("bytes_written", 63),
        ("connections", 1),
        ("exit_code", 0),
    ] {
        assert_eq!(cell(&report, 0, column), Cell::Int(expect), "{column}");
    }
    let Cell::List(findings) = cell(&report, 0, "findings") else {
        panic!("findings are a list");
    };
    let sentences: Vec<String> = findings
        .iter()
        .map(|finding| match finding {
            Cell::Text(text) => String::from_utf8(text.clone()).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        sentences,
        [
            "cat[11] exited with status 1: cat x",
            "openat failed once with EACCES: /root/secret",
            "1 file was not found: /etc/missing",
        ]
    );
}

/// A filter that lets everything through changes no view: world and fold agree.
#[test]
fn a_true_filter_changes_nothing() {
    for spec in ANALYSES {
        let plain = shown(spec.name, &all(), None);
        let folded = shown(spec.name, &all(), Some("evt.num >= 0"));
        if spec.name == "fds" {
            // Descriptors that no step touched are not in the fold.
            assert!(folded.rows.iter().all(|row| plain.rows.contains(row)));
            continue;
        }
        assert_eq!(plain, folded, "{}", spec.name);
    }
}

/// Steps while they come, with the world of the moment, and the world at the end alone give the same.
#[test]
fn batch_is_live() {
    for spec in ANALYSES.iter().filter(|spec| !spec.needs_steps) {
        let live = shown(spec.name, &all(), None);
        let world = track(JOB, &mut Nobody);
        let mut batch = Report::new(&spec.shape);
        let view = View::new(spec, &all(), None, &mut batch);
        let _flow: ControlFlow<()> = view.finish(&world);
        assert_eq!(live, batch, "{}", spec.name);
    }
}

#[test]
fn rows_of_every_view_have_its_columns() {
    for spec in ANALYSES {
        assert_eq!(spec.name, spec.shape.kind);
        for row in shown(spec.name, &all(), None).rows {
            assert_eq!(row.len(), spec.shape.columns.len(), "{}", spec.name);
        }
    }
}

/// No symbolic link, a folder that is there, a signal that nobody may handle: an answer and no finding.
#[test]
fn answers_to_questions_are_no_findings() {
    const EINVAL: Outcome = Outcome::Failed(Errno(22));
    const EEXIST: Outcome = Outcome::Failed(Errno(17));
    const ASKED: &[Line] = &[
        (
            10,
            1,
            1,
            "execve",
            &["\"/bin/a\"", "[\"a\"]", "0x7f"],
            Outcome::Returned(0),
        ),
        (10, 2, 1, "readlink", &["\"/usr\"", "0x7f", "1023"], EINVAL),
        (10, 3, 1, "mkdir", &["\"/tmp\"", "0777"], EEXIST),
        (
            10,
            4,
            1,
            "rt_sigaction",
            &["SIGKILL", "0x7f", "NULL", "8"],
            EINVAL,
        ),
        (
            10,
            5,
            1,
            "openat",
            &["AT_FDCWD", "\"/x\"", "O_CREAT|O_EXCL"],
            EEXIST,
        ),
        (10, 6, 1, "exit_group", &["0"], Outcome::Unknown),
    ];
    let report = viewed("summary", ASKED, None);
    let Cell::List(findings) = cell(&report, 0, "findings") else {
        panic!("findings are a list");
    };
    let told = |part: &[u8]| {
        findings.iter().any(|finding| {
            matches!(finding, Cell::Text(text) if text.windows(part.len()).any(|at| at == part))
        })
    };
    assert!(told(b"openat failed once with EEXIST: /x"), "{findings:?}");
    for call in [&b"readlink"[..], b"mkdir", b"rt_sigaction"] {
        assert!(!told(call), "{findings:?}");
    }
}
