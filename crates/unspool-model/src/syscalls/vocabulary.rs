//! What the columns of the table can hold.

/// What a call is about, for grouping and for `evt.category`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Category {
    /// Acts on a file by its name.
    File,
    /// Acts on an open descriptor, or makes one that is neither a socket nor from a file name.
    Descriptor,
    /// Sockets.
    Network,
    /// Processes and threads: start, image, end, wait, limits, scheduling.
    Process,
    /// Mappings and memory policy.
    Memory,
    /// Sending, masking, handling and awaiting signals.
    Signal,
    /// Futexes, System V objects, POSIX message queues.
    Ipc,
    /// Clocks, timers, sleeping.
    Time,
    /// Users, groups, capabilities.
    Identity,
    /// The machine as a whole: mounts, modules, host name, random numbers, BPF, perf.
    System,
    /// Waiting for many descriptors: `poll`, `select`, `epoll_wait`.
    Io,
    /// Keys, security modules, and calls that no kernel implements.
    Other,
}

impl Category {
    /// Every category, in the order of declaration.
    pub const ALL: &[Self] = &[
        Self::File,
        Self::Descriptor,
        Self::Network,
        Self::Process,
        Self::Memory,
        Self::Signal,
        Self::Ipc,
        Self::Time,
        Self::Identity,
        Self::System,
        Self::Io,
        Self::Other,
    ];

    /// Gives the lower-case word that reports and filters use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Descriptor => "descriptor",
            Self::Network => "network",
            Self::Process => "process",
            Self::Memory => "memory",
            Self::Signal => "signal",
            Self::Ipc => "ipc",
            Self::Time => "time",
            Self::Identity => "identity",
            Self::System => "system",
            Self::Io => "io",
            Self::Other => "other",
        }
    }

    /// Gives the sentence of the reference page.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::File => "Acts on a file by its name.",
            Self::Descriptor => {
                "Acts on an open descriptor, or makes one that is neither a socket nor from a file name."
            }
            Self::Network => "Sockets.",
            Self::Process => "Processes and threads: start, image, end, wait, limits, scheduling.",
            Self::Memory => "Mappings and memory policy.",
            Self::Signal => "Sending, masking, handling and awaiting signals.",
            Self::Ipc => "Futexes, System V objects, POSIX message queues.",
            Self::Time => "Clocks, timers, sleeping.",
            Self::Identity => "Users, groups, capabilities.",
            Self::System => {
                "The machine as a whole: mounts, modules, host name, random numbers, BPF, perf."
            }
            Self::Io => "Waiting for many descriptors: `poll`, `select`, `epoll_wait`.",
            Self::Other => "Keys, security modules, and calls that no kernel implements.",
        }
    }
}

/// What one argument means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Role {
    /// A descriptor.
    Fd,
    /// The descriptor of the folder that the next [`Role::Path`] starts from; `AT_FDCWD` for the current one.
    DirFd,
    /// A file name that the call resolves.
    Path,
    /// The text that a new symbolic link holds; not resolved.
    LinkTarget,
    /// Text that ends with NUL and is not a file name.
    Str,
    /// Bytes that the kernel reads; the next [`Role::Len`] says how many.
    BufIn,
    /// Bytes that the kernel writes; the result says how many.
    BufOut,
    /// A number of bytes.
    Len,
    /// Named bits or one of a set of named values.
    Flags(FlagSet),
    /// Permission bits, and the file type for `mknod`.
    Mode,
    /// A device number.
    Device,
    /// A socket address that the kernel reads.
    Sockaddr,
    /// A socket address that the kernel writes.
    SockaddrOut,
    /// The length of a [`Role::Sockaddr`].
    SockLen,
    /// Address of a length that the kernel reads and writes.
    SockLenPtr,
    /// A vector of buffers that the kernel reads.
    IovecIn,
    /// A vector of buffers that the kernel writes.
    IovecOut,
    /// A vector of address ranges in another process, or of ranges to advise on.
    IovecAddress,
    /// The number of entries of the vector before.
    IovecCount,
    /// A message header with address, vector and control data; the operation tells the direction.
    MsgHdr,
    /// A vector of message headers, each with a count of bytes; the operation tells the direction.
    MsgVec,
    /// The argument vector of a new image.
    Argv,
    /// The environment of a new image.
    Envp,
    /// A process number; for some calls 0 or a negative value has a meaning.
    Pid,
    /// A thread number.
    Tid,
    /// Address that the kernel writes a thread number to.
    TidOut,
    /// A user number.
    Uid,
    /// A group number.
    Gid,
    /// A signal number.
    Signal,
    /// A set of signals.
    SignalSet,
    /// Address that the kernel writes a wait status to.
    WaitStatus,
    /// `struct clone_args`; the next argument is its size.
    CloneArgs,
    /// `struct open_how`; the next argument is its size.
    OpenHow,
    /// A stat structure that the kernel writes.
    StatOut,
    /// Two descriptors that the kernel writes.
    FdPair,
    /// A time or two that the kernel reads.
    Timespec,
    /// A position in a file.
    Offset,
    /// Address of a position that the kernel reads and writes.
    OffsetPtr,
    /// A bit mask without names.
    Mask,
    /// An address in the memory of the caller that is not read as data.
    Address,
    /// Address of a structure that no other role describes.
    Ptr,
    /// A plain number.
    Int,
}

/// Which names the bits or values of an argument have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum FlagSet {
    /// `R_OK` and others.
    Access,
    /// `POSIX_FADV_*`.
    Advice,
    /// `FALLOC_FL_*`.
    Allocate,
    /// `ARCH_*`.
    ArchPrctl,
    /// `AT_*`.
    At,
    /// `BPF_*` commands.
    Bpf,
    /// `CLOCK_*`.
    Clock,
    /// `CLONE_*`.
    Clone,
    /// `CLOSE_RANGE_*`.
    CloseRange,
    /// `EPOLL_CLOEXEC`.
    Epoll,
    /// `EPOLL_CTL_*`.
    EpollCommand,
    /// `EFD_*`.
    EventFd,
    /// `FAN_CLASS_*` and others.
    Fanotify,
    /// `FAN_MARK_*`.
    FanotifyMark,
    /// `F_*` commands.
    Fcntl,
    /// `LOCK_*`.
    Flock,
    /// `FSCONFIG_*`.
    FsConfig,
    /// `FSMOUNT_*`.
    FsMount,
    /// `FSOPEN_*`.
    FsOpen,
    /// `FSPICK_*`.
    FsPick,
    /// `FUTEX_*` operations.
    Futex,
    /// `FUTEX2_*`.
    Futex2,
    /// `IN_CLOEXEC`, `IN_NONBLOCK`.
    Inotify,
    /// `IN_*` events.
    InotifyMask,
    /// `IORING_ENTER_*`.
    IoUringEnter,
    /// `IORING_REGISTER_*`.
    IoUringRegister,
    /// Request codes.
    Ioctl,
    /// `IPC_*`.
    Ipc,
    /// `ITIMER_*`.
    Itimer,
    /// `KEYCTL_*`.
    Keyctl,
    /// `LANDLOCK_*`.
    Landlock,
    /// `RLIMIT_*`.
    Limit,
    /// `MADV_*`.
    Madvise,
    /// `MAP_*`.
    Map,
    /// `MEMBARRIER_*`.
    Membarrier,
    /// `MFD_*`.
    Memfd,
    /// `MS_ASYNC` and others.
    MemorySync,
    /// `MPOL_*`.
    Mempolicy,
    /// `MSG_*`.
    Message,
    /// `MLOCK_*`, `MCL_*`.
    Mlock,
    /// `MODULE_INIT_*`, `O_NONBLOCK`.
    Module,
    /// `MS_RDONLY` and others.
    Mount,
    /// `MOUNT_ATTR_*`.
    MountAttribute,
    /// `MOVE_MOUNT_*`.
    MoveMount,
    /// `O_*`.
    Open,
    /// `OPEN_TREE_*`.
    OpenTree,
    /// A set that nothing decodes.
    Other,
    /// `PERF_FLAG_*`.
    Perf,
    /// `PER_*`.
    Personality,
    /// `PIDFD_*`.
    PidFd,
    /// `PR_*`.
    Prctl,
    /// `PRIO_*`, `IOPRIO_WHO_*`.
    Priority,
    /// `PROT_*`.
    Protection,
    /// `PTRACE_*`.
    Ptrace,
    /// `GRND_*`.
    Random,
    /// `RWF_*`.
    ReadWrite,
    /// `LINUX_REBOOT_*`.
    Reboot,
    /// `MREMAP_*`.
    Remap,
    /// `RENAME_*`.
    Rename,
    /// `SCHED_*`.
    Scheduler,
    /// `SECCOMP_SET_*` and others.
    Seccomp,
    /// `SECCOMP_FILTER_FLAG_*`.
    SeccompFlags,
    /// `SHM_*`.
    SharedMemory,
    /// `SHUT_*`.
    Shutdown,
    /// `SFD_*`.
    SignalFd,
    /// `SIG_BLOCK` and others.
    SignalMask,
    /// `AF_*`.
    SocketDomain,
    /// `SOL_*`.
    SocketLevel,
    /// `SO_*`; depends on the level.
    SocketOption,
    /// `IPPROTO_*`; depends on the domain.
    SocketProtocol,
    /// `SOCK_*`.
    SocketType,
    /// `SPLICE_F_*`.
    Splice,
    /// `STATX_*`.
    StatxMask,
    /// `SWAP_FLAG_*`.
    Swap,
    /// `SYNC_FILE_RANGE_*`.
    SyncRange,
    /// `TIMER_ABSTIME`.
    Timer,
    /// `TFD_*`.
    TimerFd,
    /// `MNT_*`.
    Unmount,
    /// `WNOHANG` and others.
    Wait,
    /// `P_*`.
    WaitId,
    /// `SEEK_*`.
    Whence,
    /// `XATTR_*`.
    Xattr,
}

/// What a call does, as far as the tracker cares. Calls that differ only in the roles of their arguments share one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Operation {
    /// `open`: flags and mode are arguments.
    Open,
    /// `openat`.
    OpenAt,
    /// `openat2`: flags are in `struct open_how`.
    OpenAt2,
    /// `open_by_handle_at`.
    OpenByHandle,
    /// `creat`: create, truncate, open for writing.
    Creat,
    /// `name_to_handle_at`.
    NameToHandle,
    /// `close`.
    Close,
    /// `close_range`: close, or mark close-on-exec, or unshare first.
    CloseRange,
    /// `dup`.
    Dup,
    /// `dup2`.
    Dup2,
    /// `dup3`.
    Dup3,
    /// `fcntl`: duplication, close-on-exec flag, locks, pipe sizes.
    Fcntl,
    /// `ioctl`.
    Ioctl,
    /// Moves the position of a session.
    Lseek,
    /// Reads bytes into buffers of the caller; the result counts them.
    Read,
    /// Writes bytes from buffers of the caller; the result counts them.
    Write,
    /// `sendfile(out, in, ...)`.
    SendFile,
    /// `splice(in, ..., out, ...)`.
    Splice,
    /// `tee(in, out, ...)`: copies between pipes, consumes nothing.
    Tee,
    /// `vmsplice`: user memory into a pipe, or the reverse for a read end.
    Vmsplice,
    /// `copy_file_range(in, ..., out, ...)`.
    CopyFileRange,
    /// Reads entries of a folder.
    ReadDir,
    /// Makes file data durable.
    Fsync,
    /// Makes everything durable.
    Sync,
    /// `flock`.
    Flock,
    /// Hints on access: `fadvise64`, `readahead`.
    Advise,
    /// `fallocate`.
    Allocate,
    /// `cachestat`.
    CacheStat,
    /// Linux asynchronous I/O: `io_submit` and its family.
    AsyncIo,
    /// Makes a pipe: the two descriptors are written to memory.
    Pipe,
    /// Makes an event counter.
    EventFd,
    /// Makes an epoll instance.
    EpollCreate,
    /// Adds, changes or removes a descriptor of an epoll instance.
    EpollCtl,
    /// Waits on an epoll instance.
    EpollWait,
    /// `poll`, `select` and their variants.
    Poll,
    /// Makes an anonymous file.
    Memfd,
    /// Makes or changes a signal descriptor.
    SignalFd,
    /// Makes a timer descriptor.
    TimerFd,
    /// Makes an inotify instance.
    Inotify,
    /// Watches a path.
    InotifyAdd,
    /// Removes a watch.
    InotifyRemove,
    /// Makes a fanotify group.
    Fanotify,
    /// Marks a path for a fanotify group.
    FanotifyMark,
    /// Makes a descriptor of a process.
    PidFdOpen,
    /// Copies a descriptor out of another process.
    PidFdGetFd,
    /// Sends a signal through a process descriptor.
    PidFdSendSignal,
    /// Makes an `io_uring`.
    IoUringSetup,
    /// Submits to and waits on an `io_uring`.
    IoUringEnter,
    /// Registers buffers and files with an `io_uring`.
    IoUringRegister,
    /// Makes a userfault descriptor.
    UserfaultFd,
    /// `bpf`: some commands return a descriptor.
    Bpf,
    /// Makes a performance counter descriptor.
    PerfEventOpen,
    /// Makes a socket.
    Socket,
    /// Makes two connected sockets: the descriptors are written to memory.
    SocketPair,
    /// Takes a connection: the result is its descriptor.
    Accept,
    /// Connects a socket.
    Connect,
    /// Names a socket.
    Bind,
    /// Makes a socket passive.
    Listen,
    /// Ends one or both directions of a socket.
    Shutdown,
    /// `send`, `sendto`: the result counts bytes.
    Send,
    /// `recv`, `recvfrom`: the result counts bytes.
    Recv,
    /// `sendmsg`: may carry descriptors.
    SendMsg,
    /// `recvmsg`: may carry descriptors.
    RecvMsg,
    /// `sendmmsg`: the result counts messages.
    SendMmsg,
    /// `recvmmsg`: the result counts messages.
    RecvMmsg,
    /// Asks for the own address of a socket.
    GetSockName,
    /// Asks for the address of the other end.
    GetPeerName,
    /// Reads a socket option.
    GetSockOpt,
    /// Sets a socket option.
    SetSockOpt,
    /// Maps a file or anonymous memory.
    Mmap,
    /// Removes mappings.
    Munmap,
    /// Moves or resizes mappings.
    Mremap,
    /// Changes protection, keys and seals of memory.
    Mprotect,
    /// Moves the end of the heap; maps a shadow stack.
    Brk,
    /// Hints on memory.
    MemoryAdvise,
    /// Locks and unlocks pages.
    MemoryLock,
    /// NUMA placement.
    MemoryPolicy,
    /// `msync`: writes a mapping back to its file.
    MemorySync,
    /// Changes the current folder by path.
    Chdir,
    /// Changes the current folder by descriptor.
    Fchdir,
    /// Tells the current folder.
    GetCwd,
    /// Changes the root folder of the caller.
    Chroot,
    /// Changes the root mount.
    PivotRoot,
    /// Renames the first path to the second.
    Rename,
    /// Gives the first path a second name.
    Link,
    /// Makes a symbolic link.
    Symlink,
    /// Removes a name; a folder when the flags hold `AT_REMOVEDIR`.
    Unlink,
    /// Makes a folder.
    Mkdir,
    /// Removes a folder.
    Rmdir,
    /// Makes a device, FIFO, socket or empty file.
    Mknod,
    /// Sets the length of a file.
    Truncate,
    /// Changes permission bits.
    Chmod,
    /// Changes the owner.
    Chown,
    /// Changes times.
    Utime,
    /// Asks for metadata.
    Stat,
    /// Asks for metadata of a file system.
    StatFs,
    /// Asks whether access would be allowed.
    Access,
    /// Reads a symbolic link.
    ReadLink,
    /// Reads an extended attribute.
    GetXattr,
    /// Sets an extended attribute.
    SetXattr,
    /// Lists extended attributes.
    ListXattr,
    /// Removes an extended attribute.
    RemoveXattr,
    /// `file_getattr`.
    GetFileAttributes,
    /// `file_setattr`.
    SetFileAttributes,
    /// Makes a child process.
    Fork,
    /// Makes a child process that borrows the memory of its parent.
    Vfork,
    /// `clone`: the flags decide between process and thread.
    Clone,
    /// `clone3`: the flags are in `struct clone_args`.
    Clone3,
    /// `execve`.
    Exec,
    /// `execveat`.
    ExecAt,
    /// Ends the calling thread.
    Exit,
    /// Ends the process.
    ExitGroup,
    /// Takes the status of a child.
    Wait,
    /// Sends a signal.
    Kill,
    /// `ptrace`.
    Ptrace,
    /// `prctl`, `arch_prctl`.
    Prctl,
    /// Leaves shared tables and namespaces.
    Unshare,
    /// `setns`.
    SetNamespace,
    /// `seccomp`.
    Seccomp,
    /// Sets the file creation mask.
    Umask,
    /// Reads a resource limit.
    GetLimit,
    /// Reads or sets a resource limit.
    SetLimit,
    /// Asks for process numbers, scheduling and accounting.
    GetProcess,
    /// Sets scheduling and per-thread kernel data.
    SetProcess,
    /// Process groups and sessions.
    SetGroupOrSession,
    /// Reads the memory of another process.
    ProcessMemoryRead,
    /// Writes the memory of another process.
    ProcessMemoryWrite,
    /// Gives up the processor.
    Yield,
    /// Changes user numbers.
    SetUser,
    /// Changes group numbers.
    SetGroups,
    /// `capset`.
    SetCapabilities,
    /// Asks for user, group and capability data.
    GetIdentity,
    /// Sets handlers and the alternate stack.
    SignalAction,
    /// Reads or changes the mask, reads what is pending.
    SignalMask,
    /// Waits for a signal.
    SignalWait,
    /// Returns from a handler.
    SignalReturn,
    /// Continues an interrupted call.
    Restart,
    /// Waits or wakes on a word in memory.
    Futex,
    /// System V semaphores, message queues, shared memory.
    SystemV,
    /// Opens a POSIX message queue: the result is a descriptor.
    MessageQueueOpen,
    /// Sends to a POSIX message queue.
    MessageQueueSend,
    /// Receives from a POSIX message queue.
    MessageQueueReceive,
    /// Other calls on POSIX message queues.
    MessageQueue,
    /// Reads a clock.
    GetTime,
    /// Sets or adjusts a clock.
    SetClock,
    /// Sleeps.
    Sleep,
    /// Arms or reads a timer.
    Timer,
    /// Attaches a file system.
    Mount,
    /// Detaches a file system.
    Unmount,
    /// Makes a descriptor of a mount or of a file system under construction.
    MountDescriptor,
    /// Configures a mount.
    MountConfigure,
    /// Asks for mounts.
    GetMount,
    /// Adds or removes swap space.
    Swap,
    /// Disk quotas.
    Quota,
    /// Kernel modules.
    Module,
    /// Loads another kernel.
    Kexec,
    /// `reboot`.
    Reboot,
    /// Sets host or domain name.
    SetHostName,
    /// Asks for names and figures of the machine.
    Uname,
    /// `getrandom`.
    Random,
    /// Kernel keys.
    Keyring,
    /// Landlock rules.
    Landlock,
    /// Linux security modules.
    SecurityModule,
    /// Nothing that the tracker follows.
    Other,
}
