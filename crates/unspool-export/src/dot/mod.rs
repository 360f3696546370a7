//! The graph in the language of Graphviz.

use std::io::{self, Write};

use unspool_model::graph::{EdgeKind, Graph, Node, NodeKind};
use unspool_model::world::ResourceKind;

use crate::units;

/// Writes the graph.
pub fn write(graph: &Graph, title: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut text = String::from("digraph unspool {\n  rankdir=LR;\n  label=");
    push_quoted(&mut text, title);
    text.push_str(
        ";\n  node [fontname=\"sans-serif\", fontsize=10, style=filled, fillcolor=white];\n  edge [fontname=\"sans-serif\", fontsize=9];\n",
    );
    out.write_all(text.as_bytes())?;
    for (place, node) in graph.nodes.iter().enumerate() {
        text.clear();
        text.push_str(&format!("  n{place} [label="));
        push_quoted(&mut text, &label(node));
        let (shape, fill) = look(node.kind);
        text.push_str(&format!(
            ", shape={shape}, fillcolor=\"{fill}\", class=\"{}\"",
            node.kind.name()
        ));
        if !node.argv.is_empty() {
            let words: Vec<String> = node.argv.iter().map(|word| crate::escape(word)).collect();
            text.push_str(", tooltip=");
            push_quoted(&mut text, &words.join(" "));
        }
        text.push_str("];\n");
        out.write_all(text.as_bytes())?;
    }
    for edge in &graph.edges {
        text.clear();
        let mut what = edge.kind.name().to_owned();
        if edge.count > 1 {
            what.push_str(&format!(" ×{}", edge.count));
        }
        if edge.bytes > 0 {
            let bytes = units::bytes(i64::try_from(edge.bytes).unwrap_or(i64::MAX));
            what.push_str(&format!(" {bytes}"));
        }
        text.push_str(&format!("  n{} -> n{} [label=", edge.from, edge.to));
        push_quoted(&mut text, &what);
        text.push_str(&format!(", class=\"{}\"", edge.kind.name()));
        if matches!(edge.kind, EdgeKind::Fork | EdgeKind::Signal) {
            text.push_str(", style=dashed");
        }
        text.push_str("];\n");
        out.write_all(text.as_bytes())?;
    }
    out.write_all(b"}\n")?;
    out.flush()
}

fn label(node: &Node) -> String {
    let name = crate::escape(&node.name);
    let name = if name.is_empty() {
        "?".to_owned()
    } else {
        name
    };
    match node.pid {
        Some(pid) => format!("{name}[{pid}]"),
        None => name,
    }
}

/// Shape and colour: light ones, on which black text is read.
fn look(kind: NodeKind) -> (&'static str, &'static str) {
    match kind {
        NodeKind::Process => ("box", "#cfe3f7"),
        NodeKind::Resource(ResourceKind::Socket) => ("hexagon", "#f7dccf"),
        NodeKind::Resource(ResourceKind::Pipe) => ("cds", "#e4dcf5"),
        NodeKind::Resource(ResourceKind::Directory) => ("folder", "#f5efd0"),
        NodeKind::Resource(ResourceKind::Device) => ("component", "#e6e6e6"),
        NodeKind::Resource(_) => ("note", "#f5efd0"),
    }
}

/// A quoted string: `"` and `\` are all that has a meaning in one. `title` and names are safe text already.
fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
}
