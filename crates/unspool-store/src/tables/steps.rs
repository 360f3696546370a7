//! Gives the steps back from the table of events, only the columns and row groups that are asked for.

use std::ops::ControlFlow;
use std::sync::mpsc::sync_channel;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use parquet::file::statistics::Statistics;
use unspool_model::ids::{Pid, ProcessId, Tid};
use unspool_model::step::{Step, StepArgs, StepKind};
use unspool_model::syscalls::Syscall;

use super::open::{Table, Tables};
use super::rows::{EventReader, EventRow, exit_of, outcome_of};
use super::strings::Strings;
use super::world::wrong_column;
use super::{ARGS, TableId};
use crate::error::{Result, StoreError};

/// Decoded batches that wait for the fold.
const QUEUE: usize = 2;

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
            && self.since_ns.is_none_or(|since| row.time_ns >= since)
            && self.until_ns.is_none_or(|until| row.time_ns < until)
    }

    /// Whether a row group may hold such steps.
    fn may_want(&self, table: &Table, group: usize) -> bool {
        let time = statistics(table, group, "time_ns").and_then(|statistics| match statistics {
            Statistics::Int64(values) => Some((*values.min_opt()?, *values.max_opt()?)),
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
        let mut names = Names::new(&strings);
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
    let args = match batch.column_by_name(ARGS) {
        Some(column) => Some(
            column
                .as_binary_opt::<i32>()
                .ok_or_else(|| wrong_column(table, ARGS))?,
        ),
        None => None,
    };
    for at in 0..batch.num_rows() {
        let row = rows.row(at);
        if !query.wants(&row) {
            continue;
        }
        let strings = names.strings;
        let step = strings
            .get(row.name)
            .and_then(|name| {
                let args = args.map_or(&[][..], |args| args.value(at));
                step_of(
                    &row,
                    name,
                    row.syscall.and_then(|id| names.syscall(id)),
                    args,
                )
            })
            .ok_or_else(|| {
                StoreError::damaged(&table.path, format!("event {} makes no sense", row.seq))
            })?;
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
        time_ns: row.time_ns,
        duration_ns: row.duration_ns,
        process: ProcessId(row.process),
        pid: Pid(row.pid),
        tid: Tid(row.tid),
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

/// Looks each call's name up once.
struct Names<'a> {
    strings: &'a Strings,
    /// By id of the string.
    calls: Vec<Lookup>,
}

/// What the syscall table says about a string.
#[derive(Clone, Copy)]
enum Lookup {
    /// Not asked yet.
    Open,
    Done(Option<Syscall>),
}

impl<'a> Names<'a> {
    fn new(strings: &'a Strings) -> Self {
        Self {
            strings,
            calls: vec![Lookup::Open; strings.len()],
        }
    }

    #[inline]
    fn syscall(&mut self, id: u32) -> Option<Syscall> {
        let slot = self.calls.get_mut(id as usize)?;
        if let Lookup::Done(call) = slot {
            return *call;
        }
        let call = self.strings.get(id).and_then(Syscall::by_name);
        *slot = Lookup::Done(call);
        call
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
            if field.name() == ARGS {
                return query.with_args;
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
