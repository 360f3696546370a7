//! Prints arguments of native records as strace would: role by role, after the row of the call.
//!
//! Open flags are read in the numbers of `x86_64`; the native decoder brings those of other architectures into that form.

mod quote;
mod structs;
#[cfg(test)]
mod tests;

use super::{AT_FDCWD, Arg, Args};
use crate::flags::{self, FlagNames, Names};
use crate::signal;
use crate::syscalls::{FlagSet, Operation, Role, Syscall};
use quote::{Within, escaped, hex, pointer, quoted, signed, unsigned};

/// Largest value of unknown meaning that is printed as a decimal number; larger ones look like addresses or masks.
const DECIMAL_MAX: u64 = 0xffff;

/// Appends the arguments, separated by `, `.
pub(super) fn print(args: &Args<'_>, call: Option<Syscall>, out: &mut Vec<u8>) {
    let operation = call.map_or(Operation::Other, Syscall::operation);
    let roles = call.map_or(&[][..], Syscall::args);
    if operation == Operation::Clone && args.as_slice().len() == 5 {
        structs::clone(args, out);
        return;
    }
    let printer = Printer {
        args,
        roles,
        operation,
    };
    for (index, arg) in args.as_slice().iter().enumerate() {
        if printer.is_left_out(index) {
            continue;
        }
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        printer.argument(index, arg, out);
    }
}

/// The call that is being printed.
struct Printer<'c, 'a> {
    args: &'c Args<'a>,
    roles: &'static [Role],
    operation: Operation,
}

impl Printer<'_, '_> {
    fn number(&self, index: usize) -> u64 {
        self.args.int(index).unwrap_or(0).cast_unsigned()
    }

    /// Arguments that the kernel does not look at: the mode without `O_CREAT`, the third argument of `F_GETFD`, the
    /// timeout of `FUTEX_WAKE`.
    fn is_left_out(&self, index: usize) -> bool {
        const O_CREAT: u64 = 0o100;
        const O_TMPFILE: u64 = 0o20_200_000;
        const NO_ARGUMENT: [u64; 6] = [1, 3, 9, 11, 1025, 1032];
        match self.operation {
            Operation::Fcntl => index == 2 && NO_ARGUMENT.contains(&self.number(1)),
            Operation::Ioctl => index == 2 && matches!(self.number(1), 0x5450 | 0x5451),
            Operation::Futex if self.roles.get(1) == Some(&Role::Flags(FlagSet::Futex)) => {
                match self.number(1) & 0x7f {
                    // FUTEX_WAIT takes a timeout, FUTEX_WAKE does not.
                    0 => index > 3,
                    1 => index > 2,
                    // FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET.
                    9 => index == 4,
                    10 => index == 3 || index == 4,
                    _ => false,
                }
            }
            Operation::Open | Operation::OpenAt => {
                let flags = index.checked_sub(1).map_or(0, |before| self.number(before));
                self.roles.get(index) == Some(&Role::Mode)
                    && flags & O_CREAT == 0
                    && flags & O_TMPFILE != O_TMPFILE
            }
            _ => false,
        }
    }

    fn argument(&self, index: usize, arg: &Arg<'_>, out: &mut Vec<u8>) {
        let role = self.roles.get(index).copied();
        match *arg {
            Arg::Text(text) => out.extend_from_slice(text),
            Arg::Number(value) => self.by_role(index, role, value, out),
            Arg::Fd { fd, path } => descriptor(fd, path, out),
            Arg::String { bytes, cut } => quoted(bytes, cut, out),
            Arg::Buffer { bytes, len } => quoted(bytes, (bytes.len() as u64) < len, out),
            Arg::Sockaddr(bytes) => structs::sockaddr(bytes, out),
            Arg::Ints(bytes) if role == Some(Role::MsgHdr) => structs::rights(bytes, out),
            Arg::Ints(bytes) => structs::ints(bytes, out),
            Arg::Strings(strings) if role == Some(Role::Envp) => {
                out.extend_from_slice(b"[/* ");
                unsigned(u64::from(strings.count), out);
                let one = strings.count == 1;
                out.extend_from_slice(if one { b" var */]" } else { b" vars */]" });
            }
            Arg::Strings(strings) => structs::strings(strings, out),
            Arg::Status(status) => structs::wait_status(status, out),
            Arg::Total(total) => {
                let is_message = role == Some(Role::MsgHdr);
                out.extend_from_slice(if is_message {
                    b"{msg_iov=[{iov_len="
                } else {
                    b"[{iov_len="
                });
                unsigned(total, out);
                out.extend_from_slice(if is_message { b"}]}" } else { b"}]" });
            }
            Arg::Struct(bytes) if role == Some(Role::CloneArgs) => structs::clone_args(bytes, out),
            Arg::Struct(bytes) if role == Some(Role::OpenHow) => structs::open_how(bytes, out),
            Arg::Struct(bytes) => quoted(bytes, false, out),
        }
    }

    fn by_role(&self, index: usize, role: Option<Role>, value: u64, out: &mut Vec<u8>) {
        match role {
            None => any(value, out),
            Some(Role::Flags(set)) => self.flags(index, set, value, out),
            Some(Role::Fd | Role::DirFd) => descriptor(low(value), &[], out),
            Some(Role::Mode) => structs::mode(value & 0xffff, out),
            Some(Role::Device) => structs::device(value, out),
            Some(Role::Len | Role::IovecCount) => unsigned(value, out),
            Some(Role::SockLen) => signed(i64::from(low(value)), out),
            Some(Role::Offset) if self.operation == Operation::Mmap => hex(value, out),
            Some(Role::Offset) => signed(value.cast_signed(), out),
            Some(Role::Uid | Role::Gid | Role::Pid | Role::Tid) => {
                signed(i64::from(low(value)), out);
            }
            Some(Role::Signal) => signal_name(value & 0xffff_ffff, out),
            Some(Role::Mask) => hex(value, out),
            Some(Role::Int) if self.operation == Operation::Fcntl => self.fcntl(value, out),
            Some(Role::Int)
                if self.operation == Operation::Futex
                    && index == 5
                    && value & 0xffff_ffff == 0xffff_ffff =>
            {
                out.extend_from_slice(b"FUTEX_BITSET_MATCH_ANY");
            }
            Some(Role::Int) => int(value, out),
            Some(_) => pointer(value, out),
        }
    }

    fn flags(&self, index: usize, set: FlagSet, value: u64, out: &mut Vec<u8>) {
        let before = index.checked_sub(1).map_or(0, |index| self.number(index));
        match set {
            FlagSet::Open
                if self.roles.contains(&Role::FdPair) || self.operation == Operation::Dup3 =>
            {
                bits(value, flags::OPEN_FLAGS, "0", out);
            }
            FlagSet::Open => open_flags(value, out),
            FlagSet::SocketType => socket_type(value, out),
            FlagSet::SocketProtocol if !matches!(self.number(0), 2 | 10) => unsigned(value, out),
            FlagSet::SocketOption if before != 1 => any(value, out),
            FlagSet::Futex => futex(value, out),
            FlagSet::At if self.operation == Operation::Access && value & 0x200 != 0 => {
                bits_with(value, &[("AT_EACCESS", 0x200)], flags::AT_FLAGS, out);
            }
            FlagSet::Wait => bits(value & 0xffff_ffff, wait_names(), "0", out),
            set => match flags::names(set) {
                FlagNames::Bits(names, zero) => bits(value, names, zero, out),
                FlagNames::Values(names) => one_of(value & 0xffff_ffff, names, out),
                FlagNames::Unknown => any(value, out),
            },
        }
    }

    /// The third argument of fcntl, which the command explains.
    fn fcntl(&self, value: u64, out: &mut Vec<u8>) {
        match self.number(1) {
            2 => bits(value, &[("FD_CLOEXEC", 1)], "0", out),
            4 => open_flags(value, out),
            5 | 6 | 7 | 36 | 37 | 38 => pointer(value, out),
            _ => int(value, out),
        }
    }
}

/// Appends a descriptor with what stands behind it, as strace -yy prints it: `3`, `3</etc/passwd>`, `AT_FDCWD`.
pub fn descriptor(fd: i32, path: &[u8], out: &mut Vec<u8>) {
    if fd == AT_FDCWD {
        out.extend_from_slice(b"AT_FDCWD");
    } else {
        signed(i64::from(fd), out);
    }
    if !path.is_empty() {
        out.push(b'<');
        // The brackets of `TCP:[1.2.3.4:5->6.7.8.9:10]` are strace's own: only in paths are `<` and `>` data.
        if path.starts_with(b"/") {
            let (path, suffix) = match path.strip_suffix(b" (deleted)") {
                Some(path) => (path, &b"(deleted)"[..]),
                None => (path, &b""[..]),
            };
            escaped(path, Within::Angles, out);
            out.push(b'>');
            out.extend_from_slice(suffix);
            return;
        }
        escaped(path, Within::Object, out);
        out.push(b'>');
    }
}

/// The low half of a register, as the kernel reads an int.
fn low(value: u64) -> i32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// An int, or a long that does not fit into one.
fn int(value: u64, out: &mut Vec<u8>) {
    let upper = value >> 32;
    if upper == 0 || upper == 0xffff_ffff {
        signed(i64::from(low(value)), out);
    } else {
        hex(value, out);
    }
}

/// A number of unknown meaning.
fn any(value: u64, out: &mut Vec<u8>) {
    if value <= DECIMAL_MAX {
        unsigned(value, out);
    } else if value == u64::MAX {
        out.extend_from_slice(b"-1");
    } else {
        hex(value, out);
    }
}

/// `SIGCHLD`; 0 and numbers that are no signals as numbers.
fn signal_name(number: u64, out: &mut Vec<u8>) {
    match u32::try_from(number) {
        Ok(number @ 1..=64) => out.extend_from_slice(signal::name(number).as_bytes()),
        _ => int(number, out),
    }
}

/// Flags of open, the access mode first.
fn open_flags(value: u64, out: &mut Vec<u8>) {
    let access: &[u8] = match value & flags::O_ACCMODE {
        0 => b"O_RDONLY",
        1 => b"O_WRONLY",
        2 => b"O_RDWR",
        _ => b"O_ACCMODE",
    };
    out.extend_from_slice(access);
    let rest = value & !flags::O_ACCMODE;
    if rest != 0 {
        out.push(b'|');
        bits(rest, flags::OPEN_FLAGS, "0", out);
    }
}

fn socket_type(value: u64, out: &mut Vec<u8>) {
    let socket_type = value & 0xf;
    let rest = value & !0xf;
    if socket_type != 0 {
        one_of(socket_type, flags::SOCKET_TYPES, out);
        if rest == 0 {
            return;
        }
        out.push(b'|');
    }
    bits(rest, flags::SOCKET_TYPE_FLAGS, "0", out);
}

fn futex(value: u64, out: &mut Vec<u8>) {
    const PRIVATE: u64 = 0x80;
    const REALTIME: u64 = 0x100;
    one_of(value & 0x7f, flags::FUTEX_OPERATIONS, out);
    if value & PRIVATE != 0 {
        out.extend_from_slice(b"_PRIVATE");
    }
    if value & REALTIME != 0 {
        out.extend_from_slice(b"|FUTEX_CLOCK_REALTIME");
    }
}

fn wait_names() -> Names {
    match flags::names(FlagSet::Wait) {
        FlagNames::Bits(names, _) => names,
        _ => &[],
    }
}

/// `A|B|0x80`.
fn bits(value: u64, names: &[(&str, u64)], zero: &str, out: &mut Vec<u8>) {
    if value == 0 {
        out.extend_from_slice(zero.as_bytes());
        return;
    }
    bits_with(value, &[], names, out);
}

/// As [`bits`], with names that go before the others.
fn bits_with(value: u64, first: &[(&str, u64)], names: &[(&str, u64)], out: &mut Vec<u8>) {
    let mut rest = value;
    let mut is_first = true;
    for (name, flag) in first.iter().chain(names) {
        if *flag != 0 && rest & flag == *flag {
            if !is_first {
                out.push(b'|');
            }
            out.extend_from_slice(name.as_bytes());
            rest &= !flag;
            is_first = false;
        }
    }
    if rest != 0 {
        if !is_first {
            out.push(b'|');
        }
        hex(rest, out);
    }
}

/// The name of the value; the number in hexadecimal when it has none.
fn one_of(value: u64, names: &[(&str, u64)], out: &mut Vec<u8>) {
    match names.iter().find(|row| row.1 == value) {
        Some(row) => out.extend_from_slice(row.0.as_bytes()),
        None => hex(value, out),
    }
}
