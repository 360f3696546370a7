//! `unspool export`: a view of a run in a form, into a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use unspool_analyze::cim::{Collector, Machine, Select};
use unspool_export::cim::{write_text, write_xml};
use unspool_export::{FORMS, FormSpec, TextOptions, WHOLE_FORMS};

use super::show::{Asked, operands};
use super::{export_whole, find_run, nearest};
use crate::cli::ExportArgs;
use crate::failure::{Failure, status};
use crate::settings::Settings;
use crate::stored::Stored;

/// Exports one view of one run.
pub(crate) fn run(settings: &Settings, args: &ExportArgs) -> Result<u8> {
    if args.tables || args.shape.is_some() {
        return super::query::tables::export(settings, args);
    }
    let cim = args.form.as_deref().and_then(CimForm::by_name);
    if let Some(form) = cim {
        return run_cim(settings, args, form);
    }
    if let Some(form) = export_whole::form(args) {
        return export_whole::run(settings, args, form);
    }
    if args.weight.is_some() {
        return Err(Failure::usage("`--weight` is for forms of call paths")
            .hint("`--form folded`, `flame`, `speedscope` or `pprof`")
            .into());
    }
    if !args.select.is_empty() {
        return Err(
            Failure::usage("`--select` is for the forms cim-xml and cim-txt")
                .hint("rows are chosen with `-w EXPR`")
                .into(),
        );
    }
    let (reference, spec) = operands(&args.operands)?;
    let form = form_of(args)?;
    let asked = Asked::new(settings, reference, spec, &args.operands, &args.chosen)?;
    // A file has no width, and nobody to ask for the other columns.
    let text = TextOptions {
        width: None,
        wide: true,
        ascii: false,
        palette: unspool_export::Palette::NONE,
    };
    write_to(args, |writer| asked.write(form, &text, writer))
}

/// Writes to the file that was asked for, or to standard output. The inner result is that of the writer.
pub(crate) fn write_to(
    args: &ExportArgs,
    write: impl FnOnce(&mut dyn Write) -> Result<std::io::Result<()>>,
) -> Result<u8> {
    let is_file = |path: &&PathBuf| path.as_path() != Path::new("-");
    let Some(path) = args.output.as_ref().filter(is_file) else {
        let mut writer = BufWriter::new(std::io::stdout());
        let written = write(&mut writer)?.and_then(|()| writer.flush());
        return match written {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(anyhow::Error::new(error).context("cannot write to standard output"))
            }
            _ => Ok(0),
        };
    };
    write_whole(path, |file| {
        let mut writer = BufWriter::new(file);
        let written = write(&mut writer)?;
        written.and_then(|()| writer.flush()).map_err(Into::into)
    })?;
    Ok(0)
}

/// Forms of processes and files as CIM objects.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CimForm {
    Xml,
    Txt,
}

impl CimForm {
    fn by_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "cim-xml" => Some(Self::Xml),
            "cim-txt" => Some(Self::Txt),
            _ => None,
        }
    }
}

/// The CIM summary of a run.
fn run_cim(settings: &Settings, args: &ExportArgs, form: CimForm) -> Result<u8> {
    let mut select = Select::default();
    for filter in &args.select {
        select
            .add(filter)
            .map_err(|error| Failure::usage(error.message).hint(error.hint))?;
    }
    let reference = match args.operands.as_slice() {
        [] => "@",
        [run] => run,
        [_, word, ..] => {
            return Err(Failure::usage(format!("`{word}` is one word too many"))
                .hint("the forms cim-xml and cim-txt have all processes and files: no view")
                .into());
        }
    };
    let entry = find_run(settings, reference)?;
    let run = Stored::open(&entry.folder)?;
    let mut collector = Collector::default();
    let world = run.fold(&mut |step| collector.step(step))?;
    let machine = Machine {
        host: run.reader.manifest().host.clone(),
        os_type: "linux".to_owned(),
        address: String::new(),
    };
    let groups = collector.objects(&world, &machine, &select);
    write_to(args, |writer| {
        Ok(match form {
            CimForm::Xml => write_xml(&groups, world.clock, writer),
            CimForm::Txt => write_text(&groups, world.clock, writer),
        })
    })
}

/// Writes a file so that it is whole or not there: under another name first.
pub(crate) fn write_whole(path: &Path, write: impl FnOnce(&File) -> Result<()>) -> Result<()> {
    let shown = path.display();
    // Devices and pipes are written, never replaced.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        let file = File::options().write(true).open(path);
        let file = file.with_context(|| format!("cannot write `{shown}`"))?;
        return write(&file).with_context(|| format!("cannot write `{shown}`"));
    }
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

fn unknown_form(name: &str) -> Failure {
    let mut names: Vec<&str> = FORMS.iter().map(|form| form.name).collect();
    names.extend(["cim-xml", "cim-txt"]);
    names.extend(WHOLE_FORMS.iter().map(|form| form.name));
    let known = names.join(", ");
    let hint = match nearest(name, names.iter().copied()) {
        Some(alike) => format!("did you mean `{alike}`? forms: {known}"),
        None => format!("forms: {known}"),
    };
    Failure::usage(format!("there is no form `{name}`")).hint(hint)
}

/// The form that was asked for, or that the file's name ends in.
fn form_of(args: &ExportArgs) -> Result<&'static FormSpec> {
    if let Some(name) = &args.form {
        let name = name.to_lowercase();
        return unspool_export::form(&name).ok_or_else(|| unknown_form(&name).into());
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
