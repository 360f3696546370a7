//! What is recorded when nothing is started: processes, a control group, the machine.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use super::names::group_root;
use super::programs::Scope;
use crate::containers::{Membership, Mounts, folders};
use crate::options::RecordError;
use crate::sys::Tid;

/// What is recorded when nothing is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// These processes, with all their threads and the children they start.
    Processes(Vec<i32>),
    /// All processes of a control group and of those below it: a folder, or a path as `/proc/PID/cgroup` has it.
    Group(PathBuf),
    /// All processes, but not the recorder itself. For an ordinary user: all of his own.
    All,
}

impl Target {
    pub(super) fn scope(&self) -> Result<Scope, RecordError> {
        match self {
            Self::Processes(_) => Ok(Scope::Tree),
            Self::All => Ok(Scope::All),
            Self::Group(path) => find(path).map(|group| Scope::Group(group.id, group.level)),
        }
    }

    /// The control group, if that is what is recorded.
    pub(super) fn group(&self) -> Result<Option<Group>, RecordError> {
        match self {
            Self::Group(path) => find(path).map(Some),
            Self::Processes(_) | Self::All => Ok(None),
        }
    }

    /// The processes that are there when recording begins.
    pub(super) fn processes(&self) -> Result<Vec<Tid>, RecordError> {
        Ok(match self {
            Self::Processes(pids) => pids.clone(),
            Self::All => all_processes(),
            Self::Group(path) => find(path)?.processes(),
        })
    }
}

/// A control group.
#[derive(Debug)]
pub(super) struct Group {
    id: u64,
    /// Its depth below the root.
    level: u32,
    folder: PathBuf,
    root: &'static Path,
}

impl Group {
    /// The processes in it and in those below it.
    pub(super) fn processes(&self) -> Vec<Tid> {
        let mut found = Vec::new();
        for folder in folders(&self.folder) {
            let text = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            found.extend(text.lines().filter_map(|line| line.parse::<Tid>().ok()));
        }
        found.retain(|&pid| pid > 0 && pid.cast_unsigned() != std::process::id());
        found
    }

    /// The control group of a process in it that is gone: by its number, or the only one that there is.
    pub(super) fn membership(&self, id: Option<u64>) -> Option<Membership> {
        let folders = folders(&self.folder);
        let folder = match id {
            Some(id) => folders
                .iter()
                .find(|folder| std::fs::metadata(folder).is_ok_and(|data| data.ino() == id))?,
            None if folders.len() == 1 => folders.first()?,
            None => return None,
        };
        let below = folder.strip_prefix(self.root).ok()?;
        let path = Path::new("/").join(below);
        Some(Membership::in_group(path.as_os_str().as_bytes()))
    }
}

fn find(path: &Path) -> Result<Group, RecordError> {
    let failed = |source| RecordError::Group {
        path: path.to_path_buf(),
        source,
    };
    let root = group_root().ok_or_else(|| {
        let what = "no unified hierarchy (cgroup2) is mounted below /sys/fs/cgroup";
        failed(io::Error::new(io::ErrorKind::Unsupported, what))
    })?;
    let inside: PathBuf = path.components().filter(is_name).collect();
    let folder = if path.starts_with(root) {
        path.to_path_buf()
    } else {
        root.join(inside)
    };
    let folder = folder
        .canonicalize()
        .map_err(|source| old_group(path, root).unwrap_or_else(|| failed(source)))?;
    std::fs::metadata(folder.join("cgroup.procs")).map_err(failed)?;
    let below = folder
        .strip_prefix(root)
        .map_err(|_| failed(io::Error::from(io::ErrorKind::NotFound)))?;
    let level = u32::try_from(below.components().count()).unwrap_or(u32::MAX);
    let id = std::fs::metadata(&folder).map_err(failed)?.ino();
    Ok(Group {
        id,
        level,
        folder,
        root,
    })
}

/// Says so when a path that is not in the unified hierarchy is a folder of another one.
fn old_group(path: &Path, root: &Path) -> Option<RecordError> {
    let folder = path.canonicalize().ok().filter(|folder| folder.is_dir())?;
    let group = Mounts::read().path_v1(&folder)?;
    let name = PathBuf::from(OsString::from_vec(group));
    let inside = name.components().filter(is_name);
    let counterpart: PathBuf = root.components().chain(inside).collect();
    Some(RecordError::OldGroup {
        path: path.to_path_buf(),
        is_there: counterpart.is_dir(),
        counterpart,
    })
}

fn is_name(part: &Component<'_>) -> bool {
    matches!(part, Component::Normal(_))
}

fn all_processes() -> Vec<Tid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    let mut found: Vec<Tid> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &Tid| pid.cast_unsigned() != std::process::id())
        .collect();
    found.sort_unstable();
    found
}
