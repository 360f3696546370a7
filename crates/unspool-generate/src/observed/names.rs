//! Names of files as programs said them: with the symbolic links that a fact of the kernel no longer has.

use std::collections::HashMap;

use unspool_model::args::{AT_FDCWD, text};
use unspool_model::ids::{Fd, ProcessId, SessionId};
use unspool_model::step::{Action, Step, StepArgs};
use unspool_model::syscalls::Role;
use unspool_model::world::World;

use crate::text::{absolute, split_args};

/// One number of one process: when it was open on what.
type Lives = Vec<(i64, Option<i64>, SessionId)>;

/// Resolves names against working directories and folder descriptors.
#[derive(Debug)]
pub(super) struct NamedPaths {
    run_cwd: Vec<u8>,
    cwd: HashMap<ProcessId, Vec<u8>>,
    descriptors: HashMap<(ProcessId, Fd), Lives>,
    printed: Vec<u8>,
    second: Option<Vec<u8>>,
}

impl NamedPaths {
    pub(super) fn new(cwd: &[u8], world: &World) -> Self {
        let mut descriptors: HashMap<(ProcessId, Fd), Lives> = HashMap::new();
        for descriptor in &world.descriptors {
            let life = (
                descriptor.opened_ns,
                descriptor.closed_ns,
                descriptor.session,
            );
            descriptors
                .entry((descriptor.process, descriptor.fd))
                .or_default()
                .push(life);
        }
        Self {
            run_cwd: cwd.to_vec(),
            cwd: HashMap::new(),
            descriptors,
            printed: Vec::new(),
            second: None,
        }
    }

    /// The second name of the call that [`Self::step`] saw last.
    pub(super) fn second(&mut self) -> Option<Vec<u8>> {
        self.second.take()
    }

    /// The first name that a call said.
    pub(super) fn step(&mut self, step: &Step<'_>, world: &World) -> Option<Vec<u8>> {
        self.second = None;
        let call = step.syscall?;
        let mut places = call
            .args()
            .iter()
            .enumerate()
            .filter(|(_, role)| **role == Role::Path)
            .map(|(at, _)| at);
        let (first, second) = (places.next()?, places.next());
        let mut printed = std::mem::take(&mut self.printed);
        printed.clear();
        let args = match step.args {
            StepArgs::Text(text) => split_args(text),
            StepArgs::Call(..) => {
                step.args.print(&mut printed);
                split_args(&printed)
            }
        };
        let one = self.name(step, &args, first, call.args(), world);
        self.second = second.and_then(|at| self.name(step, &args, at, call.args(), world));
        self.printed = printed;
        self.change_directory(step, world);
        one
    }

    fn name(
        &self,
        step: &Step<'_>,
        args: &[&[u8]],
        place: usize,
        roles: &[Role],
        world: &World,
    ) -> Option<Vec<u8>> {
        let mut name = Vec::new();
        if text::string(args.get(place)?, &mut name) != Some(true) || name.is_empty() {
            return None;
        }
        if name.starts_with(b"/") {
            return Some(absolute(b"", &name));
        }
        let dirfd = place
            .checked_sub(1)
            .filter(|before| roles.get(*before) == Some(&Role::DirFd))
            .and_then(|before| text::fd(args.get(before)?));
        let base = match dirfd {
            Some(dirfd) if dirfd.fd.0 != AT_FDCWD => {
                self.folder_of(step.process, dirfd.fd, step.time_ns, world)?
            }
            _ => self.cwd_of(step.process, world),
        };
        (!base.is_empty()).then(|| absolute(&base, &name))
    }

    fn folder_of(
        &self,
        process: ProcessId,
        fd: Fd,
        time_ns: i64,
        world: &World,
    ) -> Option<Vec<u8>> {
        let lives = self.descriptors.get(&(process, fd))?;
        let session = lives
            .iter()
            .find(|(opened, closed, _)| {
                *opened <= time_ns && closed.is_none_or(|closed| time_ns <= closed)
            })?
            .2;
        let resource = world.resource(world.session(session)?.resource)?;
        resource
            .name
            .starts_with(b"/")
            .then(|| resource.name.clone())
    }

    fn cwd_of(&self, process: ProcessId, world: &World) -> Vec<u8> {
        if let Some(cwd) = self.cwd.get(&process) {
            return cwd.clone();
        }
        let known = world.process(process).map(|process| {
            let image = process.images.first().map_or(&[][..], |image| &image.cwd);
            if process.cwd.is_empty() {
                image
            } else {
                &process.cwd
            }
        });
        known
            .filter(|cwd| !cwd.is_empty())
            .map_or_else(|| self.run_cwd.clone(), <[u8]>::to_vec)
    }

    fn change_directory(&mut self, step: &Step<'_>, world: &World) {
        let target = step
            .touch
            .filter(|touch| touch.action == Action::ChangeDirectory)
            .and_then(|touch| world.resource(touch.resource?));
        if let Some(target) = target {
            self.cwd.insert(step.process, target.name.clone());
        }
    }
}
