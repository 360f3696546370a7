//! `unspool secrets`: what was redacted in a run, and what the rules would redact and did not. Never the secrets themselves.

mod texts;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use unspool_model::report::{Cell, Column, Layout, Report, Shown, Unit};
use unspool_record::scrub::{Payload, Policy, Rules, Scrubber};
use unspool_store::RunReader;

use super::find_run;
use crate::cli::SecretsArgs;
use crate::clock::random;
use crate::failure::Failure;
use crate::report::eprint_line;
use crate::settings::Settings;
pub(crate) use texts::{Place, TextKind, kind_of, scrub_text, walk_texts};

/// Rows of the list; what comes beyond is counted.
const ROWS_MAX: usize = 10_000;

const COLUMNS: &[Column] = &[
    Column::new(
        "state",
        Unit::Text,
        Shown::Always,
        "`redacted`, or `open`: the rules would redact it and it is there.",
    ),
    Column::new(
        "rule",
        Unit::Text,
        Shown::Always,
        "Why it is taken for a secret.",
    ),
    Column::new("where", Unit::Text, Shown::Always, "Where it stands."),
    Column::new(
        "token",
        Unit::Text,
        Shown::Always,
        "What stands in its place: the same for the same secret.",
    ),
    Column::new("count", Unit::Count, Shown::Always, "How often."),
];

/// One kind of finding.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    is_open: bool,
    rule: String,
    place: String,
    token: String,
}

/// Lists the secrets of a run. The exit status is 1 when some are open.
pub(crate) fn run(settings: &Settings, args: &SecretsArgs) -> Result<u8> {
    let entry = find_run(settings, &args.run)?;
    let reader = RunReader::open(&entry.folder).map_err(Failure::store)?;
    let scrubber = current_rules(&reader)?;
    let mut findings: BTreeMap<Finding, u64> = BTreeMap::new();
    let mut left_out = 0;
    walk_texts(&reader, &mut |place, text| {
        for finding in look(&scrubber, place, text) {
            let is_known = findings.contains_key(&finding);
            if is_known || findings.len() < ROWS_MAX {
                *findings.entry(finding).or_default() += 1;
            } else {
                left_out += 1;
            }
        }
    })?;
    let open: u64 = findings
        .iter()
        .filter(|(finding, _)| finding.is_open)
        .map(|(_, count)| count)
        .sum();
    let mut notes = Vec::new();
    if left_out > 0 {
        notes.push(format!("{left_out} more are not listed"));
    }
    let report = Report {
        kind: "secrets",
        columns: COLUMNS,
        rows: findings.iter().map(row).collect(),
        layout: Layout::Table,
        notes,
    };
    if findings.is_empty() && !args.json {
        eprint_line("nothing was redacted and nothing looks like a secret");
    } else {
        super::show::write_report(settings, &report, args.json)?;
    }
    if open > 0 {
        let reference = &args.run;
        eprint_line(&format!(
            "{open} are open: `unspool runs scrub {reference}` removes them"
        ));
    }
    Ok(u8::from(open > 0))
}

fn row((finding, count): (&Finding, &u64)) -> Vec<Cell> {
    let state = if finding.is_open { "open" } else { "redacted" };
    let token = match finding.token.as_str() {
        "" => Cell::Null,
        token => Cell::text(token.as_bytes()),
    };
    vec![
        Cell::text(state.as_bytes()),
        Cell::text(finding.rule.as_bytes()),
        Cell::text(finding.place.as_bytes()),
        token,
        Cell::int(*count),
    ]
}

/// The rules as they are now. Payload that the recording was asked for stays, scrubbed.
pub(crate) fn current_rules(reader: &RunReader) -> Result<Scrubber> {
    let options = &reader.manifest().recorder.options;
    let has_payload = options
        .iter()
        .any(|option| option.starts_with("payload=") && option != "payload=0");
    let rules = Rules {
        payload: if has_payload {
            Payload::Scrubbed
        } else {
            Payload::Never
        },
        ..Rules::default()
    };
    Ok(Scrubber::with_rules(Policy::Default, random()?, &rules))
}

/// What one text holds: tokens, and what scrubbing makes of it that was none.
fn look(scrubber: &Scrubber, place: &Place<'_>, text: &[u8]) -> Vec<Finding> {
    let there = tokens::find(text);
    let finding = |is_open: bool, token: &tokens::Token, text: &[u8]| Finding {
        is_open,
        rule: tokens::rule(place.kind, text, token),
        place: place.to_string(),
        token: if is_open {
            String::new()
        } else {
            token.digits.clone()
        },
    };
    let mut findings: Vec<Finding> = there
        .iter()
        .map(|token| finding(false, token, text))
        .collect();
    if let Some(scrubbed) = scrub_text(scrubber, place, text) {
        let after = tokens::find(&scrubbed);
        let known: BTreeSet<&str> = there.iter().map(|token| token.digits.as_str()).collect();
        // As many as before: tokens that were made again.
        if after.len() > there.len() {
            let new = after
                .iter()
                .filter(|token| !known.contains(token.digits.as_str()));
            findings.extend(new.map(|token| finding(true, token, &scrubbed)));
        }
    }
    findings
}
