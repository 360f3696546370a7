//! The BPF recorder, where this machine allows it.

use std::collections::BTreeMap;
use std::time::Duration;

use unspool_record::bpf::{BpfOptions, record_command};
use unspool_record::{Control, RecordError, RecordOptions, Wait};

use crate::reader::{Record, read};
use crate::tools::{command, of_kind};
use crate::usage::{CPU, PEAK, READ, RSS, WRITTEN, samples, sum};

const EXEC: u8 = 5;
const CALL_KINDS: [u8; 2] = [2, 17];
const BUFFER: u8 = 3;

/// Records with BPF; `None`, and why on stderr, where that is not allowed.
#[expect(clippy::print_stderr, reason = "says why it skips")]
fn recorded(words: &[&str], options: &RecordOptions) -> Option<Vec<Record>> {
    let mut bytes = Vec::new();
    let outcome = record_command(
        &command(words),
        options,
        BpfOptions::default(),
        &mut bytes,
        &Control::default(),
    );
    match outcome {
        Ok(outcome) => {
            assert_eq!((outcome.counts.folded, outcome.counts.lost), (0, 0));
            Some(read(&bytes))
        }
        Err(RecordError::Bpf { source }) => {
            eprintln!("skipped: {source}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn all() -> RecordOptions {
    RecordOptions {
        wait: Wait::All,
        sample: None,
        ..RecordOptions::default()
    }
}

/// Frequent calls and the others come through two rings: what a thread did stands in the order in which it did it.
#[test]
fn calls_of_a_thread_stand_in_their_order() {
    let script = "for round in 1 2 3; do for n in 1 2 3 4 5 6 7 8 9; do read line < /etc/hostname; echo $n $line; done | cat > /dev/null; done";
    let Some(records) = recorded(&["sh", "-c", script], &all()) else {
        return;
    };
    let mut last: BTreeMap<u32, u64> = BTreeMap::new();
    let mut calls = 0;
    for record in records
        .iter()
        .filter(|record| CALL_KINDS.contains(&record.kind))
    {
        let before = last.insert(record.tid, record.time_ns);
        assert!(before <= Some(record.time_ns), "{record:?}");
        calls += 1;
    }
    assert!(calls > 300, "{calls}");
}

/// Every one of many processes that live a few milliseconds is told, once, as the kernel counts it.
#[test]
fn short_lives_are_told() {
    let script = "i=0; while [ $i -lt 20 ]; do /bin/true; i=$((i+1)); done; head -c 100000 /dev/zero > /dev/null";
    let options = RecordOptions {
        sample: Some(Duration::from_secs(3600)),
        ..all()
    };
    let Some(records) = recorded(&["sh", "-c", script], &options) else {
        return;
    };
    let samples = samples(&records);
    let last: Vec<_> = samples.iter().filter(|sample| sample.is_last).collect();
    assert_eq!(last.len(), 22);
    for sample in &last {
        assert!(sample.amount(CPU) > Some(0), "{:?}", sample.amounts());
    }
    assert!(
        last.iter()
            .all(|sample| sample.amount(CPU) <= Some(sample.duration_ns))
    );
    assert!(
        last.iter()
            .filter(|sample| sample.amount(PEAK) > Some(0))
            .count()
            >= 20
    );
    let head = of_kind(&records, EXEC)
        .into_iter()
        .find(|record| record.text(14).ends_with("/head"))
        .expect("it was executed")
        .tid;
    assert_eq!(sum(&samples, head, WRITTEN), 100_000);
    assert!(sum(&samples, head, READ) >= 100_000);
}

/// What a process has in memory at its end, to what the CPUs that it ran on keep for themselves; not before Linux 6.16.
#[test]
fn memory_at_the_end_is_told() {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("a release");
    let mut numbers = release
        .split(['.', '-'])
        .map(|word| word.parse::<u32>().unwrap_or(0));
    if (numbers.next(), numbers.next()) < (Some(6), Some(16)) {
        eprintln!("skipped: Linux {release} has no memory left where its end is told");
        return;
    }
    let script = "import os\nkept = bytearray(b'x') * 40_000_000\nfreed = bytearray(b'x') * 80_000_000\ndel freed\nos._exit(0)";
    let options = RecordOptions {
        sample: Some(Duration::from_secs(3600)),
        ..all()
    };
    let Some(records) = recorded(&["python3", "-c", script], &options) else {
        return;
    };
    let samples = samples(&records);
    let last = samples
        .iter()
        .find(|sample| sample.is_last && sample.amount(PEAK) > Some(80_000_000));
    let last = last.expect("its end was told");
    let resident = last.amount(RSS).expect("its memory was told");
    assert!((40_000_000..80_000_000).contains(&resident), "{resident}");
}

/// Time that the machine below took from this one.
fn stolen_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/stat").expect("CPU times");
    let steal = stat.split_whitespace().nth(8);
    steal
        .and_then(|ticks| ticks.parse::<u64>().ok())
        .unwrap_or(0)
        * 10_000_000
}

/// CPU time is exact though the scheduler adds it up at ticks only.
#[test]
fn cpu_of_a_short_life_is_exact() {
    let script = "python3 -c 'import time, os\nwhile time.process_time_ns() < 60_000_000: pass\nos._exit(0)'; true";
    let options = RecordOptions {
        sample: Some(Duration::from_secs(3600)),
        ..all()
    };
    let stolen_before_ns = stolen_ns();
    let Some(records) = recorded(&["sh", "-c", script], &options) else {
        return;
    };
    let samples = samples(&records);
    let most = samples
        .iter()
        .filter(|sample| sample.pid != 0)
        .map(|sample| sum(&samples, sample.pid, CPU))
        .max();
    // The program counts from its fork too; what it was kept from running by the machine below may be in, which is told in
    // hundredths of a second of each CPU.
    let exact = 59_900_000..90_000_000 + stolen_ns() - stolen_before_ns;
    assert!(
        most.is_some_and(|cpu_ns| exact.contains(&cpu_ns)),
        "{most:?}"
    );
}

/// The same buffers as with ptrace, of calls with one buffer and with several, cut where asked.
#[test]
fn payload_is_kept_when_asked_for() {
    let script = "import os, socket\nr, w = os.pipe()\nos.write(w, b'hello world')\nos.read(r, 100)\nos.writev(w, [b'ab', b'', b'cdefgh'])\na, b = socket.socketpair()\na.sendmsg([b'one', b'two'])\nb.recv(100)\nos.write(w, b'x' * 20000)\nos.read(r, 20000)";
    let options = RecordOptions {
        payload_bytes: 5,
        ..all()
    };
    let words = ["python3", "-S", "-c", script];
    let Some(records) = recorded(&words, &options) else {
        return;
    };
    let buffers = |records: &[Record]| -> Vec<(u64, Vec<u8>)> {
        records
            .iter()
            .filter_map(|record| record.item(BUFFER))
            .map(|value| {
                let (len, kept) = value.split_first_chunk::<8>().expect("a length");
                (u64::from_le_bytes(*len), kept.to_vec())
            })
            .collect()
    };
    let own = buffers(&records);
    for (len, kept, times) in [
        (11, &b"hello"[..], 2),
        (8, b"abcde", 1),
        (6, b"onetw", 2),
        (20_000, b"xxxxx", 1),
    ] {
        let found = own.iter().filter(|buffer| **buffer == (len, kept.to_vec()));
        assert_eq!(found.count(), times, "{len} {own:?}");
    }
    let (_, by_ptrace) = crate::tools::record(&words, &options);
    assert_eq!(own, buffers(&by_ptrace));
}

/// The recorder takes what there is when it looks, and looks again some time later: one that runs after the job hands over a few
/// records at a time, which costs more than the records.
#[test]
fn a_storm_is_taken_in_large_pieces() {
    const POSITION: u8 = 20;
    const LOOK_MS: u64 = 25;
    const PIECE_BYTES: u64 = 512 << 10;
    let script = "exec dd if=/dev/zero of=/dev/null bs=1 count=100000 status=none";
    let Some(records) = recorded(&["sh", "-c", script], &all()) else {
        return;
    };
    let count = |kinds: &[u8]| {
        let of = records.iter().filter(|record| kinds.contains(&record.kind));
        u64::try_from(of.count()).expect("a count")
    };
    let mut times = records.iter().filter(|record| record.kind == POSITION);
    let (first, last) = (times.next(), times.next_back());
    let passed_ns = last
        .zip(first)
        .map(|(last, first)| last.time_ns - first.time_ns);
    let passed_ms = passed_ns.expect("pieces") / 1_000_000;
    let (calls, pieces) = (count(&CALL_KINDS), count(&[POSITION]));
    assert!(calls >= 200_000, "{calls}");
    // Some looks come early: a signal, the end of the command.
    let most = passed_ms * 2 / LOOK_MS + calls * 48 / PIECE_BYTES + 20;
    assert!(pieces <= most, "{pieces} pieces, {most}");
}
