//! Connections and listening sockets, a row for each and process.

use std::ops::ControlFlow;

use unspool_model::report::{Cell, RowSink, Shape, Shown, Unit};
use unspool_model::step::{Action, Step};
use unspool_model::world::{Access, Resource, ResourceKind, SocketName, World};

use crate::accesses::Accesses;
use crate::{Analysis, ViewOptions, column, process_label, table};

/// Shape of the rows.
pub const SHAPE: Shape = table(
    "net",
    &[
        column("process", Unit::Number, Shown::Never, "Id of the process."),
        column("pid", Unit::Number, Shown::Never, "Process id."),
        column(
            "name",
            Unit::Text,
            Shown::Always,
            "Name and pid of the process.",
        ),
        column(
            "protocol",
            Unit::Text,
            Shown::Always,
            "`TCP`, `UDP`, `UNIX`, ...",
        ),
        column(
            "role",
            Unit::Text,
            Shown::Always,
            "`client`, `server`, `listen`, `bound`, `pair` or `unknown`.",
        ),
        column(
            "bytes_sent",
            Unit::Bytes,
            Shown::Always,
            "Bytes that it sent.",
        ),
        column(
            "bytes_received",
            Unit::Bytes,
            Shown::Always,
            "Bytes that it received.",
        ),
        column("failed", Unit::Count, Shown::Wide, "Calls that failed."),
        column(
            "error",
            Unit::Text,
            Shown::Wide,
            "Error of the last call that failed.",
        ),
        column("first_ns", Unit::Time, Shown::Wide, "First touch."),
        column("last_ns", Unit::Time, Shown::Wide, "Last touch."),
        column("local", Unit::Text, Shown::Always, "Own address."),
        column("remote", Unit::Text, Shown::Always, "Other end's address."),
    ],
);

/// Makes the view.
pub(crate) fn new(options: &ViewOptions) -> Box<dyn Analysis> {
    Box::new(Net {
        filtered: options.filtered,
        accesses: Accesses::default(),
    })
}

struct Net {
    filtered: bool,
    accesses: Accesses,
}

impl Analysis for Net {
    fn needs_sessions(&self) -> bool {
        false
    }

    fn step(&mut self, step: &Step<'_>, _: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        if self.filtered {
            self.accesses.add(step);
        }
        ControlFlow::Continue(())
    }

    fn rows(&mut self, world: &World, out: &mut dyn RowSink) -> Vec<String> {
        let accesses = self.accesses.of(world, self.filtered);
        let mut rows: Vec<(&Access, &SocketName)> = accesses
            .iter()
            .filter_map(|access| Some((access, socket(world.resource(access.resource)?)?)))
            .collect();
        rows.sort_by_key(|(access, _)| (access.first_ns, access.process, access.resource));
        for (access, name) in rows {
            if out.row(&cells(access, name, world)).is_break() {
                break;
            }
        }
        Vec::new()
    }
}

/// Name of a socket that talks to somebody or could; `None` for netlink and for sockets that nothing is known about.
pub(crate) fn socket(resource: &Resource) -> Option<&SocketName> {
    if resource.kind != ResourceKind::Socket {
        return None;
    }
    let name = resource.socket.as_ref()?;
    let has_end = !name.local.is_empty() || !name.remote.is_empty();
    (has_end && !name.protocol.starts_with("NETLINK")).then_some(name)
}

/// Part of the process in the connection.
pub(crate) fn role(access: &Access, name: &SocketName) -> &'static str {
    let did = |action| access.count(action) > 0;
    if did(Action::Listen) || did(Action::Accept) && name.remote.is_empty() {
        "listen"
    } else if did(Action::Connect)
        || access.failed > 0 && !name.remote.is_empty() && !did(Action::Accept)
    {
        "client"
    } else if did(Action::Accept)
        || did(Action::Open) && !name.remote.is_empty() && !name.local.is_empty()
    {
        "server"
    } else if did(Action::Bind) {
        "bound"
    } else {
        "unknown"
    }
}

fn cells(access: &Access, name: &SocketName, world: &World) -> Vec<Cell> {
    let pid = world.process(access.process).map(|process| process.pid.0);
    let error = access.last_error.map(|error| error.to_string());
    vec![
        Cell::int(access.process.0),
        Cell::int_or_null(pid),
        Cell::Text(process_label(world, access.process)),
        Cell::text(name.protocol.as_bytes()),
        Cell::text(role(access, name).as_bytes()),
        Cell::int(access.traffic.bytes_written),
        Cell::int(access.traffic.bytes_read),
        Cell::int(access.failed),
        error.map_or(Cell::Null, |error| Cell::text(error.as_bytes())),
        Cell::Int(access.first_ns),
        Cell::Int(access.last_ns),
        Cell::text(&name.local),
        Cell::text(&name.remote),
    ]
}
