//! The tracers: where they are, which flags they know.

use super::TracerOptions;
use crate::options::{Command, RecordError};
use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};

/// An external tracer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracer {
    /// System calls, decoded.
    Strace,
    /// Library calls and system calls. Only dynamically linked ELF programs; no scripts.
    Ltrace,
}

/// Flags of strace, best first. The first set that this strace understands is used.
const STRACE_FLAGS: &[&[&str]] = &[
    // 5.6 and later: nanoseconds, and argument vectors and environments in full, whatever their length.
    &[
        "-f",
        "-q",
        "--absolute-timestamps=format:unix,precision:ns",
        "--syscall-times=ns",
        "-yy",
        "-e",
        "abbrev=!execve,execveat",
    ],
    // 4.8 and later.
    &["-f", "-q", "-ttt", "-T", "-yy", "-e", "abbrev=!execve"],
    &["-f", "-q", "-ttt", "-T", "-y"],
    &["-f", "-q", "-ttt", "-T"],
];

const LTRACE_FLAGS: &[&[&str]] = &[&["-S", "-f", "-ttt", "-T"]];

impl Tracer {
    /// Name of its program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strace => "strace",
            Self::Ltrace => "ltrace",
        }
    }
}

/// The tracer's own words for its version, `strace -- version 6.1`. `None` when it is not installed.
pub fn version(tracer: Tracer, program: Option<&Path>) -> Option<String> {
    let program = program.map_or_else(|| PathBuf::from(tracer.name()), Path::to_path_buf);
    let output = process::Command::new(program)
        .arg("-V")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let first = output.stdout.split(|byte| *byte == b'\n').next()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(first).trim().to_owned())
}

/// The tracer as a process to be, without arguments.
pub(super) fn process(tracer: Tracer, options: &TracerOptions) -> process::Command {
    let name: &OsStr = options
        .program
        .as_ref()
        .map_or_else(|| OsStr::new(tracer.name()), |path| path.as_os_str());
    process::Command::new(name)
}

/// The flags for this tracer: the best that it understands.
///
/// `strace FLAGS -V` reads the flags before it prints its version, so it says what it understands without tracing anything.
pub(super) fn probe(tracer: Tracer, options: &TracerOptions) -> Result<Vec<String>, RecordError> {
    let sets = match tracer {
        Tracer::Strace => STRACE_FLAGS,
        Tracer::Ltrace => LTRACE_FLAGS,
    };
    let strings = ["-s".to_owned(), options.string_len_max.to_string()];
    for flags in sets {
        let status = process(tracer, options)
            .args(*flags)
            .args(&strings)
            .arg("-V")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match status {
            Ok(status) if status.success() => {
                return Ok(flags
                    .iter()
                    .map(|flag| (*flag).to_owned())
                    .chain(strings)
                    .collect());
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(RecordError::TracerMissing {
                    tracer: tracer.name(),
                });
            }
            Err(source) => {
                return Err(RecordError::Failed {
                    action: "start the tracer",
                    source,
                });
            }
        }
    }
    let source = io::Error::other(format!(
        "`{}` understands none of the flags known to work",
        tracer.name()
    ));
    Err(RecordError::Failed {
        action: "use this tracer",
        source,
    })
}

/// Looks for the command as the tracer will, so that its absence is told from the tracer's.
pub(super) fn check_command(command: &Command) -> Result<(), RecordError> {
    let Some(program) = command.argv.first() else {
        return Err(RecordError::NotFound {
            program: std::ffi::OsString::new(),
        });
    };
    let mut error = io::ErrorKind::NotFound;
    for path in candidates(command, program) {
        match std::fs::metadata(&path) {
            Ok(file) if file.is_file() && file.permissions().mode() & 0o111 != 0 => return Ok(()),
            Ok(_) => error = io::ErrorKind::PermissionDenied,
            Err(failure) if failure.kind() == io::ErrorKind::PermissionDenied => {
                error = io::ErrorKind::PermissionDenied;
            }
            Err(_) => {}
        }
    }
    let program = program.clone();
    Err(match error {
        io::ErrorKind::NotFound => RecordError::NotFound { program },
        _ => RecordError::NotExecutable {
            program,
            source: io::Error::from_raw_os_error(libc::EACCES),
        },
    })
}

fn candidates(command: &Command, program: &OsStr) -> Vec<PathBuf> {
    let base = command.cwd.clone().unwrap_or_else(|| PathBuf::from("."));
    if program.as_encoded_bytes().contains(&b'/') {
        return vec![base.join(program)];
    }
    let folders = command
        .search_path
        .clone()
        .unwrap_or_else(|| "/bin:/usr/bin".into());
    std::env::split_paths(&folders)
        .map(|folder| base.join(folder).join(program))
        .collect()
}
