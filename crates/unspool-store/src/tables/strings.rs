//! Every string once: names, paths, arguments of processes. Tables hold ids.

use std::hash::{BuildHasher as _, RandomState};

/// Id of the empty string.
pub(crate) const EMPTY: u32 = 0;

/// Slots of the cache for strings that come with every step.
const RECENT: usize = 256;

/// Gives each distinct string an id, dense from 0, in order of first use.
#[derive(Debug)]
pub(crate) struct Interner {
    bytes: Vec<u8>,
    /// End of each string in `bytes`.
    ends: Vec<usize>,
    /// Open addressing: id + 1, or 0. A power of two, at most half full.
    slots: Vec<u32>,
    hasher: RandomState,
    recent: [u32; RECENT],
}

impl Interner {
    pub(crate) fn new() -> Self {
        let mut strings = Self {
            bytes: Vec::new(),
            ends: Vec::new(),
            slots: vec![0; 1024],
            hasher: RandomState::new(),
            recent: [0; RECENT],
        };
        let empty = strings.intern(b"");
        debug_assert_eq!(empty, EMPTY, "the first id is the empty string's");
        strings
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, id: u32) -> &[u8] {
        string_at(&self.bytes, &self.ends, id).unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|at| self.get(u32::try_from(at).unwrap_or(u32::MAX)))
    }

    /// As [`Interner::intern`], quicker for the few strings that come again and again.
    pub(crate) fn intern_frequent(&mut self, string: &[u8]) -> u32 {
        let first = string.first().copied().unwrap_or(0);
        let middle = string.get(string.len() / 2).copied().unwrap_or(0);
        let last = string.last().copied().unwrap_or(0);
        let place = (usize::from(first)
            ^ usize::from(middle) << 2
            ^ usize::from(last) << 4
            ^ string.len() << 1)
            % RECENT;
        let recent = self.recent.get(place).copied().unwrap_or(EMPTY);
        if self.get(recent) == string {
            return recent;
        }
        let id = self.intern(string);
        if let Some(slot) = self.recent.get_mut(place) {
            *slot = id;
        }
        id
    }

    pub(crate) fn intern(&mut self, string: &[u8]) -> u32 {
        if (self.ends.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let mut at = self.first_slot(string);
        loop {
            match self.slots.get(at).copied().unwrap_or(0) {
                0 => break,
                taken if self.get(taken - 1) == string => return taken - 1,
                _ => at = (at + 1) % self.slots.len(),
            }
        }
        let id = u32::try_from(self.ends.len()).expect("memory ends before 2^32 strings do");
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len());
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = id + 1;
        }
        id
    }

    /// The id of a string, if it has one.
    pub(crate) fn find(&self, string: &[u8]) -> Option<u32> {
        let mut at = self.first_slot(string);
        loop {
            match self.slots.get(at).copied().unwrap_or(0) {
                0 => return None,
                taken if self.get(taken - 1) == string => return Some(taken - 1),
                _ => at = (at + 1) % self.slots.len(),
            }
        }
    }

    fn first_slot(&self, string: &[u8]) -> usize {
        // The keys of the hash are random, so that names in a trace cannot be made to collide; ids do not depend on it.
        usize::try_from(self.hasher.hash_one(string) % self.slots.len() as u64).unwrap_or(0)
    }

    fn grow(&mut self) {
        let len = self.slots.len() * 2;
        self.slots = vec![0; len];
        for id in 0..u32::try_from(self.ends.len()).unwrap_or(u32::MAX) {
            let mut at = self.first_slot(self.get(id));
            while self.slots.get(at).is_some_and(|slot| *slot != 0) {
                at = (at + 1) % len;
            }
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = id + 1;
            }
        }
    }
}

/// The strings of a closed run.
#[derive(Debug, Default)]
pub(crate) struct Strings {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Strings {
    pub(crate) fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// `None` for an id that the table does not have.
    pub(crate) fn get(&self, id: u32) -> Option<&[u8]> {
        string_at(&self.bytes, &self.ends, id)
    }
}

fn string_at<'a>(bytes: &'a [u8], ends: &[usize], id: u32) -> Option<&'a [u8]> {
    let id = usize::try_from(id).ok()?;
    let start = match id.checked_sub(1) {
        Some(before) => *ends.get(before)?,
        None => 0,
    };
    bytes.get(start..*ends.get(id)?)
}
