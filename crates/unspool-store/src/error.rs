//! What can fail, with the file and what was being done to it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Result of this crate's operations.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A failed operation on a run folder or a store.
#[derive(Debug)]
pub enum StoreError {
    /// The operating system refused.
    Io {
        /// What was being done: `write`, `rename`.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No space left, or the quota is used up. What was written before stays readable.
    DiskFull {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file would become larger than this process may make one (`ulimit -f`), or than the file system can hold. What was
    /// written before stays readable.
    FileLimit {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The recording stopped at an earlier error; what came after was dropped and counted.
    Stopped {
        /// Folder of the run.
        path: PathBuf,
        /// The earlier error.
        why: String,
    },
    /// Another user could replace the run: the folder is not fit to hold one.
    UnsafeFolder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Something is there already.
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// The folder holds no run.
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// The run is being recorded.
    Live {
        /// Its folder.
        path: PathBuf,
    },
    /// Written by a version of unspool with another format.
    Version {
        /// The manifest.
        path: PathBuf,
        /// Format that it has.
        found: u32,
    },
    /// Content that cannot be as it was written.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A length or count in a file is over its limit; nothing was allocated for it.
    Limit {
        /// The file.
        path: PathBuf,
        /// Name of the limit.
        limit: &'static str,
        /// The limit.
        allowed: u64,
        /// What the file asks for.
        found: u64,
    },
    /// The run has no such table: it was never closed, or its tables were removed.
    NoTable {
        /// The file that is not there.
        path: PathBuf,
    },
    /// A name or id that cannot name a run.
    BadName {
        /// The name.
        name: String,
    },
    /// No run goes by this reference.
    UnknownRun {
        /// What was asked for.
        reference: String,
        /// Ids and names that exist, newest first: the caller suggests the nearest.
        candidates: Vec<String>,
    },
    /// Several runs start with this.
    AmbiguousRun {
        /// What was asked for.
        reference: String,
        /// The ids that it may mean, newest first.
        candidates: Vec<String>,
    },
    /// A worker thread of the table writer is gone.
    Worker {
        /// Folder of the tables.
        path: PathBuf,
    },
}

impl StoreError {
    /// Wraps an error of the system; a full disk and a limit on the size of files get their own kinds.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull {
                action,
                path,
                source,
            },
            io::ErrorKind::FileTooLarge => Self::FileLimit {
                action,
                path,
                source,
            },
            _ => Self::Io {
                action,
                path,
                source,
            },
        }
    }

    pub(crate) fn damaged(path: &Path, why: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            why: why.into(),
        }
    }

    /// What the user can do about it, if there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::DiskFull { .. } => {
                Some("free space or choose another place with `-o DIR`; the run so far is readable")
            }
            Self::FileLimit { .. } => Some(
                "`ulimit -f` tells how large a file may be: record with a higher limit; the run so far is readable",
            ),
            Self::UnsafeFolder { .. } => {
                Some("choose a folder that only you can write to, or set its sticky bit")
            }
            Self::Exists { .. } => Some("choose another name, or remove it first"),
            Self::NotARun { .. } => Some("a run folder holds a file `run.json`"),
            Self::Live { .. } => Some("wait for the recording to end, or stop it"),
            Self::Version { .. } => Some(
                "use the version of unspool that wrote it, or import its log again with this one",
            ),
            Self::NoTable { .. } => {
                Some("`unspool runs recover` makes the tables from what is left")
            }
            Self::AmbiguousRun { .. } => Some("give more of the id"),
            Self::UnknownRun { .. } => Some("`unspool runs list` shows what there is"),
            Self::BadName { .. } => Some(
                "letters, digits, `.`, `_` and `-`, at most 100 of them, not starting with `.` or `-`",
            ),
            Self::Damaged { .. } => {
                Some("restore it from a copy; the other files may still be whole")
            }
            Self::Io { .. } | Self::Stopped { .. } | Self::Limit { .. } | Self::Worker { .. } => {
                None
            }
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io {
                action,
                path,
                source,
            }
            | Self::DiskFull {
                action,
                path,
                source,
            }
            | Self::FileLimit {
                action,
                path,
                source,
            } => write!(f, "cannot {action} `{}`: {source}", path.display()),
            Self::Stopped { path, why } => {
                write!(f, "recording to `{}` has stopped: {why}", path.display())
            }
            Self::UnsafeFolder { path, why } => {
                write!(f, "cannot keep a run in `{}`: {why}", path.display())
            }
            Self::Exists { path } => write!(f, "`{}` exists and is not empty", path.display()),
            Self::NotARun { path } => write!(f, "`{}` is not a run", path.display()),
            Self::Live { path } => write!(f, "the run `{}` is being recorded", path.display()),
            Self::Version { path, found } => write!(
                f,
                "cannot read `{}`: it has format {found}, this version reads {}",
                path.display(),
                crate::manifest::FORMAT_VERSION
            ),
            Self::Damaged { path, why } => write!(f, "`{}` is damaged: {why}", path.display()),
            Self::Limit {
                path,
                limit,
                allowed,
                found,
            } => write!(
                f,
                "cannot read `{}`: {limit} is {found}, at most {allowed} are allowed",
                path.display()
            ),
            Self::NoTable { path } => write!(f, "there is no table `{}`", path.display()),
            Self::BadName { name } => write!(f, "`{name}` cannot be the name of a run"),
            Self::UnknownRun { reference, .. } => write!(f, "no run `{reference}`"),
            Self::AmbiguousRun {
                reference,
                candidates,
            } => write!(
                f,
                "`{reference}` may mean {} runs: {}",
                candidates.len(),
                candidates.join(", ")
            ),
            Self::Worker { path } => {
                write!(
                    f,
                    "cannot write the tables in `{}`: the writer is gone",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. }
            | Self::DiskFull { source, .. }
            | Self::FileLimit { source, .. } => Some(source),
            _ => None,
        }
    }
}
