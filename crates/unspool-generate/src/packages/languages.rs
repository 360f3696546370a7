//! Packages of languages, which lie in folders of their own.

use std::collections::{BTreeMap, BTreeSet};

use super::{Asked, Manager, Package};
use crate::host::Host;
use crate::text::{file_name, parent};

/// Longest list of files that is read.
const LIST_BYTES_MAX: u64 = 64 << 20;

/// Folders in which Python packages lie.
const SITES: &[&[u8]] = &[b"/site-packages", b"/dist-packages"];

/// `NAME-VERSION.dist-info/RECORD` beside the packages lists their files (PEP 376, 627).
pub(super) fn pip(host: &Host, asked: &mut Asked<'_>) {
    let sites: BTreeSet<Vec<u8>> = asked
        .unowned()
        .iter()
        .filter_map(|path| {
            SITES.iter().find_map(|site| {
                let at = find(path, &[site, b"/".as_slice()].concat())?;
                path.get(..at + site.len()).map(<[u8]>::to_vec)
            })
        })
        .collect();
    for site in sites {
        for entry in host.entries(&site) {
            let Some(about) = entry.strip_suffix(b".dist-info") else {
                continue;
            };
            let Some((name, version)) = name_and_version(about) else {
                continue;
            };
            let record = [&site, b"/".as_slice(), &entry, b"/RECORD"].concat();
            let Some(text) = host.read(&record, LIST_BYTES_MAX) else {
                continue;
            };
            for line in text.split(|byte| *byte == b'\n') {
                let file = csv_field(line);
                if file.is_empty() {
                    continue;
                }
                let path = crate::text::absolute(&site, &file);
                asked.listed(&path, || package(Manager::Pip, &name, &version));
            }
        }
    }
}

/// The first field of a line of CSV.
fn csv_field(line: &[u8]) -> Vec<u8> {
    let Some(quoted) = line.strip_prefix(b"\"") else {
        return line
            .split(|byte| *byte == b',')
            .next()
            .unwrap_or(line)
            .trim_ascii_end()
            .to_vec();
    };
    let mut field = Vec::new();
    let mut rest = quoted.iter().peekable();
    while let Some(byte) = rest.next() {
        if *byte == b'"' && rest.next_if(|next| **next == b'"').is_none() {
            break;
        }
        field.push(*byte);
    }
    field
}

/// npm, gem and cargo say name and version in the path, or in a file beside.
pub(super) fn by_folder(host: &Host, asked: &mut Asked<'_>) {
    let mut versions: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    for path in asked.unowned() {
        if let Some(package) = npm(host, &path, &mut versions)
            .or_else(|| versioned(&path, b"/gems/", 0, Manager::Gem))
            .or_else(|| versioned(&path, b"/registry/src/", 1, Manager::Cargo))
        {
            asked.listed(&path, || package);
        }
    }
}

/// `.../node_modules/NAME/...`, `.../node_modules/@SCOPE/NAME/...`; the version is in `package.json`.
fn npm(host: &Host, path: &[u8], versions: &mut BTreeMap<Vec<u8>, String>) -> Option<Package> {
    const MARK: &[u8] = b"/node_modules/";
    let at = (0..path.len())
        .rev()
        .find(|at| path.get(*at..).is_some_and(|rest| rest.starts_with(MARK)))?;
    let rest = path.get(at + MARK.len()..)?;
    let parts = if rest.starts_with(b"@") { 2 } else { 1 };
    let name: Vec<&[u8]> = rest.split(|byte| *byte == b'/').take(parts).collect();
    let name = name.join(&b'/');
    let folder = [path.get(..at + MARK.len())?, &name].concat();
    let version = versions.entry(folder.clone()).or_insert_with(|| {
        let text = host.read(
            &[&folder, b"/package.json".as_slice()].concat(),
            LIST_BYTES_MAX,
        );
        let value: Option<serde_json::Value> =
            text.and_then(|text| serde_json::from_slice(&text).ok());
        let version = value
            .as_ref()
            .and_then(|value| value.get("version")?.as_str());
        version.unwrap_or_default().to_owned()
    });
    (!version.is_empty()).then(|| package(Manager::Npm, &String::from_utf8_lossy(&name), version))
}

/// `MARK[skipped parts/]NAME-VERSION/...`.
fn versioned(path: &[u8], mark: &[u8], skipped: usize, manager: Manager) -> Option<Package> {
    let at = path
        .windows(mark.len())
        .rposition(|window| window == mark)?;
    let mut parts = path.get(at + mark.len()..)?.split(|byte| *byte == b'/');
    let folder = parts.nth(skipped)?;
    parts.next()?;
    let (name, version) = name_and_version(folder)?;
    Some(package(manager, &name, &version))
}

/// `.packlist` files below `auto/` list what a module of CPAN installed (`ExtUtils::Packlist`).
pub(super) fn cpan(host: &Host, asked: &mut Asked<'_>) {
    let mut roots = BTreeSet::new();
    for path in asked.unowned() {
        if find(&path, b"/perl").is_none() {
            continue;
        }
        let mut at = parent(&path);
        while at != b"/" {
            roots.insert(at.to_vec());
            at = parent(at);
        }
    }
    for root in roots {
        let auto = [&root, b"/auto".as_slice()].concat();
        if host.is_folder(&auto) {
            packlists(host, &auto, &mut Vec::new(), asked);
        }
    }
}

/// Levels of a module's name.
const MODULE_DEPTH_MAX: usize = 8;

fn packlists(host: &Host, folder: &[u8], module: &mut Vec<String>, asked: &mut Asked<'_>) {
    if module.len() > MODULE_DEPTH_MAX {
        return;
    }
    for entry in host.entries(folder) {
        let path = [folder, b"/", &entry].concat();
        if entry == b".packlist" {
            let text = host.read(&path, LIST_BYTES_MAX).unwrap_or_default();
            let name = module.join("::");
            for line in text.split(|byte| *byte == b'\n') {
                let file = line.split(|byte| *byte == b' ').next().unwrap_or(line);
                asked.listed(file, || package(Manager::Cpan, &name, ""));
            }
        } else if host.is_folder(&path) {
            module.push(String::from_utf8_lossy(file_name(&path)).into_owned());
            packlists(host, &path, module, asked);
            module.pop();
        }
    }
}

/// `NAME-VERSION` at the last hyphen before a digit.
fn name_and_version(text: &[u8]) -> Option<(String, String)> {
    let at = (1..text.len()).rev().find(|at| {
        text.get(*at) == Some(&b'-') && text.get(at + 1).is_some_and(u8::is_ascii_digit)
    })?;
    let (name, version) = text.split_at(at);
    Some((
        String::from_utf8(name.to_vec()).ok()?,
        String::from_utf8(version.get(1..)?.to_vec()).ok()?,
    ))
}

fn package(manager: Manager, name: &str, version: &str) -> Package {
    Package {
        manager,
        name: name.to_owned(),
        version: version.to_owned(),
        essential: false,
    }
}

fn find(text: &[u8], mark: &[u8]) -> Option<usize> {
    text.windows(mark.len()).position(|window| window == mark)
}
