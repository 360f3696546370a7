//! Tests of the catalogue.

use super::{FIELDS, FieldKind, Value, by_name, markdown};
use crate::event::{Errno, Outcome};
use crate::ids::{Fd, Pid, ProcessId, ResourceId, Tid};
use crate::step::{Action, Step, StepArgs, StepKind, Touch};
use crate::world::{Image, Process, Resource, ResourceKind, SocketName, World};

fn world() -> World {
    let mut world = World::default();
    world.processes.push(Some(Box::new(Process {
        id: ProcessId(0),
        pid: Pid(7),
        parent: None,
        start_ns: 100,
        attached: false,
        end_ns: Some(400),
        exit: None,
        images: vec![Image {
            exe: b"/bin/cat".to_vec(),
            argv: vec![b"cat".to_vec(), b"-n".to_vec(), b"x".to_vec()],
            cwd: b"/home".to_vec(),
            ..Image::default()
        }],
        cwd: b"/".to_vec(),
        user: Some(1000),
        group: b"/kubepods.slice/kubepods-pod8a6d2c1e_0b3f_4d5a_9e7c_1f2a3b4c5d6e.slice/crio-5f3a9c0e7b1d.scope".to_vec(),
        container_name: b"web".to_vec(),
        threads: 1,
        events: 1,
        failed_calls: 0,
    })));
    for (name, socket) in [
        ("/etc/passwd", None),
        (
            "TCP:[127.0.0.1:4711->[::1]:80]",
            Some(SocketName {
                protocol: "TCP".to_owned(),
                local: b"127.0.0.1:4711".to_vec(),
                remote: b"[::1]:80".to_vec(),
            }),
        ),
    ] {
        world.resources.push(Resource {
            id: ResourceId(u32::try_from(world.resources.len()).unwrap()),
            kind: if socket.is_some() {
                ResourceKind::Socket
            } else {
                ResourceKind::File
            },
            name: name.as_bytes().to_vec(),
            category: crate::category::Category::of(name.as_bytes()),
            socket,
            created: false,
            modified: false,
            deleted: false,
            content: None,
        });
    }
    world
}

fn step(resource: u32) -> Step<'static> {
    Step {
        seq: 5,
        time_ns: 200,
        duration_ns: Some(30),
        process: ProcessId(0),
        pid: Pid(7),
        tid: Tid(8),
        kind: StepKind::Syscall,
        name: b"openat",
        syscall: None,
        args: StepArgs::Text(b"AT_FDCWD, \"x\""),
        outcome: Outcome::Failed(Errno::ENOENT),
        exit: None,
        touch: Some(Touch {
            action: Action::Open,
            fd: Some(Fd(3)),
            session: None,
            resource: Some(ResourceId(resource)),
            bytes: None,
            claimed: true,
        }),
        second: None,
    }
}

#[track_caller]
fn check(name: &str, resource: u32, expect: Value<'_>) {
    let world = world();
    let mut scratch = Vec::new();
    let field = by_name(name).expect("the field exists");
    assert_eq!((field.get)(&step(resource), &world, &mut scratch), expect);
}

#[test]
fn values_of_a_failed_open() {
    check("evt.type", 0, Value::Text(b"openat"));
    check("evt.res", 0, Value::Text(b"ENOENT"));
    check("evt.rawres", 0, Value::Int(-2));
    check("evt.failed", 0, Value::Flag(true));
    check("evt.args", 0, Value::Text(b"AT_FDCWD, \"x\""));
    check("evt.bytes", 0, Value::Absent);
    check("proc.name", 0, Value::Text(b"cat"));
    check("proc.exe", 0, Value::Text(b"cat"));
    check("proc.cmdline", 0, Value::Text(b"cat -n x"));
    check("proc.args", 0, Value::Text(b"-n x"));
    check("proc.cwd", 0, Value::Text(b"/home"));
    check("proc.ppid", 0, Value::Absent);
    check("proc.duration", 0, Value::Int(300));
    check("fd.directory", 0, Value::Text(b"/etc"));
    check("fd.filename", 0, Value::Text(b"passwd"));
    check("fd.typechar", 0, Value::Text(b"f"));
    check("fd.port", 0, Value::Absent);
}

#[test]
fn values_of_a_socket() {
    check("fd.lip", 1, Value::Text(b"127.0.0.1"));
    check("fd.ip", 1, Value::Text(b"::1"));
    check("fd.lport", 1, Value::Int(4711));
    check("fd.port", 1, Value::Int(80));
    check("fd.typechar", 1, Value::Text(b"4"));
    check("fd.filename", 1, Value::Absent);
}

/// No name twice, every value of the kind that the catalogue says, every field on the page.
#[test]
fn every_field_keeps_its_word() {
    let world = world();
    let page = markdown();
    let mut names = std::collections::BTreeSet::new();
    for field in FIELDS {
        for name in std::iter::once(&field.name).chain(field.aliases) {
            assert!(names.insert(*name), "{name} twice");
        }
        assert!(page.contains(&format!("| `{}` |", field.name)));
        for resource in [0, 1] {
            let mut scratch = Vec::new();
            let fits = match (field.get)(&step(resource), &world, &mut scratch) {
                Value::Absent => true,
                Value::Text(_) => field.kind == FieldKind::Text,
                Value::Flag(_) => field.kind == FieldKind::Flag,
                Value::Int(_) => !matches!(field.kind, FieldKind::Text | FieldKind::Flag),
            };
            assert!(fits, "{}", field.name);
        }
    }
}

#[test]
fn values_of_a_container() {
    check("container.id", 0, Value::Text(b"5f3a9c0e7b1d"));
    check("container.runtime", 0, Value::Text(b"cri-o"));
    check("container.name", 0, Value::Text(b"web"));
    check(
        "k8s.pod.uid",
        0,
        Value::Text(b"8a6d2c1e-0b3f-4d5a-9e7c-1f2a3b4c5d6e"),
    );
    check("k8s.pod.qos", 0, Value::Text(b"guaranteed"));
    check("systemd.unit", 0, Value::Text(b"crio-5f3a9c0e7b1d.scope"));
}
