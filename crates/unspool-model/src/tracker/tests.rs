//! Each test gives a few calls in strace's words and compares what the tracker makes of them, printed as text.

use std::fmt::Write as _;

use super::{Retention, TrackContext, Tracker};
use crate::args::{Arg, Args, text};
use crate::event::{Call, CallName, Errno, Event, ExitStatus, Kind, Outcome, Signal};
use crate::ids::{Pid, Tid};
use crate::step::{Action, Step, StepSink};
use crate::syscalls::Architecture;
use crate::world::{Process, World};

/// Feeds lines of the form `TID TIME name(args) = result`, `TID TIME name(args <unfinished>`, `TID TIME exited N`,
/// `TID TIME killed N`, `TID TIME superseded N`, `TID TIME attached`, `TID TIME attached with N`; a tid of `-` is none.
fn track(lines: &str) -> Tracked {
    let mut tracker = Tracker::new(
        Retention::All,
        TrackContext {
            cwd: b"/home/me".to_vec(),
            top_pid: None,
        },
    );
    let mut steps = Steps::default();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        feed(&mut tracker, line, &mut steps);
    }
    tracker.finish(&mut steps);
    Tracked { tracker, steps }
}

struct Tracked {
    tracker: Tracker,
    steps: Steps,
}

#[derive(Default)]
struct Steps {
    lines: Vec<String>,
    processes: u32,
}

impl StepSink for Steps {
    fn step(&mut self, step: &Step<'_>, world: &World) {
        let mut line = format!("{} {}", step.process, String::from_utf8_lossy(step.name));
        for touch in [step.touch, step.second].into_iter().flatten() {
            let name = touch
                .resource
                .and_then(|resource| world.resource(resource))
                .map_or("?".into(), |resource| {
                    String::from_utf8_lossy(&resource.name).into_owned()
                });
            write!(line, " {}", touch.action.name()).expect("a string takes all");
            if let Some(session) = touch.session {
                write!(line, " s{session}").expect("a string takes all");
            }
            write!(line, " {name}").expect("a string takes all");
            if let Some(bytes) = touch.bytes {
                write!(line, " {bytes}B").expect("a string takes all");
            }
        }
        self.lines.push(line);
    }

    fn process(&mut self, _process: &Process) {
        self.processes += 1;
    }
}

fn feed(tracker: &mut Tracker, line: &str, steps: &mut Steps) {
    let mut words = line.splitn(3, ' ');
    let tid = words.next().and_then(|tid| tid.parse().ok()).map(Tid);
    let time_ns: i64 = words.next().expect("a time").parse().expect("a number");
    let body = words.next().expect("a body");
    let event = |kind| Event { time_ns, tid, kind };
    if let Some(threads) = body.strip_prefix("attached with ") {
        let threads = threads.parse().expect("a number");
        return tracker.event(&event(Kind::Attached { threads }), steps);
    }
    if let Some((what, number)) = body.split_once(' ')
        && !body.contains('(')
    {
        let number: u32 = number.parse().expect("a number");
        let kind = match what {
            "exited" => Kind::Exit(ExitStatus::Exited(u8::try_from(number).unwrap())),
            "killed" => Kind::Exit(ExitStatus::Killed {
                signal: number,
                core: false,
            }),
            "superseded" => Kind::Superseded { by: Tid(number) },
            "signal-from" => Kind::Signal(Signal {
                number: 17,
                sender: Some(Pid(number)),
                code: None,
                text: b"",
            }),
            other => panic!("unknown line `{other}`"),
        };
        return tracker.event(&event(kind), steps);
    }
    if body == "attached" {
        return tracker.event(&event(Kind::Attached { threads: 1 }), steps);
    }
    let (name, rest) = body.split_once('(').expect("a call");
    let (inner, outcome, result_path) = match rest.strip_suffix(" <unfinished>") {
        Some(inner) => (inner, Outcome::Unfinished, ""),
        None => result(rest),
    };
    let mut args = Args::new(inner.as_bytes());
    let mut values = inner.as_bytes();
    while !values.is_empty() {
        let (value, more) = text::split_value(values);
        args.push(Arg::Text(value));
        values = more;
    }
    let call = Call {
        name: CallName::from_bytes(name.as_bytes()),
        args,
        outcome,
        duration_ns: Some(1),
        result_path: result_path.as_bytes(),
        architecture: Architecture::X86_64,
    };
    let kind = if outcome == Outcome::Unfinished {
        Kind::CallBegin(call)
    } else {
        Kind::Call(call)
    };
    tracker.event(&event(kind), steps);
}

fn result(rest: &str) -> (&str, Outcome, &str) {
    let (inner, result) = rest.rsplit_once(") = ").expect("a result");
    let (value, path) = match result.split_once('<') {
        Some((value, path)) => (value, path.trim_end_matches('>')),
        None => (result, ""),
    };
    let outcome = match value.split_once(' ') {
        Some(("-1", errno)) => Outcome::Failed(Errno::by_name(errno.as_bytes()).expect("an errno")),
        _ if value == "?" => Outcome::Unknown,
        _ => Outcome::Returned(text::int(value.as_bytes()).expect("a number")),
    };
    (inner, outcome, path)
}

impl Tracked {
    fn world(&self) -> &World {
        self.tracker.world()
    }

    /// Processes: `id pid<-parent threads exit exe`.
    fn processes(&self) -> Vec<String> {
        self.world()
            .iter_processes()
            .map(|process| {
                let parent = process.parent.map_or("-".to_owned(), |id| id.to_string());
                let exit = match process.exit {
                    Some(ExitStatus::Exited(code)) => format!("exit {code}"),
                    Some(ExitStatus::Killed { signal, .. }) => format!("signal {signal}"),
                    Some(ExitStatus::Unknown) => "exit ?".to_owned(),
                    None => "lives".to_owned(),
                };
                let exe = process.image().map_or("-".into(), |image| {
                    String::from_utf8_lossy(&image.exe).into_owned()
                });
                format!(
                    "{} {}<-{parent} t{} {exit} {exe}",
                    process.id, process.pid, process.threads
                )
            })
            .collect()
    }

    /// Descriptors: `process/fd session name closed-by origin`.
    fn descriptors(&self) -> Vec<String> {
        let mut list: Vec<String> = self
            .world()
            .descriptors
            .iter()
            .map(|descriptor| {
                let session = self.world().session(descriptor.session).expect("kept");
                let resource = self.world().resource(session.resource).expect("kept");
                format!(
                    "{}/{} s{} {} {} {:?}",
                    descriptor.process,
                    descriptor.fd,
                    session.id,
                    String::from_utf8_lossy(&resource.name),
                    descriptor
                        .closed_by
                        .map_or("open", super::super::world::ClosedBy::name),
                    descriptor.origin
                )
            })
            .collect();
        list.sort();
        list
    }

    fn links(&self) -> Vec<String> {
        let mut list: Vec<String> = self
            .world()
            .links
            .iter()
            .map(|link| {
                format!(
                    "{} {}->{} x{}",
                    link.kind.name(),
                    link.from,
                    link.to,
                    link.count
                )
            })
            .collect();
        list.sort();
        list
    }
}

#[test]
fn a_pipeline_shares_descriptors_and_carries_data() {
    let run = track(
        r#"
        10 1 execve("/bin/sh", ["sh"], 0x7ffd /* 3 vars */) = 0
        10 2 pipe([3, 4]) = 0
        10 3 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7) = 11
        11 4 dup2(4, 1) = 1
        11 5 close(3) = 0
        11 6 write(1, "abc", 3) = 3
        11 7 exited 0
        10 8 close(4) = 0
        10 9 read(3, "abc", 100) = 3
        10 10 wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 11
        10 11 exited 0
        "#,
    );
    assert_eq!(
        run.processes(),
        ["0 10<-- t1 exit 0 /bin/sh", "1 11<-0 t1 exit 0 /bin/sh"]
    );
    assert_eq!(
        run.descriptors(),
        [
            "0/3 s0 pipe:[#0] exit Opened",
            "0/4 s1 pipe:[#0] close Opened",
            "1/1 s1 pipe:[#0] exit Duplicated(Fd(4))",
            "1/3 s0 pipe:[#0] close Inherited(ProcessId(0))",
            "1/4 s1 pipe:[#0] exit Inherited(ProcessId(0))",
        ]
    );
    assert_eq!(
        run.links(),
        [
            "data 1->0 x1",
            "exec 0->0 x1",
            "fork 0->1 x1",
            "wait 1->0 x1"
        ]
    );
    // The write end was open in two processes; its session closed with the last of three descriptors.
    let session = run.world().session(crate::ids::SessionId(1)).unwrap();
    assert_eq!(session.closed_ns, Some(9));
    assert_eq!(session.traffic.bytes_written, 3);
    assert_eq!(run.steps.processes, 2);
}

#[test]
fn close_on_exec_closes_at_exec_and_only_then() {
    let run = track(
        r#"
        10 1 openat(AT_FDCWD, "a", O_RDONLY|O_CLOEXEC) = 3
        10 2 openat(AT_FDCWD, "b", O_RDONLY) = 4
        10 3 fcntl(4, F_SETFD, FD_CLOEXEC) = 0
        10 4 fcntl(3, F_DUPFD, 0) = 5
        10 5 execve("/bin/true", ["true"], []) = -1 ENOENT
        10 6 execve("/bin/true", ["true"], []) = 0
        10 7 exited 0
        "#,
    );
    assert_eq!(
        run.descriptors(),
        [
            "0/3 s0 /home/me/a exec Opened",
            "0/4 s1 /home/me/b exec Opened",
            "0/5 s0 /home/me/a exit Duplicated(Fd(3))",
        ]
    );
    assert_eq!(
        run.steps.lines[4], "0 execve execute /bin/true",
        "a failed exec is kept as a touch"
    );
}

#[test]
fn children_seen_before_their_parent_returns_are_children() {
    let run = track(
        r#"
        10 1 execve("/bin/sh", ["sh"], []) = 0
        10 2 open("/etc/passwd", O_RDONLY) = 3
        10 3 vfork( <unfinished>
        11 4 read(3, "", 10) = 5
        11 5 execve("/bin/ls", ["ls"], []) = 0
        10 3 vfork() = 11
        11 6 exited 0
        10 7 exited 3
        "#,
    );
    assert_eq!(
        run.processes(),
        ["0 10<-- t1 exit 3 /bin/sh", "1 11<-0 t1 exit 0 /bin/ls"]
    );
    assert_eq!(
        run.steps.lines[2], "1 read read s0 /etc/passwd 5B",
        "the inherited descriptor is known"
    );
}

#[test]
fn strangers_in_the_log_of_a_command_descend_from_it() {
    // `-e trace=file`: no clone, no exec of threads.
    let run = track(
        r#"
        10 1 execve("/bin/a", ["a"], []) = 0
        11 2 open("/x", O_RDONLY) = 3
        12 3 exited 0
        11 4 exited 0
        10 5 exited 0
        13 6 execve("/bin/b", ["b"], []) = 0
        "#,
    );
    assert_eq!(
        run.processes(),
        [
            "0 10<-- t1 exit 0 /bin/a",
            "1 11<-0 t1 exit 0 -",
            "2 12<-0 t1 exit 0 -",
            // Everybody of the first command has ended: another log follows.
            "3 13<-- t1 lives /bin/b",
        ]
    );
    // What clone returns is believed more, and gives the descriptors.
    let told = track(
        r#"
        10 1 execve("/bin/a", ["a"], []) = 0
        10 2 open("/x", O_RDONLY) = 3
        11 4 read(3, "", 10) = 5
        10 3 fork() = 11
        "#,
    );
    assert_eq!(
        told.processes(),
        ["0 10<-- t1 lives /bin/a", "1 11<-0 t1 lives /bin/a"]
    );
    // `-z` without times: the line of clone comes behind its child's first ones.
    let late = track(
        r#"
        10 1 execve("/bin/a", ["a"], []) = 0
        10 2 open("/x", O_RDONLY) = 3
        11 3 set_robust_list(0x7fc816556a20, 24) = 0
        10 4 clone(child_stack=NULL, flags=SIGCHLD) = 11
        11 5 read(3, "", 10) = 5
        11 6 exited 0
        "#,
    );
    assert_eq!(
        late.processes(),
        ["0 10<-- t1 lives /bin/a", "1 11<-0 t1 exit 0 /bin/a",]
    );
    assert_eq!(late.steps.lines[4], "1 read read s0 /x 5B");
}

#[test]
fn strangers_announced_later_descend_from_the_first() {
    let run = track(
        r#"
        - 1 write(1, "x", 1) = 1
        11 2 attached
        11 3 write(1, "x", 1) = 1
        10 4 write(1, "x", 1) = 1
        "#,
    );
    assert_eq!(
        run.processes(),
        ["0 10<-- t1 lives -", "1 11<-0 t1 lives -"]
    );
    // `-p 10 -p 11`: nobody made the other.
    let named = track(
        r#"
        10 1 attached
        11 1 attached
        10 2 write(1, "x", 1) = 1
        11 3 write(1, "x", 1) = 1
        12 4 attached
        12 5 write(1, "x", 1) = 1
        "#,
    );
    assert_eq!(
        named.processes(),
        [
            "0 10<-- t1 lives -",
            "1 11<-- t1 lives -",
            "2 12<-- t1 lives -",
        ]
    );
}

#[test]
fn threads_that_a_process_had_when_the_tracer_came_are_its_own() {
    let run = track(
        r#"
        10 1 attached with 3
        12 2 open("/x", O_RDONLY) = 3
        10 3 read(3, "", 10) = 5
        13 4 attached
        13 5 close(3) = 0
        11 6 close(3) = 0
        14 7 close(3) = -1 EBADF
        "#,
    );
    assert_eq!(
        run.processes(),
        [
            "0 10<-- t3 lives -",
            "1 13<-0 t1 lives -",
            "2 14<-- t1 lives -",
        ]
    );
    assert_eq!(run.steps.lines[1], "0 read read s0 /x 5B");
}

#[test]
fn threads_belong_to_their_process_and_exec_ends_them() {
    let run = track(
        r#"
        10 1 execve("/bin/a", ["a"], []) = 0
        10 2 clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD, stack=0x7} => {parent_tid=[11]}, 88) = 11
        11 3 open("/x", O_RDONLY) = 3
        10 4 read(3, "", 10) = 4
        10 5 superseded 11
        10 6 execve("/bin/b", ["b"], []) = 0
        10 7 exited 0
        "#,
    );
    assert_eq!(run.processes(), ["0 10<-- t2 exit 0 /bin/b"]);
    assert_eq!(run.steps.lines[3], "0 read read s0 /x 4B");
    assert_eq!(
        run.world()
            .process(crate::ids::ProcessId(0))
            .unwrap()
            .execs(),
        2
    );
}

#[test]
fn a_reused_number_is_a_new_process() {
    let run = track(
        r#"
        10 1 execve("/bin/sh", ["sh"], []) = 0
        10 2 fork() = 11
        11 3 exited 0
        10 4 fork() = 11
        11 5 exited 7
        10 6 fork() = 11
        10 7 fork() = 11
        10 8 exited 0
        "#,
    );
    assert_eq!(
        run.processes(),
        [
            "0 10<-- t1 exit 0 /bin/sh",
            "1 11<-0 t1 exit 0 /bin/sh",
            "2 11<-0 t1 exit 7 /bin/sh",
            "3 11<-0 t1 exit ? /bin/sh",
            "4 11<-0 t1 lives /bin/sh",
        ]
    );
}

#[test]
fn a_log_without_thread_numbers_is_one_process_until_they_appear() {
    let run = track(
        r#"
        - 1 execve("/bin/sh", ["sh"], []) = 0
        - 2 vfork( <unfinished>
        11 3 execve("/bin/ls", ["ls"], []) = 0
        10 2 vfork() = 11
        11 4 exited 0
        - 5 exited 0
        "#,
    );
    assert_eq!(
        run.processes(),
        ["0 10<-- t1 exit 0 /bin/sh", "1 11<-0 t1 exit 0 /bin/ls"]
    );
    let one = track(
        r#"
        - 1 execve("/bin/ls", ["ls"], []) = 0
        - 2 exit_group(2) = ?
        - 3 exited 2
        "#,
    );
    assert_eq!(one.processes(), ["0 0<-- t1 exit 2 /bin/ls"]);
}

#[test]
fn ends_are_found_without_exit_lines() {
    let run = track(
        r#"
        10 1 execve("/bin/sh", ["sh"], []) = 0
        10 2 fork() = 11
        11 3 exit_group(4) = ?
        10 9 wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 4}], 0, NULL) = 11
        10 10 exit_group(0) = ?
        "#,
    );
    assert_eq!(
        run.processes(),
        ["0 10<-- t1 exit 0 /bin/sh", "1 11<-0 t1 exit 4 /bin/sh"]
    );
    assert_eq!(
        run.world()
            .process(crate::ids::ProcessId(1))
            .unwrap()
            .end_ns,
        Some(3)
    );
}

#[test]
fn paths_resolve_from_the_working_directory_and_from_descriptors() {
    let run = track(
        r#"
        10 1 chdir("sub/../dir") = 0
        10 2 open("a", O_RDONLY) = -1 ENOENT
        10 3 openat(AT_FDCWD, "/etc", O_RDONLY|O_DIRECTORY) = 3
        10 4 newfstatat(3, "hosts", {st_mode=S_IFREG|0644, st_size=9, ...}, 0) = 0
        10 5 fchdir(3) = 0
        10 6 unlink("./x//y") = 0
        10 7 newfstatat(3, "", {st_mode=S_IFDIR|0755}, AT_EMPTY_PATH) = 0
        10 8 rename("a", "b") = 0
        "#,
    );
    assert_eq!(
        run.steps.lines,
        [
            "0 chdir chdir /home/me/dir",
            "0 open open /home/me/dir/a",
            "0 openat open s0 /etc",
            "0 newfstatat query /etc/hosts",
            "0 fchdir chdir s0 /etc",
            "0 unlink delete /etc/x/y",
            "0 newfstatat query s0 /etc",
            "0 rename rename-from /etc/a rename-to /etc/b",
        ]
    );
    let missing = &run.world().accesses.iter().find(|access| access.failed > 0);
    assert_eq!(missing.unwrap().last_error, Some(Errno::ENOENT));
}

#[test]
fn sockets_get_their_names_and_other_ends() {
    let run = track(
        r#"
        10 1 socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = 3<TCP:[4711]>
        10 2 connect(3<TCP:[4711]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
        10 3 sendto(3<TCP:[127.0.0.1:5000->127.0.0.1:80]>, "GET", 3, 0, NULL, 0) = 3
        20 4 accept4(4<TCP:[0.0.0.0:80]>, {sa_family=AF_INET, sin_port=htons(5000), sin_addr=inet_addr("127.0.0.1")}, [16], 0) = 5<TCP:[127.0.0.1:80->127.0.0.1:5000]>
        20 5 recvfrom(5<TCP:[127.0.0.1:80->127.0.0.1:5000]>, "GET", 100, 0, NULL, NULL) = 3
        "#,
    );
    let name = &run.world().resources[0];
    assert_eq!(name.name, b"TCP:[127.0.0.1:5000->127.0.0.1:80]");
    assert_eq!(
        name.socket.as_ref().unwrap().remote,
        b"127.0.0.1:80".to_vec()
    );
    assert!(
        run.links().contains(&"data 0->1 x1".to_owned()),
        "{:?}",
        run.links()
    );
    assert!(run.links().contains(&"connect 0->1 x1".to_owned()));
    // One session from socket(2) to the end, though its name grew.
    assert_eq!(run.world().sessions.len(), 3);
}

#[test]
fn the_kernels_object_is_believed_more_than_the_argument() {
    let run = track(
        r#"
        10 1 openat(AT_FDCWD</home>, "../lib/x.so", O_RDONLY) = 3</usr/lib/x.so>
        10 2 read(3</usr/lib/x.so>, "", 10) = 10
        10 3 read(3</other>, "", 10) = 7
        10 4 read(0</dev/pts/1<char 136:1>>, "", 10) = 1
        "#,
    );
    assert_eq!(
        run.steps.lines,
        [
            "0 openat open s0 /usr/lib/x.so",
            "0 read read s0 /usr/lib/x.so 10B",
            "0 read read s1 /other 7B",
            "0 read read s2 /dev/pts/1 1B",
        ]
    );
    assert!(
        !run.world()
            .session(crate::ids::SessionId(0))
            .unwrap()
            .claimed
    );
    assert_eq!(run.descriptors()[1], "0/3 s0 /usr/lib/x.so unseen Opened");
}

#[test]
fn a_close_that_began_before_the_number_was_handed_out_again_is_the_old_ones() {
    let run = track(
        r#"
        10 1 execve("/bin/a", ["a"], []) = 0
        10 2 clone(child_stack=0x7, flags=CLONE_VM|CLONE_FILES|CLONE_THREAD|CLONE_SIGHAND) = 11
        10 3 open("/one", O_RDONLY) = 3
        10 20 open("/two", O_RDONLY) = 3
        11 19 close(3) = 0
        10 22 read(3, "", 10) = 2
        "#,
    );
    assert_eq!(run.steps.lines[5], "0 read read s1 /two 2B");
}

#[test]
fn received_descriptors_are_the_senders_session() {
    let run = track(
        r#"
        10 1 openat(AT_FDCWD, "/etc/hosts", O_RDONLY) = 3</etc/hosts>
        10 2 sendmsg(4<UNIX-STREAM:[1->2]>, {msg_control=[{cmsg_type=SCM_RIGHTS, cmsg_data=[3</etc/hosts>]}]}, 0) = 1
        20 3 recvmsg(4<UNIX-STREAM:[2->1]>, {msg_control=[{cmsg_len=20, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[5</etc/hosts>]}]}, 0) = 1
        20 4 read(5</etc/hosts>, "", 10) = 9
        "#,
    );
    assert_eq!(run.steps.lines[3], "1 read read s0 /etc/hosts 9B");
    assert!(
        run.descriptors()
            .contains(&"1/5 s0 /etc/hosts open Received".to_owned())
    );
}

#[test]
fn created_modified_deleted_temporary() {
    let run = track(
        r#"
        10 1 open("/tmp/t", O_RDWR|O_CREAT|O_EXCL, 0600) = 3
        10 2 write(3, "x", 1) = 1
        10 3 unlink("/tmp/t") = 0
        10 4 stat("/etc/conf", {st_mode=S_IFREG|0644}) = 0
        10 5 open("/etc/conf", O_WRONLY|O_CREAT, 0600) = 4
        10 6 open("/out", O_WRONLY|O_CREAT|O_TRUNC, 0600) = 5
        10 7 ftruncate(5, 0) = 0
        10 8 mkdir("/d", 0700) = 0
        "#,
    );
    let facts = |name: &[u8]| {
        let resource = run
            .world()
            .resources
            .iter()
            .find(|resource| resource.name == name)
            .unwrap();
        (resource.created, resource.modified, resource.deleted)
    };
    assert_eq!(facts(b"/tmp/t"), (true, true, true));
    assert_eq!(facts(b"/etc/conf"), (false, false, false));
    assert_eq!(facts(b"/out"), (true, true, false));
    assert_eq!(facts(b"/d"), (true, false, false));
    let access = run
        .world()
        .accesses
        .iter()
        .find(|access| access.count(Action::Create) > 0)
        .unwrap();
    assert_eq!(access.traffic.bytes_written, 1);
}

#[test]
fn two_copies_of_bytes_in_one_call() {
    let run = track(
        r#"
        10 1 open("/a", O_RDONLY) = 3
        10 2 open("/b", O_WRONLY|O_CREAT) = 4
        10 3 sendfile(4, 3, NULL, 100) = 50
        10 4 copy_file_range(3, NULL, 4, NULL, 100, 0) = 20
        10 5 close_range(3, 4294967295, 0) = 0
        "#,
    );
    assert_eq!(
        run.steps.lines[2],
        "0 sendfile read s0 /a 50B write s1 /b 50B"
    );
    assert_eq!(
        run.steps.lines[3],
        "0 copy_file_range read s0 /a 20B write s1 /b 20B"
    );
    assert_eq!(
        run.descriptors(),
        ["0/3 s0 /a close Opened", "0/4 s1 /b close Opened"]
    );
}

/// Every path of a few pieces, against taking it component by component.
#[test]
fn absolute_paths_have_no_idle_components() {
    use super::names::absolute;
    let pieces = [
        "/",
        "a",
        ".",
        "..",
        "//",
        "usr/lib",
        "/x.y",
        "longer-than-eight",
    ];
    let mut out = Vec::new();
    for places in 0..pieces.len().pow(4) {
        let piece = |power| pieces[places / pieces.len().pow(power) % pieces.len()];
        let (base, path) = ([piece(0), piece(1)].concat(), [piece(2), piece(3)].concat());
        let whole = if path.starts_with('/') {
            path.clone()
        } else {
            format!("{base}/{path}")
        };
        let rooted = whole.starts_with('/');
        let mut kept: Vec<&str> = Vec::new();
        for component in whole.split('/') {
            match component {
                "" | "." => {}
                ".." if kept.last().is_some_and(|last| *last != "..") => drop(kept.pop()),
                ".." if rooted => {}
                _ => kept.push(component),
            }
        }
        let joined = kept.join("/");
        let expected = match (rooted, joined.is_empty()) {
            (true, _) => format!("/{joined}"),
            (false, true) => ".".to_owned(),
            (false, false) => joined,
        };
        absolute(base.as_bytes(), path.as_bytes(), &mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            expected,
            "`{path}` in `{base}`"
        );
    }
}

#[test]
fn a_program_called_by_a_long_path_keeps_its_name() {
    let argv = |line: &str| -> Vec<String> {
        let run = track(line);
        let process = run.world().iter_processes().next().unwrap();
        let words = process.image().unwrap().argv.iter();
        words
            .map(|word| String::from_utf8_lossy(word).into())
            .collect()
    };
    assert_eq!(
        argv(
            r#"10 1 execve("/usr/lib/gcc/x86_64-linux-gnu/12/cc1", ["/usr/lib/gcc/x86_64-linux-gnu/12"..., "-quiet"], 0x7f) = 0"#
        ),
        ["/usr/lib/gcc/x86_64-linux-gnu/12/cc1", "-quiet"]
    );
    assert_eq!(
        argv(
            r#"10 1 execve("/bin/busybox", ["/bin", "a long argument that strace will"...], 0x7f) = 0"#
        ),
        ["/bin", "a long argument that strace will"]
    );
}

/// coreutils 9: `cp a b` asks first whether `b` is a folder.
#[test]
fn a_file_that_was_asked_for_as_a_folder_is_a_file() {
    let run = track(
        r#"
        10 1 execve("/bin/cp", ["cp", "a", "b"], []) = 0
        10 2 openat(AT_FDCWD, "b", O_RDONLY|O_PATH|O_DIRECTORY) = -1 ENOENT
        10 3 openat(AT_FDCWD, "b", O_WRONLY|O_CREAT|O_EXCL, 0644) = 4
        10 4 openat(AT_FDCWD, "d", O_RDONLY|O_PATH|O_DIRECTORY) = -1 ENOENT
        10 5 mkdir("d", 0777) = 0
        10 6 openat(AT_FDCWD, "d", O_RDONLY|O_DIRECTORY) = 5
        "#,
    );
    let made = run.world().resources.iter().filter(|one| one.created);
    let kinds: Vec<&str> = made.map(|one| one.kind.name()).collect();
    assert_eq!(kinds, ["file", "directory"]);
}
