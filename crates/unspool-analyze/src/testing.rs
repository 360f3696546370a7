//! Small worlds and steps for tests: strace lines are not needed, calls are said one by one.

use std::ops::ControlFlow;

use unspool_model::args::{Arg, Args};
use unspool_model::event::{Call, CallName, Errno, Event, ExitStatus, Kind, Outcome};
use unspool_model::ids::Tid;
use unspool_model::report::{Cell, Report};
use unspool_model::step::{Step, StepSink};
use unspool_model::syscalls::Architecture;
use unspool_model::tracker::{Retention, TrackContext, Tracker};
use unspool_model::world::World;

use crate::{Filter, View, ViewOptions, view};

/// A call in strace's words: thread, time, duration (unknown when negative), name, arguments, result.
pub(crate) type Line = (
    u32,
    i64,
    i64,
    &'static str,
    &'static [&'static str],
    Outcome,
);

pub(crate) const ENOENT: Outcome = Outcome::Failed(Errno::ENOENT);
pub(crate) const EACCES: Outcome = Outcome::Failed(Errno::EACCES);

/// `sh` makes `cat`, which reads a file of 100 bytes, misses another, and fails.
pub(crate) const JOB: &[Line] = &[
    (
        10,
        1_000,
        100,
        "execve",
        &[
            "\"/bin/sh\"",
            "[\"sh\", \"-c\", \"cat x\"]",
            "0x7ffe /* 2 vars */",
        ],
        Outcome::Returned(0),
    ),
    (
        10,
        2_000,
        200,
        "chdir",
        &["\"/home/me\""],
        Outcome::Returned(0),
    ),
    (
        10,
        3_000,
        50,
        "openat",
        &["AT_FDCWD", "\"log\"", "O_WRONLY|O_CREAT", "0666"],
        Outcome::Returned(3),
    ),
    (10, 4_000, 300, "fork", &[], Outcome::Returned(11)),
    (
        11,
        5_000,
        100,
        "execve",
        &["\"/bin/cat\"", "[\"cat\", \"x\"]", "0x7ffe /* 2 vars */"],
        Outcome::Returned(0),
    ),
    (
        11,
        6_000,
        40,
        "openat",
        &["AT_FDCWD", "\"/etc/x\"", "O_RDONLY"],
        Outcome::Returned(4),
    ),
    (
        11,
        7_000,
        10,
        "read",
        &["4", "\"...\"", "4096"],
        Outcome::Returned(100),
    ),
    (
        11,
        8_000,
        10,
        "read",
        &["4", "\"\"", "4096"],
        Outcome::Returned(0),
    ),
    (
        11,
        9_000,
        20,
        "write",
        &["3", "\"...\"", "100"],
        Outcome::Returned(60),
    ),
    (
        11,
        10_000,
        5,
        "openat",
        &["AT_FDCWD", "\"/etc/missing\"", "O_RDONLY"],
        ENOENT,
    ),
    (
        11,
        11_000,
        5,
        "openat",
        &["AT_FDCWD", "\"/root/secret\"", "O_RDONLY"],
        EACCES,
    ),
    (
        11,
        12_000,
        5,
        "socket",
        &["AF_INET", "SOCK_STREAM", "IPPROTO_TCP"],
        Outcome::Returned(5),
    ),
    (
        11,
        13_000,
        5,
        "connect",
        &[
            "5",
            "{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"10.0.0.1\")}",
            "16",
        ],
        Outcome::Returned(0),
    ),
    (
        11,
        14_000,
        5,
        "sendto",
        &["5", "\"GET\"", "3", "0", "NULL", "0"],
        Outcome::Returned(3),
    ),
];

/// Tracks the calls, then the exits: of 11 with status 1, of 10 with 0.
pub(crate) fn track(lines: &[Line], sink: &mut dyn StepSink) -> World {
    let context = TrackContext {
        cwd: b"/home".to_vec(),
        top_pid: None,
    };
    let mut tracker = Tracker::new(Retention::All, context);
    tracker.world_mut().clock = unspool_model::event::ClockKind::Relative;
    for (tid, time_ns, duration_ns, name, words, outcome) in lines {
        let text = words.join(", ");
        let mut args = Args::new(text.as_bytes());
        for word in *words {
            args.push(Arg::Text(word.as_bytes()));
        }
        let event = Event {
            time_ns: *time_ns,
            tid: Some(Tid(*tid)),
            kind: Kind::Call(Call {
                name: CallName::from_bytes(name.as_bytes()),
                args,
                outcome: *outcome,
                duration_ns: (*duration_ns >= 0).then_some(*duration_ns),
                result_path: b"",
                architecture: Architecture::X86_64,
            }),
        };
        tracker.event(&event, sink);
    }
    for (tid, time_ns, code) in [(11, 20_000, 1), (10, 30_000, 0)] {
        let event = Event {
            time_ns,
            tid: Some(Tid(tid)),
            kind: Kind::Exit(ExitStatus::Exited(code)),
        };
        tracker.event(&event, sink);
    }
    tracker.finish(sink);
    std::mem::take(tracker.world_mut())
}

/// Ignores everything.
pub(crate) struct Nobody;

impl StepSink for Nobody {
    fn step(&mut self, _: &Step<'_>, _: &World) {}
}

/// A view of the job, with the world as it is at the end.
pub(crate) fn shown(name: &str, options: &ViewOptions, filter: Option<&str>) -> Report {
    let spec = view(name).expect("the view exists");
    let filter = filter.map(|filter| Filter::parse(filter).expect("the filter is one"));
    let mut report = Report::new(&spec.shape);
    let mut view = View::new(spec, options, filter, &mut report);
    let world = track(JOB, &mut view);
    let _flow: ControlFlow<()> = view.finish(&world);
    report
}

/// A view of other lines.
pub(crate) fn viewed(name: &str, lines: &[Line], filter: Option<&str>) -> Report {
    let spec = view(name).expect("the view exists");
    let filter = filter.map(|filter| Filter::parse(filter).expect("the filter is one"));
    let mut report = Report::new(&spec.shape);
    let mut view = View::new(spec, &ViewOptions::default(), filter, &mut report);
    let world = track(lines, &mut view);
    let _flow: ControlFlow<()> = view.finish(&world);
    report
}

/// A cell of a report.
#[track_caller]
pub(crate) fn cell(report: &Report, row: usize, column: &str) -> Cell {
    let at = report
        .columns
        .iter()
        .position(|candidate| candidate.name == column)
        .expect("the column exists");
    report.rows[row][at].clone()
}

/// The row whose text column holds the text.
#[track_caller]
pub(crate) fn row_of(report: &Report, column: &str, text: &str) -> usize {
    (0..report.rows.len())
        .find(|row| cell(report, *row, column) == Cell::text(text.as_bytes()))
        .unwrap_or_else(|| panic!("no row with {column} {text}: {:?}", report.rows))
}
