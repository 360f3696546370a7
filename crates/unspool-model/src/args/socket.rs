//! Socket addresses: printed by strace, or `struct sockaddr` of the kernel ABI (`include/uapi/linux/socket.h`).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::text;

/// A socket address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SocketAddress {
    /// Family.
    pub family: Family,
    /// `127.0.0.1:80`, `[::1]:80`, `/run/x`, `@abstract`; empty for an unnamed one.
    pub text: Vec<u8>,
}

/// Address family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
    /// Local.
    Unix,
    /// Kernel messages.
    Netlink,
    /// `AF_UNSPEC`: dissolves a connection.
    Unspecified,
    /// Any other.
    Other,
}

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const AF_NETLINK: u16 = 16;

/// `{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}` and its kin.
pub(super) fn from_text(printed: &[u8]) -> Option<SocketAddress> {
    let family = text::after(printed, b"sa_family=")?;
    let family = match family
        .split(|byte| matches!(byte, b',' | b'}' | b' '))
        .next()?
    {
        b"AF_INET" => Family::Inet,
        b"AF_INET6" => Family::Inet6,
        b"AF_UNIX" | b"AF_LOCAL" | b"AF_FILE" => Family::Unix,
        b"AF_NETLINK" => Family::Netlink,
        b"AF_UNSPEC" => Family::Unspecified,
        _ => Family::Other,
    };
    let mut out = Vec::new();
    match family {
        Family::Inet => {
            text::string(text::after(printed, b"inet_addr(")?, &mut out)?;
            push_port(printed, &mut out)?;
        }
        Family::Inet6 => {
            let address = text::after(printed, b"inet_pton(AF_INET6, ")?;
            out.push(b'[');
            text::string(address, &mut out)?;
            out.push(b']');
            push_port(printed, &mut out)?;
        }
        Family::Unix => unix_from_text(printed, &mut out),
        Family::Netlink => {
            if let Some(pid) = text::after(printed, b"nl_pid=").and_then(text::int) {
                out.extend_from_slice(pid.to_string().as_bytes());
            }
        }
        Family::Unspecified | Family::Other => {}
    }
    Some(SocketAddress { family, text: out })
}

fn push_port(printed: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let port = text::int(text::after(printed, b"port=htons(")?)?;
    out.push(b':');
    out.extend_from_slice(port.to_string().as_bytes());
    Some(())
}

fn unix_from_text(printed: &[u8], out: &mut Vec<u8>) {
    let Some(path) = text::after(printed, b"path=") else {
        return;
    };
    let path = match path.strip_prefix(b"@") {
        Some(rest) => {
            out.push(b'@');
            rest
        }
        None => path,
    };
    // An unnamed socket prints no string: nothing to add.
    let _complete = text::string(path, out);
}

/// struct sockaddr of the kernel ABI.
pub(super) fn from_bytes(bytes: &[u8]) -> Option<SocketAddress> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    let (family, text) = match u16::from_ne_bytes(*family) {
        AF_INET => (Family::Inet, inet(rest)?),
        AF_INET6 => (Family::Inet6, inet6(rest)?),
        AF_UNIX => (Family::Unix, unix(rest)),
        AF_NETLINK => (Family::Netlink, netlink(rest)),
        0 => (Family::Unspecified, Vec::new()),
        _ => (Family::Other, Vec::new()),
    };
    Some(SocketAddress { family, text })
}

fn inet(rest: &[u8]) -> Option<Vec<u8>> {
    let (port, rest) = rest.split_first_chunk::<2>()?;
    let address = Ipv4Addr::from(*rest.first_chunk::<4>()?);
    Some(format!("{address}:{}", u16::from_be_bytes(*port)).into_bytes())
}

fn inet6(rest: &[u8]) -> Option<Vec<u8>> {
    let (port, rest) = rest.split_first_chunk::<2>()?;
    let address = Ipv6Addr::from(*rest.get(4..)?.first_chunk::<16>()?);
    Some(format!("[{address}]:{}", u16::from_be_bytes(*port)).into_bytes())
}

fn unix(rest: &[u8]) -> Vec<u8> {
    match rest {
        [0, name @ ..] if !name.is_empty() => {
            let mut text = vec![b'@'];
            text.extend_from_slice(name);
            text
        }
        path => path.split(|byte| *byte == 0).next().unwrap_or(&[]).to_vec(),
    }
}

fn netlink(rest: &[u8]) -> Vec<u8> {
    rest.get(2..)
        .and_then(<[u8]>::first_chunk::<4>)
        .map(|pid| u32::from_ne_bytes(*pid).to_string().into_bytes())
        .unwrap_or_default()
}
