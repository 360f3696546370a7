//! Each test gives calls in strace's words, and compares the lines that come out.

use unspool_model::args::{Arg, Args};
use unspool_model::event::{Call, CallName, ClockKind, Errno, Event, ExitStatus, Kind, Outcome};
use unspool_model::ids::Tid;
use unspool_model::step::{Step, StepSink};
use unspool_model::syscalls::Architecture;
use unspool_model::tracker::{Retention, TrackContext, Tracker};
use unspool_model::world::World;

use super::{
    Flows, KINDS_BEHIND_MAX, LINES_PER_PROCESS_MAX, LIVES_MAX, Line, MEMBERS_MAX, MIX_WINDOW,
    OPEN_MAX, PERIOD_LONG_MAX, PERIOD_MAX, Style, WEIGHT_LONG_MAX, arguments,
};

/// Feeds calls, one by one.
struct Told {
    tracker: Tracker,
    flows: Sink,
    time_ns: i64,
}

#[derive(Default)]
struct Sink {
    flows: Flows,
    calls: u64,
}

impl StepSink for Sink {
    fn step(&mut self, step: &Step<'_>, world: &World) {
        self.calls += u64::from(step.syscall.is_some() || step.name.starts_with(b"lib_"));
        self.flows.step(step, world);
    }
}

impl Told {
    fn new() -> Self {
        let context = TrackContext {
            cwd: b"/home".to_vec(),
            top_pid: None,
        };
        let mut tracker = Tracker::new(Retention::All, context);
        tracker.world_mut().clock = ClockKind::Relative;
        Self {
            tracker,
            flows: Sink::default(),
            time_ns: 0,
        }
    }

    fn event(&mut self, tid: u32, kind: &Kind<'_>) {
        self.time_ns += 1000;
        let event = Event {
            time_ns: self.time_ns,
            tid: Some(Tid(tid)),
            kind: *kind,
        };
        self.tracker.event(&event, &mut self.flows);
    }

    fn call(&mut self, tid: u32, name: &str, words: &[&str], outcome: Outcome) {
        let text = words.join(", ");
        let mut args = Args::new(text.as_bytes());
        for word in words {
            args.push(Arg::Text(word.as_bytes()));
        }
        self.event(
            tid,
            &Kind::Call(Call {
                name: CallName::from_bytes(name.as_bytes()),
                args,
                outcome,
                duration_ns: Some(10),
                result_path: b"",
                architecture: Architecture::X86_64,
            }),
        );
    }

    fn stat(&mut self, path: &str) {
        let path = format!("\"{path}\"");
        self.call(7, "stat", &[&path, "{}"], Outcome::Returned(0));
    }

    fn open(&mut self, path: &str, fd: i64) {
        let path = format!("\"{path}\"");
        let words = ["AT_FDCWD", &path, "O_RDONLY"];
        self.call(7, "openat", &words, Outcome::Returned(fd));
    }

    fn on(&mut self, name: &str, fd: i64) {
        self.call(7, name, &[&fd.to_string()], Outcome::Returned(0));
    }

    /// Lines of all processes, as text; checks that no call is lost at any level.
    #[track_caller]
    fn lines(mut self) -> Vec<String> {
        self.tracker.finish(&mut self.flows);
        let world = self.tracker.world();
        self.flows.flows.finish(world);
        let mut lines = Vec::new();
        let mut calls = 0;
        for (_, story) in self.flows.flows.stories() {
            for line in &story.lines {
                check_sums(line);
                calls += line.calls;
                let mut function = Vec::new();
                self.flows.flows.function(line, &mut function);
                let arguments: Vec<String> = arguments(line, world)
                    .into_iter()
                    .map(|text| String::from_utf8(text).expect("UTF-8"))
                    .collect();
                lines.push(format!(
                    "{} {} {} {}",
                    line.times,
                    line.calls,
                    String::from_utf8(function).expect("UTF-8"),
                    arguments.join(" ")
                ));
            }
        }
        assert_eq!(calls, self.flows.calls, "the sum of the lines is the calls");
        lines
    }
}

#[track_caller]
fn check_sums(line: &Line) {
    let functions: u64 = line.functions.iter().map(|(_, calls)| calls).sum();
    let parts: u64 = line.parts.iter().map(|part| part.calls).sum();
    assert_eq!(functions + parts, line.calls, "{line:?}");
    assert!(line.weight() <= WEIGHT_LONG_MAX.max(MEMBERS_MAX));
    for part in &line.parts {
        check_sums(part);
    }
}

#[test]
fn one_descriptor_is_one_line_though_others_come_between() {
    let mut told = Told::new();
    told.open("/a", 3);
    told.on("fstat", 3);
    told.open("/b", 4);
    told.on("read", 3);
    told.on("read", 4);
    told.on("read", 3);
    told.on("close", 3);
    told.on("close", 4);
    // The same number again is another descriptor.
    told.open("/c", 3);
    told.on("close", 3);
    assert_eq!(
        told.lines(),
        [
            "1 5 (openat+fstat+read+close) /a",
            "1 3 (openat+read+close) /b",
            "1 2 (openat+close) /c",
        ]
    );
}

#[test]
fn calls_in_a_row_are_counted_and_failures_stand_apart() {
    let mut told = Told::new();
    for path in ["/a", "/a", "/b", "/c", "/d"] {
        told.stat(path);
    }
    let missing = Outcome::Failed(Errno::ENOENT);
    told.call(7, "stat", &["\"/x/1.h\"", "{}"], missing);
    told.call(7, "stat", &["\"/x/2.h\"", "{}"], missing);
    assert_eq!(
        told.lines(),
        ["5 5 stat /a /b /c /d", "2 2 stat /x/1.h /x/2.h"]
    );
}

#[test]
fn arguments_become_a_pattern() {
    for (paths, expect) in [
        (["/x/a.c", "/x/b.c", "/x/c.c", "/x/d.c", "/x/e.c"], "/x/*.c"),
        (
            [
                "/p/1/stat",
                "/p/2/stat",
                "/p/3/stat",
                "/p/44/stat",
                "/p/5/stat",
            ],
            "/p/*/stat",
        ),
        (
            ["/p/1/a/m", "/p/2/b/m", "/p/3/c/m", "/p/4/d/m", "/p/5/e/m"],
            "/p/**/m",
        ),
        (["/a", "/b/c", "/d", "/e", "/f"], "/**"),
        (["/a/aa", "/a/aaa", "/a/a", "/a/aaaa", "/a/aaaaa"], "/a/*"),
    ] {
        let mut told = Told::new();
        for path in paths {
            told.stat(path);
        }
        assert_eq!(told.lines(), [format!("5 5 stat {expect}")]);
    }
}

#[test]
fn sequences_that_come_again_are_folded() {
    let mut told = Told::new();
    for round in 0..100 {
        told.stat("/stamp");
        told.open(&format!("/in/{round}"), 3);
        told.on("read", 3);
        told.on("close", 3);
    }
    told.call(7, "getpid", &[], Outcome::Returned(7));
    assert_eq!(
        told.lines(),
        [
            "100 400 (stat+(openat+read+close)) /stamp /in/*",
            "1 1 getpid ",
        ]
    );
}

#[test]
fn sequences_of_sequences_are_folded() {
    let mut told = Told::new();
    for _ in 0..50 {
        for _ in 0..40 {
            told.call(7, "getpid", &[], Outcome::Returned(7));
            told.call(7, "getuid", &[], Outcome::Returned(0));
        }
        told.call(7, "sync", &[], Outcome::Returned(0));
    }
    assert_eq!(told.lines(), ["50 4050 ((getpid+getuid)+sync) "]);
}

/// What `find -ls` does: folders of any size, links here and there, a write when the buffer is full.
#[test]
fn a_find_over_5000_files_is_one_line() {
    let mut told = Told::new();
    let mut random = 1;
    let mut files = 0;
    for folder in 0..500 {
        let name = format!("/usr/share/{folder}");
        told.open(&name, 3);
        told.on("fstat", 3);
        told.on("getdents64", 3);
        told.on("getdents64", 3);
        told.on("close", 3);
        for file in 0..next(&mut random) % 21 {
            told.stat(&format!("{name}/f{file}"));
            files += 1;
            if next(&mut random).is_multiple_of(17) {
                let path = format!("\"{name}/f{file}\"");
                told.call(7, "readlink", &[&path], Outcome::Returned(3));
            }
            if files % 33 == 0 {
                told.on("write", 1);
            }
        }
    }
    assert!(files > 4500, "{files}");
    let lines = told.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
}

#[test]
fn a_new_image_begins_anew() {
    let mut told = Told::new();
    for name in ["/bin/sh", "/bin/ls"] {
        told.stat("/a");
        let words = [&*format!("\"{name}\""), "[\"x\"]", "0x1"];
        told.call(7, "execve", &words, Outcome::Returned(0));
    }
    told.stat("/a");
    assert_eq!(
        told.lines(),
        [
            "1 1 stat /a",
            "1 1 execve /bin/sh",
            "1 1 stat /a",
            "1 1 execve /bin/ls",
            "1 1 stat /a",
        ]
    );
}

fn next(random: &mut u64) -> u64 {
    *random = random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *random >> 33
}

/// A loop whose body has so many different lines that nothing shorter comes again: told once, exact or with other arguments.
#[test]
fn long_sequences_fold() {
    for (period, other_arguments, rounds) in [(17, false, 2), (40, true, 9), (128, true, 4)] {
        let mut told = Told::new();
        for round in 0..rounds {
            for at in 0..period {
                let round = if other_arguments { round } else { 0 };
                let path = format!("\"/r{round}/f{at}\"");
                let name = format!("lib_{at}");
                told.call(7, &name, &[&path], Outcome::Returned(0));
            }
        }
        told.call(7, "lib_end", &[], Outcome::Returned(0));
        let lines = told.lines();
        assert_eq!(lines.len(), 2, "{period}: {lines:?}");
        let count = period * rounds;
        assert!(
            lines[0].starts_with(&format!("{rounds} {count} (lib_0+lib_1+")),
            "{lines:?}"
        );
    }
    // A body longer than that stays as it is.
    let mut told = Told::new();
    for _ in 0..4 {
        for at in 0..=PERIOD_LONG_MAX {
            told.call(7, &format!("lib_{at}"), &[], Outcome::Returned(0));
        }
    }
    assert_eq!(told.lines().len(), 4 * (PERIOD_LONG_MAX + 1));
}

/// Lines that all stages of a process may hold: what a trace without any order fills.
const WAITING_MAX: usize = LIVES_MAX + 4 * (3 * PERIOD_MAX + PERIOD_LONG_MAX) + MIX_WINDOW;

/// Calls without any order, of so many kinds that nothing folds: they are counted, and memory has its limits.
#[test]
fn what_does_not_fold_is_summed_behind_the_limit() {
    let mut told = Told::new();
    let mut random = 7;
    let count = 3 * LINES_PER_PROCESS_MAX;
    for _ in 0..count {
        let name = format!("lib_{}", next(&mut random) % 5000);
        told.call(7, &name, &[], Outcome::Returned(0));
        let waiting = told.flows.flows.stories[0].waiting();
        assert!(waiting <= WAITING_MAX, "{waiting}");
    }
    let lines = told.lines();
    assert!(lines.len() >= LINES_PER_PROCESS_MAX);
    assert!(lines.len() <= LINES_PER_PROCESS_MAX + KINDS_BEHIND_MAX + 1);
}

/// Any order of any calls: no call is lost, and no line is heavier than allowed.
#[test]
fn no_call_is_lost_in_any_order() {
    const NAMES: [&str; 9] = [
        "stat", "openat", "read", "write", "close", "getpid", "fork", "lib_a", "lseek",
    ];
    for seed in 0..60 {
        let mut told = Told::new();
        let mut random = seed;
        let kinds = 1 + next(&mut random) % 9;
        for _ in 0..2000 {
            let name = NAMES[usize::try_from(next(&mut random) % kinds).expect("small")];
            let path = format!("\"/d{}/f{}\"", next(&mut random) % 3, next(&mut random) % 9);
            let fd = (3 + next(&mut random) % 5).to_string();
            let (words, result): (Vec<&str>, u64) = match name {
                "stat" => (vec![&path], 0),
                "openat" => (
                    vec!["AT_FDCWD", &path, "O_RDONLY"],
                    3 + next(&mut random) % 5,
                ),
                "fork" => (vec![], 100 + next(&mut random) % 20),
                _ => (vec![&fd], 0),
            };
            let outcome = if next(&mut random).is_multiple_of(5) {
                Outcome::Failed(Errno::ENOENT)
            } else {
                Outcome::Returned(result.cast_signed())
            };
            let tid = if next(&mut random).is_multiple_of(3) {
                8
            } else {
                7
            };
            told.call(tid, name, &words, outcome);
        }
        told.lines();
    }
}

#[test]
fn many_processes_at_once_are_ended_and_go_on() {
    let mut told = Told::new();
    let count = u32::try_from(OPEN_MAX).expect("small") + 10;
    for _ in 0..2 {
        for tid in 10..10 + count {
            told.call(tid, "getpid", &[], Outcome::Returned(1));
        }
    }
    assert!(told.flows.flows.open <= OPEN_MAX);
    told.event(10, &Kind::Exit(ExitStatus::Exited(0)));
    let lines = told.lines();
    // The first ones were ended in between, and have a second line.
    assert!(lines.len() >= OPEN_MAX + 10 && lines.len() <= 2 * (OPEN_MAX + 10));
}

/// Three children that do the same, one that does more: two flows besides the parent's, and no call less.
#[test]
fn processes_that_did_the_same_are_told_once() {
    let mut told = Told::new();
    told.call(7, "getpid", &[], Outcome::Returned(7));
    for (child, more) in [(11, 0), (12, 0), (13, 1), (14, 0)] {
        told.call(7, "fork", &[], Outcome::Returned(i64::from(child)));
        let words = ["\"/bin/x\"", "[\"x\"]", "0x1"];
        told.call(child, "execve", &words, Outcome::Returned(0));
        let path = format!("\"/in/{child}\"");
        told.call(child, "stat", &[&path, "{}"], Outcome::Returned(0));
        for _ in 0..more {
            told.call(child, "sync", &[], Outcome::Returned(0));
        }
        told.event(child, &Kind::Exit(ExitStatus::Exited(0)));
    }
    told.tracker.finish(&mut told.flows);
    let world = told.tracker.world();
    told.flows.flows.finish(world);
    let list = super::alike::fold(&told.flows.flows, world);
    let shape: Vec<(u64, usize, u64)> = list
        .iter()
        .map(|one| {
            let calls = one.lines.iter().map(|line| line.calls).sum();
            (one.processes, one.lines.len(), calls)
        })
        .collect();
    assert_eq!(shape, [(1, 2, 5), (3, 2, 6), (1, 3, 3)]);
    let arguments = arguments(&list[1].lines[1], world);
    assert_eq!(
        arguments,
        [b"/in/11", b"/in/12", b"/in/14"].map(|name| name.to_vec())
    );
    let calls: u64 = shape.iter().map(|(_, _, calls)| calls).sum();
    assert_eq!(calls, told.flows.calls);
}

#[test]
fn styles_have_dockits_words() {
    assert_eq!(Style::Life.name(), "args");
    assert_eq!(Style::Repeated.name(), "rept");
}
