//! What a program inherits: printed twice, plain and recorded, and compared as text.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Outcome, sys};

/// Lines of `/proc/self/status` that differ between any two runs, or that say that a tracer is there.
const OTHER_EVERY_TIME: &[&str] = &[
    "Pid",
    "Tgid",
    "Ngid",
    "PPid",
    "NStgid",
    "NSpid",
    "NSpgid",
    "NSsid",
    "TracerPid",
    "voluntary_ctxt_switches",
    "nonvoluntary_ctxt_switches",
];

/// Prints every piece of inherited state.
pub(crate) fn state(_: &[u64]) -> Outcome {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    let kept = lines.filter(|(key, _)| {
        !OTHER_EVERY_TIME.contains(key) && !key.starts_with("Vm") && !key.starts_with("Rss")
    });
    let status: BTreeMap<&str, &str> = kept.map(|(key, value)| (key, value.trim())).collect();
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let [pid, group, session] = sys::ids();
    let dispositions: Vec<u8> = (1..=64).map(sys::disposition).collect();
    let prctl = json!({
        "pdeathsig_and_dumpable": sys::prctl_get(libc::PR_GET_DUMPABLE),
        "keepcaps": sys::prctl_get(libc::PR_GET_KEEPCAPS),
        "no_new_privs": sys::prctl_get(libc::PR_GET_NO_NEW_PRIVS),
        "seccomp": sys::prctl_get(libc::PR_GET_SECCOMP),
        "securebits": sys::prctl_get(libc::PR_GET_SECUREBITS),
        "timer_slack": sys::prctl_get(libc::PR_GET_TIMERSLACK),
        "thp_disable": sys::prctl_get(libc::PR_GET_THP_DISABLE),
        "subreaper": std::fs::read_to_string("/proc/self/oom_score_adj")?.trim(),
    });
    // `$_` is written by the shell that starts us; it names what was started.
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .map(|(k, v)| {
            (
                k.to_string_lossy().into_owned(),
                v.to_string_lossy().into_owned(),
            )
        })
        .filter(|(k, _)| k != "_")
        .collect();
    Ok(json!({
        "status": status,
        "limits": limits,
        "leads_group": pid == group,
        "leads_session": pid == session,
        "dispositions": dispositions,
        "prctl": prctl,
        "descriptors": descriptors()?,
        "environment": environment,
        "arguments": std::env::args().skip(1).collect::<Vec<_>>(),
        "cwd": std::env::current_dir()?,
        "personality": std::fs::read_to_string("/proc/self/personality").unwrap_or_default().trim(),
        "nice_and_policy": scheduling()?,
    }))
}

fn descriptors() -> std::io::Result<BTreeMap<String, Value>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        // The folder that is being read is a descriptor of this moment only: it is gone when its name is asked for later.
        let Ok(target) = std::fs::read_link(entry.path()) else {
            continue;
        };
        let target = target.to_string_lossy().into_owned();
        if target.starts_with("/proc/") {
            continue;
        }
        let fd = entry.file_name().to_string_lossy().into_owned();
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
        let flags = info
            .lines()
            .find(|line| line.starts_with("flags:"))
            .unwrap_or_default()
            .to_owned();
        found.insert(
            fd,
            json!({"kind": target.split(':').next(), "flags": flags}),
        );
    }
    Ok(found)
}

/// Nice value, real-time priority and policy of `/proc/self/stat`.
fn scheduling() -> std::io::Result<Vec<String>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    // Fields 19, 40 and 41 of proc_pid_stat(5); the first one here is field 3.
    Ok([19, 40, 41]
        .iter()
        .filter_map(|field| fields.get(field - 3))
        .map(|word| (*word).to_owned())
        .collect())
}
