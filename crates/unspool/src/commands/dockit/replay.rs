//! A log becomes the files of its flow and its summary.

use std::fs::File;
use std::io::{BufWriter, Read as _, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use unspool_analyze::cim::{Collector, Machine};
use unspool_analyze::flow::{Flows, Line, Story, Style, arguments, result};
use unspool_decode::{DecoderOptions, Format, detect};
use unspool_export::cim::{time_of_day, write_text, write_xml};
use unspool_export::dockit::{Batch, FlowWriter, Status, moniker};
use unspool_export::escape;
use unspool_model::event::{EventSink, Outcome};
use unspool_model::ids::ProcessId;
use unspool_model::step::{Step, StepSink};
use unspool_model::tracker::{Retention, TrackContext};
use unspool_model::world::{Access, Process, Resource, World};
use unspool_record::scrub::{Policy, Scrubber};

use super::ini::Ini;
use super::{SummaryForm, Wanted, with_ending};
use crate::commands::export::write_whole;
use crate::commands::import::rules;
use crate::failure::Failure;
use crate::pipeline::{Source as _, Walked, walk_events};
use crate::report::eprint_line;
use crate::scrubbed::ScrubbedEvents;
use crate::sources::ReadSource;

/// A log that was read.
pub(super) struct Replay {
    /// Tracer that wrote it.
    pub(super) tracer: &'static str,
    told: Told,
    machine: Machine,
    walked: Walked,
    top_pid: Option<u32>,
}

/// A log and what is known about it.
pub(super) struct Log<'p> {
    /// Where it is.
    pub(super) path: &'p Path,
    /// Its format.
    pub(super) format: &'static Format,
    /// What the file beside it says.
    pub(super) ini: Ini,
    scrubber: Scrubber,
}

impl<'p> Log<'p> {
    /// Looks at the log. `tracer`: what wrote it; by its name or its content where nobody says so. `payload`: whether data
    /// of calls is looked at.
    pub(super) fn open(
        path: &'p Path,
        tracer: Option<&'static str>,
        payload: bool,
    ) -> Result<Self> {
        let format = format(path, tracer)?;
        Ok(Self {
            path,
            format,
            ini: Ini::beside(path)?,
            scrubber: Scrubber::with_rules(Policy::Default, key_of(path)?, &rules(payload)),
        })
    }

    /// Reads it through.
    pub(super) fn walk<S: StepSink>(&self, retention: Retention, sink: &mut S) -> Result<Walked> {
        let context = &self.ini.context;
        let options = DecoderOptions {
            context: context.clone(),
            ..DecoderOptions::default()
        };
        let tracked = TrackContext {
            cwd: context.cwd.clone().unwrap_or_default(),
            top_pid: context.top_pid,
        };
        let feed = |events: &mut dyn EventSink| {
            let mut source = ReadSource::open(self.path)?;
            let mut decoder = (self.format.decoder)(&options);
            let mut scrubbed = ScrubbedEvents::new(events, &self.scrubber);
            while let Some(chunk) = source.next_chunk()? {
                decoder.push(chunk, &mut scrubbed);
            }
            decoder.finish(&mut scrubbed);
            Ok(decoder.stats())
        };
        walk_events(feed, retention, tracked, sink)
    }
}

impl Replay {
    /// Reads the log. `payload`: whether SQL is looked for in its data.
    pub(super) fn open(log: &Log<'_>, payload: bool) -> Result<Self> {
        let mut told = Told::default();
        if payload {
            told.collector = Collector::with_statements();
        }
        let walked = log.walk(Retention::Live, &mut told)?;
        told.world.clock = walked.stats.clock;
        told.world.resources.sort_by_key(|resource| resource.id);
        told.flows.finish(&told.world);
        Ok(Self {
            tracer: log.format.name,
            told,
            machine: log.ini.machine.clone(),
            walked,
            top_pid: log.ini.context.top_pid.map(|pid| pid.0),
        })
    }

    /// The first process: what the `.ini` says, else the first of the log.
    pub(super) fn top_pid(&self) -> u32 {
        let first = self.told.world.iter_processes().next();
        self.top_pid
            .or_else(|| first.map(|process| process.pid.0))
            .unwrap_or(0)
    }

    /// Writes the files.
    pub(super) fn write(&self, base: &Path, wanted: &Wanted) -> Result<()> {
        let file = with_ending(base, wanted.flow.ending());
        write_file(&file, wanted, &|out| self.flow(wanted, out))?;
        let Some(form) = wanted.summary else {
            self.warn(wanted);
            return Ok(());
        };
        let world = &self.told.world;
        let groups = self
            .told
            .collector
            .objects(world, &self.machine, &wanted.select);
        let ending = match form {
            SummaryForm::Xml => "xml",
            SummaryForm::Txt => "summary.txt",
        };
        write_file(&with_ending(base, ending), wanted, &|out| match form {
            SummaryForm::Xml => write_xml(&groups, world.clock, out),
            SummaryForm::Txt => write_text(&groups, world.clock, out),
        })?;
        self.warn(wanted);
        Ok(())
    }

    /// Flows by descending pid, as dockit has them.
    fn flow(&self, wanted: &Wanted, out: &mut dyn Write) -> std::io::Result<()> {
        let world = &self.told.world;
        let pid = |process: ProcessId| world.process(process).map_or(0, |process| process.pid.0);
        let mut stories: Vec<(ProcessId, &Story)> = self.told.flows.stories().collect();
        stories.sort_by_key(|(process, _)| std::cmp::Reverse((pid(*process), *process)));
        let mut writer = FlowWriter::begin(wanted.flow, out)?;
        for (process, story) in stories {
            let calls = story.lines.iter().map(|line| line.calls).sum();
            writer.flow(pid(process), calls)?;
            for line in &story.lines {
                writer.batch(&self.batch(pid(process), line))?;
            }
        }
        writer.finish()
    }

    fn batch(&self, pid: u32, line: &Line) -> Batch {
        let world = &self.told.world;
        let mut function = Vec::new();
        self.told
            .flows
            .function_with(line, b"@SYS", usize::MAX, &mut function);
        let return_value = match (result(line), line.outcome) {
            _ if line.style != Style::Single => "N/A".to_owned(),
            (Some(error), Some(Outcome::Failed(_))) => format!("-1 {error}"),
            (Some(value), _) => value,
            (None, _) => "N/A".to_owned(),
        };
        Batch {
            pid,
            occurrences: line.times,
            style: match line.style {
                Style::Single => "",
                Style::Life => "Args",
                Style::Repeated => "Rept",
                Style::Mixed => "Mix",
            },
            status: match (line.style, line.outcome) {
                (Style::Single, Some(Outcome::Unfinished)) => Status::Unfinished,
                (Style::Single, _) => Status::Plain,
                _ => Status::Sequence,
            },
            function: escape(&function),
            arguments: arguments(line, world)
                .iter()
                .map(|name| moniker(name))
                .collect(),
            return_value,
            time_start: time_of_day(line.start_ns, world.clock),
            time_end: time_of_day(line.end_ns, world.clock),
        }
    }

    fn warn(&self, wanted: &Wanted) {
        let diagnostics = &self.walked.diagnostics;
        let losses = diagnostics.losses();
        if wanted.warn {
            for (reason, count) in diagnostics.by_name() {
                eprint_line(&format!("warning: {reason}: {count}"));
            }
        } else if losses > 0 {
            eprint_line(&format!(
                "{losses} lines were not understood; `-w` says of which kinds"
            ));
        }
    }
}

/// Writes a file, and says so if that is wanted.
fn write_file(
    path: &Path,
    wanted: &Wanted,
    write: &dyn Fn(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    write_whole(path, |file| {
        let mut out = BufWriter::with_capacity(1 << 16, file);
        write(&mut out).and_then(|()| out.flush())?;
        Ok(())
    })?;
    if wanted.verbose {
        eprint_line(&format!("wrote {}", path.display()));
    }
    Ok(())
}

/// What a walk over the log tells, as much as the files need.
#[derive(Default)]
struct Told {
    flows: Flows,
    collector: Collector,
    world: World,
}

impl StepSink for Told {
    fn step(&mut self, step: &Step<'_>, world: &World) {
        self.flows.step(step, world);
        self.collector.step(step);
    }

    fn process(&mut self, process: &Process) {
        let place = process.id.index();
        if self.world.processes.len() <= place {
            self.world.processes.resize(place + 1, None);
        }
        if let Some(slot) = self.world.processes.get_mut(place) {
            *slot = Some(Box::new(process.clone()));
        }
    }

    fn access(&mut self, access: &Access) {
        self.world.accesses.push(access.clone());
    }

    fn resource(&mut self, resource: &Resource) {
        self.world.resources.push(resource.clone());
    }
}

fn format(log: &Path, tracer: Option<&'static str>) -> Result<&'static Format> {
    let mut head = Vec::new();
    File::open(log)
        .and_then(|file| {
            file.take(detect::DETECT_BYTES_MAX as u64)
                .read_to_end(&mut head)
        })
        .map_err(|error| Failure::input(format!("cannot read `{}`: {error}", log.display())))?;
    let name = log.file_name().unwrap_or_default().to_string_lossy();
    let by_name = tracer.or_else(|| {
        // `x.strace.4711.log`, `x.ltrace.log`.
        ["strace", "ltrace", "pydbg"]
            .into_iter()
            .find(|tracer| name.split('.').any(|part| part == *tracer))
    });
    let format = match by_name {
        Some(name) => detect::by_name(name),
        None => detect(&head, &name),
    };
    format
        .filter(|format| matches!(format.name, "strace" | "ltrace" | "pydbg"))
        .ok_or_else(|| {
            Failure::input(format!(
                "`{}` is no log of strace, ltrace or pydbg",
                log.display()
            ))
            .hint("say which it is with `-t`; other formats: `unspool import`")
            .into()
        })
}

/// Key of the tokens that stand for secrets: the same for the same log, so that each replay gives the same bytes.
fn key_of(log: &Path) -> Result<[u8; 32]> {
    use std::hash::Hasher as _;
    let mut input = File::open(log)
        .with_context(|| format!("cannot open `{}`", log.display()))?
        .take(KEY_BYTES);
    let mut text = Vec::new();
    input
        .read_to_end(&mut text)
        .with_context(|| format!("cannot read `{}`", log.display()))?;
    let mut key = [0; 32];
    for (part, bytes) in key.chunks_mut(8).enumerate() {
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_usize(part);
        hasher.write(&text);
        bytes.copy_from_slice(&hasher.finish().to_le_bytes());
    }
    Ok(key)
}

/// Bytes of the log from which its key is made.
const KEY_BYTES: u64 = 1 << 20;
