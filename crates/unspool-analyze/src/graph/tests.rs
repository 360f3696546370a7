//! Graphs of a small job.

use unspool_model::graph::{EdgeKind, Graph, NodeKind};
use unspool_model::step::{Step, StepSink};
use unspool_model::world::World;

use super::GraphFold;
use crate::Filter;
use crate::testing::{JOB, track};

struct Fold(GraphFold, Option<Filter>);

impl StepSink for Fold {
    fn step(&mut self, step: &Step<'_>, world: &World) {
        if self
            .1
            .as_mut()
            .is_none_or(|filter| filter.matches(step, world))
        {
            self.0.add(step);
        }
    }
}

fn graph(filter: Option<&str>) -> Graph {
    let is_filtered = filter.is_some();
    let filter = filter.map(|filter| Filter::parse(filter).unwrap());
    let mut fold = Fold(GraphFold::default(), filter);
    let world = track(JOB, &mut fold);
    fold.0.graph(&world, is_filtered)
}

fn edges(graph: &Graph, kind: EdgeKind) -> Vec<(String, String, u64, u64)> {
    let name = |place: usize| String::from_utf8(graph.nodes[place].name.clone()).unwrap();
    let edges = graph.edges.iter().filter(|edge| edge.kind == kind);
    edges
        .map(|edge| (name(edge.from), name(edge.to), edge.count, edge.bytes))
        .collect()
}

fn edge(from: &str, to: &str, count: u64, bytes: u64) -> (String, String, u64, u64) {
    (from.to_owned(), to.to_owned(), count, bytes)
}

#[test]
fn edges_go_where_data_and_causes_go() {
    let graph = graph(None);
    assert_eq!(graph.nodes[0].kind, NodeKind::Process);
    assert_eq!(edges(&graph, EdgeKind::Fork), [edge("sh", "cat", 1, 0)]);
    assert_eq!(
        edges(&graph, EdgeKind::Read),
        [edge("/etc/x", "cat", 2, 100)]
    );
    let written = edges(&graph, EdgeKind::Write);
    assert!(
        written.contains(&edge("cat", "/home/me/log", 1, 60)),
        "{written:?}"
    );
    assert_eq!(written.len(), 2, "and what was sent");
    assert_eq!(edges(&graph, EdgeKind::Connect).len(), 1);
    assert_eq!(edges(&graph, EdgeKind::Execute).len(), 2);
    // Files that were only looked for are no nodes.
    assert!(graph.nodes.iter().all(|node| node.name != b"/etc/missing"));
}

#[test]
fn a_true_filter_changes_nothing() {
    assert_eq!(graph(None), graph(Some("evt.num >= 0")));
}

#[test]
fn a_filter_leaves_only_what_it_let_through() {
    let graph = graph(Some("proc.name = cat and evt.type = read"));
    assert_eq!(graph.nodes.len(), 2);
    assert_eq!(
        edges(&graph, EdgeKind::Read),
        [edge("/etc/x", "cat", 2, 100)]
    );
    assert_eq!(graph.edges.len(), 1);
}
