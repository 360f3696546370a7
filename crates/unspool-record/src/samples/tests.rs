//! What is told of a process, from readings said one by one.

use super::life::{Life, Ready};
use super::reading::{Reading, ThreadUse};
use crate::sys::Tid;

const MS: i64 = 1_000_000;

fn reading(time_ms: i64, cpu_ms: u64, threads: &[(Tid, u64)]) -> Reading {
    Reading {
        time_ns: time_ms * MS,
        cpu_ns: cpu_ms * 1_000_000,
        system_ns: cpu_ms / 10 * 10_000_000,
        rss_bytes: 4096,
        threads: threads.len() as u64,
        peak_rss_bytes: 0,
        by_thread: threads
            .iter()
            .map(|(tid, read_bytes)| {
                let usage = ThreadUse {
                    read_bytes: *read_bytes,
                    ..ThreadUse::default()
                };
                (*tid, usage)
            })
            .collect(),
    }
}

/// CPU time in ms and bytes read.
fn told(ready: Option<Ready>) -> Option<(u64, u64)> {
    ready.map(|ready| {
        (
            ready.usage.cpu_ns.unwrap_or(0) / 1_000_000,
            ready.usage.read_bytes.unwrap_or(0),
        )
    })
}

#[test]
fn cpu_beyond_the_interval_is_told_with_the_next() {
    let mut life = Life::begun(1, None, 0);
    assert_eq!(
        told(life.take(&reading(1000, 1003, &[(1, 0)]), 4, false)),
        Some((1000, 0))
    );
    assert_eq!(
        told(life.take(&reading(2000, 1500, &[(1, 0)]), 4, false)),
        Some((500, 0))
    );
    // A second thread, for a while: two CPUs can have been used.
    life.thread_began();
    life.thread_ends(2, None);
    assert_eq!(
        told(life.take(&reading(3000, 3300, &[(1, 0)]), 4, false)),
        Some((1800, 0))
    );
    // A machine of one CPU has no two.
    let mut life = Life::begun(1, None, 0);
    life.thread_began();
    assert_eq!(
        told(life.take(&reading(1000, 1800, &[(1, 0)]), 1, false)),
        Some((1000, 0))
    );
}

#[test]
fn nothing_is_told_of_one_who_sleeps_or_of_the_past() {
    let mut life = Life::begun(1, None, 0);
    assert!(life.take(&reading(1000, 5, &[(1, 7)]), 1, false).is_some());
    assert_eq!(life.take(&reading(2000, 5, &[(1, 7)]), 1, false), None);
    assert_eq!(life.take(&reading(1500, 9, &[(1, 9)]), 1, false), None);
    let ready = life
        .take(&reading(3000, 6, &[(1, 7)]), 1, false)
        .expect("something");
    assert_eq!((ready.from_ns, ready.to_ns), (2000 * MS, 3000 * MS));
    // The last is told in any case: it says that the process ended.
    assert!(life.take(&reading(4000, 6, &[(1, 7)]), 1, true).is_some());
}

#[test]
fn sums_of_threads_survive_their_ends() {
    let mut life = Life::begun(1, None, 0);
    life.thread_began();
    life.thread_began();
    let first = reading(1000, 1, &[(1, 10), (2, 20), (3, 30)]);
    assert_eq!(told(life.take(&first, 1, false)), Some((1, 60)));
    // One tells its end, one vanishes; the first of them may still be listed.
    let usage = ThreadUse {
        read_bytes: 25,
        ..ThreadUse::default()
    };
    assert!(!life.thread_ends(2, Some(usage)));
    let second = reading(2000, 2, &[(1, 11), (2, 25)]);
    assert_eq!(told(life.take(&second, 1, false)), Some((1, 6)));
    assert!(!life.thread_ends(3, None));
    assert!(life.thread_ends(1, None));
}

#[test]
fn exec_of_another_thread_keeps_its_sums_under_the_new_number() {
    let mut life = Life::begun(1, None, 0);
    life.thread_began();
    assert_eq!(
        told(life.take(&reading(1000, 1, &[(1, 10), (2, 20)]), 1, false)),
        Some((1, 30))
    );
    life.thread_ends(1, None);
    life.executes(1, 2);
    // Its own 20 go on; the main thread's 10 are counted.
    assert_eq!(
        told(life.take(&reading(2000, 2, &[(1, 22)]), 1, false)),
        Some((1, 2))
    );
    assert!(life.thread_ends(1, None), "the only thread that there is");
}

#[test]
fn what_an_attached_process_used_before_is_not_told() {
    let mut life = Life::attached(1, None, &reading(1000, 500, &[(1, 100)]));
    assert_eq!(
        told(life.take(&reading(2000, 600, &[(1, 103)]), 1, false)),
        Some((100, 3))
    );
}
