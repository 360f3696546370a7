//! What processes did to resources: taken from the world, or folded from the steps that a filter lets through. The fold
//! counts as the tracker does, so that both agree.

use std::borrow::Cow;
use std::collections::HashMap;

use unspool_model::ids::{ProcessId, ResourceId};
use unspool_model::step::{Step, Touch};
use unspool_model::world::{Access, World};

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
                self.list
                    .push(Access::new(step.process, resource, step.time_ns));
                self.list.len() - 1
            });
        if let Some(access) = self.list.get_mut(place) {
            access.add(step, touch);
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
