//! Answers of the query engine, row by row: Arrow IPC streams of few types.

use std::io::Read;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use arrow_schema::{ArrowError, DataType, TimeUnit};
use unspool_model::report::Cell;

/// An answer that is read.
pub struct Answer<R: Read> {
    reader: StreamReader<R>,
}

impl<R: Read> std::fmt::Debug for Answer<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

/// Why an answer cannot be read, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnswerError(String);

impl std::fmt::Display for AnswerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the engine's answer cannot be read: {}", self.0)
    }
}

impl std::error::Error for AnswerError {}

/// What the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerKind {
    /// Text.
    Text,
    /// Number.
    Number,
    /// Nanoseconds since 1970, as numbers.
    Time,
    /// Yes or no.
    Flag,
    /// List.
    List,
}

impl<R: Read> Answer<R> {
    /// Reads the head of the answer.
    pub fn new(input: R) -> Result<Self, AnswerError> {
        let reader = guarded(|| StreamReader::try_new(input, None))?;
        Ok(Self { reader })
    }

    /// Names and kinds of the columns.
    pub fn columns(&self) -> Vec<(String, AnswerKind)> {
        let fields = self.reader.schema();
        let columns = fields.fields().iter();
        columns
            .map(|field| (field.name().clone(), kind(field.data_type())))
            .collect()
    }

    /// Gives every row until `take` breaks.
    pub fn for_each_row(
        mut self,
        take: &mut dyn FnMut(&[Cell]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, AnswerError> {
        let mut cells = Vec::new();
        while let Some(batch) = guarded(|| self.reader.next().transpose())? {
            for row in 0..batch.num_rows() {
                cells.clear();
                fill(&batch, row, &mut cells);
                if take(&cells).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn kind(data_type: &DataType) -> AnswerKind {
    match data_type {
        DataType::Boolean => AnswerKind::Flag,
        DataType::Int64 | DataType::UInt64 | DataType::Float64 => AnswerKind::Number,
        DataType::Timestamp(..) => AnswerKind::Time,
        DataType::List(_) => AnswerKind::List,
        _ => AnswerKind::Text,
    }
}

fn fill(batch: &RecordBatch, row: usize, cells: &mut Vec<Cell>) {
    cells.extend(
        batch
            .columns()
            .iter()
            .map(|column| cell(column.as_ref(), row)),
    );
}

fn cell(column: &dyn Array, row: usize) -> Cell {
    if column.is_null(row) {
        return Cell::Null;
    }
    match column.data_type() {
        DataType::Boolean => Cell::Flag(column.as_boolean().value(row)),
        DataType::Int64 => Cell::Int(column.as_primitive::<Int64Type>().value(row)),
        DataType::UInt64 => Cell::int(column.as_primitive::<UInt64Type>().value(row)),
        DataType::Float64 => Cell::Float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Cell::Int(column.as_primitive::<TimestampNanosecondType>().value(row))
        }
        DataType::Utf8 => Cell::text(column.as_string::<i32>().value(row).as_bytes()),
        DataType::List(_) => {
            let values = column.as_list::<i32>().value(row);
            let cells = (0..values.len()).map(|at| cell(values.as_ref(), at));
            Cell::List(cells.collect())
        }
        _ => Cell::Null,
    }
}

/// Calls the decoder: what makes it panic is a damaged answer.
fn guarded<T>(call: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, AnswerError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(AnswerError(error.to_string())),
        Err(_) => Err(AnswerError("it makes no sense".to_owned())),
    }
}
