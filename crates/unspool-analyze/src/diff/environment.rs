//! Differences of environment variables.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, FindingKind};
use super::phrases::{say, who};
use super::processes::{Sides, first_seq};
use super::profile::Role;
use super::{Joint, is_background};

/// Variables that differ in every session.
const VOLATILE: &[&[u8]] = &[
    b"SHLVL",
    b"_",
    b"PWD",
    b"OLDPWD",
    b"COLUMNS",
    b"LINES",
    b"WINDOWID",
    b"XDG_SESSION_ID",
    b"INVOCATION_ID",
    b"JOURNAL_STREAM",
    b"SYSTEMD_EXEC_PID",
    b"MANAGERPID",
    b"SSH_CLIENT",
    b"SSH_CONNECTION",
    b"SSH_TTY",
    b"SSH_AUTH_SOCK",
    b"DBUS_SESSION_BUS_ADDRESS",
    b"TERM_SESSION_ID",
    b"STY",
    b"TMUX",
    b"TMUX_PANE",
    b"GPG_AGENT_INFO",
    b"MAKEFLAGS",
    b"MFLAGS",
    b"MAKELEVEL",
    b"COLLECT_GCC_OPTIONS",
    b"UNSPOOL_STORE",
];

/// Variables that change where programs and libraries come from, or how text and time are read.
const WEIGHTY: &[&[u8]] = &[
    b"PATH",
    b"LD_LIBRARY_PATH",
    b"LD_PRELOAD",
    b"PYTHONPATH",
    b"PERL5LIB",
    b"CLASSPATH",
    b"NODE_PATH",
    b"GOPATH",
    b"LANG",
    b"LC_ALL",
    b"TZ",
    b"TMPDIR",
    b"HOME",
    b"PYTHONHOME",
];

/// Variables of whoever is logged in: they say who started the job, and jobs hardly read them.
const PERSONAL: &[&[u8]] = &[
    b"COLORTERM",
    b"DESKTOP_SESSION",
    b"DISPLAY",
    b"EDITOR",
    b"LESS",
    b"LESSCLOSE",
    b"LESSOPEN",
    b"LOGNAME",
    b"LS_COLORS",
    b"MAIL",
    b"MOTD_SHOWN",
    b"PAGER",
    b"PS1",
    b"TERM",
    b"TERM_PROGRAM",
    b"VISUAL",
    b"WAYLAND_DISPLAY",
    b"XAUTHORITY",
];

fn is_personal(name: &[u8]) -> bool {
    PERSONAL.contains(&name) || name.starts_with(b"XDG_") || name.starts_with(b"SUDO_")
}

/// Variables that a program sets for those it starts, and obeys when it is given them.
const OBEYED: &[&[u8]] = &[b"MAKEFLAGS", b"MFLAGS"];

/// Whether the job itself is given such a variable, with something in it, as in no baseline.
fn is_given(joint: &Joint<'_>, role: u32, subject: &Role, name: &[u8], sides: &Sides<'_>) -> bool {
    let is_job = joint
        .roles
        .get(role as usize)
        .is_some_and(|role| role.parent.is_none());
    let has_text = |value: &Vec<u8>| !value.trim_ascii().is_empty();
    let is_set = subject
        .environment
        .get(name)
        .is_some_and(|values| values.keys().any(has_text));
    is_job
        && is_set
        && OBEYED.contains(&name)
        && sides
            .roles()
            .all(|role| !role.environment.contains_key(name))
}

/// Variables that differ, each told once.
pub(super) fn find(
    joint: &Joint<'_>,
    role: u32,
    subject: &Role,
    sides: &Sides<'_>,
    told: &mut BTreeSet<Vec<u8>>,
    out: &mut Vec<Finding>,
) {
    if subject.environment.is_empty() || sides.roles().any(|role| role.environment.is_empty()) {
        return;
    }
    let names: BTreeSet<&Vec<u8>> = sides
        .roles()
        .flat_map(|role| role.environment.keys())
        .chain(subject.environment.keys())
        .collect();
    for name in names {
        let now = subject.environment.get(name);
        if VOLATILE.contains(&name.as_slice()) && !is_given(joint, role, subject, name, sides) {
            continue;
        }
        let then: Vec<_> = sides
            .roles()
            .map(|role| role.environment.get(name))
            .collect();
        let raw = |values: Option<&BTreeMap<Vec<u8>, Vec<u8>>>| {
            values.map_or_else(
                || b"not set".to_vec(),
                |values| values.values().cloned().collect::<Vec<_>>().join(&b' '),
            )
        };
        let differs = match now {
            None => then.iter().all(Option::is_some),
            Some(values) => {
                let some = then.iter().flatten().next().is_some();
                !some
                    || values.keys().any(|value| {
                        !is_background(value)
                            && then.iter().flatten().all(|then| !then.contains_key(value))
                    })
            }
        };
        if !differs {
            continue;
        }
        let before = raw(then.iter().flatten().next().copied());
        let after = raw(now);
        if before == after || !told.insert(say!("env ", name, "=", after)) {
            continue;
        }
        let score = if WEIGHTY.contains(&name.as_slice()) {
            3.0
        } else if is_personal(name) {
            0.6
        } else {
            2.6
        };
        out.push(
            Finding::new(FindingKind::Environment, score, name)
                .values(before.clone(), after.clone())
                .at(subject.first_ns, first_seq(subject))
                .of(role, None)
                .says(say!(
                    "the variable ",
                    name,
                    " of ",
                    who(joint, role),
                    " is ",
                    after,
                    ", before ",
                    before
                )),
        );
    }
}

/// How a value begins that was not kept.
const REDACTED: &str = "‹redacted:";
/// Words in names of variables that hold a place to speak with.
const PLACES: &[&[u8]] = &[
    b"PROXY",
    b"HOST",
    b"URL",
    b"URI",
    b"ADDR",
    b"SERVER",
    b"PORT",
    b"ENDPOINT",
    b"DSN",
];

/// Shortest part of a value that names something.
const PART_MIN: usize = 4;

fn parts(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| matches!(byte, b':' | b' ' | b'=' | b','))
        .filter(|part| part.len() >= PART_MIN)
}

/// Whether a variable says what is looked for, run or spoken with: the language whose tables are read, a folder, a port.
/// What is not found any more may have been named by the value of before.
pub(super) fn explains(cause: &Finding, effect: &Finding) -> bool {
    use FindingKind as Kind;
    if cause.kind != Kind::Environment || cause.score < 1.6 {
        return false;
    }
    let names = |part: &[u8], text: &[u8]| super::contains(text, part);
    let is_new = |part: &&[u8]| !names(part, &cause.before);
    let by_value = match effect.kind {
        Kind::FileMissing | Kind::FileNew | Kind::FileOther | Kind::FileGone | Kind::Version => {
            parts(&cause.after).any(|part| names(part, &effect.subject))
        }
        Kind::Argument
        | Kind::Program
        | Kind::ProcessNew
        | Kind::ConnectionNew
        | Kind::ConnectionOther
        | Kind::ConnectionError => parts(&cause.after)
            .filter(is_new)
            .any(|part| names(part, &effect.subject)),
        _ => false,
    };
    // The value of most variables is not kept: then the name says that it is a place.
    let by_name = matches!(effect.kind, Kind::ConnectionNew | Kind::ConnectionOther)
        && cause.after.starts_with(REDACTED.as_bytes())
        && PLACES
            .iter()
            .any(|word| names(word, &cause.subject.to_ascii_uppercase()));
    let is_moved = matches!(effect.kind, Kind::FileMissing | Kind::FileOther)
        && parts(&cause.before)
            .filter(|part| part.starts_with(b"/") && !names(part, &cause.after))
            .any(|part| names(part, &effect.before) && !names(part, &effect.subject));
    by_value || by_name || is_moved
}
