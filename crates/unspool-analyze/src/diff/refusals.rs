//! What others hold or what there is no room for: locks, processes that could not be started.

use super::finding::{Finding, FindingKind};
use super::phrases::{say, times, who};
use super::profile::Failures;
use super::resources::Place;
use super::words::{errno_words, failure_text};

/// Weight of a process that could not be started.
const NO_PROCESS: f64 = 4.6;

/// Least that a refusal weighs to be why something is not there.
const REFUSED_MIN: f64 = 2.0;

/// Whether a call starts a process or thread.
pub(super) fn is_start(call: &str) -> bool {
    matches!(call, "fork" | "vfork" | "clone" | "clone3")
}

/// Whether a folder was to be made that is there: `mkdir -p` asks so whether it is.
pub(super) fn is_folder_there(failures: &Failures) -> bool {
    failures.errno == EEXIST && failures.call.starts_with("mkdir")
}

/// Whether the effect is that a file is looked for in vain which nobody could put there: it, or a folder above it, was refused.
pub(super) fn is_never_made(cause: &Finding, effect: &Finding) -> bool {
    let rest = effect.subject.strip_prefix(cause.subject.as_slice());
    cause.kind == FindingKind::Error
        && cause.before == b"no such failure"
        && cause.score >= REFUSED_MIN
        && effect.kind == FindingKind::FileMissing
        && effect.before != b"there"
        && cause.at_ns <= effect.at_ns
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

const EEXIST: unspool_model::event::Errno = unspool_model::event::Errno(17);

impl Place<'_, '_> {
    pub(super) fn lock(&self, failures: &Failures) -> Finding {
        let name = self.name();
        Finding::new(FindingKind::Lock, 3.4, &name)
            .values(
                "not locked",
                format!("locked by another process {}", times(failures.count)),
            )
            .at(failures.first_ns, Some(failures.first_seq))
            .of(self.role, Some(self.key))
            .evidence(failure_text(failures, &name))
            .says(say!(
                who(self.joint, self.role),
                format!(" found a lock taken {} on ", times(failures.count)),
                name
            ))
    }

    /// No process or thread could be started: for want of room or by a limit.
    pub(super) fn no_process(&self, failures: &Failures) -> Finding {
        let text = format!(
            "{} ({})",
            errno_words(failures.errno),
            times(failures.count)
        );
        Finding::new(
            FindingKind::Error,
            NO_PROCESS,
            &say!("call ", failures.call),
        )
        .values("no such failure", text)
        .at(failures.first_ns, Some(failures.first_seq))
        .of(self.role, Some(self.key))
        .evidence(format!(
            "{} failed {} with {}",
            failures.call,
            times(failures.count),
            failures.errno
        ))
        .says(say!(
            who(self.joint, self.role),
            format!(
                " could not start a process or thread: {} ({})",
                failures.errno,
                times(failures.count)
            )
        ))
    }
}
