//! Logs made on the spot by the strace of this machine, under many sets of options: every line is understood.
#![expect(clippy::print_stdout, reason = "a test says why it is skipped")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use unspool_decode::{DecodeStats, Decoder as _, DecoderOptions, merge, strace::StraceDecoder};
use unspool_model::event::{Diagnostic, Event, EventSink, Kind};
use unspool_model::ids::Tid;

/// Sets of options; `-f` or `-ff` is part of them.
const OPTIONS: &[&str] = &[
    "-f",
    "-f -t",
    "-f -tt -T",
    "-f -ttt -T -y -yy",
    "-f -r",
    "-f -r -tt",
    "-f -ttt -r -T",
    "-f -i -ttt",
    "-f -n -tt",
    "-f -x -s 4",
    "-f -xx -y",
    "-f -v -s 4096",
    "-f -Y -tt -yy",
    "-f -k -tt",
    "-f -C -ttt",
    "-f -a 0 -T",
    "-f -X verbose -tt",
    "-f -X raw -tt",
    "-f --absolute-timestamps=format:unix,precision:ns --syscall-times=ns",
    "-f --absolute-timestamps=format:time,precision:ms",
    "-f -e read=all -e write=all -tt",
    "-f -e status=failed -tt",
    "-f -e status=successful -ttt",
    "-f -e inject=getppid:error=EPERM -tt",
    "-f -z -tt",
    "-f -e trace=process,signal -tt",
    "-f --seccomp-bpf -e trace=openat,clone,execve -tt",
    "-f -q -tt",
];

/// Counts what comes.
#[derive(Default)]
struct Counter {
    calls: BTreeMap<String, u64>,
    tids: BTreeMap<Option<Tid>, u64>,
    exits: u64,
    last_ns: i64,
    losses: Vec<String>,
}

impl EventSink for Counter {
    fn event(&mut self, event: &Event<'_>) {
        self.last_ns = self.last_ns.max(event.time_ns);
        *self.tids.entry(event.tid).or_default() += 1;
        match &event.kind {
            Kind::Call(call) => {
                let name = String::from_utf8_lossy(call.name.as_bytes()).into_owned();
                *self.calls.entry(name).or_default() += 1;
            }
            Kind::Exit(_) => self.exits += 1,
            _ => {}
        }
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        if diagnostic.reason.is_loss() {
            let excerpt = String::from_utf8_lossy(&diagnostic.excerpt).into_owned();
            self.losses
                .push(format!("{}: {excerpt}", diagnostic.reason.as_str()));
        }
    }
}

/// A job with children, pipes, signals, failures, odd names.
const JOB: &str = "for i in 1 2 3; do (cat /dev/null | wc -c >/dev/null; exit $i) & done; wait; \
     cat 'no) = 1 <unfinished ...>' 2>/dev/null; : > 'a, \"b) = 2'; sh -c 'kill -TERM $$'; true";

fn record(folder: &Path, options: &str) -> Option<PathBuf> {
    let log = folder.join("log");
    let status = Command::new("strace")
        .args(options.split_whitespace())
        .arg("-o")
        .arg(&log)
        .args(["sh", "-c", JOB])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(_) if folder.read_dir().ok()?.count() > 1 => Some(log),
        Ok(status) => {
            println!("skipped: strace {options}: {status}");
            None
        }
        Err(error) => {
            println!("skipped: strace: {error}");
            None
        }
    }
}

fn decode(log: &[u8]) -> (Counter, DecodeStats) {
    let mut decoder = StraceDecoder::new(&DecoderOptions::default());
    let mut counter = Counter::default();
    decoder.push(log, &mut counter);
    decoder.finish(&mut counter);
    let stats = decoder.stats();
    (counter, stats)
}

#[test]
fn every_line_is_understood_under_any_options() {
    for options in OPTIONS {
        let folder = tempfile::tempdir().expect("a folder");
        let Some(log) = record(folder.path(), options) else {
            continue;
        };
        let log = std::fs::read(log).expect("readable");
        let (counter, stats) = decode(&log);
        assert!(
            counter.losses.is_empty(),
            "{options}: {:#?}",
            counter.losses
        );
        assert!(stats.is_conserved(), "{options}: {stats:?}");
        assert_eq!(stats.output_lines, 0, "{options}");
        // What a person would grep for: calls are their starts, ends are their marks.
        let text = String::from_utf8_lossy(&log).into_owned();
        let exits = text.matches("+++ exited with").count() + text.matches("+++ killed by").count();
        assert_eq!(counter.exits, exits as u64, "{options}");
        let starts = text.matches(" execve(").count() + text.matches("\nexecve(").count();
        let execs = counter.calls.get("execve").copied().unwrap_or(0);
        if !text.contains("INJECTED") && starts > 0 {
            assert_eq!(execs, starts as u64, "{options}");
        }
    }
}

#[test]
fn a_set_of_files_tells_the_same_as_one_file() {
    let (one, set) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let Some(log) = record(one.path(), "-f -ttt -T -y") else {
        return;
    };
    if record(set.path(), "-ff -ttt -T -y").is_none() {
        return;
    }
    let (single, _) = decode(&std::fs::read(log).expect("readable"));
    let files = merge::files_in(set.path()).expect("listed");
    let mut merged = Counter::default();
    let stats = merge::decode_files(&files, &DecoderOptions::default(), &mut merged).expect("read");
    assert!(merged.losses.is_empty(), "{:#?}", merged.losses);
    assert!(stats.is_conserved(), "{stats:?}");
    assert_eq!(merged.tids.len(), single.tids.len());
    assert_eq!(merged.exits, single.exits);
    for call in ["execve", "clone", "clone3", "vfork", "openat", "exit_group"] {
        assert_eq!(merged.calls.get(call), single.calls.get(call), "{call}");
    }
}

#[test]
fn output_on_the_same_stream_is_separated() {
    let job = "printf 'no newline' >&2; echo whole >&2; (printf 'a) = 3 ' >&2; echo 12) & wait; \
         printf '5 lines\\nand 7\\n' >&2; echo last >&2";
    for options in ["-f", "-f -tt -T", "-f -ttt -y"] {
        let output = Command::new("strace")
            .args(options.split_whitespace())
            .args(["sh", "-c", job])
            .stdout(Stdio::null())
            .output();
        let Ok(output) = output else {
            println!("skipped: no strace");
            return;
        };
        let (counter, stats) = decode(&output.stderr);
        assert!(
            counter.losses.is_empty(),
            "{options}: {:#?}",
            counter.losses
        );
        assert!(stats.is_conserved(), "{options}: {stats:?}");
        assert!(stats.repaired >= 4, "{options}: {stats:?}");
        assert_eq!(counter.exits, 2, "{options}");
        // The first process is known by its number from the first line on.
        assert_eq!(counter.tids.len(), 2, "{options}: {:?}", counter.tids);
    }
}
