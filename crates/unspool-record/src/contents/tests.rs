//! Files that stayed as they were are described, others are not.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Contents, HASHED_BYTES_MAX};

/// A second from the present: files that exist by now are older.
fn later_ns() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the times of real files are compared"
    )]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_nanos()).unwrap() + 1_000_000_000
}

#[test]
fn an_unchanged_file_has_its_size_and_hash() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("threads.ini");
    fs::write(&path, "abc").unwrap();
    let content = Contents::new(later_ns(), true).of(&path).unwrap();
    assert_eq!(content.size_bytes, 3);
    // printf abc | sha256sum
    assert_eq!(
        content.hash,
        Some(0xba78_16bf_8f01_cfea_4141_40de_5dae_2223)
    );
    let unread = Contents::new(later_ns(), false).of(&path).unwrap();
    assert_eq!(unread.hash, None);
    assert_eq!(unread.modified_ns, content.modified_ns);
    assert_eq!(unread.inode, content.inode);
}

#[test]
fn what_changed_since_the_start_or_is_no_file_is_not_described() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("output");
    fs::write(&path, "abc").unwrap();
    assert_eq!(Contents::new(0, true).of(&path), None);
    let mut contents = Contents::new(later_ns(), true);
    for other in [
        root.path(),
        Path::new("/proc/self/status"),
        Path::new("/dev/null"),
        Path::new("/nowhere/at/all"),
        Path::new("output"),
    ] {
        assert_eq!(contents.of(other), None, "{}", other.display());
    }
}

#[test]
fn large_files_are_described_and_not_read() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("large");
    let file = fs::File::create(&path).unwrap();
    for (len, hashed) in [(HASHED_BYTES_MAX, true), (HASHED_BYTES_MAX + 1, false)] {
        file.set_len(len).unwrap();
        let content = Contents::new(later_ns(), true).of(&path).unwrap();
        assert_eq!(content.size_bytes, len);
        assert_eq!(content.hash.is_some(), hashed, "{len}");
    }
}
