//! Databases of distributions.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use super::{Asked, Manager, Package};
use crate::host::Host;

/// Longest database file that is read: the status of a large Debian is 10 MB.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// `/var/lib/dpkg`: a list of files for each package, and one file with the state of all (dpkg(1)).
pub(super) fn dpkg(host: &Host, asked: &mut Asked<'_>) {
    const INFO: &[u8] = b"/var/lib/dpkg/info";
    let lists = host.entries(INFO);
    if lists.is_empty() {
        return;
    }
    let states = dpkg_states(
        &host
            .read(b"/var/lib/dpkg/status", FILE_BYTES_MAX)
            .unwrap_or_default(),
    );
    for list in lists {
        let Some(name) = list.strip_suffix(b".list") else {
            continue;
        };
        let Some(text) = host.read(&[INFO, b"/", &list].concat(), FILE_BYTES_MAX) else {
            continue;
        };
        let name = String::from_utf8_lossy(name).into_owned();
        for path in text.split(|byte| *byte == b'\n') {
            asked.listed(path, || {
                let plain = name.split(':').next().unwrap_or(&name);
                let (version, essential) = states.get(plain).cloned().unwrap_or_default();
                Package {
                    manager: Manager::Dpkg,
                    name: plain.to_owned(),
                    version,
                    essential,
                }
            });
        }
    }
}

/// Version and whether it is in every system, by name.
fn dpkg_states(text: &[u8]) -> BTreeMap<String, (String, bool)> {
    let mut states = BTreeMap::new();
    let text = String::from_utf8_lossy(text);
    for paragraph in text.split("\n\n") {
        let field = |key: &str| {
            paragraph
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .map(str::trim)
        };
        let Some(name) = field("Package:") else {
            continue;
        };
        let version = field("Version:").unwrap_or_default().to_owned();
        let essential =
            field("Essential:") == Some("yes") || field("Priority:") == Some("required");
        states.insert(name.to_owned(), (version, essential));
    }
    states
}

/// `/lib/apk/db/installed`: `P:` name, `V:` version, `F:` folder, `R:` file in it (apk(5)).
pub(super) fn apk(host: &Host, asked: &mut Asked<'_>) {
    let Some(text) = host.read(b"/lib/apk/db/installed", FILE_BYTES_MAX) else {
        return;
    };
    let (mut name, mut version, mut folder) = (String::new(), String::new(), Vec::new());
    for line in text.split(|byte| *byte == b'\n') {
        match line.split_at_checked(2) {
            Some((b"P:", value)) => name = String::from_utf8_lossy(value).into_owned(),
            Some((b"V:", value)) => version = String::from_utf8_lossy(value).into_owned(),
            Some((b"F:", value)) => folder = [b"/", value].concat(),
            Some((b"R:", value)) => {
                asked.listed(&[&folder, b"/".as_slice(), value].concat(), || Package {
                    manager: Manager::Apk,
                    name: name.clone(),
                    version: version.clone(),
                    essential: matches!(name.as_str(), "musl" | "busybox" | "alpine-baselayout"),
                });
            }
            _ => {}
        }
    }
}

/// `/var/lib/pacman/local/NAME-VERSION/{desc,files}`.
pub(super) fn pacman(host: &Host, asked: &mut Asked<'_>) {
    const LOCAL: &[u8] = b"/var/lib/pacman/local";
    for entry in host.entries(LOCAL) {
        let read =
            |file: &[u8]| host.read(&[LOCAL, b"/", &entry, b"/", file].concat(), FILE_BYTES_MAX);
        let (Some(about), Some(files)) = (read(b"desc"), read(b"files")) else {
            continue;
        };
        let about = String::from_utf8_lossy(&about).into_owned();
        let value = |key: &str| {
            about
                .lines()
                .skip_while(|line| *line != key)
                .nth(1)
                .unwrap_or_default()
                .to_owned()
        };
        let (name, version) = (value("%NAME%"), value("%VERSION%"));
        let listed = files
            .split(|byte| *byte == b'\n')
            .skip_while(|line| *line != b"%FILES%")
            .skip(1)
            .take_while(|line| !line.is_empty());
        for path in listed {
            asked.listed(&[b"/", path].concat(), || Package {
                manager: Manager::Pacman,
                name: name.clone(),
                version: version.clone(),
                essential: matches!(name.as_str(), "filesystem" | "glibc" | "bash" | "coreutils"),
            });
        }
    }
}

/// The databases of rpm are binary and of several kinds: the program `rpm` reads them, asked once for all.
pub(super) fn rpm(host: &Host, asked: &mut Asked<'_>) {
    let is_there = [b"/var/lib/rpm".as_slice(), b"/usr/lib/sysimage/rpm"]
        .iter()
        .any(|folder| !host.entries(folder).is_empty());
    if !is_there {
        return;
    }
    let output = Command::new("rpm")
        .arg("--root")
        .arg(host.root())
        .args([
            "-qa",
            "--qf",
            "[%{=NAME}\\t%{=VERSION}-%{=RELEASE}\\t%{FILENAMES}\\n]",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let Ok(output) = output else {
        asked
            .owners
            .notes
            .push("an rpm database is here, but not the program `rpm` that reads it".to_owned());
        return;
    };
    for line in output.stdout.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(3, |byte| *byte == b'\t');
        let (Some(name), Some(version), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        asked.listed(path, || Package {
            manager: Manager::Rpm,
            name: String::from_utf8_lossy(name).into_owned(),
            version: String::from_utf8_lossy(version).into_owned(),
            essential: matches!(
                name,
                b"glibc" | b"bash" | b"coreutils" | b"filesystem" | b"setup"
            ),
        });
    }
}
