//! Files and folders that only their owner can read, and that are there whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use crate::error::{Result, StoreError};

/// `O_NOFOLLOW` of fcntl.h; Arm has its own number.
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
const O_NOFOLLOW: i32 = 0o100_000;
/// `O_NOFOLLOW` of fcntl.h.
#[cfg(not(any(target_arch = "aarch64", target_arch = "arm")))]
const O_NOFOLLOW: i32 = 0o400_000;

/// `O_NONBLOCK`: opening a FIFO that somebody put in the place of a file does not hang.
const O_NONBLOCK: i32 = 0o4000;

/// Opens a new file for writing: mode 0600, never through a symbolic link, never over an existing file.
pub(crate) fn create_file(path: &Path) -> Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(O_NOFOLLOW)
        .open(path)
        .map_err(|source| StoreError::io("create", path, source))
}

/// Opens a file for reading; refuses links and everything that is not a regular file.
pub(crate) fn open_file(path: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(path)
        .map_err(|source| StoreError::io("open", path, source))?;
    let metadata = file
        .metadata()
        .map_err(|source| StoreError::io("look at", path, source))?;
    if metadata.is_file() {
        Ok(file)
    } else {
        Err(StoreError::damaged(path, "it is not a regular file"))
    }
}

/// Length of a file.
pub(crate) fn file_len(path: &Path, file: &File) -> Result<u64> {
    file.metadata()
        .map(|metadata| metadata.len())
        .map_err(|source| StoreError::io("look at", path, source))
}

/// Reads a whole file of at most `limit` bytes; `name` is the limit's.
pub(crate) fn read_file(path: &Path, name: &'static str, limit: u64) -> Result<Vec<u8>> {
    let file = open_file(path)?;
    let len = file_len(path, &file)?;
    if len > limit {
        return Err(StoreError::Limit {
            path: path.to_path_buf(),
            limit: name,
            allowed: limit,
            found: len,
        });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|source| StoreError::io("read", path, source))?;
    Ok(bytes)
}

/// The path with `.tmp` at its end.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".tmp");
    PathBuf::from(name)
}

/// Removes a file if it is there.
pub(crate) fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", path, source))
        }
        _ => Ok(()),
    }
}

/// Puts `bytes` where `path` is, at once: readers see the old content or the new, also after a power cut.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    put_file(path, bytes, File::sync_all)?;
    sync_parent(path)
}

/// Puts `bytes` where `path` is, at once, without waiting for the disk: until [`sync_file`] a power cut may take it back.
pub(crate) fn place_file(path: &Path, bytes: &[u8]) -> Result<()> {
    put_file(path, bytes, |_| Ok(()))
}

/// Makes a file that [`place_file`] put there, and its name, survive a power cut.
pub(crate) fn sync_file(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| StoreError::io("sync", path, source))?;
    sync_parent(path)
}

fn put_file(path: &Path, bytes: &[u8], settle: impl FnOnce(&File) -> io::Result<()>) -> Result<()> {
    let temporary = temporary(path);
    remove_if_there(&temporary)?;
    let mut file = create_file(&temporary)?;
    let written = file
        .write_all(bytes)
        .map_err(|source| StoreError::io("write", &temporary, source))
        .and_then(|()| settle(&file).map_err(|source| StoreError::io("sync", &temporary, source)));
    if let Err(error) = written {
        // The old file stays; a left-over temporary one would only take space that is short now.
        drop(fs::remove_file(&temporary));
        return Err(error);
    }
    rename(&temporary, path)
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|source| StoreError::io("rename", from, source))
}

/// Makes names in the folder of `path` survive a power cut.
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) => sync_folder(folder),
        None => Ok(()),
    }
}

/// Makes the names in a folder survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(|source| StoreError::io("sync", folder, source))
}

/// Makes a folder of mode 0700, or takes an existing one that is empty and sets its mode.
pub(crate) fn make_private_folder(path: &Path) -> Result<()> {
    check_parent(path)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => take_empty_folder(path),
        Err(source) => Err(StoreError::io("make folder", path, source)),
    }
}

fn take_empty_folder(path: &Path) -> Result<()> {
    let metadata =
        fs::symlink_metadata(path).map_err(|source| StoreError::io("look at", path, source))?;
    let exists = || StoreError::Exists {
        path: path.to_path_buf(),
    };
    if !metadata.is_dir() {
        return Err(exists());
    }
    let mut entries = fs::read_dir(path).map_err(|source| StoreError::io("list", path, source))?;
    if entries.next().is_some() {
        return Err(exists());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
        .map_err(|source| StoreError::io("set the mode of", path, source))
}

/// Refuses a parent in which everybody may rename our folder away: world-writable without the sticky bit.
fn check_parent(path: &Path) -> Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let metadata =
        fs::metadata(parent).map_err(|source| StoreError::io("look at", parent, source))?;
    let mode = metadata.mode();
    if mode & 0o002 != 0 && mode & 0o1000 == 0 {
        return Err(StoreError::UnsafeFolder {
            path: parent.to_path_buf(),
            why: "everybody may write to it and it has no sticky bit",
        });
    }
    Ok(())
}

/// Names in a folder, sorted; empty when there is no such folder.
pub(crate) fn names_in(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(StoreError::io("list", folder, source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| StoreError::io("list", folder, source))?;
        // Names that are not UTF-8 are not ours.
        if let Ok(name) = entry.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// CRC32C and length of a file's content.
pub(crate) fn checksum(path: &Path) -> Result<(u32, u64)> {
    let mut file = open_file(path)?;
    let mut buffer = vec![0; 256 << 10];
    let (mut crc, mut len) = (0, 0u64);
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => return Ok((crc, len)),
            Ok(count) => count,
            Err(source) if source.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(StoreError::io("read", path, source)),
        };
        crc = crc32c::crc32c_append(crc, buffer.get(..count).unwrap_or_default());
        len += count as u64;
    }
}
