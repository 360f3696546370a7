//! Numbers and quoted strings, as strace prints them.

/// Appends an unsigned number.
pub(super) fn unsigned(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    for slot in digits.iter_mut().rev() {
        *slot = digit(value % 10);
        value /= 10;
        start -= 1;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or(&[]));
}

/// Appends a signed number.
pub(super) fn signed(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    unsigned(value.unsigned_abs(), out);
}

/// Appends `0x1f`; a plain 0 for 0.
pub(super) fn hex(value: u64, out: &mut Vec<u8>) {
    if value == 0 {
        out.push(b'0');
        return;
    }
    out.extend_from_slice(b"0x");
    let digits = 16 - value.leading_zeros() / 4;
    for place in (0..digits).rev() {
        out.push(digit((value >> (4 * place)) & 0xf));
    }
}

/// Appends an address: `NULL` or `0x7ffd1000`.
pub(super) fn pointer(value: u64, out: &mut Vec<u8>) {
    if value == 0 {
        out.extend_from_slice(b"NULL");
    } else {
        hex(value, out);
    }
}

/// Appends an octal number with a leading 0 and at least three digits, as permission bits: `0644`, `000`.
pub(super) fn octal(value: u64, out: &mut Vec<u8>) {
    if value > 0o77 {
        out.push(b'0');
    }
    let digits = (64 - value.leading_zeros()).div_ceil(3).max(3);
    for place in (0..digits).rev() {
        out.push(digit((value >> (3 * place)) & 7));
    }
}

fn digit(value: u64) -> u8 {
    b"0123456789abcdef"
        .get(usize::try_from(value).unwrap_or(0))
        .copied()
        .unwrap_or(b'0')
}

/// Which bytes are escaped besides those that are not printable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// Inside `""`.
    Quotes,
    /// A path inside `<>` after a descriptor.
    Angles,
    /// Another object inside `<>`, whose quotes are not data: `UNIX-STREAM:[5->6,"/run/s"]`.
    Object,
}

/// Appends `"bytes"`, with `...` when it was cut.
pub(super) fn quoted(bytes: &[u8], is_cut: bool, out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(bytes, Within::Quotes, out);
    out.push(b'"');
    if is_cut {
        out.extend_from_slice(b"...");
    }
}

/// Appends the bytes, escaped as strace does (`string_quote` of its `util.c`): C escapes, else octal with as few digits as the
/// next byte allows.
pub(super) fn escaped(bytes: &[u8], within: Within, out: &mut Vec<u8>) {
    for (at, byte) in bytes.iter().enumerate() {
        let letter = match byte {
            b'"' if within == Within::Object => {
                out.push(b'"');
                continue;
            }
            b'"' | b'\\' => *byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0b => b'v',
            0x0c => b'f',
            b'<' | b'>' if within == Within::Angles => 0,
            b' '..=b'~' => {
                out.push(*byte);
                continue;
            }
            _ => 0,
        };
        out.push(b'\\');
        if letter == 0 {
            let is_digit_next = bytes
                .get(at + 1)
                .is_some_and(|next| matches!(next, b'0'..=b'7'));
            short_octal(*byte, is_digit_next, out);
        } else {
            out.push(letter);
        }
    }
}

fn short_octal(byte: u8, is_full: bool, out: &mut Vec<u8>) {
    if is_full || byte > 0o77 {
        out.push(b'0' + (byte >> 6));
    }
    if is_full || byte > 7 {
        out.push(b'0' + ((byte >> 3) & 7));
    }
    out.push(b'0' + (byte & 7));
}
