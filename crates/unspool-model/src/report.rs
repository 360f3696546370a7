//! The narrow waist of answers: what analyses give and output forms write. Forms know these shapes and no analysis.

use std::ops::ControlFlow;

/// What every row of an answer looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Name of the view.
    pub kind: &'static str,
    /// Columns, in the order of the JSON keys.
    pub columns: &'static [Column],
    /// How a person should see it.
    pub layout: Layout,
}

/// Takes an answer row by row, so that millions of rows need no memory. `Break` means that nobody listens any more
/// (a closed pipe, a full limit): the caller stops early.
pub trait RowSink {
    /// Called once, before the first row.
    fn begin(&mut self, shape: &Shape) -> ControlFlow<()>;
    /// One row: a cell for each column.
    fn row(&mut self, cells: &[Cell]) -> ControlFlow<()>;
    /// Called once, after the last row, also when `row` broke; with what the answer has to say beside its rows.
    fn end(&mut self, notes: &[String]) -> ControlFlow<()>;
}

impl Report {
    /// A report without rows.
    pub fn new(shape: &Shape) -> Self {
        Self {
            kind: shape.kind,
            columns: shape.columns,
            rows: Vec::new(),
            layout: shape.layout,
            notes: Vec::new(),
        }
    }

    /// Its shape.
    pub fn shape(&self) -> Shape {
        Shape {
            kind: self.kind,
            columns: self.columns,
            layout: self.layout,
        }
    }

    /// Hands it to a sink.
    pub fn write(&self, sink: &mut dyn RowSink) -> ControlFlow<()> {
        sink.begin(&self.shape())?;
        let mut flow = ControlFlow::Continue(());
        for row in &self.rows {
            flow = sink.row(row);
            if flow.is_break() {
                break;
            }
        }
        sink.end(&self.notes)?;
        flow
    }
}

impl RowSink for Report {
    fn begin(&mut self, shape: &Shape) -> ControlFlow<()> {
        *self = Self::new(shape);
        ControlFlow::Continue(())
    }

    fn row(&mut self, cells: &[Cell]) -> ControlFlow<()> {
        self.rows.push(cells.to_vec());
        ControlFlow::Continue(())
    }

    fn end(&mut self, notes: &[String]) -> ControlFlow<()> {
        self.notes.extend_from_slice(notes);
        ControlFlow::Continue(())
    }
}

/// An answer: named columns and rows of cells.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// Name of the view: `summary`, `tree`, `files`.
    pub kind: &'static str,
    /// Columns, in the order of the JSON keys.
    pub columns: &'static [Column],
    /// Rows; each has one cell per column.
    pub rows: Vec<Vec<Cell>>,
    /// How a person should see it.
    pub layout: Layout,
    /// Sentences above the table: what was left out, what to look at.
    pub notes: Vec<String>,
}

/// A column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Key in JSON, heading for people; a name that stays.
    pub name: &'static str,
    /// What the numbers mean, and so how people see them.
    pub unit: Unit,
    /// Whether the terminal table shows it (JSON has all).
    pub shown: Shown,
    /// One sentence for the reference page.
    pub doc: &'static str,
}

impl Column {
    /// A column, for tables of them.
    pub const fn new(name: &'static str, unit: Unit, shown: Shown, doc: &'static str) -> Self {
        Self {
            name,
            unit,
            shown,
            doc,
        }
    }
}

/// Whether a table for people has the column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    /// Always.
    Always,
    /// Only with `--wide`.
    Wide,
    /// Never (ids and the like; JSON only).
    Never,
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Text, maybe hostile; bytes that are not UTF-8 are escaped reversibly.
    Text,
    /// Text that its printer has escaped already (arguments as strace prints them): backslashes stay as they are.
    Printed,
    /// Number without unit.
    Number,
    /// How many.
    Count,
    /// Bytes.
    Bytes,
    /// Point in time, integer nanoseconds, see [`crate::event::ClockKind`].
    Time,
    /// The same where a stretch of time begins, which may be before the run: people see the run's start then.
    Begin,
    /// Length of time in nanoseconds.
    Duration,
    /// Part of the largest, in thousandths; a bar for people.
    Share,
    /// Yes or no.
    Flag,
    /// List of any of these.
    List,
}

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    /// Not known, or does not apply.
    Null,
    /// Yes or no.
    Flag(bool),
    /// Whole number.
    Int(i64),
    /// Number with a fraction; what is not finite is written as null.
    Float(f64),
    /// Bytes as they were read; escaped when written.
    Text(Vec<u8>),
    /// Several.
    List(Vec<Self>),
    /// Named values (rows within a cell, as `top_files` of the summary).
    Record(Vec<(&'static str, Self)>),
}

impl Cell {
    /// Text from anything that is bytes.
    pub fn text(bytes: &[u8]) -> Self {
        Self::Text(bytes.to_vec())
    }

    /// Number from anything that fits; the largest i64 where it does not.
    pub fn int(value: impl TryInto<i64>) -> Self {
        Self::Int(value.try_into().unwrap_or(i64::MAX))
    }

    /// Number or null.
    pub fn int_or_null(value: Option<impl TryInto<i64>>) -> Self {
        value.map_or(Self::Null, Self::int)
    }
}

/// How a person should see a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// One line per row.
    Table,
    /// The same; rows are steps of time, in their order, and each number is a line over time as well.
    Series {
        /// Column of the time.
        time: &'static str,
        /// Nanoseconds between two rows.
        step: i64,
    },
    /// Rows are nodes; the named columns hold a node's id and its parent's.
    Tree {
        /// Column of the id.
        id: &'static str,
        /// Column of the parent's id.
        parent: &'static str,
    },
    /// One row, shown as `name: value` lines.
    Record,
}
