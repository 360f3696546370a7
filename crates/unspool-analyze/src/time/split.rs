//! Amounts over intervals, divided among the seconds that they cover.

/// One second.
pub const SECOND_NS: i64 = 1_000_000_000;

/// The second that holds a time.
pub fn second_of(time_ns: i64) -> i64 {
    time_ns.div_euclid(SECOND_NS)
}

/// Gives `take` each second that the interval covers, with its part of the amount. Parts are whole and their sum is the amount.
/// An interval without length is one instant. Intervals over more than `seconds_max` seconds count in their last ones only.
pub fn split(
    from_ns: i64,
    duration_ns: i64,
    amount: u64,
    seconds_max: i64,
    mut take: impl FnMut(i64, u64),
) {
    let to_ns = from_ns.saturating_add(duration_ns.max(0));
    let last = second_of(to_ns.saturating_sub(1).max(from_ns));
    let first = second_of(from_ns).max(last.saturating_sub(seconds_max.saturating_sub(1)));
    let len = i128::from(to_ns) - i128::from(from_ns);
    // What is due up to a time, rounded down: differences of these are exact.
    let due = |time_ns: i64| -> u64 {
        if len == 0 {
            return amount;
        }
        let part = i128::from(amount) * (i128::from(time_ns) - i128::from(from_ns)) / len;
        u64::try_from(part).unwrap_or(0).min(amount)
    };
    let mut given = 0;
    for second in first..=last {
        let end_ns = second.saturating_add(1).saturating_mul(SECOND_NS);
        let until = if second == last {
            amount
        } else {
            due(end_ns.min(to_ns))
        };
        take(second, until.saturating_sub(given));
        given = given.max(until);
    }
}

/// Lowers values that are over the limit and gives what is over to the values behind, then to those before.
pub fn level(values: &mut [u64], limit: u64) {
    let mut over = 0_u64;
    for value in values.iter_mut() {
        *value = value.saturating_add(std::mem::take(&mut over));
        over = value.saturating_sub(limit);
        *value -= over;
    }
    for value in values.iter_mut().rev() {
        let room = limit.saturating_sub(*value).min(over);
        *value += room;
        over -= room;
    }
}
