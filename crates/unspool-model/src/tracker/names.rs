//! Resources and their names: interning, kinds, sockets and their ends, absolute paths.

use crate::args::text::{self, ObjectNote, bytes_equal};
use crate::category::Category;
use crate::ids::{ProcessId, ResourceId};
use crate::map::Map;
use crate::world::{Resource, ResourceKind, SocketName};

/// Resources by name, and what the tracker must know about each beyond the model.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_name: Map<Box<[u8]>, ResourceId>,
    notes: Vec<Note>,
    by_ends: Map<(Vec<u8>, Vec<u8>), ResourceId>,
    unnamed: u64,
    scratch: Vec<u8>,
}

/// What is known of a resource besides its description.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Note {
    /// Process that wrote or sent last.
    pub(super) last_writer: Option<ProcessId>,
    /// Process that used it last.
    pub(super) last_user: Option<ProcessId>,
    /// Socket at the other end.
    pub(super) peer: Option<ResourceId>,
    /// Seen to exist (a call on it succeeded).
    pub(super) existed: bool,
    /// Its former name, when it was renamed within the run.
    pub(super) renamed_from: Option<ResourceId>,
}

impl Names {
    /// The resource of this name, made if need be. `kind` is what the caller knows; a known kind replaces an unknown.
    pub(super) fn intern(
        &mut self,
        resources: &mut Vec<Resource>,
        name: &[u8],
        kind: ResourceKind,
    ) -> ResourceId {
        if let Some(&id) = self.by_name.get(name) {
            if let Some(resource) = resources.get_mut(id.index()) {
                refine(resource, kind);
            }
            return id;
        }
        let id = ResourceId(u32::try_from(resources.len()).unwrap_or(u32::MAX));
        self.by_name.insert(name.into(), id);
        let socket = socket_name(name);
        resources.push(Resource {
            id,
            kind,
            name: name.to_vec(),
            category: Category::of(name),
            socket: None,
            created: false,
            modified: false,
            deleted: false,
            content: None,
        });
        self.notes.push(Note::default());
        if let Some(socket) = socket {
            self.set_socket(resources, id, socket);
        }
        id
    }

    /// The resource that a tracer printed behind a descriptor (`<...>` of strace, item `path` of native records).
    pub(super) fn intern_object(
        &mut self,
        resources: &mut Vec<Resource>,
        object: &[u8],
        escaped: bool,
    ) -> ResourceId {
        let mut name = std::mem::take(&mut self.scratch);
        name.clear();
        let note = if escaped {
            text::unescape_path(object, &mut name)
        } else {
            name.extend_from_slice(object);
            plain_note(&mut name)
        };
        let kind = kind_of(&name, note);
        let id = self.intern(resources, &name, kind);
        self.scratch = name;
        id
    }

    /// A resource that nobody named: `pipe:[#3]`.
    pub(super) fn intern_unnamed(
        &mut self,
        resources: &mut Vec<Resource>,
        prefix: &str,
        kind: ResourceKind,
    ) -> ResourceId {
        let name = format!("{prefix}:[#{}]", self.unnamed);
        self.unnamed += 1;
        self.intern(resources, name.as_bytes(), kind)
    }

    /// Gives the socket its ends, and finds the socket at the other end.
    pub(super) fn set_socket(
        &mut self,
        resources: &mut [Resource],
        id: ResourceId,
        socket: SocketName,
    ) {
        if !socket.local.is_empty() && !socket.remote.is_empty() {
            let mirrored = (socket.remote.clone(), socket.local.clone());
            if let Some(&peer) = self.by_ends.get(&mirrored)
                && peer != id
            {
                self.set_peers(id, peer);
            }
            self.by_ends
                .insert((socket.local.clone(), socket.remote.clone()), id);
        }
        if let Some(resource) = resources.get_mut(id.index()) {
            resource.kind = ResourceKind::Socket;
            resource.socket = Some(socket);
        }
    }

    /// Says that two sockets are the ends of one connection.
    pub(super) fn set_peers(&mut self, one: ResourceId, other: ResourceId) {
        if let Some(note) = self.notes.get_mut(one.index()) {
            note.peer = Some(other);
        }
        if let Some(note) = self.notes.get_mut(other.index()) {
            note.peer = Some(one);
        }
    }

    /// Renames a resource in place: a socket that became connected. `false` when the new name is taken already.
    pub(super) fn rename(
        &mut self,
        resources: &mut [Resource],
        id: ResourceId,
        name: &[u8],
    ) -> bool {
        if self.by_name.contains_key(name) {
            return false;
        }
        let Some(resource) = resources.get_mut(id.index()) else {
            return false;
        };
        // The old name stays as an alias: halves of calls that began before may still print it.
        self.by_name.insert(name.into(), id);
        resource.name = name.to_vec();
        resource.category = Category::of(name);
        let former = resource.socket.take();
        let socket = socket_name(name).map(|mut socket| {
            if let Some(former) = former.clone() {
                fill(&mut socket.local, former.local);
                fill(&mut socket.remote, former.remote);
            }
            socket
        });
        if let Some(socket) = socket.or(former) {
            self.set_socket(resources, id, socket);
        }
        true
    }

    pub(super) fn note(&self, id: ResourceId) -> Note {
        self.notes.get(id.index()).copied().unwrap_or_default()
    }

    pub(super) fn note_mut(&mut self, id: ResourceId) -> Option<&mut Note> {
        self.notes.get_mut(id.index())
    }
}

fn fill(slot: &mut Vec<u8>, value: Vec<u8>) {
    if slot.is_empty() {
        *slot = value;
    }
}

fn refine(resource: &mut Resource, kind: ResourceKind) {
    let is_vague = matches!(resource.kind, ResourceKind::File | ResourceKind::Unknown);
    let is_definite = !matches!(kind, ResourceKind::File | ResourceKind::Unknown);
    if is_vague && is_definite {
        resource.kind = kind;
    }
}

/// Cuts ` (deleted)` off a path as the kernel prints it (proc(5), `/proc/pid/fd`).
fn plain_note(name: &mut Vec<u8>) -> ObjectNote {
    let mut note = ObjectNote::default();
    if name.starts_with(b"/") && name.ends_with(b" (deleted)") {
        name.truncate(name.len() - b" (deleted)".len());
        note.deleted = true;
    }
    note
}

/// Kind of a resource by the name of its object.
pub(super) fn kind_of(name: &[u8], note: ObjectNote) -> ResourceKind {
    if note.device || name.starts_with(b"/dev/") && !name.starts_with(b"/dev/shm/") {
        return ResourceKind::Device;
    }
    match name.first() {
        Some(b'/') if name.starts_with(b"/memfd:") => ResourceKind::Memory,
        Some(b'/') => ResourceKind::File,
        Some(b'{') => ResourceKind::Anonymous,
        _ if name.starts_with(b"pipe:") || name.starts_with(b"fifo:") => ResourceKind::Pipe,
        _ if name.starts_with(b"anon_inode:")
            || name.starts_with(b"signalfd:")
            || name.starts_with(b"inotify")
            || name.starts_with(b"eventfd") =>
        {
            ResourceKind::Anonymous
        }
        _ if name.starts_with(b"pid:") => ResourceKind::Process,
        _ if name.starts_with(b"socket:") || socket_protocol(name).is_some() => {
            ResourceKind::Socket
        }
        _ => ResourceKind::Unknown,
    }
}

/// `TCP` of `TCP:[...]`, when the name is a socket's.
fn socket_protocol(name: &[u8]) -> Option<&str> {
    const PROTOCOLS: &[&str] = &[
        "TCP",
        "UDP",
        "UNIX",
        "NETLINK",
        "RAW",
        "PACKET",
        "ICMP",
        "PING",
        "SCTP",
        "DCCP",
        "MPTCP",
        "VSOCK",
        "BLUETOOTH",
        "CAN",
        "XDP",
        "ALG",
    ];
    let end = name.windows(2).position(|pair| pair == b":[")?;
    let protocol = std::str::from_utf8(name.get(..end)?).ok()?;
    PROTOCOLS
        .iter()
        .any(|known| protocol.starts_with(known))
        .then_some(protocol)
}

/// Ends of a socket from the name strace -yy prints: `TCP:[127.0.0.1:80->127.0.0.1:4711]`, `UNIX-STREAM:[12->13,"/run/x"]`,
/// `TCPv6:[[::1]:80]`; a bare inode (`TCP:[4711]`) gives empty ends.
pub(super) fn socket_name(name: &[u8]) -> Option<SocketName> {
    let protocol = socket_protocol(name)?;
    let inner = name.get(protocol.len() + 2..)?;
    let inner = inner.strip_suffix(b"]").unwrap_or(inner);
    let (ends, path) = match inner
        .windows(2)
        .position(|pair| pair == b",\"" || pair == b",@")
    {
        Some(at) if protocol.starts_with("UNIX") => (inner.get(..at)?, inner.get(at + 1..)?),
        _ => (inner, &[][..]),
    };
    let (local, remote) = match ends.windows(2).position(|pair| pair == b"->") {
        Some(at) => (ends.get(..at)?, ends.get(at + 2..)?),
        None => (ends, &[][..]),
    };
    let is_inode = !protocol.starts_with("UNIX") && local.iter().all(u8::is_ascii_digit)
        || local.starts_with(b"#");
    let mut socket = SocketName {
        protocol: protocol.to_owned(),
        local: if is_inode { Vec::new() } else { local.to_vec() },
        remote: remote.to_vec(),
    };
    if !path.is_empty() {
        let plain: Vec<u8> = path.iter().copied().filter(|byte| *byte != b'"').collect();
        if remote.is_empty() {
            socket.local = plain;
        }
    }
    Some(socket)
}

/// Absolute path of `path` seen from `base`, with `.`, `..` and double slashes taken out lexically. A relative path whose
/// base is unknown (empty) stays relative.
pub(super) fn absolute(base: &[u8], path: &[u8], out: &mut Vec<u8>) {
    out.clear();
    if path.starts_with(b"/") && !has_idle_component(path) {
        out.extend_from_slice(path);
        if out.len() > 1 && out.last() == Some(&b'/') {
            out.pop();
        }
        return;
    }
    let rooted = path.starts_with(b"/") || base.starts_with(b"/");
    if !path.starts_with(b"/") {
        push_components(base, rooted, out);
    }
    push_components(path, rooted, out);
    if out.is_empty() {
        out.push(if rooted { b'/' } else { b'.' });
    }
}

/// Whether a component is empty or begins with a dot: `//` or `/.` stands somewhere.
fn has_idle_component(path: &[u8]) -> bool {
    let (words, _) = path.as_chunks::<8>();
    let (seconds, _) = path.get(1..).unwrap_or_default().as_chunks::<8>();
    // Eight pairs at a time. A mark too many is no harm: the bytes are looked at then.
    let may_be = words.iter().zip(seconds).any(|(first, second)| {
        let (first, second) = (u64::from_le_bytes(*first), u64::from_le_bytes(*second));
        bytes_equal(first, b'/') & (bytes_equal(second, b'/') | bytes_equal(second, b'.')) != 0
    });
    let looked_at = if may_be {
        0
    } else {
        words.len().min(seconds.len()) * 8
    };
    let rest = path.get(looked_at..).unwrap_or_default();
    rest.windows(2).any(|pair| pair == b"//" || pair == b"/.")
}

fn push_components(path: &[u8], rooted: bool, out: &mut Vec<u8>) {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let is_plain = !matches!(path.first(), None | Some(b'/' | b'.')) && !has_idle_component(path);
    if is_plain && path.last() != Some(&b'/') {
        if rooted || !out.is_empty() {
            out.push(b'/');
        }
        out.extend_from_slice(path);
        return;
    }
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." if pop_component(out) => {}
            b".." if rooted => {}
            _ => {
                if rooted || !out.is_empty() {
                    out.push(b'/');
                }
                out.extend_from_slice(component);
            }
        }
    }
}

/// Takes the last component off; `false` when there is none, or it is `..` itself.
fn pop_component(out: &mut Vec<u8>) -> bool {
    let start = out.iter().rposition(|byte| *byte == b'/');
    let component = start.map_or(&out[..], |at| &out[at + 1..]);
    if component.is_empty() || component == b".." {
        return false;
    }
    out.truncate(start.unwrap_or(0));
    true
}
