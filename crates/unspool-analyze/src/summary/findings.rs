//! Sentences for people: what to look at first.

use std::collections::HashSet;

use unspool_model::event::Errno;
use unspool_model::report::Cell;
use unspool_model::step::Action;
use unspool_model::totals::{Failure, Totals};
use unspool_model::world::{Process, World};

use super::Summary;
use crate::files::FileUse;
use crate::process_label;
use crate::tree::exit_of;

/// Sentences of one kind, and names in one sentence.
const EACH_MAX: usize = 5;

/// Errors that are an ordinary answer: try again, in progress, no child, no terminal, restarts.
const ORDINARY: [u16; 10] = [4, 10, 11, 25, 29, 115, 512, 513, 514, 516];

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
        failed_processes(world, processes, &mut sentences);
        failing_calls(world, totals, &mut sentences);
        missing_files(uses, &mut sentences);
        unended(world, processes, &mut sentences);
        sentences.into_iter().map(Cell::Text).collect()
    }
}

fn failing_calls(world: &World, totals: &Totals, sentences: &mut Vec<Vec<u8>>) {
    let mut failures: Vec<&Failure> = totals
        .failures
        .iter()
        .filter(|failure| failure.errno != Errno::ENOENT && !ORDINARY.contains(&failure.errno.0))
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

fn failed_processes(world: &World, processes: &[&Process], sentences: &mut Vec<Vec<u8>>) {
    let failed: Vec<&&Process> = processes
        .iter()
        .filter(|process| {
            let (code, signal) = exit_of(process);
            code.is_some_and(|code| code != 0) || signal.is_some()
        })
        .collect();
    for process in failed.iter().take(EACH_MAX) {
        let mut sentence = process_label(world, process.id);
        let how = match exit_of(process) {
            (Some(code), _) => format!(" exited with status {code}"),
            (None, Some(signal)) => {
                format!(" was killed by {}", unspool_model::signal::name(signal))
            }
            (None, None) => String::new(),
        };
        sentence.extend_from_slice(how.as_bytes());
        let argv = process.image().map_or(&[][..], |image| &image.argv);
        for (index, arg) in argv.iter().enumerate() {
            sentence.extend_from_slice(if index == 0 { b": " } else { b" " });
            sentence.extend_from_slice(arg);
        }
        sentences.push(sentence);
    }
    if let Some(more) = failed.len().checked_sub(EACH_MAX).filter(|more| *more > 0) {
        sentences.push(format!("{more} more processes failed").into_bytes());
    }
}

/// Files that were asked for and never found. What was found under the same name in another folder is only the search
/// along PATH, library or include folders; the loader asks for its own switches in every process.
fn missing_files(uses: &[FileUse<'_>], sentences: &mut Vec<Vec<u8>>) {
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
    let is_loader = |path: &[u8]| {
        path.starts_with(b"/etc/ld.so.")
            || path
                .windows(b"glibc-hwcaps".len())
                .any(|part| part == b"glibc-hwcaps")
    };
    let mut missing: Vec<&FileUse<'_>> = uses
        .iter()
        .filter(|file| {
            file.only_failed()
                && file.last_error == Some(Errno::ENOENT)
                && file.resource.name.starts_with(b"/")
                && file.count(Action::Delete) == 0
                && !found.contains(&base(&file.resource.name))
                && !is_loader(&file.resource.name)
        })
        .collect();
    missing.sort_by_key(|file| (file.first_ns, file.resource.id));
    let Some(first) = missing.first() else {
        return;
    };
    let mut sentence = match missing.len() {
        1 => format!("1 file was not found ({} times): ", first.failed).into_bytes(),
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
