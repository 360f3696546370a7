//! The profile format of pprof: gzipped protobuf. Numbers of fields are those of `profile.proto` of the pprof project.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use unspool_model::map::Map;
use unspool_model::stacks::{FrameKind, Stacks, Weight};

use crate::protobuf::Message;
use crate::whole::StackOptions;

/// Names and units of the values of a sample, in the order of [`Weight::ALL`].
static VALUES: [(&str, &str); 3] = [
    ("time", "nanoseconds"),
    ("calls", "count"),
    ("bytes", "bytes"),
];

/// Writes the profile, with a value for each weight; the chosen one is the default.
pub fn write(stacks: &Stacks, options: &StackOptions, out: &mut dyn Write) -> io::Result<()> {
    let mut strings = Strings::default();
    strings.number("");
    let mut profile = Message::default();
    for (name, unit) in VALUES {
        let (name, unit) = (strings.number(name), strings.number(unit));
        profile.nested(1, |value| {
            value.number(1, name);
            value.number(2, unit);
        });
    }
    let locations = write_functions(stacks, &mut strings, &mut profile);
    for (place, frame) in stacks.frames.iter().enumerate() {
        if frame.own.calls == 0 {
            continue;
        }
        // The innermost frame comes first.
        let path = stacks.path(place);
        let path = path.iter().rev().filter_map(|place| locations.get(*place));
        profile.nested(2, |sample| {
            sample.packed(1, path.copied());
            let values = Weight::ALL.iter().map(|weight| frame.own.by(*weight));
            sample.packed(2, values.map(|value| value.min(i64::MAX.unsigned_abs())));
        });
    }
    if let Some(start_ns) = options.start_ns {
        profile.int(9, start_ns);
    }
    if let Some(duration_ns) = options.duration_ns {
        profile.int(10, duration_ns);
    }
    let title = strings.number(&options.title);
    profile.number(13, title);
    let chosen = Weight::ALL
        .iter()
        .position(|weight| *weight == options.weight)
        .and_then(|place| VALUES.get(place));
    let chosen = strings.number(chosen.map_or("time", |(name, _)| name));
    profile.number(14, chosen);
    for text in &strings.texts {
        profile.text(6, text);
    }
    let mut zipped = GzEncoder::new(out, Compression::default());
    zipped.write_all(&profile.bytes)?;
    zipped.finish()?.flush()
}

/// Writes a function and a location for each name; gives the location of each frame.
fn write_functions(stacks: &Stacks, strings: &mut Strings, profile: &mut Message) -> Vec<u64> {
    let mut known: Map<(&[u8], bool), u64> = Map::default();
    let mut locations = Vec::with_capacity(stacks.frames.len());
    for frame in &stacks.frames {
        let next = known.len() as u64 + 1;
        let is_call = frame.kind == FrameKind::Call;
        let id = *known.entry((&frame.name, is_call)).or_insert_with(|| {
            let escaped = crate::escape(&frame.name);
            let name = strings.number(if escaped.is_empty() { "?" } else { &escaped });
            let file = strings.number(frame.kind.name());
            profile.nested(5, |function| {
                function.number(1, next);
                function.number(2, name);
                function.number(3, name);
                function.number(4, file);
            });
            profile.nested(4, |location| {
                location.number(1, next);
                location.nested(4, |line| line.number(1, next));
            });
            next
        });
        locations.push(id);
    }
    locations
}

/// The table of strings.
#[derive(Default)]
struct Strings {
    numbers: Map<String, u64>,
    texts: Vec<String>,
}

impl Strings {
    fn number(&mut self, text: &str) -> u64 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len() as u64;
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }
}

#[cfg(test)]
mod tests;
