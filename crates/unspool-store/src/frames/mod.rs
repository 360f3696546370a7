//! Frames: the bytes of a recording as they came, each with a checksum, in segments of at most 64 MiB.
//!
//! A segment starts with 32 bytes: `UNSPOOLF`, u32 version, u32 number of the segment from 1, u64 number of its first
//! frame, u32 salt, u32 CRC32C of these 28 bytes. Then frames follow, each 28 bytes of header and its payload: u32
//! length of the payload, u32 CRC32C of what follows it (seeded with the salt), u16 stream, u16 kind, u64 number of the
//! frame in the run from 0 without gaps, i64 time in nanoseconds, payload. All integers are little-endian.
//!
//! The salt comes from the run's id: a frame of another run, or one that a traced program wrote into its own output,
//! does not pass as one of this run. No frame starts with zeros only, so that pages which a power cut left empty are
//! seen as damage.

mod scan;
mod segments;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use segments::Frames;
pub(crate) use segments::{compress, first_header, is_plain, list, segment_path};

/// Most bytes of one frame's payload; longer pieces are split, which a stream does not notice.
pub const FRAME_BYTES_MAX: usize = 1 << 20;

/// Length of a frame's header.
pub(crate) const HEADER_LEN: usize = 28;

/// Length of a segment's header.
pub(crate) const SEGMENT_HEADER_LEN: usize = 32;

/// A segment is closed and the next one begun when it would grow over this.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 64 << 20;

const MAGIC: [u8; 8] = *b"UNSPOOLF";
const VERSION: u32 = 1;

/// One piece of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// Number in the run, from 0.
    pub seq: u64,
    /// Which stream it belongs to; the recorder gives the numbers.
    pub stream: u16,
    /// Kind or flags, for the recorder.
    pub kind: u16,
    /// When it was written, in the run's nanoseconds.
    pub time_ns: i64,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// Something that is known to be missing from a run.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Loss {
    /// What happened.
    pub reason: String,
    /// File in the run folder, empty when it is not about one file.
    pub file: String,
    /// Where in the (uncompressed) file.
    pub offset: u64,
    /// How many bytes; 0 when unknown.
    pub bytes: u64,
    /// How many frames, exactly; 0 when unknown.
    pub frames: u64,
}

/// Totals over the frames of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Frames.
    pub frames: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Hash over the checksums of all frames in order: two runs with the same frames have the same.
    pub chain: u64,
    /// Time of the last frame; 0 when there is none.
    pub last_ns: i64,
}

impl Totals {
    /// Counts a frame; FNV-1a over the checksums.
    pub(crate) fn add(&mut self, bytes: usize, crc: u32, time_ns: i64) {
        if self.frames == 0 {
            self.chain = 0xcbf2_9ce4_8422_2325;
        }
        self.frames += 1;
        self.bytes += bytes as u64;
        self.chain = (self.chain ^ u64::from(crc)).wrapping_mul(0x0100_0000_01b3);
        self.last_ns = time_ns;
    }
}

/// Reads one plain segment in memory, without looking for what other segments hold. Gives the number of bytes that are
/// neither a header nor part of a whole frame.
pub fn scan_segment(bytes: &[u8], run_id: &str, each: &mut dyn FnMut(&Frame<'_>)) -> u64 {
    let (head, rest) = bytes.split_at(bytes.len().min(SEGMENT_HEADER_LEN));
    let mut damaged = match SegmentHeader::decode(head) {
        Some(_) => 0,
        None => head.len() as u64,
    };
    let mut scanner = scan::Scanner::new(rest, salt(run_id), head.len() as u64);
    let mut expected = 0;
    // Reading from memory does not fail.
    while let Ok(found) = scanner.next(expected) {
        match found {
            scan::Found::Frame(header) => {
                expected = header.seq.saturating_add(1);
                each(&header.frame(scanner.payload()));
            }
            scan::Found::Damage { bytes, .. } => damaged += bytes,
            scan::Found::End => break,
        }
    }
    damaged
}

/// Seed of the checksums of a run's frames.
pub(crate) fn salt(run_id: &str) -> u32 {
    crc32c::crc32c(run_id.as_bytes())
}

/// Header of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SegmentHeader {
    pub number: u32,
    pub first_seq: u64,
    pub salt: u32,
}

impl SegmentHeader {
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SEGMENT_HEADER_LEN);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.first_seq.to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` when it is damaged or of another version.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let body = bytes.get(..28)?;
        let crc = u32_at(bytes, 28)?;
        if !body.starts_with(&MAGIC) || u32_at(bytes, 8)? != VERSION || crc != crc32c::crc32c(body)
        {
            return None;
        }
        Some(Self {
            number: u32_at(bytes, 12)?,
            first_seq: u64_at(bytes, 16)?,
            salt: u32_at(bytes, 24)?,
        })
    }
}

/// Header of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FrameHeader {
    pub len: u32,
    pub crc: u32,
    pub stream: u16,
    pub kind: u16,
    pub seq: u64,
    pub time_ns: i64,
}

impl FrameHeader {
    pub(crate) fn frame(self, bytes: &[u8]) -> Frame<'_> {
        Frame {
            seq: self.seq,
            stream: self.stream,
            kind: self.kind,
            time_ns: self.time_ns,
            bytes,
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            len: u32_at(bytes, 0)?,
            crc: u32_at(bytes, 4)?,
            stream: u16_at(bytes, 8)?,
            kind: u16_at(bytes, 10)?,
            seq: u64_at(bytes, 12)?,
            time_ns: u64_at(bytes, 20)?.cast_signed(),
        })
    }
}

/// Appends a frame to `out` and gives its checksum. `payload` is at most [`FRAME_BYTES_MAX`] long.
pub(crate) fn encode(frame: &Frame<'_>, salt: u32, out: &mut Vec<u8>) -> u32 {
    let mut head = [0u8; HEADER_LEN - 8];
    for (place, byte) in head.iter_mut().zip(
        frame
            .stream
            .to_le_bytes()
            .into_iter()
            .chain(frame.kind.to_le_bytes())
            .chain(frame.seq.to_le_bytes())
            .chain(frame.time_ns.to_le_bytes()),
    ) {
        *place = byte;
    }
    let crc = crc32c::crc32c_append(crc32c::crc32c_append(salt, &head), frame.bytes);
    let len = u32::try_from(frame.bytes.len()).expect("a frame is at most FRAME_BYTES_MAX long");
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(frame.bytes);
    crc
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|b| u16::from_le_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|b| u32::from_le_bytes(*b))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|b| u64::from_le_bytes(*b))
}
