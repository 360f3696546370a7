//! Policies that can be asked: would this one have broken that run, and where?

use std::collections::HashMap;

use unspool_model::ids::ResourceId;
use unspool_model::step::Step;
use unspool_model::world::{Resource, ResourceKind, World};

use crate::host::Host;
use crate::needs::{Need, Needs};
use crate::rights::Rights;
use crate::text::{parent, shown};

/// Why a policy file cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyError {
    /// What is wrong with it.
    pub message: String,
}

impl std::fmt::Display for PolicyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PolicyError {}

/// From what is wrong.
pub(crate) fn wrong(message: impl Into<String>) -> PolicyError {
    PolicyError {
        message: message.into(),
    }
}

/// A file need with the name that policies know.
#[derive(Clone, Copy, Debug)]
pub struct FileNeed<'a> {
    /// Path; links followed, its own only where the file behind it is meant, not the name.
    pub path: &'a [u8],
    /// The folder that the name is in.
    pub folder: &'a [u8],
    /// What was done.
    pub rights: Rights,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// A policy that judges needs.
pub trait Judge: std::fmt::Debug {
    /// Why the policy refuses this; `None` when it allows it, or says nothing about such things.
    fn refuses(&self, need: &Need) -> Option<String>;
    /// The same for a file.
    fn refuses_file(&self, file: &FileNeed<'_>) -> Option<String>;
    /// The same for calls of an architecture, as manifests name it.
    fn refuses_architecture(&self, _architecture: &str) -> Option<String> {
        None
    }
    /// What the policy file says that cannot be judged.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Something that the policy would have refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Number of the event.
    pub seq: u64,
    /// Time of the event.
    pub time_ns: i64,
    /// Process.
    pub pid: u32,
    /// Call, as named in the recording.
    pub call: String,
    /// Path, when it is about a file; shown form.
    pub path: Option<String>,
    /// Why it is refused.
    pub why: String,
}

/// Asks a policy about every step of a run.
#[derive(Debug)]
pub struct Checker<'p> {
    policy: &'p dyn Judge,
    host: &'p Host,
    needs: Needs,
    /// Names without links, and whether they are of folders, of what was asked about.
    real: HashMap<ResourceId, Names>,
    /// The first violations, one for each call and reason.
    pub violations: Vec<Violation>,
    /// How many steps would have been refused.
    pub refused: u64,
    /// How many steps were asked about.
    pub asked: u64,
    /// Architectures of which every call would have been refused, with the reason: no recording says which calls these are.
    pub architectures: Vec<(String, String)>,
}

/// Violations that are kept.
const VIOLATIONS_MAX: usize = 1000;

impl<'p> Checker<'p> {
    /// A checker that has asked nothing.
    pub fn new(policy: &'p dyn Judge, host: &'p Host) -> Self {
        Self {
            policy,
            host,
            needs: Needs::default(),
            real: HashMap::new(),
            violations: Vec::new(),
            refused: 0,
            asked: 0,
            architectures: Vec::new(),
        }
    }

    /// Asks about the architectures that the run made calls by.
    pub fn ask_architectures(&mut self, names: &[String]) {
        for name in names {
            if let Some(why) = self.policy.refuses_architecture(name) {
                self.architectures.push((name.clone(), why));
            }
        }
    }

    /// Whether the policy would have broken the run.
    pub fn is_broken(&self) -> bool {
        self.refused > 0 || !self.architectures.is_empty()
    }

    /// Asks about one step.
    pub fn step(&mut self, step: &Step<'_>, world: &World) {
        let mut needs = std::mem::take(&mut self.needs);
        let mut refused = false;
        let found = needs.of(step, world);
        self.asked += u64::from(!found.is_empty());
        for need in found {
            let (why, path) = match need {
                Need::File {
                    resource, rights, ..
                } => {
                    let id = *resource;
                    let Some(resource) = world.resource(id) else {
                        continue;
                    };
                    let host = self.host;
                    let names = self
                        .real
                        .entry(id)
                        .or_insert_with(|| names_of(host, resource));
                    let about_name = rights.intersects(Rights::NAMES);
                    let file = FileNeed {
                        path: if about_name {
                            &names.own
                        } else {
                            &names.followed
                        },
                        folder: parent(&names.own),
                        rights: *rights,
                        is_folder: names.is_folder,
                    };
                    (self.policy.refuses_file(&file), Some(shown(&resource.name)))
                }
                need => (self.policy.refuses(need), None),
            };
            let Some(why) = why else { continue };
            refused = true;
            self.keep(step, path, why);
        }
        self.refused += u64::from(refused);
        self.needs = needs;
    }

    fn keep(&mut self, step: &Step<'_>, path: Option<String>, why: String) {
        let call = shown(step.name);
        let is_known = self
            .violations
            .iter()
            .any(|known| known.call == call && known.why == why && known.path == path);
        if is_known || self.violations.len() >= VIOLATIONS_MAX {
            return;
        }
        self.violations.push(Violation {
            seq: step.seq,
            time_ns: step.time_ns,
            pid: step.pid.0,
            call,
            path,
            why,
        });
    }
}

/// Names of a file as rules know them.
#[derive(Clone, Debug)]
struct Names {
    own: Vec<u8>,
    followed: Vec<u8>,
    is_folder: bool,
}

fn names_of(host: &Host, resource: &Resource) -> Names {
    let own = host.own_name(&resource.name);
    Names {
        followed: host
            .route(&resource.name)
            .end
            .unwrap_or_else(|| own.clone()),
        is_folder: resource.kind == ResourceKind::Directory || host.is_folder(&resource.name),
        own,
    }
}
