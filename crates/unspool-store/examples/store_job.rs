//! A small recording for the tests that break things around it: `store_job write FOLDER PIECES` writes a run of
//! 1,000-byte pieces with a few events in the tables, `store_job endless FOLDER` appends until it is killed and prints
//! the number of each piece that is written, `store_job check FOLDER` prints the state, the frames, the frames that are
//! known to be lost, and why it stopped. Exit status 1 tells an error.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use unspool_model::event::Outcome;
use unspool_model::ids::{Pid, ProcessId, Tid};
use unspool_model::step::{Step, StepArgs, StepKind, StepSink as _};
use unspool_model::world::World;
use unspool_store::{Closing, Manifest, RawPolicy, RunReader, RunWriter, StoreError, TableWriter};

const ID: &str = "20261121-042731-7f3a";

#[expect(
    clippy::print_stderr,
    reason = "the test shows it when something is wrong"
)]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["write", folder, pieces] => pieces
            .parse()
            .map_err(Into::into)
            .and_then(|pieces| write(Path::new(folder), pieces)),
        ["endless", folder] => endless(Path::new(folder)),
        ["check", folder] => check(Path::new(folder)),
        _ => Err("write FOLDER PIECES, endless FOLDER or check FOLDER".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Records as a recorder does: the first error is kept, the run is closed all the same.
fn write(folder: &Path, pieces: i64) -> Result<(), Box<dyn Error>> {
    let mut run = RunWriter::create(folder, Manifest::new(ID))?;
    let mut first_error: Option<StoreError> = None;
    for number in 0..pieces {
        let piece = [u8::try_from(number % 251)?; 1000];
        let mut written = run.append(1, 0, &piece, number);
        if number % 8 == 7 {
            written = written.and_then(|()| run.sync());
        }
        if let Err(error) = written {
            first_error.get_or_insert(error);
        }
    }
    // Without all events there is no use in tables: they are made again from what is left.
    let tables = if first_error.is_none() {
        Some(write_tables(folder, pieces)?)
    } else {
        None
    };
    run.close(&Closing {
        tables,
        raw: RawPolicy::Compress,
    })?;
    first_error.map_or(Ok(()), |error| Err(error.into()))
}

fn write_tables(folder: &Path, events: i64) -> Result<unspool_store::TableSummary, StoreError> {
    let mut tables = TableWriter::create(folder)?;
    for time_ns in 0..events {
        let step = Step {
            seq: time_ns.cast_unsigned(),
            time_ns,
            duration_ns: None,
            process: ProcessId(0),
            pid: Pid(1),
            tid: Tid(1),
            kind: StepKind::Note,
            name: b"note",
            syscall: None,
            args: StepArgs::Text(b"text"),
            outcome: Outcome::Unknown,
            exit: None,
            touch: None,
            second: None,
        };
        tables.step(&step, &World::default());
    }
    tables.finish()
}

fn endless(folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut run = RunWriter::create(folder, Manifest::new(ID))?;
    let mut out = std::io::stdout();
    for number in 0i64.. {
        run.append(1, 0, &[7; 1000], number)?;
        writeln!(out, "{number}")?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the test reads it")]
fn check(folder: &Path) -> Result<(), Box<dyn Error>> {
    let reader = RunReader::open(folder)?;
    let mut frames = reader.frames()?;
    while frames.next_frame().is_some() {}
    let mut lost: u64 = reader
        .manifest()
        .losses
        .iter()
        .map(|loss| loss.frames)
        .sum();
    lost += frames.losses().iter().map(|loss| loss.frames).sum::<u64>();
    println!(
        "{} {} {lost} {}",
        reader.state().name(),
        frames.totals().frames,
        reader.manifest().stopped.as_deref().unwrap_or("-")
    );
    Ok(())
}
