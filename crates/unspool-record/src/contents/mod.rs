//! What the files were that a job read: size, time of the last change, number, and a hash of the bytes when asked for.
//!
//! Nothing is looked at while the job runs: a file whose status has not changed since the run began still is what every
//! process of the run found. The kernel keeps that time (`st_ctime`, stat(2)) and lets nobody set it back. A file that
//! did change, by the job or by anybody else, is not described.

#[cfg(test)]
mod tests;

use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use unspool_model::world::Content;

/// Largest file that is hashed, in bytes.
pub const HASHED_BYTES_MAX: u64 = 1 << 20;
/// Bytes of all files that are hashed for one run.
const ALL_HASHED_BYTES_MAX: u64 = 1 << 28;
/// Files that are looked at for one run.
const FILES_MAX: u64 = 500_000;
/// The kernel's times of files lag behind its clock by up to one tick (100 ticks a second at the least).
const TICK_NS: i64 = 10_000_000;

/// Describes the files of one run.
#[derive(Debug)]
pub struct Contents {
    /// When the run began, in nanoseconds since the epoch.
    start_ns: i64,
    /// Whether files are read.
    hashes: bool,
    looked_at: u64,
    hashed_bytes: u64,
}

impl Contents {
    /// For a run that began at `start_ns` (nanoseconds since the epoch); `hashes` also reads the files, each up to
    /// [`HASHED_BYTES_MAX`].
    pub fn new(start_ns: i64, hashes: bool) -> Self {
        Self {
            start_ns,
            hashes,
            looked_at: 0,
            hashed_bytes: 0,
        }
    }

    /// What the regular file at `path` was when the run began. `None` when it is not there, is no regular file, or
    /// changed since.
    pub fn of(&mut self, path: &Path) -> Option<Content> {
        let is_kernel = ["/proc", "/sys", "/dev"]
            .iter()
            .any(|folder| path.starts_with(folder));
        if is_kernel || !path.is_absolute() || self.looked_at >= FILES_MAX {
            return None;
        }
        self.looked_at += 1;
        let metadata = fs::metadata(path).ok()?;
        let mut content = self.unchanged(&metadata)?;
        if self.hashes
            && content.size_bytes <= HASHED_BYTES_MAX
            && self.hashed_bytes + content.size_bytes <= ALL_HASHED_BYTES_MAX
        {
            self.hashed_bytes += content.size_bytes;
            content.hash = hash(path, &metadata);
        }
        Some(content)
    }

    fn unchanged(&self, metadata: &Metadata) -> Option<Content> {
        let changed_ns = time_ns(metadata.ctime(), metadata.ctime_nsec());
        let is_old = changed_ns < self.start_ns.saturating_sub(TICK_NS);
        (metadata.is_file() && is_old).then(|| Content {
            size_bytes: metadata.size(),
            modified_ns: time_ns(metadata.mtime(), metadata.mtime_nsec()),
            inode: metadata.ino(),
            hash: None,
        })
    }
}

fn time_ns(seconds: i64, ns: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(ns)
}

/// First half of the SHA-256 of the file that `expected` describes. `None` when it cannot be read or is another one by now.
fn hash(path: &Path, expected: &Metadata) -> Option<u128> {
    let mut file = File::open(path).ok()?;
    let opened = file.metadata().ok()?;
    if (opened.dev(), opened.ino()) != (expected.dev(), expected.ino()) {
        return None;
    }
    let mut bytes = Vec::new();
    let limit = HASHED_BYTES_MAX + 1;
    file.by_ref().take(limit).read_to_end(&mut bytes).ok()?;
    let digest = Sha256::digest(&bytes);
    let half: [u8; 16] = digest.get(..16)?.try_into().ok()?;
    (bytes.len() as u64 == expected.size()).then(|| u128::from_be_bytes(half))
}
