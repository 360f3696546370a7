//! Tests of totals and of percentiles.

use super::{Durations, FAILURES_MAX, SAMPLES_MAX, TotalsFold};
use crate::event::{Errno, Outcome};
use crate::ids::{Pid, ProcessId, ResourceId, Tid};
use crate::step::{Action, Step, StepArgs, StepKind, Touch};
use crate::syscalls::Syscall;

fn step(
    kind: StepKind,
    name: &'static str,
    time_ns: i64,
    duration_ns: Option<i64>,
) -> Step<'static> {
    Step {
        seq: 0,
        time_ns,
        duration_ns,
        process: ProcessId(0),
        pid: Pid(10),
        tid: Tid(10),
        kind,
        name: name.as_bytes(),
        syscall: (kind == StepKind::Syscall)
            .then(|| Syscall::by_name(name.as_bytes()))
            .flatten(),
        args: StepArgs::Text(b""),
        outcome: Outcome::Returned(0),
        exit: None,
        touch: None,
        second: None,
    }
}

#[test]
fn calls_are_counted_by_their_row_and_folded_ones_with_them() {
    let mut fold = TotalsFold::default();
    fold.add(&step(StepKind::Syscall, "read", 100, Some(30)));
    fold.add(&step(StepKind::Signal, "SIGCHLD", 50, None));
    fold.add(&Step {
        args: StepArgs::Text(b"12 calls, 3 errors, 4096 bytes"),
        outcome: Outcome::Unknown,
        ..step(StepKind::Folded, "read", 120, Some(1000))
    });
    fold.add(&Step {
        outcome: Outcome::Failed(Errno(5)),
        ..step(StepKind::Syscall, "read", 200, Some(10))
    });
    let totals = fold.totals();
    let [read, signal] = totals.names.as_slice() else {
        panic!("{totals:?}");
    };
    assert_eq!(
        (read.events, read.calls, read.errors, read.failed),
        (3, 14, 4, 1)
    );
    assert_eq!(read.total_ns, Some(1040));
    assert_eq!(
        (read.min_ns, read.p50_ns, read.max_ns),
        (Some(10), Some(10), Some(30))
    );
    assert_eq!(
        (signal.name.as_slice(), signal.calls, signal.events),
        (&b"SIGCHLD"[..], 0, 1)
    );
    assert_eq!(totals.events(), 4);
    assert_eq!(totals.failed(), 1);
    // The duration of counted calls is a sum and ends nowhere.
    assert_eq!(totals.span_ns(), Some((50, 210)));
    assert_eq!(totals.failures.len(), 1);
}

#[test]
fn calls_whose_time_is_an_estimate_are_told() {
    let mut fold = TotalsFold::default();
    for (text, duration) in [
        (&b"12 calls, 3 errors, 4096 bytes, 4 timed"[..], Some(1200)),
        (b"5 calls, 0 errors, 0 bytes", Some(7000)),
        (b"30 calls, 0 errors, 0 bytes, 20 timed", Some(600)),
        (b"8 calls, 0 errors, 0 bytes, 9 timed", None),
    ] {
        fold.add(&Step {
            args: StepArgs::Text(text),
            outcome: Outcome::Unknown,
            ..step(StepKind::Folded, "read", 120, duration)
        });
    }
    let totals = fold.totals();
    let [read] = totals.names.as_slice() else {
        panic!("{totals:?}");
    };
    assert_eq!((read.calls, read.total_ns), (55, Some(8800)));
    // 8 of 12, whose mean is 100 ns, and 10 of 30, whose mean is 20.
    assert_eq!((read.untimed, read.estimated_ns), (18, 1000));
}

#[test]
fn failures_are_told_apart_up_to_the_limit() {
    let mut fold = TotalsFold::default();
    for id in 0..u32::try_from(FAILURES_MAX).unwrap() + 5 {
        let touch = Touch {
            action: Action::Open,
            fd: None,
            session: None,
            resource: Some(ResourceId(id)),
            bytes: None,
            claimed: true,
        };
        for _ in 0..2 {
            fold.add(&Step {
                outcome: Outcome::Failed(Errno::ENOENT),
                touch: Some(touch),
                ..step(StepKind::Syscall, "openat", 0, None)
            });
        }
    }
    let totals = fold.totals();
    assert_eq!(totals.failures.len(), FAILURES_MAX);
    assert!(totals.failures.iter().all(|failure| failure.count == 2));
    assert_eq!(totals.failed(), 2 * (FAILURES_MAX as u64 + 5));
    assert_eq!(totals.names[0].total_ns, None);
    assert_eq!(totals.names[0].p50_ns, None);
}

#[test]
fn few_durations_are_exact() {
    let mut durations = Durations::default();
    assert_eq!(durations.percentile(50), None);
    for ns in (1..=100).rev() {
        durations.add(ns);
    }
    assert_eq!(durations.percentile(50), Some(50));
    assert_eq!(durations.percentile(95), Some(95));
    assert_eq!(durations.max(), Some(100));
    assert_eq!(durations.total_ns(), 5050);
}

/// At the limit exact, beyond it at most 0.4 % off, for small and for large values.
#[test]
fn many_durations_are_close() {
    for scale in [1, 1000, 1_000_000_007] {
        let mut durations = Durations::default();
        let count = i64::try_from(SAMPLES_MAX).unwrap();
        for n in 1..=count {
            durations.add(n * scale);
        }
        assert_eq!(durations.percentile(50), Some(count / 2 * scale));
        for n in count + 1..=4 * count {
            durations.add(n * scale);
        }
        for percent in [1, 50, 95, 99] {
            let exact = 4 * count * i64::try_from(percent).unwrap() / 100 * scale;
            let found = durations.percentile(percent).unwrap();
            let off = (found - exact).abs();
            assert!(
                off * 250 <= exact + 250 * scale,
                "{percent}: {found} {exact}"
            );
        }
        assert_eq!(durations.max(), Some(4 * count * scale));
    }
}
