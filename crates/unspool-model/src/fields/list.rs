//! The fields, one row each.

use super::{Field, FieldKind, Get, Value};
use crate::event::{ExitStatus, Outcome};
use crate::step::{Step, StepKind, Touch};
use crate::world::{Image, Process, Resource, ResourceKind, World};

const fn field(
    name: &'static str,
    aliases: &'static [&'static str],
    kind: FieldKind,
    doc: &'static str,
    get: Get,
) -> Field {
    Field {
        name,
        aliases,
        kind,
        doc,
        get,
    }
}

use FieldKind::{Bytes, Duration, Flag, Number, Text, Time};

/// Every field.
#[rustfmt::skip]
pub static FIELDS: &[Field] = &[
    field("evt.num", &["evt.seq"], Number, "Number of the event in the run, from 0.", |step, _, _| Value::int(step.seq)),
    field("evt.time", &["evt.rawtime", "evt.rawtime.ns"], Time, "Start of the event in nanoseconds of the run's clock.", |step, _, _| Value::Int(step.time_ns)),
    field("evt.latency", &["evt.duration"], Duration, "How long the call took.", |step, _, _| Value::int_or_absent(step.duration_ns)),
    field("evt.kind", &[], Text, "Kind of event: `syscall`, `library`, `signal`, `exec`, `fork`, `exit`, ...", |step, _, _| Value::Text(step.kind.name().as_bytes())),
    field("evt.type", &["evt.name", "syscall.type"], Text, "Name of the call, function or signal.", |step, _, _| Value::text(step.name)),
    field("evt.category", &[], Text, "What the system call is about: `file`, `network`, `process`, `memory`, ...", |step, _, _| step.syscall.map_or(Value::Absent, |call| Value::Text(call.category().name().as_bytes()))),
    field("evt.args", &["evt.info"], Text, "Arguments as strace prints them.", evt_args),
    field("evt.res", &[], Text, "`SUCCESS`, or the name of the error: `ENOENT`.", evt_res),
    field("evt.rawres", &[], Number, "Value that the call returned; the error as a negative number.", evt_rawres),
    field("evt.failed", &[], Flag, "Whether the call failed.", |step, _, _| Value::Flag(step.outcome.failed().is_some())),
    field("evt.bytes", &[], Bytes, "Bytes that the call moved, as the kernel returned them.", |step, _, _| Value::int_or_absent(first(step).and_then(|touch| touch.bytes))),
    field("evt.action", &["fd.action"], Text, "What the event did to the resource: `open`, `read`, `connect`, `delete`, ...", |step, _, _| first(step).map_or(Value::Absent, |touch| Value::Text(touch.action.name().as_bytes()))),
    field("evt.is_io_read", &[], Flag, "Whether bytes came from the resource to the process.", |step, _, _| Value::Flag(first(step).is_some_and(|touch| touch.action.is_input()))),
    field("evt.is_io_write", &[], Flag, "Whether bytes went from the process to the resource.", |step, _, _| Value::Flag(first(step).is_some_and(|touch| touch.action.is_output()))),
    field("proc.id", &[], Number, "Our id of the process life, which no other life of the same pid has.", |step, _, _| Value::int(step.process.0)),
    field("proc.pid", &[], Number, "Process id.", |step, _, _| Value::int(step.pid.0)),
    field("thread.tid", &[], Number, "Thread id.", |step, _, _| Value::int(step.tid.0)),
    field("proc.name", &[], Text, "Last component of the executable's path.", |step, world, _| image(step, world).map_or(Value::Absent, |image| Value::text(image.name()))),
    field("proc.exe", &[], Text, "First argument of the process: `argv[0]`.", |step, world, _| image(step, world).and_then(|image| image.argv.first()).map_or(Value::Absent, |arg| Value::text(arg))),
    field("proc.exepath", &[], Text, "Path of the executable.", |step, world, _| image(step, world).map_or(Value::Absent, |image| Value::text(&image.exe))),
    field("proc.cmdline", &[], Text, "All arguments, joined by spaces.", |step, world, scratch| joined(image(step, world), 0, scratch)),
    field("proc.args", &[], Text, "Arguments after the first, joined by spaces.", |step, world, scratch| joined(image(step, world), 1, scratch)),
    field("proc.cwd", &[], Text, "Working directory when its image began to run.", proc_cwd),
    field("proc.ppid", &[], Number, "Process id of its parent.", |step, world, _| Value::int_or_absent(parent(step, world).map(|parent| parent.pid.0))),
    field("proc.pname", &[], Text, "Name of its parent.", |step, world, _| parent(step, world).map_or(Value::Absent, |parent| Value::text(parent.name_at(step.seq)))),
    field("proc.pcmdline", &[], Text, "Arguments of its parent, joined by spaces.", |step, world, scratch| joined(parent(step, world).and_then(|parent| parent.image_at(step.seq)), 0, scratch)),
    field("proc.nthreads", &[], Number, "Threads that it had over its life.", |step, world, _| Value::int_or_absent(process(step, world).map(|process| process.threads))),
    field("proc.exit", &[], Number, "Exit status of the process.", |step, world, _| match process(step, world).and_then(|process| process.exit) { Some(ExitStatus::Exited(code)) => Value::int(code), _ => Value::Absent }),
    field("proc.signal", &[], Number, "Signal that ended the process.", |step, world, _| match process(step, world).and_then(|process| process.exit) { Some(ExitStatus::Killed { signal, .. }) => Value::int(signal), _ => Value::Absent }),
    field("proc.duration", &[], Duration, "How long the process lived.", |step, world, _| Value::int_or_absent(process(step, world).and_then(|process| process.end_ns?.checked_sub(process.start_ns)))),
    field("user.uid", &[], Number, "User id of the process.", |step, world, _| Value::int_or_absent(process(step, world).and_then(|process| process.user))),
    field("cgroup.path", &["proc.cgroup"], Text, "Path of the process's control group.", |step, world, _| process(step, world).map_or(Value::Absent, |process| Value::text(&process.group))),
    field("container.id", &[], Text, "Id of its container, as far as the path of its control group tells; of LXC and nspawn the name.", |step, world, _| process(step, world).map_or(Value::Absent, |process| Value::text(process.placement().container_id))),
    field("container.runtime", &["container.type"], Text, "What runs its container: `docker`, `containerd`, `cri-o`, `podman`, `kubernetes` (unknown which), `lxc`, `nspawn`.", |step, world, _| process(step, world).and_then(|process| process.placement().runtime).map_or(Value::Absent, |runtime| Value::text(runtime.name().as_bytes()))),
    field("container.name", &[], Text, "Name of its container, where the runtime's files on this machine tell.", |step, world, _| process(step, world).map_or(Value::Absent, |process| Value::text(&process.container_name))),
    field("k8s.pod.uid", &[], Text, "Uid of its Kubernetes pod.", pod_uid),
    field("k8s.pod.qos", &[], Text, "Class of service of its pod: `guaranteed`, `burstable`, `besteffort`.", |step, world, _| process(step, world).map_or(Value::Absent, |process| Value::text(process.placement().quality.as_bytes()))),
    field("systemd.unit", &[], Text, "Innermost service or scope of systemd that it belongs to.", |step, world, _| process(step, world).map_or(Value::Absent, |process| Value::text(process.placement().unit))),
    field("systemd.slice", &[], Text, "Innermost slice of systemd.", |step, world, _| process(step, world).map_or(Value::Absent, |process| Value::text(process.placement().slice))),
    field("fd.num", &[], Number, "Descriptor that the event used or got.", |step, _, _| Value::int_or_absent(first(step).and_then(|touch| touch.fd).map(|fd| fd.0))),
    field("fd.name", &["fs.path.name"], Text, "Name of the resource: path, `pipe:[1]`, `TCP:[a->b]`.", |step, world, _| resource(step, world).map_or(Value::Absent, |resource| Value::text(&resource.name))),
    field("fd.name2", &["fs.path.target"], Text, "Name of the second resource: the new name of a rename, the output of sendfile.", |step, world, _| step.second.and_then(|touch| world.resource(touch.resource?)).map_or(Value::Absent, |resource| Value::text(&resource.name))),
    field("fd.filename", &[], Text, "Last component of the resource's path.", |step, world, _| path(step, world).map_or(Value::Absent, |path| Value::text(path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)))),
    field("fd.directory", &[], Text, "Folder of the resource's path.", |step, world, _| path(step, world).map_or(Value::Absent, directory)),
    field("fd.type", &[], Text, "Kind of resource: `file`, `directory`, `device`, `pipe`, `socket`, `anonymous`, `memory`, `process`.", |step, world, _| resource(step, world).map_or(Value::Absent, |resource| Value::Text(resource.kind.name().as_bytes()))),
    field("fd.typechar", &[], Text, "Kind of resource in sysdig's letters: `f` file, `d` directory, `4` `6` internet socket, `u` unix socket, `p` pipe, `o` other.", |step, world, _| resource(step, world).map_or(Value::Absent, |resource| Value::Text(type_letter(resource)))),
    field("fd.category", &[], Text, "Category of the resource for people, `Shared libraries`, `Others`.", |step, world, _| resource(step, world).map_or(Value::Absent, |resource| Value::Text(resource.category.name().as_bytes()))),
    field("fd.session", &[], Number, "Our id of the open file description.", |step, _, _| Value::int_or_absent(first(step).and_then(|touch| touch.session).map(|session| session.0))),
    field("fd.claimed", &[], Flag, "Whether the name is only a claim, read from user memory.", |step, _, _| first(step).map_or(Value::Absent, |touch| Value::Flag(touch.claimed))),
    field("fd.l4proto", &["fd.protocol"], Text, "Protocol of the socket: `TCP`, `UDPv6`, `UNIX`.", |step, world, _| socket(step, world).map_or(Value::Absent, |name| Value::text(name.protocol.as_bytes()))),
    field("fd.local", &[], Text, "Own address of the socket, with its port.", |step, world, _| socket(step, world).map_or(Value::Absent, |name| Value::text(&name.local))),
    field("fd.remote", &[], Text, "Other end's address of the socket, with its port.", |step, world, _| socket(step, world).map_or(Value::Absent, |name| Value::text(&name.remote))),
    field("fd.ip", &["fd.rip"], Text, "Other end's address without port; own address of a socket without other end.", |step, world, _| socket(step, world).map_or(Value::Absent, |name| Value::text(split_port(far_end(name)).0))),
    field("fd.lip", &[], Text, "Own address without port.", |step, world, _| socket(step, world).map_or(Value::Absent, |name| Value::text(split_port(&name.local).0))),
    field("fd.port", &[], Number, "Other end's port; own port of a socket without other end.", |step, world, _| socket(step, world).map_or(Value::Absent, |name| Value::int_or_absent(split_port(far_end(name)).1))),
    field("fd.lport", &[], Number, "Own port.", |step, world, _| socket(step, world).map_or(Value::Absent, |name| Value::int_or_absent(split_port(&name.local).1))),
    field("fd.rport", &[], Number, "Other end's port.", |step, world, _| socket(step, world).map_or(Value::Absent, |name| Value::int_or_absent(split_port(&name.remote).1))),
    field("sql.text", &[], Text, "First SQL statement in the data that the call moved; needs `--payload`.", |step, _, scratch| super::data::sql(step, scratch, super::data::SqlPart::Text)),
    field("sql.template", &[], Text, "The same without its literals.", |step, _, scratch| super::data::sql(step, scratch, super::data::SqlPart::Template)),
    field("sql.dialect", &[], Text, "Whose message it stood in: `mysql`, `postgresql`, `oracle`, `sqlite`, `text`.", |step, _, scratch| super::data::sql(step, scratch, super::data::SqlPart::Dialect)),
    field("http.method", &[], Text, "Method of the HTTP/1 request in the data that the call moved; needs `--payload`.", |step, _, scratch| super::data::http(step, scratch, super::data::HttpPart::Method)),
    field("http.route", &[], Text, "Its target without query, with `{id}` for what names one thing.", |step, _, scratch| super::data::http(step, scratch, super::data::HttpPart::Route)),
    field("http.host", &[], Text, "Its header `Host`.", |step, _, scratch| super::data::http(step, scratch, super::data::HttpPart::Host)),
    field("http.status", &[], Number, "Status of the HTTP/1 response in the data that the call moved.", |step, _, scratch| super::data::status(step, scratch)),
];

fn first(step: &Step<'_>) -> Option<Touch> {
    step.touch
}

fn process<'a>(step: &Step<'_>, world: &'a World) -> Option<&'a Process> {
    world.process(step.process)
}

fn parent<'a>(step: &Step<'_>, world: &'a World) -> Option<&'a Process> {
    world.process(process(step, world)?.parent?)
}

fn image<'a>(step: &Step<'_>, world: &'a World) -> Option<&'a Image> {
    process(step, world)?.image_at(step.seq)
}

fn resource<'a>(step: &Step<'_>, world: &'a World) -> Option<&'a Resource> {
    world.resource(first(step)?.resource?)
}

fn socket<'a>(step: &Step<'_>, world: &'a World) -> Option<&'a crate::world::SocketName> {
    resource(step, world)?.socket.as_ref()
}

fn path<'a>(step: &Step<'_>, world: &'a World) -> Option<&'a [u8]> {
    let name = &resource(step, world)?.name;
    name.starts_with(b"/").then_some(name.as_slice())
}

fn directory(path: &[u8]) -> Value<'_> {
    let Some(slash) = path.iter().rposition(|byte| *byte == b'/') else {
        return Value::Absent;
    };
    Value::text(path.get(..slash.max(1)).unwrap_or(path))
}

fn joined<'a>(image: Option<&Image>, from: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Some(argv) = image.and_then(|image| image.argv.get(from..)) else {
        return Value::Absent;
    };
    for (index, arg) in argv.iter().enumerate() {
        if index > 0 {
            scratch.push(b' ');
        }
        scratch.extend_from_slice(arg);
    }
    Value::text(scratch)
}

fn pod_uid<'a>(step: &Step<'a>, world: &'a World, scratch: &'a mut Vec<u8>) -> Value<'a> {
    if let Some(process) = process(step, world) {
        process.placement().pod_uid(scratch);
    }
    Value::text(scratch)
}

fn proc_cwd<'a>(step: &Step<'a>, world: &'a World, _: &'a mut Vec<u8>) -> Value<'a> {
    let Some(process) = process(step, world) else {
        return Value::Absent;
    };
    match process.image_at(step.seq) {
        Some(image) if !image.cwd.is_empty() => Value::Text(&image.cwd),
        _ => Value::text(&process.cwd),
    }
}

fn evt_args<'a>(step: &Step<'a>, _: &'a World, scratch: &'a mut Vec<u8>) -> Value<'a> {
    step.args.print(scratch);
    Value::text(scratch)
}

fn evt_res<'a>(step: &Step<'a>, _: &'a World, scratch: &'a mut Vec<u8>) -> Value<'a> {
    match step.outcome {
        Outcome::Returned(_) => Value::Text(b"SUCCESS"),
        Outcome::Failed(errno) => {
            match errno.name() {
                Some(name) => scratch.extend_from_slice(name.as_bytes()),
                None => scratch.extend_from_slice(errno.to_string().as_bytes()),
            }
            Value::Text(scratch)
        }
        Outcome::Unfinished | Outcome::Unknown => Value::Absent,
    }
}

fn evt_rawres<'a>(step: &Step<'a>, _: &'a World, _: &'a mut Vec<u8>) -> Value<'a> {
    match step.outcome {
        Outcome::Returned(value) => Value::Int(value),
        Outcome::Failed(errno) => Value::Int(-i64::from(errno.0)),
        Outcome::Unfinished | Outcome::Unknown => match (step.kind, step.exit) {
            (StepKind::Exit, Some(ExitStatus::Exited(code))) => Value::int(code),
            _ => Value::Absent,
        },
    }
}

fn type_letter(resource: &Resource) -> &'static [u8] {
    let protocol = resource.socket.as_ref().map_or("", |name| &name.protocol);
    match resource.kind {
        ResourceKind::File | ResourceKind::Device | ResourceKind::Memory => b"f",
        ResourceKind::Directory => b"d",
        ResourceKind::Pipe => b"p",
        ResourceKind::Socket if protocol.starts_with("UNIX") => b"u",
        ResourceKind::Socket if protocol.ends_with("v6") => b"6",
        ResourceKind::Socket if protocol.starts_with("TCP") || protocol.starts_with("UDP") => b"4",
        ResourceKind::Socket
        | ResourceKind::Anonymous
        | ResourceKind::Process
        | ResourceKind::Unknown => b"o",
    }
}

fn far_end(name: &crate::world::SocketName) -> &[u8] {
    if name.remote.is_empty() {
        &name.local
    } else {
        &name.remote
    }
}

/// `127.0.0.1:80` and `[::1]:80` in address and port; a path has no port.
fn split_port(address: &[u8]) -> (&[u8], Option<u16>) {
    if address.starts_with(b"/") || address.starts_with(b"@") {
        return (address, None);
    }
    let Some(colon) = address.iter().rposition(|byte| *byte == b':') else {
        return (address, None);
    };
    let port = address
        .get(colon + 1..)
        .and_then(|port| std::str::from_utf8(port).ok())
        .and_then(|port| port.parse().ok());
    let host = address.get(..colon).unwrap_or(address);
    let host = host
        .strip_prefix(b"[")
        .and_then(|host| host.strip_suffix(b"]"))
        .unwrap_or(host);
    (host, port)
}
