//! Why was this run different? A run is compared with one or more baselines; the differences are ranked, and what follows
//! from another difference is put behind it.
//!
//! [`Profiler`] folds the steps of a run into a [`Profile`], whose size depends on distinct names, not on events;
//! [`compare`] puts profiles side by side and gives the findings.

mod account;
mod aside;
mod calls;
mod causes;
mod complaints;
mod contents;
mod counted;
mod dated;
mod ends;
mod environment;
mod families;
mod filters;
mod finding;
mod fold;
mod hints;
mod join;
mod leftovers;
mod lists;
mod messages;
mod missing;
mod names;
mod nightly;
mod order;
mod pauses;
mod peers;
mod phrases;
mod pools;
mod processes;
mod profile;
mod rank;
mod reach;
mod refusals;
mod releases;
mod resources;
mod roles;
mod short;
mod siblings;
mod telling;
#[cfg(test)]
mod tests;
mod threads;
mod turnover;
mod uses;
mod variants;
mod words;

pub use account::{TimeAccount, TimePart};
pub use aside::{Aside, aside, first_divergence};
pub use finding::{ALARM_SCORE, Finding, FindingKind, SHAPE};
pub use fold::{NameRules, Profiler, RunIdentity};
pub use profile::Profile;

use join::Joint;
use profile::KeyKind;
use unspool_model::category::Category;

/// What a comparison found.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Difference {
    /// The findings, ranked.
    pub findings: Vec<Finding>,
    /// Where the time went.
    pub time: TimeAccount,
    /// Whether messages were compared: all runs have the data of what was written.
    pub has_messages: bool,
    /// Whether some runs have names as the kernel's own objects say them and others as they were asked for.
    pub names_differ: bool,
    /// Names of the first baseline that were taken for names of the subject, by what was learnt from both.
    pub learnt: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Difference {
    /// Whether the runs count as different.
    pub fn is_different(&self) -> bool {
        self.alarms() > 0
    }

    /// The findings as rows of [`SHAPE`], in rank order. `run` is the run that is asked about, as commands take it.
    pub fn rows(&self, run: &str) -> Vec<Vec<unspool_model::report::Cell>> {
        self.findings
            .iter()
            .enumerate()
            .map(|(place, finding)| finding.row(place, &look(finding, run)))
            .collect()
    }

    /// Findings over the threshold.
    pub fn alarms(&self) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.score >= ALARM_SCORE)
            .count()
    }
}

/// A command that shows the place of a finding.
fn look(finding: &Finding, run: &str) -> Vec<u8> {
    let Some(seq) = finding.seq else {
        return Vec::new();
    };
    let from = seq.saturating_sub(3);
    let to = seq + 3;
    format!("unspool show {run} events -w 'evt.seq >= {from} and evt.seq <= {to}'").into_bytes()
}

/// Compares `subject` with the baselines; with none there is no difference.
pub fn compare(baselines: &[&Profile], subject: &Profile) -> Difference {
    if baselines.is_empty() {
        return Difference::default();
    }
    let joint = Joint::new(baselines, subject);
    let mut findings = Vec::new();
    processes::find(&joint, &mut findings);
    resources::find(&joint, &mut findings);
    siblings::find(&joint, &mut findings);
    filters::find(&joint, &mut findings);
    short::find(&joint, &mut findings);
    releases::find(&joint, &mut findings);
    pauses::find(&joint, &mut findings);
    leftovers::find(&joint, &mut findings);
    complaints::find(&joint, &mut findings);
    account::find(&joint, &mut findings);
    order::find(&joint, &mut findings);
    messages::find(&joint, &mut findings);
    if joint.names_differ() {
        findings.retain(|finding| !is_of_naming(finding));
    }
    Difference {
        findings: rank::rank(&joint, findings),
        time: account::account(&joint),
        has_messages: messages::are_compared(&joint),
        names_differ: joint.names_differ(),
        learnt: joint.learnt.clone(),
    }
}

/// Whether a difference may come from what a tracer calls a file of the machine: by the name that was asked for, or by that
/// of the file behind its links.
fn is_of_naming(finding: &Finding) -> bool {
    let folders: [&[u8]; 6] = [b"/usr/", b"/etc/", b"/lib", b"/bin/", b"/proc/", b"/sys/"];
    let is_name = matches!(
        finding.kind,
        FindingKind::FileNew
            | FindingKind::FileGone
            | FindingKind::FileMissing
            | FindingKind::More
            | FindingKind::Less
            | FindingKind::Order
    );
    let subject = finding.subject.as_slice();
    is_name
        && finding.key.is_some()
        && (!subject.starts_with(b"/") || folders.iter().any(|folder| subject.starts_with(folder)))
}

/// Folders of programs and libraries that a package manager fills.
pub(crate) fn is_system(path: &[u8]) -> bool {
    matches!(
        Category::of(path),
        Category::SharedLibraries
            | Category::SystemConfigFiles
            | Category::OtherLibraries
            | Category::SystemExecutables
    )
}

/// Endings of files that people write and programs only read: what a job is, not what it works on.
const STABLE: &[&[u8]] = &[
    b".conf",
    b".cfg",
    b".cnf",
    b".ini",
    b".yaml",
    b".yml",
    b".toml",
    b".json",
    b".xml",
    b".properties",
    b".env",
    b".rc",
    b".py",
    b".sh",
    b".pl",
    b".rb",
    b".js",
    b".mjs",
    b".ts",
    b".sql",
    b".h",
    b".hpp",
    b".c",
    b".cc",
    b".cpp",
    b".rs",
    b".go",
    b".java",
    b".mk",
    b".cmake",
    b".awk",
    b".sed",
    b".pem",
    b".crt",
    b".service",
    b".tmpl",
    b".tpl",
    b".j2",
    b".list",
    b".lst",
    b".rules",
    b".xsd",
    b".dtd",
    b".xsl",
    b".xslt",
    b".jq",
    b".tcl",
    b".lua",
    b".m4",
    b".map",
    b".key",
];

/// Folders of what people write for a job.
const STABLE_FOLDERS: &[&[u8]] = &[
    b"/conf/",
    b"/config/",
    b"/settings/",
    b"/tmpl/",
    b"/templates/",
    b"/schema/",
    b"/schemas/",
    b"/rules/",
    b"/policies/",
];

/// Whether the content of a file is part of what the job is.
pub(crate) fn is_stable(path: &[u8]) -> bool {
    let base = roles::base(path);
    path.starts_with(b"/etc/")
        || STABLE.iter().any(|ending| base.ends_with(ending))
        || base == b"Makefile"
        || base.starts_with(b".")
        || !base.contains(&b'.') && contains(path, b"/bin/")
}

/// Whether a file lies in a folder of what people write for a job; programs may write there, too.
pub(crate) fn is_in_stable_folder(path: &[u8]) -> bool {
    STABLE_FOLDERS.iter().any(|folder| contains(path, folder))
}

/// Whether a value of a variable says nothing: redacted, or random.
pub(crate) fn is_background(value: &[u8]) -> bool {
    value.windows(8).any(|part| part == b"<SECRET>")
}

fn contains(name: &[u8], part: &[u8]) -> bool {
    name.windows(part.len()).any(|window| window == part)
}

/// Compiled forms of scripts, made when they are missing.
fn is_cache(name: &[u8]) -> bool {
    contains(name, b"__pycache__") || name.ends_with(b".pyc")
}

/// How much a difference of this resource matters: data of the job the most, what the kernel shows of itself the least.
fn weight_of(joint: &Joint<'_>, key: u32) -> f64 {
    let Some(found) = joint.any_key(key) else {
        return 1.0;
    };
    let name = found.raw.as_slice();
    match found.kind {
        KeyKind::Pipe => 0.4,
        KeyKind::Anonymous => 0.3,
        KeyKind::Call | KeyKind::Peer | KeyKind::Listener => 1.0,
        KeyKind::LocalSocket => 0.8,
        KeyKind::File | KeyKind::Folder | KeyKind::Device => {
            let begins = |folders: &[&[u8]]| folders.iter().any(|folder| name.starts_with(folder));
            if begins(&[b"/proc/", b"/sys/", b"/dev/"]) {
                0.35
            } else if !found.named && found.kind != KeyKind::Folder {
                // Open before the run began: where its output goes is its caller's business.
                0.3
            } else if found.created && found.deleted || contains(name, b"<TMP>") || is_cache(name) {
                0.3
            } else if begins(&[
                b"/usr/share/locale",
                b"/usr/lib/locale",
                b"/usr/share/zoneinfo",
                b"/etc/ld.so",
            ]) {
                0.4
            } else if is_system(name) {
                0.7
            } else {
                1.0
            }
        }
    }
}
