//! Looks at arguments and results of calls: the job's memory for claims, the kernel's objects for facts.

use std::sync::Arc;

use unspool_decode::native::format::{
    INDEX_RESULT, PATH_BYTES_MAX, STRINGS_BYTES_MAX, architecture, tag,
};

use super::procfs::{self, LINK_BYTES_MAX};
use super::roles::{ResultRole, Role, Row};
use super::socket_text;
use super::writer::{begin_item, push_item, push_strings};
use crate::seam::{Scrub, TextKind};
use crate::sys::{self, Tid};

/// Pages are at least this large everywhere; a read that stays inside one either works or fails as a whole.
const PAGE_BYTES: usize = 4096;
/// Most paths are shorter than this.
const FIRST_STRING_READ: usize = 256;
/// iovecs looked at; the kernel takes no more (`UIO_MAXIOV`).
const VECTORS_MAX: usize = 1024;
/// Strings of an argument vector looked at when an exec failed.
const STRINGS_MAX: usize = 4096;
/// Descriptors that one message can carry (`SCM_MAX_FD`).
const CONTROL_BYTES_MAX: usize = 4096;
/// Messages of sendmmsg and recvmmsg looked at.
const MESSAGES_MAX: usize = 1024;
/// Payload kept of one buffer at most, whatever was asked for.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// A call whose arguments are looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallView<'a> {
    pub(crate) tid: Tid,
    pub(crate) tgid: Tid,
    pub(crate) architecture: u8,
    pub(crate) args: &'a [u64; 6],
    pub(crate) row: &'a Row,
}

impl CallView<'_> {
    fn word_bytes(&self) -> usize {
        if self.architecture == architecture::I386 {
            4
        } else {
            8
        }
    }

    fn arg(&self, index: u8) -> u64 {
        self.args.get(usize::from(index)).copied().unwrap_or(0)
    }
}

/// Reads what roles ask for. Its buffers are used again and again.
pub(crate) struct Capture {
    payload_bytes: usize,
    scrub: Arc<dyn Scrub>,
    text: Vec<u8>,
    memory: Vec<u8>,
    link: Box<[u8; LINK_BYTES_MAX]>,
}

impl Capture {
    pub(crate) fn new(payload_bytes: usize, scrub: Arc<dyn Scrub>) -> Self {
        let payload_bytes = payload_bytes.min(PAYLOAD_BYTES_MAX);
        Self {
            payload_bytes,
            scrub,
            text: Vec::with_capacity(PATH_BYTES_MAX),
            memory: Vec::new(),
            link: Box::new([0; LINK_BYTES_MAX]),
        }
    }

    /// Items of what a call was given.
    pub(crate) fn at_entry(&mut self, call: CallView<'_>, items: &mut Vec<u8>) {
        for &(index, role) in call.row.roles {
            let address = call.arg(index);
            match role {
                Role::Path => self.string(call.tid, address, index, TextKind::Path, items),
                Role::Text => self.string(call.tid, address, index, TextKind::Argument, items),
                Role::Name if call.args[0] == 15 => {
                    self.string(call.tid, call.args[1], 1, TextKind::Argument, items);
                }
                Role::OpenHow => {
                    push_structure(call.tid, address, call.arg(index + 1).min(64), index, items);
                }
                Role::CloneArguments => push_structure(
                    call.tid,
                    address,
                    call.arg(index + 1).min(128),
                    index,
                    items,
                ),
                Role::CallArguments => push_structure(call.tid, address, 24, index, items),
                Role::AddressIn => {
                    push_address_item(call.tid, address, call.arg(index + 1), index, items);
                }
                _ => {}
            }
        }
    }

    /// Items of what a call gave, and facts about what it made. `result` is negative when it failed.
    pub(crate) fn at_exit(&mut self, call: CallView<'_>, result: i64, items: &mut Vec<u8>) {
        for &(index, role) in call.row.roles {
            let address = call.arg(index);
            if role == Role::Strings {
                if result < 0 {
                    self.strings(call, address, index, items);
                }
            } else if result >= 0 && !role.is_read_at_entry() && address != 0 {
                self.output(call, role, index, result, items);
            }
        }
        if result >= 0 {
            self.fact(call, result, items);
        } else if result == -i64::from(libc::EINPROGRESS)
            && call.row.result == ResultRole::SocketOfFirst
        {
            socket_of_first(call, items);
        }
    }

    fn output(
        &mut self,
        call: CallView<'_>,
        role: Role,
        index: u8,
        result: i64,
        items: &mut Vec<u8>,
    ) {
        let address = call.arg(index);
        let len = u64::try_from(result).unwrap_or(0);
        match role {
            Role::DataIn | Role::DataOut => self.payload(call.tid, address, len, index, items),
            Role::VectorIn | Role::VectorOut => {
                self.vectors(call, address, call.arg(index + 1), len, index, items);
            }
            Role::AddressOut => {
                let mut length = [0; 4];
                if sys::read_memory(call.tid, call.arg(index + 1), &mut length) == Ok(4) {
                    push_address_item(
                        call.tid,
                        address,
                        u64::from(u32::from_ne_bytes(length)),
                        index,
                        items,
                    );
                }
            }
            Role::MessageIn | Role::MessageOut => {
                self.message(call, address, len, index, role == Role::MessageOut, items);
            }
            Role::MessagesIn | Role::MessagesOut => self.messages(call, address, len, index, items),
            Role::Pair => self.pair(call, address, index, items),
            Role::Status if result > 0 => {
                let mut status = [0; 4];
                if sys::read_memory(call.tid, address, &mut status) == Ok(4) {
                    push_item(items, tag::STATUS, index, &status);
                }
            }
            Role::SignalInfo => signal_info(call, address, index, items),
            _ => {}
        }
    }

    /// What the kernel's own objects say after a call succeeded.
    fn fact(&mut self, call: CallView<'_>, result: i64, items: &mut Vec<u8>) {
        match call.row.result {
            ResultRole::Nothing => {}
            ResultRole::Descriptor => self.fd_path(call.tid, result, INDEX_RESULT, items),
            ResultRole::DescriptorOfFcntl => {
                // F_DUPFD is 0, F_DUPFD_CLOEXEC 1030 on every architecture.
                if matches!(call.args[1], 0 | 1030) {
                    self.fd_path(call.tid, result, INDEX_RESULT, items);
                }
            }
            ResultRole::AcceptedSocket => {
                self.fd_path(call.tid, result, INDEX_RESULT, items);
                socket_text::push_socket(call.tgid, result, None, INDEX_RESULT, items);
            }
            ResultRole::SocketOfFirst => socket_of_first(call, items),
            ResultRole::WorkingDirectory => {
                if let Some(path) = procfs::cwd(call.tid, &mut *self.link) {
                    push_item(items, tag::CWD, 0xff, path);
                }
            }
        }
    }

    /// The path of the open file behind a descriptor.
    fn fd_path(&mut self, tid: Tid, fd: i64, index: u8, items: &mut Vec<u8>) {
        if let Some(path) = procfs::fd_path(tid, fd, &mut *self.link) {
            push_scrubbed(
                self.scrub.as_ref(),
                &mut self.text,
                tag::PATH,
                index,
                path,
                items,
            );
        }
    }

    /// A string of the job's memory, up to its NUL. Leaves it in `self.text`; `None` if unreadable, else whether it is whole.
    fn read_string(&mut self, tid: Tid, address: u64) -> Option<bool> {
        self.text.clear();
        if address == 0 {
            return None;
        }
        let mut chunk = [0; PAGE_BYTES];
        let mut at = address;
        let mut want = FIRST_STRING_READ;
        while self.text.len() < PATH_BYTES_MAX {
            let in_page = PAGE_BYTES - usize::try_from(at % PAGE_BYTES as u64).unwrap_or(0);
            let room = PATH_BYTES_MAX - self.text.len();
            let size = want.min(in_page).min(room);
            let Ok(count) = sys::read_memory(tid, at, &mut chunk[..size]) else {
                return if self.text.is_empty() {
                    None
                } else {
                    Some(false)
                };
            };
            if let Some(end) = chunk[..count].iter().position(|&byte| byte == 0) {
                self.text.extend_from_slice(&chunk[..end]);
                return Some(true);
            }
            self.text.extend_from_slice(&chunk[..count]);
            at = at.wrapping_add(count as u64);
            want = PAGE_BYTES;
        }
        Some(false)
    }

    fn string(&mut self, tid: Tid, address: u64, index: u8, kind: TextKind, items: &mut Vec<u8>) {
        if let Some(whole) = self.read_string(tid, address) {
            self.scrub.text(kind, &mut self.text);
            push_item(
                items,
                if whole { tag::STRING } else { tag::STRING_CUT },
                index,
                &self.text,
            );
        }
    }

    /// The argument vector of an exec that failed.
    fn strings(&mut self, call: CallView<'_>, address: u64, index: u8, items: &mut Vec<u8>) {
        let word = call.word_bytes();
        let mut strings = Vec::new();
        let mut bytes = 0;
        for position in 0..STRINGS_MAX {
            let Some(pointer) = read_word(
                call.tid,
                address.wrapping_add((position * word) as u64),
                word,
            ) else {
                break;
            };
            if pointer == 0
                || bytes > STRINGS_BYTES_MAX
                || self.read_string(call.tid, pointer).is_none()
            {
                break;
            }
            bytes += self.text.len();
            strings.push(self.text.clone());
        }
        self.scrub.argv(&mut strings);
        push_strings(
            items,
            tag::STRINGS,
            index,
            &strings,
            strings.len(),
            STRINGS_BYTES_MAX,
        );
    }

    fn payload(&mut self, tid: Tid, address: u64, len: u64, index: u8, items: &mut Vec<u8>) {
        if self.payload_bytes == 0 || len == 0 {
            return;
        }
        self.text.clear();
        self.append_payload(tid, address, len);
        self.push_payload(len, index, items);
    }

    fn append_payload(&mut self, tid: Tid, address: u64, len: u64) {
        let kept = self.text.len();
        let room = self.payload_bytes - kept;
        self.text
            .resize(kept + room.min(usize::try_from(len).unwrap_or(room)), 0);
        let count = sys::read_memory(tid, address, &mut self.text[kept..]).unwrap_or(0);
        self.text.truncate(kept + count);
    }

    /// Data of pieces of memory, `len` bytes in all.
    fn append_pieces(&mut self, tid: Tid, pieces: impl Iterator<Item = (u64, u64)>, len: u64) {
        let mut left = len;
        for (base, len) in pieces {
            if left == 0 || self.text.len() >= self.payload_bytes {
                break;
            }
            self.append_payload(tid, base, len.min(left));
            left -= len.min(left);
        }
    }

    fn push_payload(&mut self, true_len: u64, index: u8, items: &mut Vec<u8>) {
        self.scrub.text(TextKind::Payload, &mut self.text);
        begin_item(items, tag::BUFFER, index, 8 + self.text.len());
        items.extend_from_slice(&true_len.to_le_bytes());
        items.extend_from_slice(&self.text);
    }

    /// The sum of iovec lengths, and the payload they hold.
    fn vectors(
        &mut self,
        call: CallView<'_>,
        address: u64,
        count: u64,
        result: u64,
        index: u8,
        items: &mut Vec<u8>,
    ) {
        let word = call.word_bytes();
        let count = usize::try_from(count).unwrap_or(0).min(VECTORS_MAX);
        self.memory.resize(count * 2 * word, 0);
        let Ok(bytes) = sys::read_memory(call.tid, address, &mut self.memory) else {
            return;
        };
        self.memory.truncate(bytes - bytes % (2 * word));
        let memory = std::mem::take(&mut self.memory);
        let vectors = || {
            memory
                .chunks_exact(2 * word)
                .map(|pair| (word_of(&pair[..word]), word_of(&pair[word..])))
        };
        let total = vectors().fold(0_u64, |sum, (_, len)| sum.saturating_add(len));
        push_item(items, tag::TOTAL, index, &total.to_le_bytes());
        if self.payload_bytes > 0 && result > 0 {
            self.text.clear();
            self.append_pieces(call.tid, vectors(), result);
            self.push_payload(result, index, items);
        }
        self.memory = memory;
    }

    /// Address, vectors and passed descriptors of a message.
    fn message(
        &mut self,
        call: CallView<'_>,
        address: u64,
        result: u64,
        index: u8,
        received: bool,
        items: &mut Vec<u8>,
    ) {
        let word = call.word_bytes();
        // name, name length, iovecs, their count, control, its length, flags: all as wide as a word in the layout.
        let mut header = [0; 56];
        let header = &mut header[..7 * word];
        if sys::read_memory(call.tid, address, header) != Ok(7 * word) {
            return;
        }
        let field = |position: usize| word_of(&header[position * word..(position + 1) * word]);
        let (name, name_len) = (field(0), field(1) & 0xffff_ffff);
        let (vectors, vector_count, control, control_len) =
            (field(2), field(3), field(4), field(5));
        push_address_item(call.tid, name, name_len, index, items);
        self.vectors(call, vectors, vector_count, result, index, items);
        let len = usize::try_from(control_len)
            .unwrap_or(0)
            .min(CONTROL_BYTES_MAX);
        if control != 0 && len > 0 {
            self.memory.resize(len, 0);
            if let Ok(count) = sys::read_memory(call.tid, control, &mut self.memory) {
                let fds = passed_descriptors(&self.memory[..count], word);
                self.push_fds(call.tid, &fds, index, received, items);
            }
        }
    }

    fn push_fds(
        &mut self,
        tid: Tid,
        fds: &[i32],
        index: u8,
        with_paths: bool,
        items: &mut Vec<u8>,
    ) {
        if fds.is_empty() {
            return;
        }
        begin_item(items, tag::INTS, index, 4 * fds.len());
        for fd in fds {
            items.extend_from_slice(&fd.to_le_bytes());
        }
        for &fd in fds.iter().filter(|_| with_paths) {
            self.fd_path(tid, i64::from(fd), index, items);
        }
    }

    /// The sum of bytes that sendmmsg or recvmmsg moved, and the payload of the messages, one behind the other.
    fn messages(
        &mut self,
        call: CallView<'_>,
        address: u64,
        count: u64,
        index: u8,
        items: &mut Vec<u8>,
    ) {
        let word = call.word_bytes();
        let stride = 8 * word;
        let count = usize::try_from(count).unwrap_or(0).min(MESSAGES_MAX);
        self.memory.resize(count * stride, 0);
        let Ok(bytes) = sys::read_memory(call.tid, address, &mut self.memory) else {
            return;
        };
        let memory = std::mem::take(&mut self.memory);
        let messages = || memory[..bytes].chunks_exact(stride);
        let len_of = |message: &[u8]| word_of(&message[7 * word..7 * word + 4]);
        let total: u64 = messages().map(len_of).sum();
        push_item(items, tag::TOTAL, index, &total.to_le_bytes());
        if self.payload_bytes > 0 && total > 0 {
            self.text.clear();
            for message in messages() {
                let field =
                    |position: usize| word_of(&message[position * word..(position + 1) * word]);
                if self.text.len() >= self.payload_bytes {
                    break;
                }
                self.append_vectors(call, field(2), field(3), len_of(message));
            }
            self.push_payload(total, index, items);
        }
        self.memory = memory;
    }

    /// Data of the iovecs of a message, `len` bytes in all.
    fn append_vectors(&mut self, call: CallView<'_>, address: u64, count: u64, len: u64) {
        let word = call.word_bytes();
        let count = usize::try_from(count).unwrap_or(0).min(VECTORS_MAX);
        let mut vectors = vec![0; count * 2 * word];
        let bytes = sys::read_memory(call.tid, address, &mut vectors).unwrap_or(0);
        let pieces = vectors[..bytes]
            .chunks_exact(2 * word)
            .map(|pair| (word_of(&pair[..word]), word_of(&pair[word..])));
        self.append_pieces(call.tid, pieces, len);
    }

    fn pair(&mut self, call: CallView<'_>, address: u64, index: u8, items: &mut Vec<u8>) {
        let mut bytes = [0; 8];
        if sys::read_memory(call.tid, address, &mut bytes) == Ok(8) {
            let int = |from: usize| {
                i32::from_ne_bytes([
                    bytes[from],
                    bytes[from + 1],
                    bytes[from + 2],
                    bytes[from + 3],
                ])
            };
            self.push_fds(call.tid, &[int(0), int(4)], index, true, items);
        }
    }
}

/// Appends a path after scrubbing.
fn push_scrubbed(
    scrub: &dyn Scrub,
    text: &mut Vec<u8>,
    tag: u8,
    index: u8,
    path: &[u8],
    items: &mut Vec<u8>,
) {
    text.clear();
    text.extend_from_slice(path);
    scrub.text(TextKind::Path, text);
    push_item(items, tag, index, text);
}

fn word_of(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

fn read_word(tid: Tid, address: u64, word: usize) -> Option<u64> {
    let mut bytes = [0; 8];
    (sys::read_memory(tid, address, &mut bytes[..word]) == Ok(word)).then(|| word_of(&bytes))
}

/// Descriptors in the control part of a message.
fn passed_descriptors(control: &[u8], word: usize) -> Vec<i32> {
    let mut fds = Vec::new();
    let mut rest = control;
    while rest.len() >= word + 8 {
        // struct cmsghdr: length (a word), level, type; then data, padded to a word.
        let len = usize::try_from(word_of(&rest[..word])).unwrap_or(0);
        let int = |from: usize| {
            i32::from_ne_bytes([rest[from], rest[from + 1], rest[from + 2], rest[from + 3]])
        };
        if len < word + 8 || len > rest.len() {
            break;
        }
        if int(word) == libc::SOL_SOCKET && int(word + 4) == libc::SCM_RIGHTS {
            fds.extend(
                rest[word + 8..len]
                    .chunks_exact(4)
                    .map(|four| i32::from_ne_bytes([four[0], four[1], four[2], four[3]])),
            );
        }
        rest = rest.get(len.next_multiple_of(word)..).unwrap_or(&[]);
    }
    fds
}

/// What waitid told: the structure (who), and the wait status that wait4 would have given.
fn signal_info(call: CallView<'_>, address: u64, index: u8, items: &mut Vec<u8>) {
    let mut bytes = [0; 32];
    if sys::read_memory(call.tid, address, &mut bytes) != Ok(32) {
        return;
    }
    push_signal_info(&bytes, call.word_bytes(), index, items);
}

/// Appends what a `siginfo_t` of 32 bytes, in the layout of a word of 4 or 8 bytes, says about a child.
pub(crate) fn push_signal_info(bytes: &[u8], word_bytes: usize, index: u8, items: &mut Vec<u8>) {
    push_item(items, tag::STRUCT, index, bytes);
    let int = |from: usize| {
        bytes
            .get(from..from + 4)
            .and_then(|four| four.try_into().ok())
            .map_or(0, i32::from_ne_bytes)
    };
    // signo, errno, code, (64-bit: padding), pid, uid, status.
    let (code, status) = (int(8), int(if word_bytes == 4 { 20 } else { 24 }));
    let status = match code {
        libc::CLD_EXITED => (status & 0xff) << 8,
        libc::CLD_KILLED => status & 0x7f,
        libc::CLD_DUMPED => (status & 0x7f) | 0x80,
        libc::CLD_STOPPED | libc::CLD_TRAPPED => (status & 0xff) << 8 | 0x7f,
        libc::CLD_CONTINUED => 0xffff,
        _ => return,
    };
    push_item(items, tag::STATUS, index, &status.to_le_bytes());
}

/// The addresses of the socket in the first argument; also while a connection is being made (`EINPROGRESS`).
fn socket_of_first(call: CallView<'_>, items: &mut Vec<u8>) {
    let mut address = [0; sys::socket::ADDRESS_BYTES_MAX];
    let len = usize::try_from(call.args[2])
        .unwrap_or(0)
        .min(address.len());
    let asked = (call.row.name == "connect")
        .then(|| sys::read_memory(call.tid, call.args[1], &mut address[..len]).ok())
        .flatten();
    let asked = asked.map(|count| sys::socket::Address::new(&address[..count]));
    let fd = i64::from(
        u32::try_from(call.args[0] & 0xffff_ffff)
            .unwrap_or(0)
            .cast_signed(),
    );
    socket_text::push_socket(call.tgid, fd, asked.as_ref(), 0, items);
}

fn push_structure(tid: Tid, address: u64, len: u64, index: u8, items: &mut Vec<u8>) {
    let mut bytes = [0; 128];
    let len = usize::try_from(len).unwrap_or(0).min(bytes.len());
    if let Ok(count) = sys::read_memory(tid, address, &mut bytes[..len])
        && count > 0
    {
        push_item(items, tag::STRUCT, index, &bytes[..count]);
    }
}

fn push_address_item(tid: Tid, address: u64, len: u64, index: u8, items: &mut Vec<u8>) {
    let mut bytes = [0; sys::socket::ADDRESS_BYTES_MAX];
    let len = usize::try_from(len).unwrap_or(0).min(bytes.len());
    if len > 0
        && address != 0
        && let Ok(count) = sys::read_memory(tid, address, &mut bytes[..len])
    {
        push_item(items, tag::SOCKADDR, index, &bytes[..count]);
    }
}
