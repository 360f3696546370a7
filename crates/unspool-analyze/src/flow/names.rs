//! Names of functions as numbers.

use unspool_model::map::Map;
use unspool_model::step::{Step, StepKind};
use unspool_model::syscalls::{SYSCALLS, Syscall};

use super::line::Name;

/// Names beyond those of the system call table that are told apart; further ones are [`OTHER`].
pub const NAMES_MAX: usize = 1 << 16;

/// What functions are called when there are too many names.
const OTHER: &[u8] = b"other";

/// The names: those of the system call table by their place in it, others as they come.
#[derive(Debug, Default)]
pub struct Names {
    places: Map<Vec<u8>, u32>,
    others: Vec<Vec<u8>>,
}

impl Names {
    /// The name of a step's function.
    pub(super) fn of(&mut self, step: &Step<'_>) -> Name {
        if let Some(call) = step.syscall {
            return Name(u32::from(call.index()));
        }
        // The recorder that folds calls names them without the table.
        if step.kind == StepKind::Folded
            && let Some(call) = Syscall::by_name(step.name)
        {
            return Name(u32::from(call.index()));
        }
        if let Some(place) = self.places.get(step.name) {
            return Name(*place);
        }
        let name = if self.others.len() < NAMES_MAX {
            step.name
        } else {
            OTHER
        };
        if let Some(place) = self.places.get(name) {
            return Name(*place);
        }
        let place = u32::try_from(SYSCALLS.len() + self.others.len()).unwrap_or(u32::MAX);
        self.others.push(name.to_vec());
        self.places.insert(name.to_vec(), place);
        Name(place)
    }

    /// The name as bytes.
    pub fn text(&self, name: Name) -> &[u8] {
        let place = name.0 as usize;
        if let Some(row) = SYSCALLS.get(place) {
            return row.name.as_bytes();
        }
        self.others
            .get(place - SYSCALLS.len())
            .map_or(OTHER, Vec::as_slice)
    }

    /// Whether it is a system call of the table.
    pub fn is_syscall(&self, name: Name) -> bool {
        (name.0 as usize) < SYSCALLS.len()
    }
}
