//! Perfetto's protobuf trace: processes, threads, calls as slices, arrows along links, counters.
//!
//! Numbers of fields are those of `protos/perfetto/trace/perfetto_trace.proto` of the Perfetto project. One sequence of packets,
//! written as events come: readers sort by time.

mod names;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::ops::ControlFlow;

use unspool_model::event::ClockKind;
use unspool_model::ids::ProcessId;
use unspool_model::timeline::{
    CounterKind, CounterValue, Flow, Slice, TimelineHead, TimelineSink, Track,
};
use unspool_model::world::Process;

use crate::Guarded;
use crate::annotations::{Annotation, Scratch, of_slice, printed, safe};
use crate::protobuf::Message;
use crate::whole::TimelineForm;
use names::Names;

/// Number of our only sequence.
const SEQUENCE: u64 = 1;
/// `TracePacket.sequence_flags`: interned names begin anew; the packet uses some.
const STATE_CLEARED: u64 = 1;
const NEEDS_STATE: u64 = 2;
/// `TrackEvent.Type`.
const SLICE_BEGIN: u64 = 1;
const SLICE_END: u64 = 2;
const INSTANT: u64 = 3;
const COUNTER: u64 = 4;
/// Track of what there is to say about the whole.
const NOTES_TRACK: u64 = 1;
/// `BuiltinClock`.
const REALTIME: u64 = 1;
const BOOTTIME: u64 = 6;

/// Writes the trace.
pub struct Perfetto<'w> {
    out: Guarded<'w>,
    /// The packet that is being made, with its tag and length.
    packet: Message,
    /// Room for what it says.
    body: Message,
    names: Names,
    counters: BTreeSet<(Option<ProcessId>, CounterKind)>,
    scratch: Scratch,
    text: String,
    start_ns: i64,
    /// Taken off each time, so that none is negative.
    base_ns: i64,
}

impl<'w> Perfetto<'w> {
    /// A writer.
    pub fn new(out: &'w mut dyn Write) -> Self {
        Self {
            out: Guarded::new(out),
            packet: Message::default(),
            body: Message::default(),
            names: Names::default(),
            counters: BTreeSet::new(),
            scratch: Scratch::default(),
            text: String::new(),
            start_ns: 0,
            base_ns: 0,
        }
    }

    fn time(&self, time_ns: i64) -> u64 {
        u64::try_from(time_ns.saturating_sub(self.base_ns)).unwrap_or(0)
    }

    /// Writes a packet of our sequence.
    fn write(&mut self, time_ns: Option<i64>, body: &Message) -> ControlFlow<()> {
        let time = time_ns.map(|time_ns| self.time(time_ns));
        let Self { packet, names, .. } = self;
        packet.bytes.clear();
        packet.nested(1, |packet| {
            if let Some(time) = time {
                packet.number(8, time);
            }
            packet.number(10, SEQUENCE);
            packet.number(13, NEEDS_STATE);
            names.write_new(packet);
            packet.bytes.extend_from_slice(&body.bytes);
        });
        self.out.write(&self.packet.bytes)
    }

    /// A mark on the cause's track, where an arrow begins.
    fn flow_start(&mut self, flow: &Flow) -> ControlFlow<()> {
        let mut body = Message::default();
        let name = self.names.event(flow.kind.name());
        let category = self.names.category("link");
        let count = self.names.key("count");
        body.nested(11, |event| {
            event.number(9, INSTANT);
            event.number(11, thread_uuid(flow.from.track));
            name.write(event);
            event.number(3, category);
            event.nested(4, |note| {
                note.number(1, count);
                note.int(4, i64::try_from(flow.count).unwrap_or(i64::MAX));
            });
            event.fixed(47, flow.id);
        });
        self.write(Some(flow.from.time_ns), &body)
    }

    /// Tells of a counter's track, once.
    fn declare_counter(&mut self, value: &CounterValue) -> ControlFlow<()> {
        let owner = value.owner.map(|(process, _)| process);
        if !self.counters.insert((owner, value.kind)) {
            return ControlFlow::Continue(());
        }
        let mut body = Message::default();
        body.nested(60, |track| {
            track.number(1, counter_uuid(owner, value.kind));
            match owner {
                Some(process) => {
                    track.number(5, process_uuid(process));
                    track.text(2, value.kind.name());
                }
                None => track.text(2, &format!("all: {}", value.kind.name())),
            }
            track.nested(8, |counter| counter.text(6, value.kind.unit()));
        });
        self.write(None, &body)
    }
}

impl TimelineSink for Perfetto<'_> {
    fn begin(&mut self, head: &TimelineHead<'_>) -> ControlFlow<()> {
        self.start_ns = head.start_ns;
        self.base_ns = head.start_ns.min(0);
        let start = self.time(head.start_ns);
        self.packet.bytes.clear();
        self.packet.nested(1, |packet| {
            packet.number(10, SEQUENCE);
            packet.number(13, STATE_CLEARED);
            // `first_packet_on_sequence`.
            packet.number(87, 1);
        });
        if head.clock == ClockKind::Epoch {
            self.packet.nested(1, |packet| {
                packet.number(8, start);
                packet.nested(6, |snapshot| {
                    for id in [BOOTTIME, REALTIME] {
                        snapshot.nested(1, |clock| {
                            clock.number(1, id);
                            clock.number(2, start);
                        });
                    }
                    snapshot.number(2, BOOTTIME);
                });
            });
        }
        self.out.write(&self.packet.bytes)
    }

    fn process(&mut self, process: &Process, pid: u32, parent: Option<u32>) -> ControlFlow<()> {
        let image = process.image();
        let argv: Vec<String> = image
            .iter()
            .flat_map(|image| &image.argv)
            .map(|word| crate::escape(word))
            .collect();
        let name = safe(image.map_or(&b""[..], |image| image.name()), &mut self.text);
        let start = u64::try_from(process.start_ns.saturating_sub(self.base_ns)).unwrap_or(0);
        let mut body = Message::default();
        body.nested(60, |track| {
            track.number(1, process_uuid(process.id));
            track.nested(3, |descriptor| {
                descriptor.number(1, u64::from(pid));
                for word in &argv {
                    descriptor.text(2, word);
                }
                descriptor.text(6, name);
                descriptor.number(7, start);
            });
        });
        self.write(None, &body)?;
        // `ProcessTree`: the only place that has the parent.
        let mut body = Message::default();
        body.nested(2, |tree| {
            tree.nested(1, |entry| {
                entry.number(1, u64::from(pid));
                entry.number(2, u64::from(parent.unwrap_or(0)));
                for word in &argv {
                    entry.text(3, word);
                }
                if let Some(user) = process.user {
                    entry.number(5, u64::from(user));
                }
            });
        });
        self.write(Some(process.start_ns), &body)
    }

    fn thread(&mut self, track: Track, name: &[u8]) -> ControlFlow<()> {
        let name = safe(name, &mut self.text);
        let mut body = Message::default();
        body.nested(60, |message| {
            message.number(1, thread_uuid(track));
            message.number(5, process_uuid(track.process));
            message.nested(4, |thread| {
                thread.number(1, u64::from(track.pid));
                thread.number(2, u64::from(track.tid));
                thread.text(5, name);
            });
        });
        self.write(None, &body)
    }

    fn slice(&mut self, slice: &Slice<'_>) -> ControlFlow<()> {
        for flow in slice.flows {
            self.flow_start(flow)?;
        }
        let mut body = std::mem::take(&mut self.body);
        body.bytes.clear();
        let Self {
            names,
            scratch,
            text,
            ..
        } = self;
        let name = names.event(safe(slice.name, text));
        let category = names.category(slice.category);
        let uuid = thread_uuid(slice.track);
        body.nested(11, |event| {
            let is_call = slice.end_ns.is_some();
            event.number(9, if is_call { SLICE_BEGIN } else { INSTANT });
            event.number(11, uuid);
            name.write(event);
            event.number(3, category);
            of_slice(slice, scratch, &mut |key, value| {
                let key = names.key(key);
                let value = match value {
                    Annotation::Name(name) => Value::Name(names.value(name)),
                    Annotation::Text(text) => Value::Text(text),
                    Annotation::Int(number) => Value::Int(number),
                    Annotation::Yes => Value::Yes,
                };
                event.nested(4, |note| {
                    note.number(1, key);
                    value.write(note);
                });
            });
            if !is_call {
                write_ends(event, slice.flows);
            }
        });
        self.write(Some(slice.start_ns), &body)?;
        if let Some(end_ns) = slice.end_ns {
            body.bytes.clear();
            body.nested(11, |event| {
                event.number(9, SLICE_END);
                event.number(11, uuid);
                // At the end, because a call that waited began before what it waited for.
                write_ends(event, slice.flows);
            });
            self.write(Some(end_ns), &body)?;
        }
        self.body = body;
        ControlFlow::Continue(())
    }

    fn counter(&mut self, value: &CounterValue) -> ControlFlow<()> {
        self.declare_counter(value)?;
        let owner = value.owner.map(|(process, _)| process);
        let mut body = Message::default();
        body.nested(11, |event| {
            event.number(9, COUNTER);
            event.number(11, counter_uuid(owner, value.kind));
            match value.kind {
                CounterKind::Cpu => event.double(44, cpus(value.value)),
                _ => event.int(30, value.value),
            }
        });
        self.write(Some(value.time_ns), &body)
    }

    fn end(&mut self, notes: &[String]) -> ControlFlow<()> {
        if notes.is_empty() {
            return ControlFlow::Continue(());
        }
        let mut body = Message::default();
        body.nested(60, |track| {
            track.number(1, NOTES_TRACK);
            track.text(2, "notes");
        });
        self.write(None, &body)?;
        for note in notes {
            let mut body = Message::default();
            let text = printed(note.as_bytes(), &mut self.text);
            body.nested(11, |event| {
                event.number(9, INSTANT);
                event.number(11, NOTES_TRACK);
                event.text(23, text);
            });
            self.write(Some(self.start_ns), &body)?;
        }
        ControlFlow::Continue(())
    }
}

impl TimelineForm for Perfetto<'_> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.out.finish()
    }
}

impl std::fmt::Debug for Perfetto<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Perfetto").finish_non_exhaustive()
    }
}

/// Value of a `DebugAnnotation`.
enum Value<'a> {
    Name(names::Interned<'a>),
    Text(&'a str),
    Int(i64),
    Yes,
}

impl Value<'_> {
    fn write(&self, note: &mut Message) {
        match self {
            Self::Name(name) => name.write_value(note),
            Self::Text(text) => note.text(6, text),
            Self::Int(number) => note.int(4, *number),
            Self::Yes => note.number(2, 1),
        }
    }
}

fn write_ends(event: &mut Message, flows: &[Flow]) {
    for flow in flows {
        event.fixed(48, flow.id);
    }
}

/// Thousandths as a fraction.
#[expect(
    clippy::cast_precision_loss,
    reason = "a machine has fewer than 2^52 thousandths of CPUs"
)]
pub(crate) fn cpus(thousandths: i64) -> f64 {
    thousandths as f64 / 1000.0
}

fn process_uuid(process: ProcessId) -> u64 {
    (u64::from(process.0) + 1) << 32 | u64::from(u32::MAX)
}

fn thread_uuid(track: Track) -> u64 {
    (u64::from(track.process.0) + 1) << 32 | u64::from(track.tid)
}

/// Bit 62 tells them from threads: there are fewer than 2^30 processes.
fn counter_uuid(owner: Option<ProcessId>, kind: CounterKind) -> u64 {
    1 << 62 | owner.map_or(0, |process| u64::from(process.0) + 1) << 8 | kind as u64
}
