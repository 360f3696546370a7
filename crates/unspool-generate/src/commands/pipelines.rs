//! Joins commands by their pipes.

use std::collections::{BTreeMap, BTreeSet};

use unspool_model::ids::ResourceId;

use super::{Command, Pipeline, Target};

fn pipe_of(command: &Command, fd: i32) -> Option<ResourceId> {
    command
        .streams
        .iter()
        .find_map(|stream| match stream.target {
            Target::Pipe(pipe) if stream.fd == fd => Some(pipe),
            _ => None,
        })
}

/// Makes pipelines of commands that are in order of their start.
pub(super) fn join(commands: Vec<Command>) -> Vec<Pipeline> {
    let mut writers: BTreeMap<ResourceId, Vec<usize>> = BTreeMap::new();
    let mut readers: BTreeMap<ResourceId, Vec<usize>> = BTreeMap::new();
    for (at, command) in commands.iter().enumerate() {
        if let Some(pipe) = pipe_of(command, 1) {
            writers.entry(pipe).or_default().push(at);
        }
        if let Some(pipe) = pipe_of(command, 0) {
            readers.entry(pipe).or_default().push(at);
        }
    }
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut chains: Vec<Vec<Vec<usize>>> = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        let comes_from_command =
            pipe_of(command, 0).is_some_and(|pipe| writers.contains_key(&pipe));
        if comes_from_command || taken.contains(&at) {
            continue;
        }
        chains.push(chain(at, &commands, &writers, &readers, &mut taken));
    }
    // Rings and what else is no chain: each for itself.
    for at in 0..commands.len() {
        if taken.insert(at) {
            chains.push(vec![vec![at]]);
        }
    }
    let mut slots: Vec<Option<Command>> = commands.into_iter().map(Some).collect();
    let mut pipelines: Vec<Pipeline> = Vec::new();
    for chain in chains {
        let stages: Vec<Vec<Command>> = chain
            .into_iter()
            .map(|stage| {
                stage
                    .into_iter()
                    .filter_map(|at| slots.get_mut(at)?.take())
                    .collect()
            })
            .filter(|stage: &Vec<Command>| !stage.is_empty())
            .collect();
        pipelines.push(finished(stages));
    }
    pipelines.sort_by_key(|pipeline| pipeline.start_ns);
    pipelines
}

/// Stages from one command on, along the pipes of standard output.
fn chain(
    first: usize,
    commands: &[Command],
    writers: &BTreeMap<ResourceId, Vec<usize>>,
    readers: &BTreeMap<ResourceId, Vec<usize>>,
    taken: &mut BTreeSet<usize>,
) -> Vec<Vec<usize>> {
    let mut stages = Vec::new();
    let mut at = first;
    loop {
        let Some(command) = commands.get(at) else {
            return stages;
        };
        let pipe = pipe_of(command, 1).filter(|pipe| readers.contains_key(pipe));
        let input = pipe_of(command, 0);
        let Some(pipe) = pipe else {
            taken.insert(at);
            // Several last commands that read one pipe after the other.
            let together = input
                .and_then(|input| readers.get(&input))
                .filter(|list| list.len() > 1);
            let stage: Vec<usize> = together.map_or(vec![at], |list| {
                list.iter()
                    .copied()
                    .filter(|other| *other == at || taken.insert(*other))
                    .collect()
            });
            stages.push(stage);
            return stages;
        };
        // Several commands that write into one pipe, one after the other: `{ a; b; } | c`.
        let stage: Vec<usize> = writers
            .get(&pipe)
            .into_iter()
            .flatten()
            .copied()
            .filter(|other| {
                commands
                    .get(*other)
                    .is_some_and(|other| pipe_of(other, 0) == input)
            })
            .filter(|other| taken.insert(*other))
            .collect();
        if stage.is_empty() {
            return stages;
        }
        stages.push(stage);
        let Some(next) = readers.get(&pipe).and_then(|list| list.first()) else {
            return stages;
        };
        at = *next;
    }
}

/// Takes the pipes between the stages away, and says of those that lead elsewhere.
fn finished(mut stages: Vec<Vec<Command>>) -> Pipeline {
    let last = stages.len().saturating_sub(1);
    for (place, stage) in stages.iter_mut().enumerate() {
        for command in stage {
            let mut lost = Vec::new();
            command.streams.retain(|stream| {
                if !matches!(stream.target, Target::Pipe(_)) {
                    return true;
                }
                let is_inner = (stream.fd == 0 && place > 0) || (stream.fd == 1 && place < last);
                if !is_inner {
                    lost.push(stream.fd);
                }
                false
            });
            for fd in lost {
                let (end, operator) = if fd == 0 {
                    ("came from", "<")
                } else {
                    ("went to", ">")
                };
                let what =
                    format!("descriptor {fd} {end} a pipe of a process that is no command here");
                command.notes.push(what);
                if fd <= 1 {
                    let null = Target::File(operator, b"/dev/null".to_vec());
                    command.streams.push(super::Stream { fd, target: null });
                }
            }
        }
    }
    let start_ns = stages
        .iter()
        .flatten()
        .map(|command| command.start_ns)
        .min()
        .unwrap_or(0);
    let end_ns = stages
        .iter()
        .flatten()
        .map(|command| command.end_ns)
        .max()
        .unwrap_or(0);
    Pipeline {
        stages,
        start_ns,
        end_ns,
    }
}
