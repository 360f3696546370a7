//! Secrets that a job handles are in nothing that is kept or shown of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::support::{Scratch, has_tool, plain_command, show_text, unspool};

/// Ten secrets, each where programs have them; none of them occurs anywhere else.
const CANARIES: [&str; 10] = [
    "c4naryEnvPassword0",
    "c4naryEnvToken1111",
    "c4naryOption222222",
    "c4naryOptionWord33",
    "c4naryUrl444444444",
    "c4naryHeader555555",
    "c4naryWritten66666",
    "c4naryPipe77777777",
    "c4naryFileRead8888",
    "c4naryUnnamedEnv99",
];

/// A job that uses all of them: variables, options, an address, a header, what is written, piped and read.
const SCRIPT: &str = "\
    true --password=c4naryOption222222; \
    true --token c4naryOptionWord33; \
    true https://me:c4naryUrl444444444@example.org/x; \
    true -H 'Authorization: Bearer c4naryHeader555555'; \
    printf '%s' \"$WRITTEN\" > written; \
    printf '%s' \"$PIPED\" | cat > /dev/null; \
    cat secret > /dev/null; \
    true";

const VIEWS: [&str; 7] = ["summary", "tree", "files", "net", "fds", "events", "time"];

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}

fn assert_free(canaries: &[&str], bytes: &[u8], place: &str) {
    for canary in canaries {
        let is_there = bytes
            .windows(canary.len())
            .any(|part| part == canary.as_bytes());
        assert!(!is_there, "{place} holds `{canary}`");
    }
}

fn check(recorder: &str, options: &[&str], canaries: &[&str]) {
    let scratch = Scratch::new(&format!("secrets-{recorder}-{}", options.join("")));
    let run = scratch.0.join("run");
    fs::write(scratch.0.join("secret"), CANARIES[8]).unwrap();
    let output = plain_command(unspool())
        .args(["record", "--keep-raw", "--recorder", recorder])
        .args(options)
        .arg("-o")
        .arg(&run)
        .args(["--", "sh", "-c", SCRIPT])
        .current_dir(&scratch.0)
        .env("DB_PASSWORD", CANARIES[0])
        .env("GITHUB_TOKEN", CANARIES[1])
        .env("WRITTEN", CANARIES[6])
        .env("PIPED", CANARIES[7])
        .env("PLAIN_NAME", CANARIES[9])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_free(canaries, &output.stderr, "what the recorder says");
    for file in files_below(&run) {
        assert_free(
            canaries,
            &fs::read(&file).unwrap(),
            &file.display().to_string(),
        );
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    let mode = fs::metadata(&run).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "the run's folder");
    // Tables are compressed: what they hold shows in the views.
    for view in VIEWS {
        for form in [&[view][..], &[view, "--json"]] {
            assert_free(
                canaries,
                &show_text(&run, form),
                &format!("{recorder}: {form:?}"),
            );
        }
    }
}

#[test]
fn no_secret_is_kept_by_default() {
    check("ptrace", &[], &CANARIES);
    check("ptrace", &["--detail", "io"], &CANARIES);
    if has_tool("strace") {
        check("strace", &[], &CANARIES);
    }
    if has_tool("ltrace") {
        check("ltrace", &[], &CANARIES);
    }
}

/// Payload that was asked for is scrubbed of what is known to be secret. A word in a file that nothing marks as secret is payload.
#[test]
fn known_secrets_are_not_in_the_payload() {
    let known: Vec<&str> = CANARIES
        .into_iter()
        .filter(|canary| *canary != CANARIES[8])
        .collect();
    check("ptrace", &["--payload", "256"], &known);
}
