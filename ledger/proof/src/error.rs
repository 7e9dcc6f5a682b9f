//! Why a bundle does not verify. No message holds a value that was opened.

use grantbook_compliance::{CommitmentError, VerifyError};
use grantbook_record::EntryError;
use grantbook_tlog::{CheckpointError, VerifyError as TreeError};

use crate::statement::Statement;

/// What is wrong with a bundle: the first check that fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Larger than a bundle may be.
    #[error("bundle of {got} bytes, expected at most {}", crate::bundle::BUNDLE_BYTES_MAX)]
    TooLarge {
        /// Its bytes.
        got: usize,
    },
    /// The bytes end within a field.
    #[error("bundle ends at byte {at}, expected {field}")]
    Truncated {
        /// Where the field begins.
        at: usize,
        /// Which field.
        field: &'static str,
    },
    /// Bytes follow the close.
    #[error("expected the end of the bundle at byte {at}, got more")]
    Leftover {
        /// Where it should end.
        at: usize,
    },
    /// A field has a value that it may not have.
    #[error("field {field}: expected {expected}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// The bundle does not go on where the one before ended.
    #[error("chain: expected {expected}")]
    Chain {
        /// What the verifier kept.
        expected: &'static str,
    },
    /// The entries do not lead to the roots.
    #[error("expected the root of {which}, the bundle leads to another")]
    Root {
        /// `start` or `end`.
        which: &'static str,
    },
    /// The bytes of an entry are not an entry.
    #[error("leaf {leaf}: {source}")]
    Entry {
        /// Its leaf index.
        leaf: u64,
        /// What is wrong.
        source: EntryError,
    },
    /// An entry is of another day.
    #[error("leaf {leaf}: entry of day {got}, expected {expected}")]
    EntryDay {
        /// Its leaf index.
        leaf: u64,
        /// The bundle's day.
        expected: u16,
        /// The entry's day.
        got: u16,
    },
    /// A commitment of an entry is none.
    #[error("leaf {leaf}: {source}")]
    Commitment {
        /// The entry's leaf index.
        leaf: u64,
        /// What is wrong.
        source: CommitmentError,
    },
    /// A link does not open as it must.
    #[error("leaf {leaf}: link: expected {expected}")]
    Link {
        /// The entry's leaf index.
        leaf: u64,
        /// What it must open to.
        expected: &'static str,
    },
    /// An entry names one that its kind cannot name.
    #[error("leaf {leaf}: expected the entry to name {expected}")]
    Names {
        /// The entry's leaf index.
        leaf: u64,
        /// What it must name.
        expected: &'static str,
    },
    /// A group is not as it must be.
    #[error("leaf {leaf}: group: expected {expected}")]
    Group {
        /// Leaf index of the entry that shows it.
        leaf: u64,
        /// What it must be.
        expected: &'static str,
    },
    /// An exception that may not be made.
    #[error("exception of leaf {leaf} from {statement}: expected {expected}")]
    Exception {
        /// The entry's leaf index.
        leaf: u64,
        /// The statement.
        statement: Statement,
        /// What must hold.
        expected: &'static str,
    },
    /// A disclosure that cannot be.
    #[error("leaf {leaf}: disclosure for {statement}: expected {expected}")]
    Disclosure {
        /// The entry's leaf index.
        leaf: u64,
        /// The statement.
        statement: Statement,
        /// What it must be.
        expected: &'static str,
    },
    /// The close's checkpoint is not the log's.
    #[error("close: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The close's checkpoint lacks the witnesses that the verifier asks for.
    #[error("close: expected the quorum's cosignatures, got too few")]
    Unwitnessed,
    /// The close's proofs do not lead to its checkpoint.
    #[error("close: {0}")]
    Tree(#[from] TreeError),
    /// The close does not show that the day was over.
    #[error("close: expected {expected}")]
    DayNotOver {
        /// What would show it.
        expected: &'static str,
    },
    /// A statement is not proved.
    #[error("{statement}: {source}")]
    Statement {
        /// Which.
        statement: Statement,
        /// Why.
        source: VerifyError,
    },
}

impl ProofError {
    /// The word by which vectors name the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Truncated { .. } => "truncated",
            Self::Leftover { .. } => "leftover",
            Self::Field { .. } => "field",
            Self::Chain { .. } => "chain",
            Self::Root { .. } => "root",
            Self::Entry { .. } => "entry",
            Self::EntryDay { .. } => "entry_day",
            Self::Commitment { .. } => "commitment",
            Self::Link { .. } => "link",
            Self::Names { .. } => "names",
            Self::Group { .. } => "group",
            Self::Exception { .. } => "exception",
            Self::Disclosure { .. } => "disclosure",
            Self::Checkpoint(_) => "checkpoint",
            Self::Unwitnessed => "unwitnessed",
            Self::Tree(_) => "tree",
            Self::DayNotOver { .. } => "day_not_over",
            Self::Statement { .. } => "statement",
        }
    }
}
