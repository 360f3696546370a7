//! Names of kernel objects as the record format has them, from what the kernel's side read of the objects.

use std::io::Write as _;
use std::path::Path;

use unspool_decode::native::format::tag;

use crate::native::socket_text::push_address;
use crate::native::writer::push_item;
use crate::sys::socket::Address;

/// Magic numbers of file systems without names (`include/uapi/linux/magic.h`).
const PIPES: u32 = 0x5049_5045;
const SOCKETS: u32 = 0x534f_434b;
const ANONYMOUS: u32 = 0x0904_1934;
const NAMESPACES: u32 = 0x6e73_6673;
const PIDS: u32 = 0x5049_4446;
/// Kind of a path whose file was unlinked.
const UNLINKED: u32 = 1;

/// Appends the path of a raw item: u32 kind, u64 inode, then the components from the last to the first, each with a NUL.
pub(super) fn push_path(value: &[u8], path: &mut Vec<u8>) {
    let Some((kind, rest)) = value.split_first_chunk::<4>() else {
        return;
    };
    let Some((inode, components)) = rest.split_first_chunk::<8>() else {
        return;
    };
    let (kind, inode) = (u32::from_le_bytes(*kind), u64::from_le_bytes(*inode));
    let name = components.strip_suffix(&[0]).unwrap_or(components);
    let prefix = match kind {
        PIPES => "pipe",
        SOCKETS => "socket",
        NAMESPACES => {
            path.extend_from_slice(name);
            ""
        }
        ANONYMOUS => {
            path.extend_from_slice(b"anon_inode:");
            return path.extend_from_slice(name);
        }
        PIDS => return path.extend_from_slice(b"anon_inode:[pidfd]"),
        _ => {
            for component in name.rsplit(|&byte| byte == 0) {
                path.push(b'/');
                path.extend_from_slice(component);
            }
            if kind == UNLINKED {
                path.extend_from_slice(b" (deleted)");
            }
            return;
        }
    };
    let written = write!(path, "{prefix}:[{inode}]");
    debug_assert!(written.is_ok(), "a Vec takes all");
}

/// Bytes before the names in a raw socket item.
const SOCKET_BYTES: usize = 44;

/// Appends the item `socket` for a raw one: family, type, protocol, length of the local unix name, ports, addresses, length of
/// the remote unix name, unix names.
pub(super) fn push_socket(value: &[u8], index: u8, out: &mut Vec<u8>) {
    let Some((head, names)) = value.split_at_checked(SOCKET_BYTES) else {
        return;
    };
    let [family, socket_type, protocol, name_len, ..] = *head else {
        return;
    };
    let local_port = u16::from_le_bytes([head[4], head[5]]).to_be_bytes();
    let remote_port = [head[6], head[7]];
    let (local, remote) = (&head[8..24], &head[24..40]);
    let mut text = vec![family, socket_type, protocol, 0];
    let (local, remote) = match i32::from(family) {
        libc::AF_INET => (
            Some(internet(local_port, &local[..4])),
            (remote_port != [0, 0]).then(|| internet(remote_port, &remote[..4])),
        ),
        libc::AF_INET6 => (
            Some(internet6(local_port, local)),
            (remote_port != [0, 0]).then(|| internet6(remote_port, remote)),
        ),
        libc::AF_UNIX => {
            let (own, peer) = names
                .split_at_checked(usize::from(name_len))
                .unwrap_or((names, &[]));
            (Some(unix(own)), (remote[0] != 0).then(|| unix(peer)))
        }
        libc::AF_NETLINK => {
            let mut address = vec![16, 0, 0, 0];
            address.extend_from_slice(&local[..4]);
            (Some(Address::new(&address)), None)
        }
        _ => (None, None),
    };
    if let Some(local) = local {
        push_address(&local, &mut text);
    }
    if let Some(remote) = remote {
        text.extend_from_slice(b"->");
        push_address(&remote, &mut text);
    }
    push_item(out, tag::SOCKET, index, &text);
}

fn internet(port: [u8; 2], address: &[u8]) -> Address {
    Address::new(&[&[2, 0], &port[..], address].concat())
}

fn internet6(port: [u8; 2], address: &[u8]) -> Address {
    Address::new(&[&[10, 0], &port[..], &[0; 4], address, &[0; 4]].concat())
}

fn unix(name: &[u8]) -> Address {
    Address::new(&[&[1, 0], name].concat())
}

/// Where the unified hierarchy is mounted: alone, or beside the old ones.
const GROUP_ROOTS: [&str; 2] = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];

/// The root of the unified hierarchy, `None` where there is none.
pub(super) fn group_root() -> Option<&'static Path> {
    GROUP_ROOTS
        .iter()
        .map(Path::new)
        .find(|root| root.join("cgroup.procs").exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(kind: u32, inode: u64, components: &[u8]) -> String {
        let mut value = kind.to_le_bytes().to_vec();
        value.extend_from_slice(&inode.to_le_bytes());
        value.extend_from_slice(components);
        let mut path = Vec::new();
        push_path(&value, &mut path);
        String::from_utf8_lossy(&path).into_owned()
    }

    #[test]
    fn paths_read_as_proc_has_them() {
        assert_eq!(path(0, 7, b"passwd\0etc\0"), "/etc/passwd");
        assert_eq!(path(0, 7, b""), "/");
        assert_eq!(path(UNLINKED, 7, b"x\0tmp\0"), "/tmp/x (deleted)");
        assert_eq!(path(UNLINKED, 7, b"memfd:name\0"), "/memfd:name (deleted)");
        assert_eq!(path(PIPES, 7, b""), "pipe:[7]");
        assert_eq!(path(SOCKETS, 7, b""), "socket:[7]");
        assert_eq!(path(ANONYMOUS, 7, b"[eventfd]\0"), "anon_inode:[eventfd]");
        assert_eq!(path(NAMESPACES, 7, b"net\0"), "net:[7]");
    }

    #[test]
    fn sockets_read_as_ss_has_them() {
        let socket = |head: &[u8], names: &[u8]| {
            let mut value = head.to_vec();
            value.resize(SOCKET_BYTES, 0);
            value.extend_from_slice(names);
            let mut out = Vec::new();
            push_socket(&value, 0, &mut out);
            String::from_utf8_lossy(&out[8..]).into_owned()
        };
        let mut tcp = vec![2, 1, 6, 0, 80, 0, 0x1f, 0x90];
        tcp.extend_from_slice(&[
            127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 9,
        ]);
        assert_eq!(socket(&tcp, b""), "127.0.0.1:80->10.0.0.9:8080");
        tcp[6..8].copy_from_slice(&[0, 0]);
        assert_eq!(socket(&tcp, b""), "127.0.0.1:80");
        assert_eq!(socket(&[1, 1, 0, 7], b"/run/x\0"), "/run/x");
    }
}
