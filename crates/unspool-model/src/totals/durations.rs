//! Percentiles of durations in bounded memory.

/// Durations that are kept one by one, for exact percentiles.
pub const SAMPLES_MAX: usize = 8192;
/// Steps in which a power of two is divided: the middle of a step is at most 1/256 off.
const STEPS_BITS: u32 = 7;
const STEPS: usize = 1 << STEPS_BITS;

/// Durations: count, sum, longest, percentiles. Exact up to [`SAMPLES_MAX`]; above, percentiles come from a histogram
/// with 128 steps in every power of two and are at most 0.4 % off.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    count: u64,
    total_ns: i64,
    max_ns: i64,
    samples: Vec<i64>,
    histogram: Vec<u64>,
}

impl Durations {
    /// Counts one; a negative one as 0.
    pub fn add(&mut self, ns: i64) {
        let ns = ns.max(0);
        self.count += 1;
        self.total_ns = self.total_ns.saturating_add(ns);
        self.max_ns = self.max_ns.max(ns);
        if !self.histogram.is_empty() {
            self.bucket(ns);
        } else if self.samples.len() < SAMPLES_MAX {
            self.samples.push(ns);
        } else {
            self.histogram = vec![0; slot(u64::MAX >> 1) + 1];
            for sample in std::mem::take(&mut self.samples) {
                self.bucket(sample);
            }
            self.bucket(ns);
        }
    }

    fn bucket(&mut self, ns: i64) {
        if let Some(count) = self.histogram.get_mut(slot(ns.unsigned_abs())) {
            *count += 1;
        }
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum.
    pub fn total_ns(&self) -> i64 {
        self.total_ns
    }

    /// The longest; `None` without any.
    pub fn max(&self) -> Option<i64> {
        (self.count > 0).then_some(self.max_ns)
    }

    /// The shortest duration that `percent` of 100 do not exceed; `None` without any.
    pub fn percentile(&mut self, percent: u64) -> Option<i64> {
        if self.count == 0 {
            return None;
        }
        let rank = (self.count.saturating_mul(percent)).div_ceil(100).max(1);
        if self.histogram.is_empty() {
            self.samples.sort_unstable();
            let place = usize::try_from(rank - 1).ok()?;
            return self.samples.get(place).copied();
        }
        let mut below = 0;
        for (slot, count) in self.histogram.iter().enumerate() {
            below += count;
            if below >= rank {
                return Some(middle(slot).min(self.max_ns));
            }
        }
        Some(self.max_ns)
    }
}

/// Place in the histogram.
fn slot(ns: u64) -> usize {
    let bits = u64::BITS - ns.leading_zeros();
    let Some(shift) = bits.checked_sub(STEPS_BITS + 1) else {
        return usize::try_from(ns).unwrap_or(usize::MAX);
    };
    // Between 128 and 255: the top bits.
    let top = usize::try_from(ns >> shift).unwrap_or(0);
    (shift as usize) * STEPS + top
}

/// Middle of the durations of a place.
fn middle(slot: usize) -> i64 {
    let Some(above) = slot.checked_sub(2 * STEPS) else {
        return i64::try_from(slot).unwrap_or(i64::MAX);
    };
    let shift = u32::try_from(above / STEPS + 1).unwrap_or(u32::MAX);
    let top = u64::try_from(above % STEPS + STEPS).unwrap_or(u64::MAX);
    let low = top.checked_shl(shift).unwrap_or(u64::MAX);
    let half = 1_u64.checked_shl(shift - 1).unwrap_or(0);
    i64::try_from(low.saturating_add(half)).unwrap_or(i64::MAX)
}
