//! The engine: a program of its own, `unspool-query`, that is asked over its standard input and answers over its standard output.
//! The protocol is described in that crate.

use std::io::{BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::sources::Sources;
use crate::clock::now_ns;
use crate::failure::{Failure, status};
use crate::settings::Settings;

/// Number of the protocol that this program speaks.
const PROTOCOL: u64 = 3;

/// Name of the program.
const PROGRAM: &str = "unspool-query";

/// Largest frame that is taken.
const FRAME_BYTES_MAX: usize = 256 << 20;

/// Frames that wait.
const QUEUE: usize = 64;

/// How long the engine may take to say that a query ran too long, beyond the query's own time.
const GRACE: Duration = Duration::from_secs(5);

/// How often a person's wish to stop is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// The running engine.
pub(super) struct Engine {
    child: Child,
    stdin: ChildStdin,
    frames: Receiver<Frame>,
    timeout: Option<Duration>,
    /// Whether the kernel keeps it to the folders of the runs.
    pub(super) confined: bool,
}

/// What the engine says.
enum Frame {
    Data(Vec<u8>),
    Reply(Value),
    /// It broke off, or speaks otherwise.
    End(String),
}

/// What a query may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Memory in bytes.
    pub(super) memory_bytes: u64,
    /// Time; `None` for no limit.
    pub(super) timeout: Option<Duration>,
    /// Threads; 0 for one per core. With one, rows come in the order of the tables.
    pub(super) threads: usize,
}

/// Asks whether the person wants to stop.
pub(super) type Stops<'s> = &'s dyn Fn() -> bool;

impl Engine {
    /// Starts the engine, and tells it the runs.
    pub(super) fn start(settings: &Settings, sources: &Sources, limits: Limits) -> Result<Self> {
        let program = find(settings)?;
        let mut child = Command::new(&program)
            .arg("--serve")
            // Ctrl-C is for this program, which cancels the query.
            .process_group(0)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                Failure::new(
                    status::NOT_EXECUTABLE,
                    format!("cannot start `{}`: {error}", program.display()),
                )
                .hint(HOW_TO_GET)
            })?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(Failure::input("the engine has no pipes").into());
        };
        let (send, frames) = sync_channel(QUEUE);
        spawn("engine", move || read_frames(stdout, stderr, &send))?;
        let mut engine = Self {
            child,
            stdin,
            frames,
            timeout: limits.timeout,
            confined: false,
        };
        engine.send(&json!({
            "type": "open",
            "protocol": PROTOCOL,
            "runs": sources.specs,
            "bucket": sources.bucket,
            "memory_bytes": limits.memory_bytes,
            "threads": limits.threads,
        }))?;
        let ready = engine.reply(&|| false)?;
        if ready["type"] != "ready" {
            return Err(problem(&ready, None).into());
        }
        if ready["protocol"] != PROTOCOL {
            return Err(other_version(&program, &ready["version"]).into());
        }
        engine.confined = ready["confined"] == true;
        Ok(engine)
    }

    fn send(&mut self, request: &Value) -> Result<()> {
        let mut line = request.to_string();
        line.push('\n');
        let sent = self.stdin.write_all(line.as_bytes());
        if sent.and_then(|()| self.stdin.flush()).is_err() {
            // Why it went away stands in its last words.
            let told = self.reply(&|| false)?;
            return Err(problem(&told, None).into());
        }
        Ok(())
    }

    /// Asks something of the bucket: `data` goes behind the request, what comes before the reply goes to `take`.
    pub(super) fn exchange(
        &mut self,
        request: &Value,
        data: &[u8],
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<Value> {
        self.send(request)?;
        if !data.is_empty() && self.stdin.write_all(data).is_err() {
            let told = self.reply(&|| false)?;
            return Err(problem(&told, None).into());
        }
        loop {
            match self.next(None, &|| false)? {
                Frame::Data(data) => take(&data)?,
                Frame::Reply(reply) if reply["type"] == "error" => {
                    let mut failure =
                        Failure::input(reply["message"].as_str().unwrap_or("the engine failed"));
                    if let Some(hint) = reply["hint"].as_str() {
                        failure = failure.hint(hint);
                    }
                    return Err(failure.into());
                }
                Frame::Reply(reply) => return Ok(reply),
                Frame::End(why) => return Err(ended(&why).into()),
            }
        }
    }

    /// Tables, columns and functions.
    pub(super) fn catalog(&mut self) -> Result<Value> {
        self.send(&json!({ "type": "catalog" }))?;
        self.reply(&|| false)
    }

    /// Asks a query. The head of the answer is read: an error of planning comes from here.
    pub(super) fn ask<'e>(
        &'e mut self,
        sql: &'e str,
        values: &std::collections::BTreeMap<String, String>,
        form: &str,
        stops: Stops<'e>,
    ) -> Result<Answering<'e>> {
        let timeout_ms = self.timeout.map_or(0, |timeout| timeout.as_millis());
        let timeout_ms = u64::try_from(timeout_ms).unwrap_or(u64::MAX);
        self.send(&json!({
            "type": "query",
            "sql": sql,
            "params": values,
            "timeout_ms": timeout_ms,
            "form": form,
        }))?;
        let mut answering = Answering {
            begun_ns: now_ns(),
            engine: self,
            sql,
            stops,
            data: Vec::new(),
            at: 0,
            reply: None,
        };
        answering.fill()?;
        if let Some(reply) = &answering.reply
            && reply["type"] == "error"
        {
            return Err(problem(reply, Some(sql)).into());
        }
        Ok(answering)
    }

    fn reply(&mut self, stops: Stops<'_>) -> Result<Value> {
        loop {
            match self.next(None, stops)? {
                Frame::Reply(reply) => return Ok(reply),
                Frame::Data(_) => {}
                Frame::End(why) => return Err(ended(&why).into()),
            }
        }
    }

    /// The next frame. `begun_ns` is when the query was asked, for its limit.
    fn next(&mut self, begun_ns: Option<i64>, stops: Stops<'_>) -> Result<Frame> {
        let mut cancelled = false;
        loop {
            match self.frames.recv_timeout(LOOK) {
                Ok(frame) => return Ok(frame),
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(Frame::End("it went away".to_owned()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if stops() && !cancelled {
                cancelled = true;
                self.send(&json!({ "type": "cancel" }))?;
            }
            if let (Some(begun_ns), Some(timeout)) = (begun_ns, self.timeout) {
                let ran_ns = u64::try_from(now_ns() - begun_ns).unwrap_or(0);
                if Duration::from_nanos(ran_ns) > timeout + GRACE {
                    // It does not even look at its clock any more.
                    self.end();
                    return Err(Failure::input(format!(
                        "the query ran longer than {} s, and its engine was ended",
                        timeout.as_secs_f64()
                    ))
                    .hint("give it more time with `--timeout 10m`, or ask for less")
                    .into());
                }
            }
        }
    }

    fn end(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end();
    }
}

/// Bytes of an answer, as they come.
pub(super) struct Answering<'e> {
    engine: &'e mut Engine,
    sql: &'e str,
    stops: Stops<'e>,
    begun_ns: i64,
    data: Vec<u8>,
    at: usize,
    reply: Option<Value>,
}

impl Answering<'_> {
    /// Whether there is anything to decode.
    pub(super) fn has_data(&self) -> bool {
        !self.data.is_empty()
    }

    /// Gets the next piece; nothing once the engine has replied.
    fn fill(&mut self) -> Result<()> {
        if self.at < self.data.len() || self.reply.is_some() {
            return Ok(());
        }
        match self.engine.next(Some(self.begun_ns), self.stops)? {
            Frame::Data(data) => {
                self.data = data;
                self.at = 0;
            }
            Frame::Reply(reply) => self.reply = Some(reply),
            Frame::End(why) => return Err(ended(&why).into()),
        }
        Ok(())
    }

    /// Reads what is left, and says how it went: the number of rows.
    pub(super) fn finish(&mut self) -> Result<u64> {
        while self.reply.is_none() {
            self.at = self.data.len();
            self.fill()?;
        }
        let reply = self.reply.clone().unwrap_or_default();
        if reply["type"] == "done" {
            return Ok(reply["rows"].as_u64().unwrap_or(0));
        }
        Err(problem(&reply, Some(self.sql)).into())
    }

    /// The error that the engine told, if it did.
    pub(super) fn failure(&self) -> Option<anyhow::Error> {
        let reply = self.reply.as_ref()?;
        (reply["type"] == "error").then(|| problem(reply, Some(self.sql)).into())
    }

    /// Tells the engine to stop; what it has sent is thrown away.
    pub(super) fn cancel(&mut self) -> Result<()> {
        if self.reply.is_none() {
            self.engine.send(&json!({ "type": "cancel" }))?;
            while self.reply.is_none() {
                self.at = self.data.len();
                self.fill()?;
            }
        }
        Ok(())
    }
}

impl Read for Answering<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.fill().map_err(std::io::Error::other)?;
        let rest = self.data.get(self.at..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        self.at += len;
        Ok(len)
    }
}

/// Reads the engine's words until it ends.
fn read_frames(stdout: impl Read, mut stderr: impl Read, send: &SyncSender<Frame>) {
    const LAST_WORDS_MAX: u64 = 4 << 10;
    let mut input = BufReader::new(stdout);
    loop {
        let frame = match read_frame(&mut input) {
            Ok(Some(frame)) => frame,
            Ok(None) => {
                let mut words = Vec::new();
                // What it said is only a help.
                drop(stderr.by_ref().take(LAST_WORDS_MAX).read_to_end(&mut words));
                let words = String::from_utf8_lossy(&words);
                let panicked = words.lines().find(|line| !line.trim().is_empty());
                Frame::End(panicked.unwrap_or("it ended").to_owned())
            }
            Err(error) => Frame::End(error.to_string()),
        };
        let ends = matches!(frame, Frame::End(_));
        if send.send(frame).is_err() || ends {
            return;
        }
    }
}

fn read_frame(input: &mut impl Read) -> std::io::Result<Option<Frame>> {
    let mut head = [0; 5];
    let mut have = 0;
    while have < head.len() {
        match input.read(head.get_mut(have..).unwrap_or_default())? {
            0 => return Ok(None),
            len => have += len,
        }
    }
    let [kind, len @ ..] = head;
    let len = u32::from_le_bytes(len) as usize;
    if len > FRAME_BYTES_MAX {
        return Err(std::io::Error::other("it speaks another language"));
    }
    let mut bytes = vec![0; len];
    input.read_exact(&mut bytes)?;
    match kind {
        b'D' => Ok(Some(Frame::Data(bytes))),
        b'J' => Ok(Some(Frame::Reply(
            serde_json::from_slice(&bytes).map_err(std::io::Error::other)?,
        ))),
        _ => Err(std::io::Error::other("it speaks another language")),
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let spawned = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work);
    match spawned {
        // It ends with the engine, whose end is waited for.
        Ok(_thread) => Ok(()),
        Err(error) => Err(Failure::input(format!("cannot start a thread: {error}")).into()),
    }
}

const HOW_TO_GET: &str = "it is a program of its own, so that unspool builds quickly: `cargo build --profile engine -p unspool-query`, then put it beside `unspool` or into PATH";

/// Beside this program, then in `PATH`.
fn find(settings: &Settings) -> Result<PathBuf> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|program| program.canonicalize().ok())
        .and_then(|program| program.parent().map(Path::to_path_buf));
    let path = settings.search_path.clone().unwrap_or_default();
    let folders = beside.into_iter().chain(std::env::split_paths(&path));
    for folder in folders {
        let program = folder.join(PROGRAM);
        if program.is_file() {
            return Ok(program);
        }
    }
    Err(Failure::new(
        status::NOT_FOUND,
        format!(
            "the engine of `unspool query` is not there: no `{PROGRAM}` beside `unspool` or in PATH"
        ),
    )
    .hint(HOW_TO_GET)
    .into())
}

fn other_version(program: &Path, version: &Value) -> Failure {
    Failure::new(
        status::NOT_EXECUTABLE,
        format!(
            "`{}` is of another version: {} (this is {})",
            program.display(),
            version.as_str().unwrap_or("unknown"),
            env!("CARGO_PKG_VERSION")
        ),
    )
    .hint(HOW_TO_GET)
}

fn ended(why: &str) -> Failure {
    Failure::input(format!("the engine broke off: {why}"))
        .hint("a damaged run or a limit of the machine can be the reason; `unspool runs` says whether the run is whole")
}

/// An error that the engine told, with the place in the statement.
fn problem(reply: &Value, sql: Option<&str>) -> Failure {
    let message = reply["message"].as_str().unwrap_or("the engine failed");
    let mut text = message.to_owned();
    if let Some(pointed) = sql.and_then(|sql| point(sql, &reply["span"])) {
        text.push('\n');
        text.push_str(&pointed);
    }
    let failure = match reply["limit"].as_str() {
        Some(_) => Failure::input(text),
        None => Failure::usage(text),
    };
    match reply["hint"].as_str() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Letters of a line that are shown around what is wrong.
const SHOWN_LETTERS: usize = 100;

/// The line with marks under what is wrong.
fn point(sql: &str, span: &Value) -> Option<String> {
    let number = |name: &str| usize::try_from(span[name].as_u64()?).ok();
    let (line, column) = (number("line")?, number("column")?);
    let text: Vec<char> = sql
        .lines()
        .nth(line.checked_sub(1)?)?
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    let end = match number("end_line")? {
        end_line if end_line == line => number("end_column")?,
        _ => text.len() + 1,
    };
    let start = column.checked_sub(1)?;
    let marks = end.saturating_sub(column).max(1);
    let from = start.saturating_sub(SHOWN_LETTERS / 2);
    let shown: String = text.iter().skip(from).take(SHOWN_LETTERS).collect();
    let marks = marks.min(SHOWN_LETTERS - (start - from));
    Some(format!(
        "{shown}\n{}{}",
        " ".repeat(start - from),
        "^".repeat(marks)
    ))
}

#[cfg(test)]
mod tests {
    use super::point;
    use serde_json::json;

    #[test]
    fn a_mark_stands_under_the_word() {
        let span = json!({ "line": 2, "column": 6, "end_line": 2, "end_column": 11 });
        let pointed = point("select 1\nfrom evens", &span);
        assert_eq!(pointed.as_deref(), Some("from evens\n     ^^^^^"));
        let far = format!("{}x", " ".repeat(300));
        let span = json!({ "line": 1, "column": 301, "end_line": 1, "end_column": 302 });
        let pointed = point(&far, &span).expect("a place");
        let (text, marks) = pointed.split_once('\n').expect("two lines");
        assert_eq!(text.find('x'), marks.find('^'));
        assert_eq!(point("select", &json!({ "line": 7, "column": 1 })), None);
    }
}
