//! Memberships, mounts and names as real machines have them.

use std::fs;
use std::path::Path;

use super::json;
use super::{Membership, Mounts, Names, memory};

const ID: &str = "5f3a9c0e7b1d2f4a6c8e0b2d4f6a8c0e1b3d5f7a9c1e3b5d7f9a1c3e5b7d9f01";

#[test]
fn the_path_that_tells_most_is_chosen() {
    let docker = format!("/docker/{ID}");
    for (text, path) in [
        (
            "0::/user.slice/session-3.scope\n",
            "/user.slice/session-3.scope",
        ),
        // Version 1: all alike, or only some hierarchies in use.
        (
            "12:memory:/docker/ID\n11:cpu,cpuacct:/docker/ID\n1:name=systemd:/docker/ID\n",
            &docker,
        ),
        ("9:name=systemd:/\n4:memory:/job\n1:cpu:/\n0::/\n", "/job"),
        // Hybrid: systemd's own beside an empty version 2.
        (
            "4:memory:/a.slice\n1:name=systemd:/a.slice/b.service\n0::/\n",
            "/a.slice/b.service",
        ),
        (
            "1:name=systemd:/x.service\n0::/system.slice/docker-ID.scope\n",
            "/system.slice/docker-ID.scope",
        ),
        ("4:memory:/docker/ID\n0::/init.scope\n", &docker),
        ("0::/\n", "/"),
        // A colon in a path.
        ("0::/a:b/c\n", "/a:b/c"),
    ] {
        let membership = Membership::from_text(&text.replace("ID", ID));
        assert_eq!(
            String::from_utf8_lossy(membership.path()),
            path.replace("ID", ID),
            "{text}"
        );
    }
}

/// Who is moved is moved in all hierarchies where it was in the same group.
#[test]
fn a_move_leaves_the_hierarchies_apart() {
    for (before, after) in [
        ("4:memory:/job\n1:cpu:/\n0::/\n", "4:memory:/job\n0::/new\n"),
        ("4:memory:/docker/x\n0::/docker/x\n", "0::/new\n"),
        ("4:memory:/docker/x\n", "4:memory:/docker/x\n0::/new\n"),
    ] {
        let moved = Membership::from_text(before).moved_to(b"/new");
        assert_eq!(moved, Membership::from_text(after), "{before}");
    }
}

#[test]
fn groups_lie_below_their_mounts() {
    let mounts = Mounts::parse(
        b"35 24 0:30 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
          36 24 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
          37 24 0:32 /docker/x /mnt/with\\040blank rw - cgroup2 cgroup2 rw\n\
          38 24 0:33 / /proc rw - proc proc rw\n",
    );
    let group = Membership::from_text("4:memory:/a/b\n3:cpu,cpuacct:/\n0::/docker/x/y\n");
    let folder = |controller: &[u8]| mounts.folder_v1(&group, controller);
    assert_eq!(
        folder(b"memory").as_deref(),
        Some(Path::new("/sys/fs/cgroup/memory/a/b"))
    );
    assert_eq!(
        folder(b"cpuacct").as_deref(),
        Some(Path::new("/sys/fs/cgroup/cpu,cpuacct"))
    );
    assert_eq!(folder(b"pids"), None);
    assert_eq!(
        mounts.folder_v2(&group).as_deref(),
        Some(Path::new("/mnt/with blank/y"))
    );
    for (folder, path) in [
        ("/mnt/with blank/y", Some("/docker/x/y")),
        ("/mnt/with blank", Some("/docker/x")),
        ("/sys/fs/cgroup/memory/a", None),
    ] {
        let found = mounts.path_v2(Path::new(folder));
        assert_eq!(found.as_deref(), path.map(str::as_bytes));
    }
    let old = mounts.path_v1(Path::new("/sys/fs/cgroup/memory/a"));
    assert_eq!(old.as_deref(), Some(b"/a".as_slice()));
    assert_eq!(mounts.path_v1(Path::new("/mnt/with blank/y")), None);
    let outside = Membership::from_text("0::/docker/x/../../other\n");
    assert_eq!(mounts.folder_v2(&outside), None);
}

#[test]
fn names_come_from_the_runtimes_files() {
    let root = tempfile::tempdir().expect("a folder");
    let write = |path: String, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text.replace("ID", ID)).expect("written");
    };
    write(
        format!("var/lib/docker/containers/{ID}/config.v2.json"),
        r#"{"State":{"Name":"no","L":[1,{"Name":"no"}]},"ID":"ID","Name":"/web-1","Args":[]}"#,
    );
    write(
        "var/lib/containers/storage/overlay-containers/containers.json".to_owned(),
        r#"[{"id":"0a","names":["other"]}, {"id":"ID","names":["pod\u002dman \"q\""],"image":"x"}]"#,
    );
    write(
        format!("run/containers/storage/overlay-containers/{ID}/userdata/config.json"),
        r#"{"ociVersion":"1.0.2","annotations":{"a":"b","io.kubernetes.container.name":"sidecar"}}"#,
    );
    write(
        format!("run/containerd/io.containerd.runtime.v2.task/k8s.io/{ID}/config.json"),
        r#"{"process":{"args":["sh"],"n":-1.5e3},"annotations":{"io.kubernetes.cri.container-name":"app"}}"#,
    );
    let mut names = Names::below(root.path());
    for (path, name) in [
        ("/docker/ID", Some("web-1")),
        ("/machine.slice/libpod-ID.scope", Some("pod-man \"q\"")),
        ("/lxc.payload.web1", Some("web1")),
        ("/system.slice/ssh.service", None),
    ] {
        // Each container has one runtime: names are remembered by id.
        let mut fresh = Names::below(root.path());
        let found = fresh.of(path.replace("ID", ID).as_bytes());
        assert_eq!(found.as_deref(), name.map(str::as_bytes), "{path}");
    }
    let crio = format!("/kubepods.slice/crio-{ID}.scope");
    assert_eq!(names.of(crio.as_bytes()).as_deref(), Some(&b"sidecar"[..]));
    fs::remove_dir_all(root.path().join("run")).expect("removed");
    assert_eq!(names.of(crio.as_bytes()).as_deref(), Some(&b"sidecar"[..]));
    let mut names = Names::below(root.path());
    assert_eq!(names.of(crio.as_bytes()), None);
}

#[test]
fn damaged_files_give_no_name() {
    let whole = br#"{"a":[1,2,{"b":null}],"Name":"/x"}"#;
    assert_eq!(json::text(whole, &["Name"]).as_deref(), Some(&b"/x"[..]));
    for cut in 0..whole.len() - 1 {
        assert_eq!(json::text(&whole[..cut], &["Name"]), None, "{cut}");
    }
    for (text, keys) in [
        (&b"{\"Name\":5}"[..], &["Name"][..]),
        (b"[]", &["Name"]),
        (b"{\"a\":{\"b\":\"c\"}}", &["a"]),
        (b"{\"a\":}", &["b"]),
    ] {
        assert_eq!(json::text(text, keys), None);
    }
    let deep = format!("{{\"a\":{}1,\"Name\":\"x\"}}", "[".repeat(1000));
    assert_eq!(json::text(deep.as_bytes(), &["Name"]), None);
}

/// Makes a group's folder with files.
fn group(folder: &Path, files: &[(&str, &str)]) {
    fs::create_dir_all(folder).expect("a folder can be made");
    for (name, text) in [("cgroup.procs", "")].iter().chain(files) {
        fs::write(folder.join(name), text).expect("a file can be written");
    }
}

#[test]
fn free_memory_is_the_least_of_a_group_and_those_above_it() {
    let outside = tempfile::tempdir().expect("a folder");
    let root = outside.path().join("mounted");
    let inner = root.join("slice/job");
    let free = |folder: &Path| memory::least_free(folder, memory::V2);
    group(&root, &[]);
    let slice = |limit: &str| {
        let stat = "anon 900\nfile 250\ninactive_file 150\nactive_file 50\n";
        let files = [("memory.current", "1000\n"), ("memory.stat", stat)];
        group(&root.join("slice"), &files);
        group(&root.join("slice"), &[("memory.max", limit)]);
    };
    slice("max\n");
    group(
        &inner,
        &[("memory.max", "max\n"), ("memory.current", "70\n")],
    );
    assert_eq!(free(&inner), None);
    // What pages of files take is given back.
    slice("5000\n");
    assert_eq!(free(&inner), Some(4200));
    group(&inner, &[("memory.max", "1070\n")]);
    assert_eq!(free(&inner), Some(1000));
    group(&inner, &[("memory.high", "570\n")]);
    assert_eq!(free(&inner), Some(500));
    slice("700\n");
    assert_eq!(free(&inner), Some(0));
    assert_eq!(free(outside.path()), None);
}

#[test]
fn version_1_says_the_same_in_other_words() {
    let root = tempfile::tempdir().expect("a folder");
    let stat = "inactive_file 1\ntotal_inactive_file 20\ntotal_active_file 30\n";
    let files = [
        ("memory.usage_in_bytes", "100\n"),
        ("memory.limit_in_bytes", "1000\n"),
        ("memory.stat", stat),
    ];
    group(root.path(), &files);
    let free = memory::least_free(root.path(), memory::V1);
    assert_eq!(free, Some(950));
}
