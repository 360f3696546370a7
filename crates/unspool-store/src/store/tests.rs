use std::fs;
use std::path::Path;

use super::{Retention, RunEntry, Store, folder_bytes};
use crate::{Closing, Manifest, StoreError};

const DAY_NS: i64 = 24 * 3600 * 1_000_000_000;

fn add(store: &Store, id: &str, name: Option<&str>, start_ns: i64) {
    let manifest = Manifest {
        name: name.map(str::to_owned),
        start_ns,
        clock: "epoch".to_owned(),
        ..Manifest::new(id)
    };
    let mut run = store.create(manifest).unwrap();
    run.append(0, 0, &[0; 1000], start_ns).unwrap();
    run.close(&Closing::default()).unwrap();
}

fn ids(runs: &[RunEntry]) -> Vec<&str> {
    runs.iter().map(|run| run.id.as_str()).collect()
}

fn example(root: &Path) -> Store {
    let store = Store::open(&root.join("a/runs"));
    add(&store, "20261119-100000-aaaa", Some("nightly"), DAY_NS);
    add(&store, "20261120-100000-bbbb", None, 2 * DAY_NS);
    add(&store, "20261121-100000-cccc", Some("nightly"), 3 * DAY_NS);
    store
}

#[test]
fn a_store_that_is_not_there_is_empty() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(&root.path().join("none"));
    assert_eq!(store.list().unwrap(), []);
    let error = store.resolve("@").unwrap_err();
    assert_eq!(error.to_string(), "no run `@`");
}

#[test]
fn references_find_runs() {
    let root = tempfile::tempdir().unwrap();
    let store = example(root.path());
    fs::write(store.root().join("stray"), "x").unwrap();
    assert_eq!(
        ids(&store.list().unwrap()),
        [
            "20261121-100000-cccc",
            "20261120-100000-bbbb",
            "20261119-100000-aaaa"
        ]
    );
    let path = format!("{}/20261120-100000-bbbb", store.root().display());
    for (reference, expect) in [
        ("@", "20261121-100000-cccc"),
        ("@0", "20261121-100000-cccc"),
        ("@2", "20261119-100000-aaaa"),
        ("nightly", "20261121-100000-cccc"),
        ("20261120", "20261120-100000-bbbb"),
        ("20261119-100000-aaaa", "20261119-100000-aaaa"),
        (path.as_str(), "20261120-100000-bbbb"),
    ] {
        assert_eq!(store.resolve(reference).unwrap().id, expect, "{reference}");
    }
}

#[test]
fn references_that_find_none_or_several_say_what_there_is() {
    let root = tempfile::tempdir().unwrap();
    let store = example(root.path());
    match store.resolve("202611").unwrap_err() {
        StoreError::AmbiguousRun { candidates, .. } => assert_eq!(candidates.len(), 3),
        error => panic!("{error}"),
    }
    for reference in ["nihgtly", "@3", "@x", "", "-"] {
        match store.resolve(reference).unwrap_err() {
            StoreError::UnknownRun { candidates, .. } => {
                assert_eq!(candidates[..2], ["nightly", "20261121-100000-cccc"]);
            }
            error => panic!("{error}"),
        }
    }
    let error = store.resolve("./nothing").unwrap_err();
    assert!(matches!(error, StoreError::NotARun { .. }), "{error}");
}

#[test]
fn names_and_tags_change() {
    let root = tempfile::tempdir().unwrap();
    let store = example(root.path());
    let run = store.resolve("@1").unwrap();
    store.set_name(&run, Some("good")).unwrap();
    store
        .set_tags(&run, &["b".to_owned(), "a".to_owned(), "b".to_owned()], &[])
        .unwrap();
    let run = store.resolve("good").unwrap();
    assert_eq!(run.id, "20261120-100000-bbbb");
    assert_eq!(run.manifest.as_ref().unwrap().tags, ["a", "b"]);
    store.set_tags(&run, &[], &["a".to_owned()]).unwrap();
    store.set_name(&run, None).unwrap();
    let run = store.resolve("@1").unwrap();
    assert_eq!(
        (run.name(), run.has_tag("a"), run.has_tag("b")),
        (None, false, true)
    );
    for name in ["", ".x", "-x", "a/b", "@1", "x.removed", "\u{e9}"] {
        let error = store.set_name(&run, Some(name)).unwrap_err();
        assert!(matches!(error, StoreError::BadName { .. }), "{name}");
    }
}

#[test]
fn a_removed_run_is_gone_and_a_live_one_stays() {
    let root = tempfile::tempdir().unwrap();
    let store = example(root.path());
    store.remove(&store.resolve("@").unwrap()).unwrap();
    assert_eq!(store.list().unwrap().len(), 2);
    let live = store.create(Manifest::new("20261122-100000-dddd")).unwrap();
    let entry = store.resolve("@").unwrap();
    assert!(entry.recording);
    let error = store.remove(&entry).unwrap_err();
    assert!(matches!(error, StoreError::Live { .. }), "{error}");
    let error = store.set_name(&entry, Some("x")).unwrap_err();
    assert!(matches!(error, StoreError::Live { .. }), "{error}");
    drop(live);
    store.remove(&store.resolve("@").unwrap()).unwrap();
}

#[test]
fn a_damaged_manifest_is_listed_and_not_written_over() {
    let root = tempfile::tempdir().unwrap();
    let store = example(root.path());
    let run = store.resolve("@").unwrap();
    let path = run.folder.join("run.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("epoch", "apoch")).unwrap();
    assert!(store.resolve("@").unwrap().problem.is_some());
    let error = store.set_name(&run, Some("x")).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    fs::write(&path, "{").unwrap();
    let run = store.resolve("@").unwrap();
    assert_eq!(run.manifest, None);
    store.remove(&run).unwrap();
}

#[test]
fn pruning_keeps_the_newest_the_live_and_the_tagged() {
    let root = tempfile::tempdir().unwrap();
    let store = example(root.path());
    let all = Retention::default();
    let now_ns = 3 * DAY_NS;
    assert_eq!(store.plan_prune(&all, now_ns).unwrap(), []);
    let old = store.plan_prune(&all, 92 * DAY_NS + 1).unwrap();
    assert_eq!(ids(&old), ["20261120-100000-bbbb", "20261119-100000-aaaa"]);
    let two_runs: u64 = store.list().unwrap()[..2]
        .iter()
        .map(|run| folder_bytes(&run.folder).unwrap())
        .sum();
    let small = Retention {
        bytes: two_runs + 10,
        ..all
    };
    assert_eq!(store.plan_prune(&small, now_ns).unwrap().len(), 1);

    let two = Retention { runs: 2, ..all };
    let oldest = store.resolve("@2").unwrap();
    store.set_tags(&oldest, &["keep".to_owned()], &[]).unwrap();
    assert_eq!(store.plan_prune(&two, now_ns).unwrap(), []);
    store.set_tags(&oldest, &[], &["keep".to_owned()]).unwrap();
    let live = store.create(Manifest::new("20261101-000000-live")).unwrap();
    let removed = store.prune(&two, now_ns).unwrap();
    assert_eq!(ids(&removed), ["20261119-100000-aaaa"]);
    assert_eq!(
        ids(&store.list().unwrap()),
        [
            "20261121-100000-cccc",
            "20261120-100000-bbbb",
            "20261101-000000-live"
        ]
    );
    drop(live);
}

#[test]
fn pruning_removes_what_a_cut_removal_left() {
    let root = tempfile::tempdir().unwrap();
    let store = example(root.path());
    let left = store.root().join("20250101-000000-eeee.removed");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("run.json"), "{}").unwrap();
    assert_eq!(store.list().unwrap().len(), 3);
    store.prune(&Retention::default(), 0).unwrap();
    assert!(!left.exists());
}

#[test]
fn an_id_that_is_a_path_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path());
    let error = store.create(Manifest::new("../x")).unwrap_err();
    assert!(matches!(error, StoreError::BadName { .. }), "{error}");
}
