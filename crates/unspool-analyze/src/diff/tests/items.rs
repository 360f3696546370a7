//! What is ordinary though its name is new, and what is told of what is not: items that are others in each run, fixed
//! dates, threads that wait for threads, ends that are asked for more.

use unspool_model::args::{Arg, Args};
use unspool_model::event::{Call, CallName, Errno, Event, ExitStatus, Kind, Outcome};
use unspool_model::ids::Tid;
use unspool_model::syscalls::Architecture;

use super::super::{ALARM_SCORE, Difference, Finding};
use super::{FindingKind, Profile, compare, profile_of};

/// 2025-11-20, and a day.
const DAY: i64 = 1_763_600_000_000_000_000;
const A_DAY: i64 = 86_400_000_000_000;
const FIRST: u32 = 1000;
const MILLI: i64 = 1_000_000;

/// A call of a thread, and how long it took.
#[derive(Clone, Debug)]
struct Doing {
    tid: u32,
    call: &'static str,
    args: String,
    outcome: Outcome,
    ns: i64,
}

fn doing(call: &'static str, args: &str, outcome: Outcome) -> Doing {
    Doing {
        tid: FIRST,
        call,
        args: args.to_owned(),
        outcome,
        ns: 4_000,
    }
}

impl Doing {
    fn by(self, tid: u32) -> Self {
        Self { tid, ..self }
    }

    fn for_ns(self, ns: i64) -> Self {
        Self { ns, ..self }
    }
}

const GOOD: Outcome = Outcome::Returned(0);

/// A run of one program from `start_ns` on; each call ends 10 µs after the one before, or takes longer. It ends with `code`.
fn run(start_ns: i64, acts: &[Doing], code: u8) -> Profile {
    let begin = doing(
        "execve",
        "\"/usr/bin/load\"; [\"load\"]; 0x1 /* 2 vars */",
        GOOD,
    );
    profile_of(|tracker, sink| {
        let mut end_ns = start_ns;
        for act in std::iter::once(&begin).chain(acts) {
            // What takes longer than the pace began while others did something.
            end_ns += 10_000.max(if act.tid == FIRST { act.ns } else { 0 });
            let words: Vec<&str> = act.args.split("; ").collect();
            let text = words.join(", ");
            let mut args = Args::new(text.as_bytes());
            for word in &words {
                args.push(Arg::Text(word.as_bytes()));
            }
            let kind = Kind::Call(Call {
                name: CallName::from_bytes(act.call.as_bytes()),
                args,
                outcome: act.outcome,
                duration_ns: Some(act.ns),
                result_path: b"",
                architecture: Architecture::X86_64,
            });
            let (time_ns, tid) = (end_ns - act.ns, Some(Tid(act.tid)));
            tracker.event(&Event { time_ns, tid, kind }, sink);
        }
        let (time_ns, tid) = (end_ns + 10_000, Some(Tid(FIRST)));
        let kind = Kind::Exit(ExitStatus::Exited(code));
        tracker.event(&Event { time_ns, tid, kind }, sink);
    })
}

fn reads(name: &str, bytes: i64) -> Vec<Doing> {
    let path = format!("AT_FDCWD; \"{name}\"; O_RDONLY");
    vec![
        doing("openat", &path, Outcome::Returned(3)),
        doing("read", "3; \"\"; 9999", Outcome::Returned(bytes)),
        doing("close", "3", GOOD),
    ]
}

fn writes(name: &str) -> Vec<Doing> {
    let path = format!("AT_FDCWD; \"{name}\"; O_WRONLY|O_CREAT|O_EXCL; 0600");
    vec![
        doing("openat", &path, Outcome::Returned(3)),
        doing("write", "3; \"\"; 40", Outcome::Returned(40)),
        doing("close", "3", GOOD),
    ]
}

fn fails(call: &'static str, name: &str, errno: u16) -> Doing {
    let path = format!("AT_FDCWD; \"{name}\"; O_RDONLY");
    doing(call, &path, Outcome::Failed(Errno(errno)))
}

/// Asks an end and is answered; each call on it takes `ns`.
fn asks(times: usize, answer: i64, ns: i64) -> Vec<Doing> {
    let address =
        "4; {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr(\"10.0.0.7\")}; 16";
    let mut acts = vec![
        doing(
            "socket",
            "AF_INET; SOCK_STREAM; IPPROTO_TCP",
            Outcome::Returned(4),
        ),
        doing("connect", address, GOOD),
    ];
    for _ in 0..times {
        acts.push(doing(
            "sendto",
            "4; \"\"; 90; 0; NULL; 0",
            Outcome::Returned(90),
        ));
        let answer = doing(
            "recvfrom",
            "4; \"\"; 4096; 0; NULL; NULL",
            Outcome::Returned(answer),
        );
        acts.push(answer.for_ns(ns));
    }
    acts.push(doing("close", "4", GOOD));
    acts
}

/// What is said of findings, one a line.
fn told(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let (subject, sentence) = (&finding.subject, &finding.sentence);
        let text = [
            String::from_utf8_lossy(subject),
            String::from_utf8_lossy(sentence),
        ];
        format!(
            "{:.2} {:?} {}\n",
            finding.score,
            finding.kind,
            text.join(": ")
        )
    };
    findings.iter().map(line).collect()
}

#[track_caller]
fn is_ordinary(difference: &Difference) {
    assert!(!difference.is_different(), "{}", told(&difference.findings));
}

#[test]
fn a_month_that_a_name_has_on_all_days_is_its_own() {
    let model = reads("/job/model/weights-2025-10", 900);
    let (before, after) = (run(DAY, &model, 0), run(DAY + 12 * A_DAY, &model, 0));
    let difference = compare(&[&before], &after);
    assert!(
        difference.findings.is_empty(),
        "{}",
        told(&difference.findings)
    );
}

#[test]
fn the_file_of_a_day_that_is_used_again_is_not_told_as_another_than_itself() {
    let day = reads("/job/in/2025-11-20.csv", 900);
    let (before, after) = (run(DAY, &day, 0), run(DAY + A_DAY, &day, 0));
    let findings = compare(&[&before], &after).findings;
    let first = findings.first().expect("a finding");
    assert_eq!(first.kind, FindingKind::FileOther, "{}", told(&findings));
    assert!(first.score >= ALARM_SCORE, "{}", told(&findings));
    assert_ne!(first.before, first.after);
    let text = String::from_utf8_lossy(&first.sentence);
    assert!(
        text.contains("a run of another day used the same one"),
        "{text}"
    );
}

#[test]
fn what_fails_for_other_items_in_each_run_is_ordinary() {
    let live = |due: &[&str]| {
        let names = due
            .iter()
            .map(|site| format!("/srv/live/{site}.example.crt"));
        let acts: Vec<Doing> = names.map(|name| fails("openat", &name, 20)).collect();
        run(DAY, &acts, 0)
    };
    let one = live(&["www-01", "www-02", "api-03"]);
    let other = live(&["www-02", "api-01"]);
    let now = live(&["api-02", "www-01", "www-03"]);
    is_ordinary(&compare(&[&one], &now));
    is_ordinary(&compare(&[&one, &other], &now));
    // The same ones on all days, and today one more.
    let more = live(&["www-01", "www-02", "api-03", "api-09"]);
    for baselines in [vec![&one], vec![&one; 3]] {
        let findings = compare(&baselines, &more).findings;
        assert_eq!(findings[0].kind, FindingKind::Error, "{}", told(&findings));
        assert_eq!(findings[0].subject, b"/srv/live/api-09.example.crt");
        assert!(findings[0].score >= ALARM_SCORE, "{}", told(&findings));
    }
}

#[test]
fn other_items_that_a_job_makes_are_its_amount() {
    let live = |sites: &[&str]| {
        let acts: Vec<Doing> = sites
            .iter()
            .flat_map(|site| writes(&format!("/srv/live/{site}.example.crt")))
            .collect();
        run(DAY, &acts, 0)
    };
    let one = live(&["www-01", "www-02", "www-03", "api-01", "api-02", "api-03"]);
    let now = live(&["www-01", "www-02", "www-03", "www-04", "pay-01", "pay-02"]);
    is_ordinary(&compare(&[&one], &now));
    // Another kind of thing in that folder is not.
    let mut acts = writes("/srv/live/www-01.example.crt");
    acts.extend(writes("/srv/live/dump.tar"));
    assert!(compare(&[&one], &run(DAY, &acts, 0)).is_different());
}

#[test]
fn an_end_that_is_asked_for_more_is_not_slower() {
    let usual = run(DAY, &asks(5, 700, 100 * MILLI), 0);
    let more = run(DAY, &asks(20, 700, 100 * MILLI), 0);
    let findings = compare(&[&usual], &more).findings;
    let slower = |finding: &&Finding| finding.kind == FindingKind::Slower;
    assert!(
        !findings.iter().any(|finding| slower(&finding)),
        "{}",
        told(&findings)
    );
    assert_eq!(findings[0].kind, FindingKind::More, "{}", told(&findings));
    // As much, and each answer late.
    let late = run(DAY, &asks(5, 700, 400 * MILLI), 0);
    let findings = compare(&[&usual], &late).findings;
    assert_eq!(findings[0].kind, FindingKind::Slower, "{}", told(&findings));
    assert_eq!(findings[0].subject, b"10.0.0.7:443");
}

/// The first thread waits for the second, which waits until the end answers.
fn asks_by_threads(ns: i64) -> Vec<Doing> {
    const NOTIFIER: u32 = FIRST + 1;
    let thread = "child_stack=0x7; flags=CLONE_VM|CLONE_FILES|CLONE_THREAD|CLONE_SIGHAND";
    let mut acts = asks(1, 700, 4_000);
    let answered = acts.len() - 2;
    let waits = doing("futex", "0x5a10; FUTEX_WAIT_BITSET_PRIVATE; 0", GOOD);
    let ready = doing(
        "poll",
        "[{fd=4, events=POLLIN}]; 1; -1",
        Outcome::Returned(1),
    );
    acts.insert(answered, waits.for_ns(ns));
    acts.insert(answered, ready.by(NOTIFIER).for_ns(ns));
    let clone = doing("clone", thread, Outcome::Returned(i64::from(NOTIFIER)));
    acts.insert(0, clone);
    acts
}

#[test]
fn who_waits_for_a_thread_waits_for_what_that_waits_for() {
    let usual = run(DAY, &asks_by_threads(2 * MILLI), 0);
    let late = run(DAY, &asks_by_threads(900 * MILLI), 0);
    let findings = compare(&[&usual], &late).findings;
    assert_eq!(findings[0].kind, FindingKind::Slower, "{}", told(&findings));
    assert_eq!(findings[0].subject, b"10.0.0.7:443", "{}", told(&findings));
    // Threads that only wait for each other are their own.
    let alone = |ns| {
        let mut acts = asks_by_threads(ns);
        acts.retain(|act| act.call != "poll");
        run(DAY, &acts, 0)
    };
    let findings = compare(&[&alone(2 * MILLI)], &alone(900 * MILLI)).findings;
    assert!(
        findings
            .iter()
            .all(|finding| finding.subject != b"10.0.0.7:443"),
        "{}",
        told(&findings)
    );
}

#[test]
fn a_random_name_is_not_found() {
    let name = |random: &str| format!("/tmp/job/objects/obj_{random}");
    let makes = |random: &str| {
        let mut acts = writes(&name(random));
        acts.push(doing("unlink", &format!("\"{}\"", name(random)), GOOD));
        acts
    };
    let before = run(DAY, &[fails("openat", &name("x3Kq9Z"), 2)], 0);
    let after = run(DAY, &makes("IKK1cS"), 0);
    is_ordinary(&compare(&[&before], &after));
}

#[test]
fn an_input_explains_the_output_of_its_name() {
    let teams = |yard: Option<i64>| {
        let mut acts = Vec::new();
        for (team, bytes) in [("desk", 600), ("yard", yard.unwrap_or(1900)), ("shop", 640)] {
            acts.extend(reads(&format!("/job/in/{team}.csv"), bytes));
            if team != "yard" || yard.is_some() {
                acts.extend(writes(&format!("/job/out/slips-{team}.txt")));
            }
        }
        run(DAY, &acts, 0)
    };
    let findings = compare(&[&teams(Some(620))], &teams(None)).findings;
    assert_eq!(
        findings[0].subject,
        b"/job/in/yard.csv",
        "{}",
        told(&findings)
    );
    let output = findings
        .iter()
        .find(|finding| finding.subject == b"/job/out/slips-yard.txt");
    assert_eq!(
        output.and_then(|output| output.caused_by),
        Some(0),
        "{}",
        told(&findings)
    );
}

#[test]
fn a_socket_is_told_by_the_path_that_was_asked_for() {
    let connects = |outcome| {
        let address = "5; {sa_family=AF_UNIX, sun_path=\"var/proxy.sock\"}; 17";
        let made = Outcome::Returned(5);
        let mut acts = vec![
            doing("socket", "AF_UNIX; SOCK_STREAM; 0", made),
            doing("connect", address, outcome),
        ];
        if outcome == GOOD {
            acts.push(doing("write", "5; \"\"; 40", Outcome::Returned(40)));
            acts.push(doing("read", "5; \"\"; 90", Outcome::Returned(90)));
        }
        acts.push(doing("close", "5", GOOD));
        acts
    };
    let before = run(DAY, &connects(GOOD), 0);
    let after = run(DAY, &connects(Outcome::Failed(Errno::ENOENT)), 1);
    let findings = compare(&[&before], &after).findings;
    assert_eq!(
        findings[0].kind,
        FindingKind::FileMissing,
        "{}",
        told(&findings)
    );
    assert_eq!(
        findings[0].subject,
        b"var/proxy.sock",
        "{}",
        told(&findings)
    );
}

#[test]
fn another_answer_that_is_read_byte_by_byte_is_told() {
    let answers = |bytes: i64, code| {
        let mut acts = asks(1, 1, 4_000);
        let place = acts.len() - 2;
        let read = acts[place].clone();
        acts.splice(
            place..place,
            vec![read; usize::try_from(bytes - 1).expect("bytes")],
        );
        run(DAY, &acts, code)
    };
    let findings = compare(&[&answers(22, 0)], &answers(36, 1)).findings;
    let answer = findings
        .iter()
        .find(|finding| finding.subject == b"10.0.0.7:443");
    let answer = answer.expect("the other answer");
    assert_eq!(answer.kind, FindingKind::More, "{}", told(&findings));
}

/// Makes and reads packages of `versions`, each in a folder of its own.
fn packages(versions: std::ops::Range<u32>) -> Vec<Doing> {
    versions
        .flat_map(|minor| {
            let name = char::from(b'a' + u8::try_from(minor % 7).unwrap_or(0));
            let path = format!("/srv/pool/{name}/tool{name}/tool{name}_1.{minor}_amd64.deb");
            [writes(&path), reads(&path, 900)].concat()
        })
        .collect()
}

#[test]
fn packages_of_other_versions_are_the_days_data() {
    let usual = run(DAY, &packages(10..17), 0);
    let earlier = run(DAY, &packages(30..37), 0);
    let now = run(DAY, &packages(50..58), 0);
    is_ordinary(&compare(&[&usual], &now));
    is_ordinary(&compare(&[&usual, &earlier], &now));
    // One that is only read stands for a part of the program.
    let with = |version: &str| {
        let path = format!("/srv/job/lib/rates-{version}.jar");
        run(DAY, &reads(&path, 900), 0)
    };
    let findings = compare(&[&with("1.4")], &with("1.5")).findings;
    assert_eq!(
        findings[0].kind,
        FindingKind::Version,
        "{}",
        told(&findings)
    );
    assert!(findings[0].score >= ALARM_SCORE, "{}", told(&findings));
}
