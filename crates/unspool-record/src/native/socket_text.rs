//! Sockets as the record format has them: family, type, protocol, and `local->remote` in the form of `ss`.

use std::io::Write as _;

use unspool_decode::native::format::tag;

use super::writer::push_item;
use crate::sys::Tid;
use crate::sys::socket::{self, Address};

/// Appends what the kernel's socket object says. `asked` is where a connection is being made to, while there is none yet.
pub(crate) fn push_socket(
    tgid: Tid,
    fd: i64,
    asked: Option<&Address>,
    index: u8,
    items: &mut Vec<u8>,
) {
    let Ok(fd) = i32::try_from(fd) else {
        return;
    };
    let Ok(socket) = socket::copy_of_fd(tgid, fd) else {
        return;
    };
    let byte = |name| u8::try_from(socket::option(&socket, name)).unwrap_or(u8::MAX);
    let mut value = vec![
        byte(libc::SO_DOMAIN),
        byte(libc::SO_TYPE),
        byte(libc::SO_PROTOCOL),
        0,
    ];
    let Some(local) = socket::local(&socket) else {
        return;
    };
    push_address(&local, &mut value);
    if let Some(remote) = socket::remote(&socket).as_ref().or(asked) {
        value.extend_from_slice(b"->");
        push_address(remote, &mut value);
    }
    push_item(items, tag::SOCKET, index, &value);
}

/// Appends one address: `127.0.0.1:80`, `[::1]:80`, `/run/x`, `@abstract`, `netlink:0:123`; nothing when it has no name.
pub(crate) fn push_address(address: &Address, text: &mut Vec<u8>) {
    let bytes = address.as_bytes();
    let [low, high, rest @ ..] = bytes else {
        return;
    };
    let family = i32::from(u16::from_ne_bytes([*low, *high]));
    let written = match family {
        libc::AF_INET if rest.len() >= 6 => {
            write!(
                text,
                "{}.{}.{}.{}:{}",
                rest[2],
                rest[3],
                rest[4],
                rest[5],
                u16::from_be_bytes([rest[0], rest[1]])
            )
        }
        libc::AF_INET6 if rest.len() >= 22 => {
            let mut octets = [0; 16];
            octets.copy_from_slice(&rest[6..22]);
            write!(
                text,
                "[{}]:{}",
                std::net::Ipv6Addr::from(octets),
                u16::from_be_bytes([rest[0], rest[1]])
            )
        }
        libc::AF_UNIX if rest.first() == Some(&0) => {
            text.push(b'@');
            text.extend_from_slice(&rest[1..]);
            Ok(())
        }
        libc::AF_UNIX => {
            let len = rest
                .iter()
                .position(|&byte| byte == 0)
                .unwrap_or(rest.len());
            text.extend_from_slice(&rest[..len]);
            Ok(())
        }
        libc::AF_NETLINK if rest.len() >= 6 => {
            write!(
                text,
                "netlink:{}",
                u32::from_ne_bytes([rest[2], rest[3], rest[4], rest[5]])
            )
        }
        _ => Ok(()),
    };
    debug_assert!(written.is_ok(), "a Vec takes all");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        let mut text = Vec::new();
        push_address(&Address::new(bytes), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    #[test]
    fn addresses_read_as_ss_has_them() {
        assert_eq!(
            text(&[2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
            "127.0.0.1:80"
        );
        let mut six = vec![10, 0, 0x1f, 0x90, 0, 0, 0, 0];
        six.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(text(&six), "[::1]:8080");
        assert_eq!(text(b"\x01\x00/run/x\0"), "/run/x");
        assert_eq!(text(b"\x01\x00\0name"), "@name");
        assert_eq!(text(&[1, 0]), "");
        assert_eq!(text(&[]), "");
    }
}
