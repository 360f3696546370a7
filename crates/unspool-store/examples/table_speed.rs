//! Measures the tables: `cargo run --release -p unspool-store --example table_speed -- FOLDER [EVENTS|LOG]`.
//!
//! Writes a run of made-up events, or the events of a real log, into FOLDER (which must be empty or new), reads it back,
//! and prints events per second and bytes per event and column. With a log, decoding and tracking are in the time.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use unspool_decode::{DecoderOptions, detect};
use unspool_model::event::{Diagnostic, Errno, Event, EventSink, Outcome};
use unspool_model::ids::{Fd, Pid, ProcessId, ResourceId, SessionId, Tid};
use unspool_model::step::{Action, Step, StepArgs, StepKind, StepSink as _, Touch};
use unspool_model::syscalls::Syscall;
use unspool_model::tracker::{Retention, TrackContext, Tracker};
use unspool_model::world::World;
use unspool_store::{
    Closing, Manifest, RawPolicy, RunReader, RunWriter, StepQuery, TableWriter, Tables,
};

const CALLS: [&str; 8] = [
    "read", "write", "openat", "close", "fstat", "mmap", "lseek", "access",
];

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % limit
    }

    /// Mostly small, below 2 to the power of `bits`.
    fn skewed(&mut self, bits: u64) -> u64 {
        let limit = 1 << self.below(bits);
        self.below(limit)
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark needs a clock")]
#[expect(clippy::print_stdout, reason = "its result goes to the terminal")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("which FOLDER?")?;
    let folder = Path::new(&folder);
    let input = args.next().unwrap_or_else(|| "1000000".to_owned());
    let run = RunWriter::create(folder, Manifest::new("20261121-042731-7f3a"))?;
    let start = Instant::now();
    let mut tables = TableWriter::create(folder)?;
    match input.parse() {
        Ok(events) => write_events(&mut tables, events)?,
        Err(_) => write_log(&mut tables, Path::new(&input))?,
    }
    let summary = tables.finish()?;
    let events = summary.events;
    report("written", events, start);
    let size: u64 = summary.files.values().map(|file| file.bytes).sum();
    println!("{:.2} B/event", ratio(size, events));
    print_columns(&folder.join("tables/events.parquet"), events)?;
    run.close(&Closing {
        tables: Some(summary),
        raw: RawPolicy::Keep,
    })?;
    for (name, with_args) in [
        ("read without arguments", false),
        ("read with arguments", true),
    ] {
        let start = Instant::now();
        let tables = Tables::open(&RunReader::open(folder)?)?;
        let query = StepQuery {
            with_args,
            ..StepQuery::default()
        };
        let mut sum = 0u64;
        tables.for_each_step(&query, &mut |step| {
            sum = sum.wrapping_add(step.seq ^ step.name.len() as u64);
            ControlFlow::Continue(())
        })?;
        report(name, events, start);
        println!("(sum {sum})");
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "its result goes to the terminal")]
fn print_columns(path: &Path, events: u64) -> Result<(), Box<dyn Error>> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    let mut columns: BTreeMap<String, u64> = BTreeMap::new();
    for column in reader
        .metadata()
        .row_groups()
        .iter()
        .flat_map(RowGroupMetaData::columns)
    {
        let size = column.compressed_size().cast_unsigned();
        *columns.entry(column.column_path().string()).or_default() += size;
    }
    for (name, size) in columns {
        println!("  {name}: {:.2}", ratio(size, events));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "its result goes to the terminal")]
fn report(what: &str, events: u64, start: Instant) {
    let elapsed = start.elapsed();
    println!(
        "{what}: {events} events in {:.0} ms, {:.2} M/s",
        elapsed.as_secs_f64() * 1e3,
        ratio(events, 1_000_000) / elapsed.as_secs_f64()
    );
}

#[expect(clippy::cast_precision_loss, reason = "it is printed with two digits")]
fn ratio(value: u64, of: u64) -> f64 {
    value as f64 / of as f64
}

/// Decodes and tracks a log.
struct Track<'a> {
    tracker: Tracker,
    tables: &'a mut TableWriter,
}

impl EventSink for Track<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.tracker.event(event, self.tables);
    }
    fn diagnostic(&mut self, _: Diagnostic) {}
}

fn write_log(tables: &mut TableWriter, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut file = File::open(path)?;
    let mut chunk = vec![0; 256 << 10];
    let mut len = file.read(&mut chunk)?;
    let head = chunk.get(..len).unwrap_or_default();
    let format = detect(head, &path.to_string_lossy()).ok_or("no format fits the log")?;
    let mut decoder = (format.decoder)(&DecoderOptions::default());
    let mut track = Track {
        tracker: Tracker::new(Retention::Live, TrackContext::default()),
        tables,
    };
    while len > 0 {
        decoder.push(chunk.get(..len).unwrap_or_default(), &mut track);
        len = file.read(&mut chunk)?;
    }
    decoder.finish(&mut track);
    track.tracker.finish(track.tables);
    Ok(())
}

fn write_events(tables: &mut TableWriter, events: u64) -> Result<(), Box<dyn Error>> {
    let calls: Vec<Option<Syscall>> = CALLS
        .iter()
        .map(|name| Syscall::by_name(name.as_bytes()))
        .collect();
    let world = World::default();
    let mut random = Random(1);
    let mut text = Vec::new();
    let mut time_ns = 1_790_000_000_000_000_000;
    let mut session = 0u32;
    for seq in 0..events {
        time_ns += i64::try_from(1000 + random.skewed(16))?;
        let which = usize::try_from(random.below(8))?;
        let process = u32::try_from(seq / 5000 + random.below(4))?;
        let file = u32::try_from(random.skewed(14))?;
        session = u32::try_from(seq / 12)?.max(session);
        let fd = i32::try_from(3 + random.below(12))?;
        let bytes = random.below(3).checked_sub(1).map(|_| random.below(4096));
        text.clear();
        write!(
            text,
            "{fd}</usr/lib/x86_64-linux-gnu/python3/file{file}.py>, \"\\177ELF\\2\\1\\1\\3\\0\\0\\0\"..., {}",
            random.below(4096)
        )?;
        let near = session - u32::try_from(random.below(20))?.min(session);
        let call = calls.get(which).copied().flatten();
        tables.step(
            &Step {
                seq,
                time_ns,
                duration_ns: Some(i64::try_from(1000 + random.skewed(15))?),
                process: ProcessId(process),
                pid: Pid(process + 4000),
                tid: Tid(process + 4000),
                kind: StepKind::Syscall,
                name: call.map_or(b"other", |call| call.name().as_bytes()),
                syscall: call,
                args: StepArgs::Text(&text),
                outcome: match bytes {
                    Some(bytes) => Outcome::Returned(i64::try_from(bytes)?),
                    None => Outcome::Failed(Errno::ENOENT),
                },
                exit: None,
                touch: bytes.map(|bytes| Touch {
                    action: Action::Read,
                    fd: Some(Fd(fd)),
                    session: Some(SessionId(near)),
                    resource: Some(ResourceId(file)),
                    bytes: Some(bytes),
                    claimed: false,
                }),
                second: None,
            },
            &world,
        );
    }
    Ok(())
}
