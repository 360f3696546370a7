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
        "### {}: {}\n\n| recorder | n | time | time ratio, job | time ratio, all | CPU ratio, job | CPU ratio, while it runs | CPU ratio, all | calls recorded of truth | lost | bytes per call |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
        workload.name, workload.unit
    );
    let plain = rows.first().map(Medians::of).unwrap_or_default();
    for row in rows {
        let line = match &row.failure {
            Some(why) => format!("| {} | | not run: {why} | | | | | | | | |", row.recorder),
            None => line(row, &plain, paired(workload, row, rows)),
        };
        writeln!(text, "{line}").expect("a string takes all");
    }
    for (name, why) in absent {
        writeln!(text, "| {name} | | absent: {why} | | | | | | | | |").expect("a string takes all");
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
    while_cpu_each: Option<f64>,
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
        let cpu_each = |of: fn(&Measured) -> Option<f64>| {
            let own: Option<Vec<f64>> = list.iter().map(of).collect();
            own.filter(|own| !own.is_empty())
                .map(|own| median(own) / each)
        };
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
            own_cpu_each: cpu_each(|once| once.own_cpu),
            while_cpu_each: cpu_each(|once| once.while_cpu),
            all_cpu_each: median(list.iter().map(|once| once.all_cpu).collect()) / each,
            // The worst round: loss is not averaged away.
            calls: list.iter().filter_map(|once| once.calls).min(),
            lost: list.iter().map(|once| once.lost).max().unwrap_or(0),
            bytes: list.last().map_or(0, |once| once.bytes),
        }
    }
}

/// Requests come and go in time with another process, whose speed drifts over the rounds: of servers, the median of the ratios of the
/// same round.
fn paired(workload: &Workload, row: &Row, rows: &[Row]) -> Option<f64> {
    if !workload.is_server {
        return None;
    }
    let each = |once: &Measured| Some(once.own_seconds? / f64::from(once.count.max(1)));
    let pairs = row.measured.iter().zip(&rows.first()?.measured);
    let ratios: Vec<f64> = pairs
        .filter_map(|(own, plain)| Some(each(own)? / each(plain)?))
        .collect();
    (!ratios.is_empty()).then(|| median(ratios))
}

/// `paired` is the ratio of times to show instead of that of the medians.
fn line(row: &Row, plain: &Medians, paired: Option<f64>) -> String {
    let own = Medians::of(row);
    let ratio = |value: f64, base: f64| {
        if base > 0.0 && value > 0.0 {
            format!("{:.2}", value / base)
        } else {
            String::new()
        }
    };
    let ratio_of = |value: Option<f64>, base: Option<f64>| {
        value
            .zip(base)
            .map_or_else(String::new, |(value, base)| ratio(value, base))
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
        "| {}{reduced} | {} | {:.3} s | {} | {} | {} | {} | {} | {share} | {} | {bytes_per_call} |",
        row.recorder,
        row.measured.len(),
        own.seconds,
        paired.map_or_else(
            || ratio_of(own.own_seconds_each, plain.own_seconds_each),
            |paired| format!("{paired:.2}"),
        ),
        ratio(own.seconds_each, plain.seconds_each),
        ratio_of(own.own_cpu_each, plain.own_cpu_each),
        // Without a recorder the parent only waits.
        ratio_of(own.while_cpu_each, plain.own_cpu_each),
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
            while_cpu: Some(seconds),
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
        let text = line(&slow, &Medians::of(&plain), None);
        // 3.5 s for 5 against 2 s for 10.
        assert_eq!(
            text,
            "| slow (N = 5) | 2 | 3.500 s | 3.50 | 3.50 | 3.50 | 7.00 | 3.50 | 90 of 100 (10.00 % missing) | 0 | 1.1 |"
        );
    }

    #[test]
    fn ratios_of_servers_are_of_the_same_round() {
        let rows = [[1.0, 2.0, 4.0], [1.1, 2.2, 4.0]].map(|seconds| Row {
            recorder: "any",
            measured: seconds.map(|seconds| once(10, seconds, 0)).to_vec(),
            failure: None,
            truth: None,
        });
        let [_, own] = &rows;
        let of = |is_server: bool| {
            let mut all = super::super::workloads::WORKLOADS.iter();
            all.find(|workload| workload.is_server == is_server)
                .and_then(|workload| paired(workload, own, &rows))
        };
        assert!(of(true).is_some_and(|ratio| (ratio - 1.1).abs() < 1e-9));
        assert_eq!(of(false), None);
    }
}
