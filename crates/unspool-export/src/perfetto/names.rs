//! Interned names: written once, then numbers.

use unspool_model::map::Map;

use crate::protobuf::Message;

/// Names of one kind that get a number; further ones are written out each time.
const INTERNED_MAX: usize = 1 << 18;
/// Longer ones are written out each time: so much is held at most of each.
const INTERNED_BYTES_MAX: usize = 512;

/// Fields of `InternedData`.
const CATEGORIES: u32 = 1;
const EVENTS: u32 = 2;
const KEYS: u32 = 3;
const VALUES: u32 = 29;

/// Names that have numbers, and those that are not written yet.
#[derive(Default)]
pub(super) struct Names {
    events: Map<String, u64>,
    categories: Map<&'static str, u64>,
    keys: Map<&'static str, u64>,
    values: Map<String, u64>,
    /// Entries of `InternedData` for the next packet.
    new: Message,
}

/// A name: its number, or the name itself.
pub(super) enum Interned<'a> {
    Number(u64),
    Text(&'a str),
}

impl Interned<'_> {
    /// As the name of a `TrackEvent`.
    pub(super) fn write(&self, event: &mut Message) {
        match self {
            Self::Number(number) => event.number(10, *number),
            Self::Text(text) => event.text(23, text),
        }
    }

    /// As the value of a `DebugAnnotation`.
    pub(super) fn write_value(&self, note: &mut Message) {
        match self {
            Self::Number(number) => note.number(17, *number),
            Self::Text(text) => note.text(6, text),
        }
    }
}

impl Names {
    pub(super) fn event<'a>(&mut self, name: &'a str) -> Interned<'a> {
        intern(&mut self.events, &mut self.new, EVENTS, name)
    }

    pub(super) fn value<'a>(&mut self, value: &'a str) -> Interned<'a> {
        intern(&mut self.values, &mut self.new, VALUES, value)
    }

    pub(super) fn category(&mut self, name: &'static str) -> u64 {
        intern_static(&mut self.categories, &mut self.new, CATEGORIES, name)
    }

    pub(super) fn key(&mut self, name: &'static str) -> u64 {
        intern_static(&mut self.keys, &mut self.new, KEYS, name)
    }

    /// Writes the names that the packet is the first to use.
    pub(super) fn write_new(&mut self, packet: &mut Message) {
        if !self.new.bytes.is_empty() {
            packet.nested(12, |data| data.bytes.extend_from_slice(&self.new.bytes));
            self.new.bytes.clear();
        }
    }
}

fn intern<'a>(
    known: &mut Map<String, u64>,
    new: &mut Message,
    field: u32,
    name: &'a str,
) -> Interned<'a> {
    if let Some(number) = known.get(name) {
        return Interned::Number(*number);
    }
    if known.len() >= INTERNED_MAX || name.len() > INTERNED_BYTES_MAX {
        return Interned::Text(name);
    }
    let number = known.len() as u64 + 1;
    known.insert(name.to_owned(), number);
    entry(new, field, number, name);
    Interned::Number(number)
}

fn intern_static(
    known: &mut Map<&'static str, u64>,
    new: &mut Message,
    field: u32,
    name: &'static str,
) -> u64 {
    let next = known.len() as u64 + 1;
    *known.entry(name).or_insert_with(|| {
        entry(new, field, next, name);
        next
    })
}

fn entry(new: &mut Message, field: u32, number: u64, name: &str) {
    new.nested(field, |entry| {
        entry.number(1, number);
        entry.text(2, name);
    });
}
