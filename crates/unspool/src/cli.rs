//! The command line, as data: what may be said, and the help that says so.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::generate::args::{GenArgs, RunWithArgs};

/// Version and home of the program, shown by `--version`.
const ABOUT: &str = "unspool - a flight recorder for batch jobs and services";

const OVERVIEW: &str = "\
unspool - a flight recorder for batch jobs and services

  unspool record -- ./nightly.sh   record a command and everything it starts
  unspool show                     what did the last run do?
  unspool import trace.log         read a strace or ltrace log

RECORD   record   run a command, or attach with -p, and record it
         import   read strace and ltrace logs of any version
LOOK     show     summary, tree, files, net, fds, events, time,
                  state, flow, phases, sql, http
         diff     why was this run different?
         query    SQL over runs
USE      export   write a view as csv, json, xml, md, html
         dockit   record and summarise with dockit's options and files
         gen      dockerfile makefile script seccomp apparmor landlock systemd
         run-with run a command under a seccomp or Landlock policy
MANAGE   runs     list, rm, name, tag, prune, scrub, recover runs
         secrets  what was redacted in a run, what was not
         doctor   check this machine: recorders, permissions, tools

A RUN is `@` (the latest), `@1` (the one before), a name, a unique beginning of
an id, or a path. Options of each: unspool COMMAND -h";

const COMMAND_TEMPLATE: &str =
    "{about-with-newline}\n{usage-heading} {usage}\n\n{options}{after-help}";

/// The whole command line.
#[derive(Parser, Debug)]
#[command(name = "unspool", version, about = ABOUT, override_help = OVERVIEW, disable_help_subcommand = true, max_term_width = 80)]
pub(crate) struct Cli {
    /// Folder of the runs [default: `$XDG_STATE_HOME/unspool/runs`].
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "UNSPOOL_STORE",
        hide = true
    )]
    pub(crate) store: Option<PathBuf>,
    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value = "auto", hide = true)]
    pub(crate) color: When,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When to do something that only a terminal wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum When {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run a command and record everything that it and its children do.
    #[command(help_template = COMMAND_TEMPLATE)]
    Record(RecordArgs),
    /// Read strace and ltrace logs, whatever their options, into a run.
    #[command(help_template = COMMAND_TEMPLATE)]
    Import(ImportArgs),
    /// Show what a run did.
    #[command(help_template = COMMAND_TEMPLATE)]
    Show(ShowArgs),
    /// Write a view of a run to a file, in any form.
    #[command(help_template = COMMAND_TEMPLATE)]
    Export(ExportArgs),
    /// Do what dockit does, with its options and its files.
    #[command(help_template = COMMAND_TEMPLATE)]
    Dockit(DockitArgs),
    /// Say why a run was different from others of the same job.
    #[command(help_template = COMMAND_TEMPLATE)]
    Diff(crate::commands::diff::DiffArgs),
    /// Ask runs in SQL.
    #[command(help_template = COMMAND_TEMPLATE)]
    Query(crate::commands::query::args::QueryArgs),
    /// Write what runs taught as files for other programs.
    #[command(help_template = COMMAND_TEMPLATE)]
    Gen(GenArgs),
    /// Run a command under policies that `gen` wrote.
    #[command(help_template = COMMAND_TEMPLATE)]
    RunWith(RunWithArgs),
    /// List and manage stored runs.
    #[command(
        help_template = "{about-with-newline}\n{usage-heading} {usage}\n\n{subcommands}{after-help}"
    )]
    Runs(RunsArgs),
    /// Say what this machine allows, and how to enable the rest.
    #[command(help_template = COMMAND_TEMPLATE)]
    Doctor(DoctorArgs),
    /// List what was redacted in a run, and what should have been.
    #[command(help_template = COMMAND_TEMPLATE)]
    Secrets(SecretsArgs),
    /// Write completions for a shell.
    #[command(help_template = COMMAND_TEMPLATE)]
    Completions(CompletionsArgs),
    /// Write manual pages.
    #[command(help_template = COMMAND_TEMPLATE)]
    Man(ManArgs),
}

/// Which recorder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum RecorderChoice {
    /// The cheapest that this machine allows.
    Auto,
    /// BPF programs in the kernel, built in.
    Bpf,
    /// ptrace, built in.
    Ptrace,
    /// strace as a child.
    Strace,
    /// ltrace as a child: library calls too.
    Ltrace,
}

/// Which calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum DetailChoice {
    /// Every call.
    Full,
    /// Calls that touch files, network and processes.
    Io,
    /// The same without calls that move data.
    Names,
    /// Processes only.
    Tree,
}

/// Whom to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum WaitChoice {
    /// The command.
    Main,
    /// The command and all that it left behind.
    All,
}

/// What to redact.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum RedactChoice {
    /// Environment values, secrets in arguments and texts.
    Default,
    /// Nothing; stamped into the run.
    None,
}

/// Where a new run goes and what it is called: the options that `record` and `import` share.
#[derive(Args, Clone, Default, Debug)]
pub(crate) struct NewRun {
    /// Write the run here instead of the store
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Give the run a name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Tag the run; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) tag: Vec<String>,
}

/// Options of `record`.
#[derive(Args, Debug)]
#[command(
    override_usage = "unspool record [OPTIONS] [--] COMMAND [ARGS]...\n       unspool record [OPTIONS] -p PID"
)]
#[command(
    after_help = "The exit status is the command's own (128+N for signal N); 127, 126, 125:\nnot found, not executable, unspool failed; 74, 75: not written, events lost."
)]
pub(crate) struct RecordArgs {
    #[command(flatten)]
    pub(crate) new_run: NewRun,
    /// Record running processes; Ctrl-C lets them go
    #[arg(short, long, value_name = "PID")]
    pub(crate) pid: Vec<u32>,
    /// Record all processes of a control group
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub(crate) cgroup: Option<PathBuf>,
    /// Record all processes of the machine
    #[arg(long, hide_short_help = true)]
    pub(crate) all: bool,
    /// auto (default), bpf, ptrace, strace, ltrace
    #[arg(
        long,
        value_enum,
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true,
        value_name = "WHICH"
    )]
    pub(crate) recorder: RecorderChoice,
    /// Calls: full (default), io, names, tree
    #[arg(
        long,
        value_enum,
        default_value = "full",
        hide_default_value = true,
        hide_possible_values = true,
        value_name = "WHICH"
    )]
    pub(crate) detail: DetailChoice,
    /// Wait for: main (default), or all it started
    #[arg(
        long,
        value_enum,
        default_value = "main",
        hide_default_value = true,
        hide_possible_values = true,
        value_name = "WHOM"
    )]
    pub(crate) wait: WaitChoice,
    /// Keep up to N bytes of what is read and written
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) payload: usize,
    /// Sample CPU, memory, io: 1s (default); 0: not
    #[arg(long, value_name = "EVERY", value_parser = crate::times::parse_interval)]
    pub(crate) sample: Option<crate::times::Interval>,
    /// Secrets to scrub: default, or none
    #[arg(
        long,
        value_enum,
        default_value = "default",
        hide_default_value = true,
        hide_possible_values = true,
        value_name = "WHAT"
    )]
    pub(crate) redact: RedactChoice,
    /// Size of the ring of `bpf`: 64M (default), k, M, G
    #[arg(long, value_name = "SIZE", hide_short_help = true)]
    pub(crate) ring: Option<String>,
    /// Let the job wait rather than count calls
    #[arg(long, hide_short_help = true)]
    pub(crate) lossless: bool,
    /// Also hash files up to 1 MiB that the job reads
    #[arg(long)]
    pub(crate) hash: bool,
    /// Keep the recorder's own records
    #[arg(long)]
    pub(crate) keep_raw: bool,
    /// At the end say how it differs from this run
    #[arg(long, value_name = "RUN")]
    pub(crate) expect: Option<String>,
    /// Say nothing at the end
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// The command
    #[arg(trailing_var_arg = true, value_name = "COMMAND", hide = true)]
    pub(crate) command: Vec<OsString>,
}

/// Options of `import`.
#[derive(Args, Debug)]
#[command(
    after_help = "Several files, or a folder, are the parts of one `strace -ff`. `-`: standard input."
)]
pub(crate) struct ImportArgs {
    /// Log files, or the folder of a `strace -ff`
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Format, where it is not recognised
    #[arg(long)]
    pub(crate) format: Option<String>,
    /// Only say what was read and not understood
    #[arg(long)]
    pub(crate) stats: bool,
    /// Fail on the first doubt
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) new_run: NewRun,
    /// Keep what the log has of data read and written
    #[arg(long)]
    pub(crate) payload: bool,
    /// Secrets to scrub: default, or none
    #[arg(
        long,
        value_enum,
        default_value = "default",
        hide_default_value = true,
        hide_possible_values = true,
        value_name = "WHAT"
    )]
    pub(crate) redact: RedactChoice,
    /// Write the statistics as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Say nothing at the end
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Which part of a run a view is asked for: the options that `show` and `export` share.
#[derive(Args, Clone, Debug)]
pub(crate) struct Chosen {
    /// Only events for which this holds
    #[arg(short = 'w', long = "where", value_name = "EXPR")]
    pub(crate) filter: Option<String>,
    /// Only from then on: `5s`, `14:03:07`, RFC 3339
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only this process: its name or pid
    #[arg(long = "proc", value_name = "NAME")]
    pub(crate) process: Option<String>,
    /// The instant of `state`
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// `time` by process instead of by call
    #[arg(long)]
    pub(crate) by_process: bool,
    /// `time` in each second; also with --by-process
    #[arg(long)]
    pub(crate) per_second: bool,
    /// `time --per-second` by category of calls
    #[arg(
        long,
        requires = "per_second",
        conflicts_with = "by_process",
        hide_short_help = true
    )]
    pub(crate) by_category: bool,
    /// At most N rows
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

/// Options of `show`.
#[derive(Args, Debug)]
#[command(override_usage = "unspool show [OPTIONS] [RUN] [VIEW]")]
#[command(
    after_help = "VIEW: summary (default), tree, files, net, fds, events, time, flame, state,\n      flow, phases, sql, http\nEXPR: `fd.name contains /etc and evt.failed`; fields: docs/reference/fields.md"
)]
pub(crate) struct ShowArgs {
    /// Run and view, in any order
    #[arg(value_name = "RUN] [VIEW", num_args = 0..=2, hide = true)]
    pub(crate) operands: Vec<String>,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    /// All columns, nothing cut
    #[arg(long)]
    pub(crate) wide: bool,
    /// JSON for programs; its schema is in docs/schema
    #[arg(long)]
    pub(crate) json: bool,
    /// text, json, jsonl, csv, xml, md, html-table
    #[arg(short, long, value_name = "FORM", conflicts_with = "json")]
    pub(crate) form: Option<String>,
    /// No pager
    #[arg(long)]
    pub(crate) no_pager: bool,
}

/// Options of `export`.
#[derive(Args, Debug)]
#[command(
    override_usage = "unspool export [OPTIONS] [RUN] [VIEW]\n       unspool export [OPTIONS] --form perfetto [RUN]"
)]
#[command(
    after_help = "FORM: txt, csv, json, jsonl, xml, md, html-table; by default what FILE ends in.\nOf the whole run: perfetto, chrome-trace, folded, flame, speedscope, pprof, dot,\ngraphml (docs/export.md); cim-xml, cim-txt. Columns: docs/reference/views.md"
)]
pub(crate) struct ExportArgs {
    /// Run and view, in any order
    #[arg(value_name = "RUN] VIEW", num_args = 0..=2, hide = true)]
    pub(crate) operands: Vec<String>,
    /// Form of the output
    #[arg(short, long, short_alias = 'F', value_name = "FORM")]
    pub(crate) form: Option<String>,
    /// Write here; `-` is standard output (default)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Objects of `cim-xml`: `CIM_Process.Name="cc.*"`
    #[arg(short, long, value_name = "FILTER")]
    pub(crate) select: Vec<String>,
    /// Measure of call paths: time (default), calls, bytes
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) weight: Option<String>,
    /// All tables: parquet, arrow, csv, jsonl into a folder, or sqlite
    #[arg(long)]
    pub(crate) tables: bool,
    /// Calls as documents of another tool: elkpump
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) shape: Option<String>,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

/// Options of `dockit`: those of dockit's first and of its last version.
#[derive(Args, Debug)]
#[command(override_usage = "unspool dockit [OPTIONS] COMMAND [ARGS]... | -p PID | -i LOG")]
#[command(
    after_help = "FILTER: CIM_Process, CIM_DataFile.Category=[\"Others\"], CIM_Process.Name=\"cc.*\"\nFiles: PREFIX.TRACER.PID.txt (csv, json), .xml (.summary.txt);\n       with -l or -d also .log and .ini"
)]
pub(crate) struct DockitArgs {
    /// Say which files are written; may be repeated
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say what of the log is not understood
    #[arg(short, long, alias = "warnings", action = clap::ArgAction::Count)]
    pub(crate) warning: u8,
    /// Summarise these objects; may be repeated
    #[arg(short, long, value_name = "FILTER")]
    pub(crate) summary: Vec<String>,
    /// Write `PREFIX.TRACER.PID.docker/Dockerfile`
    #[arg(short = 'D', long)]
    pub(crate) dockerfile: bool,
    /// Write the commands as a makefile
    #[arg(short = 'M', long, value_name = "FILE")]
    pub(crate) makefile: Option<PathBuf>,
    /// Follow a running process; Ctrl-C lets it go
    #[arg(short, long, value_name = "PID")]
    pub(crate) pid: Option<u32>,
    /// Form of the flow: TXT (default), CSV, JSON
    #[arg(
        short,
        long,
        value_name = "FORM",
        default_value = "TXT",
        hide_default_value = true
    )]
    pub(crate) format: String,
    /// Form of the summary: XML, TXT
    #[arg(short = 'F', long, value_name = "FORM")]
    pub(crate) summary_format: Option<String>,
    /// Read this log instead of recording
    #[arg(short, long, value_name = "LOG")]
    pub(crate) input: Option<PathBuf>,
    /// Beginning of the files' names
    #[arg(short, long, value_name = "PREFIX")]
    pub(crate) log: Option<PathBuf>,
    /// strace (default), ltrace
    #[arg(short, long, value_name = "TRACER")]
    pub(crate) tracer: Option<String>,
    /// Accepted: lines are always put together
    #[arg(short, long, value_name = "HOW")]
    pub(crate) aggregator: Option<String>,
    /// Keep the tracer's log
    #[arg(short, long)]
    pub(crate) duplicate: bool,
    /// Look for SQL in what is read and written
    #[arg(long)]
    pub(crate) payload: bool,
    /// The command
    #[arg(trailing_var_arg = true, value_name = "COMMAND", hide = true)]
    pub(crate) command: Vec<OsString>,
}

/// Operations of `runs`.
#[derive(Args, Debug)]
pub(crate) struct RunsArgs {
    /// What to do [default: list].
    #[command(subcommand)]
    pub(crate) operation: Option<RunsOperation>,
}

/// Operations of `runs`.
#[derive(Subcommand, Debug)]
pub(crate) enum RunsOperation {
    /// List the runs, the latest first.
    List {
        /// JSON for programs.
        #[arg(long)]
        json: bool,
    },
    /// Remove runs.
    Rm {
        /// Runs to remove.
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<String>,
    },
    /// Give a run a name.
    Name {
        /// The run.
        run: String,
        /// Its name; empty takes the name away.
        name: String,
    },
    /// Tag a run.
    Tag {
        /// The run.
        run: String,
        /// Tags; `-KEY` takes one away.
        #[arg(required = true, allow_hyphen_values = true, value_name = "KEY=VALUE")]
        tags: Vec<String>,
    },
    /// Remove old runs beyond 100 runs, 10 GB, 90 days.
    Prune {
        /// Only say which.
        #[arg(long)]
        dry_run: bool,
        /// Keep at most this many runs.
        #[arg(long, value_name = "N")]
        max_runs: Option<usize>,
        /// Keep at most this many bytes (k, M, G).
        #[arg(long, value_name = "SIZE")]
        max_size: Option<String>,
        /// Keep runs for this many days.
        #[arg(long, value_name = "DAYS")]
        max_days: Option<u32>,
    },
    /// Put runs into a folder or a bucket for all hosts, with tables for other programs.
    Push {
        /// A folder, `file:///...`, or `s3://BUCKET/FOLDER`.
        url: String,
        /// Server of `s3://` (or `AWS_ENDPOINT_URL`); keys: `AWS_ACCESS_KEY_ID` and others.
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
        /// Runs; the latest where none is named.
        #[arg(value_name = "RUN")]
        runs: Vec<String>,
    },
    /// Take runs from such a folder or bucket into the store.
    Pull {
        /// A folder, `file:///...`, or `s3://BUCKET/FOLDER`.
        url: String,
        /// Server of `s3://` (or `AWS_ENDPOINT_URL`); keys: `AWS_ACCESS_KEY_ID` and others.
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
        /// Ids of runs; all where none is named.
        #[arg(value_name = "RUN")]
        runs: Vec<String>,
    },
    /// Remove the secrets of runs by the rules as they are now.
    Scrub {
        /// Runs to scrub.
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<String>,
    },
    /// Close a run whose recorder died, with all that can be read.
    Recover {
        /// Runs to recover.
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<String>,
    },
}

/// Options of `secrets`.
#[derive(Args, Debug)]
#[command(
    after_help = "Shows rules, places, tokens and counts, never a secret. The exit status is 1 when\nsome are open: `unspool runs scrub RUN` removes them."
)]
pub(crate) struct SecretsArgs {
    /// The run
    #[arg(default_value = "@", hide_default_value = true)]
    pub(crate) run: String,
    /// JSON for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `completions`.
#[derive(Args, Debug)]
#[command(
    after_help = "bash: unspool completions bash > ~/.local/share/bash-completion/completions/unspool\nzsh:  unspool completions zsh > a folder of $fpath, as _unspool\nfish: unspool completions fish > ~/.config/fish/completions/unspool.fish"
)]
pub(crate) struct CompletionsArgs {
    /// bash, zsh, fish, elvish, powershell
    #[arg(value_enum, hide_possible_values = true)]
    pub(crate) shell: clap_complete::Shell,
}

/// Options of `man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Folder for the pages: one for each command
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// Options of `doctor`.
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// JSON for programs
    #[arg(long)]
    pub(crate) json: bool,
}
