//! Item `socket` as the text that strace -yy prints, so that text and native logs name a socket alike.

use super::read::Item;

/// Appends `TCP:[127.0.0.1:80->127.0.0.1:4711]` for an item `socket`. `path` is the item `path` of the same descriptor
/// (`socket:[INODE]`): its inode stands in for the ends when there are none, as in strace. Returns whether it could.
pub(super) fn print(item: &Item<'_>, path: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(([family, socket_type, protocol, _], text)) = item.value.split_first_chunk::<4>()
    else {
        return false;
    };
    let Some(name) = protocol_name(*family, *socket_type, *protocol) else {
        return false;
    };
    let text = text.strip_prefix(b"netlink:").unwrap_or(text);
    let ends = without_empty_remote(text);
    let has_local = !ends.is_empty() && !ends.starts_with(b"->");
    let local = if has_local { &[][..] } else { inode(path) };
    if ends.is_empty() && local.is_empty() {
        return false;
    }
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b":[");
    out.extend_from_slice(local);
    out.extend_from_slice(ends);
    out.push(b']');
    true
}

/// `socket:[4711]` -> `4711`.
fn inode(path: &[u8]) -> &[u8] {
    path.strip_prefix(b"socket:[")
        .and_then(|rest| rest.strip_suffix(b"]"))
        .unwrap_or(&[])
}

/// Drops a remote end that says "none": a socket that is not connected.
fn without_empty_remote(text: &[u8]) -> &[u8] {
    const NONE: [&[u8]; 8] = [
        b"->netlink:0",
        b"->",
        b"->*",
        b"->*:*",
        b"->0.0.0.0:0",
        b"->0.0.0.0:*",
        b"->[::]:0",
        b"->[::]:*",
    ];
    NONE.iter()
        .find_map(|none| text.strip_suffix(*none))
        .unwrap_or(text)
}

/// Names as strace has them (`socketutils.c`, `get_sockaddr_by_inode`). Families and types by their numbers in
/// `bits/socket.h`: `AF_UNIX` 1, `AF_INET` 2, `AF_INET6` 10, `AF_NETLINK` 16,
/// `AF_PACKET` 17, `AF_VSOCK` 40.
fn protocol_name(family: u8, socket_type: u8, protocol: u8) -> Option<&'static str> {
    Some(match (family, socket_type, protocol) {
        (1, 1, _) => "UNIX-STREAM",
        (1, 2, _) => "UNIX-DGRAM",
        (1, 5, _) => "UNIX-SEQPACKET",
        (1, ..) => "UNIX",
        (2, _, 132) => "SCTP",
        (2, _, 136) => "UDPLITE",
        (2, 1, _) => "TCP",
        (2, 2, 1) => "PING",
        (2, 2, _) => "UDP",
        (2, 3, _) => "RAW",
        (10, _, 132) => "SCTPv6",
        (10, _, 136) => "UDPLITEv6",
        (10, 1, _) => "TCPv6",
        (10, 2, 58) => "PINGv6",
        (10, 2, _) => "UDPv6",
        (10, 3, _) => "RAWv6",
        (16, ..) => "NETLINK",
        (17, ..) => "PACKET",
        (40, ..) => "VSOCK",
        _ => return None,
    })
}
