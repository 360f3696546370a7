//! What the ids in tables stand for, for programs that read the tables themselves.

use unspool_model::ids::{ProcessId, ResourceId};
use unspool_model::world::World;

use super::args::{self, Known, NUMBERS};
use super::open::Tables;
use super::strings::Strings;
use crate::error::Result;

/// Strings, processes with their images, and resources of one run.
#[derive(Debug)]
pub struct Lookup {
    strings: Strings,
    world: World,
    /// By resource: id of the name that stands for it in arguments.
    args_names: Vec<u32>,
}

/// Columns of one row of the events from which its arguments are put together.
#[derive(Clone, Copy, Debug)]
pub struct ArgsCells<'a> {
    /// `args_form`.
    pub form: u32,
    /// `args_first`, `args_second`.
    pub numbers: [Option<u64>; NUMBERS],
    /// `args_rest`.
    pub rest: &'a [u8],
    /// `resource`.
    pub resource: Option<u32>,
    /// `second_resource`.
    pub second_resource: Option<u32>,
    /// `fd`.
    pub fd: Option<i32>,
    /// `bytes`.
    pub bytes: Option<u64>,
}

impl Tables {
    /// Reads the tables that others refer to: `strings`, `resources`, `processes`, `images`.
    pub fn lookup(&self) -> Result<Lookup> {
        let strings = self.strings()?;
        let world = self.named_world(&strings)?;
        let args_names = self.args_names()?;
        Ok(Lookup {
            strings,
            world,
            args_names,
        })
    }
}

impl Lookup {
    /// Processes and resources; nothing else is in it.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// How many strings there are; their ids are dense from 0.
    pub fn strings(&self) -> usize {
        self.strings.len()
    }

    /// A string by its id.
    pub fn string(&self, id: u32) -> Option<&[u8]> {
        self.strings.get(id)
    }

    /// Exclusive upper end of the ids of processes.
    pub fn processes(&self) -> usize {
        self.world.processes.len()
    }

    /// Name of a process when event `seq` happened; `None` for an id that is no process.
    pub fn process_name(&self, process: u32, seq: u64) -> Option<&[u8]> {
        Some(self.world.process(ProcessId(process))?.name_at(seq))
    }

    /// Name of a resource.
    pub fn resource_name(&self, resource: u32) -> Option<&[u8]> {
        Some(&self.world.resource(ResourceId(resource))?.name)
    }

    /// Appends the arguments of a row; `false` for columns that make no sense.
    pub fn print_args(&self, cells: &ArgsCells<'_>, out: &mut Vec<u8>) -> bool {
        let Some(form) = self.string(cells.form) else {
            return false;
        };
        let known = Known {
            name: self.args_name(cells.resource),
            second_name: self.args_name(cells.second_resource),
            fd: cells.fd,
            bytes: cells.bytes,
        };
        let string = |id| self.strings.get(id);
        args::put_together(form, cells.numbers, cells.rest, known, &string, out).is_some()
    }

    fn args_name(&self, resource: Option<u32>) -> &[u8] {
        resource
            .and_then(|id| self.args_names.get(id as usize))
            .and_then(|name| self.strings.get(*name))
            .unwrap_or_default()
    }
}
