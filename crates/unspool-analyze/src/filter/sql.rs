//! Trees to conditions of SQL over the table `fields` of `unspool query`, which has a column for each field.
//!
//! A comparison with a value that is not there does not hold. SQL says of it that nobody knows, which a `where` takes for no, but
//! `not` takes for unknown too: under `not` every comparison is asked whether it `is true`.

use super::parse::{Comparison, Tree};

/// The condition.
pub(super) fn sql(tree: &Tree) -> String {
    let mut text = String::new();
    push(tree, false, &mut text);
    text
}

fn push(tree: &Tree, negated: bool, out: &mut String) {
    match tree {
        Tree::And(parts) => joined(parts, " and ", negated, out),
        Tree::Or(parts) => joined(parts, " or ", negated, out),
        Tree::Not(inner) => {
            out.push_str("not (");
            push(inner, true, out);
            out.push(')');
        }
        leaf => {
            let condition = comparison(leaf);
            if negated {
                out.push_str(&["((", &condition, ") is true)"].concat());
            } else {
                out.push_str(&condition);
            }
        }
    }
}

fn joined(parts: &[Tree], word: &str, negated: bool, out: &mut String) {
    out.push('(');
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            out.push_str(word);
        }
        push(part, negated, out);
    }
    out.push(')');
}

fn comparison(tree: &Tree) -> String {
    match tree {
        Tree::Exists(field) => format!("\"{}\" is not null", field.name),
        Tree::Flag(field, wanted) => format!("\"{}\" is {wanted}", field.name),
        Tree::Number(field, comparison, wanted) => {
            format!(
                "\"{}\" {} {}",
                field.name,
                sign(*comparison),
                number(*wanted)
            )
        }
        Tree::OneNumber(field, wanted) => {
            let list: Vec<String> = wanted.iter().map(|wanted| number(*wanted)).collect();
            format!("\"{}\" in ({})", field.name, list.join(", "))
        }
        Tree::Text(field, comparison, wanted) => {
            let (name, text) = (field.name, literal(wanted));
            match comparison {
                Comparison::Contains => format!("contains(\"{name}\", {text})"),
                Comparison::ContainsAnyCase => format!("icontains(\"{name}\", {text})"),
                Comparison::StartsWith => format!("starts_with(\"{name}\", {text})"),
                Comparison::EndsWith => format!("ends_with(\"{name}\", {text})"),
                other => format!("\"{name}\" {} {text}", sign(*other)),
            }
        }
        Tree::OneText(field, wanted) => {
            let list: Vec<String> = wanted.iter().map(|wanted| literal(wanted)).collect();
            format!("\"{}\" in ({})", field.name, list.join(", "))
        }
        // What joins others is not asked here.
        Tree::And(_) | Tree::Or(_) | Tree::Not(_) => "true".to_owned(),
    }
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Unequal => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
        Comparison::Equal
        | Comparison::Contains
        | Comparison::ContainsAnyCase
        | Comparison::StartsWith
        | Comparison::EndsWith => "=",
    }
}

/// A number; the least one has no literal of its own, as its digits alone are too large.
fn number(number: i64) -> String {
    if number == i64::MIN {
        format!("({} - 1)", i64::MIN + 1)
    } else {
        number.to_string()
    }
}

/// A text in quotes. Bytes that are not UTF-8 are written as the tables show them: `\xff`.
fn literal(bytes: &[u8]) -> String {
    let mut text = String::from("'");
    for chunk in bytes.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\'', "''"));
        for byte in chunk.invalid() {
            let escaped = format!("\\x{byte:02x}");
            text.push_str(&escaped);
        }
    }
    text.push('\'');
    text
}
