//! Commands of a run as a shell would say them: taken out of shells and builders, with directories, variables, redirections and
//! pipes.

mod pipelines;
mod streams;

use std::collections::{BTreeSet, HashMap};

use unspool_model::event::ExitStatus;
use unspool_model::ids::ProcessId;
use unspool_model::step::Action;
use unspool_model::world::{
    Access, Descriptor, Image, Link, LinkKind, Process, ResourceKind, World,
};

use crate::text::shown;

pub(crate) use streams::{Stream, Target};

/// What a redacted value begins with.
const REDACTED: &[u8] = "‹redacted:".as_bytes();

/// Name and value.
pub(crate) type Variable = (Vec<u8>, Vec<u8>);

/// One program that was started.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) argv: Vec<Vec<u8>>,
    pub(crate) cwd: Vec<u8>,
    /// Variables that differ from those of the first process.
    pub(crate) set: Vec<Variable>,
    /// Variables that the first process has and this one has not.
    pub(crate) unset: Vec<Vec<u8>>,
    /// Descriptors that lead elsewhere than those of the first process.
    pub(crate) streams: Vec<Stream>,
    pub(crate) start_ns: i64,
    pub(crate) end_ns: i64,
    /// Signal by which one of the shells around it ended it: a shell's own `kill`.
    pub(crate) ended_by: Option<u32>,
    /// It and what it started.
    pub(crate) family: Vec<ProcessId>,
    /// What could not be said of it.
    pub(crate) notes: Vec<String>,
}

/// Commands joined by pipes; each stage is one command or several one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub(crate) stages: Vec<Vec<Command>>,
    pub(crate) start_ns: i64,
    pub(crate) end_ns: i64,
}

impl Pipeline {
    pub(crate) fn commands(&self) -> impl Iterator<Item = &Command> {
        self.stages.iter().flatten()
    }
}

/// What is taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Depth {
    /// Levels of shells and builders; what is below is one command.
    pub(crate) levels: u32,
    /// Whether builders (make, ninja) are taken apart, too.
    pub(crate) builders: bool,
}

/// Shells, by the names of their programs.
const SHELLS: &[&[u8]] = &[b"sh", b"dash", b"bash", b"ash", b"ksh", b"mksh", b"zsh"];

/// Programs that start others by a plan.
const BUILDERS: &[&[u8]] = &[b"make", b"gmake", b"ninja", b"samu"];

/// Processes of processes of processes: deeper ones are of the one at this level.
const NESTING_MAX: u32 = 256;

/// Commands in order of their start, and what shells did themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) pipelines: Vec<Pipeline>,
    pub(crate) notes: Vec<String>,
}

/// A world with what belongs to each process at hand.
#[derive(Debug)]
pub(crate) struct Indexed<'w> {
    pub(crate) world: &'w World,
    descriptors: HashMap<ProcessId, Vec<&'w Descriptor>>,
    accesses: HashMap<ProcessId, Vec<&'w Access>>,
    children: HashMap<ProcessId, Vec<&'w Process>>,
}

impl<'w> Indexed<'w> {
    /// Looks through the world once.
    pub(crate) fn new(world: &'w World) -> Self {
        let mut indexed = Self {
            world,
            descriptors: HashMap::new(),
            accesses: HashMap::new(),
            children: HashMap::new(),
        };
        for descriptor in &world.descriptors {
            indexed
                .descriptors
                .entry(descriptor.process)
                .or_default()
                .push(descriptor);
        }
        for access in &world.accesses {
            indexed
                .accesses
                .entry(access.process)
                .or_default()
                .push(access);
        }
        for process in world.iter_processes() {
            if let Some(parent) = process.parent {
                indexed.children.entry(parent).or_default().push(process);
            }
        }
        indexed
    }

    fn children_of(&self, id: ProcessId) -> &[&'w Process] {
        self.children.get(&id).map_or(&[], Vec::as_slice)
    }

    fn accesses_of(&self, id: ProcessId) -> &[&'w Access] {
        self.accesses.get(&id).map_or(&[], Vec::as_slice)
    }

    fn descriptors_of(&self, id: ProcessId) -> &[&'w Descriptor] {
        self.descriptors.get(&id).map_or(&[], Vec::as_slice)
    }
}

/// Tells the commands of a run.
pub(crate) fn tell(indexed: &Indexed<'_>, depth: Depth) -> Told {
    let world = indexed.world;
    let mut teller = Teller {
        indexed,
        depth,
        commands: Vec::new(),
        notes: Vec::new(),
        shells: BTreeSet::new(),
        first: None,
    };
    let roots: Vec<&Process> = world
        .iter_processes()
        .filter(|process| process.parent.is_none())
        .collect();
    for root in roots {
        teller.first = teller.first.or(Some(root));
        teller.process(root, depth.levels, 0);
    }
    let Teller {
        mut commands,
        notes,
        shells,
        ..
    } = teller;
    for command in &mut commands {
        command.ended_by = ended_by(indexed, command, &shells);
    }
    commands.sort_by_key(|command| command.start_ns);
    let pipelines = pipelines::join(commands);
    Told { pipelines, notes }
}

struct Teller<'i, 'w> {
    indexed: &'i Indexed<'w>,
    depth: Depth,
    commands: Vec<Command>,
    notes: Vec<String>,
    /// Processes that were taken apart.
    shells: BTreeSet<ProcessId>,
    first: Option<&'w Process>,
}

impl<'w> Teller<'_, 'w> {
    fn process(&mut self, process: &'w Process, levels: u32, nesting: u32) {
        let mut images = process
            .images
            .iter()
            .filter(|image| !image.inherited)
            .peekable();
        if images.peek().is_none() {
            // A subshell, or the process was there before the recording.
            self.shells.insert(process.id);
            self.own_output(process);
            self.children(process, i64::MIN, i64::MAX, levels, nesting);
            return;
        }
        while let Some(image) = images.next() {
            let until = images.peek().map_or(i64::MAX, |next| next.time_ns);
            if levels == 0 || nesting >= NESTING_MAX || !self.is_taken_apart(image) {
                self.command(process, image);
                return;
            }
            self.shells.insert(process.id);
            self.own_output(process);
            self.children(process, image.time_ns, until, levels - 1, nesting);
        }
    }

    fn is_taken_apart(&self, image: &Image) -> bool {
        let called = image
            .argv
            .first()
            .map_or(&[][..], |word| crate::text::file_name(word));
        let called = called.strip_prefix(b"-").unwrap_or(called);
        let names = [image.name(), called];
        names.iter().any(|name| SHELLS.contains(name))
            || (self.depth.builders && names.iter().any(|name| BUILDERS.contains(name)))
    }

    fn children(
        &mut self,
        process: &Process,
        from_ns: i64,
        until_ns: i64,
        levels: u32,
        nesting: u32,
    ) {
        let indexed = self.indexed;
        let children = indexed
            .children_of(process.id)
            .iter()
            .filter(|child| child.start_ns >= from_ns && child.start_ns < until_ns);
        for child in children {
            self.process(child, levels, nesting + 1);
        }
    }

    /// What a shell wrote itself is no command: `echo x > file`.
    fn own_output(&mut self, process: &Process) {
        for access in self.indexed.accesses_of(process.id) {
            let Some(resource) = self.indexed.world.resource(access.resource) else {
                continue;
            };
            let is_output = matches!(
                resource.kind,
                ResourceKind::File | ResourceKind::Device | ResourceKind::Pipe
            );
            if access.traffic.bytes_written > 0 && is_output && resource.name != b"/dev/null" {
                self.notes.push(format!(
                    "process {} ({}) wrote {} bytes to {} itself: no command did, so none is here that does",
                    process.pid,
                    shown(process.image().map_or(&[][..], Image::name)),
                    access.traffic.bytes_written,
                    shown(&resource.name)
                ));
            }
        }
    }

    fn command(&mut self, process: &Process, image: &Image) {
        let mut notes = Vec::new();
        let mut argv = image.argv.clone();
        if argv.is_empty() {
            argv.push(image.exe.clone());
            notes.push("its arguments are not in the recording".to_owned());
        }
        if image.argv_cut {
            notes.push("its arguments are cut in the recording".to_owned());
        }
        if argv.iter().any(|word| is_redacted(word)) {
            notes.push("an argument was redacted when it was recorded".to_owned());
        }
        if let Some(first) = argv.first_mut()
            && (first.is_empty() || first.starts_with(b"-"))
        {
            first.clone_from(&image.exe);
        }
        let (set, unset) = self.variables(image, &mut notes);
        let streams = self
            .first
            .map(|first| streams::of(self.indexed, first, process, image, &mut notes))
            .unwrap_or_default();
        let mut family = vec![process.id];
        collect_family(self.indexed, process.id, &mut family);
        let own_end = process.end_ns.unwrap_or(i64::MAX);
        self.commands.push(Command {
            argv,
            cwd: if image.cwd.is_empty() {
                process.cwd.clone()
            } else {
                image.cwd.clone()
            },
            set,
            unset,
            streams,
            start_ns: process.start_ns,
            end_ns: own_end,
            ended_by: None,
            family,
            notes,
        });
    }

    fn variables(&self, image: &Image, notes: &mut Vec<String>) -> (Vec<Variable>, Vec<Vec<u8>>) {
        /// Variables that shells set for every command.
        const OWN_OF_SHELLS: &[&[u8]] = &[
            b"_",
            b"PWD",
            b"OLDPWD",
            b"SHLVL",
            b"MAKELEVEL",
            b"MAKEFLAGS",
            b"MFLAGS",
            b"MAKE_TERMOUT",
            b"MAKE_TERMERR",
        ];
        let first = self
            .first
            .and_then(|process| process.images.iter().find(|image| !image.inherited));
        let base = first.map_or(&[][..], |image| &image.env);
        if base.is_empty() || image.env.is_empty() {
            return (Vec::new(), Vec::new());
        }
        let split = |variable: &[u8]| {
            let at = variable
                .iter()
                .position(|byte| *byte == b'=')
                .unwrap_or(variable.len());
            let (name, value) = variable.split_at(at);
            (name.to_vec(), value.get(1..).unwrap_or(&[]).to_vec())
        };
        let before: BTreeSet<(Vec<u8>, Vec<u8>)> =
            base.iter().map(|variable| split(variable)).collect();
        let now: BTreeSet<(Vec<u8>, Vec<u8>)> =
            image.env.iter().map(|variable| split(variable)).collect();
        let is_own = |name: &[u8]| OWN_OF_SHELLS.contains(&name);
        let mut set = Vec::new();
        for (name, value) in now.difference(&before).filter(|(name, _)| !is_own(name)) {
            let is_name = !name.first().is_none_or(u8::is_ascii_digit)
                && name
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            if is_redacted(value) {
                notes.push(format!(
                    "{} had a value that was redacted when it was recorded",
                    shown(name)
                ));
            } else if is_name {
                set.push((name.clone(), value.clone()));
            } else {
                notes.push(format!(
                    "the variable {} has a name that a shell cannot set",
                    shown(name)
                ));
            }
        }
        let unset = before
            .iter()
            .map(|(name, _)| name)
            .filter(|name| !is_own(name) && !now.iter().any(|(known, _)| known == *name))
            .cloned()
            .collect();
        (set, unset)
    }
}

/// Signals that shells send to end a command: hang-up, interrupt, kill, the user's two, terminate.
const ENDING: &[u32] = &[1, 2, 9, 10, 12, 15];

/// The signal, where a shell sent it. Who sent it may be missing: the end of a process may be seen before the call that caused it
/// has returned. Then it was the shell that started the command.
fn ended_by(indexed: &Indexed<'_>, command: &Command, shells: &BTreeSet<ProcessId>) -> Option<u32> {
    let id = *command.family.first()?;
    let process = indexed.world.process(id)?;
    let Some(ExitStatus::Killed { signal, .. }) = process.exit else {
        return None;
    };
    let is_sender = |link: &&Link| link.kind == LinkKind::Signal && link.to == id;
    let mut senders = indexed.world.links.iter().filter(is_sender).peekable();
    let by_shell = if senders.peek().is_some() {
        senders.any(|link| shells.contains(&link.from))
    } else {
        process
            .parent
            .is_some_and(|parent| shells.contains(&parent))
    };
    (ENDING.contains(&signal) && by_shell).then_some(signal)
}

/// Whether a word holds what the recorder put in place of a secret.
pub(crate) fn is_redacted(word: &[u8]) -> bool {
    word.windows(REDACTED.len())
        .any(|window| window == REDACTED)
}

fn collect_family(indexed: &Indexed<'_>, id: ProcessId, family: &mut Vec<ProcessId>) {
    let mut at = 0;
    let mut known: BTreeSet<ProcessId> = [id].into();
    while let Some(parent) = family.get(at).copied() {
        at += 1;
        for child in indexed.children_of(parent) {
            if known.insert(child.id) {
                family.push(child.id);
            }
        }
    }
}

/// Files that processes read, and files that they left written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) inputs: BTreeSet<Vec<u8>>,
    pub(crate) outputs: BTreeSet<Vec<u8>>,
}

/// What a pipeline read and wrote.
pub(crate) fn exchange(indexed: &Indexed<'_>, pipeline: &Pipeline) -> Exchange {
    let family: BTreeSet<ProcessId> = pipeline
        .commands()
        .flat_map(|command| command.family.iter().copied())
        .collect();
    let mut exchange = Exchange::default();
    for access in family.iter().flat_map(|id| indexed.accesses_of(*id)) {
        let Some(resource) = indexed.world.resource(access.resource) else {
            continue;
        };
        if resource.kind != ResourceKind::File
            || !resource.name.starts_with(b"/")
            || resource.deleted
        {
            continue;
        }
        let did = |actions: &[Action]| actions.iter().any(|action| access.count(*action) > 0);
        if did(&[
            Action::Create,
            Action::Truncate,
            Action::RenameTo,
            Action::LinkTo,
        ]) || access.traffic.writes > 0
        {
            exchange.outputs.insert(resource.name.clone());
        } else if did(&[Action::Read, Action::Map, Action::Execute]) {
            exchange.inputs.insert(resource.name.clone());
        }
    }
    exchange
}
