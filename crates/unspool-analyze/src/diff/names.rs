//! What resources are called in every run, and what the names of a run depend on.

use unspool_model::event::ClockKind;
use unspool_model::normalize::{Anchor, Context, DateCount, EPHEMERAL_PORT_MIN, Hashes, Kind};
use unspool_model::world::{Resource, ResourceKind, World};

use super::fold::{NameRules, RunIdentity};
use super::profile::KeyKind;

/// A name that is ready, or one that has to be normalised.
pub(super) enum Name<'r> {
    Done(Vec<u8>),
    Raw(Kind, &'r [u8]),
}

/// What a resource is called in every run.
pub(super) fn key_name<'r>(resource: &'r Resource, context: &Context) -> (KeyKind, Name<'r>) {
    let path = if resource.is_temporary() {
        Kind::TemporaryPath
    } else {
        Kind::Path
    };
    if let Some(socket) = &resource.socket {
        let protocol = socket.protocol.split(['-', 'v']).next().unwrap_or_default();
        if protocol != "TCP" && protocol != "UDP" {
            let end = if socket.remote.contains(&b'/') || socket.local.is_empty() {
                &socket.remote
            } else {
                &socket.local
            };
            // A relative name is the end of the whole one.
            let is_relative = protocol == "UNIX" && end.contains(&b'/');
            let name = if end.starts_with(b"/") || end.starts_with(b"@") || is_relative {
                end.as_slice()
            } else {
                &[]
            };
            if name.is_empty() {
                return (
                    KeyKind::LocalSocket,
                    Name::Done(protocol.as_bytes().to_vec()),
                );
            }
            return (KeyKind::LocalSocket, Name::Raw(path, name));
        }
        return internet(protocol, &socket.local, &socket.remote, context);
    }
    match resource.kind {
        ResourceKind::Pipe if !resource.name.starts_with(b"/") => {
            (KeyKind::Pipe, Name::Done(b"pipe".to_vec()))
        }
        ResourceKind::Pipe => (KeyKind::Pipe, Name::Raw(path, &resource.name)),
        ResourceKind::Socket => (KeyKind::LocalSocket, Name::Done(b"socket".to_vec())),
        ResourceKind::Directory => (KeyKind::Folder, Name::Raw(path, &resource.name)),
        ResourceKind::Device => (KeyKind::Device, Name::Raw(path, &resource.name)),
        ResourceKind::Anonymous | ResourceKind::Memory | ResourceKind::Process => {
            (KeyKind::Anonymous, Name::Raw(path, &resource.name))
        }
        // A folder that is only asked for is taken for a file, and for a folder once it is listed: one thing.
        ResourceKind::File | ResourceKind::Unknown => {
            (KeyKind::File, Name::Raw(path, &resource.name))
        }
    }
}

/// The end that stays: of a client the other's address, of a server its own.
fn internet(
    protocol: &str,
    local: &[u8],
    remote: &[u8],
    context: &Context,
) -> (KeyKind, Name<'static>) {
    let named = |prefix: &str, address: &[u8]| {
        let mut name = prefix.as_bytes().to_vec();
        name.extend_from_slice(&context.address(address));
        Name::Done(name)
    };
    if remote.is_empty() {
        if local.is_empty() {
            return (
                KeyKind::LocalSocket,
                Name::Done(protocol.as_bytes().to_vec()),
            );
        }
        return (KeyKind::Listener, named(&format!("{protocol} at "), local));
    }
    let chosen = |address: &[u8]| context.address(address).ends_with(b"<PORT>");
    if chosen(remote) && !local.is_empty() && !chosen(local) {
        return (KeyKind::Listener, named(&format!("{protocol} at "), local));
    }
    (KeyKind::Peer, named(&format!("{protocol} "), remote))
}

/// The first number that the kernel gives after the last one (`kernel/pid.c`); lower ones are those of the machine's start, or of a container.
const RESERVED_PIDS: u32 = 300;

/// What the names of the run depend on.
pub(super) fn context(world: &World, identity: &RunIdentity, rules: &mut NameRules) -> Context {
    let own = cwd(world, identity);
    let firsts = rules.cwd.get_or_insert_with(|| own.clone());
    let cwd = if own.is_empty() || firsts.is_empty() {
        firsts.clone()
    } else {
        own
    };
    let variable = |name: &[u8]| -> Vec<u8> {
        let images = world.iter_processes().flat_map(|process| &process.images);
        images
            .take(16)
            .flat_map(|image| &image.env)
            .find_map(|entry| entry.strip_prefix(name))
            .map(<[u8]>::to_vec)
            .unwrap_or_default()
    };
    let start_ns = start_ns(world, identity);
    let clock_days = start_ns.map(days);
    let dates = dates(world);
    let anchor = *rules.anchor.get_or_insert_with(|| dates.anchor(clock_days));
    let mut pids: Vec<u32> = world
        .iter_processes()
        .map(|process| process.pid.0)
        .filter(|pid| *pid >= RESERVED_PIDS)
        .collect();
    pids.sort_unstable();
    pids.dedup();
    let mut ports: Vec<u16> = world
        .resources
        .iter()
        .filter_map(|resource| resource.socket.as_ref())
        .flat_map(|socket| [port_of(&socket.local), port_of(&socket.remote)])
        .flatten()
        .filter(|port| *port >= EPHEMERAL_PORT_MIN)
        .collect();
    ports.sort_unstable();
    ports.dedup();
    let mut context = Context {
        anchor_days: dates.days(anchor, clock_days),
        start_ns,
        home: variable(b"HOME="),
        cwd,
        temporary: variable(b"TMPDIR="),
        user: identity.user.clone().into_bytes(),
        host: identity.host.clone().into_bytes(),
        pids,
        ports,
        patterns: rules.patterns.clone(),
        hashes: hashes(world),
        temporary_files: Vec::new(),
    };
    context.temporary_files = temporary_files(world, &context);
    context
}

/// Where the run worked, as far as it tells.
pub(super) fn cwd(world: &World, identity: &RunIdentity) -> Vec<u8> {
    if !identity.cwd.is_empty() {
        return identity.cwd.clone();
    }
    let first = world.iter_processes().next();
    first.map(|process| process.cwd.clone()).unwrap_or_default()
}

/// Where the day of a run comes from.
pub(super) fn anchor(world: &World, identity: &RunIdentity) -> Anchor {
    dates(world).anchor(start_ns(world, identity).map(days))
}

/// First time, as far as it is one of the calendar.
fn start_ns(world: &World, identity: &RunIdentity) -> Option<i64> {
    let first = world.iter_processes().next();
    identity
        .start_ns
        .or(first.map(|process| process.start_ns))
        .filter(|_| world.clock == ClockKind::Epoch)
}

/// Days since the epoch.
fn days(ns: i64) -> i64 {
    ns.div_euclid(86_400_000_000_000)
}

/// The dates in the words of command lines and the names of files.
fn dates(world: &World) -> DateCount {
    let mut dates = DateCount::default();
    for process in world.iter_processes() {
        for word in process
            .images
            .iter()
            .filter(|image| !image.inherited)
            .flat_map(|image| &image.argv)
        {
            dates.argument(word);
        }
    }
    for resource in &world.resources {
        dates.name(&resource.name);
    }
    dates
}

/// Last components of names of files that the run made and removed, with what they are called in every run: command lines
/// have them, too.
fn temporary_files(world: &World, context: &Context) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut names: Vec<(Vec<u8>, Vec<u8>)> = world
        .resources
        .iter()
        .filter(|resource| resource.is_temporary() && resource.socket.is_none())
        .take(TEMPORARY_FILES_MAX)
        .filter_map(|resource| {
            let name = context.normalize(Kind::TemporaryPath, &resource.name).text;
            let (raw, name) = (
                super::roles::base(&resource.name),
                super::roles::base(&name),
            );
            (raw != name && !raw.is_empty()).then(|| (raw.to_vec(), name.to_vec()))
        })
        .collect();
    names.sort_unstable();
    names.dedup_by(|one, other| one.0 == other.0);
    names
}

/// Files that were made and removed whose names are kept.
const TEMPORARY_FILES_MAX: usize = 10_000;

/// What the names of files and the words of command lines show of hashes.
fn hashes(world: &World) -> Hashes {
    let files = world
        .resources
        .iter()
        .map(|resource| resource.name.as_slice());
    let words = world
        .iter_processes()
        .flat_map(|process| &process.images)
        .filter(|image| !image.inherited)
        .flat_map(|image| image.argv.iter().map(Vec::as_slice));
    Hashes::learn(files.chain(words))
}

fn port_of(address: &[u8]) -> Option<u16> {
    let at = address.iter().rposition(|byte| *byte == b':')?;
    std::str::from_utf8(address.get(at + 1..)?)
        .ok()?
        .parse()
        .ok()
}
