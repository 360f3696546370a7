use std::fs;

use serde_json::Value;

use super::{
    Exit, FORMAT_VERSION, Manifest, RecordedCounts, Source, State, clock_from_name, clock_name,
};
use unspool_model::event::ClockKind;

fn example() -> Manifest {
    Manifest {
        command: vec!["make".into(), "-j2".into()],
        exit: Some(Exit {
            code: Some(2),
            signal: None,
        }),
        start_ns: i64::MIN,
        end_ns: Some(i64::MAX),
        sources: vec![Source {
            path: "a.strace".into(),
            bytes: u64::MAX,
            format: "strace".into(),
        }],
        counts: RecordedCounts {
            seen: 5,
            recorded: 3,
            folded: 1,
            lost: 1,
        },
        diagnostics: [("not understood".to_owned(), 4)].into(),
        state: State::Complete,
        ..Manifest::new("20261121-042731-7f3a")
    }
}

#[test]
fn a_manifest_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = example();
    manifest.write(folder.path()).unwrap();
    assert_eq!(Manifest::read(folder.path()).unwrap(), (manifest, None));
}

#[test]
fn unknown_members_are_kept_and_changes_by_hand_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    let mut manifest = example();
    manifest
        .other
        .insert("later".to_owned(), serde_json::json!({"a": [1, 2.5, null]}));
    manifest.write(folder.path()).unwrap();
    let (mut read, wrong) = Manifest::read(folder.path()).unwrap();
    assert_eq!(wrong, None);
    read.name = Some("nightly".to_owned());
    read.write(folder.path()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["later"]["a"][1], 2.5);
    assert_eq!(value["name"], "nightly");

    fs::write(&path, text.replace("make", "take")).unwrap();
    let (read, wrong) = Manifest::read(folder.path()).unwrap();
    assert_eq!(read.command[0], "take");
    assert!(wrong.is_some());
}

#[test]
fn a_newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = Manifest {
        format: FORMAT_VERSION + 1,
        ..example()
    };
    manifest.write(folder.path()).unwrap();
    let error = Manifest::read(folder.path()).unwrap_err();
    let told = format!("has format {}", FORMAT_VERSION + 1);
    assert!(error.to_string().contains(&told), "{error}");

    // A number that damage made says nothing about the version.
    let path = folder.path().join("run.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("make", "take")).unwrap();
    let (_, wrong) = Manifest::read(folder.path()).unwrap();
    assert!(wrong.is_some());
}

#[test]
fn clock_names_come_back() {
    for clock in [
        ClockKind::Epoch,
        ClockKind::TimeOfDay,
        ClockKind::Relative,
        ClockKind::None,
    ] {
        assert_eq!(clock_from_name(clock_name(clock)), clock);
    }
}
