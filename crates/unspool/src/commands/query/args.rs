//! What may be said to `unspool query`.

use std::path::PathBuf;

use clap::Args;

/// Options of `query`.
#[derive(Args, Debug)]
#[command(override_usage = "unspool query [OPTIONS] [RUN]... ['SQL' | :SAVED] [NAME=VALUE]...")]
#[command(
    after_help = "Tables: events processes execs sessions descriptors accesses resources links\nsamples logs runs. RUN may hold `*`; without SQL: a prompt, or SQL from a pipe.\nIn SQL `$NAME` stands for VALUE. Columns, functions, saved queries: docs/query.md"
)]
pub(crate) struct QueryArgs {
    /// Runs, a query, its values
    #[arg(value_name = "RUN]... ['SQL'", hide = true)]
    pub(crate) operands: Vec<String>,
    /// All runs of the store
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Runs of a lake: folder, file://, s3://
    #[arg(long, value_name = "URL")]
    pub(crate) from: Option<String>,
    /// Server of s3:// (or `AWS_ENDPOINT_URL`)
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// table (default), json, jsonl, csv, md, xml, parquet, arrow
    #[arg(short, long, value_name = "FORM")]
    pub(crate) form: Option<String>,
    /// The same as `-f json`
    #[arg(long, conflicts_with = "form")]
    pub(crate) json: bool,
    /// Write here; its ending chooses the form
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Events for which this holds, as `show -w`
    #[arg(short = 'w', long = "where", value_name = "EXPR")]
    pub(crate) filter: Option<String>,
    /// List saved queries; with `:NAME` its SQL
    #[arg(short, long)]
    pub(crate) list: bool,
    /// Memory of a query: 1G (default), k, M, G
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// Time of a query: 5m (default); 0: no limit
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<String>,
    /// All columns, nothing cut
    #[arg(long)]
    pub(crate) wide: bool,
    /// No pager
    #[arg(long, hide = true)]
    pub(crate) no_pager: bool,
}
