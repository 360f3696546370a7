//! The summary of a run as objects of the Common Information Model: computer, processes, files. Classes and properties have
//! the names that dockit gave them, so that what reads its summaries reads these.
//!
//! Nothing is asked of this machine: what a log does not tell is not there, and a replay says what the recording said.

mod select;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use unspool_model::category::Category;
use unspool_model::event::ExitStatus;
use unspool_model::ids::ProcessId;
use unspool_model::map::Map;
use unspool_model::objects::{Accessed, Object, ObjectGroup, Value};
use unspool_model::payload;
use unspool_model::step::{Action, Step};
use unspool_model::world::{Access, Process, Resource, ResourceKind, World};

pub use select::{Select, SelectError, VALUES_MAX};

/// Processes are written inside their parents up to this depth; deeper ones stand beside each other. Parsers of XML refuse
/// documents that are nested deeper than some hundred elements (libxml2: 256).
pub const NESTED_MAX: usize = 100;

/// What is known about the machine beside the log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Machine {
    /// Host name; empty when unknown.
    pub host: String,
    /// `linux`; empty when unknown.
    pub os_type: String,
    /// Address of the host; empty when unknown.
    pub address: String,
}

/// SQL statements that are kept of one process and file.
pub const STATEMENTS_PER_ACCESS_MAX: usize = 100;
/// SQL statements that are kept in all.
pub const STATEMENTS_MAX: usize = 100_000;

/// Collects what the world does not keep: when files were opened and closed, and SQL statements.
#[derive(Debug, Default)]
pub struct Collector {
    opened: Map<(u32, u32), Opened>,
    looks_for_statements: bool,
    statements: Map<(u32, u32), Statements>,
    statement_count: usize,
}

/// Statements of one process and file.
#[derive(Debug, Default)]
struct Statements {
    written: Vec<Vec<u8>>,
    read: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Opened {
    first_ns: Option<i64>,
    closed_ns: Option<i64>,
}

impl Collector {
    /// One that looks for SQL statements in the data of calls, too; it needs their arguments.
    pub fn with_statements() -> Self {
        Self {
            looks_for_statements: true,
            ..Self::default()
        }
    }

    /// Keeps the statements in the data of a step.
    fn find_statements(&mut self, step: &Step<'_>) {
        let Some((touch, resource)) = step.touch.and_then(|touch| Some((touch, touch.resource?)))
        else {
            return;
        };
        let mut data = Vec::new();
        if !payload::data(step, &mut data) {
            return;
        }
        payload::statements(&data, &mut |statement| {
            let kept = self
                .statements
                .entry((step.process.0, resource.0))
                .or_default();
            let list = if touch.action.is_output() {
                &mut kept.written
            } else {
                &mut kept.read
            };
            if list.len() < STATEMENTS_PER_ACCESS_MAX && self.statement_count < STATEMENTS_MAX {
                self.statement_count += 1;
                list.push(statement.text.to_vec());
            }
        });
    }

    /// Takes a step.
    pub fn step(&mut self, step: &Step<'_>) {
        if step.outcome.failed().is_some() {
            return;
        }
        if self.looks_for_statements {
            self.find_statements(step);
        }
        for touch in [step.touch, step.second].into_iter().flatten() {
            let Some(resource) = touch.resource else {
                continue;
            };
            match touch.action {
                Action::Open | Action::Create | Action::Connect | Action::Accept => {
                    let opened = self.opened.entry((step.process.0, resource.0)).or_default();
                    opened.first_ns.get_or_insert(step.time_ns);
                }
                Action::Close => {
                    let opened = self.opened.entry((step.process.0, resource.0)).or_default();
                    opened.closed_ns = Some(step.time_ns);
                }
                _ => {}
            }
        }
    }

    /// The objects that the filter lets through. `world` holds the processes, resources and accesses of the whole run.
    pub fn objects(&self, world: &World, machine: &Machine, select: &Select) -> Vec<ObjectGroup> {
        let mut accesses: Vec<&Access> = world.accesses.iter().collect();
        accesses.sort_by_key(|access| (access.process, access.resource));
        let mut groups = Vec::new();
        for object in machine_objects(machine) {
            if select.takes(&object) {
                groups.push(ObjectGroup {
                    category: None,
                    objects: vec![object],
                });
            }
        }
        let processes = self.processes(world, &accesses, select);
        if !processes.is_empty() {
            groups.push(ObjectGroup {
                category: None,
                objects: processes,
            });
        }
        accesses.sort_by_key(|access| (access.resource, access.process));
        groups.extend(self.files(world, &accesses, select));
        groups
    }

    fn processes(&self, world: &World, accesses: &[&Access], select: &Select) -> Vec<Object> {
        let mut by_process: BTreeMap<ProcessId, Vec<&Access>> = BTreeMap::new();
        for access in accesses {
            by_process.entry(access.process).or_default().push(access);
        }
        let none = Vec::new();
        let mut objects = Vec::new();
        // Objects held by one that the filter leaves out move up: the depth counts those that are there.
        let mut chosen = BTreeSet::new();
        for (process, ancestors) in in_tree_order(world) {
            let mut object = process_object(process, world);
            if !select.takes(&object) {
                continue;
            }
            chosen.insert(process.id);
            object.depth = ancestors
                .iter()
                .filter(|ancestor| chosen.contains(ancestor))
                .count()
                .min(NESTED_MAX);
            object.accesses = by_process
                .get(&process.id)
                .unwrap_or(&none)
                .iter()
                .filter_map(|access| {
                    let resource = used(world, access)?;
                    Some(self.accessed(access, ("File", Value::Text(resource.name.clone()))))
                })
                .collect();
            objects.push(object);
        }
        objects
    }

    fn files(&self, world: &World, accesses: &[&Access], select: &Select) -> Vec<ObjectGroup> {
        let mut groups: Vec<ObjectGroup> = Category::ALL
            .iter()
            .map(|category| ObjectGroup {
                category: Some(category.name()),
                objects: Vec::new(),
            })
            .collect();
        for of_file in accesses.chunk_by(|one, other| one.resource == other.resource) {
            let used: Vec<&&Access> = of_file
                .iter()
                .filter(|access| used(world, access).is_some())
                .collect();
            let Some(resource) = used
                .first()
                .and_then(|access| world.resource(access.resource))
            else {
                continue;
            };
            let mut object = file_object(resource, &used);
            if !select.takes(&object) {
                continue;
            }
            object.accesses = used
                .iter()
                .map(|access| {
                    let pid = world
                        .process(access.process)
                        .map_or(0, |process| process.pid.0);
                    self.accessed(access, ("Process", Value::Number(u64::from(pid))))
                })
                .collect();
            if let Some(group) = groups.get_mut(resource.category as usize) {
                group.objects.push(object);
            }
        }
        groups.retain(|group| !group.objects.is_empty());
        for group in &mut groups {
            group
                .objects
                .sort_by(|one, other| one.key_value().cmp(&other.key_value()));
        }
        groups
    }

    fn accessed(&self, access: &Access, other_end: (&'static str, Value)) -> Accessed {
        let opened = self
            .opened
            .get(&(access.process.0, access.resource.0))
            .copied()
            .unwrap_or_default();
        let mut attributes = vec![other_end];
        attributes.extend(opened.first_ns.map(|ns| ("OpenTime", Value::Time(ns))));
        attributes.extend(opened.closed_ns.map(|ns| ("CloseTime", Value::Time(ns))));
        let opens = access.count(Action::Open) + access.count(Action::Create);
        for (name, number) in [
            ("NumOpen", u64::from(opens)),
            ("NumReads", access.traffic.reads),
            ("BytesRead", access.traffic.bytes_read),
            ("NumWrites", access.traffic.writes),
            ("BytesWritten", access.traffic.bytes_written),
        ] {
            if number > 0 {
                attributes.push((name, Value::Number(number)));
            }
        }
        let statements = self.statements.get(&(access.process.0, access.resource.0));
        Accessed {
            attributes,
            written_statements: statements.map_or_else(Vec::new, |kept| kept.written.clone()),
            read_statements: statements.map_or_else(Vec::new, |kept| kept.read.clone()),
        }
    }
}

/// The resource of an access, if the process could use it: what only ever failed is not there.
fn used<'w>(world: &'w World, access: &Access) -> Option<&'w Resource> {
    let did_something = access.calls.iter().any(|calls| *calls > 0);
    world.resource(access.resource).filter(|_| did_something)
}

/// Every process after its parent, brothers in order of their start, with its ancestors.
fn in_tree_order(world: &World) -> Vec<(&Process, Vec<ProcessId>)> {
    let mut children: BTreeMap<Option<ProcessId>, Vec<&Process>> = BTreeMap::new();
    for process in world.iter_processes() {
        let parent = process
            .parent
            .filter(|parent| *parent != process.id && world.process(*parent).is_some());
        children.entry(parent).or_default().push(process);
    }
    let mut order = Vec::new();
    let mut stack: Vec<(&Process, Vec<ProcessId>)> = Vec::new();
    let roots = children.remove(&None).unwrap_or_default();
    stack.extend(roots.into_iter().rev().map(|root| (root, Vec::new())));
    while let Some((process, ancestors)) = stack.pop() {
        let mut below = ancestors.clone();
        below.push(process.id);
        // What lies deeper is written at the limit: the last ancestors are enough.
        if below.len() > NESTED_MAX {
            below.remove(0);
        }
        for child in children
            .remove(&Some(process.id))
            .unwrap_or_default()
            .into_iter()
            .rev()
        {
            stack.push((child, below.clone()));
        }
        order.push((process, ancestors));
    }
    order
}

fn machine_objects(machine: &Machine) -> Vec<Object> {
    let object = |class, key, properties: &[(&'static str, &str)]| Object {
        class,
        key,
        depth: 0,
        properties: properties
            .iter()
            .map(|(name, value)| (*name, Value::Text(value.as_bytes().to_vec())))
            .collect(),
        accesses: Vec::new(),
    };
    let Machine {
        host,
        os_type,
        address,
    } = machine;
    let mut objects = Vec::new();
    if !host.is_empty() {
        objects.push(object("CIM_ComputerSystem", "Name", &[("Name", host)]));
    }
    if !os_type.is_empty() {
        objects.push(object(
            "CIM_OperatingSystem",
            "OSType",
            &[("OSType", os_type)],
        ));
    }
    if !address.is_empty() {
        let properties = [("Name", address.as_str()), ("PermanentAddress", address)];
        objects.push(object("CIM_NetworkAdapter", "Name", &properties));
    }
    objects
}

fn process_object(process: &Process, world: &World) -> Object {
    let image = process.image();
    let mut properties = vec![("Handle", Value::Number(u64::from(process.pid.0)))];
    let mut add = |name, value: &[u8]| {
        if !value.is_empty() {
            properties.push((name, Value::Text(value.to_vec())));
        }
    };
    let cwd = image
        .map(|image| &image.cwd)
        .filter(|cwd| !cwd.is_empty())
        .unwrap_or(&process.cwd);
    if let Some(image) = image {
        add("Name", image.name());
        add("CommandLine", &image.argv.join(&b' '));
        add("Executable", &image.exe);
    }
    add("CurrentDirectory", cwd);
    if let Some(exit) = process.exit {
        add("ExitStatus", exit_text(exit).as_bytes());
    }
    let parent = process.parent.and_then(|parent| world.process(parent));
    properties
        .extend(parent.map(|parent| ("ParentProcessID", Value::Number(u64::from(parent.pid.0)))));
    properties.extend(
        process
            .user
            .map(|user| ("UserId", Value::Number(u64::from(user)))),
    );
    properties.push(("CreationDate", Value::Time(process.start_ns)));
    properties.extend(
        process
            .end_ns
            .map(|end_ns| ("TerminationDate", Value::Time(end_ns))),
    );
    Object {
        class: "CIM_Process",
        key: "Handle",
        depth: 0,
        properties,
        accesses: Vec::new(),
    }
}

fn exit_text(exit: ExitStatus) -> String {
    match exit {
        ExitStatus::Exited(code) => code.to_string(),
        ExitStatus::Killed { signal, .. } => unspool_model::signal::name(signal),
        ExitStatus::Unknown => String::new(),
    }
}

fn file_object(resource: &Resource, accesses: &[&&Access]) -> Object {
    let name = &resource.name;
    let is_folder = resource.kind == ResourceKind::Directory;
    let text = |value: &[u8]| Value::Text(value.to_vec());
    let mut properties = vec![("Name", text(name))];
    if name.starts_with(b"/") {
        let last = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
        properties.push(("FileName", text(last)));
    }
    properties.push(("Category", text(resource.category.name().as_bytes())));
    if let Some(socket) = &resource.socket {
        let address = if socket.remote.is_empty() {
            &socket.local
        } else {
            &socket.remote
        };
        if !address.is_empty() {
            let colon = address.iter().rposition(|byte| *byte == b':');
            let is_internet = ["TCP", "UDP"]
                .iter()
                .any(|protocol| socket.protocol.starts_with(protocol));
            if let (true, Some(colon)) = (is_internet, colon) {
                let (host, port) = address.split_at(colon);
                properties.push(("Destination", text(host)));
                properties.push(("Port", text(port.get(1..).unwrap_or(&[]))));
            }
            properties.push(("SocketAddress", text(address)));
        }
    }
    let executed = accesses
        .iter()
        .any(|access| access.count(Action::Execute) > 0);
    if executed {
        properties.push(("IsExecuted", text(b"True")));
    }
    Object {
        class: if is_folder {
            "CIM_Directory"
        } else {
            "CIM_DataFile"
        },
        key: "Name",
        depth: 0,
        properties,
        accesses: Vec::new(),
    }
}
