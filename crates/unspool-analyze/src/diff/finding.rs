//! One difference, with what it says.

use unspool_model::report::{Cell, Column, Shape, Shown, Unit};

use crate::{column, table};

/// Score from which on a finding means that the runs differ.
pub const ALARM_SCORE: f64 = 1.5;

/// Shape of the rows.
pub const SHAPE: Shape = table("diff", COLUMNS);

const COLUMNS: &[Column] = &[
    column(
        "rank",
        Unit::Number,
        Shown::Always,
        "Place in the list, from 1.",
    ),
    column(
        "kind",
        Unit::Text,
        Shown::Always,
        "What kind of difference.",
    ),
    column(
        "score",
        Unit::Number,
        Shown::Always,
        "How much it matters, in thousandths; from 1500 on the runs count as different.",
    ),
    column(
        "subject",
        Unit::Text,
        Shown::Always,
        "What differs: path, address, command, variable, in full.",
    ),
    column("before", Unit::Text, Shown::Always, "What it was."),
    column("after", Unit::Text, Shown::Always, "What it is."),
    column(
        "evidence",
        Unit::List,
        Shown::Never,
        "Events, commands and names behind it, in full.",
    ),
    column(
        "caused_by",
        Unit::Number,
        Shown::Always,
        "Rank of the finding that explains this one; `null` for a cause.",
    ),
    column(
        "process",
        Unit::Text,
        Shown::Always,
        "Which process: its commands from the first one down.",
    ),
    column(
        "sentence",
        Unit::Text,
        Shown::Always,
        "The same for people.",
    ),
    column(
        "look",
        Unit::Text,
        Shown::Never,
        "A command that shows the place.",
    ),
];

/// What kind of difference.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FindingKind {
    /// A process that no baseline has.
    ProcessNew,
    /// A process that every baseline has.
    ProcessGone,
    /// More or fewer processes.
    ProcessCount,
    /// Another exit status.
    ExitStatus,
    /// Ended by a signal, or got one.
    Signal,
    /// Another program runs.
    Program,
    /// Another argument.
    Argument,
    /// Another environment.
    Environment,
    /// Another working directory.
    WorkingDirectory,
    /// A file that was there is not.
    FileMissing,
    /// A file that no baseline used.
    FileNew,
    /// A file that every baseline used is not used.
    FileGone,
    /// Another file of the same purpose: another day's, another folder's.
    FileOther,
    /// Another version of a library or program.
    Version,
    /// Another content.
    Content,
    /// A call that fails as none did.
    Error,
    /// A connection that no baseline has.
    ConnectionNew,
    /// A connection that every baseline has.
    ConnectionGone,
    /// A connection to another place.
    ConnectionOther,
    /// A connection that fails.
    ConnectionError,
    /// More time in a call.
    Slower,
    /// Time waiting for a lock.
    Lock,
    /// Tried again and again.
    Retry,
    /// More bytes or calls.
    More,
    /// Fewer bytes or calls.
    Less,
    /// The same in another order.
    Order,
    /// A message that no baseline wrote.
    LogNew,
    /// A message that every baseline wrote.
    LogGone,
    /// Everything took longer.
    Machine,
}

impl FindingKind {
    /// Name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProcessNew => "process-new",
            Self::ProcessGone => "process-gone",
            Self::ProcessCount => "process-count",
            Self::ExitStatus => "exit-status",
            Self::Signal => "signal",
            Self::Program => "program",
            Self::Argument => "argument",
            Self::Environment => "environment",
            Self::WorkingDirectory => "working-directory",
            Self::FileMissing => "file-missing",
            Self::FileNew => "file-new",
            Self::FileGone => "file-gone",
            Self::FileOther => "file-other",
            Self::Version => "version",
            Self::Content => "content",
            Self::Error => "error",
            Self::ConnectionNew => "connection-new",
            Self::ConnectionGone => "connection-gone",
            Self::ConnectionOther => "connection-other",
            Self::ConnectionError => "connection-error",
            Self::Slower => "slower",
            Self::Lock => "lock",
            Self::Retry => "retry",
            Self::More => "more",
            Self::Less => "less",
            Self::Order => "order",
            Self::LogNew => "log-new",
            Self::LogGone => "log-gone",
            Self::Machine => "machine",
        }
    }

    /// Whether it can be what a failure shows itself by.
    pub(super) fn is_symptom(self) -> bool {
        matches!(
            self,
            Self::ExitStatus
                | Self::ProcessGone
                | Self::ProcessCount
                | Self::FileGone
                | Self::ConnectionGone
                | Self::Less
                | Self::More
                | Self::Slower
                | Self::FileNew
                | Self::ProcessNew
                | Self::Signal
                | Self::Retry
                | Self::Lock
                | Self::Order
                | Self::LogNew
                | Self::LogGone
        )
    }
}

/// A difference.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// How much it matters.
    pub score: f64,
    /// What differs.
    pub subject: Vec<u8>,
    /// What it was.
    pub before: Vec<u8>,
    /// What it is.
    pub after: Vec<u8>,
    /// What is behind it.
    pub evidence: Vec<Vec<u8>>,
    /// Place in the list of the finding that explains it.
    pub caused_by: Option<usize>,
    /// Commands from the first process down, by `>`.
    pub process: Vec<u8>,
    /// For people.
    pub sentence: Vec<u8>,
    /// Event of the subject that shows it, when there is one.
    pub seq: Option<u64>,
    /// When it happened in the subject; where it would have, for what is gone.
    pub at_ns: i64,
    /// Until when a cause may have come: for what is less, the end of whoever does less.
    pub(super) until_ns: i64,
    pub(super) role: Option<u32>,
    pub(super) key: Option<u32>,
    /// It may be the data of a day, or what an earlier failure made of it.
    pub(super) is_soft: bool,
    /// It stands apart from all others of its family.
    pub(super) is_apart: bool,
    /// Whether it is an amount that the role gives, or one that it takes, where that is known.
    pub(super) gives: Option<bool>,
    /// How many times as much it is as before.
    pub(super) times: Option<f64>,
    /// Time before and in the subject, of what is slower.
    pub(super) times_ns: Option<(i64, i64)>,
}

impl Finding {
    pub(super) fn new(kind: FindingKind, score: f64, subject: &[u8]) -> Self {
        Self {
            kind,
            score,
            subject: subject.to_vec(),
            before: Vec::new(),
            after: Vec::new(),
            evidence: Vec::new(),
            caused_by: None,
            process: Vec::new(),
            sentence: Vec::new(),
            seq: None,
            at_ns: 0,
            until_ns: 0,
            role: None,
            key: None,
            is_soft: false,
            is_apart: false,
            gives: None,
            times: None,
            times_ns: None,
        }
    }

    pub(super) fn values(mut self, before: impl Into<Vec<u8>>, after: impl Into<Vec<u8>>) -> Self {
        self.before = before.into();
        self.after = after.into();
        self
    }

    pub(super) fn at(mut self, at_ns: i64, seq: Option<u64>) -> Self {
        self.at_ns = at_ns;
        self.until_ns = at_ns;
        self.seq = seq;
        self
    }

    pub(super) fn until(mut self, until_ns: i64) -> Self {
        self.until_ns = self.until_ns.max(until_ns);
        self
    }

    pub(super) fn of(mut self, role: u32, key: Option<u32>) -> Self {
        self.role = Some(role);
        self.key = key;
        self
    }

    pub(super) fn evidence(mut self, evidence: impl Into<Vec<u8>>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    pub(super) fn says(mut self, sentence: impl Into<Vec<u8>>) -> Self {
        self.sentence = sentence.into();
        self
    }

    /// The row of the finding at a place of the list.
    pub(super) fn row(&self, place: usize, look: &[u8]) -> Vec<Cell> {
        #[expect(clippy::cast_possible_truncation, reason = "scores are below 100")]
        let score = (self.score * 1000.0).round() as i64;
        let or_null = |text: &[u8]| {
            if text.is_empty() {
                Cell::Null
            } else {
                Cell::text(text)
            }
        };
        vec![
            Cell::int(place + 1),
            Cell::text(self.kind.name().as_bytes()),
            Cell::Int(score),
            Cell::text(&self.subject),
            or_null(&self.before),
            or_null(&self.after),
            Cell::List(self.evidence.iter().map(|line| Cell::text(line)).collect()),
            Cell::int_or_null(self.caused_by.map(|cause| cause + 1)),
            or_null(&self.process),
            Cell::text(&self.sentence),
            or_null(look),
        ]
    }
}
