//! Gives the steps back from the table of events, only the columns and row groups that are asked for.

use std::ops::ControlFlow;
use std::sync::mpsc::sync_channel;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use parquet::file::statistics::Statistics;
use unspool_model::ids::{Pid, ProcessId, Tid};
use unspool_model::step::{Step, StepArgs, StepKind};
use unspool_model::syscalls::Syscall;

use super::args::{self, Known};
use super::open::{Table, Tables};
use super::rows::{EventReader, EventRow, exit_of, outcome_of, whole_ns};
use super::strings::{EMPTY, Strings};
use super::world::wrong_column;
use super::{ARGS_REST, TableId};
use crate::error::{Result, StoreError};

/// Decoded batches that wait for the fold.
const QUEUE: usize = 2;

/// Nanoseconds beyond a microsecond, at most.
const SUB_NS_MAX: u16 = 999;

/// Which steps, and how much of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StepQuery {
    /// Whether [`Step::args`] is wanted; it is the largest column. Without, it is empty.
    pub with_args: bool,
    /// Steps that start at this time or later.
    pub since_ns: Option<i64>,
    /// Steps that start before this time.
    pub until_ns: Option<i64>,
    /// Steps from this number on.
    pub from_seq: u64,
}

impl StepQuery {
    /// All steps, with arguments.
    pub fn all() -> Self {
        Self {
            with_args: true,
            ..Self::default()
        }
    }

    fn wants(&self, row: &EventRow) -> bool {
        row.seq >= self.from_seq
            && self.since_ns.is_none_or(|since| row.time_ns() >= since)
            && self.until_ns.is_none_or(|until| row.time_ns() < until)
    }

    /// Whether a row group may hold such steps.
    fn may_want(&self, table: &Table, group: usize) -> bool {
        let time = statistics(table, group, "time_us").and_then(|statistics| match statistics {
            Statistics::Int64(values) => Some((
                whole_ns(*values.min_opt()?, 0),
                whole_ns(*values.max_opt()?, SUB_NS_MAX),
            )),
            _ => None,
        });
        let last_seq = statistics(table, group, "seq").and_then(|statistics| match statistics {
            Statistics::Int64(values) => values.max_opt().map(|last| last.cast_unsigned()),
            _ => None,
        });
        let in_time = time.is_none_or(|(first, last)| {
            self.since_ns.is_none_or(|since| last >= since)
                && self.until_ns.is_none_or(|until| first < until)
        });
        in_time && last_seq.is_none_or(|last| last >= self.from_seq)
    }
}

impl Tables {
    /// Calls `fold` for every step in order of `seq`, until it breaks.
    pub fn for_each_step(
        &self,
        query: &StepQuery,
        fold: &mut dyn FnMut(&Step<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let strings = self.strings()?;
        let resources = if query.with_args {
            self.args_names()?
        } else {
            Vec::new()
        };
        let mut names = Names::new(&strings, resources);
        let table = self.table(TableId::Events)?;
        let groups: Vec<usize> = (0..table.metadata.metadata().num_row_groups())
            .filter(|group| query.may_want(&table, *group))
            .collect();
        std::thread::scope(|scope| {
            let (queue, batches) = sync_channel(QUEUE);
            std::thread::Builder::new()
                .name("decode".to_owned())
                .spawn_scoped(scope, || {
                    let queue = queue;
                    for group in groups {
                        let columns = columns(&table, group, query);
                        let decoded = match table.batches(vec![group], Some(&columns)) {
                            Ok(decoded) => decoded,
                            Err(error) => {
                                // Nobody listens any more when this fails.
                                drop(queue.send(Err(error)));
                                return;
                            }
                        };
                        for batch in decoded {
                            if queue.send(batch).is_err() {
                                return;
                            }
                        }
                    }
                })
                .map_err(|source| StoreError::io("start a thread for", &table.path, source))?;
            for batch in batches {
                if fold_batch(&table, &batch?, query, &mut names, fold)?.is_break() {
                    break;
                }
            }
            Ok(())
        })
    }
}

/// Gives the steps of a batch to the fold.
fn fold_batch(
    table: &Table,
    batch: &RecordBatch,
    query: &StepQuery,
    names: &mut Names<'_>,
    fold: &mut dyn FnMut(&Step<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    let rows = EventReader::new(batch).map_err(|name| wrong_column(table, name))?;
    let rest = match batch.column_by_name(ARGS_REST) {
        Some(column) => Some(
            column
                .as_binary_opt::<i32>()
                .ok_or_else(|| wrong_column(table, ARGS_REST))?,
        ),
        None => None,
    };
    let damaged = |seq| StoreError::damaged(&table.path, format!("event {seq} makes no sense"));
    let mut text = Vec::new();
    for at in 0..batch.num_rows() {
        let row = rows.row(at);
        if !query.wants(&row) {
            continue;
        }
        text.clear();
        if let Some(rest) = rest {
            names
                .print_args(&row, rest.value(at), &mut text)
                .ok_or_else(|| damaged(row.seq))?;
        }
        let syscall = names.syscall(&row);
        let step = names
            .strings
            .get(row.name)
            .and_then(|name| step_of(&row, name, syscall, &text))
            .ok_or_else(|| damaged(row.seq))?;
        if fold(&step).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

#[inline]
fn step_of<'a>(
    row: &EventRow,
    name: &'a [u8],
    syscall: Option<Syscall>,
    args: &'a [u8],
) -> Option<Step<'a>> {
    Some(Step {
        seq: row.seq,
        time_ns: row.time_ns(),
        duration_ns: row.duration_us.map(|us| whole_ns(us, row.duration_sub_ns)),
        process: ProcessId(row.process),
        pid: Pid(row.pid),
        tid: Tid(row.tid.unwrap_or(row.pid)),
        kind: StepKind::from_number(row.kind)?,
        name,
        syscall,
        args: StepArgs::Text(args),
        outcome: outcome_of(row),
        exit: exit_of(row.exit, row.exit_value),
        touch: row.touch(),
        second: row.second(),
    })
}

/// What ids in events stand for.
struct Names<'a> {
    strings: &'a Strings,
    /// By id of the string.
    calls: Vec<Lookup>,
    /// By resource, the id of the name that stands for it in arguments.
    resources: Vec<u32>,
}

/// What the syscall table says about a string.
#[derive(Clone, Copy)]
enum Lookup {
    /// Not asked yet.
    Open,
    Done(Option<Syscall>),
}

impl<'a> Names<'a> {
    fn new(strings: &'a Strings, resources: Vec<u32>) -> Self {
        Self {
            strings,
            calls: vec![Lookup::Open; strings.len()],
            resources,
        }
    }

    /// The call of a row.
    #[inline]
    fn syscall(&mut self, row: &EventRow) -> Option<Syscall> {
        match row.syscall {
            None => self.call_named(row.name),
            Some(EMPTY) => None,
            Some(id) => self.call_named(id),
        }
    }

    #[inline]
    fn call_named(&mut self, id: u32) -> Option<Syscall> {
        let slot = self.calls.get_mut(id as usize)?;
        if let Lookup::Done(call) = slot {
            return *call;
        }
        let call = self.strings.get(id).and_then(Syscall::by_name);
        *slot = Lookup::Done(call);
        call
    }

    /// Appends the arguments of a row; `None` for columns that make no sense.
    fn print_args(&self, row: &EventRow, rest: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let form = self.strings.get(row.args_form)?;
        let known = Known {
            name: self.resource(row.resource),
            second_name: self.resource(row.second_resource),
            fd: row.fd,
            bytes: row.bytes,
        };
        let numbers = [row.args_first, row.args_second];
        let string = |id| self.strings.get(id);
        args::put_together(form, numbers, rest, known, &string, out)
    }

    fn resource(&self, id: Option<u32>) -> &[u8] {
        id.and_then(|id| self.resources.get(id as usize))
            .and_then(|name| self.strings.get(*name))
            .unwrap_or_default()
    }
}

/// Places of the columns that have values in this row group.
fn columns(table: &Table, group: usize, query: &StepQuery) -> Vec<usize> {
    let metadata = table.metadata.metadata();
    let rows = metadata
        .row_groups()
        .get(group)
        .map_or(0, |group| group.num_rows().cast_unsigned());
    let fields = table.metadata.schema().fields();
    fields
        .iter()
        .enumerate()
        .filter(|(_, field)| {
            if field.name().starts_with("args_") && !query.with_args {
                return false;
            }
            let nulls = statistics(table, group, field.name()).and_then(Statistics::null_count_opt);
            nulls != Some(rows)
        })
        .map(|(place, _)| place)
        .collect()
}

fn statistics<'t>(table: &'t Table, group: usize, name: &str) -> Option<&'t Statistics> {
    let place = table
        .metadata
        .schema()
        .fields()
        .iter()
        .position(|field| field.name() == name)?;
    table
        .metadata
        .metadata()
        .row_groups()
        .get(group)?
        .columns()
        .get(place)?
        .statistics()
}
