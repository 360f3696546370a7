//! `unspool record`: run a command, or attach, and record it.

use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use unspool_model::event::ClockKind;
use unspool_record::contents::Contents;
use unspool_record::external::{self, Tracer, TracerOptions};
use unspool_record::scrub::{Payload, Policy, Rules, Scrubber};
use unspool_record::{
    Command, Control, Detail, Exit, Filter, Outcome, RecordError, RecordOptions, RecordSink,
    SinkError, Wait, bpf, probe,
};
use unspool_store::{Closing, Manifest, RawPolicy, RunReader, RunWriter, TableSummary};

use super::create_run;
use crate::cli::{DetailChoice, RecordArgs, RecorderChoice, RedactChoice, WaitChoice};
use crate::clock::{now_ns, random, run_id};
use crate::failure::{Failure, status};
use crate::pipeline::Walked;
use crate::report::{
    count, duration, eprint_error, eprint_line, eprint_next, parse_size, plural, size,
};
use crate::settings::Settings;
use crate::sources::FrameSource;
use crate::stored::walk_into_tables;
use crate::times::Interval;

/// How long strings of an external tracer may be when no payload is asked for: paths are never cut, arguments rarely.
const TRACER_STRING_BYTES: usize = 4096;

/// Between two calls of fdatasync.
const SYNC_EVERY_NS: i64 = 1_000_000_000;

/// Records and gives the exit status.
pub(crate) fn run(settings: &Settings, args: &RecordArgs) -> Result<u8> {
    check_what(args)?;
    let scrubber = Arc::new(scrubber(settings, args)?);
    let recorder = choose(args);
    check_sampling(args, recorder)?;
    let bpf_options = bpf_options(args, recorder)?;
    let writer = create_run(
        settings,
        &args.new_run,
        manifest(settings, args, recorder, &scrubber)?,
    )?;
    let folder = writer.folder().to_path_buf();
    let mut sink = FrameSink {
        writer,
        last_sync_ns: now_ns(),
    };
    let mut recorder = recorder;
    let mut recorded = record(settings, args, recorder, bpf_options, &scrubber, &mut sink);
    if let Err(error @ RecordError::Bpf { .. }) = &recorded
        && can_do_without_bpf(args)
    {
        let note = format!("recorded with ptrace: {error}");
        recorder = RecorderChoice::Ptrace;
        let told = &mut sink.writer.manifest_mut().recorder;
        recorder_name(recorder).clone_into(&mut told.name);
        told.options = options_text(args, recorder);
        recorded = record(settings, args, recorder, bpf_options, &scrubber, &mut sink);
        if let Ok(outcome) = &mut recorded {
            outcome.notes.insert(0, note);
        }
    }
    let writer = sink.writer;
    let outcome = match recorded {
        Ok(outcome) => outcome,
        Err(error) => {
            abandon(writer);
            return Err(record_failure(&error).into());
        }
    };
    let closed = close(writer, &folder, recorder, args, &outcome);
    let code = exit_status(&outcome, closed.is_ok());
    match closed {
        Ok(closed) if !args.quiet => {
            say(&closed, &outcome, args.new_run.output.as_deref());
        }
        Ok(_) => say_what_stopped_it(&outcome),
        Err(error) => eprint_error(&error),
    }
    if let Some(baseline) = &args.expect
        && let Err(error) = super::diff::expect(settings, baseline, &folder)
    {
        // The command's status is not changed by what could not be compared.
        eprint_error(&error);
    }
    Ok(code)
}

/// One thing is recorded: a command, processes, a control group, or the machine.
fn check_what(args: &RecordArgs) -> Result<()> {
    let ways = [
        (!args.command.is_empty(), "a command"),
        (!args.pid.is_empty(), "`-p PID`"),
        (args.cgroup.is_some(), "`--cgroup PATH`"),
        (args.all, "`--all`"),
    ];
    let asked: Vec<&str> = ways
        .iter()
        .filter(|(is_asked, _)| *is_asked)
        .map(|(_, name)| *name)
        .collect();
    let message = match asked.as_slice() {
        [_] => return Ok(()),
        [] => "there is no command to record".to_owned(),
        many => format!(
            "there is {}: only one of them can be recorded",
            many.join(" and ")
        ),
    };
    Err(Failure::new(status::RECORD, message)
        .hint("unspool record -- COMMAND [ARGS]..., or: unspool record -p PID")
        .into())
}

/// Whether another recorder may take the place of `bpf` where its programs cannot be loaded after all.
fn can_do_without_bpf(args: &RecordArgs) -> bool {
    args.recorder == RecorderChoice::Auto
        && args.cgroup.is_none()
        && !args.all
        && !args.lossless
        && args.ring.is_none()
}

/// What only `bpf` has.
fn bpf_options(args: &RecordArgs, recorder: RecorderChoice) -> Result<bpf::BpfOptions> {
    let asked = [
        (args.ring.is_some(), "--ring"),
        (args.lossless, "--lossless"),
        (args.cgroup.is_some(), "--cgroup"),
        (args.all, "--all"),
    ];
    if recorder != RecorderChoice::Bpf
        && let Some((_, name)) = asked.iter().find(|(is_asked, _)| *is_asked)
    {
        let chosen = recorder_name(recorder);
        return Err(Failure::usage(format!("{chosen} has no `{name}`"))
            .hint("record with `--recorder bpf`; `unspool doctor` says whether it works here")
            .into());
    }
    let mut options = bpf::BpfOptions {
        lossless: args.lossless,
        ..bpf::BpfOptions::default()
    };
    if let Some(text) = &args.ring {
        let bytes = parse_size(text)
            .and_then(|bytes| u32::try_from(bytes).ok())
            // Rounded up to a power of two: 256k, which are 256,000, are enough.
            .filter(|bytes| {
                let rounded = bytes.checked_next_power_of_two().unwrap_or(u32::MAX);
                (bpf::RING_BYTES_MIN..=bpf::RING_BYTES_MAX).contains(&rounded)
            });
        options.ring_bytes = bytes.ok_or_else(|| {
            Failure::usage(format!("`{text}` is no size of a ring"))
                .hint("256k to 1G, as in `--ring 256M`")
        })?;
    }
    Ok(options)
}

fn scrubber(settings: &Settings, args: &RecordArgs) -> Result<Scrubber> {
    let policy = match args.redact {
        RedactChoice::Default => Policy::Default,
        RedactChoice::None => Policy::None,
    };
    let rules = Rules {
        payload: if args.payload > 0 {
            Payload::Scrubbed
        } else {
            Payload::Never
        },
        ..Rules::default()
    };
    let mut scrubber = Scrubber::with_rules(policy, random()?, &rules);
    scrubber.learn_argv(&argv_bytes(args));
    scrubber.learn_env(&settings.environment);
    Ok(scrubber)
}

fn argv_bytes(args: &RecordArgs) -> Vec<Vec<u8>> {
    args.command
        .iter()
        .map(|word| word.clone().into_vec())
        .collect()
}

/// `auto`: the cheapest that this machine allows and that can do what is asked.
fn choose(args: &RecordArgs) -> RecorderChoice {
    match args.recorder {
        RecorderChoice::Auto if bpf::may_work() => RecorderChoice::Bpf,
        RecorderChoice::Auto => RecorderChoice::Ptrace,
        other => other,
    }
}

fn recorder_name(recorder: RecorderChoice) -> &'static str {
    match recorder {
        RecorderChoice::Auto | RecorderChoice::Ptrace => "ptrace",
        RecorderChoice::Bpf => "bpf",
        RecorderChoice::Strace => "strace",
        RecorderChoice::Ltrace => "ltrace",
    }
}

fn manifest(
    settings: &Settings,
    args: &RecordArgs,
    recorder: RecorderChoice,
    scrubber: &Scrubber,
) -> Result<Manifest> {
    use unspool_record::Scrub as _;
    let mut argv = argv_bytes(args);
    scrubber.argv(&mut argv);
    let mut manifest = Manifest::new(&run_id()?);
    manifest.command = argv
        .iter()
        .map(|word| unspool_export::escape(word))
        .collect();
    if manifest.command.is_empty() {
        manifest.command = args.pid.iter().map(|pid| format!("-p {pid}")).collect();
    }
    if let Some(path) = &args.cgroup {
        manifest.command = vec![format!("--cgroup {}", path.display())];
    }
    if args.all {
        manifest.command = vec!["--all".to_owned()];
    }
    manifest.host = kernel_says("hostname");
    manifest.kernel = kernel_says("osrelease");
    manifest.user.clone_from(&settings.user);
    manifest.cwd = settings
        .cwd
        .as_ref()
        .map(|cwd| unspool_export::escape(cwd.as_os_str().as_encoded_bytes()))
        .unwrap_or_default();
    manifest.start_ns = now_ns();
    // All recorders give times since the epoch.
    unspool_store::clock_name(ClockKind::Epoch).clone_into(&mut manifest.clock);
    recorder_name(recorder).clone_into(&mut manifest.recorder.name);
    manifest.recorder.version = version(recorder);
    manifest.recorder.options = options_text(args, recorder);
    manifest.redact = match args.redact {
        RedactChoice::Default => "default".to_owned(),
        RedactChoice::None => "none".to_owned(),
    };
    Ok(manifest)
}

/// A one-line file of `/proc/sys/kernel`; empty where there is none.
fn kernel_says(name: &str) -> String {
    std::fs::read_to_string(format!("/proc/sys/kernel/{name}"))
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

fn version(recorder: RecorderChoice) -> String {
    let external = match recorder {
        RecorderChoice::Strace => external::version(Tracer::Strace, None),
        RecorderChoice::Ltrace => external::version(Tracer::Ltrace, None),
        RecorderChoice::Auto | RecorderChoice::Bpf | RecorderChoice::Ptrace => None,
    };
    external.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned())
}

fn options_text(args: &RecordArgs, recorder: RecorderChoice) -> Vec<String> {
    let detail = detail(args.detail).name();
    let wait = match args.wait {
        WaitChoice::Main => "main",
        WaitChoice::All => "all",
    };
    let mut options = vec![
        format!("detail={detail}"),
        format!("wait={wait}"),
        format!("payload={}", args.payload),
        match sample(args).filter(|_| !is_external(recorder)) {
            Some(every) => format!("sample={every:?}"),
            None => "sample=0".to_owned(),
        },
    ];
    if recorder == RecorderChoice::Ptrace && filter(args) == Filter::Seccomp {
        options.push("filter=seccomp".to_owned());
    }
    if args.hash {
        options.push("hash=1".to_owned());
    }
    if let Some(size) = &args.ring {
        options.push(format!("ring={size}"));
    }
    if args.lossless {
        options.push("lossless=1".to_owned());
    }
    options
}

fn record(
    settings: &Settings,
    args: &RecordArgs,
    recorder: RecorderChoice,
    bpf_options: bpf::BpfOptions,
    scrubber: &Arc<Scrubber>,
    sink: &mut FrameSink,
) -> Result<Outcome, RecordError> {
    let command = Command {
        argv: args.command.clone(),
        cwd: None,
        search_path: settings.search_path.clone(),
    };
    let pids: Vec<i32> = args
        .pid
        .iter()
        .filter_map(|pid| i32::try_from(*pid).ok())
        .collect();
    let wait = match args.wait {
        WaitChoice::Main => Wait::Main,
        WaitChoice::All => Wait::All,
    };
    let control = Control::default();
    let tracer = match recorder {
        RecorderChoice::Strace => Tracer::Strace,
        RecorderChoice::Ltrace => Tracer::Ltrace,
        RecorderChoice::Auto | RecorderChoice::Bpf | RecorderChoice::Ptrace => {
            let options = RecordOptions {
                payload_bytes: args.payload,
                wait,
                detail: detail(args.detail),
                filter: filter(args),
                sample: sample(args),
                scrub: Arc::clone(scrubber) as Arc<dyn unspool_record::Scrub>,
            };
            if recorder == RecorderChoice::Bpf {
                return match target(args, &pids) {
                    None => bpf::record_command(&command, &options, bpf_options, sink, &control),
                    Some(target) => bpf::attach(&target, &options, bpf_options, sink, &control),
                };
            }
            return if pids.is_empty() {
                unspool_record::record_command(&command, &options, sink, &control)
            } else {
                unspool_record::attach(&pids, &options, sink, &control)
            };
        }
    };
    let options = TracerOptions {
        program: None,
        scratch: std::path::absolute(sink.writer.folder()).unwrap_or_default(),
        string_len_max: args.payload.max(TRACER_STRING_BYTES),
        wait,
        scrubber: Arc::clone(scrubber),
    };
    if pids.is_empty() {
        external::record_with_tracer(tracer, &command, &options, &control, sink)
    } else {
        external::attach_with_tracer(tracer, &pids, &options, &control, sink)
    }
}

/// How often use is sampled: every second if nothing else is said. Its cost is in `docs/recording.md`.
fn sample(args: &RecordArgs) -> Option<std::time::Duration> {
    match args.sample {
        Some(Interval(every)) => every,
        None => Some(std::time::Duration::from_secs(1)),
    }
}

fn is_external(recorder: RecorderChoice) -> bool {
    matches!(recorder, RecorderChoice::Strace | RecorderChoice::Ltrace)
}

/// Only the native recorders know the processes while they run.
fn check_sampling(args: &RecordArgs, recorder: RecorderChoice) -> Result<()> {
    if is_external(recorder) && args.sample.is_some_and(|Interval(every)| every.is_some()) {
        let name = recorder_name(recorder);
        return Err(Failure::usage(format!("{name} cannot sample"))
            .hint("leave `--sample` out, or record with `--recorder ptrace`")
            .into());
    }
    Ok(())
}

/// What is recorded with BPF when there is no command.
fn target(args: &RecordArgs, pids: &[i32]) -> Option<bpf::Target> {
    match &args.cgroup {
        Some(path) => Some(bpf::Target::Group(path.clone())),
        None if args.all => Some(bpf::Target::All),
        None if pids.is_empty() => None,
        None => Some(bpf::Target::Processes(pids.to_vec())),
    }
}

fn detail(choice: DetailChoice) -> Detail {
    match choice {
        DetailChoice::Full => Detail::Full,
        DetailChoice::Io => Detail::Io,
        DetailChoice::Names => Detail::Names,
        DetailChoice::Tree => Detail::Tree,
    }
}

/// How unwanted calls of `io` and `names` pass: by a seccomp filter in a command of ours, where the kernel has it. A process that
/// runs already cannot be given one.
fn filter(args: &RecordArgs) -> Filter {
    let is_reduced = matches!(args.detail, DetailChoice::Io | DetailChoice::Names);
    if is_reduced && args.pid.is_empty() && probe::has_seccomp_trace() {
        Filter::Seccomp
    } else {
        Filter::Stops
    }
}

fn record_failure(error: &RecordError) -> Failure {
    let failure = Failure::new(error.code(), error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Nothing was recorded: what was made for it goes, so that the user can try again.
fn abandon(writer: RunWriter) {
    if let Err(error) = writer.discard() {
        eprint_error(&Failure::store(error).into());
    }
}

/// A run that was closed.
struct Closed {
    manifest: Manifest,
    folder: std::path::PathBuf,
    processes: usize,
}

/// Decodes what was recorded, writes the tables and seals the run.
fn close(
    mut writer: RunWriter,
    folder: &Path,
    recorder: RecorderChoice,
    args: &RecordArgs,
    outcome: &Outcome,
) -> Result<Closed> {
    if let Err(error) = writer.sync() {
        eprint_error(&Failure::store(error).into());
    }
    // What others started may see other files under the same names.
    let contents = (!args.command.is_empty())
        .then(|| Contents::new(writer.manifest_mut().start_ns, args.hash));
    let (walked, summary) = match make_tables(folder, recorder, contents) {
        Ok((walked, summary)) => (walked, summary),
        Err(error) => {
            close_without_tables(writer, folder, &error, outcome);
            return Err(error);
        }
    };
    let manifest = writer.manifest_mut();
    fill(manifest, &walked, outcome);
    if !args.command.is_empty() {
        narrow(manifest, &summary);
    }
    let native = matches!(
        recorder,
        RecorderChoice::Auto | RecorderChoice::Bpf | RecorderChoice::Ptrace
    );
    let raw = match (args.keep_raw, native) {
        (true, _) => RawPolicy::Keep,
        (false, true) => RawPolicy::Remove,
        (false, false) => RawPolicy::Compress,
    };
    let manifest = writer
        .close(&Closing {
            tables: Some(summary),
            raw,
        })
        .map_err(Failure::store)?;
    Ok(Closed {
        manifest,
        folder: folder.to_path_buf(),
        processes: walked.world.processes.len(),
    })
}

/// Decodes and tracks what was recorded, into tables.
fn make_tables(
    folder: &Path,
    recorder: RecorderChoice,
    contents: Option<Contents>,
) -> Result<(Walked, TableSummary)> {
    let reader = RunReader::open(folder).map_err(Failure::store)?;
    let mut source = FrameSource::new(reader.frames().map_err(Failure::store)?);
    walk_into_tables(&mut source, recorder_name(recorder), folder, contents)
}

/// Seals the run as incomplete: its raw bytes are all there is of it (a full disk has no room for tables).
fn close_without_tables(
    mut writer: RunWriter,
    folder: &Path,
    error: &anyhow::Error,
    outcome: &Outcome,
) {
    // What could be removed makes room for the manifest.
    drop(std::fs::remove_dir_all(folder.join("tables")));
    let manifest = writer.manifest_mut();
    fill_outcome(manifest, outcome);
    let why = error.to_string();
    let why = why.lines().next().unwrap_or_default();
    manifest.stopped = Some(format!("no tables: {why}"));
    let closing = Closing {
        tables: None,
        raw: RawPolicy::Keep,
    };
    if let Err(error) = writer.close(&closing) {
        eprint_error(&Failure::store(error).into());
    }
}

/// A run of a command lasts as long as its processes do: starting the recorder and writing tables is no part of it.
fn narrow(manifest: &mut Manifest, summary: &TableSummary) {
    let recorded = manifest.start_ns..=manifest.end_ns.unwrap_or(i64::MAX);
    if let Some((first, last)) = summary.lives
        && summary.clock == ClockKind::Epoch
        && recorded.contains(&first)
        && recorded.contains(&last)
    {
        manifest.start_ns = first;
        manifest.end_ns = Some(last);
    }
}

/// Writes what came of the recording into the manifest.
fn fill(manifest: &mut Manifest, walked: &Walked, outcome: &Outcome) {
    fill_outcome(manifest, outcome);
    manifest.diagnostics = walked.diagnostics.by_name();
    manifest.architectures = walked.architectures.names();
}

fn fill_outcome(manifest: &mut Manifest, outcome: &Outcome) {
    let (code, signal) = match outcome.exit {
        Exit::Code(code) => (Some(code), None),
        Exit::Signal(signal) => (None, Some(u32::from(signal))),
        Exit::Running => (None, None),
    };
    manifest.exit = Some(unspool_store::Exit { code, signal });
    manifest.end_ns = Some(now_ns());
    manifest.counts.seen = outcome.counts.seen;
    manifest.counts.recorded = outcome.counts.recorded;
    manifest.counts.folded = outcome.counts.folded;
    manifest.counts.lost = outcome.counts.lost;
}

/// The command's own status, unless it succeeded and its recording did not.
fn exit_status(outcome: &Outcome, closed: bool) -> u8 {
    let code = outcome.exit.code();
    let own_failure = if outcome.sink_error.is_some() || !closed {
        status::WRITE
    } else if outcome.counts.lost > 0 {
        status::LOST
    } else {
        return code;
    };
    if code == 0 { own_failure } else { code }
}

/// The lines at the end: what was recorded, what went wrong, what to do next.
fn say(closed: &Closed, outcome: &Outcome, output: Option<&Path>) {
    let manifest = &closed.manifest;
    let events = manifest.seal.as_ref().map_or(0, |seal| seal.events);
    let bytes = unspool_store::folder_bytes(&closed.folder).unwrap_or(0);
    let took = manifest.end_ns.unwrap_or(0) - manifest.start_ns;
    let name = manifest
        .name
        .as_ref()
        .map(|name| format!(" `{name}`"))
        .unwrap_or_default();
    let folded = match manifest.counts.folded {
        0 => String::new(),
        folded => format!(
            " ({} more calls counted, not written one by one)",
            count(folded)
        ),
    };
    eprint_line(&format!(
        "recorded {} events{folded} of {} in {} -> run {}{name} ({})",
        count(events),
        plural(closed.processes as u64, "process", "processes"),
        duration(took),
        manifest.id,
        size(bytes)
    ));
    say_what_stopped_it(outcome);
    if outcome.counts.lost > 0 {
        eprint_line(&format!(
            "INCOMPLETE: {} events were lost",
            count(outcome.counts.lost)
        ));
    }
    for note in &outcome.notes {
        eprint_line(&format!("note: {note}"));
    }
    eprint_next(output);
}

/// Says why not all was written, if so: also with `--quiet`, as other errors.
fn say_what_stopped_it(outcome: &Outcome) {
    if let Some(error) = &outcome.sink_error {
        eprint_line(&format!("INCOMPLETE: {error}"));
    }
}

/// Writes what the recorder gives into the run.
struct FrameSink {
    writer: RunWriter,
    last_sync_ns: i64,
}

impl RecordSink for FrameSink {
    fn write(&mut self, records: &[u8]) -> Result<(), SinkError> {
        let now = now_ns();
        let written = self.writer.append(0, 0, records, now).and_then(|()| {
            if now - self.last_sync_ns < SYNC_EVERY_NS {
                return Ok(());
            }
            self.last_sync_ns = now;
            self.writer.sync()
        });
        written.map_err(|error| SinkError {
            action: format!("write the run `{}`", self.writer.folder().display()),
            source: std::io::Error::other(error.to_string()),
        })
    }

    fn resume(&mut self) -> Option<Vec<u8>> {
        self.writer.resume().ok()
    }
}
