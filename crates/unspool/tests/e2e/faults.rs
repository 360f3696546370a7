//! One injected fault of each job of `faults/visible`: its cause must stand among the first three findings.

use std::process::Command;

use serde_json::Value;

use crate::program::{Program, has_tool, root, text};

const TOOLS: &[&str] = &[
    "python3", "sqlite3", "curl", "make", "gcc", "perl", "flock", "openssl", "setpriv",
];

#[test]
fn causes_are_among_the_first_three() {
    if !TOOLS.iter().all(|tool| has_tool(tool)) {
        return;
    }
    let program = Program::new();
    let figures = program.work().join("figures.json");
    let output = Command::new("python3")
        .arg(root().join("faults/evaluate.py"))
        .args(["--smoke", "--recorder", "ptrace"])
        .arg("--unspool")
        .arg(env!("CARGO_BIN_EXE_unspool"))
        .arg("--store")
        .arg(program.work().join("runs"))
        .arg("--json")
        .arg(&figures)
        .output()
        .expect("python3 starts");
    let said = text(&output.stdout);
    assert!(
        output.status.success(),
        "{}\n{said}\n{}",
        output.status,
        text(&output.stderr)
    );
    let results: Value =
        serde_json::from_slice(&std::fs::read(&figures).expect("figures")).expect("JSON");
    let results = results.as_array().expect("a list");
    let faulty: Vec<&Value> = results
        .iter()
        .filter(|one| one.get("rank").is_some())
        .collect();
    // The log-shipping job needs a mount namespace, which not every machine allows.
    assert!(faulty.len() > 7, "{said}");
    for one in faulty {
        let rank = one["rank"].as_u64();
        assert!(
            rank.is_some_and(|rank| rank <= 3),
            "{}/{}: place {rank:?}\n{:#?}\n{said}",
            one["job"],
            one["run"],
            one["rows"]
        );
    }
}
