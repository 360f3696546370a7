//! First stage: calls on one descriptor become one line, though others come between.

use std::collections::VecDeque;

use unspool_model::ids::SessionId;
use unspool_model::step::{Action, Step};
use unspool_model::world::World;

use super::line::{Line, Name};

/// Lines that wait for more calls. When there are more, the oldest goes on as it is: a descriptor that lives longer
/// has several lines.
pub const LIVES_MAX: usize = 32;

/// Lines in the making, in the order of their first call.
#[derive(Debug, Default)]
pub(super) struct Lives {
    items: VecDeque<Item>,
}

#[derive(Debug)]
struct Item {
    session: Option<SessionId>,
    done: bool,
    line: Line,
}

impl Lives {
    /// Takes a step that stands for `calls` calls.
    pub(super) fn push(
        &mut self,
        step: &Step<'_>,
        name: Name,
        (calls, failed): (u64, u64),
        world: &World,
        out: &mut dyn FnMut(Line),
    ) {
        let session = step.touch.and_then(|touch| touch.session);
        let closes = step
            .touch
            .is_some_and(|touch| touch.action == Action::Close)
            && step.outcome.failed().is_none();
        let open = session.and_then(|session| {
            self.items
                .iter_mut()
                .rev()
                .find(|item| item.session == Some(session) && !item.done)
        });
        if let Some(item) = open {
            item.line.extend(step, name, calls, failed, world);
            item.done |= closes;
        } else {
            let mut line = Line::of(step, name, calls, failed, world);
            if session.is_none() {
                line.seal(world);
                if let Some(last) = self.items.back_mut()
                    && last.session.is_none()
                    && last.line.class == line.class
                {
                    last.line.merge(line, world);
                    return;
                }
            }
            self.items.push_back(Item {
                session,
                done: session.is_none() || closes,
                line,
            });
        }
        // The last one stays, for more of the same may come.
        while self.items.len() > 1
            && (self.items.len() > LIVES_MAX || self.items.front().is_some_and(|item| item.done))
        {
            self.pop(world, out);
        }
    }

    /// Lines that wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.items.len()
    }

    /// Hands everything on.
    pub(super) fn flush(&mut self, world: &World, out: &mut dyn FnMut(Line)) {
        while !self.items.is_empty() {
            self.pop(world, out);
        }
    }

    fn pop(&mut self, world: &World, out: &mut dyn FnMut(Line)) {
        if let Some(mut item) = self.items.pop_front() {
            if item.session.is_some() {
                item.line.seal(world);
            }
            out(item.line);
        }
    }
}
