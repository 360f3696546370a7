//! Names that survive between days: what differs from run to run in paths, arguments and addresses becomes a placeholder.
//!
//! The grammar is small and fixed ([`Rule`] lists it), the user may add patterns ([`pattern`]), and what no grammar knows
//! is learnt from two sets of names ([`learn`]). The same input gives the same output, and normalising twice is
//! normalising once: placeholders are `<...>` and are never looked into.

mod anchor;
mod dates;
pub mod hashes;
pub mod learn;
mod months;
pub mod pattern;
mod scan;
#[cfg(test)]
mod tests;

pub use anchor::{Anchor, DateCount, days_of};
pub use hashes::Hashes;
pub use pattern::{Pattern, PatternError};

/// What a run is, as far as its names depend on it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Context {
    /// Day that dates are relative to, in days since 1970-01-01.
    pub anchor_days: Option<i64>,
    /// Start of the run in nanoseconds since the epoch, when its clock tells.
    pub start_ns: Option<i64>,
    /// Home folder; empty when unknown.
    pub home: Vec<u8>,
    /// Working directory of the first process; empty when unknown.
    pub cwd: Vec<u8>,
    /// Folder of temporary files, beside the usual ones; empty when there is none.
    pub temporary: Vec<u8>,
    /// User name; empty when unknown.
    pub user: Vec<u8>,
    /// Host name; empty when unknown.
    pub host: Vec<u8>,
    /// Numbers of processes and threads, sorted.
    pub pids: Vec<u32>,
    /// Ports that the kernel chose, sorted.
    pub ports: Vec<u16>,
    /// Patterns of the user, the first that matches wins.
    pub patterns: Vec<Pattern>,
    /// Hashes that the names of the run show to be such.
    pub hashes: Hashes,
    /// Last components of names of files that the run made and removed, sorted, and what they are called in every run.
    pub temporary_files: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What a name is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Path of a file that stays.
    Path,
    /// Path of a file that was made and removed within the run.
    TemporaryPath,
    /// Word of a command line, value of a variable.
    Word,
}

/// Which rule changed a part of a name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rule {
    /// Pattern of the user, by its text.
    Pattern(String),
    /// Date near the run's: `<D-1>`.
    Date,
    /// Month near the run's: `<M+0>`.
    Month,
    /// Week of the year near the run's: `<W+0>`.
    Week,
    /// Time of day beside a date.
    TimeOfDay,
    /// Seconds (or parts) since 1970 near the run.
    Epoch,
    /// Universally unique id.
    Uuid,
    /// Long hexadecimal number.
    Hash,
    /// Address in memory.
    Address,
    /// Long decimal number.
    Number,
    /// Random part of a temporary name.
    Temporary,
    /// Number of a process of the run.
    Pid,
    /// Port that the kernel chose.
    Port,
    /// Home folder.
    Home,
    /// Working directory of the run.
    WorkingDirectory,
    /// Folder of temporary files.
    TemporaryFolder,
    /// User name as a whole word.
    User,
    /// Host name.
    Host,
    /// Number behind `pipe:`, `socket:` and the like.
    Inode,
    /// Secret that was scrubbed.
    Secret,
}

impl Rule {
    /// Words for people.
    pub fn name(&self) -> String {
        let name = match self {
            Self::Pattern(text) => return format!("your pattern `{text}`"),
            Self::Date => "date, counted from the run's",
            Self::Month => "month, counted from the run's",
            Self::Week => "week, counted from the run's",
            Self::TimeOfDay => "time of day",
            Self::Epoch => "seconds since 1970",
            Self::Uuid => "unique id",
            Self::Hash => "long hexadecimal number",
            Self::Address => "address in memory",
            Self::Number => "long number",
            Self::Temporary => "random part of a temporary name",
            Self::Pid => "process number of the run",
            Self::Port => "port that the kernel chose",
            Self::Home => "home folder",
            Self::WorkingDirectory => "working directory of the run",
            Self::TemporaryFolder => "folder of temporary files",
            Self::User => "user name",
            Self::Host => "host name",
            Self::Secret => "secret that was scrubbed",
            Self::Inode => "number that the kernel chose",
        };
        name.to_owned()
    }
}

/// A part of a name that was replaced.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Change {
    /// What stood there.
    pub from: Vec<u8>,
    /// What stands there.
    pub to: Vec<u8>,
    /// Why.
    pub rule: Rule,
}

/// A name without what differs from run to run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Normalized {
    /// The name.
    pub text: Vec<u8>,
    /// What was replaced, from left to right.
    pub changes: Vec<Change>,
}

/// Passes after which a name is taken as it is; two are enough for all names that were seen.
const PASSES_MAX: usize = 4;

/// Longest name that is looked into; what is longer is kept as it is.
pub const NAME_LEN_MAX: usize = 16 << 10;

impl Context {
    /// Replaces what differs from run to run.
    pub fn normalize(&self, kind: Kind, name: &[u8]) -> Normalized {
        if name.len() > NAME_LEN_MAX {
            return Normalized {
                text: name.to_vec(),
                changes: Vec::new(),
            };
        }
        if let Some(above) = self.above_cwd(name).filter(|_| kind == Kind::Path) {
            return above;
        }
        let (text, changes) = scan::pass(self, kind, name);
        let mut normalized = Normalized { text, changes };
        if normalized.changes.is_empty() {
            return normalized;
        }
        // A replaced part may set its neighbour free; another pass sees it.
        for _ in 1..PASSES_MAX {
            let (text, changes) = scan::pass(self, kind, &normalized.text);
            if changes.is_empty() {
                break;
            }
            normalized.text = text;
            normalized.changes.extend(changes);
        }
        normalized
    }

    /// A folder above the working directory of the run, as the way up from there; those next to the root are places of
    /// the machine.
    fn above_cwd(&self, name: &[u8]) -> Option<Normalized> {
        let below = self.cwd.strip_prefix(name)?;
        let depth = |path: &[u8]| path.split(|byte| *byte == b'/').count() - 1;
        let is_own = name == self.home || name == self.temporary;
        if !below.starts_with(b"/") || below.len() < 2 || depth(name) < 2 || is_own {
            return None;
        }
        let text = [&b"<CWD>"[..], &b"/..".repeat(depth(below))].concat();
        let change = Change {
            from: name.to_vec(),
            to: text.clone(),
            rule: Rule::WorkingDirectory,
        };
        Some(Normalized {
            text,
            changes: vec![change],
        })
    }

    /// The port of an address as a role: itself, or `<PORT>` when the kernel chose it.
    pub fn port(&self, port: u16) -> Vec<u8> {
        if port >= EPHEMERAL_PORT_MIN || self.ports.binary_search(&port).is_ok() {
            b"<PORT>".to_vec()
        } else {
            port.to_string().into_bytes()
        }
    }

    /// An address `HOST:PORT` as a role.
    pub fn address(&self, address: &[u8]) -> Vec<u8> {
        let split = address.iter().rposition(|byte| *byte == b':');
        let port = split.and_then(|at| {
            std::str::from_utf8(address.get(at + 1..)?)
                .ok()?
                .parse::<u16>()
                .ok()
        });
        let (Some(at), Some(port)) = (split, port) else {
            return self.normalize(Kind::Path, address).text;
        };
        let mut role = address.get(..=at).unwrap_or_default().to_vec();
        role.extend_from_slice(&self.port(port));
        role
    }
}

/// First port that Linux hands out by itself (`net.ipv4.ip_local_port_range` of an untouched kernel).
pub const EPHEMERAL_PORT_MIN: u16 = 32_768;
