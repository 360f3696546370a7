//! What a recorder was not asked for is said, and is no 0.

use std::ops::ControlFlow;

use unspool_export::Form;
use unspool_model::report::{Cell, RowSink, Shape, Unit};
use unspool_record::Detail;
use unspool_store::Manifest;

use crate::report::count;
use crate::stored::detail_of;

/// Columns that only calls that move data fill.
const OF_DATA: &[&str] = &[
    "bytes_read",
    "bytes_written",
    "bytes_sent",
    "bytes_received",
    "bytes",
    "files_read",
    "files_written",
    "reads",
    "writes",
    "sends",
    "receives",
];

/// Columns that other calls fill.
const OF_CALLS: &[&str] = &["failed_calls", "connections", "failed", "opens"];

/// What a view of this run says of what was not recorded, or not one by one: a line each.
pub(crate) fn told(manifest: &Manifest, view: &str) -> Vec<String> {
    let detail = detail_of(manifest);
    let folded = manifest.counts.folded;
    let mut lines = Vec::new();
    // Processes and their ends are whole at every detail.
    let what = match detail {
        Detail::Names if view != "tree" => Some("bytes and calls that move data"),
        Detail::Tree if view != "tree" => Some("calls, and with them files, connections and bytes"),
        _ => None,
    };
    if let Some(what) = what {
        lines.push(format!("not recorded (--detail {}): {what}", detail.name()));
    }
    // With less detail counting is the ordinary way.
    if folded > 0 && detail == Detail::Full {
        lines.push(format!(
            "{} calls were counted, not written one by one: they came faster than the recorder took them",
            count(folded)
        ));
    }
    lines
}

/// Leaves out each 0 that only says that nobody looked.
pub(crate) struct Known<'f> {
    form: &'f mut dyn Form,
    names: Vec<&'static str>,
    is_for_people: bool,
    /// Notes for programs: people read them above the rows.
    notes: Vec<String>,
    places: Vec<usize>,
}

impl<'f> Known<'f> {
    /// Before a form of a view of this run. `notes` are what [`told`] gives.
    pub(crate) fn new(
        form: &'f mut dyn Form,
        form_name: &str,
        manifest: &Manifest,
        notes: &[String],
    ) -> Self {
        let names = match detail_of(manifest) {
            Detail::Full | Detail::Io => Vec::new(),
            Detail::Names => OF_DATA.to_vec(),
            Detail::Tree => [OF_DATA, OF_CALLS].concat(),
        };
        let is_for_people = matches!(form_name, "text" | "md" | "html-table");
        Self {
            form,
            names,
            is_for_people,
            notes: notes.iter().filter(|_| !is_for_people).cloned().collect(),
            places: Vec::new(),
        }
    }
}

impl RowSink for Known<'_> {
    fn begin(&mut self, shape: &Shape) -> ControlFlow<()> {
        // Seconds have bytes from samples.
        let is_of_calls = shape.kind != "seconds";
        let is_unknown = |(place, column): (usize, &unspool_model::report::Column)| {
            // A number of things is a number in every schema.
            let may_be_null = self.is_for_people || column.unit == Unit::Bytes;
            (is_of_calls && may_be_null && self.names.contains(&column.name)).then_some(place)
        };
        self.places = shape
            .columns
            .iter()
            .enumerate()
            .filter_map(is_unknown)
            .collect();
        self.form.begin(shape)
    }

    fn row(&mut self, cells: &[Cell]) -> ControlFlow<()> {
        if self.places.is_empty() {
            return self.form.row(cells);
        }
        let mut cells = cells.to_vec();
        for place in &self.places {
            if let Some(cell) = cells.get_mut(*place)
                && *cell == Cell::Int(0)
            {
                *cell = Cell::Null;
            }
        }
        self.form.row(&cells)
    }

    fn end(&mut self, notes: &[String]) -> ControlFlow<()> {
        let all = [self.notes.as_slice(), notes].concat();
        self.form.end(&all)
    }
}

#[cfg(test)]
mod tests {
    use super::{Manifest, told};

    fn manifest(recorder: &str, detail: &str, folded: u64) -> Manifest {
        let mut manifest = Manifest::new("20261121-042731-7f3a");
        recorder.clone_into(&mut manifest.recorder.name);
        manifest.recorder.options = vec![format!("detail={detail}"), "wait=main".to_owned()];
        manifest.counts.folded = folded;
        manifest
    }

    #[test]
    fn heads_say_what_is_not_there_one_by_one() {
        let counted = "94,817 calls were counted, not written one by one: they came faster than the recorder took them";
        assert_eq!(told(&manifest("bpf", "full", 94_817), "files"), [counted]);
        assert!(told(&manifest("bpf", "full", 0), "files").is_empty());
        assert!(told(&manifest("bpf", "io", 94_817), "files").is_empty());
        let names = "not recorded (--detail names): bytes and calls that move data";
        assert_eq!(told(&manifest("ptrace", "names", 0), "files"), [names]);
        assert!(told(&manifest("ptrace", "names", 0), "tree").is_empty());
        // strace writes down what it is told to, whatever the detail.
        assert!(told(&manifest("strace", "names", 0), "files").is_empty());
    }
}
