//! What forms of timelines say about a slice beside its time.

use std::fmt::Write as _;

use unspool_model::event::{ExitStatus, Outcome};
use unspool_model::timeline::Slice;

use crate::Untrusted;

/// A value.
pub(crate) enum Annotation<'a> {
    /// Safe text.
    Text(&'a str),
    /// Safe text that comes again and again.
    Name(&'a str),
    /// Number.
    Int(i64),
    /// Yes.
    Yes,
}

/// Gives what there is to say, in a fixed order: key and value.
pub(crate) fn of_slice(
    slice: &Slice<'_>,
    scratch: &mut Scratch,
    say: &mut dyn FnMut(&'static str, Annotation<'_>),
) {
    let Scratch { bytes, text } = scratch;
    bytes.clear();
    slice.args.print(bytes);
    if !bytes.is_empty() {
        say("args", Annotation::Text(printed(bytes, text)));
    }
    match slice.outcome {
        Outcome::Returned(value) => say("result", Annotation::Int(value)),
        Outcome::Failed(errno) => {
            text.clear();
            push(text, format_args!("{errno}"));
            say("errno", Annotation::Name(text));
        }
        Outcome::Unfinished | Outcome::Unknown => {}
    }
    match slice.exit {
        Some(ExitStatus::Exited(code)) => say("exit code", Annotation::Int(i64::from(code))),
        Some(ExitStatus::Killed { signal, core: _ }) => {
            say(
                "exit signal",
                Annotation::Name(&unspool_model::signal::name(signal)),
            );
        }
        Some(ExitStatus::Unknown) | None => {}
    }
    if let Some(resource) = slice.resource {
        say("path", Annotation::Name(safe(resource, text)));
    }
    if let Some(fd) = slice.fd {
        say("fd", Annotation::Int(i64::from(fd.0)));
    }
    if let Some(bytes) = slice.bytes {
        say(
            "bytes",
            Annotation::Int(i64::try_from(bytes).unwrap_or(i64::MAX)),
        );
    }
    if slice.is_cut {
        say("unfinished", Annotation::Yes);
    }
    if let Some(seq) = slice.seq {
        say(
            "event",
            Annotation::Int(i64::try_from(seq).unwrap_or(i64::MAX)),
        );
    }
}

/// Room for texts, used again and again.
#[derive(Default, Debug)]
pub(crate) struct Scratch {
    bytes: Vec<u8>,
    text: String,
}

/// Bytes as safe text, reversible.
pub(crate) fn safe<'t>(bytes: &[u8], text: &'t mut String) -> &'t str {
    text.clear();
    push(text, format_args!("{}", Untrusted::new(bytes)));
    text
}

/// What a tracer has escaped, as safe text.
pub(crate) fn printed<'t>(bytes: &[u8], text: &'t mut String) -> &'t str {
    text.clear();
    push(text, format_args!("{}", Untrusted::printed(bytes)));
    text
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what)
        .expect("writing to a string cannot fail");
}
