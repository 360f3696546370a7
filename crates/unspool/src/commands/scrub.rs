//! `unspool runs scrub`: removes the secrets of a stored run by the rules as they are now.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Result;
use unspool_model::step::{Step, StepArgs, StepSink as _};
use unspool_model::world::{Image, Process, World};
use unspool_record::Scrub as _;
use unspool_record::scrub::Scrubber;
use unspool_store::{
    Closing, Manifest, RawPolicy, RunEntry, RunReader, RunState, RunWriter, StepQuery,
    TableSummary, TableWriter, Tables,
};

use super::secrets::{Place, TextKind, current_rules, kind_of, scrub_text};
use crate::failure::Failure;
use crate::report::{count, eprint_line};
use crate::stored::unescaped;

/// Writes the run anew without its secrets, beside it, and puts it into its place.
pub(crate) fn scrub(entry: &RunEntry) -> Result<()> {
    let reader = RunReader::open(&entry.folder).map_err(Failure::store)?;
    if matches!(reader.state(), RunState::Recording) {
        return Err(
            Failure::input(format!("`{}` is still being recorded", entry.id))
                .hint("wait until it has ended")
                .into(),
        );
    }
    if reader.manifest().tables.is_empty() {
        return Err(
            Failure::input(format!("`{}` has no tables to scrub", entry.id))
                .hint("make them: `unspool runs recover RUN`")
                .into(),
        );
    }
    let folder = beside(&entry.folder)?;
    // What an interrupted scrubbing left is of no use to anybody.
    drop(std::fs::remove_dir_all(&folder));
    let written = write(&reader, &folder);
    let changed = match written {
        Ok(changed) => changed,
        Err(error) => {
            drop(std::fs::remove_dir_all(&folder));
            return Err(error);
        }
    };
    let had_raw = reader.has_raw();
    replace(&entry.folder, &folder)?;
    eprint_line(&format!(
        "scrubbed {}: {} texts changed{}",
        entry.id,
        count(changed),
        if had_raw {
            "; its raw bytes were removed, which held the rest"
        } else {
            ""
        }
    ));
    Ok(())
}

/// Folder for the new run, on the same file system.
fn beside(folder: &Path) -> Result<PathBuf> {
    let folder = std::path::absolute(folder)
        .map_err(|error| Failure::input(format!("cannot find `{}`: {error}", folder.display())))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    Ok(folder.with_file_name(format!(".scrub-{name}")))
}

/// Puts the new run into the old one's place at one instant, and removes the old one.
fn replace(old: &Path, new: &Path) -> Result<()> {
    let fail = |what: &str, error: std::io::Error| {
        Failure::new(
            crate::failure::status::WRITE,
            format!("cannot {what} `{}`: {error}", old.display()),
        )
    };
    unspool_record::exchange(old, new).map_err(|error| fail("replace", error))?;
    std::fs::remove_dir_all(new).map_err(|error| fail("remove the former", error))?;
    Ok(())
}

fn write(reader: &RunReader, folder: &Path) -> Result<u64> {
    let tables = Tables::open(reader).map_err(Failure::store)?;
    let mut world = tables.world().map_err(Failure::store)?;
    world.samples = tables.samples().map_err(Failure::store)?;
    let mut scrubber = current_rules(reader)?;
    for process in world.iter_processes() {
        for image in &process.images {
            scrubber.learn_argv(&image.argv);
            scrubber.learn_env(&image.env);
        }
    }
    let mut manifest = reader.manifest().clone();
    let mut work = Scrubbing {
        scrubber,
        changed: 0,
        text: Vec::new(),
    };
    work.manifest(&mut manifest);
    let writer = RunWriter::create(folder, manifest.clone()).map_err(Failure::store)?;
    let summary = work.tables(&tables, &world, folder)?;
    close(writer, manifest, reader, summary)?;
    Ok(work.changed)
}

/// Seals the new run in the state of the old one.
fn close(
    mut writer: RunWriter,
    manifest: Manifest,
    reader: &RunReader,
    summary: TableSummary,
) -> Result<()> {
    let of_new = writer.manifest_mut();
    *of_new = manifest;
    if let RunState::Incomplete(recovered) = reader.state() {
        of_new.stopped.get_or_insert_with(|| recovered.why.clone());
    }
    "default".clone_into(&mut of_new.redact);
    let closing = Closing {
        tables: Some(summary),
        raw: RawPolicy::Remove,
    };
    writer.close(&closing).map_err(Failure::store)?;
    Ok(())
}

/// Scrubs and counts.
struct Scrubbing {
    scrubber: Scrubber,
    changed: u64,
    text: Vec<u8>,
}

impl Scrubbing {
    fn manifest(&mut self, manifest: &mut Manifest) {
        let mut words: Vec<Vec<u8>> = manifest
            .command
            .iter()
            .map(|word| unescaped(word))
            .collect();
        self.argv(&mut words);
        manifest.command = words
            .iter()
            .map(|word| unspool_export::escape(word))
            .collect();
    }

    fn argv(&mut self, argv: &mut Vec<Vec<u8>>) {
        let before = argv.clone();
        self.scrubber.argv(argv);
        self.changed += u64::from(*argv != before);
    }

    fn path(&mut self, path: &mut Vec<u8>) {
        let place = Place {
            kind: TextKind::Path,
            name: b"",
            words: &[],
            tid: None,
        };
        if let Some(scrubbed) = scrub_text(&self.scrubber, &place, path) {
            *path = scrubbed;
            self.changed += 1;
        }
    }

    fn image(&mut self, image: &mut Image) {
        self.argv(&mut image.argv);
        let before = image.env.clone();
        self.scrubber.env(&mut image.env);
        self.changed += u64::from(image.env != before);
        self.path(&mut image.exe);
        self.path(&mut image.cwd);
    }

    fn process(&mut self, process: &Process) -> Process {
        let mut process = process.clone();
        self.path(&mut process.cwd);
        for image in &mut process.images {
            self.image(image);
        }
        process
    }

    /// The step with its text scrubbed.
    fn step<'s>(&'s mut self, step: &Step<'s>) -> Step<'s> {
        let StepArgs::Text(text) = step.args else {
            return *step;
        };
        let place = Place {
            kind: kind_of(step.kind),
            name: step.name,
            words: &[],
            tid: Some(step.tid.0),
        };
        match scrub_text(&self.scrubber, &place, text) {
            None => *step,
            Some(scrubbed) => {
                self.changed += 1;
                self.text = scrubbed;
                Step {
                    args: StepArgs::Text(&self.text),
                    ..*step
                }
            }
        }
    }

    /// Writes all tables anew.
    fn tables(&mut self, tables: &Tables, world: &World, folder: &Path) -> Result<TableSummary> {
        let mut writer = TableWriter::create(folder).map_err(Failure::store)?;
        tables
            .for_each_step(&StepQuery::all(), &mut |step| {
                writer.step(&self.step(step), world);
                ControlFlow::Continue(())
            })
            .map_err(Failure::store)?;
        for process in world.iter_processes() {
            writer.process(&self.process(process));
        }
        for session in world.iter_sessions() {
            writer.session(session);
        }
        for descriptor in &world.descriptors {
            writer.descriptor(descriptor);
        }
        for access in &world.accesses {
            writer.access(access);
        }
        for link in &world.links {
            writer.link(link);
        }
        for sample in &world.samples {
            writer.sample(sample);
        }
        for resource in &world.resources {
            let mut resource = resource.clone();
            self.path(&mut resource.name);
            if let Some(socket) = &mut resource.socket {
                self.path(&mut socket.local);
                self.path(&mut socket.remote);
            }
            writer.resource(&resource);
        }
        let mut summary = writer.finish().map_err(Failure::store)?;
        summary.clock = tables.clock();
        Ok(summary)
    }
}
