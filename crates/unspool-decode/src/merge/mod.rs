//! Brings the files of a `strace -ff` set (`log.4711`, `log.4712`, ...) into one order and feeds one decoder with them.
//!
//! The order is that of ends: of an ordinary call its start plus its duration, of a call that makes or replaces
//! processes its start, so that a parent's clone comes before its child's first line. A wait that tells of an end comes
//! behind the file of the process that ended. Where times mean nothing across files (`-r`, or none) a file comes behind the
//! call that made its thread. Within a file lines never change places. One buffer per file; files of a big set are opened
//! anew for each piece, so that the number of open files has a limit.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use unspool_model::event::EventSink;
use unspool_model::ids::Tid;

use crate::decoder::{DecodeStats, Decoder as _, DecoderOptions};
use crate::strace::{LINE_BYTES_MAX, LineKey, StraceDecoder, Tie};

/// Most files that are open at a time.
pub const OPEN_FILES_MAX: usize = 256;
/// Most bytes in the buffers of all files together, as long as lines are of usual length.
pub const BUFFERS_BYTES_MAX: usize = 32 << 20;
/// Size of the buffer of one file, at most and at least.
const BUFFER_BYTES: (usize, usize) = (4 << 10, 256 << 10);

/// What could not be read.
#[derive(Debug)]
pub struct MergeError {
    /// What was being done.
    pub action: &'static str,
    /// To which file.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

impl std::fmt::Display for MergeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot {} `{}`", self.action, self.path.display())
    }
}

impl std::error::Error for MergeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Pid in the name of a file of a `-ff` set: `log.4711`.
pub fn pid_of(path: &Path) -> Option<Tid> {
    let digits = path.extension()?.to_str()?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let pid: u32 = digits.parse().ok().filter(|_| is_number)?;
    (pid > 0).then_some(Tid(pid))
}

/// Files of the `-ff` sets in a folder: those that end in a number, by number.
pub fn files_in(folder: &Path) -> Result<Vec<PathBuf>, MergeError> {
    let fail = |source| MergeError {
        action: "list",
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if let Some(tid) = pid_of(&path)
            && path.is_file()
        {
            files.push((tid, path));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// Decodes the files of a set as one log.
pub fn decode_files(
    paths: &[PathBuf],
    options: &DecoderOptions,
    sink: &mut dyn EventSink,
) -> Result<DecodeStats, MergeError> {
    let keep_open = paths.len() <= OPEN_FILES_MAX;
    let inputs = paths.iter().map(|path| Input {
        tid: pid_of(path),
        name: path.display().to_string(),
        source: Source {
            path: path.clone(),
            offset: 0,
            keep_open,
            file: None,
        },
    });
    decode_inputs(inputs.collect(), options, sink)
}

/// One file of a set.
#[derive(Debug)]
pub struct Input<R> {
    /// Thread that the file is about.
    pub tid: Option<Tid>,
    /// Name for diagnostics.
    pub name: String,
    /// Its bytes.
    pub source: R,
}

/// Decodes several inputs as one log.
pub fn decode_inputs<R: Read>(
    inputs: Vec<Input<R>>,
    options: &DecoderOptions,
    sink: &mut dyn EventSink,
) -> Result<DecodeStats, MergeError> {
    let room = BUFFERS_BYTES_MAX / inputs.len().max(1);
    let room = room.clamp(BUFFER_BYTES.0, BUFFER_BYTES.1);
    let mut decoder = StraceDecoder::new(options);
    let mut files = Vec::with_capacity(inputs.len());
    let mut order = Order::default();
    for (index, input) in inputs.into_iter().enumerate() {
        let mut file = Cursor::new(input, room, options);
        if let Some(key) = file.advance()? {
            order.add(index, key, &file);
        }
        files.push(file);
    }
    order.begin();
    while let Some((key, index)) = order.next() {
        let Some(file) = files.get_mut(index) else {
            continue;
        };
        if let Some(Tie::Ended(tid)) = file.key.tie()
            && order.park(key, index, tid)
        {
            continue;
        }
        decoder.set_input(&file.input.name);
        decoder.push_line(file.input.tid, file.line(), file.number, file.offset, sink);
        if let Some(Tie::Made(tid)) = file.key.tie() {
            order.release(tid);
        }
        match file.advance()? {
            Some(key) => order.push(key, index),
            None => order.ended(file.input.tid),
        }
    }
    decoder.finish(sink);
    Ok(decoder.stats())
}

/// Which file comes next.
#[derive(Debug, Default)]
struct Order {
    queue: BinaryHeap<Reverse<(i64, usize)>>,
    /// Files that are not over, by thread.
    files: BTreeMap<Tid, usize>,
    /// Files whose line waits for the end of a thread's file.
    parked: BTreeMap<Tid, Vec<(i64, usize)>>,
    /// Files that wait for the call that made their thread.
    unmade: BTreeMap<Tid, (i64, usize)>,
    /// The thread whose file begins with a program: the first one, of which no call tells.
    first: Option<Tid>,
    has_time: bool,
}

impl Order {
    /// Takes up a file at its first line.
    fn add<R: Read>(&mut self, index: usize, key: i64, file: &Cursor<R>) {
        self.has_time |= file.key.has_time();
        if self.first.is_none() && file.line().starts_with(b"execve(") {
            self.first = file.input.tid;
        }
        match file.input.tid {
            Some(tid) if self.files.insert(tid, index).is_none() => {
                self.unmade.insert(tid, (key, index));
            }
            _ => self.push(key, index),
        }
    }

    /// All files are there. Only without times does the call that made a thread have to tell when its file begins.
    fn begin(&mut self) {
        if self.has_time {
            let all = std::mem::take(&mut self.unmade);
            self.queue.extend(all.into_values().map(Reverse));
        } else if let Some(first) = self.first {
            self.release(first);
        }
    }

    fn push(&mut self, key: i64, index: usize) {
        self.queue.push(Reverse((key, index)));
    }

    fn next(&mut self) -> Option<(i64, usize)> {
        if let Some(Reverse(next)) = self.queue.pop() {
            return Some(next);
        }
        if let Some((_, next)) = self.unmade.pop_first() {
            return Some(next);
        }
        // They wait for each other: a number was used again, or a file is not whole.
        let tid = *self.parked.iter().min_by_key(|(_, parked)| *parked)?.0;
        self.ended(Some(tid));
        self.queue.pop().map(|Reverse(next)| next)
    }

    /// Puts a file aside until the file of a thread has ended; whether there is one to wait for.
    fn park(&mut self, key: i64, index: usize, tid: Tid) -> bool {
        let waits = self.files.get(&tid).is_some_and(|other| *other != index);
        if waits {
            self.parked.entry(tid).or_default().push((key, index));
        }
        waits
    }

    /// A thread was made: its file may begin.
    fn release(&mut self, tid: Tid) {
        self.queue.extend(self.unmade.remove(&tid).map(Reverse));
    }

    /// The file of a thread is over, or waited for no longer.
    fn ended(&mut self, tid: Option<Tid>) {
        let Some(tid) = tid else { return };
        self.files.remove(&tid);
        let parked = self.parked.remove(&tid).unwrap_or_default();
        self.queue.extend(parked.into_iter().map(Reverse));
    }
}

/// A file that need not stay open.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    offset: u64,
    keep_open: bool,
    file: Option<File>,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = if let Some(file) = self.file.take() {
            file
        } else {
            let mut file = File::open(&self.path)?;
            if self.offset > 0 {
                file.seek(SeekFrom::Start(self.offset))?;
            }
            file
        };
        let len = file.read(buffer)?;
        self.offset += len as u64;
        if self.keep_open {
            self.file = Some(file);
        }
        Ok(len)
    }
}

/// Goes through one file line by line.
#[derive(Debug)]
struct Cursor<R> {
    input: Input<R>,
    buffer: Vec<u8>,
    room: usize,
    /// The line at hand in the buffer.
    start: usize,
    end: usize,
    /// Start of the next one.
    next: usize,
    is_ended: bool,
    number: u64,
    offset: u64,
    next_offset: u64,
    key: LineKey,
}

impl<R: Read> Cursor<R> {
    fn new(input: Input<R>, room: usize, options: &DecoderOptions) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            room,
            start: 0,
            end: 0,
            next: 0,
            is_ended: false,
            number: 0,
            offset: 0,
            next_offset: 0,
            key: LineKey::new(options.context.date_ns),
        }
    }

    fn line(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or(&[])
    }

    /// Goes to the next line; gives its place in time, `None` at the end.
    fn advance(&mut self) -> Result<Option<i64>, MergeError> {
        let mut searched = self.next;
        loop {
            let rest = self.buffer.get(searched..).unwrap_or(&[]);
            let end = match memchr::memchr(b'\n', rest) {
                Some(end) => Some(searched + end),
                // A line over the limit is cut here; the decoder reports both pieces.
                None if self.is_ended || self.buffer.len() - self.next > LINE_BYTES_MAX => {
                    (self.next < self.buffer.len()).then_some(self.buffer.len())
                }
                None => {
                    searched = self.buffer.len() - self.next;
                    self.fill()?;
                    continue;
                }
            };
            let Some(end) = end else {
                return Ok(None);
            };
            self.start = self.next;
            self.end = end;
            self.next = (end + 1).min(self.buffer.len());
            self.number += 1;
            self.offset = self.next_offset;
            self.next_offset += (self.next - self.start) as u64;
            let line = self.buffer.get(self.start..end).unwrap_or(&[]);
            return Ok(Some(self.key.of(line)));
        }
    }

    /// Reads on; what was before the next line is forgotten.
    fn fill(&mut self) -> Result<(), MergeError> {
        self.buffer.drain(..self.next);
        self.next = 0;
        let len = self.buffer.len();
        self.buffer.resize(len + self.room, 0);
        let read = match self.buffer.get_mut(len..) {
            Some(room) => self.input.source.read(room),
            None => Ok(0),
        };
        let read = match read {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.buffer.truncate(len);
                return Ok(());
            }
            Err(source) => {
                return Err(MergeError {
                    action: "read",
                    path: PathBuf::from(&self.input.name),
                    source,
                });
            }
        };
        self.buffer.truncate(len + read);
        self.is_ended = read == 0;
        Ok(())
    }
}
