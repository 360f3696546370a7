//! A reader of the record format for tests, written from `docs/record-format.md` alone and independent of the decoder.

/// One record, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) kind: u8,
    pub(crate) tid: u32,
    pub(crate) time_ns: u64,
    /// Words of the fixed body; empty for calls.
    pub(crate) words: Vec<u32>,
    pub(crate) call: Option<Call>,
    /// Tag, index, value.
    pub(crate) items: Vec<(u8, u8, Vec<u8>)>,
}

/// The body of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) number: u16,
    pub(crate) architecture: u16,
    pub(crate) args: Vec<i64>,
    /// `None` when it never returned.
    pub(crate) result: Option<i64>,
}

impl Record {
    pub(crate) fn item(&self, tag: u8) -> Option<&[u8]> {
        self.items
            .iter()
            .find(|item| item.0 == tag)
            .map(|item| &item.2[..])
    }

    pub(crate) fn text(&self, tag: u8) -> String {
        String::from_utf8_lossy(self.item(tag).unwrap_or_default()).into_owned()
    }

    /// Strings of an `argv` or `env` item.
    pub(crate) fn strings(&self, tag: u8) -> Vec<String> {
        let value = self.item(tag).unwrap_or_default();
        let mut strings = Vec::new();
        let mut at = 4;
        while at + 4 <= value.len() {
            let len = u32_at(value, at) as usize;
            strings.push(String::from_utf8_lossy(&value[at + 4..at + 4 + len]).into_owned());
            at += 4 + len;
        }
        strings
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn body_bytes(kind: u8) -> usize {
    match kind {
        1 | 4 | 7 | 8 => 16,
        5 | 6 | 13 | 15 | 16 => 8,
        9 => 24,
        11 => 16,
        12 => 0,
        14 => 32,
        10 => 40,
        18 => 8,
        20 => 16,
        other => panic!("kind {other} is not written by this recorder"),
    }
}

/// `slots_at`: where the slots begin, behind the serial number of a call on a file.
fn call(bytes: &[u8], slots_at: usize) -> (Call, usize) {
    let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let (number, widths) = (word(4), word(6));
    let mut at = slots_at;
    let mut slots = Vec::new();
    for slot in 0..7 {
        let (value, len) = match widths >> (2 * slot) & 3 {
            0 => (0, 0),
            1 => (i64::from(u32_at(bytes, at)), 4),
            2 => (i64::from(u32_at(bytes, at).cast_signed()), 4),
            _ => (
                i64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes")),
                8,
            ),
        };
        slots.push(value);
        at += len;
    }
    let result = slots.pop();
    (
        Call {
            number,
            architecture: widths >> 14,
            args: slots,
            result,
        },
        at,
    )
}

/// Reads the whole records at the start of a stream that was cut anywhere.
pub(crate) fn read_cut(bytes: &[u8]) -> Vec<Record> {
    let mut end = 0;
    while end + 4 <= bytes.len() && end + (u32_at(bytes, end) >> 8) as usize <= bytes.len() {
        end += (u32_at(bytes, end) >> 8) as usize;
    }
    read(&bytes[..end])
}

/// Reads a whole stream; panics where it breaks the format.
pub(crate) fn read(bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let word = u32_at(bytes, at);
        let (kind, len) = ((word & 0xff) as u8, (word >> 8) as usize);
        assert!(len >= 16 && len.is_multiple_of(4), "length {len} at {at}");
        let record = &bytes[at..at + len];
        let body = &record[16..];
        let (call, start) = match kind {
            2 | 3 | 17 => {
                let (call, start) = call(body, if kind == 17 { 12 } else { 8 });
                (Some(call), start)
            }
            _ => (None, body_bytes(kind)),
        };
        let words = if call.is_some() {
            Vec::new()
        } else {
            body[..start]
                .chunks(4)
                .map(|word| u32_at(word, 0))
                .collect()
        };
        let time_ns = u64::from_le_bytes(record[8..16].try_into().expect("eight bytes"));
        let mut record = Record {
            kind,
            tid: u32_at(record, 4),
            time_ns,
            words,
            call,
            items: items(&body[start..]),
        };
        if record.item(13).is_some()
            && let Some(call) = &mut record.call
        {
            call.result = None;
        }
        records.push(record);
        at += len;
    }
    records
}

fn items(bytes: &[u8]) -> Vec<(u8, u8, Vec<u8>)> {
    let mut items = Vec::new();
    let mut at = 0;
    while at + 4 <= bytes.len() && bytes[at] != 0 {
        let short = u16::from_le_bytes([bytes[at + 2], bytes[at + 3]]);
        let (start, len) = if short == 0xffff {
            (at + 8, u32_at(bytes, at + 4) as usize)
        } else {
            (at + 4, usize::from(short))
        };
        items.push((bytes[at], bytes[at + 1], bytes[start..start + len].to_vec()));
        at = start + len;
    }
    assert!(
        bytes[at.min(bytes.len())..].iter().all(|&byte| byte == 0),
        "padding is zeros"
    );
    items
}
