//! Sources of bytes: files, the frames of a run.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result};
use unspool_store::Frames;

use crate::failure::Failure;
use crate::pipeline::Source;

/// Bytes read at once: large enough that the calls do not count, small enough for the second-level cache.
const CHUNK_BYTES: usize = 1 << 20;

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
