use std::io::Read as _;
use std::process::{Command, Stdio};

use super::*;

#[test]
fn archives_are_unpacked_as_they_were_meant() {
    let root = tempfile::tempdir().expect("a folder");
    let deep = format!("a/{}/{}", "d".repeat(90), "e".repeat(90));
    let at = root.path().join(&deep);
    std::fs::create_dir_all(&at).expect("made");
    std::fs::write(at.join("x\ny"), vec![7; 1000]).expect("written");
    std::os::unix::fs::symlink("t".repeat(150), root.path().join("link")).expect("linked");
    let host = Host::new(root.path());
    let entry = |path: String, kind: EntryKind| Entry {
        path: path.into_bytes(),
        kind,
    };
    let entries = [
        entry("/a".into(), EntryKind::Folder),
        entry(format!("/{deep}/x\ny"), EntryKind::File),
        entry(format!("/{deep}/none"), EntryKind::File),
        entry(
            "/link".into(),
            EntryKind::Link("t".repeat(150).into_bytes()),
        ),
    ];
    let mut bytes = Vec::new();
    let left_out = write_tar(&entries, &host, &mut bytes).expect("written");
    assert_eq!(left_out.len(), 1, "the file that is not there");
    let target = tempfile::tempdir().expect("a folder");
    let archive = target.path().join("x.tar");
    std::fs::write(&archive, bytes).expect("written");
    let status = Command::new("tar")
        .args(["xf", "x.tar"])
        .current_dir(target.path())
        .stdin(Stdio::null())
        .status();
    assert!(status.expect("tar starts").success());
    let mut read = Vec::new();
    let file = std::fs::File::open(target.path().join(&deep).join("x\ny"));
    file.expect("unpacked")
        .read_to_end(&mut read)
        .expect("read");
    assert_eq!(read, vec![7; 1000]);
    let link = std::fs::read_link(target.path().join("link")).expect("a link");
    assert_eq!(link.as_os_str().len(), 150);
}

#[test]
fn what_a_container_file_cannot_hold_goes_around_it() {
    let root = Root {
        exe: b"/bin/x".to_vec(),
        called: b"/bin/x".to_vec(),
        argv: vec![b"x".to_vec(), b"a\nRUN evil \"$(id)\"".to_vec()],
        cwd: b"/a\nRUN evil".to_vec(),
        env: vec![
            b"PATH=/a$b\"c".to_vec(),
            "LANG=\u{2039}redacted:00000000\u{203a}".into(),
            b"FOO=1".to_vec(),
        ],
        user: Some(7),
    };
    let mut observed = Observed::new();
    observed.roots.push(root);
    observed.tcp_listened.extend([80, 40_000]);
    observed.tcp_bound.extend([0, 80]);
    observed.tcp_connected.insert(443);
    let nowhere = tempfile::tempdir().expect("a folder");
    let image = plan(
        &observed,
        &Host::new(nowhere.path()),
        ImageOptions {
            from_scratch: true,
            pin: false,
        },
    );
    let said: Vec<&str> = image
        .dockerfile
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(
        said,
        [
            "FROM scratch",
            "ADD rootfs.tar /",
            r#"ENV PATH="/a\$b\"c""#,
            "WORKDIR /.unspool-cwd",
            "USER 7",
            "EXPOSE 80",
            r#"ENTRYPOINT ["/bin/x"]"#,
            r#"CMD ["a\nRUN evil \"$(id)\""]"#,
        ]
    );
    assert!(
        image
            .dockerfile
            .contains("ENV LANG: its value was redacted")
    );
    assert!(image.entries.contains(&Entry {
        path: b"/.unspool-cwd".to_vec(),
        kind: EntryKind::Link(b"/a\nRUN evil".to_vec())
    }));
}
