//! Control groups of version 2 by their numbers, as the kernel's side tells them: the number of a group is the inode number of
//! its folder, and is never another's.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::{Membership, Mounts};
use crate::sys;

/// Groups that are remembered.
const KNOWN_MAX: usize = 10_000;
/// Folders of one hierarchy looked at, when all are.
const FOLDERS_MAX: usize = 10_000;

/// Looks paths of groups up and remembers them.
#[derive(Debug)]
pub(crate) struct Numbers {
    mounts: Mounts,
    /// Paths by number; `None`: of no group that is there and is seen from here.
    known: BTreeMap<u64, Option<Vec<u8>>>,
}

impl Numbers {
    /// `None` where the recorder does not see its own group: then it sees those of others no better.
    pub(crate) fn read() -> Option<Self> {
        let mounts = Mounts::read();
        let own = Membership::of(sys::current_tid())?;
        mounts.folder_v2(&own).filter(|folder| folder.is_dir())?;
        let known = BTreeMap::new();
        Some(Self { mounts, known })
    }

    /// Path of the group with this number; `None` when it is gone, or lies outside of what is mounted here.
    pub(crate) fn path(&mut self, number: u64) -> Option<&[u8]> {
        if !self.known.contains_key(&number) {
            let path = self.look_up(number);
            self.remember(number, path);
        }
        self.known.get(&number)?.as_deref()
    }

    /// Remembers where a process is: its group may be gone when it is asked for.
    pub(crate) fn learn(&mut self, group: &Membership) {
        let number = self.number(group);
        if let (Some(number), Some(path)) = (number, group.unified()) {
            self.remember(number, Some(path.to_vec()));
        }
    }

    /// The groups of a process when it was in the one with this number: what /proc says of it now (`None`: it is gone), and what
    /// was told of it before. `None`: not known.
    pub(crate) fn membership(
        &mut self,
        number: u64,
        present: Option<Membership>,
        told: Option<Membership>,
    ) -> Option<Membership> {
        let Some(path) = self.path(number) else {
            return present.filter(|present| self.believe(number, present));
        };
        let is_in_it = |group: &Option<Membership>| {
            let path_of = group.as_ref().and_then(Membership::unified);
            path_of == Some(path)
        };
        if is_in_it(&present) {
            return present;
        }
        if is_in_it(&told) {
            return told;
        }
        let moved = told.or(present).map(|group| group.moved_to(path));
        Some(moved.unwrap_or_else(|| Membership::in_group(path)))
    }

    /// Whether a number that is of no group here may be that of a group that is not seen from here, where the process is now: it
    /// is remembered then.
    fn believe(&mut self, number: u64, present: &Membership) -> bool {
        let path = present.unified().filter(|_| self.number(present).is_none());
        if let Some(path) = path {
            self.remember(number, Some(path.to_vec()));
        }
        path.is_some()
    }

    fn number(&self, group: &Membership) -> Option<u64> {
        let folder = self.mounts.folder_v2(group)?;
        std::fs::metadata(folder).ok().map(|data| data.ino())
    }

    fn remember(&mut self, number: u64, path: Option<Vec<u8>>) {
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(number, path);
    }

    fn look_up(&mut self, number: u64) -> Option<Vec<u8>> {
        let points: Vec<PathBuf> = self.mounts.points_v2().map(Path::to_path_buf).collect();
        for point in points {
            match folder_by_handle(&point, number) {
                Ok(folder) => return self.mounts.path_v2(&folder),
                // Only who may read all files may open by number.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    self.remember_all(&point);
                    if let Some(path) = self.known.get(&number) {
                        return path.clone();
                    }
                }
                // Not here.
                Err(_) => {}
            }
        }
        None
    }

    /// Remembers all groups of a mounted hierarchy.
    fn remember_all(&mut self, point: &Path) {
        for (folder, number) in numbered_folders(point) {
            let path = self.mounts.path_v2(&folder);
            self.remember(number, path);
        }
    }
}

/// The folder with this number in a mounted hierarchy.
fn folder_by_handle(point: &Path, number: u64) -> io::Result<PathBuf> {
    let mount = OwnedFd::from(std::fs::File::open(point)?);
    let folder = sys::open_kernel_folder(&mount, number)?;
    std::fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd()))
}

/// A folder and those below it.
pub(crate) fn folders(top: &Path) -> Vec<PathBuf> {
    let numbered = numbered_folders(top).into_iter();
    numbered.map(|(folder, _)| folder).collect()
}

fn numbered_folders(top: &Path) -> Vec<(PathBuf, u64)> {
    let number = std::fs::metadata(top).map_or(0, |data| data.ino());
    let mut folders = vec![(top.to_path_buf(), number)];
    let mut looked = 0;
    while let Some((folder, _)) = folders.get(looked).filter(|_| looked < FOLDERS_MAX) {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        let below: Vec<(PathBuf, u64)> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| (entry.path(), entry.ino()))
            .collect();
        folders.extend(below);
        looked += 1;
    }
    folders.truncate(FOLDERS_MAX);
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways to a group, on the machine's own hierarchy.
    #[test]
    fn groups_are_found_by_number() {
        let Some(mut numbers) = Numbers::read() else {
            eprintln!("skipped: no control groups of version 2 here");
            return;
        };
        let Some(point) = numbers.mounts.points_v2().next().map(Path::to_path_buf) else {
            unreachable!("the own group is seen");
        };
        let below = folders(&point);
        let folder = below.last().expect("the root at least");
        let number = std::fs::metadata(folder).expect("a folder").ino();
        let path = numbers.mounts.path_v2(folder);
        assert_eq!(numbers.path(number).map(<[u8]>::to_vec), path);
        numbers.known.clear();
        numbers.remember_all(&point);
        assert_eq!(numbers.known.get(&number), Some(&path));
        assert_eq!(numbers.path(u64::MAX), None);
        // It was in a group that is gone, and was moved to one that is seen.
        let present = Membership::of(sys::current_tid());
        assert_eq!(numbers.membership(u64::MAX, present, None), None);
    }

    #[test]
    fn the_number_says_which_of_two_groups_it_was() {
        let mut numbers = Numbers {
            mounts: Mounts::default(),
            known: [
                (1, Some(b"/".to_vec())),
                (7, Some(b"/docker/x".to_vec())),
                (8, None),
            ]
            .into(),
        };
        let of = |text: &str| Some(Membership::from_text(text));
        let (told, present) = ("4:memory:/job\n0::/\n", "4:memory:/job\n0::/docker/x\n");
        for (number, now, expected) in [
            (7, of(present), of(present)),
            // Moved after its image began.
            (1, of(present), of(told)),
            (7, of("0::/later\n"), of(present)),
            // Gone.
            (1, None, of(told)),
            (7, None, of(present)),
            (8, None, None),
        ] {
            let group = numbers.membership(number, now.clone(), of(told));
            assert_eq!(group, expected, "{number} {now:?}");
        }
        assert_eq!(numbers.membership(7, None, None), of("0::/docker/x\n"));
        // Not seen from here: what /proc says has to do, and is known from then on.
        let outside = of("0::/../other\n");
        assert_eq!(numbers.membership(9, outside.clone(), of(told)), outside);
        assert_eq!(numbers.membership(9, None, outside.clone()), outside);
    }

    #[test]
    fn so_many_are_remembered() {
        let mut numbers = Numbers {
            mounts: Mounts::default(),
            known: BTreeMap::new(),
        };
        for number in 0..=KNOWN_MAX as u64 {
            numbers.remember(number, None);
        }
        assert_eq!(numbers.known.len(), 1);
    }
}
