//! Addresses, amounts and errors in words.

use unspool_model::event::Errno;

use super::phrases::{say, size, times};
use super::profile::{Failures, Group, KeyKind, Use};

/// `TCP 10.0.0.1:80` for people: the address in full.
pub(super) fn plain_address(name: &[u8], raw: &[u8], kind: KeyKind) -> Vec<u8> {
    let address = name.split(|byte| *byte == b' ').next_back().unwrap_or(name);
    if !address.ends_with(b"<PORT>") {
        return address.to_vec();
    }
    // The raw name is `TCP:[local->remote]`.
    let inner = raw
        .iter()
        .position(|byte| *byte == b'[')
        .and_then(|at| raw.get(at + 1..))
        .and_then(|inner| inner.strip_suffix(b"]"))
        .unwrap_or(raw);
    let arrow = inner.windows(2).position(|pair| pair == b"->");
    match (arrow, kind) {
        (Some(at), KeyKind::Listener) => inner.get(..at).unwrap_or(inner).to_vec(),
        (Some(at), _) => inner.get(at + 2..).unwrap_or(inner).to_vec(),
        (None, _) => inner.to_vec(),
    }
}

/// Name without folder and last ending: interpreters try several endings.
pub(super) fn stem(path: &[u8]) -> &[u8] {
    let base = super::roles::base(path);
    match base.iter().rposition(|byte| *byte == b'.') {
        Some(at) if at > 0 => base.get(..at).unwrap_or(base),
        _ => base,
    }
}

/// The file that is looked for when an archive of old version control systems is: `src/SCCS/s.main.c`, `src/RCS/main.c,v`;
/// empty when that is a folder of such archives.
pub(super) fn probed(path: &[u8]) -> Option<Vec<u8>> {
    let base = super::roles::base(path);
    let folder = super::roles::folder(path);
    if matches!(base, b"SCCS" | b"RCS") {
        return Some(Vec::new());
    }
    let in_archive = |name: &[u8]| {
        let own = folder
            .strip_suffix(b"SCCS/")
            .or_else(|| folder.strip_suffix(b"RCS/"))
            .unwrap_or(folder);
        say!(own, name)
    };
    if let Some(name) = base.strip_suffix(b",v").filter(|name| !name.is_empty()) {
        return Some(in_archive(name));
    }
    let name = base.strip_prefix(b"s.").filter(|name| !name.is_empty())?;
    folder.ends_with(b"SCCS/").then(|| in_archive(name))
}

/// Whether what is written there is said, not made: a log grows when there is something to say.
pub(super) fn is_said(path: &[u8]) -> bool {
    let base = super::roles::base(path);
    [&b".log"[..], b".err", b".out", b".stderr", b".stdout"]
        .iter()
        .any(|ending| base.ends_with(ending))
        || path.windows(5).any(|part| part == b"/log/")
}

pub(super) fn amounts_text(used: &Use) -> String {
    match (used.bytes_read, used.bytes_written) {
        (0, 0) => format!("used {}", times(used.effective())),
        (read, 0) => format!("{} read", size(read)),
        (0, written) => format!("{} written", size(written)),
        (read, written) => format!("{} read, {} written", size(read), size(written)),
    }
}

pub(super) fn failure_text(failures: &Failures, name: &[u8]) -> Vec<u8> {
    say!(
        failures.call,
        " ",
        name,
        format!(" failed {} with {}", times(failures.count), failures.errno)
    )
}

pub(super) fn verb(failures: &Failures) -> &'static str {
    match failures.group {
        Group::Open => "open",
        Group::Query => "look at",
        Group::Read => "read from",
        Group::Write => "write to",
        Group::Map => "map",
        Group::Execute => "run",
        Group::Change => "change",
        Group::Connect => "connect to",
        Group::Accept => "listen at",
        Group::Other => failures.call,
    }
}

/// Errors in words, with their names.
pub(super) fn errno_words(errno: Errno) -> String {
    let words = match errno.0 {
        1 => "not permitted",
        2 => "not found",
        5 => "input/output error",
        11 => "busy",
        12 => "out of memory",
        13 => "permission denied",
        17 => "exists already",
        20 => "not a folder",
        21 => "is a folder",
        22 => "invalid argument",
        23 | 24 => "too many open files",
        26 => "the program file is being written",
        27 => "file too large",
        28 => "no space left on the disk",
        30 => "read-only file system",
        32 => "nobody reads the other end",
        36 => "name too long",
        39 => "folder is not empty",
        40 => "too many symbolic links",
        98 => "address in use",
        99 => "no such address on this machine",
        101 => "network unreachable",
        104 => "connection reset by the other end",
        110 => "timed out",
        111 => "connection refused",
        112 => "host is down",
        113 => "no route to the host",
        122 => "disk quota exceeded",
        _ => return errno.to_string(),
    };
    format!("{words} ({errno})")
}

/// Shortest word that says of two names that they belong together.
const WORD_MIN: usize = 3;

/// Whether `word` stands in a name, with neither letter nor digit beside it.
pub(super) fn has_word(name: &[u8], word: &[u8]) -> bool {
    let mut parts = name.windows(word.len().max(WORD_MIN)).enumerate();
    parts.any(|(at, part)| {
        let is_free = |byte: Option<&u8>| !byte.is_some_and(u8::is_ascii_alphanumeric);
        let before = at.checked_sub(1).and_then(|at| name.get(at));
        part == word && is_free(before) && is_free(name.get(at + word.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::has_word;

    #[test]
    fn words_of_names() {
        assert!(has_word(b"slips-yard.txt", b"yard"));
        assert!(has_word(b"yard.csv", b"yard"));
        assert!(!has_word(b"backyard.csv", b"yard"));
        assert!(!has_word(b"yard2.csv", b"yard"));
    }
}
