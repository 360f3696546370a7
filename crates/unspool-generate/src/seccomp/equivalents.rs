//! Calls that stand for each other: another version of the C library makes another one of them for the same purpose.

use std::collections::BTreeSet;

use unspool_model::syscalls::{Category, Syscall};

/// Sets of calls that do the same. A program that makes one may make another after an update of its libraries.
const SETS: &[&[&str]] = &[
    &["open", "openat", "openat2"],
    &["stat", "lstat", "fstat", "newfstatat", "statx", "fstatat64"],
    &["statfs", "fstatfs"],
    &["access", "faccessat", "faccessat2"],
    &["read", "readv", "pread64", "preadv", "preadv2"],
    &["write", "writev", "pwrite64", "pwritev", "pwritev2"],
    &["fork", "vfork", "clone", "clone3"],
    &["execve", "execveat"],
    &["wait4", "waitid"],
    &["dup", "dup2", "dup3"],
    &["pipe", "pipe2"],
    &["poll", "ppoll", "select", "pselect6"],
    &["epoll_create", "epoll_create1"],
    &["epoll_wait", "epoll_pwait", "epoll_pwait2"],
    &["eventfd", "eventfd2"],
    &["signalfd", "signalfd4"],
    &["inotify_init", "inotify_init1"],
    &["accept", "accept4"],
    &["sendto", "sendmsg", "sendmmsg"],
    &["recvfrom", "recvmsg", "recvmmsg"],
    &["getdents", "getdents64"],
    &["mkdir", "mkdirat"],
    &["unlink", "unlinkat", "rmdir"],
    &["rename", "renameat", "renameat2"],
    &["link", "linkat"],
    &["symlink", "symlinkat"],
    &["readlink", "readlinkat"],
    &["chmod", "fchmod", "fchmodat", "fchmodat2"],
    &["chown", "fchown", "lchown", "fchownat"],
    &["utime", "utimes", "futimesat", "utimensat"],
    &["chdir", "fchdir"],
    &["truncate", "ftruncate"],
    &["getrlimit", "setrlimit", "prlimit64"],
    &["nanosleep", "clock_nanosleep"],
    &["gettimeofday", "clock_gettime", "time"],
    &["time", "clock_gettime"],
    &["kill", "tgkill", "tkill"],
    &["fsync", "fdatasync", "sync_file_range"],
    &["brk", "mmap", "mremap", "munmap", "mprotect", "madvise"],
    &[
        "futex",
        "futex_wait",
        "futex_wake",
        "futex_waitv",
        "futex_requeue",
    ],
    &["set_robust_list", "set_tid_address", "rseq", "arch_prctl"],
    &["copy_file_range", "sendfile", "splice"],
    &[
        "getuid",
        "geteuid",
        "getgid",
        "getegid",
        "getresuid",
        "getresgid",
        "getgroups",
    ],
    &[
        "getpid", "gettid", "getppid", "getpgrp", "getpgid", "getsid",
    ],
];

/// Kinds of calls that reach nothing outside of the process.
const HARMLESS: &[Category] = &[
    Category::Time,
    Category::Signal,
    Category::Memory,
    Category::Io,
];

/// Calls of these kinds that do reach something.
const NOT_HARMLESS: &[&str] = &[
    "kill",
    "tkill",
    "tgkill",
    "pidfd_send_signal",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "process_madvise",
    "process_mrelease",
    "move_pages",
    "migrate_pages",
    "clock_settime",
    "clock_adjtime",
    "settimeofday",
    "adjtimex",
    "stime",
    "userfaultfd",
    "memfd_create",
    "memfd_secret",
    "pkey_alloc",
    "remap_file_pages",
];

/// What a margin adds to what was seen, with the reason.
pub(super) fn widened(seen: &BTreeSet<String>, margin: u8) -> Vec<(&'static str, String)> {
    let mut added = Vec::new();
    if margin == 0 {
        return added;
    }
    for set in SETS {
        if set.iter().any(|name| seen.contains(*name)) {
            let why = "margin: does what a seen call does, in another version of the library";
            added.extend(set.iter().map(|name| (*name, why.to_owned())));
        }
    }
    if margin >= 2 {
        let harmless = Syscall::all().filter(|call| {
            HARMLESS.contains(&call.category()) && !NOT_HARMLESS.contains(&call.name())
        });
        let why = "margin 2: time, signals, memory and waiting within the process";
        added.extend(harmless.map(|call| (call.name(), why.to_owned())));
    }
    added.retain(|(name, _)| !seen.contains(*name));
    added
}
