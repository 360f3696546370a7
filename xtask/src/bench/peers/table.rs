//! The tables of the benchmark, as a page holds them.

use std::fmt::Write as _;

use super::measure::Measured;
use super::workloads::Workload;

/// One recorder in one table.
pub(super) struct Row {
    pub(super) recorder: &'static str,
    pub(super) measured: Vec<Measured>,
    pub(super) failure: Option<String>,
    /// Calls that the kernel counted.
    pub(super) truth: Option<u64>,
}

/// Says on what machine the figures were measured.
pub(super) fn machine(rounds: usize) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo")
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    format!(
        "{rounds} interleaved rounds, {cpus} CPUs, kernel {}, load {} at the start. Ratios of medians to plain, per operation.\n",
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').next().unwrap_or("?"),
    )
}

/// The table of one workload.
pub(super) fn markdown(workload: &Workload, rows: &[Row], absent: &[(&str, String)]) -> String {
    let mut text = format!(
        "### {}: {}\n\n| recorder | n | time | time ratio, job | time ratio, all | CPU ratio, job | CPU ratio, all | calls recorded of truth | lost | bytes per call |\n|---|---|---|---|---|---|---|---|---|---|\n",
        workload.name, workload.unit
    );
    let plain = rows.first().map(Medians::of).unwrap_or_default();
    for row in rows {
        let line = match &row.failure {
            Some(why) => format!("| {} | | not run: {why} | | | | | | | |", row.recorder),
            None => line(row, &plain),
        };
        writeln!(text, "{line}").expect("a string takes all");
    }
    for (name, why) in absent {
        writeln!(text, "| {name} | | absent: {why} | | | | | | | |").expect("a string takes all");
    }
    text
}

/// Medians of what was measured, per operation.
#[derive(Clone, Copy, Default)]
struct Medians {
    count: u32,
    seconds: f64,
    seconds_each: f64,
    own_seconds_each: Option<f64>,
    own_cpu_each: Option<f64>,
    all_cpu_each: f64,
    calls: Option<u64>,
    lost: u64,
    bytes: u64,
}

impl Medians {
    fn of(row: &Row) -> Self {
        let list = &row.measured;
        let count = list.first().map_or(0, |once| once.count);
        let each = f64::from(count.max(1));
        let own: Option<Vec<f64>> = list.iter().map(|once| once.own_cpu).collect();
        let seconds = median(list.iter().map(|once| once.seconds).collect());
        Self {
            count,
            seconds,
            seconds_each: seconds / each,
            own_seconds_each: list
                .iter()
                .map(|once| once.own_seconds)
                .collect::<Option<Vec<f64>>>()
                .filter(|own| !own.is_empty())
                .map(|own| median(own) / each),
            own_cpu_each: own
                .filter(|own| !own.is_empty())
                .map(|own| median(own) / each),
            all_cpu_each: median(list.iter().map(|once| once.all_cpu).collect()) / each,
            // The worst round: loss is not averaged away.
            calls: list.iter().filter_map(|once| once.calls).min(),
            lost: list.iter().map(|once| once.lost).max().unwrap_or(0),
            bytes: list.last().map_or(0, |once| once.bytes),
        }
    }
}

fn line(row: &Row, plain: &Medians) -> String {
    let own = Medians::of(row);
    let ratio = |value: f64, base: f64| {
        if base > 0.0 && value > 0.0 {
            format!("{:.2}", value / base)
        } else {
            String::new()
        }
    };
    let share = match (own.calls, row.truth) {
        (Some(calls), Some(truth)) if truth > 0 => {
            let missing = truth.saturating_sub(calls);
            let percent =
                f64::from(u32::try_from(missing * 10_000 / truth).unwrap_or(10_000)) / 100.0;
            format!("{calls} of {truth} ({percent:.2} % missing)")
        }
        (Some(calls), _) => calls.to_string(),
        (None, _) => String::new(),
    };
    let bytes_per_call = own
        .calls
        .filter(|calls| *calls > 0)
        .map_or_else(String::new, |calls| {
            let tenths = own.bytes * 10 / calls;
            format!("{}.{}", tenths / 10, tenths % 10)
        });
    let reduced = if own.count == plain.count {
        String::new()
    } else {
        format!(" (N = {})", own.count)
    };
    format!(
        "| {}{reduced} | {} | {:.3} s | {} | {} | {} | {} | {share} | {} | {bytes_per_call} |",
        row.recorder,
        row.measured.len(),
        own.seconds,
        own.own_seconds_each
            .zip(plain.own_seconds_each)
            .map_or_else(String::new, |(own, plain)| ratio(own, plain)),
        ratio(own.seconds_each, plain.seconds_each),
        own.own_cpu_each
            .zip(plain.own_cpu_each)
            .map_or_else(String::new, |(own, plain)| ratio(own, plain)),
        ratio(own.all_cpu_each, plain.all_cpu_each),
        own.lost,
    )
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (Some(value), 1) => *value,
        (Some(value), _) => {
            let before = values.get(middle.saturating_sub(1)).unwrap_or(value);
            f64::midpoint(*before, *value)
        }
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(count: u32, seconds: f64, calls: u64) -> Measured {
        Measured {
            count,
            seconds,
            own_seconds: Some(seconds),
            own_cpu: Some(seconds / 2.0),
            all_cpu: seconds,
            calls: Some(calls),
            lost: 0,
            bytes: 100,
        }
    }

    #[test]
    fn ratios_are_of_medians_per_operation_and_loss_is_of_the_worst_round() {
        let row = |recorder, measured| Row {
            recorder,
            measured,
            failure: None,
            truth: Some(100),
        };
        let plain = row(
            "plain",
            vec![once(10, 9.0, 0), once(10, 1.0, 0), once(10, 2.0, 0)],
        );
        let slow = row("slow", vec![once(5, 3.0, 100), once(5, 4.0, 90)]);
        let text = line(&slow, &Medians::of(&plain));
        // 3.5 s for 5 against 2 s for 10.
        assert_eq!(
            text,
            "| slow (N = 5) | 2 | 3.500 s | 3.50 | 3.50 | 3.50 | 3.50 | 90 of 100 (10.00 % missing) | 0 | 1.1 |"
        );
    }
}
