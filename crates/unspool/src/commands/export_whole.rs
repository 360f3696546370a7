//! `unspool export` in the forms of a whole run: timelines, sums by call path, graphs.

use std::ops::ControlFlow;

use anyhow::Result;
use unspool_analyze::Filter;
use unspool_analyze::flame::StackFold;
use unspool_analyze::graph::GraphFold;
use unspool_analyze::trace::Timeline;
use unspool_export::{Makes, StackOptions, WholeForm};
use unspool_model::event::ClockKind;
use unspool_model::stacks::{Stacks, Weight};
use unspool_model::step::Step;
use unspool_model::world::World;
use unspool_store::{RunState, StepQuery};

use super::export::write_to;
use super::find_run;
use super::show::filter;
use crate::cli::{Chosen, ExportArgs};
use crate::failure::Failure;
use crate::report::eprint_line;
use crate::settings::Settings;
use crate::stored::{Stored, losses, unescaped};
use crate::times::Instant;

/// Titles are cut to so many characters.
const TITLE_CHARACTERS_MAX: usize = 120;

/// Finds the form that was asked for by name, or by what the file's name ends in.
pub(crate) fn form(args: &ExportArgs) -> Option<&'static WholeForm> {
    if let Some(name) = &args.form {
        return unspool_export::whole_form(&name.to_lowercase());
    }
    let name = args.output.as_ref()?.file_name()?.to_str()?;
    // The schema's own files are named so.
    if name.ends_with(".speedscope.json") {
        return unspool_export::whole_form("speedscope");
    }
    let (_, ending) = name.rsplit_once('.')?;
    unspool_export::whole::whole_form_of_ending(ending)
}

/// Exports a run in this form.
pub(crate) fn run(settings: &Settings, args: &ExportArgs, form: &WholeForm) -> Result<u8> {
    let weight = weight(args, form)?;
    check(settings, args, form)?;
    let reference = args.operands.first().map_or("@", String::as_str);
    let stored = Stored::open(&find_run(settings, reference)?.folder)?;
    let manifest = stored.reader.manifest();
    say_what_is_missing(&stored);
    let filter = filter(&args.chosen, &Instant::of(manifest))?;
    let world = world(&stored, form)?;
    let title = title(&stored);
    match form.makes {
        Makes::Timeline(new) => write_to(args, |writer| {
            let mut sink = new(writer);
            let mut timeline = Timeline::new(&manifest.id, &world, filter, &mut *sink);
            each_step(&stored, true, &mut |step| timeline.take(step, &world))?;
            // The form says how it went when it is finished.
            let _stopped = timeline.finish(&world).is_break();
            Ok(sink.finish())
        }),
        Makes::Stacks(write) => {
            let stacks = stacks(&stored, filter, &world)?;
            measured(&stacks, weight, form)?;
            let options = StackOptions {
                title,
                weight,
                start_ns: (world.clock == ClockKind::Epoch).then_some(manifest.start_ns),
                duration_ns: manifest
                    .end_ns
                    .map(|end_ns| end_ns.saturating_sub(manifest.start_ns)),
            };
            write_to(args, |writer| Ok(write(&stacks, &options, writer)))
        }
        Makes::Graph(write) => {
            let graph = graph(&stored, filter, &world)?;
            write_to(args, |writer| Ok(write(&graph, &title, writer)))
        }
    }
}

/// What is known beyond single events, without what grows with them: no form and no field of filters asks for sessions.
fn world(stored: &Stored, form: &WholeForm) -> Result<World> {
    let Some(tables) = &stored.tables else {
        return stored.world();
    };
    let mut world = tables.world_without_sessions().map_err(Failure::store)?;
    match form.makes {
        Makes::Timeline(_) => world.samples = tables.samples().map_err(Failure::store)?,
        Makes::Stacks(_) => world.accesses = Vec::new(),
        Makes::Graph(_) => {}
    }
    Ok(world)
}

/// Refuses what the form has no use for, and bytes on a terminal.
fn check(settings: &Settings, args: &ExportArgs, form: &WholeForm) -> Result<()> {
    let Chosen {
        filter: _,
        since: _,
        until: _,
        process: _,
        at,
        by_process,
        per_second,
        by_category,
        limit,
    } = &args.chosen;
    let name = form.name;
    if let Some(word) = args.operands.get(1) {
        return Err(Failure::usage(format!("`{word}` is one word too many"))
            .hint(format!("the form `{name}` has the whole run: no view"))
            .into());
    }
    let words = [
        (at.is_some(), "--at"),
        (*by_process, "--by-process"),
        (*per_second, "--per-second"),
        (*by_category, "--by-category"),
        (limit.is_some(), "--limit"),
        (!args.select.is_empty(), "--select"),
    ];
    if let Some((_, word)) = words.iter().find(|(is_there, _)| *is_there) {
        return Err(
            Failure::usage(format!("`{word}` means nothing to the form `{name}`"))
                .hint("part of a run: `-w EXPR`, `--since`, `--until`, `--proc`")
                .into(),
        );
    }
    let to_stdout = args
        .output
        .as_ref()
        .is_none_or(|path| path.as_os_str() == "-");
    if form.is_binary && to_stdout && settings.stdout_is_terminal {
        return Err(
            Failure::usage(format!("the form `{name}` is no text for a terminal"))
                .hint("write to a file with `-o FILE`, or into a pipe")
                .into(),
        );
    }
    Ok(())
}

/// What frames are measured by.
fn weight(args: &ExportArgs, form: &WholeForm) -> Result<Weight> {
    let Some(name) = &args.weight else {
        return Ok(Weight::Time);
    };
    if !matches!(form.makes, Makes::Stacks(_)) {
        return Err(Failure::usage(format!(
            "`--weight` means nothing to the form `{}`",
            form.name
        ))
        .hint("it is for the forms folded, flame, speedscope, pprof")
        .into());
    }
    Weight::by_name(name).ok_or_else(|| {
        Failure::usage(format!("there is no weight `{name}`"))
            .hint("weights: time, calls, bytes")
            .into()
    })
}

/// Refuses to write a picture of nothing.
fn measured(stacks: &Stacks, weight: Weight, form: &WholeForm) -> Result<()> {
    let total = stacks.total();
    if total.calls > 0 && total.by(weight) == 0 {
        let (what, hint) = match weight {
            Weight::Time => (
                "has a duration",
                "`--weight calls` counts them; `strace -T` logs durations",
            ),
            Weight::Calls | Weight::Bytes => ("moved bytes", "`--weight calls` counts them"),
        };
        return Err(
            Failure::input(format!("no call {what}: `{}` would be empty", form.name))
                .hint(hint)
                .into(),
        );
    }
    Ok(())
}

fn stacks(stored: &Stored, mut filter: Option<Filter>, world: &World) -> Result<Stacks> {
    let mut fold = StackFold::default();
    let has_folded = stored.reader.manifest().counts.folded > 0;
    let with_args = has_folded || filter.as_ref().is_some_and(Filter::needs_args);
    each_step(stored, with_args, &mut |step| {
        if passes(&mut filter, step, world) {
            fold.add(step, world);
        }
        ControlFlow::Continue(())
    })?;
    let (stacks, notes) = fold.finish();
    for note in notes {
        eprint_line(&note);
    }
    Ok(stacks)
}

fn graph(
    stored: &Stored,
    mut filter: Option<Filter>,
    world: &World,
) -> Result<unspool_model::graph::Graph> {
    let mut fold = GraphFold::default();
    let is_filtered = filter.is_some();
    // Without a filter the world holds everything.
    if is_filtered {
        let with_args = filter.as_ref().is_some_and(Filter::needs_args);
        each_step(stored, with_args, &mut |step| {
            if passes(&mut filter, step, world) {
                fold.add(step);
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(fold.graph(world, is_filtered))
}

fn passes(filter: &mut Option<Filter>, step: &Step<'_>, world: &World) -> bool {
    filter
        .as_mut()
        .is_none_or(|filter| filter.matches(step, world))
}

/// Gives every step until nobody listens any more.
fn each_step(
    stored: &Stored,
    with_args: bool,
    take: &mut dyn FnMut(&Step<'_>) -> ControlFlow<()>,
) -> Result<()> {
    let Some(tables) = &stored.tables else {
        let mut flow = ControlFlow::Continue(());
        return stored.each_step(with_args, &mut |step| {
            if flow.is_continue() {
                flow = take(step);
            }
        });
    };
    let query = StepQuery {
        with_args,
        ..StepQuery::default()
    };
    Ok(tables.for_each_step(&query, take).map_err(Failure::store)?)
}

/// The forms have no place for it, so it is said beside them.
fn say_what_is_missing(stored: &Stored) {
    match stored.reader.state() {
        RunState::Complete => {}
        RunState::Recording => {
            eprint_line("the run is being recorded: this is what there is so far");
        }
        RunState::Incomplete(found) => {
            eprint_line(&format!("the run is incomplete: {}", found.why));
        }
    }
    for (reason, count) in losses(&stored.reader) {
        eprint_line(&format!("missing in the run: {count} {reason}"));
    }
}

/// The run's name or command, for people.
fn title(stored: &Stored) -> String {
    let manifest = stored.reader.manifest();
    let command: Vec<String> = manifest
        .command
        .iter()
        .map(|word| unspool_export::escape(&unescaped(word)))
        .collect();
    let what = match &manifest.name {
        Some(name) => unspool_export::escape(name.as_bytes()),
        None if command.is_empty() => manifest.id.clone(),
        None => command.join(" "),
    };
    if what.chars().count() > TITLE_CHARACTERS_MAX {
        let head: String = what.chars().take(TITLE_CHARACTERS_MAX).collect();
        return format!("{head}…");
    }
    what
}
