//! Drop-ins of systemd, enforced: a systemd of its own, in namespaces of its own, runs the recorded job as a service.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::{Program, has_tool, is_ci, text};

const SYSTEMD: &str = "/lib/systemd/systemd";

/// Makes a control group, and in it namespaces with a systemd that knows the units of the folder and nothing else.
const OUTSIDE: &str = r#"set -e
mount -t tmpfs tmpfs /run
mkdir /run/groups
mount -t cgroup2 cgroup2 /run/groups
group=/run/groups/unspool-test-$$
mkdir "$group"
echo 0 > "$group/cgroup.procs"
set +e
unshare --fork --pid --kill-child --mount --uts --ipc --net --cgroup --mount-proc sh -ec "$1"
echo 0 > /run/groups/cgroup.procs
find "$group" -depth -type d -exec rmdir {} + 2> /dev/null
exit 0
"#;

const INSIDE: &str = r#"
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec env -i container=unspool PATH="$PATH" SYSTEMD_UNIT_PATH="$PWD/units" SYSTEMD_GENERATOR_PATH= \
  SYSTEMD_ENVIRONMENT_GENERATOR_PATH= "$SYSTEMD" --system --unit=job.service --log-target=null --show-status=no
"#;

/// A systemd in a box.
struct Systemd;

/// How a service ended: what systemd says, and the status or signal.
#[derive(PartialEq, Eq, Debug)]
struct Ended {
    result: String,
    output: String,
    errors: String,
}

impl Systemd {
    /// `None` where no systemd can be started; that is said.
    fn new() -> Option<Self> {
        if !Path::new(SYSTEMD).exists() {
            assert!(!is_ci(), "systemd is missing in CI");
            eprintln!("skipped: systemd is not installed");
            return None;
        }
        if !has_tool("unshare") {
            return None;
        }
        let program = Program::new();
        let ended = Self.run(&program.work(), "", "echo there");
        if ended.output == "there\n" {
            return Some(Self);
        }
        assert!(!is_ci(), "systemd does not start in namespaces: {ended:?}");
        eprintln!("skipped: systemd does not start in namespaces: {ended:?}");
        None
    }

    /// Runs a script as the recorded job, under a drop-in.
    #[expect(
        clippy::unused_self,
        reason = "there is one only where systemd can be started"
    )]
    fn run(&self, work: &Path, drop_in: &str, script: &str) -> Ended {
        let units = work.join("units");
        let folder = work.display();
        std::fs::create_dir_all(units.join("job.service.d")).expect("made");
        std::fs::write(work.join("service.sh"), script).expect("written");
        let keep = |name: &str| std::env::vars().find(|(key, _)| key == name);
        let variables: Vec<String> = ["PATH", "HOME", "LANG", "PYENV_ROOT"]
            .into_iter()
            .filter_map(keep)
            .map(|(key, value)| format!("Environment=\"{key}={value}\""))
            .collect();
        let variables = variables.join("\n");
        let unit = format!(
            "[Unit]\nDefaultDependencies=no\nSuccessAction=exit-force\nFailureAction=exit-force\n[Service]\nType=oneshot\n\
             WorkingDirectory={folder}\n{variables}\nExecStart=/bin/sh -c '{}'\n\
             StandardOutput=file:{folder}/service.out\nStandardError=file:{folder}/service.err\n\
             ExecStopPost=+/bin/sh -c 'echo $SERVICE_RESULT $EXIT_STATUS > {folder}/service.result'\n",
            script
                .replace('\\', "\\\\")
                .replace('\'', "\\'")
                .replace('%', "%%")
                .replace('$', "$$")
        );
        std::fs::write(units.join("job.service"), unit).expect("written");
        std::fs::write(units.join("job.service.d/unspool.conf"), drop_in).expect("written");
        for name in ["out", "err", "result"] {
            let file = work.join(format!("service.{name}"));
            drop(std::fs::remove_file(file));
        }
        let boot = || {
            Command::new("timeout")
                .args([
                    "-s", "KILL", "60", "unshare", "--mount", "sh", "-c", OUTSIDE, "sh", INSIDE,
                ])
                .env("SYSTEMD", SYSTEMD)
                .current_dir(work)
                .stdin(Stdio::null())
                .output()
                .expect("it starts")
        };
        let mut booted = boot();
        if !work.join("service.result").exists() {
            eprintln!("systemd did not bring the service to its end: once more");
            booted = boot();
        }
        let read = |name: &str| {
            let file = std::fs::read(work.join(format!("service.{name}")));
            text(&file.unwrap_or_default())
        };
        Ended {
            result: read("result").trim().to_owned(),
            output: read("out"),
            errors: read("err") + &text(&booted.stderr),
        }
    }
}

/// Jobs of different kinds.
const JOBS: &[(&str, &str)] = &[
    ("sh", "cat in.txt | sort > out.txt; cat out.txt"),
    (
        "python3",
        "python3 -c 'import json, os; open(\"p.txt\", \"w\").write(\"x\"); os.unlink(\"p.txt\"); print(json.dumps([1]))'",
    ),
    (
        "perl",
        "perl -e 'open(F, \">q.txt\"); print F \"hi\"; close F; unlink \"q.txt\"; print \"ok\\n\"'",
    ),
    ("tar", "tar cf x.tar in.txt && tar tf x.tar; rm x.tar"),
    (
        "setpriv",
        "setpriv --reuid 65534 sleep 4 & sleep 0.5; kill $!; wait $!; echo $?; touch f; chown 65534 f; chmod 604 f; stat -c %a:%u f; rm f",
    ),
];

/// Ends every job: does nothing, or one thing more than was recorded.
const PROBE: &str = r#"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "call")) return syscall(SYS_getpriority, PRIO_PROCESS, 0) < 0;
    if (!strcmp(what, "write")) return open("/var/unspool-test-was-here", O_WRONLY | O_CREAT, 0600) < 0;
    if (!strcmp(what, "socket")) return socket(AF_NETLINK, SOCK_RAW, 0) < 0;
    return 0;
}
"#;

/// Says which of them the kernel let happen.
const MORE: &str = "./probe none && echo none; ./probe call && echo call; ./probe write && echo write; \
                    ./probe socket && echo socket; /usr/bin/factor 6 && echo execute; true";

#[test]
fn drop_ins_let_pass_what_was_recorded_and_refuse_more() {
    if !has_tool("gcc") {
        return;
    }
    let Some(systemd) = Systemd::new() else {
        return;
    };
    for (tool, script) in JOBS {
        if !has_tool(tool) {
            continue;
        }
        let program = Program::new();
        let work = program.work();
        std::fs::write(work.join("in.txt"), "b\na\n").expect("written");
        std::fs::write(work.join("probe.c"), PROBE).expect("written");
        let built = Command::new("gcc")
            .args(["-o", "probe", "probe.c"])
            .current_dir(&work)
            .status();
        assert!(built.expect("gcc starts").success());
        let script = format!("{script}; ./probe none");
        let said = program
            .command(&["record", "-q", "-o", "run", "--", "/bin/sh", "-c", &script])
            .env("HOME", std::env::home_dir().expect("a home"))
            .output()
            .expect("it starts");
        assert!(said.status.success(), "{script}: {}", text(&said.stderr));
        let drop_in = program.ok(&["gen", "systemd", "./run"]);
        let ended = systemd.run(&work, &drop_in, &script);
        assert_eq!(
            (ended.result.as_str(), &ended.output),
            ("success 0", &text(&said.stdout)),
            "{script}: {}\n{drop_in}",
            ended.errors
        );
        let ended = systemd.run(&work, &drop_in, MORE);
        assert_eq!(ended.output, "none\n", "under that of {script}: {drop_in}");
        if *tool == "setpriv" {
            for capability in ["CAP_KILL", "CAP_FOWNER"] {
                let without = drop_in.replace(capability, "");
                assert_ne!(without, drop_in, "{capability} is in {drop_in}");
                let ended = systemd.run(&work, &without, &script);
                let why = ended.errors;
                assert_ne!(
                    ended.output,
                    text(&said.stdout),
                    "{capability} is needed: {why}"
                );
            }
        }
    }
}
