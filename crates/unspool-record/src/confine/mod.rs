//! Becomes a command under a policy: Landlock rules, a seccomp filter, or both. Nothing of it can be taken off again.

#![expect(
    unsafe_code,
    reason = "system calls without a safe wrapper; each block says who guarantees what"
)]

mod landlock;

use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt as _;

pub use landlock::{LandlockRules, Skipped, landlock_version};

use crate::sys::signals::{restore_runtime_signals_in_child, was_closed_at_start};

/// One instruction of a filter in classic BPF: `struct sock_filter` of linux/filter.h.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FilterInstruction {
    /// Operation.
    pub code: u16,
    /// Lines to skip when a comparison holds.
    pub jump_true: u8,
    /// Lines to skip when it does not.
    pub jump_false: u8,
    /// Operand.
    pub operand: u32,
}

/// What a command is put under.
#[derive(Clone, Debug, Default)]
pub struct Confinement {
    /// Landlock rules.
    pub landlock: Vec<LandlockRules>,
    /// Seccomp filters, each of which a call must pass.
    pub filters: Vec<Vec<FilterInstruction>>,
}

/// Why the command did not become.
#[derive(Debug)]
pub enum ConfineError {
    /// There is no such program.
    NotFound(OsString),
    /// It cannot be executed.
    NotExecutable(OsString, io::Error),
    /// The kernel refused a step of the confinement.
    Refused {
        /// What was being done.
        action: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl fmt::Display for ConfineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(program) => write!(f, "`{}` is not found", program.display()),
            Self::NotExecutable(program, source) => {
                write!(f, "cannot execute `{}`: {source}", program.display())
            }
            Self::Refused { action, source } => write!(f, "cannot {action}: {source}"),
        }
    }
}

impl std::error::Error for ConfineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotFound(_) => None,
            Self::NotExecutable(_, source) | Self::Refused { source, .. } => Some(source),
        }
    }
}

unsafe extern "C" {
    /// The environment as the C library holds it, passed on byte for byte.
    static environ: *const *const libc::c_char;
}

/// Replaces this process by the command under the confinement; returns only when that failed. To be called while the process
/// has one thread.
///
/// `said` gets what of the rules could not be applied, before anything is refused.
pub fn become_confined(
    argv: &[OsString],
    search_path: Option<&OsStr>,
    confinement: &Confinement,
    said: &mut dyn FnMut(Skipped),
) -> ConfineError {
    match prepare_and_become(argv, search_path, confinement, said) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn prepare_and_become(
    argv: &[OsString],
    search_path: Option<&OsStr>,
    confinement: &Confinement,
    said: &mut dyn FnMut(Skipped),
) -> Result<std::convert::Infallible, ConfineError> {
    let program = find(
        argv.first().map_or(OsStr::new(""), OsString::as_os_str),
        search_path,
    )?;
    let strings: Vec<CString> = argv
        .iter()
        .map(|word| c_string(word))
        .collect::<Result<_, _>>()?;
    let mut pointers: Vec<*const libc::c_char> = strings.iter().map(|word| word.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let rulesets = confinement
        .landlock
        .iter()
        .map(|rules| landlock::build(rules, said))
        .collect::<Result<Vec<_>, _>>()?;
    let filters: Vec<Vec<libc::sock_filter>> = confinement
        .filters
        .iter()
        .map(|filter| kernel_form(filter))
        .collect();
    for fd in (0..3).filter(|&fd| was_closed_at_start(fd)) {
        // SAFETY: the Rust runtime opened this one to fill a hole; the command must see the hole.
        unsafe { libc::close(i32::from(fd)) };
    }
    restore_runtime_signals_in_child();
    // SAFETY: numbers only.
    let done = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    check("set no_new_privs", i64::from(done))?;
    for ruleset in rulesets.iter().flatten() {
        landlock::restrict(ruleset)?;
    }
    for filter in &filters {
        install(filter)?;
    }
    // SAFETY: NUL-terminated strings and an array that ends with NULL, alive until here; `environ` is the C library's.
    unsafe { libc::execve(program.as_ptr(), pointers.as_ptr(), environ) };
    let error = io::Error::last_os_error();
    Err(ConfineError::NotExecutable(
        OsStr::from_bytes(program.as_bytes()).to_owned(),
        error,
    ))
}

fn kernel_form(filter: &[FilterInstruction]) -> Vec<libc::sock_filter> {
    filter
        .iter()
        .map(|line| libc::sock_filter {
            code: line.code,
            jt: line.jump_true,
            jf: line.jump_false,
            k: line.operand,
        })
        .collect()
}

fn install(filter: &[libc::sock_filter]) -> Result<(), ConfineError> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).unwrap_or(u16::MAX),
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: the program points to as many instructions as it says; the kernel copies them.
    let done = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const program,
        )
    };
    check("install a seccomp filter", done)
}

/// Turns -1 into the error.
fn check(action: &'static str, done: i64) -> Result<(), ConfineError> {
    if done >= 0 {
        return Ok(());
    }
    Err(ConfineError::Refused {
        action,
        source: io::Error::last_os_error(),
    })
}

fn c_string(text: &OsStr) -> Result<CString, ConfineError> {
    CString::new(text.as_bytes()).map_err(|_| ConfineError::Refused {
        action: "start a command with a NUL byte in it",
        source: io::Error::from(io::ErrorKind::InvalidInput),
    })
}

/// Finds the program as execvp(3) does. Before the policy holds: afterwards, looking may be refused already.
fn find(program: &OsStr, search_path: Option<&OsStr>) -> Result<CString, ConfineError> {
    let name = program.as_bytes();
    if name.contains(&b'/') {
        let path = c_string(program)?;
        return executable(&path)
            .map(|()| path)
            .map_err(|error| not_executable(program, error));
    }
    let mut refused = None;
    let folders = search_path.map_or(&b"/bin:/usr/bin"[..], |path| path.as_bytes());
    for folder in folders
        .split(|&byte| byte == b':')
        .filter(|_| !name.is_empty())
    {
        let separator: &[u8] = if folder.is_empty() { b"" } else { b"/" };
        let path = c_string(OsStr::from_bytes(&[folder, separator, name].concat()))?;
        match executable(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => refused = Some(error),
            Err(_) => {}
        }
    }
    Err(refused.map_or_else(
        || ConfineError::NotFound(program.to_owned()),
        |error| ConfineError::NotExecutable(program.to_owned(), error),
    ))
}

fn not_executable(program: &OsStr, error: io::Error) -> ConfineError {
    if error.kind() == io::ErrorKind::NotFound {
        ConfineError::NotFound(program.to_owned())
    } else {
        ConfineError::NotExecutable(program.to_owned(), error)
    }
}

/// Whether a regular file is there that may be executed.
fn executable(path: &CString) -> io::Result<()> {
    let metadata = std::fs::metadata(OsStr::from_bytes(path.as_bytes()))?;
    if !metadata.is_file() {
        return Err(io::Error::from(io::ErrorKind::PermissionDenied));
    }
    // SAFETY: NUL-terminated.
    if unsafe { libc::access(path.as_ptr(), libc::X_OK) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_execvp_finds_them() {
        let path = |program: &str, search: Option<&str>| {
            find(OsStr::new(program), search.map(OsStr::new))
                .map(|path| path.into_string().expect("text"))
        };
        assert_eq!(path("/bin/sh", None).expect("there"), "/bin/sh");
        assert_eq!(
            path("sh", Some("/nonexistent:/bin")).expect("there"),
            "/bin/sh"
        );
        assert!(matches!(
            path("no-such", None),
            Err(ConfineError::NotFound(_))
        ));
        assert!(matches!(
            path("/no-such", None),
            Err(ConfineError::NotFound(_))
        ));
        assert!(matches!(
            path("/etc/passwd", None),
            Err(ConfineError::NotExecutable(..))
        ));
        assert!(matches!(path("", None), Err(ConfineError::NotFound(_))));
    }
}
