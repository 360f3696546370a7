//! The syscall table: numbers, category, operation and argument roles of every call of Linux 6.18.
//!
//! Everything that depends on which call it is reads this table: recorders find a call by number, decoders by name, the
//! tracker by [`Operation`], and all of them learn from [`Role`] which argument is a descriptor, a path or a buffer.

mod table;
#[cfg(test)]
mod tests;
mod vocabulary;

use crate::args::text::bytes_equal;
pub use table::SYSCALLS;
pub use vocabulary::{Category, FlagSet, Operation, Role};

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct SyscallRow {
    /// The name as `strace` prints it.
    pub name: &'static str,
    /// The number on `x86_64`; `None` where the architecture has no such call.
    pub x86_64: Option<u16>,
    /// The number on `aarch64`.
    pub aarch64: Option<u16>,
    /// The number on `i386`.
    pub i386: Option<u16>,
    /// What the call is about.
    pub category: Category,
    /// What the call does.
    pub operation: Operation,
    /// What each argument means, in order. `clone` has the order of `x86_64`.
    pub args: &'static [Role],
}

impl SyscallRow {
    /// Gives the position of the first argument with a role.
    pub fn position(&self, role: Role) -> Option<usize> {
        self.args.iter().position(|&candidate| candidate == role)
    }

    /// Gives the number on an architecture.
    pub const fn number(&self, architecture: Architecture) -> Option<u16> {
        match architecture {
            Architecture::X86_64 => self.x86_64,
            Architecture::Aarch64 => self.aarch64,
            Architecture::I386 => self.i386,
            Architecture::Other => None,
        }
    }
}

/// Which numbering of calls applies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Architecture {
    /// 64-bit calls of a PC.
    X86_64,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit calls of a PC, also those of a 64-bit program through `int 0x80`.
    I386,
    /// Anything else: numbers have no names here.
    Other,
}

impl Architecture {
    /// All, in their order.
    pub const ALL: [Self; 4] = [Self::X86_64, Self::Aarch64, Self::I386, Self::Other];

    /// Name as manifests have it: that of `uname -m`.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
            Self::I386 => "i386",
            Self::Other => "other",
        }
    }
}

/// A call of the table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Syscall(
    /// Index into [`SYSCALLS`], always inside it.
    u16,
);

impl std::fmt::Debug for Syscall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Syscall {
    /// Finds a call by the name that a tracer prints.
    #[inline]
    pub fn by_name(name: &[u8]) -> Option<Self> {
        Self::by_key(key(name), name)
    }

    /// Finds the call whose name stands at the start of the text with an opening parenthesis behind; also gives the length of the name.
    #[inline]
    pub fn at_start(text: &[u8]) -> Option<(Self, usize)> {
        let head = u64::from_le_bytes(*text.first_chunk::<8>()?);
        let hits = bytes_equal(head, b'(');
        if hits != 0 {
            let name = text.get(..(hits.trailing_zeros() / 8) as usize)?;
            // The bytes before the first hit, whose mark is the highest bit of its byte.
            let head = head & ((hits & hits.wrapping_neg()) >> 7).wrapping_sub(1);
            return Some((Self::by_key((head, 0), name)?, name.len()));
        }
        let mut len = 8;
        while len < NAME_BYTES_MAX {
            let word = u64::from_le_bytes(*text.get(len..)?.first_chunk::<8>()?);
            let hits = bytes_equal(word, b'(');
            if hits == 0 {
                len += 8;
                continue;
            }
            let name = text.get(..len + (hits.trailing_zeros() / 8) as usize)?;
            return Some((Self::by_name(name)?, name.len()));
        }
        None
    }

    #[inline]
    fn by_key(key: (u64, u64), name: &[u8]) -> Option<Self> {
        let mut slot = hash(key, name.len());
        loop {
            let index = NAME_SLOTS[slot];
            if index == EMPTY {
                return None;
            }
            let known = SYSCALLS[usize::from(index)].name.as_bytes();
            if NAME_KEYS[usize::from(index)] == key
                && known.len() == name.len()
                && (name.len() <= KEY_BYTES || known == name)
            {
                return Some(Self(index));
            }
            slot = (slot + 1) % NAME_SLOT_COUNT;
        }
    }

    /// Finds a call by its number. Numbers of the x32 interface, which carry bit 30, are not known.
    #[inline]
    pub fn by_number(architecture: Architecture, number: u32) -> Option<Self> {
        let table = match architecture {
            Architecture::X86_64 => &X86_64_NUMBERS,
            Architecture::Aarch64 => &AARCH64_NUMBERS,
            Architecture::I386 => &I386_NUMBERS,
            Architecture::Other => return None,
        };
        let index = *table.get(usize::try_from(number).ok()?)?;
        (index != EMPTY).then_some(Self(index))
    }

    /// Finds a call by its position in [`SYSCALLS`].
    pub fn by_index(index: u16) -> Option<Self> {
        (usize::from(index) < SYSCALLS.len()).then_some(Self(index))
    }

    /// Gives every call, sorted by name.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).map_while(Self::by_index)
    }

    /// Gives the position in [`SYSCALLS`], which is not stable between versions.
    #[inline]
    pub const fn index(self) -> u16 {
        self.0
    }

    /// Gives the line of the table.
    #[inline]
    pub fn row(self) -> &'static SyscallRow {
        &SYSCALLS[usize::from(self.0)]
    }

    /// Gives the name.
    #[inline]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Gives what the call is about.
    #[inline]
    pub fn category(self) -> Category {
        self.row().category
    }

    /// Gives what the call does.
    #[inline]
    pub fn operation(self) -> Operation {
        self.row().operation
    }

    /// Gives the roles of the arguments.
    #[inline]
    pub fn args(self) -> &'static [Role] {
        self.row().args
    }
}

/// Marks a free slot and a number without a call.
const EMPTY: u16 = u16::MAX;

/// No name of the table has so many bytes.
const NAME_BYTES_MAX: usize = 32;

/// Four times the number of calls, so that a look-up hits or misses at the first slot nearly always.
const NAME_SLOT_COUNT: usize = 2048;

/// One above the highest number of any architecture, rounded up.
const NUMBER_COUNT: usize = 512;

/// Positions in the table by hash of the name; collisions go to the next free slot.
static NAME_SLOTS: [u16; NAME_SLOT_COUNT] = name_slots();

static X86_64_NUMBERS: [u16; NUMBER_COUNT] = numbers(Architecture::X86_64);
static AARCH64_NUMBERS: [u16; NUMBER_COUNT] = numbers(Architecture::Aarch64);
static I386_NUMBERS: [u16; NUMBER_COUNT] = numbers(Architecture::I386);

/// Bytes of a name that its key holds.
const KEY_BYTES: usize = 16;

/// Keys of the names, by position in the table.
static NAME_KEYS: [(u64, u64); SYSCALLS.len()] = name_keys();

/// The first and the last eight bytes of a name; of a shorter one all and nothing. Together with the length it tells names of
/// at most [`KEY_BYTES`] apart.
#[inline]
const fn key(name: &[u8]) -> (u64, u64) {
    let len = name.len();
    if let (Some(head), Some(tail)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        let tail = if len == 8 {
            0
        } else {
            u64::from_le_bytes(*tail)
        };
        (u64::from_le_bytes(*head), tail)
    } else if let (Some(head), Some(tail)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        let tail = (u32::from_le_bytes(*tail) as u64) << (8 * (len - 4));
        (u32::from_le_bytes(*head) as u64 | tail, 0)
    } else if let (Some(first), Some(last)) = (name.first(), name.last()) {
        let middle = (name[len / 2] as u64) << (8 * (len / 2));
        let last = (*last as u64) << (8 * (len - 1));
        (*first as u64 | middle | last, 0)
    } else {
        (0, 0)
    }
}

/// Mixes the length with the key. No two names of the table agree in both.
#[inline]
const fn hash((head, tail): (u64, u64), len: usize) -> usize {
    slot_of((head ^ tail.rotate_left(29) ^ len as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the shift leaves as many bits as a slot number has"
)]
const fn slot_of(mixed: u64) -> usize {
    (mixed >> (u64::BITS - NAME_SLOT_COUNT.trailing_zeros())) as usize
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "checked in the line above; `try_from` is not const"
)]
const fn stored(index: usize) -> u16 {
    assert!(
        index < EMPTY as usize,
        "the table has outgrown its index type"
    );
    index as u16
}

const fn name_slots() -> [u16; NAME_SLOT_COUNT] {
    let mut slots = [EMPTY; NAME_SLOT_COUNT];
    let mut index = 0;
    while index < SYSCALLS.len() {
        let name = SYSCALLS[index].name.as_bytes();
        let mut slot = hash(key(name), name.len());
        while slots[slot] != EMPTY {
            slot = (slot + 1) % NAME_SLOT_COUNT;
        }
        slots[slot] = stored(index);
        index += 1;
    }
    slots
}

const fn name_keys() -> [(u64, u64); SYSCALLS.len()] {
    let mut keys = [(0, 0); SYSCALLS.len()];
    let mut index = 0;
    while index < SYSCALLS.len() {
        keys[index] = key(SYSCALLS[index].name.as_bytes());
        index += 1;
    }
    keys
}

const fn numbers(architecture: Architecture) -> [u16; NUMBER_COUNT] {
    let mut table = [EMPTY; NUMBER_COUNT];
    let mut index = 0;
    while index < SYSCALLS.len() {
        if let Some(number) = SYSCALLS[index].number(architecture) {
            table[number as usize] = stored(index);
        }
        index += 1;
    }
    table
}
