//! Starts a command with exactly the state it would have had without a recorder.
//!
//! Inherited unchanged: descriptors (ours are all close-on-exec), environment, signal mask and dispositions, limits, process
//! group, session, terminal, umask, priorities, affinity. The child waits until the recorder holds it.

#![expect(
    unsafe_code,
    reason = "between fork and exec only raw calls are allowed"
)]

use std::ffi::{CString, OsStr};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::ffi::OsStrExt as _;

use crate::harden::soften_in_child;
use crate::options::{Command, RecordError};
use crate::sys::Tid;
use crate::sys::signals::{Dispositions, set_mask, was_closed_at_start};

/// Search path of execvp(3) when `PATH` is not set.
const DEFAULT_SEARCH_PATH: &[u8] = b"/bin:/usr/bin";
const SHELL: &std::ffi::CStr = c"/bin/sh";

unsafe extern "C" {
    /// The environment as the C library holds it, passed on byte for byte.
    static environ: *const *const libc::c_char;
}

/// A child that waits to be traced before it becomes the command.
#[derive(Debug)]
pub(crate) struct Launched {
    /// The child.
    pub(crate) pid: Tid,
    go: io::PipeWriter,
    failure: io::PipeReader,
}

impl Launched {
    /// Waits until the child may be traced: before, it is as undumpable as the recorder.
    fn wait_until_ready(&mut self) -> Result<(), RecordError> {
        let mut byte = [0];
        let ready = self.failure.read_exact(&mut byte);
        ready.map_err(|source| RecordError::Failed {
            action: "start a process",
            source,
        })
    }

    /// Lets the child become the command.
    pub(crate) fn go(&mut self) -> io::Result<()> {
        self.go.write_all(&[1])
    }

    /// Errno of the exec, once the child ended without one.
    pub(crate) fn exec_errno(&mut self) -> Option<i32> {
        let mut bytes = [0; 4];
        self.failure.read_exact(&mut bytes).ok()?;
        Some(i32::from_ne_bytes(bytes))
    }
}

/// All that the child needs, made before the fork: afterwards nothing may be allocated.
struct Prepared<'a> {
    programs: Vec<CString>,
    argv: Vec<*const libc::c_char>,
    /// `argv` behind a shell, for scripts without a first line that names one, as execvp(3) does it. Slot 1 is the script.
    shell_argv: Vec<*const libc::c_char>,
    cwd: Option<CString>,
    go: RawFd,
    /// Closed in the child, so that the recorder's death ends its waiting.
    go_writer: RawFd,
    failure: RawFd,
    mask: libc::sigset_t,
    dispositions: &'a Dispositions,
    filter: Option<&'a libc::sock_fprog>,
}

/// Starts a child that waits to be traced. `mask` is the signal mask that the command inherits.
pub(crate) fn launch(
    command: &Command,
    dispositions: &Dispositions,
    mask: libc::sigset_t,
    filter: Option<&libc::sock_fprog>,
) -> Result<Launched, RecordError> {
    let Some(program) = command.argv.first() else {
        return Err(RecordError::NotFound {
            program: std::ffi::OsString::new(),
        });
    };
    let strings: Vec<CString> = command
        .argv
        .iter()
        .map(|argument| c_string(argument))
        .collect::<Result<_, _>>()?;
    let cwd = command
        .cwd
        .as_ref()
        .map(|path| c_string(path.as_os_str()))
        .transpose()?;
    let programs = candidates(program, command.search_path.as_deref())?;
    if programs.is_empty() {
        return Err(RecordError::NotFound {
            program: program.clone(),
        });
    }
    let (go_reader, go) = pipe()?;
    let (failure, failure_writer) = pipe()?;
    let mut argv: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
    argv.push(std::ptr::null());
    let mut shell_argv = vec![SHELL.as_ptr(), std::ptr::null()];
    shell_argv.extend_from_slice(&argv[1..]);
    let mut prepared = Prepared {
        programs,
        argv,
        shell_argv,
        cwd,
        go: go_reader.as_raw_fd(),
        go_writer: go.as_raw_fd(),
        failure: failure_writer.as_raw_fd(),
        mask,
        dispositions,
        filter,
    };
    // SAFETY: the child runs only `become_command`, which makes raw calls and allocates nothing.
    match unsafe { libc::fork() } {
        -1 => Err(RecordError::Failed {
            action: "start a process",
            source: io::Error::last_os_error(),
        }),
        0 => become_command(&mut prepared),
        pid => {
            // The child's end only: its death must end the reading.
            drop(failure_writer);
            let mut launched = Launched { pid, go, failure };
            launched.wait_until_ready()?;
            Ok(launched)
        }
    }
}

fn pipe() -> Result<(io::PipeReader, io::PipeWriter), RecordError> {
    io::pipe().map_err(|source| RecordError::Failed {
        action: "make a pipe",
        source,
    })
}

fn c_string(text: &OsStr) -> Result<CString, RecordError> {
    CString::new(text.as_bytes()).map_err(|_| RecordError::Failed {
        action: "start a command with a NUL byte in it",
        source: io::Error::from(io::ErrorKind::InvalidInput),
    })
}

/// The paths to try, in order: the name itself if it has a slash, else each folder of the search path.
fn candidates(program: &OsStr, search_path: Option<&OsStr>) -> Result<Vec<CString>, RecordError> {
    let name = program.as_bytes();
    if name.is_empty() || name.contains(&b'/') {
        return if name.is_empty() {
            Ok(Vec::new())
        } else {
            Ok(vec![c_string(program)?])
        };
    }
    let folders = search_path.map_or(DEFAULT_SEARCH_PATH, |path| path.as_bytes());
    let join = |folder: &[u8]| {
        let separator: &[u8] = if folder.is_empty() { b"" } else { b"/" };
        c_string(OsStr::from_bytes(&[folder, separator, name].concat()))
    };
    folders.split(|&byte| byte == b':').map(join).collect()
}

/// Runs in the child, up to its exec.
fn become_command(prepared: &mut Prepared<'_>) -> ! {
    soften_in_child();
    // SAFETY: one byte.
    unsafe { libc::write(prepared.failure, [1_u8].as_ptr().cast(), 1) };
    let error = match wait_for_go(prepared) {
        Ok(()) => try_programs(prepared),
        Err(errno) => errno,
    };
    let bytes = error.to_ne_bytes();
    // SAFETY: `bytes` is four bytes long.
    unsafe { libc::write(prepared.failure, bytes.as_ptr().cast(), bytes.len()) };
    // SAFETY: ends the child without running anything of the recorder.
    unsafe { libc::_exit(if error == libc::ENOENT { 127 } else { 126 }) }
}

fn wait_for_go(prepared: &Prepared<'_>) -> Result<(), i32> {
    // SAFETY: a descriptor of the child's own copy of the table.
    unsafe { libc::close(prepared.go_writer) };
    let mut byte = 0_u8;
    loop {
        // SAFETY: `byte` is one byte.
        match unsafe { libc::read(prepared.go, (&raw mut byte).cast(), 1) } {
            1 => break,
            -1 if crate::sys::errno() == libc::EINTR => {}
            // SAFETY: the recorder is gone or gave up.
            _ => unsafe { libc::_exit(125) },
        }
    }
    if let Some(cwd) = &prepared.cwd {
        // SAFETY: NUL-terminated.
        if unsafe { libc::chdir(cwd.as_ptr()) } != 0 {
            return Err(crate::sys::errno());
        }
    }
    for fd in (0..3).filter(|&fd| was_closed_at_start(fd)) {
        // SAFETY: the Rust runtime opened this one to fill a hole; the command must see the hole.
        unsafe { libc::close(i32::from(fd)) };
    }
    prepared.dispositions.restore_in_child();
    set_mask(&prepared.mask);
    if let Some(filter) = prepared.filter {
        install_filter(filter)?;
    }
    Ok(())
}

/// Installs a seccomp filter for this thread; sets `no_new_privs` first only if the kernel insists.
pub(crate) fn install_filter(filter: &libc::sock_fprog) -> Result<(), i32> {
    let install = || {
        // SAFETY: the filter is a valid program.
        unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                0,
                std::ptr::from_ref(filter),
            ) == 0
        }
    };
    if install() {
        return Ok(());
    }
    // SAFETY: numbers only.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if install() {
        Ok(())
    } else {
        Err(crate::sys::errno())
    }
}

/// Tries each path as execvp(3) does; returns the errno to report.
fn try_programs(prepared: &mut Prepared<'_>) -> i32 {
    let mut error = libc::ENOENT;
    for program in &prepared.programs {
        // SAFETY: all pointers are NUL-terminated strings and arrays made before the fork; `environ` is the C library's.
        unsafe { libc::execve(program.as_ptr(), prepared.argv.as_ptr(), environ) };
        match crate::sys::errno() {
            libc::ENOEXEC => {
                prepared.shell_argv[1] = program.as_ptr();
                // SAFETY: as above.
                unsafe { libc::execve(SHELL.as_ptr(), prepared.shell_argv.as_ptr(), environ) };
                return libc::ENOEXEC;
            }
            libc::ENOENT | libc::ENOTDIR => {}
            libc::EACCES => error = libc::EACCES,
            other => return other,
        }
    }
    error
}
