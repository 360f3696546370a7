//! Builds records of the record format, for recorders and for tests of whatever reads them.

use super::format::{
    HEAD_BYTES, LONG_DURATION, LONG_ITEM, RECORD_BYTES_MAX, SLOT_RESULT, VERSION, kind, tag,
};

/// Builds records one after the other in one buffer.
///
/// ```
/// use unspool_decode::native::write::{CallHead, RecordWriter};
/// use unspool_decode::native::format::tag;
///
/// let mut writer = RecordWriter::default();
/// // getcwd(buf, 4096) = 5 on x86_64.
/// let head = CallHead { number: 79, architecture: 0, duration_ns: 900 };
/// writer.call(4711, 1_000, head, [0x7fff_0000, 4096, 0, 0, 0, 0], Some(5));
/// writer.item(tag::STRING, 0, b"/tmp");
/// writer.end();
/// assert_eq!(writer.bytes().len() % 4, 0);
/// ```
#[derive(Default, Debug)]
pub struct RecordWriter {
    buffer: Vec<u8>,
    /// Where the open record starts.
    start: usize,
}

/// What a call record holds besides its slots.
#[derive(Clone, Copy, Debug)]
pub struct CallHead {
    /// Number in the table of the architecture.
    pub number: u16,
    /// One of [`super::format::architecture`].
    pub architecture: u8,
    /// From entry to return.
    pub duration_ns: u64,
}

/// What the first record of a stream says.
#[derive(Clone, Copy, Debug)]
pub struct StreamHead {
    /// One of [`super::format::architecture`].
    pub architecture: u8,
    /// 0 realtime, 1 monotonic, 2 boottime.
    pub clock: u8,
    /// 1 ptrace, 2 bpf.
    pub recorder: u32,
    /// Added to a time of the stream it gives nanoseconds since the epoch.
    pub offset_ns: i64,
}

impl RecordWriter {
    /// The finished records.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.start).unwrap_or(&[])
    }

    /// Forgets the finished records; keeps the room.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.start = 0;
    }

    /// Begins a record. A record that was not ended is dropped.
    pub fn begin(&mut self, kind: u8, tid: u32, time_ns: u64) {
        self.buffer.truncate(self.start);
        self.u32(u32::from(kind));
        self.u32(tid);
        self.u64(time_ns);
    }

    /// Adds a field of the body.
    pub fn u8(&mut self, value: u8) {
        self.buffer.push(value);
    }

    /// Adds a field of the body.
    pub fn u16(&mut self, value: u16) {
        self.buffer.extend_from_slice(&value.to_le_bytes());
    }

    /// Adds a field of the body.
    pub fn u32(&mut self, value: u32) {
        self.buffer.extend_from_slice(&value.to_le_bytes());
    }

    /// Adds a field of the body.
    pub fn i32(&mut self, value: i32) {
        self.buffer.extend_from_slice(&value.to_le_bytes());
    }

    /// Adds a field of the body.
    pub fn u64(&mut self, value: u64) {
        self.buffer.extend_from_slice(&value.to_le_bytes());
    }

    /// Adds a field of the body.
    pub fn i64(&mut self, value: i64) {
        self.buffer.extend_from_slice(&value.to_le_bytes());
    }

    /// Adds an item. Returns false, and adds nothing, when the record would exceed its limit.
    pub fn item(&mut self, tag: u8, index: u8, value: &[u8]) -> bool {
        self.item_of(tag, index, &[value])
    }

    /// Adds an item whose value is in several pieces. Returns false, and adds nothing, when the record would exceed
    /// its limit.
    pub fn item_of(&mut self, tag: u8, index: u8, pieces: &[&[u8]]) -> bool {
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        let used = self.buffer.len() - self.start;
        // 8 bytes of head, at most 3 of padding.
        if len.saturating_add(used).saturating_add(11) > RECORD_BYTES_MAX {
            return false;
        }
        self.u8(tag);
        self.u8(index);
        match u16::try_from(len) {
            Ok(len) if len < LONG_ITEM => self.u16(len),
            _ => {
                self.u16(LONG_ITEM);
                self.u32(u32::try_from(len).expect("len is below the record's limit, 16 MiB"));
            }
        }
        for piece in pieces {
            self.buffer.extend_from_slice(piece);
        }
        true
    }

    /// Adds an item of strings; `count` is their true count, when not all are given.
    pub fn strings(&mut self, tag: u8, index: u8, count: u32, strings: &[&[u8]]) -> bool {
        let mut value = count.to_le_bytes().to_vec();
        for string in strings {
            value.extend_from_slice(
                &u32::try_from(string.len())
                    .unwrap_or(u32::MAX)
                    .to_le_bytes(),
            );
            value.extend_from_slice(string);
        }
        self.item(tag, index, &value)
    }

    /// Ends the record: pads it and writes its length.
    pub fn end(&mut self) {
        while !self.buffer.len().is_multiple_of(4) {
            self.buffer.push(0);
        }
        let len = self.buffer.len() - self.start;
        let len = u32::try_from(len).expect("a record is below 16 MiB");
        if let Some(word) = self
            .buffer
            .get_mut(self.start..)
            .and_then(<[u8]>::first_chunk_mut::<4>)
        {
            *word = (u32::from(word[0]) | len << 8).to_le_bytes();
        }
        self.start = self.buffer.len();
    }

    /// Begins a call record with its slots; without a result the item `no result` is added.
    pub fn call(
        &mut self,
        tid: u32,
        time_ns: u64,
        head: CallHead,
        args: [u64; 6],
        result: Option<i64>,
    ) {
        let CallHead {
            number,
            architecture,
            duration_ns,
        } = head;
        self.begin(kind::CALL, tid, time_ns);
        let short = u32::try_from(duration_ns)
            .ok()
            .filter(|ns| *ns != LONG_DURATION);
        self.u32(short.unwrap_or(LONG_DURATION));
        self.u16(number);
        self.slots(architecture, args, result);
        if short.is_none() {
            self.item(
                tag::LONG_DURATION,
                super::format::INDEX_NONE,
                &duration_ns.to_le_bytes(),
            );
        }
        if result.is_none() {
            self.item(tag::NO_RESULT, super::format::INDEX_NONE, &[]);
        }
    }

    /// Begins a record that says that a call was entered.
    pub fn call_begin(
        &mut self,
        tid: u32,
        time_ns: u64,
        number: u16,
        architecture: u8,
        args: [u64; 6],
    ) {
        self.begin(kind::CALL_BEGIN, tid, time_ns);
        self.u32(0);
        self.u16(number);
        self.slots(architecture, args, None);
    }

    /// Adds the word of widths and the slots.
    fn slots(&mut self, architecture: u8, args: [u64; 6], result: Option<i64>) {
        let mut widths = u16::from(architecture & 3) << 14;
        let slots = args.into_iter().chain(result.map(i64::cast_unsigned));
        for (slot, value) in slots.clone().enumerate() {
            widths |= width(value) << (2 * slot);
        }
        self.u16(widths);
        for value in slots {
            let low = u32::try_from(value & 0xffff_ffff).unwrap_or(0);
            match width(value) {
                0 => {}
                1 | 2 => self.u32(low),
                _ => self.u64(value),
            }
        }
        debug_assert!(self.buffer.len() - self.start <= HEAD_BYTES + 8 + 8 * (SLOT_RESULT + 1));
    }

    /// Writes the record that starts a stream, without its items `host` and `kernel`; ends it.
    pub fn stream(&mut self, time_ns: u64, head: StreamHead) {
        let StreamHead {
            architecture,
            clock,
            recorder,
            offset_ns,
        } = head;
        self.begin(kind::STREAM, 0, time_ns);
        self.u16(VERSION);
        self.u8(architecture);
        self.u8(clock);
        self.u32(recorder);
        self.i64(offset_ns);
        self.end();
    }
}

/// Width class of a slot: 0 absent, 1 u32, 2 i32, 3 u64.
fn width(value: u64) -> u16 {
    if value == 0 {
        0
    } else if u32::try_from(value).is_ok() {
        1
    } else if i32::try_from(value.cast_signed()).is_ok() {
        2
    } else {
        3
    }
}
