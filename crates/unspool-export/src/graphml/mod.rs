//! The graph as `GraphML`.

use std::io::{self, Write};

use unspool_model::graph::Graph;

use crate::xml::push_text;

/// Attributes: id, of what, name, type.
static KEYS: &[(&str, &str, &str, &str)] = &[
    ("kind", "node", "kind", "string"),
    ("name", "node", "name", "string"),
    ("pid", "node", "pid", "int"),
    ("command", "node", "command", "string"),
    ("does", "edge", "kind", "string"),
    ("count", "edge", "count", "long"),
    ("bytes", "edge", "bytes", "long"),
];

/// Writes the graph.
pub fn write(graph: &Graph, title: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n<desc>",
    );
    push_text(&mut text, title);
    text.push_str("</desc>\n");
    for (id, target, name, kind) in KEYS {
        text.push_str(&format!(
            "<key id=\"{id}\" for=\"{target}\" attr.name=\"{name}\" attr.type=\"{kind}\"/>\n"
        ));
    }
    text.push_str("<graph id=\"run\" edgedefault=\"directed\">\n");
    out.write_all(text.as_bytes())?;
    for (place, node) in graph.nodes.iter().enumerate() {
        text.clear();
        text.push_str(&format!("<node id=\"n{place}\">"));
        push_data(&mut text, "kind", node.kind.name());
        push_data(&mut text, "name", &crate::escape(&node.name));
        if let Some(pid) = node.pid {
            push_data(&mut text, "pid", &pid.to_string());
        }
        if !node.argv.is_empty() {
            let words: Vec<String> = node.argv.iter().map(|word| crate::escape(word)).collect();
            push_data(&mut text, "command", &words.join(" "));
        }
        text.push_str("</node>\n");
        out.write_all(text.as_bytes())?;
    }
    for (place, edge) in graph.edges.iter().enumerate() {
        text.clear();
        text.push_str(&format!(
            "<edge id=\"e{place}\" source=\"n{}\" target=\"n{}\">",
            edge.from, edge.to
        ));
        push_data(&mut text, "does", edge.kind.name());
        push_data(&mut text, "count", &edge.count.to_string());
        push_data(&mut text, "bytes", &edge.bytes.to_string());
        text.push_str("</edge>\n");
        out.write_all(text.as_bytes())?;
    }
    out.write_all(b"</graph>\n</graphml>\n")?;
    out.flush()
}

fn push_data(text: &mut String, key: &str, value: &str) {
    text.push_str(&format!("<data key=\"{key}\">"));
    push_text(text, value);
    text.push_str("</data>");
}
