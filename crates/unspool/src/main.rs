//! unspool: a flight recorder for batch jobs and services.

#![expect(
    clippy::format_push_string,
    reason = "few lines; `write!` to a string would have an error to throw away"
)]

mod cli;
mod clock;
mod commands;
mod failure;
mod pipeline;
mod report;
mod scrubbed;
mod settings;
mod sources;
mod stored;
mod times;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};
use failure::{Failure, status};
use settings::Settings;

fn main() -> ExitCode {
    let words = commands::dockit::words(std::env::args_os());
    let cli = match Cli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(error) => return commands::dockit::refused(&words, &error),
    };
    unspool_record::outlive_file_limits();
    let settings = Settings::resolve(cli.store.clone(), cli.color);
    let done = match &cli.command {
        Command::Record(args) => commands::record::run(&settings, args),
        Command::Import(args) => commands::import::run(&settings, args),
        Command::Show(args) => commands::show::run(&settings, args),
        Command::Export(args) => commands::export::run(&settings, args),
        Command::Dockit(args) => commands::dockit::run(&settings, args),
        Command::Diff(args) => commands::diff::run(&settings, args),
        Command::Query(args) => commands::query::run(&settings, args),
        Command::Gen(args) => commands::generate::run(&settings, args),
        Command::RunWith(args) => commands::run_with::run(&settings, args),
        Command::Runs(args) => commands::runs::run(&settings, args),
        Command::Doctor(args) => commands::doctor::run(&settings, args),
        Command::Secrets(args) => commands::secrets::run(&settings, args),
        Command::Completions(args) => commands::pages::completions(args),
        Command::Man(args) => commands::pages::man(args),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            report::eprint_error(&error);
            ExitCode::from(status_of(&cli.command, &error))
        }
    }
}

/// Exit status of a failure; `record` has a range of its own, so that it cannot be mistaken for the command's.
fn status_of(command: &Command, error: &anyhow::Error) -> u8 {
    let known = error
        .downcast_ref::<Failure>()
        .map(|failure| failure.status);
    match (command, known) {
        (Command::Record(_), Some(code @ (126 | 127))) => code,
        (Command::Record(_), _) => status::RECORD,
        (_, Some(code)) => code,
        (_, None) => status::INPUT,
    }
}
