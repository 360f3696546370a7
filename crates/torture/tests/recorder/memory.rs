//! The recorder's memory does not grow with what it records.

use crate::support::{
    Scratch, conserved, contained, has_tool, recorders, rounds, rows, show, torture, unspool,
};

/// Peak of resident memory that a recording may reach, from its start to its closed run.
const PEAK_KIB_MAX: u64 = 64 << 10;
/// What the ring of `bpf` adds: its pages count where they are mapped, a quarter of them twice.
const RING_KIB: u64 = (64 + 16) << 10;

/// Runs a command and prints the largest resident memory of any descendant, in KiB.
const PEAK: &str = "import resource, subprocess, sys\n\
    status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)\n\
    print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";

fn check(words: &[&str], events_min: u64) {
    if has_tool("python3") {
        for recorder in recorders() {
            check_with(recorder, words, events_min);
        }
    }
}

fn check_with(recorder: &str, words: &[&str], events_min: u64) {
    let scratch = Scratch::new(&format!("memory-{recorder}-{}", words[0]));
    let run = scratch.0.join("run");
    let mut line = vec!["python3", "-c", PEAK, unspool().to_str().unwrap()];
    line.extend(["record", "--quiet", "--recorder", recorder, "-o"]);
    line.extend([run.to_str().unwrap(), "--", torture()]);
    line.extend(words);
    let output = contained(words[0], &line);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<u64> = said
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [status, peak_kib] = numbers[..] else {
        panic!("{said}: {}", String::from_utf8_lossy(&output.stderr));
    };
    assert_eq!(status, 0, "{}", String::from_utf8_lossy(&output.stderr));
    conserved(&run);
    let summary = show(&run, "summary");
    let events = rows(&summary)[0]["events"].as_u64().unwrap();
    assert!(events >= events_min, "{events} events");
    eprintln!("{recorder} {words:?}: {events} events, peak {peak_kib} KiB");
    let ring_kib = if recorder == "bpf" { RING_KIB } else { 0 };
    assert!(
        peak_kib <= PEAK_KIB_MAX + ring_kib,
        "peak {peak_kib} KiB for {events} events"
    );
}

#[test]
fn memory_does_not_grow_with_events() {
    let calls = rounds(200_000, 10_000_000);
    check(&["flood", "1", &calls.to_string()], calls);
}

#[test]
fn memory_does_not_grow_with_processes() {
    let depth = rounds(7, 10);
    check(&["bomb", &depth.to_string()], 1 << depth);
}
