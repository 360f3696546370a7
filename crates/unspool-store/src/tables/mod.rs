//! The tables of a closed run: everything that the tracker found, as Parquet files that any engine reads.

mod args;
mod cells;
mod lookup;
mod open;
mod rows;
mod samples;
mod steps;
mod strings;
#[cfg(test)]
mod tests;
mod totals;
mod worker;
mod world;
mod write;

pub use lookup::{ArgsCells, Lookup};
pub use open::Tables;
pub use steps::StepQuery;
pub use write::{TableSummary, TableWriter};

/// Names of the tables, in the order of [`TableId`]; the file is `tables/NAME.parquet`.
pub(crate) const NAMES: [&str; 12] = [
    "events",
    "processes",
    "images",
    "sessions",
    "descriptors",
    "accesses",
    "resources",
    "links",
    "samples",
    "totals",
    "failures",
    "strings",
];

/// Which table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TableId {
    Events,
    Processes,
    Images,
    Sessions,
    Descriptors,
    Accesses,
    Resources,
    Links,
    Samples,
    Totals,
    Failures,
    Strings,
}

impl TableId {
    pub(crate) const ALL: [Self; 12] = [
        Self::Events,
        Self::Processes,
        Self::Images,
        Self::Sessions,
        Self::Descriptors,
        Self::Accesses,
        Self::Resources,
        Self::Links,
        Self::Samples,
        Self::Totals,
        Self::Failures,
        Self::Strings,
    ];

    pub(crate) fn name(self) -> &'static str {
        NAMES.get(self as usize).copied().unwrap_or_default()
    }

    /// Columns in order.
    pub(crate) fn schema(self) -> arrow_schema::SchemaRef {
        use arrow_schema::{DataType, Field};
        let mut fields = match self {
            Self::Events => rows::EventBuilder::fields(),
            Self::Processes => rows::ProcessBuilder::fields(),
            Self::Images => rows::ImageBuilder::fields(),
            Self::Sessions => rows::SessionBuilder::fields(),
            Self::Descriptors => rows::DescriptorBuilder::fields(),
            Self::Accesses => rows::AccessBuilder::fields(),
            Self::Resources => rows::ResourceBuilder::fields(),
            Self::Links => rows::LinkBuilder::fields(),
            Self::Samples => samples::SampleBuilder::fields(),
            Self::Totals => totals::TotalBuilder::fields(),
            Self::Failures => totals::FailureBuilder::fields(),
            Self::Strings => rows::StringBuilder::fields(),
        };
        match self {
            Self::Events => fields.push(Field::new(ARGS_REST, DataType::Binary, false)),
            Self::Strings => fields.push(Field::new(VALUE, DataType::Binary, false)),
            _ => {}
        }
        std::sync::Arc::new(arrow_schema::Schema::new(fields))
    }
}

/// Columns of a table by its name (`events`, `strings`, ...), as its file has them; `None` for a name that is no table's.
pub fn table_schema(name: &str) -> Option<arrow_schema::SchemaRef> {
    TableId::ALL
        .into_iter()
        .find(|id| id.name() == name)
        .map(TableId::schema)
}

/// Column of the events with what forms and numbers do not hold of the arguments: see [`args`].
pub(crate) const ARGS_REST: &str = "args_rest";
/// Column of the strings.
pub(crate) const VALUE: &str = "value";

/// Path of a table's file.
pub(crate) fn table_path(run: &std::path::Path, name: &str) -> std::path::PathBuf {
    run.join("tables").join(format!("{name}.parquet"))
}
