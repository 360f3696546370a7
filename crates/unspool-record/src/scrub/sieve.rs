//! Tells quickly that a name is not in a list: most names that are looked up are in none.

/// Places of a sieve. Some hundred names leave most of them empty.
const PLACES: usize = 2048;

/// One bit for the place of every name of a list.
pub(super) struct Sieve([u64; PLACES / 64]);

impl Sieve {
    pub(super) const fn new() -> Self {
        Self([0; PLACES / 64])
    }

    pub(super) const fn with(mut self, name: &[u8]) -> Self {
        let place = place_of(name);
        self.0[place / 64] |= 1 << (place % 64);
        self
    }

    /// False only when `name` is not in the list.
    pub(super) const fn may_hold(&self, name: &[u8]) -> bool {
        let place = place_of(name);
        self.0[place / 64] & (1 << (place % 64)) != 0
    }
}

/// Of the ends of a name, its middle and its length.
const fn place_of(name: &[u8]) -> usize {
    let len = name.len();
    if len == 0 {
        return 0;
    }
    let (first, middle, last) = (name[0], name[len / 2], name[len - 1]);
    (first as usize ^ (middle as usize) << 3 ^ (last as usize) << 5 ^ len << 6) % PLACES
}
