//! Failures as the user sees them: what failed and why, then what to do; and the exit status that says so.

use std::fmt;

use unspool_store::StoreError;

/// Exit statuses of unspool itself; `record` gives the command's own otherwise.
pub(crate) mod status {
    /// The answer is no: `import --strict` found a doubt.
    pub(crate) const NO: u8 = 1;
    /// The command line is wrong.
    pub(crate) const USAGE: u8 = 2;
    /// The input is bad: no such run, a file that cannot be read.
    pub(crate) const INPUT: u8 = 3;
    /// The recording could not be written (`EX_IOERR` of sysexits.h).
    pub(crate) const WRITE: u8 = 74;
    /// Events were lost (`EX_TEMPFAIL`).
    pub(crate) const LOST: u8 = 75;
    /// The command cannot be executed.
    pub(crate) const NOT_EXECUTABLE: u8 = 126;
    /// There is no such command.
    pub(crate) const NOT_FOUND: u8 = 127;
    /// `record` failed itself.
    pub(crate) const RECORD: u8 = 125;
}

/// A failure with its hint and exit status.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    /// Exit status.
    pub(crate) status: u8,
}

impl Failure {
    /// The command line is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(status::USAGE, message)
    }

    /// The input is bad.
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::new(status::INPUT, message)
    }

    /// Any other.
    pub(crate) fn new(status: u8, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            status,
        }
    }

    /// Of the store.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "fits `map_err` without a closure"
    )]
    pub(crate) fn store(error: StoreError) -> Self {
        let status = match error {
            StoreError::DiskFull { .. }
            | StoreError::FileLimit { .. }
            | StoreError::Stopped { .. } => status::WRITE,
            _ => status::INPUT,
        };
        let failure = Self::new(status, error.to_string());
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    /// Says what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
