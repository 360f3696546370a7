//! `unspool import`: logs of strace and ltrace, and raw records, into a run.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use unspool_decode::{DecodeStats, DecoderOptions, FORMATS, Format, TraceContext, detect, merge};
use unspool_model::event::{ClockKind, EventSink, Reason};
use unspool_model::step::{Step, StepSink};
use unspool_model::tracker::{Retention, TrackContext};
use unspool_model::world::World;
use unspool_record::scrub::{Payload, Policy, Rules, Scrubber};
use unspool_store::{Closing, Manifest, RawPolicy, Source as SourceInfo, TableWriter};

use super::{create_run, nearest};
use crate::cli::{ImportArgs, RedactChoice};
use crate::clock::{now_ns, random, run_id};
use crate::failure::{Failure, status};
use crate::pipeline::{Source, Walked, walk_events};
use crate::report::{count, eprint_line, eprint_next, plural, print, size};
use crate::scrubbed::ScrubbedEvents;
use crate::settings::Settings;
use crate::sources::ReadSource;

/// Name of the format of our own recorders.
const OWN_FORMAT: &str = "unspool-record";

/// Imports and gives the exit status.
pub(crate) fn run(settings: &Settings, args: &ImportArgs) -> Result<u8> {
    let input = Input::open(args)?;
    let policy = match args.redact {
        RedactChoice::Default => Policy::Default,
        RedactChoice::None => Policy::None,
    };
    let rules = rules(args.payload);
    let scrubber = Scrubber::with_rules(policy, random()?, &rules);
    if args.stats {
        // Nothing reaches the disk: there is nothing to scrub.
        let walked = input.walk(None, &mut Nothing)?;
        return answer(args, &walked, input.format);
    }
    let mut manifest = Manifest::new(&run_id()?);
    describe(settings, args, &input, &mut manifest);
    let mut writer = create_run(settings, &args.new_run, manifest)?;
    let folder = writer.folder().to_path_buf();
    let mut bounds = Bounds {
        tables: TableWriter::create(&folder).map_err(Failure::store)?,
        times: None,
        first_command: None,
        cuts_arguments: false,
        exit: None,
    };
    // Raw records were scrubbed by their recorder.
    let is_text = input.format.name != OWN_FORMAT;
    let scrubber = (policy == Policy::Default && is_text).then_some(&scrubber);
    let walked = input.walk(scrubber, &mut bounds);
    let refused = match &walked {
        Ok(walked) => args.strict && has_doubts(walked, input.format),
        Err(_) => true,
    };
    if refused {
        drop(bounds);
        writer.discard().map_err(Failure::store)?;
        return answer(args, &walked?, input.format);
    }
    let walked = walked?;
    complete(writer.manifest_mut(), &walked, &bounds);
    let mut summary = bounds.tables.finish().map_err(Failure::store)?;
    summary.clock = walked.stats.clock;
    let manifest = writer
        .close(&Closing {
            tables: Some(summary),
            raw: RawPolicy::Keep,
        })
        .map_err(Failure::store)?;
    if args.json {
        return answer(args, &walked, input.format);
    }
    if !args.quiet {
        say(&walked, &manifest, bounds.cuts_arguments, &folder);
        eprint_next(args.new_run.output.as_deref());
    }
    Ok(0)
}

/// Rules of a scrubber that keeps the data of calls, or does not.
pub(crate) fn rules(keeps_payload: bool) -> Rules {
    Rules {
        payload: if keeps_payload {
            Payload::Scrubbed
        } else {
            Payload::Never
        },
        ..Rules::default()
    }
}

/// Whether `--strict` refuses it. A log may end anywhere; records of our own come whole, so that a cut one is damage.
fn has_doubts(walked: &Walked, format: &Format) -> bool {
    let diagnostics = &walked.diagnostics;
    let is_cut = format.name == OWN_FORMAT && diagnostics.counts.contains_key(&Reason::CutAtEnd);
    is_cut || diagnostics.losses() > 0
}

/// What is imported.
struct Input {
    files: Vec<PathBuf>,
    format: &'static Format,
    context: TraceContext,
    /// Standard input, whose head was read already.
    opened: RefCell<Option<ReadSource>>,
}

impl Input {
    fn open(args: &ImportArgs) -> Result<Self> {
        let files = expand(&args.files)?;
        let [first, ..] = files.as_slice() else {
            return Err(Failure::input("the folder holds no file to import").into());
        };
        let (head, source) = open_one(first)?;
        let format = format_of(args, first, &head)?;
        if files.len() > 1 && format.name != "strace" {
            return Err(Failure::usage(format!(
                "several files of format {} cannot be merged",
                format.name
            ))
            .hint("only the files of one `strace -ff` can; import the others one by one")
            .into());
        }
        Ok(Self {
            context: context_beside(first)?,
            opened: RefCell::new(Some(source)),
            files,
            format,
        })
    }

    /// Decodes and tracks the input, each line scrubbed if there is a scrubber.
    fn walk<S: StepSink>(&self, scrubber: Option<&Scrubber>, sink: &mut S) -> Result<Walked> {
        let context = TrackContext {
            cwd: self.context.cwd.clone().unwrap_or_default(),
            top_pid: self.context.top_pid,
        };
        let options = DecoderOptions {
            context: self.context.clone(),
            // One file of a `strace -ff` names its thread in its own name.
            tid: self.files.first().and_then(|path| merge::pid_of(path)),
            ..DecoderOptions::default()
        };
        let feed = |events: &mut dyn EventSink| match scrubber {
            Some(scrubber) => self.feed(&options, &mut ScrubbedEvents::new(events, scrubber)),
            None => self.feed(&options, events),
        };
        walk_events(feed, Retention::Live, context, sink)
    }

    /// Gives the events of the input.
    fn feed(&self, options: &DecoderOptions, events: &mut dyn EventSink) -> Result<DecodeStats> {
        if self.files.len() > 1 {
            return merge::decode_files(&self.files, options, events)
                .map_err(|error| merge_failure(&error).into());
        }
        let opened = self.opened.borrow_mut().take();
        let source = match (opened, self.files.first()) {
            (Some(source), _) => source,
            (None, Some(path)) => ReadSource::open(path)?,
            (None, None) => return Ok(DecodeStats::default()),
        };
        let progress = Progress::of(&self.files);
        let mut source = Watched { source, progress };
        let mut decoder = (self.format.decoder)(options);
        while let Some(chunk) = source.next_chunk()? {
            decoder.push(chunk, events);
        }
        decoder.finish(events);
        Ok(decoder.stats())
    }
}

fn merge_failure(error: &merge::MergeError) -> Failure {
    Failure::input(format!("{error}: {}", error.source))
}

/// A progress bar on a terminal, for work that takes over half a second.
struct Progress {
    bar: Option<indicatif::ProgressBar>,
}

impl Progress {
    fn of(files: &[PathBuf]) -> Self {
        // Below this no import takes half a second.
        const SHOWN_FROM_BYTES: u64 = 32 << 20;
        let bytes: u64 = files
            .iter()
            .filter_map(|path| std::fs::metadata(path).ok())
            .map(|metadata| metadata.len())
            .sum();
        let style = indicatif::ProgressStyle::with_template(
            "{bytes} of {total_bytes} {wide_bar} {bytes_per_sec}, {eta} left",
        );
        let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let bar = match style {
            Ok(style) if is_terminal && bytes >= SHOWN_FROM_BYTES => {
                Some(indicatif::ProgressBar::new(bytes).with_style(style))
            }
            _ => None,
        };
        Self { bar }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A source that moves the progress bar.
struct Watched {
    source: ReadSource,
    progress: Progress,
}

impl Source for Watched {
    fn next_chunk(&mut self) -> Result<Option<&[u8]>> {
        if let Some(bar) = &self.progress.bar {
            bar.set_position(self.source.bytes);
        }
        self.source.next_chunk()
    }
}

/// Files of the operands: a folder stands for the files in it.
fn expand(operands: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for operand in operands {
        if !operand.is_dir() {
            files.push(operand.clone());
            continue;
        }
        let entries = std::fs::read_dir(operand)
            .with_context(|| format!("cannot read the folder `{}`", operand.display()))?;
        let mut inside = Vec::new();
        for entry in entries {
            let path = entry
                .with_context(|| format!("cannot read the folder `{}`", operand.display()))?
                .path();
            let is_log = path.is_file() && path.extension().is_none_or(|end| end != "ini");
            if is_log {
                inside.push(path);
            }
        }
        // The parts of a `strace -ff` end in a number; other files beside them are not of the set.
        let is_set = inside.iter().any(|path| merge::pid_of(path).is_some());
        inside.retain(|path| !is_set || merge::pid_of(path).is_some());
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

/// Opens one input and looks at its head without losing it.
fn open_one(path: &Path) -> Result<(Vec<u8>, ReadSource)> {
    let mut input: Box<dyn std::io::Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(path).map_err(|error| {
            Failure::input(format!("cannot open `{}`: {error}", path.display()))
        })?)
    };
    let name = path.display().to_string();
    let mut head = Vec::new();
    input
        .by_ref()
        .take(detect::DETECT_BYTES_MAX as u64)
        .read_to_end(&mut head)
        .map_err(|error| Failure::input(format!("cannot read `{name}`: {error}")))?;
    let whole = std::io::Cursor::new(head.clone()).chain(input);
    Ok((head, ReadSource::new(Box::new(whole), name)))
}

fn format_of(args: &ImportArgs, file: &Path, head: &[u8]) -> Result<&'static Format> {
    let names = || {
        FORMATS
            .iter()
            .map(|format| format.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(name) = &args.format {
        return detect::by_name(name).ok_or_else(|| {
            let failure = Failure::usage(format!("there is no format `{name}`"));
            let alike = nearest(name, FORMATS.iter().map(|format| format.name));
            failure
                .hint(match alike {
                    Some(alike) => format!("did you mean `{alike}`? there are: {}", names()),
                    None => format!("there are: {}", names()),
                })
                .into()
        });
    }
    if head.is_empty() {
        return Err(Failure::input(format!("`{}` is empty", file.display())).into());
    }
    let file_name = file.file_name().unwrap_or_default().to_string_lossy();
    detect(head, &file_name).ok_or_else(|| {
        let accepted: Vec<_> = FORMATS
            .iter()
            .map(|format| format!("    {:<15} {}", format.name, format.doc))
            .collect();
        Failure::input(format!(
            "cannot tell the format of `{}`: {}",
            file.display(),
            detect::describe(head)
        ))
        .hint(format!(
            "accepted are, by `--format` also where they are not recognised:\n{}",
            accepted.join("\n")
        ))
        .into()
    })
}

/// What the `.ini` beside the log says: `x.log` has `x.ini`.
fn context_beside(log: &Path) -> Result<TraceContext> {
    let ini = log.with_extension("ini");
    if ini == log || !ini.is_file() {
        return Ok(TraceContext::default());
    }
    let text = std::fs::read(&ini).with_context(|| format!("cannot read `{}`", ini.display()))?;
    Ok(TraceContext::from_ini(&text))
}

/// Takes steps and keeps nothing: for `--stats`.
struct Nothing;

impl StepSink for Nothing {
    fn step(&mut self, _step: &Step<'_>, _world: &World) {}
}

/// Writes tables, and notes what the manifest says of the whole.
struct Bounds {
    tables: TableWriter,
    times: Option<(i64, i64)>,
    first_command: Option<Vec<String>>,
    /// Whether the log has only the beginning of some argument of a command.
    cuts_arguments: bool,
    exit: Option<unspool_store::Exit>,
}

impl StepSink for Bounds {
    fn step(&mut self, step: &Step<'_>, world: &World) {
        let end_ns = step.time_ns.saturating_add(step.duration_ns.unwrap_or(0));
        let (first, last) = self.times.get_or_insert((step.time_ns, end_ns));
        *first = (*first).min(step.time_ns);
        *last = (*last).max(end_ns);
        self.tables.step(step, world);
    }

    fn process(&mut self, process: &unspool_model::world::Process) {
        use unspool_model::event::ExitStatus;
        self.cuts_arguments |= process
            .images
            .iter()
            .any(|image| image.argv_cut && !image.argv.is_empty());
        if process.id.0 == 0 {
            self.first_command = process.image().map(|image| {
                image
                    .argv
                    .iter()
                    .map(|word| unspool_export::escape(word))
                    .collect()
            });
            let (code, signal) = match process.exit {
                Some(ExitStatus::Exited(code)) => (Some(code), None),
                Some(ExitStatus::Killed { signal, .. }) => (None, Some(signal)),
                _ => (None, None),
            };
            self.exit = Some(unspool_store::Exit { code, signal });
        }
        self.tables.process(process);
    }

    fn session(&mut self, session: &unspool_model::world::Session) {
        self.tables.session(session);
    }

    fn descriptor(&mut self, descriptor: &unspool_model::world::Descriptor) {
        self.tables.descriptor(descriptor);
    }

    fn access(&mut self, access: &unspool_model::world::Access) {
        self.tables.access(access);
    }

    fn link(&mut self, link: &unspool_model::world::Link) {
        self.tables.link(link);
    }

    fn resource(&mut self, resource: &unspool_model::world::Resource) {
        self.tables.resource(resource);
    }
}

fn describe(settings: &Settings, args: &ImportArgs, input: &Input, manifest: &mut Manifest) {
    let context = &input.context;
    manifest.host = context.host.clone().unwrap_or_default();
    manifest.user.clone_from(&settings.user);
    manifest.cwd = context
        .cwd
        .as_ref()
        .map(|cwd| unspool_export::escape(cwd))
        .unwrap_or_default();
    manifest.start_ns = now_ns();
    input.format.name.clone_into(&mut manifest.recorder.name);
    "import".clone_into(&mut manifest.recorder.version);
    if args.payload {
        manifest.recorder.options = vec!["payload=kept".to_owned()];
    }
    manifest.sources = input
        .files
        .iter()
        .map(|path| SourceInfo {
            path: unspool_export::escape(path.as_os_str().as_encoded_bytes()),
            bytes: std::fs::metadata(path).map_or(0, |metadata| metadata.len()),
            format: input.format.name.to_owned(),
        })
        .collect();
    manifest.redact = match args.redact {
        RedactChoice::Default => "default".to_owned(),
        RedactChoice::None => "none".to_owned(),
    };
}

fn complete(manifest: &mut Manifest, walked: &Walked, bounds: &Bounds) {
    if let Some((first, last)) = bounds.times {
        manifest.start_ns = first;
        manifest.end_ns = Some(last);
    }
    manifest.command = bounds.first_command.clone().unwrap_or_default();
    manifest.exit.clone_from(&bounds.exit);
    let lost = walked.diagnostics.losses();
    manifest.counts.seen = walked.steps + lost;
    manifest.counts.recorded = walked.steps;
    manifest.counts.lost = lost;
    if let Some(counts) = walked.counts {
        manifest.counts.seen = counts.seen;
        manifest.counts.recorded = counts.recorded;
        manifest.counts.folded = counts.folded;
        manifest.counts.lost = counts.lost + lost;
    }
    manifest.diagnostics = walked.diagnostics.by_name();
    manifest.architectures = walked.architectures.names();
}

fn say(walked: &Walked, manifest: &Manifest, cuts_arguments: bool, folder: &Path) {
    let bytes = unspool_store::folder_bytes(folder).unwrap_or(0);
    eprint_line(&format!(
        "imported {} of {} from {} -> run {} ({})",
        plural(walked.steps, "event", "events"),
        plural(walked.world.processes.len() as u64, "process", "processes"),
        plural(walked.stats.lines, "line", "lines"),
        manifest.id,
        size(bytes)
    ));
    for (reason, number) in &walked.diagnostics.counts {
        eprint_line(&format!("  {}: {}", reason.as_str(), count(*number)));
    }
    if walked.diagnostics.losses() > 0 {
        for diagnostic in walked
            .diagnostics
            .first
            .iter()
            .filter(|one| one.reason.is_loss())
        {
            eprint_line(&format!(
                "  line {}: {}: {}",
                diagnostic.line,
                diagnostic.reason.as_str(),
                unspool_export::escape(&diagnostic.excerpt)
            ));
        }
    }
    missing(&walked.stats);
    if cuts_arguments && walked.stats.lines > 0 {
        eprint_line("  the log cuts arguments of commands (strace -s 4096 keeps them whole)");
    }
}

/// Says what the log does not have and which option of the tracer would have given it.
fn missing(stats: &DecodeStats) {
    use unspool_decode::Features;
    if stats.calls == 0 {
        // `strace -c` alone writes a table of sums.
        eprint_line("  the log has no calls: there is little to show");
    } else if stats.clock == ClockKind::None {
        eprint_line("  the log has no times (strace -ttt gives them): events are numbered");
    }
    let has = |feature| stats.features.contains(feature);
    if stats.calls > 0 && stats.lines > 0 && stats.duration_ns == 0 && !has(Features::DURATION) {
        eprint_line("  the log has no durations (strace -T gives them)");
    }
    if stats.calls > 0 && stats.lines > 0 && !has(Features::OBJECTS) && stats.library_calls == 0 {
        eprint_line(
            "  the log does not say what descriptors are (strace -y does): paths are claims",
        );
    }
}

fn status_of(args: &ImportArgs, walked: &Walked, format: &Format) -> u8 {
    if args.strict && has_doubts(walked, format) {
        status::NO
    } else {
        0
    }
}

/// Statistics on standard output.
fn answer(args: &ImportArgs, walked: &Walked, format: &Format) -> Result<u8> {
    if args.json {
        print(&format!("{}\n", stats_json(walked, format)))?;
        return Ok(status_of(args, walked, format));
    }
    let stats = &walked.stats;
    let mut text = format!("format            {}\n", format.name);
    let carries: Vec<&str> = stats.features.names().collect();
    if !carries.is_empty() {
        text.push_str(&format!("carries           {}\n", carries.join(", ")));
    }
    for (name, number) in figures(walked) {
        text.push_str(&format!("{name:<17} {}\n", count(number)));
    }
    for (reason, number) in &walked.diagnostics.counts {
        text.push_str(&format!("  {}: {}\n", reason.as_str(), count(*number)));
    }
    for diagnostic in &walked.diagnostics.first {
        text.push_str(&format!(
            "  line {}, byte {}: {}: {}\n",
            diagnostic.line,
            diagnostic.offset,
            diagnostic.reason.as_str(),
            unspool_export::escape(&diagnostic.excerpt)
        ));
    }
    print(&text)?;
    Ok(status_of(args, walked, format))
}

fn figures(walked: &Walked) -> Vec<(&'static str, u64)> {
    let stats = &walked.stats;
    vec![
        ("bytes", stats.bytes),
        ("lines", stats.lines),
        ("lines_accounted", stats.accounted()),
        ("events", walked.steps),
        ("processes", walked.world.processes.len() as u64),
        ("calls", stats.calls),
        ("library_calls", stats.library_calls),
        ("unfinished", stats.unfinished),
        ("resumed", stats.resumed),
        ("signals", stats.signals),
        ("exits", stats.exits),
        ("repaired", stats.repaired),
        ("output_lines", stats.output_lines),
        ("note_lines", stats.note_lines),
        ("not_understood", walked.diagnostics.losses()),
    ]
}

fn stats_json(walked: &Walked, format: &Format) -> String {
    let figures = figures(walked)
        .into_iter()
        .map(|(name, number)| format!("\"{name}\":{number}"))
        .collect::<Vec<_>>()
        .join(",");
    let reasons = walked
        .diagnostics
        .counts
        .iter()
        .map(|(reason, number)| format!("\"{}\":{number}", reason.as_str()))
        .collect::<Vec<_>>()
        .join(",");
    format!(
        "{{\"unspool\":1,\"kind\":\"import-stats\",\"format\":\"{}\",\"clock\":\"{}\",{figures},\"diagnostics\":{{{reasons}}}}}",
        format.name,
        unspool_store::clock_name(walked.stats.clock)
    )
}
