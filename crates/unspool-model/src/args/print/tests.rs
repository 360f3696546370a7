use super::quote::{Within, escaped};
use crate::args::{Arg, Args};
use crate::event::Strings;
use crate::syscalls::Syscall;

/// The texts have the form that strace 6.1 -y gives such calls.
#[track_caller]
fn check(name: &str, list: &[Arg<'_>], expect: &str) {
    let call = Syscall::by_name(name.as_bytes()).expect("a call of the table");
    assert!(
        list.len() <= call.args().len(),
        "{name} has fewer arguments"
    );
    let mut args = Args::new(&[]);
    for arg in list {
        args.push(*arg);
    }
    let mut out = Vec::new();
    args.print(Some(call), &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), expect);
}

fn n(value: i64) -> Arg<'static> {
    Arg::Number(value.cast_unsigned())
}

fn fd(fd: i32, path: &str) -> Arg<'_> {
    let path = path.as_bytes();
    Arg::Fd { fd, path }
}

fn s(bytes: &[u8]) -> Arg<'_> {
    Arg::String { bytes, cut: false }
}

#[test]
fn files() {
    let o_cloexec = 0o2_000_000;
    check(
        "openat",
        &[fd(-100, "/tmp"), s(b"/etc/ld.so.cache"), n(o_cloexec), n(0)],
        r#"AT_FDCWD</tmp>, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC"#,
    );
    check(
        "openat",
        &[fd(-100, ""), s(b"/tmp/out"), n(0o1101), n(0o666)],
        r#"AT_FDCWD, "/tmp/out", O_WRONLY|O_CREAT|O_TRUNC, 0666"#,
    );
    check(
        "openat",
        &[fd(-100, ""), s(b"."), n(0o2_204_000), n(0)],
        r#"AT_FDCWD, ".", O_RDONLY|O_NONBLOCK|O_CLOEXEC|O_DIRECTORY"#,
    );
    let how = [
        0_u64.to_le_bytes(),
        0_u64.to_le_bytes(),
        4_u64.to_le_bytes(),
    ]
    .concat();
    check(
        "openat2",
        &[fd(-100, ""), s(b"x"), Arg::Struct(&how), n(24)],
        r#"AT_FDCWD, "x", {flags=O_RDONLY, resolve=RESOLVE_NO_SYMLINKS}, 24"#,
    );
    check("close", &[fd(3, "/etc/ld.so.cache")], "3</etc/ld.so.cache>");
    check(
        "close",
        &[fd(3, "/tmp/a<b> (deleted)")],
        r"3</tmp/a\74b\76>(deleted)",
    );
    check(
        "close",
        &[fd(3, "TCP:[1.2.3.4:5->6.7.8.9:10]")],
        "3<TCP:[1.2.3.4:5->6.7.8.9:10]>",
    );
    check(
        "read",
        &[
            fd(0, "pipe:[1]"),
            Arg::Buffer {
                bytes: b"\x7fELF\x02\x01",
                len: 832,
            },
            n(832),
        ],
        r#"0<pipe:[1]>, "\177ELF\2\1"..., 832"#,
    );
    check(
        "access",
        &[s(b"/etc/ld.so.preload"), n(4)],
        r#""/etc/ld.so.preload", R_OK"#,
    );
    check("access", &[s(b"/x"), n(0)], r#""/x", F_OK"#);
    check(
        "unlinkat",
        &[fd(-100, ""), s(b"d"), n(0x200)],
        r#"AT_FDCWD, "d", AT_REMOVEDIR"#,
    );
    check("mkdir", &[s(b"d"), n(0o777)], r#""d", 0777"#);
    check("lseek", &[fd(3, ""), n(-5), n(2)], "3, -5, SEEK_END");
    check(
        "mknodat",
        &[fd(-100, ""), s(b"f"), n(0o10_644), n(0)],
        r#"AT_FDCWD, "f", S_IFIFO|0644, makedev(0, 0)"#,
    );
}

#[test]
fn descriptors() {
    check("fcntl", &[fd(3, ""), n(1), n(0x7fff)], "3, F_GETFD");
    check("fcntl", &[fd(3, ""), n(2), n(1)], "3, F_SETFD, FD_CLOEXEC");
    check(
        "fcntl",
        &[fd(3, ""), n(4), n(0o4002)],
        "3, F_SETFL, O_RDWR|O_NONBLOCK",
    );
    check(
        "fcntl",
        &[fd(3, ""), n(1030), n(10)],
        "3, F_DUPFD_CLOEXEC, 10",
    );
    check(
        "pipe2",
        &[Arg::Ints(&[3, 0, 0, 0, 4, 0, 0, 0]), n(0o2_000_000)],
        "[3, 4], O_CLOEXEC",
    );
    check(
        "pipe2",
        &[Arg::Ints(&[3, 0, 0, 0, 4, 0, 0, 0]), n(0)],
        "[3, 4], 0",
    );
    check(
        "dup3",
        &[fd(3, ""), fd(4, ""), n(0o2_000_000)],
        "3, 4, O_CLOEXEC",
    );
    check(
        "ioctl",
        &[fd(1, ""), n(0x5401), n(0x7ffd_1000)],
        "1, TCGETS, 0x7ffd1000",
    );
}

#[test]
fn memory() {
    check(
        "mmap",
        &[n(0), n(8192), n(3), n(0x22), fd(-1, ""), n(0)],
        "NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0",
    );
    check(
        "mmap",
        &[
            n(0x7f00_0000),
            n(4096),
            n(5),
            n(0x812),
            fd(3, "/lib/x.so"),
            n(0x26000),
        ],
        "0x7f000000, 4096, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_DENYWRITE, 3</lib/x.so>, 0x26000",
    );
    check(
        "mprotect",
        &[n(0x7f00_0000), n(4096), n(0)],
        "0x7f000000, 4096, PROT_NONE",
    );
    check("brk", &[n(0)], "NULL");
}

#[test]
fn processes() {
    check(
        "clone",
        &[n(0x120_0011), n(0), n(0), n(0x7f00_0a10), n(0)],
        "child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f000a10",
    );
    let clone_args = [0x4100_u64, 0, 0, 0, 17, 0x7f00, 0x9000, 0, 0, 0, 0]
        .map(u64::to_le_bytes)
        .concat();
    check(
        "clone3",
        &[Arg::Struct(&clone_args), n(88)],
        "{flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD, stack=0x7f00, stack_size=0x9000}, 88",
    );
    let status = |status, expect: &str| {
        check(
            "wait4",
            &[n(-1), Arg::Status(status), n(1), n(0)],
            &format!("-1, [{{{expect}}}], WNOHANG, NULL"),
        );
    };
    status(0x100, "WIFEXITED(s) && WEXITSTATUS(s) == 1");
    status(9, "WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL");
    status(
        0x8b,
        "WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)",
    );
    status(0x137f, "WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP");
    status(0xffff, "WIFCONTINUED(s)");
    let argv = Strings {
        count: 3,
        bytes: b"\x02\0\0\0ls\x02\0\0\0-l",
    };
    let env = Strings {
        count: 23,
        bytes: b"",
    };
    check(
        "execve",
        &[s(b"/bin/ls"), Arg::Strings(argv), Arg::Strings(env)],
        r#""/bin/ls", ["ls", "-l", ...], [/* 23 vars */]"#,
    );
    check("kill", &[n(4711), n(15)], "4711, SIGTERM");
    check("kill", &[n(-1), n(0)], "-1, 0");
    check("exit_group", &[n(0xffff_ffff)], "-1");
    check(
        "futex",
        &[n(0x7f00), n(0x81), n(1), n(5), n(6), n(7)],
        "0x7f00, FUTEX_WAKE_PRIVATE, 1",
    );
    check(
        "futex",
        &[n(0x7f00), n(0x189), n(0), n(0), n(0), n(-1)],
        "0x7f00, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 0, NULL, FUTEX_BITSET_MATCH_ANY",
    );
}

#[test]
fn sockets() {
    check(
        "socket",
        &[n(2), n(0o2_004_001), n(0)],
        "AF_INET, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_IP",
    );
    check("socket", &[n(1), n(1), n(0)], "AF_UNIX, SOCK_STREAM, 0");
    let address = |bytes: &[u8], expect: &str| {
        let len = i64::try_from(bytes.len()).unwrap();
        check(
            "connect",
            &[fd(3, ""), Arg::Sockaddr(bytes), n(len)],
            &format!("3, {expect}, {len}"),
        );
    };
    address(
        b"\x02\0\0\x50\x7f\0\0\x01\0\0\0\0\0\0\0\0",
        r#"{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}"#,
    );
    address(
        b"\x0a\0\0\x50\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0",
        r#"{sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}"#,
    );
    address(
        b"\x01\0/run/s\0\0",
        r#"{sa_family=AF_UNIX, sun_path="/run/s"}"#,
    );
    address(b"\x01\0\0name", r#"{sa_family=AF_UNIX, sun_path=@"name"}"#);
    address(
        b"\x10\0\0\0\x05\0\0\0\x01\0\0\0",
        "{sa_family=AF_NETLINK, nl_pid=5, nl_groups=00000001}",
    );
    check(
        "setsockopt",
        &[fd(3, ""), n(1), n(2), n(0x7ffd), n(4)],
        "3, SOL_SOCKET, SO_REUSEADDR, 0x7ffd, 4",
    );
}

#[test]
fn unknown_calls_print_their_registers() {
    let mut args = Args::new(&[]);
    for value in [0, 5, -1, 0x7ffd_1234_5678] {
        args.push(n(value));
    }
    let mut out = Vec::new();
    args.print(None, &mut out);
    assert_eq!(out, b"0, 5, -1, 0x7ffd12345678");
}

#[test]
fn every_escape_is_read_back() {
    let mut bytes: Vec<u8> = (0..=255).collect();
    for byte in 0..=255 {
        bytes.extend([byte, b'7', byte, b'8']);
    }
    for within in [Within::Quotes, Within::Angles] {
        let mut text = Vec::new();
        escaped(&bytes, within, &mut text);
        assert!(text.iter().all(|byte| (b' '..=b'~').contains(byte)));
        let quoted = [b"\"", &text[..], b"\""].concat();
        let mut args = Args::new(&quoted);
        args.push(Arg::Text(&quoted));
        let mut out = Vec::new();
        assert_eq!(args.string(0, &mut out), Some(true));
        assert_eq!(out, bytes);
    }
}

#[test]
fn open_flags_of_arm_become_those_of_the_table() {
    let arm = 0o40_000 | 0o100_000 | 0o2_000_000;
    let mut out = Vec::new();
    super::open_flags(crate::flags::open_flags_from_aarch64(arm), &mut out);
    assert_eq!(out, b"O_RDONLY|O_NOFOLLOW|O_CLOEXEC|O_DIRECTORY");
}
