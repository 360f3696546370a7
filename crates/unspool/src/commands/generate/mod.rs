//! `unspool gen`: files that other programs use, from what runs taught.

pub(crate) mod args;
mod check;
pub(crate) mod image;
mod load;

use std::path::Path;

use anyhow::Result;
use unspool_generate::systemd::Groups;
use unspool_generate::{
    Gather, Host, Observed, PolicyOptions, Refusal, apparmor, landlock, makefile, script, seccomp,
    systemd,
};

use super::nearest;
use crate::failure::{Failure, status};
use crate::report::{eprint_line, print_bytes};
use crate::settings::Settings;
use args::{GenArgs, RefusalChoice};

/// A kind of file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Dockerfile,
    Makefile,
    Script,
    Seccomp,
    AppArmor,
    Landlock,
    Systemd,
}

/// Kinds by the word of the command line.
const KINDS: &[(&str, What)] = &[
    ("dockerfile", What::Dockerfile),
    ("makefile", What::Makefile),
    ("script", What::Script),
    ("seccomp", What::Seccomp),
    ("apparmor", What::AppArmor),
    ("landlock", What::Landlock),
    ("systemd", What::Systemd),
];

/// Writes what was asked for.
pub(crate) fn run(settings: &Settings, args: &GenArgs) -> Result<u8> {
    let what = kind(&args.what)?;
    let runs: Vec<&str> = if args.runs.is_empty() {
        vec!["@"]
    } else {
        args.runs.iter().map(String::as_str).collect()
    };
    let host = Host::new(&args.root);
    if let Some(file) = &args.check {
        return check::run(settings, args, what, file, &runs, &host);
    }
    let observed = observe(settings, &runs)?;
    let text = match what {
        What::Dockerfile => return image::write(args, &observed, &host),
        What::Makefile | What::Script => return one_run(settings, args, what, &runs, &observed),
        What::Seccomp => {
            seccomp::generate(&observed, &host, options(args), std::env::consts::ARCH).into_bytes()
        }
        What::AppArmor => apparmor::generate(&observed, &host, options(args)),
        What::Systemd => systemd::generate(&observed, &host, options(args), &groups()).into_bytes(),
        What::Landlock => landlock::generate(&observed, &host, options(args)).into_bytes(),
    };
    write(args.output.as_deref(), &text)?;
    Ok(0)
}

fn kind(word: &str) -> Result<What> {
    if let Some((_, what)) = KINDS.iter().find(|(name, _)| *name == word) {
        return Ok(*what);
    }
    let names = KINDS.iter().map(|(name, _)| *name);
    let list = names.clone().collect::<Vec<_>>().join(", ");
    let hint = match nearest(word, names) {
        Some(alike) => format!("did you mean `{alike}`? known: {list}"),
        None => format!("known: {list}"),
    };
    Err(Failure::usage(format!("cannot generate `{word}`"))
        .hint(hint)
        .into())
}

fn options(args: &GenArgs) -> PolicyOptions {
    PolicyOptions {
        margin: args.margin,
        with_args: args.args,
        refusal: match args.default {
            RefusalChoice::Errno => Refusal::Error,
            RefusalChoice::Kill => Refusal::Kill,
            RefusalChoice::Log => Refusal::Log,
        },
    }
}

/// Unites the runs.
fn observe(settings: &Settings, runs: &[&str]) -> Result<Observed> {
    let mut observed = Observed::new();
    for reference in runs {
        let loaded = load::load(settings, reference)?;
        let mut gather = Gather::new(&mut observed, loaded.facts(), &loaded.world);
        loaded.steps(&mut |step| gather.step(step, &loaded.world))?;
    }
    Ok(observed)
}

/// Commands have an order in one run only.
fn one_run(
    settings: &Settings,
    args: &GenArgs,
    what: What,
    runs: &[&str],
    observed: &Observed,
) -> Result<u8> {
    let [run] = runs else {
        return Err(Failure::usage(format!("`gen {}` takes one run", args.what))
            .hint("runs are united for dockerfile and the policies only")
            .into());
    };
    let loaded = load::load(settings, run)?;
    let text = match what {
        What::Makefile => makefile::generate(observed, &loaded.world),
        _ => script::generate(observed, &loaded.world, args.depth),
    };
    write(args.output.as_deref(), &text)?;
    Ok(0)
}

/// Writes to a file, or to standard output.
fn write(output: Option<&Path>, text: &[u8]) -> Result<()> {
    let Some(path) = output.filter(|path| *path != Path::new("-")) else {
        return print_bytes(text);
    };
    std::fs::write(path, text).map_err(|error| {
        Failure::new(
            status::WRITE,
            format!("cannot write `{}`: {error}", path.display()),
        )
    })?;
    eprint_line(&format!("wrote {}", path.display()));
    Ok(())
}

/// What systemd of this machine says that its groups of calls stand for; empty where it cannot be asked.
fn groups() -> Groups {
    let output = std::process::Command::new("systemd-analyze")
        .args(["--no-pager", "syscall-filter"])
        .stdin(std::process::Stdio::null())
        .output();
    let Ok(output) = output else {
        return Groups::new();
    };
    let mut groups = Groups::new();
    let mut group = String::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let name = line.trim();
        if line.starts_with('@') {
            name.clone_into(&mut group);
        } else if !group.is_empty() && !name.is_empty() && !name.starts_with('#') {
            groups
                .entry(group.clone())
                .or_default()
                .insert(name.to_owned());
        }
    }
    resolve(&groups)
}

/// Groups that hold groups, taken apart.
fn resolve(groups: &Groups) -> Groups {
    /// Groups hold groups hold groups: systemd has two levels.
    const LEVELS_MAX: usize = 4;
    let mut resolved = groups.clone();
    for _ in 0..LEVELS_MAX {
        let before = resolved.clone();
        for members in resolved.values_mut() {
            let inner: Vec<String> = members
                .iter()
                .filter(|name| name.starts_with('@'))
                .cloned()
                .collect();
            for group in inner {
                members.remove(&group);
                members.extend(before.get(&group).into_iter().flatten().cloned());
            }
        }
    }
    resolved
}
