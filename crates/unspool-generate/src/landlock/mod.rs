//! Landlock rules: written from runs, read, judged. The kernel's own words (`linux/landlock.h`), in JSON of ours.

mod access;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use access::{ACCESS_WORDS, Access, NET_BIND_TCP, NET_CONNECT_TCP};
pub use parse::{PathRule, PortRule, Ruleset};

use crate::header::{PolicyOptions, json_members, json_string};
use crate::host::Host;
use crate::observed::{FileUse, OWN_PROC, Observed};
use crate::rights::Rights;
use crate::text::{parent, shown};

/// Files used in a folder from which on a margin takes the folder.
const FOLDER_FROM: usize = 3;

/// A path's rule in the making.
#[derive(Clone, Copy, Default)]
struct Granted {
    access: Access,
    /// Only claims name it.
    claimed: bool,
}

type Rules = BTreeMap<Vec<u8>, Granted>;

/// Writes the rules of what was seen.
pub fn generate(observed: &Observed, host: &Host, options: PolicyOptions) -> String {
    let mut rules = Rules::new();
    for (path, file) in &observed.files {
        grant_file(&mut rules, observed, host, path, file);
    }
    for program in &observed.programs {
        for loader in host.loaders(program) {
            grant(
                &mut rules,
                &host.real(&loader),
                Access::EXECUTE | Access::READ_FILE,
                false,
            );
        }
    }
    level_moves(&mut rules, observed);
    widen(&mut rules, host, options.margin);
    drop_covered(&mut rules);
    write(observed, &rules, options)
}

fn grant(rules: &mut Rules, path: &[u8], access: Access, claimed: bool) {
    if access.is_empty() {
        return;
    }
    // Rules are on files: what differs in every run has to be given as its folder.
    let path = if crate::text::is_within(path, OWN_PROC) {
        b"/proc"
    } else {
        path
    };
    let rule = rules.entry(path.to_vec()).or_insert(Granted {
        access: Access::NONE,
        claimed: true,
    });
    rule.access |= access;
    rule.claimed &= claimed;
}

fn grant_file(rules: &mut Rules, observed: &Observed, host: &Host, path: &[u8], file: &FileUse) {
    let is_folder =
        file.kind == unspool_model::world::ResourceKind::Directory || host.is_folder(path);
    // As long as the run had not made it, it has a rule of its own; afterwards it is covered by the folder it was made in.
    let own = Access::of_file(file.found, is_folder);
    grant(rules, observed.anchor(path), own, file.claimed);
    if !file.made.is_empty() {
        let access = Access::of_file(file.made, is_folder);
        grant(rules, observed.folder_of(path), access, file.claimed);
    }
    let on_folder = Access::of_folder(file.all(), is_folder);
    grant(rules, observed.folder_of(path), on_folder, file.claimed);
}

/// A file may only be moved to where no more can be done with it than where it was: folders that files were moved between get
/// the same rights.
fn level_moves(rules: &mut Rules, observed: &Observed) {
    let folders: BTreeSet<Vec<u8>> = observed
        .files
        .iter()
        .filter(|(_, file)| file.all().contains(Rights::REFER))
        .map(|(path, _)| observed.folder_of(path).to_vec())
        .collect();
    let mut all = Access::NONE;
    for folder in &folders {
        all |= rules.get(folder).map_or(Access::NONE, |rule| rule.access);
    }
    for folder in &folders {
        grant(rules, folder, all, true);
    }
}

fn widen(rules: &mut Rules, host: &Host, margin: u8) {
    if margin == 0 {
        return;
    }
    let mut folders: BTreeMap<Vec<u8>, (usize, Access)> = BTreeMap::new();
    for (path, rule) in rules.iter() {
        let folder = parent(path);
        if folder == b"/" || host.is_folder(path) {
            continue;
        }
        let entry = folders.entry(folder.to_vec()).or_insert((0, Access::NONE));
        entry.0 += 1;
        entry.1 |= rule.access;
    }
    for (folder, (files, access)) in folders {
        let readable = access.without(Access::CHANGES);
        let wanted = if margin >= 2 { access } else { readable };
        if margin >= 2 || files >= FOLDER_FROM {
            let listing = if readable.is_empty() {
                Access::NONE
            } else {
                Access::READ_DIR
            };
            grant(rules, &folder, wanted | listing, true);
        }
    }
}

/// Takes away rules that a folder above gives already.
fn drop_covered(rules: &mut Rules) {
    let all = rules.clone();
    rules.retain(|path, rule| {
        let mut above = Access::NONE;
        let mut at = path.as_slice();
        while at != b"/" {
            at = parent(at);
            above |= all.get(at).map_or(Access::NONE, |rule| rule.access);
        }
        !above.contains(rule.access)
    });
}

fn write(observed: &Observed, rules: &Rules, options: PolicyOptions) -> String {
    let mut text = String::from("{\n  \"unspool\": {\n    ");
    text.push_str(&json_members(observed, "Landlock rules"));
    text.push_str(&format!(",\n    \"margin\": {}\n  }},\n", options.margin));
    text.push_str("  \"landlock\": 1,\n");
    let words = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| json_string(word)).collect();
        format!("[{}]", words.join(", "))
    };
    text.push_str(&format!(
        "  \"handled_access_fs\": {},\n",
        words(&Access::ALL.words())
    ));
    text.push_str(&format!(
        "  \"handled_access_net\": {},\n",
        words(&[NET_BIND_TCP, NET_CONNECT_TCP])
    ));
    let mut scoped = Vec::new();
    if !observed.abstract_connected {
        scoped.push("abstract_unix_socket");
    }
    if !observed.signals_outside {
        scoped.push("signal");
    }
    text.push_str(&format!(
        "  \"scoped\": {},\n  \"paths\": [\n",
        words(&scoped)
    ));
    let lines: Vec<String> = rules
        .iter()
        .map(|(path, rule)| {
            let claimed = if rule.claimed {
                ", \"claimed\": true"
            } else {
                ""
            };
            format!(
                "    {{{}, \"allow\": {}{claimed}}}",
                path_member(path),
                words(&rule.access.words())
            )
        })
        .collect();
    text.push_str(&lines.join(",\n"));
    text.push_str("\n  ],\n  \"ports\": [");
    let mut ports = Vec::new();
    for (list, word) in [
        (&observed.tcp_bound, NET_BIND_TCP),
        (&observed.tcp_connected, NET_CONNECT_TCP),
    ] {
        for port in list {
            ports.push(format!(
                "\n    {{\"port\": {port}, \"allow\": [{}]}}",
                json_string(word)
            ));
        }
    }
    text.push_str(&ports.join(","));
    text.push_str(if ports.is_empty() {
        "]\n}\n"
    } else {
        "\n  ]\n}\n"
    });
    text
}

/// `"path": "/x"`; for names that are no UTF-8 the bytes, and a form for people.
fn path_member(path: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(path) {
        return format!("\"path\": {}", json_string(text));
    }
    let bytes: Vec<String> = path.iter().map(u8::to_string).collect();
    format!(
        "\"path_bytes\": [{}], \"shown\": {}",
        bytes.join(","),
        json_string(&shown(path))
    )
}
