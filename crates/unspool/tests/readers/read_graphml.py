"""Reads GraphML with NetworkX, and prints what it holds as JSON."""

import json
import sys

import networkx

graph = networkx.read_graphml(sys.argv[1])
edges = list(graph.edges(data=True))
report = {
    "nodes": graph.number_of_nodes(),
    "edges": graph.number_of_edges(),
    "directed": graph.is_directed(),
    "kinds": {},
    "counts": {},
    "bytes": {},
    "names": sorted(data["name"] for _, data in graph.nodes(data=True)),
}
for _, data in graph.nodes(data=True):
    report["kinds"][data["kind"]] = report["kinds"].get(data["kind"], 0) + 1
for _, _, data in edges:
    report["counts"][data["kind"]] = report["counts"].get(data["kind"], 0) + data["count"]
    report["bytes"][data["kind"]] = report["bytes"].get(data["kind"], 0) + data["bytes"]
print(json.dumps(report))
