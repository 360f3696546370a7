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
    (&["dup3"], &[(2, "flags")]),
    (&["wait4"], &[(2, "options")]),
];

/// Gives the keys of a call with its arguments as they were printed.
pub(super) fn each_key(call: &str, args: &[u8], put: &mut dyn FnMut(&'static str, String)) {
    let Some((_, keys)) = KEYS.iter().find(|(calls, _)| calls.contains(&call)) else {
        return;
    };
    let args = split_args(args);
    for (place, key) in *keys {
        if let Some(arg) = args.get(*place) {
            let text = String::from_utf8_lossy(arg);
            put(key, text.trim().to_owned());
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
            &[("cmdargs", r#"["sh", "-c"]"#)],
        );
        check("open", "", &[]);
        check("getpid", "", &[]);
    }
}
