//! HTTP/1 requests seen in the data that calls moved, by method and route, with the statuses of their responses.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use unspool_model::ids::{ProcessId, SessionId};
use unspool_model::map::Map;
use unspool_model::payload;
use unspool_model::report::{Cell, RowSink, Shape, Shown, Unit};
use unspool_model::step::Step;
use unspool_model::world::World;

use crate::occurrences::{NOTHING, Occurrences, sent};
use crate::time::Durations;
use crate::{Analysis, ViewOptions, column, table};

/// Routes that are told apart; requests to others are counted in one row.
pub const ROUTES_MAX: usize = 10_000;
/// Requests whose response is waited for at the same time; older ones are forgotten.
pub const WAITING_MAX: usize = 65_536;

/// Shape of the rows.
pub const SHAPE: Shape = table(
    "http",
    &[
        column("requests", Unit::Count, Shown::Always, "How many."),
        column(
            "role",
            Unit::Text,
            Shown::Always,
            "`client` (sent it) or `server` (received it).",
        ),
        column(
            "statuses",
            Unit::List,
            Shown::Always,
            "Statuses of the responses that were seen, and how often each: `200*3`.",
        ),
        column(
            "p50_ns",
            Unit::Duration,
            Shown::Always,
            "Time from request to response that half of them did not exceed.",
        ),
        column("max_ns", Unit::Duration, Shown::Always, "The longest."),
        column(
            "processes",
            Unit::Count,
            Shown::Wide,
            "Processes that made or served them.",
        ),
        column(
            "name",
            Unit::Text,
            Shown::Always,
            "Name and pid of the first of them.",
        ),
        column("first_ns", Unit::Time, Shown::Wide, "First time."),
        column("last_ns", Unit::Time, Shown::Wide, "Last time."),
        column(
            "resource",
            Unit::Text,
            Shown::Wide,
            "Through what, the first time.",
        ),
        column("host", Unit::Text, Shown::Always, "Header `Host`."),
        column("method", Unit::Text, Shown::Always, "Method."),
        column(
            "route",
            Unit::Text,
            Shown::Always,
            "Target without query, with `{id}` for what names one thing; `(others)` beyond the limit.",
        ),
    ],
);

/// Makes the view.
pub(crate) fn new(_: &ViewOptions) -> Box<dyn Analysis> {
    Box::new(Http::default())
}

/// Role, host, method, route.
type Key = (bool, Vec<u8>, Vec<u8>, Vec<u8>);

#[derive(Default)]
struct Http {
    places: Map<Key, usize>,
    rows: Vec<Row>,
    /// Requests that wait for their response, by who made them through what.
    waiting: Map<(ProcessId, SessionId), (usize, i64)>,
    data: Vec<u8>,
}

struct Row {
    key: Key,
    statuses: BTreeMap<u16, u64>,
    durations: Durations,
    seen: Occurrences,
}

impl Analysis for Http {
    fn step(&mut self, step: &Step<'_>, _: &World, _: &mut dyn RowSink) -> ControlFlow<()> {
        self.data.clear();
        if !payload::data(step, &mut self.data) {
            return ControlFlow::Continue(());
        }
        let data = std::mem::take(&mut self.data);
        if let Some(request) = payload::request(&data) {
            self.request(step, request);
        } else if let Some(status) = payload::response(&data) {
            self.response(step, status);
        }
        self.data = data;
        ControlFlow::Continue(())
    }

    fn rows(&mut self, world: &World, out: &mut dyn RowSink) -> Vec<String> {
        self.rows.sort_by(|one, other| {
            other
                .seen
                .count
                .cmp(&one.seen.count)
                .then_with(|| one.key.cmp(&other.key))
        });
        for row in &mut self.rows {
            let [processes, name, first, last, resource] = row.seen.cells(world);
            let (is_client, host, method, route) = &row.key;
            let statuses = row
                .statuses
                .iter()
                .map(|(status, count)| Cell::Text(format!("{status}*{count}").into_bytes()));
            let flow = out.row(&[
                Cell::int(row.seen.count),
                Cell::text(if *is_client { b"client" } else { b"server" }),
                Cell::List(statuses.collect()),
                Cell::int_or_null(row.durations.percentile(50)),
                Cell::int_or_null(row.durations.max()),
                processes,
                name,
                first,
                last,
                resource,
                if host.is_empty() {
                    Cell::Null
                } else {
                    Cell::text(host)
                },
                Cell::text(method),
                Cell::text(route),
            ]);
            if flow.is_break() {
                break;
            }
        }
        if self.rows.is_empty() {
            return vec![NOTHING.to_owned()];
        }
        Vec::new()
    }
}

impl Http {
    fn request(&mut self, step: &Step<'_>, request: payload::Request<'_>) {
        let is_client = sent(step);
        let mut route = Vec::new();
        payload::route(request.target, &mut route);
        let mut key = (
            is_client,
            request.host.to_vec(),
            request.method.to_vec(),
            route,
        );
        if self.rows.len() >= ROUTES_MAX && !self.places.contains_key(&key) {
            key = (is_client, Vec::new(), Vec::new(), b"(others)".to_vec());
        }
        let place = *self.places.entry(key.clone()).or_insert_with(|| {
            self.rows.push(Row {
                key,
                statuses: BTreeMap::new(),
                durations: Durations::default(),
                seen: Occurrences::new(step),
            });
            self.rows.len() - 1
        });
        if let Some(row) = self.rows.get_mut(place) {
            row.seen.add(step);
        }
        if let Some(session) = step.touch.and_then(|touch| touch.session) {
            if self.waiting.len() >= WAITING_MAX {
                self.waiting.clear();
            }
            self.waiting
                .insert((step.process, session), (place, step.time_ns));
        }
    }

    /// The response to the last request through the same session. Data may be looked at twice (`MSG_PEEK`): the first time counts.
    fn response(&mut self, step: &Step<'_>, status: u16) {
        let Some(session) = step.touch.and_then(|touch| touch.session) else {
            return;
        };
        let Some((place, asked_ns)) = self.waiting.remove(&(step.process, session)) else {
            return;
        };
        if let Some(row) = self.rows.get_mut(place) {
            *row.statuses.entry(status).or_default() += 1;
            let answered_ns = step.time_ns.saturating_add(step.duration_ns.unwrap_or(0));
            row.durations.add(answered_ns.saturating_sub(asked_ns));
        }
    }
}
