//! Records of resource use.

use unspool_model::event::{Event, EventSink, Kind};
use unspool_model::ids::Pid;
use unspool_model::sample::{AMOUNTS, SampleEvent, Subject, Usage};

use super::format::{sample, tag};
use super::record::{ItemsEnd, Record, State, walk};

impl State {
    pub(super) fn sample(
        &mut self,
        record: &Record<'_>,
        sink: &mut dyn EventSink,
    ) -> Option<ItemsEnd> {
        let mut body = record.body;
        let duration_ns = i64::try_from(body.u64()?).unwrap_or(i64::MAX);
        let pid = body.u32()?;
        let flags = body.u32()?;
        let mut usage = Usage::default();
        let mut group = None;
        let mut bad = false;
        let mut end = walk(body, |item| {
            match item.tag {
                tag::GROUP => group = Some(item.value),
                tag::AMOUNT => {
                    let value = item.fields().u64();
                    bad |= value.is_none();
                    match AMOUNTS.get(usize::from(item.index)) {
                        Some(amount) => *(amount.place)(&mut usage) = value,
                        None => return false,
                    }
                }
                // Values with names are for people's own metrics.
                tag::KEY | tag::VALUE => {}
                _ => return false,
            }
            true
        });
        end.damaged |= bad;
        let subject = match (pid, group) {
            (0, Some(path)) => Subject::Group(path),
            (0, None) => Subject::Machine,
            (pid, _) => Subject::Process(Pid(pid)),
        };
        self.stats.samples += 1;
        sink.event(&Event {
            time_ns: self.time(record.time),
            tid: record.tid,
            kind: Kind::Sample(SampleEvent {
                subject,
                duration_ns,
                is_last: flags & sample::LAST != 0,
                usage,
            }),
        });
        Some(end)
    }
}
