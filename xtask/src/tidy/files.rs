//! What a file may hold, line by line.

use std::path::Path;

use crate::workspace::{TextFile, Workspace};

const FILE_LENGTH_MAX_LINES: usize = 800;

/// Files that must name forbidden words to forbid them.
const OWN_FILES: &str = "xtask/src/tidy/";

/// Finds Rust files that are too long to read.
pub(super) fn length(workspace: &Workspace) -> Vec<String> {
    let files = workspace
        .rust_files()
        .map(|file| (&file.path, file.text.lines().count()));
    let long = files.filter(|(_, lines)| *lines > FILE_LENGTH_MAX_LINES);
    long.map(|(path, lines)| {
        format!("{path} has {lines} lines; split it, {FILE_LENGTH_MAX_LINES} is the limit")
    })
    .collect()
}

/// Finds `tests.rs` files that no sibling declares: such tests never run.
pub(super) fn forgotten_tests(workspace: &Workspace) -> Vec<String> {
    let mut problems = Vec::new();
    for file in workspace.rust_files() {
        let Some((folder, name)) = file.path.rsplit_once('/') else {
            continue;
        };
        let under_src = folder.ends_with("/src") || folder.contains("/src/");
        if !under_src
            || ["mod.rs", "lib.rs", "main.rs"].contains(&name)
            || folder.ends_with("src/bin")
        {
            continue;
        }
        let module = name.trim_end_matches(".rs");
        let declared = workspace
            .rust_files()
            .any(|parent| declares(parent, folder, module));
        if !declared {
            problems.push(format!(
                "{} is not a module of any file; its code and tests never run",
                file.path
            ));
        }
    }
    problems
}

/// Whether a file of a folder has the line `mod NAME;`, or names the file by `#[path]`.
fn declares(parent: &TextFile, folder: &str, module: &str) -> bool {
    let Some((parent_folder, parent_name)) = parent.path.rsplit_once('/') else {
        return false;
    };
    let same = parent_folder == folder && ["mod.rs", "lib.rs", "main.rs"].contains(&parent_name);
    let above = folder == format!("{parent_folder}/{}", parent_name.trim_end_matches(".rs"));
    (same || above || parent_folder == folder)
        && parent.text.lines().any(|line| {
            let line = line.trim();
            line.ends_with(&format!("mod {module};"))
                || line == format!("#[path = \"{module}.rs\"]")
        })
}

/// Finds tests that never run, and marks of work without an issue.
pub(super) fn unfinished(workspace: &Workspace) -> Vec<String> {
    let mut problems = Vec::new();
    for file in workspace.files.iter().filter(|file| is_ours(file)) {
        for (number, line) in (1..).zip(file.text.lines()) {
            if let Some(problem) = unfinished_line(line, file.ends_with("rs")) {
                problems.push(format!("{}:{number}: {problem}", file.path));
            }
        }
    }
    problems
}

fn is_ours(file: &TextFile) -> bool {
    let code = ["rs", "py", "sh", "toml", "c"]
        .iter()
        .any(|ending| file.ends_with(ending))
        || file.path.starts_with(".ci/");
    code && !file.path.starts_with(OWN_FILES)
}

/// Tells what is wrong with a line.
pub(super) fn unfinished_line(line: &str, rust: bool) -> Option<&'static str> {
    for word in ["TODO", "FIXME", "XXX:"] {
        if line.contains(word)
            && !line.contains("issue #")
            && !line.contains("(#")
            && !line.contains(&format!("{word}_"))
        {
            return Some("a mark of unfinished work needs the number of its issue: `TODO(#12)`");
        }
    }
    if rust && (line.trim_start().starts_with("#[ignore") || line.contains(", ignore)]")) {
        return Some("an ignored test is a bug: assert what happens, or print why it is skipped");
    }
    if rust && line.trim_start().starts_with("#[allow(") {
        return Some("use `#[expect(lint, reason = \"...\")]`");
    }
    None
}

/// Folder in which this checkout stands: a path that exists only here.
pub(super) fn checkout() -> &'static str {
    let own = env!("CARGO_MANIFEST_DIR");
    own.strip_suffix("/xtask").unwrap_or(own)
}

/// Finds absolute paths of a machine.
pub(super) fn machine_paths(workspace: &Workspace) -> Vec<String> {
    let mut problems = Vec::new();
    for file in workspace
        .files
        .iter()
        .filter(|file| !file.path.starts_with(OWN_FILES))
    {
        for (number, line) in (1..).zip(file.text.lines()) {
            if line.contains(checkout()) {
                problems.push(format!(
                    "{}:{number}: a path of one machine: `{}`",
                    file.path,
                    line.trim()
                ));
            }
        }
    }
    problems
}

/// Crates that may hold `unsafe`.
const UNSAFE_CRATES: &[&str] = &[
    "crates/unspool-record/",
    "crates/torture/",
    "xtask/src/bench/",
    "jobs/",
];

/// Finds `unsafe` blocks elsewhere, and those without a reason beside them.
pub(super) fn unsafe_code(workspace: &Workspace) -> Vec<String> {
    let mut problems = Vec::new();
    for file in workspace
        .rust_files()
        .filter(|file| !file.path.starts_with(OWN_FILES))
    {
        let may = UNSAFE_CRATES.iter().any(|home| file.path.starts_with(home));
        for (number, line) in (1..).zip(file.text.lines()) {
            let code = line.split("//").next().unwrap_or_default();
            let block = code.contains("unsafe {")
                || code.contains("unsafe fn ")
                || code.contains("unsafe impl ");
            if block && !may {
                problems.push(format!(
                    "{}:{number}: `unsafe` lives only in {UNSAFE_CRATES:?}",
                    file.path
                ));
            }
        }
    }
    problems
}

/// Finds pages that texts name (`docs/NAME.md`, and targets of links in pages) and that do not exist: readers are sent there.
pub(super) fn pages(workspace: &Workspace) -> Vec<String> {
    let mut problems = Vec::new();
    for file in &workspace.files {
        let is_page = file.ends_with("md");
        if file.path.starts_with(OWN_FILES) || !(is_page || file.ends_with("rs")) {
            continue;
        }
        let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
        for (number, line) in (1..).zip(file.text.lines()) {
            let named = line.match_indices("docs/").filter_map(|(at, _)| {
                let rest = line.get(at..)?;
                let end = rest
                    .find(|letter: char| {
                        !(letter.is_ascii_alphanumeric() || "/._-".contains(letter))
                    })
                    .unwrap_or(rest.len());
                let path = rest.get(..end)?.trim_end_matches('.');
                let path = Path::new(path);
                (path.extension()? == "md").then(|| path.to_path_buf())
            });
            let linked = line.split("](").skip(1).filter_map(|rest| {
                let target = rest.split([')', '#']).next()?;
                (is_page && !target.is_empty() && !target.contains("://"))
                    .then(|| folder.join(target))
            });
            for path in named.chain(linked) {
                if !workspace.root.join(&path).exists() {
                    problems.push(format!(
                        "{}:{number}: there is no `{}`",
                        file.path,
                        path.display()
                    ));
                }
            }
        }
    }
    problems
}
