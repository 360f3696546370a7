//! What another column or table says already is not written, and comes back.

use arrow_array::Array as _;
use unspool_model::event::Outcome;
use unspool_model::step::StepSink as _;
use unspool_model::world::{Descriptor, Session, World};

use super::{Random, TableId, TableWriter, check_world, open, read_steps};
use crate::tables::{StepQuery, Tables};
use crate::{Closing, Manifest, RawPolicy, RunWriter};

/// Rows in which a column is null.
fn absent(tables: &Tables, id: TableId, column: &str) -> usize {
    let mut absent = 0;
    tables
        .each(id, |_, batch| {
            absent += batch
                .column_by_name(column)
                .expect("it is a column")
                .null_count();
            Ok(())
        })
        .unwrap();
    absent
}

/// Sessions with one descriptor each, made so that both are alike in what the index says.
fn lives(random: &mut Random) -> World {
    let mut world = random.world(8);
    let of = |at: usize, session: &Session, mut descriptor: Descriptor| {
        descriptor.session = session.id;
        if at > 0 {
            descriptor.traffic = session.traffic;
        }
        if at > 1 {
            descriptor.opened_ns = session.opened_ns;
        }
        if at > 2 {
            descriptor.closed_ns = session.closed_ns;
        }
        descriptor
    };
    let mut sessions: Vec<Session> = world
        .sessions
        .iter()
        .flatten()
        .map(|it| *it.clone())
        .collect();
    sessions.truncate(world.descriptors.len());
    sessions[3].closed_ns = None;
    sessions[4].closed_ns = Some(17);
    let descriptors = std::mem::take(&mut world.descriptors);
    world.descriptors = (sessions.iter().zip(descriptors).enumerate())
        .map(|(at, (session, descriptor))| of(at, session, descriptor))
        .collect();
    world.descriptors[5].closed_ns = None;
    sessions[5].closed_ns = Some(18);
    for (at, access) in world.accesses.iter_mut().enumerate() {
        if at % 2 == 0 {
            access.last_ns = access.first_ns;
        }
    }
    world.sessions = sessions.into_iter().map(|it| Some(Box::new(it))).collect();
    world
}

#[test]
fn of_descriptors_accesses_and_results() {
    let mut random = Random(21);
    let world = lives(&mut random);
    let mut steps: Vec<_> = (0..4).map(|seq| random.step(seq)).collect();
    let bytes = [Some(5), Some(5), None, Some(u64::MAX)];
    let outcomes = [5, 6, 0, -1].map(Outcome::Returned);
    for ((step, bytes), outcome) in steps.iter_mut().zip(bytes).zip(outcomes) {
        step.outcome = outcome;
        step.touch = Some(random.touch());
        if let Some(touch) = &mut step.touch {
            touch.bytes = bytes;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let run = RunWriter::create(folder.path(), Manifest::new("20261121-042731-7f3a")).unwrap();
    let mut writer = TableWriter::create(folder.path()).unwrap();
    for step in &steps {
        writer.step(&step.step(), &world);
    }
    for process in world.iter_processes() {
        writer.process(process);
    }
    // As the tracker does: the last descriptor that is closed, then its session.
    for (session, descriptor) in world.sessions.iter().flatten().zip(&world.descriptors) {
        writer.descriptor(descriptor);
        writer.session(session);
    }
    world
        .accesses
        .iter()
        .for_each(|access| writer.access(access));
    world.links.iter().for_each(|link| writer.link(link));
    world
        .resources
        .iter()
        .for_each(|resource| writer.resource(resource));
    let closing = Closing {
        tables: Some(writer.finish().unwrap()),
        raw: RawPolicy::Keep,
    };
    run.close(&closing).unwrap();

    let tables = open(folder.path());
    check_world(&tables.world().unwrap(), &world);
    assert_eq!(read_steps(&tables, &StepQuery::all()), steps);
    assert_eq!(world.descriptors.len(), 8);
    assert_eq!(absent(&tables, TableId::Descriptors, "bytes_read"), 7);
    assert_eq!(absent(&tables, TableId::Descriptors, "opened_sub_ns"), 6);
    let sessions = world.sessions.iter().flatten();
    let alike = sessions
        .zip(&world.descriptors)
        .filter(|(session, descriptor)| session.closed_ns == descriptor.closed_ns)
        .count();
    assert!((4..8).contains(&alike), "{alike}");
    assert_eq!(
        absent(&tables, TableId::Descriptors, "closed_sub_ns"),
        alike
    );
    assert_eq!(
        absent(&tables, TableId::Accesses, "last_sub_ns"),
        world.accesses.len().div_ceil(2)
    );
    assert_eq!(absent(&tables, TableId::Events, "ret"), 1);
}
