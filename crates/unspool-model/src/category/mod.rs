//! Categories of resources for people: ten, ordered, first match wins (they are dockit's, so that its users find their
//! files where they look for them).

/// Category of a resource.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Category {
    /// `*.so` below the library folders.
    SharedLibraries = 0,
    /// `/etc`, fonts, locales, time zones.
    SystemConfigFiles = 1,
    /// Other files below `/usr/share`, `/usr/lib`, `/var/lib`.
    OtherLibraries = 2,
    /// `/bin`, `/usr/bin`, `/sbin`.
    SystemExecutables = 3,
    /// `/proc`, `/run`.
    KernelFileSystems = 4,
    /// `/tmp`, `/var/log`, `/var/cache`.
    TemporaryFiles = 5,
    /// `/sys`, `/dev`, pipes, local sockets.
    PipesAndTerminals = 6,
    /// TCP sockets with two ends.
    ConnectedTcpSockets = 7,
    /// Other internet sockets.
    OtherTcpIpSockets = 8,
    /// Everything else: mostly the job's own data.
    Others = 9,
}

impl Category {
    /// All, in their order.
    pub const ALL: &'static [Self] = &[
        Self::SharedLibraries,
        Self::SystemConfigFiles,
        Self::OtherLibraries,
        Self::SystemExecutables,
        Self::KernelFileSystems,
        Self::TemporaryFiles,
        Self::PipesAndTerminals,
        Self::ConnectedTcpSockets,
        Self::OtherTcpIpSockets,
        Self::Others,
    ];

    /// Name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::SharedLibraries => "Shared libraries",
            Self::SystemConfigFiles => "System config files",
            Self::OtherLibraries => "Other libraries",
            Self::SystemExecutables => "System executables",
            Self::KernelFileSystems => "Kernel file systems",
            Self::TemporaryFiles => "Temporary files",
            Self::PipesAndTerminals => "Pipes and terminals",
            Self::ConnectedTcpSockets => "Connected TCP sockets",
            Self::OtherTcpIpSockets => "Other TCP/IP sockets",
            Self::Others => "Others",
        }
    }

    /// From the number in which tables store it.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Category of a resource by its name (absolute path, `pipe:[1]`, `TCP:[a->b]`).
    pub fn of(name: &[u8]) -> Self {
        RULES
            .iter()
            .find(|(_, matches)| matches(name))
            .map_or(Self::Others, |(category, _)| *category)
    }
}

type Rule = (Category, fn(&[u8]) -> bool);

/// In order; the first that matches wins.
static RULES: &[Rule] = &[
    (Category::SharedLibraries, is_shared_library),
    (Category::SystemConfigFiles, |name| {
        below(
            name,
            &[
                b"/etc",
                b"/usr/share/fonts",
                b"/usr/share/fontconfig",
                b"/usr/share/locale",
                b"/usr/share/zoneinfo",
            ],
        )
    }),
    (Category::OtherLibraries, |name| {
        below(
            name,
            &[
                b"/usr/share",
                b"/usr/lib",
                b"/usr/lib32",
                b"/usr/lib64",
                b"/usr/libexec",
                b"/var/lib",
                b"/var/lib64",
                b"/lib",
                b"/lib64",
            ],
        )
    }),
    (Category::SystemExecutables, |name| {
        below(
            name,
            &[b"/bin", b"/usr/bin", b"/usr/bin64", b"/sbin", b"/usr/sbin"],
        )
    }),
    (Category::KernelFileSystems, |name| {
        below(name, &[b"/proc", b"/run"])
    }),
    (Category::TemporaryFiles, |name| {
        below(name, &[b"/tmp", b"/var/tmp", b"/var/log", b"/var/cache"])
    }),
    (Category::PipesAndTerminals, |name| {
        below(name, &[b"/sys", b"/dev"])
            || [
                &b"pipe:"[..],
                b"socket:",
                b"UNIX",
                b"NETLINK",
                b"anon_inode:",
            ]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    }),
    (Category::ConnectedTcpSockets, |name| {
        name.starts_with(b"TCP") && name.windows(2).any(|pair| pair == b"->")
    }),
    (Category::OtherTcpIpSockets, |name| {
        [&b"TCP"[..], b"UDP", b"RAW", b"ICMP", b"PING"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
            && name.contains(&b'[')
    }),
];

/// Whether the path is one of the folders or lies below it.
fn below(name: &[u8], folders: &[&[u8]]) -> bool {
    folders.iter().any(|folder| {
        name.strip_prefix(*folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    })
}

fn is_shared_library(name: &[u8]) -> bool {
    let in_library_folder = below(name, &[b"/lib", b"/lib32", b"/lib64", b"/libx32"])
        || name.starts_with(b"/usr/lib")
        || name.starts_with(b"/var/lib")
        || name.starts_with(b"/usr/local/lib");
    let base = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    in_library_folder
        && base
            .windows(3)
            .enumerate()
            .any(|(at, part)| part == b".so" && matches!(base.get(at + 3), None | Some(b'.')))
}

#[cfg(test)]
mod tests;
