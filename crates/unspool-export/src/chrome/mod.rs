//! Chrome's trace event format (JSON): what `chrome://tracing`, Perfetto and speedscope open.
//!
//! Times are microseconds since the start of the run, with three digits behind the point: JSON numbers are doubles, which hold
//! no nanoseconds since 1970.

use std::io::{self, Write};
use std::ops::ControlFlow;

use unspool_model::timeline::{
    CounterKind, CounterValue, Flow, Point, Slice, TimelineHead, TimelineSink, Track,
};
use unspool_model::world::Process;

use crate::Guarded;
use crate::annotations::{Annotation, Scratch, of_slice, printed, safe};
use crate::envelope::clock_name;
use crate::json::write_string;
use crate::whole::TimelineForm;

/// Writes the trace.
pub struct Chrome<'w> {
    out: Guarded<'w>,
    line: Vec<u8>,
    scratch: Scratch,
    text: String,
    start_ns: i64,
    /// What stands behind the events.
    tail: Vec<u8>,
    any: bool,
}

impl<'w> Chrome<'w> {
    /// A writer.
    pub fn new(out: &'w mut dyn Write) -> Self {
        Self {
            out: Guarded::new(out),
            line: Vec::new(),
            scratch: Scratch::default(),
            text: String::new(),
            start_ns: 0,
            tail: Vec::new(),
            any: false,
        }
    }

    /// Begins an event.
    fn open(&mut self, phase: u8, name: &str) {
        self.line.clear();
        let before: &[u8] = if self.any { b",\n" } else { b"\n" };
        self.any = true;
        self.line.extend_from_slice(before);
        self.line.extend_from_slice(b"{\"ph\":\"");
        self.line.push(phase);
        self.line.extend_from_slice(b"\",\"name\":");
        write_string(&mut self.line, name);
    }

    fn number(&mut self, key: &str, value: i64) {
        push_number(&mut self.line, key, value);
    }

    fn time(&mut self, key: &str, ns: i64) {
        self.line.push(b',');
        write_string(&mut self.line, key);
        self.line.push(b':');
        // Thousandths of microseconds are nanoseconds.
        push_thousandths(&mut self.line, ns);
    }

    fn place(&mut self, point: Point) {
        self.number("pid", i64::from(point.track.pid));
        self.number("tid", i64::from(point.track.tid));
        self.time("ts", point.time_ns.saturating_sub(self.start_ns));
    }

    fn close(&mut self) -> ControlFlow<()> {
        self.line.push(b'}');
        self.out.write(&self.line)
    }

    /// Names a process or thread: event `M`.
    fn meta(&mut self, name: &str, pid: u32, tid: u32, value: &str) -> ControlFlow<()> {
        self.open(b'M', name);
        self.number("pid", i64::from(pid));
        self.number("tid", i64::from(tid));
        self.line.extend_from_slice(b",\"args\":{");
        write_string(
            &mut self.line,
            if name == "process_labels" {
                "labels"
            } else {
                "name"
            },
        );
        self.line.push(b':');
        write_string(&mut self.line, value);
        self.line.push(b'}');
        self.close()
    }

    /// Both ends of an arrow.
    fn flow(&mut self, flow: &Flow, slice: &Slice<'_>) -> ControlFlow<()> {
        // An arrow binds to the slice in which its end lies; the last nanosecond is in it.
        let end_ns = slice.end_ns.unwrap_or(slice.start_ns);
        let to = Point {
            track: slice.track,
            time_ns: slice.start_ns.max(end_ns.saturating_sub(1)),
        };
        let from = Point {
            track: flow.from.track,
            time_ns: flow.from.time_ns.min(to.time_ns),
        };
        for (phase, point) in [(b's', from), (b'f', to)] {
            self.open(phase, flow.kind.name());
            self.line.extend_from_slice(b",\"cat\":\"link\"");
            self.number("id", i64::try_from(flow.id).unwrap_or(i64::MAX));
            self.place(point);
            if phase == b'f' {
                self.line.extend_from_slice(b",\"bp\":\"e\"");
            } else {
                self.line.extend_from_slice(b",\"args\":{\"count\":");
                self.line
                    .extend_from_slice(flow.count.to_string().as_bytes());
                self.line.push(b'}');
            }
            self.close()?;
        }
        ControlFlow::Continue(())
    }
}

impl TimelineSink for Chrome<'_> {
    fn begin(&mut self, head: &TimelineHead<'_>) -> ControlFlow<()> {
        self.start_ns = head.start_ns;
        let tail = &mut self.tail;
        tail.extend_from_slice(
            b"\n],\"displayTimeUnit\":\"ns\",\"otherData\":{\"program\":\"unspool\",\"run\":",
        );
        write_string(tail, head.run);
        tail.extend_from_slice(b",\"clock\":");
        write_string(tail, clock_name(head.clock));
        push_number(tail, "start_ns", head.start_ns);
        self.out.write(b"{\"traceEvents\":[")
    }

    fn process(&mut self, process: &Process, pid: u32, parent: Option<u32>) -> ControlFlow<()> {
        let image = process.image();
        let name = crate::escape(image.map_or(&b""[..], |image| image.name()));
        self.meta("process_name", pid, pid, &name)?;
        let words: Vec<String> = image
            .iter()
            .flat_map(|image| &image.argv)
            .map(|word| crate::escape(word))
            .collect();
        let made_by = parent.map_or_else(String::new, |parent| format!(" (made by {parent})"));
        let label = format!("{}{made_by}", words.join(" "));
        self.meta("process_labels", pid, pid, label.trim())
    }

    fn thread(&mut self, track: Track, name: &[u8]) -> ControlFlow<()> {
        let name = crate::escape(name);
        self.meta("thread_name", track.pid, track.tid, &name)
    }

    fn slice(&mut self, slice: &Slice<'_>) -> ControlFlow<()> {
        let mut text = std::mem::take(&mut self.text);
        let phase = if slice.end_ns.is_some() { b'X' } else { b'i' };
        self.open(phase, safe(slice.name, &mut text));
        self.text = text;
        self.line.extend_from_slice(b",\"cat\":");
        write_string(&mut self.line, slice.category);
        self.place(Point {
            track: slice.track,
            time_ns: slice.start_ns,
        });
        match slice.end_ns {
            Some(end_ns) => self.time("dur", end_ns.saturating_sub(slice.start_ns)),
            None => self.line.extend_from_slice(b",\"s\":\"t\""),
        }
        let Self { line, scratch, .. } = self;
        let mut any = false;
        line.extend_from_slice(b",\"args\":{");
        of_slice(slice, scratch, &mut |key, value| {
            if any {
                line.push(b',');
            }
            any = true;
            write_string(line, key);
            line.push(b':');
            match value {
                Annotation::Text(text) | Annotation::Name(text) => write_string(line, text),
                Annotation::Int(number) => line.extend_from_slice(number.to_string().as_bytes()),
                Annotation::Yes => line.extend_from_slice(b"true"),
            }
        });
        line.push(b'}');
        self.close()?;
        for flow in slice.flows {
            self.flow(flow, slice)?;
        }
        ControlFlow::Continue(())
    }

    fn counter(&mut self, value: &CounterValue) -> ControlFlow<()> {
        let name = match value.owner {
            Some(_) => value.kind.name().to_owned(),
            None => format!("all: {}", value.kind.name()),
        };
        self.open(b'C', &name);
        self.number("pid", value.owner.map_or(0, |(_, pid)| i64::from(pid)));
        self.time("ts", value.time_ns.saturating_sub(self.start_ns));
        self.line.extend_from_slice(b",\"args\":{");
        write_string(&mut self.line, value.kind.unit());
        self.line.push(b':');
        if value.kind == CounterKind::Cpu {
            push_thousandths(&mut self.line, value.value);
        } else {
            self.line
                .extend_from_slice(value.value.to_string().as_bytes());
        }
        self.line.push(b'}');
        self.close()
    }

    fn end(&mut self, notes: &[String]) -> ControlFlow<()> {
        self.tail.extend_from_slice(b",\"notes\":");
        let notes: Vec<&str> = notes.iter().map(String::as_str).collect();
        let notes = printed(notes.join("; ").as_bytes(), &mut self.text);
        write_string(&mut self.tail, notes);
        self.tail.extend_from_slice(b"}}\n");
        self.out.write(&self.tail)
    }
}

impl TimelineForm for Chrome<'_> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.out.finish()
    }
}

impl std::fmt::Debug for Chrome<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chrome").finish_non_exhaustive()
    }
}

fn push_number(out: &mut Vec<u8>, key: &str, value: i64) {
    out.push(b',');
    write_string(out, key);
    out.push(b':');
    out.extend_from_slice(value.to_string().as_bytes());
}

/// A number with three digits behind its point.
fn push_thousandths(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    let abs = value.unsigned_abs();
    out.extend_from_slice((abs / 1000).to_string().as_bytes());
    let rest = abs % 1000;
    if rest > 0 {
        out.extend_from_slice(format!(".{rest:03}").as_bytes());
    }
}
