//! A line of a flow: one call, one descriptor's life, or lines that were folded into one.

use std::hash::{Hash, Hasher as _};

use unspool_model::event::Outcome;
use unspool_model::ids::ResourceId;
use unspool_model::map::Multiply;
use unspool_model::step::Step;
use unspool_model::world::{Traffic, World};

/// Arguments that a line names one by one; more become a pattern.
pub const ARGUMENTS_MAX: usize = 4;

/// Name of a function: place in [`super::names::Names`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(pub(super) u32);

/// How a line came to be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Style {
    /// Calls of one function.
    Single,
    /// Calls of several functions on one thing: a descriptor's life.
    Life,
    /// Lines that came again and again in this order.
    Repeated,
    /// Lines that came again and again in changing order.
    Mixed,
}

impl Style {
    /// Word in output; dockit's own where it has one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "",
            Self::Life => "args",
            Self::Repeated => "rept",
            Self::Mixed => "mix",
        }
    }
}

/// A line.
#[derive(Clone, Debug)]
pub struct Line {
    /// How it came to be.
    pub style: Style,
    /// Functions in order of their first call, and how often each; empty for folded lines.
    pub functions: Vec<(Name, u64)>,
    /// What they were called on.
    pub arguments: Arguments,
    /// Lines that were folded into this one; empty for the others.
    pub parts: Vec<Self>,
    /// How often the whole came.
    pub times: u64,
    /// Calls.
    pub calls: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Outcome that all calls had; `None` when they differ.
    pub outcome: Option<Outcome>,
    /// Bytes moved.
    pub traffic: Traffic,
    /// Start of the first call.
    pub start_ns: i64,
    /// End of the last call to end.
    pub end_ns: i64,
    /// Time in the calls, where known.
    pub total_ns: i64,
    /// Same for lines that differ in arguments and counts only.
    pub(super) class: u64,
    /// Same for lines that differ in counts only.
    pub(super) exact: u64,
}

impl Line {
    /// A line of one step, which stands for `calls` calls.
    pub(super) fn of(step: &Step<'_>, name: Name, calls: u64, failed: u64, world: &World) -> Self {
        let mut line = Self {
            style: Style::Single,
            functions: vec![(name, calls)],
            arguments: Arguments::default(),
            parts: Vec::new(),
            times: 1,
            calls,
            failed,
            outcome: Some(step.outcome),
            traffic: Traffic::default(),
            start_ns: step.time_ns,
            end_ns: end_of(step),
            total_ns: step.duration_ns.unwrap_or(0),
            class: 0,
            exact: 0,
        };
        line.touch(step, calls.saturating_sub(failed), world);
        line
    }

    fn touch(&mut self, step: &Step<'_>, good: u64, world: &World) {
        for touch in [step.touch, step.second].into_iter().flatten() {
            if let Some(resource) = touch.resource {
                self.arguments.add(resource, world);
            }
            if good > 0 {
                let bytes = touch.bytes.unwrap_or(0);
                self.traffic.add(Traffic::of(touch.action, good, bytes));
            }
        }
    }

    /// Adds a step to a descriptor's life.
    pub(super) fn extend(
        &mut self,
        step: &Step<'_>,
        name: Name,
        calls: u64,
        failed: u64,
        world: &World,
    ) {
        self.count(name, calls);
        self.calls = self.calls.saturating_add(calls);
        self.failed = self.failed.saturating_add(failed);
        if self.outcome != Some(step.outcome) {
            self.outcome = None;
        }
        self.start_ns = self.start_ns.min(step.time_ns);
        self.end_ns = self.end_ns.max(end_of(step));
        self.total_ns = self.total_ns.saturating_add(step.duration_ns.unwrap_or(0));
        self.touch(step, calls.saturating_sub(failed), world);
    }

    /// Fixes what a line of calls is alike to, when nothing more comes to it.
    pub(super) fn seal(&mut self, world: &World) {
        self.style = if self.functions.len() > 1 {
            Style::Life
        } else {
            Style::Single
        };
        let mut class = Multiply::default();
        for (name, _) in &self.functions {
            name.hash(&mut class);
        }
        // A call that failed is another thing than one that did not; a life is not changed by a failure in it.
        if self.style == Style::Single
            && let Some(Outcome::Failed(errno)) = self.outcome
        {
            errno.hash(&mut class);
        }
        if let Some(first) = self.arguments.first()
            && let Some(resource) = world.resource(first)
        {
            resource.kind.hash(&mut class);
        }
        self.class = class.finish();
        for resource in &self.arguments.shown {
            resource.hash(&mut class);
        }
        self.exact = class.finish();
    }

    /// A fold of these lines, which stand for one round.
    pub(super) fn fold(style: Style, parts: Vec<Self>) -> Self {
        let mut line = Self {
            style,
            functions: Vec::new(),
            arguments: Arguments::default(),
            parts: Vec::new(),
            times: 1,
            calls: 0,
            failed: 0,
            outcome: None,
            traffic: Traffic::default(),
            start_ns: i64::MAX,
            end_ns: i64::MIN,
            total_ns: 0,
            class: 0,
            exact: 0,
        };
        for part in &parts {
            line.sum(part);
        }
        line.parts = parts;
        line.reclass();
        line
    }

    /// Fixes what a folded line is alike to.
    pub(super) fn reclass(&mut self) {
        let mut classes: Vec<(u64, u64)> = self
            .parts
            .iter()
            .map(|part| (part.class, part.exact))
            .collect();
        if self.style == Style::Mixed {
            classes.sort_unstable();
        }
        let mut class = Multiply::default();
        let mut exact = Multiply::default();
        self.style.hash(&mut class);
        self.style.hash(&mut exact);
        for (one, other) in classes {
            class.write_u64(one);
            exact.write_u64(other);
        }
        self.class = class.finish();
        self.exact = exact.finish();
    }

    /// Adds the numbers of another line.
    pub(super) fn sum(&mut self, other: &Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.failed = self.failed.saturating_add(other.failed);
        self.traffic.add(other.traffic);
        self.start_ns = self.start_ns.min(other.start_ns);
        self.end_ns = self.end_ns.max(other.end_ns);
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
    }

    /// Takes a line of the same class.
    pub(super) fn merge(&mut self, other: Self, world: &World) {
        self.sum(&other);
        self.times = self.times.saturating_add(other.times);
        if self.outcome != other.outcome {
            self.outcome = None;
        }
        if self.exact != other.exact {
            let mut exact = Multiply::default();
            exact.write_u64(self.exact);
            exact.write_u64(other.exact);
            self.exact = exact.finish();
        }
        for (name, calls) in other.functions {
            self.count(name, calls);
        }
        self.arguments.merge(&other.arguments, world);
        if self.style == Style::Repeated && self.parts.len() == other.parts.len() {
            for (known, part) in self.parts.iter_mut().zip(other.parts) {
                known.merge(part, world);
            }
            return;
        }
        for part in other.parts {
            let known = self
                .parts
                .iter_mut()
                .find(|known| known.class == part.class);
            match known {
                Some(known) => known.merge(part, world),
                None => self.parts.push(part),
            }
        }
    }

    /// Counts calls of a function.
    fn count(&mut self, name: Name, calls: u64) {
        let known = self.functions.iter().position(|known| known.0 == name);
        // Hostile logs only: beyond the limit calls are counted under the last name.
        let place =
            known.or_else(|| (self.functions.len() >= FUNCTIONS_MAX).then_some(FUNCTIONS_MAX - 1));
        match place.and_then(|place| self.functions.get_mut(place)) {
            Some(known) => known.1 = known.1.saturating_add(calls),
            None => self.functions.push((name, calls)),
        }
    }

    /// Lines of calls in it.
    pub(super) fn weight(&self) -> usize {
        if self.parts.is_empty() {
            1
        } else {
            self.parts.iter().map(Self::weight).sum()
        }
    }
}

/// Functions that one line tells apart.
const FUNCTIONS_MAX: usize = 32;

fn end_of(step: &Step<'_>) -> i64 {
    step.time_ns.saturating_add(step.duration_ns.unwrap_or(0))
}

/// What calls were made on: names one by one, or what all names have in common.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Arguments {
    /// The first ones.
    pub shown: Vec<ResourceId>,
    /// Set when there were more: what all of them begin and end with.
    pub common: Option<Common>,
}

/// What names have in common with the first of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Common {
    prefix: usize,
    suffix: usize,
    /// Length of the shortest name.
    shortest: usize,
    /// Whether a folder's end lies in what differs.
    deep: bool,
}

impl Arguments {
    fn first(&self) -> Option<ResourceId> {
        self.shown.first().copied()
    }

    fn add(&mut self, resource: ResourceId, world: &World) {
        if self.shown.contains(&resource) {
            return;
        }
        if self.common.is_none() && self.shown.len() < ARGUMENTS_MAX {
            self.shown.push(resource);
            return;
        }
        let common = self.common.unwrap_or_else(|| self.common_of_shown(world));
        self.common = Some(self.narrow(common, resource, world));
    }

    fn merge(&mut self, other: &Self, world: &World) {
        for resource in &other.shown {
            self.add(*resource, world);
        }
        let (Some(theirs), Some(first)) = (other.common, other.first()) else {
            return;
        };
        let mut common = self.common.unwrap_or_else(|| self.common_of_shown(world));
        common = self.narrow(common, first, world);
        common.prefix = common.prefix.min(theirs.prefix);
        common.suffix = common.suffix.min(theirs.suffix);
        common.shortest = common.shortest.min(theirs.shortest);
        common.deep |= theirs.deep;
        self.common = Some(common);
    }

    fn common_of_shown(&self, world: &World) -> Common {
        let len = self.name(world).len();
        let mut common = Common {
            prefix: len,
            suffix: len,
            shortest: len,
            deep: false,
        };
        for resource in &self.shown {
            common = self.narrow(common, *resource, world);
        }
        common
    }

    fn name<'w>(&self, world: &'w World) -> &'w [u8] {
        self.first()
            .and_then(|first| world.resource(first))
            .map_or(&[], |resource| &resource.name)
    }

    /// What the names have in common with one more.
    fn narrow(&self, common: Common, resource: ResourceId, world: &World) -> Common {
        let first = self.name(world);
        let Some(other) = world.resource(resource).map(|resource| &resource.name) else {
            return common;
        };
        let same = |(one, other): &(&u8, &u8)| one == other;
        let prefix = first
            .iter()
            .zip(other)
            .take(common.prefix)
            .take_while(same)
            .count();
        let suffix = first
            .iter()
            .rev()
            .zip(other.iter().rev())
            .take(common.suffix)
            .take_while(same)
            .count();
        let has_folder = |name: &[u8], from: usize, to: usize| {
            name.get(from..to).is_some_and(|part| part.contains(&b'/'))
        };
        let end = |suffix: usize| first.len() - suffix;
        Common {
            prefix,
            suffix,
            shortest: common.shortest.min(other.len()),
            // What all names shared until now lies in what differs.
            deep: common.deep
                || has_folder(first, prefix, common.prefix.min(end(suffix)))
                || has_folder(first, end(common.suffix).max(prefix), end(suffix))
                || has_folder(other, prefix, other.len() - suffix),
        }
    }

    /// Texts for people and programs: names, or one pattern as a shell knows it.
    pub fn texts(&self, world: &World) -> Vec<Vec<u8>> {
        let Some(common) = self.common else {
            return self
                .shown
                .iter()
                .filter_map(|resource| world.resource(*resource))
                .map(|resource| resource.name.clone())
                .collect();
        };
        let first = self.name(world);
        let head = first.get(..common.prefix).unwrap_or(&[]);
        // The two do not overlap, in no name.
        let suffix = common
            .suffix
            .min(common.shortest.saturating_sub(common.prefix));
        let tail = first
            .get(first.len().saturating_sub(suffix)..)
            .unwrap_or(&[]);
        // Only whole components and whole extensions: `/usr/lib/*.so`, not `/usr/lib/lib*a.so`.
        let head_end = head.iter().rposition(|byte| matches!(byte, b'/' | b'['));
        let head = head_end.and_then(|end| head.get(..=end)).unwrap_or(&[]);
        let tail_start = tail
            .iter()
            .position(|byte| matches!(byte, b'/' | b'.' | b']'));
        let tail = tail_start
            .and_then(|start| tail.get(start..))
            .unwrap_or(&[]);
        let star = if common.deep { &b"**"[..] } else { b"*" };
        vec![[head, star, tail].concat()]
    }
}
