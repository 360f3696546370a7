//! What `unspool diff` may be told.

use clap::Args;

/// Options of `diff`.
#[derive(Args, Debug)]
#[command(override_usage = "unspool diff [OPTIONS] [BASELINE]... [RUN]")]
#[command(
    after_help = "The last RUN is compared with those before it; with several, what differs\namong them is noise. No RUN: the last two of the same command. Exit status: 0;\n1 with --exit-code when they differ."
)]
pub(crate) struct DiffArgs {
    /// Runs; the last one is asked about
    #[arg(value_name = "RUN", hide = true)]
    pub(crate) runs: Vec<String>,
    /// A run to compare with; may be repeated
    #[arg(long, value_name = "RUN")]
    pub(crate) baseline: Vec<String>,
    /// At most N findings [default: 10; JSON: 100]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Also findings that hardly matter
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Processes side by side
    #[arg(long)]
    pub(crate) tree: bool,
    /// Files that differ, side by side
    #[arg(long)]
    pub(crate) files: bool,
    /// Connections that differ, side by side
    #[arg(long)]
    pub(crate) net: bool,
    /// Events around the first divergence
    #[arg(long)]
    pub(crate) events: bool,
    /// Where the time went, side by side
    #[arg(long)]
    pub(crate) time: bool,
    /// What was taken for the same name, and why
    #[arg(long)]
    pub(crate) explain_names: bool,
    /// JSON for programs; its schema is in docs/schema
    #[arg(long)]
    pub(crate) json: bool,
    /// text, json, jsonl, csv, markdown, html
    #[arg(short, long, value_name = "FORM", conflicts_with = "json")]
    pub(crate) form: Option<String>,
    /// Exit with 1 when the runs differ
    #[arg(long)]
    pub(crate) exit_code: bool,
}
