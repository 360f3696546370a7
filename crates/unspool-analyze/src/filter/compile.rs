//! Trees to closures.

use std::cmp::Ordering;

use unspool_model::fields::{Get, Value};
use unspool_model::step::Step;
use unspool_model::world::World;

use super::Test;
use super::parse::{Comparison, Tree};

/// The test that the tree says.
pub(super) fn compile(tree: Tree) -> Test {
    match tree {
        Tree::And(parts) => {
            let parts: Vec<Test> = parts.into_iter().map(compile).collect();
            Box::new(move |step, world, scratch| {
                parts.iter().all(|part| part(step, world, scratch))
            })
        }
        Tree::Or(parts) => {
            let parts: Vec<Test> = parts.into_iter().map(compile).collect();
            Box::new(move |step, world, scratch| {
                parts.iter().any(|part| part(step, world, scratch))
            })
        }
        Tree::Not(inner) => {
            let inner = compile(*inner);
            Box::new(move |step, world, scratch| !inner(step, world, scratch))
        }
        Tree::Exists(field) => with(field.get, |value| value != Value::Absent),
        Tree::Flag(field, wanted) => with(field.get, move |value| value == Value::Flag(wanted)),
        Tree::Number(field, comparison, wanted) => with(field.get, move |value| match value {
            Value::Int(number) => ordered(comparison, number.cmp(&wanted)),
            _ => false,
        }),
        Tree::OneNumber(field, wanted) => with(field.get, move |value| match value {
            Value::Int(number) => wanted.binary_search(&number).is_ok(),
            _ => false,
        }),
        Tree::Text(field, comparison, wanted) => with(field.get, move |value| match value {
            Value::Text(text) => compares(comparison, text, &wanted),
            _ => false,
        }),
        Tree::OneText(field, wanted) => with(field.get, move |value| match value {
            Value::Text(text) => wanted
                .binary_search_by(|candidate| candidate.as_slice().cmp(text))
                .is_ok(),
            _ => false,
        }),
    }
}

fn with(get: Get, holds: impl Fn(Value<'_>) -> bool + 'static) -> Test {
    Box::new(
        move |step: &Step<'_>, world: &World, scratch: &mut Vec<u8>| {
            scratch.clear();
            holds(get(step, world, scratch))
        },
    )
}

fn ordered(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::Unequal => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
        Comparison::Contains
        | Comparison::ContainsAnyCase
        | Comparison::StartsWith
        | Comparison::EndsWith => false,
    }
}

fn compares(comparison: Comparison, text: &[u8], wanted: &[u8]) -> bool {
    match comparison {
        Comparison::Contains => contains(text, wanted, |one, other| one == other),
        Comparison::ContainsAnyCase => contains(text, wanted, <[u8]>::eq_ignore_ascii_case),
        Comparison::StartsWith => text.starts_with(wanted),
        Comparison::EndsWith => text.ends_with(wanted),
        Comparison::Equal
        | Comparison::Unequal
        | Comparison::Less
        | Comparison::LessOrEqual
        | Comparison::Greater
        | Comparison::GreaterOrEqual => ordered(comparison, text.cmp(wanted)),
    }
}

fn contains(text: &[u8], wanted: &[u8], equal: impl Fn(&[u8], &[u8]) -> bool) -> bool {
    wanted.is_empty()
        || text
            .windows(wanted.len())
            .any(|window| equal(window, wanted))
}
