//! Namespaces and roots: the same number or path means different things.

use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::{Outcome, Trouble, sys};

/// Lowest value that the kernel takes for `pid_max`.
const PID_MAX: &str = "310";

/// Forks in a namespace of so few process numbers that they come back every few hundred forks.
pub(crate) fn pid_reuse(numbers: &[u64]) -> Outcome {
    let children = numbers.first().copied().unwrap_or_default();
    sys::unshare(libc::CLONE_NEWPID | libc::CLONE_NEWNS)
        .map_err(|error| Trouble::Skip(format!("unshare: {error}")))?;
    let init = sys::fork()?;
    if init == 0 {
        sys::exit_now(as_init(children));
    }
    let status = sys::wait(init, 0)?;
    match libc::WEXITSTATUS(status) {
        0 => Ok(
            json!({"processes": children + 2, "exits": {"0": 1, "2": children}, "pid_max": PID_MAX.parse::<u64>().unwrap_or(0)}),
        ),
        77 => Err(Trouble::Skip(
            "`/proc/sys/kernel/pid_max` of the namespace cannot be set".to_owned(),
        )),
        code => Err(Trouble::Failed(format!(
            "the first process of the namespace ended with {code}"
        ))),
    }
}

fn as_init(children: u64) -> i32 {
    let private = sys::mount(c"none", c"/", c"", libc::MS_REC | libc::MS_PRIVATE);
    if private
        .and_then(|()| sys::mount(c"proc", c"/proc", c"proc", 0))
        .is_err()
        || fs::write("/proc/sys/kernel/pid_max", PID_MAX).is_err()
    {
        return 77;
    }
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..children {
        let Ok(pid) = sys::fork() else { return 3 };
        if pid == 0 {
            sys::exit_now(2);
        }
        seen.insert(pid);
        if sys::wait(pid, 0).is_err() {
            return 4;
        }
    }
    // Without a repeat the workload would prove nothing.
    i32::from(
        children > 400 && u64::try_from(seen.len()).is_ok_and(|distinct| distinct == children),
    )
}

fn scratch(name: &str) -> Result<PathBuf, Trouble> {
    let folder = std::env::temp_dir().join(format!("torture-{name}-{}", sys::ids()[0]));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Opens a file by the same name inside and outside a new root.
pub(crate) fn chroot(_: &[u64]) -> Outcome {
    let folder = scratch("chroot")?;
    fs::write(folder.join("file"), "inside")?;
    let child = sys::fork()?;
    if child == 0 {
        let inside = std::os::unix::fs::chroot(&folder)
            .and_then(|()| std::env::set_current_dir("/"))
            .and_then(|()| fs::read("/file"));
        sys::exit_now(if inside.is_ok_and(|bytes| bytes == b"inside") {
            0
        } else {
            77
        });
    }
    let status = sys::wait(child, 0)?;
    fs::remove_dir_all(&folder)?;
    if libc::WEXITSTATUS(status) != 0 {
        return Err(Trouble::Skip("chroot is not allowed".to_owned()));
    }
    Ok(json!({"processes": 2, "opened_in_root": {"root": folder, "path": "/file"}}))
}

fn c_string(path: &Path) -> Result<CString, Trouble> {
    CString::new(path.as_os_str().as_encoded_bytes())
        .map_err(|error| Trouble::Failed(error.to_string()))
}

/// Opens a file through a bind mount that only this program sees.
pub(crate) fn mounts(_: &[u64]) -> Outcome {
    sys::unshare(libc::CLONE_NEWNS).map_err(|error| Trouble::Skip(format!("unshare: {error}")))?;
    sys::mount(c"none", c"/", c"", libc::MS_REC | libc::MS_PRIVATE)?;
    let folder = scratch("mounts")?;
    let (source, target) = (folder.join("source"), folder.join("target"));
    fs::create_dir_all(&source)?;
    fs::create_dir_all(&target)?;
    fs::write(source.join("file"), "below")?;
    sys::mount(&c_string(&source)?, &c_string(&target)?, c"", libc::MS_BIND)?;
    let text = fs::read(target.join("file"))?;
    if text != b"below" {
        return Err(Trouble::Failed(
            "the bind mount does not show the file".to_owned(),
        ));
    }
    Ok(json!({"processes": 1, "opened": target.join("file"), "calls": {"unshare": 1, "mount": 2}}))
}
