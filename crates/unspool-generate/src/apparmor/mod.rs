//! `AppArmor` profiles: written from runs, read back (the part of the language that is written here), judged.

mod glob;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use parse::Profile;

use crate::header::{PolicyOptions, comments};
use crate::host::Host;
use crate::observed::{FileUse, OWN_PROC, Observed};
use crate::rights::Rights;
use crate::text::{file_name, parent, shown};

/// Files used in a folder from which on a margin takes the folder.
const FOLDER_FROM: usize = 3;

/// Permissions of the profile language with the rights that they are for.
const PERMISSIONS: &[(char, Rights)] = &[
    ('r', Rights::READ),
    ('r', Rights::LIST),
    ('w', Rights::CHANGES),
    ('m', Rights::MAP_CODE),
    ('k', Rights::LOCK),
    ('l', Rights::LINK_TO),
    ('x', Rights::EXECUTE),
];

/// Letters of the rights of a file, in the order of [`PERMISSIONS`].
pub(crate) fn letters(rights: Rights) -> Vec<char> {
    let mut letters = Vec::new();
    for (letter, right) in PERMISSIONS {
        if rights.intersects(*right) && !letters.contains(letter) {
            letters.push(*letter);
        }
    }
    if rights.contains(Rights::CONNECT) {
        letters.extend(
            ['r', 'w']
                .into_iter()
                .filter(|letter| !letters.contains(letter))
                .collect::<Vec<_>>(),
        );
    }
    letters
}

/// Rules in the making: pattern, letters, reason.
type Rules = BTreeMap<Vec<u8>, (Vec<char>, Option<&'static str>)>;

/// Writes the profile of what was seen.
pub fn generate(observed: &Observed, host: &Host, options: PolicyOptions) -> Vec<u8> {
    let mut text = comments(observed, "AppArmor profile", "#").into_bytes();
    text.extend_from_slice(b"# File names are those that the kernel saw, links followed. Programs that are started run under the same profile.\n");
    text.extend_from_slice(b"abi <abi/3.0>,\ninclude <tunables/global>\n\n");
    let exe = observed.roots.first().map_or(&[][..], |root| &root.exe);
    let name: Vec<u8> = file_name(exe)
        .iter()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"._-".contains(byte) {
                *byte
            } else {
                b'_'
            }
        })
        .collect();
    text.extend_from_slice(b"profile unspool.");
    text.extend_from_slice(if name.is_empty() { b"run" } else { &name });
    if exe.starts_with(b"/") {
        text.push(b' ');
        text.extend_from_slice(&quoted(exe));
    }
    text.extend_from_slice(b" {\n");
    text.extend_from_slice(other_rules(observed).as_bytes());
    for (pattern, (letters, why)) in &file_rules(observed, host, options.margin) {
        if let Some(why) = why {
            text.extend_from_slice(format!("  # {why}\n").as_bytes());
        }
        text.extend_from_slice(b"  ");
        text.extend_from_slice(pattern);
        let letters: String = letters.iter().collect();
        text.extend_from_slice(format!(" {},\n", letters.replace('x', "ix")).as_bytes());
    }
    text.extend_from_slice(b"}\n");
    text
}

fn other_rules(observed: &Observed) -> String {
    const UNIX: u64 = 1;
    let mut text = String::new();
    for capability in &observed.capabilities {
        let name = capability.trim_start_matches("CAP_").to_ascii_lowercase();
        text.push_str(&format!("  capability {name},\n"));
    }
    for (family, kind) in &observed.sockets {
        if *family == UNIX {
            continue;
        }
        match (family_name(*family), kind_name(*kind)) {
            (Some(family), Some(kind)) => text.push_str(&format!("  network {family} {kind},\n")),
            (Some(family), None) => text.push_str(&format!("  network {family},\n")),
            (None, _) => text.push_str(&format!(
                "  # left out: sockets of family {family}, which has no name here\n"
            )),
        }
    }
    if observed.sockets.iter().any(|(family, _)| *family == UNIX) {
        text.push_str("  unix,\n");
    }
    let has = |names: &[&str]| {
        names
            .iter()
            .any(|name| observed.calls.contains_key(name.as_bytes()))
    };
    if observed.signals_outside {
        text.push_str("  signal,\n");
    } else if has(&["kill", "tkill", "tgkill", "pidfd_send_signal"]) {
        text.push_str("  signal (send, receive) peer=@{profile_name},\n");
    }
    if has(&["ptrace", "process_vm_readv", "process_vm_writev"]) {
        text.push_str("  ptrace,\n");
    }
    if has(&["mount", "fsmount", "move_mount"]) {
        text.push_str("  mount,\n");
    }
    if has(&["umount2", "umount"]) {
        text.push_str("  umount,\n");
    }
    if has(&["pivot_root"]) {
        text.push_str("  pivot_root,\n");
    }
    text
}

fn file_rules(observed: &Observed, host: &Host, margin: u8) -> Rules {
    let mut rules = Rules::new();
    for (path, file) in &observed.files {
        file_rule(&mut rules, path, file, host);
    }
    for program in &observed.programs {
        for loader in host.loaders(program) {
            add(&mut rules, quoted(&host.real(&loader)), &['r', 'm'], None);
        }
    }
    if margin > 0 {
        widen(&mut rules, observed, host, margin);
    }
    rules
}

fn file_rule(rules: &mut Rules, path: &[u8], file: &FileUse, host: &Host) {
    let rights = file.all();
    let letters = letters(rights);
    if letters.is_empty() {
        return;
    }
    let is_folder = file.kind == unspool_model::world::ResourceKind::Directory
        || rights.intersects(Rights::LIST | Rights::MAKE_FOLDER | Rights::REMOVE_FOLDER)
        || host.is_folder(path);
    if file.deleted && file.found.is_empty() && file.made.intersects(Rights::MAKES) {
        let pattern = pattern_of(parent(path), if is_folder { b"/*/" } else { b"/*" });
        add(
            rules,
            pattern,
            &letters,
            Some("made and removed by the run; the name may be another one the next time"),
        );
        return;
    }
    if let Some(rest) = path.strip_prefix(OWN_PROC) {
        let mut pattern = b"\"@{PROC}/@{pid}".to_vec();
        pattern.extend_from_slice(&escaped(rest));
        pattern.extend_from_slice(if is_folder { b"/\"" } else { b"\"" });
        add(rules, pattern, &letters, None);
        return;
    }
    let tail: &[u8] = if is_folder && path != b"/" { b"/" } else { b"" };
    let own = if file.claimed {
        host.own_name(path)
    } else {
        path.to_vec()
    };
    if file.claimed
        && let Some(followed) = host.route(path).end
        && followed != own
    {
        add(rules, pattern_of(&followed, tail), &letters, None);
    }
    add(rules, pattern_of(&own, tail), &letters, None);
}

fn add(rules: &mut Rules, pattern: Vec<u8>, letters: &[char], why: Option<&'static str>) {
    let rule = rules.entry(pattern).or_insert_with(|| (Vec::new(), why));
    for letter in letters {
        if !rule.0.contains(letter) {
            rule.0.push(*letter);
        }
    }
}

fn widen(rules: &mut Rules, observed: &Observed, host: &Host, margin: u8) {
    let mut folders: BTreeMap<&[u8], (usize, Vec<char>)> = BTreeMap::new();
    for (path, file) in &observed.files {
        let letters = letters(file.all());
        if letters.is_empty()
            || host.is_folder(path)
            || path.starts_with(OWN_PROC)
            || parent(path) == b"/"
        {
            continue;
        }
        let folder = folders.entry(parent(path)).or_default();
        folder.0 += 1;
        for letter in letters {
            if !folder.1.contains(&letter) && (margin >= 2 || matches!(letter, 'r' | 'm')) {
                folder.1.push(letter);
            }
        }
    }
    for (folder, (files, letters)) in folders {
        if letters.is_empty() || (margin == 1 && files < FOLDER_FROM) {
            continue;
        }
        let tail: &[u8] = if margin >= 2 { b"/**" } else { b"/*" };
        add(
            rules,
            pattern_of(folder, tail),
            &letters,
            Some("margin: the whole folder"),
        );
    }
}

fn pattern_of(path: &[u8], tail: &[u8]) -> Vec<u8> {
    let path = if path == b"/" && tail.starts_with(b"/") {
        b""
    } else {
        path
    };
    let mut out = vec![b'"'];
    out.extend_from_slice(&escaped(path));
    out.extend_from_slice(tail);
    out.push(b'"');
    out
}

/// A path as a quoted pattern that stands for itself only.
pub(crate) fn quoted(path: &[u8]) -> Vec<u8> {
    pattern_of(path, b"")
}

/// A path with everything escaped that the language reads as something else: patterns, variables, quotes, what is not printable.
fn escaped(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    for &byte in path {
        match byte {
            b'*' | b'?' | b'[' | b']' | b'{' | b'}' | b'^' | b',' => {
                out.extend_from_slice(&[b'\\', byte]);
            }
            // The end of a quoted name is found by its quotation marks: none stands inside, nor a backslash before the last.
            // A variable begins with `@{`, whose bracket is escaped already; the sign itself is hidden too.
            b' '..=b'~' if !matches!(byte, b'@' | b'"' | b'\\') => out.push(byte),
            _ => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
    out
}

/// Word of an address family (`AF_*` without the prefix).
pub(crate) fn family_name(family: u64) -> Option<String> {
    let table = unspool_model::flags::SOCKET_FAMILIES;
    let name = table.iter().find(|row| row.1 == family)?.0;
    Some(name.trim_start_matches("AF_").to_ascii_lowercase())
}

fn kind_name(kind: u64) -> Option<&'static str> {
    match kind {
        1 => Some("stream"),
        2 => Some("dgram"),
        3 => Some("raw"),
        5 => Some("seqpacket"),
        _ => None,
    }
}

/// What of a file's rights is missing from the letters that rules give.
fn missing(rights: Rights, given: &[char]) -> Option<String> {
    let wanted: String = letters(rights)
        .into_iter()
        .filter(|letter| !given.contains(letter))
        .collect();
    (!wanted.is_empty()).then_some(wanted)
}

/// A path for a message.
fn named(path: &[u8]) -> String {
    shown(path)
}
