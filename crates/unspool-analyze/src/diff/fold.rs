//! Folds the steps of a run into a [`Profile`].

use std::collections::BTreeMap;

use unspool_model::event::Outcome;
use unspool_model::ids::{ProcessId, ResourceId, Tid};
use unspool_model::map::{Map, Places, hash_of};
use unspool_model::normalize::{Anchor, Context, Kind, Pattern};
use unspool_model::step::{Step, StepKind};
use unspool_model::world::{Image, LinkKind, Process, Resource, World};

use super::calls::{asks, count, family, group_of, is_complaint, waits};
use super::ends::{ended, words};
use super::messages::Collector;
use super::names::{Name, context, key_name};
use super::profile::{
    Command, Counted, Group, Key, KeyKind, Profile, Role, RoleLink, USES_MAX, Use, VALUES_MAX, Wait,
};
use super::roles::{Lineage, Stint, images_with_roles, label, parents_first};
use super::threads::{Pending, Ready, Thread};
use super::uses::Uses;

/// What a comparison knows of a run beside its steps.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunIdentity {
    /// Id or name, for people.
    pub run: String,
    /// What recorded it: `ptrace`, `strace`, `import`.
    pub recorder: String,
    /// First time, when the run says so.
    pub start_ns: Option<i64>,
    /// Host name.
    pub host: String,
    /// User name.
    pub user: String,
    /// Working directory of the command; that of the first process when empty.
    pub cwd: Vec<u8>,
    /// Whether the run is whole.
    pub complete: bool,
    /// Whether the data of calls was kept: what was written can be read.
    pub keeps_data: bool,
}

/// How names are normalised, the same for all runs of a comparison.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NameRules {
    /// Patterns of the user.
    pub patterns: Vec<Pattern>,
    /// Where the day of a run comes from; decided by the first run when `None`.
    pub anchor: Option<Anchor>,
    /// Working directory of runs that do not tell theirs (logs of strace without `-y`); that of the first run when `None`. Where
    /// the first does not tell it, no run's stands for anything: the same path would have two names.
    pub cwd: Option<Vec<u8>>,
}

impl NameRules {
    /// Decides where the days of runs come from, as the first run says; nothing when that was decided before. Runs may be
    /// folded side by side then.
    pub fn decide(&mut self, world: &World, identity: &RunIdentity) {
        self.anchor
            .get_or_insert_with(|| super::names::anchor(world, identity));
        self.cwd
            .get_or_insert_with(|| super::names::cwd(world, identity));
    }
}

/// Longest waiting that is kept for the descriptor that turns out to have been waited for.
const THREADS_MAX: usize = 1 << 16;
/// Shortest sleep that is a pause between two questions.
const PAUSE_NS: i64 = 1_000_000;

/// Folds the steps of one run.
#[derive(Debug)]
pub struct Profiler {
    pub(super) profile: Profile,
    context: Context,
    stints: Vec<Vec<Stint>>,
    role_ids: BTreeMap<Lineage, u32>,
    /// Keys by kind and normalised name.
    key_ids: Places,
    /// Key of each resource.
    resource_keys: Vec<u32>,
    /// Keys of calls that name nothing, by place in the call table.
    call_keys: Vec<Option<u32>>,
    pub(super) uses: Vec<Use>,
    use_ids: Map<(u32, u32), u32>,
    last_use: Option<((u32, u32), u32)>,
    threads: Map<Tid, Thread>,
    /// Of each process, the last waiting for any of several things that took long.
    ready: Map<ProcessId, Ready>,
    pub(super) waits: Vec<Wait>,
    /// Whether the recorder described files.
    has_contents: bool,
    /// Arguments of a call.
    scratch: Vec<u8>,
    messages: Collector,
    /// Pipes and sockets that the run made, by the number of the resource.
    made: Vec<bool>,
}

impl Profiler {
    /// Begins a fold. `world` knows everything of the run, as the tables of a closed run do; its resources are taken out of it.
    pub fn new(world: &mut World, identity: &RunIdentity, rules: &mut NameRules) -> Self {
        let context = context(world, identity, rules);
        let mut profiler = Self {
            profile: Profile {
                run: identity.run.clone(),
                recorder: identity.recorder.clone(),
                clock: world.clock,
                anchor_days: context.anchor_days,
                complete: identity.complete,
                has_messages: identity.keeps_data,
                start_ns: i64::MAX,
                end_ns: i64::MIN,
                ..Profile::default()
            },
            context,
            stints: vec![Vec::new(); world.processes.len()],
            role_ids: BTreeMap::new(),
            key_ids: Places::default(),
            resource_keys: Vec::with_capacity(world.resources.len()),
            call_keys: Vec::new(),
            uses: Vec::new(),
            use_ids: Map::default(),
            last_use: None,
            threads: Map::default(),
            ready: Map::default(),
            waits: waits(),
            has_contents: world
                .resources
                .iter()
                .any(|resource| resource.content.is_some()),
            scratch: Vec::new(),
            messages: Collector::default(),
            made: vec![false; world.resources.len()],
        };
        for id in parents_first(world) {
            if let Some(process) = world.process(id) {
                profiler.process(process, world);
            }
        }
        for resource in std::mem::take(&mut world.resources) {
            let key = profiler.resource_key(resource);
            profiler.resource_keys.push(key);
        }
        profiler
    }

    /// Folds one step.
    pub fn step(&mut self, step: &Step<'_>) {
        self.profile.steps += 1;
        let role = self.role_at(step.process, step.seq);
        self.profile.start_ns = self.profile.start_ns.min(step.time_ns);
        // The duration of counted calls is their sum.
        let is_single = step.kind != StepKind::Folded;
        let lasted_ns = step.duration_ns.filter(|_| is_single).unwrap_or(0);
        let end_ns = step.time_ns.saturating_add(lasted_ns);
        self.profile.end_ns = self.profile.end_ns.max(end_ns);
        match step.kind {
            StepKind::Syscall => self.call(step, role, end_ns),
            StepKind::Exit => self.thread_ended(step, role),
            StepKind::Signal => self.signal(step, role),
            StepKind::Folded => self.counted(step, role),
            StepKind::LibraryCall
            | StepKind::Exec
            | StepKind::Fork
            | StepKind::Stop
            | StepKind::Continue
            | StepKind::Output
            | StepKind::Note
            | StepKind::Gap
            | StepKind::Log
            | StepKind::Sample => {}
        }
    }

    /// Gives the profile.
    pub fn finish(mut self, world: &World) -> Profile {
        if self.profile.start_ns > self.profile.end_ns {
            (self.profile.start_ns, self.profile.end_ns) = (0, 0);
        }
        let pairs = self.use_ids.iter().map(|(pair, place)| (*pair, *place));
        self.profile.uses = Uses::new(pairs, std::mem::take(&mut self.uses));
        for ((_, key), used) in self.profile.uses.iter() {
            let named = [
                Group::Open,
                Group::Query,
                Group::Execute,
                Group::Change,
                Group::Connect,
                Group::Accept,
            ];
            let fails = used
                .errors
                .iter()
                .any(|failures| named.contains(&failures.group));
            if let Some(key) = self.profile.keys.get_mut(*key as usize) {
                key.named |= fails
                    || named
                        .iter()
                        .any(|group| *group != Group::Query && used.count(*group) > 0);
            }
        }
        for role in &mut self.profile.roles {
            role.outside_ns = role.outside_ns.max(0);
        }
        self.links(world);
        self.samples(world);
        self.profile.has_messages |= self.messages.has_data;
        self.profile.job = self.job(world);
        self.profile.messages = self.messages.messages;
        self.profile
    }

    /// What the first process became in the end: a wrapper executes the job.
    fn job(&self, world: &World) -> Vec<u8> {
        let first = world.iter_processes().next();
        first
            .and_then(|process| self.stints.get(process.id.index())?.last())
            .and_then(|stint| self.profile.roles.get(stint.role as usize))
            .map(|role| role.label.clone())
            .unwrap_or_default()
    }

    pub(super) fn role_at(&self, process: ProcessId, seq: u64) -> u32 {
        let stints = self
            .stints
            .get(process.index())
            .map_or(&[][..], Vec::as_slice);
        let stint = match stints {
            [only] => Some(only),
            several => several
                .iter()
                .rev()
                .find(|stint| stint.seq <= seq)
                .or(several.first()),
        };
        stint.map_or(0, |stint| stint.role)
    }

    fn call(&mut self, step: &Step<'_>, role: u32, end_ns: i64) {
        let wait = step
            .syscall
            .and_then(|call| self.waits.get(usize::from(call.index())))
            .copied()
            .unwrap_or(Wait::Other);
        let call_key = |this: &mut Self| this.call_key(step);
        let touched = step.touch.and_then(|touch| touch.resource);
        let key = match touched.and_then(|id| self.key_of(id)) {
            Some(key) => key,
            None => call_key(self),
        };
        self.account(step, role, key, wait, end_ns);
        let place = self.use_of(role, key, step);
        let group = step
            .touch
            .map_or(Group::Other, |touch| group_of(touch.action));
        if let Some(count) = self.profile.groups.get_mut(group as usize) {
            *count += 1;
        }
        if let Some(found) = self.profile.roles.get_mut(role as usize) {
            found.calls += 1;
            if is_complaint(step) {
                found.complaints.add(step);
            }
        }
        if let Some(used) = self.uses.get_mut(place) {
            let duration_ns = step.duration_ns.unwrap_or(0).max(0);
            used.time_ns = used.time_ns.saturating_add(duration_ns);
            if let Some(waited) = used.waits.get_mut(wait as usize) {
                *waited = waited.saturating_add(duration_ns);
            }
            if duration_ns > used.longest_ns {
                (used.longest_ns, used.longest_seq) = (duration_ns, step.seq);
            }
            used.last_ns = used.last_ns.max(step.time_ns);
            count(used, step, step.touch, group);
        }
        if group == Group::Query && !self.has_contents {
            self.read_length(step, key);
        }
        self.message(step, role, key, group);
        self.profile.has_durations |= step.duration_ns.is_some_and(|ns| ns > 0);
        if let Some(second) = step.second
            && let Some(key) = second.resource.and_then(|id| self.key_of(id))
        {
            let place = self.use_of(role, key, step);
            if let Some(used) = self.uses.get_mut(place) {
                count(used, step, Some(second), group_of(second.action));
            }
        }
    }

    /// What the call wrote for people.
    fn message(&mut self, step: &Step<'_>, role: u32, key: u32, group: Group) {
        let resource = step.touch.and_then(|touch| touch.resource);
        let made = resource.and_then(|id| self.made.get_mut(id.index()));
        match (group, made, self.profile.keys.get(key as usize)) {
            (Group::Open, Some(made), _) => *made = true,
            (Group::Write, made, Some(found)) => {
                let is_pipe = matches!(found.kind, KeyKind::Pipe | KeyKind::LocalSocket);
                let inner = is_pipe && made.is_some_and(|made| *made);
                let key = (key, found.kind, found.raw.as_slice());
                self.messages.step(step, role, key, inner, &self.context);
            }
            _ => {}
        }
        if group == Group::Open
            && let Some(second) = step.second.and_then(|second| second.resource)
            && let Some(made) = self.made.get_mut(second.index())
        {
            *made = true;
        }
    }

    /// What a log that no recorder of ours wrote says of a file.
    fn read_length(&mut self, step: &Step<'_>, key: u32) {
        let Some(key) = self.profile.keys.get_mut(key as usize) else {
            return;
        };
        if key.content.is_some() || key.resources != 1 || step.outcome.failed().is_some() {
            return;
        }
        self.scratch.clear();
        step.args.print(&mut self.scratch);
        key.content = super::contents::in_log(&self.scratch).map(Box::new);
    }

    /// Where the time of the thread goes: from its last call to this one outside of calls, then in this one.
    fn account(&mut self, step: &Step<'_>, role: u32, key: u32, wait: Wait, end_ns: i64) {
        let kind = self.profile.keys.get(key as usize).map(|key| key.kind);
        // Other ends are waited for with time limits, again and again.
        let is_socket = matches!(
            kind,
            Some(KeyKind::Peer | KeyKind::Listener | KeyKind::LocalSocket)
        );
        let moves = is_socket || matches!(kind, Some(KeyKind::Pipe | KeyKind::Device));
        let woken = self.is_woken(step, wait, end_ns);
        let thread = self.thread(step, role);
        let since_ns = thread.last_end_ns;
        let gap_ns = step.time_ns.saturating_sub(since_ns).max(0);
        // Halves of one call come late: what ends before it began is no time outside.
        thread.last_end_ns = thread.last_end_ns.max(end_ns);
        thread.role = role;
        let life_ns = thread.last_end_ns.saturating_sub(since_ns).max(0);
        let is_question = kind == Some(KeyKind::Peer) && asks(step);
        let is_after_pause = is_question && std::mem::take(&mut thread.slept);
        thread.slept |= wait == Wait::Sleep && step.duration_ns.unwrap_or(0) >= PAUSE_NS;
        let mut waited = None;
        let ns = step.duration_ns.unwrap_or(0);
        match wait {
            // A thread that waits for one that waits for other ends: what it touches then was waited for.
            Wait::Thread if woken => {
                thread.pending = Some(Pending {
                    key,
                    ns,
                    is_ready: true,
                    wait,
                });
            }
            Wait::Ready => {
                let so_far = thread
                    .pending
                    .filter(|pending| pending.key == key)
                    .map_or(0, |pending| pending.ns);
                thread.pending = Some(Pending {
                    key,
                    ns: so_far + ns,
                    is_ready: step.outcome != Outcome::Returned(0),
                    wait,
                });
            }
            // What comes over a connection or a pipe is what was waited for; files are always ready.
            Wait::Transfer if moves => waited = thread.pending.take(),
            // Nothing came, and the thread went on with a file.
            Wait::Transfer if thread.pending.is_some_and(|pending| !pending.is_ready) => {
                waited = thread.pending.take();
            }
            _ => {}
        }
        thread.unfinished = match step.outcome {
            Outcome::Unfinished => Some((key, step.time_ns, wait)),
            _ => None,
        };
        if let Some(found) = self.profile.roles.get_mut(role as usize) {
            found.outside_ns = found.outside_ns.saturating_add(gap_ns);
            found.thread_ns = found.thread_ns.saturating_add(life_ns);
        }
        if is_after_pause {
            self.asked_after_pause(role, key, step);
        }
        let Some(waited) = waited.filter(|waited| waited.ns > 0 && waited.key != key) else {
            return;
        };
        // Where nothing came and the other end is asked next, nothing was asked before: it was a pause.
        if waited.is_ready || is_socket && !asks(step) {
            self.move_time(role, waited, (key, Wait::Transfer), step);
        } else {
            // `select` without descriptors, or nothing came: the time went by and nothing was waited for.
            let sleep = self.intern(KeyKind::Call, b"sleep".to_vec(), b"sleep".to_vec());
            self.move_time(role, waited, (sleep, Wait::Sleep), step);
            if is_question {
                self.asked_after_pause(role, key, step);
            }
        }
    }

    /// Whether the call ended a longer waiting for a thread, which waited for any of several things.
    fn is_woken(&mut self, step: &Step<'_>, wait: Wait, end_ns: i64) -> bool {
        let ns = step.duration_ns.unwrap_or(0);
        if ns < PAUSE_NS {
            return false;
        }
        if wait == Wait::Ready {
            let tid = step.tid;
            self.ready.insert(step.process, Ready { tid, end_ns, ns });
        }
        wait == Wait::Thread
            && self
                .ready
                .get(&step.process)
                .is_some_and(|ready| ready.wakes(step.tid, ns, end_ns))
    }

    fn asked_after_pause(&mut self, role: u32, key: u32, step: &Step<'_>) {
        let place = self.use_of(role, key, step);
        if let Some(used) = self.uses.get_mut(place) {
            used.after_pause += 1;
        }
    }

    /// What a thread waited for is what it touched when the waiting was over.
    fn move_time(&mut self, role: u32, from: Pending, to: (u32, Wait), step: &Step<'_>) {
        let ns = from.ns;
        if let Some(place) = self.use_ids.get(&(role, from.key)).copied()
            && let Some(used) = self.uses.get_mut(place as usize)
        {
            used.time_ns -= ns;
            if let Some(waited) = used.waits.get_mut(from.wait as usize) {
                *waited -= ns;
            }
        }
        let place = self.use_of(role, to.0, step);
        if let Some(used) = self.uses.get_mut(place) {
            used.time_ns = used.time_ns.saturating_add(ns);
            if let Some(waited) = used.waits.get_mut(to.1 as usize) {
                *waited = waited.saturating_add(ns);
            }
            if ns > used.longest_ns {
                (used.longest_ns, used.longest_seq) = (ns, step.seq);
            }
        }
    }

    fn thread(&mut self, step: &Step<'_>, role: u32) -> &mut Thread {
        if self.threads.len() >= THREADS_MAX && !self.threads.contains_key(&step.tid) {
            self.threads.clear();
        }
        let fresh = Thread {
            process: step.process,
            role,
            last_end_ns: step.time_ns,
            pending: None,
            unfinished: None,
            slept: false,
        };
        let thread = self.threads.entry(step.tid).or_insert(fresh);
        if thread.process != step.process {
            *thread = fresh;
        }
        thread
    }

    fn thread_ended(&mut self, step: &Step<'_>, role: u32) {
        let Some(thread) = self.threads.remove(&step.tid) else {
            return;
        };
        if thread.process != step.process {
            return;
        }
        let left_ns = step.time_ns.saturating_sub(thread.last_end_ns).max(0);
        let Some(found) = self.profile.roles.get_mut(role as usize) else {
            return;
        };
        found.thread_ns = found.thread_ns.saturating_add(left_ns);
        match thread.unfinished {
            // It ended inside of a call: the time was spent there.
            Some((key, _, wait)) => {
                let place = self.use_of(role, key, step);
                if let Some(used) = self.uses.get_mut(place) {
                    used.time_ns = used.time_ns.saturating_add(left_ns);
                    if let Some(waited) = used.waits.get_mut(wait as usize) {
                        *waited = waited.saturating_add(left_ns);
                    }
                }
            }
            None => found.outside_ns = found.outside_ns.saturating_add(left_ns),
        }
    }

    fn signal(&mut self, step: &Step<'_>, role: u32) {
        let number = unspool_model::signal::number(step.name).unwrap_or(0);
        if let Some(found) = self.profile.roles.get_mut(role as usize) {
            let counted = found.signals.entry(number).or_insert(Counted {
                count: 0,
                first_ns: step.time_ns,
                first_seq: step.seq,
            });
            counted.count += 1;
        }
    }

    pub(super) fn key_of(&self, id: ResourceId) -> Option<u32> {
        self.resource_keys.get(id.index()).copied()
    }

    pub(super) fn call_key(&mut self, step: &Step<'_>) -> u32 {
        let Some(call) = step.syscall else {
            return self.intern(
                KeyKind::Call,
                family(step.name).to_vec(),
                step.name.to_vec(),
            );
        };
        let slot = usize::from(call.index());
        if self.call_keys.len() <= slot {
            self.call_keys.resize(slot + 1, None);
        }
        if let Some(Some(key)) = self.call_keys.get(slot) {
            return *key;
        }
        let key = self.intern(
            KeyKind::Call,
            family(step.name).to_vec(),
            step.name.to_vec(),
        );
        if let Some(place) = self.call_keys.get_mut(slot) {
            *place = Some(key);
        }
        key
    }

    fn intern(&mut self, kind: KeyKind, name: Vec<u8>, raw: Vec<u8>) -> u32 {
        let keys = &mut self.profile.keys;
        let next = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        let hash = hash_of(&(kind, name.as_slice()));
        let key = self.key_ids.get_or_insert(hash, next, |place| {
            keys.get(place as usize)
                .is_some_and(|key| key.kind == kind && key.name == name)
        });
        if key == next {
            keys.push(Key {
                name,
                raw,
                kind,
                ..Key::default()
            });
        }
        key
    }

    pub(super) fn use_of(&mut self, role: u32, key: u32, step: &Step<'_>) -> usize {
        let pair = (role, key);
        if let Some((last, place)) = self.last_use
            && last == pair
        {
            return place as usize;
        }
        let full = self.uses.len() >= USES_MAX;
        let place = match self.use_ids.get(&pair) {
            Some(place) => *place,
            None if full => {
                self.profile.left_out += 1;
                return usize::MAX;
            }
            None => {
                let place = u32::try_from(self.uses.len()).unwrap_or(u32::MAX);
                self.uses.push(Use {
                    first_ns: step.time_ns,
                    first_seq: step.seq,
                    last_ns: step.time_ns,
                    ..Use::default()
                });
                self.use_ids.insert(pair, place);
                place
            }
        };
        self.last_use = Some((pair, place));
        place as usize
    }

    fn resource_key(&mut self, resource: Resource) -> u32 {
        let (kind, name) = key_name(&resource, &self.context);
        // A local socket is a number until it is connected; where it was to go has a name.
        let mut end = None;
        let name = match name {
            Name::Done(name) => name,
            Name::Raw(how, raw) => {
                end = (kind == KeyKind::LocalSocket).then(|| raw.to_vec());
                let normalized = self.context.normalize(how, raw);
                self.profile.note(normalized.changes, &resource.name);
                normalized.text
            }
        };
        let looked_at = resource
            .content
            .map(|found| (found.size_bytes, resource.name.clone()));
        let key = self.intern(kind, name, end.unwrap_or(resource.name));
        if let Some(found) = self.profile.keys.get_mut(key as usize) {
            found.resources += 1;
            let is_only = found.resources == 1;
            if let Some((size_bytes, name)) = looked_at {
                found.note_length(size_bytes, name);
            }
            found.content = resource.content.filter(|_| is_only).map(Box::new);
            found.created |= resource.created;
            found.modified |= resource.modified;
            found.deleted |= resource.deleted;
        }
        key
    }

    fn process(&mut self, process: &Process, world: &World) {
        let mut lineage = self.parent_lineage(process, world);
        let mut parent = self.parent_role(process);
        let images = images_with_roles(process);
        let mut stints = Vec::new();
        for (index, place) in images.iter().enumerate() {
            let Some(image) = process.images.get(*place) else {
                continue;
            };
            let label = if image.inherited && process.parent.is_some() {
                [b"(", label(image).as_slice(), b")"].concat()
            } else {
                label(image)
            };
            let label = self.context.normalize(Kind::Word, &label).text;
            let role = self.role(&lineage, parent, label.clone(), process.start_ns);
            stints.push(Stint {
                seq: if index == 0 { 0 } else { image.seq },
                role,
                image: *place,
            });
            self.describe(role, process, image);
            for word in &image.argv {
                let changes = self.context.normalize(Kind::Word, word).changes;
                self.profile.note(changes, word);
            }
            lineage = lineage.child(label);
            parent = Some(role);
        }
        if stints.is_empty() {
            let role = self.role(&lineage, parent, b"?".to_vec(), process.start_ns);
            stints.push(Stint {
                seq: 0,
                role,
                image: 0,
            });
        }
        if let Some(last) = stints.last()
            && let Some(role) = self.profile.roles.get_mut(last.role as usize)
        {
            ended(role, process, &self.context);
        }
        if let Some(place) = self.stints.get_mut(process.id.index()) {
            *place = stints;
        }
    }

    /// The role that the parent had when it made the process.
    fn parent_role(&self, process: &Process) -> Option<u32> {
        let parent = process.parent?;
        let seq = process.images.first().map_or(0, |image| image.seq);
        self.stints
            .get(parent.index())
            .filter(|stints| !stints.is_empty())
            .map(|_| self.role_at(parent, seq))
    }

    fn parent_lineage(&self, process: &Process, _: &World) -> Lineage {
        let mut labels = Vec::new();
        let mut next = self.parent_role(process);
        while let Some(role) = next.and_then(|role| self.profile.roles.get(role as usize)) {
            labels.push(role.label.clone());
            next = role.parent;
        }
        labels.reverse();
        Lineage(labels)
    }

    fn role(&mut self, lineage: &Lineage, parent: Option<u32>, label: Vec<u8>, at_ns: i64) -> u32 {
        let lineage = lineage.child(label.clone());
        if let Some(role) = self.role_ids.get(&lineage) {
            return *role;
        }
        let role = u32::try_from(self.profile.roles.len()).unwrap_or(u32::MAX);
        self.profile.roles.push(Role {
            name: lineage.name(),
            label,
            parent,
            first_ns: at_ns,
            last_ns: at_ns,
            ..Role::default()
        });
        self.role_ids.insert(lineage, role);
        role
    }

    /// Command line, program, folder, environment of an image.
    fn describe(&mut self, role: u32, process: &Process, image: &Image) {
        let context = &self.context;
        let Some(role) = self.profile.roles.get_mut(role as usize) else {
            return;
        };
        role.first_ns = role.first_ns.min(process.start_ns);
        let words = words(context, &image.argv);
        if role.commands.len() < VALUES_MAX || role.commands.contains_key(&words) {
            let command = role.commands.entry(words).or_insert_with(|| Command {
                raw: image.argv.clone(),
                is_cut: image.argv_cut,
                first_ns: image.time_ns,
                first_seq: image.seq,
                ..Command::default()
            });
            command.count += 1;
        }
        if !image.exe.is_empty() && !image.inherited {
            let exe = context.normalize(Kind::Path, &image.exe).text;
            *role.programs.entry(exe).or_default() += 1;
        }
        let cwd = if image.cwd.is_empty() {
            &process.cwd
        } else {
            &image.cwd
        };
        if !cwd.is_empty() && role.folders.len() < VALUES_MAX {
            let folder = context.normalize(Kind::Path, cwd).text;
            role.folders.entry(folder).or_insert_with(|| cwd.clone());
        }
        if image.inherited {
            return;
        }
        for entry in &image.env {
            let Some(at) = entry.iter().position(|byte| *byte == b'=') else {
                continue;
            };
            let (name, value) = (&entry[..at], &entry[at + 1..]);
            if role.environment.len() >= VALUES_MAX && !role.environment.contains_key(name) {
                continue;
            }
            let values = role.environment.entry(name.to_vec()).or_default();
            if values.len() < VALUES_MAX {
                values
                    .entry(context.normalize(Kind::Word, value).text)
                    .or_insert_with(|| value.to_vec());
            }
        }
    }

    /// Causal edges between the roles, each once.
    fn links(&mut self, world: &World) {
        let mut links: Vec<RoleLink> = world
            .links
            .iter()
            .filter(|link| link.kind != LinkKind::Exec)
            .map(|link| {
                let role = |process: ProcessId| {
                    self.stints
                        .get(process.index())
                        .and_then(|stints| stints.last())
                        .map_or(0, |stint| stint.role)
                };
                RoleLink {
                    from: role(link.from),
                    to: role(link.to),
                    kind: link.kind,
                    key: link.resource.and_then(|id| self.key_of(id)),
                }
            })
            .filter(|link| link.from != link.to)
            .collect();
        links.sort_unstable();
        links.dedup();
        self.profile.links = links;
    }
}
