//! Scrubs the events of an imported log before anything of them reaches the disk.
//!
//! Behind the decoder, not before it: where the output of the program is mixed into a log, the decoder counts its bytes.

use unspool_model::args::{ARGS_MAX, Arg, Args, text};
use unspool_model::event::{Call, Diagnostic, Event, EventSink, Kind, LibraryCall};
use unspool_record::scrub::Scrubber;

/// Takes events, removes their secrets, and passes them on.
pub(crate) struct ScrubbedEvents<'s> {
    inner: &'s mut dyn EventSink,
    scrubber: &'s Scrubber,
    line: Vec<u8>,
    scrubbed: Vec<u8>,
}

impl<'s> ScrubbedEvents<'s> {
    pub(crate) fn new(inner: &'s mut dyn EventSink, scrubber: &'s Scrubber) -> Self {
        Self {
            inner,
            scrubber,
            line: Vec::new(),
            scrubbed: Vec::new(),
        }
    }

    /// Scrubs what `write` puts into the line, which begins with the thread as lines of tracers do. Gives whether it
    /// had secrets.
    fn scrub(&mut self, event: &Event<'_>, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.line.clear();
        self.scrubbed.clear();
        if let Some(tid) = event.tid {
            self.line.extend_from_slice(tid.to_string().as_bytes());
            self.line.push(b' ');
        }
        write(&mut self.line);
        self.scrubber.scrub_line(&self.line, &mut self.scrubbed)
    }

    fn call<'e>(
        &mut self,
        event: &Event<'e>,
        call: &Call<'e>,
        kind: impl for<'k> Fn(Call<'k>) -> Kind<'k>,
    ) {
        if memchr::memchr(b'"', call.args.text).is_none() {
            return self.inner.event(event);
        }
        self.scrubbed.clear();
        let (tid, name) = (event.tid.map(|tid| tid.0), call.name.as_bytes());
        let changed = self
            .scrubber
            .scrub_arguments(tid, name, call.args.text, &mut self.scrubbed);
        if !changed {
            return self.inner.event(event);
        }
        let call = Call {
            args: split(&self.scrubbed, &call.args),
            ..*call
        };
        self.inner.event(&Event {
            kind: kind(call),
            ..*event
        });
    }

    fn library_call<'e>(&mut self, event: &Event<'e>, call: &LibraryCall<'e>) {
        const EQUALS: &[u8] = b") = ";
        let changed = self.scrub(event, |line| {
            line.extend_from_slice(call.name);
            line.push(b'(');
            line.extend_from_slice(call.args);
            line.extend_from_slice(EQUALS);
            line.extend_from_slice(call.result);
        });
        if !changed {
            return self.inner.event(event);
        }
        let start = memchr::memchr(b'(', &self.scrubbed).map_or(0, |at| at + 1);
        let rest = self.scrubbed.get(start..).unwrap_or(&[]);
        let end = rest
            .windows(EQUALS.len())
            .rposition(|part| part == EQUALS)
            .unwrap_or(0);
        let call = LibraryCall {
            args: rest.get(..end).unwrap_or(&[]),
            result: rest.get(end + EQUALS.len()..).unwrap_or(&[]),
            ..*call
        };
        self.inner.event(&Event {
            kind: Kind::LibraryCall(call),
            ..*event
        });
    }

    fn text<'e>(
        &mut self,
        event: &Event<'e>,
        bytes: &'e [u8],
        kind: impl for<'k> Fn(&'k [u8]) -> Kind<'k>,
    ) {
        self.scrubbed.clear();
        self.scrubber.scrub_line(bytes, &mut self.scrubbed);
        self.inner.event(&Event {
            kind: kind(&self.scrubbed),
            ..*event
        });
    }
}

impl EventSink for ScrubbedEvents<'_> {
    #[expect(
        clippy::redundant_closure,
        reason = "the variants themselves are functions of one lifetime only"
    )]
    fn event(&mut self, event: &Event<'_>) {
        match &event.kind {
            Kind::Call(call) => self.call(event, call, |call| Kind::Call(call)),
            Kind::CallBegin(call) => self.call(event, call, |call| Kind::CallBegin(call)),
            Kind::LibraryCall(call) => self.library_call(event, call),
            Kind::Output(bytes) => self.text(event, bytes, |bytes| Kind::Output(bytes)),
            Kind::Note(bytes) => self.text(event, bytes, |bytes| Kind::Note(bytes)),
            _ => self.inner.event(event),
        }
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        let mut excerpt = Vec::new();
        self.scrubber.scrub_line(&diagnostic.excerpt, &mut excerpt);
        self.inner.diagnostic(Diagnostic {
            excerpt,
            ..diagnostic
        });
    }
}

/// Splits scrubbed arguments as the decoder split the original ones: without the `name=` of `strace -N`.
fn split<'t>(inside: &'t [u8], original: &Args<'_>) -> Args<'t> {
    let mut args = Args::new(inside);
    let mut values = inside;
    for index in 0..ARGS_MAX {
        if values.is_empty() {
            break;
        }
        let (value, more) = text::split_value(values);
        let unnamed = without_name(value);
        let was_named = match original.get(index) {
            Some(Arg::Text(before)) => without_name(before) == before,
            _ => false,
        };
        args.push(Arg::Text(if was_named { unnamed } else { value }));
        values = more;
    }
    args
}

/// `"x"` of `pathname="x"`.
fn without_name(value: &[u8]) -> &[u8] {
    let end = value
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
        .unwrap_or(0);
    match value.split_at_checked(end) {
        Some((name, [b'=', rest @ ..])) if !name.is_empty() => rest,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::ScrubbedEvents;
    use unspool_decode::{DecoderOptions, detect};
    use unspool_model::event::{Diagnostic, Event, EventSink, Kind};
    use unspool_record::scrub::{Policy, Scrubber};

    #[derive(Default)]
    struct Seen(Vec<String>);

    impl EventSink for Seen {
        fn event(&mut self, event: &Event<'_>) {
            if let Kind::Call(call) = &event.kind {
                let args: Vec<String> = call
                    .args
                    .as_slice()
                    .iter()
                    .map(|arg| format!("{arg:?}"))
                    .collect();
                self.0.push(format!(
                    "{}: {} / {}",
                    String::from_utf8_lossy(call.name.as_bytes()),
                    String::from_utf8_lossy(call.args.text),
                    args.len()
                ));
            }
        }

        fn diagnostic(&mut self, diagnostic: Diagnostic) {
            panic!("{diagnostic:?}");
        }
    }

    #[test]
    fn secrets_of_a_log_are_gone_and_the_rest_stays() {
        let log = br#"10 1700000000.000001 execve("/usr/bin/mysql", ["mysql", "--password=hunter2"], ["PATH=/bin", "API_KEY=s3cr3t"]) = 0 <0.000100>
10 1700000000.000201 openat(AT_FDCWD, "/etc/hosts", O_RDONLY) = 3 <0.000100>
10 1700000000.000401 write(3, "password=hunter2", 16) = 16 <0.000100>
"#;
        let scrubber = Scrubber::new(Policy::Default, [7; 32]);
        let mut decoder = (detect::by_name("strace").unwrap().decoder)(&DecoderOptions::default());
        let mut seen = Seen::default();
        let mut events = ScrubbedEvents::new(&mut seen, &scrubber);
        decoder.push(log, &mut events);
        decoder.finish(&mut events);
        let text = seen.0.join("\n");
        assert!(
            !text.contains("hunter2") && !text.contains("s3cr3t"),
            "{text}"
        );
        assert!(
            text.contains("PATH=/bin") && text.contains("API_KEY="),
            "{text}"
        );
        assert_eq!(seen.0[1], r#"openat: AT_FDCWD, "/etc/hosts", O_RDONLY / 3"#);
        assert!(seen.0[2].ends_with("/ 3"), "{text}");
    }
}
