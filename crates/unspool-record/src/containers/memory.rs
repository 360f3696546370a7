//! How much memory the control groups of this process leave it (cgroups(7); Documentation/admin-guide/cgroup-v2.rst and
//! cgroup-v1/memory.rst of the kernel).

use std::path::Path;

use super::{Membership, Mounts};
use crate::sys;

/// The files of one version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    /// What may be used; the least of them counts.
    limits: &'static [&'static str],
    used: &'static str,
    /// Lines of `memory.stat`, of this group with those below it: pages of files, which the kernel takes back before it kills.
    files: [&'static str; 2],
}

pub(super) const V1: Names = Names {
    limits: &["memory.limit_in_bytes"],
    used: "memory.usage_in_bytes",
    files: ["total_inactive_file", "total_active_file"],
};

pub(super) const V2: Names = Names {
    limits: &["memory.max", "memory.high"],
    used: "memory.current",
    files: ["inactive_file", "active_file"],
};

/// Bytes that this process and what shares its control groups may use on top of what they use. `None`: as many as there are.
pub(crate) fn free_bytes() -> Option<u64> {
    let group = Membership::of(sys::current_tid())?;
    let mounts = Mounts::read();
    let folders = [
        (mounts.folder_v2(&group), V2),
        (mounts.folder_v1(&group, b"memory"), V1),
    ];
    let free = folders
        .into_iter()
        .filter_map(|(folder, names)| least_free(&folder?, names));
    free.min()
}

/// What a group and those above it leave, as far as they can be seen from here.
pub(super) fn least_free(folder: &Path, names: Names) -> Option<u64> {
    folder
        .ancestors()
        .take_while(|folder| folder.join("cgroup.procs").exists())
        .filter_map(|folder| free(folder, names))
        .min()
}

/// What one group leaves; `None` without a limit.
fn free(folder: &Path, names: Names) -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    let number = |text: &str| text.trim().parse::<u64>().ok();
    // `max` is no number.
    let limits = names.limits.iter().filter_map(|name| number(&read(name)?));
    let limit = limits.min()?;
    let used = number(&read(names.used)?)?;
    let stat = read("memory.stat").unwrap_or_default();
    let files: u64 = stat
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(key, _)| names.files.contains(key))
        .filter_map(|(_, value)| number(value))
        .fold(0, u64::saturating_add);
    Some(limit.saturating_sub(used.saturating_sub(files)))
}
