//! Where a line of a file of a `-ff` set belongs among the lines of the other files.

use super::call::{begins_at_once, name_len};
use super::clock::Clock;
use super::{prefix, tail};

/// Gives the lines of one file their places in time, which never go back.
#[derive(Clone, Debug)]
pub struct LineKey {
    clock: Clock,
    has_date: bool,
    last_ns: i64,
}

impl LineKey {
    /// At the start of a file; `date_ns` is the midnight of its first time of day, when known.
    pub fn new(date_ns: Option<i64>) -> Self {
        Self {
            clock: Clock::new(date_ns),
            has_date: date_ns.is_some(),
            last_ns: i64::MIN,
        }
    }

    /// Place of a line in nanoseconds: of an ordinary call its end, of one that makes, replaces or ends processes its
    /// start.
    pub fn of(&mut self, line: &[u8]) -> i64 {
        let prefix = prefix::parse(line);
        let (start_ns, _) = self.clock.stamp(prefix.time, self.has_date);
        let body = line.get(prefix.body..).unwrap_or(&[]);
        let (name, _) = body.split_at(name_len(body));
        let key = if begins_at_once(name) {
            start_ns
        } else {
            let line = body.strip_suffix(b"\r").unwrap_or(body);
            start_ns.saturating_add(tail::duration(line).0.unwrap_or(0))
        };
        self.last_ns = self.last_ns.max(key);
        self.last_ns
    }
}
