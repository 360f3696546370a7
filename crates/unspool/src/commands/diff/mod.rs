//! `unspool diff`: why was this run different?

mod args;
mod load;

use std::io::{BufWriter, Write as _};

pub(crate) use args::DiffArgs;

use anyhow::Result;
use unspool_analyze::diff::{Difference, NameRules, Profile, compare};
use unspool_export::diff_text::{self, Head};
use unspool_export::{Envelope, RunLabel, TextOptions};
use unspool_model::report::Report;
use unspool_store::RunEntry;

use super::show::text_options;
use super::{find_run, store};
use crate::failure::{Failure, status};
use crate::settings::Settings;

/// Findings that a person is shown without being asked for more.
const SHOWN_DEFAULT: usize = 10;
/// Findings below this hardly matter.
const SHOWN_SCORE: f64 = 1.0;
/// Findings that a program gets without asking for more.
const ROWS_DEFAULT: usize = 100;

/// Compares and gives the exit status.
pub(crate) fn run(settings: &Settings, args: &DiffArgs) -> Result<u8> {
    let (baselines, subject) = runs(settings, args)?;
    let mut rules = NameRules::default();
    let mut profiles = Vec::new();
    for entry in &baselines {
        profiles.push(load::profile(entry, &mut rules)?);
    }
    let subject_profile = load::profile(&subject, &mut rules)?;
    let compared: Vec<&Profile> = profiles.iter().collect();
    let difference = compare(&compared, &subject_profile);
    let form = match (&args.form, args.json) {
        (Some(form), _) => form.as_str(),
        (None, true) => "json",
        (None, false) => "text",
    };
    let text = write(
        settings,
        args,
        form,
        &difference,
        &compared,
        &subject_profile,
        &subject,
    )?;
    crate::report::print(&text)?;
    let differs = difference.is_different();
    Ok(if args.exit_code && differs {
        status::NO
    } else {
        0
    })
}

/// The baselines and the run that is asked about.
fn runs(settings: &Settings, args: &DiffArgs) -> Result<(Vec<RunEntry>, RunEntry)> {
    let mut baselines: Vec<RunEntry> = Vec::new();
    for reference in &args.baseline {
        baselines.push(find_run(settings, reference)?);
    }
    let mut words: Vec<RunEntry> = Vec::new();
    for reference in &args.runs {
        words.push(find_run(settings, reference)?);
    }
    let subject = match (words.pop(), baselines.is_empty()) {
        (Some(subject), false) => subject,
        (Some(subject), true) if words.is_empty() => {
            let before = same_command(settings, &subject)?;
            return Ok((vec![before], subject));
        }
        (Some(subject), true) => subject,
        (None, _) => find_run(settings, "@")?,
    };
    baselines.extend(words);
    if baselines.is_empty() {
        let before = same_command(settings, &subject)?;
        baselines.push(before);
    }
    Ok((baselines, subject))
}

/// The run of the same command before this one.
fn same_command(settings: &Settings, subject: &RunEntry) -> Result<RunEntry> {
    let command = |entry: &RunEntry| {
        entry
            .manifest
            .as_ref()
            .map(|manifest| manifest.command.clone())
    };
    let wanted = command(subject);
    let runs = store(settings)?.list().map_err(Failure::store)?;
    runs.into_iter()
        .filter(|run| {
            run.id != subject.id && run.start_ns() <= subject.start_ns() && !run.recording
        })
        .find(|run| command(run) == wanted)
        .ok_or_else(|| {
            let words = wanted.unwrap_or_default().join(" ");
            Failure::input(format!(
                "there is no earlier run of `{words}` to compare `{}` with",
                subject.id
            ))
            .hint("name one: unspool diff BASELINE RUN; `unspool runs` lists them all")
            .into()
        })
}

fn write(
    settings: &Settings,
    args: &DiffArgs,
    form: &str,
    difference: &Difference,
    baselines: &[&Profile],
    subject: &Profile,
    entry: &RunEntry,
) -> Result<String> {
    let head = head(difference, baselines, subject);
    let report = report(args, form, difference, &head);
    let mut out = Vec::new();
    if form == "text" {
        let options = text_options(settings, false);
        return Ok(diff_text::text(&head, &report, &options, args.all));
    }
    let Some(spec) = unspool_export::form(form) else {
        let failure = Failure::usage(format!("there is no form `{form}` of a difference"));
        return Err(failure
            .hint("forms: text, json, jsonl, csv, markdown, html")
            .into());
    };
    let envelope = envelope(subject, entry);
    let options = TextOptions::default();
    {
        let mut writer = BufWriter::new(&mut out);
        let mut form = (spec.new)(&mut writer, &envelope, &options);
        let _stopped = report.write(&mut *form).is_break();
        form.finish()?;
        writer.flush()?;
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn envelope(subject: &Profile, entry: &RunEntry) -> Envelope {
    let manifest = entry.manifest.as_ref();
    Envelope {
        run: entry.id.clone(),
        name: manifest.and_then(|manifest| manifest.name.clone()),
        state: if subject.complete {
            RunLabel::Complete
        } else {
            RunLabel::Incomplete
        },
        clock: subject.clock,
        start_ns: subject.start_ns,
        ..Envelope::default()
    }
}

fn head(difference: &Difference, baselines: &[&Profile], subject: &Profile) -> Head {
    Head {
        subject: subject.run.clone(),
        baselines: baselines.iter().map(|run| run.run.clone()).collect(),
        different: difference.is_different(),
        before_ns: baselines.iter().map(|run| run.duration_ns()).collect(),
        after_ns: subject.duration_ns(),
        incomplete: baselines
            .iter()
            .copied()
            .chain([subject])
            .filter(|run| !run.complete)
            .map(|run| run.run.clone())
            .collect(),
    }
}

fn report(args: &DiffArgs, form: &str, difference: &Difference, head: &Head) -> Report {
    let mut report = Report::new(&unspool_analyze::diff::SHAPE);
    let limit = args.limit.unwrap_or(match form {
        "text" | "markdown" => SHOWN_DEFAULT,
        _ => ROWS_DEFAULT,
    });
    let wanted =
        |score: f64| args.all || form != "text" && form != "markdown" || score >= SHOWN_SCORE;
    report.rows = difference
        .rows(&head.subject)
        .into_iter()
        .zip(&difference.findings)
        .filter(|(_, finding)| wanted(finding.score) || finding.caused_by.is_some())
        .map(|(row, _)| row)
        .collect();
    diff_text::limited(&mut report, limit);
    report.notes.push(diff_text::verdict(head));
    report
}
