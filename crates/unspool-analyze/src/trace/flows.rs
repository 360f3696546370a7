//! Arrows along the links: each link of the world once, at its first time.

use std::collections::BTreeMap;

use unspool_model::ids::{ProcessId, ResourceId};
use unspool_model::map::Map;
use unspool_model::step::{Step, StepKind};
use unspool_model::timeline::{Flow, Point, Track};
use unspool_model::world::{Link, LinkKind, World};

use super::track_of;

/// Finds both ends of every link.
pub(super) struct Flows {
    filtered: bool,
    /// Places in [`World::links`], by the event that made the link.
    order: Vec<usize>,
    next: usize,
    /// Who wrote to a resource last, and when.
    outputs: Map<ResourceId, Point>,
    /// Last output of each process.
    written: Map<ProcessId, Point>,
    /// Last step of each process.
    seen: Map<ProcessId, Point>,
    /// Arrows that end at the next step of a process.
    waiting: BTreeMap<ProcessId, Vec<Flow>>,
}

impl Flows {
    pub(super) fn new(world: &World, filtered: bool) -> Self {
        let mut order: Vec<usize> = (0..world.links.len()).collect();
        order.sort_by_key(|place| world.links.get(*place).map(|link| link.first_seq));
        Self {
            filtered,
            order,
            next: 0,
            outputs: Map::default(),
            written: Map::default(),
            seen: Map::default(),
            waiting: BTreeMap::new(),
        }
    }

    /// Arrows that end at this step.
    pub(super) fn at(
        &mut self,
        step: &Step<'_>,
        track: Track,
        numbers: &[u32],
        world: &World,
    ) -> Vec<Flow> {
        let mut ending = self.waiting.remove(&step.process).unwrap_or_default();
        let here = Point {
            track,
            time_ns: step.time_ns,
        };
        while let Some((place, link)) = self.due(step.seq, world) {
            // Under a filter the step that made the link, and something of its cause, must be shown.
            let shown = link.first_seq == step.seq
                && (link.from == step.process || self.seen.contains_key(&link.from));
            if self.filtered && !shown {
                continue;
            }
            let from = self.cause(link, Some((step.process, here)), numbers, world);
            let flow = flow_of(place, link, from);
            // An exec is the effect of its call on what comes after it.
            if link.to == step.process && link.kind != LinkKind::Exec {
                ending.push(flow);
            } else {
                self.waiting.entry(link.to).or_default().push(flow);
            }
        }
        self.note(step, here);
        ending
    }

    /// The next link that was made at this event or before.
    fn due<'w>(&mut self, seq: u64, world: &'w World) -> Option<(usize, &'w Link)> {
        let place = *self.order.get(self.next)?;
        let link = world.links.get(place)?;
        if link.first_seq > seq {
            return None;
        }
        self.next += 1;
        Some((place, link))
    }

    /// Remembers what may be a cause.
    fn note(&mut self, step: &Step<'_>, here: Point) {
        self.seen.insert(step.process, here);
        if step.kind != StepKind::Syscall || step.outcome.failed().is_some() {
            return;
        }
        for touch in [step.touch, step.second].into_iter().flatten() {
            if touch.action.is_output() && touch.bytes.is_some_and(|bytes| bytes > 0) {
                self.written.insert(step.process, here);
                if let Some(resource) = touch.resource {
                    self.outputs.insert(resource, here);
                }
            }
        }
    }

    /// Where the cause of a link lies.
    fn cause(
        &self,
        link: &Link,
        here: Option<(ProcessId, Point)>,
        numbers: &[u32],
        world: &World,
    ) -> Point {
        let main = |time_ns| {
            let tid = world
                .process(link.from)
                .map_or(unspool_model::ids::Tid(0), |process| {
                    process.pid.main_thread()
                });
            Point {
                track: track_of(link.from, tid, numbers, world),
                time_ns,
            }
        };
        let known = match link.kind {
            LinkKind::Data => link
                .resource
                .and_then(|resource| self.outputs.get(&resource))
                .filter(|point| point.track.process == link.from)
                .or_else(|| self.written.get(&link.from))
                .copied(),
            LinkKind::Wait => world
                .process(link.from)
                .and_then(|process| process.end_ns)
                .map(main),
            LinkKind::Fork | LinkKind::Exec | LinkKind::Signal | LinkKind::Connect => here
                .filter(|(process, _)| *process == link.from)
                .map(|(_, point)| point),
        };
        known
            .or_else(|| self.seen.get(&link.from).copied())
            .unwrap_or_else(|| main(link.first_ns))
    }

    /// Arrows that ended at no step, with the process at which they end. None under a filter.
    pub(super) fn rest(&mut self, numbers: &[u32], world: &World) -> Vec<(ProcessId, Flow)> {
        let waiting = std::mem::take(&mut self.waiting);
        if self.filtered {
            return Vec::new();
        }
        let mut rest: Vec<(ProcessId, Flow)> = Vec::new();
        for (process, flows) in waiting {
            rest.extend(flows.into_iter().map(|flow| (process, flow)));
        }
        while let Some((place, link)) = self.due(u64::MAX, world) {
            let from = self.cause(link, None, numbers, world);
            rest.push((link.to, flow_of(place, link, from)));
        }
        rest
    }
}

fn flow_of(place: usize, link: &Link, from: Point) -> Flow {
    Flow {
        id: u64::try_from(place).unwrap_or(u64::MAX).saturating_add(1),
        kind: link.kind,
        from,
        count: link.count,
    }
}
