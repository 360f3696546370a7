//! `unspool run-with`: becomes a command under policies.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;
use unspool_generate::landlock::{Access, Ruleset};
use unspool_generate::seccomp::{Profile, compile};
use unspool_generate::{Host, shown};
use unspool_model::syscalls::Architecture;
use unspool_record::confine::{
    ConfineError, Confinement, FilterInstruction, LandlockRules, Skipped, become_confined,
};

use crate::commands::generate::args::RunWithArgs;
use crate::failure::{Failure, status};
use crate::report::eprint_line;
use crate::settings::Settings;

/// `LANDLOCK_ACCESS_NET_*` and `LANDLOCK_SCOPE_*` of linux/landlock.h.
const BIND_TCP: u64 = 1;
const CONNECT_TCP: u64 = 2;
const SCOPE_ABSTRACT: u64 = 1;
const SCOPE_SIGNAL: u64 = 2;

/// Becomes the command; returns only when that failed.
pub(crate) fn run(settings: &Settings, args: &RunWithArgs) -> Result<u8> {
    let mut confinement = Confinement::default();
    for file in &args.policies {
        add(&mut confinement, file)?;
    }
    let mut said = |skipped: Skipped| {
        if !args.quiet {
            say(&skipped);
        }
    };
    let error = become_confined(
        &args.command,
        settings.search_path.as_deref(),
        &confinement,
        &mut said,
    );
    let code = match error {
        ConfineError::NotFound(_) => status::NOT_FOUND,
        ConfineError::NotExecutable(..) => status::NOT_EXECUTABLE,
        ConfineError::Refused { .. } => status::RECORD,
    };
    let failure = Failure::new(code, error.to_string());
    let failure = if code == status::NOT_EXECUTABLE {
        failure.hint("does the policy allow this program? `unspool gen POLICY --check FILE RUN` tells for a recorded run")
    } else {
        failure
    };
    Err(failure.into())
}

fn add(confinement: &mut Confinement, file: &Path) -> Result<()> {
    let wrong = |what: String| {
        Failure::new(
            status::RECORD,
            format!("cannot use the policy `{}`: {what}", file.display()),
        )
    };
    let text = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let value: Value = serde_json::from_slice(&text).map_err(|error| {
        wrong(format!("it is no JSON: {error}"))
            .hint("`run-with` takes seccomp and Landlock policies; others are loaded by their own programs")
    })?;
    if value.get("landlock").is_some() {
        let rules = Ruleset::from_json(&value, &Host::new(Path::new("/")))
            .map_err(|error| wrong(error.to_string()))?;
        confinement.landlock.push(landlock(&rules));
        return Ok(());
    }
    let profile = Profile::from_json(&value).map_err(|error| wrong(error.to_string()))?;
    let lines = compile(&profile, own_architecture()).map_err(|error| wrong(error.to_string()))?;
    let filter = lines
        .iter()
        .map(|line| FilterInstruction {
            code: line.code,
            jump_true: line.jump_true,
            jump_false: line.jump_false,
            operand: line.operand,
        })
        .collect();
    confinement.filters.push(filter);
    Ok(())
}

fn own_architecture() -> Architecture {
    match std::env::consts::ARCH {
        "x86_64" => Architecture::X86_64,
        "aarch64" => Architecture::Aarch64,
        "x86" => Architecture::I386,
        _ => Architecture::Other,
    }
}

fn landlock(rules: &Ruleset) -> LandlockRules {
    let bit = |wanted: bool, bit: u64| if wanted { bit } else { 0 };
    LandlockRules {
        handled_fs: rules.handled.bits(),
        handled_net: bit(rules.handles_bind, BIND_TCP) | bit(rules.handles_connect, CONNECT_TCP),
        scoped: bit(rules.scopes_abstract, SCOPE_ABSTRACT)
            | bit(rules.scopes_signals, SCOPE_SIGNAL),
        paths: rules
            .paths
            .iter()
            .map(|rule| (rule.path.clone(), rule.allow.bits()))
            .collect(),
        ports: rules
            .ports
            .iter()
            .map(|rule| {
                (
                    rule.port,
                    bit(rule.bind, BIND_TCP) | bit(rule.connect, CONNECT_TCP),
                )
            })
            .collect(),
    }
}

fn say(skipped: &Skipped) {
    match skipped {
        Skipped::Version {
            version,
            fs,
            net,
            scoped,
        } => {
            let mut words = Access::from_bits(*fs).words();
            if *net != 0 {
                words.push("TCP ports");
            }
            if *scoped != 0 {
                words.push("scopes");
            }
            eprint_line(&format!(
                "Landlock version {version} of this kernel does not know {}: not refused",
                words.join(", ")
            ));
        }
        // Files that a run made or removed are not there; opening them fails anyhow.
        Skipped::Path(_, errno) if *errno == ENOENT => {}
        Skipped::Path(path, errno) => {
            let error = std::io::Error::from_raw_os_error(*errno);
            eprint_line(&format!("no rule for `{}`: {error}", shown(path)));
        }
    }
}

const ENOENT: i32 = 2;
