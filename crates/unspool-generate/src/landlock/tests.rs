use std::path::Path;

use super::*;
use crate::needs::Need;
use crate::policy::{FileNeed, Judge as _};

const RULES: &str = r#"{"landlock": 1, "handled_access_fs": ["execute", "write_file", "read_file", "read_dir", "make_reg"],
  "handled_access_net": ["bind_tcp", "connect_tcp"], "scoped": ["signal"],
  "paths": [{"path": "/data", "allow": ["read_file", "read_dir"]}, {"path": "/data/out", "allow": ["write_file", "make_reg"]},
            {"path_bytes": [47, 255], "allow": ["read_file"]}],
  "ports": [{"port": 80, "allow": ["connect_tcp"]}]}"#;

#[test]
fn rules_hold_for_what_is_below_them() {
    let host = Host::new(Path::new("/nonexistent"));
    let rules = Ruleset::parse(RULES.as_bytes(), &host).expect("rules");
    let refuses = |path: &[u8], rights: Rights| {
        rules
            .refuses_file(&FileNeed {
                path,
                folder: parent(path),
                rights,
                is_folder: false,
            })
            .is_some()
    };
    assert!(!refuses(b"/data/a/b", Rights::READ));
    assert!(!refuses(
        b"/data/out/x",
        Rights::READ | Rights::WRITE | Rights::CREATE
    ));
    assert!(refuses(b"/data/x", Rights::CREATE));
    assert!(refuses(b"/database", Rights::READ));
    assert!(refuses(b"/data/x", Rights::EXECUTE));
    assert!(
        !refuses(b"/etc/x", Rights::REMOVE),
        "not handled, so not refused"
    );
    assert!(!refuses(b"/\xff", Rights::READ));
    let port = |bound, port| Need::Address {
        bound,
        is_tcp: true,
        port: Some(port),
        is_abstract: false,
    };
    assert!(rules.refuses(&port(false, 80)).is_none());
    assert!(rules.refuses(&port(true, 80)).is_some());
    assert!(rules.refuses(&port(false, 81)).is_some());
    assert!(rules.refuses(&Need::SignalOutside).is_some());
}

#[test]
fn what_is_not_understood_is_said() {
    let host = Host::new(Path::new("/nonexistent"));
    let error = |text: &str| {
        Ruleset::parse(text.as_bytes(), &host)
            .expect_err("refused")
            .message
    };
    assert!(error("[]").contains("landlock"));
    assert!(error(r#"{"landlock": 1, "handled_access_fs": ["fly"]}"#).contains("`fly`"));
    assert!(
        error(r#"{"landlock": 1, "paths": [{"path": "x", "allow": []}]}"#).contains("absolute")
    );
}
