//! Records a command and writes its records to a file: the recorder alone, for measuring.
//!
//! `raw FILE [--detail tree|names|io|full] [--seccomp] [--all] [--sample] -- COMMAND...` or `raw FILE -p PID`

use std::fs::File;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use unspool_record::{
    Command, Control, Detail, Filter, RecordOptions, RecordSink, SinkError, Wait, attach,
    record_command,
};

struct FileSink(File);

impl RecordSink for FileSink {
    fn write(&mut self, records: &[u8]) -> Result<(), SinkError> {
        self.0.write_all(records).map_err(|source| SinkError {
            action: "write the records".to_owned(),
            source,
        })
    }
}

#[expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program for measuring"
)]
fn main() -> ExitCode {
    if unspool_record::harden().is_err() {
        return ExitCode::from(125);
    }
    let mut arguments = std::env::args_os().skip(1);
    let Some(Ok(file)) = arguments.next().map(File::create) else {
        return ExitCode::from(125);
    };
    let mut sink = FileSink(file);
    let mut options = RecordOptions::default();
    let mut pid = None;
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--") => break,
            Some("--seccomp") => options.filter = Filter::Seccomp,
            Some("--all") => options.wait = Wait::All,
            Some("--sample") => options.sample = Some(Duration::from_secs(1)),
            Some("--payload") => options.payload_bytes = 4096,
            Some("-p") => pid = arguments.next().and_then(|pid| pid.to_str()?.parse().ok()),
            Some("--detail") => {
                options.detail = match arguments
                    .next()
                    .as_deref()
                    .and_then(std::ffi::OsStr::to_str)
                {
                    Some("tree") => Detail::Tree,
                    Some("names") => Detail::Names,
                    Some("io") => Detail::Io,
                    _ => Detail::Full,
                }
            }
            _ => return ExitCode::from(125),
        }
    }
    let command = Command {
        argv: arguments.collect(),
        cwd: None,
        search_path: std::env::var_os("PATH"),
    };
    let control = Control::default();
    let outcome = match pid {
        Some(pid) => attach(&[pid], &options, &mut sink, &control),
        None => record_command(&command, &options, &mut sink, &control),
    };
    match outcome {
        Ok(outcome) => {
            eprintln!("{outcome:?}");
            ExitCode::from(outcome.exit.code())
        }
        Err(error) => {
            eprintln!("raw: {error}");
            ExitCode::from(error.code())
        }
    }
}
