//! Which package a file came from: databases of package managers, read below a root in one pass.

mod databases;
mod languages;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::host::Host;

/// Who installs a package.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Manager {
    /// Debian and its kin.
    Dpkg,
    /// Fedora, SUSE and their kin.
    Rpm,
    /// Alpine.
    Apk,
    /// Arch.
    Pacman,
    /// Python.
    Pip,
    /// Node.js.
    Npm,
    /// Ruby.
    Gem,
    /// Rust.
    Cargo,
    /// Perl.
    Cpan,
}

/// A package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Package {
    /// Who installs it.
    pub manager: Manager,
    /// Name.
    pub name: String,
    /// Version; empty when the database does not tell.
    pub version: String,
    /// Whether every system of its kind has it.
    pub essential: bool,
}

/// Owners of files.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// Package of each file that has one.
    pub of: BTreeMap<Vec<u8>, Package>,
    /// What could not be asked.
    pub notes: Vec<String>,
}

/// Folders that are links into `/usr` on merged systems; databases name files by either.
const MERGED: &[&[u8]] = &[b"/bin", b"/sbin", b"/lib", b"/lib32", b"/lib64", b"/libx32"];

/// Finds the packages of files, which are named without links.
pub fn owners(host: &Host, wanted: &BTreeSet<Vec<u8>>) -> Owners {
    let aliases: Vec<(Vec<u8>, Vec<u8>)> = MERGED
        .iter()
        .filter_map(|folder| {
            let real = host.route(folder).end?;
            (real != *folder).then(|| (folder.to_vec(), real))
        })
        .collect();
    let mut asked = Asked {
        wanted,
        aliases,
        owners: Owners::default(),
    };
    databases::dpkg(host, &mut asked);
    databases::apk(host, &mut asked);
    databases::pacman(host, &mut asked);
    databases::rpm(host, &mut asked);
    languages::pip(host, &mut asked);
    languages::by_folder(host, &mut asked);
    languages::cpan(host, &mut asked);
    asked.owners
}

/// What is looked for, and what was found.
struct Asked<'w> {
    wanted: &'w BTreeSet<Vec<u8>>,
    aliases: Vec<(Vec<u8>, Vec<u8>)>,
    owners: Owners,
}

impl Asked<'_> {
    /// Takes a file that a database lists; the first package that has it wins.
    fn listed(&mut self, path: &[u8], package: impl FnOnce() -> Package) {
        let real = self.aliases.iter().find_map(|(alias, real)| {
            let rest = path.strip_prefix(alias.as_slice())?;
            rest.starts_with(b"/").then(|| [real, rest].concat())
        });
        let path = real.as_deref().unwrap_or(path);
        if self.wanted.contains(path) && !self.owners.of.contains_key(path) {
            self.owners.of.insert(path.to_vec(), package());
        }
    }

    /// Files that no database had.
    fn unowned(&self) -> Vec<Vec<u8>> {
        self.wanted
            .iter()
            .filter(|path| !self.owners.of.contains_key(*path))
            .cloned()
            .collect()
    }
}
