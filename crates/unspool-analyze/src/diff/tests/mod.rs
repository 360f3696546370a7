//! Properties of the comparison, on generated jobs: numbers of processes, interleaving and repetition do not matter, a
//! fault is found whatever they are, and all time is accounted for.

mod items;
mod rules;

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
    /// A call that takes so many nanoseconds.
    Wait(&'static str, Vec<String>, Outcome, i64),
    Exit(u8),
    Killed(u32),
}

impl Act {
    /// How long it takes, and the pause before the next one.
    fn step_ns(&self) -> i64 {
        match self {
            Self::Wait(_, _, _, time_ns) => 10_000 + time_ns,
            _ => 10_000,
        }
    }
}

/// What one child does.
#[derive(Clone, Debug)]
struct Child {
    program: usize,
    files: Vec<(usize, i64)>,
    others: Vec<Other>,
    fails: bool,
}

/// What a child does beside reading files; the numbers and names in it may be others in each run.
#[derive(Clone, Copy, Debug)]
enum Other {
    /// Looks for a file that is not there.
    Looks(usize),
    /// Has no permission.
    MayNot(usize),
    /// Asks a server, from a port that the kernel chooses.
    Asks(u8),
    /// Makes and removes a temporary file.
    Temporary(u8),
    /// Tells of itself in a file by the number of its process.
    PidFile,
    /// Writes into a pipe that its parent made.
    Pipe(i64),
    Sleeps,
    /// Works on the file of the day.
    Daily,
}

fn other() -> impl Strategy<Value = Other> {
    prop_oneof![
        (0..4_usize).prop_map(Other::Looks),
        (0..4_usize).prop_map(Other::MayNot),
        (1..5_u8).prop_map(Other::Asks),
        (0..3_u8).prop_map(Other::Temporary),
        Just(Other::PidFile),
        (1..9000_i64).prop_map(Other::Pipe),
        Just(Other::Sleeps),
        Just(Other::Daily),
    ]
}

fn children() -> impl Strategy<Value = Vec<Child>> {
    let child = (
        0..4_usize,
        prop::collection::vec((0..6_usize, 1..5000_i64), 0..6),
        prop::collection::vec(other(), 0..5),
    )
        .prop_map(|(program, files, others)| Child {
            program,
            files,
            others,
            fails: false,
        });
    prop::collection::vec(child, 1..6)
}

/// What differs from run to run though the job is the same.
#[derive(Clone, Copy, Debug)]
struct Day {
    /// Number of the first process.
    first: u32,
    /// Days since the first run.
    later: u32,
    /// Whether the recorder names what descriptors stand for.
    shows_paths: bool,
}

impl Day {
    const FIRST: Self = Self {
        first: 1000,
        later: 0,
        shows_paths: false,
    };

    fn pid(self, place: usize) -> u32 {
        self.first + 7 * (u32::try_from(place).unwrap_or(0) + 1)
    }

    fn start_ns(self) -> i64 {
        1_763_600_000_000_000_000 + i64::from(self.later) * 86_400_000_000_000
    }

    /// A descriptor as the recorder prints it.
    fn fd(self, number: u8, name: &str) -> String {
        if self.shows_paths {
            format!("{number}<{name}>")
        } else {
            number.to_string()
        }
    }
}

fn call(name: &'static str, words: &[&str], outcome: Outcome) -> Act {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    Act::Call(name, words, outcome)
}

const GOOD: Outcome = Outcome::Returned(0);

/// The calls of what a child does beside reading files.
fn other_acts(other: Other, pid: u32, day: Day) -> Vec<Act> {
    let letter = |number: usize| char::from(b'a' + u8::try_from(number).unwrap_or(0));
    let fails = |path: String, errno: Errno| {
        let words = ["AT_FDCWD", &path, "O_RDONLY"];
        vec![call("openat", &words, Outcome::Failed(errno))]
    };
    match other {
        Other::Looks(file) => fails(format!("\"/etc/job/{}.conf\"", letter(file)), Errno::ENOENT),
        Other::MayNot(file) => fails(format!("\"/srv/closed/{}.key\"", letter(file)), Errno(13)),
        Other::Asks(host) => asks(host, pid, day),
        Other::Temporary(kind) => {
            let name = temporary_name(kind, pid, day);
            let mut acts = writes(&name, day);
            acts.push(call("unlink", &[&format!("\"{name}\"")], GOOD));
            acts
        }
        Other::PidFile => writes(&format!("/run/job/{pid}.pid"), day),
        Other::Pipe(bytes) => {
            let fd = day.fd(1, &format!("pipe:[{}]", pid * 11));
            let words = [fd.as_str(), "\"\"", "9000"];
            vec![call("write", &words, Outcome::Returned(bytes))]
        }
        Other::Sleeps => vec![call(
            "nanosleep",
            &["{tv_sec=0, tv_nsec=1000}", "NULL"],
            GOOD,
        )],
        Other::Daily => {
            let name = format!("/data/out/2025-11-{:02}/sums-{pid}.csv", 20 + day.later);
            writes(&name, day)
        }
    }
}

fn writes(name: &str, day: Day) -> Vec<Act> {
    let path = format!("\"{name}\"");
    let open = ["AT_FDCWD", &path, "O_WRONLY|O_CREAT|O_EXCL", "0600"];
    let fd = day.fd(3, name);
    vec![
        call("openat", &open, Outcome::Returned(3)),
        call("write", &[&fd, "\"\"", "40"], Outcome::Returned(40)),
        call("close", &[&fd], GOOD),
    ]
}

fn asks(host: u8, pid: u32, day: Day) -> Vec<Act> {
    let port = 33_000 + (pid * 31) % 20_000;
    let new = day.fd(4, &format!("socket:[{}]", pid * 3));
    let fd = day.fd(4, &format!("TCP:[10.0.0.9:{port}->10.0.0.{host}:443]"));
    let to = format!(
        "{{sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr(\"10.0.0.{host}\")}}"
    );
    let made = ["AF_INET", "SOCK_STREAM", "IPPROTO_TCP"];
    let sent = [fd.as_str(), "\"\"", "90", "0", "NULL", "0"];
    let received = [fd.as_str(), "\"\"", "4096", "0", "NULL", "NULL"];
    vec![
        call("socket", &made, Outcome::Returned(4)),
        call("connect", &[&new, &to, "16"], GOOD),
        call("sendto", &sent, Outcome::Returned(90)),
        call("recvfrom", &received, Outcome::Returned(700)),
        call("close", &[&fd], GOOD),
    ]
}

/// As Python and `mktemp` make them, and a folder by the number of the process.
fn temporary_name(kind: u8, pid: u32, day: Day) -> String {
    let letters = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let seed = u64::from(pid) * 7919 + u64::from(day.later) * 104_729;
    let random: String = (0..8_u32)
        .map(|place| usize::try_from((seed >> (place * 3)) % 36).unwrap_or(0))
        .map(|at| char::from(letters[at]))
        .collect();
    match kind {
        0 => format!("/tmp/tmp{random}"),
        1 => format!("/tmp/tmp.X{random}9"),
        _ => format!("/tmp/job-{pid}/spool"),
    }
}

fn acts(child: &Child, pid: u32, day: Day) -> Vec<Act> {
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
            "/data/file-{}.csv",
            char::from(b'a' + u8::try_from(*file).unwrap_or(0))
        );
        let fd = day.fd(3, &path);
        let quoted = format!("\"{path}\"");
        let open = ["AT_FDCWD".to_owned(), quoted, "O_RDONLY".to_owned()];
        acts.push(call("openat", &open, Outcome::Returned(3)));
        let read = [fd.clone(), "\"\"".to_owned(), "9999".to_owned()];
        acts.push(call("read", &read, Outcome::Returned(*bytes)));
        acts.push(call("close", &[fd], Outcome::Returned(0)));
    }
    for other in &child.others {
        acts.extend(other_acts(*other, pid, day));
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

/// Tracks the job of a day, in an order that `choices` decides.
fn track(children: &[Child], day: Day, choices: &[usize], sink: &mut dyn StepSink) -> World {
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
    let mut time_ns = day.start_ns();
    let mut feed = |tid: u32, act: &Act| {
        time_ns += 10_000;
        event(&mut tracker, sink, tid, time_ns, act);
    };
    let (first, pid) = (day.first, |place: usize| day.pid(place));
    feed(first, &root);
    for place in 0..children.len() {
        let fork = Act::Call("fork", Vec::new(), Outcome::Returned(i64::from(pid(place))));
        feed(first, &fork);
    }
    let mut queues: Vec<(usize, std::vec::IntoIter<Act>)> = children
        .iter()
        .enumerate()
        .map(|(place, child)| (place, acts(child, pid(place), day).into_iter()))
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
    let mut ends = |status: ExitStatus| {
        let kind = Kind::Exit(status);
        tracker.event(&Event { time_ns, tid, kind }, sink);
    };
    let (name, words, outcome, duration_ns) = match act {
        Act::Exit(code) => return ends(ExitStatus::Exited(*code)),
        Act::Killed(signal) => {
            return ends(ExitStatus::Killed {
                signal: *signal,
                core: false,
            });
        }
        Act::Call(name, words, outcome) => (name, words, outcome, 4_000),
        Act::Wait(name, words, outcome, duration_ns) => (name, words, outcome, *duration_ns),
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
        duration_ns: Some(duration_ns),
        result_path: b"",
        architecture: Architecture::X86_64,
    });
    tracker.event(&Event { time_ns, tid, kind }, sink);
}

fn profile(children: &[Child], day: Day, choices: &[usize]) -> Profile {
    let mut world = track(children, day, choices, &mut Steps(None));
    let recorder = if day.shows_paths { "ptrace" } else { "strace" };
    let identity = RunIdentity {
        run: "run".to_owned(),
        recorder: recorder.to_owned(),
        complete: true,
        ..RunIdentity::default()
    };
    let mut profiler = Profiler::new(&mut world, &identity, &mut NameRules::default());
    track(children, day, choices, &mut Steps(Some(&mut profiler)));
    profiler.finish(&world)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn numbers_days_and_interleaving_do_not_matter(
        children in children(),
        first in 400..30_000_u32,
        later in 0..5_u32,
        one in prop::collection::vec(0..8_usize, 1..30),
        other in prop::collection::vec(0..8_usize, 1..30),
    ) {
        let before = profile(&children, Day::FIRST, &one);
        let after = profile(&children, Day { first, later, shows_paths: false }, &other);
        let difference = compare(&[&before], &after);
        prop_assert!(difference.findings.is_empty(), "{:#?}", difference.findings);
        prop_assert_eq!(difference.time.unexplained_ns, 0);
    }

    #[test]
    fn what_a_recorder_shows_of_descriptors_does_not_matter(
        children in children(),
        first in 400..30_000_u32,
        one in prop::collection::vec(0..8_usize, 1..30),
        other in prop::collection::vec(0..8_usize, 1..30),
        turned in any::<bool>(),
    ) {
        let before = profile(&children, Day { shows_paths: turned, ..Day::FIRST }, &one);
        let after = profile(&children, Day { first, later: 1, shows_paths: !turned }, &other);
        let difference = compare(&[&before], &after);
        prop_assert!(!difference.is_different(), "{:#?}", difference.findings);
        prop_assert_eq!(difference.time.unexplained_ns, 0);
    }

    #[test]
    fn a_run_does_not_differ_from_itself(
        children in children(),
        choices in prop::collection::vec(0..8_usize, 1..30),
        shows_paths in any::<bool>(),
    ) {
        let run = profile(&children, Day { shows_paths, ..Day::FIRST }, &choices);
        let difference = compare(&[&run], &run);
        prop_assert!(difference.findings.is_empty(), "{:#?}", difference.findings);
        prop_assert!(difference.time.parts.is_empty());
        // The same with several baselines.
        let difference = compare(&[&run, &run, &run], &run);
        prop_assert!(difference.findings.is_empty(), "{:#?}", difference.findings);
    }

    #[test]
    fn a_missing_file_is_the_first_finding_in_any_order(
        children in children(),
        victim in 0..6_usize,
        first in 400..30_000_u32,
        choices in prop::collection::vec(0..8_usize, 1..30),
    ) {
        let before = profile(&children, Day::FIRST, &[0]);
        let mut faulty = children;
        let victim = victim % faulty.len();
        faulty[victim].fails = true;
        let after = profile(&faulty, Day { first, ..Day::FIRST }, &choices);
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
            others: Vec::new(),
            fails: false,
        }]
    };
    let runs: Vec<Profile> = [400_000, 1_000, 90_000]
        .into_iter()
        .map(|bytes| profile(&child(bytes), Day::FIRST, &[0]))
        .collect();
    let subject = profile(&child(30_000), Day::FIRST, &[0]);
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
    job(&acts.into_iter().map(|act| (1000, act)).collect::<Vec<_>>())
}

/// The profile of a job of several processes: which of them does what, in turn.
fn job(acts: &[(u32, Act)]) -> Profile {
    profile_of(|tracker, sink| {
        let mut time_ns = 1_763_600_000_000_000_000;
        for (tid, act) in acts {
            time_ns += act.step_ns();
            event(tracker, sink, *tid, time_ns, act);
        }
    })
}

/// The profile of the events that `feed` gives a tracker; it is asked twice, as runs are read.
fn profile_of(feed: impl Fn(&mut Tracker, &mut dyn StepSink)) -> Profile {
    let track = |sink: &mut dyn StepSink| {
        let mut tracker = Tracker::new(Retention::All, TrackContext::default());
        tracker.world_mut().clock = ClockKind::Epoch;
        feed(&mut tracker, sink);
        tracker.finish(sink);
        std::mem::take(tracker.world_mut())
    };
    let mut world = track(&mut Steps(None));
    let identity = RunIdentity {
        complete: true,
        ..RunIdentity::default()
    };
    let mut profiler = Profiler::new(&mut world, &identity, &mut NameRules::default());
    track(&mut Steps(Some(&mut profiler)));
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

#[test]
fn a_process_that_cannot_be_started_is_a_finding() {
    let before = reader(&cameras(1..=3), &[]);
    let fails = call("vfork", &[], Outcome::Failed(Errno(11)));
    let after = reader(&cameras(1..=3), &[fails]);
    let findings = compare(&[&before], &after).findings;
    assert_eq!(findings[0].kind, FindingKind::Error, "{findings:#?}");
    assert_eq!(findings[0].subject, b"call vfork");
    assert!(findings[0].score >= super::ALARM_SCORE);
}

#[test]
fn another_release_is_told_though_its_folder_is_renamed() {
    let release = |version: &str| {
        let files = ["main.conf", "lib/one.mod", "lib/two.mod", "lib/three.mod"];
        let names: Vec<String> = files
            .iter()
            .map(|file| format!("/srv/app/releases/{version}/{file}"))
            .collect();
        reader(&names, &[])
    };
    let (before, after) = (release("2.4"), release("2.5"));
    for baselines in [vec![&before], vec![&before; 5]] {
        let findings = compare(&baselines, &after).findings;
        assert_eq!(findings[0].kind, FindingKind::Version, "{findings:#?}");
        assert_eq!(findings[0].subject, b"/srv/app/releases/2.5");
    }
    // One that some baseline had is known.
    let findings = compare(&[&before, &after], &after).findings;
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn new_words_on_standard_error_are_told_without_them() {
    let says = call(
        "write",
        &["2<pipe:[77]>", "\"\"", "40"],
        Outcome::Returned(40),
    );
    let before = reader(&cameras(1..=3), &[]);
    let after = reader(&cameras(1..=3), std::slice::from_ref(&says));
    let findings = compare(&[&before, &before, &before], &after).findings;
    assert_eq!(findings[0].kind, FindingKind::LogNew, "{findings:#?}");
    assert_eq!(findings[0].after, b"40 bytes");
    assert!(findings[0].score >= super::ALARM_SCORE);
    // One baseline does not show that it is silent.
    let findings = compare(&[&before], &after).findings;
    assert!(findings[0].score < super::ALARM_SCORE, "{findings:#?}");
    let findings = compare(&[&after], &after).findings;
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn what_a_job_is_given_for_its_children_is_told() {
    let with = |flags: &str| {
        let mut run = reader(&cameras(1..=3), &[]);
        let mut set = |name: &str, value: &str| {
            let values = run.roles[0].environment.entry(name.into()).or_default();
            values.insert(value.into(), value.into());
        };
        set("LANG", "C");
        if !flags.is_empty() {
            set("MAKEFLAGS", flags);
        }
        run
    };
    let findings = compare(&[&with("")], &with("n")).findings;
    assert_eq!(findings[0].subject, b"MAKEFLAGS", "{findings:#?}");
    assert!(compare(&[&with("n")], &with("")).findings.is_empty());
    assert!(compare(&[&with("")], &with(" ")).findings.is_empty());
}

#[test]
fn new_names_are_ordinary_where_each_run_has_its_own() {
    let letters = |numbers: &[u32]| -> Vec<String> {
        let users = ["ann", "bob", "cleo"].iter().cycle();
        numbers
            .iter()
            .zip(users)
            .map(|(number, user)| format!("/srv/home/{user}/papers/plan-{number}.odt"))
            .collect()
    };
    let runs: Vec<Profile> = [&[11, 12, 13, 14][..], &[12, 21, 22], &[11, 31, 13, 32, 33]]
        .iter()
        .map(|numbers| reader(&letters(numbers), &[]))
        .collect();
    let subject = reader(&letters(&[41, 12, 42]), &[]);
    let all: Vec<&Profile> = runs.iter().collect();
    for baselines in [&all[..], &all[..1]] {
        let difference = compare(baselines, &subject);
        assert!(!difference.is_different(), "{:#?}", difference.findings);
    }
    // A name without a number is nobody's.
    let mut names = letters(&[41, 12, 42]);
    names.push("/srv/home/ann/papers/extra.odt".to_owned());
    assert!(compare(&all, &reader(&names, &[])).is_different());
}
