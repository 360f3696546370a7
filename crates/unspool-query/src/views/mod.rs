//! The tables that queries see: readable columns over the files of the runs. A view is a projection of each run's file, without
//! joins (but for `descriptors`, whose rows leave to their session what it says), so that columns that a query does not name are not read.

mod columns;
mod events;
mod fields;
mod files;
mod processes;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::{Result, plan_datafusion_err};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan, LogicalPlanBuilder, Union, lit};

pub(crate) use columns::Columns;

use crate::run::Run;

/// A table.
#[derive(Debug)]
pub(crate) struct View {
    /// Its name.
    pub(crate) name: &'static str,
    /// One sentence.
    pub(crate) doc: &'static str,
    /// File of the run that it shows.
    pub(crate) file: &'static str,
    /// Which rows of the file; `None` for all.
    pub(crate) rows: Option<fn(&Columns) -> Expr>,
    /// A file that is joined to it, and the columns that are equal: ours, its id.
    pub(crate) beside: Option<(&'static str, &'static str, &'static str)>,
    /// Its columns, beside `run`.
    pub(crate) columns: fn() -> Vec<ViewColumn>,
}

/// A column of a view.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ViewColumn {
    /// Its name.
    pub(crate) name: &'static str,
    /// One sentence.
    pub(crate) doc: &'static str,
    /// What it is in the columns of the file.
    pub(crate) of: fn(&Columns) -> Expr,
}

const fn column(name: &'static str, doc: &'static str, of: fn(&Columns) -> Expr) -> ViewColumn {
    ViewColumn { name, doc, of }
}

/// Every view. `runs` is beside them.
#[rustfmt::skip]
pub(crate) static VIEWS: &[View] = &[
    View { name: "events", doc: "What happened, one row a call, signal, exit, ...", file: "events", rows: None, beside: None, columns: events::columns },
    View { name: "processes", doc: "Lives of processes, from fork to exit.", file: "processes", rows: None, beside: None, columns: processes::processes },
    View { name: "execs", doc: "Programs that processes ran: one row an image, also those that a child took over.", file: "images", rows: None, beside: None, columns: processes::execs },
    View { name: "sessions", doc: "Open file descriptions, from open to the last close.", file: "sessions", rows: None, beside: None, columns: files::sessions },
    View { name: "descriptors", doc: "Descriptors: one number in one process, open on a session.", file: "descriptors", rows: None, beside: Some(("sessions", "session", "id")), columns: files::descriptors },
    View { name: "accesses", doc: "Everything that one process did to one resource.", file: "accesses", rows: None, beside: None, columns: files::accesses },
    View { name: "resources", doc: "Files, directories, pipes, sockets, devices.", file: "resources", rows: None, beside: None, columns: files::resources },
    View { name: "links", doc: "What made processes depend on each other: fork, exec, wait, signal, data, connect.", file: "links", rows: None, beside: None, columns: processes::links },
    View { name: "samples", doc: "Resource use of processes and control groups over intervals.", file: "samples", rows: None, beside: None, columns: processes::samples },
    View { name: "logs", doc: "What was written: data of writes (recorded with `--payload`), output and messages in imported logs.", file: "events", rows: Some(events::is_log), beside: None, columns: events::logs },
    View { name: "fields", doc: "Events once more, with the fields of `show -w` as columns: `\"evt.type\"`.", file: "events", rows: None, beside: None, columns: fields::columns },
];

/// Name of the column that says of which run a row is.
pub(crate) const RUN: &str = "run";

impl View {
    /// The table over all runs.
    pub(crate) fn provider(&self, runs: &[Arc<Run>]) -> Result<Arc<dyn TableProvider>> {
        let mut plans = Vec::new();
        for run in runs {
            plans.push(Arc::new(self.of_run(run)?));
        }
        let plan = match plans.as_slice() {
            [only] => only.as_ref().clone(),
            _ => LogicalPlan::Union(Union::try_new_with_loose_types(plans)?),
        };
        Ok(Arc::new(ViewTable::new(plan, None)))
    }

    fn of_run(&self, run: &Arc<Run>) -> Result<LogicalPlan> {
        let columns = Columns::new(run, self.file)?;
        let mut scan = scan_file(run, self.file)?;
        if let Some((other, own, id)) = self.beside {
            let on = columns.raw(own).eq(columns.beside(other).raw(id));
            scan = scan.join_on(scan_file(run, other)?.build()?, JoinType::Left, [on])?;
        }
        if let Some(rows) = self.rows {
            scan = scan.filter(rows(&columns))?;
        }
        let mut exprs = vec![lit(run.spec.run.as_str()).alias(RUN)];
        for column in (self.columns)() {
            exprs.push((column.of)(&columns).alias(column.name));
        }
        scan.project(exprs)?.build()
    }
}

fn scan_file(run: &Run, name: &str) -> Result<LogicalPlanBuilder> {
    let source = provider_as_source(file(run, name)?);
    LogicalPlanBuilder::scan(columns::relation(run, name), source, None)
}

/// A file of a run; empty where the run does not have it.
fn file(run: &Run, name: &str) -> Result<Arc<dyn TableProvider>> {
    let schema = unspool_store::table_schema(name)
        .ok_or_else(|| plan_datafusion_err!("there is no table `{name}`"))?;
    if !run.spec.present.iter().any(|present| present == name) {
        return Ok(Arc::new(MemTable::try_new(schema, vec![vec![]])?));
    }
    let url = ListingTableUrl::parse(format!("{}{name}.parquet", run.spec.tables))?;
    let format = ParquetFormat::default().with_enable_pruning(true);
    let options = ListingOptions::new(Arc::new(format)).with_file_extension(".parquet");
    let config = ListingTableConfig::new(url)
        .with_listing_options(options)
        .with_schema(schema);
    Ok(Arc::new(ListingTable::try_new(config)?))
}

/// The table of runs.
pub(crate) fn runs(runs: &[Arc<Run>]) -> Result<Arc<dyn TableProvider>> {
    use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampNanosecondArray};
    use datafusion::arrow::datatypes::TimeUnit;
    type Told = fn(&Run) -> Option<String>;
    let texts: [(&str, Told); 7] = [
        (RUN, |run| Some(run.spec.run.clone())),
        ("id", |run| Some(run.spec.id.clone())),
        ("name", |run| run.spec.name.clone()),
        ("host", |run| Some(run.spec.host.clone())),
        ("command", |run| Some(run.spec.command.clone())),
        ("state", |run| Some(run.spec.state.clone())),
        ("clock", |run| Some(run.spec.clock.clone())),
    ];
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (name, told) in texts {
        fields.push(Field::new(name, DataType::Utf8, true));
        let texts: StringArray = runs.iter().map(|run| told(run)).collect();
        arrays.push(Arc::new(texts));
    }
    let time = DataType::Timestamp(TimeUnit::Nanosecond, None);
    let start = runs.iter().map(|run| Some(run.spec.start_ns));
    let end = runs.iter().map(|run| run.spec.end_ns);
    fields.push(Field::new("started", time.clone(), true));
    arrays.push(Arc::new(start.collect::<TimestampNanosecondArray>()));
    fields.push(Field::new("ended", time, true));
    arrays.push(Arc::new(end.collect::<TimestampNanosecondArray>()));
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), arrays)?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
}
