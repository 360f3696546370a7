//! Real logs of others: every line is accounted for, and calls, errors and times equal an independent count.
#![expect(clippy::print_stdout, reason = "a test says why it is skipped")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use unspool_decode::{DecodeStats, DecoderOptions, detect};
use unspool_model::event::{Diagnostic, Event, EventSink, Kind, Outcome, Reason};

/// Counts as the independent parser does.
#[derive(Default)]
struct Counter {
    calls: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
    diagnostics: Vec<Diagnostic>,
    /// Calls that were torn over several lines.
    torn: u64,
}

impl EventSink for Counter {
    fn event(&mut self, event: &Event<'_>) {
        // What stood inside one line is not counted by the independent parser.
        if let Kind::Output(output) = &event.kind {
            self.torn += u64::from(output.contains(&b'\n'));
        }
        if let Kind::Call(call) = &event.kind {
            let name = String::from_utf8_lossy(call.name.as_bytes()).into_owned();
            *self.calls.entry(name).or_default() += 1;
            if let Outcome::Failed(errno) = call.outcome {
                *self.errors.entry(errno.to_string()).or_default() += 1;
            }
        }
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}

fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    if path.join("logs-expected.json").exists() {
        return Some(path);
    }
    println!("skipped: no corpus at {}", path.display());
    None
}

fn decode(bytes: &[u8], chunk: usize) -> (Counter, DecodeStats) {
    let format = detect(bytes, "").expect("a log of strace");
    assert_eq!(format.name, "strace");
    let mut decoder = (format.decoder)(&DecoderOptions::default());
    let mut counter = Counter::default();
    for piece in bytes.chunks(chunk) {
        decoder.push(piece, &mut counter);
    }
    decoder.finish(&mut counter);
    let stats = decoder.stats();
    (counter, stats)
}

/// Names and counts of a list of pairs.
fn pairs(value: &serde_json::Value) -> BTreeMap<String, u64> {
    let list = value.as_array().expect("a list of pairs");
    list.iter()
        .map(|pair| {
            let name = pair[0].as_str().expect("a name").to_owned();
            (name, pair[1].as_u64().expect("a count"))
        })
        .collect()
}

#[test]
fn counts_equal_those_of_an_independent_parser() {
    let Some(corpus) = corpus() else { return };
    let text = std::fs::read(corpus.join("logs-expected.json")).expect("readable");
    let expected: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let mut wrong = Vec::new();
    for (name, expected) in expected.as_object().expect("an object") {
        compare(&corpus, name, expected, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Adds what is not as expected in one log.
fn compare(corpus: &Path, name: &str, expected: &serde_json::Value, wrong: &mut Vec<String>) {
    let bytes = std::fs::read(corpus.join("logs").join(name)).expect("readable");
    let (counter, stats) = decode(&bytes, 64 << 10);
    let mut check = |what: &str, is: u64, want: u64| {
        if is != want {
            wrong.push(format!("{name}: {what}: {is}, not {want}"));
        }
    };
    let kinds = &expected["kinds"];
    let kind = |kind: &str| kinds[kind].as_u64().unwrap_or(0);
    check("accounted lines", stats.accounted(), stats.lines);
    // A log may end in a line that the independent parser does not count as one.
    check(
        "lines",
        stats.lines,
        expected["lines"].as_u64().unwrap_or(0),
    );
    // It counts calls by their first halves; one that the log begins in the middle of has none.
    let orphans = counter
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.reason == Reason::ResumedWithoutStart)
        .count() as u64;
    let calls = expected["calls"].as_u64().unwrap_or(0);
    check("calls", stats.calls - orphans, calls);
    check("unfinished", stats.unfinished, kind("unfinished"));
    check("resumed", stats.resumed, kind("resumed"));
    check("signals", stats.signals, kind("signal"));
    check("exits", stats.exits, kind("exit"));
    check("not understood", stats.losses(), kind("other"));
    let repaired = expected["repaired_writes"].as_u64().unwrap_or(0);
    check("repaired", counter.torn, repaired);
    for (call, want) in pairs(&expected["top"]) {
        let is = counter.calls.get(&call).copied().unwrap_or(0);
        check(&call, is, want);
    }
    for (errno, want) in pairs(&expected["errno"]) {
        let is = counter.errors.get(&errno).copied().unwrap_or(0);
        check(&errno, is, want);
    }
    let duration = expected["dur_us"].as_u64().unwrap_or(0);
    check("microseconds", stats.duration_ns / 1000, duration);
}

#[test]
fn only_logs_of_strace_are_taken_for_one() {
    let Some(corpus) = corpus() else { return };
    let index = std::fs::read_to_string(corpus.join("logs-index.tsv")).expect("readable");
    let mut wrong = Vec::new();
    for row in index.lines().skip(1) {
        let mut columns = row.split('\t');
        let (Some(name), Some(_), Some(kind)) = (columns.next(), columns.next(), columns.next())
        else {
            continue;
        };
        let Ok(bytes) = std::fs::read(corpus.join("logs").join(name)) else {
            continue;
        };
        let is_strace = detect(&bytes, name).is_some_and(|format| format.name == "strace");
        // Logs of ltrace may hold lines that strace could have printed: their own decoder scores higher.
        if kind != "ltrace" && is_strace != (kind == "strace") {
            wrong.push(format!("{name}: {kind}"));
        }
        println!("{name} {kind} {}", unspool_decode::strace::score(&bytes));
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
