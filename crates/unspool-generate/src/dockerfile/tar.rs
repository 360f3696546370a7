//! Archives in the form of POSIX tar with GNU's long names, which every builder of images unpacks.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::{Entry, EntryKind};
use crate::host::Host;
use crate::text::shown;

const BLOCK: usize = 512;

/// Longest name that a header has room for.
const NAME_MAX: usize = 100;

/// Why an archive could not be written.
#[derive(Debug)]
pub enum TarError {
    /// A file that was to be copied cannot be read.
    Read(Vec<u8>, io::Error),
    /// The archive cannot be written.
    Write(io::Error),
}

impl fmt::Display for TarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "cannot copy `{}`: {error}", shown(path)),
            Self::Write(error) => write!(f, "cannot write the archive: {error}"),
        }
    }
}

impl std::error::Error for TarError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(_, error) | Self::Write(error) => Some(error),
        }
    }
}

/// Writes the entries, folders before what is in them. Files that cannot be read are left out and given back.
pub fn write_tar(
    entries: &[Entry],
    host: &Host,
    out: &mut dyn Write,
) -> Result<Vec<TarError>, TarError> {
    let mut left_out = Vec::new();
    for entry in entries {
        match one(entry, host, out) {
            Ok(()) => {}
            Err(error @ TarError::Read(..)) => left_out.push(error),
            Err(error) => return Err(error),
        }
    }
    out.write_all(&[0; 2 * BLOCK]).map_err(TarError::Write)?;
    Ok(left_out)
}

fn one(entry: &Entry, host: &Host, out: &mut dyn Write) -> Result<(), TarError> {
    let read = |error| TarError::Read(entry.path.clone(), error);
    let name = entry.path.strip_prefix(b"/").unwrap_or(&entry.path);
    let metadata = host.metadata(&entry.path);
    let owner = metadata
        .as_ref()
        .map_or((0, 0), |metadata| (metadata.uid(), metadata.gid()));
    let mtime = metadata
        .as_ref()
        .map_or(0, |metadata| u64::try_from(metadata.mtime()).unwrap_or(0));
    let mode = metadata
        .as_ref()
        .map_or(0o755, |metadata| metadata.permissions().mode() & 0o7777);
    let header = |kind: u8, name: &[u8], target: &[u8], size: u64| {
        header(&Fields {
            kind,
            name,
            target,
            mode,
            owner,
            mtime,
            size,
        })
    };
    match &entry.kind {
        EntryKind::Folder => {
            let name = [name, b"/"].concat();
            long(&name, b'L', out)?;
            out.write_all(&header(b'5', &name, b"", 0))
                .map_err(TarError::Write)
        }
        EntryKind::Link(target) => {
            long(target, b'K', out)?;
            long(name, b'L', out)?;
            out.write_all(&header(b'2', name, target, 0))
                .map_err(TarError::Write)
        }
        EntryKind::File => {
            let file = File::open(host.locate(&entry.path)).map_err(read)?;
            let size = file.metadata().map_err(read)?.len();
            long(name, b'L', out)?;
            out.write_all(&header(b'0', name, b"", size))
                .map_err(TarError::Write)?;
            copy(file, size, out).map_err(TarError::Write)
        }
    }
}

/// Copies exactly `size` bytes; a file that shrank meanwhile is filled up with zeros.
fn copy(file: File, size: u64, out: &mut dyn Write) -> io::Result<()> {
    let copied = io::copy(&mut file.take(size), out)?;
    io::copy(&mut io::repeat(0).take(size - copied), out)?;
    pad(size, out)
}

fn pad(size: u64, out: &mut dyn Write) -> io::Result<()> {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    if over > 0 {
        out.write_all(&[0; BLOCK][over..])?;
    }
    Ok(())
}

/// GNU's way to say a name that has no room: an entry before, whose content it is.
fn long(name: &[u8], kind: u8, out: &mut dyn Write) -> Result<(), TarError> {
    if name.len() <= NAME_MAX {
        return Ok(());
    }
    let size = name.len() as u64 + 1;
    let fields = Fields {
        kind,
        name: b"././@LongLink",
        target: b"",
        mode: 0,
        owner: (0, 0),
        mtime: 0,
        size,
    };
    let mut write = || -> io::Result<()> {
        out.write_all(&header(&fields))?;
        out.write_all(name)?;
        out.write_all(&[0])?;
        pad(size, out)
    };
    write().map_err(TarError::Write)
}

struct Fields<'a> {
    kind: u8,
    name: &'a [u8],
    target: &'a [u8],
    mode: u32,
    owner: (u32, u32),
    mtime: u64,
    size: u64,
}

fn header(fields: &Fields<'_>) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put(&mut block, 0, fields.name, NAME_MAX);
    put_number(&mut block, 100, u64::from(fields.mode), 8);
    put_number(&mut block, 108, u64::from(fields.owner.0), 8);
    put_number(&mut block, 116, u64::from(fields.owner.1), 8);
    put_number(&mut block, 124, fields.size, 12);
    put_number(&mut block, 136, fields.mtime, 12);
    put(&mut block, 148, b"        ", 8);
    put(&mut block, 156, &[fields.kind], 1);
    put(&mut block, 157, fields.target, NAME_MAX);
    // GNU's magic and version.
    put(&mut block, 257, b"ustar  \0", 8);
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes(), 8);
    block
}

fn put(block: &mut [u8; BLOCK], at: usize, value: &[u8], max: usize) {
    let len = value.len().min(max);
    if let (Some(room), Some(value)) = (block.get_mut(at..at + len), value.get(..len)) {
        room.copy_from_slice(value);
    }
}

/// An octal number, or GNU's binary form where that has no room.
fn put_number(block: &mut [u8; BLOCK], at: usize, value: u64, len: usize) {
    let digits = format!("{value:0width$o}", width = len - 1);
    if digits.len() < len {
        put(block, at, digits.as_bytes(), len);
        return;
    }
    let mut bytes = vec![0; len];
    for (place, byte) in bytes.iter_mut().rev().zip(value.to_le_bytes()) {
        *place = byte;
    }
    if let Some(first) = bytes.first_mut() {
        *first |= 0x80;
    }
    put(block, at, &bytes, len);
}
