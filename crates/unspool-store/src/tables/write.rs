//! Takes steps and objects from the tracker and writes the tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use unspool_model::event::ClockKind;
use unspool_model::ids::ResourceId;
use unspool_model::step::{Action, Step, StepArgs, StepSink};
use unspool_model::syscalls::Syscall;
use unspool_model::totals::TotalsFold;
use unspool_model::world::{Access, Descriptor, Link, Process, Resource, Session, World};

use super::args::{Filled, Forms, Known};
use super::rows::{
    AccessBuilder, AccessRow, DescriptorBuilder, DescriptorRow, EventBuilder, EventRow,
    ImageBuilder, ImageRow, LinkBuilder, LinkRow, ProcessBuilder, ProcessRow, ResourceBuilder,
    ResourceRow, SessionBuilder, SessionRow, StringBuilder, StringRow,
};
use super::samples::{SampleBuilder, SampleRow};
use super::strings::{EMPTY, Interner};
use super::totals::{FailureBuilder, FailureRow, TotalBuilder, TotalRow};
use super::worker::Worker;
use super::{TableId, table_path};
use crate::error::{Result, StoreError};
use crate::files;
use crate::manifest::TableInfo;

/// Rows that are collected before they go to the writing thread.
const BATCH_ROWS: usize = 8 << 10;

/// Bytes of arguments or strings that end a batch early.
const BATCH_BYTES: usize = 4 << 20;

/// What was written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TableSummary {
    /// The files by table name.
    pub files: BTreeMap<String, TableInfo>,
    /// Events.
    pub events: u64,
    /// What the times mean, as the tracker's world said at the last event.
    pub clock: ClockKind,
    /// When the first process began and the last one ended, of those that were seen to end.
    pub lives: Option<(i64, i64)>,
}

impl TableSummary {
    /// Reads the files back and compares their checksums.
    pub fn verify(&self, run: &Path) -> Result<()> {
        for (name, info) in &self.files {
            let path = table_path(run, name);
            if files::checksum(&path)? != (info.crc32c, info.bytes) {
                return Err(StoreError::damaged(&path, "it is not what was written"));
            }
        }
        Ok(())
    }
}

/// Writes the tables of a run. The same steps and objects in the same order give the same bytes.
///
/// A step cannot fail; the first error comes out of [`TableWriter::finish`], and [`TableWriter::has_failed`] tells
/// before that nothing more is written.
#[derive(Debug)]
pub struct TableWriter {
    worker: Worker,
    failed: bool,
    strings: Interner,
    calls: CallNames,
    forms: Forms,
    /// By resource, the name that stands for it in arguments: an id among the strings, [`EMPTY`] where none does yet.
    args_names: Vec<u32>,
    args_rest: BinaryBuilder,
    scratch: Vec<u8>,
    events: EventBuilder,
    processes: ProcessBuilder,
    images: ImageBuilder,
    sessions: SessionBuilder,
    descriptors: DescriptorBuilder,
    /// The descriptor that came last: that its session comes next tells that it was the last one open on it.
    last_descriptor: Option<Descriptor>,
    accesses: AccessBuilder,
    resources: ResourceBuilder,
    links: LinkBuilder,
    samples: SampleBuilder,
    totals: TotalsFold,
    event_count: u64,
    clock: ClockKind,
    lives: Option<(i64, i64)>,
    /// Dropped after the worker, which holds the files.
    temporaries: Temporaries,
}

/// Removes the files `NAME.parquet.tmp` that are left when writing fails or is given up: on a full disk their space
/// is needed.
#[derive(Debug)]
struct Temporaries {
    run: PathBuf,
}

impl Drop for Temporaries {
    fn drop(&mut self) {
        for id in TableId::ALL {
            let path = files::temporary(&table_path(&self.run, id.name()));
            // Nothing depends on it: the next writer replaces a file that stays.
            drop(files::remove_if_there(&path));
        }
    }
}

/// Sends what a builder holds.
macro_rules! send {
    ($self:ident, $builder:ident, $id:expr) => {
        if $self.$builder.len() > 0 {
            let columns = $self.$builder.take_columns();
            $self.send($id, columns);
        }
    };
}

/// Adds a row and sends the batch when it is full.
macro_rules! add {
    ($self:ident, $builder:ident, $id:expr, $row:expr) => {{
        let row = $row;
        $self.$builder.append(row);
        if $self.$builder.len() >= BATCH_ROWS {
            send!($self, $builder, $id);
        }
    }};
}

impl TableWriter {
    /// Begins the tables of the run in folder `run`; nothing is visible under its name until
    /// [`TableWriter::finish`].
    pub fn create(run: &Path) -> Result<Self> {
        let folder = run.join("tables");
        match files::make_private_folder(&folder) {
            // Tables of a run that are made again replace those that are there.
            Ok(()) | Err(StoreError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(Self {
            worker: Worker::start(run)?,
            failed: false,
            strings: Interner::new(),
            calls: CallNames::default(),
            forms: Forms::default(),
            args_names: Vec::new(),
            args_rest: BinaryBuilder::new(),
            scratch: Vec::new(),
            events: EventBuilder::default(),
            processes: ProcessBuilder::default(),
            images: ImageBuilder::default(),
            sessions: SessionBuilder::default(),
            descriptors: DescriptorBuilder::default(),
            last_descriptor: None,
            accesses: AccessBuilder::default(),
            resources: ResourceBuilder::default(),
            links: LinkBuilder::default(),
            samples: SampleBuilder::default(),
            totals: TotalsFold::default(),
            event_count: 0,
            clock: ClockKind::default(),
            lives: None,
            temporaries: Temporaries {
                run: run.to_path_buf(),
            },
        })
    }

    /// Whether writing has failed; [`TableWriter::finish`] says why.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Distinct strings so far.
    pub fn strings(&self) -> usize {
        self.strings.len()
    }

    /// Writes what is left, makes it durable and visible, and says what it is.
    pub fn finish(mut self) -> Result<TableSummary> {
        self.add_last_descriptor(None);
        self.send_events();
        send!(self, processes, TableId::Processes);
        send!(self, images, TableId::Images);
        send!(self, sessions, TableId::Sessions);
        send!(self, descriptors, TableId::Descriptors);
        send!(self, accesses, TableId::Accesses);
        send!(self, resources, TableId::Resources);
        send!(self, links, TableId::Links);
        send!(self, samples, TableId::Samples);
        self.send_totals();
        self.send_strings();
        let infos = self.worker.finish()?;
        let mut summary = TableSummary {
            files: BTreeMap::new(),
            events: self.event_count,
            clock: self.clock,
            lives: self.lives,
        };
        for (id, info) in TableId::ALL.into_iter().zip(infos) {
            let path = table_path(&self.temporaries.run, id.name());
            files::rename(&files::temporary(&path), &path)?;
            summary.files.insert(id.name().to_owned(), info);
        }
        files::sync_folder(&self.temporaries.run.join("tables"))?;
        Ok(summary)
    }

    /// Takes the arguments of a step apart.
    fn take_apart(&mut self, step: &Step<'_>, world: &World) -> Filled {
        let text = match step.args {
            StepArgs::Text(text) => text,
            StepArgs::Call(..) => {
                self.scratch.clear();
                step.args.print(&mut self.scratch);
                self.scratch.as_slice()
            }
        };
        let resources = [step.touch, step.second].map(|touch| touch.and_then(|it| it.resource));
        let names = resources.map(|id| id.map_or(&[][..], |id| self.args_name(id, world)));
        let [name, second_name] = names;
        let known = Known {
            name,
            second_name,
            fd: step.touch.and_then(|touch| touch.fd).map(|fd| fd.0),
            // What is written is what the program asked for, what is read is hardly ever.
            bytes: step
                .touch
                .filter(|touch| matches!(touch.action, Action::Write | Action::Send))
                .and_then(|touch| touch.bytes),
        };
        let filled = self.forms.take_apart(text, known, &mut self.strings);
        for ((id, name), used) in resources.into_iter().zip(names).zip(filled.uses_names) {
            if let Some(id) = id.filter(|_| used) {
                self.keep_args_name(id, name);
            }
        }
        filled
    }

    /// The name that may stand for a resource in arguments: one that has another name since it was first used has none.
    fn args_name<'w>(&self, id: ResourceId, world: &'w World) -> &'w [u8] {
        let name = world
            .resource(id)
            .map_or(&[][..], |resource| resource.name.as_slice());
        match self.args_names.get(id.index()) {
            Some(&used) if used != EMPTY && self.strings.get(used) != name => &[],
            _ => name,
        }
    }

    fn keep_args_name(&mut self, id: ResourceId, name: &[u8]) {
        if self.args_names.len() <= id.index() {
            self.args_names.resize(id.index() + 1, EMPTY);
        }
        if let Some(slot) = self.args_names.get_mut(id.index())
            && *slot == EMPTY
        {
            *slot = self.strings.intern(name);
        }
    }

    /// Writes the descriptor that came last. `next` is the session that came after it.
    fn add_last_descriptor(&mut self, next: Option<&Session>) {
        if let Some(descriptor) = self.last_descriptor.take() {
            let session = next.filter(|session| session.id == descriptor.session);
            add!(
                self,
                descriptors,
                TableId::Descriptors,
                DescriptorRow::new(&descriptor, session)
            );
        }
    }

    fn send(&mut self, id: TableId, columns: Vec<ArrayRef>) {
        if self.failed {
            return;
        }
        let batch = RecordBatch::try_new(id.schema(), columns)
            .expect("builders and schema come from one declaration");
        self.failed = !self.worker.send(id, batch);
    }

    fn send_events(&mut self) {
        if self.events.len() == 0 {
            return;
        }
        let mut columns = self.events.take_columns();
        columns.push(Arc::new(self.args_rest.finish()));
        self.send(TableId::Events, columns);
    }

    fn send_totals(&mut self) {
        let totals = std::mem::take(&mut self.totals).totals();
        let mut rows = TotalBuilder::default();
        for total in &totals.names {
            rows.append(TotalRow::new(total, &mut self.strings));
        }
        let mut failures = FailureBuilder::default();
        for failure in &totals.failures {
            failures.append(FailureRow::new(failure, &mut self.strings));
        }
        // Bounded: names of calls, and [`unspool_model::totals::FAILURES_MAX`].
        if rows.len() > 0 {
            self.send(TableId::Totals, rows.take_columns());
        }
        if failures.len() > 0 {
            self.send(TableId::Failures, failures.take_columns());
        }
    }

    fn send_strings(&mut self) {
        let strings = std::mem::replace(&mut self.strings, Interner::new());
        let mut ids = StringBuilder::default();
        let mut values = BinaryBuilder::new();
        for (id, value) in (0u32..).zip(strings.iter()) {
            ids.append(StringRow { id });
            values.append_value(value);
            if ids.len() >= BATCH_ROWS || values.values_slice().len() >= BATCH_BYTES {
                self.send_string_batch(&mut ids, &mut values);
            }
        }
        self.send_string_batch(&mut ids, &mut values);
    }

    fn send_string_batch(&mut self, ids: &mut StringBuilder, values: &mut BinaryBuilder) {
        if ids.len() > 0 {
            let mut columns = ids.take_columns();
            columns.push(Arc::new(values.finish()));
            self.send(TableId::Strings, columns);
        }
    }
}

/// Looks each name up in the table of calls once.
#[derive(Debug, Default)]
struct CallNames {
    /// By id of the name: whether the table has it; `None` where it was not asked for.
    known: Vec<Option<bool>>,
}

impl CallNames {
    /// The cells `name` and `syscall` of a step.
    #[inline]
    fn cells(&mut self, step: &Step<'_>, strings: &mut Interner) -> (u32, Option<u32>) {
        let name = strings.intern_frequent(step.name);
        let syscall = match step.syscall {
            Some(call) if call.name().as_bytes() == step.name => None,
            Some(call) => Some(strings.intern_frequent(call.name().as_bytes())),
            None => self.knows(name, step.name).then_some(EMPTY),
        };
        (name, syscall)
    }

    fn knows(&mut self, id: u32, name: &[u8]) -> bool {
        let id = id as usize;
        if self.known.len() <= id {
            self.known.resize(id + 1, None);
        }
        match self.known.get_mut(id) {
            Some(slot) => *slot.get_or_insert_with(|| Syscall::by_name(name).is_some()),
            None => false,
        }
    }
}

impl StepSink for TableWriter {
    fn step(&mut self, step: &Step<'_>, world: &World) {
        self.clock = world.clock;
        self.event_count += 1;
        self.totals.add(step);
        let (name, syscall) = self.calls.cells(step, &mut self.strings);
        let args = self.take_apart(step, world);
        self.events.append(EventRow::new(step, name, syscall, args));
        self.args_rest.append_value(&self.forms.rest);
        if self.events.len() >= BATCH_ROWS || self.args_rest.values_slice().len() >= BATCH_BYTES {
            self.send_events();
        }
    }

    fn process(&mut self, process: &Process) {
        if let Some(end) = process.end_ns {
            let (first, last) = self.lives.unwrap_or((process.start_ns, end));
            self.lives = Some((first.min(process.start_ns), last.max(end)));
        }
        for image in &process.images {
            add!(
                self,
                images,
                TableId::Images,
                ImageRow::new(process.id, image, &mut self.strings)
            );
        }
        add!(
            self,
            processes,
            TableId::Processes,
            ProcessRow::new(process, &mut self.strings)
        );
    }

    fn session(&mut self, session: &Session) {
        self.add_last_descriptor(Some(session));
        add!(self, sessions, TableId::Sessions, SessionRow::new(session));
    }

    fn descriptor(&mut self, descriptor: &Descriptor) {
        self.add_last_descriptor(None);
        self.last_descriptor = Some(descriptor.clone());
    }

    fn access(&mut self, access: &Access) {
        add!(self, accesses, TableId::Accesses, AccessRow::new(access));
    }

    fn link(&mut self, link: &Link) {
        add!(self, links, TableId::Links, LinkRow::new(link));
    }

    fn sample(&mut self, sample: &unspool_model::sample::Sample) {
        add!(
            self,
            samples,
            TableId::Samples,
            SampleRow::new(sample, &mut self.strings)
        );
    }

    fn resource(&mut self, resource: &Resource) {
        let args_name = self.args_names.get(resource.id.index()).copied();
        let args_name = args_name.filter(|name| *name != EMPTY);
        add!(
            self,
            resources,
            TableId::Resources,
            ResourceRow::new(resource, args_name, &mut self.strings)
        );
    }
}
