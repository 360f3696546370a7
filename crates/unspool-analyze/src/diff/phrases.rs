//! Numbers and names as sentences say them.

use super::Joint;
use super::profile::{ExitKey, Wait};

/// `3.4 ms`, `71.1 s`.
pub(super) fn duration(ns: i64) -> String {
    let ns = ns.max(0);
    match ns {
        0..1_000_000 => format!("{} µs", ns / 1000),
        1_000_000..1_000_000_000 => format!("{} ms", ns / 1_000_000),
        1_000_000_000..120_000_000_000 => {
            format!("{}.{} s", ns / 1_000_000_000, ns / 100_000_000 % 10)
        }
        _ => format!("{} min {} s", ns / 60_000_000_000, ns / 1_000_000_000 % 60),
    }
}

/// `3 days`, `12 min`: how long ago, roughly.
pub(super) fn ago(ns: i64) -> String {
    let seconds = ns.max(0) / 1_000_000_000;
    let (count, unit) = match seconds {
        0..120 => return format!("{seconds} s"),
        120..7200 => (seconds / 60, "min"),
        7200..172_800 => (seconds / 3600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}

/// `18.2 MB`; exact below 10 kB, where a single byte may be the difference.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 10_000 {
        return if bytes == 1 {
            "1 byte".to_owned()
        } else {
            format!("{bytes} bytes")
        };
    }
    let mut tenths = bytes / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// `exit status 2`, `killed by SIGKILL`.
pub(super) fn exit(key: ExitKey) -> String {
    match key {
        ExitKey::Status(code) => format!("exit status {code}"),
        ExitKey::Signal(signal) => format!("killed by {}", unspool_model::signal::name(signal)),
        ExitKey::Unknown => "end not seen".to_owned(),
    }
}

/// `once`, `3 times`.
pub(super) fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        _ => format!("{count} times"),
    }
}

/// Command of a role for people: the last label of its lineage, its script or program.
pub(super) fn who(joint: &Joint<'_>, role: u32) -> Vec<u8> {
    joint.any_role(role).map_or_else(
        || b"?".to_vec(),
        |role| {
            // A shell that made a copy of itself to do something.
            let label = role.label.strip_prefix(b"(").unwrap_or(&role.label);
            label.strip_suffix(b")").unwrap_or(label).to_vec()
        },
    )
}

/// What the time was spent for.
pub(super) fn waiting(wait: Wait) -> &'static str {
    match wait {
        Wait::Sleep => "sleeping",
        Wait::Child => "waiting for a child",
        Wait::Ready => "waiting for something to happen",
        Wait::Thread => "waiting for another thread",
        Wait::Lock => "waiting for a lock",
        Wait::Signal => "waiting for a signal",
        Wait::Transfer | Wait::Other => "in calls",
    }
}

/// Joins byte strings, without allocation games.
macro_rules! say {
    ($($part:expr),* $(,)?) => {{
        let mut out: Vec<u8> = Vec::new();
        $(out.extend_from_slice(($part).as_ref());)*
        out
    }};
}
pub(super) use say;
