//! Shell scripts that run the recorded commands again, in their order.

#[cfg(test)]
mod tests;

use unspool_model::world::World;

use crate::commands::{Command, Depth, Indexed, Pipeline, Target, tell};
use crate::header::{origin, unseen};
use crate::observed::Observed;
use crate::text::{shell_word, shell_words};

/// Writes the script of one run. `levels` of shells are taken apart: 0 gives the recorded command itself.
pub fn generate(observed: &Observed, world: &World, levels: u32) -> Vec<u8> {
    let indexed = Indexed::new(world);
    let told = tell(
        &indexed,
        Depth {
            levels,
            builders: false,
        },
    );
    let mut text = b"#!/bin/sh\n".to_vec();
    for line in origin(observed, "commands of a run") {
        push_comment(&mut text, "", &line);
    }
    push_comment(&mut text, "", "NOT seen:");
    for line in unseen(observed) {
        push_comment(&mut text, " - ", &line);
    }
    let root = observed.roots.first();
    let cwd = root.map_or(&[][..], |root| &root.cwd);
    if !cwd.is_empty() {
        text.extend_from_slice(b"cd -- ");
        text.extend_from_slice(&shell_word(cwd));
        text.extend_from_slice(b" || exit\n");
    }
    let mut background: Vec<Background> = Vec::new();
    for (place, pipeline) in told.pipelines.iter().enumerate() {
        end(&mut background, pipeline.start_ns, &mut text);
        for command in pipeline.commands() {
            for note in &command.notes {
                push_comment(&mut text, "next: ", note);
            }
        }
        let overlaps = told
            .pipelines
            .get(place + 1)
            .is_some_and(|next| next.start_ns < pipeline.end_ns && pipeline.end_ns != i64::MAX);
        text.extend_from_slice(&line(pipeline, cwd));
        if overlaps {
            text.extend_from_slice(b" &");
            let signal = match pipeline.stages.as_slice() {
                [stage] => stage.last().and_then(|command| command.ended_by),
                _ => None,
            };
            if signal.is_some() {
                text.extend_from_slice(format!("\njob{place}=$!").as_bytes());
            }
            background.push(Background {
                place,
                end_ns: pipeline.end_ns,
                signal,
            });
        }
        text.push(b'\n');
    }
    end(&mut background, i64::MAX, &mut text);
    for note in &told.notes {
        push_comment(&mut text, "", note);
    }
    if !told.notes.is_empty() {
        push_comment(
            &mut text,
            "",
            "with --depth 0 the shell itself is run, with all that it does",
        );
    }
    text
}

/// A pipeline that others were started beside.
struct Background {
    place: usize,
    end_ns: i64,
    /// Signal by which the shell ended it.
    signal: Option<u32>,
}

/// What is said before the pipeline that was started at this time: signals of the shell, and its wait when all have ended.
fn end(background: &mut Vec<Background>, start_ns: i64, text: &mut Vec<u8>) {
    for job in background.iter_mut().filter(|job| job.end_ns <= start_ns) {
        if let Some(signal) = job.signal.take() {
            let line = format!("kill -{signal} \"$job{}\"\n", job.place);
            text.extend_from_slice(line.as_bytes());
        }
    }
    if !background.is_empty() && background.iter().all(|job| job.end_ns <= start_ns) {
        text.extend_from_slice(b"wait\n");
        background.clear();
    }
}

fn push_comment(text: &mut Vec<u8>, before: &str, line: &str) {
    text.extend_from_slice(format!("# {before}{line}\n").as_bytes());
}

/// A pipeline as a shell reads it, to be run in `cwd`.
pub(crate) fn line(pipeline: &Pipeline, cwd: &[u8]) -> Vec<u8> {
    let stages: Vec<Vec<u8>> = pipeline
        .stages
        .iter()
        .map(|stage| {
            let words: Vec<Vec<u8>> = stage.iter().map(|command| one(command, cwd)).collect();
            match words.as_slice() {
                [word] => word.clone(),
                words => [b"{ ".as_slice(), &words.join(&b"; "[..]), b"; }"].concat(),
            }
        })
        .collect();
    stages.join(&b" | "[..])
}

fn one(command: &Command, cwd: &[u8]) -> Vec<u8> {
    let mut words = Vec::new();
    if !command.unset.is_empty() {
        words.extend_from_slice(b"env");
        for name in &command.unset {
            words.extend_from_slice(b" -u ");
            words.extend_from_slice(&shell_word(name));
        }
        words.push(b' ');
    }
    for (name, value) in &command.set {
        words.extend_from_slice(name);
        words.push(b'=');
        words.extend_from_slice(&shell_word(value));
        words.push(b' ');
    }
    let mut argv = command.argv.clone();
    // A first word with `=` in it would be read as a variable.
    if argv
        .first()
        .is_some_and(|first| first.contains(&b'=') && !first.contains(&b'/'))
    {
        argv.insert(0, b"command".to_vec());
    }
    words.extend_from_slice(&shell_words(&argv));
    for stream in &command.streams {
        words.push(b' ');
        let fd = stream.fd;
        match &stream.target {
            Target::File(operator, path) => {
                let usual = matches!((fd, *operator), (0, "<") | (1, ">" | ">>"));
                let number = if usual { String::new() } else { fd.to_string() };
                words.extend_from_slice(format!("{number}{operator} ").as_bytes());
                words.extend_from_slice(&shell_word(path));
            }
            Target::Same(other) => {
                let operator = if fd == 0 { "<&" } else { ">&" };
                words.extend_from_slice(format!("{fd}{operator}{other}").as_bytes());
            }
            Target::Pipe(_) => {
                words.pop();
            }
        }
    }
    if command.cwd.is_empty() || command.cwd == cwd {
        return words;
    }
    [
        b"(cd -- ".as_slice(),
        &shell_word(&command.cwd),
        b" && ",
        &words,
        b")",
    ]
    .concat()
}
