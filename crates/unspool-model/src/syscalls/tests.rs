use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;

/// Reads `#define __NR_name number` lines.
fn header(path: &str) -> Option<BTreeMap<String, u16>> {
    let path = Path::new(path);
    if !path.exists() {
        eprintln!("skipped: {} is not installed", path.display());
        return None;
    }
    let text = std::fs::read_to_string(path).unwrap();
    let numbers = text
        .lines()
        .filter_map(|line| line.strip_prefix("#define __NR_"))
        .filter_map(|line| line.split_once(char::is_whitespace))
        .filter_map(|(name, number)| Some((name.to_owned(), number.trim().parse().ok()?)))
        .collect();
    Some(numbers)
}

fn check_header(architecture: Architecture, path: &str, at_least: usize) {
    let Some(expect) = header(path) else { return };
    assert!(
        expect.len() >= at_least,
        "{path} defines only {} calls",
        expect.len()
    );
    for (name, number) in expect {
        let call = Syscall::by_name(name.as_bytes())
            .unwrap_or_else(|| panic!("`{name}` is not in the table"));
        assert_eq!(call.row().number(architecture), Some(number), "{name}");
    }
}

#[test]
fn numbers_are_those_of_the_headers() {
    check_header(
        Architecture::X86_64,
        "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
        350,
    );
    check_header(
        Architecture::I386,
        "/usr/include/x86_64-linux-gnu/asm/unistd_32.h",
        420,
    );
}

#[test]
fn generic_numbers_are_those_of_the_generic_header() {
    // The header names 64-bit file calls `__NR3264_x` and leaves a few names to the architecture, so only plain ones compare.
    let Some(expect) = header("/usr/include/asm-generic/unistd.h") else {
        return;
    };
    let mut compared = 0;
    for (name, number) in expect {
        if ["arch_specific_syscall", "syscalls", "sync_file_range2"].contains(&name.as_str())
            || name.ends_with("_time64")
            || name.ends_with("64") && number >= 403
        {
            continue;
        }
        let call = Syscall::by_name(name.as_bytes())
            .unwrap_or_else(|| panic!("`{name}` is not in the table"));
        assert_eq!(call.row().aarch64, Some(number), "{name}");
        compared += 1;
    }
    assert!(compared > 280, "only {compared} compared");
}

#[test]
fn sorted_without_duplicates() {
    assert!(SYSCALLS.windows(2).all(|pair| pair[0].name < pair[1].name));
    for architecture in [
        Architecture::X86_64,
        Architecture::Aarch64,
        Architecture::I386,
    ] {
        let mut seen = BTreeSet::new();
        for row in SYSCALLS {
            if let Some(number) = row.number(architecture) {
                assert!(
                    seen.insert(number),
                    "{architecture:?} {number} twice, second is {}",
                    row.name
                );
            }
        }
    }
}

#[test]
fn every_call_is_found_by_name_and_number() {
    for call in Syscall::all() {
        assert_eq!(Syscall::by_name(call.name().as_bytes()), Some(call));
        for architecture in [
            Architecture::X86_64,
            Architecture::Aarch64,
            Architecture::I386,
        ] {
            if let Some(number) = call.row().number(architecture) {
                assert_eq!(
                    Syscall::by_number(architecture, u32::from(number)),
                    Some(call)
                );
            }
        }
    }
    assert_eq!(Syscall::all().count(), SYSCALLS.len());
}

#[test]
fn hash_tells_all_names_apart_before_the_slot_is_taken() {
    let longest = (0..NAME_SLOT_COUNT)
        .map(|start| {
            (start..start + NAME_SLOT_COUNT)
                .take_while(|slot| NAME_SLOTS[slot % NAME_SLOT_COUNT] != EMPTY)
                .count()
        })
        .max();
    assert!(longest <= Some(12), "{longest:?} slots in a row are taken");
}

#[test]
fn unknown_names_and_numbers_are_none() {
    for name in [
        "",
        "o",
        "ope",
        "opena",
        "openat3",
        "OPEN",
        "syscall_0x1f4",
        "mmap\0",
        "clock_gettime6",
    ] {
        assert_eq!(Syscall::by_name(name.as_bytes()), None, "{name}");
    }
    assert_eq!(Syscall::by_number(Architecture::X86_64, 9999), None);
    assert_eq!(Syscall::by_number(Architecture::X86_64, u32::MAX), None);
    assert_eq!(Syscall::by_number(Architecture::X86_64, 0x4000_0000), None);
    assert_eq!(Syscall::by_number(Architecture::Other, 0), None);
}

/// Facts from the manual pages and kernel tables, written down by hand.
#[test]
fn known_by_hand() {
    let by_number =
        |architecture, number| Syscall::by_number(architecture, number).map(Syscall::name);
    assert_eq!(by_number(Architecture::X86_64, 0), Some("read"));
    assert_eq!(by_number(Architecture::X86_64, 257), Some("openat"));
    assert_eq!(by_number(Architecture::Aarch64, 56), Some("openat"));
    assert_eq!(by_number(Architecture::Aarch64, 221), Some("execve"));
    assert_eq!(by_number(Architecture::I386, 1), Some("exit"));
    assert_eq!(by_number(Architecture::I386, 140), Some("_llseek"));
    assert_eq!(by_number(Architecture::I386, 11), Some("execve"));
    for architecture in [
        Architecture::X86_64,
        Architecture::Aarch64,
        Architecture::I386,
    ] {
        assert_eq!(by_number(architecture, 435), Some("clone3"));
        assert_eq!(by_number(architecture, 469), Some("file_setattr"));
    }

    let row = |name: &str| Syscall::by_name(name.as_bytes()).unwrap().row();
    assert_eq!(
        row("openat").args,
        [
            Role::DirFd,
            Role::Path,
            Role::Flags(FlagSet::Open),
            Role::Mode
        ]
    );
    assert_eq!(
        row("linkat").args[..4],
        [Role::DirFd, Role::Path, Role::DirFd, Role::Path]
    );
    assert_eq!(
        row("symlinkat").args,
        [Role::LinkTarget, Role::DirFd, Role::Path]
    );
    assert_eq!(row("mmap").position(Role::Fd), Some(4));
    for name in ["read", "pread", "pread64", "readv", "preadv", "preadv2"] {
        assert_eq!(row(name).operation, Operation::Read, "{name}");
    }
    for name in [
        "old_mmap",
        "oldlstat",
        "pwrite",
        "umount",
        "waitpid",
        "_newselect",
        "recv",
        "send",
        "_exit",
    ] {
        assert!(Syscall::by_name(name.as_bytes()).is_some(), "{name}");
    }
}

#[test]
fn roles_agree_with_operations() {
    for row in SYSCALLS {
        let reads = row
            .args
            .iter()
            .any(|role| matches!(role, Role::BufOut | Role::IovecOut));
        let writes = row
            .args
            .iter()
            .any(|role| matches!(role, Role::BufIn | Role::IovecIn));
        match row.operation {
            Operation::Read | Operation::Recv => {
                assert!(reads && row.args[0] == Role::Fd, "{}", row.name);
            }
            Operation::Write | Operation::Send => {
                assert!(writes && row.args[0] == Role::Fd, "{}", row.name);
            }
            Operation::Rename | Operation::Link => {
                assert_eq!(
                    row.args.iter().filter(|role| **role == Role::Path).count(),
                    2,
                    "{}",
                    row.name
                );
            }
            _ => {}
        }
        for pair in row.args.windows(2) {
            if pair[0] == Role::DirFd {
                assert_eq!(pair[1], Role::Path, "{}", row.name);
            }
        }
        assert!(row.args.len() <= 6, "{}", row.name);
    }
}

#[test]
fn every_name_is_found_at_the_start_of_a_line() {
    for call in Syscall::all() {
        let name = call.name();
        assert!(name.len() < NAME_BYTES_MAX, "{name}");
        // The first parenthesis must be behind the name.
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            "{name}"
        );
        let line = format!("{name}(3, (4))       ");
        assert_eq!(
            Syscall::at_start(line.as_bytes()),
            Some((call, name.len())),
            "{line}"
        );
    }
    for line in [
        "",
        "close",
        "close(",
        "close 3(4)      ",
        "clos(3)         ",
    ] {
        assert_eq!(Syscall::at_start(line.as_bytes()), None, "{line}");
    }
}
