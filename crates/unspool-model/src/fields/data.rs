//! Fields of what the data of a call says.

use super::Value;
use crate::payload;
use crate::step::Step;

/// Which of a statement's values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SqlPart {
    Text,
    Template,
    Dialect,
}

/// Which of a request's values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HttpPart {
    Method,
    Route,
    Host,
}

/// Of the first statement.
pub(super) fn sql<'a>(step: &Step<'a>, scratch: &'a mut Vec<u8>, part: SqlPart) -> Value<'a> {
    let mut data = Vec::new();
    if !payload::data(step, &mut data) {
        return Value::Absent;
    }
    let Some(statement) = payload::statement(&data) else {
        return Value::Absent;
    };
    match part {
        SqlPart::Text => scratch.extend_from_slice(statement.text),
        SqlPart::Template => payload::template(statement.text, statement.dialect, scratch),
        SqlPart::Dialect => return Value::Text(statement.dialect.name().as_bytes()),
    }
    Value::text(scratch)
}

/// Of the request.
pub(super) fn http<'a>(step: &Step<'a>, scratch: &'a mut Vec<u8>, part: HttpPart) -> Value<'a> {
    let mut data = Vec::new();
    if !payload::data(step, &mut data) {
        return Value::Absent;
    }
    let Some(request) = payload::request(&data) else {
        return Value::Absent;
    };
    match part {
        HttpPart::Method => scratch.extend_from_slice(request.method),
        HttpPart::Route => payload::route(request.target, scratch),
        HttpPart::Host => scratch.extend_from_slice(request.host),
    }
    Value::text(scratch)
}

/// Status of the response.
pub(super) fn status<'a>(step: &Step<'a>, scratch: &mut Vec<u8>) -> Value<'a> {
    scratch.clear();
    if !payload::data(step, scratch) {
        return Value::Absent;
    }
    Value::int_or_absent(payload::response(scratch))
}
