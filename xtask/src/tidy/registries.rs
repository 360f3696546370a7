//! Every entry of a registry needs a page that explains it and a test that names it.

use crate::workspace::{TextFile, Workspace};

/// A static slice that is a registry.
struct Registry {
    /// Name of the slice.
    slice: &'static str,
    /// Source folder that holds it.
    home: &'static str,
    /// What an entry's name is written behind: `name: "..."`, or the first text of the entry.
    name_field: &'static str,
    /// Whether entries must appear one by one in a test; the others are covered by a test that loops over the slice.
    tested_by_name: bool,
}

const REGISTRIES: &[Registry] = &[
    Registry {
        slice: "FORMATS",
        home: "crates/unspool-decode/src/",
        name_field: "name: \"",
        tested_by_name: true,
    },
    Registry {
        slice: "ANALYSES",
        home: "crates/unspool-analyze/src/",
        name_field: "name: \"",
        tested_by_name: true,
    },
    Registry {
        slice: "FORMS",
        home: "crates/unspool-export/src/",
        name_field: "name: \"",
        tested_by_name: true,
    },
    Registry {
        slice: "WHOLE_FORMS",
        home: "crates/unspool-export/src/",
        name_field: "name: \"",
        tested_by_name: true,
    },
    Registry {
        slice: "FIELDS",
        home: "crates/unspool-model/src/",
        name_field: "name: \"",
        tested_by_name: false,
    },
];

/// Finds entries without page or test, and slices that no test loops over.
pub(super) fn complete(workspace: &Workspace) -> Vec<String> {
    let mut problems = Vec::new();
    for registry in REGISTRIES {
        let Some(block) = slice_text(workspace, registry) else {
            problems.push(format!(
                "`{}` is nowhere under {}",
                registry.slice, registry.home
            ));
            continue;
        };
        let names = entry_names(workspace, registry, &block);
        if names.is_empty() {
            problems.push(format!(
                "`{}` has no entries that this check can read",
                registry.slice
            ));
        }
        for name in &names {
            if !in_docs(workspace, name) {
                problems.push(format!(
                    "{} entry `{name}` is in no page under docs/ (in backticks)",
                    registry.slice
                ));
            }
            if registry.tested_by_name && !in_tests(workspace, name) && !looped(workspace, registry)
            {
                problems.push(format!("{} entry `{name}` is in no test", registry.slice));
            }
        }
        if !registry.tested_by_name
            && !workspace
                .files
                .iter()
                .any(|file| is_test(file) && file.text.contains(registry.slice))
        {
            problems.push(format!("no test loops over {}", registry.slice));
        }
    }
    problems
}

/// Gives the text of the slice, from its name to the bracket in the first column that ends it.
fn slice_text(workspace: &Workspace, registry: &Registry) -> Option<String> {
    let heads = [
        format!("static {}:", registry.slice),
        format!("const {}:", registry.slice),
    ];
    let homes = workspace
        .rust_files()
        .filter(|file| file.path.starts_with(registry.home));
    homes
        .flat_map(|file| heads.iter().map(move |head| (file, head)))
        .find_map(|(file, head)| {
            let from = file.text.get(file.text.find(head.as_str())?..)?;
            let equals = from.find('=')?;
            let end = from.find("];").or_else(|| from.find("\n}"))?;
            from.get(equals..end).map(str::to_owned)
        })
}

/// Gives the names: written in the slice itself, or in the constants and modules that it lists.
fn entry_names(workspace: &Workspace, registry: &Registry, block: &str) -> Vec<String> {
    let direct = names_after(block, registry.name_field);
    if !direct.is_empty() {
        return direct;
    }
    let rows = block
        .lines()
        .filter_map(|line| line.trim().split_once("(\"")?.1.split_once('"'));
    let rows: Vec<String> = rows.map(|(name, _)| name.to_owned()).collect();
    if !rows.is_empty() {
        return rows;
    }
    // Entries such as `summary::ANALYSIS,` or `&strace::FORMAT,`: the name stands in that module.
    let modules = block.split(',').filter_map(|entry| {
        entry
            .trim()
            .trim_start_matches(['=', '&', '[', ' ', '\n'])
            .split_once("::")
    });
    let mut names = Vec::new();
    for (module, _) in modules {
        let paths = [
            format!("{}{module}.rs", registry.home),
            format!("{}{module}/mod.rs", registry.home),
        ];
        let nested = format!("/{module}.rs");
        let mut files = workspace.rust_files().filter(|file| {
            paths.contains(&file.path)
                || (file.path.starts_with(registry.home) && file.path.ends_with(&nested))
        });
        let found = files.find_map(|file| {
            names_after(&file.text, registry.name_field)
                .into_iter()
                .next()
        });
        names.push(found.unwrap_or_else(|| module.to_owned()));
    }
    names
}

/// Gives the quoted texts that follow a mark.
pub(super) fn names_after(text: &str, mark: &str) -> Vec<String> {
    text.split(mark)
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn in_docs(workspace: &Workspace, name: &str) -> bool {
    let marked = format!("`{name}`");
    let heading = format!("## {name}");
    let mut pages = workspace
        .files
        .iter()
        .filter(|file| file.path.starts_with("docs/") && file.ends_with("md"));
    pages.any(|page| page.text.contains(&marked) || page.text.contains(&heading))
}

fn in_tests(workspace: &Workspace, name: &str) -> bool {
    let quoted = format!("\"{name}\"");
    let module = format!("{name}::");
    workspace.rust_files().any(|file| {
        let named_after = file.path.ends_with(&format!("/{name}/tests.rs"))
            || file.path.contains(&format!("/{name}/tests/"));
        is_test(file) && (named_after || file.text.contains(&quoted) || file.text.contains(&module))
    })
}

/// Whether a test of the crate goes over the whole slice.
fn looped(workspace: &Workspace, registry: &Registry) -> bool {
    let (plain, borrowed) = (
        format!("in {} ", registry.slice),
        format!("{}.iter()", registry.slice),
    );
    let mut tests = workspace.files.iter().filter(|file| is_test(file));
    tests.any(|file| file.text.contains(&plain) || file.text.contains(&borrowed))
}

fn is_test(file: &TextFile) -> bool {
    file.path.ends_with("tests.rs")
        || file.path.contains("/tests/")
        || file.text.contains("#[cfg(test)]\nmod tests {")
}
