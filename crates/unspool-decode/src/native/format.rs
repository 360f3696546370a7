//! The numbers of the record format, version 1, as `docs/record-format.md` has them.
//!
//! Recorders write with these and the decoder reads with them; nothing else knows them.

/// Version of the format that this build writes and reads.
pub const VERSION: u16 = 1;
/// Bytes of the head of every record: kind and length, tid, time.
pub const HEAD_BYTES: usize = 16;
/// A record is shorter than this: its length has 24 bits and is a multiple of 4.
pub const RECORD_BYTES_MAX: usize = (1 << 24) - 4;
/// Longest path kept in a `string` item, in bytes (`PATH_MAX` of Linux).
pub const PATH_BYTES_MAX: usize = 4096;
/// Longest `argv` and `env` together, in bytes, kept in one record.
pub const STRINGS_BYTES_MAX: usize = 2 << 20;
/// Item length that says: a u32 with the true length follows.
pub const LONG_ITEM: u16 = 0xffff;
/// Item index that says: the result of the call.
pub const INDEX_RESULT: u8 = 0xfe;
/// Item index that says: no argument.
pub const INDEX_NONE: u8 = 0xff;
/// Duration that says: see the item `long duration`.
pub const LONG_DURATION: u32 = 0xffff_ffff;
/// Slot of the result among the seven slots of a call.
pub const SLOT_RESULT: usize = 6;

/// Kinds of records.
pub mod kind {
    /// Start of a stream.
    pub const STREAM: u8 = 1;
    /// A system call that returned (or never will, item `no result`).
    pub const CALL: u8 = 2;
    /// A call that creates, replaces or ends a process was entered.
    pub const CALL_BEGIN: u8 = 3;
    /// The kernel made a thread or process.
    pub const FORK: u8 = 4;
    /// A new image runs.
    pub const EXEC: u8 = 5;
    /// A thread ended.
    pub const EXIT: u8 = 6;
    /// A signal was delivered.
    pub const SIGNAL: u8 = 7;
    /// State of a process when recording of it began.
    pub const PROCESS: u8 = 8;
    /// Events are missing here.
    pub const GAP: u8 = 9;
    /// Calls counted instead of written.
    pub const FOLDED: u8 = 10;
    /// Resource use sampled at a fixed rate.
    pub const SAMPLE: u8 = 11;
    /// A message of the recorder.
    pub const NOTE: u8 = 12;
    /// The wall clock jumped.
    pub const CLOCK: u8 = 13;
    /// Totals for the conservation check.
    pub const COUNTS: u8 = 14;
    /// A group stop began.
    pub const STOP: u8 = 15;
    /// A group stop ended.
    pub const CONTINUE: u8 = 16;
    /// A call whose first argument is a descriptor, with the serial number of the file.
    pub const CALL_ON_FILE: u8 = 17;
    /// The path of an open file, once.
    pub const FILE: u8 = 18;
    /// An operation that was given to an `io_uring`, at its end.
    pub const RING_OPERATION: u8 = 19;
    /// How far a recorder had read what its kernel side gave.
    pub const POSITION: u8 = 20;
}

/// Flags of a sample.
pub mod sample {
    /// The process ended with it.
    pub const LAST: u32 = 1;
}

/// Tags of items.
pub mod tag {
    /// End of the items (padding).
    pub const END: u8 = 0;
    /// String from user memory.
    pub const STRING: u8 = 1;
    /// String from user memory, cut.
    pub const STRING_CUT: u8 = 2;
    /// Buffer: u64 true length, bytes kept.
    pub const BUFFER: u8 = 3;
    /// struct sockaddr.
    pub const SOCKADDR: u8 = 4;
    /// i32s.
    pub const INTS: u8 = 5;
    /// Array of strings.
    pub const STRINGS: u8 = 6;
    /// Path of the open file, from the kernel's object.
    pub const PATH: u8 = 7;
    /// i32 wait status.
    pub const STATUS: u8 = 8;
    /// u64 sum of iovec lengths.
    pub const TOTAL: u8 = 9;
    /// u64 ns.
    pub const LONG_DURATION: u8 = 10;
    /// u64 serial number of the open file or process.
    pub const IDENTITY: u8 = 11;
    /// Raw structure.
    pub const STRUCT: u8 = 12;
    /// The call never returned.
    pub const NO_RESULT: u8 = 13;
    /// Path of the executed image.
    pub const EXE: u8 = 14;
    /// Argument vector.
    pub const ARGV: u8 = 15;
    /// Environment.
    pub const ENV: u8 = 16;
    /// Working directory.
    pub const CWD: u8 = 17;
    /// u32 uid, u32 gid.
    pub const USER: u8 = 18;
    /// i32 descriptor, u32 open flags, path.
    pub const FD: u8 = 19;
    /// Socket: family, type, protocol, 0, text.
    pub const SOCKET: u8 = 20;
    /// Text for people.
    pub const TEXT: u8 = 21;
    /// Host name.
    pub const HOST: u8 = 22;
    /// Kernel release.
    pub const KERNEL: u8 = 23;
    /// Name of a sample value.
    pub const KEY: u8 = 24;
    /// f64 of a sample value.
    pub const VALUE: u8 = 25;
    /// Path of a control group.
    pub const GROUP: u8 = 40;
    /// Name of the container of a control group, from the runtime's own files.
    pub const CONTAINER: u8 = 41;
    /// u64 of a sample; the item's index is the number of the amount.
    pub const AMOUNT: u8 = 42;
    /// u32 calls of a folded record whose time was not measured.
    pub const UNTIMED: u8 = 43;
    /// u64s: the arguments of an operation, as the call of its name takes them.
    pub const ARGUMENTS: u8 = 44;
}

/// Architectures as the format numbers them.
pub mod architecture {
    /// 64-bit x86.
    pub const X86_64: u8 = 0;
    /// 64-bit Arm.
    pub const AARCH64: u8 = 1;
    /// 32-bit x86, also under a 64-bit kernel.
    pub const I386: u8 = 2;
    /// Anything else.
    pub const OTHER: u8 = 3;
}
