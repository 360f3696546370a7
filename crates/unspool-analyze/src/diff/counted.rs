//! What is known as sums only: calls that were counted together, and what samples measured.

use unspool_model::step::{Step, StepKind};
use unspool_model::syscalls::Syscall;
use unspool_model::world::World;

use super::Profiler;
use super::calls::{group_of, is_complaint};
use super::profile::{Group, Wait};

impl Profiler {
    /// Folds a call as a recorder does that only counts it: how many, how many bytes, how long.
    pub fn amounts(&mut self, step: &Step<'_>) {
        self.profile.steps += 1;
        self.profile.start_ns = self.profile.start_ns.min(step.time_ns);
        self.profile.end_ns = self.profile.end_ns.max(step.time_ns);
        self.counted(step, self.role_at(step.process, step.seq));
    }

    /// Calls that were counted together, or one that is taken so. When each of them was made is not known: their time is taken
    /// from what their thread spent outside of recorded calls.
    pub(super) fn counted(&mut self, step: &Step<'_>, role: u32) {
        let (calls, errors) = match step.kind {
            StepKind::Folded => crate::folded(step),
            _ => (1, u64::from(step.outcome.failed().is_some())),
        };
        let touched = step.touch.and_then(|touch| touch.resource);
        let key = match touched.and_then(|id| self.key_of(id)) {
            Some(key) => key,
            None => self.call_key(step),
        };
        let wait = step
            .syscall
            .or_else(|| Syscall::by_name(step.name))
            .and_then(|call| self.waits.get(usize::from(call.index())))
            .copied()
            .unwrap_or(Wait::Other);
        let time_ns = step.duration_ns.unwrap_or(0).max(0);
        let group = step
            .touch
            .map_or(Group::Other, |touch| group_of(touch.action));
        if let Some(found) = self.profile.roles.get_mut(role as usize) {
            found.calls = found.calls.saturating_add(calls);
            found.outside_ns = found.outside_ns.saturating_sub(time_ns);
            if is_complaint(step) {
                found.complaints.add(step);
            }
        }
        let place = self.use_of(role, key, step);
        if let Some(used) = self.uses.get_mut(place) {
            used.count_together(step.touch, group, calls.saturating_sub(errors));
            used.time_ns = used.time_ns.saturating_add(time_ns);
            if let Some(waited) = used.waits.get_mut(wait as usize) {
                *waited = waited.saturating_add(time_ns);
            }
            used.last_ns = used.last_ns.max(step.time_ns);
        }
        self.profile.has_durations |= time_ns > 0;
    }

    /// What was measured of the processes of each role.
    pub(super) fn samples(&mut self, world: &World) {
        for sample in &world.samples {
            let Some(process) = sample.process else {
                continue;
            };
            let role = self.role_at(process, u64::MAX);
            let Some(role) = self.profile.roles.get_mut(role as usize) else {
                continue;
            };
            let add = |sum: &mut Option<i64>, used: Option<u64>| {
                if let Some(used) = used {
                    let used = i64::try_from(used).unwrap_or(i64::MAX);
                    *sum = Some(sum.unwrap_or(0).saturating_add(used));
                }
            };
            add(&mut role.cpu_ns, sample.usage.cpu_ns);
            add(&mut role.delay_ns, sample.usage.run_delay_ns);
        }
    }
}
