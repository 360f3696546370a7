//! Samples of resource use and control groups, of real processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use unspool_record::{Detail, Exit, Filter, RecordOptions, Wait};

use crate::reader::Record;
use crate::tools::{job, of_kind, record};

const SAMPLE: u8 = 11;
const EXEC: u8 = 5;
const EXIT: u8 = 6;
const GROUP: u8 = 40;
const AMOUNT: u8 = 42;
pub(crate) const CPU: u8 = 0;
pub(crate) const RSS: u8 = 3;
pub(crate) const PEAK: u8 = 4;
pub(crate) const READ: u8 = 5;
pub(crate) const WRITTEN: u8 = 6;

fn every(interval: Duration) -> RecordOptions {
    RecordOptions {
        wait: Wait::All,
        sample: Some(interval),
        ..RecordOptions::default()
    }
}

const TENTH: Duration = Duration::from_millis(100);

/// A sample, taken apart.
pub(crate) struct Sample<'r> {
    record: &'r Record,
    pub(crate) duration_ns: u64,
    pub(crate) pid: u32,
    pub(crate) is_last: bool,
}

impl Sample<'_> {
    /// All amounts, to be shown.
    pub(crate) fn amounts(&self) -> Vec<(u8, Option<u64>)> {
        (0..10).map(|index| (index, self.amount(index))).collect()
    }

    pub(crate) fn amount(&self, index: u8) -> Option<u64> {
        let item = self
            .record
            .items
            .iter()
            .find(|item| item.0 == AMOUNT && item.1 == index)?;
        Some(u64::from_le_bytes(
            item.2[..].try_into().expect("eight bytes"),
        ))
    }
}

pub(crate) fn samples(records: &[Record]) -> Vec<Sample<'_>> {
    of_kind(records, SAMPLE)
        .into_iter()
        .map(|record| Sample {
            record,
            duration_ns: u64::from(record.words[0]) | u64::from(record.words[1]) << 32,
            pid: record.words[2],
            is_last: record.words[3] & 1 == 1,
        })
        .collect()
}

/// Sum over the samples of a process.
pub(crate) fn sum(samples: &[Sample<'_>], pid: u32, index: u8) -> u64 {
    let own = samples.iter().filter(|sample| sample.pid == pid);
    own.filter_map(|sample| sample.amount(index)).sum()
}

/// The pid whose image has this name.
fn pid_of(records: &[Record], name: &str) -> u32 {
    let found = of_kind(records, EXEC)
        .into_iter()
        .find(|record| record.text(14).rsplit('/').next() == Some(name));
    found.expect("it was executed").tid
}

/// A loop that never sleeps: the sum is what the shell itself says, and no sample is over its interval.
#[test]
fn cpu_is_what_the_process_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("times");
    let script = format!(
        "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; times > {}",
        file.display()
    );
    let (_, records) = record(&["sh", "-c", &script], &every(TENTH));
    let samples = samples(&records);
    let pid = of_kind(&records, EXEC)[0].tid;
    // `0m0.230000s 0m0.010000s` of the shell, then of its children.
    let text = fs::read_to_string(&file).expect("the shell's times");
    let seconds: f64 = text
        .lines()
        .next()
        .expect("a line")
        .split(' ')
        .map(|word| {
            let (minutes, seconds) = word.split_once('m').expect("minutes");
            let seconds: f64 = seconds.trim_end_matches('s').parse().expect("seconds");
            minutes.parse::<f64>().expect("minutes") * 60.0 + seconds
        })
        .sum();
    let told = Duration::from_nanos(sum(&samples, pid, CPU)).as_secs_f64();
    assert!(
        (told - seconds).abs() < 0.03 + seconds / 20.0,
        "told {told}, the shell says {seconds}"
    );
    for sample in samples.iter().filter(|sample| sample.pid == pid) {
        assert!(
            sample.amount(CPU).unwrap_or(0) <= sample.duration_ns,
            "one thread used more than one CPU"
        );
    }
    assert_eq!(
        samples.iter().filter(|sample| sample.is_last).count(),
        1,
        "its end is told once"
    );
    let end = records.iter().position(|record| record.kind == EXIT);
    let last = records
        .iter()
        .rposition(|record| record.kind == SAMPLE && record.tid == pid);
    assert!(last < end, "before its exit");
    assert!(
        samples.iter().any(|sample| sample.pid == 0),
        "the machine is told too"
    );
}

/// A process is read for the last time where it asks to end. Where it is refused, by a filter of its own, it lives on and is read again.
#[test]
fn an_end_that_was_refused_is_not_the_last_word() {
    let Some(job) = job() else { return };
    for detail in [Detail::Full, Detail::Names] {
        let options = RecordOptions {
            detail,
            filter: Filter::Seccomp,
            ..every(Duration::from_secs(3600))
        };
        let (outcome, records) = record(&[job, "refusedexit"], &options);
        assert_eq!(outcome.exit, Exit::Code(0), "{detail:?}");
        let samples = samples(&records);
        let pid = of_kind(&records, EXEC)[0].tid;
        assert!(sum(&samples, pid, WRITTEN) >= 50_000, "{detail:?}");
        let last: Vec<_> = samples.iter().filter(|sample| sample.is_last).collect();
        assert_eq!(last.len(), 1, "{detail:?}: its end is told once");
        assert!(last[0].amount(RSS) > Some(0) && last[0].amount(PEAK) > Some(0));
    }
}

/// Who sleeps is told at its beginning and at its end, and not in between.
#[test]
fn sleep_is_not_told() {
    let (_, records) = record(&["sleep", "1.2"], &every(TENTH));
    let samples = samples(&records);
    let pid = of_kind(&records, EXEC)[0].tid;
    let own: Vec<_> = samples.iter().filter(|sample| sample.pid == pid).collect();
    assert!((1..=4).contains(&own.len()), "{} samples", own.len());
    let last = own.last().expect("at least one");
    assert!(last.is_last && last.amount(RSS) > Some(0));
    assert!(sum(&samples, pid, CPU) < 200_000_000);
}

/// Bytes are the process's own, and not once more its parent's when that has waited for it. At every detail.
#[test]
fn bytes_are_those_of_the_calls() {
    for detail in [Detail::Tree, Detail::Full] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("out");
        let script = format!(
            "dd if=/dev/zero of={} bs=65536 count=100 status=none; sleep 0.3; :",
            file.display()
        );
        let options = RecordOptions {
            detail,
            ..every(TENTH)
        };
        let (_, records) = record(&["sh", "-c", &script], &options);
        let samples = samples(&records);
        let dd = pid_of(&records, "dd");
        let shell = of_kind(&records, EXEC)[0].tid;
        assert_eq!(sum(&samples, dd, WRITTEN), 6_553_600, "{detail:?}");
        let read = sum(&samples, dd, READ);
        // The loader reads libraries beside.
        assert!((6_553_600..6_700_000).contains(&read), "{detail:?}: {read}");
        assert_eq!(sum(&samples, shell, WRITTEN), 0, "{detail:?}");
        assert!(sum(&samples, shell, READ) < 100_000, "{detail:?}");
    }
}

/// Every one of many processes that live a few milliseconds is told, once and with something.
#[test]
fn short_lives_are_told() {
    let script = "i=0; while [ $i -lt 40 ]; do /bin/true; i=$((i+1)); done";
    let (_, records) = record(&["sh", "-c", script], &every(Duration::from_secs(3600)));
    let samples = samples(&records);
    let last: Vec<_> = samples.iter().filter(|sample| sample.is_last).collect();
    assert_eq!(last.len(), 41);
    assert!(last.iter().all(|sample| sample.amount(CPU) > Some(0)));
    assert!(last.iter().all(|sample| sample.amount(RSS) > Some(0)));
}

#[test]
fn nothing_is_sampled_unless_asked_for() {
    let (_, records) = record(
        &["sleep", "0.1"],
        &RecordOptions {
            sample: None,
            ..every(TENTH)
        },
    );
    assert!(samples(&records).is_empty());
}

/// A control group that the test makes, removed in the end.
struct Group(PathBuf);

impl Drop for Group {
    fn drop(&mut self) {
        for folder in [Some(self.0.as_path()), self.0.parent()]
            .into_iter()
            .flatten()
        {
            // A group that another test's sibling still uses stays.
            drop(fs::remove_dir(folder));
        }
    }
}

/// Groups as Docker makes them, in a hierarchy of each version that is mounted and writable.
fn groups(id: &str) -> Vec<Group> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let mut folders = Vec::new();
    for kind in [" - cgroup2 ", " - cgroup "] {
        let points = mounts
            .lines()
            .filter(|line| line.contains(kind))
            .filter(|line| kind != " - cgroup " || line.ends_with("memory"))
            .filter_map(|line| line.split(' ').nth(4));
        for point in points {
            let folder = Path::new(point).join("docker").join(id);
            if fs::create_dir_all(&folder).is_ok() {
                folders.push(Group(folder));
            }
        }
    }
    folders
}

#[test]
fn the_control_group_of_a_new_image_is_told_and_sampled() {
    let id = format!("{:064x}", std::process::id());
    let groups = groups(&id);
    if groups.is_empty() {
        eprintln!("skipped: no control group can be made here");
        return;
    }
    for group in &groups {
        let procs = group.0.join("cgroup.procs");
        let script = format!(
            "echo $$ > {} || exit 9; exec sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 0.4; /bin/true'",
            procs.display()
        );
        let (outcome, records) = record(&["sh", "-c", &script], &every(TENTH));
        if outcome.exit.code() == 9 {
            eprintln!("skipped: {} takes no process", group.0.display());
            continue;
        }
        let path = format!("/docker/{id}");
        let execs = of_kind(&records, EXEC);
        let told: Vec<String> = execs.iter().map(|record| record.text(GROUP)).collect();
        // The second image is in the group; further processes inherit it and do not say so again.
        assert_eq!(told[1], path, "{}", group.0.display());
        assert!(told[2..].iter().all(String::is_empty), "{told:?}");
        let sampled = samples(&records);
        assert!(
            sampled
                .iter()
                .any(|sample| sample.pid == 0 && sample.record.text(GROUP) == path),
            "{}",
            group.0.display()
        );
    }
}
