//! What two ways to do one thing took so far, and which of them is cheaper.

/// New measurements count one part of so many.
const WEIGHT: i64 = 8;

/// Nanoseconds of either way, 0 before it was measured.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Costs {
    usual_ns: i64,
    other_ns: i64,
}

impl Costs {
    /// Learns what the other way took, or the usual one.
    pub(super) fn learn(&mut self, is_other: bool, took_ns: i64) {
        let known_ns = if is_other {
            &mut self.other_ns
        } else {
            &mut self.usual_ns
        };
        *known_ns = if *known_ns == 0 {
            took_ns
        } else {
            *known_ns + (took_ns - *known_ns) / WEIGHT
        };
    }

    /// Whether to go the other way next: when it is cheaper or, to try what seemed worse, when it is not.
    pub(super) fn is_other_next(&self, tries_worse: bool) -> bool {
        (self.other_ns < self.usual_ns) != tries_worse
    }
}
