use super::{Arg, Args, Family, text};
use crate::event::ExitStatus;
use crate::ids::Fd;

fn one(text: &[u8]) -> Args<'_> {
    let mut args = Args::new(text);
    args.push(Arg::Text(text));
    args
}

#[test]
fn numbers() {
    for (text, value) in [
        (&b"12"[..], Some(12)),
        (b"-1", Some(-1)),
        (b"0x7f", Some(127)),
        (b"0644", Some(0o644)),
        (b"0", Some(0)),
        (b"NULL", Some(0)),
        (b"3</x>", Some(3)),
        (b"17 /* SIGCHLD */", Some(17)),
        (b"O_RDONLY", None),
        (b"", None),
        (b"99999999999999999999", None),
    ] {
        assert_eq!(text::int(text), value, "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn descriptors_with_their_objects() {
    let check = |printed: &[u8], fd: i32, name: &[u8], device: bool, deleted: bool| {
        let arg = text::fd(printed).expect("a descriptor");
        let mut out = Vec::new();
        let note = text::unescape_path(arg.path, &mut out);
        assert_eq!(arg.fd, Fd(fd));
        assert_eq!(out, name);
        assert_eq!((note.device, note.deleted), (device, deleted));
    };
    check(b"3", 3, b"", false, false);
    check(b"3</etc/passwd>", 3, b"/etc/passwd", false, false);
    check(b"3</a\\40b\\74c>", 3, b"/a b<c", false, false);
    check(b"3</x(deleted)>", 3, b"/x", false, true);
    check(b"3</dev/null<char 1:3>>", 3, b"/dev/null", true, false);
    check(
        b"4<TCP:[1.2.3.4:5->6.7.8.9:10]>",
        4,
        b"TCP:[1.2.3.4:5->6.7.8.9:10]",
        false,
        false,
    );
    check(b"AT_FDCWD</home>", -100, b"/home", false, false);
}

#[test]
fn strings_and_escapes() {
    let mut out = Vec::new();
    assert_eq!(
        text::string(br#""a\tb\"c\0\377\x41\1018""#, &mut out),
        Some(true)
    );
    assert_eq!(out, b"a\tb\"c\0\xffAA8");
    out.clear();
    assert_eq!(text::string(br#""abc"..."#, &mut out), Some(false));
    assert_eq!(text::string(b"NULL", &mut out), None);
    assert_eq!(text::string(br#""open"#, &mut out), None);
    assert_eq!(
        text::strings(br#"["ls", "-l", ", ]"]"#),
        Some((vec![b"ls".to_vec(), b"-l".to_vec(), b", ]".to_vec()], true))
    );
    assert_eq!(
        text::strings(br#"["ls", "-l"...]"#),
        Some((vec![b"ls".to_vec(), b"-l".to_vec()], false))
    );
    assert_eq!(
        text::strings(br#"["ls", ...]"#),
        Some((vec![b"ls".to_vec()], false))
    );
    assert_eq!(text::strings(b"0x7ffd /* 3 vars */"), None);
}

#[test]
fn pairs_rights_and_flags() {
    let pair = text::fd_pair(b"[3<pipe:[17]>, 4<pipe:[17]>]").expect("a pair");
    assert_eq!((pair[0].fd, pair[0].path), (Fd(3), &b"pipe:[17]"[..]));
    assert_eq!(pair[1].fd, Fd(4));
    let pair = text::fd_pair(br#"[3<UNIX-STREAM:[1->2,"/a, b"]>, 4]"#).expect("a pair");
    assert_eq!((pair[0].fd, pair[1].fd), (Fd(3), Fd(4)));
    let message = br"{msg_name=NULL, msg_control=[{cmsg_len=24, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[5</etc/hosts>, 6]}], msg_flags=0}";
    let rights = text::rights(message);
    assert_eq!(rights.len(), 2);
    assert_eq!((rights[0].fd, rights[0].path), (Fd(5), &b"/etc/hosts"[..]));
    assert_eq!(text::rights(b"{cmsg_type=SCM_RIGHTS, {4}}")[0].fd, Fd(4));
    assert!(one(b"O_RDONLY|O_CLOEXEC").has_flag(0, b"O_CLOEXEC", 0));
    assert!(!one(b"O_RDONLY|O_CLOEXECX").has_flag(0, b"O_CLOEXEC", 0));
    assert_eq!(
        text::clone_flags(b"child_stack=NULL, flags=CLONE_VM|CLONE_FILES|SIGCHLD, x"),
        Some(0x500)
    );
    assert_eq!(
        text::clone_flags(b"{flags=CLONE_THREAD|0x200, exit_signal=0} => {parent_tid=[3]}, 88"),
        Some(0x10200)
    );
    assert_eq!(text::clone_flags(b""), None);
}

#[test]
fn ends_of_children() {
    for (printed, status) in [
        (
            &b"[{WIFEXITED(s) && WEXITSTATUS(s) == 3}]"[..],
            Some(ExitStatus::Exited(3)),
        ),
        (
            b"[{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}]",
            Some(ExitStatus::Killed { signal: 11, core: true }),
        ),
        (
            b"{si_signo=SIGCHLD, si_code=CLD_KILLED, si_pid=1, si_uid=0, si_status=SIGKILL, si_utime=0}",
            Some(ExitStatus::Killed { signal: 9, core: false }),
        ),
        (b"[{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}]", None),
        (b"NULL", None),
    ] {
        assert_eq!(text::wait_status(printed), status);
    }
    let mut args = Args::new(b"");
    args.push(Arg::Status(0x300));
    args.push(Arg::Status(0x137f));
    assert_eq!(args.wait_status(0), Some(ExitStatus::Exited(3)));
    assert_eq!(args.wait_status(1), None);
}

#[test]
fn socket_addresses_from_text_and_memory() {
    let check = |printed: &[u8], bytes: &[u8], family: Family, text: &[u8]| {
        for arg in [Arg::Text(printed), Arg::Sockaddr(bytes)] {
            let mut args = Args::new(b"");
            args.push(arg);
            let address = args.socket_address(0).expect("an address");
            assert_eq!((address.family, &address.text[..]), (family, text));
        }
    };
    check(
        br#"{sa_family=AF_INET, sin_port=htons(3306), sin_addr=inet_addr("127.0.0.1")}"#,
        b"\x02\0\x0c\xea\x7f\0\0\x01\0\0\0\0\0\0\0\0",
        Family::Inet,
        b"127.0.0.1:3306",
    );
    check(
        br#"{sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}"#,
        b"\x0a\0\0\x50\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0",
        Family::Inet6,
        b"[::1]:80",
    );
    check(
        br#"{sa_family=AF_UNIX, sun_path="/run/x"}"#,
        b"\x01\0/run/x\0",
        Family::Unix,
        b"/run/x",
    );
    check(
        br#"{sa_family=AF_UNIX, sun_path=@"x"}"#,
        b"\x01\0\0x",
        Family::Unix,
        b"@x",
    );
}

/// A mark at every place of a text that is longer than what is looked at together, behind every number of backslashes.
#[test]
fn strings_end_at_the_first_mark_without_a_backslash() {
    for len in 0..24 {
        for backslashes in 0..4 {
            let mut string = vec![b'!'; len];
            string.extend(vec![b'\\'; backslashes]);
            string.extend(b"\"rest of it, \"and more\"");
            let first = len + backslashes + 1;
            let second = first + 13;
            let expected = if backslashes % 2 == 0 { first } else { second };
            assert_eq!(
                text::string_end(&string, 0),
                Some(expected),
                "{len} {backslashes}"
            );
        }
        assert_eq!(text::string_end(&vec![b'!'; len], 0), None);
        assert_eq!(text::string_end(b"\\", 0), None);
    }
}
