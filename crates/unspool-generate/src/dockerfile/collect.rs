//! The files that a program needs to find where it runs: those that were there before it, with the folders and links on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::FileTypeExt as _;

use crate::host::Host;
use crate::observed::{OWN_PROC, Observed};
use crate::rights::Rights;
use crate::text::{is_within, parent, shown};

/// Something that is copied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Name, without links in its folders.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
}

/// Kinds of entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// A folder, for itself: its files are entries of their own.
    Folder,
    /// A symbolic link.
    Link(Vec<u8>),
    /// A regular file.
    File,
}

/// Entries by name, and what could not be taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Collected {
    pub(super) entries: BTreeMap<Vec<u8>, Entry>,
    pub(super) notes: Vec<String>,
    /// Real names of the regular files and links that are used.
    pub(super) used: BTreeSet<Vec<u8>>,
}

/// Folders that whoever runs the container fills.
const GIVEN: &[&[u8]] = &[b"/proc", b"/sys", b"/dev"];

/// Notes about single files; more are counted.
const NOTES_MAX: usize = 200;

pub(super) fn collect(observed: &Observed, host: &Host) -> Collected {
    let mut collected = Collected::default();
    let mut names: BTreeSet<Vec<u8>> = observed.named.clone();
    for (path, file) in &observed.files {
        if !file.found.is_empty() {
            names.insert(path.clone());
        }
        if file.made.intersects(Rights::MAKES) {
            names.insert(observed.folder_of(path).to_vec());
        }
    }
    for program in &observed.programs {
        names.insert(program.clone());
        names.extend(host.loaders(program));
    }
    for root in &observed.roots {
        names.extend(
            [&root.cwd, &root.exe, &root.called]
                .into_iter()
                .filter(|name| !name.is_empty())
                .cloned(),
        );
        // A script's own first line names its interpreter by a link that nobody opens by name.
        names.extend(host.loaders(&root.called));
    }
    let mut more = 0_usize;
    for name in &names {
        let note = take(&mut collected, observed, host, name);
        match note {
            Some(note) if collected.notes.len() < NOTES_MAX => collected.notes.push(note),
            Some(_) => more += 1,
            None => {}
        }
    }
    if more > 0 {
        collected.notes.push(format!("and {more} more files"));
    }
    collected
}

/// Takes a name with all that leads to it; says why not, when it cannot.
fn take(
    collected: &mut Collected,
    observed: &Observed,
    host: &Host,
    name: &[u8],
) -> Option<String> {
    let is_given = GIVEN.iter().any(|folder| is_within(name, folder)) || is_within(name, OWN_PROC);
    if is_given || !name.starts_with(b"/") || observed.anchor(name) != name {
        return None;
    }
    let route = host.route(name);
    for link in &route.links {
        folders(collected, host, parent(link));
        if let Some(target) = host.link_target(link) {
            collected.used.insert(link.clone());
            let entry = Entry {
                path: link.clone(),
                kind: EntryKind::Link(target),
            };
            collected.entries.insert(link.clone(), entry);
        }
    }
    let used = observed.files.get(name);
    let Some(end) = route.end else {
        let why = if used.is_some_and(|file| file.deleted) {
            "removed by the run"
        } else {
            "no longer there"
        };
        return Some(format!("not copied, {why}: {}", shown(name)));
    };
    if GIVEN.iter().any(|folder| is_within(&end, folder)) {
        return None;
    }
    folders(collected, host, parent(&end));
    let metadata = host.metadata(&end)?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        folders(collected, host, &end);
        return used
            .filter(|file| file.all().contains(Rights::LIST))
            .and_then(|_| listed(&end));
    }
    if !kind.is_file() {
        let what = if kind.is_socket() {
            "a socket"
        } else if kind.is_fifo() {
            "a FIFO"
        } else {
            "a device"
        };
        return Some(format!("not copied, {what}: {}", shown(&end)));
    }
    collected.used.insert(end.clone());
    let is_new = collected
        .entries
        .insert(
            end.clone(),
            Entry {
                path: end.clone(),
                kind: EntryKind::File,
            },
        )
        .is_none();
    let changed = observed.files.get(&end).is_some_and(|file| file.changed);
    (changed && is_new).then(|| format!("changed by the run, the copy is of now: {}", shown(&end)))
}

/// Folders of systems are listed by many programs that use few of the files.
fn listed(folder: &[u8]) -> Option<String> {
    let is_system = ["/usr", "/etc", "/var", "/opt"]
        .iter()
        .any(|system| is_within(folder, system.as_bytes()));
    (!is_system).then(|| {
        format!(
            "listed by the run, only the files that it used are in it: {}",
            shown(folder)
        )
    })
}

fn folders(collected: &mut Collected, host: &Host, folder: &[u8]) {
    let mut at = folder;
    while at != b"/" && !collected.entries.contains_key(at) {
        if host.is_folder(at) {
            collected.entries.insert(
                at.to_vec(),
                Entry {
                    path: at.to_vec(),
                    kind: EntryKind::Folder,
                },
            );
        }
        at = parent(at);
    }
}
