//! Where the hierarchies of control groups are mounted, and so where the files of a group lie.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::Membership;

/// One mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    /// Controllers of version 1; `None`: version 2.
    controllers: Option<Vec<Vec<u8>>>,
    /// Path within the hierarchy that is mounted.
    root: Vec<u8>,
    point: PathBuf,
}

/// All mounted hierarchies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mounts(Vec<Mount>);

impl Mounts {
    /// From /proc/self/mountinfo.
    pub(crate) fn read() -> Self {
        Self::parse(&std::fs::read("/proc/self/mountinfo").unwrap_or_default())
    }

    /// Lines such as `35 24 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory` (proc(5)).
    pub(super) fn parse(mountinfo: &[u8]) -> Self {
        let mounts = mountinfo.split(|byte| *byte == b'\n').filter_map(|line| {
            let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
            let dash = words.iter().position(|word| *word == b"-")?;
            let kind = *words.get(dash + 1)?;
            let options = *words.get(dash + 3)?;
            let controllers = match kind {
                b"cgroup" => Some(
                    options
                        .split(|byte| *byte == b',')
                        .map(<[u8]>::to_vec)
                        .collect(),
                ),
                b"cgroup2" => None,
                _ => return None,
            };
            let point = unescape(words.get(4)?);
            Some(Mount {
                controllers,
                root: unescape(words.get(3)?),
                point: PathBuf::from(std::ffi::OsStr::from_bytes(&point)),
            })
        });
        Self(mounts.collect())
    }

    /// Folder of a group in the hierarchy of a controller of version 1.
    pub(crate) fn folder_v1(&self, group: &Membership, controller: &[u8]) -> Option<PathBuf> {
        let path = group.path_of(controller)?;
        self.0
            .iter()
            .filter(|mount| {
                mount
                    .controllers
                    .as_ref()
                    .is_some_and(|names| names.iter().any(|name| name == controller))
            })
            .find_map(|mount| mount.folder(path))
    }

    /// Folder of a group in version 2.
    pub(crate) fn folder_v2(&self, group: &Membership) -> Option<PathBuf> {
        let path = group.path_of(b"")?;
        self.0
            .iter()
            .filter(|mount| mount.controllers.is_none())
            .find_map(|mount| mount.folder(path))
    }

    /// Where version 2 is mounted.
    pub(super) fn points_v2(&self) -> impl Iterator<Item = &Path> {
        let mounts = self.0.iter().filter(|mount| mount.controllers.is_none());
        mounts.map(|mount| mount.point.as_path())
    }

    /// Path of the group in version 1 whose folder this is.
    pub(crate) fn path_v1(&self, folder: &Path) -> Option<Vec<u8>> {
        self.0
            .iter()
            .filter(|mount| mount.controllers.is_some())
            .find_map(|mount| mount.path(folder))
    }

    /// The same in version 2.
    pub(super) fn path_v2(&self, folder: &Path) -> Option<Vec<u8>> {
        self.0
            .iter()
            .filter(|mount| mount.controllers.is_none())
            .find_map(|mount| mount.path(folder))
    }
}

impl Mount {
    /// The reverse of [`Mount::folder`].
    fn path(&self, folder: &Path) -> Option<Vec<u8>> {
        let below = folder.strip_prefix(&self.point).ok()?;
        let root = Path::new(std::ffi::OsStr::from_bytes(&self.root));
        // Joined with nothing a path would end with a slash.
        let path = if below.as_os_str().is_empty() {
            root.to_path_buf()
        } else {
            root.join(below)
        };
        Some(path.into_os_string().into_encoded_bytes())
    }

    fn folder(&self, path: &[u8]) -> Option<PathBuf> {
        let root = self.root.strip_suffix(b"/").unwrap_or(&self.root);
        let below = path.strip_prefix(root)?;
        // A group outside of what is mounted here (another namespace) has no files for us.
        if below.split(|byte| *byte == b'/').any(|part| part == b"..") {
            return None;
        }
        let below = below.strip_prefix(b"/").unwrap_or(below);
        Some(if below.is_empty() {
            self.point.clone()
        } else {
            self.point
                .join(Path::new(std::ffi::OsStr::from_bytes(below)))
        })
    }
}

/// Takes back `\040` and the like.
fn unescape(word: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, tail)) = rest.split_first() {
        let octal = (*first == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        text.push(octal.unwrap_or(*first));
        rest = tail.get(octal.map_or(0, |_| 3)..).unwrap_or_default();
    }
    text
}
