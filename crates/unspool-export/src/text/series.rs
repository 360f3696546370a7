//! Rows that are steps of time, as one line a column: `cpu  ▁▃█▅▁`.

use unspool_model::report::{Cell, Column, Shape, Shown, Unit};

use super::Context;
use super::cells::{cell_text, title, width};

/// Characters of a line, at most.
const CELLS_MAX: usize = 120;
/// Fewest characters that are worth a line.
const CELLS_MIN: usize = 8;

/// Levels from nothing to the most.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 9] = [' ', '.', ':', '-', '=', '+', '*', '#', '@'];

/// Values by column and time. Memory is that of a few lines, however many rows come: times are put together in pairs.
pub(super) struct Series {
    time: usize,
    /// Length of a bucket.
    span: i64,
    first: Option<i64>,
    /// Sums of the rows of one time, in the order of `columns`.
    current: Option<(i64, Vec<i64>)>,
    columns: Vec<Line>,
}

struct Line {
    place: usize,
    column: Column,
    /// Largest value of each bucket.
    buckets: Vec<i64>,
}

impl Series {
    pub(super) fn new(shape: &Shape, time: &str, step: i64) -> Option<Self> {
        let time = shape
            .columns
            .iter()
            .position(|column| column.name == time)?;
        let columns = shape
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| {
                column.shown == Shown::Always
                    && matches!(column.unit, Unit::Duration | Unit::Bytes | Unit::Count)
            })
            .map(|(place, column)| Line {
                place,
                column: *column,
                buckets: Vec::new(),
            })
            .collect();
        Some(Self {
            time,
            span: step.max(1),
            first: None,
            current: None,
            columns,
        })
    }

    /// Takes a row; rows come in the order of their times.
    pub(super) fn row(&mut self, cells: &[Cell]) {
        let Some(Cell::Int(time)) = cells.get(self.time) else {
            return;
        };
        if self.current.as_ref().is_none_or(|(at, _)| at != time) {
            self.flush();
            self.current = Some((*time, vec![0; self.columns.len()]));
        }
        let Some((_, sums)) = &mut self.current else {
            return;
        };
        for (line, sum) in self.columns.iter().zip(sums) {
            if let Some(Cell::Int(value)) = cells.get(line.place) {
                *sum = sum.saturating_add(*value);
            }
        }
    }

    fn flush(&mut self) {
        let Some((time, sums)) = self.current.take() else {
            return;
        };
        let first = *self.first.get_or_insert(time);
        let since = time.saturating_sub(first).max(0);
        while since / self.span >= i64::try_from(CELLS_MAX).unwrap_or(i64::MAX) {
            self.halve();
        }
        let bucket = usize::try_from(since / self.span).unwrap_or(0);
        for (line, sum) in self.columns.iter_mut().zip(sums) {
            if line.buckets.len() <= bucket {
                line.buckets.resize(bucket + 1, 0);
            }
            if let Some(value) = line.buckets.get_mut(bucket) {
                *value = sum.max(*value);
            }
        }
    }

    /// Puts two buckets into one.
    fn halve(&mut self) {
        self.span = self.span.saturating_mul(2);
        for line in &mut self.columns {
            line.buckets = line
                .buckets
                .chunks(2)
                .map(|pair| pair.iter().copied().max().unwrap_or(0))
                .collect();
        }
    }

    /// The lines; empty where there is only one time, or no room.
    pub(super) fn draw(mut self, room: usize, context: &Context<'_>) -> String {
        self.flush();
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|line| title(line.column.name))
            .collect();
        let most: Vec<String> = self
            .columns
            .iter()
            .map(|line| {
                let most = line.buckets.iter().copied().max().unwrap_or(0);
                cell_text(&Cell::Int(most), line.column.unit, context)
            })
            .collect();
        let widest = |texts: &[String]| texts.iter().map(|text| width(text)).max().unwrap_or(0);
        let (left, right) = (widest(&names), widest(&most));
        let room = room.saturating_sub(left + right + " up to ".len() + 2);
        while room >= CELLS_MIN && self.longest() > room {
            self.halve();
        }
        if self.longest() < 2 || room < CELLS_MIN {
            return String::new();
        }
        let longest = self.longest();
        let levels = if context.options.ascii { ASCII } else { BLOCKS };
        let mut out = String::from("\n");
        for ((line, name), most) in self.columns.iter().zip(names).zip(most) {
            if line.buckets.iter().all(|value| *value <= 0) {
                continue;
            }
            out.push_str(&" ".repeat(left.saturating_sub(width(&name))));
            out.push_str(&format!("{name}  "));
            out.extend(line.levels(levels));
            out.push_str(&" ".repeat(longest.saturating_sub(line.buckets.len())));
            out.push_str(&format!(" up to {most}\n"));
        }
        out
    }

    fn longest(&self) -> usize {
        let lengths = self.columns.iter().map(|line| line.buckets.len());
        lengths.max().unwrap_or(0)
    }
}

impl Line {
    /// A character a bucket. What is there is seen.
    fn levels(&self, levels: [char; 9]) -> impl Iterator<Item = char> {
        let most = self.buckets.iter().copied().max().unwrap_or(0).max(1);
        self.buckets.iter().map(move |value| {
            let eighths =
                (i128::from((*value).max(0)) * 8 + i128::from(most) - 1) / i128::from(most);
            let level = usize::try_from(eighths).unwrap_or(8).min(8);
            levels.get(level).copied().unwrap_or(' ')
        })
    }
}

#[cfg(test)]
mod tests {
    use unspool_model::report::{Cell, Column, Layout, Shape, Shown, Unit};

    use super::{CELLS_MAX, Series};
    use crate::text::Context;
    use crate::{Envelope, TextOptions};

    const COLUMNS: &[Column] = &[
        Column::new("time_ns", Unit::Time, Shown::Always, "Time."),
        Column::new("calls", Unit::Count, Shown::Always, "Calls."),
        Column::new("bytes", Unit::Bytes, Shown::Wide, "Not always shown."),
    ];
    const SHAPE: Shape = Shape {
        kind: "steps",
        columns: COLUMNS,
        layout: Layout::Table,
    };

    fn drawn(rows: &[(i64, i64)], room: usize, ascii: bool) -> String {
        let mut series = Series::new(&SHAPE, "time_ns", 10).expect("it has a time");
        for (time, calls) in rows {
            series.row(&[Cell::Int(*time), Cell::Int(*calls), Cell::Int(1)]);
        }
        let envelope = Envelope::default();
        let options = TextOptions {
            ascii,
            ..TextOptions::default()
        };
        let context = Context {
            envelope: &envelope,
            options: &options,
        };
        series.draw(room, &context)
    }

    #[test]
    fn a_line_has_a_mark_for_each_step() {
        // Two rows of one time are one step; steps that are missing are empty.
        let rows = [(100, 1), (100, 3), (110, 8), (140, 1)];
        assert_eq!(drawn(&rows, 80, false), "\ncalls  ▄█  ▁ up to 8\n");
        assert_eq!(drawn(&rows, 80, true), "\ncalls  =@  . up to 8\n");
        assert_eq!(drawn(&rows[..1], 80, false), "", "one step is no line");
        assert_eq!(
            drawn(&[(0, 0), (10, 0)], 80, false),
            "\n",
            "nothing happened"
        );
        assert_eq!(drawn(&rows, 12, false), "", "no room");
    }

    #[test]
    fn long_runs_fit_and_peaks_stay() {
        let rows: Vec<(i64, i64)> = (0..100_000).map(|at| (at * 10, 1)).collect();
        let mut rows = rows;
        rows[77_777].1 = 800;
        let line = drawn(&rows, 60, false);
        assert!(line.chars().count() <= 62, "{line}");
        assert_eq!(line.matches('█').count(), 1);
        assert!(line.ends_with("up to 800\n"));
        let wide = drawn(&rows, 1000, false);
        assert!(wide.matches('▁').count() < CELLS_MAX);
    }
}
