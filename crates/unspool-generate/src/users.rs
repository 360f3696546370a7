//! Whose processes and files these are, as far as calls told, to know what only a capability allowed (capabilities(7)).

use unspool_model::args::text;
use unspool_model::event::Outcome;
use unspool_model::ids::{ProcessId, ResourceId};
use unspool_model::map::Map;
use unspool_model::step::{Action, Step, Touch};
use unspool_model::syscalls::{Operation, Role, Syscall};
use unspool_model::world::World;

use crate::text::split_args;

/// Users that calls set, and owners that calls gave; of everything else the world or the machine knows.
#[derive(Debug, Default)]
pub(crate) struct Users {
    processes: Map<ProcessId, u32>,
    files: Map<ResourceId, u32>,
}

/// Who may change what belongs to a file's owner alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    /// The process is it, or is not user 0.
    Fits,
    /// User 0 changed a file of somebody else.
    Other,
    /// The file was there before: the machine knows whose it is.
    Unknown,
}

impl Users {
    /// Takes a call that succeeded.
    pub(crate) fn step(&mut self, step: &Step<'_>, printed: &[u8], world: &World) {
        let Some(call) = step.syscall else { return };
        if !matches!(step.outcome, Outcome::Returned(_)) {
            return;
        }
        if let Some(user) = new_user(call, printed) {
            self.processes.insert(step.process, user);
        }
        let Some(Touch {
            resource: Some(file),
            action,
            ..
        }) = step.touch
        else {
            return;
        };
        if call.operation() == Operation::Chown {
            let place = call.row().position(Role::Uid);
            let words = split_args(printed);
            if let Some(user) = place.and_then(|place| id(words.get(place)?)) {
                self.files.insert(file, user);
            }
        } else if matches!(action, Action::Create | Action::MakeDirectory)
            && let Some(user) = self.of(step.process, world)
        {
            self.files.insert(file, user);
        }
    }

    /// User of a process.
    fn of(&self, process: ProcessId, world: &World) -> Option<u32> {
        let told = self.processes.get(&process).copied();
        told.or_else(|| world.process(process)?.user)
    }

    /// Whether user 0 sends to a process of another user.
    pub(crate) fn sends_to_another(&self, from: ProcessId, to: ProcessId, world: &World) -> bool {
        self.of(from, world) == Some(0) && self.of(to, world).is_some_and(|user| user != 0)
    }

    /// Whether a call changes what belongs to the owner alone, and who that is; `None` for other calls.
    pub(crate) fn owner(
        &self,
        step: &Step<'_>,
        file: ResourceId,
        printed: &[u8],
        world: &World,
    ) -> Option<Owner> {
        let is_owners = match step.syscall?.operation() {
            Operation::Chmod | Operation::SetFileAttributes => true,
            // Without times they are set to now, which whoever may write may do.
            Operation::Utime => {
                let place = if step.name == b"utimensat" { 2 } else { 1 };
                let place = if step.name == b"futimesat" { 2 } else { place };
                split_args(printed)
                    .get(place)
                    .is_some_and(|word| *word != b"NULL")
            }
            _ => false,
        };
        if !is_owners {
            return None;
        }
        if self.of(step.process, world) != Some(0) {
            return Some(Owner::Fits);
        }
        Some(match self.files.get(&file) {
            Some(0) => Owner::Fits,
            Some(_) => Owner::Other,
            None => Owner::Unknown,
        })
    }
}

/// The effective user behind a call that sets it.
fn new_user(call: Syscall, printed: &[u8]) -> Option<u32> {
    let place = match call.name() {
        "setuid" => 0,
        "setreuid" | "setresuid" => 1,
        _ => return None,
    };
    id(split_args(printed).get(place)?)
}

/// A user id; `None` for -1, which changes nothing.
fn id(word: &[u8]) -> Option<u32> {
    let number = u32::try_from(text::int(word)?).ok()?;
    (number != u32::MAX).then_some(number)
}
