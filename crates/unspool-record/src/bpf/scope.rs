//! What is recorded when nothing is started: processes, a control group, the machine.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use super::names::group_root;
use super::programs::Scope;
use crate::options::RecordError;
use crate::sys::Tid;

/// Folders of one control group looked at.
const FOLDERS_MAX: usize = 10_000;

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
            Self::Group(path) => group(path).map(|(id, level, _)| Scope::Group(id, level)),
        }
    }

    /// The processes that are there when recording begins.
    pub(super) fn processes(&self) -> Result<Vec<Tid>, RecordError> {
        Ok(match self {
            Self::Processes(pids) => pids.clone(),
            Self::All => all_processes(),
            Self::Group(path) => group_processes(&group(path)?.2),
        })
    }
}

/// Number, depth and folder of a control group.
fn group(path: &Path) -> Result<(u64, u32, PathBuf), RecordError> {
    let failed = |source| RecordError::Group {
        path: path.to_path_buf(),
        source,
    };
    let root = group_root().ok_or_else(|| failed(io::Error::from(io::ErrorKind::Unsupported)))?;
    let inside: PathBuf = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect();
    let folder = if path.starts_with(root) {
        path.to_path_buf()
    } else {
        root.join(inside)
    };
    let folder = folder.canonicalize().map_err(failed)?;
    std::fs::metadata(folder.join("cgroup.procs")).map_err(failed)?;
    let below = folder
        .strip_prefix(root)
        .map_err(|_| failed(io::Error::from(io::ErrorKind::NotFound)))?;
    let level = u32::try_from(below.components().count()).unwrap_or(u32::MAX);
    let id = std::fs::metadata(&folder).map_err(failed)?.ino();
    Ok((id, level, folder))
}

fn group_processes(folder: &Path) -> Vec<Tid> {
    let mut folders = vec![folder.to_path_buf()];
    let mut found = Vec::new();
    let mut looked = 0;
    while let Some(folder) = folders.pop() {
        looked += 1;
        if looked > FOLDERS_MAX {
            break;
        }
        let text = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        found.extend(text.lines().filter_map(|line| line.parse::<Tid>().ok()));
        let entries = std::fs::read_dir(&folder).into_iter().flatten();
        folders.extend(
            entries
                .filter_map(Result::ok)
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
    }
    found.retain(|&pid| pid > 0 && pid.cast_unsigned() != std::process::id());
    found
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
