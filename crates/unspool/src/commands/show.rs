//! `unspool show`: a view of a run, in a form.

use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::process::{Child, Command, Stdio};

use anyhow::Result;
use unspool_analyze::{ANALYSES, AnalysisSpec, Filter, FilterError, RunFacts, View, ViewOptions};
use unspool_export::{Envelope, FORMS, FormSpec, Palette, RunLabel, TextOptions};
use unspool_model::event::ClockKind;
use unspool_model::report::{Report, RowSink};
use unspool_model::tracker::Retention;
use unspool_record::Detail;
use unspool_store::{RunReader, RunState, StepQuery};

use super::unrecorded::{self, Known};
use super::{find_run, nearest};
use crate::cli::{Chosen, ShowArgs};
use crate::failure::Failure;
use crate::report::duration;
use crate::settings::Settings;
use crate::stored::{Stored, detail_of, losses, unescaped};
use crate::times::{Instant, parse_time};

/// Shows one view of one run.
pub(crate) fn run(settings: &Settings, args: &ShowArgs) -> Result<u8> {
    let (reference, spec) = operands(&args.operands)?;
    let form = form_of(args)?;
    let asked = Asked::new(settings, reference, spec, &args.operands, &args.chosen)?;
    let paged = form.name == "text" && !args.no_pager;
    let mut output = Output::open(settings, paged);
    let mut written = {
        let mut writer = BufWriter::with_capacity(1 << 16, output.writer());
        let text = text_options(settings, args.wide);
        asked.write(form, &text, &mut writer)?
    };
    output.wait();
    if let Err(error) = &written
        && error.kind() == std::io::ErrorKind::BrokenPipe
    {
        // The reader has seen enough: `| head`, or `q` in the pager.
        written = Ok(());
    }
    written.map_err(|error| anyhow::Error::new(error).context("cannot write the view"))?;
    Ok(0)
}

/// A view of a run with all that was asked for, ready to be written in a form.
pub(crate) struct Asked {
    run: Stored,
    spec: &'static AnalysisSpec,
    options: ViewOptions,
    filter: Option<Filter>,
    envelope: Envelope,
}

impl Asked {
    /// Opens the run, and reads times and filter.
    pub(crate) fn new(
        settings: &Settings,
        reference: &str,
        spec: &'static AnalysisSpec,
        words: &[String],
        chosen: &Chosen,
    ) -> Result<Self> {
        let spec = in_seconds(spec, words, chosen)?;
        let entry = find_run(settings, reference)?;
        let run = Stored::open(&entry.folder)?;
        let instant = Instant::of(run.reader.manifest());
        let at_ns = time(chosen.at.as_deref(), &instant)?;
        let filter = filter(chosen, &instant)?;
        let options = ViewOptions {
            at_ns,
            limit: chosen.limit,
            by_process: chosen.by_process,
            by_category: chosen.by_category,
            filtered: filter.is_some(),
            run: facts(&run.reader),
        };
        let envelope = Envelope {
            told: unrecorded::told(run.reader.manifest(), spec.name),
            ..envelope(&run.reader, chosen)
        };
        Ok(Self {
            run,
            spec,
            options,
            filter,
            envelope,
        })
    }

    /// Writes it. The inner result is that of the writer.
    pub(crate) fn write(
        self,
        form: &FormSpec,
        text: &TextOptions,
        writer: &mut dyn Write,
    ) -> Result<std::io::Result<()>> {
        let Self {
            run,
            spec,
            options,
            filter,
            envelope,
        } = self;
        let form_name = form.name;
        let mut form = (form.new)(writer, &envelope, text);
        let mut known = Known::new(&mut *form, form_name, run.reader.manifest(), &envelope.told);
        let shown = show(&run, spec, &options, filter, &mut known);
        let finished = form.finish();
        shown?;
        Ok(finished.and_then(|()| writer.flush()))
    }
}

/// The view by seconds, where `--per-second` asks for it.
fn in_seconds(
    spec: &'static AnalysisSpec,
    words: &[String],
    chosen: &Chosen,
) -> Result<&'static AnalysisSpec> {
    if !chosen.per_second {
        return Ok(spec);
    }
    let is_time = matches!(spec.name, "time" | "seconds");
    // Without a word for a view, it is the one that has seconds.
    let is_said = words.iter().any(|word| word == spec.name);
    if is_said && !is_time {
        return Err(Failure::usage(format!("`{}` has no seconds", spec.name))
            .hint("`unspool show time --per-second`")
            .into());
    }
    Ok(unspool_analyze::view("seconds").expect("the list of views has seconds"))
}

/// Which of the two operands is the run, which the view.
pub(crate) fn operands(words: &[String]) -> Result<(&str, &'static AnalysisSpec)> {
    let mut run = None;
    let mut view = None;
    for word in words {
        match unspool_analyze::view(word) {
            Some(spec) if view.is_none() => view = Some(spec),
            _ if run.is_none() => run = Some(word.as_str()),
            _ => return Err(unknown_view(word).into()),
        }
    }
    // One word that is no view and no run reference either is most likely a mistyped view.
    if view.is_none()
        && let Some(word) = run
        && nearest_view(word).is_some()
    {
        return Err(unknown_view(word).into());
    }
    let view = view
        .or_else(|| unspool_analyze::view("summary"))
        .expect("the list of views has a summary");
    Ok((run.unwrap_or("@"), view))
}

fn nearest_view(word: &str) -> Option<&'static str> {
    // `event` for `events`, but not `@` or an id.
    (word.chars().all(char::is_alphabetic) && word.len() > 2)
        .then(|| nearest(word, ANALYSES.iter().map(|spec| spec.name)))
        .flatten()
}

fn unknown_view(word: &str) -> Failure {
    let views = ANALYSES
        .iter()
        .map(|spec| spec.name)
        .collect::<Vec<_>>()
        .join(", ");
    let hint = match nearest_view(word) {
        Some(alike) => format!("did you mean `{alike}`? views: {views}"),
        None => format!("views: {views}"),
    };
    Failure::usage(format!("there is no view `{word}`")).hint(hint)
}

fn form_of(args: &ShowArgs) -> Result<&'static FormSpec> {
    let name = match (&args.form, args.json) {
        (Some(name), _) => name.as_str(),
        (None, true) => "json",
        (None, false) => "text",
    };
    form_named(name)
}

/// Finds a form, or says which there are.
pub(crate) fn form_named(name: &str) -> Result<&'static FormSpec> {
    unspool_export::form(name).ok_or_else(|| {
        let names = FORMS.iter().map(|form| form.name).collect::<Vec<_>>();
        let hint = match nearest(name, names.iter().copied()) {
            Some(alike) => format!("did you mean `{alike}`? forms: {}", names.join(", ")),
            None => format!("forms: {}", names.join(", ")),
        };
        Failure::usage(format!("there is no form `{name}`"))
            .hint(hint)
            .into()
    })
}

fn time(text: Option<&str>, instant: &Instant) -> Result<Option<i64>> {
    text.map(|text| parse_time(text, instant)).transpose()
}

/// The filter that was asked for; `None` when everything counts.
pub(crate) fn filter(chosen: &Chosen, instant: &Instant) -> Result<Option<Filter>> {
    let since = time(chosen.since.as_deref(), instant)?;
    let until = time(chosen.until.as_deref(), instant)?;
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(
            Failure::usage("`--since` is not before `--until`: nothing is between them").into(),
        );
    }
    if chosen.filter.is_none() && since.is_none() && until.is_none() && chosen.process.is_none() {
        return Ok(None);
    }
    let filter = match &chosen.filter {
        Some(expression) => {
            Filter::parse(expression).map_err(|error| filter_failure(&error, expression))?
        }
        None => Filter::all(),
    };
    let filter = filter.within(since, until);
    Ok(Some(match &chosen.process {
        Some(process) => filter.of_process(process),
        None => filter,
    }))
}

/// Why an expression is no filter, with marks under what is wrong.
pub(crate) fn filter_failure(error: &FilterError, expression: &str) -> Failure {
    let failure = Failure::usage(format!("{}\n{}", error.message, error.point(expression)));
    match &error.hint {
        Some(hint) => failure.hint(hint.clone()),
        None => failure.hint("fields: docs/reference/fields.md"),
    }
}

fn facts(reader: &RunReader) -> RunFacts {
    let manifest = reader.manifest();
    let exit = manifest.exit.unwrap_or_default();
    RunFacts {
        command: manifest
            .command
            .iter()
            .map(|word| unescaped(word))
            .collect(),
        exit_code: exit.code,
        exit_signal: exit.signal,
        host: manifest.host.clone(),
        user: manifest.user.clone(),
        start_ns: (manifest.start_ns != 0).then_some(manifest.start_ns),
        end_ns: manifest.end_ns,
        losses: losses(reader),
        complete: matches!(reader.state(), RunState::Complete),
        without_data: detail_of(manifest) < Detail::Io,
    }
}

fn envelope(reader: &RunReader, chosen: &Chosen) -> Envelope {
    let manifest = reader.manifest();
    let (state, state_note) = match reader.state() {
        RunState::Complete => (RunLabel::Complete, String::new()),
        RunState::Recording => (RunLabel::Recording, String::new()),
        RunState::Incomplete(recovered) => (RunLabel::Incomplete, incomplete(reader, recovered)),
    };
    Envelope {
        run: manifest.id.clone(),
        name: manifest.name.clone(),
        state,
        state_note,
        losses: losses(reader),
        clock: manifest.clock_kind(),
        start_ns: manifest.start_ns,
        redact: (!manifest.redact.is_empty() && manifest.redact != "default")
            .then(|| manifest.redact.clone()),
        filter: chosen.filter.clone(),
        told: Vec::new(),
    }
}

/// Why a run is incomplete and how far it goes.
fn incomplete(reader: &RunReader, recovered: &unspool_store::Recovered) -> String {
    let start_ns = reader.manifest().start_ns;
    let last_ns = recovered.totals.last_ns;
    if last_ns > start_ns {
        format!(
            "{}; recorded until {} after the start",
            recovered.why,
            duration(last_ns - start_ns)
        )
    } else {
        recovered.why.clone()
    }
}

/// Gives the steps of the run to the view: from tables, or from the raw bytes where there are none.
fn show(
    run: &Stored,
    spec: &'static AnalysisSpec,
    options: &ViewOptions,
    filter: Option<Filter>,
    form: &mut (dyn RowSink + '_),
) -> Result<()> {
    let mut view = View::new(spec, options, filter, form);
    let Some(tables) = &run.tables else {
        let walked = run.walk(Retention::All, &mut view)?;
        // The form says how it went when it is finished.
        let _stopped = view.finish(&walked.world).is_break();
        return Ok(());
    };
    let one_by_one = view.takes_accesses();
    let mut world = if view.needs_sessions() {
        tables.world()
    } else if one_by_one {
        tables.world_without_accesses()
    } else {
        tables.world_without_sessions()
    }
    .map_err(Failure::store)?;
    let totals = if view.takes_totals() {
        tables.totals().map_err(Failure::store)?
    } else {
        None
    };
    if spec.name == "seconds" {
        world.samples = tables.samples().map_err(Failure::store)?;
    }
    if let Some(totals) = totals {
        view.take_totals(totals);
    } else if view.needs_steps() {
        let query = StepQuery {
            // How many calls a step stands for is written in its arguments.
            with_args: view.needs_args() || run.reader.manifest().counts.folded > 0,
            ..StepQuery::default()
        };
        tables
            .for_each_step(&query, &mut |step| view.take(step, &world))
            .map_err(Failure::store)?;
    }
    if one_by_one {
        tables
            .for_each_access(&mut |access| view.take_access(access, &world))
            .map_err(Failure::store)?;
    }
    let _stopped = view.finish(&world).is_break();
    Ok(())
}

pub(crate) fn text_options(settings: &Settings, wide: bool) -> TextOptions {
    TextOptions {
        width: (settings.stdout_is_terminal && !wide).then_some(settings.width),
        wide,
        ascii: !settings.unicode,
        palette: if settings.color {
            Palette::ANSI
        } else {
            Palette::NONE
        },
    }
}

/// Writes a report that is not about one run: the list of runs, the doctor's findings.
pub(crate) fn write_report(settings: &Settings, report: &Report, json: bool) -> Result<()> {
    let envelope = Envelope {
        clock: ClockKind::Epoch,
        ..Envelope::default()
    };
    let form = unspool_export::form(if json { "json" } else { "text" })
        .expect("the list of forms has text and json");
    let mut output = Output::open(settings, !json);
    let written = {
        let mut writer = BufWriter::new(output.writer());
        let options = text_options(settings, false);
        let mut form = (form.new)(&mut writer, &envelope, &options);
        let flow = report.write(&mut *form);
        let _stopped = matches!(flow, ControlFlow::Break(()));
        form.finish().and_then(|()| writer.flush())
    };
    output.wait();
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write the answer"))
        }
        _ => Ok(()),
    }
}

/// Standard output, or a pager before it.
pub(crate) struct Output {
    pager: Option<Child>,
}

impl Output {
    /// Starts the pager, where one is wanted and standard output is a terminal.
    pub(crate) fn open(settings: &Settings, paged: bool) -> Self {
        let wanted = paged && settings.stdout_is_terminal && !settings.pager.trim().is_empty();
        let mut words = settings.pager.split_whitespace();
        let pager = words.next().filter(|_| wanted).and_then(|program| {
            // Without the pager the view goes straight to the terminal.
            Command::new(program)
                .args(words)
                .stdin(Stdio::piped())
                .spawn()
                .ok()
        });
        Self { pager }
    }

    /// Where to write.
    pub(crate) fn writer(&mut self) -> Box<dyn Write + '_> {
        match self.pager.as_mut().and_then(|pager| pager.stdin.take()) {
            Some(stdin) => Box::new(stdin),
            None => Box::new(std::io::stdout()),
        }
    }

    /// Waits until the reader has seen it.
    pub(crate) fn wait(&mut self) {
        if let Some(pager) = &mut self.pager {
            // What the pager says of itself is for its user.
            drop(pager.wait());
        }
    }
}
