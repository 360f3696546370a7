//! What a life does to resources.

use crate::ids::{ProcessId, ResourceId};
use crate::map::Map;
use crate::world::Access;

/// The accesses of one life. The map holds places and not the accesses themselves: those of a search through a file system are
/// many, and a map that grows moves what it holds.
#[derive(Debug, Default)]
pub(super) struct Accesses {
    places: Map<ResourceId, usize>,
    /// In order of the first touch.
    list: Vec<Access>,
}

impl Accesses {
    /// The access to a resource, made if need be.
    pub(super) fn of(
        &mut self,
        process: ProcessId,
        resource: ResourceId,
        time_ns: i64,
    ) -> &mut Access {
        // One touch follows another: most are of what was touched last.
        let is_last = self
            .list
            .last()
            .is_some_and(|last| last.resource == resource);
        let place = if is_last {
            self.list.len() - 1
        } else {
            *self.places.entry(resource).or_insert(self.list.len())
        };
        if place == self.list.len() {
            self.list.push(Access::new(process, resource, time_ns));
        }
        &mut self.list[place]
    }

    /// All of them by resource: an order that does not depend on hashing.
    pub(super) fn into_sorted(self) -> Vec<Access> {
        let mut list = self.list;
        list.sort_unstable_by_key(|access| access.resource);
        list
    }
}
