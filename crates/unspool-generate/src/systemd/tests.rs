use super::*;
use crate::needs::{CallNeed, Need};
use crate::policy::{FileNeed, Judge as _};

const DROP_IN: &[u8] = b"[Service]\nSystemCallFilter=@basic-io openat\nSystemCallFilter=mmap\nProtectSystem=strict\nReadWritePaths=\"-/var/lib/a\\x20b\" \"-/x%%y\"\nNoExecPaths=/\nExecPaths=\"-/usr/bin/cat\"\nRestrictAddressFamilies=AF_UNIX\nCapabilityBoundingSet=\nRestrictNamespaces=net\nMemoryDenyWriteExecute=yes\nNice=5\n";

#[test]
fn settings_are_judged_and_the_rest_is_said() {
    let mut groups = Groups::new();
    groups.insert(
        "@basic-io".to_owned(),
        ["read", "write"].map(str::to_owned).into(),
    );
    groups.insert("@default".to_owned(), ["execve"].map(str::to_owned).into());
    let unit = DropIn::parse(DROP_IN, &groups).expect("a drop-in");
    let call = |name: &str| {
        unit.refuses(&Need::Call(CallNeed {
            name: name.into(),
            value: None,
        }))
        .is_some()
    };
    assert!(!call("read") && !call("execve") && !call("mmap") && call("unlink"));
    let file = |path: &[u8], rights| {
        unit.refuses_file(&FileNeed {
            path,
            folder: crate::text::parent(path),
            rights,
            is_folder: false,
        })
        .is_some()
    };
    assert!(!file(b"/var/lib/a b/x", Rights::WRITE | Rights::CREATE));
    assert!(
        !file(b"/x%y", Rights::WRITE) && file(b"/x%y", Rights::REMOVE),
        "the folder is not writable"
    );
    assert!(file(b"/etc/x", Rights::WRITE) && !file(b"/etc/x", Rights::READ));
    assert!(!file(b"/usr/bin/cat", Rights::EXECUTE) && file(b"/usr/bin/ls", Rights::EXECUTE));
    assert!(unit.refuses(&Need::Socket { family: 2, kind: 1 }).is_some());
    assert!(unit.refuses(&Need::Socket { family: 1, kind: 1 }).is_none());
    assert!(unit.refuses(&Need::Capability("CAP_CHOWN")).is_some());
    assert!(unit.refuses(&Need::Namespaces(0x4000_0000)).is_none());
    assert!(unit.refuses(&Need::Namespaces(0x1000_0000)).is_some());
    assert!(unit.refuses(&Need::WriteExecute).is_some());
    assert_eq!(unit.notes(), ["line 12: `Nice` is not judged"]);
    assert!(DropIn::parse(b"hello", &groups).is_err());
}

#[test]
fn paths_are_quoted_for_unit_files() {
    assert_eq!(
        path_word(b"/a b%$\"\n\xff"),
        r#""-/a\x20b%%\x24\x22\x0a\xff""#
    );
}
