//! Sentences for people: what to look at first.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use unspool_model::event::Errno;
use unspool_model::ids::{ProcessId, ResourceId};
use unspool_model::report::Cell;
use unspool_model::step::Action;
use unspool_model::totals::{Failure, Totals};
use unspool_model::world::{Process, World};

use super::{InVain, Summary};
use crate::files::FileUse;
use crate::process_label;
use crate::tree::exit_of;

/// Sentences of one kind, and names in one sentence.
const EACH_MAX: usize = 5;

/// Errors that are an ordinary answer: try again, in progress, no child, no terminal, restarts.
const ORDINARY: [u16; 10] = [4, 10, 11, 25, 29, 115, 512, 513, 514, 516];

/// Calls that are a question, and the error that answers it: no symbolic link, a folder that is there already, no such attribute,
/// a signal that nobody may handle.
const ANSWERS: &[(&[u8], &[u16])] = &[
    (b"fgetxattr", &[61, 95]),
    (b"getxattr", &[61, 95]),
    (b"lgetxattr", &[61, 95]),
    (b"mkdir", &[17]),
    (b"mkdirat", &[17]),
    (b"readlink", &[22]),
    (b"readlinkat", &[22]),
    (b"rt_sigaction", &[22]),
];

/// Whether the failure says nothing to people.
fn is_ordinary(failure: &Failure) -> bool {
    let Errno(errno) = failure.errno;
    let answers = || {
        ANSWERS
            .iter()
            .any(|(name, errors)| *name == failure.name && errors.contains(&errno))
    };
    failure.errno == Errno::ENOENT || ORDINARY.contains(&errno) || answers()
}

impl Summary {
    /// Failed processes, failing calls, missing files, processes without an end, losses.
    pub(super) fn findings(
        &self,
        world: &World,
        totals: &Totals,
        uses: &[FileUse<'_>],
        processes: &[&Process],
    ) -> Vec<Cell> {
        let mut sentences: Vec<Vec<u8>> = Vec::new();
        for (reason, count) in &self.run.losses {
            sentences.push(format!("{count} lost: {reason}").into_bytes());
        }
        let blamed = blamed(processes);
        let cause = blamed.last().map(|last| last.id);
        failed_processes(world, processes, &blamed, &mut sentences);
        failing_calls(world, totals, &mut sentences);
        missing_files(&self.told.in_vain, uses, cause, &mut sentences);
        unended(world, processes, &mut sentences);
        sentences.into_iter().map(Cell::Text).collect()
    }
}

fn failing_calls(world: &World, totals: &Totals, sentences: &mut Vec<Vec<u8>>) {
    let mut failures: Vec<&Failure> = totals
        .failures
        .iter()
        .filter(|failure| !is_ordinary(failure))
        .collect();
    failures.sort_by(|one, other| {
        let key = |failure: &Failure| (failure.errno, failure.resource);
        other
            .count
            .cmp(&one.count)
            .then_with(|| one.name.cmp(&other.name))
            .then_with(|| key(one).cmp(&key(other)))
    });
    for failure in failures.into_iter().take(EACH_MAX) {
        let mut sentence = failure.name.clone();
        let how_often = match failure.count {
            1 => "once".to_owned(),
            count => format!("{count} times"),
        };
        let text = format!(" failed {how_often} with {}", failure.errno);
        sentence.extend_from_slice(text.as_bytes());
        if let Some(resource) = failure.resource.and_then(|id| world.resource(id)) {
            sentence.extend_from_slice(b": ");
            sentence.extend_from_slice(&resource.name);
        }
        sentences.push(sentence);
    }
}

/// Failed processes: the first one and what made it fail, then the others in the order of their starts; those that ran the
/// same program and ended alike in one sentence.
fn failed_processes(
    world: &World,
    processes: &[&Process],
    blamed: &[&Process],
    sentences: &mut Vec<Vec<u8>>,
) {
    // The chain is told whole: its end is the cause.
    for (index, process) in blamed.iter().enumerate() {
        let above = index.checked_sub(1).and_then(|above| blamed.get(above));
        let mut sentence = process_label(world, process.id);
        if let Some(above) = above {
            sentence.extend_from_slice(b", the last that ");
            sentence.extend_from_slice(&process_label(world, above.id));
            sentence.extend_from_slice(b" ran,");
        }
        push_end(&mut sentence, process);
        push_argv(&mut sentence, process);
        sentences.push(sentence);
    }
    let mut places: HashMap<(&[u8], Option<u32>), usize> = HashMap::new();
    let mut alike: Vec<Vec<&Process>> = Vec::new();
    for process in processes {
        if !has_failed(process) || blamed.iter().any(|blamed| blamed.id == process.id) {
            continue;
        }
        let exe = process.image().map_or(&[][..], |image| &image.exe);
        let place = *places
            .entry((exe, shell_status(process)))
            .or_insert(alike.len());
        match alike.get_mut(place) {
            Some(group) => group.push(process),
            None => alike.push(vec![process]),
        }
    }
    let told = EACH_MAX.saturating_sub(blamed.len());
    for group in alike.iter().take(told) {
        let Some(process) = group.first() else {
            continue;
        };
        let mut sentence = process_label(world, process.id);
        if let Some(others) = group.len().checked_sub(1).filter(|others| *others > 0) {
            sentence.extend_from_slice(format!(" and {others} more").as_bytes());
        }
        push_end(&mut sentence, process);
        push_argv(&mut sentence, process);
        sentences.push(sentence);
    }
    let more: usize = alike.iter().skip(told).map(Vec::len).sum();
    if more > 0 {
        sentences.push(format!("{more} more processes failed").into_bytes());
    }
}

fn push_end(sentence: &mut Vec<u8>, process: &Process) {
    let how = match exit_of(process) {
        (Some(code), _) => format!(" exited with status {code}"),
        (None, Some(signal)) => format!(" was killed by {}", unspool_model::signal::name(signal)),
        (None, None) => String::new(),
    };
    sentence.extend_from_slice(how.as_bytes());
}

fn push_argv(sentence: &mut Vec<u8>, process: &Process) {
    let argv = process.image().map_or(&[][..], |image| &image.argv);
    for (index, arg) in argv.iter().enumerate() {
        sentence.extend_from_slice(if index == 0 { b": " } else { b" " });
        sentence.extend_from_slice(arg);
    }
}

fn has_failed(process: &Process) -> bool {
    let (code, signal) = exit_of(process);
    code.is_some_and(|code| code != 0) || signal.is_some()
}

/// The run's first process, where it failed, the child that it failed with, that one's child, and so on.
///
/// A child is to blame when it failed and its parent started no other after it: so the last command of a script under
/// `set -e`, or a part of the last pipeline. Of several the one with the parent's own status is taken, then the one that
/// ended last.
fn blamed<'w>(processes: &[&'w Process]) -> Vec<&'w Process> {
    let mut children: HashMap<ProcessId, Vec<&'w Process>> = HashMap::new();
    for process in processes {
        if let Some(parent) = process.parent {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut chain = Vec::new();
    let mut next = processes.first().copied().filter(|first| has_failed(first));
    while let Some(process) = next {
        chain.push(process);
        let born = children.get(&process.id).map_or(&[][..], Vec::as_slice);
        let last_start_ns = born.iter().map(|child| child.start_ns).max();
        let status = shell_status(process);
        next = born
            .iter()
            .copied()
            .filter(|child| has_failed(child) && child.end_ns >= last_start_ns)
            .max_by_key(|child| (shell_status(child) == status, child.end_ns, child.id));
    }
    chain
}

/// The status as shells pass it on: 128 and the number for a signal.
fn shell_status(process: &Process) -> Option<u32> {
    match exit_of(process) {
        (Some(code), _) => Some(u32::from(code)),
        (None, Some(signal)) => Some(signal.saturating_add(128)),
        (None, None) => None,
    }
}

/// Files that were asked for and never found. What was found under the same name in another folder is only the search
/// along PATH, library or include folders; the loader and the C library ask for their
/// own switches and translations in every process.
fn missing_files(
    in_vain: &[InVain],
    uses: &[FileUse<'_>],
    blamed: Option<ProcessId>,
    sentences: &mut Vec<Vec<u8>>,
) {
    let base = |path: &[u8]| -> Vec<u8> {
        path.rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or(path)
            .to_vec()
    };
    let found: HashSet<Vec<u8>> = uses
        .iter()
        .filter(|file| !file.only_failed())
        .map(|file| base(&file.resource.name))
        .collect();
    let has = |path: &[u8], part: &[u8]| path.windows(part.len()).any(|window| window == part);
    // The loader's switches, and translations of messages, which every program of a locale asks for.
    let is_usual = |path: &[u8]| {
        path.starts_with(b"/etc/ld.so.")
            || path.starts_with(b"/usr/lib/locale/")
            || has(path, b"glibc-hwcaps")
            || has(path, b"/LC_MESSAGES/")
    };
    let mut missing: Vec<&FileUse<'_>> = uses
        .iter()
        .filter(|file| {
            file.only_failed()
                && file.last_error == Some(Errno::ENOENT)
                && file.resource.name.starts_with(b"/")
                && file.count(Action::Delete) == 0
                && !found.contains(&base(&file.resource.name))
                && !is_usual(&file.resource.name)
        })
        .collect();
    // What the process to blame asked for last is most likely why it failed.
    let asked_ns: HashMap<ResourceId, i64> = in_vain
        .iter()
        .filter(|access| Some(access.process) == blamed)
        .map(|access| (access.resource, access.last_ns))
        .collect();
    missing.sort_by_key(|file| {
        let id = file.resource.id;
        (Reverse(asked_ns.get(&id).copied()), file.first_ns, id)
    });
    let Some(first) = missing.first() else {
        return;
    };
    let mut sentence = match missing.len() {
        1 if first.failed == 1 => b"1 file was not found: ".to_vec(),
        1 => format!("1 file was not found, {} times: ", first.failed).into_bytes(),
        count => format!("{count} files were not found: ").into_bytes(),
    };
    for (index, file) in missing.iter().take(EACH_MAX).enumerate() {
        if index > 0 {
            sentence.extend_from_slice(b", ");
        }
        sentence.extend_from_slice(&file.resource.name);
    }
    if missing.len() > EACH_MAX {
        sentence.extend_from_slice(b", ...");
    }
    sentences.push(sentence);
}

fn unended(world: &World, processes: &[&Process], sentences: &mut Vec<Vec<u8>>) {
    let living: Vec<&&Process> = processes
        .iter()
        .filter(|process| process.end_ns.is_none())
        .collect();
    if living.is_empty() {
        return;
    }
    let names: Vec<Vec<u8>> = living
        .iter()
        .take(EACH_MAX)
        .map(|process| process_label(world, process.id))
        .collect();
    let text = match living.len() {
        1 => "1 process was not seen to end: ".to_owned(),
        count => format!("{count} processes were not seen to end: "),
    };
    let mut sentence = text.into_bytes();
    sentence.extend_from_slice(&names.join(&b", "[..]));
    if living.len() > EACH_MAX {
        sentence.extend_from_slice(b", ...");
    }
    sentences.push(sentence);
}
