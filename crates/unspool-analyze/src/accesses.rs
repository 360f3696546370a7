//! What processes did to resources: taken from the world, or folded from the steps that a filter lets through. The fold
//! counts as the tracker does, so that both agree.

use std::borrow::Cow;
use std::collections::HashMap;

use unspool_model::event::Outcome;
use unspool_model::ids::{ProcessId, ResourceId};
use unspool_model::step::{Action, Step, Touch};
use unspool_model::world::{Access, Traffic, World};

/// Accesses of the steps that were taken.
#[derive(Debug, Default)]
pub struct Accesses {
    places: HashMap<(ResourceId, ProcessId), usize>,
    list: Vec<Access>,
}

impl Accesses {
    /// Counts a step.
    pub fn add(&mut self, step: &Step<'_>) {
        for touch in [step.touch, step.second].into_iter().flatten() {
            self.touch(step, &touch);
        }
    }

    fn touch(&mut self, step: &Step<'_>, touch: &Touch) {
        let Some(resource) = touch.resource else {
            return;
        };
        let place = *self
            .places
            .entry((resource, step.process))
            .or_insert_with(|| {
                self.list.push(new_access(step, resource));
                self.list.len() - 1
            });
        if let Some(access) = self.list.get_mut(place) {
            count(access, step, touch);
        }
    }

    /// The accesses: of the world, or those that were counted when there is a filter; by resource and process.
    pub fn of<'a>(&'a self, world: &'a World, filtered: bool) -> Cow<'a, [Access]> {
        let mut list: Cow<'a, [Access]> = if filtered {
            Cow::Borrowed(&self.list)
        } else {
            Cow::Borrowed(&world.accesses)
        };
        let key = |access: &Access| (access.resource, access.process);
        if !list.is_sorted_by_key(key) {
            list.to_mut().sort_by_key(key);
        }
        list
    }
}

fn new_access(step: &Step<'_>, resource: ResourceId) -> Access {
    Access {
        process: step.process,
        resource,
        calls: [0; Action::ALL.len()],
        traffic: Traffic::default(),
        failed: 0,
        last_error: None,
        first_ns: step.time_ns,
        last_ns: step.time_ns,
        total_ns: 0,
        claimed: true,
    }
}

fn count(access: &mut Access, step: &Step<'_>, touch: &Touch) {
    access.first_ns = access.first_ns.min(step.time_ns);
    access.last_ns = access.last_ns.max(step.time_ns);
    access.total_ns = access
        .total_ns
        .saturating_add(step.duration_ns.unwrap_or(0));
    access.claimed &= touch.claimed;
    if let Outcome::Failed(errno) = step.outcome {
        access.failed += 1;
        access.last_error = Some(errno);
        return;
    }
    if let Some(calls) = access.calls.get_mut(touch.action as usize) {
        *calls = calls.saturating_add(1);
    }
    let bytes = touch.bytes.unwrap_or(0);
    if matches!(touch.action, Action::Read | Action::Receive) {
        access.traffic.reads += 1;
        access.traffic.bytes_read += bytes;
    } else if touch.action.is_output() {
        access.traffic.writes += 1;
        access.traffic.bytes_written += bytes;
    }
}

/// Adds traffic to a sum.
pub(crate) fn add_traffic(sum: &mut Traffic, moved: Traffic) {
    sum.reads += moved.reads;
    sum.bytes_read += moved.bytes_read;
    sum.writes += moved.writes;
    sum.bytes_written += moved.bytes_written;
}
