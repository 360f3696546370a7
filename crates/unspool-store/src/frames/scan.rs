//! Finds the frames in one segment, and after damage the next whole one.

use std::io::{self, Read};

use super::{FRAME_BYTES_MAX, FrameHeader, HEADER_LEN};

/// Bytes of which checksums are computed in vain while looking for a frame in one segment. A program that fills its
/// output with almost-frames cannot make reading slower than this allows: the rest of the segment is given up.
pub(crate) const RESYNC_BYTES_MAX: u64 = 256 << 20;

/// A frame found after damage may be numbered this much higher than the last one; all frames of 64 MiB fit in.
const RESYNC_SEQ_SPAN: u64 = 1 << 22;

/// Bytes asked of the source at once.
const READ_BYTES: usize = 256 << 10;

/// What the scanner found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// A whole frame: its payload is [`Scanner::payload`].
    Frame(FrameHeader),
    /// Bytes that are no frame.
    Damage {
        /// Where they begin.
        offset: u64,
        /// How many.
        bytes: u64,
        /// Whether they are all zero.
        zeros: bool,
        /// Whether the segment ends with them.
        at_end: bool,
    },
    /// The end.
    End,
}

/// Reads one segment behind its header.
#[derive(Debug)]
pub(crate) struct Scanner<R> {
    source: R,
    salt: u32,
    buffer: Vec<u8>,
    /// Where in the buffer the next frame is looked for.
    at: usize,
    /// Place in the segment of the buffer's first byte.
    base: u64,
    ended: bool,
    budget: u64,
    payload: std::ops::Range<usize>,
}

impl<R: Read> Scanner<R> {
    /// `base` is the length of what was read of the segment before.
    pub(crate) fn new(source: R, salt: u32, base: u64) -> Self {
        Self {
            source,
            salt,
            buffer: Vec::new(),
            at: 0,
            base,
            ended: false,
            budget: RESYNC_BYTES_MAX,
            payload: 0..0,
        }
    }

    /// Payload of the frame that was found last.
    pub(crate) fn payload(&self) -> &[u8] {
        self.buffer.get(self.payload.clone()).unwrap_or_default()
    }

    /// Place in the segment.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// The next frame whose number is `expected` or higher, or the damage before it.
    pub(crate) fn next(&mut self, expected: u64) -> io::Result<Found> {
        if !self.has(1)? {
            return Ok(Found::End);
        }
        if let Some(header) = self.frame_here(expected, u64::MAX)? {
            return Ok(self.take(header));
        }
        self.skip_damage(expected)
    }

    fn take(&mut self, header: FrameHeader) -> Found {
        let start = self.at + HEADER_LEN;
        self.payload = start..start + header.len as usize;
        self.at = self.payload.end;
        Found::Frame(header)
    }

    /// Moves to the next whole frame, or to the end.
    fn skip_damage(&mut self, expected: u64) -> io::Result<Found> {
        let offset = self.offset();
        let mut zeros = true;
        loop {
            zeros &= self.buffer.get(self.at) == Some(&0);
            self.at += 1;
            if !self.has(1)? {
                break;
            }
            let most = expected.saturating_add(RESYNC_SEQ_SPAN);
            if self.budget > 0 && self.frame_here(expected, most)?.is_some() {
                break;
            }
        }
        Ok(Found::Damage {
            offset,
            bytes: self.offset() - offset,
            zeros,
            at_end: !self.has(1)?,
        })
    }

    /// The header of a whole frame at this place.
    fn frame_here(&mut self, expected: u64, most: u64) -> io::Result<Option<FrameHeader>> {
        if !self.has(HEADER_LEN)? {
            return Ok(None);
        }
        let Some(header) = self.buffer.get(self.at..).and_then(FrameHeader::decode) else {
            return Ok(None);
        };
        let len = header.len as usize;
        if len > FRAME_BYTES_MAX || header.seq < expected || header.seq > most {
            return Ok(None);
        }
        if !self.has(HEADER_LEN + len)? {
            return Ok(None);
        }
        let body = self.buffer.get(self.at + 8..self.at + HEADER_LEN + len);
        if body.is_some_and(|body| crc32c::crc32c_append(self.salt, body) == header.crc) {
            Ok(Some(header))
        } else {
            self.budget = self.budget.saturating_sub((HEADER_LEN + len) as u64);
            Ok(None)
        }
    }

    /// Reads until `want` bytes are there; false when the segment ends before.
    fn has(&mut self, want: usize) -> io::Result<bool> {
        while self.buffer.len() - self.at < want && !self.ended {
            if self.at >= READ_BYTES {
                self.buffer.drain(..self.at);
                self.base += self.at as u64;
                self.at = 0;
                self.payload = 0..0;
            }
            let len = self.buffer.len();
            self.buffer.resize(len + READ_BYTES, 0);
            let room = self.buffer.get_mut(len..).unwrap_or_default();
            let count = loop {
                match self.source.read(room) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => break other,
                }
            };
            self.buffer.truncate(len + *count.as_ref().unwrap_or(&0));
            self.ended = count? == 0;
        }
        Ok(self.buffer.len() - self.at >= want)
    }
}
