//! Hash maps for look-up with a cheap, fixed hash. Their order never reaches output.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, BuildHasherDefault, Hash, Hasher};

/// Map for look-up. Not for keys that an attacker may choose to collide at scale where a limit is missing.
pub type Map<K, V> = HashMap<K, V, BuildHasherDefault<Multiply>>;

/// Set for look-up, as [`Map`].
pub type Set<T> = HashSet<T, BuildHasherDefault<Multiply>>;

/// Multiply-and-rotate hash over 8-byte words (the scheme of Firefox and rustc).
#[derive(Clone, Copy, Default, Debug)]
pub struct Multiply(u64);

const FACTOR: u64 = 0xf135_7aea_2e62_a9c5;

impl Multiply {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for Multiply {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        // What does not fill a word is taken together with bytes before it: a copy of a few bytes costs more than a word.
        let last = match bytes.last_chunk::<8>() {
            _ if rest.is_empty() => 0,
            Some(last) => u64::from_le_bytes(*last),
            None => rest
                .iter()
                .fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        self.add(last ^ (bytes.len() as u64) << 56);
    }

    fn write_u8(&mut self, value: u8) {
        self.add(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.add(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.add(value as u64);
    }

    fn finish(&self) -> u64 {
        // The table takes the top bits for tags and the low bits for places: mix once more.
        self.0 ^ (self.0 >> 29)
    }
}

/// The hash of a value, as [`Map`] takes it.
pub fn hash_of<T: Hash + ?Sized>(value: &T) -> u64 {
    BuildHasherDefault::<Multiply>::default().hash_one(value)
}

/// Marks a slot of [`Places`] as free.
const FREE: u32 = u32::MAX;

/// Where values stand in a list that somebody else keeps: a look-up without a copy of the values.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Open addressing: the upper half of a value's hash, and its place or [`FREE`]. A power of two, at most three quarters full.
    slots: Vec<(u32, u32)>,
    len: usize,
}

impl Places {
    /// The place of a value with this hash for which `is_same` holds; `next` is remembered and given when there is none.
    pub fn get_or_insert(
        &mut self,
        hash: u64,
        next: u32,
        mut is_same: impl FnMut(u32) -> bool,
    ) -> u32 {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let hash = upper(hash);
        let mut at = self.first(hash);
        loop {
            match self.slots[at] {
                (_, FREE) => break,
                (other, place) if other == hash && is_same(place) => return place,
                _ => at = (at + 1) % self.slots.len(),
            }
        }
        if next != FREE {
            self.slots[at] = (hash, next);
            self.len += 1;
        }
        next
    }

    /// The place of a value with this hash for which `is_same` holds.
    pub fn get(&self, hash: u64, mut is_same: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let hash = upper(hash);
        let mut at = self.first(hash);
        loop {
            match self.slots[at] {
                (_, FREE) => return None,
                (other, place) if other == hash && is_same(place) => return Some(place),
                _ => at = (at + 1) % self.slots.len(),
            }
        }
    }

    /// The first slot for a hash: by its top bits, which the multiplication mixes best.
    fn first(&self, hash: u32) -> usize {
        let bits = self.slots.len().trailing_zeros();
        (u64::from(hash) << bits >> 32) as usize
    }

    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(16);
        let slots = std::mem::replace(&mut self.slots, vec![(0, FREE); len]);
        for (hash, place) in slots.into_iter().filter(|(_, place)| *place != FREE) {
            let mut at = self.first(hash);
            while self.slots[at].1 != FREE {
                at = (at + 1) % len;
            }
            self.slots[at] = (hash, place);
        }
    }
}

/// The upper half.
fn upper(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::{Map, Places, hash_of};

    #[test]
    fn places_find_what_a_map_finds() {
        let mut places = Places::default();
        let mut map: Map<String, u32> = Map::default();
        let mut names: Vec<String> = Vec::new();
        assert_eq!(places.get(hash_of("a"), |_| true), None);
        for turn in 0..5000_u32 {
            let name = format!("/srv/{}/{}", turn % 7, turn % 3001);
            let next = u32::try_from(names.len()).unwrap();
            let is_same = |place: u32| names[place as usize] == name;
            let place = places.get_or_insert(hash_of(&name), next, is_same);
            assert_eq!(place, *map.entry(name.clone()).or_insert(next));
            if place == next {
                names.push(name);
            }
        }
        assert_eq!(names.len(), map.len());
        for (place, name) in names.iter().enumerate() {
            let found = places.get(hash_of(name), |place| &names[place as usize] == name);
            assert_eq!(found, u32::try_from(place).ok());
        }
        assert_eq!(
            places.get(hash_of("none"), |place| names[place as usize] == "none"),
            None
        );
    }

    #[test]
    fn values_of_one_hash_are_told_apart() {
        let mut places = Places::default();
        for place in 0..100 {
            assert_eq!(
                places.get_or_insert(1, place, |other| other == place),
                place
            );
        }
        assert_eq!(places.get_or_insert(1, 100, |other| other == 42), 42);
        assert_eq!(places.get(1, |_| false), None);
    }
}
