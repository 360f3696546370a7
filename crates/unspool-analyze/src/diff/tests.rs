//! Properties of the comparison, on generated jobs: numbers of processes, interleaving and repetition do not matter, a
//! fault is found whatever they are, and all time is accounted for.

use proptest::prelude::*;
use unspool_model::args::{Arg, Args};
use unspool_model::event::{Call, CallName, ClockKind, Errno, Event, ExitStatus, Kind, Outcome};
use unspool_model::ids::Tid;
use unspool_model::step::{Step, StepSink};
use unspool_model::syscalls::Architecture;
use unspool_model::tracker::{Retention, TrackContext, Tracker};
use unspool_model::world::World;

use super::{FindingKind, NameRules, Profile, Profiler, RunIdentity, compare};

/// One event of one process of a job.
#[derive(Clone, Debug)]
enum Act {
    Call(&'static str, Vec<String>, Outcome),
    Exit(u8),
}

/// What one child does.
#[derive(Clone, Debug)]
struct Child {
    program: usize,
    files: Vec<(usize, i64)>,
    fails: bool,
}

fn children() -> impl Strategy<Value = Vec<Child>> {
    let child = (
        0..4_usize,
        prop::collection::vec((0..6_usize, 1..5000_i64), 0..6),
    )
        .prop_map(|(program, files)| Child {
            program,
            files,
            fails: false,
        });
    prop::collection::vec(child, 1..6)
}

fn acts(child: &Child) -> Vec<Act> {
    let program = format!(
        "/usr/bin/tool{}",
        char::from(b'a' + u8::try_from(child.program).unwrap_or(0))
    );
    let call = |name, words: &[String], outcome| Act::Call(name, words.to_vec(), outcome);
    let mut acts = vec![call(
        "execve",
        &[
            format!("\"{program}\""),
            format!("[\"{program}\"]"),
            "0x1 /* 2 vars */".to_owned(),
        ],
        Outcome::Returned(0),
    )];
    for (file, bytes) in &child.files {
        let path = format!(
            "\"/data/file-{}.csv\"",
            char::from(b'a' + u8::try_from(*file).unwrap_or(0))
        );
        let open = ["AT_FDCWD".to_owned(), path, "O_RDONLY".to_owned()];
        acts.push(call("openat", &open, Outcome::Returned(3)));
        let read = ["3".to_owned(), "\"\"".to_owned(), "9999".to_owned()];
        acts.push(call("read", &read, Outcome::Returned(*bytes)));
        acts.push(call("close", &["3".to_owned()], Outcome::Returned(0)));
    }
    if child.fails {
        let open = [
            "AT_FDCWD".to_owned(),
            "\"/data/rates.csv\"".to_owned(),
            "O_RDONLY".to_owned(),
        ];
        acts.push(call("openat", &open, Outcome::Failed(Errno::ENOENT)));
    }
    acts.push(Act::Exit(u8::from(child.fails)));
    acts
}

struct Steps<'p>(Option<&'p mut Profiler>);

impl StepSink for Steps<'_> {
    fn step(&mut self, step: &Step<'_>, _: &World) {
        if let Some(profiler) = &mut self.0 {
            profiler.step(step);
        }
    }
}

/// Tracks the job with process numbers from `first` on, in an order that `choices` decides.
fn track(children: &[Child], first: u32, choices: &[usize], sink: &mut dyn StepSink) -> World {
    let mut tracker = Tracker::new(Retention::All, TrackContext::default());
    tracker.world_mut().clock = ClockKind::Epoch;
    let root = Act::Call(
        "execve",
        vec![
            "\"/bin/sh\"".to_owned(),
            "[\"sh\", \"job.sh\"]".to_owned(),
            "0x1 /* 2 vars */".to_owned(),
        ],
        Outcome::Returned(0),
    );
    let mut time_ns = 1_763_600_000_000_000_000;
    let mut feed = |tid: u32, act: &Act| {
        time_ns += 10_000;
        event(&mut tracker, sink, tid, time_ns, act);
    };
    feed(first, &root);
    let pid = |place: usize| first + 7 * (u32::try_from(place).unwrap_or(0) + 1);
    for place in 0..children.len() {
        let fork = Act::Call("fork", Vec::new(), Outcome::Returned(i64::from(pid(place))));
        feed(first, &fork);
    }
    let mut queues: Vec<(usize, std::vec::IntoIter<Act>)> = children
        .iter()
        .map(|child| acts(child).into_iter())
        .enumerate()
        .collect();
    let mut choices = choices.iter().copied().cycle();
    while !queues.is_empty() {
        let at = choices.next().unwrap_or(0) % queues.len();
        let (place, queue) = &mut queues[at];
        match queue.next() {
            Some(act) => feed(pid(*place), &act),
            None => drop(queues.remove(at)),
        }
    }
    feed(first, &Act::Exit(0));
    tracker.finish(sink);
    std::mem::take(tracker.world_mut())
}

fn event(tracker: &mut Tracker, sink: &mut dyn StepSink, tid: u32, time_ns: i64, act: &Act) {
    let tid = Some(Tid(tid));
    let (name, words, outcome) = match act {
        Act::Exit(code) => {
            let kind = Kind::Exit(ExitStatus::Exited(*code));
            tracker.event(&Event { time_ns, tid, kind }, sink);
            return;
        }
        Act::Call(name, words, outcome) => (name, words, outcome),
    };
    let text = words.join(", ");
    let mut args = Args::new(text.as_bytes());
    for word in words {
        args.push(Arg::Text(word.as_bytes()));
    }
    let kind = Kind::Call(Call {
        name: CallName::from_bytes(name.as_bytes()),
        args,
        outcome: *outcome,
        duration_ns: Some(4_000),
        result_path: b"",
        architecture: Architecture::X86_64,
    });
    tracker.event(&Event { time_ns, tid, kind }, sink);
}

fn profile(children: &[Child], first: u32, choices: &[usize]) -> Profile {
    let world = track(children, first, choices, &mut Steps(None));
    let identity = RunIdentity {
        run: "run".to_owned(),
        complete: true,
        ..RunIdentity::default()
    };
    let mut profiler = Profiler::new(&world, &identity, &mut NameRules::default());
    track(children, first, choices, &mut Steps(Some(&mut profiler)));
    profiler.finish(&world)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn numbers_and_interleaving_do_not_matter(
        children in children(),
        first in 400..30_000_u32,
        one in prop::collection::vec(0..8_usize, 1..30),
        other in prop::collection::vec(0..8_usize, 1..30),
    ) {
        let before = profile(&children, 1000, &one);
        let after = profile(&children, first, &other);
        let difference = compare(&[&before], &after);
        prop_assert!(difference.findings.is_empty(), "{:#?}", difference.findings);
        prop_assert_eq!(difference.time.unexplained_ns, 0);
    }

    #[test]
    fn a_run_does_not_differ_from_itself(
        children in children(),
        choices in prop::collection::vec(0..8_usize, 1..30),
    ) {
        let run = profile(&children, 1000, &choices);
        let difference = compare(&[&run], &run);
        prop_assert!(difference.findings.is_empty(), "{:#?}", difference.findings);
        prop_assert!(difference.time.parts.is_empty());
    }

    #[test]
    fn a_missing_file_is_the_first_finding_in_any_order(
        children in children(),
        victim in 0..6_usize,
        first in 400..30_000_u32,
        choices in prop::collection::vec(0..8_usize, 1..30),
    ) {
        let before = profile(&children, 1000, &[0]);
        let mut faulty = children;
        let victim = victim % faulty.len();
        faulty[victim].fails = true;
        let after = profile(&faulty, first, &choices);
        let difference = compare(&[&before], &after);
        let cause = difference.findings.first();
        prop_assert_eq!(cause.map(|cause| cause.kind), Some(FindingKind::FileMissing));
        prop_assert_eq!(cause.map(|cause| cause.subject.as_slice()), Some(&b"/data/rates.csv"[..]));
        let exit = difference.findings.iter().find(|finding| finding.kind == FindingKind::ExitStatus);
        prop_assert_eq!(exit.and_then(|exit| exit.caused_by), Some(0));
    }
}

#[test]
fn several_baselines_take_their_noise_away() {
    let child = |bytes| {
        vec![Child {
            program: 0,
            files: vec![(0, bytes)],
            fails: false,
        }]
    };
    let runs: Vec<Profile> = [400_000, 1_000, 90_000]
        .into_iter()
        .map(|bytes| profile(&child(bytes), 1000, &[0]))
        .collect();
    let subject = profile(&child(30_000), 1000, &[0]);
    let one = compare(&[&runs[1]], &subject);
    assert_eq!(
        one.findings[0].kind,
        FindingKind::More,
        "{:?}",
        one.findings
    );
    let all: Vec<&Profile> = runs.iter().collect();
    assert_eq!(compare(&all, &subject).findings, Vec::new());
}
