//! Keys of elkpump's documents that come from single arguments of calls.

use unspool_generate::split_args;

/// Place of an argument, and its key.
type Key = (usize, &'static str);

/// Calls, and the keys of their arguments by place. Descriptors, names and sizes have keys of their own.
#[rustfmt::skip]
static KEYS: &[(&[&str], &[Key])] = &[
    (&["open"], &[(1, "flags"), (2, "mode")]),
    (&["openat"], &[(0, "dirfd"), (2, "flags"), (3, "mode")]),
    (&["read", "pread64", "write", "pwrite64"], &[(1, "data")]),
    (&["mmap"], &[(0, "addr"), (2, "protection"), (3, "flags"), (5, "offset")]),
    (&["fcntl"], &[(1, "fcntlcmd"), (2, "fcntlargs")]),
    (&["socket", "socketpair"], &[(0, "domain"), (1, "type"), (2, "protocol")]),
    (&["bind", "connect", "accept", "accept4"], &[(1, "sockaddr")]),
    (&["listen"], &[(1, "backlog")]),
    (&["execve"], &[(1, "cmdargs")]),
    (&["pipe2"], &[(1, "flags")]),
    (&["dup2"], &[]),
    (&["dup3"], &[(2, "flags")]),
    (&["wait4"], &[(2, "options")]),
];

/// Calls that make two descriptors, and the place of the argument that has them: `[3<pipe:[7]>, 4<pipe:[7]>]`.
static PAIRS: &[(&str, usize)] = &[("pipe", 0), ("pipe2", 0), ("socketpair", 3)];

/// Gives the keys of a call with its arguments as they were printed.
pub(super) fn each_key(call: &str, args: &[u8], put: &mut dyn FnMut(&'static str, String)) {
    let keys = KEYS.iter().find(|(calls, _)| calls.contains(&call));
    let pair = PAIRS.iter().find(|(pairs, _)| *pairs == call);
    if keys.is_none() && pair.is_none() {
        return;
    }
    let args = split_args(args);
    let arg = |place: usize| Some(String::from_utf8_lossy(args.get(place)?).trim().to_owned());
    for (place, key) in keys.map_or(&[][..], |(_, keys)| keys) {
        if let Some(text) = arg(*place) {
            put(key, text);
        }
    }
    if let Some(text) = pair.and_then(|(_, place)| arg(*place)) {
        each_end(&text, put);
    }
    if matches!(call, "dup2" | "dup3")
        && let Some(target) = arg(1)
    {
        end(&target, ("n_fd", "n_objectname"), put);
    }
    if call == "execve"
        && let Some(command) = arg(0)
    {
        put("command", command.trim_matches('"').to_owned());
    }
}

/// Both descriptors of a pair, and what they are open on where the tracer says so.
fn each_end(pair: &str, put: &mut dyn FnMut(&'static str, String)) {
    let inside = pair.trim_start_matches('[').trim_end_matches(']');
    let keys = [("fd1", "object1"), ("fd2", "object2")];
    for (text, keys) in split_args(inside.as_bytes()).into_iter().zip(keys) {
        end(String::from_utf8_lossy(text).trim(), keys, put);
    }
}

/// A descriptor as printed: `3`, `3</tmp/x>`.
fn end(
    text: &str,
    (fd_key, object_key): (&'static str, &'static str),
    put: &mut dyn FnMut(&'static str, String),
) {
    let (fd, object) = match text.split_once('<') {
        Some((fd, object)) => (fd, object.strip_suffix('>')),
        None => (text, None),
    };
    // Calls that failed have an address here.
    if fd.parse::<u32>().is_ok() {
        put(fd_key, fd.to_owned());
        if let Some(object) = object {
            put(object_key, object.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::each_key;

    #[test]
    fn arguments_have_keys() {
        let check = |call: &str, args: &str, expect: &[(&str, &str)]| {
            let mut found = Vec::new();
            each_key(call, args.as_bytes(), &mut |key, text| {
                found.push((key, text));
            });
            let found: Vec<(&str, &str)> = found
                .iter()
                .map(|(key, text)| (*key, text.as_str()))
                .collect();
            assert_eq!(found, expect, "{call}");
        };
        check(
            "openat",
            r#"AT_FDCWD, "/tmp/a, b", O_WRONLY|O_CREAT, 0666"#,
            &[
                ("dirfd", "AT_FDCWD"),
                ("flags", "O_WRONLY|O_CREAT"),
                ("mode", "0666"),
            ],
        );
        check(
            "connect",
            "3, {sa_family=AF_INET, sin_port=htons(80)}, 16",
            &[("sockaddr", "{sa_family=AF_INET, sin_port=htons(80)}")],
        );
        check(
            "execve",
            r#""/bin/sh", ["sh", "-c"], 0x1"#,
            &[("cmdargs", r#"["sh", "-c"]"#), ("command", "/bin/sh")],
        );
        check(
            "pipe2",
            "[3<pipe:[7]>, 4<pipe:[7]>], O_CLOEXEC",
            &[
                ("flags", "O_CLOEXEC"),
                ("fd1", "3"),
                ("object1", "pipe:[7]"),
                ("fd2", "4"),
                ("object2", "pipe:[7]"),
            ],
        );
        check("dup2", "4<pipe:[7]>, 1", &[("n_fd", "1")]);
        check(
            "dup3",
            "4, 1</tmp/x>, O_CLOEXEC",
            &[
                ("flags", "O_CLOEXEC"),
                ("n_fd", "1"),
                ("n_objectname", "/tmp/x"),
            ],
        );
        check("pipe", "[3, 4]", &[("fd1", "3"), ("fd2", "4")]);
        check("pipe", "0x7ffc01", &[]);
        check(
            "socketpair",
            "AF_UNIX, SOCK_STREAM, 0, [5<UNIX:[8->9]>, 6<UNIX:[9->8]>]",
            &[
                ("domain", "AF_UNIX"),
                ("type", "SOCK_STREAM"),
                ("protocol", "0"),
                ("fd1", "5"),
                ("object1", "UNIX:[8->9]"),
                ("fd2", "6"),
                ("object2", "UNIX:[9->8]"),
            ],
        );
        check("open", "", &[]);
        check("getpid", "", &[]);
    }
}
