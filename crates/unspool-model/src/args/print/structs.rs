//! Structures of the kernel ABI, as strace prints them.

use std::net::Ipv6Addr;

use super::quote::{hex, octal, pointer, quoted, signed, unsigned};
use super::{bits, one_of, open_flags, signal_name};
use crate::args::{Args, binary};
use crate::event::Strings;
use crate::flags;

/// `child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x7f00`: the order is strace's, the registers are in
/// the order of `x86_64`.
pub(super) fn clone(args: &Args<'_>, out: &mut Vec<u8>) {
    const PARENT_TID: u64 = 0x10_0000 | 0x1000;
    const TLS: u64 = 0x8_0000;
    const CHILD_TID: u64 = 0x20_0000 | 0x100_0000;
    let number = |index| args.int(index).unwrap_or(0).cast_unsigned();
    let all = number(0);
    out.extend_from_slice(b"child_stack=");
    pointer(number(1), out);
    out.extend_from_slice(b", flags=");
    let bits_of = all & !0xff;
    if bits_of != 0 {
        bits(bits_of, flags::CLONE_FLAGS, "0", out);
    }
    if all & 0xff != 0 {
        if bits_of != 0 {
            out.push(b'|');
        }
        signal_name(all & 0xff, out);
    } else if bits_of == 0 {
        out.push(b'0');
    }
    for (mask, name, index) in [
        (PARENT_TID, &b", parent_tid="[..], 2),
        (TLS, b", tls=", 4),
        (CHILD_TID, b", child_tidptr=", 3),
    ] {
        if all & mask != 0 {
            out.extend_from_slice(name);
            pointer(number(index), out);
        }
    }
}

/// `{flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD, stack=0x7f00, stack_size=0x9000}`: struct `clone_args`.
pub(super) fn clone_args(bytes: &[u8], out: &mut Vec<u8>) {
    let field = |offset| binary::u64_at(bytes, offset).unwrap_or(0);
    let all = field(0);
    out.extend_from_slice(b"{flags=");
    bits(all, flags::CLONE_FLAGS, "0", out);
    for (mask, name, offset) in [
        (0x1000, &b", pidfd="[..], 8),
        (0x20_0000 | 0x100_0000, b", child_tid=", 16),
        (0x10_0000, b", parent_tid=", 24),
    ] {
        if all & mask != 0 {
            out.extend_from_slice(name);
            pointer(field(offset), out);
        }
    }
    out.extend_from_slice(b", exit_signal=");
    signal_name(field(32), out);
    out.extend_from_slice(b", stack=");
    pointer(field(40), out);
    out.extend_from_slice(b", stack_size=");
    hex(field(48), out);
    if all & 0x8_0000 != 0 {
        out.extend_from_slice(b", tls=");
        pointer(field(56), out);
    }
    out.push(b'}');
}

/// `{flags=O_RDONLY, mode=0, resolve=0}`: struct `open_how`.
pub(super) fn open_how(bytes: &[u8], out: &mut Vec<u8>) {
    const RESOLVE: &[(&str, u64)] = &[
        ("RESOLVE_NO_XDEV", 1),
        ("RESOLVE_NO_MAGICLINKS", 2),
        ("RESOLVE_NO_SYMLINKS", 4),
        ("RESOLVE_BENEATH", 8),
        ("RESOLVE_IN_ROOT", 16),
        ("RESOLVE_CACHED", 32),
    ];
    let field = |offset| binary::u64_at(bytes, offset).unwrap_or(0);
    out.extend_from_slice(b"{flags=");
    open_flags(field(0), out);
    if field(8) != 0 {
        out.extend_from_slice(b", mode=");
        octal(field(8), out);
    }
    out.extend_from_slice(b", resolve=");
    bits(field(16), RESOLVE, "0", out);
    out.push(b'}');
}

/// `{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}`.
pub(super) fn sockaddr(bytes: &[u8], out: &mut Vec<u8>) {
    let Some((family, rest)) = bytes.split_first_chunk::<2>() else {
        quoted(bytes, false, out);
        return;
    };
    let family = u16::from_le_bytes(*family);
    out.extend_from_slice(b"{sa_family=");
    one_of(u64::from(family), flags::SOCKET_FAMILIES, out);
    match family {
        1 => unix(rest, out),
        2 => inet(rest, out),
        10 => inet6(rest, out),
        16 => netlink(rest, out),
        _ if rest.is_empty() => {}
        _ => {
            out.extend_from_slice(b", sa_data=");
            quoted(rest, false, out);
        }
    }
    out.push(b'}');
}

/// An abstract name starts with NUL and goes to the end; another one ends at the first NUL.
fn unix(rest: &[u8], out: &mut Vec<u8>) {
    if let Some(name) = rest.strip_prefix(b"\0") {
        out.extend_from_slice(b", sun_path=@");
        quoted(name, false, out);
    } else if !rest.is_empty() {
        out.extend_from_slice(b", sun_path=");
        quoted(
            rest.split(|byte| *byte == 0).next().unwrap_or(rest),
            false,
            out,
        );
    }
}

fn inet(rest: &[u8], out: &mut Vec<u8>) {
    let Some([port_high, port_low, address @ ..]) = rest.first_chunk::<6>() else {
        return;
    };
    out.extend_from_slice(b", sin_port=htons(");
    unsigned(u64::from(u16::from_be_bytes([*port_high, *port_low])), out);
    out.extend_from_slice(b"), sin_addr=inet_addr(\"");
    for (place, byte) in address.iter().enumerate() {
        if place > 0 {
            out.push(b'.');
        }
        unsigned(u64::from(*byte), out);
    }
    out.extend_from_slice(b"\")");
}

fn inet6(rest: &[u8], out: &mut Vec<u8>) {
    let Some((port, rest)) = rest.split_first_chunk::<2>() else {
        return;
    };
    let Some((flow, rest)) = rest.split_first_chunk::<4>() else {
        return;
    };
    let Some((address, rest)) = rest.split_first_chunk::<16>() else {
        return;
    };
    out.extend_from_slice(b", sin6_port=htons(");
    unsigned(u64::from(u16::from_be_bytes(*port)), out);
    out.extend_from_slice(b"), sin6_flowinfo=htonl(");
    unsigned(u64::from(u32::from_be_bytes(*flow)), out);
    out.extend_from_slice(b"), inet_pton(AF_INET6, \"");
    out.extend_from_slice(Ipv6Addr::from(*address).to_string().as_bytes());
    out.extend_from_slice(b"\", &sin6_addr), sin6_scope_id=");
    let scope = rest.first_chunk::<4>().copied().unwrap_or_default();
    unsigned(u64::from(u32::from_le_bytes(scope)), out);
}

fn netlink(rest: &[u8], out: &mut Vec<u8>) {
    let Some([_, _, fields @ ..]) = rest.first_chunk::<10>() else {
        return;
    };
    let [a, b, c, d, groups @ ..] = *fields;
    out.extend_from_slice(b", nl_pid=");
    unsigned(u64::from(u32::from_le_bytes([a, b, c, d])), out);
    out.extend_from_slice(b", nl_groups=");
    let groups = u32::from_le_bytes(groups);
    for place in (0..8).rev() {
        let digit = (groups >> (4 * place)) & 0xf;
        out.push(char::from_digit(digit, 16).map_or(b'0', |digit| digit as u8));
    }
}

/// `[3, 4]`.
pub(super) fn ints(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'[');
    for (place, fd) in binary::fds(bytes).into_iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(b", ");
        }
        signed(i64::from(fd.fd.0), out);
    }
    out.push(b']');
}

/// Descriptors that came with a message.
pub(super) fn rights(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"{msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=",
    );
    ints(bytes, out);
    out.extend_from_slice(b"}]}");
}

/// `["ls", "-l"]`, with `...` when the recorder kept fewer than there were.
pub(super) fn strings(strings: Strings<'_>, out: &mut Vec<u8>) {
    out.push(b'[');
    let mut kept = 0_u32;
    for string in strings.iter() {
        if kept > 0 {
            out.extend_from_slice(b", ");
        }
        quoted(string, false, out);
        kept = kept.saturating_add(1);
    }
    if kept < strings.count {
        out.extend_from_slice(if kept > 0 { b", ..." } else { b"..." });
    }
    out.push(b']');
}

/// `[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]`.
pub(super) fn wait_status(status: i32, out: &mut Vec<u8>) {
    let status = u64::from(status.cast_unsigned());
    let low = status & 0x7f;
    let high = (status >> 8) & 0xff;
    if status == 0xffff {
        out.extend_from_slice(b"[{WIFCONTINUED(s)}]");
        return;
    }
    if low == 0 {
        out.extend_from_slice(b"[{WIFEXITED(s) && WEXITSTATUS(s) == ");
        unsigned(high, out);
    } else if low == 0x7f {
        out.extend_from_slice(b"[{WIFSTOPPED(s) && WSTOPSIG(s) == ");
        signal_name(high, out);
    } else {
        out.extend_from_slice(b"[{WIFSIGNALED(s) && WTERMSIG(s) == ");
        signal_name(low, out);
        if status & 0x80 != 0 {
            out.extend_from_slice(b" && WCOREDUMP(s)");
        }
    }
    out.extend_from_slice(b"}]");
}

/// `0644`, `S_IFIFO|0600`.
pub(super) fn mode(value: u64, out: &mut Vec<u8>) {
    const TYPES: &[(&str, u64)] = &[
        ("S_IFIFO", 0o10_000),
        ("S_IFCHR", 0o20_000),
        ("S_IFDIR", 0o40_000),
        ("S_IFBLK", 0o60_000),
        ("S_IFREG", 0o100_000),
        ("S_IFLNK", 0o120_000),
        ("S_IFSOCK", 0o140_000),
    ];
    let file_type = value & 0o170_000;
    if file_type != 0 {
        one_of(file_type, TYPES, out);
        out.push(b'|');
    }
    octal(value & 0o7777, out);
}

/// `makedev(0x1, 0x3)`.
pub(super) fn device(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"makedev(");
    hex(((value >> 8) & 0xfff) | ((value >> 32) & 0xffff_f000), out);
    out.extend_from_slice(b", ");
    hex((value & 0xff) | ((value >> 12) & 0xffff_ff00), out);
    out.push(b')');
}
