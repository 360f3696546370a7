//! `unspool gen POLICY --check FILE RUN`: would the policy have broken the run, and where?

use std::path::Path;

use anyhow::Result;
use unspool_generate::landlock::Ruleset;
use unspool_generate::seccomp::Profile;
use unspool_generate::systemd::DropIn;
use unspool_generate::{Checker, Host, Judge, PolicyError, Violation, apparmor};

use super::What;
use super::args::GenArgs;
use super::load;
use crate::failure::{Failure, status};
use crate::report::{count, eprint_line, print};
use crate::settings::Settings;

/// Violations that are shown.
const SHOWN_MAX: usize = 50;

/// Asks the policy about every run; the status says whether one would have been broken.
pub(super) fn run(
    settings: &Settings,
    args: &GenArgs,
    what: What,
    file: &Path,
    runs: &[&str],
    host: &Host,
) -> Result<u8> {
    let policy = read(what, file, host)?;
    for note in policy.notes() {
        eprint_line(&format!("{}: {note}", file.display()));
    }
    let mut broken = false;
    for reference in runs {
        let loaded = load::load(settings, reference)?;
        let mut checker = Checker::new(policy.as_ref(), host);
        loaded.steps(&mut |step| checker.step(step, &loaded.world))?;
        let facts = loaded.facts();
        checker.ask_architectures(&facts.architectures);
        broken |= checker.is_broken();
        let id = facts.id;
        let text = if args.json {
            json(&id, &checker)
        } else {
            lines(&id, file, &checker)
        };
        print(&text)?;
    }
    Ok(if broken { status::NO } else { 0 })
}

fn read(what: What, file: &Path, host: &Host) -> Result<Box<dyn Judge>> {
    let text = std::fs::read(file)
        .map_err(|error| Failure::input(format!("cannot read `{}`: {error}", file.display())))?;
    let wrong = |error: PolicyError| {
        Failure::input(format!("cannot understand `{}`: {error}", file.display()))
            .hint("`--check` takes the kind of policy that the word before it names")
    };
    Ok(match what {
        What::Dockerfile | What::Makefile | What::Script => {
            return Err(Failure::usage(
                "`--check` is for policies: seccomp, apparmor, landlock, systemd",
            )
            .into());
        }
        What::Seccomp => Box::new(Profile::parse(&text).map_err(wrong)?),
        What::AppArmor => Box::new(apparmor::Profile::parse(&text).map_err(wrong)?),
        What::Systemd => Box::new(DropIn::parse(&text, &super::groups()).map_err(wrong)?),
        What::Landlock => Box::new(Ruleset::parse(&text, host).map_err(wrong)?),
    })
}

fn lines(id: &str, file: &Path, checker: &Checker<'_>) -> String {
    let file = file.display();
    let mut text = String::new();
    for (name, why) in &checker.architectures {
        text.push_str(&format!(
            "{file} would have refused the {name} calls of run {id}: {why}\n"
        ));
    }
    if checker.refused == 0 {
        if text.is_empty() {
            text = format!(
                "{file} allows all {} steps of run {id} that it can be asked about\n",
                count(checker.asked)
            );
        }
        return text;
    }
    text.push_str(&format!(
        "{file} would have refused {} of {} steps of run {id}; the first of each kind:\n",
        count(checker.refused),
        count(checker.asked)
    ));
    for violation in checker.violations.iter().take(SHOWN_MAX) {
        text.push_str(&line(violation));
    }
    let more = checker.violations.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        text.push_str(&format!("and {more} more kinds\n"));
    }
    text
}

fn line(violation: &Violation) -> String {
    let Violation {
        seq,
        time_ns: _,
        pid,
        call,
        path,
        why,
    } = violation;
    let path = path
        .as_ref()
        .map(|path| format!(" {path}"))
        .unwrap_or_default();
    format!("seq {seq}  pid {pid}  {call}{path}: {why}\n")
}

fn json(id: &str, checker: &Checker<'_>) -> String {
    let violations: Vec<serde_json::Value> = checker
        .violations
        .iter()
        .map(|violation| {
            serde_json::json!({
                "seq": violation.seq,
                "time_ns": violation.time_ns,
                "pid": violation.pid,
                "call": violation.call,
                "path": violation.path,
                "why": violation.why,
            })
        })
        .collect();
    let answer = serde_json::json!({
        "unspool": 1,
        "kind": "check",
        "run": id,
        "asked": checker.asked,
        "refused": checker.refused,
        "architectures": checker.architectures.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "violations": violations,
    });
    format!("{answer}\n")
}
