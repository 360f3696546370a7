//! Completes records that the kernel's side left raw: texts are scrubbed, paths put in order, sockets and signals made items of
//! the format. Most records need nothing of this and go to the sink as they are.

use std::collections::HashMap;
use std::sync::Arc;

use unspool_decode::native::format::{
    HEAD_BYTES, INDEX_RESULT, PATH_BYTES_MAX, STRINGS_BYTES_MAX, kind, tag,
};

use super::names::{push_path, push_socket};
use crate::native::capture::push_signal_info;
use crate::native::roles::{ProcessCall, Role, RoleTable, process_call};
use crate::native::writer::{begin_item, push_argv_and_env, push_item, push_strings};
use crate::native::{Told, Use};
use crate::samples::ThreadUse;
use crate::seam::{Scrub, TextKind};

/// Bit of a kind that says: to be completed.
pub(super) const RAW: u8 = 0x80;
/// A part of an argument vector, an environment, or the data of a call.
pub(super) const PIECE: u8 = 0xf0;
/// What a thread used, at its end.
pub(super) const USE: u8 = 0xf1;
/// What a piece is of.
const PIECE_OF_ARGUMENTS: u32 = 0;
const PIECE_OF_ENVIRONMENT: u32 = 1;
const PIECE_OF_POINTERS: u32 = 3;
const PIECE_OF_STRINGS: u32 = 4;
/// Raw items, as `bpf/state.h` numbers them.
const RAW_SOCKET: u8 = 200;
const RAW_SIGINFO: u8 = 201;
const RAW_PROGRAM: u8 = 202;
const RAW_ARGV: u8 = 203;
const RAW_STRINGS: u8 = 207;
const RAW_LISTED: u8 = 208;
const RAW_GROUP: u8 = 204;
const RAW_DATA: u8 = 205;
const RAW_USED: u8 = 206;
/// Added to the tag of a path that is still in components.
const RAW_PATH: u8 = 128;
/// Images under way whose parts are kept; more than threads can be inside execve at once.
const IMAGES_MAX: usize = 4096;

/// What a thread used (`struct used` of `bpf/emit.h`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    pub(super) cpu_ns: u64,
    pub(super) rest: ThreadUse,
}

impl Used {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let word = |place: usize| {
            let word = bytes.get(8 * place..8 * place + 8);
            word.and_then(|word| word.try_into().ok())
                .map_or(0, u64::from_le_bytes)
        };
        Self {
            cpu_ns: word(0),
            rest: ThreadUse {
                run_delay_ns: word(1),
                read_bytes: word(2),
                written_bytes: word(3),
                disk_read_bytes: word(4),
                disk_written_bytes: word(5),
            },
        }
    }
}

/// What came so far for the next record of a thread.
#[derive(Debug, Default)]
struct Pieces {
    argv: Vec<u8>,
    env: Vec<u8>,
    data: Vec<u8>,
    /// Of a list of strings, and the memory that they are in.
    pointers: Vec<u8>,
    strings: Vec<u8>,
}

impl Pieces {
    /// The strings of the list, whose memory begins at an address; `width`: bytes of a pointer.
    fn listed(&self, from: u64, width: usize) -> Vec<Vec<u8>> {
        let string = |pointer: &[u8]| {
            let mut word = [0; 8];
            word[..width].copy_from_slice(pointer);
            let start = u64::from_le_bytes(word).checked_sub(from)?;
            let bytes = self.strings.get(usize::try_from(start).ok()?..)?;
            let len = bytes.iter().position(|&byte| byte == 0);
            let len = len.unwrap_or(bytes.len()).min(PATH_BYTES_MAX);
            Some(bytes[..len].to_vec())
        };
        let pointers = self.pointers.chunks_exact(width);
        pointers.map_while(string).collect()
    }
}

/// A record of the ring, taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawRecord<'r> {
    pub(super) kind: u8,
    pub(super) tid: u32,
    pub(super) bytes: &'r [u8],
}

impl<'r> RawRecord<'r> {
    /// `None` when it is no record.
    pub(super) fn new(bytes: &'r [u8]) -> Option<Self> {
        let (word, rest) = bytes.split_first_chunk::<4>()?;
        let tid = u32::from_le_bytes(*rest.first_chunk()?);
        let len = usize::try_from(u32::from_le_bytes(*word) >> 8).ok()?;
        Some(Self {
            kind: word[0],
            tid,
            bytes: bytes.get(..len).filter(|bytes| bytes.len() >= HEAD_BYTES)?,
        })
    }

    fn u16_at(&self, at: usize) -> u16 {
        self.bytes
            .get(at..at + 2)
            .map_or(0, |two| u16::from_le_bytes([two[0], two[1]]))
    }

    pub(super) fn u32_at(&self, at: usize) -> u32 {
        u32::try_from(self.u64_of(at, 4)).unwrap_or(0)
    }

    pub(super) fn u64_of(&self, at: usize, len: usize) -> u64 {
        let mut word = [0; 8];
        if let Some(bytes) = self.bytes.get(at..at + len) {
            word[..len].copy_from_slice(bytes);
        }
        u64::from_le_bytes(word)
    }

    pub(super) fn time_ns(&self) -> i64 {
        i64::try_from(self.u64_of(8, 8)).unwrap_or(i64::MAX)
    }

    /// Whether the result of a call takes no room.
    fn result_is_zero(&self) -> bool {
        matches!((self.u16_at(22) >> 12) % 4, 0)
    }

    /// Bytes of a pointer of the program that made a call.
    fn pointer_bytes(&self) -> usize {
        match self.u16_at(22) >> 14 {
            2 => 4,
            _ => 8,
        }
    }

    /// Whether a call replaces an image.
    fn is_exec_call(&self) -> bool {
        let architecture = u8::try_from(self.u16_at(22) >> 14).unwrap_or(0);
        process_call(architecture, u64::from(self.u16_at(20))) == Some(ProcessCall::Exec)
    }

    /// Where the slots of a call begin.
    fn slots_at(&self) -> usize {
        match self.kind & !RAW {
            kind::CALL_ON_FILE => 28,
            _ => 24,
        }
    }

    /// Where the items begin.
    fn items_at(&self) -> usize {
        match self.kind & !RAW {
            kind::CALL | kind::CALL_ON_FILE => {
                let widths = self.u16_at(22);
                let slots: usize = (0..7)
                    .map(|slot| match widths >> (2 * slot) & 3 {
                        0 => 0,
                        3 => 8,
                        _ => 4,
                    })
                    .sum();
                self.slots_at() + slots
            }
            kind::RING_OPERATION => 48,
            _ => 24,
        }
    }

    /// Its items, from `from` on: tag, index, value.
    fn items_from(&self, from: usize) -> impl Iterator<Item = (u8, u8, &'r [u8])> + use<'r> {
        let mut rest = self.bytes.get(from..).unwrap_or(&[]);
        std::iter::from_fn(move || {
            let [tag, index, low, high, after @ ..] = rest else {
                return None;
            };
            let len = usize::from(u16::from_le_bytes([*low, *high]));
            let (value, next) = after.split_at_checked(len)?;
            rest = next;
            (*tag != tag::END).then_some((*tag, *index, value))
        })
    }

    /// The descriptors that a call made, as its items tell.
    pub(super) fn made(&self) -> impl Iterator<Item = i32> + use<'r> {
        let items_at = self.items_at().min(self.bytes.len());
        // The result is the last slot.
        let result = match self.u16_at(22) >> 12 & 3 {
            0 => 0,
            3 => self.u32_at(items_at.saturating_sub(8)),
            _ => self.u32_at(items_at.saturating_sub(4)),
        };
        let of_item = move |(tag, index, value): (u8, u8, &'r [u8])| {
            let is_result = tag == tag::IDENTITY && index == INDEX_RESULT;
            let (listed, _) = value.as_chunks::<4>();
            let listed = if tag == tag::INTS { listed } else { &[] };
            let listed = listed.iter().map(|bytes| i32::from_le_bytes(*bytes));
            listed.chain(is_result.then_some(result.cast_signed()))
        };
        self.items_from(items_at).flat_map(of_item)
    }

    /// The number of the control group in which an image begins.
    pub(super) fn group(&self) -> Option<u64> {
        self.items_from(self.items_at())
            .find(|(tag, _, _)| *tag == RAW_GROUP)
            .and_then(|(_, _, value)| value.try_into().ok())
            .map(u64::from_le_bytes)
    }
}

/// Completes records.
pub(super) struct Completer {
    scrub: Arc<dyn Scrub>,
    roles: RoleTable,
    pieces: HashMap<u32, Pieces>,
    /// Paths given to the execs that are under way, by thread.
    programs: HashMap<u32, Vec<u8>>,
    text: Vec<u8>,
    /// What the process of the last image had used before it.
    pub(super) used: Used,
    /// The command's thread, until its first exec has returned: the arguments of that call were the launcher's.
    root: Option<u32>,
}

impl Completer {
    pub(super) fn new(scrub: Arc<dyn Scrub>, root: Option<u32>) -> Self {
        Self {
            scrub,
            roles: RoleTable::new(),
            pieces: HashMap::new(),
            programs: HashMap::new(),
            text: Vec::new(),
            used: Used::default(),
            root,
        }
    }

    /// Keeps a part for the record that it belongs to: an exec or a call that moves data.
    pub(super) fn keep_piece(&mut self, record: RawRecord<'_>) {
        if self.pieces.len() >= IMAGES_MAX {
            self.pieces.clear();
        }
        let len = record.u32_at(20) as usize;
        let Some(bytes) = record.bytes.get(24..24 + len) else {
            return;
        };
        let pieces = self.pieces.entry(record.tid).or_default();
        let to = match record.u32_at(16) {
            PIECE_OF_ARGUMENTS => &mut pieces.argv,
            PIECE_OF_ENVIRONMENT => &mut pieces.env,
            PIECE_OF_POINTERS => &mut pieces.pointers,
            PIECE_OF_STRINGS => &mut pieces.strings,
            _ => &mut pieces.data,
        };
        to.extend_from_slice(bytes);
    }

    /// Appends the complete record to `out`.
    pub(super) fn complete(&mut self, record: RawRecord<'_>, usage: &mut Use, out: &mut Vec<u8>) {
        let start = out.len();
        let items_at = record.items_at().min(record.bytes.len());
        let kind = record.kind & !RAW;
        let is_exec_call = matches!(kind, kind::CALL | kind::CALL_ON_FILE) && record.is_exec_call();
        if is_exec_call && self.root == Some(record.tid) && record.result_is_zero() {
            // The launcher's pointers meant its own memory, which is gone.
            self.root = None;
            out.extend_from_slice(&record.bytes[..24]);
            let widths = record.u16_at(22) & 0xc000;
            out[start + 22..start + 24].copy_from_slice(&widths.to_le_bytes());
        } else {
            out.extend_from_slice(&record.bytes[..items_at]);
        }
        if is_exec_call && let Some(program) = self.programs.remove(&record.tid) {
            self.push_text(tag::STRING, 0, &program, TextKind::Path, out);
        }
        self.items(&record, items_at, out);
        if is_exec_call && let Some(pieces) = self.pieces.get_mut(&record.tid) {
            // Of a list of which the other part found no room.
            pieces.pointers.clear();
            pieces.strings.clear();
        }
        if kind == kind::EXEC {
            self.push_image(record.tid, out);
            let tgid = record.u32_at(16).cast_signed();
            match record.group() {
                Some(number) => usage.push_group_of_number(tgid, number, out),
                None => usage.push_group(tgid, Told::WhenNew, out),
            }
        }
        out.resize(start + (out.len() - start).next_multiple_of(4), 0);
        let len = u32::try_from(out.len() - start).unwrap_or(0);
        out[start..start + 4].copy_from_slice(&(len << 8 | u32::from(kind)).to_le_bytes());
    }

    fn items(&mut self, record: &RawRecord<'_>, from: usize, out: &mut Vec<u8>) {
        let mut argv: Option<(u8, Vec<Vec<u8>>)> = None;
        let mut strings_count = 0;
        for (item_tag, index, value) in record.items_from(from) {
            match item_tag {
                tag::STRING | tag::STRING_CUT => {
                    let kind = self.text_kind(record, index);
                    self.push_text(item_tag, index, value, kind, out);
                }
                RAW_ARGV => argv
                    .get_or_insert((index, Vec::new()))
                    .1
                    .push(value.to_vec()),
                RAW_STRINGS => {
                    let count = value.try_into().map_or(0, u64::from_le_bytes);
                    strings_count = usize::try_from(count).unwrap_or(usize::MAX);
                }
                RAW_PROGRAM => {
                    if self.programs.len() >= IMAGES_MAX {
                        self.programs.clear();
                    }
                    self.programs.insert(record.tid, value.to_vec());
                }
                RAW_LISTED => {
                    let from = value.try_into().map_or(0, u64::from_le_bytes);
                    let pieces = self.pieces.remove(&record.tid).unwrap_or_default();
                    argv = Some((index, pieces.listed(from, record.pointer_bytes())));
                }
                RAW_SOCKET => push_socket(value, index, out),
                RAW_SIGINFO => {
                    push_signal_info(value, record.pointer_bytes(), index, out);
                }
                // Its number: what it stands for is told behind the other items.
                RAW_GROUP => {}
                RAW_USED => self.used = Used::new(value),
                RAW_DATA => self.push_data(record.tid, index, value, out),
                raw if raw >= RAW_PATH => {
                    self.text.clear();
                    push_path(value, &mut self.text);
                    self.scrub.text(TextKind::Path, &mut self.text);
                    push_item(out, raw - RAW_PATH, index, &self.text);
                }
                other => push_item(out, other, index, value),
            }
        }
        if let Some((index, mut strings)) = argv {
            self.scrub.argv(&mut strings);
            push_strings(
                out,
                tag::STRINGS,
                index,
                &strings,
                strings.len().max(strings_count),
                STRINGS_BYTES_MAX,
            );
        }
    }

    fn text_kind(&self, record: &RawRecord<'_>, index: u8) -> TextKind {
        if record.kind & !RAW == kind::RING_OPERATION {
            return TextKind::Path;
        }
        let architecture = u8::try_from(record.u16_at(22) >> 14).unwrap_or(0);
        let row = self.roles.row(architecture, u64::from(record.u16_at(20)));
        let is_path = row.is_none_or(|row| row.roles.contains(&(index, Role::Path)));
        if is_path {
            TextKind::Path
        } else {
            TextKind::Argument
        }
    }

    fn push_text(
        &mut self,
        item_tag: u8,
        index: u8,
        value: &[u8],
        kind: TextKind,
        out: &mut Vec<u8>,
    ) {
        self.text.clear();
        self.text.extend_from_slice(value);
        self.scrub.text(kind, &mut self.text);
        push_item(out, item_tag, index, &self.text);
    }

    /// The data that a call moved, scrubbed, behind their true length.
    fn push_data(&mut self, tid: u32, index: u8, true_len: &[u8], out: &mut Vec<u8>) {
        let pieces = self.pieces.remove(&tid).unwrap_or_default();
        self.text = pieces.data;
        self.scrub.text(TextKind::Payload, &mut self.text);
        begin_item(out, tag::BUFFER, index, 8 + self.text.len());
        out.extend_from_slice(true_len);
        out.extend_from_slice(&self.text);
    }

    /// Argument vector and environment of a new image, scrubbed.
    fn push_image(&mut self, tid: u32, out: &mut Vec<u8>) {
        let pieces = self.pieces.remove(&tid).unwrap_or_default();
        let (argv, env) = (split(&pieces.argv), split(&pieces.env));
        push_argv_and_env(out, argv, env, self.scrub.as_ref());
    }
}

/// Strings that end with NUL each.
fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    bytes.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect()
}
