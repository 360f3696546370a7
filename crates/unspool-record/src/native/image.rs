//! What the kernel put on the stack of a new image: arguments, environment, user.
//!
//! At the exec stop no instruction of the new image ran and no other process shares its memory, so these are facts. One read
//! of memory takes the place of opening `cmdline`, `environ` and `status` in /proc.

use crate::sys::{self, Tid};

/// First read of the stack; most images need no second.
const FIRST_READ_BYTES: usize = 16 << 10;
/// Largest stack looked at: the limit of argv and env in the record format, and as much again for pointers.
const READ_BYTES_MAX: usize = 4 << 20;

const AT_NULL: u64 = 0;
const AT_EUID: u64 = 12;
const AT_EGID: u64 = 14;
const AT_EXECFN: u64 = 31;

/// What the stack of a new image holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) argv: Vec<Vec<u8>>,
    pub(crate) env: Vec<Vec<u8>>,
    /// The path given to execve.
    pub(crate) program: Vec<u8>,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
}

/// Reads the stack of a thread stopped at its exec, `None` if it does not look as the kernel makes it.
pub(crate) fn read(tid: Tid, stack: u64, is_32_bit: bool, buffer: &mut Vec<u8>) -> Option<Image> {
    let mut size = FIRST_READ_BYTES;
    loop {
        buffer.resize(size, 0);
        let count = sys::read_memory(tid, stack, buffer).ok()?;
        let image = parse(buffer.get(..count)?, stack, if is_32_bit { 4 } else { 8 });
        if image.is_some() || count < size || size >= READ_BYTES_MAX {
            return image;
        }
        size *= 4;
    }
}

/// Takes the stack apart; `None` if a pointer leads outside of what was read.
fn parse(memory: &[u8], base: u64, word: usize) -> Option<Image> {
    let mut position = 0;
    let mut next = || {
        let bytes = memory.get(position..position + word)?;
        position += word;
        Some(if word == 4 {
            u64::from(u32::from_le_bytes(bytes.try_into().ok()?))
        } else {
            u64::from_le_bytes(bytes.try_into().ok()?)
        })
    };
    let string = |address: u64| {
        let rest = memory.get(usize::try_from(address.checked_sub(base)?).ok()?..)?;
        let len = rest.iter().position(|&byte| byte == 0)?;
        Some(rest[..len].to_vec())
    };
    let mut image = Image::default();
    let count = next()?;
    for _ in 0..count {
        image.argv.push(string(next()?)?);
    }
    if next()? != 0 {
        return None;
    }
    loop {
        match next()? {
            0 => break,
            address => image.env.push(string(address)?),
        }
    }
    loop {
        let (key, value) = (next()?, next()?);
        match key {
            AT_NULL => break,
            AT_EUID => image.uid = u32::try_from(value).ok(),
            AT_EGID => image.gid = u32::try_from(value).ok(),
            AT_EXECFN => image.program = string(value)?,
            _ => {}
        }
    }
    Some(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(words: &[u64], strings: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend_from_slice(strings);
        bytes
    }

    #[test]
    fn takes_the_stack_apart() {
        let base = 0x1000;
        // argc, argv[2], 0, envp[1], 0, auxv: euid 7, execfn, null.
        let at = |offset| base + 12 * 8 + offset;
        let words = [
            2,
            at(0),
            at(3),
            0,
            at(5),
            0,
            AT_EUID,
            7,
            AT_EXECFN,
            at(9),
            AT_NULL,
            0,
        ];
        let memory = stack(&words, b"ab\0c\0X=1\0/bin/ab\0");
        let image = parse(&memory, base, 8).expect("whole");
        assert_eq!(image.argv, [b"ab".to_vec(), b"c".to_vec()]);
        assert_eq!(image.env, [b"X=1".to_vec()]);
        assert_eq!(image.program, b"/bin/ab");
        assert_eq!(image.uid, Some(7));
        for cut in 0..memory.len() - 1 {
            assert_eq!(parse(&memory[..cut], base, 8), None, "cut at {cut}");
        }
    }
}
