//! `unspool completions` and `unspool man`: what shells and manual readers take, made from the command line's own data.

use anyhow::Result;
use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::failure::{Failure, status};
use crate::report::{eprint_line, print};

/// Writes the completions of a shell to standard output.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<u8> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "unspool", &mut out);
    print(&String::from_utf8_lossy(&out))?;
    Ok(0)
}

/// Writes a manual page for every command into a folder.
pub(crate) fn man(args: &ManArgs) -> Result<u8> {
    let folder = &args.folder;
    let fail = |what: &str, error: std::io::Error| {
        Failure::new(
            status::WRITE,
            format!("cannot {what} `{}`: {error}", folder.display()),
        )
    };
    std::fs::create_dir_all(folder).map_err(|error| fail("make the folder", error))?;
    clap_mangen::generate_to(Cli::command(), folder)
        .map_err(|error| fail("write manual pages into", error))?;
    eprint_line(&format!(
        "wrote manual pages: man -l '{}/unspool.1'",
        folder.display()
    ));
    Ok(0)
}
