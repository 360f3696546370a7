//! What the BPF recorder records besides a command: running processes, a control group, the machine.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::bpf::compiled;
use crate::support::{Scratch, has_tool, is_root, plain_command, recorders, rows, show, unspool};

/// A job of many short lives; ended with the test.
struct Job(Child);

impl Drop for Job {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn is_here() -> bool {
    is_root() && recorders().contains(&"bpf")
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn start_recorder(run: &Path, options: &[impl AsRef<OsStr>]) -> Child {
    let mut recorder = plain_command(unspool());
    recorder.args(["record", "--quiet", "--recorder", "bpf", "-o"]);
    recorder.arg(run).args(options).stdin(Stdio::null());
    recorder.spawn().unwrap()
}

fn interrupt(pid: u32) {
    let mut kill = Command::new("kill");
    let sent = kill.args(["-INT", &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Whether the calls of the run were all kept or counted.
fn counted(run: &Path) {
    let text = fs::read(run.join("run.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&text).expect("JSON");
    let count = |key: &str| manifest["counts"][key].as_u64().unwrap();
    assert_eq!(count("seen"), count("recorded") + count("folded"));
    assert_eq!(count("lost"), 0);
}

/// Threads that call now and then are strangers to the programs until they are told: all of them are recorded from then on.
#[test]
fn threads_that_were_strangers_are_recorded_once_told() {
    let scratch = Scratch::new("strangers");
    let Some(program) = compiled("hard", &scratch).filter(|_| is_here()) else {
        return;
    };
    let start = || {
        let mut command = Command::new(&program);
        let command = command.args(["calm", "3"]);
        Job(command.stdout(Stdio::null()).spawn().unwrap())
    };
    let jobs = [start(), start()];
    let threads = |job: &Job| -> BTreeSet<u64> {
        let tasks = fs::read_dir(format!("/proc/{}/task", job.0.id())).unwrap();
        tasks
            .filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok())
            .collect()
    };
    wait_for("threads start", || {
        jobs.iter().all(|job| threads(job).len() == 3)
    });
    let run = scratch.0.join("run");
    let pids = jobs.iter().map(|job| job.0.id().to_string());
    let pids: Vec<String> = pids.flat_map(|pid| ["-p".to_owned(), pid]).collect();
    let mut recorder = start_recorder(&run, &pids);
    wait_for("both are recorded", || {
        let tree = show_quietly(&run);
        tree.is_some_and(|tree| {
            let busy = rows(&tree)
                .iter()
                .filter(|row| row["events"].as_u64() > Some(300));
            busy.count() == 2
        })
    });
    // Each of them has had a CPU by then.
    std::thread::park_timeout(Duration::from_millis(500));
    interrupt(recorder.id());
    assert!(recorder.wait().unwrap().success());
    counted(&run);
    let events = show(&run, "events");
    let seen: BTreeSet<u64> = rows(&events)
        .iter()
        .filter(|row| row["name"] == "getppid")
        .filter_map(|row| row["tid"].as_u64())
        .collect();
    for job in &jobs {
        let busy = threads(job);
        let busy: Vec<_> = busy
            .iter()
            .filter(|&&tid| tid != u64::from(job.0.id()))
            .collect();
        assert!(
            busy.iter().all(|tid| seen.contains(tid)),
            "{busy:?} of {seen:?}"
        );
    }
}

/// Everything that runs is there, but nothing of the recorder's own.
#[test]
fn the_machine_is_recorded_without_its_recorder() {
    let scratch = Scratch::new("machine");
    if !is_here() {
        return;
    }
    let run = scratch.0.join("run");
    let mut recorder = start_recorder(&run, &["--detail", "names", "--all"]);
    let mark = scratch.0.join("mark");
    // Recording has begun when an execution is among the bytes that are there already: the job goes on until then.
    let script = format!("while :; do cat /etc/hostname > '{}'; done", mark.display());
    let job = Job(Command::new("sh").args(["-c", &script]).spawn().unwrap());
    let holds = |name: &str| {
        let tree = show_quietly(&run);
        tree.is_some_and(|tree| {
            rows(&tree)
                .iter()
                .any(|row| row["exe"].as_str().is_some_and(|exe| exe.ends_with(name)))
        })
    };
    wait_for("the job is there", || holds("/cat"));
    drop(job);
    let own = recorder.id();
    interrupt(own);
    assert!(recorder.wait().unwrap().success());
    counted(&run);
    let tree = show(&run, "tree");
    let of_recorder = rows(&tree).iter().find(|row| {
        let argv = row["argv"].to_string();
        row["pid"] == own || argv.contains("--all") && argv.contains(run.to_str().unwrap())
    });
    assert!(of_recorder.is_none(), "{of_recorder:?}");
}

/// The tree of a run that is being written; `None` while it cannot be read.
fn show_quietly(run: &Path) -> Option<Value> {
    let output = plain_command(unspool())
        .arg("show")
        .arg(run)
        .args(["tree", "--json"])
        .output()
        .ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

/// Runs in a mount namespace that has the unified hierarchy, whatever the machine has: two jobs in two groups, one is recorded.
const GROUPS: &str = "set -e\n\
    root=/sys/fs/cgroup; [ -e $root/cgroup.procs ] || { root=$root/unified; mkdir -p $root; mount -t cgroup2 none $root; }\n\
    own=$root/unspool-test-$$; other=$own-other; mkdir $own $own/below $other\n\
    start() { sh -c \"echo \\$\\$ > $1/cgroup.procs; while :; do $2 /etc/hostname > /dev/null; done\" & }\n\
    start $own/below cat; inside=$!; start $other wc; outside=$!\n\
    \"$1\" record --quiet --recorder bpf --cgroup \"$own\" -o run & recorder=$!\n\
    n=0; until \"$1\" show run tree 2> /dev/null | grep -q /cat || [ $n -ge 200 ]; do n=$((n+1)); sleep 0.1; done\n\
    sleep 0.5; kill -INT $recorder; wait $recorder; status=$?\n\
    kill -9 $inside $outside; wait $inside $outside 2> /dev/null || :\n\
    n=0; until rmdir $own/below $own $other 2> /dev/null || [ $n -ge 50 ]; do n=$((n+1)); sleep 0.1; done\n\
    exit $status";

/// Of a control group those below it too, and nobody else.
#[test]
fn a_control_group_is_recorded_and_nothing_else() {
    let scratch = Scratch::new("group");
    if !is_here() || !has_tool("unshare") {
        return;
    }
    let output = plain_command("unshare")
        .args(["--mount", "sh", "-c", GROUPS, "sh"])
        .arg(unspool())
        .current_dir(&scratch.0)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("mount:") || said.contains("mkdir:") {
        eprintln!("skipped: {said}");
        return;
    }
    assert!(output.status.success(), "{said}");
    let run = scratch.0.join("run");
    counted(&run);
    let tree = show(&run, "tree");
    let runs = |name: &str| {
        let is_it = |row: &&Value| row["exe"].as_str().is_some_and(|exe| exe.ends_with(name));
        rows(&tree).iter().filter(is_it).count()
    };
    assert!(runs("/cat") > 1, "{tree}");
    assert_eq!((runs("/wc"), runs("/unspool")), (0, 0), "{tree}");
}
