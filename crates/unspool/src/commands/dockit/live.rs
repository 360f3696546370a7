//! Records a command, or a running process, into a log and its `.ini`.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use unspool_record::external::{self, Tracer, TracerOptions};
use unspool_record::scrub::{Policy, Scrubber};
use unspool_record::{Command, Control, Exit, RecordSink, SinkError, Wait};

use super::{base, ini, with_ending};
use crate::cli::DockitArgs;
use crate::clock::{now_ns, random};
use crate::commands::import::rules;
use crate::failure::{Failure, status};
use crate::report::eprint_line;
use crate::settings::Settings;

/// Longest strings in the log; dockit's own.
const STRING_BYTES: usize = 500;
/// Owner only: arguments and names are nobody else's business.
const LOG_MODE: u32 = 0o600;

/// A log that was recorded.
pub(super) struct Recorded {
    /// The log.
    pub(super) log: PathBuf,
    /// Beginning of the names of all files.
    pub(super) base: PathBuf,
    /// Tracer that wrote it.
    pub(super) tracer: &'static str,
    /// Exit status of the command.
    pub(super) code: u8,
}

impl Recorded {
    /// Removes log and `.ini`.
    pub(super) fn forget(&self) -> Result<()> {
        for path in [&self.log, &with_ending(&self.base, "ini")] {
            std::fs::remove_file(path)
                .with_context(|| format!("cannot remove `{}`", path.display()))?;
        }
        Ok(())
    }
}

/// Records what the arguments say.
pub(super) fn record(
    settings: &Settings,
    args: &DockitArgs,
    tracer: &'static str,
    prefix: &Path,
) -> Result<Recorded> {
    let started_ns = now_ns();
    let part = with_ending(prefix, &format!("{tracer}.part"));
    let mut sink = LogSink {
        file: create(&part)?,
        path: part.clone(),
    };
    let outcome = trace(settings, args, tracer, &part, &mut sink);
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            // The failure is told; the log holds nothing.
            drop(std::fs::remove_file(&part));
            return Err(error);
        }
    };
    let top_pid = first_pid(&part)?.or(args.pid).unwrap_or(0);
    let base = base(prefix, tracer, top_pid);
    let log = with_ending(&base, "log");
    std::fs::rename(&part, &log).with_context(|| format!("cannot write `{}`", log.display()))?;
    let date = unspool_export::units::instant(started_ns);
    let date = date.split(' ').next().unwrap_or_default();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let text = ini::text(top_pid, settings.cwd.as_deref(), date, host.trim());
    let ini = with_ending(&base, "ini");
    std::fs::write(&ini, text).with_context(|| format!("cannot write `{}`", ini.display()))?;
    for note in &outcome.notes {
        eprint_line(&format!("note: {note}"));
    }
    let code = match (&outcome.sink_error, outcome.exit) {
        (Some(error), _) => {
            eprint_line(&format!("INCOMPLETE: {error}"));
            status::WRITE
        }
        // Ctrl-C let it go, as it should.
        (None, Exit::Running) => 0,
        (None, exit) => exit.code(),
    };
    Ok(Recorded {
        log,
        base,
        tracer,
        code,
    })
}

fn create(path: &Path) -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(LOG_MODE)
        .open(path)
        .map_err(|error| {
            Failure::new(
                status::WRITE,
                format!("cannot write `{}`: {error}", path.display()),
            )
            .hint("name a prefix in a folder that exists, with `-l`")
            .into()
        })
}

fn trace(
    settings: &Settings,
    args: &DockitArgs,
    tracer: &'static str,
    part: &Path,
    sink: &mut LogSink,
) -> Result<unspool_record::Outcome> {
    let mut scrubber = Scrubber::with_rules(Policy::Default, random()?, &rules(args.payload));
    let argv: Vec<Vec<u8>> = args
        .command
        .iter()
        .map(|word| word.clone().into_vec())
        .collect();
    scrubber.learn_argv(&argv);
    scrubber.learn_env(&settings.environment);
    let folder = part
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let options = TracerOptions {
        program: None,
        scratch: std::path::absolute(folder.unwrap_or(Path::new(".")))
            .context("cannot find the folder of the log")?,
        string_len_max: STRING_BYTES,
        wait: Wait::All,
        scrubber: Arc::new(scrubber),
    };
    let which = if tracer == "ltrace" {
        Tracer::Ltrace
    } else {
        Tracer::Strace
    };
    let control = Control::default();
    let outcome = if let Some(pid) = args.pid {
        let pid =
            i32::try_from(pid).map_err(|_| Failure::usage(format!("there is no process {pid}")))?;
        external::attach_with_tracer(which, &[pid], &options, &control, sink)
    } else {
        let command = Command {
            argv: args.command.clone(),
            cwd: None,
            search_path: settings.search_path.clone(),
        };
        external::record_with_tracer(which, &command, &options, &control, sink)
    };
    outcome.map_err(|error| {
        let failure = Failure::new(error.code(), error.to_string());
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
        .into()
    })
}

/// Process id at the beginning of the first line: `4711  12:00:00 execve(`.
fn first_pid(log: &Path) -> Result<Option<u32>> {
    let file = File::open(log).with_context(|| format!("cannot open `{}`", log.display()))?;
    let mut line = Vec::new();
    BufReader::new(file)
        .read_until(b'\n', &mut line)
        .with_context(|| format!("cannot read `{}`", log.display()))?;
    let digits: Vec<u8> = line.into_iter().take_while(u8::is_ascii_digit).collect();
    Ok(String::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok()))
}

/// Copies the log that is replayed, and its `.ini`, to the names of the other files.
pub(super) fn keep_log(log: &Path, base: &Path) -> Result<()> {
    let ini = log.with_extension("ini");
    for (from, to) in [
        (log, with_ending(base, "log")),
        (&*ini, with_ending(base, "ini")),
    ] {
        let same = std::fs::canonicalize(from).ok() == std::fs::canonicalize(&to).ok();
        if from.is_file() && !same {
            std::fs::copy(from, &to).with_context(|| {
                format!("cannot copy `{}` to `{}`", from.display(), to.display())
            })?;
        }
    }
    Ok(())
}

/// Writes the tracer's lines into the log.
struct LogSink {
    file: File,
    path: PathBuf,
}

impl RecordSink for LogSink {
    fn write(&mut self, records: &[u8]) -> Result<(), SinkError> {
        self.file.write_all(records).map_err(|source| SinkError {
            action: format!("write the log `{}`", self.path.display()),
            source,
        })
    }
}
