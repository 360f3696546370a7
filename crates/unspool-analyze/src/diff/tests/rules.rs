//! Rules for what operators meet, each on a job that is as small as it may be. Each test fails without its rule.

use unspool_model::event::{Errno, Outcome};
use unspool_model::world::Content;

use super::super::{ALARM_SCORE, Finding};
use super::{Act, FindingKind, GOOD, Profile, call, compare, job};

/// First process of a job, and its first child.
const FIRST: u32 = 1000;
const CHILD: u32 = 1007;
const REFUSED: Outcome = Outcome::Failed(Errno(111));

fn runs(pid: u32, words: &[&str]) -> (u32, Act) {
    let path = format!("\"/usr/bin/{}\"", words[0]);
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let argv = format!("[{}]", quoted.join(", "));
    (
        pid,
        call("execve", &[&path, &argv, "0x1 /* 2 vars */"], GOOD),
    )
}

fn starts(pid: u32, child: u32) -> (u32, Act) {
    (pid, call("fork", &[], Outcome::Returned(i64::from(child))))
}

fn ends(pid: u32, code: u8) -> (u32, Act) {
    (pid, Act::Exit(code))
}

fn reads(pid: u32, name: &str, bytes: i64) -> Vec<(u32, Act)> {
    let path = format!("\"{name}\"");
    let open = ["AT_FDCWD", &path, "O_RDONLY"];
    vec![
        (pid, call("openat", &open, Outcome::Returned(3))),
        (
            pid,
            call("read", &["3", "\"\"", "99999"], Outcome::Returned(bytes)),
        ),
        (pid, call("close", &["3"], GOOD)),
    ]
}

fn lists(pid: u32, name: &str, entries: i64) -> Vec<(u32, Act)> {
    let path = format!("\"{name}\"");
    let open = [
        "AT_FDCWD",
        &path,
        "O_RDONLY|O_NONBLOCK|O_CLOEXEC|O_DIRECTORY",
    ];
    let list = ["3", "0x1 /* some entries */", "32768"];
    vec![
        (pid, call("openat", &open, Outcome::Returned(3))),
        (
            pid,
            call("getdents64", &list, Outcome::Returned(48 + 32 * entries)),
        ),
        (pid, call("getdents64", &list, GOOD)),
        (pid, call("close", &["3"], GOOD)),
    ]
}

/// Asks a server and waits for its answer.
fn asks(pid: u32, address: &str, answer: Outcome, time_ns: i64) -> Vec<(u32, Act)> {
    let to =
        format!("{{sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr(\"{address}\")}}");
    let fd = format!("4<TCP:[10.0.9.9:40000->{address}:443]>");
    let made = ["AF_INET", "SOCK_STREAM", "IPPROTO_TCP"];
    let sent = [fd.as_str(), "\"\"", "90", "0", "NULL", "0"];
    let received = [fd.as_str(), "\"\"", "4096", "0", "NULL", "NULL"]
        .map(str::to_owned)
        .to_vec();
    let mut acts = vec![
        (pid, call("socket", &made, Outcome::Returned(4))),
        (pid, call("connect", &["4<socket:[3]>", &to, "16"], answer)),
    ];
    if answer == GOOD {
        let answer = Outcome::Returned(700);
        acts.push((pid, call("sendto", &sent, Outcome::Returned(90))));
        acts.push((pid, Act::Wait("recvfrom", received, answer, time_ns)));
    }
    acts.push((pid, call("close", &["4"], GOOD)));
    acts
}

/// A run of the process `load`, which does what `acts` say and ends well.
fn load(acts: Vec<Vec<(u32, Act)>>) -> Profile {
    let mut all = vec![runs(FIRST, &["load"])];
    all.extend(acts.into_iter().flatten());
    all.push(ends(FIRST, 0));
    job(&all)
}

#[track_caller]
fn first(findings: &[Finding], kind: FindingKind, subject: &str) {
    let cause = findings.first().expect("a finding");
    assert_eq!(cause.kind, kind, "{findings:#?}");
    assert_eq!(cause.subject, subject.as_bytes(), "{findings:#?}");
    assert!(cause.score >= ALARM_SCORE, "{findings:#?}");
}

#[test]
fn who_lists_a_folder_of_inputs_finds_it_empty() {
    let users = ["ann", "bob", "cleo", "dora"];
    let run = |users: &[&str]| {
        let entries = i64::try_from(users.len()).unwrap_or(0);
        let mut acts = vec![runs(FIRST, &["sh", "job.sh"])];
        acts.extend(lists(FIRST, "/srv/in", entries));
        acts.extend([starts(FIRST, CHILD), runs(CHILD, &["grep"])]);
        for user in users {
            acts.extend(reads(CHILD, &format!("/srv/in/{user}"), 4000));
        }
        acts.extend([ends(CHILD, u8::from(users.is_empty())), ends(FIRST, 0)]);
        job(&acts)
    };
    let findings = compare(&[&run(&users)], &run(&[])).findings;
    first(&findings, FindingKind::FileGone, "/srv/in");
    let sentence = String::from_utf8_lossy(&findings[0].sentence).into_owned();
    assert!(sentence.contains("found no file in"), "{sentence}");
    let exit = |finding: &&Finding| finding.kind == FindingKind::ExitStatus;
    assert_eq!(
        findings.iter().find(exit).and_then(|exit| exit.caused_by),
        Some(0)
    );
}

#[test]
fn a_flood_of_files_is_told_where_numbers_are_ordinary() {
    // Of some it only asks whether they are there.
    let run = |numbers: std::ops::Range<u32>| {
        let use_of = |number: u32| {
            let name = format!("/srv/bounces/{number}.eml");
            match number % 2 {
                0 => reads(FIRST, &name, 900),
                _ => vec![(
                    FIRST,
                    call("access", &[&format!("\"{name}\""), "R_OK"], GOOD),
                )],
            }
        };
        load(numbers.map(use_of).collect())
    };
    let findings = compare(&[&run(100..105)], &run(200..420)).findings;
    first(&findings, FindingKind::More, "/srv/bounces");
    // Four times as many are a day with more.
    let findings = compare(&[&run(100..105)], &run(200..220)).findings;
    assert!(
        findings.iter().all(|finding| finding.score < ALARM_SCORE),
        "{findings:#?}"
    );
}

#[test]
fn one_cut_member_of_a_family_is_told() {
    let run = |start: u32, cut: Option<u32>| {
        let read = |number: u32| {
            let bytes = if cut == Some(number) {
                300
            } else {
                9000 + i64::from(number % 7) * 100
            };
            reads(FIRST, &format!("/srv/in/{number}.json"), bytes)
        };
        load((start..start + 12).map(read).collect())
    };
    let before = run(100, None);
    assert!(!compare(&[&before], &run(200, None)).is_different());
    let findings = compare(&[&before], &run(200, Some(207))).findings;
    first(&findings, FindingKind::Less, "/srv/in/207.json");
}

#[test]
fn a_file_of_which_the_time_is_to_come_is_told() {
    let run = |ahead_s: i64| {
        let mut run = load(vec![
            reads(FIRST, "/srv/app/main.dat", 4000),
            reads(FIRST, "/srv/app/notes.dat", 300),
        ]);
        let modified_ns = run.end_ns + ahead_s * 1_000_000_000;
        for key in &mut run.keys {
            let is_late = key.raw.ends_with(b"main.dat");
            if key.raw.starts_with(b"/srv/app/") {
                key.content = Some(Box::new(Content {
                    size_bytes: 4000,
                    modified_ns: if is_late {
                        modified_ns
                    } else {
                        1_700_000_000_000_000_000
                    },
                    inode: 7,
                    hash: None,
                }));
            }
        }
        run
    };
    // Both are made anew for each run, so their times by themselves say nothing.
    let before = run(-1);
    assert!(compare(&[&before], &run(-1)).findings.is_empty());
    let findings = compare(&[&before], &run(14_400)).findings;
    first(&findings, FindingKind::Content, "/srv/app/main.dat");
    assert_eq!(
        findings[0].after,
        b"time of writing 4 hours after the start of the run"
    );
    // Clocks of two machines differ by seconds.
    assert!(compare(&[&before], &run(30)).findings.is_empty());
}

#[test]
fn a_place_that_refuses_is_no_other_place() {
    let run = |answer: Outcome| {
        let mut acts = vec![asks(FIRST, "10.0.0.1", answer, 4_000)];
        if answer == GOOD {
            acts.push(asks(FIRST, "10.0.0.2", GOOD, 4_000));
        }
        load(acts)
    };
    let findings = compare(&[&run(GOOD)], &run(REFUSED)).findings;
    first(&findings, FindingKind::ConnectionError, "10.0.0.1:443");
    assert_ne!(findings[0].before, b"10.0.0.2:443", "{findings:#?}");
}

#[test]
fn another_end_is_not_slow_by_an_argument_beside_it() {
    let run = |level: &str, time_ns: i64| {
        let mut acts = vec![
            runs(FIRST, &["sh", "job.sh"]),
            starts(FIRST, CHILD),
            runs(CHILD, &["gzip", level]),
            ends(CHILD, 0),
        ];
        acts.extend(asks(FIRST, "10.0.0.1", GOOD, time_ns));
        acts.push(ends(FIRST, 0));
        job(&acts)
    };
    let findings = compare(&[&run("--fast", 40_000_000)], &run("--best", 4_000_000_000)).findings;
    let of = |kind| findings.iter().find(|finding| finding.kind == kind);
    assert!(of(FindingKind::Argument).is_some(), "{findings:#?}");
    let slower = of(FindingKind::Slower).expect("a slow peer");
    assert_eq!(slower.subject, b"10.0.0.1:443");
    assert_eq!(slower.caused_by, None, "{findings:#?}");
}

#[test]
fn how_far_a_process_came_that_sigpipe_ends_is_chance() {
    let run = |names: &[&str], end: Act| {
        let mut acts = vec![
            runs(FIRST, &["sh", "job.sh"]),
            starts(FIRST, CHILD),
            runs(CHILD, &["find"]),
        ];
        for name in names {
            acts.extend(reads(CHILD, &format!("/srv/in/{name}"), 900));
        }
        acts.extend([(CHILD, end), ends(FIRST, 0)]);
        job(&acts)
    };
    let pipe = || Act::Killed(13);
    let (few, many) = (["ann", "bob"], ["ann", "bob", "cleo"]);
    for (before, after) in [(&few[..], &many[..]), (&many, &few)] {
        let difference = compare(&[&run(before, pipe())], &run(after, pipe()));
        assert!(difference.findings.is_empty(), "{:#?}", difference.findings);
        let whole = compare(&[&run(before, Act::Exit(0))], &run(after, Act::Exit(0)));
        assert!(whole.is_different(), "{:#?}", whole.findings);
    }
}

#[test]
fn what_a_run_left_behind_is_told_to_the_next() {
    let mark = "/srv/job/run.pid";
    let path = format!("\"{mark}\"");
    let run = |is_left: bool| {
        let stat = |outcome| call("access", &[&path, "F_OK"], outcome);
        let mut acts = vec![runs(FIRST, &["sh", "job.sh"])];
        if is_left {
            acts.push((FIRST, stat(GOOD)));
        } else {
            acts.push((FIRST, stat(Outcome::Failed(Errno::ENOENT))));
            let make = ["AT_FDCWD", &path, "O_WRONLY|O_CREAT|O_TRUNC", "0666"];
            acts.push((FIRST, call("openat", &make, Outcome::Returned(3))));
            acts.push((
                FIRST,
                call("write", &["3", "\"\"", "5"], Outcome::Returned(5)),
            ));
            acts.push((FIRST, call("close", &["3"], GOOD)));
            acts.extend([starts(FIRST, CHILD), runs(CHILD, &["load"])]);
            acts.extend(reads(CHILD, "/srv/job/in.csv", 5000));
            acts.extend([ends(CHILD, 0)]);
            acts.push((FIRST, call("unlink", &[&path], GOOD)));
        }
        acts.push(ends(FIRST, 0));
        job(&acts)
    };
    let findings = compare(&[&run(false)], &run(true)).findings;
    first(&findings, FindingKind::FileNew, mark);
    let gone = |finding: &&Finding| finding.kind == FindingKind::ProcessGone;
    assert_eq!(
        findings.iter().find(gone).and_then(|gone| gone.caused_by),
        Some(0)
    );
    assert!(compare(&[&run(true)], &run(true)).findings.is_empty());
}

#[test]
fn an_end_that_answers_with_less_and_is_asked_again_explains_the_pauses() {
    let run = |tries: usize| {
        let mut acts = Vec::new();
        for number in 0..tries {
            if number > 0 {
                let words = vec![
                    "{tv_sec=0, tv_nsec=150000000}".to_owned(),
                    "NULL".to_owned(),
                ];
                acts.push(vec![(
                    FIRST,
                    Act::Wait("nanosleep", words, GOOD, 150_000_000),
                )]);
            }
            let mut asks = asks(FIRST, "10.0.0.1", GOOD, 4_000);
            if tries > 1 {
                for (_, act) in &mut asks {
                    if let Act::Wait("recvfrom", _, outcome, _) = act {
                        *outcome = Outcome::Returned(90);
                    }
                }
            }
            acts.push(asks);
        }
        load(acts)
    };
    let findings = compare(&[&run(1)], &run(5)).findings;
    first(&findings, FindingKind::Less, "10.0.0.1:443");
    let sleep = |finding: &&Finding| finding.subject == b"sleep";
    assert_eq!(
        findings
            .iter()
            .find(sleep)
            .and_then(|sleep| sleep.caused_by),
        Some(0)
    );
}

#[test]
fn one_connection_more_is_told_where_there_was_always_one() {
    let run = |times: usize| load(vec![asks(FIRST, "10.0.0.1", GOOD, 4_000); times]);
    let (one, two) = (run(1), run(2));
    let findings = compare(&[&one, &one, &one], &two).findings;
    first(&findings, FindingKind::Retry, "10.0.0.1:443");
    assert!(!compare(&[&one], &two).is_different());
    assert!(!compare(&[&one, &two, &one], &two).is_different());
}

#[test]
fn a_variable_explains_what_is_looked_for_elsewhere() {
    let run = |home: &str, is_there: bool| {
        let name = format!("{home}/.jobrc");
        let acts = if is_there {
            reads(FIRST, &name, 300)
        } else {
            let open = ["AT_FDCWD", &format!("\"{name}\""), "O_RDONLY"];
            vec![(FIRST, call("openat", &open, Outcome::Failed(Errno::ENOENT)))]
        };
        let mut run = load(vec![acts]);
        let environment = &mut run.roles[0].environment;
        environment
            .entry(b"LANG".to_vec())
            .or_default()
            .insert(b"C".to_vec(), b"C".to_vec());
        if !home.is_empty() {
            let value = home.as_bytes().to_vec();
            environment
                .entry(b"HOME".to_vec())
                .or_default()
                .insert(value.clone(), value);
        }
        run
    };
    let findings = compare(&[&run("/srv/people/ann", true)], &run("", false)).findings;
    first(&findings, FindingKind::Environment, "HOME");
    assert_eq!(findings[1].subject, b"/.jobrc", "{findings:#?}");
    assert_eq!(findings[1].caused_by, Some(0));
}

#[test]
fn a_local_socket_is_told_by_its_name() {
    let run = |answer: Option<Outcome>, code: u8| {
        let made = ["AF_UNIX", "SOCK_STREAM", "0"];
        let to = [
            "4<socket:[31]>",
            "{sa_family=AF_UNIX, sun_path=\"/run/db.sock\"}",
            "16",
        ];
        let sent = ["4<socket:[31]>", "\"\"", "90", "0", "NULL", "0"];
        let mut acts = vec![
            runs(FIRST, &["load"]),
            (FIRST, call("socket", &made, Outcome::Returned(4))),
        ];
        if let Some(answer) = answer {
            acts.push((FIRST, call("connect", &to, answer)));
        }
        if answer == Some(GOOD) {
            acts.push((FIRST, call("sendto", &sent, Outcome::Returned(90))));
        }
        acts.push((FIRST, call("close", &["4"], GOOD)));
        acts.push(ends(FIRST, code));
        job(&acts)
    };
    let vain = Some(Outcome::Failed(Errno::ENOENT));
    let findings = compare(&[&run(Some(GOOD), 0)], &run(vain, 1)).findings;
    first(&findings, FindingKind::FileMissing, "/run/db.sock");
    // Who looked for it in vain on other days does not miss it, nor is it the cause where nobody had it.
    assert!(compare(&[&run(vain, 0)], &run(vain, 0)).findings.is_empty());
    let findings = compare(&[&run(None, 0)], &run(vain, 1)).findings;
    let socket = findings
        .iter()
        .find(|finding| finding.subject == b"/run/db.sock");
    assert!(
        socket.is_none_or(|socket| socket.score < 1.0),
        "{findings:#?}"
    );
}

#[test]
fn what_an_empty_list_names_is_not_used_because_of_it() {
    let run = |names: &[&str]| {
        let bytes = 20 * i64::try_from(names.len()).unwrap_or(0);
        let path = "\"/srv/job/names.list\"";
        let make = ["AT_FDCWD", path, "O_WRONLY|O_CREAT|O_TRUNC", "0666"];
        let mut acts = vec![
            runs(FIRST, &["sh", "job.sh"]),
            starts(FIRST, CHILD),
            runs(CHILD, &["find"]),
            (CHILD, call("openat", &make, Outcome::Returned(3))),
            (
                CHILD,
                call("write", &["3", "\"\"", "99"], Outcome::Returned(bytes)),
            ),
            ends(CHILD, 0),
            starts(FIRST, CHILD + 1),
            runs(CHILD + 1, &["pack"]),
        ];
        acts.extend(reads(CHILD + 1, "/srv/job/names.list", bytes));
        acts.extend([starts(CHILD + 1, CHILD + 2), runs(CHILD + 2, &["gzip"])]);
        for name in names {
            acts.extend(reads(CHILD + 2, &format!("/srv/in/{name}"), 4000));
        }
        acts.extend([ends(CHILD + 2, 0), ends(CHILD + 1, 0), ends(FIRST, 0)]);
        job(&acts)
    };
    let all = ["ann", "bob", "cleo", "dora", "eve", "fay", "gil", "hal"];
    let findings = compare(&[&run(&all)], &run(&[])).findings;
    first(&findings, FindingKind::Less, "/srv/job/names.list");
    let folder = |finding: &&Finding| finding.subject == b"/srv/in";
    assert_eq!(
        findings
            .iter()
            .find(folder)
            .and_then(|folder| folder.caused_by),
        Some(0),
        "{findings:#?}"
    );
}

#[test]
fn what_a_shell_could_not_open_for_a_program_explains_that_it_did_not_run() {
    let run = |works: bool| {
        let log = [
            "AT_FDCWD",
            "\"/srv/job/pack.log\"",
            "O_WRONLY|O_CREAT|O_APPEND",
            "0666",
        ];
        let mut acts = vec![runs(FIRST, &["sh", "job.sh"]), starts(FIRST, CHILD)];
        if works {
            acts.push((CHILD, call("openat", &log, Outcome::Returned(3))));
            acts.push(runs(CHILD, &["pack"]));
            acts.extend(reads(CHILD, "/srv/job/in.csv", 5000));
            acts.push(ends(CHILD, 0));
        } else {
            acts.push((CHILD, call("openat", &log, Outcome::Failed(Errno(13)))));
            acts.push(ends(CHILD, 1));
        }
        acts.push(ends(FIRST, 0));
        job(&acts)
    };
    let findings = compare(&[&run(true)], &run(false)).findings;
    first(&findings, FindingKind::Error, "/srv/job/pack.log");
    let gone = |finding: &&Finding| finding.kind == FindingKind::ProcessGone;
    assert_eq!(
        findings.iter().find(gone).and_then(|gone| gone.caused_by),
        Some(0),
        "{findings:#?}"
    );
}

#[test]
fn who_has_another_way_does_not_fail() {
    let run = |outcome: Outcome, code: u8| {
        let copy = ["3", "NULL", "4", "NULL", "9999", "0"];
        let acts = vec![
            runs(FIRST, &["cp"]),
            (
                FIRST,
                call(
                    "mkdir",
                    &["\"/srv/out\"", "0777"],
                    if outcome == GOOD {
                        GOOD
                    } else {
                        Outcome::Failed(Errno(17))
                    },
                ),
            ),
            (
                FIRST,
                call(
                    "openat",
                    &["AT_FDCWD", "\"/srv/in/a.csv\"", "O_RDONLY"],
                    Outcome::Returned(3),
                ),
            ),
            (
                FIRST,
                call(
                    "openat",
                    &["AT_FDCWD", "\"/srv/out/a.csv\"", "O_WRONLY|O_CREAT", "0666"],
                    Outcome::Returned(4),
                ),
            ),
            (FIRST, call("copy_file_range", &copy, outcome)),
            (FIRST, call("close", &["3"], GOOD)),
            (FIRST, call("close", &["4"], GOOD)),
            ends(FIRST, code),
        ];
        job(&acts)
    };
    let other_disk = Outcome::Failed(Errno(18));
    let before = run(GOOD, 0);
    let difference = compare(&[&before], &run(other_disk, 0));
    assert!(!difference.is_different(), "{:#?}", difference.findings);
    let folder = |finding: &Finding| finding.subject == b"/srv/out";
    assert!(
        !difference.findings.iter().any(folder),
        "{:#?}",
        difference.findings
    );
    let failed = compare(&[&before], &run(other_disk, 1)).findings;
    assert!(failed.iter().any(folder), "{failed:#?}");
}

/// Gives the files of a run a length and the time of their last change, seconds before its start.
fn looked_at(mut run: Profile, files: &[(&str, u64, i64)]) -> Profile {
    for (name, size_bytes, age_s) in files {
        let modified_ns = run.start_ns - age_s * 1_000_000_000;
        for key in run.keys.iter_mut().filter(|key| key.raw == name.as_bytes()) {
            key.content = Some(Box::new(Content {
                size_bytes: *size_bytes,
                modified_ns,
                inode: 7,
                hash: None,
            }));
        }
    }
    run
}

#[test]
fn a_folder_of_data_that_is_all_another_one_is_the_day() {
    let names = [
        "/srv/in/north.json",
        "/srv/in/south.json",
        "/srv/in/west.json",
        "/srv/in/east.json",
    ];
    let run = |sizes: [u64; 4]| {
        let read =
            |(name, size): (&&str, &u64)| reads(FIRST, name, i64::try_from(*size).unwrap_or(0));
        let run = load(names.iter().zip(&sizes).map(read).collect());
        // They came an hour before.
        let files: Vec<_> = names
            .iter()
            .zip(sizes)
            .map(|(name, size)| (*name, size, 3600))
            .collect();
        looked_at(run, &files)
    };
    let before = run([8000, 8100, 8200, 8300]);
    let difference = compare(&[&before], &run([9000, 9100, 8900, 7600]));
    assert!(!difference.is_different(), "{:#?}", difference.findings);
    let findings = compare(&[&before], &run([8000, 8100, 8207, 8300])).findings;
    first(&findings, FindingKind::Content, "/srv/in/west.json");
}

#[test]
fn a_strange_file_among_the_inputs_explains_the_failure() {
    let run = |names: &[&str], code: u8| {
        let mut acts = vec![runs(FIRST, &["load"])];
        for name in names {
            acts.extend(reads(FIRST, &format!("/srv/in/{name}"), 4000));
        }
        acts.push(ends(FIRST, code));
        job(&acts)
    };
    let findings = compare(
        &[&run(&["ann.csv", "bob.csv"], 0)],
        &run(&["ann.csv", "bob.csv", "ann.csv.swp"], 1),
    )
    .findings;
    first(&findings, FindingKind::FileNew, "/srv/in/ann.csv.swp");
    let exit = |finding: &&Finding| finding.kind == FindingKind::ExitStatus;
    assert_eq!(
        findings.iter().find(exit).and_then(|exit| exit.caused_by),
        Some(0)
    );
    // Where names come and go, a new one is as good as another.
    let findings = compare(
        &[&run(&["ann.csv", "bob.csv"], 0)],
        &run(&["ann.csv", "cleo.csv"], 1),
    )
    .findings;
    first(&findings, FindingKind::ExitStatus, "load");
}

#[test]
fn a_setting_explains_the_argument_of_a_process_below() {
    let run = |size: u64, level: &str| {
        let mut acts = vec![runs(FIRST, &["sh", "job.sh"])];
        acts.extend(reads(
            FIRST,
            "/srv/job/job.conf",
            i64::try_from(size).unwrap_or(0),
        ));
        acts.extend([
            starts(FIRST, CHILD),
            runs(CHILD, &["gzip", level]),
            ends(CHILD, 0),
            ends(FIRST, 0),
        ]);
        looked_at(job(&acts), &[("/srv/job/job.conf", size, 9_000_000)])
    };
    let findings = compare(&[&run(300, "--fast")], &run(307, "--best")).findings;
    first(&findings, FindingKind::Content, "/srv/job/job.conf");
    assert_eq!(findings[1].kind, FindingKind::Argument, "{findings:#?}");
    assert_eq!(findings[1].caused_by, Some(0));
    // The job's own command line is not in its settings.
    let findings = compare(&[&run(300, "--fast")], &run(300, "--best")).findings;
    first(&findings, FindingKind::Argument, "gzip --best");
}

#[test]
fn a_variable_whose_value_was_not_kept_explains_the_place_that_its_name_says() {
    let run = |address: &str, value: &str| {
        let mut run = load(vec![asks(FIRST, address, GOOD, 4_000)]);
        let environment = &mut run.roles[0].environment;
        let mut set = |name: &str, value: &str| {
            let values = environment.entry(name.into()).or_default();
            values.insert(value.into(), value.into());
        };
        set("LANG", "C");
        set("FEED_HOST", value);
        run
    };
    let before = run("10.0.0.1", "‹redacted:11111111›");
    let findings = compare(&[&before], &run("10.0.0.2", "‹redacted:22222222›")).findings;
    first(&findings, FindingKind::Environment, "FEED_HOST");
    assert_eq!(findings[1].subject, b"10.0.0.2:443", "{findings:#?}");
    assert_eq!(findings[1].caused_by, Some(0));
}

#[test]
fn more_words_on_standard_error_are_listed() {
    let run = |bytes: i64| {
        let words = ["2<pipe:[77]>", "\"\"", "999"];
        let says = (FIRST, call("write", &words, Outcome::Returned(bytes)));
        load(vec![vec![says]])
    };
    let (usual, other) = (run(100), run(130));
    let found = |baselines: &[&Profile], bytes| {
        let difference = compare(baselines, &run(bytes));
        assert!(!difference.is_different(), "{:#?}", difference.findings);
        let mut findings = difference.findings.into_iter();
        findings.find(|finding| finding.subject == b"standard error of load")
    };
    let told = found(&[&usual, &other, &usual], 400).expect("a finding");
    assert_eq!(
        (told.before.as_slice(), told.after.as_slice()),
        (&b"130 bytes"[..], &b"400 bytes"[..])
    );
    assert!(told.score > 1.0, "{told:#?}");
    assert!(found(&[&usual], 400).is_some());
    // As much as it varies by itself.
    assert!(found(&[&usual, &run(300)], 900).is_none());
    assert!(found(&[&usual, &usual, &usual], 200).is_none());
}

#[test]
fn what_could_not_be_put_there_is_missing_for_that() {
    let run = |name: &str, outcome: Outcome| {
        let folder = format!("/srv/pool/{name}");
        let file = format!("{folder}/{name}.deb");
        let (maker, reader) = (CHILD, CHILD + 7);
        let mut acts = vec![
            runs(FIRST, &["sh", "job.sh"]),
            starts(FIRST, maker),
            runs(maker, &["mkdir", &folder]),
            (
                maker,
                call("mkdir", &[&format!("\"{folder}\""), "0755"], outcome),
            ),
            ends(maker, 0),
            starts(FIRST, reader),
            runs(reader, &["sha256sum", &file]),
        ];
        if outcome == GOOD {
            acts.extend(reads(reader, &file, 900));
        } else {
            let open = ["AT_FDCWD", &format!("\"{file}\""), "O_RDONLY"];
            acts.push((reader, call("openat", &open, Outcome::Failed(Errno(2)))));
        }
        acts.extend([ends(reader, u8::from(outcome != GOOD)), ends(FIRST, 0)]);
        job(&acts)
    };
    let denied = Outcome::Failed(Errno(13));
    let findings = compare(&[&run("star", GOOD)], &run("moon", denied)).findings;
    let place = |kind| findings.iter().position(|finding| finding.kind == kind);
    let refused = place(FindingKind::Error).expect("what was refused");
    let missing = place(FindingKind::FileMissing).expect("the file");
    assert_eq!(findings[missing].caused_by, Some(refused), "{findings:#?}");
}
