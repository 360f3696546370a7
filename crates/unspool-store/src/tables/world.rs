//! Gives the world back from the tables.

use arrow_array::Array as _;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use unspool_model::category::Category;
use unspool_model::ids::{ProcessId, ResourceId};
use unspool_model::world::{
    Access, Content, Image, Link, LinkKind, Resource, ResourceKind, SocketName, World,
};

use super::open::{Table, Tables};
use super::rows::{
    AccessReader, DescriptorReader, ImageReader, LinkReader, ProcessReader, ResourceReader,
    ResourceRow, SessionReader, StringReader, process_of,
};
use super::strings::Strings;
use super::{TableId, VALUE};
use crate::error::{Result, StoreError};

impl Tables {
    /// Everything that is kept of processes, sessions, resources, descriptors, accesses and links.
    pub fn world(&self) -> Result<World> {
        let mut world = self.world_without_sessions()?;
        self.each(TableId::Sessions, |table, batch| {
            let rows = SessionReader::new(batch).map_err(|name| wrong_column(table, name))?;
            for at in 0..batch.num_rows() {
                let session = rows.row(at).session();
                place(table, &mut world.sessions, session.id.index(), session)?;
            }
            Ok(())
        })?;
        self.each(TableId::Descriptors, |table, batch| {
            let rows = DescriptorReader::new(batch).map_err(|name| wrong_column(table, name))?;
            world.descriptors.extend((0..batch.num_rows()).map(|at| {
                let row = rows.row(at);
                let session = world.sessions.get(row.session as usize);
                row.descriptor(session.and_then(Option::as_deref))
            }));
            Ok(())
        })?;
        Ok(world)
    }

    /// The world without its sessions and descriptors, which are most of it.
    pub fn world_without_sessions(&self) -> Result<World> {
        let mut world = self.world_without_accesses()?;
        let mut accesses = Vec::new();
        self.for_each_access(&mut |access| accesses.push(access.clone()))?;
        world.accesses = accesses;
        Ok(world)
    }

    /// The same without accesses, of which there may be millions.
    pub fn world_without_accesses(&self) -> Result<World> {
        let mut world = self.named_world(&self.strings()?)?;
        self.read_links(&mut world)?;
        Ok(world)
    }

    /// Gives every access, as they are stored.
    pub fn for_each_access(&self, take: &mut dyn FnMut(&Access)) -> Result<()> {
        self.each(TableId::Accesses, |table, batch| {
            let rows = AccessReader::new(batch).map_err(|name| wrong_column(table, name))?;
            for at in 0..batch.num_rows() {
                take(&rows.row(at).access());
            }
            Ok(())
        })
    }

    /// What others refer to: resources, processes with their images.
    pub(super) fn named_world(&self, strings: &Strings) -> Result<World> {
        let mut world = World {
            clock: self.clock,
            ..World::default()
        };
        self.read_resources(strings, &mut world)?;
        self.read_processes(strings, &mut world)?;
        self.read_images(strings, &mut world)?;
        Ok(world)
    }

    /// All strings, by id.
    pub(super) fn strings(&self) -> Result<Strings> {
        let mut strings = Strings::default();
        self.each(TableId::Strings, |table, batch| {
            let values = batch
                .column_by_name(VALUE)
                .and_then(|column| column.as_binary_opt::<i32>())
                .ok_or_else(|| wrong_column(table, VALUE))?;
            let ids = StringReader::new(batch).map_err(|name| wrong_column(table, name))?;
            for at in 0..values.len() {
                if ids.row(at).id as usize != strings.len() {
                    return Err(StoreError::damaged(&table.path, "ids are not dense"));
                }
                strings.push(values.value(at));
            }
            Ok(())
        })?;
        Ok(strings)
    }

    pub(super) fn each(
        &self,
        id: TableId,
        mut take: impl FnMut(&Table, &RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let table = self.table(id)?;
        for batch in table.all()? {
            take(&table, &batch?)?;
        }
        Ok(())
    }

    fn read_processes(&self, strings: &Strings, world: &mut World) -> Result<()> {
        self.each(TableId::Processes, |table, batch| {
            let rows = ProcessReader::new(batch).map_err(|name| wrong_column(table, name))?;
            for at in 0..batch.num_rows() {
                let row = rows.row(at);
                let mut process = process_of(&row, text(table, strings, row.cwd)?);
                process.group = text(table, strings, row.cgroup)?.to_vec();
                process.container_name = text(table, strings, row.container_name)?.to_vec();
                place(table, &mut world.processes, process.id.index(), process)?;
            }
            Ok(())
        })
    }

    fn read_images(&self, strings: &Strings, world: &mut World) -> Result<()> {
        self.each(TableId::Images, |table, batch| {
            let rows = ImageReader::new(batch).map_err(|name| wrong_column(table, name))?;
            let list = |ids: &[u32]| -> Result<Vec<Vec<u8>>> {
                ids.iter()
                    .map(|id| text(table, strings, *id).map(<[u8]>::to_vec))
                    .collect()
            };
            for at in 0..batch.num_rows() {
                let row = rows.row(at);
                let image = Image {
                    seq: row.seq,
                    time_ns: row.time_ns,
                    inherited: row.inherited,
                    exe: text(table, strings, row.exe)?.to_vec(),
                    argv: list(&row.argv)?,
                    argv_cut: row.argv_cut,
                    env: list(&row.env)?,
                    cwd: text(table, strings, row.cwd)?.to_vec(),
                    claimed: row.claimed,
                };
                let process = world
                    .processes
                    .get_mut(ProcessId(row.process).index())
                    .and_then(Option::as_mut)
                    .ok_or_else(|| {
                        StoreError::damaged(&table.path, "an image of a process that is not there")
                    })?;
                process.images.push(image);
            }
            Ok(())
        })
    }

    fn read_resources(&self, strings: &Strings, world: &mut World) -> Result<()> {
        self.each(TableId::Resources, |table, batch| {
            let rows = ResourceReader::new(batch).map_err(|name| wrong_column(table, name))?;
            world.resources.reserve(batch.num_rows());
            for at in 0..batch.num_rows() {
                let resource = resource_of(table, strings, &rows.row(at))?;
                // They are written in the order of their ids, at the end of the run.
                if resource.id.index() != world.resources.len() {
                    return Err(StoreError::damaged(&table.path, "ids are not dense"));
                }
                world.resources.push(resource);
            }
            Ok(())
        })
    }

    /// By resource, the id of the name that stands for it in arguments.
    pub(super) fn args_names(&self) -> Result<Vec<u32>> {
        let mut names = Vec::new();
        self.each(TableId::Resources, |table, batch| {
            let rows = ResourceReader::new(batch).map_err(|name| wrong_column(table, name))?;
            for at in 0..batch.num_rows() {
                let row = rows.row(at);
                if row.id as usize != names.len() {
                    return Err(StoreError::damaged(&table.path, "ids are not dense"));
                }
                names.push(row.args_name.unwrap_or(row.name));
            }
            Ok(())
        })?;
        Ok(names)
    }

    fn read_links(&self, world: &mut World) -> Result<()> {
        self.each(TableId::Links, |table, batch| {
            let rows = LinkReader::new(batch).map_err(|name| wrong_column(table, name))?;
            for at in 0..batch.num_rows() {
                let row = rows.row(at);
                let kind = LinkKind::ALL
                    .get(usize::from(row.kind))
                    .copied()
                    .ok_or_else(|| StoreError::damaged(&table.path, "a link of an unknown kind"))?;
                world.links.push(Link {
                    kind,
                    from: ProcessId(row.source),
                    to: ProcessId(row.target),
                    resource: row.resource.map(ResourceId),
                    count: row.count,
                    first_ns: row.first_ns,
                    last_ns: row.last_ns,
                    first_seq: row.first_seq,
                });
            }
            Ok(())
        })
    }
}

fn resource_of(table: &Table, strings: &Strings, row: &ResourceRow) -> Result<Resource> {
    let owned = |id: Option<u32>| text(table, strings, id.unwrap_or(0)).map(<[u8]>::to_vec);
    let socket = match row.protocol {
        Some(protocol) => Some(SocketName {
            protocol: String::from_utf8_lossy(text(table, strings, protocol)?).into_owned(),
            local: owned(row.local)?,
            remote: owned(row.remote)?,
        }),
        None => None,
    };
    let hash = match row.hash {
        Some(hash) => std::str::from_utf8(text(table, strings, hash)?)
            .ok()
            .and_then(|digits| u128::from_str_radix(digits, 16).ok()),
        None => None,
    };
    let content = match (row.size, row.modified_ns, row.inode) {
        (Some(size_bytes), Some(modified_ns), Some(inode)) => Some(Content {
            size_bytes,
            modified_ns,
            inode,
            hash,
        }),
        _ => None,
    };
    Ok(Resource {
        id: ResourceId(row.id),
        kind: ResourceKind::from_number(row.kind).unwrap_or(ResourceKind::Unknown),
        name: text(table, strings, row.name)?.to_vec(),
        category: Category::from_number(row.category).unwrap_or(Category::Others),
        socket,
        created: row.created,
        modified: row.modified,
        deleted: row.deleted,
        content,
    })
}

pub(super) fn wrong_column(table: &Table, name: &str) -> StoreError {
    StoreError::damaged(&table.path, format!("column `{name}` has another type"))
}

fn text<'a>(table: &Table, strings: &'a Strings, id: u32) -> Result<&'a [u8]> {
    strings
        .get(id)
        .ok_or_else(|| StoreError::damaged(&table.path, format!("there is no string {id}")))
}

/// Puts an object at the place of its id. Ids are dense: one over the number of rows is refused, so that no id makes
/// the vector grow beyond the table.
fn place<T>(table: &Table, objects: &mut Vec<Option<Box<T>>>, id: usize, object: T) -> Result<()> {
    let rows = table.metadata.metadata().file_metadata().num_rows();
    if id as u64 >= rows.cast_unsigned() {
        return Err(StoreError::damaged(
            &table.path,
            format!("id {id} is not dense"),
        ));
    }
    if objects.len() <= id {
        objects.resize_with(id + 1, || None);
    }
    match objects.get_mut(id) {
        Some(slot @ None) => *slot = Some(Box::new(object)),
        _ => {
            return Err(StoreError::damaged(
                &table.path,
                format!("id {id} is there twice"),
            ));
        }
    }
    Ok(())
}
