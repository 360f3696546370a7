//! Container files: a base image with packages and the rest copied, or exactly the files used and nothing else.

mod collect;
mod install;
mod tar;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use collect::{Entry, EntryKind};
pub use tar::{TarError, write_tar};

use crate::header::{comments, json_string};
use crate::host::Host;
use crate::observed::{Observed, Root};
use crate::packages::Package;
use crate::text::{file_name, shown};

/// How a container file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ImageOptions {
    /// Exactly the files used, in an image of their own.
    pub from_scratch: bool,
    /// Packages in exactly the versions of this machine.
    pub pin: bool,
}

/// A container file and what is copied by it.
#[derive(Clone, Debug)]
pub struct Image {
    /// Text of the file.
    pub dockerfile: String,
    /// Files, folders and links of the archive beside it, by name; empty when nothing is copied.
    pub entries: Vec<Entry>,
    /// Packages that it installs.
    pub packages: Vec<Package>,
}

/// Name of the archive that the container file adds. Names of files, whatever bytes they have, are only in it.
pub const ARCHIVE: &str = "rootfs.tar";

/// A link to the working directory, where its name is nothing that a container file can hold.
const CWD_LINK: &str = "/.unspool-cwd";

/// What a redacted value begins with.
const REDACTED: &[u8] = "‹redacted:".as_bytes();

/// Plans the image of what was seen.
pub fn plan(observed: &Observed, host: &Host, options: ImageOptions) -> Image {
    let mut collected = collect::collect(observed, host);
    let mut text = comments(observed, "container file", "#");
    let mut packages = Vec::new();
    if options.from_scratch {
        text.push_str("# Exactly the files that the runs used. /proc, /sys and /dev come from what runs the container.\n");
        text.push_str("FROM scratch\n");
    } else {
        let installed = install::install(observed, host, &mut collected, options.pin);
        text.push_str(&installed.text);
        packages = installed.packages;
    }
    let root = observed.roots.first().cloned().unwrap_or_default();
    let workdir = workdir(&root, &mut collected.entries);
    if !collected.entries.is_empty() {
        text.push_str(&format!("ADD {ARCHIVE} /\n"));
    }
    for note in &collected.notes {
        text.push_str(&format!("# {note}\n"));
    }
    text.push_str(&environment(observed, &root));
    text.push_str(&workdir);
    text.push_str(&user(&root));
    text.push_str(&ports(observed));
    text.push_str(&command(observed, &root));
    Image {
        dockerfile: text,
        entries: collected.entries.into_values().collect(),
        packages,
    }
}

/// Whether a path can stand in a container file as it is.
fn is_plain(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/_.+:@,=-".contains(byte))
}

fn workdir(root: &Root, entries: &mut std::collections::BTreeMap<Vec<u8>, Entry>) -> String {
    if root.cwd.is_empty() {
        return "# WORKDIR: the working directory is not in the recording\n".to_owned();
    }
    if is_plain(&root.cwd) {
        return format!("WORKDIR {}\n", String::from_utf8_lossy(&root.cwd));
    }
    let link = Entry {
        path: CWD_LINK.as_bytes().to_vec(),
        kind: EntryKind::Link(root.cwd.clone()),
    };
    entries.insert(link.path.clone(), link);
    format!(
        "# the working directory has a name that no WORKDIR can hold; a link leads to it: {}\nWORKDIR {CWD_LINK}\n",
        shown(&root.cwd)
    )
}

fn user(root: &Root) -> String {
    match root.user {
        Some(0) => String::new(),
        Some(user) => format!("USER {user}\n"),
        None => "# USER: the user is not in the recording\n".to_owned(),
    }
}

fn ports(observed: &Observed) -> String {
    let mut text = String::new();
    for port in &observed.tcp_listened {
        if observed.tcp_bound.contains(port) {
            text.push_str(&format!("EXPOSE {port}\n"));
        } else {
            text.push_str(&format!(
                "# EXPOSE {port}: the kernel chose the port, it is another one the next time\n"
            ));
        }
    }
    for port in observed.udp_bound.iter().filter(|port| **port != 0) {
        text.push_str(&format!("EXPOSE {port}/udp\n"));
    }
    text
}

/// Variables that the start of nearly every program asks for (the loader, the C library, shells).
const ASKED_BY_ALL: &[&[u8]] = &[
    b"PATH",
    b"LANG",
    b"LANGUAGE",
    b"TZ",
    b"LD_LIBRARY_PATH",
    b"PYTHONPATH",
    b"PERL5LIB",
];

fn environment(observed: &Observed, root: &Root) -> String {
    let mut text = String::new();
    let mut left = Vec::new();
    for variable in &root.env {
        let mut parts = variable.splitn(2, |byte| *byte == b'=');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            continue;
        };
        let is_read = observed.variables_read.contains(name)
            || ASKED_BY_ALL.contains(&name)
            || name.starts_with(b"LC_");
        let is_name = !name.is_empty()
            && name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let is_known = value
            .windows(REDACTED.len())
            .all(|window| window != REDACTED);
        match std::str::from_utf8(value) {
            Ok(value) if is_read && is_name && is_known && !value.contains(char::is_control) => {
                text.push_str(&format!(
                    "ENV {}=\"{}\"\n",
                    String::from_utf8_lossy(name),
                    value
                        .replace('\\', "\\\\")
                        .replace('"', "\\\"")
                        .replace('$', "\\$")
                ));
            }
            _ if is_read && !is_known => {
                text.push_str(&format!(
                    "# ENV {}: its value was redacted when it was recorded\n",
                    shown(name)
                ));
            }
            _ if is_read => {
                text.push_str(&format!(
                    "# ENV {}: its value cannot stand in a container file\n",
                    shown(name)
                ));
            }
            _ => left.push(shown(name)),
        }
    }
    if !left.is_empty() {
        let why = if observed.has_library_calls {
            "never asked for"
        } else {
            "whether they were read is not in the recording (--recorder ltrace sees it)"
        };
        text.push_str(&format!(
            "# variables left out, {why}: {}\n",
            left.join(" ")
        ));
    }
    text
}

fn command(observed: &Observed, root: &Root) -> String {
    let program = if root.called.is_empty() {
        &root.exe
    } else {
        &root.called
    };
    if program.is_empty() {
        return "# ENTRYPOINT: which program ran is not in the recording\n".to_owned();
    }
    let mut text = String::new();
    let called_as = root.argv.first().map_or(&[][..], Vec::as_slice);
    if file_name(called_as) != file_name(program) {
        text.push_str(&format!(
            "# it was called by the name {}; a container file cannot say that\n",
            shown(called_as)
        ));
    }
    let words = root.argv.get(1..).unwrap_or(&[]);
    let redacted = words.iter().any(|word| {
        word.windows(REDACTED.len())
            .any(|window| window == REDACTED)
    });
    if redacted {
        text.push_str(
            "# an argument was redacted when it was recorded: put the real one into CMD\n",
        );
    }
    match (json_list(std::slice::from_ref(program)), json_list(words)) {
        (Some(program), Some(words)) => {
            text.push_str(&format!("ENTRYPOINT {program}\n"));
            if !words.starts_with("[]") {
                text.push_str(&format!("CMD {words}\n"));
            }
        }
        _ => text.push_str(&format!(
            "# ENTRYPOINT: an argument is no UTF-8, which a container file cannot hold: {}\n",
            shown(&crate::text::shell_words(&root.argv))
        )),
    }
    let others: BTreeSet<String> = observed
        .roots
        .iter()
        .skip(1)
        .filter(|other| other.argv != root.argv)
        .map(|other| shown(&crate::text::shell_words(&other.argv)))
        .collect();
    for other in others {
        text.push_str(&format!("# another of the runs: {other}\n"));
    }
    text
}

/// A JSON list in one line; `None` when a word is no UTF-8.
fn json_list(words: &[Vec<u8>]) -> Option<String> {
    let words: Option<Vec<String>> = words
        .iter()
        .map(|word| std::str::from_utf8(word).ok().map(json_string))
        .collect();
    Some(format!("[{}]", words?.join(", ")))
}
