//! Names and commands in make's quoting (GNU make manual, "Rule Syntax", "Recipe Syntax").

/// Bytes in names that make reads as something else and that no escape takes back everywhere: what a name with one of them would
/// mean depends on its place.
const NOT_HELD: &[u8] = b"\\*?[]()~;=|&<>`'\"!{}^,";

/// A name as a target.
pub(super) fn target(path: &[u8]) -> Option<Vec<u8>> {
    name(path, true)
}

/// A name as a prerequisite, where `%` stands for itself.
pub(super) fn prerequisite(path: &[u8]) -> Option<Vec<u8>> {
    name(path, false)
}

fn name(path: &[u8], is_target: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(path.len());
    for &byte in path {
        match byte {
            b'$' => out.extend_from_slice(b"$$"),
            b' ' | b'#' | b':' => out.extend_from_slice(&[b'\\', byte]),
            b'%' if is_target => out.extend_from_slice(b"\\%"),
            0..b' ' | 0x7f => return None,
            byte if NOT_HELD.contains(&byte) => return None,
            byte => out.push(byte),
        }
    }
    // The escape of a last space is taken for that of what follows.
    (!out.is_empty() && !path.ends_with(b" ")).then_some(out)
}

/// A line for a shell as a line of a recipe. A line feed inside of quotes is said by a variable of the shell, because a line of a
/// recipe ends with it.
pub(super) fn recipe(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    if line.contains(&b'\n') {
        out.extend_from_slice(b"nl=$$(printf '\\nx') && nl=$${nl%x} && ");
    }
    for &byte in line {
        match byte {
            b'$' => out.extend_from_slice(b"$$"),
            // All words that hold one are in single quotes, see `shell_word`.
            b'\n' => out.extend_from_slice(b"'\"$${nl}\"'"),
            byte => out.push(byte),
        }
    }
    out
}
