//! Phases of runs whose times are told.

use unspool_model::event::{ClockKind, Outcome};
use unspool_model::ids::{Pid, ProcessId, Tid};
use unspool_model::step::{Step, StepArgs, StepKind};
use unspool_model::syscalls::{Category, Syscall};

use super::{Phase, PhaseKind, Phases, SLOTS_MAX};

fn step(time_ns: i64, duration_ns: i64) -> Step<'static> {
    Step {
        seq: 0,
        time_ns,
        duration_ns: Some(duration_ns),
        process: ProcessId(0),
        pid: Pid(1),
        tid: Tid(1),
        kind: StepKind::Syscall,
        name: b"read",
        syscall: Syscall::by_name(b"read"),
        args: StepArgs::Text(b""),
        outcome: Outcome::Returned(0),
        exit: None,
        touch: None,
        second: None,
    }
}

fn told(steps: &[(i64, i64)]) -> Vec<Phase> {
    let mut phases = Phases::default();
    for (time, duration) in steps {
        phases.step(&step(*time, *duration));
    }
    let list = phases.list(ClockKind::Epoch);
    let calls: u64 = list.iter().map(|phase| phase.calls).sum();
    assert_eq!(calls, steps.len() as u64, "every call is in a phase");
    for pair in list.windows(2) {
        assert_eq!(pair[0].end_ns, pair[1].start_ns, "phases have no gaps");
        assert_ne!(pair[0].kind, pair[1].kind);
    }
    list
}

const SECOND: i64 = 1_000_000_000;
const BORN: i64 = 1_700_000_000 * SECOND;

#[test]
fn work_wait_work_silence_work() {
    let mut steps = Vec::new();
    for millisecond in 0..1000 {
        steps.push((BORN + millisecond * 1_000_000, 1000));
    }
    // A call that takes five seconds, then work, three seconds of nothing, and work.
    steps.push((BORN + SECOND, 5 * SECOND));
    for millisecond in 0..1000 {
        steps.push((BORN + 6 * SECOND + millisecond * 1_000_000, 1000));
        steps.push((BORN + 10 * SECOND + millisecond * 1_000_000, 1000));
    }
    let list = told(&steps);
    let kinds: Vec<PhaseKind> = list.iter().map(|phase| phase.kind).collect();
    assert_eq!(
        kinds,
        [
            PhaseKind::Busy,
            PhaseKind::Wait,
            PhaseKind::Busy,
            PhaseKind::Silence,
            PhaseKind::Busy
        ]
    );
    // A slot is 1/256 of eleven seconds wide at most twice.
    let wait = &list[1];
    assert!((wait.start_ns - BORN - SECOND).abs() < SECOND / 10);
    assert!((wait.end_ns - BORN - 6 * SECOND).abs() < SECOND / 10);
    assert_eq!(list[0].mostly().map(Category::name), Some("descriptor"));
}

#[test]
fn many_calls_in_short_time_are_a_peak() {
    let mut steps: Vec<(i64, i64)> = (0..1000).map(|at| (at * 10_000_000, 1000)).collect();
    steps.extend((0..20_000).map(|at| (4 * SECOND + at * 50_000, 1000)));
    let kinds: Vec<PhaseKind> = told(&steps).iter().map(|phase| phase.kind).collect();
    assert_eq!(kinds, [PhaseKind::Busy, PhaseKind::Peak, PhaseKind::Busy]);
}

/// A run of milliseconds, with waits between its calls that are long for it: one phase.
#[test]
fn short_runs_have_one_phase() {
    let mut steps = Vec::new();
    for at in 0..60 {
        steps.push((BORN + at * 250_000, if at % 7 == 0 { 200_000 } else { 500 }));
        steps.push((BORN + at * 250_000 + at % 3, 300));
    }
    assert_eq!(told(&steps).len(), 1, "{:?}", told(&steps));
    // What a person would call a wait is one, also in a short run.
    steps.push((BORN + 15_000_000, 60_000_000));
    steps.extend((0..200).map(|at| (BORN + 75_000_000 + at * 150_000, 500)));
    let kinds: Vec<PhaseKind> = told(&steps).iter().map(|phase| phase.kind).collect();
    assert!(
        kinds.contains(&PhaseKind::Wait) && kinds.len() <= 3,
        "{kinds:?}"
    );
}

/// Times that no clock tells: memory stays, no call is lost.
#[test]
fn any_times_fit() {
    let mut phases = Phases::default();
    for (time, duration) in [
        (5, 0),
        (i64::MAX, i64::MAX),
        (i64::MIN, 7),
        (0, i64::MAX),
        (-5, -5),
    ] {
        phases.step(&step(time, duration));
        assert!(phases.slots.len() <= SLOTS_MAX);
    }
    let calls: u64 = phases
        .list(ClockKind::Epoch)
        .iter()
        .map(|phase| phase.calls)
        .sum();
    assert_eq!(calls, 5);
    assert_eq!(phases.list(ClockKind::None), []);
}
