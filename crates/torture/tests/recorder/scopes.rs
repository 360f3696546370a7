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

/// Begins a script: runs in a mount namespace that has the unified hierarchy, whatever the machine has.
const ROOT: &str = "set -e\n\
    root=/sys/fs/cgroup; [ -e $root/cgroup.procs ] || root=$root/unified\n\
    [ -e $root/cgroup.procs ] || { mkdir -p $root; mount -t cgroup2 none $root; }\n";

/// Makes two groups and one below the first, in which a job runs.
const BEGIN: &str = "own=$root/unspool-test-$$; other=$own-other; mkdir $own $own/below $other\n\
    start() { sh -c \"echo \\$\\$ > $1/cgroup.procs; while :; do $2 /etc/hostname > /dev/null; done\" & }\n\
    shows() { n=0; until \"$unspool\" show ./run tree 2> /dev/null | grep -q \"$1\" || [ $n -ge 200 ]; do n=$((n+1)); sleep 0.1; done; }\n\
    unspool=$1; detail=$2; start $own/below cat; inside=$!\n";

/// Ends it: groups, whose processes are told, are removed when the recorder has ended.
const END: &str = "kill -TERM $recorder; wait $recorder; status=$?\n\
    kill -9 $told; wait $told 2> /dev/null || :\n\
    n=0; until rmdir $own/below $own $other 2> /dev/null; [ ! -e $own ] || [ $n -ge 50 ]; do n=$((n+1)); sleep 0.1; done\n\
    exit $status";

/// Two jobs in two groups, one is recorded.
const GROUPS: &str = "start $other wc; told=\"$inside $!\"\n\
    \"$unspool\" record --quiet --recorder bpf --cgroup \"$own\" -o run & recorder=$!\n\
    shows 'cat /etc'; sleep 0.5\n";

/// Processes that are moved into a group that is recorded: one that goes on and has children, one that is gone at once, one that sleeps.
const MOVED: &str = "mkdir here; sleep 4711 & sleeps=$!\n\
    \"$unspool\" record --quiet --recorder bpf --detail $detail --cgroup \"$own\" -o run & recorder=$!\n\
    shows 'cat /etc'; kill -9 $inside\n\
    (cd here; exec sh -c \"exec 7< /etc/hostname; echo \\$\\$ > $own/below/cgroup.procs; for n in 1 2 3; do /bin/true \\$n; done; exec 8< /etc/passwd; while :; do sleep 0.2; done\" sh moved) & goes_on=$!\n\
    sh -c \"echo \\$\\$ > $own/below/cgroup.procs; exec /bin/true gone\"\n\
    echo $sleeps > $own/below/cgroup.procs; told=\"$goes_on $sleeps\"\n\
    shows 'sleep 4711'; shows 'sleep 0.2 *$'\n";

/// A job that joins a container's group, runs what its first argument says there, and is over.
const SHORT: &str = "top=$root/unspool-short-$$; unspool=$1; work=$2; container=$top/docker/$(printf %064x $$)\n\
    mkdir -p $container\n\
    HOME=. \"$unspool\" record --quiet --recorder bpf -o run -- \\\n\
    sh -c \"echo \\$\\$ > $container/cgroup.procs; $work\" $root $container > /dev/null || status=$?\n\
    n=0; until rmdir $container 2> /dev/null; [ ! -e $container ] || [ $n -ge 50 ]; do n=$((n+1)); sleep 0.1; done\n\
    rmdir $top/docker $top; exit $status";

/// Runs such a script of groups and jobs in them.
fn with_groups(script: &str, detail: &str, scratch: &Scratch) -> Option<std::path::PathBuf> {
    with_root(&[BEGIN, script, END].concat(), detail, scratch)
}

/// Runs a script that has the unified hierarchy and records.
fn with_root(script: &str, argument: &str, scratch: &Scratch) -> Option<std::path::PathBuf> {
    let (_, said, is_success) = output_with_root(script, argument, scratch)?;
    assert!(is_success, "{said}");
    let run = scratch.0.join("run");
    counted(&run);
    Some(run)
}

/// What a script that has the unified hierarchy printed and said, and whether it went well; `None`, and why on stderr, where it
/// cannot run.
fn output_with_root(
    script: &str,
    argument: &str,
    scratch: &Scratch,
) -> Option<(String, String, bool)> {
    if !is_here() || !has_tool("unshare") {
        return None;
    }
    let output = plain_command("unshare")
        .args(["--mount", "sh", "-c", &[ROOT, script].concat(), "sh"])
        .arg(unspool())
        .arg(argument)
        .current_dir(&scratch.0)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stderr);
    if said.contains("mount:") || said.contains("mkdir:") {
        eprintln!("skipped: {said}");
        return None;
    }
    Some((text(&output.stdout), said, output.status.success()))
}

/// Of a control group those below it too, and nobody else.
#[test]
fn a_control_group_is_recorded_and_nothing_else() {
    let scratch = Scratch::new("group");
    let Some(run) = with_groups(GROUPS, "full", &scratch) else {
        return;
    };
    let tree = show(&run, "tree");
    let runs = |name: &str| {
        let is_it = |row: &&Value| row["exe"].as_str().is_some_and(|exe| exe.ends_with(name));
        rows(&tree).iter().filter(is_it).count()
    };
    assert!(runs("/cat") > 1, "{tree}");
    assert_eq!((runs("/wc"), runs("/unspool")), (0, 0), "{tree}");
}

fn row<'t>(tree: &'t Value, last_argument: &str) -> &'t Value {
    let mut found = rows(tree).iter().filter(|row| {
        let argv = row["argv"].as_array();
        argv.and_then(|argv| argv.last()?.as_str()) == Some(last_argument)
    });
    let row = found.next();
    assert!(found.next().is_none(), "one of {last_argument}: {tree}");
    row.unwrap_or_else(|| panic!("{last_argument} in {tree}"))
}

fn ends_with(row: &Value, field: &str, end: &str) -> bool {
    row[field].as_str().is_some_and(|text| text.ends_with(end))
}

/// A process that is moved into the group in mid-life is known as one that was there, and its children have its group.
#[test]
fn what_is_moved_into_a_control_group_is_known() {
    let scratch = Scratch::new("moved");
    let Some(run) = with_groups(MOVED, "full", &scratch) else {
        return;
    };
    let tree = show(&run, "tree");
    let goes_on = row(&tree, "moved");
    assert!(ends_with(goes_on, "cwd", "/here"), "{goes_on}");
    assert!(ends_with(goes_on, "exe", "sh"), "{goes_on}");
    for argument in ["moved", "4711", "gone", "1", "2", "3"] {
        let row = row(&tree, argument);
        assert!(ends_with(row, "cgroup", "/below"), "{row}");
    }
    for argument in ["1", "2", "3"] {
        assert_eq!(row(&tree, argument)["parent"], goes_on["id"], "{tree}");
    }
    assert!(ends_with(row(&tree, "4711"), "exe", "/sleep"), "{tree}");
    let fds = show(&run, "fds");
    let open_on = |fd: u64| -> Vec<&str> {
        rows(&fds)
            .iter()
            .filter(|row| row["process"] == goes_on["id"] && row["fd"] == fd)
            .filter_map(|row| row["resource"].as_str())
            .collect()
    };
    // 8 was opened by a call that is told: it was not open before.
    assert_eq!(
        (open_on(7), open_on(8)),
        (vec!["/etc/hostname"], vec!["/etc/passwd"])
    );
}

/// The same without calls, by which they would be found.
#[test]
fn what_is_moved_is_found_without_calls() {
    let scratch = Scratch::new("moved-tree");
    let Some(run) = with_groups(MOVED, "tree", &scratch) else {
        return;
    };
    let tree = show(&run, "tree");
    for argument in ["moved", "4711"] {
        let row = row(&tree, argument);
        assert!(ends_with(row, "cgroup", "/below"), "{row}");
    }
    let goes_on = row(&tree, "moved");
    let sleeps = rows(&tree).iter().filter(|row| {
        row["parent"] == goes_on["id"]
            && ends_with(row, "exe", "/sleep")
            && ends_with(row, "cgroup", "/below")
    });
    assert!(sleeps.count() > 0, "{tree}");
}

/// A process that is gone before its record comes out of the ring is in the group where its image began, and its parent, which was
/// moved later, is not.
#[test]
fn short_jobs_are_in_the_group_that_they_joined() {
    for work in [
        "cat /etc/hostname; cat /etc/passwd; true",
        // Alive when the first record of it comes.
        "cat /etc/hostname; sleep 0.1; cat /etc/passwd; true",
    ] {
        let scratch = Scratch::new("short");
        let Some(run) = with_root(SHORT, work, &scratch) else {
            return;
        };
        let tree = show(&run, "tree");
        for row in rows(&tree) {
            let is_inside = row["argv"][0] != "sh";
            let path = row["cgroup"].as_str().expect("a control group");
            assert_eq!(path.contains("/docker/"), is_inside, "{tree}");
        }
        let inside = plain_command(unspool())
            .arg("show")
            .arg(&run)
            .args(["tree", "--json", "-w", "container.runtime = docker"])
            .output()
            .unwrap();
        let inside: Value = serde_json::from_slice(&inside.stdout).expect("JSON");
        let shown: Vec<_> = rows(&inside).iter().map(|row| &row["argv"]).collect();
        for argument in ["/etc/hostname", "/etc/passwd"] {
            let is_shown = shown.iter().any(|argv| argv[1] == argument);
            assert!(is_shown, "{argument} of {shown:?}");
        }
    }
}

/// Where the group is gone as well, it is not known which it was: not the one before it.
#[test]
fn a_group_that_is_gone_is_not_the_one_before_it() {
    let scratch = Scratch::new("gone");
    let work = "cat /etc/hostname; echo $$ > $0/cgroup.procs; rmdir $1; cat /etc/passwd; true";
    let Some(run) = with_root(SHORT, work, &scratch) else {
        return;
    };
    let tree = show(&run, "tree");
    let path = |argument: &str| row(&tree, argument)["cgroup"].as_str();
    // The recorder may have looked before.
    assert!(
        path("/etc/hostname").is_none_or(|path| path.contains("/docker/")),
        "{tree}"
    );
    assert!(
        path("/etc/passwd").is_some_and(|path| !path.contains("/docker/")),
        "{tree}"
    );
}

/// Tries to record a group of a hierarchy of version 1, and again when the unified one has a group of that name.
const OLD: &str = "old=$(sed -n 's/^[^ ]* \\([^ ]*\\) cgroup .*/\\1/p' /proc/mounts | head -n 1)\n\
    [ -n \"$old\" ] || { mkdir old; mount -t cgroup -o none,name=unspool-test none old; old=$PWD/old; }\n\
    name=unspool-old-$$; mkdir $old/$name; echo $old/$name $root/$name\n\
    \"$1\" record --quiet --recorder bpf --cgroup $old/$name -o run || :\n\
    mkdir $root/$name; \"$1\" record --quiet --recorder bpf --cgroup $old/$name -o again || :\n\
    rmdir $old/$name $root/$name\n";

#[test]
fn a_group_of_version_1_is_told_from_one_that_is_not_there() {
    let scratch = Scratch::new("old");
    let Some((folders, said, _)) = output_with_root(OLD, "", &scratch) else {
        return;
    };
    let (old, new) = folders.trim().split_once(' ').expect("two folders");
    let begin = format!(
        "cannot record control group `{old}`: it is of version 1 and not in the unified hierarchy, where `{new}`"
    );
    for end in [" would have its name, but does not exist", " has its name"] {
        assert!(said.contains(&format!("{begin}{end}\n")), "{said}");
    }
}
