//! Lakes that are folders: copies that are whole or not there.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::failure::Failure;

/// Depth of folders in a run.
const DEPTH_MAX: usize = 4;

/// Makes a folder for its owner alone.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))
}

/// Copies a folder so that it is whole or not there. What a broken attempt left is used where it is the same.
pub(super) fn copy_whole(from: &Path, to: &Path) -> Result<()> {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let part = to.with_file_name(format!(".{name}.part"));
    copy(from, &part, DEPTH_MAX)?;
    fs::rename(&part, to)
        .with_context(|| format!("cannot move `{}` to `{}`", part.display(), to.display()))
}

fn copy(from: &Path, to: &Path, depth: usize) -> Result<()> {
    if depth == 0 {
        return Err(Failure::input(format!("`{}` is no run folder", from.display())).into());
    }
    make_folder(to)?;
    for name in names(from)? {
        let (from, to) = (from.join(&name), to.join(&name));
        let kind = fs::symlink_metadata(&from)
            .with_context(|| format!("cannot look at `{}`", from.display()))?;
        if kind.is_dir() {
            copy(&from, &to, depth - 1)?;
        } else if kind.is_file() {
            if !same_file(&from, &to)? {
                copy_file(&from, &to)?;
            }
        } else {
            return Err(Failure::input(format!(
                "`{}` is neither a file nor a folder",
                from.display()
            ))
            .into());
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let copied = fs::copy(from, to).and_then(|_| fs::File::open(to)?.sync_all());
    copied.with_context(|| format!("cannot copy `{}` to `{}`", from.display(), to.display()))
}

/// Whether both folders have the same files with the same bytes.
pub(super) fn same_folder(one: &Path, other: &Path) -> Result<bool> {
    let (names_of_one, names_of_other) = (names(one)?, names(other)?);
    if names_of_one != names_of_other {
        return Ok(false);
    }
    for name in names_of_one {
        let (one, other) = (one.join(&name), other.join(&name));
        let same = if one.is_dir() {
            other.is_dir() && same_folder(&one, &other)?
        } else {
            same_file(&one, &other)?
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_file(one: &Path, other: &Path) -> Result<bool> {
    let open = |path: &Path| -> Result<Option<fs::File>> {
        match fs::File::open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot open `{}`", path.display())),
        }
    };
    let (Some(one_file), Some(other_file)) = (open(one)?, open(other)?) else {
        return Ok(false);
    };
    let read = |path: &Path| format!("cannot read `{}`", path.display());
    let len = |file: &fs::File, path: &Path| -> Result<u64> {
        Ok(file.metadata().with_context(|| read(path))?.len())
    };
    if len(&one_file, one)? != len(&other_file, other)? {
        return Ok(false);
    }
    let mut ones = std::io::BufReader::with_capacity(1 << 16, one_file).bytes();
    let mut others = std::io::BufReader::with_capacity(1 << 16, other_file).bytes();
    loop {
        let next = (
            ones.next().transpose().with_context(|| read(one))?,
            others.next().transpose().with_context(|| read(other))?,
        );
        match next {
            (None, None) => return Ok(true),
            (one, other) if one != other => return Ok(false),
            _ => {}
        }
    }
}

/// Names in a folder, sorted; none where it is not there.
pub(super) fn names(folder: &Path) -> Result<Vec<std::ffi::OsString>> {
    let read = || format!("cannot list `{}`", folder.display());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(read),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.with_context(read)?.file_name();
        // What is being copied is not there yet.
        if !name.to_string_lossy().starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
