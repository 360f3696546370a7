//! Sources of bytes: files, the frames of a run, text that is scrubbed on the way.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result};
use unspool_record::scrub::Scrubber;
use unspool_store::Frames;

use crate::failure::Failure;
use crate::pipeline::Source;

/// Bytes read at once: large enough that the calls do not count, small enough for the second-level cache.
const CHUNK_BYTES: usize = 1 << 20;

/// Longest line that is scrubbed as one; a longer one is cut into pieces.
const LINE_BYTES_MAX: usize = 16 << 20;

/// A file, a pipe, standard input.
pub(crate) struct ReadSource {
    input: Box<dyn Read>,
    name: String,
    buffer: Vec<u8>,
    /// Bytes given so far.
    pub(crate) bytes: u64,
}

impl ReadSource {
    /// Opens a file; `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let input: Box<dyn Read> = if path == Path::new("-") {
            Box::new(std::io::stdin())
        } else {
            let file = File::open(path)
                .map_err(|error| Failure::input(format!("cannot open `{name}`: {error}")))?;
            Box::new(file)
        };
        Ok(Self::new(input, name))
    }

    /// From something that reads; `name` is for errors.
    pub(crate) fn new(input: Box<dyn Read>, name: String) -> Self {
        Self {
            input,
            name,
            buffer: vec![0; CHUNK_BYTES],
            bytes: 0,
        }
    }
}

impl Source for ReadSource {
    fn next_chunk(&mut self) -> Result<Option<&[u8]>> {
        let len = loop {
            match self.input.read(&mut self.buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => {
                    break read.with_context(|| {
                        format!("cannot read `{}` at byte {}", self.name, self.bytes)
                    })?;
                }
            }
        };
        self.bytes += len as u64;
        Ok((len > 0).then_some(self.buffer.get(..len).unwrap_or(&[])))
    }
}

/// The frames of a run.
pub(crate) struct FrameSource {
    frames: Frames,
}

impl FrameSource {
    pub(crate) fn new(frames: Frames) -> Self {
        Self { frames }
    }

    /// The frames, to ask what was missing.
    pub(crate) fn into_frames(self) -> Frames {
        self.frames
    }
}

impl Source for FrameSource {
    fn next_chunk(&mut self) -> Result<Option<&[u8]>> {
        Ok(self.frames.next_frame().map(|frame| frame.bytes))
    }
}

/// Scrubs each line of another source.
pub(crate) struct ScrubbedSource<'s> {
    inner: Box<dyn Source + 's>,
    scrubber: &'s Scrubber,
    /// The beginning of a line whose end has not come yet.
    pending: Vec<u8>,
    out: Vec<u8>,
    ended: bool,
}

impl<'s> ScrubbedSource<'s> {
    pub(crate) fn new(inner: Box<dyn Source + 's>, scrubber: &'s Scrubber) -> Self {
        Self {
            inner,
            scrubber,
            pending: Vec::new(),
            out: Vec::new(),
            ended: false,
        }
    }
}

impl Source for ScrubbedSource<'_> {
    fn next_chunk(&mut self) -> Result<Option<&[u8]>> {
        self.out.clear();
        while self.out.is_empty() && !self.ended {
            let Some(chunk) = self.inner.next_chunk()? else {
                self.ended = true;
                scrub(self.scrubber, &self.pending, &mut self.out);
                self.pending.clear();
                break;
            };
            let Some(end) = memchr::memrchr(b'\n', chunk) else {
                self.pending.extend_from_slice(chunk);
                if self.pending.len() > LINE_BYTES_MAX {
                    scrub(self.scrubber, &self.pending, &mut self.out);
                    self.pending.clear();
                }
                continue;
            };
            let (whole, rest) = chunk.split_at(end + 1);
            let mut lines = whole;
            if !self.pending.is_empty() {
                let first = memchr::memchr(b'\n', lines).map_or(lines.len(), |at| at + 1);
                let (head, tail) = lines.split_at(first);
                self.pending.extend_from_slice(head);
                scrub(self.scrubber, &self.pending, &mut self.out);
                self.pending.clear();
                lines = tail;
            }
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                scrub(self.scrubber, line, &mut self.out);
            }
            self.pending.extend_from_slice(rest);
        }
        Ok((!self.out.is_empty()).then_some(&self.out[..]))
    }
}

/// Appends the line, scrubbed, to `out`. The line end stays.
fn scrub(scrubber: &Scrubber, line: &[u8], out: &mut Vec<u8>) {
    let (body, end) = match line {
        [body @ .., b'\r', b'\n'] => (body, &b"\r\n"[..]),
        [body @ .., b'\n'] => (body, &b"\n"[..]),
        body => (body, &b""[..]),
    };
    scrubber.scrub_line(body, out);
    out.extend_from_slice(end);
}

/// A source as a reader, for what reads.
pub(crate) struct SourceReader<'s> {
    source: ScrubbedSource<'s>,
    rest: Vec<u8>,
    at: usize,
}

impl<'s> SourceReader<'s> {
    pub(crate) fn new(source: ScrubbedSource<'s>) -> Self {
        Self {
            source,
            rest: Vec::new(),
            at: 0,
        }
    }
}

impl Read for SourceReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.rest.len() {
            self.rest.clear();
            self.at = 0;
            if let Some(chunk) = self.source.next_chunk().map_err(std::io::Error::other)? {
                self.rest.extend_from_slice(chunk);
            }
        }
        let left = self.rest.get(self.at..).unwrap_or(&[]);
        let len = left.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), left.get(..len)) {
            to.copy_from_slice(from);
        }
        self.at += len;
        Ok(len)
    }
}
