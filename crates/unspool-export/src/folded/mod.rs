//! Folded stacks: a line for each path, frames from the outermost in, `;` between them, then a space and the sum.
//!
//! Names are escaped as everywhere, and `;` in them is `\x3b`: nothing else has a meaning, because readers take the last space.

use std::io::{self, Write};

use unspool_model::stacks::Stacks;

use crate::whole::StackOptions;

/// Writes the paths that have a sum, in order of their names.
pub fn write(stacks: &Stacks, options: &StackOptions, out: &mut dyn Write) -> io::Result<()> {
    let names: Vec<String> = stacks
        .frames
        .iter()
        .map(|frame| frame_text(&frame.name))
        .collect();
    let mut lines = Vec::new();
    for (place, frame) in stacks.frames.iter().enumerate() {
        let sum = frame.own.by(options.weight);
        if sum > 0 {
            let path = stacks.path(place);
            let words = path.iter().filter_map(|place| names.get(*place));
            let words: Vec<&str> = words.map(String::as_str).collect();
            lines.push((words.join(";"), sum));
        }
    }
    lines.sort();
    for (path, sum) in lines {
        writeln!(out, "{path} {sum}")?;
    }
    out.flush()
}

/// A frame's name: never empty, without `;`.
pub(crate) fn frame_text(name: &[u8]) -> String {
    if name.is_empty() {
        return "?".to_owned();
    }
    crate::escape(name).replace(';', "\\x3b")
}
