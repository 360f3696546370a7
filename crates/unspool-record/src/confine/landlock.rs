//! Landlock (linux/landlock.h, landlock(7)): three calls without wrappers in the C library.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::OpenOptionsExt as _;

use super::{ConfineError, check};

/// Rules in the kernel's numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LandlockRules {
    /// `LANDLOCK_ACCESS_FS_*` bits that need a rule.
    pub handled_fs: u64,
    /// `LANDLOCK_ACCESS_NET_*` bits that need a rule.
    pub handled_net: u64,
    /// `LANDLOCK_SCOPE_*` bits.
    pub scoped: u64,
    /// Paths, and what is allowed at and below them.
    pub paths: Vec<(Vec<u8>, u64)>,
    /// TCP ports, and what is allowed with them.
    pub ports: Vec<(u16, u64)>,
}

/// What of the rules was not applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Skipped {
    /// The kernel's version of the interface does not know these rights; they stay allowed.
    Version {
        /// Version of the kernel.
        version: u32,
        /// `LANDLOCK_ACCESS_FS_*` bits that it does not know.
        fs: u64,
        /// `LANDLOCK_ACCESS_NET_*` bits.
        net: u64,
        /// `LANDLOCK_SCOPE_*` bits.
        scoped: u64,
    },
    /// Nothing is at a path, or it cannot be opened: what it had been allowed is refused.
    Path(Vec<u8>, i32),
}

/// `struct landlock_ruleset_attr`.
#[repr(C)]
struct RulesetAttributes {
    handled_fs: u64,
    handled_net: u64,
    scoped: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: i32,
}

/// `struct landlock_net_port_attr`.
#[repr(C)]
struct NetPort {
    allowed: u64,
    port: u64,
}

const CREATE_RULESET_VERSION: u32 = 1;
const RULE_PATH_BENEATH: u32 = 1;
const RULE_NET_PORT: u32 = 2;

/// Rights that make sense for a file that is no folder: execute, write, read, truncate, ioctl.
const FILE_RIGHTS: u64 = 1 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15;

/// Rights on files that each version of the interface added, and whether it knows ports and scopes.
const VERSIONS: &[(u32, u64)] = &[(1, 0x1fff), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15)];
const NET_SINCE: u32 = 4;
const SCOPE_SINCE: u32 = 6;

/// Version of the interface that this kernel has; `None` without Landlock.
pub fn landlock_version() -> Option<u32> {
    let null: *const RulesetAttributes = std::ptr::null();
    // SAFETY: asking for the version takes no attributes.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            null,
            0_usize,
            CREATE_RULESET_VERSION,
        )
    };
    u32::try_from(version).ok().filter(|version| *version > 0)
}

/// Makes the ruleset; `None` when nothing is left to handle.
pub(super) fn build(
    rules: &LandlockRules,
    said: &mut dyn FnMut(Skipped),
) -> Result<Option<OwnedFd>, ConfineError> {
    let Some(version) = landlock_version() else {
        return Err(ConfineError::Refused {
            action: "use Landlock, which this kernel does not have or does not enable",
            source: io::Error::from_raw_os_error(libc::ENOSYS),
        });
    };
    let known_fs = VERSIONS
        .iter()
        .filter(|(since, _)| *since <= version)
        .fold(0, |bits, (_, added)| bits | added);
    let attributes = RulesetAttributes {
        handled_fs: rules.handled_fs & known_fs,
        handled_net: if version >= NET_SINCE {
            rules.handled_net
        } else {
            0
        },
        scoped: if version >= SCOPE_SINCE {
            rules.scoped
        } else {
            0
        },
    };
    let skipped = Skipped::Version {
        version,
        fs: rules.handled_fs & !attributes.handled_fs,
        net: rules.handled_net & !attributes.handled_net,
        scoped: rules.scoped & !attributes.scoped,
    };
    if !matches!(
        skipped,
        Skipped::Version {
            fs: 0,
            net: 0,
            scoped: 0,
            ..
        }
    ) {
        said(skipped);
    }
    if attributes.handled_fs | attributes.handled_net | attributes.scoped == 0 {
        return Ok(None);
    }
    // SAFETY: the attributes are as long as said.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            &raw const attributes,
            size_of::<RulesetAttributes>(),
            0_u32,
        )
    };
    check("make a Landlock ruleset", fd)?;
    let fd = i32::try_from(fd).map_err(|_| ConfineError::Refused {
        action: "make a Landlock ruleset",
        source: io::Error::from(io::ErrorKind::InvalidData),
    })?;
    // SAFETY: the kernel has just made this descriptor for us.
    let ruleset = unsafe { OwnedFd::from_raw_fd(fd) };
    for (path, allowed) in &rules.paths {
        add_path(&ruleset, path, allowed & attributes.handled_fs, said)?;
    }
    for (port, allowed) in &rules.ports {
        add_port(&ruleset, *port, allowed & attributes.handled_net)?;
    }
    Ok(Some(ruleset))
}

fn add_path(
    ruleset: &OwnedFd,
    path: &[u8],
    allowed: u64,
    said: &mut dyn FnMut(Skipped),
) -> Result<(), ConfineError> {
    let opened = File::options()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_CLOEXEC)
        .open(OsString::from_vec(path.to_vec()));
    let file = match opened {
        Ok(file) => file,
        Err(error) => {
            said(Skipped::Path(
                path.to_vec(),
                error.raw_os_error().unwrap_or(0),
            ));
            return Ok(());
        }
    };
    let is_folder = file.metadata().is_ok_and(|metadata| metadata.is_dir());
    let rule = PathBeneath {
        allowed: if is_folder {
            allowed
        } else {
            allowed & FILE_RIGHTS
        },
        parent: file.as_raw_fd(),
    };
    if rule.allowed == 0 {
        return Ok(());
    }
    // SAFETY: the rule is valid; its descriptor is open.
    let done = unsafe {
        libc::syscall(
            libc::SYS_landlock_add_rule,
            ruleset.as_raw_fd(),
            RULE_PATH_BENEATH,
            &raw const rule,
            0_u32,
        )
    };
    check("add a Landlock rule for a path", done)
}

fn add_port(ruleset: &OwnedFd, port: u16, allowed: u64) -> Result<(), ConfineError> {
    if allowed == 0 {
        return Ok(());
    }
    let rule = NetPort {
        allowed,
        port: u64::from(port),
    };
    // SAFETY: the rule is valid.
    let done = unsafe {
        libc::syscall(
            libc::SYS_landlock_add_rule,
            ruleset.as_raw_fd(),
            RULE_NET_PORT,
            &raw const rule,
            0_u32,
        )
    };
    check("add a Landlock rule for a port", done)
}

/// Puts this thread, and all that it starts, under the rules.
pub(super) fn restrict(ruleset: &OwnedFd) -> Result<(), ConfineError> {
    // SAFETY: numbers only; the descriptor is open.
    let done =
        unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0_u32) };
    check("apply Landlock rules", done)
}
