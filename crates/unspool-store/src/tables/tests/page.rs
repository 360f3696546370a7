//! `docs/tables.md` has every table and every column with its type, in order, and nothing else.

use std::path::Path;

use arrow_schema::{DataType, Field};

use crate::tables::TableId;

fn type_of(field: &Field) -> String {
    let name = |data_type: &DataType| format!("{data_type}").to_lowercase();
    let mut text = match field.data_type() {
        DataType::List(item) => format!("list of {}", name(item.data_type())),
        data_type => name(data_type),
    };
    if field.is_nullable() {
        text.push_str(", may be null");
    }
    text
}

#[test]
fn the_page_of_tables_has_every_column() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tables.md");
    let page = std::fs::read_to_string(page).unwrap();
    for id in TableId::ALL {
        let begin = format!("\n## {}\n", id.name());
        let (_, rest) = page.split_once(&begin).expect("a chapter of the table");
        let chapter = rest.split("\n## ").next().unwrap();
        let told: Vec<(String, String)> = chapter
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| `")?.split(" | ");
                let column = cells.next()?.trim_end_matches('`');
                let data_type = cells.next()?;
                assert!(
                    cells.next().is_some_and(|meaning| meaning.len() > 3),
                    "{line}"
                );
                Some((column.to_owned(), data_type.to_owned()))
            })
            .collect();
        let schema = id.schema();
        let expect: Vec<(String, String)> = schema
            .fields()
            .iter()
            .map(|field| (field.name().clone(), type_of(field)))
            .collect();
        assert_eq!(told, expect, "{}", id.name());
    }
    let chapters = page.lines().filter(|line| line.starts_with("## ")).count();
    // One chapter more: the views.
    assert_eq!(chapters, TableId::ALL.len() + 1);
}
