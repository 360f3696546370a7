//! What one or more runs did, united: all that the generators of policies and container files know.

mod names;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use unspool_model::event::Outcome;
use unspool_model::ids::ResourceId;
use unspool_model::step::{Action, Step, StepKind};
use unspool_model::syscalls::Operation;
use unspool_model::world::{ResourceKind, World};

use crate::needs::{CallNeed, Need, Needs};
use crate::rights::Rights;
use names::NamedPaths;

/// What is known of a run beside its steps.
#[derive(Clone, Debug, Default)]
pub struct RunFacts {
    /// Id of the run.
    pub id: String,
    /// The command with its arguments.
    pub command: Vec<Vec<u8>>,
    /// Host that it ran on.
    pub host: String,
    /// Working directory of the command; empty when unknown.
    pub cwd: Vec<u8>,
    /// What recorded it: `ptrace`, `strace`, `import`.
    pub recorder: String,
    /// Options of the recorder: `detail=full`.
    pub options: Vec<String>,
    /// Whether the recording is whole.
    pub complete: bool,
    /// What is known to be missing: what, how much.
    pub losses: Vec<(String, u64)>,
    /// Exit status of the command, when known.
    pub exit_code: Option<u8>,
    /// Architectures that calls were made by, as the manifest names them; empty when not known.
    pub architectures: Vec<String>,
}

/// A step of one of the runs, to name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Place in [`Observed::runs`].
    pub run: usize,
    /// Number of the event.
    pub seq: u64,
    /// Process.
    pub pid: u32,
}

/// Use of one system call.
#[derive(Clone, Debug)]
pub struct CallUse {
    /// How often.
    pub count: u64,
    /// How often it failed.
    pub failed: u64,
    /// Values of its telling argument; `None` when one of them was not known, or there were too many.
    pub values: Option<BTreeSet<u64>>,
    /// Where it was seen first.
    pub first: Seen,
}

/// Use of one file.
#[derive(Clone, Debug)]
pub struct FileUse {
    /// What was done to it as long as the run had not made it itself.
    pub found: Rights,
    /// What was done to it after the run had made it.
    pub made: Rights,
    /// What it is.
    pub kind: ResourceKind,
    /// Whether its name was only ever read from user memory.
    pub claimed: bool,
    /// Whether a run wrote, cut or replaced it.
    pub changed: bool,
    /// Whether the last run removed it and left it so.
    pub deleted: bool,
    /// Where it was seen first.
    pub first: Seen,
}

impl FileUse {
    /// Everything that was done to it.
    pub fn all(&self) -> Rights {
        self.found | self.made
    }
}

/// The first process of a run.
#[derive(Clone, Debug, Default)]
pub struct Root {
    /// Executable, as the kernel says.
    pub exe: Vec<u8>,
    /// Executable, as it was called.
    pub called: Vec<u8>,
    /// Arguments.
    pub argv: Vec<Vec<u8>>,
    /// Environment, `NAME=value` each, as far as it was recorded.
    pub env: Vec<Vec<u8>>,
    /// Working directory.
    pub cwd: Vec<u8>,
    /// User id.
    pub user: Option<u32>,
}

/// What runs did, united.
#[derive(Debug, Default)]
pub struct Observed {
    /// The runs.
    pub runs: Vec<RunFacts>,
    /// First processes of the runs, in their order.
    pub roots: Vec<Root>,
    /// System calls by name.
    pub calls: BTreeMap<Vec<u8>, CallUse>,
    /// Files by name.
    pub files: BTreeMap<Vec<u8>, FileUse>,
    /// Names of files as the programs said them, made absolute, symbolic links and all; of calls that succeeded.
    pub named: BTreeSet<Vec<u8>>,
    /// Families and types of sockets.
    pub sockets: BTreeSet<(u64, u64)>,
    /// TCP ports that were bound.
    pub tcp_bound: BTreeSet<u16>,
    /// TCP ports that were connected to.
    pub tcp_connected: BTreeSet<u16>,
    /// TCP ports that were listened on.
    pub tcp_listened: BTreeSet<u16>,
    /// UDP ports that were bound by number.
    pub udp_bound: BTreeSet<u16>,
    /// Whether a local socket of the abstract space was connected to.
    pub abstract_connected: bool,
    /// Capabilities that calls needed.
    pub capabilities: BTreeSet<&'static str>,
    /// Namespaces made or entered, as `CLONE_NEW*` bits.
    pub namespaces: u64,
    /// Memory was writable and executable at once, or made executable later.
    pub write_execute: bool,
    /// A signal went to a process that is not of the run.
    pub signals_outside: bool,
    /// Programs that were executed, as the kernel says.
    pub programs: BTreeSet<Vec<u8>>,
    /// Environment variables that were asked for (runs recorded with library calls).
    pub variables_read: BTreeSet<Vec<u8>>,
    /// Whether one of the runs has library calls, so that `variables_read` says something.
    pub has_library_calls: bool,
    /// Events in all runs.
    pub events: u64,
    /// Events that only say how many are missing.
    pub gaps: u64,
    made: HashSet<Vec<u8>>,
}

/// Most values of an argument that are kept: a filter with more would be no filter.
const VALUES_MAX: usize = 32;

/// Unites one run with what is there already.
#[derive(Debug)]
pub struct Gather<'o> {
    observed: &'o mut Observed,
    run: usize,
    needs: Needs,
    /// What was taken in already: file, rights, whether the run had made it.
    seen: HashSet<(ResourceId, Rights, bool)>,
    made_ids: HashSet<ResourceId>,
    named: NamedPaths,
    /// Files that the run seemed to make and that nobody has written yet.
    unwritten: HashSet<ResourceId>,
    /// Whether the recorder tells of new images besides the calls.
    tells_images: bool,
}

impl<'o> Gather<'o> {
    /// Begins a run. `world` is that of the whole run.
    pub fn new(observed: &'o mut Observed, facts: RunFacts, world: &World) -> Self {
        let run = observed.runs.len();
        observed.roots.push(root_of(&facts, world));
        let named = NamedPaths::new(&facts.cwd, world);
        observed.runs.push(facts);
        observed.made.clear();
        Self {
            observed,
            run,
            needs: Needs::default(),
            seen: HashSet::new(),
            made_ids: HashSet::new(),
            named,
            unwritten: HashSet::new(),
            tells_images: false,
        }
    }

    /// Takes one step in; steps come in order.
    pub fn step(&mut self, step: &Step<'_>, world: &World) {
        let seen = Seen {
            run: self.run,
            seq: step.seq,
            pid: step.pid.0,
        };
        self.observed.events += 1;
        match step.kind {
            StepKind::Gap => self.observed.gaps += 1,
            StepKind::LibraryCall => self.library_call(step),
            StepKind::Exec => {
                self.tells_images = true;
                self.program(step, world);
            }
            // Text tracers tell of new images by the call only; other recorders name the file itself.
            StepKind::Syscall
                if !self.tells_images
                    && step.outcome == Outcome::Returned(0)
                    && step
                        .syscall
                        .is_some_and(|call| call.operation() == Operation::Exec) =>
            {
                self.program(step, world);
            }
            _ => {}
        }
        let failed = matches!(step.outcome, Outcome::Failed(_));
        if step.kind == StepKind::Syscall && !failed {
            if let Some(name) = self.named.step(step, world) {
                self.called(step, &name);
                self.observed.named.insert(name);
            }
            self.content(step, world);
            if let Some(name) = self.named.second() {
                self.observed.named.insert(name);
            }
            self.listens(step, world);
        }
        let mut needs = std::mem::take(&mut self.needs);
        for need in needs.of(step, world) {
            self.need(need, failed, seen, world);
        }
        self.needs = needs;
    }

    fn need(&mut self, need: &Need, failed: bool, seen: Seen, world: &World) {
        let observed = &mut *self.observed;
        match need {
            Need::Call(call) => count_call(observed, call, failed, seen),
            Need::File {
                resource,
                rights,
                claimed,
            } => {
                self.file(*resource, *rights, *claimed, seen, world);
            }
            Need::Socket { family, kind } => {
                observed.sockets.insert((*family, *kind));
            }
            Need::Address {
                bound,
                is_tcp,
                port,
                is_abstract,
            } => {
                let ports = match (*bound, *is_tcp) {
                    (true, true) => Some(&mut observed.tcp_bound),
                    (false, true) => Some(&mut observed.tcp_connected),
                    (true, false) => Some(&mut observed.udp_bound),
                    (false, false) => None,
                };
                if let (Some(ports), Some(port)) = (ports, port) {
                    ports.insert(*port);
                }
                observed.abstract_connected |= *is_abstract && !bound;
            }
            Need::Capability(name) => {
                observed.capabilities.insert(name);
            }
            Need::Namespaces(flags) => observed.namespaces |= flags,
            Need::WriteExecute => observed.write_execute = true,
            Need::SignalOutside => observed.signals_outside = true,
        }
    }

    fn file(&mut self, id: ResourceId, rights: Rights, claimed: bool, seen: Seen, world: &World) {
        let makes = rights.intersects(Rights::MAKES);
        if !makes && !self.seen.insert((id, rights, self.made_ids.contains(&id))) {
            return;
        }
        let Some(resource) = world.resource(id) else {
            return;
        };
        let name = stable_name(&resource.name, world);
        let observed = &mut *self.observed;
        let is_made = observed.made.contains(&name);
        let file = observed
            .files
            .entry(name.clone())
            .or_insert_with(|| FileUse {
                found: Rights::NONE,
                made: Rights::NONE,
                kind: resource.kind,
                claimed: true,
                changed: false,
                deleted: false,
                first: seen,
            });
        if is_made || makes {
            file.made |= rights;
        } else {
            file.found |= rights;
        }
        file.claimed &= claimed;
        file.changed |= rights.intersects(Rights::CHANGES);
        file.deleted = resource.deleted;
        if file.kind == ResourceKind::File {
            file.kind = resource.kind;
        }
        if makes && !is_made {
            observed.made.insert(name);
            // What is done to it from here on is done to what the run made.
            self.made_ids.insert(id);
        }
    }

    /// The name under which the first program was called.
    fn called(&mut self, step: &Step<'_>, name: &[u8]) {
        if step.process.0 == 0
            && matches!(step.name, b"execve" | b"execveat")
            && let Some(root) = self.observed.roots.get_mut(self.run)
            && root.called.is_empty()
        {
            root.called = name.to_vec();
        }
    }

    /// A file that was opened to be made if it is not there, and that has content before anything was written, was there.
    fn content(&mut self, step: &Step<'_>, world: &World) {
        for touch in [step.touch, step.second].into_iter().flatten() {
            let Some(id) = touch.resource else { continue };
            match touch.action {
                Action::Create => {
                    self.unwritten.insert(id);
                }
                Action::Write | Action::Truncate => {
                    self.unwritten.remove(&id);
                }
                Action::Read
                    if touch.bytes.is_some_and(|bytes| bytes > 0) && self.unwritten.remove(&id) =>
                {
                    let Some(resource) = world.resource(id) else {
                        continue;
                    };
                    let name = stable_name(&resource.name, world);
                    self.observed.made.remove(&name);
                    if let Some(file) = self.observed.files.get_mut(&name) {
                        file.found |= file.made;
                    }
                }
                _ => {}
            }
        }
    }

    fn library_call(&mut self, step: &Step<'_>) {
        self.observed.has_library_calls = true;
        if !matches!(step.name, b"getenv" | b"secure_getenv") {
            return;
        }
        let mut printed = Vec::new();
        step.args.print(&mut printed);
        let mut name = Vec::new();
        if unspool_model::args::text::string(&printed, &mut name) == Some(true) {
            self.observed.variables_read.insert(name);
        }
    }

    fn program(&mut self, step: &Step<'_>, world: &World) {
        let resource = step.touch.and_then(|touch| world.resource(touch.resource?));
        if let Some(resource) = resource
            && resource.name.starts_with(b"/")
            && !resource.name.starts_with(b"/memfd:")
        {
            self.observed.programs.insert(resource.name.clone());
        }
    }

    fn listens(&mut self, step: &Step<'_>, world: &World) {
        let Some(touch) = step.touch.filter(|touch| touch.action == Action::Listen) else {
            return;
        };
        let socket = touch
            .resource
            .and_then(|id| world.resource(id))
            .and_then(|resource| resource.socket.as_ref());
        let port = socket.and_then(|socket| {
            let digits = socket.local.rsplit(|byte| *byte == b':').next()?;
            std::str::from_utf8(digits).ok()?.parse().ok()
        });
        if let Some(port) = port.filter(|port| *port != 0) {
            self.observed.tcp_listened.insert(port);
        }
    }
}

fn count_call(observed: &mut Observed, call: &CallNeed, failed: bool, seen: Seen) {
    if !observed.calls.contains_key(&call.name) {
        let new = CallUse {
            count: 0,
            failed: 0,
            values: Some(BTreeSet::new()),
            first: seen,
        };
        observed.calls.insert(call.name.clone(), new);
    }
    let Some(used) = observed.calls.get_mut(&call.name) else {
        return;
    };
    used.count += 1;
    used.failed += u64::from(failed);
    match (call.value, &mut used.values) {
        (Some(value), Some(values)) => {
            values.insert(value);
            if values.len() > VALUES_MAX {
                used.values = None;
            }
        }
        _ => used.values = None,
    }
}

/// `/proc/PID/...` of a process of the run has another number in every run.
fn stable_name(name: &[u8], world: &World) -> Vec<u8> {
    let Some(rest) = name.strip_prefix(b"/proc/") else {
        return name.to_vec();
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, behind) = rest.split_at(digits);
    let pid = std::str::from_utf8(number)
        .ok()
        .and_then(|text| text.parse::<u32>().ok());
    let known = pid.is_some_and(|pid| world.iter_processes().any(|process| process.pid.0 == pid));
    if known && (behind.is_empty() || behind.starts_with(b"/")) {
        [OWN_PROC, behind].concat()
    } else {
        name.to_vec()
    }
}

/// Stands for `/proc/PID` of any process of the run.
pub(crate) const OWN_PROC: &[u8] = b"/proc/self";

fn root_of(facts: &RunFacts, world: &World) -> Root {
    let process = world
        .iter_processes()
        .find(|process| process.parent.is_none());
    let Some(process) = process else {
        return Root {
            argv: facts.command.clone(),
            cwd: facts.cwd.clone(),
            ..Root::default()
        };
    };
    let image = process
        .images
        .iter()
        .find(|image| !image.inherited)
        .or(process.images.first());
    let mut root = Root {
        argv: facts.command.clone(),
        cwd: if facts.cwd.is_empty() {
            process.cwd.clone()
        } else {
            facts.cwd.clone()
        },
        user: process.user,
        ..Root::default()
    };
    if let Some(image) = image {
        root.exe.clone_from(&image.exe);
        root.env.clone_from(&image.env);
        // The kernel puts the interpreter of a script before its name: what was asked for is the command.
        if root.argv.is_empty() && !image.argv_cut {
            root.argv.clone_from(&image.argv);
        }
        if root.cwd.is_empty() {
            root.cwd.clone_from(&image.cwd);
        }
    }
    root
}

impl Observed {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The nearest folder above `path` that no run made; `path` itself when that is neither made nor in a made folder.
    pub(crate) fn anchor<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        let mut at = path;
        let mut anchor = path;
        loop {
            let made = self
                .files
                .get(at)
                .is_some_and(|file| file.made.intersects(Rights::MAKES) && file.found.is_empty());
            let up = crate::text::parent(at);
            if made {
                anchor = up;
            }
            if up == at || up == b"/" {
                return anchor;
            }
            at = up;
        }
    }

    /// The nearest folder above `path`, not `path` itself, that no run made.
    pub(crate) fn folder_of<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        self.anchor(crate::text::parent(path))
    }
}
