//! The flow of real jobs: short, and without a call less.

use serde_json::Value;

use crate::program::{Program, has_tool};

/// Calls that the flow tells must be those that the events are; gives lines and calls.
fn lines_and_calls(program: &Program, run: &str) -> (usize, i64) {
    let lines: Vec<Value> = program
        .rows(&[run, "flow"])
        .into_iter()
        .filter(|row| row["row"] == "call")
        .collect();
    let told: i64 = lines.iter().map(|line| number(&line["calls"])).sum();
    let time: i64 = program
        .rows(&[run, "time"])
        .iter()
        .map(|row| number(&row["calls"]))
        .sum();
    let events = program.rows(&[run, "events", "-w", "evt.kind in (syscall, library)"]);
    assert_eq!(i64::try_from(events.len()).expect("small"), told);
    assert_eq!(time, told);
    for line in &lines {
        check_parts(line);
    }
    (lines.len(), told)
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}

/// What a folded line holds adds up to the line.
fn check_parts(line: &Value) {
    let parts = line["parts"].as_array().expect("parts");
    if !parts.is_empty() {
        let sum: i64 = parts.iter().map(|part| number(&part["calls"])).sum();
        assert_eq!(sum, number(&line["calls"]), "{line}");
    }
    parts.iter().for_each(check_parts);
}

#[test]
fn find_and_compile_are_told_in_a_tenth_of_the_lines() {
    if !has_tool("gcc") || !has_tool("find") {
        return;
    }
    let program = Program::new();
    let script = "mkdir src && for i in 1 2 3 4; do \
        printf '#include <stdio.h>\\n#include <stdlib.h>\\nint f%d(void){return 1;}\\n' $i > src/$i.c; done; \
        find /usr/share /usr/include -maxdepth 4 -ls > listing; \
        for i in 1 2 3 4; do gcc -c src/$i.c -o src/$i.o; done";
    program.ok(&["record", "-q", "--", "sh", "-c", script]);
    let (lines, calls) = lines_and_calls(&program, "@");
    let lines = i64::try_from(lines).expect("small");
    assert!(lines * 10 <= calls, "{lines} lines for {calls} calls");
    // The walk of find itself: one line with nearly all of its calls.
    let rows = program.rows(&["@", "flow", "--proc", "find"]);
    let most = rows.iter().map(|row| number(&row["calls"])).max();
    let all: i64 = rows.iter().map(|row| number(&row["calls"])).sum();
    assert!(most.expect("lines") * 10 > all * 9, "{most:?} of {all}");
}

#[test]
fn phases_tell_work_from_waiting() {
    let program = Program::new();
    let script = "i=0; while [ $i -lt 40 ]; do cat /dev/null; i=$((i+1)); done; sleep 2; \
                  i=0; while [ $i -lt 40 ]; do cat /dev/null; i=$((i+1)); done";
    program.ok(&["record", "-q", "--", "sh", "-c", script]);
    let phases = program.rows(&["@", "phases"]);
    let wait = phases
        .iter()
        .find(|phase| phase["phase"] == "wait")
        .unwrap_or_else(|| panic!("no wait: {phases:#?}"));
    assert!(number(&wait["duration_ns"]) > 1_500_000_000, "{phases:#?}");
    let flow = program.rows(&["@", "flow"]);
    assert_eq!(flow[0]["row"], "phase");
    lines_and_calls(&program, "@");
}
