use super::{Anchor, Context, DateCount, Hashes, Kind, Pattern, learn};

/// 2026-11-20.
const DAY: i64 = 20_777;

fn context() -> Context {
    Context {
        anchor_days: Some(DAY),
        start_ns: Some(DAY * 86_400_000_000_000),
        home: b"/home/ann".to_vec(),
        cwd: b"/srv/job".to_vec(),
        user: b"anne".to_vec(),
        host: b"db-7.example".to_vec(),
        pids: vec![4711, 4712],
        ports: vec![8123],
        patterns: vec![Pattern::parse("batch-#").expect("a pattern")],
        ..Context::default()
    }
}

#[track_caller]
fn check(kind: Kind, name: &str, expect: &str) {
    let normalized = context().normalize(kind, name.as_bytes());
    assert_eq!(String::from_utf8_lossy(&normalized.text), expect, "{name}");
    let again = context().normalize(kind, &normalized.text);
    assert_eq!(again.text, normalized.text, "twice is once: {name}");
    assert!(again.changes.is_empty(), "{name}: {:?}", again.changes);
}

#[test]
fn folders_above_the_working_directory_are_the_way_up() {
    let context = Context {
        cwd: b"/srv/node-a/job".to_vec(),
        ..context()
    };
    let check = |name: &str, expect: &str| {
        let normalized = context.normalize(Kind::Path, name.as_bytes());
        assert_eq!(String::from_utf8_lossy(&normalized.text), expect, "{name}");
    };
    check("/srv/node-a", "<CWD>/..");
    check("/srv/node-a/job", "<CWD>");
    check("/srv", "/srv");
    check("/srv/node", "/srv/node");
}

#[test]
fn names_of_templates_are_alike_whatever_letters_they_got() {
    let check = |name: &str, expect: &str| check(Kind::TemporaryPath, name, expect);
    for random in ["Qzkrvg", "EEWKWU", "ciqy7m", "flfzsf", "x3Kq9Z", "aB3xYz"] {
        check(&format!("/tmp/job/tcl_{random}"), "/tmp/job/tcl_<TMP>");
        check(
            &format!("/tmp/job/renew.{random}/x"),
            "/tmp/job/renew.<TMP>/x",
        );
    }
    // Words.
    check("/tmp/job/pay_sorted", "/tmp/job/pay_sorted");
    check("/tmp/job/orders.merged", "/tmp/job/orders.merged");
    check("/tmp/job/Pay_Sorted", "/tmp/job/Pay_Sorted");
    check("/srv/out/pay_Qzkrvg", "/srv/out/pay_Qzkrvg");
}

#[test]
fn months_are_words() {
    let check = |name, expect| check(Kind::Path, name, expect);
    check("/log/job-fri-20-nov.log", "/log/job-<D+0>-<D+0>.log");
    check("/log/19Nov2026.log", "/log/<D-1>.log");
    check("/archive/letters-Nov2026.tar", "/archive/letters-<M+0>.tar");
    check("/archive/2026-Oct/x", "/archive/<M-1>/x");
    check("/archive/Nov/x", "/archive/<M+0>/x");
    check("/log/Nov-18", "/log/<D-2>");
    check("/log/30-dec", "/log/<D+40>");
    // The year before is nearer, and still too far away.
    check("/log/Mar", "/log/Mar");
    check("/log/Mar-14", "/log/Mar-14");
    // Words, a name, an ending.
    check("/data/sat.txt", "/data/sat.txt");
    check("/data/nov.txt", "/data/nov.txt");
    check("/data/May/x", "/data/May/x");
    check("/data/11.novel", "/data/11.novel");
}

#[test]
fn words_of_commands_name_temporary_files_and_processes() {
    let mut context = context();
    context.temporary_files = vec![(b".stamp-Xk3fQ9".to_vec(), b".stamp-<TMP>".to_vec())];
    let check = |word: &str, expect: &str| {
        let normalized = context.normalize(Kind::Word, word.as_bytes());
        assert_eq!(String::from_utf8_lossy(&normalized.text), expect, "{word}");
    };
    check("work/.stamp-Xk3fQ9", "work/.stamp-<TMP>");
    check("--newer=work/.stamp-Xk3fQ9", "--newer=work/.stamp-<TMP>");
    check("work/.stamp-Xk3fQ91", "work/.stamp-Xk3fQ91");
    check("@var/figures.4711", "@var/figures.<PID>");
    check("work/w1.4711/letter", "work/w1.<PID>/letter");
    check("--count=4711", "--count=4711");
    check("lib-1.2.4711", "lib-1.2.4711");
}

#[test]
fn random_ends_are_known_by_their_company() {
    let names = [
        "/out/.new-a8k2_x0q",
        "/out/.new-pgjvvoej",
        "/out/.new-z1x9ayq2",
    ];
    let context = Context {
        hashes: Hashes::learn(names.iter().map(|name| name.as_bytes())),
        ..context()
    };
    let check = |name: &str, expect: &str| {
        let normalized = context.normalize(Kind::Path, name.as_bytes());
        assert_eq!(String::from_utf8_lossy(&normalized.text), expect, "{name}");
    };
    check("/out/.new-pgjvvoej", "/out/.new-<TMP>");
    check("/out/.old-settings", "/out/.old-settings");
    let words = [
        "/out/job-settings",
        "/out/job-response",
        "/out/job-messages",
    ];
    let context = Context {
        hashes: Hashes::learn(words.iter().map(|name| name.as_bytes())),
        ..context
    };
    let normalized = context.normalize(Kind::Path, b"/out/job-settings");
    assert_eq!(normalized.text, b"/out/job-settings");
}

#[test]
fn paths_that_survive_days() {
    let check = |name, expect| check(Kind::Path, name, expect);
    check("/data/orders-2026-11-20.csv", "/data/orders-<D+0>.csv");
    check("/data/orders-20261119.csv.gz", "/data/orders-<D-1>.csv.gz");
    check("/data/2026/11/20/part-0", "/data/<D+0>/part-0");
    check("/log/run_20261120T031500Z.log", "/log/run_<D+0><TIME>.log");
    check("/log/run-20261120031500.log", "/log/run-<D+0><TIME>.log");
    check("/data/202611/x", "/data/<M+0>/x");
    check("/data/2026-W47/x", "/data/<W+0>/x");
    check(
        "/usr/share/leap-20160708.txt",
        "/usr/share/leap-20160708.txt",
    );
    check("/srv/job/in/a.csv", "<CWD>/in/a.csv");
    check("/srv/jobs/in/a.csv", "/srv/jobs/in/a.csv");
    check("/home/ann/.cache/x", "<HOME>/.cache/x");
    check("/tmp/tmp.Xk3fQ9aB2z/out", "/tmp/tmp.<TMP>/out");
    check("/tmp/tmpab_d3fgh/x.json", "/tmp/tmp<TMP>/x.json");
    check("/tmp/ccWk3fQ9.o", "/tmp/cc<TMP>.o");
    check("/tmp/sortK2j9Qw", "/tmp/sort<TMP>");
    check(
        "/tmp/settings/MyClassName.txt",
        "/tmp/settings/MyClassName.txt",
    );
    check("/var/run/app.4711.lock", "/var/run/app.<PID>.lock");
    check("/opt/app-4711/x", "/opt/app-4711/x");
    check("/proc/7/maps", "/proc/<PID>/maps");
    check("/proc/1/cgroup", "/proc/1/cgroup");
    check("/srv/proc/7/maps", "/srv/proc/7/maps");
    check("/v/550e8400-e29b-41d4-a716-446655440000/x", "/v/<UUID>/x");
    check(
        "/o/ab/0123456789abcdef0123456789abcdef012345",
        "/o/<HH>/<HASH>",
    );
    check(
        "/nix/store/0c7c6pd8wm0sr5q3v3l9p1zj8n3xj5dm-zlib-1.3",
        "/nix/store/<HASH>-zlib-1.3",
    );
    check("/usr/lib/libz.so.1.2.13", "/usr/lib/libz.so.1.2.13");
    check("/x/a.pyc.139874563214896", "/x/a.pyc.<N>");
    check("/log/0000000000000000000000D5", "/log/<N>");
    check("/log/000000000000000000000126", "/log/<N>");
    check("/data/batch-1234/x", "/data/batch-<N>/x");
    check("/dist/main.2feb9ea47c.js.gz", "/dist/main.<HASH>.js.gz");
    check("/dist/deadbeef.js", "/dist/deadbeef.js");
    check("pipe:[12345]", "pipe:[<N>]");
}

#[test]
fn words_of_command_lines() {
    let check = |name, expect| check(Kind::Word, name, expect);
    check("--day=2026-11-20", "--day=<D+0>");
    check("http://127.0.0.1:43127/x", "http://127.0.0.1:<PORT>/x");
    check("--port=8123", "--port=<PORT>");
    check("--since=1795132800", "--since=<T>");
    check("--in=/srv/job/x", "--in=<CWD>/x");
    check("-O2", "-O2");
    check("0x7ffd1234abcd", "<ADDR>");
    check("anne@db-7.example", "<USER>@<HOST>");
}

#[test]
fn addresses_keep_known_ports() {
    assert_eq!(context().address(b"10.0.0.1:5432"), b"10.0.0.1:5432");
    assert_eq!(context().address(b"10.0.0.1:51234"), b"10.0.0.1:<PORT>");
    assert_eq!(context().address(b"[::1]:80"), b"[::1]:80");
}

#[test]
fn the_day_of_a_run() {
    let mut dates = DateCount::default();
    dates.name(b"/in/a-2026-11-19.csv");
    dates.name(b"/in/a-2026-11-20.csv");
    assert_eq!(dates.anchor(Some(DAY)), Anchor::Clock);
    assert_eq!(dates.days(Anchor::Clock, Some(DAY)), Some(DAY));
    dates.argument(b"--day=2026-11-19");
    assert_eq!(dates.anchor(Some(DAY)), Anchor::Argument);
    assert_eq!(dates.days(Anchor::Argument, Some(DAY)), Some(DAY - 1));
    let mut old = DateCount::default();
    old.name(b"/in/2024-01-01/a");
    assert_eq!(old.anchor(Some(DAY)), Anchor::Majority);
}

#[test]
fn folders_are_learnt_when_their_content_agrees() {
    let from: Vec<&[u8]> = vec![b"/w/alpha/a", b"/w/alpha/b", b"/w/alpha/c/d", b"/w/x"];
    let to: Vec<&[u8]> = vec![b"/w/beta/a", b"/w/beta/b", b"/w/beta/c/d", b"/w/y"];
    let folders = learn::folders(&from, &to);
    assert_eq!(folders.len(), 1);
    assert_eq!(
        learn::renamed(&folders, b"/w/alpha/new"),
        Some(b"/w/beta/new".to_vec())
    );
    assert_eq!(learn::renamed(&folders, b"/w/alphabet"), None);
}

#[test]
fn counters_pair_and_versions_do_not() {
    let from: Vec<(u64, &[u8])> = vec![(1, b"/d/order_1234.json"), (1, b"/l/libz.so.1.2.11")];
    let to: Vec<(u64, &[u8])> = vec![(1, b"/l/libz.so.1.2.13"), (1, b"/d/order_9876.json")];
    assert_eq!(learn::pairs(&from, &to), vec![(0, 1)]);
    assert_eq!(learn::skeleton(b"/usr/lib/python3.11/os.py"), None);
}

#[test]
fn short_hashes() {
    let check = |name, expect| check(Kind::Path, name, expect);
    check("/srv/pub/2026-11-20-aab0edc/x", "/srv/pub/<D+0>-<HASH>/x");
    check("/srv/pub/2026-11-20-1234abc", "/srv/pub/<D+0>-<HASH>");
    check("/srv/pub/2026-11-20-1234567", "/srv/pub/<D+0>-<HASH>");
    check("/srv/pub/2026-11-20_0315", "/srv/pub/<D+0><TIME>");
    check("/x/release-3f9c01e", "/x/release-<HASH>");
    check("/v/3606952438e1.z", "/v/<HASH>.z");
    check("/r/.git/objects/65/37e9a1c", "/r/.git/objects/<HH>/<HASH>");
    check("/r/c/ab/0d/37e9a1c", "/r/c/<HH>/<HH>/<HASH>");
    // Words with a counter, names, numbers.
    check("/x/feed2024/bed0012", "/x/feed2024/bed0012");
    check("/x/facade/effaced", "/x/facade/effaced");
    check("/x/20e0001/1234567", "/x/20e0001/1234567");
    check("/usr/lib/ca/certs", "/usr/lib/ca/certs");
}

/// Checks names under what was learnt from all of them.
#[track_caller]
fn check_learnt(names: &[&str], expect: &[&str]) {
    let context = Context {
        hashes: Hashes::learn(names.iter().map(|name| name.as_bytes())),
        ..context()
    };
    for (name, expect) in names.iter().zip(expect) {
        let text = context.normalize(Kind::Path, name.as_bytes()).text;
        assert_eq!(String::from_utf8_lossy(&text), *expect, "{name}");
        assert_eq!(context.normalize(Kind::Path, &text).text, text, "{name}");
    }
}

#[test]
fn days_of_the_week_are_told_from_the_run() {
    let check = |name, expect| check(Kind::Path, name, expect);
    // 2026-11-20 was a Friday.
    check("/w/Fri/dump.gz", "/w/<D+0>/dump.gz");
    check("/w/dump-Thursday.gz", "/w/dump-<D-1>.gz");
    check("/w/Mon/Tue", "/w/<D+3>/<D-3>");
    check("/w/Friends/sun/Monitor", "/w/Friends/sun/Monitor");
}

#[test]
fn random_names_are_known_by_their_company() {
    check_learnt(
        &[
            "/tmp/s/a8Lyp2YvgVB.m",
            "/tmp/s/CEMhfycVEnj.m",
            "/tmp/s/kq3id4rCFD5.m",
            "/tmp/s/MyClassName.m",
        ],
        &[
            "/tmp/s/<TMP>.m",
            "/tmp/s/<TMP>.m",
            "/tmp/s/<TMP>.m",
            "/tmp/s/<TMP>.m",
        ],
    );
    check_learnt(
        &[
            "/tmp/s/MyClassName.m",
            "/tmp/s/OurBigClass.m",
            "/tmp/s/TheirClasse.m",
        ],
        &[
            "/tmp/s/MyClassName.m",
            "/tmp/s/OurBigClass.m",
            "/tmp/s/TheirClasse.m",
        ],
    );
}

#[test]
fn hashes_are_known_by_their_company() {
    check_learnt(
        &[
            "/v/12345678.z",
            "/v/1a2b3c4d.z",
            "/v/abcd1234.z",
            "/v/9f8e7d6c.z",
            "/w/12345678.txt",
        ],
        &[
            "/v/<HASH>.z",
            "/v/<HASH>.z",
            "/v/<HASH>.z",
            "/v/<HASH>.z",
            "/w/<HASH>.txt",
        ],
    );
    check_learnt(
        &[
            "/v/bed0001.z",
            "/v/bed0002.z",
            "/v/bed0003.z",
            "/v/1234567.z",
        ],
        &[
            "/v/bed0001.z",
            "/v/bed0002.z",
            "/v/bed0003.z",
            "/v/1234567.z",
        ],
    );
    check_learnt(
        &["/r/.git/objects/pack", "/r/.git/objects/3f", "/r/src/3f"],
        &["/r/.git/objects/pack", "/r/.git/objects/<HH>", "/r/src/3f"],
    );
    check_learnt(
        &["/o/12/345670123456789abcdef0123456789abcdef01", "1234567"],
        &["/o/<HH>/<HASH>", "<HASH>"],
    );
}
