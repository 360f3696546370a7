//! The BPF recorder with little memory, little CPU time, and for long.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{
    Scratch, has_tool, is_root, plain_command, recorders, rounds, rows, show, show_text, torture,
    unspool,
};

/// What the recorder, its rings and the job may have together.
const MEMORY_BYTES: u64 = 96 << 20;
/// Memory of its own by which a recorder may grow while it records.
const GROWTH_KIB_MAX: u64 = 16 << 10;

/// A control group with a limit on memory; removed with the test.
struct Little(PathBuf);

impl Little {
    /// `None` where this machine does not let us make one.
    fn new(scratch: &Scratch, memory_bytes: u64) -> Option<Self> {
        let name = scratch.0.file_name().unwrap();
        for (hierarchy, limit) in [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            ("/sys/fs/cgroup", "memory.max"),
        ] {
            let folder = Path::new(hierarchy).join(name);
            if fs::create_dir(&folder).is_err() {
                continue;
            }
            let group = Self(folder);
            if fs::write(group.0.join(limit), memory_bytes.to_string()).is_ok() {
                return Some(group);
            }
        }
        eprintln!("skipped: no control group with a limit on memory here");
        None
    }

    /// A program in it, through so many words that are run in its place.
    fn command(&self, before: &[&str]) -> Command {
        let join = format!(
            "echo $$ > '{}/cgroup.procs' && exec \"$@\"",
            self.0.display()
        );
        let mut command = plain_command("sh");
        command
            .args(["-c", &join, "sh"])
            .args(before)
            .arg(unspool());
        command.stdin(Stdio::null());
        command
    }

    fn killed(&self) -> u64 {
        let texts = ["memory.oom_control", "memory.events"]
            .map(|name| fs::read_to_string(self.0.join(name)).unwrap_or_default());
        let counts = texts
            .iter()
            .flat_map(|text| text.lines())
            .filter_map(|line| line.strip_prefix("oom_kill ")?.parse::<u64>().ok());
        counts.sum()
    }
}

impl Drop for Little {
    fn drop(&mut self) {
        // Pages are given back some time after the last process has gone.
        let deadline = Instant::now() + Duration::from_secs(5);
        while fs::remove_dir(&self.0).is_err() && Instant::now() < deadline {
            std::thread::yield_now();
        }
    }
}

fn is_here() -> bool {
    recorders().contains(&"bpf")
}

/// With 96 MiB for everything, one CPU and the lowest priority nobody is killed and every call is there or counted.
#[test]
fn little_memory_and_one_processor_lose_nothing() {
    let scratch = Scratch::new("little");
    if !is_here() || !is_root() || !has_tool("taskset") {
        return;
    }
    let Some(group) = Little::new(&scratch, MEMORY_BYTES) else {
        return;
    };
    let calls = rounds(20_000, 3_000_000).to_string();
    let run = scratch.0.join("run");
    let output = group
        .command(&["nice", "-n", "19", "taskset", "-c", "0"])
        // More than there is, whoever pays for the pages of the programs' files.
        .args(["record", "--recorder", "bpf", "--ring", "128M", "-o"])
        .arg(&run)
        .args(["--", torture(), "flood", "2", &calls])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("there is no memory for more"), "{said}");
    assert_eq!(group.killed(), 0);
    let truth: Value = serde_json::from_slice(&output.stdout).unwrap();
    let manifest: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    let count = |key: &str| manifest["counts"][key].as_u64().unwrap();
    assert_eq!(count("lost"), 0, "{}", manifest["counts"]);
    assert_eq!(count("seen"), count("recorded") + count("folded"));
    let time = show(&run, "time");
    let getppid = rows(&time).iter().find(|row| row["name"] == "getppid");
    assert_eq!(
        getppid.map(|row| &row["calls"]),
        Some(&truth["calls"]["getppid"])
    );
}

/// The rings leave room for the job, its files and the closing of the run: they are made smaller before the kernel has to kill.
#[test]
fn rings_leave_most_of_little_memory_to_the_job() {
    if !is_here() || !is_root() {
        return;
    }
    let jobs: [(u64, &[&str]); 3] = [
        (80, &["cat", "/etc/hostname"]),
        (
            64,
            &["dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=300000"],
        ),
        (32, &["cat", "/etc/hostname"]),
    ];
    for (mib, job) in jobs {
        let scratch = Scratch::new("little");
        let Some(group) = Little::new(&scratch, mib << 20) else {
            return;
        };
        let run = scratch.0.join("run");
        let output = group
            .command(&[])
            .args(["record", "--recorder", "bpf", "-o"])
            .arg(&run)
            .arg("--")
            .args(job)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mib} MiB: {said}");
        assert_eq!(group.killed(), 0, "{mib} MiB");
        let kib = |line: &str| -> Option<u64> {
            let (_, rest) = line.split_once("the rings have ")?;
            rest.split_once(" KiB: there is no memory for more")?
                .0
                .parse()
                .ok()
        };
        let kib = said.lines().find_map(kib);
        assert!(
            kib.is_some_and(|kib| kib <= mib << 10 >> 2),
            "{mib}: {said}"
        );
        let manifest: Value =
            serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
        assert_eq!(manifest["counts"]["lost"], 0, "{}", manifest["counts"]);
    }
}

/// Numbers of the programs and maps that a process holds.
fn held_by(pid: u32) -> BTreeSet<(String, u32)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap();
    let texts = entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
    texts
        .flat_map(|text| {
            let numbers = text.lines().filter_map(|line| {
                let (name, number) = line.split_once("_id:")?;
                let number = number.trim().parse().ok()?;
                matches!(name, "prog" | "map").then(|| (name.to_owned(), number))
            });
            numbers.collect::<Vec<_>>()
        })
        .collect()
}

/// Says which of the programs and maps whose numbers it is given are still there, within ten seconds.
const STILL_THERE: &str = "import ctypes, os, struct, sys, time\n\
    libc = ctypes.CDLL(None, use_errno=True)\n\
    number = 321 if os.uname().machine == 'x86_64' else 280\n\
    def there(word):\n\
    \x20   kind, id = word.split(':')\n\
    \x20   given = ctypes.create_string_buffer(struct.pack('III', int(id), 0, 0) + bytes(116))\n\
    \x20   fd = libc.syscall(number, 13 if kind == 'prog' else 14, given, 128)\n\
    \x20   if fd >= 0: os.close(fd)\n\
    \x20   return fd >= 0 or ctypes.get_errno() != 2\n\
    until = time.time() + 10\n\
    left = sys.argv[1:]\n\
    while left and time.time() < until:\n\
    \x20   left = [word for word in left if there(word)]\n\
    \x20   time.sleep(0.05)\n\
    print(*left)";

/// Memory of its own in KiB, and number of descriptors.
fn size_of(pid: u32) -> (u64, usize) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let own = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:")?.split_whitespace().next());
    let count = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    (own.and_then(|own| own.parse().ok()).unwrap_or(0), count)
}

/// Processes come and go, files are made, somebody looks on: memory and descriptors stay as they are, nothing is lost, and nothing
/// is left in the kernel.
#[test]
fn a_long_recording_stays_as_small_as_it_began() {
    let scratch = Scratch::new("long");
    if !is_here() || !is_root() || !has_tool("python3") {
        return;
    }
    let seconds = rounds(6, 900);
    let run = scratch.0.join("run");
    let script = format!(
        "until=$(($(date +%s) + {seconds})); while [ $(date +%s) -lt $until ]; do cat /etc/hostname > made; sort made > other; rm made other; done"
    );
    let mut recorder = plain_command(unspool())
        .args(["record", "--quiet", "--recorder", "bpf", "-o"])
        .arg(&run)
        .args(["--", "sh", "-c", &script])
        .current_dir(&scratch.0)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let pid = recorder.id();
    let begun = Instant::now();
    let mut sizes = Vec::new();
    let mut held = BTreeSet::new();
    while recorder.try_wait().unwrap().is_none() {
        std::thread::park_timeout(Duration::from_millis(300));
        let own = size_of(pid);
        // While it begins it is not complete yet; the closing of the run is another matter.
        let elapsed = begun.elapsed();
        if elapsed < Duration::from_secs(2)
            || elapsed + Duration::from_secs(1) > Duration::from_secs(seconds)
        {
            continue;
        }
        held.append(&mut held_by(pid));
        sizes.push(own);
        // A viewer.
        show_text(&run, &["summary"]);
    }
    assert!(recorder.wait().unwrap().success());
    let (Some(first), Some(most)) = (sizes.first(), sizes.iter().max()) else {
        panic!("it was not looked at");
    };
    eprintln!("{seconds} s: {first:?} at first, {most:?} at most, KiB and descriptors");
    assert!(most.0 <= first.0 + GROWTH_KIB_MAX, "{sizes:?}");
    let descriptors: BTreeSet<usize> = sizes.iter().map(|size| size.1).collect();
    let spread = descriptors.last().unwrap() - descriptors.first().unwrap();
    assert!(spread <= 2, "{descriptors:?}");
    assert!(held.iter().any(|(kind, _)| kind == "prog"), "{held:?}");
    let words: Vec<String> = held
        .iter()
        .map(|(kind, number)| format!("{kind}:{number}"))
        .collect();
    let left = Command::new("python3")
        .args(["-c", STILL_THERE])
        .args(words)
        .output()
        .unwrap();
    assert!(left.status.success());
    assert_eq!(String::from_utf8_lossy(&left.stdout).trim(), "");
    crate::support::conserved(&run);
}
