//! Drop-ins for systemd services (systemd.exec(5), systemd.resource-control(5)): written from runs, read back, judged.

mod parse;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

pub use parse::DropIn;

use crate::apparmor::family_name;
use crate::header::{PolicyOptions, comments};
use crate::host::Host;
use crate::observed::Observed;
use crate::rights::Rights;
use crate::text::is_within;

/// Members of systemd's groups of calls (`@basic-io`), by name; empty where systemd cannot be asked.
pub type Groups = BTreeMap<String, BTreeSet<String>>;

/// Groups that a margin may use: none of them lets a program change the machine.
const WIDENING: &[&str] = &[
    "@aio",
    "@basic-io",
    "@file-system",
    "@io-event",
    "@ipc",
    "@network-io",
    "@process",
    "@signal",
    "@sync",
    "@timer",
];

/// Namespaces in the words of `RestrictNamespaces=`.
const NAMESPACES: &[(&str, u64)] = &[
    ("cgroup", 0x0200_0000),
    ("ipc", 0x0800_0000),
    ("net", 0x4000_0000),
    ("mnt", 0x0002_0000),
    ("pid", 0x2000_0000),
    ("user", 0x1000_0000),
    ("uts", 0x0400_0000),
];

/// Devices that `PrivateDevices=yes` leaves.
const PLAIN_DEVICES: &[&[u8]] = &[
    b"/dev/null",
    b"/dev/zero",
    b"/dev/full",
    b"/dev/random",
    b"/dev/urandom",
    b"/dev/tty",
    b"/dev/pts",
    b"/dev/ptmx",
    b"/dev/shm",
    b"/dev/log",
    b"/dev/stdin",
    b"/dev/stdout",
    b"/dev/stderr",
    b"/dev/fd",
];

/// What a set of calls stands for: without them, the switch can be on.
const SWITCHES: &[(&str, &[&str])] = &[
    ("LockPersonality", &["personality"]),
    (
        "ProtectClock",
        &["clock_settime", "settimeofday", "adjtimex", "clock_adjtime"],
    ),
    ("ProtectHostname", &["sethostname", "setdomainname"]),
    ("ProtectKernelLogs", &["syslog"]),
    (
        "ProtectKernelModules",
        &["init_module", "finit_module", "delete_module"],
    ),
    ("RestrictRealtime", &["sched_setscheduler", "sched_setattr"]),
];

/// Writes the drop-in of what was seen.
pub fn generate(
    observed: &Observed,
    host: &Host,
    options: PolicyOptions,
    groups: &Groups,
) -> String {
    let mut text = comments(observed, "systemd drop-in", "#");
    text.push_str("# Put it into /etc/systemd/system/NAME.service.d/. `systemd-analyze security NAME` tells what it is worth.\n");
    text.push_str("# Start-up by systemd itself (User=, WorkingDirectory=, sockets handed over) is not restricted by it.\n");
    text.push_str("[Service]\n");
    for line in calls(observed, options.margin, groups)
        .into_iter()
        .chain(files(observed, host, options.margin))
        .chain(network(observed))
        .chain(privileges(observed, host))
    {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn calls(observed: &Observed, margin: u8, groups: &Groups) -> Vec<String> {
    let mut names: BTreeSet<String> = observed
        .calls
        .keys()
        .filter_map(|name| String::from_utf8(name.clone()).ok())
        .filter(|name| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
        .collect();
    for name in [
        "execve",
        "exit",
        "exit_group",
        "restart_syscall",
        "rt_sigreturn",
    ] {
        names.insert(name.to_owned());
    }
    let mut lines = vec![
        "SystemCallArchitectures=native".to_owned(),
        "SystemCallErrorNumber=EPERM".to_owned(),
    ];
    let mut used = Vec::new();
    if margin > 0 {
        if groups.is_empty() {
            lines.push("# margin: groups of calls are not known here (no systemd-analyze); the calls are named".to_owned());
        }
        for group in WIDENING {
            let Some(members) = groups.get(*group) else {
                continue;
            };
            if members.iter().any(|name| names.contains(name)) {
                used.push((*group).to_owned());
                names.retain(|name| !members.contains(name));
            }
        }
    }
    used.extend(names);
    // One long line is hard to read; the setting adds up over lines.
    for part in used.chunks(8) {
        lines.push(format!("SystemCallFilter={}", part.join(" ")));
    }
    lines
}

fn files(observed: &Observed, host: &Host, margin: u8) -> Vec<String> {
    let mut lines = vec!["ProtectSystem=strict".to_owned()];
    let mut writable: BTreeSet<Vec<u8>> = BTreeSet::new();
    for (path, file) in &observed.files {
        let changes = Rights::CHANGES;
        if file.found.intersects(changes) {
            let removed = Rights::REMOVE | Rights::REMOVE_FOLDER | Rights::RENAME_FROM;
            let on_folder =
                margin > 0 || file.found.intersects(removed) || host.metadata(path).is_none();
            let at = if on_folder {
                observed.folder_of(path)
            } else {
                observed.anchor(path)
            };
            writable.insert(host.real(at));
        }
        if file.made.intersects(changes) {
            writable.insert(host.real(observed.folder_of(path)));
        }
    }
    // These are writable under `strict`, too; a folder above covers what is below.
    writable.retain(|path| {
        !["/dev", "/proc", "/sys"]
            .iter()
            .any(|free| is_within(path, free.as_bytes()))
    });
    let all = writable.clone();
    writable.retain(|path| {
        !all.iter()
            .any(|above| above != path && is_within(path, above))
    });
    lines.extend(
        writable
            .iter()
            .map(|path| format!("ReadWritePaths={}", path_word(path))),
    );
    let is_used = |folder: &[u8]| {
        observed
            .files
            .keys()
            .any(|path| is_within(path, folder) && path != folder)
    };
    let in_homes = ["/home", "/root", "/run/user"]
        .iter()
        .any(|folder| is_used(folder.as_bytes()));
    lines.push(if in_homes {
        "# ProtectHome: left off, files in the folders of users were used".to_owned()
    } else {
        "ProtectHome=yes".to_owned()
    });
    lines.push(if is_used(b"/tmp") || is_used(b"/var/tmp") {
        "# PrivateTmp: left off, files in /tmp or /var/tmp were used, which others may see"
            .to_owned()
    } else {
        "PrivateTmp=yes".to_owned()
    });
    let special = observed.files.keys().any(|path| {
        is_within(path, b"/dev")
            && path != b"/dev"
            && !PLAIN_DEVICES.iter().any(|plain| is_within(path, plain))
    });
    lines.push(if special {
        "# PrivateDevices: left off, other devices than the usual ones were used".to_owned()
    } else {
        "PrivateDevices=yes".to_owned()
    });
    lines.extend(code(observed, host));
    lines.extend(kernel_settings(observed));
    lines
}

/// Only what ran, or was mapped as code, may be executed.
fn code(observed: &Observed, host: &Host) -> Vec<String> {
    let mut paths: BTreeSet<Vec<u8>> = BTreeSet::new();
    for (path, file) in &observed.files {
        if file.all().intersects(Rights::EXECUTE | Rights::MAP_CODE) {
            let at = observed.anchor(path);
            paths.insert(host.real(at));
        }
    }
    for program in &observed.programs {
        paths.extend(host.loaders(program).iter().map(|loader| host.real(loader)));
    }
    let mut lines = vec!["NoExecPaths=/".to_owned()];
    lines.extend(
        paths
            .iter()
            .map(|path| format!("ExecPaths={}", path_word(path))),
    );
    lines
}

fn kernel_settings(observed: &Observed) -> Vec<String> {
    let writes = |folder: &[u8]| {
        observed
            .files
            .iter()
            .any(|(path, file)| is_within(path, folder) && file.all().intersects(Rights::CHANGES))
    };
    let mut lines = Vec::new();
    if !writes(b"/proc/sys") && !writes(b"/sys") {
        lines.push("ProtectKernelTunables=yes".to_owned());
    }
    if !writes(b"/sys/fs/cgroup") {
        lines.push("ProtectControlGroups=yes".to_owned());
    }
    lines
}

fn network(observed: &Observed) -> Vec<String> {
    let mut lines = Vec::new();
    let families: BTreeSet<String> = observed
        .sockets
        .iter()
        .filter_map(|(family, _)| {
            Some(format!("AF_{}", family_name(*family)?.to_ascii_uppercase()))
        })
        .collect();
    let has_ip = families.contains("AF_INET") || families.contains("AF_INET6");
    if families.is_empty() {
        lines.push("RestrictAddressFamilies=none".to_owned());
    } else {
        let words: Vec<String> = families.into_iter().collect();
        lines.push(format!("RestrictAddressFamilies={}", words.join(" ")));
    }
    if !has_ip {
        lines.push("PrivateNetwork=yes".to_owned());
        return lines;
    }
    lines.push("SocketBindDeny=any".to_owned());
    for (ports, protocol) in [(&observed.tcp_bound, "tcp"), (&observed.udp_bound, "udp")] {
        for port in ports {
            // Port 0 lets the kernel choose: it cannot be named.
            lines.push(if *port == 0 {
                format!("SocketBindAllow={protocol}")
            } else {
                format!("SocketBindAllow={protocol}:{port}")
            });
        }
    }
    lines
}

fn privileges(observed: &Observed, host: &Host) -> Vec<String> {
    let mut lines = Vec::new();
    let changes_user = observed.programs.iter().any(|program| {
        host.metadata(program)
            .is_some_and(|file| file.permissions().mode() & 0o6000 != 0)
    });
    lines.push(if changes_user {
        "# NoNewPrivileges: left off, a program that changes user or group was executed".to_owned()
    } else {
        "NoNewPrivileges=yes".to_owned()
    });
    let mut capabilities: BTreeSet<&str> = observed.capabilities.iter().copied().collect();
    if observed.roots.iter().any(|root| root.user == Some(0))
        && uses_files_of_others(observed, host)
    {
        lines.push("# CAP_DAC_OVERRIDE: it ran as root and used files that their mode keeps from root without it".to_owned());
        capabilities.insert("CAP_DAC_OVERRIDE");
    }
    let owns_another = |(path, file): (&Vec<u8>, &crate::observed::FileUse)| {
        file.found.contains(Rights::OWN)
            && host
                .metadata(path)
                .is_some_and(|metadata| metadata.uid() != 0)
    };
    if !capabilities.contains("CAP_FOWNER") && observed.files.iter().any(owns_another) {
        lines.push(
            "# CAP_FOWNER: it ran as root and changed mode or times of files of other users"
                .to_owned(),
        );
        capabilities.insert("CAP_FOWNER");
    }
    let words: Vec<&str> = capabilities.into_iter().collect();
    lines.push(format!("CapabilityBoundingSet={}", words.join(" ")));
    lines.push(namespaces(observed.namespaces));
    lines.push(if observed.write_execute {
        "# MemoryDenyWriteExecute: left off, memory was writable and executable".to_owned()
    } else {
        "MemoryDenyWriteExecute=yes".to_owned()
    });
    let has = |names: &[&str]| {
        names
            .iter()
            .any(|name| observed.calls.contains_key(name.as_bytes()))
    };
    for (switch, names) in SWITCHES {
        lines.push(if has(names) {
            format!("# {switch}: left off, {} was called", names.join(" or "))
        } else {
            format!("{switch}=yes")
        });
    }
    lines
}

/// Whether a file was used that user 0 cannot use by its mode.
fn uses_files_of_others(observed: &Observed, host: &Host) -> bool {
    observed.files.iter().any(|(path, file)| {
        let Some(metadata) = host.metadata(path) else {
            return false;
        };
        let mode = metadata.permissions().mode();
        let bits = if metadata.uid() == 0 { mode >> 6 } else { mode };
        let rights = file.found;
        (rights.intersects(Rights::READ | Rights::LIST) && bits & 4 == 0)
            || (rights.intersects(Rights::WRITE) && bits & 2 == 0)
    })
}

fn namespaces(flags: u64) -> String {
    let words: Vec<&str> = NAMESPACES
        .iter()
        .filter(|(_, bit)| flags & bit != 0)
        .map(|row| row.0)
        .collect();
    if words.is_empty() {
        "RestrictNamespaces=yes".to_owned()
    } else {
        format!("RestrictNamespaces={}", words.join(" "))
    }
}

/// A path in the quoting of unit files; `-`: it need not be there.
fn path_word(path: &[u8]) -> String {
    let mut out = String::from("\"-");
    for &byte in path {
        match byte {
            b'%' => out.push_str("%%"),
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'/'
            | b'.'
            | b'_'
            | b'-'
            | b'+'
            | b','
            | b'@'
            | b'=' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}
