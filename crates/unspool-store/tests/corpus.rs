//! Real logs, decoded, tracked, written as tables and read back: what comes back is what the tracker found.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use unspool_decode::{DecoderOptions, detect};
use unspool_model::event::{Diagnostic, Event, EventSink};
use unspool_model::step::{Step, StepArgs, StepSink};
use unspool_model::totals::TotalsFold;
use unspool_model::tracker::{Retention, TrackContext, Tracker};
use unspool_model::world::{Access, Descriptor, Link, Process, Resource, Session, World};
use unspool_store::{
    Closing, Manifest, RawPolicy, RunReader, RunWriter, StepQuery, TableWriter, Tables,
};

/// The shared corpus, beside the workspace; `None` (said aloud) where it is not there.
#[expect(clippy::print_stdout, reason = "the output of a test is for people")]
fn logs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/logs");
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: there is no corpus at {}", folder.display());
        return Vec::new();
    };
    let mut logs: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the corpus can be listed").path())
        .collect();
    logs.sort_unstable();
    logs
}

/// Text of a step with its arguments printed.
fn text(step: &Step<'_>) -> String {
    let mut args = Vec::new();
    step.args.print(&mut args);
    let step = Step {
        args: StepArgs::Text(&args),
        ..*step
    };
    format!("{step:?}")
}

/// Passes everything on to the tables and keeps the steps as text.
struct Both {
    tables: TableWriter,
    steps: Vec<String>,
}

impl StepSink for Both {
    fn step(&mut self, step: &Step<'_>, world: &World) {
        self.steps.push(text(step));
        self.tables.step(step, world);
    }
    fn process(&mut self, process: &Process) {
        self.tables.process(process);
    }
    fn session(&mut self, session: &Session) {
        self.tables.session(session);
    }
    fn descriptor(&mut self, descriptor: &Descriptor) {
        self.tables.descriptor(descriptor);
    }
    fn access(&mut self, access: &Access) {
        self.tables.access(access);
    }
    fn link(&mut self, link: &Link) {
        self.tables.link(link);
    }
    fn resource(&mut self, resource: &Resource) {
        self.tables.resource(resource);
    }
}

struct Track<'a> {
    tracker: &'a mut Tracker,
    sink: &'a mut dyn StepSink,
}

impl EventSink for Track<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.tracker.event(event, self.sink);
    }
    fn diagnostic(&mut self, _: Diagnostic) {}
}

/// Decodes and tracks a log in pieces of this length; `None` when no format fits.
fn walk(
    log: &[u8],
    name: &str,
    piece: usize,
    retention: Retention,
    sink: &mut dyn StepSink,
) -> Option<Tracker> {
    let format = detect(log, name)?;
    let mut decoder = (format.decoder)(&DecoderOptions::default());
    let mut tracker = Tracker::new(retention, TrackContext::default());
    let mut track = Track {
        tracker: &mut tracker,
        sink,
    };
    for chunk in log.chunks(piece) {
        decoder.push(chunk, &mut track);
    }
    decoder.finish(&mut track);
    tracker.finish(sink);
    Some(tracker)
}

#[test]
fn real_logs_come_back_from_tables() {
    let mut read = 0;
    for path in logs() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let log = fs::read(&path).unwrap();
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let run = RunWriter::create(first.path(), Manifest::new("first")).unwrap();
        let mut both = Both {
            tables: TableWriter::create(first.path()).unwrap(),
            steps: Vec::new(),
        };
        let Some(tracker) = walk(&log, &name, 1 << 16, Retention::All, &mut both) else {
            continue;
        };
        read += 1;
        let tables = both.tables.finish().unwrap();

        // Replayed with other pieces, and dropping what is complete: the same bytes.
        let mut again = TableWriter::create(second.path()).unwrap();
        walk(&log, &name, 977, Retention::Live, &mut again).unwrap();
        assert_eq!(again.finish().unwrap().files, tables.files, "{name}");

        run.close(&Closing {
            tables: Some(tables),
            raw: RawPolicy::Keep,
        })
        .unwrap();
        let tables = Tables::open(&RunReader::open(first.path()).unwrap()).unwrap();
        let mut steps = Vec::new();
        let mut fold = TotalsFold::default();
        tables
            .for_each_step(&StepQuery::all(), &mut |step| {
                steps.push(text(step));
                fold.add(step);
                ControlFlow::Continue(())
            })
            .unwrap();
        // Views that take totals say the same as if they had read every step.
        assert_eq!(tables.totals().unwrap(), Some(fold.totals()), "{name}");
        assert!(steps == both.steps, "{name}");
        let (found, expect) = (tables.world().unwrap(), tracker.world());
        assert_eq!(found.processes, expect.processes, "{name}");
        assert_eq!(found.sessions, expect.sessions, "{name}");
        assert_eq!(found.resources, expect.resources, "{name}");
        assert_eq!(found.descriptors, expect.descriptors, "{name}");
        assert_eq!(found.accesses, expect.accesses, "{name}");
        assert_eq!(found.links, expect.links, "{name}");
    }
    assert!(read > 0 || logs().is_empty(), "no log was recognised");
}
