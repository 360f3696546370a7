//! Which calls move data, and which files' data is never shown.

use super::sieve::Sieve;

/// Where the data of a call stands in the line that a tracer prints for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// All that is quoted, from the first mark to the last. For calls that print one buffer, whose marks ltrace does not escape.
    All,
    /// The strings from this one on, counted from 0, addresses left out. For calls that strace prints with structures.
    From(usize),
}

/// Calls of the kernel and of libraries that move data, and where it stands in their line; sorted by name.
const CALLS: &[(&[u8], Data)] = &[
    (b"SSL_read", Data::All),
    (b"SSL_write", Data::All),
    (b"__asprintf_chk", Data::All),
    (b"__fgets_chk", Data::All),
    (b"__fprintf_chk", Data::All),
    (b"__fread_chk", Data::All),
    (b"__getdelim", Data::All),
    (b"__printf_chk", Data::All),
    (b"__read_chk", Data::All),
    (b"__snprintf_chk", Data::All),
    (b"__sprintf_chk", Data::All),
    (b"__vasprintf_chk", Data::All),
    (b"__vfprintf_chk", Data::All),
    (b"__vsnprintf_chk", Data::All),
    (b"add_key", Data::From(2)),
    (b"asprintf", Data::All),
    (b"crypt", Data::All),
    (b"crypt_r", Data::All),
    (b"dprintf", Data::All),
    (b"fgets", Data::All),
    (b"fgets_unlocked", Data::All),
    (b"fgetxattr", Data::From(1)),
    (b"fprintf", Data::All),
    (b"fputs", Data::All),
    (b"fputs_unlocked", Data::All),
    (b"fread", Data::All),
    (b"fread_unlocked", Data::All),
    (b"fscanf", Data::All),
    (b"fsetxattr", Data::From(1)),
    (b"fwrite", Data::All),
    (b"fwrite_unlocked", Data::All),
    (b"getdelim", Data::All),
    (b"getline", Data::All),
    (b"getpass", Data::All),
    (b"getrandom", Data::All),
    (b"gets", Data::All),
    (b"getxattr", Data::From(2)),
    (b"keyctl", Data::From(0)),
    (b"lgetxattr", Data::From(2)),
    (b"lsetxattr", Data::From(2)),
    (b"mq_timedreceive", Data::From(0)),
    (b"mq_timedreceive_time64", Data::From(0)),
    (b"mq_timedsend", Data::From(0)),
    (b"mq_timedsend_time64", Data::From(0)),
    (b"msgrcv", Data::From(0)),
    (b"msgsnd", Data::From(0)),
    (b"pread", Data::All),
    (b"pread64", Data::All),
    (b"preadv", Data::From(0)),
    (b"preadv2", Data::From(0)),
    (b"printf", Data::All),
    (b"process_vm_readv", Data::From(0)),
    (b"process_vm_writev", Data::From(0)),
    (b"puts", Data::All),
    (b"pwrite", Data::All),
    (b"pwrite64", Data::All),
    (b"pwritev", Data::From(0)),
    (b"pwritev2", Data::From(0)),
    (b"read", Data::All),
    (b"readv", Data::From(0)),
    (b"recv", Data::All),
    (b"recvfrom", Data::From(0)),
    (b"recvmmsg", Data::From(0)),
    (b"recvmmsg_time64", Data::From(0)),
    (b"recvmsg", Data::From(0)),
    (b"send", Data::All),
    (b"sendmmsg", Data::From(0)),
    (b"sendmsg", Data::From(0)),
    (b"sendto", Data::From(0)),
    (b"setxattr", Data::From(2)),
    (b"snprintf", Data::All),
    (b"sprintf", Data::All),
    (b"sscanf", Data::All),
    (b"syslog", Data::All),
    (b"vasprintf", Data::All),
    (b"vfprintf", Data::All),
    (b"vmsplice", Data::From(0)),
    (b"vprintf", Data::All),
    (b"vsnprintf", Data::All),
    (b"vsprintf", Data::All),
    (b"write", Data::All),
    (b"writev", Data::From(0)),
];

/// What stands before a string that is an address.
const ADDRESS_STARTS: &[&[u8]] = &[
    b"sun_path=",
    b"sun_path=@",
    b"inet_addr(",
    b"inet_pton(AF_INET6, ",
    b"inet_pton(AF_INET, ",
    b"path=",
];

/// Files whose data is never shown, by full path.
const PATHS: &[&[u8]] = &[
    b"/etc/shadow",
    b"/etc/shadow-",
    b"/etc/gshadow",
    b"/etc/gshadow-",
    b"/dev/console",
    b"/dev/tty",
    b"/dev/mem",
    b"/dev/kmsg",
];
/// The same, by the beginning of the path: terminals show what a person types.
const PATH_STARTS: &[&[u8]] = &[
    b"/dev/pts/",
    b"/dev/tty",
    b"/run/secrets/",
    b"/var/run/secrets/",
    b"NETLINK:",
    b"netlink:",
];
/// The same, by the end of the path.
const PATH_ENDS: &[&[u8]] = &[
    b".pem",
    b".key",
    b".p12",
    b".pfx",
    b".jks",
    b".kdbx",
    b".keytab",
    b".ppk",
    b"/.aws/credentials",
    b"/.docker/config.json",
    b"/.kube/config",
    b"/.config/gh/hosts.yml",
    b"/environ",
];
/// The same, by the whole file name.
const NAMES: &[&[u8]] = &[
    b".netrc",
    b"_netrc",
    b".pgpass",
    b".my.cnf",
    b".git-credentials",
    b".npmrc",
    b".pypirc",
    b".htpasswd",
    b".env",
    b".vault-token",
];
/// The same, by the beginning of the file name.
const NAME_STARTS: &[&[u8]] = &[b"id_"];

static SIEVE: Sieve = {
    let mut sieve = Sieve::new();
    let mut at = 0;
    while at < CALLS.len() {
        sieve = sieve.with(CALLS[at].0);
        at += 1;
    }
    sieve
};

/// Where the data of the call `name` stands, `None` for calls that move none.
pub(super) fn data_of(name: &[u8]) -> Option<Data> {
    if !SIEVE.may_hold(name) {
        return None;
    }
    CALLS
        .binary_search_by(|(call, _)| (*call).cmp(name))
        .ok()
        .map(|at| CALLS[at].1)
}

/// Whether the string that begins after `before` is an address and not data.
pub(super) fn is_address(before: &[u8]) -> bool {
    ADDRESS_STARTS.iter().any(|start| before.ends_with(start))
}

/// Whether data of the file `path` may be shown at all.
pub(super) fn allows(path: &[u8]) -> bool {
    let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let denied = PATHS.contains(&path)
        || PATH_STARTS.iter().any(|start| path.starts_with(start))
        || PATH_ENDS.iter().any(|end| path.ends_with(end))
        || NAMES.contains(&name)
        || (NAME_STARTS.iter().any(|start| name.starts_with(start)) && !name.ends_with(b".pub"));
    !denied
}

#[cfg(test)]
pub(super) fn is_sorted() -> bool {
    CALLS.is_sorted_by_key(|(name, _)| *name)
}
