//! Hash maps for look-up with a cheap, fixed hash. Their order never reaches output.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

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
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
        let rest = chunks.remainder();
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        self.add(u64::from_le_bytes(word) ^ (bytes.len() as u64) << 56);
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
