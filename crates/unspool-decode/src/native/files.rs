//! Open files by their serial numbers: told once, referred to by every later call on them.

use std::collections::HashMap;

use super::format::tag;
use super::read::{Fields, Items};
use super::record::{ItemsEnd, Record, State, walk};

/// Paths kept; the older half is forgotten when there are more. A forgotten one costs nothing but the fact behind a number:
/// the tracker knows what the descriptor is open on.
const FILES_MAX: usize = 65_536;

/// Paths of open files by serial number.
#[derive(Default, Debug)]
pub(super) struct Files {
    young: HashMap<u64, Box<[u8]>>,
    old: HashMap<u64, Box<[u8]>>,
}

impl Files {
    /// Keeps the path of a file.
    pub(super) fn tell(&mut self, serial: u64, path: &[u8]) {
        if self.young.len() >= FILES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(serial, path.into());
    }

    /// The path of a file, empty when it was not told or is forgotten.
    pub(super) fn path(&self, serial: u64) -> &[u8] {
        self.young
            .get(&serial)
            .or_else(|| self.old.get(&serial))
            .map_or(&[], |path| path)
    }

    /// Keeps the paths that the items of a call tell: each stands behind the identity of its file, with the same index.
    pub(super) fn tell_all(&mut self, items: Fields<'_>) {
        let mut told = None;
        for item in Items::new(items.rest) {
            match item.tag {
                tag::IDENTITY => told = item.fields().u64().map(|serial| (item.index, serial)),
                tag::PATH => {
                    if let Some((index, serial)) = told.take()
                        && index == item.index
                    {
                        self.tell(serial, item.value);
                    }
                }
                _ => {}
            }
        }
    }
}

impl State {
    /// The path of an open file: no event.
    pub(super) fn file(&mut self, record: &Record<'_>) -> Option<ItemsEnd> {
        let mut body = record.body;
        let serial = body.u64()?;
        let files = &mut self.files;
        let end = walk(body, |item| {
            let is_path = item.tag == tag::PATH;
            if is_path {
                files.tell(serial, item.value);
            }
            is_path
        });
        self.stats.steering += 1;
        Some(end)
    }
}
