//! Sixteen bytes at once: where words, dashes and separators are.

/// Bytes that are looked at together.
pub(super) const LANES: usize = 16;

/// Places in sixteen bytes, the first in the lowest bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// Letters, digits and `_`.
    pub(super) words: u16,
    /// `-`.
    pub(super) dashes: u16,
    /// `=` and `:`.
    pub(super) separators: u16,
}

impl Marks {
    /// Marks the bytes.
    #[inline]
    #[cfg_attr(
        target_arch = "x86_64",
        expect(unsafe_code, reason = "instructions of the processor")
    )]
    pub(super) fn of(bytes: &[u8; LANES]) -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            // SAFETY: SSE2 belongs to the architecture: there is no x86_64 without it.
            unsafe { of_sse2(bytes) }
        }
        #[cfg(not(target_arch = "x86_64"))]
        of_each(bytes)
    }

    /// The places behind bytes of words; `before` are the sixteen bytes before.
    #[inline]
    pub(super) fn words_behind(self, before: Self) -> u16 {
        self.words << 1 | before.words >> (LANES - 1)
    }

    /// The places behind dashes.
    #[inline]
    pub(super) fn dashes_behind(self, before: Self) -> u16 {
        self.dashes << 1 | before.dashes >> (LANES - 1)
    }
}

/// The same, byte by byte.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn of_each(bytes: &[u8; LANES]) -> Marks {
    let places = |is: fn(u8) -> bool| {
        let each = bytes.iter().enumerate();
        each.fold(0, |places, (at, byte)| places | u16::from(is(*byte)) << at)
    };
    Marks {
        words: places(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
        dashes: places(|byte| byte == b'-'),
        separators: places(|byte| matches!(byte, b'=' | b':')),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn of_sse2(bytes: &[u8; LANES]) -> Marks {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi8, _mm_cmpeq_epi8, _mm_cmpgt_epi8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set_epi64x, _mm_set1_epi8,
    };
    let each = |byte: u8| _mm_set1_epi8(byte.cast_signed());
    // As signed numbers, `from..=to` moved up to the end are greater than what lies below that many places.
    let within = |bytes: __m128i, from: u8, to: u8| {
        let moved = _mm_add_epi8(bytes, each(127 - to));
        _mm_cmpgt_epi8(moved, each(127 - (to - from) - 1))
    };
    let places = |marked: __m128i| {
        u16::try_from(_mm_movemask_epi8(marked)).expect("one bit for each of sixteen bytes")
    };
    let [a, b, c, d, e, f, g, h, high @ ..] = *bytes;
    let low = i64::from_le_bytes([a, b, c, d, e, f, g, h]);
    let bytes = _mm_set_epi64x(i64::from_le_bytes(high), low);
    let letters = within(_mm_or_si128(bytes, each(0x20)), b'a', b'z');
    let digits = within(bytes, b'0', b'9');
    let lines = _mm_cmpeq_epi8(bytes, each(b'_'));
    let equals = _mm_cmpeq_epi8(bytes, each(b'='));
    let colons = _mm_cmpeq_epi8(bytes, each(b':'));
    Marks {
        words: places(_mm_or_si128(_mm_or_si128(letters, digits), lines)),
        dashes: places(_mm_cmpeq_epi8(bytes, each(b'-'))),
        separators: places(_mm_or_si128(equals, colons)),
    }
}

#[cfg(test)]
mod tests {
    use super::{LANES, Marks, of_each};

    /// Every byte at every place.
    #[test]
    fn marks_are_those_of_each_byte() {
        for byte in 0..=u8::MAX {
            for place in 0..LANES {
                let mut bytes = *b"a-=:_Z09 {`@/[^~";
                bytes[place] = byte;
                assert_eq!(Marks::of(&bytes), of_each(&bytes), "{byte} at {place}");
            }
        }
    }

    #[test]
    fn places_behind_reach_over_the_edge() {
        let before = Marks::of(b"               a");
        let marks = Marks::of(b"bc -            ");
        assert_eq!(marks.words & !marks.words_behind(before), 0);
        assert_eq!(
            marks.words & !marks.words_behind(Marks::default()),
            0b1,
            "without a word before, one begins"
        );
        assert_eq!(marks.dashes & !marks.dashes_behind(before), 0b1000);
    }
}
