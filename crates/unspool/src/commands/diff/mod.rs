//! `unspool diff`: why was this run different?

mod args;
mod detail;
mod events;
mod label;
mod load;
mod rules;

use std::io::{BufWriter, Write as _};
use std::path::Path;

pub(crate) use args::DiffArgs;

use anyhow::Result;
use unspool_analyze::diff::{Aside, Difference, NameRules, Profile, aside, compare};
use unspool_export::diff_text::{self, Head};
use unspool_export::{Envelope, RunLabel, TextOptions, diff_html, diff_markdown};
use unspool_model::event::ClockKind;
use unspool_model::report::Report;
use unspool_store::RunEntry;

use super::show::text_options;
use super::{find_run, store};
use crate::failure::{Failure, status};
use crate::settings::Settings;

/// Causes that a person is shown without being asked for more.
const SHOWN_DEFAULT: usize = 10;
/// Causes that a program gets without asking for more.
const ROWS_DEFAULT: usize = 25;
/// Findings below this hardly matter.
const SHOWN_SCORE: f64 = 1.0;

/// Runs that are compared, folded.
struct Compared {
    baselines: Vec<Profile>,
    subject: Profile,
    entry: RunEntry,
    baseline_entries: Vec<RunEntry>,
    difference: Difference,
}

impl Compared {
    fn baselines(&self) -> Vec<&Profile> {
        self.baselines.iter().collect()
    }
}

/// Compares and gives the exit status.
pub(crate) fn run(settings: &Settings, args: &DiffArgs) -> Result<u8> {
    let (baselines, subject) = runs(settings, args)?;
    let compared = fold(settings, &baselines, subject)?;
    let form = match (&args.form, args.json) {
        (Some(form), _) => form.as_str(),
        (None, true) => "json",
        (None, false) => "text",
    };
    crate::report::print(&answer(settings, args, form, &compared)?)?;
    let differs = compared.difference.is_different();
    // The program ends here: freeing what large runs hold takes longer than reading some of it did.
    std::mem::forget(compared);
    Ok(if args.exit_code && differs {
        status::NO
    } else {
        0
    })
}

/// After a recording: the ranked difference to a baseline, on standard error; nothing when they are the same.
pub(crate) fn expect(settings: &Settings, baseline: &str, run: &Path) -> Result<()> {
    let baseline = find_run(settings, baseline)?;
    let path = std::path::absolute(run)?;
    let subject = find_run(settings, &path.display().to_string())?;
    let compared = fold(settings, &[baseline], subject)?;
    if !compared.difference.is_different() {
        return Ok(());
    }
    let head = Head {
        // A mail says what is different, not what nobody asked for.
        notes: Vec::new(),
        ..head(&compared)
    };
    let mut report = rows(&compared, |score| score >= SHOWN_SCORE);
    diff_text::limited(&mut report, SHOWN_DEFAULT);
    let options = TextOptions::default();
    let text = diff_text::text(&head, &report, &options, false);
    for line in text.lines() {
        crate::report::eprint_line(line);
    }
    Ok(())
}

fn fold(settings: &Settings, baselines: &[RunEntry], entry: RunEntry) -> Result<Compared> {
    let rules = NameRules {
        patterns: rules::patterns(settings)?,
        ..NameRules::default()
    };
    let entries: Vec<&RunEntry> = baselines.iter().chain([&entry]).collect();
    let mut profiles = load::profiles(&entries, rules)?;
    let subject = profiles.pop().expect("each run has a profile");
    for profile in profiles.iter().chain([&subject]) {
        if profile.left_out > 0 {
            crate::report::eprint_line(&format!(
                "warning: {} steps of {} are on things that are not compared: there are too many different ones",
                profile.left_out, profile.run
            ));
        }
    }
    let difference = compare(&profiles.iter().collect::<Vec<_>>(), &subject);
    Ok(Compared {
        baselines: profiles,
        subject,
        entry,
        baseline_entries: baselines.to_vec(),
        difference,
    })
}

/// The baselines and the run that is asked about.
fn runs(settings: &Settings, args: &DiffArgs) -> Result<(Vec<RunEntry>, RunEntry)> {
    let find = |reference: &String| find_run(settings, reference);
    let mut baselines = args.baseline.iter().map(find).collect::<Result<Vec<_>>>()?;
    let mut words = args.runs.iter().map(find).collect::<Result<Vec<_>>>()?;
    let subject = match words.pop() {
        Some(subject) => subject,
        None => find_run(settings, "@")?,
    };
    baselines.extend(words);
    if baselines.is_empty() {
        baselines.push(same_command(settings, &subject)?);
    }
    Ok((baselines, subject))
}

/// The run of the same command before this one.
fn same_command(settings: &Settings, subject: &RunEntry) -> Result<RunEntry> {
    let command = |entry: &RunEntry| {
        let manifest = entry.manifest.as_ref();
        manifest.map(|manifest| manifest.command.clone())
    };
    let wanted = command(subject);
    let runs = store(settings)?.list().map_err(Failure::store)?;
    runs.into_iter()
        .filter(|run| run.id < subject.id && !run.recording)
        .find(|run| command(run) == wanted)
        .ok_or_else(|| {
            let words = wanted.unwrap_or_default().join(" ");
            let failure = Failure::input(format!(
                "there is no earlier run of `{words}` to compare `{}` with",
                subject.id
            ));
            failure
                .hint("name one: unspool diff BASELINE RUN; `unspool runs` lists them all")
                .into()
        })
}

fn answer(settings: &Settings, args: &DiffArgs, form: &str, compared: &Compared) -> Result<String> {
    let head = head(compared);
    let for_people = matches!(form, "text" | "markdown" | "md" | "html");
    let mut report = rows(compared, |score| args.all || score >= SHOWN_SCORE);
    let limit = if for_people {
        SHOWN_DEFAULT
    } else {
        ROWS_DEFAULT
    };
    diff_text::limited(&mut report, args.limit.unwrap_or(limit));
    report
        .notes
        .push(label::verdict(&head, &compared.difference));
    report.notes.extend(head.details.iter().cloned());
    report.notes.extend(head.notes.iter().cloned());
    match form {
        "text" => {
            let options = text_options(settings, false);
            let mut text = diff_text::text(&head, &report, &options, args.all);
            text.push_str(&asides(settings, args, compared)?);
            Ok(text)
        }
        "markdown" | "md" => Ok(diff_markdown::markdown(&head, &report)),
        "html" => Ok(diff_html::html(&head, &report)),
        _ => in_form(form, &report, compared, &TextOptions::default()),
    }
}

/// What is asked for beside the findings.
fn asides(settings: &Settings, args: &DiffArgs, compared: &Compared) -> Result<String> {
    let options = text_options(settings, false);
    let mut text = String::new();
    for (wanted, what, title) in [
        (args.tree, Aside::Tree, "processes"),
        (args.files, Aside::Files, "files that differ"),
        (args.net, Aside::Net, "connections that differ"),
        (args.time, Aside::Time, "where the time went"),
        (args.explain_names, Aside::Names, "names"),
    ] {
        if wanted {
            let report = aside(what, &compared.baselines(), &compared.subject);
            text.push_str(&format!("\n{title}\n"));
            text.push_str(&in_form("text", &report, compared, &options)?);
        }
    }
    if args.events {
        text.push_str("\nevents around the first difference\n");
        text.push_str(&events::around(&compared.entry, &compared.difference)?);
    }
    Ok(text)
}

fn in_form(
    form: &str,
    report: &Report,
    compared: &Compared,
    options: &TextOptions,
) -> Result<String> {
    let Some(spec) = unspool_export::form(form) else {
        let failure = Failure::usage(format!("there is no form `{form}` of a difference"));
        return Err(failure
            .hint("forms: text, json, jsonl, csv, markdown, html")
            .into());
    };
    let envelope = envelope(compared);
    let mut out = Vec::new();
    {
        let mut writer = BufWriter::new(&mut out);
        let mut form = (spec.new)(&mut writer, &envelope, options);
        let _stopped = report.write(&mut *form).is_break();
        form.finish()?;
        writer.flush()?;
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn envelope(compared: &Compared) -> Envelope {
    let manifest = compared.entry.manifest.as_ref();
    Envelope {
        run: compared.entry.id.clone(),
        name: manifest.and_then(|manifest| manifest.name.clone()),
        state: if compared.subject.complete {
            RunLabel::Complete
        } else {
            RunLabel::Incomplete
        },
        clock: compared.subject.clock,
        start_ns: compared.subject.start_ns,
        ..Envelope::default()
    }
}

/// How long the run took; nothing for logs without times, whose events are only numbered.
fn lasted_ns(run: &Profile) -> i64 {
    match run.clock {
        ClockKind::None => 0,
        ClockKind::Epoch | ClockKind::TimeOfDay | ClockKind::Relative => run.duration_ns(),
    }
}

fn head(compared: &Compared) -> Head {
    let runs = compared.baselines.iter().chain([&compared.subject]);
    let (subject, baselines) = label::labels(compared);
    let mut head = Head {
        subject,
        baselines,
        different: compared.difference.is_different(),
        before_ns: compared.baselines.iter().map(lasted_ns).collect(),
        after_ns: lasted_ns(&compared.subject),
        incomplete: runs
            .filter(|run| !run.complete)
            .map(|run| run.run.clone())
            .collect(),
        notes: notes(&compared.difference),
        end: label::end(compared),
        has_findings: compared
            .difference
            .findings
            .iter()
            .any(|finding| finding.score >= SHOWN_SCORE),
        folders: label::folders(compared),
        details: None,
    };
    head.details = detail::difference(compared, &head);
    head
}

/// What was not compared.
fn notes(difference: &Difference) -> Vec<String> {
    let messages =
        "messages were not compared: not all runs have them (`--payload 500` keeps them)";
    let names = "the runs were recorded in different ways, which name files of the system differently: these were not compared";
    let mut notes = Vec::new();
    if difference.names_differ {
        notes.push(names.to_owned());
    }
    if !difference.has_messages {
        notes.push(messages.to_owned());
    }
    notes
}

/// The findings that are wanted; what follows from a cause comes with it.
fn rows(compared: &Compared, wanted: impl Fn(f64) -> bool) -> Report {
    let mut report = Report::new(&unspool_analyze::diff::SHAPE);
    let difference = &compared.difference;
    report.rows = difference
        .rows(&compared.subject.run)
        .into_iter()
        .zip(&difference.findings)
        .filter(|(_, finding)| {
            let cause = finding
                .caused_by
                .and_then(|cause| difference.findings.get(cause));
            wanted(cause.unwrap_or(finding).score)
        })
        .map(|(row, _)| row)
        .collect();
    report
}
