use super::*;
use unspool_model::event::{Diagnostic, Event, Kind};

#[derive(Default)]
struct Names(Vec<(i64, Option<u32>, String)>);

impl EventSink for Names {
    fn event(&mut self, event: &Event<'_>) {
        let name = match &event.kind {
            Kind::Call(call) => String::from_utf8_lossy(call.name.as_bytes()).into_owned(),
            other => format!("{other:?}"),
        };
        self.0
            .push((event.time_ns, event.tid.map(|tid| tid.0), name));
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        panic!("{diagnostic:?}");
    }
}

fn check(files: &[(&str, &str)], expected: &[(u32, &str)]) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let paths = files_in(folder.path()).expect("listed");
    let mut names = Names::default();
    let stats = decode_files(&paths, &DecoderOptions::default(), &mut names).expect("read");
    assert!(stats.is_conserved(), "{stats:?}");
    let is: Vec<(u32, &str)> = names
        .0
        .iter()
        .map(|(_, tid, name)| (tid.expect("a tid"), name.as_str()))
        .collect();
    assert_eq!(is, expected);
}

#[test]
fn a_child_comes_after_the_call_that_made_it() {
    check(
        &[
            (
                "log.10",
                "1700000000.000100 clone(child_stack=NULL, flags=SIGCHLD) = 11 <0.000500>\n\
                 1700000000.000700 wait4(-1, NULL, 0, NULL) = 11 <0.001000>\n",
            ),
            (
                "log.11",
                "1700000000.000200 getpid() = 11 <0.000010>\n\
                 1700000000.000800 close(3) = 0 <0.000010>\n",
            ),
            ("notes.txt", "not of the set\n"),
        ],
        &[(10, "clone"), (11, "getpid"), (11, "close"), (10, "wait4")],
    );
}

/// Without `-T` a wait has only the time when it began.
#[test]
fn a_wait_comes_after_the_end_that_it_tells_of() {
    check(
        &[
            (
                "log.10",
                "1700000000.000100 vfork() = 11\n\
                 1700000000.000200 wait4(-1, [{WIFSTOPPED(s) && WSTOPSIG(s) == SIGTSTP}], WSTOPPED, NULL) = 11\n\
                 1700000000.000300 waitid(P_PID, 11, {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=11, si_uid=0, si_status=0, si_utime=0, si_stime=0}, WEXITED, NULL) = 0\n\
                 1700000000.000900 wait4(-1, NULL, 0, NULL) = 12\n",
            ),
            (
                "log.11",
                "1700000000.000150 getpid() = 11\n\
                 1700000000.000800 close(3) = 0\n",
            ),
        ],
        &[
            (10, "vfork"),
            (11, "getpid"),
            (10, "wait4"),
            (11, "close"),
            (10, "waitid"),
            (10, "wait4"),
        ],
    );
}

/// Without times the calls that make and wait for processes give the order, also where numbers began again.
#[test]
fn without_times_makers_come_first_and_waits_last() {
    check(
        &[
            ("log.10", "getppid() = 99\nclose(4) = 0\n"),
            (
                "log.99",
                "execve(\"/bin/a\", [\"a\"], NULL) = 0\nfork() = 10\nclose(1) = 0\nwait4(-1, NULL, 0, NULL) = 10\nclose(2) = 0\n",
            ),
        ],
        &[
            (99, "execve"),
            (99, "fork"),
            (10, "getppid"),
            (10, "close"),
            (99, "close"),
            (99, "wait4"),
            (99, "close"),
        ],
    );
    check(
        &[
            (
                "log.10",
                "fork() = 11\nclose(1) = 0\nwait4(-1, NULL, 0, NULL) = 11\nclose(2) = 0\n",
            ),
            (
                "log.11",
                "close(3) = 0\nvfork() = 12\nwait4(-1, NULL, 0, NULL) = 12\n",
            ),
            ("log.12", "close(4) = 0\n"),
        ],
        &[
            (10, "fork"),
            (11, "close"),
            (10, "close"),
            (11, "vfork"),
            (12, "close"),
            (11, "wait4"),
            (10, "wait4"),
            (10, "close"),
        ],
    );
}

/// Each file counts from its own beginning.
#[test]
fn relative_times_say_nothing_across_files() {
    check(
        &[
            (
                "log.10",
                "     0.000000 execve(\"/bin/a\", [\"a\"], NULL) = 0\n     5.000000 vfork() = 11\n     0.000200 wait4(-1, NULL, 0, NULL) = 11\n",
            ),
            (
                "log.11",
                "     0.000000 close(3) = 0\n     9.000000 close(4) = 0\n",
            ),
        ],
        &[
            (10, "execve"),
            (10, "vfork"),
            (11, "close"),
            (11, "close"),
            (10, "wait4"),
        ],
    );
}

#[test]
fn files_that_wait_for_each_other_are_read_all_the_same() {
    check(
        &[
            ("log.10", "wait4(-1, NULL, 0, NULL) = 11\n"),
            ("log.11", "wait4(-1, NULL, 0, NULL) = 10\n"),
        ],
        &[(10, "wait4"), (11, "wait4")],
    );
}

#[test]
fn files_that_need_many_reads_are_whole() {
    let line = "1700000000.000100 write(1, \"x\", 1) = 1 <0.000001>\n";
    let text = line.repeat(20_000);
    let inputs = [1, 2].map(|tid| Input {
        tid: Some(Tid(tid)),
        name: format!("log.{tid}"),
        source: text.as_bytes(),
    });
    let mut names = Names::default();
    let stats = decode_inputs(inputs.into(), &DecoderOptions::default(), &mut names).expect("read");
    assert_eq!((stats.lines, stats.calls), (40_000, 40_000));
    assert_eq!(stats.bytes, 2 * text.len() as u64);
}

#[test]
fn pids_stand_behind_the_last_dot() {
    assert_eq!(pid_of(Path::new("a/sshd.13408")), Some(Tid(13408)));
    for name in ["a/sshd", "a/sshd.log", "a/x.0", "a/x.+1", "a/x.99999999999"] {
        assert_eq!(pid_of(Path::new(name)), None, "{name}");
    }
}
