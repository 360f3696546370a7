//! Seccomp profiles in the form of the OCI runtime specification: written from runs, read, judged, compiled.

mod compile;
mod equivalents;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use compile::{CompileError, FilterLine, compile};
pub use parse::{Action, Comparison, Condition, Profile, Rule};

use crate::header::{PolicyOptions, Refusal, json_members, json_string};
use crate::host::Host;
use crate::needs::compared_argument;
use crate::observed::Observed;
use crate::text::shown;

/// Calls that the kernel or the launcher makes for the program, seen or not.
const ALWAYS: &[(&str, &str)] = &[
    ("execve", "the launcher becomes the program by it"),
    ("exit", "a thread ends by it"),
    ("exit_group", "a program ends by it"),
    (
        "restart_syscall",
        "the kernel makes it after a stop in the middle of a sleep",
    ),
    (
        "rt_sigreturn",
        "the kernel makes it at the end of a signal handler",
    ),
];

/// Most values of an argument that become rules.
const VALUES_MAX: usize = 16;

/// Writes the profile of what was seen. `machine` is `std::env::consts::ARCH` of the machine that it is for.
pub fn generate(observed: &Observed, host: &Host, options: PolicyOptions, machine: &str) -> String {
    let names = allowed(observed, options.margin);
    let mut text = String::from("{\n  \"unspool\": {\n    ");
    text.push_str(&json_members(observed, "seccomp profile"));
    text.push_str(&notes(observed, options));
    text.push_str("\n  },\n");
    let (action, errno) = match options.refusal {
        Refusal::Error => ("SCMP_ACT_ERRNO", true),
        Refusal::Kill => ("SCMP_ACT_KILL_PROCESS", false),
        Refusal::Log => ("SCMP_ACT_LOG", false),
    };
    text.push_str(&format!("  \"defaultAction\": \"{action}\",\n"));
    if errno {
        text.push_str("  \"defaultErrnoRet\": 1,\n");
    }
    let architectures: Vec<String> = architectures(observed, host, machine)
        .iter()
        .map(|name| json_string(name))
        .collect();
    text.push_str(&format!(
        "  \"architectures\": [{}],\n  \"syscalls\": [\n",
        architectures.join(", ")
    ));
    text.push_str(&rules(observed, &names, options).join(",\n"));
    text.push_str("\n  ]\n}\n");
    text
}

/// Names that are allowed, with the reason for those that were not seen.
fn allowed(observed: &Observed, margin: u8) -> BTreeMap<String, Option<String>> {
    let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
    for name in observed.calls.keys() {
        if let Ok(name) = std::str::from_utf8(name)
            && !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            names.insert(name.to_owned(), None);
        }
    }
    for (name, why) in ALWAYS {
        names
            .entry((*name).to_owned())
            .or_insert_with(|| Some((*why).to_owned()));
    }
    let seen: BTreeSet<String> = names.keys().cloned().collect();
    for (name, why) in equivalents::widened(&seen, margin) {
        names.entry(name.to_owned()).or_insert(Some(why));
    }
    names
}

fn rules(
    observed: &Observed,
    names: &BTreeMap<String, Option<String>>,
    options: PolicyOptions,
) -> Vec<String> {
    let mut plain = Vec::new();
    let mut added: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut bound = Vec::new();
    for (name, why) in names {
        if let Some(why) = why {
            added.entry(why).or_default().push(json_string(name));
            continue;
        }
        let values = observed
            .calls
            .get(name.as_bytes())
            .and_then(|used| used.values.as_ref())
            .filter(|values| options.with_args && !values.is_empty() && values.len() <= VALUES_MAX);
        match (values, compared_argument(name.as_bytes())) {
            (Some(values), Some(index)) => {
                bound.extend(values.iter().map(|value| bound_rule(name, index, *value)));
            }
            _ => plain.push(json_string(name)),
        }
    }
    let mut rules = vec![rule(&plain, None)];
    rules.extend(added.iter().map(|(why, names)| rule(names, Some(why))));
    rules.extend(bound);
    rules
}

fn rule(names: &[String], comment: Option<&str>) -> String {
    let comment = comment
        .map(|text| format!("      \"comment\": {},\n", json_string(text)))
        .unwrap_or_default();
    let names: Vec<String> = names.iter().map(|name| format!("        {name}")).collect();
    format!(
        "    {{\n{comment}      \"names\": [\n{}\n      ],\n      \"action\": \"SCMP_ACT_ALLOW\"\n    }}",
        names.join(",\n")
    )
}

fn bound_rule(name: &str, index: usize, value: u64) -> String {
    format!(
        "    {{\n      \"names\": [{}],\n      \"action\": \"SCMP_ACT_ALLOW\",\n      \"args\": [{{\"index\": {index}, \"value\": {value}, \"op\": \"SCMP_CMP_EQ\"}}]\n    }}",
        json_string(name)
    )
}

/// What stands in the profile's own member beside the header.
fn notes(observed: &Observed, options: PolicyOptions) -> String {
    let mut text = format!(",\n    \"margin\": {}", options.margin);
    let odd: Vec<String> = observed
        .calls
        .keys()
        .filter(|name| {
            !name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        })
        .map(|name| json_string(&shown(name)))
        .collect();
    if !odd.is_empty() {
        text.push_str(&format!(",\n    \"left_out\": [{}]", odd.join(", ")));
    }
    if options.with_args {
        text.push_str(",\n    \"arguments\": \"calls whose telling argument was always a known number are bound to the numbers seen\"");
    }
    text
}

fn architectures(observed: &Observed, host: &Host, machine: &str) -> Vec<&'static str> {
    // A 64-bit program can make 32-bit calls, too (`int 0x80`).
    let has_32_bit = observed
        .programs
        .iter()
        .any(|program| host.is_32_bit(program))
        || observed
            .runs
            .iter()
            .any(|run| run.architectures.iter().any(|name| name == "i386"));
    match machine {
        "x86_64" if has_32_bit => vec!["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "x86_64" => vec!["SCMP_ARCH_X86_64"],
        "aarch64" if has_32_bit => vec!["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
        "aarch64" => vec!["SCMP_ARCH_AARCH64"],
        _ => vec![],
    }
}
