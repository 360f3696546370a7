//! `unspool export`: a view of a run in a form, into a file.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use unspool_export::{FormSpec, TextOptions};

use super::show::{Asked, form_named, operands};
use crate::cli::{ExportArgs, ShowArgs};
use crate::failure::{Failure, status};
use crate::settings::Settings;

/// Exports one view of one run.
pub(crate) fn run(settings: &Settings, args: &ExportArgs) -> Result<u8> {
    let (reference, spec) = operands(&args.operands)?;
    let form = form_of(args)?;
    let asked = Asked::new(settings, reference, spec, &as_show(args))?;
    // A file has no width, and nobody to ask for the other columns.
    let text = TextOptions {
        width: None,
        wide: true,
        ascii: false,
        palette: unspool_export::Palette::NONE,
    };
    let to_stdout = |path: &&PathBuf| path.as_path() != Path::new("-");
    let Some(path) = args.output.as_ref().filter(to_stdout) else {
        let mut writer = BufWriter::new(std::io::stdout());
        return match asked.write(form, &text, &mut writer)? {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(anyhow::Error::new(error).context("cannot write to standard output"))
            }
            _ => Ok(0),
        };
    };
    write_whole(path, |file| {
        let mut writer = BufWriter::new(file);
        let written = asked.write(form, &text, &mut writer)?;
        written.and_then(|()| writer.flush()).map_err(Into::into)
    })?;
    Ok(0)
}

/// Writes a file so that it is whole or not there: under another name first.
pub(crate) fn write_whole(path: &Path, write: impl FnOnce(&File) -> Result<()>) -> Result<()> {
    let shown = path.display();
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let file = File::create(&part).map_err(|error| {
        Failure::new(status::WRITE, format!("cannot write `{shown}`: {error}"))
            .hint("name a folder that exists and that you may write to")
    })?;
    let written = write(&file).with_context(|| format!("cannot write `{shown}`"));
    let moved = written.and_then(|()| {
        std::fs::rename(&part, path).with_context(|| format!("cannot write `{shown}`"))
    });
    if moved.is_err() {
        // The failure is told; what is left of the attempt is of no use.
        drop(std::fs::remove_file(&part));
    }
    moved
}

/// The form that was asked for, or that the file's name ends in.
fn form_of(args: &ExportArgs) -> Result<&'static FormSpec> {
    if let Some(name) = &args.form {
        return form_named(&name.to_lowercase());
    }
    let ending = args
        .output
        .as_ref()
        .and_then(|path| path.extension())
        .and_then(|ending| ending.to_str());
    Ok(ending
        .and_then(unspool_export::form)
        .or_else(|| unspool_export::form("csv"))
        .expect("the list of forms has csv"))
}

fn as_show(args: &ExportArgs) -> ShowArgs {
    let ExportArgs {
        operands,
        form,
        output: _,
        filter,
        since,
        until,
        process,
        at,
        by_process,
        per_second,
        by_category,
        limit,
    } = args;
    ShowArgs {
        operands: operands.clone(),
        filter: filter.clone(),
        since: since.clone(),
        until: until.clone(),
        process: process.clone(),
        at: at.clone(),
        by_process: *by_process,
        per_second: *per_second,
        by_category: *by_category,
        limit: *limit,
        wide: true,
        json: false,
        form: form.clone(),
        no_pager: true,
    }
}
