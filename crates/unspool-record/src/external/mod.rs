//! Recording with strace or ltrace as a child, over their own output channel.
//!
//! The tracer writes to a FIFO that only it opens, so that the command inherits no descriptor more than it would have had and
//! its stderr carries nothing of the tracer's log. The lines reach the sink as they came, whole, without their secrets.
//!
//! ```text
//! 6572  1795234873.646373519 execve("/usr/bin/sh", ["sh", "-c", "exit 3"], ["HOME=/root", "KEY=‹redacted:1f2e3d4c›"]) = 0 <0.000158535>
//! ```

mod channel;
mod ending;
#[cfg(test)]
mod tests;
mod tracer;

use crate::harden::soften_in_child;
use crate::native::RECORDING;
use crate::options::{Command, Control, Counts, Exit, Outcome, RecordError, Wait};
use crate::scrub::Scrubber;
use crate::seam::{RecordSink, SinkError};
use crate::sys::signals::{self, Dispositions};
use channel::{Channel, Received};
use ending::Ending;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
pub use tracer::{Tracer, version};

/// How often the recorder looks whether it was asked to stop.
const PULSE: Duration = Duration::from_millis(50);
/// After the command's end the tracer has so long to end by itself before it is stopped, with [`Wait::Main`].
const GRACE: Duration = Duration::from_millis(200);
/// A tracer that was asked to end and says nothing more has so long before it is ended.
const SILENCE: Duration = Duration::from_secs(1);
/// Longest line that is kept together. What comes without a line end beyond it is passed on in parts.
const LINE_LEN_MAX: usize = 16 << 20;
/// So much of what the tracer says about itself is kept, when it is attached and says it to nobody else.
const CHATTER_LEN_MAX: u64 = 16 << 10;

/// How to record with an external tracer.
#[derive(Clone, Debug)]
pub struct TracerOptions {
    /// The tracer's program, `None`: looked for in the search path.
    pub program: Option<PathBuf>,
    /// An existing folder of ours, with an absolute path, in which the FIFO stands for a moment: the run folder.
    pub scratch: PathBuf,
    /// Longest string that the tracer prints, arguments of commands and data alike.
    pub string_len_max: usize,
    /// How long recording goes on.
    pub wait: Wait,
    /// Removes secrets from the lines. [`Scrubber::learn_argv`] and [`Scrubber::learn_env`] of the command belong before.
    pub scrubber: Arc<Scrubber>,
}

/// Runs `command` under `tracer` until it ends, and passes the tracer's lines to `sink`.
///
/// Stdin, stdout, stderr and terminal are the command's own; its exit is [`Outcome::exit`]. Counts are lines.
///
/// What remains of the tracer: strace itself is the command's parent, and its complaints about itself, which are rare, go
/// to the command's stderr. A set-uid program runs without its privilege, as under every ptrace of an ordinary user.
pub fn record_with_tracer(
    tracer: Tracer,
    command: &Command,
    options: &TracerOptions,
    control: &Control,
    sink: &mut dyn RecordSink,
) -> Result<Outcome, RecordError> {
    let _only_one = RECORDING.lock().unwrap_or_else(PoisonError::into_inner);
    tracer::check_command(command)?;
    let flags = tracer::probe(tracer, options)?;
    let channel = Channel::new(&options.scratch)?;
    let mut process = tracer::process(tracer, options);
    process.args(flags).arg("-o").arg(channel.path());
    process.arg("--").args(&command.argv);
    if let Some(cwd) = &command.cwd {
        process.current_dir(cwd);
    }
    let dispositions = Arc::new(Dispositions::install());
    inherit_state(&mut process, Arc::clone(&dispositions));
    let child = process.spawn().map_err(|source| RecordError::Failed {
        action: "start the tracer",
        source,
    })?;
    let mut recording = Recording::new(tracer, options, control, sink, child, true);
    recording.pump(channel)?;
    let status = recording.wait()?;
    if recording.counts.seen == 0 && !recording.stopped {
        // Without a line the tracer failed before the command began, and said why on stderr.
        let source = io::Error::other(format!(
            "{} ended with {status} before the command began",
            tracer.name()
        ));
        return Err(RecordError::Failed {
            action: "record with the external tracer",
            source,
        });
    }
    let exit = match recording.ending.exit() {
        Some(exit) => exit,
        None if recording.stopped => Exit::Running,
        // strace ends as the command did.
        None if tracer == Tracer::Strace => exit_of(status),
        None => {
            recording.notes.push(format!(
                "{} ended with {status} before the command did",
                tracer.name()
            ));
            Exit::Running
        }
    };
    Ok(recording.into_outcome(exit))
}

/// Attaches `tracer` to running processes, all their threads and the children to come, until they end or
/// [`Control::detach`] is called. What the tracer says about itself becomes [`Outcome::notes`].
pub fn attach_with_tracer(
    tracer: Tracer,
    pids: &[i32],
    options: &TracerOptions,
    control: &Control,
    sink: &mut dyn RecordSink,
) -> Result<Outcome, RecordError> {
    let _only_one = RECORDING.lock().unwrap_or_else(PoisonError::into_inner);
    let _dispositions = Dispositions::install();
    let flags = tracer::probe(tracer, options)?;
    let channel = Channel::new(&options.scratch)?;
    let mut process = tracer::process(tracer, options);
    process.args(flags).arg("-o").arg(channel.path());
    for pid in pids {
        process.arg("-p").arg(pid.to_string());
    }
    // In a process group of its own: Ctrl-C is for the recorder, which then detaches in order.
    process
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = process.spawn().map_err(|source| RecordError::Failed {
        action: "start the tracer",
        source,
    })?;
    let chatter = child.stderr.take().map(collect_chatter).transpose()?;
    let mut recording = Recording::new(tracer, options, control, sink, child, false);
    recording.pump(channel)?;
    let status = recording.wait()?;
    let chatter = chatter
        .and_then(|thread| thread.join().ok())
        .unwrap_or_default();
    if recording.counts.seen == 0 && !status.success() && !recording.stopped {
        let gone = chatter.contains("No such process");
        let source = io::Error::from_raw_os_error(if gone { libc::ESRCH } else { libc::EPERM });
        return Err(RecordError::Trace {
            pid: pids.first().copied().unwrap_or(0),
            source,
        });
    }
    recording.notes.extend(chatter.lines().map(str::to_owned));
    Ok(recording.into_outcome(Exit::Running))
}

/// Gives the tracer, and so the command, the state that it would have had without a recorder.
#[expect(
    unsafe_code,
    reason = "std empties the signal mask and resets SIGPIPE, whatever they were"
)]
fn inherit_state(process: &mut std::process::Command, dispositions: Arc<Dispositions>) {
    let mask = signals::current_mask();
    let restore = move || {
        soften_in_child();
        dispositions.restore_in_child();
        signals::set_mask(&mask);
        Ok(())
    };
    // SAFETY: between fork and exec it makes only async-signal-safe calls and allocates nothing.
    unsafe { process.pre_exec(restore) };
}

/// Reads what the tracer says about itself, in a thread, so that it never waits for a reader.
fn collect_chatter(
    mut stderr: std::process::ChildStderr,
) -> Result<std::thread::JoinHandle<String>, RecordError> {
    let read = move || {
        let mut chatter = Vec::new();
        let mut limited = stderr.by_ref().take(CHATTER_LEN_MAX);
        if limited.read_to_end(&mut chatter).is_ok() {
            // The rest has to be taken as well, or the tracer would wait for ever.
            drop(io::copy(&mut stderr, &mut io::sink()));
        }
        String::from_utf8_lossy(&chatter).into_owned()
    };
    std::thread::Builder::new()
        .name("tracer-stderr".to_owned())
        .spawn(read)
        .map_err(|source| RecordError::Failed {
            action: "start a thread",
            source,
        })
}

fn exit_of(status: std::process::ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt as _;

    Exit::from_status(status.into_raw())
}

/// A tracer at work.
struct Recording<'a> {
    tracer: Tracer,
    options: &'a TracerOptions,
    control: &'a Control,
    sink: &'a mut dyn RecordSink,
    child: Child,
    /// Whether the tracer started the command itself.
    owns_command: bool,
    ending: Ending,
    stopped: bool,
    /// Whether the tracer was ended because it did not end by itself.
    is_killed: bool,
    notes: Vec<String>,
    counts: Counts,
    sink_error: Option<SinkError>,
    /// What came after the last line end.
    partial: Vec<u8>,
    scrubbed: Vec<u8>,
}

impl<'a> Recording<'a> {
    fn new(
        tracer: Tracer,
        options: &'a TracerOptions,
        control: &'a Control,
        sink: &'a mut dyn RecordSink,
        child: Child,
        owns_command: bool,
    ) -> Self {
        Self {
            tracer,
            options,
            control,
            sink,
            child,
            owns_command,
            ending: Ending::default(),
            stopped: false,
            is_killed: false,
            notes: Vec::new(),
            counts: Counts::default(),
            sink_error: None,
            partial: Vec::new(),
            scrubbed: Vec::new(),
        }
    }

    /// Passes lines on until the tracer closes its channel.
    #[expect(
        clippy::disallowed_methods,
        reason = "the recorder owns the clock: it bounds how long daemons are waited for"
    )]
    fn pump(&mut self, mut channel: Channel) -> Result<(), RecordError> {
        let mut ended_at: Option<Instant> = None;
        let mut silent_since: Option<Instant> = None;
        loop {
            match channel.receive(PULSE) {
                Received::Chunk(chunk) => {
                    silent_since = None;
                    self.take(&chunk);
                }
                Received::Nothing => {
                    if self.stopped
                        && silent_since.get_or_insert_with(Instant::now).elapsed() >= SILENCE
                    {
                        self.end_tracer();
                    }
                    let exited = self
                        .child
                        .try_wait()
                        .map_err(|source| RecordError::Failed {
                            action: "wait for the tracer",
                            source,
                        })?;
                    if exited.is_some() {
                        channel.give_up();
                    }
                }
                Received::End => break,
            }
            if self.owns_command && self.options.wait == Wait::Main && self.ending.exit().is_some()
            {
                let ended_at = *ended_at.get_or_insert_with(Instant::now);
                if ended_at.elapsed() >= GRACE {
                    self.stop();
                }
            }
            self.heed_requests();
        }
        if !self.partial.is_empty() {
            let last = std::mem::take(&mut self.partial);
            self.line(&last);
            self.flush();
        }
        Ok(())
    }

    /// SIGTERM and SIGHUP are the command's while it lives; then, and when attached, any request ends the recording.
    fn heed_requests(&mut self) {
        let requests = signals::take_requests();
        if self.owns_command && self.ending.exit().is_none() {
            for signal in [libc::SIGTERM, libc::SIGHUP] {
                if let (true, Some(pid)) = (requests & (1 << signal) != 0, self.ending.pid()) {
                    send(pid, signal);
                }
            }
        } else if requests != 0 {
            self.stop();
        }
        if self.control.is_detach_asked() {
            self.stop();
        }
    }

    /// Takes bytes of the tracer and passes on the lines that are whole.
    fn take(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, next) = rest.split_at(end + 1);
            if self.partial.is_empty() {
                self.line(line);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.line(&whole);
            }
            rest = next;
        }
        self.partial.extend_from_slice(rest);
        if self.partial.len() > LINE_LEN_MAX {
            let part = std::mem::take(&mut self.partial);
            self.line(&part);
        }
        self.flush();
    }

    fn line(&mut self, line: &[u8]) {
        self.ending.line(line);
        self.counts.seen += 1;
        let (text, end) = line
            .strip_suffix(b"\n")
            .map_or((line, &b""[..]), |text| (text, &b"\n"[..]));
        self.options.scrubber.scrub_line(text, &mut self.scrubbed);
        self.scrubbed.extend_from_slice(end);
    }

    /// Writes what is scrubbed. After a failure the lines of this call are lost and the job goes on.
    fn flush(&mut self) {
        let lines = self.counts.seen - self.counts.recorded - self.counts.lost;
        if self.scrubbed.is_empty() {
            return;
        }
        match self.sink.write(&self.scrubbed) {
            Ok(()) => self.counts.recorded += lines,
            Err(error) => {
                self.counts.lost += lines;
                self.sink_error.get_or_insert(error);
            }
        }
        self.scrubbed.clear();
    }

    /// Makes the tracer let go of all processes and end.
    fn stop(&mut self) {
        if self.stopped {
            return;
        }
        self.stopped = true;
        if self.tracer == Tracer::Strace && self.owns_command {
            // `strace -o FILE PROGRAM` blocks the signals that would end it. The kernel then lets go of its processes, unharmed.
            drop(self.child.kill());
        } else if let Ok(pid) = libc::pid_t::try_from(self.child.id()) {
            // ltrace takes its breakpoints out on SIGTERM; SIGKILL would leave them in the job.
            send(pid, libc::SIGTERM);
        }
    }

    /// Ends a tracer that was asked to let go and does not.
    ///
    /// strace lets go of one process after the other and waits for each to stop. A process inside vfork(2) stops only when its
    /// child has become a program or ended, and that child may be one that strace holds stopped (seen with 6.1). When strace is
    /// gone the kernel lets go of all, and they run on.
    fn end_tracer(&mut self) {
        // ltrace would leave its breakpoints in the job.
        if self.tracer == Tracer::Strace && !self.is_killed {
            self.is_killed = true;
            drop(self.child.kill());
            let text =
                "strace did not let go of all processes within 1 s and was ended; they run on";
            self.notes.push(text.to_owned());
        }
    }

    fn wait(&mut self) -> Result<std::process::ExitStatus, RecordError> {
        self.child.wait().map_err(|source| RecordError::Failed {
            action: "wait for the tracer",
            source,
        })
    }

    fn into_outcome(self, exit: Exit) -> Outcome {
        Outcome {
            exit,
            counts: self.counts,
            notes: self.notes,
            sink_error: self.sink_error,
        }
    }
}

/// Sends a signal to the tracer, which was not waited for yet, or to the command, whose last line did not come yet.
#[expect(unsafe_code, reason = "std can send SIGKILL only, and only to a child")]
fn send(pid: libc::pid_t, signal: i32) {
    // SAFETY: numbers only.
    unsafe { libc::kill(pid, signal) };
}
