//! Names of flags and of enumerated values, as strace prints them.
//!
//! Values are those of `x86_64` and of the generic Linux ABI (`include/uapi` of the kernel). `aarch64` differs in four open
//! flags only, see [`open_flags_from_aarch64`].

use crate::syscalls::FlagSet;

/// Names with their values. Names of several bits stand before those of their parts.
pub type Names = &'static [(&'static str, u64)];

/// How a set is printed.
#[derive(Clone, Copy, Debug)]
pub enum FlagNames {
    /// Bits joined by `|`; the word stands for 0.
    Bits(Names, &'static str),
    /// One of the values.
    Values(Names),
    /// Nothing is known about the set.
    Unknown,
}

/// Mask of the access mode in open flags.
pub const O_ACCMODE: u64 = 0o3;
/// Open flags without the access mode.
pub const OPEN_FLAGS: Names = &[
    ("O_RDWR", 0o2),
    ("O_WRONLY", 0o1),
    ("O_CREAT", 0o100),
    ("O_EXCL", 0o200),
    ("O_NOCTTY", 0o400),
    ("O_TRUNC", 0o1000),
    ("O_APPEND", 0o2000),
    ("O_NONBLOCK", 0o4000),
    ("O_SYNC", 0o4_010_000),
    ("O_DSYNC", 0o10_000),
    ("O_DIRECT", 0o40_000),
    ("O_LARGEFILE", 0o100_000),
    ("O_NOFOLLOW", 0o400_000),
    ("O_NOATIME", 0o1_000_000),
    ("O_CLOEXEC", 0o2_000_000),
    ("O_PATH", 0o10_000_000),
    ("O_TMPFILE", 0o20_200_000),
    ("O_DIRECTORY", 0o200_000),
    ("FASYNC", 0o20_000),
];
/// Names that logs hold besides those of [`OPEN_FLAGS`], for look-ups by name.
pub const OPEN_FLAG_ALIASES: Names = &[
    ("O_RDONLY", 0),
    ("O_NDELAY", 0o4000),
    ("O_RSYNC", 0o4_010_000),
    ("O_ASYNC", 0o20_000),
    ("O_ACCMODE", 0o3),
];

/// Open flags in the numbers of `x86_64`, from those of `aarch64` and 32-bit Arm (`arch/arm64/include/uapi/asm/fcntl.h`).
pub const fn open_flags_from_aarch64(flags: u64) -> u64 {
    const MOVED: u64 = 0o740_000;
    let directory = (flags & 0o40_000) << 2;
    let nofollow = (flags & 0o100_000) << 2;
    let direct = (flags & 0o200_000) >> 2;
    let largefile = (flags & 0o400_000) >> 2;
    (flags & !MOVED) | directory | nofollow | direct | largefile
}

/// Flags of clone, unshare and setns.
pub const CLONE_FLAGS: Names = &[
    ("CLONE_VM", 0x100),
    ("CLONE_FS", 0x200),
    ("CLONE_FILES", 0x400),
    ("CLONE_SIGHAND", 0x800),
    ("CLONE_PIDFD", 0x1000),
    ("CLONE_PTRACE", 0x2000),
    ("CLONE_VFORK", 0x4000),
    ("CLONE_PARENT", 0x8000),
    ("CLONE_THREAD", 0x1_0000),
    ("CLONE_NEWNS", 0x2_0000),
    ("CLONE_SYSVSEM", 0x4_0000),
    ("CLONE_SETTLS", 0x8_0000),
    ("CLONE_PARENT_SETTID", 0x10_0000),
    ("CLONE_CHILD_CLEARTID", 0x20_0000),
    ("CLONE_DETACHED", 0x40_0000),
    ("CLONE_UNTRACED", 0x80_0000),
    ("CLONE_CHILD_SETTID", 0x100_0000),
    ("CLONE_NEWCGROUP", 0x200_0000),
    ("CLONE_NEWUTS", 0x400_0000),
    ("CLONE_NEWIPC", 0x800_0000),
    ("CLONE_NEWUSER", 0x1000_0000),
    ("CLONE_NEWPID", 0x2000_0000),
    ("CLONE_NEWNET", 0x4000_0000),
    ("CLONE_IO", 0x8000_0000),
    ("CLONE_CLEAR_SIGHAND", 0x1_0000_0000),
    ("CLONE_INTO_CGROUP", 0x2_0000_0000),
];

/// Protection of memory.
pub const PROTECTION_FLAGS: Names = &[
    ("PROT_READ", 1),
    ("PROT_WRITE", 2),
    ("PROT_EXEC", 4),
    ("PROT_SEM", 8),
    ("PROT_GROWSDOWN", 0x100_0000),
    ("PROT_GROWSUP", 0x200_0000),
];

/// Flags of mmap.
pub const MAP_FLAGS: Names = &[
    ("MAP_SHARED_VALIDATE", 3),
    ("MAP_SHARED", 1),
    ("MAP_PRIVATE", 2),
    ("MAP_FIXED", 0x10),
    ("MAP_ANONYMOUS", 0x20),
    ("MAP_32BIT", 0x40),
    ("MAP_GROWSDOWN", 0x100),
    ("MAP_DENYWRITE", 0x800),
    ("MAP_EXECUTABLE", 0x1000),
    ("MAP_LOCKED", 0x2000),
    ("MAP_NORESERVE", 0x4000),
    ("MAP_POPULATE", 0x8000),
    ("MAP_NONBLOCK", 0x1_0000),
    ("MAP_STACK", 0x2_0000),
    ("MAP_HUGETLB", 0x4_0000),
    ("MAP_SYNC", 0x8_0000),
    ("MAP_FIXED_NOREPLACE", 0x10_0000),
];

/// Flags of the `*at` calls. `AT_REMOVEDIR` of unlinkat and `AT_EACCESS` of faccessat are one bit: see [`names`].
pub const AT_FLAGS: Names = &[
    ("AT_SYMLINK_NOFOLLOW", 0x100),
    ("AT_REMOVEDIR", 0x200),
    ("AT_SYMLINK_FOLLOW", 0x400),
    ("AT_NO_AUTOMOUNT", 0x800),
    ("AT_EMPTY_PATH", 0x1000),
    ("AT_STATX_FORCE_SYNC", 0x2000),
    ("AT_STATX_DONT_SYNC", 0x4000),
    ("AT_RECURSIVE", 0x8000),
];

/// Commands of fcntl.
pub const FCNTL_COMMANDS: Names = &[
    ("F_DUPFD", 0),
    ("F_GETFD", 1),
    ("F_SETFD", 2),
    ("F_GETFL", 3),
    ("F_SETFL", 4),
    ("F_GETLK", 5),
    ("F_SETLK", 6),
    ("F_SETLKW", 7),
    ("F_SETOWN", 8),
    ("F_GETOWN", 9),
    ("F_SETSIG", 10),
    ("F_GETSIG", 11),
    ("F_GETLK64", 12),
    ("F_SETLK64", 13),
    ("F_SETLKW64", 14),
    ("F_SETOWN_EX", 15),
    ("F_GETOWN_EX", 16),
    ("F_OFD_GETLK", 36),
    ("F_OFD_SETLK", 37),
    ("F_OFD_SETLKW", 38),
    ("F_SETLEASE", 1024),
    ("F_GETLEASE", 1025),
    ("F_NOTIFY", 1026),
    ("F_DUPFD_QUERY", 1027),
    ("F_CREATED_QUERY", 1028),
    ("F_DUPFD_CLOEXEC", 1030),
    ("F_SETPIPE_SZ", 1031),
    ("F_GETPIPE_SZ", 1032),
    ("F_ADD_SEALS", 1033),
    ("F_GET_SEALS", 1034),
    ("F_GET_RW_HINT", 1035),
    ("F_SET_RW_HINT", 1036),
];

/// Socket families.
pub const SOCKET_FAMILIES: Names = &[
    ("AF_UNSPEC", 0),
    ("AF_UNIX", 1),
    ("AF_INET", 2),
    ("AF_AX25", 3),
    ("AF_IPX", 4),
    ("AF_APPLETALK", 5),
    ("AF_X25", 9),
    ("AF_INET6", 10),
    ("AF_KEY", 15),
    ("AF_NETLINK", 16),
    ("AF_PACKET", 17),
    ("AF_RDS", 21),
    ("AF_PPPOX", 24),
    ("AF_CAN", 29),
    ("AF_TIPC", 30),
    ("AF_BLUETOOTH", 31),
    ("AF_ALG", 38),
    ("AF_NFC", 39),
    ("AF_VSOCK", 40),
    ("AF_KCM", 41),
    ("AF_QIPCRTR", 42),
    ("AF_SMC", 43),
    ("AF_XDP", 44),
];

/// Socket types, in the low four bits.
pub const SOCKET_TYPES: Names = &[
    ("SOCK_STREAM", 1),
    ("SOCK_DGRAM", 2),
    ("SOCK_RAW", 3),
    ("SOCK_RDM", 4),
    ("SOCK_SEQPACKET", 5),
    ("SOCK_DCCP", 6),
    ("SOCK_PACKET", 10),
];
/// Flags beside the socket type.
pub const SOCKET_TYPE_FLAGS: Names = &[("SOCK_CLOEXEC", 0o2_000_000), ("SOCK_NONBLOCK", 0o4000)];

/// Internet protocols.
pub const PROTOCOLS: Names = &[
    ("IPPROTO_IP", 0),
    ("IPPROTO_ICMP", 1),
    ("IPPROTO_IGMP", 2),
    ("IPPROTO_TCP", 6),
    ("IPPROTO_UDP", 17),
    ("IPPROTO_IPV6", 41),
    ("IPPROTO_ICMPV6", 58),
    ("IPPROTO_SCTP", 132),
    ("IPPROTO_UDPLITE", 136),
    ("IPPROTO_RAW", 255),
    ("IPPROTO_MPTCP", 262),
];

/// Operations of futex, without the flags `FUTEX_PRIVATE_FLAG` (0x80) and `FUTEX_CLOCK_REALTIME` (0x100).
pub const FUTEX_OPERATIONS: Names = &[
    ("FUTEX_WAIT", 0),
    ("FUTEX_WAKE", 1),
    ("FUTEX_FD", 2),
    ("FUTEX_REQUEUE", 3),
    ("FUTEX_CMP_REQUEUE", 4),
    ("FUTEX_WAKE_OP", 5),
    ("FUTEX_LOCK_PI", 6),
    ("FUTEX_UNLOCK_PI", 7),
    ("FUTEX_TRYLOCK_PI", 8),
    ("FUTEX_WAIT_BITSET", 9),
    ("FUTEX_WAKE_BITSET", 10),
    ("FUTEX_WAIT_REQUEUE_PI", 11),
    ("FUTEX_CMP_REQUEUE_PI", 12),
    ("FUTEX_LOCK_PI2", 13),
];

const EFD: Names = &[
    ("EFD_SEMAPHORE", 1),
    ("EFD_CLOEXEC", 0o2_000_000),
    ("EFD_NONBLOCK", 0o4000),
];
const SFD: Names = &[("SFD_CLOEXEC", 0o2_000_000), ("SFD_NONBLOCK", 0o4000)];
const TFD: Names = &[("TFD_CLOEXEC", 0o2_000_000), ("TFD_NONBLOCK", 0o4000)];
const TFD_TIMER: Names = &[("TIMER_ABSTIME", 1)];
const INOTIFY: Names = &[("IN_CLOEXEC", 0o2_000_000), ("IN_NONBLOCK", 0o4000)];
const EPOLL: Names = &[("EPOLL_CLOEXEC", 0o2_000_000)];
const EPOLL_COMMANDS: Names = &[
    ("EPOLL_CTL_ADD", 1),
    ("EPOLL_CTL_DEL", 2),
    ("EPOLL_CTL_MOD", 3),
];
const ACCESS: Names = &[("R_OK", 4), ("W_OK", 2), ("X_OK", 1)];
const WHENCE: Names = &[
    ("SEEK_SET", 0),
    ("SEEK_CUR", 1),
    ("SEEK_END", 2),
    ("SEEK_DATA", 3),
    ("SEEK_HOLE", 4),
];
const CLOCKS: Names = &[
    ("CLOCK_REALTIME", 0),
    ("CLOCK_MONOTONIC", 1),
    ("CLOCK_PROCESS_CPUTIME_ID", 2),
    ("CLOCK_THREAD_CPUTIME_ID", 3),
    ("CLOCK_MONOTONIC_RAW", 4),
    ("CLOCK_REALTIME_COARSE", 5),
    ("CLOCK_MONOTONIC_COARSE", 6),
    ("CLOCK_BOOTTIME", 7),
    ("CLOCK_REALTIME_ALARM", 8),
    ("CLOCK_BOOTTIME_ALARM", 9),
    ("CLOCK_TAI", 11),
];
const FLOCK: Names = &[
    ("LOCK_SH", 1),
    ("LOCK_EX", 2),
    ("LOCK_NB", 4),
    ("LOCK_UN", 8),
];
const LIMITS: Names = &[
    ("RLIMIT_CPU", 0),
    ("RLIMIT_FSIZE", 1),
    ("RLIMIT_DATA", 2),
    ("RLIMIT_STACK", 3),
    ("RLIMIT_CORE", 4),
    ("RLIMIT_RSS", 5),
    ("RLIMIT_NPROC", 6),
    ("RLIMIT_NOFILE", 7),
    ("RLIMIT_MEMLOCK", 8),
    ("RLIMIT_AS", 9),
    ("RLIMIT_LOCKS", 10),
    ("RLIMIT_SIGPENDING", 11),
    ("RLIMIT_MSGQUEUE", 12),
    ("RLIMIT_NICE", 13),
    ("RLIMIT_RTPRIO", 14),
    ("RLIMIT_RTTIME", 15),
];
const MADVISE: Names = &[
    ("MADV_NORMAL", 0),
    ("MADV_RANDOM", 1),
    ("MADV_SEQUENTIAL", 2),
    ("MADV_WILLNEED", 3),
    ("MADV_DONTNEED", 4),
    ("MADV_FREE", 8),
    ("MADV_REMOVE", 9),
    ("MADV_DONTFORK", 10),
    ("MADV_DOFORK", 11),
    ("MADV_MERGEABLE", 12),
    ("MADV_UNMERGEABLE", 13),
    ("MADV_HUGEPAGE", 14),
    ("MADV_NOHUGEPAGE", 15),
    ("MADV_DONTDUMP", 16),
    ("MADV_DODUMP", 17),
    ("MADV_WIPEONFORK", 18),
    ("MADV_KEEPONFORK", 19),
    ("MADV_COLD", 20),
    ("MADV_PAGEOUT", 21),
    ("MADV_POPULATE_READ", 22),
    ("MADV_POPULATE_WRITE", 23),
    ("MADV_COLLAPSE", 25),
];
const ADVICE: Names = &[
    ("POSIX_FADV_NORMAL", 0),
    ("POSIX_FADV_RANDOM", 1),
    ("POSIX_FADV_SEQUENTIAL", 2),
    ("POSIX_FADV_WILLNEED", 3),
    ("POSIX_FADV_DONTNEED", 4),
    ("POSIX_FADV_NOREUSE", 5),
];
const MEMFD: Names = &[
    ("MFD_CLOEXEC", 1),
    ("MFD_ALLOW_SEALING", 2),
    ("MFD_HUGETLB", 4),
    ("MFD_NOEXEC_SEAL", 8),
    ("MFD_EXEC", 16),
];
const MESSAGE: Names = &[
    ("MSG_OOB", 1),
    ("MSG_PEEK", 2),
    ("MSG_DONTROUTE", 4),
    ("MSG_CTRUNC", 8),
    ("MSG_PROBE", 0x10),
    ("MSG_TRUNC", 0x20),
    ("MSG_DONTWAIT", 0x40),
    ("MSG_EOR", 0x80),
    ("MSG_WAITALL", 0x100),
    ("MSG_FIN", 0x200),
    ("MSG_SYN", 0x400),
    ("MSG_CONFIRM", 0x800),
    ("MSG_RST", 0x1000),
    ("MSG_ERRQUEUE", 0x2000),
    ("MSG_NOSIGNAL", 0x4000),
    ("MSG_MORE", 0x8000),
    ("MSG_WAITFORONE", 0x1_0000),
    ("MSG_ZEROCOPY", 0x400_0000),
    ("MSG_FASTOPEN", 0x2000_0000),
    ("MSG_CMSG_CLOEXEC", 0x4000_0000),
];
const MOUNT: Names = &[
    ("MS_RDONLY", 1),
    ("MS_NOSUID", 2),
    ("MS_NODEV", 4),
    ("MS_NOEXEC", 8),
    ("MS_SYNCHRONOUS", 16),
    ("MS_REMOUNT", 32),
    ("MS_MANDLOCK", 64),
    ("MS_DIRSYNC", 128),
    ("MS_NOSYMFOLLOW", 256),
    ("MS_NOATIME", 1024),
    ("MS_NODIRATIME", 2048),
    ("MS_BIND", 4096),
    ("MS_MOVE", 8192),
    ("MS_REC", 16384),
    ("MS_SILENT", 32768),
    ("MS_POSIXACL", 1 << 16),
    ("MS_UNBINDABLE", 1 << 17),
    ("MS_PRIVATE", 1 << 18),
    ("MS_SLAVE", 1 << 19),
    ("MS_SHARED", 1 << 20),
    ("MS_RELATIME", 1 << 21),
    ("MS_STRICTATIME", 1 << 24),
    ("MS_LAZYTIME", 1 << 25),
];
const UNMOUNT: Names = &[
    ("MNT_FORCE", 1),
    ("MNT_DETACH", 2),
    ("MNT_EXPIRE", 4),
    ("UMOUNT_NOFOLLOW", 8),
];
const RANDOM: Names = &[
    ("GRND_NONBLOCK", 1),
    ("GRND_RANDOM", 2),
    ("GRND_INSECURE", 4),
];
const READ_WRITE: Names = &[
    ("RWF_HIPRI", 1),
    ("RWF_DSYNC", 2),
    ("RWF_SYNC", 4),
    ("RWF_NOWAIT", 8),
    ("RWF_APPEND", 16),
    ("RWF_NOAPPEND", 32),
    ("RWF_ATOMIC", 64),
    ("RWF_DONTCACHE", 128),
];
const REMAP: Names = &[
    ("MREMAP_MAYMOVE", 1),
    ("MREMAP_FIXED", 2),
    ("MREMAP_DONTUNMAP", 4),
];
const RENAME: Names = &[
    ("RENAME_NOREPLACE", 1),
    ("RENAME_EXCHANGE", 2),
    ("RENAME_WHITEOUT", 4),
];
const SHUTDOWN: Names = &[("SHUT_RD", 0), ("SHUT_WR", 1), ("SHUT_RDWR", 2)];
const SIGNAL_MASK: Names = &[("SIG_BLOCK", 0), ("SIG_UNBLOCK", 1), ("SIG_SETMASK", 2)];
const SOCKET_LEVELS: Names = &[
    ("SOL_IP", 0),
    ("SOL_SOCKET", 1),
    ("SOL_TCP", 6),
    ("SOL_UDP", 17),
    ("SOL_IPV6", 41),
    ("SOL_ICMPV6", 58),
    ("SOL_SCTP", 132),
    ("SOL_RAW", 255),
    ("SOL_PACKET", 263),
    ("SOL_NETLINK", 270),
    ("SOL_TLS", 282),
];
/// Options of the level `SOL_SOCKET`.
pub const SOCKET_OPTIONS: Names = &[
    ("SO_DEBUG", 1),
    ("SO_REUSEADDR", 2),
    ("SO_TYPE", 3),
    ("SO_ERROR", 4),
    ("SO_DONTROUTE", 5),
    ("SO_BROADCAST", 6),
    ("SO_SNDBUF", 7),
    ("SO_RCVBUF", 8),
    ("SO_KEEPALIVE", 9),
    ("SO_OOBINLINE", 10),
    ("SO_NO_CHECK", 11),
    ("SO_PRIORITY", 12),
    ("SO_LINGER", 13),
    ("SO_BSDCOMPAT", 14),
    ("SO_REUSEPORT", 15),
    ("SO_PASSCRED", 16),
    ("SO_PEERCRED", 17),
    ("SO_RCVLOWAT", 18),
    ("SO_SNDLOWAT", 19),
    ("SO_RCVTIMEO_OLD", 20),
    ("SO_SNDTIMEO_OLD", 21),
    ("SO_BINDTODEVICE", 25),
    ("SO_ATTACH_FILTER", 26),
    ("SO_DETACH_FILTER", 27),
    ("SO_PEERNAME", 28),
    ("SO_TIMESTAMP_OLD", 29),
    ("SO_ACCEPTCONN", 30),
    ("SO_PEERSEC", 31),
    ("SO_SNDBUFFORCE", 32),
    ("SO_RCVBUFFORCE", 33),
    ("SO_MARK", 36),
    ("SO_PROTOCOL", 38),
    ("SO_DOMAIN", 39),
    ("SO_INCOMING_CPU", 49),
    ("SO_COOKIE", 57),
    ("SO_PEERGROUPS", 59),
    ("SO_ZEROCOPY", 60),
    ("SO_PEERPIDFD", 77),
];
const SPLICE: Names = &[
    ("SPLICE_F_MOVE", 1),
    ("SPLICE_F_NONBLOCK", 2),
    ("SPLICE_F_MORE", 4),
    ("SPLICE_F_GIFT", 8),
];
const WAIT: Names = &[
    ("WNOHANG", 1),
    ("WSTOPPED", 2),
    ("WEXITED", 4),
    ("WCONTINUED", 8),
    ("WNOWAIT", 0x100_0000),
    ("__WNOTHREAD", 0x2000_0000),
    ("__WALL", 0x4000_0000),
    ("__WCLONE", 0x8000_0000),
];
const WAIT_ID: Names = &[("P_ALL", 0), ("P_PID", 1), ("P_PGID", 2), ("P_PIDFD", 3)];
const CLOSE_RANGE: Names = &[("CLOSE_RANGE_UNSHARE", 2), ("CLOSE_RANGE_CLOEXEC", 4)];
const MEMORY_SYNC: Names = &[("MS_ASYNC", 1), ("MS_INVALIDATE", 2), ("MS_SYNC", 4)];
const ARCH_PRCTL: Names = &[
    ("ARCH_SET_GS", 0x1001),
    ("ARCH_SET_FS", 0x1002),
    ("ARCH_GET_FS", 0x1003),
    ("ARCH_GET_GS", 0x1004),
    ("ARCH_GET_CPUID", 0x1011),
    ("ARCH_SET_CPUID", 0x1012),
    ("ARCH_SHSTK_ENABLE", 0x5001),
    ("ARCH_SHSTK_DISABLE", 0x5002),
    ("ARCH_SHSTK_STATUS", 0x5005),
];
/// Request codes that jobs use most.
pub const IOCTL_REQUESTS: Names = &[
    ("TCGETS", 0x5401),
    ("TCSETS", 0x5402),
    ("TCSETSW", 0x5403),
    ("TCSETSF", 0x5404),
    ("TIOCSCTTY", 0x540e),
    ("TIOCGPGRP", 0x540f),
    ("TIOCSPGRP", 0x5410),
    ("TIOCGWINSZ", 0x5413),
    ("TIOCSWINSZ", 0x5414),
    ("FIONREAD", 0x541b),
    ("FIONBIO", 0x5421),
    ("TIOCNOTTY", 0x5422),
    ("FIONCLEX", 0x5450),
    ("FIOCLEX", 0x5451),
    ("FIOASYNC", 0x5452),
    ("FICLONE", 0x4004_9409),
    ("FICLONERANGE", 0x4020_940d),
    ("TIOCGPTN", 0x8004_5430),
    ("TIOCSPTLCK", 0x4004_5431),
];
const ALLOCATE: Names = &[
    ("FALLOC_FL_KEEP_SIZE", 1),
    ("FALLOC_FL_PUNCH_HOLE", 2),
    ("FALLOC_FL_NO_HIDE_STALE", 4),
    ("FALLOC_FL_COLLAPSE_RANGE", 8),
    ("FALLOC_FL_ZERO_RANGE", 16),
    ("FALLOC_FL_INSERT_RANGE", 32),
    ("FALLOC_FL_UNSHARE_RANGE", 64),
];
const STATX_MASK: Names = &[
    ("STATX_ALL", 0xfff),
    ("STATX_BASIC_STATS", 0x7ff),
    ("STATX_TYPE", 1),
    ("STATX_MODE", 2),
    ("STATX_NLINK", 4),
    ("STATX_UID", 8),
    ("STATX_GID", 0x10),
    ("STATX_ATIME", 0x20),
    ("STATX_MTIME", 0x40),
    ("STATX_CTIME", 0x80),
    ("STATX_INO", 0x100),
    ("STATX_SIZE", 0x200),
    ("STATX_BLOCKS", 0x400),
    ("STATX_BTIME", 0x800),
    ("STATX_MNT_ID", 0x1000),
];
const XATTR: Names = &[("XATTR_CREATE", 1), ("XATTR_REPLACE", 2)];
const ITIMERS: Names = &[
    ("ITIMER_REAL", 0),
    ("ITIMER_VIRTUAL", 1),
    ("ITIMER_PROF", 2),
];
const PRIORITY: Names = &[("PRIO_PROCESS", 0), ("PRIO_PGRP", 1), ("PRIO_USER", 2)];
const PIDFD: Names = &[("PIDFD_NONBLOCK", 0o4000)];
const SECCOMP: Names = &[
    ("SECCOMP_SET_MODE_STRICT", 0),
    ("SECCOMP_SET_MODE_FILTER", 1),
    ("SECCOMP_GET_ACTION_AVAIL", 2),
    ("SECCOMP_GET_NOTIF_SIZES", 3),
];
const PRCTL: Names = &[
    ("PR_SET_PDEATHSIG", 1),
    ("PR_GET_PDEATHSIG", 2),
    ("PR_GET_DUMPABLE", 3),
    ("PR_SET_DUMPABLE", 4),
    ("PR_GET_KEEPCAPS", 7),
    ("PR_SET_KEEPCAPS", 8),
    ("PR_SET_NAME", 15),
    ("PR_GET_NAME", 16),
    ("PR_GET_SECCOMP", 21),
    ("PR_SET_SECCOMP", 22),
    ("PR_CAPBSET_READ", 23),
    ("PR_CAPBSET_DROP", 24),
    ("PR_SET_TIMERSLACK", 29),
    ("PR_GET_TIMERSLACK", 30),
    ("PR_SET_CHILD_SUBREAPER", 36),
    ("PR_GET_CHILD_SUBREAPER", 37),
    ("PR_SET_NO_NEW_PRIVS", 38),
    ("PR_GET_NO_NEW_PRIVS", 39),
    ("PR_CAP_AMBIENT", 47),
    ("PR_SET_VMA", 0x5356_4d41),
];

/// The names of a set. Those that need more than one argument to be read (`SocketOption`) take the usual one.
pub fn names(set: FlagSet) -> FlagNames {
    use FlagNames::{Bits, Values};
    match set {
        FlagSet::Access => Bits(ACCESS, "F_OK"),
        FlagSet::Advice => Values(ADVICE),
        FlagSet::Allocate => Bits(ALLOCATE, "0"),
        FlagSet::ArchPrctl => Values(ARCH_PRCTL),
        FlagSet::At => Bits(AT_FLAGS, "0"),
        FlagSet::Clock => Values(CLOCKS),
        FlagSet::Clone => Bits(CLONE_FLAGS, "0"),
        FlagSet::CloseRange => Bits(CLOSE_RANGE, "0"),
        FlagSet::Epoll => Bits(EPOLL, "0"),
        FlagSet::EpollCommand => Values(EPOLL_COMMANDS),
        FlagSet::EventFd => Bits(EFD, "0"),
        FlagSet::Fcntl => Values(FCNTL_COMMANDS),
        FlagSet::Flock => Bits(FLOCK, "0"),
        FlagSet::Inotify => Bits(INOTIFY, "0"),
        FlagSet::Ioctl => Values(IOCTL_REQUESTS),
        FlagSet::Itimer => Values(ITIMERS),
        FlagSet::Limit => Values(LIMITS),
        FlagSet::Madvise => Values(MADVISE),
        FlagSet::Map => Bits(MAP_FLAGS, "MAP_FILE"),
        FlagSet::Memfd => Bits(MEMFD, "0"),
        FlagSet::MemorySync => Bits(MEMORY_SYNC, "0"),
        FlagSet::Message => Bits(MESSAGE, "0"),
        FlagSet::Mount => Bits(MOUNT, "0"),
        FlagSet::PidFd => Bits(PIDFD, "0"),
        FlagSet::Prctl => Values(PRCTL),
        FlagSet::Priority => Values(PRIORITY),
        FlagSet::Protection => Bits(PROTECTION_FLAGS, "PROT_NONE"),
        FlagSet::Random => Bits(RANDOM, "0"),
        FlagSet::ReadWrite => Bits(READ_WRITE, "0"),
        FlagSet::Remap => Bits(REMAP, "0"),
        FlagSet::Rename => Bits(RENAME, "0"),
        FlagSet::Seccomp => Values(SECCOMP),
        FlagSet::Shutdown => Values(SHUTDOWN),
        FlagSet::SignalFd => Bits(SFD, "0"),
        FlagSet::SignalMask => Values(SIGNAL_MASK),
        FlagSet::SocketDomain => Values(SOCKET_FAMILIES),
        FlagSet::SocketLevel => Values(SOCKET_LEVELS),
        FlagSet::SocketOption => Values(SOCKET_OPTIONS),
        FlagSet::SocketProtocol => Values(PROTOCOLS),
        FlagSet::Splice => Bits(SPLICE, "0"),
        FlagSet::StatxMask => Bits(STATX_MASK, "0"),
        FlagSet::Timer => Bits(TFD_TIMER, "0"),
        FlagSet::TimerFd => Bits(TFD, "0"),
        FlagSet::Unmount => Bits(UNMOUNT, "0"),
        FlagSet::Wait => Bits(WAIT, "0"),
        FlagSet::WaitId => Values(WAIT_ID),
        FlagSet::Whence => Values(WHENCE),
        FlagSet::Xattr => Bits(XATTR, "0"),
        _ => FlagNames::Unknown,
    }
}
