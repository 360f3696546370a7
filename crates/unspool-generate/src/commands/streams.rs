//! Where the descriptors of a command lead, said as redirections.

use std::collections::BTreeMap;

use unspool_model::ids::{ProcessId, ResourceId, SessionId};
use unspool_model::world::{ClosedBy, Image, Process, ResourceKind, World};

use super::Indexed;
use crate::text::shown;

/// One redirected descriptor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stream {
    /// Its number.
    pub(crate) fd: i32,
    /// Where it leads.
    pub(crate) target: Target,
}

/// Where a descriptor leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// A file: operator and path.
    File(&'static str, Vec<u8>),
    /// To where another descriptor of the command leads.
    Same(i32),
    /// A pipe.
    Pipe(ResourceId),
}

/// Highest descriptor that a shell can redirect by one digit.
const FD_MAX: i32 = 9;

const O_TRUNC: u32 = 0o1000;
const O_APPEND: u32 = 0o2000;

/// The redirections of a command, compared with the descriptors of the first process.
pub(super) fn of(
    indexed: &Indexed<'_>,
    first: &Process,
    process: &Process,
    image: &Image,
    notes: &mut Vec<String>,
) -> Vec<Stream> {
    let start = first
        .images
        .iter()
        .find(|image| !image.inherited)
        .unwrap_or(image);
    let base = open_at(indexed, first.id, start.time_ns);
    if process.id == first.id && std::ptr::eq(start, image) {
        return Vec::new();
    }
    let now = open_at(indexed, process.id, image.time_ns);
    let mut streams = Vec::new();
    let mut said: BTreeMap<SessionId, i32> = BTreeMap::new();
    for (fd, session) in &now {
        if base.get(fd) == Some(session) {
            continue;
        }
        let target = if let Some(other) = said.get(session) {
            Some(Target::Same(*other))
        } else if let Some((other, _)) = base.iter().find(|(_, known)| *known == session) {
            // Said before anything else is moved: `2>&1` means the first process's 1.
            Some(Target::Same(*other))
        } else {
            said.insert(*session, *fd);
            target_of(indexed.world, *session, *fd, notes)
        };
        if let Some(target) = target {
            let is_base = matches!(target, Target::Same(other) if !said.values().any(|known| *known == other));
            let stream = Stream { fd: *fd, target };
            if is_base {
                streams.insert(0, stream);
            } else {
                streams.push(stream);
            }
        }
    }
    for fd in base.keys().filter(|fd| **fd <= 2 && !now.contains_key(*fd)) {
        notes.push(format!("descriptor {fd} was closed"));
    }
    streams
}

/// Descriptors of a process that an exec at this time leaves open.
fn open_at(indexed: &Indexed<'_>, process: ProcessId, time_ns: i64) -> BTreeMap<i32, SessionId> {
    let mut open = BTreeMap::new();
    for descriptor in indexed.descriptors_of(process) {
        let fd = descriptor.fd.0;
        let is_open = descriptor.opened_ns <= time_ns
            && descriptor.closed_ns.is_none_or(|closed| closed > time_ns)
            && !(descriptor.close_on_exec || descriptor.closed_by == Some(ClosedBy::Exec));
        if is_open && (0..=FD_MAX).contains(&fd) {
            open.insert(fd, descriptor.session);
        }
    }
    open
}

fn target_of(
    world: &World,
    session: SessionId,
    fd: i32,
    notes: &mut Vec<String>,
) -> Option<Target> {
    let session = world.session(session)?;
    let resource = world.resource(session.resource)?;
    match resource.kind {
        ResourceKind::Pipe if !resource.name.starts_with(b"/") => Some(Target::Pipe(resource.id)),
        ResourceKind::File | ResourceKind::Device | ResourceKind::Pipe
            if resource.name.starts_with(b"/") =>
        {
            let operator = match session.flags & 3 {
                0 => "<",
                1 if session.flags & O_APPEND != 0 => ">>",
                1 if session.flags & O_TRUNC != 0 => ">",
                _ => "<>",
            };
            Some(Target::File(operator, resource.name.clone()))
        }
        _ if fd <= 2 => {
            notes.push(format!(
                "descriptor {fd} was {}, which no redirection says",
                shown(&resource.name)
            ));
            None
        }
        _ => None,
    }
}
