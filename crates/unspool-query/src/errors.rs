//! Errors as the user sees them: where in the statement, and what was meant.

use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::common::{Column as DataColumn, DataFusionError, SchemaError};

use crate::catalog::Catalog;
use crate::protocol::{Problem, Span};

/// Letters that may differ for a name to be suggested.
const DISTANCE_MAX: usize = 4;

/// Names that are listed in a hint, at most.
const LISTED_MAX: usize = 40;

/// Tells an error of planning or running a statement.
pub(crate) fn problem(error: &DataFusionError, sql: &str, catalog: &Catalog) -> Problem {
    let root = root(error);
    let mut problem = match root {
        DataFusionError::SchemaError(schema, _) => of_schema(schema),
        DataFusionError::SQL(parser, _) => of_parser(&parser.to_string()),
        DataFusionError::ResourcesExhausted(_) => Problem {
            message: "the query needs more memory than it may use".to_owned(),
            hint: Some(
                "give it more with `--memory 4G`, or ask for less: fewer columns, a `where`, a `limit`"
                    .to_owned(),
            ),
            limit: Some("memory"),
            ..Problem::default()
        },
        other => of_message(&plain(other), catalog),
    };
    if problem.span.is_none() {
        problem.span = spanned(error).or_else(|| name_in(&problem.message, sql));
    }
    problem
}

/// Below contexts and diagnostics.
fn root(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => root(inner),
        DataFusionError::Shared(inner) => root(inner),
        DataFusionError::Collection(errors) => errors.first().map_or(error, root),
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            datafusion::arrow::error::ArrowError::ExternalError(inner) => {
                inner.downcast_ref::<DataFusionError>().map_or(error, root)
            }
            _ => error,
        },
        DataFusionError::External(inner) => {
            inner.downcast_ref::<DataFusionError>().map_or(error, root)
        }
        _ => error,
    }
}

/// The message without the name of its kind and without a backtrace.
fn plain(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    let prefixes = [
        "Error during planning: ",
        "Execution error: ",
        "Schema error: ",
        "Arrow error: ",
        "Optimizer rule ",
        "This feature is not implemented: ",
        "External error: ",
        "Parquet error: ",
        "Object Store error: ",
    ];
    let mut rest = text.as_str();
    while let Some(after) = prefixes.iter().find_map(|prefix| rest.strip_prefix(prefix)) {
        rest = after;
    }
    rest.to_owned()
}

fn of_schema(schema: &SchemaError) -> Problem {
    match schema {
        SchemaError::FieldNotFound {
            field,
            valid_fields,
        } => {
            let names: Vec<&str> = valid_fields.iter().map(DataColumn::name).collect();
            let hint = match nearest(field.name(), names.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None if names.is_empty() => "a query without `from` has no columns".to_owned(),
                None => format!("columns: {}", listed(&names)),
            };
            Problem::new(format!("there is no column `{}`", field.name()), hint)
        }
        SchemaError::AmbiguousReference { field } => Problem::new(
            format!("`{}` is a column of more than one table here", field.name()),
            format!("say which: `events.{}`", field.name()),
        ),
        other => Problem {
            message: other.to_string(),
            ..Problem::default()
        },
    }
}

fn of_parser(message: &str) -> Problem {
    let message = message
        .trim_start_matches("sql parser error: ")
        .trim_start_matches("ParserError: ");
    let (text, at) = match message.rsplit_once(" at Line: ") {
        Some((text, at)) => (text, place(at)),
        None => (message, None),
    };
    let mut text = text.to_owned();
    if let Some(first) = text.get(..1) {
        text = format!("{}{}", first.to_lowercase(), text.get(1..).unwrap_or(""));
    }
    Problem {
        message: format!("this is no SQL: {text}"),
        span: at,
        ..Problem::default()
    }
}

/// `3, Column: 14`.
fn place(text: &str) -> Option<Span> {
    let (line, column) = text.split_once(", Column: ")?;
    let digits: String = column.chars().take_while(char::is_ascii_digit).collect();
    let (line, column) = (line.trim().parse().ok()?, digits.parse().ok()?);
    Some(Span {
        line,
        column,
        end_line: line,
        end_column: column + 1,
    })
}

fn of_message(message: &str, catalog: &Catalog) -> Problem {
    if let Some(table) = between(message, "table '", "' not found") {
        let table = table.rsplit('.').next().unwrap_or(table);
        let names: Vec<&str> = catalog
            .tables
            .iter()
            .map(|table| table.name.as_str())
            .collect();
        let hint = match nearest(table, names.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!(
                "tables: {}; files cannot be read by their names",
                listed(&names)
            ),
        };
        return Problem::new(format!("there is no table `{table}`"), hint);
    }
    if let Some(function) = between(message, "Invalid function '", "'")
        .or_else(|| between(message, "table function '", "' not found"))
    {
        let ours = catalog.functions.iter().map(|function| {
            let usage = function.usage.as_str();
            usage.split_once('(').map_or(usage, |(name, _)| name)
        });
        let names = ours.chain(catalog.others.iter().map(String::as_str));
        let hint = match nearest(function, names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "functions: docs/query.md".to_owned(),
        };
        return Problem::new(format!("there is no function `{function}`"), hint);
    }
    for statement in ["DDL", "DML", "Statement"] {
        if message.starts_with(&format!("{statement} not supported")) {
            return Problem::new(
                "a query can only read",
                "begin it with `select` or `with`; `-o FILE` writes the answer",
            );
        }
    }
    if message.contains("Unsupported SQL statement") || message.contains("Unsupported statement") {
        return Problem::new(
            "a query can only read",
            "begin it with `select` or `with`; `-o FILE` writes the answer",
        );
    }
    Problem {
        message: message.lines().next().unwrap_or(message).to_owned(),
        ..Problem::default()
    }
}

fn between<'m>(message: &'m str, before: &str, after: &str) -> Option<&'m str> {
    let (_, rest) = message.split_once(before)?;
    rest.split_once(after).map(|(inside, _)| inside)
}

/// Fewest letters that are the beginning of a name.
const BEGINNING_MIN: usize = 3;

fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str> + Clone) -> Option<&'n str> {
    let name = name.to_lowercase();
    // `duration` is meant to be `duration_ns`, however few letters `direction` differs in.
    let mut begun = names
        .clone()
        .filter(|candidate| name.len() >= BEGINNING_MIN && candidate.starts_with(name.as_str()));
    if let (Some(only), None) = (begun.next(), begun.next()) {
        return Some(only);
    }
    names
        .map(|candidate| (levenshtein(&name, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= DISTANCE_MAX.min(name.chars().count() / 2))
        .map(|(_, candidate)| candidate)
}

fn listed(names: &[&str]) -> String {
    let mut names: Vec<&str> = names.to_vec();
    let left_out = names.len().saturating_sub(LISTED_MAX);
    names.truncate(LISTED_MAX);
    let mut text = names.join(", ");
    if left_out > 0 {
        text.push_str(&format!(" and {left_out} more"));
    }
    text
}

/// The place that `DataFusion` tells.
fn spanned(error: &DataFusionError) -> Option<Span> {
    let span = error.diagnostic()?.span?;
    Some(Span {
        line: span.start.line,
        column: span.start.column,
        end_line: span.end.line,
        end_column: span.end.column,
    })
}

/// The place of the first name in backticks of the message, where the statement has it as a word.
fn name_in(message: &str, sql: &str) -> Option<Span> {
    let name = between(message, "`", "`")?;
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    for (line, text) in (1..).zip(sql.lines()) {
        let lower = text.to_ascii_lowercase();
        for (at, _) in lower.match_indices(&name.to_ascii_lowercase()) {
            let before = text.get(..at).unwrap_or("");
            let after = text.get(at + name.len()..).unwrap_or("");
            if before.ends_with(is_word) || after.starts_with(is_word) {
                continue;
            }
            let column = before.chars().count() as u64 + 1;
            return Some(Span {
                line,
                column,
                end_line: line,
                end_column: column + name.chars().count() as u64,
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{name_in, nearest, of_message, of_parser};
    use crate::catalog::Catalog;
    use crate::protocol::Span;

    #[test]
    fn messages_of_the_parser_lose_their_wrapping() {
        let problem = of_parser(
            "sql parser error: Expected: end of statement, found: x at Line: 2, Column: 7",
        );
        assert_eq!(
            problem.message,
            "this is no SQL: expected: end of statement, found: x"
        );
        let at = problem.span.map(|span| (span.line, span.column));
        assert_eq!(at, Some((2, 7)));
    }

    #[test]
    fn names_are_found_as_words() {
        let span = name_in("there is no table `ev`", "select ev1\nfrom ev");
        let expect = Span {
            line: 2,
            column: 6,
            end_line: 2,
            end_column: 8,
        };
        assert_eq!(span, Some(expect));
        assert_eq!(name_in("there is no table `ev`", "select evs"), None);
    }

    #[test]
    fn tables_are_suggested() {
        let catalog = Catalog::new(Vec::new());
        let problem = of_message("table 'datafusion.public.evnts' not found", &catalog);
        assert_eq!(problem.hint.as_deref(), Some("did you mean `events`?"));
        let problem = of_message("table 'a.b./etc/passwd' not found", &catalog);
        let hint = problem.hint.expect("a hint");
        assert!(hint.contains("files cannot be read"), "{hint}");
        assert_eq!(nearest("zzz", ["events"].into_iter()), None);
        let columns = ["direction", "duration_ns", "exit_code", "exit_signal"];
        assert_eq!(
            nearest("duration", columns.into_iter()),
            Some("duration_ns")
        );
        // Two begin so: neither is meant more.
        assert_eq!(nearest("exit", columns.into_iter()), None);
    }
}
