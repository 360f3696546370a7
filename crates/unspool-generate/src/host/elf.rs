//! The two facts of an ELF file that are needed: its class and its interpreter (elf(5)).

/// Type of the program header that names the interpreter.
const PT_INTERP: u32 = 3;

/// Whether it is an ELF file of the 32-bit class.
pub(super) fn is_32_bit(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF") && head.get(4) == Some(&1)
}

/// The interpreter that an ELF file names; `None` for a static one. Little-endian files only, as the recorders know no others.
pub(super) fn interpreter(head: &[u8]) -> Option<Vec<u8>> {
    if !head.starts_with(b"\x7fELF") || head.get(5) != Some(&1) {
        return None;
    }
    let is_64 = match head.get(4)? {
        1 => false,
        2 => true,
        _ => return None,
    };
    let (table, size, count) = if is_64 {
        (
            number(head, 32, 8)?,
            number(head, 54, 2)?,
            number(head, 56, 2)?,
        )
    } else {
        (
            number(head, 28, 4)?,
            number(head, 42, 2)?,
            number(head, 44, 2)?,
        )
    };
    for index in 0..count {
        let at = table.checked_add(index.checked_mul(size)?)?;
        if number(head, at, 4)? != u64::from(PT_INTERP) {
            continue;
        }
        let (offset, len) = if is_64 {
            (number(head, at + 8, 8)?, number(head, at + 32, 8)?)
        } else {
            (number(head, at + 4, 4)?, number(head, at + 16, 4)?)
        };
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        let text = head.get(start..end)?;
        let path = text.split(|byte| *byte == 0).next()?;
        return path.starts_with(b"/").then(|| path.to_vec());
    }
    None
}

fn number(bytes: &[u8], at: u64, len: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let bytes = bytes.get(at..at.checked_add(len)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    )
}
