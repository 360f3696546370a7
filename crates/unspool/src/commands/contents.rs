//! Describes the files of a run on their way into its tables: what a job read is known by more than its name.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use unspool_model::sample::Sample;
use unspool_model::step::{Action, Step, StepSink};
use unspool_model::world::{
    Access, Descriptor, Link, Process, Resource, ResourceKind, Session, World,
};
use unspool_record::contents::Contents;

/// Hands everything on, resources with their content.
pub(crate) struct Described<'s, S> {
    sink: &'s mut S,
    contents: Option<Contents>,
}

impl<'s, S: StepSink> Described<'s, S> {
    /// `contents` is `None` where paths of the run may be other files here.
    pub(crate) fn new(sink: &'s mut S, contents: Option<Contents>) -> Self {
        Self { sink, contents }
    }
}

/// Whether names may stand for other files from here on: another root, another mount namespace, something mounted.
fn moves_names(step: &Step<'_>) -> bool {
    let touches = step
        .touch
        .is_some_and(|touch| matches!(touch.action, Action::Mount | Action::ChangeRoot));
    let named = matches!(step.name, b"unshare" | b"setns" | b"pivot_root" | b"chroot");
    (touches || named) && step.outcome.failed().is_none()
}

impl<S: StepSink> StepSink for Described<'_, S> {
    fn step(&mut self, step: &Step<'_>, world: &World) {
        if self.contents.is_some() && moves_names(step) {
            self.contents = None;
        }
        self.sink.step(step, world);
    }

    fn process(&mut self, process: &Process) {
        self.sink.process(process);
    }

    fn session(&mut self, session: &Session) {
        self.sink.session(session);
    }

    fn descriptor(&mut self, descriptor: &Descriptor) {
        self.sink.descriptor(descriptor);
    }

    fn access(&mut self, access: &Access) {
        self.sink.access(access);
    }

    fn link(&mut self, link: &Link) {
        self.sink.link(link);
    }

    fn sample(&mut self, sample: &Sample) {
        self.sink.sample(sample);
    }

    fn resource(&mut self, resource: &Resource) {
        let is_input = matches!(resource.kind, ResourceKind::File | ResourceKind::Unknown)
            && !resource.created
            && !resource.modified;
        let content = match &mut self.contents {
            Some(contents) if is_input => contents.of(Path::new(OsStr::from_bytes(&resource.name))),
            _ => None,
        };
        if content.is_none() {
            return self.sink.resource(resource);
        }
        let mut described = resource.clone();
        described.content = content;
        self.sink.resource(&described);
    }
}
