use super::*;
use crate::workspace::{Member, TextFile};

/// The check of the house itself, one test for all so that one run names every problem.
#[test]
fn workspace_is_tidy() {
    let workspace = Workspace::load().expect("the workspace can be read");
    let problems = run(&workspace);
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

fn planted(path: &str, text: &str) -> Workspace {
    Workspace {
        root: "nowhere".into(),
        manifest: String::new(),
        lock: String::new(),
        members: Vec::new(),
        licences: Vec::new(),
        files: vec![TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        }],
    }
}

fn member(name: &str, dependencies: &[(&str, &str)]) -> Member {
    Member {
        name: name.to_owned(),
        dependencies: dependencies
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()))
            .collect(),
    }
}

#[test]
fn forbidden_edges_are_found() {
    let mut workspace = planted("x.rs", "");
    workspace.members = vec![
        member("unspool-model", &[("memchr", "")]),
        member(
            "unspool-decode",
            &[("unspool-model", ""), ("unspool-store", "")],
        ),
        member(
            "unspool-store",
            &[("unspool-decode", "dev"), ("parquet", "")],
        ),
        member("unspool-analyze", &[("parquet", "")]),
        member("unspool-utils", &[]),
    ];
    assert_eq!(
        dependencies::edges(&workspace),
        [
            "`unspool-decode` may not use `unspool-store`",
            "`unspool-utils` is not in the table of crates; see ARCHITECTURE.md"
        ]
    );
    let confined = dependencies::confined(&workspace);
    assert_eq!(confined.len(), 3, "{confined:?}");
    assert!(
        confined
            .iter()
            .any(|problem| problem.starts_with("`unspool-analyze` uses `parquet`"))
    );
    assert!(
        confined
            .iter()
            .any(|problem| problem == "`unspool-model` uses `memchr`, but takes nothing foreign")
    );
}

#[test]
fn unused_versions_are_found() {
    let mut workspace = planted("x.rs", "");
    workspace.manifest = "[workspace.dependencies]\n# Why.\nmemchr = \"2\"\nzstd = { version = \"1\" }\n[profile.dev]\nx = 1\n".to_owned();
    workspace.members = vec![member("unspool-decode", &[("memchr", "")])];
    assert_eq!(
        dependencies::unused(&workspace),
        ["`zstd` is in [workspace.dependencies] and nobody uses it"]
    );
}

#[test]
fn second_versions_are_found() {
    let mut workspace = planted("x.rs", "");
    workspace.lock = ["58.0.0", "59.3.0"]
        .map(|version| {
            format!("[[package]]\nname = \"parquet\"\nversion = \"{version}\"\nsource = \"r\"\n")
        })
        .concat();
    assert_eq!(
        dependencies::one_version(&workspace),
        ["`parquet` is locked in 2 versions: 58.0.0, 59.3.0"]
    );
}

#[test]
fn licence_expressions() {
    for fine in [
        "MIT",
        "MIT OR Apache-2.0",
        "MIT/Apache-2.0",
        "Unlicense OR GPL-3.0",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "MIT AND BSD-3-Clause",
    ] {
        assert!(dependencies::accepted(fine), "{fine}");
    }
    for refused in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR GPL-3.0) AND MPL-2.0",
        "MPL-2.0",
    ] {
        assert!(!dependencies::accepted(refused), "{refused}");
    }
}

#[test]
fn version_requirements() {
    for (version, requirement, expect) in [
        ("1.2.3", ">=1.2.3", true),
        ("1.2.2", ">=1.2.3", false),
        ("1.2.3-alpha", ">=1.2.3", false),
        ("1.9.0", "^1.2", true),
        ("2.0.0", "^1.2", false),
        ("0.4.9", "^0.4.1", true),
        ("0.5.0", "^0.4.1", false),
        ("0.0.4", "^0.0.3", false),
        ("1.2.9", "~1.2.3", true),
        ("1.3.0", "~1.2.3", false),
        ("1.5.0", ">=1.2.3, <1.6", true),
        ("1.6.0", ">=1.2.3, <1.6", false),
        ("1.0.0", "", false),
    ] {
        assert_eq!(
            advisories::holds(version, requirement),
            expect,
            "{version} {requirement}"
        );
    }
}

#[test]
fn advisories_hit_only_what_they_name() {
    let lock = "[[package]]\nname = \"time\"\nversion = \"0.1.43\"\nsource = \"registry\"\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n";
    let list = serde_json::json!([
        {"package": "time", "id": "RUSTSEC-2020-0071", "kind": "vulnerability", "title": "segfault", "patched": [">=0.2.23"], "unaffected": ["=0.2.0"]},
        {"package": "ours", "id": "RUSTSEC-0000-0000", "kind": "vulnerability", "title": "not foreign", "patched": [], "unaffected": []},
    ]);
    assert_eq!(
        advisories::hits(lock, &list),
        ["time 0.1.43: RUSTSEC-2020-0071 (vulnerability) segfault"]
    );
    assert!(advisories::hits(&lock.replace("0.1.43", "0.3.0"), &list).is_empty());
}

#[test]
fn long_files_are_found() {
    assert!(files::length(&planted("crates/a/src/lib.rs", &"x\n".repeat(800))).is_empty());
    assert_eq!(
        files::length(&planted("crates/a/src/lib.rs", &"x\n".repeat(801))).len(),
        1
    );
}

#[test]
fn forgotten_test_files_are_found() {
    let mut workspace = planted("crates/a/src/b/tests.rs", "#[test] fn never() {}");
    assert_eq!(files::forgotten_tests(&workspace).len(), 1);
    let module = TextFile {
        path: "crates/a/src/b/mod.rs".to_owned(),
        text: "#[cfg(test)]\nmod tests;\n".to_owned(),
    };
    workspace.files.push(module);
    assert!(files::forgotten_tests(&workspace).is_empty());
}

#[test]
fn unfinished_lines_are_found() {
    for line in [
        "// TODO later",
        "    // FIXME: wrong",
        "    #[ignore = \"slow\"]",
        "#[allow(dead_code)]",
    ] {
        assert!(files::unfinished_line(line, true).is_some(), "{line}");
    }
    for line in [
        "// TODO(#12): also x",
        "// FIXME see issue #3",
        "let ignored = 1;",
        "#[expect(dead_code, reason = \"x\")]",
    ] {
        assert!(files::unfinished_line(line, true).is_none(), "{line}");
    }
}

#[test]
fn machine_paths_and_stray_unsafe_are_found() {
    assert_eq!(
        files::machine_paths(&planted(
            "crates/a/src/lib.rs",
            &format!("let x = \"{}/x\";", files::checkout())
        ))
        .len(),
        1
    );
    assert_eq!(
        files::unsafe_code(&planted(
            "crates/unspool-model/src/lib.rs",
            "unsafe { x() }"
        ))
        .len(),
        1
    );
    assert!(
        files::unsafe_code(&planted(
            "crates/unspool-record/src/lib.rs",
            "unsafe { x() }"
        ))
        .is_empty()
    );
}

#[test]
fn pages_that_do_not_exist_are_found() {
    let problems = |path, text| files::pages(&planted(path, text)).len();
    assert_eq!(
        problems("crates/a/src/lib.rs", "\"see docs/nowhere.md.\""),
        1
    );
    assert_eq!(problems("README.md", "[x](docs/nowhere.md)"), 2);
    assert_eq!(
        problems(
            "docs/a.md",
            "[x](nowhere.md#part) [y](#part) [z](https://a.b/c)"
        ),
        1
    );
    assert_eq!(problems("docs/a.json", "docs/nowhere.md"), 0);
}

#[test]
fn registry_entries_without_page_or_test_are_found() {
    let mut workspace = planted(
        "crates/unspool-decode/src/lib.rs",
        "pub static FORMATS: &[Format] = &[\n    Format { name: \"strace\" },\n    Format { name: \"ltrace\" },\n];\n",
    );
    workspace.files.push(TextFile {
        path: "docs/formats.md".to_owned(),
        text: "`strace` logs".to_owned(),
    });
    workspace.files.push(TextFile {
        path: "crates/unspool-decode/src/strace/tests.rs".to_owned(),
        text: String::new(),
    });
    let problems = registries::complete(&workspace);
    let about_formats: Vec<&String> = problems
        .iter()
        .filter(|problem| problem.starts_with("FORMATS"))
        .collect();
    assert_eq!(
        about_formats,
        [
            "FORMATS entry `ltrace` is in no page under docs/ (in backticks)",
            "FORMATS entry `ltrace` is in no test"
        ]
    );
}
