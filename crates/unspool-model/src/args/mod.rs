//! Arguments of calls, in the two shapes in which tracers give them: text as strace prints it, and numbers with the
//! memory behind them (native recorders). The accessors hide the difference from the tracker.

mod binary;
mod print;
mod socket;
#[cfg(test)]
mod tests;
pub mod text;

pub use print::descriptor as print_descriptor;
pub use socket::{Family, SocketAddress};

use crate::event::ExitStatus;
use crate::ids::Fd;
use crate::syscalls::Syscall;

/// Most arguments that are kept apart. More (named forms of clone) stay in [`Args::text`].
pub const ARGS_MAX: usize = 8;

/// Arguments of one call.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    list: [Arg<'a>; ARGS_MAX],
    len: u8,
    /// All arguments as a text tracer printed them; empty for native records.
    pub text: &'a [u8],
}

/// One argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arg<'a> {
    /// As printed by a text tracer, without `name=`: `O_RDONLY|O_CLOEXEC`, `"/etc/passwd"`, `3</x>`, `{st_size=1, ...}`.
    Text(&'a [u8]),
    /// Register.
    Number(u64),
    /// Descriptor with what the kernel's object says it is (empty when not told).
    Fd {
        /// Number; `AT_FDCWD` is -100.
        fd: i32,
        /// Path, a fact.
        path: &'a [u8],
    },
    /// String in user memory: a claim.
    String {
        /// Its bytes.
        bytes: &'a [u8],
        /// Whether it was cut at the recorder's limit.
        cut: bool,
    },
    /// Buffer in user memory.
    Buffer {
        /// Bytes kept, maybe none.
        bytes: &'a [u8],
        /// True length.
        len: u64,
    },
    /// struct sockaddr.
    Sockaddr(&'a [u8]),
    /// i32s, little-endian.
    Ints(&'a [u8]),
    /// Array of strings as [`crate::event::Strings`] has it.
    Strings(crate::event::Strings<'a>),
    /// Wait status.
    Status(i32),
    /// Sum of iovec lengths.
    Total(u64),
    /// Raw structure.
    Struct(&'a [u8]),
}

/// `dirfd` argument that stands for the working directory (`AT_FDCWD` of fcntl.h).
pub const AT_FDCWD: i32 = -100;

/// A descriptor argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FdArg<'a> {
    /// Number; [`AT_FDCWD`] for the working directory.
    pub fd: Fd,
    /// What the kernel's object says it is, still in the tracer's escaping (see [`text::unescape_path`]) if
    /// `escaped`; empty when not told.
    pub path: &'a [u8],
    /// Whether `path` is escaped as strace prints.
    pub escaped: bool,
}

impl<'a> Args<'a> {
    /// No arguments yet; `text` is what a text tracer printed between the parentheses.
    pub fn new(text: &'a [u8]) -> Self {
        Self {
            list: [Arg::Number(0); ARGS_MAX],
            len: 0,
            text,
        }
    }

    /// Adds an argument; the ninth and later are dropped (they stay in `text`).
    pub fn push(&mut self, arg: Arg<'a>) {
        if let Some(slot) = self.list.get_mut(usize::from(self.len)) {
            *slot = arg;
            self.len += 1;
        }
    }

    /// Replaces the argument at `index`, if there is one.
    pub fn set(&mut self, index: usize, arg: Arg<'a>) {
        if index < usize::from(self.len)
            && let Some(slot) = self.list.get_mut(index)
        {
            *slot = arg;
        }
    }

    /// The arguments.
    pub fn as_slice(&self) -> &[Arg<'a>] {
        self.list.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// Argument `index`, from 0.
    pub fn get(&self, index: usize) -> Option<Arg<'a>> {
        self.as_slice().get(index).copied()
    }

    /// Argument as a number: decimal, hexadecimal, octal; `None` for symbolic text.
    pub fn int(&self, index: usize) -> Option<i64> {
        match self.get(index)? {
            Arg::Text(text) => text::int(text),
            Arg::Number(value) => Some(value.cast_signed()),
            Arg::Fd { fd, .. } => Some(i64::from(fd)),
            Arg::Total(total) | Arg::Buffer { len: total, .. } => i64::try_from(total).ok(),
            Arg::Status(status) => Some(i64::from(status)),
            _ => None,
        }
    }

    /// Argument as a descriptor.
    pub fn fd(&self, index: usize) -> Option<FdArg<'a>> {
        match self.get(index)? {
            Arg::Text(text) => text::fd(text),
            Arg::Number(value) => Some(FdArg {
                // A descriptor is an int: the upper half of the register is ignored by the kernel.
                fd: Fd(i32::from_le_bytes([
                    value.to_le_bytes()[0],
                    value.to_le_bytes()[1],
                    value.to_le_bytes()[2],
                    value.to_le_bytes()[3],
                ])),
                path: &[],
                escaped: false,
            }),
            Arg::Fd { fd, path } => Some(FdArg {
                fd: Fd(fd),
                path,
                escaped: false,
            }),
            _ => None,
        }
    }

    /// Appends the path (or other string) at `index` to `out`, decoded. Returns whether it is complete;
    /// `None` when the argument is no string (`NULL`, an address).
    pub fn string(&self, index: usize, out: &mut Vec<u8>) -> Option<bool> {
        match self.get(index)? {
            Arg::Text(text) => text::string(text, out),
            Arg::String { bytes, cut } => {
                out.extend_from_slice(bytes);
                Some(!cut)
            }
            _ => None,
        }
    }

    /// Whether the flag argument at `index` holds the flag: by name in text, by bits in a number.
    pub fn has_flag(&self, index: usize, name: &[u8], bits: u64) -> bool {
        match self.get(index) {
            Some(Arg::Text(text)) => text::has_token(text, name),
            Some(Arg::Number(value)) => value & bits == bits && bits != 0,
            _ => false,
        }
    }

    /// Value of a flag argument where a text tracer's symbols are looked up in `table`, for open flags and the like.
    pub fn flags(&self, index: usize, table: &[(&str, u64)]) -> u64 {
        match self.get(index) {
            Some(Arg::Text(text)) => text::flags(text, table),
            Some(Arg::Number(value)) => value,
            _ => 0,
        }
    }

    /// Socket address at `index`.
    pub fn socket_address(&self, index: usize) -> Option<SocketAddress> {
        match self.get(index)? {
            Arg::Text(text) => socket::from_text(text),
            Arg::Sockaddr(bytes) => socket::from_bytes(bytes),
            _ => None,
        }
    }

    /// Descriptors that the call stored: pipe(2), socketpair(2).
    pub fn fd_pair(&self, index: usize) -> Option<[FdArg<'a>; 2]> {
        match self.get(index)? {
            Arg::Text(text) => text::fd_pair(text),
            Arg::Ints(bytes) => binary::fd_pair(bytes),
            _ => None,
        }
    }

    /// Array of strings at `index` (argv, envp), decoded; the flag tells whether all of them are there and whole.
    pub fn strings(&self, index: usize) -> Option<(Vec<Vec<u8>>, bool)> {
        match self.get(index)? {
            Arg::Text(text) => text::strings(text),
            Arg::Strings(strings) => {
                let list: Vec<Vec<u8>> = strings.iter().map(<[u8]>::to_vec).collect();
                let whole = u32::try_from(list.len()).is_ok_and(|len| len == strings.count);
                Some((list, whole))
            }
            _ => None,
        }
    }

    /// Wait status at `index`, when a child's end was reported.
    pub fn wait_status(&self, index: usize) -> Option<ExitStatus> {
        match self.get(index)? {
            Arg::Text(text) => text::wait_status(text),
            Arg::Status(status) => binary::wait_status(status),
            _ => None,
        }
    }

    /// Descriptors received by `SCM_RIGHTS` in the message at `index`.
    pub fn received_fds(&self, index: usize) -> Vec<FdArg<'a>> {
        match self.get(index) {
            Some(Arg::Text(text)) => text::rights(text),
            Some(Arg::Ints(bytes)) => binary::fds(bytes),
            _ => Vec::new(),
        }
    }

    /// Flags of clone, clone3 in any of their forms; `None` when the log does not tell.
    pub fn clone_flags(&self, is_clone3: bool) -> Option<u64> {
        if !self.text.is_empty() {
            return text::clone_flags(self.text);
        }
        match self.get(0)? {
            Arg::Struct(bytes) if is_clone3 => binary::u64_at(bytes, 0),
            Arg::Number(value) if !is_clone3 => Some(value),
            _ => None,
        }
    }

    /// Open flags and such inside `struct open_how` at `index` (openat2).
    pub fn open_how_flags(&self, index: usize, table: &[(&str, u64)]) -> u64 {
        match self.get(index) {
            Some(Arg::Text(text)) => text::flags(text, table),
            Some(Arg::Struct(bytes)) => binary::u64_at(bytes, 0).unwrap_or(0),
            _ => 0,
        }
    }

    /// Appends the arguments as text, as strace would print them.
    pub fn print(&self, call: Option<Syscall>, out: &mut Vec<u8>) {
        if self.text.is_empty() {
            print::print(self, call, out);
        } else {
            out.extend_from_slice(self.text);
        }
    }
}
