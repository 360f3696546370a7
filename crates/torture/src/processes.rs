//! Processes and threads by the thousand, and the odd ways to start them.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::{Outcome, Trouble, sys};

/// Exit status of the n-th child: a few different ones.
fn status_of(child: u64) -> u8 {
    u8::try_from(child % 7).unwrap_or(0)
}

fn first(numbers: &[u64]) -> u64 {
    numbers.first().copied().unwrap_or_default()
}

fn exits(children: u64) -> BTreeMap<String, u64> {
    let mut exits = BTreeMap::new();
    for child in 0..children {
        *exits.entry(status_of(child).to_string()).or_default() += 1;
    }
    exits
}

/// Children one after the other.
pub(crate) fn forks(numbers: &[u64]) -> Outcome {
    let children = first(numbers);
    for child in 0..children {
        let pid = sys::fork()?;
        if pid == 0 {
            sys::exit_now(i32::from(status_of(child)));
        }
        sys::wait(pid, 0)?;
    }
    Ok(json!({"processes": children + 1, "exits": exits(children)}))
}

/// Children that live at the same time; waited for in the order of their start.
pub(crate) fn parallel(numbers: &[u64]) -> Outcome {
    let children = first(numbers);
    let mut pids = Vec::new();
    for child in 0..children {
        let pid = sys::fork()?;
        if pid == 0 {
            sys::getppid();
            sys::exit_now(i32::from(status_of(child)));
        }
        pids.push(pid);
    }
    for pid in pids {
        sys::wait(pid, 0)?;
    }
    Ok(json!({"processes": children + 1, "exits": exits(children), "calls": {"getppid": children}}))
}

/// Children that borrow the memory of their parent.
pub(crate) fn vforks(numbers: &[u64]) -> Outcome {
    let children = first(numbers);
    for child in 0..children {
        let pid = sys::vfork_and_exit(status_of(child))?;
        sys::wait(pid, 0)?;
    }
    Ok(json!({"processes": children + 1, "exits": exits(children)}))
}

/// Children that run `true`.
pub(crate) fn spawns(numbers: &[u64]) -> Outcome {
    let children = first(numbers);
    for _ in 0..children {
        Command::new("/bin/true").stdin(Stdio::null()).status()?;
    }
    Ok(json!({"processes": children + 1, "exits": {"0": children}}))
}

/// Threads one after the other.
pub(crate) fn threads(numbers: &[u64]) -> Outcome {
    let threads = first(numbers);
    for _ in 0..threads {
        std::thread::spawn(sys::getppid)
            .join()
            .map_err(|_| Trouble::Failed("a thread panicked".to_owned()))?;
    }
    Ok(json!({"processes": 1, "threads": threads + 1, "calls": {"getppid": threads}}))
}

/// Every process forks two, to a depth.
pub(crate) fn bomb(numbers: &[u64]) -> Outcome {
    let depth = first(numbers).min(12);
    let mut level = 0;
    let mut pids = Vec::new();
    let mut is_root = true;
    while level < depth && pids.len() < 2 {
        let pid = sys::fork()?;
        if pid == 0 {
            is_root = false;
            pids.clear();
            level += 1;
        } else {
            pids.push(pid);
        }
    }
    for pid in pids {
        sys::wait(pid, 0)?;
    }
    if !is_root {
        sys::exit_now(3);
    }
    let processes = (1_u64 << (depth + 1)) - 1;
    Ok(json!({"processes": processes, "exits": {"3": processes - 1}}))
}

/// A grandchild that outlives its parent, and ends before the program does.
pub(crate) fn orphan(_: &[u64]) -> Outcome {
    let (reader, writer) = std::io::pipe()?;
    let child = sys::fork()?;
    if child == 0 {
        let grandchild = sys::fork()?;
        if grandchild == 0 {
            drop(reader);
            let group_leader = sys::ids()[0];
            sys::getppid();
            drop(writer);
            sys::exit_now(i32::from(group_leader == 1));
        }
        sys::exit_now(4);
    }
    drop(writer);
    sys::wait(child, 0)?;
    // The pipe ends when the orphan has closed its end.
    let mut nothing = Vec::new();
    std::io::Read::read_to_end(&mut &reader, &mut nothing)?;
    Ok(json!({"processes": 3, "exits": {"4": 1, "0": 1}}))
}

/// Executes itself from a thread that is not the leader, while others spin.
pub(crate) fn exec_thread(numbers: &[u64]) -> Outcome {
    let &[times, spinners, ..] = numbers else {
        return Err(Trouble::Failed("two numbers, please".to_owned()));
    };
    let total = numbers.get(2).copied().unwrap_or(times);
    if times == 0 {
        return Ok(json!({"processes": 1, "execs": total + 1}));
    }
    for _ in 0..spinners {
        std::thread::spawn(|| {
            loop {
                sys::getppid();
                if std::hint::black_box(false) {
                    break;
                }
            }
        });
    }
    let program = std::env::current_exe()?;
    let rest = (times - 1).to_string();
    let words = [rest, spinners.to_string(), total.to_string()];
    let executor =
        std::thread::spawn(move || Command::new(program).arg("exec-thread").args(words).exec());
    match executor.join() {
        Ok(error) => Err(error.into()),
        Err(_) => Err(Trouble::Failed("the thread panicked".to_owned())),
    }
}

fn untraced_child(calls: u64) -> ! {
    for _ in 0..calls {
        sys::getppid();
    }
    let opened = std::fs::File::open("/etc/passwd");
    sys::exit_now(if opened.is_ok() { 5 } else { 6 })
}

/// A child that asks not to be traced, by `clone`.
pub(crate) fn untraced(numbers: &[u64]) -> Outcome {
    let calls = first(numbers);
    let child = sys::clone(libc::CLONE_UNTRACED)?;
    if child == 0 {
        untraced_child(calls);
    }
    sys::wait(child, 0)?;
    Ok(
        json!({"processes": 2, "exits": {"5": 1}, "calls": {"getppid": calls}, "opened": "/etc/passwd"}),
    )
}

/// The same by `clone3`.
pub(crate) fn untraced3(numbers: &[u64]) -> Outcome {
    let calls = first(numbers);
    let child = match sys::clone3(u64::from(libc::CLONE_UNTRACED.unsigned_abs())) {
        Ok(child) => child,
        Err(error) => return Err(Trouble::Skip(format!("clone3: {error}"))),
    };
    if child == 0 {
        untraced_child(calls);
    }
    sys::wait(child, 0)?;
    Ok(
        json!({"processes": 2, "exits": {"5": 1}, "calls": {"getppid": calls}, "opened": "/etc/passwd"}),
    )
}
