//! Control groups of processes and what container they are: from /proc, the mounted hierarchies and the runtimes' own files.
//! Never over a socket.

mod json;
mod memory;
mod mounts;
mod names;
mod numbers;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use unspool_model::container::Placement;

use crate::native::procfs::read_once;
use crate::sys::Tid;
pub(crate) use memory::free_bytes;
pub(crate) use mounts::Mounts;
pub(crate) use names::Names;
pub(crate) use numbers::{Numbers, folders};

/// Most bytes of `/proc/PID/cgroup`: some 15 hierarchies with paths of 4 kB.
const CGROUP_BYTES_MAX: usize = 64 << 10;

/// The control groups that a process is in: `/proc/PID/cgroup` as it is (cgroups(7)).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Membership(Arc<[u8]>);

impl Membership {
    /// Reads it, `None` when the process is gone or the kernel has no control groups.
    pub(crate) fn of(tid: Tid) -> Option<Self> {
        let mut buffer = Vec::new();
        let text = read_once(&format!("/proc/{tid}/cgroup"), &mut buffer)?;
        let kept = text.get(..CGROUP_BYTES_MAX).unwrap_or(text);
        Some(Self(kept.into()))
    }

    /// That of a process in a control group of version 2, by its path.
    pub(crate) fn in_group(path: &[u8]) -> Self {
        Self([b"0::", path, b"\n"].concat().into())
    }

    /// Its path in version 2.
    pub(crate) fn unified(&self) -> Option<&[u8]> {
        self.path_of(b"")
    }

    /// After a move to another control group of version 2. Hierarchies of version 1 where it was in the same group as in version 2
    /// are left out: whoever moves a process moves it in all of these.
    pub(crate) fn moved_to(&self, path: &[u8]) -> Self {
        let before = self.unified();
        let mut text = Vec::new();
        for line in self.0.split_inclusive(|byte| *byte == b'\n') {
            let of_line = Self(line.into());
            let is_apart = |(controllers, path): (&[u8], &[u8])| {
                !controllers.is_empty() && Some(path) != before
            };
            if of_line.hierarchies().next().is_some_and(is_apart) {
                text.extend_from_slice(line);
            }
        }
        text.extend_from_slice(&Self::in_group(path).0);
        Self(text.into())
    }

    #[cfg(test)]
    fn from_text(text: &str) -> Self {
        Self(text.as_bytes().into())
    }

    /// Hierarchies: their controllers (empty: version 2) and the path in each.
    fn hierarchies(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.split(|byte| *byte == b'\n').filter_map(|line| {
            let mut fields = line.splitn(3, |byte| *byte == b':');
            fields.next()?;
            Some((fields.next()?, fields.next()?))
        })
    }

    /// The path that tells most: the one that names a container; else version 2's; else systemd's; else any below the root.
    pub(crate) fn path(&self) -> &[u8] {
        let rank = |(controllers, path): &(&[u8], &[u8])| {
            let placement = Placement::of(path);
            (
                placement.runtime.is_some(),
                *path != b"/",
                controllers.is_empty(),
                *controllers == b"name=systemd",
            )
        };
        let mut best: Option<(&[u8], &[u8])> = None;
        for hierarchy in self.hierarchies() {
            if best.is_none_or(|best| rank(&hierarchy) > rank(&best)) {
                best = Some(hierarchy);
            }
        }
        best.map_or(b"/", |(_, path)| path)
    }

    /// Path in the hierarchy of a controller of version 1 (`memory`), or in version 2 (no name).
    fn path_of(&self, controller: &[u8]) -> Option<&[u8]> {
        self.hierarchies()
            .find(|(controllers, _)| {
                controllers
                    .split(|byte| *byte == b',')
                    .any(|name| name == controller)
            })
            .map(|(_, path)| path)
    }
}
