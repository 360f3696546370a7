//! Big and hostile data, and times.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::{Outcome, Trouble, sys};

/// Names that break readers, terminals and log formats.
const NAMES: &[&[u8]] = &[
    b"plain",
    b"with space",
    b" leading and trailing ",
    b"tab\there",
    b"new\nline",
    b"return\rhere",
    b"\x1b[31mred\x1b[0m",
    b"\x1b]0;title\x07",
    b"\x9b31m",
    b"\xff\xfe not utf-8",
    b"caf\xc3\xa9",
    b"\xe2\x80\xaeright to left",
    b"\xe2\x81\xa6isolate",
    b"back\\slash",
    b"quote\"quote",
    b"single'quote",
    b"$(touch gone)`touch gone`;touch gone",
    b"<unfinished ...>",
    b") = 3\n123 openat(AT_FDCWD, \"forged\", O_RDONLY",
    b"a>b<c",
    b"par(en) = 3.txt",
    b"(deleted)",
    b"-rf",
    b"<script>alert(1)<script>",
    b"=cmd|'c calc'!A0",
];

fn scratch(name: &str) -> Result<std::path::PathBuf, Trouble> {
    let folder = std::env::temp_dir().join(format!("torture-{name}-{}", sys::ids()[0]));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// Makes a file of each name.
pub(crate) fn names(_: &[u64]) -> Outcome {
    let folder = scratch("names")?;
    let mut made = Vec::new();
    for name in NAMES {
        let path = folder.join(OsString::from_vec(name.to_vec()));
        fs::write(&path, name)?;
        made.push(hex(path.as_os_str().as_bytes()));
    }
    fs::remove_dir_all(&folder)?;
    Ok(json!({"processes": 1, "files": made}))
}

/// One call that writes a gigabyte.
pub(crate) fn big_write(numbers: &[u64]) -> Outcome {
    let len = usize::try_from(numbers.first().copied().unwrap_or_default()).unwrap_or(usize::MAX);
    let null = File::options().write(true).open("/dev/null")?;
    let written = sys::write_zeros(null.as_raw_fd(), len)?;
    Ok(json!({"processes": 1, "writes": {"/dev/null": written}}))
}

/// A child with an argument vector of about this size, in arguments of 100 kB.
pub(crate) fn big_argv(numbers: &[u64]) -> Outcome {
    let arguments =
        usize::try_from(numbers.first().copied().unwrap_or_default() / 100_000).unwrap_or(0);
    let status = Command::new("/bin/true")
        .args((0..arguments).map(|_| "x".repeat(100_000)))
        .stdin(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => Ok(
            json!({"processes": 2, "exits": {"0": 1}, "argv_count": arguments + 1, "argv_bytes_each": 100_000}),
        ),
        Ok(status) => Err(Trouble::Failed(status.to_string())),
        Err(error) => Err(Trouble::Skip(format!("arguments of that size: {error}"))),
    }
}

/// A folder so deep that its path does not fit a system call; every step is relative.
pub(crate) fn deep(numbers: &[u64]) -> Outcome {
    let folders = numbers.first().copied().unwrap_or_default();
    let root = scratch("deep")?;
    std::env::set_current_dir(&root)?;
    let name = "d".repeat(200);
    for _ in 0..folders {
        fs::create_dir(&name)?;
        std::env::set_current_dir(&name)?;
    }
    fs::write("bottom", "deep")?;
    std::env::set_current_dir(&root)?;
    fs::remove_dir_all(&root)?;
    Ok(
        json!({"processes": 1, "calls": {"mkdir": folders + 1}, "depth": folders, "bottom_path_bytes": root.as_os_str().len() as u64 + folders * 201 + 7}),
    )
}

/// Calls with addresses that hold nothing.
pub(crate) fn bad_pointers(numbers: &[u64]) -> Outcome {
    let calls = numbers.first().copied().unwrap_or_default();
    let page = i64::try_from(sys::forbidden_page()?).unwrap_or(1);
    for _ in 0..calls {
        for (number, arguments) in [
            (libc::SYS_openat, [i64::from(libc::AT_FDCWD), page, 0]),
            (libc::SYS_write, [1, page, 100]),
            (libc::SYS_execve, [page, page, page]),
        ] {
            if sys::call(number, arguments) != -1 {
                return Err(Trouble::Failed(format!("call {number} took a bad address")));
            }
        }
    }
    Ok(
        json!({"processes": 1, "failed": {"execve": calls}, "faults": {"openat": calls, "write": calls, "execve": calls}}),
    )
}

/// Short sleeps: their durations are at least this.
#[expect(clippy::disallowed_methods, reason = "the workload is sleeping")]
#[expect(
    clippy::unnecessary_wraps,
    reason = "every workload has this signature"
)]
pub(crate) fn clock(numbers: &[u64]) -> Outcome {
    const SLEEP: Duration = Duration::from_millis(2);
    let sleeps = numbers.first().copied().unwrap_or_default();
    for _ in 0..sleeps {
        std::thread::sleep(SLEEP);
    }
    Ok(json!({"processes": 1, "sleeps": sleeps, "sleep_ns_min": 2_000_000}))
}
