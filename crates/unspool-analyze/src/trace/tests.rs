//! Timelines of small jobs, whose facts are read off their lines by hand.

use std::ops::ControlFlow;

use unspool_model::event::Outcome;
use unspool_model::sample::{Sample, Usage};
use unspool_model::step::{Step, StepSink};
use unspool_model::timeline::{
    CounterKind, CounterValue, LIFE_STEP, Slice, TimelineHead, TimelineSink, Track,
};
use unspool_model::world::{LinkKind, Process, World};

use super::Timeline;
use crate::Filter;
use crate::testing::{JOB, Line, Nobody, track};

/// What a sink was told.
#[derive(Default)]
struct Told {
    head: Option<(i64, i64)>,
    processes: Vec<(u32, Option<u32>)>,
    threads: Vec<u32>,
    slices: Vec<Seen>,
    counters: Vec<CounterValue>,
    notes: Vec<String>,
}

#[derive(Clone, Debug)]
struct Seen {
    tid: u32,
    name: String,
    start_ns: i64,
    end_ns: Option<i64>,
    resource: Option<String>,
    is_cut: bool,
    flows: Vec<(LinkKind, u32, i64)>,
}

impl TimelineSink for Told {
    fn begin(&mut self, head: &TimelineHead<'_>) -> ControlFlow<()> {
        self.head = Some((head.start_ns, head.end_ns));
        ControlFlow::Continue(())
    }

    fn process(&mut self, _: &Process, pid: u32, parent: Option<u32>) -> ControlFlow<()> {
        self.processes.push((pid, parent));
        ControlFlow::Continue(())
    }

    fn thread(&mut self, track: Track, _: &[u8]) -> ControlFlow<()> {
        self.threads.push(track.tid);
        ControlFlow::Continue(())
    }

    fn slice(&mut self, slice: &Slice<'_>) -> ControlFlow<()> {
        assert!(self.threads.contains(&slice.track.tid), "told before");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let end_ns = slice.end_ns.unwrap_or(slice.start_ns);
        assert!(end_ns >= slice.start_ns);
        for flow in slice.flows {
            assert!(flow.from.time_ns <= end_ns, "a cause is not later");
            assert!(self.threads.contains(&flow.from.track.tid), "told before");
        }
        self.slices.push(Seen {
            tid: slice.track.tid,
            name: text(slice.name),
            start_ns: slice.start_ns,
            end_ns: slice.end_ns,
            resource: slice.resource.map(text),
            is_cut: slice.is_cut,
            flows: slice
                .flows
                .iter()
                .map(|flow| (flow.kind, flow.from.track.tid, flow.from.time_ns))
                .collect(),
        });
        ControlFlow::Continue(())
    }

    fn counter(&mut self, value: &CounterValue) -> ControlFlow<()> {
        self.counters.push(*value);
        ControlFlow::Continue(())
    }

    fn end(&mut self, notes: &[String]) -> ControlFlow<()> {
        self.notes = notes.to_vec();
        ControlFlow::Continue(())
    }
}

/// Takes steps with the world as it is at the end.
struct Later<'t, 's>(&'t mut Timeline<'s>, &'t World);

impl StepSink for Later<'_, '_> {
    fn step(&mut self, step: &Step<'_>, _: &World) {
        assert!(self.0.take(step, self.1).is_continue());
    }
}

fn told_of(world: &World, lines: &[Line], filter: Option<&str>) -> Told {
    let mut told = Told::default();
    let filter = filter.map(|filter| Filter::parse(filter).unwrap());
    let mut timeline = Timeline::new("run", world, filter, &mut told);
    track(lines, &mut Later(&mut timeline, world));
    assert!(timeline.finish(world).is_continue());
    told
}

fn told(lines: &[Line], filter: Option<&str>) -> Told {
    told_of(&track(lines, &mut Nobody), lines, filter)
}

impl Told {
    fn named(&self, name: &str) -> Seen {
        let mut slices = self.slices.iter().filter(|slice| slice.name == name);
        let slice = slices.next().expect("it is there").clone();
        assert!(slices.next().is_none(), "only one {name}");
        slice
    }
}

#[test]
fn calls_are_slices_from_start_to_end() {
    let told = told(JOB, None);
    assert_eq!(told.head, Some((1_000, 30_000)));
    assert_eq!(told.processes, [(10, None), (11, Some(10))]);
    // 14 calls and 2 exits.
    assert_eq!(told.slices.len(), 16);
    let chdir = told.named("chdir");
    assert_eq!((chdir.start_ns, chdir.end_ns), (2_000, Some(2_200)));
    let write = told.named("write");
    assert_eq!(write.resource.as_deref(), Some("/home/me/log"));
    let exits = told.slices.iter().filter(|slice| slice.end_ns.is_none());
    assert_eq!(exits.count(), 2);
    assert!(told.notes.is_empty());
}

#[test]
fn arrows_go_along_the_links() {
    let world = track(JOB, &mut Nobody);
    let told = told_of(&world, JOB, None);
    let arrows: Vec<_> = told.slices.iter().flat_map(|slice| &slice.flows).collect();
    assert_eq!(arrows.len(), world.links.len(), "each link once");
    // The fork of sh at 4,000 ends at the first call of its child.
    let child = told.slices.iter().find(|slice| slice.tid == 11).unwrap();
    assert!(child.flows.contains(&(LinkKind::Fork, 10, 4_000)));
}

/// A writes to a file, B reads it: the arrow goes from the write to the read.
const HANDED: &[Line] = &[
    (
        10,
        1_000,
        10,
        "openat",
        &["AT_FDCWD", "\"/f\"", "O_RDWR|O_CREAT", "0666"],
        Outcome::Returned(3),
    ),
    (10, 2_000, 10, "fork", &[], Outcome::Returned(11)),
    (
        10,
        3_000,
        10,
        "write",
        &["3", "\"...\"", "7"],
        Outcome::Returned(7),
    ),
    (10, 4_000, 10, "getpid", &[], Outcome::Returned(10)),
    (
        11,
        5_000,
        10,
        "read",
        &["3", "\"...\"", "7"],
        Outcome::Returned(7),
    ),
    (
        10,
        3_500,
        30_000,
        "wait4",
        &["-1", "[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]", "0", "NULL"],
        Outcome::Returned(11),
    ),
];

#[test]
fn data_and_waits_have_their_causes() {
    let told = told(HANDED, None);
    assert_eq!(
        told.named("read").flows,
        [(LinkKind::Fork, 10, 2_000), (LinkKind::Data, 10, 3_000)]
    );
    let wait = told.named("wait4");
    // It was reported before the log told of the exit: the cause is the end as the run knows it, and lies within the wait.
    let (kind, tid, time_ns) = wait.flows[0];
    assert_eq!((kind, tid), (LinkKind::Wait, 11));
    assert!(time_ns <= wait.end_ns.unwrap());
    // By its times, the wait began in the middle of getpid: it is moved behind it, and that is said.
    assert_eq!(wait.start_ns, 4_010);
    assert_eq!(told.notes.len(), 1, "{:?}", told.notes);
}

/// Calls that never returned: one whose thread goes on, one to the end.
const CUT: &[Line] = &[
    (
        10,
        1_000,
        10,
        "execve",
        &["\"/bin/x\"", "[\"x\"]", "0x7ffe /* 0 vars */"],
        Outcome::Returned(0),
    ),
    (10, 2_000, -1, "read", &["0"], Outcome::Unfinished),
    (10, 5_000, 10, "getpid", &[], Outcome::Returned(10)),
    (10, 6_000, -1, "pause", &[], Outcome::Unfinished),
];

#[test]
fn calls_without_an_end_are_closed_and_marked() {
    let told = told(CUT, None);
    let read = told.named("read");
    assert_eq!((read.is_cut, read.end_ns), (true, Some(5_000)));
    let pause = told.named("pause");
    assert_eq!(
        (pause.is_cut, pause.end_ns),
        (true, Some(30_000)),
        "the exit of 10"
    );
    assert!(told.notes[0].starts_with("2 calls were never seen to end"));
    assert!(!told.named("getpid").is_cut);
}

#[test]
fn a_filter_keeps_what_matches_and_arrows_between_it() {
    let told = told(HANDED, Some("evt.type in (write, read)"));
    let names: Vec<&str> = told
        .slices
        .iter()
        .map(|slice| slice.name.as_str())
        .collect();
    assert_eq!(names, ["write", "read"]);
    assert_eq!(told.named("read").flows, [(LinkKind::Data, 10, 3_000)]);
    let calls: i64 = told
        .counters
        .iter()
        .filter(|value| value.owner.is_none())
        .map(|value| value.value)
        .sum();
    assert_eq!(calls, 2);
}

#[test]
fn a_further_life_of_a_pid_has_numbers_of_its_own() {
    let mut world = track(JOB, &mut Nobody);
    let mut again = world.processes[1].clone();
    if let Some(process) = &mut again {
        process.id = unspool_model::ids::ProcessId(2);
    }
    world.processes.push(again);
    let numbers = super::numbers(&world);
    assert_eq!(numbers, [10, 11, 11 + LIFE_STEP]);
    let tid = unspool_model::ids::Tid(13);
    let track = super::track_of(unspool_model::ids::ProcessId(2), tid, &numbers, &world);
    assert_eq!((track.pid, track.tid), (11 + LIFE_STEP, 13 + LIFE_STEP));
}

#[test]
fn samples_and_calls_are_counters() {
    let mut world = track(JOB, &mut Nobody);
    let usage = Usage {
        cpu_ns: Some(5_000),
        rss_bytes: Some(4096),
        read_bytes: Some(10),
        ..Usage::default()
    };
    world.samples.push(Sample {
        time_ns: 10_000,
        duration_ns: 10_000,
        process: Some(unspool_model::ids::ProcessId(1)),
        is_last: true,
        usage,
        ..Sample::default()
    });
    let told = told_of(&world, JOB, None);
    let of = |kind| {
        let values = told.counters.iter().filter(move |value| value.kind == kind);
        let values = values.filter(|value| value.owner.is_some_and(|(_, pid)| pid == 11));
        values
            .map(|value| (value.time_ns, value.value))
            .collect::<Vec<_>>()
    };
    // Half a CPU; then nothing, because the process ended.
    assert_eq!(of(CounterKind::Cpu), [(10_000, 500), (20_000, 0)]);
    assert_eq!(of(CounterKind::Rss), [(20_000, 0)]);
    assert_eq!(of(CounterKind::Read), [(10_000, 1_000_000), (20_000, 0)]);
    assert_eq!(of(CounterKind::Calls), [(1_000, 10), (1_000_001_000, 0)]);
}

proptest::proptest! {
    /// Whatever the times of a log are, calls of a thread follow one another, every call is there once, and every link is an arrow.
    #[test]
    fn any_times_give_a_timeline(
        calls in proptest::collection::vec((0..3_u32, -50..500_i64, -1..200_i64, 0..5_usize), 1..60)
    ) {
        let mut lines: Vec<Line> = vec![
            (10, 0, 5, "fork", &[], Outcome::Returned(11)),
            (10, 10, 5, "fork", &[], Outcome::Returned(12)),
        ];
        for (thread, time_ns, duration_ns, call) in calls {
            let (name, args, outcome): (_, &[&str], _) = match call {
                0 => ("write", &["3", "\"...\"", "7"], Outcome::Returned(7)),
                1 => ("read", &["3", "\"...\"", "7"], Outcome::Returned(7)),
                2 => ("pause", &[], Outcome::Unfinished),
                3 => ("kill", &["11", "SIGUSR1"], Outcome::Returned(0)),
                _ => ("getpid", &[], Outcome::Returned(10)),
            };
            lines.push((10 + thread, time_ns, duration_ns, name, args, outcome));
        }
        let world = track(&lines, &mut Nobody);
        let told = told_of(&world, &lines, None);
        let calls = told.slices.iter().filter(|slice| slice.end_ns.is_some());
        proptest::prop_assert_eq!(calls.clone().count(), lines.len());
        let mut ends = std::collections::BTreeMap::new();
        for slice in calls {
            let end_ns = ends.entry(slice.tid).or_insert(i64::MIN);
            proptest::prop_assert!(slice.start_ns >= *end_ns, "{:?}", slice);
            *end_ns = slice.end_ns.expect("it is a call");
        }
        let arrows: usize = told.slices.iter().map(|slice| slice.flows.len()).sum();
        proptest::prop_assert_eq!(arrows, world.links.len());
    }
}
