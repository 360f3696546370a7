//! What went between processes and resources, as a graph.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use unspool_model::graph::{Edge, EdgeKind, Graph, Node, NodeKind};
use unspool_model::ids::{ProcessId, ResourceId};
use unspool_model::step::{Action, Step, StepKind};
use unspool_model::world::{Access, LinkKind, World};

use crate::accesses::Accesses;

/// Which way data goes, and which actions are an edge of it.
static EDGES: &[(EdgeKind, Way, &[Action])] = &[
    (EdgeKind::Execute, Way::In, &[Action::Execute]),
    (
        EdgeKind::Read,
        Way::In,
        &[Action::Read, Action::Receive, Action::List],
    ),
    (EdgeKind::Map, Way::In, &[Action::Map]),
    (
        EdgeKind::Write,
        Way::Out,
        &[Action::Write, Action::Send, Action::Truncate],
    ),
    (
        EdgeKind::Create,
        Way::Out,
        &[
            Action::Create,
            Action::MakeDirectory,
            Action::RenameTo,
            Action::LinkTo,
        ],
    ),
    (
        EdgeKind::Delete,
        Way::Out,
        &[Action::Delete, Action::RenameFrom],
    ),
    (EdgeKind::Connect, Way::Out, &[Action::Connect]),
    (EdgeKind::Accept, Way::In, &[Action::Accept]),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From the resource to the process.
    In,
    /// From the process to the resource.
    Out,
}

/// Steps that a filter let through, for the graph of them alone.
#[derive(Debug, Default)]
pub struct GraphFold {
    accesses: Accesses,
    /// Processes that did something.
    seen: Vec<bool>,
}

impl GraphFold {
    /// Counts a step.
    pub fn add(&mut self, step: &Step<'_>) {
        if matches!(
            step.kind,
            StepKind::Syscall | StepKind::Folded | StepKind::LibraryCall | StepKind::Exec
        ) {
            self.accesses.add(step);
        }
        let place = step.process.index();
        if self.seen.len() <= place {
            self.seen.resize(place + 1, false);
        }
        if let Some(seen) = self.seen.get_mut(place) {
            *seen = true;
        }
    }

    /// The graph: of the world, or of the steps that were counted when there is a filter.
    pub fn graph(&self, world: &World, filtered: bool) -> Graph {
        let counts =
            |id: ProcessId| !filtered || self.seen.get(id.index()).copied().unwrap_or(false);
        let mut graph = Graph::default();
        let mut processes: BTreeMap<ProcessId, usize> = BTreeMap::new();
        for process in world.iter_processes().filter(|process| counts(process.id)) {
            let image = process.image();
            processes.insert(process.id, graph.nodes.len());
            graph.nodes.push(Node {
                kind: NodeKind::Process,
                name: image.map(|image| image.name().to_vec()).unwrap_or_default(),
                pid: Some(process.pid),
                argv: image.map(|image| image.argv.clone()).unwrap_or_default(),
            });
        }
        let mut edges: BTreeMap<(usize, usize, EdgeKind), (u64, u64)> = BTreeMap::new();
        let mut resources: BTreeMap<ResourceId, usize> = BTreeMap::new();
        for access in self.accesses.of(world, filtered).iter() {
            let Some(process) = processes.get(&access.process) else {
                continue;
            };
            for (kind, way, count, bytes) in flows(access) {
                let resource = *resources.entry(access.resource).or_insert_with(|| {
                    graph.nodes.push(resource_node(access.resource, world));
                    graph.nodes.len() - 1
                });
                let ends = match way {
                    Way::In => (resource, *process, kind),
                    Way::Out => (*process, resource, kind),
                };
                let sums = edges.entry(ends).or_default();
                sums.0 = sums.0.saturating_add(count);
                sums.1 = sums.1.saturating_add(bytes);
            }
        }
        for link in &world.links {
            let kind = match link.kind {
                LinkKind::Fork => EdgeKind::Fork,
                LinkKind::Signal => EdgeKind::Signal,
                // The others are edges to and from what they went through, or no edge at all.
                LinkKind::Exec | LinkKind::Wait | LinkKind::Data | LinkKind::Connect => continue,
            };
            if let (Some(from), Some(to)) = (processes.get(&link.from), processes.get(&link.to)) {
                let sums = edges.entry((*from, *to, kind)).or_default();
                sums.0 = sums.0.saturating_add(link.count);
            }
        }
        graph.edges = edges
            .into_iter()
            .map(|((from, to, kind), (count, bytes))| Edge {
                from,
                to,
                kind,
                count,
                bytes,
            })
            .collect();
        graph.edges.sort_unstable();
        graph
    }
}

/// The edges of an access that has any.
fn flows(access: &Access) -> impl Iterator<Item = (EdgeKind, Way, u64, u64)> {
    EDGES.iter().filter_map(|(kind, way, actions)| {
        let count = actions
            .iter()
            .map(|action| u64::from(access.count(*action)))
            .sum();
        let bytes = match kind {
            EdgeKind::Read => access.traffic.bytes_read,
            EdgeKind::Write => access.traffic.bytes_written,
            _ => 0,
        };
        (count > 0).then_some((*kind, *way, count, bytes))
    })
}

fn resource_node(id: ResourceId, world: &World) -> Node {
    let resource = world.resource(id);
    Node {
        kind: NodeKind::Resource(
            resource.map_or(unspool_model::world::ResourceKind::Unknown, |resource| {
                resource.kind
            }),
        ),
        name: resource
            .map(|resource| resource.name.clone())
            .unwrap_or_default(),
        pid: None,
        argv: Vec::new(),
    }
}
