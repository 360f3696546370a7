//! Tests of percentiles and of seconds.

use unspool_model::event::Outcome;
use unspool_model::ids::ProcessId;
use unspool_model::report::{Cell, Report};
use unspool_model::sample::{Sample, Usage};

use super::seconds::IDLE_SECONDS_MAX;
use super::split::{SECOND_NS, split};
use crate::ViewOptions;
use crate::testing::{ENOENT, cell};

fn parts(from_ns: i64, duration_ns: i64, amount: u64) -> Vec<(i64, u64)> {
    let mut parts = Vec::new();
    split(from_ns, duration_ns, amount, 10, |second, part| {
        parts.push((second, part));
    });
    parts
}

#[test]
fn intervals_are_divided_exactly() {
    const S: i64 = SECOND_NS;
    assert_eq!(parts(S / 2, 2 * S, 8), [(0, 2), (1, 4), (2, 2)]);
    // Up to the border belongs to the second before it.
    assert_eq!(parts(0, S, 7), [(0, 7)]);
    assert_eq!(parts(S, 0, 7), [(1, 7)]);
    assert_eq!(parts(-S / 2, S, 10), [(-1, 5), (0, 5)]);
    // Longer than the limit: the last seconds hold it all.
    let long = parts(0, 100 * S, 100);
    assert_eq!((long.len(), long[0].0), (10, 90));
    assert_eq!(long.iter().map(|(_, part)| part).sum::<u64>(), 100);
    // Nothing that a log may claim is lost, or panics.
    for (from, duration, amount) in [
        (i64::MAX - 5, i64::MAX, u64::MAX),
        (i64::MIN, i64::MAX, u64::MAX),
        (5, -5, 3),
        (123_456_789, 987_654_321_987, 1_000_000_007),
    ] {
        let sum: u64 = parts(from, duration, amount)
            .iter()
            .map(|(_, part)| part)
            .sum();
        assert_eq!(sum, amount, "{from} {duration}");
    }
}

#[test]
fn what_is_over_the_limit_goes_to_neighbours() {
    let level = |values: &[u64]| {
        let mut values = values.to_vec();
        super::split::level(&mut values, 10);
        values
    };
    assert_eq!(level(&[12, 3, 0]), [10, 5, 0]);
    assert_eq!(level(&[7, 9, 12]), [8, 10, 10]);
    assert_eq!(level(&[1, 2, 3]), [1, 2, 3]);
}

/// Samples of a process over two seconds, of one that lived within one second, and of the machine.
#[test]
fn seconds_of_samples() {
    const S: i64 = SECOND_NS;
    let mut world = crate::testing::track(crate::testing::JOB, &mut crate::testing::Nobody);
    let sample = |process, from, duration_ns, cpu_ns, is_last| Sample {
        time_ns: from,
        duration_ns,
        process,
        is_last,
        usage: Usage {
            cpu_ns: Some(cpu_ns),
            system_ns: Some(cpu_ns / 4),
            rss_bytes: Some(4096),
            threads: Some(1),
            read_bytes: Some(10),
            cpus: process.is_none().then_some(1),
            ..Usage::default()
        },
        ..Sample::default()
    };
    let (one, two) = (Some(ProcessId(0)), Some(ProcessId(1)));
    world.samples = vec![
        sample(None, 0, S, 900, false),
        sample(one, 0, S, 600_000_000, false),
        sample(two, 100, S / 2, 500_000_000, true),
        sample(one, S, S, 0, false),
        // Two seconds without samples: the process is as it was. Then half a second in each of two.
        sample(one, 4 * S + S / 2, S, 300_000_000, true),
        Sample {
            group: b"/a".to_vec(),
            ..sample(None, 0, S, 77, false)
        },
    ];
    let spec = crate::view("seconds").expect("the view exists");
    let report = |options: &ViewOptions, filter: Option<&str>| {
        let filter = filter.map(|filter| crate::Filter::parse(filter).expect("a filter"));
        crate::report(spec, options, filter, &world, &mut |_| {})
    };
    let all = report(&ViewOptions::default(), None);
    let cpu = |report: &Report| -> Vec<Cell> {
        (0..report.rows.len())
            .map(|row| cell(report, row, "cpu_ns"))
            .collect()
    };
    // 1.1 s in a second of one CPU: what is over is told in the next.
    assert_eq!(
        cpu(&all),
        [1_000_000_000, 100_000_000, 0, 0, 150_000_000, 150_000_000].map(Cell::Int)
    );
    assert_eq!(cell(&all, 0, "time_ns"), Cell::Int(0));
    assert_eq!(cell(&all, 0, "machine_cpu_ns"), Cell::Int(900));
    assert_eq!(cell(&all, 0, "bytes_read"), Cell::Int(20));
    assert_eq!(cell(&all, 0, "rss_bytes"), Cell::Int(4096));
    // All have ended: no memory is known, which is not none.
    let last = all.rows.len() - 1;
    assert_eq!(cell(&all, last, "rss_bytes"), Cell::Null);
    assert_eq!(cell(&all, 0, "busy_permille"), Cell::Int(1000));
    assert_eq!(cell(&all, 0, "calls"), Cell::Null);
    assert_eq!(cell(&all, 2, "name"), Cell::text(b"all"));
    // Only the second process: 500 ms in its second.
    let filtered = report(&ViewOptions::default(), Some("proc.name = cat"));
    assert_eq!(cpu(&filtered), [500_000_000].map(Cell::Int));
    let by_process = ViewOptions {
        by_process: true,
        ..ViewOptions::default()
    };
    let rows = report(&by_process, None);
    let row = crate::testing::row_of(&rows, "name", "cat[11]");
    assert_eq!(cell(&rows, row, "cpu_ns"), Cell::Int(500_000_000));
}

/// A log without samples: calls in the seconds in which they end, bytes, every second a row, a long pause one row.
#[test]
fn seconds_of_calls() {
    const S: i64 = SECOND_NS;
    let read = |at, duration, result| {
        let line: crate::testing::Line = (10, at, duration, "read", &["3", "\"\"", "9"], result);
        line
    };
    let lines = [
        read(0, S + S / 2, Outcome::Returned(7)),
        read(3 * S, 5, ENOENT),
        read(3 * S + 10, 5, Outcome::Returned(3)),
        read((10 + IDLE_SECONDS_MAX) * S, 5, Outcome::Returned(1)),
    ];
    let spec = crate::view("seconds").expect("the view exists");
    let shown = |options: &ViewOptions| {
        let mut report = Report::new(&spec.shape);
        let mut view = crate::View::new(spec, options, None, &mut report);
        let world = crate::testing::track(&lines, &mut view);
        assert!(view.finish(&world).is_continue());
        report
    };
    let report = shown(&ViewOptions::default());
    let column = |name: &str| -> Vec<Cell> {
        (0..report.rows.len())
            .map(|row| cell(&report, row, name))
            .collect()
    };
    assert_eq!(column("calls"), [0, 1, 0, 2, 0, 1].map(Cell::Int));
    assert_eq!(column("errors"), [0, 0, 0, 1, 0, 0].map(Cell::Int));
    assert_eq!(column("bytes_read"), [0, 7, 0, 3, 0, 1].map(Cell::Int));
    assert_eq!(column("call_ns"), [S, S / 2, 0, 10, 0, 5].map(Cell::Int));
    assert_eq!(
        column("seconds"),
        [1, 1, 1, 1, IDLE_SECONDS_MAX + 6, 1].map(Cell::Int)
    );
    assert_eq!(column("cpu_ns"), vec![Cell::Null; 6]);
    assert_eq!(report.notes.len(), 1);
    let report = shown(&ViewOptions {
        by_category: true,
        ..ViewOptions::default()
    });
    assert!(report.notes.is_empty());
    let names: Vec<Cell> = (0..report.rows.len())
        .map(|row| cell(&report, row, "name"))
        .collect();
    assert_ne!(names[0], Cell::Null);
    assert_eq!(names[2], Cell::Null);
}
