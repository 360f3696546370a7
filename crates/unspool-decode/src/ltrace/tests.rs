use std::path::Path;

use unspool_model::event::{Diagnostic, Event, EventSink, Kind, Reason};

use super::LtraceDecoder;
use crate::decoder::{DecodeStats, Decoder as _, DecoderOptions};

/// Prints what it gets, one line each.
#[derive(Default)]
struct Lines {
    events: Vec<String>,
    reasons: Vec<(u64, Reason)>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl EventSink for Lines {
    fn event(&mut self, event: &Event<'_>) {
        let tid = event.tid.map_or(0, |tid| tid.0);
        let said = match event.kind {
            Kind::Call(call) | Kind::CallBegin(call) => {
                let mut args = Vec::new();
                call.args.print(call.name.known(), &mut args);
                let begin = if matches!(event.kind, Kind::CallBegin(_)) {
                    "begin "
                } else {
                    ""
                };
                format!(
                    "{begin}{}({}) {:?}",
                    text(call.name.as_bytes()),
                    text(&args),
                    call.outcome
                )
            }
            Kind::LibraryCall(call) => format!(
                "lib {}:{}({}) {:?} depth {}",
                text(call.library),
                text(call.name),
                text(call.args),
                text(call.result),
                call.depth
            ),
            Kind::Output(bytes) => format!("output {:?}", text(bytes)),
            Kind::Note(bytes) => format!("note {:?}", text(bytes)),
            Kind::Signal(signal) => format!("signal {} {}", signal.number, text(signal.text)),
            kind => format!("{kind:?}"),
        };
        self.events.push(format!("{} {tid} {said}", event.time_ns));
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        self.reasons.push((diagnostic.line, diagnostic.reason));
    }
}

fn decode(chunks: &[&[u8]]) -> (Lines, DecodeStats) {
    let mut lines = Lines::default();
    let mut decoder = LtraceDecoder::new(&DecoderOptions::default());
    for chunk in chunks {
        decoder.push(chunk, &mut lines);
    }
    decoder.finish(&mut lines);
    (lines, decoder.stats())
}

#[track_caller]
fn check(log: &str, expect: &[&str], reasons: &[(u64, Reason)]) {
    let (lines, stats) = decode(&[log.as_bytes()]);
    assert_eq!(lines.events, expect);
    assert_eq!(lines.reasons, reasons);
    assert!(stats.is_conserved(), "{stats:?}");
}

#[test]
fn system_calls_of_both_generations() {
    check(
        "24841 04:57:59.690752 SYS_brk(0)                 = 0x55f440692000 <0.000038>\n\
         24841 04:57:59.691146 SYS_openat(0xffffff9c, 0x7f1c3a2bb0b1, 0x80000, 0) = 3 <0.000020>\n\
         24841 04:57:59.691831 SYS_334(0x7f1c3a09a060, 32, 0, 0x53053053) = 0 <0.000017>\n",
        &[
            "17879690752000 24841 brk(0) Returned(94507541012480)",
            "17879691146000 24841 openat(0xffffff9c, 0x7f1c3a2bb0b1, 0x80000, 0) Returned(3)",
            "17879691831000 24841 rseq(0x7f1c3a09a060, 32, 0, 0x53053053) Returned(0)",
        ],
        &[],
    );
    check(
        "[pid 11758] 10:56:38.681233 brk@SYS(nil)         = 0xcfb000 <0.000520>\n\
         [pid 11758] 10:56:38.681450 access@SYS(\"/etc/ld.so.preload\", 04) = -2 <0.000095>\n\
         [pid 11758] 10:56:38.698427 gcc->getenv(\"TERM\")  = \"xterm\" <0.001121>\n",
        &[
            "39398681233000 11758 brk(nil) Returned(13611008)",
            "39398681450000 11758 access(\"/etc/ld.so.preload\", 04) Failed(Errno(2))",
            "39398698427000 11758 lib gcc:getenv(\"TERM\") \"\\\"xterm\\\"\" depth 0",
        ],
        &[],
    );
}

#[test]
fn arguments_are_numbers_where_they_can_be() {
    struct Arguments;
    impl EventSink for Arguments {
        fn event(&mut self, event: &Event<'_>) {
            let Kind::Call(call) = event.kind else {
                panic!("{event:?}")
            };
            assert_eq!(call.args.fd(0).map(|fd| fd.fd.0), Some(-100));
            let mut path = Vec::new();
            assert_eq!(call.args.string(1, &mut path), Some(true));
            assert_eq!(path, b"/tmp/a, b");
            assert!(call.args.has_flag(2, b"O_CLOEXEC", 0o2_000_000));
            assert_eq!(call.args.int(3), Some(0o666));
        }
        fn diagnostic(&mut self, diagnostic: Diagnostic) {
            panic!("{diagnostic:?}")
        }
    }
    let mut decoder = LtraceDecoder::new(&DecoderOptions::default());
    decoder.push(
        b"SYS_openat(0xffffff9c, \"/tmp/a, b\", 0x80041, 0666) = 3\n",
        &mut Arguments,
    );
    assert_eq!(decoder.stats().calls, 1);
}

#[test]
fn calls_nest_on_one_thread() {
    check(
        "1 qsort(0x7ffe, 3, 8, 0x55f1 <unfinished ...>\n\
         1 strcmp(\"al\"pha\", \"mid <unfinished ...>\")   = -12\n\
         1 strcmp(\"zeta) = 1\", \"al\"pha\")              = 25\n\
         1 SYS_getpid()                                = 1\n\
         1 <... qsort resumed> )                      = <void>\n\
         1 getenv(\"X\")                              = \"a) = b\"\n",
        &[
            "2 1 lib :strcmp(\"al\"pha\", \"mid <unfinished ...>\") \"-12\" depth 1",
            "3 1 lib :strcmp(\"zeta) = 1\", \"al\"pha\") \"25\" depth 1",
            "4 1 getpid() Returned(1)",
            "1 1 lib :qsort(0x7ffe, 3, 8, 0x55f1) \"<void>\" depth 0",
            "6 1 lib :getenv(\"X\") \"\\\"a) = b\\\"\" depth 0",
        ],
        &[],
    );
}

#[test]
fn no_return_may_return_yet() {
    check(
        "7 raise(10 <no return ...>\n\
         7 --- SIGUSR1 (User defined signal 1) ---\n\
         7 <... raise resumed> )                      = 0\n\
         7 read@SYS(3 <unfinished ...>\n\
         7 <... read resumed> , \"\\177ELF\", 832)      = 832\n\
         7 SYS_wait4(0xffffffff, 0 <unfinished ...>\n\
         7 <... SYS_wait4 resumed> )                  = 0x610a\n\
         7 main(1 <unfinished ...>\n\
         7 SYS_exit_group(3 <no return ...>\n\
         7 +++ exited (status 3) +++\n",
        &[
            "2 7 signal 10 SIGUSR1 (User defined signal 1)",
            "1 7 lib :raise(10) \"0\" depth 0",
            "4 7 read(3, \"\\177ELF\", 832) Returned(832)",
            "6 7 wait4(0xffffffff, 0) Returned(24842)",
            "9 7 begin exit_group(3) Unfinished",
            "9 7 exit_group(3) Unfinished",
            "8 7 lib :main(1) \"\" depth 0",
            "10 7 Exit(Exited(3))",
        ],
        &[],
    );
}

#[test]
fn exec_is_told_by_its_line() {
    check(
        "[pid 5] execv(\"/bin/true\", 0x7ffe <unfinished ...>\n\
         [pid 5] SYS_execve(\"/bin/true\", 0x7ffe, 0x7fff <no return ...>\n\
         [pid 5] --- Called exec() ---\n\
         [pid 5] +++ killed by SIGABRT +++\n",
        &[
            "2 5 begin execve(\"/bin/true\", 0x7ffe, 0x7fff) Unfinished",
            "2 5 execve(\"/bin/true\", 0x7ffe, 0x7fff) Returned(0)",
            "1 5 lib :execv(\"/bin/true\", 0x7ffe) \"\" depth 0",
            "3 5 note \"Called exec()\"",
            "4 5 Exit(Killed { signal: 6, core: false })",
        ],
        &[],
    );
}

#[test]
fn a_child_returns_from_the_fork_of_its_parent() {
    check(
        "8 fork()                                     = 9\n\
         9 <... fork resumed> )                       = 0\n\
         9 <... puts resumed> )                       = 2\n",
        &[
            "1 8 Fork(Fork { child: Tid(9), child_pid: Pid(9), flags: 0 })",
            "1 8 lib :fork() \"9\" depth 0",
            "2 9 lib :fork() \"0\" depth 0",
            "3 9 lib :puts() \"2\" depth 0",
        ],
        &[(3, Reason::ResumedWithoutStart)],
    );
}

/// As ltrace 0.7.3 wrote it for a loop of forks.
#[test]
fn a_child_that_returns_first_is_its_parents_all_the_same() {
    check(
        "8 fork( <unfinished ...>\n\
         9 <... fork resumed> )                       = 0\n\
         8 <... fork resumed> )                       = 9\n\
         9 +++ exited (status 0) +++\n",
        &[
            "2 8 Fork(Fork { child: Tid(9), child_pid: Pid(9), flags: 0 })",
            "2 9 lib :fork() \"0\" depth 0",
            "1 8 lib :fork() \"9\" depth 0",
            "4 9 Exit(Exited(0))",
        ],
        &[],
    );
}

#[test]
fn output_of_the_program_is_set_apart() {
    check(
        "[pid 7] write@SYS(1, \"a\\nb\\n\", 4a\n\
         b\n\
         ) = 4 <0.000254>\n\
         hello[pid 7] close@SYS(3)                       = 0\n\
         just output (really) = no\n\
         [pid 7] write@SYS(1, \"  2\\n\", 4  2\n\
         [pid 7] close@SYS(0)         = 0 <0.000030>\n",
        &[
            "1 7 output \"a\"",
            "1 7 output \"b\\n\"",
            "1 7 write(1, \"a\\nb\\n\", 4) Returned(4)",
            "1 0 output \"hello\"",
            "2 7 close(3) Returned(0)",
            "2 0 output \"just output (really) = no\"",
            "3 7 output \"  2\"",
            "3 7 write(1, \"  2\\n\", 4) Unknown",
            "4 7 close(0) Returned(0)",
        ],
        &[
            (2, Reason::OutputInLine),
            (4, Reason::OutputInLine),
            (5, Reason::OutputLine),
            (7, Reason::OutputInLine),
        ],
    );
}

#[test]
fn options_change_the_prefix() {
    check(
        "24877 04:57:59.788833 [0x55b6ba0c2277] qsort(1 <unfinished ...>\n\
         24877 04:57:59.788978 [0x55b6ba0c2222]    strcmp(\"a\", \"b\") = -1\n\
         24877 04:57:59.789482 [0x55b6ba0c2277] <... qsort resumed> ) = <void>\n",
        &[
            "17879788978000 24877 lib :strcmp(\"a\", \"b\") \"-1\" depth 1",
            "17879788833000 24877 lib :qsort(1) \"<void>\" depth 0",
        ],
        &[],
    );
    check(
        "1795237079.714120 libc.so.6->(0x7f33) = 0\n1795237079.714121 std::f(int)(1, 2) = 3\n",
        &[
            "1795237079714120000 0 lib libc.so.6:(0x7f33) \"0\" depth 0",
            "1795237079714121000 0 lib :std::f(int)(1, 2) \"3\" depth 0",
        ],
        &[],
    );
    check(
        "24868   0.000000 SYS_close(3)                  = 0\n24868   1.500000 malloc@libc.so.6(3) = 0x5\n",
        &[
            "0 24868 close(3) Returned(0)",
            "1500000000 24868 lib libc.so.6:malloc(3) \"0x5\" depth 0",
        ],
        &[],
    );
    check(
        "7 23:59:59.9 SYS_close(3) = 0\n7 00:00:00.1 SYS_close(4) = 0\n",
        &[
            "86399900000000 7 close(3) Returned(0)",
            "86400100000000 7 close(4) Returned(0)",
        ],
        &[],
    );
}

#[test]
fn tables_and_messages_are_notes() {
    check(
        "% time     seconds  usecs/call     calls      function\n\
         ------ ----------- ----------- --------- --------------------\n\
         \x20100.00    0.001350         337         4 fork\n",
        &[
            "0 0 note \"% time     seconds  usecs/call     calls      function\"",
            "0 0 note \"------ ----------- ----------- --------- --------------------\"",
            "0 0 note \" 100.00    0.001350         337         4 fork\"",
        ],
        &[],
    );
    check(
        "error: maximum array length seems negative\n7 f(1) = 2\n",
        &[
            "0 0 note \"error: maximum array length seems negative\"",
            "1 7 lib :f(1) \"2\" depth 0",
        ],
        &[],
    );
    check(
        "7 f(1) = 2\n > prog(first+0x11) [4011a3]\n\tmain.c:14:15\n",
        &[
            "1 7 lib :f(1) \"2\" depth 0",
            "1 0 note \" > prog(first+0x11) [4011a3]\"",
            "1 0 note \"\\tmain.c:14:15\"",
        ],
        &[],
    );
}

#[test]
fn an_end_behind_output_is_one() {
    check(
        "f(1) = 2\n$ $ +++ exited (status 3) +++\n",
        &[
            "1 0 lib :f(1) \"2\" depth 0",
            "1 0 output \"$ $ \"",
            "2 0 Exit(Exited(3))",
        ],
        &[(2, Reason::OutputInLine)],
    );
}

#[test]
fn the_end_of_the_log_may_be_cut() {
    check(
        "__libc_start_main(0x401082, 1 <unfinished ...>\nsocket(2, 1, 0)      = 3\naccept(3, 0x7ffc",
        &[
            "2 0 lib :socket(2, 1, 0) \"3\" depth 1",
            "3 0 lib :accept(3, 0x7ffc) \"\" depth 1",
            "1 0 lib :__libc_start_main(0x401082, 1) \"\" depth 0",
        ],
        &[(3, Reason::CutAtEnd)],
    );
}

#[test]
fn limits_hold() {
    let mut log = b"f(".to_vec();
    log.resize(super::LINE_BYTES_MAX + 10, b'x');
    log.extend_from_slice(b") = 1\nf(1) = 2\n");
    let (lines, stats) = decode(&[&log]);
    assert_eq!(lines.reasons, [(1, Reason::TooLong)]);
    assert_eq!(lines.events, ["1 0 lib :f(1) \"2\" depth 0"]);
    assert!(stats.is_conserved());
    let deep = "f(1 <unfinished ...>\n".repeat(super::pending::DEPTH_MAX + 1);
    let (lines, stats) = decode(&[deep.as_bytes()]);
    assert_eq!(lines.reasons.len(), 1);
    assert_eq!(lines.events.len(), super::pending::DEPTH_MAX + 1);
    assert_eq!(stats.calls, stats.unfinished);
    // A line that looks ended everywhere is read in one pass.
    let ends = [b"f(".as_slice(), &b") = (".repeat(1 << 20), b"\n"].concat();
    let (_, stats) = decode(&[&ends]);
    assert!(stats.is_conserved());
}

/// Random numbers that are the same in every run (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 8).unwrap() % limit
    }
}

const PIECES: &[&str] = &[
    "7 ",
    "8 ",
    "[pid 7] ",
    "[pid 8] ",
    "10:56:38.681233 ",
    "1795237079.714120 ",
    "  0.000216 ",
    "[0x401] ",
    "SYS_read(",
    "read@SYS(3",
    "qsort(",
    "libc.so.6->",
    "getenv@libc.so.6(",
    "\"a) = 1\"",
    ", ",
    "nil",
    "0x12",
    ") = 1",
    ")   = ",
    "<void>",
    " <0.000254>",
    " <unfinished ...>",
    " <no return ...>",
    "<... qsort resumed> ",
    "<... SYS_read resumed> ",
    "\n",
    "\n",
    "\n",
    "\n",
    "--- SIGCHLD (Child exited) ---",
    "--- Called exec() ---",
    "+++ exited (status 3) +++",
    "+++ killed by SIGABRT +++",
    "% time function",
    "output",
    "\"",
    "(",
    ")",
    "\\",
    "\u{fffd}",
    "\r",
];

fn chaos(random: &mut Random) -> Vec<u8> {
    let mut log = Vec::new();
    for _ in 0..random.below(60) {
        log.extend_from_slice(PIECES[random.below(PIECES.len())].as_bytes());
    }
    log
}

fn chunks<'a>(random: &mut Random, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let largest = [1, 3, 17, 4096][random.below(4)];
    let mut chunks = Vec::new();
    while !bytes.is_empty() {
        let (head, tail) = bytes.split_at(random.below(largest + 1).min(bytes.len()));
        chunks.push(head);
        bytes = tail;
    }
    chunks
}

#[test]
fn chaos_is_conserved_and_reads_alike_in_any_chunks() {
    let mut random = Random(0x5eed_0003);
    for round in 0..20_000 {
        let log = chaos(&mut random);
        let (whole, stats) = decode(&[&log]);
        assert!(
            stats.is_conserved(),
            "round {round}: {stats:?}\n{}",
            text(&log)
        );
        let (pieces, pieces_stats) = decode(&chunks(&mut random, &log));
        assert_eq!(pieces.events, whole.events, "round {round}");
        assert_eq!(pieces.reasons, whole.reasons, "round {round}");
        assert_eq!(pieces_stats, stats, "round {round}");
    }
}

/// A log of the corpus, or `None` with the reason printed.
fn corpus(name: &str) -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/corpus/logs")
        .join(name);
    std::fs::read(&path)
        .inspect_err(|error| eprintln!("skipped: no corpus: {}: {error}", path.display()))
        .ok()
}

/// Lines, complete calls, halves, exits, signals and execs, repaired lines. Counted by an independent script over the same files
/// (regular expressions on whole lines), and equal to the counts beside the corpus where those are complete.
const CORPUS: &[(&str, [u64; 7])] = &[
    (
        "survol__dockit_file.ltrace.24611.log",
        [73, 71, 1, 0, 1, 0, 0],
    ),
    (
        "survol__dockit_gcc_hello_world.ltrace.log",
        [2225, 2179, 21, 12, 5, 8, 0],
    ),
    (
        "survol__dockit_sample_short_shell.ltrace.log",
        [161, 46, 57, 55, 1, 1, 1],
    ),
    (
        "survol__dockit_mysql_show_databases.ltrace.log",
        [3158, 3148, 3, 1, 1, 0, 1],
    ),
    ("SOTP3__ltrace.txt", [11, 9, 1, 0, 0, 0, 0]),
];

#[test]
fn the_corpus_is_read_whole() {
    for (
        name,
        [
            lines,
            complete,
            unfinished,
            resumed,
            exits,
            signals,
            repaired,
        ],
    ) in CORPUS
    {
        let Some(log) = corpus(name) else { return };
        assert!(super::score(&log[..log.len().min(65536)]) >= 90, "{name}");
        let (found, stats) = decode(&[&log]);
        assert!(stats.is_conserved(), "{name}: {stats:?}");
        assert_eq!(stats.reported_lines, 0, "{name}: {:?}", found.reasons);
        assert_eq!(stats.losses(), 0, "{name}: {:?}", found.reasons);
        let called = found
            .events
            .iter()
            .filter(|event| event.contains("Called exec()"))
            .count() as u64;
        assert_eq!(stats.lines, *lines, "{name}");
        assert_eq!(stats.unfinished, *unfinished, "{name}");
        assert_eq!(stats.resumed, *resumed, "{name}");
        assert_eq!(stats.exits, *exits, "{name}");
        assert_eq!(stats.signals + called, *signals, "{name}");
        assert_eq!(stats.repaired, *repaired, "{name}");
        assert_eq!(
            stats.event_lines,
            complete + exits + signals + u64::from(*lines == 11 || *repaired > 0),
            "{name}"
        );
    }
}

/// Calls that nest, fork, signals, exec, output, and strings that look like the log itself.
const JOB: &str = r#"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static int order(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }
static void handler(int signal) { (void)signal; }
int main(void) {
    char *list[] = {"zeta) = 1", "al\"pha", "mid <unfinished ...>"};
    qsort(list, 3, sizeof *list, order);
    getenv("HOME");
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    if (!fork()) { puts("child"); fflush(stdout); _exit(3); }
    wait(0);
    if (!fork()) { abort(); }
    wait(0);
    char *argv[] = {"true", 0};
    execv("/bin/true", argv);
    return 1;
}
"#;

/// A folder of this test alone, removed at its end, also when it fails.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("unspool-ltrace-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("the name is unique");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the folder is ours");
    }
}

/// Builds the job; `None` with the reason printed where the tools are missing.
fn job(folder: &Path) -> Option<std::path::PathBuf> {
    let run = |command: &mut std::process::Command| {
        command
            .output()
            .inspect_err(|error| eprintln!("skipped: {command:?}: {error}"))
            .ok()
    };
    run(std::process::Command::new("ltrace").arg("--version"))?;
    let source = folder.join("job.c");
    std::fs::write(&source, JOB).expect("the temporary folder takes a file");
    let program = folder.join("job");
    let output = run(std::process::Command::new("cc")
        .arg("-O0")
        .arg("-w")
        .arg("-o")
        .arg(&program)
        .arg(&source))?;
    assert!(output.status.success(), "{}", text(&output.stderr));
    Some(program)
}

#[test]
fn live_logs_are_read_whole_with_any_options() {
    let folder = Folder::new();
    let Some(program) = job(&folder.0) else {
        return;
    };
    for options in [
        "-f",
        "-S -f",
        "-S -f -tt -T",
        "-S -f -ttt -T",
        "-S -f -t -T -i",
        "-S -f -r -n 2",
        "-f -n 3 -i -tt",
        "-S -L -f",
        "-f -C",
        "-f -e *+*@libc.so.6",
    ] {
        let log = folder.0.join("log");
        std::process::Command::new("ltrace")
            .args(options.split(' '))
            .arg("-o")
            .arg(&log)
            .arg(&program)
            .output()
            .expect("ltrace is installed");
        let log = std::fs::read(&log).expect("ltrace wrote a log");
        let (found, stats) = decode(&[&log]);
        assert!(stats.is_conserved(), "{options}: {stats:?}");
        let doubts: Vec<_> = found
            .reasons
            .iter()
            .filter(|(_, reason)| *reason != Reason::ResumedWithoutStart)
            .collect();
        assert!(doubts.is_empty(), "{options}: {doubts:?}\n{}", text(&log));
        assert_eq!(
            (stats.exits, stats.output_lines),
            (3, 0),
            "{options}\n{}",
            text(&log)
        );
        assert!(stats.signals >= 4, "{options}: {stats:?}");
        assert!(super::score(&log) >= 90, "{options}");
        if !options.contains("-L") {
            let sorted = |event: &&String| event.contains(":qsort(");
            assert_eq!(found.events.iter().filter(sorted).count(), 1, "{options}");
            let compared = found
                .events
                .iter()
                .filter(|event| event.contains(":strcmp(") && event.ends_with("depth 1"));
            assert_eq!(compared.count(), 3, "{options}\n{}", text(&log));
        }
        let forks = found.events.iter().filter(|event| event.contains(" Fork("));
        let clones = found
            .events
            .iter()
            .filter(|event| event.contains(" clone(") && !event.contains(" begin "));
        assert_eq!(
            forks.count() + clones.count(),
            2,
            "{options}\n{}",
            found.events.join("\n")
        );
    }
}
