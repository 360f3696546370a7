//! Sixty-four bytes at once: where the bytes stand that begin, part or end something.

/// Bytes that are looked at together.
pub(super) const LANES: usize = 64;

/// Whether a byte is one of `"` `\` `(` `)` `*` `+` `,` `<` `>` `[` `]` `{` `|` `}` (and of two more that stand for others): all
/// that the scan stops at, and few more, by as few comparisons as possible. In the highest bit.
#[inline]
fn flag(byte: u8) -> u8 {
    let low = u8::from(byte.wrapping_sub(b'(') <= b',' - b'(');
    let quote = u8::from(byte == b'"');
    let angle = u8::from(byte | 2 == b'>');
    let high = u8::from((byte | 0x20).wrapping_sub(b'{') <= b'}' - b'{');
    (low | quote | angle | high) << 7
}

/// Places of such bytes, the first in the lowest bit. Compilers turn the loop into instructions on many bytes.
#[inline]
fn places(bytes: &[u8; LANES]) -> u64 {
    /// Gathers the highest bits of eight bytes in the highest byte.
    const GATHER: u64 = 0x0002_0408_1020_4081;
    let mut flags = [0; LANES];
    for (to, byte) in flags.iter_mut().zip(bytes) {
        *to = flag(*byte);
    }
    let mut places = 0;
    for (word, shift) in flags.as_chunks::<8>().0.iter().zip((0..).step_by(8)) {
        places |= (u64::from_le_bytes(*word).wrapping_mul(GATHER) >> 56) << shift;
    }
    places
}

/// Places in the sixty-four bytes of `text` from `from` on; none behind its end.
#[inline]
pub(super) fn places_from(text: &[u8], from: usize) -> u64 {
    let Some(rest) = text.get(from..) else {
        return 0;
    };
    if let Some(bytes) = rest.first_chunk::<LANES>() {
        return places(bytes);
    }
    if let Some(bytes) = text.last_chunk::<LANES>() {
        // The last bytes that there are; of these the ones before `from` are known.
        return places(bytes)
            .checked_shr(u32::try_from(LANES - rest.len()).unwrap_or(u32::MAX))
            .unwrap_or(0);
    }
    let mut bytes = [0; LANES];
    if let Some(start) = bytes.get_mut(..rest.len()) {
        start.copy_from_slice(rest);
    }
    places(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte, at the start, in the middle and at the end of texts of every length.
    #[test]
    fn places_are_those_of_each_byte() {
        for byte in 0..=u8::MAX {
            let is_marked = b"\"\\()*+,<>[]{|}".contains(&byte);
            for (len, place) in [
                (1, 0),
                (63, 62),
                (64, 0),
                (64, 63),
                (65, 64),
                (100, 70),
                (200, 127),
            ] {
                let mut text = vec![b'a'; len];
                text[place] = byte;
                for from in [0, 1, place, place + 1, len] {
                    let expected = if is_marked && (from..from + LANES).contains(&place) {
                        1 << (place - from)
                    } else {
                        0
                    };
                    assert_eq!(
                        places_from(&text, from),
                        expected,
                        "{byte} at {place} of {len} from {from}"
                    );
                }
            }
        }
    }
}
