//! Reports in the forms in which people and programs read them. Forms know shapes ([`unspool_model::report`]), no view.

#![expect(
    clippy::format_push_string,
    reason = "few lines; `write!` to a string would have an error to throw away"
)]

mod annotations;
pub mod chrome;
pub mod cim;
pub mod csv;
pub mod diff_html;
pub mod diff_markdown;
pub mod diff_text;
pub mod dockit;
pub mod dot;
pub mod envelope;
pub mod flame_svg;
pub mod folded;
pub mod graphml;
pub mod html;
pub mod json;
pub mod markdown;
pub mod perfetto;
pub mod pprof;
mod protobuf;
pub mod speedscope;
pub mod sqlite;
pub mod text;
pub mod units;
pub mod untrusted;
pub mod whole;
pub mod xml;

use std::io::{self, Write};

use unspool_model::report::RowSink;

pub use envelope::{Envelope, RunLabel};
pub use text::{Palette, TextOptions};
pub use untrusted::{Untrusted, escape};
pub use whole::{Makes, StackOptions, TimelineForm, WHOLE_FORMS, WholeForm, whole_form};

/// An output form.
#[derive(Clone, Copy, Debug)]
pub struct FormSpec {
    /// Name, as `--form` takes it.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// Makes a writer of it.
    pub new: for<'w> fn(&'w mut dyn Write, &'w Envelope, &'w TextOptions) -> Box<dyn Form + 'w>,
}

/// Every form.
pub static FORMS: &[FormSpec] = &[
    FormSpec {
        name: "text",
        doc: "Tables and trees for people.",
        new: |out, envelope, options| Box::new(text::Text::new(out, envelope, options)),
    },
    FormSpec {
        name: "json",
        doc: "One object: what run it is, its losses, and the rows. Schemas are in `docs/schema`.",
        new: |out, envelope, _| Box::new(json::Json::new(out, envelope)),
    },
    FormSpec {
        name: "jsonl",
        doc: "JSON lines: the first line is the header, then one object a row.",
        new: |out, envelope, _| Box::new(json::JsonLines::new(out, envelope)),
    },
    FormSpec {
        name: "csv",
        doc: "RFC 4180, with a heading line; cells that a spreadsheet would run as a formula begin with `'`.",
        new: |out, envelope, _| Box::new(csv::Csv::new(out, envelope)),
    },
    FormSpec {
        name: "xml",
        doc: "XML 1.0: what run it is, its losses, and the rows. Its schema is `docs/schema/rows.xsd`.",
        new: |out, envelope, _| Box::new(xml::Xml::new(out, envelope)),
    },
    FormSpec {
        name: "md",
        doc: "A table of GitHub-flavoured Markdown; names in it are no markup.",
        new: |out, envelope, options| Box::new(markdown::Markdown::new(out, envelope, options)),
    },
    FormSpec {
        name: "html-table",
        doc: "A page of HTML with one table, without script; exact numbers in `data-value`.",
        new: |out, envelope, options| Box::new(html::Html::new(out, envelope, options)),
    },
];

/// Finds a form; `txt`, `html` and `markdown` are other names of three of them.
pub fn form(name: &str) -> Option<&'static FormSpec> {
    let name = match name {
        "txt" => "text",
        "html" => "html-table",
        "markdown" => "md",
        name => name,
    };
    FORMS.iter().find(|form| form.name == name)
}

/// A writer of an output form. Rows after an error are ignored; [`Form::finish`] tells it.
pub trait Form: RowSink {
    /// Writes what is left, and gives the first error.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Keeps the first error of a writer, so that sinks need not return it.
pub(crate) struct Guarded<'w> {
    out: &'w mut dyn Write,
    error: Option<io::Error>,
}

impl<'w> Guarded<'w> {
    pub(crate) fn new(out: &'w mut dyn Write) -> Self {
        Self { out, error: None }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::ops::ControlFlow<()> {
        if self.error.is_some() {
            return std::ops::ControlFlow::Break(());
        }
        match self.out.write_all(bytes) {
            Ok(()) => std::ops::ControlFlow::Continue(()),
            Err(error) => {
                self.error = Some(error);
                std::ops::ControlFlow::Break(())
            }
        }
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        match self.error {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }
}

#[cfg(test)]
mod tests;
