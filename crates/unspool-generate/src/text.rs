//! Bytes from traced programs, brought into the quoting of the files that are written here.

use unspool_model::args::text;

/// Text for a comment of any file: one line, printable, reversible (`\n`, `\xff`, `\\`).
///
/// The sequence `-->` and the like cannot come through either: `>` after `--` is escaped.
pub fn shown(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                '>' if out.ends_with("--") => out.push_str("\\x3e"),
                ' '..='~' => out.push(character),
                _ if character.is_alphanumeric() => out.push(character),
                _ if u32::from(character) < 0x80 => {
                    out.push_str(&format!("\\x{:02x}", u32::from(character)));
                }
                _ => out.push_str(&format!("\\u{{{:x}}}", u32::from(character))),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// A word for a POSIX shell: bare when nothing in it is special, else in single quotes. NUL cannot occur in it.
pub fn shell_word(bytes: &[u8]) -> Vec<u8> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:,+@%^".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return bytes.to_vec();
    }
    let mut out = Vec::with_capacity(bytes.len() + 2);
    out.push(b'\'');
    for &byte in bytes {
        if byte == b'\'' {
            out.extend_from_slice(b"'\\''");
        } else {
            out.push(byte);
        }
    }
    out.push(b'\'');
    out
}

/// Words for a POSIX shell, separated by spaces.
pub(crate) fn shell_words(words: &[Vec<u8>]) -> Vec<u8> {
    let words: Vec<Vec<u8>> = words.iter().map(|word| shell_word(word)).collect();
    words.join(&b' ')
}

/// Arguments of a printed call, split at its own commas: `3, "a, b", {x=1, y=2}` is three.
pub fn split_args(printed: &[u8]) -> Vec<&[u8]> {
    let mut args = Vec::new();
    let mut rest = printed;
    while !rest.is_empty() && args.len() < ARGS_MAX {
        let (value, behind) = text::split_value(rest);
        args.push(value);
        rest = behind;
    }
    args
}

/// Most arguments that are looked at.
const ARGS_MAX: usize = 16;

/// The folder that a path is in; `/` for what is directly below it.
pub(crate) fn parent(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    match path.get(..end) {
        Some(b"") | None => b"/",
        Some(parent) => parent,
    }
}

/// The last component.
pub(crate) fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// Whether `path` is `folder` or below it.
pub(crate) fn is_within(path: &[u8], folder: &[u8]) -> bool {
    if folder == b"/" {
        return path.starts_with(b"/");
    }
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// An absolute path without `.`, `..` and doubled slashes, from a name and the folder that it is relative to.
/// `..` is taken by name, as the shell's `cd` does it.
pub(crate) fn absolute(base: &[u8], name: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let base = if name.starts_with(b"/") { b"" } else { base };
    for part in base
        .split(|byte| *byte == b'/')
        .chain(name.split(|byte| *byte == b'/'))
    {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let mut path = vec![b'/'];
    path.extend_from_slice(&parts.join(&b'/'));
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_split_at_their_own_commas() {
        let args = split_args(br#"AT_FDCWD, "a, \"b", {x=1, y=[2, 3]}, O_RDONLY|O_CLOEXEC"#);
        let text: Vec<_> = args
            .iter()
            .map(|arg| String::from_utf8_lossy(arg))
            .collect();
        assert_eq!(
            text,
            [
                "AT_FDCWD",
                r#""a, \"b""#,
                "{x=1, y=[2, 3]}",
                "O_RDONLY|O_CLOEXEC"
            ]
        );
        assert!(split_args(b"").is_empty());
    }

    #[test]
    fn comments_hold_one_line_of_anything() {
        assert_eq!(shown(b"a\nb\xff\\ -->\x1b"), "a\\nb\\xff\\\\ --\\x3e\\x1b");
        assert_eq!(shown("grün \u{202e}".as_bytes()), "grün \\u{202e}");
    }

    #[test]
    fn shell_words_are_quoted_when_they_must_be() {
        assert_eq!(shell_word(b"/usr/bin/x-1.so"), b"/usr/bin/x-1.so");
        assert_eq!(shell_word(b""), b"''");
        assert_eq!(shell_word(b"it's $(x)"), br"'it'\''s $(x)'");
        assert_eq!(shell_word(b"~x=1"), b"'~x=1'");
    }

    #[test]
    fn paths_are_taken_apart() {
        assert_eq!(parent(b"/a/b"), b"/a");
        assert_eq!(parent(b"/a"), b"/");
        assert!(is_within(b"/a/b", b"/a") && !is_within(b"/ab", b"/a") && is_within(b"/a", b"/"));
        assert_eq!(absolute(b"/home/me", b"../x//./y"), b"/home/x/y");
        assert_eq!(absolute(b"/home", b"/"), b"/");
    }
}
