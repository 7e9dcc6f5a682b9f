//! Denials: why the gate says no, who says so, and what would mend it.

use std::time::Duration;

use grantbook_plan::decide::{Denial as Decided, Detail};
use grantbook_record::{DenialReason, Jti};

/// The gate says no. Its `Display` is [`Denial::what`], which may be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The reason; an exhaustive list with a documented precedence.
    pub reason: DenialReason,
    /// The grant that came closest to a permit, where one addresses the use.
    pub grant: Option<Jti>,
    /// The fact that failed, for reasons that turn on one.
    pub detail: Option<Detail>,
    /// Who says no.
    pub source: Source,
}

/// Where a denial comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The gate's own replica of the signed feed.
    Replica {
        /// Age of the newest head that it has reached; `None` if it never reached one.
        head_age: Option<Duration>,
    },
    /// The gate itself: its spool, its leases, its facts.
    Gate,
    /// The ledger.
    Ledger,
    /// Nobody: the ledger's answer did not come, or cannot be believed.
    Link(LinkFault),
}

/// Why the ledger's answer did not come or cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkFault {
    /// No connection, or it broke.
    #[error("ledger unreachable, expected an answer over HTTP")]
    Unreachable,
    /// Not in time.
    #[error("no answer by the ledger, expected one within {} ms", deadline.as_millis())]
    Deadline {
        /// The time that it had.
        deadline: Duration,
    },
    /// An HTTP status other than success.
    #[error("answer with status {got}, expected 200")]
    Status {
        /// As came.
        got: u16,
    },
    /// An answer that departs from its schema or is too large.
    #[error("malformed answer, expected {expected}")]
    Answer {
        /// What was expected.
        expected: &'static str,
    },
    /// A receipt that does not verify against the pinned keys, or is about another use.
    #[error("receipt refused, expected {expected}")]
    Receipt {
        /// What was expected.
        expected: &'static str,
    },
    /// The operating system gives no random bytes.
    #[error("no random bytes, expected the operating system to give some")]
    Random,
}

impl LinkFault {
    /// Whether asking again may help.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable | Self::Deadline { .. } => true,
            Self::Status { got } => *got >= 500 || *got == 429,
            Self::Answer { .. } | Self::Receipt { .. } | Self::Random => false,
        }
    }

    fn reason(&self) -> DenialReason {
        if self.is_passing() { DenialReason::Stale } else { DenialReason::EvaluationError }
    }
}

impl Denial {
    /// What is the case, as a sentence without its full stop.
    pub fn what(&self) -> &'static str {
        self.reason.what()
    }

    /// What would mend it.
    pub fn remedy(&self) -> &'static str {
        self.reason.remedy()
    }

    /// The gate itself says no.
    pub(crate) fn by_gate(reason: DenialReason, grant: Option<Jti>) -> Self {
        Self { reason, grant, detail: None, source: Source::Gate }
    }

    pub(crate) fn decided(decided: Decided, source: Source) -> Self {
        let Decided { reason, grant, detail } = decided;
        Self { reason, grant, detail, source }
    }
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.what())
    }
}

impl std::error::Error for Denial {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.source {
            Source::Link(fault) => Some(fault),
            Source::Replica { .. } | Source::Gate | Source::Ledger => None,
        }
    }
}

impl From<LinkFault> for Denial {
    fn from(fault: LinkFault) -> Self {
        Self { reason: fault.reason(), grant: None, detail: None, source: Source::Link(fault) }
    }
}
