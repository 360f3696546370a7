//! Control groups and use of resources: what the recorder tells the sampler, and where its records go.

use std::collections::HashMap;
use std::time::Duration;

use unspool_decode::native::format::{INDEX_NONE, tag};

use super::{CLOCK, Phase, Tracer};
use crate::containers::{Membership, Names, Numbers};
use crate::native::writer::push_item;
use crate::options::RecordError;
use crate::samples::{End, Reading, Sampler, ThreadUse};
use crate::sys::Tid;
use crate::sys::ptrace::{self, Accounts, Used};

/// The control groups of processes, and the sampler of their use.
pub(crate) struct Use {
    /// By thread group, as told; `None`: told that it is not known.
    groups: HashMap<Tid, Option<Membership>>,
    names: Names,
    /// Where the kernel tells groups by number, and they are seen from here.
    numbers: Option<Numbers>,
    sampler: Option<Sampler>,
    records: Vec<u8>,
}

/// Whether a control group is told that was told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Again,
    WhenNew,
}

impl Use {
    pub(crate) fn start(sample: Option<Duration>) -> Result<Self, RecordError> {
        let sampler = sample
            .map(|interval| Sampler::start(interval, CLOCK))
            .transpose()
            .map_err(|source| RecordError::Failed {
                action: "start a thread",
                source,
            })?;
        Ok(Self {
            groups: HashMap::new(),
            names: Names::default(),
            numbers: None,
            sampler,
            records: Vec::new(),
        })
    }

    /// The same where control groups are told by number.
    pub(crate) fn start_with_numbers(sample: Option<Duration>) -> Result<Self, RecordError> {
        let mut started = Self::start(sample)?;
        started.numbers = Numbers::read();
        Ok(started)
    }

    pub(crate) fn is_sampled(&self) -> bool {
        self.sampler.is_some()
    }

    /// A process that has run before is recorded from now on.
    pub(crate) fn attached(&mut self, tgid: Tid) {
        if let Some(sampler) = &mut self.sampler {
            sampler.attached(tgid);
        }
    }

    /// What a process used before now is not told.
    pub(crate) fn used_before(&mut self, tgid: Tid, cpu_ns: u64, usage: ThreadUse) {
        if let Some(sampler) = &mut self.sampler {
            sampler.used_before(tgid, cpu_ns, usage);
        }
    }

    /// A thread or process begins.
    pub(crate) fn began(&mut self, tid: Tid, tgid: Tid, parent: Tid, now: i64) {
        if tid == tgid
            && let Some(group) = self.groups.get(&parent).cloned()
        {
            self.groups.insert(tgid, group);
        }
        if let Some(sampler) = &mut self.sampler {
            if tid == tgid {
                sampler.began(tgid, parent, now);
            } else {
                sampler.thread_began(tgid);
            }
        }
    }

    pub(crate) fn executes(&mut self, tgid: Tid, former: Tid) {
        if let Some(sampler) = &mut self.sampler {
            sampler.executes(tgid, former);
        }
    }

    /// Appends the control group of a process to items.
    pub(crate) fn push_group(&mut self, tgid: Tid, told: Told, items: &mut Vec<u8>) {
        if let Some(group) = Membership::of(tgid) {
            self.push_membership(tgid, group, told, items);
        }
    }

    /// The same of one whose control group is known.
    pub(crate) fn push_membership(
        &mut self,
        tgid: Tid,
        group: Membership,
        told: Told,
        items: &mut Vec<u8>,
    ) {
        match (told, &mut self.numbers) {
            (Told::WhenNew, _) if matches!(self.groups.get(&tgid), Some(Some(known)) if *known == group) =>
            {
                return;
            }
            (Told::Again, Some(numbers)) => numbers.learn(&group),
            _ => {}
        }
        push_item(items, tag::GROUP, INDEX_NONE, group.path());
        if let Some(name) = self.names.of(group.path()) {
            push_item(items, tag::CONTAINER, INDEX_NONE, &name);
        }
        if let Some(sampler) = &mut self.sampler {
            sampler.is_in(tgid, Some(&group));
        }
        self.groups.insert(tgid, Some(group));
    }

    /// Appends the control group of a process whose image began in the one of version 2 with this number. Where the process is
    /// gone by now or was moved since, /proc does not tell it.
    pub(crate) fn push_group_of_number(&mut self, tgid: Tid, number: u64, items: &mut Vec<u8>) {
        let Some(numbers) = &mut self.numbers else {
            return self.push_group(tgid, Told::WhenNew, items);
        };
        let present = Membership::of(tgid);
        let group = match (self.groups.get(&tgid), present) {
            (None, None) => return,
            (told, present) => {
                let told = told.cloned().flatten();
                numbers.membership(number, present, told)
            }
        };
        if let Some(group) = group {
            self.push_membership(tgid, group, Told::WhenNew, items);
        } else if self.groups.insert(tgid, None) != Some(None) {
            push_item(items, tag::GROUP, INDEX_NONE, b"");
            if let Some(sampler) = &mut self.sampler {
                sampler.is_in(tgid, None);
            }
        }
    }

    /// The samples that are ready.
    pub(crate) fn ready_samples(&mut self) -> &[u8] {
        self.records.clear();
        if let Some(sampler) = &mut self.sampler {
            sampler.take_records(&mut self.records);
        }
        &self.records
    }

    /// A last sample of what still lives.
    pub(crate) fn last_samples(&mut self) -> &[u8] {
        self.records.clear();
        if let Some(sampler) = &mut self.sampler {
            sampler.finish(&mut self.records);
        }
        &self.records
    }

    /// A thread has ended, having used this; with the last one the process, having used that.
    pub(crate) fn left(&mut self, tid: Tid, tgid: Tid, usage: ThreadUse, process: Option<Reading>) {
        if process.is_some() {
            self.groups.remove(&tgid);
        }
        if let Some(sampler) = &mut self.sampler {
            sampler.left(tgid, tid, usage, process);
        }
    }

    /// A thread has ended.
    pub(crate) fn ended(&mut self, tid: Tid, tgid: Tid) {
        self.ended_after_use(tid, tgid, None);
    }

    /// Whether what was used is to be asked for: while a process is on its way from its last stop to its end.
    pub(super) fn accounts(&self) -> Accounts {
        if self.sampler.as_ref().is_some_and(Sampler::awaits_end) {
            Accounts::Asked
        } else {
            Accounts::Left
        }
    }

    /// A thread has ended, and its wait status came with what its process used.
    pub(super) fn ended_after_use(&mut self, tid: Tid, tgid: Tid, used: Option<Used>) {
        if tid == tgid {
            self.groups.remove(&tgid);
        }
        if let Some(sampler) = &mut self.sampler {
            if tid == tgid {
                sampler.ended(tgid, used);
            } else {
                sampler.thread_ended(tgid, tid);
            }
        }
    }
}

impl Tracer<'_> {
    /// Appends the control group of a process to the record that is being built.
    pub(super) fn push_group(&mut self, tgid: Tid, told: Told) {
        let Self { usage, writer, .. } = self;
        usage.push_group(tgid, told, writer.items());
    }

    /// A thread is stopped at its end.
    pub(super) fn on_end(&mut self, tid: Tid) {
        let Some(tgid) = self.tracees.get(&tid).map(|tracee| tracee.tgid) else {
            return;
        };
        self.look_at_children(tid, tgid);
        let told = match self.phase {
            Phase::Recording => End::Later,
            // It is let go here.
            Phase::Detaching(_) => End::Now,
        };
        if let Some(sampler) = &mut self.usage.sampler {
            sampler.ends(tgid, tid, told);
        }
        self.take_samples();
    }

    /// A thread entered the call that ends it or its process: a process of one thread is read here, and need not stop once more.
    pub(super) fn on_last_call(&mut self, tid: Tid) {
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        if self.phase == Phase::Recording
            && let Some(sampler) = &mut self.usage.sampler
            && sampler.ends_by_itself(tracee.tgid, tid)
        {
            tracee.ends_unseen = true;
            let options = self.trace_options() & !libc::PTRACE_O_TRACEEXIT;
            // It may have been killed, and says so when it is waited for.
            let _gone = ptrace::set_options(tid, options);
        }
    }

    /// The call that should have ended a process returned: a filter of its own did not let it through.
    pub(super) fn on_return_from_last_call(&mut self, tid: Tid) {
        let Some(tracee) = self.tracees.get_mut(&tid) else {
            return;
        };
        if std::mem::take(&mut tracee.ends_unseen)
            && let Some(sampler) = &mut self.usage.sampler
        {
            sampler.lives_on(tracee.tgid);
            let _gone = ptrace::set_options(tid, self.trace_options());
        }
    }

    /// Writes the samples that are ready.
    pub(super) fn take_samples(&mut self) {
        let Self { usage, writer, .. } = self;
        writer.records(usage.ready_samples());
    }

    /// Writes a last sample of what still lives.
    pub(super) fn take_last_samples(&mut self) {
        let Self { usage, writer, .. } = self;
        writer.records(usage.last_samples());
    }
}
