//! Which crate may use which, held as data.

use std::collections::BTreeSet;

use crate::workspace::Workspace;

/// Edges between our crates that the design allows. A crate that is not a key here may not exist.
const ALLOWED_EDGES: &[(&str, &[&str])] = &[
    ("unspool-model", &[]),
    ("unspool-decode", &["unspool-model"]),
    ("unspool-record", &["unspool-model", "unspool-decode"]),
    ("unspool-store", &["unspool-model"]),
    ("unspool-analyze", &["unspool-model"]),
    ("unspool-export", &["unspool-model"]),
    ("unspool-generate", &["unspool-model"]),
    ("unspool-query", &["unspool-model", "unspool-store"]),
    (
        "unspool",
        &[
            "unspool-model",
            "unspool-decode",
            "unspool-record",
            "unspool-store",
            "unspool-analyze",
            "unspool-export",
            "unspool-generate",
        ],
    ),
    ("torture", &["unspool-model", "unspool-decode"]),
    (
        "xtask",
        &[
            "unspool-model",
            "unspool-decode",
            "unspool-store",
            "unspool-analyze",
            "unspool-export",
        ],
    ),
];

/// Edges that only tests may have, on top of [`ALLOWED_EDGES`].
const ALLOWED_TEST_EDGES: &[(&str, &[&str])] = &[
    ("unspool-store", &["unspool-decode"]),
    ("unspool-analyze", &["unspool-decode"]),
    ("unspool-export", &["unspool-analyze"]),
];

/// Foreign dependencies that live only in some crates, so that the others build fast and stay small.
const CONFINED: &[(&str, &[&str])] = &[
    ("arrow-array", &["unspool-store", "unspool-query"]),
    ("arrow-schema", &["unspool-store", "unspool-query"]),
    ("arrow-ipc", &["unspool-store", "unspool-query"]),
    ("bytes", &["unspool-store", "unspool-query"]),
    ("datafusion", &["unspool-query"]),
    ("futures", &["unspool-query"]),
    ("landlock", &["unspool-query"]),
    ("object_store", &["unspool-query"]),
    ("tokio", &["unspool-query"]),
    ("arrow-buffer", &["unspool-store"]),
    ("parquet", &["unspool-store", "unspool-query"]),
    ("zstd", &["unspool-store"]),
    ("crc32c", &["unspool-store"]),
    (
        "serde",
        &["unspool-store", "unspool-export", "unspool-query"],
    ),
    (
        "serde_json",
        &[
            "unspool-store",
            "unspool-export",
            "unspool-generate",
            "unspool-query",
            "unspool",
            "torture",
            "xtask",
        ],
    ),
    ("flate2", &["unspool-export"]),
    ("libc", &["unspool-record", "unspool", "torture", "xtask"]),
    ("aya", &["unspool-record"]),
    ("aya-obj", &["unspool-record"]),
    ("hmac", &["unspool-record"]),
    ("sha2", &["unspool-record"]),
    (
        "memchr",
        &["unspool-decode", "unspool-record", "unspool", "xtask"],
    ),
    ("regex-lite", &["unspool-analyze"]),
    ("anyhow", &["unspool"]),
    ("clap", &["unspool"]),
    ("clap_complete", &["unspool"]),
    ("clap_mangen", &["unspool"]),
    ("jiff", &["unspool"]),
    ("indicatif", &["unspool"]),
    ("rustyline", &["unspool"]),
    ("signal-hook", &["unspool"]),
    ("strsim", &["unspool", "unspool-model"]),
];

/// Crates that take nothing foreign outside their tests.
const NOTHING_FOREIGN: &[&str] = &["unspool-model"];

/// Packages of which a second version in the lock file doubles the build.
const ONE_VERSION: &[&str] = &[
    "arrow-array",
    "arrow-schema",
    "arrow-buffer",
    "arrow-data",
    "arrow-ipc",
    "datafusion",
    "object_store",
    "parquet",
    "serde",
    "clap",
    "zstd-sys",
];

/// Licence expressions that we accept. A new one is read before it is added.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "BSL-1.0",
    "CC0-1.0",
    "Unicode-3.0",
    "Unlicense",
    "Apache-2.0 WITH LLVM-exception",
    "MIT-0",
    "CDLA-Permissive-2.0",
];

fn allowed<'a>(table: &'a [(&str, &'a [&'a str])], name: &str) -> Option<&'a [&'a str]> {
    table
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, values)| *values)
}

/// Finds edges between our crates that the design does not allow.
pub(super) fn edges(workspace: &Workspace) -> Vec<String> {
    let ours: BTreeSet<&str> = workspace
        .members
        .iter()
        .map(|member| member.name.as_str())
        .collect();
    let mut problems = Vec::new();
    for member in &workspace.members {
        let Some(may) = allowed(ALLOWED_EDGES, &member.name) else {
            problems.push(format!(
                "`{}` is not in the table of crates; see ARCHITECTURE.md",
                member.name
            ));
            continue;
        };
        let tests_may = allowed(ALLOWED_TEST_EDGES, &member.name).unwrap_or_default();
        for (dependency, kind) in &member.dependencies {
            let name = dependency.as_str();
            let fine = may.contains(&name) || (kind == "dev" && tests_may.contains(&name));
            if ours.contains(name) && !fine {
                problems.push(format!("`{}` may not use `{name}`", member.name));
            }
        }
    }
    problems
}

/// Finds heavy dependencies outside the crates that they live in.
pub(super) fn confined(workspace: &Workspace) -> Vec<String> {
    let mut problems = Vec::new();
    for member in &workspace.members {
        for (dependency, kind) in member.dependencies.iter().filter(|(_, kind)| kind != "dev") {
            if let Some(homes) = allowed(CONFINED, dependency)
                && !homes.contains(&member.name.as_str())
            {
                problems.push(format!(
                    "`{}` uses `{dependency}`, which lives only in {homes:?}",
                    member.name
                ));
            }
            let foreign = !dependency.starts_with("unspool");
            if foreign && kind.is_empty() && NOTHING_FOREIGN.contains(&member.name.as_str()) {
                problems.push(format!(
                    "`{}` uses `{dependency}`, but takes nothing foreign",
                    member.name
                ));
            }
        }
    }
    problems
}

/// Finds lines of the table of versions that no member uses.
pub(super) fn unused(workspace: &Workspace) -> Vec<String> {
    let used: BTreeSet<&str> = workspace
        .members
        .iter()
        .flat_map(|member| &member.dependencies)
        .map(|(name, _)| name.as_str())
        .collect();
    // The fuzz crate is a workspace of its own, because only the fuzzer's flags build it.
    let fuzz_manifests: String = workspace
        .files
        .iter()
        .filter(|file| file.path.ends_with("fuzz/Cargo.toml"))
        .map(|file| file.text.as_str())
        .collect();
    workspace_dependencies(&workspace.manifest)
        .filter(|name| !used.contains(name) && !fuzz_manifests.contains(name))
        .map(|name| format!("`{name}` is in [workspace.dependencies] and nobody uses it"))
        .collect()
}

fn workspace_dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim())
}

/// Gives name, version and whether it is foreign of every package of a lock file.
pub(super) fn locked(lock: &str) -> Vec<(&str, &str, bool)> {
    let value = |block: &'_ str, key: &str| -> Option<(usize, usize)> {
        let start = block.find(&format!("\n{key} = \""))? + key.len() + 5;
        let len = block.get(start..)?.find('"')?;
        Some((start, start + len))
    };
    let mut packages = Vec::new();
    for block in lock.split("[[package]]").skip(1) {
        let (Some(name), Some(version)) = (value(block, "name"), value(block, "version")) else {
            continue;
        };
        if let (Some(name), Some(version)) =
            (block.get(name.0..name.1), block.get(version.0..version.1))
        {
            packages.push((name, version, value(block, "source").is_some()));
        }
    }
    packages
}

/// Finds packages that are there in two versions and should not be.
pub(super) fn one_version(workspace: &Workspace) -> Vec<String> {
    let packages = locked(&workspace.lock);
    let mut problems = Vec::new();
    for name in ONE_VERSION {
        let versions: Vec<&str> = packages
            .iter()
            .filter(|package| package.0 == *name)
            .map(|package| package.1)
            .collect();
        if versions.len() > 1 {
            problems.push(format!(
                "`{name}` is locked in {} versions: {}",
                versions.len(),
                versions.join(", ")
            ));
        }
    }
    problems
}

/// Finds packages whose licence is not on the list.
pub(super) fn licences(workspace: &Workspace) -> Vec<String> {
    let refused = workspace
        .licences
        .iter()
        .filter(|(_, _, expression)| !accepted(expression));
    refused
        .map(|(name, version, expression)| {
            format!("{name} {version}: `{expression}` is not on the list")
        })
        .collect()
}

/// Whether a licence expression can be met with accepted licences: one side of every `OR`, all sides of every `AND`.
pub(super) fn accepted(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let plain = expression.trim();
    // Parentheses group alternatives in every expression of the registry so far: `(A OR B) AND C`.
    let mut depth = 0_i32;
    let mut part = String::new();
    let mut parts = Vec::new();
    for word in plain
        .replace('(', " ( ")
        .replace(')', " ) ")
        .split_whitespace()
    {
        match word {
            "(" => depth += 1,
            ")" => depth -= 1,
            "AND" if depth == 0 => parts.push(std::mem::take(&mut part)),
            _ => {
                part.push_str(word);
                part.push(' ');
            }
        }
    }
    parts.push(part);
    parts.iter().all(|part| {
        part.split(" OR ").any(|one| {
            one.split(" AND ")
                .all(|name| LICENCES.contains(&name.trim()))
        })
    })
}
