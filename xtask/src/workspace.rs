//! The workspace as the checks see it: members with their dependencies, and text files.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A member crate.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Names of direct dependencies with their kind: `""`, `"dev"` or `"build"`.
    pub(crate) dependencies: Vec<(String, String)>,
}

/// A text file below the root.
#[derive(Debug)]
pub(crate) struct TextFile {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl TextFile {
    /// Whether the name ends in a dot and these letters.
    pub(crate) fn ends_with(&self, ending: &str) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|found| found == ending)
    }
}

/// Everything that the checks look at.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) manifest: String,
    pub(crate) lock: String,
    pub(crate) members: Vec<Member>,
    /// Licences of every package that a Linux build uses: name, version, expression.
    pub(crate) licences: Vec<(String, String, String)>,
    pub(crate) files: Vec<TextFile>,
}

/// Gives the root folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest_dir
        .parent()
        .expect("xtask lies in a folder of the root")
        .to_path_buf()
}

/// Folders that hold nothing of ours.
const SKIPPED_FOLDERS: &[&str] = &["target", ".git", "node_modules", "corpus", "artifacts"];

/// Endings of files that the checks read.
const TEXT_ENDINGS: &[&str] = &[
    "rs", "toml", "md", "py", "sh", "json", "c", "dict", "yml", "yaml",
];

/// Larger files are data, not text that a person writes.
const TEXT_SIZE_MAX_BYTES: u64 = 4 << 20;

impl Workspace {
    /// Reads manifests through `cargo metadata` and all text files.
    pub(crate) fn load() -> Result<Self, String> {
        let root = root();
        let read = |name: &str| {
            std::fs::read_to_string(root.join(name))
                .map_err(|error| format!("read `{name}`: {error}"))
        };
        let (manifest, lock) = (read("Cargo.toml")?, read("Cargo.lock")?);
        let metadata = metadata(&root)?;
        let members_of = metadata["workspace_members"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
        let members = packages
            .iter()
            .filter(|package| members_of.contains(&package["id"]))
            .map(member)
            .collect();
        let licences = packages
            .iter()
            .filter(|package| !package["source"].is_null())
            .map(|package| {
                (
                    text(&package["name"]),
                    text(&package["version"]),
                    text(&package["license"]),
                )
            })
            .collect();
        let mut files = Vec::new();
        collect_files(&root, &root, &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self {
            root,
            manifest,
            lock,
            members,
            licences,
            files,
        })
    }

    /// Gives the Rust files, generated ones and fixtures included.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = &TextFile> {
        self.files.iter().filter(|file| file.ends_with("rs"))
    }
}

fn metadata(root: &Path) -> Result<Value, String> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--filter-platform",
            &platform,
        ])
        .current_dir(root)
        .output()
        .map_err(|error| format!("run `cargo metadata`: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("parse the output of `cargo metadata`: {error}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn member(package: &Value) -> Member {
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    Member {
        name: text(&package["name"]),
        dependencies: dependencies
            .map(|dependency| (text(&dependency["name"]), text(&dependency["kind"])))
            .collect(),
    }
}

fn collect_files(root: &Path, folder: &Path, files: &mut Vec<TextFile>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| format!("list `{}`: {error}", folder.display()))?;
    for entry in entries {
        let entry = entry.map_err(|error| format!("list `{}`: {error}", folder.display()))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(metadata) = path.symlink_metadata() else {
            continue;
        };
        if metadata.is_dir() {
            if !SKIPPED_FOLDERS.contains(&name.as_str()) {
                collect_files(root, &path, files)?;
            }
            continue;
        }
        let ending = path
            .extension()
            .and_then(std::ffi::OsStr::to_str)
            .unwrap_or_default();
        let is_text = TEXT_ENDINGS.contains(&ending) || folder == root.join(".ci");
        if !metadata.is_file() || !is_text || metadata.len() > TEXT_SIZE_MAX_BYTES {
            continue;
        }
        // Files may come and go while others work in the same folder, and fixtures need not be UTF-8.
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        let relative = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        files.push(TextFile {
            path: relative,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        });
    }
    Ok(())
}
