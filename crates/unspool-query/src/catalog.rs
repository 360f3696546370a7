//! Tables, columns and functions, for `\d`, completion, suggestions and the reference page.

use serde::Serialize;

use crate::functions::FUNCTIONS;
use crate::views::{RUN, VIEWS};

/// Everything that a query may name.
#[derive(Debug, Serialize)]
pub(crate) struct Catalog {
    /// Tables.
    pub(crate) tables: Vec<Table>,
    /// Functions of unspool.
    pub(crate) functions: Vec<Function>,
    /// Names of all other functions.
    pub(crate) others: Vec<String>,
}

/// A table.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: String,
    /// One sentence.
    pub(crate) doc: String,
    /// Its columns.
    pub(crate) columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Serialize)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: String,
    /// Its type; empty where nobody asked for it.
    #[serde(rename = "kind")]
    pub(crate) data_type: String,
    /// One sentence.
    pub(crate) doc: String,
}

/// A function.
#[derive(Debug, Serialize)]
pub(crate) struct Function {
    /// How it is called.
    pub(crate) usage: String,
    /// One sentence.
    pub(crate) doc: String,
}

const RUNS: [(&str, &str); 9] = [
    (RUN, "Name or id of the run, as in all tables."),
    ("id", "Its id."),
    ("name", "Name that its user gave it."),
    ("host", "Host that it was recorded on."),
    ("command", "Command that was recorded."),
    ("state", "`complete`, `incomplete`, `recording`."),
    (
        "clock",
        "What its times mean: `epoch`, `time-of-day`, `relative`, `none`.",
    ),
    ("started", "First time."),
    ("ended", "Last time, when it is known."),
];

impl Catalog {
    /// Without types; `others` are the names of functions that `DataFusion` has.
    pub(crate) fn new(others: Vec<String>) -> Self {
        let column = |name: &str, doc: &str| Column {
            name: name.to_owned(),
            data_type: String::new(),
            doc: doc.to_owned(),
        };
        let mut tables = Vec::new();
        for view in VIEWS {
            let mut columns = vec![column(RUN, "Name or id of the run.")];
            for of_view in (view.columns)() {
                columns.push(column(of_view.name, of_view.doc));
            }
            tables.push(Table {
                name: view.name.to_owned(),
                doc: view.doc.to_owned(),
                columns,
            });
        }
        tables.push(Table {
            name: "runs".to_owned(),
            doc: "The runs that the query may read.".to_owned(),
            columns: RUNS.map(|(name, doc)| column(name, doc)).into(),
        });
        let functions = FUNCTIONS.iter().map(|function| Function {
            usage: function.usage.to_owned(),
            doc: function.doc.to_owned(),
        });
        Self {
            tables,
            functions: functions.collect(),
            others,
        }
    }

    /// The part of the reference page that lists tables and functions.
    pub(crate) fn markdown(&self) -> String {
        let mut page = String::from("## Tables\n");
        for table in &self.tables {
            page.push_str(&format!("\n### `{}`\n\n{}\n", table.name, table.doc));
            if table.name == "fields" {
                page.push_str(
                    "Beside them it has the columns of `events`; see [fields](reference/fields.md).\n",
                );
                continue;
            }
            page.push_str("\n| column | meaning |\n|---|---|\n");
            for column in &table.columns {
                page.push_str(&format!("| `{}` | {} |\n", column.name, column.doc));
            }
        }
        page.push_str(
            "\n## Functions\n\nBeside those of DataFusion there are:\n\n| function | meaning |\n|---|---|\n",
        );
        for function in &self.functions {
            page.push_str(&format!("| `{}` | {} |\n", function.usage, function.doc));
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::Catalog;

    /// `docs/query.md` lists what there is.
    #[test]
    fn the_page_lists_every_table_and_function() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/query.md");
        let page = std::fs::read_to_string(path).expect("the page is there");
        let wanted = Catalog::new(Vec::new()).markdown();
        assert!(
            page.contains(&wanted),
            "docs/query.md is stale: put in what `unspool-query --page` writes"
        );
    }
}
