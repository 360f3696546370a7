//! Runs the program and reads its answers.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The program under test, in a store of its own.
pub(crate) struct Program {
    folder: tempfile::TempDir,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A folder for the test's own files.
    pub(crate) fn work(&self) -> PathBuf {
        let work = self.folder.path().join("work");
        std::fs::create_dir_all(&work).expect("a folder can be made");
        work.canonicalize().expect("it exists")
    }

    /// The program with these arguments, not yet started.
    pub(crate) fn command<A: AsRef<std::ffi::OsStr>>(&self, args: &[A]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_unspool"));
        command
            .args(args)
            .env("UNSPOOL_STORE", self.folder.path().join("store"))
            .env("HOME", self.folder.path())
            .env_remove("NO_COLOR")
            .current_dir(self.work());
        command
    }

    pub(crate) fn run<A: AsRef<std::ffi::OsStr>>(&self, args: &[A]) -> Output {
        self.command(args).output().expect("the program starts")
    }

    /// Runs it and demands success.
    pub(crate) fn ok<A: AsRef<std::ffi::OsStr> + std::fmt::Debug>(&self, args: &[A]) -> String {
        let output = self.run(args);
        assert!(
            output.status.success(),
            "{args:?}: {}\n{}",
            output.status,
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Rows of a view.
    pub(crate) fn rows(&self, args: &[&str]) -> Vec<Value> {
        let mut all = vec!["show"];
        all.extend_from_slice(args);
        all.push("--json");
        let answer: Value = serde_json::from_str(&self.ok(&all)).expect("JSON");
        assert_eq!(answer["unspool"], 1);
        answer["rows"].as_array().expect("rows").clone()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the project's folder")
}

/// Whether this is CI, where what a test needs has to be there.
pub(crate) fn is_ci() -> bool {
    std::env::vars().any(|(key, value)| key == "CI" && value == "true")
}

/// Whether a program that the test needs is here. In CI it has to be.
pub(crate) fn has_tool(name: &str) -> bool {
    let paths = std::env::vars().find(|(key, _)| key == "PATH");
    let found = paths.is_some_and(|(_, paths)| {
        std::env::split_paths(&paths).any(|folder| folder.join(name).is_file())
    });
    if !found {
        assert!(!is_ci(), "`{name}` is missing in CI");
        eprintln!("skipped: `{name}` is not installed");
    }
    found
}

/// Whether the engine of `unspool query` was built beside the program. In CI it has to be.
pub(crate) fn has_engine() -> bool {
    let beside = Path::new(env!("CARGO_BIN_EXE_unspool")).with_file_name("unspool-query");
    let found = beside.is_file();
    if !found {
        let hint = "`cargo build --profile ci -p unspool-query` makes it";
        assert!(!is_ci(), "{} is missing in CI; {hint}", beside.display());
        eprintln!("skipped: there is no engine; {hint}");
    }
    found
}
