//! The engine of `unspool query`: SQL over the tables of runs. It is started by `unspool`, which tells it what it may read and
//! what it may use; see [`protocol`].

#![expect(
    clippy::format_push_string,
    reason = "few lines; `write!` to a string would have an error to throw away"
)]

mod answer;
mod bucket;
mod catalog;
mod confine;
mod dictionary;
mod engine;
mod errors;
mod functions;
mod lookup;
mod protocol;
mod rules;
mod run;
mod serve;
mod transfer;
mod views;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("--version") => {
            serve::print(&format!(
                "unspool-query {} protocol {}\n",
                env!("CARGO_PKG_VERSION"),
                protocol::PROTOCOL
            ));
            ExitCode::SUCCESS
        }
        Some("--page") => {
            serve::print(&catalog::Catalog::new(Vec::new()).markdown());
            ExitCode::SUCCESS
        }
        Some("--serve") => serve::run(),
        _ => {
            serve::print(
                "unspool-query is the engine of `unspool query`, which starts it by itself: see `unspool query -h`\n",
            );
            ExitCode::from(2)
        }
    }
}
