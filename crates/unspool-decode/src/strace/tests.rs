use std::fmt::Write as _;

use proptest::prelude::*;
use unspool_model::event::{Event, Kind, Outcome};

use super::*;

/// Writes every event as one line of text, so that whole runs are compared.
#[derive(Default)]
struct Lister {
    text: String,
    reasons: Vec<Reason>,
}

fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

impl EventSink for Lister {
    fn event(&mut self, event: &Event<'_>) {
        let tid = event.tid.map_or("-".to_owned(), |tid| tid.to_string());
        write!(self.text, "{tid} {} ", event.time_ns).expect("a string");
        let line = match &event.kind {
            Kind::Call(call) | Kind::CallBegin(call) => {
                let begin = matches!(event.kind, Kind::CallBegin(_));
                let args: Vec<String> = call
                    .args
                    .as_slice()
                    .iter()
                    .map(|arg| match arg {
                        unspool_model::args::Arg::Text(text) => show(text).replace("\\\"", "\""),
                        other => format!("{other:?}"),
                    })
                    .collect();
                let outcome = match call.outcome {
                    Outcome::Returned(value) => value.to_string(),
                    Outcome::Failed(errno) => errno.to_string(),
                    Outcome::Unfinished => "unfinished".to_owned(),
                    Outcome::Unknown => "?".to_owned(),
                };
                let duration = call
                    .duration_ns
                    .map_or(String::new(), |ns| format!(" {ns}ns"));
                format!(
                    "{}{}({}) = {outcome}{}{duration}{}",
                    if begin { "begin " } else { "" },
                    show(call.name.as_bytes()),
                    args.join("|"),
                    if call.result_path.is_empty() {
                        String::new()
                    } else {
                        format!(" <{}>", show(call.result_path))
                    },
                    if call.architecture == unspool_model::syscalls::Architecture::X86_64 {
                        String::new()
                    } else {
                        format!(" {:?}", call.architecture)
                    }
                )
            }
            Kind::Signal(signal) => format!(
                "signal {} from {:?} code {:?}",
                signal.number,
                signal.sender.map(|pid| pid.0),
                signal.code
            ),
            Kind::Output(output) => format!("output {}", show(output)),
            Kind::Note(note) => format!("note {}", show(note)),
            other => format!("{other:?}"),
        };
        self.text.push_str(&line);
        self.text.push('\n');
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        self.reasons.push(diagnostic.reason);
    }
}

fn decode_in(log: &[u8], chunk: usize) -> (Lister, DecodeStats) {
    let mut decoder = StraceDecoder::new(&DecoderOptions::default());
    let mut lister = Lister::default();
    for piece in log.chunks(chunk.max(1)) {
        decoder.push(piece, &mut lister);
    }
    decoder.finish(&mut lister);
    let stats = decoder.stats();
    assert!(stats.is_conserved(), "{stats:?}\n{}", show(log));
    (lister, stats)
}

/// Decodes a log in one piece and in pieces of one byte; both must give these events, and these reasons.
#[track_caller]
pub(super) fn check(log: &str, expected: &str, reasons: &[Reason]) {
    let (whole, stats) = decode_in(log.as_bytes(), usize::MAX);
    let (bytes, byte_stats) = decode_in(log.as_bytes(), 1);
    assert_eq!(whole.text, bytes.text);
    assert_eq!(stats, byte_stats);
    assert_eq!(whole.text, expected, "events of {log}");
    assert_eq!(whole.reasons, reasons, "reasons of {log}");
}

#[test]
fn one_line_gives_one_call() {
    for (line, expected) in [
        ("close(3) = 0", "close(3) = 0"),
        (
            "getpid()                                = 7",
            "getpid() = 7",
        ),
        (
            "open(\"a) = 3\", O_RDONLY) = 4</x y>",
            "open(\"a) = 3\"|O_RDONLY) = 4 </x y>",
        ),
        (
            "open(\"a\\\"b, c\", O_RDONLY) = -1 ENOENT (No such file or directory)",
            "open(\"a\\\\\"b, c\"|O_RDONLY) = ENOENT",
        ),
        (
            "wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 9 <0.000012>",
            "wait4(-1|[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]|0|NULL) = 9 12000ns",
        ),
        (
            "openat(dirfd=AT_FDCWD</tmp>, pathname=\"x=1\", flags=O_RDONLY) = 3</tmp/x>(deleted)",
            "openat(AT_FDCWD</tmp>|\"x=1\"|O_RDONLY) = 3 </tmp/x>",
        ),
        (
            "ioctl(0</dev/pts/0<char 136:0>>, TCGETS, {c_iflag=ICRNL, ...}) = 0",
            "ioctl(0</dev/pts/0<char 136:0>>|TCGETS|{c_iflag=ICRNL, ...}) = 0",
        ),
        (
            "openat(AT_FDCWD, \"/dev/null\", O_RDWR) = 4</dev/null<char 1:3>>",
            "openat(AT_FDCWD|\"/dev/null\"|O_RDWR) = 4 </dev/null<char 1:3>>",
        ),
        (
            "read(3<UNIX-STREAM:[12->13,\"/run/a>b, c\"]>, \"\", 1) = 0",
            "read(3<UNIX-STREAM:[12->13,\"/run/a>b, c\"]>|\"\"|1) = 0",
        ),
        (
            "write(4<TCPv6:[[::1]:1->[::1]:2]>, \"x\", 1) = 1",
            "write(4<TCPv6:[[::1]:1->[::1]:2]>|\"x\"|1) = 1",
        ),
        ("close(3</tmp/a>b>) = 0", "close(3</tmp/a>b>) = 0"),
        (
            "mmap(NULL, 1<<5, PROT_NONE /* ) = */, -1, 0) = 0x7f0000000000",
            "mmap(NULL|1<<5|PROT_NONE /* ) = */|-1|0) = 139637976727552",
        ),
    ] {
        check(&format!("{line}\n"), &format!("- 1 {expected}\n"), &[]);
    }
}

#[test]
fn results_of_all_kinds() {
    for (line, expected) in [
        (
            "umask(022)                              = 0777",
            "umask(022) = 511",
        ),
        (
            "poll([{fd=3, events=POLLIN}], 1, 0) = 0 (Timeout)",
            "poll([{fd=3, events=POLLIN}]|1|0) = 0",
        ),
        (
            "pause() = ? ERESTARTNOHAND (To be restarted if no handler)",
            "pause() = ERESTARTNOHAND",
        ),
        (
            "futex(0x1, FUTEX_WAIT, 2, NULL) = ? <unavailable>",
            "futex(0x1|FUTEX_WAIT|2|NULL) = ?",
        ),
        (
            "mkdir(\"/x\", 0777) = -1 EACCES (Permission denied) (INJECTED)",
            "mkdir(\"/x\"|0777) = EACCES",
        ),
        (
            "mkdir(\"/x\", 0777) = 0 (DELAYED) <0.5>",
            "mkdir(\"/x\"|0777) = 0 500000000ns",
        ),
        ("foo_bar(1) = -1 (errno 524)", "foo_bar(1) = ENOTSUPP"),
        (
            "syscall_0x1f4(0x1, 0x2) = -38",
            "syscall_0x1f4(0x1|0x2) = ENOSYS",
        ),
        (
            "restart_syscall(<... resuming interrupted nanosleep ...>) = 0",
            "restart_syscall(<... resuming interrupted nanosleep ...>) = 0",
        ),
        ("???( <unavailable>) = ?", "???(<unavailable>) = ?"),
        (
            "read(3, \"\\x7f\\x45\", 2) = 2 <0.000000001>",
            "read(3|\"\\\\x7f\\\\x45\"|2) = 2 1ns",
        ),
        (
            "rt_sigprocmask(SIG_BLOCK, ~[RTMIN RT_1], [], 8) = 0",
            "rt_sigprocmask(SIG_BLOCK|~[RTMIN RT_1]|[]|8) = 0",
        ),
        (
            "lseek(3, -1, SEEK_CUR) = 18446744073709551615",
            "lseek(3|-1|SEEK_CUR) = -1",
        ),
    ] {
        check(&format!("{line}\n"), &format!("- 1 {expected}\n"), &[]);
    }
}

#[test]
fn prefixes_of_all_kinds() {
    let call = "close(3) = 0";
    for (prefix, expected) in [
        ("7     ", "7 1 "),
        ("123456 1700000000.000001 ", "123456 1700000000000001000 "),
        ("7 1700000000.000000001 ", "7 1700000000000000001 "),
        ("7 1700000000.001 ", "7 1700000000001000000 "),
        ("7 1700000000 ", "7 1700000000000000000 "),
        ("7 00:00:01 ", "7 1000000000 "),
        ("7 00:00:01.000001 ", "7 1000001000 "),
        ("7 00:00:01.000001 (+     0.000009) ", "7 1000001000 "),
        ("7      0.000123 ", "7 123000 "),
        ("     0.000123 ", "- 123000 "),
        ("7<a b> 00:00:01 ", "7 1000000000 "),
        ("[pid     7] 00:00:01 ", "7 1000000000 "),
        ("[pid     7<sh>] ", "7 1 "),
        ("7 [unconfined_u:s0] 00:00:01 ", "7 1000000000 "),
        ("7 00:00:01 [   3] [00007f00deadbeef] ", "7 1000000000 "),
        ("[????????????????] ", "- 1 "),
    ] {
        check(
            &format!("{prefix}{call}\n"),
            &format!("{expected}{call}\n"),
            &[],
        );
    }
}

#[test]
fn halves_are_joined_per_thread() {
    check(
        "7 1700000000.000001 read(3,  <unfinished ...>\n\
         8 1700000000.000002 write(4, \"x\", 1 <unfinished ...>\n\
         7 1700000000.000003 <... read resumed>\"ab\", 2) = 2 <0.000002>\n\
         8 1700000000.000004 <... write resumed> ) = 1\n",
        "7 1700000000000001000 read(3|\"ab\"|2) = 2 2000ns\n\
         8 1700000000000002000 write(4|\"x\"|1) = 1 2000ns\n",
        &[],
    );
}

#[test]
fn calls_that_make_processes_are_given_at_once() {
    check(
        "7 1700000000.000001 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>\n\
         8 1700000000.000002 getpid() = 8\n\
         7 1700000000.000003 <... clone resumed>, child_tidptr=0x1) = 8\n",
        "7 1700000000000001000 begin clone(NULL|SIGCHLD) = unfinished\n\
         8 1700000000000002000 getpid() = 8\n\
         7 1700000000000001000 clone(NULL|SIGCHLD|0x1) = 8 2000ns\n",
        &[],
    );
}

#[test]
fn an_exec_of_another_thread_goes_on_under_the_leader() {
    check(
        "9 execve(\"/bin/true\", [\"true\"], 0x1 /* 2 vars */ <unfinished ...>\n\
         7 pause( <unfinished ...>\n\
         7 +++ superseded by execve in pid 9 +++\n\
         7 <... execve resumed>) = 0\n",
        "9 1 begin execve(\"/bin/true\"|[\"true\"]|0x1 /* 2 vars */) = unfinished\n\
         7 2 pause() = unfinished\n\
         7 3 Superseded { by: Tid(9) }\n\
         7 1 execve(\"/bin/true\"|[\"true\"]|0x1 /* 2 vars */) = 0\n",
        &[Reason::NeverResumed],
    );
}

#[test]
fn ends_and_signals() {
    check(
        "7 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=8<sh>, si_uid=0} ---\n\
         7 --- SIGCHLD (Child exited) @ 0 (0) ---\n\
         7 --- stopped by SIGSTOP ---\n\
         7 exit_group(3) = ?\n\
         7 +++ exited with 3 +++\n\
         8 futex(0x1, FUTEX_WAIT, 2, NULL <unfinished ...>\n\
         8 <... futex resumed> <unfinished ...>) = ?\n\
         8 +++ killed by SIGABRT (core dumped) +++\n\
         9 --- {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=8, si_status=3} (Child exited) ---\n\
         9 --- {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10} (Segmentation fault) @ 80b1 ---\n",
        "7 1 signal 17 from Some(8) code Some(1)\n\
         7 2 signal 17 from None code None\n\
         7 3 Stop(19)\n\
         7 4 exit_group(3) = ?\n\
         7 5 Exit(Exited(3))\n\
         8 6 futex(0x1|FUTEX_WAIT|2|NULL) = ?\n\
         8 8 Exit(Killed { signal: 6, core: true })\n\
         9 9 signal 17 from Some(8) code Some(1)\n\
         9 10 signal 11 from None code Some(1)\n",
        &[],
    );
}

#[test]
fn calls_of_old_versions_that_follow_no_grammar() {
    check(
        "7 sigaction(SIGBUS, {SIG_IGN, , {0x4010, [], SA_RESTART}, 0) = 0\n\
         7 execve(\"/bin/x\", [\"x\"], [/* 2 vars */]) = ? <unavailable>\n\
         7 ????(= ? <unavailable>\n\
         7 open(\"/etc/x\", O_RDONLY <unfinished ...>\n\
         7 <... ???? resumed> ) = ? <unavailable>\n\
         7 <... open resumed> ) = 3\n\
         7 ???( <unavailable>) = ?\n",
        "7 1 sigaction(SIGBUS|{SIG_IGN, , {0x4010, [], SA_RESTART}, 0) = 0\n\
         7 2 execve(\"/bin/x\"|[\"x\"]|[/* 2 vars */]) = ?\n\
         7 3 ????() = ?\n\
         7 4 open(\"/etc/x\"|O_RDONLY) = 3\n\
         7 7 ???(<unavailable>) = ?\n",
        &[],
    );
}

#[test]
fn quoted_and_indented_logs_are_read() {
    let log = "execve(\"/bin/a\", [\"a\"], [/* 2 vars */]) = 0\n\
               vfork(Process 8 attached (waiting for parent)\n\
               Process 8 resumed (parent 7 ready)\n\
               ) = 8\n\
               [pid     7] wait4(8, Process 7 suspended\n \
               <unfinished ...>\n\
               [pid     8] exit_group(0) = ?\n\
               Process 7 resumed\n\
               Process 8 detached\n\
               <... wait4 resumed> [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 8\n";
    let (plain, _) = decode_in(log.as_bytes(), usize::MAX);
    assert!(plain.text.starts_with("7 1 execve("), "{}", plain.text);
    assert!(plain.text.contains("7 4 vfork() = 8\n"), "{}", plain.text);
    assert_eq!(plain.reasons, []);
    for (mark, feature) in [
        ("> ", Features::QUOTED),
        (">> ", Features::QUOTED),
        ("> > ", Features::QUOTED),
        ("\t", Features::INDENTED),
        ("    ", Features::INDENTED),
    ] {
        let marked = format!(
            "{mark}{}\n",
            log.trim_end().replace('\n', &format!("\n{mark}"))
        );
        let (lister, stats) = decode_in(marked.as_bytes(), 7);
        assert_eq!(lister.text, plain.text, "`{mark}`");
        assert!(stats.features.contains(feature), "`{mark}`");
    }
}

#[test]
fn blanks_behind_lines_do_no_harm() {
    check(
        "7 read(3,  <unfinished ...>  \n8 close(4) = 0 \n7 <... read resumed> \"\", 1) = 0\t\n8 +++ exited with 0 +++  \n",
        "8 2 close(4) = 0\n7 1 read(3|\"\"|1) = 0\n8 4 Exit(Exited(0))\n",
        &[],
    );
}

#[test]
fn what_looks_like_a_log_of_strace() {
    for (log, is_one) in [
        (
            "Process 7 attached\nwait4(-1, ^CProcess 7 detached\n <detached ...>\n",
            true,
        ),
        (
            "------ ----------- ----------- --------- --------- ----------------\n 59.63  1.27  1  6  1 poll\n",
            true,
        ),
        (
            "  mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7fb000\n",
            true,
        ),
        ("SYS_328(0, 0x80800, 0xc3) = 3\n", false),
        ("read(3,\"# $FreeBSD$\\n\",512) = 12 (0xc)\n", false),
        ("fcntl(1, F_GETFL) = 0x2 (flags O_RDWR)\n", true),
        ("usage: strace [-dffhiqrtttTvVxx] [-a column]\n", false),
    ] {
        assert_eq!(score(log.as_bytes()) > 0, is_one, "{log}");
    }
}

#[test]
fn output_of_the_program_is_taken_out_of_writes() {
    check(
        "08:00:00.000001 write(2, \"5: x\\n\", 55: x\n\
         ) = 5 <0.000001>\n\
         08:00:00.000002 write(2, \"a: \", 3a: ) = 3 <0.000001>\n\
         08:00:00.000003 write(2, \"gone\"..., 46\n\
         ) = 46 <0.000001>\n\
         hello\n\
         $ 08:00:00.000004 close(3) = 0\n",
        "- 28800000001000 output 5: x\\n\n\
         - 28800000001000 write(2|\"5: x\\\\n\"|5) = 5 1000ns\n\
         - 28800000002000 output a: \n\
         - 28800000002000 write(2|\"a: \"|3) = 3 1000ns\n\
         - 28800000003000 write(2|\"gone\"...|46) = 46 1000ns\n\
         - 28800000003000 output hello\n\
         - 28800000004000 close(3) = 0\n\
         - 28800000004000 output $ \n",
        &[
            Reason::OutputInLine,
            Reason::OutputInLine,
            Reason::OutputInLine,
            Reason::OutputLine,
            Reason::OutputInLine,
        ],
    );
}

#[test]
fn messages_of_the_tracer_are_taken_out_of_lines() {
    check(
        "close(3) = 0\n\
         clone(child_stack=NULL, flags=SIGCHLDstrace: Process 8 attached\n\
         , child_tidptr=0x1) = 8\n\
         [pid     8] getpid() = 8\n\
         strace: [ Process PID=8 runs in 32 bit mode. ]\n\
         [pid     8] close(4) = 0\n\
         [pid     8] +++ exited with 0 +++\n",
        "- 1 close(3) = 0\n\
         8 2 Attached { threads: 1 }\n\
         - 3 clone(NULL|SIGCHLD|0x1) = 8\n\
         8 4 getpid() = 8\n\
         - 5 note strace: [ Process PID=8 runs in 32 bit mode. ]\n\
         8 6 close(4) = 0 I386\n\
         8 7 Exit(Exited(0))\n",
        &[],
    );
}

#[test]
fn lines_without_a_pid_are_about_the_first_thread() {
    check(
        "fork() = 8\n\
         wait4(-1,  <unfinished ...>\n\
         [pid     8] getpid() = 8\n\
         [pid     7] <... wait4 resumed>NULL, 0, NULL) = 8\n\
         [pid     7] close(3) = 0\n",
        "7 1 fork() = 8\n\
         8 3 getpid() = 8\n\
         7 2 wait4(-1|NULL|0|NULL) = 8\n\
         7 5 close(3) = 0\n",
        &[],
    );
}

#[test]
fn tables_stacks_dumps_colours_and_carriage_returns() {
    let (lister, stats) = decode_in(
        b"\x1b[1m7\x1b[0m \x1b[34mclose\x1b[0m(3) = 0\r\n > /lib/libc.so(close+0x1) [0x2]\r\n | 00000  7f 45  .E |\r\n\
          % time     seconds\r\n------\r\n100.00 0.1 close\r\n100.00 total\r\n\r\n",
        usize::MAX,
    );
    assert!(
        lister.text.starts_with("7 1 close(3) = 0\n"),
        "{}",
        lister.text
    );
    assert_eq!(lister.reasons, []);
    let expected = [
        Features::COLOUR,
        Features::STACKS,
        Features::DUMPS,
        Features::TABLE,
    ];
    assert!(
        expected
            .iter()
            .all(|feature| stats.features.contains(*feature))
    );
    assert_eq!((stats.event_lines, stats.note_lines), (1, 7));
}

#[test]
fn times_of_day_go_on_after_midnight() {
    check(
        "23:59:59 close(3) = 0\n00:00:01 close(3) = 0\n",
        "- 86399000000000 close(3) = 0\n- 86401000000000 close(3) = 0\n",
        &[],
    );
}

#[test]
fn what_a_log_carries_is_told() {
    for (log, features, clock) in [
        (
            "7 0.5 close(3) = 0\n",
            Features::RELATIVE,
            ClockKind::Relative,
        ),
        (
            "7 1700000000.5 close(3) = 0 <0.1>\n",
            Features(Features::EPOCH.0 | Features::DURATION.0),
            ClockKind::Epoch,
        ),
        (
            "08:00:00 dup(3) = 4</x>\n",
            Features::OBJECTS,
            ClockKind::TimeOfDay,
        ),
        (
            "dup(fildes=3) = 4\n",
            Features::ARGUMENT_NAMES,
            ClockKind::None,
        ),
    ] {
        let (_, stats) = decode_in(log.as_bytes(), usize::MAX);
        assert!(stats.features.contains(features), "{log}");
        assert_eq!(stats.clock, clock, "{log}");
    }
}

#[test]
fn a_file_beside_the_log_gives_the_date_and_the_first_process() {
    let options = DecoderOptions {
        context: crate::TraceContext::from_ini(b"CurrentDate=1970-01-02\nTopProcessId=7\n"),
        ..DecoderOptions::default()
    };
    let mut decoder = StraceDecoder::new(&options);
    let mut lister = Lister::default();
    decoder.push(b"00:00:01 close(3) = 0\n", &mut lister);
    decoder.finish(&mut lister);
    assert_eq!(lister.text, "7 86401000000000 close(3) = 0\n");
    assert_eq!(decoder.stats().clock, ClockKind::Epoch);
}

#[test]
fn what_is_not_understood_is_reported() {
    check(
        "7 close(3) = 0\n7 clo\nnonsense\n7 <... read resumed>\"x\", 1) = 1\n7 open(\"cut",
        "7 1 close(3) = 0\n7 2 read() = 1\n7 3 open(\"cut) = unfinished\n",
        &[
            Reason::NotUnderstood,
            Reason::NotUnderstood,
            Reason::ResumedWithoutStart,
            Reason::CutAtEnd,
            Reason::NeverResumed,
        ],
    );
}

#[test]
fn hostile_lines_take_linear_time_and_bounded_memory() {
    let mut long = vec![b'a'; 50 << 20];
    long.extend_from_slice(b"\n7 close(3) = 0\n");
    let (lister, _) = decode_in(&long, 1 << 20);
    assert_eq!(lister.reasons, [Reason::TooLong]);
    assert_eq!(lister.text, "7 1 close(3) = 0\n");
    for (piece, count) in [
        ("[", 1_000_000),
        ("</a>b", 200_000),
        ("<", 200_000),
        ("/*", 200_000),
        ("\"", 200_001),
        ("\\", 200_000),
        ("<A:[", 100_000),
        ("Process 1 attached", 10_000),
        ("a=", 200_000),
    ] {
        let log = format!("7 open({}\n7 close(3) = 0\n", piece.repeat(count));
        let (lister, _) = decode_in(log.as_bytes(), 1 << 20);
        assert!(lister.text.ends_with("close(3) = 0\n"), "{piece}");
    }
    let log = "7 write(1, \"x\", 900000\n".repeat(20_000);
    decode_in(log.as_bytes(), 1 << 20);
}

#[test]
fn lines_at_the_limit_are_read() {
    let frame = "7 open(\"\") = 3".len();
    for (over, reasons) in [(0, &[][..]), (1, &[Reason::TooLong][..])] {
        let name = "n".repeat(LINE_BYTES_MAX - frame + over);
        let log = format!("7 open(\"{name}\") = 3\n");
        assert_eq!(decode_in(log.as_bytes(), 4096).0.reasons, reasons);
        assert_eq!(decode_in(log.as_bytes(), usize::MAX).0.reasons, reasons);
    }
}

#[test]
fn open_calls_have_a_limit() {
    let mut log = String::new();
    for tid in 1..=OPEN_CALLS_MAX + 5 {
        writeln!(log, "{tid} read(3,  <unfinished ...>").expect("a string");
    }
    let (lister, stats) = decode_in(log.as_bytes(), 1 << 20);
    assert_eq!(stats.calls, OPEN_CALLS_MAX as u64 + 5);
    assert_eq!(lister.reasons.len(), OPEN_CALLS_MAX + 5);
}

/// A log of some threads with halves, as text.
fn busy_log() -> Vec<String> {
    let mut lines = Vec::new();
    for step in 0..60_u32 {
        let tid = 7 + step % 5;
        let time = format!("1700000000.{:06}", step * 10);
        lines.push(match step % 15 {
            0..=4 => format!("{tid} {time} read({tid}</a b>, \"x, (\\\"\"..., 5 <unfinished ...>"),
            5..=9 => format!("{tid} {time} <... read resumed>) = 5 <0.000002>"),
            10..=12 => format!("{tid} {time} openat(AT_FDCWD, \"f\", O_RDONLY) = 3</f>"),
            13 => format!("{tid} {time} --- SIGCHLD {{si_signo=SIGCHLD, si_pid=1}} ---"),
            _ => format!("{tid} {time} write(2, \"ab\", 2) = 2"),
        });
    }
    lines
}

#[test]
fn a_log_cut_at_any_byte_is_accounted_for() {
    let log = busy_log().join("\n");
    for cut in 0..log.len() {
        let (front, _) = decode_in(log.get(..cut).expect("ASCII").as_bytes(), usize::MAX);
        assert!(!front.reasons.contains(&Reason::UnfinishedTwice));
        decode_in(log.get(cut..).expect("ASCII").as_bytes(), usize::MAX);
    }
}

/// A call as it was read back: thread, time, string, outcome, duration.
type BackRow = (u32, i64, Vec<u8>, Outcome, Option<i64>);

/// Takes the calls that were printed by the round trip.
struct Back(Vec<BackRow>);

impl EventSink for Back {
    fn event(&mut self, event: &Event<'_>) {
        let Kind::Call(call) = &event.kind else {
            panic!("{event:?}")
        };
        let mut text = Vec::new();
        assert_eq!(call.args.string(1, &mut text), Some(true));
        assert_eq!((call.args.int(0), call.args.int(2)), (Some(3), Some(40)));
        let tid = event.tid.expect("a tid").0;
        self.0
            .push((tid, event.time_ns, text, call.outcome, call.duration_ns));
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        panic!("{diagnostic:?}");
    }
}

proptest! {
    #[test]
    fn dropped_doubled_and_swapped_lines_are_flagged(
        changes in proptest::collection::vec((0_usize..60, 0_u8..3), 0..8)
    ) {
        let mut lines = busy_log();
        for (place, change) in changes {
            let place = place % lines.len();
            match change {
                0 => { lines.remove(place); }
                1 => lines.insert(place, lines[place].clone()),
                _ => { let other = (place + 7) % lines.len(); lines.swap(place, other); }
            }
        }
        let log = lines.join("\n");
        let starts = log.matches("<unfinished").count() as u64;
        let ends = log.matches(" resumed>").count() as u64;
        let whole = log.matches("openat(").count() + log.matches("write(").count();
        let (lister, stats) = decode_in(log.as_bytes(), usize::MAX);
        prop_assert_eq!((stats.unfinished, stats.resumed), (starts, ends));
        let orphans = lister.reasons.iter().filter(|r| **r == Reason::ResumedWithoutStart).count();
        prop_assert_eq!(stats.calls, starts + orphans as u64 + whole as u64);
    }

    #[test]
    fn any_bytes_in_any_chunks_give_the_same(
        pieces in proptest::collection::vec(prop_oneof![
            "[ -~\n]{0,30}",
            Just("7 1700000000.000001 read(3, ".to_owned()),
            Just(" <unfinished ...>\n".to_owned()),
            Just("7 <... read resumed>\"x\", 1) = 1\n".to_owned()),
            Just("write(2, \"abc\"..., 12".to_owned()),
            Just("\n) = 12 <0.000001>\n".to_owned()),
            Just("[pid 8] 08:00:00 ".to_owned()),
            Just("strace: Process 9 attached\n".to_owned()),
        ], 0..40),
        chunk in 1_usize..200,
    ) {
        let log = pieces.concat();
        let (whole, stats) = decode_in(log.as_bytes(), usize::MAX);
        let (cut, cut_stats) = decode_in(log.as_bytes(), chunk);
        prop_assert_eq!(whole.text, cut.text);
        prop_assert_eq!(stats, cut_stats);
    }

    #[test]
    fn what_is_printed_is_read_back(
        tid in 1_u32..4_000_000,
        micros in 1_000_000_000_000_000_i64..2_000_000_000_000_000,
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
        result in 0_i64..1_000_000,
        duration in 0_i64..10_000_000,
        is_split in any::<bool>(),
    ) {
        // Escapes as strace does; three digits are always right.
        let string: String = bytes.iter().map(|byte| match byte {
            b'"' => "\\\"".to_owned(),
            b'\\' => "\\\\".to_owned(),
            32..=126 => char::from(*byte).to_string(),
            _ => format!("\\{byte:03o}"),
        }).collect();
        let time = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let tail = format!("= {result}</x> <{}.{:06}>", duration / 1_000_000, duration % 1_000_000);
        let log = if is_split {
            format!("{tid} {time} read(3, \"{string}\",  <unfinished ...>\n\
                     {tid} {time} <... read resumed>40) {tail}\n")
        } else {
            format!("{tid} {time} read(3, \"{string}\", 40) {tail}\n")
        };
        let mut back = Back(Vec::new());
        let mut decoder = StraceDecoder::new(&DecoderOptions::default());
        decoder.push(log.as_bytes(), &mut back);
        decoder.finish(&mut back);
        let expected = (tid, micros * 1000, bytes, Outcome::Returned(result), Some(duration * 1000));
        prop_assert_eq!(back.0, vec![expected]);
    }
}

proptest! {
    #[test]
    fn the_common_prefix_reads_as_any_prefix_does(pieces in proptest::collection::vec(prop_oneof![
        Just("1234"), Just("4194304"), Just("12345678"), Just(" "), Just("1700000052.321000 "), Just("1700000052.32100 "),
        Just("1700000052.3210000 "), Just("0.000123 "), Just("[pid 7] "), Just("["), Just("("), Just("(+     0.1) "),
        Just("close(3) = 0"), Just("<... read resumed>"), Just("+++ exited with 0 +++"), Just("x"),
    ], 0..7)) {
        let line = pieces.concat();
        let shown = |prefix: prefix::Prefix| format!("{prefix:?}");
        prop_assert_eq!(
            shown(prefix::parse(line.as_bytes())),
            shown(prefix::parse_elements(line.as_bytes())),
            "{}", line
        );
    }
}
