use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use unspool_model::step::StepSink as _;
use unspool_model::world::World;

use super::{Closing, RawPolicy, Recovery, RunWriter};
use crate::{Manifest, RawKept, RunReader, RunState, State, StoreError, TableWriter};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn read_all(folder: &Path) -> Vec<u8> {
    let mut frames = RunReader::open(folder).unwrap().frames().unwrap();
    let mut bytes = Vec::new();
    while let Some(frame) = frames.next_frame() {
        bytes.extend_from_slice(frame.bytes);
    }
    assert_eq!(frames.losses(), []);
    bytes
}

#[test]
fn only_the_owner_can_read_a_run() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    let mut run = RunWriter::create(&folder, Manifest::new("x")).unwrap();
    run.append(0, 0, b"secret", 1).unwrap();
    let tables = TableWriter::create(&folder).unwrap().finish().unwrap();
    run.close(&Closing {
        tables: Some(tables),
        raw: RawPolicy::Compress,
    })
    .unwrap();
    for name in ["", "raw", "tables"] {
        assert_eq!(mode(&folder.join(name)), 0o700, "{name}");
    }
    for name in ["run.json", "raw/000001.seg.zst", "tables/events.parquet"] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    let left = crate::files::names_in(&folder).unwrap();
    assert_eq!(left, ["raw", "run.json", "tables"]);
}

#[test]
fn unsafe_places_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let parent = root.path().join("open");
    fs::create_dir(&parent).unwrap();
    fs::set_permissions(&parent, Permissions::from_mode(0o777)).unwrap();
    let create = |path: &Path| RunWriter::create(path, Manifest::new("x"));
    let error = create(&parent.join("run")).unwrap_err();
    assert!(matches!(error, StoreError::UnsafeFolder { .. }), "{error}");
    fs::set_permissions(&parent, Permissions::from_mode(0o1777)).unwrap();
    create(&parent.join("run")).unwrap();
    let error = create(&parent.join("run")).unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }), "{error}");

    let target = root.path().join("target");
    fs::create_dir(&target).unwrap();
    symlink(&target, root.path().join("link")).unwrap();
    let error = create(&root.path().join("link")).unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }), "{error}");
}

#[test]
fn a_link_in_the_place_of_a_file_is_not_followed() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    let mut run = RunWriter::create(&folder, Manifest::new("x")).unwrap();
    let victim = root.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    fs::create_dir(folder.join("raw")).unwrap();
    symlink(&victim, folder.join("raw/000001.seg")).unwrap();
    let error = run.append(0, 0, b"bytes", 1).unwrap_err();
    assert!(error.to_string().contains("exists"), "{error}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn a_run_is_recording_then_incomplete_then_recovered() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    let mut run = RunWriter::create(&folder, Manifest::new("x")).unwrap();
    for n in 0..10 {
        run.append(1, 0, b"0123456789", n).unwrap();
    }
    assert_eq!(
        *RunReader::open(&folder).unwrap().state(),
        RunState::Recording
    );
    let error = Recovery::begin(&folder).unwrap_err();
    assert!(matches!(error, StoreError::Live { .. }), "{error}");
    // As a kill does: nothing is closed.
    drop(run);
    let reader = RunReader::open(&folder).unwrap();
    let RunState::Incomplete(recovered) = reader.state() else {
        panic!("{:?}", reader.state());
    };
    assert_eq!(
        (
            recovered.totals.frames,
            recovered.totals.bytes,
            recovered.totals.last_ns
        ),
        (10, 100, 9)
    );

    let recovery = Recovery::begin(&folder).unwrap();
    let mut frames = recovery.reader().frames().unwrap();
    while frames.next_frame().is_some() {}
    let manifest = recovery.reader().manifest().clone();
    let closing = Closing {
        tables: Some(TableWriter::create(&folder).unwrap().finish().unwrap()),
        raw: RawPolicy::Remove,
    };
    let (totals, losses) = (frames.totals(), frames.losses().to_vec());
    let manifest = recovery
        .finish(manifest, totals, &losses, &closing)
        .unwrap();
    assert!(manifest.recovered);
    assert_eq!(manifest.state, State::Incomplete);
    // An incomplete run keeps its raw bytes, whatever was asked.
    assert_eq!(manifest.raw, RawKept::Compressed);
    let reader = RunReader::open(&folder).unwrap();
    assert_eq!(reader.state().name(), "incomplete");
    assert_eq!(read_all(&folder).len(), 100);
}

#[test]
fn tables_of_a_complete_run_can_be_made_again() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    let mut run = RunWriter::create(&folder, Manifest::new("x")).unwrap();
    run.append(0, 0, b"bytes", 1).unwrap();
    run.close(&Closing {
        tables: Some(TableWriter::create(&folder).unwrap().finish().unwrap()),
        raw: RawPolicy::Compress,
    })
    .unwrap();
    fs::remove_dir_all(folder.join("tables")).unwrap();
    let recovery = Recovery::begin(&folder).unwrap();
    assert_eq!(recovery.reader().state().name(), "incomplete");
    let mut frames = recovery.reader().frames().unwrap();
    while frames.next_frame().is_some() {}
    let manifest = recovery.reader().manifest().clone();
    let closing = Closing {
        tables: Some(TableWriter::create(&folder).unwrap().finish().unwrap()),
        raw: RawPolicy::Compress,
    };
    recovery
        .finish(manifest, frames.totals(), frames.losses(), &closing)
        .unwrap();
    assert_eq!(
        *RunReader::open(&folder).unwrap().state(),
        RunState::Complete
    );
}

#[test]
fn a_live_run_can_be_read_to_its_last_whole_frame() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    let mut run = RunWriter::create(&folder, Manifest::new("x")).unwrap();
    run.append(0, 0, b"whole", 1).unwrap();
    run.append(0, 0, b"half", 1).unwrap();
    let path = folder.join("raw/000001.seg");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 2]).unwrap();
    assert_eq!(read_all(&folder), b"whole");
    drop(run);
    let reader = RunReader::open(&folder).unwrap();
    assert_eq!(reader.losses().len(), 1);
}

#[test]
fn a_damaged_manifest_does_not_hide_the_frames() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    let mut run = RunWriter::create(&folder, Manifest::new("one-id")).unwrap();
    run.append(0, 0, b"bytes", 1).unwrap();
    run.close(&Closing::default()).unwrap();
    let path = folder.join("run.json");
    let text = fs::read_to_string(&path).unwrap();
    for damaged in [text.replace("one-id", "two-id"), "{".to_owned()] {
        fs::write(&path, damaged).unwrap();
        assert_eq!(
            RunReader::open(&folder).unwrap().state().name(),
            "incomplete"
        );
        assert_eq!(read_all(&folder), b"bytes");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(read_all(&folder), b"bytes");
}

#[test]
fn tables_that_are_given_up_leave_nothing() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    let run = RunWriter::create(&folder, Manifest::new("x")).unwrap();
    drop(TableWriter::create(&folder).unwrap());
    let left = crate::files::names_in(&folder.join("tables")).unwrap();
    assert!(left.is_empty(), "{left:?}");
    drop(run);
}

#[test]
fn raw_is_removed_only_when_tables_are_there() {
    let root = tempfile::tempdir().unwrap();
    for (name, with_tables, kept) in [
        ("a", true, RawKept::Removed),
        ("b", false, RawKept::Compressed),
    ] {
        let folder = root.path().join(name);
        let mut run = RunWriter::create(&folder, Manifest::new("x")).unwrap();
        run.append(0, 0, b"bytes", 1).unwrap();
        let tables = with_tables.then(|| TableWriter::create(&folder).unwrap().finish().unwrap());
        let manifest = run
            .close(&Closing {
                tables,
                raw: RawPolicy::Remove,
            })
            .unwrap();
        assert_eq!(manifest.raw, kept);
        let reader = RunReader::open(&folder).unwrap();
        assert_eq!(*reader.state(), RunState::Complete);
        assert_eq!(reader.has_raw(), !with_tables);
    }
}

#[test]
fn a_missing_or_changed_table_makes_a_run_incomplete() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    let run = RunWriter::create(&folder, Manifest::new("x")).unwrap();
    let mut tables = TableWriter::create(&folder).unwrap();
    tables.resource(&unspool_model::world::Resource {
        id: unspool_model::ids::ResourceId(0),
        kind: unspool_model::world::ResourceKind::File,
        name: b"/etc/passwd".to_vec(),
        category: unspool_model::category::Category::Others,
        socket: None,
        created: false,
        modified: false,
        deleted: false,
        content: None,
    });
    let closing = Closing {
        tables: Some(tables.finish().unwrap()),
        raw: RawPolicy::Keep,
    };
    run.close(&closing).unwrap();
    let path = folder.join("tables/strings.parquet");
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[10] ^= 1;
    fs::write(&path, &flipped).unwrap();
    let world = |folder: &Path| -> Result<World, StoreError> {
        crate::Tables::open(&RunReader::open(folder)?)?.world()
    };
    let error = world(&folder).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    fs::write(&path, &whole[1..]).unwrap();
    assert_eq!(
        RunReader::open(&folder).unwrap().state().name(),
        "incomplete"
    );
    fs::remove_file(&path).unwrap();
    assert_eq!(
        RunReader::open(&folder).unwrap().state().name(),
        "incomplete"
    );
    fs::write(&path, &whole).unwrap();
    assert_eq!(world(&folder).unwrap().resources[0].name, b"/etc/passwd");
}

#[test]
fn a_run_that_the_caller_stopped_is_not_complete() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    let mut run = RunWriter::create(&folder, Manifest::new("x")).unwrap();
    run.append(0, 0, b"bytes", 1).unwrap();
    run.manifest_mut().stopped = Some("the tracer died".to_owned());
    let manifest = run.close(&Closing::default()).unwrap();
    assert_eq!(
        (manifest.state, manifest.raw),
        (State::Incomplete, RawKept::Compressed)
    );
    let reader = RunReader::open(&folder).unwrap();
    let RunState::Incomplete(recovered) = reader.state() else {
        panic!("{:?}", reader.state());
    };
    assert_eq!(recovered.why, "stopped: the tracer died");
    assert_eq!(recovered.totals.frames, 1);
}

/// What was begun in vain leaves nothing: no folder where there was none, an empty one as it was, and what others put there.
#[test]
fn a_discarded_run_leaves_what_was_there() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    let begin = || {
        let mut run = RunWriter::create(&folder, Manifest::new("x")).unwrap();
        run.append(0, 0, b"piece", 1).unwrap();
        drop(TableWriter::create(&folder).unwrap());
        run
    };
    begin().discard().unwrap();
    assert!(!folder.exists());

    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o750)).unwrap();
    begin().discard().unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    assert_eq!(mode(&folder), 0o750);

    fs::remove_dir(&folder).unwrap();
    let run = begin();
    fs::write(folder.join("note"), "of somebody else").unwrap();
    run.discard().unwrap();
    let left = fs::read_dir(&folder).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["note"]);
}
