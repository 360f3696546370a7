//! Last step: processes that did the same are told once. A shell that runs one command a hundred times has one flow of it.

use std::borrow::Cow;

use unspool_model::ids::ProcessId;
use unspool_model::map::Map;
use unspool_model::world::World;

use super::Flows;
use super::line::Line;

/// The flow of one process, or of several that are alike.
pub(super) struct Told<'f> {
    /// The first of them.
    pub(super) process: ProcessId,
    /// How many.
    pub(super) processes: u64,
    /// Lines; those of several are added up.
    pub(super) lines: Cow<'f, [Line]>,
}

/// What alike processes have in common: parent, program, kinds of lines in their order.
type Key<'w> = (Option<ProcessId>, &'w [u8], Vec<u64>);

/// Puts alike processes together, in the order of the first of each.
pub(super) fn fold<'f>(flows: &'f Flows, world: &'f World) -> Vec<Told<'f>> {
    let mut places: Map<Key<'f>, usize> = Map::default();
    let mut told: Vec<Told<'f>> = Vec::new();
    for (process, story) in flows.stories() {
        let life = world.process(process);
        let image = life.and_then(|life| life.image());
        let classes = story.lines.iter().map(|line| line.class).collect();
        let key = (
            life.and_then(|life| life.parent),
            image.map_or(&[][..], |image| image.exe.as_slice()),
            classes,
        );
        // Roots, and what nobody knows the program of, stand for themselves.
        let is_known = key.0.is_some() && !key.1.is_empty();
        let known = places.get(&key).copied().filter(|_| is_known);
        if let Some(known) = known.and_then(|place| told.get_mut(place)) {
            known.processes += 1;
            for (line, other) in known.lines.to_mut().iter_mut().zip(&story.lines) {
                line.merge(other.clone(), world);
            }
            continue;
        }
        places.insert(key, told.len());
        told.push(Told {
            process,
            processes: 1,
            lines: Cow::Borrowed(&story.lines),
        });
    }
    told
}
