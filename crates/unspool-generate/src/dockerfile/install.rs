//! The part of a container file that installs packages, and what is left to be copied.

use std::collections::{BTreeMap, BTreeSet};

use super::collect::{Collected, EntryKind};
use crate::host::Host;
use crate::observed::Observed;
use crate::packages::{Manager, Owners, Package, owners};
use crate::text::{file_name, is_within, shell_word, shown};

pub(super) struct Installed {
    pub(super) text: String,
    pub(super) packages: Vec<Package>,
}

/// Files of `/etc` and elsewhere that every system makes for itself.
const OWN_OF_SYSTEM: &[&[u8]] = &[
    b"/etc/ld.so.cache",
    b"/etc/ld.so.preload",
    b"/etc/passwd",
    b"/etc/group",
    b"/etc/shadow",
    b"/etc/hostname",
    b"/etc/hosts",
    b"/etc/resolv.conf",
    b"/etc/mtab",
    b"/etc/localtime",
    b"/etc/timezone",
    b"/etc/machine-id",
    b"/etc/os-release",
    b"/etc/nsswitch.conf",
    b"/var/lib/dpkg/status",
];

/// Folders whose files packages make when they are installed.
const MADE_BY_PACKAGES: &[&[u8]] = &[
    b"/etc/alternatives",
    b"/etc/ssl/certs",
    b"/usr/lib/locale",
    b"/var/cache",
];

pub(super) fn install(
    observed: &Observed,
    host: &Host,
    collected: &mut Collected,
    pin: bool,
) -> Installed {
    let (mut text, manager) = base(host);
    // A link to a folder (`/lib`) is listed by many packages and belongs to none of them.
    let wanted: BTreeSet<Vec<u8>> = collected
        .used
        .iter()
        .filter(|path| host.route(path).end.is_none_or(|end| !host.is_folder(&end)))
        .cloned()
        .collect();
    let mut owners = owners(host, &wanted);
    let kept = keep_languages(observed, host, &mut owners, manager);
    let packages: BTreeSet<Package> = owners.of.values().cloned().collect();
    for note in &owners.notes {
        text.push_str(&format!("# {}\n", shown(note.as_bytes())));
    }
    leave_out(host, collected, &owners);
    text.push_str(&commands(&packages, manager, pin));
    text.push_str(&kept);
    Installed {
        text,
        packages: packages.into_iter().collect(),
    }
}

/// `FROM` of the recorded distribution, and who installs packages on it.
fn base(host: &Host) -> (String, Option<Manager>) {
    let file = [b"/etc/os-release".as_slice(), b"/usr/lib/os-release"]
        .iter()
        .find_map(|path| host.read(&host.real(path), 1 << 16))
        .unwrap_or_default();
    let file = String::from_utf8_lossy(&file).into_owned();
    let value = |key: &str| {
        let line = file
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let text = line.unwrap_or_default().trim().trim_matches(['"', '\'']);
        let is_plain = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if is_plain {
            text.to_owned()
        } else {
            String::new()
        }
    };
    let (id, version) = (value("ID"), value("VERSION_ID"));
    let (image, manager) = match id.as_str() {
        "debian" | "ubuntu" => (id.clone(), Some(Manager::Dpkg)),
        "alpine" => (id.clone(), Some(Manager::Apk)),
        "fedora" => (id.clone(), Some(Manager::Rpm)),
        "rocky" => ("rockylinux".to_owned(), Some(Manager::Rpm)),
        "almalinux" => (id.clone(), Some(Manager::Rpm)),
        "amzn" => ("amazonlinux".to_owned(), Some(Manager::Rpm)),
        "opensuse-leap" => ("opensuse/leap".to_owned(), Some(Manager::Rpm)),
        "arch" => ("archlinux".to_owned(), Some(Manager::Pacman)),
        _ => (String::new(), None),
    };
    if image.is_empty() {
        let text = format!(
            "# the distribution `{}` has no base image that is known here: everything is copied\nFROM scratch\n",
            shown(id.as_bytes())
        );
        return (text, None);
    }
    // Alpine tags its images by the first two numbers.
    let tag = if id == "alpine" {
        version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
    } else {
        version
    };
    let tag = if tag.is_empty() {
        "latest".to_owned()
    } else {
        tag
    };
    let place = if image.contains('/') {
        "docker.io"
    } else {
        "docker.io/library"
    };
    (format!("FROM {place}/{image}:{tag}\n"), manager)
}

/// Packages of languages are installed only where the language itself is a package; else their files are copied.
fn keep_languages(
    observed: &Observed,
    host: &Host,
    owners: &mut Owners,
    manager: Option<Manager>,
) -> String {
    let is_system = |package: Option<&Package>| {
        package.is_some_and(|package| {
            matches!(
                package.manager,
                Manager::Dpkg | Manager::Rpm | Manager::Apk | Manager::Pacman
            )
        })
    };
    let has_language = |start: &str| {
        observed.programs.iter().any(|program| {
            let program = host.real(program);
            file_name(&program).starts_with(start.as_bytes()) && is_system(owners.of.get(&program))
        })
    };
    let installable: BTreeMap<Manager, bool> = [
        (Manager::Pip, has_language("python")),
        (Manager::Npm, has_language("node")),
        (Manager::Gem, has_language("ruby")),
        (Manager::Cpan, has_language("perl")),
    ]
    .into();
    let mut copied: BTreeSet<Package> = BTreeSet::new();
    owners.of.retain(|path, package| {
        let system = is_system(Some(package));
        let in_system = is_within(path, b"/usr") || is_within(path, b"/var/lib/gems");
        let keep = if system {
            manager == Some(package.manager)
        } else {
            in_system
                && manager.is_some()
                && installable.get(&package.manager).copied().unwrap_or(false)
        };
        if !keep && !system {
            copied.insert(package.clone());
        }
        keep
    });
    let mut text = String::new();
    for package in copied {
        text.push_str(&format!(
            "# {} {} of {}: its files are copied, it is not installed system-wide\n",
            shown(package.name.as_bytes()),
            shown(package.version.as_bytes()),
            installer(package.manager)
        ));
    }
    text
}

fn installer(manager: Manager) -> &'static str {
    match manager {
        Manager::Dpkg => "apt",
        Manager::Rpm => "dnf",
        Manager::Apk => "apk",
        Manager::Pacman => "pacman",
        Manager::Pip => "pip",
        Manager::Npm => "npm",
        Manager::Gem => "gem",
        Manager::Cargo => "cargo",
        Manager::Cpan => "cpan",
    }
}

fn commands(packages: &BTreeSet<Package>, manager: Option<Manager>, pin: bool) -> String {
    let of = |wanted: Manager| {
        packages
            .iter()
            .filter(move |package| package.manager == wanted)
    };
    let mut text = String::new();
    if let Some(manager) = manager {
        let there: Vec<String> = of(manager)
            .filter(|package| package.essential)
            .map(|package| package.name.clone())
            .collect();
        if !there.is_empty() {
            text.push_str(&format!(
                "# in the base image already: {}\n",
                there.join(" ")
            ));
        }
        let mut words: Vec<String> = of(manager)
            .filter(|package| !package.essential)
            .map(|package| word(package, pin))
            .collect();
        for (language, tool) in [
            (Manager::Pip, "python3-pip"),
            (Manager::Npm, "npm"),
            (Manager::Cpan, "cpanminus"),
        ] {
            if of(language).next().is_some() {
                words.push(tool.to_owned());
            }
        }
        for package in of(manager).filter(|package| !package.essential && !pin) {
            text.push_str(&format!("# {} {}\n", package.name, package.version));
        }
        if !words.is_empty() {
            text.push_str(&system_command(manager, &words));
        }
    }
    let list = |manager: Manager, separator: &str| -> Vec<String> {
        of(manager)
            .map(|package| quoted(&format!("{}{separator}{}", package.name, package.version)))
            .collect()
    };
    let pip = list(Manager::Pip, "==");
    if !pip.is_empty() {
        let break_system = if manager == Some(Manager::Dpkg) {
            " --break-system-packages"
        } else {
            ""
        };
        text.push_str(&format!(
            "RUN python3 -m pip install --no-cache-dir{break_system} {}\n",
            pip.join(" ")
        ));
    }
    let npm = list(Manager::Npm, "@");
    if !npm.is_empty() {
        text.push_str(&format!("RUN npm install --global {}\n", npm.join(" ")));
    }
    for package in of(Manager::Gem) {
        text.push_str(&format!(
            "RUN gem install {} --version {}\n",
            quoted(&package.name),
            quoted(&package.version)
        ));
    }
    let modules: Vec<String> = of(Manager::Cpan)
        .map(|package| quoted(&package.name))
        .collect();
    if !modules.is_empty() {
        text.push_str(&format!("RUN cpanm {}\n", modules.join(" ")));
    }
    text
}

fn system_command(manager: Manager, words: &[String]) -> String {
    let words = words.join(" \\\n      ");
    match manager {
        Manager::Dpkg => format!(
            "RUN apt-get update \\\n && apt-get install -y --no-install-recommends \\\n      {words} \\\n && rm -rf /var/lib/apt/lists/*\n"
        ),
        Manager::Apk => format!("RUN apk add --no-cache \\\n      {words}\n"),
        Manager::Pacman => format!("RUN pacman -Sy --noconfirm \\\n      {words}\n"),
        _ => format!("RUN dnf install -y \\\n      {words} \\\n && dnf clean all\n"),
    }
}

fn word(package: &Package, pin: bool) -> String {
    let separator = if package.manager == Manager::Rpm {
        "-"
    } else {
        "="
    };
    if pin && !package.version.is_empty() {
        quoted(&format!("{}{separator}{}", package.name, package.version))
    } else {
        quoted(&package.name)
    }
}

/// A word for the shell of `RUN`, in one line.
fn quoted(text: &str) -> String {
    let plain: String = text
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    String::from_utf8_lossy(&shell_word(plain.as_bytes())).into_owned()
}

/// Takes away what packages bring, or what every system makes for itself; says the latter.
fn leave_out(host: &Host, collected: &mut Collected, owners: &Owners) {
    let comes_with = |path: &[u8]| {
        let source = source_of(path);
        owners.of.contains_key(path) || source.is_some_and(|source| owners.of.contains_key(&source))
    };
    let mut own = Vec::new();
    collected.entries.retain(|path, entry| match &entry.kind {
        EntryKind::Folder => true,
        EntryKind::Link(_) => {
            let leads_to_package = host
                .route(path)
                .end
                .is_some_and(|end| comes_with(&end) || host.is_folder(&end));
            !(comes_with(path) || (leads_to_package && !is_users(path)))
        }
        EntryKind::File => {
            if comes_with(path) {
                return false;
            }
            let is_own = OWN_OF_SYSTEM.contains(&path.as_slice())
                || MADE_BY_PACKAGES
                    .iter()
                    .any(|folder| is_within(path, folder));
            if is_own {
                own.push(shown(path));
            }
            !is_own
        }
    });
    // Folders only where something is copied into them, or where the program works.
    let files: Vec<Vec<u8>> = collected
        .entries
        .values()
        .filter(|entry| entry.kind != EntryKind::Folder)
        .map(|entry| entry.path.clone())
        .collect();
    collected.entries.retain(|path, entry| {
        entry.kind != EntryKind::Folder
            || is_users(path)
            || files.iter().any(|file| is_within(file, path))
    });
    if !own.is_empty() {
        collected
            .notes
            .push(format!("left to the image's own: {}", own.join(" ")));
    }
}

/// Whether a path is not of the system.
fn is_users(path: &[u8]) -> bool {
    ![
        "/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
    ]
    .iter()
    .any(|folder| is_within(path, folder.as_bytes()))
}

/// The source of a compiled Python file: `x/__pycache__/y.cpython-311.pyc` is of `x/y.py`.
fn source_of(path: &[u8]) -> Option<Vec<u8>> {
    let folder = crate::text::parent(path).strip_suffix(b"/__pycache__")?;
    let name = file_name(path).split(|byte| *byte == b'.').next()?;
    Some([folder, b"/", name, b".py"].concat())
}
