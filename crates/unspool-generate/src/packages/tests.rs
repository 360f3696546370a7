use std::fs;
use std::path::Path;

use super::*;

fn put(root: &Path, path: &str, text: &str) {
    let at = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(at.parent().expect("a folder")).expect("made");
    fs::write(at, text).expect("written");
}

fn found(root: &Path, wanted: &[&str]) -> Vec<String> {
    let wanted: BTreeSet<Vec<u8>> = wanted.iter().map(|path| path.as_bytes().to_vec()).collect();
    let owners = owners(&Host::new(root), &wanted);
    owners
        .of
        .iter()
        .map(|(path, package)| {
            let essential = if package.essential { " essential" } else { "" };
            let path = String::from_utf8_lossy(path);
            format!(
                "{path}: {:?} {} {}{essential}",
                package.manager, package.name, package.version
            )
        })
        .collect()
}

#[test]
fn dpkg_names_files_by_either_name_of_a_merged_folder() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    put(root, "/usr/lib/x/libc.so.6", "");
    std::os::unix::fs::symlink("usr/lib", root.join("lib")).expect("linked");
    put(
        root,
        "/var/lib/dpkg/info/libc6:amd64.list",
        "/.\n/lib\n/lib/x\n/lib/x/libc.so.6\n",
    );
    put(
        root,
        "/var/lib/dpkg/info/tool.list",
        "/usr/bin/tool\n/usr/bin/my file\n",
    );
    put(
        root,
        "/var/lib/dpkg/status",
        "Package: libc6\nEssential: no\nPriority: required\nVersion: 2.36-9\n\nPackage: tool\nPriority: optional\nVersion: 1:2~x\nDescription: a\n b\n",
    );
    assert_eq!(
        found(
            root,
            &["/usr/lib/x/libc.so.6", "/usr/bin/my file", "/usr/bin/other"]
        ),
        [
            "/usr/bin/my file: Dpkg tool 1:2~x",
            "/usr/lib/x/libc.so.6: Dpkg libc6 2.36-9 essential"
        ]
    );
}

#[test]
fn apk_and_pacman_are_read() {
    let root = tempfile::tempdir().expect("a folder");
    put(
        root.path(),
        "/lib/apk/db/installed",
        "C:x\nP:zlib\nV:1.3-r0\nF:lib\nR:libz.so.1\nZ:x\nF:usr/share\nR:z\n\nP:busybox\nV:1.36\nF:bin\nR:busybox\n",
    );
    put(
        root.path(),
        "/var/lib/pacman/local/sed-4.9-3/desc",
        "%NAME%\nsed\n\n%VERSION%\n4.9-3\n",
    );
    put(
        root.path(),
        "/var/lib/pacman/local/sed-4.9-3/files",
        "%FILES%\nusr/\nusr/bin/sed\n\n%BACKUP%\netc/x\n",
    );
    assert_eq!(
        found(
            root.path(),
            &["/lib/libz.so.1", "/bin/busybox", "/usr/bin/sed", "/etc/x"]
        ),
        [
            "/bin/busybox: Apk busybox 1.36 essential",
            "/lib/libz.so.1: Apk zlib 1.3-r0",
            "/usr/bin/sed: Pacman sed 4.9-3"
        ]
    );
}

#[test]
fn packages_of_languages_are_recognised() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    put(
        root,
        "/usr/lib/python3/site-packages/six-1.16.0.dist-info/RECORD",
        "six.py,sha256=x,1\n\"a,\"\"b.py\",,\n../../../bin/six,,\n",
    );
    put(
        root,
        "/app/node_modules/@s/p/package.json",
        "{\"version\": \"2.0.1\"}",
    );
    put(
        root,
        "/usr/local/share/perl/5.36/auto/Text/Thing/.packlist",
        "/usr/local/share/perl/5.36/Text/Thing.pm type=file\n",
    );
    assert_eq!(
        found(
            root,
            &[
                "/usr/lib/python3/site-packages/six.py",
                "/usr/lib/python3/site-packages/a,\"b.py",
                "/usr/bin/six",
                "/app/node_modules/@s/p/index.js",
                "/app/node_modules/none/index.js",
                "/var/lib/gems/3.1.0/gems/rake-13.0.6/lib/rake.rb",
                "/home/u/.cargo/registry/src/x/serde_json-1.0.2/src/lib.rs",
                "/usr/local/share/perl/5.36/Text/Thing.pm",
            ]
        ),
        [
            "/app/node_modules/@s/p/index.js: Npm @s/p 2.0.1",
            "/home/u/.cargo/registry/src/x/serde_json-1.0.2/src/lib.rs: Cargo serde_json 1.0.2",
            "/usr/bin/six: Pip six 1.16.0",
            "/usr/lib/python3/site-packages/a,\"b.py: Pip six 1.16.0",
            "/usr/lib/python3/site-packages/six.py: Pip six 1.16.0",
            "/usr/local/share/perl/5.36/Text/Thing.pm: Cpan Text::Thing ",
            "/var/lib/gems/3.1.0/gems/rake-13.0.6/lib/rake.rb: Gem rake 13.0.6",
        ]
    );
}
