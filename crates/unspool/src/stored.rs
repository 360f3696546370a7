//! A stored run, given again step by step: from its tables, or from the recorder's bytes where it has none.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use unspool_decode::{Decoder, DecoderOptions, detect};
use unspool_model::step::{Step, StepSink};
use unspool_model::tracker::{Retention, TrackContext};
use unspool_model::world::World;
use unspool_record::Detail;
use unspool_record::contents::Contents;
use unspool_store::{Loss, Manifest, RunReader, StepQuery, TableSummary, TableWriter, Tables};

use crate::commands::contents::Described;
use crate::failure::Failure;
use crate::pipeline::{Walked, walk};
use crate::sources::FrameSource;

/// A run that was opened to be walked.
pub(crate) struct Stored {
    /// What the folder says of itself.
    pub(crate) reader: RunReader,
    /// Absent while a run is recorded, and where its recorder was killed.
    pub(crate) tables: Option<Tables>,
}

impl Stored {
    /// Opens the run in a folder.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let reader = RunReader::open(folder).map_err(Failure::store)?;
        let tables = if reader.manifest().tables.is_empty() {
            None
        } else {
            Some(Tables::open(&reader).map_err(Failure::store)?)
        };
        Ok(Self { reader, tables })
    }

    /// Everything that is known of the run beyond single events.
    pub(crate) fn world(&self) -> Result<World> {
        Ok(self.world_and_architectures()?.0)
    }

    /// Processes, resources and links; sessions, descriptors and accesses, which are most of a world, may be missing.
    pub(crate) fn world_without_accesses(&self) -> Result<World> {
        match &self.tables {
            Some(tables) => Ok(tables.world_without_accesses().map_err(Failure::store)?),
            None => self.world(),
        }
    }

    /// The whole world, and by which architectures calls were made, as manifests name them.
    pub(crate) fn world_and_architectures(&self) -> Result<(World, Vec<String>)> {
        let Some(tables) = &self.tables else {
            let walked = self.walk(Retention::All, &mut Each(&mut |_| {}))?;
            return Ok((walked.world, walked.architectures.names()));
        };
        let world = tables.world().map_err(Failure::store)?;
        Ok((world, self.reader.manifest().architectures.clone()))
    }

    /// Gives every step, with its arguments where they are asked for. The world is the caller's, which knows the end.
    pub(crate) fn each_step(&self, with_args: bool, take: &mut dyn FnMut(&Step<'_>)) -> Result<()> {
        let Some(tables) = &self.tables else {
            self.walk(Retention::Live, &mut Each(take))?;
            return Ok(());
        };
        let query = StepQuery {
            with_args,
            ..StepQuery::default()
        };
        tables
            .for_each_step(&query, &mut |step| {
                take(step);
                ControlFlow::Continue(())
            })
            .map_err(Failure::store)?;
        Ok(())
    }

    /// Gives every step without its arguments, and then the world: bytes without tables are decoded once.
    pub(crate) fn fold(&self, take: &mut dyn FnMut(&Step<'_>)) -> Result<World> {
        if self.tables.is_none() {
            return Ok(self.walk(Retention::All, &mut Each(take))?.world);
        }
        let world = self.world()?;
        self.each_step(false, take)?;
        Ok(world)
    }

    /// Walks the recorder's bytes.
    pub(crate) fn walk<S: StepSink + ?Sized>(
        &self,
        kept: Retention,
        sink: &mut S,
    ) -> Result<Walked> {
        let mut source = FrameSource::new(self.reader.frames().map_err(Failure::store)?);
        let recorder = &self.reader.manifest().recorder.name;
        walk_source(&mut source, recorder, kept, sink)
    }
}

struct Each<'t>(&'t mut dyn FnMut(&Step<'_>));

impl StepSink for Each<'_> {
    fn step(&mut self, step: &Step<'_>, _: &World) {
        (self.0)(step);
    }
}

/// Walks the recorder's bytes into tables in this folder. `contents` describes the files of a recording that just ended.
pub(crate) fn walk_into_tables(
    source: &mut FrameSource,
    recorder: &str,
    folder: &Path,
    contents: Option<Contents>,
) -> Result<(Walked, TableSummary)> {
    let mut tables = TableWriter::create(folder).map_err(Failure::store)?;
    let mut sink = Described::new(&mut tables, contents);
    let walked = walk_source(source, recorder, Retention::Live, &mut sink)?;
    let mut summary = tables.finish().map_err(Failure::store)?;
    summary.clock = walked.stats.clock;
    Ok((walked, summary))
}

fn walk_source<S: StepSink + ?Sized>(
    source: &mut FrameSource,
    recorder: &str,
    kept: Retention,
    sink: &mut S,
) -> Result<Walked> {
    let mut decoder = decoder_of(recorder);
    walk(
        source,
        decoder.as_mut(),
        kept,
        TrackContext::default(),
        sink,
    )
}

/// The decoder of a recorder's bytes, by the recorder's or the format's name.
fn decoder_of(recorder: &str) -> Box<dyn Decoder> {
    let format = detect::by_name(recorder)
        .or_else(|| detect::by_name("unspool-record"))
        .expect("the record format is in the list of formats");
    (format.decoder)(&DecoderOptions::default())
}

/// What is missing of a run: events that the recorder lost, what a decoder did not understand, damage of the files.
pub(crate) fn losses(reader: &RunReader) -> Vec<(String, u64)> {
    losses_of(reader.manifest(), &reader.losses())
}

/// The same of a run that is not here: events that its manifest counts as lost, and what else is known to be missing.
pub(crate) fn losses_of(manifest: &Manifest, found: &[Loss]) -> Vec<(String, u64)> {
    let mut losses = Vec::new();
    if manifest.counts.lost > 0 {
        losses.push(("events".to_owned(), manifest.counts.lost));
    }
    for loss in found {
        losses.push((loss.reason.clone(), loss.frames.max(1)));
    }
    losses
}

/// Which calls the recorder of a run wrote down. Logs and other tracers have all that they were asked for, which nothing tells.
pub(crate) fn detail_of(manifest: &Manifest) -> Detail {
    let is_native = matches!(manifest.recorder.name.as_str(), "ptrace" | "bpf");
    let options = manifest.recorder.options.iter();
    options
        .filter(|_| is_native)
        .filter_map(|option| option.strip_prefix("detail="))
        .find_map(Detail::by_name)
        .unwrap_or_default()
}

/// Bytes as they were, of text that a manifest escaped.
pub(crate) fn unescaped(text: &str) -> Vec<u8> {
    unspool_export::untrusted::unescape(text).unwrap_or_else(|| text.as_bytes().to_vec())
}
