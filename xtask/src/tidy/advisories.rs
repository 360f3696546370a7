//! The lock file against known advisories (`RustSec`), when a copy of the list lies beside the project.

use serde_json::Value;

use super::dependencies::locked;
use crate::workspace::Workspace;

/// Where the list is looked for, relative to the root. CI cannot reach the database itself.
const LIST: &str = "../shared/advisories.json";

/// Advisories that were read and accepted, with the reason. A line goes when its package can be updated.
const ACCEPTED: &[(&str, &str)] = &[
    (
        "RUSTSEC-2026-0194",
        "quick-xml of object_store 0.13, which DataFusion 55 takes: it reads answers of the S3 service that the user names, under a time limit",
    ),
    ("RUSTSEC-2026-0195", "as before, under a memory limit"),
];

/// Finds packages of the lock file that an advisory names in a version that is neither patched nor unaffected.
pub(super) fn check(workspace: &Workspace) -> Vec<String> {
    let path = workspace.root.join(LIST);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("skipped: advisories: read `{LIST}`: {error}");
            return Vec::new();
        }
    };
    match serde_json::from_slice::<Value>(&bytes) {
        Ok(list) => {
            let mut found = hits(&workspace.lock, &list);
            found.retain(|hit| !ACCEPTED.iter().any(|(id, _)| hit.contains(id)));
            found
        }
        Err(error) => vec![format!("parse `{LIST}`: {error}")],
    }
}

/// Gives one line a hit.
pub(super) fn hits(lock: &str, list: &Value) -> Vec<String> {
    let mut hits = Vec::new();
    for (name, version, _) in locked(lock).into_iter().filter(|package| package.2) {
        let named = list
            .as_array()
            .into_iter()
            .flatten()
            .filter(|advisory| advisory["package"] == name);
        for advisory in named {
            let requirements = [&advisory["patched"], &advisory["unaffected"]];
            let mut safe = requirements
                .into_iter()
                .filter_map(Value::as_array)
                .flatten()
                .filter_map(Value::as_str);
            if !safe.any(|requirement| holds(version, requirement)) {
                let word = |key: &str| advisory[key].as_str().unwrap_or("?").to_owned();
                hits.push(format!(
                    "{name} {version}: {} ({}) {}",
                    word("id"),
                    word("kind"),
                    word("title")
                ));
            }
        }
    }
    hits
}

/// Major, minor, patch, and the pre-release text; a release orders above its pre-releases.
type Version = ([u64; 3], bool, String);

fn version(text: &str) -> Version {
    let text = text.split('+').next().unwrap_or_default();
    let (core, pre) = text.split_once('-').unwrap_or((text, ""));
    let mut numbers = [0; 3];
    for (slot, part) in numbers.iter_mut().zip(core.split('.')) {
        *slot = part.parse().unwrap_or(0);
    }
    (numbers, pre.is_empty(), pre.to_owned())
}

/// Whether a version meets a requirement such as `>=1.2.3, <2` or `^0.4.1`.
pub(super) fn holds(candidate: &str, requirement: &str) -> bool {
    let candidate = version(candidate);
    requirement
        .split(',')
        .all(|part| part_holds(&candidate, part.trim()))
}

fn part_holds(candidate: &Version, part: &str) -> bool {
    let operator_len = part
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(part.len());
    let (operator, bound_text) = part.split_at(operator_len);
    if bound_text.is_empty() {
        return false;
    }
    let bound = version(bound_text);
    let given = bound_text
        .split('-')
        .next()
        .unwrap_or_default()
        .split('.')
        .count();
    match operator.trim() {
        ">=" => *candidate >= bound,
        "<=" => *candidate <= bound,
        ">" => *candidate > bound,
        "<" => *candidate < bound,
        "=" => *candidate == bound,
        "" | "^" => *candidate >= bound && candidate.0 < caret_top(bound.0, given),
        "~" => *candidate >= bound && candidate.0 < tilde_top(bound.0, given),
        _ => false,
    }
}

fn caret_top([major, minor, patch]: [u64; 3], given: usize) -> [u64; 3] {
    match (major, minor, given) {
        (1.., _, _) | (_, _, 1) => [major + 1, 0, 0],
        (_, 1.., _) | (_, _, 2) => [0, minor + 1, 0],
        _ => [0, 0, patch + 1],
    }
}

fn tilde_top([major, minor, _]: [u64; 3], given: usize) -> [u64; 3] {
    if given > 1 {
        [major, minor + 1, 0]
    } else {
        [major + 1, 0, 0]
    }
}
