mod older;
mod page;
mod random;
mod said_once;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use unspool_model::step::Step;
use unspool_model::totals::{Totals, TotalsFold};
use unspool_model::world::World;

use self::random::{Owned, Random, feed};
use super::open::Limits;
use super::{NAMES, StepQuery, TableId, TableWriter, Tables, table_path};
use crate::{Closing, Manifest, RawPolicy, RunReader, RunWriter, StoreError};

/// Writes a closed run.
fn write_run(folder: &Path, steps: &[Owned], world: &World) -> Manifest {
    let run = RunWriter::create(folder, Manifest::new("20261121-042731-7f3a")).unwrap();
    let mut tables = TableWriter::create(folder).unwrap();
    feed(&mut tables, steps, world);
    let closing = Closing {
        tables: Some(tables.finish().unwrap()),
        raw: RawPolicy::Keep,
    };
    run.close(&closing).unwrap()
}

fn open(folder: &Path) -> Tables {
    Tables::open(&RunReader::open(folder).unwrap()).unwrap()
}

fn read_steps(tables: &Tables, query: &StepQuery) -> Vec<Owned> {
    let mut steps = Vec::new();
    tables
        .for_each_step(query, &mut |step: &Step<'_>| {
            steps.push(Owned::of(step));
            ControlFlow::Continue(())
        })
        .unwrap();
    steps
}

fn random_steps(random: &mut Random, count: u64) -> Vec<Owned> {
    (0..count).map(|seq| random.step(seq)).collect()
}

fn check_world(found: &World, expect: &World) {
    assert_eq!(found.clock, expect.clock);
    assert_eq!(found.processes, expect.processes);
    assert_eq!(found.sessions, expect.sessions);
    assert_eq!(found.resources, expect.resources);
    assert_eq!(found.descriptors, expect.descriptors);
    assert_eq!(found.accesses, expect.accesses);
    assert_eq!(found.links, expect.links);
}

fn check_samples(tables: &Tables, expect: &World) {
    assert_eq!(tables.samples().unwrap(), expect.samples);
}

/// The totals that are kept are those of the steps.
fn check_totals(tables: &Tables) {
    let mut fold = TotalsFold::default();
    tables
        .for_each_step(&StepQuery::all(), &mut |step: &Step<'_>| {
            fold.add(step);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(tables.totals().unwrap(), Some(fold.totals()));
}

#[test]
fn everything_comes_back_as_it_went_in() {
    for seed in 0..100 {
        let mut random = Random(seed);
        let size = u32::try_from(random.below(40)).unwrap();
        let world = random.world(size);
        let count = random.below(300) + 1;
        let steps = random_steps(&mut random, count);
        let folder = tempfile::tempdir().unwrap();
        write_run(folder.path(), &steps, &world);
        let tables = open(folder.path());
        assert_eq!(read_steps(&tables, &StepQuery::all()), steps, "seed {seed}");
        check_world(&tables.world().unwrap(), &world);
        check_samples(&tables, &world);
        check_totals(&tables);
    }
}

#[test]
fn many_row_groups_come_back_and_are_the_same_bytes_when_made_again() {
    let mut random = Random(7);
    let world = random.world(50);
    let mut steps = random_steps(&mut random, 5000);
    // More than one row group, cheaply.
    steps = (0..300_000u64)
        .map(|seq| Owned {
            seq,
            ..steps[usize::try_from(seq % 5000).unwrap()].clone()
        })
        .collect();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let manifest = write_run(first.path(), &steps, &world);
    assert_eq!(
        write_run(second.path(), &steps, &world).tables,
        manifest.tables
    );
    assert_eq!(manifest.tables["events"].rows, 300_000);
    for name in NAMES {
        let read = |folder: &Path| fs::read(table_path(folder, name)).unwrap();
        assert!(read(first.path()) == read(second.path()), "{name}");
    }
    assert!(read_steps(&open(first.path()), &StepQuery::all()) == steps);
}

#[test]
fn a_query_gives_the_steps_that_it_asks_for() {
    let mut random = Random(1);
    let mut steps = random_steps(&mut random, 1000);
    steps = (0..200_000u64)
        .map(|seq| Owned {
            seq,
            time_ns: i64::try_from(seq).unwrap() * 10,
            ..steps[usize::try_from(seq % 1000).unwrap()].clone()
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &steps, &World::default());
    let tables = open(folder.path());
    let query = StepQuery {
        since_ns: Some(1_500_000),
        until_ns: Some(1_500_100),
        ..StepQuery::default()
    };
    let mut expect = steps[150_000..150_010].to_vec();
    for step in &mut expect {
        step.args.clear();
    }
    assert_eq!(read_steps(&tables, &query), expect);
    let query = StepQuery {
        from_seq: 199_999,
        ..StepQuery::all()
    };
    assert_eq!(read_steps(&tables, &query), steps[199_999..]);
    let mut seen = 0;
    tables
        .for_each_step(&StepQuery::default(), &mut |_| {
            seen += 1;
            if seen == 5 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
    assert_eq!(seen, 5);
}

#[test]
fn an_empty_run_has_tables() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &[], &World::default());
    let tables = open(folder.path());
    assert_eq!(tables.events(), 0);
    assert!(read_steps(&tables, &StepQuery::all()).is_empty());
    check_world(&tables.world().unwrap(), &World::default());
}

#[test]
fn a_run_without_tables_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunWriter::create(folder.path(), Manifest::new("x")).unwrap();
    run.close(&Closing::default()).unwrap();
    let error = Tables::open(&RunReader::open(folder.path()).unwrap()).unwrap_err();
    assert!(matches!(error, StoreError::NoTable { .. }), "{error}");
}

#[test]
fn tables_of_another_format_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = write_run(folder.path(), &[], &World::default());
    let older = Manifest {
        format: 1,
        ..manifest
    };
    older.write(folder.path()).unwrap();
    let error = Tables::open(&RunReader::open(folder.path()).unwrap()).unwrap_err();
    assert!(
        matches!(error, StoreError::Version { found: 1, .. }),
        "{error}"
    );
    assert!(error.hint().is_some());
}

/// Opens tables whose checksum fits although they were changed, as somebody who means harm would make them.
fn open_forged(folder: &Path, name: &str) -> Tables {
    let mut tables = open(folder);
    let (crc32c, bytes) = crate::files::checksum(&table_path(folder, name)).unwrap();
    let info = tables.infos.get_mut(name).unwrap();
    (info.crc32c, info.bytes) = (crc32c, bytes);
    tables
}

#[test]
fn tables_of_a_version_without_totals_have_none() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &[], &World::default());
    let mut tables = open(folder.path());
    assert_eq!(tables.totals().unwrap(), Some(Totals::default()));
    tables.infos.remove("failures");
    assert_eq!(tables.totals().unwrap(), None);
}

#[test]
fn changed_tables_are_refused_by_their_checksum() {
    let mut random = Random(9);
    let world = random.world(10);
    let steps = random_steps(&mut random, 100);
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &steps, &world);
    let tables = open(folder.path());
    for name in NAMES {
        let path = table_path(folder.path(), name);
        let whole = fs::read(&path).unwrap();
        for _ in 0..20 {
            let mut bytes = whole.clone();
            let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
            bytes[at] ^= 1 << random.below(8);
            fs::write(&path, &bytes).unwrap();
            let failed = match name {
                "events" => tables
                    .for_each_step(&StepQuery::all(), &mut |_| ControlFlow::Continue(()))
                    .is_err(),
                "samples" => tables.samples().is_err(),
                "totals" | "failures" => tables.totals().is_err(),
                _ => tables.world().is_err(),
            };
            assert!(failed, "{name} {at}");
        }
        fs::write(&path, &whole).unwrap();
    }
    check_world(&tables.world().unwrap(), &world);
}

#[test]
fn forged_tables_end_in_an_error_and_nothing_worse() {
    let mut random = Random(10);
    let world = random.world(5);
    let steps = random_steps(&mut random, 50);
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &steps, &world);
    for name in ["events", "strings", "accesses", "processes"] {
        let path = table_path(folder.path(), name);
        let whole = fs::read(&path).unwrap();
        for _ in 0..250 {
            let mut bytes = whole.clone();
            let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
            bytes[at] = random.next().to_le_bytes()[0];
            fs::write(&path, &bytes).unwrap();
            let tables = open_forged(folder.path(), name);
            // What comes out may be wrong values; it is no crash, no hang, no huge allocation.
            drop(tables.world());
            drop(tables.for_each_step(&StepQuery::all(), &mut |_| ControlFlow::Continue(())));
        }
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_footer_longer_than_the_file_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &[], &World::default());
    let path = table_path(folder.path(), "links");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 8;
    bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    match open_forged(folder.path(), "links").world().unwrap_err() {
        StoreError::Limit { limit, .. } => assert_eq!(limit, "length of the footer"),
        error => panic!("{error}"),
    }
    fs::write(&path, b"PAR1").unwrap();
    let error = open_forged(folder.path(), "links").world().unwrap_err();
    assert!(error.to_string().contains("too short"), "{error}");
}

#[test]
fn rows_that_the_manifest_does_not_know_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &[], &Random(3).world(4));
    let mut tables = open(folder.path());
    tables.infos.get_mut("links").unwrap().rows = 5;
    let error = tables.world().unwrap_err();
    assert!(error.to_string().contains("has 4 rows"), "{error}");
}

#[test]
fn a_table_with_other_columns_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &[], &Random(3).world(4));
    fs::copy(
        table_path(folder.path(), "sessions"),
        table_path(folder.path(), "links"),
    )
    .unwrap();
    let mut tables = open_forged(folder.path(), "links");
    tables.infos.get_mut("links").unwrap().rows = 8;
    let error = tables.world().unwrap_err();
    assert!(error.to_string().contains("other columns"), "{error}");
}

#[test]
fn a_run_without_the_newest_columns_is_read() {
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    let folder = tempfile::tempdir().unwrap();
    let mut world = Random(3).world(4);
    write_run(folder.path(), &[], &world);
    let path = table_path(folder.path(), "resources");
    let file = fs::File::open(&path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let first: Vec<usize> = (0..11).collect();
    let batches: Vec<_> = reader
        .build()
        .unwrap()
        .map(|batch| batch.unwrap().project(&first).unwrap())
        .collect();
    let file = fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batches[0].schema(), None).unwrap();
    for batch in &batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
    for resource in &mut world.resources {
        resource.content = None;
    }
    let read = open_forged(folder.path(), "resources").world().unwrap();
    assert_eq!(read.resources, world.resources);
}

#[test]
fn metadata_over_a_limit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &[], &Random(3).world(20));
    let tables = open(folder.path());
    let info = tables.infos["links"];
    let table = tables.table(TableId::Links).unwrap();
    let enough = Limits {
        row_groups: 1,
        row_group_rows: 20,
        column_bytes: 10_000,
    };
    table.check(TableId::Links, &info, &enough).unwrap();
    for (limits, expect) in [
        (
            Limits {
                row_groups: 0,
                ..enough
            },
            "number of row groups",
        ),
        (
            Limits {
                row_group_rows: 19,
                ..enough
            },
            "rows of a row group",
        ),
        (
            Limits {
                column_bytes: 10,
                ..enough
            },
            "bytes of a column",
        ),
    ] {
        match table.check(TableId::Links, &info, &limits).unwrap_err() {
            StoreError::Limit { limit, .. } => assert_eq!(limit, expect),
            error => panic!("{error}"),
        }
    }
}

#[test]
fn long_arguments_come_back() {
    let mut random = Random(11);
    let mut steps = random_steps(&mut random, 6);
    for (step, fill) in steps.iter_mut().zip(0u8..) {
        // As random as compression does not like it, over the size of a batch, over that of a row group together.
        step.args = (0..750_000)
            .flat_map(|_| random.next().to_le_bytes())
            .collect();
        step.args.push(fill);
    }
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &steps, &World::default());
    assert!(read_steps(&open(folder.path()), &StepQuery::all()) == steps);
}
