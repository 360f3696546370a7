//! Times of lines: one growing number from any of the forms in which tracers print them.

use unspool_model::event::ClockKind;

use super::prefix::Time;

/// Seconds below this are differences (`-r`), not times since the epoch: strace did not exist in 1973.
const EPOCH_NS_MIN: i64 = 100_000_000 * 1_000_000_000;
const DAY_NS: i64 = 86_400 * 1_000_000_000;
/// A time of day this far before the last one is of the next day.
const ROLL_OVER_NS: i64 = DAY_NS / 2;
/// Going back less than this is usual: strace prints lines when calls end.
const BACK_NS_MAX: i64 = 1_000_000_000;

/// Turns printed times into nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    kind: ClockKind,
    is_relative: bool,
    date_ns: i64,
    days_ns: i64,
    last_ns: i64,
}

impl Clock {
    /// A clock; `date_ns` is the midnight of the first time of day, when known.
    pub(super) fn new(date_ns: Option<i64>) -> Self {
        Self {
            kind: ClockKind::None,
            is_relative: false,
            date_ns: date_ns.unwrap_or(0),
            days_ns: 0,
            last_ns: 0,
        }
    }

    /// Time of a line, and whether it went back so far that somebody set the clock.
    #[inline]
    pub(super) fn stamp(&mut self, time: Time, has_date: bool) -> (i64, bool) {
        let now = match time {
            Time::Seconds(ns) if ns >= EPOCH_NS_MIN => {
                self.kind = ClockKind::Epoch;
                ns
            }
            Time::Seconds(ns) => {
                if self.kind == ClockKind::None {
                    self.kind = ClockKind::Relative;
                    self.is_relative = true;
                }
                if !self.is_relative {
                    return (self.last_ns, false);
                }
                self.last_ns.saturating_add(ns)
            }
            Time::Day(ns) => {
                self.kind = if has_date {
                    ClockKind::Epoch
                } else {
                    ClockKind::TimeOfDay
                };
                let mut now = self.date_ns.saturating_add(self.days_ns).saturating_add(ns);
                if now.saturating_add(ROLL_OVER_NS) < self.last_ns {
                    self.days_ns = self.days_ns.saturating_add(DAY_NS);
                    now = now.saturating_add(DAY_NS);
                }
                now
            }
            Time::None if self.kind == ClockKind::None => self.last_ns.saturating_add(1),
            // A line without a time in a log with times happened just after the one before.
            Time::None => return (self.last_ns, false),
        };
        let went_back = now.saturating_add(BACK_NS_MAX) < self.last_ns;
        self.last_ns = now;
        (now, went_back)
    }

    /// What the times mean.
    pub(super) fn kind(&self) -> ClockKind {
        self.kind
    }
}
