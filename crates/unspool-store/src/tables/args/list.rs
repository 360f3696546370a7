//! Lists of quoted texts, as in `["make", "-j8", "all"]`: a process's arguments, which the run has as strings already.
//!
//! A list is the ids of its texts among the strings, each as its difference to the one before it: an even number `2 * d`
//! forwards, an odd one `2 * d - 1` back. Numbers are written in groups of six bits, the lowest first, one a byte: 128 plus the
//! bits, and 64 more where another group follows. So no byte is one that ends an item of the rest.

use super::end_of_item;
use crate::tables::strings::Interner;

/// Bits of a group.
const GROUP_BITS: u32 = 6;
const GROUP: u8 = 0x80;
const MORE: u8 = 0x40;

const BETWEEN: &[u8] = b"\", \"";

/// Takes a list apart that stands at the begin of the text: writes it to `out` and gives the length of its text. `None`, and nothing is
/// written, where something else stands there.
pub(super) fn take(text: &[u8], strings: &mut Interner, out: &mut Vec<u8>) -> Option<usize> {
    let len = len(text)?;
    let mut rest = text.get(1..len)?;
    let mut before = 0;
    while let Some(end) = end_of_item(rest, 0) {
        let id = i64::from(strings.intern(rest.get(..end)?));
        write(id - before, out);
        before = id;
        rest = rest.get(end + BETWEEN.len()..).unwrap_or_default();
    }
    Some(len)
}

/// Length of the texts that are whole, and of what is between them; what is cut is not among them.
fn len(text: &[u8]) -> Option<usize> {
    let mut whole = None;
    let mut at = 0;
    while text.get(at) == Some(&b'"') {
        let end = end_of_item(text, at + 1)? + 1;
        match text.get(end..)? {
            [b']', ..] => return Some(end),
            [b',', b' ', ..] => whole = Some(end),
            _ => return whole,
        }
        at = end + 2;
    }
    whole
}

fn write(difference: i64, out: &mut Vec<u8>) {
    let mut rest = (difference << 1 ^ difference >> 63).cast_unsigned();
    loop {
        let bits = u8::try_from(rest & u64::from(MORE - 1)).unwrap_or(0);
        rest >>= GROUP_BITS;
        if rest == 0 {
            out.push(GROUP | bits);
            return;
        }
        out.push(GROUP | MORE | bits);
    }
}

/// Appends the texts; `None` where it is no list, or a text is not there.
pub(super) fn put_together<'s>(
    list: &[u8],
    string: &dyn Fn(u32) -> Option<&'s [u8]>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let (mut id, mut number, mut shift) = (0i64, 0u64, 0u32);
    let mut is_first = true;
    for byte in list {
        let bits = byte.checked_sub(GROUP)?;
        number |= u64::from(bits & (MORE - 1)).checked_shl(shift)?;
        if bits & MORE != 0 {
            shift += GROUP_BITS;
            continue;
        }
        let difference = (number >> 1).cast_signed() ^ -(number & 1).cast_signed();
        id = id.checked_add(difference)?;
        (number, shift) = (0, 0);
        out.extend_from_slice(if is_first { b"\"" } else { b", \"" });
        out.extend_from_slice(string(u32::try_from(id).ok()?)?);
        out.push(b'"');
        is_first = false;
    }
    (shift == 0 && !is_first).then_some(())
}
