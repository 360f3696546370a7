//! The runs side by side: processes, files, connections, time, names.

use unspool_model::report::{Cell, Layout, Report, Shape, Shown, Unit};

use super::finding::Finding;
use super::profile::{ExitKey, Group, KeyKind, Profile, Role, Use};
use super::{Joint, TimeAccount, phrases};
use crate::{column, table};

/// What can be looked at side by side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aside {
    /// Processes.
    Tree,
    /// Files that differ.
    Files,
    /// Connections that differ.
    Net,
    /// Where the time went.
    Time,
    /// What was taken for the same name.
    Names,
}

/// Rows that are shown of the parts of the time; the others are summed up in one.
const TIME_ROWS_MAX: usize = 30;

const TREE: Shape = Shape {
    kind: "diff-tree",
    columns: &[
        column("id", Unit::Number, Shown::Never, "Number of the row."),
        column("parent", Unit::Number, Shown::Never, "Row of its parent."),
        column(
            "before",
            Unit::Text,
            Shown::Always,
            "How many there were in the first baseline, and how they ended.",
        ),
        column(
            "after",
            Unit::Text,
            Shown::Always,
            "The same in the run that is asked about.",
        ),
        column(
            "wall_before_ns",
            Unit::Duration,
            Shown::Always,
            "How long they lived, all together.",
        ),
        column(
            "wall_after_ns",
            Unit::Duration,
            Shown::Always,
            "The same in the run that is asked about.",
        ),
        // Branches are drawn before the last column.
        column("name", Unit::Text, Shown::Always, "Command."),
    ],
    layout: Layout::Tree {
        id: "id",
        parent: "parent",
    },
};

const FILES: Shape = table(
    "diff-files",
    &[
        column(
            "before",
            Unit::Text,
            Shown::Always,
            "What was done to it in the first baseline.",
        ),
        column(
            "after",
            Unit::Text,
            Shown::Always,
            "The same in the run that is asked about.",
        ),
        column("process", Unit::Text, Shown::Always, "Who."),
        column("name", Unit::Text, Shown::Always, "What, in full."),
    ],
);

const TIME: Shape = table(
    "diff-time",
    &[
        column(
            "before_ns",
            Unit::Duration,
            Shown::Always,
            "In the first baseline.",
        ),
        column(
            "after_ns",
            Unit::Duration,
            Shown::Always,
            "In the run that is asked about.",
        ),
        column(
            "difference_ns",
            Unit::Duration,
            Shown::Always,
            "How much longer.",
        ),
        column("what", Unit::Text, Shown::Always, "What for."),
        column("on", Unit::Text, Shown::Always, "Path, address or call."),
        column(
            "process",
            Unit::Text,
            Shown::Always,
            "Commands from the first one down.",
        ),
    ],
);

const NAMES: Shape = table(
    "diff-names",
    &[
        column("rule", Unit::Text, Shown::Always, "Why."),
        column("from", Unit::Text, Shown::Always, "What stood there."),
        column("to", Unit::Text, Shown::Always, "What it is taken for."),
        column(
            "name",
            Unit::Text,
            Shown::Always,
            "A name in which it stood.",
        ),
    ],
);

/// Puts the first baseline and the subject side by side.
pub fn aside(what: Aside, baselines: &[&Profile], subject: &Profile) -> Report {
    let joint = Joint::new(baselines, subject);
    match what {
        Aside::Tree => tree(&joint),
        Aside::Files => uses(&joint, |kind| {
            matches!(
                kind,
                KeyKind::File | KeyKind::Folder | KeyKind::Device | KeyKind::Pipe
            )
        }),
        Aside::Net => uses(&joint, |kind| {
            matches!(
                kind,
                KeyKind::Peer | KeyKind::Listener | KeyKind::LocalSocket
            )
        }),
        Aside::Time => time(&super::account::account(&joint)),
        Aside::Names => names(&joint),
    }
}

fn tree(joint: &Joint<'_>) -> Report {
    let mut report = Report::new(&TREE);
    let mut order: Vec<usize> = (0..joint.roles.len()).collect();
    order.sort_by(|one, other| joint.roles[*one].name.cmp(&joint.roles[*other].name));
    for place in order {
        let role = u32::try_from(place).unwrap_or(u32::MAX);
        let (before, after) = (joint.role_of(role, 0), joint.role_of(role, joint.subject()));
        let wall = |role: Option<&Role>| Cell::int_or_null(role.map(|role| role.wall_ns));
        let label = joint.any_role(role).map_or(&b"?"[..], |role| &role.label);
        report.rows.push(vec![
            Cell::int(place),
            Cell::int_or_null(joint.roles[place].parent),
            Cell::text(ends(before).as_bytes()),
            Cell::text(ends(after).as_bytes()),
            wall(before),
            wall(after),
            Cell::text(label),
        ]);
    }
    report
}

/// `3 times: exit status 0, exit status 2 once`.
fn ends(role: Option<&Role>) -> String {
    let Some(role) = role else {
        return "did not run".to_owned();
    };
    let ends: Vec<String> = role
        .exits
        .iter()
        .filter(|(key, _)| **key != ExitKey::Status(0) || role.exits.len() > 1)
        .map(|(key, ended)| format!("{} {}", phrases::exit(*key), phrases::times(ended.count)))
        .collect();
    if ends.is_empty() {
        phrases::times(role.instances)
    } else {
        format!("{}: {}", phrases::times(role.instances), ends.join(", "))
    }
}

fn uses(joint: &Joint<'_>, wanted: fn(KeyKind) -> bool) -> Report {
    let mut report = Report::new(&FILES);
    for ((role, key), sides) in &joint.uses {
        let Some(found) = joint.any_key(*key).filter(|key| wanted(key.kind)) else {
            continue;
        };
        let side = |side: usize| sides.get(side).copied().flatten();
        let (before, after) = (did(side(0)), did(side(joint.subject())));
        if before == after {
            continue;
        }
        let process = joint
            .roles
            .get(*role as usize)
            .map_or(&[][..], |role| &role.name);
        report.rows.push(vec![
            Cell::text(before.as_bytes()),
            Cell::text(after.as_bytes()),
            Cell::text(process),
            Cell::text(&found.raw),
        ]);
    }
    report.rows.sort_by_key(|row| match row.last() {
        Some(Cell::Text(name)) => name.clone(),
        _ => Vec::new(),
    });
    report
}

fn did(used: Option<&Use>) -> String {
    let Some(used) = used else {
        return "-".to_owned();
    };
    let mut words = Vec::new();
    for (group, name) in [
        (Group::Open, "opened"),
        (Group::Execute, "run"),
        (Group::Map, "mapped"),
        (Group::Change, "changed"),
        (Group::Connect, "connected"),
        (Group::Accept, "accepted"),
    ] {
        if used.count(group) > 0 {
            words.push(format!("{name} {}", used.count(group)));
        }
    }
    if used.bytes_read > 0 {
        words.push(format!("read {}", phrases::size(used.bytes_read)));
    }
    if used.bytes_written > 0 {
        words.push(format!("wrote {}", phrases::size(used.bytes_written)));
    }
    for failures in &used.errors {
        words.push(format!("{} {}", failures.errno, failures.count));
    }
    if words.is_empty() {
        "asked".to_owned()
    } else {
        words.join(", ")
    }
}

fn time(account: &TimeAccount) -> Report {
    let mut report = Report::new(&TIME);
    let mut row = |before: i64, after: i64, what: &str, on: &[u8], process: &[u8]| {
        report.rows.push(vec![
            Cell::Int(before),
            Cell::Int(after),
            Cell::Int(after - before),
            Cell::text(what.as_bytes()),
            Cell::text(on),
            Cell::text(process),
        ]);
    };
    for part in account.parts.iter().take(TIME_ROWS_MAX) {
        row(
            part.before_ns,
            part.after_ns,
            part.what,
            &part.on,
            &part.process,
        );
    }
    let rest = account.parts.get(TIME_ROWS_MAX..).unwrap_or_default();
    if !rest.is_empty() {
        let before = rest.iter().map(|part| part.before_ns).sum();
        let after = rest.iter().map(|part| part.after_ns).sum();
        row(before, after, "all others", b"", b"");
    }
    row(0, account.unexplained_ns, "not explained", b"", b"");
    report
}

/// Rule, what stood there, what it is taken for, and the name.
type NameRow = (String, Vec<u8>, Vec<u8>, Vec<u8>);

fn names(joint: &Joint<'_>) -> Report {
    let mut report = Report::new(&NAMES);
    let mut rows: Vec<NameRow> = Vec::new();
    for run in &joint.runs {
        for (change, name) in &run.changes {
            rows.push((
                change.rule.name(),
                change.from.clone(),
                change.to.clone(),
                name.clone(),
            ));
        }
    }
    for (before, now) in &joint.learnt {
        rows.push((
            "the runs differ by this alone".to_owned(),
            before.clone(),
            now.clone(),
            now.clone(),
        ));
    }
    let left_out: u64 = joint.runs.iter().map(|run| run.changes_left_out).sum();
    if left_out > 0 {
        let note = format!("{left_out} more replacements are not listed");
        rows.push((note, Vec::new(), Vec::new(), Vec::new()));
    }
    rows.sort();
    rows.dedup_by(|one, other| (&one.0, &one.1, &one.2) == (&other.0, &other.1, &other.2));
    for (rule, from, to, name) in rows {
        report.rows.push(vec![
            Cell::text(rule.as_bytes()),
            Cell::text(&from),
            Cell::text(&to),
            Cell::text(&name),
        ]);
    }
    report
}

/// The event of the subject at which the runs first part, as far as the findings tell.
pub fn first_divergence(findings: &[Finding]) -> Option<u64> {
    findings
        .iter()
        .filter(|finding| finding.score >= super::ALARM_SCORE)
        .filter_map(|finding| finding.seq)
        .min()
}
