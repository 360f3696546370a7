//! Command lines of `gen` and `run-with`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options of `gen`.
#[derive(Args, Debug)]
#[command(
    override_usage = "unspool gen WHAT [OPTIONS] [RUN]...\n       unspool gen POLICY --check FILE [RUN]"
)]
#[command(
    after_help = "WHAT: dockerfile, makefile, script, and the policies seccomp, apparmor,\nlandlock, systemd. Several runs are united. --check exits with 1 when the\npolicy would have broken the run. Apply: unspool run-with FILE -- COMMAND"
)]
pub(crate) struct GenArgs {
    /// What to write
    #[arg(value_name = "WHAT", hide = true)]
    pub(crate) what: String,
    /// Runs to learn from
    #[arg(value_name = "RUN", hide = true)]
    pub(crate) runs: Vec<String>,
    /// Write here; dockerfile: the folder of the build
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// dockerfile: exactly the files used, nothing else
    #[arg(long)]
    pub(crate) from_scratch: bool,
    /// dockerfile: exact versions of packages
    #[arg(long)]
    pub(crate) pin: bool,
    /// policies: allow more: 1 what is alike, 2 folders
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) margin: u8,
    /// seccomp: bind calls to the argument values seen
    #[arg(long)]
    pub(crate) args: bool,
    /// seccomp: what is refused: errno (default), kill, log
    #[arg(
        long,
        value_enum,
        default_value = "errno",
        hide_default_value = true,
        hide_possible_values = true,
        value_name = "HOW"
    )]
    pub(crate) default: RefusalChoice,
    /// script: levels of shells that are taken apart (1)
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true)]
    pub(crate) depth: u32,
    /// policies: would FILE have broken the run?
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
    /// Look at files and packages below DIR instead of `/`
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/",
        hide_default_value = true
    )]
    pub(crate) root: PathBuf,
    /// --check: JSON for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// What happens to a refused call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum RefusalChoice {
    /// It fails with EPERM.
    Errno,
    /// The process is killed.
    Kill,
    /// It is logged and made.
    Log,
}

/// Options of `run-with`.
#[derive(Args, Debug)]
#[command(override_usage = "unspool run-with POLICY... -- COMMAND [ARGS]...")]
#[command(
    after_help = "POLICY: what `gen seccomp` and `gen landlock` wrote, or another seccomp profile\nof the OCI form. 127, 126, 125: command not found, not executable, policy not\napplied. Programs that change the user when executed (sudo) cannot do so."
)]
pub(crate) struct RunWithArgs {
    /// Say nothing about rules that cannot be applied
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Policies
    #[arg(required = true, value_name = "POLICY", hide = true)]
    pub(crate) policies: Vec<PathBuf>,
    /// The command
    #[arg(last = true, required = true, value_name = "COMMAND", hide = true)]
    pub(crate) command: Vec<OsString>,
}
