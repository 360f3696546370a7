//! The recorder is killed while the job runs.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use crate::support::{Scratch, rounds, rows, show, torture, unspool};

/// Calls of the job: about a second under the recorder.
const CALLS: u64 = 60_000;
/// What a killed recorder may lose: the last tenth of a second.
const LOST_MAX: Duration = Duration::from_millis(100);

/// What came of one round.
struct Round {
    /// Processes that the run holds.
    processes: usize,
    /// How long before the kill the first call was made that is not in the run.
    lost: Duration,
}

/// At different moments: the job ends as if nothing had happened, the run is readable, says that it is not complete, and holds
/// everything but the last moments.
#[test]
fn a_killed_recorder_harms_neither_job_nor_run() {
    let scratch = Scratch::new("killed");
    let times = rounds(20, 100);
    let found: Vec<Round> = (0..times)
        .filter_map(|round| kill_once(&scratch, round))
        .collect();
    let with_process = found.iter().filter(|round| round.processes > 0).count();
    assert!(
        2 * with_process as u64 >= times,
        "only {with_process} of {times} killed recordings held a process"
    );
    let longest = found.iter().map(|round| round.lost).max();
    let late = found.iter().filter(|round| round.lost > LOST_MAX).count();
    eprintln!(
        "{times} kills, {} readable runs, {with_process} with processes; longest loss {longest:?}, {late} above {LOST_MAX:?}",
        found.len()
    );
    // A recorder that did not get the CPU for a tenth of a second could not write: that may happen now and then.
    assert!(
        10 * late <= found.len(),
        "{late} of {} kills lost more than {LOST_MAX:?}, at most {longest:?}",
        found.len()
    );
}

/// Kills one recording; `None` when there was no job or no run yet.
fn kill_once(scratch: &Scratch, round: u64) -> Option<Round> {
    let folder = scratch.0.join(round.to_string());
    fs::create_dir(&folder).unwrap();
    let run = folder.join("run");
    let script = format!(
        ": > started && '{}' marks {CALLS} > truth.part && mv truth.part truth",
        torture()
    );
    let mut command = Command::new(unspool());
    command
        .args(["record", "--quiet", "--recorder", "ptrace", "-o"])
        .arg(&run)
        .args(["--", "sh", "-c", &script])
        .current_dir(&folder);
    let mut recorder = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    // Steps that share no factor with the span: the moments are spread evenly.
    let moment = Duration::from_millis(40 + round * 67 % 600);
    while start.elapsed() < moment && recorder.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let was_running = recorder.try_wait().unwrap().is_none();
    let killed_at = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    recorder.kill().unwrap();
    recorder.wait().unwrap();
    // On a busy disk the recorder may be killed before it started the job: no job, no harm.
    if !folder.join("started").exists() {
        return None;
    }
    let done = folder.join("truth");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done.exists() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    let truth = fs::read_to_string(&done)
        .unwrap_or_else(|_| panic!("round {round}: the job did not end well"));
    assert!(truth.contains(&CALLS.to_string()), "round {round}: {truth}");
    if !was_running || !run.exists() {
        return None;
    }
    let tree = show(&run, "tree");
    assert_ne!(tree["state"], "complete", "round {round}");
    Some(Round {
        processes: rows(&tree).len(),
        lost: lost_before(&folder, &run, killed_at),
    })
}

/// How long before the kill the first call was made that the run does not hold.
fn lost_before(folder: &Path, run: &Path, killed_at: Duration) -> Duration {
    let time = show(run, "time");
    let recorded = rows(&time)
        .iter()
        .find(|row| row["name"] == "pwrite64")
        .and_then(|row| row["calls"].as_u64())
        .unwrap_or(0);
    let marks = fs::read(folder.join("marks")).unwrap();
    let first_lost = marks
        .chunks_exact(8)
        .nth(usize::try_from(recorded).unwrap());
    let made_at = first_lost.map_or(killed_at, |mark| {
        Duration::from_nanos(u64::from_le_bytes(mark.try_into().unwrap()))
    });
    killed_at.saturating_sub(made_at)
}
