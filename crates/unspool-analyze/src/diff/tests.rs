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
    let mut world = track(children, first, choices, &mut Steps(None));
    let identity = RunIdentity {
        run: "run".to_owned(),
        complete: true,
        ..RunIdentity::default()
    };
    let mut profiler = Profiler::new(&mut world, &identity, &mut NameRules::default());
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

/// The profile of one process that reads files by their whole names and amounts, then runs what `more` says.
fn reader(files: &[String], more: &[Act]) -> Profile {
    let call = |name, words: &[&str], outcome| {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Act::Call(name, words, outcome)
    };
    let mut acts = vec![call(
        "execve",
        &["\"/usr/bin/load\"", "[\"load\"]", "0x1 /* 2 vars */"],
        Outcome::Returned(0),
    )];
    for file in files {
        let path = format!("\"{file}\"");
        let open = ["AT_FDCWD", &path, "O_RDONLY"];
        acts.push(call("openat", &open, Outcome::Returned(3)));
        let read = ["3", "\"\"", "9999"];
        acts.push(call("read", &read, Outcome::Returned(500)));
        acts.push(call("close", &["3"], Outcome::Returned(0)));
    }
    acts.extend_from_slice(more);
    acts.push(Act::Exit(0));
    let feed = |sink: &mut dyn StepSink| {
        let mut tracker = Tracker::new(Retention::All, TrackContext::default());
        tracker.world_mut().clock = ClockKind::Epoch;
        let mut time_ns = 1_763_600_000_000_000_000;
        for act in &acts {
            time_ns += 10_000;
            event(&mut tracker, sink, 1000, time_ns, act);
        }
        tracker.finish(sink);
        std::mem::take(tracker.world_mut())
    };
    let mut world = feed(&mut Steps(None));
    let identity = RunIdentity {
        complete: true,
        ..RunIdentity::default()
    };
    let mut profiler = Profiler::new(&mut world, &identity, &mut NameRules::default());
    feed(&mut Steps(Some(&mut profiler)));
    profiler.finish(&world)
}

fn cameras(numbers: impl Iterator<Item = u32>) -> Vec<String> {
    numbers
        .map(|number| format!("/data/in/cam-{number:02}.raw"))
        .collect()
}

#[test]
fn a_number_that_is_left_out_is_the_finding() {
    let before = reader(&cameras(1..=12), &[]);
    let after = reader(&cameras((1..=12).filter(|number| *number != 7)), &[]);
    let findings = compare(&[&before], &after).findings;
    assert_eq!(findings[0].kind, FindingKind::FileGone, "{findings:#?}");
    assert_eq!(findings[0].subject, b"/data/in/cam-07.raw");
    assert!(findings[0].score >= super::ALARM_SCORE, "{findings:#?}");
    // Fewer at the end are the amount of a day.
    let fewer = reader(&cameras(1..=11), &[]);
    let findings = compare(&[&before], &fewer).findings;
    assert!(
        findings
            .iter()
            .all(|finding| finding.score < super::ALARM_SCORE),
        "{findings:#?}"
    );
}

#[test]
fn a_number_that_is_left_out_is_seen_whatever_the_amount() {
    let before = reader(&cameras(1..=12), &[]);
    let after = reader(&cameras((1..=14).filter(|number| *number != 4)), &[]);
    let findings = compare(&[&before], &after).findings;
    assert_eq!(findings[0].subject, b"/data/in/cam-04.raw", "{findings:#?}");
}

#[test]
fn names_of_hashes_are_one_thing() {
    let names = |hashes: &[&str]| -> Vec<String> {
        hashes
            .iter()
            .map(|hash| hash.split_at(2))
            .map(|(fan, rest)| format!("/data/store/{fan}/{rest}.z"))
            .collect()
    };
    let before = reader(
        &names(&["3fa90be1c27d", "a07c44e9b1f0", "0b9e8d7c6f5a"]),
        &[],
    );
    // One of them is all digits behind its folder.
    let after = reader(
        &names(&["9c1e07ab23d4", "441234567890", "e5d4c3b2a190"]),
        &[],
    );
    let difference = compare(&[&before], &after);
    assert_eq!(difference.findings, Vec::new());
}

#[test]
fn a_pause_without_descriptors_is_a_sleep() {
    let pause = |seconds: u32| {
        let words = ["0", "NULL", "NULL", "NULL", "{tv_sec=1}", "NULL"];
        let call = |name, words: &[&str], outcome| {
            Act::Call(
                name,
                words.iter().map(|word| (*word).to_owned()).collect(),
                outcome,
            )
        };
        let mut acts = Vec::new();
        for _ in 0..seconds * 100_000 / 4 {
            acts.push(call("pselect6", &words, Outcome::Returned(0)));
        }
        acts.push(call(
            "write",
            &["1<pipe:[77]>", "\"\"", "5"],
            Outcome::Returned(5),
        ));
        acts
    };
    let before = reader(&cameras(1..=3), &[]);
    let after = reader(&cameras(1..=3), &pause(2));
    let parts = compare(&[&before], &after).time.parts;
    let longest = parts
        .iter()
        .find(|part| part.what == "sleeping")
        .expect("time asleep");
    assert!(longest.after_ns >= 150_000_000, "{parts:#?}");
}
