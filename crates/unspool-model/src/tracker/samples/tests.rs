//! Samples and control groups find the right life.

use super::super::{Retention, TrackContext, Tracker};
use crate::event::{Event, Exec, ExitStatus, Fork, Group, Kind, ProcessState, Strings};
use crate::ids::{Pid, ProcessId, Tid};
use crate::sample::{SampleEvent, Subject, Usage};
use crate::step::{Step, StepSink};
use crate::world::World;

struct Nobody;

impl StepSink for Nobody {
    fn step(&mut self, _: &Step<'_>, _: &World) {}
}

fn sample(subject: Subject<'_>, cpu_ns: u64) -> Kind<'_> {
    Kind::Sample(SampleEvent {
        subject,
        duration_ns: 10,
        is_last: false,
        usage: Usage {
            cpu_ns: Some(cpu_ns),
            ..Usage::default()
        },
    })
}

fn fork(child: u32) -> Kind<'static> {
    Kind::Fork(Fork {
        child: Tid(child),
        child_pid: Pid(child),
        flags: 0,
    })
}

#[test]
fn a_sample_belongs_to_the_latest_life_of_its_pid_even_when_that_ended() {
    let mut tracker = Tracker::new(Retention::All, TrackContext::default());
    let root = Kind::Process(ProcessState {
        pid: Pid(1),
        parent: Pid(0),
        start_ns: None,
        exe: b"/bin/sh",
        argv: Strings::default(),
        env: Strings::default(),
        cwd: b"/",
        user: None,
        group: Group {
            path: Some(b"/system.slice/a.service"),
            container: b"",
        },
        fds: &[],
    });
    let group = Group {
        path: Some(b"/docker/x"),
        container: b"web",
    };
    let exec = Kind::Exec(Exec {
        pid: Pid(2),
        caller: Tid(2),
        exe: b"/bin/true",
        argv: Strings::default(),
        env: Strings::default(),
        cwd: b"/",
        user: None,
        group,
    });
    let events = [
        (1, 0, root),
        (1, 10, fork(2)),
        (2, 20, sample(Subject::Process(Pid(2)), 1)),
        (2, 20, exec),
        (2, 30, Kind::Exit(ExitStatus::Exited(0))),
        (2, 25, sample(Subject::Process(Pid(2)), 2)),
        (1, 40, fork(2)),
        (2, 50, sample(Subject::Process(Pid(2)), 3)),
        (0, 50, sample(Subject::Process(Pid(99)), 4)),
        (0, 50, sample(Subject::Group(b"/docker/x"), 5)),
        (0, 50, sample(Subject::Machine, 6)),
    ];
    for (tid, time_ns, kind) in events {
        let tid = (tid != 0).then_some(Tid(tid));
        tracker.event(&Event { time_ns, tid, kind }, &mut Nobody);
    }
    tracker.finish(&mut Nobody);
    // Root's state, two forks, an exec, an exit; samples are no steps.
    assert_eq!(tracker.steps(), 4);
    let world = tracker.world();
    let found: Vec<(Option<u32>, &[u8], Option<u64>)> = world
        .samples
        .iter()
        .map(|sample| {
            (
                sample.process.map(|process| process.0),
                sample.group.as_slice(),
                sample.usage.cpu_ns,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (Some(1), &b""[..], Some(1)),
            (Some(1), b"", Some(2)),
            (Some(2), b"", Some(3)),
            (None, b"/docker/x", Some(5)),
            (None, b"", Some(6)),
        ]
    );
    // Inherited at fork, replaced at exec.
    let group_of = |id| &world.process(ProcessId(id)).expect("kept").group;
    assert_eq!(group_of(0), b"/system.slice/a.service");
    assert_eq!(group_of(1), b"/docker/x");
    assert_eq!(group_of(2), b"/system.slice/a.service");
    assert_eq!(
        world.process(ProcessId(1)).expect("kept").container_name,
        b"web"
    );
}
