//! Builds records in one buffer, hands them to the sink, and counts.

use unspool_decode::native::format::{
    HEAD_BYTES, INDEX_NONE, LONG_ITEM, RECORD_BYTES_MAX, STRINGS_BYTES_MAX, kind, tag,
};

use crate::options::Counts;
use crate::seam::{RecordSink, Scrub, SinkError};

/// The buffer goes to the sink when it holds this much, or at the next tick.
const BUFFER_BYTES: usize = 256 << 10;

/// Appends one item to items.
pub(crate) fn push_item(items: &mut Vec<u8>, tag: u8, index: u8, value: &[u8]) {
    let start = begin_item(items, tag, index, value.len());
    debug_assert_eq!(start, items.len(), "nothing between head and value");
    items.extend_from_slice(value);
}

/// Appends the head of an item of known length; returns where its value starts.
pub(crate) fn begin_item(items: &mut Vec<u8>, tag: u8, index: u8, len: usize) -> usize {
    match u16::try_from(len) {
        Ok(short) if short != LONG_ITEM => {
            let [low, high] = short.to_le_bytes();
            items.extend_from_slice(&[tag, index, low, high]);
        }
        _ => {
            items.extend_from_slice(&[tag, index, 0xff, 0xff]);
            items.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
        }
    }
    items.len()
}

/// Appends an array of strings as an item: true count, then length and bytes each, until `limit` bytes are used.
pub(crate) fn push_strings(
    items: &mut Vec<u8>,
    tag: u8,
    index: u8,
    strings: &[Vec<u8>],
    true_count: usize,
    limit: usize,
) -> usize {
    let mut len = 4;
    let mut kept = 0;
    for string in strings {
        if len + 4 + string.len() > limit {
            break;
        }
        len += 4 + string.len();
        kept += 1;
    }
    begin_item(items, tag, index, len);
    items.extend_from_slice(&u32::try_from(true_count).unwrap_or(u32::MAX).to_le_bytes());
    for string in strings.iter().take(kept) {
        items.extend_from_slice(
            &u32::try_from(string.len())
                .unwrap_or(u32::MAX)
                .to_le_bytes(),
        );
        items.extend_from_slice(string);
    }
    len
}

/// Scrubs and appends an argument vector and an environment, together within the format's limit.
pub(crate) fn push_argv_and_env(
    items: &mut Vec<u8>,
    mut argv: Vec<Vec<u8>>,
    mut env: Vec<Vec<u8>>,
    scrub: &dyn Scrub,
) {
    scrub.argv(&mut argv);
    scrub.env(&mut env);
    let mut left = STRINGS_BYTES_MAX;
    for (tag, strings) in [(tag::ARGV, argv), (tag::ENV, env)] {
        let used = push_strings(items, tag, INDEX_NONE, &strings, strings.len(), left);
        left = left.saturating_sub(used);
    }
}

/// Records that could not be handed over, since the sink failed.
#[derive(Debug, Default)]
struct Hole {
    lost: u64,
    first_ns: u64,
    last_ns: u64,
}

/// Whether records of this kind are events, and so counted.
#[inline]
pub(crate) fn is_event(kind: u8) -> bool {
    matches!(
        kind,
        kind::CALL
            | kind::CALL_ON_FILE
            | kind::RING_OPERATION
            | kind::FORK
            | kind::EXEC
            | kind::EXIT
            | kind::SIGNAL
            | kind::STOP
            | kind::CONTINUE
    )
}

/// Builds records, hands them to the sink, counts.
pub(crate) struct Writer<'sink> {
    sink: &'sink mut dyn RecordSink,
    buffer: Vec<u8>,
    /// Where the record that is being built starts.
    start: usize,
    /// Events among the complete records of the buffer.
    events_in_buffer: u64,
    /// `recorded` counts what the sink took.
    counts: Counts,
    hole: Option<Hole>,
    error: Option<SinkError>,
}

impl<'sink> Writer<'sink> {
    pub(crate) fn new(sink: &'sink mut dyn RecordSink) -> Self {
        let buffer = Vec::with_capacity(BUFFER_BYTES + (16 << 10));
        Self {
            sink,
            buffer,
            start: 0,
            events_in_buffer: 0,
            counts: Counts::default(),
            hole: None,
            error: None,
        }
    }

    /// Whether the sink takes nothing at the moment: then there is no point in reading the job's memory.
    #[inline]
    pub(crate) fn is_failing(&self) -> bool {
        self.hole.is_some()
    }

    /// Whether there is something to flush.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Starts a record.
    #[inline]
    pub(crate) fn begin(&mut self, kind: u8, tid: i32, time_ns: i64) {
        self.start = self.buffer.len();
        let mut head = [0; HEAD_BYTES];
        head[0] = kind;
        head[4..8].copy_from_slice(&tid.to_le_bytes());
        head[8..16].copy_from_slice(&time_ns.to_le_bytes());
        self.buffer.extend_from_slice(&head);
    }

    /// Appends bytes to the body of the record.
    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Appends a number to the body.
    #[inline]
    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    /// Appends a number to the body.
    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Appends an item that belongs to no argument.
    pub(crate) fn item(&mut self, tag: u8, value: &[u8]) {
        push_item(&mut self.buffer, tag, INDEX_NONE, value);
    }

    /// The items of the record so far, to append more.
    pub(crate) fn items(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Ends the record, counts it if it is an event, and hands over a full buffer.
    #[inline]
    pub(crate) fn end(&mut self) {
        let padded = self.buffer.len().next_multiple_of(4);
        self.buffer.resize(padded, 0);
        let len = padded - self.start;
        let record = &mut self.buffer[self.start..];
        let kind = record[0];
        let is_event = is_event(kind);
        let fits = len <= RECORD_BYTES_MAX;
        let length = u32::try_from(len).unwrap_or(0) << 8 | u32::from(kind);
        record[..4].copy_from_slice(&length.to_le_bytes());
        if is_event {
            self.counts.seen += 1;
        }
        if let Some(hole) = &mut self.hole {
            let time_ns = u64::from_le_bytes(record[8..16].try_into().unwrap_or_default());
            hole.last_ns = hole.last_ns.max(time_ns);
            hole.lost += u64::from(is_event);
            self.counts.lost += u64::from(is_event);
            self.buffer.truncate(self.start);
        } else if !fits {
            self.counts.lost += u64::from(is_event);
            self.buffer.truncate(self.start);
        } else {
            self.events_in_buffer += u64::from(is_event);
            if self.buffer.len() >= BUFFER_BYTES {
                self.flush();
            }
        }
    }

    /// Appends whole records that are no events.
    pub(crate) fn records(&mut self, records: &[u8]) {
        if self.hole.is_none() {
            self.buffer.extend_from_slice(records);
            if self.buffer.len() >= BUFFER_BYTES {
                self.flush();
            }
        }
    }

    /// Hands over whole records that were made elsewhere, behind what there is. `events` of them are events.
    pub(crate) fn append(&mut self, records: &[u8], events: u64) {
        self.flush();
        self.counts.seen += events;
        if let Some(hole) = &mut self.hole {
            hole.lost += events;
            self.counts.lost += events;
            return;
        }
        if records.is_empty() {
            return;
        }
        match self.sink.write(records) {
            Ok(()) => self.counts.recorded += events,
            Err(error) => self.fail(error, events, records),
        }
    }

    /// Goes on behind what another process wrote, see [`RecordSink::resume`].
    pub(crate) fn resume(&mut self) -> Option<Vec<u8>> {
        self.buffer.clear();
        self.sink.resume()
    }

    /// The sink did not take `records`.
    fn fail(&mut self, error: SinkError, events: u64, records: &[u8]) {
        self.counts.lost += events;
        let first_ns = records
            .get(8..16)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u64::from_le_bytes);
        self.hole = Some(Hole {
            lost: events,
            first_ns,
            last_ns: first_ns,
        });
        self.error.get_or_insert(error);
    }

    /// Hands over what there is.
    pub(crate) fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        match self.sink.write(&self.buffer) {
            Ok(()) => self.counts.recorded += self.events_in_buffer,
            Err(error) => {
                let records = std::mem::take(&mut self.buffer);
                self.fail(error, self.events_in_buffer, &records);
                self.buffer = records;
            }
        }
        self.events_in_buffer = 0;
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES + (16 << 10));
    }

    /// After a failure: asks the sink again, with a record of what is missing.
    pub(crate) fn retry(&mut self, now_ns: i64) {
        let Some(hole) = self.hole.take() else {
            return;
        };
        self.begin(kind::GAP, 0, now_ns);
        for value in [hole.lost, hole.first_ns, hole.last_ns] {
            self.u64(value);
        }
        let reason = self
            .error
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        self.item(tag::TEXT, reason.as_bytes());
        self.end();
        let taken = self.sink.write(&self.buffer).is_ok();
        self.buffer.clear();
        if !taken {
            self.hole = Some(hole);
        }
    }

    /// Ends the stream with its totals, which `correct` makes of those counted here.
    pub(crate) fn finish(
        &mut self,
        now_ns: i64,
        correct: impl FnOnce(Counts) -> Counts,
    ) -> (Counts, Option<SinkError>) {
        self.flush();
        self.retry(now_ns);
        let counts = correct(self.counts);
        if self.hole.is_none() {
            self.begin(kind::COUNTS, 0, now_ns);
            for value in [counts.seen, counts.recorded, counts.folded, counts.lost] {
                self.u64(value);
            }
            self.end();
            self.flush();
        }
        (counts, self.error.take())
    }
}
