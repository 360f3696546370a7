//! What a program did to a file, as policies see it.

use std::ops::{BitOr, BitOrAssign};

/// A set of what was done to a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Rights(u32);

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $word:literal;)*) => {
        impl Rights {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*
            /// All single rights with their words, in the order of their bits.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, $word),)*];
        }
    };
}

rights! {
    /// Opened for reading.
    READ = 0, "read";
    /// Opened for writing.
    WRITE = 1, "write";
    /// Cut to a length, by `O_TRUNC` or truncate.
    TRUNCATE = 2, "truncate";
    /// Run as a program, or loaded by the kernel for one.
    EXECUTE = 3, "execute";
    /// Mapped as code.
    MAP_CODE = 4, "map-code";
    /// Entries listed.
    LIST = 5, "list";
    /// Made as a regular file.
    CREATE = 6, "create";
    /// Made as a folder.
    MAKE_FOLDER = 7, "make-folder";
    /// Made as a symbolic link.
    MAKE_SYMLINK = 8, "make-symlink";
    /// Made as a socket.
    MAKE_SOCKET = 9, "make-socket";
    /// Made as a FIFO.
    MAKE_FIFO = 10, "make-fifo";
    /// Made as a character device.
    MAKE_CHARACTER_DEVICE = 11, "make-character-device";
    /// Made as a block device.
    MAKE_BLOCK_DEVICE = 12, "make-block-device";
    /// Name removed.
    REMOVE = 13, "remove";
    /// Folder removed.
    REMOVE_FOLDER = 14, "remove-folder";
    /// Renamed away from this name.
    RENAME_FROM = 15, "rename-from";
    /// Renamed to this name.
    RENAME_TO = 16, "rename-to";
    /// Another name was made for it.
    LINK_FROM = 17, "link-from";
    /// Made as another name of a file.
    LINK_TO = 18, "link-to";
    /// Controlled by ioctl, a device.
    IOCTL = 19, "ioctl";
    /// Locked.
    LOCK = 20, "lock";
    /// Mode, owner, times, attributes changed.
    ATTRIBUTES = 21, "attributes";
    /// Asked about.
    QUERY = 22, "query";
    /// Made the working directory.
    CHANGE_DIRECTORY = 23, "chdir";
    /// Made the root directory.
    CHANGE_ROOT = 24, "chroot";
    /// Mounted on, unmounted.
    MOUNT = 25, "mount";
    /// Connected to, a socket in the file system.
    CONNECT = 26, "connect";
    /// A rename or link across folders.
    REFER = 27, "refer";
    /// Changed by user 0 in what belongs to its owner alone, whoever that is: mode, times.
    OWN = 28, "own";
}

impl Rights {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Everything that changes the file system or the file.
    pub const CHANGES: Self = Self(
        Self::WRITE.0
            | Self::TRUNCATE.0
            | Self::MAKES.0
            | Self::REMOVE.0
            | Self::REMOVE_FOLDER.0
            | Self::RENAME_FROM.0
            | Self::RENAME_TO.0
            | Self::LINK_TO.0
            | Self::ATTRIBUTES.0,
    );
    /// Everything that makes a new name.
    pub const MAKES: Self = Self(
        Self::CREATE.0
            | Self::MAKE_FOLDER.0
            | Self::MAKE_SYMLINK.0
            | Self::MAKE_SOCKET.0
            | Self::MAKE_FIFO.0
            | Self::MAKE_CHARACTER_DEVICE.0
            | Self::MAKE_BLOCK_DEVICE.0
            | Self::LINK_TO.0
            | Self::RENAME_TO.0,
    );

    /// Everything that is about the name, not about the file behind it.
    pub const NAMES: Self = Self(
        Self::MAKES.0
            | Self::REMOVE.0
            | Self::REMOVE_FOLDER.0
            | Self::RENAME_FROM.0
            | Self::LINK_FROM.0,
    );

    /// Whether all of `other` are in it.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether one of `other` is in it.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// What of it is not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its words.
    pub fn words(self) -> Vec<&'static str> {
        Self::ALL
            .iter()
            .filter(|(right, _)| self.contains(*right))
            .map(|(_, word)| *word)
            .collect()
    }
}

impl BitOr for Rights {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Rights {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
