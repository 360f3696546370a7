//! What processes do only to tell of a failure: a traceback reads the program's source again, messages are looked for in
//! other languages, a shell looks for a handler of unknown commands. These are effects, whatever else they look like.

use std::collections::BTreeSet;

use super::Joint;
use super::finding::{Finding, FindingKind};

/// Weight of what only tells, in comparison to the same elsewhere.
const TELLING: f64 = 0.25;

/// The same of a name that was never there, looked for by a process that ends well: in a run that does, and in one where
/// another process fails.
const OPTIONAL: f64 = 0.45;
const OPTIONAL_BESIDE: f64 = 0.7;

/// Endings of sources that interpreters read to show the line.
const SOURCES: &[&[u8]] = &[
    b".py", b".pl", b".pm", b".rb", b".js", b".mjs", b".lua", b".php",
];

/// Makes light of what only tells of a failure.
pub(super) fn temper(joint: &Joint<'_>, findings: &mut [Finding]) {
    let failed: BTreeSet<u32> = findings
        .iter()
        .filter(|finding| matches!(finding.kind, FindingKind::ExitStatus | FindingKind::Signal))
        .filter_map(|finding| finding.role)
        .collect();
    for finding in findings {
        let is_file = matches!(
            finding.kind,
            FindingKind::FileNew
                | FindingKind::FileMissing
                | FindingKind::FileOther
                | FindingKind::FileGone
                | FindingKind::More
        );
        if !is_file || finding.key.is_none() {
            continue;
        }
        // What nobody had or looked for before is missed by nobody who ends well.
        let is_optional = finding.kind == FindingKind::FileMissing
            && finding.before == b"not asked for"
            && !finding.role.is_some_and(|role| failed.contains(&role));
        if is_optional {
            finding.score *= if failed.is_empty() {
                OPTIONAL
            } else {
                OPTIONAL_BESIDE
            };
        }
        let has_failed = finding.role.is_some_and(|role| failed.contains(&role));
        if is_catalogue(&finding.subject) || has_failed && is_shown(joint, finding) {
            finding.score *= TELLING;
        }
    }
}

/// Whether it is a source that an interpreter may read to show a line of it.
pub(super) fn is_source(path: &[u8]) -> bool {
    SOURCES.iter().any(|ending| path.ends_with(ending))
}

/// Messages in the user's language, which are looked for when there is something to say.
fn is_catalogue(path: &[u8]) -> bool {
    path.ends_with(b".mo") || super::contains(path, b"/LC_MESSAGES")
}

/// Whether a source is read again whose content is what it was, or one that belongs to the interpreter.
fn is_shown(joint: &Joint<'_>, finding: &Finding) -> bool {
    if !is_source(&finding.subject) {
        return false;
    }
    let Some(key) = finding.key else { return false };
    let found = |side: usize| {
        joint
            .key_of(key, side)
            .and_then(|key| key.content.as_deref())
    };
    let subject = joint.subject();
    let is_same = found(subject).is_some_and(|now| {
        (0..subject)
            .filter_map(found)
            .all(|before| before.size_bytes == now.size_bytes)
    });
    let reads_more =
        finding.kind == FindingKind::More && (is_same || super::is_system(&finding.subject));
    reads_more || finding.kind != FindingKind::More && super::is_system(&finding.subject)
}
