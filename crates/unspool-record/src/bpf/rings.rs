//! The two rings that the kernel's side fills and this side empties, in one order.
//!
//! Frequent calls are records of equal size in a ring of places (`shorts`), all other records are in the kernel's own ring. A
//! record of the latter begins with a stamp: how many short records come before it.

#![expect(
    unsafe_code,
    reason = "shared memory with the kernel; every block says who guarantees what"
)]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use unspool_decode::native::format::kind;

use crate::sys;

/// Bits of the length word before each record of the ring (`include/uapi/linux/bpf.h`).
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
/// Bytes of that head.
const RING_HEAD_BYTES: usize = 8;
/// Smallest kernel's ring: three of the longest records.
const LONG_BYTES_MIN: u32 = 1 << 17;
/// Bytes of the stamp that a record of the kernel's ring begins with.
const STAMP_BYTES: usize = 8;
/// Bytes of a place among the short records (`struct short_call` of `bpf/state.h`).
const PLACE_BYTES: usize = 48;
/// The record of `record_quick` in `bpf/calls.h`: its first word, and the widths of its slots without the architecture.
const QUICK_WORD: u32 = 48 << 8 | kind::CALL_ON_FILE as u32;
const QUICK_WIDTHS: u16 = WIDTH_U32 | WIDTH_U64 << 2 | WIDTH_U32 << 4 | WIDTH_I32 << 12;
const WIDTHS_ALL: u16 = 0x3fff;
const WIDTH_U32: u16 = 1;
const WIDTH_I32: u16 = 2;
const WIDTH_U64: u16 = 3;
/// Bit of a short record's kind: the turn that it belongs to.
const SHORT_TURN: u32 = 0x40;
/// Where things stand in `struct ends`, in words.
const TAIL: usize = 8;
const BOOT_NS: usize = 9;
const SCHEDULER_NS: usize = 10;
const STRANGERS: usize = 11;
const END_WORDS: usize = 16;
/// Added to the number that `stranger_of` mixes into what it remembers; even, since the lowest bit is not compared.
const STRANGERS_STEP: u64 = 0x9e37_79b9_7f4a_7c16;
/// Clocks this much apart are one clock: reading two takes some time.
const SAME_CLOCK_NS: i64 = 100_000;

/// How the bytes asked for are shared out: of the kernel's ring, and places for short records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Bytes of the kernel's ring.
    pub(super) long_bytes: u32,
    /// Places for short records.
    pub(super) places: u32,
}

impl Room {
    /// `bytes` is a power of two: a quarter for the kernel's ring, the rest for places of 48 bytes.
    pub(super) fn new(bytes: u32) -> Self {
        Self {
            long_bytes: (bytes / 4).max(LONG_BYTES_MIN),
            places: bytes / 64,
        }
    }

    /// What it was made of.
    pub(super) fn bytes(self) -> u32 {
        self.places * 64
    }
}

/// Who takes the records.
pub(super) trait Taker {
    /// Whether a short record, which is of this thread, may be taken.
    fn takes_short(&mut self, tid: u32, record: &[u8]) -> bool;
    /// Takes another record, and appends what becomes of it. Whether it was taken.
    fn take(&mut self, record: &[u8], batch: &mut Vec<u8>) -> bool;
}

/// What is done about threads that are not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strangers {
    /// The kernel's side remembers them, until the next thread is told.
    Remembered,
    /// It looks at them at every call.
    LookedAt,
}

/// A place in both rings, counted from the start of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// Bytes of the kernel's ring.
    pub(super) long: u64,
    /// Short records.
    pub(super) short: u64,
}

/// Both rings.
#[derive(Debug)]
pub(super) struct Rings {
    long: Ring,
    short: Shorts,
}

impl Rings {
    pub(super) fn map(
        ring: BorrowedFd<'_>,
        shorts: BorrowedFd<'_>,
        ends: BorrowedFd<'_>,
        room: Room,
    ) -> io::Result<Self> {
        let bytes = usize::try_from(room.long_bytes).map_err(io::Error::other)?;
        Ok(Self {
            long: Ring::map(ring, bytes)?,
            short: Shorts::map(shorts, ends, room.places)?,
        })
    }

    /// Appends records to `batch` until it holds `limit` bytes, there are none, or `taker` refuses one: short ones as they are,
    /// others as the taker does it. Returns how many short ones there were, and how many of all. They count as taken for the kernel
    /// only after [`Rings::release`].
    pub(super) fn take(
        &mut self,
        batch: &mut Vec<u8>,
        limit: usize,
        taker: &mut impl Taker,
    ) -> (u64, usize) {
        let short = &mut self.short;
        let begun = short.taken;
        // Looked at first: what a thread wrote to the kernel's ring before one of these is found below.
        let head = short.head();
        let (count, is_empty) = self.long.take(|bytes| {
            let (stamp, record) = bytes.split_first_chunk::<STAMP_BYTES>()?;
            let is_next = short.take(u64::from_le_bytes(*stamp), batch, limit, taker);
            (is_next && taker.take(record, batch)).then_some(())
        });
        if is_empty {
            short.take(head, batch, limit, taker);
        }
        let shorts = short.taken - begun;
        (shorts, count + usize::try_from(shorts).unwrap_or(0))
    }

    /// Shows the records of the kernel's ring that wait to be taken.
    pub(super) fn look_ahead(&self, mut show: impl FnMut(&[u8])) {
        self.long.look_ahead(|bytes| {
            if let Some((_, record)) = bytes.split_first_chunk::<STAMP_BYTES>() {
                show(record);
            }
        });
    }

    pub(super) fn position(&self) -> Position {
        Position {
            long: self.long.taken,
            short: self.short.taken,
        }
    }

    /// How far the kernel's side has written.
    pub(super) fn written(&self) -> Position {
        Position {
            long: self.long.written(),
            short: self.short.head(),
        }
    }

    /// How much of the ring that is fuller waits to be taken, in thousandths.
    pub(super) fn fill(&self) -> u64 {
        let written = self.written();
        let share = |written: u64, taken: u64, room: u64| {
            written.saturating_sub(taken).saturating_mul(1000) / room.max(1)
        };
        let long = share(written.long, self.long.taken, self.long.bytes as u64);
        long.max(share(written.short, self.short.taken, self.short.count))
    }

    /// Goes on from where the kernel knows this side to be, or from `position` if that is further.
    pub(super) fn skip_to(&mut self, position: Position) {
        self.long.skip_to(position.long);
        self.short.skip_to(position.short);
    }

    /// Short records that were written.
    pub(super) fn shorts(&self) -> u64 {
        self.short.head()
    }

    /// Gives the room of all records taken back to the kernel.
    pub(super) fn release(&mut self) {
        self.long.release();
        self.short.release();
    }

    /// Tells the kernel's side what to add to `CLOCK_MONOTONIC` to get the scheduler's clock.
    pub(super) fn set_scheduler_clock(&self, offset_ns: u64) {
        self.short
            .end(SCHEDULER_NS)
            .store(offset_ns, Ordering::Relaxed);
    }

    /// Tells the kernel's side what to do about strangers. Before any thread is told.
    pub(super) fn set_strangers(&self, strangers: Strangers) {
        let number = match strangers {
            Strangers::Remembered => STRANGERS_STEP,
            Strangers::LookedAt => 0,
        };
        self.short.end(STRANGERS).store(number, Ordering::Release);
    }

    /// Has the kernel's side forget who is a stranger: a thread was told that may be among them.
    pub(super) fn forget_strangers(&self) {
        let number = self.short.end(STRANGERS);
        let former = number.load(Ordering::Relaxed);
        if former != 0 {
            number.store(
                former.wrapping_add(STRANGERS_STEP).max(2),
                Ordering::Release,
            );
        }
    }

    /// How far the clock of the stream is before the one that the kernel's side reads.
    pub(super) fn boot_ns(&self) -> u64 {
        self.short.end(BOOT_NS).load(Ordering::Relaxed)
    }

    /// Tells the kernel's side how far the clock of the stream is before the one that it reads: it differs when the machine slept.
    pub(super) fn set_clock(&self) {
        let clock = |clock| sys::clock_ns(clock);
        let read = |_| {
            let before = clock(libc::CLOCK_MONOTONIC);
            let boot = clock(libc::CLOCK_BOOTTIME);
            let after = clock(libc::CLOCK_MONOTONIC);
            (after - before, boot - before.midpoint(after))
        };
        let (_, offset) = (0..4).map(read).min().unwrap_or_default();
        let offset = if offset < SAME_CLOCK_NS { 0 } else { offset };
        let told = self.short.end(BOOT_NS);
        let told_ns = told.load(Ordering::Relaxed);
        let offset = u64::try_from(offset).unwrap_or(0);
        if told_ns.abs_diff(offset) > SAME_CLOCK_NS.unsigned_abs() {
            told.store(offset, Ordering::Relaxed);
        }
    }
}

/// The ring of places.
#[derive(Debug)]
struct Shorts {
    places: NonNull<u8>,
    bytes: usize,
    ends: NonNull<AtomicU64>,
    count: u64,
    taken: u64,
}

// SAFETY: the mappings belong to this value alone; the kernel's side is synchronised by the positions and first words.
unsafe impl Send for Shorts {}

impl Shorts {
    fn map(shorts: BorrowedFd<'_>, ends: BorrowedFd<'_>, count: u32) -> io::Result<Self> {
        let page = page_bytes();
        let places = usize::try_from(count).map_err(io::Error::other)?;
        let bytes = (places * PLACE_BYTES).next_multiple_of(page);
        let places = map_pages(shorts, bytes, libc::PROT_READ, 0)?;
        let ends = map_pages(ends, page, libc::PROT_READ | libc::PROT_WRITE, 0)?;
        let mut shorts = Self {
            places,
            bytes,
            ends: ends.cast(),
            count: u64::from(count),
            taken: 0,
        };
        shorts.taken = shorts.end(TAIL).load(Ordering::Relaxed);
        Ok(shorts)
    }

    fn end(&self, word: usize) -> &AtomicU64 {
        assert!(word < END_WORDS, "a word of `struct ends`");
        // SAFETY: within the mapped page, as asserted.
        let place = unsafe { self.ends.add(word) };
        // SAFETY: aligned, mapped as long as this value lives; the kernel and this process write it whole.
        unsafe { place.as_ref() }
    }

    fn head(&self) -> u64 {
        self.end(0).load(Ordering::Acquire)
    }

    /// Appends the records before `end`. Whether all of them were complete and taken, and `limit` was not reached.
    fn take(
        &mut self,
        end: u64,
        batch: &mut Vec<u8>,
        limit: usize,
        taker: &mut impl Taker,
    ) -> bool {
        while self.taken < end {
            let place = usize::try_from(self.taken & (self.count - 1)).unwrap_or(0);
            // SAFETY: below the number of places that are mapped.
            let place = unsafe { self.places.add(place * PLACE_BYTES) };
            // SAFETY: places are 16-aligned; the kernel writes the first word last.
            let word = unsafe { place.cast::<AtomicU32>().as_ref() }.load(Ordering::Acquire);
            let turn = u32::from(self.taken & self.count != 0) * SHORT_TURN;
            if word == 0 || word & SHORT_TURN != turn || batch.len() >= limit {
                return false;
            }
            // SAFETY: it is complete, and stays until it is released.
            let record = unsafe { std::slice::from_raw_parts(place.as_ptr(), PLACE_BYTES) };
            if let Some(record) = record.first_chunk::<PLACE_BYTES>() {
                let &[_, _, _, _, a, b, c, d, ..] = record;
                if !taker.takes_short(u32::from_le_bytes([a, b, c, d]), record) {
                    return false;
                }
                push_short(record, word & !SHORT_TURN, batch);
            }
            self.taken += 1;
        }
        batch.len() < limit
    }

    fn skip_to(&mut self, position: u64) {
        self.taken = self.end(TAIL).load(Ordering::Acquire).max(position);
    }

    fn release(&self) {
        self.end(TAIL).store(self.taken, Ordering::Release);
    }
}

/// Appends a short record that begins with `word`. The place of the most frequent one has room for any of its numbers; those that are
/// zero, and the upper half of an address that has none, take no room in the stream ("Slots of a call" in docs/record-format.md).
#[inline]
fn push_short(place: &[u8; PLACE_BYTES], word: u32, batch: &mut Vec<u8>) {
    let start = batch.len();
    batch.extend_from_slice(place);
    let record = &mut batch[start..];
    record[..4].copy_from_slice(&word.to_le_bytes());
    let number =
        |at: usize| u32::from_le_bytes([place[at], place[at + 1], place[at + 2], place[at + 3]]);
    let slots = [28, 32, 36, 40, 44].map(number);
    let widths = u16::from_le_bytes([place[22], place[23]]);
    let len = if word == QUICK_WORD && widths & WIDTHS_ALL == QUICK_WIDTHS && slots.contains(&0) {
        shorten(record, widths, slots)
    } else {
        usize::try_from(word >> 8).unwrap_or(PLACE_BYTES)
    };
    batch.truncate(start + len.min(PLACE_BYTES));
}

/// Leaves out what is zero among the slots: descriptor, lower and upper half of the address, count, result. Gives the length.
fn shorten(record: &mut [u8], widths: u16, slots: [u32; 5]) -> usize {
    let [descriptor, low, high, count, result] = slots;
    let widths_of =
        |is_there: bool, width: u16, slot: u32| (u16::from(is_there) * width) << (2 * slot);
    let address_width = if high != 0 { WIDTH_U64 } else { WIDTH_U32 };
    let widths = widths & !WIDTHS_ALL
        | widths_of(descriptor != 0, WIDTH_U32, 0)
        | widths_of(high | low != 0, address_width, 1)
        | widths_of(count != 0, WIDTH_U32, 2)
        | widths_of(result != 0, WIDTH_I32, 6);
    record[22..24].copy_from_slice(&widths.to_le_bytes());
    let mut len = 28;
    for (value, stays) in slots
        .into_iter()
        .zip([false, high != 0, false, false, false])
    {
        if value != 0 || stays {
            record[len..len + 4].copy_from_slice(&value.to_le_bytes());
            len += 4;
        }
    }
    let word = u32::try_from(len).unwrap_or(0) << 8 | QUICK_WORD & 0xff;
    record[..4].copy_from_slice(&word.to_le_bytes());
    len
}

impl Drop for Shorts {
    fn drop(&mut self) {
        // SAFETY: a mapping made in `map`, ended once.
        unsafe { libc::munmap(self.places.as_ptr().cast(), self.bytes) };
        // SAFETY: the other one.
        unsafe { libc::munmap(self.ends.as_ptr().cast(), page_bytes()) };
    }
}

/// The kernel's ring, mapped: the kernel appends, this process takes.
#[derive(Debug)]
struct Ring {
    consumer: NonNull<AtomicU64>,
    producer: NonNull<AtomicU64>,
    data: NonNull<u8>,
    bytes: usize,
    page: usize,
    taken: u64,
}

// SAFETY: the mappings belong to this value alone; the kernel's side is synchronised by the two positions.
unsafe impl Send for Ring {}

impl Ring {
    /// Maps a ring of `bytes`, a power of two.
    fn map(ring: BorrowedFd<'_>, bytes: usize) -> io::Result<Self> {
        let page = page_bytes();
        let consumer = map_pages(ring, page, libc::PROT_READ | libc::PROT_WRITE, 0)?;
        // The data is mapped twice in a row: a record that wraps is one piece.
        let producer = map_pages(ring, page + 2 * bytes, libc::PROT_READ, page)?;
        // SAFETY: within the mapping made above.
        let data = unsafe { producer.add(page) };
        let consumer: NonNull<AtomicU64> = consumer.cast();
        // SAFETY: a mapped page, aligned.
        let taken = unsafe { consumer.as_ref() }.load(Ordering::Relaxed);
        Ok(Self {
            consumer,
            producer: producer.cast(),
            data,
            bytes,
            page,
            taken,
        })
    }

    fn written(&self) -> u64 {
        // SAFETY: a mapped page, aligned; the kernel writes it whole.
        unsafe { self.producer.as_ref() }.load(Ordering::Acquire)
    }

    /// Takes complete records, in order, until `take` refuses one or there is none. They count as taken for the kernel only after
    /// [`Ring::release`]. Returns how many were taken, and whether none is left.
    fn take(&mut self, mut take: impl FnMut(&[u8]) -> Option<()>) -> (usize, bool) {
        let end = self.written();
        let mut count = 0;
        while self.taken < end {
            let Some((record, next)) = self.record_at(self.taken) else {
                return (count, false);
            };
            if record.is_some_and(|record| take(record).is_none()) {
                return (count, false);
            }
            self.taken = next;
            count += 1;
        }
        (count, true)
    }

    /// Shows the complete records that were not taken yet, in order, until one that is not complete.
    fn look_ahead(&self, mut show: impl FnMut(&[u8])) {
        let (mut at, end) = (self.taken, self.written());
        while at < end {
            let Some((record, next)) = self.record_at(at) else {
                return;
            };
            if let Some(record) = record {
                show(record);
            }
            at = next;
        }
    }

    /// The record at a position below the producer's and not released, where it was not given up, and the position behind it;
    /// `None`: it is not complete.
    fn record_at(&self, position: u64) -> Option<(Option<&[u8]>, u64)> {
        let at = usize::try_from(position).unwrap_or(0) & (self.bytes - 1);
        // SAFETY: below the doubled size of the mapping.
        let place = unsafe { self.data.add(at) };
        // SAFETY: a head stands at every position below the producer's, 8-aligned.
        let head = unsafe { place.cast::<AtomicU32>().as_ref() }.load(Ordering::Acquire);
        if head & BUSY != 0 {
            return None;
        }
        let len = (head & !(BUSY | DISCARDED)) as usize;
        let next = position + (RING_HEAD_BYTES + len).next_multiple_of(8) as u64;
        if head & DISCARDED != 0 {
            return Some((None, next));
        }
        // SAFETY: the record behind its head lies within the doubled mapping.
        let bytes = unsafe { place.add(RING_HEAD_BYTES) };
        // SAFETY: it is complete, and stays until it is released.
        let record = unsafe { std::slice::from_raw_parts(bytes.as_ptr(), len) };
        Some((Some(record), next))
    }

    /// Goes on from where the kernel knows this side to be, or from `position` if that is further.
    fn skip_to(&mut self, position: u64) {
        // SAFETY: as above.
        let released = unsafe { self.consumer.as_ref() }.load(Ordering::Acquire);
        self.taken = released.max(position);
    }

    /// Gives the room of all records taken back to the kernel.
    fn release(&mut self) {
        // SAFETY: as above; this process alone writes it.
        unsafe { self.consumer.as_ref() }.store(self.taken, Ordering::Release);
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: a mapping made in `map`, ended once.
        unsafe { libc::munmap(self.consumer.as_ptr().cast(), self.page) };
        // SAFETY: the other one.
        unsafe { libc::munmap(self.producer.as_ptr().cast(), self.page + 2 * self.bytes) };
    }
}

pub(super) fn map_pages(
    fd: BorrowedFd<'_>,
    len: usize,
    protection: i32,
    offset: usize,
) -> io::Result<NonNull<u8>> {
    let offset = libc::off_t::try_from(offset).unwrap_or(0);
    // SAFETY: a new mapping of a descriptor that is alive; no memory of ours is touched.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            len,
            protection,
            libc::MAP_SHARED,
            fd.as_raw_fd(),
            offset,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(address.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))
}

fn page_bytes() -> usize {
    // SAFETY: takes a constant.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_take_what_was_asked_for() {
        let room = Room::new(64 << 20);
        assert_eq!(
            u64::from(room.long_bytes) + u64::from(room.places) * 48,
            64 << 20
        );
        assert!(room.long_bytes.is_power_of_two() && room.places.is_power_of_two());
        assert_eq!(Room::new(1 << 18).long_bytes, LONG_BYTES_MIN);
    }

    /// A place with these numbers: descriptor, address, count, result.
    fn place(descriptor: u32, address: u64, count: u32, result: i32) -> [u8; PLACE_BYTES] {
        let mut place = [0x11; PLACE_BYTES];
        let architecture = 1 << 14;
        place[22..24].copy_from_slice(&(QUICK_WIDTHS | architecture).to_le_bytes());
        place[28..32].copy_from_slice(&descriptor.to_le_bytes());
        place[32..40].copy_from_slice(&address.to_le_bytes());
        place[40..44].copy_from_slice(&count.to_le_bytes());
        place[44..48].copy_from_slice(&result.to_le_bytes());
        place
    }

    fn pushed(place: &[u8; PLACE_BYTES], word: u32) -> Vec<u8> {
        let mut batch = vec![0xaa];
        push_short(place, word, &mut batch);
        batch.split_off(1)
    }

    /// The slots as a reader finds them by their widths.
    fn slots(record: &[u8]) -> [u64; 7] {
        let widths = u16::from_le_bytes([record[22], record[23]]);
        let mut at = 28;
        let slots = std::array::from_fn(|slot| {
            let width = widths >> (2 * slot) & 3;
            let len = [0, 4, 4, 8][usize::from(width)];
            let mut bytes = [0; 8];
            bytes[..len].copy_from_slice(&record[at..at + len]);
            at += len;
            let value = u64::from_le_bytes(bytes);
            match u32::try_from(value) {
                Ok(value) if width == 2 => i64::from(value.cast_signed()).cast_unsigned(),
                _ => value,
            }
        });
        assert_eq!(at, record.len(), "slots fill the record");
        slots
    }

    #[test]
    fn numbers_that_are_zero_take_no_room() {
        let cases = [
            (3, 0x7fff_1234_5678, 1, 1, 48),
            (0, 0x7fff_1234_5678, 1, 1, 44),
            (0, 0x1234_5678, 4096, -11, 40),
            (5, 0, 0, 0, 32),
            (0, 0, 0, 0, 28),
            (7, 1 << 32, 512, 0, 44),
        ];
        for (descriptor, address, count, result, len) in cases {
            let record = pushed(&place(descriptor, address, count, result), QUICK_WORD);
            assert_eq!(record.len(), len);
            let word = u32::from_le_bytes(record[..4].try_into().expect("four"));
            assert_eq!(word >> 8, u32::try_from(len).expect("small"));
            assert_eq!(word & 0xff, QUICK_WORD & 0xff);
            assert_eq!(record[4..22], [0x11; 18]);
            assert_eq!(record[23] >> 6, 1, "the architecture");
            let result = i64::from(result).cast_unsigned();
            let told = [descriptor.into(), address, count.into(), 0, 0, 0, result];
            assert_eq!(slots(&record), told);
        }
    }

    #[test]
    fn records_with_other_slots_stay_as_they_are() {
        let mut other = place(0, 0, 0, 0);
        other[22] ^= 1;
        let record = pushed(&other, QUICK_WORD);
        assert_eq!(record.len(), 48);
        assert_eq!(record[4..], other[4..]);
        let shorter = pushed(&place(0, 0, 0, 0), 40 << 8 | 2);
        assert_eq!(shorter.len(), 40);
    }
}
