//! `unspool doctor`: what this machine allows, and how to enable the rest.

use std::path::{Path, PathBuf};

use anyhow::Result;
use unspool_model::report::{Cell, Column, Layout, Report, Shown, Unit};

use crate::cli::DoctorArgs;
use crate::settings::Settings;

const COLUMNS: &[Column] = &[
    column("check", Unit::Text, "What was looked at."),
    column("state", Unit::Text, "ok, limited or missing."),
    column("found", Unit::Text, "What was found."),
    column(
        "fix",
        Unit::Text,
        "What to do, when something is to be done.",
    ),
];

const fn column(name: &'static str, unit: Unit, doc: &'static str) -> Column {
    Column::new(name, unit, Shown::Always, doc)
}

/// One line of the answer.
struct Check {
    name: &'static str,
    state: &'static str,
    found: String,
    fix: String,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            state: "ok",
            found: found.into(),
            fix: String::new(),
        }
    }

    fn limited(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            name,
            state: "limited",
            found: found.into(),
            fix: fix.into(),
        }
    }

    fn missing(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            name,
            state: "missing",
            found: found.into(),
            fix: fix.into(),
        }
    }
}

/// Looks at the machine and says what it found.
pub(crate) fn run(settings: &Settings, args: &DoctorArgs) -> Result<u8> {
    let checks = [
        kernel(),
        ptrace(),
        attach(),
        seccomp(),
        btf(),
        bpf(),
        bystander(),
        capabilities(),
        tool(
            settings,
            "strace",
            "for `record --recorder strace`: apt install strace",
        ),
        tool(
            settings,
            "ltrace",
            "for `record --recorder ltrace`: apt install ltrace",
        ),
        store(settings),
    ];
    let rows = checks
        .iter()
        .map(|check| {
            [check.name, check.state, &check.found, &check.fix]
                .map(|text| Cell::text(text.as_bytes()))
                .to_vec()
        })
        .collect();
    let report = Report {
        kind: "doctor",
        columns: COLUMNS,
        rows,
        layout: Layout::Table,
        notes: Vec::new(),
    };
    super::show::write_report(settings, &report, args.json)?;
    Ok(0)
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

fn kernel() -> Check {
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release
        .split(|character: char| !character.is_ascii_digit())
        .map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    // PTRACE_GET_SYSCALL_INFO came with Linux 5.3 (ptrace(2)).
    if version >= (5, 3) {
        Check::ok("kernel", release)
    } else {
        Check::limited(
            "kernel",
            release,
            "the built-in recorder needs Linux 5.3: use `record --recorder strace`",
        )
    }
}

/// Records a real command, as `record` would.
fn ptrace() -> Check {
    let command = unspool_record::Command {
        argv: vec!["/bin/true".into()],
        cwd: None,
        search_path: None,
    };
    let mut records: Vec<u8> = Vec::new();
    let outcome = unspool_record::record_command(
        &command,
        &unspool_record::RecordOptions::default(),
        &mut records,
        &unspool_record::Control::default(),
    );
    match outcome {
        Ok(outcome) => Check::ok(
            "recorder ptrace",
            format!("works: {} events of /bin/true", outcome.counts.recorded),
        ),
        Err(error) => Check::missing(
            "recorder ptrace",
            error.to_string(),
            "in a container: run it with `--cap-add SYS_PTRACE` or a seccomp profile that allows ptrace",
        ),
    }
}

fn attach() -> Check {
    let name = "attach (-p)";
    let scope = read("/proc/sys/kernel/yama/ptrace_scope");
    let may_everything = has_capability(19);
    match scope.as_deref() {
        None => Check::ok(name, "no Yama: own processes may be attached to"),
        Some("0") => Check::ok(name, "ptrace_scope 0: own processes may be attached to"),
        Some("3") => Check::missing(
            name,
            "ptrace_scope 3: nobody may attach until the next boot",
            "boot without kernel.yama.ptrace_scope=3",
        ),
        Some(scope) if may_everything => Check::ok(
            name,
            format!("ptrace_scope {scope}, and CAP_SYS_PTRACE is here"),
        ),
        Some(scope) => Check::limited(
            name,
            format!("ptrace_scope {scope}: only children may be attached to"),
            "sudo unspool record -p PID, or once: sudo sysctl kernel.yama.ptrace_scope=0",
        ),
    }
}

fn seccomp() -> Check {
    match read("/proc/sys/kernel/seccomp/actions_avail") {
        Some(actions) if actions.split(' ').any(|action| action == "trace") => Check::ok(
            "seccomp filter",
            "RET_TRACE is available: `--detail io|names` costs little",
        ),
        _ => Check::limited(
            "seccomp filter",
            "RET_TRACE is not available",
            "`--detail io|names` stops at every call here",
        ),
    }
}

fn btf() -> Check {
    let path = "/sys/kernel/btf/vmlinux";
    match std::fs::metadata(path) {
        Ok(metadata) => Check::ok("BTF", format!("{path}, {} bytes", metadata.len())),
        Err(_) => Check::limited(
            "BTF",
            format!("no {path}"),
            "a kernel with CONFIG_DEBUG_INFO_BTF; without it `record` uses ptrace",
        ),
    }
}

/// Records a real command with BPF, as `record` would where it can.
fn bpf() -> Check {
    let name = "bpf recorder";
    let command = unspool_record::Command {
        argv: vec!["/bin/true".into()],
        cwd: None,
        search_path: None,
    };
    let mut records: Vec<u8> = Vec::new();
    let begun = crate::clock::now_ns();
    let outcome = unspool_record::bpf::record_command(
        &command,
        &unspool_record::RecordOptions::default(),
        unspool_record::bpf::BpfOptions::default(),
        &mut records,
        &unspool_record::Control::default(),
    );
    let took = crate::report::duration(crate::clock::now_ns() - begun);
    match outcome {
        Ok(outcome) => Check::ok(
            name,
            format!(
                "recorded {} events of /bin/true in {took}",
                outcome.counts.recorded
            ),
        ),
        Err(error) => Check::limited(name, error.to_string(), enable_bpf()),
    }
}

/// The one command that lets an ordinary user record with BPF.
fn enable_bpf() -> String {
    let program = std::env::current_exe().map_or_else(
        |_| "/path/to/unspool".to_owned(),
        |path| path.display().to_string(),
    );
    format!(
        "sudo setcap cap_bpf,cap_perfmon+ep {program}   (Linux 5.17 or later; until then `record` uses ptrace)"
    )
}

/// What processes that are not recorded pay while somebody records with BPF.
fn bystander() -> Check {
    let name = "bystanders";
    match unspool_record::bpf::bystander_cost() {
        Ok(cost) => Check::ok(
            name,
            format!(
                "while bpf records, a call of any other process takes {:.0} ns longer ({:.0} ns for the cheapest call, {:.0} ns without)",
                cost.recording_ns - cost.plain_ns,
                cost.recording_ns,
                cost.plain_ns
            ),
        ),
        Err(error) => Check::limited(name, format!("not measured: {error}"), ""),
    }
}

/// Whether this process has the capability (numbers of capabilities(7)).
fn has_capability(number: u32) -> bool {
    effective().is_some_and(|mask| mask & (1 << number) != 0)
}

fn effective() -> Option<u64> {
    let status = read("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("CapEff:"))?;
    u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok()
}

fn capabilities() -> Check {
    const NAMED: &[(u32, &str)] = &[
        (19, "CAP_SYS_PTRACE"),
        (21, "CAP_SYS_ADMIN"),
        (38, "CAP_PERFMON"),
        (39, "CAP_BPF"),
    ];
    let held: Vec<&str> = NAMED
        .iter()
        .filter(|(number, _)| has_capability(*number))
        .map(|(_, name)| *name)
        .collect();
    let found = if held.is_empty() {
        "none of those that recorders use; own commands can be recorded without".to_owned()
    } else {
        held.join(", ")
    };
    Check::ok("capabilities", found)
}

fn tool(settings: &Settings, name: &'static str, fix: &str) -> Check {
    let tracer = if name == "ltrace" {
        unspool_record::external::Tracer::Ltrace
    } else {
        unspool_record::external::Tracer::Strace
    };
    let found = settings
        .search_path
        .iter()
        .flat_map(std::env::split_paths)
        .map(|folder| folder.join(name))
        .find(|path| is_executable(path));
    match found {
        Some(path) => {
            let version =
                unspool_record::external::version(tracer, Some(&path)).unwrap_or_default();
            Check::ok(name, format!("{}: {version}", path.display()))
        }
        None => Check::missing(name, "not in PATH", fix),
    }
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn store(settings: &Settings) -> Check {
    let name = "store";
    let Some(root) = &settings.store else {
        return Check::missing(
            name,
            "neither HOME nor XDG_STATE_HOME is set",
            "set one of them, or use `--store DIR`",
        );
    };
    let existing: Option<PathBuf> = root
        .ancestors()
        .find(|path| path.exists())
        .map(Path::to_path_buf);
    match existing {
        Some(folder) => {
            let writable =
                std::fs::metadata(&folder).is_ok_and(|metadata| !metadata.permissions().readonly());
            if writable {
                Check::ok(name, root.display().to_string())
            } else {
                Check::missing(
                    name,
                    format!("{} cannot be written to", folder.display()),
                    "make it writable, or use `--store DIR`",
                )
            }
        }
        None => Check::missing(name, root.display().to_string(), "use `--store DIR`"),
    }
}
