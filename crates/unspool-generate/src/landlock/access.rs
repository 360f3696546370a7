//! The kernel's access rights of Landlock (`linux/landlock.h`).

use std::ops::{BitOr, BitOrAssign};

use crate::rights::Rights;

/// `LANDLOCK_ACCESS_FS_*` bits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Access(u64);

/// Words of the rights with their bits and the version of the interface that brought them.
pub const ACCESS_WORDS: &[(&str, u64, u32)] = &[
    ("execute", 1 << 0, 1),
    ("write_file", 1 << 1, 1),
    ("read_file", 1 << 2, 1),
    ("read_dir", 1 << 3, 1),
    ("remove_dir", 1 << 4, 1),
    ("remove_file", 1 << 5, 1),
    ("make_char", 1 << 6, 1),
    ("make_dir", 1 << 7, 1),
    ("make_reg", 1 << 8, 1),
    ("make_sock", 1 << 9, 1),
    ("make_fifo", 1 << 10, 1),
    ("make_block", 1 << 11, 1),
    ("make_sym", 1 << 12, 1),
    ("refer", 1 << 13, 2),
    ("truncate", 1 << 14, 3),
    ("ioctl_dev", 1 << 15, 5),
];

/// Word of the right to bind TCP sockets.
pub const NET_BIND_TCP: &str = "bind_tcp";
/// Word of the right to connect TCP sockets.
pub const NET_CONNECT_TCP: &str = "connect_tcp";

impl Access {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Run a file.
    pub const EXECUTE: Self = Self(1);
    /// Open a file for writing.
    pub const WRITE_FILE: Self = Self(1 << 1);
    /// Open a file for reading.
    pub const READ_FILE: Self = Self(1 << 2);
    /// List a folder.
    pub const READ_DIR: Self = Self(1 << 3);
    const REMOVE_DIR: Self = Self(1 << 4);
    const REMOVE_FILE: Self = Self(1 << 5);
    const MAKE_CHAR: Self = Self(1 << 6);
    const MAKE_DIR: Self = Self(1 << 7);
    const MAKE_REG: Self = Self(1 << 8);
    const MAKE_SOCK: Self = Self(1 << 9);
    const MAKE_FIFO: Self = Self(1 << 10);
    const MAKE_BLOCK: Self = Self(1 << 11);
    const MAKE_SYM: Self = Self(1 << 12);
    const REFER: Self = Self(1 << 13);
    const TRUNCATE: Self = Self(1 << 14);
    const IOCTL_DEV: Self = Self(1 << 15);
    /// Every right.
    pub const ALL: Self = Self(0xffff);
    /// What changes something.
    pub(crate) const CHANGES: Self = Self(0xfff2 & !(1 << 2) & !(1 << 3) & !(1 << 15));

    /// From bits.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The bits.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` are in it.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What of it is not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The kernel's words, in lower case.
    pub fn words(self) -> Vec<&'static str> {
        ACCESS_WORDS
            .iter()
            .filter(|(_, bit, _)| self.0 & bit != 0)
            .map(|row| row.0)
            .collect()
    }

    /// From a word.
    pub fn by_word(word: &str) -> Option<Self> {
        ACCESS_WORDS
            .iter()
            .find(|row| row.0 == word)
            .map(|row| Self(row.1))
    }

    /// What a file, or a folder as such, must allow.
    pub(crate) fn of_file(rights: Rights, is_folder: bool) -> Self {
        const MAP: &[(Rights, Access)] = &[
            (Rights::READ, Access::READ_FILE),
            (Rights::WRITE, Access::WRITE_FILE),
            (Rights::TRUNCATE, Access::TRUNCATE),
            (Rights::EXECUTE, Access(1 | 1 << 2)),
            (Rights::LIST, Access::READ_DIR),
            (Rights::IOCTL, Access::IOCTL_DEV),
        ];
        let access = Self::mapped(rights, MAP);
        if is_folder && access.contains(Self::READ_FILE) {
            return access.without(Self::READ_FILE) | Self::READ_DIR;
        }
        access
    }

    /// What the folder that a name is in must allow.
    pub(crate) fn of_folder(rights: Rights, is_folder: bool) -> Self {
        const MAP: &[(Rights, Access)] = &[
            (Rights::CREATE, Access::MAKE_REG),
            (Rights::MAKE_FOLDER, Access::MAKE_DIR),
            (Rights::MAKE_SYMLINK, Access::MAKE_SYM),
            (Rights::MAKE_SOCKET, Access::MAKE_SOCK),
            (Rights::MAKE_FIFO, Access::MAKE_FIFO),
            (Rights::MAKE_CHARACTER_DEVICE, Access::MAKE_CHAR),
            (Rights::MAKE_BLOCK_DEVICE, Access::MAKE_BLOCK),
            (Rights::REMOVE, Access::REMOVE_FILE),
            (Rights::REMOVE_FOLDER, Access::REMOVE_DIR),
            (Rights::REFER, Access::REFER),
            (Rights::LINK_TO, Access::MAKE_REG),
        ];
        let mut access = Self::mapped(rights, MAP);
        let (make, remove) = if is_folder {
            (Self::MAKE_DIR, Self::REMOVE_DIR)
        } else {
            (Self::MAKE_REG, Self::REMOVE_FILE)
        };
        if rights.contains(Rights::RENAME_FROM) {
            access |= remove;
        }
        if rights.contains(Rights::RENAME_TO) {
            // What had the name before is removed.
            access |= make | remove;
        }
        access
    }

    fn mapped(rights: Rights, map: &[(Rights, Self)]) -> Self {
        let mut access = Self::NONE;
        for (right, needed) in map {
            if rights.contains(*right) {
                access |= *needed;
            }
        }
        access
    }
}

impl BitOr for Access {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Access {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
