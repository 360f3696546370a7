//! The machine on which files are generated, read below a root: what exists, where symbolic links lead, what a program needs
//! to be loaded.

mod elf;

use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use crate::text::{absolute, file_name, parent};

/// Files below a root.
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
}

/// Where a name leads.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Route {
    /// Symbolic links on the way, by their own real names.
    pub links: Vec<Vec<u8>>,
    /// The name without any link; `None` when nothing is there.
    pub end: Option<Vec<u8>>,
}

/// Links that one name may lead through, as in the kernel (`MAXSYMLINKS`).
const LINKS_MAX: usize = 40;

/// Bytes of a file that are looked at to find out what loads it.
const HEAD_BYTES: u64 = 1 << 16;

/// Interpreters that interpret each other: the kernel allows five levels (`BINPRM`).
const INTERPRETERS_MAX: usize = 5;

impl Host {
    /// Files below `root`; `/` is the machine itself.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
        }
    }

    /// The root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a recorded path is found.
    pub fn locate(&self, path: &[u8]) -> PathBuf {
        let relative = path.strip_prefix(b"/").unwrap_or(path);
        self.root.join(std::ffi::OsStr::from_bytes(relative))
    }

    /// What is at a path, links not followed.
    pub fn metadata(&self, path: &[u8]) -> Option<fs::Metadata> {
        fs::symlink_metadata(self.locate(path)).ok()
    }

    /// Whether a folder is at a path without links.
    pub fn is_folder(&self, path: &[u8]) -> bool {
        self.metadata(path)
            .is_some_and(|metadata| metadata.is_dir())
    }

    /// Target of a symbolic link.
    pub fn link_target(&self, path: &[u8]) -> Option<Vec<u8>> {
        Some(
            fs::read_link(self.locate(path))
                .ok()?
                .into_os_string()
                .into_vec(),
        )
    }

    /// Names in a folder, sorted; empty when it cannot be read.
    pub fn entries(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.locate(path)) else {
            return Vec::new();
        };
        let mut names: Vec<Vec<u8>> = entries
            .filter_map(|entry| Some(entry.ok()?.file_name().into_vec()))
            .collect();
        names.sort();
        names
    }

    /// A whole file of at most `max` bytes.
    pub fn read(&self, path: &[u8], max: u64) -> Option<Vec<u8>> {
        let file = fs::File::open(self.locate(path)).ok()?;
        let mut bytes = Vec::new();
        file.take(max).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Follows a name, component by component; absolute links stay below the root.
    pub fn route(&self, path: &[u8]) -> Route {
        let mut route = Route::default();
        let mut rest: Vec<Vec<u8>> = components(path);
        rest.reverse();
        let mut at: Vec<u8> = b"/".to_vec();
        let mut followed = 0;
        while let Some(part) = rest.pop() {
            let next = absolute(&at, &part);
            if part == b".." {
                at = next;
                continue;
            }
            let Some(metadata) = self.metadata(&next) else {
                return route;
            };
            if !metadata.file_type().is_symlink() {
                at = next;
                continue;
            }
            followed += 1;
            if followed > LINKS_MAX {
                return route;
            }
            let Some(target) = self.link_target(&next) else {
                return route;
            };
            if !route.links.contains(&next) {
                route.links.push(next);
            }
            if target.starts_with(b"/") {
                at = b"/".to_vec();
            }
            rest.extend(components(&target).into_iter().rev());
        }
        route.end = Some(at);
        route
    }

    /// The name without links, or the name itself when nothing is there.
    pub fn real(&self, path: &[u8]) -> Vec<u8> {
        self.route(path).end.unwrap_or_else(|| path.to_vec())
    }

    /// The name with the links of its folders followed, not its own: what a removal or a new name is about.
    pub fn own_name(&self, path: &[u8]) -> Vec<u8> {
        absolute(&self.real(parent(path)), file_name(path))
    }

    /// What the kernel opens besides the program itself to run it: interpreters of scripts, the dynamic loader. As they are
    /// named in the files.
    pub fn loaders(&self, program: &[u8]) -> Vec<Vec<u8>> {
        let mut found: Vec<Vec<u8>> = Vec::new();
        let mut at = program.to_vec();
        for _ in 0..INTERPRETERS_MAX {
            let Some(head) = self.read(&at, HEAD_BYTES) else {
                break;
            };
            let Some(loader) = interpreter_of(&head) else {
                break;
            };
            if found.contains(&loader) {
                break;
            }
            found.push(loader.clone());
            at = self.real(&loader);
        }
        found
    }

    /// Whether a program is of a 32-bit architecture.
    pub fn is_32_bit(&self, program: &[u8]) -> bool {
        let head = self.read(program, 64).unwrap_or_default();
        elf::is_32_bit(&head)
    }
}

fn components(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .map(<[u8]>::to_vec)
        .collect()
}

/// What the first bytes of a program say that runs it: `#!/bin/sh -e`, or the `PT_INTERP` of ELF.
fn interpreter_of(head: &[u8]) -> Option<Vec<u8>> {
    let Some(line) = head.strip_prefix(b"#!") else {
        return elf::interpreter(head);
    };
    let line = line.split(|byte| *byte == b'\n').next()?;
    let word = line
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .find(|word| !word.is_empty())?;
    word.starts_with(b"/").then(|| word.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_followed_below_the_root() {
        let root = tempfile::tempdir().expect("a folder");
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("usr/lib")).expect("made");
        fs::write(at("usr/lib/x.so.1"), "x").expect("written");
        std::os::unix::fs::symlink("usr/lib", at("lib")).expect("linked");
        std::os::unix::fs::symlink("/lib/x.so.1", at("usr/lib/x.so")).expect("linked");
        std::os::unix::fs::symlink("loop", at("loop")).expect("linked");
        let host = Host::new(root.path());
        let route = host.route(b"/lib/../lib/x.so");
        assert_eq!(route.end.as_deref(), Some(&b"/usr/lib/x.so.1"[..]));
        assert_eq!(route.links, [b"/lib".to_vec(), b"/usr/lib/x.so".to_vec()]);
        assert_eq!(host.route(b"/lib/none").end, None);
        assert_eq!(host.route(b"/loop").end, None);
    }

    #[test]
    fn what_loads_a_program_is_found() {
        assert_eq!(
            interpreter_of(b"#! /usr/bin/env python3\nx").as_deref(),
            Some(&b"/usr/bin/env"[..])
        );
        assert_eq!(interpreter_of(b"plain"), None);
        let host = Host::new(Path::new("/"));
        let shell = host.real(b"/bin/sh");
        let loaders = host.loaders(&shell);
        assert!(loaders.len() <= 1, "{loaders:?}");
        assert!(
            loaders
                .iter()
                .all(|loader| host.route(loader).end.is_some()),
            "{loaders:?}"
        );
    }
}
