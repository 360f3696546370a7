//! Which day the dates in a run's names are relative to.

use std::collections::BTreeMap;

use super::dates::{Dated, date, digits};

/// Where the day of a run comes from; the same for all runs that are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anchor {
    /// The clock of the recorder: dates in names follow the day of the run.
    Clock,
    /// A date among the arguments of the job.
    Argument,
    /// The date that most names have: the job was run for another day than its own.
    Majority,
}

/// Dates in the names of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DateCount {
    /// Names by day.
    names: BTreeMap<i64, u64>,
    /// First date among arguments.
    argument: Option<i64>,
}

impl DateCount {
    /// Counts the dates of a name, each once.
    pub fn name(&mut self, name: &[u8]) {
        let mut days = days_of(name);
        days.sort_unstable();
        days.dedup();
        for day in days {
            *self.names.entry(day).or_default() += 1;
        }
    }

    /// Looks for a date in an argument of the job; the first counts.
    pub fn argument(&mut self, word: &[u8]) {
        if self.argument.is_none() {
            self.argument = days_of(word).first().copied();
        }
        self.name(word);
    }

    /// Where the day of this run comes from, given the day of its clock (UTC; local time is at most a day off).
    pub fn anchor(&self, clock_days: Option<i64>) -> Anchor {
        let near_clock =
            clock_days.is_some_and(|clock| self.names.keys().any(|day| (day - clock).abs() <= 1));
        if self.argument.is_some() {
            Anchor::Argument
        } else if near_clock || self.names.is_empty() {
            Anchor::Clock
        } else {
            Anchor::Majority
        }
    }

    /// The day of the run.
    pub fn days(&self, anchor: Anchor, clock_days: Option<i64>) -> Option<i64> {
        let majority = || {
            self.names
                .iter()
                .max_by_key(|(day, count)| (**count, **day))
                .map(|(day, _)| *day)
        };
        match anchor {
            Anchor::Clock => clock_days.or_else(majority),
            Anchor::Argument => self.argument.or_else(majority).or(clock_days),
            Anchor::Majority => majority().or(clock_days),
        }
    }
}

/// Every full date in a name, from left to right, in days since 1970-01-01.
pub fn days_of(name: &[u8]) -> Vec<i64> {
    let mut days = Vec::new();
    let mut at = 0;
    while let Some(rest) = name.get(at..).filter(|rest| !rest.is_empty()) {
        let run = digits(rest);
        if run == 0 {
            at += 1;
            continue;
        }
        match date(rest) {
            Some((Dated::Day(day), len)) => {
                days.push(day);
                at += len.max(run);
            }
            _ => at += run,
        }
    }
    days
}
