//! Speedscope's file format: sampled profiles, one by each weight, the chosen one shown first.

use std::io::{self, Write};

use unspool_model::map::Map;
use unspool_model::stacks::{Stacks, Weight};

use crate::json::write_string;
use crate::whole::StackOptions;

/// The schema that the file obeys.
const SCHEMA: &str = "https://www.speedscope.app/file-format-schema.json";

/// Writes the file.
pub fn write(stacks: &Stacks, options: &StackOptions, out: &mut dyn Write) -> io::Result<()> {
    let mut line = Vec::new();
    line.extend_from_slice(b"{\"$schema\":");
    write_string(&mut line, SCHEMA);
    line.extend_from_slice(b",\"exporter\":\"unspool\",\"name\":");
    write_string(&mut line, &options.title);
    let active = Weight::ALL
        .iter()
        .position(|weight| *weight == options.weight);
    let active = active.unwrap_or(0);
    line.extend_from_slice(
        format!(",\"activeProfileIndex\":{active},\"shared\":{{\"frames\":[").as_bytes(),
    );
    // Frames of one name and kind are one frame of the format.
    let mut numbers: Map<(&[u8], bool), usize> = Map::default();
    let mut of_frame = Vec::with_capacity(stacks.frames.len());
    for frame in &stacks.frames {
        let is_call = frame.kind == unspool_model::stacks::FrameKind::Call;
        let next = numbers.len();
        let number = *numbers.entry((&frame.name, is_call)).or_insert_with(|| {
            line.extend_from_slice(if next > 0 { b",\n" } else { b"\n" });
            line.extend_from_slice(b"{\"name\":");
            write_string(&mut line, &shown(&frame.name));
            line.push(b'}');
            next
        });
        of_frame.push(number);
    }
    line.extend_from_slice(b"\n]},\"profiles\":[");
    out.write_all(&line)?;
    for (place, weight) in Weight::ALL.iter().enumerate() {
        out.write_all(if place > 0 { b",\n" } else { b"\n" })?;
        write_profile(stacks, &of_frame, *weight, out)?;
    }
    out.write_all(b"\n]}\n")?;
    out.flush()
}

fn write_profile(
    stacks: &Stacks,
    of_frame: &[usize],
    weight: Weight,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (name, unit) = match weight {
        Weight::Time => ("time in calls", "nanoseconds"),
        Weight::Calls => ("calls", "none"),
        Weight::Bytes => ("bytes", "bytes"),
    };
    let sums = stacks.frames.iter().map(|frame| frame.own.by(weight));
    let total = sums.fold(0_u64, u64::saturating_add);
    write!(
        out,
        "{{\"type\":\"sampled\",\"name\":\"{name}\",\"unit\":\"{unit}\",\"startValue\":0,\"endValue\":{total},\"samples\":["
    )?;
    let mut weights = Vec::new();
    for (place, frame) in stacks.frames.iter().enumerate() {
        let sum = frame.own.by(weight);
        if sum == 0 {
            continue;
        }
        let comma = if weights.is_empty() { "" } else { "," };
        weights.push(sum.to_string());
        let path = stacks.path(place);
        let numbers = path.iter().filter_map(|place| of_frame.get(*place));
        let numbers: Vec<String> = numbers.map(usize::to_string).collect();
        write!(out, "{comma}[{}]", numbers.join(","))?;
    }
    write!(out, "],\"weights\":[{}]}}", weights.join(","))
}

fn shown(name: &[u8]) -> String {
    if name.is_empty() {
        "?".to_owned()
    } else {
        crate::escape(name)
    }
}
