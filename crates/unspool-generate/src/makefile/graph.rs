//! Rules that belong together: several writers of one file, and rings of them.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;

/// Rules of which each file has one, without rings, in the recorded order.
pub(super) fn merged(rules: &[Rule]) -> Vec<Rule> {
    let mut group: Vec<usize> = (0..rules.len()).collect();
    let mut writer: BTreeMap<&[u8], usize> = BTreeMap::new();
    for (at, rule) in rules.iter().enumerate() {
        for output in &rule.outputs {
            let first = *writer.entry(output).or_insert(at);
            unite(&mut group, first, at);
        }
    }
    loop {
        let edges = edges(rules, &group, &writer);
        let Some((one, other)) = ring(&edges) else {
            break;
        };
        unite(&mut group, one, other);
    }
    let mut merged: BTreeMap<usize, Rule> = BTreeMap::new();
    for (at, rule) in rules.iter().enumerate() {
        let into = merged.entry(find(&group, at)).or_default();
        into.outputs.extend(rule.outputs.iter().cloned());
        into.inputs.extend(rule.inputs.iter().cloned());
        into.lines.extend(rule.lines.iter().cloned());
        into.notes.extend(rule.notes.iter().cloned());
    }
    let mut rules: Vec<Rule> = merged.into_values().collect();
    for rule in &mut rules {
        let outputs = rule.outputs.clone();
        rule.inputs.retain(|input| !outputs.contains(input));
    }
    rules
}

fn find(group: &[usize], at: usize) -> usize {
    let mut at = at;
    while let Some(up) = group.get(at).copied()
        && up != at
    {
        at = up;
    }
    at
}

/// The earlier of two groups takes the other in.
fn unite(group: &mut [usize], one: usize, other: usize) {
    let (one, other) = (find(group, one), find(group, other));
    if let Some(slot) = group.get_mut(one.max(other)) {
        *slot = one.min(other);
    }
}

/// Which group needs which.
fn edges(
    rules: &[Rule],
    group: &[usize],
    writer: &BTreeMap<&[u8], usize>,
) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut edges: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (at, rule) in rules.iter().enumerate() {
        let from = find(group, at);
        for input in &rule.inputs {
            if let Some(made) = writer.get(input.as_slice()) {
                let to = find(group, *made);
                if to != from {
                    edges.entry(from).or_default().insert(to);
                }
            }
        }
    }
    edges
}

/// Two neighbours in a ring, if there is one. Depth first, with a stack of its own.
fn ring(edges: &BTreeMap<usize, BTreeSet<usize>>) -> Option<(usize, usize)> {
    let mut done: BTreeSet<usize> = BTreeSet::new();
    for start in edges.keys() {
        let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
        let next = |at: usize| {
            edges
                .get(&at)
                .into_iter()
                .flatten()
                .copied()
                .collect::<Vec<_>>()
        };
        if done.contains(start) {
            continue;
        }
        path.push((*start, next(*start)));
        while let Some((at, todo)) = path.last_mut() {
            let at = *at;
            let Some(to) = todo.pop() else {
                done.insert(at);
                path.pop();
                continue;
            };
            if path.iter().any(|(on_path, _)| *on_path == to) {
                return Some((at, to));
            }
            if !done.contains(&to) {
                path.push((to, next(to)));
            }
        }
    }
    None
}
