//! Descriptor tables: numbers to sessions, per process or shared under `CLONE_FILES`.

use std::rc::Rc;

use crate::ids::{Fd, ProcessId, SessionId};
use crate::map::Map;
use crate::world::Descriptor;

/// Descriptors below this are kept in a vector, others in a map.
const DENSE_FDS: usize = 1024;

/// One descriptor.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// What is handed on when it closes.
    pub(super) descriptor: Descriptor,
    /// The object as the tracer last printed it, for a cheap comparison.
    pub(super) object: Rc<[u8]>,
    /// When the call that made it returned: a close that began earlier meant the number's former life.
    pub(super) made_ns: i64,
}

/// A descriptor table.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    dense: Vec<Option<Entry>>,
    sparse: Map<i32, Entry>,
    /// Processes that share it.
    pub(super) users: u32,
}

impl Table {
    pub(super) fn get(&self, fd: Fd) -> Option<&Entry> {
        match usize::try_from(fd.0) {
            Ok(index) if index < DENSE_FDS => self.dense.get(index)?.as_ref(),
            _ => self.sparse.get(&fd.0),
        }
    }

    pub(super) fn get_mut(&mut self, fd: Fd) -> Option<&mut Entry> {
        match usize::try_from(fd.0) {
            Ok(index) if index < DENSE_FDS => self.dense.get_mut(index)?.as_mut(),
            _ => self.sparse.get_mut(&fd.0),
        }
    }

    /// Puts an entry in; gives back the one that stood there.
    pub(super) fn insert(&mut self, fd: Fd, entry: Entry) -> Option<Entry> {
        match usize::try_from(fd.0) {
            Ok(index) if index < DENSE_FDS => {
                if self.dense.len() <= index {
                    self.dense.resize_with(index + 1, || None);
                }
                self.dense.get_mut(index)?.replace(entry)
            }
            _ => self.sparse.insert(fd.0, entry),
        }
    }

    pub(super) fn remove(&mut self, fd: Fd) -> Option<Entry> {
        match usize::try_from(fd.0) {
            Ok(index) if index < DENSE_FDS => self.dense.get_mut(index)?.take(),
            _ => self.sparse.remove(&fd.0),
        }
    }

    /// Numbers in use, ascending.
    pub(super) fn numbers(&self) -> Vec<Fd> {
        let dense = self
            .dense
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.is_some())
            .filter_map(|(index, _)| i32::try_from(index).ok());
        let mut sparse: Vec<i32> = self.sparse.keys().copied().collect();
        sparse.sort_unstable();
        dense.chain(sparse).map(Fd).collect()
    }

    /// Entries, by number.
    pub(super) fn entries(&self) -> Vec<&Entry> {
        self.numbers()
            .into_iter()
            .filter_map(|fd| self.get(fd))
            .collect()
    }
}

/// Tables by place; a place is used again when its last user is gone.
#[derive(Debug, Default)]
pub(super) struct Tables {
    list: Vec<Table>,
    free: Vec<usize>,
}

/// Place of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TableId(usize);

impl Tables {
    pub(super) fn add(&mut self, mut table: Table) -> TableId {
        table.users = 1;
        if let Some(place) = self.free.pop()
            && let Some(slot) = self.list.get_mut(place)
        {
            *slot = table;
            return TableId(place);
        }
        self.list.push(table);
        TableId(self.list.len() - 1)
    }

    pub(super) fn get(&self, id: TableId) -> &Table {
        self.list.get(id.0).expect("places are handed out by `add`")
    }

    pub(super) fn get_mut(&mut self, id: TableId) -> &mut Table {
        self.list
            .get_mut(id.0)
            .expect("places are handed out by `add`")
    }

    /// One user less; gives the table back when it was the last one.
    pub(super) fn release(&mut self, id: TableId) -> Option<Table> {
        let table = self.get_mut(id);
        table.users = table.users.saturating_sub(1);
        if table.users > 0 {
            return None;
        }
        let table = std::mem::take(table);
        self.free.push(id.0);
        Some(table)
    }
}

/// A new descriptor without traffic.
pub(super) fn descriptor(
    session: SessionId,
    process: ProcessId,
    fd: Fd,
    opened_ns: i64,
    origin: crate::world::Origin,
) -> Descriptor {
    Descriptor {
        session,
        process,
        fd,
        opened_ns,
        closed_ns: None,
        closed_by: None,
        origin,
        close_on_exec: false,
        traffic: crate::world::Traffic::default(),
    }
}
