use super::*;
use crate::needs::Need;
use crate::policy::{FileNeed, Judge as _};

const PROFILE: &[u8] = b"# a comment\nabi <abi/3.0>,\nprofile x /bin/x {\n  capability chown,\n  network inet stream,\n  \"/a b/*\" rw,\n  /bin/x rix,\n  \"/d/\" r,\n  deny /etc/passwd r,\n}\n";

#[test]
fn rules_are_judged_and_the_rest_is_said() {
    let profile = Profile::parse(PROFILE).expect("a profile");
    let refuses = |path: &[u8], rights: Rights, is_folder: bool| {
        profile
            .refuses_file(&FileNeed {
                path,
                folder: parent(path),
                rights,
                is_folder,
            })
            .is_some()
    };
    assert!(!refuses(b"/a b/x", Rights::READ | Rights::WRITE, false));
    assert!(refuses(b"/a b/x/y", Rights::READ, false));
    assert!(!refuses(b"/bin/x", Rights::EXECUTE | Rights::READ, false));
    assert!(refuses(b"/bin/x", Rights::MAP_CODE, false));
    assert!(!refuses(b"/d", Rights::LIST, true));
    assert!(
        !refuses(b"/anything", Rights::QUERY, false),
        "asking needs no permission"
    );
    assert!(profile.refuses(&Need::Capability("CAP_CHOWN")).is_none());
    assert!(profile.refuses(&Need::Capability("CAP_SETUID")).is_some());
    assert!(
        profile
            .refuses(&Need::Socket { family: 2, kind: 1 })
            .is_none()
    );
    assert!(
        profile
            .refuses(&Need::Socket { family: 2, kind: 2 })
            .is_some()
    );
    assert_eq!(profile.notes(), ["line 9 is not understood and not judged"]);
    assert!(Profile::parse(b"hello").is_err());
}

#[test]
fn names_stand_for_themselves_only() {
    assert_eq!(
        quoted(b"/a \"b\\*@{x}\n\xff"),
        br#""/a \042b\134\*\100\{x\}\012\377""#
    );
    let text = [
        b"profile x {\n  ".as_slice(),
        &quoted(b"/we*ird, \"na\nme\" r,"),
        b" r,\n}\n",
    ]
    .concat();
    let profile = Profile::parse(&text).expect("a profile");
    let path = b"/we*ird, \"na\nme\" r,";
    assert!(
        profile
            .refuses_file(&FileNeed {
                path,
                folder: parent(path),
                rights: Rights::READ,
                is_folder: false
            })
            .is_none()
    );
    assert!(
        profile
            .refuses_file(&FileNeed {
                path: b"/weXird",
                folder: b"/",
                rights: Rights::READ,
                is_folder: false
            })
            .is_some()
    );
}
