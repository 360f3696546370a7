//! Tests of percentiles.

use super::{Durations, SAMPLES_MAX};

#[test]
fn few_durations_are_exact() {
    let mut durations = Durations::default();
    assert_eq!(durations.percentile(50), None);
    for ns in (1..=100).rev() {
        durations.add(ns);
    }
    assert_eq!(durations.percentile(50), Some(50));
    assert_eq!(durations.percentile(95), Some(95));
    assert_eq!(durations.max(), Some(100));
    assert_eq!(durations.total_ns(), 5050);
}

/// At the limit exact, beyond it at most 0.4 % off, for small and for large values.
#[test]
fn many_durations_are_close() {
    for scale in [1, 1000, 1_000_000_007] {
        let mut durations = Durations::default();
        let count = i64::try_from(SAMPLES_MAX).unwrap();
        for n in 1..=count {
            durations.add(n * scale);
        }
        assert_eq!(durations.percentile(50), Some(count / 2 * scale));
        for n in count + 1..=4 * count {
            durations.add(n * scale);
        }
        for percent in [1, 50, 95, 99] {
            let exact = 4 * count * i64::try_from(percent).unwrap() / 100 * scale;
            let found = durations.percentile(percent).unwrap();
            let off = (found - exact).abs();
            assert!(
                off * 250 <= exact + 250 * scale,
                "{percent}: {found} {exact}"
            );
        }
        assert_eq!(durations.max(), Some(4 * count * scale));
    }
}
