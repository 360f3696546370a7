//! Records real processes and checks that the records tell what happened, and that the processes did not notice.

mod attach;
mod bpf;
mod commands;
mod reader;
mod state;
mod tools;
mod usage;

use std::fs::File;
use std::io::Write as _;

use unspool_record::{Control, RecordOptions, RecordSink, SinkError, record_command};

struct FileSink(File);

impl RecordSink for FileSink {
    fn write(&mut self, records: &[u8]) -> Result<(), SinkError> {
        self.0.write_all(records).map_err(|source| SinkError {
            action: "write the records".to_owned(),
            source,
        })
    }
}

/// Not a test of its own: the recorder that [`tools::recorder`] starts. Without its variables it does nothing.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how the starting test hands over what to do"
)]
fn recorder_process() {
    let (Ok(output), Ok(words)) = (
        std::env::var("UNSPOOL_TEST_OUTPUT"),
        std::env::var("UNSPOOL_TEST_WORDS"),
    ) else {
        return;
    };
    unspool_record::harden().expect("hardened");
    let words: Vec<&str> = words.split('\u{1f}').collect();
    let mut sink = FileSink(File::create(output).expect("a file"));
    record_command(
        &tools::command(&words),
        &RecordOptions::default(),
        &mut sink,
        &Control::default(),
    )
    .expect("recorded");
}
