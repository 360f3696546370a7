//! What a recording costs beside the job's own time: until the command begins, in user space while it is recorded, on the disk.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Size, remove, size_of};

/// A figure with what it should be at most.
struct Goal {
    what: &'static str,
    most: f64,
    unit: &'static str,
}

/// Figures of one measurement, in the order in which it gives them.
struct Measurement {
    goals: &'static [Goal],
    measure: fn(&Setting<'_>) -> Result<Vec<f64>, String>,
}

const MEASUREMENTS: &[Measurement] = &[
    Measurement {
        goals: &[Goal {
            what: "bpf: start to the command's first instruction",
            most: 150.0,
            unit: "ms",
        }],
        measure: |setting| Ok(vec![start_ms(setting, "bpf")?]),
    },
    Measurement {
        goals: &[Goal {
            what: "ptrace: start to the command's first instruction",
            most: 5.0,
            unit: "ms",
        }],
        measure: |setting| Ok(vec![start_ms(setting, "ptrace")?]),
    },
    Measurement {
        goals: &[
            Goal {
                what: "bpf: CPU time of the recorder a record while recording, its own and the kernel's for it",
                most: 60.0,
                unit: "ns",
            },
            Goal {
                what: "bpf: the part of it in user mode",
                most: 60.0,
                unit: "ns",
            },
            Goal {
                what: "bpf: raw bytes a record of a read or write",
                most: 48.0,
                unit: "bytes",
            },
        ],
        measure: storm,
    },
    Measurement {
        goals: &[Goal {
            what: "bpf: bytes of a closed run an event (sha256sum of files)",
            most: 10.0,
            unit: "bytes",
        }],
        measure: |setting| Ok(vec![closed_bytes(setting)?]),
    },
];

struct Setting<'a> {
    binary: &'a Path,
    /// The run.
    run: &'a Path,
    size: Size,
}

/// Prints the table: medians, each of so many rounds.
pub(super) fn print(binary: &Path, folder: &Path, size: Size, rounds: usize) -> Result<(), String> {
    let setting = Setting {
        binary,
        run: &folder.join("run"),
        size,
    };
    println!("\n| what a recording costs beside the job's time | measured | at most |");
    println!("|---|---|---|");
    for Measurement { goals, measure } in MEASUREMENTS {
        let mut values = vec![Vec::new(); goals.len()];
        let mut failure = None;
        for _ in 0..rounds {
            match measure(&setting) {
                Ok(figures) => {
                    for (list, figure) in values.iter_mut().zip(figures) {
                        list.push(figure);
                    }
                }
                Err(why) => failure = Some(why),
            }
        }
        for (goal, mut values) in goals.iter().zip(values) {
            values.sort_by(f64::total_cmp);
            let measured = match (values.get(values.len() / 2), &failure) {
                (Some(value), _) => format!("{value:.1} {}", goal.unit),
                (None, why) => format!("not measured: {}", why.as_deref().unwrap_or_default()),
            };
            println!(
                "| {} | {measured} | {} {} |",
                goal.what, goal.most, goal.unit
            );
        }
    }
    remove(setting.run)
}

/// Records a command afresh; gives what it printed, and when `unspool` was started.
fn record(
    setting: &Setting<'_>,
    recorder: &str,
    command: &[&str],
) -> Result<(String, Duration), String> {
    remove(setting.run)?;
    if let Some(parent) = setting.run.parent() {
        std::fs::create_dir_all(parent)
            .map_err(|error| format!("make `{}`: {error}", parent.display()))?;
    }
    let begun = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|error| error.to_string())?;
    let output = Command::new(setting.binary)
        .args(["record", "--quiet", "--recorder", recorder, "-o"])
        .arg(setting.run)
        .arg("--")
        .args(command)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("run `{}`: {error}", setting.binary.display()))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(why.lines().next().unwrap_or("it failed").to_owned());
    }
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), begun))
}

/// A view of the run, in JSON.
fn show(setting: &Setting<'_>, view: &[&str]) -> Result<serde_json::Value, String> {
    let output = Command::new(setting.binary)
        .arg("show")
        .arg(setting.run)
        .args(view)
        .arg("--json")
        .output()
        .map_err(|error| format!("run `{}`: {error}", setting.binary.display()))?;
    serde_json::from_slice(&output.stdout).map_err(|error| format!("read `show {view:?}`: {error}"))
}

/// From the start of `unspool` until the kernel has put the command's image in place.
fn start_ms(setting: &Setting<'_>, recorder: &str) -> Result<f64, String> {
    let (_, begun) = record(setting, recorder, &["/bin/true"])?;
    let events = show(setting, &["events", "-w", "evt.type = exec"])?;
    let rows = events["rows"].as_array().map(Vec::as_slice);
    let first = rows
        .unwrap_or_default()
        .iter()
        .find(|row| row["kind"] == "exec");
    let executed_ns = first
        .and_then(|row| row["time_ns"].as_u64())
        .ok_or("the run has no execution")?;
    let executed = Duration::from_nanos(executed_ns);
    Ok(executed.saturating_sub(begun).as_secs_f64() * 1e3)
}

/// The command reads what its recorder used and wrote before and behind a storm of one-byte reads and writes, `$0` of each.
const STORM: &str = "look() { cat /proc/$PPID/stat; stat -c %s \"$1\"/raw/*; }
look \"$1\"; echo; dd if=/dev/zero of=/dev/null bs=1 count=$0 2>/dev/null; sleep 0.3; look \"$1\"";

/// Nanoseconds of the recorder's CPU time, of its time in user mode, and bytes in its raw frames, a record.
fn storm(setting: &Setting<'_>) -> Result<Vec<f64>, String> {
    let count: u32 = match setting.size {
        Size::Full => 2_000_000,
        Size::Smoke => 50_000,
    };
    let run = setting
        .run
        .to_str()
        .ok_or("the folder's name is not text")?;
    let (text, _) = record(
        setting,
        "bpf",
        &["sh", "-c", STORM, &count.to_string(), run],
    )?;
    let (before, after) = text
        .split_once("\n\n")
        .ok_or("the command printed nothing")?;
    let (before, after) = (Look::of(before)?, Look::of(after)?);
    let records = f64::from(2 * count);
    Ok(vec![
        (after.cpu_ns - before.cpu_ns) / records,
        (after.user_ns - before.user_ns) / records,
        (after.raw_bytes - before.raw_bytes) / records,
    ])
}

/// What the recorder used and wrote so far.
struct Look {
    cpu_ns: f64,
    /// The part of it in user mode.
    user_ns: f64,
    raw_bytes: f64,
}

impl Look {
    /// From a line of `/proc/PID/stat` and the sizes of files behind it.
    fn of(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let stat = lines.next().unwrap_or_default();
        // The name in parentheses may hold anything: fields count from after it. User and system time are 12 and 13, in
        // hundredths of a second.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks: Vec<f64> = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse().ok())
            .collect();
        let [user, system] = ticks[..] else {
            return Err(format!("no CPU time in `{stat}`"));
        };
        let sizes = lines.filter_map(|line| line.parse::<f64>().ok());
        Ok(Self {
            cpu_ns: (user + system) * 1e7,
            user_ns: user * 1e7,
            raw_bytes: sizes.sum(),
        })
    }
}

/// Bytes of the run's folder for each event.
fn closed_bytes(setting: &Setting<'_>) -> Result<f64, String> {
    let files = match setting.size {
        Size::Full => 8000,
        Size::Smoke => 200,
    };
    let script = "find /usr/include /usr/share -type f 2>/dev/null | head -n $0 | xargs -d '\\n' sha256sum > /dev/null";
    record(setting, "bpf", &["sh", "-c", script, &files.to_string()])?;
    let summary = show(setting, &["summary"])?;
    let events = summary["rows"][0]["events"].as_f64().unwrap_or(0.0);
    if events < 1.0 {
        return Err("the run has no events".to_owned());
    }
    let bytes = size_of(setting.run);
    if bytes == 0 {
        return Err(format!("`{}` cannot be read", setting.run.display()));
    }
    let bytes = u32::try_from(bytes).map_err(|error| format!("the run's folder: {error}"))?;
    Ok(f64::from(bytes) / events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_has_cpu_time_and_sizes() {
        let stat = "9 (a b) c) S 1 9 9 0 -1 4194304 10994 0 0 0 25 12 0 0 20 0 3 0 5184314 2 3";
        let look = Look::of(&format!("{stat}\n120\n1000")).expect("whole");
        assert!((look.cpu_ns - 370_000_000.0).abs() < 1.0, "{}", look.cpu_ns);
        assert!(
            (look.user_ns - 250_000_000.0).abs() < 1.0,
            "{}",
            look.user_ns
        );
        assert!((look.raw_bytes - 1120.0).abs() < 0.1, "{}", look.raw_bytes);
        assert!(Look::of("nothing").is_err());
    }
}
