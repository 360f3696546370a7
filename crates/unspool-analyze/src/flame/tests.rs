//! Sums by path of small jobs.

use unspool_model::event::Outcome;
use unspool_model::report::Cell;
use unspool_model::stacks::{Stacks, Weight};
use unspool_model::step::{Step, StepSink};
use unspool_model::world::World;

use super::StackFold;
use crate::ViewOptions;
use crate::testing::{JOB, Line, cell, row_of, shown, track, viewed};

struct Fold(StackFold);

impl StepSink for Fold {
    fn step(&mut self, step: &Step<'_>, world: &World) {
        self.0.add(step, world);
    }
}

fn stacks(lines: &[Line]) -> Stacks {
    let mut fold = Fold(StackFold::default());
    track(lines, &mut fold);
    let (stacks, notes) = fold.0.finish();
    assert!(notes.is_empty());
    stacks
}

fn paths(stacks: &Stacks, weight: Weight) -> Vec<(String, u64)> {
    let mut paths = Vec::new();
    for place in 0..stacks.frames.len() {
        let value = stacks.frames[place].own.by(weight);
        if value > 0 {
            let names = stacks.path(place).into_iter();
            let names = names.map(|at| String::from_utf8(stacks.frames[at].name.clone()).unwrap());
            paths.push((names.collect::<Vec<_>>().join(";"), value));
        }
    }
    paths.sort();
    paths
}

#[test]
fn paths_are_programs_and_calls() {
    let stacks = stacks(JOB);
    let times = paths(&stacks, Weight::Time);
    assert!(times.contains(&("sh;openat".to_owned(), 50)), "{times:?}");
    // Two successful and two failed opens of cat: 40 + 5 + 5.
    assert!(
        times.contains(&("sh;cat;openat".to_owned(), 50)),
        "{times:?}"
    );
    assert_eq!(stacks.total().calls, 14);
    assert_eq!(stacks.total().errors, 2);
    // 100 read, 60 written, 3 sent.
    assert_eq!(stacks.total().bytes, 163);
    let bytes = paths(&stacks, Weight::Bytes);
    assert_eq!(bytes[0], ("sh;cat;read".to_owned(), 100));
    let totals = stacks.totals();
    assert_eq!(totals[0], stacks.total(), "the first frame holds all");
}

#[test]
fn the_view_draws_the_largest_first() {
    let report = shown("flame", &ViewOptions::default(), None);
    assert_eq!(cell(&report, 0, "name"), Cell::text(b"sh"));
    assert_eq!(cell(&report, 0, "share_permille"), Cell::Int(1000));
    assert_eq!(cell(&report, 0, "time_ns"), Cell::Int(855));
    assert_eq!(cell(&report, 1, "name"), Cell::text(b"fork"));
    assert_eq!(cell(&report, 1, "parent"), cell(&report, 0, "id"));
    let cat = row_of(&report, "name", "cat");
    assert_eq!(cell(&report, cat, "calls"), Cell::Int(10));
    assert_eq!(cell(&report, cat, "kind"), Cell::text(b"process"));
    assert_eq!(report.notes.len(), 0);
}

#[test]
fn small_frames_share_a_row_at_the_end() {
    let mut lines = vec![(10, 1_000, 1_000_000, "pause", &[][..], Outcome::Returned(0))];
    for (time_ns, name) in [
        (2_000_000, "getpid"),
        (2_000_010, "getuid"),
        (2_000_020, "getgid"),
    ] {
        lines.push((10, time_ns, 5, name, &[][..], Outcome::Returned(1)));
    }
    let report = viewed("flame", &lines, None);
    let last = report.rows.len() - 1;
    assert_eq!(cell(&report, last, "name"), Cell::text(b"3 smaller"));
    assert_eq!(cell(&report, last, "kind"), Cell::text(b"rest"));
    assert_eq!(cell(&report, last, "frames"), Cell::Int(3));
    assert_eq!(cell(&report, last, "calls"), Cell::Int(3));
}

/// Forks from forks: frames end at the limit, calls do not.
#[test]
fn a_long_chain_of_processes_is_cut() {
    let mut lines: Vec<Line> = Vec::new();
    for depth in 0..300 {
        let pid = 100 + depth;
        let time_ns = i64::from(depth) * 100 + 1_000;
        lines.push((pid, time_ns, 5, "getpid", &[], Outcome::Returned(1)));
        lines.push((
            pid,
            time_ns + 10,
            5,
            "fork",
            &[],
            Outcome::Returned(i64::from(pid) + 1),
        ));
    }
    let stacks = stacks(&lines);
    let deepest = (0..stacks.frames.len()).map(|place| stacks.path(place).len());
    assert_eq!(deepest.max(), Some(super::PATH_FRAMES_MAX + 1));
    assert_eq!(stacks.total().calls, 600);
}
