//! Resource use: which life of a pid it belongs to.

use super::{Retention, Tracker};
use crate::event::Event;
use crate::sample::{Sample, SampleEvent, Subject};
use crate::step::StepSink;

impl Tracker {
    /// Hands a sample on. One of a process that nobody knows is dropped: samples do not make processes.
    pub(super) fn sample<S: StepSink + ?Sized>(
        &mut self,
        event: &Event<'_>,
        sample: &SampleEvent<'_>,
        sink: &mut S,
    ) {
        let (process, group) = match sample.subject {
            Subject::Machine => (None, &[][..]),
            Subject::Group(path) => (None, path),
            Subject::Process(pid) => match self.latest.get(&pid) {
                Some(process) => (Some(*process), &[][..]),
                None => return,
            },
        };
        let sample = Sample {
            time_ns: event.time_ns,
            duration_ns: sample.duration_ns,
            process,
            group: group.to_vec(),
            is_last: sample.is_last,
            usage: sample.usage,
        };
        sink.sample(&sample);
        if self.retention == Retention::All {
            self.world.samples.push(sample);
        }
    }
}

#[cfg(test)]
mod tests;
